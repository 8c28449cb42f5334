/* SPDX-License-Identifier: MIT */
/*
 * The mask options: which keys a query may see.
 */
#ifndef ATTNVIZ_COMMANDS_MASKING_H
#define ATTNVIZ_COMMANDS_MASKING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"
#include "commands/roles.h"
#include "mechanism/mechanism.h"

extern const struct option_row masking_rows[];

/* What the options became; mechanism_args points into it. Release after the source. */
struct masking {
	int64_t *key_length, *key_begin, *query_length;
	const struct tensor *mask;
	const char *mask_read; /* the letters that the source read it by; NULL where --layout named them: */
	const struct tensor *slot;
	struct heads heads;
};

/* Fill the mask part of args. The queries and keys settle where --causal without a word is aligned: bottom-right where there are more keys than queries (a
 * KV cache), else top-left; a note says so where the two differ. Files belong to `roles`; do not move *masking
 * afterwards. */
enum err masking_open(struct masking *masking, struct roles *roles, const struct string_list *layout, int64_t queries, int64_t keys,
		      struct mechanism_args *args, struct err_info *info);

/* With the source open: say where the mask was read as one of queries alone, and where it looks like booleans that were stored as floats. */
void masking_note(const struct masking *masking);

/* Leave --window, --chunk, --keep-first and --key-begin out from now on, or take them again. */
void masking_whole_context(bool whole);
/* Was --causal given? An option that hides padding on the left? Any that hides keys? */
/* Windows and chunks do not count now: see masking_whole_context. */
bool masking_is_whole_context(void);
bool masking_is_causal(void);
bool masking_hides_padding(void);
bool masking_hides_later_keys(void); /* the same on the right */
bool masking_given(void);

/* The first option but --causal that hides keys or moves the diagonal, or NULL. */
const char *masking_beyond_causal(void);

void masking_release(struct masking *masking); /* works on a zeroed struct */

#endif
