/* SPDX-License-Identifier: MIT */
/*
 * Vocabularies: what the ids of a tokenizer stand for.
 *
 *   tokenizer.json   Hugging Face tokenizers: model.vocab (an object for BPE, WordPiece and WordLevel, an array of [token, score] for
 *                    Unigram) and added_tokens, which win
 *   vocab.json       an object token -> id (GPT-2, RoBERTa, Whisper)
 *   vocab.txt        a token a line, the line number is the id (BERT); SentencePiece's .vocab, "token TAB score", likewise
 *   *.tiktoken       "base64 rank" a line (OpenAI, Llama 3, Qwen)
 *
 * Which it is is seen from the content. Models themselves (SentencePiece .model, GGUF) are not read.
 */
#ifndef ATTNVIZ_TENSOR_VOCAB_H
#define ATTNVIZ_TENSOR_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tensor/tokens.h"

struct vocab {
	struct vocab_entry *entry; /* by id */
	size_t count;
	char *text;                /* all tokens, one after another */
	int marks;                 /* enum token_marks: how spaces are written */
};

/* ERR_FORMAT: no vocabulary, or broken; ERR_UNSUPPORTED: a model. */
enum err vocab_open(struct vocab *vocab, const char *file, struct err_info *info);
enum err vocab_parse(struct vocab *vocab, const char *bytes, size_t size, struct err_info *info);
void vocab_release(struct vocab *vocab); /* works on a zeroed struct */

/* The token as the vocabulary writes it (not NUL-terminated), or NULL where there is no such id. */
const char *vocab_token(const struct vocab *vocab, int64_t id, size_t *length);

/* Labels of a list of ids. ERR_VALUE names an id that the vocabulary does not have, which is how a wrong vocabulary shows. */
enum err vocab_tokens(struct tokens *tokens, const struct vocab *vocab, const int64_t *id, size_t count, bool keep_marks,
		      struct err_info *info);

/*
 * Read ids: FILE or FILE:NAME, an integer tensor of shape (N,) or (B,N), of which `row` says the B; a JSON array of integers,
 * or an object whose member "input_ids", "ids" or "tokens" is one (or an array of them); or decimal numbers between spaces,
 * commas or line ends. *id is the caller's (free).
 */
enum err vocab_read_ids(const char *spec, int64_t row, int64_t **id, size_t *count, struct err_info *info);

#endif
