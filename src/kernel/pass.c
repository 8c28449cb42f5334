/* SPDX-License-Identifier: MIT */
#include "kernel/pass.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/filter.h"

#define LN2 0.69314718055994530942
#define LOG2E 1.44269504088896340736

static int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t output_width(const struct pass *pass)
{
	return pass->needs & SINK_OUTPUT ? pass->source->values->size[AXIS_DIM] : 0;
}

static int64_t output_rows(const struct pass *pass)
{
	return (output_width(pass) + KEY_PANEL - 1) / KEY_PANEL * KEY_PANEL;
}

/* A source without fill keeps its rows in double until a tile is cut from them. */
static size_t loaded_size(const struct pass *pass)
{
	const struct source *source = pass->source;
	if (source->ops->filter)
		return 0;
	if (!source->ops->fill)
		return (size_t)source->keys * (size_t)pass->kernels->lanes * sizeof(double);
	return source->ops->rows_size ? source->ops->rows_size(source, pass->kernels) : 0;
}

bool pass_group_init(const struct pass *pass, struct group *group)
{
	size_t loaded = loaded_size(pass), output = (size_t)(output_rows(pass) * pass->kernels->lanes) * sizeof(double);
	if (pass->source->ops->filter) {
		group->strip = mem_zero_array(1, sizeof *group->strip);
		return group->strip && strip_init(group->strip, pass->source->keys, pass->kernels->lanes);
	}
	if (loaded && !(group->loaded = mem_aligned(loaded)))
		return false;
	return !output || (group->output = mem_aligned(output));
}

void pass_group_release(struct group *group)
{
	if (group->strip)
		strip_release(group->strip);
	free(group->strip);
	mem_aligned_free(group->loaded);
	mem_aligned_free(group->output);
	*group = (struct group){ 0 };
}

size_t pass_group_size(const struct pass *pass)
{
	return sizeof(struct group) + loaded_size(pass) + (size_t)(output_rows(pass) * pass->kernels->lanes) * sizeof(double);
}

/* Row groups that sweep together. */
static int64_t groups_together(const struct source *source, const struct kernels *kernels, int64_t row_tile)
{
	const struct filter_ops *filter = source->ops->filter;
	int64_t count = filter ? (filter->together ? filter->together(source, kernels) : 1) : row_tile > kernels->lanes ? row_tile / kernels->lanes : 1;
	return min_i64(count, ITEM_ROWS / kernels->lanes);
}

enum err pass_init(struct pass *pass, const struct source *source, const struct kernels *kernels, const struct prepared *prepared,
		   struct sink *const *sinks, int sink_count, int64_t row_tile, int64_t key_tile, struct err_info *info)
{
	*pass = (struct pass){ .source = source, .kernels = kernels, .prepared = prepared, .sinks = sinks, .sink_count = sink_count };
	for (int i = 0; i < sink_count; i++)
		pass->needs |= sinks[i]->ops->needs;
	pass->key_tile = key_tile > 0 ? (key_tile + KEY_BLOCK - 1) / KEY_BLOCK * KEY_BLOCK : INT64_MAX / 2 / KEY_BLOCK * KEY_BLOCK;
	pass->group_count = groups_together(source, kernels, row_tile);
	pass->group = mem_zero_array((size_t)pass->group_count, sizeof(*pass->group));
	pass->scratch = mem_aligned(sizeof(*pass->scratch));
	pass->output = mem_aligned((size_t)(output_rows(pass) * kernels->lanes) * sizeof(float));
	bool complete = pass->group && pass->scratch && pass->output;
	for (int64_t i = 0; i < pass->group_count && complete; i++)
		complete = pass_group_init(pass, &pass->group[i]);
	if (complete && source->ops->filter)
		complete = (pass->filter = source->ops->filter->open(source, kernels)) != NULL;
	if (complete)
		return ERR_OK;
	pass_release(pass);
	return err_nomem(info, "the tiles");
}

