/* SPDX-License-Identifier: MIT */
#include "commands/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/difference.h"
#include "base/memory.h"
#include "commands/progress.h"
#include "commands/verify_search.h"
#include "tensor/layout.h"

/* Rows that are compared where nobody asked for all of them. */
enum { MAPS_MAX = 4 };

/* Weights that are computed from the definition where all of them are compared; above, in float32. */
static const int64_t DEFINITION_MAX = 4 << 20;

/* Weights agree that are this close, beside what their storage rounds away: a model's own arithmetic in half precision is about
 * as good. */
static const double AGREES = 1e-3;

/* Settings that are right come this close, beside what the storage rounds away. */
static const double EXACT = 1e-5;

/* Layers that have their settings in common. */
struct explanation {
	struct verify_search search;
	int64_t *layer; /* [layers] owned */
	int64_t layers;
	struct deviation deviation; /* of all weights where all were compared */
};

struct comparison {
	struct input *input;
	struct source *source, *model;
	struct tensor tensor;
	const struct tensor *slot;
	struct heads heads;
	struct weights_sample sample;
	struct storage storage;
	double tolerance, exact;
	struct explanation *explanation; /* [layers of the selection], in pieces */
	int64_t explanations;
};

void verification_release(struct verification *verification)
{
	strbuf_release(&verification->settings);
}

/*
 * Opening.
 */

static enum err shape_of_model(const struct comparison *comparison, struct err_info *info)
{
	const struct source *source = comparison->source;
	const int64_t *size = comparison->heads.size;
	char shape[128];
	if (size[AXIS_LAYER] == source->layers && size[AXIS_BATCH] == source->batches && size[AXIS_HEAD] == source->heads &&
	    size[AXIS_TOKEN] == source->queries && size[AXIS_DIM] == source->keys)
		return ERR_OK;
	return err_set(info, ERR_SHAPE,
		       "weights %s, but queries and keys make %" PRId64 " layers, %" PRId64 " items, %" PRId64
		       " heads of %" PRId64 " x %" PRId64,
		       tensor_shape_text(comparison->heads.tensors[0], shape, sizeof shape), source->layers, source->batches,
		       source->heads, source->queries, source->keys);
}

static enum err view_of_spec(struct comparison *comparison, const char *spec, struct verification *verification,
			     struct err_info *info)
{
	const struct tensor *tensor;
	struct layout_request request = { .role = LAYOUT_WEIGHTS, .layers = comparison->source->layers > 1 };
	enum err err = roles_tensor(&comparison->input->roles, spec, &tensor, info);
	if (!err)
		err = role_letters(&input_request()->layout, "weights", &request.letters, info);
	if (err)
		return err;
	comparison->tensor = *tensor;
	verification->tensor = tensor->name;
	err = layout_resolve(&comparison->tensor, &request, &comparison->slot, &comparison->heads, info);
	if (!err)
		err = shape_of_model(comparison, info);
	return err ? err_in_file(info, tensor->file) : ERR_OK;
}

static enum err view_of_role(struct comparison *comparison, struct verification *verification, struct err_info *info)
{
	struct role *role = roles_kind(&comparison->input->roles, NAME_WEIGHTS);
	enum err err = role_load(role, input_request(), NULL, info);
	if (err)
		return err;
	comparison->heads = role->heads;
	verification->tensor = role->part[0].name;
	err = shape_of_model(comparison, info);
	for (int64_t layer = 0; !err && role->numbered && comparison->input->layers_named && layer < role->layers; layer++)
		if (role_layer(role, layer) != comparison->input->layer_number[layer])
			err = err_set(info, ERR_USAGE, "the weights are those of layer %" PRId64 ", the queries and keys those of layer %" PRId64, role_layer(role, layer),
				      comparison->input->layer_number[layer]);
	return err ? err_in_file(info, role->part[0].archive->file) : ERR_OK;
}

static enum err open_model(struct comparison *comparison, struct err_info *info)
{
	const struct mechanism_binding binding = { .role = "weights", .tensor = comparison->heads.tensors[0], .heads = &comparison->heads };
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	args.binding = &binding;
	args.binding_count = 1;
	args.ready = comparison->input->args.ready;
	return mechanism_find("weights")->open(&args, &comparison->model, info);
}

