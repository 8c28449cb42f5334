/* SPDX-License-Identifier: MIT */
#include "kernel/driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernel/circulate.h"
#include "kernel/collector.h"
#include "kernel/merge_order.h"
#include "kernel/pass.h"
#include "kernel/prepared.h"
#include "kernel/shards.h"

enum { PREPARED_LIMIT = 256 << 20 };

/* Items a thread and batch: enough to keep threads busy, and few enough that prepared memory is used again while it is
 * in cache. */
enum { BATCH_ITEMS = 64 };

/* Partial results of a thread: the item that it works on, and those that wait for the items before them. Large ones are those of long maps, which
 * have many items: there waiting costs little. */
enum { PARTIALS_MAX = 4, PARTIALS_LIMIT = 4 << 20 };

/* How maps are shared out to the ranks: whole maps in turn, or the items of each. */
enum deal { DEAL_MAPS, DEAL_ITEMS };

struct worker {
	struct pass pass;
	struct partials partials[PARTIALS_MAX];
};

struct run {
	const struct source *source;
	struct sink *const *sinks;
	int sink_count;
	const struct driver_options *options;
	const struct kernels *kernels;
	struct pool *pool;
	struct prepared prepared;
	struct worker *worker;
	int partials; /* in use a worker */
	int64_t *maps, map_count;
	int64_t *rows, row_count;
	int64_t item_rows, items; /* items a map */

	/* This rank's share of the maps that are being dealt: positions in maps, their numbers, and items of each. Alone
	 * it is all of them. */
	enum deal deal;
	int64_t begin;            /* the first of the maps that are dealt */
	int64_t *own_map, *own_id, own_maps;
	int64_t *own_item, own_items;
	struct collector collector; /* without peers it is empty */
	int64_t merged;           /* rank 0: items, counted over the maps from begin on, that are merged, whoever computed them */

	/* The batch of own maps that is being worked on. */
	int64_t first, batch;
	struct merge_order order;

	double work;              /* of all items; 0 without progress */
	_Atomic int64_t done;     /* thousandths of it */
	atomic_int stop;

	pthread_mutex_t failure;
	int64_t failed_job;
	struct err_info failed;
};

/* Rows per item: few enough that short maps spread over the threads. It depends on the number of rows alone, so that sums
 * are cut alike everywhere. */
static int64_t rows_per_item(const struct source *source, int64_t rows)
{
	int64_t queries = source->row_queries > 1 ? source->row_queries : 1, row_count = rows * queries;
	static const struct { int64_t rows, item; } steps[] = { { 768, ITEM_ROWS / 8 }, { 2048, ITEM_ROWS / 4 }, { 8192, ITEM_ROWS / 2 } };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (row_count <= steps[i].rows)
			return (steps[i].item + queries - 1) / queries;
	return (ITEM_ROWS + queries - 1) / queries;
}

static int64_t *index_list(const int64_t *list, int64_t count)
{
	int64_t *copy = mem_array((size_t)count, sizeof(*copy));
	for (int64_t i = 0; i < count && copy; i++)
		copy[i] = list ? list[i] : i;
	return copy;
}

static struct item item_of(const struct run *run, int64_t index, int64_t number)
{
	int64_t begin = number * run->item_rows, left = run->row_count - begin;
	return (struct item){ .map = run->maps[index], .index = index, .number = number, .position = begin,
			      .row = run->rows + begin, .count = left < run->item_rows ? left : run->item_rows, .source = run->source, .kernels = run->kernels };
}

/* The share of an item's keys that is not skipped, times its rows, from a few dozen looks at the coverage. */
static double item_work(const struct run *run, const struct item *item)
{
	const struct source *source = run->source;
	int64_t step = (source->keys / 64 + KEY_BLOCK) / KEY_BLOCK * KEY_BLOCK;
	double keys = 0;
	for (int64_t key = 0; key < source->keys; key += step) {
		int64_t end = key + step < source->keys ? key + step : source->keys;
		if (!source->ops->coverage || source->ops->coverage(source, item->map, item->row[0], item->row[item->count - 1], key, end) != TILE_EMPTY)
			keys += (double)(end - key);
	}
	return keys * (double)item->count + 1;
}

static void measure_work(struct run *run)
{
	for (int64_t i = 0; i < run->own_maps && run->options->progress; i++) {
		for (int64_t j = 0; j < run->own_items; j++) {
			struct item item = item_of(run, run->own_map[i], run->own_item[j]);
			run->work += item_work(run, &item);
		}
	}
}

