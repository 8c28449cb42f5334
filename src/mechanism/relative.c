/* SPDX-License-Identifier: MIT */
#include "mechanism/relative.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "mechanism/mechanism.h"

/* A curve is stored, so its length must stay far below any text's. */
enum { MAX_REACH = 1 << 20 };

void alibi_slopes(int64_t heads, double *slope)
{
	int64_t power = 1;
	while (power * 2 <= heads)
		power *= 2;
	for (int64_t h = 0; h < power && h < heads; h++)
		slope[h] = exp2(-8 * (double)(h + 1) / (double)power);
	for (int64_t h = power; h < heads; h++)
		slope[h] = exp2(-8 * (double)(2 * (h - power) + 1) / (double)(2 * power));
}

int64_t t5_bucket(int64_t relative, bool two_sided, int64_t buckets, int64_t max_distance)
{
	int64_t side = 0, distance = relative < 0 ? -relative : 0;
	if (two_sided) {
		buckets /= 2;
		side = relative > 0 ? buckets : 0;
		distance = relative < 0 ? -relative : relative;
	}
	int64_t exact = buckets / 2;
	if (distance < exact)
		return side + distance;
	float share = logf((float)distance / (float)exact) / (float)log((double)max_distance / (double)exact);
	int64_t bucket = exact + (int64_t)(share * (float)(buckets - exact));
	return side + (bucket < buckets ? bucket : buckets - 1);
}

static enum err find_slopes(struct relative *relative, const struct position_args *args, double factor, struct err_info *info)
{
	if (args->alibi_slopes) {
		enum err err = mechanism_expect_shape(args->alibi_slopes, "ALiBi slopes", 1, &relative->heads, info);
		if (!err)
			err = mechanism_numbers(args->alibi_slopes, &relative->slope, info);
		if (err)
			return err;
	} else {
		relative->slope = mem_array((size_t)relative->heads, sizeof *relative->slope);
		if (!relative->slope)
			return err_nomem(info, "ALiBi slopes");
		alibi_slopes(relative->heads, relative->slope);
	}
	for (int64_t head = 0; head < relative->heads; head++)
		relative->slope[head] *= factor;
	return ERR_OK;
}

static enum err check_t5(const struct position_args *args, int64_t heads, bool two_sided, int64_t max_distance, struct err_info *info)
{
	const struct tensor *table = args->t5_bias;
	enum err err = mechanism_expect_shape(table, "T5 bias", 2, (int64_t[]){ -1, heads }, info);
	if (err)
		return err;
	int64_t exact = table->shape[0] / (two_sided ? 4 : 2);
	if (exact < 1 || max_distance <= exact || max_distance > MAX_REACH)
		return err_set(info, ERR_VALUE, "%" PRId64 " T5 buckets do not reach to the distance %" PRId64 ": see --t5-max-distance", table->shape[0], max_distance);
	return ERR_OK;
}

static enum err find_curve(struct relative *relative, const struct position_args *args, bool causal, double factor, struct err_info *info)
{
	bool two_sided = args->t5_buckets == T5_BIDIRECTIONAL || (args->t5_buckets == T5_BY_MASK && !causal);
	int64_t reach = args->t5_max_distance ? args->t5_max_distance : 128;
	enum err err = check_t5(args, relative->heads, two_sided, reach, info);
	double *bias = NULL;
	if (!err)
		err = mechanism_numbers(args->t5_bias, &bias, info);
	if (err)
		return err;
	relative->reach = reach;
	relative->curve = mem_array((size_t)relative->heads, (size_t)(2 * reach + 1) * sizeof *relative->curve);
	if (!relative->curve)
		err = err_nomem(info, "the curves of the T5 bias");
	for (int64_t head = 0; !err && head < relative->heads; head++)
		for (int64_t at = -reach; at <= reach; at++) {
			int64_t bucket = t5_bucket(at, two_sided, args->t5_bias->shape[0], reach);
			relative->curve[head * (2 * reach + 1) + reach + at] = bias[bucket * relative->heads + head] * factor;
		}
	free(bias);
	return err;
}

