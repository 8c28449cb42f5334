#include "analysis/order.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { RADIX = 256, INSERTION = 40 };

static void insertion_sort(float *weight, int64_t count)
{
	for (int64_t i = 1; i < count; i++) {
		float value = weight[i];
		int64_t at = i;
		for (; at > 0 && weight[at - 1] < value; at--)
			weight[at] = weight[at - 1];
		weight[at] = value;
	}
}

static uint32_t bits_of(float weight)
{
	uint32_t bits;
	memcpy(&bits, &weight, sizeof bits);
	return bits;
}

/* Floats that are not negative order as their bits do. The largest digit comes first. */
static void radix_pass(const float *from, float *to, int64_t count, int shift, const uint32_t *number)
{
	uint32_t place[RADIX], sum = 0;
	for (int digit = RADIX - 1; digit >= 0; digit--) {
		place[digit] = sum;
		sum += number[digit];
	}
	for (int64_t i = 0; i < count; i++)
		to[place[(bits_of(from[i]) >> shift) % RADIX]++] = from[i];
}

void order_sort(float *weight, float *scratch, int64_t count)
{
	if (count <= INSERTION) {
		insertion_sort(weight, count);
		return;
	}
	uint32_t number[4][RADIX] = { { 0 } };
	for (int64_t i = 0; i < count; i++)
		for (int digit = 0; digit < 4; digit++)
			number[digit][(bits_of(weight[i]) >> 8 * digit) % RADIX]++;
	for (int digit = 0; digit < 4; digit += 2) {
		radix_pass(weight, scratch, count, 8 * digit, number[digit]);
		radix_pass(scratch, weight, count, 8 * digit + 8, number[digit + 1]);
	}
}

void order_bins_init(struct order_bins *bins)
{
	for (int bin = 0; bin < HISTOGRAM_BINS; bin++) {
		float low = histogram_edge(bin), high = bin + 1 < HISTOGRAM_BINS ? histogram_edge(bin + 1) : low;
		bins->middle[bin] = (low + high) / 2;
		bins->sixth[bin] = (high - low) / 6;
	}
}

enum { PIECE = 16 }; /* bins looked at together: a cache line */

static bool is_empty(const uint32_t *count)
{
	uint32_t any = 0;
	for (int i = 0; i < PIECE; i++)
		any |= count[i];
	return any == 0;
}

/* The bins that hold something: most of the table is empty, at both ends. */
static void find_bins(struct order *order)
{
	order->begin = 1;
	order->end = histogram_bin(ORDER_LARGE);
	while (order->begin + PIECE <= order->end && is_empty(order->count + order->begin))
		order->begin += PIECE;
	while (order->begin + PIECE <= order->end && is_empty(order->count + order->end - PIECE))
		order->end -= PIECE;
}

/* The middle rank of a bin times its sum, and what even spacing adds around it (nothing for a single weight). `above` is twice the weights above
 * it; ranks run from the other end, hence the sign. */
static double bin_moment(const struct order_bins *bins, int bin, double count, double above)
{
	double one = count < 1 ? count : 1, spread = (double)bins->sixth[bin] * (count * count - one);
	return spread - (above + count) * count * (double)bins->middle[bin];
}

/* Two bins at a time, in sums of their own: the additions of one need not wait for those of the other. */
static void sum_bins(struct order *order, double *binned)
{
	double moment[2] = { 0 }, sum[2] = { 0 };
	int64_t above = 2 * order->large_count, bin = order->end - 1;
	for (; bin > order->begin; bin -= 2) {
		uint32_t high = order->count[bin], low = order->count[bin - 1];
		moment[0] += bin_moment(order->bins, (int)bin, high, (double)above);
		moment[1] += bin_moment(order->bins, (int)bin - 1, low, (double)(above + 2 * (int64_t)high));
		sum[0] += high * (double)order->bins->middle[bin];
		sum[1] += low * (double)order->bins->middle[bin - 1];
		above += 2 * ((int64_t)high + low);
	}
	if (bin == order->begin) {
		moment[0] += bin_moment(order->bins, (int)bin, order->count[bin], (double)above);
		sum[0] += order->count[bin] * (double)order->bins->middle[bin];
	}
	*binned = sum[0] + sum[1];
	order->moment = moment[0] + moment[1] + (double)order->support * *binned;
}

void order_finish(struct order *order)
{
	double large = 0, binned;
	for (int64_t i = 0; i < order->large_count; i++)
		large += (double)order->large[i];
	order->scale = 1;
	find_bins(order);
	sum_bins(order, &binned);
	/* A bin's mean is within 0.4 % of its middle: anything beyond that is rounding in what is left of the sum. */
	if (binned > 0)
		order->scale = fmin(1.004, fmax(0.996, (order->sum - large) / binned));
	order->sum = large + order->scale * binned;
}

double order_gini(const struct order *order)
{
	double n = (double)order->support, rank = n, moment = order->scale * order->moment;
	if (order->support < 2)
		return NAN;
	for (int64_t i = 0; i < order->large_count; i++, rank--)
		moment += (2 * rank - n - 1) * (double)order->large[i];
	return order->sum > 0 ? moment / (n * order->sum) : NAN;
}

/* Fewest of a bin's weights that sum to `need`: m from the top, evenly spaced, sum to m high - width m^2 / (2 count). */
static double bin_keys(const struct order *order, int bin, double need)
{
	double width = order->scale * 6 * (double)order->bins->sixth[bin], count = (double)order->count[bin];
	double high = order->scale * (double)order->bins->middle[bin] + width / 2;
	double keys = (high - sqrt(fmax(0, high * high - 2 * width * need / count))) * count / width;
	return fmin(count, fmax(1, ceil(keys)));
}

double order_keys(const struct order *order, double share)
{
	double need = share * order->sum * (1 - ORDER_SLACK), sum = 0, keys = 0;
	for (int64_t i = 0; i < order->large_count; i++) {
		keys++;
		sum += (double)order->large[i];
		if (sum >= need)
			return keys;
	}
	for (int bin = order->end - 1; bin >= order->begin; bin--) {
		double count = (double)order->count[bin], mass = order->scale * count * (double)order->bins->middle[bin];
		if (sum + mass >= need)
			return keys + bin_keys(order, bin, need - sum);
		keys += count;
		sum += mass;
	}
	return keys;
}
