/* SPDX-License-Identifier: MIT */
#include "commands/terminfo.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

/* term(5): six little-endian 16-bit numbers (magic, bytes of the names, booleans, numbers, strings, bytes of the strings), the names, the booleans, a byte to make it
 * even, then the numbers, of 16 bits or with the second magic of 32. */
enum { MAGIC = 0432, MAGIC_WIDE = 01036, HEADER = 12, MAX_COLORS = 13, ENTRY_MAX = 4096 };

static unsigned at16(const unsigned char *bytes)
{
	return bytes[0] | (unsigned)bytes[1] << 8;
}

static int colours_of(const unsigned char *entry, size_t size)
{
	if (size < HEADER || (at16(entry) != MAGIC && at16(entry) != MAGIC_WIDE))
		return -1;
	size_t width = at16(entry) == MAGIC ? 2 : 4, numbers = HEADER + at16(entry + 2) + at16(entry + 4);
	numbers += numbers % 2;
	if (at16(entry + 6) <= MAX_COLORS || numbers + (MAX_COLORS + 1) * width > size)
		return -1;
	const unsigned char *number = entry + numbers + MAX_COLORS * width;
	return width == 2 ? (int16_t)at16(number) : (int32_t)(at16(number) | (uint32_t)at16(number + 2) << 16);
}

/* Entries lie in folders of their first letter, or of its number in hexadecimal. */
static int look(const char *folder, const char *below, const char *term)
{
	unsigned char entry[ENTRY_MAX];
	int colours = -1;
	for (int hexadecimal = 0; hexadecimal < 2 && colours < 0; hexadecimal++) {
		struct strbuf path;
		strbuf_init(&path);
		strbuf_addf(&path, hexadecimal ? "%s%s/%x/%s" : "%s%s/%c/%s", folder, below, (unsigned)(unsigned char)term[0], term);
		FILE *file = strbuf_failed(&path) ? NULL : fopen(path.buf, "rbe");
		strbuf_release(&path);
		if (!file)
			continue;
		colours = colours_of(entry, fread(entry, 1, sizeof entry, file));
		fclose(file);
	}
	return colours;
}

int terminfo_colours(const char *term)
{
	const char *own = getenv("TERMINFO"), *home = getenv("HOME");
	static const char *const folders[] = { "/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo" };
	int colours = -1;
	if (!*term || strchr(term, '/'))
		return -1;
	if (own && *own)
		colours = look(own, "", term);
	if (colours < 0 && home && *home)
		colours = look(home, "/.terminfo", term);
	for (size_t i = 0; i < sizeof folders / sizeof *folders && colours < 0; i++)
		colours = look(folders[i], "", term);
	return colours;
}
