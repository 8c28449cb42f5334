/* SPDX-License-Identifier: MIT */
#include "commands/selection.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static struct {
	const char *layer, *batch, *head;
} given;

const struct option_row selection_rows[] = {
	OPTION_STRING('l', "layer", "LIST", &given.layer, "layers: 0-3,7, -1 for the last (default: all)"),
	OPTION_STRING('b', "batch", "LIST", &given.batch, "batch items"),
	OPTION_STRING('H', "head", "LIST", &given.head, "query heads"),
	OPTION_END
};

static enum err pick(const char *text, const char *what, int64_t count, int64_t **list, size_t *list_count, struct err_info *info)
{
	return options_range(text ? text : "all", what, count, list, list_count, info);
}

/* One end of a range: a number, or -1 for the last layer, -2 for that before. */
static bool parse_layer(const char **at, const int64_t *number, int64_t count, int64_t *value)
{
	char *end;
	errno = 0;
	*value = strtoll(*at, &end, 10);
	if (end == *at || errno || (**at != '-' && !isdigit((unsigned char)**at)))
		return false;
	bool negative = **at == '-';
	*at = end;
	if (!negative)
		return true;
	bool there = *value < 0 && *value >= -count;
	*value = there ? number[count + *value] : -1;
	return there;
}

static enum err refuse_layer(const int64_t *number, int64_t count, int64_t first, int64_t last, struct err_info *info)
{
	char range[64];
	snprintf(range, sizeof range, first == last ? "%" PRId64 : "%" PRId64 "-%" PRId64, first, last);
	return err_set(info, ERR_USAGE, "--layer %s: layer %s is out of range: there are %" PRId64 ", the first is %" PRId64 ", the last %" PRId64, given.layer, range, count,
		       number[0], number[count - 1]);
}

/* From the numbers in the names, which may have gaps, to indices: a number must be there, of a range some. */
static enum err pick_layers(struct selection *selection, int64_t count, const int64_t *number, struct err_info *info)
{
	const char *at = given.layer;
	int64_t first, last;
	enum err err = ERR_OK;
	if (!at || strcmp(at, "all") == 0)
		return pick(NULL, "layer", count, &selection->layer, &selection->layers, info);
	bool *chosen = mem_zero_array((size_t)count, sizeof *chosen);
	selection->layer = mem_array((size_t)count, sizeof *selection->layer);
	if (!chosen || !selection->layer)
		err = err_nomem(info, "the layers");
	for (bool more = true; more && !err;) {
		int64_t found = 0;
		bool good = parse_layer(&at, number, count, &first), range = good && *at == '-';
		at += range;
		last = first;
		good = good && (!range || parse_layer(&at, number, count, &last)) && first <= last;
		for (int64_t i = 0; i < count && good; i++) {
			found += number[i] >= first && number[i] <= last;
			chosen[i] = chosen[i] || (number[i] >= first && number[i] <= last);
		}
		more = *at == ',';
		if (!good || (*at && *at++ != ','))
			err = err_set(info, ERR_USAGE, "--layer %s: numbers and ranges are wanted, as 0-3,7 (-1 is the last of %" PRId64 ")", given.layer, count);
		else if (!found)
			err = refuse_layer(number, count, first, last, info);
	}
	for (int64_t i = 0; i < count && !err; i++)
		if (chosen[i])
			selection->layer[selection->layers++] = i;
	free(chosen);
	return err;
}

enum err selection_wants(const int64_t *layer_number, int64_t layers, bool *wanted, struct err_info *info)
{
	struct selection selection = { 0 };
	enum err err = pick_layers(&selection, layers, layer_number, info);
	for (size_t i = 0; i < selection.layers && !err; i++)
		wanted[selection.layer[i]] = true;
	selection_release(&selection);
	return err;
}

enum err selection_open(struct selection *selection, const struct source *source, const int64_t *layer_number, struct err_info *info)
{
	*selection = (struct selection){ 0 };
	enum err err = pick_layers(selection, source->layers, layer_number, info);
	if (!err)
		err = pick(given.batch, "batch", source->batches, &selection->batch, &selection->batches, info);
	if (!err)
		err = pick(given.head, "head", source->heads, &selection->head, &selection->heads, info);
	if (err)
		return err;
	/* A product of parts of axes whose product exists: it cannot overflow. */
	selection->map = mem_array(selection->layers * selection->batches * selection->heads, sizeof *selection->map);
	if (!selection->map)
		return err_nomem(info, "the list of heads");
	for (size_t layer = 0; layer < selection->layers; layer++)
		for (size_t batch = 0; batch < selection->batches; batch++)
			for (size_t head = 0; head < selection->heads; head++)
				selection->map[selection->maps++] =
					(selection->layer[layer] * source->batches + selection->batch[batch]) * source->heads + selection->head[head];
	return ERR_OK;
}

void selection_release(struct selection *selection)
{
	free(selection->layer);
	free(selection->batch);
	free(selection->head);
	free(selection->map);
	*selection = (struct selection){ 0 };
}

enum err selection_span(const char *text, const char *option, int64_t count, int64_t *begin, int64_t *end, struct err_info *info)
{
	*begin = 0;
	*end = count;
	if (!text)
		return ERR_OK;
	char *stop = (char *)text;
	errno = 0;
	if (*text != ':')
		*begin = strtoll(text, &stop, 10);
	bool good = *text == ':' || stop != text, single = *stop != ':';
	if (!single && stop[1])
		*end = strtoll(stop + 1, &stop, 10);
	else if (!single)
		stop++;
	if (!good || *stop || errno)
		return err_set(info, ERR_USAGE, "--%s %s: expected A:B, positions A to B - 1", option, text);
	*begin += *begin < 0 ? count : 0;
	*end += *end < 0 ? count : 0;
	if (single)
		*end = *begin < count ? *begin + 1 : count;
	if (*begin < 0 || *begin >= *end || *end > count)
		return err_set(info, ERR_USAGE, "--%s %s: there are %" PRId64 " positions, 0 to %" PRId64, option, text, count, count - 1);
	return ERR_OK;
}
