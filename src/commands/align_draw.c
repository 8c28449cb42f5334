/* SPDX-License-Identifier: MIT */
/* The alignment plot: map, links, path, gold, and for speech the waveform with the words over it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/pooled_map.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/align.h"
#include "commands/inputs_describe.h"
#include "render/alignment.h"
#include "tensor/wave.h"

enum { STYLE_PLAIN, STYLE_BAHDANAU };

/* Dots on the links of a longer map would hide it; its path is a line anyway. */
enum { DOTS_MAX = 64 };

static const struct word style_words[] = { { "plain", STYLE_PLAIN }, { "bahdanau", STYLE_BAHDANAU }, WORD_END };

static struct {
	int style;
	const char *wave;
} given;

const struct option_row align_style_rows[] = {
	OPTION_CHOICE(0, "style", "STYLE", &given.style, style_words, "plain, or bahdanau: source on top, grey, the largest weight white"),
	OPTION_STRING(0, "wav", "FILE", &given.wave, "sound file whose frames are the keys, drawn above the map"),
	OPTION_END
};

/* What the scene points at. */
struct plot {
	float *cell;
	struct alignment_link *link;
	int64_t link_count;
	int64_t *path; /* targets, then sources */
	struct source_span *span;
	int64_t *start;
	struct wave wave;
	int64_t sample_begin, sample_count;
	struct strbuf title, caption, sizes;
};

static void plot_release(struct plot *plot)
{
	free(plot->cell);
	free(plot->link);
	free(plot->path);
	free(plot->span);
	free(plot->start);
	wave_release(&plot->wave);
	strbuf_release(&plot->title);
	strbuf_release(&plot->caption);
	strbuf_release(&plot->sizes);
}

static bool draws_dots(const struct aligning *aligning)
{
	return aligning->alignment.path.length == 0 && aligning->alignment.rows <= DOTS_MAX && aligning->alignment.columns <= DOTS_MAX;
}

static void describe(const struct aligning *aligning, const char *method, const char *reduced, struct strbuf *caption)
{
	const struct source *source = aligning->input.source;
	int64_t maps = aligning->input.selection.maps;
	bool path = aligning->alignment.path.length > 0;
	strbuf_addf(caption, "%" PRId64 " queries x %" PRId64 " keys, ", aligning->alignment.rows, aligning->alignment.columns);
	if (maps > 1)
		strbuf_addf(caption, "%s of %" PRId64 " heads, ", reduced, maps);
	strbuf_addf(caption, "%s by %s", path ? "path" : "links", method);
	if (!path && !draws_dots(aligning))
		strbuf_addf(caption, " (not drawn on more than %d positions)", DOTS_MAX);
	if (aligning->gold_line)
		strbuf_addstr(caption, "; squares: gold links (thin: possible)");
	if (source->note[0])
		strbuf_addf(caption, "; %s", source->note);
}

static bool is_shown(const struct extract_request *request, const struct link *link)
{
	return link->target >= request->row_begin && link->target < request->row_end && link->source >= request->key_begin &&
	       link->source < request->key_end;
}

static struct axis_scale axis(const char *title, int64_t begin, int64_t count, const char *const *label)
{
	return (struct axis_scale){ .title = title, .first = begin, .count = count, .label = label ? label + begin : NULL };
}

/* The largest weight under each cell. */
static void pool_cells(const struct alignment *alignment, int64_t height, int64_t width, float *cell)
{
	for (int64_t i = 0; i < height * width; i++)
		cell[i] = -INFINITY;
	for (int64_t y = 0; y < height; y++)
		for (int64_t row = pooled_map_edge(y, height, alignment->rows); row < pooled_map_edge(y + 1, height, alignment->rows); row++)
			for (int64_t x = 0; x < width; x++)
				for (int64_t column = pooled_map_edge(x, width, alignment->columns);
				     column < pooled_map_edge(x + 1, width, alignment->columns); column++)
					cell[y * width + x] = fmaxf(cell[y * width + x], (float)alignment->weight[row * alignment->columns + column]);
}

