/* SPDX-License-Identifier: MIT */
/*
 * attnviz info: what is in the files, what the other commands would make of it, and what looks wrong with it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "commands/checks.h"
#include "commands/command.h"
#include "commands/info_links.h"
#include "commands/inputs.h"
#include "commands/inputs_bind.h"
#include "commands/model_info.h"
#include "commands/model_inputs.h"
#include "commands/ready_check.h"
#include "commands/product.h"
#include "commands/verify.h"
#include "tensor/layout.h"

static struct {
	const char *verify, *target;
	bool json, tsv, no_checks, as_options;
} given;

static const struct option_row check_rows[] = {
	OPTION_FLAG(0, "no-checks", &given.no_checks, "only list the tensors, without reading them"),
	OPTION_STRING(0, "verify-weights", "FILE[:NAME]", &given.verify,
		      "compare the model's own weights with those of the queries and keys"),
	OPTION_END
};

static const struct option_row info_output_rows[] = {
	OPTION_FLAG(0, "as-options", &given.as_options, "with --model: print the options that set what the model does, for each kind of layer"),
	OPTION_FLAG(0, "json", &given.json, "print JSON, one object per line"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print tab-separated values; each list has a header line"),
	OPTION_OUTPUT('o', "output", &given.target, "write the numbers to FILE (default -, standard output)"),
	OPTION_END
};

static const struct option_row info_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Checks", check_rows),
	OPTION_GROUP("Output", info_output_rows),
	OPTION_END
};

enum column { FILE_NAME, FORMAT, TENSOR, DTYPE, SHAPE, ROLE, LAYER, LAYOUT, COLUMNS };

static const struct record_column columns[COLUMNS] = {
	[FILE_NAME] = { "file", RECORD_TEXT }, [FORMAT] = { "format", RECORD_TEXT }, [TENSOR] = { "tensor", RECORD_TEXT },
	[DTYPE] = { "dtype", RECORD_TEXT },    [SHAPE] = { "shape", RECORD_INT_LIST },   [ROLE] = { "role", RECORD_TEXT },
	[LAYER] = { "layer", RECORD_INT },     [LAYOUT] = { "layout", RECORD_TEXT },
};

enum finding_column {
	CHECK, SEVERITY, FOUND_ROLE, FOUND_TENSOR, FOUND_LAYER, FOUND_BATCH,
	FOUND_HEAD, MAPS, FOUND, FINDING_COLUMNS
};

static const struct record_column finding_columns[FINDING_COLUMNS] = {
	[CHECK] = { "check", RECORD_TEXT },        [SEVERITY] = { "severity", RECORD_TEXT }, [FOUND_ROLE] = { "role", RECORD_TEXT },
	[FOUND_TENSOR] = { "tensor", RECORD_TEXT }, [FOUND_LAYER] = { "layer", RECORD_INT },  [FOUND_BATCH] = { "batch", RECORD_INT },
	[FOUND_HEAD] = { "head", RECORD_INT },     [MAPS] = { "maps", RECORD_INT },          [FOUND] = { "message", RECORD_TEXT },
};

/* What was verified, for programs: as the options say, and with the settings that explain the weights best. */
enum verified_column {
	VERIFIED, SETTINGS, MAX_ABS, MEAN_ABS, COMPARED, AT_LAYER,
	AT_BATCH, AT_HEAD, AT_QUERY, AT_KEY, VERIFIED_COLUMNS
};

static const struct record_column verified_columns[VERIFIED_COLUMNS] = {
	[VERIFIED] = { "verified", RECORD_TEXT }, [SETTINGS] = { "settings", RECORD_TEXT },  [MAX_ABS] = { "max_abs", RECORD_REAL },
	[MEAN_ABS] = { "mean_abs", RECORD_REAL }, [COMPARED] = { "weights", RECORD_INT },    [AT_LAYER] = { "layer", RECORD_INT },
	[AT_BATCH] = { "batch", RECORD_INT },     [AT_HEAD] = { "head", RECORD_INT },        [AT_QUERY] = { "query", RECORD_INT },
	[AT_KEY] = { "key", RECORD_INT },
};

