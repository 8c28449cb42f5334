/* SPDX-License-Identifier: MIT */
#include "analysis/eviction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "base/memory.h"

/* Neighbours that a vote of SnapKV is averaged over; rows of all heads of a group that are held at once: about so many bytes. */
enum { POOL = 5, ROWS_MIN = 16, BUFFER = 64 << 20 };

const char *const eviction_names[EVICT_COUNT + 1] = { "sliding", "streaming", "h2o", "snapkv", "best", NULL };

struct scored {
	double score;
	int64_t key;
};

struct playing {
	const struct source *source;
	const struct eviction_request *request;
	struct eviction_result *result;
	struct eviction_kept *group;
	int64_t first_map, heads, keys, queries;
	int64_t first_row, rows; /* in the buffer */
	float *buffer;           /* [heads][rows][keys] */
	int64_t seen;            /* queries so far that see something */
	double *shared;          /* [keys] P of the query */
	double *mass;            /* [keys] P, summed over the queries so far */
	double *recent;          /* [observe][keys] ring of the last P */
	double *votes;           /* [keys] their sum */
	struct scored *scored;   /* [keys] */
};

/* Keys [begin, end) from the first that some head of the group sees to the last. */
struct span {
	int64_t begin, end;
};

static int by_score(const void *a, const void *b)
{
	const struct scored *one = a, *two = b;
	if (one->score != two->score)
		return one->score < two->score ? 1 : -1;
	return one->key < two->key ? -1 : one->key > two->key;
}

static const float *row_of(const struct playing *playing, int64_t head, int64_t row)
{
	return playing->buffer + (head * playing->rows + row - playing->first_row) * playing->keys;
}

static bool block_is_empty(const struct source *source, int64_t map, int64_t row, int64_t begin, int64_t end)
{
	return source->ops->coverage && source->ops->coverage(source, map, row, row, begin, end) == TILE_EMPTY;
}

static bool sees(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	return !source->ops->visible || source->ops->visible(source, map, row, key);
}

/* What the masks say, not the weights: the last visible key may have a weight that float32 rounds to 0. */
static void widen(const struct source *source, int64_t map, int64_t row, struct span *span)
{
	for (int64_t block = 0; block < span->begin; block += KEY_BLOCK) {
		int64_t end = block + KEY_BLOCK < span->begin ? block + KEY_BLOCK : span->begin;
		if (block_is_empty(source, map, row, block, end))
			continue;
		for (int64_t key = block; key < end; key++)
			if (sees(source, map, row, key)) {
				span->begin = key;
				break;
			}
	}
	for (int64_t block = (source->keys - 1) / KEY_BLOCK * KEY_BLOCK; block + KEY_BLOCK > span->end && block >= 0; block -= KEY_BLOCK) {
		int64_t end = block + KEY_BLOCK < source->keys ? block + KEY_BLOCK : source->keys;
		if (block_is_empty(source, map, row, block, end))
			continue;
		for (int64_t key = end - 1; key >= block && key >= span->end; key--)
			if (sees(source, map, row, key)) {
				span->end = key + 1;
				return;
			}
	}
}

/* Ready weights may be causal without anybody having said so: keys after the last weight are not seen. */
static int64_t last_weight(const struct playing *playing, int64_t row)
{
	int64_t end = 0;
	for (int64_t head = 0; head < playing->heads; head++) {
		const float *p = row_of(playing, head, row);
		int64_t own = playing->keys;
		while (own > end && p[own - 1] <= 0)
			own--;
		end = own;
	}
	return end;
}

static struct span span_of(const struct playing *playing, int64_t row)
{
	struct span span = { playing->keys, 0 };
	for (int64_t head = 0; head < playing->heads; head++)
		widen(playing->source, playing->first_map + head, row, &span);
	if (playing->source->norm == NORM_NONE)
		span.end = last_weight(playing, row);
	return span;
}

static double sum_of(const float *p, int64_t begin, int64_t end)
{
	double sum = 0;
	for (int64_t key = begin; key < end; key++)
		sum += (double)p[key];
	return sum;
}