enum err relative_init(struct relative *relative, const struct position_args *args, int64_t heads, bool causal, double factor, struct err_info *info)
{
	*relative = (struct relative){ .heads = heads };
	enum err err = args->alibi || args->alibi_slopes ? find_slopes(relative, args, factor, info) : ERR_OK;
	if (!err && args->t5_bias)
		err = find_curve(relative, args, causal, factor, info);
	if (err)
		relative_release(relative);
	return err;
}

void relative_release(struct relative *relative)
{
	free(relative->slope);
	free(relative->curve);
	*relative = (struct relative){ 0 };
}

bool relative_is_empty(const struct relative *relative)
{
	return !relative->slope && !relative->curve;
}

static int64_t clamp(int64_t value, int64_t reach)
{
	return value < -reach ? -reach : value > reach ? reach : value;
}

double relative_bias(const struct relative *relative, int64_t head, int64_t query_position, int64_t key_position)
{
	int64_t distance = key_position - query_position, reach = relative->reach;
	double bias = 0;
	if (relative->slope)
		bias -= relative->slope[head] * fabs((double)distance);
	if (relative->curve)
		bias += relative->curve[head * (2 * reach + 1) + reach + clamp(distance, reach)];
	return bias;
}

/* Positions are taken relative to the first key: exact in float32 wherever the bias matters. */
static void add_slope(float slope, const int64_t *query_position, int rows, int lanes, const int64_t *key_position, int64_t count, float *tile)
{
	float query[MAX_LANES];
	for (int lane = 0; lane < rows; lane++)
		query[lane] = (float)(query_position[lane] - key_position[0]);
	for (int64_t k = 0; k < count; k++) {
		float key = (float)(key_position[k] - key_position[0]);
		for (int lane = 0; lane < rows; lane++)
			tile[k * lanes + lane] -= slope * fabsf(key - query[lane]);
	}
}

static void span(const int64_t *position, int64_t count, int64_t *lowest, int64_t *highest)
{
	*lowest = *highest = position[0];
	for (int64_t i = 1; i < count; i++) {
		*lowest = position[i] < *lowest ? position[i] : *lowest;
		*highest = position[i] > *highest ? position[i] : *highest;
	}
}

/* Most tiles of a long text lie beyond the reach, where the curve is one number. */
static bool is_flat(const struct relative *relative, const int64_t *query_position, int rows, const int64_t *key_position, int64_t count)
{
	int64_t first_query, last_query, first_key, last_key;
	span(query_position, rows, &first_query, &last_query);
	span(key_position, count, &first_key, &last_key);
	return last_key - first_query <= -relative->reach || first_key - last_query >= relative->reach;
}

static void add_curve(const struct relative *relative, int64_t head, const int64_t *query_position, int rows, int lanes, const int64_t *key_position, int64_t count,
		      double factor, float *tile)
{
	int64_t reach = relative->reach;
	const double *curve = relative->curve + head * (2 * reach + 1) + reach;
	if (is_flat(relative, query_position, rows, key_position, count)) {
		float everywhere = (float)(factor * curve[key_position[0] < query_position[0] ? -reach : reach]);
		for (int64_t i = 0; i < count * lanes; i++)
			tile[i] += everywhere;
		return;
	}
	for (int64_t k = 0; k < count; k++)
		for (int lane = 0; lane < rows; lane++)
			tile[k * lanes + lane] += (float)(factor * curve[clamp(key_position[k] - query_position[lane], reach)]);
}

void relative_add(const struct relative *relative, int64_t head, const int64_t *query_position, int rows, int lanes, const int64_t *key_position, int64_t count,
		  double factor, float *tile)
{
	if (relative->slope)
		add_slope((float)(relative->slope[head] * factor), query_position, rows, lanes, key_position, count, tile);
	if (relative->curve)
		add_curve(relative, head, query_position, rows, lanes, key_position, count, factor, tile);
}
