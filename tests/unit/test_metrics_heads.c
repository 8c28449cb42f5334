/* SPDX-License-Identifier: MIT */
/* Metrics of whole heads and of keys against their definitions, entry by entry in double. */
#include <math.h>
#include <stdlib.h>

#include "support/measured.h"
#include "support/near.h"
#include "support/suite.h"
#include "support/toy_map.h"

/* Sums of the keys of a map, and what follows from them. */
struct keys {
	double mass[400], seen[400], recent[400], total;
	bool heavy[400];
};

static void keys_init(struct keys *keys, const struct map *map, int64_t kept)
{
	*keys = (struct keys){ .total = 0 };
	for (int64_t i = 0; i < map->queries * map->keys; i++) {
		keys->mass[i % map->keys] += map->weight[i];
		keys->seen[i % map->keys] += map->visible[i];
		keys->total += map->weight[i];
	}
	for (int64_t n = 0; n < kept; n++) {
		int64_t best = -1;
		for (int64_t j = 0; j < map->keys; j++)
			if (!keys->heavy[j] && (best < 0 || keys->mass[j] > keys->mass[best]))
				best = j;
		keys->heavy[best] = true;
	}
}

static const struct { int64_t queries, keys; int mask; } shapes[] = {
	{ 130, 130, CAUSAL }, { 60, 300, FULL }, { 100, 90, HOLES }, { 40, 70, CAUSAL }, { 9, 5, FULL },
};

START_TEST(what_keys_receive)
{
	struct map map;
	struct measured measured;
	struct keys keys;
	map_init(&map, shapes[_i].queries, shapes[_i].keys, shapes[_i].mask, NORM_SOFTMAX, 6);
	int64_t kept = (map.keys + 9) / 10;
	keys_init(&keys, &map, kept);
	measure(&measured, &map.feed.source, "received,received_mean,sink_rate,sink_keys,heavy,heavy_recall", NULL, NULL, NULL);
	double heavy = 0, recall = 0, sinks = 0;
	for (int64_t i = 0; i < map.queries * map.keys; i++) {
		int64_t j = i % map.keys, after = i / map.keys + map.feed.source.diagonal - j;
		heavy += keys.heavy[j] ? map.weight[i] : 0;
		recall += keys.heavy[j] || (after >= 0 && after < kept) ? map.weight[i] : 0;
	}
	for (int64_t j = 0; j < map.keys; j++) {
		ASSERT_NEAR(measured.per_key[METRIC_RECEIVED][j] - keys.mass[j], 1e-5);
		if (keys.seen[j] > 0)
			ASSERT_NEAR(measured.per_key[METRIC_RECEIVED_MEAN][j] - keys.mass[j] / keys.seen[j], 1e-6);
		sinks += keys.mass[j] / keys.seen[j] > 0.3;
	}
	ASSERT_NEAR(measured.value[0][METRIC_SINK_KEYS].value - sinks, 0);
	ASSERT_NEAR(measured.value[0][METRIC_SINK_RATE].value - (keys.mass[0] / keys.seen[0] > 0.3), 0);
	ASSERT_NEAR(measured.value[0][METRIC_HEAVY].value - heavy / keys.total, 1e-6);
	ASSERT_NEAR(measured.value[0][METRIC_HEAVY_RECALL].value - recall / keys.total, 1e-6);
	measured_release(&measured);
	map_release(&map);
}
END_TEST

START_TEST(weights_by_distance)
{
	struct map map;
	struct measured measured;
	int64_t sampled[] = { 0, 3, 4, 5, 20, 37 };
	map_init(&map, 40, 300, _i, NORM_SOFTMAX, 3);
	map.feed.source.is_causal = _i == CAUSAL;
	for (int sample = 0; sample < 2; sample++) {
		struct driver_options options = { .rows = sample ? sampled : NULL, .row_count = 6 };
		measure(&measured, &map.feed.source, "distance_profile", NULL, &options, NULL);
		int64_t first = measured.list_first[METRIC_DISTANCE_PROFILE],
			count = measured.list_count[METRIC_DISTANCE_PROFILE];
		ck_assert_int_eq(first, _i == CAUSAL ? 0 : -(300 - 1 - map.feed.source.diagonal));
		ck_assert_int_eq(first + count - 1, 39 + map.feed.source.diagonal);
		for (int64_t n = 0; n < count; n++) {
			double sum = 0, rows = 0;
			for (int64_t i = 0; i < (sample ? 6 : 40); i++) {
				int64_t row = sample ? sampled[i] : i, key = row + map.feed.source.diagonal - (first + n);
				if (key < 0 || key >= 300 || (_i == HOLES && row % 7 == 3))
					continue;
				sum += map.weight[row * 300 + key];
				rows++;
			}
			double found = measured.list[METRIC_DISTANCE_PROFILE][n];
			ck_assert_int_eq(isnan(found), rows == 0);
			if (rows > 0)
				ASSERT_NEAR(found - sum / rows, 1e-6);
		}
		measured_release(&measured);
	}
	map_release(&map);
}
END_TEST

