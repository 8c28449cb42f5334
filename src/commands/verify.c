#include "commands/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/row_difference.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "kernel/reference.h"
#include "tensor/layout.h"

/* Maps and rows that are compared: enough to tell settings apart, few enough for long dumps. */
enum { MAPS_MAX = 4, ROWS_MAX = 16, ROWS_MIN = 2, WEIGHTS_MAX = 1 << 16 };

/* Weights agree that are this close: half precision stores 1 to 2^-11. */
static const double AGREES = 1e-3;

/* The plausible settings; the first of each list changes nothing. */
static const struct scale_setting {
	const char *option;
	double power; /* of the head size: the scale is dim^power; NaN: as given */
} scales[] = { { NULL, NAN }, { "--scale-factor 1", 0 }, { "--scale-factor 1/dim", -1 } };

static const struct causal_setting {
	const char *option;
	enum causal causal;
} causals[] = { { NULL, CAUSAL_NONE }, { "--causal=top-left", CAUSAL_TOP_LEFT }, { "--causal=bottom-right", CAUSAL_BOTTOM_RIGHT } };

static const struct rope_setting {
	const char *option;
	enum rope_pairing rope;
} ropes[] = { { NULL, ROPE_NONE }, { "--rope half", ROPE_HALF }, { "--rope interleaved", ROPE_INTERLEAVED } };

static const struct cap_setting {
	const char *option;
	double cap;
} caps[] = { { NULL, 0 }, { "--softcap 30", 30 }, { "--softcap 50", 50 } };

#define LENGTH(LIST) ((int)(sizeof(LIST) / sizeof *(LIST)))

struct setting {
	int scale, causal, rope, cap;
};

struct comparison {
	struct input *input;
	struct tensor tensor;
	const struct tensor *slot;
	struct heads weights;
	double *model, *row; /* [keys] */
};

/* Change what the setting says; what the options said stays where it says nothing. */
static struct mechanism_args args_of(const struct comparison *comparison, const struct setting *setting)
{
	struct mechanism_args args = comparison->input->args;
	const struct role *query = roles_kind(&comparison->input->roles, NAME_QUERY);
	if (setting->scale)
		args.scale = pow((double)query->heads.size[AXIS_DIM], scales[setting->scale].power);
	if (setting->causal)
		args.causal = causals[setting->causal].causal;
	if (setting->rope)
		args.position.rope = ropes[setting->rope].rope;
	if (setting->cap)
		args.softcap = caps[setting->cap].cap;
	return args;
}

static enum err compare_row(const struct comparison *comparison, const struct source *source, int64_t map, int64_t row, double *largest, struct err_info *info)
{
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	enum err err = reference_row(source, map, row, comparison->row, NULL, NULL, info);
	if (!err)
		err = heads_decode_part_f64(&comparison->weights, layer, batch, head, row, 0, source->keys, true, comparison->model, info);
	if (!err)
		*largest = fmax(*largest, row_difference(comparison->row, comparison->model, source->keys));
	return err;
}

/* The largest difference under a setting. */
static enum err compare(const struct comparison *comparison, const struct setting *setting, double *largest, struct err_info *info)
{
	struct source *source = NULL;
	struct mechanism_args args = args_of(comparison, setting);
	const struct selection *selection = &comparison->input->selection;
	*largest = 0;
	enum err err = comparison->input->mechanism->open(&args, &source, info);
	if (err)
		return err;
	int64_t maps = selection->maps < MAPS_MAX ? selection->maps : MAPS_MAX, rows = WEIGHTS_MAX / source->keys;
	rows = rows > ROWS_MAX ? ROWS_MAX : rows < ROWS_MIN ? ROWS_MIN : rows;
	rows = rows < source->queries ? rows : source->queries;
	for (int64_t i = 0; i < maps * rows && !err; i++) {
		int64_t map = selection->map[i / rows * selection->maps / maps], row = (i % rows + 1) * source->queries / rows - 1;
		err = compare_row(comparison, source, map, row, largest, info);
	}
	source_free(source);
	return err;
}

