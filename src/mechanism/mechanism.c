/* SPDX-License-Identifier: MIT */
#include "mechanism/mechanism.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "mechanism/mask_layout.h"
#include "mechanism/settings.h"

const struct mechanism_binding *mechanism_input_find(const struct mechanism_args *args, const char *role)
{
	for (size_t i = 0; i < args->binding_count; i++)
		if (strcmp(args->binding[i].role, role) == 0)
			return &args->binding[i];
	return NULL;
}

static void missing(const struct mechanism *mechanism, const char *role, struct err_info *info)
{
	const struct mechanism_input *input = mechanism->input;
	while (input && input->role && strcmp(input->role, role) != 0)
		input++;
	const char *shape = input && input->role ? input->shape : "";
	static const char *const own_option[] = { "query", "key", "value", "weights" };
	for (size_t i = 0; i < sizeof own_option / sizeof *own_option; i++)
		if (strcmp(role, own_option[i]) == 0) {
			err_set(info, ERR_USAGE, "%s attention needs the %s %s: name it with --%s FILE[:NAME]", mechanism->name, role, shape, role);
			return;
		}
	err_set(info, ERR_USAGE, "%s attention needs the tensor '%s' %s: name it with --input %s=FILE[:NAME]", mechanism->name, role, shape, role);
}

const struct heads *mechanism_heads(const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, struct err_info *info)
{
	const struct mechanism_binding *binding = mechanism_input_find(args, role);
	if (!binding || !binding->heads)
		missing(mechanism, role, info);
	return binding ? binding->heads : NULL;
}

const struct tensor *mechanism_tensor(const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, struct err_info *info)
{
	const struct mechanism_binding *binding = mechanism_input_find(args, role);
	if (!binding)
		missing(mechanism, role, info);
	return binding ? binding->tensor : NULL;
}

static void expected_text(int rank, const int64_t *shape, char *text, size_t size)
{
	size_t used = 0;
	for (int axis = 0; axis < rank && used < size; axis++) {
		char length[24] = "any";
		if (shape[axis] >= 0)
			snprintf(length, sizeof length, "%" PRId64, shape[axis]);
		used += (size_t)snprintf(text + used, size - used, "%s%s", axis ? ", " : "", length);
	}
}

enum err mechanism_expect_shape(const struct tensor *tensor, const char *role, int rank, const int64_t *shape, struct err_info *info)
{
	bool fits = tensor->rank == rank;
	for (int axis = 0; fits && axis < rank; axis++)
		fits = shape[axis] < 0 || shape[axis] == tensor->shape[axis];
	if (fits)
		return ERR_OK;
	char found[128], expected[128] = "";
	expected_text(rank, shape, expected, sizeof expected);
	err_set(info, ERR_SHAPE, "'%s' (%s) has shape %s where (%s) is expected", role, tensor->name, tensor_shape_text(tensor, found, sizeof found), expected);
	return err_in_file(info, tensor->file);
}

enum err mechanism_numbers(const struct tensor *tensor, double **numbers, struct err_info *info)
{
	int64_t count = tensor_count(tensor);
	double *out = mem_array((size_t)count, sizeof *out);
	if (!out)
		return err_nomem(info, tensor->name);
	for (int64_t i = 0; i < count; i++) {
		out[i] = tensor_at(tensor, i);
		if (isfinite(out[i]))
			continue;
		free(out);
		err_set(info, ERR_VALUE, "%s in '%s' (element %" PRId64 "): every number must be finite", isnan(tensor_at(tensor, i)) ? "NaN" : "infinity", tensor->name, i);
		return err_in_file(info, tensor->file);
	}
	*numbers = out;
	return ERR_OK;
}

static enum err misfit(const struct heads *query, const struct heads *other, const char *what, const char *rule, struct err_info *info)
{
	char left[128], right[128];
	return err_set(info, ERR_SHAPE, "%s do not fit (%s %s, %s %s): %s; --layout names the axes", what, query->tensors[0]->name,
		       tensor_shape_text(query->tensors[0], left, sizeof left), other->tensors[0]->name,
		       tensor_shape_text(other->tensors[0], right, sizeof right), rule);
}

static bool shares(int64_t count, int64_t shared)
{
	return shared == 1 || shared == count;
}

static enum err check_shared_axes(const struct heads *query, const struct heads *other, const char *what, struct err_info *info)
{
	int64_t heads = query->size[AXIS_HEAD], kv_heads = other->size[AXIS_HEAD];
	if (kv_heads < 1 || heads % kv_heads)
		return misfit(query, other, what, "the query heads must be a whole multiple of the key and value heads", info);
	if (!shares(query->size[AXIS_BATCH], other->size[AXIS_BATCH]))
		return misfit(query, other, what, "the batches must agree", info);
	if (!shares(query->size[AXIS_LAYER], other->size[AXIS_LAYER]))
		return misfit(query, other, what, "the layers must agree", info);
	return ERR_OK;
}

