/* SPDX-License-Identifier: MIT */
/*
 * The tables of relative positions of a layer, as relative_terms.h takes them: all are made of tensors of the checkpoint and of the number of tokens.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/dense.h"
#include "mechanism/relative.h"
#include "model/project_parts.h"

enum { REACH_MAX = 1 << 22 };

struct making {
	const struct projecting *projecting;
	const struct layer_settings *layer;
	const struct bias_settings *bias;
	int64_t queries, keys;
	struct relative_terms *terms;
};

/* The farthest that tokens of these sequences are apart. */
static int64_t farthest(const struct making *making)
{
	return making->queries > making->keys ? making->queries : making->keys;
}

static enum err make_classes(struct making *making, int64_t reach, int64_t classes, struct err_info *info)
{
	struct relative_terms *terms = making->terms;
	if (reach < 0 || reach > REACH_MAX)
		return err_set(info, ERR_VALUE, "relative positions up to %" PRId64 " are too far", reach);
	terms->heads = making->layer->heads;
	terms->dim = making->layer->dim;
	terms->classes = classes;
	terms->reach = reach;
	terms->class_of = mem_zero_array((size_t)(2 * reach + 1), sizeof *terms->class_of);
	return terms->class_of ? ERR_OK : err_nomem(info, "relative positions");
}

/* The class of distance i - j is itself, moved and cut. */
static void class_by_shift(struct relative_terms *terms, int64_t shift)
{
	for (int64_t distance = -terms->reach; distance <= terms->reach; distance++) {
		int64_t class = distance + shift;
		terms->class_of[terms->reach + distance] = (int32_t)(class < 0 ? 0 : class >= terms->classes ? terms->classes - 1 : class);
	}
}

/* (classes, heads), as embeddings store it, to [heads][classes]. */
static enum err read_table(struct making *making, const struct tensor *tensor, struct err_info *info)
{
	struct relative_terms *terms = making->terms;
	double *numbers = NULL;
	terms->table = mem_array((size_t)making->layer->heads, (size_t)tensor->shape[0] * sizeof *terms->table);
	enum err err = terms->table ? read_vector(tensor, tensor->shape[0] * making->layer->heads, &numbers, info) : err_nomem(info, tensor->name);
	for (int64_t class = 0; class < tensor->shape[0] && !err; class++)
		for (int64_t head = 0; head < making->layer->heads; head++)
			terms->table[head * tensor->shape[0] + class] = numbers[class * making->layer->heads + head];
	free(numbers);
	return err;
}

static enum err make_t5(struct making *making, struct err_info *info)
{
	const struct bias_settings *bias = making->bias;
	const struct tensor *tensor;
	enum err err = model_need(making->projecting->model, making->layer, bias->table, ".weight", bias->shared, &tensor, info);
	if (err)
		return err;
	int64_t buckets = tensor->rank == 2 ? tensor->shape[0] : 0, exact = buckets / (bias->two_sided ? 4 : 2);
	if (exact < 1 || bias->reach <= exact) {
		err_set(info, ERR_SHAPE, "'%s': %" PRId64 " buckets do not reach to the distance %" PRId64, tensor->name, buckets, bias->reach);
		return err_in_file(info, tensor->file);
	}
	err = make_classes(making, bias->reach, buckets, info);
	if (!err)
		err = read_table(making, tensor, info);
	for (int64_t distance = -bias->reach; distance <= bias->reach && !err; distance++)
		making->terms->class_of[bias->reach + distance] = (int32_t)t5_bucket(-distance, bias->two_sided, buckets, bias->reach);
	return err;
}

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

/* g = a (b c - 1) + 2, with a and b from sums of four outputs of a small layer on each head's part of the state. */
static enum err make_gate(struct making *making, struct err_info *info)
{
	const struct projecting *projecting = making->projecting;
	const struct layer_settings *layer = making->layer;
	struct relative_terms *terms = making->terms;
	const struct heads *states = projecting->hidden;
	const struct tensor *linear, *constant;
	int64_t tokens = states->size[AXIS_TOKEN], batches = states->size[AXIS_BATCH], dim = layer->dim;
	double *numbers = NULL, *x = NULL;
	struct dense dense = { 0 };
	enum err err = model_need(projecting->model, layer, making->bias->second, ".weight", false, &linear, info);
	if (!err)
		err = dense_open(&dense, linear, false, model_tensor(projecting->model, layer, making->bias->second, ".bias", false), NULL, dim, 8, 0, NULL, info);
	if (!err)
		err = model_need(projecting->model, layer, making->bias->third, "", false, &constant, info);
	if (!err)
		err = read_vector(constant, layer->heads, &numbers, info);
	terms->tokens = tokens;
	if (!err && (!(terms->gate = mem_array((size_t)(batches * layer->heads), (size_t)tokens * sizeof *terms->gate)) ||
		     !(x = mem_array((size_t)tokens, (size_t)layer->width * sizeof *x))))
		err = err_nomem(info, "the gates of the bias");
	for (int64_t batch = 0; batch < batches && !err; batch++) {
		err = project_input(projecting, layer, states, layer->number, batch, x, info);
		for (int64_t i = 0; i < tokens * layer->heads && !err; i++) {
			int64_t head = i % layer->heads, token = i / layer->heads;
			double y[8];
			err = dense_apply(&dense, x + token * layer->width + head * dim, 1, y, info);
			double a = sigmoid(y[0] + y[1] + y[2] + y[3]), b = sigmoid(y[4] + y[5] + y[6] + y[7]);
			terms->gate[(batch * layer->heads + head) * tokens + token] = a * (b * numbers[head] - 1) + 2;
		}
	}
	dense_release(&dense);
	free(numbers);
	free(x);
	return err;
}