/* Every combination; the first is what the options say. A setting that these inputs do not allow (an odd size cannot rotate) explains nothing. */
static enum err search(const struct comparison *comparison, struct setting *best, double *best_difference, struct err_info *info)
{
	const int total = LENGTH(scales) * LENGTH(causals) * LENGTH(ropes) * LENGTH(caps);
	*best_difference = INFINITY;
	for (int i = 1; i < total; i++) {
		struct setting setting = { i % LENGTH(scales), i / LENGTH(scales) % LENGTH(causals), i / (LENGTH(scales) * LENGTH(causals)) % LENGTH(ropes),
					   i / (LENGTH(scales) * LENGTH(causals) * LENGTH(ropes)) };
		struct err_info refused = { 0 };
		double difference;
		enum err err = compare(comparison, &setting, &difference, &refused);
		if (err == ERR_NOMEM) {
			*info = refused;
			return err;
		}
		if (!err && difference < *best_difference) {
			*best = setting;
			*best_difference = difference;
		}
	}
	return ERR_OK;
}

/* Where there are as many keys as queries both alignments are one. */
static void add_setting(struct strbuf *text, const struct setting *setting, bool is_square)
{
	const char *const options[] = { scales[setting->scale].option, setting->causal && is_square ? "--causal" : causals[setting->causal].option,
					ropes[setting->rope].option, caps[setting->cap].option };
	size_t before = text->len;
	for (int i = 0; i < LENGTH(options); i++)
		if (options[i])
			strbuf_addf(text, "%s%s", text->len > before ? " " : "", options[i]);
}

static void describe(struct strbuf *text, double given, double best_difference, const struct setting *best, bool is_square)
{
	strbuf_addf(text, "the weights computed differ from the model's by at most %.2g", given);
	if (given <= AGREES || best_difference > given / 2)
		return;
	strbuf_addf(text, "; %.2g with ", best_difference);
	add_setting(text, best, is_square);
	if (best->rope)
		strbuf_addstr(text, " (the dump was taken before the rotation)");
}

static enum err open_model(struct comparison *comparison, const char *spec, struct err_info *info)
{
	const struct source *source = comparison->input->source;
	struct layout_request request = { .role = LAYOUT_WEIGHTS, .layers = source->layers > 1 };
	const struct tensor *tensor;
	enum err err = roles_tensor(&comparison->input->roles, spec, &tensor, info);
	if (!err)
		err = role_letters(&input_request()->layout, "weights", &request.letters, info);
	if (err)
		return err;
	comparison->tensor = *tensor;
	err = layout_resolve(&comparison->tensor, &request, &comparison->slot, &comparison->weights, info);
	const int64_t *size = comparison->weights.size;
	if (!err && (size[AXIS_LAYER] != source->layers || size[AXIS_BATCH] != source->batches || size[AXIS_HEAD] != source->heads ||
		     size[AXIS_TOKEN] != source->queries || size[AXIS_DIM] != source->keys)) {
		char shape[128];
		err = err_set(info, ERR_SHAPE, "weights %s, but queries and keys make %" PRId64 " layers, %" PRId64 " items, %" PRId64 " heads of %" PRId64 " x %" PRId64,
			      tensor_shape_text(tensor, shape, sizeof shape), source->layers, source->batches, source->heads, source->queries, source->keys);
	}
	return err ? err_in_file(info, tensor->file) : ERR_OK;
}

enum err verify_weights(struct input *input, const char *spec, findings_put *put, void *data, struct err_info *info)
{
	struct comparison comparison = { .input = input };
	struct setting as_given = { 0 }, best = { 0 };
	double given = 0, best_difference = INFINITY;
	enum err err = open_model(&comparison, spec, info);
	comparison.row = mem_array((size_t)input->source->keys, sizeof *comparison.row);
	comparison.model = mem_array((size_t)input->source->keys, sizeof *comparison.model);
	if (!err && (!comparison.row || !comparison.model))
		err = err_nomem(info, "a row of weights");
	if (!err)
		err = compare(&comparison, &as_given, &given, info);
	if (!err && given > AGREES)
		err = search(&comparison, &best, &best_difference, info);
	struct strbuf text;
	strbuf_init(&text);
	describe(&text, given, best_difference, &best, input->source->queries == input->source->keys);
	const struct finding finding = { .check = "verify", .severity = given <= AGREES ? "note" : "warning", .role = "weights", .tensor = comparison.tensor.name,
					 .layer = -1, .batch = -1, .head = -1, .maps = input->selection.maps, .text = text.buf };
	if (!err)
		err = put(data, &finding);
	strbuf_release(&text);
	free(comparison.row);
	free(comparison.model);
	return err;
}
