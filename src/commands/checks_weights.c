/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/weights_facts.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/checks_parts.h"
#include "commands/inputs_given.h"
#include "commands/masking.h"

/* Less mass than this after the diagonal is more likely a leak than a wish to look ahead. */
static const double LEAK_SHARE = 0.01;
static const double UNIFORM_TOLERANCE = 1e-6;
/* Fewer weights may be alike by chance. */
enum { WEIGHTS_THAT_TELL = 64 };

static bool sums_to_one(const struct weights_facts *facts, double low, double high)
{
	double tolerance = WEIGHTS_SUM_TOLERANCE + facts->rounding;
	return low > 1 - tolerance && high < 1 + tolerance;
}

static bool rows_sum_to_one(const struct weights_facts *facts)
{
	return sums_to_one(facts, facts->row_sum_low, facts->row_sum_high);
}

static bool are_logarithms(const struct weights_facts *facts)
{
	return facts->smallest < 0 && sums_to_one(facts, facts->exp_sum_low, facts->exp_sum_high);
}

static bool columns_sum_to_one(const struct weights_facts *facts)
{
	return !rows_sum_to_one(facts) && facts->smallest >= 0 && sums_to_one(facts, facts->column_sum_low, facts->column_sum_high);
}

static bool are_logits(const struct weights_facts *facts)
{
	return !rows_sum_to_one(facts) && !are_logarithms(facts) &&
	       (facts->smallest < -WEIGHTS_SUM_TOLERANCE || facts->largest > 1 + WEIGHTS_SUM_TOLERANCE || facts->hidden);
}

/* " (query 3)" or " (queries 3 to 7)" */
static void add_span(const struct row_span *span, struct strbuf *text)
{
	if (span->count == 1)
		strbuf_addf(text, " (query %" PRId64 ")", span->first);
	else
		strbuf_addf(text, " (%s%" PRId64 " to %" PRId64 ")", span->last - span->first + 1 == span->count ? "queries " : "among queries ", span->first, span->last);
}

static bool find_nan_rows(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "%" PRId64 " of %" PRId64 " rows hold NaN", facts->nan_rows.count, facts->rows);
	add_span(&facts->nan_rows, text);
	strbuf_addstr(text, ", as a softmax over no key leaves them in padding: --skip-nan leaves them out");
	return facts->nan_rows.count > 0 && !given_inputs()->skip_nan;
}

static bool find_skipped_rows(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "%" PRId64 " of %" PRId64 " rows hold NaN", facts->nan_rows.count, facts->rows);
	add_span(&facts->nan_rows, text);
	strbuf_addstr(text, ", and are left out");
	return facts->nan_rows.count > 0 && given_inputs()->skip_nan;
}

static bool find_nonfinite(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "%" PRId64 " values are infinite, the first at query %" PRId64 ", key %" PRId64,
		    facts->nonfinite, facts->bad_row, facts->bad_key);
	return facts->nonfinite > 0;
}

static bool find_logarithms(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addstr(
		text,
		"no value is above 0, and their exponentials sum to one: these are logarithms of weights, say --log-weights");
	return are_logarithms(facts);
}

static bool find_logits(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "values from %.3g to %.3g in rows that do not sum to one: these are logits, not weights, say --logits",
		    facts->smallest, facts->largest);
	if (facts->rows != facts->keys && !facts->hidden)
		strbuf_addstr(text, "; or queries or keys, then give both with -q and -k");
	return are_logits(facts);
}

static bool find_signed(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "weights of either sign, the smallest is %.3g: say --signed", facts->smallest);
	return rows_sum_to_one(facts) && facts->smallest < -1e-6;
}

static bool find_row_sums(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text,
		    "%" PRId64 " of %" PRId64 " rows do not sum to one: %.4g to %.4g, the furthest is query %" PRId64 " (%.6g)",
		    facts->rows_off, facts->rows, facts->row_sum_low, facts->row_sum_high, facts->worst_row, facts->worst_sum);
	if (facts->row_sum_high < 1 + WEIGHTS_SUM_TOLERANCE)
		strbuf_addstr(text, "; a sink logit and keys that were cut off leave less than one");
	else if (facts->row_sum_low < 1)
		strbuf_addstr(text, "; dropout leaves more and less than one: call model.eval() before the dump");
	return !rows_sum_to_one(facts) && !isnan(facts->row_sum_low) && !are_logits(facts) && !are_logarithms(facts) &&
	       !columns_sum_to_one(facts);
}

static bool find_constant(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "every weight is 1 / %" PRId64 ": the head is constant", facts->keys);
	return facts->keys > 1 && facts->from_uniform < UNIFORM_TOLERANCE;
}

