/* SPDX-License-Identifier: MIT */
/*
 * What the name of a tensor says: its role, and its layer.
 *
 * A name is cut into words at everything that is neither letter nor digit, and between letters and digits: "model.layers.3.self_attn.q_proj" is model, layers,
 * 3, self, attn, q, proj. The role is told by the last word that is not a number and not one of those that say nothing ("proj", "states", "hook",
 * "cache"), so that q, query, self_attn.q_proj, blocks.3.attn.hook_q, L3_q and queries are queries, and attn, attentions.3,
 * attn_weights and hook_pattern are ready weights. Parameters of a model (q_proj.weight, k.bias), lengths (cu_seqlens_q) and variants (k_prerope) have no role.
 *
 * The template of a name is the name with each number replaced by '#'. Tensors of one role and one template are the layers of one attention: commands/plan.h.
 */
#ifndef ATTNVIZ_COMMANDS_NAMES_H
#define ATTNVIZ_COMMANDS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum name_role { NAME_NONE, NAME_QUERY, NAME_KEY, NAME_VALUE, NAME_WEIGHTS, NAME_ROLE_COUNT };

/* "query", "key", "value", "weights": what --input and the mechanisms call them. NULL for NAME_NONE. */
const char *name_role_word(enum name_role role);

/* The role that a word of an option names ("query" or "q"); NAME_NONE for none of them. */
enum name_role name_role_find(const char *word, size_t length);

/* The role that the name of a tensor tells. */
enum name_role name_role(const char *name);

/* Does the name tell a tensor that holds queries, keys and values: qkv_proj, Wqkv, query_key_value, c_attn? It has no role of its own. */
bool name_is_fused(const char *name);

/* The number of the `index`th run of digits in the name; false where there are fewer, or it does not fit. */
bool name_number(const char *name, int index, int64_t *number);

/* What a number counts, as the word before it tells. */
enum name_number_kind {
	NAME_NUMBER_LAYER,   /* layers.3, block_3, L3, h.3 */
	NAME_NUMBER_PLAIN,   /* nothing else: attentions.3, q_3, dec3, arr_3, or no word at all; a layer, unless the name says one elsewhere */
	NAME_NUMBER_UNKNOWN, /* a word that says neither: wav2vec, fp16, 12x64; or too large for a layer where only PLAIN speaks for it */
	NAME_NUMBER_STEP,    /* step3, chunk3, call3, t3 */
	NAME_NUMBER_OTHER,   /* rank3, head3, batch3, tp3, prompt3: anything known that is no layer */
};

struct name_number {
	int64_t value;
	enum name_number_kind kind;
	const char *word; /* before it, in the name */
	int word_length;
	enum name_role role; /* that the word tells */
};

/* The `index`th run of digits in the name, as name_number. */
bool name_number_kind(const char *name, int index, struct name_number *number);

/* Same template? */
bool name_same_template(const char *a, const char *b);

/* A file's name without folders and without ".npy": the name of the tensor in it. Writes at most `size` bytes, returns `buffer`. */
char *name_of_file(const char *file, char *buffer, size_t size);

#endif
