/* SPDX-License-Identifier: MIT */
#include "mechanism/masked.h"

#include <math.h>

static const double LOG2_E = 1.4426950408889634074;
static const double LN_2 = 0.6931471805599453094;
static const _Alignas(64) float no_offset[MAX_LANES];

static const struct masked *masked_of(const struct source *source)
{
	return (const struct masked *)source;
}

enum err masked_init(struct masked *masked, const struct mechanism *mechanism, const struct mechanism_args *args, const struct heads *query,
		     const struct heads *key, bool same_dim, double usual_scale, struct err_info *info)
{
	struct source *source = &masked->source;
	const struct mechanism_binding *value = mechanism_input_find(args, "value");
	masked->mechanism = mechanism;
	masked->query = query;
	masked->key = key;
	masked->is_softmax = source->norm == NORM_SOFTMAX;
	masked->stage = args->stage;
	masked->scale = isnan(args->scale) ? usual_scale : args->scale;
	masked->softcap = args->softcap;
	enum err err = mechanism_attend(source, query, key, value ? value->heads : NULL, same_dim, info);
	if (err)
		return err;
	source->is_stochastic = masked->is_softmax && args->stage == STAGE_WEIGHTS;
	if (masked->is_softmax && args->stage != STAGE_WEIGHTS) {
		source->norm = NORM_NONE;
		source->is_signed = true;
		source->hidden_infinite = args->stage == STAGE_BIASED;
	}
	return mechanism_mask(args, source, &masked->mask, info);
}

void masked_release(struct masked *masked)
{
	mask_release(&masked->mask);
}

double masked_factor(const struct masked *masked)
{
	return masked->scale * (masked->is_softmax ? LOG2_E : 1);
}

static bool is_capped(const struct masked *masked)
{
	return masked->softcap != 0 && masked->stage != STAGE_SCORES;
}

bool masked_hides(const struct masked *masked)
{
	return masked->stage == STAGE_WEIGHTS || masked->stage == STAGE_BIASED;
}

float masked_hidden(const struct masked *masked)
{
	return masked->source.norm == NORM_SOFTMAX ? -INFINITY : 0;
}

static const float *offset_after_cap(const struct masked *masked, const struct fill *fill)
{
	return masked_hides(masked) ? mask_offset(&masked->mask, fill) : fill->offset;
}

const float *masked_offset(const struct masked *masked, const struct fill *fill)
{
	return is_capped(masked) ? no_offset : offset_after_cap(masked, fill);
}

static void shown(float *tile, int64_t count, double unit)
{
	for (int64_t i = 0; i < count; i++)
		tile[i] = tile[i] == -INFINITY ? 0 : (float)(tile[i] * unit);
}

enum err masked_finish(const struct masked *masked, const struct fill *fill, struct err_info *info)
{
	int64_t layer, batch, head;
	enum err err = ERR_OK;
	if (is_capped(masked))
		fill->kernels->soft_cap(fill->tile, fill->count, (float)(masked->softcap * LOG2_E), offset_after_cap(masked, fill));
	source_map_id(&masked->source, fill->rows->map, &layer, &batch, &head);
	if (fill->partial && masked_hides(masked))
		err = mask_apply(&masked->mask, layer, batch, head, fill, info);
	if (masked->source.norm != NORM_SOFTMAX && (fill->partial || masked->is_softmax))
		shown(fill->tile, fill->count * fill->kernels->lanes, masked->is_softmax ? LN_2 : 1);
	return err;
}

enum err masked_finish64(const struct masked *masked, int64_t map, int64_t row, double *score, struct err_info *info)
{
	int64_t layer, batch, head, keys = masked->source.keys;
	enum err err = ERR_OK;
	for (int64_t j = 0; j < keys && is_capped(masked); j++)
		score[j] = masked->softcap * tanh(score[j] / masked->softcap);
	source_map_id(&masked->source, map, &layer, &batch, &head);
	if (masked_hides(masked))
		err = mask_apply64(&masked->mask, layer, batch, head, row, score, info);
	for (int64_t j = 0; j < keys && masked->source.norm != NORM_SOFTMAX; j++)
		score[j] = score[j] == -INFINITY ? 0 : score[j];
	return err;
}

int64_t masked_key_head(const struct masked *masked, int64_t map, int64_t *layer, int64_t *batch)
{
	int64_t head;
	source_map_id(&masked->source, map, layer, batch, &head);
	return mechanism_shared_index(head, masked->source.heads, masked->key->size[AXIS_HEAD]);
}

enum coverage masked_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct masked *masked = masked_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return masked_hides(masked) ? mask_coverage(&masked->mask, batch, first, last, begin, end) : TILE_FULL;
}

int64_t masked_support(const struct source *source, int64_t map, int64_t row)
{
	const struct masked *masked = masked_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return masked_hides(masked) ? mask_support(&masked->mask, layer, batch, head, row) : source->keys;
}

bool masked_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct masked *masked = masked_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return !masked_hides(masked) || mask_visible(&masked->mask, layer, batch, head, row, key);
}

bool masked_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	const struct masked *masked = masked_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	*begin = 0;
	*end = source->keys;
	return !masked_hides(masked) || mask_span(&masked->mask, layer, batch, head, row, begin, end);
}

int64_t masked_prepared_id(const struct source *source, int64_t map)
{
	const struct masked *masked = masked_of(source);
	int64_t layer, batch, head = masked_key_head(masked, map, &layer, &batch);
	return (layer * source->batches + batch) * masked->key->size[AXIS_HEAD] + head;
}
