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

static void scan_row(struct weights_facts *facts, int64_t row, const double *weight, double *column, double *mass)
{
	double sum = 0, exp_sum = 0, low = INFINITY, high = -INFINITY, faintest = INFINITY, even = 1 / (double)facts->keys;
	int64_t last_visible = row + facts->keys - facts->rows;
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
		*mass += fabs(value);
		column[key] += value;
		widen(&low, &high, value);
		faintest = (value != 0 || key <= last_visible) && value < faintest ? value : faintest;
		facts->from_uniform = fmax(facts->from_uniform, fabs(value - even));
		if (key > last_visible)
			note_after(facts, row, key, value);
		if (key > row)
			facts->top_left_share += fabs(value);
	}
	widen(&facts->smallest, &facts->largest, low);
	widen(&facts->smallest, &facts->largest, high);
	if (low == 0 && high == 0) {
		facts->zero_rows++;
		return;
	}
	note_sum(facts, row, sum);
	widen(&facts->exp_sum_low, &facts->exp_sum_high, exp_sum);
	facts->ratio = fmax(facts->ratio, faintest > 0 ? high / faintest : INFINITY);
}

static void finish(struct weights_facts *facts, const double *column, double mass)
{
	facts->after_share = mass > 0 ? facts->after_share / mass : 0;
	facts->top_left_share = mass > 0 ? facts->top_left_share / mass : 0;
	if (facts->largest > LOGARITHM_MAX)
		facts->exp_sum_low = facts->exp_sum_high = NAN;
	for (facts->empty_tail = 0; facts->empty_tail < facts->keys && column[facts->keys - 1 - facts->empty_tail] == 0;)
		facts->empty_tail++;
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
	double unit = weights->tensors[0]->dtype == DTYPE_U8 ? 1 / 255.0 : 1, mass = 0;
	double *row = mem_array((size_t)facts->keys, sizeof *row), *column = mem_zero_array((size_t)facts->keys, sizeof *column);
	enum err err = row && column ? ERR_OK : err_nomem(info, "a row of weights");
	for (int64_t i = 0; i < facts->rows && !err; i++) {
		err = heads_decode_part_f64(weights, layer, batch, head, i, 0, facts->keys, true, row, info);
		for (int64_t key = 0; key < facts->keys && unit != 1; key++)
			row[key] *= unit;
		if (!err)
			scan_row(facts, i, row, column, &mass);
	}
	if (!err)
		finish(facts, column, mass);
	free(row);
	free(column);
	return err;
}
