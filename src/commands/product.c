/* SPDX-License-Identifier: MIT */
#include "commands/product.h"

#include <string.h>
#include <strings.h>

#include "commands/command.h"

enum kind { KIND_PICTURE, KIND_ARRAY, KIND_JSON, KIND_TSV, KIND_CSV, KIND_TEXT, KIND_UNKNOWN };

/* Endings that promise something. Others are the user's own. */
static const struct ending {
	const char *text;
	enum kind kind;
} endings[] = {
	{ "png", KIND_PICTURE }, { "svg", KIND_PICTURE }, { "pdf", KIND_PICTURE },  { "jpg", KIND_PICTURE },  { "jpeg", KIND_PICTURE }, { "gif", KIND_PICTURE },
	{ "webp", KIND_PICTURE }, { "bmp", KIND_PICTURE }, { "tif", KIND_PICTURE }, { "tiff", KIND_PICTURE }, { "html", KIND_PICTURE }, { "htm", KIND_PICTURE }, { "eps", KIND_PICTURE },  { "ps", KIND_PICTURE },
	{ "npy", KIND_ARRAY },   { "npz", KIND_ARRAY },   { "safetensors", KIND_ARRAY }, { "pt", KIND_ARRAY }, { "pth", KIND_ARRAY },   { "h5", KIND_ARRAY },
	{ "json", KIND_JSON },   { "jsonl", KIND_JSON },  { "ndjson", KIND_JSON },  { "tsv", KIND_TSV },      { "tab", KIND_TSV },      { "csv", KIND_CSV },
	{ "txt", KIND_TEXT },
};

static const char *ending_of(const char *file)
{
	const char *dot = strrchr(file, '.');
	return dot && !strchr(dot, '/') ? dot + 1 : "";
}

static enum kind kind_of(const char *file)
{
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (strcasecmp(ending_of(file), endings[i].text) == 0)
			return endings[i].kind;
	return KIND_UNKNOWN;
}

bool product_names_picture(const char *file)
{
	return kind_of(file) == KIND_PICTURE;
}

bool product_names_npy(const char *file)
{
	return file && strcasecmp(ending_of(file), "npy") == 0;
}

static enum err contradicts(const char *target, const char *what, const char *hint, struct err_info *info)
{
	err_set(info, ERR_USAGE, "%s do not go into .%s: %s", what, ending_of(target), hint);
	return err_in_file(info, target);
}

static void find_plot(const struct option_row *row, void *data)
{
	if (row->name && strcmp(row->name, "plot") == 0)
		*(bool *)data = true;
}

enum err command_check_words(const struct command *command, int count, char *const *words, struct err_info *info)
{
	bool has_plot = false;
	options_each(command->options, find_plot, &has_plot);
	for (int i = 0; i < count; i++) {
		if (!product_names_picture(words[i]))
			continue;
		if (!has_plot && !command->draws)
			err_set(info, ERR_USAGE, "pictures are no inputs: did you mean 'attnviz heatmap' with '-o %s'?", words[i]);
		else
			err_set(info, ERR_USAGE, "pictures are no inputs: did you mean '%s %s'?", has_plot ? "--plot" : "-o", words[i]);
		return err_in_file(info, words[i]);
	}
	return ERR_OK;
}

enum err product_numbers(const char *target, bool json, bool tsv, const char *draw, enum record_format *format, struct err_info *info)
{
	enum kind kind = target && strcmp(target, "-") != 0 ? kind_of(target) : KIND_UNKNOWN;
	if (json && tsv)
		return err_set(info, ERR_USAGE, "--json or --tsv, not both");
	*format = json || (kind == KIND_JSON && !tsv) ? RECORD_JSON : tsv || kind == KIND_TSV ? RECORD_TSV : RECORD_TABLE;
	switch (kind) {
	case KIND_PICTURE:
		err_set(info, ERR_USAGE, "-o takes the numbers: %s", draw);
		return err_in_file(info, target);
	case KIND_ARRAY: return contradicts(target, "numbers as text", "name it .txt, .tsv or .json", info);
	case KIND_CSV: return contradicts(target, "tables", "there is no CSV, name it .tsv", info);
	case KIND_JSON: return tsv ? contradicts(target, "tab-separated values", "name it .tsv, or leave --tsv out", info) : ERR_OK;
	case KIND_TSV: return json ? contradicts(target, "JSON objects", "name it .json, or leave --json out", info) : ERR_OK;
	default: return ERR_OK;
	}
}

enum err product_array(const char *target, const char *draw, struct err_info *info)
{
	enum kind kind = strcmp(target, "-") != 0 ? kind_of(target) : KIND_UNKNOWN;
	if (kind == KIND_UNKNOWN || product_names_npy(target))
		return ERR_OK;
	if (kind != KIND_PICTURE)
		return contradicts(target, "arrays", "they are written as .npy", info);
	err_set(info, ERR_USAGE, "-o takes the array, .npy: %s", draw);
	return err_in_file(info, target);
}

enum err product_picture(const char *target, bool is_given, enum picture_format *format, struct err_info *info)
{
	enum picture_format named;
	if (strcmp(target, "-") == 0)
		return ERR_OK;
	if (picture_format_of(target, &named)) {
		if (is_given && *format != named)
			return contradicts(target, "pictures of another --format", "leave --format out, or change the name", info);
		*format = named;
		return ERR_OK;
	}
	switch (kind_of(target)) {
	case KIND_ARRAY: return contradicts(target, "pictures", "'attnviz weights' writes arrays", info);
	case KIND_JSON:
	case KIND_TSV:
	case KIND_CSV: return contradicts(target, "pictures", "name it .png, .svg, .pdf or .txt", info);
	default: break;
	}
	return is_given ? ERR_OK : err_set(info, ERR_USAGE, "%s: cannot determine the format from the file name: use .png, .svg, .pdf or .txt, or give --format", target);
}
