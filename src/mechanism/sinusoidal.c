/* SPDX-License-Identifier: MIT */
/*
 * Queries and keys from content and absolute positions, x = e + p: the logit splits into four terms,
 *
 *   q.k = (W_Q e_i).(W_K e_j) + (W_Q e_i).(W_K p_j) + (W_Q p_i).(W_K e_j) + (W_Q p_i).(W_K p_j)
 *
 * each of which can be shown, as logits (--stage scores) or through the softmax. Biases belong to the content: they do not depend on the position.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/dot.h"
#include "mechanism/operand.h"
#include "mechanism/sinusoid.h"
#include "mechanism/table.h"

/* What a side of the product is made of. */
enum made_of { CONTENT = 1, POSITION = 2 };

/* "cp": the query's content with the key's position. */
enum { BOTH = CONTENT | POSITION };
#define PART(QUERY, KEY) ((QUERY) << 2 | (KEY))
static const struct word part_words[] = {
	{ "all", PART(BOTH, BOTH) }, { "cc", PART(CONTENT, CONTENT) }, { "cp", PART(CONTENT, POSITION) }, { "pc", PART(POSITION, CONTENT) },
	{ "pp", PART(POSITION, POSITION) }, WORD_END,
};

static const struct word form_words[] = {
	{ "interleaved", SINUSOID_INTERLEAVED }, { "halves", SINUSOID_HALVES }, WORD_END,
};

struct side {
	unsigned made_of;
	struct operand matrix, bias; /* (heads * dim, width), (heads * dim); may be absent */
};

struct sinusoidal {
	struct dot dot;
	int64_t width, heads;      /* of e and p; heads that the projections make */
	const struct heads *content; /* (layer, batch, 1, token, width); NULL: only positions are known */
	struct heads view, tokens;
	const struct tensor *slot;
	struct operand position;   /* (tokens, width); absent: sinusoids */
	enum sinusoid form;
	int64_t first;             /* position of token 0, for sinusoids and as row of a given table */
	struct side query, key;
};

static const struct sinusoidal *sinusoidal_of(const struct dot *dot)
{
	return (const struct sinusoidal *)dot;
}

static void add_position(const struct sinusoidal *sinusoidal, int64_t layer, int64_t token, double *scratch, double *x)
{
	const double *row = scratch;
	if (sinusoidal->position.at)
		row = operand_block(&sinusoidal->position, layer, 0) + (sinusoidal->first + token) * sinusoidal->width;
	else
		sinusoid_row(sinusoidal->form, (double)(sinusoidal->first + token), sinusoidal->width, scratch);
	for (int64_t c = 0; c < sinusoidal->width; c++)
		x[c] += row[c];
}

/* The vector of one token and head, on one side. */
static enum err side_vector(const struct sinusoidal *sinusoidal, const struct side *side, int64_t map, int64_t token, double *out, struct err_info *info)
{
	int64_t layer, batch, head, width = sinusoidal->width, dim = sinusoidal->dot.dim;
	source_map_id(&sinusoidal->dot.masked.source, map, &layer, &batch, &head);
	double *x = mem_zero_array((size_t)(2 * width), sizeof *x);
	enum err err = x ? ERR_OK : err_nomem(info, "a token");
	if (!err && (side->made_of & CONTENT))
		err = heads_decode_f64(sinusoidal->content, layer, batch, 0, token, 1, false, x, width, info);
	if (!err && (side->made_of & POSITION))
		add_position(sinusoidal, layer, token, x + width, x);
	bool biased = side->bias.at && (side->made_of & CONTENT);
	for (int64_t d = 0; !err && d < dim; d++)
		out[d] = (biased ? operand_block(&side->bias, layer, 0)[head * dim + d] : 0) + (side->matrix.at ? 0 : x[head * dim + d]);
	if (!err && side->matrix.at)
		operand_multiply(operand_block(&side->matrix, layer, 0) + head * dim * width, dim, width, x, out);
	free(x);
	return err;
}

static enum err token_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	return side_vector(sinusoidal_of(dot), &sinusoidal_of(dot)->query, map, row, out, info);
}

