/* SPDX-License-Identifier: MIT */
/*
 * Block-sparse attention: BigBird's pattern (Zaheer et al. 2020, arXiv 2007.14062), or any blocks from a file.
 *
 * The first and the last block of queries attend everything; another block i attends blocks i - 1, i, i + 1, the first, the last, and its random ones. A block that
 * comes up more than once counts once, or with its multiplicity, which is what kernels that concatenate the blocks compute.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernel/reference.h"
#include "mechanism/block_mask.h"
#include "mechanism/dot.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

struct bigbird {
	struct dot dot;
	struct block_mask blocks;
	bool is_dense; /* the sequence is short: the blocks do not matter */
};

static const struct bigbird *bigbird_of(const struct source *source)
{
	return (const struct bigbird *)source;
}

/* Whether the blocks hide anything at the stage that is shown. */
static bool hides(const struct bigbird *bigbird)
{
	return !bigbird->is_dense && masked_hides(&bigbird->dot.masked);
}

static enum coverage bigbird_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct bigbird *bigbird = bigbird_of(source);
	enum coverage coverage = masked_coverage(source, map, first, last, begin, end);
	int64_t layer, batch, head;
	if (coverage == TILE_EMPTY || !hides(bigbird))
		return coverage;
	source_map_id(source, map, &layer, &batch, &head);
	enum coverage blocks = block_mask_coverage(&bigbird->blocks, layer, head, first, last, begin, end);
	return blocks == TILE_FULL ? coverage : blocks;
}

static bool bigbird_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct bigbird *bigbird = bigbird_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return masked_visible(source, map, row, key) && (!hides(bigbird) || block_mask_times(&bigbird->blocks, layer, head, row, key) > 0);
}

static int64_t bigbird_support(const struct source *source, int64_t map, int64_t row)
{
	const struct bigbird *bigbird = bigbird_of(source);
	int64_t layer, batch, head, count = 0, visible = masked_support(source, map, row);
	source_map_id(source, map, &layer, &batch, &head);
	if (!hides(bigbird))
		return visible;
	if (visible == source->keys)
		return block_mask_support(&bigbird->blocks, layer, head, row);
	for (int64_t key = 0; key < source->keys; key++)
		count += bigbird_visible(source, map, row, key);
	return count;
}

/* Logits of a softmax in a tile are in base 2, everywhere else natural. */
static enum err bigbird_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct bigbird *bigbird = bigbird_of(source);
	int64_t layer, batch, head;
	int32_t times[KEY_BLOCK];
	enum err err = dot_score64(source, map, row, score, info);
	source_map_id(source, map, &layer, &batch, &head);
	for (int64_t key = 0; !err && hides(bigbird) && key < source->keys; key += KEY_BLOCK) {
		int64_t count = source->keys - key < KEY_BLOCK ? source->keys - key : KEY_BLOCK;
		block_mask_row(&bigbird->blocks, layer, head, row, key, count, times);
		for (int64_t k = 0; k < count; k++)
			score[key + k] = times[k] ? score[key + k] + log(times[k]) : (double)masked_hidden(&bigbird->dot.masked);
	}
	return err;
}

static enum err bigbird_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	const struct bigbird *bigbird = bigbird_of(source);
	enum err err = dot_fill(source, fill, info);
	if (err || !fill->partial || !hides(bigbird))
		return err;
	int64_t layer, batch, head;
	int32_t times[KEY_BLOCK];
	float hidden = masked_hidden(&bigbird->dot.masked);
	bool base2 = source->norm == NORM_SOFTMAX;
	source_map_id(source, rows->map, &layer, &batch, &head);
	for (int lane = 0; lane < rows->count; lane++) {
		block_mask_row(&bigbird->blocks, layer, head, rows->row[lane], fill->key, fill->count, times);
		for (int64_t k = 0; k < fill->count; k++) {
			float *score = &fill->tile[k * fill->kernels->lanes + lane];
			if (times[k] == 0)
				*score = hidden;
			else if (times[k] > 1)
				*score += base2 ? log2f((float)times[k]) : logf((float)times[k]);
		}
	}
	return ERR_OK;
}

static void bigbird_free(struct source *source)
{
	struct bigbird *bigbird = (struct bigbird *)source;
	block_mask_release(&bigbird->blocks);
	masked_release(&bigbird->dot.masked);
	free(bigbird);
}

