/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <string.h>

#include "base/options.h"
#include "cli/cli.h"
#include "commands/command.h"

/* The rows of one command, as it is run: its own, and the standard ones. */
struct rows {
	const struct option_row *row[512];
	int count;
};

static void add(const struct option_row *row, void *data)
{
	struct rows *rows = data;
	ck_assert_int_lt(rows->count, 512);
	rows->row[rows->count++] = row;
}

static struct rows rows_of(const struct command *command)
{
	struct rows rows = { .count = 0 };
	options_each(command->options, add, &rows);
	options_each(cli_standard_options(), add, &rows);
	return rows;
}

static int commands(void)
{
	int count = 0;
	while (command_table[count])
		count++;
	return count;
}

START_TEST(no_two_options_share_a_name)
{
	const struct command *command = command_table[_i];
	struct rows rows = rows_of(command);
	for (int i = 0; i < rows.count; i++)
		for (int k = 0; k < i; k++) {
			const struct option_row *a = rows.row[i], *b = rows.row[k];
			ck_assert_msg(!a->name || !b->name || strcmp(a->name, b->name) != 0, "%s has --%s twice", command->name, a->name);
			ck_assert_msg(!a->letter || a->letter != b->letter, "%s has -%c twice", command->name, a->letter);
			ck_assert_msg(a->value != b->value, "%s: --%s and --%s set the same", command->name, a->name, b->name);
		}
}
END_TEST

START_TEST(every_option_can_be_spelled_and_says_what_it_is)
{
	struct rows rows = rows_of(command_table[_i]);
	for (int i = 0; i < rows.count; i++) {
		const struct option_row *row = rows.row[i];
		ck_assert_ptr_nonnull(row->name);
		ck_assert(row->help && *row->help);
		ck_assert_msg((row->kind == OPTION_KIND_FLAG) == !row->argument, "--%s", row->name);
	}
}
END_TEST

/* A word means one value, and a value has one word: else the word that a caption shows is not the one that was given. */
START_TEST(words_and_values_are_pairs)
{
	struct rows rows = rows_of(command_table[_i]);
	for (int i = 0; i < rows.count; i++) {
		const struct word *words = rows.row[i]->choices;
		if (rows.row[i]->kind != OPTION_KIND_CHOICE)
			continue;
		int count = 0;
		for (const struct word *a = words; a->word; a++, count++) {
			ck_assert_str_eq(word_text(words, a->value), a->word);
			for (const struct word *b = words; b < a; b++)
				ck_assert_msg(strcmp(a->word, b->word) != 0 && a->value != b->value, "--%s: %s", rows.row[i]->name, a->word);
		}
		ck_assert_int_ge(count, 2);
		/* What holds before any word is given is the value of one of them, or 0 where nothing is assumed without a note. */
		int value = *(int *)rows.row[i]->value;
		ck_assert_msg(value == 0 || *word_text(words, value), "--%s has a default without a word", rows.row[i]->name);
	}
}
END_TEST

/* An output that is declared as an input would replace a file that is read. */
START_TEST(outputs_are_declared)
{
	struct rows rows = rows_of(command_table[_i]);
	for (int i = 0; i < rows.count; i++) {
		bool writes = strcmp(rows.row[i]->name, "output") == 0 || strcmp(rows.row[i]->name, "plot") == 0;
		ck_assert_msg(writes == (rows.row[i]->kind == OPTION_KIND_OUTPUT), "--%s", rows.row[i]->name);
	}
}
END_TEST

START_TEST(examples_are_of_the_command)
{
	const struct command *command = command_table[_i];
	ck_assert_ptr_nonnull(command->examples);
	for (const char *line = command->examples; *line;) {
		size_t length = strcspn(line, "\n");
		const char *found = strstr(line, command->name);
		ck_assert_msg(found && found < line + length, "%s: %.*s", command->name, (int)length, line);
		ck_assert_uint_le(length, 78);
		line += length + (line[length] == '\n');
	}
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("commands");
	tcase_add_loop_test(tests, no_two_options_share_a_name, 0, commands());
	tcase_add_loop_test(tests, every_option_can_be_spelled_and_says_what_it_is, 0, commands());
	tcase_add_loop_test(tests, words_and_values_are_pairs, 0, commands());
	tcase_add_loop_test(tests, outputs_are_declared, 0, commands());
	tcase_add_loop_test(tests, examples_are_of_the_command, 0, commands());
	Suite *suite = suite_create("commands");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
