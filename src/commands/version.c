/* SPDX-License-Identifier: MIT */
#include "commands/version.h"

#include <cairo.h>
#include <glib.h>
#include <jansson.h>
#include <pango/pango.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

#include <jpeglib.h>

#include "commands/command.h"
#include "commands/ranks.h"
#include "commands/surroundings.h"
#include "kernel/kernels.h"

#ifndef ATTNVIZ_COMMIT
#define ATTNVIZ_COMMIT "unknown"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define TEXT_OF(NUMBER) #NUMBER
#define TEXT(MACRO) TEXT_OF(MACRO)

#if defined(LIBJPEG_TURBO_VERSION)
#define JPEG_VERSION "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION)
#else
#define JPEG_VERSION "libjpeg " TEXT(JPEG_LIB_VERSION)
#endif

static void add_kernels(struct strbuf *out)
{
	const struct kernels *built[KERNELS_MAX], *chosen;
	int count = kernels_built(built);
	strbuf_addstr(out, "kernels:");
	for (int i = 0; i < count; i++)
		strbuf_addf(out, " %s", built[i]->name);
	struct err_info info = { 0 };
	if (surroundings_kernels(&chosen, &info) == ERR_OK)
		strbuf_addf(out, " (in use: %s)\n", chosen->name);
	else
		strbuf_addf(out, " (in use: none; %s)\n", info.text);
}

/* The libraries that the program runs with, which need not be those it was built with. libjpeg cannot be asked. */
static void add_libraries(struct strbuf *out)
{
	strbuf_addf(out, "libraries: libpng %s, %s (built with), cairo %s, pango %s, glib %u.%u.%u, jansson %s, libzip %s, zlib %s\n",
	            png_get_libpng_ver(NULL), JPEG_VERSION, cairo_version_string(), pango_version_string(), glib_major_version,
	            glib_minor_version, glib_micro_version, jansson_version_str(), zip_libzip_version(), zlibVersion());
}

void version_describe(struct strbuf *out)
{
	const char *mpi = ranks_library();
	strbuf_addf(out, "attnviz %s\n", attnviz_version);
	strbuf_addf(out, "commit: %s\n", ATTNVIZ_COMMIT);
	strbuf_addf(out, "compiler: %s\n", COMPILER);
	add_kernels(out);
	strbuf_addf(out, "MPI: %s\n", mpi ? mpi : "no (make MPI=1 builds with it)");
	add_libraries(out);
}
