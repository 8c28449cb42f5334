#include "commands/picture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/inputs_describe.h"
#include "commands/surroundings.h"

enum { PIXELS_MAX = 32767 };

static const char *const map_words[] = { "auto", "viridis", "magma", "cividis", "gray", "blues", "diverging", NULL };
static const char *const scale_words[] = { "linear", "log", "sqrt", "rank", NULL };
static const char *const range_words[] = { "shared", "panel", NULL };
static const char *const format_words[] = { "auto", "png", "svg", "pdf", "text", NULL };
static const char *const theme_words[] = { "light", "dark", NULL };
static const char *const colour_words[] = { "auto", "never", "always", NULL };

static struct {
	int map, scale, range, format, theme, colour;
	double vmin, vmax, clip, dpi;
	bool reverse;
	const char *target, *size, *title;
} given = { .vmin = NAN, .vmax = NAN, .dpi = 96 };

const struct option_row colour_rows[] = {
	OPTION_CHOICE(0, "colormap", "NAME", &given.map, map_words, "colours"),
	OPTION_CHOICE(0, "scale", "SCALE", &given.scale, scale_words, "from values to colours"),
	OPTION_FLAG(0, "reverse", &given.reverse, "turn the colours round"),
	OPTION_REAL(0, "vmin", "X", &given.vmin, 0, 0, "value of the first colour (default: from the data)"),
	OPTION_REAL(0, "vmax", "X", &given.vmax, 0, 0, "value of the last colour"),
	OPTION_REAL(0, "clip", "SHARE", &given.clip, 0, 0.5, "this share of the largest values gets the last colour: 0.01"),
	OPTION_CHOICE(0, "range", "RANGE", &given.range, range_words, "values of one panel or of all of them make the range of colours"),
	OPTION_END
};

const struct option_row picture_style_rows[] = {
	OPTION_CHOICE(0, "format", "FORMAT", &given.format, format_words, "whatever the name says"),
	OPTION_STRING(0, "size", "WxH", &given.size, "pixels, 0 for either: as the content asks"),
	OPTION_REAL(0, "dpi", "N", &given.dpi, 24, 2400, "resolution of text and lines (default 96)"),
	OPTION_CHOICE(0, "theme", "THEME", &given.theme, theme_words, "background"),
	OPTION_STRING(0, "title", "TEXT", &given.title, "title; empty for none"),
	OPTION_CHOICE(0, "colour", "WHEN", &given.colour, colour_words, "colours in text"),
	OPTION_END
};

const struct option_row picture_rows[] = {
	OPTION_STRING('o', "output", "FILE", &given.target, "picture: .png, .svg, .pdf or .txt; - is standard output (default: text in the terminal)"),
	OPTION_GROUP(NULL, picture_style_rows),
	OPTION_END
};

static enum err read_size(struct page *page, struct err_info *info)
{
	page->dpi = given.dpi;
	if (!given.size)
		return ERR_OK;
	char *end = NULL, *last = NULL;
	errno = 0;
	long width = strtol(given.size, &end, 10);
	bool good = end != given.size && (*end == 'x' || *end == 'X');
	long height = good ? strtol(end + 1, &last, 10) : 0;
	if (!good || last == end + 1 || *last || errno || width < 0 || height < 0 || width > PIXELS_MAX || height > PIXELS_MAX)
		return err_set(info, ERR_USAGE, "--size %s: wants WIDTHxHEIGHT, each 0 to %d pixels", given.size, PIXELS_MAX);
	page->width = (int)width;
	page->height = (int)height;
	return ERR_OK;
}

static enum err choose_format(struct picture *picture, struct err_info *info)
{
	picture->format = given.format ? (enum picture_format)(given.format - 1) : PICTURE_TEXT;
	if (given.format || strcmp(picture->target, "-") == 0 || picture_format_of(picture->target, &picture->format))
		return ERR_OK;
	return err_set(info, ERR_USAGE, "%s: the name tells no format: .png, .svg, .pdf, .txt, or say --format", picture->target);
}

static void look_at_terminal(struct picture *picture)
{
	surroundings_terminal(&picture->terminal, given.colour == 2);
	if (given.colour == 1 || (given.colour == 0 && strcmp(picture->target, "-") != 0))
		picture->terminal.colour = TERMINAL_ASCII;
}

enum err picture_open(struct picture *picture, struct err_info *info)
{
	return picture_open_as(picture, given.target ? given.target : "-", info);
}

enum err picture_open_as(struct picture *picture, const char *target, struct err_info *info)
{
	*picture = (struct picture){ .target = target, .title = given.title, .theme = (enum theme)given.theme };
	enum err err = read_size(&picture->page, info);
	if (!err)
		err = choose_format(picture, info);
	if (err)
		return err;
	look_at_terminal(picture);
	if (picture->format != PICTURE_TEXT && strcmp(picture->target, "-") == 0 && surroundings_stdout_is_terminal())
		return err_set(info, ERR_USAGE, "a %s picture does not go to a terminal: give -o FILE, or leave --format out", format_words[given.format]);
	return output_open(&picture->out, picture->target, info);
}

