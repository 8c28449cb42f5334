/* SPDX-License-Identifier: MIT */
#include "model/project.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pool.h"
#include "mechanism/dense.h"
#include "model/project_parts.h"

/* Tokens projected at once. */
enum { TOKENS = 64 };

/* What the blocks of a part share. */
struct work {
	const struct projecting *projecting;
	const struct model *model;
	const struct layer_settings *layer;
	enum project_part part;
	const struct heads *states;
	int64_t at;                  /* the entry of states */
	const struct places *places;
	struct weights norm, part_norm, latent_norm, feed_norm;
	struct dense first, second;  /* second: behind a latent */
	struct dense feed[2];
	struct made *made;
	enum dumped dumped;          /* what of the steps behind the projection is left to do */
	int64_t tokens, heads, dim, blocks;
};

void weights_release(struct weights *weights)
{
	free(weights->weight);
	free(weights->bias);
	*weights = (struct weights){ 0 };
}

enum err read_vector(const struct tensor *tensor, int64_t count, double **out, struct err_info *info)
{
	if (tensor_count(tensor) != count) {
		char shape[128];
		err_set(info, ERR_SHAPE, "'%s' has shape %s, where %" PRId64 " numbers are expected", tensor->name, tensor_shape_text(tensor, shape, sizeof shape), count);
		return err_in_file(info, tensor->file);
	}
	enum err err = mechanism_numbers(tensor, out, info);
	return err ? err_in_file(info, tensor->file) : ERR_OK;
}

/* A tensor for each head, '%' in the name, one behind the other. */
static enum err read_by_head(const struct model *model, const struct layer_settings *layer, const char *name, int64_t heads, int64_t dim, double **out, struct err_info *info)
{
	const char *mark = strchr(name, '%');
	*out = mem_array((size_t)heads, (size_t)dim * sizeof **out);
	enum err err = *out ? ERR_OK : err_nomem(info, name);
	for (int64_t head = 0; head < heads && !err; head++) {
		char own[MODEL_NAME + 24];
		const struct tensor *tensor;
		double *numbers = NULL;
		snprintf(own, sizeof own, "%.*s%" PRId64 "%s", (int)(mark - name), name, head, mark + 1);
		err = model_need(model, layer, own, ".weight", false, &tensor, info);
		if (!err)
			err = read_vector(tensor, dim, &numbers, info);
		if (!err)
			memcpy(*out + head * dim, numbers, (size_t)dim * sizeof *numbers);
		free(numbers);
	}
	return err;
}

enum err weights_open(struct weights *weights, const struct model *model, const struct layer_settings *layer, enum model_norm kind, const char *name, double eps, int64_t heads,
		      int64_t dim, struct err_info *info)
{
	const struct tensor *tensor, *bias;
	*weights = (struct weights){ .kind = kind, .eps = eps, .heads = heads, .dim = dim };
	if (kind == MODEL_NORM_NONE || kind == MODEL_NORM_RMS_UNIT || kind == MODEL_NORM_LAYER_UNIT)
		return ERR_OK;
	if (strchr(name, '%'))
		return read_by_head(model, layer, name, heads, dim, &weights->weight, info);
	enum err err = model_need(model, layer, name, ".weight", false, &tensor, info);
	if (!err)
		err = read_vector(tensor, heads * dim, &weights->weight, info);
	bias = err ? NULL : model_tensor(model, layer, name, ".bias", false);
	if (bias)
		err = read_vector(bias, heads * dim, &weights->bias, info);
	return err;
}