static enum err check_not_empty(const struct heads *heads, const char *what, struct err_info *info)
{
	char shape[128];
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		if (heads->size[axis] < 1)
			return err_set(info, ERR_SHAPE, "the %s '%s' %s are empty", what, heads->tensors[0]->name,
				       tensor_shape_text(heads->tensors[0], shape, sizeof shape));
	return ERR_OK;
}

enum err mechanism_attend(struct source *source, const struct heads *query, const struct heads *key, const struct heads *value, bool same_dim,
			  struct err_info *info)
{
	enum err err = check_not_empty(query, "queries", info);
	if (!err)
		err = check_not_empty(key, "keys", info);
	if (!err)
		err = check_shared_axes(query, key, "queries and keys", info);
	if (!err && same_dim && query->size[AXIS_DIM] != key->size[AXIS_DIM])
		err = misfit(query, key, "queries and keys", "their last axes, the head size, must be equal", info);
	if (!err && value)
		err = check_shared_axes(query, value, "queries and values", info);
	if (!err && value && value->size[AXIS_TOKEN] != key->size[AXIS_TOKEN])
		err = misfit(key, value, "keys and values", "there must be one value a key", info);
	if (err)
		return err;
	source->layers = query->size[AXIS_LAYER];
	source->batches = query->size[AXIS_BATCH];
	source->heads = query->size[AXIS_HEAD];
	source->key_heads = key->size[AXIS_HEAD];
	source->queries = query->size[AXIS_TOKEN];
	source->keys = key->size[AXIS_TOKEN];
	source->values = value;
	source->is_square = source->queries == source->keys;
	return ERR_OK;
}

/* A list has one number for each batch item, none of them beyond the `most` tokens. */
static enum err check_list(const int64_t *list, int64_t count, const char *what, int64_t batches, const char *tokens, int64_t most, struct err_info *info)
{
	if (list && count != batches)
		return err_set(info, ERR_SHAPE, "%" PRId64 " %ss for %" PRId64 " batches: give one for each", count, what, batches);
	for (int64_t i = 0; list && i < count; i++)
		if (list[i] < 0 || list[i] > most)
			return err_set(info, ERR_VALUE, "%s %" PRId64 " (batch %" PRId64 ") is not within the %" PRId64 " %s", what, list[i], i, most, tokens);
	return ERR_OK;
}

static enum err check_lists(const struct mechanism_args *args, const struct source *source, struct err_info *info)
{
	int64_t batches = source->batches;
	enum err err = check_list(args->key_length, args->key_length_count, "key length", batches, "keys", source->keys, info);
	if (!err)
		err = check_list(args->key_begins, args->key_begin_count, "key begin", batches, "keys", source->keys, info);
	return err ? err : check_list(args->query_length, args->query_length_count, "query length", batches, "queries", source->queries, info);
}

enum err mechanism_make(const struct source_ops *ops, size_t size, const char *what, mechanism_bind *bind, const struct mechanism_args *args,
			struct source **source, struct err_info *info)
{
	struct source *made = mem_zero_array(1, size);
	if (!made)
		return err_nomem(info, what);
	made->ops = ops;
	enum err err = settings_check(mechanism_find(ops->name), args, info);
	if (!err)
		err = bind(made, args, info);
	if (!err)
		err = check_lists(args, made, info);
	if (err)
		source_free(made);
	else
		*source = made;
	return err;
}

int64_t mechanism_key_length(const struct mechanism_args *args, int64_t batch)
{
	return batch < args->key_length_count ? args->key_length[batch] : INT64_MAX;
}

/* Beyond this no limit can bite; cut there, sums of positions cannot overflow. */
static int64_t cut(int64_t limit, int64_t bound)
{
	return limit > bound ? bound : limit < -bound ? -bound : limit;
}

/* Do limits count from the last key, rather than from the first or from where the user said? */
static bool aligned_at_the_end(const struct mechanism_args *args)
{
	bool has_window = args->window_left >= 0 || args->window_right >= 0 || args->chunk > 0;
	return !args->has_diagonal && (args->causal == CAUSAL_BOTTOM_RIGHT || (args->causal == CAUSAL_NONE && has_window));
}

static int64_t default_diagonal(const struct mechanism_args *args, const struct source *source)
{
	if (args->has_diagonal)
		return args->diagonal;
	return aligned_at_the_end(args) ? source->keys - source->queries : 0;
}

