/* SPDX-License-Identifier: MIT */
/*
 * Attention from KV caches: paged (vLLM) and contiguous (Hugging Face, flash-attn, llama.cpp). Each sequence is a batch item; keys stand in their logical order.
 *
 * Keys and values are gathered a token at a time through the block table: slots that no sequence refers to, and slots beyond a sequence's length, are never read.
 */
#include "mechanism/paged.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/kv_layout.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"
#include "mechanism/wrapped.h"

struct paged {
	struct wrapped wrapped;
	struct paged_map map;
	int64_t query_rows; /* of the longest sequence */
	/* While opening. */
	const struct mechanism_args *args;
	const struct heads *query;
	struct heads query_view;
	const struct tensor *query_slot;
	struct kv_view key, value;
	int64_t *start;     /* [sequences + 1] first query of each; NULL: the queries have a batch axis */
	double key_scale, value_scale;
	bool has_value;
};

static const struct paged *paged_of(const struct source *source)
{
	return (const struct paged *)source;
}

/* A list of whole numbers from a tensor of this many axes, or with leading axes of length 1. */
static enum err read_integers(const struct tensor *tensor, const char *role, int rank, int64_t **list, int64_t *count, struct err_info *info)
{
	int extra = tensor->rank - rank;
	bool fits = extra >= 0 && !dtype_is_float(tensor->dtype);
	for (int axis = 0; fits && axis < extra; axis++)
		fits = tensor->shape[axis] == 1;
	if (!fits)
		return operand_misshapen(&mechanism_paged, role, tensor, rank == 2 ? "whole numbers on two axes" : "whole numbers on one axis", info);
	*count = tensor_count(tensor);
	*list = mem_array((size_t)*count, sizeof **list);
	if (!*list)
		return err_nomem(info, role);
	enum err err = ERR_OK;
	for (int64_t i = 0; i < *count && !err; i++)
		err = tensor_integer_at(tensor, i, &(*list)[i], info);
	return err;
}

static enum err read_list(const struct mechanism_args *args, const char *role, int rank, int64_t **list, int64_t *count, struct err_info *info)
{
	const struct mechanism_binding *binding = mechanism_input_find(args, role);
	*list = NULL;
	*count = 0;
	return binding ? read_integers(binding->tensor, role, rank, list, count, info) : ERR_OK;
}

static enum err read_scale(const struct mechanism_args *args, const char *role, double *scale, struct err_info *info)
{
	const struct mechanism_binding *binding = mechanism_input_find(args, role);
	*scale = 1;
	if (!binding)
		return ERR_OK;
	if (tensor_count(binding->tensor) != 1)
		return operand_misshapen(&mechanism_paged, role, binding->tensor, "one number", info);
	*scale = tensor_at(binding->tensor, 0);
	return isfinite(*scale) ? ERR_OK : err_set(info, ERR_VALUE, "%s is not a finite number", role);
}

/* Engines keep float8 caches as bytes: which float8 they are is the user's word. */
static enum err read_tensor(const struct mechanism_args *args, const char *role, struct tensor *tensor, struct err_info *info)
{
	enum { NOT_FLOAT8 = -1 };
	static const struct word words[] = {
		{ "none", NOT_FLOAT8 }, { "e4m3", DTYPE_F8_E4M3 }, { "e5m2", DTYPE_F8_E5M2 }, WORD_END,
	};
	int kind;
	const struct tensor *found = mechanism_tensor(args, &mechanism_paged, role, info);
	enum err err = found ? mechanism_parameter_choice(args, &mechanism_paged, "fp8", words, &kind, info) : ERR_USAGE;
	if (err)
		return err;
	*tensor = *found;
	if (kind != NOT_FLOAT8 && tensor->dtype == DTYPE_U8)
		tensor->dtype = (enum dtype)kind;
	if (!dtype_is_float(tensor->dtype))
		return err_set(info, ERR_USAGE, "%s (%s) holds %s: --param fp8=e4m3 or e5m2 says which float8 its bytes are", role, found->name, dtype_name(found->dtype));
	return ERR_OK;
}

