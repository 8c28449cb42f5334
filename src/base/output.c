/* SPDX-License-Identifier: MIT */
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/mapped.h"
#include "base/memory.h"
#include "base/output_guard.h"
#include "base/utf8.h"

enum { BUFFER = 64 << 10, SUFFIX = 6, TRIES = 100 };

/* A property of the process: who writes does not change. */
static bool muted;

void output_mute(void)
{
	muted = true;
}

/* How long standard output may become before somebody pages it. */
static struct {
	void (*start)(void);
	int rows, columns;
	int64_t lines, column;
} paging;

void output_page(int rows, int columns, void (*start)(void))
{
	paging.start = start;
	paging.rows = rows;
	paging.columns = columns;
}

/* Count lines as a terminal fills them; a byte that continues a character takes no column, nor does what stands from ESC to a letter. */
static void look_for_length(const unsigned char *bytes, size_t count)
{
	bool escaped = false;
	for (size_t i = 0; i < count && paging.lines < paging.rows; i++) {
		bool shown = !escaped && bytes[i] != 0x1b && (bytes[i] & 0xC0) != 0x80;
		escaped = bytes[i] == 0x1b || (escaped && (bytes[i] == '[' || bytes[i] == ';' || (bytes[i] >= '0' && bytes[i] <= '9')));
		if (bytes[i] == '\n' || (shown && paging.column == paging.columns)) {
			paging.lines++;
			paging.column = 0;
		}
		paging.column += shown && bytes[i] != '\n';
	}
	if (paging.lines < paging.rows)
		return;
	void (*start)(void) = paging.start;
	paging.start = NULL;
	start();
}

/* Files that are read. */
static struct {
	struct inode {
		uint64_t device, number;
	} *item;
	size_t count, capacity;
} inputs;

bool output_protect(uint64_t device, uint64_t inode)
{
	void *grown = inputs.item;
	bool room = mem_grow(&grown, &inputs.capacity, inputs.count + 1, sizeof *inputs.item);
	inputs.item = grown;
	if (room)
		inputs.item[inputs.count++] = (struct inode){ device, inode };
	return room;
}

static bool is_input(const char *path)
{
	struct stat status;
	if (inputs.count == 0 || stat(path, &status) != 0)
		return false;
	for (size_t i = 0; i < inputs.count; i++)
		if (inputs.item[i].device == status.st_dev && inputs.item[i].number == status.st_ino)
			return true;
	return false;
}

static enum err refuse_input(struct err_info *info)
{
	return err_set(info, ERR_USAGE, "is read as well: an output must not replace an input, choose another name");
}

static bool is_stdout(const char *target)
{
	return strcmp(target, "-") == 0 || descriptor_named(target) == STDOUT_FILENO;
}

static const char *name_of(const struct output *out)
{
	return is_stdout(out->target) ? "standard output" : out->target;
}

static enum err fail(struct output *out)
{
	out->failed = true;
	if (errno == ENOSPC || errno == EDQUOT)
		err_set(&out->info, ERR_IO, "cannot write: no space left on the device: free some, or write elsewhere");
	else if (errno == EPIPE)
		err_set(&out->info, ERR_PIPE, "cannot write: nobody reads any more");
	else
		err_set_errno(&out->info, "cannot write");
	return err_in_file(&out->info, name_of(out));
}

/* Six letters that another process will not choose at the same time. */
static void random_suffix(char *suffix)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint64_t bits;
	if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits) {
		struct timespec now;
		clock_gettime(CLOCK_MONOTONIC, &now);
		bits = ((uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid()) * 0x9E3779B97F4A7C15u;
	}
	for (int i = 0; i < SUFFIX; i++, bits /= sizeof letters - 1)
		suffix[i] = letters[bits % (sizeof letters - 1)];
}

/* "folder/name" -> "folder/.name.XXXXXX", the name cut where the whole would be too long for a file system. */
static char *temporary_name(const char *target)
{
	const char *slash = strrchr(target, '/');
	size_t folder = slash ? (size_t)(slash + 1 - target) : 0;
	size_t name = strlen(target + folder);
	if (name > NAME_MAX - SUFFIX - 2)
		name = NAME_MAX - SUFFIX - 2;
	struct strbuf text;
	strbuf_init(&text);
	strbuf_add(&text, target, folder);
	strbuf_addch(&text, '.');
	strbuf_add(&text, target + folder, name);
	strbuf_addstr(&text, ".XXXXXX");
	return strbuf_detach(&text);
}

/* What keeps a file from others: its owner and group where the system lets us, its mode, its access list. A group that cannot be
 * kept gives the rights of its members to nobody. */
