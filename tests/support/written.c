/* SPDX-License-Identifier: MIT */
#include "support/written.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/suite.h"
#include "support/temporary.h"

static void open_output(struct written *written)
{
	struct err_info info = { 0 };

	ck_assert_msg(output_open(&written->out, written->file, &info) == ERR_OK, "%s", info.text);
}

void written_open(struct written *written)
{
	*written = (struct written){ .folder = temporary_folder() };
	written->file = temporary_file(written->folder, "written", "", 0);
	open_output(written);
}

const char *written_read(struct written *written)
{
	struct err_info info = { 0 };

	ck_assert_msg(output_commit(&written->out, &info) == ERR_OK, "%s", info.text);
	FILE *stream = fopen(written->file, "rb");
	ck_assert_ptr_nonnull(stream);
	ck_assert_int_eq(fseek(stream, 0, SEEK_END), 0);
	written->size = (size_t)ftell(stream);
	rewind(stream);
	free(written->text);
	written->text = calloc(written->size + 1, 1);
	ck_assert_uint_eq(fread(written->text, 1, written->size, stream), written->size);
	fclose(stream);
	open_output(written);
	return written->text;
}

void written_close(struct written *written)
{
	output_release(&written->out);
	free(written->text);
	free(written->file);
	temporary_remove(written->folder);
}