/* A tensor, and one of the roles that it plays. */
struct use {
	const struct tensor *tensor;
	const struct role *role;
	int64_t layer; /* -1: the name says none */
	size_t order;
};

struct uses {
	struct use *use;
	size_t count;
};

static int compare_uses(const void *a, const void *b)
{
	const struct use *one = a, *two = b;
	if (one->tensor != two->tensor)
		return (uintptr_t)one->tensor < (uintptr_t)two->tensor ? -1 : 1;
	return one->order < two->order ? -1 : one->order > two->order;
}

/* All of them, those of one tensor together. */
static enum err find_uses(const struct roles *roles, struct uses *uses, struct err_info *info)
{
	size_t parts = 0;
	for (size_t r = 0; r < roles->count; r++)
		parts += roles->role[r]->count;
	uses->use = mem_array(parts, sizeof *uses->use);
	if (!uses->use)
		return err_nomem(info, "the list");
	for (size_t r = 0; r < roles->count; r++)
		for (size_t i = 0; i < roles->role[r]->count; i++) {
			const struct role_part *part = &roles->role[r]->part[i];
			uses->use[uses->count] = (struct use){ &part->archive->tensor[part->index], roles->role[r], part->layer, uses->count };
			uses->count++;
		}
	if (uses->count)
		qsort(uses->use, uses->count, sizeof *uses->use, compare_uses);
	return ERR_OK;
}

/* The first use of a tensor; one that is fused, or given for several, plays several roles: their words are joined in `words`. */
static const struct use *use_of(const struct uses *uses, const struct tensor *tensor, struct strbuf *words)
{
	size_t low = 0, high = uses->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if ((uintptr_t)uses->use[middle].tensor < (uintptr_t)tensor)
			low = middle + 1;
		else
			high = middle;
	}
	const struct use *first = low < uses->count && uses->use[low].tensor == tensor ? &uses->use[low] : NULL;
	for (size_t i = low; i < uses->count && uses->use[i].tensor == tensor; i++)
		strbuf_addf(words, "%s%s", words->len ? ", " : "", uses->use[i].role->word);
	return first;
}

static void record_layout(struct record *record, const struct role *role, const struct tensor *tensor)
{
	static const enum layout_role layout_roles[NAME_ROLE_COUNT] = { LAYOUT_QUERY, LAYOUT_QUERY, LAYOUT_KEY, LAYOUT_VALUE,
									LAYOUT_WEIGHTS };
	struct err_info info = { 0 };
	const char *letters = NULL;
	if (!role->kind || role_letters(&input_request()->layout, role->word, &letters, &info))
		return;
	if (!letters)
		letters = layout_default(layout_roles[role->kind], tensor->rank, false);
	if (letters)
		record_text(record, LAYOUT, letters);
}

static enum err list_archive(const struct uses *uses, const struct archive *archive, struct record *record)
{
	enum err err = ERR_OK;
	struct strbuf words;
	strbuf_init(&words);
	for (size_t i = 0; !err && i < archive->count; i++) {
		const struct tensor *tensor = &archive->tensor[i];
		char name[256];
		strbuf_clear(&words);
		const struct use *use = use_of(uses, tensor, &words);
		record_text(record, FILE_NAME, archive->file);
		record_text(record, FORMAT, archive->format);
		record_text(record, TENSOR, roles_tensor_name(archive, tensor, name, sizeof name));
		record_text(record, DTYPE, dtype_name(tensor->dtype));
		record_int_list(record, SHAPE, tensor->shape, tensor->rank);
		if (use)
			record_text(record, ROLE, words.buf);
		if (use && use->layer >= 0)
			record_int(record, LAYER, use->layer);
		if (use)
			record_layout(record, use->role, tensor);
		err = record_row(record);
	}
	strbuf_release(&words);
	return err;
}

/* What there is to look at. */
struct looking {
	struct roles roles;
	char **file;             /* those with tensors; borrowed texts */
	int file_count;
	struct link_file *links;
	int link_count;
	struct output out;
	enum record_format format;
	struct err_info unreadable; /* what was listed, but whose data could not be read */
	bool found_errors;          /* a finding that other commands refuse: told already, and the status says it as well */
	struct err_info mismatch;   /* layers that lack a role */
};

