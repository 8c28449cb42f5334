/* SPDX-License-Identifier: MIT */
/* Every table that this machine can run, against the definitions in double: random sizes and tails, with memory that
 * ends where each operand ends. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "support/dot_source.h"
#include "support/near.h"
#include "support/suite.h"

/* `floats` floats whose end is the end of a mapping: one step further is a fault. Mappings are used again: the first
 * touch of a page is dear. */
enum { GUARDED_BYTES = 1 << 18, GUARDED_MAX = 16 };

struct guarded {
	char *base;
	float *at;
};

static char *spare[GUARDED_MAX];
static int spare_count;

static struct guarded guarded_new(int64_t floats)
{
	size_t bytes = ((size_t)floats * sizeof(float) + 63) / 64 * 64;
	ck_assert_uint_le(bytes, GUARDED_BYTES);
	struct guarded guarded = { .base = spare_count > 0 ? spare[--spare_count] : NULL };
	if (!guarded.base) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		guarded.base = mmap(NULL, GUARDED_BYTES + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ck_assert(guarded.base != MAP_FAILED);
		ck_assert_int_eq(mprotect(guarded.base + GUARDED_BYTES, page, PROT_NONE), 0);
	}
	guarded.at = (float *)(void *)(guarded.base + GUARDED_BYTES - bytes);
	return guarded;
}

static void guarded_free(struct guarded *guarded)
{
	spare[spare_count++] = guarded->base;
}

static const struct kernels *tables[KERNELS_MAX];
static int table_count;

static void find_tables(void)
{
	table_count = kernels_available(tables);
}

static int64_t padded(int64_t count)
{
	return (count + KEY_PANEL - 1) / KEY_PANEL * KEY_PANEL;
}

static const int64_t dims[] = { 1, 2, 3, 7, 8, 15, 16, 33, 64, 80, 130 };
static const int64_t counts[] = { 1, 2, 5, 7, 8, 9, 16, 31, 64, 100, 121, 127, 128 };

static void check_dot_tile(const struct kernels *kernels, int64_t dim, int64_t count)
{
	int lanes = kernels->lanes;
	struct guarded queries = guarded_new(dim * lanes), keys = guarded_new(padded(count) * dim), offset = guarded_new(lanes),
		       tile = guarded_new(padded(count) * lanes);
	float *plain = malloc((size_t)(count * dim) * sizeof(float));
	random_fill(queries.at, dim * lanes, (uint64_t)dim, 1);
	random_fill(plain, count * dim, (uint64_t)count + 99, 1);
	random_fill(offset.at, lanes, 7, 10);
	kernels_pack_keys(plain, dim, count, dim, keys.at);
	kernels->dot_tile(queries.at, keys.at, dim, count, offset.at, tile.at, NULL);
	for (int64_t k = 0; k < count; k++) {
		for (int lane = 0; lane < lanes; lane++) {
			double sum = (double)offset.at[lane], size = fabs(sum);
			for (int64_t d = 0; d < dim; d++) {
				double product = (double)queries.at[d * lanes + lane] * (double)plain[k * dim + d];
				sum += product;
				size += fabs(product);
			}
			ASSERT_NEAR((double)tile.at[k * lanes + lane] - sum, 1.2e-7 * size * sqrt((double)dim + 1));
		}
	}
	free(plain);
	guarded_free(&queries);
	guarded_free(&keys);
	guarded_free(&offset);
	guarded_free(&tile);
}

START_TEST(dot_products_agree_with_double_for_all_sizes)
{
	for (size_t d = 0; d < sizeof(dims) / sizeof(*dims); d++)
		for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++)
			check_dot_tile(tables[_i], dims[d], counts[c]);
}
END_TEST

