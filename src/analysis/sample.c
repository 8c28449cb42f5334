/* SPDX-License-Identifier: MIT */
#include "analysis/sample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

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

static const double SIDE = 0.025;

/* ln of the number of ways to choose. */
static double ln_choose(double from, double count)
{
	return lgamma(from + 1) - lgamma(count + 1) - lgamma(from - count + 1);
}

/* Probability that of `count` rows at most `having` have what `all` of the population have. Terms fall from `having` down once they are below
 * the mode, and rise before; those that do not matter are left out. */
static double at_most(int64_t having, int64_t count, int64_t all, int64_t population)
{
	double least = fmax(0, (double)(count - (population - all))), k = fmin((double)having, (double)all), n = (double)count;
	double with = (double)all, without = (double)(population - all), sum = 0;
	if (k < least)
		return 0;
	double term = exp(ln_choose(with, k) + ln_choose(without, n - k) - ln_choose((double)population, n));
	if (term == 0 && k * (double)population > n * with)
		return 1;
	for (; k >= least; k--) {
		double before = k * (without - n + k) / ((with - k + 1) * (n - k + 1));
		sum += term;
		if (before < 1 && term < 1e-12 * sum)
			break;
		term *= before;
	}
	return fmin(1, sum);
}

/* The most of `low` .. `high` rows of the population with which at most `having` are not improbable. */
static int64_t most_rows(int64_t having, int64_t count, int64_t low, int64_t high, int64_t population)
{
	while (low < high) {
		int64_t middle = low + (high - low + 1) / 2;
		if (at_most(having, count, middle, population) > SIDE)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

struct interval sample_share(int64_t having, int64_t count, int64_t population)
{
	int64_t least = having, most = population - (count - having), missing = count - having;
	int64_t high = most_rows(having, count, least, most, population);
	int64_t low = population - most_rows(missing, count, population - most, population - least, population);
	return (struct interval){ (double)low / (double)population, (double)high / (double)population };
}

struct bets {
	double *value, *weight; /* shuffled */
	int64_t count, population;
};

/* Would nobody have won much by betting that the mean is above `mean`, or below? Each bet is sized by the spread of the values before. */
static bool is_plausible(const struct bets *bets, double mean)
{
	const double cap = 0.9, stake = log(2 / (2 * SIDE));
	double sum = 0, centre = 0.5, spread = 0.25, above = 1, below = 1;
	for (int64_t i = 0; i < bets->count; i++) {
		double rest = ((double)bets->population * mean - sum) / (double)(bets->population - i);
		if (rest < -1e-9 || rest > 1 + 1e-9)
			return false;
		rest = fmin(1, fmax(0, rest));
		double value = mean + bets->weight[i] * (bets->value[i] - mean), bet = sqrt(2 * stake * (double)(i + 1) / ((double)bets->count * spread));
		above *= 1 + fmin(bet, cap / fmax(rest, 1e-12)) * (value - rest);
		below *= 1 - fmin(bet, cap / fmax(1 - rest, 1e-12)) * (value - rest);
		sum += value;
		centre = (0.5 + sum) / (double)(i + 2);
		spread += (value - centre) * (value - centre);
	}
	return fmax(above, below) < 1 / SIDE;
}

/* The plausible mean that is furthest from `inside` on the way to `outside`. */
static double furthest(const struct bets *bets, double inside, double outside)
{
	enum { HALVINGS = 24 };
	if (is_plausible(bets, outside))
		return outside;
	for (int i = 0; i < HALVINGS; i++) {
		double middle = (inside + outside) / 2;
		if (is_plausible(bets, middle))
			inside = middle;
		else
			outside = middle;
	}
	return outside;
}

static void shuffle(struct bets *bets)
{
	uint64_t state = 0;
	for (int64_t i = bets->count - 1; i > 0; i--) {
		int64_t other = (int64_t)random_below(&state, (uint64_t)(i + 1));
		double value = bets->value[i], weight = bets->weight[i];
		bets->value[i] = bets->value[other];
		bets->weight[i] = bets->weight[other];
		bets->value[other] = value;
		bets->weight[other] = weight;
	}
}

enum err sample_mean(const double *value, const double *weight, int64_t count, int64_t population, struct interval *interval, struct err_info *info)
{
	double *room = mem_array((size_t)count, 2 * sizeof *room), sum = 0, weights = 0;
	struct bets bets = { room, room ? room + count : NULL, count, population };
	if (!room)
		return err_nomem(info, "the sample");
	for (int64_t i = 0; i < count; i++) {
		bets.value[i] = fmin(1, fmax(0, value[i]));
		bets.weight[i] = weight ? weight[i] : 1;
		sum += bets.value[i] * bets.weight[i];
		weights += bets.weight[i];
	}
	double mean = sum / weights;
	*interval = (struct interval){ mean, mean };
	if (count < population) {
		shuffle(&bets);
		interval->low = furthest(&bets, mean, 0);
		interval->high = furthest(&bets, mean, 1);
	}
	free(room);
	return ERR_OK;
}
