/* SPDX-License-Identifier: MIT */
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
	const char *spans, *query_spans, *key_spans;
} given;

const struct option_row grouping_rows[] = {
	OPTION_FLAG(0, "words", &given.words, "merge sub-words into words: sums over keys, means over queries"),
	OPTION_LIST(0, "hide", "WHAT", &given.hide, "leave out tokens: special, or those that match a regular expression"),
	OPTION_STRING(0, "spans", "FILE", &given.spans, "named ranges of tokens: name begin end, or JSON"),
	OPTION_STRING(0, "query-spans", "FILE", &given.query_spans, "named ranges of queries only"),
	OPTION_STRING(0, "key-spans", "FILE", &given.key_spans, "named ranges of keys only"),
	OPTION_FLAG(0, "by-span", &given.by_span, "merge the tokens of each span"),
	OPTION_END
};

/* One axis on its way into groups. */
struct token_axis {
	const char *name;
	struct tokens tokens; /* as the labels have them; borrowed */
	int64_t length;
	struct grouping grouping;
	struct tokens list;   /* of the groups; owned */
	bool merged;          /* some tokens became a word */
	int64_t hidden;       /* tokens in no group */
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

/* Words and tokens left out act on the axes that have tokens. */
static enum err need_tokens(const struct token_axis *query, const struct token_axis *key, struct err_info *info)
{
	if (query->tokens.count || key->tokens.count)
		return ERR_OK;
	return err_set(info, ERR_USAGE, "--%s needs the tokens of the queries or the keys: --tokens, --query-tokens or --key-tokens", given.words ? "words" : "hide");
}

static enum err merge_words(struct token_axis *axis, struct err_info *info)
{
	size_t *word = mem_array((size_t)axis->length, sizeof *word);
	struct tokens words = { 0 };
	enum err err = word ? tokens_words(&axis->tokens, word, &words, info) : err_nomem(info, "the words");
	if (!err) {
		for (int64_t i = 0; i < axis->length; i++)
			axis->grouping.group[i] = (int64_t)word[i];
		axis->grouping.count = (int64_t)words.count;
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
	int failed = special ? 0 : regcomp(&pattern, what, REG_EXTENDED | REG_NOSUB);
	if (failed) {
		char reason[128];
		regerror(failed, &pattern, reason, sizeof reason);
		return err_set(info, ERR_USAGE, "--hide %s: %s", what, reason);
	}
	for (int64_t i = 0; i < axis->length; i++)
		if (matches(&axis->tokens, (size_t)i, special ? NULL : &pattern))
			axis->grouping.group[i] = -1;
	if (!special)
		regfree(&pattern);
	return ERR_OK;
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
		if (axis->list.raw[i] != axis->list.text[i])
			free(axis->list.raw[i]);
		free(axis->list.text[i]);
	}
	axis->list.count = axis->list.count ? (size_t)count : 0;
	axis->grouping.count = count;
	return hidden;
}

/* The labels of groups of one token, as far as there are labels. */
static enum err copy_labels(struct token_axis *axis, struct err_info *info)
{
	struct tokens *list = &axis->list;
	if (list->text || !axis->tokens.count)
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

static enum err group_tokens(struct token_axis *axis, struct err_info *info)
{
	bool tokens = axis->tokens.count;
	enum err err = start_groups(axis, info);
	if (!err && tokens && given.words)
		err = merge_words(axis, info);
	axis->merged = !err && axis->grouping.count < axis->length;
	for (size_t i = 0; !err && tokens && i < given.hide.count; i++)
		err = hide_matches(axis, given.hide.item[i], info);
	if (err)
		return err;
	axis->hidden = close_gaps(axis);
	return copy_labels(axis, info);
}

/* Every token in the group of its span, the others in none. */
static enum err group_spans(struct token_axis *axis, const struct spans *spans, struct err_info *info)
{
	const char **name = mem_array(spans->count, sizeof *name);
	size_t *length = mem_array(spans->count, sizeof *length);
	enum err err = name && length ? start_groups(axis, info) : err_nomem(info, "the spans");
	for (int64_t i = 0; !err && i < axis->length; i++)
		axis->grouping.group[i] = -1;
	for (size_t i = 0; !err && i < spans->count; i++) {
		for (int64_t token = spans->span[i].begin; token < spans->span[i].end; token++)
			axis->grouping.group[token] = (int64_t)i;
		name[i] = spans->span[i].name;
		length[i] = strlen(name[i]);
	}
	axis->grouping.count = (int64_t)spans->count;
	if (!err)
		err = tokens_from_raw(&axis->list, name, length, spans->count, true, info);
	free(length);
	free(name);
	return err;
}

static void replace_labels(struct labels *labels, struct token_axis *query, struct token_axis *key)
{
	struct labels fresh = { .query_list = query->list, .key_list = key->list };
	fresh.query = (const char *const *)fresh.query_list.text;
	fresh.raw_query = (const char *const *)fresh.query_list.raw;
	fresh.key = (const char *const *)fresh.key_list.text;
	fresh.raw_key = (const char *const *)fresh.key_list.raw;
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

/* How many groups begin before a token. */
static int64_t groups_before(const struct grouping *grouping, int64_t token)
{
	while (token > 0 && grouping->group[token - 1] < 0)
		token--;
	return token > 0 ? grouping->group[token - 1] + 1 : 0;
}

/* The spans in positions of the groups: a group is in the span that its first token is in, and a span without a group is gone. */
static enum err regroup_spans(struct spans *spans, const struct token_axis *axis, struct err_info *info)
{
	struct spans fresh = { 0 };
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < spans->count; i++) {
		const struct span *span = &spans->span[i];
		int64_t begin = groups_before(&axis->grouping, span->begin), end = groups_before(&axis->grouping, span->end);
		if (begin < end)
			err = spans_add(&fresh, span->name, strlen(span->name), begin, end, info);
	}
	if (!err && spans->count && !fresh.count)
		err = err_set(info, ERR_SHAPE, "every token of the spans of the %s is left out", axis->name);
	spans_release(spans);
	*spans = fresh;
	return err;
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

static void describe_changes(const struct token_axis *query, const struct token_axis *key, struct strbuf *what)
{
	if (given.words)
		note_unmerged(query, key);
	if (query->merged || key->merged)
		strbuf_addstr(what, "sub-words merged (sums over keys, means over queries)");
	if (query->hidden + key->hidden)
		strbuf_addf(what, "%s%" PRId64 " queries and %" PRId64 " keys hidden", what->len ? ", " : "", query->hidden, key->hidden);
	if (given.hide.count && query->hidden + key->hidden == 0)
		message_note("--hide leaves nothing out: no token matches");
}

static enum err apply_tokens(struct source **source, struct labels *labels, struct axis_spans *spans, struct err_info *info)
{
	struct token_axis query, key;
	struct strbuf what;
	axes_of(*source, labels, &query, &key);
	strbuf_init(&what);
	enum err err = need_tokens(&query, &key, info);
	if (!err)
		err = group_tokens(&query, info);
	if (!err)
		err = group_tokens(&key, info);
	if (!err)
		err = regroup_spans(&spans->query, &query, info);
	if (!err)
		err = regroup_spans(&spans->key, &key, info);
	if (!err)
		describe_changes(&query, &key, &what);
	if (!err && strbuf_failed(&what))
		err = err_nomem(info, "the groups");
	if (!err && what.len)
		err = wrap(source, labels, &query, &key, what.buf, info);
	strbuf_release(&what);
	axis_release(&query);
	axis_release(&key);
	return err;
}

static enum err group_axis(struct token_axis *axis, const struct spans *spans, struct err_info *info)
{
	if (spans->count)
		return group_spans(axis, spans, info);
	enum err err = start_groups(axis, info);
	return err ? err : copy_labels(axis, info);
}

enum err grouping_by_spans(struct source **source, struct labels *labels, const struct axis_spans *spans, struct err_info *info)
{
	struct token_axis query, key;
	axes_of(*source, labels, &query, &key);
	enum err err = group_axis(&query, &spans->query, info);
	if (!err)
		err = group_axis(&key, &spans->key, info);
	if (!err)
		err = wrap(source, labels, &query, &key, "spans: sums over keys, means over queries", info);
	axis_release(&query);
	axis_release(&key);
	return err;
}

void axis_spans_release(struct axis_spans *spans)
{
	spans_release(&spans->query);
	spans_release(&spans->key);
}

/* The spans of a file that lie in [shift, shift + length), counted from shift. */
static enum err spans_of_axis(const struct spans *all, int64_t shift, int64_t length, const char *name, struct spans *spans, struct err_info *info)
{
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < all->count; i++) {
		const struct span *span = &all->span[i];
		int64_t begin = span->begin > shift ? span->begin - shift : 0, end = span->end - shift < length ? span->end - shift : length;
		if (begin < end)
			err = spans_add(spans, span->name, strlen(span->name), begin, end, info);
	}
	if (!err && !spans->count)
		err = err_set(info, ERR_SHAPE, "none of the spans has any of the %" PRId64 " %s", length, name);
	return err;
}

/* Spans of one axis. */
static enum err read_spans(const char *file, int64_t length, const char *name, struct spans *spans, struct err_info *info)
{
	enum err err = spans_read(spans, file, info);
	const struct span *last = err ? NULL : &spans->span[spans->count - 1];
	if (last && last->end > length)
		return err_set(info, ERR_SHAPE, "%s: '%s' ends at %" PRId64 ", but there are %" PRId64 " %s", file, last->name, last->end, length, name);
	return err;
}

/* --spans counts keys; where there are fewer queries (a KV cache), those stand at some of them. Where only one axis has tokens, the spans are its own. */
static enum err read_shared_spans(const struct source *source, int64_t batch, const struct labels *labels, struct axis_spans *spans, struct err_info *info)
{
	if (labels->query && !labels->key)
		return read_spans(given.spans, source->queries, "queries", &spans->query, info);
	enum err err = read_spans(given.spans, source->keys, "keys", &spans->key, info);
	if (err || (labels->key && !labels->query))
		return err;
	return spans_of_axis(&spans->key, source_place(source, batch), source->queries, "queries", &spans->query, info);
}

static enum err read_all_spans(const struct source *source, int64_t batch, const struct labels *labels, struct axis_spans *spans, struct err_info *info)
{
	if (given.spans && (given.query_spans || given.key_spans))
		return err_set(info, ERR_USAGE, "--spans is for both axes: without --query-spans and --key-spans");
	if (given.by_span && !given.spans && !given.query_spans && !given.key_spans)
		return err_set(info, ERR_USAGE, "--by-span needs --spans FILE");
	if (given.spans)
		return read_shared_spans(source, batch, labels, spans, info);
	enum err err = given.query_spans ? read_spans(given.query_spans, source->queries, "queries", &spans->query, info) : ERR_OK;
	return !err && given.key_spans ? read_spans(given.key_spans, source->keys, "keys", &spans->key, info) : err;
}

bool grouping_given(void)
{
	return given.words || given.hide.count || given.by_span;
}

/* Groups are those of an axis, for all items: the queries of each must stand at the same keys where the keys' tokens or spans are theirs. */
static enum err check_places(const struct source *source, const struct selection *selection, const struct labels *labels, struct err_info *info)
{
	bool by_tokens = (given.words || given.hide.count) && labels_are_shared(labels), by_spans = given.spans && !labels->query == !labels->key;
	const int64_t *batch = selection->batch;
	for (size_t i = 1; i < selection->batches && (by_tokens || by_spans); i++)
		if (source_place(source, batch[i]) != source_place(source, batch[0]))
			return err_set(info, ERR_USAGE, "the queries of items %" PRId64 " and %" PRId64 " stand at different keys, %" PRId64 " and %" PRId64
				       " on: choose an item with --batch, or give %s", batch[0], batch[i], source_place(source, batch[0]),
				       source_place(source, batch[i]), by_tokens ? "--query-tokens" : "--query-spans and --key-spans");
	return ERR_OK;
}

enum err grouping_apply(struct source **source, const struct selection *selection, struct labels *labels, struct axis_spans *spans, struct err_info *info)
{
	*spans = (struct axis_spans){ 0 };
	enum err err = check_places(*source, selection, labels, info);
	if (!err)
		err = read_all_spans(*source, selection->batch[0], labels, spans, info);
	if (!err && (given.words || given.hide.count))
		err = apply_tokens(source, labels, spans, info);
	if (err || !given.by_span)
		return err;
	err = grouping_by_spans(source, labels, spans, info);
	axis_spans_release(spans);
	return err;
}
