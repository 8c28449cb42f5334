/* Alignment scores and symmetrisation against published figures and other tools' output. */
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/alignment.h"
#include "tensor/links.h"

static struct links read_links(const char *path, struct links_format format)
{
	struct links links;
	struct err_info info = { 0 };
	ck_assert_msg(links_read(&links, path, &format, &info) == ERR_OK, "%s: %s", path, info.text);
	return links;
}

static struct links read_awesome(const char *pair, const char *what, int base)
{
	return read_links(suite_shared_path("data/external/alignment/awesome-align/%s.%s", pair, what), (struct links_format){ .base = base });
}

static struct links read_giza(const char *pair, const char *what)
{
	/* The reverse direction is written target-source. */
	struct links_format format = { .reversed = strcmp(what, ".reverse.") == 0 };
	return read_links(suite_shared_path("data/external/alignment/lilt/giza/test.%s%stalp", pair, what), format);
}

static struct alignment_counts count(const struct links *links, const struct links *gold)
{
	struct alignment_counts counts = { 0 };
	ck_assert_uint_eq(links->count, gold->count);
	for (size_t i = 0; i < links->count; i++) {
		counts.links += (int64_t)links->line[i].count;
		counts.in_sure += link_set_common(&links->line[i], &gold->line[i], true);
		counts.in_possible += link_set_common(&links->line[i], &gold->line[i], false);
		for (size_t j = 0; j < gold->line[i].count; j++)
			counts.sure += gold->line[i].link[j].sure;
	}
	return counts;
}

static const struct {
	const char *pair;
	double precision, recall, error_rate, wrong_base;
	int64_t links;
} awesome[] = {
	{ "enfr", 96.3, 95.4, 4.07, 43.7, 6038 },
	{ "roen", 88.6, 71.7, 20.75, 59.5, 5014 },
	{ "jaen", 72.7, 55.0, 37.36, 82.8, 10256 },
	{ "zhen", 86.7, 86.7, 13.31, 69.3, 11385 },
};

START_TEST(awesome_align_figures_come_out_to_the_printed_digit)
{
	struct links links = read_awesome(awesome[_i].pair, "awesome-align.out", 0);
	struct links gold = read_awesome(awesome[_i].pair, "gold", 1);
	struct alignment_counts counts = count(&links, &gold);
	ck_assert_int_eq(counts.links, awesome[_i].links);
	ck_assert_double_eq_tol(100 * alignment_precision(&counts), awesome[_i].precision, 0.0501);
	ck_assert_double_eq_tol(100 * alignment_recall(&counts), awesome[_i].recall, 0.0501);
	ck_assert_double_eq_tol(100 * alignment_error_rate(&counts), awesome[_i].error_rate, 0.00501);
	links_release(&gold);

	gold = read_awesome(awesome[_i].pair, "gold", 0);
	counts = count(&links, &gold);
	ck_assert_double_eq_tol(100 * alignment_error_rate(&counts), awesome[_i].wrong_base, 0.0501);
	ck_assert_int_eq(gold.smallest, 1);
	ck_assert_int_eq(links.smallest, 0);
	links_release(&gold);
	links_release(&links);
}
END_TEST

static const struct {
	const char *pair, *what;
	double error_rate, precision, recall;
	int64_t links;
} giza[] = {
	{ "roen", ".", 28.7, 82.7, 62.6, 4692 },
	{ "roen", ".reverse.", 32.2, 79.5, 59.1, 4602 },
	{ "roen", ".grow-diagonal-final.", 26.4, 90.9, 61.8, 4213 },
	{ "enfr", ".", 8.0, 91.4, 92.9, 6069 },
	{ "enfr", ".reverse.", 9.8, 91.6, 88.3, 5672 },
	{ "enfr", ".grow-diagonal.", 5.9, 97.5, 89.7, 5072 },
	{ "enfr", ".intersection.", 7.6, 98.4, 85.6, 4637 },
	{ "enfr", ".union.", 9.9, 87.1, 95.5, 7104 },
};

