/* SPDX-License-Identifier: MIT */
/*
 * attnviz blocks: a KV cache by its blocks: what is where, what is wasted and shared, what is attended to, and what a smaller cache would lose.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/eviction.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/record.h"
#include "commands/command.h"
#include "commands/gather.h"
#include "commands/inputs.h"
#include "commands/inputs_describe.h"
#include "commands/picture.h"
#include "commands/product.h"
#include "commands/progress.h"
#include "mechanism/paged.h"
#include "render/chart.h"

enum { SHOW_USAGE, SHOW_BLOCKS, SHOW_EVICT };
static const struct word show_words[] = {
	{ "usage", SHOW_USAGE }, { "blocks", SHOW_BLOCKS }, { "evict", SHOW_EVICT }, WORD_END,
};

/* Blocks of caches that have none: vLLM's default. */
enum { BLOCK_SIZE = 16 };

static struct {
	int show;
	int64_t block_size, budget, sinks, observe, measure, key_heads;
	const char *target, *plot;
	bool json, tsv;
} given = { .sinks = 4, .observe = 32, .measure = 1 };

static const struct option_row block_rows[] = {
	OPTION_CHOICE(0, "show", "WHAT", &given.show, show_words, "use of the cache, weight on each block, or what eviction would lose"),
	OPTION_INT(0, "block-size", "N", &given.block_size, 1, 1e9, "tokens per block (default: that of the cache, else 16)"),
	OPTION_INT(0, "budget", "N", &given.budget, 1, 1e15, "keys that each key head may keep (default: half of them)"),
	OPTION_INT(0, "sinks", "N", &given.sinks, 0, 1e9, "first keys that streaming keeps (default 4)"),
	OPTION_INT(0, "observe", "N", &given.observe, 1, 1e6, "queries that vote, and last keys that are kept, in SnapKV (default 32)"),
	OPTION_INT(0, "key-heads", "N", &given.key_heads, 1, 1e9, "number of key heads of ready weights (default: one per head)"),
	OPTION_INT(0, "measure", "N", &given.measure, 1, 1e15, "judge the policies by the last N queries (default 1)"),
	OPTION_END
};

