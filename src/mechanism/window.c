/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/dot.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"
#include "mechanism/token_kinds.h"
#include "mechanism/window.h"

/*
 * Longformer: key j is visible to query i (at its place among the keys, mask_place) when either of the two is global, or when j - i is a multiple of the dilation D within
 * left * D and right * D; never when either is padding. Rows of global queries use the global projections where there are any.
 */
struct window {
	struct dot dot;
	struct token_kinds kinds;
	int64_t *left, *right; /* [layers] */
	int64_t *dilation;     /* [heads] */
	bool has_global_projection;
	struct heads query_view, key_view;
	const struct tensor *query_slot, *key_slot;
	const struct heads *query_global, *key_global;
};

static const struct window *window_of(const struct source *source)
{
	return (const struct window *)source;
}

/* What decides about the keys of one row. */
struct reach {
	int64_t batch, position, step;
	int64_t begin, end; /* keys of the band, before dilation */
	enum token_kind kind;
};

static struct reach reach_of(const struct window *window, int64_t map, int64_t row)
{
	const struct source *source = &window->dot.masked.source;
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	int64_t position = mask_place(&window->dot.masked.mask, batch, row), step = window->dilation[head];
	struct reach reach = { .batch = batch, .position = position, .step = step, .kind = TOKEN_LOCAL };
	reach.begin = position - window->left[layer] * step;
	reach.end = position + window->right[layer] * step + 1;
	if (position >= 0 && position < source->keys)
		reach.kind = token_kinds_at(&window->kinds, batch, position);
	return reach;
}

static bool reaches(const struct window *window, const struct reach *reach, int64_t key)
{
	enum token_kind kind = token_kinds_at(&window->kinds, reach->batch, key);
	if (kind == TOKEN_PADDING || reach->kind == TOKEN_PADDING)
		return false;
	if (kind == TOKEN_GLOBAL || reach->kind == TOKEN_GLOBAL)
		return true;
	return key >= reach->begin && key < reach->end && (key - reach->position) % reach->step == 0;
}

static bool window_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct window *window = window_of(source);
	struct reach reach = reach_of(window, map, row);
	return !masked_hides(&window->dot.masked) || (reaches(window, &reach, key) && masked_visible(source, map, row, key));
}

static enum coverage window_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct window *window = window_of(source);
	const struct token_kinds *kinds = &window->kinds;
	if (!masked_hides(&window->dot.masked))
		return TILE_FULL;
	struct reach early = reach_of(window, map, first);
	int64_t further = last - first, after = early.position + further + 1;
	bool global = token_kinds_globals(kinds, early.batch, early.position, after) > 0 || token_kinds_globals(kinds, early.batch, begin, end) > 0;
	bool in_band = begin < early.end + further && end > early.begin;
	if (!global && !in_band)
		return TILE_EMPTY;
	bool padding = token_kinds_paddings(kinds, early.batch, early.position, after) > 0 || token_kinds_paddings(kinds, early.batch, begin, end) > 0;
	bool all = early.step == 1 && begin >= early.begin + further && end <= early.end && !padding;
	enum coverage coverage = mask_coverage(&window->dot.masked.mask, early.batch, first, last, begin, end);
	return all || coverage == TILE_EMPTY ? coverage : TILE_PARTIAL;
}

/* Without mask files and with limits on the right side only, counting is a matter of the sums of kinds. */
static bool counts_fast(const struct window *window)
{
	const struct mask *mask = &window->dot.masked.mask;
	return !mask->allow && !mask->bias && mask->left < 0 && !mask->chunk && !mask->key_begin && !mask->key_begins && !mask->query_length && mask->dead_rows == DEAD_ROWS_ZERO;
}