static double rounding_of(const struct storage *storage)
{
	return fmax(storage->relative, storage->absolute);
}

/* Rows spread over maps spread over the selection. */
static enum err draw_sample(struct comparison *comparison, struct err_info *info)
{
	const struct selection *selection = &comparison->input->selection;
	int64_t map[MAPS_MAX], maps = selection->maps < MAPS_MAX ? selection->maps : MAPS_MAX;
	for (int64_t i = 0; i < maps; i++)
		map[i] = selection->map[i * selection->maps / maps];
	enum err err = weights_sample_draw(&comparison->sample, comparison->model, map, maps, info);
	comparison->storage = storage_of(comparison->heads.tensors[0]->dtype, comparison->sample.model, err ? 0 : comparison->sample.rows * comparison->source->keys);
	comparison->exact = EXACT + rounding_of(&comparison->storage);
	comparison->tolerance = AGREES + 2 * rounding_of(&comparison->storage);
	return err;
}

static void explanation_release(struct explanation *explanation)
{
	verify_search_release(&explanation->search);
	free(explanation->layer);
}

static void release(struct comparison *comparison)
{
	source_free(comparison->source);
	source_free(comparison->model);
	weights_sample_release(&comparison->sample);
	for (int64_t i = 0; i < comparison->explanations; i++)
		explanation_release(&comparison->explanation[i]);
	free(comparison->explanation);
}

/*
 * Comparing.
 */

struct seeing {
	struct deviation *deviation;
	int64_t map, keys;
};

static void see_row(void *data, int64_t position, const double *computed, const double *model, const struct row_difference *row)
{
	const struct seeing *seeing = data;
	(void)row;
	deviation_add(seeing->deviation, seeing->map, position, computed, model, seeing->keys);
}

static bool is_among(int64_t layer, const int64_t *list, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		if (list[i] == layer)
			return true;
	return false;
}

/* All weights of the chosen maps of these layers. */
static enum err compare_all(const struct comparison *comparison, const struct source *source, const int64_t *list, int64_t layers, struct deviation *deviation,
			    struct err_info *info)
{
	const struct selection *selection = &comparison->input->selection;
	struct driver_options options = input_driver(comparison->input);
	struct seeing seeing = { .deviation = deviation, .keys = source->keys };
	struct progress progress = { .roles = &comparison->input->roles };
	int64_t *row = mem_array((size_t)source->queries, sizeof *row);
	enum err err = row ? ERR_OK : err_nomem(info, "the list of queries");
	for (int64_t i = 0; row && i < source->queries; i++)
		row[i] = i;
	const struct difference_request request = {
		.a = source,
		.b = comparison->model,
		.options = &options,
		.row = row,
		.row_count = source->queries,
		.see = see_row,
		.see_data = &seeing,
		.exact = (double)selection->maps * (double)source->queries * (double)source->keys <= (double)DEFINITION_MAX,
	};
	*deviation = (struct deviation){ 0 };
	progress_start(&progress, "verification");
	for (int64_t i = 0; i < selection->maps && !err; i++) {
		struct difference whole = { 0 };
		int64_t layer, batch, head;
		seeing.map = selection->map[i];
		source_map_id(source, seeing.map, &layer, &batch, &head);
		if (is_among(layer, list, layers))
			err = difference_run(&request, seeing.map, &whole, info);
		progress_report(&progress, (double)(i + 1) / (double)selection->maps);
	}
	progress_end(&progress);
	free(row);
	return err;
}

/*
 * Searching.
 */

static bool explains(const struct comparison *comparison, const struct explanation *explanation)
{
	return explanation->search.matters && !explanation->search.by_distance && explanation->deviation.largest <= comparison->tolerance;
}

