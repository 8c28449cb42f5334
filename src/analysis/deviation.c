/* SPDX-License-Identifier: MIT */
#include "analysis/deviation.h"

#include <math.h>

/* Shares of a sink that rounding may have made; e to the minus this is no share in float32. */
static const double LEAST_SHARE = 1e-6, NO_SHARE = 30;

void deviation_add(struct deviation *deviation, int64_t map, int64_t row, const double *computed, const double *model,
		   int64_t keys)
{
	for (int64_t key = 0; key < keys; key++) {
		double apart = fabs(computed[key] - model[key]);
		apart = isnan(apart) ? INFINITY : apart;
		deviation->sum += apart;
		if (apart > deviation->largest || deviation->weights + key == 0) {
			deviation->largest = apart;
			deviation->map = map;
			deviation->row = row;
			deviation->key = key;
		}
	}
	deviation->weights += keys;
}

double deviation_mean(const struct deviation *deviation)
{
	return deviation->weights ? deviation->sum / (double)deviation->weights : NAN;
}

double weights_sum(const double *weight, int64_t keys)
{
	double sum = 0;
	for (int64_t key = 0; key < keys; key++)
		sum += weight[key];
	return sum;
}

void sink_fit_add(struct sink_fit *fit, double lse, double sum)
{
	if (!isfinite(lse) || !(sum > 0))
		return;
	fit->lowest = fit->rows++ ? fmin(fit->lowest, lse) : lse;
	if (sum >= 1 - LEAST_SHARE)
		return;
	double weight = sum * (1 - sum) * sum * (1 - sum);
	fit->sum += weight * (lse + log((1 - sum) / sum));
	fit->weight += weight;
}

double sink_fit_logit(const struct sink_fit *fit)
{
	return fit->weight > 0 ? fit->sum / fit->weight : fit->lowest - NO_SHARE;
}
