/* SPDX-License-Identifier: MIT */
/* Groups of tokens: what the filter makes of tiles, against the definition in double, for every table of kernels; and its promise of equal bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/driver.h"
#include "kernel/reference.h"
#include "mechanism/grouped.h"
#include "support/dot_source.h"
#include "support/keep.h"
#include "support/near.h"
#include "support/suite.h"

enum { MAPS = 4, KEY_HEADS = 2, QUERIES = 331, KEYS = 420, DIM = 16 };

/* How an axis is grouped. */
enum kind { ALL, FEW_HIDDEN, MANY_HIDDEN, FIRST_HIDDEN, WORDS, SPANS, ONE, WORDS_HIDDEN, KINDS };

static const struct { enum kind queries, keys; } pairs[] = {
	{ ALL, ALL }, { FEW_HIDDEN, FEW_HIDDEN }, { MANY_HIDDEN, MANY_HIDDEN }, { ALL, FIRST_HIDDEN }, { FIRST_HIDDEN, ALL }, { WORDS, WORDS }, { WORDS, ALL },
	{ ALL, WORDS }, { SPANS, SPANS }, { SPANS, ALL }, { ALL, SPANS }, { ONE, ONE }, { ONE, WORDS }, { WORDS_HIDDEN, WORDS_HIDDEN }, { SPANS, MANY_HIDDEN },
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static bool is_hidden(enum kind kind, int64_t token, uint64_t *state)
{
	switch (kind) {
	case FEW_HIDDEN: return token % 97 == 0;
	case MANY_HIDDEN: return random_next(state) % 2;
	case FIRST_HIDDEN: return token == 0;
	case WORDS_HIDDEN: return random_next(state) % 5 == 0;
	case SPANS: return token < 3 || (token > 200 && token < 240);
	default: return false;
	}
}

static bool begins(enum kind kind, int64_t token, uint64_t *state)
{
	switch (kind) {
	case WORDS: case WORDS_HIDDEN: return random_next(state) % 3 > 0;
	case SPANS: return token == 3 || token == 130 || token == 131 || token == 300;
	case ONE: return false;
	default: return true;
	}
}

static struct grouping group(enum kind kind, int64_t tokens)
{
	struct grouping grouping = { malloc((size_t)tokens * sizeof(int64_t)), tokens, 0 };
	uint64_t state = 7;
	bool open = false;
	ck_assert_ptr_nonnull(grouping.group);
	for (int64_t token = 0; token < tokens; token++) {
		open = open && !begins(kind, token, &state);
		bool hidden = is_hidden(kind, token, &state);
		if (!hidden && !open)
			grouping.count++;
		open = open || !hidden;
		grouping.group[token] = hidden ? -1 : grouping.count - 1;
	}
	return grouping;
}

/* The operands outlive the source, which owns what it wraps: here nothing. */
struct grouped_case {
	float *query, *key;
	struct dot_source dot;
	struct source *source;
};

static void group_source(struct source **source, int pair)
{
	struct grouping queries = group(pairs[pair].queries, (*source)->queries), keys = group(pairs[pair].keys, (*source)->keys);
	ck_assert_int_eq(grouped_source_new(*source, &queries, &keys, "groups", source, NULL), ERR_OK);
}

static void operands_init(struct grouped_case *c, bool (*sees)(const struct dot_source *, int64_t, int64_t, int64_t), double deviation)
{
	c->query = malloc(MAPS * QUERIES * DIM * sizeof(float));
	c->key = malloc(KEY_HEADS * KEYS * DIM * sizeof(float));
	ck_assert(c->query && c->key);
	random_fill(c->query, MAPS * QUERIES * DIM, 1, deviation);
	random_fill(c->key, KEY_HEADS * KEYS * DIM, 2, 1);
	dot_source_init(&c->dot, c->query, c->key, MAPS, KEY_HEADS, QUERIES, KEYS, DIM);
	c->dot.sees = sees;
	c->dot.seed = 3;
	dot_source_refresh(&c->dot);
	c->source = &c->dot.source;
}

static void case_init(struct grouped_case *c, int pair, bool (*sees)(const struct dot_source *, int64_t, int64_t, int64_t), double deviation)
{
	operands_init(c, sees, deviation);
	group_source(&c->source, pair);
}

static void case_release(struct grouped_case *c)
{
	source_free(c->source);
	free(c->query);
	free(c->key);
}

static void check_row(const struct keep *keep, const struct source *source, int64_t map, int64_t row, double tolerance)
{
	double *weight = malloc((size_t)source->keys * sizeof *weight);
	int64_t at = map * source->queries + row, visible = 0;
	const struct row_stats *fast = &keep->stats[at];
	struct row_stats slow;
	ck_assert_int_eq(reference_row(source, map, row, weight, &slow, NULL, NULL), ERR_OK);
	for (int64_t key = 0; key < source->keys; key++) {
		double p = (double)keep->weight[at * source->keys + key];
		ASSERT_NEAR(p - weight[key], tolerance);
		bool seen = !source->ops->visible || source->ops->visible(source, map, row, key);
		visible += seen;
		if (!seen)
			ASSERT_SAME(p, 0);
	}
	ck_assert_int_eq(fast->support, visible);
	ASSERT_NEAR(fast->sum - slow.sum, tolerance);
	ASSERT_NEAR(fast->peak - slow.peak, tolerance);
	ASSERT_NEAR(fast->max - slow.max, tolerance);
	ASSERT_NEAR(fast->sum_square - slow.sum_square, 2 * tolerance * fmax(1, slow.sum_square));
	if (source->is_signed)
		ck_assert(isnan(fast->entropy) && isnan(slow.entropy));
	else
		ASSERT_NEAR(fast->entropy - slow.entropy, 5 * tolerance);
	if (slow.sum > 1e-3)
		ASSERT_NEAR(fast->lse - slow.lse, tolerance / slow.sum);
	ck_assert(isnan(fast->min));
	free(weight);
}

static void check_source(const struct source *source, const struct kernels *kernels, unsigned needs, double tolerance)
{
	struct keep keep;
	keep_init(&keep, source, source_maps(source), source->queries, needs);
	struct driver_options options = { .threads = 2, .kernels = kernels };
	struct err_info info = { 0 };
	ck_assert_msg(driver_run(source, (struct sink *[]){ &keep.sink }, 1, &options, &info) == ERR_OK, "%s", info.text);
	for (int64_t map = 0; map < source_maps(source); map += 3)
		for (int64_t row = 0; row < source->queries; row += source->queries > 40 ? 7 : 1)
			check_row(&keep, source, map, row, tolerance);
	keep_release(&keep);
}

static const struct kernels *tables[KERNELS_MAX];
static int table_count;

START_TEST(groups_agree_with_the_definition)
{
	bool (*const masks[])(const struct dot_source *, int64_t, int64_t, int64_t) = { NULL, dot_causal, dot_random };
	struct grouped_case c;
	for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
		case_init(&c, _i % PAIRS, masks[m], 1);
		check_source(c.source, tables[_i / PAIRS], SINK_TILES, 1e-6);
		case_release(&c);
	}
}
END_TEST

