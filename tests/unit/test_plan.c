/* SPDX-License-Identifier: MIT */
/* The plan from names alone: which layer and step each tensor is, and which tensors go together. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "commands/names.h"
#include "commands/plan.h"
#include "support/suite.h"

enum { NAMES_MAX = 8 };

struct table {
	const char *names;  /* of all roles, in any order, separated by spaces */
	const char *plan;   /* "3: L3_q L3_k" for each layer, "; " between; a step as "3/1:" */
	const char *refused; /* words of the error, where there is no plan */
	int64_t step, model_layers;
	bool listed, by_order;
};

static const struct table tables[] = {
	{ .names = "L0_k L1_q L0_q L1_k", .plan = "0: L0_q L0_k; 1: L1_q L1_k" },
	{ .names = "L10_k L9_q L10_q L9_k", .plan = "9: L9_q L9_k; 10: L10_q L10_k" },
	{ .names = "L3_q L3_k", .plan = "3: L3_q L3_k" },
	{ .names = "q k", .plan = "-: q k" },
	{ .names = "model.layers.7.self_attn.q_proj model.layers.7.self_attn.k_proj", .plan = "7: model.layers.7.self_attn.q_proj model.layers.7.self_attn.k_proj" },
	{ .names = "L0_q L1_q enc_k", .plan = "0: L0_q enc_k; 1: L1_q enc_k" },
	{ .names = "decoder.block.2.layer.0.SelfAttention.q decoder.block.2.layer.0.SelfAttention.k",
	  .plan = "2: decoder.block.2.layer.0.SelfAttention.q decoder.block.2.layer.0.SelfAttention.k" },
	{ .names = "layers.3.blocks.0.q layers.3.blocks.1.q layers.3.blocks.1.k layers.3.blocks.0.k",
	  .plan = "0: layers.3.blocks.0.q layers.3.blocks.0.k; 1: layers.3.blocks.1.q layers.3.blocks.1.k" },
	{ .names = "wav2vec_q wav2vec_k", .plan = "-: wav2vec_q wav2vec_k" },
	{ .names = "q3 layer3_k", .plan = "3: q3 layer3_k" },
	{ .names = "dec5_cross_q enc_out_k", .plan = "5: dec5_cross_q enc_out_k" },
	{ .names = "L0_q L1_q L0_k", .refused = "layer 1 has queries but no keys (L1_q)" },
	{ .names = "L0_k L1_k L0_q", .refused = "layer 1 has keys but no queries (L1_k)" },
	{ .names = "L1_q L3_q L0_k L2_k", .refused = "layers 1, 3 have queries but no keys (L1_q), layers 0, 2 have keys but no queries (L0_k)" },
	{ .names = "L0_q L1_q L5_k", .refused = "layer 5 has keys but no queries" },
	{ .names = "L0_q L1_k", .refused = "layer 0 has queries but no keys" },
	{ .names = "L0_q L1_q L0_k L1_k L1_v", .refused = "layer 0 has queries but no values" },
	{ .names = "L0_q L1_q v L0_k L1_k", .plan = "0: L0_q L0_k v; 1: L1_q L1_k v" },
	{ .names = "step0_q step1_q step0_k step1_k", .refused = "the number after 'step' in the names of the query tensors (step0_q, step1_q) is no layer" },
	{ .names = "step0_q step1_q step0_k step1_k", .plan = "-: step1_q step1_k", .step = 1 },
	{ .names = "step0_q step1_q step0_k step1_k", .plan = "-/0: step0_q step0_k; -/1: step1_q step1_k", .step = PLAN_STEP_JOIN },
	{ .names = "step0_L1_q step1_L1_q step1_L0_q step0_L0_q step0_L0_k step0_L1_k step1_L0_k step1_L1_k", .refused = "number steps 0 to 1" },
	{ .names = "step0_L1_q step1_L1_q step1_L0_q step0_L0_q step0_L0_k step0_L1_k step1_L0_k step1_L1_k", .step = PLAN_STEP_JOIN,
	  .plan = "0/0: step0_L0_q step0_L0_k; 1/0: step0_L1_q step0_L1_k; 0/1: step1_L0_q step1_L0_k; 1/1: step1_L1_q step1_L1_k" },
	{ .names = "step0_L1_q step1_L1_q step1_L0_q step0_L0_q step0_L0_k step0_L1_k step1_L0_k step1_L1_k", .step = 1,
	  .plan = "0: step1_L0_q step1_L0_k; 1: step1_L1_q step1_L1_k" },
	{ .names = "step0_L0_q step0_L1_q step1_L0_q step0_L0_k step0_L1_k", .step = PLAN_STEP_JOIN, .refused = "every step needs the query of every layer" },
	{ .names = "step0_L0_q step1_L0_q step0_L0_k", .step = PLAN_STEP_JOIN, .refused = "every step needs both" },
	{ .names = "step0_q step1_k", .refused = "'step' is 0 in step0_q and 1 in step1_k" },
	{ .names = "L0_q L1_q L2_q L3_q L0_k L1_k L2_k L3_k", .model_layers = 2,
	  .plan = "0/0: L0_q L0_k; 1/0: L1_q L1_k; 0/1: L2_q L2_k; 1/1: L3_q L3_k" },
	{ .names = "call0_q call1_q call0_k call1_k", .model_layers = 1, .plan = "0/0: call0_q call0_k; 0/1: call1_q call1_k" },
	{ .names = "call0_q call1_q call0_k call1_k", .model_layers = 1, .step = 1, .plan = "0: call1_q call1_k" },
	{ .names = "L0_q L1_q L2_q L0_k L1_k L2_k", .model_layers = 2, .refused = "step 1" },
	{ .names = "rank0_q rank1_q rank0_k rank1_k", .refused = "the number after 'rank' in the names of the query tensors (rank0_q, rank1_q) is no layer" },
	{ .names = "L0_rank0_q L1_rank1_q L0_rank0_k L1_rank1_k", .refused = "the number after 'rank'" },
	{ .names = "layers.0.q_1 layers.0.q_2 layers.0.k_1 layers.0.k_2", .refused = "the number after 'q'" },
	{ .names = "h0_q h1_q h0_k h1_k", .refused = "the number after 'h'" },
	{ .names = "h.0.attn.q h.1.attn.q h.0.attn.k h.1.attn.k", .plan = "0: h.0.attn.q h.0.attn.k; 1: h.1.attn.q h.1.attn.k" },
	{ .names = "layers.0.blocks.0.q layers.1.blocks.1.q k", .refused = "two numbers vary" },
	{ .names = "enc0_q dec0_q enc0_k dec0_k", .refused = "several tensors could be the query (enc0_q, dec0_q)" },
	{ .names = "q q k k", .refused = "several tensors could be the query" },
	{ .names = "a_q b_q a_k b_k", .listed = true, .plan = "0: a_q a_k; 1: b_q b_k" },
	{ .names = "L1_q L0_q L0_k L1_k", .listed = true, .plan = "0: L0_q L0_k; 1: L1_q L1_k" },
	{ .names = "L1_q layer0_q L0_k block_1_k", .listed = true, .plan = "0: layer0_q L0_k; 1: L1_q block_1_k" },
	{ .names = "L1_q other_q L0_k L1_k", .listed = true, .refused = "some names of the query tensors say a layer and some do not" },
	{ .names = "a_q b_q L0_k L1_k", .listed = true, .refused = "do not (a_q, L0_k)" },
	{ .names = "L5_q L3_q L9_k L8_k", .listed = true, .by_order = true, .plan = "-: L5_q L9_k; -: L3_q L8_k" },
	{ .names = "L5_q L3_q L9_k L8_k L7_k", .listed = true, .by_order = true, .refused = "3 key tensors for 2 of the query" },
	{ .names = "q3 k1", .listed = true, .plan = "-: q3 k1" },
	{ .names = "q3 k1", .refused = "layer 3 has queries but no keys" },
	{ .names = "L3_q L1_k", .listed = true, .refused = "layer 3 has queries but no keys" },
	{ .names = "q_v2 L1_k", .plan = "1: q_v2 L1_k" },
	{ .names = "q1024 k1024", .plan = "-: q1024 k1024" },
};

