/* SPDX-License-Identifier: MIT */
#include "tensor/text_matrix.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/pickle.h"
#include "tensor/readers.h"

bool text_number(const char *text, size_t length, double *value, bool *whole)
{
	enum { LONGEST = 64 };
	char copy[LONGEST], *end;
	if (length == 0 || length >= LONGEST || isspace((unsigned char)*text) || memchr(text, 'x', length) || memchr(text, 'X', length))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	*value = strtod(copy, &end);
	*whole = strspn(copy, "+-0123456789") == length && fabs(*value) <= 0x1p53;
	return end == copy + length;
}

bool text_numbers_add(struct text_numbers *numbers, double value, bool whole)
{
	void *list = numbers->value;
	if (!mem_grow(&list, &numbers->capacity, numbers->count + 1, sizeof value))
		return false;
	numbers->value = list;
	numbers->value[numbers->count++] = value;
	numbers->fractional = numbers->fractional || !whole;
	return true;
}

enum err text_add_tensor(struct archive *archive, size_t *capacity, const char *name, const struct tensor *shape, struct text_numbers *numbers,
			 struct err_info *info)
{
	struct pickle_block *blocks = archive->state;
	uint64_t bytes;
	struct tensor found = *shape;
	found.dtype = numbers->fractional ? DTYPE_F64 : DTYPE_I64;
	if (!tensor_set_strides(&found, false, &bytes) || bytes != numbers->count * sizeof(double))
		return err_set(info, ERR_FORMAT, "%s: impossible lengths", name);
	unsigned char *data = pickle_add_block(&blocks, bytes);
	archive->state = blocks;
	struct tensor *tensor = data ? archive_add(archive, capacity, name, strlen(name)) : NULL;
	if (!tensor)
		return err_nomem(info, "an array");
	for (size_t i = 0; i < numbers->count; i++) {
		int64_t whole = numbers->fractional ? 0 : (int64_t)numbers->value[i];
		memcpy(data + i * sizeof whole, numbers->fractional ? (const void *)&numbers->value[i] : (const void *)&whole, sizeof whole);
	}
	found.name = tensor->name;
	found.file = tensor->file;
	found.data = data;
	found.scale = 1;
	*tensor = found;
	return ERR_OK;
}

void text_close(struct archive *archive)
{
	pickle_free_blocks(archive->state);
}
