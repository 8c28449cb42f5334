/* SPDX-License-Identifier: MIT */
/*
 * Pass 1 (maximum, log-sum-exp, entropy) against what else a C programmer would write:
 *
 *   sgemm     row blocks of scores by OpenBLAS's sgemm (found at run time), then a vectorised softmax over them, on as many threads
 *   stored    standard three-step attention with our own kernels: all scores stored, all weights stored, entropy and output from them
 */
#include <dlfcn.h>

#include "bench.h"

enum { CBLAS_ROW_MAJOR = 101, CBLAS_NO_TRANSPOSE = 111, CBLAS_TRANSPOSE = 112, BLOCK_ROWS = 64 };

typedef void cblas_sgemm_function(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
				  float beta, float *c, int ldc);

static cblas_sgemm_function *sgemm;

static bool find_sgemm(void)
{
	void *library = dlopen("libopenblas.so.0", RTLD_NOW);
	void (*set_threads)(int) = NULL;
	if (!library)
		return false;
	*(void **)&sgemm = dlsym(library, "cblas_sgemm");
	*(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
	if (!sgemm || !set_threads)
		return false;
	set_threads(1); /* every thread of ours calls it for rows of its own */
	return true;
}

/* Every contender leaves the sum of the rows' entropies, which must agree. */
struct contest {
	struct bench_attention *attention;
	struct pool *pool;
	int threads;
	bool output;
	double entropy;
	double *part;    /* [jobs] */
	float *scores;   /* stored: all of them; sgemm: BLOCK_ROWS * n a thread */
	float *keys, *values, *queries;
	double *out;
};

/* The loop over keys is vectorised by hand with the widest vectors, as the kernels are. */
typedef float wide __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t wide_int __attribute__((vector_size(64)));
typedef uint32_t wide_unsigned __attribute__((vector_size(64)));

#if defined(__x86_64__)
#define WIDEST __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma")))
#else
#define WIDEST
#endif

WIDEST static double row_entropy(const float *score, int64_t n)
{
	wide max = *(const wide *)score, sum = { 0 }, first = { 0 };
	for (int64_t i = 16; i < n; i += 16) {
		wide x = *(const wide *)(score + i);
		wide_int more = x > max;
		max = (wide)(((wide_int)x & more) | ((wide_int)max & ~more));
	}
	float most = max[0];
	for (int i = 1; i < 16; i++)
		most = fmaxf(most, max[i]);
	for (int64_t i = 0; i < n; i += 16) {
		wide x = *(const wide *)(score + i) - most;
		wide shifted = x + 0x1.8p23f, r = x - (shifted - 0x1.8p23f);
		wide p = 1.3276471979e-3f * r + 9.6755413344e-3f;
		p = p * r + 5.5507132736e-2f;
		p = p * r + 2.4022119724e-1f;
		p = p * r + 6.9314696706e-1f;
		p = p * r + 1.0f;
		p = (wide)((wide_int)p + (wide_int)((wide_unsigned)shifted << 23));
		sum += p;
		first += p * x;
	}
	double l = 0, u = 0;
	for (int i = 0; i < 16; i++) {
		l += (double)sum[i];
		u += (double)first[i];
	}
	return log(l) - 0.69314718055994531 * u / l;
}

static enum err sgemm_rows(void *data, int64_t job, int worker)
{
	struct contest *contest = data;
	int64_t n = contest->attention->n, dim = contest->attention->dim, blocks = n / BLOCK_ROWS;
	int64_t head = job / blocks, row = job % blocks * BLOCK_ROWS;
	const float *query = contest->attention->data[0] + (head * n + row) * dim, *key = contest->attention->data[1] + head * n * dim;
	float *score = contest->scores + worker * BLOCK_ROWS * n;
	float scale = (float)(1.4426950408889634 / sqrt((double)dim));
	sgemm(CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_TRANSPOSE, BLOCK_ROWS, (int)n, (int)dim, scale, query, (int)dim, key, (int)dim, 0, score, (int)n);
	for (int64_t i = 0; i < BLOCK_ROWS; i++)
		contest->part[job] += row_entropy(score + i * n, n);
	return ERR_OK;
}

static void run_sgemm(void *data)
{
	struct contest *contest = data;
	int64_t n = contest->attention->n, jobs = contest->attention->heads * n / BLOCK_ROWS;
	contest->scores = mem_aligned((size_t)(contest->threads * BLOCK_ROWS * n) * sizeof(float));
	contest->part = mem_zero_array((size_t)jobs, sizeof(double));
	pool_run(contest->pool, jobs, sgemm_rows, contest);
	contest->entropy = 0;
	for (int64_t job = 0; job < jobs; job++)
		contest->entropy += contest->part[job];
	free(contest->part);
	mem_aligned_free(contest->scores);
}

/* Three steps, one head at a time: scores of all queries and keys, their softmax in place, then the weighted values.
 * Tiles are stored one after the other, so that every step walks memory in order. */
enum step { STEP_SCORES, STEP_SOFTMAX, STEP_OUTPUT };

struct three_step {
	struct contest *contest;
	const struct kernels *kernels;
	enum step step;
	int64_t head;
};

static float *stored_tile(const struct three_step *work, int64_t group, int64_t key)
{
	return work->contest->scores + (group * work->contest->attention->n + key) * work->kernels->lanes;
}

static void store_scores(const struct three_step *work, int64_t group, int worker)
{
	const struct bench_attention *attention = work->contest->attention;
	int64_t n = attention->n, dim = attention->dim, row = group * work->kernels->lanes, left = n - row;
	float *queries = work->contest->queries + worker * dim * MAX_LANES;
	static const float zero[MAX_LANES];
	kernels_pack_queries(attention->data[0] + (work->head * n + row) * dim, dim, left < work->kernels->lanes ? left : work->kernels->lanes, dim,
			     work->kernels->lanes, (float)(1.4426950408889634 / sqrt((double)dim)), queries);
	for (int64_t key = 0; key < n; key += KEY_BLOCK)
		work->kernels->dot_tile(queries, work->contest->keys + key * dim, dim, KEY_BLOCK, zero, stored_tile(work, group, key), NULL);
}

/* Maximum and sum first, then the weights are written: what a library softmax does. */
static void soften(const struct three_step *work, int64_t group)
{
	int64_t n = work->contest->attention->n, lanes = work->kernels->lanes;
	float max[MAX_LANES], shift[MAX_LANES];
	struct softmax_state state;
	for (int i = 0; i < MAX_LANES; i++)
		max[i] = -INFINITY;
	for (int64_t key = 0; key < n; key += KEY_BLOCK)
		work->kernels->max_keys(stored_tile(work, group, key), KEY_BLOCK, max);
	for (int64_t key = 0; key < n; key += KEY_BLOCK)
		work->kernels->exp2_block(stored_tile(work, group, key), KEY_BLOCK, max);
	softmax_state_init(&state);
	for (int64_t key = 0; key < n; key += KEY_BLOCK)
		work->kernels->weights_block(stored_tile(work, group, key), KEY_BLOCK, &state);
	for (int64_t lane = 0; lane < lanes; lane++)
		shift[lane] = (float)(1 / state.sum[lane]);
	for (int64_t key = 0; key < n; key += KEY_BLOCK)
		work->kernels->scale_block(stored_tile(work, group, key), KEY_BLOCK, shift);
	for (int64_t lane = 0; lane < lanes && group * lanes + lane < n; lane++)
		work->contest->part[group] += log(state.sum[lane]) - 0.69314718055994531 * state.first[lane] / state.sum[lane];
}

static void weigh_values(const struct three_step *work, int64_t group, int worker)
{
	const struct bench_attention *attention = work->contest->attention;
	double *out = work->contest->out + worker * attention->dim * MAX_LANES;
	memset(out, 0, (size_t)(attention->dim * MAX_LANES) * sizeof(*out));
	for (int64_t key = 0; key < attention->n; key += KEY_BLOCK)
		work->kernels->accumulate_values(stored_tile(work, group, key), KEY_BLOCK, work->contest->values + key * attention->dim, KEY_BLOCK,
						 attention->dim, NULL, out);
}

static enum err three_step_group(void *data, int64_t group, int worker)
{
	struct three_step *work = data;
	if (work->step == STEP_SCORES)
		store_scores(work, group, worker);
	else if (work->step == STEP_SOFTMAX)
		soften(work, group);
	else
		weigh_values(work, group, worker);
	return ERR_OK;
}

static void run_stored(void *data)
{
	struct contest *contest = data;
	const struct bench_attention *attention = contest->attention;
	struct three_step work = { .contest = contest, .kernels = kernels_select(NULL) };
	int64_t n = attention->n, dim = attention->dim, groups = (n + work.kernels->lanes - 1) / work.kernels->lanes;
	contest->scores = mem_aligned((size_t)(groups * work.kernels->lanes * n) * sizeof(float));
	contest->keys = mem_aligned((size_t)(n * dim) * sizeof(float));
	contest->values = mem_aligned((size_t)(n * dim) * sizeof(float));
	contest->queries = mem_aligned((size_t)(contest->threads * dim * MAX_LANES) * sizeof(float));
	contest->out = mem_aligned((size_t)(contest->threads * dim * MAX_LANES) * sizeof(double));
	contest->part = mem_zero_array((size_t)groups, sizeof(double));
	contest->entropy = 0;
	for (work.head = 0; work.head < attention->heads; work.head++) {
		kernels_pack_keys(attention->data[1] + work.head * n * dim, dim, n, dim, contest->keys);
		for (int64_t key = 0; key < n; key += KEY_BLOCK)
			kernels_pack_values(attention->data[2] + (work.head * n + key) * dim, dim, KEY_BLOCK, dim, contest->values + key * dim);
		for (work.step = STEP_SCORES; work.step <= (contest->output ? STEP_OUTPUT : STEP_SOFTMAX); work.step++)
			pool_run(contest->pool, groups, three_step_group, &work);
	}
	for (int64_t group = 0; group < groups; group++)
		contest->entropy += contest->part[group];
	free(contest->part);
	float *blocks[] = { contest->scores, contest->keys, contest->values, contest->queries };
	for (int i = 0; i < 4; i++)
		mem_aligned_free(blocks[i]);
	mem_aligned_free(contest->out);
}

/* Ours: a sink that sums the entropies. */
struct entropy_sink {
	struct sink sink;
	double sum;
};

static size_t entropy_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source, (void)kernels;
	return sizeof(double);
}

