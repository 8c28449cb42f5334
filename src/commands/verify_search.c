/* SPDX-License-Identifier: MIT */
#include "commands/verify_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/reference.h"
#include "mechanism/position.h"
#include "mechanism/relative.h"

/* Whole rows that settings are compared with: enough to tell them apart, few enough for long dumps. */
enum { COMPARED_MAPS = 6, COMPARED_ROWS = 16, COMPARED_ROWS_MIN = 4, COMPARED_WEIGHTS = 1 << 16 };

/* Rows whose zeros are read; the pairs that trials are made on, a few at first and more for the best of them. */
enum { EXTENT_MAPS = 8, EXTENT_WEIGHTS = 1 << 22, EXTENT_ROWS_MIN = 16, FEW_MAPS = 3, FEW_ROWS = 2, FEW_PAIRS = 48, MORE_MAPS = 6, MORE_ROWS = 6, MORE_PAIRS = 128, SINK_ROWS = 32, SINK_ROWS_MIN = 4,
       SINK_WEIGHTS = 1 << 15, SOME = 20, FEW_ENOUGH = 128, MORE_ENOUGH = 1024 };

/* Candidates that are kept, and how many of them are compared with whole rows; trials of a base on a scale of its logarithm. */
enum { KEPT = 24, TRIED = 3, BASES = 46, NEARER = 10, EXACT = 16, EPSILONS_TRIED = 6 };
static const double BASE_LOW = 4.6, BASE_HIGH = 20.7;

/* Relations with more unknowns must explain more. */
static const double UNKNOWN_COSTS = 1.2;

/* The products must matter this much more than what is left unexplained, and so much at least. */
static const double MATTERS = 5, MATTERS_AT_LEAST = 1e-4;

/*
 * Samples.
 */

enum err verify_choose_maps(const struct input *input, const int64_t *layer, int64_t layers, int64_t most, int64_t **map, int64_t *count, struct err_info *info)
{
	const struct selection *selection = &input->selection;
	int64_t batches = (int64_t)selection->batches, heads = (int64_t)selection->heads, all = layers * batches * heads;
	most = most < batches ? batches : most;
	*count = all < most ? all : most;
	*map = mem_array((size_t)*count, sizeof **map);
	if (!*map)
		return err_nomem(info, "the list of heads");
	for (int64_t i = 0; i < *count; i++) {
		/* All of them in order; or an item after the other, and heads and layers from end to end. */
		int64_t l = i * layers / *count, b = i % batches, h = *count > 1 ? (i * (heads - 1) + (*count - 1) / 2) / (*count - 1) : 0;
		if (all == *count) {
			l = i / (batches * heads);
			b = i / heads % batches;
			h = i % heads;
		}
		(*map)[i] = (layer[l] * input->source->batches + selection->batch[b]) * input->source->heads + selection->head[h];
	}
	return ERR_OK;
}

enum err weights_sample_draw(struct weights_sample *sample, const struct source *model, const int64_t *map, int64_t maps, struct err_info *info)
{
	int64_t keys = model->keys, rows = COMPARED_WEIGHTS / keys;
	rows = rows > COMPARED_ROWS ? COMPARED_ROWS : rows < COMPARED_ROWS_MIN ? COMPARED_ROWS_MIN : rows;
	rows = rows < model->queries ? rows : model->queries;
	*sample = (struct weights_sample){ .map = mem_array((size_t)(maps * rows), sizeof *sample->map),
					   .row = mem_array((size_t)(maps * rows), sizeof *sample->row),
					   .model = mem_array((size_t)(maps * rows), (size_t)keys * sizeof *sample->model),
					   .computed = mem_array((size_t)keys, sizeof *sample->computed) };
	if (!sample->map || !sample->row || !sample->model || !sample->computed)
		return err_nomem(info, "rows of weights");
	enum err err = ERR_OK;
	for (; sample->rows < maps * rows && !err; sample->rows++) {
		int64_t i = sample->rows;
		sample->map[i] = map[i / rows];
		sample->row[i] = (i % rows + 1) * model->queries / rows - 1;
		err = reference_row(model, sample->map[i], sample->row[i], sample->model + i * keys, NULL, NULL, info);
	}
	return err;
}

void weights_sample_release(struct weights_sample *sample)
{
	free(sample->map);
	free(sample->row);
	free(sample->model);
	free(sample->computed);
	*sample = (struct weights_sample){ 0 };
}

enum err weights_sample_compare(const struct weights_sample *sample, const struct source *source, double bound, struct deviation *deviation, struct err_info *info)
{
	enum err err = ERR_OK;
	*deviation = (struct deviation){ 0 };
	for (int64_t i = 0; i < sample->rows && !err && deviation->largest <= bound; i++) {
		err = reference_row(source, sample->map[i], sample->row[i], sample->computed, NULL, NULL, info);
		if (!err)
			deviation_add(deviation, sample->map[i], sample->row[i], sample->computed, sample->model + i * source->keys, source->keys);
	}
	return err;
}

