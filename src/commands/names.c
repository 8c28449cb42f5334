#include "commands/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tensor/reader.h"

struct word {
	const char *text;
	size_t length;
};

static const char *const role_words[NAME_ROLE_COUNT] = { NULL, "query", "key", "value", "weights" };

static const struct {
	const char *word;
	enum name_role role;
} vocabulary[] = {
	{ "q", NAME_QUERY }, { "query", NAME_QUERY }, { "queries", NAME_QUERY },
	{ "k", NAME_KEY }, { "key", NAME_KEY }, { "keys", NAME_KEY },
	{ "v", NAME_VALUE }, { "value", NAME_VALUE }, { "values", NAME_VALUE },
	{ "attn", NAME_WEIGHTS }, { "attention", NAME_WEIGHTS }, { "attentions", NAME_WEIGHTS }, { "weights", NAME_WEIGHTS },
	{ "probs", NAME_WEIGHTS }, { "probabilities", NAME_WEIGHTS }, { "pattern", NAME_WEIGHTS }, { "patterns", NAME_WEIGHTS },
	{ "alignment", NAME_WEIGHTS }, { "alignments", NAME_WEIGHTS },
};

static const char *const silent_words[] = { "proj", "projection", "projected", "state", "states", "hook", "cache", "layer", "head", "heads", "out",
					    "output", "outputs", "tensor", "data", "linear" };

static bool word_is(const struct word *word, const char *text)
{
	return strlen(text) == word->length && strncasecmp(text, word->text, word->length) == 0;
}

/* The last word that ends at or before `end` bytes. */
static bool last_word(const char *name, size_t end, struct word *word)
{
	while (end && !isalnum((unsigned char)name[end - 1]))
		end--;
	size_t begin = end;
	bool digits = end && isdigit((unsigned char)name[end - 1]);
	while (begin && isalnum((unsigned char)name[begin - 1]) && !isdigit((unsigned char)name[begin - 1]) != digits)
		begin--;
	*word = (struct word){ name + begin, end - begin };
	return end > 0;
}

static bool is_silent(const struct word *word)
{
	if (isdigit((unsigned char)*word->text))
		return true;
	for (size_t i = 0; i < sizeof silent_words / sizeof *silent_words; i++)
		if (word_is(word, silent_words[i]))
			return true;
	return false;
}

static enum name_role word_role(const struct word *word)
{
	for (size_t i = 0; i < sizeof vocabulary / sizeof *vocabulary; i++)
		if (word_is(word, vocabulary[i].word))
			return vocabulary[i].role;
	return NAME_NONE;
}

/* "cu_seqlens_q" holds lengths of queries, not queries. */
static bool is_length(const char *name, const struct word *telling)
{
	static const char *const length_words[] = { "seqlens", "seqlen", "lens", "lengths", "length" };
	struct word before;
	if (!last_word(name, (size_t)(telling->text - name), &before))
		return false;
	for (size_t i = 0; i < sizeof length_words / sizeof *length_words; i++)
		if (word_is(&before, length_words[i]))
			return true;
	return false;
}

bool name_is_fused(const char *name)
{
	struct word word, before, first;
	size_t end = strlen(name);
	while (last_word(name, end, &word) && is_silent(&word))
		end = (size_t)(word.text - name);
	if (end == 0)
		return false;
	if (word_is(&word, "qkv") || word_is(&word, "wqkv"))
		return true;
	if (!last_word(name, (size_t)(word.text - name), &before))
		return false;
	bool conv = word_is(&word, "attn") && word_is(&before, "c");
	return conv || (word_is(&word, "value") && word_is(&before, "key") && last_word(name, (size_t)(before.text - name), &first) && word_is(&first, "query"));
}

/* The word that tells the role; a zero length where no word does. */
static struct word telling_word(const char *name)
{
	struct word word;
	size_t end = strlen(name);
	while (last_word(name, end, &word) && is_silent(&word))
		end = (size_t)(word.text - name);
	if (end == 0 || word_role(&word) == NAME_NONE || is_length(name, &word) || name_is_fused(name))
		word.length = 0;
	return word;
}

const char *name_role_word(enum name_role role)
{
	return role_words[role];
}

enum name_role name_role_find(const char *text, size_t length)
{
	struct word word = { text, length };
	for (int role = NAME_QUERY; role < NAME_ROLE_COUNT; role++)
		if (word_is(&word, role_words[role]) || (length == 1 && tolower((unsigned char)*text) == role_words[role][0]))
			return (enum name_role)role;
	return NAME_NONE;
}

enum name_role name_role(const char *name)
{
	struct word word = telling_word(name);
	return word.length ? word_role(&word) : NAME_NONE;
}

bool name_number(const char *name, int index, int64_t *number)
{
	for (const char *at = name; *at;) {
		if (!isdigit((unsigned char)*at)) {
			at++;
			continue;
		}
		size_t digits = strspn(at, "0123456789");
		if (index-- == 0) {
			if (digits > 18)
				return false;
			*number = 0;
			for (size_t i = 0; i < digits; i++)
				*number = *number * 10 + (at[i] - '0');
			return true;
		}
		at += digits;
	}
	return false;
}

/* Walk two names side by side, from..to; runs of digits are equal to each other. */
static bool same_pattern(const char *a, const char *a_end, const char *b, const char *b_end)
{
	while (a < a_end && b < b_end) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			while (a < a_end && isdigit((unsigned char)*a))
				a++;
			while (b < b_end && isdigit((unsigned char)*b))
				b++;
		} else if (*a++ != *b++) {
			return false;
		}
	}
	return a == a_end && b == b_end;
}

bool name_same_template(const char *a, const char *b)
{
	return same_pattern(a, a + strlen(a), b, b + strlen(b));
}

char *name_of_file(const char *file, char *buffer, size_t size)
{
	const char *base = archive_base_name(file);
	size_t length = strlen(base);
	if (length > 4 && strcasecmp(base + length - 4, ".npy") == 0)
		length -= 4;
	snprintf(buffer, size, "%.*s", (int)(length < size ? length : size - 1), base);
	return buffer;
}
