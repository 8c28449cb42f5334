/* SPDX-License-Identifier: MIT */
/*
 * Which tensor plays which role: from options (-q FILE[:NAME]), from --input ROLE=FILE[:NAME], and from the names in the positional files.
 *
 * Positional files are one pool of tensors, whether they are containers or .npy files (whose tensor is named by the file). A role is a list of
 * tensors, one per layer (and step), in the order of the plan: commands/plan.h. Data is touched only by role_load, so that the members of an archive
 * which nobody needs are never inflated.
 *
 * A stream (standard input, a pipe) of .npy arrays gives the next of them each time it is named, in the order of the command line.
 */
#ifndef ATTNVIZ_COMMANDS_ROLES_H
#define ATTNVIZ_COMMANDS_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "commands/names.h"
#include "commands/plan.h"
#include "mechanism/mechanism.h"
#include "tensor/layout.h"
#include "tensor/reader.h"
#include "tensor/tensor.h"

/* What the command line says about inputs. Everything points into argv, where what comes later lies behind. */
struct roles_request {
	char *const *file; /* positional */
	int file_count;
	struct string_list spec[NAME_ROLE_COUNT]; /* -q -k -v -w: FILE[:NAME], one per layer */
	struct string_list fused;                 /* --qkv FILE[:NAME]: queries, keys and values in one tensor */
	struct string_list shard;                 /* FILE[:NAME] with {rank}, whose name tells the role */
	struct string_list input;                 /* ROLE=FILE[:NAME] */
	struct string_list names;                 /* PATTERN (which names count), or ROLE=PATTERN */
	struct string_list layout;                /* LETTERS, or ROLE=LETTERS */
	const char *heads_in;                     /* "H" or "H,HK" */
	enum layout_fusion order;                 /* of the last axis of a fused tensor */
	struct string_list cu_seqlens;            /* FILE[:NAME], or ROLE=FILE[:NAME]: sequences one after another along the tokens */
	int64_t sequence;                         /* which of them; -1: not said */
	struct plan_request plan;                 /* how numbers in names are read */
	const char *dtype;                        /* "bfloat16": what two-byte integers hold; NULL */
	const struct mechanism_input *own;        /* of the mechanism that was asked for: a tensor called exactly as one of these plays no other role; NULL */
};

/* One tensor of a role, not yet loaded. */
struct role_part {
	struct archive *archive;
	size_t index;  /* in the archive's list */
	char *name;    /* as the rules for names see it */
	int64_t layer; /* the number that its name says; -1 for none */
	int64_t step;  /* the same */
};

struct role {
	char *word;         /* "query", "projection", ... */
	enum name_role kind; /* NAME_NONE for roles that only one mechanism knows */
	bool by_option;
	bool sharded;       /* its parts are pieces of the token axis, not layers: FILE had {rank} */
	bool fused;         /* its tensor holds the other two as well */
	bool expanded;      /* an option gave a container without a name: those of its tensors that can be the role */
	int64_t layers, steps; /* count = layers * steps, sorted by step and then by layer; steps are put together along the tokens */
	bool numbered;      /* the layers of its parts are those of their names */
	int64_t file_layers; /* of roles bound by alias: how many layers the files have of it, chosen or not; 0: not told */
	bool counts_calls;  /* those numbers may count calls: see plan.h */
	bool tells_step;    /* as in struct plan_role */
	const struct tensor *cu_seqlens; /* where its sequences end, or NULL; the archive's */
	struct role_part *part;
	size_t count, capacity;
	/* After role_load. */
	struct tensor *tensor; /* [count] */
	const struct tensor **slot;
	int64_t *number;       /* [layers] of a numbered role, else NULL */
	struct heads heads; /* where kind is not NAME_NONE */
	struct heads *shard; /* the pieces, where sharded or of several steps */
	int64_t *shard_end;
	bool holds_cache;    /* each step has all keys so far: those of the last are all there are */
	bool loaded;
};

