/* SPDX-License-Identifier: MIT */
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

/* past_key_values.LAYER.PLACE of transformers is a key where the place is 0 and a value where it is 1; 2 and 3 are those of the cross attention. With one number,
 * or none, both are in one tensor. */
static bool is_cache_pair(const char *name, const struct word *word, enum name_role *role)
{
	struct word before, place, layer;
	if (!(word_is(word, "values") || word_is(word, "value")) || !last_word(name, (size_t)(word->text - name), &before) || !word_is(&before, "key"))
		return false;
	bool two = last_word(name, strlen(name), &place) && isdigit((unsigned char)*place.text) &&
		   last_word(name, (size_t)(place.text - name), &layer) && isdigit((unsigned char)*layer.text);
	*role = !two ? NAME_NONE : word_is(&place, "0") ? NAME_KEY : word_is(&place, "1") ? NAME_VALUE : NAME_NONE;
	return true;
}

enum name_role name_role(const char *name)
{
	struct word word = telling_word(name);
	enum name_role pair;
	if (word.length && is_cache_pair(name, &word, &pair))
		return pair;
	return word.length ? word_role(&word) : NAME_NONE;
}

/* The `index`th run of digits: where it begins; NULL for none. */
static const char *find_digits(const char *name, int index, size_t *digits)
{
	for (const char *at = name; *at; at += *digits) {
		at += strcspn(at, "0123456789");
		*digits = strspn(at, "0123456789");
		if (*digits && index-- == 0)
			return at;
	}
	return NULL;
}

static bool read_digits(const char *at, size_t digits, int64_t *number)
{
	if (digits > 18)
		return false;
	*number = 0;
	for (size_t i = 0; i < digits; i++)
		*number = *number * 10 + (at[i] - '0');
	return true;
}

bool name_number(const char *name, int index, int64_t *number)
{
	size_t digits;
	const char *at = find_digits(name, index, &digits);
	return at && read_digits(at, digits, number);
}

static bool is_listed(const struct word *word, const char *const *list)
{
	for (; *list; list++)
		if (word_is(word, *list))
			return true;
	return false;
}

/* "encoderlayer", "resblocks" */
static bool ends_as_layer(const struct word *word)
{
	static const char *const ends[] = { "layer", "layers", "block", "blocks" };
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t length = strlen(ends[i]);
		if (word->length >= length && strncasecmp(word->text + word->length - length, ends[i], length) == 0)
			return true;
	}
	return false;
}

/* "h.3" is a block of GPT-2, "h3" and "h_3" are heads. */
static enum name_number_kind kind_of_word(const struct word *word)
{
	static const char *const layers[] = { "l", "blk", "blks", "lyr", NULL };
	static const char *const steps[] = { "step", "steps", "timestep", "timesteps", "iter", "iteration", "t", "s", "chunk", "chunks", "call", "calls", "pass", "c",
					     "prefill", "decode", "forward", "fwd", "token", "tok", "pos", "position", "gen", "turn", "time", NULL };
	static const char *const others[] = { "rank", "ranks", "r", "tp", "pp", "dp", "cp", "sp", "ep", "gpu", "device", "dev", "cuda", "worker", "process", "proc",
					      "node", "shard", "part", "piece", "split", "head", "heads", "kvhead", "hd", "h", "group", "batch", "b", "item", "sample",
					      "samples", "example", "prompt", "request", "req", "seq", "sequence", "sentence", "sent", "image", "img", "doc", "row", "beam",
					      "seed", "run", "epoch", "checkpoint", "ckpt", "trial", "fold", "expert", "experts", "page", "frame", "version", NULL };
	static const char *const plain[] = { "enc", "dec", "encoder", "decoder", "self", "cross", "transformer", "arr", "mha", "msa", "selfattn", "selfattention",
					     "crossattention", "softmax", NULL };
	bool dotted = word->length && (word->text[word->length] == '.' || word->text[word->length] == '/');
	if (word->length == 0)
		return NAME_NUMBER_PLAIN;
	if (is_listed(word, layers) || ends_as_layer(word) || (dotted && word_is(word, "h")))
		return NAME_NUMBER_LAYER;
	if (is_listed(word, steps))
		return NAME_NUMBER_STEP;
	if (is_listed(word, others))
		return NAME_NUMBER_OTHER;
	return is_listed(word, plain) || word_role(word) || is_silent(word) ? NAME_NUMBER_PLAIN : NAME_NUMBER_UNKNOWN;
}

/* One of the numbers of "12x64". */
static bool is_size(const char *name, const char *at, size_t digits)
{
	bool before = at - name >= 2 && tolower((unsigned char)at[-1]) == 'x' && isdigit((unsigned char)at[-2]);
	return before || (tolower((unsigned char)at[digits]) == 'x' && isdigit((unsigned char)at[digits + 1]));
}

bool name_number_kind(const char *name, int index, struct name_number *number)
{
	/* More layers than any model has: where no word says that it is one, 1024 is a size. */
	enum { PLAIN_MAX = 255 };
	struct word word;
	size_t digits;
	const char *at = find_digits(name, index, &digits);
	if (!at || !read_digits(at, digits, &number->value))
		return false;
	if (!last_word(name, (size_t)(at - name), &word))
		word.length = 0;
	bool apart = word.length && isdigit((unsigned char)*word.text);
	number->word = word.text;
	number->word_length = (int)word.length;
	number->role = word.length ? word_role(&word) : NAME_NONE;
	number->kind = apart || is_size(name, at, digits) ? NAME_NUMBER_UNKNOWN : kind_of_word(&word);
	if (number->kind == NAME_NUMBER_PLAIN && number->value > PLAIN_MAX)
		number->kind = NAME_NUMBER_UNKNOWN;
	return true;
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
	size_t length = reader_stem_length(base);
	snprintf(buffer, size, "%.*s", (int)(length < size ? length : size - 1), base);
	return buffer;
}
