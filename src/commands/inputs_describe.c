#include "commands/inputs_describe.h"

#include <string.h>

enum { DESCRIBED_MAX = 3 };

/* The name of a path without its folders, and the folder right above it (empty for none). */
static void split_path(const char *path, const char **base, const char **folder, int *folder_length)
{
	*base = archive_base_name(path);
	const char *slash = strrchr(path, '/'), *begin = slash;
	if (slash && *base != slash + 1)
		begin = slash = NULL; /* a pipe lies in no folder */
	while (begin && begin > path && begin[-1] != '/')
		begin--;
	*folder = begin ? begin : path;
	*folder_length = begin ? (int)(slash - begin) : 0;
	if (*folder_length && (*folder)[*folder_length - 1] == '.')
		*folder_length = 0;
}

/* Several files of one folder are called by the folder. */
void input_describe(const struct input *input, struct strbuf *out)
{
	const char *base, *folder, *other_folder;
	int length, other_length;
	if (!input->roles.archive_count)
		return;
	split_path(input->roles.archive[0]->file, &base, &folder, &length);
	bool shared = input->roles.archive_count > 1 && length > 0;
	for (size_t i = 1; i < input->roles.archive_count && shared; i++) {
		split_path(input->roles.archive[i]->file, &base, &other_folder, &other_length);
		shared = other_length == length && strncmp(folder, other_folder, (size_t)length) == 0;
	}
	if (shared) {
		strbuf_addf(out, "%.*s", length, folder);
		return;
	}
	const char *before = "";
	for (size_t i = 0; i < input->roles.archive_count && i < DESCRIBED_MAX; i++, before = base) {
		split_path(input->roles.archive[i]->file, &base, &folder, &length);
		if (strcmp(before, base) != 0) /* one pipe is called as the other */
			strbuf_addf(out, "%s%s", i ? ", " : "", base);
	}
	if (input->roles.archive_count > DESCRIBED_MAX)
		strbuf_addstr(out, ", ...");
}

void input_describe_sizes(const struct input *input, struct strbuf *out)
{
	for (size_t i = 0; i < input->args.binding_count; i++) {
		const struct mechanism_binding *binding = &input->binding[i];
		const struct role *role = roles_find(&input->roles, binding->role);
		char shape[128];
		strbuf_addf(out, "%s%s %s %s %s", i ? ", " : "", binding->role, role->part[0].name, dtype_name(binding->tensor->dtype),
			    tensor_shape_text(binding->tensor, shape, sizeof shape));
		if (role->count > 1)
			strbuf_addf(out, " x %zu layers", role->count);
	}
}