/* Rows that lie irregularly, the first and the last among them: the limits of chunks and windows fall between regular ones. */
static int64_t irregular_row(int64_t i, int64_t rows, int64_t queries)
{
	if (rows >= queries)
		return i;
	double share = fmod((double)i * 0.6180339887498949, 1);
	return i == 0 ? 0 : i == 1 ? queries - 1 : (int64_t)(share * (double)queries);
}

struct extents {
	struct row_extent *extent;
	size_t count;
	int64_t short_rows, whole_rows; /* that sum to less than one, or to one */
};

static enum err read_extents(const struct verify_search *search, struct extents *extents, struct err_info *info)
{
	const struct source *model = search->model;
	int64_t *map, maps, rows;
	double *weight = mem_array((size_t)model->keys, sizeof *weight);
	enum err err = verify_choose_maps(search->input, search->layer, search->layers, EXTENT_MAPS, &map, &maps, info);
	rows = err ? 0 : EXTENT_WEIGHTS / model->keys / maps;
	rows = rows < EXTENT_ROWS_MIN ? EXTENT_ROWS_MIN : rows;
	rows = rows < model->queries ? rows : model->queries;
	extents->extent = err ? NULL : mem_array((size_t)(maps * rows), sizeof *extents->extent);
	if (!err && (!weight || !extents->extent))
		err = err_nomem(info, "rows of weights");
	for (int64_t i = 0; !err && i < maps * rows; i++) {
		int64_t layer, head;
		struct row_stats stats;
		struct row_extent *extent = &extents->extent[extents->count];
		extent->row = irregular_row(i % rows, rows, model->queries);
		source_map_id(model, map[i / rows], &layer, &extent->batch, &head);
		err = reference_row(model, map[i / rows], extent->row, weight, &stats, NULL, info);
		if (err)
			break;
		row_extent_read(weight, model->keys, extent);
		extents->count++;
		double off = 1 - weights_sum(weight, model->keys);
		if (extent->first <= extent->last && !extent->uniform) {
			extents->short_rows += off > 1e-5 + 2 * search->storage.relative;
			extents->whole_rows += off <= 1e-5 + 2 * search->storage.relative;
		}
	}
	free(map);
	free(weight);
	return err;
}

static enum err draw_rows(const struct verify_search *search, const struct support *support, const int64_t *map, int64_t maps, bool few, int64_t rows,
			  struct pair_sample *pairs, struct err_info *info)
{
	const struct mechanism_args *args = &search->given.settings.args;
	const struct pair_request request = {
		.model = search->model,
		.query = mechanism_input_find(args, "query")->heads,
		.key = mechanism_input_find(args, "key")->heads,
		.map = map,
		.maps = maps,
		.rows = rows,
		.pairs = few ? FEW_PAIRS : MORE_PAIRS,
		.near = few,
		.diagonal = support->diagonal,
		.storage = search->storage,
	};
	return pair_sample_draw(pairs, &request, info);
}

/* More rows where they see few keys each. */
static enum err draw_pairs(const struct verify_search *search, const struct support *support, const int64_t *map, int64_t maps, bool few, struct pair_sample *pairs,
			   struct err_info *info)
{
	enum err err = ERR_OK;
	for (int64_t rows = few ? FEW_ROWS : MORE_ROWS; !err; rows *= 2) {
		pair_sample_release(pairs);
		err = draw_rows(search, support, map, maps, few, rows, pairs, info);
		if (pairs->pairs >= (few ? FEW_ENOUGH : MORE_ENOUGH) || rows >= search->model->queries)
			break;
	}
	return err;
}

/*
 * Opening.
 */

/* The view in which head h lies where head h mod (key heads) does. */
static bool tile(const struct heads *key, int64_t heads, struct heads *tiled)
{
	if (key->head_group || key->shard_count)
		return false;
	*tiled = *key;
	tiled->head_group = key->size[AXIS_HEAD];
	tiled->head_group_stride = 0;
	tiled->size[AXIS_HEAD] = heads;
	return true;
}

enum err verify_open(const struct verify_search *search, const struct settings *settings, struct opened *opened, struct err_info *info)
{
	struct mechanism_args args = settings->args;
	*opened = (struct opened){ 0 };
	if (settings->tiled) {
		opened->binding = mem_array(args.binding_count, sizeof *opened->binding);
		if (!opened->binding)
			return err_nomem(info, "the inputs");
		for (size_t i = 0; i < args.binding_count; i++) {
			opened->binding[i] = args.binding[i];
			if (strcmp(args.binding[i].role, "key") == 0 && !tile(args.binding[i].heads, search->source->heads, &opened->key))
				return err_set(info, ERR_UNSUPPORTED, "heads in groups");
			if (strcmp(args.binding[i].role, "key") == 0)
				opened->binding[i].heads = &opened->key;
		}
		args.binding = opened->binding;
	}
	return search->input->mechanism->open(&args, &opened->source, info);
}

void opened_release(struct opened *opened)
{
	source_free(opened->source);
	free(opened->binding);
	*opened = (struct opened){ 0 };
}

