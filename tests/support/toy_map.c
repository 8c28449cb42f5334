/* SPDX-License-Identifier: MIT */
#include "support/toy_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void map_weigh(struct map *map)
{
	bool softmax = map->feed.source.norm == NORM_SOFTMAX;
	for (int64_t i = 0; i < map->queries; i++) {
		double sum = 0;
		for (int64_t j = 0; j < map->keys; j++) {
			int64_t at = i * map->keys + j;
			map->weight[at] = !map->visible[at] ? 0 : softmax ? exp(map->score[at]) : map->score[at];
			sum += map->weight[at];
		}
		for (int64_t j = 0; j < map->keys && softmax && sum > 0; j++)
			map->weight[i * map->keys + j] /= sum;
	}
}

void map_init(struct map *map, int64_t queries, int64_t keys, int mask, enum normalisation norm, double spread)
{
	uint64_t state = 11;
	memset(map, 0, sizeof *map);
	map->queries = queries;
	map->keys = keys;
	map->score = calloc((size_t)(queries * keys), sizeof *map->score);
	map->weight = calloc((size_t)(queries * keys), sizeof *map->weight);
	map->visible = calloc((size_t)(queries * keys), sizeof *map->visible);
	for (int64_t i = 0; i < queries * keys; i++) {
		map->score[i] = spread * feed_random(&state);
		if (norm == NORM_NONE)
			map->score[i] = exp(map->score[i]);
		map->visible[i] = mask != HOLES || (i / keys % 7 != 3 && feed_random(&state) > -0.3);
	}
	if (mask == CAUSAL)
		feed_causal(map->visible, queries, keys);
	feed_source_init(&map->feed, 1, queries, keys, norm, map->score, map->visible);
	map->feed.source.diagonal = keys > queries ? keys - queries : 0;
	map_weigh(map);
}

void map_release(struct map *map)
{
	free(map->score);
	free(map->weight);
	free(map->visible);
}
