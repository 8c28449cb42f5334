/*
 * attnviz info: what is in the files, and what the other commands would make of it.
 */
#include <inttypes.h>
#include <string.h>

#include "base/message.h"
#include "base/output.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/inputs.h"
#include "tensor/layout.h"

static struct {
	bool json, tsv;
} given;

static const struct option_row info_options[] = {
	OPTION_GROUP("Inputs", input_file_rows),
	OPTION_FLAG(0, "json", &given.json, "one JSON object a line"),
	OPTION_FLAG(0, "tsv", &given.tsv, "tab separated, with a header line"),
	OPTION_END
};

enum column { FILE_NAME, FORMAT, TENSOR, DTYPE, SHAPE, ROLE, LAYER, LAYOUT, COLUMNS };

static const struct record_column columns[COLUMNS] = {
	[FILE_NAME] = { "file", RECORD_TEXT }, [FORMAT] = { "format", RECORD_TEXT }, [TENSOR] = { "tensor", RECORD_TEXT }, [DTYPE] = { "dtype", RECORD_TEXT },
	[SHAPE] = { "shape", RECORD_TEXT },    [ROLE] = { "role", RECORD_TEXT },     [LAYER] = { "layer", RECORD_INT },   [LAYOUT] = { "layout", RECORD_TEXT },
};

/* Who uses this tensor of this archive? */
static const struct role *role_of(const struct roles *roles, const struct archive *archive, const struct tensor *tensor, int64_t *layer)
{
	for (size_t r = 0; r < roles->count; r++) {
		const struct role *role = roles->role[r];
		for (size_t i = 0; i < role->count; i++) {
			const struct role_part *part = &role->part[i];
			if (part->archive != archive || (part->member && strcmp(part->member, tensor->name) != 0))
				continue;
			*layer = role->count > 1 ? part->layer : -1;
			return role;
		}
	}
	return NULL;
}

static void record_layout(struct record *record, const struct role *role, const struct tensor *tensor)
{
	static const enum layout_role layout_roles[NAME_ROLE_COUNT] = { LAYOUT_QUERY, LAYOUT_QUERY, LAYOUT_KEY, LAYOUT_VALUE, LAYOUT_WEIGHTS };
	struct err_info info = { 0 };
	const char *letters = NULL;
	if (!role->kind || role_letters(&input_request()->layout, role->word, &letters, &info))
		return;
	if (!letters)
		letters = layout_default(layout_roles[role->kind], tensor->rank, false);
	if (letters)
		record_text(record, LAYOUT, letters);
}

static enum err list_archive(const struct roles *roles, const struct archive *archive, struct record *record)
{
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < archive->count; i++) {
		const struct tensor *tensor = &archive->tensor[i];
		char shape[128], name[256];
		int64_t layer = -1;
		const struct role *role = role_of(roles, archive, tensor, &layer);
		record_text(record, FILE_NAME, archive->file);
		record_text(record, FORMAT, archive->format);
		record_text(record, TENSOR, roles_tensor_name(archive, tensor, name, sizeof name));
		record_text(record, DTYPE, dtype_name(tensor->dtype));
		record_text(record, SHAPE, tensor_shape_text(tensor, shape, sizeof shape));
		if (role)
			record_text(record, ROLE, role->word);
		if (role && layer >= 0)
			record_int(record, LAYER, layer);
		if (role)
			record_layout(record, role, tensor);
		err = record_row(record);
	}
	return err;
}

static enum err list_all(const struct roles *roles, struct output *out, struct err_info *info)
{
	enum record_format format = given.json ? RECORD_JSON : given.tsv ? RECORD_TSV : RECORD_TABLE;
	struct record *record = record_new(format, columns, COLUMNS, out);
	if (!record)
		return err_nomem(info, "the list");
	for (size_t i = 0; i < roles->archive_count; i++)
		list_archive(roles, roles->archive[i], record);
	return record_end(record);
}

static enum err run_info(int argc, char **argv)
{
	struct err_info info = { 0 }, roles_info = { 0 };
	struct roles roles = { 0 };
	struct output out = { 0 };
	enum err err = given.json && given.tsv ? err_set(&info, ERR_USAGE, "--json or --tsv, not both") : ERR_OK;
	if (!err && input_gather(&roles, argc, argv, &roles_info) && (roles_info.code != ERR_USAGE || !roles.archive_count)) {
		info = roles_info;
		err = info.code;
	} else if (!err && !roles.archive_count) {
		err = err_set(&info, ERR_USAGE, "no file to look at");
	}
	if (!err)
		err = output_open(&out, "-", &info);
	if (!err)
		err = list_all(&roles, &out, &info);
	if (!err)
		err = output_commit(&out, &info);
	message_err_info(&info);
	if (!err && roles_info.code)
		message_note("%s%s%s", roles_info.file, *roles_info.file ? ": " : "", roles_info.text);
	output_release(&out);
	roles_release(&roles);
	return err;
}

const struct command command_info = {
	.name = "info",
	.summary = "list the tensors in files, and the role and layout that would be used",
	.positional = "FILE...",
	.options = info_options,
	.run = run_info,
};
