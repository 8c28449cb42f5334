/* SPDX-License-Identifier: MIT */
#include "tensor/tokens.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "tensor/reader.h"
#include "tensor/token_marks.h"

/* JSON takes many times its own size in memory while it is read. */
enum { JSON_SIZE_MAX = 256 << 20 };

/* Strings being collected. They lie one after another in `bytes`. */
struct collection {
	struct strbuf bytes;
	size_t *end;
	size_t count, capacity;
	struct err_info *info;
};

static void collection_release(struct collection *collection)
{
	strbuf_release(&collection->bytes);
	free(collection->end);
}

/* Close the token whose bytes were appended since the last. */
static enum err collection_close_token(struct collection *collection)
{
	void *end = collection->end;
	if (collection->count == TOKENS_MAX)
		return err_set(collection->info, ERR_UNSUPPORTED, "more than %d tokens", TOKENS_MAX);
	if (strbuf_failed(&collection->bytes) || !mem_grow(&end, &collection->capacity, collection->count + 1, sizeof(size_t)))
		return err_nomem(collection->info, "tokens");
	collection->end = end;
	collection->end[collection->count++] = collection->bytes.len;
	return ERR_OK;
}

static enum err tokens_alloc(struct tokens *tokens, size_t count, struct err_info *info)
{
	memset(tokens, 0, sizeof *tokens);
	tokens->text = mem_zero_array(count, sizeof(char *));
	tokens->raw = mem_zero_array(count, sizeof(char *));
	tokens->count = count;
	if (tokens->text && tokens->raw)
		return ERR_OK;
	tokens->count = 0;
	tokens_release(tokens);
	return err_nomem(info, "tokens");
}

static bool tokens_set(struct tokens *tokens, size_t i, const char *raw, size_t length, const struct strbuf *label)
{
	tokens->text[i] = strndup(label->buf, label->len);
	bool same = label->len == length && memcmp(label->buf, raw, length) == 0;
	tokens->raw[i] = same ? tokens->text[i] : strndup(raw, length);
	return tokens->text[i] && tokens->raw[i] && !strbuf_failed(label);
}

enum err tokens_with_marks(struct tokens *tokens, const char *const *raw, const size_t *length, size_t count, enum token_marks marks,
			   bool keep_marks, struct err_info *info)
{
	enum err err = tokens_alloc(tokens, count, info);
	if (err)
		return err;
	tokens->marks = (int)marks;
	struct strbuf text, label;
	strbuf_init(&text);
	strbuf_init(&label);
	bool good = true;
	for (size_t i = 0; good && i < count; i++) {
		strbuf_clear(&text);
		strbuf_clear(&label);
		if (keep_marks) {
			utf8_append_visible(&label, raw[i], length[i]);
		} else {
			token_marks_decode(marks, raw[i], length[i], &text);
			token_marks_label(text.buf, text.len, &label);
		}
		good = !strbuf_failed(&text) && tokens_set(tokens, i, raw[i], length[i], &label);
	}
	strbuf_release(&text);
	strbuf_release(&label);
	if (good)
		return ERR_OK;
	tokens_release(tokens);
	return err_nomem(info, "tokens");
}

enum err tokens_from_raw(struct tokens *tokens, const char *const *raw, const size_t *length, size_t count, bool keep_marks,
			 struct err_info *info)
{
	return tokens_with_marks(tokens, raw, length, count, token_marks_find(raw, length, count), keep_marks, info);
}

static enum err tokens_from_collection(struct tokens *tokens, const struct collection *collection, bool keep_marks)
{
	size_t count = collection->count;
	const char **raw = mem_array(count, sizeof *raw);
	size_t *length = mem_array(count, sizeof *length);
	enum err err = raw && length ? ERR_OK : err_nomem(collection->info, "tokens");
	for (size_t i = 0, start = 0; !err && i < count; start = collection->end[i++]) {
		raw[i] = collection->bytes.buf + start;
		length[i] = collection->end[i] - start;
	}
	if (!err)
		err = tokens_from_raw(tokens, raw, length, count, keep_marks, collection->info);
	free(raw);
	free(length);
	return err;
}