/* Infinite where these inputs do not allow the settings (an odd size cannot rotate). */
static enum err try_settings(struct verify_search *search, const struct settings *settings, double bound, struct deviation *deviation, struct err_info *info)
{
	struct opened opened;
	struct err_info refused = { 0 };
	*deviation = (struct deviation){ .largest = INFINITY };
	search->trials++;
	enum err err = verify_open(search, settings, &opened, &refused);
	if (!err)
		err = weights_sample_compare(&search->sample, opened.source, bound, deviation, &refused);
	opened_release(&opened);
	if (err == ERR_NOMEM)
		*info = refused;
	else if (err)
		*deviation = (struct deviation){ .largest = INFINITY };
	return err == ERR_NOMEM ? err : ERR_OK;
}

/*
 * Trials on pairs.
 */

struct candidate {
	struct settings settings;
	enum logit_relation relation;
	struct logit_fit fit;
	double cost; /* what it leaves, with a fine for unknowns */
};

struct trying {
	struct verify_search *search;
	struct pair_sample few, more;
	double *known[2];           /* [pairs of few, more] biases that the options say, 0 where there are none */
	double *product, *logarithm; /* [pairs] */
	bool has_known;
	struct candidate kept[KEPT];
	int count;
	double good;                /* what a relation leaves that holds */
};

static void transform(void *data, bool is_query, int64_t batch, int64_t head, int64_t token, double *vector)
{
	position_transform(data, is_query ? POSITION_QUERY : POSITION_KEY, batch, head, token, vector);
}

/* Products of the pairs with these norms, rotations and order of heads. ERR_UNSUPPORTED where the inputs do not allow them. */
static enum err products(const struct trying *trying, const struct pair_sample *pairs, const struct settings *settings, struct err_info *info)
{
	const struct verify_search *search = trying->search;
	struct mechanism_args args = settings->args;
	struct source sizes = *search->source;
	struct position position;
	struct mask mask;
	args.position.alibi = false;
	args.position.alibi_slopes = args.position.t5_bias = NULL;
	args.allow = args.bias = NULL;
	args.mask = NULL;
	args.dead_rows = DEAD_ROWS_ZERO;
	enum err err = mechanism_mask(&args, &sizes, &mask, info);
	if (err)
		return err;
	err = position_init(&position, &args.position, &sizes, &mask, search->given.key_heads, search->given.dim, 1, info);
	if (!err) {
		pair_sample_products(pairs, settings->tiled ? HEADS_TILED : HEADS_REPEATED, transform, &position, trying->product);
		position_release(&position);
	}
	mask_release(&mask);
	return err;
}

static enum err fit_candidate(struct trying *trying, bool few, struct candidate *candidate, struct err_info *info)
{
	const struct pair_sample *pairs = few ? &trying->few : &trying->more;
	bool before = candidate->settings.args.position.bias_before_scale;
	candidate->cost = INFINITY;
	enum err err = products(trying, pairs, &candidate->settings, info);
	if (err)
		return err == ERR_NOMEM ? err : ERR_OK;
	pair_sample_bias(pairs, settings_have_bias(&candidate->settings) ? trying->known[few ? 0 : 1] : NULL, before, trying->product, trying->logarithm);
	const struct logit_data data = { pairs->row, pairs->rows, (int)pairs->maps, trying->logarithm, trying->product, pairs->trust, pairs->distance };
	err = logit_fit(&data, candidate->relation, &candidate->fit, info);
	const struct logit_fit *fit = &candidate->fit;
	if (!err && fit->factor > 0 && isfinite(fit->factor))
		candidate->cost = fit->off * (candidate->relation == LOGIT_SCALE ? 1 : UNKNOWN_COSTS);
	return err;
}

/* Weights that do not depend on the products (uniform ones, or noise) are explained by no scale, however small. */
static bool matters(const struct trying *trying, const struct candidate *candidate)
{
	const struct storage *storage = &trying->search->storage;
	double least = fmax(MATTERS_AT_LEAST, 3 * fmax(storage->relative, storage->absolute));
	return candidate->fit.explained > fmax(least, MATTERS * candidate->fit.off);
}

static bool is_good(const struct trying *trying, const struct candidate *candidate)
{
	return candidate->fit.off <= trying->good && matters(trying, candidate);
}

static void keep(struct trying *trying, const struct candidate *candidate)
{
	if (!isfinite(candidate->cost) || (trying->count == KEPT && trying->kept[KEPT - 1].cost <= candidate->cost))
		return;
	int at = trying->count < KEPT ? trying->count++ : KEPT - 1;
	for (; at > 0 && trying->kept[at - 1].cost > candidate->cost; at--)
		trying->kept[at] = trying->kept[at - 1];
	trying->kept[at] = *candidate;
}

static enum err try_relations(struct trying *trying, const struct settings *settings, bool few, struct err_info *info)
{
	enum err err = ERR_OK;
	enum logit_relation last = settings_have_bias(settings) ? LOGIT_CAP : LOGIT_SLOPES;
	for (enum logit_relation relation = LOGIT_SCALE; relation <= last && !err; relation++) {
		struct candidate candidate = { .settings = *settings, .relation = relation };
		err = fit_candidate(trying, few, &candidate, info);
		if (!err)
			keep(trying, &candidate);
	}
	trying->search->trials++;
	return err;
}

