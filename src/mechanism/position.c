/* SPDX-License-Identifier: MIT */
#include "mechanism/position.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/mechanism.h"

static const double LOG2_E = 1.4426950408889634074;

/* No text is longer; sums of positions cannot overflow. */
static const int64_t FARTHEST = INT64_C(1) << 40;

static int64_t shared_axis(int64_t index, int64_t size)
{
	return size == 1 ? 0 : index;
}

static enum err read_places(struct position *position, enum position_side side, const struct tensor *tensor, struct err_info *info)
{
	static const char *const what[] = { "query positions", "key positions" };
	int64_t tokens = position->tokens[side], batches = tensor->rank == 2 ? tensor->shape[0] : 1;
	enum err err = tensor->rank == 2 ? mechanism_expect_shape(tensor, what[side], 2, (int64_t[]){ batches == 1 ? 1 : position->batches, tokens }, info)
					 : mechanism_expect_shape(tensor, what[side], 1, &tokens, info);
	if (err)
		return err;
	position->place[side] = mem_array((size_t)position->batches, (size_t)tokens * sizeof *position->place[side]);
	if (!position->place[side])
		return err_nomem(info, what[side]);
	for (int64_t i = 0; i < position->batches * tokens && !err; i++) {
		int64_t at = shared_axis(i / tokens, batches) * tokens + i % tokens, *place = &position->place[side][i];
		err = tensor_integer_at(tensor, at, place, info);
		if (!err && (*place > FARTHEST || *place < -FARTHEST))
			err = err_set(info, ERR_VALUE, "%s '%s': %" PRId64 " (element %" PRId64 ") is not a position", what[side], tensor->name, *place, at);
	}
	return err;
}

/* Where each batch has queries at places of its own. */
static enum err place_queries(struct position *position, const struct mask *mask, struct err_info *info)
{
	int64_t queries = position->tokens[POSITION_QUERY];
	int64_t *place = mem_array((size_t)position->batches, (size_t)queries * sizeof *place);
	if (!place)
		return err_nomem(info, "query positions");
	for (int64_t i = 0; i < position->batches * queries; i++)
		place[i] = position->offset[POSITION_KEY] + mask_place(mask, i / queries, i % queries);
	position->place[POSITION_QUERY] = place;
	return ERR_OK;
}

static enum err find_places(struct position *position, const struct position_args *args, const struct mask *mask, struct err_info *info)
{
	position->offset[POSITION_KEY] = args->key_offset;
	position->offset[POSITION_QUERY] = args->has_query_offset ? args->query_offset : args->key_offset + mask->place;
	for (int side = 0; side < 2; side++)
		if (position->offset[side] > FARTHEST || position->offset[side] < -FARTHEST)
			return err_set(info, ERR_VALUE, "position offset %" PRId64 " is out of range", position->offset[side]);
	enum err err = ERR_OK;
	if (args->query_positions)
		err = read_places(position, POSITION_QUERY, args->query_positions, info);
	else if (mask->place_at_length && !args->has_query_offset)
		err = place_queries(position, mask, info);
	if (!err && args->key_positions)
		err = read_places(position, POSITION_KEY, args->key_positions, info);
	return err;
}

static void span(const struct position *position, int64_t *lowest, int64_t *highest)
{
	*lowest = INT64_MAX;
	*highest = INT64_MIN;
	for (int side = 0; side < 2; side++)
		for (int64_t batch = 0; batch < position->batches; batch++)
			for (int64_t token = 0; token < position->tokens[side]; token++) {
				int64_t at = position_of(position, (enum position_side)side, batch, token);
				*lowest = at < *lowest ? at : *lowest;
				*highest = at > *highest ? at : *highest;
			}
	if (*lowest > *highest)
		*lowest = *highest = 0;
}

static enum err read_norm(struct position *position, enum position_side side, const struct tensor *tensor, int64_t heads, struct err_info *info)
{
	static const char *const what[] = { "query norm", "key norm" };
	if (!tensor)
		return ERR_OK;
	enum err err = tensor->rank == 2 ? mechanism_expect_shape(tensor, what[side], 2, (int64_t[]){ heads, position->dim }, info)
					 : mechanism_expect_shape(tensor, what[side], 1, &position->dim, info);
	position->weight_heads[side] = tensor->rank == 2 ? heads : 1;
	return err ? err : mechanism_numbers(tensor, &position->weight[side], info);
}

static enum err find_rotation(struct position *position, const struct position_args *args, struct err_info *info)
{
	int64_t lowest, highest;
	span(position, &lowest, &highest);
	return rope_init(&position->rope, args, position->dim, position->batches, lowest, highest, info);
}

static void describe(const struct position *position, const struct position_args *args, char *note, size_t size)
{
	static const char *const scaling[] = {
		[ROPE_SCALING_NONE] = "",            [ROPE_SCALING_LINEAR] = " linear",  [ROPE_SCALING_NTK] = " NTK",
		[ROPE_SCALING_DYNAMIC] = " dynamic NTK", [ROPE_SCALING_LLAMA3] = " Llama 3", [ROPE_SCALING_YARN] = " YaRN",
	};
	static const char *const norm[] = { [QK_NORM_RMS] = "RMS", [QK_NORM_L2] = "L2", [QK_NORM_LAYER] = "layer" };
	if (position->qk_norm)
		mechanism_note(note, size, "%s-normalised q and k", norm[position->qk_norm]);
	if (position->rope.kind)
		mechanism_note(note, size, "RoPE %s%s%s", position->rope.kind == ROPE_HALF ? "half-split" : "interleaved",
			       position->rope.cos_table || args->inv_freq ? " from a table" : scaling[args->rope_scaling],
			       position->rope.dims < position->dim ? " (partial)" : "");
	if (position->relative.slope)
		mechanism_note(note, size, "ALiBi%s", args->bias_before_scale ? " before the scale" : "");
	if (position->relative.curve)
		mechanism_note(note, size, "T5 bias%s", args->bias_before_scale ? " before the scale" : "");
}

