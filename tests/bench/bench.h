/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks share: clocks, the float32 FMA peak of this machine at this moment, and ratios that survive a
 * shared machine.
 *
 * A measurement is a pair of peaks with the work between them. Pairs that differ by more than 10 % are dropped (somebody
 * else had the processor), the median of what is left counts. Shares of the peak come twice: by the wall clock, and by
 * processor time, which a busy machine disturbs less (threads that wait for each other do not show in it).
 */
#ifndef ATTNVIZ_TESTS_BENCH_BENCH_H
#define ATTNVIZ_TESTS_BENCH_BENCH_H

#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "kernel/driver.h"
#include "mechanism/mechanism.h"

enum { BENCH_MIN_PAIRS = 5, BENCH_MAX_PAIRS = 15 };

/* Seconds by the wall clock and of the processor (all threads together). */
struct bench_time {
	double wall, cpu;
};

static inline double bench_clock(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static inline struct bench_time bench_now(void)
{
	return (struct bench_time){ bench_clock(CLOCK_MONOTONIC), bench_clock(CLOCK_PROCESS_CPUTIME_ID) };
}

static inline struct bench_time bench_since(struct bench_time start)
{
	struct bench_time now = bench_now();
	return (struct bench_time){ now.wall - start.wall, now.cpu - start.cpu };
}

/*
 * Independent multiply-adds that stay in registers: 16 chains hide the latency of 4 cycles on two ports. Every link of every
 * chain passes through an empty assembler statement of its own (one holds at most 30 operands): a compiler that sees through
 * some of the chains would replace them, and the peak would be one that no processor has. Loops over chains are all unrolled,
 * since an index that varies keeps the array in memory.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#define BENCH_LINK(vector) __asm__ volatile("" : "+v"(vector))
#define BENCH_FMA128(a, b) ((a) * (b) + (b)) /* of two instructions, as in the SSE2 kernel */

__attribute__((target("avx512f"))) static inline float bench_fma512(int64_t rounds)
{
	__m512 a[16], b = _mm512_set1_ps(0.999f);
	_Pragma("GCC unroll 16") for (int i = 0; i < 16; i++)
		a[i] = _mm512_set1_ps((float)i);
	for (int64_t r = 0; r < rounds; r++) {
		_Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) {
			__m512 next = _mm512_fmadd_ps(a[i], b, b);
			BENCH_LINK(next);
			a[i] = next;
		}
	}
	_Pragma("GCC unroll 16") for (int i = 1; i < 16; i++)
		a[0] = _mm512_add_ps(a[0], a[i]);
	return _mm512_cvtss_f32(a[0]);
}

__attribute__((target("avx2,fma"))) static inline float bench_fma256(int64_t rounds)
{
	__m256 a[12], b = _mm256_set1_ps(0.999f);
	_Pragma("GCC unroll 16") for (int i = 0; i < 12; i++)
		a[i] = _mm256_set1_ps((float)i);
	for (int64_t r = 0; r < rounds; r++) {
		_Pragma("GCC unroll 16") for (int i = 0; i < 12; i++) {
			__m256 next = _mm256_fmadd_ps(a[i], b, b);
			BENCH_LINK(next);
			a[i] = next;
		}
	}
	_Pragma("GCC unroll 16") for (int i = 1; i < 12; i++)
		a[0] = _mm256_add_ps(a[0], a[i]);
	return _mm256_cvtss_f32(a[0]);
}
#elif defined(__aarch64__)
#include <arm_neon.h>
#define BENCH_LINK(vector) __asm__ volatile("" : "+w"(vector))
#define BENCH_FMA128(a, b) ((vector4)vfmaq_f32((float32x4_t)(a), (float32x4_t)(b), (float32x4_t)(b))) /* adds in place */
#else
#define BENCH_LINK(vector) __asm__ volatile("" : "+m"(vector))
#define BENCH_FMA128(a, b) ((a) * (b) + (b))
#endif

typedef float vector4 __attribute__((vector_size(16)));

static inline float bench_fma128(int64_t rounds)
{
	vector4 a[12], b = { 0.999f, 0.999f, 0.999f, 0.999f };
	_Pragma("GCC unroll 16") for (int i = 0; i < 12; i++)
		a[i] = b * (float)i;
	for (int64_t r = 0; r < rounds; r++) {
		_Pragma("GCC unroll 16") for (int i = 0; i < 12; i++) {
			vector4 next = BENCH_FMA128(a[i], b);
			BENCH_LINK(next);
			a[i] = next;
		}
	}
	_Pragma("GCC unroll 16") for (int i = 1; i < 12; i++)
		a[0] += a[i];
	return a[0][0];
}

