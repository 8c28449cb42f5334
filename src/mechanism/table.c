#include "mechanism/table.h"

#include <string.h>

const struct mechanism *const mechanism_table[] = {
	&mechanism_softmax,
	&mechanism_weights,
	NULL,
};

const struct mechanism *mechanism_find(const char *name)
{
	for (const struct mechanism *const *row = mechanism_table; *row; row++)
		if (strcmp((*row)->name, name) == 0)
			return *row;
	return NULL;
}
