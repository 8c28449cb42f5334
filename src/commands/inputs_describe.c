/* SPDX-License-Identifier: MIT */
#include "commands/inputs_describe.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/memory.h"
#include "tensor/reader.h"

/* So many names, or numbers of heads, are written out. */
enum { DESCRIBED_MAX = 3, LISTED_MAX = 8 };

/* A descriptor is called after the file that it is open on, where it is one. */
static void add_descriptor(const char *path, struct strbuf *out)
{
	char target[4096];
	struct stat status;
	ssize_t length = readlink(path, target, sizeof target - 1);
	target[length > 0 ? length : 0] = '\0';
	if (length > 0 && target[0] == '/' && stat(path, &status) == 0 && S_ISREG(status.st_mode) && descriptor_named(target) < 0)
		strbuf_addstr(out, strrchr(target, '/') + 1);
	else
		strbuf_addstr(out, descriptor_named(path) == 0 ? "standard input" : "pipe");
}

void describe_file(const char *path, struct strbuf *out)
{
	if (descriptor_named(path) >= 0)
		add_descriptor(path, out);
	else
		strbuf_addstr(out, archive_base_name(path));
}

/* A name with every run of digits written as one '*': files of layers share it. */
static char *pattern_of(const char *name)
{
	struct strbuf out;
	strbuf_init(&out);
	for (; *name; name++)
		if (!isdigit((unsigned char)*name))
			strbuf_addch(&out, *name);
		else if (!isdigit((unsigned char)name[1]))
			strbuf_addch(&out, '*');
	return strbuf_detach(&out);
}

struct names {
	char **name, **pattern;
	size_t count;
};

static bool names_init(struct names *names, const struct input *input)
{
	*names = (struct names){ .count = input->roles.archive_count };
	names->name = mem_zero_array(names->count, sizeof *names->name);
	names->pattern = mem_zero_array(names->count, sizeof *names->pattern);
	bool good = names->name && names->pattern;
	for (size_t i = 0; good && i < names->count; i++) {
		struct strbuf name;
		strbuf_init(&name);
		describe_file(input->roles.archive[i]->file, &name);
		names->name[i] = strbuf_detach(&name);
		names->pattern[i] = names->name[i] ? pattern_of(names->name[i]) : NULL;
		good = names->pattern[i];
	}
	return good;
}

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		if (names->name)
			free(names->name[i]);
		if (names->pattern)
			free(names->pattern[i]);
	}
	free(names->name);
	free(names->pattern);
}

static size_t count_alike(char *const *list, size_t count, const char *wanted)
{
	size_t alike = 0;
	for (size_t i = 0; i < count; i++)
		alike += strcmp(list[i], wanted) == 0;
	return alike;
}

static void add_names(const struct names *names, struct strbuf *out)
{
	bool few = names->count <= DESCRIBED_MAX;
	char *const *like = few ? names->name : names->pattern;
	char *shown[DESCRIBED_MAX];
	size_t count = 0;
	for (size_t i = 0; i < names->count; i++) {
		if (count_alike(shown, count, like[i]))
			continue;
		if (count == DESCRIBED_MAX) {
			strbuf_addstr(out, ", ...");
			return;
		}
		bool alone = few || count_alike(like, names->count, like[i]) == 1;
		strbuf_addf(out, "%s%s", count ? ", " : "", alone ? names->name[i] : like[i]);
		shown[count++] = like[i];
	}
}

/* No folders: they may be anybody's. */
void input_describe(const struct input *input, struct strbuf *out)
{
	struct names names;
	if (names_init(&names, input))
		add_names(&names, out);
	else
		out->failed = true;
	names_release(&names);
}

static void add_comma(struct strbuf *out)
{
	if (out->len)
		strbuf_addstr(out, ", ");
}

/* "head 3", "4 heads" for all that there are, "heads 0-3", "heads 0, 2, 5". */
static void add_listed(struct strbuf *out, const char *what, const int64_t *number, size_t count, bool all)
{
	if (count == 1) {
		strbuf_addf(out, "%s %" PRId64, what, number[0]);
		return;
	}
	bool run = number[count - 1] - number[0] == (int64_t)count - 1;
	if (all && run && number[0] == 0) {
		strbuf_addf(out, "%zu %ss", count, what);
		return;
	}
	strbuf_addf(out, "%ss %" PRId64, what, number[0]);
	if (run) {
		strbuf_addf(out, "-%" PRId64, number[count - 1]);
		return;
	}
	for (size_t i = 1; i < count && i < LISTED_MAX; i++)
		strbuf_addf(out, ", %" PRId64, number[i]);
	if (count > LISTED_MAX)
		strbuf_addf(out, ", ... (%zu)", count);
}

/* Which of several parts of the dump was asked for: none where the number is negative. */
static void add_part(struct strbuf *out, const char *word, int64_t number)
{
	if (number < 0)
		return;
	add_comma(out);
	strbuf_addf(out, "%s %" PRId64, word, number);
}

void input_describe_place(const struct input *input, const char *reduced, struct strbuf *out)
{
	const struct selection *selection = &input->selection;
	int64_t *layer = mem_array(selection->layers, sizeof *layer);
	struct strbuf place;
	strbuf_init(&place);
	for (size_t i = 0; layer && i < selection->layers; i++)
		layer[i] = input->layer_number[selection->layer[i]];
	add_part(&place, "sequence", input_request()->sequence);
	add_part(&place, "step", input_request()->plan.step);
	if (input->has_layers || input->layers_named)
		add_comma(&place);
	if (layer && (input->has_layers || input->layers_named))
		add_listed(&place, "layer", layer, selection->layers, (int64_t)selection->layers == input->source->layers);
	if (input->source->batches > 1) {
		add_comma(&place);
		add_listed(&place, "item", selection->batch, selection->batches, (int64_t)selection->batches == input->source->batches);
	}
	if (input->has_heads) {
		add_comma(&place);
		if (reduced)
			strbuf_addf(&place, "%s of ", reduced);
		add_listed(&place, "head", selection->head, selection->heads, (int64_t)selection->heads == input->source->heads);
	}
	strbuf_addstr(out, place.buf);
	out->failed = out->failed || !layer || strbuf_failed(&place);
	strbuf_release(&place);
	free(layer);
}

void input_describe_shown(const struct input *input, const char *reduced, struct strbuf *out)
{
	struct strbuf place;
	strbuf_init(&place);
	input_describe(input, out);
	input_describe_place(input, reduced, &place);
	if (place.len)
		strbuf_addf(out, ": %s", place.buf);
	out->failed = out->failed || strbuf_failed(&place);
	strbuf_release(&place);
}

void input_describe_sizes(const struct input *input, struct strbuf *out)
{
	for (size_t i = 0; i < input->args.binding_count; i++) {
		const struct mechanism_binding *binding = &input->binding[i];
		const struct role *role = roles_find(&input->roles, binding->role);
		char shape[128];
		strbuf_addf(out, "%s%s %s %s %s", i ? ", " : "", binding->role, role->part[0].name, dtype_name(binding->tensor->dtype),
			    tensor_shape_text(binding->tensor, shape, sizeof shape));
		if (role->layers > 1)
			strbuf_addf(out, " x %" PRId64 " layers", role->layers);
	}
}
