/* SPDX-License-Identifier: MIT */
/*
 * The table of model families: one row each, and nothing about a family outside of its row. Rules that many share are columns; what is particular to one is a
 * function of a few lines that changes the draft of a layer. To add a family, add a row to families.c.
 */
#ifndef ATTNVIZ_MODEL_FAMILY_H
#define ATTNVIZ_MODEL_FAMILY_H

#include "model/config.h"
#include "model/settings.h"

/* Where config.json lists no layer_types. */
enum window_rule {
	WINDOW_NEVER,
	WINDOW_ALWAYS,   /* sliding_window on every layer */
	WINDOW_PATTERN,  /* every p-th layer is full, the others slide */
	WINDOW_UPPER,    /* with use_sliding_window, from layer max_window_layers on */
};

/* One layer as it is being worked out. */
struct draft {
	struct config_view *config;
	int64_t length;            /* tokens of this call, which some rotations depend on; 0: not known */
	int64_t layer, layers;
	const char *type;          /* of layer_types, or what stands for it; NULL */
	struct layer_settings *set;
	/* What the rotation is made of once the row's function has run. */
	bool rotates, scaled;      /* scaled: rope_scaling counts */
	double theta, partial;
	int64_t rope_dims;         /* 0: dim * partial */
};

struct family {
	const char *types;         /* model types, '|' between */
	const char *tower;         /* "encoder", "decoder", "cross", "text", "vision"; NULL: the model has one */
	const char *title;         /* for the manual: "Llama, Mixtral, Arcee" */
	const char *path;          /* of its layers, '#' for the number: "layers.#."; NULL: that */
	enum model_norm norm;      /* 0: as norm_name "" says none, else RMS */
	const char *norm_name;     /* NULL: "input_layernorm"; "": none */
	const char *eps;           /* the field, or fields; NULL: "rms_norm_eps|layer_norm_eps|layer_norm_epsilon|norm_eps" */
	double eps_default;        /* 0: 1e-6 */
	enum model_layout layout;
	const char *query, *key, *value, *output; /* NULL: "self_attn.q_proj" ... "self_attn.o_proj"; in one: query alone */
	enum model_norm qk_norm;
	enum model_stage qk_stage;
	const char *query_norm, *key_norm; /* NULL: "self_attn.q_norm", "self_attn.k_norm" */
	const char *qk_norm_if;    /* the field that must be true; NULL: always */
	enum rope_pairing rope;
	const char *theta;         /* the field, or fields; NULL: "rope_theta" */
	double theta_default;      /* 0: 10000 */
	double partial;            /* 0: 1 */
	bool is_encoder;           /* sees later tokens too */
	enum window_rule window;
	int64_t window_default, window_period; /* 0: none */
	int64_t heads_default, key_heads_default, dim_default; /* 0: none, as many as heads, hidden size / heads */
	const char *heads, *layers;            /* fields; NULL: the usual names */
	bool states_behind;        /* hidden_states[l] is what comes out of layer l, not what enters it */
	const char *others;        /* the mechanism of layers that are none of ours: "lightning attention" */
	void (*adapt)(struct draft *draft);    /* NULL: nothing particular */
	const char *remark;        /* for the manual: what is particular, in a few words; NULL */
};

extern const struct family model_family_table[];
extern const size_t model_family_count;

/* The row of a model type and tower. `tower` NULL finds the first of the type. NULL: none. */
const struct family *family_find(const char *type, const char *tower);

/* The towers that a type has, in the order of the table; at most `most`. */
int family_towers(const char *type, const char **tower, int most);

/* Settings of a layer. Errors stand in config->err. */
void family_layer(const struct family *family, struct config_view *config, int64_t layer, int64_t layers, int64_t length, struct layer_settings *settings);

/* Number of layers. */
int64_t family_layers(const struct family *family, struct config_view *config);

/* The frequencies that the draft amounts to: fills draft->set->rotary. */
void rotary_resolve(struct draft *draft);

#endif
