/* SPDX-License-Identifier: MIT */
#include "commands/masking.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "mechanism/mask_layout.h"
#include "tensor/layout.h"

static const struct word dead_row_words[] = {
	{ "zero", DEAD_ROWS_ZERO }, { "uniform", DEAD_ROWS_UNIFORM }, { "nan", DEAD_ROWS_NAN }, WORD_END,
};

static const struct word mask_keys_words[] = {
	{ "all", MASK_KEYS_ALL }, { "first", MASK_KEYS_FIRST }, { "last", MASK_KEYS_LAST }, WORD_END,
};

static struct {
	const char *causal, *window, *mask, *key_lengths, *key_begin, *query_lengths;
	int64_t past, chunk, keep_first;
	int dead_rows, mask_keys;
	bool has_past, whole_context;
} given = { .mask_keys = MASK_KEYS_ALL };

static const int64_t LENGTH_MAX = INT64_C(1000000000000000);

const struct option_row masking_rows[] = {
	OPTION_OPTIONAL('c', "causal", "SIDE", &given.causal, "hide later keys; top-left or bottom-right where lengths differ (default: bottom-right for more keys than queries)"),
	{ .kind = OPTION_KIND_INT, .name = "past", .argument = "N", .value = &given.past, .min = -1e15, .max = 1e15, .given = &given.has_past,
	  .help = "keys before the first query: where the causal diagonal and the window begin" },
	OPTION_STRING(0, "window", "L[,R]", &given.window, "see L keys back and R keys ahead (-1: no limit)"),
	OPTION_INT(0, "chunk", "N", &given.chunk, 0, 1e15, "see only keys in the same chunk of N positions"),
	OPTION_INT(0, "keep-first", "N", &given.keep_first, 0, 1e15, "keep the first N keys visible outside of window and chunk"),
	OPTION_STRING(0, "key-begin", "N,...|FILE", &given.key_begin, "first key of each batch item (or of all); earlier ones are padding"),
	OPTION_STRING(0, "key-lengths", "N,...|FILE", &given.key_lengths, "number of keys of each batch item; later ones are padding"),
	OPTION_STRING(0, "query-lengths", "N,...|FILE", &given.query_lengths, "number of queries of each batch item; later ones are padding, and see nothing"),
	OPTION_STRING(0, "mask", "FILE[:NAME]", &given.mask, "mask; booleans and integers: true attends; floats are added to the logits"),
	OPTION_CHOICE(0, "mask-keys", "WHICH", &given.mask_keys, mask_keys_words, "keys covered by a mask with fewer columns: first hides the others, last shows them"),
	OPTION_CHOICE(0, "dead-rows", "HOW", &given.dead_rows, dead_row_words, "value of rows that see no key"),
	OPTION_END
};

bool masking_is_whole_context(void)
{
	return given.whole_context;
}

bool masking_is_causal(void)
{
	return given.causal != NULL;
}

bool masking_hides_padding(void)
{
	return given.key_begin || given.mask;
}

const char *masking_beyond_causal(void)
{
	return given.window ? "--window" : given.chunk ? "--chunk" : given.key_begin ? "--key-begin" : given.key_lengths ? "--key-lengths"
		: given.query_lengths ? "--query-lengths" : given.mask ? "--mask" : given.has_past ? "--past" : NULL;
}

bool masking_hides_later_keys(void)
{
	return given.key_lengths || given.mask;
}

bool masking_given(void)
{
	return given.causal || given.window || given.chunk || given.key_begin || given.key_lengths || given.query_lengths || given.mask;
}

static enum err read_causal(int64_t queries, int64_t keys, struct mechanism_args *args, struct err_info *info)
{
	if (!given.causal)
		return ERR_OK;
	if (strcmp(given.causal, "top-left") == 0)
		args->causal = CAUSAL_TOP_LEFT;
	else if (strcmp(given.causal, "bottom-right") == 0 || (!*given.causal && keys > queries))
		args->causal = CAUSAL_BOTTOM_RIGHT;
	else if (!*given.causal)
		args->causal = CAUSAL_TOP_LEFT;
	else
		return err_set(info, ERR_USAGE, "--causal=%s: expected top-left or bottom-right", given.causal);
	if (!*given.causal && queries != keys && !given.has_past)
		message_note("causal mask aligned %s (%" PRId64 " queries, %" PRId64 " keys): --causal=top-left or bottom-right says otherwise",
			     args->causal == CAUSAL_TOP_LEFT ? "top-left" : "bottom-right", queries, keys);
	return ERR_OK;
}

