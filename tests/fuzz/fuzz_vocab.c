/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "tensor/vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vocab vocab;
	struct err_info info = { 0 };
	if (vocab_parse(&vocab, (const char *)data, size, &info))
		return 0;
	for (int64_t id = -1; id < 64; id++) {
		struct tokens tokens;
		size_t length;
		bool there = vocab_token(&vocab, id, &length) != NULL;
		enum err err = vocab_tokens(&tokens, &vocab, &id, 1, false, NULL);
		if (there != (err == ERR_OK))
			abort();
		tokens_release(&tokens);
	}
	vocab_release(&vocab);
	return 0;
}
