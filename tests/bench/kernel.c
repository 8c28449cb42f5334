/* Pass 1, and what it costs to add to it, as a share of the FMA peak. Usage: kernel [ISA [N DIM causal|full HEADS]] */
#include "analysis/pooled_map.h"
#include "analysis/stats.h"
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

enum kind { PASS_1, PASS_1_2, OUTPUT, HEATMAP_MAX, HEATMAP_MEAN, STATS_FIRST, STATS_DEFAULT, KINDS };

static const struct { const char *name; double products; const struct sink_ops *ops; enum pooling pooling; } kinds[KINDS] = {
	[PASS_1] = { "pass 1", 1, &pass_1, 0 },
	[PASS_1_2] = { "pass 1 and 2", 2, &pass_2, 0 },
	[OUTPUT] = { "pass 1 with O = P V", 2, &pass_1_output, 0 },
	[HEATMAP_MAX] = { "heatmap 1024, max", 2, NULL, POOLING_MAX },
	[HEATMAP_MEAN] = { "heatmap 1024, mean", 2, NULL, POOLING_MEAN },
	[STATS_FIRST] = { "stats: entropy, max", 1, NULL, 0 },
	[STATS_DEFAULT] = { "stats: default", 2, NULL, 0 },
};

struct job {
	struct bench_attention *attention;
	enum kind kind;
	struct driver_options options;
};

static enum err emit(void *data, const struct source *source, int64_t map, int64_t index, const float *cell, int64_t height, int64_t width,
		     struct err_info *info)
{
	(void)data;
	(void)source;
	(void)map;
	(void)index;
	(void)info;
	return cell[height * width - 1] >= 0 ? ERR_OK : ERR_VALUE;
}

static enum err emit_stats(void *data, const struct stats_result *result, struct err_info *info)
{
	(void)data;
	(void)info;
	return result->value[0].rows > 0 ? ERR_OK : ERR_VALUE;
}

static void run_stats(struct job *job)
{
	const struct metric *metric[METRIC_COUNT];
	struct err_info info = { 0 };
	struct stats_request request = { .metric = metric, .parameters = stats_parameters_default(), .row_count = job->attention->n, .emit = emit_stats };
	if (metric_select(job->kind == STATS_FIRST ? "entropy,max" : "default", metric, &request.metric_count, &info))
		bench_fail("metrics", &info);
	struct stats *stats;
	if (stats_new(&request, job->attention->source, &stats, &info) ||
	    driver_run(job->attention->source, stats_sinks(stats), stats_sink_count(stats), &job->options, &info))
		bench_fail("stats", &info);
	stats_free(stats);
}

static void run_job(void *data)
{
	struct job *job = data;
	if (job->kind >= STATS_FIRST) {
		run_stats(job);
		return;
	}
	struct mean_sink mean = { .sink = { kinds[job->kind].ops } };
	struct sink *sink = &mean.sink;
	struct err_info info = { 0 };
	struct pooled_map_request request = { .row_count = job->attention->n, .key_end = job->attention->n, .height = 1024, .width = 1024,
					      .pooling = kinds[job->kind].pooling, .emit = emit };
	if (!kinds[job->kind].ops && pooled_map_new(&request, &sink, &info))
		bench_fail("pooled map", &info);
	if (driver_run(job->attention->source, &sink, 1, &job->options, &info))
		bench_fail("driver", &info);
	if (!kinds[job->kind].ops)
		pooled_map_free(sink);
}

static void measure(const struct kernels *kernels, int64_t n, int64_t dim, bool causal, int64_t heads, bool bf16)
{
	struct bench_attention attention;
	bench_attention_init(&attention, heads, n, dim, causal, bf16);
	int threads = getenv("BENCH_THREADS") ? atoi(getenv("BENCH_THREADS")) : pool_default_threads();
	int only = getenv("BENCH_KIND") ? atoi(getenv("BENCH_KIND")) : -1;
	for (int k = only < 0 ? 0 : only; k < (only < 0 ? KINDS : only + 1); k++) {
		struct job job = { .attention = &attention, .kind = k, .options = { .kernels = kernels, .threads = threads } };
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
