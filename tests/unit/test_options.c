/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/strbuf.h"
#include "base/suggest.h"

static bool json, given_scale;
static const char *query, *causal;
static int64_t threads;
static double scale, temperature;
static int colours;
static struct string_list masks;
static char called[32];

static enum err call(const char *argument, void *value, struct err_info *info)
{
	if (strcmp(argument, "bad") == 0)
		return err_set(info, ERR_USAGE, "want two numbers");
	snprintf(value, sizeof called, "%s", argument);
	return ERR_OK;
}

/* Not in the order of their values. */
enum { GREY, MAGMA, VIRIDIS };
static const struct word colour_names[] = { { "viridis", VIRIDIS }, { "magma", MAGMA }, { "grey", GREY }, WORD_END };

static const struct option_alias aliases[] = { { "colormap", "colours" }, { "scores", "no-such-option" }, { NULL, NULL } };

static const struct option_row mask_rows[] = {
	OPTION_OPTIONAL(0, "causal", "CORNER", &causal, "each query attends to itself and to what is before it"),
	OPTION_LIST(0, "mask", "FILE", &masks, "which keys each query attends to"),
	OPTION_END,
};

static const struct option_row rows[] = {
	OPTION_STRING('q', "query", "FILE[:NAME]", &query, "queries"),
	OPTION_INT(0, "threads", "N", &threads, 1, 64, "threads"),
	OPTION_GROUP("Mask", mask_rows),
	{ .kind = OPTION_KIND_REAL, .letter = 's', .name = "scale-factor", .argument = "X", .value = &scale,
	  .help = "factor of the dot products", .given = &given_scale },
	OPTION_REAL(0, "temperature", "T", &temperature, 0, DBL_MAX, "divisor of the logits"),
	OPTION_CHOICE('c', "colours", "MAP", &colours, colour_names, "colour map"),
	OPTION_CALL('w', "window", "L,R", call, called, "left and right reach"),
	OPTION_FLAG('j', "json", &json, "JSON Lines"),
	OPTION_END,
};

static struct err_info info;
static char *words[32];
static int first, count;

/* The words of `line` are cut at spaces; "''" is the empty one. */
static enum err parse(const char *line)
{
	static char text[512];
	snprintf(text, sizeof text, "stats %s", line);
	count = 0;
	for (char *at = text; at;) {
		char *space = strchr(at, ' ');
		if (space)
			*space = '\0';
		if (*at)
			words[count++] = strcmp(at, "''") == 0 ? at + 2 : at;
		at = space ? space + 1 : NULL;
	}
	words[count] = NULL;
	return options_parse(rows, aliases, count, words, &first, &info);
}

static void reset(void)
{
	json = given_scale = false;
	query = causal = NULL;
	threads = 0, scale = temperature = 0, colours = 0, first = 0;
	called[0] = '\0';
	info = (struct err_info){ 0 };
	string_list_release(&masks);
}

START_TEST(each_kind_stores_its_value)
{
	ck_assert_int_eq(parse("-q a.npy:q --threads 64 --causal --mask m1 --mask=m2 -s -0.5 -c magma -w 3,4 --json"), ERR_OK);
	ck_assert_str_eq(query, "a.npy:q");
	ck_assert_int_eq(threads, 64);
	ck_assert_str_eq(causal, "");
	ck_assert_uint_eq(masks.count, 2);
	ck_assert_str_eq(masks.item[0], "m1");
	ck_assert_str_eq(masks.item[1], "m2");
	ck_assert_double_eq(scale, -0.5);
	ck_assert(given_scale);
	ck_assert_int_eq(colours, MAGMA);
	ck_assert_str_eq(called, "3,4");
	ck_assert(json);
	ck_assert_int_eq(first, count);
}
END_TEST

START_TEST(what_is_not_given_keeps_its_default)
{
	query = "default", colours = 2, threads = 5;
	ck_assert_int_eq(parse(""), ERR_OK);
	ck_assert_str_eq(query, "default");
	ck_assert_int_eq(colours, 2);
	ck_assert_int_eq(threads, 5);
	ck_assert(!given_scale);
	ck_assert_ptr_null(causal);
}
END_TEST

/* What follows the options, in order, joined by spaces. */
static const struct {
	const char *line, *positional;
} orders[] = {
	{ "dump.npz --json", "dump.npz" },
	{ "--json dump.npz", "dump.npz" },
	{ "a --threads 2 b -j c", "a b c" },
	{ "- --json", "-" },
	{ "--json -- --threads -x", "--threads -x" },
	{ "--json a -- -q", "a -q" },
	{ "-q - x --json", "x" },
	{ "--causal top-left --json", "top-left" }, /* an optional argument needs its "=" */
	{ "--json --", "" },
};

