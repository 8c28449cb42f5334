/* Pass 1, and what it costs to add to it, as a share of the FMA peak. Usage: kernel [ISA [N DIM causal|full HEADS]] */
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

struct job {
	struct bench_attention *attention;
	const struct sink_ops *ops;
	struct driver_options options;
};

static void run_job(void *data)
{
	struct job *job = data;
	struct mean_sink mean = { .sink = { job->ops } };
	struct sink *sinks[] = { &mean.sink };
	struct err_info info = { 0 };
	if (driver_run(job->attention->source, sinks, 1, &job->options, &info))
		bench_fail("driver", &info);
}

static void measure(const struct kernels *kernels, int64_t n, int64_t dim, bool causal, int64_t heads, bool bf16)
{
	struct bench_attention attention;
	bench_attention_init(&attention, heads, n, dim, causal, bf16);
	const struct { const char *name; const struct sink_ops *ops; double products; } kinds[] = {
		{ "pass 1", &pass_1, 1 }, { "pass 1 and 2", &pass_2, 2 }, { "pass 1 with O = P V", &pass_1_output, 2 } };
	int threads = getenv("BENCH_THREADS") ? atoi(getenv("BENCH_THREADS")) : pool_default_threads();
	for (int k = 0; k < 3; k++) {
		struct job job = { .attention = &attention, .ops = kinds[k].ops, .options = { .kernels = kernels, .threads = threads } };
		if (getenv("ROW_TILE")) job.options.row_tile = atoi(getenv("ROW_TILE"));
		if (getenv("KEY_TILE")) job.options.key_tile = atoi(getenv("KEY_TILE"));
		struct bench_result r = bench_run(run_job, &job, kinds[k].products * bench_flop(&attention), bench_width(kernels), threads, 0.1);
		printf("%-11s n %7lld d %3lld %-6s h %2lld %s  %-20s %9.3f ms  %6.1f GFLOP/s  peak %6.1f  share %.3f  (dropped %d)\n", kernels->name, (long long)n,
		       (long long)dim, causal ? "causal" : "full", (long long)heads, bf16 ? "bf16" : "f32 ", kinds[k].name, 1e3 * r.seconds, r.rate / 1e9,
		       r.peak / 1e9, r.share, r.dropped);
		fflush(stdout);
	}
	bench_attention_release(&attention);
}

int main(int argc, char **argv)
{
	const struct kernels *kernels = kernels_select(argc > 1 ? argv[1] : NULL);
	if (argc > 5) {
		measure(kernels, atoll(argv[2]), atoll(argv[3]), argv[4][0] == 'c', atoll(argv[5]), argc > 6);
		return 0;
	}
	return 0;
}
