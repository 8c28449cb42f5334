/* SPDX-License-Identifier: MIT */
#include "analysis/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static double *centred(const double *matrix, int64_t rows, int64_t keys)
{
	double *out = mem_array((size_t)rows, (size_t)keys * sizeof *out);
	for (int64_t key = 0; out && key < keys; key++) {
		double mean = 0;
		for (int64_t row = 0; row < rows; row++)
			mean += matrix[row * keys + key] / (double)rows;
		for (int64_t row = 0; row < rows; row++)
			out[row * keys + key] = matrix[row * keys + key] - mean;
	}
	return out;
}

/* ||X^T Y||_F^2 by way of the rows x rows products: sum_ij (x_i . x_j) (y_i . y_j). */
static double alignment(const double *x, const double *y, int64_t rows, int64_t keys)
{
	double sum = 0;
	for (int64_t i = 0; i < rows; i++)
		for (int64_t j = 0; j < rows; j++) {
			double of_x = 0, of_y = 0;
			for (int64_t key = 0; key < keys; key++) {
				of_x += x[i * keys + key] * x[j * keys + key];
				of_y += y[i * keys + key] * y[j * keys + key];
			}
			sum += of_x * of_y;
		}
	return sum;
}

/* ||X^T X||_F of the centred matrix; 0 where all rows of `a` are one but for what centring rounds. */
static double own_alignment(const double *a, const double *x, int64_t rows, int64_t keys)
{
	const double rounding = 1e-28; /* of squares */
	double square = 0, own = sqrt(alignment(x, x, rows, keys));
	for (int64_t i = 0; i < rows * keys; i++)
		square += a[i] * a[i];
	return own > rounding * square ? own : 0;
}

double difference_cka(const double *a, const double *b, int64_t rows, int64_t keys)
{
	if (rows < 2)
		return NAN;
	double *x = centred(a, rows, keys), *y = centred(b, rows, keys), cka = -1;
	if (x && y) {
		double of_x = own_alignment(a, x, rows, keys), of_y = own_alignment(b, y, rows, keys);
		cka = of_x > 0 && of_y > 0 ? alignment(x, y, rows, keys) / (of_x * of_y) : NAN;
	}
	free(x);
	free(y);
	return cka;
}

/* Rotate rows p and q until they are orthogonal; whether they were not. */
static bool rotate(double *p, double *q, int64_t count)
{
	double alpha = 0, beta = 0, gamma = 0;
	for (int64_t i = 0; i < count; i++) {
		alpha += p[i] * p[i];
		beta += q[i] * q[i];
		gamma += p[i] * q[i];
	}
	if (fabs(gamma) <= 1e-15 * sqrt(alpha * beta) || gamma == 0)
		return false;
	double zeta = (beta - alpha) / (2 * gamma), t = copysign(1, zeta) / (fabs(zeta) + sqrt(1 + zeta * zeta));
	double c = 1 / sqrt(1 + t * t), s = c * t;
	for (int64_t i = 0; i < count; i++) {
		double of_p = p[i];
		p[i] = c * of_p - s * q[i];
		q[i] = s * of_p + c * q[i];
	}
	return true;
}

/* One-sided Jacobi (Hestenes 1958): rows made orthogonal to each other have the singular values as their lengths. */
double difference_effective_rank(const double *a, int64_t rows, int64_t keys)
{
	enum { SWEEPS = 40 };
	if (rows < 1)
		return NAN;
	double *work = mem_array((size_t)rows, (size_t)keys * sizeof *work), sum = 0, entropy = 0;
	if (!work)
		return -1;
	memcpy(work, a, (size_t)(rows * keys) * sizeof *work);
	bool moved = true;
	for (int sweep = 0; sweep < SWEEPS && moved; sweep++) {
		moved = false;
		for (int64_t p = 0; p < rows; p++)
			for (int64_t q = p + 1; q < rows; q++)
				moved |= rotate(work + p * keys, work + q * keys, keys);
	}
	for (int pass = 0; pass < 2; pass++)
		for (int64_t row = 0; row < rows; row++) {
			double square = 0;
			for (int64_t key = 0; key < keys; key++)
				square += work[row * keys + key] * work[row * keys + key];
			double share = pass ? sqrt(square) / sum : 0;
			sum += pass ? 0 : sqrt(square);
			entropy -= share > 0 ? share * log(share) : 0;
		}
	free(work);
	return sum > 0 ? exp(entropy) : NAN;
}
