/* SPDX-License-Identifier: MIT */
#include "model/checkpoint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct tensor *const *)a)->name, (*(const struct tensor *const *)b)->name);
}

static enum err sort(struct checkpoint *checkpoint, struct err_info *info)
{
	struct archive *archive = &checkpoint->archive;
	checkpoint->sorted = mem_array(archive->count, sizeof *checkpoint->sorted);
	if (!checkpoint->sorted)
		return err_nomem(info, "the names of the tensors");
	for (size_t i = 0; i < archive->count; i++)
		checkpoint->sorted[i] = &archive->tensor[i];
	qsort(checkpoint->sorted, archive->count, sizeof *checkpoint->sorted, by_name);
	return ERR_OK;
}

/* torch's own file is there and no other: not the same as none at all. */
static enum err refuse_others(const char *folder, struct err_info *info)
{
	static const char *const others[] = { "pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.safetensors", "tf_model.h5" };
	char path[4096];
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		snprintf(path, sizeof path, "%s%s", folder, others[i]);
		if (access(path, F_OK) == 0) {
			err_set(info, ERR_UNSUPPORTED, "the weights are read from model.safetensors, which is not there: save_pretrained(DIR, safe_serialization=True) writes it");
			return err_in_file(info, path);
		}
	}
	return ERR_OK;
}

enum err checkpoint_open(struct checkpoint *checkpoint, const char *folder, struct err_info *info)
{
	static const char *const files[] = { "model.safetensors", "model.safetensors.index.json" };
	char path[4096];
	*checkpoint = (struct checkpoint){ 0 };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if ((size_t)snprintf(path, sizeof path, "%s%s", folder, files[i]) >= sizeof path)
			return err_set(info, ERR_IO, "the name of the folder is too long");
		if (access(path, F_OK) != 0)
			continue;
		enum err err = archive_open(&checkpoint->archive, path, info);
		checkpoint->is_open = !err;
		return err ? err_in_file(info, path) : sort(checkpoint, info);
	}
	return refuse_others(folder, info);
}

void checkpoint_release(struct checkpoint *checkpoint)
{
	archive_release(&checkpoint->archive);
	free(checkpoint->sorted);
	*checkpoint = (struct checkpoint){ 0 };
}

const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name)
{
	const struct tensor wanted = { .name = name }, *key = &wanted;
	const struct tensor **found = checkpoint->is_open ? bsearch(&key, checkpoint->sorted, checkpoint->archive.count, sizeof *checkpoint->sorted, by_name) : NULL;
	return found ? *found : NULL;
}

/* Does `name` end in `ending`, at the start of a word? The length of what stands before, or -1. Matched from the right. */
static long before_ending(const char *name, const char *ending)
{
	long n = (long)strlen(name), e = (long)strlen(ending);
	while (e > 0) {
		if (ending[e - 1] != '#') {
			if (n < 1 || name[n - 1] != ending[e - 1])
				return -1;
			n--;
		} else {
			if (n < 1 || !isdigit((unsigned char)name[n - 1]))
				return -1;
			while (n > 0 && isdigit((unsigned char)name[n - 1]))
				n--;
		}
		e--;
	}
	return n == 0 || name[n - 1] == '.' ? n : -1;
}

int checkpoint_prefixes(const struct checkpoint *checkpoint, const char *ending, char **prefix, int most)
{
	int count = 0;
	for (size_t i = 0; checkpoint->is_open && i < checkpoint->archive.count && count < most; i++) {
		const char *name = checkpoint->sorted[i]->name;
		long length = before_ending(name, ending);
		bool known = length < 0 || strncmp(name, "mtp.", 4) == 0;
		for (int p = 0; p < count && !known; p++)
			known = (long)strlen(prefix[p]) == length && strncmp(prefix[p], name, (size_t)length) == 0;
		if (known)
			continue;
		char *copy = strndup(name, (size_t)length);
		if (!copy)
			break;
		prefix[count++] = copy;
	}
	return count;
}
