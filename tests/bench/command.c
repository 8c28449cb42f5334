/* SPDX-License-Identifier: MIT */
/*
 * The program as people call it, against the scripts that they would write: wall time, time to the first byte, peak memory.
 *
 * Peers are tests/bench/peer_*.py under /usr/bin/python3 (PYTHON= names another), where they can import what they need. They get
 * every processor and huge pages; those of entropy reuse their memory, and only their best computation counts, without start-up
 * and reading, while attnviz is timed from start to end. Memory is that of whole processes, mapped files included. The targets are
 * set against torch as people write it, all heads at once; head by head is what saves it memory. The limit below them is the time
 * of the products Q K^T alone at the FMA peak of the machine, which no exact float32 program can pass.
 */
#include <fcntl.h>
#include <limits.h>

#include "bench.h"

enum { WORDS_MAX = 32, FIRST_OUTPUT = 256, DIM = 64, ENTROPY_HEADS = 8 };

struct cost {
	double seconds, first_byte, mb;
	bool failed;
	char output[FIRST_OUTPUT];
};

struct place {
	const char *attnviz, *python;
	char folder[PATH_MAX];
};

static double now(void)
{
	return bench_clock(CLOCK_MONOTONIC);
}

static void become(const char *const words[], int output, bool peer)
{
	int errors = open("/dev/null", O_WRONLY);

	dup2(output, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	if (peer) {
		/* A workaround for old OpenBLAS that slows a current one. */
		unsetenv("OPENBLAS_CORETYPE");
		unsetenv("OPENBLAS_L2_SIZE");
		setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 1);
		setenv("MPLBACKEND", "Agg", 1);
	}
	execv(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

static struct cost run(const char *const words[], bool peer)
{
	struct cost cost = { 0 };
	struct rusage usage;
	int ends[2], status = 0;
	size_t used = 0;
	char piece[4096];

	fflush(stdout);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return (struct cost){ .failed = true };
	double start = now();
	pid_t child = fork();
	if (child == 0)
		become(words, ends[1], peer);
	close(ends[1]);
	for (ssize_t count; (count = read(ends[0], piece, sizeof piece)) > 0;) {
		if (cost.first_byte == 0)
			cost.first_byte = now() - start;
		size_t kept = (size_t)count < FIRST_OUTPUT - 1 - used ? (size_t)count : FIRST_OUTPUT - 1 - used;
		memcpy(cost.output + used, piece, kept);
		used += kept;
	}
	close(ends[0]);
	cost.failed = child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0;
	cost.seconds = now() - start;
	cost.mb = cost.failed ? 0 : (double)usage.ru_maxrss * 1024 / 1e6;
	return cost;
}

static struct cost best(const char *const words[], bool peer, int times)
{
	struct cost least = run(words, peer);

	for (int i = 1; i < times && !least.failed; i++) {
		struct cost again = run(words, peer);
		least.seconds = fmin(least.seconds, again.seconds);
		least.first_byte = fmin(least.first_byte, again.first_byte);
		least.mb = fmax(least.mb, again.mb);
	}
	return least;
}

static void fill_normal(float *to, int64_t first, int64_t count)
{
	bench_normal(to, count, (uint64_t)first + 1);
}

/* Rows of ready-made weights need not sum to one for their picture, but they are not negative. */
static void fill_weights(float *to, int64_t first, int64_t count)
{
	bench_normal(to, count, (uint64_t)first + 1);
	for (int64_t i = 0; i < count; i++)
		to[i] = to[i] * to[i] * 6e-5f;
}

static const char *in_folder(const struct place *place, const char *name, char *path, size_t room)
{
	snprintf(path, room, "%s/%s", place->folder, name);
	return path;
}

static void write_npy(const char *path, int64_t heads, int64_t n, int64_t dim, void (*fill)(float *to, int64_t first, int64_t count))
{
	int64_t count = heads * n * dim, block = 1 << 20;
	float *values = mem_array((size_t)block, sizeof *values);
	FILE *file = fopen(path, "wb");
	char header[128];

	int used = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %lld, %lld), }", (long long)heads,
			    (long long)n, (long long)dim);
	memset(header + used, ' ', sizeof header - 10 - (size_t)used);
	header[sizeof header - 11] = '\n';
	bool failed = !values || !file || fwrite("\x93NUMPY\1\0\x76\0", 1, 10, file) != 10 ||
		      fwrite(header, 1, sizeof header - 10, file) != sizeof header - 10;
	for (int64_t first = 0; !failed && first < count; first += block) {
		size_t now_count = (size_t)(count - first < block ? count - first : block);
		fill(values, first, (int64_t)now_count);
		failed = fwrite(values, sizeof *values, now_count, file) != now_count;
	}
	if (file && fclose(file) != 0)
		failed = true;
	free(values);
	if (failed) {
		fprintf(stderr, "%s: cannot be written\n", path);
		exit(1);
	}
}