/* bfloat16 by cutting the low half: what the operand is, the product of it is exact. */
static float cut(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	bits &= 0xffff0000u;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void check_dot_tile_bf16(const struct kernels *kernels, int64_t dim, int64_t count)
{
	int lanes = kernels->lanes;
	int64_t pairs = (dim + 1) / 2;
	float *query = malloc((size_t)(lanes * dim) * sizeof(float)), *key = malloc((size_t)(count * dim) * sizeof(float));
	struct guarded packed_queries = guarded_new(pairs * lanes), packed_keys = guarded_new(padded(count) * pairs), tile = guarded_new(padded(count) * lanes);
	uint64_t state = (uint64_t)(dim * 1000 + count);
	for (int64_t i = 0; i < lanes * dim; i++)
		query[i] = cut((float)random_normal(&state));
	for (int64_t i = 0; i < count * dim; i++)
		key[i] = cut((float)random_normal(&state));
	float offset[MAX_LANES];
	random_fill(offset, MAX_LANES, 3, 5);
	kernels_pack_queries_bf16(query, dim, lanes, dim, lanes, (uint16_t *)packed_queries.at);
	kernels_pack_keys_bf16(key, dim, count, dim, (uint16_t *)packed_keys.at);
	kernels->dot_tile_bf16((uint16_t *)packed_queries.at, (uint16_t *)packed_keys.at, pairs, count, 0.7f, offset, tile.at, NULL);
	for (int64_t k = 0; k < count; k++) {
		for (int lane = 0; lane < lanes; lane++) {
			double sum = 0, size = fabs((double)offset[lane]);
			for (int64_t d = 0; d < dim; d++) {
				double product = (double)query[lane * dim + d] * (double)key[k * dim + d];
				sum += product;
				size += fabs(product);
			}
			ASSERT_NEAR((double)tile.at[k * lanes + lane] - ((double)offset[lane] + 0.7f * sum), 1.2e-7 * size * sqrt((double)dim + 1));
		}
	}
	free(query);
	free(key);
	guarded_free(&packed_queries);
	guarded_free(&packed_keys);
	guarded_free(&tile);
}

START_TEST(bfloat16_products_are_exact_and_sums_float32)
{
	if (!tables[_i]->dot_tile_bf16)
		return;
	for (size_t d = 0; d < sizeof(dims) / sizeof(*dims); d++)
		for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++)
			check_dot_tile_bf16(tables[_i], dims[d], counts[c]);
}
END_TEST

/* A tile of one block, and a zeroed shift for its lanes. */
static struct guarded tile_of(const struct kernels *kernels, int64_t count)
{
	return guarded_new(count * kernels->lanes);
}

START_TEST(powers_of_two_are_within_the_stated_error_and_exactly_zero_below)
{
	const struct kernels *kernels = tables[_i];
	struct guarded tile = tile_of(kernels, KEY_BLOCK), shift = guarded_new(kernels->lanes);
	int64_t size = (int64_t)KEY_BLOCK * kernels->lanes;
	for (int lane = 0; lane < kernels->lanes; lane++)
		shift.at[lane] = (float)lane * 0.25f;
	for (int round = 0; round < 40; round++) {
		uint64_t state = (uint64_t)round;
		for (int64_t i = 0; i < size; i++)
			tile.at[i] = (float)(random_normal(&state) * (round % 2 ? 40 : 2));
		tile.at[size - 1] = -INFINITY;
		tile.at[0] = 0;
		float *before = malloc((size_t)size * sizeof(float));
		memcpy(before, tile.at, (size_t)size * sizeof(float));
		kernels->exp2_block(tile.at, KEY_BLOCK, shift.at);
		for (int64_t i = 0; i < size; i++) {
			float x = before[i] - shift.at[i % kernels->lanes];
			if (x > 100)
				continue;
			if (x < -127)
				ASSERT_SAME(tile.at[i], 0);
			else if (x > -126)
				ASSERT_NEAR((double)tile.at[i] / exp2((double)x) - 1, 3e-7);
		}
		ASSERT_SAME(tile.at[0], 1);
		ASSERT_SAME(tile.at[size - 1], 0);
		free(before);
	}
	guarded_free(&tile);
	guarded_free(&shift);
}
END_TEST