enum err picture_open_numbers(struct picture *picture, struct err_info *info)
{
	*picture = (struct picture){ .target = given.target ? given.target : "-" };
	return output_open(&picture->out, picture->target, info);
}

void picture_release(struct picture *picture)
{
	output_release(&picture->out);
}

bool picture_colormap_given(void)
{
	return given.map != 0;
}

struct colouring picture_colouring(bool is_signed, const char *unit)
{
	return (struct colouring){
		.map = given.map ? (enum colour_map)(given.map - 1) : is_signed ? COLOUR_DIVERGING : COLOUR_VIRIDIS,
		.scale = (enum value_scale)given.scale,
		.reverse = given.reverse,
		.vmin = given.vmin,
		.vmax = given.vmax,
		.clip = given.clip,
		.per_panel = given.range == 1,
		.unit = unit,
	};
}

void picture_words_init(struct picture_words *words, const struct input *input)
{
	strbuf_init(&words->title);
	strbuf_init(&words->caption);
	strbuf_init(&words->sizes);
	input_describe(input, &words->title);
	input_describe_sizes(input, &words->sizes);
}

void picture_words_release(struct picture_words *words)
{
	strbuf_release(&words->title);
	strbuf_release(&words->caption);
	strbuf_release(&words->sizes);
}

void caption_join(struct strbuf *out)
{
	if (out->len)
		strbuf_addstr(out, ", ");
}

void picture_describe_colouring(const struct colouring *colouring, struct strbuf *out)
{
	static const char *const scale_text[] = { NULL, "logarithmic colours", "square root colours", "colours by rank" };
	if (scale_text[colouring->scale]) {
		caption_join(out);
		strbuf_addstr(out, scale_text[colouring->scale]);
	}
	if (colouring->clip > 0) {
		caption_join(out);
		strbuf_addf(out, "colours clipped at the %g %% quantile", 100 * (1 - colouring->clip));
	}
	if (colouring->per_panel) {
		caption_join(out);
		strbuf_addstr(out, "colours of each panel from its own range");
	}
}

void picture_cells(const struct picture *picture, const struct heatmap_scene *scene, int64_t *height, int64_t *width)
{
	if (picture->format == PICTURE_TEXT)
		terminal_cells(scene, &picture->terminal, height, width);
	else
		scene_cells(scene, picture->format, &picture->page, height, width);
}

void picture_order(struct picture_order *order, struct picture *picture, const char *source, const char *description)
{
	snprintf(order->software, sizeof order->software, "attnviz %s", attnviz_version);
	order->provenance[0] = (struct provenance){ "Software", order->software };
	order->provenance[1] = (struct provenance){ "Command", command_line() };
	order->provenance[2] = (struct provenance){ "Source", source };
	order->provenance[3] = (struct provenance){ "Description", description ? description : "" };
	order->request = (struct picture_request){ .format = picture->format, .page = &picture->page, .provenance = order->provenance,
						   .provenance_count = sizeof order->provenance / sizeof *order->provenance, .out = &picture->out };
}

enum err picture_write_heatmap(struct picture *picture, const struct heatmap_scene *scene, const char *source, struct err_info *info)
{
	struct picture_order order;
	picture_order(&order, picture, source, scene->caption);
	enum err err = picture->format == PICTURE_TEXT
		? terminal_write_heatmap(scene, &picture->terminal, &picture->out, info)
		: scene_write(scene, picture->format, &picture->page, order.provenance, order.request.provenance_count, &picture->out, info);
	return err ? err : output_commit(&picture->out, info);
}

static bool has_bands(const struct picture *picture, const struct bands *bands)
{
	return picture->format != PICTURE_TEXT && bands->row_count + bands->key_count > 0;
}

void picture_cells_banded(struct picture *picture, const struct heatmap_scene *scene, const struct bands *bands, int64_t *height, int64_t *width)
{
	struct picture_order order;
	picture_order(&order, picture, "", "");
	if (has_bands(picture, bands))
		bands_cells(scene, bands, &order.request, height, width);
	else
		picture_cells(picture, scene, height, width);
}

enum err picture_write_banded(struct picture *picture, const struct heatmap_scene *scene, const struct bands *bands, const char *source,
			      struct err_info *info)
{
	struct picture_order order;
	if (!has_bands(picture, bands))
		return picture_write_heatmap(picture, scene, source, info);
	picture_order(&order, picture, source, scene->caption);
	enum err err = bands_write(scene, bands, &order.request, info);
	return err ? err : output_commit(&picture->out, info);
}
