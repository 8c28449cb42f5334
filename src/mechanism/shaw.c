/* SPDX-License-Identifier: MIT */
/*
 * Relative positions on the keys (Shaw, Uszkoreit, Vaswani 2018, arXiv 1803.02155; Wav2Vec2-BERT, SeamlessM4T):
 *
 *   s_ij = scale (q_i.k_j + q_i.E_c),  c = clip(j - i, -left, right) + left
 *
 * A query's products with the few rows of E are made once, and looked up for each key.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/dot.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

enum part { PART_ALL, PART_CONTENT, PART_POSITION };

struct shaw {
	struct dot dot;
	enum part part;
	int64_t left, right, rows; /* rows = left + right + 1 */
	struct operand embedding;  /* (rows, dim) */
	float *packed;             /* the same for the kernels, one block after the other */
};

static const struct shaw *shaw_of(const struct source *source)
{
	return (const struct shaw *)source;
}

/* The row for a key, from the place of the query among the keys. */
static int64_t row_of_key(const struct shaw *shaw, int64_t place, int64_t key)
{
	int64_t distance = key - place;
	distance = distance < -shaw->left ? -shaw->left : distance > shaw->right ? shaw->right : distance;
	return distance + shaw->left;
}

static enum err add_positions64(const struct shaw *shaw, int64_t map, int64_t row, double *score, struct err_info *info)
{
	int64_t layer, batch, head, dim = shaw->dot.dim;
	source_map_id(&shaw->dot.masked.source, map, &layer, &batch, &head);
	const double *embedding = operand_block(&shaw->embedding, layer, head);
	double *query = mem_array((size_t)(dim + shaw->rows), sizeof *query), *product = query ? query + dim : NULL;
	if (!query)
		return err_nomem(info, "a query");
	enum err err = dot_plain.query(&shaw->dot, map, row, query, info);
	for (int64_t r = 0; r < shaw->rows; r++)
		product[r] = 0;
	if (!err)
		operand_multiply(embedding, shaw->rows, dim, query, product);
	int64_t place = mask_place(&shaw->dot.masked.mask, batch, row);
	for (int64_t j = 0; !err && j < shaw->dot.masked.source.keys; j++)
		score[j] += shaw->dot.masked.scale * product[row_of_key(shaw, place, j)];
	free(query);
	return err;
}

static enum err shaw_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct shaw *shaw = shaw_of(source);
	enum err err = ERR_OK;
	for (int64_t j = 0; j < source->keys; j++)
		score[j] = 0;
	if (shaw->part != PART_POSITION)
		err = dot_raw64(&shaw->dot, &dot_plain, map, row, score, info);
	if (!err && shaw->part != PART_CONTENT)
		err = add_positions64(shaw, map, row, score, info);
	return err ? err : masked_finish64(&shaw->dot.masked, map, row, score, info);
}

static int64_t padded_rows(const struct shaw *shaw)
{
	return (shaw->rows + KEY_PANEL - 1) / KEY_PANEL * KEY_PANEL;
}

/* Packed queries, then their products with E: [rows][lanes]. */
static size_t shaw_rows_size(const struct source *source, const struct kernels *kernels)
{
	return dot_rows_size(source, kernels) + (size_t)padded_rows(shaw_of(source)) * (size_t)kernels->lanes * sizeof(float);
}

static float *products_of(const struct source *source, const struct kernels *kernels, const void *loaded)
{
	return (float *)loaded + dot_rows_size(source, kernels) / sizeof(float);
}

static enum err shaw_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	static const _Alignas(64) float none[MAX_LANES];
	const struct shaw *shaw = shaw_of(source);
	int64_t layer, batch, head, dim = shaw->dot.dim;
	const struct operand *embedding = &shaw->embedding;
	float *products = products_of(source, kernels, loaded);
	enum err err = dot_load_rows(source, kernels, rows, loaded, info);
	source_map_id(source, rows->map, &layer, &batch, &head);
	int64_t block = (embedding->layers > 1 ? layer : 0) * embedding->heads + (embedding->heads > 1 ? head : 0);
	const float *packed = shaw->packed + block * padded_rows(shaw) * dim;
	for (int64_t r = 0; !err && r < shaw->rows; r += KEY_BLOCK) {
		int64_t count = shaw->rows - r < KEY_BLOCK ? shaw->rows - r : KEY_BLOCK;
		kernels->dot_tile(loaded, packed + r * dim, dim, count, none, products + r * kernels->lanes, NULL);
	}
	return err;
}

static void add_positions(const struct shaw *shaw, const struct fill *fill, const float *products)
{
	const struct row_group *rows = fill->rows;
	int64_t layer, batch, head, place[MAX_LANES], lanes = fill->kernels->lanes;
	source_map_id(&shaw->dot.masked.source, rows->map, &layer, &batch, &head);
	for (int lane = 0; lane < rows->count; lane++)
		place[lane] = mask_place(&shaw->dot.masked.mask, batch, rows->row[lane]);
	for (int64_t k = 0; k < fill->count; k++)
		for (int lane = 0; lane < rows->count; lane++)
			fill->tile[k * lanes + lane] += products[row_of_key(shaw, place[lane], fill->key + k) * lanes + lane];
}

