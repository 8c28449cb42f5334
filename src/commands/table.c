/* SPDX-License-Identifier: MIT */
#include "commands/command.h"

#include <string.h>

const char attnviz_version[] = "0.2.0-dev";

const struct command *const command_table[] = {
	&command_heatmap,
	&command_stats,
	&command_weights,
	&command_align,
	&command_arcs,
	&command_text,
	&command_overlay,
	&command_rollout,
	&command_compare,
	&command_blocks,
	&command_flash,
	&command_ring,
	&command_info,
	&command_explain,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *command = command_table; *command; command++)
		if (strcmp((*command)->name, name) == 0)
			return *command;
	return NULL;
}