static bool parse_int(const char *text, char stop, int64_t *value, const char **rest)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (end == text || errno || (*end && *end != stop))
		return false;
	*value = number;
	*rest = *end ? end + 1 : end;
	return true;
}

static enum err read_window(struct mechanism_args *args, struct err_info *info)
{
	const char *rest;
	if (!given.window || given.whole_context)
		return ERR_OK;
	bool good = parse_int(given.window, ',', &args->window_left, &rest);
	if (good && strchr(given.window, ','))
		good = parse_int(rest, '\0', &args->window_right, &rest);
	if (!good || args->window_left < -1 || args->window_right < -1)
		return err_set(info, ERR_USAGE, "--window %s: expected L or L,R, each a number of keys or -1", given.window);
	return ERR_OK;
}

/* Numbers of tokens, one for each batch item. */
struct item_list {
	const char *option, *text, *what;
};

static enum err list_of_text(const struct item_list *from, int64_t **list, int64_t *count, struct err_info *info)
{
	size_t capacity = 0;
	for (const char *rest = from->text; *rest; ++*count) {
		void *grown = *list;
		bool room = mem_grow(&grown, &capacity, (size_t)*count + 1, sizeof **list);
		*list = grown;
		if (!room)
			return err_nomem(info, from->what);
		if (!parse_int(rest, ',', &(*list)[*count], &rest) || (*list)[*count] < 0 || (*list)[*count] > LENGTH_MAX)
			return err_set(info, ERR_USAGE, "%s %s: expected numbers of tokens, one for each batch item", from->option, from->text);
	}
	return *count ? ERR_OK : err_set(info, ERR_USAGE, "%s: expected a number of tokens for each batch item, or a file with them", from->option);
}

static enum err list_of_file(const struct item_list *from, struct roles *roles, int64_t **list, int64_t *count, struct err_info *info)
{
	const struct tensor *tensor;
	enum err err = roles_tensor(roles, from->text, &tensor, info);
	if (err)
		return err;
	if (tensor->rank > 1 || dtype_is_float(tensor->dtype) || tensor->dtype == DTYPE_BOOL) {
		char shape[128];
		err_set(info, ERR_SHAPE, "%ss are integers, one for each batch item (this is %s %s); a padding mask (batch, keys) is given by --mask", from->what,
			dtype_name(tensor->dtype), tensor_shape_text(tensor, shape, sizeof shape));
		return err_in_file(info, tensor->file);
	}
	*count = tensor_count(tensor);
	*list = mem_array((size_t)*count, sizeof **list);
	if (!*list)
		return err_nomem(info, from->what);
	for (int64_t i = 0; i < *count; i++) {
		int64_t *number = &(*list)[i];
		err = tensor_integer_at(tensor, i, number, info);
		if (!err && (*number < 0 || *number > LENGTH_MAX))
			err = err_set(info, ERR_VALUE, "%s %" PRId64 " (item %" PRId64 ")", from->what, *number, i);
		if (err)
			return err_in_file(info, tensor->file);
	}
	return ERR_OK;
}

/* *list is the caller's, also where this fails; NULL where the option was not given. */
static enum err read_list(const struct item_list *from, struct roles *roles, int64_t **list, int64_t *count, struct err_info *info)
{
	*count = 0;
	if (!from->text)
		return ERR_OK;
	bool is_list = from->text[strspn(from->text, "0123456789,")] == '\0';
	return is_list ? list_of_text(from, list, count, info) : list_of_file(from, roles, list, count, info);
}

static enum err read_lengths(struct masking *masking, struct roles *roles, struct mechanism_args *args, struct err_info *info)
{
	const struct item_list from = { "--key-lengths", given.key_lengths, "key length" };
	enum err err = read_list(&from, roles, &masking->key_length, &args->key_length_count, info);
	args->key_length = masking->key_length;
	return err;
}