static int64_t count_reached(const struct window *window, const struct reach *reach, int64_t limit)
{
	const struct token_kinds *kinds = &window->kinds;
	int64_t batch = reach->batch, begin = reach->begin < 0 ? 0 : reach->begin, end = reach->end > limit ? limit : reach->end, count = 0;
	if (reach->kind == TOKEN_PADDING)
		return 0;
	if (reach->kind == TOKEN_GLOBAL)
		return limit - token_kinds_paddings(kinds, batch, 0, limit);
	if (reach->step == 1 && begin < end)
		count = end - begin - token_kinds_paddings(kinds, batch, begin, end) - token_kinds_globals(kinds, batch, begin, end);
	if (reach->step > 1) {
		int64_t phase = ((reach->position - begin) % reach->step + reach->step) % reach->step;
		for (int64_t key = begin + phase; key < end; key += reach->step)
			count += token_kinds_at(kinds, batch, key) == TOKEN_LOCAL;
	}
	return count + token_kinds_globals(kinds, batch, 0, limit);
}

static int64_t window_support(const struct source *source, int64_t map, int64_t row)
{
	const struct window *window = window_of(source);
	const struct mask *mask = &window->dot.masked.mask;
	struct reach reach = reach_of(window, map, row);
	int64_t limit = source->keys, count = 0;
	if (!masked_hides(&window->dot.masked))
		return source->keys;
	if (mask->right >= 0 && reach.position + mask->right + 1 < limit)
		limit = reach.position + mask->right + 1;
	if (counts_fast(window))
		return limit > 0 ? count_reached(window, &reach, limit) : 0;
	for (int64_t key = 0; key < source->keys; key++)
		count += reaches(window, &reach, key) && masked_visible(source, map, row, key);
	return count;
}

static enum err global_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	const struct window *window = (const struct window *)dot;
	int64_t layer, batch, head;
	source_map_id(&dot->masked.source, map, &layer, &batch, &head);
	return heads_decode_f64(window->query_global, layer, batch, head, row, 1, false, out, dot->dim, info);
}

static enum err global_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	const struct window *window = (const struct window *)dot;
	int64_t layer, batch, head = masked_key_head(&dot->masked, map, &layer, &batch);
	return heads_decode_f64(window->key_global, layer, batch, head, begin, count, false, out, dot->dim, info);
}

static const struct dot_vectors global_vectors = { global_query, global_key };

static bool is_global_row(const struct window *window, int64_t map, int64_t row)
{
	return window->has_global_projection && reach_of(window, map, row).kind == TOKEN_GLOBAL;
}

static enum err window_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct window *window = window_of(source);
	const struct dot_vectors *vectors = is_global_row(window, map, row) ? &global_vectors : &dot_plain;
	struct reach reach = reach_of(window, map, row);
	enum err err = dot_raw64(&window->dot, vectors, map, row, score, info);
	if (!err)
		err = masked_finish64(&window->dot.masked, map, row, score, info);
	for (int64_t key = 0; !err && masked_hides(&window->dot.masked) && key < source->keys; key++)
		if (!reaches(window, &reach, key))
			score[key] = (double)masked_hidden(&window->dot.masked);
	return err;
}

/* Packed keys, then packed global keys; packed queries, then the queries again with the global ones in the lanes of global rows. */
static size_t window_prepared_size(const struct source *source, const struct kernels *kernels)
{
	return dot_prepared_size(source, kernels) * (window_of(source)->has_global_projection ? 2 : 1);
}

static float *global_part(const struct source *source, const struct kernels *kernels, const void *prepared)
{
	return (float *)prepared + dot_prepared_size(source, kernels) / sizeof(float);
}

static enum err window_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
			       struct err_info *info)
{
	const struct window *window = window_of(source);
	enum err err = dot_prepare(source, kernels, map, begin, end, prepared, info);
	if (!err && window->has_global_projection)
		err = dot_pack_keys(&window->dot, &global_vectors, map, begin, end, global_part(source, kernels, prepared), info);
	return err;
}

static size_t window_rows_size(const struct source *source, const struct kernels *kernels)
{
	return dot_rows_size(source, kernels) * (window_of(source)->has_global_projection ? 2 : 1);
}

