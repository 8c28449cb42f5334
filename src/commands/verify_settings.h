/* SPDX-License-Identifier: MIT */
/*
 * Settings that info --verify-weights tries on the queries and keys of a dump, and how they are typed.
 */
#ifndef ATTNVIZ_COMMANDS_VERIFY_SETTINGS_H
#define ATTNVIZ_COMMANDS_VERIFY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/weights_support.h"
#include "base/strbuf.h"
#include "mechanism/mechanism.h"

/* A value; what args points at is somebody else's. */
struct settings {
	struct mechanism_args args;
	bool tiled; /* query head h reads key head h mod key heads, for which there is no option */
};

/* What the options said, and what is known of the inputs. */
struct settings_given {
	struct settings settings;
	int64_t dim;                    /* of a head */
	int64_t queries, keys, heads, key_heads;
	int64_t *key_length, *key_begin; /* room for one for each batch item, which settings may point at */
	int64_t batches;
};

/* Rotations of models: those of the table come first, and their bases are also tried on a half and a quarter of the dims. */
struct rotation_choice {
	double base; /* 0: the default */
	enum rope_scaling scaling;
	double factor;
	int64_t original_length;
};
extern const struct rotation_choice rotation_choices[];
int rotation_choice_count(void);
void settings_rotate(struct settings *settings, const struct settings_given *given, enum rope_pairing pairing, const struct rotation_choice *choice, int64_t part);

/* Without rotation, normalisation, or biases, and what goes with each. */
void settings_unrotate(struct settings *settings);
void settings_unnormalise(struct settings *settings);
void settings_unbias(struct settings *settings);
bool settings_have_bias(const struct settings *settings);

/* The masks that the zeros in the weights show, in place of those of the options; a mask file stays. */
void settings_mask(struct settings *settings, const struct settings_given *given, const struct supports *supports, const struct support *support);

/* Groups of settings that stand for one thing each, such as the rotation: as many as settings_revert takes back. */
enum { SETTINGS_PARTS = 15 };

/* Part `part` as the options had it; false where it is so already. */
bool settings_revert(struct settings *settings, const struct settings_given *given, int part);

/* The numbers that somebody may have meant by one that was fitted, the likeliest first; the last is the number itself. */
enum { MEANT = 12 };
int settings_meant(double value, int64_t dim, double meant[MEANT]);

/* "--causal --rope half --rope-base 500000", "without --softcap": what to say in place of what was said. */
void settings_describe(const struct settings *settings, const struct settings_given *given, struct strbuf *text);

#endif