static enum err token_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int64_t k = 0; !err && k < count; k++)
		err = side_vector(sinusoidal_of(dot), &sinusoidal_of(dot)->key, map, begin + k, out + k * dot->dim, info);
	return err;
}

static const struct dot_vectors sinusoidal_vectors = { token_query, token_key };

static int64_t sinusoidal_prepared_id(const struct source *source, int64_t map)
{
	(void)source;
	return map;
}

static void sinusoidal_free(struct source *source)
{
	struct sinusoidal *sinusoidal = (struct sinusoidal *)source;
	operand_release(&sinusoidal->position);
	operand_release(&sinusoidal->query.matrix);
	operand_release(&sinusoidal->query.bias);
	operand_release(&sinusoidal->key.matrix);
	operand_release(&sinusoidal->key.bias);
	masked_release(&sinusoidal->dot.masked);
	free(sinusoidal);
}

static const struct source_ops sinusoidal_ops = {
	.name = "sinusoidal",
	MASKED_SEEN,
	.prepared_id = sinusoidal_prepared_id,
	DOT_OPS,
	.prepared_key_bytes = dot_key_bytes,
	.free = sinusoidal_free,
};

static enum err open_side(struct sinusoidal *sinusoidal, struct side *side, const char *matrix, const char *bias, const struct mechanism_args *args,
			  struct err_info *info)
{
	int64_t layers = sinusoidal->content->size[AXIS_LAYER];
	struct operand_shape shape = { .rank = 2, .size = { -1, sinusoidal->width }, .layers = layers };
	enum err err = operand_read(&side->matrix, args, &mechanism_sinusoidal, matrix, false, &shape, info);
	if (err)
		return err;
	shape = (struct operand_shape){ .rank = 1, .size = { side->matrix.at ? side->matrix.size[0] : sinusoidal->width }, .layers = layers };
	return operand_read(&side->bias, args, &mechanism_sinusoidal, bias, false, &shape, info);
}

static enum err open_position(struct sinusoidal *sinusoidal, const struct mechanism_args *args, struct err_info *info)
{
	int form;
	const struct heads *content = sinusoidal->content;
	struct operand_shape shape = { .rank = 2, .size = { -1, sinusoidal->width }, .layers = content->size[AXIS_LAYER] };
	enum err err = mechanism_parameter_choice(args, &mechanism_sinusoidal, "form", form_words, &form, info);
	if (!err)
		err = mechanism_parameter_int(args, &mechanism_sinusoidal, "first", &sinusoidal->first, info);
	if (!err)
		err = operand_read(&sinusoidal->position, args, &mechanism_sinusoidal, "position", false, &shape, info);
	if (err)
		return err;
	sinusoidal->form = (enum sinusoid)form;
	if (sinusoidal->first < 0 || sinusoidal->first > INT32_MAX)
		return err_set(info, ERR_USAGE, "--param first=%lld: positions begin at 0", (long long)sinusoidal->first);
	if (!sinusoidal->position.at || sinusoidal->position.size[0] - sinusoidal->first >= content->size[AXIS_TOKEN])
		return ERR_OK;
	char text[160];
	snprintf(text, sizeof text, "at least %lld rows", (long long)(content->size[AXIS_TOKEN] + sinusoidal->first));
	return operand_misshapen(&mechanism_sinusoidal, "position", mechanism_input_find(args, "position")->tensor, text, info);
}

/* The number of heads follows from the projections and the head size that is asked for. */
static enum err split_heads(struct sinusoidal *sinusoidal, const struct mechanism_args *args, struct err_info *info)
{
	int64_t query = sinusoidal->query.matrix.at ? sinusoidal->query.matrix.size[0] : sinusoidal->width;
	int64_t key = sinusoidal->key.matrix.at ? sinusoidal->key.matrix.size[0] : sinusoidal->width;
	enum err err = mechanism_parameter_int(args, &mechanism_sinusoidal, "heads", &sinusoidal->heads, info);
	if (err)
		return err;
	if (query != key)
		return err_set(info, ERR_SHAPE, "W_Q makes %lld columns and W_K %lld: both must have the same number of rows", (long long)query, (long long)key);
	if (sinusoidal->heads < 1 || query % sinusoidal->heads != 0)
		return err_set(info, ERR_USAGE, "--param heads=%lld: the %lld columns of the queries cannot be split so", (long long)sinusoidal->heads,
			       (long long)query);
	sinusoidal->dot.dim = query / sinusoidal->heads;
	return ERR_OK;
}