/* --- one token a line --- */

static void add_unescaped(struct strbuf *out, const char *line, size_t length)
{
	static const char escape[] = "nrt\\", byte[] = "\n\r\t\\";
	for (size_t i = 0; i < length; i++) {
		const char *known = line[i] == '\\' && i + 1 < length && line[i + 1] ? strchr(escape, line[i + 1]) : NULL;
		strbuf_addch(out, known ? byte[known - escape] : (unsigned char)line[i]);
		i += known != NULL;
	}
}

static enum err collect_lines(struct collection *collection, const char *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		const char *newline = memchr(bytes + at, '\n', size - at);
		size_t length = newline ? (size_t)(newline - bytes) - at : size - at;
		bool carriage_return = length && bytes[at + length - 1] == '\r';
		add_unescaped(&collection->bytes, bytes + at, length - carriage_return);
		enum err err = collection_close_token(collection);
		if (err)
			return err;
		at += length + (newline != NULL);
	}
	return ERR_OK;
}

/* --- JSON --- */

static enum err refuse_item(const struct collection *collection, const json_t *item)
{
	if (json_is_number(item))
		return err_set(collection->info, ERR_UNSUPPORTED,
			       "token %zu is a number: a list of ids needs a vocabulary (--ids FILE --vocab FILE)", collection->count);
	return err_set(collection->info, ERR_FORMAT,
		       "token %zu is neither a string nor an object with \"token\", \"content\", \"text\", \"str\" or \"piece\"",
		       collection->count);
}

static bool add_byte_list(struct collection *collection, const json_t *list)
{
	size_t i;
	json_t *byte;
	json_array_foreach(list, i, byte) {
		if (!json_is_integer(byte) || json_integer_value(byte) < 0 || json_integer_value(byte) > 255)
			return false;
		strbuf_addch(&collection->bytes, (int)json_integer_value(byte));
	}
	return true;
}

static enum err collect_item(struct collection *collection, const json_t *item)
{
	static const char *const members[] = { "token", "content", "text", "str", "piece" };
	const json_t *value = json_is_string(item) ? item : NULL;
	for (size_t i = 0; !value && i < sizeof members / sizeof members[0]; i++)
		value = json_object_get(item, members[i]);
	if (json_is_string(value))
		strbuf_add(&collection->bytes, json_string_value(value), json_string_length(value));
	else if (!json_is_array(value) || !add_byte_list(collection, value))
		return refuse_item(collection, item);
	return collection_close_token(collection);
}

static enum err collect_array(struct collection *collection, const json_t *list)
{
	if (json_array_size(list) == 1 && json_is_array(json_array_get(list, 0)))
		list = json_array_get(list, 0);
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		enum err err = collect_item(collection, item);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* A whole document, or one of the objects of JSON Lines. */
static enum err collect_document(struct collection *collection, const json_t *root)
{
	const json_t *list = json_is_object(root) ? json_object_get(root, "tokens") : root;
	return json_is_array(list) ? collect_array(collection, list) : collect_item(collection, root);
}

static size_t skip_space(const char *bytes, size_t size, size_t at)
{
	while (at < size && memchr(" \t\r\n", bytes[at], 4))
		at++;
	return at;
}

static enum err collect_json(struct collection *collection, const char *bytes, size_t size)
{
	size_t at = 0, documents = 0;
	while ((at = skip_space(bytes, size, at)) < size) {
		json_error_t error;
		json_t *root = json_loadb(bytes + at, size - at, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &error);
		if (!root) {
			err_set(collection->info, ERR_FORMAT, "broken JSON: %s", error.text);
			if (collection->info)
				err_at(collection->info, at + (uint64_t)(error.position > 0 ? error.position : 0));
			return ERR_FORMAT;
		}
		at += (size_t)error.position;
		bool stray = documents++ && !json_is_object(root);
		enum err err = stray ? err_set(collection->info, ERR_FORMAT, "something follows the JSON list") : ERR_OK;
		if (!err)
			err = collect_document(collection, root);
		json_decref(root);
		if (err)
			return err;
	}
	return ERR_OK;
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), wanted = strlen(suffix);
	return length >= wanted && strcmp(text + length - wanted, suffix) == 0;
}