/* Fewer queries stand at the end of the keys, unless the user said where. */
static int64_t place_of_queries(const struct mechanism_args *args, const struct source *source)
{
	if (args->has_diagonal || args->causal == CAUSAL_TOP_LEFT)
		return default_diagonal(args, source);
	return source->keys - source->queries;
}

static bool placed_at_length(const struct mechanism_args *args, const struct source *source)
{
	bool said = args->has_diagonal || args->causal == CAUSAL_TOP_LEFT;
	return args->key_length && (args->align_to_length || (!said && source->keys > source->queries));
}

/* With more keys than queries the keys are a cache, and one that is longer than it is full ends at its length. */
static bool aligned_at_length(const struct mechanism_args *args, const struct source *source)
{
	return args->key_length && (args->align_to_length || (aligned_at_the_end(args) && source->keys > source->queries));
}

/* The diagonals of batch items that end at lengths of their own. */
static enum err find_diagonals(struct source *source, struct mask *mask, bool has_query_offset, struct err_info *info)
{
	if (!mask->align_to_length || has_query_offset)
		return ERR_OK;
	mask->diagonals = mem_array((size_t)source->batches, sizeof *mask->diagonals);
	if (!mask->diagonals)
		return err_nomem(info, "the lengths");
	for (int64_t batch = 0; batch < source->batches; batch++)
		mask->diagonals[batch] = mask->key_length[batch] - mask->queries;
	source->diagonals = mask->diagonals;
	return ERR_OK;
}

static enum err read_files(const struct mechanism_args *args, const struct source *source, struct mask *mask, struct err_info *info)
{
	enum err err = mask_layout_check(mask, args->allow, "mask", source, info);
	if (!err)
		err = mask_layout_check(mask, args->bias, "bias", source, info);
	if (!err && args->mask)
		err = mask_layout_read(mask, args->mask, source, args->mask_read, info);
	const struct heads *file = mask->allow ? mask->allow : mask->bias;
	bool covers_all = file && (file->size[AXIS_DIM] == 1 || file->size[AXIS_DIM] == source->keys);
	if (!err && args->has_mask_keys && covers_all)
		err = err_set(info, ERR_USAGE, "--mask-keys: the mask '%s' speaks of every key already, leave it out", file->tensors[0]->name);
	return err;
}

enum err mechanism_mask(const struct mechanism_args *args, struct source *source, struct mask *mask, struct err_info *info)
{
	int64_t bound = INT64_MAX / 8;
	*mask = (struct mask){
		.batches = source->batches, .queries = source->queries, .keys = source->keys, .causal = args->causal,
		.diagonal = cut(default_diagonal(args, source), bound), .place = cut(place_of_queries(args, source), bound),
		.place_at_length = placed_at_length(args, source), .left = cut(args->window_left, bound),
		.right = args->causal ? 0 : cut(args->window_right, bound), .chunk = cut(args->chunk, bound), .keep_first = cut(args->keep_first, bound),
		.key_begin = cut(args->key_begin, bound), .key_begins = args->key_begins, .key_length = args->key_length,
		.align_to_length = aligned_at_length(args, source), .query_length = args->query_length, .allow = args->allow, .bias = args->bias,
		.mask_keys = args->mask_keys, .dead_rows = args->dead_rows,
	};
	enum err err = check_lists(args, source, info);
	if (!err)
		err = read_files(args, source, mask, info);
	if (err)
		return err;
	source->dead_rows_nan = args->dead_rows == DEAD_ROWS_NAN;
	source->is_causal = args->causal != CAUSAL_NONE;
	source->diagonal = args->position.has_query_offset ? args->position.query_offset - args->position.key_offset : mask->diagonal;
	source->has_place = !args->position.has_query_offset && source->keys > source->queries;
	source->place = mask->place;
	source->place_lengths = mask->place_at_length ? mask->key_length : NULL;
	mask_describe(mask, source->note, sizeof source->note);
	if (args->window_left >= 0 || args->window_right >= 0 || args->chunk > 0)
		mechanism_note(source->note, sizeof source->note, "at most %" PRId64 " keys per row", mask_most_keys(mask));
	err = find_diagonals(source, mask, args->position.has_query_offset, info);
	if (!err)
		err = mask_find_first(mask, info);
	return err ? err : mask_find_dead(mask, source->layers, source->heads, info);
}

int64_t mechanism_shared_index(int64_t index, int64_t count, int64_t shared_count)
{
	return index / (count / shared_count);
}

