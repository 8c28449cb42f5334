#include "analysis/order.h"

#include <math.h>
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
		bins->width[bin] = high - low;
	}
}

/* The bins that hold something: most of the table is empty, and is passed four bins at a time. */
static void find_bins(struct order *order)
{
	static const uint32_t none[4];
	order->begin = 1;
	order->end = histogram_bin(ORDER_LARGE);
	while (order->begin + 4 <= order->end && memcmp(order->count + order->begin, none, sizeof none) == 0)
		order->begin += 4;
	while (order->begin + 4 <= order->end && memcmp(order->count + order->end - 4, none, sizeof none) == 0)
		order->end -= 4;
}

void order_finish(struct order *order)
{
	double large = 0, binned = 0, rank = (double)(order->support - order->large_count), n = (double)order->support;
	for (int64_t i = 0; i < order->large_count; i++)
		large += (double)order->large[i];
	order->scale = 1;
	if (!order->count) {
		order->sum = large;
		return;
	}
	find_bins(order);
	for (int bin = order->end - 1; bin >= order->begin; bin--) {
		double count = (double)order->count[bin], sum = count * (double)order->bins->middle[bin];
		/* The bin's middle rank times its sum, and what even spacing adds around it (nothing for a single weight). */
		double spread = count > 0 ? (double)order->bins->width[bin] * (count * count - 1) / 6 : 0;
		order->moment += (2 * rank - count - n) * sum + spread;
		binned += sum;
		rank -= count;
	}
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
	double width = order->scale * (double)order->bins->width[bin], count = (double)order->count[bin];
	double high = order->scale * (double)order->bins->middle[bin] + width / 2;
	double keys = (high - sqrt(fmax(0, high * high - 2 * width * need / count))) * count / width;
	return fmin(count, fmax(1, ceil(keys)));
}

double order_keys(const struct order *order, double share)
{
	double need = share * order->sum * (1 - 1e-9), sum = 0, keys = 0;
	for (int64_t i = 0; i < order->large_count; i++) {
		keys++;
		sum += (double)order->large[i];
		if (sum >= need)
			return keys;
	}
	for (int bin = order->end - 1; bin >= order->begin && order->count; bin--) {
		double count = (double)order->count[bin], mass = order->scale * count * (double)order->bins->middle[bin];
		if (sum + mass >= need)
			return keys + bin_keys(order, bin, need - sum);
		keys += count;
		sum += mass;
	}
	return keys;
}