START_TEST(giza_results_come_out_to_the_printed_digit)
{
	struct links links = read_giza(giza[_i].pair, giza[_i].what);
	struct links gold = read_awesome(giza[_i].pair, "gold", 1);
	struct alignment_counts counts = count(&links, &gold);
	ck_assert_int_eq(counts.links, giza[_i].links);
	ck_assert_double_eq_tol(100 * alignment_error_rate(&counts), giza[_i].error_rate, 0.0501);
	ck_assert_double_eq_tol(100 * alignment_precision(&counts), giza[_i].precision, 0.0501);
	ck_assert_double_eq_tol(100 * alignment_recall(&counts), giza[_i].recall, 0.0501);
	links_release(&gold);
	links_release(&links);
}
END_TEST

enum { WORDS = 128 };
typedef unsigned char grid[WORDS * WORDS];

static void fill(const struct link_set *set, unsigned char *cell)
{
	memset(cell, 0, sizeof(grid));
	for (size_t i = 0; i < set->count; i++) {
		ck_assert_int_lt(set->link[i].source, WORDS);
		ck_assert_int_lt(set->link[i].target, WORDS);
		cell[set->link[i].target * WORDS + set->link[i].source] = 1;
	}
}

static const struct {
	const char *pair, *what;
	enum symmetrisation how;
} symmetric[] = {
	{ "enfr", ".intersection.", SYMMETRISE_INTERSECTION }, { "enfr", ".union.", SYMMETRISE_UNION },
	{ "enfr", ".grow-diagonal.", SYMMETRISE_GROW_DIAG },   { "enfr", ".grow-diagonal-final.", SYMMETRISE_GROW_DIAG_FINAL },
	{ "roen", ".intersection.", SYMMETRISE_INTERSECTION }, { "roen", ".union.", SYMMETRISE_UNION },
	{ "roen", ".grow-diagonal.", SYMMETRISE_GROW_DIAG },   { "roen", ".grow-diagonal-final.", SYMMETRISE_GROW_DIAG_FINAL },
};

START_TEST(symmetrisation_agrees_with_the_files_of_another_tool)
{
	static grid forward, backward, ours, theirs;
	struct links f = read_giza(symmetric[_i].pair, "."), b = read_giza(symmetric[_i].pair, ".reverse.");
	struct links want = read_giza(symmetric[_i].pair, symmetric[_i].what);
	int64_t different = 0;
	for (size_t line = 0; line < want.count; line++) {
		fill(&f.line[line], forward);
		fill(&b.line[line], backward);
		fill(&want.line[line], theirs);
		alignment_symmetrise(symmetric[_i].how, forward, backward, WORDS, WORDS, ours);
		for (size_t i = 0; i < sizeof(grid); i++)
			different += ours[i] != theirs[i];
	}
	ck_assert_msg(different == 0, "%s%s: %lld links differ", symmetric[_i].pair, symmetric[_i].what, (long long)different);
	links_release(&want);
	links_release(&b);
	links_release(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alignment");
	TCase *scores = tcase_create("published");
	int cases = (int)(sizeof awesome / sizeof *awesome + sizeof giza / sizeof *giza + sizeof symmetric / sizeof *symmetric);
	suite_add_tcase(suite, scores);
	if (suite_shared()) {
		tcase_add_loop_test(scores, awesome_align_figures_come_out_to_the_printed_digit, 0, (int)(sizeof awesome / sizeof *awesome));
		tcase_add_loop_test(scores, giza_results_come_out_to_the_printed_digit, 0, (int)(sizeof giza / sizeof *giza));
		tcase_add_loop_test(scores, symmetrisation_agrees_with_the_files_of_another_tool, 0,
				    (int)(sizeof symmetric / sizeof *symmetric));
	} else {
		suite_skip(cases, "the shared data is not there");
	}
	return suite_main(suite);
}