/* Found links first, gold on top of them. Like path and spans they are positions of the whole axes. */
static enum err add_links(struct plot *plot, const struct aligning *aligning, const struct link_set *links, struct err_info *info)
{
	const struct link_set *sets[] = { links, aligning->gold_line };
	size_t most = links->count + (aligning->gold_line ? aligning->gold_line->count : 0);
	plot->link = mem_array(most, sizeof *plot->link);
	if (!plot->link)
		return err_nomem(info, "the links");
	for (int gold = draws_dots(aligning) ? 0 : 1; gold < 2; gold++)
		for (size_t i = 0; sets[gold] && i < sets[gold]->count; i++) {
			const struct link *link = &sets[gold]->link[i];
			if (!is_shown(&aligning->request, link))
				continue;
			enum link_mark mark = gold ? (link->sure ? LINK_SURE : LINK_POSSIBLE) : LINK_FOUND;
			plot->link[plot->link_count++] = (struct alignment_link){ link->target, link->source, mark };
		}
	return ERR_OK;
}

static enum err add_path(struct plot *plot, const struct aligning *aligning, struct err_info *info)
{
	const struct alignment *alignment = &aligning->alignment;
	int64_t length = alignment->path.length;
	plot->path = mem_array((size_t)length, 2 * sizeof *plot->path);
	if (!plot->path)
		return err_nomem(info, "the path");
	for (int64_t i = 0; i < length; i++) {
		plot->path[i] = aligning->request.row_begin + alignment->path.row[i];
		plot->path[length + i] = aligning->request.key_begin + alignment->path.column[i];
	}
	return ERR_OK;
}

/* The tokens over the frames that they take on the path. */
static enum err add_spans(struct plot *plot, const struct aligning *aligning, struct err_info *info)
{
	const struct alignment *alignment = &aligning->alignment;
	int64_t rows = alignment->rows;
	plot->start = mem_array((size_t)rows + 1, sizeof *plot->start);
	plot->span = mem_array((size_t)rows, sizeof *plot->span);
	if (!plot->start || !plot->span)
		return err_nomem(info, "the words");
	dtw_starts(&alignment->path, rows, plot->start);
	plot->start[rows] = alignment->columns;
	for (int64_t row = 0; row < aligning->timed_rows; row++)
		plot->span[row] = (struct source_span){
			.begin = (double)(aligning->request.key_begin + plot->start[row]),
			.end = (double)(aligning->request.key_begin + plot->start[row + 1]),
			.text = aligning->row_label[row],
		};
	return ERR_OK;
}

static enum err add_wave(struct plot *plot, const struct aligning *aligning, struct err_info *info)
{
	if (!given.wave)
		return ERR_OK;
	if (aligning->frame_seconds <= 0)
		return err_set(info, ERR_USAGE, "--wav needs the seconds of a key: --frame-seconds");
	enum err err = wave_open(&plot->wave, given.wave, info);
	if (err)
		return err;
	double samples = aligning->frame_seconds * plot->wave.rate;
	plot->sample_begin = (int64_t)((double)aligning->request.key_begin * samples);
	int64_t end = (int64_t)((double)aligning->request.key_end * samples);
	if (plot->sample_begin >= plot->wave.count)
		return err_set(info, ERR_SHAPE, "%s ends at %.2f s, before the first key shown", given.wave,
			       (double)plot->wave.count / plot->wave.rate);
	plot->sample_count = (end < plot->wave.count ? end : plot->wave.count) - plot->sample_begin;
	return ERR_OK;
}

