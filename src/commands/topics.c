/* SPDX-License-Identifier: MIT */
#include "commands/topics.h"

#include <string.h>

#include "commands/grouping.h"
#include "commands/inputs_given.h"
#include "commands/labels.h"
#include "commands/masking.h"
#include "commands/picture.h"
#include "commands/position.h"
#include "commands/selection.h"
#include "tensor/reader.h"

static const struct option_row input_topic[] = { OPTION_GROUP("Inputs", input_file_rows), OPTION_GROUP("Selection", selection_rows), OPTION_END };
static const struct option_row mask_topic[] = { OPTION_GROUP("Mask", masking_rows), OPTION_END };
static const struct option_row position_topic[] = { OPTION_GROUP("Position", position_rows), OPTION_END };
static const struct option_row token_topic[] = { OPTION_GROUP("Tokens", label_rows), OPTION_GROUP("Groups of tokens", grouping_rows), OPTION_END };
static const struct option_row picture_topic[] = { OPTION_GROUP("Colours", colour_rows), OPTION_GROUP("Picture", picture_rows), OPTION_END };

const struct topic topic_table[] = {
	{ "formats", "files that are read and written, and how to write them",
	  "Read: {formats}, of float64, float32, float16, bfloat16, float8, integers and booleans. "
	  "FILE:NAME is one tensor of a container, - is standard input. `attnviz info FILE` lists what is in a file and how it would be used.\n"
	  "Names tell the role (q, key, attn_weights) and the layer (its number); axes are (layers, batch, heads, tokens, dim) as far as they are there, and "
	  "--layout names them where they lie differently.\n"
	  "Written: pictures as .png, .svg, .pdf or .txt, arrays as .npy, numbers as a table, --tsv or --json. -o takes the main product of a command, whatever it is, "
	  "and --plot FILE a picture beside numbers; a name whose ending contradicts the product is refused.\n"
	  "attnviz-formats(7) has recipes that write such files from PyTorch, JAX and inference engines.",
	  NULL },
	{ "inputs", "which tensor plays which role", "Positional files are one pool of tensors whose names tell the roles; options name them one by one.", input_topic },
	{ "masks", "which keys a query may see",
	  "Without options every query sees every key. All that is given here holds at once: a key is visible where each of the options lets it be.", mask_topic },
	{ "positions", "rotations, relative biases, and where queries and keys stand",
	  "They belong to the product of queries and keys, with whichever mechanism it is taken.", position_topic },
	{ "tokens", "labels of the axes, words and spans", "Tokens come as texts, or as ids with a vocabulary.", token_topic },
	{ "pictures", "where pictures go and how they look", "The ending of the name is the format; without -o the picture is text in the terminal.", picture_topic },
	{ NULL, NULL, NULL, NULL },
};

static const char formats_mark[] = "{formats}";

/* A paragraph, with the list of formats in place of its mark. */
static void add_paragraph(struct strbuf *out, const char *text, size_t length)
{
	const char *mark = memmem(text, length, formats_mark, sizeof formats_mark - 1);
	size_t before = mark ? (size_t)(mark - text) : length;
	strbuf_add(out, text, before);
	if (!mark)
		return;
	reader_list_formats(out, "and", true);
	before += sizeof formats_mark - 1;
	strbuf_add(out, text + before, length - before);
}

/* "mask" for "masks". */
static bool is_called(const struct topic *topic, const char *name)
{
	size_t length = strlen(name);
	return length > 2 && strncmp(topic->name, name, length) == 0 && (!topic->name[length] || strcmp(topic->name + length, "s") == 0);
}

const struct topic *topic_find(const char *name)
{
	for (const struct topic *topic = topic_table; topic->name; topic++)
		if (is_called(topic, name))
			return topic;
	return NULL;
}

void topic_add(const struct topic *topic, int columns, struct strbuf *out)
{
	strbuf_addf(out, "%s: %s\n", topic->name, topic->summary);
	for (const char *text = topic->text; *text;) {
		size_t length = strcspn(text, "\n");
		struct strbuf paragraph;
		strbuf_init(&paragraph);
		add_paragraph(&paragraph, text, length);
		strbuf_addch(out, '\n');
		options_wrap(out, paragraph.buf, 0, 0, columns);
		out->failed = out->failed || strbuf_failed(&paragraph);
		strbuf_release(&paragraph);
		text += length + (text[length] == '\n');
	}
	if (topic->rows)
		options_help(topic->rows, columns, out);
}
