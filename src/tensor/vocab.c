/* SPDX-License-Identifier: MIT */
#include "tensor/vocab.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "tensor/reader.h"
#include "tensor/token_marks.h"

enum { JSON_SIZE_MAX = 256 << 20, ID_MAX = INT32_MAX };

struct vocab_entry {
	int64_t id;
	size_t order; /* the later of two with one id wins */
	size_t start, length;
};

struct building {
	struct strbuf text;
	struct vocab_entry *entry;
	size_t count, capacity;
	bool plain; /* tokens are text as it is: no mark but a space */
	struct err_info *info;
};

/* Close the token whose bytes were appended since `start`. */
static enum err add_entry(struct building *building, size_t start, int64_t id)
{
	if (id < 0 || id > ID_MAX)
		return err_set(building->info, ERR_FORMAT, "the vocabulary gives a token the id %lld", (long long)id);
	void *entry = building->entry;
	if (strbuf_failed(&building->text) || !mem_grow(&entry, &building->capacity, building->count + 1, sizeof *building->entry))
		return err_nomem(building->info, "the vocabulary");
	building->entry = entry;
	building->entry[building->count] = (struct vocab_entry){
		.id = id, .order = building->count, .start = start, .length = building->text.len - start,
	};
	building->count++;
	return ERR_OK;
}

static enum err add_token(struct building *building, const char *token, size_t length, int64_t id)
{
	size_t start = building->text.len;
	strbuf_add(&building->text, token, length);
	return add_entry(building, start, id);
}

/* --- JSON --- */

static enum err add_object(struct building *building, const json_t *map)
{
	const char *token;
	json_t *id;
	json_object_foreach((json_t *)map, token, id) {
		if (!json_is_integer(id))
			return err_set(building->info, ERR_FORMAT, "the vocabulary gives a token no integer as its id");
		enum err err = add_token(building, token, strlen(token), json_integer_value(id));
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err add_unigram(struct building *building, const json_t *list)
{
	size_t i;
	json_t *pair;
	json_array_foreach(list, i, pair) {
		const json_t *token = json_array_get(pair, 0);
		if (!json_is_string(token))
			return err_set(building->info, ERR_FORMAT, "entry %zu of the vocabulary is no pair of a token and a score", i);
		enum err err = add_token(building, json_string_value(token), json_string_length(token), (int64_t)i);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err add_added(struct building *building, const json_t *list)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		const json_t *token = json_object_get(item, "content"), *id = json_object_get(item, "id");
		if (!json_is_string(token) || !json_is_integer(id))
			return err_set(building->info, ERR_FORMAT, "added token %zu has no content and id", i);
		enum err err = add_token(building, json_string_value(token), json_string_length(token), json_integer_value(id));
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err add_tokenizer(struct building *building, const json_t *root)
{
	const json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
	enum err err = json_is_array(vocab) ? add_unigram(building, vocab) : add_object(building, vocab);
	return err ? err : add_added(building, json_object_get(root, "added_tokens"));
}

static enum err add_json(struct building *building, const char *bytes, size_t size)
{
	if (size > JSON_SIZE_MAX)
		return err_set(building->info, ERR_UNSUPPORTED, "%zu bytes of JSON are too much for a vocabulary", size);
	json_error_t error;
	json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!root) {
		err_set(building->info, ERR_FORMAT, "the vocabulary is broken JSON: %s", error.text);
		if (building->info)
			err_at(building->info, (uint64_t)(error.position > 0 ? error.position : 0));
		return ERR_FORMAT;
	}
	const json_t *model = json_object_get(root, "model");
	bool has_vocab = json_object_get(model, "vocab") != NULL;
	enum err err;
	if (json_is_object(model) && !has_vocab)
		err = err_set(building->info, ERR_UNSUPPORTED, "the tokenizer holds no vocabulary (model.vocab)");
	else
		err = has_vocab ? add_tokenizer(building, root) : add_object(building, root);
	json_decref(root);
	return err;
}

/* --- lines --- */

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *place = c ? strchr(digits, c) : NULL;
	return place ? (int)(place - digits) : -1;
}

static bool add_base64(struct strbuf *out, const char *text, size_t length)
{
	unsigned bits = 0;
	int count = 0;
	size_t end = length;
	while (end > 0 && length - end < 2 && text[end - 1] == '=')
		end--;
	if (length == 0 || length % 4 != 0)
		return false;
	for (size_t i = 0; i < end; i++) {
		int digit = base64_digit(text[i]);
		if (digit < 0)
			return false;
		bits = bits << 6 | (unsigned)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			strbuf_addch(out, (int)(bits >> count & 0xff));
		}
	}
	return true;
}

static bool read_rank(const char *text, size_t length, int64_t *rank)
{
	*rank = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || *rank > ID_MAX)
			return false;
		*rank = *rank * 10 + (text[i] - '0');
	}
	return length > 0;
}

