/*
 * The table of mechanisms: one file and one row each. --attention NAME picks the row; `attnviz explain NAME` prints it.
 */
#ifndef ATTNVIZ_MECHANISM_MECHANISM_H
#define ATTNVIZ_MECHANISM_MECHANISM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/source.h"
#include "mechanism/mask.h"
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

/* A tensor bound to a role. `heads` is set for roles in the canonical view (query, key, value, weights); `tensor` is the raw tensor, always set. */
struct mechanism_binding {
	const char *role;
	const struct tensor *tensor;
	const struct heads *heads;
};

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
	const int64_t *key_length;    /* [batches] or NULL */
	int64_t key_length_count;
	const struct heads *allow, *bias;
	enum dead_rows dead_rows;
};

struct mechanism {
	const char *name;
	const char *summary;    /* one line */
	const char *equation;   /* plain text, several lines */
	const char *properties; /* "weights >= 0, rows sum to 1, causal by option" */
	const char *reference;  /* paper, and the code it was compared with */
	const struct mechanism_input *input;         /* ended by a NULL role; may be NULL */
	const struct mechanism_parameter *parameter; /* ended by a NULL name; may be NULL */
	/* Everything in args must outlive the source. A missing or ill-shaped input is named with its expected shape and its option. */
	enum err (*open)(const struct mechanism_args *args, struct source **source, struct err_info *info);
};

extern const struct mechanism *const mechanism_table[]; /* NULL-terminated; "softmax" first */

const struct mechanism *mechanism_find(const char *name); /* NULL when there is none */

/* Helpers for open(). */
const struct mechanism_binding *mechanism_input_find(const struct mechanism_args *args, const char *role);
const struct heads *mechanism_heads(const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, struct err_info *info); /* required */
const char *mechanism_parameter_text(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name);
enum err mechanism_parameter_real(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, double *value, struct err_info *info);
enum err mechanism_parameter_int(const struct mechanism_args *args, const struct mechanism *mechanism, const char *name, int64_t *value, struct err_info *info);
enum err mechanism_check_parameters(const struct mechanism_args *args, const struct mechanism *mechanism, struct err_info *info); /* unknown names */

#endif