/* One embedding of `dim` numbers for each class, the same for every head, times the scale. */
static enum err share_vectors(struct making *making, const double *numbers, double **vectors, struct err_info *info)
{
	struct relative_terms *terms = making->terms;
	int64_t each = terms->classes * terms->dim;
	*vectors = mem_array((size_t)terms->heads, (size_t)each * sizeof **vectors);
	for (int64_t i = 0; *vectors && i < terms->heads * each; i++)
		(*vectors)[i] = making->layer->scale * numbers[i % each];
	return *vectors ? ERR_OK : err_nomem(info, "relative positions");
}

static enum err make_key(struct making *making, struct err_info *info)
{
	const struct bias_settings *bias = making->bias;
	const struct tensor *tensor;
	bool clipped = bias->kind == BIAS_KEY_CLIPPED;
	int64_t classes = clipped ? bias->left + bias->right + 1 : 2 * bias->reach - 1, reach = clipped ? (bias->left > bias->right ? bias->left : bias->right) : bias->reach - 1;
	double *numbers = NULL;
	if (!clipped && farthest(making) > bias->reach)
		return err_set(info, ERR_SHAPE, "%" PRId64 " tokens, and the config's max_position_embeddings is %" PRId64, farthest(making), bias->reach);
	enum err err = make_classes(making, reach, classes, info);
	if (!err)
		err = model_need(making->projecting->model, making->layer, bias->table, ".weight", false, &tensor, info);
	if (!err)
		err = read_vector(tensor, classes * making->layer->dim, &numbers, info);
	if (!err)
		err = share_vectors(making, numbers, &making->terms->query_vector, info);
	if (!err && bias->kind == BIAS_KEY_QUERY)
		err = share_vectors(making, numbers, &making->terms->key_vector, info);
	if (!err && !clipped)
		class_by_shift(making->terms, bias->reach - 1);
	for (int64_t distance = -reach; distance <= reach && !err && clipped; distance++) {
		int64_t ahead = -distance < -bias->left ? -bias->left : -distance > bias->right ? bias->right : -distance;
		making->terms->class_of[reach + distance] = (int32_t)(ahead + bias->left);
	}
	free(numbers);
	return err;
}

/* `count` rows of `width` numbers through a layer of the checkpoint, as [heads][classes][dim] times the scale. */
static enum err project_table(struct making *making, const char *name, const char *ending, bool transposed, const double *rows, int64_t count, int64_t width, double **out,
			      struct err_info *info)
{
	const struct layer_settings *layer = making->layer;
	const struct tensor *weight;
	struct dense dense = { 0 };
	int64_t heads = layer->heads, dim = layer->dim;
	double *y = mem_array((size_t)count, (size_t)(heads * dim) * sizeof *y);
	*out = mem_array((size_t)count, (size_t)(heads * dim) * sizeof **out);
	enum err err = y && *out ? model_need(making->projecting->model, layer, name, ending, false, &weight, info) : err_nomem(info, name);
	if (!err)
		err = dense_open(&dense, weight, transposed, *ending ? model_tensor(making->projecting->model, layer, name, ".bias", false) : NULL, NULL, width, heads * dim, 0,
				 NULL, info);
	if (!err)
		err = dense_apply(&dense, rows, count, y, info);
	for (int64_t i = 0; i < count * heads * dim && !err; i++)
		(*out)[(i / dim % heads * count + i / (heads * dim)) * dim + i % dim] = layer->scale * y[i];
	dense_release(&dense);
	free(y);
	return err;
}

