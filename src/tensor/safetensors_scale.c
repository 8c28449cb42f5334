/* SPDX-License-Identifier: MIT */
#include "tensor/safetensors_scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "tensor/readers.h"

static bool is_quantised(const struct tensor *tensor)
{
	return tensor->dtype == DTYPE_F8_E4M3 || tensor->dtype == DTYPE_F8_E5M2;
}

/* The scale tensor of `tensor` in a list sorted by name, or NULL. */
static const struct tensor *find_scale(const struct tensor *tensor, struct tensor *const *sorted, size_t count, struct strbuf *scratch)
{
	static const char *const endings[] = { "_scale", ".scale", "_scale_inv" };
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		strbuf_clear(scratch);
		strbuf_addf(scratch, "%s%s", tensor->name, endings[i]);
		const struct tensor *found = archive_find(sorted, count, scratch->buf);
		if (found)
			return found;
	}
	return NULL;
}

static enum err apply_scale(struct tensor *tensor, const struct tensor *scale, struct err_info *info)
{
	if (is_quantised(scale) || tensor_count(scale) != 1) {
		tensor->data = NULL;
		return ERR_OK;
	}
	double value = tensor_at(scale, 0);
	if (!isfinite(value) || value == 0)
		return err_set(info, ERR_VALUE, "tensor %s: the scale of %s is %g", scale->name, tensor->name, value);
	tensor->scale = value;
	return ERR_OK;
}

enum err safetensors_apply_scales(struct archive *archive, struct err_info *info)
{
	bool any = false;
	for (size_t i = 0; i < archive->count; i++)
		any = any || is_quantised(&archive->tensor[i]);
	if (!any)
		return ERR_OK;

	struct tensor **sorted = archive_sort(archive);
	if (!sorted)
		return err_nomem(info, "the tensor list");
	struct strbuf scratch;
	strbuf_init(&scratch);
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < archive->count; i++) {
		struct tensor *tensor = &archive->tensor[i];
		const struct tensor *scale = is_quantised(tensor) ? find_scale(tensor, sorted, archive->count, &scratch) : NULL;
		if (scale)
			err = apply_scale(tensor, scale, info);
	}
	if (!err && strbuf_failed(&scratch))
		err = err_nomem(info, "a name");
	strbuf_release(&scratch);
	free(sorted);
	return err;
}

enum err safetensors_refuse_unscaled(struct archive *archive, struct tensor *tensor, struct err_info *info)
{
	(void)archive;
	return err_set(info, ERR_UNSUPPORTED, "tensor %s: its scales are more than one number, which attnviz does not read: "
		       "export it dequantised", tensor->name);
}
