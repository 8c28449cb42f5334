/* SPDX-License-Identifier: MIT */
/* Both passes with statistics and pictures, as a share of the FMA peak (the products of both passes are counted). Usage:
 * statistics [METRICS N DIM causal|full] */
#include "analysis/pooled_map.h"
#include "analysis/stats.h"
#include "bench.h"

/* What to learn: metrics, a picture of 1024 cells a side, or both; neither is the bare second pass. */
struct job {
	struct bench_attention *attention;
	struct driver_options options;
	const char *metrics;
	bool picture;
};

static enum err take_picture(void *data, const struct source *source, int64_t map, int64_t index, const float *cell,
			     int64_t height, int64_t width, struct err_info *info)
{
	(void)data, (void)source, (void)map, (void)index, (void)info;
	return cell[height * width - 1] >= 0 ? ERR_OK : ERR_VALUE;
}

static enum err take_result(void *data, const struct stats_result *result, struct err_info *info)
{
	(void)data, (void)info;
	return result->value[0].value > -1 ? ERR_OK : ERR_VALUE;
}

static void skip(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	(void)sink, (void)item, (void)lane0, (void)tile, (void)partial;
}

static const struct sink_ops bare_ops = { .name = "bare", .needs = SINK_TILES, .scan = skip };

static void run_job(void *data)
{
	struct job *job = data;
	int64_t n = job->attention->n;
	const struct metric *metric[METRIC_COUNT];
	struct stats_request request = {
		.metric = metric, .parameters = stats_parameters_default(), .row_count = n, .emit = take_result
	};
	struct pooled_map_request cells = {
		.row_count = n, .key_end = n, .height = 1024, .width = 1024, .pooling = POOLING_MEAN, .emit = take_picture
	};
	struct sink bare = { &bare_ops }, *sinks[32] = { &bare }, *picture = NULL;
	struct stats *stats = NULL;
	struct err_info info = { 0 };
	int count = 1;
	if (job->metrics && (metric_select(job->metrics, metric, &request.metric_count, &info) ||
			     stats_new(&request, job->attention->source, &stats, &info)))
		bench_fail("statistics", &info);
	for (int i = 0; stats && i < stats_sink_count(stats); i++)
		sinks[count++] = stats_sinks(stats)[i];
	if (job->picture && pooled_map_new(&cells, &picture, &info))
		bench_fail("picture", &info);
	if (picture)
		sinks[count++] = picture;
	if (driver_run(job->attention->source, sinks, count, &job->options, &info))
		bench_fail("driver", &info);
	stats_free(stats);
	pooled_map_free(picture);
}

static void measure(const char *metrics, bool picture, int64_t n, int64_t dim, bool causal, const struct kernels *kernels)
{
	struct bench_attention attention;
	bench_attention_init(&attention, 1, n, dim, causal, false);
	int threads = pool_default_threads();
	struct job job = { .attention = &attention,
			   .options = { .kernels = kernels, .threads = threads },
			   .metrics = metrics,
			   .picture = picture };
	struct bench_result r = bench_run(run_job, &job, 2 * bench_flop(&attention), bench_width(kernels), threads, 0.05);
	printf("%-7s n %7lld d %3lld %-6s %-24s%-10s %9.3f ms  %6.1f GFLOP/s  %5.1f %%  %5.1f %% by processor time%s\n", kernels->name,
	       (long long)n, (long long)dim, causal ? "causal" : "full", metrics ? metrics : "(no statistics)",
	       picture ? " + picture" : "", 1e3 * r.seconds, r.rate / 1e9, 100 * r.share, 100 * r.cpu_share, bench_remark(&r));
	fflush(stdout);
	bench_attention_release(&attention);
}

int main(int argc, char **argv)
{
	static const int64_t sizes[] = { 1024, 2048, 4096, 8192 };
	const struct kernels *kernels = kernels_select(NULL);
	bench_keep_memory();
	if (argc > 4) {
		measure(strcmp(argv[1], "-") ? argv[1] : NULL, strchr(argv[4], '+'), strtoll(argv[2], NULL, 10),
			strtoll(argv[3], NULL, 10), argv[4][0] == 'c', kernels);
		return 0;
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int causal = 0; causal < 2; causal++) {
			measure(NULL, false, sizes[i], 64, causal, kernels);
			measure(NULL, true, sizes[i], 64, causal, kernels);
			measure("default", false, sizes[i], 64, causal, kernels);
			measure("default", true, sizes[i], 64, causal, kernels);
		}
	}
	if (bench_full())
		measure("default", false, 131072, 64, true, kernels);
	return 0;
}
