#include "analysis/sample.h"

#include <math.h>

#include "base/memory.h"

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Uniform in 0 .. below - 1: what would favour the low numbers is drawn again. */
static uint64_t random_below(uint64_t *state, uint64_t below)
{
	uint64_t reject = -below % below, drawn;
	do
		drawn = splitmix64(state);
	while (drawn < reject);
	return drawn % below;
}

static enum err room_for(int64_t population, int64_t count, int64_t **rows, int64_t *taken, struct err_info *info)
{
	*taken = count < population ? count : population;
	*rows = NULL;
	if (count < 1)
		return err_set(info, ERR_USAGE, "at least one row must be chosen, not %lld", (long long)count);
	*rows = mem_array((size_t)*taken, sizeof **rows);
	return *rows ? ERR_OK : err_nomem(info, "the list of rows");
}

enum err sample_rows(int64_t population, int64_t count, uint64_t seed, int64_t **rows, int64_t *taken, struct err_info *info)
{
	enum err err = room_for(population, count, rows, taken, info);
	if (err)
		return err;
	int64_t chosen = 0;
	for (int64_t row = 0; chosen < *taken; row++)
		if (random_below(&seed, (uint64_t)(population - row)) < (uint64_t)(*taken - chosen))
			(*rows)[chosen++] = row;
	return ERR_OK;
}

enum err sample_last(int64_t population, int64_t count, int64_t **rows, int64_t *taken, struct err_info *info)
{
	enum err err = room_for(population, count, rows, taken, info);
	for (int64_t i = 0; i < *taken && !err; i++)
		(*rows)[i] = population - *taken + i;
	return err;
}

double sample_t_quantile(int64_t degrees)
{
	static const double few[] = {
		NAN, 12.706204736174705, 4.302652729749464, 3.182446305284263, 2.7764451051977987, 2.570581835636314
	};
	if (degrees < (int64_t)(sizeof few / sizeof *few))
		return few[degrees > 0 ? degrees : 0];
	const double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z, v = (double)degrees;
	double first = (z3 + z) / 4, second = (5 * z5 + 16 * z3 + 3 * z) / 96,
	       third = (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384;
	return z + (first + (second + third / v) / v) / v;
}
