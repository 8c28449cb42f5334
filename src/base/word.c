/* SPDX-License-Identifier: MIT */
#include "base/word.h"

const char *word_text(const struct word *words, int value)
{
	for (; words->word; words++)
		if (words->value == value)
			return words->word;
	return "";
}
