/* SPDX-License-Identifier: MIT */
/*
 * Memory whose size comes from a product: overflow is a failed allocation, never a small block.
 */
#ifndef ATTNVIZ_BASE_MEMORY_H
#define ATTNVIZ_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count * size bytes, uninitialised / zeroed. NULL when out of memory, on overflow, or above PTRDIFF_MAX; never
 * NULL for a zero-sized request that succeeds. Release with free(). */
void *mem_array(size_t count, size_t size);
void *mem_zero_array(size_t count, size_t size);

/* Grow *array (of elements of `size` bytes) so that it holds at least `need` elements; *capacity is in elements and
 * at least doubles. On failure returns false and leaves both as they were. */
bool mem_grow(void **array, size_t *capacity, size_t need, size_t size);

/* `bytes` bytes aligned to 64 (one cache line, the widest vector), padded to a multiple of 64, contents undefined;
 * blocks of 2 MiB and more are aligned for, and advised to use, huge pages. NULL when out of memory. Release with
 * mem_aligned_free(), which takes NULL. */
void *mem_aligned(size_t bytes);
void mem_aligned_free(void *block);

/* Memory ran out: noted by the functions above, and by those who ask elsewhere and cannot say so. Whatever the callers make of it, no
 * output is completed any more (output_commit). */
void mem_lose(void);
bool mem_lost(void);

/* a * b in *product; false on overflow or where an operand is negative. */
bool mem_mul_i64(int64_t a, int64_t b, int64_t *product);

#endif
