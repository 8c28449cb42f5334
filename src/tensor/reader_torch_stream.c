/* SPDX-License-Identifier: MIT */
/* .pt as torch.save wrote it before version 1.6 (torch_stream.h). */
#include <stdlib.h>
#include <string.h>

#include "tensor/pickle_arrays.h"
#include "tensor/readers.h"
#include "tensor/torch_stream.h"

struct streamed {
	struct bytes bytes;
	struct pickle_block *block;
};

static enum err place_tensors(const struct torch_stream *stream, struct archive *archive, const struct torch_storage *storage, const struct bytes *bytes,
			      struct err_info *info)
{
	for (size_t i = 0; i < archive->count; i++) {
		struct tensor *tensor = &archive->tensor[i];
		const struct torch_storage *found = storage[i].key ? torch_stream_find(stream, &storage[i]) : NULL;
		if (!storage[i].key)
			continue;
		if (!found || !found->first)
			return err_set(info, ERR_FORMAT, "%s: the PyTorch file lacks its storage", tensor->name);
		tensor->offset = found->first + storage[i].first;
		tensor->data = bytes->data + tensor->offset;
	}
	return ERR_OK;
}

static enum err list_tensors(struct archive *archive, struct streamed *streamed, struct err_info *info)
{
	size_t capacity = 0;
	struct torch_stream stream;
	struct pickle_arrays arrays = {
		.archive = archive, .capacity = &capacity, .file = streamed->bytes.data, .file_size = streamed->bytes.size, .block = &streamed->block,
	};
	enum err err = torch_stream_open(&stream, streamed->bytes.data, streamed->bytes.size, info);
	if (!err)
		err = pickle_list(&arrays, &stream.object, info);
	if (!err)
		err = place_tensors(&stream, archive, arrays.storage, &streamed->bytes, info);
	free(arrays.storage);
	pickle_keep_blocks(&stream.object, &streamed->block);
	torch_stream_release(&stream);
	return err ? err : archive_refuse_duplicates(archive, "tensors", info);
}

static enum err open_stream(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct streamed *streamed = calloc(1, sizeof *streamed);
	if (!streamed)
		return err_nomem(info, "the PyTorch file");
	archive->state = streamed;
	streamed->bytes = *bytes;
	memset(bytes, 0, sizeof *bytes);
	return list_tensors(archive, streamed, info);
}

static void forget_stream(const struct archive *archive)
{
	bytes_forget(&((const struct streamed *)archive->state)->bytes);
}

static void close_stream(struct archive *archive)
{
	struct streamed *streamed = archive->state;
	if (!streamed)
		return;
	bytes_release(&streamed->bytes);
	pickle_free_blocks(streamed->block);
	free(streamed);
}

const struct reader reader_torch_stream = {
	.name = "pt",
	.suffixes = ".pt .pth .bin .ckpt",
	.probe = torch_stream_probe,
	.open = open_stream,
	.forget = forget_stream,
	.close = close_stream,
};
