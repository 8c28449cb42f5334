/* SPDX-License-Identifier: MIT */
#include "commands/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/inputs_describe.h"
#include "commands/missing_fonts.h"
#include "commands/product.h"
#include "commands/surroundings.h"
#include "render/heatmap_layout.h"
#include "render/scale_choice.h"
#include "render/text.h"

enum { PIXELS_MAX = 32767 };

/* What is left to the program where no word is given. */
enum { MAP_AUTO = -1, FORMAT_AUTO = -1 };
enum { THEME_AUTO = -1 };
enum { RANGE_SHARED, RANGE_PANEL };
enum { COLOUR_AUTO, COLOUR_NEVER, COLOUR_ALWAYS, COLOUR_256, COLOUR_24BIT };

static const struct word map_words[] = {
	{ "auto", MAP_AUTO }, { "viridis", COLOUR_VIRIDIS }, { "magma", COLOUR_MAGMA },
	{ "cividis", COLOUR_CIVIDIS }, { "gray", COLOUR_GRAY }, { "blues", COLOUR_BLUES },
	{ "diverging", COLOUR_DIVERGING }, WORD_END,
};
static const struct word scale_words[] = {
	{ "auto", SCALE_AUTO }, { "linear", SCALE_LINEAR }, { "log", SCALE_LOG }, { "sqrt", SCALE_SQRT }, { "rank", SCALE_RANK }, WORD_END,
};
static const struct word range_words[] = { { "shared", RANGE_SHARED }, { "panel", RANGE_PANEL }, WORD_END };
static const struct word format_words[] = {
	{ "auto", FORMAT_AUTO }, { "png", PICTURE_PNG }, { "svg", PICTURE_SVG }, { "pdf", PICTURE_PDF },
	{ "text", PICTURE_TEXT }, { "html", PICTURE_HTML }, WORD_END,
};
static const struct word theme_words[] = { { "auto", THEME_AUTO }, { "light", THEME_LIGHT }, { "dark", THEME_DARK }, WORD_END };
static const struct word colour_words[] = {
	{ "auto", COLOUR_AUTO }, { "never", COLOUR_NEVER }, { "always", COLOUR_ALWAYS },
	{ "256", COLOUR_256 }, { "24bit", COLOUR_24BIT }, WORD_END,
};

/* Columns of a paper, as conferences and journals have them. */
enum { COLUMN_NONE, COLUMN_SINGLE, COLUMN_DOUBLE };
static const struct word column_words[] = { { "none", COLUMN_NONE }, { "single", COLUMN_SINGLE }, { "double", COLUMN_DOUBLE }, WORD_END };
static const double column_inches[] = { 0, 3.25, 6.75 };

/* Labels are so many points high by default, and in a column. */
static const double label_points = 7.5, column_points = 6;

static struct {
	int map, scale, range, format, theme, colour;
	double vmin, vmax, clip, dpi;
	bool reverse;
	bool no_provenance;
	const char *target, *size, *title, *font;
	int column;
	double font_size;
} given = { .map = MAP_AUTO, .scale = SCALE_AUTO, .theme = THEME_AUTO, .format = FORMAT_AUTO, .vmin = NAN, .vmax = NAN, .dpi = 96 };

const struct option_row colour_rows[] = {
	OPTION_CHOICE(0, "colormap", "NAME", &given.map, map_words, "colours"),
	OPTION_CHOICE(0, "scale", "SCALE", &given.scale, scale_words, "scale of the colours"),
	OPTION_FLAG(0, "reverse", &given.reverse, "reverse the colours"),
	OPTION_REAL(0, "vmin", "X", &given.vmin, 0, 0, "value of the first colour (default: from the data)"),
	OPTION_REAL(0, "vmax", "X", &given.vmax, 0, 0, "value of the last colour"),
	OPTION_REAL(0, "clip", "SHARE", &given.clip, 0, 0.5, "saturate this share of the largest values: 0.01"),
	OPTION_CHOICE(0, "range", "RANGE", &given.range, range_words, "colour range of all panels together, or of each panel"),
	OPTION_END
};