static double pooled_vote(const struct playing *playing, int64_t key, int64_t end)
{
	double sum = 0;
	for (int64_t at = key - POOL / 2; at <= key + POOL / 2; at++)
		sum += at >= 0 && at < end ? playing->votes[at] : 0;
	return sum / POOL;
}

/* What a policy keeps: keys [late, end), and the first `chosen` of playing->scored. */
struct choice {
	int64_t late, chosen;
};

static struct choice choose(struct playing *playing, enum eviction_policy policy, struct span span)
{
	const struct eviction_request *request = playing->request;
	int64_t visible = span.end - span.begin, budget = request->budget < visible ? request->budget : visible, late = budget;
	if (policy == EVICT_STREAMING)
		late = budget > request->sinks ? budget - request->sinks : 0;
	else if (policy == EVICT_H2O)
		late = (budget + 1) / 2;
	else if (policy == EVICT_SNAPKV)
		late = request->observe < budget ? request->observe : budget;
	else if (policy == EVICT_BEST)
		late = 0;
	const struct choice choice = { span.end - late, budget - late };
	int64_t early = choice.late - span.begin; /* keys that the policy chooses from */
	for (int64_t i = 0; i < early; i++) {
		int64_t key = span.begin + i;
		double score = policy == EVICT_BEST ? playing->shared[key] : policy == EVICT_H2O ? playing->mass[key] : policy == EVICT_SNAPKV ? pooled_vote(playing, key, choice.late) : 0;
		playing->scored[i] = (struct scored){ score, key };
	}
	if (choice.chosen > 0 && policy != EVICT_STREAMING)
		qsort(playing->scored, (size_t)early, sizeof *playing->scored, by_score);
	return choice;
}

static double kept_of(const struct playing *playing, const float *p, struct choice choice, struct span span)
{
	double kept = sum_of(p, choice.late, span.end);
	for (int64_t i = 0; i < choice.chosen; i++)
		kept += (double)p[playing->scored[i].key];
	return kept;
}

static void count(struct eviction_kept *all, int policy, double kept, double whole)
{
	double share = fmin(1, kept / whole);
	if (!(whole > 0))
		return;
	all->kept[policy] += share;
	all->least[policy] = all->count[policy]++ ? fmin(all->least[policy], share) : share;
}

static void judge(struct playing *playing, int64_t row, struct span span)
{
	for (int policy = 0; policy < EVICT_COUNT; policy++) {
		double kept_by_all = 0, whole_of_all = 0;
		if (playing->seen == 0 && (policy == EVICT_H2O || policy == EVICT_SNAPKV))
			continue;
		struct choice choice = choose(playing, (enum eviction_policy)policy, span);
		for (int64_t head = 0; head < playing->heads; head++) {
			const float *p = row_of(playing, head, row);
			double kept = kept_of(playing, p, choice, span), whole = sum_of(p, span.begin, span.end);
			count(&playing->result[head].kept, policy, kept, whole);
			kept_by_all += kept;
			whole_of_all += whole;
		}
		count(playing->group, policy, kept_by_all, whole_of_all);
	}
}

static void add_heads(struct playing *playing, int64_t row)
{
	memset(playing->shared, 0, (size_t)playing->keys * sizeof *playing->shared);
	for (int64_t head = 0; head < playing->heads; head++) {
		const float *p = row_of(playing, head, row);
		for (int64_t key = 0; key < playing->keys; key++)
			playing->shared[key] += (double)p[key];
	}
}

static void remember(struct playing *playing, int64_t row)
{
	double *recent = playing->recent + playing->seen % playing->request->observe * playing->keys;
	bool full = playing->seen >= playing->request->observe;
	for (int64_t key = 0; key < playing->keys; key++) {
		playing->votes[key] += playing->shared[key] - (full ? recent[key] : 0);
		recent[key] = playing->shared[key];
		playing->mass[key] += playing->shared[key];
	}
	for (int64_t head = 0; head < playing->heads; head++) {
		const float *p = row_of(playing, head, row);
		const struct eviction_result *result = &playing->result[head];
		for (int64_t key = 0; key < playing->keys; key++) {
			result->mass[key] += (double)p[key];
			result->last[key] = (double)p[key];
		}
	}
	playing->seen++;
}

