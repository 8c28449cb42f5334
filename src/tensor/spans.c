/* SPDX-License-Identifier: MIT */
#include "tensor/spans.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "tensor/reader.h"

void spans_release(struct spans *spans)
{
	for (size_t i = 0; i < spans->count; i++)
		free(spans->span[i].name);
	free(spans->span);
	*spans = (struct spans){ 0 };
}

enum err spans_add(struct spans *spans, const char *name, size_t length, int64_t begin, int64_t end, struct err_info *info)
{
	void *array = spans->span;
	struct strbuf visible;
	size_t number = spans->count + 1;
	if (begin < 0 || end <= begin)
		return err_set(info, ERR_VALUE, "span %zu, '%.*s': %" PRId64 " to %" PRId64 " is no range (the end is exclusive)", number,
			       (int)(length > 40 ? 40 : length), name, begin, end);
	if (spans->count && begin < spans->span[spans->count - 1].end)
		return err_set(info, ERR_VALUE, "span %zu, '%.*s', begins at %" PRId64 ", before the end of the one above it", number,
			       (int)(length > 40 ? 40 : length), name, begin);
	if (!mem_grow(&array, &spans->capacity, number, sizeof *spans->span))
		return err_nomem(info, "the spans");
	spans->span = array;
	strbuf_init(&visible);
	utf8_append_visible(&visible, name, length);
	char *text = strbuf_detach(&visible);
	if (!text)
		return err_nomem(info, "the spans");
	spans->span[spans->count++] = (struct span){ text, begin, end };
	return ERR_OK;
}

static enum err parse_json(struct spans *spans, const char *text, size_t size, struct err_info *info)
{
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error), *item;
	size_t index;
	enum err err = ERR_OK;
	if (!json_is_array(root))
		err = root ? err_set(info, ERR_FORMAT, "the JSON is no array of spans")
			   : err_set(info, ERR_FORMAT, "broken JSON: %s (line %d)", error.text, error.line);
	json_array_foreach(root, index, item) {
		const char *name;
		json_int_t begin, end;
		if (err)
			break;
		if (json_unpack(item, "{s:s, s:I, s:I}", "name", &name, "begin", &begin, "end", &end))
			err = err_set(info, ERR_FORMAT, "span %zu is no object with \"name\", \"begin\" and \"end\"", index + 1);
		else
			err = spans_add(spans, name, strlen(name), begin, end, info);
	}
	json_decref(root);
	return err;
}

/* The last word of line[0 .. *length), a number; *length becomes what is left of the line. */
static bool take_number(const char *line, size_t *length, int64_t *value)
{
	size_t end = *length;
	while (end && strchr(" \t\r", line[end - 1]))
		end--;
	size_t begin = end;
	*value = 0;
	for (int64_t unit = 1; begin && line[begin - 1] >= '0' && line[begin - 1] <= '9' && end - begin < 15; unit *= 10)
		*value += (line[--begin] - '0') * unit;
	*length = begin;
	return begin < end && begin && strchr(" \t", line[begin - 1]);
}

static enum err parse_line(struct spans *spans, size_t number, const char *line, size_t length, struct err_info *info)
{
	int64_t begin, end;
	size_t rest = length;
	if (length == 0 || line[0] == '#' || (length == 1 && line[0] == '\r'))
		return ERR_OK;
	bool good = take_number(line, &rest, &end) && take_number(line, &rest, &begin);
	while (rest && strchr(" \t", line[rest - 1]))
		rest--;
	if (!good || rest == 0)
		return err_set(info, ERR_FORMAT, "line %zu: '%.*s' is no span (wanted: name begin end)", number, (int)(length > 60 ? 60 : length), line);
	return spans_add(spans, line, rest, begin, end, info);
}

static enum err parse_lines(struct spans *spans, const char *text, size_t size, struct err_info *info)
{
	const char *end = text + size;
	enum err err = ERR_OK;
	for (size_t number = 1; !err && text < end; number++) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		err = parse_line(spans, number, text, (size_t)((line_end ? line_end : end) - text), info);
		text = line_end ? line_end + 1 : end;
	}
	return err;
}

enum err spans_parse(struct spans *spans, const char *text, size_t size, struct err_info *info)
{
	size_t at = 0;
	*spans = (struct spans){ 0 };
	while (at < size && strchr(" \t\r\n", text[at]) && text[at])
		at++;
	enum err err = at < size && text[at] == '[' ? parse_json(spans, text, size, info) : parse_lines(spans, text, size, info);
	if (!err && spans->count == 0)
		err = err_set(info, ERR_FORMAT, "there are no spans");
	if (err)
		spans_release(spans);
	return err;
}

enum err spans_read(struct spans *spans, const char *file, struct err_info *info)
{
	struct bytes bytes;
	*spans = (struct spans){ 0 };
	enum err err = bytes_open(&bytes, file, info);
	if (!err) {
		err = spans_parse(spans, (const char *)bytes.data, (size_t)bytes.size, info);
		bytes_release(&bytes);
	}
	if (err && info)
		err_in_file(info, file);
	return err;
}
