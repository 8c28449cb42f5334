/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/performer.h"

/* xoshiro256** 1.0 seeded by splitmix64 (Blackman, Vigna 2021, "Scrambled linear pseudorandom number generators"). */
struct generator {
	uint64_t state[4];
	double spare;
	bool has_spare;
};

static uint64_t rotate(uint64_t x, int by)
{
	return (x << by) | (x >> (64 - by));
}

static struct generator generator_seeded(uint64_t seed)
{
	struct generator generator = { .has_spare = false };
	for (int i = 0; i < 4; i++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
		generator.state[i] = z ^ (z >> 31);
	}
	return generator;
}

/* Uniform in (0, 1). */
static double uniform(struct generator *generator)
{
	uint64_t *s = generator->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return ((double)(result >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller. */
static double gaussian(struct generator *generator)
{
	if (generator->has_spare) {
		generator->has_spare = false;
		return generator->spare;
	}
	double radius = sqrt(-2 * log(uniform(generator))), angle = 6.283185307179586477 * uniform(generator);
	generator->spare = radius * sin(angle);
	generator->has_spare = true;
	return radius * cos(angle);
}

static double norm(const double *x, int64_t dim)
{
	double sum = 0;
	for (int64_t i = 0; i < dim; i++)
		sum += x[i] * x[i];
	return sqrt(sum);
}

static void resize(double *x, int64_t dim, double length)
{
	double factor = length / norm(x, dim);
	for (int64_t i = 0; i < dim; i++)
		x[i] *= factor;
}

static void remove_component(double *x, const double *unit, int64_t dim)
{
	double along = 0;
	for (int64_t i = 0; i < dim; i++)
		along += x[i] * unit[i];
	for (int64_t i = 0; i < dim; i++)
		x[i] -= along * unit[i];
}

/* Twice is enough (Kahan, Parlett): once would leave components as large as the row shrank. */
static void orthonormalise(double *block, int64_t rows, int64_t dim)
{
	for (int64_t r = 0; r < rows; r++) {
		for (int pass = 0; pass < 2; pass++)
			for (int64_t before = 0; before < r; before++)
				remove_component(block + r * dim, block + before * dim, dim);
		resize(block + r * dim, dim, 1);
	}
}

enum err performer_draw(const struct performer_draw *draw, double *out, struct err_info *info)
{
	struct generator generator = generator_seeded(draw->seed);
	int64_t dim = draw->dim;
	double *other = mem_array((size_t)dim, sizeof *other);
	if (!other)
		return err_nomem(info, "the random projection");
	for (int64_t i = 0; i < draw->rows * dim; i++)
		out[i] = gaussian(&generator);
	for (int64_t row = 0; draw->orthogonal && row < draw->rows; row += dim)
		orthonormalise(out + row * dim, draw->rows - row < dim ? draw->rows - row : dim, dim);
	for (int64_t row = 0; draw->orthogonal && row < draw->rows; row++) {
		for (int64_t i = 0; i < dim; i++)
			other[i] = gaussian(&generator);
		resize(out + row * dim, dim, draw->fixed_norm ? sqrt((double)dim) : norm(other, dim));
	}
	free(other);
	return ERR_OK;
}
