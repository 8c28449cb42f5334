/* SPDX-License-Identifier: MIT */
#include "fuzz/fuzz_archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_archive(data, size, &reader_llama);
}
