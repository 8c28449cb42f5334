/* SPDX-License-Identifier: MIT */
#include "analysis/logit_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Pairs beyond the unknowns below which nothing is told; how finely the bend of a cap is looked for, from products that hardly bend to such that are flat. */
enum { FREEDOM_MIN = 8, BENDS = 24, REFINED = 40 };

static const double BEND_LOW = 0.02, BEND_HIGH = 8, GOLDEN = 0.6180339887498949;

/* Weighted sums of products of two columns, each less its mean in a row. */
struct moments {
	double xx, xy, yy;
};

static void add_row(const struct logit_data *data, const struct logit_row *row, const double *x, const double *y, struct moments *moments)
{
	double weight = 0, x_mean = 0, y_mean = 0;
	for (int64_t i = row->begin; i < row->end; i++) {
		weight += data->trust[i];
		x_mean += data->trust[i] * x[i];
		y_mean += data->trust[i] * y[i];
	}
	if (!(weight > 0))
		return;
	x_mean /= weight;
	y_mean /= weight;
	for (int64_t i = row->begin; i < row->end; i++) {
		moments->xx += data->trust[i] * (x[i] - x_mean) * (x[i] - x_mean);
		moments->xy += data->trust[i] * (x[i] - x_mean) * (y[i] - y_mean);
		moments->yy += data->trust[i] * (y[i] - y_mean) * (y[i] - y_mean);
	}
}

static struct moments moments_of(const struct logit_data *data, const double *x, const double *y)
{
	struct moments moments = { 0 };
	for (int64_t row = 0; row < data->rows; row++)
		add_row(data, &data->row[row], x, y, &moments);
	return moments;
}

static double total_trust(const struct logit_data *data)
{
	double trust = 0;
	for (int64_t row = 0; row < data->rows; row++)
		for (int64_t i = data->row[row].begin; i < data->row[row].end; i++)
			trust += data->trust[i];
	return trust;
}

static int64_t rows_with_pairs(const struct logit_data *data)
{
	int64_t rows = 0;
	for (int64_t row = 0; row < data->rows; row++) {
		bool any = false;
		for (int64_t i = data->row[row].begin; i < data->row[row].end; i++)
			any |= data->trust[i] > 0;
		rows += any;
	}
	return rows;
}

static void finish(const struct logit_data *data, int64_t unknowns, double square_off, double square_explained, struct logit_fit *fit)
{
	double trust = total_trust(data), freedom = trust - (double)rows_with_pairs(data) - (double)unknowns;
	fit->off = freedom >= FREEDOM_MIN ? sqrt(fmax(square_off, 0) / freedom) : INFINITY;
	fit->explained = trust > 0 ? sqrt(square_explained / trust) : 0;
}

static void fit_scale(const struct logit_data *data, struct logit_fit *fit)
{
	struct moments m = moments_of(data, data->product, data->log_weight);
	fit->factor = m.xx > 0 ? m.xy / m.xx : NAN;
	finish(data, 1, m.yy - fit->factor * m.xy, fit->factor * fit->factor * m.xx, fit);
	if (isnan(fit->factor))
		fit->off = INFINITY;
}

/*
 * Soft-cap: for a bend a = f / c the relation s = c tanh(a x) is linear in c, which leaves one unknown to look for.
 */

struct bending {
	const struct logit_data *data;
	double *bent;  /* [pairs] */
	double cap;    /* known; 0: to be fitted */
	double factor; /* what came out with it */
	struct moments moments;
};

static int64_t pairs_of(const struct logit_data *data)
{
	return data->rows ? data->row[data->rows - 1].end : 0;
}

/* The square of what is left with this bend. */
static double left_by(struct bending *bending, double bend)
{
	for (int64_t i = 0; i < pairs_of(bending->data); i++)
		bending->bent[i] = tanh(bend * bending->data->product[i]);
	struct moments *m = &bending->moments;
	*m = moments_of(bending->data, bending->bent, bending->data->log_weight);
	bending->factor = bending->cap > 0 ? bending->cap : m->xx > 0 ? m->xy / m->xx : 0;
	return bending->factor > 0 ? m->yy - 2 * bending->factor * m->xy + bending->factor * bending->factor * m->xx : INFINITY;
}