static bool find_dead_rows(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "%" PRId64 " rows are all zero", facts->zero_rows);
	add_span(&facts->zeros, text);
	strbuf_addstr(text, ": queries that see nothing, or padding; they count in no mean where --mask, or --key-begin with --causal, hides all keys from them");
	return facts->zero_rows > 0;
}

static bool find_uniform_rows(const struct weights_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "%" PRId64 " rows are uniform over all keys, later ones too", facts->uniform_rows.count);
	add_span(&facts->uniform_rows, text);
	strbuf_addstr(text, ", where nothing else lies after the diagonal: padding that saw no key; --mask, or --key-begin with --causal, leaves it out");
	return facts->uniform_rows.count > 0;
}

/* Checks of one map. */
static const struct map_check {
	const char *name, *severity;
	bool (*find)(const struct weights_facts *facts, struct strbuf *text);
} map_checks[] = {
	{ "finite", "error", find_nan_rows },     { "finite", "note", find_skipped_rows },
	{ "finite", "error", find_nonfinite },    { "log-weights", "warning", find_logarithms },
	{ "logits", "warning", find_logits },     { "signed", "warning", find_signed },
	{ "row-sums", "warning", find_row_sums }, { "constant", "warning", find_constant },
	{ "dead-rows", "note", find_dead_rows },  { "uniform-rows", "warning", find_uniform_rows },
};

/* Square maps along the first two of three axes: the heads come last. */
static bool find_swapped(const struct heads *heads, const struct weights_facts *facts, int64_t count, struct strbuf *text)
{
	bool swapped = count > 0;
	for (int64_t i = 0; i < count; i++)
		swapped = swapped && columns_sum_to_one(&facts[i]);
	strbuf_addstr(text, "columns sum to one and rows do not: ");
	if (heads->tensors[0]->rank == 3 && heads->present[AXIS_HEAD] && heads->size[AXIS_HEAD] == heads->size[AXIS_TOKEN] &&
	    facts->rows != facts->keys)
		strbuf_addstr(text, "the heads come last, say --layout NMH");
	else
		strbuf_addstr(text, "queries and keys are swapped, say --layout with M before N");
	return swapped;
}

/* softmax(p) of weights in 0 .. 1 leaves no weight of a row more than e times another; a real head of any sharpness does. */
static bool find_double_softmax(const struct heads *heads, const struct weights_facts *facts, int64_t count, struct strbuf *text)
{
	bool bounded = heads->size[AXIS_TOKEN] * heads->size[AXIS_DIM] * count >= WEIGHTS_THAT_TELL;
	double ratio = 0;
	for (int64_t i = 0; i < count; i++) {
		bounded = bounded && rows_sum_to_one(&facts[i]);
		ratio = fmax(ratio, facts[i].ratio);
	}
	strbuf_addf(
		text,
		"no weight of a row is more than %.3g times another that it sees, in any head: a softmax that was taken twice",
		ratio);
	return bounded && ratio > 1 + UNIFORM_TOLERANCE && ratio <= M_E * (1 + 1e-3);
}

static double largest_share(const struct weights_facts *facts, int64_t count)
{
	double share = 0;
	for (int64_t i = 0; i < count; i++)
		share = fmax(share, facts[i].after_share);
	return share;
}

static bool can_be_causal(const struct weights_facts *facts)
{
	return facts->rows > 1 && facts->rows <= facts->keys;
}

static bool find_causal(const struct heads *heads, const struct weights_facts *facts, int64_t count, struct strbuf *text)
{
	bool at_beginning = facts->rows < facts->keys;
	(void)heads;
	for (int64_t i = 0; i < count; i++)
		at_beginning = at_beginning && facts[i].top_left_share == 0;
	strbuf_addf(text, "nothing lies after the diagonal: say --causal%s, so that statistics count only what a query can see",
		    at_beginning ? "=top-left" : "");
	return !masking_is_causal() && can_be_causal(facts) && largest_share(facts, count) == 0;
}

static bool find_leak(const struct heads *heads, const struct weights_facts *facts, int64_t count, struct strbuf *text)
{
	(void)heads;
	double share = largest_share(facts, count);
	if (!can_be_causal(facts) || share == 0 || share >= LEAK_SHARE)
		return false;
	const struct weights_facts *worst = facts;
	for (int64_t i = 1; i < count; i++)
		worst = facts[i].after_largest > worst->after_largest ? &facts[i] : worst;
	strbuf_addf(text,
		    "%.2g %% of a head's mass lies after the diagonal, at most (%.2g at query %" PRId64 ", key %" PRId64
		    "): a causal mask that leaks",
		    100 * share, worst->after_largest, worst->after_row, worst->after_key);
	return true;
}

