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

/* A bin's weights: number, edges and sum. */
struct bin {
	double count, low, width, sum;
};

static struct bin bin_at(const struct order *order, int number)
{
	double low = (double)histogram_edge(number), width = (double)histogram_edge(number + 1) - low;
	double count = (double)order->bins[number];
	return (struct bin){ count, low * order->scale, width * order->scale, count * (low + width / 2) * order->scale };
}

void order_scale(struct order *order)
{
	double large = 0, binned = 0;
	order->scale = 1;
	order->bins_end = histogram_bin(ORDER_LARGE);
	for (int64_t i = 0; i < order->large_count; i++)
		large += (double)order->large[i];
	for (int number = 1; number < order->bins_end && order->bins; number++)
		if (order->bins[number])
			binned += bin_at(order, number).sum;
	if (!order->bins)
		order->sum = large;
	/* A bin's mean is within 0.4 % of its middle: anything beyond that is rounding in what is left of the sum. */
	if (binned > 0)
		order->scale = fmin(1.004, fmax(0.996, (order->sum - large) / binned));
}

double order_gini(const struct order *order)
{
	double n = (double)order->support, rank = n, sum = 0, moment = 0;
	if (order->support < 2)
		return NAN;
	for (int64_t i = 0; i < order->large_count; i++, rank--) {
		moment += (2 * rank - n - 1) * (double)order->large[i];
		sum += (double)order->large[i];
	}
	for (int number = order->bins_end - 1; number > 0 && order->bins; number--) {
		if (!order->bins[number])
			continue;
		struct bin bin = bin_at(order, number);
		/* The middle rank times the bin's sum, and what even spacing adds around it. */
		moment += (2 * rank - bin.count - n) * bin.sum + bin.width * (bin.count * bin.count - 1) / 6;
		sum += bin.sum;
		rank -= bin.count;
	}
	return sum > 0 ? moment / (n * sum) : NAN;
}

/* Fewest of a bin's weights that sum to `need`. */
static double bin_keys(const struct bin *bin, double need)
{
	double top = bin->low + bin->width, root = top * top - 2 * bin->width * need / bin->count;
	double keys = (top - sqrt(fmax(0, root))) * bin->count / bin->width;
	return fmin(bin->count, fmax(1, ceil(keys)));
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
	for (int number = order->bins_end - 1; number > 0 && order->bins; number--) {
		if (!order->bins[number])
			continue;
		struct bin bin = bin_at(order, number);
		if (sum + bin.sum >= need)
			return keys + bin_keys(&bin, need - sum);
		keys += bin.count;
		sum += bin.sum;
	}
	return keys;
}
