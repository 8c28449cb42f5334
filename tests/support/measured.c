/* SPDX-License-Identifier: MIT */
#include "support/measured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

struct keeper {
	struct measured *measured;
	const struct stats_request *request;
};

/* Append one map's array to those of the maps before. */
static void keep_array(double **to, int64_t maps, const double *from, int64_t count)
{
	if (!from)
		return;
	*to = realloc(*to, (size_t)((maps + 1) * count) * sizeof **to);
	memcpy(*to + maps * count, from, (size_t)count * sizeof **to);
}

static enum err keep(void *data, const struct stats_result *result, struct err_info *info)
{
	struct keeper *keeper = data;
	struct measured *measured = keeper->measured;
	int64_t map = measured->maps;
	(void)info;
	ck_assert_int_eq(result->index, map);
	ck_assert_int_lt(map, MEASURED_MAPS);
	for (int i = 0; i < keeper->request->metric_count; i++) {
		enum metric_id id = keeper->request->metric[i]->id;
		measured->value[map][id] = result->value[i];
		keep_array(&measured->per_row[id], map, result->per_row[i], measured->rows);
		keep_array(&measured->per_key[id], map, result->per_key[i], measured->keys);
		keep_array(&measured->list[id], 0, result->list[i], result->list_count[i]);
		measured->list_count[id] = result->list_count[i];
		measured->list_first[id] = result->list_first[i];
		if (result->word[i])
			snprintf(measured->word[map], sizeof measured->word[map], "%s", result->word[i]);
	}
	measured->maps++;
	return ERR_OK;
}

void measure(struct measured *measured, const struct source *source, const char *metrics, const struct stats_request *given,
	     const struct driver_options *options, const struct feed_order *order)
{
	const struct metric *list[METRIC_COUNT];
	struct stats_request request = given ? *given : (struct stats_request){ .parameters = stats_parameters_default() };
	struct keeper keeper = { measured, &request };
	struct err_info info = { 0 };
	struct stats *stats;
	ck_assert_int_eq(metric_select(metrics, list, &request.metric_count, &info), ERR_OK);
	request.metric = list;
	request.row_count = source->queries;
	if (order && order->row)
		request.row_count = order->row_count;
	else if (options && options->rows)
		request.row_count = options->row_count;
	request.emit = keep;
	request.emit_data = &keeper;
	memset(measured, 0, sizeof *measured);
	measured->rows = request.row_count;
	measured->keys = source->keys;
	ck_assert_int_eq(stats_new(&request, source, &stats, &info), ERR_OK);
	enum err err =
		order ? feed_run((const struct feed_source *)source, stats_sinks(stats), stats_sink_count(stats), order, &info)
		      : driver_run(source, stats_sinks(stats), stats_sink_count(stats), options, &info);
	ck_assert_msg(!err, "%s", info.text);
	stats_free(stats);
}

void measured_release(struct measured *measured)
{
	for (int id = 0; id < METRIC_COUNT; id++) {
		free(measured->per_row[id]);
		free(measured->per_key[id]);
		free(measured->list[id]);
	}
}
