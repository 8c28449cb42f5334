/* SPDX-License-Identifier: MIT */
#include "render/colour.h"

#include <math.h>

enum { ANCHORS_MAX = 65 };

struct anchors {
	int count;
	uint32_t rgb[ANCHORS_MAX];
};

static const struct anchors anchor_table[COLOUR_MAP_COUNT] = {
	[COLOUR_VIRIDIS] = { 33, {
		0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453681, 0x424086, 0x3f4989, 0x3b528b, 0x375a8d, 0x33638d,
		0x2f6a8e, 0x2c728e, 0x297a8e, 0x26818e, 0x23898e, 0x21908c, 0x1f988b, 0x1f9f88, 0x21a685, 0x28ae80, 0x31b57b,
		0x3ebc74, 0x4cc26c, 0x5dc963, 0x6ece58, 0x82d34c, 0x96d83f, 0xabdc32, 0xc0df24, 0xd5e21a, 0xeae51a, 0xfde725 } },
	[COLOUR_MAGMA] = { 33, {
		0x000004, 0x030311, 0x0a0822, 0x130d33, 0x1d1146, 0x28115a, 0x36106a, 0x430f76, 0x50127c, 0x5d177f, 0x691c81,
		0x762181, 0x822681, 0x8f2a81, 0x9c2e7f, 0xa9327d, 0xb63779, 0xc33b75, 0xcf4170, 0xdb486a, 0xe65163, 0xee5c5e,
		0xf5695c, 0xf9785d, 0xfb8761, 0xfd9668, 0xfea571, 0xfeb47b, 0xfec387, 0xfed194, 0xfde0a2, 0xfceeb0, 0xfcfdbf } },
	[COLOUR_CIVIDIS] = { 65, {
		0x00224e, 0x002554, 0x00285b, 0x002b62, 0x002e6a, 0x003070, 0x043371, 0x113570, 0x1a386f, 0x213b6e, 0x273e6e,
		0x2d416d, 0x32436d, 0x36466c, 0x3b496c, 0x3f4c6c, 0x434e6c, 0x47516c, 0x4b546c, 0x4f576c, 0x52596d, 0x565c6d,
		0x5a5f6e, 0x5d626e, 0x61656f, 0x646770, 0x686a71, 0x6b6d72, 0x6f7073, 0x727374, 0x757676, 0x797877, 0x7c7b78,
		0x807e78, 0x848179, 0x878478, 0x8b8778, 0x8f8a78, 0x938d78, 0x979077, 0x9b9376, 0x9f9676, 0xa39a75, 0xa79d74,
		0xaba072, 0xafa371, 0xb3a670, 0xb7aa6e, 0xbbad6c, 0xbfb06b, 0xc3b469, 0xc8b766, 0xccba64, 0xd0be61, 0xd4c15f,
		0xd9c55c, 0xddc958, 0xe1cc55, 0xe6d051, 0xead44c, 0xefd748, 0xf4db42, 0xf8df3c, 0xfde334, 0xfee838 } },
	[COLOUR_GRAY] = { 2, { 0x000000, 0xffffff } },
	[COLOUR_BLUES] = { 17, {
		0xf8fafd, 0xdfeffb, 0xc8e3f9, 0xb0d6f6, 0x9acaf2, 0x85bdee, 0x71afe9, 0x5fa2e2, 0x4e94da, 0x3f87d0, 0x3179c5,
		0x266cb9, 0x1d5fab, 0x16529c, 0x12468c, 0x0f3a7b, 0x0c2f69 } },
	[COLOUR_DIVERGING] = { 17, {
		0x14458a, 0x225aa4, 0x3570bc, 0x4c86cf, 0x689dde, 0x87b4e9, 0xaacaf0, 0xcfe0f4, 0xf6f6f6, 0xf7d6cb, 0xf4b6a3,
		0xed9680, 0xe27761, 0xd25947, 0xbe3c31, 0xa52021, 0x8a0016 } },
};

static const uint32_t series_table[2][COLOUR_SERIES] = {
	[THEME_LIGHT] = { 0x2a6fbb, 0xd1495b, 0x2e8b57, 0xb8741a, 0x7a5ab5, 0x168a9c, 0x8a5a44, 0x6b7280 },
	[THEME_DARK] = { 0x6db1ff, 0xff8f9c, 0x6fd39b, 0xf0b45c, 0xb99cf0, 0x5fd0e0, 0xd0a08a, 0xaab2bd },
};

static const struct theme_colours theme_table[2] = {
	[THEME_LIGHT] = { .page = COLOUR_RGB(0xffffff),
			  .text = COLOUR_RGB(0x1c1f23),
			  .muted = COLOUR_RGB(0x5a626b),
			  .frame = COLOUR_RGB(0x8a9199),
			  .grid = COLOUR_RGB(0xe3e6ea),
			  .no_value = COLOUR_RGB(0xe9ebee) },
	[THEME_DARK] = { .page = COLOUR_RGB(0x14171b),
			 .text = COLOUR_RGB(0xe8eaed),
			 .muted = COLOUR_RGB(0xa3abb5),
			 .frame = COLOUR_RGB(0x6b737d),
			 .grid = COLOUR_RGB(0x2c3138),
			 .no_value = COLOUR_RGB(0x30353c) },
};

static uint8_t mix(uint8_t from, uint8_t to, double part)
{
	return (uint8_t)lrint(from + (to - from) * part);
}

struct colour colour_map_at(enum colour_map map, double unit)
{
	const struct anchors *anchors = &anchor_table[map];
	double place = fmin(fmax(unit, 0), 1) * (anchors->count - 1);
	int below = (int)place;

	if (below > anchors->count - 2)
		below = anchors->count - 2;
	struct colour from = colour_from_rgb(anchors->rgb[below]), to = colour_from_rgb(anchors->rgb[below + 1]);
	double part = place - below;
	return (struct colour){ mix(from.r, to.r, part), mix(from.g, to.g, part), mix(from.b, to.b, part), 255 };
}

void colour_map_table(enum colour_map map, bool reverse, uint32_t table[COLOUR_STEPS])
{
	for (int i = 0; i < COLOUR_STEPS; i++) {
		double unit = (double)i / (COLOUR_STEPS - 1);
		table[i] = colour_to_rgb(colour_map_at(map, reverse ? 1 - unit : unit));
	}
}

struct colour colour_from_rgb(uint32_t rgb)
{
	return (struct colour)COLOUR_RGB(rgb);
}

uint32_t colour_to_rgb(struct colour colour)
{
	return (uint32_t)colour.r << 16 | (uint32_t)colour.g << 8 | colour.b;
}

struct colour colour_with_alpha(struct colour colour, double alpha)
{
	colour.a = (uint8_t)lrint(fmin(fmax(alpha, 0), 1) * 255);
	return colour;
}

struct colour colour_blend(struct colour under, struct colour over)
{
	double part = over.a / 255.0;

	return (struct colour){ mix(under.r, over.r, part), mix(under.g, over.g, part), mix(under.b, over.b, part), 255 };
}

static double linear_light(uint8_t encoded)
{
	double value = encoded / 255.0;

	return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

double colour_luminance(struct colour colour)
{
	return 0.2126 * linear_light(colour.r) + 0.7152 * linear_light(colour.g) + 0.0722 * linear_light(colour.b);
}

struct colour colour_series(enum theme theme, int index)
{
	return colour_from_rgb(series_table[theme][index % COLOUR_SERIES]);
}

const struct theme_colours *theme_colours(enum theme theme)
{
	return &theme_table[theme];
}