const struct option_row picture_style_rows[] = {
	OPTION_CHOICE(0, "format", "FORMAT", &given.format, format_words, "output format; overrides the file name extension"),
	OPTION_STRING(0, "size", "WxH", &given.size, "size in pixels, or as lengths: 80mm, 8cm, 3.25in, 240pt; 0: as needed"),
	OPTION_CHOICE(0, "column", "WIDTH", &given.column, column_words, "width of a paper's column (3.25 in) or page (6.75 in), with labels of 6 pt"),
	OPTION_STRING(0, "font", "NAME", &given.font, "font (default DejaVu Sans)"),
	OPTION_REAL(0, "font-size", "PT", &given.font_size, 3, 100, "size of the labels in points; the rest follows (default 7.5)"),
	OPTION_REAL(0, "dpi", "N", &given.dpi, 24, 2400, "resolution of text and lines (default 96)"),
	OPTION_CHOICE(0, "theme", "THEME", &given.theme, theme_words, "background"),
	OPTION_STRING(0, "title", "TEXT", &given.title, "title; empty for none"),
	OPTION_FLAG(0, "no-provenance", &given.no_provenance, "do not store the command line and input names in the file"),
	OPTION_CHOICE(0, "colour", "WHEN", &given.colour, colour_words, "colours in text"),
	OPTION_END
};

const struct option_row picture_rows[] = {
	OPTION_OUTPUT('o', "output", &given.target, "picture: .png, .svg, .pdf or .txt; - is standard output (default: text in the terminal)"),
	OPTION_GROUP(NULL, picture_style_rows),
	OPTION_END
};

/* A number at *text with a unit of length, or none: pixels. *physical tells. False where there is none. */
static bool read_length(const char **text, double *value, bool *physical)
{
	static const struct { const char *name; double inches; } units[] = { { "mm", 1 / 25.4 }, { "cm", 1 / 2.54 }, { "in", 1 }, { "pt", 1 / 72.0 }, { "px", 0 } };
	char *end;
	if (!(**text >= '0' && **text <= '9') && **text != '.')
		return false;
	*value = strtod(*text, &end);
	if (end == *text || memchr(*text, 'x', (size_t)(end - *text)) || memchr(*text, 'X', (size_t)(end - *text)))
		return false;
	*text = end;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strncmp(end, units[i].name, 2) == 0) {
			*text = end + 2;
			*physical = units[i].inches > 0;
			*value *= *physical ? units[i].inches : 1;
			return true;
		}
	*physical = false;
	return *value == floor(*value);
}

/* Pixels of a length, of which SVG and PDF have 96 to the inch. */
static int pixels_of(const struct page *page, double value, bool physical)
{
	return (int)fmin(floor(physical ? value * page->dpi + 0.5 : value), PIXELS_MAX + 1);
}

static enum err read_size(struct page *page, bool is_vector, struct err_info *info)
{
	page->dpi = given.dpi;
	if (given.size && given.column != COLUMN_NONE)
		return err_set(info, ERR_USAGE, "--column is a width: not with --size");
	if (is_vector && (given.column != COLUMN_NONE || given.font_size > 0))
		page->dpi = 96;
	double points = given.font_size > 0 ? given.font_size : given.column != COLUMN_NONE ? column_points : label_points;
	page->scale = points / label_points;
	if (given.column != COLUMN_NONE)
		page->width = pixels_of(page, column_inches[given.column], true);
	if (!given.size)
		return ERR_OK;
	/* "0x..." would be read as a hexadecimal number. */
	const char *text = given.size;
	double width = 0, height = 0;
	bool wide = false, high = false, good;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		text++;
		good = true;
	} else {
		good = read_length(&text, &width, &wide);
	}
	good = good && (*text == 'x' || *text == 'X');
	text += good;
	good = good && read_length(&text, &height, &high) && !*text;
	if (is_vector && (wide || high))
		page->dpi = 96;
	page->width = good ? pixels_of(page, width, wide) : 0;
	page->height = good ? pixels_of(page, height, high) : 0;
	if (!good || page->width > PIXELS_MAX || page->height > PIXELS_MAX)
		return err_set(info, ERR_USAGE, "--size %s: expected WIDTHxHEIGHT, each 0 to %d pixels or a length in mm, cm, in or pt", given.size, PIXELS_MAX);
	return ERR_OK;
}

