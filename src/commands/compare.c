/* SPDX-License-Identifier: MIT */
/*
 * attnviz compare: two attentions compared: an approximation and the exact one, two models, a short context and the whole.
 */
#include "commands/compare.h"

#include <glob.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/difference.h"
#include "analysis/sample.h"
#include "base/memory.h"
#include "base/message.h"
#include "commands/command.h"
#include "commands/heatmap_text.h"
#include "commands/inputs_describe.h"
#include "commands/picture.h"
#include "commands/product.h"

/* Weights that are computed from the definition, where it takes a moment. */
static const int64_t DEFINITION_MAX = 4 << 20;

/* Matrices whose singular values anybody waits for. */
enum { WHOLE_MAX = 1024 };

static struct {
	const char *against, *plot, *target, *features, *rows;
	struct string_list other, parameter;
	bool against_full, whole, per_row, json, tsv;
	int64_t seeds, sample_rows, seed;
} given = { .seeds = 5 };

static const struct option_row against_rows[] = {
	OPTION_STRING(0, "against", "NAME", &given.against, "compare with this mechanism on the same inputs (softmax: exact attention)"),
	OPTION_LIST(0, "against-param", "NAME=VALUE", &given.parameter, "a parameter of the mechanism of --against"),
	OPTION_LIST(0, "other", "FILE|PATTERN", &given.other, "compare with the attention in these files; may be repeated"),
	OPTION_FLAG(0, "against-full", &given.against_full, "compare with the same attention without --window, --chunk, --keep-first and --key-begin"),
	OPTION_STRING(0, "features", "LIST", &given.features, "error of random features by their number: 16,32,64"),
	OPTION_INT(0, "seeds", "N", &given.seeds, 1, 1000, "random draws per number of features (default 5)"),
	OPTION_FLAG(0, "cka", &given.whole, "also print CKA of the rows and effective ranks, for maps of up to 1024 queries"),
	OPTION_END
};

static const struct option_row compare_rows[] = {
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only the queries A to B - 1"),
	OPTION_INT(0, "sample-rows", "N", &given.sample_rows, 1, 1e15, "compare N queries chosen at random"),
	OPTION_INT(0, "seed", "N", &given.seed, 0, 9e15, "seed for --sample-rows (default 0)"),
	OPTION_FLAG(0, "per-row", &given.per_row, "print one line per query"),
	OPTION_END
};

