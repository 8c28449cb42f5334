/* SPDX-License-Identifier: MIT */
#include "kernel/circulate.h"

#include <stdlib.h>

#include "base/memory.h"
#include "kernel/pass.h"
#include "kernel/prepared.h"
#include "kernel/shards.h"

/* Memory for the row groups of a span and their partial results. */
static const size_t SPAN_BYTES = 64 << 20;

/* A row group of this rank. */
struct place {
	struct group group;
	struct item item;
	void **partial; /* one a sink */
};

struct work {
	const struct circulation *given;
	struct peers *peers;
	struct shards shards;
	struct prepared prepared;   /* empty: the passes are given their keys */
	struct pass *pass;          /* one a thread */
	int pass_count;
	bool scans, outputs;
	int64_t groups;             /* of a map */
	struct place *place;
	int64_t capacity, places;   /* of the span that is being worked on: */
	int64_t map, index, span, span_groups;
	bool *active;               /* [chunks] */
	const struct chunk *chunk;
	const void *keys, *values;
	enum err (*step)(struct work *work, struct place *place, const struct pass *pass, struct err_info *info);
	pthread_mutex_t failure;
	int64_t failed_job;
	struct err_info failed;
};

static struct item item_of(const struct work *work, int64_t group)
{
	const struct circulation *given = work->given;
	int64_t lanes = given->kernels->lanes, begin = group * lanes, left = given->row_count - begin;
	return (struct item){ .map = work->map, .index = work->index, .number = group, .position = begin, .row = given->rows + begin,
			      .count = left < lanes ? left : lanes, .source = given->source, .kernels = given->kernels };
}

static void note_failure(struct work *work, int64_t job, const struct err_info *info)
{
	pthread_mutex_lock(&work->failure);
	if (work->failed_job < 0 || job < work->failed_job) {
		work->failed_job = job;
		work->failed = *info;
	}
	pthread_mutex_unlock(&work->failure);
}

static enum err run_step(void *data, int64_t job, int worker)
{
	struct work *work = data;
	struct pass *pass = &work->pass[worker];
	struct err_info info = { 0 };
	pass->keys = work->keys;
	pass->values = work->values;
	enum err err = work->step(work, &work->place[job], pass, &info);
	if (err) {
		err == ERR_NOMEM ? err_nomem(&info, "an item of the map") : err_set(&info, err, "an item of the map failed");
		note_failure(work, job, &info);
	}
	if (work->chunk)
		shards_progress(&work->shards);
	return err;
}

/* One step for all row groups of the span, on all threads. */
static enum err run_all(struct work *work, enum err (*step)(struct work *, struct place *, const struct pass *, struct err_info *), struct err_info *info)
{
	work->step = step;
	enum err err = pool_run(work->given->pool, work->places, run_step, work);
	if (err && info && !info->code && work->failed_job >= 0)
		*info = work->failed;
	return err;
}

static enum err load(struct work *work, struct place *place, const struct pass *pass, struct err_info *info)
{
	const struct collector *collector = work->given->collector;
	place->group.rows = (struct row_group){ .map = work->map, .count = (int)place->item.count, .row = place->item.row };
	for (int i = 0; i < collector->sink_count; i++)
		if (collector->sinks[i]->ops->start)
			collector->sinks[i]->ops->start(collector->sinks[i], &place->item, place->partial[i]);
	return pass_load(pass, &place->group, info);
}

static enum err sweep(struct work *work, struct place *place, const struct pass *pass, struct err_info *info)
{
	return pass_sweep(pass, &place->group, work->chunk->begin, work->chunk->end, info);
}

static enum err settle(struct work *work, struct place *place, const struct pass *pass, struct err_info *info)
{
	(void)work, (void)info;
	pass_settle(pass, &place->group);
	return ERR_OK;
}

static enum err scan(struct work *work, struct place *place, const struct pass *pass, struct err_info *info)
{
	return pass_scan(pass, &place->item, 0, &place->group, work->chunk->begin, work->chunk->end, place->partial, info);
}

static enum err hand_out(struct work *work, struct place *place, const struct pass *pass, struct err_info *info)
{
	(void)work, (void)info;
	pass_hand_out(pass, &place->item, 0, &place->group, place->partial);
	return ERR_OK;
}

/* Entries of the tiles that a chunk costs this rank. */
static int64_t count_scores(const struct work *work)
{
	const struct source *source = work->given->source;
	int64_t scores = 0;
	for (int64_t i = 0; i < work->places; i++) {
		const struct item *item = &work->place[i].item;
		for (int64_t key = work->chunk->begin; key < work->chunk->end; key += KEY_BLOCK) {
			int64_t end = key + KEY_BLOCK < work->chunk->end ? key + KEY_BLOCK : work->chunk->end;
			if (!source->ops->coverage ||
			    source->ops->coverage(source, item->map, item->row[0], item->row[item->count - 1], key, end) != TILE_EMPTY)
				scores += (end - key) * item->count;
		}
	}
	return scores;
}

