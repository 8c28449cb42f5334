/* SPDX-License-Identifier: MIT */
/*
 * Characters that no font has, and where to get one.
 */
#ifndef ATTNVIZ_COMMANDS_MISSING_FONTS_H
#define ATTNVIZ_COMMANDS_MISSING_FONTS_H

#include "base/strbuf.h"
#include "render/scene.h"

/* One note that names them, by script, and the Debian package that has each script; nothing where none is missing. */
void missing_fonts_note(const struct missing_characters *missing);

/* The text of that note: appended to `out`; missing->count is at least 1. */
void missing_fonts_describe(const struct missing_characters *missing, struct strbuf *out);

#endif