static enum err choose_format(struct picture *picture, struct err_info *info)
{
	bool is_given = given.format != FORMAT_AUTO;
	picture->format = is_given ? (enum picture_format)given.format : PICTURE_TEXT;
	return product_picture(picture->target, is_given, &picture->format, info);
}

static void look_at_terminal(struct picture *picture)
{
	surroundings_terminal(&picture->terminal, given.colour >= COLOUR_ALWAYS);
	if (given.colour >= COLOUR_256)
		picture->terminal.colour = given.colour == COLOUR_256 ? TERMINAL_256 : TERMINAL_24BIT;
	if (given.colour == COLOUR_NEVER || (given.colour == COLOUR_AUTO && strcmp(picture->target, "-") != 0))
		picture->terminal.colour = TERMINAL_ASCII;
}

/* Pages are white where nothing else is said, and terminals as they say. */
static enum theme theme_of(const struct picture *picture)
{
	if (given.theme != THEME_AUTO)
		return (enum theme)given.theme;
	return picture->format == PICTURE_TEXT && !surroundings_ground_is_light() ? THEME_DARK : THEME_LIGHT;
}

static const char *picture_target(void)
{
	return given.target ? given.target : "-";
}

static enum err open_at(struct picture *picture, const char *target, bool takes_html, struct err_info *info)
{
	*picture = (struct picture){ .target = target, .title = given.title };
	enum err err = choose_format(picture, info);
	if (!err)
		err = read_size(&picture->page, picture->format == PICTURE_SVG || picture->format == PICTURE_PDF, info);
	if (err)
		return err;
	text_use_family(given.font);
	if (picture->format == PICTURE_HTML && !takes_html)
		return err_set(info, ERR_USAGE, "HTML is what 'attnviz text' writes: choose .png, .svg, .pdf or .txt");
	picture->theme = theme_of(picture);
	look_at_terminal(picture);
	if (picture->format != PICTURE_TEXT && strcmp(picture->target, "-") == 0 && surroundings_stdout_is_terminal())
		return err_set(info, ERR_USAGE, "refusing to write a %s picture to a terminal: give -o FILE, or leave out --format",
			       word_text(format_words, given.format));
	return output_open(&picture->out, picture->target, info);
}

enum err picture_open(struct picture *picture, struct err_info *info)
{
	return open_at(picture, picture_target(), false, info);
}

enum err picture_open_or_page(struct picture *picture, struct err_info *info)
{
	return open_at(picture, picture_target(), true, info);
}

enum err picture_open_as(struct picture *picture, const char *target, struct err_info *info)
{
	return open_at(picture, target, false, info);
}

enum err picture_open_numbers(struct picture *picture, bool json, bool tsv, enum record_format *format, struct err_info *info)
{
	*picture = (struct picture){ .target = picture_target() };
	enum err err = product_numbers(picture->target, json, tsv, "leave out what asks for them, and it is drawn", format, info);
	return err ? err : output_open(&picture->out, picture->target, info);
}

enum err picture_open_array(struct picture *picture, struct err_info *info)
{
	*picture = (struct picture){ .target = picture_target() };
	enum err err = product_array(picture->target, "leave --npy out, and it is drawn", info);
	return err ? err : output_open(&picture->out, picture->target, info);
}

void picture_release(struct picture *picture)
{
	missing_fonts_note(&picture->missing);
	output_release(&picture->out);
}

bool picture_colormap_given(void)
{
	return given.map != MAP_AUTO;
}

/* Nothing has the colour of the ground: a light map on light, a dark one on dark. */
static enum colour_map default_map(enum theme theme, bool is_signed)
{
	return is_signed ? COLOUR_DIVERGING : theme == THEME_LIGHT ? COLOUR_BLUES : COLOUR_MAGMA;
}

struct colouring picture_map_colouring(const struct picture *picture, bool is_signed, const char *unit)
{
	return (struct colouring){
		.map = given.map != MAP_AUTO ? (enum colour_map)given.map : default_map(picture->theme, is_signed),
		.scale = (enum value_scale)given.scale,
		.reverse = given.reverse,
		.vmin = given.vmin,
		.vmax = given.vmax,
		.clip = given.clip,
		.per_panel = given.range == RANGE_PANEL,
		.unit = unit,
	};
}

