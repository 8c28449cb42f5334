/* SPDX-License-Identifier: MIT */
#include "commands/ready_check.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "analysis/weights_facts.h"
#include "analysis/weights_survey.h"
#include "base/message.h"
#include "commands/inputs_bind.h"
#include "mechanism/normalised.h"
#include "mechanism/ready.h"

/* Below 0 by no more than this is rounding. */
static const double BELOW_ZERO = 1e-6;
/* A share of the weight that is hidden and is more than rounding. */
static const double HIDDEN_SHARE = 1e-6;

static const uint32_t limits = SETTING_KEEP_FIRST | SETTING_MASK | SETTING_CAUSAL | SETTING_WINDOW | SETTING_CHUNK | SETTING_KEY_BEGIN | SETTING_KEY_LENGTHS;

static bool holds_weights(const struct input *input)
{
	enum ready_form form = input->args.ready;
	return inputs_bound(input, NAME_WEIGHTS) && strcmp(input->mechanism->name, "weights") == 0 && (form == READY_WEIGHTS || form == READY_LOG_WEIGHTS);
}

static double tolerance(const struct input *input)
{
	const struct heads *weights = &inputs_bound(input, NAME_WEIGHTS)->heads;
	return WEIGHTS_SUM_TOLERANCE + weights_rounding(weights->tensors[0]->dtype, weights->size[AXIS_DIM]);
}

static void add_map(const struct input *input, int64_t map, struct strbuf *text)
{
	int64_t layer, batch, head;
	source_map_id(input->source, map, &layer, &batch, &head);
	if (input->has_layers || input->layers_named)
		strbuf_addf(text, "layer %" PRId64 ", ", input->layer_number[layer]);
	if (input->has_batches)
		strbuf_addf(text, "item %" PRId64 ", ", batch);
	if (input->has_heads)
		strbuf_addf(text, "head %" PRId64 ", ", head);
}

static void add_row(const struct input *input, const struct survey_place *place, struct strbuf *text)
{
	add_map(input, place->map, text);
	strbuf_addf(text, "query %" PRId64, place->row);
}

/* The weights without the masks, and what is found in them. `release` is the source to free, where one was opened. */
static enum err survey_whole(const struct input *input, struct weights_survey *survey, struct err_info *info)
{
	const struct driver_options options = input_driver(input);
	struct mechanism_args args = input->args;
	struct source *whole = NULL;
	if (!(settings_given(&args) & limits))
		return weights_survey(input->source, NULL, &options, tolerance(input), survey, info);
	settings_leave(limits | SETTING_MASK_KEYS | SETTING_PAST | SETTING_OFFSETS, &args);
	enum err err = input->mechanism->open(&args, &whole, info);
	if (!err)
		err = weights_survey(whole, input->source, &options, tolerance(input), survey, info);
	source_free(whole);
	return err;
}

/* An error, or a note where the values are only written. */
static enum err refuse(const struct input *input, const struct weights_survey *survey, struct err_info *info)
{
	struct strbuf text;
	bool below = survey->smallest < -BELOW_ZERO, is_log = input->args.ready == READY_LOG_WEIGHTS;
	strbuf_init(&text);
	strbuf_addf(&text, "values from %.3g to %.3g are no %sweights of an attention (", survey->smallest, survey->largest, is_log ? "logarithms of " : "");
	add_row(input, below ? &survey->low : &survey->high, &text);
	strbuf_addstr(&text, "): say --logits if a softmax is still to be taken, ");
	if (!is_log)
		strbuf_addstr(&text, "--log-weights if they are logarithms, --signed to take them as they are, ");
	strbuf_addstr(&text, "or --normalise abs-row to divide rows by their sums");
	bool note = given_inputs()->writes_values;
	enum err err = strbuf_failed(&text) ? err_nomem(info, "a message") : note ? ERR_OK : err_set(info, ERR_VALUE, "%s", text.buf);
	if (!err)
		message_note("%s", text.buf);
	strbuf_release(&text);
	err_in_file(info, inputs_bound(input, NAME_WEIGHTS)->heads.tensors[0]->file);
	return err;
}

static enum err note_rows(const struct input *input, const struct weights_survey *survey, struct err_info *info)
{
	struct strbuf place;
	strbuf_init(&place);
	add_row(input, &survey->worst, &place);
	message_note("%" PRId64 " of %" PRId64 " rows of the weights do not sum to one: %.4g to %.4g, the furthest is %s; they are measured and drawn as they are, and "
		     "--normalise abs-row divides them by their sums", survey->rows_off, survey->rows, survey->row_sum_low, survey->row_sum_high, place.buf);
	enum err err = strbuf_failed(&place) ? err_nomem(info, "a note") : ERR_OK;
	strbuf_release(&place);
	return err;
}