static enum err sinusoidal_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_sinusoidal;
	struct sinusoidal *sinusoidal = (struct sinusoidal *)source;
	int part;
	enum err err = mechanism_parameter_choice(args, mechanism, "part", part_words, &part, info);
	if (!err)
		err = operand_view(args, mechanism, "content", true, "nd|bnd|lbnd", &sinusoidal->view, &sinusoidal->slot, &sinusoidal->content, info);
	if (err)
		return err;
	if (sinusoidal->content->size[AXIS_HEAD] != 1)
		return operand_misshapen(mechanism, "content", sinusoidal->content->tensors[0], "no axis of heads", info);
	sinusoidal->tokens = *sinusoidal->content;
	sinusoidal->content = &sinusoidal->tokens;
	sinusoidal->width = sinusoidal->content->size[AXIS_DIM];
	sinusoidal->query.made_of = (unsigned)part >> 2;
	sinusoidal->key.made_of = (unsigned)part & BOTH;
	sinusoidal->dot.vectors = &sinusoidal_vectors;
	err = open_position(sinusoidal, args, info);
	if (!err)
		err = open_side(sinusoidal, &sinusoidal->query, "W_Q", "b_Q", args, info);
	if (!err)
		err = open_side(sinusoidal, &sinusoidal->key, "W_K", "b_K", args, info);
	if (!err)
		err = split_heads(sinusoidal, args, info);
	if (err)
		return err;
	double scale = 1 / sqrt((double)sinusoidal->dot.dim);
	sinusoidal->tokens.size[AXIS_HEAD] = sinusoidal->heads;
	sinusoidal->tokens.stride[AXIS_HEAD] = 0;
	err = masked_init(&sinusoidal->dot.masked, mechanism, args, sinusoidal->content, sinusoidal->content, true, scale, info);
	mechanism_note(source->note, sizeof source->note, "content and position: %s", word_text(part_words, part));
	return err;
}

static enum err sinusoidal_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&sinusoidal_ops, sizeof(struct sinusoidal), "attention with absolute positions", sinusoidal_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "content", "(L,B,N,E)", true, "token embeddings or hidden states without positions; leading axes may be left out" },
	{ "position", "(N,E)", false, "what is added to them: a learned table, or sinusoids that were exported; without it sinusoids are made" },
	{ "W_Q", "(H*D,E)", false, "projection of the queries; without it they are the content and positions themselves" },
	{ "W_K", "(H*D,E)", false, "projection of the keys" },
	{ "b_Q", "(H*D)", false, "bias of the queries" },
	{ "b_K", "(H*D)", false, "bias of the keys" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "part", "all", "all, cc, cp, pc or pp: content or position of the query, then of the key" },
	{ "heads", "1", "heads that the projections hold" },
	{ "form", "interleaved", "of the sinusoids: interleaved (Vaswani) or halves (tensor2tensor, Whisper)" },
	{ "first", "0", "position of the first token" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_sinusoidal = {
	.name = "sinusoidal",
	.summary = "absolute positions: the logit split into its four terms of content and position",
	.equation = "q_i.k_j = (W_Q e_i + b_Q).(W_K e_j + b_K) + (W_Q e_i + b_Q).(W_K p_j) + (W_Q p_i).(W_K e_j + b_K) + (W_Q p_i).(W_K p_j)\n"
		    "A_ij = softmax_j(q_i.k_j / sqrt d), of the sum or of one term; --stage scores shows the term itself",
	.properties = "weights >= 0, rows sum to 1; terms: signed, and they add up",
	.reference = "Vaswani et al. 2017, arXiv 1706.03762; tensor2tensor and Whisper for the other form",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_LIMITS | SETTINGS_LOGITS,
	.open = sinusoidal_open,
};
