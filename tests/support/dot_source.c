/* SPDX-License-Identifier: MIT */
#include "support/dot_source.h"

#include <math.h>
#include <string.h>

static const struct dot_source *dot_of(const struct source *source)
{
	return (const struct dot_source *)source;
}

static int64_t key_head(const struct dot_source *dot, int64_t map)
{
	return map / (dot->source.heads / dot->key_heads);
}

static enum coverage coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct dot_source *dot = dot_of(source);
	bool some = false, all = true;
	for (int64_t row = first; row <= last; row++) {
		for (int64_t key = begin; key < end; key++) {
			bool visible = !dot->sees || dot->sees(dot, map, row, key);
			some |= visible;
			all &= visible;
		}
	}
	return all ? TILE_FULL : some ? TILE_PARTIAL : TILE_EMPTY;
}

/* Monotone masks are judged by two corners. */
static enum coverage causal_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	(void)map;
	int64_t diagonal = source->keys - source->queries;
	if (begin > last + diagonal)
		return TILE_EMPTY;
	return end - 1 <= first + diagonal ? TILE_FULL : TILE_PARTIAL;
}

static bool visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct dot_source *dot = dot_of(source);
	return !dot->sees || dot->sees(dot, map, row, key);
}

static int64_t support(const struct source *source, int64_t map, int64_t row)
{
	int64_t count = 0;
	for (int64_t key = 0; key < source->keys; key++)
		count += visible(source, map, row, key);
	return count;
}

static int64_t causal_support(const struct source *source, int64_t map, int64_t row)
{
	(void)map;
	int64_t last = row + source->keys - source->queries;
	return last < 0 ? 0 : last + 1;
}

static bool causal_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	*begin = 0;
	*end = causal_support(source, map, row);
	return *end > 0;
}

static int64_t prepared_id(const struct source *source, int64_t map)
{
	return key_head(dot_of(source), map);
}

static size_t prepared_size(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return (size_t)((source->keys + KEY_PANEL - 1) / KEY_PANEL * KEY_PANEL * dot_of(source)->dim) * sizeof(float);
}

static enum err prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
			struct err_info *info)
{
	(void)kernels;
	(void)info;
	const struct dot_source *dot = dot_of(source);
	const float *keys = dot->key + (key_head(dot, map) * source->keys + begin) * dot->dim;
	kernels_pack_keys(keys, dot->dim, end - begin, dot->dim, (float *)prepared + begin * dot->dim);
	return ERR_OK;
}

static size_t rows_size(const struct source *source, const struct kernels *kernels)
{
	return (size_t)(dot_of(source)->dim * kernels->lanes) * sizeof(float);
}

static float unit(const struct dot_source *dot)
{
	return (float)(dot->scale * (dot->source.norm == NORM_SOFTMAX ? 1.44269504088896340736 : 1));
}

static enum err load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	(void)info;
	const struct dot_source *dot = dot_of(source);
	float *packed = loaded;
	memset(packed, 0, rows_size(source, kernels));
	for (int lane = 0; lane < rows->count; lane++) {
		const float *query = dot->query + (rows->map * source->queries + rows->row[lane]) * dot->dim;
		for (int64_t d = 0; d < dot->dim; d++)
			packed[d * kernels->lanes + lane] = query[d] * unit(dot);
	}
	return ERR_OK;
}

static enum err fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	(void)info;
	static const float zero[MAX_LANES];
	const struct dot_source *dot = dot_of(source);
	const struct row_group *rows = fill->rows;
	const float *keys = (const float *)fill->prepared + fill->key * dot->dim;
	fill->kernels->dot_tile(fill->loaded, keys, dot->dim, fill->count, dot->cap > 0 ? zero : fill->offset, fill->tile, fill->weave);
	if (dot->cap > 0 || fill->partial)
		fill_changed(fill);
	if (dot->cap > 0)
		fill->kernels->soft_cap(fill->tile, fill->count, (float)(dot->cap * 1.44269504088896340736), fill->offset);
	for (int64_t k = 0; k < fill->count && fill->partial; k++)
		for (int lane = 0; lane < rows->count; lane++)
			if (!visible(source, rows->map, rows->row[lane], fill->key + k))
				fill->tile[k * fill->kernels->lanes + lane] = source->norm == NORM_SOFTMAX ? -INFINITY : 0;
	return ERR_OK;
}

static enum err score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	(void)info;
	const struct dot_source *dot = dot_of(source);
	const float *query = dot->query + (map * source->queries + row) * dot->dim, *keys = dot->key + key_head(dot, map) * source->keys * dot->dim;
	for (int64_t key = 0; key < source->keys; key++) {
		double sum = 0;
		for (int64_t d = 0; d < dot->dim; d++)
			sum += (double)query[d] * (double)keys[key * dot->dim + d];
		sum *= dot->scale;
		if (dot->cap > 0)
			sum = dot->cap * tanh(sum / dot->cap);
		score[key] = visible(source, map, row, key) ? sum : source->norm == NORM_SOFTMAX ? -INFINITY : 0;
	}
	return ERR_OK;
}

void dot_source_refresh(struct dot_source *dot)
{
	bool causal = dot->sees == dot_causal;
	dot->ops = (struct source_ops){
		.name = "dot", .visible = visible, .prepared_id = prepared_id, .prepared_size = prepared_size, .prepare = prepare, .rows_size = rows_size,
		.load_rows = load_rows, .fill = dot->use_score64 ? NULL : fill, .score64 = score64,
		.coverage = !dot->sees ? NULL : causal ? causal_coverage : coverage,
		.support = !dot->sees ? NULL : causal ? causal_support : support,
		.span = causal ? causal_span : NULL,
	};
	dot->source.ops = &dot->ops;
}

void dot_source_init(struct dot_source *dot, const float *query, const float *key, int64_t maps, int64_t key_heads, int64_t queries, int64_t keys, int64_t dim)
{
	*dot = (struct dot_source){ .query = query, .key = key, .dim = dim, .key_heads = key_heads, .scale = 1 / sqrt((double)dim) };
	dot->source = (struct source){ .layers = 1, .batches = 1, .heads = maps, .queries = queries, .keys = keys, .norm = NORM_SOFTMAX,
				       .is_stochastic = true };
	dot_source_refresh(dot);
}

bool dot_causal(const struct dot_source *dot, int64_t map, int64_t row, int64_t key)
{
	(void)map;
	return key <= row + dot->source.keys - dot->source.queries;
}

bool dot_window(const struct dot_source *dot, int64_t map, int64_t row, int64_t key)
{
	return dot_causal(dot, map, row, key) && key > row + dot->source.keys - dot->source.queries - 40;
}

bool dot_random(const struct dot_source *dot, int64_t map, int64_t row, int64_t key)
{
	uint64_t state = dot->seed ^ (uint64_t)(map * 1000003 + row) * 0x9e3779b97f4a7c15u;
	if (random_next(&state) % 16 == 0)
		return false;
	state ^= (uint64_t)key * 0xbf58476d1ce4e5b9u;
	return random_next(&state) % 3 == 0;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

double random_normal(uint64_t *state)
{
	double radius = ((double)(random_next(state) >> 11) + 1) * 0x1p-53, angle = (double)(random_next(state) >> 11) * 0x1p-53;
	return sqrt(-2 * log(radius)) * cos(6.283185307179586 * angle);
}

void random_fill(float *to, int64_t count, uint64_t seed, double deviation)
{
	for (int64_t i = 0; i < count; i++)
		to[i] = (float)(deviation * random_normal(&seed));
}