/* Blocks of logits with a rising maximum, some hidden, against the sums in double. */
static void check_softmax(const struct kernels *kernels, uint64_t seed, double deviation, int64_t blocks, int64_t last)
{
	int lanes = kernels->lanes;
	int64_t keys = (blocks - 1) * KEY_BLOCK + last;
	float *logit = malloc((size_t)(keys * lanes) * sizeof(float));
	random_fill(logit, keys * lanes, seed, deviation);
	for (int64_t i = 0; i < keys * lanes; i++)
		if (random_next(&seed) % 5 == 0 || i % lanes == 1)
			logit[i] = -INFINITY;
	struct softmax_state state;
	softmax_state_init(&state);
	for (int64_t key = 0; key < keys; key += KEY_BLOCK) {
		int64_t count = keys - key < KEY_BLOCK ? keys - key : KEY_BLOCK;
		struct guarded tile = tile_of(kernels, count);
		float before[MAX_LANES];
		struct fold fold;
		memcpy(before, state.base, sizeof(before));
		for (int64_t i = 0; i < count * lanes; i++)
			tile.at[i] = logit[key * lanes + i] - before[i % lanes];
		bool moved = kernels->softmax_open(tile.at, count, NULL, &state, true, true, &fold);
		kernels->fold_rest(&fold);
		kernels->softmax_close(&fold, &state);
		ASSERT_SAME(moved, memcmp(before, state.base, sizeof(before)) != 0);
		for (int lane = 0; lane < lanes; lane++)
			if (key > 0 && before[lane] != 0)
				ASSERT_NEAR((double)fold.factor[lane] - exp2((double)before[lane] - (double)state.base[lane]), 3e-7);
		for (int64_t i = 0; i < count * lanes; i++) {
			double expected = exp2((double)logit[key * lanes + i] - (double)state.base[i % lanes]);
			ASSERT_NEAR((double)tile.at[i] - expected, (3e-7 + 1e-7 * deviation * 10) * fmax(1, expected));
		}
		guarded_free(&tile);
	}
	for (int lane = 0; lane < lanes; lane++) {
		double max = -INFINITY, min = INFINITY, sum = 0, first = 0, second = 0;
		for (int64_t key = 0; key < keys; key++) {
			double s = (double)logit[key * lanes + lane];
			max = fmax(max, s);
			min = s > -INFINITY ? fmin(min, s) : min;
		}
		if (max == -INFINITY) {
			ASSERT_SAME(state.above[lane], -INFINITY);
			ASSERT_SAME(state.base[lane], 0);
			ASSERT_SAME(state.min[lane], INFINITY);
			ASSERT_SAME(state.sum[lane] + state.first[lane] + state.second[lane], 0);
			continue;
		}
		for (int64_t key = 0; key < keys; key++) {
			double below = (double)logit[key * lanes + lane] - (double)state.base[lane];
			if (below > -INFINITY) {
				sum += exp2(below);
				first += exp2(below) * below;
				second += exp2(2 * below);
			}
		}
		double scale = 1e-6 * (1 + deviation / 10);
		ASSERT_NEAR((double)state.base[lane] + (double)state.above[lane] - max, 1e-6 * fabs(max) + 1e-6);
		ASSERT_NEAR(fmax(0, (double)state.above[lane] - (double)SOFTMAX_HEADROOM), 0);
		ASSERT_NEAR((double)state.min[lane] - min, 1e-6 * fabs(min) + 1e-6 * deviation);
		ASSERT_NEAR(state.sum[lane] / sum - 1, scale);
		ASSERT_NEAR(state.first[lane] - first, scale * (fabs(first) + sum));
		ASSERT_NEAR(state.second[lane] / second - 1, 2 * scale);
	}
	free(logit);
}

