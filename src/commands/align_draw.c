/* The alignment plot. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/align.h"

static void describe(const struct aligning *aligning, const char *method, struct strbuf *caption)
{
	const struct source *source = aligning->input.source;
	strbuf_addf(caption, "%" PRId64 " queries x %" PRId64 " keys, mean of %" PRId64 " maps, links by %s", aligning->alignment.rows,
		    aligning->alignment.columns, aligning->input.selection.maps, method);
	if (source->note[0])
		strbuf_addf(caption, "; %s", source->note);
}

static struct axis_scale axis(const char *title, int64_t begin, int64_t count, const char *const *label)
{
	return (struct axis_scale){ .title = title, .first = begin, .count = count, .label = label ? label + begin : NULL };
}

enum err align_draw(struct aligning *aligning, const struct link_set *links, const char *method, struct err_info *info)
{
	const struct alignment *alignment = &aligning->alignment;
	int64_t cells = alignment->rows * alignment->columns;
	float *cell = mem_array((size_t)cells, sizeof *cell);
	struct strbuf title, caption, sizes;
	(void)links;
	if (!cell)
		return err_nomem(info, "the picture");
	strbuf_init(&title);
	strbuf_init(&caption);
	strbuf_init(&sizes);
	for (int64_t i = 0; i < cells; i++)
		cell[i] = (float)alignment->weight[i];
	input_describe(&aligning->input, &title);
	input_describe_sizes(&aligning->input, &sizes);
	describe(aligning, method, &caption);
	const struct panel panel = { .cell = cell, .height = alignment->rows, .width = alignment->columns };
	const struct heatmap_scene scene = {
		.panel = &panel,
		.panel_count = 1,
		.rows = axis("target", aligning->request.row_begin, alignment->rows, aligning->input.labels.query),
		.keys = axis("source", aligning->request.key_begin, alignment->columns, aligning->input.labels.key),
		.colouring = picture_colouring(false, "attention weight"),
		.title = aligning->picture.title ? aligning->picture.title : title.buf,
		.caption = caption.buf,
		.theme = aligning->picture.theme,
	};
	enum err err = picture_write_heatmap(&aligning->picture, &scene, sizes.buf, info);
	strbuf_release(&sizes);
	strbuf_release(&caption);
	strbuf_release(&title);
	free(cell);
	return err;
}
