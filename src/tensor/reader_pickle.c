/* SPDX-License-Identifier: MIT */
/* .pkl: Python's pickle.dump of arrays, tensors, lists of numbers, and dicts, lists and objects of them. Nothing is run (pickle.h). */
#include <stdlib.h>
#include <string.h>

#include "tensor/pickle_arrays.h"
#include "tensor/readers.h"

struct pickled {
	struct bytes bytes;
	struct pickle_block *block;
};

/* Protocols 0 and 1 have no beginning of their own: they are known by the ending of the file's name. */
static bool probe(const unsigned char *head, size_t size)
{
	return size >= 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5;
}

static enum err list_arrays(struct archive *archive, struct pickled *pickled, struct err_info *info)
{
	size_t capacity = 0;
	struct pickle_arrays arrays = {
		.archive = archive, .capacity = &capacity, .file = pickled->bytes.data, .file_size = pickled->bytes.size, .block = &pickled->block,
	};
	struct pickle pickle;
	enum err err = pickle_parse(&pickle, pickled->bytes.data, pickled->bytes.size, false, info);
	if (!err)
		err = pickle_list(&arrays, &pickle, info);
	if (!err && pickle.used < pickled->bytes.size)
		err = err_set(info, ERR_UNSUPPORTED, "more follows its first pickle: save everything in one dict or list");
	pickle_keep_blocks(&pickle, &pickled->block);
	pickle_release(&pickle);
	free(arrays.storage);
	return err ? err : archive_refuse_duplicates(archive, "tensors", info);
}

static enum err open_pickle(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct pickled *pickled = calloc(1, sizeof *pickled);
	if (!pickled)
		return err_nomem(info, "the pickle");
	archive->state = pickled;
	pickled->bytes = *bytes;
	memset(bytes, 0, sizeof *bytes);
	return list_arrays(archive, pickled, info);
}

static void forget_pickle(const struct archive *archive)
{
	bytes_forget(&((const struct pickled *)archive->state)->bytes);
}

static void close_pickle(struct archive *archive)
{
	struct pickled *pickled = archive->state;
	if (!pickled)
		return;
	bytes_release(&pickled->bytes);
	pickle_free_blocks(pickled->block);
	free(pickled);
}

const struct reader reader_pickle = {
	.name = "pickle",
	.suffixes = ".pkl .pickle",
	.probe = probe,
	.open = open_pickle,
	.forget = forget_pickle,
	.close = close_pickle,
};
