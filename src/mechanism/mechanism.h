/* SPDX-License-Identifier: MIT */
/*
 * The table of mechanisms: one file and one row each. --attention NAME picks the row; `attnviz explain NAME` prints it.
 *
 * To add one: write NAME.c with a `const struct mechanism mechanism_NAME`, declare it in mechanism/table.h, list it in mechanism/table.c. open() returns a struct
 * that begins with a struct source (mechanism_make), its inputs bound with the helpers below; free() of its source_ops releases it.
 */
#ifndef ATTNVIZ_MECHANISM_MECHANISM_H
#define ATTNVIZ_MECHANISM_MECHANISM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/word.h"
#include "kernel/source.h"
#include "mechanism/mask.h"
#include "mechanism/position_args.h"
#include "mechanism/settings.h"
#include "tensor/tensor.h"

/* A tensor that a mechanism takes. */
struct mechanism_input {
	const char *role;   /* "query", "key", "value", "weights", "projection", "block_table", ... */
	const char *shape;  /* in letters or words, as the manual prints it: "(B,H,N,D)" */
	bool required;
	const char *help;
};

/* A parameter that a mechanism takes beside the shared ones: --param NAME=VALUE. */
struct mechanism_parameter {
	const char *name;
	const char *value;  /* default, as text */
	const char *help;
};

/* Names by which tensors in the files play a role where no option says so: "q_proj.weight|self.query.weight", each the end of a name from a dot (or its start) on. */
struct mechanism_alias {
	const char *role, *names;
	bool is_state;   /* of a run, not of a checkpoint: it may come from anywhere */
	bool is_outside; /* beside the module of the other parameters (a norm, the output projection), not in it */
};

/* A tensor bound to a role. `heads` is set for roles in the canonical view (query, key, value, weights); `tensor` is the raw tensor, always set. */
struct mechanism_binding {
	const char *role;
	const struct tensor *tensor;
	const struct heads *heads;
	/* What is bound by alias may be one tensor per layer. */
	const struct tensor *const *tensors; /* [tensor_count], the first is `tensor`; NULL: only that */
	int64_t tensor_count;
	const int64_t *number;               /* [tensor_count] the layers that the names say; NULL: none */
	int64_t file_layers;                 /* how many layers the files have of it, chosen or not; 0: not told */
};

/* Where on its way to a weight a logit is shown: after the scale, after the soft-cap, after biases and mask (hidden keys are 0 and not `visible`), as weight. */
enum stage { STAGE_WEIGHTS, STAGE_SCORES, STAGE_CAPPED, STAGE_BIASED };

/* What ready-made weights hold. */
enum ready_form {
	READY_WEIGHTS,     /* p >= 0 */
	READY_SIGNED,      /* weights of either sign */
	READY_LOGITS,      /* natural logits: a softmax is taken here */
	READY_LOG_WEIGHTS, /* ln p */
};

/* Begin with MECHANISM_ARGS_INIT: it means "the defaults, nothing masked". */
struct mechanism_args {
	const struct mechanism_binding *binding;
	size_t binding_count;
	const char *const *parameter; /* "name=value" */
	size_t parameter_count;
	double scale;                 /* NaN: the mechanism's default (1/sqrt d) */
	double softcap;               /* 0: none */
	enum causal causal;
	bool has_diagonal;            /* `diagonal` was given (past length) */
	int64_t diagonal;
	int64_t window_left, window_right; /* -1: no limit */
	int64_t chunk, keep_first, key_begin; /* see mask.h; 0: none */
	const int64_t *key_begins;    /* [batches], in place of key_begin; NULL: none */
	int64_t key_begin_count;
	const int64_t *key_length;    /* [batches]; NULL: none */
	int64_t key_length_count;
	const int64_t *query_length;  /* [batches]; NULL: none */
	int64_t query_length_count;
	bool align_to_length;         /* see mask.h; also done for bottom-right limits with key lengths and more keys than queries */
	const struct heads *allow, *bias; /* masks whose axes are known; or: */
	const struct tensor *mask;    /* a file whose axes the sizes tell (mask_layout.h); floats are a bias. NULL: none */
	const char **mask_read;       /* where to put the letters that it was read by; NULL: nowhere */
	enum mask_keys mask_keys;
	bool has_mask_keys;           /* the user said so: a file with a column for each key is then ERR_USAGE */
	enum dead_rows dead_rows;
	enum stage stage;
	enum ready_form ready;
	bool skip_nan;                /* rows of ready weights that hold NaN are rows that see nothing, and written as NaN */
	bool only_weights;            /* nothing measures distances: settings that count for those alone are ERR_USAGE */
	struct position_args position;
};

#define MECHANISM_ARGS_INIT { .scale = NAN, .window_left = -1, .window_right = -1 }