/* One turn of the ring: every active chunk comes by, and all row groups work on it while the next ones travel. */
static enum err turn(struct work *work, bool second, struct err_info *info)
{
	struct ring_trace *trace = work->peers->trace;
	int64_t messages = 0, bytes = 0;
	double waited = 0;
	enum err err = shards_begin(&work->shards, work->active, work->outputs && !second, info);
	while (!err && (work->chunk = shards_take(&work->shards, &work->keys, &work->values, trace ? &waited : NULL, info))) {
		double start = trace ? shards_clock() : 0;
		err = run_all(work, second ? scan : sweep, info);
		if (trace) {
			struct ring_step *step = &trace->step[(second ? work->peers->size : 0) + work->chunk->owner];
			step->compute += shards_clock() - start;
			step->wait += waited;
			step->scores += count_scores(work);
			waited = 0;
		}
		shards_drop(&work->shards);
	}
	work->chunk = NULL;
	if (!err && info->code)
		err = info->code;
	if (!err)
		err = shards_end(&work->shards, &messages, &bytes, info);
	if (trace) {
		trace->messages += messages;
		trace->bytes += bytes;
	}
	return err;
}

/* Rank 0 merges the groups of the span in order, whoever has them; the others send theirs. */
static enum err collect(struct work *work, struct err_info *info)
{
	struct collector *collector = work->given->collector;
	enum err err = ERR_OK;
	if (work->peers->rank > 0) {
		for (int64_t i = 0; i < work->places && !err; i++)
			err = collector_send(collector, &work->place[i].item, work->place[i].partial, info);
		return err;
	}
	for (int64_t i = 0, own = 0; i < work->span_groups && !err; i++) {
		int owner = ring_owner(work->peers->layout, work->peers->size, work->span_groups, i);
		struct item item = item_of(work, work->span + i);
		if (owner == 0)
			collector_merge(collector, &item, work->place[own++].partial);
		else
			err = collector_receive(collector, owner, &item, info);
	}
	return err;
}

/* Which chunks some row of the span may see: the same on all ranks. */
static void choose_chunks(struct work *work)
{
	const struct source *source = work->given->source;
	struct item first = item_of(work, work->span), last = item_of(work, work->span + work->span_groups - 1);
	for (int64_t i = 0; i < work->shards.chunk_count; i++) {
		const struct chunk *chunk = &work->shards.chunk[i];
		work->active[i] = !source->ops->coverage || source->ops->coverage(source, work->map, first.row[0], last.row[last.count - 1],
										   chunk->begin, chunk->end) != TILE_EMPTY;
	}
}

static enum err run_span(struct work *work, struct err_info *info)
{
	enum ring_layout layout = work->peers->layout;
	work->places = ring_share(layout, work->peers->size, work->span_groups, work->peers->rank);
	for (int64_t i = 0; i < work->places; i++)
		work->place[i].item = item_of(work, work->span + ring_token(layout, work->peers->size, work->span_groups, work->peers->rank, i));
	choose_chunks(work);
	enum err err = run_all(work, load, info);
	if (!err)
		err = turn(work, false, info);
	if (!err)
		err = run_all(work, settle, info);
	if (!err && work->scans)
		err = turn(work, true, info);
	if (!err)
		err = run_all(work, hand_out, info);
	return err ? err : collect(work, info);
}

static enum err report(const struct work *work, double share, struct err_info *info)
{
	const struct driver_options *options = work->given->options;
	if (options->progress && !options->progress(options->progress_data, share))
		return err_set(info, ERR_INTERRUPTED, "stopped before the end");
	return ERR_OK;
}

static enum err prepare_sinks(const struct work *work, struct err_info *info)
{
	const struct collector *collector = work->given->collector;
	enum err err = ERR_OK;
	for (int i = 0; i < collector->sink_count && !err; i++)
		if (collector->sinks[i]->ops->map_prepare)
			err = collector->sinks[i]->ops->map_prepare(collector->sinks[i], work->given->source, work->map, work->index, info);
	return err;
}

static enum err end_map(const struct work *work, struct err_info *info)
{
	const struct collector *collector = work->given->collector;
	enum err err = ERR_OK;
	for (int i = 0; i < collector->sink_count && !err && work->peers->rank == 0; i++)
		if (collector->sinks[i]->ops->map_end)
			err = collector->sinks[i]->ops->map_end(collector->sinks[i], work->given->source, work->map, work->index, info);
	return err;
}

/* Query heads of one key head use the same shard. */
static bool shares_shard(const struct work *work, int64_t map, int64_t other)
{
	const struct source *source = work->given->source;
	return prepared_shared_id(source, PREPARED_SOURCE, map) == prepared_shared_id(source, PREPARED_SOURCE, other) &&
	       (!work->outputs || prepared_shared_id(source, PREPARED_VALUES, map) == prepared_shared_id(source, PREPARED_VALUES, other));
}

