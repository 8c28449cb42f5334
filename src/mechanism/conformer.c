/* SPDX-License-Identifier: MIT */
/*
 * Relative positions as in Transformer-XL (Dai et al. 2019, arXiv 1901.02860) and Conformer (Gulati et al. 2020, arXiv 2005.08100).
 *
 *   s_ij = scale ((q_i + u).k_j + (q_i + v).p_(i - j))
 *
 * Row t of the table of positions p holds the relative position top - t, from keys far to the left to keys far to the right. The shift that implementations do by padding and reshaping is
 * an index here: row top - (i - j). A tile of B queries and B' keys needs a band of B + B' - 1 rows, so that nothing of size n x n or n x 2n exists.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/dot.h"
#include "mechanism/lazy.h"
#include "mechanism/operand.h"
#include "mechanism/sinusoid.h"
#include "mechanism/table.h"

enum part { PART_ALL, PART_CONTENT, PART_POSITION };

struct conformer {
	struct dot dot;
	enum part part;
	int64_t rows, top;          /* of the table */
	struct operand bias_u, bias_v; /* (heads, dim) */
	struct operand position;    /* (rows, width), or (heads, rows, dim) ready for use; absent: sinusoids */
	struct operand linear;      /* (heads * dim, width); absent: the table is projected already */
	bool by_head;               /* position has axes (heads, rows, dim) */
	struct lazy *table;         /* for each layer, (heads, rows, dim) */
};

enum { BAND = KEY_BLOCK + MAX_LANES + KEY_PANEL };

static const struct conformer *conformer_of(const struct source *source)
{
	return (const struct conformer *)source;
}

static enum err biased_query(const struct dot *dot, const struct operand *bias, int64_t map, int64_t row, double *out, struct err_info *info)
{
	int64_t layer, batch, head;
	source_map_id(&dot->masked.source, map, &layer, &batch, &head);
	enum err err = dot_plain.query(dot, map, row, out, info);
	const double *add = operand_block(bias, layer, 0) + head * dot->dim;
	for (int64_t d = 0; d < dot->dim && !err; d++)
		out[d] += add[d];
	return err;
}

static enum err content_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	return biased_query(dot, &((const struct conformer *)dot)->bias_u, map, row, out, info);
}

static enum err position_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	return biased_query(dot, &((const struct conformer *)dot)->bias_v, map, row, out, info);
}

static enum err plain_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	return dot_plain.key(dot, map, begin, count, out, info);
}

static const struct dot_vectors content_vectors = { content_query, plain_key };
static const struct dot_vectors position_vectors = { position_query, plain_key };

/* Row t of the table before the projection. */
static void raw_position(const struct conformer *conformer, int64_t layer, int64_t t, int64_t width, double *out)
{
	if (!conformer->position.at) {
		sinusoid_row(SINUSOID_INTERLEAVED, (double)(conformer->top - t), width, out);
		return;
	}
	const double *row = operand_block(&conformer->position, layer, 0) + t * width;
	for (int64_t c = 0; c < width; c++)
		out[c] = row[c];
}

static enum err make_table(const void *owner, int64_t layer, double *table, int64_t count, struct err_info *info)
{
	const struct conformer *conformer = owner;
	int64_t dim = conformer->dot.dim, rows = conformer->rows, heads = conformer->dot.masked.source.heads, model = heads * dim;
	int64_t width = conformer->linear.at ? conformer->linear.size[1] : model;
	if (conformer->by_head) {
		for (int64_t i = 0; i < count; i++)
			table[i] = operand_block(&conformer->position, layer, 0)[i];
		return ERR_OK;
	}
	double *raw = mem_array((size_t)(width + model), sizeof *raw), *projected = raw ? raw + width : NULL;
	if (!raw)
		return err_nomem(info, "the table of positions");
	for (int64_t t = 0; t < rows; t++) {
		raw_position(conformer, layer, t, width, raw);
		for (int64_t c = 0; c < model; c++)
			projected[c] = conformer->linear.at ? 0 : raw[c];
		if (conformer->linear.at)
			operand_multiply(operand_block(&conformer->linear, layer, 0), model, width, raw, projected);
		for (int64_t c = 0; c < model; c++)
			table[(c / dim * rows + t) * dim + c % dim] = projected[c];
	}
	free(raw);
	return ERR_OK;
}