/* Only the calling thread (worker 0) reports. */
static void report_progress(struct run *run, const struct item *item, int worker)
{
	const struct driver_options *options = run->options;
	if (!options->progress)
		return;
	int64_t done = atomic_fetch_add(&run->done, (int64_t)item_work(run, item)) + (int64_t)item_work(run, item);
	if (worker == 0 && !options->progress(options->progress_data, run->work > 0 ? (double)done / run->work : 1))
		atomic_store(&run->stop, 1);
}

static int owner_of(const struct run *run, int64_t index, int64_t number)
{
	const struct peers *peers = run->options->peers;
	if (!peers)
		return 0;
	return run->deal == DEAL_MAPS ? (int)((index - run->begin) % peers->size) : ring_owner(peers->layout, peers->size, run->items, number);
}

static bool is_lead(const struct run *run)
{
	return !run->options->peers || run->options->peers->rank == 0;
}

static enum err end_map(struct run *run, const struct item *item, struct err_info *info)
{
	enum err err = ERR_OK;
	run->merged++;
	for (int i = 0; i < run->sink_count && item->number == run->items - 1 && !err; i++)
		if (run->sinks[i]->ops->map_end)
			err = run->sinks[i]->ops->map_end(run->sinks[i], run->source, item->map, item->index, info);
	return err;
}

/* Merge what other ranks have before item `number` of map `index`. */
static enum err catch_up(struct run *run, int64_t index, int64_t number, struct err_info *info)
{
	enum err err = ERR_OK;
	while (!err && run->merged < (index - run->begin) * run->items + number) {
		struct item item = item_of(run, run->begin + run->merged / run->items, run->merged % run->items);
		err = collector_receive(&run->collector, owner_of(run, item.index, item.number), &item, info);
		if (!err)
			err = end_map(run, &item, info);
	}
	return err;
}

static enum err merge_item(struct run *run, const struct item *item, void *const *partial, struct err_info *info)
{
	if (!is_lead(run))
		return collector_send(&run->collector, item, partial, info);
	enum err err = run->options->peers ? catch_up(run, item->index, item->number, info) : ERR_OK;
	for (int i = 0; i < run->sink_count && !err; i++)
		if (run->sinks[i]->ops->merge)
			run->sinks[i]->ops->merge(run->sinks[i], item, partial[i]);
	return err ? err : end_map(run, item, info);
}

static void note_failure(struct run *run, int64_t job, const struct err_info *info)
{
	pthread_mutex_lock(&run->failure);
	if (run->failed_job < 0 || job < run->failed_job) {
		run->failed_job = job;
		run->failed = *info;
	}
	pthread_mutex_unlock(&run->failure);
	merge_order_break(&run->order);
}

static enum err merge_next(void *data, const struct partials *partials)
{
	struct run *run = data;
	struct err_info info = { 0 };
	enum err err = merge_item(run, &partials->item, partials->of, &info);
	if (err) {
		err == ERR_NOMEM ? err_nomem(&info, "an item of the map") : err_set(&info, err, "an item of the map failed");
		note_failure(run, partials->number, &info);
	}
	return err;
}

static enum err run_job(void *data, int64_t job, int number)
{
	struct run *run = data;
	struct worker *worker = &run->worker[number];
	struct item item = item_of(run, run->own_map[run->first + job / run->own_items], run->own_item[job % run->own_items]);
	struct err_info info = { 0 };
	struct partials *partials = merge_order_take(&run->order, worker->partials, run->partials);
	partials->item = item;
	partials->number = job;
	for (int i = 0; i < run->sink_count; i++)
		if (run->sinks[i]->ops->start)
			run->sinks[i]->ops->start(run->sinks[i], &item, partials->of[i]);
	enum err err = pass_item(&worker->pass, &item, partials->of, &run->stop, &info);
	if (err) {
		err == ERR_NOMEM ? err_nomem(&info, "an item of the map") : err_set(&info, err, "an item of the map failed");
		note_failure(run, job, &info);
		return err;
	}
	err = merge_order_hand_in(&run->order, partials);
	if (!err)
		report_progress(run, &item, number);
	return err;
}

static enum err run_batch(struct run *run, struct err_info *info)
{
	for (int i = 0; i < run->sink_count; i++) {
		enum err err = run->sinks[i]->ops->map_prepare
				       ? run->sinks[i]->ops->map_prepare(run->sinks[i], run->source, run->own_id[run->first], run->own_map[run->first], info)
				       : ERR_OK;
		if (err)
			return err;
	}
	run->failed_job = -1;
	merge_order_start(&run->order);
	enum err err = pool_run(run->pool, run->batch * run->own_items, run_job, run);
	if (run->failed_job < 0)
		return err;
	if (info && !info->code)
		*info = run->failed;
	return run->failed.code;
}

