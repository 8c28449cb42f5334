/* SPDX-License-Identifier: MIT */
/*
 * For scripts: `normal FILE SEED LENGTH...` writes normally distributed float32 numbers of that shape as .npy, the same for every machine but for
 * the last digits.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return ((double)(*state >> 11) + 0.5) * 0x1p-53;
}

int main(int argc, char **argv)
{
	char shape[256] = "";
	int64_t count = 1;
	if (argc < 4)
		return EXIT_FAILURE;
	for (int i = 3; i < argc; i++) {
		long length = strtol(argv[i], NULL, 10);
		count *= length;
		snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%ld%s", length, i + 1 < argc ? ", " : argc == 4 ? "," : "");
	}
	FILE *file = fopen(argv[1], "wb");
	if (!file)
		return EXIT_FAILURE;
	char header[512];
	int length = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
	int padded = (length + 11 + 63) / 64 * 64 - 10;
	fprintf(file, "\x93NUMPY%c%c%c%c%-*s\n", 1, 0, padded % 256, padded / 256, padded - 1, header);
	uint64_t state = strtoull(argv[2], NULL, 10) * 2654435761u + 1;
	for (int64_t i = 0; i < count; i++) {
		float value = (float)(sqrt(-2 * log(uniform(&state))) * cos(6.283185307179586 * uniform(&state)));
		fwrite(&value, sizeof value, 1, file);
	}
	return fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