void weights_normalise(const struct weights *weights, int64_t head, double *x)
{
	int64_t dim = weights->dim;
	bool layer = weights->kind >= MODEL_NORM_LAYER, plus = weights->kind == MODEL_NORM_RMS_PLUS_ONE || weights->kind == MODEL_NORM_LAYER_PLUS_ONE;
	double mean = 0, square = 0;
	if (weights->kind == MODEL_NORM_NONE)
		return;
	for (int64_t d = 0; d < dim && layer; d++)
		mean += x[d];
	mean /= (double)dim;
	for (int64_t d = 0; d < dim; d++)
		square += (x[d] - mean) * (x[d] - mean);
	double factor = 1 / sqrt(square / (double)dim + weights->eps);
	const double *weight = weights->weight ? weights->weight + (weights->heads > 1 ? head * dim : 0) : NULL;
	const double *bias = weights->bias ? weights->bias + (weights->heads > 1 ? head * dim : 0) : NULL;
	for (int64_t d = 0; d < dim; d++)
		x[d] = (x[d] - mean) * factor * (weight ? weight[d] + plus : 1) + (bias ? bias[d] : 0);
}

void project_rotate(const struct rotary_settings *rotary, const double *cosine, const double *sine, double *vector, int64_t dim)
{
	int64_t pairs = rotary->dims / 2;
	double *at = vector + (rotary->last ? dim - rotary->dims : 0);
	for (int64_t i = 0; i < pairs; i++) {
		double *x = rotary->pairing == ROPE_HALF ? &at[i] : &at[2 * i], *y = rotary->pairing == ROPE_HALF ? &at[i + pairs] : &at[2 * i + 1], a = *x, b = *y;
		*x = a * cosine[i] - b * sine[i];
		*y = b * cosine[i] + a * sine[i];
	}
}

static int64_t place_of(const struct places *places, int64_t axis, int64_t batch, int64_t token)
{
	if (!places->at)
		return places->offset + token;
	int64_t item = places->batches == 1 ? 0 : batch;
	return places->at[((axis < places->axes ? axis : 0) * places->batches + item) * places->tokens + token];
}

/* Of the three positions of a token, the one that frequency i turns by. */
static int64_t section_of(const struct rotary_settings *rotary, int64_t i)
{
	const int64_t *section = rotary->section;
	if (!section[0] && !section[1] && !section[2])
		return 0;
	if (rotary->interleaved_sections)
		return i % 3 == 1 && i < 3 * section[1] ? 1 : i % 3 == 2 && i < 3 * section[2] ? 2 : 0;
	return i < section[0] ? 0 : i < section[0] + section[1] ? 1 : 2;
}

/* How far each pair turns: by the position, or by the place of a patch. */
bool project_turn(const struct rotary_settings *rotary, const struct places *places, int64_t batch, int64_t token, double *cosine, double *sine)
{
	int64_t pairs = rotary->dims / 2, half = pairs / 2;
	if (token < rotary->prefix)
		return false;
	for (int64_t i = 0; i < pairs; i++) {
		double angle;
		int64_t axis = i >= half, patch = token - rotary->prefix;
		if (rotary->grid == ROTARY_PIXTRAL)
			angle = (double)place_of(places, axis, batch, patch) * rotary->frequency[2 * (i - axis * half) + axis];
		else if (rotary->grid == ROTARY_DINO)
			angle = 2 * acos(-1.0) * (2 * ((double)place_of(places, axis, batch, patch) + 0.5) / (double)rotary->section[axis] - 1) *
				rotary->frequency[2 * (i - axis * half)];
		else
			angle = (double)place_of(places, section_of(rotary, i), batch, token) * rotary->frequency[i];
		cosine[i] = cos(angle) * rotary->multiplier;
		sine[i] = sin(angle) * rotary->multiplier;
	}
	return true;
}

static double multiplier_at(const struct layer_settings *layer, int64_t place)
{
	if (layer->multiplier == MULTIPLIER_LLAMA4)
		return log(1 + floor(((double)place + 1) / layer->multiplier_length)) * layer->multiplier_slope + 1;
	if (layer->multiplier == MULTIPLIER_MINISTRAL)
		return 1 + layer->multiplier_slope * log(1 + floor((double)place / layer->multiplier_length));
	return 1;
}

/* ---- which rows of the weights ---- */