static enum err read_cache(struct paged *paged, struct err_info *info)
{
	const struct mechanism_args *args = paged->args;
	int layout;
	if (!*mechanism_parameter_text(args, &mechanism_paged, "kv-layout"))
		return err_set(info, ERR_USAGE, "the shape of a cache does not tell its layout: say --param kv-layout=legacy, nhd, hnd, 2nbhd, 2nhbd, n2bhd, packed, llama or llama-vt "
			       "(attnviz explain paged)");
	enum err err = mechanism_parameter_choice(args, &mechanism_paged, "kv-layout", kv_layout_words, &layout, info);
	if (err)
		return err;
	bool fused = kv_layout_is_fused(layout);
	struct tensor tensor;
	int64_t dim = paged->query->size[AXIS_DIM];
	err = read_tensor(args, fused ? "kv_cache" : "key_cache", &tensor, info);
	if (!err)
		err = kv_view_init(&paged->key, &tensor, layout, false, dim, info);
	paged->has_value = fused || mechanism_input_find(args, "value_cache");
	if (!err && !fused && paged->has_value)
		err = read_tensor(args, "value_cache", &tensor, info);
	if (!err && paged->has_value)
		err = kv_view_init(&paged->value, &tensor, layout, true, dim, info);
	const struct kv_view *key = &paged->key, *value = &paged->value;
	if (!err && paged->has_value && (key->blocks != value->blocks || key->slots != value->slots || key->heads != value->heads))
		err = err_set(info, ERR_SHAPE, "key and value caches differ: %" PRId64 " blocks of %" PRId64 " slots and %" PRId64 " heads, %" PRId64 " of %" PRId64 " and %" PRId64,
			      key->blocks, key->slots, key->heads, value->blocks, value->slots, value->heads);
	if (!err)
		err = read_scale(args, "k_scale", &paged->key_scale, info);
	return err ? err : read_scale(args, "v_scale", &paged->value_scale, info);
}

/* With a block table, queries are the tokens of all sequences one after another; without, they have a batch axis. */
static enum err read_queries(struct paged *paged, struct err_info *info)
{
	const struct mechanism_binding *query = mechanism_input_find(paged->args, "query");
	if (!mechanism_heads(paged->args, &mechanism_paged, "query", info))
		return ERR_USAGE;
	for (int axis = 0; axis < query->tensor->rank; axis++)
		if (query->tensor->shape[axis] < 1)
			return operand_misshapen(&mechanism_paged, "query", query->tensor, "no axis of length 0", info);
	if (!mechanism_input_find(paged->args, "block_table")) {
		paged->query = query->heads;
		return query->heads->size[AXIS_LAYER] == 1 ? ERR_OK : operand_misshapen(&mechanism_paged, "query", query->tensor, "one layer", info);
	}
	struct mechanism_binding raw = { .role = "query", .tensor = query->tensor };
	const struct mechanism_args only = { .binding = &raw, .binding_count = 1 };
	return operand_view(&only, &mechanism_paged, "query", true, "nhd", &paged->query_view, &paged->query_slot, &paged->query, info);
}

static enum err read_table(struct paged *paged, struct err_info *info)
{
	struct paged_map *map = &paged->map;
	int64_t entries, lengths;
	enum err err = read_list(paged->args, "seq_lens", 1, &map->length, &lengths, info);
	if (!err)
		err = read_list(paged->args, "block_table", mechanism_input_find(paged->args, "block_table") && lengths == 1 ? 1 : 2, &map->table, &entries, info);
	if (err)
		return err;
	map->has_table = map->table != NULL;
	map->block_size = paged->key.slots;
	map->blocks = paged->key.blocks;
	map->sequences = map->has_table ? lengths : paged->query->size[AXIS_BATCH];
	if (map->has_table && !lengths)
		return err_set(info, ERR_USAGE, "a block table needs the lengths of its sequences: --input seq_lens=FILE[:NAME]");
	if (map->length && lengths != map->sequences)
		return err_set(info, ERR_SHAPE, "%" PRId64 " lengths in seq_lens for %" PRId64 " sequences", lengths, map->sequences);
	if (map->has_table && (map->sequences < 1 || entries % map->sequences))
		return err_set(info, ERR_SHAPE, "the block table has %" PRId64 " entries for %" PRId64 " sequences: (sequences, blocks) is expected", entries, map->sequences);
	if (!map->has_table && map->blocks != map->sequences)
		return err_set(info, ERR_SHAPE, "the cache holds %" PRId64 " sequences and the queries %" PRId64 ": a paged cache needs --input block_table=FILE[:NAME]", map->blocks,
			       map->sequences);
	map->table_width = map->has_table ? entries / map->sequences : 1;
	return ERR_OK;
}

