/* SPDX-License-Identifier: MIT */
/* Alignment scores and symmetrisation against published figures and other tools' output. */
#include "support/suite.h"

#include <math.h>
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
	return read_links(suite_external_path("alignment/awesome-align/%s.%s", pair, what), (struct links_format){ .base = base });
}

static struct links read_giza(const char *pair, const char *what)
{
	/* The reverse direction is written target-source. */
	struct links_format format = { .reversed = strcmp(what, ".reverse.") == 0 };
	return read_links(suite_external_path("alignment/lilt/giza/test.%s%stalp", pair, what), format);
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
	{ "roen", ".intersection.", SYMMETRISE_INTERSECTION }, { "roen", ".union.", SYMMETRISE_UNION },
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

/*
 * grow-diag as Koehn et al. (2005) write it down: a neighbour joins when its row *or* its column is free. Letters: I in both directions, f and b in one. From the
 * two I, grow-diag takes (1,1) and (2,2), which are diagonal neighbours, and (3,4), whose column is free; final adds (5,3), whose row is free, and (6,6);
 * final-and only (6,6).
 */
static const char drawing[7][8] = {
	"I......",
	".f.....",
	"..b....",
	"...If..",
	".......",
	"...f...",
	"......b",
};

static int64_t grown(enum symmetrisation how, unsigned char *linked)
{
	unsigned char forward[49], backward[49];
	int64_t count = 0;
	for (int i = 0; i < 49; i++) {
		char c = drawing[i / 7][i % 7];
		forward[i] = c == 'I' || c == 'f';
		backward[i] = c == 'I' || c == 'b';
	}
	alignment_symmetrise(how, forward, backward, 7, 7, linked);
	for (int i = 0; i < 49; i++)
		count += linked[i];
	return count;
}

START_TEST(grow_diag_takes_neighbours_with_a_free_row_or_column)
{
	unsigned char linked[49];
	ck_assert_int_eq(grown(SYMMETRISE_INTERSECTION, linked), 2);
	ck_assert_int_eq(grown(SYMMETRISE_GROW_DIAG, linked), 5);
	ck_assert(linked[1 * 7 + 1] && linked[2 * 7 + 2] && linked[3 * 7 + 4]);
	ck_assert_int_eq(grown(SYMMETRISE_GROW_DIAG_FINAL, linked), 7);
	ck_assert_int_eq(grown(SYMMETRISE_GROW_DIAG_FINAL_AND, linked), 6);
	ck_assert(linked[6 * 7 + 6] && !linked[5 * 7 + 3]);
	ck_assert_int_eq(grown(SYMMETRISE_UNION, linked), 7);
}
END_TEST

START_TEST(both_ways_keeps_links_that_each_side_would_choose)
{
	/* The second row likes the first column best, but that column prefers the first row. */
	double score[] = { 9, 0, -INFINITY, 5, 1, 0 }, scratch[10];
	unsigned char linked[6];
	alignment_both_ways(score, 2, 3, 0.05, scratch, linked);
	ck_assert(linked[0] && !linked[1] && !linked[2]);
	ck_assert(!linked[3] && !linked[4] && !linked[5]);
	alignment_both_ways(score, 2, 3, 0.001, scratch, linked);
	ck_assert(linked[0] && linked[3] && linked[4] && linked[5] && !linked[2]);
}
END_TEST

START_TEST(a_wrong_link_file_is_named_by_line_and_word)
{
	static const struct {
		const char *text;
		int base;
		const char *want;
	} bad[] = {
		{ "0-0 1-1\n2-\n", 0, "line 2: '2-'" },
		{ "1-1 0-2\n", 1, "line 1: '0-2' has an index 0" },
		{ "3:4", 0, "line 1: '3:4'" },
		{ "99999999999-1", 0, "line 1: '99999999999-1'" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct links links;
		struct err_info info = { 0 };
		ck_assert_int_ne(links_parse(&links, bad[i].text, strlen(bad[i].text), &(struct links_format){ .base = bad[i].base }, &info),
				 ERR_OK);
		ck_assert_msg(strncmp(info.text, bad[i].want, strlen(bad[i].want)) == 0, "%s", info.text);
	}
}
END_TEST

START_TEST(numbers_possible_links_weights_and_order_are_read)
{
	static const char text[] = "7\t2-1 0p3 1?1:0.25\r\n\n";
	struct links links;
	ck_assert_int_eq(links_parse(&links, text, sizeof text - 1, &(struct links_format){ 0 }, NULL), ERR_OK);
	ck_assert_uint_eq(links.count, 2);
	ck_assert_uint_eq(links.line[0].count, 3);
	ck_assert(link_set_find(&links.line[0], 2, 1)->sure);
	ck_assert(!link_set_find(&links.line[0], 0, 3)->sure);
	ck_assert(!link_set_find(&links.line[0], 1, 1)->sure);
	ck_assert_int_eq(link_set_jumps(&links.line[0]), 1);
	links_release(&links);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alignment");
	TCase *scores = tcase_create("published");
	int cases = (int)(sizeof awesome / sizeof *awesome + sizeof giza / sizeof *giza + sizeof symmetric / sizeof *symmetric);
	suite_add_tcase(suite, scores);
	if (suite_external()) {
		tcase_add_loop_test(scores, awesome_align_figures_come_out_to_the_printed_digit, 0, (int)(sizeof awesome / sizeof *awesome));
		tcase_add_loop_test(scores, giza_results_come_out_to_the_printed_digit, 0, (int)(sizeof giza / sizeof *giza));
		tcase_add_loop_test(scores, symmetrisation_agrees_with_the_files_of_another_tool, 0,
				    (int)(sizeof symmetric / sizeof *symmetric));
	} else {
		suite_skip(cases, "the published alignments are not here");
	}
	TCase *own = tcase_create("definitions");
	suite_add_tcase(suite, own);
	tcase_add_test(own, grow_diag_takes_neighbours_with_a_free_row_or_column);
	tcase_add_test(own, both_ways_keeps_links_that_each_side_would_choose);
	tcase_add_test(own, a_wrong_link_file_is_named_by_line_and_word);
	tcase_add_test(own, numbers_possible_links_weights_and_order_are_read);
	return suite_main(suite);
}
