/* SPDX-License-Identifier: MIT */
/*
 * Padding, local and global tokens of Longformer (Beltagy, Peters, Cohan 2020, arXiv 2004.05150), as the roles and parameters say:
 *
 *   global_mask     (N) or (B,N), non-zero is global: Hugging Face's global_attention_mask
 *   attention_mask  (N) or (B,N), 0 padding, 1 local, 2 global: the original code's, and Hugging Face's where it holds 0 and 1
 *   globals         parameter: positions, "0,5"
 *   key lengths     what lies beyond is padding
 */
#ifndef ATTNVIZ_MECHANISM_TOKEN_KINDS_H
#define ATTNVIZ_MECHANISM_TOKEN_KINDS_H

#include "mechanism/mechanism.h"

enum token_kind { TOKEN_PADDING, TOKEN_LOCAL, TOKEN_GLOBAL };

struct token_kinds {
	int64_t batches, count;
	unsigned char *kind;  /* [batches][count] enum token_kind */
	int64_t *globals;     /* [batches][count + 1]: global tokens before a position */
	int64_t *paddings;    /* likewise */
	int64_t most_globals; /* largest number of global tokens in a batch */
};

enum err token_kinds_init(struct token_kinds *kinds, const struct mechanism_args *args, const struct mechanism *mechanism, int64_t batches, int64_t count,
			  struct err_info *info);
void token_kinds_release(struct token_kinds *kinds); /* works on a zeroed struct */

enum token_kind token_kinds_at(const struct token_kinds *kinds, int64_t batch, int64_t token);

/* How many of tokens [begin, end), cut to those that there are, are global, or padding. */
int64_t token_kinds_globals(const struct token_kinds *kinds, int64_t batch, int64_t begin, int64_t end);
int64_t token_kinds_paddings(const struct token_kinds *kinds, int64_t batch, int64_t begin, int64_t end);

#endif
