/* SPDX-License-Identifier: MIT */
/*
 * The other form of windowed attention: weights as Hugging Face's Longformer returns them.
 *
 * attentions (B,H,N,x+2w+1): the x global keys in the order of their positions (x of the batch that has most), then the keys at i - w .. i + w; columns of global keys within the window are 0, and so
 * are the rows of global queries. Those stand in global_attentions (B,H,N',x), transposed: [j, g] is the weight of key j for global query g, and N' may be longer
 * by the padding that the former has lost.
 */
#ifndef ATTNVIZ_MECHANISM_WINDOW_H
#define ATTNVIZ_MECHANISM_WINDOW_H

#include "mechanism/mechanism.h"

/* Parameters and masks as those of the window mechanism, whose open() hands over to this where the role attentions is given. */
enum err window_packed_open(const struct mechanism_args *args, struct source **source, struct err_info *info);

#endif
