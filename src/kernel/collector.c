/* SPDX-License-Identifier: MIT */
#include "kernel/collector.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Bytes that may wait to be sent; one item always may. */
static const size_t WAITING_BYTES = 256 << 20;

/* Larger ones are sent piece by piece, which waits for each. */
static const size_t PARCEL_BYTES = 64 << 20;

struct parcel {
	struct peers_request *request;
	void *memory;
	size_t size;
};

enum err collector_init(struct collector *collector, struct peers *peers, const struct source *source, const struct kernels *kernels,
			struct sink *const *sinks, int sink_count, struct err_info *info)
{
	*collector = (struct collector){ .peers = peers, .sinks = sinks, .sink_count = sink_count };
	collector->size = mem_zero_array((size_t)sink_count, sizeof *collector->size);
	collector->received = mem_zero_array((size_t)sink_count, sizeof *collector->received);
	if (!collector->size || !collector->received)
		return err_nomem(info, "the partial results");
	for (int i = 0; i < sink_count; i++) {
		const struct sink_ops *ops = sinks[i]->ops;
		collector->size[i] = ops->partial_size ? ops->partial_size(sinks[i], source, kernels) : 0;
		bool receives = peers->rank == 0 && collector->size[i] > 0;
		collector->received[i] = receives ? mem_aligned(collector->size[i]) : NULL;
		if (receives && !collector->received[i])
			return err_nomem(info, "the partial results");
	}
	return ERR_OK;
}

void collector_release(struct collector *collector)
{
	for (int i = 0; i < collector->sink_count && collector->received; i++)
		mem_aligned_free(collector->received[i]);
	for (size_t i = 0; i < collector->parcels; i++)
		free(collector->parcel[i].memory);
	free(collector->parcel);
	free(collector->received);
	free(collector->size);
	*collector = (struct collector){ 0 };
}

static size_t sent_size(const struct collector *collector, int sink, const struct item *item)
{
	const struct sink_ops *ops = collector->sinks[sink]->ops;
	return collector->size[sink] && ops->merged_size ? ops->merged_size(collector->sinks[sink], item) : collector->size[sink];
}

size_t collector_size(const struct collector *collector, const struct item *item)
{
	size_t size = 0;
	for (int i = 0; i < collector->sink_count; i++)
		size += sent_size(collector, i, item);
	return size;
}

void collector_merge(struct collector *collector, const struct item *item, void *const *partial)
{
	for (int i = 0; i < collector->sink_count; i++)
		if (collector->sinks[i]->ops->merge)
			collector->sinks[i]->ops->merge(collector->sinks[i], item, partial[i]);
}

enum err collector_receive(struct collector *collector, int rank, const struct item *item, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int i = 0; i < collector->sink_count && !err; i++)
		err = peers_receive_all(collector->peers, rank, PEERS_PARTIAL, collector->received[i], sent_size(collector, i, item), info);
	if (!err)
		collector_merge(collector, item, collector->received);
	return err;
}

/* Forget parcels from the front that have been sent; wait for them while there are more than `most` bytes. */
static void reclaim(struct collector *collector, size_t most)
{
	size_t gone = 0;
	while (gone < collector->parcels) {
		struct parcel *parcel = &collector->parcel[gone];
		if (collector->bytes > most)
			peers_wait(collector->peers, parcel->request);
		else if (!collector->peers->ops->done(collector->peers, parcel->request))
			break;
		free(parcel->memory);
		collector->bytes -= parcel->size;
		gone++;
	}
	if (gone > 0)
		memmove(collector->parcel, collector->parcel + gone, (collector->parcels - gone) * sizeof *collector->parcel);
	collector->parcels -= gone;
}

static enum err post(struct collector *collector, const void *partial, size_t size, struct err_info *info)
{
	if (!mem_grow((void **)&collector->parcel, &collector->capacity, collector->parcels + 1, sizeof *collector->parcel))
		return err_nomem(info, "a message");
	struct parcel parcel = { .memory = mem_array(size, 1), .size = size };
	if (!parcel.memory)
		return err_nomem(info, "a message");
	memcpy(parcel.memory, partial, size);
	parcel.request = collector->peers->ops->send(collector->peers, 0, PEERS_PARTIAL, parcel.memory, size);
	if (!parcel.request) {
		free(parcel.memory);
		return err_nomem(info, "a message");
	}
	collector->parcel[collector->parcels++] = parcel;
	collector->bytes += size;
	return ERR_OK;
}

enum err collector_send(struct collector *collector, const struct item *item, void *const *partial, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int i = 0; i < collector->sink_count && !err; i++) {
		size_t size = sent_size(collector, i, item);
		reclaim(collector, size < WAITING_BYTES ? WAITING_BYTES - size : 0);
		if (size > PARCEL_BYTES)
			err = peers_send_all(collector->peers, 0, PEERS_PARTIAL, partial[i], size, info);
		else if (size > 0)
			err = post(collector, partial[i], size, info);
	}
	return err;
}

void collector_flush(struct collector *collector)
{
	while (collector->parcels > 0) {
		reclaim(collector, 0);
		if (collector->parcels > 0)
			peers_pause();
	}
}