void pass_release(struct pass *pass)
{
	for (int64_t i = 0; i < pass->group_count && pass->group; i++)
		pass_group_release(&pass->group[i]);
	free(pass->group);
	mem_aligned_free(pass->scratch);
	mem_aligned_free(pass->output);
	if (pass->filter)
		pass->source->ops->filter->close(pass->filter);
	*pass = (struct pass){ 0 };
}

static enum err load_scores(const struct pass *pass, const struct row_group *rows, double *scores, struct err_info *info)
{
	const struct source *source = pass->source;
	for (int lane = 0; lane < rows->count; lane++) {
		enum err err = source->ops->score64(source, rows->map, rows->row[lane], scores + lane * source->keys, info);
		if (err)
			return err;
	}
	return ERR_OK;
}

static void fill_from_scores(const struct pass *pass, const struct group *group, int64_t key, int64_t count, const float *offset, float *tile)
{
	const double *scores = group->loaded, unit = pass->source->norm == NORM_SOFTMAX ? LOG2E : 1;
	int lanes = pass->kernels->lanes;
	memset(tile, 0, (size_t)(count * lanes) * sizeof(float));
	for (int lane = 0; lane < group->rows.count; lane++)
		for (int64_t k = 0; k < count; k++)
			tile[k * lanes + lane] = (float)(scores[lane * pass->source->keys + key + k] * unit + (double)offset[lane]);
}

static enum err start_from_anchor(const struct pass *pass, struct group *group, struct err_info *info)
{
	const struct source *source = pass->source;
	if (!source->ops->anchor || source->norm != NORM_SOFTMAX)
		return ERR_OK;
	for (int lane = 0; lane < group->rows.count; lane++)
		group->state.above[lane] = 0;
	return source->ops->anchor(source, &group->rows, group->state.base, info);
}

enum err pass_make(const struct pass *pass, struct group *group, int64_t groups, struct err_info *info)
{
	struct made_rows made[ITEM_ROWS];
	for (int64_t g = 0; g < groups; g++) {
		strip_clear(group[g].strip);
		made[g] = (struct made_rows){ &group[g].rows, group[g].strip, group[g].stats };
	}
	return pass->source->ops->filter->rows(pass->filter, made, (int)groups, pass->keys, pass->needs, info);
}

enum err pass_load(const struct pass *pass, struct group *group, struct err_info *info)
{
	const struct source *source = pass->source;
	softmax_state_init(&group->state);
	group->has_beside = false;
	if (group->output)
		memset(group->output, 0, (size_t)(output_rows(pass) * pass->kernels->lanes) * sizeof(double));
	enum err err = start_from_anchor(pass, group, info);
	if (err)
		return err;
	if (!source->ops->fill)
		return load_scores(pass, &group->rows, group->loaded, info);
	return source->ops->load_rows ? source->ops->load_rows(source, pass->kernels, &group->rows, group->loaded, info) : ERR_OK;
}

static enum coverage group_coverage(const struct source *source, const struct row_group *rows, int64_t begin, int64_t end)
{
	return source->ops->coverage(source, rows->map, rows->row[0], rows->row[rows->count - 1], begin, end);
}

/* Coverage of the key block at `key`, and how many of its keys are worth a look: panels at its end that no row sees are
 * cut off, which takes most of the waste from the diagonal of a causal map. */
static enum coverage block_coverage(const struct source *source, const struct row_group *rows, int64_t key, int64_t *count)
{
	*count = min_i64(KEY_BLOCK, source->keys - key);
	enum coverage coverage = source->ops->coverage ? group_coverage(source, rows, key, key + *count) : TILE_FULL;
	if (coverage != TILE_PARTIAL)
		return coverage;
	int64_t low = 0, high = (*count + KEY_PANEL - 1) / KEY_PANEL;
	while (high - low > 1) {
		int64_t middle = (low + high) / 2;
		if (group_coverage(source, rows, key + middle * KEY_PANEL, key + *count) == TILE_EMPTY)
			high = middle;
		else
			low = middle;
	}
	*count = min_i64(*count, high * KEY_PANEL);
	return TILE_PARTIAL;
}

