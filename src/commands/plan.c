/* SPDX-License-Identifier: MIT */
#include "commands/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "commands/names.h"

enum { SHOWN_MAX = 6 };

static enum err several(const struct plan_role *role, struct err_info *info)
{
	struct strbuf names;
	strbuf_init(&names);
	int shown = 0;
	for (size_t i = 0; i < role->count && shown < SHOWN_MAX; i++) {
		bool seen = false;
		for (size_t before = 0; before < i && !seen; before++)
			seen = name_same_template(role->name[before].name, role->name[i].name);
		if (!seen)
			strbuf_addf(&names, "%s%s", shown++ ? ", " : "", role->name[i].name);
	}
	bool usual = name_role_find(role->word, strlen(role->word)) != NAME_NONE;
	enum err err = strbuf_failed(&names) ? err_nomem(info, "the names")
					     : err_set(info, ERR_USAGE, "several tensors could be the %s (%s): choose with --names PATTERN or --%s%s%sFILE:NAME",
						       role->word, names.buf, usual ? "" : "input ", role->word, usual ? " " : "=");
	strbuf_release(&names);
	return err;
}

static int compare_places(const void *a, const void *b)
{
	const struct plan_name *one = a, *two = b;
	if (one->step != two->step)
		return one->step < two->step ? -1 : 1;
	return one->layer < two->layer ? -1 : one->layer > two->layer;
}

/* The layer that one name says by itself: a number after a word for layers, else after none or one for attention; the outermost. In the name of queries,
 * v2 is a version, but past_key_values.2 is a layer. */
static int64_t lone_layer(const char *name, const char *role)
{
	struct name_number number;
	enum name_role kind_of_role = name_role_find(role, strlen(role));
	for (enum name_number_kind kind = NAME_NUMBER_LAYER; kind <= NAME_NUMBER_PLAIN; kind++)
		for (int index = 0; name_number_kind(name, index, &number); index++)
			if (number.kind == kind && (!number.role || number.role == kind_of_role || number.word_length > 1))
				return number.value;
	return -1;
}

static void number_by_place(struct plan_role *role)
{
	for (size_t i = 0; i < role->count; i++)
		role->name[i].layer = role->count > 1 ? (int64_t)i : -1;
	role->numbered = false;
}

/* Names of different templates: each for itself. */
static enum err number_apart(struct plan_role *role, struct err_info *info)
{
	size_t told = 0;
	for (size_t i = 0; i < role->count; i++) {
		role->name[i].layer = lone_layer(role->name[i].name, role->word);
		told += role->name[i].layer >= 0;
	}
	role->numbered = told > 0;
	if (!told)
		number_by_place(role);
	else if (told < role->count)
		return err_set(info, ERR_USAGE, "some names of the %s tensors say a layer and some do not (%s, %s): say --layers-by order, or rename them", role->word,
			       role->name[0].name, role->name[role->count - 1].name);
	return ERR_OK;
}

/* A number in which the names of a role differ. */
struct varying {
	int index;
	struct name_number number; /* of the first name */
};

/* Up to `most` of them; returns how many there are. *says_layer: a number that is the same in all of them is a layer. */
static int find_varying(const struct plan_role *role, struct varying *varying, int most, bool *says_layer)
{
	struct name_number first, other;
	int count = 0;
	*says_layer = false;
	for (int index = 0; name_number_kind(role->name[0].name, index, &first); index++) {
		bool varies = false;
		for (size_t i = 1; i < role->count; i++) {
			bool is_number = name_number_kind(role->name[i].name, index, &other);
			varies = varies || !is_number || other.value != first.value;
			if (is_number && other.kind < first.kind)
				first.kind = other.kind;
		}
		if (varies && count++ < most)
			varying[count - 1] = (struct varying){ index, first };
		*says_layer = *says_layer || (!varies && first.kind == NAME_NUMBER_LAYER);
	}
	return count;
}

