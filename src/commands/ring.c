/* SPDX-License-Identifier: MIT */
/*
 * attnviz ring: who computes what when keys and values travel round a ring of ranks, from the model, and under mpirun as measured.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/inputs.h"
#include "commands/masking.h"
#include "commands/picture.h"
#include "commands/product.h"
#include "commands/ranks.h"
#include "commands/ring_measure.h"
#include "kernel/ring.h"
#include "render/chart.h"

static const struct word order_words[] = {
	{ "ascending", RING_ASCENDING }, { "rotating", RING_ROTATING }, WORD_END,
};
static const struct word layout_words[] = {
	{ "contiguous", RING_CONTIGUOUS }, { "striped", RING_STRIPED }, { "zigzag", RING_ZIGZAG }, WORD_END,
};
enum { SHOW_PAIRS, SHOW_COMPUTE, SHOW_WAIT };
static const struct word show_words[] = {
	{ "pairs", SHOW_PAIRS }, { "compute", SHOW_COMPUTE }, { "wait", SHOW_WAIT }, WORD_END,
};
enum { LAYOUTS = 3 };

static struct {
	int64_t ranks, tokens, key_heads, dim, bytes;
	int order, show;
	const char *target, *plot;
	bool totals, json, tsv;
} given = { .order = RING_ASCENDING, .key_heads = 1, .dim = 64, .bytes = 4 };

static const struct option_row schedule_rows[] = {
	OPTION_INT('P', "ranks", "N", &given.ranks, 1, 4096, "ranks in the ring (default: those of the MPI job, else 4)"),
	OPTION_INT('n', "length", "N", &given.tokens, 1, 1e12, "number of tokens, without inputs"),
	OPTION_CHOICE(0, "order", "ORDER", &given.order, order_words, "order of the shards: all ranks begin with the first, or each with its own"),
	OPTION_INT(0, "key-heads", "N", &given.key_heads, 1, 1e6, "key heads that travel together (default 1)"),
	OPTION_INT(0, "dim", "N", &given.dim, 1, 1e6, "size of a head (default 64)"),
	OPTION_INT(0, "element-bytes", "N", &given.bytes, 1, 8, "bytes per number on the wire (default 4)"),
	OPTION_END
};

static const struct option_row shown_rows[] = {
	OPTION_FLAG(0, "totals", &given.totals, "print one line per layout: critical path, balance, bytes"),
	OPTION_FLAG(0, "json", &given.json, "print JSON, one object per line, for each rank and step"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print tab-separated values with a header line"),
	OPTION_OUTPUT('o', "output", &given.target, "write the numbers to FILE (- is standard output)"),
	OPTION_OUTPUT(0, "plot", &given.plot, "draw the schedule: .png, .svg, .pdf, .txt (default: text in the terminal, without numbers)"),
	OPTION_CHOICE(0, "show", "WHAT", &given.show, show_words, "what the picture shows: pairs of the model, or measured seconds"),
	OPTION_GROUP(NULL, picture_style_rows),
	OPTION_END
};

static const struct option_row ring_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Schedule", schedule_rows),
	OPTION_GROUP("MPI", ranks_rows),
	OPTION_GROUP("Output", shown_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_END
};

struct schedule {
	struct input input;
	bool has_input;
	struct ring_plan plan;
	struct ring_model model;
	struct ring_measure measure; /* empty where nothing was measured */
	struct picture picture;
	struct output out; /* of numbers */
	enum record_format format;
};

static bool any_input(int argc)
{
	const struct roles_request *request = input_request();
	size_t count = (size_t)argc + request->fused.count + request->input.count + request->shard.count;
	for (int role = 0; role < NAME_ROLE_COUNT; role++)
		count += request->spec[role].count;
	return count > 0;
}

static enum err plan(struct schedule *schedule, int argc, char **argv, struct err_info *info)
{
	const struct peers *peers = ranks_peers();
	struct ring_plan *made = &schedule->plan;
	schedule->has_input = any_input(argc);
	*made = (struct ring_plan){ .ranks = given.ranks ? given.ranks : peers ? peers->size : 4, .tokens = given.tokens, .causal = masking_is_causal(),
				    .order = (enum ring_order)given.order };
	made->layout = ranks_layout(made->order, made->causal);
	if (masking_beyond_causal())
		return err_set(info, ERR_USAGE, "%s: the schedule knows no mask but --causal: leave it out", masking_beyond_causal());
	if (!mem_mul_i64(2 * given.key_heads * given.dim, given.bytes, &made->token_bytes))
		return err_set(info, ERR_USAGE, "the bytes of a token are too many to count");
	if (!schedule->has_input)
		return given.tokens ? ERR_OK : err_set(info, ERR_USAGE, "how many tokens? Give --length N, or -q and -k");
	enum err err = input_open(&schedule->input, argc, argv, info);
	if (err)
		return err;
	const struct source *source = schedule->input.source;
	if (source->queries != source->keys)
		return err_set(info, ERR_SHAPE, "%" PRId64 " queries and %" PRId64 " keys: the schedule is that of self-attention", source->queries, source->keys);
	made->tokens = source->keys;
	made->causal = source->is_causal;
	if (!peers)
		return ERR_OK;
	if (made->ranks != peers->size || made->order != RING_ASCENDING)
		return err_set(info, ERR_USAGE, "%d ranks in ascending order are measured: leave --ranks and --order out", peers->size);
	return ring_measure_run(&schedule->measure, &schedule->input, info);
}

