/* SPDX-License-Identifier: MIT */
#include "model/config.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tensor/reader.h"

static const uint64_t CONFIG_MAX = UINT64_C(1) << 24;
static const double INT_MAX_EXACT = 0x1p40;

static char *config_path(const char *path)
{
	struct stat status;
	bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
	char *file = NULL;
	if (!folder)
		return strdup(path);
	return asprintf(&file, "%s%sconfig.json", path, path[strlen(path) - 1] == '/' ? "" : "/") < 0 ? NULL : file;
}

static bool is_json(const unsigned char *head, size_t size)
{
	size_t at = 0;
	while (at < size && memchr(" \t\r\n", head[at], 4))
		at++;
	return at < size && head[at] == '{';
}

/* Python writes Infinity, which JSON does not know: outside of texts it becomes the largest number of as many letters. */
static char *without_infinities(const struct bytes *bytes)
{
	char *text = malloc((size_t)bytes->size + 1);
	bool quoted = false;
	for (uint64_t i = 0; text && i < bytes->size; i++) {
		text[i] = (char)bytes->data[i];
		if (text[i] == '"' && (i == 0 || bytes->data[i - 1] != '\\'))
			quoted = !quoted;
		if (!quoted && bytes->size - i >= 8 && memcmp(bytes->data + i, "Infinity", 8) == 0) {
			memcpy(text + i, "1e308   ", 8);
			i += 7;
		}
	}
	return text;
}

static enum err parse(struct config *config, const struct bytes *bytes, struct err_info *info)
{
	json_error_t error;
	if (bytes->size > CONFIG_MAX)
		return err_set(info, ERR_FORMAT, "%" PRIu64 " bytes are no config.json", bytes->size);
	if (!is_json(bytes->data, (size_t)bytes->size))
		return err_set(info, ERR_FORMAT, "no config.json: it does not begin with {");
	char *text = without_infinities(bytes);
	if (!text)
		return err_nomem(info, "the model");
	config->root = json_loadb(text, (size_t)bytes->size, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (!config->root)
		return err_set(info, ERR_FORMAT, "no valid JSON: %.200s (line %d)", error.text, error.line);
	return json_is_object(config->root) ? ERR_OK : err_set(info, ERR_FORMAT, "no JSON object");
}

enum err config_open(struct config *config, const char *path, struct err_info *info)
{
	struct bytes bytes = { 0 };
	*config = (struct config){ .file = config_path(path) };
	if (!config->file)
		return err_nomem(info, "the model");
	enum err err = bytes_open_if(&bytes, config->file, is_json, info);
	if (!err)
		err = parse(config, &bytes, info);
	bytes_release(&bytes);
	if (err) {
		err_in_file(info, config->file);
		config_release(config);
	}
	return err;
}

void config_release(struct config *config)
{
	json_decref(config->root);
	free(config->file);
	*config = (struct config){ 0 };
}

static const json_t *get(const json_t *object, const char *names)
{
	char name[64];
	for (const char *rest = names; object && *rest;) {
		size_t length = strcspn(rest, "|");
		snprintf(name, sizeof name, "%.*s", (int)length, rest);
		const json_t *value = json_object_get(object, name);
		if (value && !json_is_null(value))
			return value;
		rest += length + (rest[length] == '|');
	}
	return NULL;
}

const json_t *config_find(const struct config_view *view, const char *names)
{
	const json_t *value = get(view->layer, names);
	return value ? value : get(view->object, names);
}

bool config_has(const struct config_view *view, const char *names)
{
	return config_find(view, names) != NULL;
}

bool config_mentions(const struct config_view *view, const char *name)
{
	return json_object_get(view->layer, name) || json_object_get(view->object, name);
}

void config_fail(struct config_view *view, enum err err, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list list;
	if (view->err)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	view->err = err_set(view->info, err, "%s", text);
}

static void wrong(struct config_view *view, const char *names, const char *wanted)
{
	config_fail(view, ERR_VALUE, "the config's %.*s is not %s", (int)strcspn(names, "|"), names, wanted);
}

static int64_t to_int(struct config_view *view, const char *names, const json_t *value)
{
	double number = json_is_number(value) ? json_number_value(value) : NAN;
	if (number >= 0 && number <= INT_MAX_EXACT && number == floor(number))
		return (int64_t)number;
	wrong(view, names, "a whole number in range");
	return 0;
}

static double to_real(struct config_view *view, const char *names, const json_t *value)
{
	double number = json_is_number(value) ? json_number_value(value) : NAN;
	if (fabs(number) < 1e30)
		return number;
	wrong(view, names, "a number in range");
	return 1;
}

int64_t config_int(struct config_view *view, const char *names, int64_t otherwise)
{
	const json_t *value = config_find(view, names);
	return value ? to_int(view, names, value) : otherwise;
}

double config_real(struct config_view *view, const char *names, double otherwise)
{
	const json_t *value = config_find(view, names);
	return value ? to_real(view, names, value) : otherwise;
}

bool config_bool(struct config_view *view, const char *names, bool otherwise)
{
	const json_t *value = config_find(view, names);
	if (!value)
		return otherwise;
	if (json_is_boolean(value))
		return json_is_true(value);
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 1)
		wrong(view, names, "true or false");
	return json_integer_value(value) == 1;
}

const char *config_text(struct config_view *view, const char *names, const char *otherwise)
{
	const json_t *value = config_find(view, names);
	if (value && !json_is_string(value))
		wrong(view, names, "a text");
	return value && json_is_string(value) ? json_string_value(value) : otherwise;
}

const json_t *config_object(struct config_view *view, const char *names)
{
	const json_t *value = config_find(view, names);
	if (value && !json_is_object(value))
		wrong(view, names, "an object");
	return value && json_is_object(value) ? value : NULL;
}

const json_t *config_array(struct config_view *view, const char *names)
{
	const json_t *value = config_find(view, names);
	if (value && !json_is_array(value))
		wrong(view, names, "a list");
	return value && json_is_array(value) ? value : NULL;
}

static const json_t *element(struct config_view *view, const char *names, const json_t *array, int64_t index)
{
	const json_t *value = json_array_get(array, (size_t)index);
	if (!value)
		config_fail(view, ERR_VALUE, "the config's %.*s has %zu entries, and entry %" PRId64 " is needed", (int)strcspn(names, "|"), names,
			    json_array_size(array), index);
	return value;
}

int64_t config_int_at(struct config_view *view, const char *names, const json_t *array, int64_t index)
{
	const json_t *value = element(view, names, array, index);
	if (json_is_boolean(value))
		return json_is_true(value);
	return value ? to_int(view, names, value) : 0;
}

double config_real_at(struct config_view *view, const char *names, const json_t *array, int64_t index)
{
	const json_t *value = element(view, names, array, index);
	return value ? to_real(view, names, value) : 1;
}

const char *config_text_at(struct config_view *view, const char *names, const json_t *array, int64_t index)
{
	const json_t *value = element(view, names, array, index);
	if (value && !json_is_string(value))
		wrong(view, names, "a list of texts");
	return value && json_is_string(value) ? json_string_value(value) : "";
}

struct config_view config_inside(const struct config_view *view, const json_t *object)
{
	return (struct config_view){ .object = object, .info = view->info };
}