static bool copy_access(int fd, const char *from, const struct stat *status)
{
	mode_t mode = status->st_mode & 07777;
	if (fchown(fd, status->st_uid, status->st_gid) != 0 && fchown(fd, (uid_t)-1, status->st_gid) != 0)
		mode &= ~(mode_t)(S_ISUID | S_ISGID | (S_IRWXG & ~((mode & S_IRWXO) << 3)));
	if (fchmod(fd, mode) != 0)
		return false;
	static const char list[] = "system.posix_acl_access";
	char entries[4096];
	ssize_t size = getxattr(from, list, entries, sizeof entries);
	return size <= 0 || fsetxattr(fd, list, entries, (size_t)size, 0) == 0;
}

/* Open(2) with 0666 rather than mkstemp: the kernel applies the umask and the folder's default access list. What takes the place of a
 * file is nobody else's from the start. The name is on the list before the file exists, so no signal finds a file that is not. */
static enum err create_temporary(struct output *out, const struct stat *replaced, struct err_info *info)
{
	out->temporary = temporary_name(out->destination);
	if (!out->temporary)
		return err_nomem(info, "the name of the output");
	out->slot = -1;
	for (int try = 0; try < TRIES; try++) {
		random_suffix(out->temporary + strlen(out->temporary) - SUFFIX);
		out->slot = output_guard_enter(out->temporary);
		if (out->slot < 0)
			return err_set(info, ERR_IO, "too many files are being written at once");
		out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, replaced ? 0600 : 0666);
		if (out->fd >= 0)
			return !replaced || copy_access(out->fd, out->destination, replaced) ? ERR_OK : err_set_errno(info, "cannot keep its mode");
		int reason = errno;
		output_guard_strike(out->slot);
		out->slot = -1;
		errno = reason;
		if (reason != EEXIST)
			break;
	}
	return err_set_errno(info, "cannot create");
}

/* The path that the link at `path` names, as seen from where we are. */
static char *read_link(const char *path)
{
	char name[PATH_MAX];
	ssize_t length = readlink(path, name, sizeof name);
	if (length < 0 || length == sizeof name)
		return NULL;
	const char *slash = name[0] == '/' ? NULL : strrchr(path, '/');
	struct strbuf text;
	strbuf_init(&text);
	strbuf_add(&text, path, slash ? (size_t)(slash + 1 - path) : 0);
	strbuf_add(&text, name, (size_t)length);
	return strbuf_detach(&text);
}

/* Links stay links: out->destination becomes the file that they lead to, which need not exist. Loops do not come here: stat knows them. */
static enum err follow_links(struct output *out, struct err_info *info)
{
	enum { LINKS = 40 };
	struct stat status;
	out->destination = strdup(out->target);
	for (int i = 0; out->destination && i < LINKS; i++) {
		if (lstat(out->destination, &status) != 0 || !S_ISLNK(status.st_mode))
			return ERR_OK;
		char *next = read_link(out->destination);
		free(out->destination);
		out->destination = next;
	}
	return out->destination ? err_set(info, ERR_IO, "cannot follow so many symbolic links") : err_nomem(info, "the name of the output");
}

static enum err open_regular(struct output *out, const struct stat *replaced, struct err_info *info)
{
	if (replaced && faccessat(AT_FDCWD, out->target, W_OK, AT_EACCESS) != 0)
		return err_set_errno(info, "cannot replace");
	enum err err = follow_links(out, info);
	return err ? err : create_temporary(out, replaced, info);
}

static enum err open_target(struct output *out, struct err_info *info)
{
	if (muted) {
		out->fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		return out->fd < 0 ? err_set_errno(info, "cannot open /dev/null") : ERR_OK;
	}
	if (is_stdout(out->target)) {
		out->fd = STDOUT_FILENO;
		return ERR_OK;
	}
	int named = descriptor_named(out->target);
	if (named >= 0) {
		out->fd = fcntl(named, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		return out->fd < 0 ? err_set_errno(info, "cannot open for writing") : ERR_OK;
	}
	size_t len = strlen(out->target);
	struct stat status;
	bool exists = stat(out->target, &status) == 0;
	if (len == 0)
		return err_set(info, ERR_IO, "the name of the output is empty");
	if (!exists && errno != ENOENT)
		return err_set_errno(info, "cannot create");
	if ((exists && S_ISDIR(status.st_mode)) || out->target[len - 1] == '/')
		return err_set(info, ERR_IO, "is a directory: name a file in it");
	if (is_input(out->target))
		return refuse_input(info);
	if (!exists || S_ISREG(status.st_mode))
		return open_regular(out, exists ? &status : NULL, info);
	out->fd = open(out->target, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	return out->fd < 0 ? err_set_errno(info, "cannot open for writing") : ERR_OK;
}

/* Close and remove what there is, and free; says nothing. */
static void discard(struct output *out)
{
	if (out->fd > STDOUT_FILENO)
		close(out->fd);
	if (out->slot >= 0 && out->temporary) {
		unlink(out->temporary);
		output_guard_strike(out->slot);
	}
	free(out->temporary);
	free(out->destination);
	free(out->target);
	free(out->buffer);
	*out = (struct output){ 0 };
}

enum err output_open(struct output *out, const char *target, struct err_info *info)
{
	*out = (struct output){ .fd = -1, .slot = -1, .target = strdup(target), .buffer = mem_array(BUFFER, 1) };
	enum err err = out->target && out->buffer ? open_target(out, info) : err_nomem(info, "the output");
	if (err != ERR_OK) {
		err_in_file(info, target);
		discard(out);
		return err;
	}
	/* A shell may have left standard output in the middle of a file; our positions count from there. */
	off_t origin = lseek(out->fd, 0, SEEK_CUR);
	int flags = fcntl(out->fd, F_GETFL);
	out->seekable = origin >= 0 && flags >= 0 && !(flags & O_APPEND);
	out->origin = origin >= 0 ? (uint64_t)origin : 0;
	return ERR_OK;
}

/* A standard output that another program made non-blocking is waited for. */
static bool worth_a_retry(int fd)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		poll(&ready, 1, -1);
		return true;
	}
	return errno == EINTR;
}