static void entropy_start(const struct sink *sink, const struct item *item, void *partial)
{
	(void)sink, (void)item;
	*(double *)partial = 0;
}

static void entropy_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
			 const float *output, int64_t width, void *partial)
{
	(void)sink, (void)item, (void)lane0, (void)output, (void)width;
	for (int i = 0; i < rows->count; i++)
		*(double *)partial += stats[i].entropy;
}

static void entropy_merge(struct sink *sink, const struct item *item, const void *partial)
{
	(void)item;
	((struct entropy_sink *)sink)->sum += *(const double *)partial;
}

static void run_ours(void *data)
{
	struct contest *contest = data;
	struct sink_ops ops = { .name = "entropy", .needs = contest->output ? SINK_OUTPUT : 0, .partial_size = entropy_size, .start = entropy_start,
				.rows = entropy_rows, .merge = entropy_merge };
	struct entropy_sink entropy = { .sink = { &ops } };
	struct sink *sinks[] = { &entropy.sink };
	struct driver_options options = { .threads = contest->threads };
	struct err_info info = { 0 };
	if (driver_run(contest->attention->source, sinks, 1, &options, &info))
		bench_fail("driver", &info);
	contest->entropy = entropy.sum;
}

static void compare(int64_t n, const char *name, void (*other)(void *), bool output)
{
	struct bench_attention attention;
	bench_attention_init(&attention, 1, n, 64, false, false);
	struct contest contest = { .attention = &attention, .threads = bench_threads(), .output = output };
	contest.pool = pool_new(contest.threads);
	double flop = bench_flop(&attention) * (output ? 2 : 1);
	int width = bench_width(kernels_select(NULL));
	struct bench_result ours = bench_run(run_ours, &contest, flop, width, contest.threads, 0.05);
	double mine = contest.entropy;
	struct bench_result theirs = bench_run(other, &contest, flop, width, contest.threads, 0.05);
	if (!(fabs(mine - contest.entropy) <= 1e-5 * mine)) {
		fprintf(stderr, "bench: %s disagrees: entropy %.9g, ours %.9g\n", name, contest.entropy / (double)n, mine / (double)n);
		exit(1);
	}
	pool_free(contest.pool);
	contest.pool = NULL;
	printf("%-8s %6lld  %-6s  %9.2f ms %5.1f %%   %9.2f ms %5.1f %%   %5.2f times", name, (long long)n, output ? "O = PV" : "stats", 1e3 * theirs.seconds,
	       100 * theirs.cpu_share, 1e3 * ours.seconds, 100 * ours.cpu_share, ours.cpu_share / theirs.cpu_share);
	if (other == run_stored) {
		contest.threads = 1; /* a forked process has one */
		contest.pool = pool_new(1);
		double stored = bench_memory_mb(run_stored, &contest), here = bench_memory_mb(run_ours, &contest);
		printf("   %8.1f MB %8.1f MB %6.0f times", stored, here, stored / here);
		pool_free(contest.pool);
	}
	printf("\n");
	fflush(stdout);
	bench_attention_release(&attention);
}

int main(void)
{
	static const int64_t sizes[] = { 2048, 4096, 8192 };
	bool blas = find_sgemm();
	printf("one head, d 64, full; wall time, and shares of the FMA peak and their ratio by processor time\n%-8s %6s  %-6s  %18s   %18s   %s\n", "baseline", "n", "result", "baseline", "attnviz", "ratio    memory");
	for (int i = 0; i < 3 && blas; i++)
		compare(sizes[i], "sgemm", run_sgemm, false);
	if (!blas)
		printf("sgemm: libopenblas.so.0 is not here (Debian: libopenblas0-pthread)\n");
	for (int i = 1; i < 3; i++)
		for (int output = 0; output < 2; output++)
			compare(sizes[i], "stored", run_stored, output);
	return 0;
}
