/* SPDX-License-Identifier: MIT */
#include "base/descriptor.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int descriptor_named(const char *path)
{
	static const struct {
		const char *path;
		int fd;
	} streams[] = { { "/dev/stdin", STDIN_FILENO }, { "/dev/stdout", STDOUT_FILENO }, { "/dev/stderr", STDERR_FILENO } };
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
	enum { DIGITS = 6 };
	for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
		if (strcmp(path, streams[i].path) == 0)
			return streams[i].fd;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		size_t length = strlen(folders[i]);
		if (strncmp(path, folders[i], length) != 0)
			continue;
		size_t digits = strspn(path + length, "0123456789");
		if (digits && digits <= DIGITS && !path[length + digits])
			return (int)strtol(path + length, NULL, 10);
	}
	return -1;
}
