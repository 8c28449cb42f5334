/* SPDX-License-Identifier: MIT */
/*
 * Performer (Choromanski et al. 2021, arXiv 2009.14794): positive random features phi with E[phi(q).phi(k)] = exp(scale q.k).
 *
 * With u = w_r.(c x), c = sqrt(scale): phi_r(x) = exp(u_r - |c x|^2 / 2 - stabiliser) + eps, where queries subtract their own largest u and keys the largest u of
 * all keys. A common factor 1/sqrt m cancels in the normalisation and is left out.
 *
 * With eps = 0 the stabiliser cancels too, and another keeps float32 from underflowing: feature r of every key is divided by its largest value over the keys, and
 * multiplied to the queries; then the largest feature of a query is made 1, and a row sums to at least 1.
 */
#include "mechanism/performer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/dot.h"
#include "mechanism/lazy.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

enum kind { KIND_EXP, KIND_HYPERBOLIC, KIND_RELU };
static const struct word kind_words[] = {
	{ "exp", KIND_EXP }, { "hyperbolic", KIND_HYPERBOLIC }, { "relu", KIND_RELU }, WORD_END,
};

struct performer {
	struct dot dot;
	enum kind kind;
	double eps, factor;       /* factor: c */
	int64_t width, rows;      /* head size; rows of the projection */
	struct operand projection;
	struct lazy *shift;       /* for each key head: what is subtracted from the exponent of each feature */
	const struct heads *key;
};

static const struct performer *performer_of(const struct dot *dot)
{
	return (const struct performer *)dot;
}

/* u_r of one vector x, with its mirror images for the hyperbolic kind; returns |c x|^2 / 2. */
static double project(const struct performer *performer, const double *projection, const double *x, double *u)
{
	double square = 0;
	int64_t width = performer->width, rows = performer->rows;
	memset(u, 0, (size_t)rows * sizeof *u);
	operand_multiply(projection, rows, width, x, u);
	for (int64_t i = 0; i < width; i++)
		square += x[i] * x[i];
	for (int64_t r = 0; r < rows; r++)
		u[r] *= performer->factor;
	for (int64_t r = 0; r < rows && performer->kind == KIND_HYPERBOLIC; r++)
		u[rows + r] = -u[r];
	return performer->factor * performer->factor * square / 2;
}

static const double *projection_of(const struct performer *performer, int64_t layer, int64_t head)
{
	return operand_block(&performer->projection, layer, head);
}

/* Project keys [begin, begin + count) and leave u_r - |c x|^2 / 2 in out, u_r alone where `bare`. */
static enum err key_exponents(const struct performer *performer, int64_t layer, int64_t batch, int64_t head, int64_t begin, int64_t count, bool bare,
			      double *out, struct err_info *info)
{
	int64_t width = performer->width, dim = performer->dot.dim;
	double *x = mem_array((size_t)(count * width), sizeof *x);
	if (!x)
		return err_nomem(info, "features of the keys");
	enum err err = heads_decode_f64(performer->key, layer, batch, head, begin, count, false, x, width, info);
	for (int64_t k = 0; !err && k < count; k++) {
		double half = project(performer, projection_of(performer, layer, head), x + k * width, out + k * dim);
		for (int64_t r = 0; r < dim && !bare; r++)
			out[k * dim + r] -= half;
	}
	free(x);
	return err;
}

/* The shifts of a key head: with eps one number, the largest u; without one a feature, its largest exponent. */
static enum err make_shift(const void *owner, int64_t number, double *shift, int64_t dim, struct err_info *info)
{
	const struct performer *performer = owner;
	int64_t heads = performer->key->size[AXIS_HEAD], batches = performer->dot.masked.source.batches, keys = performer->dot.masked.source.keys;
	int64_t layer = number / heads / batches, batch = number / heads % batches;
	double *u = mem_array(KEY_BLOCK * (size_t)dim, sizeof *u);
	enum err err = u ? ERR_OK : err_nomem(info, "features of the keys");
	for (int64_t r = 0; r < dim; r++)
		shift[r] = -INFINITY;
	for (int64_t begin = 0; !err && begin < keys; begin += KEY_BLOCK) {
		int64_t count = keys - begin < KEY_BLOCK ? keys - begin : KEY_BLOCK;
		err = key_exponents(performer, layer, batch, number % heads, begin, count, performer->eps > 0, u, info);
		for (int64_t i = 0; !err && i < count * dim; i++)
			shift[i % dim] = fmax(shift[i % dim], u[i]);
	}
	double largest = -INFINITY;
	for (int64_t r = 0; r < dim; r++)
		largest = fmax(largest, shift[r]);
	for (int64_t r = 0; r < dim && performer->eps > 0; r++)
		shift[r] = largest;
	free(u);
	return err;
}

