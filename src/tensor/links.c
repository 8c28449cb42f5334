/* SPDX-License-Identifier: MIT */
#include "tensor/links.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/reader.h"

/* No sentence has more words; larger numbers are a sign of the wrong file. */
enum { INDEX_MAX = 1 << 20 };

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	return y->sure - x->sure;
}

enum err link_set_add(struct link_set *set, int32_t source, int32_t target, bool sure)
{
	void *array = set->link;
	if (!mem_grow(&array, &set->capacity, set->count + 1, sizeof *set->link))
		return ERR_NOMEM;
	set->link = array;
	set->link[set->count++] = (struct link){ source, target, sure };
	return ERR_OK;
}

void link_set_sort(struct link_set *set)
{
	size_t kept = 0;
	if (set->count)
		qsort(set->link, set->count, sizeof *set->link, compare_links);
	for (size_t i = 0; i < set->count; i++) {
		const struct link *last = kept ? &set->link[kept - 1] : NULL;
		if (!last || last->source != set->link[i].source || last->target != set->link[i].target)
			set->link[kept++] = set->link[i];
	}
	set->count = kept;
}

const struct link *link_set_find(const struct link_set *set, int32_t source, int32_t target)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct link *link = &set->link[middle];
		if (link->source == source && link->target == target)
			return link;
		if (link->source < source || (link->source == source && link->target < target))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int64_t link_set_common(const struct link_set *set, const struct link_set *other, bool sure_only)
{
	int64_t common = 0;
	for (size_t i = 0; i < set->count; i++) {
		const struct link *found = link_set_find(other, set->link[i].source, set->link[i].target);
		common += found && (found->sure || !sure_only);
	}
	return common;
}

/* The link that follows `after` in target order (source breaks ties); NULL after the last. */
static const struct link *next_by_target(const struct link_set *set, const struct link *after)
{
	const struct link *best = NULL;
	for (size_t i = 0; i < set->count; i++) {
		const struct link *link = &set->link[i];
		bool later = !after || link->target > after->target || (link->target == after->target && link->source > after->source);
		if (later && (!best || link->target < best->target || (link->target == best->target && link->source < best->source)))
			best = link;
	}
	return best;
}

int64_t link_set_jumps(const struct link_set *set)
{
	int64_t jumps = 0;
	const struct link *before = NULL;
	for (const struct link *link = next_by_target(set, NULL); link; before = link, link = next_by_target(set, link))
		jumps += before && abs(link->source - before->source) > 1;
	return jumps;
}

void link_set_release(struct link_set *set)
{
	free(set->link);
	*set = (struct link_set){ 0 };
}

void links_release(struct links *links)
{
	for (size_t i = 0; i < links->count; i++)
		link_set_release(&links->line[i]);
	free(links->line);
	*links = (struct links){ 0 };
}

/* A decimal number at *at, which moves past it. -1 where there is none or it is too large. */
static int32_t parse_index(const char **at, const char *end)
{
	int32_t value = 0;
	const char *start = *at;
	while (*at < end && **at >= '0' && **at <= '9') {
		value = value * 10 + (**at - '0');
		if (value > INDEX_MAX)
			return -1;
		++*at;
	}
	return *at == start ? -1 : value;
}

/* "3-4", "3p4", "3?4", "3-4:0.9" */
static bool parse_link(const char *word, const char *end, int32_t index[2], bool *sure)
{
	const char *at = word;
	index[0] = parse_index(&at, end);
	if (index[0] < 0 || at == end || !strchr("-p?", *at))
		return false;
	*sure = *at++ == '-';
	index[1] = parse_index(&at, end);
	return index[1] >= 0 && (at == end || *at == ':');
}

/* Past "17<tab>", the sentence number that some files begin their lines with. */
static const char *skip_number(const char *line, const char *end)
{
	const char *at = line;
	return parse_index(&at, end) >= 0 && at < end && *at == '\t' ? at + 1 : line;
}

static enum err add_word(struct links *links, struct link_set *set, const char *word, const char *end, const struct links_format *format,
			 struct err_info *info)
{
	int32_t index[2];
	bool sure;
	int length = end - word > 40 ? 40 : (int)(end - word);
	if (!parse_link(word, end, index, &sure))
		return err_set(info, ERR_FORMAT, "line %zu: '%.*s' is not a link (wanted i-j or ipj)", links->count, length, word);
	int32_t least = index[0] < index[1] ? index[0] : index[1];
	if (links->smallest < 0 || least < links->smallest)
		links->smallest = least;
	if (least < format->base)
		return err_set(info, ERR_VALUE, "line %zu: '%.*s' has an index 0, but the file was said to count from 1", links->count, length,
			       word);
	enum err err = link_set_add(set, index[format->reversed] - format->base, index[!format->reversed] - format->base,
				    sure || format->all_sure);
	return err ? err_nomem(info, "the links") : ERR_OK;
}

static enum err parse_line(struct links *links, const char *at, const char *end, const struct links_format *format, struct err_info *info)
{
	void *array = links->line;
	if (!mem_grow(&array, &links->capacity, links->count + 1, sizeof *links->line))
		return err_nomem(info, "the links");
	links->line = array;
	struct link_set *set = &links->line[links->count++];
	*set = (struct link_set){ 0 };

	at = skip_number(at, end);
	while (at < end) {
		const char *word = at;
		while (at < end && *at != ' ' && *at != '\t' && *at != '\r')
			at++;
		if (at > word) {
			enum err err = add_word(links, set, word, at, format, info);
			if (err)
				return err;
		}
		at += at < end;
	}
	link_set_sort(set);
	return ERR_OK;
}

enum err links_parse(struct links *links, const char *text, size_t size, const struct links_format *format, struct err_info *info)
{
	const char *end = text + size;
	*links = (struct links){ .smallest = -1 };
	while (text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		enum err err = parse_line(links, text, line_end ? line_end : end, format, info);
		if (err) {
			links_release(links);
			return err;
		}
		text = line_end ? line_end + 1 : end;
	}
	return ERR_OK;
}

enum err links_read(struct links *links, const char *file, const struct links_format *format, struct err_info *info)
{
	struct bytes bytes;
	*links = (struct links){ .smallest = -1 };
	enum err err = bytes_open(&bytes, file, info);
	if (!err) {
		err = links_parse(links, (const char *)bytes.data, (size_t)bytes.size, format, info);
		bytes_release(&bytes);
	}
	if (err && info)
		err_in_file(info, file);
	return err;
}