/* Contiguous caches: sequence s is block s, and full unless its length was given. */
static enum err fill_table(struct paged *paged, struct err_info *info)
{
	struct paged_map *map = &paged->map;
	bool full = !map->length;
	if (!map->has_table)
		map->table = mem_array((size_t)map->sequences, sizeof *map->table);
	if (full)
		map->length = mem_array((size_t)map->sequences, sizeof *map->length);
	if (!map->table || !map->length)
		return err_nomem(info, "the block table");
	for (int64_t s = 0; s < map->sequences; s++) {
		if (!map->has_table)
			map->table[s] = s;
		if (full)
			map->length[s] = map->block_size;
		int64_t room = map->table_width * map->block_size;
		if (map->length[s] < 0 || map->length[s] > room)
			return err_set(info, ERR_VALUE, "sequence %" PRId64 " has %" PRId64 " tokens (seq_lens), and room for %" PRId64, s, map->length[s], room);
		for (int64_t b = 0; b * map->block_size < map->length[s]; b++)
			if (map->table[s * map->table_width + b] < 0 || map->table[s * map->table_width + b] >= map->blocks)
				return err_set(info, ERR_VALUE, "block_table refers to block %" PRId64 " (sequence %" PRId64 ", entry %" PRId64 "), and there are %" PRId64,
					       map->table[s * map->table_width + b], s, b, map->blocks);
	}
	return ERR_OK;
}

/* Where each sequence's queries begin: query_start_loc, or one query each (decode), or all of one sequence (prefill). */
static enum err find_starts(struct paged *paged, struct err_info *info)
{
	const struct paged_map *map = &paged->map;
	int64_t count, tokens = paged->query->size[AXIS_TOKEN];
	if (!map->has_table)
		return ERR_OK;
	enum err err = read_list(paged->args, "query_start_loc", 1, &paged->start, &count, info);
	if (err)
		return err;
	if (!paged->start) {
		if (map->sequences != 1 && tokens != map->sequences)
			return err_set(info, ERR_USAGE, "%" PRId64 " queries of %" PRId64 " sequences: --input query_start_loc=FILE[:NAME] says which are whose", tokens, map->sequences);
		count = map->sequences + 1;
		paged->start = mem_array((size_t)count, sizeof *paged->start);
		for (int64_t s = 0; paged->start && s < count; s++)
			paged->start[s] = map->sequences == 1 ? s * tokens : s;
		if (!paged->start)
			return err_nomem(info, "the queries");
	}
	bool fits = count == map->sequences + 1 && paged->start[0] == 0 && paged->start[count - 1] == tokens;
	for (int64_t s = 0; fits && s + 1 < count; s++)
		fits = paged->start[s] <= paged->start[s + 1];
	return fits ? ERR_OK : err_set(info, ERR_VALUE, "query_start_loc must have %" PRId64 " entries that rise from 0 to the %" PRId64 " queries", map->sequences + 1, tokens);
}

static enum err count_queries(struct paged *paged, struct err_info *info)
{
	struct paged_map *map = &paged->map;
	map->queries = mem_array((size_t)map->sequences, sizeof *map->queries);
	if (!map->queries)
		return err_nomem(info, "the queries");
	for (int64_t s = 0; s < map->sequences; s++) {
		map->queries[s] = paged->start ? paged->start[s + 1] - paged->start[s] : paged->query->size[AXIS_TOKEN];
		if (map->queries[s] > map->length[s])
			return err_set(info, ERR_VALUE, "sequence %" PRId64 " has %" PRId64 " queries and only %" PRId64 " tokens", s, map->queries[s], map->length[s]);
		paged->query_rows = map->queries[s] > paged->query_rows ? map->queries[s] : paged->query_rows;
	}
	return ERR_OK;
}

