/* SPDX-License-Identifier: MIT */
/*
 * Mamba as a mechanism: one scan or, for Vim, two; channels one by one or their mean.
 */
#include "mechanism/both_ways.h"
#include "mechanism/mamba.h"
#include "mechanism/mean_absolute.h"
#include "mechanism/table.h"

/* The roles of the scan over the turned tokens, and whose place they take. What is not among them is shared. */
static const struct { const char *own, *of; } turned[] = {
	{ "delta_b", "delta" }, { "B_b", "B" }, { "C_b", "C" }, { "A_b_log", "A_log" }, { "delta_b_bias", "delta_bias" }, { "D_b", "D" },
	{ "conv1d_b_weight", "conv1d_weight" }, { "conv1d_b_bias", "conv1d_bias" }, { "x_proj_b_weight", "x_proj_weight" }, { "dt_proj_b_weight", "dt_proj_weight" },
};
enum { TURNED = sizeof turned / sizeof *turned };

/* A tensor of the one scan must not stand in for one that the other was not given; hidden states, the first projection and the gate serve both. */
static enum err open_backward(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	struct mechanism_args other = *args;
	struct mechanism_binding binding[TURNED + 3];
	bool from_weights = mechanism_input_find(args, "hidden") && !mechanism_input_find(args, "delta");
	static const char *const both[2][3] = { { "z", NULL }, { "hidden", "in_proj_weight", "in_proj_bias" } };
	other.binding = binding;
	other.binding_count = 0;
	for (size_t i = 0; i < TURNED; i++) {
		const struct mechanism_binding *own = mechanism_input_find(args, turned[i].own);
		if (own)
			binding[other.binding_count++] = (struct mechanism_binding){ .role = turned[i].of, .tensor = own->tensor, .heads = own->heads };
		else if (mechanism_input_find(args, turned[i].of))
			return err_set(info, ERR_USAGE, "the second scan of mamba attention lacks %s: name it with --input %s=FILE[:NAME], or say --param directions=forward",
				       turned[i].own, turned[i].own);
	}
	for (size_t i = 0; i < 3 && both[from_weights][i]; i++) {
		const struct mechanism_binding *shared = mechanism_input_find(args, both[from_weights][i]);
		if (shared)
			binding[other.binding_count++] = *shared;
	}
	return mamba_scan_open(&other, true, source, info);
}

static enum err open_directions(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	enum { AUTO, FORWARD, BOTH };
	static const struct word words[] = { { "auto", AUTO }, { "forward", FORWARD }, { "both", BOTH }, WORD_END };
	int word = AUTO;
	struct source *forward = NULL, *backward = NULL;
	enum err err = mechanism_parameter_choice(args, &mechanism_mamba, "directions", words, &word, info);
	bool twice = word == BOTH || (word == AUTO && mechanism_input_find(args, "A_b_log"));
	if (!err)
		err = mamba_scan_open(args, false, &forward, info);
	if (!err && twice)
		err = open_backward(args, &backward, info);
	if (!err && twice)
		err = both_ways_source_new(forward, backward, source, info);
	else if (!err)
		*source = forward;
	if (err) {
		source_free(forward);
		source_free(backward);
	}
	return err;
}

static enum err mamba_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	static const struct word words[] = { { "no", false }, { "abs", true }, WORD_END };
	struct source *channels = NULL;
	int mean = false;
	enum err err = mechanism_parameter_choice(args, &mechanism_mamba, "mean", words, &mean, info);
	if (!err)
		err = open_directions(args, &channels, info);
	if (!err && !mean)
		*source = channels;
	else if (!err)
		err = mean_absolute_source_new(channels, source, info);
	if (err)
		source_free(channels);
	return err;
}