/* The row where a head of a part begins. */
static int64_t first_row(const struct layer_settings *layer, enum project_part part, int64_t head)
{
	int64_t heads = layer->heads, key_heads = layer->key_heads, d = layer->dim, group = heads / key_heads;
	switch (layer->layout) {
	case MODEL_BLOCKS:
	case MODEL_CONV1D:
		return part == MODEL_QUERY ? head * d : part == MODEL_KEY ? (heads + head) * d : (heads + key_heads) * d + head * layer->value_dim;
	case MODEL_PER_HEAD:
		return (3 * head + (int64_t)part) * d;
	case MODEL_GROUPED:
		return part == MODEL_QUERY ? (head / group * (group + 2) + head % group) * d : (head * (group + 2) + group + (part == MODEL_VALUE)) * d;
	case MODEL_CODEGEN:
		return (head / (heads / 4) * 3 + (part == MODEL_QUERY ? 0 : part == MODEL_VALUE ? 1 : 2)) * (heads / 4) * d + head % (heads / 4) * d;
	case MODEL_GATED:
		return part == MODEL_QUERY ? 2 * head * d : head * (part == MODEL_KEY ? d : layer->value_dim);
	case MODEL_SEPARATE:
	case MODEL_TRANSPOSED:
	case MODEL_LATENT:
		break;
	}
	return head * (part == MODEL_VALUE ? layer->value_dim : d);
}

static int64_t *list_rows(const struct work *work)
{
	int64_t *row = mem_array((size_t)work->heads, (size_t)work->dim * sizeof *row);
	for (int64_t i = 0; row && i < work->heads * work->dim; i++)
		row[i] = first_row(work->layer, work->part, i / work->dim) + i % work->dim;
	return row;
}

static int64_t all_work(const struct work *work, int64_t in, int64_t out)
{
	double products = (double)work->tokens * (double)work->states->size[AXIS_BATCH] * (double)in * (double)out;
	return products > 0x1p62 ? INT64_MAX : (int64_t)products;
}

/* Biases stand apart in some families, and are added to what there is. */
static enum err open_rows(struct work *work, int64_t in, struct err_info *info)
{
	const struct layer_settings *layer = work->layer;
	const char *const names[] = { layer->query, layer->key, layer->value }, *const own[] = { layer->query_bias, "", layer->value_bias }, *name = names[work->part];
	bool transposed = layer->layout == MODEL_CONV1D || layer->layout == MODEL_TRANSPOSED;
	const struct tensor *weight, *bias = NULL;
	double *apart = NULL;
	if (layer->layout == MODEL_CODEGEN && layer->heads % 4)
		return err_set(info, ERR_VALUE, "the config's %" PRId64 " heads are no multiple of 4", layer->heads);
	enum err err = model_need(work->model, layer, name, layer->layout == MODEL_TRANSPOSED ? "" : ".weight", false, &weight, info);
	if (err)
		return err;
	bias = model_tensor(work->model, layer, name, ".bias", false);
	int64_t *row = layer->layout == MODEL_SEPARATE || layer->layout == MODEL_TRANSPOSED ? NULL : list_rows(work), out = work->heads * work->dim;
	err = dense_open(&work->first, weight, transposed, bias, row, in, out, all_work(work, in, out), work->projecting->kernels, info);
	if (!err && *own[work->part] && (bias = model_tensor(work->model, layer, own[work->part], "", false)))
		err = read_vector(bias, out, &apart, info);
	for (int64_t i = 0; i < out && !err && apart && work->first.bias; i++)
		work->first.bias[i] += apart[i];
	if (!err && apart && !work->first.bias) {
		work->first.bias = apart;
		apart = NULL;
	}
	free(apart);
	free(row);
	return err;
}

/* ---- multi-head latent attention ---- */

static enum err open_dense(struct work *work, struct dense *dense, const char *name, int64_t in, int64_t out, struct err_info *info)
{
	const struct tensor *weight;
	enum err err = model_need(work->model, work->layer, name, ".weight", false, &weight, info);
	if (err)
		return err;
	return dense_open(dense, weight, false, model_tensor(work->model, work->layer, name, ".bias", false), NULL, in, out, all_work(work, in, out),
			  work->projecting->kernels, info);
}