static const struct source_ops bigbird_ops = {
	.name = "bigbird",
	.coverage = bigbird_coverage,
	.support = bigbird_support,
	.visible = bigbird_visible,
	.prepared_id = masked_prepared_id,
	.prepared_size = dot_prepared_size,
	.prepare = dot_prepare,
	.rows_size = dot_rows_size,
	.load_rows = dot_load_rows,
	.fill = bigbird_fill,
	.score64 = bigbird_score64,
	.free = bigbird_free,
};

enum { REPEATS_ONCE, REPEATS_COUNT, REPEATS_SHOWN };
static const struct word repeats_words[] = {
	{ "once", REPEATS_ONCE }, { "count", REPEATS_COUNT }, { "shown", REPEATS_SHOWN }, WORD_END,
};

/* One copy of each key: what is left of the weights when those of a block that comes up m times are divided by m. */
struct shown {
	struct source source;
	struct source *inner; /* owned; a bigbird */
};

static const struct source *inner_of(const struct source *source)
{
	return ((const struct shown *)source)->inner;
}

static enum coverage shown_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	return bigbird_coverage(inner_of(source), map, first, last, begin, end);
}

static int64_t shown_support(const struct source *source, int64_t map, int64_t row)
{
	return bigbird_support(inner_of(source), map, row);
}

static bool shown_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	return bigbird_visible(inner_of(source), map, row, key);
}

static enum err shown_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct bigbird *bigbird = bigbird_of(inner_of(source));
	int64_t layer, batch, head;
	int32_t times[KEY_BLOCK];
	enum err err = reference_row(inner_of(source), map, row, score, NULL, NULL, info);
	source_map_id(source, map, &layer, &batch, &head);
	for (int64_t key = 0; !err && hides(bigbird) && key < source->keys; key += KEY_BLOCK) {
		int64_t count = source->keys - key < KEY_BLOCK ? source->keys - key : KEY_BLOCK;
		block_mask_row(&bigbird->blocks, layer, head, row, key, count, times);
		for (int64_t k = 0; k < count; k++)
			score[key + k] /= times[k] > 1 ? times[k] : 1;
	}
	return err;
}

static void shown_free(struct source *source)
{
	source_free(((struct shown *)source)->inner);
	free(source);
}

static const struct source_ops shown_ops = {
	.name = "bigbird",
	.coverage = shown_coverage,
	.support = shown_support,
	.visible = shown_visible,
	.score64 = shown_score64,
	.free = shown_free,
};

/* The layer's outputs come from all copies, so there are no values. */
static enum err show_one_copy(struct source *inner, struct source **source, struct err_info *info)
{
	if (inner->norm != NORM_SOFTMAX)
		return err_set(info, ERR_USAGE, "--param repeats=shown is about weights: leave --stage out");
	struct shown *shown = mem_zero_array(1, sizeof *shown);
	if (!shown)
		return err_nomem(info, "one copy of the weights");
	shown->inner = inner;
	shown->source = *inner;
	shown->source.ops = &shown_ops;
	shown->source.norm = NORM_NONE;
	shown->source.is_stochastic = false;
	shown->source.values = NULL;
	shown->source.without_values = inner->values ? "one copy of repeated keys has no output of its own" : inner->without_values;
	shown->source.sink_logit = NULL;
	mechanism_note(shown->source.note, sizeof shown->source.note, "one copy shown");
	*source = &shown->source;
	return ERR_OK;
}

/* The random blocks of each row; without a table `zeros` of them, all of them block 0. */
struct pattern {
	struct operand table; /* (nb - 2, r) */
	int64_t zeros;
	bool counts; /* multiplicity */
};

static void count_block(int32_t *times, int64_t column, bool counts)
{
	times[column] = counts ? times[column] + 1 : 1;
}

static enum err row_of_pattern(const struct pattern *pattern, int64_t layer, int64_t head, int64_t row, int64_t blocks, int32_t *times, struct err_info *info)
{
	bool global = row == 0 || row == blocks - 1;
	for (int64_t column = 0; column < blocks; column++) {
		bool window = column >= row - 1 && column <= row + 1;
		times[column] = global || window || column == 0 || column == blocks - 1;
	}
	if (global)
		return ERR_OK;
	for (int64_t i = 0; i < pattern->zeros; i++)
		count_block(times, 0, pattern->counts);
	for (int64_t i = 0; pattern->table.at && i < pattern->table.size[1]; i++) {
		double block = operand_block(&pattern->table, layer, head)[(row - 1) * pattern->table.size[1] + i];
		if (block < 0 || block >= (double)blocks || block != floor(block))
			return err_set(info, ERR_VALUE, "block_table holds %g (head %lld, row %lld): blocks are numbered 0 to %lld", block, (long long)head,
				       (long long)(row - 1), (long long)(blocks - 1));
		count_block(times, (int64_t)block, pattern->counts);
	}
	return ERR_OK;
}