/* The statistics alone: the same without tiles. */
START_TEST(statistics_need_no_tiles)
{
	struct grouped_case c;
	for (int pair = 0; pair < PAIRS; pair++) {
		struct keep with, without;
		case_init(&c, pair, dot_causal, 1);
		keep_init(&with, c.source, MAPS, c.source->queries, SINK_TILES);
		keep_init(&without, c.source, MAPS, c.source->queries, 0);
		struct driver_options options = { .threads = 2 };
		ck_assert_int_eq(driver_run(c.source, (struct sink *[]){ &with.sink }, 1, &options, NULL), ERR_OK);
		ck_assert_int_eq(driver_run(c.source, (struct sink *[]){ &without.sink }, 1, &options, NULL), ERR_OK);
		for (int64_t i = 0; i < MAPS * c.source->queries; i++) {
			ASSERT_SAME(with.stats[i].entropy, without.stats[i].entropy);
			ASSERT_SAME(with.stats[i].sum, without.stats[i].sum);
			ASSERT_SAME(with.stats[i].peak, without.stats[i].peak);
		}
		keep_release(&with);
		keep_release(&without);
		case_release(&c);
	}
}
END_TEST

/* A base that moves again and again: logits of a row climb with the key. */
START_TEST(logits_that_climb_agree_with_the_definition)
{
	struct grouped_case c;
	case_init(&c, _i % PAIRS, NULL, 1);
	for (int64_t i = 0; i < KEY_HEADS * KEYS; i++)
		c.key[i * DIM] = (float)(i % KEYS);
	for (int64_t i = 0; i < MAPS * QUERIES; i++)
		c.query[i * DIM] = i % 3 == 0 ? 1 : i % 3 == 1 ? -1 : 0.01f;
	check_source(c.source, tables[_i / PAIRS], SINK_TILES, 1e-5);
	case_release(&c);
}
END_TEST

