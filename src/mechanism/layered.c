/* SPDX-License-Identifier: MIT */
#include "mechanism/layered.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/table.h"

struct layer {
	struct source *inner;
	struct layered_made made;
	struct heads query, key;       /* views of what is ready */
	struct choice choice;
	bool is_made, is_there;        /* is_made: on demand */
	int users;
	uint64_t used;                 /* when last */
};

struct layered {
	struct source source;
	struct layer *layer;           /* [layers] */
	double *sink_logit;            /* [maps] */
	layered_make *make;
	void *owner;
	void (*release)(void *owner);
	size_t room, held;
	uint64_t clock;
	pthread_mutex_t lock;
	bool has_lock;
};

void choice_release(struct choice *choice)
{
	free(choice->bits);
	*choice = (struct choice){ 0 };
}

/* A map of all layers, as one of its own layer. */
struct place {
	struct layer *layer;
	const struct source *inner;
	int64_t number, map;
};

static struct place place_of(const struct source *source, int64_t map)
{
	const struct layered *layered = (const struct layered *)source;
	int64_t each = source->batches * source->heads;
	struct layer *layer = &layered->layer[map / each];
	return (struct place){ layer, layer->inner, map / each, map % each };
}

static bool is_chosen(const struct source *source, const struct place *at, int64_t row, int64_t key)
{
	const struct choice *choice = &at->layer->choice;
	if (!choice->bits)
		return true;
	int64_t batch = at->map / source->heads, head = at->map % source->heads / (source->heads / choice->heads);
	int64_t bit = ((batch * choice->heads + head) * choice->queries + row) * choice->blocks + key / choice->block;
	return choice->bits[bit / 8] >> bit % 8 & 1;
}

static enum coverage layered_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	struct place at = place_of(source, map);
	enum coverage coverage = at.inner->ops->coverage(at.inner, at.map, first, last, begin, end);
	return coverage == TILE_FULL && at.layer->choice.bits ? TILE_PARTIAL : coverage;
}

static bool layered_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	struct place at = place_of(source, map);
	return at.inner->ops->visible(at.inner, at.map, row, key) && is_chosen(source, &at, row, key);
}

static int64_t layered_support(const struct source *source, int64_t map, int64_t row)
{
	struct place at = place_of(source, map);
	int64_t count = 0;
	if (!at.layer->choice.bits)
		return at.inner->ops->support(at.inner, at.map, row);
	for (int64_t key = 0; key < source->keys; key++)
		count += layered_visible(source, map, row, key);
	return count;
}

static bool layered_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	struct place at = place_of(source, map);
	if (!source_span(at.inner, at.map, row, begin, end))
		return false;
	while (*begin < *end && !is_chosen(source, &at, row, *begin))
		++*begin;
	while (*begin < *end && !is_chosen(source, &at, row, *end - 1))
		--*end;
	return *begin < *end;
}

static int64_t layered_prepared_id(const struct source *source, int64_t map)
{
	struct place at = place_of(source, map);
	return at.number * source->batches * source->heads + at.inner->ops->prepared_id(at.inner, at.map);
}

/* The largest of the layers: buffers serve all of them. */
static size_t layered_prepared_size(const struct source *source, const struct kernels *kernels)
{
	const struct layered *layered = (const struct layered *)source;
	size_t most = 0;
	for (int64_t i = 0; i < source->layers; i++) {
		size_t size = layered->layer[i].inner->ops->prepared_size(layered->layer[i].inner, kernels);
		most = size > most ? size : most;
	}
	return most;
}

static size_t layered_rows_size(const struct source *source, const struct kernels *kernels)
{
	const struct layered *layered = (const struct layered *)source;
	size_t most = 0;
	for (int64_t i = 0; i < source->layers; i++) {
		size_t size = layered->layer[i].inner->ops->rows_size(layered->layer[i].inner, kernels);
		most = size > most ? size : most;
	}
	return most;
}

static size_t made_bytes(const struct layered_made *made)
{
	return (size_t)tensor_count(&made->query.tensor) * dtype_size(made->query.tensor.dtype) +
	       (size_t)tensor_count(&made->key.tensor) * dtype_size(made->key.tensor.dtype);
}

static void drop(struct layered *layered, struct layer *layer)
{
	made_drop(&layer->made.query);
	made_drop(&layer->made.key);
	relative_terms_release(&layer->made.terms);
	layer->is_there = false;
	layered->held -= made_bytes(&layer->made);
}

/* Those that nobody uses, the longest unused first, until there is room. */
static void make_room(struct layered *layered, size_t wanted)
{
	while (layered->held && layered->held + wanted > layered->room) {
		struct layer *oldest = NULL;
		for (int64_t i = 0; i < layered->source.layers; i++) {
			struct layer *layer = &layered->layer[i];
			if (layer->is_there && !layer->users && (!oldest || layer->used < oldest->used))
				oldest = layer;
		}
		if (!oldest)
			return;
		drop(layered, oldest);
	}
}

