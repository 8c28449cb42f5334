/* SPDX-License-Identifier: MIT */
/* The ring's schedule against its published numbers and against counting, and distributed runs, with threads as ranks, against one process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/driver.h"
#include "kernel/ring.h"
#include "kernel/shards.h"
#include "support/dot_source.h"
#include "support/near.h"
#include "support/suite.h"
#include "support/thread_peers.h"
#include "support/vectors.h"

static const char *const layout_name[] = { "contiguous", "striped", "zigzag" };

static struct ring_model model_of(struct ring_plan plan)
{
	struct ring_model model;
	struct err_info info = { 0 };
	ck_assert_int_eq(ring_model_init(&model, &plan, &info), ERR_OK);
	return model;
}

static void expect_integers(struct vectors *vectors, const char *layout, const char *what, const int64_t *got, int64_t count)
{
	char path[128];
	snprintf(path, sizeof path, "expected/%s/%s", layout, what);
	struct vector want = vectors_get(vectors, path);
	ck_assert_int_eq(want.count, count);
	for (int64_t i = 0; i < count; i++)
		ASSERT_SAME(got[i], want.data[i]);
}

static double expected(struct vectors *vectors, const char *layout, const char *what)
{
	char path[128];
	snprintf(path, sizeof path, "expected/%s/%s", layout, what);
	return vectors_real(vectors, path);
}

START_TEST(the_schedule_is_that_of_the_worked_example)
{
	struct vectors *vectors = vectors_open("27_ring");
	int64_t ranks = vectors_int(vectors, "params/P"), tokens = vectors_int(vectors, "params/n");
	const char *layout = layout_name[_i];
	struct ring_model model = model_of((struct ring_plan){ .ranks = ranks, .tokens = tokens, .layout = (enum ring_layout)_i, .causal = true });
	int64_t held[64], count = 0;
	for (int64_t rank = 0; rank < ranks; rank++)
		for (int64_t i = 0; i < ring_share((enum ring_layout)_i, ranks, tokens, rank); i++)
			held[count++] = ring_token((enum ring_layout)_i, ranks, tokens, rank, i);
	expect_integers(vectors, layout, "tokens_of_rank", held, count);
	expect_integers(vectors, layout, "unmasked_pairs[rank][step]", model.pairs, ranks * ranks);
	expect_integers(vectors, layout, "pairs_per_rank", model.rank_pairs, ranks);
	ck_assert_int_eq(model.critical, (int64_t)expected(vectors, layout, "critical_path_pairs"));
	ASSERT_NEAR(model.imbalance - expected(vectors, layout, "imbalance_max_over_mean_total"), 1e-15);
	ASSERT_NEAR(model.efficiency - expected(vectors, layout, "efficiency_mean_over_critical"), 1e-15);
	ring_model_release(&model);
	vectors_close(vectors);
}
END_TEST

/* Pairs of one rank and step by asking for the owner of each query and key. */
static int64_t counted_pairs(const struct ring_plan *plan, int64_t rank, int64_t step)
{
	enum ring_layout key_layout = plan->order == RING_ASCENDING ? RING_CONTIGUOUS : plan->layout;
	int64_t shard = ring_shard(plan->order, plan->ranks, rank, step), pairs = 0;
	for (int64_t query = 0; query < plan->tokens; query++)
		for (int64_t key = 0; key < plan->tokens && ring_owner(plan->layout, plan->ranks, plan->tokens, query) == rank; key++)
			pairs += (!plan->causal || key <= query) && ring_owner(key_layout, plan->ranks, plan->tokens, key) == shard;
	return pairs;
}

START_TEST(pairs_are_those_that_counting_finds)
{
	static const int64_t sizes[][2] = { { 1, 1 }, { 1, 7 }, { 2, 5 }, { 3, 2 }, { 3, 17 }, { 4, 8 }, { 4, 31 }, { 5, 23 }, { 7, 3 } };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int layout = 0; layout < 3; layout++) {
			struct ring_plan plan = { .ranks = sizes[i][0], .tokens = sizes[i][1], .layout = (enum ring_layout)layout,
						  .order = _i & 1 ? RING_ASCENDING : RING_ROTATING, .causal = _i & 2, .token_bytes = 10 };
			struct ring_model model = model_of(plan);
			int64_t sent = 0;
			for (int64_t rank = 0; rank < plan.ranks; rank++) {
				sent += model.sent_bytes[rank];
				for (int64_t step = 0; step < plan.ranks; step++)
					ck_assert_int_eq(model.pairs[rank * plan.ranks + step], counted_pairs(&plan, rank, step));
			}
			ck_assert_int_eq(sent, (plan.ranks - 1) * plan.tokens * plan.token_bytes);
			ring_model_release(&model);
		}
	}
}
END_TEST