/* The kept ones again, on more pairs. */
static enum err settle(struct trying *trying, struct err_info *info)
{
	struct candidate old[KEPT];
	int count = trying->count;
	enum err err = ERR_OK;
	memcpy(old, trying->kept, sizeof old);
	trying->count = 0;
	for (int i = 0; i < count && !err; i++) {
		err = fit_candidate(trying, false, &old[i], info);
		if (!err)
			keep(trying, &old[i]);
	}
	return err;
}

/* Epsilons that models have beside the default: they tell where vectors are short. */
static enum err try_epsilons(struct trying *trying, struct err_info *info)
{
	static const double epsilons[] = { 1e-5, 1e-8, 1e-12 };
	struct candidate old[EPSILONS_TRIED];
	enum err err = ERR_OK;
	int count = trying->count < EPSILONS_TRIED ? trying->count : EPSILONS_TRIED;
	memcpy(old, trying->kept, sizeof old);
	for (int i = 0; i < count && !err; i++)
		for (size_t j = 0; j < sizeof epsilons / sizeof *epsilons && !err && old[i].settings.args.position.qk_norm; j++) {
			struct candidate candidate = old[i];
			candidate.settings.args.position.qk_norm_epsilon = epsilons[j];
			err = fit_candidate(trying, false, &candidate, info);
			if (!err && candidate.fit.off < old[i].fit.off / 2)
				keep(trying, &candidate);
		}
	return err;
}

static bool found(const struct trying *trying)
{
	return trying->count && is_good(trying, &trying->kept[0]);
}

/* Norms, orders of the heads, with the biases of the options and without them. */
enum { NORMS = 4, VARIANTS = NORMS * 2 * 2 };

static bool vary(const struct trying *trying, int number, struct settings *settings)
{
	static const enum qk_norm norms[NORMS] = { QK_NORM_NONE, QK_NORM_NONE, QK_NORM_RMS, QK_NORM_LAYER };
	const struct settings *given = &trying->search->given.settings;
	int norm = number / 4;
	bool tiled = number / 2 % 2, bare = number % 2;
	*settings = *given;
	settings->tiled = tiled;
	if (norm && norms[norm] == given->args.position.qk_norm)
		return false;
	if (norm)
		settings->args.position.qk_norm = norms[norm];
	if (norm && !norms[norm])
		settings_unnormalise(settings);
	if (bare)
		settings_unbias(settings);
	return !(tiled && !trying->more.key_vector[1]) && !(bare && !trying->has_known);
}

static enum err try_rotations(struct trying *trying, const struct settings *settings, struct err_info *info)
{
	static const int64_t parts[] = { 1, 2, 4 };
	const struct settings_given *given = &trying->search->given;
	struct settings rotated = *settings;
	enum err err = ERR_OK;
	settings_unrotate(&rotated);
	if (settings->args.position.rope)
		err = try_relations(trying, &rotated, true, info);
	for (int pairing = ROPE_HALF; pairing <= ROPE_INTERLEAVED && !err; pairing++)
		for (int part = 0; part < 3 && !err; part++)
			for (int i = 0; i < rotation_choice_count() && !err; i++) {
				settings_rotate(&rotated, given, (enum rope_pairing)pairing, &rotation_choices[i], parts[part]);
				if (given->dim / parts[part] >= 2 && given->dim / parts[part] % 2 == 0)
					err = try_relations(trying, &rotated, true, info);
			}
	return err;
}

/* A candidate with its base moved to e^at. */
static enum err fit_base(struct trying *trying, bool few, double at, struct candidate *candidate, struct err_info *info)
{
	candidate->settings.args.position.rope_base = exp(at);
	trying->search->trials++;
	return fit_candidate(trying, few, candidate, info);
}

/* To and fro by steps that halve, from `at` on. */
static enum err refine_base(struct trying *trying, bool few, double step, int rounds, struct candidate *best, struct err_info *info)
{
	double at = log(best->settings.args.position.rope_base);
	enum err err = fit_candidate(trying, few, best, info);
	for (int round = 0; round < rounds && !err && isfinite(best->cost); round++, step /= 2) {
		double from = at;
		for (int side = -1; side <= 1 && !err; side += 2) {
			struct candidate candidate = *best;
			err = fit_base(trying, few, from + side * step, &candidate, info);
			if (!err && candidate.cost < best->cost) {
				*best = candidate;
				at = from + side * step;
			}
		}
	}
	return err;
}

