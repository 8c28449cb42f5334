/* SPDX-License-Identifier: MIT */
/* RIFF/WAVE files, written byte by byte. */
#include "support/suite.h"

#include <string.h>

#include "tensor/wave.h"

static size_t put(unsigned char *to, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (unsigned char)(value >> 8 * i);
	return (size_t)bytes;
}

/* A header for `size` bytes of data; returns its length. */
static size_t header(unsigned char *to, unsigned codec, unsigned channels, unsigned bits, uint32_t size)
{
	size_t at = 0;
	memcpy(to, "RIFF\0\0\0\0WAVEfmt \20\0\0\0", 20);
	at = 20;
	at += put(to + at, codec, 2);
	at += put(to + at, channels, 2);
	at += put(to + at, 16000, 4);
	at += put(to + at, 16000 * channels * bits / 8, 4);
	at += put(to + at, channels * bits / 8, 2);
	at += put(to + at, bits, 2);
	memcpy(to + at, "LIST\3\0\0\0abc\0data", 16); /* an odd chunk is padded */
	at += 16;
	return at + put(to + at, size, 4);
}

START_TEST(channels_of_16_bits_are_averaged)
{
	unsigned char file[256];
	size_t at = header(file, 1, 2, 16, 8);
	at += put(file + at, 0x4000, 2);
	at += put(file + at, 0x4000, 2);
	at += put(file + at, 0x8000, 2);
	at += put(file + at, 0, 2);
	struct wave wave;
	ck_assert_int_eq(wave_parse(&wave, file, at, NULL), ERR_OK);
	ck_assert_int_eq(wave.count, 2);
	ck_assert_int_eq(wave.rate, 16000);
	ck_assert_float_eq(wave.sample[0], 0.5f);
	ck_assert_float_eq(wave.sample[1], -0.5f);
	wave_release(&wave);
}
END_TEST

START_TEST(every_width_reaches_the_same_range)
{
	static const struct { unsigned codec, bits; uint32_t lowest, half; } widths[] = {
		{ 1, 8, 0, 192 }, { 1, 16, 0x8000, 0x4000 }, { 1, 24, 0x800000, 0x400000 }, { 1, 32, 0x80000000, 0x40000000 },
		{ 3, 32, 0xbf800000, 0x3f000000 },
	};
	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
		unsigned char file[256];
		int bytes = (int)widths[i].bits / 8;
		size_t at = header(file, widths[i].codec, 1, widths[i].bits, 2u * widths[i].bits / 8);
		at += put(file + at, widths[i].lowest, bytes);
		at += put(file + at, widths[i].half, bytes);
		struct wave wave;
		ck_assert_int_eq(wave_parse(&wave, file, at, NULL), ERR_OK);
		ck_assert_float_eq(wave.sample[0], -1);
		ck_assert_float_eq(wave.sample[1], 0.5f);
		wave_release(&wave);
	}
}
END_TEST

START_TEST(a_stream_that_was_cut_ends_where_the_file_does)
{
	unsigned char file[256];
	size_t at = header(file, 1, 1, 16, 0xffffffff);
	at += put(file + at, 1, 2);
	struct wave wave;
	ck_assert_int_eq(wave_parse(&wave, file, at, NULL), ERR_OK);
	ck_assert_int_eq(wave.count, 1);
	wave_release(&wave);
}
END_TEST

START_TEST(what_is_no_sound_is_refused)
{
	unsigned char file[256];
	struct wave wave;
	ck_assert_int_eq(wave_parse(&wave, (const unsigned char *)"RIFX", 4, NULL), ERR_FORMAT);
	size_t at = header(file, 1, 1, 16, 2);
	for (size_t size = 0; size < at - 8; size++)
		ck_assert_int_eq(wave_parse(&wave, file, size, NULL), ERR_FORMAT);
	header(file, 85, 1, 16, 2);
	ck_assert_int_eq(wave_parse(&wave, file, at, NULL), ERR_UNSUPPORTED);
	header(file, 1, 0, 16, 2);
	ck_assert_int_eq(wave_parse(&wave, file, at, NULL), ERR_FORMAT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wave");
	TCase *tcase = tcase_create("wave");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, channels_of_16_bits_are_averaged);
	tcase_add_test(tcase, every_width_reaches_the_same_range);
	tcase_add_test(tcase, a_stream_that_was_cut_ends_where_the_file_does);
	tcase_add_test(tcase, what_is_no_sound_is_refused);
	return suite_main(suite);
}
