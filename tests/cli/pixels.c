/*
 * For scripts: `pixels FILE` prints the size of a PNG and a sum over its decoded pixels; `pixels FILE X Y` the colour of one pixel, in hexadecimal.
 */
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *file, const char *reason)
{
	fprintf(stderr, "%s: %s\n", file, reason);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	if (argc != 2 && argc != 4)
		return fail("pixels", "wants FILE [X Y]");
	if (!png_image_begin_read_from_file(&image, argv[1]))
		return fail(argv[1], image.message);
	image.format = PNG_FORMAT_RGBA;
	unsigned char *pixel = malloc(PNG_IMAGE_SIZE(image));
	if (!pixel || !png_image_finish_read(&image, NULL, pixel, 0, NULL))
		return fail(argv[1], pixel ? image.message : "out of memory");
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
