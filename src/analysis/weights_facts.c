/* SPDX-License-Identifier: MIT */
#include "analysis/weights_facts.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* Above it no value is the logarithm of a weight, whatever was rounded. */
static const double LOGARITHM_MAX = 1e-6;

static void widen(double *low, double *high, double value)
{
	*low = value < *low ? value : *low;
	*high = value > *high ? value : *high;
}

/* NaN where nothing came in. */
static void close_range(double *low, double *high)
{
	if (*low > *high)
		*low = *high = NAN;
}

static void note_nonfinite(struct weights_facts *facts, int64_t row, int64_t key)
{
	if (facts->nonfinite++ == 0) {
		facts->bad_row = row;
		facts->bad_key = key;
	}
}

static void note_after(struct weights_facts *facts, int64_t row, int64_t key, double weight)
{
	facts->after_share += fabs(weight);
	if (fabs(weight) > facts->after_largest) {
		facts->after_largest = fabs(weight);
		facts->after_row = row;
		facts->after_key = key;
	}
}

static void note_sum(struct weights_facts *facts, int64_t row, double sum)
{
	widen(&facts->row_sum_low, &facts->row_sum_high, sum);
	if (!(fabs(sum - 1) > WEIGHTS_SUM_TOLERANCE + facts->rounding))
		return;
	if (facts->rows_off++ == 0 || fabs(sum - 1) > fabs(facts->worst_sum - 1)) {
		facts->worst_sum = sum;
		facts->worst_row = row;
	}
}

static void add_to_span(struct row_span *span, int64_t row)
{
	if (span->count++ == 0)
		span->first = row;
	span->last = row;
}

/* Sums over the map that rows join one by one. */
struct sums {
	double mass, *column;
	double uniform_after, uniform_top_left, uniform_weight, uniform_largest; /* of rows that may be uniform padding */
	int64_t uniform_row; /* of the largest */
};

static bool holds_nan(const struct weights_facts *facts, const double *weight)
{
	for (int64_t key = 0; key < facts->keys; key++)
		if (isnan(weight[key]))
			return true;
	return false;
}

/* Keys alike, with some after the diagonal that a causal row would not see. */
static bool is_uniform(const struct weights_facts *facts, int64_t row, const double *weight)
{
	bool uniform = row + facts->keys - facts->rows < facts->keys - 1 && isfinite(weight[0]) && weight[0] > 0;
	for (int64_t key = 1; key < facts->keys && uniform; key++)
		uniform = weight[key] == weight[0];
	return uniform;
}

/* What may be padding is put aside until the whole map tells. */
static void put_aside(struct weights_facts *facts, int64_t row, double weight, struct sums *sums)
{
	int64_t last_visible = row + facts->keys - facts->rows;
	add_to_span(&facts->uniform_rows, row);
	sums->uniform_after += (double)(facts->keys - 1 - (last_visible > -1 ? last_visible : -1)) * weight;
	sums->uniform_top_left += (double)(facts->keys > row + 1 ? facts->keys - row - 1 : 0) * weight;
	sums->uniform_weight += weight;
	if (weight > sums->uniform_largest) {
		sums->uniform_largest = weight;
		sums->uniform_row = row;
	}
}

static void scan_row(struct weights_facts *facts, int64_t row, const double *weight, struct sums *sums)
{
	double sum = 0, exp_sum = 0, low = INFINITY, high = -INFINITY, faintest = INFINITY, even = 1 / (double)facts->keys;
	int64_t last_visible = row + facts->keys - facts->rows;
	if (holds_nan(facts, weight)) {
		add_to_span(&facts->nan_rows, row);
		return;
	}
	bool aside = is_uniform(facts, row, weight);
	if (aside)
		put_aside(facts, row, weight[0], sums);
	for (int64_t key = 0; key < facts->keys; key++) {
		double value = weight[key];
		if (value == -INFINITY) {
			facts->hidden++;
			continue;
		}
		if (!isfinite(value)) {
			note_nonfinite(facts, row, key);
			continue;
		}
		sum += value;
		exp_sum += facts->largest > LOGARITHM_MAX || high > LOGARITHM_MAX ? 0 : exp(value);
		sums->mass += fabs(value);
		sums->column[key] += aside ? 0 : value;
		widen(&low, &high, value);
		faintest = (value != 0 || key <= last_visible) && value < faintest ? value : faintest;
		facts->from_uniform = fmax(facts->from_uniform, fabs(value - even));
		if (key > last_visible && !aside)
			note_after(facts, row, key, value);
		if (key > row && !aside)
			facts->top_left_share += fabs(value);
	}
	if (low > high)
		return;
	widen(&facts->smallest, &facts->largest, low);
	widen(&facts->smallest, &facts->largest, high);
	if (low == 0 && high == 0) {
		facts->zero_rows++;
		add_to_span(&facts->zeros, row);
		return;
	}
	note_sum(facts, row, sum);
	widen(&facts->exp_sum_low, &facts->exp_sum_high, exp_sum);
	facts->ratio = fmax(facts->ratio, faintest > 0 ? high / faintest : INFINITY);
}