/* A line "base64 rank". Appends the bytes to `out`. */
static bool read_tiktoken(const char *line, size_t length, struct strbuf *out, int64_t *rank)
{
	const char *space = memchr(line, ' ', length);
	size_t before = space ? (size_t)(space - line) : 0;
	return space && read_rank(space + 1, length - before - 1, rank) && add_base64(out, line, before);
}

struct line {
	const char *text;
	size_t length;
};

static bool next_line(const char *bytes, size_t size, size_t *at, struct line *line)
{
	if (*at >= size)
		return false;
	const char *newline = memchr(bytes + *at, '\n', size - *at);
	line->text = bytes + *at;
	line->length = newline ? (size_t)(newline - line->text) : size - *at;
	*at += line->length + (newline != NULL);
	if (line->length && line->text[line->length - 1] == '\r')
		line->length--;
	return true;
}

/* The first line tells; a vocab.txt whose first line looks so is hard to imagine. */
static bool is_tiktoken(const char *bytes, size_t size)
{
	struct line line;
	struct strbuf scratch;
	strbuf_init(&scratch);
	size_t at = 0;
	int64_t rank;
	bool is = next_line(bytes, size, &at, &line) && read_tiktoken(line.text, line.length, &scratch, &rank);
	strbuf_release(&scratch);
	return is;
}

static enum err add_tiktoken(struct building *building, const char *bytes, size_t size)
{
	struct line line;
	size_t number = 0;
	for (size_t at = 0; next_line(bytes, size, &at, &line);) {
		size_t start = building->text.len;
		int64_t rank;
		number++;
		if (line.length == 0)
			continue;
		if (!read_tiktoken(line.text, line.length, &building->text, &rank))
			return err_set(building->info, ERR_FORMAT, "line %zu of the vocabulary is not \"base64 rank\"", number);
		enum err err = add_entry(building, start, rank);
		if (err)
			return err;
	}
	return ERR_OK;
}

static bool is_score(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!memchr("+-.0123456789eE", text[i], 15))
			return false;
	return length > 0;
}