static bool has_global_row(const struct window *window, const struct row_group *rows)
{
	for (int lane = 0; lane < rows->count; lane++)
		if (is_global_row(window, rows->map, rows->row[lane]))
			return true;
	return false;
}

static enum err window_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded,
				 struct err_info *info)
{
	const struct window *window = window_of(source);
	enum err err = dot_load_rows(source, kernels, rows, loaded, info);
	if (!err && has_global_row(window, rows)) {
		float *global = (float *)loaded + dot_rows_size(source, kernels) / sizeof(float);
		err = dot_pack_queries(&window->dot, &global_vectors, kernels, rows, global, info);
	}
	return err;
}

/* The keys of a tile that lie outside a band without dilation, where nothing else decides. */
static void hide_outside(const struct reach *reach, int lanes, int64_t key, int64_t count, float hidden, float *scores)
{
	for (int64_t k = 0; k < count && key + k < reach->begin; k++)
		scores[k * lanes] = hidden;
	for (int64_t k = count; k > 0 && key + k > reach->end; k--)
		scores[(k - 1) * lanes] = hidden;
}

static void hide(const struct window *window, const struct fill *fill)
{
	const struct row_group *rows = fill->rows;
	int64_t key = fill->key, count = fill->count;
	int lanes = fill->kernels->lanes;
	const struct token_kinds *kinds = &window->kinds;
	float hidden = masked_hidden(&window->dot.masked);
	for (int lane = 0; lane < rows->count; lane++) {
		struct reach reach = reach_of(window, rows->map, rows->row[lane]);
		bool plain = reach.kind == TOKEN_LOCAL && reach.step == 1 && token_kinds_globals(kinds, reach.batch, key, key + count) == 0 &&
			     token_kinds_paddings(kinds, reach.batch, key, key + count) == 0;
		if (plain)
			hide_outside(&reach, lanes, key, count, hidden, fill->tile + lane);
		for (int64_t k = 0; k < count && !plain; k++)
			if (!reaches(window, &reach, key + k))
				fill->tile[k * lanes + lane] = hidden;
	}
}

/* Replace the lanes of global rows by scores from the global projections. */
static void score_global_rows(const struct window *window, const struct fill *fill, const float *offset)
{
	const struct kernels *kernels = fill->kernels;
	const struct row_group *rows = fill->rows;
	_Alignas(64) float other[KEY_BLOCK * MAX_LANES];
	const struct source *source = &window->dot.masked.source;
	const float *keys = global_part(source, kernels, fill->prepared) + fill->key * window->dot.dim;
	const float *queries = (const float *)fill->loaded + dot_rows_size(source, kernels) / sizeof(float);
	kernels->dot_tile(queries, keys, window->dot.dim, fill->count, offset, other, NULL);
	for (int lane = 0; lane < rows->count; lane++) {
		if (!is_global_row(window, rows->map, rows->row[lane]))
			continue;
		for (int64_t k = 0; k < fill->count; k++)
			fill->tile[k * kernels->lanes + lane] = other[k * kernels->lanes + lane];
	}
}

static enum err window_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct window *window = window_of(source);
	const struct masked *masked = &window->dot.masked;
	const float *keys = (const float *)fill->prepared + fill->key * window->dot.dim, *from = masked_offset(masked, fill);
	fill->kernels->dot_tile(fill->loaded, keys, window->dot.dim, fill->count, from, fill->tile, NULL);
	if (has_global_row(window, fill->rows))
		score_global_rows(window, fill, from);
	enum err err = masked_finish(masked, fill, info);
	if (!err && fill->partial && masked_hides(masked))
		hide(window, fill);
	return err;
}

static void window_free(struct source *source)
{
	struct window *window = (struct window *)source;
	token_kinds_release(&window->kinds);
	free(window->left);
	free(window->right);
	free(window->dilation);
	masked_release(&window->dot.masked);
	free(window);
}