/* slot_mapping is where the engine wrote the tokens of the queries: the last ones of each sequence. */
static enum err check_slots(const struct paged *paged, struct err_info *info)
{
	const struct paged_map *map = &paged->map;
	int64_t *slot, count;
	enum err err = read_list(paged->args, "slot_mapping", 1, &slot, &count, info);
	if (!slot)
		return err;
	if (count != paged->query->size[AXIS_TOKEN] || !paged->start)
		err = err_set(info, ERR_SHAPE, "slot_mapping has %" PRId64 " entries where there is one for each of %" PRId64 " queries of a block table", count,
			      paged->query->size[AXIS_TOKEN]);
	for (int64_t s = 0; s < map->sequences && !err; s++)
		for (int64_t q = paged->start[s]; q < paged->start[s + 1] && !err; q++) {
			int64_t position = map->length[s] - (paged->start[s + 1] - q), block = map->table[s * map->table_width + position / map->block_size];
			if (slot[q] != block * map->block_size + position % map->block_size)
				err = err_set(info, ERR_VALUE, "slot_mapping puts query %" PRId64 " into slot %" PRId64 ", and the block table position %" PRId64 " of sequence %" PRId64
					      " into slot %" PRId64, q, slot[q], position, s, block * map->block_size + position % map->block_size);
		}
	free(slot);
	return err;
}

static enum err gather(const struct paged *paged, const struct kv_view *view, double scale, const char *name, struct made *made, struct err_info *info)
{
	const struct paged_map *map = &paged->map;
	int64_t longest = 1;
	for (int64_t s = 0; s < map->sequences; s++)
		longest = map->length[s] > longest ? map->length[s] : longest;
	const int64_t size[AXIS_COUNT] = { 1, map->sequences, view->heads, longest, view->dim };
	double *row = mem_array((size_t)view->dim, sizeof *row);
	enum err err = row ? made_init(made, name, size, info) : err_nomem(info, name);
	for (int64_t s = 0; s < map->sequences && !err; s++)
		for (int64_t position = 0; position < map->length[s]; position++) {
			int64_t block = map->table[s * map->table_width + position / map->block_size];
			for (int64_t head = 0; head < view->heads; head++) {
				kv_view_read(view, block, position % map->block_size, head, row);
				for (int64_t d = 0; d < view->dim && scale != 1; d++)
					row[d] *= scale;
				made_store(made, 0, s, head, position, row);
			}
		}
	free(row);
	return err;
}

static enum err gather_queries(struct paged *paged, struct err_info *info)
{
	const struct paged_map *map = &paged->map;
	int64_t heads = paged->query->size[AXIS_HEAD], dim = paged->query->size[AXIS_DIM];
	const int64_t size[AXIS_COUNT] = { 1, map->sequences, heads, paged->query_rows, dim };
	double *row = mem_array((size_t)dim, sizeof *row);
	enum err err = row ? made_init(&paged->wrapped.query, "the queries", size, info) : err_nomem(info, "the queries");
	for (int64_t s = 0; s < map->sequences && !err; s++)
		for (int64_t i = 0; i < map->queries[s] * heads && !err; i++) {
			int64_t head = i % heads, q = i / heads;
			err = heads_decode_f64(paged->query, 0, paged->start ? 0 : s, head, (paged->start ? paged->start[s] : 0) + q, 1, false, row, dim, info);
			if (!err)
				made_store(&paged->wrapped.query, 0, s, head, paged->query_rows - map->queries[s] + q, row);
		}
	free(row);
	return err;
}

static enum err open_softmax(struct paged *paged, struct err_info *info)
{
	static const struct word words[] = { { "yes", true }, { "no", false }, WORD_END };
	struct mechanism_args inner = *paged->args;
	int causal;
	int64_t first;
	enum err err = mechanism_parameter_choice(paged->args, &mechanism_paged, "causal", words, &causal, info);
	if (!err)
		err = mechanism_parameter_int(paged->args, &mechanism_paged, "first-position", &first, info);
	if (err)
		return err;
	inner.key_length = paged->map.length;
	inner.key_length_count = paged->map.sequences;
	inner.align_to_length = true;
	inner.causal = causal ? CAUSAL_BOTTOM_RIGHT : paged->args->causal;
	inner.position.key_offset += first;
	return wrapped_open(&paged->wrapped, &inner, info);
}