/* Some settings for these layers, compared with all of their weights if all are to be compared. */
static enum err search_layers(const struct comparison *comparison, const int64_t *layer, int64_t layers, bool whole, struct explanation *explanation,
			      struct err_info *info)
{
	struct verify_search *search = &explanation->search;
	struct opened opened = { 0 };
	*explanation = (struct explanation){ .layer = mem_array((size_t)layers, sizeof *layer), .layers = layers };
	if (!explanation->layer)
		return err_nomem(info, "the list of layers");
	memcpy(explanation->layer, layer, (size_t)layers * sizeof *layer);
	*search = (struct verify_search){ .input = comparison->input, .source = comparison->source, .model = comparison->model, .layer = explanation->layer, .layers = layers,
					  .storage = comparison->storage, .wanted = comparison->exact };
	enum err err = verify_search_run(search, info);
	explanation->deviation = search->deviation;
	if (err || !explains(comparison, explanation) || (!whole && comparison->input->selection.layers > (size_t)layers))
		return err;
	err = verify_open(search, &search->best, &opened, info);
	if (!err)
		err = whole ? compare_all(comparison, opened.source, layer, layers, &explanation->deviation, info)
			    : weights_sample_compare(&comparison->sample, opened.source, INFINITY, &explanation->deviation, info);
	opened_release(&opened);
	return err;
}

static bool is_exact(const struct comparison *comparison, const struct explanation *explanation)
{
	return explains(comparison, explanation) && explanation->deviation.largest <= comparison->exact;
}

static bool say_the_same(const struct explanation *a, const struct explanation *b)
{
	struct strbuf one, two;
	strbuf_init(&one);
	strbuf_init(&two);
	settings_describe(&a->search.best, &a->search.given, &one);
	settings_describe(&b->search.best, &b->search.given, &two);
	bool same = strcmp(one.buf, two.buf) == 0 && a->search.best.tiled == b->search.best.tiled && a->search.by_distance == b->search.by_distance;
	strbuf_release(&one);
	strbuf_release(&two);
	return same;
}

static void merge_deviations(struct deviation *into, const struct deviation *from)
{
	bool larger = from->largest > into->largest;
	double sum = into->sum + from->sum;
	int64_t weights = into->weights + from->weights;
	if (larger)
		*into = *from;
	into->sum = sum;
	into->weights = weights;
}

/* A layer joins those that have the same settings. */
static enum err add_layer(struct comparison *comparison, struct explanation *one, struct err_info *info)
{
	for (int64_t i = 0; i < comparison->explanations; i++) {
		struct explanation *old = &comparison->explanation[i];
		if (explains(comparison, old) != explains(comparison, one) || (explains(comparison, one) && !say_the_same(old, one)))
			continue;
		int64_t *grown = mem_array((size_t)(old->layers + 1), sizeof *grown);
		if (!grown)
			return err_nomem(info, "the list of layers");
		memcpy(grown, old->layer, (size_t)old->layers * sizeof *grown);
		grown[old->layers++] = one->layer[0];
		free(old->layer);
		old->search.layer = old->layer = grown;
		merge_deviations(&old->deviation, &one->deviation);
		explanation_release(one);
		return ERR_OK;
	}
	comparison->explanation[comparison->explanations++] = *one;
	return ERR_OK;
}

/* The settings of all layers together; where they differ, of each. */
static enum err search(struct comparison *comparison, bool whole, struct err_info *info)
{
	const struct selection *selection = &comparison->input->selection;
	int64_t layers = (int64_t)selection->layers;
	comparison->explanation = mem_zero_array(selection->layers, sizeof *comparison->explanation);
	if (!comparison->explanation)
		return err_nomem(info, "settings");
	enum err err = search_layers(comparison, selection->layer, layers, whole, &comparison->explanation[0], info);
	comparison->explanations = 1;
	if (err || layers == 1 || is_exact(comparison, &comparison->explanation[0]))
		return err;
	struct explanation together = comparison->explanation[0];
	bool any = false;
	comparison->explanations = 0;
	for (int64_t i = 0; i < layers && !err; i++) {
		struct explanation one;
		err = search_layers(comparison, &selection->layer[i], 1, whole, &one, info);
		any = any || (!err && explains(comparison, &one));
		if (!err)
			err = add_layer(comparison, &one, info);
	}
	if (!err && !any) {
		for (int64_t i = 0; i < comparison->explanations; i++)
			explanation_release(&comparison->explanation[i]);
		comparison->explanation[0] = together;
		comparison->explanations = 1;
	} else {
		explanation_release(&together);
	}
	return err;
}

/*
 * Saying.
 */

static void set_place(const struct comparison *comparison, struct verification *verification)
{
	const struct input *input = comparison->input;
	source_map_id(comparison->source, verification->given.map, &verification->layer, &verification->batch, &verification->head);
	verification->layer = input->has_layers || input->layers_named ? input->layer_number[verification->layer] : -1;
	verification->batch = input->has_batches ? verification->batch : -1;
	verification->head = input->has_heads ? verification->head : -1;
}

