#include "commands/labels.h"

#include "commands/fit.h"

static struct {
	const char *tokens, *query_tokens, *key_tokens;
	bool raw;
} given;

const struct option_row label_rows[] = {
	OPTION_STRING('t', "tokens", "FILE", &given.tokens, "tokens of both axes: one a line, or JSON"),
	OPTION_STRING(0, "query-tokens", "FILE", &given.query_tokens, "tokens of the queries"),
	OPTION_STRING(0, "key-tokens", "FILE", &given.key_tokens, "tokens of the keys"),
	OPTION_FLAG(0, "raw-tokens", &given.raw, "keep the space marks of tokenizers as they are"),
	OPTION_END
};

static enum err read_axis(const char *file, const struct role *role, const char *axis, int64_t length, struct tokens *list, const char *const **text,
			  const char *const **raw, struct err_info *info)
{
	enum err err = tokens_read(list, file, given.raw, info);
	if (!err)
		err = fit_tokens(role, axis, file, list->count, length, info);
	if (!err) {
		*text = (const char *const *)list->text;
		*raw = (const char *const *)list->raw;
	}
	return err;
}

enum err labels_open(struct labels *labels, const struct source *source, const struct role *query, const struct role *key, struct err_info *info)
{
	*labels = (struct labels){ 0 };
	const char *query_file = given.query_tokens, *key_file = given.key_tokens ? given.key_tokens : given.tokens;
	enum err err = ERR_OK;
	if (key_file)
		err = read_axis(key_file, key, "key", source->keys, &labels->key_list, &labels->key, &labels->raw_key, info);
	if (!err && query_file)
		return read_axis(query_file, query, "query", source->queries, &labels->query_list, &labels->query, &labels->raw_query, info);
	if (err || !given.tokens)
		return err;
	if (given.key_tokens)
		return read_axis(given.tokens, query, "query", source->queries, &labels->query_list, &labels->query, &labels->raw_query, info);
	if (source->queries > source->keys)
		return fit_tokens(query, "query", given.tokens, labels->key_list.count, source->queries, info);
	labels->query = labels->key + (source->keys - source->queries);
	labels->raw_query = labels->raw_key + (source->keys - source->queries);
	return ERR_OK;
}

void labels_release(struct labels *labels)
{
	tokens_release(&labels->query_list);
	tokens_release(&labels->key_list);
	*labels = (struct labels){ 0 };
}
