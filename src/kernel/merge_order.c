/* SPDX-License-Identifier: MIT */
#include "kernel/merge_order.h"

#include <stdlib.h>

#include "base/memory.h"

/* While one number is due, each thread may hold all its partials for later ones, and a number that it has no partials for yet. */
enum err merge_order_init(struct merge_order *order, int threads, int count, merge_step *step, void *data, struct err_info *info)
{
	*order = (struct merge_order){ .room = (int64_t)threads * (count + 1), .step = step, .data = data };
	pthread_mutex_init(&order->lock, NULL);
	pthread_cond_init(&order->freed, NULL);
	order->done = mem_zero_array((size_t)order->room, sizeof *order->done);
	return order->done ? ERR_OK : err_nomem(info, "the items");
}

void merge_order_release(struct merge_order *order)
{
	if (!order->room)
		return;
	pthread_cond_destroy(&order->freed);
	pthread_mutex_destroy(&order->lock);
	free(order->done);
}

void merge_order_start(struct merge_order *order)
{
	order->next = 0;
}

void merge_order_break(struct merge_order *order)
{
	pthread_mutex_lock(&order->lock);
	order->broken = true;
	pthread_cond_broadcast(&order->freed);
	pthread_mutex_unlock(&order->lock);
}

static struct partials *find_free(const struct merge_order *order, struct partials *own, int count)
{
	for (int i = 0; i < count; i++)
		if (!own[i].taken || (order->broken && order->merging != &own[i]))
			return &own[i];
	return NULL;
}

struct partials *merge_order_take(struct merge_order *order, struct partials *own, int count)
{
	struct partials *found;
	pthread_mutex_lock(&order->lock);
	while (!(found = find_free(order, own, count)))
		pthread_cond_wait(&order->freed, &order->lock);
	found->taken = true;
	pthread_mutex_unlock(&order->lock);
	return found;
}

/* The lock is held on entry and on return, not during the steps. */
static enum err merge_due(struct merge_order *order)
{
	struct partials **due;
	enum err err = ERR_OK;
	while (!order->broken && *(due = &order->done[order->next % order->room])) {
		struct partials *partials = *due;
		*due = NULL;
		order->merging = partials;
		pthread_mutex_unlock(&order->lock);
		err = order->step(order->data, partials);
		pthread_mutex_lock(&order->lock);
		order->merging = NULL;
		order->broken |= err != ERR_OK;
		partials->taken = false;
		order->next++;
		pthread_cond_broadcast(&order->freed);
	}
	return err;
}

enum err merge_order_hand_in(struct merge_order *order, struct partials *partials)
{
	pthread_mutex_lock(&order->lock);
	order->done[partials->number % order->room] = partials;
	enum err err = order->merging ? ERR_OK : merge_due(order);
	pthread_mutex_unlock(&order->lock);
	return err;
}
