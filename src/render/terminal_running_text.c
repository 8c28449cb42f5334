/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "render/running_text.h"
#include "render/terminal_ink.h"
#include "render/terminal_text.h"
#include "render/ticks.h"
#include "render/value_range.h"

enum { BAR_CELLS = 12 };

/* Without colours, tokens from this place of the map on have their number behind them. */
static const double told_from = 0.2;

static bool is_told(const struct terminal *terminal, double place)
{
	return terminal->colour == TERMINAL_ASCII && place >= told_from;
}

/* Columns of a token as it is written, its number and the marks of the one that is asked about included. */
static int token_columns(const char *visible, const char *number, bool marked, bool plain)
{
	return utf8_text_width(visible) + (*number ? (int)strlen(number) + 2 : 0) + (marked && plain ? 2 : 0);
}

static void add_token(struct terminal_ink *ink, struct strbuf *text, const char *visible, const char *number, double place, bool marked)
{
	bool plain = ink->colour == TERMINAL_ASCII;

	if (marked)
		strbuf_addstr(text, plain ? "<" : "\033[1;4m");
	if (plain || isnan(place)) {
		strbuf_addstr(text, visible);
	} else {
		terminal_ink_number(ink, text, place, visible, 0);
	}
	terminal_ink_reset(ink, text);
	if (marked)
		strbuf_addstr(text, plain ? ">" : "\033[0m");
	if (*number)
		strbuf_addf(text, "(%s)", number);
}

static void add_block(const struct running_text *scene, const struct terminal *terminal, struct terminal_ink *ink, const struct value_range *range,
		      const float *value, struct strbuf *text)
{
	int column = 0;
	struct strbuf visible;

	strbuf_init(&visible);
	for (int64_t i = 0; i < scene->count; i++) {
		const struct running_token *token = &scene->token[i];
		double place = value_range_unit(range, value[i]);
		char number[TICK_TEXT_MAX] = "";
		strbuf_clear(&visible);
		utf8_append_visible(&visible, token->text, strlen(token->text));
		if (is_told(terminal, place)) {
			tick_text(number, sizeof number, value[i]);
			tick_text_to_ascii(number);
		}
		int columns = token_columns(visible.buf, number, i == scene->marked, ink->colour == TERMINAL_ASCII);
		if (column > 0 && column + token->space + columns > terminal->columns) {
			strbuf_addch(text, '\n');
			column = 0;
		}
		if (token->space && column > 0) {
			strbuf_addch(text, ' ');
			column++;
		}
		add_token(ink, text, visible.buf, number, place, i == scene->marked);
		column += columns;
		if (token->ends_line && i + 1 < scene->count) {
			strbuf_addch(text, '\n');
			column = 0;
		}
	}
	strbuf_addch(text, '\n');
	text->failed = text->failed || strbuf_failed(&visible);
	strbuf_release(&visible);
}

static void add_legend(const struct running_text *scene, const struct terminal *terminal, struct terminal_ink *ink, const struct value_range *range,
		       struct strbuf *text)
{
	char low[TICK_TEXT_MAX] = "low", high[TICK_TEXT_MAX] = "high";
	bool one = !scene->colouring.per_panel || scene->block_count == 1;

	if (one) {
		tick_text(low, sizeof low, range->scale == SCALE_RANK ? range->quantile[0] : range->low);
		tick_text(high, sizeof high, range->scale == SCALE_RANK ? range->quantile[RANK_TICKS - 1] : range->high);
	}
	if (!terminal->unicode) {
		tick_text_to_ascii(low);
		tick_text_to_ascii(high);
	}
	if (ink->colour == TERMINAL_ASCII) {
		strbuf_addf(text, "%s, %s to %s: in brackets where it is in the upper four fifths of the colours\n", scene->colouring.unit, low, high);
		return;
	}
	strbuf_addf(text, "%s ", low);
	for (int i = 0; i < BAR_CELLS; i++)
		terminal_ink_cell(ink, text, (double)i / (BAR_CELLS - 1));
	terminal_ink_reset(ink, text);
	strbuf_addf(text, " %s  %s\n", high, scene->colouring.unit);
}

enum err terminal_write_running_text(const struct running_text *scene, const struct terminal *terminal, struct output *out, struct err_info *info)
{
	struct value_range *range = NULL;
	struct terminal_ink ink;
	struct strbuf text;
	enum err err = running_text_ranges(scene, &range, info);

	strbuf_init(&text);
	if (!err) {
		terminal_ink_init(&ink, terminal, &scene->colouring);
		terminal_text_wrapped(&text, scene->title, terminal->columns);
		for (int64_t i = 0; i < scene->block_count; i++) {
			terminal_text_wrapped(&text, scene->block[i].title, terminal->columns);
			add_block(scene, terminal, &ink, running_text_range(scene, range, i), scene->block[i].value, &text);
		}
		add_legend(scene, terminal, &ink, range, &text);
		terminal_text_wrapped(&text, scene->caption, terminal->columns);
		err = terminal_text_print(&text, out, info);
	}
	strbuf_release(&text);
	running_text_free_ranges(scene, range);
	return err;
}