/* How several steps become one: the maps of ready weights differ in their keys and are not joined. */
static const char *step_choices(const struct plan_role *role)
{
	bool maps = name_role_find(role->word, strlen(role->word)) == NAME_WEIGHTS;
	return maps ? "choose one with --dump-step N" : "choose one with --dump-step N, or put the tokens of all one after another with --dump-step join";
}

/* Numbers that count something else. */
static enum err refuse_kind(const struct plan_role *role, const struct name_number *number, struct err_info *info)
{
	bool step = number->kind == NAME_NUMBER_STEP;
	return err_set(info, ERR_USAGE, "the number after '%.*s' in the names of the %s tensors (%s, %s) is no layer: %s, or take the tensors for layers with "
		       "--layers-by order", number->word_length, number->word, role->word, role->name[0].name, role->name[role->count - 1].name,
		       step ? step_choices(role) : "choose one with --names PATTERN");
}

static enum err refuse_two(const struct plan_role *role, struct err_info *info)
{
	return err_set(info, ERR_USAGE, "two numbers vary in the names of the %s tensors (%s, %s): keep one with --names PATTERN", role->word, role->name[0].name,
		       role->name[role->count - 1].name);
}

static enum err take_numbers(struct plan_role *role, const struct varying *layer, const struct varying *step, struct err_info *info)
{
	int64_t first = 0;
	for (size_t i = 0; i < role->count; i++) {
		struct plan_name *name = &role->name[i];
		bool fine = (!layer || name_number(name->name, layer->index, &name->layer)) && (!step || name_number(name->name, step->index, &name->step));
		if (!fine)
			return several(role, info);
		if (!layer)
			name->layer = lone_layer(name->name, role->word);
		first = i && name->layer >= first ? first : name->layer;
	}
	role->numbered = first >= 0;
	role->counts_calls = layer && !(layer->number.kind == NAME_NUMBER_LAYER && layer->number.word_length > 1);
	return ERR_OK;
}

/* The names differ in one number. */
static enum err number_by_one(struct plan_role *role, const struct varying *varying, bool says_layer, const struct plan_request *request, struct err_info *info)
{
	const struct name_number *number = &varying->number;
	bool calls = number->kind == NAME_NUMBER_STEP && request->model_layers > 0 && !says_layer;
	if (number->kind == NAME_NUMBER_STEP && request->step != PLAN_STEP_UNSAID && !calls)
		return take_numbers(role, NULL, varying, info);
	if ((number->kind >= NAME_NUMBER_STEP && !calls) || (says_layer && number->kind != NAME_NUMBER_LAYER))
		return refuse_kind(role, number, info);
	if (number->kind == NAME_NUMBER_UNKNOWN && !role->layers_said)
		snprintf(role->note, sizeof role->note, "the number after '%.*s' in the names of the %s tensors (%s, %s) is taken for the layer", number->word_length,
			 number->word, role->word, role->name[0].name, role->name[role->count - 1].name);
	return take_numbers(role, varying, NULL, info);
}

/* A step and a layer. */
static enum err number_by_two(struct plan_role *role, const struct varying *varying, struct err_info *info)
{
	for (int step = 0; step < 2; step++) {
		const struct varying *other = &varying[1 - step];
		if (varying[step].number.kind == NAME_NUMBER_STEP && other->number.kind < NAME_NUMBER_STEP)
			return take_numbers(role, other, &varying[step], info);
		if (varying[step].number.kind == NAME_NUMBER_OTHER && other->number.kind < NAME_NUMBER_STEP)
			return refuse_kind(role, &varying[step].number, info);
	}
	return refuse_two(role, info);
}

static enum err number_names(struct plan_role *role, const struct plan_request *request, struct err_info *info)
{
	struct varying varying[2];
	bool says_layer;
	if (role->count == 1) {
		role->name->layer = lone_layer(role->name->name, role->word);
		role->numbered = role->name->layer >= 0;
		return ERR_OK;
	}
	for (size_t i = 1; i < role->count; i++)
		if (!name_same_template(role->name[0].name, role->name[i].name))
			return role->listed ? number_apart(role, info) : several(role, info);
	int count = find_varying(role, varying, 2, &says_layer);
	if (count == 0 && role->listed) {
		number_by_place(role);
		return ERR_OK;
	}
	return count == 0 ? several(role, info)
	       : count == 1 ? number_by_one(role, varying, says_layer, request, info)
	       : count == 2 ? number_by_two(role, varying, info)
			    : refuse_two(role, info);
}