static const struct source_ops window_ops = {
	.name = "window",
	.coverage = window_coverage,
	.support = window_support,
	.visible = window_visible,
	.prepared_id = masked_prepared_id,
	.prepared_size = window_prepared_size,
	.prepare = window_prepare,
	.rows_size = window_rows_size,
	.load_rows = window_load_rows,
	.fill = window_fill,
	.score64 = window_score64,
	.free = window_free,
};

/* A parameter with one number for all, or one for each layer or head, as an array of `length`. */
static enum err spread(const struct mechanism_args *args, const char *parameter, const char *axis, int64_t length, int64_t least, int64_t **out,
		       struct err_info *info)
{
	const char *text = mechanism_parameter_text(args, &mechanism_window, parameter);
	int64_t *list, count;
	enum err err = operand_list(&mechanism_window, parameter, text, &list, &count, info);
	if (err)
		return err;
	*out = mem_array((size_t)length, sizeof **out);
	if (!*out)
		err = err_nomem(info, parameter);
	else if (count != 1 && count != length)
		err = err_set(info, ERR_USAGE, "--param %s=%s: give one number, or one for each of the %lld %s", parameter, text, (long long)length, axis);
	for (int64_t i = 0; !err && i < length; i++) {
		(*out)[i] = list[count == 1 ? 0 : i];
		if ((*out)[i] < least || (*out)[i] > INT32_MAX)
			err = err_set(info, ERR_USAGE, "--param %s=%s: numbers from %lld to %d are possible", parameter, text, (long long)least, INT32_MAX);
	}
	free(list);
	return err;
}

/* --window L,R is the reach on each side; else w is, for both. */
static enum err open_reach(struct window *window, const struct mechanism_args *args, struct err_info *info)
{
	const struct source *source = &window->dot.masked.source;
	enum err err = spread(args, "w", "layers", source->layers, 0, &window->left, info);
	if (!err)
		err = spread(args, "w", "layers", source->layers, 0, &window->right, info);
	if (!err)
		err = spread(args, "dilation", "heads", source->heads, 1, &window->dilation, info);
	bool given = args->window_left >= 0 || args->window_right >= 0;
	for (int64_t layer = 0; !err && given && layer < source->layers; layer++) {
		window->left[layer] = args->window_left >= 0 && args->window_left < INT32_MAX ? args->window_left : INT32_MAX;
		window->right[layer] = args->window_right >= 0 && args->window_right < INT32_MAX ? args->window_right : INT32_MAX;
	}
	return err;
}

static enum err open_global_projection(struct window *window, const struct mechanism_args *args, struct err_info *info)
{
	bool has_query = mechanism_input_find(args, "query_global"), has_key = mechanism_input_find(args, "key_global");
	window->has_global_projection = has_query || has_key;
	enum err err = operand_view(args, &mechanism_window, "query_global", has_key, operand_heads, &window->query_view, &window->query_slot, &window->query_global, info);
	if (!err)
		err = operand_view(args, &mechanism_window, "key_global", has_query, operand_heads, &window->key_view, &window->key_slot, &window->key_global, info);
	if (err || !window->has_global_projection)
		return err;
	const struct {
		const char *role, *like;
		const struct heads *view, *model;
	} pairs[] = {
		{ "query_global", "the shape of query", window->query_global, window->dot.masked.query },
		{ "key_global", "the shape of key", window->key_global, window->dot.masked.key },
	};
	for (int i = 0; i < 2; i++)
		if (memcmp(pairs[i].view->size, pairs[i].model->size, sizeof pairs[i].model->size) != 0)
			return operand_misshapen(&mechanism_window, pairs[i].role, pairs[i].view->tensors[0], pairs[i].like, info);
	return ERR_OK;
}

