/* SPDX-License-Identifier: MIT */
#include "analysis/weights_support.h"

#include <stdlib.h>

#include "base/memory.h"

/* A left limit that fewer of its rows go up to than LIKELY comes after none, below POSSIBLE it is none. */
static const double LIKELY = 0.5, POSSIBLE = 0.1;

void row_extent_read(const double *weight, int64_t keys, struct row_extent *extent)
{
	int64_t first = 0, last = keys - 1, zeros = 0;
	while (first < keys && !(weight[first] > 0))
		first++;
	while (last >= first && !(weight[last] > 0))
		last--;
	extent->first = first;
	extent->last = last;
	extent->gap_begin = extent->gap_end = 0;
	extent->uniform = keys > 1 && first == 0 && last == keys - 1;
	for (int64_t key = first; key <= last; key++) {
		zeros = weight[key] > 0 ? 0 : zeros + 1;
		if (zeros > extent->gap_end - extent->gap_begin) {
			extent->gap_end = key + 1;
			extent->gap_begin = key + 1 - zeros;
		}
		extent->uniform = extent->uniform && weight[key] == weight[0];
	}
}

struct study {
	const struct row_extent *extent;
	size_t count;
	int64_t batches, queries, keys;
	bool has_other_rows; /* that are not uniform */
	const int64_t *begin, *end;
};

/* Rows that see nothing tell nothing. */
static bool is_live(const struct study *study, const struct row_extent *extent)
{
	return extent->first <= extent->last && !(extent->uniform && study->has_other_rows);
}

static void find_ends(const struct study *study, int64_t *begin, int64_t *end)
{
	for (int64_t batch = 0; batch < study->batches; batch++) {
		begin[batch] = study->keys;
		end[batch] = 0;
	}
	for (size_t i = 0; i < study->count; i++) {
		const struct row_extent *extent = &study->extent[i];
		if (!is_live(study, extent))
			continue;
		begin[extent->batch] = extent->first < begin[extent->batch] ? extent->first : begin[extent->batch];
		end[extent->batch] = extent->last >= end[extent->batch] ? extent->last + 1 : end[extent->batch];
	}
	for (int64_t batch = 0; batch < study->batches; batch++)
		if (begin[batch] >= end[batch]) {
			begin[batch] = 0;
			end[batch] = study->keys;
		}
}

/* Rows of item `batch` (-1: of all) that some limit last <= row + diagonal cuts, the smallest such diagonal, and how many go up to it. */
static void find_right(const struct study *study, int64_t batch, int64_t *diagonal, int64_t *cut, int64_t *reaching)
{
	*diagonal = -study->queries;
	for (size_t i = 0; i < study->count; i++) {
		const struct row_extent *extent = &study->extent[i];
		if ((batch < 0 || extent->batch == batch) && is_live(study, extent) && extent->last - extent->row > *diagonal)
			*diagonal = extent->last - extent->row;
	}
	*cut = *reaching = 0;
	for (size_t i = 0; i < study->count; i++) {
		const struct row_extent *extent = &study->extent[i];
		int64_t limit = extent->row + *diagonal;
		if ((batch >= 0 && extent->batch != batch) || !is_live(study, extent) || limit >= study->end[extent->batch] - 1)
			continue;
		++*cut;
		*reaching += extent->last == limit;
	}
}

static bool ends_differ(const struct study *study)
{
	for (int64_t batch = 1; batch < study->batches; batch++)
		if (study->end[batch] != study->end[0])
			return true;
	return false;
}

/* Items of a cache that is longer than they fill it are aligned at their own lengths. */
static bool is_aligned_by_length(const struct study *study)
{
	int64_t diagonal, cut, reaching;
	if (study->queries >= study->keys || !ends_differ(study))
		return false;
	for (int64_t batch = 0; batch < study->batches; batch++) {
		find_right(study, batch, &diagonal, &cut, &reaching);
		if (diagonal > study->end[batch] - study->queries)
			return false;
	}
	return true;
}

static struct support find_limit(const struct study *study)
{
	struct support support = { .left = -1, .tight = 1 };
	int64_t diagonal, cut, reaching, usual = study->keys - study->queries;
	find_right(study, -1, &diagonal, &cut, &reaching);
	support.by_length = is_aligned_by_length(study);
	support.is_limited = support.by_length || (cut > 0 && (double)reaching >= POSSIBLE * (double)cut);
	support.diagonal = support.is_limited && !support.by_length ? diagonal : usual;
	return support;
}

static int64_t position_of(const struct study *study, const struct support *support, const struct row_extent *extent)
{
	return extent->row + (support->by_length ? study->end[extent->batch] - study->queries : support->diagonal);
}

/* Where the window of a row begins: at its first weight, or after the gap behind the first keys, which stay. */
static int64_t window_begin(const struct study *study, const struct row_extent *extent, int64_t keep_first)
{
	bool has_gap = extent->gap_end > extent->gap_begin && extent->gap_begin <= study->begin[extent->batch] + keep_first;
	return keep_first && has_gap ? extent->gap_end : extent->first;
}

