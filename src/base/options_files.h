/* SPDX-License-Identifier: MIT */
/*
 * Files of a command line, before any of them is opened: none is written that is read, and none is written twice.
 *
 * The rows tell which words are files: OPTION_OUTPUT those that are written; every other option with FILE in its argument, and the
 * positional words, those that are read (FILE, FILE:NAME, ROLE=FILE:NAME, shell patterns, {rank} for a number).
 */
#ifndef ATTNVIZ_BASE_OPTIONS_FILES_H
#define ATTNVIZ_BASE_OPTIONS_FILES_H

#include "base/options.h"

/* Call it after options_parse. ERR_USAGE that names both, where an output is an input or another output: the same name, or the same
 * file by another one (device and inode). Standard output counts where it is a regular file. */
enum err options_check_files(const struct option_row *rows, int count, char *const *positional, struct err_info *info);

#endif