START_TEST(options_and_positionals_mix)
{
	ck_assert_int_eq(parse(orders[_i].line), ERR_OK);
	struct strbuf sb;
	strbuf_init(&sb);
	for (int i = first; i < count; i++)
		strbuf_addf(&sb, "%s%s", i > first ? " " : "", words[i]);
	ck_assert_str_eq(sb.buf, orders[_i].positional);
	strbuf_release(&sb);
}
END_TEST

START_TEST(long_names_may_be_cut_short)
{
	ck_assert_int_eq(parse("--thr 3 --caus=bottom-right --j"), ERR_OK);
	ck_assert_int_eq(threads, 3);
	ck_assert_str_eq(causal, "bottom-right");
	ck_assert(json);
}
END_TEST

START_TEST(a_second_spelling_is_the_option)
{
	ck_assert_int_eq(parse("--colormap grey"), ERR_OK);
	ck_assert_int_eq(colours, GREY);
	ck_assert_int_eq(parse("--colormap=Viridis"), ERR_OK);
	ck_assert_int_eq(colours, VIRIDIS);
}
END_TEST

START_TEST(the_last_word_of_a_name_may_be_cut_short)
{
	ck_assert_int_eq(parse("--scale-f 2"), ERR_OK);
	ck_assert_double_eq(scale, 2);
}
END_TEST

START_TEST(flags_and_lists_may_be_given_again)
{
	ck_assert_int_eq(parse("-j --json --mask a --mask a"), ERR_OK);
	ck_assert_uint_eq(masks.count, 2);
}
END_TEST

static const struct {
	const char *line, *text;
} refusals[] = {
	{ "--threads 0", "--threads takes a whole number from 1 to 64, not '0'" },
	{ "--threads 65", "--threads takes a whole number from 1 to 64, not '65'" },
	{ "--threads -1", "--threads takes a whole number from 1 to 64, not '-1'" },
	{ "--threads 2x", "--threads takes a whole number from 1 to 64, not '2x'" },
	{ "--threads 1e1", "--threads takes a whole number from 1 to 64, not '1e1'" },
	{ "--threads ''", "--threads takes a whole number from 1 to 64, not ''" },
	{ "--threads=", "--threads takes a whole number from 1 to 64, not ''" },
	{ "--threads 99999999999999999999", "--threads takes a whole number from 1 to 64, not '99999999999999999999'" },
	{ "--scale-factor nan", "--scale-factor takes a number, not 'nan'" },
	{ "-s inf", "-s takes a number, not 'inf'" },
	{ "-s 1e999", "-s takes a number, not '1e999'" },
	{ "-s 1,5", "-s takes a number, not '1,5'" },
	{ "--temperature -1", "--temperature takes a number of at least 0, not '-1'" },
	{ "-c jet", "-c takes one of viridis, magma or grey, not 'jet'" },
	{ "-w bad", "-w bad: want two numbers" },
	{ "--window=bad", "--window bad: want two numbers" },
	{ "--query", "option '--query' needs an argument: FILE[:NAME]" },
	{ "x -q", "option '-q' needs an argument: FILE[:NAME]" },
	{ "--json=yes", "option '--json' takes no argument" },
	{ "--querry a", "unknown option '--querry': did you mean '--query'?" },
	{ "--jsno", "unknown option '--jsno': did you mean '--json'?" },
	{ "--colors=magma", "unknown option '--colors': did you mean '--colours'?" },
	{ "a --frobnicate b", "unknown option '--frobnicate': 'attnviz stats -h' lists them" },
	{ "-x", "unknown option '-x': 'attnviz stats -h' lists them" },
	{ "-jx", "unknown option '-x': 'attnviz stats -h' lists them" },
	{ "-5", "unknown option '-5': 'attnviz stats -h' lists them" },
	{ "-q a --query b", "option '--query' is given twice: it takes one value" },
	{ "--query=a -q a", "option '-q' is given twice: it takes one value" },
	{ "--threads=9 --threads=8", "option '--threads' is given twice: it takes one value" },
	{ "-c magma -cgrey", "option '-c' is given twice: it takes one value" },
	{ "--colours grey --colormap grey", "option '--colours' is given twice: it takes one value" },
	{ "--causal --causal=top-left", "option '--causal' is given twice: it takes one value" },
	{ "-w 1,2 -w 1,2", "option '-w' is given twice: it takes one value" },
	{ "-s 1 --scale-factor 1", "option '--scale-factor' is given twice: it takes one value" },
	{ "--scale 1", "unknown option '--scale': did you mean '--scale-factor'?" },
	{ "--sca 1", "unknown option '--sca': did you mean '--scale-factor'?" },
	{ "--scale- 1", "unknown option '--scale-': did you mean '--scale-factor'?" },
	{ "--scores 1", "unknown option '--scores': 'attnviz stats -h' lists them" },
	{ "--colormop grey", "unknown option '--colormop': did you mean '--colours'?" },
	{ "--=1", "unknown option '--': 'attnviz stats -h' lists them" },
	{ "-c viridas", "-c takes one of viridis, magma or grey, not 'viridas': did you mean 'viridis'?" },
	{ "--t", "option '--t' is ambiguous: it may be one of --threads, --temperature" },
};

