/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/tokens.h"

/* What a file holds, and the labels that it gives, joined by '|'. */
struct example {
	const char *bytes;
	const char *file;
	const char *labels;
};

static char *joined(char *const *text, size_t count)
{
	static char line[1024];
	size_t used = 0;
	line[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(line + used, sizeof line - used, i ? "|%s" : "%s", text[i]);
	ck_assert_uint_lt(used, sizeof line);
	return line;
}

static struct tokens parsed(const char *bytes, const char *file, bool keep_marks)
{
	struct tokens tokens;
	struct err_info info = { 0 };
	ck_assert_msg(tokens_parse(&tokens, bytes, strlen(bytes), file, keep_marks, &info) == ERR_OK, "%s: %s", bytes, info.text);
	return tokens;
}

static void assert_labels(const struct example *example, bool keep_marks)
{
	/* A copy of the exact size, so that reading past the end is seen. */
	size_t size = strlen(example->bytes);
	char *exact = malloc(size + 1);
	memcpy(exact, example->bytes, size);
	struct tokens tokens;
	struct err_info info = { 0 };
	ck_assert_msg(tokens_parse(&tokens, exact, size, example->file, keep_marks, &info) == ERR_OK, "%s: %s", example->bytes, info.text);
	ck_assert_str_eq(joined(tokens.text, tokens.count), example->labels);
	tokens_release(&tokens);
	free(exact);
}

static const struct example forms[] = {
	/* one a line */
	{ "the\ncat\n", "t.txt", "the|cat" },
	{ "the\ncat", "t.txt", "the|cat" },
	{ "the\r\ncat\r\n", "t.txt", "the|cat" },
	{ "a\n\nb\n", "t.txt", "a||b" },
	{ "\\n\n\\t\n\\\\\n\\x\n", "t.txt", "\u21b5|\u2409|\\|\\x" },
	{ "\xef\xbb\xbfthe\ncat\n", "t.txt", "the|cat" },
	{ "[CLS]\nthe\n[SEP]\n", "t.txt", "[CLS]|the|[SEP]" },
	{ "{\nx\n}\n", "t", "{|x|}" },
	{ "", "t.txt", "" },
	/* JSON */
	{ "[\"the\", \"cat\"]", "t.json", "the|cat" },
	{ "[\"the\", \"cat\"]", "-", "the|cat" },
	{ " [\n \"the\",\n \"cat\"\n]\n", "t.txt", "the|cat" },
	{ "[[\"the\", \"cat\"]]", "t.json", "the|cat" },
	{ "{\"tokens\": [\"the\", \"cat\"], \"ids\": [5, 6]}", "t.json", "the|cat" },
	{ "[{\"id\": 5, \"token\": \"the\"}, {\"id\": 6, \"token\": \"cat\"}]", "t.json", "the|cat" },
	{ "[{\"content\": \"the\"}, {\"text\": \"cat\"}, {\"str\": \"sat\"}]", "t.json", "the|cat|sat" },
	{ "{\"tokens\": [{\"id\": 1, \"piece\": \"a\"}, {\"id\": 2, \"piece\": [226, 153, 165]}]}", "t.json", "a|\u2665" },
	{ "{\"token\": \"the\"}\n{\"token\": \"cat\"}\n", "t.jsonl", "the|cat" },
	{ "[]", "t.json", "" },
	/* the tokens of a JSON text */
	{ "{\"\na\n\":\n1\n}\n", "t.txt", "{\"|a|\":|1|}" },
};

START_TEST(every_form_of_list_is_read)
{
	assert_labels(&forms[_i], false);
}
END_TEST

static const struct example marks[] = {
	{ "[\"The\", \"\u0120animal\", \"\u0120didn\", \"'t\"]", "t.json", "The|animal|didn|'t" },
	{ "[\"\u0120\", \"a\", \"\u010a\", \"\u0120\u0120\"]", "t.json", "\u2423|a|\u21b5|\u2423\u2423" },
	{ "[\"\u0120na\u00c3\u00afve\", \"\u0120caf\u00c3\u00a9\"]", "t.json", "na\u00efve|caf\u00e9" },
	{ "[\"\u0120a\", \"\u00e2\u0124\", \"\u00ac\"]", "t.json", "a|\\xE2\\x82|\\xAC" },
	{ "[\"<|endoftext|>\", \"\u0120a\"]", "t.json", "<|endoftext|>|a" },
	{ "[\"\u2581The\", \"\u2581animal\", \"s\", \"\u2581\", \"<0x0A>\", \"<s>\"]", "t.json", "The|animal|s|\u2423|\u21b5|<s>" },
	{ "[\"\u2581a\u2581b\"]", "t.json", "a b" },
	{ "[\"[CLS]\", \"play\", \"##ing\", \"##s\", \"##\"]", "t.json", "[CLS]|play|ing|s|##" },
	{ "[\"##\", \"###\", \"a\"]", "t.json", "##|###|a" },
	{ "[\"The\", \" cat\", \"\\n\", \" \"]", "t.json", "The|cat|\u21b5|\u2423" },
};

START_TEST(marks_of_tokenizers_are_shown_as_a_person_expects)
{
	assert_labels(&marks[_i], false);
}
END_TEST

static const struct example kept[] = {
	{ "[\"The\", \"\u0120animal\"]", "t.json", "The|\u0120animal" },
	{ "[\"\u2581The\", \"<0x0A>\"]", "t.json", "\u2581The|<0x0A>" },
	{ "[\"play\", \"##ing\", \" a\"]", "t.json", "play|##ing| a" },
};

START_TEST(marks_can_be_kept)
{
	assert_labels(&kept[_i], true);
}
END_TEST

START_TEST(labels_are_harmless_and_raw_bytes_stay)
{
	static const char bytes[] = "a\x1b[31m\n\xff\xfe!\nb\0c\n";
	struct tokens tokens;
	ck_assert_int_eq(tokens_parse(&tokens, bytes, sizeof bytes - 1, "t.txt", false, NULL), ERR_OK);
	ck_assert_uint_eq(tokens.count, 3);
	ck_assert_str_eq(tokens.text[0], "a\u241b[31m");
	ck_assert_str_eq(tokens.raw[0], "a\x1b[31m");
	ck_assert_str_eq(tokens.text[1], "\\xFF\\xFE!");
	ck_assert_str_eq(tokens.raw[1], "\xff\xfe!");
	ck_assert_str_eq(tokens.text[2], "b\u2400c");
	ck_assert_str_eq(tokens.raw[2], "b");
	tokens_release(&tokens);
}
END_TEST

static const struct {
	const char *bytes, *file;
	enum err code;
	const char *text;
} bad[] = {
	{ "[\"a\", \"b\"", "t.json", ERR_FORMAT, "broken JSON" },
	{ "[\"a\", \"b\"", "-", ERR_FORMAT, "broken JSON" },
	{ "the cat", "t.json", ERR_FORMAT, "broken JSON" },
	{ "[1, 2, 3]", "t.json", ERR_UNSUPPORTED, "token 0 is a number: a list of ids needs a vocabulary" },
	{ "[\"a\", null]", "t.json", ERR_FORMAT, "token 1 is neither" },
	{ "[{\"word\": \"a\"}]", "t.json", ERR_FORMAT, "token 0 is neither" },
	{ "[{\"piece\": [256]}]", "t.json", ERR_FORMAT, "token 0 is neither" },
	{ "[\"a\"] [\"b\"]", "t.json", ERR_FORMAT, "something follows" },
	{ "\xff\xfe" "a", "t.txt", ERR_UNSUPPORTED, "UTF-16" },
};

START_TEST(what_is_no_list_is_refused)
{
	struct tokens tokens;
	struct err_info info = { 0 };
	enum err err = tokens_parse(&tokens, bad[_i].bytes, strlen(bad[_i].bytes), bad[_i].file, false, &info);
	ck_assert_msg(err == bad[_i].code, "%s: %d %s", bad[_i].bytes, err, info.text);
	ck_assert_msg(strstr(info.text, bad[_i].text), "%s, wanted %s", info.text, bad[_i].text);
	tokens_release(&tokens);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
	enum { DEPTH = 100000 };
	char *text = malloc(DEPTH);
	memset(text, '[', DEPTH);
	struct tokens tokens;
	struct err_info info = { 0 };
	ck_assert_int_eq(tokens_parse(&tokens, text, DEPTH, "t.json", false, &info), ERR_FORMAT);
	free(text);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	struct tokens tokens;
	struct err_info info = { 0 };
	ck_assert_int_eq(tokens_read(&tokens, "/nonexistent/tokens.txt", false, &info), ERR_IO);
	ck_assert_str_eq(info.file, "/nonexistent/tokens.txt");
}
END_TEST

/* --- words --- */

static const struct {
	const char *list;
	const char *number; /* of the word, a digit each token */
	const char *words;
} words[] = {
	{ "[\"The\", \"\u0120ani\", \"mal\", \"\u0120did\", \"n\", \"'t\"]", "011222", "The|animal|didn't" },
	{ "[\"<s>\", \"\u2581The\", \"\u2581ani\", \"mal\", \"s\", \".\", \"</s>\"]", "0122223", "<s>|The|animals.|</s>" },
	{ "[\"[CLS]\", \"play\", \"##ing\", \"##s\", \".\", \"[SEP]\"]", "011123", "[CLS]|playings|.|[SEP]" },
	{ "[\"a\", \"b\", \"c\"]", "012", "a|b|c" },
	{ "[\"The\", \" ca\", \"t\", \"\\n\", \"It\"]", "01123", "The|cat|\u21b5|It" },
	{ "[\"\u0120a\", \"\u00e2\u0124\", \"\u00ac\"]", "000", "a\u20ac" },
	{ "[\"\u2581\u65e5\", \"\u672c\", \"\u8a9e\"]", "012", "\u65e5|\u672c|\u8a9e" },
};

START_TEST(sub_words_are_joined_to_words)
{
	struct tokens tokens = parsed(words[_i].list, "t.json", false), labels;
	size_t word[16];
	ck_assert_int_eq(tokens_words(&tokens, word, &labels, NULL), ERR_OK);
	ck_assert_uint_eq(tokens.count, strlen(words[_i].number));
	for (size_t i = 0; i < tokens.count; i++)
		ck_assert_msg(word[i] == (size_t)(words[_i].number[i] - '0'), "%s: token %zu is in word %zu", words[_i].list, i, word[i]);
	ck_assert_str_eq(joined(labels.text, labels.count), words[_i].words);
	tokens_release(&labels);
	tokens_release(&tokens);
}
END_TEST

START_TEST(special_tokens_are_known_by_their_looks)
{
	static const char *const special[] = { "[CLS]", "<s>", "</s>", "<|endoftext|>", "<pad>", "<start_of_turn>", "<|im_start|>" };
	static const char *const ordinary[] = { "<", "a", "<0x0A>", "[x]", "<a href=\"x\">", "", "->", "<>" };
	for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
		ck_assert_msg(tokens_is_special(special[i]), "%s", special[i]);
	for (size_t i = 0; i < sizeof ordinary / sizeof ordinary[0]; i++)
		ck_assert_msg(!tokens_is_special(ordinary[i]), "%s", ordinary[i]);
}
END_TEST

START_TEST(numbered_tokens_count_from_zero)
{
	struct tokens tokens;
	ck_assert_int_eq(tokens_numbered(&tokens, 12, NULL), ERR_OK);
	ck_assert_str_eq(tokens.text[0], "0");
	ck_assert_str_eq(tokens.text[11], "11");
	tokens_release(&tokens);
	tokens_release(&tokens);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tokens");
	TCase *tcase = tcase_create("lists");
	tcase_add_loop_test(tcase, every_form_of_list_is_read, 0, sizeof forms / sizeof forms[0]);
	tcase_add_loop_test(tcase, marks_of_tokenizers_are_shown_as_a_person_expects, 0, sizeof marks / sizeof marks[0]);
	tcase_add_loop_test(tcase, marks_can_be_kept, 0, sizeof kept / sizeof kept[0]);
	tcase_add_test(tcase, labels_are_harmless_and_raw_bytes_stay);
	tcase_add_loop_test(tcase, what_is_no_list_is_refused, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(tcase, deep_nesting_is_refused);
	tcase_add_test(tcase, a_missing_file_is_named);
	tcase_add_loop_test(tcase, sub_words_are_joined_to_words, 0, sizeof words / sizeof words[0]);
	tcase_add_test(tcase, special_tokens_are_known_by_their_looks);
	tcase_add_test(tcase, numbered_tokens_count_from_zero);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
