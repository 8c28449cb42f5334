/* SPDX-License-Identifier: MIT */
#include "commands/align_score.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/message.h"

static struct {
	const char *gold;
	int64_t base, gold_base;
	bool eval, all_sure, possible_as_sure, reversed, gold_reversed;
} given;

const struct option_row score_rows[] = {
	OPTION_STRING(0, "gold", "FILE", &given.gold, "gold links to score against: i-j sure, ipj possible, one line per sentence pair"),
	OPTION_INT(0, "gold-base", "N", &given.gold_base, 0, 1, "the gold file counts words from 0 (default) or 1"),
	OPTION_FLAG(0, "all-sure", &given.all_sure, "treat gold links without a mark as sure (always assumed)"),
	OPTION_FLAG(0, "possible-as-sure", &given.possible_as_sure, "treat gold links marked as possible (ipj) as sure"),
	OPTION_FLAG(0, "gold-reversed", &given.gold_reversed, "gold links are target-source"),
	OPTION_FLAG(0, "eval", &given.eval, "score the link file LINKS against GOLD, without a dump"),
	OPTION_INT(0, "base", "N", &given.base, 0, 1, "links read or printed count words from 0 (default) or 1"),
	OPTION_FLAG(0, "reversed", &given.reversed, "links read or printed are target-source"),
	OPTION_END
};

const char *score_gold(void)
{
	return given.gold;
}

bool score_eval(void)
{
	return given.eval;
}

int score_base(void)
{
	return (int)given.base;
}

bool score_reversed(void)
{
	return given.reversed;
}

static void warn_of_base(const struct links *links, const char *file, const char *option, int64_t base)
{
	if (links->smallest == 1 && base == 0)
		message_warning("%s: no link has an index 0: does it count from 1 (%s 1)?", file, option);
}

void score_warn_gold(const struct links *gold, const char *file)
{
	warn_of_base(gold, file, "--gold-base", given.gold_base);
}

enum err score_read_gold(struct links *gold, const char *file, struct err_info *info)
{
	const struct links_format format = { .base = (int)given.gold_base, .all_sure = given.possible_as_sure, .reversed = given.gold_reversed };
	return links_read(gold, file, &format, info);
}

enum err score_read_links(struct links *links, const char *file, struct err_info *info)
{
	const struct links_format format = { .base = (int)given.base, .reversed = given.reversed };
	return links_read(links, file, &format, info);
}

static int32_t word_of(const struct link *link, bool target)
{
	return target ? link->target : link->source;
}

static bool has_word(const struct link_set *set, int32_t word, bool target)
{
	for (size_t i = 0; i < set->count; i++)
		if (word_of(&set->link[i], target) == word)
			return true;
	return false;
}

/* Words that have a gold link (*gold_words), and those of them that have a link (*covered). */
static void cover(const struct link_set *links, const struct link_set *gold, bool target, int64_t *covered, int64_t *gold_words)
{
	for (size_t i = 0; i < gold->count; i++) {
		int32_t word = word_of(&gold->link[i], target);
		const struct link_set before = { .link = gold->link, .count = i };
		if (has_word(&before, word, target))
			continue;
		++*gold_words;
		*covered += has_word(links, word, target);
	}
}

void score_add(struct score *score, const struct link_set *links, const struct link_set *gold)
{
	score->sentences++;
	score->counts.links += (int64_t)links->count;
	score->counts.in_sure += link_set_common(links, gold, true);
	score->counts.in_possible += link_set_common(links, gold, false);
	for (size_t i = 0; i < gold->count; i++)
		score->counts.sure += gold->link[i].sure;
	score->gold_links += (int64_t)gold->count;
	score->jumps += link_set_jumps(links);
	cover(links, gold, false, &score->covered_sources, &score->gold_sources);
	cover(links, gold, true, &score->covered_targets, &score->gold_targets);
}

static double share(int64_t part, int64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

enum err score_print(const struct score *score, enum record_format format, struct output *out, struct err_info *info)
{
	static const struct record_column columns[] = {
		{ "sentences", RECORD_INT }, { "links", RECORD_INT }, { "gold", RECORD_INT }, { "sure", RECORD_INT },
		{ "precision", RECORD_REAL }, { "recall", RECORD_REAL }, { "f", RECORD_REAL }, { "aer", RECORD_REAL },
		{ "source_coverage", RECORD_REAL }, { "target_coverage", RECORD_REAL }, { "jumps", RECORD_INT },
	};
	struct record *record = record_new(format, columns, sizeof columns / sizeof *columns, out);
	if (!record)
		return err_nomem(info, "the scores");
	record_int(record, 0, score->sentences);
	record_int(record, 1, score->counts.links);
	record_int(record, 2, score->gold_links);
	record_int(record, 3, score->counts.sure);
	record_real(record, 4, alignment_precision(&score->counts));
	record_real(record, 5, alignment_recall(&score->counts));
	record_real(record, 6, alignment_f(&score->counts, 0.5));
	record_real(record, 7, alignment_error_rate(&score->counts));
	record_real(record, 8, share(score->covered_sources, score->gold_sources));
	record_real(record, 9, share(score->covered_targets, score->gold_targets));
	record_int(record, 10, score->jumps);
	enum err err = record_row(record), end = record_end(record);
	return err ? err : end;
}

enum err score_files(const char *links_file, const char *gold_file, enum record_format format, struct output *out, struct err_info *info)
{
	struct links links = { 0 }, gold = { 0 };
	struct score score = { 0 };
	enum err err = score_read_links(&links, links_file, info);
	if (!err)
		err = score_read_gold(&gold, gold_file, info);
	if (!err && links.count != gold.count)
		err = err_set(info, ERR_SHAPE, "%s has %zu lines and %s has %zu: one line a sentence pair in both", links_file, links.count, gold_file,
			      gold.count);
	if (!err && gold.count == 0)
		err = err_set(info, ERR_FORMAT, "%s: there are no gold links", gold_file);
	for (size_t i = 0; !err && i < links.count; i++)
		score_add(&score, &links.line[i], &gold.line[i]);
	if (!err) {
		warn_of_base(&links, links_file, "--base", given.base);
		score_warn_gold(&gold, gold_file);
		err = score_print(&score, format, out, info);
	}
	links_release(&gold);
	links_release(&links);
	return err;
}
