/* SPDX-License-Identifier: MIT */
/*
 * Which axes a mask file has: (queries, keys) with heads, batch or layers before them, or (batch, keys) as tokenizers return it.
 */
#ifndef ATTNVIZ_MECHANISM_MASK_LAYOUT_H
#define ATTNVIZ_MECHANISM_MASK_LAYOUT_H

#include "base/error.h"
#include "mechanism/mask.h"
#include "tensor/tensor.h"

/*
 * Read the axes of a mask into mask->file and point mask->allow, or mask->bias where it holds floats, at that. The sizes decide among
 *
 *   rank 1   M
 *   rank 2   NM, BM                   else BN, where the first axis cannot be the queries
 *   rank 3   HNM, BNM, (BH)NM, LNM
 *   rank 4   BHNM, LHNM
 *   rank 5   LBHNM
 *
 * An axis fits where it is 1 long or as long as that of the source; fewer keys fit where mask->mask_keys says where they lie. Where two readings fit and mean different
 * things, or none does, ERR_USAGE or ERR_SHAPE says what would settle it. The sizes of the source and of the mask must be set. *read becomes the letters (may be NULL).
 */
enum err mask_layout_read(struct mask *mask, const struct tensor *tensor, const struct source *source, const char **read, struct err_info *info);

/* Of a view that exists already: must fit as above. `option` is "mask" or "bias". */
enum err mask_layout_check(const struct mask *mask, const struct heads *file, const char *option, const struct source *source, struct err_info *info);

/* Does a mask of floats hold nothing but zeros and ones, as booleans do? */
bool mask_looks_boolean(const struct tensor *tensor);

/* Of floats that are all 0, or at or below -100, as those that are to hide keys: the largest that is added and hides nothing (above MASK_HIDES); else 0. */
double mask_adds_where_it_means_to_hide(const struct tensor *tensor);

/* An integer 0 hides and another one attends: one below 0, which is meant to be added, is ERR_VALUE. */
enum err mask_check_integers(const struct tensor *tensor, struct err_info *info);

#endif
