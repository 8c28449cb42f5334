/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "support/temporary.h"
#include "tensor/npy.h"
#include "tensor/vocab.h"

static struct vocab parsed(const char *bytes)
{
	/* A copy of the exact size, so that reading past the end is seen. */
	size_t size = strlen(bytes);
	char *exact = malloc(size + 1);
	memcpy(exact, bytes, size);
	struct vocab vocab;
	struct err_info info = { 0 };
	ck_assert_msg(vocab_parse(&vocab, exact, size, &info) == ERR_OK, "%s: %s", bytes, info.text);
	free(exact);
	return vocab;
}

static void assert_labels(const struct vocab *vocab, const int64_t *id, size_t count, const char *labels)
{
	struct tokens tokens;
	struct err_info info = { 0 };
	ck_assert_msg(vocab_tokens(&tokens, vocab, id, count, false, &info) == ERR_OK, "%s", info.text);
	char line[256] = "";
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(line + used, sizeof line - used, i ? "|%s" : "%s", tokens.text[i]);
	ck_assert_str_eq(line, labels);
	tokens_release(&tokens);
}

static const int64_t first_four[] = { 0, 1, 2, 3 };

static const struct {
	const char *bytes, *labels;
} vocabularies[] = {
	/* tokenizer.json, byte-level BPE; an added token wins over the entry of the same id */
	{ "{\"added_tokens\": [{\"id\": 0, \"content\": \"<|end|>\", \"special\": true}], \"model\": {\"type\": \"BPE\", "
	  "\"vocab\": {\"x\": 0, \"\u0120the\": 1, \"caf\u00c3\u00a9\": 2, \"\u010a\": 3}, \"merges\": []}}",
	  "<|end|>|the|caf\u00e9|\u21b5" },
	/* Unigram: the position is the id */
	{ "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"<s>\", 0.0], [\"\u2581the\", -3.5], [\"s\", -4], [\"\u2581\", -2]]}}",
	  "<s>|the|s|\u2423" },
	/* WordPiece */
	{ "{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"[CLS]\": 0, \"play\": 1, \"##ing\": 2, \".\": 3}}}", "[CLS]|play|ing|." },
	/* vocab.json */
	{ "{\"!\": 0, \"\u0120the\": 1, \"cat\": 2, \"\u0120\": 3}", "!|the|cat|\u2423" },
	/* vocab.txt */
	{ "[PAD]\nplay\r\n##ing\n.", "[PAD]|play|ing|." },
	/* SentencePiece's .vocab */
	{ "<unk>\t0\n\u2581the\t-3.25\ns\t-1e-3\n\u2581\t-4\n", "<unk>|the|s|\u2423" },
	/* tiktoken: the first lines of OpenAI's cl100k_base begin so */
	{ "IQ== 0\nIg== 1\nIHRoZQ== 2\n4oI= 3\n", "!|\"|the|\\xE2\\x82" },
};

START_TEST(every_kind_of_vocabulary_is_read)
{
	struct vocab vocab = parsed(vocabularies[_i].bytes);
	assert_labels(&vocab, first_four, 4, vocabularies[_i].labels);
	vocab_release(&vocab);
}
END_TEST

START_TEST(ids_may_have_gaps_and_any_order)
{
	struct vocab vocab = parsed("{\"c\": 50256, \"a\": 7, \"b\": 100}");
	static const int64_t ids[] = { 100, 50256, 7, 7 };
	assert_labels(&vocab, ids, 4, "b|c|a|a");
	size_t length;
	ck_assert_ptr_null(vocab_token(&vocab, 8, &length));
	ck_assert_ptr_null(vocab_token(&vocab, -1, &length));
	vocab_release(&vocab);
}
END_TEST

START_TEST(an_id_that_is_not_there_shows_a_wrong_vocabulary)
{
	struct vocab vocab = parsed("{\"a\": 0, \"b\": 1}");
	static const int64_t ids[] = { 0, 1, 31999 };
	struct tokens tokens;
	struct err_info info = { 0 };
	ck_assert_int_eq(vocab_tokens(&tokens, &vocab, ids, 3, false, &info), ERR_VALUE);
	ck_assert_str_eq(info.text, "id 31999 (position 2) is not in the vocabulary of 2 tokens: is it the model's own?");
	vocab_release(&vocab);
}
END_TEST

/* The vocabulary says how spaces are written, even where the list does not show it. */
START_TEST(words_of_ids_follow_the_vocabulary)
{
	struct vocab vocab = parsed("{\"ani\": 0, \"mal\": 1, \"\u0120the\": 2}");
	static const int64_t ids[] = { 0, 1 };
	struct tokens tokens, words;
	size_t word[2];
	ck_assert_int_eq(vocab_tokens(&tokens, &vocab, ids, 2, false, NULL), ERR_OK);
	ck_assert_int_eq(tokens_words(&tokens, word, &words, NULL), ERR_OK);
	ck_assert_uint_eq(words.count, 1);
	ck_assert_str_eq(words.text[0], "animal");
	tokens_release(&words);
	tokens_release(&tokens);
	vocab_release(&vocab);
}
END_TEST