static bool needs_single_maps(const struct run *run)
{
	bool single = false;
	for (int i = 0; i < run->sink_count; i++)
		single |= run->sinks[i]->ops->map_prepare != NULL;
	return single;
}

static enum err run_maps(struct run *run, struct err_info *info)
{
	int64_t most = needs_single_maps(run) ? 1 : (BATCH_ITEMS * (int64_t)pool_threads(run->pool) + run->items - 1) / run->items;
	for (run->first = 0; run->first < run->own_maps && run->own_items > 0; run->first += run->batch) {
		int64_t left = run->own_maps - run->first;
		enum err err = prepared_load(&run->prepared, run->pool, run->own_id + run->first, left < most ? left : most, &run->batch, info);
		if (!err)
			err = run_batch(run, info);
		if (!err && atomic_load(&run->stop))
			err = err_set(info, ERR_INTERRUPTED, "stopped before the end");
		if (err)
			return err;
	}
	return ERR_OK;
}

/* This rank's share of the maps [begin, end). */
static void take_share(struct run *run, enum deal deal, int64_t begin, int64_t end)
{
	int rank = run->options->peers ? run->options->peers->rank : 0;
	run->deal = deal;
	run->begin = begin;
	run->own_maps = run->own_items = run->merged = 0;
	for (int64_t index = begin; index < end; index++) {
		if (deal == DEAL_MAPS && owner_of(run, index, 0) != rank)
			continue;
		run->own_map[run->own_maps] = index;
		run->own_id[run->own_maps++] = run->maps[index];
	}
	for (int64_t number = 0; number < run->items; number++)
		if (deal == DEAL_MAPS || owner_of(run, begin, number) == rank)
			run->own_item[run->own_items++] = number;
}

static enum err run_share(struct run *run, enum deal deal, int64_t begin, int64_t end, struct err_info *info)
{
	take_share(run, deal, begin, end);
	measure_work(run);
	enum err err = run_maps(run, info);
	if (err || !run->options->peers)
		return err;
	if (is_lead(run))
		return catch_up(run, end, 0, info);
	collector_flush(&run->collector);
	return ERR_OK;
}

/* Whole maps as long as there is one for each rank; what is left over is worked on by all of them together, in a ring
 * where the source allows it. */
static enum err distribute(struct run *run, struct err_info *info)
{
	struct peers *peers = run->options->peers;
	int64_t whole = needs_single_maps(run) ? 0 : run->map_count / peers->size * peers->size;
	enum err err = peers_agree(peers, (uint64_t)run->kernels->lanes, "processors (ATTNVIZ_CPU names the one to use)", info);
	if (!err)
		err = collector_init(&run->collector, peers, run->source, run->kernels, run->sinks, run->sink_count, info);
	if (!err && whole > 0)
		err = run_share(run, DEAL_MAPS, 0, whole, info);
	if (err || whole == run->map_count)
		return err;
	if (!shards_possible(run->source, run->kernels))
		return run_share(run, DEAL_ITEMS, whole, run->map_count, info);
	const struct circulation circulation = { .source = run->source, .kernels = run->kernels, .options = run->options, .pool = run->pool,
						 .collector = &run->collector, .maps = run->maps + whole, .first = whole, .map_count = run->map_count - whole,
						 .rows = run->rows, .row_count = run->row_count };
	return circulate(&circulation, info);
}

static size_t partial_size(const struct run *run, int sink)
{
	const struct sink *of = run->sinks[sink];
	return of->ops->partial_size ? of->ops->partial_size(of, run->source, run->kernels) : 0;
}

static int partials_a_worker(const struct run *run)
{
	size_t size = 1;
	for (int i = 0; i < run->sink_count; i++)
		size += partial_size(run, i);
	size_t more = (size_t)PARTIALS_LIMIT / size;
	return more < PARTIALS_MAX - 1 ? 1 + (int)more : PARTIALS_MAX;
}

static enum err partials_init(const struct run *run, struct partials *partials, struct err_info *info)
{
	partials->of = mem_zero_array((size_t)run->sink_count, sizeof(void *));
	if (!partials->of)
		return err_nomem(info, "the partial results");
	for (int i = 0; i < run->sink_count; i++) {
		size_t size = partial_size(run, i);
		partials->of[i] = size ? mem_aligned(size) : NULL;
		if (size && !partials->of[i])
			return err_nomem(info, "the partial results");
	}
	return ERR_OK;
}

