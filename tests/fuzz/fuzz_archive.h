/* SPDX-License-Identifier: MIT */
/*
 * What the targets of the containers share: open bytes as one format, load every tensor, and touch each element once.
 */
#ifndef ATTNVIZ_TESTS_FUZZ_ARCHIVE_H
#define ATTNVIZ_TESTS_FUZZ_ARCHIVE_H

#include <stdlib.h>
#include <string.h>

#include "tensor/layout.h"
#include "tensor/readers.h"

/* More elements than this are only sampled, so that a highly compressed member does not eat the time. */
enum { FUZZ_ELEMENTS_MAX = 1 << 16 };

static inline void fuzz_touch(const struct tensor *tensor)
{
	int64_t count = tensor_count(tensor), step = count / FUZZ_ELEMENTS_MAX + 1;
	volatile double sink = 0;
	for (int64_t i = 0; i < count; i += step)
		sink = sink + tensor_at(tensor, i);
	if (count)
		sink = sink + tensor_at(tensor, count - 1);
}

/* The last row of the last head, by the default layout. */
static inline void fuzz_view(const struct tensor *tensor)
{
	const struct tensor *slot;
	struct heads view;
	struct layout_request request = { .role = LAYOUT_QUERY };
	if (layout_resolve(tensor, &request, &slot, &view, NULL) || tensor_count(tensor) == 0 || view.size[AXIS_DIM] > FUZZ_ELEMENTS_MAX)
		return;
	float *row = malloc((size_t)view.size[AXIS_DIM] * sizeof *row);
	if (row)
		heads_decode_f32(&view, view.size[AXIS_LAYER] - 1, view.size[AXIS_BATCH] - 1, view.size[AXIS_HEAD] - 1,
				 view.size[AXIS_TOKEN] - 1, 1, false, row, view.size[AXIS_DIM], NULL);
	free(row);
}

static inline int fuzz_archive(const uint8_t *data, size_t size, const struct reader *reader)
{
	struct archive archive;
	struct err_info info = { 0 };
	struct bytes bytes = { .data = malloc(size + 1), .size = size };
	if (!bytes.data)
		return 0;
	memcpy((void *)bytes.data, data, size);
	if (archive_open_bytes(&archive, "tests/data/safetensors/fuzz", &bytes, reader, &info))
		return 0;
	for (size_t i = 0; i < archive.count; i++) {
		if (archive_load(&archive, &archive.tensor[i], &info))
			continue;
		fuzz_touch(&archive.tensor[i]);
		fuzz_view(&archive.tensor[i]);
	}
	archive_release(&archive);
	return 0;
}

#endif
