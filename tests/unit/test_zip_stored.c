/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/reader.h"
#include "tensor/zip_stored.h"

static struct bytes opened(const char *file)
{
	struct bytes bytes;
	char path[128];
	snprintf(path, sizeof path, "tests/data/npz/%s", file);
	ck_assert_int_eq(bytes_open(&bytes, path, NULL), ERR_OK);
	return bytes;
}

static const struct {
	const char *file;
	uint64_t members;
	bool stored;
} files[] = {
	{ "good-stored.npz", 2, true },    { "good-zip64.npz", 2, true },        { "good-zip64-directory.npz", 2, true },
	{ "good-comment.npz", 2, true },   { "good-deflated.npz", 2, false },    { "good-streamed.npz", 2, true },
};

START_TEST(stored_members_are_found_and_others_are_not)
{
	struct bytes bytes = opened(files[_i].file);
	uint64_t offset[2];
	zip_stored_offsets(bytes.data, bytes.size, offset, files[_i].members);
	for (int i = 0; i < 2; i++) {
		if (!files[_i].stored) {
			ck_assert_uint_eq(offset[i], 0);
			continue;
		}
		ck_assert_uint_gt(offset[i], 0);
		ck_assert_mem_eq(bytes.data + offset[i], "\x93NUMPY", 6);
	}
	bytes_release(&bytes);
}
END_TEST

START_TEST(another_number_of_members_gives_no_offset)
{
	struct bytes bytes = opened("good-stored.npz");
	uint64_t offset[3];
	zip_stored_offsets(bytes.data, bytes.size, offset, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(offset[i], 0);
	bytes_release(&bytes);
}
END_TEST

/* Whatever byte is wrong, an offset lies in the file with room for the member, or is 0. */
START_TEST(damage_never_leads_outside_the_file)
{
	struct bytes bytes = opened(files[_i].file);
	unsigned char *copy = malloc(bytes.size);
	for (uint64_t at = 0; at < bytes.size; at++)
		for (int value = 0; value < 256; value += 51) {
			uint64_t offset[2];
			memcpy(copy, bytes.data, bytes.size);
			copy[at] = (unsigned char)value;
			zip_stored_offsets(copy, bytes.size, offset, 2);
			ck_assert(offset[0] < bytes.size && offset[1] < bytes.size);
		}
	free(copy);
	bytes_release(&bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stored members");
	TCase *tcase = tcase_create("offsets");
	tcase_add_loop_test(tcase, stored_members_are_found_and_others_are_not, 0, sizeof files / sizeof files[0]);
	tcase_add_test(tcase, another_number_of_members_gives_no_offset);
	tcase_add_loop_test(tcase, damage_never_leads_outside_the_file, 0, 3);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