START_TEST(softmax_sums_agree_with_double_across_blocks)
{
	const struct kernels *kernels = tables[_i];
	for (uint64_t seed = 0; seed < 12; seed++)
		check_softmax(kernels, seed + 5, seed % 3 == 0 ? 0.5 : seed % 3 == 1 ? 5 : 60, 1 + (int64_t)(seed % 4), 1 + (int64_t)(seed * 37 % KEY_BLOCK));
}
END_TEST

/* Everything that pass 1 makes of the same keys, with the exponentials of each tile taken alone or between the products of the next. */
struct woven_run {
	struct softmax_state state;
	float tile[2][KEY_BLOCK * MAX_LANES] __attribute__((aligned(64)));
	struct fold fold;
	struct weave weave;
};

/* The operands are read as bfloat16 numbers where those have an instruction. */
struct operands {
	const struct kernels *kernels;
	const float *queries, *keys;
	int64_t dim, count;
	bool bfloat16;
};

/* bfloat16 numbers are the high halves of floats. */
static void fill_operand(float *to, int64_t floats, uint64_t seed, bool bfloat16)
{
	random_fill(to, floats, seed, 0.8);
	uint16_t *half = (uint16_t *)to;
	for (int64_t i = 0; i < 2 * floats && bfloat16; i++)
		half[i] = half[i | 1];
}

static void multiply(const struct operands *of, int block, const float *offset, float *tile, struct weave *weave)
{
	const float *keys = of->keys + block % 2 * KEY_BLOCK * of->dim;
	if (of->bfloat16)
		of->kernels->dot_tile_bf16((const uint16_t *)of->queries, (const uint16_t *)keys, of->dim, of->count, 0.1f, offset, tile, weave);
	else
		of->kernels->dot_tile(of->queries, keys, of->dim, of->count, offset, tile, weave);
}

static void run_blocks(const struct operands *of, int blocks, bool woven, bool keep, float *kept, struct woven_run *run)
{
	const struct kernels *kernels = of->kernels;
	size_t size = (size_t)(of->count * kernels->lanes) * sizeof(float);
	_Alignas(64) float offset[MAX_LANES];
	softmax_state_init(&run->state);
	run->weave.fold = NULL;
	for (int b = 0; b < blocks; b++) {
		float *tile = run->tile[b % 2];
		for (int lane = 0; lane < kernels->lanes; lane++)
			offset[lane] = -run->state.base[lane];
		multiply(of, b, offset, tile, woven ? &run->weave : NULL);
		if (woven && run->weave.fold) {
			kernels->fold_rest(&run->fold);
			kernels->softmax_close(&run->fold, &run->state);
			memcpy(kept + (b - 1) * KEY_BLOCK * MAX_LANES, run->tile[(b + 1) % 2], size);
		}
		run->weave.fold = &run->fold;
		kernels->softmax_open(tile, of->count, woven && run->weave.has_max ? run->weave.max : NULL, &run->state, true, keep, &run->fold);
		if (woven && b < blocks - 1)
			continue;
		kernels->fold_rest(&run->fold);
		kernels->softmax_close(&run->fold, &run->state);
		memcpy(kept + b * KEY_BLOCK * MAX_LANES, tile, size);
	}
}

