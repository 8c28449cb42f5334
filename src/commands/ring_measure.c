/* SPDX-License-Identifier: MIT */
#include "commands/ring_measure.h"

#include <stdlib.h>

#include "base/memory.h"
#include "commands/ranks.h"
#include "kernel/driver.h"
#include "kernel/shards.h"

/* Looks at every tile and learns nothing. */
static void ignore(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	(void)sink, (void)item, (void)lane0, (void)tile, (void)partial;
}

static const struct sink_ops idle_ops = { .name = "nothing", .needs = SINK_TILES, .scan = ignore };

/* Steps of both passes of one rank into its row. */
static void add_trace(struct ring_measure *measure, const struct ring_trace *trace, int rank, int ranks)
{
	struct ring_step *row = measure->step + (int64_t)rank * ranks;
	double compute = 0, wait = 0;
	for (int step = 0; step < 2 * ranks; step++) {
		row[step % ranks].compute += trace->step[step].compute;
		row[step % ranks].wait += trace->step[step].wait;
		row[step % ranks].scores = trace->step[step].scores;
		compute += trace->step[step].compute;
		wait += trace->step[step].wait;
	}
	measure->messages += trace->messages;
	measure->bytes += trace->bytes;
	if (compute + wait > measure->compute + measure->wait) {
		measure->compute = compute;
		measure->wait = wait;
	}
}

static enum err gather(struct ring_measure *measure, struct peers *peers, struct ring_trace *trace, struct err_info *info)
{
	size_t size = 2 * (size_t)peers->size * sizeof *trace->step;
	int64_t sums[] = { trace->messages, trace->bytes };
	enum err err = ERR_OK;
	if (peers->rank > 0) {
		err = peers_send_all(peers, 0, PEERS_CHECK, trace->step, size, info);
		return err ? err : peers_send_all(peers, 0, PEERS_CHECK, sums, sizeof sums, info);
	}
	add_trace(measure, trace, 0, peers->size);
	for (int rank = 1; rank < peers->size && !err; rank++) {
		err = peers_receive_all(peers, rank, PEERS_CHECK, trace->step, size, info);
		if (!err)
			err = peers_receive_all(peers, rank, PEERS_CHECK, sums, sizeof sums, info);
		trace->messages = sums[0];
		trace->bytes = sums[1];
		if (!err)
			add_trace(measure, trace, rank, peers->size);
	}
	return err;
}

enum err ring_measure_run(struct ring_measure *measure, const struct input *input, struct err_info *info)
{
	struct driver_options options = input_driver(input);
	struct peers *peers = options.peers;
	if (!shards_possible(input->source, input->kernels))
		return err_set(info, ERR_UNSUPPORTED, "keys of %s attention do not travel: its queries are shared out instead", input->source->ops->name);
	struct ring_trace trace = { .step = mem_zero_array(2 * (size_t)peers->size, sizeof *trace.step) };
	measure->step = mem_zero_array((size_t)peers->size * (size_t)peers->size, sizeof *measure->step);
	if (!trace.step || !measure->step) {
		free(trace.step);
		return err_nomem(info, "the measurement");
	}
	struct sink sink = { .ops = &idle_ops };
	options.map_count = 1;
	peers->trace = &trace;
	enum err err = driver_run(input->source, (struct sink *[]){ &sink }, 1, &options, info);
	peers->trace = NULL;
	if (!err)
		err = gather(measure, peers, &trace, info);
	free(trace.step);
	return err;
}

void ring_measure_release(struct ring_measure *measure)
{
	free(measure->step);
	*measure = (struct ring_measure){ 0 };
}
