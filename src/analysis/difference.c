/* SPDX-License-Identifier: MIT */
#include "analysis/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pooled_map.h"
#include "base/memory.h"

enum { TOP = 5 };

/* A weight below this that the other lacks is a matter of float32's range, not of attention. */
static const double NOTHING = 1e-30;

const char *const difference_names[DIFFERENCE_COUNT + 1] = {
	"rel_fro", "max_abs", "l1", "cosine", "kl", "kl_max", "js", "js_max", "top1", "top5", "entropy_shift", "output_error", NULL,
};

/* The keys of the `TOP` largest weights that are not 0, descending, the first of equals first. */
static int largest(const double *p, int64_t keys, int64_t top[TOP])
{
	int count = 0;
	for (int64_t key = 0; key < keys; key++) {
		if (p[key] == 0 || (count == TOP && p[key] <= p[top[TOP - 1]]))
			continue;
		int at = count < TOP ? count++ : TOP - 1;
		for (; at > 0 && p[key] > p[top[at - 1]]; at--)
			top[at] = top[at - 1];
		top[at] = key;
	}
	return count;
}

static void compare_tops(const double *a, const double *b, int64_t keys, struct row_difference *row)
{
	int64_t top_a[TOP], top_b[TOP];
	int count_a = largest(a, keys, top_a), count_b = largest(b, keys, top_b), shared = 0;
	for (int i = 0; i < count_a; i++)
		for (int j = 0; j < count_b; j++)
			shared += top_a[i] == top_b[j];
	row->top1 = count_a > 0 && count_b > 0 && top_a[0] == top_b[0];
	row->top5 = count_b ? (double)shared / count_b : 0;
}

/* ln 0 is never multiplied by anything but 0 here. */
static double log_or_0(double p)
{
	return p > 0 ? log(p) : 0;
}

static void compare_distributions(const double *a, const double *b, int64_t keys, struct row_difference *row)
{
	double of_a = 0, of_b = 0, cross = 0, middle = 0;
	for (int64_t key = 0; key < keys; key++) {
		double p = a[key], q = b[key];
		if (p == 0 && q == 0)
			continue;
		double log_p = log_or_0(p), log_q = log_or_0(q);
		of_a += p * log_p;
		of_b += q * log_q;
		middle += (p + q) / 2 * log_or_0((p + q) / 2);
		cross += p > 0 ? q * (log_q - log_p) : q > NOTHING ? INFINITY : 0;
	}
	row->kl = fmax(0, cross);
	row->js = fmax(0, (of_a + of_b) / 2 - middle);
	row->entropy_shift = of_b - of_a;
}

struct row_difference difference_row(const double *a, const double *b, int64_t keys, bool is_signed)
{
	struct row_difference row = { .kl = NAN, .js = NAN, .entropy_shift = NAN };
	for (int64_t key = 0; key < keys; key++) {
		double off = a[key] - b[key];
		row.square_difference += off * off;
		row.square_a += a[key] * a[key];
		row.square_b += b[key] * b[key];
		row.product += a[key] * b[key];
		row.max_abs = fabs(off) > row.max_abs ? fabs(off) : row.max_abs;
		row.l1 += fabs(off);
		row.counts |= b[key] != 0;
	}
	if (row.counts && !is_signed)
		compare_distributions(a, b, keys, &row);
	if (row.counts)
		compare_tops(a, b, keys, &row);
	return row;
}

void difference_add(struct difference *difference, const struct row_difference *row)
{
	difference->square_difference += row->square_difference;
	difference->square_a += row->square_a;
	difference->square_b += row->square_b;
	difference->product += row->product;
	difference->max_abs = fmax(difference->max_abs, row->max_abs);
	if (!row->counts)
		return;
	difference->rows++;
	difference->l1 += row->l1;
	difference->kl += row->kl;
	difference->kl_max = fmax(difference->kl_max, row->kl);
	difference->js += row->js;
	difference->js_max = fmax(difference->js_max, row->js);
	difference->top1 += row->top1;
	difference->top5 += row->top5;
	difference->entropy_shift += row->entropy_shift;
}

void difference_add_output(struct difference *difference, const double *a, const double *b, int64_t width)
{
	for (int64_t i = 0; i < width; i++) {
		difference->output_difference += (a[i] - b[i]) * (a[i] - b[i]);
		difference->output_b += b[i] * b[i];
	}
}

/* 0 where both are the same, also where both are 0. */
static double relative(double square, double of)
{
	return square > 0 ? sqrt(square / of) : 0;
}

void difference_values(const struct difference *difference, bool has_outputs, double value[DIFFERENCE_COUNT])
{
	double rows = (double)difference->rows, size = sqrt(difference->square_a * difference->square_b);
	const double values[DIFFERENCE_COUNT] = {
		relative(difference->square_difference, difference->square_b), difference->max_abs, difference->l1 / rows, difference->product / size,
		difference->kl / rows, isnan(difference->kl) ? NAN : difference->kl_max, difference->js / rows, isnan(difference->js) ? NAN : difference->js_max,
		difference->top1 / rows, difference->top5 / rows, difference->entropy_shift / rows,
		has_outputs ? relative(difference->output_difference, difference->output_b) : NAN,
	};
	memcpy(value, values, sizeof values);
}

void difference_pool(const double *a, const double *b, const bool *visible, int64_t keys, int64_t position, int64_t rows, float *cell, int64_t height, int64_t width)
{
	float *line = cell + pooled_map_cell(position, height, rows) * width;
	for (int64_t column = 0; column < width; column++) {
		int64_t end = pooled_map_edge(column + 1, width, keys);
		for (int64_t key = pooled_map_edge(column, width, keys); key < end; key++) {
			float off = (float)(a[key] - b[key]);
			if (visible[key] && !(fabsf(off) <= fabsf(line[column])))
				line[column] = off;
		}
	}
}
