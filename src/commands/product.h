/* SPDX-License-Identifier: MIT */
/*
 * Checks what a command writes against the name of its output file: an ending that promises something else is refused.
 */
#ifndef ATTNVIZ_COMMANDS_PRODUCT_H
#define ATTNVIZ_COMMANDS_PRODUCT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/record.h"
#include "render/scene.h"

/* Does the name end as a picture's does (.png, .jpg, ...), in any case of the letters? */
bool product_names_picture(const char *file);

/* Does it end in .npy? NULL is no name. */
bool product_names_npy(const char *file);

/* Numbers as text: *format is what --json and --tsv say (not both), else what the ending says (.json, .jsonl, .tsv), else a table. `target` may be "-" or
 * NULL, standard output. Names of pictures and of arrays, and endings that contradict the option, are ERR_USAGE; `draw` is what draws instead: "--plot". */
enum err product_numbers(const char *target, bool json, bool tsv, const char *draw, enum record_format *format, struct err_info *info);

/* An array in .npy. `draw` as above. */
enum err product_array(const char *target, const char *draw, struct err_info *info);

/* A picture: *format becomes what the ending says where `is_given` is false; else an ending that says another is ERR_USAGE. */
enum err product_picture(const char *target, bool is_given, enum picture_format *format, struct err_info *info);

#endif