/* A tile that is filled, and waits for its exponentials. */
struct block {
	int64_t key, count; /* count 0: there is none */
	float *tile;
	bool moved;         /* softmax_open said so */
};

/* Fill the tile that does not wait. */
static enum err fill_block(const struct pass *pass, const struct group *group, const struct block *waiting, struct block *block, enum coverage coverage,
			   const float *offset, struct err_info *info)
{
	const struct source *source = pass->source;
	struct scratch *scratch = pass->scratch;
	block->tile = scratch->tile[waiting->tile == scratch->tile[0]];
	scratch->weave.has_max = false;
	scratch->weave.fold = waiting->count ? &scratch->fold : NULL;
	struct fill fill = { .kernels = pass->kernels, .rows = &group->rows, .prepared = pass->keys, .loaded = group->loaded, .key = block->key, .count = block->count,
			     .partial = coverage == TILE_PARTIAL, .offset = offset, .tile = block->tile,
			     .weave = source->norm == NORM_SOFTMAX ? &scratch->weave : NULL };
	if (source->ops->fill)
		return source->ops->fill(source, &fill, info);
	fill_from_scores(pass, group, block->key, block->count, offset, block->tile);
	return ERR_OK;
}

static void sum_block(const struct pass *pass, struct group *group, const struct block *block)
{
	struct fold *fold = &pass->scratch->fold;
	if (!block->count)
		return;
	if (pass->source->norm == NORM_SOFTMAX) {
		pass->kernels->fold_rest(fold);
		pass->kernels->softmax_close(fold, &group->state);
	}
	if (pass->taker && pass->taker->take)
		pass->taker->take(pass->taker->data, block->key, block->count, block->tile, block->moved ? fold->factor : NULL);
	if (group->output)
		pass->kernels->accumulate_values(block->tile, block->count, prepared_values_block(pass->source, pass->values, block->key),
						 min_i64(KEY_BLOCK, pass->source->keys - block->key), output_width(pass), block->moved ? fold->factor : NULL,
						 group->output);
}

/* What a filter leaves out of the sums: the largest entry of the tile may be another one then. */
static void leave_out(const struct pass *pass, const struct group *group, const struct block *block)
{
	const struct taker *taker = pass->taker;
	if (taker && taker->leave_out && taker->leave_out(taker->data, block->key, block->count, block->tile, group->state.base))
		pass->scratch->weave.has_max = false;
}

static bool keeps_weights(const struct pass *pass, const struct group *group)
{
	return group->output != NULL || (pass->taker && pass->taker->take);
}

static bool only_sum(const struct pass *pass)
{
	return pass->taker && pass->taker->take && pass->taker->only_sum;
}

/* A filter has statistics of its own: of the weights that it takes, only what they are to be divided by is wanted. */
static void sum_weights(const struct pass *pass, struct group *group, const struct block *block)
{
	float sum[MAX_LANES] __attribute__((aligned(64))) = { 0 };
	if (pass->source->norm == NORM_NONE)
		return;
	pass->kernels->sum_keys(block->tile, block->count, sum);
	for (int lane = 0; lane < pass->kernels->lanes; lane++)
		group->state.sum[lane] += (double)sum[lane];
}

/* The weights of a source that is a filter itself are whole already. */
static void take_strip(const struct pass *pass, const struct group *group)
{
	const struct strip *strip = group->strip;
	for (int64_t key = 0; key < strip->keys && pass->taker; key += KEY_BLOCK)
		if (strip->filled[key / KEY_BLOCK])
			pass->taker->take(pass->taker->data, key, strip->filled[key / KEY_BLOCK], strip->p + key * strip->lanes, NULL);
}

