#include "commands/grouping.h"

#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "mechanism/grouped.h"
#include "tensor/token_marks.h"

static struct {
	bool words, by_span;
	struct string_list hide;
	const char *spans;
} given;

const struct option_row grouping_rows[] = {
	OPTION_FLAG(0, "words", &given.words, "words in place of sub-words: sums over keys, means over queries"),
	OPTION_LIST(0, "hide", "WHAT", &given.hide, "leave tokens out: special, or those that match a regular expression"),
	OPTION_STRING(0, "spans", "FILE", &given.spans, "named ranges of tokens: name begin end, or JSON"),
	OPTION_FLAG(0, "by-span", &given.by_span, "the spans in place of tokens"),
	OPTION_END
};

/* One axis on its way into groups. */
struct token_axis {
	const char *name;
	struct tokens tokens; /* as the labels have them; borrowed */
	int64_t length;
	struct grouping grouping;
	struct tokens list;   /* of the groups; owned */
	bool merged;          /* --words has made fewer of them */
};

static void axis_release(struct token_axis *axis)
{
	grouping_release(&axis->grouping);
	tokens_release(&axis->list);
}

/* The labels of an axis as a list; those of the queries may be the end of the keys'. */
static struct token_axis axis_of(const char *name, const struct tokens *own, const struct tokens *other, const char *const *text,
			   const char *const *raw, int64_t length)
{
	struct token_axis axis = { .name = name, .length = length };
	if (text)
		axis.tokens = (struct tokens){ .text = (char **)text, .raw = (char **)raw, .count = (size_t)length,
					       .marks = own->count ? own->marks : other->marks };
	return axis;
}

static enum err start_groups(struct token_axis *axis, struct err_info *info)
{
	axis->grouping = (struct grouping){ mem_array((size_t)axis->length, sizeof(int64_t)), axis->length, axis->length };
	for (int64_t i = 0; axis->grouping.group && i < axis->length; i++)
		axis->grouping.group[i] = i;
	return axis->grouping.group ? ERR_OK : err_nomem(info, "the groups");
}

static enum err need_tokens(const struct token_axis *axis, const char *option, struct err_info *info)
{
	if (axis->tokens.count)
		return ERR_OK;
	return err_set(info, ERR_USAGE, "%s needs the tokens of the %s: --tokens or --%s-tokens", option, axis->name,
		       strcmp(axis->name, "queries") == 0 ? "query" : "key");
}

static enum err merge_words(struct token_axis *axis, struct err_info *info)
{
	size_t *word = mem_array((size_t)axis->length, sizeof *word);
	struct tokens words = { 0 };
	enum err err = word ? need_tokens(axis, "--words", info) : err_nomem(info, "the words");
	if (!err)
		err = tokens_words(&axis->tokens, word, &words, info);
	if (!err) {
		for (int64_t i = 0; i < axis->length; i++)
			axis->grouping.group[i] = (int64_t)word[i];
		axis->grouping.count = (int64_t)words.count;
		axis->merged = axis->grouping.count < axis->length;
		axis->list = words;
	}
	free(word);
	return err;
}

static bool matches(const struct tokens *tokens, size_t token, const regex_t *pattern)
{
	return pattern ? regexec(pattern, tokens->text[token], 0, NULL, 0) == 0 || regexec(pattern, tokens->raw[token], 0, NULL, 0) == 0
		       : tokens_is_special(tokens->raw[token]);
}

static enum err hide_matches(struct token_axis *axis, const char *what, struct err_info *info)
{
	bool special = strcmp(what, "special") == 0;
	regex_t pattern;
	enum err err = need_tokens(axis, "--hide", info);
	int failed = err || special ? 0 : regcomp(&pattern, what, REG_EXTENDED | REG_NOSUB);
	if (failed) {
		char reason[128];
		regerror(failed, &pattern, reason, sizeof reason);
		return err_set(info, ERR_USAGE, "--hide %s: %s", what, reason);
	}
	for (int64_t i = 0; !err && i < axis->length; i++)
		if (matches(&axis->tokens, (size_t)i, special ? NULL : &pattern))
			axis->grouping.group[i] = -1;
	if (!err && !special)
		regfree(&pattern);
	return err;
}