enum { RANK, STEP, SHARD, PAIRS, SCORES, COMPUTE, WAIT, STEP_COLUMNS };

static const struct record_column step_columns[STEP_COLUMNS] = {
	[RANK] = { "rank", RECORD_INT },        [STEP] = { "step", RECORD_INT },          [SHARD] = { "shard", RECORD_INT }, [PAIRS] = { "pairs", RECORD_INT },
	[SCORES] = { "scores", RECORD_INT },    [COMPUTE] = { "compute_s", RECORD_REAL }, [WAIT] = { "wait_s", RECORD_REAL },
};

static enum err list_steps(const struct schedule *schedule, struct record *record)
{
	const struct ring_plan *made = &schedule->plan;
	enum err err = ERR_OK;
	for (int64_t cell = 0; cell < made->ranks * made->ranks && !err; cell++) {
		int64_t rank = cell / made->ranks, step = cell % made->ranks;
		record_int(record, RANK, rank);
		record_int(record, STEP, step);
		record_int(record, SHARD, ring_shard(made->order, made->ranks, rank, step));
		record_int(record, PAIRS, schedule->model.pairs[cell]);
		if (schedule->measure.step) {
			record_int(record, SCORES, schedule->measure.step[cell].scores);
			record_real(record, COMPUTE, schedule->measure.step[cell].compute);
			record_real(record, WAIT, schedule->measure.step[cell].wait);
		}
		err = record_row(record);
	}
	return err;
}

enum { LAYOUT, ORDER, RANKS, TOKENS, CRITICAL, MEAN, IMBALANCE, EFFICIENCY, SENT, TOTAL_COLUMNS };

static const struct record_column total_columns[TOTAL_COLUMNS] = {
	[LAYOUT] = { "layout", RECORD_TEXT },        [ORDER] = { "order", RECORD_TEXT },          [RANKS] = { "ranks", RECORD_INT },
	[TOKENS] = { "length", RECORD_INT },         [CRITICAL] = { "critical", RECORD_INT },     [MEAN] = { "mean", RECORD_REAL },
	[IMBALANCE] = { "imbalance", RECORD_REAL },  [EFFICIENCY] = { "efficiency", RECORD_REAL }, [SENT] = { "sent_bytes", RECORD_INT },
};

static int64_t most_sent(const struct ring_model *model)
{
	int64_t most = 0;
	for (int64_t rank = 0; rank < model->plan.ranks; rank++)
		most = model->sent_bytes[rank] > most ? model->sent_bytes[rank] : most;
	return most;
}

static enum err list_totals(const struct schedule *schedule, struct record *record, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int layout = 0; layout < LAYOUTS && !err; layout++) {
		struct ring_plan other = schedule->plan;
		struct ring_model model;
		other.layout = (enum ring_layout)layout;
		err = ring_model_init(&model, &other, info);
		if (err)
			return err;
		record_text(record, LAYOUT, word_text(layout_words, layout));
		record_text(record, ORDER, word_text(order_words, (int)other.order));
		record_int(record, RANKS, other.ranks);
		record_int(record, TOKENS, other.tokens);
		record_int(record, CRITICAL, model.critical);
		record_real(record, MEAN, model.mean);
		record_real(record, IMBALANCE, model.imbalance);
		record_real(record, EFFICIENCY, model.efficiency);
		record_int(record, SENT, most_sent(&model));
		err = record_row(record);
		ring_model_release(&model);
	}
	return err;
}

static enum err list(struct schedule *schedule, struct err_info *info)
{
	enum err err = output_open(&schedule->out, given.target ? given.target : "-", info);
	if (err)
		return err;
	int columns = given.totals ? TOTAL_COLUMNS : schedule->measure.step ? STEP_COLUMNS : SCORES;
	struct record *record = record_new(schedule->format, given.totals ? total_columns : step_columns, columns, &schedule->out);
	err = record ? ERR_OK : err_nomem(info, "the list");
	if (!err)
		err = given.totals ? list_totals(schedule, record, info) : list_steps(schedule, record);
	enum err end = record_end(record);
	err = err ? err : end;
	if (err && info->code == ERR_OK && schedule->out.failed)
		*info = schedule->out.info;
	return err ? err : output_commit(&schedule->out, info);
}