static enum err list_links(const struct looking *looking, struct record *record)
{
	enum err err = ERR_OK;
	for (int i = 0; i < looking->link_count && !err; i++) {
		char lines[64];
		snprintf(lines, sizeof lines, "(%" PRId64 " lines)", looking->links[i].lines);
		record_text(record, FILE_NAME, looking->links[i].file);
		record_text(record, FORMAT, "links");
		if (looking->format == RECORD_JSON)
			record_int_list(record, SHAPE, &looking->links[i].lines, 1);
		else
			record_text(record, SHAPE, lines);
		record_text(record, ROLE, "links");
		err = record_row(record);
	}
	return err;
}

static enum err list_all(struct looking *looking, struct err_info *info)
{
	const struct roles *roles = &looking->roles;
	struct record *record = record_new(looking->format, columns, COLUMNS, &looking->out);
	struct uses uses = { 0 };
	enum err err = record ? find_uses(roles, &uses, info) : err_nomem(info, "the list");
	for (size_t i = 0; i < roles->archive_count && !err; i++)
		err = list_archive(&uses, roles->archive[i], record);
	if (!err)
		err = list_links(looking, record);
	free(uses.use);
	enum err end = record_end(record);
	return err ? err : end;
}

/* Findings for programs are rows; for people each is a sentence of its own. */
struct findings {
	struct output *out;
	struct record *record; /* NULL for people */
	int count, errors;     /* errors: of those, what other commands refuse */
};

/* Rows whose keys are counted for a finding, at most. */
enum { ROWS_ASKED = 1 << 20 };

static enum err put_row(struct record *record, const struct finding *finding)
{
	record_text(record, CHECK, finding->check);
	record_text(record, SEVERITY, finding->severity);
	record_text(record, FOUND_ROLE, finding->role);
	record_text(record, FOUND_TENSOR, finding->tensor);
	if (finding->layer >= 0)
		record_int(record, FOUND_LAYER, finding->layer);
	if (finding->batch >= 0)
		record_int(record, FOUND_BATCH, finding->batch);
	if (finding->head >= 0)
		record_int(record, FOUND_HEAD, finding->head);
	record_int(record, MAPS, finding->maps);
	record_text(record, FOUND, finding->text);
	return record_row(record);
}

static enum err put_finding(void *data, const struct finding *finding)
{
	struct findings *findings = data;
	struct strbuf line;
	findings->errors += strcmp(finding->severity, "error") == 0;
	if (findings->record)
		return put_row(findings->record, finding);
	strbuf_init(&line);
	const struct {
		const char *what;
		int64_t number;
	} places[] = { { "item", finding->batch }, { "head", finding->head } };
	strbuf_addf(&line, "%s: %s%s%s", finding->severity, finding->role, *finding->role && *finding->tensor ? " " : "", finding->tensor);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (places[i].number >= 0)
			strbuf_addf(&line, ", %s %" PRId64, places[i].what, places[i].number);
	if (finding->head >= 0 && finding->maps > 1)
		strbuf_addf(&line, " and %" PRId64 " more", finding->maps - 1);
	strbuf_addf(&line, ": %s", finding->text);
	enum err err = findings->count++ ? ERR_OK : output_write(findings->out, "\n", 1);
	if (!err)
		err = output_line(findings->out, &line);
	strbuf_release(&line);
	return err;
}

static void put_index(struct record *record, int column, int64_t index)
{
	if (index >= 0)
		record_int(record, column, index);
}

static enum err put_deviation(struct record *record, const struct verification *verification, const char *settings,
			      const struct deviation *deviation)
{
	record_text(record, VERIFIED, verification->tensor);
	record_text(record, SETTINGS, settings);
	record_real(record, MAX_ABS, deviation->largest);
	record_real(record, MEAN_ABS, deviation_mean(deviation));
	record_int(record, COMPARED, deviation->weights);
	if (deviation == &verification->given) {
		put_index(record, AT_LAYER, verification->layer);
		put_index(record, AT_BATCH, verification->batch);
		put_index(record, AT_HEAD, verification->head);
		record_int(record, AT_QUERY, deviation->row);
		record_int(record, AT_KEY, deviation->key);
	}
	return record_row(record);
}

