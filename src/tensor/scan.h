/* SPDX-License-Identifier: MIT */
/*
 * Walking through a binary file of little-endian numbers: what is beyond the end reads as zero and is remembered.
 */
#ifndef ATTNVIZ_TENSOR_SCAN_H
#define ATTNVIZ_TENSOR_SCAN_H

#include <stdbool.h>
#include <stdint.h>

struct scan {
	const unsigned char *data;
	uint64_t size, at;
	bool beyond; /* something was asked for that is not there */
};

static inline const unsigned char *scan_bytes(struct scan *scan, uint64_t count)
{
	if (scan->beyond || count > scan->size - scan->at) {
		scan->beyond = true;
		return scan->data;
	}
	scan->at += count;
	return scan->data + scan->at - count;
}

static inline uint64_t scan_number(struct scan *scan, int bytes)
{
	const unsigned char *at = scan_bytes(scan, (uint64_t)bytes);
	uint64_t value = 0;
	for (int i = bytes - 1; i >= 0 && !scan->beyond; i--)
		value = value << 8 | at[i];
	return value;
}

/* `count` times `size` bytes, which may overflow. */
static inline const unsigned char *scan_array(struct scan *scan, uint64_t count, uint64_t size)
{
	uint64_t bytes;
	scan->beyond = scan->beyond || __builtin_mul_overflow(count, size, &bytes);
	return scan_bytes(scan, scan->beyond ? 0 : bytes);
}

#endif
