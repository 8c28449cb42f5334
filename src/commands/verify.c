#include "commands/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/difference.h"
#include "analysis/weights_facts.h"
#include "base/memory.h"
#include "commands/progress.h"
#include "commands/verify_settings.h"
#include "kernel/reference.h"
#include "tensor/layout.h"

/* Rows that settings are tried on: enough to tell them apart, few enough for long dumps. */
enum { MAPS_MAX = 4, ROWS_MAX = 16, ROWS_MIN = 2, WEIGHTS_MAX = 1 << 16 };

/* Weights that are computed from the definition where all of them are compared; above, in float32. */
static const int64_t DEFINITION_MAX = 4 << 20;

/* Weights agree that are this close, beside what their storage rounds away: a model's own arithmetic in half precision is about
 * as good. */
static const double AGREES = 1e-3;

/* Nothing better is worth looking for. */
static const double IS_THE_SAME = 2e-6;

struct sample {
	int64_t rows;
	int64_t *map, *row;
	double *model, *computed; /* [rows][keys], [keys] */
};

struct comparison {
	struct input *input;
	struct source *source, *model;
	struct tensor tensor;
	const struct tensor *slot;
	struct heads heads;
	struct settings_given given;
	struct sample sample;
	double tolerance;
	bool unrotated; /* the best settings rotate what the options do not */
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
	return err ? err_in_file(info, role->part[0].archive->file) : ERR_OK;
}

static enum err open_model(struct comparison *comparison, struct err_info *info)
{
	const struct mechanism_binding binding = { "weights", comparison->heads.tensors[0], &comparison->heads };
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	args.binding = &binding;
	args.binding_count = 1;
	args.ready = comparison->input->args.ready;
	comparison->tolerance = AGREES + weights_rounding(binding.tensor->dtype, 1);
	return mechanism_find("weights")->open(&args, &comparison->model, info);
}

/* Rows spread over maps spread over the selection. */
static enum err draw_sample(struct comparison *comparison, struct err_info *info)
{
	const struct selection *selection = &comparison->input->selection;
	const struct source *source = comparison->source;
	struct sample *sample = &comparison->sample;
	int64_t maps = selection->maps < MAPS_MAX ? selection->maps : MAPS_MAX, rows = WEIGHTS_MAX / source->keys;
	rows = rows > ROWS_MAX ? ROWS_MAX : rows < ROWS_MIN ? ROWS_MIN : rows;
	rows = rows < source->queries ? rows : source->queries;
	sample->map = mem_array((size_t)(maps * rows), sizeof *sample->map);
	sample->row = mem_array((size_t)(maps * rows), sizeof *sample->row);
	sample->model = mem_array((size_t)(maps * rows), (size_t)source->keys * sizeof *sample->model);
	sample->computed = mem_array((size_t)source->keys, sizeof *sample->computed);
	if (!sample->map || !sample->row || !sample->model || !sample->computed)
		return err_nomem(info, "rows of weights");
	enum err err = ERR_OK;
	for (; sample->rows < maps * rows && !err; sample->rows++) {
		int64_t i = sample->rows;
		sample->map[i] = selection->map[i / rows * selection->maps / maps];
		sample->row[i] = (i % rows + 1) * source->queries / rows - 1;
		err = reference_row(comparison->model, sample->map[i], sample->row[i], sample->model + i * source->keys, NULL, NULL, info);
	}
	return err;
}

static void release(struct comparison *comparison)
{
	source_free(comparison->source);
	source_free(comparison->model);
	free(comparison->sample.map);
	free(comparison->sample.row);
	free(comparison->sample.model);
	free(comparison->sample.computed);
}

/*
 * Comparing.
 */

/* The sample; once it is further off than `bound` the rest is left out. */
static enum err compare_sample(const struct comparison *comparison, const struct source *source, double bound,
			       struct deviation *deviation, struct err_info *info)
{
	const struct sample *sample = &comparison->sample;
	enum err err = ERR_OK;
	*deviation = (struct deviation){ 0 };
	for (int64_t i = 0; i < sample->rows && !err && deviation->largest <= bound; i++) {
		err = reference_row(source, sample->map[i], sample->row[i], sample->computed, NULL, NULL, info);
		if (!err)
			deviation_add(deviation, sample->map[i], sample->row[i], sample->computed, sample->model + i * source->keys, source->keys);
	}
	return err;
}

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

