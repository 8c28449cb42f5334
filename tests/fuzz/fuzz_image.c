/* SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "tensor/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image;
	struct err_info info = { 0 };
	if (image_parse(&image, data, size, &info))
		return 0;
	volatile unsigned sum = 0;
	for (int64_t i = 0; i < 4 * image.width * image.height; i += 61)
		sum = sum + image.rgba[i];
	image_release(&image);
	return 0;
}
