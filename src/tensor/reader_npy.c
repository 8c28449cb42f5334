#include <stdlib.h>
#include <string.h>

#include "tensor/npy.h"
#include "tensor/readers.h"

static bool probe(const unsigned char *head, size_t size)
{
	return size >= 6 && memcmp(head, "\x93NUMPY", 6) == 0;
}

static uint64_t trailing_bytes(const struct tensor *tensor, uint64_t size)
{
	uint64_t end = tensor->offset + (uint64_t)tensor_count(tensor) * dtype_size(tensor->dtype);
	return size - end;
}

static enum err open_npy(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct tensor parsed = { 0 };
	enum err err = npy_parse(bytes->data, bytes->size, &parsed, info);
	if (err)
		return err;
	struct bytes *kept = malloc(sizeof *kept);
	size_t capacity = 0;
	const char *name = archive_base_name(archive->file);
	struct tensor *tensor = archive_add(archive, &capacity, name, strlen(name));
	if (!kept || !tensor) {
		free(kept);
		return err_nomem(info, "the tensor list");
	}
	parsed.name = tensor->name;
	parsed.file = archive->file;
	*tensor = parsed;
	archive->trailing = trailing_bytes(tensor, bytes->size);
	*kept = *bytes;
	archive->state = kept;
	memset(bytes, 0, sizeof *bytes);
	return ERR_OK;
}

static void forget_npy(const struct archive *archive)
{
	bytes_forget(archive->state);
}

static void close_npy(struct archive *archive)
{
	if (archive->state)
		bytes_release(archive->state);
	free(archive->state);
}

const struct reader reader_npy = {
	.name = "npy",
	.suffix = ".npy",
	.probe = probe,
	.open = open_npy,
	.forget = forget_npy,
	.close = close_npy,
};