static void write_queries_and_keys(const struct place *place, int64_t heads, int64_t n)
{
	char path[PATH_MAX + 16];

	write_npy(in_folder(place, "q.npy", path, sizeof path), heads, n, DIM, fill_normal);
	write_npy(in_folder(place, "k.npy", path, sizeof path), heads, n, DIM, fill_normal);
}

/* Words with a slash at their start are names in the temporary folder; attnviz stands first. */
static struct cost attnviz(const struct place *place, int times, const char *const given[])
{
	const char *words[WORDS_MAX] = { place->attnviz };
	static char paths[WORDS_MAX][PATH_MAX + 16];

	for (int i = 0; given[i] && i < WORDS_MAX - 2; i++)
		words[i + 1] = given[i][0] == '/' ? in_folder(place, given[i] + 1, paths[i], sizeof paths[i]) : given[i];
	return best(words, false, times);
}

static bool can_import(const struct place *place, const char *modules)
{
	char line[256];

	snprintf(line, sizeof line, "import %s", modules);
	if (access(place->python, X_OK) == 0 && !run((const char *const[]){ place->python, "-c", line, NULL }, true).failed)
		return true;
	printf("skipped: %s cannot import %s\n", place->python, modules);
	return false;
}

static struct cost draw_to_pipe(const struct place *place, const char *format)
{
	return attnviz(place, 20, (const char *const[]){ "heatmap", "-q", "/q.npy", "-k", "/k.npy", "--format", format, "-o", "-", NULL });
}

static void start_up(const struct place *place)
{
	struct cost version = attnviz(place, 20, (const char *const[]){ "--version", NULL });

	write_queries_and_keys(place, 1, 64);
	struct cost picture = draw_to_pipe(place, "png"), vector = draw_to_pipe(place, "svg");
	printf("first byte of --version: %.1f ms (at most 50)\n", 1e3 * version.first_byte);
	printf("first byte of 64 tokens as PNG: %.1f ms (at most 50)\n", 1e3 * picture.first_byte);
	printf("first byte of 64 tokens as SVG: %.1f ms (at most 50)\n", 1e3 * vector.first_byte);
}

static void one_line(char *text)
{
	text[strcspn(text, "\n")] = '\0';
}

static void print_memory(const struct cost *ours, const struct cost *peer, const char *target)
{
	printf("  its memory over ours: %.1f%s (%.0f against %.0f MB)%s\n", peer->mb / ours->mb, target, ours->mb, peer->mb,
	       ours->failed || peer->failed ? " FAILED" : "");
	fflush(stdout);
}

static void against_matplotlib(const struct place *place)
{
	static const int64_t sizes[] = { 128, 1024, 4096 };
	char q[PATH_MAX + 16], k[PATH_MAX + 16], out[PATH_MAX + 16];

	if (!can_import(place, "numpy, matplotlib"))
		return;
	const char *script[] = { place->python, "tests/bench/peer_picture.py", in_folder(place, "q.npy", q, sizeof q),
				 in_folder(place, "k.npy", k, sizeof k), in_folder(place, "peer.png", out, sizeof out), NULL };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		write_queries_and_keys(place, 12, sizes[i]);
		struct cost ours = attnviz(place, 3, (const char *const[]){ "heatmap", "-q", "/q.npy", "-k", "/k.npy", "-o", "/ours.png", NULL });
		struct cost peer = best(script, true, 2);
		one_line(peer.output);
		printf("12 heads of %lld tokens to PNG, faster than %s: %.1f (%.3f against %.3f s)\n", (long long)sizes[i], peer.output,
		       peer.seconds / ours.seconds, ours.seconds, peer.seconds);
		print_memory(&ours, &peer, "");
	}
}

/*
 * The products alone at the FMA peak: by processor time, as if every thread had a processor of its own, and the best of several,
 * since a disturbed measurement is no limit. Where none of them has that peak by the wall clock too, somebody else had a processor,
 * torch was disturbed as well, and the ratio is too high.
 */
static void print_limit(int64_t n, bool causal, double peer_seconds)
{
	struct bench_attention work = { .heads = ENTROPY_HEADS, .n = n, .dim = DIM, .causal = causal };
	double flop = bench_flop(&work), peak = 0, by_wall = 0;
	int threads = bench_threads();

	for (int i = 0; i < 10; i++) {
		struct bench_time taken;
		double done = bench_peak(bench_width(kernels_select(NULL)), threads, 0.02, &taken);
		peak = fmax(peak, done / taken.cpu * threads);
		by_wall = fmax(by_wall, done / taken.wall);
	}
	printf("  limit at the FMA peak of this machine, %.0f GFLOP/s: %.4f s, %.1f times faster than torch%s\n", 1e-9 * peak, flop / peak,
	       peer_seconds * peak / flop, by_wall < 0.9 * peak ? "  (unsteady machine)" : "");
	fflush(stdout);
}

/* Targets are those of torch, all heads at once. */
struct contest {
	const char *library, *form, *label;
	bool targets;
};

