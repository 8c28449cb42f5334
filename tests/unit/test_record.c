/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/record.h"

/* An output to a file without a name, and what it holds in the end. */
struct capture {
	struct output out;
	char path[64];
};

static void capture_open(struct capture *capture)
{
	struct err_info info = { 0 };
	snprintf(capture->path, sizeof capture->path, "/tmp/attnviz-record-%d", (int)getpid());
	ck_assert_int_eq(output_open(&capture->out, capture->path, &info), ERR_OK);
}

static char *capture_close(struct capture *capture)
{
	struct err_info info = { 0 };
	ck_assert_int_eq(output_commit(&capture->out, &info), ERR_OK);
	FILE *file = fopen(capture->path, "rb");
	ck_assert_ptr_nonnull(file);
	static char text[1 << 20];
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	unlink(capture->path);
	return text;
}

static const struct record_column columns[] = {
	{ "head", RECORD_INT },
	{ "name", RECORD_TEXT },
	{ "entropy", RECORD_REAL },
	{ "heads", RECORD_REAL_LIST },
};

static char *two_rows(enum record_format format)
{
	struct capture capture;
	capture_open(&capture);
	struct record *record = record_new(format, columns, 4, &capture.out);
	record_int(record, 0, 7);
	record_text(record, 1, "a\tb\\c\n語");
	record_real(record, 2, 0.1);
	record_real_list(record, 3, (double[]){ 1, NAN, 2.5 }, 3);
	ck_assert_int_eq(record_row(record), ERR_OK);
	record_int(record, 0, INT64_MIN);
	record_real(record, 2, -INFINITY);
	ck_assert_int_eq(record_row(record), ERR_OK);
	ck_assert_int_eq(record_end(record), ERR_OK);
	return capture_close(&capture);
}

START_TEST(tsv_has_a_header_and_escapes)
{
	ck_assert_str_eq(two_rows(RECORD_TSV), "head\tname\tentropy\theads\n"
	                                       "7\ta\\tb\\\\c\\n語\t0.1\t1,nan,2.5\n"
	                                       "-9223372036854775808\t\t-inf\t\n");
}
END_TEST

START_TEST(json_is_one_object_a_line_with_null_for_what_is_not_a_number)
{
	ck_assert_str_eq(two_rows(RECORD_JSON),
	                 "{\"head\": 7, \"name\": \"a\\tb\\\\c\\n語\", \"entropy\": 0.1, \"heads\": [1, null, 2.5]}\n"
	                 "{\"head\": -9223372036854775808, \"name\": null, \"entropy\": null, \"heads\": null}\n");
}
END_TEST

START_TEST(tables_line_up)
{
	ck_assert_str_eq(two_rows(RECORD_TABLE), "                head  name      entropy    heads\n"
	                                         "                   7  a␉b\\c␊語      0.1  1 - 2.5\n"
	                                         "-9223372036854775808  -            -inf        -\n");
}
END_TEST

START_TEST(without_rows_only_tsv_says_something)
{
	static const char *const wanted[] = {
		[RECORD_TABLE] = "", [RECORD_TSV] = "head\tname\tentropy\theads\n", [RECORD_JSON] = "",
	};
	for (int format = RECORD_TABLE; format <= RECORD_JSON; format++) {
		struct capture capture;
		capture_open(&capture);
		ck_assert_int_eq(record_end(record_new(format, columns, 4, &capture.out)), ERR_OK);
		ck_assert_str_eq(capture_close(&capture), wanted[format]);
	}
	ck_assert_int_eq(record_end(NULL), ERR_OK);
}
END_TEST

START_TEST(long_tables_keep_the_widths_of_their_first_rows)
{
	static const struct record_column column[] = { { "n", RECORD_INT }, { "word", RECORD_TEXT } };
	struct capture capture;
	capture_open(&capture);
	struct record *record = record_new(RECORD_TABLE, column, 2, &capture.out);
	for (int i = 0; i < 10002; i++) {
		record_int(record, 0, i < 10000 ? i % 10000 : 123456);
		record_text(record, 1, "w");
		ck_assert_int_eq(record_row(record), ERR_OK);
	}
	ck_assert_int_eq(record_end(record), ERR_OK);
	char *text = capture_close(&capture);
	static const char begin[] = "   n  word\n   0  w\n   1  w\n", end[] = "\n9999  w\n123456  w\n123456  w\n";
	ck_assert_int_eq(strncmp(text, begin, sizeof begin - 1), 0);
	ck_assert_str_eq(text + strlen(text) - (sizeof end - 1), end);
	int lines = 0;
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	ck_assert_int_eq(lines, 10003);
}
END_TEST