static void note_window(struct window *window)
{
	struct source *source = &window->dot.masked.source;
	char *note = source->note;
	size_t size = sizeof source->note;
	if (window->left[0] == window->right[0])
		mechanism_note(note, size, "window %lld on each side", (long long)window->left[0]);
	else
		mechanism_note(note, size, "window %lld,%lld", (long long)window->left[0], (long long)window->right[0]);
	int64_t ahead = window->dot.masked.mask.causal ? 0 : window->right[0];
	if (!window->kinds.most_globals && window->left[0] + ahead < source->keys)
		mechanism_note(note, size, "at most %lld keys per row", (long long)(window->left[0] + ahead + 1));
	if (window->dilation[0] > 1)
		mechanism_note(note, size, "dilation %lld", (long long)window->dilation[0]);
	if (window->kinds.most_globals)
		mechanism_note(note, size, "%lld global token%s%s", (long long)window->kinds.most_globals, window->kinds.most_globals > 1 ? "s" : "",
			       window->has_global_projection ? " with projections of their own" : "");
}

static enum err window_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct window *window = (struct window *)source;
	struct mechanism_args rest = *args;
	rest.window_left = rest.window_right = -1;
	enum err err = dot_init(&window->dot, &mechanism_window, &rest, &dot_plain, dot_usual_scale(args), info);
	if (!err)
		err = open_reach(window, args, info);
	if (!err)
		err = open_global_projection(window, args, info);
	if (!err)
		err = token_kinds_init(&window->kinds, args, &mechanism_window, source->batches, source->keys, info);
	if (err)
		return err;
	source->diagonal = window->dot.masked.mask.place;
	note_window(window);
	return ERR_OK;
}

/* What keeps its first keys is the mask's chunk; the window is the mechanism's own, and has global tokens for that. */
static uint32_t window_settings(const struct mechanism_args *args)
{
	if (mechanism_input_find(args, "attentions"))
		return SETTING_KEY_LENGTHS;
	return (SETTINGS_LIMITS & ~(uint32_t)(args->chunk ? 0 : SETTING_KEEP_FIRST)) | SETTINGS_LOGITS;
}

static enum err window_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	if (mechanism_input_find(args, "attentions"))
		return window_packed_open(args, source, info);
	return mechanism_make(&window_ops, sizeof(struct window), "windowed attention", window_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(B,H,N,D)", true, "queries (not with attentions)" },
	{ "key", "(B,Hk,N,D)", true, "keys (not with attentions)" },
	{ "value", "(B,Hk,N,C)", false, "values" },
	{ "query_global", "(B,H,N,D)", false, "queries of the global projection, for the rows of global tokens" },
	{ "key_global", "(B,Hk,N,D)", false, "keys of the global projection" },
	{ "global_mask", "(B,N)", false, "non-zero: a global token (Hugging Face's global_attention_mask)" },
	{ "attention_mask", "(B,N)", false, "0 padding, 1 local, 2 global" },
	{ "attentions", "(B,H,N,x+2w+1)", false, "ready weights as Hugging Face's Longformer returns them, in place of queries and keys" },
	{ "global_attentions", "(B,H,N,x)", false, "and the rows of its x global tokens" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "w", "256", "keys on each side, one number, or one per layer: Hugging Face's attention_window is twice this; --window L,R overrides it" },
	{ "dilation", "1", "distance between the keys of a window, one number, or one per head" },
	{ "globals", "", "positions of global tokens, separated by commas" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_window = {
	.name = "window",
	.summary = "sliding window with dilation and global tokens (Longformer)",
	.equation = "A_ij = softmax_j(q_i.k_j / sqrt d) over the keys with |j - i| <= w D and (j - i) mod D = 0, and global keys\n"
		    "A_gj = softmax_j(q'_g.k'_j / sqrt d) over all keys, for a global token g with its own projections q', k'",
	.properties = "weights >= 0, rows sum to 1, one-sided with --causal; the work grows with n w",
	.reference = "Beltagy, Peters, Cohan 2020, arXiv 2004.05150; allenai/longformer (w one-sided), Hugging Face (attention_window two-sided)",
	.input = inputs,
	.parameter = parameters,
	.settings_of = window_settings,
	.settings_why = "keeps first keys with --chunk alone (--param globals names tokens that all see), and takes no mask but --key-lengths for ready weights",
	.open = window_open,
};