static enum err worker_init(struct run *run, struct worker *worker, struct err_info *info)
{
	enum err err = pass_init(&worker->pass, run->source, run->kernels, &run->prepared, run->sinks, run->sink_count, run->options->row_tile,
				 run->options->key_tile, info);
	for (int i = 0; i < run->partials && !err; i++)
		err = partials_init(run, &worker->partials[i], info);
	return err;
}

static void worker_release(const struct run *run, struct worker *worker)
{
	pass_release(&worker->pass);
	for (int p = 0; p < run->partials; p++) {
		for (int i = 0; i < run->sink_count && worker->partials[p].of; i++)
			mem_aligned_free(worker->partials[p].of[i]);
		free(worker->partials[p].of);
	}
}

static enum err check_options(const struct source *source, const struct driver_options *options, struct err_info *info)
{
	int64_t maps = source_maps(source);
	for (int64_t i = 0; options->maps && i < options->map_count; i++)
		if (options->maps[i] < 0 || options->maps[i] >= maps)
			return err_set(info, ERR_USAGE, "there is no map %lld: there are %lld", (long long)options->maps[i], (long long)maps);
	for (int64_t i = 0; options->rows && i < options->row_count; i++)
		if (options->rows[i] < 0 || options->rows[i] >= source->queries || (i > 0 && options->rows[i] <= options->rows[i - 1]))
			return err_set(info, ERR_USAGE, "rows must ascend and be below %lld", (long long)source->queries);
	return ERR_OK;
}

static enum err run_init(struct run *run, struct err_info *info)
{
	const struct driver_options *options = run->options;
	bool want_values = false;
	for (int i = 0; i < run->sink_count; i++)
		want_values |= (run->sinks[i]->ops->needs & SINK_OUTPUT) != 0;
	if (want_values && !run->source->values)
		return err_set(info, ERR_USAGE, "there are no values to make outputs from: give -v");
	run->kernels = options->kernels ? options->kernels : kernels_select(NULL);
	run->map_count = options->maps ? options->map_count : source_maps(run->source);
	run->row_count = options->rows ? options->row_count : run->source->queries;
	run->item_rows = rows_per_item(run->source, run->row_count);
	run->items = (run->row_count + run->item_rows - 1) / run->item_rows;
	run->maps = index_list(options->maps, run->map_count);
	run->rows = index_list(options->rows, run->row_count);
	run->pool = pool_new(options->threads > 0 ? options->threads : pool_default_threads());
	run->own_map = mem_array((size_t)run->map_count, sizeof *run->own_map);
	run->own_id = mem_array((size_t)run->map_count, sizeof *run->own_id);
	run->own_item = mem_array((size_t)run->items, sizeof *run->own_item);
	if (!run->maps || !run->rows || !run->own_map || !run->own_id || !run->own_item || !run->pool)
		return err_nomem(info, "the list of rows");
	size_t limit = options->prepared_limit ? options->prepared_limit : (size_t)PREPARED_LIMIT;
	enum err err = prepared_init(&run->prepared, source_prepared(run->source), run->kernels, want_values, limit, info);
	run->partials = partials_a_worker(run);
	if (!err)
		err = merge_order_init(&run->order, pool_threads(run->pool), run->partials, merge_next, run, info);
	run->worker = mem_zero_array((size_t)pool_threads(run->pool), sizeof(*run->worker));
	if (!run->worker)
		return err_nomem(info, "the tiles");
	for (int i = 0; i < pool_threads(run->pool) && !err; i++)
		err = worker_init(run, &run->worker[i], info);
	return err;
}

static void run_release(struct run *run)
{
	for (int i = 0; run->worker && i < pool_threads(run->pool); i++)
		worker_release(run, &run->worker[i]);
	free(run->worker);
	prepared_release(&run->prepared);
	merge_order_release(&run->order);
	pool_free(run->pool);
	collector_release(&run->collector);
	free(run->own_item);
	free(run->own_id);
	free(run->own_map);
	free(run->rows);
	free(run->maps);
	pthread_mutex_destroy(&run->failure);
}

enum err driver_run(const struct source *source, struct sink *const *sinks, int sink_count, const struct driver_options *options,
		    struct err_info *info)
{
	static const struct driver_options defaults;
	struct run run = { .source = source, .sinks = sinks, .sink_count = sink_count, .options = options ? options : &defaults,
			   .failed_job = -1, .failure = PTHREAD_MUTEX_INITIALIZER };
	enum err err = check_options(source, run.options, info);
	if (!err)
		err = run_init(&run, info);
	if (!err && run.items > 0 && source->keys > 0)
		err = run.options->peers && run.options->peers->size > 1 ? distribute(&run, info) : run_share(&run, DEAL_MAPS, 0, run.map_count, info);
	run_release(&run);
	return err;
}