/* The base with the least left, on a grid of its logarithm, then ever nearer on the pairs near each other and on all. */
static enum err try_bases(struct trying *trying, const struct settings *settings, enum rope_pairing pairing, int64_t part, struct err_info *info)
{
	const struct rotation_choice any = { .base = 1 };
	struct candidate candidate = { .settings = *settings, .relation = LOGIT_SCALE }, best = { .cost = INFINITY };
	double step = (BASE_HIGH - BASE_LOW) / BASES;
	enum err err = ERR_OK;
	settings_rotate(&candidate.settings, &trying->search->given, pairing, &any, part);
	for (int i = 0; i <= BASES && !err; i++) {
		err = fit_base(trying, true, BASE_LOW + i * step, &candidate, info);
		if (!err && candidate.cost < best.cost)
			best = candidate;
	}
	if (!err && isfinite(best.cost))
		err = refine_base(trying, true, step / 2, NEARER, &best, info);
	if (err || !isfinite(best.cost) || best.fit.off > 0.3 * best.fit.explained)
		return err;
	for (enum logit_relation relation = LOGIT_SCALE; relation <= LOGIT_CAP && !err; relation++) {
		candidate = best;
		candidate.relation = relation;
		err = refine_base(trying, true, step / (1 << NEARER / 2), NEARER, &candidate, info);
		if (!err)
			err = refine_base(trying, false, step / (1 << NEARER), EXACT, &candidate, info);
		if (!err)
			keep(trying, &candidate);
	}
	return err;
}

static enum err try_distances(struct trying *trying, struct err_info *info)
{
	struct settings settings;
	enum err err = ERR_OK;
	for (int variant = 0; variant < VARIANTS && !err; variant++) {
		if (!vary(trying, variant, &settings))
			continue;
		struct candidate candidate = { .settings = settings, .relation = LOGIT_DISTANCE };
		err = fit_candidate(trying, false, &candidate, info);
		if (!err && is_good(trying, &candidate))
			keep(trying, &candidate);
	}
	return err;
}

static enum err explore(struct trying *trying, const struct support *support, const struct supports *supports, struct err_info *info)
{
	struct settings settings;
	struct settings_given *given = &trying->search->given;
	struct settings before = given->settings;
	enum err err = ERR_OK;
	/* Positions are aligned as the zeros in the weights show, whatever the options say. */
	if (support)
		settings_mask(&given->settings, given, supports, support);
	for (int variant = 0; variant < VARIANTS && !err; variant++)
		if (vary(trying, variant, &settings))
			err = try_relations(trying, &settings, true, info);
	if (!err)
		err = settle(trying, info);
	if (!err)
		err = try_epsilons(trying, info);
	for (int variant = 0; variant < VARIANTS && !err && !found(trying); variant++)
		if (vary(trying, variant, &settings))
			err = try_rotations(trying, &settings, info);
	if (!err && !found(trying))
		err = settle(trying, info);
	if (!err)
		err = try_epsilons(trying, info);
	for (int variant = 0; variant < VARIANTS && !err && !found(trying); variant++)
		for (int kind = 0; kind < 6 && !err && vary(trying, variant, &settings) && given->dim >> kind / 2 >= 2; kind++)
			err = try_bases(trying, &settings, kind % 2 ? ROPE_INTERLEAVED : ROPE_HALF, INT64_C(1) << kind / 2, info);
	if (!err && !found(trying))
		err = settle(trying, info);
	if (!err && !found(trying))
		err = try_distances(trying, info);
	given->settings = before;
	return err;
}

/* The biases that the options say: the logits of attention whose products count nothing. */
static enum err read_known(struct trying *trying, const struct pair_sample *pairs, double *known, struct err_info *info)
{
	const struct verify_search *search = trying->search;
	struct settings settings = search->given.settings;
	struct opened opened = { 0 };
	settings.args.scale = 0;
	settings.args.softcap = 0;
	settings.args.position.bias_before_scale = false;
	settings.args.position.sinks = NULL;
	memset(known, 0, (size_t)pairs->pairs * sizeof *known);
	if (!settings_have_bias(&settings))
		return ERR_OK;
	double *row = mem_array((size_t)search->model->keys, sizeof *row);
	enum err err = row ? verify_open(search, &settings, &opened, info) : err_nomem(info, "biases");
	for (int64_t i = 0; i < pairs->rows && !err; i++) {
		err = opened.source->ops->score64(opened.source, pairs->map[i], pairs->query[i], row, info);
		for (int64_t pair = pairs->row[i].begin; pair < pairs->row[i].end && !err; pair++)
			known[pair] = isfinite(row[pairs->key[pair]]) ? row[pairs->key[pair]] : 0;
	}
	trying->has_known = true;
	opened_release(&opened);
	free(row);
	return err;
}

static void release_trying(struct trying *trying)
{
	pair_sample_release(&trying->few);
	pair_sample_release(&trying->more);
	free(trying->known[0]);
	free(trying->known[1]);
	free(trying->product);
	free(trying->logarithm);
}