/* "[CLS]" and "{" may be a first token; an opening bracket and a quote, brace, bracket or number begin JSON. */
static bool looks_like_json(const char *bytes, size_t size)
{
	size_t at = skip_space(bytes, size, 0);
	if (at == size || (bytes[at] != '[' && bytes[at] != '{'))
		return false;
	bool object = bytes[at] == '{';
	at = skip_space(bytes, size, at + 1);
	return at < size && bytes[at] && strchr(object ? "\"}" : "\"{[]0123456789-", bytes[at]);
}

static enum err collect(struct collection *collection, const char *bytes, size_t size, const char *file)
{
	struct err_info broken = { 0 }, *info = collection->info;
	if (!ends_with(file, ".json") && !ends_with(file, ".jsonl") && !looks_like_json(bytes, size))
		return collect_lines(collection, bytes, size);
	if (size > JSON_SIZE_MAX)
		return err_set(info, ERR_UNSUPPORTED, "%zu bytes of JSON are too much for a token list", size);
	if (!ends_with(file, ".txt"))
		return collect_json(collection, bytes, size);

	/* The tokens of a JSON text, one per line, look like JSON as well. */
	collection->info = &broken;
	enum err err = collect_json(collection, bytes, size);
	collection->info = info;
	if (!err)
		return ERR_OK;
	strbuf_clear(&collection->bytes);
	collection->count = 0;
	return collect_lines(collection, bytes, size);
}

enum err tokens_parse(struct tokens *tokens, const char *bytes, size_t size, const char *file, bool keep_marks, struct err_info *info)
{
	memset(tokens, 0, sizeof *tokens);
	if (size >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
		return err_set(info, ERR_UNSUPPORTED, "the text is UTF-16: save it as UTF-8");
	size_t mark = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	struct collection collection = { .info = info };
	strbuf_init(&collection.bytes);
	enum err err = collect(&collection, bytes + mark, size - mark, file);
	if (!err)
		err = tokens_from_collection(tokens, &collection, keep_marks);
	collection_release(&collection);
	return err;
}

enum err tokens_read(struct tokens *tokens, const char *file, bool keep_marks, struct err_info *info)
{
	struct err_info scratch = { 0 };
	if (!info)
		info = &scratch;
	memset(tokens, 0, sizeof *tokens);
	struct bytes bytes;
	enum err err = bytes_open(&bytes, file, info);
	if (!err) {
		err = tokens_parse(tokens, (const char *)bytes.data, (size_t)bytes.size, file, keep_marks, info);
		bytes_release(&bytes);
	}
	if (err)
		err_in_file(info, strcmp(file, "-") == 0 ? "standard input" : file);
	return err;
}

enum err tokens_numbered(struct tokens *tokens, size_t count, struct err_info *info)
{
	enum err err = tokens_alloc(tokens, count, info);
	for (size_t i = 0; !err && i < count; i++) {
		if (asprintf(&tokens->text[i], "%zu", i) < 0) {
			tokens->text[i] = NULL;
			err = err_nomem(info, "tokens");
		}
		tokens->raw[i] = tokens->text[i];
	}
	if (err)
		tokens_release(tokens);
	return err;
}

void tokens_release(struct tokens *tokens)
{
	for (size_t i = 0; i < tokens->count; i++) {
		if (tokens->raw[i] != tokens->text[i])
			free(tokens->raw[i]);
		free(tokens->text[i]);
	}
	free(tokens->text);
	free(tokens->raw);
	memset(tokens, 0, sizeof *tokens);
}