static void play(struct playing *playing, int64_t row)
{
	struct span span = span_of(playing, row);
	if (span.begin >= span.end)
		return;
	add_heads(playing, row);
	if (row >= playing->queries - playing->request->measured)
		judge(playing, row, span);
	remember(playing, row);
}

static enum err keep_row(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct playing *playing = data;
	(void)map, (void)info;
	memcpy((float *)row_of(playing, index, row), weight, (size_t)playing->keys * sizeof *weight);
	return ERR_OK;
}

/* Every head of the group must have come to a row before it is played, so a few rows of all of them are held. */
static enum err run_rows(struct playing *playing, const struct driver_options *options, struct err_info *info)
{
	int64_t most = BUFFER / ((int64_t)sizeof(float) * playing->heads * playing->keys), *list;
	struct driver_options some = *options;
	struct sink *sink = NULL;
	most = most < ROWS_MIN ? ROWS_MIN : most;
	most = most < playing->queries ? most : playing->queries;
	playing->buffer = mem_array((size_t)(playing->heads * most), (size_t)playing->keys * sizeof *playing->buffer);
	list = mem_array((size_t)(most + playing->heads), sizeof *list);
	enum err err = playing->buffer && list ? matrix_rows_new(keep_row, playing, &sink, info) : err_nomem(info, "rows of weights");
	for (int64_t head = 0; !err && head < playing->heads; head++)
		list[most + head] = playing->first_map + head;
	for (int64_t row = 0; row < playing->queries && !err; row += playing->rows) {
		playing->first_row = row;
		playing->rows = playing->queries - row < most ? playing->queries - row : most;
		for (int64_t i = 0; i < playing->rows; i++)
			list[i] = row + i;
		some.maps = list + most;
		some.map_count = playing->heads;
		some.rows = list;
		some.row_count = playing->rows;
		err = driver_run(playing->source, &sink, 1, &some, info);
		for (int64_t i = 0; i < playing->rows && !err; i++)
			play(playing, row + i);
	}
	matrix_rows_free(sink);
	free(list);
	free(playing->buffer);
	return err;
}

static void finish(struct eviction_kept *all)
{
	for (int policy = 0; policy < EVICT_COUNT; policy++) {
		all->kept[policy] = all->count[policy] ? all->kept[policy] / (double)all->count[policy] : NAN;
		all->least[policy] = all->count[policy] ? all->least[policy] : NAN;
	}
}

enum err eviction_run(const struct source *source, int64_t first, int64_t heads, const struct driver_options *options, const struct eviction_request *request,
		      struct eviction_result *result, struct eviction_kept *group, struct err_info *info)
{
	struct playing playing = { .source = source, .request = request, .result = result, .group = group, .first_map = first, .heads = heads,
				   .keys = source->keys, .queries = source->queries };
	size_t keys = (size_t)source->keys;
	*group = (struct eviction_kept){ 0 };
	for (int64_t head = 0; head < heads; head++) {
		result[head].kept = (struct eviction_kept){ 0 };
		memset(result[head].mass, 0, keys * sizeof *result->mass);
		memset(result[head].last, 0, keys * sizeof *result->last);
	}
	playing.recent = mem_zero_array((size_t)request->observe, keys * sizeof *playing.recent);
	playing.votes = mem_zero_array(keys, 3 * sizeof *playing.votes);
	playing.scored = mem_array(keys, sizeof *playing.scored);
	enum err err = playing.recent && playing.votes && playing.scored ? ERR_OK : err_nomem(info, "the history of the keys");
	if (!err) {
		playing.mass = playing.votes + keys;
		playing.shared = playing.mass + keys;
		err = run_rows(&playing, options, info);
	}
	for (int64_t head = 0; head < heads; head++)
		finish(&result[head].kept);
	finish(group);
	free(playing.recent);
	free(playing.votes);
	free(playing.scored);
	return err;
}
