/*
 * The tables of the instruction sets, for dispatch.c only. Each exists where its file is compiled.
 */
#ifndef ATTNVIZ_KERNEL_TABLES_H
#define ATTNVIZ_KERNEL_TABLES_H

#include "kernel/kernels.h"

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
