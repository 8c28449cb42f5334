/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "commands/names.h"
#include "support/suite.h"

START_TEST(usual_names_tell_their_role)
{
	static const struct {
		const char *name;
		enum name_role role;
	} cases[] = {
		{ "q", NAME_QUERY }, { "Q", NAME_QUERY }, { "query", NAME_QUERY }, { "queries", NAME_QUERY }, { "query_states", NAME_QUERY },
		{ "L3_q", NAME_QUERY }, { "model.layers.12.self_attn.q_proj", NAME_QUERY }, { "blocks.0.attn.hook_q", NAME_QUERY },
		{ "k", NAME_KEY }, { "layers.0.attn.k", NAME_KEY }, { "key_cache", NAME_KEY }, { "k_cache.3", NAME_KEY }, { "dec2_cross_k", NAME_KEY },
		{ "v", NAME_VALUE }, { "value_states", NAME_VALUE }, { "layer0.value", NAME_VALUE },
		{ "attn", NAME_WEIGHTS }, { "attentions", NAME_WEIGHTS }, { "attentions.5", NAME_WEIGHTS }, { "cross_attentions_0", NAME_WEIGHTS },
		{ "blocks.1.attn.hook_pattern", NAME_WEIGHTS }, { "attn_weights", NAME_WEIGHTS }, { "L0_attn", NAME_WEIGHTS }, { "weights", NAME_WEIGHTS },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ck_assert_msg(name_role(cases[i].name) == cases[i].role, "%s", cases[i].name);
}
END_TEST

START_TEST(parameters_and_variants_have_no_role)
{
	static const char *const cases[] = { "q_proj.weight", "k_proj.bias", "L0_q_prerope", "attn.hook_attn_scores", "hook_resid_pre", "tokens", "", "3", "..", "mask",
					     "self_attn.o_proj", "embedding", "qkv", "freq", "cu_seqlens_q", "max_seqlen_k" };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ck_assert_msg(name_role(cases[i]) == NAME_NONE, "%s", cases[i]);
}
END_TEST

START_TEST(fused_tensors_are_told_and_have_no_role)
{
	static const char *const cases[] = { "qkv", "layers.0.self_attn.qkv_proj", "encoder.Wqkv", "gpt_neox.layers.3.attention.query_key_value", "h.0.attn.c_attn",
					     "mixed_qkv" };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_msg(name_is_fused(cases[i]), "%s", cases[i]);
		ck_assert_msg(name_role(cases[i]) == NAME_NONE, "%s", cases[i]);
	}
	static const char *const others[] = { "q", "key_value", "layers.0.value", "h.0.attn", "c_attn.weight", "qkv.bias", "abc.attn", "", "3" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert_msg(!name_is_fused(others[i]), "%s", others[i]);
}
END_TEST

START_TEST(templates_differ_in_numbers_only)
{
	ck_assert(name_same_template("layers.1.q", "layers.12.q"));
	ck_assert(name_same_template("q", "q"));
	ck_assert(!name_same_template("enc0_self_q", "dec0_self_q"));
	ck_assert(!name_same_template("layers.1.q", "layers.1.q2"));
	ck_assert(!name_same_template("layers.1.q", "layers..q"));
}
END_TEST

START_TEST(numbers_are_found_by_their_place)
{
	int64_t number = -1;
	ck_assert(name_number("blocks.12.attn.q3", 0, &number));
	ck_assert_int_eq(number, 12);
	ck_assert(name_number("blocks.12.attn.q3", 1, &number));
	ck_assert_int_eq(number, 3);
	ck_assert(!name_number("blocks.12.attn.q3", 2, &number));
	ck_assert(!name_number("x99999999999999999999", 0, &number));
}
END_TEST

START_TEST(roles_are_named_by_word_or_letter)
{
	ck_assert_int_eq(name_role_find("query", 5), NAME_QUERY);
	ck_assert_int_eq(name_role_find("k=FILE", 1), NAME_KEY);
	ck_assert_int_eq(name_role_find("w", 1), NAME_WEIGHTS);
	ck_assert_int_eq(name_role_find("mask", 4), NAME_NONE);
	ck_assert_int_eq(name_role_find("", 0), NAME_NONE);
}
END_TEST

START_TEST(files_name_the_array_in_them)
{
	char buffer[8];
	ck_assert_str_eq(name_of_file("dump/L0_q.npy", buffer, sizeof buffer), "L0_q");
	ck_assert_str_eq(name_of_file("-", buffer, sizeof buffer), "-");
	ck_assert_str_eq(name_of_file("a/very_long_name.npy", buffer, sizeof buffer), "very_lo");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *names = tcase_create("names");
	tcase_add_test(names, usual_names_tell_their_role);
	tcase_add_test(names, parameters_and_variants_have_no_role);
	tcase_add_test(names, fused_tensors_are_told_and_have_no_role);
	tcase_add_test(names, templates_differ_in_numbers_only);
	tcase_add_test(names, numbers_are_found_by_their_place);
	tcase_add_test(names, roles_are_named_by_word_or_letter);
	tcase_add_test(names, files_name_the_array_in_them);
	suite_add_tcase(suite, names);
	return suite_main(suite);
}
