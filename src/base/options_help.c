#include "base/options.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

/* Columns: the text ends at the last; labels wider than LABEL_MAX have their text on the next line. */
enum { PAGE = 100, LABEL_MAX = 32, GAP = 2 };

static void add_label(struct strbuf *label, const struct option_row *row)
{
	strbuf_addstr(label, "  ");
	if (row->letter)
		strbuf_addf(label, "-%c", row->letter);
	else
		strbuf_addstr(label, "  ");
	if (row->name)
		strbuf_addf(label, "%s --%s", row->letter ? "," : " ", row->name);
	if (row->kind == OPTION_KIND_OPTIONAL)
		strbuf_addf(label, "[=%s]", row->argument);
	else if (row->argument)
		strbuf_addf(label, " %s", row->argument);
}

static void measure(const struct option_row *row, void *data)
{
	int *widest = data;
	struct strbuf label;
	strbuf_init(&label);
	add_label(&label, row);
	int width = utf8_text_width(label.buf);
	if (width > *widest && width <= LABEL_MAX)
		*widest = width;
	strbuf_release(&label);
}

static void add_spaces(struct strbuf *out, int count)
{
	for (int i = 0; i < count; i++)
		strbuf_addch(out, ' ');
}

/* Words of `text` from `column` on; every further line begins at `margin`. */
static void add_wrapped(struct strbuf *out, const char *text, int column, int margin)
{
	bool begun = false;
	while (*text) {
		size_t len = strcspn(text, " ");
		struct strbuf word;
		strbuf_init(&word);
		strbuf_add(&word, text, len);
		int width = utf8_text_width(word.buf);
		if (begun && column + 1 + width > PAGE) {
			strbuf_addch(out, '\n');
			add_spaces(out, margin);
			column = margin;
			begun = false;
		}
		if (begun)
			strbuf_addch(out, ' ');
		column += width + begun;
		begun = true;
		strbuf_addstr(out, word.buf);
		strbuf_release(&word);
		text += len + strspn(text + len, " ");
	}
	strbuf_addch(out, '\n');
}

static void add_option(struct strbuf *out, const struct option_row *row, int margin)
{
	struct strbuf label, help;
	strbuf_init(&label);
	strbuf_init(&help);
	add_label(&label, row);
	strbuf_addstr(&help, row->help ? row->help : "");
	for (size_t i = 0; row->kind == OPTION_KIND_CHOICE && row->choices[i]; i++) {
		strbuf_addstr(&help, i == 0 ? ": " : row->choices[i + 1] ? ", " : " or ");
		strbuf_addstr(&help, row->choices[i]);
	}
	int width = utf8_text_width(label.buf);
	strbuf_addstr(out, label.buf);
	if (width + GAP > margin) {
		strbuf_addch(out, '\n');
		width = 0;
	}
	add_spaces(out, margin - width);
	add_wrapped(out, help.buf, margin, margin);
	strbuf_release(&help);
	strbuf_release(&label);
}

/* A title is printed before the first row of its group; a group of groups has no line of its own. */
static void add_rows(struct strbuf *out, const struct option_row *rows, const char *title, int margin)
{
	bool titled = false;
	for (const struct option_row *row = rows; row && row->kind != OPTION_KIND_END; row++) {
		if (row->kind == OPTION_KIND_GROUP) {
			add_rows(out, row->value, row->help ? row->help : title, margin);
			titled = false;
			continue;
		}
		if (!titled)
			strbuf_addf(out, "\n%s:\n", title);
		titled = true;
		add_option(out, row, margin);
	}
}

void options_help(const struct option_row *rows, struct strbuf *out)
{
	int widest = 0;
	options_each(rows, measure, &widest);
	add_rows(out, rows, "Options", widest + GAP);
}