static void add_place(const struct verification *verification, struct strbuf *text)
{
	const struct {
		const char *what;
		int64_t number;
	} place[] = { { "layer", verification->layer }, { "item", verification->batch }, { "head", verification->head },
		      { "query", verification->given.row }, { "key", verification->given.key } };
	for (size_t i = 0, said = 0; i < sizeof place / sizeof *place; i++)
		if (place[i].number >= 0)
			strbuf_addf(text, "%s%s %" PRId64, said++ ? ", " : "", place[i].what, place[i].number);
}

static void add_settings(const struct comparison *comparison, const struct explanation *explanation, struct strbuf *text)
{
	const struct verify_search *search = &explanation->search;
	size_t before = text->len;
	for (int64_t i = 0; comparison->explanations > 1 && i < explanation->layers; i++)
		strbuf_addf(text, "%s%" PRId64, i ? "," : "--layer ", comparison->input->layer_number[explanation->layer[i]]);
	if (text->len > before)
		strbuf_addch(text, ' ');
	settings_describe(&search->best, &search->given, text);
	if (search->best.tiled)
		strbuf_addf(text, "%swith key head h mod %" PRId64 " for query head h", text->len > before ? " " : "", search->given.key_heads);
}

/* What a number of layers comes to; the text begins where the last ended. */
static void describe_explanation(const struct comparison *comparison, const struct explanation *explanation, struct strbuf *text)
{
	const struct verify_search *search = &explanation->search;
	const struct position_args *best = &search->best.args.position, *given = &search->given.settings.args.position;
	strbuf_addstr(text, "; with ");
	add_settings(comparison, explanation, text);
	strbuf_addf(text, " by at most %.2g", explanation->deviation.largest);
	if (comparison->storage.name && explanation->deviation.largest > EXACT && explanation->deviation.largest <= comparison->exact)
		strbuf_addf(text, ", as %s weights are rounded", comparison->storage.name);
	else if (explanation->deviation.largest > comparison->exact)
		strbuf_addstr(text, ", near but not exact: the arithmetic of half precision, or a setting that is still missing");
	if (best->rope && !given->rope)
		strbuf_addstr(text, " (the dump was taken before the rotation)");
	if (search->best.tiled)
		strbuf_addf(text,
			    " (the order of the heads is wrong: query head h of the model read key head h mod %" PRId64 ", and attnviz reads h / %" PRId64
			    ": save each key head once for each of its query heads, as numpy.take(keys, numpy.arange(%" PRId64 ") %% %" PRId64
			    ", axis=AXIS OF THE HEADS) does, or the query heads of a key head next to each other)",
			    search->given.key_heads, search->given.heads / search->given.key_heads, search->given.heads, search->given.key_heads);
}

/* What was tried, where nothing explains the weights. */
static void describe_failure(const struct comparison *comparison, const struct explanation *explanation, const struct deviation *given, struct strbuf *text)
{
	const struct verify_search *search = &explanation->search;
	strbuf_addstr(text, "; ");
	for (int64_t i = 0; comparison->explanations > 1 && i < explanation->layers; i++)
		strbuf_addf(text, "%s%" PRId64, i ? "," : "--layer ", comparison->input->layer_number[explanation->layer[i]]);
	if (search->by_distance) {
		strbuf_addf(text, "%san additive bias by distance (T5's buckets, or a table that was learned) beside ", comparison->explanations > 1 ? ": " : "");
		settings_describe(&search->best, &search->given, text);
		strbuf_addstr(text, " fits them: the model's own is given with --t5-bias, or as a float --mask");
		return;
	}
	strbuf_addf(text, "%sno plausible mask, scale, soft-cap, normalisation, rotation, linear bias, sink logit or order of heads explains them (%d trials)",
		    comparison->explanations > 1 ? ": " : "", search->trials);
	if (explanation->deviation.largest < given->largest / 2) {
		strbuf_addstr(text, ", ");
		add_settings(comparison, explanation, text);
		strbuf_addf(text, " comes nearest (%.2g)", explanation->deviation.largest);
	} else {
		strbuf_addstr(text, ": are they of the same layer and the same run?");
	}
	if (search->short_rows)
		strbuf_addstr(text, "; their rows sum to less than one");
}

