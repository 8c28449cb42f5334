/* SPDX-License-Identifier: MIT */
#include "mechanism/rope.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/mechanism.h"

static const double PI = 3.14159265358979323846;

enum { ROPE_STRIDE = 256, ROPE_MAX_SPAN = 1 << 24 };

static double or_default(double value, double fallback)
{
	return value > 0 ? value : fallback;
}

static double scaled_base(const struct position_args *args, double base, int64_t dims, int64_t length)
{
	double factor = or_default(args->rope_factor, 1);
	double trained = (double)args->rope_original_length;
	double exponent = dims > 2 ? (double)dims / (double)(dims - 2) : 1;
	if (args->rope_scaling == ROPE_SCALING_NTK)
		return base * pow(factor, exponent);
	if (args->rope_scaling == ROPE_SCALING_DYNAMIC && (double)length > trained)
		return base * pow(factor * (double)length / trained - (factor - 1), exponent);
	return base;
}

static double llama3(const struct position_args *args, double theta)
{
	double factor = or_default(args->rope_factor, 1), trained = (double)args->rope_original_length;
	double low = or_default(args->rope_low, 1), high = or_default(args->rope_high, 4);
	double turns = trained * theta / (2 * PI);
	if (turns < low)
		return theta / factor;
	if (turns > high)
		return theta;
	double blend = (turns - low) / (high - low);
	return (1 - blend) * theta / factor + blend * theta;
}

/* The pair that turns `turns` times within the trained context. */
static double pair_of_turns(double turns, double dims, double base, double trained)
{
	return dims * log(trained / (turns * 2 * PI)) / (2 * log(base));
}

static double yarn(const struct position_args *args, double base, int64_t dims, int64_t pair, double theta)
{
	double factor = or_default(args->rope_factor, 1), trained = (double)args->rope_original_length, r = (double)dims;
	double first = fmax(floor(pair_of_turns(or_default(args->rope_high, 32), r, base, trained)), 0);
	double last = fmin(ceil(pair_of_turns(or_default(args->rope_low, 1), r, base, trained)), r - 1);
	double width = last > first ? last - first : 0.001;
	double ramp = fmin(fmax(((double)pair - first) / width, 0), 1);
	return ramp * theta / factor + (1 - ramp) * theta;
}

static enum err check_scaling(const struct position_args *args, double base, struct err_info *info)
{
	bool needs_length = args->rope_scaling >= ROPE_SCALING_DYNAMIC;
	if (!(base > 1) || !isfinite(base))
		return err_set(info, ERR_USAGE, "the RoPE base is %g: it must be larger than 1", base);
	if (args->rope_scaling != ROPE_SCALING_NONE && !(args->rope_factor > 0))
		return err_set(info, ERR_USAGE, "this RoPE scaling needs its factor: give --rope-factor");
	if (needs_length && args->rope_original_length < 1)
		return err_set(info, ERR_USAGE, "this RoPE scaling needs the context that the model was trained with: give --rope-original-length");
	return ERR_OK;
}

enum err rope_frequencies(const struct position_args *args, int64_t dims, int64_t length, double *frequency, double *multiplier, struct err_info *info)
{
	double base = or_default(args->rope_base, 10000), factor = or_default(args->rope_factor, 1);
	enum err err = check_scaling(args, base, info);
	if (err)
		return err;
	base = scaled_base(args, base, dims, length);
	for (int64_t pair = 0; pair < dims / 2; pair++) {
		double theta = pow(base, -2 * (double)pair / (double)dims);
		switch (args->rope_scaling) {
		case ROPE_SCALING_LINEAR:
			theta /= factor;
			break;
		case ROPE_SCALING_LLAMA3:
			theta = llama3(args, theta);
			break;
		case ROPE_SCALING_YARN:
			theta = yarn(args, base, dims, pair, theta);
			break;
		case ROPE_SCALING_NONE:
		case ROPE_SCALING_NTK:
		case ROPE_SCALING_DYNAMIC:
			break;
		}
		frequency[pair] = theta;
	}
	bool stretched = args->rope_scaling == ROPE_SCALING_YARN && factor > 1;
	*multiplier = or_default(args->rope_attention_factor, stretched ? 0.1 * log(factor) + 1 : 1);
	return ERR_OK;
}

static int64_t floor_div(int64_t value, int64_t divisor)
{
	return value / divisor - (value % divisor < 0);
}

static double *turn_table(const double *frequency, int64_t pairs, int64_t first, int64_t step, int64_t count)
{
	double *table = mem_array((size_t)count, (size_t)pairs * 2 * sizeof *table);
	for (int64_t i = 0; table && i < count; i++)
		for (int64_t pair = 0; pair < pairs; pair++) {
			double angle = (double)(first + i * step) * frequency[pair];
			table[(i * pairs + pair) * 2] = cos(angle);
			table[(i * pairs + pair) * 2 + 1] = sin(angle);
		}
	return table;
}

static enum err check_table(const struct tensor *table, int64_t dims, int64_t batches, int64_t lowest, int64_t highest, struct err_info *info)
{
	char shape[128];
	bool ranked = table->rank == 2 || table->rank == 3;
	int64_t width = ranked ? table->shape[table->rank - 1] : 0, positions = ranked ? table->shape[table->rank - 2] : 0;
	if (width != dims / 2 && width != dims)
		return err_set(info, ERR_SHAPE, "the RoPE table '%s' has shape %s where (positions, %" PRId64 ") or (batch, positions, %" PRId64 ") is expected",
			       table->name, tensor_shape_text(table, shape, sizeof shape), dims / 2, dims / 2);
	if (table->rank == 3 && table->shape[0] != 1 && table->shape[0] != batches)
		return err_set(info, ERR_SHAPE, "the RoPE table '%s' is for %" PRId64 " batches, and there are %" PRId64, table->name, table->shape[0], batches);
	if (lowest < 0 || highest >= positions)
		return err_set(info, ERR_SHAPE, "the RoPE table '%s' holds %" PRId64 " positions from 0 on, and position %" PRId64 " is needed: see --query-offset and --past",
			       table->name, positions, lowest < 0 ? lowest : highest);
	return ERR_OK;
}

