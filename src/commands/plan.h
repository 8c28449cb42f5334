/* SPDX-License-Identifier: MIT */
/*
 * The plan: which layer, and which step, each tensor of a role is, as the names say. Names alone decide, never the order of files; nothing is read here.
 *
 * A role's tensors share a template (commands/names.h) and differ in one number. That number is the layer where the word before it says so or says nothing
 * ("layers.3", "L3", "attentions.3"), also where there is one tensor only. Numbers of steps ("step3", "chunk3") are steps: of several, one is chosen or
 * all are joined along their tokens. Numbers of anything else ("rank3", "head3") are refused where they vary, and passed over where they do not.
 *
 * Layers of different roles are matched by number. A tensor whose name says no number, the only one of its role, serves every layer.
 */
#ifndef ATTNVIZ_COMMANDS_PLAN_H
#define ATTNVIZ_COMMANDS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { PLAN_STEP_UNSAID = -2, PLAN_STEP_JOIN = -1 };

struct plan_request {
	int64_t step;         /* the one to look at, or PLAN_STEP_ */
	int64_t model_layers; /* numbers in names count calls, and each step calls so many layers: number n is layer n % model_layers of step n / model_layers; 0: not said */
	bool by_order;        /* the tensors of a role are layers 0, 1, ... in the order given, whatever their names say */
};

#define PLAN_REQUEST_INIT { .step = PLAN_STEP_UNSAID }

struct plan_name {
	const char *name;
	size_t index;  /* the caller's: it moves with the name */
	int64_t layer; /* -1: the name says none */
	int64_t step;  /* -1: the names do not differ in a step */
};

enum { PLAN_NOTE_MAX = 320 };

struct plan_role {
	const char *word;       /* "query" */
	struct plan_name *name; /* [count]; name and index are given */
	size_t count;           /* of what is left: with plan_request.step >= 0 the other steps are gone */
	bool listed;            /* each tensor was named by an option: without numbers they are layers by their place, and templates may differ */
	bool layers_said;       /* the user said that they are layers: a number after a word that says nothing is one without a note */
	/* Told by plan_number. */
	int64_t layers, steps;  /* count = layers * steps; sorted by step, then by layer */
	bool numbered;          /* layers are those of the names, not places */
	bool counts_calls;      /* the number stands after no word that means layer but "L": it may count calls */
	bool tells_step;        /* the names say which step they are of; set where one is asked for */
	char note[PLAN_NOTE_MAX]; /* what was taken for granted, "" for nothing */
};

/* Number the tensors of one role. ERR_USAGE where the names do not tell layers apart, with the option that settles it. */
enum err plan_number(struct plan_role *role, const struct plan_request *request, struct err_info *info);

/* Match numbered roles of one attention; the first is that of the queries. ERR_USAGE names the layer and the role that it lacks. One tensor each that options gave, as
 * q3 and k1, are a pair without numbers where these differ and no word says that both are layers. */
enum err plan_match(struct plan_role *const *role, size_t count, const struct plan_request *request, struct err_info *info);

#endif
