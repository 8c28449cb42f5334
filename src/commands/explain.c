/*
 * attnviz explain: the mechanisms and the metrics, as their own tables describe them.
 */
#include <string.h>

#include "analysis/metric.h"
#include "base/message.h"
#include "base/output.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "commands/command.h"
#include "mechanism/mechanism.h"

enum { INDENT = 2, PAGE = 100 };

static const struct option_row explain_options[] = { OPTION_END };

static void add_indented(struct strbuf *out, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		strbuf_addf(out, "%*s%.*s\n", INDENT, "", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void add_section(struct strbuf *out, const char *title, const char *text)
{
	if (!text || !*text)
		return;
	strbuf_addf(out, "\n%s\n", title);
	add_indented(out, text);
}

/* A name, and words that wrap behind it. */
static void add_entry(struct strbuf *out, const char *name, int width, const char *text)
{
	int column = INDENT + width + INDENT, margin = column;
	strbuf_addf(out, "%*s%-*s%*s", INDENT, "", width, name, INDENT, "");
	for (bool first = true; *text; first = false) {
		size_t length = strcspn(text, " ");
		if (!first && column + 1 + (int)length > PAGE) {
			strbuf_addf(out, "\n%*s", margin, "");
			column = margin;
		} else if (!first) {
			strbuf_addch(out, ' ');
			column++;
		}
		strbuf_add(out, text, length);
		column += (int)length;
		text += length + strspn(text + length, " ");
	}
	strbuf_addch(out, '\n');
}

static int wider(int width, const char *name)
{
	int own = (int)strlen(name);
	return own > width ? own : width;
}

static void list_mechanisms(struct strbuf *out)
{
	int width = 0;
	for (const struct mechanism *const *row = mechanism_table; *row; row++)
		width = wider(width, (*row)->name);
	strbuf_addstr(out, "Mechanisms (--attention NAME)\n");
	for (const struct mechanism *const *row = mechanism_table; *row; row++)
		add_entry(out, (*row)->name, width, (*row)->summary);
}

static void list_metrics(struct strbuf *out)
{
	int width = 0;
	for (int i = 0; i < METRIC_COUNT; i++)
		width = wider(width, metric_table[i].name);
	strbuf_addstr(out, "\nMetrics (attnviz stats --metrics LIST)\n");
	for (int i = 0; i < METRIC_COUNT; i++) {
		struct strbuf text;
		strbuf_init(&text);
		strbuf_addf(&text, "%s (%s%s)", metric_table[i].summary, metric_table[i].unit, metric_table[i].is_default ? ", default" : "");
		add_entry(out, metric_table[i].name, width, text.buf);
		strbuf_release(&text);
	}
}

static void add_inputs(struct strbuf *out, const struct mechanism_input *input)
{
	int width = 0;
	for (const struct mechanism_input *row = input; row->role; row++)
		width = wider(width, row->role);
	strbuf_addstr(out, "\nInputs (--input ROLE=FILE[:NAME])\n");
	for (; input->role; input++) {
		struct strbuf text;
		strbuf_init(&text);
		strbuf_addf(&text, "%s%s%s%s", input->shape ? input->shape : "", input->required ? "" : ", may be left out", input->help ? ": " : "",
			    input->help ? input->help : "");
		add_entry(out, input->role, width, text.buf);
		strbuf_release(&text);
	}
}

static void add_parameters(struct strbuf *out, const struct mechanism_parameter *parameter)
{
	int width = 0;
	for (const struct mechanism_parameter *row = parameter; row->name; row++)
		width = wider(width, row->name);
	strbuf_addstr(out, "\nParameters (--param NAME=VALUE)\n");
	for (; parameter->name; parameter++) {
		struct strbuf text;
		strbuf_init(&text);
		strbuf_addf(&text, "%s (default %s)", parameter->help, *parameter->value ? parameter->value : "none");
		add_entry(out, parameter->name, width, text.buf);
		strbuf_release(&text);
	}
}

static bool explain_mechanism(struct strbuf *out, const char *name)
{
	const struct mechanism *mechanism = mechanism_find(name);
	if (!mechanism)
		return false;
	strbuf_addf(out, "%s: %s\n", mechanism->name, mechanism->summary);
	add_section(out, "Equation", mechanism->equation);
	add_section(out, "Properties", mechanism->properties);
	if (mechanism->input)
		add_inputs(out, mechanism->input);
	if (mechanism->parameter)
		add_parameters(out, mechanism->parameter);
	add_section(out, "Source", mechanism->reference);
	return true;
}

static bool explain_metric(struct strbuf *out, const char *name)
{
	static const char *const levels[] = {
		[METRIC_OF_ROW] = "every query has one; a head has their mean", [METRIC_OF_HEAD] = "a head has one",
		[METRIC_OF_KEY] = "every key has one (--per-key)", [METRIC_LIST] = "a head has a list", [METRIC_WORD] = "a head has a word",
	};
	const struct metric *metric = metric_find(name);
	if (!metric)
		return false;
	strbuf_addf(out, "%s: %s\n", metric->name, metric->summary);
	add_section(out, "Unit", metric->unit);
	add_section(out, "Formula", metric->formula);
	add_section(out, "Of", levels[metric->level]);
	add_section(out, "Edges", metric->edges);
	add_section(out, "Source", metric->source);
	add_section(out, "Instead, where it is not defined", metric->instead);
	return true;
}

static const char *nearest_name(const char *name)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;
	for (const struct mechanism *const *row = mechanism_table; *row; row++)
		if (options_closer(name, (*row)->name, &best))
			nearest = (*row)->name;
	for (int i = 0; i < METRIC_COUNT; i++)
		if (options_closer(name, metric_table[i].name, &best))
			nearest = metric_table[i].name;
	return nearest;
}

static enum err explain_all(struct strbuf *out, int argc, char **argv, struct err_info *info)
{
	if (argc == 0) {
		list_mechanisms(out);
		list_metrics(out);
	}
	for (int i = 0; i < argc; i++) {
		if (i)
			strbuf_addch(out, '\n');
		if (explain_mechanism(out, argv[i]) || explain_metric(out, argv[i]))
			continue;
		const char *nearest = nearest_name(argv[i]);
		return err_set(info, ERR_USAGE, "nothing is called '%s'%s%s%s: 'attnviz explain' lists what there is", argv[i], nearest ? ", did you mean '" : "",
			       nearest ? nearest : "", nearest ? "'?" : "");
	}
	return strbuf_failed(out) ? err_nomem(info, "the text") : ERR_OK;
}

static enum err run_explain(int argc, char **argv)
{
	struct err_info info = { 0 };
	struct strbuf text;
	struct output out = { 0 };
	strbuf_init(&text);
	enum err err = explain_all(&text, argc, argv, &info);
	if (!err)
		err = output_open(&out, "-", &info);
	if (!err) {
		output_write(&out, text.buf, text.len);
		err = output_commit(&out, &info);
	}
	message_err_info(&info);
	output_release(&out);
	strbuf_release(&text);
	return err;
}

const struct command command_explain = {
	.name = "explain",
	.summary = "say what a mechanism or a metric is: equation, inputs, properties, source",
	.positional = "[NAME...]",
	.options = explain_options,
	.run = run_explain,
};