static enum err read_query_lengths(struct masking *masking, struct roles *roles, struct mechanism_args *args, struct err_info *info)
{
	const struct item_list from = { "--query-lengths", given.query_lengths, "query length" };
	enum err err = read_list(&from, roles, &masking->query_length, &args->query_length_count, info);
	args->query_length = masking->query_length;
	return err;
}

/* One number is for all items. */
static enum err read_begins(struct masking *masking, struct roles *roles, struct mechanism_args *args, struct err_info *info)
{
	const struct item_list from = { "--key-begin", given.whole_context ? NULL : given.key_begin, "key begin" };
	enum err err = read_list(&from, roles, &masking->key_begin, &args->key_begin_count, info);
	if (!err && args->key_begin_count == 1)
		args->key_begin = masking->key_begin[0];
	else
		args->key_begins = masking->key_begin;
	return err;
}

/* With letters the axes are known; else the sizes of the attention tell. */
static enum err read_mask(struct masking *masking, struct roles *roles, const struct string_list *layout, struct mechanism_args *args, struct err_info *info)
{
	struct layout_request request = { .role = LAYOUT_MASK };
	args->mask_keys = (enum mask_keys)given.mask_keys;
	args->has_mask_keys = given.mask_keys != MASK_KEYS_ALL;
	if (!given.mask)
		return ERR_OK;
	enum err err = roles_tensor(roles, given.mask, &masking->mask, info);
	if (!err)
		err = role_letters(layout, "mask", &request.letters, info);
	if (!err)
		err = mask_check_integers(masking->mask, info);
	if (err)
		return err;
	args->mask_read = &masking->mask_read;
	if (!request.letters) {
		args->mask = masking->mask;
		return ERR_OK;
	}
	err = layout_resolve(masking->mask, &request, &masking->slot, &masking->heads, info);
	*(dtype_is_float(masking->mask->dtype) ? &args->bias : &args->allow) = &masking->heads;
	if (err)
		err_in_file(info, masking->mask->file);
	return err;
}

enum err masking_open(struct masking *masking, struct roles *roles, const struct string_list *layout, int64_t queries, int64_t keys,
		      struct mechanism_args *args, struct err_info *info)
{
	*masking = (struct masking){ 0 };
	args->has_diagonal = given.has_past;
	args->diagonal = given.past;
	args->chunk = given.whole_context ? 0 : given.chunk;
	args->keep_first = given.whole_context ? 0 : given.keep_first;
	args->dead_rows = (enum dead_rows)given.dead_rows;
	enum err err = read_causal(queries, keys, args, info);
	if (!err)
		err = read_window(args, info);
	if (!err)
		err = read_lengths(masking, roles, args, info);
	if (!err)
		err = read_query_lengths(masking, roles, args, info);
	if (!err)
		err = read_begins(masking, roles, args, info);
	return err ? err : read_mask(masking, roles, layout, args, info);
}

void masking_note(const struct masking *masking)
{
	const struct tensor *mask = masking->mask;
	char shape[128];
	if (!mask)
		return;
	tensor_shape_text(mask, shape, sizeof shape);
	if (masking->mask_read && !strchr(masking->mask_read, 'M'))
		message_note("the mask '%s' %s is read as one of queries (--layout mask=%s): those where it is 0 see nothing", mask->name, shape, masking->mask_read);
	if (mask_looks_boolean(mask))
		message_note("the mask '%s' %s holds floats, which are added to the logits, but nothing except 0 and 1: store booleans if 1 means that a key is attended",
			     mask->name, shape);
	double added = mask_adds_where_it_means_to_hide(mask);
	if (added < 0)
		message_note("the mask '%s' %s adds %g, which leaves hardly any weight, but hides no key: all of them count as seen (entropy_norm, gini, lengths); -inf "
			     "or booleans hide", mask->name, shape, added);
}

void masking_whole_context(bool whole)
{
	given.whole_context = whole;
}

void masking_release(struct masking *masking)
{
	free(masking->key_length);
	free(masking->key_begin);
	free(masking->query_length);
	*masking = (struct masking){ 0 };
}
