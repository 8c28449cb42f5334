/* SPDX-License-Identifier: MIT */
#include "mechanism/kv_layout.h"

#include <inttypes.h>
#include <string.h>

const struct word kv_layout_words[] = {
	{ "legacy", KV_LEGACY }, { "nhd", KV_NHD }, { "hnd", KV_HND }, { "2nbhd", KV_2NBHD },
	{ "2nhbd", KV_2NHBD }, { "n2bhd", KV_N2BHD }, { "packed", KV_PACKED }, { "llama", KV_LLAMA },
	{ "llama-vt", KV_LLAMA_VT }, WORD_END,
};

/* n block, h head, b slot, d dim, 2 key and value, c both of them side by side, D and x the dims in runs, w heads and dims together. */
static const struct { const char *key, *value; } axes[] = {
	[KV_LEGACY] = { "nhDbx", "nhdb" }, [KV_NHD] = { "nbhd", "nbhd" },     [KV_HND] = { "nhbd", "nhbd" },   [KV_2NBHD] = { "2nbhd", "2nbhd" },
	[KV_2NHBD] = { "2nhbd", "2nhbd" }, [KV_N2BHD] = { "n2bhd", "n2bhd" }, [KV_PACKED] = { "nhbc", "nhbc" }, [KV_LLAMA] = { "bw", "bw" },
	[KV_LLAMA_VT] = { "bw", "wb" },
};

bool kv_layout_is_fused(int layout)
{
	return strpbrk(axes[layout].key, "2c") != NULL;
}

static enum err misfit(const struct tensor *tensor, int layout, bool value, const char *reason, struct err_info *info)
{
	char shape[128];
	err_set(info, ERR_SHAPE, "%s %s is no %s of a cache in the layout %s (%s): %s", tensor->name, tensor_shape_text(tensor, shape, sizeof shape),
		value ? "value" : "key", word_text(kv_layout_words, layout), value ? axes[layout].value : axes[layout].key, reason);
	return err_in_file(info, tensor->file);
}

static void set_axis(struct kv_view *view, char letter, int64_t length, int64_t stride, bool value, int64_t dim)
{
	switch (letter) {
	case 'n': view->blocks = length; view->block_step = stride; break;
	case 'h': view->heads = length; view->head_step = stride; break;
	case 'b': view->slots = length; view->slot_step = stride; break;
	case 'd': view->dim = view->run = length; view->dim_step = stride; break;
	case 'D': view->dim = length; view->run_step = stride; break;
	case 'x': view->run = length; view->dim *= length; view->dim_step = stride; break;
	case '2': view->first += value ? stride : 0; break;
	case 'c': view->dim = view->run = length / 2; view->dim_step = stride; view->first += value ? length / 2 * stride : 0; break;
	case 'w': view->heads = length / dim; view->head_step = dim * stride; view->dim = view->run = dim; view->dim_step = stride; break;
	default: break;
	}
}

enum err kv_view_init(struct kv_view *view, const struct tensor *tensor, int layout, bool value, int64_t dim, struct err_info *info)
{
	const char *letters = value ? axes[layout].value : axes[layout].key;
	*view = (struct kv_view){ .tensor = *tensor, .blocks = 1 };
	if (tensor->rank != (int)strlen(letters))
		return misfit(tensor, layout, value, "another number of axes", info);
	for (int axis = 0; axis < tensor->rank; axis++) {
		int64_t length = tensor->shape[axis];
		if (length < 1)
			return misfit(tensor, layout, value, "an axis of length 0", info);
		if (letters[axis] == '2' && length != 2)
			return misfit(tensor, layout, value, "key and value are an axis of length 2", info);
		if ((letters[axis] == 'c' && length % 2) || (letters[axis] == 'w' && length % dim))
			return misfit(tensor, layout, value, letters[axis] == 'c' ? "its last axis holds key and value" : "heads of the queries' size do not fill it", info);
		set_axis(view, letters[axis], length, tensor->stride[axis], value, dim);
	}
	if (!value && view->dim != dim)
		return misfit(tensor, layout, value, "the head size of the queries is another", info);
	return ERR_OK;
}

int64_t kv_view_element(const struct kv_view *view, int64_t block, int64_t slot, int64_t head, int64_t dim)
{
	return view->first + block * view->block_step + slot * view->slot_step + head * view->head_step + dim / view->run * view->run_step +
	       dim % view->run * view->dim_step;
}

void kv_view_read(const struct kv_view *view, int64_t block, int64_t slot, int64_t head, double *row)
{
	for (int64_t dim = 0; dim < view->dim; dim += view->run)
		tensor_decode_f64(&view->tensor, kv_view_element(view, block, slot, head, dim), view->dim_step, view->run, row + dim);
}