START_TEST(every_token_has_one_owner_and_one_place)
{
	for (int64_t ranks = 1; ranks < 9; ranks++) {
		for (int64_t tokens = 1; tokens < 40; tokens++) {
			int64_t held = 0;
			for (int64_t rank = 0; rank < ranks; rank++) {
				int64_t share = ring_share((enum ring_layout)_i, ranks, tokens, rank);
				held += share;
				for (int64_t i = 0, last = -1; i < share; i++) {
					int64_t token = ring_token((enum ring_layout)_i, ranks, tokens, rank, i);
					ck_assert_int_gt(token, last);
					ck_assert_int_eq(ring_owner((enum ring_layout)_i, ranks, tokens, token), rank);
					last = token;
				}
			}
			ck_assert_int_eq(held, tokens);
		}
	}
}
END_TEST

START_TEST(a_million_tokens_are_counted_at_once)
{
	int64_t tokens = 1000003, ranks = 64, pairs = 0;
	struct ring_model model = model_of((struct ring_plan){ .ranks = ranks, .tokens = tokens, .layout = (enum ring_layout)_i, .causal = true });
	for (int64_t rank = 0; rank < ranks; rank++)
		pairs += model.rank_pairs[rank];
	ck_assert_int_eq(pairs, tokens * (tokens + 1) / 2);
	ring_model_release(&model);
	struct err_info info = { 0 };
	ck_assert_int_eq(ring_model_init(&model, &(struct ring_plan){ .ranks = 4, .tokens = INT64_C(1) << 40 }, &info), ERR_SHAPE);
	ck_assert_int_eq(ring_model_init(&model, &(struct ring_plan){ .ranks = 0, .tokens = 4 }, &info), ERR_USAGE);
}
END_TEST

/* A sink whose partial result is what it saw of its rows: weights, statistics and outputs. */
struct keep {
	struct sink sink;
	int64_t rows, width;
	float *weight, *output;  /* [index][rows][keys], [index][rows][width] */
	struct row_stats *stats; /* [index][rows] */
	int64_t merged, ended;
	bool in_order;
};

struct kept_row {
	struct row_stats stats;
	float number[]; /* weights, then outputs */
};

static size_t row_size(const struct keep *keep, const struct source *source)
{
	return (sizeof(struct kept_row) + (size_t)(source->keys + keep->width) * sizeof(float) + 63) / 64 * 64;
}

static struct kept_row *row_of(const struct keep *keep, const struct item *item, const void *partial, int64_t lane)
{
	return (struct kept_row *)((char *)(uintptr_t)partial + (size_t)lane * row_size(keep, item->source));
}

static size_t keep_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return ITEM_ROWS * row_size((const struct keep *)sink, source);
}

static size_t keep_merged_size(const struct sink *sink, const struct item *item)
{
	return (size_t)item->count * row_size((const struct keep *)sink, item->source);
}

static void keep_start(const struct sink *sink, const struct item *item, void *partial)
{
	memset(partial, 0, keep_merged_size(sink, item));
}

static void keep_scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	for (int lane = 0; lane < tile->rows->count; lane++)
		for (int64_t k = 0; k < tile->count; k++)
			row_of((const struct keep *)sink, item, partial, lane0 + lane)->number[tile->key + k] = tile->p[k * tile->lanes + lane];
}

static void keep_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t width, void *partial)
{
	for (int lane = 0; lane < rows->count; lane++) {
		struct kept_row *row = row_of((const struct keep *)sink, item, partial, lane0 + lane);
		row->stats = stats[lane];
		if (output)
			memcpy(row->number + item->source->keys, output + lane * width, (size_t)width * sizeof(float));
	}
}

static void keep_merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct keep *keep = (struct keep *)sink;
	int64_t keys = item->source->keys;
	keep->in_order &= item->index * keep->rows + item->position == keep->merged;
	keep->merged += item->count;
	for (int64_t i = 0; i < item->count; i++) {
		const struct kept_row *row = row_of(keep, item, partial, i);
		int64_t at = item->index * keep->rows + item->position + i;
		keep->stats[at] = row->stats;
		memcpy(keep->weight + at * keys, row->number, (size_t)keys * sizeof(float));
		memcpy(keep->output + at * keep->width, row->number + keys, (size_t)keep->width * sizeof(float));
	}
}

static enum err keep_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct keep *keep = (struct keep *)sink;
	(void)source, (void)map, (void)info;
	keep->in_order &= index == keep->ended && keep->merged == (index + 1) * keep->rows;
	keep->ended++;
	return ERR_OK;
}

