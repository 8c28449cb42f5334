/* SPDX-License-Identifier: MIT */
/* .pt: torch.save of version 1.6 and later, a zip file with a pickle, ROOT/data.pkl, and each storage as a member, ROOT/data/KEY. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "tensor/pickle_arrays.h"
#include "tensor/readers.h"
#include "tensor/zip_members.h"
#include "tensor/zip_stored.h"

static const char pickle_name[] = "/data.pkl";

struct torch {
	struct zip_members members;
	struct zip_member **of;        /* of each tensor; NULL where its data are at hand */
	struct torch_storage *storage; /* likewise; their keys are no longer valid */
	struct pickle_block *block;
};

static bool probe(const unsigned char *head, size_t size)
{
	return zip_probe(head, size) && zip_stored_has(head, size, pickle_name);
}

/* The pickle, and how many bytes of its name are the root's. */
static enum err find_pickle(const struct torch *torch, struct zip_member **member, size_t *root, struct err_info *info)
{
	*member = NULL;
	for (size_t i = 0; i < torch->members.count; i++) {
		const char *name = torch->members.member[i].name, *base = strrchr(name, '/');
		if (!base || strcmp(base, pickle_name) != 0)
			continue;
		if (*member)
			return err_set(info, ERR_FORMAT, "the PyTorch file has two pickles: %s and %s", (*member)->name, name);
		*member = &torch->members.member[i];
		*root = (size_t)(base - name);
	}
	return *member ? ERR_OK : err_set(info, ERR_FORMAT, "the PyTorch file has no data.pkl");
}

/* ROOT/byteorder is "little" or "big"; before torch 2.1 it is missing, and files were little-endian as the machines were. */
static enum err read_byte_order(struct torch *torch, const char *root, size_t length, bool *swapped, struct err_info *info)
{
	struct strbuf name;
	strbuf_init(&name);
	strbuf_addf(&name, "%.*s/byteorder", (int)length, root);
	struct zip_member *member = zip_members_find(&torch->members, name.buf, name.len);
	strbuf_release(&name);
	enum err err = member ? zip_members_load(&torch->members, member, member->name, info) : ERR_OK;
	if (err)
		return err;
	bool big = member && member->size == 3 && memcmp(member->data, "big", 3) == 0;
	bool little = !member || (member->size == 6 && memcmp(member->data, "little", 6) == 0);
	*swapped = big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	return big || little ? ERR_OK : err_set(info, ERR_FORMAT, "the PyTorch file has an unknown byte order");
}

static enum err place_tensor(struct torch *torch, struct tensor *tensor, size_t index, struct strbuf *name, size_t prefix, struct err_info *info)
{
	const struct torch_storage *storage = &torch->storage[index];
	name->len = prefix;
	strbuf_add(name, storage->key, (size_t)storage->key_length);
	struct zip_member *member = zip_members_find(&torch->members, name->buf, name->len);
	if (!member)
		return err_set(info, ERR_FORMAT, "%s: the PyTorch file lacks its storage %s", tensor->name, name->buf);
	if (storage->reach > member->size || storage->size != member->size)
		return err_set(info, ERR_FORMAT, "%s: its storage should be %" PRIu64 " bytes, but the member has %" PRIu64, tensor->name,
			       storage->size, member->size);
	torch->of[index] = member;
	tensor->offset = member->stored ? (uint64_t)(member->stored - torch->members.bytes.data) + storage->first : 0;
	return ERR_OK;
}

static enum err place_tensors(struct torch *torch, struct archive *archive, const char *root, size_t length, bool swapped, struct err_info *info)
{
	struct strbuf name;
	torch->of = mem_zero_array(archive->count, sizeof(struct zip_member *));
	if (!torch->of)
		return err_nomem(info, "the storages");
	strbuf_init(&name);
	strbuf_addf(&name, "%.*s/data/", (int)length, root);
	size_t prefix = name.len;
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < archive->count; i++) {
		struct tensor *tensor = &archive->tensor[i];
		if (!torch->storage[i].key)
			continue;
		tensor->byte_swapped = swapped && dtype_size(tensor->dtype) > 1;
		err = place_tensor(torch, tensor, i, &name, prefix, info);
	}
	strbuf_release(&name);
	return err;
}

static enum err list_tensors(struct torch *torch, struct archive *archive, struct err_info *info)
{
	struct zip_member *member;
	size_t root = 0, capacity = 0;
	bool swapped = false;
	struct pickle pickle = { 0 };
	struct pickle_arrays arrays = { .archive = archive, .capacity = &capacity, .block = &torch->block };
	enum err err = find_pickle(torch, &member, &root, info);
	if (!err)
		err = zip_members_sort(&torch->members, info);
	if (!err)
		err = read_byte_order(torch, member->name, root, &swapped, info);
	if (!err)
		err = zip_members_load(&torch->members, member, member->name, info);
	if (!err)
		err = pickle_parse(&pickle, member->data, member->size, true, info);
	if (!err)
		err = pickle_list(&arrays, &pickle, info);
	torch->storage = arrays.storage;
	if (!err)
		err = place_tensors(torch, archive, member->name, root, swapped, info);
	pickle_keep_blocks(&pickle, &torch->block);
	pickle_release(&pickle);
	return err ? err : archive_refuse_duplicates(archive, "tensors", info);
}

static enum err open_torch(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct torch *torch = calloc(1, sizeof *torch);
	if (!torch)
		return err_nomem(info, "the PyTorch file");
	archive->state = torch;
	enum err err = zip_members_open(&torch->members, bytes, ".pt", info);
	return err ? err : list_tensors(torch, archive, info);
}

static enum err load_torch(struct archive *archive, struct tensor *tensor, struct err_info *info)
{
	struct torch *torch = archive->state;
	size_t index = (size_t)(tensor - archive->tensor);
	enum err err = zip_members_load(&torch->members, torch->of[index], torch->of[index]->name, info);
	if (!err)
		tensor->data = torch->of[index]->data + torch->storage[index].first;
	return err;
}

static void forget_torch(const struct archive *archive)
{
	bytes_forget(&((const struct torch *)archive->state)->members.bytes);
}

static void close_torch(struct archive *archive)
{
	struct torch *torch = archive->state;
	if (!torch)
		return;
	free(torch->of);
	free(torch->storage);
	zip_members_close(&torch->members);
	pickle_free_blocks(torch->block);
	free(torch);
}

const struct reader reader_torch = {
	.name = "pt",
	.suffixes = ".pt .pth .bin .ckpt",
	.probe = probe,
	.open = open_torch,
	.load = load_torch,
	.forget = forget_torch,
	.close = close_torch,
};
