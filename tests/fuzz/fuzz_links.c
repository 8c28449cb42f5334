/* SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "tensor/links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int base = 0; base <= 1; base++) {
		struct links links;
		struct err_info info = { 0 };
		struct links_format format = { .base = base, .reversed = base == 1 };
		if (links_parse(&links, (const char *)data, size, &format, &info))
			continue;
		for (size_t i = 0; i < links.count; i++)
			link_set_jumps(&links.line[i]);
		links_release(&links);
	}
	return 0;
}
