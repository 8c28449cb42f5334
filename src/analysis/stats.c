/* SPDX-License-Identifier: MIT */
#include "analysis/stats.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/family.h"
#include "analysis/sample.h"
#include "base/memory.h"

enum { MAX_FAMILIES = 16 };

/* Sums of one metric over the rows of a map. Values are taken less the first one, so that a small variance survives. */
struct sums {
	int64_t rows;
	double first, largest, smallest;
	double weight, value; /* sum w, sum w x */
	double *kept, *weights; /* [row_count] x and w, where the rows are a sample; else NULL */
};

struct stats {
	struct stats_request request;
	const struct source *source;
	int slot[METRIC_COUNT]; /* in the request, -1: not asked for */
	struct sums *sums;      /* [metric_count], as all that follow */
	double *head;
	double **per_row, **per_key;
	const double **list;
	int64_t *list_count, *list_first;
	const char **word;
	struct stats_value *value;
	const struct family_row *row[MAX_FAMILIES];
	struct family *family[MAX_FAMILIES];
	struct sink *sinks[MAX_FAMILIES + 1];
	int family_count;
	pthread_mutex_t lock;   /* of the extents */
	struct map_extent *extent;  /* [maps], where has_extent says so */
	bool *has_extent;
	struct family collector; /* the last sink: hands the results out when all others have ended the map */
};

const struct family_row *const family_table[] = {
	&family_first_pass, &family_ranges,  &family_order,	 &family_largest,  &family_counts,
	&family_strongest,  &family_columns, &family_diagonals,	 &family_patterns, &family_values,
	&family_magnitudes, &family_blocks,  &family_minference, &family_grid,	   &family_guided,
	NULL,
};

struct stats_parameters stats_parameters_default(void)
{
	return (struct stats_parameters){
		.below = 0.01, .h2o = 0.01, .collapse = 0.1, .saturation = 0.99, .top_k = 8, .band = 16, .diagonality = 0.1, .guided = 0.2,
		.sink_epsilon = 0.3, .heavy_share = 0.1, .patch_size = 1,
	};
}

const struct stats_request *stats_request_of(const struct stats *stats)
{
	return &stats->request;
}

const struct source *stats_source_of(const struct stats *stats)
{
	return stats->source;
}

struct map_extent stats_extent(struct stats *stats, int64_t map)
{
	pthread_mutex_lock(&stats->lock);
	if (!stats->has_extent[map]) {
		stats->extent[map] = source_extent(stats->source, map, stats->request.row_begin, stats->request.row_end);
		stats->has_extent[map] = true;
	}
	struct map_extent extent = stats->extent[map];
	pthread_mutex_unlock(&stats->lock);
	return extent;
}