void mechanism_note(char *note, size_t size, const char *format, ...)
{
	size_t used = strlen(note);
	va_list args;
	if (used && used + 3 < size) {
		memcpy(note + used, ", ", 3);
		used += 2;
	}
	va_start(args, format);
	vsnprintf(note + used, size - used, format, args);
	va_end(args);
}

static const struct mechanism_parameter *parameter_row(const struct mechanism *mechanism, const char *name, size_t length)
{
	const struct mechanism_parameter *row = mechanism->parameter;
	while (row && row->name && (strncmp(row->name, name, length) != 0 || row->name[length]))
		row++;
	return row && row->name ? row : NULL;
}

const char *mechanism_parameter_text(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name)
{
	size_t length = strlen(name);
	for (size_t i = args->parameter_count; i > 0; i--) {
		const char *given = args->parameter[i - 1];
		if (strncmp(given, name, length) == 0 && given[length] == '=')
			return given + length + 1;
	}
	const struct mechanism_parameter *row = parameter_row(mechanism, name, length);
	return row ? row->value : NULL;
}

static enum err bad_parameter(const char *name, const char *text, const char *wanted, const struct suggestion *suggestion, struct err_info *info)
{
	struct strbuf hint;
	strbuf_init(&hint);
	if (suggestion)
		suggestion_add(suggestion, "", &hint);
	err_set(info, ERR_USAGE, "--param %s=%s: %s is expected%s", name, text ? text : "", wanted, hint.buf);
	strbuf_release(&hint);
	return ERR_USAGE;
}

enum err mechanism_parameter_real(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, double *value, struct err_info *info)
{
	const char *text = mechanism_parameter_text(args, mechanism, name);
	char *end = NULL;
	double number = text ? strtod(text, &end) : 0;
	if (!text || end == text || *end || !isfinite(number))
		return bad_parameter(name, text, "a number", NULL, info);
	*value = number;
	return ERR_OK;
}

enum err mechanism_parameter_int(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, int64_t *value, struct err_info *info)
{
	const char *text = mechanism_parameter_text(args, mechanism, name);
	char *end = NULL;
	errno = 0;
	long long number = text ? strtoll(text, &end, 10) : 0;
	if (!text || end == text || *end || errno)
		return bad_parameter(name, text, "a whole number", NULL, info);
	*value = number;
	return ERR_OK;
}

enum err mechanism_parameter_choice(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, const struct word *words, int *value,
				    struct err_info *info)
{
	const char *text = mechanism_parameter_text(args, mechanism, name);
	char wanted[256] = "";
	struct suggestion suggestion = suggestion_for(text ? text : "");
	for (; words->word; words++) {
		if (text && strcmp(text, words->word) == 0) {
			*value = words->value;
			return ERR_OK;
		}
		mechanism_note(wanted, sizeof wanted, "%s", words->word);
		suggestion_offer(&suggestion, words->word);
	}
	char sentence[400];
	snprintf(sentence, sizeof sentence, "one of %s", wanted);
	return bad_parameter(name, text, sentence, &suggestion, info);
}

static enum err unknown_parameter(const struct mechanism *mechanism, const char *given, size_t length, struct err_info *info)
{
	char names[256] = "", typed[64] = "";
	struct strbuf hint;
	snprintf(typed, sizeof typed, "%.*s", (int)length, given);
	struct suggestion suggestion = suggestion_for(typed);
	for (const struct mechanism_parameter *row = mechanism->parameter; row && row->name; row++) {
		mechanism_note(names, sizeof names, "%s", row->name);
		suggestion_offer(&suggestion, row->name);
	}
	strbuf_init(&hint);
	suggestion_add(&suggestion, "", &hint);
	err_set(info, ERR_USAGE, "--param %s: %s attention has %s%s%s", given, mechanism->name, *names ? "the parameters " : "no parameters", names, hint.buf);
	strbuf_release(&hint);
	return ERR_USAGE;
}

enum err mechanism_check_parameters(const struct mechanism_args *args, const struct mechanism *mechanism, struct err_info *info)
{
	for (size_t i = 0; i < args->parameter_count; i++) {
		const char *given = args->parameter[i], *equals = strchr(given, '=');
		if (!equals)
			return err_set(info, ERR_USAGE, "--param %s: NAME=VALUE is expected", given);
		for (size_t k = 0; k < i; k++)
			if (strncmp(args->parameter[k], given, (size_t)(equals + 1 - given)) == 0)
				return err_set(info, ERR_USAGE, "--param %s: '%.*s' is given twice: it takes one value", given, (int)(equals - given), given);
		if (parameter_row(mechanism, given, (size_t)(equals - given)))
			continue;
		return unknown_parameter(mechanism, given, (size_t)(equals - given), info);
	}
	return ERR_OK;
}