static const struct option_row block_output_rows[] = {
	OPTION_FLAG(0, "json", &given.json, "print JSON, one object per line"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print tab-separated values with a header line"),
	OPTION_OUTPUT('o', "output", &given.target, "write the numbers to FILE (default -, standard output)"),
	OPTION_OUTPUT(0, "plot", &given.plot, "also draw the weight on the blocks, or with --show usage the physical blocks: .png, .svg, .pdf, .txt"),
	OPTION_GROUP(NULL, picture_style_rows),
	OPTION_END
};

static const struct option_row blocks_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Blocks", block_rows),
	OPTION_GROUP("Output", block_output_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_END
};

struct looking {
	struct input input;
	const struct paged_map *map; /* NULL: not a cache with blocks */
	struct output out;
	enum record_format format;
	struct record *record;
	int64_t block_size;
	int64_t columns;             /* logical blocks of the longest sequence */
	int64_t *references;         /* [blocks] sequences that refer to a physical block; NULL without a cache */
	int64_t *used;               /* [blocks] slots used */
	double *mass;                /* [maps][columns] share of the weight received; NaN: no such block */
	double *last;                /* the same of the last query */
	int64_t group;               /* query heads that read one key head */
	struct eviction_result *result; /* [group] */
	double *received;            /* [group][2][keys] behind them */
	struct eviction_kept shared; /* of the group */
	bool has_no_history;         /* of some head that was asked for */
	struct progress progress;
};

static int64_t keys_of(const struct looking *looking, int64_t sequence)
{
	return looking->map ? looking->map->length[sequence] : looking->input.source->keys;
}

static int64_t blocks_of(const struct looking *looking, int64_t sequence)
{
	return (keys_of(looking, sequence) + looking->block_size - 1) / looking->block_size;
}

/* Tokens in a logical block. */
static int64_t tokens_in(const struct looking *looking, int64_t sequence, int64_t block)
{
	int64_t left = keys_of(looking, sequence) - block * looking->block_size;
	return left < looking->block_size ? left : looking->block_size;
}

static int64_t physical(const struct looking *looking, int64_t sequence, int64_t block)
{
	return looking->map->table[sequence * looking->map->table_width + block];
}

static enum err count_references(struct looking *looking, struct err_info *info)
{
	const struct paged_map *map = looking->map;
	if (!map || looking->block_size != map->block_size)
		return ERR_OK;
	looking->references = mem_zero_array((size_t)map->blocks, sizeof *looking->references);
	looking->used = mem_zero_array((size_t)map->blocks, sizeof *looking->used);
	if (!looking->references || !looking->used)
		return err_nomem(info, "the blocks");
	for (int64_t s = 0; s < map->sequences; s++)
		for (int64_t block = 0; block < blocks_of(looking, s); block++) {
			int64_t at = physical(looking, s, block), tokens = tokens_in(looking, s, block);
			looking->references[at]++;
			looking->used[at] = tokens > looking->used[at] ? tokens : looking->used[at];
		}
	return ERR_OK;
}

static enum err open_record(struct looking *looking, const struct record_column *column, int count, struct err_info *info)
{
	looking->record = record_new(looking->format, column, count, &looking->out);
	return looking->record ? ERR_OK : err_nomem(info, "the report");
}

static void put_usage(struct looking *looking, const char *name, int64_t tokens, int64_t blocks, int64_t shared)
{
	const struct paged_map *map = looking->map;
	struct record *record = looking->record;
	int64_t slots = blocks * looking->block_size;
	record_text(record, 0, name);
	record_int(record, 1, tokens);
	record_int(record, 2, blocks);
	record_int(record, 3, slots);
	record_int(record, 4, slots - tokens);
	record_real(record, 5, slots ? (double)tokens / (double)slots : NAN);
	record_int(record, 6, shared);
	record_int(record, 7, slots * map->bytes_per_token);
	record_row(record);
}

/* A line a sequence, and one for the cache, in which shared blocks count once. */
static enum err show_usage(struct looking *looking, struct err_info *info)
{
	static const struct record_column column[] = {
		{ "sequence", RECORD_TEXT }, { "tokens", RECORD_INT }, { "blocks", RECORD_INT }, { "slots", RECORD_INT }, { "wasted", RECORD_INT },
		{ "utilisation", RECORD_REAL }, { "shared", RECORD_INT }, { "bytes", RECORD_INT },
	};
	const struct paged_map *map = looking->map;
	if (!looking->references)
		return err_set(info, ERR_USAGE, "--show usage is about the blocks of a cache: --attention paged opens one, and --block-size stays what it is");
	enum err err = open_record(looking, column, 8, info);
	int64_t blocks = 0, tokens = 0, shared = 0;
	for (int64_t s = 0; s < map->sequences && !err; s++) {
		char name[32];
		int64_t own = 0;
		for (int64_t block = 0; block < blocks_of(looking, s); block++)
			own += looking->references[physical(looking, s, block)] > 1;
		snprintf(name, sizeof name, "%" PRId64, s);
		put_usage(looking, name, map->length[s], blocks_of(looking, s), own);
	}
	for (int64_t block = 0; block < map->blocks && !err; block++) {
		blocks += looking->references[block] > 0;
		shared += looking->references[block] > 1;
		tokens += looking->used[block];
	}
	if (!err)
		put_usage(looking, "cache", tokens, blocks, shared);
	return err;
}

static void add_masses(struct looking *looking, const struct eviction_result *result, int64_t index, int64_t sequence)
{
	double total = 0;
	int64_t keys = keys_of(looking, sequence);
	for (int64_t key = 0; key < keys; key++)
		total += result->mass[key];
	for (int64_t block = 0; block < looking->columns; block++) {
		double mass = 0, last = 0;
		for (int64_t key = block * looking->block_size; key < (block + 1) * looking->block_size && key < keys; key++) {
			mass += result->mass[key];
			last += result->last[key];
		}
		bool exists = block < blocks_of(looking, sequence);
		looking->mass[index * looking->columns + block] = exists ? mass / total : NAN;
		looking->last[index * looking->columns + block] = exists ? last : NAN;
	}
}

static void put_place(struct looking *looking, int64_t map)
{
	int64_t layer, batch, head;
	source_map_id(looking->input.source, map, &layer, &batch, &head);
	record_int(looking->record, 0, looking->input.layer_number[layer]);
	record_int(looking->record, 1, batch);
	record_int(looking->record, 2, head);
}

static void put_blocks(struct looking *looking, int64_t map, int64_t index, int64_t sequence)
{
	for (int64_t block = 0; block < blocks_of(looking, sequence); block++) {
		struct record *record = looking->record;
		put_place(looking, map);
		record_int(record, 3, block);
		if (looking->references) {
			record_int(record, 4, physical(looking, sequence, block));
			record_int(record, 5, looking->references[physical(looking, sequence, block)]);
		}
		record_int(record, 6, tokens_in(looking, sequence, block));
		record_int(record, 7, keys_of(looking, sequence) - 1 - block * looking->block_size);
		record_real(record, 8, looking->mass[index * looking->columns + block]);
		record_real(record, 9, looking->last[index * looking->columns + block]);
		record_row(record);
	}
}

static void put_kept(struct record *record, int column, const struct eviction_kept *kept, int policy)
{
	if (!kept->count[policy])
		return;
	record_real(record, column, kept->kept[policy]);
	record_real(record, column + 1, kept->least[policy]);
}

static void put_policies(struct looking *looking, const struct eviction_kept *kept, int64_t map, int64_t budget)
{
	for (int policy = 0; policy < EVICT_COUNT; policy++) {
		put_place(looking, map);
		record_text(looking->record, 3, eviction_names[policy]);
		record_int(looking->record, 4, budget);
		put_kept(looking->record, 5, kept, policy);
		record_int(looking->record, 7, kept->count[policy]);
		record_int(looking->record, 8, map % looking->input.source->heads / looking->group);
		put_kept(looking->record, 9, &looking->shared, policy);
		record_row(looking->record);
	}
	looking->has_no_history |= kept->count[EVICT_BEST] && !kept->count[EVICT_H2O];
}

/* One line for each head, or each of its policies, after the group that it belongs to was played. */
static void put_map(struct looking *looking, int64_t index, const struct eviction_request *request)
{
	int64_t map = looking->input.selection.map[index], layer, batch, head;
	source_map_id(looking->input.source, map, &layer, &batch, &head);
	const struct eviction_result *result = &looking->result[head % looking->group];
	add_masses(looking, result, index, batch);
	if (given.show == SHOW_BLOCKS)
		put_blocks(looking, map, index, batch);
	else
		put_policies(looking, &result->kept, map, request->budget);
}

static struct eviction_request request_for(const struct looking *looking, int64_t map)
{
	const struct source *source = looking->input.source;
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return (struct eviction_request){
		.budget = given.budget ? given.budget : (keys_of(looking, batch) + 1) / 2,
		.sinks = given.sinks,
		.observe = given.observe < source->queries ? given.observe : source->queries,
		.measured = given.measure,
	};
}

/* Heads of a group that follow each other in the selection share one run; a group of which one head was chosen is played whole. */
static enum err run_maps(struct looking *looking, struct err_info *info)
{
	const struct selection *selection = &looking->input.selection;
	struct driver_options options = input_driver(&looking->input);
	int64_t played = -1;
	enum err err = ERR_OK;
	progress_start(&looking->progress, "blocks");
	for (int64_t i = 0; i < selection->maps && !err; i++) {
		int64_t first = selection->map[i] / looking->group * looking->group;
		const struct eviction_request request = request_for(looking, first);
		if (first != played)
			err = eviction_run(looking->input.source, first, looking->group, &options, &request, looking->result, &looking->shared, info);
		played = first;
		if (!err)
			put_map(looking, i, &request);
		progress_report(&looking->progress, (double)(i + 1) / (double)selection->maps);
	}
	progress_end(&looking->progress);
	return err;
}

/* Which heads read one key head. Weights alone do not tell. */
static enum err find_group(struct looking *looking, struct err_info *info)
{
	const struct source *source = looking->input.source;
	int64_t key_heads = source->key_heads;
	if (given.key_heads && key_heads && key_heads != given.key_heads)
		return err_set(info, ERR_USAGE, "--key-heads %" PRId64 ": the keys have %" PRId64 " heads", given.key_heads, key_heads);
	if (given.key_heads && source->heads % given.key_heads)
		return err_set(info, ERR_USAGE, "--key-heads %" PRId64 ": %" PRId64 " heads are no whole multiple of it", given.key_heads, source->heads);
	if (!key_heads && !given.key_heads && source->heads > 1 && given.show == SHOW_EVICT)
		message_note("weights do not tell which heads share keys: each is judged by itself, --key-heads N says how many key heads there are");
	key_heads = given.key_heads ? given.key_heads : key_heads;
	looking->group = key_heads && given.show == SHOW_EVICT ? source->heads / key_heads : 1;
	return ERR_OK;
}

static enum err reserve(struct looking *looking, struct err_info *info)
{
	const struct source *source = looking->input.source;
	size_t maps = (size_t)looking->input.selection.maps, keys = (size_t)source->keys, group = (size_t)looking->group;
	looking->columns = (source->keys + looking->block_size - 1) / looking->block_size;
	looking->mass = mem_array(maps, (size_t)looking->columns * sizeof *looking->mass);
	looking->last = mem_array(maps, (size_t)looking->columns * sizeof *looking->last);
	looking->result = mem_zero_array(group, sizeof *looking->result);
	looking->received = mem_array(2 * group, keys * sizeof *looking->received);
	if (!looking->mass || !looking->last || !looking->result || !looking->received)
		return err_nomem(info, "the blocks");
	for (size_t head = 0; head < group; head++) {
		looking->result[head].mass = looking->received + 2 * head * keys;
		looking->result[head].last = looking->result[head].mass + keys;
	}
	return ERR_OK;
}

static enum err show_maps(struct looking *looking, struct err_info *info)
{
	static const struct record_column of_blocks[] = {
		{ "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT }, { "block", RECORD_INT }, { "physical", RECORD_INT },
		{ "references", RECORD_INT }, { "tokens", RECORD_INT }, { "age", RECORD_INT }, { "mass", RECORD_REAL }, { "last", RECORD_REAL },
	};
	static const struct record_column of_policies[] = {
		{ "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT }, { "policy", RECORD_TEXT }, { "budget", RECORD_INT },
		{ "kept", RECORD_REAL }, { "kept_min", RECORD_REAL }, { "queries", RECORD_INT }, { "key_head", RECORD_INT }, { "key_head_kept", RECORD_REAL },
		{ "key_head_kept_min", RECORD_REAL },
	};
	const struct source *source = looking->input.source;
	if (source->is_signed || (source->norm == NORM_NONE && !source->is_stochastic))
		return err_set(info, ERR_USAGE, "weight on a block is a share of a row's weight: not for signed or unnormalised attention (%s)", source->ops->name);
	bool blocks = given.show == SHOW_BLOCKS;
	enum err err = find_group(looking, info);
	if (!err)
		err = reserve(looking, info);
	if (!err)
		err = open_record(looking, blocks ? of_blocks : of_policies, blocks ? 10 : 11, info);
	if (!err)
		err = run_maps(looking, info);
	if (!err && looking->has_no_history)
		message_note("h2o and snapkv choose by the weights of earlier queries, and there are none where one query is all (a decode step): they are left out there");
	return err;
}

/* "layer 3 head 5" for each map, or with `columns` the first block of each row of a grid of blocks. */
static enum err name_rows(const struct looking *looking, int64_t rows, int64_t columns, char ***name, struct err_info *info)
{
	*name = mem_zero_array((size_t)rows, sizeof **name);
	for (int64_t i = 0; *name && i < rows; i++) {
		struct strbuf text;
		strbuf_init(&text);
		if (columns)
			strbuf_addf(&text, "%" PRId64, i * columns);
		else
			gather_name(&looking->input, i, REDUCE_NONE, &text);
		(*name)[i] = strbuf_detach(&text);
		if (!(*name)[i])
			return err_nomem(info, "the names of the heads");
	}
	return *name ? ERR_OK : err_nomem(info, "the names of the heads");
}

/* Physical blocks as a grid, or maps by logical blocks. */
static enum err draw(struct looking *looking, struct err_info *info)
{
	struct picture picture;
	struct picture_order order;
	struct strbuf source, caption, title;
	char **name = NULL;
	double *value = NULL;
	strbuf_init(&source);
	strbuf_init(&caption);
	strbuf_init(&title);
	const struct value_class uses[] = { { (double)looking->block_size, "all slots used" }, { (double)looking->block_size / 2, "half of them" }, { NAN, "free block" } };
	bool usage = given.show == SHOW_USAGE;
	int64_t blocks = usage ? looking->map->blocks : 0, columns = usage ? (int64_t)ceil(sqrt((double)blocks)) : looking->columns;
	int64_t rows = usage ? (blocks + columns - 1) / columns : looking->input.selection.maps;
	enum err err = picture_open_as(&picture, given.plot, info);
	if (!err && usage && !(value = mem_array((size_t)rows, (size_t)columns * sizeof *value)))
		err = err_nomem(info, "the picture");
	for (int64_t i = 0; !err && usage && i < rows * columns; i++)
		value[i] = i < blocks && looking->references[i] ? (double)looking->used[i] : NAN;
	if (!err)
		err = name_rows(looking, rows, usage ? columns : 0, &name, info);
	if (!err) {
		if (usage)
			input_describe(&looking->input, &title);
		else
			input_describe_shown(&looking->input, NULL, &title);
		strbuf_addstr(&title, usage ? ": blocks of the cache" : ": weight on the blocks");
		strbuf_addf(&caption, usage ? "slots used of %" PRId64 " in each physical block, in reading order; free blocks are those that no sequence refers to" : "blocks of %" PRId64 " tokens, shares of a head's weight",
			    looking->block_size);
		struct matrix_scene scene = {
			.value = usage ? value : looking->mass, .rows = rows, .columns = columns, .row_label = (const char *const *)name, .row_title = usage ? "physical block" : "map",
			.column_title = usage ? "+" : "logical block",
			.colouring = picture_colouring(&picture, false, usage ? "slots used" : "share of the weight"),
			.title = picture.title ? picture.title : title.buf, .caption = caption.buf, .theme = picture.theme,
		};
		if (isnan(scene.colouring.vmin))
			scene.colouring.vmin = 0;
		if (usage) {
			scene.colouring.vmax = isnan(scene.colouring.vmax) ? (double)looking->block_size : scene.colouring.vmax;
			scene.colouring.classes = uses;
			scene.colouring.class_count = sizeof uses / sizeof *uses;
		}
		input_describe_sizes(&looking->input, &source);
		picture_order(&order, &picture, source.buf, caption.buf);
		err = picture.format == PICTURE_TEXT ? terminal_write_matrix(&scene, &picture.terminal, &picture.out, info) : matrix_write(&scene, &order.request, info);
	}
	if (!err)
		err = output_commit(&picture.out, info);
	picture_release(&picture);
	strbuf_release(&source);
	strbuf_release(&caption);
	strbuf_release(&title);
	for (int64_t i = 0; name && i < rows; i++)
		free(name[i]);
	free(name);
	free(value);
	return err;
}

static enum err look(struct looking *looking, int argc, char **argv, struct err_info *info)
{
	if (given.key_heads && given.show != SHOW_EVICT)
		return err_set(info, ERR_USAGE, "--key-heads is for --show evict");
	enum err err = product_numbers(given.target, given.json, given.tsv, "--plot draws them", &looking->format, info);
	if (!err)
		err = input_open(&looking->input, argc, argv, info);
	if (err)
		return err;
	looking->map = paged_map_of(looking->input.source);
	looking->block_size = given.block_size ? given.block_size : looking->map && looking->map->has_table ? looking->map->block_size : BLOCK_SIZE;
	err = count_references(looking, info);
	if (!err)
		err = output_open(&looking->out, given.target ? given.target : "-", info);
	if (!err)
		err = given.show == SHOW_USAGE ? show_usage(looking, info) : show_maps(looking, info);
	enum err end = record_end(looking->record);
	err = err ? err : end;
	if (!err && given.plot)
		err = draw(looking, info);
	if (err && info->code == ERR_OK && looking->out.failed)
		*info = looking->out.info;
	return err ? err : output_commit(&looking->out, info);
}

static enum err run_blocks(int argc, char **argv)
{
	struct looking looking = { 0 };
	struct err_info info = { 0 };
	enum err err = look(&looking, argc, argv, &info);
	message_err_info(&info);
	output_release(&looking.out);
	free(looking.references);
	free(looking.used);
	free(looking.mass);
	free(looking.last);
	free(looking.result);
	free(looking.received);
	input_release(&looking.input);
	return err;
}

const struct command command_blocks = {
	.name = "blocks",
	.summary = "look at a KV cache by its blocks: use, weight, and what eviction would lose",
	.positional = "[FILE...]",
	.examples = "attnviz blocks q.npy k.npy --causal --show evict --budget 512\n"
		    "attnviz blocks cache.npz --attention paged --show usage",
	.options = blocks_options,
	.run = run_blocks,
};