/* The table of a map's head: rows x dim. */
static enum err head_table(const struct conformer *conformer, int64_t map, const double **table, struct err_info *info)
{
	int64_t layer, batch, head;
	source_map_id(&conformer->dot.masked.source, map, &layer, &batch, &head);
	enum err err = lazy_get(conformer->table, conformer, layer, table, info);
	if (!err)
		*table += head * conformer->rows * conformer->dot.dim;
	return err;
}

/* Row of the table for query `row` of a map and key 0; key j is j rows further on. */
static int64_t first_position(const struct conformer *conformer, int64_t map, int64_t row)
{
	int64_t layer, batch, head;
	source_map_id(&conformer->dot.masked.source, map, &layer, &batch, &head);
	return conformer->top - mask_place(&conformer->dot.masked.mask, batch, row);
}

static enum err add_positions64(const struct conformer *conformer, int64_t map, int64_t row, double *score, struct err_info *info)
{
	int64_t dim = conformer->dot.dim, first = first_position(conformer, map, row);
	const double *table;
	double *query = mem_array((size_t)dim, sizeof *query);
	enum err err = query ? head_table(conformer, map, &table, info) : err_nomem(info, "a query");
	if (!err)
		err = position_query(&conformer->dot, map, row, query, info);
	for (int64_t j = 0; !err && j < conformer->dot.masked.source.keys; j++) {
		double sum = 0;
		for (int64_t d = 0; d < dim && first + j >= 0 && first + j < conformer->rows; d++)
			sum += query[d] * table[(first + j) * dim + d];
		score[j] += conformer->dot.masked.scale * sum;
	}
	free(query);
	return err;
}

static enum err conformer_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct conformer *conformer = conformer_of(source);
	enum err err = ERR_OK;
	for (int64_t j = 0; j < source->keys; j++)
		score[j] = 0;
	if (conformer->part != PART_POSITION)
		err = dot_raw64(&conformer->dot, &content_vectors, map, row, score, info);
	if (!err && conformer->part != PART_CONTENT)
		err = add_positions64(conformer, map, row, score, info);
	return err ? err : masked_finish64(&conformer->dot.masked, map, row, score, info);
}

static int64_t conformer_prepared_id(const struct source *source, int64_t map)
{
	(void)source;
	return map;
}

/* Packed keys, then the packed table. */
static size_t conformer_prepared_size(const struct source *source, const struct kernels *kernels)
{
	return dot_prepared_size(source, kernels) + dot_packed_size(conformer_of(source)->rows, conformer_of(source)->dot.dim);
}

static enum err pack_table(const struct conformer *conformer, int64_t map, int64_t begin, int64_t end, float *packed, struct err_info *info)
{
	int64_t dim = conformer->dot.dim;
	const double *table;
	float *narrow = mem_array(KEY_BLOCK * (size_t)dim, sizeof *narrow);
	enum err err = narrow ? head_table(conformer, map, &table, info) : err_nomem(info, "the table of positions");
	for (int64_t t = begin; !err && t < end; t += KEY_BLOCK) {
		int64_t count = end - t < KEY_BLOCK ? end - t : KEY_BLOCK;
		for (int64_t i = 0; i < count * dim; i++)
			narrow[i] = (float)table[t * dim + i];
		kernels_pack_keys(narrow, dim, count, dim, packed + t * dim);
	}
	free(narrow);
	return err;
}

/* Keys [begin, end) come with rows [2 begin, 2 end) of the table, the last of them with all that are left. */
static enum err conformer_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
				  struct err_info *info)
{
	const struct conformer *conformer = conformer_of(source);
	int64_t rows = conformer->rows, from = 2 * begin < rows ? 2 * begin : rows, to = end < source->keys && 2 * end < rows ? 2 * end : rows;
	float *table = (float *)prepared + dot_prepared_size(source, kernels) / sizeof(float);
	enum err err = ERR_OK;
	if (conformer->part != PART_POSITION)
		err = dot_prepare(source, kernels, map, begin, end, prepared, info);
	if (!err && conformer->part != PART_CONTENT)
		err = pack_table(conformer, map, from, to, table, info);
	return err;
}