static void number_by_calls(struct plan_role *role, int64_t layers)
{
	for (size_t i = 0; i < role->count; i++) {
		struct plan_name *name = &role->name[i];
		name->step = name->layer < 0 ? -1 : name->layer / layers;
		name->layer = name->layer < 0 ? -1 : name->layer % layers;
	}
}

/* The step that a name says by itself; -1 for none. */
static int64_t lone_step(const char *name)
{
	struct name_number number;
	for (int index = 0; name_number_kind(name, index, &number); index++)
		if (number.kind == NAME_NUMBER_STEP)
			return number.value;
	return -1;
}

static enum err refuse_step(const struct plan_role *role, int64_t step, int64_t last, struct err_info *info)
{
	return err_set(info, ERR_USAGE, "--dump-step %" PRId64 ": there is no such step of the %s tensors (the last is %" PRId64 ")", step, role->word, last);
}

/* All are of one step: it is the one asked for, or they say none. */
static enum err check_step(struct plan_role *role, int64_t step, struct err_info *info)
{
	int64_t told = role->name[0].step >= 0 ? role->name[0].step : lone_step(role->name[0].name);
	role->tells_step = told >= 0;
	return told < 0 || told == step ? ERR_OK : refuse_step(role, step, told, info);
}

/* Of several steps, the one that was asked for. */
static enum err keep_step(struct plan_role *role, int64_t step, struct err_info *info)
{
	size_t kept = 0;
	int64_t last = role->name[role->count - 1].step;
	for (size_t i = 0; i < role->count; i++)
		if (role->name[i].step == step)
			role->name[kept++] = role->name[i];
	if (!kept)
		return refuse_step(role, step, last, info);
	role->count = kept;
	for (size_t i = 0; i < kept; i++)
		role->name[i].step = -1;
	return ERR_OK;
}

static enum err refuse_steps(const struct plan_role *role, struct err_info *info)
{
	return err_set(info, ERR_USAGE, "the names of the %s tensors number steps %" PRId64 " to %" PRId64 " (%s, %s): %s", role->word, role->name[0].step,
		       role->name[role->count - 1].step, role->name[0].name, role->name[role->count - 1].name, step_choices(role));
}

/* Steps that are put one after another leave none out, or it is said. */
static void note_gap(struct plan_role *role)
{
	for (size_t i = 1; i < role->count && !*role->note; i++)
		if (role->name[i].step > role->name[i - 1].step + 1)
			snprintf(role->note, sizeof role->note, "step %" PRId64 " follows step %" PRId64 " directly: those in between are not there, and their tokens neither",
				 role->name[i].step, role->name[i - 1].step);
}

/* Every step must have the layers of the first. */
static enum err check_steps(struct plan_role *role, struct err_info *info)
{
	role->steps = 1;
	for (size_t i = 1; i < role->count; i++)
		role->steps += role->name[i].step != role->name[i - 1].step;
	role->layers = 1;
	while ((size_t)role->layers < role->count && role->name[role->layers].step == role->name[0].step)
		role->layers++;
	bool whole = (int64_t)role->count == role->layers * role->steps;
	size_t at = 0;
	for (; at < role->count && whole; at++) {
		size_t place = at % (size_t)role->layers;
		whole = role->name[at].layer == role->name[place].layer && role->name[at].step == role->name[at - place].step;
	}
	const struct plan_name *last = &role->name[whole ? 0 : at ? at - 1 : role->count - 1];
	return whole ? ERR_OK
		     : err_set(info, ERR_USAGE, "step %" PRId64 " (%s) has not the layers of step %" PRId64 " (%s): every step needs the %s of every layer", last->step,
			       last->name, role->name[0].step, role->name[0].name, role->word);
}