START_TEST(exponentials_between_products_give_the_bits_that_they_give_alone)
{
	const struct kernels *kernels = tables[_i];
	enum { BLOCKS = 3 };
	struct guarded queries = guarded_new(MAX_LANES * 200), keys = guarded_new(2 * KEY_BLOCK * 200);
	struct woven_run *alone = mem_aligned(sizeof(*alone)), *woven = mem_aligned(sizeof(*woven));
	float *kept[2];
	for (int i = 0; i < 2; i++)
		kept[i] = calloc(BLOCKS * KEY_BLOCK * MAX_LANES, sizeof(float));
	for (size_t d = 0; d < sizeof(dims) / sizeof(*dims); d++) {
		for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
			for (int kind = 0; kind < (kernels->dot_tile_bf16 ? 4 : 2); kind++) {
				struct operands of = { kernels, queries.at, keys.at, dims[d], counts[c], kind >= 2 };
				fill_operand(queries.at, MAX_LANES * 200, 7, of.bfloat16);
				fill_operand(keys.at, 2 * KEY_BLOCK * 200, 8, of.bfloat16);
				run_blocks(&of, BLOCKS, false, kind % 2, kept[0], alone);
				run_blocks(&of, BLOCKS, true, kind % 2, kept[1], woven);
				ck_assert_mem_eq(&alone->state, &woven->state, sizeof(alone->state));
				if (kind % 2)
					ck_assert_mem_eq(kept[0], kept[1], BLOCKS * KEY_BLOCK * MAX_LANES * sizeof(float));
			}
		}
	}
	for (int i = 0; i < 2; i++)
		free(kept[i]);
	mem_aligned_free(alone);
	mem_aligned_free(woven);
	guarded_free(&queries);
	guarded_free(&keys);
}
END_TEST

START_TEST(weights_that_are_no_softmax_are_summed)
{
	const struct kernels *kernels = tables[_i];
	int lanes = kernels->lanes;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		struct guarded tile = tile_of(kernels, counts[c]);
		uint64_t seed = c;
		for (int64_t i = 0; i < counts[c] * lanes; i++)
			tile.at[i] = random_next(&seed) % 7 == 0 ? 0 : (float)exp(4 * random_normal(&seed));
		struct softmax_state state;
		softmax_state_init(&state);
		kernels->weights_block(tile.at, counts[c], &state);
		for (int lane = 0; lane < lanes; lane++) {
			double sum = 0, first = 0, size = 0, second = 0, max = -INFINITY;
			for (int64_t k = 0; k < counts[c]; k++) {
				double w = (double)tile.at[k * lanes + lane];
				sum += w;
				second += w * w;
				first += w > 0 ? w * log2(w) : 0;
				size += w > 0 ? fabs(w * log2(w)) + w : 0;
				max = fmax(max, w);
			}
			ASSERT_SAME(state.above[lane], max);
			ASSERT_NEAR(state.sum[lane] - sum, 1e-6 * sum);
			ASSERT_NEAR(state.second[lane] - second, 1e-6 * second);
			ASSERT_NEAR(state.first[lane] - first, 1e-6 * size);
		}
		guarded_free(&tile);
	}
}
END_TEST

START_TEST(soft_cap_is_a_hyperbolic_tangent)
{
	const struct kernels *kernels = tables[_i];
	static const float caps[] = { 0.4f, 50, 3 };
	struct guarded tile = tile_of(kernels, 65), offset = guarded_new(kernels->lanes);
	random_fill(offset.at, kernels->lanes, 4, 1);
	for (int c = 0; c < 3; c++) {
		uint64_t seed = 11;
		float before[65 * MAX_LANES];
		for (int i = 0; i < 65 * kernels->lanes; i++)
			before[i] = tile.at[i] = (float)random_normal(&seed) * caps[c] * (i % 3 == 0 ? 0.01f : i % 3 == 1 ? 0.5f : 30);
		kernels->soft_cap(tile.at, 65, caps[c], offset.at);
		for (int i = 0; i < 65 * kernels->lanes; i++) {
			double start = (double)offset.at[i % kernels->lanes], expected = start + (double)caps[c] * tanh((double)before[i] / (double)caps[c]);
			ASSERT_NEAR((double)tile.at[i] - expected, 4e-7 * (double)caps[c] + 1.2e-7 * fabs(start));
		}
	}
	guarded_free(&tile);
	guarded_free(&offset);
}
END_TEST