static void against_entropy(const struct place *place, const struct contest *contest, int64_t n, bool causal)
{
	char q[PATH_MAX + 16], k[PATH_MAX + 16];
	const char *script[] = { place->python, "tests/bench/peer_entropy.py", contest->library, contest->form, in_folder(place, "q.npy", q, sizeof q),
				 in_folder(place, "k.npy", k, sizeof k), causal ? "causal" : "full", NULL };
	const char *words[] = { "stats", "-q", "/q.npy", "-k", "/k.npy", "--metrics", "entropy", "--json", causal ? "--causal" : NULL, NULL };
	struct cost ours = attnviz(place, 5, words), peer = best(script, true, 1), again = attnviz(place, 5, words);

	ours.seconds = fmin(ours.seconds, again.seconds);
	one_line(peer.output);
	char *last = strrchr(peer.output, ' ');
	double seconds = last ? strtod(last, NULL) : 0;
	if (last)
		*last = '\0';
	printf("entropy of %d heads of %lld, %s, faster than %s, %s: %.1f%s (%.4f against %.4f s)\n", ENTROPY_HEADS, (long long)n,
	       causal ? "causal" : "full", peer.output, contest->label, seconds / ours.seconds,
	       !contest->targets ? "" : causal ? " (target 14)" : " (target 6)", ours.seconds, seconds);
	print_memory(&ours, &peer, contest->targets ? " (target 50)" : "");
	if (contest->targets && !peer.failed)
		print_limit(n, causal, seconds);
}

static void against_libraries(const struct place *place)
{
	static const int64_t sizes[] = { 2048, 8192 };
	static const struct contest contests[] = { { "torch", "batch", "all heads at once", true },
						   { "torch", "head", "head by head", false },
						   { "numpy", "batch", "all heads at once", false },
						   { "numpy", "head", "head by head", false } };
	bool numpy = can_import(place, "numpy"), torch = can_import(place, "torch, numpy");

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes && (numpy || torch); i++) {
		write_queries_and_keys(place, ENTROPY_HEADS, sizes[i]);
		for (int causal = 0; causal < 2; causal++)
			for (size_t c = 0; c < sizeof contests / sizeof *contests; c++)
				if (strcmp(contests[c].library, "torch") == 0 ? torch : numpy)
					against_entropy(place, &contests[c], sizes[i], causal);
	}
}

static void print_cost(const char *name, const struct cost *cost, const char *target)
{
	printf("%s: %.2f s, %.0f MB%s%s\n", name, cost->seconds, cost->mb, target, cost->failed ? " FAILED" : "");
	fflush(stdout);
}

static void large_weights(const struct place *place)
{
	char path[PATH_MAX + 16];

	write_npy(in_folder(place, "weights.npy", path, sizeof path), 1, 16384, 16384, fill_weights);
	struct cost cost = attnviz(place, 2, (const char *const[]){ "heatmap", "-w", "/weights.npy", "-o", "/ours.png", NULL });
	unlink(path);
	print_cost("16384 x 16384 weights (1 GiB) to PNG", &cost, "");
}

static void long_context(const struct place *place)
{
	const int64_t million = 1 << 20, last = 4096;

	write_queries_and_keys(place, 1, 131072);
	struct cost cost = attnviz(place, 1, (const char *const[]){ "stats", "-q", "/q.npy", "-k", "/k.npy", "--causal", "--json", NULL });
	print_cost("every default metric of 131072 tokens, causal", &cost, " (under 300 MB)");
	cost = attnviz(place, 1, (const char *const[]){ "heatmap", "-q", "/q.npy", "-k", "/k.npy", "--causal", "-o", "/ours.png", NULL });
	print_cost("heatmap of 131072 tokens, causal", &cost, " (under 300 MB)");
	write_queries_and_keys(place, 1, million);
	cost = attnviz(place, 1, (const char *const[]){ "stats", "-q", "/q.npy", "-k", "/k.npy", "--causal", "--metrics", "entropy",
						       "--last-queries", "4096", "--json", NULL });
	print_cost("entropy of the last 4096 of 1048576 tokens, causal", &cost, " (under 1500 MB)");
	printf("entropy of all 1048576, extrapolated: %.0f s\n", cost.seconds * (double)million / (2.0 * (double)last));
}

static void remove_folder(const struct place *place)
{
	static const char *const files[] = { "q.npy", "k.npy", "weights.npy", "ours.png", "peer.png" };
	char path[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(in_folder(place, files[i], path, sizeof path));
	rmdir(place->folder);
}

int main(void)
{
	const char *build = getenv("BUILD"), *python = getenv("PYTHON"), *temporary = getenv("TMPDIR");
	char program[PATH_MAX];
	struct place place = { .attnviz = program, .python = python ? python : "/usr/bin/python3" };

	snprintf(program, sizeof program, "%s/attnviz", build ? build : "build/release");
	snprintf(place.folder, sizeof place.folder, "%s/attnviz-bench-XXXXXX", temporary ? temporary : "/tmp");
	if (!mkdtemp(place.folder)) {
		perror(place.folder);
		return 1;
	}
	start_up(&place);
	against_matplotlib(&place);
	against_libraries(&place);
	large_weights(&place);
	if (bench_full())
		long_context(&place);
	remove_folder(&place);
	return 0;
}