static enum err start_trying(struct trying *trying, const struct support *support, struct err_info *info)
{
	struct verify_search *search = trying->search;
	int64_t *map = NULL, maps;
	trying->good = 2e-5 + 1.5 * fmax(search->storage.relative, search->storage.absolute);
	enum err err = verify_choose_maps(search->input, search->layer, search->layers, MORE_MAPS, &map, &maps, info);
	if (!err)
		err = draw_pairs(search, support, map, maps, false, &trying->more, info);
	free(map);
	if (!err)
		err = verify_choose_maps(search->input, search->layer, search->layers, FEW_MAPS, &map, &maps, info);
	if (!err) {
		err = draw_pairs(search, support, map, maps, true, &trying->few, info);
		free(map);
	}
	if (err)
		return err;
	size_t pairs = (size_t)(trying->few.pairs > trying->more.pairs ? trying->few.pairs : trying->more.pairs);
	trying->known[0] = mem_array(pairs, sizeof **trying->known);
	trying->known[1] = mem_array(pairs, sizeof **trying->known);
	trying->product = mem_array(pairs, sizeof *trying->product);
	trying->logarithm = mem_array(pairs, sizeof *trying->logarithm);
	if (!trying->known[0] || !trying->known[1] || !trying->product || !trying->logarithm)
		return err_nomem(info, "pairs");
	err = read_known(trying, &trying->few, trying->known[0], info);
	return err ? err : read_known(trying, &trying->more, trying->known[1], info);
}

/*
 * From a candidate to settings.
 */

/* Of one head: z = ln sum_j e^s_j + ln((1 - sum) / sum), from some rows. */
static enum err find_sink(const struct verify_search *search, const struct source *source, int64_t layer, int64_t head, double *weight, double *logit,
			  struct err_info *info)
{
	const struct source *model = search->model;
	struct sink_fit fit = { 0 };
	enum err err = ERR_OK;
	int64_t rows = SINK_WEIGHTS / model->keys;
	rows = rows < SINK_ROWS_MIN ? SINK_ROWS_MIN : rows > SINK_ROWS ? SINK_ROWS : rows;
	for (int64_t i = 0; i < rows && !err; i++) {
		int64_t map = (layer * model->batches + i % model->batches) * model->heads + head, row = (rows - i) * model->queries / rows - 1;
		struct row_stats stats = { 0 };
		double sum = 0;
		row = row < 0 ? 0 : row;
		err = reference_row(model, map, row, weight, NULL, NULL, info);
		if (!err) {
			sum = weights_sum(weight, model->keys);
			err = reference_row(source, map, row, weight, &stats, NULL, info);
		}
		if (!err)
			sink_fit_add(&fit, stats.lse, sum);
	}
	*logit = sink_fit_logit(&fit);
	return err;
}

/* One for each head; where several layers are looked at, for each head of each layer. */
static enum err find_sinks(struct verify_search *search, struct settings *settings, struct err_info *info)
{
	const struct source *model = search->model;
	struct opened opened = { 0 };
	double *weight = mem_array((size_t)model->keys, sizeof *weight);
	bool by_layer = search->layers > 1;
	settings->args.position.sinks = NULL;
	enum err err = weight ? verify_open(search, settings, &opened, info) : err_nomem(info, "sink logits");
	for (int64_t i = 0; i < search->layers * model->heads && !err; i++) {
		int64_t layer = search->layer[i / model->heads], head = i % model->heads;
		err = find_sink(search, opened.source, layer, head, weight, &search->sinks[(by_layer ? layer * model->heads : 0) + head], info);
	}
	opened_release(&opened);
	free(weight);
	search->sinks_tensor->shape[0] = (by_layer ? model->layers : 1) * model->heads;
	settings->args.position.sinks = search->sinks_tensor;
	return err;
}

/* Of all heads, within what the storage of the weights lets slopes be told. */
static bool all_near(const double *slope, const double *wanted, int64_t heads, double factor, const struct storage *storage)
{
	for (int64_t head = 0; head < heads; head++)
		if (!(fabs(slope[head] - factor * wanted[head]) <= 5e-3 * factor * wanted[head] + 0.1 * storage->relative))
			return false;
	return true;
}

/* The slopes of the paper, those times the scale (Falcon), or a list. */
static enum err find_slopes(struct trying *trying, const struct support *support, double factor, struct settings *settings, struct err_info *info)
{
	struct verify_search *search = trying->search;
	const struct source *source = search->source;
	struct pair_sample pairs = { 0 };
	int64_t heads = source->heads, *list = mem_array((size_t)heads, sizeof *list);
	double *paper = mem_array((size_t)heads, sizeof *paper);
	enum err err = list && paper ? ERR_OK : err_nomem(info, "slopes");
	for (int64_t head = 0; !err && head < heads; head++)
		list[head] = (search->layer[0] * source->batches + search->input->selection.batch[0]) * heads + head;
	if (!err)
		err = draw_pairs(search, support, list, heads, false, &pairs, info);
	double *product = err ? NULL : mem_array((size_t)pairs.pairs, sizeof *product), *kept = trying->product;
	if (!err && !product)
		err = err_nomem(info, "slopes");
	if (!err) {
		trying->product = product;
		err = products(trying, &pairs, settings, info);
		trying->product = kept;
	}
	if (!err) {
		const struct logit_data data = { pairs.row, pairs.rows, (int)heads, pairs.log_weight, product, pairs.trust, pairs.distance };
		logit_fit_slopes(&data, factor, search->slopes);
		alibi_slopes(heads, paper);
		settings->args.position.alibi = true;
		settings->args.position.bias_before_scale = all_near(search->slopes, paper, heads, factor, &search->storage) && factor < 0.99;
		bool is_paper = settings->args.position.bias_before_scale || all_near(search->slopes, paper, heads, 1, &search->storage);
		settings->args.position.alibi_slopes = is_paper ? NULL : search->slopes_tensor;
	}
	pair_sample_release(&pairs);
	free(product);
	free(list);
	free(paper);
	return err;
}