struct colouring picture_colouring(const struct picture *picture, bool is_signed, const char *unit)
{
	struct colouring colouring = picture_map_colouring(picture, is_signed, unit);
	if (colouring.scale == SCALE_AUTO)
		colouring.scale = SCALE_LINEAR;
	return colouring;
}

void picture_words_init(struct picture_words *words, const struct input *input, const char *reduced)
{
	strbuf_init(&words->title);
	strbuf_init(&words->caption);
	strbuf_init(&words->sizes);
	input_describe_shown(input, reduced, &words->title);
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

static void describe_colouring(const struct colouring *colouring, double crowded, struct strbuf *out)
{
	static const struct word scale_text[] = {
		{ "linear colours", SCALE_LINEAR }, { "logarithmic colours", SCALE_LOG }, { "square root colours", SCALE_SQRT },
		{ "colours by rank", SCALE_RANK }, WORD_END,
	};
	caption_join(out);
	strbuf_addstr(out, word_text(scale_text, (int)colouring->scale));
	if (!isnan(crowded))
		strbuf_addf(out, " (%.0f %% of the cells are below %g %% of the range)", floor(100 * crowded), 100 * SCALE_FLOOR);
	if (colouring->clip > 0) {
		caption_join(out);
		strbuf_addf(out, "colours clipped at the %g %% quantile", 100 * (1 - colouring->clip));
	}
	if (colouring->per_panel) {
		caption_join(out);
		strbuf_addstr(out, "colours of each panel from its own range");
	}
}

enum err picture_settle_colouring(struct colouring *colouring, const struct panel *panels, int64_t count, struct strbuf *caption, struct err_info *info)
{
	double crowded;
	enum err err = scale_choose(colouring, panels, count, &crowded, info);
	if (!err && !colouring->classes)
		describe_colouring(colouring, crowded, caption);
	return err ? err : strbuf_failed(caption) ? err_nomem(info, "the caption") : ERR_OK;
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
						   .provenance_count = given.no_provenance ? 0 : sizeof order->provenance / sizeof *order->provenance,
						   .out = &picture->out, .missing = &picture->missing };
}

/* What the user puts in place of the words around a map; an empty text is none. */
static struct {
	const char *caption, *bar, *rows, *keys;
	bool no_bar, values;
} dress;

const struct option_row figure_rows[] = {
	OPTION_STRING(0, "caption", "TEXT", &dress.caption, "caption; empty for none"),
	OPTION_STRING(0, "bar-title", "TEXT", &dress.bar, "what stands at the colour bar; empty for nothing"),
	OPTION_FLAG(0, "no-bar", &dress.no_bar, "no colour bar"),
	OPTION_STRING(0, "query-title", "TEXT", &dress.rows, "name of the axis of the queries; empty for none"),
	OPTION_STRING(0, "key-title", "TEXT", &dress.keys, "name of the axis of the keys; empty for none"),
	OPTION_FLAG(0, "values", &dress.values, "print each value in its cell, where it fits"),
	OPTION_END
};

static void replace(const char **word, const char *given_word)
{
	if (given_word)
		*word = *given_word ? given_word : NULL;
}

struct heatmap_scene picture_dressed(const struct heatmap_scene *scene)
{
	struct heatmap_scene dressed = *scene;
	replace(&dressed.caption, dress.caption);
	replace(&dressed.colouring.unit, dress.bar);
	replace(&dressed.rows.title, dress.rows);
	replace(&dressed.keys.title, dress.keys);
	dressed.colouring.no_bar |= dress.no_bar;
	dressed.numbers |= dress.values;
	return dressed;
}

enum err picture_write_heatmap(struct picture *picture, const struct heatmap_scene *scene, const char *source, struct err_info *info)
{
	struct picture_order order;
	struct heatmap_scene dressed = picture_dressed(scene);
	scene = &dressed;
	picture_order(&order, picture, source, scene->caption);
	enum err err = picture->format == PICTURE_TEXT
		? terminal_write_heatmap(scene, &picture->terminal, &picture->out, info)
		: heatmap_write(scene, NULL, &order.request, info);
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
	struct heatmap_scene dressed = picture_dressed(scene);
	scene = &dressed;
	picture_order(&order, picture, source, scene->caption);
	enum err err = bands_write(scene, bands, &order.request, info);
	return err ? err : output_commit(&picture->out, info);
}