static void rectify(const struct performer *performer, double *u, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		u[i] = fmax(u[i], 0) + performer->eps;
}

static enum err performer_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	const struct performer *performer = performer_of(dot);
	const double *shift;
	int64_t layer, batch, head = masked_key_head(&dot->masked, map, &layer, &batch);
	enum err err = key_exponents(performer, layer, batch, head, begin, count, performer->kind == KIND_RELU, out, info);
	if (err)
		return err;
	if (performer->kind == KIND_RELU) {
		rectify(performer, out, count * dot->dim);
		return ERR_OK;
	}
	err = lazy_get(performer->shift, performer, masked_prepared_id(&dot->masked.source, map), &shift, info);
	for (int64_t i = 0; !err && i < count * dot->dim; i++)
		out[i] = exp(out[i] - shift[i % dot->dim]) + performer->eps;
	return err;
}

static void query_features(const struct performer *performer, const double *shift, double half, double *u)
{
	int64_t dim = performer->dot.dim;
	double largest = -INFINITY;
	bool exact = performer->eps == 0;
	for (int64_t r = 0; r < dim; r++) {
		u[r] += exact ? shift[r] : 0;
		largest = fmax(largest, u[r]);
	}
	for (int64_t r = 0; r < dim; r++)
		u[r] = exp(u[r] - largest - (exact ? 0 : half)) + performer->eps;
}

static enum err performer_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	const struct performer *performer = performer_of(dot);
	const double *shift = NULL;
	int64_t layer, batch, head;
	source_map_id(&dot->masked.source, map, &layer, &batch, &head);
	double *x = mem_array((size_t)performer->width, sizeof *x);
	if (!x)
		return err_nomem(info, "features of a query");
	enum err err = heads_decode_f64(dot->masked.query, layer, batch, head, row, 1, false, x, performer->width, info);
	if (!err && performer->kind != KIND_RELU)
		err = lazy_get(performer->shift, performer, masked_prepared_id(&dot->masked.source, map), &shift, info);
	int64_t key_head = masked_key_head(&dot->masked, map, &layer, &batch);
	double half = err ? 0 : project(performer, projection_of(performer, layer, key_head), x, out);
	if (!err && performer->kind == KIND_RELU)
		rectify(performer, out, dot->dim);
	else if (!err)
		query_features(performer, shift, half, out);
	free(x);
	return err;
}

static const struct dot_vectors performer_vectors = { performer_query, performer_key };

static void performer_free(struct source *source)
{
	struct performer *performer = (struct performer *)source;
	lazy_free(performer->shift);
	operand_release(&performer->projection);
	masked_release(&performer->dot.masked);
	free(performer);
}

static const struct source_ops performer_ops = {
	.name = "performer",
	MASKED_SEEN,
	.prepared_id = masked_prepared_id,
	DOT_OPS,
	.prepared_key_bytes = dot_key_bytes,
	.pool = dot_pool,
	.free = performer_free,
};

const double *performer_projection(const struct source *source, int64_t layer, int64_t head, int64_t *rows, int64_t *dim)
{
	if (source->ops != &performer_ops)
		return NULL;
	const struct performer *performer = (const struct performer *)source;
	*rows = performer->rows;
	*dim = performer->width;
	return projection_of(performer, layer, mechanism_shared_index(head, source->heads, performer->key->size[AXIS_HEAD]));
}

static enum err draw_projection(struct performer *performer, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word yes_no[] = { { "yes", true }, { "no", false }, WORD_END };
	static const struct word norms[] = { { "0", false }, { "1", true }, WORD_END };
	struct source *source = &performer->dot.masked.source;
	int64_t seed = 0, width = performer->width, rows = 0, total;
	int orthogonal, fixed_norm;
	enum err err = mechanism_parameter_int(args, &mechanism_performer, "seed", &seed, info);
	if (!err)
		err = mechanism_parameter_int(args, &mechanism_performer, "features", &rows, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_performer, "orthogonal", yes_no, &orthogonal, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_performer, "scaling", norms, &fixed_norm, info);
	if (err)
		return err;
	if (rows == 0)
		rows = (int64_t)fmax(1, (double)width * log((double)width));
	if (rows < 1 || rows > 1 << 20)
		return err_set(info, ERR_USAGE, "--param features=%lld: a number from 1 to %d is expected", (long long)rows, 1 << 20);
	double *at = mem_mul_i64(rows, width, &total) ? mem_array((size_t)total, sizeof *at) : NULL;
	if (!at)
		return err_nomem(info, "the random projection");
	struct performer_draw draw = { .seed = (uint64_t)seed, .rows = rows, .dim = width, .orthogonal = orthogonal, .fixed_norm = fixed_norm };
	performer->projection = (struct operand){ .at = at, .layers = 1, .heads = 1, .size = { rows, width, 1 }, .count = total };
	performer->rows = rows;
	mechanism_note(source->note, sizeof source->note, "%lld %s features from seed %lld", (long long)rows, word_text(kind_words, (int)performer->kind), (long long)seed);
	return performer_draw(&draw, at, info);
}