static const struct {
	const char *bytes;
	size_t size; /* 0: to the NUL */
	enum err code;
	const char *text;
} bad[] = {
	{ "", 0, ERR_FORMAT, "empty" },
	{ "{\"a\": 0", 0, ERR_FORMAT, "broken JSON" },
	{ "{\"a\": \"b\"}", 0, ERR_FORMAT, "no integer" },
	{ "{\"a\": -1}", 0, ERR_FORMAT, "the id -1" },
	{ "{\"a\": 9223372036854775807}", 0, ERR_FORMAT, "the id 9223372036854775807" },
	{ "{\"model\": {\"type\": \"BPE\"}}", 0, ERR_UNSUPPORTED, "holds no vocabulary" },
	{ "{\"model\": {\"vocab\": [\"a\"]}}", 0, ERR_FORMAT, "no pair" },
	{ "{\"model\": {\"vocab\": {\"a\": 0}}, \"added_tokens\": [{\"id\": 1}]}", 0, ERR_FORMAT, "added token 0" },
	{ "{\"model\": {\"vocab\": {}}}", 0, ERR_FORMAT, "empty" },
	{ "IQ== 0\nIg= 1\n", 0, ERR_FORMAT, "line 2 of the vocabulary" },
	{ "IQ== 0\nIg== 99999999999\n", 0, ERR_FORMAT, "line 2 of the vocabulary" },
	{ "\n\x0e\n\x05<unk>", 0, ERR_UNSUPPORTED, "SentencePiece model" },
	{ "GGUF\3\0\0\0", 8, ERR_UNSUPPORTED, "GGUF" },
};

START_TEST(what_is_no_vocabulary_is_refused)
{
	struct vocab vocab;
	struct err_info info = { 0 };
	size_t size = bad[_i].size ? bad[_i].size : strlen(bad[_i].bytes);
	enum err err = vocab_parse(&vocab, bad[_i].bytes, size, &info);
	ck_assert_msg(err == bad[_i].code, "%d: code %d: %s", _i, err, info.text);
	ck_assert_msg(strstr(info.text, bad[_i].text), "%s, wanted %s", info.text, bad[_i].text);
	vocab_release(&vocab);
}
END_TEST

/* --- ids --- */

static char *ids_file(const char *folder, const char *text, const char *name)
{
	return temporary_file(folder, name, text, strlen(text));
}

static void assert_ids(const char *path, int64_t row)
{
	static const int64_t wanted[] = { 5, 6, 50256 };
	int64_t *id;
	size_t count;
	struct err_info info = { 0 };
	ck_assert_msg(vocab_read_ids(path, row, &id, &count, &info) == ERR_OK, "%s", info.text);
	ck_assert_uint_eq(count, 3);
	ck_assert_mem_eq(id, wanted, sizeof wanted);
	free(id);
}

START_TEST(ids_come_as_numbers_or_json)
{
	static const char *const texts[] = {
		"5 6 50256\n", "5\n6\n50256\n", "5,6,50256", "[5, 6, 50256]", "{\"input_ids\": [[5, 6, 50256]]}", "{\"tokens\":[5,6,50256]}",
	};
	char *folder = temporary_folder(), *path = ids_file(folder, texts[_i], "ids");
	assert_ids(path, 0);
	free(path);
	temporary_remove(folder);
}
END_TEST

START_TEST(ids_come_as_a_tensor)
{
	static const int32_t data[] = { 1, 2, 3, 5, 6, 50256 };
	const int64_t shape[] = { 2, 3 };
	struct strbuf file;
	strbuf_init(&file);
	npy_header(&file, DTYPE_I32, 2, shape);
	strbuf_add(&file, data, sizeof data);
	char *folder = temporary_folder(), *path = temporary_file(folder, "ids.npy", file.buf, file.len);
	assert_ids(path, 1);
	int64_t *id;
	size_t count;
	struct err_info info = { 0 };
	ck_assert_int_eq(vocab_read_ids(path, 2, &id, &count, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "there is no batch 2"));
	strbuf_release(&file);
	free(path);
	temporary_remove(folder);
}
END_TEST

static const struct {
	const char *bytes;
	enum err code;
	const char *text;
} bad_ids[] = {
	{ "the cat", ERR_FORMAT, "neither a tensor, JSON nor numbers" },
	{ "5 6 99999999999999999999", ERR_FORMAT, "neither" },
	{ "5 -", ERR_FORMAT, "neither" },
	{ "[5, \"a\"]", ERR_FORMAT, "item 1 is no integer" },
	{ "[5, 6", ERR_FORMAT, "broken JSON" },
	{ "{\"a\": 1}", ERR_FORMAT, "no list of token ids" },
};

START_TEST(what_are_no_ids_is_refused)
{
	char *folder = temporary_folder(), *path = ids_file(folder, bad_ids[_i].bytes, "ids");
	int64_t *id;
	size_t count;
	struct err_info info = { 0 };
	enum err err = vocab_read_ids(path, 0, &id, &count, &info);
	ck_assert_msg(err == bad_ids[_i].code, "%s: code %d: %s", bad_ids[_i].bytes, err, info.text);
	ck_assert_msg(strstr(info.text, bad_ids[_i].text), "%s, wanted %s", info.text, bad_ids[_i].text);
	ck_assert_ptr_null(id);
	ck_assert_str_eq(info.file, path);
	free(path);
	temporary_remove(folder);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vocabularies");
	TCase *tcase = tcase_create("files");
	tcase_add_loop_test(tcase, every_kind_of_vocabulary_is_read, 0, sizeof vocabularies / sizeof vocabularies[0]);
	tcase_add_test(tcase, ids_may_have_gaps_and_any_order);
	tcase_add_test(tcase, an_id_that_is_not_there_shows_a_wrong_vocabulary);
	tcase_add_test(tcase, words_of_ids_follow_the_vocabulary);
	tcase_add_loop_test(tcase, what_is_no_vocabulary_is_refused, 0, sizeof bad / sizeof bad[0]);
	tcase_add_loop_test(tcase, ids_come_as_numbers_or_json, 0, 6);
	tcase_add_test(tcase, ids_come_as_a_tensor);
	tcase_add_loop_test(tcase, what_are_no_ids_is_refused, 0, sizeof bad_ids / sizeof bad_ids[0]);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