enum err plan_number(struct plan_role *role, const struct plan_request *request, struct err_info *info)
{
	bool calls = request->model_layers > 0;
	enum err err = ERR_OK;
	role->note[0] = '\0';
	role->layers = role->steps = 1;
	for (size_t i = 0; i < role->count; i++)
		role->name[i].layer = role->name[i].step = -1;
	if (request->by_order) {
		number_by_place(role);
		role->layers = (int64_t)role->count;
		return ERR_OK;
	}
	err = number_names(role, request, info);
	if (!err && calls && role->count > 1 && role->name[0].step < 0)
		number_by_calls(role, request->model_layers);
	if (err)
		return err;
	qsort(role->name, role->count, sizeof *role->name, compare_places);
	for (size_t i = 1; i < role->count; i++)
		if (compare_places(&role->name[i], &role->name[i - 1]) == 0)
			return several(role, info);
	bool steps = role->name[0].step != role->name[role->count - 1].step;
	role->tells_step = steps;
	if (!steps && request->step >= 0)
		err = check_step(role, request->step, info);
	else if (steps && request->step >= 0)
		err = keep_step(role, request->step, info);
	else if (steps && request->step == PLAN_STEP_UNSAID && !calls)
		err = refuse_steps(role, info);
	if (!err)
		err = check_steps(role, info);
	if (!err)
		note_gap(role);
	return err;
}

static const char *plural(const char *word)
{
	return strcmp(word, "query") == 0 ? "queries" : strcmp(word, "key") == 0 ? "keys" : strcmp(word, "value") == 0 ? "values" : word;
}

/* The layers of `have` that `lack` does not have, "layer 1" or "layers 1, 3, ..."; returns how many. Both are sorted. The first has its name beside it. */
static size_t list_missing(const struct plan_role *have, const struct plan_role *lack, struct strbuf *out)
{
	const char *first = "";
	size_t missing = 0, at = 0;
	struct strbuf numbers;
	strbuf_init(&numbers);
	for (size_t i = 0; i < (size_t)have->layers; i++) {
		while (at < (size_t)lack->layers && lack->name[at].layer < have->name[i].layer)
			at++;
		if (at < (size_t)lack->layers && lack->name[at].layer == have->name[i].layer)
			continue;
		first = missing ? first : have->name[i].name;
		if (missing++ < SHOWN_MAX)
			strbuf_addf(&numbers, "%s%" PRId64, missing > 1 ? ", " : "", have->name[i].layer);
	}
	if (missing)
		strbuf_addf(out, "%s%s %s%s %s %s but no %s (%s)", out->len ? ", " : "", missing > 1 ? "layers" : "layer", numbers.buf,
			    missing > SHOWN_MAX ? ", ..." : "", missing > 1 ? "have" : "has", plural(have->word), plural(lack->word), first);
	out->failed = out->failed || strbuf_failed(&numbers);
	strbuf_release(&numbers);
	return missing;
}

static enum err match_layers(const struct plan_role *query, const struct plan_role *other, struct err_info *info)
{
	struct strbuf text;
	strbuf_init(&text);
	enum err err = ERR_OK;
	size_t lacking = list_missing(query, other, &text);
	if (list_missing(other, query, &text) || lacking)
		err = strbuf_failed(&text) ? err_nomem(info, "the layers")
					   : err_set(info, ERR_USAGE, "%s: add what is missing, or leave such layers out with --names PATTERN", text.buf);
	strbuf_release(&text);
	return err;
}

static enum err match_steps(const struct plan_role *query, const struct plan_role *other, struct err_info *info)
{
	if (query->steps != other->steps)
		return err_set(info, ERR_USAGE, "%" PRId64 " steps have %s and %" PRId64 " have %s (%s, %s): every step needs both", query->steps, plural(query->word),
			       other->steps, plural(other->word), query->name[0].name, other->name[0].name);
	for (int64_t step = 0; step < query->steps; step++) {
		int64_t one = query->name[step * query->layers].step, two = other->name[step * other->layers].step;
		if (one != two)
			return err_set(info, ERR_USAGE, "step %" PRId64 " has %s but no %s: every step needs both", one < two ? one : two,
				       plural(one < two ? query->word : other->word), plural(one < two ? other->word : query->word));
	}
	return ERR_OK;
}

