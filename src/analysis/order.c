/* SPDX-License-Identifier: MIT */
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
	for (int bin = 1; bin < HISTOGRAM_BINS - 1; bin++) {
		double low = (double)histogram_edge(bin), width = (double)histogram_edge(bin + 1) - low;
		double below = low - (double)histogram_edge(bin - 1),
		       above = bin + 2 < HISTOGRAM_BINS ? (double)histogram_edge(bin + 2) - low - width : width;
		/* The slope of the density, times the width cubed, over 12: what a bin's mass gains over its middle. */
		double slope = width * width * width / 12 / (width + (below + above) / 2);
		bins->middle[bin] = (float)(low + width / 2);
		bins->sixth[bin] = (float)(width / 6);
		bins->below[bin] = (float)(slope / below);
		bins->above[bin] = (float)(slope / above);
	}
}

/* Four bins side by side, in vectors that every processor has. */
enum { SIDE = 4 };
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_counts __attribute__((vector_size(16)));

static four load_floats(const float *from)
{
	four value;
	memcpy(&value, from, sizeof value);
	return value;
}

static four_counts load_counts(const uint32_t *from)
{
	four_counts count;
	memcpy(&count, from, sizeof count);
	return count;
}

static four floats(four_counts count)
{
	return __builtin_convertvector(count, four);
}

static double add_up(four value)
{
	return ((double)value[0] + (double)value[1]) + ((double)value[2] + (double)value[3]);
}

/* For each of four bins, what the bins above it in the vector hold; and what all hold, four times. */
static four_counts above_each(four_counts count)
{
	four_counts zero = { 0 }, next = __builtin_shufflevector(count, zero, 1, 2, 3, 4),
		    pair = next + __builtin_shufflevector(next, zero, 1, 2, 3, 4);
	return pair + __builtin_shufflevector(pair, zero, 2, 3, 4, 4);
}

static four_counts sum_of_all(four_counts count)
{
	four_counts pair = count + __builtin_shufflevector(count, count, 1, 0, 3, 2);
	return pair + __builtin_shufflevector(pair, pair, 2, 3, 0, 1);
}

/* The bins that hold something: most of the table is empty, at both ends. The first piece is left to the zeros: its weights
 * are below 2^-39. */
static bool is_empty(const uint32_t *count)
{
	four_counts any = { 0 };
	int64_t half[2];
	for (int i = 0; i < ORDER_PIECE; i += SIDE)
		any |= load_counts(count + i);
	memcpy(half, &any, sizeof half);
	return (half[0] | half[1]) == 0;
}

static void find_bins(struct order *order)
{
	order->begin = ORDER_PIECE;
	order->end = histogram_bin(ORDER_LARGE);
	while (order->begin < order->end && is_empty(order->count + order->begin))
		order->begin += ORDER_PIECE;
	while (order->begin < order->end && is_empty(order->count + order->end - ORDER_PIECE))
		order->end -= ORDER_PIECE;
}

/*
 * The bins bin .. bin + ORDER_PIECE - 1, with `first` weights above them; what they hold themselves is returned. A bin's sum is
 * its middle times its count, moved by the slope between the bins on both sides. Its share in the Gini coefficient's sum is its
 * middle rank times that, and what even spacing adds around it (nothing for a single weight); ranks run from the other end
 * here, hence the sign.
 */
static int32_t sum_piece(struct order *order, int bin, int32_t first)
{
	const struct order_bins *bins = order->bins;
	four_counts above = { first, first, first, first };
	four one = { 1, 1, 1, 1 }, moment = { 0 }, mass = { 0 };
	for (int at = bin + ORDER_PIECE - SIDE; at >= bin; at -= SIDE) {
		four_counts number = load_counts(order->count + at);
		four count = floats(number), sum = count * load_floats(bins->middle + at);
		sum += floats(load_counts(order->count + at + 1)) * load_floats(bins->above + at);
		sum -= floats(load_counts(order->count + at - 1)) * load_floats(bins->below + at);
		four any = (four)((four_counts)one & (number > 0));
		moment += load_floats(bins->sixth + at) * (count * count - any) - (2 * floats(above + above_each(number)) + count) * sum;
		mass += sum;
		above += sum_of_all(number);
	}
	order->moment += add_up(moment);
	order->mass[bin / ORDER_PIECE] = add_up(mass);
	order->number[bin / ORDER_PIECE] = above[0] - first;
	return above[0] - first;
}

void order_finish(struct order *order)
{
	double large = 0, binned = 0;
	int32_t above = (int32_t)order->large_count;
	for (int64_t i = 0; i < order->large_count; i++)
		large += (double)order->large[i];
	find_bins(order);
	order->moment = 0;
	for (int bin = order->end - ORDER_PIECE; bin >= order->begin; bin -= ORDER_PIECE) {
		above += sum_piece(order, bin, above);
		binned += order->mass[bin / ORDER_PIECE];
	}
	order->moment += (double)order->support * binned;
	/* A bin's mean is within 0.4 % of its middle: anything beyond that is rounding in what is left of the sum. */
	order->scale = binned > 0 ? fmin(1.004, fmax(0.996, (order->sum - large) / binned)) : 1;
	order->binned = order->scale * binned;
	order->sum = large + order->binned;
}

/* An effective number of bins: the inverse of the sum of the squares of their shares of the mass. */
bool order_is_narrow(const struct order *order)
{
	enum { FEW = 32 };
	double square = 0;
	for (int bin = order->begin; bin < order->end; bin += SIDE) {
		four mass = floats(load_counts(order->count + bin)) * load_floats(order->bins->middle + bin) * (float)order->scale;
		square += add_up(mass * mass);
	}
	return square * FEW > order->binned * order->sum;
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

/* The same of the piece that is known to hold them. */
static double piece_keys(const struct order *order, int piece, double need)
{
	const struct order_bins *bins = order->bins;
	double keys = 0;
	for (int bin = (piece + 1) * ORDER_PIECE - 1; bin >= piece * ORDER_PIECE; bin--) {
		const uint32_t *count = order->count + bin;
		double mass = order->scale * (*count * (double)bins->middle[bin] + count[1] * (double)bins->above[bin] -
					      count[-1] * (double)bins->below[bin]);
		if (*count && mass >= need)
			return keys + bin_keys(order, bin, need);
		keys += *count;
		need -= mass;
	}
	return keys;
}

double order_keys(const struct order *order, double share)
{
	double need = share * order->sum * (1 - ORDER_SLACK), keys = 0;
	for (int64_t i = 0; i < order->large_count; i++) {
		keys++;
		need -= (double)order->large[i];
		if (need <= 0)
			return keys;
	}
	for (int piece = order->end / ORDER_PIECE - 1; piece >= order->begin / ORDER_PIECE; piece--) {
		double mass = order->scale * order->mass[piece];
		if (mass >= need)
			return keys + piece_keys(order, piece, need);
		keys += order->number[piece];
		need -= mass;
	}
	return keys;
}
