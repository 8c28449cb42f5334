/* SPDX-License-Identifier: MIT */
#include "commands/info_links.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "tensor/links.h"
#include "tensor/reader.h"

/* In so many sentence pairs some link begins or ends at the first word. */
enum { LINES_THAT_TELL = 10, HEAD_SIZE = 4096 };

static bool begins_with_links(const unsigned char *head, size_t size)
{
	size_t links = 0;
	for (size_t i = 0; i < size; i++) {
		if (!head[i] || !strchr("0123456789-p?:.eE+ \t\r\n", head[i]))
			return false;
		bool joins = strchr("-p?", head[i]) && i > 0 && i + 1 < size;
		links += joins && isdigit(head[i - 1]) && isdigit(head[i + 1]);
	}
	return links > 0;
}

enum err links_are_in(const char *file, bool *found, struct err_info *info)
{
	struct bytes bytes;
	*found = false;
	enum err err = strcmp(file, "-") == 0 ? ERR_IO : bytes_peek(&bytes, file, NULL);
	if (err == ERR_NOMEM)
		return err_nomem(info, "the input");
	if (err)
		return ERR_OK;
	*found = begins_with_links(bytes.data, bytes.size < HEAD_SIZE ? (size_t)bytes.size : HEAD_SIZE);
	bytes_release(&bytes);
	return ERR_OK;
}

enum err link_file_read(struct link_file *file, const char *name, struct err_info *info)
{
	const struct links_format format = { .base = 0 };
	struct links links;
	enum err err = links_read(&links, name, &format, info);
	*file = (struct link_file){ .file = name, .lines = (int64_t)links.count, .smallest = links.smallest };
	for (size_t i = 0; i < links.count && !err; i++)
		file->links += (int64_t)links.line[i].count;
	links_release(&links);
	return err;
}

enum err link_file_check(const struct link_file *file, findings_put *put, void *data)
{
	if (file->smallest < 1)
		return ERR_OK;
	struct strbuf text;
	strbuf_init(&text);
	bool tells = file->lines >= LINES_THAT_TELL && file->smallest == 1;
	strbuf_addf(&text, "the smallest index of %" PRId64 " links in %" PRId64 " lines is %" PRId32 ": %s", file->links,
		    file->lines, file->smallest,
		    tells ? "they count from 1, say --gold-base 1 (or --base 1) to attnviz align"
			  : "they may count from 1 (--gold-base 1, --base 1)");
	const struct finding finding = { .check = "index-base",
					 .severity = tells ? "warning" : "note",
					 .role = "links",
					 .tensor = file->file,
					 .layer = -1,
					 .batch = -1,
					 .head = -1,
					 .text = text.buf };
	enum err err = put(data, &finding);
	strbuf_release(&text);
	return err;
}
