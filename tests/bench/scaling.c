/* SPDX-License-Identifier: MIT */
/* How time and memory of pass 1 grow with the number of tokens: the exponents of a least-squares line through the logarithms. */
#include "bench.h"

static void skip_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t width, void *partial)
{
	(void)sink, (void)item, (void)lane0, (void)rows, (void)stats, (void)output, (void)width, (void)partial;
}

static const struct sink_ops pass_1 = { .name = "pass 1", .rows = skip_rows };

struct job {
	struct bench_attention *attention;
	struct driver_options options;
};

static void run_job(void *data)
{
	struct job *job = data;
	struct sink sink = { &pass_1 }, *sinks[] = { &sink };
	struct err_info info = { 0 };
	if (driver_run(job->attention->source, sinks, 1, &job->options, &info))
		bench_fail("driver", &info);
}

static double slope(const double *x, const double *y, int count)
{
	double mean_x = 0, mean_y = 0, product = 0, square = 0;
	for (int i = 0; i < count; i++) {
		mean_x += log(x[i]) / count;
		mean_y += log(y[i]) / count;
	}
	for (int i = 0; i < count; i++) {
		product += (log(x[i]) - mean_x) * (log(y[i]) - mean_y);
		square += (log(x[i]) - mean_x) * (log(x[i]) - mean_x);
	}
	return product / square;
}

/* A sample of the rows of a long map: what a whole pass would take is in proportion. */
enum { MILLION = 1 << 20, SAMPLE = 3072 };

static void measure_million(int threads)
{
	struct bench_attention attention;
	int64_t *rows = mem_array(SAMPLE, sizeof(*rows));
	bench_attention_init(&attention, 1, MILLION, 64, true, false);
	for (int64_t i = 0; i < SAMPLE; i++)
		rows[i] = (2 * i + 1) * MILLION / (2 * SAMPLE);
	struct job job = { &attention, { .threads = threads, .rows = rows, .row_count = SAMPLE } };
	struct bench_time start = bench_now();
	run_job(&job);
	double seconds = bench_since(start).wall, share = (double)MILLION / SAMPLE;
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	printf("%8d causal, %d rows of it: %.1f s, so %.0f s for all; peak memory %.0f MB, of which Q, K and V of the benchmark are %.0f\n", MILLION, SAMPLE, seconds,
	       seconds * share, (double)usage.ru_maxrss / 1024, 3.0 * MILLION * 64 * 4 / 1048576);
	bench_attention_release(&attention);
	free(rows);
}

int main(void)
{
	static const int64_t sizes[] = { 2048, 4096, 8192, 16384, 32768, 65536, 131072 };
	double n[7], time[7], memory[7], share[7];
	int count = bench_full() ? 7 : 4, threads = bench_threads();
	printf("pass 1, one head, d 64, causal\n%8s %12s %14s %12s\n", "n", "ms", "share by CPU", "memory");
	for (int i = 0; i < count; i++) {
		struct bench_attention attention;
		bench_attention_init(&attention, 1, sizes[i], 64, true, false);
		struct job job = { &attention, { .threads = threads } };
		struct bench_result result = bench_run(run_job, &job, bench_flop(&attention), bench_width(kernels_select(NULL)), threads, 0.05);
		n[i] = (double)sizes[i];
		time[i] = result.seconds;
		share[i] = result.cpu_share;
		memory[i] = bench_memory_mb(run_job, &job);
		printf("%8lld %12.2f %12.1f %% %9.1f MB\n", (long long)sizes[i], 1e3 * time[i], 100 * share[i], memory[i]);
		fflush(stdout);
		bench_attention_release(&attention);
	}
	printf("time grows as n^%.2f, memory as n^%.2f (least squares over the logarithms)\n", slope(n, time, count), slope(n, memory, count));
	if (bench_full())
		measure_million(threads);
	return 0;
}