/* A number after this word in a name, but for those that count layers. */
static bool find_word(const char *name, const struct name_number *wanted, struct name_number *found)
{
	for (int index = 0; name_number_kind(name, index, found); index++)
		if (found->kind > NAME_NUMBER_PLAIN && found->word_length == wanted->word_length && strncmp(found->word, wanted->word, (size_t)wanted->word_length) == 0)
			return true;
	return false;
}

/* What does not count layers must be the same in both names: the same step, the same rank. */
static enum err match_others(const struct plan_role *query, struct plan_role *other, struct err_info *info)
{
	const char *one = query->name[0].name, *two = other->name[0].name;
	struct name_number number, found;
	for (int index = 0; name_number_kind(two, index, &number); index++) {
		if (number.kind <= NAME_NUMBER_PLAIN)
			continue;
		bool there = find_word(one, &number, &found);
		if (there && found.value != number.value)
			return err_set(info, ERR_USAGE, "'%.*s' is %" PRId64 " in %s and %" PRId64 " in %s: %s and %s are paired by their numbers (--layers-by order pairs "
				       "them as they are given)", number.word_length, number.word, found.value, one, number.value, two, plural(query->word),
				       plural(other->word));
		if (!there && query->numbered && !other->numbered)
			snprintf(other->note, sizeof other->note, "%s says no layer, its number follows '%.*s': these %s serve every layer", two, number.word_length,
				 number.word, plural(other->word));
	}
	return ERR_OK;
}

static bool says_layer(const char *name)
{
	struct name_number number;
	for (int index = 0; name_number_kind(name, index, &number); index++)
		if (number.kind == NAME_NUMBER_LAYER)
			return true;
	return false;
}

/* "-q q3.npy -k k1.npy": one of each, given as a pair, whose numbers may count anything. */
static bool forget_numbers(struct plan_role *query, struct plan_role *other)
{
	if (!query->listed || !other->listed || query->count > 1 || other->count > 1 || query->name->layer == other->name->layer ||
	    (says_layer(query->name->name) && says_layer(other->name->name)))
		return false;
	query->numbered = other->numbered = false;
	snprintf(other->note, sizeof other->note, "%s and %s are paired as they are given: their numbers are not taken for layers", query->name->name, other->name->name);
	return true;
}

static enum err match_pair(struct plan_role *query, struct plan_role *other, struct err_info *info)
{
	bool shared = other->count == 1 && !other->numbered;
	if (query->count == 1 && other->count == 1 && !(query->numbered && other->numbered))
		return match_others(query, other, info);
	if (shared)
		return match_others(query, other, info);
	if (forget_numbers(query, other))
		return ERR_OK;
	if (query->numbered != other->numbered)
		return err_set(info, ERR_USAGE, "the names of the %s tensors say their layers and those of the %s tensors do not (%s, %s): rename them, or say --layers-by "
			       "order", query->numbered ? query->word : other->word, query->numbered ? other->word : query->word, query->name[0].name,
			       other->name[0].name);
	enum err err = match_layers(query, other, info);
	if (!err)
		err = match_steps(query, other, info);
	return err || (query->count > 1 && query->steps > 1) ? err : match_others(query, other, info);
}

enum err plan_match(struct plan_role *const *role, size_t count, const struct plan_request *request, struct err_info *info)
{
	enum err err = ERR_OK;
	for (size_t i = 1; i < count && !err; i++) {
		bool fits = role[i]->count == 1 || role[i]->count == role[0]->count;
		if (!request->by_order)
			err = match_pair(role[0], role[i], info);
		else if (!fits)
			err = err_set(info, ERR_USAGE, "%zu %s tensors for %zu of the %s: --layers-by order needs as many, or one for all", role[i]->count, role[i]->word,
				      role[0]->count, role[0]->word);
	}
	return err;
}