static enum err fill_pattern(struct bigbird *bigbird, const struct pattern *pattern, struct err_info *info)
{
	struct block_mask *mask = &bigbird->blocks;
	int32_t *times = mem_array((size_t)mask->columns, sizeof *times);
	enum err err = times ? ERR_OK : err_nomem(info, "the block mask");
	for (int64_t i = 0; !err && i < mask->layers * mask->heads * mask->rows; i++) {
		int64_t map = i / mask->rows;
		err = row_of_pattern(pattern, map / mask->heads, map % mask->heads, i % mask->rows, mask->rows, times, info);
		if (!err)
			err = block_mask_add_row(mask, i, times, info);
	}
	free(times);
	return err;
}

static enum err open_table(struct pattern *pattern, const struct mechanism_args *args, const struct source *source, int64_t block, struct err_info *info)
{
	int counts;
	enum err err = mechanism_parameter_choice(args, &mechanism_bigbird, "repeats", repeats_words, &counts, info);
	if (!err)
		err = mechanism_parameter_int(args, &mechanism_bigbird, "zeros", &pattern->zeros, info);
	if (err)
		return err;
	pattern->counts = counts != REPEATS_ONCE;
	if (pattern->zeros < 0 || pattern->zeros > INT16_MAX)
		return err_set(info, ERR_USAGE, "--param zeros=%lld: a number of random blocks is expected", (long long)pattern->zeros);
	if (source->queries != source->keys || source->keys % block != 0)
		return err_set(info, ERR_SHAPE, "bigbird attention needs as many queries (%lld) as keys (%lld), and whole blocks of %lld: pad the sequence, or set --param block",
			       (long long)source->queries, (long long)source->keys, (long long)block);
	if (source->keys / block < 3)
		return ERR_OK;
	struct operand_shape shape = { .rank = 2, .size = { source->keys / block - 2, -1 }, .layers = source->layers, .heads = source->heads };
	return operand_read(&pattern->table, args, &mechanism_bigbird, "block_table", pattern->zeros == 0, &shape, info);
}

/* Hugging Face attends fully while the sequence is at most (5 + 2 r) blocks long. Fewer than three blocks are all global. */
static enum err choose_dense(struct bigbird *bigbird, const struct mechanism_args *args, int64_t random, int64_t block, struct err_info *info)
{
	static const struct word words[] = { { "auto", false }, { "never", true }, WORD_END };
	int never;
	enum err err = mechanism_parameter_choice(args, &mechanism_bigbird, "dense", words, &never, info);
	int64_t blocks = bigbird->dot.masked.source.keys / block;
	bigbird->is_dense = blocks < 3 || (!never && blocks <= 5 + 2 * random);
	return err;
}

static void note_pattern(struct bigbird *bigbird, const struct pattern *pattern, int64_t random, int64_t block)
{
	struct source *source = &bigbird->dot.masked.source;
	if (bigbird->is_dense)
		mechanism_note(source->note, sizeof source->note, "dense: at most %lld blocks of %lld", (long long)(5 + 2 * random), (long long)block);
	else
		mechanism_note(source->note, sizeof source->note, "blocks of %lld, %lld random%s", (long long)block, (long long)random,
			       pattern->counts ? ", repeats counted" : "");
}

static enum err open_pattern(struct bigbird *bigbird, const struct mechanism_args *args, int64_t block, struct err_info *info)
{
	struct source *source = &bigbird->dot.masked.source;
	struct pattern pattern = { 0 };
	enum err err = open_table(&pattern, args, source, block, info);
	int64_t random = pattern.table.at ? pattern.table.size[1] : pattern.zeros;
	if (!err)
		err = choose_dense(bigbird, args, random, block, info);
	if (!err && !bigbird->is_dense)
		err = block_mask_init(&bigbird->blocks, pattern.table.layers, pattern.table.heads, block, source->queries, source->keys, info);
	if (!err && !bigbird->is_dense)
		err = fill_pattern(bigbird, &pattern, info);
	if (!err)
		note_pattern(bigbird, &pattern, random, block);
	operand_release(&pattern.table);
	return err;
}

