/* SPDX-License-Identifier: MIT */
/* Alignments as numbers: Pharaoh, a row for each link, words in time. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "commands/align.h"

enum err align_print_pharaoh(const struct link_set *links, int base, bool reversed, struct output *out)
{
	struct strbuf line;
	strbuf_init(&line);
	for (size_t i = 0; i < links->count; i++) {
		int32_t word[] = { links->link[i].source + base, links->link[i].target + base };
		strbuf_addf(&line, "%s%" PRId32 "-%" PRId32, i ? " " : "", word[reversed], word[!reversed]);
	}
	enum err err = output_line(out, &line);
	strbuf_release(&line);
	return err;
}

static double weight_of(const struct aligning *aligning, const struct link *link)
{
	int64_t row = link->target - aligning->request.row_begin, column = link->source - aligning->request.key_begin;
	return aligning->alignment.weight[row * aligning->alignment.columns + column];
}

enum err align_print_links(const struct aligning *aligning, const struct link_set *links, struct output *out, struct err_info *info)
{
	static const struct record_column columns[] = {
		{ "source", RECORD_INT }, { "target", RECORD_INT }, { "source_token", RECORD_TEXT }, { "target_token", RECORD_TEXT },
		{ "weight", RECORD_REAL }, { "seconds", RECORD_REAL },
	};
	const struct labels *labels = &aligning->input.labels;
	struct record *record = record_new(aligning->format, columns, aligning->frame_seconds > 0 ? 6 : 5, out);
	enum err err = record ? ERR_OK : err_nomem(info, "the links");
	for (size_t i = 0; !err && i < links->count; i++) {
		const struct link *link = &links->link[i];
		record_int(record, 0, link->source);
		record_int(record, 1, link->target);
		if (labels->key)
			record_text(record, 2, labels->key[link->source]);
		if (aligning->row_label)
			record_text(record, 3, aligning->row_label[link->target - aligning->request.row_begin]);
		record_real(record, 4, weight_of(aligning, link));
		if (aligning->frame_seconds > 0)
			record_real(record, 5, (double)link->source * aligning->frame_seconds);
		err = record_row(record);
	}
	enum err end = record_end(record);
	return err ? err : end;
}

/* A token ends where the next begins on the path; the last one with the last frame. Its attention is the mean over the path in between. The query that
 * predicts the end token only ends the one before it. */
enum err align_print_times(const struct aligning *aligning, struct output *out, struct err_info *info)
{
	static const struct record_column columns[] = {
		{ "query", RECORD_INT }, { "token", RECORD_TEXT }, { "first_key", RECORD_INT }, { "end_key", RECORD_INT },
		{ "start", RECORD_REAL }, { "end", RECORD_REAL }, { "duration", RECORD_REAL }, { "weight", RECORD_REAL },
	};
	const struct alignment *alignment = &aligning->alignment;
	int64_t rows = alignment->rows;
	if (alignment->path.length == 0)
		return err_set(info, ERR_USAGE, "--times needs a path through the map: --extract whisper or dtw");
	int64_t *start = mem_array((size_t)rows + 1, sizeof *start);
	struct record *record = record_new(aligning->format, columns, sizeof columns / sizeof *columns, out);
	enum err err = start && record ? ERR_OK : err_nomem(info, "the times");
	if (!err) {
		dtw_starts(&alignment->path, rows, start);
		start[rows] = alignment->columns;
	}
	double frame = aligning->frame_seconds > 0 ? aligning->frame_seconds : 1;
	for (int64_t row = 0, step = 0; !err && row < aligning->timed_rows; row++) {
		double weight = 0;
		int64_t first = start[row] + aligning->request.key_begin, end = start[row + 1] + aligning->request.key_begin, steps = 0;
		for (; step < alignment->path.length && alignment->path.row[step] == row; step++, steps++)
			weight += alignment->weight[row * alignment->columns + alignment->path.column[step]];
		record_int(record, 0, row + aligning->request.row_begin);
		if (aligning->row_label)
			record_text(record, 1, aligning->row_label[row]);
		record_int(record, 2, first);
		record_int(record, 3, end);
		record_real(record, 4, (double)first * frame);
		record_real(record, 5, (double)end * frame);
		record_real(record, 6, (double)(end - first) * frame);
		record_real(record, 7, weight / (double)steps);
		err = record_row(record);
	}
	enum err end = record_end(record);
	free(start);
	return err ? err : end;
}