/* Packed q + u, then packed q + v. */
static size_t conformer_rows_size(const struct source *source, const struct kernels *kernels)
{
	return 2 * dot_rows_size(source, kernels);
}

static float *position_rows(const struct source *source, const struct kernels *kernels, const void *loaded)
{
	return (float *)loaded + dot_rows_size(source, kernels) / sizeof(float);
}

static enum err conformer_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded,
				    struct err_info *info)
{
	const struct conformer *conformer = conformer_of(source);
	enum err err = ERR_OK;
	if (conformer->part != PART_POSITION)
		err = dot_pack_queries(&conformer->dot, &content_vectors, kernels, rows, loaded, info);
	if (!err && conformer->part != PART_CONTENT)
		err = dot_pack_queries(&conformer->dot, &position_vectors, kernels, rows, position_rows(source, kernels, loaded), info);
	return err;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* The band of the table that consecutive queries need, as one product, and its diagonals added to the tile. */
static void add_band(const struct conformer *conformer, const struct fill *fill, const float *queries, const float *table)
{
	static const _Alignas(64) float none[MAX_LANES];
	const struct row_group *rows = fill->rows;
	_Alignas(64) float band[BAND * MAX_LANES];
	int64_t dim = conformer->dot.dim, lanes = fill->kernels->lanes, base = first_position(conformer, rows->map, rows->row[0]) + fill->key;
	int64_t begin = clamp(base - rows->count + 1, 0, conformer->rows) / KEY_PANEL * KEY_PANEL, end = clamp(base + fill->count, 0, conformer->rows);
	for (int64_t t = begin; t < end; t += KEY_BLOCK)
		fill->kernels->dot_tile(queries, table + t * dim, dim, end - t < KEY_BLOCK ? end - t : KEY_BLOCK, none, band + (t - begin) * lanes, NULL);
	for (int64_t k = 0; k < fill->count; k++) {
		for (int lane = 0; lane < rows->count; lane++) {
			int64_t t = base + k - lane;
			if (t >= begin && t < end)
				fill->tile[k * lanes + lane] += band[(t - begin) * lanes + lane];
		}
	}
}

/* The same for queries that are scattered over the sequence. */
static void add_scattered(const struct conformer *conformer, const struct fill *fill, const float *queries, const float *table)
{
	const struct row_group *rows = fill->rows;
	int64_t dim = conformer->dot.dim, lanes = fill->kernels->lanes;
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t base = first_position(conformer, rows->map, rows->row[lane]) + fill->key;
		for (int64_t k = 0; k < fill->count; k++) {
			int64_t t = base + k;
			float sum = 0;
			for (int64_t d = 0; d < dim && t >= 0 && t < conformer->rows; d++)
				sum += queries[d * lanes + lane] * table[t / KEY_PANEL * KEY_PANEL * dim + d * KEY_PANEL + t % KEY_PANEL];
			fill->tile[k * lanes + lane] += sum;
		}
	}
}

static enum err conformer_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	const struct conformer *conformer = conformer_of(source);
	const float *from = masked_offset(&conformer->dot.masked, fill), *queries = position_rows(source, fill->kernels, fill->loaded);
	const float *keys = fill->prepared, *table = keys + dot_prepared_size(source, fill->kernels) / sizeof(float);
	bool consecutive = rows->row[rows->count - 1] - rows->row[0] == rows->count - 1;
	if (conformer->part != PART_POSITION)
		fill->kernels->dot_tile(fill->loaded, keys + fill->key * conformer->dot.dim, conformer->dot.dim, fill->count, from, fill->tile, NULL);
	for (int64_t i = 0; conformer->part == PART_POSITION && i < fill->count * fill->kernels->lanes; i++)
		fill->tile[i] = from[i % fill->kernels->lanes];
	if (conformer->part != PART_CONTENT && consecutive)
		add_band(conformer, fill, queries, table);
	else if (conformer->part != PART_CONTENT)
		add_scattered(conformer, fill, queries, table);
	return masked_finish(&conformer->dot.masked, fill, info);
}

