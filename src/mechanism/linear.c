/* SPDX-License-Identifier: MIT */
/*
 * Linear attention (Katharopoulos, Vyas, Pappas, Fleuret 2020, arXiv 2006.16236): the kernel of a feature map in place of the exponential.
 */
#include <math.h>
#include <stdlib.h>

#include "mechanism/dot.h"
#include "mechanism/table.h"

typedef double feature(double x);

static double elu_plus_one(double x)
{
	return x > 0 ? x + 1 : exp(x);
}

static double relu(double x)
{
	return x > 0 ? x : 0;
}

static double identity(double x)
{
	return x;
}

enum { MAP_ELU, MAP_RELU, MAP_EXP, MAP_IDENTITY, MAP_COS };
static const struct word map_words[] = {
	{ "elu", MAP_ELU }, { "relu", MAP_RELU }, { "exp", MAP_EXP }, { "identity", MAP_IDENTITY },
	{ "cos", MAP_COS }, WORD_END,
};

static const struct {
	feature *of;
	bool is_signed;
} maps[] = {
	[MAP_ELU] = { elu_plus_one, false }, [MAP_RELU] = { relu, false }, [MAP_EXP] = { exp, false }, [MAP_IDENTITY] = { identity, true },
	[MAP_COS] = { cos, true },
};

struct linear {
	struct dot dot;
	feature *feature;
};

static void apply(const struct linear *linear, double *x, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		x[i] = linear->feature(x[i]);
}

static enum err linear_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	enum err err = dot_plain.query(dot, map, row, out, info);
	if (!err)
		apply((const struct linear *)dot, out, dot->dim);
	return err;
}

static enum err linear_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	enum err err = dot_plain.key(dot, map, begin, count, out, info);
	if (!err)
		apply((const struct linear *)dot, out, count * dot->dim);
	return err;
}

static const struct dot_vectors linear_vectors = { linear_query, linear_key };

static void linear_free(struct source *source)
{
	masked_release(&((struct linear *)source)->dot.masked);
	free(source);
}

static const struct source_ops linear_ops = {
	.name = "linear",
	MASKED_SEEN,
	.prepared_id = masked_prepared_id,
	DOT_OPS,
	.prepared_key_bytes = dot_key_bytes,
	.pool = dot_pool,
	.free = linear_free,
};

static enum err linear_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word yes_no[] = { { "yes", true }, { "no", false }, WORD_END };
	struct linear *linear = (struct linear *)source;
	int map, is_normalised;
	enum err err = mechanism_parameter_choice(args, &mechanism_linear, "feature", map_words, &map, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_linear, "normalize", yes_no, &is_normalised, info);
	if (!err)
		err = mechanism_parameter_real(args, &mechanism_linear, "eps", &source->row_epsilon, info);
	if (err)
		return err;
	if (source->row_epsilon < 0)
		return err_set(info, ERR_USAGE, "--param eps=%g: what is added to a denominator is not negative", source->row_epsilon);
	source->norm = is_normalised ? NORM_ROW_SUM : NORM_NONE;
	err = dot_init(&linear->dot, &mechanism_linear, args, &linear_vectors, 1, info);
	linear->feature = maps[map].of;
	source->is_signed = maps[map].is_signed;
	source->is_stochastic = is_normalised;
	mechanism_note(source->note, sizeof source->note, "features %s%s", word_text(map_words, map), is_normalised ? "" : ", not normalised");
	return err;
}

static enum err linear_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&linear_ops, sizeof(struct linear), "linear attention", linear_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(L,B,H,N,D)", true, "queries" },
	{ "key", "(L,B,Hk,M,D)", true, "keys" },
	{ "value", "(L,B,Hk,M,Dv)", false, "values" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "feature", "elu", "elu (elu(x) + 1), relu, exp, identity or cos, element by element; the last two can make weights negative" },
	{ "eps", "1e-6", "added to the denominator (fast-transformers 1e-6, flash-linear-attention 1e-10)" },
	{ "normalize", "yes", "no: show phi(q).phi(k) itself" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_linear = {
	.name = "linear",
	.summary = "linear attention: a feature map's kernel in place of the exponential",
	.equation = "A_ij = phi(q_i).phi(k_j) / (sum_j' phi(q_i).phi(k_j') + eps),  phi(x) = elu(x) + 1\n"
		    "with --causal the sum runs over j' <= i; --scale-factor multiplies phi(q)",
	.properties = "weights >= 0 (signed with identity or cos), rows sum to 1 less a part of eps, rank at most d, causal by option",
	.reference = "Katharopoulos et al. 2020, arXiv 2006.16236; idiap/fast-transformers, flash-linear-attention",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_LIMITS | SETTING_SCALE,
	.open = linear_open,
};
