/* SPDX-License-Identifier: MIT */
/*
 * Which of the settings that all mechanisms share can change what one of them computes.
 *
 * Each row of the table of mechanisms names the groups that it uses; what the user gave of the others is refused by the name of its option, in one place. So no option
 * is ever taken and then ignored. To add a setting, add a bit, a row of the table in settings.c, and the bit to the mechanisms that use it.
 */
#ifndef ATTNVIZ_MECHANISM_SETTINGS_H
#define ATTNVIZ_MECHANISM_SETTINGS_H

#include <stdint.h>

#include "base/error.h"

enum {
	SETTING_SCALE = 1 << 0,
	SETTING_SOFTCAP = 1 << 1,
	SETTING_STAGE = 1 << 2,
	SETTING_BIAS = 1 << 3,         /* a mask of floats */
	SETTING_MASK = 1 << 4,         /* a mask of booleans */
	SETTING_CAUSAL = 1 << 5,
	SETTING_PAST = 1 << 6,
	SETTING_WINDOW = 1 << 7,
	SETTING_CHUNK = 1 << 8,
	SETTING_KEY_BEGIN = 1 << 9,
	SETTING_KEY_LENGTHS = 1 << 10,
	SETTING_DEAD_NAN = 1 << 11,    /* rows that see nothing are written as NaN */
	SETTING_DEAD_UNIFORM = 1 << 12,
	SETTING_READY = 1 << 13,       /* what ready weights hold */
	SETTING_SKIP_NAN = 1 << 14,
	SETTING_ROPE = 1 << 15,
	SETTING_DISTANCE = 1 << 16,    /* ALiBi and T5's biases */
	SETTING_QK_NORM = 1 << 17,
	SETTING_SINKS = 1 << 18,
	SETTING_OFFSETS = 1 << 19,     /* of positions, for what is made of them and for distances */
	SETTING_POSITIONS = 1 << 20,   /* one by one */
	SETTING_MASK_KEYS = 1 << 21,
	SETTING_QUERY_LENGTHS = 1 << 22,
	SETTING_KEEP_FIRST = 1 << 23,

	SETTINGS_NONE = 0,
	SETTINGS_LIMITS = SETTING_MASK | SETTING_MASK_KEYS | SETTING_CAUSAL | SETTING_PAST | SETTING_WINDOW | SETTING_CHUNK | SETTING_KEEP_FIRST | SETTING_KEY_BEGIN | SETTING_KEY_LENGTHS | SETTING_QUERY_LENGTHS |
			  SETTING_DEAD_NAN,
	SETTINGS_LOGITS = SETTING_SCALE | SETTING_SOFTCAP | SETTING_STAGE | SETTING_BIAS | SETTING_DEAD_UNIFORM,
	SETTINGS_VECTORS = SETTING_ROPE | SETTING_DISTANCE | SETTING_QK_NORM | SETTING_SINKS | SETTING_POSITIONS |
			   SETTING_OFFSETS,
};

struct mechanism;
struct mechanism_args;

/* What this mechanism uses, given these inputs and parameters. */
uint32_t settings_used(const struct mechanism *mechanism, const struct mechanism_args *args);

/* ERR_USAGE for the first setting that args give and that cannot change anything: because the mechanism does not use it, or because another one that it needs is
 * missing. mechanism_make calls it. NULL passes. */
enum err settings_check(const struct mechanism *mechanism, const struct mechanism_args *args, struct err_info *info);

/* The settings that args give, that the mechanism uses, and that cannot change anything with these others. */
uint32_t settings_idle(const struct mechanism *mechanism, const struct mechanism_args *args);

/* The settings that args give, and putting some of them back to their defaults: for two attentions of which each takes what it can. A mask is of the one kind that its
 * file holds. */
uint32_t settings_given(const struct mechanism_args *args);
void settings_leave(uint32_t settings, struct mechanism_args *args);

/* The option that the first of these bits is named after ("--softcap"); NULL for none. */
const char *settings_option(uint32_t settings);

#endif