static enum err put_verification(const struct verification *verification, struct looking *looking, struct err_info *info)
{
	if (looking->format == RECORD_TABLE || !verification->tensor)
		return ERR_OK;
	struct record *record = record_new(looking->format, verified_columns, VERIFIED_COLUMNS, &looking->out);
	enum err err = record ? put_deviation(record, verification, "", &verification->given) : err_nomem(info, "the verification");
	if (!err && verification->settings.len)
		err = put_deviation(record, verification, verification->settings.buf, &verification->best);
	enum err end = record_end(record);
	return err ? err : end;
}

/* Unasked where the files hold queries, keys and the weights that the model made of them; what does not open has been told by the
 * checks. */
static enum err verify(struct roles *roles, struct findings *findings, struct verification *verification, struct err_info *info)
{
	struct input input = { 0 };
	struct err_info trouble = { 0 };
	bool unasked = !given.verify, computable = roles_kind(roles, NAME_QUERY) && roles_kind(roles, NAME_KEY);
	if (!unasked && !computable)
		return err_set(info, ERR_USAGE, "--verify-weights needs the queries and keys to compute them from: give -q and -k");
	if (unasked && !(computable && roles_kind(roles, NAME_WEIGHTS)))
		return ERR_OK;
	input_prefer_scores();
	input_measures_distance();
	enum err err = input_open_gathered(&input, roles, &trouble);
	if (!err)
		err = verify_weights(&input, given.verify, put_finding, findings, verification, &trouble);
	*roles = input.roles;
	input.roles = (struct roles){ 0 };
	input_release(&input);
	if (err == ERR_OK || (unasked && err != ERR_NOMEM && trouble.code))
		return ERR_OK;
	*info = trouble;
	return err;
}

/* Queries of a batch item that see no key. Where there are many maps, those of the first stand for all. */
static enum err report_dead_rows(const struct input *input, int64_t batch, struct findings *findings, struct err_info *info)
{
	const struct source *source = input->source;
	int64_t count = 0, first = 0, last = 0, maps = source_maps(source);
	bool few = maps * source->queries <= ROWS_ASKED;
	struct strbuf text;
	for (int64_t row = 0; row < source->queries; row++) {
		bool dead = false;
		for (int64_t map = 0; map < maps && !dead && source->ops->support; map++) {
			int64_t layer, item, head;
			source_map_id(source, map, &layer, &item, &head);
			dead = item == batch && (few || (layer == 0 && head == 0)) && source->ops->support(source, map, row) == 0;
		}
		first = dead && !count ? row : first;
		last = dead ? row : last;
		count += dead;
	}
	if (!count)
		return ERR_OK;
	strbuf_init(&text);
	strbuf_addf(&text, "%" PRId64 " of %" PRId64 " queries see no key (%" PRId64 " to %" PRId64 "): they count in no mean, and --dead-rows says what is written for them",
		    count, source->queries, first, last);
	const struct finding finding = { .check = "dead-rows", .severity = "note", .role = "mask", .tensor = "", .layer = -1, .head = -1,
					 .batch = input->has_batches ? batch : -1, .maps = maps / source->batches, .text = text.buf };
	enum err err = strbuf_failed(&text) ? err_nomem(info, "a finding") : put_finding(findings, &finding);
	strbuf_release(&text);
	return err;
}

static enum err report_loss(const struct input *input, struct findings *findings, struct err_info *info)
{
	struct strbuf text;
	strbuf_init(&text);
	enum err err = ready_loss(input, &text, info);
	strbuf_addstr(&text, ": the model that made these weights did not have that mask");
	const struct role *weights = inputs_bound(input, NAME_WEIGHTS);
	if (!err && strbuf_failed(&text))
		err = err_nomem(info, "a finding");
	if (!err && text.buf[0] != ':')
		err = put_finding(findings, &(struct finding){ .check = "hidden-weight", .severity = "warning", .role = weights->word, .tensor = weights->part[0].name,
							       .layer = -1, .batch = -1, .head = -1, .maps = source_maps(input->source), .text = text.buf });
	strbuf_release(&text);
	return err;
}

