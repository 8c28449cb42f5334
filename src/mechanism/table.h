/* SPDX-License-Identifier: MIT */
/*
 * Every mechanism that there is, declared once; table.c lists them in the order in which `attnviz explain` does.
 */
#ifndef ATTNVIZ_MECHANISM_TABLE_H
#define ATTNVIZ_MECHANISM_TABLE_H

#include "mechanism/mechanism.h"

extern const struct mechanism mechanism_softmax;
extern const struct mechanism mechanism_weights;
extern const struct mechanism mechanism_multihead;
extern const struct mechanism mechanism_paged;
extern const struct mechanism mechanism_additive;
extern const struct mechanism mechanism_window;
extern const struct mechanism mechanism_bigbird;
extern const struct mechanism mechanism_linear;
extern const struct mechanism mechanism_performer;
extern const struct mechanism mechanism_linformer;
extern const struct mechanism mechanism_conformer;
extern const struct mechanism mechanism_shaw;
extern const struct mechanism mechanism_sinusoidal;
extern const struct mechanism mechanism_mamba;
extern const struct mechanism mechanism_ssd;
extern const struct mechanism mechanism_rwkv4;
extern const struct mechanism mechanism_rwkv5;
extern const struct mechanism mechanism_rwkv6;
extern const struct mechanism mechanism_infini;

#endif
