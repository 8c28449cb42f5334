/* SPDX-License-Identifier: MIT */
#include "mechanism/table.h"

#include <string.h>

const struct mechanism *const mechanism_table[] = {
	&mechanism_softmax,
	&mechanism_weights,
	&mechanism_multihead,
	&mechanism_paged,
	&mechanism_additive,
	&mechanism_window,
	&mechanism_bigbird,
	&mechanism_linear,
	&mechanism_performer,
	&mechanism_linformer,
	&mechanism_conformer,
	&mechanism_shaw,
	&mechanism_sinusoidal,
	&mechanism_mamba,
	&mechanism_ssd,
	&mechanism_rwkv4,
	&mechanism_rwkv5,
	&mechanism_rwkv6,
	&mechanism_infini,
	NULL,
};

const struct mechanism *mechanism_find(const char *name)
{
	for (const struct mechanism *const *row = mechanism_table; *row; row++)
		if (strcmp((*row)->name, name) == 0)
			return *row;
	return NULL;
}