/* What the masks that were given do: what does not open with them is refused by the other commands, too. */
static enum err check_masks(struct roles *roles, struct findings *findings, struct err_info *info)
{
	struct input input = { 0 };
	struct err_info trouble = { 0 };
	bool pair = roles_kind(roles, NAME_QUERY) && roles_kind(roles, NAME_KEY);
	if (!masking_given() || !(pair || roles_kind(roles, NAME_WEIGHTS) || input_attention()) || findings->errors)
		return ERR_OK;
	enum err err = input_open_unchecked(&input, roles, &trouble);
	if (err && err != ERR_NOMEM && trouble.code)
		err = put_finding(findings, &(struct finding){ .check = "mask", .severity = "error", .role = "mask", .tensor = "", .layer = -1, .batch = -1, .head = -1,
							       .text = trouble.text });
	else if (!err) {
		for (int64_t batch = 0; batch < input.source->batches && !err; batch++)
			err = report_dead_rows(&input, batch, findings, info);
		err = err ? err : report_loss(&input, findings, info);
	}
	*roles = input.roles;
	input.roles = (struct roles){ 0 };
	input_release(&input);
	return err;
}

/* What was taken for granted, and what keeps every command from using the files together. */
static enum err put_plan(struct looking *looking, struct findings *findings)
{
	struct finding finding = { .check = "names", .severity = "note", .role = "", .tensor = "names", .layer = -1, .batch = -1, .head = -1 };
	const struct strbuf *notes = &looking->roles.notes;
	enum err err = ERR_OK;
	for (const char *line = notes->len ? notes->buf : ""; *line && !err; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n')) {
		char *text = strndup(line, strcspn(line, "\n"));
		finding.text = text;
		err = text ? put_finding(findings, &finding) : ERR_NOMEM;
		free(text);
	}
	finding.check = "layers";
	finding.severity = "error";
	finding.text = looking->mismatch.text;
	return err || !looking->mismatch.code ? err : put_finding(findings, &finding);
}

static enum err check_all(struct looking *looking, struct err_info *info)
{
	struct output *out = &looking->out;
	struct findings findings = { .out = out };
	struct verification verification = { 0 };
	if (inputs_match(&looking->roles, &looking->mismatch) == ERR_NOMEM)
		return err_nomem(info, "the names");
	bool nothing = !looking->mismatch.code && !looking->roles.notes.len;
	if (given.no_checks && !given.verify && nothing)
		return ERR_OK;
	if (looking->format != RECORD_TABLE && !(findings.record = record_new(looking->format, finding_columns, FINDING_COLUMNS, out)))
		return err_nomem(info, "the findings");
	enum err err = put_plan(looking, &findings);
	if (!err && !given.no_checks)
		err = checks_run(&looking->roles, input_request(), put_finding, &findings, &looking->unreadable, info);
	for (int i = 0; i < looking->link_count && !err && !given.no_checks; i++)
		err = link_file_check(&looking->links[i], put_finding, &findings);
	if (!err && !given.no_checks)
		err = check_masks(&looking->roles, &findings, info);
	if (!err)
		err = verify(&looking->roles, &findings, &verification, info);
	looking->found_errors = findings.errors > 0;
	enum err end = record_end(findings.record);
	if (!err && !end)
		err = put_verification(&verification, looking, info);
	verification_release(&verification);
	return err ? err : end;
}

/* Names that could mean several things are no reason not to list them. */
static bool is_about_names(const struct err_info *trouble, const struct roles *roles)
{
	return trouble->code == ERR_USAGE && roles->archive_count > 0;
}

/* Part the files with links from those with tensors. */
static enum err part_files(struct looking *looking, int argc, char **argv, struct err_info *info)
{
	enum err err = ERR_OK;
	looking->file = mem_zero_array((size_t)argc + 1, sizeof *looking->file);
	looking->links = mem_zero_array((size_t)argc + 1, sizeof *looking->links);
	if (!looking->file || !looking->links)
		return err_nomem(info, "the files");
	for (int i = 0; i < argc && !err; i++) {
		bool links;
		err = links_are_in(argv[i], &links, info);
		if (!err && links)
			err = link_file_read(&looking->links[looking->link_count++], argv[i], info);
		else if (!err)
			looking->file[looking->file_count++] = argv[i];
	}
	return err;
}

