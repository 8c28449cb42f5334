/* SPDX-License-Identifier: MIT */
/*
 * Patches of a picture: --grid HxW.
 */
#ifndef ATTNVIZ_COMMANDS_GRID_H
#define ATTNVIZ_COMMANDS_GRID_H

#include <stdint.h>

#include "base/error.h"

/* "14x14" -> patches down and across, each at least 1. ERR_USAGE quotes the text. */
enum err grid_parse(const char *text, int64_t *height, int64_t *width, struct err_info *info);

#endif