static enum err look_at_values(const struct input *input, struct err_info *info)
{
	struct weights_survey survey = { 0 };
	int normalise = given_inputs()->normalise;
	enum err err = survey_whole(input, &survey, info);
	bool beyond = survey.smallest < -BELOW_ZERO || survey.largest > 1 + tolerance(input);
	if (!err && normalise == NORMALISE_ABS && !(survey.smallest < 0))
		err = err_set(info, ERR_USAGE, "--normalise abs cannot change anything: no weight is below 0");
	else if (!err && beyond && normalise == NORMALISE_SIGNED)
		err = refuse(input, &survey, info);
	else if (!err && survey.rows_off && normalise != NORMALISE_ABS_ROW && !given_inputs()->writes_values)
		err = note_rows(input, &survey, info);
	weights_survey_release(&survey);
	return err;
}

/* "--causal, --mask" */
static void add_options(uint32_t given, struct strbuf *text)
{
	int count = 0;
	for (uint32_t bit = 1; bit && bit <= given; bit <<= 1)
		if (bit & given & limits & ~(uint32_t)SETTING_KEEP_FIRST)
			strbuf_addf(text, "%s%s", count++ ? ", " : "", settings_option(bit));
	strbuf_addstr(text, count > 1 ? " hide" : " hides");
}

static void add_share(double share, struct strbuf *text)
{
	strbuf_addf(text, share < 0.01 ? "%.2g %%" : "%.3g %%", 100 * share);
}

static void describe_loss(const struct input *input, const struct weights_survey *whole, const struct weights_survey *left, struct strbuf *sentence)
{
	double share = whole->mass > 0 ? 1 - left->mass / whole->mass : 0, most = 0;
	int64_t at = 0;
	for (int64_t i = 0; i < input->selection.maps; i++) {
		double lost = whole->map_mass[i] > 0 ? 1 - left->map_mass[i] / whole->map_mass[i] : 0;
		at = lost > most ? i : at;
		most = fmax(most, lost);
	}
	if (!(most > HIDDEN_SHARE))
		return;
	add_options(settings_given(&input->args), sentence);
	strbuf_addstr(sentence, " ");
	add_share(share, sentence);
	strbuf_addstr(sentence, " of the weight");
	if (input->selection.maps < 2)
		return;
	strbuf_addstr(sentence, " (");
	add_map(input, input->selection.map[at], sentence);
	add_share(most, sentence);
	strbuf_addstr(sentence, ")");
}

enum err ready_loss(const struct input *input, struct strbuf *sentence, struct err_info *info)
{
	const struct driver_options options = input_driver(input);
	struct weights_survey whole = { 0 }, left = { 0 };
	if (!holds_weights(input) || !(settings_given(&input->args) & limits))
		return ERR_OK;
	enum err err = survey_whole(input, &whole, info);
	if (!err)
		err = weights_survey(input->source, NULL, &options, tolerance(input), &left, info);
	if (!err)
		describe_loss(input, &whole, &left, sentence);
	if (!err && strbuf_failed(sentence))
		err = err_nomem(info, "a note");
	weights_survey_release(&whole);
	weights_survey_release(&left);
	return err;
}

static enum err look_at_loss(struct input *input, struct err_info *info)
{
	struct strbuf sentence;
	strbuf_init(&sentence);
	enum err err = ready_loss(input, &sentence, info);
	if (!err && sentence.len) {
		message_note("%s: the model that made these weights did not have that mask", sentence.buf);
		mechanism_note(input->source->note, sizeof input->source->note, "%s", sentence.buf);
	}
	strbuf_release(&sentence);
	return err;
}

static enum err note_nan_rows(const struct input *input, struct err_info *info)
{
	struct ready_row first;
	struct strbuf place;
	int64_t count = ready_nan_rows(input->source, &first);
	if (!count)
		return ERR_OK;
	strbuf_init(&place);
	add_row(input, &(struct survey_place){ first.map, first.row }, &place);
	message_note("%" PRId64 " row%s of the weights hold%s NaN and %s left out, the first is %s", count, count > 1 ? "s" : "", count > 1 ? "" : "s",
		     count > 1 ? "are" : "is", place.buf);
	enum err err = strbuf_failed(&place) ? err_nomem(info, "a note") : ERR_OK;
	strbuf_release(&place);
	return err;
}

enum err ready_check(struct input *input, struct err_info *info)
{
	enum err err = note_nan_rows(input, info);
	if (err || !holds_weights(input))
		return err;
	err = look_at_values(input, info);
	return err ? err : look_at_loss(input, info);
}
