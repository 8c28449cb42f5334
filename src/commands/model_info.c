/* SPDX-License-Identifier: MIT */
#include "commands/model_info.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum column {
	LAYER, MECHANISM, HEADS, KEY_HEADS, DIM, NORM, QK_NORM, POSITION, BASE, SCALING, SEES, SCALE, SOFTCAP, SINKS, BIAS, TENSORS, COLUMNS
};

static const struct record_column columns[COLUMNS] = {
	[LAYER] = { "layer", RECORD_INT },        [MECHANISM] = { "mechanism", RECORD_TEXT }, [HEADS] = { "heads", RECORD_INT },
	[KEY_HEADS] = { "key_heads", RECORD_INT }, [DIM] = { "head_dim", RECORD_INT },        [NORM] = { "norm", RECORD_TEXT },
	[QK_NORM] = { "qk_norm", RECORD_TEXT },   [POSITION] = { "position", RECORD_TEXT },   [BASE] = { "base", RECORD_REAL },
	[SCALING] = { "scaling", RECORD_TEXT },   [SEES] = { "sees", RECORD_TEXT },           [SCALE] = { "scale", RECORD_REAL },
	[SOFTCAP] = { "softcap", RECORD_REAL },   [SINKS] = { "sinks", RECORD_TEXT },         [BIAS] = { "bias", RECORD_TEXT },
	[TENSORS] = { "tensors", RECORD_TEXT },
};

static const char *const norm_name[] = {
	[MODEL_NORM_NONE] = "none", [MODEL_NORM_RMS] = "rms w", [MODEL_NORM_RMS_PLUS_ONE] = "rms 1+w", [MODEL_NORM_RMS_UNIT] = "rms",
	[MODEL_NORM_LAYER] = "layer w", [MODEL_NORM_LAYER_PLUS_ONE] = "layer 1+w", [MODEL_NORM_LAYER_UNIT] = "layer",
};
static const char *const stage_name[] = {
	[MODEL_STAGE_HEADS] = "per head", [MODEL_STAGE_WIDTH] = "full width", [MODEL_STAGE_ROTATED] = "after rotation",
};
static const char *const bias_name[] = {
	[BIAS_NONE] = "", [BIAS_ALIBI] = "ALiBi", [BIAS_T5] = "T5 buckets", [BIAS_WAVLM] = "gated T5 buckets", [BIAS_KEY] = "relative key",
	[BIAS_KEY_QUERY] = "relative key and query", [BIAS_KEY_CLIPPED] = "relative key, clipped", [BIAS_DEBERTA] = "DeBERTa", [BIAS_DEBERTA_V2] = "DeBERTa v2",
	[BIAS_XLNET] = "XLNet", [BIAS_CONFORMER] = "Transformer-XL", [BIAS_GRID] = "2-D table",
};

static void put_norm(struct record *record, int column, enum model_norm kind, const char *name, double eps, const char *stage)
{
	char text[160];
	if (kind == MODEL_NORM_NONE)
		snprintf(text, sizeof text, "none");
	else
		snprintf(text, sizeof text, "%s%s%s eps %g%s%s", norm_name[kind], *name ? " " : "", name, eps, *stage ? ", " : "", stage);
	record_text(record, column, text);
}

static void describe_sight(const struct layer_settings *set, struct strbuf *text)
{
	strbuf_addstr(text, set->is_causal ? "causal" : "all");
	if (set->left >= 0 && set->right < 0)
		strbuf_addf(text, ", window %" PRId64, set->left + 1);
	else if (set->left >= 0)
		strbuf_addf(text, ", within %" PRId64, set->left);
	if (set->chunk)
		strbuf_addf(text, ", chunk %" PRId64, set->chunk);
	if (set->choice.kind)
		strbuf_addf(text, ", its %" PRId64 " best %s", set->choice.keys, set->choice.kind == CHOICE_BLOCKS ? "blocks" : "keys");
}

static void describe_position(const struct layer_settings *set, struct strbuf *text)
{
	const struct rotary_settings *rotary = &set->rotary;
	if (rotary->pairing == ROPE_NONE)
		strbuf_addstr(text, "none");
	else
		strbuf_addf(text, "%s%s%s %" PRId64 "/%" PRId64, rotary->grid ? "2-D " : rotary->section[0] + rotary->section[1] ? "M-" : "", "rope ",
			    rotary->pairing == ROPE_HALF ? "half" : "interleaved", rotary->dims, set->dim);
	if (set->multiplier)
		strbuf_addstr(text, ", q grows");
}