static enum err use_tables(struct rope *rope, const struct position_args *args, int64_t batches, int64_t lowest, int64_t highest, struct err_info *info)
{
	const struct tensor *table[] = { args->rope_cos, args->rope_sin };
	for (int i = 0; i < 2; i++) {
		if (!table[i])
			return err_set(info, ERR_USAGE, "RoPE tables come in pairs: give both the cosines and the sines");
		enum err err = check_table(table[i], rope->dims, batches, lowest, highest, info);
		if (err)
			return err;
	}
	rope->cos_table = args->rope_cos;
	rope->sin_table = args->rope_sin;
	return ERR_OK;
}

static enum err find_frequencies(struct rope *rope, const struct position_args *args, int64_t length, struct err_info *info)
{
	int64_t pairs = rope->dims / 2;
	rope->multiplier = or_default(args->rope_attention_factor, 1);
	if (args->inv_freq) {
		enum err err = mechanism_expect_shape(args->inv_freq, "inv_freq", 1, &pairs, info);
		return err ? err : mechanism_numbers(args->inv_freq, &rope->frequency, info);
	}
	rope->frequency = mem_array((size_t)pairs, sizeof *rope->frequency);
	if (!rope->frequency)
		return err_nomem(info, "RoPE frequencies");
	return rope_frequencies(args, rope->dims, length, rope->frequency, &rope->multiplier, info);
}

enum err rope_init(struct rope *rope, const struct position_args *args, int64_t dim, int64_t batches, int64_t lowest, int64_t highest, struct err_info *info)
{
	*rope = (struct rope){ .kind = args->rope, .dims = args->rope_dims ? args->rope_dims : dim };
	if (rope->kind == ROPE_NONE)
		return ERR_OK;
	if (rope->dims < 2 || rope->dims > dim || rope->dims % 2)
		return err_set(info, ERR_SHAPE, "RoPE cannot turn %" PRId64 " of %" PRId64 " dims: it takes an even number of them, see --rope-dims", rope->dims, dim);
	if (args->rope_cos || args->rope_sin)
		return use_tables(rope, args, batches, lowest, highest, info);
	if (highest - lowest >= ROPE_MAX_SPAN)
		return err_set(info, ERR_VALUE, "positions from %" PRId64 " to %" PRId64 " are too far apart for RoPE: at most %d", lowest, highest, ROPE_MAX_SPAN);
	enum err err = find_frequencies(rope, args, highest + 1, info);
	if (!err) {
		int64_t pairs = rope->dims / 2;
		rope->first_coarse = floor_div(lowest, ROPE_STRIDE);
		rope->fine = turn_table(rope->frequency, pairs, 0, 1, ROPE_STRIDE);
		rope->coarse = turn_table(rope->frequency, pairs, rope->first_coarse * ROPE_STRIDE, ROPE_STRIDE,
					  floor_div(highest, ROPE_STRIDE) - rope->first_coarse + 1);
		if (!rope->fine || !rope->coarse)
			err = err_nomem(info, "RoPE tables");
	}
	if (err)
		rope_release(rope);
	return err;
}

void rope_release(struct rope *rope)
{
	free(rope->frequency);
	free(rope->coarse);
	free(rope->fine);
	*rope = (struct rope){ 0 };
}

static double table_entry(const struct tensor *table, enum rope_pairing kind, int64_t dims, int64_t position, int64_t batch, int64_t pair)
{
	int64_t width = table->shape[table->rank - 1];
	int64_t column = width == dims && kind == ROPE_INTERLEAVED ? 2 * pair : pair;
	int64_t row = position;
	if (table->rank == 3)
		row += (table->shape[0] == 1 ? 0 : batch) * table->shape[1];
	return tensor_at(table, row * width + column);
}

static void turn(double cosine, double sine, double *first, double *second)
{
	double x = *first, y = *second;
	*first = x * cosine - y * sine;
	*second = y * cosine + x * sine;
}

void rope_rotate(const struct rope *rope, int64_t position, int64_t batch, double *vector)
{
	if (rope->kind == ROPE_NONE)
		return;
	int64_t pairs = rope->dims / 2, block = floor_div(position, ROPE_STRIDE);
	for (int64_t pair = 0; pair < pairs; pair++) {
		double cosine, sine;
		if (rope->cos_table) {
			cosine = table_entry(rope->cos_table, rope->kind, rope->dims, position, batch, pair);
			sine = table_entry(rope->sin_table, rope->kind, rope->dims, position, batch, pair);
		} else {
			const double *coarse = rope->coarse + ((block - rope->first_coarse) * pairs + pair) * 2;
			const double *fine = rope->fine + ((position - block * ROPE_STRIDE) * pairs + pair) * 2;
			cosine = (coarse[0] * fine[0] - coarse[1] * fine[1]) * rope->multiplier;
			sine = (coarse[0] * fine[1] + coarse[1] * fine[0]) * rope->multiplier;
		}
		bool half = rope->kind == ROPE_HALF;
		turn(cosine, sine, vector + (half ? pair : 2 * pair), vector + (half ? pair + pairs : 2 * pair + 1));
	}
}
