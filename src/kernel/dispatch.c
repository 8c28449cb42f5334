/* SPDX-License-Identifier: MIT */
#include "kernel/kernels.h"

#include <string.h>

#include "kernel/tables.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Which register files the operating system saves: the processor alone does not make AVX usable. */
static uint64_t saved_registers(void)
{
	unsigned a, b, c, d, low, high;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static bool has_avx2(void)
{
	unsigned a, b, c, d;
	const uint64_t need = 0x6; /* XMM, YMM */
	if ((saved_registers() & need) != need || !__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_FMA) || !(c & bit_F16C))
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

static bool has_avx512(void)
{
	unsigned a, b, c, d;
	const uint64_t need = 0xe6; /* XMM, YMM, mask registers, both halves of ZMM */
	const unsigned sets = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
	if (!has_avx2() || (saved_registers() & need) != need)
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & sets) == sets;
}

static bool has_avx512_bf16(void)
{
	unsigned a, b, c, d;
	return has_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 5);
}
#endif

static bool always(void)
{
	return true;
}

/* Widest first. */
static const struct candidate {
	const struct kernels *kernels;
	bool (*available)(void);
} candidates[] = {
#if defined(__x86_64__)
	{ &kernels_avx512_bf16, has_avx512_bf16 },
	{ &kernels_avx512, has_avx512 },
	{ &kernels_avx2, has_avx2 },
	{ &kernels_sse2, always },
#elif defined(__aarch64__)
	{ &kernels_neon, always },
#endif
	{ &kernels_c, always },
};

enum { CANDIDATES = sizeof(candidates) / sizeof(candidates[0]) };

const struct kernels *kernels_select(const char *limit)
{
	for (int i = 0; i < CANDIDATES; i++)
		if ((!limit || strcmp(limit, candidates[i].kernels->name) == 0) && candidates[i].available())
			return candidates[i].kernels;
	return NULL;
}

int kernels_available(const struct kernels *table[KERNELS_MAX])
{
	int count = 0;
	for (int i = 0; i < CANDIDATES; i++)
		if (candidates[i].available())
			table[count++] = candidates[i].kernels;
	return count;
}

int kernels_built(const struct kernels *table[KERNELS_MAX])
{
	for (int i = 0; i < CANDIDATES; i++)
		table[i] = candidates[i].kernels;
	return CANDIDATES;
}