static enum err shaw_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct shaw *shaw = shaw_of(source);
	const float *from = masked_offset(&shaw->dot.masked, fill), *products = products_of(source, fill->kernels, fill->loaded);
	const float *keys = (const float *)fill->prepared + fill->key * shaw->dot.dim;
	int64_t lanes = fill->kernels->lanes;
	if (shaw->part != PART_POSITION)
		fill->kernels->dot_tile(fill->loaded, keys, shaw->dot.dim, fill->count, from, fill->tile, NULL);
	for (int64_t i = 0; shaw->part == PART_POSITION && i < fill->count * lanes; i++)
		fill->tile[i] = from[i % lanes];
	if (shaw->part != PART_CONTENT)
		add_positions(shaw, fill, products);
	return masked_finish(&shaw->dot.masked, fill, info);
}

static void shaw_free(struct source *source)
{
	struct shaw *shaw = (struct shaw *)source;
	operand_release(&shaw->embedding);
	mem_aligned_free(shaw->packed);
	masked_release(&shaw->dot.masked);
	free(shaw);
}

static const struct source_ops shaw_ops = {
	.name = "shaw",
	MASKED_SEEN,
	.prepared_id = masked_prepared_id,
	.prepared_size = dot_prepared_size,
	.prepare = dot_prepare,
	.rows_size = shaw_rows_size,
	.load_rows = shaw_load_rows,
	.fill = shaw_fill,
	.score64 = shaw_score64,
	.free = shaw_free,
};

static enum err pack_embedding(struct shaw *shaw, struct err_info *info)
{
	int64_t dim = shaw->dot.dim, blocks = shaw->embedding.layers * shaw->embedding.heads, size = padded_rows(shaw) * dim;
	float *narrow = mem_array((size_t)shaw->embedding.count, sizeof *narrow);
	shaw->packed = mem_aligned((size_t)(blocks * size) * sizeof *shaw->packed);
	if (!narrow || !shaw->packed) {
		free(narrow);
		return err_nomem(info, "relative positions");
	}
	for (int64_t block = 0; block < blocks; block++) {
		for (int64_t i = 0; i < shaw->embedding.count; i++)
			narrow[i] = (float)shaw->embedding.at[block * shaw->embedding.count + i];
		kernels_pack_keys(narrow, dim, shaw->rows, dim, shaw->packed + block * size);
	}
	free(narrow);
	return ERR_OK;
}

/* Without --param left the table is symmetric. */
static enum err open_left(struct shaw *shaw, const struct mechanism_args *args, struct err_info *info)
{
	const char *text = mechanism_parameter_text(args, &mechanism_shaw, "left");
	shaw->rows = shaw->embedding.size[0];
	shaw->left = (shaw->rows - 1) / 2;
	if (*text) {
		enum err err = mechanism_parameter_int(args, &mechanism_shaw, "left", &shaw->left, info);
		if (err)
			return err;
	} else if (shaw->rows % 2 == 0) {
		return err_set(info, ERR_USAGE, "distance_embedding has %lld rows, which is not symmetric: say with --param left=N how many are for keys to the left",
			       (long long)shaw->rows);
	}
	shaw->right = shaw->rows - 1 - shaw->left;
	if (shaw->left < 0 || shaw->right < 0)
		return err_set(info, ERR_USAGE, "--param left=%s: distance_embedding has %lld rows, so 0 to %lld is possible", text, (long long)shaw->rows,
			       (long long)(shaw->rows - 1));
	return ERR_OK;
}

static enum err shaw_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word words[] = {
		{ "all", PART_ALL }, { "content", PART_CONTENT }, { "position", PART_POSITION }, WORD_END,
	};
	struct shaw *shaw = (struct shaw *)source;
	int part;
	enum err err = mechanism_parameter_choice(args, &mechanism_shaw, "part", words, &part, info);
	if (!err)
		err = dot_init(&shaw->dot, &mechanism_shaw, args, &dot_plain, dot_usual_scale(args), info);
	if (err)
		return err;
	shaw->part = (enum part)part;
	struct operand_shape shape = { .rank = 2, .size = { -1, shaw->dot.dim }, .layers = source->layers, .heads = source->heads };
	err = operand_read(&shaw->embedding, args, &mechanism_shaw, "distance_embedding", true, &shape, info);
	if (!err)
		err = open_left(shaw, args, info);
	if (err)
		return err;
	mechanism_note(source->note, sizeof source->note, "distances from -%lld to %lld%s%s", (long long)shaw->left, (long long)shaw->right,
		       part ? ", part " : "", part ? word_text(words, part) : "");
	return pack_embedding(shaw, info);
}

static enum err shaw_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&shaw_ops, sizeof(struct shaw), "attention with relative positions", shaw_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(L,B,H,N,D)", true, "queries" },
	{ "key", "(L,B,Hk,M,D)", true, "keys" },
	{ "value", "(L,B,Hk,M,Dv)", false, "values" },
	{ "distance_embedding", "(P,D)", true, "one row a distance, from -left to right; axes of layer and head before them where they differ" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "left", "", "rows for keys to the left (Wav2Vec2-BERT: 64 of 73); without it as many as to the right" },
	{ "part", "all", "all, content (q.k) or position (q.E)" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_shaw = {
	.name = "shaw",
	.summary = "learned embeddings of clipped distances (Shaw, Wav2Vec2-BERT)",
	.equation = "s_ij = (q_i.k_j + q_i.E_c) / sqrt d,  c = clip(j - i, -left, right) + left\n"
		    "A_ij = softmax_j(s_ij)",
	.properties = "weights >= 0, rows sum to 1, causal by option",
	.reference = "Shaw, Uszkoreit, Vaswani 2018, arXiv 1803.02155; Hugging Face Wav2Vec2-BERT (distance_embedding, clamped key - query)",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_LIMITS | SETTINGS_LOGITS,
	.open = shaw_open,
};
