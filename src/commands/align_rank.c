/* SPDX-License-Identifier: MIT */
/* Which heads align: each by itself, and together. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "commands/align.h"

/* Heads that a subset grows to: it stops earlier where nothing more is gained. */
enum { SUBSET_MAX = 16 };

/* One map, or several averaged. */
struct candidate {
	int64_t map;
	double monotonicity, focus, progress;
	struct score score;
};

struct ranking {
	struct aligning *aligning;
	struct candidate *candidate;
	int64_t count;
	int64_t subset[SUBSET_MAX]; /* positions in candidate */
	int64_t subset_count;
	struct candidate together;
};

static double mean_peak(const struct alignment *alignment)
{
	double sum = 0;
	for (int64_t row = 0; row < alignment->rows; row++) {
		double peak = -INFINITY;
		for (int64_t column = 0; column < alignment->columns; column++)
			peak = fmax(peak, alignment->weight[row * alignment->columns + column]);
		sum += peak;
	}
	return sum / (double)alignment->rows;
}

/* Extract from these maps alone. */
static enum err try_maps(const struct aligning *aligning, const int64_t *map, int64_t count, struct candidate *candidate, struct err_info *info)
{
	struct extract_request request = aligning->request;
	struct alignment alignment;
	struct link_set links = { 0 };
	request.driver.maps = map;
	request.driver.map_count = count;
	enum err err = extract_alignment(aligning->input.source, &request, &alignment, info);
	if (err)
		return err;
	*candidate = (struct candidate){
		.map = map[0],
		.monotonicity = alignment_monotonicity(alignment.weight, alignment.rows, alignment.columns),
		.focus = mean_peak(&alignment),
		.progress = alignment_progress(alignment.weight, alignment.rows, alignment.columns),
	};
	if (isnan(candidate->progress))
		err = err_nomem(info, "the ranking");
	if (!err && aligning->gold_line)
		err = align_links(&alignment, &request, &links, info);
	if (!err && aligning->gold_line)
		score_add(&candidate->score, &links, aligning->gold_line);
	link_set_release(&links);
	alignment_release(&alignment);
	return err;
}

static double error_rate(const struct candidate *candidate)
{
	double rate = alignment_error_rate(&candidate->score.counts);
	return isnan(rate) ? 1 : rate;
}

/* Lower error rate first where there is gold; then what moves along more, is more monotone, more focused, and the order of the maps. */
static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	const double better[][2] = {
		{ -error_rate(x), -error_rate(y) }, { x->progress, y->progress }, { x->monotonicity, y->monotonicity }, { x->focus, y->focus },
		{ -(double)x->map, -(double)y->map },
	};
	for (size_t i = 0; i < sizeof better / sizeof *better; i++)
		if (better[i][0] != better[i][1])
			return better[i][0] > better[i][1] ? -1 : 1;
	return 0;
}

/* Add whichever head lowers the error rate most, until none does. */
static enum err grow_subset(struct ranking *ranking, struct err_info *info)
{
	int64_t map[SUBSET_MAX];
	ranking->subset_count = 1;
	ranking->together = ranking->candidate[0];
	map[0] = ranking->candidate[0].map;
	while (ranking->subset_count < SUBSET_MAX && ranking->subset_count < ranking->count) {
		int64_t best = -1;
		struct candidate best_together = ranking->together;
		for (int64_t i = 1; i < ranking->count; i++) {
			struct candidate together;
			map[ranking->subset_count] = ranking->candidate[i].map;
			enum err err = try_maps(ranking->aligning, map, ranking->subset_count + 1, &together, info);
			if (err)
				return err;
			if (error_rate(&together) < error_rate(&best_together)) {
				best_together = together;
				best = i;
			}
		}
		if (best < 0)
			return ERR_OK;
		map[ranking->subset_count] = ranking->candidate[best].map;
		ranking->subset[ranking->subset_count++] = best;
		ranking->together = best_together;
	}
	return ERR_OK;
}

static enum err print_candidate(struct record *record, const struct ranking *ranking, const char *name, int64_t heads,
				const struct candidate *candidate)
{
	record_text(record, 0, name);
	record_int(record, 1, heads);
	record_real(record, 2, candidate->monotonicity);
	record_real(record, 3, candidate->focus);
	if (ranking->aligning->gold_line) {
		record_real(record, 4, alignment_error_rate(&candidate->score.counts));
		record_real(record, 5, alignment_precision(&candidate->score.counts));
		record_real(record, 6, alignment_recall(&candidate->score.counts));
	}
	record_real(record, ranking->aligning->gold_line ? 7 : 4, candidate->progress);
	return record_row(record);
}

static enum err print_ranking(const struct ranking *ranking, struct output *out, struct err_info *info)
{
	static const struct record_column scored[] = {
		{ "heads", RECORD_TEXT }, { "count", RECORD_INT }, { "monotonicity", RECORD_REAL }, { "focus", RECORD_REAL },
		{ "aer", RECORD_REAL }, { "precision", RECORD_REAL }, { "recall", RECORD_REAL }, { "progress", RECORD_REAL },
	};
	static const struct record_column unscored[] = {
		{ "heads", RECORD_TEXT }, { "count", RECORD_INT }, { "monotonicity", RECORD_REAL }, { "focus", RECORD_REAL }, { "progress", RECORD_REAL },
	};
	bool gold = ranking->aligning->gold_line;
	struct record *record = record_new(ranking->aligning->format, gold ? scored : unscored, gold ? 8 : 5, out);
	struct strbuf name;
	enum err err = record ? ERR_OK : err_nomem(info, "the ranking");
	strbuf_init(&name);
	for (int64_t i = 0; !err && i < ranking->count; i++) {
		strbuf_clear(&name);
		align_map_name(&ranking->aligning->input, ranking->candidate[i].map, &name);
		err = print_candidate(record, ranking, name.buf, 1, &ranking->candidate[i]);
	}
	strbuf_clear(&name);
	for (int64_t i = 0; i < ranking->subset_count; i++) {
		if (i)
			strbuf_addch(&name, '+');
		align_map_name(&ranking->aligning->input, ranking->candidate[ranking->subset[i]].map, &name);
	}
	if (!err && ranking->subset_count > 1)
		err = print_candidate(record, ranking, name.buf, ranking->subset_count, &ranking->together);
	strbuf_release(&name);
	enum err end = record_end(record);
	return err ? err : end;
}

enum err align_rank(struct aligning *aligning, struct output *out, struct err_info *info)
{
	const struct selection *selection = &aligning->input.selection;
	struct ranking ranking = { .aligning = aligning, .count = selection->maps };
	ranking.candidate = mem_array((size_t)ranking.count, sizeof *ranking.candidate);
	enum err err = ranking.candidate ? ERR_OK : err_nomem(info, "the ranking");
	for (int64_t i = 0; !err && i < ranking.count; i++)
		err = try_maps(aligning, &selection->map[i], 1, &ranking.candidate[i], info);
	if (!err)
		qsort(ranking.candidate, (size_t)ranking.count, sizeof *ranking.candidate, compare_candidates);
	if (!err && aligning->gold_line)
		err = grow_subset(&ranking, info);
	if (!err)
		err = print_ranking(&ranking, out, info);
	free(ranking.candidate);
	return err;
}
