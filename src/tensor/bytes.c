#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mapped.h"
#include "base/memory.h"
#include "base/output.h"
#include "tensor/reader.h"

static const unsigned char nothing[8];

enum { FIRST_READ = 1 << 16 };

typedef bool accept_head(const unsigned char *head, size_t size);

struct growth {
	void *block;
	size_t size, capacity;
};

/* Read until `until` bytes are there or the stream ends; *ended says which. */
static enum err read_until(struct growth *growth, int fd, size_t until, bool *ended, struct err_info *info)
{
	*ended = false;
	while (growth->size < until) {
		if (!mem_grow(&growth->block, &growth->capacity, growth->size + FIRST_READ, 1))
			return err_nomem(info, "the input");
		ssize_t got = read(fd, (char *)growth->block + growth->size, growth->capacity - growth->size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(info, "cannot read");
		if (got == 0) {
			*ended = true;
			return ERR_OK;
		}
		growth->size += (size_t)got;
	}
	return ERR_OK;
}

static enum err read_stream(struct bytes *bytes, int fd, accept_head *accept, struct err_info *info)
{
	struct growth growth = { NULL, 0, 0 };
	bool ended;
	enum err err = read_until(&growth, fd, FIRST_READ, &ended, info);
	if (!err && !ended && (!accept || accept(growth.block, growth.size)))
		err = read_until(&growth, fd, SIZE_MAX, &ended, info);
	if (err) {
		free(growth.block);
		return err;
	}
	bytes->data = growth.block ? growth.block : nothing;
	bytes->size = growth.size;
	bytes->mapped = false;
	return ERR_OK;
}

static enum err map_file(struct bytes *bytes, int fd, uint64_t size, const char *file, struct err_info *info)
{
	if (size > SIZE_MAX)
		return err_set(info, ERR_UNSUPPORTED, "the file is larger than the address space");
	const void *map;
	enum err err = mapped_open(fd, (size_t)size, file, &map, info);
	if (err)
		return err;
	bytes->data = map;
	bytes->size = size;
	bytes->mapped = true;
	return ERR_OK;
}

static enum err take_descriptor(struct bytes *bytes, int fd, const char *file, accept_head *accept, struct err_info *info)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return err_set_errno(info, "cannot stat");
	if (S_ISDIR(status.st_mode))
		return err_set(info, ERR_IO, "is a directory");
	/* Files of /proc and /sys say that they are empty; a redirected file may have been read in part. */
	if (S_ISREG(status.st_mode) && !output_protect(status.st_dev, status.st_ino))
		return err_nomem(info, "the input");
	if (S_ISREG(status.st_mode) && status.st_size > 0 && lseek(fd, 0, SEEK_CUR) == 0)
		return map_file(bytes, fd, (uint64_t)status.st_size, file, info);
	return read_stream(bytes, fd, accept, info);
}

enum err bytes_open_if(struct bytes *bytes, const char *file, accept_head *accept, struct err_info *info)
{
	memset(bytes, 0, sizeof *bytes);
	if (strcmp(file, "-") == 0)
		return take_descriptor(bytes, STDIN_FILENO, file, accept, info);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(info, "cannot open");
	enum err err = take_descriptor(bytes, fd, file, accept, info);
	close(fd);
	return err;
}

enum err bytes_open(struct bytes *bytes, const char *file, struct err_info *info)
{
	return bytes_open_if(bytes, file, NULL, info);
}

void bytes_forget(const struct bytes *bytes)
{
	/* Nothing depends on it: where the system does not like the advice, the pages stay. */
	if (bytes->mapped)
		(void)madvise((void *)bytes->data, (size_t)bytes->size, MADV_DONTNEED);
}

void bytes_release(struct bytes *bytes)
{
	if (bytes->mapped)
		mapped_close(bytes->data);
	else if (bytes->data != nothing)
		free((void *)bytes->data);
	memset(bytes, 0, sizeof *bytes);
}