START_TEST(mistakes_are_usage_errors_that_say_what_is_taken)
{
	ck_assert_int_eq(parse(refusals[_i].line), ERR_USAGE);
	ck_assert_int_eq(info.code, ERR_USAGE);
	ck_assert_str_eq(info.text, refusals[_i].text);
}
END_TEST

START_TEST(parsing_can_be_repeated_after_a_mistake)
{
	ck_assert_int_eq(parse("-jxj a b"), ERR_USAGE);
	reset();
	ck_assert_int_eq(parse("a -j b"), ERR_OK);
	ck_assert(json);
	ck_assert_int_eq(count - first, 2);
}
END_TEST

START_TEST(help_is_grouped_aligned_and_wrapped)
{
	static const struct option_row more_masks[] = {
		OPTION_INT(0, "threads", "N", &threads, 0, 0, "one of them"),
		OPTION_END,
	};
	static const struct option_row inner[] = {
		OPTION_STRING(0, "a-name-that-is-far-too-long", "WITH_A_WORD", &query, "goes to the next line"),
		OPTION_END,
	};
	static const struct option_row all[] = {
		OPTION_STRING('q', "query", "FILE", &query, "queries"),
		OPTION_FLAG('j', NULL, &json, "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
		                              "fifteen"),
		OPTION_GROUP("Mask", mask_rows),
		OPTION_GROUP("Drawing", inner),
		OPTION_CHOICE(0, "colours", "MAP", &colours, colour_names, "colour map"),
		OPTION_GROUP("Mask", more_masks),
		OPTION_END,
	};
	struct strbuf sb;
	strbuf_init(&sb);
	options_help(all, 100, &sb);
	ck_assert_str_eq(sb.buf, "\n"
	                         "Options:\n"
	                         "  -q, --query FILE       queries\n"
	                         "  -j                     one two three four five six seven eight nine ten eleven twelve thirteen\n"
	                         "                         fourteen fifteen\n"
	                         "      --colours MAP      colour map: viridis, magma or grey\n"
	                         "\n"
	                         "Mask:\n"
	                         "      --causal[=CORNER]  each query attends to itself and to what is before it\n"
	                         "      --mask FILE        which keys each query attends to\n"
	                         "      --threads N        one of them\n"
	                         "\n"
	                         "Drawing:\n"
	                         "      --a-name-that-is-far-too-long WITH_A_WORD\n"
	                         "                         goes to the next line\n");
	strbuf_release(&sb);
}
END_TEST

static const struct {
	const char *text;
	int64_t count;
	const char *indices; /* or the message */
} ranges[] = {
	{ "0", 1, "0" },
	{ "0-3,7", 12, "0 1 2 3 7" },
	{ "7,0-3", 12, "0 1 2 3 7" },
	{ "2-5,3-4,5-6,2", 12, "2 3 4 5 6" },
	{ "all", 3, "0 1 2" },
	{ "all", 0, "" },
	{ "-1", 12, "11" },
	{ "-3--1", 12, "9 10 11" },
	{ "10--1", 12, "10 11" },
	{ "-12", 12, "0" },
	{ "12", 12, "!head 12 is out of range: there are 12, numbered 0 to 11" },
	{ "0-12", 12, "!head 12 is out of range: there are 12, numbered 0 to 11" },
	{ "-13", 12, "!head -13 is out of range: there are 12, numbered 0 to 11" },
	{ "99999999999999999999", 12, "!head 99999999999999999999 is out of range: there are 12, numbered 0 to 11" },
	{ "0", 0, "!head '0': there are none" },
	{ "5-3", 12, "!head '5-3' has a range that ends before it begins" },
	{ "", 12, "!head '' is not a list such as 0-3,7 (from 0; -1 is the last; or all)" },
	{ "1,", 12, "!head '1,' is not a list such as 0-3,7 (from 0; -1 is the last; or all)" },
	{ "1-", 12, "!head '1-' is not a list such as 0-3,7 (from 0; -1 is the last; or all)" },
	{ "1 2", 12, "!head '1 2' is not a list such as 0-3,7 (from 0; -1 is the last; or all)" },
	{ "+1", 12, "!head '+1' is not a list such as 0-3,7 (from 0; -1 is the last; or all)" },
	{ "--1", 12, "!head '--1' is not a list such as 0-3,7 (from 0; -1 is the last; or all)" },
	{ "ALL", 12, "!head 'ALL' is not a list such as 0-3,7 (from 0; -1 is the last; or all)" },
};