static const struct sink_ops keep_ops = {
	.name = "keep", .needs = SINK_TILES | SINK_OUTPUT | SINK_LOGIT_MIN, .partial_size = keep_size, .merged_size = keep_merged_size, .start = keep_start,
	.scan = keep_scan, .rows = keep_rows, .merge = keep_merge, .map_end = keep_end,
};

static void keep_init(struct keep *keep, const struct source *source, int64_t rows)
{
	int64_t maps = source_maps(source);
	*keep = (struct keep){ .sink.ops = &keep_ops, .rows = rows, .width = source->values->size[AXIS_DIM], .in_order = true };
	keep->weight = mem_zero_array((size_t)(maps * rows * source->keys), sizeof(float));
	keep->output = mem_zero_array((size_t)(maps * rows * keep->width), sizeof(float));
	keep->stats = mem_zero_array((size_t)(maps * rows), sizeof *keep->stats);
}

static void keep_release(struct keep *keep)
{
	free(keep->weight);
	free(keep->output);
	free(keep->stats);
}

/* A case: heads over shared key heads, a mask, perhaps a choice of rows. */
struct kase {
	int64_t maps, key_heads, queries, keys, dim;
	bool (*sees)(const struct dot_source *, int64_t, int64_t, int64_t);
	bool in_parts;    /* the state of keys can be sent in parts: a ring */
	int64_t row_step; /* every so manieth row */
};

static const struct kase cases[] = {
	{ 1, 1, 530, 530, 24, NULL, true, 1 },          { 1, 1, 530, 530, 24, dot_causal, true, 1 },   { 3, 1, 133, 701, 17, dot_causal, true, 1 },
	{ 5, 5, 130, 130, 8, dot_random, true, 1 },     { 2, 2, 300, 40, 8, NULL, true, 1 },           { 1, 1, 700, 700, 8, dot_window, true, 3 },
	{ 3, 3, 400, 300, 8, dot_causal, false, 1 },    { 1, 1, 1, 1, 3, NULL, true, 1 },
};

struct setting {
	const struct kase *kase;
	float *query, *key, *value;
	struct tensor tensor;
	const struct tensor *slot;
	struct heads heads;
	struct dot_source dot;
	int64_t *row, rows;
};

static size_t key_bytes(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return (size_t)((const struct dot_source *)source)->dim * sizeof(float);
}

static void setting_init(struct setting *setting, const struct kase *kase)
{
	enum { WIDTH = 5 };
	*setting = (struct setting){ .kase = kase };
	setting->query = mem_array((size_t)(kase->maps * kase->queries * kase->dim), sizeof(float));
	setting->key = mem_array((size_t)(kase->key_heads * kase->keys * kase->dim), sizeof(float));
	setting->value = mem_array((size_t)(kase->key_heads * kase->keys * WIDTH), sizeof(float));
	random_fill(setting->query, kase->maps * kase->queries * kase->dim, 1, 1);
	random_fill(setting->key, kase->key_heads * kase->keys * kase->dim, 2, 2);
	random_fill(setting->value, kase->key_heads * kase->keys * WIDTH, 3, 1);
	setting->tensor = (struct tensor){ .name = "V", .file = "V", .dtype = DTYPE_F32, .rank = 3, .shape = { kase->key_heads, kase->keys, WIDTH },
					   .stride = { kase->keys * WIDTH, WIDTH, 1 }, .data = (const unsigned char *)setting->value, .scale = 1 };
	setting->slot = &setting->tensor;
	setting->heads = (struct heads){ .tensors = &setting->slot, .tensor_count = 1, .size = { 1, 1, kase->key_heads, kase->keys, WIDTH },
					 .stride = { 0, 0, kase->keys * WIDTH, WIDTH, 1 } };
	dot_source_init(&setting->dot, setting->query, setting->key, kase->maps, kase->key_heads, kase->queries, kase->keys, kase->dim);
	setting->dot.source.values = &setting->heads;
	setting->dot.sees = kase->sees;
	dot_source_refresh(&setting->dot);
	if (kase->in_parts)
		setting->dot.ops.prepared_key_bytes = key_bytes;
	setting->row = mem_array((size_t)kase->queries, sizeof *setting->row);
	for (int64_t row = 0; row < kase->queries; row += kase->row_step)
		setting->row[setting->rows++] = row;
}

static void setting_release(struct setting *setting)
{
	free(setting->query);
	free(setting->key);
	free(setting->value);
	free(setting->row);
}

static void run(const struct setting *setting, struct peers *peers, struct keep *keep)
{
	struct sink *sinks[] = { &keep->sink };
	struct driver_options options = { .threads = 2, .rows = setting->row, .row_count = setting->rows, .peers = peers };
	struct err_info info = { 0 };
	enum err err = driver_run(&setting->dot.source, sinks, 1, &options, &info);
	if (err)
		ck_abort_msg("rank %d: %s", peers ? peers->rank : 0, info.text);
}

