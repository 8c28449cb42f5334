#include "analysis/deviation.h"

#include <math.h>

static const double WEIGHT_FLOOR = 1e-4;

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

static int counts(double score, double weight)
{
	return isfinite(score) && weight > WEIGHT_FLOOR && isfinite(weight);
}

void scale_fit_add(struct scale_fit *fit, const double *score, const double *weight, int64_t keys)
{
	double score_sum = 0, log_sum = 0;
	int64_t count = 0;
	for (int64_t key = 0; key < keys; key++) {
		if (!counts(score[key], weight[key]))
			continue;
		score_sum += score[key];
		log_sum += log(weight[key]);
		count++;
	}
	for (int64_t key = 0; key < keys && count; key++) {
		if (!counts(score[key], weight[key]))
			continue;
		double from_mean = score[key] - score_sum / (double)count;
		fit->covariance += from_mean * (log(weight[key]) - log_sum / (double)count);
		fit->variance += from_mean * from_mean;
	}
}

double scale_fit_factor(const struct scale_fit *fit)
{
	return fit->variance > 0 ? fit->covariance / fit->variance : NAN;
}
