/* SPDX-License-Identifier: MIT */
#include "fuzz/fuzz_archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An index of shards begins with a brace; its shards are those of tests/data. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool index = size && data[0] == '{';
	return fuzz_archive(data, size, index ? &reader_safetensors_index : &reader_safetensors);
}