static int64_t deberta_bucket(int64_t distance, int64_t buckets, int64_t most)
{
	int64_t middle = buckets / 2, size = llabs(distance);
	if (buckets <= 0 || size <= middle)
		return distance;
	float share = logf((float)size / (float)middle) / (float)log((double)(most - 1) / (double)middle) * (float)(middle - 1);
	int64_t bucket = (int64_t)ceilf(share) + middle;
	return distance < 0 ? -bucket : bucket;
}

static enum err norm_rows(struct making *making, double *rows, int64_t count, int64_t width, struct err_info *info)
{
	const struct bias_settings *bias = making->bias;
	const struct tensor *weight, *shift;
	double *w = NULL, *b = NULL;
	enum err err = model_need(making->projecting->model, making->layer, bias->fourth, ".weight", true, &weight, info);
	if (!err)
		err = model_need(making->projecting->model, making->layer, bias->fourth, ".bias", true, &shift, info);
	if (!err)
		err = read_vector(weight, width, &w, info);
	if (!err)
		err = read_vector(shift, width, &b, info);
	struct weights norm = { .kind = MODEL_NORM_LAYER, .weight = w, .bias = b, .eps = bias->eps, .heads = 1, .dim = width };
	for (int64_t i = 0; i < count && !err; i++)
		weights_normalise(&norm, 0, rows + i * width);
	free(w);
	free(b);
	return err;
}

static enum err make_deberta(struct making *making, struct err_info *info)
{
	const struct bias_settings *bias = making->bias;
	const struct tensor *tensor;
	bool second = bias->kind == BIAS_DEBERTA_V2;
	int64_t width = making->layer->width, most = farthest(making), span = second ? (bias->buckets > 0 ? bias->buckets : bias->reach) : most < bias->reach ? most : bias->reach;
	double *numbers = NULL;
	enum err err = make_classes(making, second ? most : span, 2 * span, info);
	if (!err)
		err = model_need(making->projecting->model, making->layer, bias->table, ".weight", true, &tensor, info);
	if (!err)
		err = read_vector(tensor, 2 * (second ? span : bias->reach) * width, &numbers, info);
	if (err) {
		free(numbers);
		return err;
	}
	double *rows = numbers + (second ? 0 : bias->reach - span) * width;
	if (second && bias->norm_table)
		err = norm_rows(making, rows, 2 * span, width, info);
	if (!err && bias->content_to_position)
		err = project_table(making, bias->second, ".weight", false, rows, 2 * span, width, &making->terms->query_vector, info);
	if (!err && bias->position_to_content)
		err = project_table(making, bias->third, ".weight", false, rows, 2 * span, width, &making->terms->key_vector, info);
	struct relative_terms *terms = making->terms;
	for (int64_t distance = -terms->reach; distance <= terms->reach && !err; distance++) {
		int64_t class = span + (second ? deberta_bucket(distance, bias->buckets, bias->reach) : distance);
		terms->class_of[terms->reach + distance] = (int32_t)(class < 0 ? 0 : class >= 2 * span ? 2 * span - 1 : class);
	}
	free(numbers);
	return err;
}

/* Sinusoids of distances -most .. most: sines and cosines take turns, or stand in halves. */
static double *sinusoids(int64_t most, int64_t width, bool halves)
{
	double *rows = mem_zero_array((size_t)(2 * most + 1), (size_t)width * sizeof *rows);
	for (int64_t i = 0; rows && i < 2 * most + 1; i++)
		for (int64_t k = 0; k < width / 2; k++) {
			double angle = (double)(i - most) * pow(10000, -2 * (double)k / (double)width);
			rows[i * width + (halves ? k : 2 * k)] = sin(angle);
			rows[i * width + (halves ? k + width / 2 : 2 * k + 1)] = cos(angle);
		}
	return rows;
}

/* (q + v).p = (q + u).p + (v - u).p: queries hold u already. */
static enum err add_difference(struct making *making, struct err_info *info)
{
	const struct model *model = making->projecting->model;
	struct relative_terms *terms = making->terms;
	const struct tensor *u, *v;
	double *of_u = NULL, *of_v = NULL;
	enum err err = model_need(model, making->layer, making->bias->second, "", false, &u, info);
	if (!err)
		err = model_need(model, making->layer, making->bias->third, "", false, &v, info);
	if (!err)
		err = read_vector(u, terms->heads * terms->dim, &of_u, info);
	if (!err)
		err = read_vector(v, terms->heads * terms->dim, &of_v, info);
	if (!err && !(terms->table = mem_zero_array((size_t)terms->heads, (size_t)terms->classes * sizeof *terms->table)))
		err = err_nomem(info, "relative positions");
	for (int64_t i = 0; i < terms->heads * terms->classes && !err; i++)
		for (int64_t d = 0; d < terms->dim; d++) {
			int64_t at = i / terms->classes * terms->dim + d;
			terms->table[i] += (of_v[at] - of_u[at]) * terms->query_vector[i * terms->dim + d];
		}
	free(of_u);
	free(of_v);
	return err;
}

