/* SPDX-License-Identifier: MIT */
/*
 * For scripts: `pixels FILE` prints the size of a PNG and a sum over its decoded pixels; `pixels FILE X Y` the colour of one pixel, in hexadecimal;
 * `pixels FILE RRGGBB` the middle and the size of the smallest box around each connected area of that colour, "X Y WIDTHxHEIGHT", from the top;
 * `pixels FILE cells SIZE` the colours of the rectangles that are at least SIZE pixels wide and high, from the top, a line each: areas of one
 * colour that fill their box, but for what is written in them, and do not reach the edge of the picture.
 */
#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *file, const char *reason)
{
	fprintf(stderr, "%s: %s\n", file, reason);
	return EXIT_FAILURE;
}

struct box {
	long left, right, top, bottom;
};

/* Grow the box by the area around (x, y), whose pixels lose the colour. `stack` holds as many places as there are pixels, twice. */
static void take_area(uint32_t *pixel, long width, long height, long x, long y, uint32_t colour, long *stack, struct box *box)
{
	long count = 0;
	pixel[y * width + x] = ~colour;
	stack[count++] = y * width + x;
	while (count > 0) {
		long at = stack[--count];
		x = at % width;
		y = at / width;
		box->left = x < box->left ? x : box->left;
		box->right = x > box->right ? x : box->right;
		box->bottom = y > box->bottom ? y : box->bottom;
		const long next[][2] = { { x - 1, y }, { x + 1, y }, { x, y - 1 }, { x, y + 1 } };
		for (int i = 0; i < 4; i++) {
			long nx = next[i][0], ny = next[i][1];
			if (nx < 0 || ny < 0 || nx >= width || ny >= height || pixel[ny * width + nx] != colour)
				continue;
			pixel[ny * width + nx] = ~colour;
			stack[count++] = ny * width + nx;
		}
	}
}

static int print_areas(const unsigned char *rgba, long width, long height, uint32_t colour)
{
	uint32_t *pixel = malloc((size_t)(width * height) * sizeof *pixel);
	long *stack = malloc((size_t)(width * height) * sizeof *stack);
	if (!pixel || !stack)
		return fail("pixels", "out of memory");
	for (long i = 0; i < width * height; i++)
		pixel[i] = (uint32_t)rgba[4 * i] << 16 | (uint32_t)rgba[4 * i + 1] << 8 | rgba[4 * i + 2];
	for (long i = 0; i < width * height; i++) {
		if (pixel[i] != colour)
			continue;
		struct box box = { i % width, i % width, i / width, i / width };
		take_area(pixel, width, height, i % width, i / width, colour, stack, &box);
		printf("%ld %ld %ldx%ld\n", (box.left + box.right) / 2, (box.top + box.bottom) / 2, box.right - box.left + 1, box.bottom - box.top + 1);
	}
	free(pixel);
	free(stack);
	return EXIT_SUCCESS;
}

static int print_cells(const unsigned char *rgba, long width, long height, long least)
{
	uint32_t *pixel = malloc((size_t)(width * height) * sizeof *pixel);
	long *stack = malloc((size_t)(width * height) * sizeof *stack);
	if (!pixel || !stack)
		return fail("pixels", "out of memory");
	for (long i = 0; i < width * height; i++)
		pixel[i] = (uint32_t)rgba[4 * i] << 16 | (uint32_t)rgba[4 * i + 1] << 8 | rgba[4 * i + 2];
	for (long i = 0; i < width * height; i++) {
		uint32_t colour = pixel[i];
		if (colour >> 24)
			continue;
		struct box box = { i % width, i % width, i / width, i / width };
		take_area(pixel, width, height, i % width, i / width, colour, stack, &box);
		long across = box.right - box.left + 1, down = box.bottom - box.top + 1;
		if (across < least || down < least || box.left == 0 || box.top == 0 || box.right == width - 1 || box.bottom == height - 1)
			continue;
		long filled = 0;
		for (long k = 0; k < across * down; k++)
			filled += pixel[(box.top + k / across) * width + box.left + k % across] == (uint32_t)~colour;
		if (filled * 10 > across * down * 6)
			printf("%06x %ldx%ld\n", (unsigned)colour, across, down);
	}
	free(pixel);
	free(stack);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	if (argc < 2 || argc > 4)
		return fail("pixels", "wants FILE [X Y], FILE RRGGBB, or FILE cells SIZE");
	if (!png_image_begin_read_from_file(&image, argv[1]))
		return fail(argv[1], image.message);
	image.format = PNG_FORMAT_RGBA;
	unsigned char *pixel = malloc(PNG_IMAGE_SIZE(image));
	if (!pixel || !png_image_finish_read(&image, NULL, pixel, 0, NULL))
		return fail(argv[1], pixel ? image.message : "out of memory");
	if (argc == 3) {
		int status = print_areas(pixel, (long)image.width, (long)image.height, (uint32_t)strtoul(argv[2], NULL, 16));
		free(pixel);
		return status;
	}
	if (argc == 4 && strcmp(argv[2], "cells") == 0) {
		int status = print_cells(pixel, (long)image.width, (long)image.height, strtol(argv[3], NULL, 10));
		free(pixel);
		return status;
	}
	if (argc == 4) {
		unsigned long x = strtoul(argv[2], NULL, 10), y = strtoul(argv[3], NULL, 10);
		if (x >= image.width || y >= image.height)
			return fail(argv[1], "no such pixel");
		const unsigned char *at = pixel + 4 * (y * image.width + x);
		printf("%02x%02x%02x\n", at[0], at[1], at[2]);
	} else {
		/* FNV-1a (Fowler, Noll, Vo). */
		uint64_t sum = 14695981039346656037u;
		for (size_t i = 0; i < PNG_IMAGE_SIZE(image); i++)
			sum = (sum ^ pixel[i]) * 1099511628211u;
		printf("%u x %u %016llx\n", image.width, image.height, (unsigned long long)sum);
	}
	free(pixel);
	return EXIT_SUCCESS;
}