/* Position of the first listed row that is at least `row`. */
static int64_t position_of(const struct stats_request *request, int64_t row)
{
	int64_t low = 0, high = request->row_count;
	if (!request->row)
		return row <= request->row_begin ? 0 : row < request->row_end ? row - request->row_begin : request->row_count;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (request->row[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void stats_rows_within(const struct stats *stats, const struct map_extent *extent, int64_t *first, int64_t *count)
{
	*first = position_of(&stats->request, extent->row_begin);
	*count = position_of(&stats->request, extent->row_end) - *first;
}

int64_t stats_row_at(const struct stats *stats, int64_t position)
{
	return stats->request.row ? stats->request.row[position] : stats->request.row_begin + position;
}

bool row_counts(const struct source *source, const struct row_stats *stats)
{
	return stats->support > 0 && (stats->sum != 0 || source->is_signed);
}

bool row_values_begin(const struct family *family, struct row_values *values, int64_t lane, const struct row_stats *stats)
{
	values->support[lane] = stats->support;
	bool alive = row_counts(family->stats->source, stats);
	for (int m = 0; m < family->count && !alive; m++)
		values->value[m][lane] = NAN;
	return alive;
}

static void sums_add(struct sums *sums, double value, double weight)
{
	if (sums->rows++ == 0)
		sums->first = sums->largest = sums->smallest = value;
	sums->largest = fmax(sums->largest, value);
	sums->smallest = fmin(sums->smallest, value);
	if (sums->kept) {
		sums->kept[sums->rows - 1] = value;
		sums->weights[sums->rows - 1] = weight;
	}
	sums->weight += weight;
	sums->value += weight * (value - sums->first);
}

void row_values_merge(struct family *family, const struct item *item, const struct row_values *values)
{
	struct stats *stats = family->stats;
	for (int m = 0; m < family->count; m++) {
		int slot = stats->slot[family->metric[m]];
		const struct metric *metric = &metric_table[family->metric[m]];
		bool pooled = metric->over_rows == METRIC_POOLED;
		for (int64_t i = 0; i < item->count && metric->level == METRIC_OF_ROW; i++) {
			double value = values->value[m][i];
			if (!isnan(value))
				sums_add(&stats->sums[slot], value, pooled ? (double)values->support[i] : 1);
		}
		if (stats->per_row[slot])
			memcpy(stats->per_row[slot] + item->position, values->value[m], (size_t)item->count * sizeof(double));
	}
}

void stats_set_head(struct stats *stats, enum metric_id id, double value)
{
	if (stats->slot[id] >= 0)
		stats->head[stats->slot[id]] = value;
}

void stats_set_list(struct stats *stats, enum metric_id id, const double *list, int64_t count, int64_t first)
{
	int slot = stats->slot[id];
	if (slot < 0)
		return;
	stats->list[slot] = list;
	stats->list_count[slot] = count;
	stats->list_first[slot] = first;
}

void stats_set_word(struct stats *stats, enum metric_id id, const char *word)
{
	if (stats->slot[id] >= 0)
		stats->word[stats->slot[id]] = word;
}

int family_slot(const struct family *family, enum metric_id id)
{
	for (int m = 0; m < family->count; m++)
		if (family->metric[m] == id)
			return m;
	return -1;
}

double *stats_per_key(struct stats *stats, enum metric_id id)
{
	return stats->slot[id] >= 0 ? stats->per_key[stats->slot[id]] : NULL;
}

/* What a row's value is at least and at most; false where that is not known. */
static bool bounds_of(const struct stats *stats, const struct metric *metric, double *least, double *most)
{
	const struct source *source = stats->source;
	const struct stats_parameters *parameters = &stats->request.parameters;
	double keys = (double)source->keys, last = (double)(source->queries - 1);
	*least = metric->bound == METRIC_UP_TO_KEYS;
	*most = 1;
	switch (metric->bound) {
	case METRIC_YES_NO:
	case METRIC_UP_TO_ONE: return true;
	case METRIC_UP_TO_MASS: return source->is_stochastic;
	case METRIC_UP_TO_NATS: *most = log(keys); return keys > 1;
	case METRIC_UP_TO_KEYS: *most = keys; return keys > 1;
	case METRIC_UP_TO_DISTANCE:
		for (int64_t map = 0; map < source->layers * source->batches * source->heads; map += source->heads) {
			double first = (double)source_diagonal(source, map);
			*most = fmax(*most, fmax(fabs(first + last), source->is_causal ? 0 : fabs(keys - 1 - first)));
		}
		return true;
	case METRIC_UP_TO_PIXELS:
		*most = parameters->patch_size * hypot((double)parameters->grid_height, (double)parameters->grid_width);
		return true;
	case METRIC_UNBOUNDED: break;
	}
	return false;
}

static int64_t rows_with_one(const struct sums *sums)
{
	int64_t count = 0;
	for (int64_t i = 0; i < sums->rows; i++)
		count += sums->kept[i] > 0.5;
	return count;
}

/* The values of a sample scaled to 0 .. 1, weights too; false where one lies outside, as it does where rows do not sum to what the file says. */
static bool scale_kept(const struct stats *stats, struct sums *sums, double least, double most)
{
	enum { PER_MILLE = 1000 };
	bool inside = true;
	for (int64_t i = 0; i < sums->rows; i++) {
		sums->kept[i] = (sums->kept[i] - least) / (most - least);
		sums->weights[i] /= sums->weight > (double)sums->rows ? (double)stats->source->keys : 1;
		inside &= sums->kept[i] > -1.0 / PER_MILLE && sums->kept[i] < 1 + 1.0 / PER_MILLE;
	}
	return inside;
}

/* Rows without a value are not of the population; how many of those there are is only known of the sample. */
static enum err find_interval(const struct stats *stats, const struct metric *metric, struct sums *sums, struct interval *interval, struct err_info *info)
{
	int64_t population = stats->request.row_end - stats->request.row_begin - (stats->request.row_count - sums->rows);
	double least, most;
	double value = sums->first + sums->value / sums->weight;
	*interval = (struct interval){ NAN, NAN };
	if (!sums->kept || !bounds_of(stats, metric, &least, &most))
		return ERR_OK;
	if (sums->rows >= population) {
		*interval = (struct interval){ value, value };
		return ERR_OK;
	}
	if (metric->bound == METRIC_YES_NO) {
		*interval = sample_share(rows_with_one(sums), sums->rows, population);
		return ERR_OK;
	}
	if (!scale_kept(stats, sums, least, most))
		return ERR_OK;
	enum err err = sample_mean(sums->kept, sums->weights, sums->rows, population, interval, info);
	interval->low = least + (most - least) * interval->low;
	interval->high = least + (most - least) * interval->high;
	return err;
}

static enum err value_over_rows(const struct stats *stats, const struct metric *metric, struct sums *sums, struct stats_value *value, struct err_info *info)
{
	struct interval interval = { NAN, NAN };
	*value = (struct stats_value){ NAN, NAN, NAN, NAN, sums->rows };
	if (sums->rows == 0)
		return ERR_OK;
	if (metric->over_rows == METRIC_LARGEST || metric->over_rows == METRIC_SMALLEST) {
		value->value = metric->over_rows == METRIC_LARGEST ? sums->largest : sums->smallest;
		return ERR_OK;
	}
	value->value = sums->first + sums->value / sums->weight;
	enum err err = find_interval(stats, metric, sums, &interval, info);
	if (err || isnan(interval.low))
		return err;
	value->low = fmin(interval.low, value->value);
	value->high = fmax(interval.high, value->value);
	value->half_width = fmax(value->high - value->value, value->value - value->low);
	return ERR_OK;
}

static void clear_map(struct stats *stats)
{
	for (int i = 0; i < stats->request.metric_count; i++) {
		stats->sums[i] = (struct sums){ .kept = stats->sums[i].kept, .weights = stats->sums[i].weights };
		stats->head[i] = NAN;
	}
}

static enum err emit(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct stats *stats = ((struct family *)sink)->stats;
	const struct stats_request *request = &stats->request;
	for (int i = 0; i < request->metric_count; i++) {
		const struct metric *metric = request->metric[i];
		stats->value[i] = (struct stats_value){ stats->head[i], NAN, NAN, NAN, request->row_count };
		enum err err = metric->level == METRIC_OF_ROW ? value_over_rows(stats, metric, &stats->sums[i], &stats->value[i], info) : ERR_OK;
		if (err)
			return err;
	}
	struct stats_result result = {
		.source = source,
		.map = map,
		.index = index,
		.value = stats->value,
		.per_row = (const double *const *)stats->per_row,
		.per_key = (const double *const *)stats->per_key,
		.list = stats->list,
		.list_count = stats->list_count,
		.list_first = stats->list_first,
		.word = stats->word,
	};
	enum err err = request->emit(request->emit_data, &result, info);
	clear_map(stats);
	return err;
}

static const struct sink_ops collector_ops = {
	.name = "statistics",
	.map_end = emit,
};

static enum err add_family(struct stats *stats, const struct family_row *row, struct err_info *info)
{
	struct family *family = mem_zero_array(1, row->size);
	if (!family)
		return err_nomem(info, "the statistics");
	family->sink.ops = row->ops;
	family->stats = stats;
	family->row = row;
	for (const enum metric_id *id = row->metrics; *id != METRIC_COUNT; id++)
		if (stats->slot[*id] >= 0 && (!row->takes || row->takes(stats->source, *id)))
			family->metric[family->count++] = *id;
	if (family->count == 0) {
		free(family);
		return ERR_OK;
	}
	stats->row[stats->family_count] = row;
	stats->sinks[stats->family_count] = &family->sink;
	stats->family[stats->family_count++] = family;
	return row->init ? row->init(family, stats->source, info) : ERR_OK;
}

static bool allocate(struct stats *stats)
{
	size_t count = (size_t)stats->request.metric_count;
	stats->sums = mem_zero_array(count, sizeof *stats->sums);
	stats->head = mem_zero_array(count, sizeof *stats->head);
	stats->per_row = mem_zero_array(count, sizeof *stats->per_row);
	stats->per_key = mem_zero_array(count, sizeof *stats->per_key);
	stats->list = mem_zero_array(count, sizeof *stats->list);
	stats->list_count = mem_zero_array(count, sizeof *stats->list_count);
	stats->list_first = mem_zero_array(count, sizeof *stats->list_first);
	stats->word = mem_zero_array(count, sizeof *stats->word);
	stats->value = mem_zero_array(count, sizeof *stats->value);
	stats->extent = mem_zero_array((size_t)source_maps(stats->source), sizeof *stats->extent);
	stats->has_extent = mem_zero_array((size_t)source_maps(stats->source), sizeof *stats->has_extent);
	return stats->sums && stats->head && stats->per_row && stats->per_key && stats->list && stats->list_count &&
	       stats->list_first && stats->word && stats->value && stats->extent && stats->has_extent;
}

/* Arrays of rows and keys, where they are asked for. */
static bool allocate_arrays(struct stats *stats)
{
	bool complete = true;
	for (int i = 0; i < stats->request.metric_count && complete; i++) {
		enum metric_level level = stats->request.metric[i]->level;
		if (level == METRIC_OF_ROW && stats->request.per_row)
			complete = (stats->per_row[i] = mem_zero_array((size_t)stats->request.row_count, sizeof(double)));
		if (level == METRIC_OF_ROW && stats->request.sampled && complete) {
			double *kept = mem_array((size_t)stats->request.row_count, 2 * sizeof *kept);
			stats->sums[i].kept = kept;
			stats->sums[i].weights = kept ? kept + stats->request.row_count : NULL;
			complete = kept != NULL;
		}
		if (level == METRIC_OF_KEY)
			complete = (stats->per_key[i] = mem_zero_array((size_t)stats->source->keys, sizeof(double)));
	}
	return complete;
}

enum err stats_new(const struct stats_request *request, const struct source *source, struct stats **out, struct err_info *info)
{
	struct stats *stats = mem_zero_array(1, sizeof *stats);
	*out = NULL;
	if (!stats)
		return err_nomem(info, "the statistics");
	stats->request = *request;
	stats->source = source;
	if (stats->request.row_end == 0)
		stats->request.row_end = source->queries;
	pthread_mutex_init(&stats->lock, NULL);
	for (int id = 0; id < METRIC_COUNT; id++)
		stats->slot[id] = -1;
	for (int i = 0; i < request->metric_count; i++)
		stats->slot[request->metric[i]->id] = i;
	enum err err = allocate(stats) && allocate_arrays(stats) ? ERR_OK : err_nomem(info, "the statistics");
	for (const struct family_row *const *row = family_table; *row && !err; row++)
		err = add_family(stats, *row, info);
	if (err) {
		stats_free(stats);
		return err;
	}
	clear_map(stats);
	stats->collector = (struct family){ .sink.ops = &collector_ops, .stats = stats };
	stats->sinks[stats->family_count] = &stats->collector.sink;
	*out = stats;
	return ERR_OK;
}

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	for (int i = 0; i < stats->family_count; i++) {
		if (stats->row[i]->release)
			stats->row[i]->release(stats->family[i]);
		free(stats->family[i]);
	}
	for (int i = 0; i < stats->request.metric_count; i++) {
		if (stats->sums)
			free(stats->sums[i].kept);
		if (stats->per_row)
			free(stats->per_row[i]);
		if (stats->per_key)
			free(stats->per_key[i]);
	}
	free(stats->sums);
	free(stats->head);
	free(stats->per_row);
	free(stats->per_key);
	free(stats->list);
	free(stats->list_count);
	free(stats->list_first);
	free(stats->word);
	free(stats->value);
	free(stats->extent);
	free(stats->has_extent);
	pthread_mutex_destroy(&stats->lock);
	free(stats);
}

struct sink *const *stats_sinks(const struct stats *stats)
{
	return stats->sinks;
}

int stats_sink_count(const struct stats *stats)
{
	return stats->family_count + 1;
}

bool stats_needs_tiles(const struct stats *stats)
{
	unsigned needs = 0;
	for (int i = 0; i < stats->family_count; i++)
		needs |= stats->sinks[i]->ops->needs;
	return needs & SINK_TILES;
}