static enum err open_projection(struct performer *performer, const struct mechanism_args *args, struct err_info *info)
{
	struct source *source = &performer->dot.masked.source;
	struct operand_shape shape = { .rank = 2, .size = { -1, performer->width }, .layers = source->layers, .heads = performer->key->size[AXIS_HEAD] };
	enum err err = operand_read(&performer->projection, args, &mechanism_performer, "projection", false, &shape, info);
	if (err)
		return err;
	if (!performer->projection.at)
		return draw_projection(performer, args, info);
	performer->rows = performer->projection.size[0];
	mechanism_note(source->note, sizeof source->note, "%lld %s features from a given projection", (long long)performer->rows,
		       word_text(kind_words, (int)performer->kind));
	return ERR_OK;
}

static enum err open_features(struct performer *performer, const struct mechanism_args *args, struct err_info *info)
{
	int kind;
	enum err err = mechanism_parameter_choice(args, &mechanism_performer, "kind", kind_words, &kind, info);
	if (err)
		return err;
	performer->kind = (enum kind)kind;
	performer->eps = performer->kind == KIND_RELU ? 1e-3 : 1e-6;
	if (strcmp(mechanism_parameter_text(args, &mechanism_performer, "eps"), "auto") != 0)
		err = mechanism_parameter_real(args, &mechanism_performer, "eps", &performer->eps, info);
	if (!err && performer->eps < 0)
		err = err_set(info, ERR_USAGE, "--param eps=%g: what is added to a feature is not negative", performer->eps);
	return err;
}

static enum err performer_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct performer *performer = (struct performer *)source;
	struct masked *masked = &performer->dot.masked;
	source->norm = NORM_ROW_SUM;
	enum err err = dot_init(&performer->dot, &mechanism_performer, args, &performer_vectors, dot_usual_scale(args), info);
	if (err)
		return err;
	if (!(masked->scale >= 0))
		return err_set(info, ERR_USAGE, "--scale-factor %g: performer attention needs a scale that is not negative", masked->scale);
	performer->width = performer->dot.dim;
	performer->key = masked->key;
	performer->factor = sqrt(masked->scale);
	masked->scale = 1;
	masked->source.is_stochastic = true;
	err = open_features(performer, args, info);
	if (!err)
		err = open_projection(performer, args, info);
	if (err)
		return err;
	performer->dot.dim = performer->rows * (performer->kind == KIND_HYPERBOLIC ? 2 : 1);
	int64_t key_heads = masked->source.layers * masked->source.batches * masked->key->size[AXIS_HEAD];
	performer->shift = lazy_new(key_heads, performer->dot.dim, make_shift);
	return performer->shift ? ERR_OK : err_nomem(info, "features of the keys");
}

static enum err performer_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&performer_ops, sizeof(struct performer), "Performer attention", performer_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(L,B,H,N,D)", true, "queries" },
	{ "key", "(L,B,Hk,M,D)", true, "keys" },
	{ "value", "(L,B,Hk,M,Dv)", false, "values" },
	{ "projection", "(m,D)", false, "random rows, with axes of layer and key head before them where they differ (performer-pytorch's projection_matrix; "
				       "transpose fast-transformers' omega); without it rows are drawn" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "kind", "exp", "exp, hyperbolic (e^u and e^-u, two features per row) or relu (no softmax is approximated)" },
	{ "eps", "auto", "added to each feature: 1e-6, for relu 1e-3, unless given (performer-pytorch 1e-4, Google's JAX 1e-6); 0 is the mathematical object" },
	{ "features", "0", "rows to draw; 0: D ln D" },
	{ "seed", "0", "of the drawing" },
	{ "orthogonal", "yes", "no: independent rows" },
	{ "scaling", "0", "norm of a drawn orthogonal row: 0 that of a Gaussian vector, 1 sqrt D" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_performer = {
	.name = "performer",
	.summary = "random features that approximate the softmax (Performer, FAVOR+)",
	.equation = "A_ij = phi(q_i).phi(k_j) / sum_j' phi(q_i).phi(k_j'),  c = d^-1/4\n"
		    "phi_r(x) = m^-1/2 (exp(w_r.(c x) - |c x|^2 / 2 - stabiliser) + eps),  w_1 .. w_m random",
	.properties = "weights >= 0, rows sum to 1, rank at most m, random: look at several seeds; causal by option",
	.reference = "Choromanski et al. 2021, arXiv 2009.14794; lucidrains/performer-pytorch, google-research/performer, idiap/fast-transformers (hyperbolic)",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_LIMITS | SETTING_SCALE,
	.open = performer_open,
};
