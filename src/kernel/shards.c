/* SPDX-License-Identifier: MIT */
#include "kernel/shards.h"

#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "kernel/prepared.h"

/* Buffers for chunks of others: one at work, one being passed on, two arriving. */
enum { BUFFERS = 4 };

static const size_t CHUNK_BYTES = 1 << 20;

/* A chunk in the order of the turn. */
struct stop {
	const struct chunk *chunk;
	struct peers_request *receive, *send;
	bool posted, here, passed, dropped; /* passed: the right neighbour has it, or owns it */
	char *memory;
};

struct passage {
	struct stop *stop;
	int64_t count, at;                         /* at: the one at work, or that is waited for */
	int64_t posted, arrived, offered, passed;  /* stops before these are past that state */
	char *buffer[BUFFERS];
	int64_t user[BUFFERS];                     /* the stop that has it, -1: nobody */
	bool with_values, starved;
	int64_t messages, bytes;
};

double shards_clock(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

bool shards_possible(const struct source *source, const struct kernels *kernels)
{
	return source->ops->prepare && source->ops->prepared_key_bytes && source->ops->prepared_key_bytes(source, kernels) > 0;
}

static size_t padded(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

/* Keys a chunk: whole blocks, about the bytes asked for. */
static int64_t chunk_keys(const struct shards *shards)
{
	size_t wanted = shards->peers->chunk_bytes ? shards->peers->chunk_bytes : CHUNK_BYTES, block = KEY_BLOCK * (shards->key_bytes + shards->value_bytes);
	return KEY_BLOCK * (int64_t)(wanted / block > 0 ? wanted / block : 1);
}

/* Shards are runs of whole blocks. */
static int64_t shard_begin(const struct shards *shards, int64_t rank)
{
	int64_t blocks = (shards->source->keys + KEY_BLOCK - 1) / KEY_BLOCK;
	return blocks * rank / shards->peers->size * KEY_BLOCK;
}

static int64_t cut_shard(const struct shards *shards, int rank, struct chunk *chunk)
{
	int64_t begin = shard_begin(shards, rank), end = shard_begin(shards, rank + 1), count = 0, keys = chunk_keys(shards);
	size_t at = 0;
	if (end > shards->source->keys)
		end = shards->source->keys;
	for (; begin < end; begin += keys, count++) {
		int64_t last = begin + keys < end ? begin + keys : end;
		size_t panels = (size_t)(last - begin + KEY_PANEL - 1) / KEY_PANEL;
		struct chunk one = { .begin = begin, .end = last, .owner = rank, .at = at, .key_size = padded(panels * KEY_PANEL * shards->key_bytes),
				     .value_size = padded((size_t)(last - begin) * shards->value_bytes) };
		at += one.key_size + one.value_size;
		if (chunk)
			chunk[count] = one;
	}
	return count;
}

enum err shards_init(struct shards *shards, struct peers *peers, const struct source *source, const struct kernels *kernels, bool with_values,
		     struct err_info *info)
{
	*shards = (struct shards){ .peers = peers, .source = source, .kernels = kernels, .lock = PTHREAD_MUTEX_INITIALIZER };
	shards->key_bytes = source->ops->prepared_key_bytes(source, kernels);
	shards->value_bytes = with_values ? prepared_value_bytes(source) : 0;
	for (int rank = 0; rank < peers->size; rank++)
		shards->chunk_count += cut_shard(shards, rank, NULL);
	shards->chunk = mem_array((size_t)shards->chunk_count, sizeof *shards->chunk);
	if (!shards->chunk)
		return err_nomem(info, "the shards");
	for (int64_t rank = 0, at = 0; rank < peers->size; rank++)
		at += cut_shard(shards, (int)rank, shards->chunk + at);
	size_t own = 0;
	for (int64_t i = 0; i < shards->chunk_count; i++) {
		const struct chunk *chunk = &shards->chunk[i];
		size_t size = chunk->key_size + chunk->value_size;
		own += chunk->owner == peers->rank ? size : 0;
		shards->buffer_size = size > shards->buffer_size ? size : shards->buffer_size;
	}
	shards->own = mem_aligned(own);
	return shards->own ? ERR_OK : err_nomem(info, "the shard");
}

static void passage_free(struct passage *passage)
{
	for (int i = 0; i < BUFFERS && passage; i++)
		mem_aligned_free(passage->buffer[i]);
	if (passage)
		free(passage->stop);
	free(passage);
}

void shards_release(struct shards *shards)
{
	passage_free(shards->passage);
	mem_aligned_free(shards->own);
	free(shards->chunk);
	pthread_mutex_destroy(&shards->lock);
	*shards = (struct shards){ 0 };
}

/* Where the state of key 0 would lie. The address is only ever used after adding a key of the chunk; as an integer, because a pointer may not leave
 * its array. */
static const void *origin(const char *memory, int64_t first_key, size_t key_bytes)
{
	return (const void *)((uintptr_t)memory - (uintptr_t)first_key * key_bytes);
}

struct loading {
	struct shards *shards;
	int64_t map, first;
	struct err_info *infos;
};

static enum err load_chunk(void *data, int64_t job, int worker)
{
	(void)worker;
	struct loading *loading = data;
	const struct shards *shards = loading->shards;
	const struct source *source = shards->source;
	const struct chunk *chunk = &shards->chunk[loading->first + job];
	char *keys = shards->own + chunk->at, *values = keys + chunk->key_size;
	struct err_info *info = &loading->infos[job];
	enum err err = source->ops->prepare(source, shards->kernels, loading->map, chunk->begin, chunk->end,
					    (void *)(uintptr_t)origin(keys, chunk->begin, shards->key_bytes), info);
	if (!err && shards->value_bytes)
		err = prepared_pack_values(source, loading->map, chunk->begin, chunk->end,
					   (float *)(uintptr_t)origin(values, chunk->begin, shards->value_bytes), info);
	return err;
}

enum err shards_load(struct shards *shards, struct pool *pool, int64_t map, struct err_info *info)
{
	struct loading loading = { .shards = shards, .map = map };
	int64_t count = 0;
	for (int64_t i = 0; i < shards->chunk_count; i++) {
		loading.first += shards->chunk[i].owner < shards->peers->rank;
		count += shards->chunk[i].owner == shards->peers->rank;
	}
	loading.infos = mem_zero_array((size_t)count, sizeof *loading.infos);
	if (!loading.infos)
		return err_nomem(info, "the shard");
	enum err err = pool_run(pool, count, load_chunk, &loading);
	for (int64_t i = 0; i < count && err && info && !info->code; i++)
		if (loading.infos[i].code)
			*info = loading.infos[i];
	free(loading.infos);
	return err;
}

static size_t message_size(const struct passage *passage, const struct chunk *chunk)
{
	return chunk->key_size + (passage->with_values ? chunk->value_size : 0);
}

static bool is_own(const struct shards *shards, const struct stop *stop)
{
	return stop->chunk->owner == shards->peers->rank;
}

static char *free_buffer(struct passage *passage, int64_t user)
{
	for (int i = 0; i < BUFFERS; i++) {
		const struct stop *held = passage->user[i] < 0 ? NULL : &passage->stop[passage->user[i]];
		if (!held || (held->dropped && held->passed)) {
			passage->user[i] = user;
			return passage->buffer[i];
		}
	}
	return NULL;
}

/* Ask the left neighbour for what comes next, as far as there are buffers. */
static void post_receives(struct shards *shards, struct passage *passage)
{
	struct peers *peers = shards->peers;
	for (; passage->posted < passage->count; passage->posted++) {
		struct stop *stop = &passage->stop[passage->posted];
		if (is_own(shards, stop))
			continue;
		stop->memory = free_buffer(passage, passage->posted);
		if (!stop->memory)
			return;
		stop->receive = peers->ops->receive(peers, (peers->rank + peers->size - 1) % peers->size, PEERS_SHARD, stop->memory, message_size(passage, stop->chunk));
		passage->starved |= !stop->receive;
	}
}

/* What is here goes on to the right, in the order of the turn; own chunks no earlier than they are soon needed, or they would wait in the
 * neighbour's memory. */
static void offer(struct shards *shards, struct passage *passage)
{
	struct peers *peers = shards->peers;
	int right = (peers->rank + 1) % peers->size;
	for (; passage->offered < passage->count && passage->offered <= passage->at + BUFFERS; passage->offered++) {
		struct stop *stop = &passage->stop[passage->offered];
		if (!stop->here)
			return;
		if (peers->size == 1 || stop->chunk->owner == right) {
			stop->passed = true;
			continue;
		}
		size_t size = message_size(passage, stop->chunk);
		stop->send = peers->ops->send(peers, right, PEERS_SHARD, stop->memory, size);
		passage->starved |= !stop->send;
		passage->messages++;
		passage->bytes += (int64_t)size;
	}
}

static void advance(struct shards *shards)
{
	struct passage *passage = shards->passage;
	struct peers *peers = shards->peers;
	post_receives(shards, passage);
	for (; passage->arrived < passage->posted; passage->arrived++) {
		struct stop *stop = &passage->stop[passage->arrived];
		if (!stop->here && (!stop->receive || !peers->ops->done(peers, stop->receive)))
			break;
		stop->here = true;
	}
	offer(shards, passage);
	for (; passage->passed < passage->offered; passage->passed++) {
		struct stop *stop = &passage->stop[passage->passed];
		if (!stop->passed && (!stop->send || !peers->ops->done(peers, stop->send)))
			break;
		stop->passed = true;
	}
}

enum err shards_begin(struct shards *shards, const bool *active, bool with_values, struct err_info *info)
{
	struct passage *passage = mem_zero_array(1, sizeof *passage);
	if (!passage)
		return err_nomem(info, "the ring");
	shards->passage = passage;
	passage->with_values = with_values;
	passage->stop = mem_zero_array((size_t)shards->chunk_count, sizeof *passage->stop);
	bool complete = passage->stop;
	for (int i = 0; i < BUFFERS; i++) {
		passage->user[i] = -1;
		passage->buffer[i] = shards->peers->size > 1 ? mem_aligned(shards->buffer_size) : NULL;
		complete &= passage->buffer[i] || shards->peers->size == 1;
	}
	if (!complete)
		return err_nomem(info, "the ring");
	for (int64_t i = 0; i < shards->chunk_count; i++) {
		struct stop *stop = &passage->stop[passage->count];
		if (!active[i])
			continue;
		stop->chunk = &shards->chunk[i];
		stop->here = is_own(shards, stop);
		stop->memory = stop->here ? shards->own + stop->chunk->at : NULL;
		passage->count++;
	}
	return ERR_OK;
}

const struct chunk *shards_take(struct shards *shards, const void **keys, const void **values, double *waited, struct err_info *info)
{
	struct passage *passage = shards->passage;
	if (passage->at == passage->count)
		return NULL;
	struct stop *stop = &passage->stop[passage->at];
	double start = waited ? shards_clock() : 0;
	advance(shards);
	while (!stop->here && !passage->starved) {
		peers_pause();
		advance(shards);
	}
	if (waited)
		*waited += shards_clock() - start;
	if (passage->starved) {
		err_nomem(info, "a message");
		return NULL;
	}
	const struct chunk *chunk = stop->chunk;
	*keys = origin(stop->memory, chunk->begin, shards->key_bytes);
	*values = shards->value_bytes ? origin(stop->memory + chunk->key_size, chunk->begin, shards->value_bytes) : NULL;
	return chunk;
}

void shards_drop(struct shards *shards)
{
	shards->passage->stop[shards->passage->at++].dropped = true;
}

void shards_progress(struct shards *shards)
{
	if (pthread_mutex_trylock(&shards->lock) != 0)
		return;
	advance(shards);
	pthread_mutex_unlock(&shards->lock);
}

enum err shards_end(struct shards *shards, int64_t *messages, int64_t *bytes, struct err_info *info)
{
	struct passage *passage = shards->passage;
	advance(shards);
	while (passage->passed < passage->count && !passage->starved) {
		peers_pause();
		advance(shards);
	}
	*messages += passage->messages;
	*bytes += passage->bytes;
	bool starved = passage->starved;
	passage_free(passage);
	shards->passage = NULL;
	return starved ? err_nomem(info, "a message") : ERR_OK;
}
