/* SPDX-License-Identifier: MIT */
/*
 * Options and output handling shared by all commands that draw.
 */
#ifndef ATTNVIZ_COMMANDS_PICTURE_H
#define ATTNVIZ_COMMANDS_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "base/output.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "commands/inputs.h"
#include "render/bands.h"
#include "render/scene.h"
#include "render/terminal.h"

extern const struct option_row colour_rows[];  /* --colormap, --scale, --clip, --vmin, --vmax, --range, --reverse */
extern const struct option_row picture_rows[]; /* -o, and those of the look: */
extern const struct option_row picture_style_rows[]; /* --format, --size, --dpi, --theme, --title, --no-provenance, --colour */

/* The words around a map, each off or of one's own, and values in cells: for commands that write maps with picture_write_heatmap and _banded. */
extern const struct option_row figure_rows[];

/* The scene as these options want it, before its cells are asked for. */
struct heatmap_scene picture_dressed(const struct heatmap_scene *scene);

struct picture {
	enum picture_format format;
	struct page page;
	struct terminal terminal;
	const char *target; /* "-" is standard output */
	const char *title;  /* NULL: not given; "": none */
	enum theme theme;
	struct output out;
	struct missing_characters missing; /* that no font has: picture_release says so */
};

/* Decide the format (--format, else the suffix of -o, else text) and open the target. On failure *picture is safe to release. */
enum err picture_open(struct picture *picture, struct err_info *info);
/* The same where HTML is a format too. */
enum err picture_open_or_page(struct picture *picture, struct err_info *info);
/* Open the target for numbers instead of a picture: *format is what the options or the name say (product.h), and picture->out is ready. */
enum err picture_open_numbers(struct picture *picture, bool json, bool tsv, enum record_format *format, struct err_info *info);
/* The same for an array. */
enum err picture_open_array(struct picture *picture, struct err_info *info);
/* The same with a target of the command's own in place of -o. */
enum err picture_open_as(struct picture *picture, const char *target, struct err_info *info);
void picture_release(struct picture *picture); /* an unfinished file disappears; works on a zeroed struct */

/* Was --colormap given? */
bool picture_colormap_given(void);

/* The colouring asked for, on the ground of a picture that is open; `is_signed` makes the diverging map the default. The scale is linear where none was asked
 * for; that of a map of attention is left to scale_choose (render/scale_choice.h). */
struct colouring picture_colouring(const struct picture *picture, bool is_signed, const char *unit);
struct colouring picture_map_colouring(const struct picture *picture, bool is_signed, const char *unit);

/* Choose the scale of a map where none was asked for, and append to the caption how values become colours: "logarithmic colours, colours clipped at the 99 %
 * quantile". */
enum err picture_settle_colouring(struct colouring *colouring, const struct panel *panels, int64_t count, struct strbuf *caption, struct err_info *info);

/* Cells to ask pooling for. */
void picture_cells(const struct picture *picture, const struct heatmap_scene *scene, int64_t *height, int64_t *width);

/* The same for a heatmap with named spans at its axes; they may be empty. */
void picture_cells_banded(struct picture *picture, const struct heatmap_scene *scene, const struct bands *bands, int64_t *height, int64_t *width);
enum err picture_write_banded(struct picture *picture, const struct heatmap_scene *scene, const struct bands *bands, const char *source,
			      struct err_info *info);

/* Draw the scene and finish the file. `source` describes the inputs for the provenance. */
enum err picture_write_heatmap(struct picture *picture, const struct heatmap_scene *scene, const char *source, struct err_info *info);

/* What the writers of scenes want: the target, and which program and command made the picture from what. Points into itself and into the picture. */
struct picture_order {
	char software[64];
	struct provenance provenance[4];
	struct picture_request request;
};
void picture_order(struct picture_order *order, struct picture *picture, const char *source, const char *description);

/* The words around a picture: its title after the inputs and what of them is shown (see input_describe_shown), a caption that the command writes, and the
 * inputs with their sizes for the provenance. */
struct picture_words {
	struct strbuf title, caption, sizes;
};
void picture_words_init(struct picture_words *words, const struct input *input, const char *reduced);
void picture_words_release(struct picture_words *words);

/* Append ", " where there is something already. */
void caption_join(struct strbuf *out);

#endif