static enum err add_lines(struct building *building, const char *bytes, size_t size)
{
	struct line line;
	int64_t id = 0;
	for (size_t at = 0; next_line(bytes, size, &at, &line);) {
		const char *tab = memrchr(line.text, '\t', line.length);
		size_t before = tab ? (size_t)(tab - line.text) : line.length;
		bool scored = tab && before > 0 && is_score(tab + 1, line.length - before - 1);
		enum err err = add_token(building, line.text, scored ? before : line.length, id++);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* --- the whole --- */

static enum err refuse_model(const char *bytes, size_t size, struct err_info *info)
{
	if (size >= 4 && memcmp(bytes, "GGUF", 4) == 0)
		return err_set(info, ERR_UNSUPPORTED, "a GGUF model is no vocabulary: give the tokenizer.json");
	if (memchr(bytes, '\0', size < 4096 ? size : 4096) || (size >= 2 && bytes[0] == '\n' && (unsigned char)bytes[1] < ' '))
		return err_set(info, ERR_UNSUPPORTED,
			       "a binary file (a SentencePiece model?) is no vocabulary: give the tokenizer.json or the .vocab");
	return ERR_OK;
}

static int compare_entries(const void *a, const void *b)
{
	const struct vocab_entry *x = a, *y = b;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void keep_last_of_each_id(struct building *building)
{
	size_t kept = 0;
	qsort(building->entry, building->count, sizeof *building->entry, compare_entries);
	for (size_t i = 0; i < building->count; i++)
		if (i + 1 == building->count || building->entry[i + 1].id != building->entry[i].id)
			building->entry[kept++] = building->entry[i];
	building->count = kept;
}

static enum err find_marks(struct vocab *vocab, struct err_info *info)
{
	const char **raw = mem_array(vocab->count, sizeof *raw);
	size_t *length = mem_array(vocab->count, sizeof *length);
	enum err err = raw && length ? ERR_OK : err_nomem(info, "the vocabulary");
	for (size_t i = 0; !err && i < vocab->count; i++) {
		raw[i] = vocab->text + vocab->entry[i].start;
		length[i] = vocab->entry[i].length;
	}
	if (!err)
		vocab->marks = (int)token_marks_find(raw, length, vocab->count);
	free(raw);
	free(length);
	return err;
}

static enum err build(struct building *building, const char *bytes, size_t size)
{
	size_t at = 0;
	while (at < size && memchr(" \t\r\n", bytes[at], 4))
		at++;
	bool tiktoken = is_tiktoken(bytes, size);
	if (!tiktoken && at < size && bytes[at] == '{' && memchr(bytes + at, ':', size - at))
		return add_json(building, bytes, size);
	building->plain = tiktoken;
	return tiktoken ? add_tiktoken(building, bytes, size) : add_lines(building, bytes, size);
}

enum err vocab_parse(struct vocab *vocab, const char *bytes, size_t size, struct err_info *info)
{
	memset(vocab, 0, sizeof *vocab);
	enum err err = size ? refuse_model(bytes, size, info) : err_set(info, ERR_FORMAT, "the vocabulary is empty");
	if (err)
		return err;
	struct building building = { .info = info };
	strbuf_init(&building.text);
	err = build(&building, bytes, size);
	if (!err && building.count == 0)
		err = err_set(info, ERR_FORMAT, "the vocabulary is empty");
	if (!err) {
		keep_last_of_each_id(&building);
		vocab->entry = building.entry;
		vocab->count = building.count;
		vocab->text = strbuf_detach(&building.text);
		building.entry = NULL;
		vocab->marks = MARKS_SPACE;
		err = !vocab->text ? err_nomem(info, "the vocabulary") : building.plain ? ERR_OK : find_marks(vocab, info);
	}
	free(building.entry);
	strbuf_release(&building.text);
	if (err)
		vocab_release(vocab);
	return err;
}

enum err vocab_open(struct vocab *vocab, const char *file, struct err_info *info)
{
	struct err_info scratch = { 0 };
	if (!info)
		info = &scratch;
	memset(vocab, 0, sizeof *vocab);
	struct bytes bytes;
	enum err err = bytes_open(&bytes, file, info);
	if (!err) {
		err = vocab_parse(vocab, (const char *)bytes.data, (size_t)bytes.size, info);
		bytes_release(&bytes);
	}
	if (err)
		err_in_file(info, strcmp(file, "-") == 0 ? "standard input" : file);
	return err;
}

void vocab_release(struct vocab *vocab)
{
	free(vocab->entry);
	free(vocab->text);
	memset(vocab, 0, sizeof *vocab);
}

static int compare_id(const void *key, const void *entry)
{
	int64_t id = *(const int64_t *)key, other = ((const struct vocab_entry *)entry)->id;
	return id < other ? -1 : id > other;
}

const char *vocab_token(const struct vocab *vocab, int64_t id, size_t *length)
{
	const struct vocab_entry *found = bsearch(&id, vocab->entry, vocab->count, sizeof *vocab->entry, compare_id);
	if (!found)
		return NULL;
	*length = found->length;
	return vocab->text + found->start;
}

enum err vocab_tokens(struct tokens *tokens, const struct vocab *vocab, const int64_t *id, size_t count, bool keep_marks,
		      struct err_info *info)
{
	memset(tokens, 0, sizeof *tokens);
	const char **raw = mem_array(count, sizeof *raw);
	size_t *length = mem_array(count, sizeof *length);
	enum err err = raw && length ? ERR_OK : err_nomem(info, "tokens");
	for (size_t i = 0; !err && i < count; i++) {
		raw[i] = vocab_token(vocab, id[i], &length[i]);
		if (!raw[i])
			err = err_set(info, ERR_VALUE, "id %lld (position %zu) is not in the vocabulary of %zu tokens: is it the "
				      "model's own?", (long long)id[i], i, vocab->count);
	}
	if (!err)
		err = tokens_with_marks(tokens, raw, length, count, (enum token_marks)vocab->marks, keep_marks, info);
	free(raw);
	free(length);
	return err;
}
