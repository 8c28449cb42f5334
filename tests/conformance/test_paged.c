/* SPDX-License-Identifier: MIT */
/* KV caches: vector 20 in every layout, with NaN in every slot that nobody refers to; sequences of different lengths; what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/reference.h"
#include "mechanism/kv_layout.h"
#include "mechanism/paged.h"
#include "support/attend.h"
#include "support/near.h"
#include "support/suite.h"

enum { BLOCKS = 5, SLOTS = 4, DIM = 4, RUN = 2, TOKENS = 10, CACHE = 2 * BLOCKS * SLOTS * DIM };

static const int64_t table[3] = { 3, 0, 2 };

/* The vector's one key head in a layout, by the published index formulas: element of (block, slot, dim) in an array of `shape`. */
struct form {
	const char *word;
	int key_rank, value_rank;
	int64_t key_shape[5], value_shape[5];
};

static const struct form forms[] = {
	{ "legacy", 5, 4, { BLOCKS, 1, DIM / RUN, SLOTS, RUN }, { BLOCKS, 1, DIM, SLOTS } },
	{ "nhd", 4, 4, { BLOCKS, SLOTS, 1, DIM }, { BLOCKS, SLOTS, 1, DIM } },
	{ "hnd", 4, 4, { BLOCKS, 1, SLOTS, DIM }, { BLOCKS, 1, SLOTS, DIM } },
	{ "2nbhd", 5, 0, { 2, BLOCKS, SLOTS, 1, DIM }, { 0 } },
	{ "2nhbd", 5, 0, { 2, BLOCKS, 1, SLOTS, DIM }, { 0 } },
	{ "n2bhd", 5, 0, { BLOCKS, 2, SLOTS, 1, DIM }, { 0 } },
	{ "packed", 4, 0, { BLOCKS, 1, SLOTS, 2 * DIM }, { 0 } },
};
enum { FORMS = sizeof forms / sizeof *forms };

static int64_t place(const char *word, bool value, int64_t block, int64_t slot, int64_t dim)
{
	int64_t plain = (block * SLOTS + slot) * DIM + dim;
	if (strcmp(word, "legacy") == 0)
		return value ? (block * DIM + dim) * SLOTS + slot : ((block * (DIM / RUN) + dim / RUN) * SLOTS + slot) * RUN + dim % RUN;
	if (word[0] == '2')
		return plain + (value ? BLOCKS * SLOTS * DIM : 0);
	if (strcmp(word, "n2bhd") == 0)
		return ((block * 2 + value) * SLOTS + slot) * DIM + dim;
	return strcmp(word, "packed") == 0 ? (block * SLOTS + slot) * 2 * DIM + (value ? DIM : 0) + dim : plain;
}

static struct vector array_of(double *data, int rank, const int64_t *shape)
{
	struct vector vector = { .rank = rank, .count = 1, .data = data };
	for (int axis = 0; axis < rank; axis++)
		vector.count *= vector.shape[axis] = shape[axis];
	return vector;
}

static void integers(struct attend *attend, const char *role, int64_t *list, int rank, const int64_t *shape)
{
	size_t at = attend->args.binding_count;
	attend_input(attend, role, array_of((double *)(void *)list, rank, shape));
	attend->view[at].tensor.dtype = DTYPE_I64;
}

/* Everything but the tokens of the vector is NaN. */
static void fill_cache(const char *word, const struct vector *k, const struct vector *v, double *key, double *value)
{
	for (int i = 0; i < CACHE; i++)
		key[i] = value[i] = NAN;
	bool fused = word[0] == '2' || strcmp(word, "n2bhd") == 0 || strcmp(word, "packed") == 0;
	for (int64_t t = 0; t < TOKENS; t++)
		for (int64_t d = 0; d < DIM; d++) {
			key[place(word, false, table[t / SLOTS], t % SLOTS, d)] = k->data[t * DIM + d];
			(fused ? key : value)[place(word, true, table[t / SLOTS], t % SLOTS, d)] = v->data[t * DIM + d];
		}
}

struct cache {
	double key[CACHE], value[CACHE];
	int64_t table[6], length[2], start[3], slot[TOKENS];
	char parameter[32];
};