static enum err make_layer(struct layered *layered, struct layer *layer, struct err_info *info)
{
	make_room(layered, made_bytes(&layer->made));
	enum err err = made_allocate(&layer->made.query, info);
	if (!err)
		err = made_allocate(&layer->made.key, info);
	if (!err)
		err = layered->make(layered->owner, layer - layered->layer, &layer->made, info);
	layered->held += made_bytes(&layer->made);
	layer->is_there = true;
	if (err)
		drop(layered, layer);
	return err;
}

static enum err acquire(const struct source *source, struct layer *layer, struct err_info *info)
{
	struct layered *layered = (struct layered *)source;
	enum err err = ERR_OK;
	if (!layer->is_made)
		return ERR_OK;
	pthread_mutex_lock(&layered->lock);
	layer->used = ++layered->clock;
	if (!layer->is_there)
		err = make_layer(layered, layer, info);
	if (!err)
		layer->users++;
	pthread_mutex_unlock(&layered->lock);
	return err;
}

static void let_go(const struct source *source, struct layer *layer)
{
	struct layered *layered = (struct layered *)source;
	if (!layer->is_made)
		return;
	pthread_mutex_lock(&layered->lock);
	layer->users--;
	pthread_mutex_unlock(&layered->lock);
}

static enum err layered_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
				struct err_info *info)
{
	struct place at = place_of(source, map);
	enum err err = acquire(source, at.layer, info);
	if (err)
		return err;
	err = at.inner->ops->prepare(at.inner, kernels, at.map, begin, end, prepared, info);
	let_go(source, at.layer);
	return err;
}

static enum err layered_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	struct place at = place_of(source, rows->map);
	struct row_group inner = *rows;
	inner.map = at.map;
	enum err err = acquire(source, at.layer, info);
	if (err)
		return err;
	err = at.inner->ops->load_rows(at.inner, kernels, &inner, loaded, info);
	let_go(source, at.layer);
	return err;
}

static const struct heads *queries_of(const struct layer *layer)
{
	return layer->is_made ? &layer->made.query.heads : &layer->query;
}

static const struct heads *keys_of(const struct layer *layer)
{
	return layer->is_made ? &layer->made.key.heads : &layer->key;
}

static int64_t key_head(const struct source *source, const struct place *at)
{
	return mechanism_shared_index(at->map % source->heads, source->heads, keys_of(at->layer)->size[AXIS_HEAD]);
}

static enum err add_terms(const struct source *source, const struct place *at, const struct fill *fill, struct err_info *info)
{
	const struct layer *layer = at->layer;
	enum err err = acquire(source, at->layer, info);
	if (err)
		return err;
	if (!relative_terms_are_empty(&layer->made.terms)) {
		fill_changed(fill);
		err = relative_terms_add(&layer->made.terms, queries_of(layer), keys_of(layer), at->map / source->heads, at->map % source->heads, key_head(source, at), fill,
					 info);
	}
	let_go(source, at->layer);
	return err;
}

static void hide_unchosen(const struct source *source, const struct place *at, const struct fill *fill)
{
	int lanes = fill->kernels->lanes;
	fill_changed(fill);
	for (int64_t k = 0; k < fill->count; k++)
		for (int lane = 0; lane < fill->rows->count; lane++)
			if (!is_chosen(source, at, fill->rows->row[lane], fill->key + k))
				fill->tile[k * lanes + lane] = -INFINITY;
}

static enum err layered_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	struct place at = place_of(source, fill->rows->map);
	struct row_group rows = *fill->rows;
	struct fill inner = *fill;
	rows.map = at.map;
	inner.rows = &rows;
	enum err err = at.inner->ops->fill(at.inner, &inner, info);
	if (!err && at.layer->is_made)
		err = add_terms(source, &at, &inner, info);
	if (!err && at.layer->choice.bits)
		hide_unchosen(source, &at, &inner);
	return err;
}

static enum err layered_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	struct place at = place_of(source, map);
	enum err err = acquire(source, at.layer, info);
	if (err)
		return err;
	err = at.inner->ops->score64(at.inner, at.map, row, score, info);
	if (!err && !relative_terms_are_empty(&at.layer->made.terms))
		err = relative_terms_add64(&at.layer->made.terms, queries_of(at.layer), keys_of(at.layer), at.map / source->heads, at.map % source->heads,
					   key_head(source, &at), row, source->keys, score, info);
	for (int64_t key = 0; key < source->keys && !err && at.layer->choice.bits; key++)
		if (!is_chosen(source, &at, row, key))
			score[key] = -INFINITY;
	let_go(source, at.layer);
	return err;
}

static void layered_free(struct source *source)
{
	struct layered *layered = (struct layered *)source;
	for (int64_t i = 0; layered->layer && i < source->layers; i++) {
		struct layer *layer = &layered->layer[i];
		source_free(layer->inner);
		made_release(&layer->made.query);
		made_release(&layer->made.key);
		relative_terms_release(&layer->made.terms);
		choice_release(&layer->choice);
	}
	if (layered->release)
		layered->release(layered->owner);
	if (layered->has_lock)
		pthread_mutex_destroy(&layered->lock);
	free(layered->layer);
	free(layered->sink_logit);
	free(layered);
}

