/* SPDX-License-Identifier: MIT */
/*
 * Rotary position embedding (RoFormer, Su et al. 2021, arXiv 2104.09864): pair k of a vector at position p turns by the angle p theta_k, theta_k = base^(-2k/r).
 *
 * Angles are computed in double: p theta in float32 loses 1e-3 rad at p = 1e5.
 */
#ifndef ATTNVIZ_MECHANISM_ROPE_H
#define ATTNVIZ_MECHANISM_ROPE_H

#include <stdint.h>

#include "base/error.h"
#include "mechanism/position_args.h"

struct rope {
	enum rope_pairing kind;
	int64_t dims;            /* r, even */
	double multiplier;       /* of cos and sin */
	double *frequency;       /* [r/2] */
	double *coarse, *fine;   /* (cos, sin) of multiples of ROPE_STRIDE from first_coarse on, and of 0 .. ROPE_STRIDE - 1: their product turns by any
	                          * position between, so that the tables grow with the square root of the work they save */
	int64_t first_coarse;
	const struct tensor *cos_table, *sin_table; /* in place of frequencies */
};

/*
 * Inverse frequencies theta_k of r = `dims` rotating dims, and what multiplies cos and sin. `length` is the number of positions, which DYNAMIC depends on.
 *
 *   LINEAR   theta / f
 *   NTK      base f^(r/(r-2)) in place of base
 *   DYNAMIC  base (f length / L - (f - 1))^(r/(r-2)) where length exceeds the trained context L (Hugging Face)
 *   LLAMA3   theta / f where the wavelength exceeds L / low, theta where it is below L / high, a linear blend between (Llama 3.1)
 *   YARN     theta / f for pairs that turn less than beta_slow times within L, theta for those that turn more than beta_fast times, a linear ramp over the
 *            pairs between; cos and sin times 0.1 ln f + 1 (Peng et al. 2023, arXiv 2309.00071)
 */
enum err rope_frequencies(const struct position_args *args, int64_t dims, int64_t length, double *frequency, double *multiplier, struct err_info *info);

/* For vectors of `dim`, `batches` of them at positions lowest .. highest. With args->rope ROPE_NONE, rope_rotate does nothing. Tables have a row for each
 * position, (positions, r/2) or (batch, positions, r/2), r in place of r/2 where the angles stand twice; a position that they do not hold is ERR_SHAPE. */
enum err rope_init(struct rope *rope, const struct position_args *args, int64_t dim, int64_t batches, int64_t lowest, int64_t highest, struct err_info *info);
void rope_release(struct rope *rope); /* works on a zeroed struct */

/* Turn a vector in place. `batch` picks the table where each batch has its own. */
void rope_rotate(const struct rope *rope, int64_t position, int64_t batch, double *vector);

#endif
