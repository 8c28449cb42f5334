/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "render/colour.h"
#include "render/running_text.h"
#include "render/ticks.h"
#include "render/value_range.h"

enum { STOPS = 9 };

static void add_escaped(struct strbuf *html, const char *text)
{
	struct strbuf visible;

	strbuf_init(&visible);
	utf8_append_visible(&visible, text, strlen(text));
	for (const char *p = visible.buf; *p; p++) {
		switch (*p) {
		case '&': strbuf_addstr(html, "&amp;"); break;
		case '<': strbuf_addstr(html, "&lt;"); break;
		case '>': strbuf_addstr(html, "&gt;"); break;
		case '"': strbuf_addstr(html, "&quot;"); break;
		case '\'': strbuf_addstr(html, "&#39;"); break;
		default: strbuf_addch(html, *p);
		}
	}
	html->failed = html->failed || strbuf_failed(&visible);
	strbuf_release(&visible);
}

static void add_element(struct strbuf *html, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	strbuf_addf(html, "<%s>", name);
	add_escaped(html, text);
	strbuf_addf(html, "</%s>\n", name);
}

static unsigned rgb_of(struct colour colour)
{
	return (unsigned)colour_to_rgb(colour);
}

static void add_head(const struct running_text *scene, const struct picture_request *request, struct strbuf *html)
{
	const struct theme_colours *colours = theme_colours(scene->theme);

	strbuf_addstr(html, "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n");
	for (int i = 0; i < request->provenance_count; i++) {
		strbuf_addf(html, "<meta name=\"%s\" content=\"", request->provenance[i].key);
		add_escaped(html, request->provenance[i].value);
		strbuf_addstr(html, "\">\n");
	}
	add_element(html, "title", scene->title && *scene->title ? scene->title : "attention");
	strbuf_addf(html,
		    "<style>\n"
		    "body { max-width: 46em; margin: 2em auto; padding: 0 1em; font: 16px/1.8 'DejaVu Sans', Verdana, sans-serif; color: #%06x; background: #%06x;"
		    " print-color-adjust: exact; -webkit-print-color-adjust: exact; }\n"
		    "h1 { font-size: 1.1em; } h2, figcaption, footer { font-size: 0.8em; font-weight: normal; color: #%06x; margin: 1em 0 0; }\n"
		    "p { margin: 0.2em 0 1em; overflow-wrap: anywhere; } span { padding: 0.15em 0.1em; } .none { color: #%06x; } .asked { outline: 2px solid; }\n"
		    ".bar { display: inline-block; width: 12em; height: 0.8em; margin: 0 0.5em; border: 1px solid #%06x; }\n"
		    "</style>\n</head>\n<body>\n",
		    rgb_of(colours->text), rgb_of(colours->page), rgb_of(colours->muted), rgb_of(colours->muted), rgb_of(colours->frame));
	add_element(html, "h1", scene->title);
}

static void add_token(const struct running_text *scene, const uint32_t *table, int64_t i, float value, double place, struct strbuf *html)
{
	const struct running_token *token = &scene->token[i];
	char number[TICK_TEXT_MAX];

	strbuf_addstr(html, token->space ? " " : "");
	strbuf_addf(html, "<span%s", i == scene->marked && isnan(place) ? " class=\"asked none\"" : i == scene->marked ? " class=\"asked\"" : isnan(place) ? " class=\"none\"" : "");
	if (!isnan(place)) {
		uint32_t ground = table[(int)(place * (COLOUR_STEPS - 1) + 0.5)];
		tick_text(number, sizeof number, value);
		strbuf_addf(html, " style=\"background:#%06x;color:#%s\" title=\"%lld: %s\"", (unsigned)ground,
			    colour_luminance(colour_from_rgb(ground)) > 0.22 ? "111418" : "ffffff", (long long)(scene->first + i), number);
	}
	strbuf_addch(html, '>');
	add_escaped(html, token->text);
	strbuf_addstr(html, token->ends_line && i + 1 < scene->count ? "</span><br>\n" : "</span>");
}

static void add_bar(const struct running_text *scene, const uint32_t *table, const struct value_range *range, struct strbuf *html)
{
	char low[TICK_TEXT_MAX] = "low", high[TICK_TEXT_MAX] = "high";

	if (!scene->colouring.per_panel || scene->block_count == 1) {
		tick_text(low, sizeof low, range->scale == SCALE_RANK ? range->quantile[0] : range->low);
		tick_text(high, sizeof high, range->scale == SCALE_RANK ? range->quantile[RANK_TICKS - 1] : range->high);
	}
	strbuf_addf(html, "<footer>%s<span class=\"bar\" style=\"background:linear-gradient(to right", low);
	for (int i = 0; i < STOPS; i++)
		strbuf_addf(html, ",#%06x", (unsigned)table[i * (COLOUR_STEPS - 1) / (STOPS - 1)]);
	strbuf_addf(html, ")\"></span>%s &nbsp; ", high);
	add_escaped(html, scene->colouring.unit ? scene->colouring.unit : "");
	strbuf_addstr(html, "</footer>\n");
}

enum err html_write_running_text(const struct running_text *scene, const struct picture_request *request, struct err_info *info)
{
	uint32_t table[COLOUR_STEPS];
	struct value_range *range = NULL;
	struct strbuf html;
	enum err err = running_text_ranges(scene, &range, info);

	strbuf_init(&html);
	colour_map_table(scene->colouring.map, scene->colouring.reverse, table);
	add_head(scene, request, &html);
	for (int64_t block = 0; block < scene->block_count && !err; block++) {
		const float *value = scene->block[block].value;
		add_element(&html, "h2", scene->block[block].title);
		strbuf_addstr(&html, "<p>");
		for (int64_t i = 0; i < scene->count; i++)
			add_token(scene, table, i, value[i], value_range_unit(running_text_range(scene, range, block), value[i]), &html);
		strbuf_addstr(&html, "</p>\n");
	}
	if (!err)
		add_bar(scene, table, range, &html);
	add_element(&html, "footer", scene->caption);
	strbuf_addstr(&html, "</body>\n</html>\n");
	if (!err && strbuf_failed(&html))
		err = err_nomem(info, "the page");
	if (!err) {
		err = output_write(request->out, html.buf, html.len);
		if (err && info && !info->code)
			*info = request->out->info;
	}
	strbuf_release(&html);
	running_text_free_ranges(scene, range);
	return err;
}