static void conformer_free(struct source *source)
{
	struct conformer *conformer = (struct conformer *)source;
	lazy_free(conformer->table);
	operand_release(&conformer->bias_u);
	operand_release(&conformer->bias_v);
	operand_release(&conformer->position);
	operand_release(&conformer->linear);
	masked_release(&conformer->dot.masked);
	free(conformer);
}

static const struct source_ops conformer_ops = {
	.name = "conformer",
	MASKED_SEEN,
	.prepared_id = conformer_prepared_id,
	.prepared_size = conformer_prepared_size,
	.prepare = conformer_prepare,
	.rows_size = conformer_rows_size,
	.load_rows = conformer_load_rows,
	.fill = conformer_fill,
	.score64 = conformer_score64,
	.free = conformer_free,
};

/* How many rows the table has says how it is laid out: from keys - 1 down to what the last key needs, or down to 0 (the older form, which has nothing for keys to
 * the right). */
static enum err check_rows(struct conformer *conformer, const struct mechanism_args *args, struct err_info *info)
{
	const struct source *source = &conformer->dot.masked.source;
	int64_t needed = source->queries + source->keys - 1, symmetric = 2 * source->keys - 1;
	conformer->top = source->keys - 1;
	if (conformer->rows == needed || conformer->rows == symmetric)
		return ERR_OK;
	if (conformer->rows == source->keys && args->causal)
		return ERR_OK;
	if (conformer->rows == source->keys)
		return err_set(info, ERR_SHAPE, "position has one row a key (%lld): that older form says nothing about keys to the right, so it needs --causal",
			       (long long)source->keys);
	char text[160];
	snprintf(text, sizeof text, "%lld rows, for relative positions %lld down to %lld", (long long)needed, (long long)source->keys - 1,
		 (long long)(1 - source->queries));
	return operand_misshapen(&mechanism_conformer, "position", mechanism_input_find(args, "position")->tensor, text, info);
}

/* The relative positions i - j that queries of a batch ask for, of the keys that they may see. */
static void span_of_batch(const struct conformer *conformer, int64_t batch, int64_t *farthest, int64_t *nearest)
{
	const struct masked *masked = &conformer->dot.masked;
	const struct mask *mask = &masked->mask;
	bool hides = masked_hides(masked);
	int64_t keys = hides && mask->key_length ? mask->key_length[batch] : mask->keys;
	*farthest = mask_place(mask, batch, mask->queries - 1) - (hides ? mask->key_begin : 0);
	*nearest = mask_place(mask, batch, 0) - (keys - 1);
	if (hides && mask->left >= 0 && *farthest > mask->left && !mask->keep_first)
		*farthest = mask->left;
	if (hides && mask->right >= 0 && *nearest < -mask->right)
		*nearest = -mask->right;
}

static enum err check_span(const struct conformer *conformer, struct err_info *info)
{
	const struct source *source = &conformer->dot.masked.source;
	int64_t lowest = conformer->top - conformer->rows + 1;
	for (int64_t batch = 0; batch < source->batches && source->queries > 0 && conformer->part != PART_CONTENT; batch++) {
		int64_t farthest, nearest;
		span_of_batch(conformer, batch, &farthest, &nearest);
		if (farthest >= nearest && (farthest > conformer->top || nearest < lowest))
			return err_set(info, ERR_SHAPE,
				       "position holds relative positions %lld down to %lld, and those from %lld down to %lld are needed: see --past and --causal",
				       (long long)conformer->top, (long long)lowest, (long long)farthest, (long long)nearest);
	}
	return ERR_OK;
}