/* Pass 1 over the key blocks [begin, end) of one row group. */
enum err pass_sweep(const struct pass *pass, struct group *group, int64_t begin, int64_t end, struct err_info *info)
{
	const struct kernels *kernels = pass->kernels;
	struct scratch *scratch = pass->scratch;
	float offset[MAX_LANES] __attribute__((aligned(64)));
	struct block waiting = { 0 };
	if (pass->source->ops->filter) {
		take_strip(pass, group);
		return ERR_OK;
	}
	for (int64_t key = begin; key < end; key += KEY_BLOCK) {
		struct block block = { .key = key };
		enum coverage coverage = block_coverage(pass->source, &group->rows, key, &block.count);
		if (coverage == TILE_EMPTY)
			continue;
		for (int lane = 0; lane < kernels->lanes; lane++)
			offset[lane] = -group->state.base[lane];
		enum err err = fill_block(pass, group, &waiting, &block, coverage, offset, info);
		if (err)
			return err;
		sum_block(pass, group, &waiting);
		leave_out(pass, group, &block);
		if (pass->source->norm == NORM_SOFTMAX) {
			block.moved = kernels->softmax_open(block.tile, block.count, scratch->weave.has_max ? scratch->weave.max : NULL, &group->state,
							    pass->needs & SINK_LOGIT_MIN, keeps_weights(pass, group), &scratch->fold);
			scratch->fold.flags |= only_sum(pass) ? FOLD_ONLY_SUM : 0;
		} else if (pass->taker)
			sum_weights(pass, group, &block);
		else
			kernels->weights_block(block.tile, block.count, &group->state);
		waiting = block;
	}
	sum_block(pass, group, &waiting);
	return ERR_OK;
}

/* What the weights of a row are multiplied by where they are not a softmax. */
double pass_weight_factor(const struct source *source, double sum)
{
	if (source->norm == NORM_NONE)
		return 1;
	double total = sum + source->row_epsilon;
	return total != 0 ? 1 / total : 0;
}

/* With s the logits, b their base and l = sum e^(s - b): lse = b + ln l without a sink logit; p = e^(s - b) scale, where
 * scale is e^(b - lse). */
static struct row_stats softmax_stats(const struct pass *pass, const struct group *group, int lane)
{
	const struct softmax_state *state = &group->state;
	const double *sink = pass->source->sink_logit;
	bool apart = sink || group->has_beside; /* something joins the denominator that is none of the sums */
	double sum = state->sum[lane], base = (double)state->base[lane] * LN2, above = (double)state->above[lane] * LN2;
	bool seen = sum > 0;
	double below = seen ? -log(sum) : 0, scale = seen ? 1 / sum : 0, lse = seen ? base - below : -INFINITY;
	if (sink) {
		softmax_merge(&lse, NULL, sink[group->rows.map], NULL, 0);
		below = base - lse;
		scale = exp(below);
	}
	if (group->has_beside && group->beside[lane] > -INFINITY) {
		softmax_merge(&lse, NULL, group->beside[lane], NULL, 0);
		below = base - lse;
		scale = exp(below);
	}
	if (!seen)
		return (struct row_stats){ .lse = lse, .max = -INFINITY, .min = NAN };
	return (struct row_stats){
		.lse = lse,
		.max = base + above,
		.min = (double)state->min[lane] * LN2,
		.entropy = fmax(0, -scale * (LN2 * state->first[lane] + below * sum)),
		.sum_square = state->second[lane] * scale * scale,
		.sum = apart ? sum * scale : 1,
		.peak = fmin(1, exp(above) * scale),
	};
}

struct row_stats pass_weight_stats(const struct source *source, const struct softmax_state *state, int lane)
{
	double sum = state->sum[lane], factor = pass_weight_factor(source, sum);
	/* -sum p ln p with p = w f is -f (sum w ln w) - f ln f (sum w). */
	double entropy = factor > 0 ? -factor * LN2 * state->first[lane] - factor * log(factor) * sum : 0;
	return (struct row_stats){
		.lse = log(fmax(0, sum)),
		.max = (double)state->above[lane],
		.min = NAN,
		.entropy = source->is_signed ? NAN : entropy,
		.sum_square = state->second[lane] * factor * factor,
		.sum = sum * factor,
		.peak = (double)state->above[lane] * factor,
	};
}

