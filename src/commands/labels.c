/* SPDX-License-Identifier: MIT */
#include "commands/labels.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/fit.h"
#include "commands/model_inputs.h"
#include "tensor/vocab.h"

/* One list may come as tokens or as ids. */
struct list_options {
	const char *tokens, *ids;
};

static struct {
	struct list_options both, query, key;
	const char *vocab;
	bool raw;
} given;

const struct option_row label_rows[] = {
	OPTION_STRING('t', "tokens", "FILE", &given.both.tokens, "tokens of both axes: one per line, or JSON"),
	OPTION_STRING(0, "query-tokens", "FILE", &given.query.tokens, "tokens of the queries"),
	OPTION_STRING(0, "key-tokens", "FILE", &given.key.tokens, "tokens of the keys"),
	OPTION_STRING(0, "ids", "FILE[:NAME]", &given.both.ids, "token ids of both axes: integers, as an array, JSON or text"),
	OPTION_STRING(0, "query-ids", "FILE[:NAME]", &given.query.ids, "token ids of the queries"),
	OPTION_STRING(0, "key-ids", "FILE[:NAME]", &given.key.ids, "token ids of the keys"),
	OPTION_STRING(0, "vocab", "FILE", &given.vocab, "vocabulary for token ids: tokenizer.json, vocab.json, vocab.txt, .tiktoken"),
	OPTION_FLAG(0, "raw-tokens", &given.raw, "do not replace the space marks of tokenizers"),
	OPTION_END
};

static bool is_given(const struct list_options *list)
{
	return list->tokens || list->ids;
}

/* An id without a vocabulary is its own label. */
static enum err numbered_tokens(struct tokens *tokens, const int64_t *id, size_t count, struct err_info *info)
{
	tokens->text = mem_zero_array(count, sizeof *tokens->text);
	tokens->raw = mem_zero_array(count, sizeof *tokens->raw);
	if (!tokens->text || !tokens->raw)
		return err_nomem(info, "the tokens");
	for (tokens->count = 0; tokens->count < count; tokens->count++) {
		char **both[] = { &tokens->text[tokens->count], &tokens->raw[tokens->count] };
		for (int i = 0; i < 2; i++) {
			struct strbuf text;
			strbuf_init(&text);
			strbuf_addf(&text, "%" PRId64, id[tokens->count]);
			*both[i] = strbuf_detach(&text);
			if (!*both[i]) {
				free(tokens->text[tokens->count]);
				return err_nomem(info, "the tokens");
			}
		}
	}
	return ERR_OK;
}

static enum err read_ids(const char *spec, int64_t batch, struct tokens *tokens, struct err_info *info)
{
	struct vocab vocab = { 0 };
	int64_t *id = NULL;
	size_t count = 0;
	enum err err = vocab_read_ids(spec, batch, &id, &count, info);
	if (err)
		return err_in_file(info, spec);
	const char *file = given.vocab ? given.vocab : model_vocabulary();
	if (file)
		err = vocab_open(&vocab, file, info);
	if (!err)
		err = file ? vocab_tokens(tokens, &vocab, id, count, given.raw, info) : numbered_tokens(tokens, id, count, info);
	free(id);
	vocab_release(&vocab);
	return err ? err_in_file(info, file) : ERR_OK;
}

/* An axis that a list is for. */
struct label_axis {
	const char *name;
	const struct role *role;
	int64_t length;
	struct tokens *list;
	const char *const **text, *const **raw;
};

static enum err read_list(const struct list_options *list, int64_t batch, const struct label_axis *axis, struct err_info *info)
{
	const char *file = list->tokens ? list->tokens : list->ids;
	enum err err = list->tokens ? tokens_read(axis->list, file, given.raw, info) : read_ids(file, batch, axis->list, info);
	if (!err)
		err = fit_tokens(axis->role, axis->name, file, axis->list->count, axis->length, info);
	if (!err) {
		*axis->text = (const char *const *)axis->list->text;
		*axis->raw = (const char *const *)axis->list->raw;
	}
	return err;
}

static enum err check_options(struct err_info *info)
{
	const struct list_options *lists[] = { &given.both, &given.query, &given.key };
	bool ids = false;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		if (lists[i]->tokens && lists[i]->ids)
			return err_set(info, ERR_USAGE, "the same axis by tokens and by ids: give one of them");
		ids = ids || lists[i]->ids;
	}
	if (given.vocab && !ids)
		return err_set(info, ERR_USAGE, "--vocab needs the ids: --ids, --query-ids or --key-ids");
	return ERR_OK;
}

bool labels_are_shared(const struct labels *labels)
{
	return labels->query && !labels->query_list.count;
}

/* The tokens of the keys that the queries stand at. */
static enum err place_queries(struct labels *labels, const struct labels_of *of, struct err_info *info)
{
	if (of->place >= 0 && of->place + of->queries <= of->keys) {
		labels->query = labels->key + of->place;
		labels->raw_query = labels->raw_key + of->place;
		return ERR_OK;
	}
	labels->placed = mem_array((size_t)of->queries, 2 * sizeof *labels->placed);
	if (!labels->placed)
		return err_nomem(info, "the tokens of the queries");
	for (int64_t i = 0; i < of->queries; i++) {
		int64_t key = i + of->place;
		bool is_key = key >= 0 && key < of->keys;
		labels->placed[i] = is_key ? labels->key[key] : "";
		labels->placed[of->queries + i] = is_key ? labels->raw_key[key] : "";
	}
	labels->query = labels->placed;
	labels->raw_query = labels->placed + of->queries;
	return ERR_OK;
}

enum err labels_open(struct labels *labels, const struct labels_of *of, struct err_info *info)
{
	*labels = (struct labels){ 0 };
	const struct label_axis queries = { "query", of->query, of->queries, &labels->query_list, &labels->query, &labels->raw_query };
	const struct label_axis keys = { "key", of->key, of->keys, &labels->key_list, &labels->key, &labels->raw_key };
	enum err err = check_options(info);
	if (!err && (is_given(&given.key) || is_given(&given.both)))
		err = read_list(is_given(&given.key) ? &given.key : &given.both, of->batch, &keys, info);
	if (!err && is_given(&given.query))
		return read_list(&given.query, of->batch, &queries, info);
	if (err || !is_given(&given.both))
		return err;
	if (is_given(&given.key) || of->queries > of->keys)
		return read_list(&given.both, of->batch, &queries, info);
	return place_queries(labels, of, info);
}

void labels_release(struct labels *labels)
{
	tokens_release(&labels->query_list);
	tokens_release(&labels->key_list);
	free(labels->placed);
	*labels = (struct labels){ 0 };
}