/* self_attn.kv_a_proj_with_mqa -> self_attn.q_a_proj. */
static void latent_name(const struct work *work, const char *last, char *name)
{
	const char *dot = strrchr(work->layer->query, '.');
	snprintf(name, MODEL_NAME, "%.*s%s", (int)(dot - work->layer->query + 1), work->layer->query, last);
}

static enum err open_latent(struct work *work, int64_t in, struct err_info *info)
{
	const struct latent_settings *latent = &work->layer->latent;
	char first[MODEL_NAME], norm[MODEL_NAME], second[MODEL_NAME];
	bool query = work->part == MODEL_QUERY;
	latent_name(work, query ? latent->query_rank ? "q_a_proj" : "q_proj" : "kv_a_proj_with_mqa", first);
	latent_name(work, query ? "q_a_layernorm" : "kv_a_layernorm", norm);
	latent_name(work, query ? "q_b_proj" : "kv_b_proj", second);
	if (query && !latent->query_rank)
		return open_dense(work, &work->first, first, in, work->heads * work->dim, info);
	int64_t rank = query ? latent->query_rank : latent->key_rank;
	enum err err = open_dense(work, &work->first, first, in, query ? rank : rank + latent->rope, info);
	if (!err)
		err = weights_open(&work->latent_norm, work->model, work->layer, MODEL_NORM_RMS, norm, latent->eps, 1, rank, info);
	if (!err)
		err = open_dense(work, &work->second, second, rank, query ? work->heads * work->dim : work->heads * (latent->nope + work->layer->value_dim), info);
	return err;
}

static void scale_all(double *x, int64_t count, double factor)
{
	for (int64_t i = 0; i < count && factor != 1; i++)
		x[i] *= factor;
}

/* Queries, or of keys and values the part wanted, from the rows y of the first projection. */
static enum err through_latent(const struct work *work, double *y, int64_t count, double *out, struct err_info *info)
{
	const struct latent_settings *latent = &work->layer->latent;
	int64_t wide = work->first.out, rank = work->latent_norm.dim, width = work->second.out, dv = work->layer->value_dim, nope = latent->nope, d = work->dim;
	double *c = mem_array((size_t)count, (size_t)(rank + width) * sizeof *c), *b = c + count * rank;
	if (!c)
		return err_nomem(info, "the latents");
	for (int64_t t = 0; t < count; t++) {
		memcpy(c + t * rank, y + t * wide, (size_t)rank * sizeof *c);
		weights_normalise(&work->latent_norm, 0, c + t * rank);
		scale_all(c + t * rank, rank, work->part == MODEL_QUERY ? 1 : latent->key_factor);
	}
	enum err err = dense_apply(&work->second, c, count, b, info);
	for (int64_t i = 0; i < count * work->heads && !err; i++) {
		int64_t t = i / work->heads, head = i % work->heads;
		double *to = out + i * d;
		const double *from = b + t * width + head * (nope + dv);
		if (work->part == MODEL_QUERY) {
			memcpy(to, b + t * width + head * d, (size_t)d * sizeof *to);
			scale_all(to, d, latent->query_factor);
		} else if (work->part == MODEL_KEY) {
			memcpy(to, from, (size_t)nope * sizeof *to);
			memcpy(to + nope, y + t * wide + rank, (size_t)latent->rope * sizeof *to);
		} else {
			memcpy(to, from + nope, (size_t)d * sizeof *to);
		}
	}
	free(c);
	return err;
}

/* ---- one block of tokens ---- */

static double activate(const char *name, double x)
{
	if (strcmp(name, "gelu") == 0)
		return 0.5 * x * (1 + erf(x / sqrt(2)));
	if (strcmp(name, "relu") == 0)
		return x > 0 ? x : 0;
	return x / (1 + exp(-x));
}