void pass_settle(const struct pass *pass, struct group *group)
{
	const struct source *source = pass->source;
	for (int lane = 0; lane < group->rows.count; lane++) {
		struct row_stats *stats = &group->stats[lane];
		if (!source->ops->filter)
			*stats = source->norm == NORM_SOFTMAX ? softmax_stats(pass, group, lane) : pass_weight_stats(source, &group->state, lane);
		if (!(pass->needs & SINK_LOGIT_MIN))
			stats->min = NAN;
		stats->support = source->ops->support ? source->ops->support(source, group->rows.map, group->rows.row[lane]) : source->keys;
		/* Weights that are hidden are zeros of the row, whether a tile showed them or not. */
		if (source->norm != NORM_SOFTMAX && stats->support < source->keys) {
			stats->max = fmax(stats->max, 0);
			stats->peak = fmax(stats->peak, 0);
		}
	}
}

/* Outputs of a row group, as sinks see them. */
static const float *finish_output(const struct pass *pass, const struct group *group)
{
	int64_t width = output_width(pass);
	int lanes = pass->kernels->lanes;
	if (!group->output)
		return NULL;
	for (int lane = 0; lane < group->rows.count; lane++) {
		double sum = group->state.sum[lane];
		bool softmax = pass->source->norm == NORM_SOFTMAX;
		double factor = softmax ? (sum > 0 ? group->stats[lane].sum / sum : 0) : pass_weight_factor(pass->source, sum);
		for (int64_t c = 0; c < width; c++)
			pass->output[lane * width + c] = (float)(group->output[c * lanes + lane] * factor);
	}
	return pass->output;
}

/* How a lane's scores become weights: what to start them at, and 2^(score - shift) or score * factor. Lanes that hold no
 * row, and rows that see nothing, become zero. */
struct weighing {
	float offset[MAX_LANES], shift[MAX_LANES], factor[MAX_LANES];
	bool scaled; /* some factor is not 1 */
} __attribute__((aligned(64)));

static void weighing_init(struct weighing *weighing, const struct pass *pass, const struct group *group)
{
	*weighing = (struct weighing){ .scaled = false };
	for (int lane = 0; lane < pass->kernels->lanes; lane++) {
		double sum = group->state.sum[lane];
		bool softmax = pass->source->norm == NORM_SOFTMAX, live = lane < group->rows.count && (!softmax || sum > 0);
		weighing->offset[lane] = -group->state.base[lane];
		weighing->shift[lane] = live && softmax ? (float)(group->stats[lane].lse * LOG2E - (double)group->state.base[lane]) : INFINITY;
		weighing->factor[lane] = live ? (float)pass_weight_factor(pass->source, sum) : 0;
		weighing->scaled |= weighing->factor[lane] != 1;
	}
}

static void scan_block(const struct pass *pass, const struct item *item, int64_t lane0, const struct group *group, const struct block *block,
		       void *const *partial)
{
	if (!block->count)
		return;
	if (pass->source->norm == NORM_SOFTMAX)
		pass->kernels->fold_rest(&pass->scratch->fold);
	struct tile tile = { .rows = &group->rows, .stats = group->stats, .key = block->key, .count = block->count, .lanes = pass->kernels->lanes,
			     .p = block->tile, .kernels = pass->kernels, .source = pass->source };
	for (int i = 0; i < pass->sink_count; i++)
		if (pass->sinks[i]->ops->needs & SINK_TILES)
			pass->sinks[i]->ops->scan(pass->sinks[i], item, lane0, &tile, partial[i]);
}

static void scan_strip(const struct pass *pass, const struct item *item, int64_t lane0, const struct group *group, void *const *partial)
{
	const struct strip *strip = group->strip;
	for (int64_t key = 0; key < strip->keys; key += KEY_BLOCK) {
		struct block block = { .key = key, .count = strip->filled[key / KEY_BLOCK], .tile = strip->p + key * strip->lanes };
		scan_block(pass, item, lane0, group, &block, partial);
	}
}

