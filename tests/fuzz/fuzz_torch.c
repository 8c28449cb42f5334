/* SPDX-License-Identifier: MIT */
#include "fuzz/fuzz_archive.h"
#include "tensor/torch_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_archive(data, size, torch_stream_probe(data, size) ? &reader_torch_stream : &reader_torch);
}
