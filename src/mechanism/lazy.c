/* SPDX-License-Identifier: MIT */
#include "mechanism/lazy.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"

struct lazy {
	pthread_mutex_t lock;
	int64_t arrays, count;
	lazy_make *make;
	double **array; /* NULL until made */
};

struct lazy *lazy_new(int64_t arrays, int64_t count, lazy_make *make)
{
	struct lazy *lazy = mem_zero_array(1, sizeof *lazy);
	if (!lazy)
		return NULL;
	lazy->array = mem_zero_array((size_t)arrays, sizeof *lazy->array);
	if (!lazy->array || pthread_mutex_init(&lazy->lock, NULL) != 0) {
		free(lazy->array);
		free(lazy);
		return NULL;
	}
	lazy->arrays = arrays;
	lazy->count = count;
	lazy->make = make;
	return lazy;
}

void lazy_free(struct lazy *lazy)
{
	if (!lazy)
		return;
	for (int64_t i = 0; i < lazy->arrays; i++)
		free(lazy->array[i]);
	pthread_mutex_destroy(&lazy->lock);
	free(lazy->array);
	free(lazy);
}

static enum err make_array(struct lazy *lazy, const void *owner, int64_t number, struct err_info *info)
{
	double *array = mem_zero_array((size_t)lazy->count, sizeof *array);
	if (!array)
		return err_nomem(info, "what the keys of a map have in common");
	enum err err = lazy->make(owner, number, array, lazy->count, info);
	if (err)
		free(array);
	else
		lazy->array[number] = array;
	return err;
}

enum err lazy_get(struct lazy *lazy, const void *owner, int64_t number, const double **array, struct err_info *info)
{
	pthread_mutex_lock(&lazy->lock);
	enum err err = lazy->array[number] ? ERR_OK : make_array(lazy, owner, number, info);
	*array = lazy->array[number];
	pthread_mutex_unlock(&lazy->lock);
	return err;
}
