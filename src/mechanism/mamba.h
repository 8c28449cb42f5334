/* SPDX-License-Identifier: MIT */
/*
 * One selective scan as a source, its channels as heads.
 */
#ifndef ATTNVIZ_MECHANISM_MAMBA_H
#define ATTNVIZ_MECHANISM_MAMBA_H

#include <stdbool.h>

#include "base/error.h"
#include "kernel/source.h"
#include "mechanism/mechanism.h"

/* From delta, B and C, or else from hidden states and weights. `reversed`: the scan over the turned tokens, of which hidden states and z are taken from the last to
 * the first; other tensors are in the order of the scan. */
enum err mamba_scan_open(const struct mechanism_args *args, bool reversed, struct source **source, struct err_info *info);

#endif