/* Groups of which nothing is left disappear, and so do their labels. Returns how many tokens are in no group. */
static int64_t close_gaps(struct token_axis *axis)
{
	int64_t last = -1, count = 0, hidden = 0;
	for (int64_t i = 0; i < axis->length; i++) {
		int64_t group = axis->grouping.group[i];
		hidden += group < 0;
		if (group < 0)
			continue;
		if (group != last && axis->list.count) {
			char *text = axis->list.text[group], *raw = axis->list.raw[group];
			axis->list.text[group] = axis->list.text[count];
			axis->list.raw[group] = axis->list.raw[count];
			axis->list.text[count] = text;
			axis->list.raw[count] = raw;
		}
		count += group != last;
		last = group;
		axis->grouping.group[i] = count - 1;
	}
	for (size_t i = (size_t)count; i < axis->list.count; i++) {
		free(axis->list.text[i]);
		free(axis->list.raw[i]);
	}
	axis->list.count = axis->list.count ? (size_t)count : 0;
	axis->grouping.count = count;
	return hidden;
}

/* Tokens that are their own group keep their labels; numbers where there were none, so that a gap shows. */
static enum err copy_labels(struct token_axis *axis, struct err_info *info)
{
	struct tokens *list = &axis->list;
	if (list->count || axis->grouping.count == axis->length)
		return ERR_OK;
	*list = (struct tokens){ .text = mem_zero_array((size_t)axis->grouping.count, sizeof *list->text),
				 .raw = mem_zero_array((size_t)axis->grouping.count, sizeof *list->raw), .marks = axis->tokens.marks };
	if (!list->text || !list->raw)
		return err_nomem(info, "the labels");
	for (int64_t i = 0; i < axis->length; i++) {
		if (axis->grouping.group[i] < 0)
			continue;
		list->text[list->count] = strdup(axis->tokens.text[i]);
		list->raw[list->count] = strdup(axis->tokens.raw[i]);
		if (!list->text[list->count++] || !list->raw[list->count - 1])
			return err_nomem(info, "the labels");
	}
	return ERR_OK;
}

static enum err group_tokens(struct token_axis *axis, int64_t *hidden, struct err_info *info)
{
	enum err err = start_groups(axis, info);
	if (!err && given.words)
		err = merge_words(axis, info);
	for (size_t i = 0; !err && i < given.hide.count; i++)
		err = hide_matches(axis, given.hide.item[i], info);
	if (err)
		return err;
	*hidden += close_gaps(axis);
	return copy_labels(axis, info);
}

/* Position 0 of the axis is position `shift` of the spans. Spans outside the axis are left out, but not all of them may be. */
static enum err group_spans(struct token_axis *axis, const struct spans *spans, int64_t shift, struct err_info *info)
{
	const char **name = mem_array(spans->count, sizeof *name);
	size_t *length = mem_array(spans->count, sizeof *length), count = 0;
	enum err err = name && length ? start_groups(axis, info) : err_nomem(info, "the spans");
	for (int64_t i = 0; !err && i < axis->length; i++)
		axis->grouping.group[i] = -1;
	for (size_t i = 0; !err && i < spans->count; i++) {
		const struct span *span = &spans->span[i];
		int64_t begin = span->begin > shift ? span->begin - shift : 0, end = span->end - shift;
		for (int64_t token = begin; token < end && token < axis->length; token++)
			axis->grouping.group[token] = (int64_t)count;
		if (begin >= end || begin >= axis->length)
			continue;
		name[count] = span->name;
		length[count++] = strlen(span->name);
	}
	axis->grouping.count = (int64_t)count;
	if (!err && count == 0)
		err = err_set(info, ERR_SHAPE, "none of the spans has any of the %" PRId64 " %s", axis->length, axis->name);
	if (!err)
		err = tokens_from_raw(&axis->list, name, length, count, true, info);
	free(length);
	free(name);
	return err;
}

static void replace_labels(struct labels *labels, struct token_axis *query, struct token_axis *key)
{
	if (!query->list.count && !key->list.count)
		return;
	struct labels fresh = { .query_list = query->list, .key_list = key->list };
	fresh.query = (const char *const *)fresh.query_list.text;
	fresh.raw_query = (const char *const *)fresh.query_list.raw;
	fresh.key = (const char *const *)fresh.key_list.text;
	fresh.raw_key = (const char *const *)fresh.key_list.raw;
	/* An axis whose tokens all stay as they are keeps the list that it had. */
	if (!key->list.count && labels->key_list.count) {
		fresh.key_list = labels->key_list;
		fresh.key = labels->key;
		fresh.raw_key = labels->raw_key;
		labels->key_list = (struct tokens){ 0 };
	}
	if (!query->list.count && labels->query_list.count) {
		fresh.query_list = labels->query_list;
		fresh.query = labels->query;
		fresh.raw_query = labels->raw_query;
		labels->query_list = (struct tokens){ 0 };
	}
	labels_release(labels);
	*labels = fresh;
	query->list = key->list = (struct tokens){ 0 };
}