/* Pass 2 over the key blocks [begin, end) of one row group. */
enum err pass_scan(const struct pass *pass, const struct item *item, int64_t lane0, const struct group *group, int64_t begin, int64_t end,
		   void *const *partial, struct err_info *info)
{
	const struct kernels *kernels = pass->kernels;
	struct fold *fold = &pass->scratch->fold;
	struct block waiting = { 0 };
	struct weighing weighing;
	if (pass->source->ops->filter) {
		scan_strip(pass, item, lane0, group, partial);
		return ERR_OK;
	}
	weighing_init(&weighing, pass, group);
	memcpy(fold->shift, weighing.shift, sizeof(fold->shift));
	for (int64_t key = begin; key < end; key += KEY_BLOCK) {
		struct block block = { .key = key };
		enum coverage coverage = block_coverage(pass->source, &group->rows, key, &block.count);
		if (coverage == TILE_EMPTY)
			continue;
		enum err err = fill_block(pass, group, &waiting, &block, coverage, weighing.offset, info);
		if (err)
			return err;
		scan_block(pass, item, lane0, group, &waiting, partial);
		if (pass->source->norm == NORM_SOFTMAX)
			fold_start(fold, block.tile, block.count, kernels->lanes);
		else if (weighing.scaled)
			kernels->scale_block(block.tile, block.count, weighing.factor);
		waiting = block;
	}
	scan_block(pass, item, lane0, group, &waiting, partial);
	return ERR_OK;
}

void pass_hand_out(const struct pass *pass, const struct item *item, int64_t lane0, const struct group *group, void *const *partial)
{
	const float *output = finish_output(pass, group);
	for (int i = 0; i < pass->sink_count; i++)
		if (pass->sinks[i]->ops->rows)
			pass->sinks[i]->ops->rows(pass->sinks[i], item, lane0, &group->rows, group->stats, output, output_width(pass), partial[i]);
}

static enum err finish_group(const struct pass *pass, const struct item *item, int64_t lane0, struct group *group, void *const *partial,
			     struct err_info *info)
{
	pass_settle(pass, group);
	enum err err = pass->needs & SINK_TILES ? pass_scan(pass, item, lane0, group, 0, pass->source->keys, partial, info) : ERR_OK;
	if (!err)
		pass_hand_out(pass, item, lane0, group, partial);
	return err;
}

/* Row groups that sweep together: pass 1 takes the keys in pieces that stay in cache while every group goes over them. */
static enum err run_groups(struct pass *pass, const struct item *item, int64_t lane0, void *const *partial, struct err_info *info)
{
	int lanes = pass->kernels->lanes;
	int64_t groups = 0;
	enum err err = ERR_OK;
	for (int64_t lane = lane0; lane < item->count && groups < pass->group_count && !err; lane += lanes, groups++) {
		struct group *group = &pass->group[groups];
		group->rows = (struct row_group){ .map = item->map, .count = (int)min_i64(lanes, item->count - lane), .row = item->row + lane };
		err = pass->filter ? ERR_OK : pass_load(pass, group, info);
	}
	if (pass->filter && !err)
		err = pass_make(pass, pass->group, groups, info);
	for (int64_t key = 0; key < pass->source->keys && !err; key += min_i64(pass->key_tile, pass->source->keys - key)) {
		int64_t end = min_i64(pass->source->keys, key + pass->key_tile);
		for (int64_t g = 0; g < groups && !err; g++)
			err = pass_sweep(pass, &pass->group[g], key, end, info);
	}
	for (int64_t g = 0; g < groups && !err; g++)
		err = finish_group(pass, item, lane0 + g * lanes, &pass->group[g], partial, info);
	return err;
}

enum err pass_item(struct pass *pass, const struct item *item, void *const *partial, const _Atomic int *stop, struct err_info *info)
{
	pass->keys = prepared_find(pass->prepared, PREPARED_SOURCE, item->map);
	pass->values = prepared_find(pass->prepared, PREPARED_VALUES, item->map);
	int64_t step = pass->group_count * pass->kernels->lanes;
	for (int64_t lane0 = 0; lane0 < item->count; lane0 += step) {
		enum err err = atomic_load(stop) ? err_set(info, ERR_INTERRUPTED, "stopped before the end") : run_groups(pass, item, lane0, partial, info);
		if (err)
			return err;
	}
	return ERR_OK;
}