/* The tensors that q and k are made of, as far as they are there. */
static void describe_tensors(const struct model *model, const struct layer_settings *set, struct strbuf *text)
{
	const char *const names[] = { *set->norm.name && set->norm.kind ? set->norm.name : "", set->query, set->key, set->qk_norm ? set->query_norm : "", set->sinks };
	if (!model->prefix) {
		strbuf_addstr(text, "no checkpoint");
		return;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		bool again = i == 2 && strcmp(set->query, set->key) == 0;
		const struct tensor *tensor = model_tensor(model, set, names[i], ".weight", false);
		tensor = tensor ? tensor : model_tensor(model, set, names[i], "", false);
		if (tensor && !again) {
			char shape[128];
			strbuf_addf(text, "%s%s%s %s", text->len ? ", " : "", names[i], model_tensor(model, set, names[i], ".bias", false) ? "+b" : "",
				    tensor_shape_text(tensor, shape, sizeof shape));
		}
	}
}

static enum err put_layer(const struct model *model, const struct layer_settings *set, struct record *record)
{
	struct strbuf text;
	strbuf_init(&text);
	record_int(record, LAYER, set->number);
	record_text(record, MECHANISM, set->mechanism);
	if (set->is_softmax) {
		record_int(record, HEADS, set->heads);
		record_int(record, KEY_HEADS, set->key_heads);
		record_int(record, DIM, set->dim);
		put_norm(record, NORM, set->norm.kind, set->norm.name, set->norm.eps, "");
		put_norm(record, QK_NORM, set->qk_norm, "", set->qk_eps, stage_name[set->qk_stage]);
		describe_position(set, &text);
		record_text(record, POSITION, text.buf);
		if (set->rotary.pairing)
			record_real(record, BASE, set->rotary.base);
		strbuf_clear(&text);
		if (*set->rotary.scaling)
			strbuf_addf(&text, set->rotary.factor > 0 ? "%s %g" : "%s", set->rotary.scaling, set->rotary.factor);
		record_text(record, SCALING, text.buf);
		strbuf_clear(&text);
		describe_sight(set, &text);
		record_text(record, SEES, text.buf);
		record_real(record, SCALE, set->scale);
		if (set->softcap > 0)
			record_real(record, SOFTCAP, set->softcap);
		record_text(record, SINKS, *set->sinks ? set->sinks : "");
		record_text(record, BIAS, bias_name[set->bias.kind]);
		strbuf_clear(&text);
		describe_tensors(model, set, &text);
		record_text(record, TENSORS, text.buf);
	}
	strbuf_release(&text);
	return record_row(record);
}

enum err model_info_layers(const struct model *model, enum record_format format, struct output *out)
{
	struct record *record = record_new(format, columns, COLUMNS, out);
	enum err err = record ? ERR_OK : ERR_NOMEM;
	for (int64_t layer = 0; layer < model->layers && !err; layer++)
		err = put_layer(model, &model->layer[layer], record);
	enum err end = record_end(record);
	return err ? err : end;
}

/* ---- options ---- */

static void add_mask(const struct layer_settings *set, struct strbuf *text)
{
	if (set->is_causal)
		strbuf_addstr(text, " --causal");
	if (set->left >= 0 || set->right >= 0)
		strbuf_addf(text, set->right >= 0 ? " --window %" PRId64 ",%" PRId64 : " --window %" PRId64, set->left, set->right);
	if (set->chunk)
		strbuf_addf(text, " --chunk %" PRId64, set->chunk);
}

static void add_logits(const struct model *model, const struct layer_settings *set, struct strbuf *text)
{
	const struct tensor *sinks = model_tensor(model, set, set->sinks, "", false);
	if (fabs(set->scale * sqrt((double)set->dim) - 1) > 1e-12) {
		strbuf_addstr(text, " --scale-factor ");
		record_format_real(text, set->scale);
	}
	if (set->softcap > 0)
		strbuf_addf(text, " --softcap %g", set->softcap);
	if (sinks)
		strbuf_addf(text, " --sink-logits %s:%s", model->checkpoint.archive.file, sinks->name);
	if (set->bias.kind == BIAS_ALIBI)
		strbuf_addf(text, " --alibi%s", set->bias.before_scale ? " --bias-before-scale" : "");
	const struct tensor *table = set->bias.kind == BIAS_T5 ? model_tensor(model, set, set->bias.table, ".weight", set->bias.shared) : NULL;
	if (table)
		strbuf_addf(text, " --t5-bias %s:%s --t5-max-distance %" PRId64 " --t5-buckets %s", model->checkpoint.archive.file, table->name, set->bias.reach,
			    set->bias.two_sided ? "bidirectional" : "causal");
}