static enum err consider(struct verify_search *search, struct settings *settings, struct err_info *info)
{
	struct deviation deviation;
	enum err err = try_settings(search, settings, search->deviation.largest, &deviation, info);
	bool nearer = deviation.largest < search->deviation.largest / 1.5;
	bool nearer_on_average = deviation.largest <= search->deviation.largest && deviation_mean(&deviation) < deviation_mean(&search->deviation) / 1.5;
	if (!err && (nearer || nearer_on_average)) {
		search->best = *settings;
		search->deviation = deviation;
	}
	return err;
}

/* One candidate under the masks of the options, and under each that the zeros may mean. */
static enum err consider_masks(struct trying *trying, const struct candidate *candidate, const struct supports *supports, struct err_info *info)
{
	struct verify_search *search = trying->search;
	const struct settings *given = &search->given.settings;
	enum err err = ERR_OK;
	for (int i = -1; i < supports->count && !err && search->deviation.largest > search->wanted; i++) {
		struct settings settings = candidate->settings;
		settings.args.scale = candidate->fit.factor;
		settings.args.softcap = candidate->relation == LOGIT_CAP ? candidate->fit.cap : 0;
		if (i < 0) {
			int parts[] = { 1, 2, 3, 4, 5, 6, 7 };
			for (size_t part = 0; part < sizeof parts / sizeof *parts; part++)
				settings_revert(&settings, &search->given, parts[part]);
		} else {
			settings_mask(&settings, &search->given, supports, &supports->support[i]);
		}
		if (candidate->relation == LOGIT_SLOPES)
			err = find_slopes(trying, &supports->support[0], candidate->fit.factor, &settings, info);
		if (!err)
			err = consider(search, &settings, info);
		if (!err && search->some_short_rows && search->deviation.largest > search->wanted && !given->args.position.sinks) {
			err = find_sinks(search, &settings, info);
			if (!err)
				err = consider(search, &settings, info);
		}
	}
	return err;
}

/*
 * Tidying up.
 */

/* As good as the best, within what the trials themselves are good for. */
static bool as_good(const struct verify_search *search, const struct deviation *deviation, double slack)
{
	double floor = 1e-7 + 1e-2 * search->storage.relative;
	return deviation->largest <= slack * search->deviation.largest + floor && deviation_mean(deviation) <= slack * deviation_mean(&search->deviation) + 1e-8;
}

static enum err replace_if_as_good(struct verify_search *search, const struct settings *settings, double slack, bool *replaced, struct err_info *info)
{
	struct deviation deviation;
	enum err err = try_settings(search, settings, INFINITY, &deviation, info);
	*replaced = !err && as_good(search, &deviation, slack);
	if (*replaced) {
		search->best = *settings;
		search->deviation = deviation;
	}
	return err;
}

static enum err round_number(struct verify_search *search, double *in_best, struct err_info *info)
{
	double meant[MEANT], value = *in_best;
	int count = settings_meant(value, search->given.dim, meant);
	bool replaced = false;
	enum err err = ERR_OK;
	for (int i = 0; i < count && !err && !replaced; i++) {
		struct settings settings = search->best;
		*(double *)((char *)&settings + ((char *)in_best - (char *)&search->best)) = meant[i];
		err = replace_if_as_good(search, &settings, 1.1, &replaced, info);
	}
	return err;
}

/* With the cap rounded, the scale follows. */
static enum err round_cap(struct trying *trying, const struct candidate *candidate, struct err_info *info)
{
	struct verify_search *search = trying->search;
	double meant[MEANT];
	bool replaced = false;
	struct candidate again = *candidate;
	enum err err = fit_candidate(trying, false, &again, info);
	int count = settings_meant(search->best.args.softcap, 1, meant);
	const struct pair_sample *pairs = &trying->more;
	const struct logit_data data = { pairs->row, pairs->rows, (int)pairs->maps, trying->logarithm, trying->product, pairs->trust, pairs->distance };
	for (int i = 0; i < count && !err && !replaced; i++) {
		struct settings settings = search->best;
		struct logit_fit fit = { 0 };
		err = logit_fit_capped(&data, meant[i], &fit, info);
		settings.args.softcap = meant[i];
		settings.args.scale = fit.factor;
		if (!err)
			err = replace_if_as_good(search, &settings, 1.1, &replaced, info);
	}
	return err;
}

