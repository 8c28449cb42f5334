#include "commands/masking.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "tensor/layout.h"

static const struct word dead_row_words[] = {
	{ "zero", DEAD_ROWS_ZERO }, { "uniform", DEAD_ROWS_UNIFORM }, { "nan", DEAD_ROWS_NAN }, WORD_END,
};

static struct {
	const char *causal, *window, *mask, *key_lengths;
	int64_t past, chunk, keep_first, key_begin;
	int dead_rows;
	bool has_past, whole_context;
} given;

static const int64_t LENGTH_MAX = INT64_C(1000000000000000);

const struct option_row masking_rows[] = {
	OPTION_OPTIONAL('c', "causal", "SIDE", &given.causal, "hide later keys; top-left or bottom-right where lengths differ (default: bottom-right for more keys than queries)"),
	{ .kind = OPTION_KIND_INT, .name = "past", .argument = "N", .value = &given.past, .min = -1e15, .max = 1e15, .given = &given.has_past,
	  .help = "keys before the first query: where the causal diagonal and the window begin" },
	OPTION_STRING(0, "window", "L[,R]", &given.window, "see L keys back and R ahead (-1: no limit)"),
	OPTION_INT(0, "chunk", "N", &given.chunk, 0, 1e15, "see only keys of the query's chunk of N"),
	OPTION_INT(0, "keep-first", "N", &given.keep_first, 0, 1e15, "the first N keys stay visible whatever window and chunk say"),
	OPTION_INT(0, "key-begin", "N", &given.key_begin, 0, 1e15, "keys before N are hidden (padding on the left)"),
	OPTION_STRING(0, "key-lengths", "N,...|FILE", &given.key_lengths, "keys of each batch item; those beyond are padding"),
	OPTION_STRING(0, "mask", "FILE[:NAME]", &given.mask, "booleans and integers: true attends; floats are added to the logits"),
	OPTION_CHOICE(0, "dead-rows", "HOW", &given.dead_rows, dead_row_words, "what rows that see no key become"),
	OPTION_END
};

bool masking_is_causal(void)
{
	return given.causal != NULL;
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
		return err_set(info, ERR_USAGE, "--causal=%s: wants top-left or bottom-right", given.causal);
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
	if (good && *rest)
		good = parse_int(rest, '\0', &args->window_right, &rest);
	if (!good || args->window_left < -1 || args->window_right < -1)
		return err_set(info, ERR_USAGE, "--window %s: wants L or L,R, each a number of keys or -1", given.window);
	return ERR_OK;
}

static enum err lengths_of_list(struct masking *masking, struct mechanism_args *args, struct err_info *info)
{
	size_t capacity = 0;
	for (const char *rest = given.key_lengths; *rest; args->key_length_count++) {
		void *grown = masking->key_length;
		bool room = mem_grow(&grown, &capacity, (size_t)args->key_length_count + 1, sizeof *masking->key_length);
		masking->key_length = grown;
		if (!room)
			return err_nomem(info, "the key lengths");
		int64_t *length = &masking->key_length[args->key_length_count];
		if (!parse_int(rest, ',', length, &rest) || *length < 0 || *length > LENGTH_MAX)
			return err_set(info, ERR_USAGE, "--key-lengths %s: wants numbers of keys, one a batch item", given.key_lengths);
	}
	return ERR_OK;
}

static enum err lengths_of_file(struct masking *masking, struct roles *roles, struct mechanism_args *args, struct err_info *info)
{
	const struct tensor *tensor;
	enum err err = roles_tensor(roles, given.key_lengths, &tensor, info);
	if (err)
		return err;
	if (tensor->rank > 1 || dtype_is_float(tensor->dtype) || tensor->dtype == DTYPE_BOOL) {
		char shape[128];
		err_set(info, ERR_SHAPE, "key lengths are integers, one a batch item (this is %s %s); a padding mask is given by --mask with --layout mask=BM",
			dtype_name(tensor->dtype), tensor_shape_text(tensor, shape, sizeof shape));
		return err_in_file(info, tensor->file);
	}
	int64_t count = tensor_count(tensor);
	masking->key_length = mem_array((size_t)count, sizeof *masking->key_length);
	if (!masking->key_length)
		return err_nomem(info, "the key lengths");
	for (int64_t i = 0; i < count; i++) {
		int64_t *length = &masking->key_length[i];
		err = tensor_integer_at(tensor, i, length, info);
		if (!err && (*length < 0 || *length > LENGTH_MAX))
			err = err_set(info, ERR_VALUE, "key length %" PRId64 " (item %" PRId64 ")", *length, i);
		if (err)
			return err_in_file(info, tensor->file);
	}
	args->key_length_count = count;
	return ERR_OK;
}

static enum err read_lengths(struct masking *masking, struct roles *roles, struct mechanism_args *args, struct err_info *info)
{
	if (!given.key_lengths)
		return ERR_OK;
	bool is_list = given.key_lengths[strspn(given.key_lengths, "0123456789,")] == '\0';
	enum err err = is_list ? lengths_of_list(masking, args, info) : lengths_of_file(masking, roles, args, info);
	args->key_length = masking->key_length;
	return err;
}

static enum err read_mask(struct masking *masking, struct roles *roles, const struct string_list *layout, struct mechanism_args *args, struct err_info *info)
{
	if (!given.mask)
		return ERR_OK;
	const struct tensor *tensor;
	struct layout_request request = { .role = LAYOUT_MASK };
	enum err err = roles_tensor(roles, given.mask, &tensor, info);
	if (!err)
		err = role_letters(layout, "mask", &request.letters, info);
	if (err)
		return err;
	masking->tensor = *tensor;
	err = layout_resolve(&masking->tensor, &request, &masking->slot, &masking->heads, info);
	if (err)
		return err_in_file(info, tensor->file);
	if (dtype_is_float(tensor->dtype))
		args->bias = &masking->heads;
	else
		args->allow = &masking->heads;
	return ERR_OK;
}

enum err masking_open(struct masking *masking, struct roles *roles, const struct string_list *layout, int64_t queries, int64_t keys,
		      struct mechanism_args *args, struct err_info *info)
{
	*masking = (struct masking){ 0 };
	args->has_diagonal = given.has_past;
	args->diagonal = given.past;
	args->chunk = given.whole_context ? 0 : given.chunk;
	args->keep_first = given.whole_context ? 0 : given.keep_first;
	args->key_begin = given.whole_context ? 0 : given.key_begin;
	args->dead_rows = (enum dead_rows)given.dead_rows;
	enum err err = read_causal(queries, keys, args, info);
	if (!err)
		err = read_window(args, info);
	if (!err)
		err = read_lengths(masking, roles, args, info);
	return err ? err : read_mask(masking, roles, layout, args, info);
}

void masking_whole_context(bool whole)
{
	given.whole_context = whole;
}

void masking_release(struct masking *masking)
{
	free(masking->key_length);
	masking->key_length = NULL;
}