/* All reducers on one tile. */
static void check_reducers(const struct kernels *kernels, int64_t count, uint64_t seed)
{
	int lanes = kernels->lanes;
	struct guarded tile = tile_of(kernels, count), out = guarded_new(lanes), high = guarded_new(lanes), far = guarded_new(lanes),
		       position = guarded_new(lanes), threshold = guarded_new(lanes), number = guarded_new(lanes), mass = guarded_new(lanes);
	double keys[KEY_BLOCK] = { 0 };
	for (int64_t i = 0; i < count * lanes; i++)
		tile.at[i] = random_next(&seed) % 4 == 0 ? 0 : (float)exp2(-1 - 3 * fabs(random_normal(&seed)));
	for (int lane = 0; lane < lanes; lane++) {
		out.at[lane] = 3;
		high.at[lane] = 0.125f;
		position.at[lane] = (float)(lane + 40);
		threshold.at[lane] = 0.01f * (float)(lane % 7);
		far.at[lane] = number.at[lane] = mass.at[lane] = 0;
	}
	kernels->sum_keys(tile.at, count, out.at);
	kernels->max_keys(tile.at, count, high.at);
	kernels->distance_keys(tile.at, count, 17, position.at, far.at);
	kernels->sum_lanes(tile.at, count, keys);
	kernels->count_above(tile.at, count, threshold.at, number.at, mass.at);
	for (int lane = 0; lane < lanes; lane++) {
		double sum = 3, max = 0.125, distance = 0, above = 0, weight = 0;
		for (int64_t k = 0; k < count; k++) {
			double p = (double)tile.at[k * lanes + lane];
			sum += p;
			max = fmax(max, p);
			distance += p * fabs((double)(17 + k - lane - 40));
			above += tile.at[k * lanes + lane] >= threshold.at[lane];
			weight += tile.at[k * lanes + lane] >= threshold.at[lane] ? p : 0;
		}
		ASSERT_NEAR((double)out.at[lane] - sum, 1e-6 * sum);
		ASSERT_SAME((double)high.at[lane], max);
		ASSERT_NEAR((double)far.at[lane] - distance, 1e-6 * distance);
		ASSERT_SAME((double)number.at[lane], above);
		ASSERT_NEAR((double)mass.at[lane] - weight, 1e-6 * weight);
	}
	for (int64_t k = 0; k < count; k++) {
		double sum = 0;
		for (int lane = 0; lane < lanes; lane++)
			sum += (double)tile.at[k * lanes + lane];
		ASSERT_NEAR(keys[k] - sum, 1e-6 * sum);
	}
	struct guarded *all[] = { &tile, &out, &high, &far, &position, &threshold, &number, &mass };
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		guarded_free(all[i]);
}

START_TEST(reducers_agree_with_double)
{
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++)
		check_reducers(tables[_i], counts[c], c);
}
END_TEST

START_TEST(a_histogram_counts_every_value_once_in_its_bin)
{
	const struct kernels *kernels = tables[_i];
	int lanes = kernels->lanes;
	uint32_t *bins = calloc((size_t)lanes * HISTOGRAM_BINS, sizeof(*bins)), *expected = calloc((size_t)lanes * HISTOGRAM_BINS, sizeof(*expected));
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		struct guarded tile = tile_of(kernels, counts[c]);
		uint64_t seed = c;
		for (int64_t i = 0; i < counts[c] * lanes; i++) {
			tile.at[i] = random_next(&seed) % 9 == 0 ? 0 : (float)exp2(-12 * fabs(random_normal(&seed)));
			int bin = histogram_bin(tile.at[i]);
			expected[i % lanes * HISTOGRAM_BINS + bin]++;
			ck_assert(bin == 0 || tile.at[i] >= histogram_edge(bin));
			ck_assert(bin == HISTOGRAM_BINS - 1 || tile.at[i] < histogram_edge(bin + 1));
		}
		kernels->histogram(tile.at, counts[c], bins);
		guarded_free(&tile);
	}
	ck_assert_mem_eq(bins, expected, (size_t)lanes * HISTOGRAM_BINS * sizeof(*bins));
	free(bins);
	free(expected);
}
END_TEST

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x < y) - (x > y);
}