static const char *add_number(char *text, size_t size, int64_t number)
{
	snprintf(text, size, number < 0 ? "-" : "%lld", (long long)number);
	return text;
}

static const struct plan_name *part_of(const struct plan_role *role, size_t index)
{
	return &role->name[role->count == 1 ? 0 : index];
}

static void write_plan(const struct plan_role *role, size_t count, bool by_order, struct strbuf *out)
{
	for (size_t i = 0; i < role[0].count; i++) {
		char layer[24], step[24];
		int64_t number = -1;
		for (size_t r = 0; r < count && !by_order; r++)
			number = number < 0 && (role[r].numbered || role[r].count > 1) ? part_of(&role[r], i)->layer : number;
		strbuf_addf(out, "%s%s", i ? "; " : "", add_number(layer, sizeof layer, number));
		if (role[0].steps > 1)
			strbuf_addf(out, "/%s", add_number(step, sizeof step, role[0].name[i].step));
		strbuf_addstr(out, ":");
		for (size_t r = 0; r < count; r++)
			strbuf_addf(out, " %s", part_of(&role[r], i)->name);
	}
}

static enum err make_plan(const struct table *table, char *names, struct strbuf *out, struct err_info *info)
{
	static const char *const words[] = { "query", "key", "value" };
	struct plan_name part[3][NAMES_MAX];
	struct plan_role role[3] = { 0 }, *list[3];
	struct plan_request request = { .step = table->step ? table->step : PLAN_STEP_UNSAID, .model_layers = table->model_layers, .by_order = table->by_order };
	size_t there = 0;
	for (char *name = names, *next; *name; name = next) {
		next = name + strcspn(name, " ");
		if (*next)
			*next++ = '\0';
		enum name_role kind = name_role(name);
		size_t index = kind ? (size_t)kind - 1 : 0;
		index = strcmp(name, "q_v2") == 0 ? 0 : index; /* as -q says */
		part[index][role[index].count] = (struct plan_name){ .name = name, .index = role[index].count };
		role[index].count++;
	}
	enum err err = ERR_OK;
	for (size_t r = 0; r < 3 && !err; r++) {
		role[r].word = words[r];
		role[r].name = part[r];
		role[r].listed = table->listed;
		if (role[r].count == 0)
			continue;
		list[there++] = &role[r];
		err = plan_number(&role[r], &request, info);
	}
	if (!err)
		err = plan_match(list, there, &request, info);
	if (!err)
		write_plan(role, there, table->by_order, out);
	return err;
}