/* What no option says; NULL: all is said. */
static const char *not_to_say(const struct layer_settings *set)
{
	if (set->choice.kind)
		return "the keys that the layer chooses";
	return set->bias.kind > BIAS_T5 ? "the bias of relative positions" : NULL;
}

static const char *not_to_say_before(const struct layer_settings *set)
{
	if (set->qk_norm == MODEL_NORM_RMS_PLUS_ONE)
		return "norms whose weight is 1 + w";
	if (set->clip > 0)
		return "values that are clipped";
	if (set->qk_norm >= MODEL_NORM_LAYER && !set->qk_by_head)
		return "norms with biases";
	if (strchr(set->query_norm, '%') && set->qk_norm)
		return "a tensor of norms for each head";
	if (set->qk_norm && set->qk_stage != MODEL_STAGE_HEADS)
		return "norms that are not per head and before the rotation";
	if (set->rotary.input)
		return "a rotation of what enters the projections";
	if (set->layout == MODEL_LATENT || set->rotary.last)
		return "a rotation of the last dims";
	if (set->rotary.grid || set->rotary.section[0] + set->rotary.section[1] > 0)
		return "a rotation by several positions";
	if (strcmp(set->rotary.scaling, "longrope") == 0 || strcmp(set->rotary.scaling, "proportional") == 0)
		return "this scaling of the rotation (--inv-freq FILE does)";
	if (strcmp(set->rotary.scaling, "yarn") == 0 && !set->rotary.is_truncated)
		return "a ramp between pairs (truncate false; --inv-freq FILE does)";
	return set->multiplier ? "queries that grow with the position" : NULL;
}

static void add_scaling(const struct rotary_settings *rotary, struct strbuf *text)
{
	strbuf_addf(text, " --rope-scaling %s --rope-factor %g", rotary->scaling, rotary->factor);
	if (strcmp(rotary->scaling, "linear") == 0)
		return;
	strbuf_addf(text, " --rope-original-length %.0f", rotary->trained);
	if (strcmp(rotary->scaling, "dynamic") != 0)
		strbuf_addf(text, " --rope-low %g --rope-high %g", rotary->low, rotary->high);
	if (strcmp(rotary->scaling, "yarn") == 0) {
		strbuf_addstr(text, " --rope-attention-factor ");
		record_format_real(text, rotary->multiplier);
	}
}

static void add_norms(const struct model *model, const struct layer_settings *set, struct strbuf *text)
{
	const struct tensor *query = model_tensor(model, set, set->query_norm, ".weight", false), *key = model_tensor(model, set, set->key_norm, ".weight", false);
	strbuf_addf(text, " --qk-norm %s --qk-norm-epsilon ", set->qk_norm >= MODEL_NORM_LAYER ? "layer" : "rms");
	record_format_real(text, set->qk_eps);
	if (query && key)
		strbuf_addf(text, " --query-norm %s:%s --key-norm %s:%s", model->checkpoint.archive.file, query->name, model->checkpoint.archive.file, key->name);
}

static void add_rotation(const struct model *model, const struct layer_settings *set, struct strbuf *text)
{
	const struct rotary_settings *rotary = &set->rotary;
	if (set->qk_norm)
		add_norms(model, set, text);
	if (rotary->pairing == ROPE_NONE)
		return;
	strbuf_addf(text, " --rope %s --rope-base ", rotary->pairing == ROPE_HALF ? "half" : "interleaved");
	record_format_real(text, rotary->base);
	if (rotary->dims < set->dim)
		strbuf_addf(text, " --rope-dims %" PRId64, rotary->dims);
	if (*rotary->scaling)
		add_scaling(rotary, text);
}

static void add_options(const struct model *model, const struct layer_settings *set, struct strbuf *text)
{
	const char *gap = not_to_say(set), *before = not_to_say_before(set);
	add_mask(set, text);
	add_logits(model, set, text);
	if (gap)
		strbuf_addf(text, "  # no option says: %s", gap);
	strbuf_addstr(text, "\n# from before the norms and the rotation, also:");
	if (before)
		strbuf_addf(text, " no option says: %s", before);
	else
		add_rotation(model, set, text);
	strbuf_addch(text, '\n');
}