/* Uniform rows are padding where nothing else lies after the diagonal, and something else is there; otherwise they join the rest. */
static void settle_uniform(struct weights_facts *facts, struct sums *sums)
{
	int64_t others = facts->rows - facts->nan_rows.count - facts->zero_rows - facts->uniform_rows.count;
	if (facts->after_share == 0 && others > 1)
		return;
	facts->after_share += sums->uniform_after;
	facts->top_left_share += sums->uniform_top_left;
	for (int64_t key = 0; key < facts->keys; key++)
		sums->column[key] += sums->uniform_weight;
	if (sums->uniform_largest > facts->after_largest) {
		facts->after_largest = sums->uniform_largest;
		facts->after_row = sums->uniform_row;
		facts->after_key = facts->keys - 1;
	}
	facts->uniform_rows = (struct row_span){ 0 };
}

static void finish(struct weights_facts *facts, struct sums *sums)
{
	const double *column = sums->column;
	settle_uniform(facts, sums);
	facts->after_share = sums->mass > 0 ? facts->after_share / sums->mass : 0;
	facts->top_left_share = sums->mass > 0 ? facts->top_left_share / sums->mass : 0;
	if (facts->largest > LOGARITHM_MAX)
		facts->exp_sum_low = facts->exp_sum_high = NAN;
	for (facts->empty_tail = 0; facts->empty_tail < facts->keys && column[facts->keys - 1 - facts->empty_tail] == 0;)
		facts->empty_tail++;
	for (facts->empty_head = 0; facts->empty_head < facts->keys && column[facts->empty_head] == 0;)
		facts->empty_head++;
	for (int64_t key = 0; key < facts->keys; key++)
		if (column[key] != 0)
			widen(&facts->column_sum_low, &facts->column_sum_high, column[key]);
	close_range(&facts->smallest, &facts->largest);
	close_range(&facts->row_sum_low, &facts->row_sum_high);
	close_range(&facts->exp_sum_low, &facts->exp_sum_high);
	close_range(&facts->column_sum_low, &facts->column_sum_high);
}

/* Half a step for each weight of integers; relative for floats, whose weights sum to one. */
double weights_rounding(enum dtype dtype, int64_t keys)
{
	switch (dtype) {
	case DTYPE_U8: return 0.5 / 255 * (double)keys;
	case DTYPE_F16: return 0x1p-11;
	case DTYPE_BF16: return 0x1p-8;
	case DTYPE_F8_E4M3: return 0x1p-4;
	case DTYPE_F8_E5M2: return 0x1p-3;
	default: return 0;
	}
}

enum err weights_facts_scan(const struct heads *weights, int64_t layer, int64_t batch, int64_t head, struct weights_facts *facts,
			    struct err_info *info)
{
	*facts = (struct weights_facts){
		.rows = weights->size[AXIS_TOKEN], .keys = weights->size[AXIS_DIM],
		.smallest = INFINITY, .largest = -INFINITY, .row_sum_low = INFINITY, .row_sum_high = -INFINITY, .column_sum_low = INFINITY,
		.column_sum_high = -INFINITY, .exp_sum_low = INFINITY, .exp_sum_high = -INFINITY,
	};
	facts->rounding = weights_rounding(weights->tensors[0]->dtype, facts->keys);
	double unit = weights->tensors[0]->dtype == DTYPE_U8 ? 1 / 255.0 : 1;
	double *row = mem_array((size_t)facts->keys, sizeof *row);
	struct sums sums = { .column = mem_zero_array((size_t)facts->keys, sizeof *sums.column) };
	enum err err = row && sums.column ? ERR_OK : err_nomem(info, "a row of weights");
	for (int64_t i = 0; i < facts->rows && !err; i++) {
		err = heads_decode_part_f64(weights, layer, batch, head, i, 0, facts->keys, true, row, info);
		for (int64_t key = 0; key < facts->keys && unit != 1; key++)
			row[key] *= unit;
		if (!err)
			scan_row(facts, i, row, &sums);
	}
	if (!err)
		finish(facts, &sums);
	free(row);
	free(sums.column);
	return err;
}
