/* SPDX-License-Identifier: MIT */
#include "commands/grid.h"

#include <errno.h>
#include <stdlib.h>

/* No picture has more patches across. */
enum { GRID_SIDE_MAX = 1 << 15 };

enum err grid_parse(const char *text, int64_t *height, int64_t *width, struct err_info *info)
{
	char *end, *last;
	errno = 0;
	*height = strtoll(text, &end, 10);
	bool good = end != text && (*end == 'x' || *end == 'X');
	*width = good ? strtoll(end + 1, &last, 10) : 0;
	if (!good || *last || errno || *height < 1 || *width < 1 || *height > GRID_SIDE_MAX || *width > GRID_SIDE_MAX)
		return err_set(info, ERR_USAGE, "--grid %s: expected HEIGHTxWIDTH in patches", text);
	return ERR_OK;
}