static enum err open_file(struct bigbird *bigbird, const struct mechanism_args *args, int64_t block, struct err_info *info)
{
	struct source *source = &bigbird->dot.masked.source;
	struct operand file;
	struct operand_shape shape = { .rank = 2, .size = { (source->queries + block - 1) / block, (source->keys + block - 1) / block },
				       .layers = source->layers, .heads = source->heads };
	enum err err = operand_read(&file, args, &mechanism_bigbird, "block_mask", true, &shape, info);
	int32_t *times = err ? NULL : mem_array((size_t)shape.size[1], sizeof *times);
	if (!err && !times)
		err = err_nomem(info, "the block mask");
	if (!err)
		err = block_mask_init(&bigbird->blocks, file.layers, file.heads, block, source->queries, source->keys, info);
	for (int64_t row = 0; !err && row < file.layers * file.heads * file.size[0]; row++) {
		for (int64_t column = 0; !err && column < file.size[1]; column++) {
			double value = file.at[row * file.size[1] + column];
			times[column] = value >= 0 && value <= INT16_MAX ? (int32_t)value : -1;
			if (times[column] < 0 || times[column] != value)
				err = err_set(info, ERR_VALUE, "block_mask holds %g (row %lld, column %lld): 0 hides a block, 1 shows it, m counts it m times",
					      value, (long long)(row % file.size[0]), (long long)column);
		}
		if (!err)
			err = block_mask_add_row(&bigbird->blocks, row, times, info);
	}
	free(times);
	operand_release(&file);
	if (!err)
		mechanism_note(source->note, sizeof source->note, "blocks of %lld from a file", (long long)block);
	return err;
}

static enum err bigbird_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct bigbird *bigbird = (struct bigbird *)source;
	int64_t block = 0;
	enum err err = dot_init(&bigbird->dot, &mechanism_bigbird, args, &dot_plain, dot_usual_scale(args), info);
	if (!err)
		err = mechanism_parameter_int(args, &mechanism_bigbird, "block", &block, info);
	if (!err && (block < 1 || block > INT32_MAX))
		err = err_set(info, ERR_USAGE, "--param block=%lld: a block has at least one token", (long long)block);
	if (err)
		return err;
	return mechanism_input_find(args, "block_mask") ? open_file(bigbird, args, block, info) : open_pattern(bigbird, args, block, info);
}

static enum err bigbird_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	struct source *made = NULL;
	int repeats = REPEATS_ONCE;
	enum err err = mechanism_make(&bigbird_ops, sizeof(struct bigbird), "block-sparse attention", bigbird_bind, args, &made, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_bigbird, "repeats", repeats_words, &repeats, info);
	if (!err && repeats == REPEATS_SHOWN)
		err = show_one_copy(made, source, info);
	else if (!err)
		*source = made;
	if (err)
		source_free(made);
	return err;
}

static const struct mechanism_input inputs[] = {
	{ "query", "(L,B,H,N,D)", true, "queries" },
	{ "key", "(L,B,Hk,N,D)", true, "keys" },
	{ "value", "(L,B,Hk,N,Dv)", false, "values" },
	{ "block_table", "(H,N/block-2,r)", false, "random blocks of the inner block rows; H may be left out" },
	{ "block_mask", "(H,N/block,M/block)", false, "any pattern in place of BigBird's: 0 hidden, 1 attended, m counted m times" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "block", "64", "tokens of a block" },
	{ "repeats", "once", "whether a block that comes up m times counts once, or m times (count: ln m on its logits); shown: it counts m times and one copy is shown, as in Hugging Face's attentions, so that rows sum to less than 1" },
	{ "zeros", "0", "without a block_table: this many random blocks, all of them block 0, as Hugging Face has it outside training (use repeats=count)" },
	{ "dense", "auto", "auto: full attention up to (5 + 2 r) blocks, as Hugging Face does; never" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_bigbird = {
	.name = "bigbird",
	.summary = "block-sparse: global, window and random blocks (BigBird), or blocks from a file",
	.equation = "A_ij = m_ij e^(q_i.k_j / sqrt d) / sum_j' m_ij' e^(q_i.k_j' / sqrt d)\n"
		    "m_ij = times that the block of query i attends the block of key j",
	.properties = "weights >= 0, rows sum to 1; the work grows with the number of attended blocks",
	.reference = "Zaheer et al. 2020, arXiv 2007.14062; google-research/bigbird, Hugging Face modeling_big_bird",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_LIMITS | SETTINGS_LOGITS,
	.open = bigbird_open,
};