static enum err open_position(struct conformer *conformer, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_conformer;
	const struct source *source = &conformer->dot.masked.source;
	const struct mechanism_binding *given = mechanism_input_find(args, "position");
	int64_t dim = conformer->dot.dim, model = source->heads * dim;
	struct operand_shape shape = { .rank = 2, .size = { model, -1 }, .layers = source->layers };
	enum err err = operand_read(&conformer->linear, args, mechanism, "linear_pos", !given, &shape, info);
	if (err)
		return err;
	conformer->rows = source->queries + source->keys - 1;
	conformer->top = source->keys - 1;
	if (!given)
		return ERR_OK;
	int last = given->tensor->rank - 1;
	conformer->by_head = !conformer->linear.at && last >= 2 && given->tensor->shape[last] == dim && given->tensor->shape[last - 2] == source->heads;
	shape = (struct operand_shape){ .rank = 2, .size = { -1, conformer->linear.at ? conformer->linear.size[1] : model }, .layers = source->layers };
	if (conformer->by_head)
		shape = (struct operand_shape){ .rank = 3, .size = { source->heads, -1, dim }, .layers = source->layers };
	err = operand_read(&conformer->position, args, mechanism, "position", true, &shape, info);
	if (err)
		return err;
	conformer->rows = conformer->position.size[conformer->by_head ? 1 : 0];
	return check_rows(conformer, args, info);
}

static enum err conformer_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word words[] = {
		{ "all", PART_ALL }, { "content", PART_CONTENT }, { "position", PART_POSITION }, WORD_END,
	};
	const struct mechanism *mechanism = &mechanism_conformer;
	struct conformer *conformer = (struct conformer *)source;
	int part;
	enum err err = mechanism_parameter_choice(args, mechanism, "part", words, &part, info);
	if (!err)
		err = dot_init(&conformer->dot, mechanism, args, &content_vectors, dot_usual_scale(args), info);
	if (err)
		return err;
	conformer->part = (enum part)part;
	struct operand_shape shape = { .rank = 2, .size = { source->heads, conformer->dot.dim }, .layers = source->layers };
	err = operand_read(&conformer->bias_u, args, mechanism, "pos_bias_u", true, &shape, info);
	if (!err)
		err = operand_read(&conformer->bias_v, args, mechanism, "pos_bias_v", true, &shape, info);
	if (!err)
		err = open_position(conformer, args, info);
	if (!err)
		err = check_span(conformer, info);
	if (err)
		return err;
	if (conformer->part != PART_ALL)
		mechanism_note(source->note, sizeof source->note, "%s part", word_text(words, part));
	conformer->table = lazy_new(source->layers, source->heads * conformer->rows * conformer->dot.dim, make_table);
	return conformer->table ? ERR_OK : err_nomem(info, "the table of positions");
}

static enum err conformer_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&conformer_ops, sizeof(struct conformer), "Conformer attention", conformer_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(L,B,H,N,D)", true, "queries" },
	{ "key", "(L,B,H,M,D)", true, "keys; with a memory M > N, and the last key belongs to the last query (--causal=bottom-right)" },
	{ "value", "(L,B,H,M,Dv)", false, "values" },
	{ "pos_bias_u", "(H,D)", true, "added to the queries of the content part (Transformer-XL's r_w_bias)" },
	{ "pos_bias_v", "(H,D)", true, "added to the queries of the position part (r_r_bias)" },
	{ "position", "(N+M-1,E)", false, "table of relative positions M - 1 down to 1 - N, raw with linear_pos, else projected ((H,N+M-1,D) is taken too); (M,E) with "
					  "--causal" },
	{ "linear_pos", "(H*D,E)", false, "projection of the table; without position the table is the sinusoids of that width" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "part", "all", "all, content ((q + u).k) or position ((q + v).p)" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_conformer = {
	.name = "conformer",
	.summary = "relative positions with a learned projection (Transformer-XL, Conformer)",
	.equation = "s_ij = ((q_i + u).k_j + (q_i + v).p_(i-j)) / sqrt d,  p_r = W_pos sinusoid(r)\n"
		    "A_ij = softmax_j(s_ij)",
	.properties = "weights >= 0, rows sum to 1, looks both ways unless --causal",
	.reference = "Dai et al. 2019, arXiv 1901.02860; Gulati et al. 2020, arXiv 2005.08100; ESPnet, NeMo, Hugging Face Wav2Vec2-Conformer",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_LIMITS | SETTINGS_LOGITS,
	.open = conformer_open,
};
