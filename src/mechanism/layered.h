/* SPDX-License-Identifier: MIT */
/*
 * Layers that differ: one source of maps whose layers have masks, scales, soft-caps, sinks, key heads and dims of their own.
 *
 * Each layer is a dot-product softmax. Its queries and keys are there already, or are made when a map first needs them, and dropped again when others need the room.
 * What differs by layer may be anything but the number of heads, queries, keys and batch items.
 */
#ifndef ATTNVIZ_MECHANISM_LAYERED_H
#define ATTNVIZ_MECHANISM_LAYERED_H

#include "mechanism/made.h"
#include "mechanism/mechanism.h"
#include "mechanism/relative_terms.h"

/* Keys that a layer chooses by itself (DeepSeek's indexer, MiniMax's blocks): bits [batches][heads][queries][blocks], a bit for each `block` keys. `heads` divides the
 * heads of the layer: consecutive heads share a choice. A zeroed struct chooses all. */
struct choice {
	unsigned char *bits; /* owned */
	int64_t heads, queries, blocks, block;
};
void choice_release(struct choice *choice);

/* What a layer makes of its hidden states. */
struct layered_made {
	struct made query, key;
	struct relative_terms terms;
};

struct layered_layer {
	struct mechanism_args args;  /* but for the bindings; what they point to must outlive the source */
	int64_t key_heads, dim;      /* of the made ones; or: */
	const struct heads *query, *key; /* ready, one layer each (copied); NULL: made */
	struct choice choice;        /* moves into the source */
};

/* Fill the data of made->query and made->key, whose views are set and which are zero, and made->terms. Called under a lock. */
typedef enum err layered_make(void *owner, int64_t layer, struct layered_made *made, struct err_info *info);

struct layered_request {
	int64_t layers, batches, heads, queries, keys;
	struct layered_layer *layer;  /* [layers] */
	layered_make *make;           /* NULL where all are ready */
	void *owner;                  /* passed to make; released with `release` when the source is freed */
	void (*release)(void *owner);
	const struct heads *values;   /* all layers' values, or NULL */
	const char *without_values;
	size_t room;                  /* bytes of queries and keys to keep at most; layers in use count and stay */
	bool is_square;
};

/* Takes over `owner` and the choices, whatever the outcome. */
enum err layered_open(const struct layered_request *request, struct source **source, struct err_info *info);

#endif
