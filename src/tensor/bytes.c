/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
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

/* The part that is wanted of a stream that may have been read in part; *fd is closed and -1 after its end. */
static enum err read_stream(struct growth *growth, int *fd, accept_head *accept, struct err_info *info)
{
	bool ended = *fd < 0;
	enum err err = ended ? ERR_OK : read_until(growth, *fd, FIRST_READ, &ended, info);
	if (!err && !ended && (!accept || accept(growth->block, growth->size)))
		err = read_until(growth, *fd, SIZE_MAX, &ended, info);
	if (ended && *fd > STDIN_FILENO)
		close(*fd);
	*fd = ended ? -1 : *fd;
	return err;
}

static void show_growth(struct bytes *bytes, const struct growth *growth)
{
	bytes->data = growth->block ? growth->block : nothing;
	bytes->size = growth->size;
}

/*
 * A pipe gives its bytes once, and its second opening waits for another writer or finds nothing. So what was read of one stays for
 * the whole run, and whoever opens the name again sees it from the beginning.
 */
struct stream {
	char *file;
	int fd; /* -1 after the end */
	struct growth growth;
	struct stream *next;
};

/* Of the process, as its descriptors are. */
static struct stream *streams;

static struct stream *find_stream(const char *file)
{
	struct stream *stream = streams;
	while (stream && strcmp(stream->file, file) != 0)
		stream = stream->next;
	return stream;
}

/* Takes over fd. */
static struct stream *add_stream(const char *file, int fd)
{
	struct stream *stream = mem_zero_array(1, sizeof *stream);
	char *copy = strdup(file);
	if (!stream || !copy) {
		free(stream);
		free(copy);
		close(fd);
		return NULL;
	}
	*stream = (struct stream){ .file = copy, .fd = fd, .next = streams };
	streams = stream;
	return stream;
}

static enum err show_stream(struct bytes *bytes, struct stream *stream, accept_head *accept, struct err_info *info)
{
	if (!stream)
		return err_nomem(info, "the input");
	enum err err = read_stream(&stream->growth, &stream->fd, accept, info);
	if (err)
		return err;
	show_growth(bytes, &stream->growth);
	bytes->kept = true;
	return ERR_OK;
}

static enum err take_input(struct bytes *bytes, accept_head *accept, struct err_info *info)
{
	struct growth growth = { NULL, 0, 0 };
	int fd = STDIN_FILENO;
	enum err err = read_stream(&growth, &fd, accept, info);
	if (err)
		free(growth.block);
	else
		show_growth(bytes, &growth);
	return err;
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

/* Is it a file to map? Files of /proc and /sys say that they are empty; a redirected file may have been read in part. */
static enum err look_at(int fd, bool *mappable, uint64_t *size, struct err_info *info)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return err_set_errno(info, "cannot stat");
	if (S_ISDIR(status.st_mode))
		return err_set(info, ERR_IO, "is a directory");
	if (S_ISREG(status.st_mode) && !output_protect(status.st_dev, status.st_ino))
		return err_nomem(info, "the input");
	*mappable = S_ISREG(status.st_mode) && status.st_size > 0 && lseek(fd, 0, SEEK_CUR) == 0;
	*size = (uint64_t)status.st_size;
	return ERR_OK;
}

static int open_path(const char *file)
{
	int named = descriptor_named(file);
	return named < 0 ? open(file, O_RDONLY | O_CLOEXEC) : fcntl(named, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

enum err bytes_open_if(struct bytes *bytes, const char *file, accept_head *accept, struct err_info *info)
{
	memset(bytes, 0, sizeof *bytes);
	struct stream *stream = find_stream(file);
	if (stream)
		return show_stream(bytes, stream, accept, info);
	bool input = strcmp(file, "-") == 0, mappable = false;
	uint64_t size = 0;
	int fd = input ? STDIN_FILENO : open_path(file);
	if (fd < 0)
		return err_set_errno(info, "cannot open");
	enum err err = look_at(fd, &mappable, &size, info);
	if (!err && mappable)
		err = map_file(bytes, fd, size, file, info);
	else if (!err && input)
		err = take_input(bytes, accept, info);
	else if (!err)
		return show_stream(bytes, add_stream(file, fd), accept, info);
	if (!input)
		close(fd);
	return err;
}

static bool accept_none(const unsigned char *head, size_t size)
{
	(void)head, (void)size;
	return false;
}

enum err bytes_peek(struct bytes *bytes, const char *file, struct err_info *info)
{
	return bytes_open_if(bytes, file, accept_none, info);
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
	else if (!bytes->kept && bytes->data != nothing)
		free((void *)bytes->data);
	memset(bytes, 0, sizeof *bytes);
}
