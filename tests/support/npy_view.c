/* SPDX-License-Identifier: MIT */
#include "support/npy_view.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

static void open_file(struct npy_view *view, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void open_file(struct npy_view *view, const char *format, va_list args)
{
	char below[512];
	struct err_info info = { 0 };
	*view = (struct npy_view){ 0 };
	vsnprintf(below, sizeof below, format, args);
	bool external = strncmp(below, "external/", 9) == 0;
	const char *path = external ? suite_external_path("%s", below + 9) : suite_data_path("dumps/%s", below);
	ck_assert_msg(path, "the files of others are not here");
	enum err err = archive_open(&view->archive, path, &info);
	if (!err)
		err = archive_get(&view->archive, NULL, &view->tensor, &info);
	ck_assert_msg(!err, "%s: %s", below, info.text);
}

void npy_view_open_tensor(struct npy_view *view, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	open_file(view, format, args);
	va_end(args);
}

void npy_view_open(struct npy_view *view, const struct layout_request *request, const char *format, ...)
{
	static const struct layout_request query = { .role = LAYOUT_QUERY };
	struct err_info info = { 0 };
	va_list args;
	va_start(args, format);
	open_file(view, format, args);
	va_end(args);
	enum err err = layout_resolve(view->tensor, request ? request : &query, &view->slot, &view->heads, &info);
	ck_assert_msg(!err, "%s: %s", view->tensor->name, info.text);
}

void npy_view_release(struct npy_view *view)
{
	archive_release(&view->archive);
}

double *npy_view_numbers(const struct npy_view *view)
{
	int64_t count = tensor_count(view->tensor);
	double *number = malloc((size_t)(count + 1) * sizeof *number);
	ck_assert_ptr_nonnull(number);
	for (int64_t i = 0; i < count; i++)
		number[i] = tensor_at(view->tensor, i);
	return number;
}
