/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "render/alignment.h"
#include "render/terminal_text.h"

static void add_token(struct strbuf *text, const struct axis_scale *scale, int64_t position)
{
	if (position < scale->first || position >= scale->first + scale->count)
		return;
	if (scale->label) {
		const char *label = scale->label[position - scale->first];
		utf8_append_visible(text, label, strlen(label));
	} else if (scale->step > 0) {
		strbuf_addf(text, "%.2f", (double)position * scale->step);
	} else {
		strbuf_addf(text, "%lld", (long long)position);
	}
}

/* The sources linked to `target` by marks of this kind; after `before` where there are any. */
static void add_marked(struct strbuf *text, const struct alignment_scene *scene, int64_t target, enum link_mark mark, const char *before)
{
	int64_t links = 0;

	for (int64_t i = 0; i < scene->link_count; i++) {
		if (scene->link[i].mark != mark || scene->link[i].target != target)
			continue;
		strbuf_addstr(text, links++ ? " | " : before);
		add_token(text, &scene->sources, scene->link[i].source);
	}
}

/* The first and the last source that the path has for `target`. */
static void add_path(struct strbuf *text, const struct alignment_scene *scene, int64_t target)
{
	int64_t links = 0, last = -1;

	for (int64_t i = 0; i < scene->path_count; i++) {
		if (scene->path_target[i] != target)
			continue;
		if (!links++)
			add_token(text, &scene->sources, scene->path_source[i]);
		else
			last = scene->path_source[i];
	}
	if (last >= 0) {
		strbuf_addstr(text, " .. ");
		add_token(text, &scene->sources, last);
	}
}

static void add_linked(struct strbuf *text, const struct alignment_scene *scene, int64_t target)
{
	add_path(text, scene, target);
	add_marked(text, scene, target, LINK_FOUND, "");
	add_marked(text, scene, target, LINK_SURE, "  gold: ");
	add_marked(text, scene, target, LINK_POSSIBLE, "  possible: ");
}

enum err terminal_write_alignment(const struct alignment_scene *scene, const struct terminal *terminal, struct output *out,
				  struct err_info *info)
{
	struct heatmap_scene heatmap = {
		.panel = &scene->map,
		.panel_count = 1,
		.rows = scene->targets,
		.keys = scene->sources,
		.colouring = scene->colouring,
		.title = scene->title,
		.caption = scene->caption,
		.theme = scene->theme,
	};
	struct strbuf text;
	enum err err = terminal_write_heatmap(&heatmap, terminal, out, info);

	if (err || (!scene->link_count && !scene->path_count))
		return err;
	strbuf_init(&text);
	for (int64_t i = 0; i < scene->targets.count; i++) {
		add_token(&text, &scene->targets, scene->targets.first + i);
		strbuf_addstr(&text, terminal->unicode ? " → " : " -> ");
		add_linked(&text, scene, scene->targets.first + i);
		strbuf_addch(&text, '\n');
	}
	return terminal_text_print(&text, out, info);
}