static enum err wrap(struct source **source, struct labels *labels, struct token_axis *query, struct token_axis *key, const char *what, struct err_info *info)
{
	enum err err = grouped_source_new(*source, &query->grouping, &key->grouping, what, source, info);
	if (!err)
		replace_labels(labels, query, key);
	return err;
}

static void axes_of(const struct source *source, const struct labels *labels, struct token_axis *query, struct token_axis *key)
{
	*query = axis_of("queries", &labels->query_list, &labels->key_list, labels->query, labels->raw_query, source->queries);
	*key = axis_of("keys", &labels->key_list, &labels->key_list, labels->key, labels->raw_key, source->keys);
}

static bool is_unmerged(const struct token_axis *axis)
{
	return axis->tokens.count && !axis->merged;
}

/* Sub-words without marks cannot be told from words. */
static void note_unmerged(const struct token_axis *query, const struct token_axis *key)
{
	bool queries = is_unmerged(query), keys = is_unmerged(key);
	const char *of = queries && keys ? "" : queries ? " of the queries" : " of the keys";
	bool marked = (!queries || query->tokens.marks != MARKS_NONE) && (!keys || key->tokens.marks != MARKS_NONE);
	if (!queries && !keys)
		return;
	if (marked)
		message_note("--words merged nothing%s: by its mark every token is a word", of);
	else
		message_note("--words merged nothing%s: no token has the mark of a sub-word (##, \xe2\x96\x81, \xc4\xa0, @@, </w>, \xef\xbf\xad): give "
			     "the tokens as the tokenizer writes them, with their marks", of);
}

static enum err apply_tokens(struct source **source, struct labels *labels, struct err_info *info)
{
	struct token_axis query, key;
	struct strbuf what;
	int64_t hidden[2] = { 0 };
	axes_of(*source, labels, &query, &key);
	strbuf_init(&what);
	enum err err = group_tokens(&query, &hidden[0], info);
	if (!err)
		err = group_tokens(&key, &hidden[1], info);
	if (!err && given.words)
		note_unmerged(&query, &key);
	if (query.merged || key.merged)
		strbuf_addstr(&what, "sub-words merged (sums over keys, means over queries)");
	if (hidden[0] + hidden[1])
		strbuf_addf(&what, "%s%" PRId64 " queries and %" PRId64 " keys hidden", what.len ? ", " : "", hidden[0], hidden[1]);
	if (!err)
		err = wrap(source, labels, &query, &key, what.buf, info);
	strbuf_release(&what);
	axis_release(&query);
	axis_release(&key);
	return err;
}

enum err grouping_by_spans(struct source **source, struct labels *labels, const struct spans *spans, struct err_info *info)
{
	struct token_axis query, key;
	int64_t shift = (*source)->queries < (*source)->keys ? (*source)->keys - (*source)->queries : 0;
	axes_of(*source, labels, &query, &key);
	enum err err = group_spans(&query, spans, shift, info);
	if (!err)
		err = group_spans(&key, spans, 0, info);
	if (!err)
		err = wrap(source, labels, &query, &key, "spans: sums over keys, means over queries", info);
	axis_release(&query);
	axis_release(&key);
	return err;
}

bool grouping_given(void)
{
	return given.words || given.hide.count || given.by_span;
}

enum err grouping_apply(struct source **source, struct labels *labels, struct spans *spans, struct err_info *info)
{
	bool tokens = given.words || given.hide.count;
	*spans = (struct spans){ 0 };
	if (given.by_span && !given.spans)
		return err_set(info, ERR_USAGE, "--by-span needs --spans FILE");
	if (given.spans && tokens)
		return err_set(info, ERR_USAGE, "--spans counts tokens: without --words and --hide");
	if (tokens)
		return apply_tokens(source, labels, info);
	if (!given.spans)
		return ERR_OK;
	enum err err = spans_read(spans, given.spans, info);
	if (!err && spans->span[spans->count - 1].end > (*source)->keys)
		err = err_set(info, ERR_SHAPE, "%s: '%s' ends at %" PRId64 ", but there are %" PRId64 " keys", given.spans,
			      spans->span[spans->count - 1].name, spans->span[spans->count - 1].end, (*source)->keys);
	if (err || !given.by_span)
		return err;
	err = grouping_by_spans(source, labels, spans, info);
	spans_release(spans);
	return err;
}
