/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "tensor/token_marks.h"
#include "tensor/tokens.h"

bool tokens_is_special(const char *raw)
{
	/* In square brackets only names that are known: "[x]" may be text. */
	static const char *const names[] = { "[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]", "[BOS]", "[EOS]", "[INST]", "[/INST]" };
	size_t length = strlen(raw);
	if (length < 3)
		return false;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(raw, names[i]) == 0)
			return true;
	if (raw[0] != '<' || raw[length - 1] != '>' || strncmp(raw, "<0x", 3) == 0)
		return false;
	return !strpbrk(raw, " \t=\"") && !memchr(raw + 1, '<', length - 1);
}

static bool begins_wide(const char *text, size_t length)
{
	int32_t code = -1;
	if (length)
		utf8_decode(text, length, &code);
	return code >= 0 && utf8_width(code) == 2;
}

/* Words being joined: the decoded text of the one that is open, and the labels of those that are closed. */
struct joining {
	struct strbuf text, labels;
	size_t *end; /* of each closed word in `labels` */
	size_t count;
};

static void close_word(struct joining *joining)
{
	token_marks_label(joining->text.buf, joining->text.len, &joining->labels);
	joining->end[joining->count++] = joining->labels.len;
	strbuf_clear(&joining->text);
}

static void join(const struct tokens *tokens, size_t *word, struct joining *joining)
{
	enum token_marks marks = (enum token_marks)tokens->marks;
	bool boundary = false, goes_on = false;
	struct strbuf text;
	strbuf_init(&text);
	for (size_t i = 0; i < tokens->count; i++) {
		const char *raw = tokens->raw[i];
		size_t length = strlen(raw);
		bool special = tokens_is_special(raw);
		strbuf_clear(&text);
		token_marks_decode(special ? MARKS_NONE : marks, raw, length, &text);
		/* Tokenizers that mark what is joined say so for wide characters as well. */
		bool wide = marks <= MARKS_WORDPIECE && begins_wide(text.buf, text.len);
		bool begins = boundary || special || wide || (!goes_on && token_marks_begins_word(marks, raw, length));
		if (i && begins)
			close_word(joining);
		word[i] = joining->count;
		strbuf_add(&joining->text, text.buf, text.len);
		goes_on = !special && token_marks_goes_on(marks, raw, length);
		boundary = special || (text.len && text.buf[text.len - 1] == '\n');
		joining->text.failed = joining->text.failed || text.failed;
	}
	if (tokens->count)
		close_word(joining);
	strbuf_release(&text);
}

static enum err finish(const struct joining *joining, struct tokens *words, struct err_info *info)
{
	const char **label = mem_array(joining->count, sizeof *label);
	size_t *length = mem_array(joining->count, sizeof *length);
	bool good = label && length && !strbuf_failed(&joining->text) && !strbuf_failed(&joining->labels);
	for (size_t i = 0, start = 0; good && i < joining->count; start = joining->end[i++]) {
		label[i] = joining->labels.buf + start;
		length[i] = joining->end[i] - start;
	}
	enum err err = good ? tokens_from_raw(words, label, length, joining->count, true, info) : err_nomem(info, "words");
	free(label);
	free(length);
	return err;
}

enum err tokens_words(const struct tokens *tokens, size_t *word, struct tokens *words, struct err_info *info)
{
	memset(words, 0, sizeof *words);
	struct joining joining = { .end = mem_array(tokens->count, sizeof *joining.end) };
	strbuf_init(&joining.text);
	strbuf_init(&joining.labels);
	if (joining.end)
		join(tokens, word, &joining);
	enum err err = joining.end ? finish(&joining, words, info) : err_nomem(info, "words");
	strbuf_release(&joining.text);
	strbuf_release(&joining.labels);
	free(joining.end);
	return err;
}