/* A mention of a stream on the command line, and the array that it reads. */
struct stream_mention {
	const char *spec; /* in argv */
	size_t index;     /* in the archive's list */
};

struct roles {
	struct archive **archive;
	size_t archive_count, archive_capacity;
	struct role **role;
	size_t count, capacity;
	struct stream_mention *mention; /* in the order of the command line, then as they come */
	size_t mention_count, mention_capacity;
	struct strbuf notes; /* what was taken for granted, a line each */
};

/* Gather the roles and number their layers; nothing is loaded. On failure *roles is safe to release. Several attentions in the pool (encoder and decoder)
 * are ERR_USAGE that names them and --names. */
enum err roles_gather(struct roles *roles, const struct roles_request *request, struct err_info *info);
void roles_release(struct roles *roles); /* works on a zeroed struct */

/* Match the layers of roles that play together, by number; the first counts, NULLs are passed over. See plan_match. */
enum err roles_match(struct roles *roles, struct role *const *role, size_t count, const struct plan_request *request, struct err_info *info);

/* The number of a layer of the role: that of its name, or its place. */
int64_t role_layer(const struct role *role, int64_t layer);

/* Something taken for granted that people should know, once. */
void roles_note(struct roles *roles, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ERR_USAGE for a stream of which some arrays are named and others are not: nobody leaves out half of a stream on purpose. */
enum err roles_check_streams(const struct roles *roles, struct err_info *info);

/* "-w FILE" where the tensors of the only file could be the layers of ready weights; else "". */
const char *roles_weights_option(const struct roles *roles, char *buffer, size_t size);

/* The role called so; NULL where nobody plays it. */
struct role *roles_find(const struct roles *roles, const char *word);
struct role *roles_kind(const struct roles *roles, enum name_role kind);

/* A tensor of the positional files whose name tells that it holds queries, keys and values; *file is where. NULL where there is none. */
const char *roles_fused_name(const struct roles *roles, const char **file);

/* Bind a tensor of the positional files by its exact name to a role that only a mechanism knows. *role is NULL where there is none. */
enum err roles_bind_by_name(struct roles *roles, const char *word, struct role **role, struct err_info *info);

/* Bind the rows of mechanism->alias that nobody plays yet, by the ends of names in the positional files; those that a bare --names PATTERN leaves out do not count.
 * All but states come from one place in a checkpoint, that of the weights that options have chosen, or from each layer that there is (one, unless
 * mechanism->takes_layers). A row that has nothing there is left out. ERR_USAGE where several tensors could be one. */
enum err roles_bind_aliases(struct roles *roles, const struct mechanism *mechanism, const struct string_list *filter, struct err_info *info);

/* Make the data valid and, for the four usual roles, resolve the layout. `before` settles how many heads are packed in the last axis where --heads-in does not
 * say: the loaded query role for keys, the loaded key role for values; else NULL. Loading again does nothing. */
enum err role_load(struct role *role, const struct roles_request *request, const struct role *before, struct err_info *info);

/* The letters that --layout gives to a role ("query", "mask"), or NULL. */
enum err role_letters(const struct string_list *layout, const char *word, const char **letters, struct err_info *info);

/* The name that the rules see: the tensor's own, or the file's for .npy. */
const char *roles_tensor_name(const struct archive *archive, const struct tensor *tensor, char *buffer, size_t size);

/* Find what --cu-seqlens says of queries, keys and values: roles_gather does it. What is said of the keys holds for the values, too. */
enum err roles_bind_sequences(struct roles *roles, const struct roles_request *request, struct err_info *info);

/* Open FILE[:NAME] through the roles' archives, and find the tensor: the one called NAME, or the only one. *tensor is NULL where there are several and no NAME. */
enum err roles_archive(struct roles *roles, const char *spec, struct archive **archive, const struct tensor **tensor, struct err_info *info);

/* Open FILE[:NAME] through the roles' archives, which own the tensor. */
enum err roles_tensor(struct roles *roles, const char *spec, const struct tensor **tensor, struct err_info *info);

#endif