static double refine(struct bending *bending, double low, double high)
{
	double a = high - GOLDEN * (high - low), b = low + GOLDEN * (high - low);
	double at_a = left_by(bending, exp(a)), at_b = left_by(bending, exp(b));
	for (int i = 0; i < REFINED; i++) {
		if (at_a < at_b) {
			high = b;
			b = a;
			at_b = at_a;
			a = high - GOLDEN * (high - low);
			at_a = left_by(bending, exp(a));
		} else {
			low = a;
			a = b;
			at_a = at_b;
			b = low + GOLDEN * (high - low);
			at_b = left_by(bending, exp(b));
		}
	}
	return (low + high) / 2;
}

static double largest_product(const struct logit_data *data)
{
	double largest = 0;
	for (int64_t i = 0; i < pairs_of(data); i++)
		largest = data->trust[i] > 0 ? fmax(largest, fabs(data->product[i])) : largest;
	return largest;
}

static enum err fit_cap(const struct logit_data *data, double cap, struct logit_fit *fit, struct err_info *info)
{
	struct bending bending = { .data = data, .cap = cap, .bent = mem_array((size_t)pairs_of(data), sizeof *bending.bent) };
	double largest = largest_product(data), low = log(BEND_LOW), step = log(BEND_HIGH / BEND_LOW) / BENDS, least = INFINITY, best = low;
	if (!bending.bent)
		return err_nomem(info, "logits");
	fit->off = INFINITY;
	for (int i = 0; i <= BENDS && largest > 0; i++) {
		double left = left_by(&bending, exp(low + i * step) / largest);
		best = left < least ? low + i * step : best;
		least = fmin(left, least);
	}
	if (isfinite(least)) {
		best = refine(&bending, best - step - log(largest), best + step - log(largest));
		double left = left_by(&bending, exp(best));
		fit->cap = bending.factor;
		fit->factor = bending.factor * exp(best);
		finish(data, cap > 0 ? 1 : 2, left, bending.factor * bending.factor * bending.moments.xx, fit);
	}
	free(bending.bent);
	return ERR_OK;
}

enum err logit_fit_capped(const struct logit_data *data, double cap, struct logit_fit *fit, struct err_info *info)
{
	return fit_cap(data, cap, fit, info);
}

/*
 * Slopes: two unknowns for each series, of which the factor is shared. Eliminating the slopes leaves one equation.
 */

struct sloping {
	double xx, xd, dd, xy, dy, yy;
};

static void slope_moments(const struct logit_data *data, const double *distance, int series, struct sloping *sum)
{
	*sum = (struct sloping){ 0 };
	for (int64_t row = 0; row < data->rows; row++) {
		struct moments m = { 0 }, n = { 0 }, o = { 0 };
		if (data->row[row].series != series)
			continue;
		add_row(data, &data->row[row], data->product, data->log_weight, &m);
		add_row(data, &data->row[row], distance, data->log_weight, &n);
		add_row(data, &data->row[row], data->product, distance, &o);
		sum->xx += m.xx;
		sum->xy += m.xy;
		sum->yy += m.yy;
		sum->dd += n.xx;
		sum->dy += n.xy;
		sum->xd += o.xy;
	}
}

static double *distances_of(const struct logit_data *data)
{
	double *distance = mem_array((size_t)pairs_of(data), sizeof *distance);
	for (int64_t i = 0; distance && i < pairs_of(data); i++)
		distance[i] = -fabs((double)data->distance[i]);
	return distance;
}