static enum err write_all(struct output *out, const unsigned char *bytes, size_t count, const uint64_t *position)
{
	if (paging.start && out->fd == STDOUT_FILENO && !position)
		look_for_length(bytes, count);
	size_t done = 0;
	while (done < count) {
		ssize_t part = position ? pwrite(out->fd, bytes + done, count - done, (off_t)(*position + done))
		                        : write(out->fd, bytes + done, count - done);
		if (part > 0)
			done += (size_t)part;
		else if (part == 0 || !worth_a_retry(out->fd))
			return fail(out);
	}
	return ERR_OK;
}

static enum err flush(struct output *out)
{
	size_t count = out->buffered;
	out->buffered = 0;
	return out->failed ? out->info.code : write_all(out, out->buffer, count, NULL);
}

enum err output_write(struct output *out, const void *bytes, size_t count)
{
	if (out->failed)
		return out->info.code;
	out->written += count;
	if (out->buffered + count > BUFFER && flush(out) != ERR_OK)
		return out->info.code;
	if (count >= BUFFER)
		return write_all(out, bytes, count, NULL);
	if (count)
		memcpy(out->buffer + out->buffered, bytes, count);
	out->buffered += count;
	return ERR_OK;
}

enum err output_line(struct output *out, const struct strbuf *text)
{
	struct strbuf line;
	strbuf_init(&line);
	utf8_append_visible(&line, text->buf, text->len);
	strbuf_addch(&line, '\n');
	if (!out->failed && (strbuf_failed(text) || strbuf_failed(&line)))
		out->failed = err_nomem(&out->info, "a line of the output") != ERR_OK;
	enum err err = output_write(out, line.buf, line.len);
	strbuf_release(&line);
	return err;
}

enum err output_write_at(struct output *out, const void *bytes, size_t count, uint64_t position)
{
	if (!out->seekable && !out->failed) {
		errno = ESPIPE;
		return fail(out);
	}
	if (flush(out) != ERR_OK)
		return out->info.code;
	uint64_t end;
	if (__builtin_add_overflow(position, count, &end) || end > INT64_MAX - out->origin) {
		errno = EFBIG;
		return fail(out);
	}
	position += out->origin;
	if (end > out->extent)
		out->extent = end;
	return write_all(out, bytes, count, &position);
}

bool output_seekable(const struct output *out)
{
	return out->seekable;
}

/* Leave a standard output that was written by position where the next program will append. */
static void move_to_end(struct output *out)
{
	if (out->extent > out->written)
		lseek(out->fd, (off_t)(out->origin + out->extent), SEEK_SET);
}

static enum err finish(struct output *out)
{
	if (flush(out) != ERR_OK)
		return out->info.code;
	if (out->fd == STDOUT_FILENO) {
		move_to_end(out);
		return ERR_OK;
	}
	int fd = out->fd;
	out->fd = -1;
	/* On Linux the descriptor is gone even when close says EINTR. */
	if (close(fd) != 0 && errno != EINTR)
		return fail(out);
	if (!out->temporary)
		return ERR_OK;
	if (is_input(out->target)) {
		out->failed = true;
		refuse_input(&out->info);
		return err_in_file(&out->info, out->target);
	}
	if (rename(out->temporary, out->destination) != 0)
		return fail(out);
	output_guard_strike(out->slot);
	out->slot = -1;
	return ERR_OK;
}

enum err output_commit(struct output *out, struct err_info *info)
{
	/* What was computed from a file that changed meanwhile, or says less than it should, is not worth a name. */
	if (!out->failed)
		out->failed = mapped_unchanged(&out->info) != ERR_OK;
	if (!out->failed && mem_lost())
		out->failed = err_nomem(&out->info, "what belongs in it") != ERR_OK && err_in_file(&out->info, name_of(out)) != ERR_OK;
	enum err err = finish(out);
	if (err != ERR_OK && info && info->code == ERR_OK)
		*info = out->info;
	discard(out);
	return err;
}

void output_release(struct output *out)
{
	discard(out);
}
