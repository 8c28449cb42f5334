/* SPDX-License-Identifier: MIT */
#include "kernel/tables.h"
#include "kernel/x86/avx512.h"

#include "kernel/tile_template.h"

const struct kernels kernels_avx512 = { .name = "avx512", TEMPLATE_FUNCTIONS };