static enum err take_back(struct verify_search *search, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int part = 0; part < SETTINGS_PARTS && !err; part++) {
		struct settings settings = search->best;
		bool replaced;
		if (settings_revert(&settings, &search->given, part))
			err = replace_if_as_good(search, &settings, 1.1, &replaced, info);
	}
	return err;
}

static enum err tidy(struct trying *trying, const struct candidate *candidate, struct err_info *info)
{
	struct verify_search *search = trying->search;
	enum err err = ERR_OK;
	if (search->best.args.softcap > 0)
		err = round_cap(trying, candidate, info);
	if (!err && search->best.args.position.rope && search->best.args.position.rope_base > 0)
		err = round_number(search, &search->best.args.position.rope_base, info);
	if (!err)
		err = round_number(search, &search->best.args.scale, info);
	return err ? err : take_back(search, info);
}

static enum err consider_all(struct trying *trying, const struct supports *supports, struct err_info *info)
{
	struct verify_search *search = trying->search;
	enum err err = ERR_OK;
	int winner = -1;
	for (int i = 0; i < trying->count && i < TRIED && !err && search->deviation.largest > search->wanted; i++) {
		const struct candidate *candidate = &trying->kept[i];
		double before = search->deviation.largest;
		if (candidate->relation == LOGIT_DISTANCE || !(candidate->fit.explained > candidate->fit.off) || (i && !is_good(trying, candidate)))
			continue;
		err = consider_masks(trying, candidate, supports, info);
		winner = search->deviation.largest < before ? i : winner;
	}
	if (winner >= 0) {
		search->matters = matters(trying, &trying->kept[winner]);
		return err ? err : tidy(trying, &trying->kept[winner], info);
	}
	if (!err && trying->count && trying->kept[0].relation == LOGIT_DISTANCE) {
		search->by_distance = true;
		search->best = trying->kept[0].settings;
		search->best.args.scale = trying->kept[0].fit.factor;
	}
	return err;
}

static enum err reserve(struct verify_search *search, struct err_info *info)
{
	const struct source *source = search->source;
	struct settings_given *given = &search->given;
	const struct mechanism_args *args = &search->input->args;
	int64_t count = source->layers * source->heads;
	*given = (struct settings_given){
		.settings = { .args = *args },
		.dim = mechanism_input_find(args, "query")->heads->size[AXIS_DIM],
		.queries = source->queries,
		.keys = source->keys,
		.heads = source->heads,
		.key_heads = mechanism_input_find(args, "key")->heads->size[AXIS_HEAD],
		.key_length = mem_array((size_t)source->batches, 2 * sizeof *given->key_length),
		.batches = source->batches,
	};
	search->sinks = mem_zero_array((size_t)count, sizeof *search->sinks);
	search->slopes = mem_zero_array((size_t)source->heads, sizeof *search->slopes);
	search->sinks_tensor = mem_array(2, sizeof *search->sinks_tensor);
	if (!given->key_length || !search->sinks || !search->slopes || !search->sinks_tensor)
		return err_nomem(info, "settings");
	given->key_begin = given->key_length + source->batches;
	search->slopes_tensor = search->sinks_tensor + 1;
	*search->sinks_tensor = (struct tensor){ .name = "sinks", .file = "", .dtype = DTYPE_F64, .rank = 1, .shape = { count }, .stride = { 1 },
						 .data = (const unsigned char *)search->sinks, .scale = 1 };
	*search->slopes_tensor = *search->sinks_tensor;
	search->slopes_tensor->shape[0] = source->heads;
	search->slopes_tensor->data = (const unsigned char *)search->slopes;
	return ERR_OK;
}

enum err verify_search_run(struct verify_search *search, struct err_info *info)
{
	struct extents extents = { 0 };
	struct supports supports = { 0 };
	struct trying trying = { .search = search };
	int64_t *map = NULL, maps;
	search->deviation = (struct deviation){ .largest = INFINITY };
	enum err err = reserve(search, info);
	if (!err)
		err = verify_choose_maps(search->input, search->layer, search->layers, COMPARED_MAPS, &map, &maps, info);
	if (!err)
		err = weights_sample_draw(&search->sample, search->model, map, maps, info);
	if (!err)
		err = read_extents(search, &extents, info);
	if (!err)
		err = supports_find(extents.extent, extents.count, search->source->batches, search->source->queries, search->source->keys, &supports, info);
	search->short_rows = extents.short_rows > extents.whole_rows;
	search->some_short_rows = extents.short_rows > 1 && SOME * extents.short_rows > extents.whole_rows;
	if (!err)
		err = start_trying(&trying, &supports.support[0], info);
	if (!err)
		err = explore(&trying, &supports.support[0], &supports, info);
	if (!err)
		err = consider_all(&trying, &supports, info);
	release_trying(&trying);
	supports_release(&supports);
	free(extents.extent);
	free(map);
	return err;
}

void verify_search_release(struct verify_search *search)
{
	weights_sample_release(&search->sample);
	free(search->given.key_length);
	free(search->sinks);
	free(search->slopes);
	free(search->sinks_tensor);
}
