/* SPDX-License-Identifier: MIT */
/*
 * The texts of pickle protocol 0: numbers and strings as Python's repr writes them, a line each.
 */
#ifndef ATTNVIZ_TENSOR_PICKLE_TEXT_H
#define ATTNVIZ_TENSOR_PICKLE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* A decimal integer, perhaps with the L of Python 2; false where it is none or does not fit. */
bool pickle_text_integer(const unsigned char *line, uint64_t length, int64_t *value);
bool pickle_text_real(const unsigned char *line, uint64_t length, double *value);

/* Decode into `out`, which holds 2 * length bytes: a quoted str of Python 2 ('a\x00b') to its bytes, raw-unicode-escape to UTF-8. The bytes written,
 * or -1 where the text is malformed. */
int64_t pickle_text_string(const unsigned char *line, uint64_t length, unsigned char *out);
int64_t pickle_text_unicode(const unsigned char *line, uint64_t length, unsigned char *out);

/* UTF-8 whose characters are all below 256 to one byte each; -1 where it is not so. `out` holds length bytes. */
int64_t pickle_text_latin1(const unsigned char *text, uint64_t length, unsigned char *out);

#endif