/* Whatever the bytes, jansson reads the line, and reads the text back where it was valid. */
START_TEST(json_text_is_read_back_by_a_json_parser)
{
	static const char *const texts[] = {
		"", "\"\\/\b\f\n\r\t", "\x01\x1F\x7F", "\xC2\x9B", "é語😀", "\xFF\xC3(", "\xED\xA0\x80", "</script>",
	};
	static const char *const back[] = {
		"", "\"\\/\b\f\n\r\t", "\x01\x1F\x7F", "\xC2\x9B", "é語😀", "\xEF\xBF\xBD\xEF\xBF\xBD(",
		"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", "</script>",
	};
	static const struct record_column column[] = { { "odd \"name\"", RECORD_TEXT } };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct capture capture;
		capture_open(&capture);
		struct record *record = record_new(RECORD_JSON, column, 1, &capture.out);
		record_text(record, 0, texts[i]);
		record_row(record);
		record_end(record);
		char *text = capture_close(&capture);
		for (const char *at = text; at[1]; at++)
			ck_assert_uint_ge((unsigned char)*at, 0x20);
		json_t *object = json_loads(text, 0, NULL);
		ck_assert_ptr_nonnull(object);
		ck_assert_str_eq(json_string_value(json_object_get(object, "odd \"name\"")), back[i]);
		json_decref(object);
	}
}
END_TEST

/* Shortest forms as printed by Python's repr, which uses David Gay's algorithm. */
static const struct {
	double value;
	const char *text;
} shortest[] = {
	{ 0.0, "0" }, { -0.0, "-0" }, { 1.0, "1" }, { 0.1, "0.1" }, { -2.5, "-2.5" }, { 100000.0, "100000" },
	{ 0.1 + 0.2, "0.30000000000000004" }, { 1.0 / 3, "0.3333333333333333" }, { 2.0 / 3, "0.6666666666666666" },
	{ 5e-324, "5e-324" }, { 2.2250738585072014e-308, "2.2250738585072014e-308" }, { 3e-310, "3e-310" },
	{ 1.7976931348623157e308, "1.7976931348623157e+308" }, { 0x1p-24, "5.960464477539063e-08" },
	{ -0x1p-44, "-5.684341886080802e-14" }, { 0x1p+89, "6.189700196426902e+26" }, { 1e23, "1e+23" },
	{ 9007199254740993.0, "9007199254740992" }, { 3.141592653589793, "3.141592653589793" },
	{ (double)0.1f, "0.10000000149011612" },
};

START_TEST(reals_are_printed_shortest)
{
	struct strbuf sb;
	strbuf_init(&sb);
	record_format_real(&sb, shortest[_i].value);
	ck_assert_str_eq(sb.buf, shortest[_i].text);
	strbuf_release(&sb);
}
END_TEST

START_TEST(any_double_reads_back_and_no_rounding_is_shorter)
{
	uint64_t state = 88172645463325252u;
	struct strbuf sb;
	strbuf_init(&sb);
	for (int i = 0; i < 20000; i++) {
		state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* Marsaglia's xorshift */
		double value;
		memcpy(&value, &state, sizeof value);
		if (!isfinite(value))
			continue;
		strbuf_clear(&sb);
		record_format_real(&sb, value);
		ck_assert(strtod(sb.buf, NULL) == value);
		/* Significant digits: zeros at either end only place the point. */
		size_t digits = 0, zeros = 0;
		for (const char *at = sb.buf; *at && *at != 'e'; at++) {
			if (*at >= '1' && *at <= '9')
				digits += zeros + 1, zeros = 0;
			else if (*at == '0' && digits)
				zeros++;
		}
		char shorter[64];
		snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
		if (digits > 1)
			ck_assert_msg(strtod(shorter, NULL) != value, "%s would do for %s", shorter, sb.buf);
	}
	strbuf_release(&sb);
}
END_TEST

START_TEST(a_full_disk_is_reported_by_the_row_or_the_end)
{
	struct output out;
	struct err_info info = { 0 };
	ck_assert_int_eq(output_open(&out, "/dev/full", &info), ERR_OK);
	struct record *record = record_new(RECORD_TSV, columns, 4, &out);
	enum err err = ERR_OK;
	for (int i = 0; i < 100000 && err == ERR_OK; i++) {
		record_int(record, 0, i);
		err = record_row(record);
	}
	ck_assert_int_eq(err, ERR_IO);
	ck_assert_int_eq(record_end(record), ERR_IO);
	ck_assert_int_eq(output_commit(&out, &info), ERR_IO);
	ck_assert_ptr_nonnull(strstr(info.text, "no space left"));
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("record");
	tcase_add_test(tests, tsv_has_a_header_and_escapes);
	tcase_add_test(tests, json_is_one_object_a_line_with_null_for_what_is_not_a_number);
	tcase_add_test(tests, tables_line_up);
	tcase_add_test(tests, without_rows_only_tsv_says_something);
	tcase_add_test(tests, long_tables_keep_the_widths_of_their_first_rows);
	tcase_add_test(tests, json_text_is_read_back_by_a_json_parser);
	tcase_add_loop_test(tests, reals_are_printed_shortest, 0, (int)(sizeof shortest / sizeof shortest[0]));
	tcase_add_test(tests, any_double_reads_back_and_no_rounding_is_shorter);
	tcase_add_test(tests, a_full_disk_is_reported_by_the_row_or_the_end);
	Suite *suite = suite_create("record");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