static enum err set_up(struct paged *paged, struct err_info *info)
{
	enum err err = read_queries(paged, info);
	if (!err)
		err = read_cache(paged, info);
	if (!err)
		err = read_table(paged, info);
	if (!err)
		err = fill_table(paged, info);
	if (!err)
		err = find_starts(paged, info);
	if (!err)
		err = count_queries(paged, info);
	if (!err)
		err = check_slots(paged, info);
	if (!err)
		err = gather(paged, &paged->key, paged->key_scale, "the gathered keys", &paged->wrapped.key, info);
	if (!err && paged->has_value)
		err = gather(paged, &paged->value, paged->value_scale, "the gathered values", &paged->wrapped.value, info);
	if (!err)
		err = gather_queries(paged, info);
	if (!err)
		err = open_softmax(paged, info);
	if (err)
		return err;
	struct paged_map *map = &paged->map;
	struct source *source = &paged->wrapped.source;
	map->bytes_per_token = paged->key.heads * (paged->key.dim * (int64_t)dtype_size(paged->key.tensor.dtype) +
						   (paged->has_value ? paged->value.dim * (int64_t)dtype_size(paged->value.tensor.dtype) : 0));
	mechanism_note(source->note, sizeof source->note, "%" PRId64 " sequences in a cache of %" PRId64 " blocks of %" PRId64, map->sequences, map->blocks, map->block_size);
	return ERR_OK;
}

/* Rows before a sequence's own queries: sequences with fewer queries than the longest begin with them. */
static int64_t dead_rows(const struct paged *paged, int64_t map)
{
	int64_t layer, batch, head;
	source_map_id(&paged->wrapped.source, map, &layer, &batch, &head);
	return paged->query_rows - paged->map.queries[batch];
}

static enum coverage paged_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	int64_t dead = dead_rows(paged_of(source), map);
	if (last < dead)
		return TILE_EMPTY;
	enum coverage coverage = wrapped_coverage(source, map, first, last, begin, end);
	return first < dead && coverage == TILE_FULL ? TILE_PARTIAL : coverage;
}

static int64_t paged_support(const struct source *source, int64_t map, int64_t row)
{
	return row < dead_rows(paged_of(source), map) ? 0 : wrapped_support(source, map, row);
}

static bool paged_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	return row >= dead_rows(paged_of(source), map) && wrapped_visible(source, map, row, key);
}

static bool paged_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	return row >= dead_rows(paged_of(source), map) && wrapped_span(source, map, row, begin, end);
}

static enum err paged_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	enum err err = wrapped_fill(source, fill, info);
	int64_t dead = dead_rows(paged_of(source), rows->map);
	float hidden = source->norm == NORM_SOFTMAX ? -INFINITY : 0;
	if (rows->row[0] < dead)
		fill_changed(fill);
	for (int lane = 0; lane < rows->count && rows->row[lane] < dead; lane++)
		for (int64_t k = 0; k < fill->count; k++)
			fill->tile[k * fill->kernels->lanes + lane] = hidden;
	return err;
}

static enum err paged_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	bool dead = row < dead_rows(paged_of(source), map);
	for (int64_t key = 0; key < source->keys && dead; key++)
		score[key] = source->norm == NORM_SOFTMAX ? -INFINITY : 0;
	return dead ? ERR_OK : wrapped_score64(source, map, row, score, info);
}

static void paged_free(struct source *source)
{
	struct paged *paged = (struct paged *)source;
	wrapped_release(&paged->wrapped);
	free(paged->map.table);
	free(paged->map.length);
	free(paged->map.queries);
	free(paged->start);
	free(paged);
}

static const struct source_ops paged_ops = {
	.name = "paged",
	.coverage = paged_coverage,
	.support = paged_support,
	.visible = paged_visible,
	.span = paged_span,
	.prepared_id = wrapped_prepared_id,
	.prepared_size = wrapped_prepared_size,
	.prepare = wrapped_prepare,
	.rows_size = wrapped_rows_size,
	.load_rows = wrapped_load_rows,
	.fill = paged_fill,
	.score64 = paged_score64,
	.free = paged_free,
};

