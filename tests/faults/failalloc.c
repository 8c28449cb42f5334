/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: the FAIL_AT-th allocation that the program itself asks for (not its libraries) fails with ENOMEM; with FAIL_ON set,
 * and all after it. FAIL_COUNT=FILE: write how many there were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uintptr_t begin, end;
static long at, count;
static int go_on;

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t number, size_t size), *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

/* The first object is the program. */
static int find(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size, (void)data;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, last = first + info->dlpi_phdr[i].p_memsz;
		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		begin = !begin || first < begin ? first : begin;
		end = last > end ? last : end;
	}
	return 1;
}

__attribute__((constructor)) static void start(void)
{
	const char *text = getenv("FAIL_AT");
	at = text ? strtol(text, NULL, 10) : 0;
	go_on = getenv("FAIL_ON") != NULL;
	dl_iterate_phdr(find, NULL);
}

__attribute__((destructor)) static void stop(void)
{
	const char *name = getenv("FAIL_COUNT");
	FILE *file = name ? fopen(name, "w") : NULL;
	if (!file)
		return;
	fprintf(file, "%ld\n", count);
	fclose(file);
}

static int fails(const void *caller)
{
	if ((uintptr_t)caller < begin || (uintptr_t)caller >= end)
		return 0;
	long number = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	if (number != at && !(go_on && at && number > at))
		return 0;
	errno = ENOMEM;
	return 1;
}

#define FAILS fails(__builtin_return_address(0))

void *malloc(size_t size)
{
	return FAILS ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	return FAILS ? NULL : __libc_calloc(number, size);
}

void *realloc(void *block, size_t size)
{
	return FAILS ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return FAILS ? NULL : __libc_memalign(align, size);
}

int posix_memalign(void **block, size_t align, size_t size)
{
	if (FAILS)
		return ENOMEM;
	*block = __libc_memalign(align, size);
	return *block ? 0 : ENOMEM;
}

static char *copy(const char *text, size_t length)
{
	char *made = __libc_malloc(length + 1);
	if (!made)
		return NULL;
	memcpy(made, text, length);
	made[length] = '\0';
	return made;
}

char *strdup(const char *text)
{
	return FAILS ? NULL : copy(text, strlen(text));
}

char *strndup(const char *text, size_t length)
{
	return FAILS ? NULL : copy(text, strnlen(text, length));
}

int asprintf(char **text, const char *format, ...)
{
	va_list args;
	if (FAILS)
		return -1;
	va_start(args, format);
	int length = vasprintf(text, format, args);
	va_end(args);
	return length;
}

char *realpath(const char *path, char *resolved)
{
	static char *(*real)(const char *, char *);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "realpath");
	return FAILS ? NULL : real(path, resolved);
}
