/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

/* Labels wider than LABEL_MAX, or than a share of a narrow window, have their text on the next line. */
enum { LABEL_MAX = 32, LABEL_SHARE = 3, GAP = 2 };

/* The page that is being filled. */
struct page {
	struct strbuf *out;
	int columns, widest; /* widest: of the labels that text stands beside */
	const char *title;   /* of the group whose rows are printed */
	bool titled;
};

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
	struct page *page = data;
	struct strbuf label;
	strbuf_init(&label);
	add_label(&label, row);
	int width = utf8_text_width(label.buf);
	if (width > page->widest && width <= LABEL_MAX && width <= page->columns / LABEL_SHARE + GAP)
		page->widest = width;
	strbuf_release(&label);
}

static void add_spaces(struct strbuf *out, int count)
{
	for (int i = 0; i < count; i++)
		strbuf_addch(out, ' ');
}

void options_wrap(struct strbuf *out, const char *text, int column, int margin, int columns)
{
	bool begun = false;
	while (*text) {
		size_t len = strcspn(text, " ");
		struct strbuf word;
		strbuf_init(&word);
		strbuf_add(&word, text, len);
		int width = utf8_text_width(word.buf);
		if (begun && column + 1 + width > columns) {
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

static void add_option(struct page *page, const struct option_row *row)
{
	struct strbuf label, help;
	int margin = page->widest + GAP;
	strbuf_init(&label);
	strbuf_init(&help);
	add_label(&label, row);
	strbuf_addstr(&help, row->help ? row->help : "");
	for (const struct word *word = row->choices; word && word->word; word++) {
		strbuf_addstr(&help, word == row->choices ? ": " : word[1].word ? ", " : " or ");
		strbuf_addstr(&help, word->word);
	}
	int width = utf8_text_width(label.buf);
	strbuf_addstr(page->out, label.buf);
	if (width + GAP > margin) {
		strbuf_addch(page->out, '\n');
		width = 0;
	}
	add_spaces(page->out, margin - width);
	options_wrap(page->out, help.buf, margin, margin, page->columns);
	strbuf_release(&help);
	strbuf_release(&label);
}

typedef bool visit_titled(struct page *page, const struct option_row *row, const char *title);

/* Call `visit` for every row with the title of its group; stops where it says so. */
static bool each_titled(const struct option_row *rows, const char *title, visit_titled *visit, struct page *page)
{
	for (const struct option_row *row = rows; row && row->kind != OPTION_KIND_END; row++) {
		bool is_group = row->kind == OPTION_KIND_GROUP;
		const char *inner = is_group && row->help ? row->help : title;
		if (!(is_group ? each_titled(row->value, inner, visit, page) : visit(page, row, title)))
			return false;
	}
	return true;
}

static bool add_if_titled(struct page *page, const struct option_row *row, const char *title)
{
	if (strcmp(title, page->title) != 0)
		return true;
	if (!page->titled)
		strbuf_addf(page->out, "\n%s:\n", title);
	page->titled = true;
	add_option(page, row);
	return true;
}

/* The titles met so far, each ended by a NUL. */
struct titles {
	struct page page; /* first: the walk knows it by this */
	const struct option_row *all;
	struct strbuf seen;
};

static bool is_seen(const struct strbuf *seen, const char *title)
{
	for (const char *at = seen->buf; at < seen->buf + seen->len; at += strlen(at) + 1)
		if (strcmp(at, title) == 0)
			return true;
	return false;
}

/* A group of rows may be met in several places; all of them stand where the first does. */
static bool add_group(struct page *page, const struct option_row *row, const char *title)
{
	struct titles *titles = (struct titles *)page;
	(void)row;
	if (is_seen(&titles->seen, title))
		return true;
	strbuf_add(&titles->seen, title, strlen(title) + 1);
	page->title = title;
	page->titled = false;
	return !strbuf_failed(&titles->seen) && each_titled(titles->all, "Options", add_if_titled, page);
}

void options_help(const struct option_row *rows, int columns, struct strbuf *out)
{
	struct titles titles = { .page = { .out = out, .columns = columns }, .all = rows };
	strbuf_init(&titles.seen);
	options_each(rows, measure, &titles.page);
	each_titled(rows, "Options", add_group, &titles.page);
	strbuf_release(&titles.seen);
}