START_TEST(columns_are_sorted_and_ranked)
{
	const struct kernels *kernels = tables[_i];
	int lanes = kernels->lanes;
	for (int64_t count = 1, room = SORT_ROOM; count <= 600; count += 1 + count / 3) {
		while (room < count)
			room *= 2;
		struct guarded tile = guarded_new(room * lanes);
		uint64_t seed = (uint64_t)count;
		float *rows = malloc((size_t)(count * lanes) * sizeof(float));
		for (int64_t k = 0; k < count; k++)
			for (int lane = 0; lane < lanes; lane++)
				rows[lane * count + k] = tile.at[k * lanes + lane] =
					random_next(&seed) % 5 == 0 ? 0 : (float)exp2((double)(random_next(&seed) % 100) / 8 - 14);
		kernels->sort_keys(tile.at, count);
		double sum[MAX_LANES] = { 0 }, moment[MAX_LANES] = { 0 };
		kernels->rank_sums(tile.at, count, 3, sum, moment);
		for (int lane = 0; lane < lanes; lane++) {
			double total = 0, weighted = 0;
			qsort(rows + lane * count, (size_t)count, sizeof(float), descending);
			for (int64_t k = 0; k < count; k++) {
				double value = (double)rows[lane * count + k];
				ASSERT_SAME(tile.at[k * lanes + lane], value);
				total += value;
				weighted += (double)(k + 3) * value;
			}
			ASSERT_SAME(sum[lane], total);
			ASSERT_NEAR(moment[lane] - weighted, 1e-12 * weighted);
		}
		free(rows);
		guarded_free(&tile);
	}
}
END_TEST

START_TEST(transposing_and_scaling_move_the_right_numbers)
{
	const struct kernels *kernels = tables[_i];
	int lanes = kernels->lanes;
	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		int64_t count = counts[c];
		struct guarded tile = tile_of(kernels, count), factor = guarded_new(lanes), rows = guarded_new(count * lanes);
		random_fill(tile.at, count * lanes, c, 1);
		kernels->transpose(tile.at, count, rows.at, count);
		for (int lane = 0; lane < lanes; lane++)
			factor.at[lane] = lane % 3 == 0 ? 0 : 2;
		tile.at[0] = INFINITY;
		kernels->scale_block(tile.at, count, factor.at);
		for (int lane = 0; lane < lanes; lane++)
			for (int64_t k = 0; k < count; k++)
				ASSERT_SAME(tile.at[k * lanes + lane], lane % 3 == 0 ? 0 : 2 * rows.at[lane * count + k]);
		guarded_free(&tile);
		guarded_free(&factor);
		guarded_free(&rows);
	}
}
END_TEST

START_TEST(values_are_accumulated_for_all_sizes)
{
	const struct kernels *kernels = tables[_i];
	static const int64_t widths[] = { 1, 3, 8, 15, 64, 130 };
	int lanes = kernels->lanes;
	for (size_t w = 0; w < sizeof(widths) / sizeof(*widths); w++) {
		for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
			int64_t width = widths[w], count = counts[c];
			struct guarded tile = tile_of(kernels, count), packed = guarded_new(padded(width) * count), out = guarded_new(2 * padded(width) * lanes);
			float *values = malloc((size_t)(count * width) * sizeof(float)), rescale[MAX_LANES];
			random_fill(tile.at, count * lanes, w, 1);
			random_fill(values, count * width, c + 50, 1);
			random_fill(rescale, MAX_LANES, 8, 1);
			double *output = (double *)out.at;
			for (int64_t i = 0; i < padded(width) * lanes; i++)
				output[i] = 2;
			kernels_pack_values(values, width, count, width, packed.at);
			kernels->accumulate_values(tile.at, count, packed.at, count, width, w % 2 ? rescale : NULL, output);
			for (int64_t column = 0; column < width; column++) {
				for (int lane = 0; lane < lanes; lane++) {
					double sum = 2 * (w % 2 ? (double)rescale[lane] : 1);
					for (int64_t k = 0; k < count; k++)
						sum += (double)tile.at[k * lanes + lane] * (double)values[k * width + column];
					ASSERT_NEAR(output[column * lanes + lane] - sum, 1e-6 * (2 + sqrt((double)count) * 3));
				}
			}
			free(values);
			guarded_free(&tile);
			guarded_free(&packed);
			guarded_free(&out);
		}
	}
}
END_TEST

