/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct span {
	int64_t first, last;
};

struct spans {
	struct span *item;
	size_t count, capacity;
};

/* Where the text went wrong is told with the whole of it. */
struct axis {
	const char *text, *name;
	int64_t count;
	struct err_info *info;
};

static enum err malformed(const struct axis *axis)
{
	return err_set(axis->info, ERR_USAGE, "%s '%s' is not a list such as 0-3,7 (from 0; -1 is the last; or all)", axis->name,
	               axis->text);
}

/* One index at *cursor, which moves behind it; a minus sign counts from the end. */
static enum err parse_index(const struct axis *axis, const char **cursor, int64_t *index)
{
	const char *digits = *cursor + (**cursor == '-');
	if (*digits < '0' || *digits > '9')
		return malformed(axis);
	char *end;
	long long value = strtoll(*cursor, &end, 10); /* saturates, which is outside every axis */
	if (value >= axis->count || value < -axis->count) {
		if (axis->count == 0)
			return err_set(axis->info, ERR_USAGE, "%s '%s': there are none", axis->name, axis->text);
		return err_set(axis->info, ERR_USAGE, "%s %.*s is out of range: there are %" PRId64 ", numbered 0 to %" PRId64,
		               axis->name, (int)(end - *cursor), *cursor, axis->count, axis->count - 1);
	}
	*index = value < 0 ? axis->count + value : value;
	*cursor = end;
	return ERR_OK;
}

static enum err parse_span(const struct axis *axis, const char **cursor, struct span *span)
{
	enum err err = parse_index(axis, cursor, &span->first);
	if (err != ERR_OK)
		return err;
	span->last = span->first;
	if (**cursor != '-')
		return ERR_OK;
	++*cursor;
	err = parse_index(axis, cursor, &span->last);
	if (err == ERR_OK && span->last < span->first)
		return err_set(axis->info, ERR_USAGE, "%s '%s' has a range that ends before it begins", axis->name, axis->text);
	return err;
}

static enum err parse_spans(const struct axis *axis, struct spans *spans)
{
	const char *cursor = axis->text;
	for (;;) {
		struct span span;
		enum err err = parse_span(axis, &cursor, &span);
		if (err != ERR_OK)
			return err;
		void *grown = spans->item;
		bool room = mem_grow(&grown, &spans->capacity, spans->count + 1, sizeof span);
		spans->item = grown;
		if (!room)
			return err_nomem(axis->info, axis->name);
		spans->item[spans->count++] = span;
		if (*cursor == '\0')
			return ERR_OK;
		if (*cursor++ != ',')
			return malformed(axis);
	}
}

static int by_first(const void *a, const void *b)
{
	const struct span *left = a, *right = b;
	return (left->first > right->first) - (left->first < right->first);
}

/* Sorted and disjoint; returns how many indices they hold. */
static int64_t merge(struct spans *spans)
{
	if (spans->count)
		qsort(spans->item, spans->count, sizeof *spans->item, by_first);
	int64_t next = 0, total = 0;
	for (size_t i = 0; i < spans->count; i++) {
		struct span *span = &spans->item[i];
		if (span->first < next)
			span->first = next;
		if (span->last < span->first)
			continue;
		next = span->last + 1;
		total += next - span->first;
	}
	return total;
}

static enum err expand(const struct axis *axis, struct spans *spans, int64_t **list, size_t *list_count)
{
	int64_t total = merge(spans);
	int64_t *item = mem_array((size_t)total, sizeof *item);
	if (!item)
		return err_nomem(axis->info, axis->name);
	*list = item;
	*list_count = (size_t)total;
	for (size_t i = 0; i < spans->count; i++)
		for (int64_t index = spans->item[i].first; index <= spans->item[i].last; index++)
			*item++ = index;
	return ERR_OK;
}

enum err options_range(const char *text, const char *what, int64_t count, int64_t **list, size_t *list_count,
                       struct err_info *info)
{
	struct axis axis = { text, what, count, info };
	struct span whole = { 0, count - 1 };
	struct spans spans = { 0 };
	if (strcmp(text, "all") == 0)
		return expand(&axis, &(struct spans){ &whole, 1, 1 }, list, list_count);
	enum err err = parse_spans(&axis, &spans);
	if (err == ERR_OK)
		err = expand(&axis, &spans, list, list_count);
	free(spans.item);
	return err;
}