/* x + 1/2 feed(norm(x)). */
static enum err feed(const struct work *work, double *x, int64_t count, int64_t width, struct err_info *info)
{
	int64_t inner = work->feed[0].out;
	double *h = mem_array((size_t)count, (size_t)(2 * width + inner) * sizeof *h), *middle = h + count * width, *y = middle + count * inner;
	if (!h)
		return err_nomem(info, "the feed-forward step");
	memcpy(h, x, (size_t)(count * width) * sizeof *h);
	for (int64_t t = 0; t < count; t++)
		weights_normalise(&work->feed_norm, 0, h + t * width);
	enum err err = dense_apply(&work->feed[0], h, count, middle, info);
	for (int64_t i = 0; i < count * inner; i++)
		middle[i] = activate(work->layer->feed.activation, middle[i]);
	if (!err)
		err = dense_apply(&work->feed[1], middle, count, y, info);
	for (int64_t i = 0; i < count * width && !err; i++)
		x[i] += 0.5 * y[i];
	free(h);
	return err;
}

/* The rotation of what enters the projections, head by head (not for values). */
static void rotate_input(const struct work *work, int64_t batch, int64_t token, double *x, double *turn)
{
	const struct rotary_settings *rotary = &work->layer->rotary;
	int64_t dim = work->layer->dim;
	if (!rotary->input || work->part == MODEL_VALUE || !project_turn(rotary, work->places, batch, token, turn, turn + rotary->dims / 2))
		return;
	for (int64_t head = 0; head < work->layer->heads; head++)
		project_rotate(rotary, turn, turn + rotary->dims / 2, x + head * dim, dim);
}

/* What happens to a token's vectors behind the projection. */
static void finish_token(const struct work *work, int64_t batch, int64_t token, double *y, double *turn)
{
	const struct layer_settings *layer = work->layer;
	const struct rotary_settings *rotary = &layer->rotary;
	int64_t dim = work->dim, width = work->heads * dim;
	bool projected = work->dumped == DUMPED_PROJECTION;
	if (layer->clip > 0 && projected)
		for (int64_t i = 0; i < width; i++)
			y[i] = fmax(-layer->clip, fmin(layer->clip, y[i]));
	if (work->part == MODEL_VALUE)
		return;
	if (layer->qk_stage == MODEL_STAGE_WIDTH && projected)
		weights_normalise(&work->part_norm, 0, y);
	bool turns = rotary->pairing != ROPE_NONE && !rotary->input && project_turn(rotary, work->places, batch, token, turn, turn + rotary->dims / 2);
	double factor = work->part == MODEL_QUERY ? multiplier_at(layer, place_of(work->places, 0, batch, token)) : 1;
	for (int64_t head = 0; head < work->heads; head++) {
		double *vector = y + head * dim;
		if (layer->qk_stage == MODEL_STAGE_HEADS && projected)
			weights_normalise(&work->part_norm, head, vector);
		if (turns)
			project_rotate(rotary, turn, turn + rotary->dims / 2, vector, dim);
		if (layer->qk_stage == MODEL_STAGE_ROTATED)
			weights_normalise(&work->part_norm, head, vector);
		scale_all(vector, dim, factor);
	}
}

/* The hidden state as it enters the projections: (count, width). */
static enum err load_input(const struct work *work, int64_t batch, int64_t first, int64_t count, double *x, struct err_info *info)
{
	int64_t width = work->states->size[AXIS_DIM];
	enum err err = heads_decode_f64(work->states, work->at, batch, 0, first, count, false, x, width, info);
	if (!err && work->feed[0].out)
		err = feed(work, x, count, width, info);
	for (int64_t t = 0; t < count && !err; t++)
		weights_normalise(&work->norm, 0, x + t * width);
	return err;
}

enum err project_input(const struct projecting *projecting, const struct layer_settings *layer, const struct heads *states, int64_t at, int64_t batch, double *x,
		       struct err_info *info)
{
	struct work work = { .projecting = projecting, .model = projecting->model, .layer = layer, .states = states, .at = at, .tokens = states->size[AXIS_TOKEN] };
	enum err err = weights_open(&work.norm, work.model, layer, layer->norm.kind, layer->norm.name, layer->norm.eps, 1, states->size[AXIS_DIM], info);
	if (!err)
		err = load_input(&work, batch, 0, work.tokens, x, info);
	weights_release(&work.norm);
	return err;
}