struct mechanism {
	const char *name;
	const char *summary;    /* one line */
	const char *equation;   /* plain text, several lines */
	const char *properties; /* "weights >= 0, rows sum to 1, causal by option" */
	const char *reference;  /* paper, and the code it was compared with */
	const struct mechanism_input *input;         /* ended by a NULL role; may be NULL */
	const struct mechanism_parameter *parameter; /* ended by a NULL name; may be NULL */
	const struct mechanism_alias *alias;         /* ended by a NULL role; may be NULL */
	uint32_t settings;                           /* that it uses, see settings.h */
	uint32_t (*settings_of)(const struct mechanism_args *args); /* where inputs or parameters decide; NULL: they do not */
	const char *settings_why;                    /* why it takes no masks, after "NAME attention"; NULL: nothing particular */
	bool takes_layers;                           /* parameters bound by alias may be those of several layers */
	/* What people should know of what open() took for granted; "" for nothing. NULL: nothing ever. */
	const char *(*remark)(const struct source *source);
	/* Queries and keys as the bound tensors tell, before open: where --causal is aligned. 0: not told. NULL: the roles query and key tell. */
	void (*lengths)(const struct mechanism_args *args, int64_t *queries, int64_t *keys);
	/* Everything in args must outlive the source, but for args itself. A missing or ill-shaped input is named with its expected shape and its option. */
	enum err (*open)(const struct mechanism_args *args, struct source **source, struct err_info *info);
};

extern const struct mechanism *const mechanism_table[]; /* NULL-terminated; "softmax" first */

const struct mechanism *mechanism_find(const char *name); /* NULL when there is none */

/*
 * Helpers for open().
 */

/* What is particular to a mechanism when it opens: the inputs read and checked, sizes, properties and note of its source set. */
typedef enum err mechanism_bind(struct source *source, const struct mechanism_args *args, struct err_info *info);

/* A struct of `size` bytes that begins with its struct source, given `ops` and then to bind. All the rest is zero before, which is a softmax (NORM_SOFTMAX) without
 * further properties. Where bind fails, ops->free takes what it left, zeros among them, and *source stays as it is. `what` is what ERR_NOMEM is said of. */
enum err mechanism_make(const struct source_ops *ops, size_t size, const char *what, mechanism_bind *bind, const struct mechanism_args *args,
			struct source **source, struct err_info *info);

/* The binding of a role, NULL when there is none. */
const struct mechanism_binding *mechanism_input_find(const struct mechanism_args *args, const char *role);

/* The canonical view, or the raw tensor, of a role. A missing one is NULL, and ERR_USAGE in info names what is expected. */
const struct heads *mechanism_heads(const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, struct err_info *info);
const struct tensor *mechanism_tensor(const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, struct err_info *info);

/* ERR_SHAPE, with the shape that there is and the one expected, unless the tensor has `rank` axes of these lengths (-1: any length). `role` is what the
 * message calls it. */
enum err mechanism_expect_shape(const struct tensor *tensor, const char *role, int rank, const int64_t *shape, struct err_info *info);

/* All elements of a small tensor (parameters, slopes, tables) in C order, in double; the caller frees. A NaN or an infinity is ERR_VALUE. */
enum err mechanism_numbers(const struct tensor *tensor, double **numbers, struct err_info *info);

/* Fit query, key and value (may be NULL) to each other: fills layers, batches, heads, key_heads, queries, keys, values, is_square of the source. Keys and values may have
 * fewer heads (GQA: head h reads h / (heads / kv heads)) and be shared by layers or batches. With `same_dim`, query and key must have equal dims. */
enum err mechanism_attend(struct source *source, const struct heads *query, const struct heads *key, const struct heads *value, bool same_dim,
			  struct err_info *info);

/* The mask that args ask for on this source (sizes must be set); checks the files against the sizes, sets is_causal and diagonal of the source and adds to its note.
 * Release with mask_release. */
enum err mechanism_mask(const struct mechanism_args *args, struct source *source, struct mask *mask, struct err_info *info);

/* The number of keys of a batch item that key_length says, INT64_MAX where it says nothing. */
int64_t mechanism_key_length(const struct mechanism_args *args, int64_t batch);

/* Index on an axis that may be 1 long, or shorter by a whole factor (kv heads). */
int64_t mechanism_shared_index(int64_t index, int64_t count, int64_t shared_count);

/* Append to a note, after ", " where there is something already. */
void mechanism_note(char *note, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Parameters: the text given, else the default of the row (which must exist); numbers must parse whole, reals be finite. */
const char *mechanism_parameter_text(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name);
enum err mechanism_parameter_real(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, double *value, struct err_info *info);
enum err mechanism_parameter_int(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, int64_t *value, struct err_info *info);

/* What the word of a parameter means. */
enum err mechanism_parameter_choice(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, const struct word *words, int *value,
				    struct err_info *info);

/* ERR_USAGE for a parameter that the mechanism does not have, or text without '='. The commands call it before open(). */
enum err mechanism_check_parameters(const struct mechanism_args *args, const struct mechanism *mechanism, struct err_info *info);

#endif