static enum err make_sinusoidal(struct making *making, struct err_info *info)
{
	const struct bias_settings *bias = making->bias;
	bool xlnet = bias->kind == BIAS_XLNET;
	int64_t most = farthest(making), width = making->layer->width;
	enum err err = make_classes(making, most, 2 * most + 1, info);
	double *rows = err ? NULL : sinusoids(most, width, xlnet);
	if (!err && !rows)
		err = err_nomem(info, "relative positions");
	if (!err)
		err = project_table(making, bias->table, xlnet ? "" : ".weight", xlnet, rows, 2 * most + 1, width, &making->terms->query_vector, info);
	free(rows);
	if (!err)
		class_by_shift(making->terms, most);
	return err ? err : add_difference(making, info);
}

static enum err make_grid(struct making *making, struct err_info *info)
{
	const struct tensor *tensor;
	struct relative_terms *terms = making->terms;
	enum err err = model_need(making->projecting->model, making->layer, making->bias->table, "", making->bias->shared, &tensor, info);
	if (err)
		return err;
	int64_t classes = tensor->rank == 2 ? tensor->shape[0] : 0, side = (int64_t)llround((sqrt((double)classes) + 1) / 2);
	while (side > 1 && (2 * side - 1) * (2 * side - 1) > classes)
		side--;
	terms->heads = making->layer->heads;
	terms->classes = classes;
	terms->side = side;
	terms->prefix = 1;
	if ((2 * side - 1) * (2 * side - 1) + 3 != classes || side * side + 1 != making->queries || making->queries != making->keys) {
		err_set(info, ERR_SHAPE, "'%s' is for a grid of %" PRId64 " x %" PRId64 " patches and one token before, and there are %" PRId64 " tokens", tensor->name, side, side,
			making->queries);
		return err_in_file(info, tensor->file);
	}
	return read_table(making, tensor, info);
}

/* Slopes whose greatest exponent is not 8. */
static enum err make_alibi(struct making *making, struct err_info *info)
{
	struct relative_terms *terms = making->terms;
	int64_t most = farthest(making), heads = making->layer->heads;
	if (making->bias->slope_max == 8 || making->bias->slope_max == 0)
		return ERR_OK;
	double *slope = mem_array((size_t)heads, sizeof *slope);
	enum err err = slope ? make_classes(making, most, 2 * most + 1, info) : err_nomem(info, "ALiBi slopes");
	if (!err && !(terms->table = mem_array((size_t)heads, (size_t)terms->classes * sizeof *terms->table)))
		err = err_nomem(info, "ALiBi slopes");
	if (!err) {
		class_by_shift(terms, most);
		alibi_slopes(heads, slope);
	}
	for (int64_t i = 0; i < heads * terms->classes && !err; i++)
		terms->table[i] = -pow(slope[i / terms->classes], making->bias->slope_max / 8) * fabs((double)(i % terms->classes - most));
	free(slope);
	return err;
}

enum err project_terms_of(const struct projecting *projecting, const struct layer_settings *layer, int64_t queries, int64_t keys, struct relative_terms *terms,
			  struct err_info *info)
{
	struct making making = { projecting, layer, &layer->bias, queries, keys, terms };
	enum err err = ERR_OK;
	*terms = (struct relative_terms){ 0 };
	switch (layer->bias.kind) {
	case BIAS_NONE:
		return ERR_OK;
	case BIAS_ALIBI:
		err = make_alibi(&making, info);
		break;
	case BIAS_T5:
	case BIAS_WAVLM:
		err = make_t5(&making, info);
		if (!err && layer->bias.kind == BIAS_WAVLM)
			err = make_gate(&making, info);
		break;
	case BIAS_KEY:
	case BIAS_KEY_QUERY:
	case BIAS_KEY_CLIPPED:
		err = make_key(&making, info);
		break;
	case BIAS_DEBERTA:
	case BIAS_DEBERTA_V2:
		err = make_deberta(&making, info);
		break;
	case BIAS_XLNET:
	case BIAS_CONFORMER:
		err = make_sinusoidal(&making, info);
		break;
	case BIAS_GRID:
		err = make_grid(&making, info);
		break;
	}
	if (err)
		relative_terms_release(terms);
	return err;
}

enum err project_terms(const struct projecting *projecting, int64_t layer, int64_t queries, int64_t keys, struct relative_terms *terms, struct err_info *info)
{
	return project_terms_of(projecting, &projecting->model->layer[layer], queries, keys, terms, info);
}
