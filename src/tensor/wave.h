/* SPDX-License-Identifier: MIT */
/*
 * Sound as an input: RIFF/WAVE with PCM integers of 8, 16, 24 or 32 bits, or 32-bit floats; little endian, any number of channels.
 *
 * Channels are averaged, samples lie in -1 .. 1. What is allocated is bounded by the file's size; a data chunk that is cut short ends where the file does
 * (recorders that stream write such files).
 */
#ifndef ATTNVIZ_TENSOR_WAVE_H
#define ATTNVIZ_TENSOR_WAVE_H

#include <stdint.h>

#include "base/error.h"

struct wave {
	float *sample; /* [count], owned */
	int64_t count;
	int32_t rate;  /* samples a second */
};

/* "-" is standard input. ERR_FORMAT: not a WAVE file, or a damaged one; ERR_UNSUPPORTED: a codec. */
enum err wave_open(struct wave *wave, const char *file, struct err_info *info);
enum err wave_parse(struct wave *wave, const unsigned char *bytes, uint64_t size, struct err_info *info);
void wave_release(struct wave *wave); /* works on a zeroed struct */

#endif