/* Layers with the same line stand together. */
void model_info_options(const struct model *model, struct strbuf *text)
{
	struct strbuf line, other;
	strbuf_init(&line);
	strbuf_init(&other);
	strbuf_addf(text, "# %s%s%s: -q and -k as the attention receives them\n", model->type, model->tower ? " " : "", model->tower ? model->tower : "");
	for (int64_t layer = 0; layer < model->layers; layer++) {
		bool said = !model->layer[layer].is_softmax;
		strbuf_clear(&line);
		if (!said)
			add_options(model, &model->layer[layer], &line);
		for (int64_t before = 0; before < layer && !said; before++) {
			strbuf_clear(&other);
			if (model->layer[before].is_softmax)
				add_options(model, &model->layer[before], &other);
			said = strcmp(other.buf, line.buf) == 0;
		}
		if (said)
			continue;
		strbuf_addf(text, "--layer %" PRId64, layer);
		for (int64_t after = layer + 1; after < model->layers; after++) {
			strbuf_clear(&other);
			if (model->layer[after].is_softmax)
				add_options(model, &model->layer[after], &other);
			if (strcmp(other.buf, line.buf) == 0)
				strbuf_addf(text, ",%" PRId64, after);
		}
		strbuf_addstr(text, line.buf);
	}
	strbuf_release(&line);
	strbuf_release(&other);
}

/* ---- families ---- */

static void add_words(struct strbuf *text, const char *words)
{
	for (const char *at = words; *at; at++)
		*at == '|' ? strbuf_addstr(text, ", ") : strbuf_addch(text, *at);
}

const char *model_info_family(size_t index, struct strbuf *text)
{
	if (index >= model_family_count)
		return NULL;
	const struct family *row = &model_family_table[index];
	bool none = row->norm_name && !*row->norm_name && !row->norm;
	if (row->tower)
		strbuf_addf(text, "(%s) ", row->tower);
	add_words(text, row->types);
	if (row->states_behind) {
		strbuf_addf(text, ": %s attention", row->remark);
		return row->title;
	}
	strbuf_addf(text, ": norm %s", none ? "none" : norm_name[row->norm ? row->norm : MODEL_NORM_RMS]);
	if (row->qk_norm)
		strbuf_addf(text, "; norm of q and k %s, %s%s", norm_name[row->qk_norm], stage_name[row->qk_stage], row->qk_norm_if ? ", where the config says so" : "");
	if (row->rope)
		strbuf_addf(text, "; rotation %s", row->rope == ROPE_HALF ? "half" : "interleaved");
	if (row->layout == MODEL_LATENT || (row->query && strstr(row->query, "kv_a_proj")))
		strbuf_addstr(text, "; latent attention");
	if (row->others)
		strbuf_addf(text, "; other layers: %s", row->others);
	if (row->remark)
		strbuf_addf(text, "; %s", row->remark);
	return row->title;
}

/* ---- captions ---- */

static void add_list(struct strbuf *text, const int64_t *list, int64_t count)
{
	for (int64_t i = 0; i < count && i < 6; i++)
		strbuf_addf(text, "%s%" PRId64, i ? ", " : "", list[i]);
	if (count > 6)
		strbuf_addf(text, ", ... (%" PRId64 " layers)", count);
}

void model_info_differences(const struct model *model, const int64_t *number, int64_t count, struct strbuf *text)
{
	int64_t slides[64], still[64], n_slides = 0, n_still = 0, width = -1;
	bool others_turn = false, same = true;
	for (int64_t i = 0; i < count; i++) {
		const struct layer_settings *set = &model->layer[number[i]];
		if (set->left >= 0) {
			same = same && (width < 0 || width == set->left);
			width = set->left;
			if (n_slides < 64)
				slides[n_slides++] = number[i];
		}
		others_turn = others_turn || set->rotary.pairing;
		if (!set->rotary.pairing && n_still < 64)
			still[n_still++] = number[i];
	}
	if (n_slides && n_slides < count) {
		strbuf_addf(text, same ? "window %" PRId64 " on layers " : "windows up to %" PRId64 " on layers ", width + 1);
		add_list(text, slides, n_slides);
	}
	if (n_still && n_still < count && others_turn) {
		strbuf_addf(text, "%sno rotation on layers ", text->len ? "; " : "");
		add_list(text, still, n_still);
	}
}
