/* SPDX-License-Identifier: MIT */
/*
 * Words beside the values that they mean, in one table: neither can be moved without the other.
 */
#ifndef ATTNVIZ_BASE_WORD_H
#define ATTNVIZ_BASE_WORD_H

#include <stddef.h>

/* A table of them ends with WORD_END. */
struct word {
	const char *word;
	int value;
};
#define WORD_END { NULL, 0 }

/* The word that means `value`; "" where there is none. */
const char *word_text(const struct word *words, int value);

#endif
