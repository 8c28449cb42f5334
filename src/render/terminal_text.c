/* SPDX-License-Identifier: MIT */
#include "render/terminal_text.h"

#include <string.h>

#include "base/utf8.h"

void terminal_text_spaces(struct strbuf *text, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		strbuf_addch(text, ' ');
}

void terminal_text_padded(struct strbuf *text, const char *words, int columns, bool right)
{
	struct strbuf visible, fitted;

	strbuf_init(&visible);
	strbuf_init(&fitted);
	utf8_append_visible(&visible, words, strlen(words));
	int used = utf8_append_fitted(&fitted, visible.buf, columns);
	if (right)
		terminal_text_spaces(text, columns - used);
	strbuf_addstr(text, fitted.buf);
	if (!right)
		terminal_text_spaces(text, columns - used);
	strbuf_release(&fitted);
	strbuf_release(&visible);
}

void terminal_text_wrapped(struct strbuf *text, const char *words, int columns)
{
	struct strbuf visible;
	int used = 0;

	strbuf_init(&visible);
	for (const char *p = words; p && *p;) {
		if (*p == '\n' && used) {
			strbuf_addch(text, '\n');
			used = 0;
		}
		p += strspn(p, " \n");
		size_t length = strcspn(p, " \n");
		strbuf_clear(&visible);
		utf8_append_visible(&visible, p, length);
		int width = utf8_text_width(visible.buf);
		if (used && used + 1 + width > columns) {
			strbuf_addch(text, '\n');
			used = 0;
		}
		if (used && width)
			strbuf_addch(text, ' ');
		strbuf_addstr(text, visible.buf);
		used += width + (used > 0);
		p += length;
	}
	if (used)
		strbuf_addch(text, '\n');
	strbuf_release(&visible);
}

void terminal_text_end_line(struct strbuf *text)
{
	while (text->len && text->buf[text->len - 1] == ' ')
		text->buf[--text->len] = '\0';
	strbuf_addch(text, '\n');
}

enum err terminal_text_print(struct strbuf *text, struct output *out, struct err_info *info)
{
	enum err err = strbuf_failed(text) ? err_nomem(info, "the picture") : output_write(out, text->buf, text->len);

	if (err && info && !info->code)
		*info = out->info;
	strbuf_release(text);
	return err;
}