static enum err compare_all(const struct comparison *comparison, struct deviation *deviation, struct err_info *info)
{
	const struct source *source = comparison->source;
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
	progress_start(&progress, "verification");
	for (int64_t i = 0; i < selection->maps && !err; i++) {
		struct difference whole = { 0 };
		seeing.map = selection->map[i];
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

static enum err fit_scale(const struct comparison *comparison, const struct source *source, double *scale, struct err_info *info)
{
	const struct sample *sample = &comparison->sample;
	struct scale_fit fit = { 0 };
	enum err err = ERR_OK;
	for (int64_t i = 0; i < sample->rows && !err; i++) {
		err = source->ops->score64(source, sample->map[i], sample->row[i], sample->computed, info);
		if (!err)
			scale_fit_add(&fit, sample->computed, sample->model + i * source->keys, source->keys);
	}
	*scale = settings_round_scale(scale_fit_factor(&fit), comparison->given.dim);
	return err;
}

/* How far off the sample is under a setting; infinitely where the setting says nothing new, or these inputs do not allow it (an
 * odd size cannot rotate). */
static enum err try_setting(const struct comparison *comparison, const struct setting *setting, double bound,
			    struct deviation *deviation, struct mechanism_args *args, struct err_info *info)
{
	struct source *source = NULL;
	bool fits_scale;
	*deviation = (struct deviation){ .largest = INFINITY };
	if (!settings_apply(&comparison->given, setting, args, &fits_scale))
		return ERR_OK;
	enum err err = comparison->input->mechanism->open(args, &source, info);
	if (!err && fits_scale) {
		err = fit_scale(comparison, source, &args->scale, info);
		source_free(source);
		source = NULL;
		if (!err && isfinite(args->scale))
			err = comparison->input->mechanism->open(args, &source, info);
	}
	if (!err && source)
		err = compare_sample(comparison, source, bound, deviation, info);
	source_free(source);
	return err;
}

/* A setting with more changes must explain clearly more. */
static enum err search(struct comparison *comparison, struct verification *verification, struct err_info *info)
{
	struct deviation deviation;
	struct mechanism_args args;
	verification->searched = true;
	verification->best = (struct deviation){ .largest = INFINITY };
	for (int number = 1; number < settings_count() && verification->best.largest > IS_THE_SAME; number++) {
		struct setting setting = settings_get(number);
		struct err_info refused = { 0 };
		double bound = verification->best.largest / 1.5;
		enum err err = try_setting(comparison, &setting, bound, &deviation, &args, &refused);
		if (err == ERR_NOMEM) {
			*info = refused;
			return err;
		}
		if (err || !(deviation.largest < bound))
			continue;
		verification->best = deviation;
		strbuf_clear(&verification->settings);
		settings_describe(&comparison->given, &setting, args.scale, &verification->settings);
		comparison->unrotated = args.position.rope && !comparison->given.args.position.rope;
	}
	return ERR_OK;
}

/*
 * Saying.
 */

static void set_place(const struct comparison *comparison, struct verification *verification)
{
	const struct input *input = comparison->input;
	source_map_id(comparison->source, verification->given.map, &verification->layer, &verification->batch, &verification->head);
	verification->layer = input->has_layers ? input->layer_number[verification->layer] : -1;
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

static void describe(const struct comparison *comparison, const struct verification *verification, bool whole,
		     struct strbuf *text)
{
	const struct deviation *given = &verification->given;
	strbuf_addf(text, "computed from queries and keys they differ by at most %.2g (", given->largest);
	add_place(verification, text);
	strbuf_addf(text, "), by %.2g on average%s", deviation_mean(given), whole ? "" : ", in a sample of rows");
	if (!verification->searched)
		return;
	if (verification->best.largest <= comparison->tolerance)
		strbuf_addf(text, "; with %s by at most %.2g%s", verification->settings.buf, verification->best.largest,
			    comparison->unrotated ? " (the dump was taken before the rotation)" : "");
	else if (verification->best.largest < given->largest / 2)
		strbuf_addf(text,
			    "; no plausible scale, causal mask, rotation or soft-cap explains them, %s comes nearest (%.2g)",
			    verification->settings.buf, verification->best.largest);
	else
		strbuf_addstr(text, "; no plausible scale, causal mask, rotation or soft-cap explains them: are they of the same "
				    "layer and the same run?");
}

static enum err put_verdict(const struct comparison *comparison, const struct verification *verification, bool whole,
			    findings_put *put, void *data)
{
	bool explained = verification->searched && verification->best.largest <= comparison->tolerance;
	bool agrees = verification->given.largest <= comparison->tolerance;
	struct strbuf text;
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

static enum err compare(struct comparison *comparison, bool whole, struct verification *verification, struct err_info *info)
{
	enum err err = open_model(comparison, info);
	if (!err)
		err = draw_sample(comparison, info);
	if (!err)
		err = whole ? compare_all(comparison, &verification->given, info)
			    : compare_sample(comparison, comparison->source, INFINITY, &verification->given, info);
	if (err)
		return err;
	set_place(comparison, verification);
	bool is_softmax = comparison->input->mechanism == mechanism_find("softmax");
	return is_softmax && verification->given.largest > comparison->tolerance ? search(comparison, verification, info) : ERR_OK;
}

enum err verify_weights(struct input *input, const char *spec, findings_put *put, void *data, struct verification *verification,
			struct err_info *info)
{
	const struct role *query = roles_kind(&input->roles, NAME_QUERY);
	struct comparison comparison = { .input = input };
	*verification = (struct verification){ .maps = input->selection.maps };
	strbuf_init(&verification->settings);
	/* Not input->source, which may be seen through groups of tokens. */
	enum err err = input->mechanism->open(&input->args, &comparison.source, info);
	if (!err) {
		comparison.given = (struct settings_given){ input->args, query ? query->heads.size[AXIS_DIM] : 1,
							    comparison.source->queries == comparison.source->keys };
		err = spec ? view_of_spec(&comparison, spec, verification, info) : view_of_role(&comparison, verification, info);
	}
	if (!err)
		err = compare(&comparison, spec != NULL, verification, info);
	if (!err)
		err = put_verdict(&comparison, verification, spec != NULL, put, data);
	release(&comparison);
	return err;
}
