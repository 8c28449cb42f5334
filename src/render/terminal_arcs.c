/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "render/arcs.h"
#include "render/terminal_text.h"
#include "render/ticks.h"

enum { STRONGEST = 4, LABEL_COLUMNS = 20 };

struct strong {
	int64_t key;
	float weight;
};

static void add_label(struct strbuf *text, const struct axis_scale *scale, int64_t position, int columns)
{
	struct strbuf label, fitted;

	strbuf_init(&label);
	strbuf_init(&fitted);
	if (scale->label)
		utf8_append_visible(&label, scale->label[position], strlen(scale->label[position]));
	else
		strbuf_addf(&label, "%lld", (long long)(scale->first + position));
	int used = utf8_append_fitted(&fitted, label.buf, columns > 0 ? columns : LABEL_COLUMNS);
	terminal_text_spaces(text, columns - used);
	strbuf_addstr(text, fitted.buf);
	strbuf_release(&fitted);
	strbuf_release(&label);
}

/* The strongest keys of a row, in descending order; returns how many reach `least`. */
static int find_strongest(const float *row, int64_t keys, double least, struct strong *strong)
{
	int count = 0;

	for (int64_t key = 0; key < keys; key++) {
		float weight = row[key];
		if (!isfinite(weight) || !(weight > 0) || weight < least ||
		    (count == STRONGEST && weight <= strong[count - 1].weight))
			continue;
		int at = count < STRONGEST ? count++ : count - 1;
		for (; at > 0 && strong[at - 1].weight < weight; at--)
			strong[at] = strong[at - 1];
		strong[at] = (struct strong){ key, weight };
	}
	return count;
}

static int label_columns(const struct axis_scale *scale)
{
	int widest = 1;

	for (int64_t i = 0; i < scale->count; i++) {
		int width = scale->label ? utf8_text_width(scale->label[i])
					 : snprintf(NULL, 0, "%lld", (long long)(scale->first + i));
		widest = width > widest ? width : widest;
	}
	return widest < LABEL_COLUMNS ? widest : LABEL_COLUMNS;
}

static void add_query(const struct arcs_scene *scene, const struct terminal *terminal, struct strbuf *text, int64_t head,
		      int64_t query, int columns)
{
	struct strong strong[STRONGEST];
	const float *row = scene->weight + (head * scene->queries.count + query) * scene->keys.count;
	int count = find_strongest(row, scene->keys.count, scene->least, strong);

	add_label(text, &scene->queries, query, columns);
	strbuf_addstr(text, terminal->unicode ? " →" : " ->");
	for (int i = 0; i < count; i++) {
		char weight[TICK_TEXT_MAX];
		tick_text(weight, sizeof weight, strong[i].weight);
		if (!terminal->unicode)
			tick_text_to_ascii(weight);
		strbuf_addstr(text, i ? ", " : " ");
		add_label(text, &scene->keys, strong[i].key, 0);
		strbuf_addf(text, " %s", weight);
	}
	strbuf_addch(text, '\n');
}

enum err terminal_write_arcs(const struct arcs_scene *scene, const struct terminal *terminal, struct output *out,
			     struct err_info *info)
{
	int columns = label_columns(&scene->queries);
	struct strbuf text;

	strbuf_init(&text);
	terminal_text_wrapped(&text, scene->title, terminal->columns);
	for (int64_t head = 0; head < scene->heads; head++) {
		if (scene->head_name)
			terminal_text_wrapped(&text, scene->head_name[head], terminal->columns);
		for (int64_t query = 0; query < scene->queries.count; query++)
			if (scene->focus < 0 || query == scene->focus)
				add_query(scene, terminal, &text, head, query, columns);
	}
	terminal_text_wrapped(&text, scene->caption, terminal->columns);
	return terminal_text_print(&text, out, info);
}