static const struct mechanism_input inputs[] = {
	{ "delta", "(B,D,L)", false, "step sizes before bias and softplus (mamba-ssm); with --param delta=step after them (Hugging Face's discrete_time_step); or give hidden" },
	{ "B", "(B,N,L)", false, "input projections" },
	{ "C", "(B,N,L)", false, "output projections" },
	{ "A_log", "(D,N)", true, "A = -exp(A_log), or A itself as the role A" },
	{ "A", "(D,N)", false, "in place of A_log" },
	{ "delta_bias", "(D)", false, "dt_proj.bias" },
	{ "D", "(D)", false, "skip connection: added on the diagonal" },
	{ "z", "(B,D,L)", false, "gate: rows are multiplied by silu(z)" },
	{ "u", "(B,D,L)", false, "what is scanned, after convolution and SiLU, for what needs the output" },
	{ "hidden", "(B,L,E)", false, "in place of delta, B, C, z and u: what enters the layer, with the weights that make them" },
	{ "in_proj_weight", "(2D,E)", false, "x, then z, of a hidden state" },
	{ "in_proj_bias", "(2D)", false, "its bias" },
	{ "conv1d_weight", "(D,1,K)", false, "causal filter of each channel of x" },
	{ "conv1d_bias", "(D)", false, "its bias" },
	{ "x_proj_weight", "(R+2N,D)", false, "low-rank step, B and C, of what was filtered" },
	{ "dt_proj_weight", "(D,R)", false, "the step of each channel, of the low-rank one" },
	{ "A_b_log", "(D,N)", false, "of a second scan over the turned tokens (Vim), whose map is turned back and added" },
	{ "delta_b", "(B,D,L)", false, "its step sizes, in the order in which the second scan takes the tokens" },
	{ "B_b", "(B,N,L)", false, "its input projections, in the same order" },
	{ "C_b", "(B,N,L)", false, "its output projections, in the same order" },
	{ "delta_b_bias", "(D)", false, "its dt_proj_b.bias" },
	{ "D_b", "(D)", false, "its skip connection" },
	{ "conv1d_b_weight", "(D,1,K)", false, "its filter" },
	{ "conv1d_b_bias", "(D)", false, "the bias of its filter" },
	{ "x_proj_b_weight", "(R+2N,D)", false, "its low-rank step, B and C" },
	{ "dt_proj_b_weight", "(D,R)", false, "its step of each channel" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "channels", "16", "at most how many channels to show, evenly spaced, or all; --head chooses among them" },
	{ "delta", "raw", "raw: softplus(delta + delta_bias) is the step; step: delta is" },
	{ "order", "dl", "axes of delta, z and u: dl (channels, tokens) or ld" },
	{ "gate", "auto", "rows times silu(z): auto where the tensor z is given, yes, or no" },
	{ "skip", "auto", "D on the diagonal: auto where D is given beside delta, yes, or no" },
	{ "mean", "no", "abs: one map, the mean of |w| over the channels shown" },
	{ "directions", "auto", "forward, both (Vim), or auto: both where A_b_log is given" },
	{ "bc", "nl", "axes of B and C: nl (states, tokens), or ln as Hugging Face has them" },
	{ NULL, NULL, NULL },
};

/* Ends of the names in checkpoints, as whole words between dots. */
static const struct mechanism_alias aliases[] = {
	{ .role = "hidden", .names = "x|hidden_states|hidden_state", .is_state = true },
	{ .role = "delta_bias", .names = "dt_proj.bias" },
	{ .role = "A_log", .names = "A_log" },
	{ .role = "D", .names = "D" },
	{ .role = "in_proj_weight", .names = "in_proj.weight" },
	{ .role = "in_proj_bias", .names = "in_proj.bias" },
	{ .role = "conv1d_weight", .names = "conv1d.weight" },
	{ .role = "conv1d_bias", .names = "conv1d.bias" },
	{ .role = "x_proj_weight", .names = "x_proj.weight" },
	{ .role = "dt_proj_weight", .names = "dt_proj.weight" },
	{ .role = "A_b_log", .names = "A_b_log" },
	{ .role = "delta_b_bias", .names = "dt_proj_b.bias" },
	{ .role = "D_b", .names = "D_b" },
	{ .role = "conv1d_b_weight", .names = "conv1d_b.weight" },
	{ .role = "conv1d_b_bias", .names = "conv1d_b.bias" },
	{ .role = "x_proj_b_weight", .names = "x_proj_b.weight" },
	{ .role = "dt_proj_b_weight", .names = "dt_proj_b.weight" },
	{ .role = NULL },
};

const struct mechanism mechanism_mamba = {
	.name = "mamba",
	.summary = "hidden attention of a selective state space, one matrix a channel (Mamba)",
	.equation = "dt = softplus(delta + bias),  A = -exp(A_log)\n"
		    "W_ts = sum_n C_nt exp(A_cn (dt_(s+1) + .. + dt_t)) dt_s B_ns   for s <= t\n"
		    "y_t = sum_s W_ts u_s\n"
		    "two directions: W_ts + W'_(n-1-t),(n-1-s), W' of the scan over the turned tokens",
	.properties = "signed, causal, rows do not sum to 1: not a distribution; --normalise abs-row makes one",
	.reference = "Gu, Dao 2023, arXiv 2312.00752 (mamba-ssm selective_scan); Ali, Zimerman, Wolf 2024, arXiv 2403.01590 (HiddenMambaAttn, matrix form); "
		     "two directions: Zhu et al. 2024, arXiv 2401.09417 (Vim)",
	.input = inputs,
	.parameter = parameters,
	.alias = aliases,
	.settings = SETTINGS_NONE,
	.settings_why = "is a recurrence over all tokens so far: no mask applies",
	.open = mamba_open,
};
