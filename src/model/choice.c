/* SPDX-License-Identifier: MIT */
/*
 * Keys that a layer chooses by itself.
 *
 *   DeepSeek-V3.2, GLM-5   I_ts = sum_h w_th relu(d^-1/2 iq_th . ik_s): the `keys` largest of those that the causal mask leaves
 *   MiniMax-M3             the largest iq_th . ik_s of each block of keys; the `keys` best blocks, those about the query among them
 *
 * Equal scores go to the earlier key, as a stable sort has it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/dense.h"
#include "model/project_parts.h"

struct choosing {
	const struct projecting *projecting;
	const struct layer_settings *layer;
	int64_t tokens, width, batch;
	double *x;               /* [tokens][width] what enters the projections */
	double *query, *key, *weight; /* [tokens][heads][dim], [tokens][dim], [tokens][heads] */
	struct choice *choice;
};

static enum err apply(const struct choosing *choosing, const char *name, int64_t in, int64_t out, const double *x, double *y, struct err_info *info)
{
	const struct model *model = choosing->projecting->model;
	const struct tensor *weight;
	struct dense dense = { 0 };
	enum err err = model_need(model, choosing->layer, name, ".weight", false, &weight, info);
	if (!err)
		err = dense_open(&dense, weight, false, model_tensor(model, choosing->layer, name, ".bias", false), NULL, in, out, choosing->tokens * in * out,
				 choosing->projecting->kernels, info);
	if (!err)
		err = dense_apply(&dense, x, choosing->tokens, y, info);
	dense_release(&dense);
	return err;
}

static enum err normalise(const struct choosing *choosing, enum model_norm kind, const char *name, double eps, int64_t dim, double *x, int64_t count, struct err_info *info)
{
	struct weights norm;
	enum err err = weights_open(&norm, choosing->projecting->model, choosing->layer, kind, name, eps, 1, dim, info);
	for (int64_t i = 0; i < count && !err; i++)
		weights_normalise(&norm, 0, x + i * dim);
	weights_release(&norm);
	return err;
}

/* The first dims turn, as those of the attention do. */
static enum err rotate(const struct choosing *choosing, bool half, double *x, int64_t heads, struct err_info *info)
{
	struct rotary_settings rotary = choosing->layer->rotary;
	int64_t dim = choosing->layer->choice.dim;
	rotary.last = false;
	rotary.pairing = half ? ROPE_HALF : ROPE_INTERLEAVED;
	double *turn = mem_array((size_t)rotary.dims, sizeof *turn);
	if (!turn)
		return err_nomem(info, "the indexer");
	for (int64_t t = 0; t < choosing->tokens; t++) {
		project_turn(&rotary, choosing->projecting->query_places, choosing->batch, t, turn, turn + rotary.dims / 2);
		for (int64_t h = 0; h < heads; h++)
			project_rotate(&rotary, turn, turn + rotary.dims / 2, x + (t * heads + h) * dim, dim);
	}
	free(turn);
	return ERR_OK;
}

static enum err make_top_keys(struct choosing *choosing, struct err_info *info)
{
	const struct layer_settings *layer = choosing->layer;
	const struct choice_settings *set = &layer->choice;
	int64_t rank = layer->latent.query_rank, n = choosing->tokens;
	double *latent = mem_array((size_t)n, (size_t)rank * sizeof *latent);
	enum err err = latent && rank ? apply(choosing, "self_attn.q_a_proj", choosing->width, rank, choosing->x, latent, info) : err_nomem(info, "the indexer");
	if (!err)
		err = normalise(choosing, MODEL_NORM_RMS, "self_attn.q_a_layernorm", layer->latent.eps, rank, latent, n, info);
	if (!err)
		err = apply(choosing, "self_attn.indexer.wq_b", rank, set->heads * set->dim, latent, choosing->query, info);
	if (!err)
		err = apply(choosing, "self_attn.indexer.wk", choosing->width, set->dim, choosing->x, choosing->key, info);
	if (!err)
		err = normalise(choosing, MODEL_NORM_LAYER, "self_attn.indexer.k_norm", 1e-6, set->dim, choosing->key, n, info);
	if (!err)
		err = apply(choosing, "self_attn.indexer.weights_proj", choosing->width, set->heads, choosing->x, choosing->weight, info);
	if (!err)
		err = rotate(choosing, set->half, choosing->query, set->heads, info);
	if (!err)
		err = rotate(choosing, set->half, choosing->key, 1, info);
	free(latent);
	return err;
}

static enum err make_blocks(struct choosing *choosing, struct err_info *info)
{
	const struct layer_settings *layer = choosing->layer;
	const struct choice_settings *set = &layer->choice;
	enum err err = apply(choosing, "self_attn.indexer.q_proj", choosing->width, set->heads * set->dim, choosing->x, choosing->query, info);
	if (!err)
		err = apply(choosing, "self_attn.indexer.k_proj", choosing->width, set->dim, choosing->x, choosing->key, info);
	if (!err)
		err = normalise(choosing, layer->qk_norm, "self_attn.indexer.q_norm", layer->qk_eps, set->dim, choosing->query, choosing->tokens * set->heads, info);
	if (!err)
		err = normalise(choosing, layer->qk_norm, "self_attn.indexer.k_norm", layer->qk_eps, set->dim, choosing->key, choosing->tokens, info);
	if (!err)
		err = rotate(choosing, true, choosing->query, set->heads, info);
	return err ? err : rotate(choosing, true, choosing->key, 1, info);
}