/* Of each batch item, the first key that any of its maps looks at: 0 where all are empty. */
static int64_t first_seen_key(const struct heads *heads, const struct weights_facts *facts, int64_t count, int64_t item)
{
	int64_t first = INT64_MAX, layer, batch, head;
	for (int64_t i = 0; i < count; i++) {
		check_place(heads, i, &layer, &batch, &head);
		if (batch == item && facts[i].empty_head < first)
			first = facts[i].empty_head;
	}
	return first < heads->size[AXIS_DIM] ? first : 0;
}

static bool find_left_padding(const struct heads *heads, const struct weights_facts *facts, int64_t count, struct strbuf *text)
{
	bool found = false;
	strbuf_addstr(text, "the first keys get no attention: if they are padding on the left, say --key-begin ");
	for (int64_t item = 0; item < heads->size[AXIS_BATCH]; item++) {
		int64_t first = first_seen_key(heads, facts, count, item);
		strbuf_addf(text, "%s%" PRId64, item ? "," : "", first);
		found = found || first > 0;
	}
	return found && !masking_hides_padding();
}

/* The same of the last: one beyond it; all keys where none is looked at. */
static int64_t end_of_seen_keys(const struct heads *heads, const struct weights_facts *facts, int64_t count, int64_t item)
{
	int64_t keys = heads->size[AXIS_DIM], end = 0, layer, batch, head;
	for (int64_t i = 0; i < count; i++) {
		check_place(heads, i, &layer, &batch, &head);
		if (batch == item && keys - facts[i].empty_tail > end)
			end = keys - facts[i].empty_tail;
	}
	return end > 0 ? end : keys;
}

static bool find_padding(const struct heads *heads, const struct weights_facts *facts, int64_t count, struct strbuf *text)
{
	bool found = false;
	strbuf_addstr(text, "the last keys get no attention: if they are padding, say --key-lengths ");
	for (int64_t item = 0; item < heads->size[AXIS_BATCH]; item++) {
		int64_t end = end_of_seen_keys(heads, facts, count, item);
		strbuf_addf(text, "%s%" PRId64, item ? "," : "", end);
		found = found || end < heads->size[AXIS_DIM];
	}
	return found && !masking_hides_later_keys();
}

/* Checks of all maps of an array together. */
static const struct array_check {
	const char *name, *severity;
	bool (*find)(const struct heads *heads, const struct weights_facts *facts, int64_t count, struct strbuf *text);
} array_checks[] = {
	{ "padding", "note", find_padding },
	{ "axis-order", "warning", find_swapped },
	{ "softmax-twice", "warning", find_double_softmax },
	{ "causal-leak", "warning", find_leak },
	{ "causal", "note", find_causal },
	{ "left-padding", "note", find_left_padding },
};

/* One finding for all the maps with the same trouble, with the sentence of the first. */
static enum err run_map_check(const struct reporter *reporter, const struct map_check *check, const struct weights_facts *facts,
			      int64_t count)
{
	int64_t first = -1, maps = 0;
	struct strbuf text;
	strbuf_init(&text);
	for (int64_t map = 0; map < count; map++) {
		struct strbuf sentence;
		strbuf_init(&sentence);
		if (check->find(&facts[map], &sentence) && maps++ == 0) {
			first = map;
			strbuf_addstr(&text, sentence.buf);
		}
		strbuf_release(&sentence);
	}
	enum err err = maps ? check_report(reporter, check->name, check->severity, first, maps, &text) : ERR_OK;
	strbuf_release(&text);
	return err;
}

static enum err run_array_check(const struct reporter *reporter, const struct array_check *check,
				const struct weights_facts *facts, int64_t count)
{
	struct strbuf text;
	strbuf_init(&text);
	enum err err = check->find(&reporter->role->heads, facts, count, &text)
			       ? check_report(reporter, check->name, check->severity, -1, count, &text)
			       : ERR_OK;
	strbuf_release(&text);
	return err;
}

enum err check_weights(const struct reporter *reporter, struct err_info *info)
{
	const struct heads *heads = &reporter->role->heads;
	int64_t count = check_maps(heads), layer, batch, head;
	if (heads->size[AXIS_TOKEN] < 1 || heads->size[AXIS_DIM] < 1 || count < 1)
		return ERR_OK;
	struct weights_facts *facts = mem_array((size_t)count, sizeof *facts);
	enum err err = facts ? ERR_OK : err_nomem(info, "the checks");
	for (int64_t map = 0; map < count && !err; map++) {
		check_place(heads, map, &layer, &batch, &head);
		err = weights_facts_scan(heads, layer, batch, head, &facts[map], info);
	}
	for (size_t i = 0; i < sizeof map_checks / sizeof *map_checks && !err; i++)
		err = run_map_check(reporter, &map_checks[i], facts, count);
	for (size_t i = 0; i < sizeof array_checks / sizeof *array_checks && !err; i++)
		err = run_array_check(reporter, &array_checks[i], facts, count);
	free(facts);
	return err;
}