struct bench_peak {
	int width; /* bits a vector */
	int64_t rounds;
	float result;
};

static inline void *bench_peak_thread(void *data)
{
	struct bench_peak *peak = data;
#if defined(__x86_64__)
	if (peak->width == 512) {
		peak->result = bench_fma512(peak->rounds);
		return NULL;
	}
	if (peak->width == 256) {
		peak->result = bench_fma256(peak->rounds);
		return NULL;
	}
#endif
	peak->result = bench_fma128(peak->rounds);
	return NULL;
}

static inline int bench_width(const struct kernels *kernels)
{
	return strncmp(kernels->name, "avx512", 6) == 0 ? 512 : strcmp(kernels->name, "avx2") == 0 ? 256 : 128;
}

/* Multiply-adds (in flop, two each) of `threads` threads with vectors of `width` bits, for about `seconds`; *taken
 * receives the time. */
static inline double bench_peak(int width, int threads, double seconds, struct bench_time *taken)
{
	int chains = width == 512 ? 16 : 12;
	struct bench_peak peak[64];
	pthread_t thread[64];
	int64_t rounds = (int64_t)(seconds * 2.5e9 / (width == 512 ? 16 : 6));
	struct bench_time start = bench_now();
	for (int i = 0; i < threads; i++) {
		peak[i] = (struct bench_peak){ .width = width, .rounds = rounds };
		if (i > 0)
			pthread_create(&thread[i], NULL, bench_peak_thread, &peak[i]);
	}
	bench_peak_thread(&peak[0]);
	for (int i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
	*taken = bench_since(start);
	return 2.0 * (double)rounds * chains * (width / 32) * threads;
}

struct bench_result {
	double seconds, peak, rate, share; /* medians by the wall clock: time of one call, FMA peak and rate in flop/s, rate / peak */
	double cpu_share;                  /* the same share by processor time */
	int pairs, dropped;
};

static inline int bench_ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static inline double bench_median(double *value, int count)
{
	qsort(value, (size_t)count, sizeof(*value), bench_ascending);
	return count % 2 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

/* Memory that is freed is used again without the kernel clearing it: so do the maps of one command, and the peers. Not where
 * memory is measured. */
static inline void bench_keep_memory(void)
{
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

/* Calls of `work` that last about `least` seconds. */
static inline int bench_repeats(void (*work)(void *), void *data, double least)
{
	work(data);
	struct bench_time start = bench_now();
	work(data);
	double once = bench_since(start).wall;
	return once < least ? (int)(least / (once + 1e-7)) + 1 : 1;
}

/* Time `work` (which makes `flop` floating point operations a call), repeated so that a measurement lasts `least` seconds. */
static inline struct bench_result bench_run(void (*work)(void *), void *data, double flop, int width, int threads, double least)
{
	int repeats = bench_repeats(work, data, least);
	double share[BENCH_MAX_PAIRS], cpu_share[BENCH_MAX_PAIRS], seconds[BENCH_MAX_PAIRS], peaks[BENCH_MAX_PAIRS];
	struct bench_result result = { 0 };
	for (int tries = 0; tries < BENCH_MAX_PAIRS && result.pairs < BENCH_MIN_PAIRS; tries++) {
		struct bench_time before, after, time;
		double peak = bench_peak(width, threads, 0.01, &before);
		struct bench_time start = bench_now();
		for (int i = 0; i < repeats; i++)
			work(data);
		time = bench_since(start);
		bench_peak(width, threads, 0.01, &after);
		bool steady = fabs(before.wall - after.wall) <= 0.1 * fmax(before.wall, after.wall);
		if (!steady && tries < BENCH_MAX_PAIRS - BENCH_MIN_PAIRS) {
			result.dropped++;
			continue;
		}
		double both = 2 * peak / (before.wall + after.wall);
		seconds[result.pairs] = time.wall / repeats;
		peaks[result.pairs] = both;
		share[result.pairs] = flop * repeats / time.wall / both;
		cpu_share[result.pairs] = flop * repeats / time.cpu / (2 * peak / (before.cpu + after.cpu));
		result.pairs++;
	}
	result.seconds = bench_median(seconds, result.pairs);
	result.peak = bench_median(peaks, result.pairs);
	result.share = bench_median(share, result.pairs);
	result.cpu_share = bench_median(cpu_share, result.pairs);
	result.rate = flop / result.seconds;
	return result;
}

/* BENCH=full adds what takes minutes. */
static inline bool bench_full(void)
{
	const char *text = getenv("BENCH");
	return text && strcmp(text, "full") == 0;
}

static inline int bench_threads(void)
{
	const char *text = getenv("BENCH_THREADS");
	int threads = text ? (int)strtol(text, NULL, 10) : pool_default_threads();
	return threads < 1 ? 1 : threads > 64 ? 64 : threads;
}

/* A warning where too few pairs were steady. */
static inline const char *bench_remark(const struct bench_result *result)
{
	return result->dropped > BENCH_MAX_PAIRS - 2 * BENCH_MIN_PAIRS ? "  (unsteady machine)" : "";
}

/* Peak resident memory in MB of `work` in a process of its own, above that of the same process doing nothing. */
static inline double bench_memory_mb(void (*work)(void *), void *data)
{
	double mb[2];
	fflush(stdout);
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		if (child == 0) {
			if (i)
				work(data);
			_exit(0);
		}
		struct rusage usage;
		int status;
		wait4(child, &status, 0, &usage);
		mb[i] = status == 0 ? (double)usage.ru_maxrss / 1024 : NAN;
	}
	return mb[1] - mb[0];
}

/* Random normal operands as the softmax mechanism takes them. */
struct bench_attention {
	int64_t heads, n, dim;
	bool causal;
	float *data[3];
	struct tensor tensor[3];
	const struct tensor *slot[3];
	struct heads view[3];
	struct mechanism_binding binding[3];
	struct source *source;
};

static inline void bench_normal(float *to, int64_t count, uint64_t state)
{
	for (int64_t i = 0; i < count; i++) {
		double sum = 0; /* the sum of four uniforms, scaled to deviation 1, is normal enough */
		for (int k = 0; k < 4; k++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			sum += (double)(state >> 40) * 0x1p-24;
		}
		to[i] = (float)((sum - 2) * 1.7320508);
	}
}

static inline void bench_fail(const char *what, const struct err_info *info)
{
	fprintf(stderr, "bench: %s: %s\n", what, info->text);
	exit(1);
}

/* bf16 halves the elements in place: the same numbers cut to bfloat16. */
static inline void bench_attention_init(struct bench_attention *a, int64_t heads, int64_t n, int64_t dim, bool causal, bool bf16)
{
	static const char *const role[] = { "query", "key", "value" };
	*a = (struct bench_attention){ .heads = heads, .n = n, .dim = dim, .causal = causal };
	for (int i = 0; i < 3; i++) {
		a->data[i] = mem_aligned((size_t)(heads * n * dim) * sizeof(float));
		bench_normal(a->data[i], heads * n * dim, (uint64_t)i + 1);
		uint16_t *half = (uint16_t *)a->data[i];
		for (int64_t k = 0; k < heads * n * dim && bf16; k++) {
			uint32_t bits;
			memcpy(&bits, &a->data[i][k], sizeof(bits));
			half[k] = (uint16_t)(bits >> 16);
		}
		a->tensor[i] = (struct tensor){ .name = role[i], .file = "bench", .dtype = bf16 ? DTYPE_BF16 : DTYPE_F32, .rank = 3, .shape = { heads, n, dim },
						.stride = { n * dim, dim, 1 }, .data = (const unsigned char *)a->data[i], .scale = 1 };
		a->slot[i] = &a->tensor[i];
		a->view[i] = (struct heads){ .tensors = &a->slot[i], .tensor_count = 1, .size = { 1, 1, heads, n, dim },
					     .stride = { 0, 0, n * dim, dim, 1 }, .present = { false, false, true, true, true } };
		a->binding[i] = (struct mechanism_binding){ .role = role[i], .tensor = &a->tensor[i], .heads = &a->view[i] };
	}
	struct mechanism_args args = { .binding = a->binding, .binding_count = 3, .scale = NAN, .causal = causal ? CAUSAL_BOTTOM_RIGHT : CAUSAL_NONE,
				       .window_left = -1, .window_right = -1 };
	struct err_info info = { 0 };
	if (mechanism_find("softmax")->open(&args, &a->source, &info))
		bench_fail("softmax", &info);
}

static inline void bench_attention_release(struct bench_attention *a)
{
	source_free(a->source);
	for (int i = 0; i < 3; i++)
		mem_aligned_free(a->data[i]);
}

/* Flop of one product Q K^T over all heads: 2 n^2 d each, half of it when causal. */
static inline double bench_flop(const struct bench_attention *a)
{
	return 2.0 * (double)a->heads * (double)a->n * (double)(a->causal ? a->n + 1 : 2 * a->n) / 2 * (double)a->dim;
}

#endif