static enum err run_map(struct work *work, int64_t number, struct err_info *info)
{
	const struct circulation *given = work->given;
	int64_t step = work->capacity * work->peers->size;
	work->map = given->maps[number];
	work->index = given->first + number;
	enum err err = prepare_sinks(work, info);
	if (!err && (number == 0 || !shares_shard(work, work->map, given->maps[number - 1])))
		err = shards_load(&work->shards, given->pool, work->map, info);
	for (work->span = 0; work->span < work->groups && !err; work->span += step) {
		work->span_groups = work->groups - work->span < step ? work->groups - work->span : step;
		err = run_span(work, info);
		double done = (double)(work->span + work->span_groups) / (double)work->groups;
		if (!err)
			err = report(work, ((double)work->index + done) / (double)(given->first + given->map_count), info);
	}
	return err ? err : end_map(work, info);
}

static enum err place_init(const struct work *work, struct place *place, struct err_info *info)
{
	const struct collector *collector = work->given->collector;
	place->partial = mem_zero_array((size_t)collector->sink_count, sizeof *place->partial);
	bool complete = place->partial && pass_group_init(&work->pass[0], &place->group);
	for (int i = 0; i < collector->sink_count && complete; i++)
		complete = !collector->size[i] || (place->partial[i] = mem_aligned(collector->size[i]));
	return complete ? ERR_OK : err_nomem(info, "the row groups");
}

static void place_release(const struct work *work, struct place *place)
{
	for (int i = 0; i < work->given->collector->sink_count && place->partial; i++)
		mem_aligned_free(place->partial[i]);
	free(place->partial);
	pass_group_release(&place->group);
}

/* Row groups that a rank has at work at once: a function of the sizes alone, the same on all ranks. Zigzag may take one more. */
static enum err places_init(struct work *work, struct err_info *info)
{
	struct item whole = item_of(work, 0);
	size_t size = pass_group_size(&work->pass[0]) + collector_size(work->given->collector, &whole);
	int64_t most = (work->groups + work->peers->size - 1) / work->peers->size;
	work->capacity = (int64_t)(SPAN_BYTES / size) < most ? (int64_t)(SPAN_BYTES / size) : most;
	work->capacity = work->capacity > 0 ? work->capacity : 1;
	work->place = mem_zero_array((size_t)work->capacity + 1, sizeof *work->place);
	if (!work->place)
		return err_nomem(info, "the row groups");
	enum err err = ERR_OK;
	for (int64_t i = 0; i <= work->capacity && !err; i++)
		err = place_init(work, &work->place[i], info);
	return err;
}

static enum err work_init(struct work *work, struct err_info *info)
{
	const struct circulation *given = work->given;
	const struct collector *collector = given->collector;
	unsigned needs = 0;
	for (int i = 0; i < collector->sink_count; i++)
		needs |= collector->sinks[i]->ops->needs;
	work->scans = needs & SINK_TILES;
	work->outputs = needs & SINK_OUTPUT;
	work->groups = (given->row_count + given->kernels->lanes - 1) / given->kernels->lanes;
	enum err err = shards_init(&work->shards, work->peers, given->source, given->kernels, work->outputs, info);
	if (err)
		return err;
	work->active = mem_zero_array((size_t)work->shards.chunk_count, sizeof *work->active);
	work->pass = mem_zero_array((size_t)pool_threads(given->pool), sizeof *work->pass);
	if (!work->active || !work->pass)
		return err_nomem(info, "the tiles");
	for (; work->pass_count < pool_threads(given->pool) && !err; work->pass_count += !err)
		err = pass_init(&work->pass[work->pass_count], given->source, given->kernels, &work->prepared, collector->sinks, collector->sink_count, 0, 0, info);
	return err ? err : places_init(work, info);
}

static void work_release(struct work *work)
{
	for (int64_t i = 0; i <= work->capacity && work->place; i++)
		place_release(work, &work->place[i]);
	free(work->place);
	for (int i = 0; i < work->pass_count; i++)
		pass_release(&work->pass[i]);
	free(work->pass);
	free(work->active);
	shards_release(&work->shards);
	pthread_mutex_destroy(&work->failure);
}

enum err circulate(const struct circulation *circulation, struct err_info *info)
{
	struct work work = { .given = circulation, .peers = circulation->options->peers, .failed_job = -1, .failure = PTHREAD_MUTEX_INITIALIZER };
	struct err_info own = { 0 };
	enum err err = work_init(&work, &own);
	for (int64_t number = 0; number < circulation->map_count && !err; number++)
		err = run_map(&work, number, &own);
	if (!err && work.peers->rank > 0)
		collector_flush(circulation->collector);
	work_release(&work);
	if (info && !info->code)
		*info = own;
	return err;
}