START_TEST(favourite_offset_of_the_strongest_key)
{
	struct map map;
	struct measured measured;
	map_init(&map, 200, 200, CAUSAL, NORM_SOFTMAX, 1);
	for (int64_t i = 0; i < 150; i++)
		map.score[i * 200 + (i > 2 ? i - 3 : 0)] = 9;
	measure(&measured, &map.feed.source, "positional", NULL, NULL, NULL);
	ASSERT_NEAR(measured.value[0][METRIC_POSITIONAL].value * 200 - 147, 4);
	measured_release(&measured);
	map_release(&map);
}
END_TEST

START_TEST(few_blocks_hold_the_mass_of_a_local_head)
{
	struct map map;
	struct measured measured;
	map_init(&map, 640, 640, CAUSAL, NORM_SOFTMAX, 0);
	for (int64_t i = 0; i < 640; i++)
		map.score[i * 640 + i] = 30;
	measure(&measured, &map.feed.source, "blocks95", NULL, NULL, NULL);
	/* All of it on the diagonal: 95 % in 10 of the 55 blocks of a causal map that hold something. */
	ASSERT_NEAR(measured.value[0][METRIC_BLOCKS95].value - 10.0 / 55, 1e-12);
	measured_release(&measured);
	map_release(&map);
	map_init(&map, 640, 640, FULL, NORM_SOFTMAX, 0);
	measure(&measured, &map.feed.source, "blocks95", NULL, NULL, NULL);
	ASSERT_NEAR(measured.value[0][METRIC_BLOCKS95].value - 0.95, 1e-12);
	measured_release(&measured);
	map_release(&map);
}
END_TEST

/* Two maps share one head of values. */
START_TEST(values_weigh_what_is_attended)
{
	enum { MAPS = 2, QUERIES = 30, KEYS = 150, DIM = 5 };
	struct feed_source feed;
	struct measured measured;
	static double score[MAPS * QUERIES * KEYS];
	static float value[KEYS * DIM];
	uint64_t state = 9;
	for (int i = 0; i < MAPS * QUERIES * KEYS; i++)
		score[i] = 3 * feed_random(&state);
	for (int i = 0; i < KEYS * DIM; i++)
		value[i] = (float)feed_random(&state);
	struct tensor tensor = { .name = "V",
				 .dtype = DTYPE_F32,
				 .rank = 2,
				 .shape = { KEYS, DIM },
				 .stride = { DIM, 1 },
				 .data = (unsigned char *)value,
				 .scale = 1 };
	const struct tensor *slot = &tensor;
	struct heads heads = {
		.tensors = &slot, .tensor_count = 1, .size = { 1, 1, 1, KEYS, DIM }, .stride = { 0, 0, 0, DIM, 1 }
	};
	feed_source_init(&feed, MAPS, QUERIES, KEYS, NORM_SOFTMAX, score, NULL);
	feed.source.values = &heads;
	measure(&measured, &feed.source, "output_norm,value_norm,value_sink1", NULL, NULL, NULL);
	for (int map = 0; map < MAPS; map++) {
		double mean[3] = { 0 };
		for (int i = 0; i < QUERIES; i++) {
			double output[DIM] = { 0 }, sum = 0, first = 0, square = 0, all = 0;
			for (int j = 0; j < KEYS; j++)
				all += exp(score[(map * QUERIES + i) * KEYS + j]);
			for (int j = 0; j < KEYS; j++) {
				double p = exp(score[(map * QUERIES + i) * KEYS + j]) / all, length = 0;
				for (int d = 0; d < DIM; d++) {
					length += pow((double)value[j * DIM + d], 2);
					output[d] += p * (double)value[j * DIM + d];
				}
				sum += p * sqrt(length);
				first += j == 0 ? p * sqrt(length) : 0;
			}
			for (int d = 0; d < DIM; d++)
				square += output[d] * output[d];
			mean[0] += sqrt(square) / QUERIES;
			mean[1] += sum / QUERIES;
			mean[2] += first / sum / QUERIES;
		}
		ASSERT_NEAR(measured.value[map][METRIC_OUTPUT_NORM].value - mean[0], 2e-6);
		ASSERT_NEAR(measured.value[map][METRIC_VALUE_NORM].value - mean[1], 2e-6);
		ASSERT_NEAR(measured.value[map][METRIC_VALUE_SINK1].value - mean[2], 2e-6);
	}
	measured_release(&measured);
}
END_TEST

