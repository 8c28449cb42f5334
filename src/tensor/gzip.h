/* SPDX-License-Identifier: MIT */
/*
 * Files that gzip packed: RFC 1952, one member or several one after another.
 */
#ifndef ATTNVIZ_TENSOR_GZIP_H
#define ATTNVIZ_TENSOR_GZIP_H

#include "tensor/reader.h"

bool gzip_probe(const unsigned char *head, size_t size);

/* Replace the bytes by what they unpack to, in memory: no more than deflate can make of them (1032 : 1). ERR_FORMAT where they are damaged. */
enum err gzip_unpack(struct bytes *bytes, struct err_info *info);

#endif
