/* SPDX-License-Identifier: MIT */
/*
 * The tables of the instruction sets, for dispatch.c and the files that define them. Each exists where its file is compiled.
 */
#ifndef ATTNVIZ_KERNEL_TABLES_H
#define ATTNVIZ_KERNEL_TABLES_H

#include "kernel/kernels.h"

/* The lowest argument of the vector 2^x, where it is exactly 0. */
#define EXP2_LOWEST (-127.0f)

extern const struct kernels kernels_c;

#if defined(__x86_64__)
extern const struct kernels kernels_sse2;
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;
extern const struct kernels kernels_avx512_bf16;
#elif defined(__aarch64__)
extern const struct kernels kernels_neon;
#endif

#endif
