/* SPDX-License-Identifier: MIT */
/*
 * What options that change the weights cost beside the plain command: processor time of the program as people call it, best of several runs that take turns.
 * 4096 tokens, one thread. It fails where an option takes more than its limit, 1.5 times the plain command unless the row says otherwise.
 */
#include <fcntl.h>

#include "bench.h"

enum { TOKENS = 4096, WORDS_MAX = 32, ROUNDS = 7 };

static char folder[] = "/tmp/attnviz-filters-XXXXXX";

static FILE *create(const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	if (!file) {
		fprintf(stderr, "%s: cannot be written\n", path);
		exit(1);
	}
	return file;
}

static void write_array(const char *name, int heads, int dim, uint64_t seed)
{
	int64_t count = (int64_t)heads * TOKENS * dim;
	float *values = mem_array((size_t)count, sizeof *values);
	FILE *file = create(name);
	char header[118];
	int used = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), }", heads, TOKENS, dim);
	memset(header + used, ' ', sizeof header - (size_t)used);
	header[sizeof header - 1] = '\n';
	bench_normal(values, count, seed);
	fwrite("\x93NUMPY\1\0\x76\0", 1, 10, file);
	fwrite(header, 1, sizeof header, file);
	fwrite(values, sizeof *values, (size_t)count, file);
	fclose(file);
	free(values);
}

/* Three tokens in ten go on with the word before; every 64th is special. */
static void write_inputs(void)
{
	FILE *tokens = create("tokens.txt"), *spans = create("spans.txt");
	for (int i = 0; i < TOKENS; i++)
		fprintf(tokens, i % 64 == 0 ? "[SEP]\n" : i % 10 == 3 || i % 10 == 6 || i % 10 == 7 ? "##t%d\n" : "t%d\n", i);
	for (int i = 0; i < TOKENS; i += TOKENS / 8)
		fprintf(spans, "span%d %d %d\n", i, i, i + TOKENS / 8);
	fclose(tokens);
	fclose(spans);
	for (int dim = 16; dim <= 64; dim *= 4)
		for (int heads = 1; heads <= 8; heads *= 8)
			for (int role = 0; role < 3; role++) {
				char name[32];
				snprintf(name, sizeof name, "%c%d-%d.npy", "qkv"[role], heads, dim);
				write_array(name, heads, dim, (uint64_t)role + 1);
			}
}

/* Processor seconds of a command line, words parted by spaces, run in the folder. */
static double cost(const char *program, const char *line)
{
	char text[512], *words[WORDS_MAX] = { 0 }, *rest = text;
	int count = 1, status = 0;
	struct rusage usage;
	snprintf(text, sizeof text, "%s", line);
	words[0] = (char *)(uintptr_t)program;
	for (char *word; count < WORDS_MAX - 1 && (word = strsep(&rest, " "));)
		words[count++] = word;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		int nowhere = open("/dev/null", O_WRONLY);
		if (chdir(folder) != 0)
			_exit(126);
		dup2(nowhere, STDOUT_FILENO);
		execv(program, words);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0) {
		fprintf(stderr, "failed: attnviz %s\n", line);
		exit(1);
	}
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static const struct {
	const char *command, *option;
	double limit;
} rows[] = {
	{ "stats", "-t tokens.txt --hide special", 1.5 },
	{ "stats", "-t tokens.txt --hide 5", 1.5 },
	{ "stats", "-t tokens.txt --words", 1.5 },
	{ "stats", "--spans spans.txt --by-span", 1.5 },
	{ "stats -m distance", "-t tokens.txt --hide special", 1.5 },
	{ "stats -m distance", "-t tokens.txt --words", 1.5 },
	{ "stats -m participation", "-t tokens.txt --hide special", 1.5 },
	{ "stats -m participation", "--spans spans.txt --by-span", 1.5 },
	/* Pass 1 alone yields them, without words: those need a strip of weights that is merged, and for the entropy the logarithms of it. */
	{ "stats -m participation", "-t tokens.txt --words", 1.75 },
	{ "stats -m entropy", "-t tokens.txt --words", 2.1 },
	{ "heatmap -o x.png", "-t tokens.txt --hide special", 1.5 },
	{ "heatmap -o x.png", "-t tokens.txt --words", 1.5 },
	{ "heatmap -o x.png", "--spans spans.txt --by-span", 1.5 },
	{ "heatmap -o x.png", "--skip-first 1", 1.5 },
	{ "heatmap -o x.png -v v%d-%d.npy", "--value-norms", 1.5 },
	{ "heatmap -o x.png", "--reduce mean", 1.5 },
};

/* One row of the table, on inputs of one size. */
static bool measure(const char *program, size_t row, int heads, int dim, bool causal)
{
	char command[128], plain[256], with[512];
	double least[2] = { INFINITY, INFINITY };
	const char *values = strstr(rows[row].command, " -v ");
	snprintf(command, sizeof command, "%.*s", (int)(values ? values - rows[row].command : (long)strlen(rows[row].command)), rows[row].command);
	int used = snprintf(plain, sizeof plain, "%s -q q%d-%d.npy -k k%d-%d.npy -j 1%s", command, heads, dim, heads, dim, causal ? " --causal" : "");
	if (values)
		snprintf(plain + used, sizeof plain - (size_t)used, " -v v%d-%d.npy", heads, dim);
	snprintf(with, sizeof with, "%s %s", plain, rows[row].option);
	for (int round = 0; round < ROUNDS; round++) {
		least[0] = fmin(least[0], cost(program, plain));
		least[1] = fmin(least[1], cost(program, with));
	}
	double ratio = least[1] / least[0];
	bool good = ratio <= rows[row].limit;
	printf("%5.2f %s %7.1f ms %7.1f ms  attnviz %s\n", ratio, good ? "  " : "!!", 1e3 * least[0], 1e3 * least[1], with);
	return good;
}

int main(void)
{
	char program[PATH_MAX], *build = getenv("BUILD");
	bool good = true;
	if (!realpath(build ? build : "build/release", program) || !mkdtemp(folder)) {
		fprintf(stderr, "no build, or no folder\n");
		return 1;
	}
	snprintf(program + strlen(program), sizeof program - strlen(program), "/attnviz");
	write_inputs();
	printf("ratio      plain   with it\n");
	for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
		for (int kind = 0; kind < (bench_full() ? 8 : 4); kind++)
			good &= measure(program, row, kind & 1 ? 8 : 1, kind & 2 ? 64 : 16, bench_full() ? kind & 4 : (kind == 1 || kind == 2));
	char command[PATH_MAX + 16];
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command) != 0 || !good;
}