static enum err fit_slopes(const struct logit_data *data, struct logit_fit *fit, struct err_info *info)
{
	double *distance = distances_of(data), over = 0, under = 0, off = 0, explained = 0;
	struct sloping *sum = mem_array((size_t)data->series, sizeof *sum);
	if (!distance || !sum) {
		free(distance);
		free(sum);
		return err_nomem(info, "slopes");
	}
	for (int series = 0; series < data->series; series++) {
		slope_moments(data, distance, series, &sum[series]);
		double share = sum[series].dd > 0 ? sum[series].xd / sum[series].dd : 0;
		over += sum[series].xy - share * sum[series].dy;
		under += sum[series].xx - share * sum[series].xd;
	}
	fit->factor = under > 0 ? over / under : NAN;
	for (int series = 0; series < data->series; series++) {
		const struct sloping *s = &sum[series];
		double slope = s->dd > 0 ? (s->dy - fit->factor * s->xd) / s->dd : 0;
		off += s->yy + fit->factor * fit->factor * s->xx + slope * slope * s->dd - 2 * fit->factor * s->xy - 2 * slope * s->dy + 2 * fit->factor * slope * s->xd;
		explained += fit->factor * fit->factor * s->xx;
		if (fit->slope)
			fit->slope[series] = slope;
	}
	finish(data, 1 + data->series, off, explained, fit);
	if (isnan(fit->factor))
		fit->off = INFINITY;
	free(distance);
	free(sum);
	return ERR_OK;
}

void logit_fit_slopes(const struct logit_data *data, double factor, double *slope)
{
	double *distance = distances_of(data);
	for (int series = 0; series < data->series; series++) {
		struct sloping sum = { 0 };
		if (distance)
			slope_moments(data, distance, series, &sum);
		slope[series] = sum.dd > 0 ? (sum.dy - factor * sum.xd) / sum.dd : 0;
	}
	free(distance);
}

/*
 * A bias by distance falls out of the difference of two rows of a series at the same distance:  ln w_1(d) - ln w_2(d) = f (x_1(d) - x_2(d)) - (c_1 - c_2).
 */

static enum err fit_distance(const struct logit_data *data, struct logit_fit *fit, struct err_info *info)
{
	int64_t pairs = pairs_of(data), count = 0, rows = 0;
	double *x = mem_array((size_t)pairs, 3 * sizeof *x), *y = x ? x + pairs : NULL, *trust = x ? y + pairs : NULL;
	struct logit_row *row = mem_array((size_t)data->rows, sizeof *row);
	if (!x || !row) {
		free(x);
		free(row);
		return err_nomem(info, "logits by distance");
	}
	for (int64_t r = 0; r + 1 < data->rows; r++) {
		const struct logit_row *one = &data->row[r], *two = one + 1;
		row[rows] = (struct logit_row){ .begin = count };
		for (int64_t i = one->begin, j = two->begin; i < one->end && j < two->end && one->series == two->series;) {
			if (data->distance[i] != data->distance[j]) {
				if (data->distance[i] < data->distance[j])
					i++;
				else
					j++;
				continue;
			}
			x[count] = data->product[i] - data->product[j];
			y[count] = data->log_weight[i] - data->log_weight[j];
			trust[count++] = fmin(data->trust[i++], data->trust[j++]);
		}
		row[rows++].end = count;
	}
	const struct logit_data differences = { .row = row, .rows = rows, .series = 1, .log_weight = y, .product = x, .trust = trust };
	fit_scale(&differences, fit);
	fit->off /= sqrt(2);
	free(x);
	free(row);
	return ERR_OK;
}

enum err logit_fit(const struct logit_data *data, enum logit_relation relation, struct logit_fit *fit, struct err_info *info)
{
	fit->factor = fit->cap = fit->explained = 0;
	fit->off = INFINITY;
	switch (relation) {
	case LOGIT_CAP: return fit_cap(data, 0, fit, info);
	case LOGIT_SLOPES: return fit_slopes(data, fit, info);
	case LOGIT_DISTANCE: return fit_distance(data, fit, info);
	default: fit_scale(data, fit); return ERR_OK;
	}
}