/* A rank in a process of its own would have sinks of its own. */
struct rank {
	const struct setting *setting;
	struct keep keep;
	struct ring_trace trace;
};

static void run_rank(struct peers *peers, void *data)
{
	struct rank *rank = data;
	rank->trace.step = mem_zero_array(2 * (size_t)peers->size, sizeof *rank->trace.step);
	peers->trace = &rank->trace;
	run(rank->setting, peers, &rank->keep);
	free(rank->trace.step);
}

static void expect_same(const struct setting *setting, const struct keep *got, const struct keep *want)
{
	const struct source *source = &setting->dot.source;
	size_t rows = (size_t)(source_maps(source) * setting->rows);
	ck_assert(got->in_order);
	ck_assert_int_eq(got->merged, (int64_t)rows);
	ck_assert_int_eq(got->ended, source_maps(source));
	ck_assert_int_eq(memcmp(got->stats, want->stats, rows * sizeof *got->stats), 0);
	ck_assert_int_eq(memcmp(got->weight, want->weight, rows * (size_t)source->keys * sizeof(float)), 0);
	ck_assert_int_eq(memcmp(got->output, want->output, rows * (size_t)want->width * sizeof(float)), 0);
}

/* Messages of the ring: each chunk of each turn is sent by all ranks but the one to the left of its owner. */
static void expect_messages(const struct setting *setting, const struct rank *rank, int ranks, size_t chunk_bytes)
{
	const struct source *source = &setting->dot.source;
	int64_t sent = 0, maps = source_maps(source) % ranks;
	for (int i = 0; i < ranks; i++)
		sent += rank[i].trace.messages;
	if (setting->kase->sees || !setting->kase->in_parts)
		return;
	struct peers peers = { .size = ranks, .chunk_bytes = chunk_bytes };
	struct shards shards;
	struct err_info info = { 0 };
	ck_assert_int_eq(shards_init(&shards, &peers, source, kernels_select(NULL), true, &info), ERR_OK);
	ck_assert_int_eq(sent, 2 * maps * (ranks - 1) * shards.chunk_count);
	shards_release(&shards);
}

START_TEST(any_number_of_ranks_has_the_bits_of_one_process)
{
	struct setting setting;
	struct keep want;
	setting_init(&setting, &cases[_i]);
	keep_init(&want, &setting.dot.source, setting.rows);
	run(&setting, NULL, &want);
	for (int ranks = 1; ranks <= 4; ranks++) {
		for (int layout = 0; layout < 3; layout++) {
			size_t chunk_bytes = layout == 1 ? 1 : 20000;
			struct rank rank[4] = { { 0 } };
			for (int i = 0; i < ranks; i++) {
				rank[i].setting = &setting;
				keep_init(&rank[i].keep, &setting.dot.source, setting.rows);
			}
			thread_peers_run(ranks, (enum ring_layout)layout, chunk_bytes, run_rank, rank, sizeof *rank);
			expect_same(&setting, &rank[0].keep, &want);
			expect_messages(&setting, rank, ranks, chunk_bytes);
			for (int i = 0; i < ranks; i++) {
				ck_assert(i == 0 || rank[i].keep.merged == 0);
				keep_release(&rank[i].keep);
			}
		}
	}
	keep_release(&want);
	setting_release(&setting);
}
END_TEST

static void disagree(struct peers *peers, void *data)
{
	struct err_info *info = data;
	(void)peers_agree(peers, peers->rank == 2, "answers", info);
}

START_TEST(ranks_that_disagree_all_learn_of_it)
{
	struct err_info info[3] = { { 0 } };
	thread_peers_run(3, RING_CONTIGUOUS, 0, disagree, info, sizeof *info);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(info[i].code, ERR_USAGE);
		ck_assert_ptr_nonnull(strstr(info[i].text, "answers differ between the ranks"));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tcase = tcase_create("ring");
	tcase_add_loop_test(tcase, the_schedule_is_that_of_the_worked_example, 0, 3);
	tcase_add_loop_test(tcase, pairs_are_those_that_counting_finds, 0, 4);
	tcase_add_loop_test(tcase, every_token_has_one_owner_and_one_place, 0, 3);
	tcase_add_loop_test(tcase, a_million_tokens_are_counted_at_once, 0, 3);
	tcase_add_loop_test(tcase, any_number_of_ranks_has_the_bits_of_one_process, 0, (int)(sizeof cases / sizeof *cases));
	tcase_add_test(tcase, ranks_that_disagree_all_learn_of_it);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