static void bind(struct attend *attend, struct cache *cache, const struct form *form, struct vector q)
{
	attend_init(attend);
	attend_input(attend, "query", q);
	attend_input(attend, form->value_rank ? "key_cache" : "kv_cache", array_of(cache->key, form->key_rank, form->key_shape));
	if (form->value_rank)
		attend_input(attend, "value_cache", array_of(cache->value, form->value_rank, form->value_shape));
	snprintf(cache->parameter, sizeof cache->parameter, "kv-layout=%s", form->word);
	attend_parameter(attend, cache->parameter);
}

static void bind_table(struct attend *attend, struct cache *cache, int64_t sequences, int64_t width)
{
	integers(attend, "block_table", cache->table, 2, (const int64_t[]){ sequences, width });
	integers(attend, "seq_lens", cache->length, 1, &sequences);
}

START_TEST(every_layout_reads_what_is_referred_to_and_nothing_else)
{
	struct vectors *vectors = vectors_open("20_paged_kv");
	struct vector q = vectors_get(vectors, "inputs/Q"), k = vectors_get(vectors, "inputs/K"), v = vectors_get(vectors, "inputs/V");
	struct vector w = vectors_get(vectors, "expected/W_causal_per_head"), o = vectors_get(vectors, "expected/O"), slots = vectors_get(vectors, "expected/slot_mapping");
	for (int form = 0; form < FORMS; form++) {
		struct cache cache = { .table = { 3, 0, 2 }, .length = { TOKENS } };
		struct attend attend;
		fill_cache(forms[form].word, &k, &v, cache.key, cache.value);
		bind(&attend, &cache, &forms[form], q);
		bind_table(&attend, &cache, 1, 3);
		for (int t = 0; t < TOKENS; t++)
			cache.slot[t] = (int64_t)slots.data[t];
		integers(&attend, "slot_mapping", cache.slot, 1, (const int64_t[]){ TOKENS });
		attend_open(&attend, "paged");
		for (int head = 0; head < 2; head++) {
			double output[TOKENS * DIM];
			for (int t = 0; t < TOKENS; t++)
				memcpy(output + t * DIM, o.data + (t * 2 + head) * DIM, DIM * sizeof *output);
			attend_expect(&attend, head, w.data + head * TOKENS * TOKENS, 1e-12);
			attend_expect_output(&attend, head, output, 1e-12);
		}
		attend_release(&attend);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(elements_lie_where_the_layouts_say)
{
	static const struct { int form; bool value; int64_t element; } places[] = { { 1, false, 11 }, { 0, false, 13 }, { 0, true, 14 }, { 6, false, 19 }, { 6, true, 23 } };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const struct form *form = &forms[places[i].form];
		struct tensor tensor = { .name = "cache", .dtype = DTYPE_F64, .scale = 1 };
		struct kv_view view;
		struct err_info info = { 0 };
		int layout = 0;
		bool value = places[i].value && form->value_rank;
		tensor.rank = value ? form->value_rank : form->key_rank;
		int64_t stride = 1;
		for (int axis = tensor.rank - 1; axis >= 0; axis--) {
			tensor.shape[axis] = value ? form->value_shape[axis] : form->key_shape[axis];
			tensor.stride[axis] = stride;
			stride *= tensor.shape[axis];
		}
		while (strcmp(word_text(kv_layout_words, layout), form->word) != 0)
			layout++;
		ck_assert_int_eq(kv_view_init(&view, &tensor, layout, places[i].value, DIM, &info), ERR_OK);
		/* Token 6 is in entry 1 of the table: block 0, slot 2. */
		ck_assert_int_eq(kv_view_element(&view, 0, 2, 0, 3), places[i].element);
	}
}
END_TEST

START_TEST(decoding_step_by_step_gives_the_rows_of_the_causal_map)
{
	struct vectors *vectors = vectors_open("20_paged_kv");
	struct vector q = vectors_get(vectors, "inputs/Q"), k = vectors_get(vectors, "inputs/K"), v = vectors_get(vectors, "inputs/V");
	struct vector w = vectors_get(vectors, "expected/W_causal_per_head");
	for (int step = 0; step < TOKENS; step++) {
		struct cache cache = { .table = { 3, 0, 2 }, .length = { step + 1 } };
		struct attend attend;
		struct vector one = array_of(q.data + step * 2 * DIM, 3, (const int64_t[]){ 1, 2, DIM });
		fill_cache("nhd", &k, &v, cache.key, cache.value);
		bind(&attend, &cache, &forms[1], one);
		bind_table(&attend, &cache, 1, 3);
		attend_open(&attend, "paged");
		ck_assert_int_eq(attend.source->keys, step + 1);
		for (int head = 0; head < 2; head++)
			attend_expect(&attend, head, w.data + (head * TOKENS + step) * TOKENS, 1e-12);
		attend_release(&attend);
	}
	vectors_close(vectors);
}
END_TEST

/* A long sequence with three queries and a short one with one, which share their first block. */
START_TEST(sequences_of_different_lengths_are_batch_items)
{
	struct vectors *vectors = vectors_open("20_paged_kv");
	struct vector q = vectors_get(vectors, "inputs/Q"), k = vectors_get(vectors, "inputs/K"), v = vectors_get(vectors, "inputs/V");
	struct vector w = vectors_get(vectors, "expected/W_causal_per_head");
	struct cache cache = { .table = { 3, 0, 2, 3, -1, -1 }, .length = { TOKENS, 4 }, .start = { 0, 3, 4 } };
	double packed[4 * 2 * DIM], expected[3 * TOKENS];
	struct attend attend;
	memcpy(packed, q.data + 7 * 2 * DIM, 3 * 2 * DIM * sizeof *packed);
	memcpy(packed + 3 * 2 * DIM, q.data + 3 * 2 * DIM, 2 * DIM * sizeof *packed);
	fill_cache("hnd", &k, &v, cache.key, cache.value);
	bind(&attend, &cache, &forms[2], array_of(packed, 3, (const int64_t[]){ 4, 2, DIM }));
	bind_table(&attend, &cache, 2, 3);
	integers(&attend, "query_start_loc", cache.start, 1, (const int64_t[]){ 3 });
	attend_open(&attend, "paged");
	ck_assert_int_eq(attend.source->batches, 2);
	for (int head = 0; head < 2; head++) {
		attend_expect(&attend, head, w.data + (head * TOKENS + 7) * TOKENS, 1e-12);
		memset(expected, 0, sizeof expected);
		memcpy(expected + 2 * TOKENS, w.data + (head * TOKENS + 3) * TOKENS, 4 * sizeof *expected);
		attend_expect(&attend, 2 + head, expected, 1e-12);
	}
	const struct paged_map *map = paged_map_of(attend.source);
	ck_assert_msg(map && map->sequences == 2 && map->block_size == SLOTS && map->blocks == BLOCKS, "the block map is kept");
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

/* Over-allocated caches of two sequences, (B, Hk, S, d), and llama.cpp's with values the other way round. */
START_TEST(contiguous_caches_end_at_their_length)
{
	enum { ROOM = 7, HEADS = 2 };
	struct attend plain, cached;
	int64_t length[2] = { 5, 3 };
	attend_init(&plain);
	struct vector q = attend_formula(&plain, "query", 1, 1, 4, (const int64_t[]){ 2, HEADS, 1, DIM });
	struct vector k = attend_formula(&plain, "key", 2, 1, 4, (const int64_t[]){ 2, HEADS, ROOM, DIM });
	struct vector v = attend_formula(&plain, "value", 3, 1, 4, (const int64_t[]){ 2, HEADS, ROOM, DIM });
	plain.args.key_length = length;
	plain.args.key_length_count = 2;
	attend_open(&plain, "softmax");
	for (int64_t i = 0; i < 2 * HEADS * ROOM; i++)
		if (i % ROOM >= length[i / ROOM / HEADS])
			for (int d = 0; d < DIM; d++)
				k.data[i * DIM + d] = v.data[i * DIM + d] = NAN;
	attend_init(&cached);
	attend_input(&cached, "query", q);
	attend_input(&cached, "key_cache", k);
	attend_input(&cached, "value_cache", v);
	integers(&cached, "seq_lens", length, 1, (const int64_t[]){ 2 });
	attend_parameter(&cached, "kv-layout=hnd");
	attend_open(&cached, "paged");
	ck_assert_int_eq(cached.source->keys, 5);
	for (int map = 0; map < 4; map++) {
		double row[ROOM], expected[ROOM];
		struct err_info info = { 0 };
		ck_assert_int_eq(reference_row(cached.source, map, 0, row, NULL, NULL, &info), ERR_OK);
		for (int64_t i = 0; i < 2 * HEADS * ROOM; i++)
			for (int d = 0; d < DIM; d++)
				if (isnan(k.data[i * DIM + d]))
					k.data[i * DIM + d] = 0;
		ck_assert_int_eq(reference_row(plain.source, map, 0, expected, NULL, NULL, &info), ERR_OK);
		for (int key = 0; key < 5; key++)
			ASSERT_NEAR(row[key] - expected[key], 1e-14);
	}
	attend_release(&cached);
	attend_release(&plain);
}
END_TEST

/* One sequence of two key heads; values the other way round without flash attention. */
START_TEST(llama_caches_hold_heads_side_by_side)
{
	enum { ROOM = 9, LENGTH = 6, HEADS = 2, WIDE = HEADS * DIM };
	double key[ROOM * WIDE], value[ROOM * WIDE], turned[ROOM * WIDE];
	int64_t length[1] = { LENGTH };
	struct attend plain, cached;
	attend_init(&plain);
	struct vector q = attend_formula(&plain, "query", 1, 1, 3, (const int64_t[]){ 2 * HEADS, 2, DIM });
	struct vector k = attend_formula(&plain, "key", 2, 1, 3, (const int64_t[]){ HEADS, LENGTH, DIM });
	struct vector v = attend_formula(&plain, "value", 3, 1, 3, (const int64_t[]){ HEADS, LENGTH, DIM });
	plain.args.causal = CAUSAL_BOTTOM_RIGHT;
	attend_open(&plain, "softmax");
	for (int i = 0; i < ROOM * WIDE; i++)
		key[i] = value[i] = turned[i] = NAN;
	for (int h = 0; h < HEADS; h++)
		for (int t = 0; t < LENGTH; t++)
			for (int d = 0; d < DIM; d++) {
				key[t * WIDE + h * DIM + d] = k.data[(h * LENGTH + t) * DIM + d];
				value[t * WIDE + h * DIM + d] = turned[(h * DIM + d) * ROOM + t] = v.data[(h * LENGTH + t) * DIM + d];
			}
	for (int form = 0; form < 2; form++) {
		attend_init(&cached);
		attend_input(&cached, "query", q);
		attend_input(&cached, "key_cache", array_of(key, 2, (const int64_t[]){ ROOM, WIDE }));
		attend_input(&cached, "value_cache", form ? array_of(turned, 2, (const int64_t[]){ WIDE, ROOM }) : array_of(value, 2, (const int64_t[]){ ROOM, WIDE }));
		integers(&cached, "seq_lens", length, 1, (const int64_t[]){ 1 });
		attend_parameter(&cached, form ? "kv-layout=llama-vt" : "kv-layout=llama");
		attend_open(&cached, "paged");
		for (int map = 0; map < 2 * HEADS; map++) {
			double *weight = attend_matrix(&plain, map), row[LENGTH], output[2 * DIM];
			struct err_info info = { 0 };
			for (int i = 0; i < 2; i++)
				ck_assert_int_eq(reference_row(plain.source, map, i, row, NULL, output + i * DIM, &info), ERR_OK);
			attend_expect(&cached, map, weight, 1e-14);
			attend_expect_output(&cached, map, output, 1e-14);
			free(weight);
		}
		attend_release(&cached);
	}
	attend_release(&plain);
}
END_TEST

/* Bytes of float8: 0x38 is 1 and 0x40 is 2 in e4m3 (4 exponent bits), 0x3c and 0x40 in e5m2; the scale multiplies. */
START_TEST(float8_caches_are_bytes_with_a_scale)
{
	static const struct { const char *parameter; unsigned char one, two; } kinds[] = { { "fp8=e4m3", 0x38, 0x40 }, { "fp8=e5m2", 0x3c, 0x40 } };
	double q[1] = { 1 }, scale[1] = { 0.5 };
	for (int kind = 0; kind < 2; kind++) {
		unsigned char bytes[2] = { kinds[kind].one, kinds[kind].two };
		struct attend attend;
		attend_init(&attend);
		attend_input(&attend, "query", array_of(q, 2, (const int64_t[]){ 1, 1 }));
		attend_input(&attend, "key_cache", array_of((double *)(void *)bytes, 4, (const int64_t[]){ 1, 2, 1, 1 }));
		attend.view[1].tensor.dtype = DTYPE_U8;
		attend_input(&attend, "k_scale", array_of(scale, 1, (const int64_t[]){ 1 }));
		attend_parameter(&attend, "kv-layout=nhd");
		attend_refused(&attend, "paged", ERR_USAGE, "fp8=e4m3 e5m2");
		attend_parameter(&attend, kinds[kind].parameter);
		attend_open(&attend, "paged");
		const double odds = exp(0.5), weight[2] = { 1 / (1 + odds), odds / (1 + odds) };
		attend_expect(&attend, 0, weight, 1e-15);
		attend_release(&attend);
	}
}
END_TEST

START_TEST(what_the_shape_does_not_tell_is_asked_for)
{
	struct cache cache = { .table = { 3, 0, 9 }, .length = { TOKENS } };
	struct attend attend;
	double q[TOKENS * 2 * DIM] = { 0 };
	struct vector query = array_of(q, 3, (const int64_t[]){ TOKENS, 2, DIM });
	bind(&attend, &cache, &forms[1], query);
	bind_table(&attend, &cache, 1, 3);
	attend_refused(&attend, "paged", ERR_VALUE, "block_table block 9 entry 2");
	cache.length[0] = 13;
	attend_refused(&attend, "paged", ERR_VALUE, "13 tokens room 12");
	cache.length[0] = 4;
	attend_refused(&attend, "paged", ERR_VALUE, "10 queries only 4");
	attend.args.parameter_count = 0;
	attend_refused(&attend, "paged", ERR_USAGE, "kv-layout legacy nhd hnd 2nbhd n2bhd packed");
	attend_parameter(&attend, "kv-layout=legacy");
	attend_refused(&attend, "paged", ERR_SHAPE, "legacy nhDbx");
	attend.view[0].tensor.shape[2] = 0;
	attend_refused(&attend, "paged", ERR_SHAPE, "query (10, 2, 0) length 0");
	attend_release(&attend);
}
END_TEST

START_TEST(a_slot_mapping_that_contradicts_the_table_is_refused)
{
	struct cache cache = { .table = { 3, 0, 2 }, .length = { TOKENS } };
	struct attend attend;
	double q[TOKENS * 2 * DIM] = { 0 };
	for (int t = 0; t < TOKENS; t++)
		cache.slot[t] = table[t / SLOTS] * SLOTS + t % SLOTS;
	cache.slot[6] = 7;
	bind(&attend, &cache, &forms[1], array_of(q, 3, (const int64_t[]){ TOKENS, 2, DIM }));
	bind_table(&attend, &cache, 1, 3);
	integers(&attend, "slot_mapping", cache.slot, 1, (const int64_t[]){ TOKENS });
	attend_refused(&attend, "paged", ERR_VALUE, "query 6 slot 7 position 6 slot 2");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("paged");
	TCase *tcase = tcase_create("paged");
	tcase_add_test(tcase, every_layout_reads_what_is_referred_to_and_nothing_else);
	tcase_add_test(tcase, elements_lie_where_the_layouts_say);
	tcase_add_test(tcase, decoding_step_by_step_gives_the_rows_of_the_causal_map);
	tcase_add_test(tcase, sequences_of_different_lengths_are_batch_items);
	tcase_add_test(tcase, contiguous_caches_end_at_their_length);
	tcase_add_test(tcase, llama_caches_hold_heads_side_by_side);
	tcase_add_test(tcase, float8_caches_are_bytes_with_a_scale);
	tcase_add_test(tcase, what_the_shape_does_not_tell_is_asked_for);
	tcase_add_test(tcase, a_slot_mapping_that_contradicts_the_table_is_refused);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