static const struct option_row compare_output_rows[] = {
	OPTION_FLAG(0, "json", &given.json, "print JSON, one object per line"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print tab-separated values with a header line"),
	OPTION_OUTPUT('o', "output", &given.target, "write the numbers to FILE (default -, standard output)"),
	OPTION_OUTPUT(0, "plot", &given.plot, "also draw the differences: .png, .svg, .pdf, .txt"),
	OPTION_GROUP(NULL, picture_style_rows),
	OPTION_END
};

static const struct option_row compare_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Comparison", against_rows),
	OPTION_GROUP("Rows", compare_rows),
	OPTION_GROUP("Output", compare_output_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_END
};

/* Maps compared with each other, and their differences on the way to a picture. */
struct differing {
	struct comparing *comparing;
	struct record *record;
	double *whole_a, *whole_b; /* [whole_rows][keys] of the map at hand, the rows in which B sees something; NULL: not wanted */
	int64_t whole_rows;
	float *cell;               /* of the map at hand; NULL: no picture */
	float **cells;             /* [maps] */
	bool *visible;             /* [keys]: what a query sees in A or in B */
	int64_t height, width, map;
	struct picture picture;
	struct heatmap_scene scene;
	struct heatmap_text text;
	char *title, *notes;       /* of the picture, unless --title gave one; how A and B were made */
	struct panel *panel;
};

enum { PLACE_COLUMNS = 3 };

void compare_place(const struct comparing *comparing, struct record *record, int64_t map)
{
	int64_t layer, batch, head;
	source_map_id(comparing->a.source, map, &layer, &batch, &head);
	record_int(record, 0, comparing->a.layer_number[layer]);
	record_int(record, 1, batch);
	record_int(record, 2, head);
}

bool compare_exactly(const struct comparing *comparing)
{
	int64_t weights;
	return mem_mul_i64(comparing->a.selection.maps * comparing->row_count, source_row_weights(comparing->a.source), &weights) && weights <= DEFINITION_MAX;
}

static const char *const row_names[] = { "l1", "kl", "js", "top1", "top5", "entropy_shift" };
enum { ROW_NAMES = sizeof row_names / sizeof *row_names };
static const char *const whole_names[] = { "cka", "rank_a", "rank_b" };

static struct record *open_record(const struct comparing *comparing)
{
	struct record_column column[PLACE_COLUMNS + DIFFERENCE_COUNT + 3] = { { "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT } };
	int count = PLACE_COLUMNS;
	if (comparing->per_row)
		column[count++] = (struct record_column){ "query", RECORD_INT };
	for (int i = 0; i < (comparing->per_row ? (int)ROW_NAMES : DIFFERENCE_COUNT); i++)
		column[count++] = (struct record_column){ comparing->per_row ? row_names[i] : difference_names[i], RECORD_REAL };
	for (int i = 0; i < 3 && given.whole; i++)
		column[count++] = (struct record_column){ whole_names[i], RECORD_REAL };
	return record_new(comparing->format, column, count, (struct output *)&comparing->out);
}

static void put_row(const struct differing *differing, int64_t position, const struct row_difference *row)
{
	struct record *record = differing->record;
	const double value[ROW_NAMES] = { row->l1, row->kl, row->js, row->counts ? row->top1 : NAN, row->counts ? row->top5 : NAN, row->entropy_shift };
	compare_place(differing->comparing, record, differing->map);
	record_int(record, PLACE_COLUMNS, differing->comparing->row[position]);
	for (int i = 0; i < (int)ROW_NAMES; i++)
		record_real(record, PLACE_COLUMNS + 1 + i, value[i]);
	record_row(record);
}

static void see_row(void *data, int64_t position, const double *a, const double *b, const struct row_difference *row)
{
	struct differing *differing = data;
	int64_t keys = differing->comparing->a.source->keys, rows = differing->comparing->row_count;
	if (differing->cell) {
		int64_t query = differing->comparing->row[position];
		memset(differing->visible, 0, (size_t)keys * sizeof *differing->visible);
		source_mark_visible(differing->comparing->a.source, differing->map, query, differing->visible);
		source_mark_visible(differing->comparing->b.source, differing->map, query, differing->visible);
		difference_pool(a, b, differing->visible, keys, position, rows, differing->cell, differing->height, differing->width);
	}
	if (differing->whole_a && row->counts) {
		memcpy(differing->whole_a + differing->whole_rows * keys, a, (size_t)keys * sizeof *a);
		memcpy(differing->whole_b + differing->whole_rows * keys, b, (size_t)keys * sizeof *b);
		differing->whole_rows++;
	}
	if (differing->comparing->per_row)
		put_row(differing, position, row);
}

static enum err put_map(struct differing *differing, const struct difference *difference, struct err_info *info)
{
	const struct comparing *comparing = differing->comparing;
	int64_t rows = differing->whole_rows, keys = comparing->a.source->keys;
	double value[DIFFERENCE_COUNT + 3];
	int count = DIFFERENCE_COUNT;
	difference_values(difference, comparing->outputs, value);
	if (differing->whole_a) {
		value[count++] = difference_cka(differing->whole_a, differing->whole_b, rows, keys);
		value[count++] = difference_effective_rank(differing->whole_a, rows, keys);
		value[count++] = difference_effective_rank(differing->whole_b, rows, keys);
		if (value[count - 1] < 0 || value[count - 2] < 0 || value[count - 3] == -1)
			return err_nomem(info, "the matrices");
	}
	compare_place(comparing, differing->record, differing->map);
	for (int i = 0; i < count; i++)
		record_real(differing->record, PLACE_COLUMNS + i, value[i] + 0.0);
	return record_row(differing->record);
}

static enum err run_maps(struct differing *differing, struct err_info *info)
{
	struct comparing *comparing = differing->comparing;
	const struct selection *selection = &comparing->a.selection;
	struct driver_options options = input_driver(&comparing->a);
	const struct difference_request request = {
		.a = comparing->a.source, .b = comparing->b.source, .options = &options, .row = comparing->row, .row_count = comparing->row_count,
		.exact = compare_exactly(comparing), .outputs = comparing->outputs, .see = see_row, .see_data = differing,
	};
	enum err err = ERR_OK;
	progress_start(&comparing->progress, "comparison");
	for (int64_t i = 0; i < selection->maps && !err; i++) {
		struct difference difference = { 0 };
		differing->map = selection->map[i];
		differing->whole_rows = 0;
		differing->cell = differing->cells ? differing->cells[i] : NULL;
		err = difference_run(&request, selection->map[i], &difference, info);
		if (!err && !comparing->per_row)
			err = put_map(differing, &difference, info);
		progress_report(&comparing->progress, (double)(i + 1) / (double)selection->maps);
	}
	progress_end(&comparing->progress);
	return err;
}

static void add_mechanism(const struct input *input, const struct string_list *parameter, struct strbuf *out)
{
	strbuf_addstr(out, input->mechanism->name);
	for (size_t i = 0; parameter && i < parameter->count; i++)
		strbuf_addf(out, "%s%s%s", i ? ", " : " (", parameter->item[i], i + 1 == parameter->count ? ")" : "");
}

void compare_describe(const struct comparing *comparing, struct strbuf *title, struct strbuf *notes)
{
	const struct input *a = &comparing->a, *b = &comparing->b;
	struct strbuf place;
	strbuf_init(&place);
	if (given.other.count) {
		strbuf_addstr(title, "A ");
		input_describe(a, title);
		strbuf_addstr(title, ", B ");
		input_describe(b, title);
	} else {
		input_describe(a, title);
		strbuf_addstr(title, ": A ");
		add_mechanism(a, input_parameters(), title);
		strbuf_addstr(title, ", B ");
		add_mechanism(b, given.against ? &given.parameter : input_parameters(), title);
	}
	input_describe_place(a, NULL, &place);
	strbuf_addf(title, "%s%s", place.len ? ": " : "", place.buf);
	strbuf_addf(notes, "A: %s, B: %s", *a->source->note ? a->source->note : a->mechanism->name, *b->source->note ? b->source->note : b->mechanism->name);
	title->failed = title->failed || strbuf_failed(&place);
	strbuf_release(&place);
}

static struct axis_scale axis(const char *title, int64_t first, int64_t count, const char *const *label)
{
	return (struct axis_scale){ .title = title, .first = first, .count = count, .label = label ? label + first : NULL };
}

static enum err title_picture(struct differing *differing, struct err_info *info)
{
	struct strbuf title, notes;
	strbuf_init(&title);
	strbuf_init(&notes);
	compare_describe(differing->comparing, &title, &notes);
	differing->notes = strbuf_detach(&notes);
	enum err err = strbuf_failed(&title) || !differing->notes ? err_nomem(info, "the title") : ERR_OK;
	if (!err)
		err = heatmap_text_titles(&differing->text, &differing->comparing->a, NULL, differing->picture.title ? differing->picture.title : title.buf,
					  &differing->scene, differing->panel, info);
	if (!err && !differing->picture.title)
		differing->scene.title = differing->title = strbuf_detach(&title);
	strbuf_release(&title);
	return err;
}

/* The rows of a picture are consecutive queries, or a sample that the axis counts. */
static enum err open_picture(struct differing *differing, struct err_info *info)
{
	struct comparing *comparing = differing->comparing;
	const struct input *a = &comparing->a;
	struct heatmap_scene *scene = &differing->scene;
	int64_t maps = a->selection.maps;
	enum err err = picture_open_as(&differing->picture, given.plot, info);
	differing->panel = mem_zero_array((size_t)maps, sizeof *differing->panel);
	differing->cells = mem_zero_array((size_t)maps, sizeof *differing->cells);
	differing->visible = mem_array((size_t)a->source->keys, sizeof *differing->visible);
	if (!err && (!differing->panel || !differing->cells || !differing->visible))
		err = err_nomem(info, "the panels");
	if (err)
		return err;
	bool sampled = given.sample_rows && comparing->row_count < a->source->queries;
	scene->rows = axis(sampled ? "sampled query" : "query", sampled ? 0 : comparing->row[0], comparing->row_count, sampled ? NULL : a->labels.query);
	scene->keys = axis("key", 0, a->source->keys, a->labels.key);
	scene->colouring = picture_map_colouring(&differing->picture, true, "A - B");
	scene->theme = differing->picture.theme;
	scene->panel = differing->panel;
	scene->panel_count = maps;
	err = title_picture(differing, info);
	if (err)
		return err;
	picture_cells(&differing->picture, scene, &differing->height, &differing->width);
	differing->height = differing->height < comparing->row_count ? differing->height : comparing->row_count;
	differing->width = differing->width < a->source->keys ? differing->width : a->source->keys;
	for (int64_t i = 0; i < maps; i++) {
		differing->cells[i] = mem_array((size_t)differing->height, (size_t)differing->width * sizeof **differing->cells);
		if (!differing->cells[i])
			return err_nomem(info, "the picture");
		for (int64_t k = 0; k < differing->height * differing->width; k++)
			differing->cells[i][k] = NAN;
		differing->panel[i].cell = differing->cells[i];
		differing->panel[i].height = differing->height;
		differing->panel[i].width = differing->width;
	}
	return ERR_OK;
}

static enum err write_picture(struct differing *differing, struct err_info *info)
{
	enum err err = heatmap_text_caption(&differing->text, &differing->comparing->a, differing->notes, "largest difference", 0, NULL, &differing->scene, info);
	return err ? err : picture_write_heatmap(&differing->picture, &differing->scene, differing->text.source, info);
}

static void release_differing(struct differing *differing)
{
	for (int64_t i = 0; differing->cells && i < differing->comparing->a.selection.maps; i++)
		free(differing->cells[i]);
	free(differing->cells);
	free(differing->panel);
	free(differing->visible);
	free(differing->whole_a);
	free(differing->whole_b);
	free(differing->title);
	free(differing->notes);
	heatmap_text_release(&differing->text);
	picture_release(&differing->picture);
}

static enum err compare_maps(struct comparing *comparing, struct err_info *info)
{
	struct differing differing = { .comparing = comparing };
	size_t keys = (size_t)comparing->a.source->keys;
	enum err err = ERR_OK;
	if (given.whole && (comparing->row_count > WHOLE_MAX || comparing->per_row))
		err = err_set(info, ERR_USAGE, "--cka takes whole maps of up to %d queries, and no --per-row", WHOLE_MAX);
	if (!err && given.whole) {
		differing.whole_a = mem_array((size_t)comparing->row_count, keys * sizeof *differing.whole_a);
		differing.whole_b = mem_array((size_t)comparing->row_count, keys * sizeof *differing.whole_b);
		err = differing.whole_a && differing.whole_b ? ERR_OK : err_nomem(info, "the matrices");
	}
	if (!err && given.plot)
		err = open_picture(&differing, info);
	if (!err && !(differing.record = open_record(comparing)))
		err = err_nomem(info, "the report");
	if (!err)
		err = run_maps(&differing, info);
	enum err end = record_end(differing.record);
	err = err ? err : end;
	if (!err && given.plot)
		err = write_picture(&differing, info);
	release_differing(&differing);
	return err;
}

static enum err check_options(struct err_info *info)
{
	int ways = (given.against != NULL) + (given.other.count > 0) + given.against_full;
	if (ways != 1 && !(ways == 0 && given.features))
		return err_set(info, ERR_USAGE, "no second attention to compare with: give one of --against NAME, --other FILE and --against-full");
	if (given.features && (given.other.count || given.against_full || given.per_row || given.whole))
		return err_set(info, ERR_USAGE, "--features draws projections against the exact attention: not with --other, --against-full, --per-row or --cka");
	if (given.against_full && (given.whole || given.plot))
		return err_set(info, ERR_USAGE, "--against-full looks at no single weight: --against softmax draws differences and takes --cka");
	if (given.rows && given.sample_rows)
		return err_set(info, ERR_USAGE, "--rows or --sample-rows, not both");
	return ERR_OK;
}

/* A name that exists is a file whatever its letters; else it is a pattern. */
static enum err find_others(glob_t *found, struct err_info *info)
{
	for (size_t i = 0; i < given.other.count; i++) {
		const char *word = given.other.item[i];
		bool plain = strcmp(word, "-") == 0 || access(word, F_OK) == 0;
		int failed = glob(word, (i ? GLOB_APPEND : 0) | (plain ? GLOB_NOCHECK | GLOB_NOESCAPE : 0), NULL, found);
		if (failed)
			return err_set(info, failed == GLOB_NOMATCH ? ERR_IO : ERR_NOMEM, "--other %s: no such file", word);
	}
	return ERR_OK;
}

/* Layers are compared by their numbers; one with one, as they are given. */
static enum err check_layers(const struct input *a, const struct input *b, struct err_info *info)
{
	if (!a->layers_named || !b->layers_named || a->source->layers != b->source->layers || a->source->layers == 1)
		return ERR_OK;
	for (int64_t layer = 0; layer < a->source->layers; layer++)
		if (a->layer_number[layer] != b->layer_number[layer])
			return err_set(info, ERR_USAGE, "layer %" PRId64 " would be compared with layer %" PRId64 " of --other: give the same layers, or one of each", a->layer_number[layer],
				       b->layer_number[layer]);
	return ERR_OK;
}

static enum err open_second(struct comparing *comparing, int argc, char **argv, struct err_info *info)
{
	glob_t found = { 0 };
	struct input_change change = { .attention = given.against, .parameter = given.against ? &given.parameter : NULL, .whole_context = given.against_full,
				       .other_files = given.other.count > 0 };
	enum err err = find_others(&found, info);
	if (!err && change.other_files)
		err = input_open_changed(&comparing->b, &change, (int)found.gl_pathc, found.gl_pathv, info);
	else if (!err)
		err = input_open_changed(&comparing->b, &change, argc, argv, info);
	globfree(&found);
	if (!err)
		err = input_check_pair(&comparing->a, &comparing->b, info);
	if (!err)
		err = check_layers(&comparing->a, &comparing->b, info);
	return err ? err : difference_check(comparing->a.source, comparing->b.source, info);
}

static enum err choose_rows(struct comparing *comparing, struct err_info *info)
{
	int64_t begin, end, queries = comparing->a.source->queries;
	if (given.sample_rows)
		return sample_rows(queries, given.sample_rows, (uint64_t)given.seed, &comparing->row, &comparing->row_count, info);
	enum err err = selection_span(given.rows, "rows", queries, &begin, &end, info);
	if (err)
		return err;
	comparing->row_count = end - begin;
	comparing->row = mem_array((size_t)comparing->row_count, sizeof *comparing->row);
	for (int64_t i = 0; comparing->row && i < comparing->row_count; i++)
		comparing->row[i] = begin + i;
	return comparing->row ? ERR_OK : err_nomem(info, "the list of queries");
}

static bool have_outputs(const struct source *a, const struct source *b)
{
	return a->values && b->values && a->values->size[AXIS_DIM] == b->values->size[AXIS_DIM];
}

static enum err compare(struct comparing *comparing, int argc, char **argv, struct err_info *info)
{
	enum err err = check_options(info);
	if (given.features && !given.against)
		given.against = "softmax";
	comparing->per_row = given.per_row;
	input_in_pair();
	if (!err)
		err = product_numbers(given.target, given.json, given.tsv, "--plot draws the differences", &comparing->format, info);
	if (!err)
		err = input_open(&comparing->a, argc, argv, info);
	if (!err)
		err = open_second(comparing, argc, argv, info);
	if (!err)
		err = choose_rows(comparing, info);
	if (!err)
		err = output_open(&comparing->out, given.target ? given.target : "-", info);
	if (err)
		return err;
	comparing->outputs = have_outputs(comparing->a.source, comparing->b.source);
	if (given.features)
		err = compare_features(comparing, given.features, given.seeds, argc, argv, given.plot, info);
	else
		err = given.against_full ? compare_context(comparing, info) : compare_maps(comparing, info);
	if (err && info->code == ERR_OK && comparing->out.failed)
		*info = comparing->out.info;
	return err ? err : output_commit(&comparing->out, info);
}

static enum err run_compare(int argc, char **argv)
{
	struct comparing comparing = { 0 };
	struct err_info info = { 0 };
	enum err err = compare(&comparing, argc, argv, &info);
	message_err_info(&info);
	output_release(&comparing.out);
	free(comparing.row);
	input_release(&comparing.b);
	input_release(&comparing.a);
	return err;
}

const struct command command_compare = {
	.name = "compare",
	.summary = "compare two attentions: approximations, models, contexts",
	.positional = "[FILE...]",
	.examples = "attnviz compare q.npy k.npy --causal --attention linear --against softmax\n"
		    "attnviz compare attn.npy --other attn8bit.npy --plot difference.png",
	.options = compare_options,
	.run = run_compare,
};