static const struct source_ops layered_ops = {
	.name = "softmax",
	.coverage = layered_coverage,
	.support = layered_support,
	.visible = layered_visible,
	.span = layered_span,
	.prepared_id = layered_prepared_id,
	.prepared_size = layered_prepared_size,
	.prepare = layered_prepare,
	.rows_size = layered_rows_size,
	.load_rows = layered_load_rows,
	.fill = layered_fill,
	.score64 = layered_score64,
	.free = layered_free,
};

static enum err shape_views(struct layer *layer, const struct layered_request *request, const struct layered_layer *given, struct err_info *info)
{
	const int64_t query[AXIS_COUNT] = { 1, request->batches, request->heads, request->queries, given->dim };
	const int64_t key[AXIS_COUNT] = { 1, request->batches, given->key_heads, request->keys, given->dim };
	layer->is_made = !given->query;
	if (!layer->is_made) {
		layer->query = *given->query;
		layer->key = *given->key;
		return ERR_OK;
	}
	enum err err = made_shape(&layer->made.query, "the queries", query, info);
	return err ? err : made_shape(&layer->made.key, "the keys", key, info);
}

static enum err open_layer(struct layer *layer, const struct layered_request *request, const struct layered_layer *given, struct err_info *info)
{
	enum err err = shape_views(layer, request, given, info);
	const struct mechanism_binding binding[] = {
		{ .role = "query", .tensor = queries_of(layer)->tensors[0], .heads = queries_of(layer) },
		{ .role = "key", .tensor = keys_of(layer)->tensors[0], .heads = keys_of(layer) },
	};
	struct mechanism_args args = given->args;
	args.binding = binding;
	args.binding_count = 2;
	return err ? err : mechanism_softmax.open(&args, &layer->inner, info);
}

static enum err join_sinks(struct layered *layered, struct err_info *info)
{
	struct source *source = &layered->source;
	int64_t each = source->batches * source->heads;
	bool any = false;
	for (int64_t i = 0; i < source->layers; i++)
		any = any || layered->layer[i].inner->sink_logit;
	if (!any)
		return ERR_OK;
	layered->sink_logit = mem_array((size_t)source_maps(source), sizeof *layered->sink_logit);
	if (!layered->sink_logit)
		return err_nomem(info, "sink logits");
	for (int64_t map = 0; map < source_maps(source); map++) {
		const double *sinks = layered->layer[map / each].inner->sink_logit;
		layered->sink_logit[map] = sinks ? sinks[map % each] : -INFINITY;
	}
	source->sink_logit = layered->sink_logit;
	return ERR_OK;
}

/* What holds for the whole is what holds for every layer. */
static void join_properties(struct layered *layered, const struct layered_request *request)
{
	struct source *source = &layered->source;
	*source = *layered->layer[0].inner;
	source->ops = &layered_ops;
	source->layers = request->layers;
	source->batches = request->batches;
	source->is_square = request->is_square;
	source->values = request->values;
	source->without_values = request->without_values;
	source->output_bias = NULL;
	source->sink_logit = NULL;
	for (int64_t i = 1; i < request->layers; i++) {
		const struct source *inner = layered->layer[i].inner;
		source->is_causal = source->is_causal && inner->is_causal;
		source->is_stochastic = source->is_stochastic && inner->is_stochastic;
		source->key_heads = source->key_heads == inner->key_heads ? inner->key_heads : 0;
		if (strcmp(source->note, inner->note) != 0)
			source->note[0] = '\0';
	}
}

static enum err open_layers(struct layered *layered, const struct layered_request *request, struct err_info *info)
{
	layered->room = request->room;
	layered->make = request->make;
	layered->layer = mem_zero_array((size_t)request->layers, sizeof *layered->layer);
	layered->has_lock = layered->layer && pthread_mutex_init(&layered->lock, NULL) == 0;
	if (!layered->has_lock)
		return err_nomem(info, "the layers");
	layered->source.layers = request->layers;
	for (int64_t i = 0; i < request->layers; i++) {
		layered->layer[i].choice = request->layer[i].choice;
		request->layer[i].choice = (struct choice){ 0 };
	}
	enum err err = ERR_OK;
	for (int64_t i = 0; i < request->layers && !err; i++)
		err = open_layer(&layered->layer[i], request, &request->layer[i], info);
	if (err)
		return err;
	join_properties(layered, request);
	return join_sinks(layered, info);
}

enum err layered_open(const struct layered_request *request, struct source **source, struct err_info *info)
{
	struct layered *layered = mem_zero_array(1, sizeof *layered);
	if (!layered) {
		if (request->release)
			request->release(request->owner);
		return err_nomem(info, "the layers");
	}
	layered->owner = request->owner;
	layered->release = request->release;
	enum err err = open_layers(layered, request, info);
	if (err)
		layered_free(&layered->source);
	else
		*source = &layered->source;
	return err;
}
