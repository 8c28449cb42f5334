/* SPDX-License-Identifier: MIT */
/* Pass 1 and what is added to it, as a share of the FMA peak, by instruction set. Usage: kernel [ISA N DIM causal|full
 * HEADS [bf16]] */
#include "bench.h"

/* Mean entropy: what every run of pass 1 ends in. */
struct mean_sink {
	struct sink sink;
	double entropy;
	float checksum;
};

static size_t mean_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink;
	(void)source;
	(void)kernels;
	return sizeof(double);
}

static void mean_start(const struct sink *sink, const struct item *item, void *partial)
{
	(void)sink;
	(void)item;
	*(double *)partial = 0;
}

static void mean_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t width, void *partial)
{
	(void)sink;
	(void)item;
	(void)lane0;
	(void)output;
	(void)width;
	for (int i = 0; i < rows->count; i++)
		*(double *)partial += stats[i].entropy;
}

static void mean_scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	(void)sink;
	(void)item;
	(void)lane0;
	(void)tile;
	(void)partial;
}

static void mean_merge(struct sink *sink, const struct item *item, const void *partial)
{
	(void)item;
	((struct mean_sink *)sink)->entropy += *(const double *)partial;
}

#define MEAN_OPS(bits) \
	{ .name = "mean", .needs = (bits), .partial_size = mean_size, .start = mean_start, .rows = mean_rows, .scan = mean_scan, .merge = mean_merge }

static const struct sink_ops pass_1 = MEAN_OPS(0), pass_2 = MEAN_OPS(SINK_TILES), pass_1_output = MEAN_OPS(SINK_OUTPUT);

enum kind { PASS_1, PASS_1_2, OUTPUT, KINDS };

/* Products: how many of Q K^T (and P V) a call makes. */
static const struct { const char *name; double products; const struct sink_ops *ops; } kinds[KINDS] = {
	[PASS_1] = { "pass 1", 1, &pass_1 },
	[PASS_1_2] = { "passes 1 and 2", 2, &pass_2 },
	[OUTPUT] = { "pass 1 and O = P V", 2, &pass_1_output },
};

struct job {
	struct bench_attention *attention;
	enum kind kind;
	struct driver_options options;
};

static void run_job(void *data)
{
	struct job *job = data;
	struct mean_sink mean = { .sink = { kinds[job->kind].ops } };
	struct sink *sink = &mean.sink;
	struct err_info info = { 0 };
	if (driver_run(job->attention->source, &sink, 1, &job->options, &info))
		bench_fail("driver", &info);
}

struct shape {
	int64_t n, dim, heads;
	bool causal, bf16;
};

static void measure(const struct kernels *kernels, const struct shape *shape, enum kind first, enum kind last)
{
	struct bench_attention attention;
	bench_attention_init(&attention, shape->heads, shape->n, shape->dim, shape->causal, shape->bf16);
	int threads = bench_threads();
	for (enum kind k = first; k <= last; k++) {
		struct job job = { .attention = &attention, .kind = k, .options = { .kernels = kernels, .threads = threads } };
		struct bench_result r = bench_run(run_job, &job, kinds[k].products * bench_flop(&attention), bench_width(kernels), threads, 0.03);
		printf("%-11s %7lld %4lld %-6s %3lld  %-18s %10.3f %8.1f %8.1f  %5.1f %%  %5.1f %%%s\n", kernels->name, (long long)shape->n, (long long)shape->dim,
		       shape->causal ? "causal" : "full", (long long)shape->heads, kinds[k].name, 1e3 * r.seconds, r.rate / 1e9, r.peak / 1e9, 100 * r.share,
		       100 * r.cpu_share, bench_remark(&r));
		fflush(stdout);
	}
	bench_attention_release(&attention);
}

/* Of the longest maps only one of each table: they take minutes. */
static void measure_table(const struct kernels *kernels, bool bf16)
{
	static const int64_t sizes[] = { 512, 2048, 8192, 131072 }, heads[] = { 48, 8, 1, 1 };
	for (int i = 0; i < (bench_full() ? 4 : 3); i++) {
		for (int k = i == 3; k < (i == 3 ? 2 : 4); k++) {
			struct shape shape = { sizes[i], k / 2 ? 128 : 64, heads[i], k % 2, bf16 };
			measure(kernels, &shape, PASS_1, k == 0 && sizes[i] == 8192 ? OUTPUT : PASS_1);
		}
	}
}

int main(int argc, char **argv)
{
	bench_keep_memory();
	printf("%-11s %7s %4s %-6s %3s  %-18s %10s %8s %8s  %7s  %s\n", "kernels", "n", "d", "mask", "h", "work", "ms", "GFLOP/s", "peak", "share",
	       "by processor time");
	if (argc > 5) {
		struct shape shape = { strtoll(argv[2], NULL, 10), strtoll(argv[3], NULL, 10), strtoll(argv[5], NULL, 10), argv[4][0] == 'c', argc > 6 };
		measure(kernels_select(argv[1]), &shape, PASS_1, OUTPUT);
		return 0;
	}
	for (int i = 0; i < 2; i++)
		if (kernels_select(i ? "avx2" : "avx512"))
			measure_table(kernels_select(i ? "avx2" : "avx512"), false);
	if (kernels_select("avx512_bf16"))
		measure_table(kernels_select("avx512_bf16"), true);
	if (!kernels_select("avx2"))
		measure_table(kernels_select(NULL), false);
	return 0;
}
