/* SPDX-License-Identifier: MIT */
/*
 * For scripts: `difference A.npy B.npy LIMIT` succeeds where two float arrays have the same shape and no element differs by more than LIMIT; it prints the largest
 * difference. NaN equals nothing. Version 1 headers, little-endian float32 and float64 in C order: what the program itself writes, and the dumps. A reader of its own, so
 * that the one that is tested does not vouch for itself.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct array {
	char shape[128];
	size_t count;
	double *value;
};

static void fail(const char *file, const char *reason)
{
	fprintf(stderr, "%s: %s\n", file, reason);
	exit(EXIT_FAILURE);
}

static void read_values(FILE *in, const char *file, size_t size, struct array *array)
{
	for (size_t capacity = 0;; array->count++) {
		unsigned char bytes[8];
		if (fread(bytes, size, 1, in) != 1)
			return;
		if (array->count == capacity) {
			capacity = capacity ? 2 * capacity : 1024;
			array->value = realloc(array->value, capacity * sizeof *array->value);
			if (!array->value)
				fail(file, "out of memory");
		}
		float narrow;
		memcpy(&narrow, bytes, sizeof narrow);
		memcpy(&array->value[array->count], bytes, sizeof bytes);
		if (size == 4)
			array->value[array->count] = (double)narrow;
	}
}

static struct array read_array(const char *file)
{
	struct array array = { 0 };
	unsigned char prefix[10];
	char header[65536] = "";
	FILE *in = fopen(file, "rb");
	if (!in || fread(prefix, sizeof prefix, 1, in) != 1 || memcmp(prefix, "\223NUMPY\1\0", 8) != 0)
		fail(file, "no version 1 .npy");
	if (fread(header, (size_t)(prefix[8] + 256 * prefix[9]), 1, in) != 1 || !strstr(header, "'fortran_order': False"))
		fail(file, "bad header");
	const char *shape = strchr(header, '(');
	size_t size = strstr(header, "<f4") ? 4 : strstr(header, "<f8") ? 8 : 0;
	if (!shape || !size || strcspn(shape, ")") >= sizeof array.shape)
		fail(file, "neither float32 nor float64");
	memcpy(array.shape, shape, strcspn(shape, ")"));
	read_values(in, file, size, &array);
	fclose(in);
	return array;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		fail("difference", "wants A B LIMIT");
	struct array a = read_array(argv[1]), b = read_array(argv[2]);
	if (strcmp(a.shape, b.shape) != 0 || a.count != b.count) {
		fprintf(stderr, "shapes: %s) and %s)\n", a.shape, b.shape);
		return EXIT_FAILURE;
	}
	double largest = 0;
	for (size_t i = 0; i < a.count; i++) {
		double distance = fabs(a.value[i] - b.value[i]);
		largest = distance > largest || isnan(distance) ? distance : largest;
		if (isnan(largest))
			break;
	}
	printf("%g\n", largest);
	free(a.value);
	free(b.value);
	return largest <= strtod(argv[3], NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
