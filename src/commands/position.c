/* SPDX-License-Identifier: MIT */
#include "commands/position.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const struct word rope_words[] = {
	{ "none", ROPE_NONE }, { "half", ROPE_HALF }, { "interleaved", ROPE_INTERLEAVED }, WORD_END,
};
static const struct word scaling_words[] = {
	{ "none", ROPE_SCALING_NONE }, { "linear", ROPE_SCALING_LINEAR }, { "ntk", ROPE_SCALING_NTK },
	{ "dynamic", ROPE_SCALING_DYNAMIC }, { "llama3", ROPE_SCALING_LLAMA3 }, { "yarn", ROPE_SCALING_YARN }, WORD_END,
};
static const struct word bucket_words[] = {
	{ "by-mask", T5_BY_MASK }, { "bidirectional", T5_BIDIRECTIONAL }, { "causal", T5_CAUSAL }, WORD_END,
};
static const struct word norm_words[] = {
	{ "none", QK_NORM_NONE }, { "rms", QK_NORM_RMS }, { "l2", QK_NORM_L2 }, { "layer", QK_NORM_LAYER }, WORD_END,
};

static struct {
	int rope, rope_scaling, t5_buckets, qk_norm;
	struct position_args plain; /* what needs no file */
	const char *inv_freq, *rope_cos, *rope_sin, *query_positions, *key_positions, *alibi_slopes, *t5_bias, *query_norm, *key_norm, *sinks;
} given;

const struct option_row position_rows[] = {
	OPTION_CHOICE(0, "rope", "PAIRS", &given.rope, rope_words, "rotate pairs of dims (half as in Hugging Face Llama, interleaved as in Meta's)"),
	OPTION_INT(0, "rope-dims", "N", &given.plain.rope_dims, 0, 1e9, "rotate only the first N dims (default: all)"),
	OPTION_REAL(0, "rope-base", "X", &given.plain.rope_base, 1, 1e15, "base of the frequencies (default 10000)"),
	OPTION_CHOICE(0, "rope-scaling", "KIND", &given.rope_scaling, scaling_words, "how the context was extended beyond that of training"),
	OPTION_REAL(0, "rope-factor", "X", &given.plain.rope_factor, 1e-6, 1e9, "factor of the scaling"),
	OPTION_INT(0, "rope-original-length", "N", &given.plain.rope_original_length, 1, 1e12, "context that the model was trained on, for dynamic, llama3 and yarn"),
	OPTION_REAL(0, "rope-low", "X", &given.plain.rope_low, 0, 1e9, "llama3: low_freq_factor; yarn: beta_slow"),
	OPTION_REAL(0, "rope-high", "X", &given.plain.rope_high, 0, 1e9, "llama3: high_freq_factor; yarn: beta_fast"),
	OPTION_REAL(0, "rope-attention-factor", "X", &given.plain.rope_attention_factor, 0, 1e9, "factor of cosine and sine"),
	OPTION_STRING(0, "inv-freq", "FILE[:NAME]", &given.inv_freq, "the inverse frequencies themselves"),
	OPTION_STRING(0, "rope-cos", "FILE[:NAME]", &given.rope_cos, "the cosines themselves, with --rope-sin"),
	OPTION_STRING(0, "rope-sin", "FILE[:NAME]", &given.rope_sin, "the sines themselves, with --rope-cos"),
	OPTION_STRING(0, "query-positions", "FILE[:NAME]", &given.query_positions, "position of each query"),
	OPTION_STRING(0, "key-positions", "FILE[:NAME]", &given.key_positions, "position of each key"),
	{ .kind = OPTION_KIND_INT, .name = "query-offset", .argument = "N", .value = &given.plain.query_offset, .min = -1e12, .max = 1e12,
	  .given = &given.plain.has_query_offset, .help = "position of the first query (default: so that the last query meets the last key)" },
	OPTION_INT(0, "key-offset", "N", &given.plain.key_offset, -1e12, 1e12, "position of the first key"),
	OPTION_FLAG(0, "alibi", &given.plain.alibi, "linear biases with the slopes of the ALiBi paper"),
	OPTION_STRING(0, "alibi-slopes", "X,...|FILE", &given.alibi_slopes, "linear biases with these slopes, one per head"),
	OPTION_STRING(0, "t5-bias", "FILE[:NAME]", &given.t5_bias, "T5's relative biases (buckets, heads)"),
	OPTION_INT(0, "t5-max-distance", "N", &given.plain.t5_max_distance, 1, 1e12, "distance of the last bucket (default 128)"),
	OPTION_CHOICE(0, "t5-buckets", "KIND", &given.t5_buckets, bucket_words, "buckets of a decoder, or of an encoder"),
	OPTION_FLAG(0, "bias-before-scale", &given.plain.bias_before_scale, "multiply biases by the scale, too (Falcon)"),
	OPTION_CHOICE(0, "qk-norm", "KIND", &given.qk_norm, norm_words, "normalise queries and keys before the rotation"),
	OPTION_REAL(0, "qk-norm-epsilon", "X", &given.plain.qk_norm_epsilon, 0, 1, "epsilon of --qk-norm; for l2 the smallest length (default 1e-6)"),
	OPTION_STRING(0, "query-norm", "FILE[:NAME]", &given.query_norm, "weights of the queries' normalisation"),
	OPTION_STRING(0, "key-norm", "FILE[:NAME]", &given.key_norm, "weights of the keys' normalisation"),
	OPTION_STRING(0, "sink-logits", "X,...|FILE", &given.sinks, "learned sink logits, one per head (gpt-oss)"),
	OPTION_END
};