const struct paged_map *paged_map_of(const struct source *source)
{
	return source->ops == &paged_ops ? &paged_of(source)->map : NULL;
}

static enum err paged_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct paged *paged = (struct paged *)source;
	paged->args = args;
	enum err err = set_up(paged, info);
	paged->args = NULL;
	paged->query = NULL;
	return err;
}

/* Where the queries are the last tokens of their sequences, they are causal already. */
static uint32_t paged_settings(const struct mechanism_args *args)
{
	uint32_t causal = strcmp(mechanism_parameter_text(args, &mechanism_paged, "causal"), "no") == 0 ? SETTING_CAUSAL : 0;
	return (SETTINGS_LIMITS & ~(uint32_t)(SETTING_CAUSAL | SETTING_PAST | SETTING_KEY_LENGTHS)) | SETTINGS_LOGITS | SETTINGS_VECTORS | causal;
}

static enum err paged_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&paged_ops, sizeof(struct paged), "the attention", paged_bind, args, source, info);
}

static const struct mechanism_input paged_input[] = {
	{ "query", "(tokens,H,D)", true, "queries of all sequences one after another; without a block table (B,H,N,D)" },
	{ "key_cache", "by kv-layout", false, "keys, after their rotation as caches hold them" },
	{ "value_cache", "by kv-layout", false, "values" },
	{ "kv_cache", "by kv-layout", false, "both in one tensor: 2nbhd, 2nhbd, n2bhd, packed" },
	{ "block_table", "(sequences,blocks)", false, "physical block of each logical one; without it the cache is contiguous, one block a sequence" },
	{ "seq_lens", "(sequences)", false, "tokens of each sequence, this step's included; a contiguous cache is full without it" },
	{ "query_start_loc", "(sequences+1)", false, "where each sequence's queries begin; one each unless given" },
	{ "slot_mapping", "(tokens)", false, "slots into which this step's keys went, compared with the block table" },
	{ "k_scale", "()", false, "multiplies the keys of a float8 cache" },
	{ "v_scale", "()", false, "multiplies its values" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter paged_parameter[] = {
	{ "kv-layout", "", "legacy, nhd, hnd, 2nbhd, 2nhbd, n2bhd, packed, llama or llama-vt: the shape does not tell" },
	{ "fp8", "none", "e4m3 or e5m2: what the bytes of a uint8 cache are" },
	{ "causal", "yes", "the queries are the last tokens of their sequence, and see no later ones" },
	{ "first-position", "0", "position of slot 0, where a sliding window dropped the tokens before it: for --alibi, --t5-bias and --rope" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_paged = {
	.name = "paged",
	.summary = "attention from KV caches: paged (vLLM) in every layout, contiguous (Hugging Face, flash-attn, llama.cpp)",
	.equation = "token j of a sequence is in block block_table[j / bs], slot j % bs\n"
		    "W_ij = softmax_j(scale q_i . k_j)      over j <= i + length - queries\n"
		    "legacy K (nb,Hk,d/x,bs,x) V (nb,Hk,d,bs)    nhd (nb,bs,Hk,d)    hnd (nb,Hk,bs,d)\n"
		    "2nbhd (2,nb,bs,Hk,d)    2nhbd (2,nb,Hk,bs,d)    n2bhd (nb,2,bs,Hk,d)    packed (nb,Hk,bs,2d)\n"
		    "llama (tokens,Hk d)    llama-vt: its values (Hk d,tokens)",
	.properties = "weights >= 0; rows sum to 1; each sequence is a batch item, and shorter ones begin with queries that see nothing; slots that nobody refers to are never read",
	.reference = "Kwon et al. 2023, arXiv 2309.06180; vLLM's ref_single_query_cached_kv_attention and flash-attn's _generate_block_kvcache agree",
	.input = paged_input,
	.parameter = paged_parameter,
	.settings_of = paged_settings,
	.settings_why = "gets lengths and causality from the cache (--input seq_lens=FILE[:NAME], --param causal=no)",
	.open = paged_open,
};
