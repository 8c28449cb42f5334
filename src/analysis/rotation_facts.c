/* SPDX-License-Identifier: MIT */
#include "analysis/rotation_facts.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

enum { TOKENS_MAX = 512, TOKENS_MIN = 32 };

static const double TELLS = 0.3, STANDS_OUT = 1.1;

const struct rotation rotation_list[ROTATIONS] = {
	{ false, 0 }, { false, 10000 }, { true, 10000 }, { false, 500000 }, { true, 500000 }, { false, 1000000 }, { true, 1000000 },
};

/* Sums over positions of the pairs turned back, [rotation][pair] as (real, imaginary). */
static void add_key(double *sum, const double *turn, const double *vector, int64_t pairs)
{
	for (int r = 0; r < ROTATIONS; r++)
		for (int64_t pair = 0; pair < pairs; pair++) {
			const bool interleaved = rotation_list[r].interleaved;
			double x = vector[interleaved ? 2 * pair : pair], y = vector[interleaved ? 2 * pair + 1 : pair + pairs];
			const double *at = turn + 2 * (r * pairs + pair);
			double *to = sum + 2 * (r * pairs + pair);
			to[0] += x * at[0] + y * at[1];
			to[1] += y * at[0] - x * at[1];
		}
}

/* turn = (cos, sin) of position * theta. */
static void set_turn(double *turn, int64_t position, int64_t pairs)
{
	for (int r = 0; r < ROTATIONS; r++)
		for (int64_t pair = 0; pair < pairs; pair++) {
			double theta = rotation_list[r].base > 0 ? pow(rotation_list[r].base, -(double)pair / (double)pairs) : 0;
			turn[2 * (r * pairs + pair)] = cos((double)position * theta);
			turn[2 * (r * pairs + pair) + 1] = sin((double)position * theta);
		}
}

static double square_of(const double *vector, int64_t count)
{
	double square = 0;
	for (int64_t i = 0; i < count; i++)
		square += vector[i] * vector[i];
	return square;
}

enum err rotation_facts_add(const struct heads *keys, int64_t layer, int64_t batch, int64_t head, struct rotation_facts *facts,
			    struct err_info *info)
{
	int64_t dims = keys->size[AXIS_DIM], pairs = dims / 2,
		tokens = keys->size[AXIS_TOKEN] < TOKENS_MAX ? keys->size[AXIS_TOKEN] : TOKENS_MAX;
	if (dims < 2 || dims % 2 || tokens < 1)
		return ERR_OK;
	double *vector = mem_array((size_t)dims, sizeof *vector), *turn = mem_array((size_t)pairs, 2 * ROTATIONS * sizeof *turn),
	       *sum = mem_zero_array((size_t)pairs, 2 * ROTATIONS * sizeof *sum);
	enum err err = vector && turn && sum ? ERR_OK : err_nomem(info, "keys");
	for (int64_t token = 0; token < tokens && !err; token++) {
		err = heads_decode_f64(keys, layer, batch, head, token, 1, true, vector, dims, info);
		double square = err ? NAN : square_of(vector, dims);
		if (!isfinite(square))
			continue;
		set_turn(turn, token, pairs);
		add_key(sum, turn, vector, pairs);
		facts->square += square / (double)tokens;
	}
	for (int r = 0; r < ROTATIONS && !err; r++)
		facts->mean_square[r] += square_of(sum + 2 * r * pairs, 2 * pairs) / ((double)tokens * (double)tokens);
	facts->tokens = tokens > facts->tokens ? tokens : facts->tokens;
	free(vector);
	free(turn);
	free(sum);
	return err;
}

int rotation_facts_find(const struct rotation_facts *facts)
{
	int best = 0;
	if (facts->tokens < TOKENS_MIN || !(facts->square > 0))
		return -1;
	for (int r = 1; r < ROTATIONS; r++)
		best = facts->mean_square[r] > facts->mean_square[best] ? r : best;
	bool stands_out = facts->mean_square[best] > TELLS * facts->square;
	for (int r = 0; r < ROTATIONS; r++) {
		/* Bases that differ turn the fast pairs alike: only no rotation, and the other pairing, must be clearly worse. */
		bool alike = r == best || (rotation_list[best].base > 0 && rotation_list[r].base > 0 &&
					   rotation_list[r].interleaved == rotation_list[best].interleaved);
		stands_out = stands_out && (alike || facts->mean_square[best] > STANDS_OUT * facts->mean_square[r]);
	}
	return stands_out ? best : -1;
}
