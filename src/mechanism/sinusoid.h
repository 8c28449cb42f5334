/* SPDX-License-Identifier: MIT */
/*
 * Sinusoidal positions, in the two forms that models use and that cannot stand in for each other.
 */
#ifndef ATTNVIZ_MECHANISM_SINUSOID_H
#define ATTNVIZ_MECHANISM_SINUSOID_H

#include <stdint.h>

enum sinusoid {
	SINUSOID_INTERLEAVED, /* Vaswani et al. 2017: column 2k is sin(p / 10000^(2k/D)), column 2k + 1 the cosine */
	SINUSOID_HALVES,      /* tensor2tensor, Whisper: the sines in the first half, and frequencies 10000^(-k / (D/2 - 1)) */
};

/* `width` columns of position p, which may be negative. */
void sinusoid_row(enum sinusoid form, double position, int64_t width, double *out);

#endif
