#include "commands/selection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"

static struct {
	const char *layer, *batch, *head;
} given;

const struct option_row selection_rows[] = {
	OPTION_STRING('l', "layer", "LIST", &given.layer, "layers: 0-3,7, -1 for the last (default: all)"),
	OPTION_STRING('b', "batch", "LIST", &given.batch, "batch items"),
	OPTION_STRING('H', "head", "LIST", &given.head, "heads"),
	OPTION_END
};

static enum err pick(const char *text, const char *what, int64_t count, int64_t **list, size_t *list_count, struct err_info *info)
{
	return options_range(text ? text : "all", what, count, list, list_count, info);
}

/* From the numbers in the names to indices. */
static enum err pick_layers(struct selection *selection, const struct source *source, const int64_t *number, struct err_info *info)
{
	int64_t last = number[source->layers - 1];
	if (!given.layer || last == source->layers - 1)
		return pick(given.layer, "layer", source->layers, &selection->layer, &selection->layers, info);
	enum err err = pick(given.layer, "layer", last + 1, &selection->layer, &selection->layers, info);
	for (size_t i = 0; !err && i < selection->layers; i++) {
		int64_t index = 0, wanted = selection->layer[i];
		while (index < source->layers && number[index] != wanted)
			index++;
		if (index == source->layers)
			return err_set(info, ERR_USAGE, "--layer %s: there is no layer %" PRId64 " (the first is %" PRId64 ", the last %" PRId64 ")", given.layer,
				       wanted, number[0], last);
		selection->layer[i] = index;
	}
	return err;
}

enum err selection_open(struct selection *selection, const struct source *source, const int64_t *layer_number, struct err_info *info)
{
	*selection = (struct selection){ 0 };
	enum err err = pick_layers(selection, source, layer_number, info);
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
		return err_set(info, ERR_USAGE, "--%s %s: wants A:B, positions A to B - 1", option, text);
	*begin += *begin < 0 ? count : 0;
	*end += *end < 0 ? count : 0;
	if (single)
		*end = *begin < count ? *begin + 1 : count;
	if (*begin < 0 || *begin >= *end || *end > count)
		return err_set(info, ERR_USAGE, "--%s %s: there are %" PRId64 " positions, 0 to %" PRId64, option, text, count, count - 1);
	return ERR_OK;
}