static double shown(const struct schedule *schedule, int64_t cell)
{
	switch (given.show) {
	case SHOW_COMPUTE: return schedule->measure.step[cell].compute;
	case SHOW_WAIT: return schedule->measure.step[cell].wait;
	default: return (double)schedule->model.pairs[cell];
	}
}

static void describe(const struct schedule *schedule, struct strbuf *title, struct strbuf *caption)
{
	const struct ring_model *model = &schedule->model;
	const struct ring_plan *made = &model->plan;
	strbuf_addf(title, "%" PRId64 " ranks, %" PRId64 " tokens, %s, %s layout", made->ranks, made->tokens, made->causal ? "causal" : "full",
		    word_text(layout_words, (int)made->layout));
	strbuf_addf(caption, "shards in %s order, critical path %" PRId64 " pairs, mean of a rank %.6g, efficiency %.3f, imbalance %.3f, a rank sends up to %" PRId64
			     " bytes a turn", word_text(order_words, (int)made->order), model->critical, model->mean, model->efficiency, model->imbalance, most_sent(model));
	if (schedule->measure.step)
		strbuf_addf(caption, ", measured: %" PRId64 " messages, %" PRId64 " bytes, %.3g s computing and %.3g s waiting on the slowest rank",
			    schedule->measure.messages, schedule->measure.bytes, schedule->measure.compute, schedule->measure.wait);
}

static enum err draw(struct schedule *schedule, struct err_info *info)
{
	static const char *const units[] = { "unmasked pairs", "seconds computing", "seconds waiting" };
	struct picture *picture = &schedule->picture;
	enum err err = picture_open_as(picture, given.plot ? given.plot : "-", info);
	if (err)
		return err;
	int64_t ranks = schedule->plan.ranks;
	struct strbuf title, caption;
	strbuf_init(&title);
	strbuf_init(&caption);
	describe(schedule, &title, &caption);
	double *value = mem_array((size_t)(ranks * ranks), sizeof *value);
	for (int64_t cell = 0; value && cell < ranks * ranks; cell++)
		value[cell] = shown(schedule, cell);
	const struct matrix_scene scene = {
		.value = value, .rows = ranks, .columns = ranks, .row_title = "rank", .column_title = "step", .colouring = picture_colouring(picture, false, units[given.show]),
		.title = picture->title ? picture->title : title.buf, .caption = caption.buf, .theme = picture->theme,
	};
	struct picture_order order;
	picture_order(&order, picture, "the schedule's model", caption.buf);
	err = !value || strbuf_failed(&title) || strbuf_failed(&caption) ? err_nomem(info, "the picture")
		: picture->format == PICTURE_TEXT ? terminal_write_matrix(&scene, &picture->terminal, &picture->out, info)
		: matrix_write(&scene, &order.request, info);
	free(value);
	strbuf_release(&title);
	strbuf_release(&caption);
	return err ? err : output_commit(&picture->out, info);
}

static enum err work(struct schedule *schedule, int argc, char **argv, struct err_info *info)
{
	bool numbers = given.json || given.tsv || given.totals || given.target || given.plot;
	enum err err = product_numbers(given.target, given.json, given.tsv, "--plot draws the schedule", &schedule->format, info);
	if (!err)
		err = plan(schedule, argc, argv, info);
	if (err || !ranks_lead())
		return err;
	if (given.show != SHOW_PAIRS && !schedule->measure.step)
		return err_set(info, ERR_USAGE, "--show %s is measured: start it with mpirun, and give -q and -k", word_text(show_words, given.show));
	err = ring_model_init(&schedule->model, &schedule->plan, info);
	if (!err && (given.plot || !numbers))
		err = draw(schedule, info);
	return err || !numbers ? err : list(schedule, info);
}

static enum err run_ring(int argc, char **argv)
{
	struct schedule schedule = { 0 };
	struct err_info info = { 0 };
	enum err err = work(&schedule, argc, argv, &info);
	message_err_info(&info);
	ring_model_release(&schedule.model);
	ring_measure_release(&schedule.measure);
	picture_release(&schedule.picture);
	output_release(&schedule.out);
	input_release(&schedule.input);
	return err;
}

const struct command command_ring = {
	.name = "ring",
	.summary = "Ring Attention's schedule: work of each rank and step, balance, bytes",
	.positional = "[FILE...]",
	.is_distributed = true,
	.examples = "attnviz ring --length 65536 --ranks 8 --causal --totals\n"
		    "mpirun -n 8 attnviz ring -q q.npy -k k.npy --causal --json",
	.options = ring_options,
	.run = run_ring,
};
