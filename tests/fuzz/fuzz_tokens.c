/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "tensor/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What tokens.h promises of every label. */
static void fuzz_check_labels(const struct tokens *tokens)
{
	for (size_t i = 0; i < tokens->count; i++) {
		if (!tokens->text[i] || !tokens->raw[i] || !utf8_valid(tokens->text[i], strlen(tokens->text[i])))
			abort();
		for (const char *at = tokens->text[i]; *at; at++)
			if ((unsigned char)*at < ' ')
				abort();
	}
}

static void fuzz_words(const struct tokens *tokens)
{
	struct tokens words;
	size_t *word = malloc((tokens->count + 1) * sizeof *word);
	if (word && !tokens_words(tokens, word, &words, NULL)) {
		for (size_t i = 0; i < tokens->count; i++)
			if (word[i] >= words.count || (i && word[i] < word[i - 1]))
				abort();
		fuzz_check_labels(&words);
		tokens_release(&words);
	}
	free(word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const files[] = { "t.txt", "t.json", "-" };
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		struct tokens tokens;
		struct err_info info = { 0 };
		if (tokens_parse(&tokens, (const char *)data, size, files[i], i == 2, &info))
			continue;
		fuzz_check_labels(&tokens);
		fuzz_words(&tokens);
		tokens_release(&tokens);
	}
	return 0;
}
