/* SPDX-License-Identifier: MIT */
#include "support/temporary.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/suite.h"

char *temporary_folder(void)
{
	const char *parent = getenv("TMPDIR");
	char *folder;
	ck_assert_int_ge(asprintf(&folder, "%s/attnviz-XXXXXX", parent && *parent ? parent : "/tmp"), 0);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	return folder;
}

char *temporary_file(const char *folder, const char *name, const void *bytes, size_t size)
{
	char *path;
	ck_assert_int_ge(asprintf(&path, "%s/%s", folder, name), 0);
	FILE *file = fopen(path, "wb");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

void temporary_remove(char *folder)
{
	DIR *list = opendir(folder);
	for (struct dirent *entry; list && (entry = readdir(list));)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(list), entry->d_name, 0);
	if (list)
		closedir(list);
	rmdir(folder);
	free(folder);
}
