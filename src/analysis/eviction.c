#include "analysis/eviction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "base/memory.h"

/* Neighbours that a vote of SnapKV is averaged over. */
enum { POOL = 5 };

const char *const eviction_names[EVICT_COUNT + 1] = { "sliding", "streaming", "h2o", "snapkv", "best", NULL };

struct scored {
	double score;
	int64_t key;
};

struct playing {
	const struct eviction_request *request;
	struct eviction_result *result;
	int64_t keys, queries;
	int64_t seen;          /* queries so far that see something */
	double *recent;        /* [observe][keys] ring of the last rows */
	double *votes;         /* [keys] their sum */
	struct scored *scored; /* [keys] */
};

static int by_score(const void *a, const void *b)
{
	const struct scored *one = a, *two = b;
	if (one->score != two->score)
		return one->score < two->score ? 1 : -1;
	return one->key < two->key ? -1 : one->key > two->key;
}

static double sum_of(const float *p, int64_t begin, int64_t end)
{
	double sum = 0;
	for (int64_t key = begin > 0 ? begin : 0; key < end; key++)
		sum += (double)p[key];
	return sum;
}

/* Weight on the `count` keys of [0, end) with the highest scores. */
static double sum_of_top(struct playing *playing, const float *p, int64_t end, int64_t count)
{
	double sum = 0;
	qsort(playing->scored, (size_t)end, sizeof *playing->scored, by_score);
	for (int64_t i = 0; i < count && i < end; i++)
		sum += (double)p[playing->scored[i].key];
	return sum;
}

static double pooled_vote(const struct playing *playing, int64_t key, int64_t end)
{
	double sum = 0;
	for (int64_t at = key - POOL / 2; at <= key + POOL / 2; at++)
		sum += at >= 0 && at < end ? playing->votes[at] : 0;
	return sum / POOL;
}

static double play(struct playing *playing, enum eviction_policy policy, const float *p, int64_t visible)
{
	const struct eviction_request *request = playing->request;
	int64_t budget = request->budget < visible ? request->budget : visible, late = budget;
	if (policy == EVICT_STREAMING)
		late = budget > request->sinks ? budget - request->sinks : 0;
	else if (policy == EVICT_H2O)
		late = (budget + 1) / 2;
	else if (policy == EVICT_SNAPKV)
		late = request->observe < budget ? request->observe : budget;
	else if (policy == EVICT_BEST)
		late = 0;
	int64_t early = visible - late; /* keys that the policy chooses from */
	double kept = sum_of(p, early, visible);
	if (policy == EVICT_SLIDING)
		return kept;
	if (policy == EVICT_STREAMING)
		return kept + sum_of(p, 0, budget - late < early ? budget - late : early);
	for (int64_t key = 0; key < early; key++)
		playing->scored[key] = (struct scored){
			policy == EVICT_BEST ? (double)p[key] : policy == EVICT_H2O ? playing->result->mass[key] : pooled_vote(playing, key, early), key };
	return kept + sum_of_top(playing, p, early, budget - late);
}

static void judge(struct playing *playing, const float *p, int64_t visible)
{
	struct eviction_result *result = playing->result;
	double whole = sum_of(p, 0, visible);
	for (int policy = 0; policy < EVICT_COUNT; policy++) {
		if (playing->seen == 0 && (policy == EVICT_H2O || policy == EVICT_SNAPKV))
			continue;
		double kept = fmin(1, play(playing, (enum eviction_policy)policy, p, visible) / whole);
		result->kept[policy] += kept;
		result->least[policy] = result->count[policy]++ ? fmin(result->least[policy], kept) : kept;
	}
}

static void remember(struct playing *playing, const float *p)
{
	double *row = playing->recent + playing->seen % playing->request->observe * playing->keys;
	bool full = playing->seen >= playing->request->observe;
	for (int64_t key = 0; key < playing->keys; key++) {
		playing->votes[key] += (double)p[key] - (full ? row[key] : 0);
		row[key] = playing->result->last[key] = (double)p[key];
		playing->result->mass[key] += (double)p[key];
	}
	playing->seen++;
}

static enum err take_row(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct playing *playing = data;
	int64_t visible = playing->keys;
	(void)map, (void)index, (void)info;
	while (visible > 0 && weight[visible - 1] <= 0)
		visible--;
	if (!visible)
		return ERR_OK;
	if (row >= playing->queries - playing->request->measured)
		judge(playing, weight, visible);
	remember(playing, weight);
	return ERR_OK;
}

enum err eviction_run(const struct source *source, int64_t map, const struct driver_options *options, const struct eviction_request *request,
		      struct eviction_result *result, struct err_info *info)
{
	struct playing playing = { .request = request, .result = result, .keys = source->keys, .queries = source->queries };
	struct driver_options one = *options;
	struct sink *sink = NULL;
	size_t keys = (size_t)source->keys;
	one.maps = &map;
	one.map_count = 1;
	memset(result->kept, 0, sizeof result->kept);
	memset(result->count, 0, sizeof result->count);
	memset(result->mass, 0, keys * sizeof *result->mass);
	memset(result->last, 0, keys * sizeof *result->last);
	playing.recent = mem_zero_array((size_t)request->observe, keys * sizeof *playing.recent);
	playing.votes = mem_zero_array(keys, sizeof *playing.votes);
	playing.scored = mem_array(keys, sizeof *playing.scored);
	enum err err = playing.recent && playing.votes && playing.scored ? ERR_OK : err_nomem(info, "the history of the keys");
	if (!err)
		err = matrix_rows_new(take_row, &playing, &sink, info);
	if (!err)
		err = driver_run(source, &sink, 1, &one, info);
	for (int policy = 0; policy < EVICT_COUNT; policy++) {
		result->kept[policy] = result->count[policy] ? result->kept[policy] / (double)result->count[policy] : NAN;
		result->least[policy] = result->count[policy] ? result->least[policy] : NAN;
	}
	matrix_rows_free(sink);
	free(playing.recent);
	free(playing.votes);
	free(playing.scored);
	return err;
}
