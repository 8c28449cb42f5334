/* SPDX-License-Identifier: MIT */
#include "base/mapped.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"

/* One place of the list. Places are never freed, only used again: a handler may be walking over them. */
struct mapped {
	_Atomic uintptr_t begin; /* 0: the place is free */
	_Atomic uintptr_t end;
	struct mapped *_Atomic next;
	char *file;
	char *line;
	struct stat status; /* as the file was when it was mapped */
};

/* A handler has no argument to receive the list through. The lock is for those who change it. */
static struct mapped *_Atomic all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct err_info first_change;

static const char cut_text[] = "became shorter while it was read: run again when it is whole";
static const char changed_text[] = "was written while it was read: run again when it is whole";

static char *line_for(const char *file)
{
	struct strbuf line;
	strbuf_init(&line);
	strbuf_addstr(&line, "attnviz: ");
	utf8_append_visible(&line, file, strlen(file));
	strbuf_addf(&line, ": %s\n", cut_text);
	return strbuf_detach(&line);
}

static struct mapped *free_place(void)
{
	struct mapped *place = atomic_load(&all);
	while (place && atomic_load(&place->begin))
		place = atomic_load(&place->next);
	if (place)
		return place;
	place = mem_zero_array(1, sizeof *place);
	if (place) {
		atomic_store(&place->next, atomic_load(&all));
		atomic_store(&all, place);
	}
	return place;
}

/* The lock is held. */
static enum err enter(const void *data, size_t size, const char *file, const struct stat *status, struct err_info *info)
{
	struct mapped *place = free_place();
	char *copy = strdup(file), *line = line_for(strcmp(file, "-") == 0 ? "standard input" : file);
	if (!place || !copy || !line) {
		free(copy);
		free(line);
		return err_nomem(info, "the input");
	}
	place->file = copy;
	place->line = line;
	place->status = *status;
	atomic_store(&place->end, (uintptr_t)data + size);
	atomic_store(&place->begin, (uintptr_t)data);
	return ERR_OK;
}

enum err mapped_open(int fd, size_t size, const char *file, const void **data, struct err_info *info)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return err_set_errno(info, "cannot stat");
	void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_set_errno(info, "cannot map");
	pthread_mutex_lock(&lock);
	enum err err = enter(map, size, file, &status, info);
	pthread_mutex_unlock(&lock);
	if (err)
		munmap(map, size);
	else
		*data = map;
	return err;
}

/* Keep the first change for those who ask later. */
static void compare(const struct mapped *place)
{
	const struct stat *before = &place->status;
	struct stat now;
	bool input = strcmp(place->file, "-") == 0;
	if ((input ? fstat(STDIN_FILENO, &now) : stat(place->file, &now)) != 0)
		return;
	if (now.st_dev != before->st_dev || now.st_ino != before->st_ino)
		return;
	bool written = now.st_mtim.tv_sec != before->st_mtim.tv_sec || now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
	if (now.st_size >= before->st_size && !written)
		return;
	err_set(&first_change, ERR_IO, "%s", now.st_size < before->st_size ? cut_text : changed_text);
	err_in_file(&first_change, input ? "standard input" : place->file);
}

void mapped_close(const void *data)
{
	pthread_mutex_lock(&lock);
	struct mapped *place = atomic_load(&all);
	while (place && atomic_load(&place->begin) != (uintptr_t)data)
		place = atomic_load(&place->next);
	if (place) {
		size_t size = atomic_load(&place->end) - (uintptr_t)data;
		compare(place);
		atomic_store(&place->begin, 0);
		free(place->file);
		free(place->line);
		munmap((void *)data, size);
	}
	pthread_mutex_unlock(&lock);
}

enum err mapped_unchanged(struct err_info *info)
{
	pthread_mutex_lock(&lock);
	for (struct mapped *place = atomic_load(&all); place; place = atomic_load(&place->next))
		if (atomic_load(&place->begin))
			compare(place);
	enum err err = first_change.code;
	if (err && info && info->code == ERR_OK)
		*info = first_change;
	pthread_mutex_unlock(&lock);
	return err;
}

const char *mapped_line(const void *address)
{
	uintptr_t at = (uintptr_t)address;
	for (struct mapped *place = atomic_load(&all); place; place = atomic_load(&place->next)) {
		uintptr_t begin = atomic_load(&place->begin);
		if (begin && at >= begin && at < atomic_load(&place->end))
			return place->line;
	}
	return NULL;
}