START_TEST(a_limit_selects_a_table_and_unknown_names_none)
{
	ck_assert_ptr_eq(kernels_select(NULL), tables[0]);
	for (int i = 0; i < table_count; i++)
		ck_assert_ptr_eq(kernels_select(tables[i]->name), tables[i]);
	ck_assert_str_eq(tables[table_count - 1]->name, "c");
	ck_assert_ptr_null(kernels_select("mmx"));
	for (int i = 0; i < table_count; i++)
		ck_assert_int_eq(48 % tables[i]->lanes, 0);
}
END_TEST

START_TEST(partial_results_merge_and_nothing_changes_nothing)
{
	double lse = log(2), other = log(6), output[2] = { 1, 4 }, more[2] = { 5, 0 };
	softmax_merge(&lse, output, other, more, 2);
	ASSERT_NEAR(lse - log(8), 1e-15);
	ASSERT_NEAR(output[0] - 4, 1e-15);
	ASSERT_NEAR(output[1] - 1, 1e-15);
	softmax_merge(&lse, output, -INFINITY, more, 2);
	ASSERT_NEAR(lse - log(8), 1e-15);
	double empty = -INFINITY, target[2] = { NAN, NAN };
	softmax_merge(&empty, target, 1000, more, 2);
	ASSERT_SAME(empty, 1000);
	ASSERT_SAME(target[0], 5);
	double none = -INFINITY;
	softmax_merge(&none, NULL, -INFINITY, NULL, 0);
	ASSERT_SAME(none, -INFINITY);
}
END_TEST

int main(void)
{
	find_tables();
	Suite *suite = suite_create("kernels");
	TCase *tcase = tcase_create("tables");
	tcase_add_loop_test(tcase, dot_products_agree_with_double_for_all_sizes, 0, table_count);
	tcase_add_loop_test(tcase, bfloat16_products_are_exact_and_sums_float32, 0, table_count);
	tcase_add_loop_test(tcase, powers_of_two_are_within_the_stated_error_and_exactly_zero_below, 0, table_count);
	tcase_add_loop_test(tcase, exponentials_between_products_give_the_bits_that_they_give_alone, 0, table_count);
	tcase_add_loop_test(tcase, softmax_sums_agree_with_double_across_blocks, 0, table_count);
	tcase_add_loop_test(tcase, weights_that_are_no_softmax_are_summed, 0, table_count);
	tcase_add_loop_test(tcase, soft_cap_is_a_hyperbolic_tangent, 0, table_count);
	tcase_add_loop_test(tcase, reducers_agree_with_double, 0, table_count);
	tcase_add_loop_test(tcase, a_histogram_counts_every_value_once_in_its_bin, 0, table_count);
	tcase_add_loop_test(tcase, columns_are_sorted_and_ranked, 0, table_count);
	tcase_add_loop_test(tcase, transposing_and_scaling_move_the_right_numbers, 0, table_count);
	tcase_add_loop_test(tcase, values_are_accumulated_for_all_sizes, 0, table_count);
	tcase_add_test(tcase, a_limit_selects_a_table_and_unknown_names_none);
	tcase_add_test(tcase, partial_results_merge_and_nothing_changes_nothing);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