enum err position_init(struct position *position, const struct position_args *args, struct source *source, const struct mask *mask, int64_t key_heads,
		       int64_t dim, double scale, struct err_info *info)
{
	*position = (struct position){
		.qk_norm = args->qk_norm, .epsilon = args->qk_norm_epsilon > 0 ? args->qk_norm_epsilon : 1e-6, .dim = dim, .batches = source->batches,
		.tokens = { source->queries, source->keys },
	};
	enum err err = find_places(position, args, mask, info);
	if (!err && args->rope)
		err = find_rotation(position, args, info);
	if (!err && args->qk_norm)
		err = read_norm(position, POSITION_QUERY, args->query_norm, source->heads, info);
	if (!err && args->qk_norm)
		err = read_norm(position, POSITION_KEY, args->key_norm, key_heads, info);
	if (!err)
		err = relative_init(&position->relative, args, source->heads, source->is_causal, args->bias_before_scale ? scale : 1, info);
	if (err)
		position_release(position);
	else
		describe(position, args, source->note, sizeof source->note);
	return err;
}

void position_release(struct position *position)
{
	rope_release(&position->rope);
	relative_release(&position->relative);
	for (int side = 0; side < 2; side++) {
		free(position->weight[side]);
		free(position->place[side]);
	}
	*position = (struct position){ 0 };
}

bool position_transforms(const struct position *position)
{
	return position->rope.kind != ROPE_NONE || position->qk_norm != QK_NORM_NONE;
}

int64_t position_of(const struct position *position, enum position_side side, int64_t batch, int64_t token)
{
	const int64_t *place = position->place[side];
	return place ? place[batch * position->tokens[side] + token] : position->offset[side] + token;
}

static void normalise(const struct position *position, enum position_side side, int64_t head, double *vector)
{
	double mean = 0, square = 0;
	for (int64_t d = 0; d < position->dim && position->qk_norm == QK_NORM_LAYER; d++)
		mean += vector[d] / (double)position->dim;
	for (int64_t d = 0; d < position->dim; d++)
		square += (vector[d] - mean) * (vector[d] - mean);
	double length = position->qk_norm == QK_NORM_L2 ? fmax(sqrt(square), position->epsilon) : sqrt(square / (double)position->dim + position->epsilon);
	const double *weight = position->weight[side];
	if (weight)
		weight += shared_axis(head, position->weight_heads[side]) * position->dim;
	for (int64_t d = 0; d < position->dim; d++)
		vector[d] = (vector[d] - mean) / length * (weight ? weight[d] : 1);
}

void position_transform(const struct position *position, enum position_side side, int64_t batch, int64_t head, int64_t token, double *vector)
{
	if (position->qk_norm)
		normalise(position, side, head, vector);
	if (position->rope.kind)
		rope_rotate(&position->rope, position_of(position, side, batch, token), batch, vector);
}

void position_transform_block(const struct position *position, enum position_side side, int64_t batch, int64_t head, int64_t token, int64_t count, float *vectors,
			      double *scratch)
{
	int64_t dim = position->dim;
	if (!position_transforms(position))
		return;
	for (int64_t i = 0; i < count; i++) {
		for (int64_t d = 0; d < dim; d++)
			scratch[d] = vectors[i * dim + d];
		position_transform(position, side, batch, head, token + i, scratch);
		for (int64_t d = 0; d < dim; d++)
			vectors[i * dim + d] = (float)scratch[d];
	}
}

bool position_has_bias(const struct position *position)
{
	return !relative_is_empty(&position->relative);
}

void position_add_bias(const struct position *position, int64_t batch, int64_t head, const struct fill *fill)
{
	int64_t query_position[MAX_LANES], key_position[KEY_BLOCK];
	if (relative_is_empty(&position->relative))
		return;
	for (int lane = 0; lane < fill->rows->count; lane++)
		query_position[lane] = position_of(position, POSITION_QUERY, batch, fill->rows->row[lane]);
	for (int64_t k = 0; k < fill->count; k++)
		key_position[k] = position_of(position, POSITION_KEY, batch, fill->key + k);
	relative_add(&position->relative, head, query_position, fill->rows->count, fill->kernels->lanes, key_position, fill->count, LOG2_E, fill->tile);
}

void position_add_bias64(const struct position *position, int64_t batch, int64_t head, int64_t row, int64_t keys, double *score)
{
	if (relative_is_empty(&position->relative))
		return;
	int64_t query_position = position_of(position, POSITION_QUERY, batch, row);
	for (int64_t key = 0; key < keys; key++)
		score[key] += relative_bias(&position->relative, head, query_position, position_of(position, POSITION_KEY, batch, key));
}