static enum err project_block(const struct work *work, int64_t batch, int64_t first, struct err_info *info)
{
	int64_t width = work->states->size[AXIS_DIM], out = work->heads * work->dim, wide = work->first.out;
	int64_t count = work->tokens - first < TOKENS ? work->tokens - first : TOKENS, turning = work->layer->rotary.dims;
	double *x = mem_array((size_t)count, (size_t)(width + wide + out) * sizeof *x + (size_t)turning * sizeof *x), *y = x + count * width, *z = y + count * wide;
	if (!x)
		return err_nomem(info, work->made->tensor.name);
	double *turn = z + count * out;
	enum err err = load_input(work, batch, first, count, x, info);
	for (int64_t t = 0; t < count && !err; t++)
		rotate_input(work, batch, first + t, x + t * width, turn);
	if (!err)
		err = dense_apply(&work->first, x, count, y, info);
	if (!err && work->second.out)
		err = through_latent(work, y, count, z, info);
	for (int64_t t = 0; t < count && !err; t++) {
		double *token = work->second.out ? z + t * out : y + t * out;
		finish_token(work, batch, first + t, token, turn);
		for (int64_t head = 0; head < work->heads; head++)
			made_store(work->made, 0, batch, head, first + t, token + head * work->dim);
	}
	free(x);
	return err;
}

static enum err run_job(void *data, int64_t job, int worker)
{
	const struct work *work = data;
	struct err_info info = { 0 };
	(void)worker;
	return project_block(work, job / work->blocks, job % work->blocks * TOKENS, &info);
}

/* Blocks on all threads; a failure is repeated on one, for its text. */
static enum err run_blocks(const struct work *work, struct err_info *info)
{
	int64_t jobs = work->blocks * work->states->size[AXIS_BATCH];
	int threads = work->projecting->threads ? work->projecting->threads : pool_default_threads();
	struct pool *pool = jobs > 1 && threads > 1 ? pool_new(threads) : NULL;
	enum err err = pool ? pool_run(pool, jobs, run_job, (void *)work) : ERR_OK;
	for (int64_t job = 0; job < jobs && (!pool || err); job++) {
		enum err here = project_block(work, job / work->blocks, job % work->blocks * TOKENS, info);
		if (here) {
			err = here;
			break;
		}
	}
	pool_free(pool);
	return err;
}

static enum err open_feed(struct work *work, int64_t width, struct err_info *info)
{
	const struct feed_settings *feed = &work->layer->feed;
	const struct tensor *weight;
	if (!*feed->first)
		return ERR_OK;
	enum err err = weights_open(&work->feed_norm, work->model, work->layer, MODEL_NORM_LAYER, feed->norm, work->layer->norm.eps, 1, width, info);
	if (!err)
		err = model_need(work->model, work->layer, feed->first, ".weight", false, &weight, info);
	int64_t inner = err || !weight->rank ? 1 : weight->shape[0];
	if (!err)
		err = open_dense(work, &work->feed[0], feed->first, width, inner, info);
	return err ? err : open_dense(work, &work->feed[1], feed->second, inner, width, info);
}

static enum err open_part_norm(struct work *work, struct err_info *info)
{
	const struct layer_settings *layer = work->layer;
	bool wide = layer->qk_stage == MODEL_STAGE_WIDTH, done = work->dumped == DUMPED_NORM && layer->qk_stage != MODEL_STAGE_ROTATED;
	if (work->part == MODEL_VALUE || done)
		return ERR_OK;
	return weights_open(&work->part_norm, work->model, layer, layer->qk_norm, work->part == MODEL_QUERY ? layer->query_norm : layer->key_norm, layer->qk_eps,
			    layer->qk_by_head ? work->heads : 1, wide ? work->heads * work->dim : work->dim, info);
}