START_TEST(names_make_the_plan)
{
	const struct table *table = &tables[_i];
	char names[256];
	struct err_info info = { 0 };
	struct strbuf out;
	strbuf_init(&out);
	snprintf(names, sizeof names, "%s", table->names);
	enum err err = make_plan(table, names, &out, &info);
	if (table->refused)
		ck_assert_msg(err == ERR_USAGE && strstr(info.text, table->refused), "%s: %d %s, planned %s", table->names, err, info.text, out.buf);
	else
		ck_assert_msg(!err && strcmp(out.buf, table->plan) == 0, "%s: %s; got %s", table->names, info.text, out.buf);
	strbuf_release(&out);
}
END_TEST

START_TEST(what_was_taken_for_granted_is_noted)
{
	struct plan_name name[] = { { .name = "foo2_q" }, { .name = "foo1_q", .index = 1 } };
	struct plan_role role = { .word = "query", .name = name, .count = 2 };
	const struct plan_request request = PLAN_REQUEST_INIT;
	ck_assert_int_eq(plan_number(&role, &request, NULL), ERR_OK);
	ck_assert_uint_eq(role.name[0].index, 1);
	ck_assert_int_eq(role.name[1].layer, 2);
	ck_assert_ptr_nonnull(strstr(role.note, "the number after 'foo'"));
	role.layers_said = true;
	ck_assert_int_eq(plan_number(&role, &request, NULL), ERR_OK);
	ck_assert_str_eq(role.note, "");
}
END_TEST

START_TEST(numbers_after_the_word_of_layers_count_no_calls)
{
	const struct plan_request request = PLAN_REQUEST_INIT;
	struct plan_name name[] = { { .name = "layers.0.q" }, { .name = "layers.1.q" } }, call[] = { { .name = "L0_q" }, { .name = "L1_q" } };
	struct plan_role role = { .word = "query", .name = name, .count = 2 };
	ck_assert_int_eq(plan_number(&role, &request, NULL), ERR_OK);
	ck_assert(!role.counts_calls);
	role.name = call;
	ck_assert_int_eq(plan_number(&role, &request, NULL), ERR_OK);
	ck_assert(role.counts_calls);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *plan = tcase_create("plan");
	tcase_add_loop_test(plan, names_make_the_plan, 0, (int)(sizeof tables / sizeof *tables));
	tcase_add_test(plan, what_was_taken_for_granted_is_noted);
	tcase_add_test(plan, numbers_after_the_word_of_layers_count_no_calls);
	suite_add_tcase(suite, plan);
	return suite_main(suite);
}