static void describe(const struct comparison *comparison, const struct verification *verification, bool whole, struct strbuf *text)
{
	const struct deviation *given = &verification->given;
	strbuf_addf(text, "computed from queries and keys they differ by at most %.2g (", given->largest);
	add_place(verification, text);
	strbuf_addf(text, "), by %.2g on average%s", deviation_mean(given), whole ? "" : ", in a sample of rows");
	for (int64_t i = 0; i < comparison->explanations && verification->searched; i++) {
		const struct explanation *explanation = &comparison->explanation[i];
		if (explains(comparison, explanation))
			describe_explanation(comparison, explanation, text);
		else
			describe_failure(comparison, explanation, given, text);
	}
}

static enum err put_verdict(const struct comparison *comparison, const struct verification *verification, bool whole,
			    findings_put *put, void *data)
{
	bool explained = verification->searched, agrees = verification->given.largest <= comparison->tolerance;
	struct strbuf text;
	for (int64_t i = 0; i < comparison->explanations; i++)
		explained = explained && explains(comparison, &comparison->explanation[i]);
	strbuf_init(&text);
	describe(comparison, verification, whole, &text);
	const struct finding finding = { .check = "verify",
					 .severity = agrees || (explained && !whole) ? "note" : "warning",
					 .role = "weights",
					 .tensor = verification->tensor,
					 .layer = -1,
					 .batch = -1,
					 .head = -1,
					 .maps = verification->maps,
					 .text = text.buf };
	enum err err = put(data, &finding);
	strbuf_release(&text);
	return err;
}

/* The settings as one text and one deviation; none where they are no better than the options. */
static void sum_up(const struct comparison *comparison, struct verification *verification)
{
	for (int64_t i = 0; i < comparison->explanations; i++) {
		const struct explanation *explanation = &comparison->explanation[i];
		if (!isfinite(explanation->deviation.largest))
			continue;
		if (verification->settings.len)
			strbuf_addstr(&verification->settings, "; ");
		add_settings(comparison, explanation, &verification->settings);
		merge_deviations(&verification->best, &explanation->deviation);
	}
}

/* Where the weights agree already but for a model's own rounding, only settings that are exact are worth a word. */
static bool is_worth_saying(const struct comparison *comparison, const struct verification *verification)
{
	bool all = comparison->explanations > 0;
	for (int64_t i = 0; i < comparison->explanations; i++)
		all = all && is_exact(comparison, &comparison->explanation[i]) && comparison->explanation[i].deviation.largest < verification->given.largest / 3;
	return all || verification->given.largest > comparison->tolerance;
}

static enum err compare(struct comparison *comparison, bool whole, struct verification *verification, struct err_info *info)
{
	const struct selection *selection = &comparison->input->selection;
	enum err err = open_model(comparison, info);
	if (!err)
		err = draw_sample(comparison, info);
	if (!err)
		err = whole ? compare_all(comparison, comparison->source, selection->layer, (int64_t)selection->layers, &verification->given, info)
			    : weights_sample_compare(&comparison->sample, comparison->source, INFINITY, &verification->given, info);
	if (err)
		return err;
	set_place(comparison, verification);
	bool is_softmax = comparison->input->mechanism == mechanism_find("softmax");
	if (!is_softmax || verification->given.largest <= (whole ? comparison->exact : comparison->tolerance))
		return ERR_OK;
	err = search(comparison, whole, info);
	verification->searched = !err && is_worth_saying(comparison, verification);
	if (verification->searched)
		sum_up(comparison, verification);
	return err;
}

enum err verify_weights(struct input *input, const char *spec, findings_put *put, void *data, struct verification *verification,
			struct err_info *info)
{
	struct comparison comparison = { .input = input };
	*verification = (struct verification){ .maps = input->selection.maps };
	strbuf_init(&verification->settings);
	/* Not input->source, which may be seen through groups of tokens. */
	enum err err = input->mechanism->open(&input->args, &comparison.source, info);
	if (!err)
		err = spec ? view_of_spec(&comparison, spec, verification, info) : view_of_role(&comparison, verification, info);
	if (!err)
		err = compare(&comparison, spec != NULL, verification, info);
	if (!err)
		err = put_verdict(&comparison, verification, spec != NULL, put, data);
	release(&comparison);
	return err;
}