/* MInference's search on 200 keys: all its sizes times 200 / 32768, rounded up; the second half of the queries counts. */
struct search {
	const struct map *map;
	double column[200], diagonal[200];
};

static bool among_heaviest(const double *mass, int64_t index, int64_t budget, int64_t forced)
{
	int64_t before = 0;
	for (int64_t i = 0; i < 200; i++)
		before += i < forced ? i != index : mass[i] > mass[index];
	return index < forced || before < budget;
}

static double slash_mass(const struct search *search, int64_t columns, int64_t diagonals)
{
	double sum = 0;
	for (int64_t i = 100; i < 200; i++)
		for (int64_t j = 0; j <= i; j++)
			if (among_heaviest(search->column, j, columns, 1) ||
			    among_heaviest(search->diagonal, i - j, diagonals, 1))
				sum += search->map->weight[i * 200 + j];
	return sum / 100;
}

/* 7 blocks of 32 a side (the last has 8), of which each row of blocks keeps one; queries count from 100 on, which is within a row of blocks. */
static double block_mass(const struct map *map)
{
	double sum = 0;
	for (int64_t r = 3; r < 7; r++) {
		double block[7] = { 0 }, counted[7] = { 0 };
		int best = 0;
		for (int64_t i = 32 * r; i < 32 * r + 32 && i < 200; i++)
			for (int64_t j = 0; j < 200; j++) {
				block[j / 32] += map->weight[i * 200 + j];
				counted[j / 32] += i >= 100 ? map->weight[i * 200 + j] : 0;
			}
		for (int c = 1; c < 7; c++)
			best = block[c] > block[best] ? c : best;
		sum += counted[best];
	}
	return sum / 100;
}

START_TEST(patterns_keep_the_mass_that_they_cover)
{
	struct map map;
	struct measured measured;
	map_init(&map, 200, 200, CAUSAL, NORM_SOFTMAX, 2);
	map.feed.source.is_causal = true;
	/* Columns; a diagonal far off; a diagonal the other way, which only blocks keep; a band that the last queries do not have. */
	for (int64_t i = 0; i < 200; i++) {
		for (int64_t j = 17; j < 77; j += 3)
			map.score[i * 200 + j] += _i == 0 ? 6 : 0;
		map.score[i * 200 + (i > 40 ? i - 40 : 0)] += _i == 1 ? 8 : 0;
		map.score[i * 200 + 199 - i] += _i == 2 ? 9 : 0;
		for (int64_t j = 0; j < 5 && _i == 3 && i < 199; j++)
			map.score[i * 200 + (i > j ? i - j : 0)] += 6;
	}
	map_weigh(&map);
	struct search search = { .map = &map };
	for (int64_t i = 199; i < 200; i++) {
		for (int64_t j = 0; j <= i; j++) {
			search.column[j] += map.weight[i * 200 + j];
			search.diagonal[i - j] += map.weight[i * 200 + j];
		}
	}
	double a_shape = 0;
	for (int64_t i = 100; i < 200; i++)
		for (int64_t j = 0; j <= i; j++)
			a_shape += j < 1 || j > i - 5 ? map.weight[i * 200 + j] / 100 : 0;
	double slash = fmax(slash_mass(&search, 1, 5), fmax(slash_mass(&search, 4, 5), slash_mass(&search, 22, 1)));
	measure(&measured, &map.feed.source, "minference,a_shape,vertical_slash,block_sparse", NULL, NULL, NULL);
	ASSERT_NEAR(measured.value[0][METRIC_A_SHAPE].value - a_shape, 1e-6);
	ASSERT_NEAR(measured.value[0][METRIC_VERTICAL_SLASH].value - slash, 1e-6);
	ASSERT_NEAR(measured.value[0][METRIC_BLOCK_SPARSE].value - block_mass(&map), 1e-6);
	ck_assert_str_eq(measured.word[0], ((const char *[]){ "vertical-slash 22 1", "vertical-slash 4 5", "block-sparse 1/8",
							      "a-shape 1 5" })[_i]);
	measured_release(&measured);
	map_release(&map);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metrics of heads");
	TCase *tcase = tcase_create("metrics of heads");
	tcase_add_loop_test(tcase, what_keys_receive, 0, sizeof shapes / sizeof *shapes);
	tcase_add_loop_test(tcase, weights_by_distance, 0, 3);
	tcase_add_loop_test(tcase, patterns_keep_the_mass_that_they_cover, 0, 4);
	tcase_add_test(tcase, favourite_offset_of_the_strongest_key);
	tcase_add_test(tcase, few_blocks_hold_the_mass_of_a_local_head);
	tcase_add_test(tcase, values_weigh_what_is_attended);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
