/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

/* Of the process, as its memory is. */
static atomic_bool lost;

void mem_lose(void)
{
	atomic_store(&lost, true);
}

bool mem_lost(void)
{
	return atomic_load(&lost);
}

/* The product as a size that malloc may be asked for: never zero, so that NULL always means failure. */
static bool block_size(size_t count, size_t size, size_t *bytes)
{
	if (__builtin_mul_overflow(count, size, bytes) || *bytes > PTRDIFF_MAX)
		return false;
	if (*bytes == 0)
		*bytes = 1;
	return true;
}

/* What the allocator gave. */
static void *noted(void *block)
{
	if (!block)
		mem_lose();
	return block;
}

void *mem_array(size_t count, size_t size)
{
	size_t bytes;
	return block_size(count, size, &bytes) ? noted(malloc(bytes)) : NULL;
}

void *mem_zero_array(size_t count, size_t size)
{
	size_t bytes;
	return block_size(count, size, &bytes) ? noted(calloc(1, bytes)) : NULL;
}

bool mem_grow(void **array, size_t *capacity, size_t need, size_t size)
{
	if (need <= *capacity)
		return true;
	size_t wanted = *capacity > SIZE_MAX / 2 ? need : *capacity * 2;
	if (wanted < need)
		wanted = need;
	size_t bytes;
	if (!block_size(wanted, size, &bytes))
		return false;
	void *grown = noted(realloc(*array, bytes));
	if (!grown)
		return false;
	*array = grown;
	*capacity = wanted;
	return true;
}

void *mem_aligned(size_t bytes)
{
	if (bytes > PTRDIFF_MAX - HUGE_PAGE)
		return NULL;
	size_t padded = bytes ? (bytes + LINE - 1) / LINE * LINE : LINE;
	bool huge = padded >= HUGE_PAGE;
	void *block;
	if (posix_memalign(&block, huge ? HUGE_PAGE : LINE, padded) != 0)
		return noted(NULL);
#ifdef MADV_HUGEPAGE
	/* Whole pages only: the tail shares its page with whatever malloc puts behind it. */
	if (huge)
		(void)madvise(block, padded / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
	return block;
}

void mem_aligned_free(void *block)
{
	free(block);
}

bool mem_mul_i64(int64_t a, int64_t b, int64_t *product)
{
	return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, product);
}