START_TEST(index_lists)
{
	int64_t *list = NULL;
	size_t list_count = 0;
	enum err err = options_range(ranges[_i].text, "head", ranges[_i].count, &list, &list_count, &info);
	if (ranges[_i].indices[0] == '!') {
		ck_assert_int_eq(err, ERR_USAGE);
		ck_assert_str_eq(info.text, ranges[_i].indices + 1);
		ck_assert_ptr_null(list);
		return;
	}
	ck_assert_int_eq(err, ERR_OK);
	ck_assert_ptr_nonnull(list);
	struct strbuf sb;
	strbuf_init(&sb);
	for (size_t i = 0; i < list_count; i++)
		strbuf_addf(&sb, "%s%d", i ? " " : "", (int)list[i]);
	ck_assert_str_eq(sb.buf, ranges[_i].indices);
	strbuf_release(&sb);
	free(list);
}
END_TEST

/* The next run of what is neither a space nor a line feed, ended by a NUL; NULL at the end. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \n");
	if (!*word)
		return NULL;
	*at = word + strcspn(word, " \n");
	if (**at)
		*(*at)++ = '\0';
	return word;
}

/* No line is wider, and no word is cut: the words of any width are those of the widest. */
START_TEST(help_fits_its_window)
{
	int columns = (int[]){ 40, 60, 80, 133 }[_i];
	struct strbuf wide, narrow;
	strbuf_init(&wide);
	strbuf_init(&narrow);
	options_help(rows, 1000, &wide);
	options_help(rows, columns, &narrow);
	char *a = wide.buf, *b = narrow.buf;
	for (char *line = b; *line; line += strcspn(line, "\n") + 1)
		ck_assert_uint_le(strcspn(line, "\n"), (size_t)columns);
	char *left, *right;
	do {
		left = next_word(&a);
		right = next_word(&b);
		ck_assert_pstr_eq(left, right);
	} while (left);
	strbuf_release(&wide);
	strbuf_release(&narrow);
}
END_TEST

START_TEST(distances_are_levenshteins)
{
	ck_assert_uint_eq(suggestion_distance("", ""), 0);
	ck_assert_uint_eq(suggestion_distance("", "abc"), 3);
	ck_assert_uint_eq(suggestion_distance("abc", ""), 3);
	ck_assert_uint_eq(suggestion_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(suggestion_distance("flaw", "lawn"), 2);
	ck_assert_uint_eq(suggestion_distance("saturday", "sunday"), 3);
	ck_assert_uint_eq(suggestion_distance("stats", "stats"), 0);
}
END_TEST

#define COUNT(TABLE) (int)(sizeof(TABLE) / sizeof(TABLE)[0])

int main(void)
{
	TCase *tests = tcase_create("options");
	tcase_add_checked_fixture(tests, reset, reset);
	tcase_add_test(tests, each_kind_stores_its_value);
	tcase_add_test(tests, what_is_not_given_keeps_its_default);
	tcase_add_loop_test(tests, options_and_positionals_mix, 0, COUNT(orders));
	tcase_add_test(tests, long_names_may_be_cut_short);
	tcase_add_test(tests, a_second_spelling_is_the_option);
	tcase_add_test(tests, the_last_word_of_a_name_may_be_cut_short);
	tcase_add_test(tests, flags_and_lists_may_be_given_again);
	tcase_add_loop_test(tests, mistakes_are_usage_errors_that_say_what_is_taken, 0, COUNT(refusals));
	tcase_add_test(tests, parsing_can_be_repeated_after_a_mistake);
	tcase_add_test(tests, help_is_grouped_aligned_and_wrapped);
	tcase_add_loop_test(tests, help_fits_its_window, 0, 4);
	tcase_add_loop_test(tests, index_lists, 0, COUNT(ranges));
	tcase_add_test(tests, distances_are_levenshteins);
	Suite *suite = suite_create("options");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