static bool has_tensors(const struct roles *roles)
{
	for (size_t i = 0; i < roles->archive_count; i++)
		if (roles->archive[i]->count)
			return true;
	return false;
}

static enum err look(struct looking *looking, int argc, char **argv, struct err_info *info)
{
	struct err_info trouble = { 0 };
	enum err err = product_numbers(given.target, given.json, given.tsv, "'attnviz heatmap' draws", &looking->format, info);
	if (!err)
		err = part_files(looking, argc, argv, info);
	if (err)
		return err;
	if (input_gather(&looking->roles, looking->file_count, looking->file, &trouble) && !is_about_names(&trouble, &looking->roles)) {
		*info = trouble;
		return trouble.code;
	}
	if (!looking->roles.archive_count && !looking->link_count)
		return err_set(info, ERR_USAGE, "no file to look at");
	if (!looking->link_count && !has_tensors(&looking->roles)) {
		err_set(info, ERR_UNSUPPORTED, "no tensors in here: text, Python objects and types that attnviz does not know are left out");
		return err_in_file(info, looking->roles.archive[0]->file);
	}
	err = output_open(&looking->out, given.target ? given.target : "-", info);
	if (!err)
		err = list_all(looking, info);
	if (!err && !trouble.code)
		err = check_all(looking, info);
	if (err && info->code == ERR_OK && looking->out.failed)
		*info = looking->out.info;
	if (!err)
		err = output_commit(&looking->out, info);
	if (!err && trouble.code)
		message_note("%s%s%s", trouble.file, *trouble.file ? ": " : "", trouble.text);
	if (!err && (looking->mismatch.code || looking->unreadable.code)) {
		*info = looking->mismatch.code ? looking->mismatch : looking->unreadable;
		return info->code;
	}
	return !err && looking->found_errors ? ERR_VALUE : err;
}

static enum err print_model(const struct model *model, struct looking *looking, struct err_info *info)
{
	struct strbuf text;
	enum err err = output_open(&looking->out, given.target ? given.target : "-", info);
	if (err)
		return err;
	strbuf_init(&text);
	if (given.as_options)
		model_info_options(model, &text);
	err = given.as_options ? strbuf_failed(&text) ? err_nomem(info, "the options") : output_write(&looking->out, text.buf, text.len) :
				 model_info_layers(model, looking->format, &looking->out);
	strbuf_release(&text);
	if (err && info->code == ERR_OK && looking->out.failed)
		*info = looking->out.info;
	return err ? err : output_commit(&looking->out, info);
}

/* --model without any other input. */
static enum err look_at_model(struct looking *looking, struct err_info *info)
{
	struct model model = { 0 };
	enum err err = product_numbers(given.target, given.json, given.tsv, "'attnviz heatmap' draws", &looking->format, info);
	if (!err)
		err = model_open(&model, model_path(), model_tower(), info);
	if (!err)
		err = print_model(&model, looking, info);
	model_release(&model);
	return err;
}

static enum err run_info(int argc, char **argv)
{
	struct err_info info = { 0 };
	struct looking looking = { .file_count = 0 };
	enum err err = !model_given() && given.as_options ? err_set(&info, ERR_USAGE, "--as-options needs --model DIR") :
		       model_given() && !argc ? look_at_model(&looking, &info) : look(&looking, argc, argv, &info);
	message_err_info(&info);
	output_release(&looking.out);
	roles_release(&looking.roles);
	free(looking.file);
	free(looking.links);
	return err;
}

const struct command command_info = {
	.name = "info",
	.summary = "list the tensors in files, how they would be used, and what looks wrong with them",
	.positional = "FILE...",
	.examples = "attnviz info dump.npz\n"
		    "attnviz info q.npy k.npy --causal --verify-weights attn.npy\n"
		    "attnviz info --model DIR",
	.options = info_options,
	.run = run_info,
};
