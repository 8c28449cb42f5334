/*
 * The settings of an attention that a dump does not tell, and people get wrong: what `attnviz info` tries where queries and keys
 * do not give the model's weights.
 */
#ifndef ATTNVIZ_COMMANDS_VERIFY_SETTINGS_H
#define ATTNVIZ_COMMANDS_VERIFY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "mechanism/mechanism.h"

/* One choice from each table; 0: as the options say. */
struct setting {
	int scale, causal, rope, cap;
};

/* The combinations are numbered from 0, "as the options say"; those with fewer changes come first. */
int settings_count(void);
struct setting settings_get(int number);

/* What the options said, for the combinations to change. */
struct settings_given {
	struct mechanism_args args;
	int64_t dim;    /* of a head */
	bool is_square; /* as many keys as queries: both alignments of a causal mask are one */
};

/* The arguments under a setting; false where it repeats another one, or makes no sense here. `fits_scale` is set where the scale
 * is to be fitted: args->scale is then 1. */
bool settings_apply(const struct settings_given *given, const struct setting *setting, struct mechanism_args *args,
		    bool *fits_scale);

/* A fitted factor, rounded to the number that somebody meant: 1, 1/dim, 1/sqrt(dim), dim^-1/4, or a few digits. */
double settings_round_scale(double factor, int64_t dim);

/* "--causal --rope half --rope-base 500000": what to say in place of what was said. `scale` is the factor where it was fitted. */
void settings_describe(const struct settings_given *given, const struct setting *setting, double scale, struct strbuf *text);

#endif
