/* SPDX-License-Identifier: MIT */
/*
 * attnviz explain: the mechanisms and the metrics, as their own tables describe them.
 */
#include <string.h>

#include "analysis/metric.h"
#include "base/message.h"
#include "base/output.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "commands/command.h"
#include "commands/model_info.h"
#include "commands/topics.h"
#include "mechanism/mechanism.h"

enum { INDENT = 2 };

static const struct option_row explain_options[] = { OPTION_END };

/* What stands in columns already keeps its beginning; only its end is wrapped. */
static void add_indented_line(struct strbuf *out, const char *text, size_t length)
{
	int lead = (int)strspn(text, " ");
	struct strbuf line;
	strbuf_init(&line);
	strbuf_add(&line, text, length);
	if (INDENT + utf8_text_width(line.buf) <= command_columns()) {
		strbuf_addf(out, "%*s%s\n", INDENT, "", line.buf);
	} else {
		strbuf_addf(out, "%*s", INDENT + lead, "");
		options_wrap(out, line.buf + lead, INDENT + lead, INDENT + lead, command_columns());
	}
	strbuf_release(&line);
}

static void add_indented(struct strbuf *out, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		add_indented_line(out, text, length);
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
	int margin = INDENT + width + INDENT;
	strbuf_addf(out, "%*s%-*s%*s", INDENT, "", width, name, INDENT, "");
	options_wrap(out, text, margin, margin, command_columns());
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
	strbuf_addstr(out, "Metrics (attnviz stats --metrics LIST)\n");
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

static void add_title(struct strbuf *out, const char *name, const char *summary)
{
	strbuf_addf(out, "%s: ", name);
	options_wrap(out, summary, (int)strlen(name) + 2, INDENT, command_columns());
}

static bool explain_mechanism(struct strbuf *out, const char *name)
{
	const struct mechanism *mechanism = mechanism_find(name);
	if (!mechanism)
		return false;
	add_title(out, mechanism->name, mechanism->summary);
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
	add_title(out, metric->name, metric->summary);
	add_section(out, "Unit", metric->unit);
	add_section(out, "Formula", metric->formula);
	add_section(out, "Of", levels[metric->level]);
	add_section(out, "Edges", metric->edges);
	add_section(out, "Source", metric->source);
	add_section(out, "Instead, where it is not defined", metric->instead);
	add_section(out, "Notation", metric_notation);
	return true;
}

static void list_topics(struct strbuf *out)
{
	int width = 0;
	for (const struct topic *row = topic_table; row->name; row++)
		width = wider(width, row->name);
	strbuf_addstr(out, "\nTopics\n");
	for (const struct topic *row = topic_table; row->name; row++)
		add_entry(out, row->name, width, row->summary);
}

static void list_families(struct strbuf *out)
{
	struct strbuf text;
	strbuf_init(&text);
	strbuf_addstr(out, "Families of models (--model DIR)\n");
	for (size_t i = 0;; i++) {
		strbuf_clear(&text);
		const char *title = model_info_family(i, &text);
		if (!title)
			break;
		strbuf_addf(out, "%*s%s\n%*s", INDENT, "", title, 2 * INDENT, "");
		options_wrap(out, text.buf, 2 * INDENT, 2 * INDENT, command_columns());
	}
	strbuf_release(&text);
}

/* The lists, which have names of their own. */
static const struct list {
	const char *name;
	void (*add)(struct strbuf *out);
} lists[] = { { "mechanisms", list_mechanisms }, { "metrics", list_metrics }, { "topics", list_topics }, { "families", list_families } };

static const struct list *find_list(const char *name)
{
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (strcmp(lists[i].name, name) == 0)
			return &lists[i];
	return NULL;
}

bool command_explains(const char *name)
{
	return mechanism_find(name) || metric_find(name) || topic_find(name) || find_list(name);
}

static bool explain_topic(struct strbuf *out, const char *name)
{
	const struct topic *topic = topic_find(name);
	const struct list *list = find_list(name);
	if (topic)
		topic_add(topic, command_columns(), out);
	else if (list)
		list->add(out);
	return topic || list;
}

static enum err refuse_unknown(const char *name, struct err_info *info)
{
	struct suggestion suggestion = suggestion_for(name);
	for (const struct mechanism *const *row = mechanism_table; *row; row++)
		suggestion_offer(&suggestion, (*row)->name);
	for (int i = 0; i < METRIC_COUNT; i++)
		suggestion_offer(&suggestion, metric_table[i].name);
	for (const struct topic *row = topic_table; row->name; row++)
		suggestion_offer(&suggestion, row->name);
	return suggestion_refuse(&suggestion, "name", "", "'attnviz explain' lists what there is", info);
}

static enum err explain_all(struct strbuf *out, int argc, char **argv, struct err_info *info)
{
	if (argc == 0) {
		list_mechanisms(out);
		strbuf_addch(out, '\n');
		list_metrics(out);
		list_topics(out);
	}
	for (int i = 0; i < argc; i++) {
		if (i)
			strbuf_addch(out, '\n');
		if (explain_mechanism(out, argv[i]) || explain_metric(out, argv[i]) || explain_topic(out, argv[i]))
			continue;
		return refuse_unknown(argv[i], info);
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
	.summary = "explain a mechanism or a metric: equation, inputs, properties, source",
	.positional = "[NAME...]",
	.examples = "attnviz explain\n"
		    "attnviz explain linear entropy masks",
	.options = explain_options,
	.run = run_explain,
};