/* Rows in double, a sink logit, and weights that are no softmax. */
START_TEST(other_sources_agree_with_the_definition)
{
	const double sink[MAPS] = { 1, -3, 2, 0 };
	struct grouped_case c;
	for (int kind = 0; kind < 4; kind++) {
		operands_init(&c, dot_causal, 0.3);
		c.dot.use_score64 = kind == 0;
		c.dot.source.sink_logit = kind == 1 ? sink : NULL;
		c.dot.source.norm = kind < 2 ? NORM_SOFTMAX : kind == 2 ? NORM_ROW_SUM : NORM_NONE;
		c.dot.source.is_signed = kind >= 2;
		c.dot.source.row_epsilon = 1e3;
		dot_source_refresh(&c.dot);
		group_source(&c.source, _i % PAIRS);
		check_source(c.source, tables[_i / PAIRS], SINK_TILES, kind < 3 ? 1e-6 : 2e-5);
		case_release(&c);
	}
}
END_TEST

/* Groups of groups: words without some of them, then spans. */
START_TEST(filters_chain)
{
	static const int first[] = { 5, 1, 13, 8, 0 }, then[] = { 1, 5, 8, 2, 13 };
	struct grouped_case c;
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		case_init(&c, first[i], dot_causal, 1);
		if (pairs[first[i]].queries != SPANS)
			group_source(&c.source, then[i]);
		check_source(c.source, tables[_i], SINK_TILES, 1e-6);
		case_release(&c);
	}
}
END_TEST

START_TEST(bits_are_the_same_for_any_threads)
{
	static const struct driver_options settings[] = {
		{ .threads = 2 }, { .threads = 5 }, { .threads = 3, .row_tile = 96, .key_tile = 384, .prepared_limit = 1 }, { .threads = 8, .key_tile = 128 },
	};
	struct grouped_case c;
	struct keep first, other;
	case_init(&c, _i, dot_causal, 1);
	keep_init(&first, c.source, MAPS, c.source->queries, SINK_TILES);
	struct driver_options alone = { .threads = 1 };
	ck_assert_int_eq(driver_run(c.source, (struct sink *[]){ &first.sink }, 1, &alone, NULL), ERR_OK);
	for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
		size_t rows = (size_t)(MAPS * c.source->queries);
		keep_init(&other, c.source, MAPS, c.source->queries, SINK_TILES);
		ck_assert_int_eq(driver_run(c.source, (struct sink *[]){ &other.sink }, 1, &settings[s], NULL), ERR_OK);
		ck_assert_mem_eq(other.weight, first.weight, rows * (size_t)c.source->keys * sizeof *first.weight);
		ck_assert_mem_eq(other.stats, first.stats, rows * sizeof *first.stats);
		keep_release(&other);
	}
	keep_release(&first);
	case_release(&c);
}
END_TEST

/* A sample of rows is what the same rows are among all. */
START_TEST(some_rows_are_those_of_all)
{
	static const int64_t rows[] = { 0, 1, 5, 40, 41, 42, 100 };
	struct grouped_case c;
	struct keep all, some;
	case_init(&c, 13, dot_random, 1);
	keep_init(&all, c.source, MAPS, c.source->queries, SINK_TILES);
	keep_init(&some, c.source, MAPS, 7, SINK_TILES);
	struct driver_options options = { .threads = 2, .rows = rows, .row_count = 7 };
	ck_assert_int_eq(driver_run(c.source, (struct sink *[]){ &all.sink }, 1, NULL, NULL), ERR_OK);
	ck_assert_int_eq(driver_run(c.source, (struct sink *[]){ &some.sink }, 1, &options, NULL), ERR_OK);
	for (int64_t map = 0; map < MAPS; map++)
		for (int i = 0; i < 7; i++)
			for (int64_t key = 0; key < c.source->keys; key++)
				ASSERT_NEAR((double)(some.weight[(map * 7 + i) * c.source->keys + key] -
						     all.weight[(map * c.source->queries + rows[i]) * c.source->keys + key]), 1e-7);
	keep_release(&all);
	keep_release(&some);
	case_release(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tcase = tcase_create("groups");
	table_count = kernels_available(tables);
	tcase_add_loop_test(tcase, groups_agree_with_the_definition, 0, table_count * PAIRS);
	tcase_add_loop_test(tcase, logits_that_climb_agree_with_the_definition, 0, table_count * PAIRS);
	tcase_add_loop_test(tcase, other_sources_agree_with_the_definition, 0, table_count * PAIRS);
	tcase_add_loop_test(tcase, filters_chain, 0, table_count);
	tcase_add_test(tcase, statistics_need_no_tiles);
	tcase_add_loop_test(tcase, bits_are_the_same_for_any_threads, 0, PAIRS);
	tcase_add_test(tcase, some_rows_are_those_of_all);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