static double product(const struct choosing *choosing, int64_t row, int64_t head, int64_t key)
{
	int64_t dim = choosing->layer->choice.dim;
	const double *q = choosing->query + (row * choosing->layer->choice.heads + head) * dim, *k = choosing->key + key * dim;
	double sum = 0;
	for (int64_t d = 0; d < dim; d++)
		sum += q[d] * k[d];
	return sum;
}

struct scored {
	double score;
	int64_t at;
};

static int best_first(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void mark(struct choice *choice, int64_t batch, int64_t head, int64_t row, int64_t block)
{
	int64_t bit = ((batch * choice->heads + head) * choice->queries + row) * choice->blocks + block;
	choice->bits[bit / 8] |= (unsigned char)(1 << bit % 8);
}

/* Scores of the keys 0 .. row, or of the blocks that they are in; returns how many. */
static int64_t score_row(const struct choosing *choosing, int64_t head, int64_t row, struct scored *scored)
{
	const struct choice_settings *set = &choosing->layer->choice;
	if (set->kind == CHOICE_TOP_KEYS) {
		for (int64_t key = 0; key <= row; key++) {
			scored[key] = (struct scored){ 0, key };
			for (int64_t h = 0; h < set->heads; h++)
				scored[key].score += choosing->weight[row * set->heads + h] / sqrt((double)set->heads) *
						     fmax(0, product(choosing, row, h, key) / sqrt((double)set->dim));
		}
		return row + 1;
	}
	int64_t blocks = row / set->block + 1;
	for (int64_t block = 0; block < blocks; block++)
		scored[block] = (struct scored){ -INFINITY, block };
	for (int64_t key = 0; key <= row; key++)
		scored[key / set->block].score = fmax(scored[key / set->block].score, product(choosing, row, head, key));
	for (int64_t near = 0; near < set->local; near++)
		scored[blocks - 1 - near < 0 ? 0 : blocks - 1 - near].score = INFINITY;
	return blocks;
}

static enum err choose(struct choosing *choosing, struct err_info *info)
{
	struct choice *choice = choosing->choice;
	struct scored *scored = mem_array((size_t)choosing->tokens, sizeof *scored);
	if (!scored)
		return err_nomem(info, "the indexer");
	for (int64_t head = 0; head < choice->heads; head++)
		for (int64_t row = 0; row < choosing->tokens; row++) {
			int64_t count = score_row(choosing, head, row, scored);
			qsort(scored, (size_t)count, sizeof *scored, best_first);
			for (int64_t i = 0; i < count && i < choosing->layer->choice.keys; i++)
				mark(choice, choosing->batch, head, row, scored[i].at);
		}
	free(scored);
	return ERR_OK;
}

static enum err start(struct choosing *choosing, int64_t batches, struct err_info *info)
{
	const struct choice_settings *set = &choosing->layer->choice;
	struct choice *choice = choosing->choice;
	int64_t n = choosing->tokens, bits;
	bool blocks = set->kind == CHOICE_BLOCKS;
	if (set->heads < 1 || set->dim < choosing->layer->rotary.dims || set->keys < 1 || (blocks && (set->block < 1 || choosing->layer->heads % set->heads)))
		return err_set(info, ERR_VALUE, "the config's sizes of the indexer cannot be");
	*choice = (struct choice){ .heads = blocks ? set->heads : 1, .queries = n, .block = blocks ? set->block : 1, .blocks = blocks ? (n + set->block - 1) / set->block : n };
	if (!mem_mul_i64(n, choice->blocks, &bits) || !mem_mul_i64(bits, choice->heads * batches, &bits))
		return err_nomem(info, "the chosen keys");
	choice->bits = mem_zero_array((size_t)bits / 8 + 1, 1);
	choosing->x = mem_array((size_t)n, (size_t)choosing->width * sizeof *choosing->x);
	choosing->query = mem_array((size_t)n, (size_t)(set->heads * set->dim) * sizeof *choosing->query);
	choosing->key = mem_array((size_t)n, (size_t)set->dim * sizeof *choosing->key);
	choosing->weight = mem_array((size_t)n, (size_t)set->heads * sizeof *choosing->weight);
	return choice->bits && choosing->x && choosing->query && choosing->key && choosing->weight ? ERR_OK : err_nomem(info, "the chosen keys");
}

enum err project_choice(const struct projecting *projecting, int64_t number, struct choice *choice, struct err_info *info)
{
	const struct heads *hidden = projecting->hidden;
	struct choosing choosing = {
		.projecting = projecting, .layer = &projecting->model->layer[number], .tokens = hidden->size[AXIS_TOKEN], .width = hidden->size[AXIS_DIM], .choice = choice,
	};
	enum err err = start(&choosing, hidden->size[AXIS_BATCH], info);
	for (int64_t batch = 0; batch < hidden->size[AXIS_BATCH] && !err; batch++) {
		choosing.batch = batch;
		err = project_input(projecting, choosing.layer, hidden, number, batch, choosing.x, info);
		if (!err)
			err = choosing.layer->choice.kind == CHOICE_TOP_KEYS ? make_top_keys(&choosing, info) : make_blocks(&choosing, info);
		if (!err)
			err = choose(&choosing, info);
	}
	free(choosing.x);
	free(choosing.query);
	free(choosing.key);
	free(choosing.weight);
	if (err)
		choice_release(choice);
	return err;
}
