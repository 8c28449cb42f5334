/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "commands/roles_parts.h"

bool roles_name_counts(const struct string_list *names, const char *name)
{
	bool filtered = false;
	for (size_t i = 0; i < names->count; i++) {
		if (strchr(names->item[i], '='))
			continue;
		filtered = true;
		if (fnmatch(names->item[i], name, 0) == 0)
			return true;
	}
	return !filtered;
}

/* How sure a tensor's name makes it that it plays the role: 2 by its word, 1 where no word speaks against it, 0 not at all. A list without names is what the
 * option says, unless its places tell keys and values apart; of arrays one after another each may be something else. */
static int fitness(const struct archive *archive, const struct tensor *tensor, enum name_role kind, const struct string_list *names)
{
	char buffer[256];
	enum name_role told = archive->sequence ? NAME_NONE : name_role(roles_tensor_name(archive, tensor, buffer, sizeof buffer));
	if (!roles_name_counts(names, tensor->name))
		return 0;
	if (told == kind)
		return 2;
	if (archive->unnamed && !archive->sequence)
		return 1;
	return kind == NAME_WEIGHTS && told == NAME_NONE && !name_is_fused(tensor->name) && tensor->rank >= 2;
}

static bool same_shape(const struct tensor *a, const struct tensor *b)
{
	return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* Are the tensors layers of one thing: names that differ in numbers only, shapes that do not differ? */
static bool is_family(const struct tensor *a, const struct tensor *b)
{
	return name_same_template(a->name, b->name) && same_shape(a, b);
}

/* "layer_*" */
static void add_pattern(struct strbuf *out, const char *name)
{
	for (bool within = false; *name; name++) {
		if (!isdigit((unsigned char)*name))
			strbuf_addch(out, *name);
		else if (!within)
			strbuf_addch(out, '*');
		within = isdigit((unsigned char)*name);
	}
}

/* `one` is what could be it: the first, and of how many there are one is no layer of it. */
static enum err refuse_strangers(const struct role *role, const struct archive *archive, const struct tensor *one, const struct tensor *other, bool family,
				 struct err_info *info)
{
	struct strbuf text;
	char shape[128], other_shape[128];
	strbuf_init(&text);
	strbuf_addf(&text, "%s %s and %s %s cannot be layers of one thing: name one as --%s %s:%s", one->name, tensor_shape_text(one, shape, sizeof shape), other->name,
		    tensor_shape_text(other, other_shape, sizeof other_shape), role->word, archive->file, one->name);
	if (family) {
		strbuf_addstr(&text, ", or the layers that are alike with --names '");
		add_pattern(&text, one->name);
		strbuf_addstr(&text, "'");
	}
	enum err err = strbuf_failed(&text) ? err_nomem(info, "the names") : err_set(info, ERR_USAGE, "%s", text.buf);
	strbuf_release(&text);
	return err ? err_in_file(info, archive->file) : err;
}

enum err roles_expand(struct role *role, struct archive *archive, const struct string_list *names, struct err_info *info)
{
	const struct tensor *first = NULL, *stranger = NULL, *tensor;
	int best = 0, alike = 0;
	enum err err = ERR_OK;
	for (size_t i = 0; i < archive->count && role->kind; i++) {
		int fit = fitness(archive, &archive->tensor[i], role->kind, names);
		best = fit > best ? fit : best;
	}
	role->expanded = best > 0;
	for (size_t i = 0; i < archive->count && best && !err; i++) {
		char buffer[256];
		tensor = &archive->tensor[i];
		if (fitness(archive, tensor, role->kind, names) != best)
			continue;
		first = first ? first : tensor;
		stranger = is_family(first, tensor) ? stranger : tensor;
		alike += is_family(first, tensor);
		err = role_add_part(role, archive, i, roles_tensor_name(archive, tensor, buffer, sizeof buffer), info);
	}
	if (!err && !best)
		return archive_get(archive, NULL, &tensor, info);
	return !err && stranger ? refuse_strangers(role, archive, first, stranger, alike > 1, info) : err;
}

const char *roles_weights_option(const struct roles *roles, char *buffer, size_t size)
{
	const struct string_list all = { 0 };
	const struct archive *archive = roles->archive_count == 1 ? roles->archive[0] : NULL;
	*buffer = '\0';
	for (size_t i = 0; archive && i < archive->count; i++)
		if (fitness(archive, &archive->tensor[i], NAME_WEIGHTS, &all) == 0 || !is_family(&archive->tensor[0], &archive->tensor[i]))
			return buffer;
	if (archive && archive->count)
		snprintf(buffer, size, "-w %s", archive->file);
	return buffer;
}