/* Of the rows that begin later than their item does: the farthest back that any goes, and the share of those cut there that do. */
static void find_window(const struct study *study, struct support *support)
{
	int64_t cut = 0, reaching = 0;
	support->left = -1;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < study->count; i++) {
			const struct row_extent *extent = &study->extent[i];
			int64_t begin = study->begin[extent->batch], from = window_begin(study, extent, support->keep_first),
				back = position_of(study, support, extent) - from;
			/* What stays and the window run into each other where there is no gap. */
			if (!is_live(study, extent) || (support->keep_first && from <= begin))
				continue;
			if (pass == 0 && back > support->left)
				support->left = back;
			int64_t limit = position_of(study, support, extent) - support->left;
			if (pass == 1 && limit > begin + support->keep_first) {
				cut++;
				reaching += from == limit;
			}
		}
	support->tight = cut ? (double)reaching / (double)cut : 0;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static void find_chunk(const struct study *study, struct support *support)
{
	int64_t cut = 0, reaching = 0;
	support->chunk = 0;
	for (size_t i = 0; i < study->count; i++)
		if (is_live(study, &study->extent[i]) && study->extent[i].first > study->begin[study->extent[i].batch])
			support->chunk = common_divisor(study->extent[i].first, support->chunk);
	for (size_t i = 0; i < study->count && support->chunk; i++) {
		const struct row_extent *extent = &study->extent[i];
		int64_t position = position_of(study, support, extent), limit = position - position % support->chunk;
		if (!is_live(study, extent) || position < 0)
			continue;
		if (limit > extent->first && limit > study->begin[extent->batch]) {
			support->chunk = 0; /* a weight before the chunk */
			return;
		}
		cut += limit > study->begin[extent->batch];
		reaching += limit > study->begin[extent->batch] && extent->first == limit;
	}
	support->tight = cut ? (double)reaching / (double)cut : 0;
	support->chunk = cut ? support->chunk : 0;
}

/* Keys that stay before a gap: as many in most rows that have one. */
static int64_t find_kept(const struct study *study)
{
	int64_t kept = 0, rows = 0, same = 0;
	for (size_t i = 0; i < study->count; i++) {
		const struct row_extent *extent = &study->extent[i];
		int64_t begin = study->begin[extent->batch];
		if (!is_live(study, extent) || extent->first != begin || extent->gap_end == extent->gap_begin)
			continue;
		int64_t before = extent->gap_begin - begin;
		rows++;
		same = before == kept ? same + 1 : before > kept ? 1 : same;
		kept = before > kept ? before : kept;
	}
	return rows > 1 && (double)same >= LIKELY * (double)rows ? kept : 0;
}

static void add(struct supports *supports, const struct support *support)
{
	int at = supports->count;
	if (supports->count == SUPPORTS_MAX)
		return;
	for (; at > 0 && supports->support[at - 1].tight < support->tight; at--)
		supports->support[at] = supports->support[at - 1];
	supports->support[at] = *support;
	supports->count++;
}

static void find_all(const struct study *study, struct supports *supports)
{
	const struct support plain = find_limit(study);
	struct support window = plain, chunk = plain, kept = plain, open = plain;
	find_window(study, &window);
	find_chunk(study, &chunk);
	kept.keep_first = find_kept(study);
	if (kept.keep_first)
		find_window(study, &kept);
	if (chunk.chunk && chunk.tight >= POSSIBLE && chunk.tight > window.tight)
		add(supports, &chunk);
	if (window.left >= 0 && window.tight >= POSSIBLE)
		add(supports, &window);
	if (kept.keep_first && kept.tight >= POSSIBLE)
		add(supports, &kept);
	open.tight = LIKELY;
	add(supports, &open);
	for (int i = 0; i < supports->count; i++)
		for (size_t j = 0; j < study->count && study->has_other_rows; j++)
			supports->support[i].uniform_rows |= study->extent[j].uniform;
}

enum err supports_find(const struct row_extent *extent, size_t count, int64_t batches, int64_t queries, int64_t keys, struct supports *supports, struct err_info *info)
{
	*supports = (struct supports){ .begin = mem_array((size_t)batches, sizeof *supports->begin), .end = mem_array((size_t)batches, sizeof *supports->end) };
	if (!supports->begin || !supports->end)
		return err_nomem(info, "the lengths of the items");
	struct study study = { .extent = extent, .count = count, .batches = batches, .queries = queries, .keys = keys, .begin = supports->begin, .end = supports->end };
	for (size_t i = 0; i < count; i++)
		study.has_other_rows = study.has_other_rows || (extent[i].first <= extent[i].last && !extent[i].uniform);
	find_ends(&study, supports->begin, supports->end);
	find_all(&study, supports);
	const struct support *limit = &supports->support[0];
	for (int64_t batch = 0; batch < batches; batch++) {
		bool limited = limit->is_limited && !limit->by_length && supports->end[batch] == queries + limit->diagonal;
		supports->pads_left |= supports->begin[batch] > 0;
		supports->pads_right |= supports->end[batch] < keys && !limited;
	}
	return ERR_OK;
}

void supports_release(struct supports *supports)
{
	free(supports->begin);
	free(supports->end);
	*supports = (struct supports){ 0 };
}
