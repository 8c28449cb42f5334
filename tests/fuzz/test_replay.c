/* SPDX-License-Identifier: MIT */
/*
 * The fuzz targets without a fuzzer: every file of tests/data and of tests/fuzz/corpus, each also cut short and with bytes
 * changed, goes through the target of its kind. What was once found by fuzzing is kept in tests/fuzz/corpus/TARGET and stays
 * found.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

#define LLVMFuzzerTestOneInput fuzz_npy
#include "fuzz/fuzz_npy.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_npz
#include "fuzz/fuzz_npz.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_safetensors
#include "fuzz/fuzz_safetensors.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_torch
#include "fuzz/fuzz_torch.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_pickle
#include "fuzz/fuzz_pickle.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tokens
#include "fuzz/fuzz_tokens.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_vocab
#include "fuzz/fuzz_vocab.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_links
#include "fuzz/fuzz_links.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_image
#include "fuzz/fuzz_image.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_layout
#include "fuzz/fuzz_layout.c"
#undef LLVMFuzzerTestOneInput

typedef int target(const uint8_t *data, size_t size);

static const struct {
	const char *name;
	target *run;
	int least; /* files that must be there, or the folder has moved */
} targets[] = {
	{ "npy", fuzz_npy, 30 },         { "npz", fuzz_npz, 20 },     { "safetensors", fuzz_safetensors, 35 },
	{ "torch", fuzz_torch, 50 },     { "pickle", fuzz_pickle, 50 },
	{ "tokens", fuzz_tokens, 8 },    { "vocab", fuzz_vocab, 5 },  { "links", fuzz_links, 2 },
	{ "image", fuzz_image, 10 },     { "layout", fuzz_layout, 1 },
};

enum { FILE_MAX = 1 << 16, CUTS = 64, CHANGES = 256 };

/* As libFuzzer does: a block of exactly this size, so that reading past it is seen. */
static void run_exact(target *run, const unsigned char *bytes, size_t size)
{
	unsigned char *exact = malloc(size ? size : 1);
	ck_assert_ptr_nonnull(exact);
	memcpy(exact, bytes, size);
	run(exact, size);
	free(exact);
}

static void run_changed(target *run, unsigned char *bytes, size_t size)
{
	uint32_t random = 1;
	for (size_t i = 0; i < CUTS && size; i++)
		run_exact(run, bytes, size * i / CUTS);
	for (size_t i = 0; i < CHANGES && size; i++) {
		random = random * 1664525u + 1013904223u;
		unsigned char *place = &bytes[(random >> 8) % size], kept = *place;
		*place = i % 4 == 0 ? 0xff : i % 4 == 1 ? 0 : (unsigned char)(kept ^ 1u << (random >> 5 & 7));
		run_exact(run, bytes, size);
		*place = kept;
	}
}

static void run_file(target *run, const char *path)
{
	static unsigned char bytes[FILE_MAX];
	FILE *file = fopen(path, "rb");
	ck_assert_ptr_nonnull(file);
	size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	run_exact(run, bytes, size);
	run_changed(run, bytes, size);
}

static int run_folder(target *run, const char *parent, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", parent, name);
	DIR *list = opendir(path);
	int count = 0;
	for (struct dirent *entry; list && (entry = readdir(list));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s/%s", parent, name, entry->d_name);
		run_file(run, path);
		count++;
	}
	if (list)
		closedir(list);
	return count;
}

START_TEST(every_input_goes_through_its_target)
{
	int data = run_folder(targets[_i].run, "tests/data", targets[_i].name);
	int corpus = run_folder(targets[_i].run, "tests/fuzz/corpus", targets[_i].name);
	printf("fuzz target %s: %d files of tests/data, %d of the corpus\n", targets[_i].name, data, corpus);
	ck_assert_int_ge(data + corpus, targets[_i].least);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replay");
	TCase *tcase = tcase_create("targets");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, every_input_goes_through_its_target, 0, sizeof targets / sizeof targets[0]);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