static enum err open_work(struct work *work, struct err_info *info)
{
	const struct layer_settings *layer = work->layer;
	int64_t width = work->states->size[AXIS_DIM];
	enum err err = weights_open(&work->norm, work->model, layer, layer->norm.kind, layer->norm.name, layer->norm.eps, 1, width, info);
	if (!err)
		err = open_feed(work, width, info);
	if (!err)
		err = open_part_norm(work, info);
	if (!err)
		err = layer->layout == MODEL_LATENT ? open_latent(work, width, info) : open_rows(work, width, info);
	return err;
}

static void release_work(struct work *work)
{
	weights_release(&work->norm);
	weights_release(&work->part_norm);
	weights_release(&work->latent_norm);
	weights_release(&work->feed_norm);
	dense_release(&work->first);
	dense_release(&work->second);
	for (int i = 0; i < 2; i++)
		dense_release(&work->feed[i]);
}

enum err project_states(const struct projecting *projecting, const struct layer_settings *layer, enum project_part part, const struct heads *states, int64_t at,
			const struct places *places, struct made *made, struct err_info *info)
{
	struct work work = {
		.projecting = projecting, .model = projecting->model, .layer = layer, .part = part, .states = states, .at = at, .places = places, .made = made,
		.tokens = made->heads.size[AXIS_TOKEN], .heads = made->heads.size[AXIS_HEAD], .dim = made->heads.size[AXIS_DIM], .dumped = DUMPED_PROJECTION,
	};
	work.blocks = (work.tokens + TOKENS - 1) / TOKENS;
	if (states->size[AXIS_DIM] != layer->width)
		return err_set(info, ERR_SHAPE, "the hidden states are %" PRId64 " wide, and the config says %" PRId64, states->size[AXIS_DIM], layer->width);
	enum err err = open_work(&work, info);
	if (!err)
		err = run_blocks(&work, info);
	release_work(&work);
	return err;
}

enum err project_dumped(const struct projecting *projecting, int64_t number, enum project_part part, enum dumped dumped, const struct heads *from, struct made *made,
			struct err_info *info)
{
	struct work work = {
		.projecting = projecting, .model = projecting->model, .layer = &projecting->model->layer[number], .part = part, .made = made, .dumped = dumped,
		.places = part == MODEL_QUERY ? projecting->query_places : projecting->key_places, .tokens = made->heads.size[AXIS_TOKEN], .heads = made->heads.size[AXIS_HEAD],
		.dim = made->heads.size[AXIS_DIM],
	};
	int64_t width = work.heads * work.dim;
	double *y = mem_array((size_t)(width + work.layer->rotary.dims), sizeof *y);
	enum err err = y ? open_part_norm(&work, info) : err_nomem(info, made->tensor.name);
	for (int64_t i = 0; i < work.tokens * made->heads.size[AXIS_BATCH] && !err; i++) {
		int64_t batch = i / work.tokens, token = i % work.tokens;
		for (int64_t head = 0; head < work.heads && !err; head++)
			err = heads_decode_f64(from, 0, batch, head, token, 1, false, y + head * work.dim, work.dim, info);
		if (!err)
			finish_token(&work, batch, token, y, y + width);
		for (int64_t head = 0; head < work.heads && !err; head++)
			made_store(made, 0, batch, head, token, y + head * work.dim);
	}
	weights_release(&work.part_norm);
	free(y);
	return err;
}

enum err project_part(const struct projecting *projecting, int64_t number, enum project_part part, struct made *made, struct err_info *info)
{
	const struct layer_settings *layer = &projecting->model->layer[number];
	const struct places *places = part == MODEL_QUERY ? projecting->query_places : projecting->key_places;
	if (part != MODEL_QUERY && layer->keys_of != number)
		return project_part(projecting, layer->keys_of, part, made, info);
	if (layer->before && part == MODEL_QUERY)
		return project_cross_queries(projecting, layer, made, info);
	if (part != MODEL_QUERY && projecting->memory)
		return project_states(projecting, layer, part, projecting->memory, 0, places, made, info);
	return project_states(projecting, layer, part, projecting->hidden, number, places, made, info);
}