/* Numbers that stand on the command line itself. They live as long as the program: every input that is opened borrows them. */
struct number_list {
	const char *text;
	double *value;
	struct tensor tensor;
};

/* "0.5,-1e-3"; -1 for anything else, such as the name of a file. */
static int64_t count_numbers(const char *text)
{
	int64_t count = 0;
	for (const char *rest = text;; rest++) {
		char *end;
		strtod(rest, &end);
		if (end == rest || strspn(rest, "0123456789.eE+-") < (size_t)(end - rest) || (*end && *end != ','))
			return -1;
		count++;
		rest = end;
		if (!*rest)
			return count;
	}
}

static enum err read_numbers(struct number_list *list, const char *name, const char *text, int64_t count, struct err_info *info)
{
	if (list->text == text)
		return ERR_OK;
	list->value = mem_array((size_t)count, sizeof *list->value);
	if (!list->value)
		return err_nomem(info, name);
	for (int64_t i = 0; i < count; i++) {
		char *end;
		list->value[i] = strtod(text, &end);
		text = *end ? end + 1 : end;
	}
	list->tensor = (struct tensor){ .name = name, .file = "the command line", .dtype = DTYPE_F64, .rank = 1, .shape = { count }, .stride = { 1 },
					.data = (const unsigned char *)list->value, .scale = 1 };
	return ERR_OK;
}

/* Of a list of numbers, or from a file. */
static enum err numbers_or_file(struct roles *roles, const char *name, const char *spec, struct number_list *list, const struct tensor **tensor,
				struct err_info *info)
{
	int64_t count = spec ? count_numbers(spec) : 0;
	if (!spec)
		return ERR_OK;
	if (count < 0)
		return roles_tensor(roles, spec, tensor, info);
	enum err err = read_numbers(list, name, spec, count, info);
	list->text = err ? NULL : spec;
	*tensor = &list->tensor;
	return err;
}

enum err position_open(struct position_args *args, struct roles *roles, struct err_info *info)
{
	const struct {
		const char *spec;
		const struct tensor **tensor;
	} files[] = {
		{ given.inv_freq, &args->inv_freq }, { given.rope_cos, &args->rope_cos }, { given.rope_sin, &args->rope_sin },
		{ given.query_positions, &args->query_positions }, { given.key_positions, &args->key_positions },
		{ given.t5_bias, &args->t5_bias }, { given.query_norm, &args->query_norm }, { given.key_norm, &args->key_norm },
	};
	static struct number_list slopes, sinks;
	*args = given.plain;
	args->rope = (enum rope_pairing)given.rope;
	args->rope_scaling = (enum rope_scaling)given.rope_scaling;
	args->t5_buckets = (enum t5_buckets)given.t5_buckets;
	args->qk_norm = (enum qk_norm)given.qk_norm;
	args->alibi = given.plain.alibi || given.alibi_slopes;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		enum err err = files[i].spec ? roles_tensor(roles, files[i].spec, files[i].tensor, info) : ERR_OK;
		if (err)
			return err;
	}
	enum err err = numbers_or_file(roles, "--alibi-slopes", given.alibi_slopes, &slopes, &args->alibi_slopes, info);
	if (!err)
		err = numbers_or_file(roles, "--sink-logits", given.sinks, &sinks, &args->sinks, info);
	if (err)
		return err;
	if (!args->rope_cos != !args->rope_sin)
		return err_set(info, ERR_USAGE, "--rope-cos and --rope-sin go together");
	return ERR_OK;
}

enum rope_pairing position_rope(void)
{
	return (enum rope_pairing)given.rope;
}

bool position_given(void)
{
	return given.rope || given.plain.alibi || given.alibi_slopes || given.t5_bias || given.qk_norm || given.sinks;
}
