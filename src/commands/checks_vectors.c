/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/order_facts.h"
#include "analysis/rotation_facts.h"
#include "analysis/vectors_facts.h"
#include "base/memory.h"
#include "commands/checks_parts.h"
#include "commands/position.h"

/* Ratios of trained models in the right order reach 1.24. */
static const double SWAPPED = 1.5;

/* Heads whose keys are looked at for a rotation. */
enum { ROTATION_HEADS = 64 };

static bool find_nonfinite(const struct vectors_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "%" PRId64 " values are NaN or infinite, the first at token %" PRId64 ", dim %" PRId64,
		    facts->nonfinite, facts->bad_token, facts->bad_dim);
	return facts->nonfinite > 0;
}

static bool find_dead(const struct vectors_facts *facts, struct strbuf *text)
{
	strbuf_addstr(text, "every vector is zero: a head that was pruned, or never written");
	return facts->tokens > 0 && facts->zero_tail == facts->tokens;
}

static bool find_constant(const struct vectors_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "all %" PRId64 " tokens have the same vector", facts->tokens);
	return facts->constant && facts->tokens > 1 && facts->zero_tail < facts->tokens;
}

static bool find_padding(const struct vectors_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "the last %" PRId64 " tokens are all zero: if they are padding, say --key-lengths", facts->zero_tail);
	return facts->zero_tail > 0 && facts->zero_tail < facts->tokens;
}

static bool find_left_padding(const struct vectors_facts *facts, struct strbuf *text)
{
	strbuf_addf(text, "the first %" PRId64 " tokens are all zero: if they are padding on the left, say --key-begin", facts->zero_head);
	return facts->zero_head > 0 && facts->zero_head < facts->tokens;
}

/* Checks of one head. */
static const struct vectors_check {
	const char *name, *severity;
	bool (*find)(const struct vectors_facts *facts, struct strbuf *text);
} checks[] = {
	{ "finite", "error", find_nonfinite },
	{ "dead", "warning", find_dead },
	{ "constant", "warning", find_constant },
	{ "padding", "note", find_padding },
	{ "left-padding", "note", find_left_padding },
};

/* One finding for all the heads with the same trouble, with the sentence of the first. */
static enum err run_check(const struct reporter *reporter, const struct vectors_check *check, const struct vectors_facts *facts,
			  int64_t count)
{
	int64_t first = -1, maps = 0;
	struct strbuf text, sentence;
	strbuf_init(&text);
	strbuf_init(&sentence);
	for (int64_t map = 0; map < count; map++) {
		strbuf_clear(&sentence);
		if (check->find(&facts[map], &sentence) && maps++ == 0) {
			first = map;
			strbuf_addstr(&text, sentence.buf);
		}
	}
	enum err err = maps ? check_report(reporter, check->name, check->severity, first, maps, &text) : ERR_OK;
	strbuf_release(&text);
	strbuf_release(&sentence);
	return err;
}

/* " with --layout NHD" where the letters that were used have the other order. */
static void add_other_order(const struct role *role, const struct roles_request *request, struct strbuf *text)
{
	struct err_info ignored = { 0 };
	const char *letters = NULL;
	char swapped[16];
	if (role_letters(&request->layout, role->word, &letters, &ignored))
		return;
	letters = letters ? letters : layout_default(LAYOUT_KEY, role->tensor[0].rank, false);
	if (!letters || strlen(letters) >= sizeof swapped || !strchr(letters, 'H') || !strchr(letters, 'N'))
		return;
	for (size_t i = 0; i <= strlen(letters); i++)
		swapped[i] = letters[i];
	swapped[strcspn(letters, "H")] = 'N';
	swapped[strcspn(letters, "N")] = 'H';
	strbuf_addf(text, ", say --layout %s", swapped);
}

static enum err check_order(const struct reporter *reporter, const struct roles_request *request, struct err_info *info)
{
	const struct heads *heads = &reporter->role->heads;
	int64_t count = heads->size[AXIS_HEAD], tokens = heads->size[AXIS_TOKEN];
	struct order_facts facts = { 0 };
	struct strbuf text;
	enum err err = ERR_OK;
	for (int64_t i = 0; i < heads->size[AXIS_LAYER] * heads->size[AXIS_BATCH] && !err; i++)
		err = order_facts_add(heads, i / heads->size[AXIS_BATCH], i % heads->size[AXIS_BATCH], &facts, info);
	double ratio = order_facts_ratio(&facts);
	bool many = count > tokens && heads->present[AXIS_HEAD] && !(ratio < 1) && !(tokens == 1 && reporter->role->kind == NAME_QUERY);
	if (err || !(ratio > SWAPPED || many))
		return err;
	strbuf_init(&text);
	if (ratio > SWAPPED)
		strbuf_addf(&text,
			    "read as %" PRId64 " heads of %" PRId64
			    " tokens, but the numbers vary %.2g times more from token to token than from head to head: "
			    "tokens and heads are likely swapped",
			    count, tokens, ratio);
	else
		strbuf_addf(&text, "read as %" PRId64 " heads of %" PRId64 " tokens: if the tokens come before the heads", count, tokens);
	add_other_order(reporter->role, request, &text);
	err = check_report(reporter, "axis-order", "warning", -1, check_maps(heads), &text);
	strbuf_release(&text);
	return err;
}

static enum err check_rotation(const struct reporter *reporter, struct err_info *info)
{
	const struct heads *heads = &reporter->role->heads;
	int64_t count = check_maps(heads), looked = count < ROTATION_HEADS ? count : ROTATION_HEADS, layer, batch, head;
	struct rotation_facts facts = { 0 };
	enum err err = ERR_OK;
	for (int64_t i = 0; i < looked && !err; i++) {
		check_place(heads, i * count / looked, &layer, &batch, &head);
		err = rotation_facts_add(heads, layer, batch, head, &facts, info);
	}
	int found = err ? -1 : rotation_facts_find(&facts);
	if (found < 0 || (found == 0 && (position_rope() || reporter->verified)))
		return err;
	struct strbuf text;
	strbuf_init(&text);
	if (found == 0)
		strbuf_addstr(&text, "the keys carry no rotation: if the model has RoPE, they were taken before it, say --rope "
				     "half or --rope interleaved");
	else
		strbuf_addf(&text, "the keys are rotated already (%s pairs, base near %.0f): %s",
			    rotation_list[found].interleaved ? "interleaved" : "half", rotation_list[found].base,
			    position_rope() ? "--rope would rotate them twice, leave it out"
					    : "right as they are, without --rope");
	err = check_report(reporter, "rotation", found && position_rope() ? "warning" : "note", -1, count, &text);
	strbuf_release(&text);
	return err;
}

enum err check_vectors(const struct reporter *reporter, const struct roles_request *request, struct err_info *info)
{
	const struct heads *heads = &reporter->role->heads;
	int64_t count = check_maps(heads), layer, batch, head;
	struct vectors_facts *facts = mem_array((size_t)count, sizeof *facts);
	enum err err = facts ? check_order(reporter, request, info) : err_nomem(info, "the checks");
	for (int64_t map = 0; map < count && !err; map++) {
		check_place(heads, map, &layer, &batch, &head);
		err = vectors_facts_scan(heads, layer, batch, head, &facts[map], info);
	}
	for (size_t i = 0; i < sizeof checks / sizeof *checks && !err; i++)
		err = run_check(reporter, &checks[i], facts, count);
	free(facts);
	return !err && reporter->role->kind == NAME_KEY ? check_rotation(reporter, info) : err;
}
