/* SPDX-License-Identifier: MIT */
/*
 * Token lists: the labels of an axis.
 */
#ifndef ATTNVIZ_TENSOR_TOKENS_H
#define ATTNVIZ_TENSOR_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* `text[i]` is NUL-terminated, valid UTF-8, without control characters, and never NULL. `raw[i]` are the bytes as in the file
 * (NUL cut), for comparing tokens with each other. A raw that equals its text may be the same pointer. */
struct tokens {
	char **text;
	char **raw;
	size_t count;
	int marks; /* enum token_marks, of the list: for tokens_words */
};

enum { TOKENS_MAX = 1 << 22 }; /* more than any context; a file with more is refused */

/*
 * Read a list. "-" is standard input. Three forms, told apart by content (where the content may be both, by .json and .txt):
 *
 *   JSON        an array of strings; an array of objects with a member "token", "content", "text", "str" or "piece"; an object
 *               whose member "tokens" is one of these (HF Encoding dumps, llama.cpp /tokenize with {"id": 5, "piece": "a"}, where
 *               a piece may be an array of bytes); one array around one list (a batch of one)
 *   JSON Lines  such an object a line
 *   text        one token a line: CR LF allowed, "\n", "\t", "\r" and "\\" are escapes; a last line end is not a token
 *
 * Unless keep_marks, the space marks of tokenizers are shown as a person expects. Which tokenizer it is shows in the whole
 * list, by the mark that most tokens have:
 *
 *   byte-level BPE  U+0120 'Ġ' or U+010A 'Ċ': every token that is written in GPT-2's byte alphabet is decoded
 *   SentencePiece   a token that begins with U+2581: that mark is a space; <0x0A> is a byte
 *   WordPiece       a token that begins with ##: it goes on with the word before
 *   subword-nmt     a token that ends with @@: the next one goes on with the word
 *   word ends       a token that ends with </w> (CLIP, GPT, XLM): the last of its word
 *   joiner          a token that begins or ends with U+FFED (OpenNMT): it is joined on that side
 *   plain           a token that begins with a space (lists of decoded tokens)
 *
 * A leading space is shown as nothing (labels are separate anyway), a token of only spaces as U+2423, a newline as U+21B5.
 *
 * ERR_FORMAT with the byte offset for broken JSON, ERR_UNSUPPORTED for a list of ids, ERR_NOMEM, ERR_IO.
 */
enum err tokens_read(struct tokens *tokens, const char *file, bool keep_marks, struct err_info *info);

/* The same from memory; `file` is only for its suffix (may be ""). */
enum err tokens_parse(struct tokens *tokens, const char *bytes, size_t size, const char *file, bool keep_marks, struct err_info *info);

/* From `count` strings of `length[i]` bytes, in any tokenizer's marks. */
enum err tokens_from_raw(struct tokens *tokens, const char *const *raw, const size_t *length, size_t count, bool keep_marks,
			 struct err_info *info);

/* "0", "1", ...: for axes without tokens. */
enum err tokens_numbered(struct tokens *tokens, size_t count, struct err_info *info);

/*
 * Words: word[i] becomes the number of the word that token i belongs to (0, 1, ...), and `words` their labels, joined from
 * the tokens. A token begins a word where the tokenizer's mark says so; in a list without any mark every token is a word. The
 * first token, a special token ([CLS], <s>, <|...|>), what follows one, what follows a line end, and a token that begins with
 * a wide character (Chinese, Japanese) begin a word in every case. `word` is the caller's array of tokens->count. Punctuation
 * is part of the word that it is written to, except in WordPiece lists, which separate it.
 */
enum err tokens_words(const struct tokens *tokens, size_t *word, struct tokens *words, struct err_info *info);

/* Is it a special token by its looks: [CLS], [SEP], <s>, </s>, <pad>, <|endoftext|>, <bos>, ...? Takes raw[i]. */
bool tokens_is_special(const char *raw);

void tokens_release(struct tokens *tokens); /* works on a zeroed struct */

#endif
