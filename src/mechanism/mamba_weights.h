/* SPDX-License-Identifier: MIT */
/*
 * What Mamba's selective scan takes, from hidden states and the weights of a layer (mamba-ssm's and Hugging Face's MambaMixer):
 *
 *     [x | z] = in_proj h          u = silu(conv1d x), causal, one filter a channel
 *     [r | B | C] = x_proj u       delta = dt_proj r, to which the scan adds dt_proj.bias before the softplus
 */
#ifndef ATTNVIZ_MECHANISM_MAMBA_WEIGHTS_H
#define ATTNVIZ_MECHANISM_MAMBA_WEIGHTS_H

#include <stdbool.h>

#include "base/error.h"
#include "mechanism/made.h"
#include "mechanism/mechanism.h"

/* Each (layer, batch, 1, token, channel or state). Do not move it. */
struct mamba_made {
	struct made delta, b, c, gate, u;
};

/* `reversed`: the tokens from the last to the first, as Vim's second scan takes them. On failure *made is safe to release. */
enum err mamba_project(const struct mechanism_args *args, bool reversed, struct mamba_made *made, struct err_info *info);
void mamba_made_release(struct mamba_made *made); /* works on a zeroed struct */

#endif
