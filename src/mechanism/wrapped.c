/* SPDX-License-Identifier: MIT */
#include "mechanism/wrapped.h"

#include "mechanism/table.h"

static const struct source *inner_of(const struct source *source)
{
	return ((const struct wrapped *)source)->inner;
}

enum err wrapped_open(struct wrapped *wrapped, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism_binding binding[] = {
		{ .role = "query", .tensor = wrapped->query.slot, .heads = &wrapped->query.heads },
		{ .role = "key", .tensor = wrapped->key.slot, .heads = &wrapped->key.heads },
		{ .role = "value", .tensor = wrapped->value.slot, .heads = &wrapped->value.heads },
	};
	struct mechanism_args inner = *args;
	const struct source_ops *ops = wrapped->source.ops;
	inner.binding = binding;
	inner.binding_count = wrapped->value.data ? 3 : 2;
	inner.parameter = NULL;
	inner.parameter_count = 0;
	enum err err = mechanism_softmax.open(&inner, &wrapped->inner, info);
	if (err)
		return err;
	wrapped->source = *wrapped->inner;
	wrapped->source.ops = ops;
	return ERR_OK;
}

void wrapped_release(struct wrapped *wrapped)
{
	source_free(wrapped->inner);
	made_release(&wrapped->query);
	made_release(&wrapped->key);
	made_release(&wrapped->value);
}

enum coverage wrapped_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct source *inner = inner_of(source);
	return inner->ops->coverage(inner, map, first, last, begin, end);
}

int64_t wrapped_support(const struct source *source, int64_t map, int64_t row)
{
	const struct source *inner = inner_of(source);
	return inner->ops->support(inner, map, row);
}

bool wrapped_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct source *inner = inner_of(source);
	return inner->ops->visible(inner, map, row, key);
}

bool wrapped_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	return source_span(inner_of(source), map, row, begin, end);
}

int64_t wrapped_prepared_id(const struct source *source, int64_t map)
{
	const struct source *inner = inner_of(source);
	return inner->ops->prepared_id(inner, map);
}

size_t wrapped_prepared_size(const struct source *source, const struct kernels *kernels)
{
	const struct source *inner = inner_of(source);
	return inner->ops->prepared_size(inner, kernels);
}

enum err wrapped_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
			 struct err_info *info)
{
	const struct source *inner = inner_of(source);
	return inner->ops->prepare(inner, kernels, map, begin, end, prepared, info);
}

size_t wrapped_rows_size(const struct source *source, const struct kernels *kernels)
{
	const struct source *inner = inner_of(source);
	return inner->ops->rows_size(inner, kernels);
}

enum err wrapped_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	const struct source *inner = inner_of(source);
	return inner->ops->load_rows(inner, kernels, rows, loaded, info);
}

enum err wrapped_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct source *inner = inner_of(source);
	return inner->ops->fill(inner, fill, info);
}

enum err wrapped_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct source *inner = inner_of(source);
	return inner->ops->score64(inner, map, row, score, info);
}