static void set_scene(struct alignment_scene *scene, const struct plot *plot, const struct aligning *aligning)
{
	const struct alignment *alignment = &aligning->alignment;
	bool scores = aligning->request.method == EXTRACT_WHISPER;
	*scene = (struct alignment_scene){
		.targets = { .title = "target", .first = aligning->request.row_begin, .count = alignment->rows, .label = aligning->row_label },
		.sources = axis(aligning->frame_seconds > 0 ? "time (s)" : "source", aligning->request.key_begin, alignment->columns,
				aligning->input.labels.key),
		.link = plot->link,
		.link_count = plot->link_count,
		.path_target = plot->path,
		.path_source = plot->path ? plot->path + alignment->path.length : NULL,
		.path_count = plot->path ? alignment->path.length : 0,
		.waveform = plot->wave.sample ? plot->wave.sample + plot->sample_begin : NULL,
		.sample_count = plot->sample_count,
		.span = plot->span,
		.span_count = plot->span ? aligning->timed_rows : 0,
		.source_on_top = given.style == STYLE_BAHDANAU,
		.colouring = picture_map_colouring(&aligning->picture, false, scores ? "z-score over tokens, filtered" : "attention weight"),
		.title = aligning->picture.title ? aligning->picture.title : plot->title.buf,
		.caption = plot->caption.buf,
		.theme = aligning->picture.theme,
	};
	scene->sources.step = aligning->frame_seconds;
	if (given.style == STYLE_BAHDANAU && !picture_colormap_given())
		scene->colouring.map = COLOUR_GRAY;
}

static enum err write_scene(struct aligning *aligning, struct plot *plot, struct err_info *info)
{
	struct alignment_scene scene;
	struct picture_order order;
	struct picture *picture = &aligning->picture;
	int64_t height, width;
	set_scene(&scene, plot, aligning);
	picture_order(&order, picture, plot->sizes.buf, plot->caption.buf);
	if (picture->format == PICTURE_TEXT) {
		const struct heatmap_scene flat = { .rows = scene.targets, .keys = scene.sources, .panel_count = 1 };
		picture_cells(picture, &flat, &height, &width);
	} else {
		alignment_cells(&scene, &order.request, &height, &width);
	}
	height = height < aligning->alignment.rows ? height : aligning->alignment.rows;
	width = width < aligning->alignment.columns ? width : aligning->alignment.columns;
	plot->cell = mem_array((size_t)height, (size_t)width * sizeof *plot->cell);
	if (!plot->cell)
		return err_nomem(info, "the picture");
	pool_cells(&aligning->alignment, height, width, plot->cell);
	scene.map = (struct panel){ .cell = plot->cell, .height = height, .width = width };
	enum err err = picture_settle_colouring(&scene.colouring, &scene.map, 1, &plot->caption, info);
	if (err)
		return err;
	scene.caption = plot->caption.buf;
	picture_order(&order, picture, plot->sizes.buf, plot->caption.buf);
	err = picture->format == PICTURE_TEXT ? terminal_write_alignment(&scene, &picture->terminal, &picture->out, info)
						       : alignment_write(&scene, &order.request, info);
	return err ? err : output_commit(&picture->out, info);
}

enum err align_draw(struct aligning *aligning, const struct link_set *links, const char *method, const char *reduced, struct err_info *info)
{
	struct plot plot = { 0 };
	bool path = aligning->alignment.path.length > 0;
	strbuf_init(&plot.title);
	strbuf_init(&plot.caption);
	strbuf_init(&plot.sizes);
	input_describe_shown(&aligning->input, aligning->input.selection.heads > 1 ? reduced : NULL, &plot.title);
	input_describe_sizes(&aligning->input, &plot.sizes);
	describe(aligning, method, reduced, &plot.caption);
	enum err err = add_links(&plot, aligning, links, info);
	if (!err && path)
		err = add_path(&plot, aligning, info);
	if (!err)
		err = add_wave(&plot, aligning, info);
	if (!err && path && aligning->frame_seconds > 0 && aligning->row_label)
		err = add_spans(&plot, aligning, info);
	if (!err)
		err = write_scene(aligning, &plot, info);
	plot_release(&plot);
	return err;
}
