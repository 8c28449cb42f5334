/*
 * Token lists: the labels of an axis.
 */
#ifndef ATTNVIZ_TENSOR_TOKENS_H
#define ATTNVIZ_TENSOR_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* `text[i]` is NUL-terminated, valid UTF-8, without control characters, and never NULL. `raw[i]` are the bytes as in the file (NUL cut), for comparing
 * tokens with each other. */
struct tokens {
	char **text;
	char **raw;
	size_t count;
};

/*
 * Read a list: a JSON array of strings; a JSON object or array of objects as tokenizers print them ("tokens" or "content"/"text"/"token"/"str" members;
 * {"tokens": [...]}, HF Encoding dumps, [{"id": 5, "token": "a"}, ...]); or one token a line (CR LF allowed, "\n", "\t", "\r" and "\\" are escapes; a last line end is not a token). "-" is standard input.
 *
 * Unless keep_marks: the space marks of byte-level BPE (U+0120 'Ġ', U+010A 'Ċ', and the whole byte alphabet decoded when the list shows that it is byte-level), of SentencePiece (U+2581) and of
 * WordPiece (## continuation) are shown as a person expects: a leading space is shown as nothing where words are separate labels; newline as the sign for it.
 */
enum err tokens_read(struct tokens *tokens, const char *file, bool keep_marks, struct err_info *info);

/* "0", "1", ...: for axes without tokens. */
enum err tokens_numbered(struct tokens *tokens, size_t count, struct err_info *info);

void tokens_release(struct tokens *tokens); /* works on a zeroed struct */

#endif
