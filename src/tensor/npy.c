/* SPDX-License-Identifier: MIT */
#include "tensor/npy.h"

#include <inttypes.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, WORD_MAX = 24 };

#define ORDER_HERE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>')

/* The dictionary literal being read, and what it has told so far. */
struct header {
	const char *text; /* start, for offsets */
	const char *at;
	const char *end;
	uint64_t text_offset; /* of `text` in the file */
	struct tensor *tensor;
	bool has_descr, has_order, has_shape;
	bool fortran, objects;
	struct err_info *info;
};

static enum err malformed(struct header *header, const char *expected)
{
	uint64_t offset = header->text_offset + (uint64_t)(header->at - header->text);
	err_set(header->info, ERR_FORMAT, "the .npy header is malformed: expected %s", expected);
	err_at(header->info, offset);
	return ERR_FORMAT;
}

static void skip_space(struct header *header)
{
	while (header->at < header->end && memchr(" \t\r\n\f", *header->at, 5))
		header->at++;
}

/* Take `symbol`, after any space. */
static bool take(struct header *header, char symbol)
{
	skip_space(header);
	if (header->at == header->end || *header->at != symbol)
		return false;
	header->at++;
	return true;
}

/* A quoted string without escapes; none of ours needs them. Longer ones are cut. */
static bool take_string(struct header *header, char word[WORD_MAX])
{
	skip_space(header);
	if (header->at == header->end || (*header->at != '\'' && *header->at != '"'))
		return false;
	char quote = *header->at;
	const char *start = header->at + 1;
	const char *stop = memchr(start, quote, (size_t)(header->end - start));
	if (!stop || memchr(start, '\\', (size_t)(stop - start)))
		return false;
	size_t length = (size_t)(stop - start) < WORD_MAX ? (size_t)(stop - start) : WORD_MAX - 1;
	memcpy(word, start, length);
	word[length] = '\0';
	header->at = stop + 1;
	return true;
}

static bool take_word(struct header *header, const char *word)
{
	skip_space(header);
	size_t length = strlen(word);
	if ((size_t)(header->end - header->at) < length || memcmp(header->at, word, length) != 0)
		return false;
	header->at += length;
	return true;
}

/* A decimal number, with the L that Python 2 wrote after a long. Saturates, so that the product check refuses what is absurd. */
static bool take_length(struct header *header, int64_t *length)
{
	skip_space(header);
	const char *start = header->at;
	int64_t value = 0;
	for (; header->at < header->end && *header->at >= '0' && *header->at <= '9'; header->at++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *header->at - '0', &value))
			value = INT64_MAX;
	if (header->at == start)
		return false;
	if (header->at < header->end && *header->at == 'L')
		header->at++;
	*length = value;
	return true;
}

struct descr_row {
	const char *code; /* without the byte order */
	enum dtype dtype;
};

static const struct descr_row descr_table[] = {
	{ "f8", DTYPE_F64 },   { "f4", DTYPE_F32 }, { "f2", DTYPE_F16 }, { "i8", DTYPE_I64 }, { "i4", DTYPE_I32 },
	{ "i2", DTYPE_I16 },   { "i1", DTYPE_I8 },  { "u8", DTYPE_U64 }, { "u4", DTYPE_U32 }, { "u2", DTYPE_U16 },
	{ "u1", DTYPE_U8 },    { "b1", DTYPE_BOOL }, { "V2", DTYPE_BF16 }, { "bfloat16", DTYPE_BF16 },
	{ "float8_e4m3fn", DTYPE_F8_E4M3 }, { "float8_e5m2", DTYPE_F8_E5M2 },
};

/* Valid types that are no numbers, by the letter that numpy gives to their kind. */
static const char *describe_kind(char kind)
{
	switch (kind) {
	case 'O': return "Python objects; pickled objects are never read, so export a plain array";
	case 'c': return "complex numbers; export the real part";
	case 'U':
	case 'S':
	case 'a': return "text, not numbers";
	case 'M':
	case 'm': return "dates or times, not numbers";
	case 'V': return "raw bytes of unknown type; export a numeric array";
	case 'f':
	case 'i':
	case 'u':
	case 'b': return "a width that attnviz does not read; export float32";
	default: return NULL;
	}
}

enum err npy_set_descr(struct tensor *tensor, const char *descr, struct err_info *info)
{
	char order = '|';
	const char *code = descr;
	if (*code && strchr("<>=|", *code))
		order = *code++;
	for (size_t i = 0; i < sizeof descr_table / sizeof descr_table[0]; i++) {
		if (strcmp(code, descr_table[i].code) != 0)
			continue;
		tensor->dtype = descr_table[i].dtype;
		tensor->byte_swapped = (order == '<' || order == '>') && order != ORDER_HERE &&
					       dtype_size(descr_table[i].dtype) > 1;
		return ERR_OK;
	}
	bool well_formed = *code && strspn(code + 1, "0123456789") == strcspn(code + 1, "[");
	const char *kind = well_formed ? describe_kind(*code) : NULL;
	if (kind)
		return err_set(info, ERR_UNSUPPORTED, "the array (dtype '%s') holds %s", descr, kind);
	return err_set(info, ERR_FORMAT, "the .npy header names an unknown dtype '%s'", descr);
}

static enum err read_descr(struct header *header)
{
	char descr[WORD_MAX];
	skip_space(header);
	if (header->at < header->end && (*header->at == '[' || *header->at == '('))
		return err_set(header->info, ERR_UNSUPPORTED, "the array has a structured dtype (records): export each field as an array");
	if (!take_string(header, descr))
		return malformed(header, "the dtype as a string");
	header->has_descr = true;
	header->objects = descr[strspn(descr, "<>=|")] == 'O';
	return npy_set_descr(header->tensor, descr, header->info);
}

static enum err read_order(struct header *header)
{
	header->has_order = true;
	if (take_word(header, "True")) {
		header->fortran = true;
		return ERR_OK;
	}
	return take_word(header, "False") ? ERR_OK : malformed(header, "True or False");
}

static enum err read_shape(struct header *header)
{
	struct tensor *tensor = header->tensor;
	header->has_shape = true;
	tensor->rank = 0;
	if (!take(header, '('))
		return malformed(header, "a tuple of lengths");
	while (!take(header, ')')) {
		int64_t length;
		if (take(header, '-'))
			return malformed(header, "lengths that are not negative");
		if (!take_length(header, &length))
			return malformed(header, "a length");
		if (tensor->rank == TENSOR_MAX_RANK)
			return err_set(header->info, ERR_UNSUPPORTED, "the array has more than %d axes", TENSOR_MAX_RANK);
		tensor->shape[tensor->rank++] = length;
		if (take(header, ','))
			continue;
		if (tensor->rank == 1) /* (5) is a number, (5,) a tuple */
			return malformed(header, "a comma");
		return take(header, ')') ? ERR_OK : malformed(header, "a comma or a closing parenthesis");
	}
	return ERR_OK;
}

struct key_row {
	const char *name;
	size_t seen; /* offset of the flag in struct header */
	enum err (*read)(struct header *header);
};

static const struct key_row key_table[] = {
	{ "descr", offsetof(struct header, has_descr), read_descr },
	{ "fortran_order", offsetof(struct header, has_order), read_order },
	{ "shape", offsetof(struct header, has_shape), read_shape },
};

static enum err read_entry(struct header *header)
{
	char key[WORD_MAX];
	if (!take_string(header, key) || !take(header, ':'))
		return malformed(header, "a key and a colon");
	for (size_t i = 0; i < sizeof key_table / sizeof key_table[0]; i++) {
		if (strcmp(key, key_table[i].name) != 0)
			continue;
		if (*(const bool *)((const char *)header + key_table[i].seen))
			return malformed(header, "each key once");
		return key_table[i].read(header);
	}
	return malformed(header, "no key but descr, fortran_order and shape");
}

static enum err read_dictionary(struct header *header)
{
	if (!take(header, '{'))
		return malformed(header, "a dictionary");
	while (!take(header, '}')) {
		enum err err = read_entry(header);
		if (err)
			return err;
		if (take(header, ','))
			continue;
		if (!take(header, '}'))
			return malformed(header, "a comma or a closing brace");
		break;
	}
	skip_space(header);
	if (header->at != header->end)
		return malformed(header, "nothing after the dictionary");
	if (!header->has_descr || !header->has_order || !header->has_shape)
		return malformed(header, "the keys descr, fortran_order and shape");
	return ERR_OK;
}

uint64_t npy_header_size(const unsigned char *prefix, uint64_t available)
{
	if (available < 10 || memcmp(prefix, magic, MAGIC) != 0)
		return 0;
	if (prefix[6] == 1)
		return 10u + (uint64_t)(prefix[8] | prefix[9] << 8);
	if (available < NPY_PREFIX)
		return 0;
	return 12u + ((uint64_t)prefix[8] | (uint64_t)prefix[9] << 8 | (uint64_t)prefix[10] << 16 | (uint64_t)prefix[11] << 24);
}

static enum err check_prefix(const unsigned char *bytes, uint64_t size, struct err_info *info)
{
	if (size < MAGIC || memcmp(bytes, magic, MAGIC) != 0)
		return err_set(info, ERR_FORMAT, "not an .npy file: it does not begin with \\x93NUMPY");
	if (size >= 8 && (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)) {
		err_set(info, ERR_FORMAT, ".npy version %d.%d is unknown: versions 1.0, 2.0 and 3.0 are read", bytes[6], bytes[7]);
		return err_at(info, 6);
	}
	if (size < 10 || (bytes[6] > 1 && size < NPY_PREFIX))
		return err_set(info, ERR_FORMAT, "truncated within the first bytes of the .npy header");
	return ERR_OK;
}

static enum err check_size(const struct tensor *tensor, uint64_t bytes, uint64_t size, struct err_info *info)
{
	uint64_t there = size - tensor->offset;
	if (bytes <= there)
		return ERR_OK;
	char shape[128];
	err_set(info, ERR_FORMAT, "truncated: %s of shape %s needs %" PRIu64 " bytes but %" PRIu64 " are there (%" PRIu64 " missing)",
		dtype_name(tensor->dtype), tensor_shape_text(tensor, shape, sizeof shape), bytes, there, bytes - there);
	return ERR_FORMAT;
}

static struct header begin_header(const unsigned char *bytes, uint64_t data, struct tensor *tensor, struct err_info *info)
{
	uint64_t start = bytes[6] == 1 ? 10 : 12;
	return (struct header){
		.text = (const char *)bytes + start,
		.at = (const char *)bytes + start,
		.end = (const char *)bytes + data,
		.text_offset = start,
		.tensor = tensor,
		.info = info,
	};
}

bool npy_holds_objects(const unsigned char *bytes, uint64_t available)
{
	struct tensor tensor = { 0 };
	uint64_t data = npy_header_size(bytes, available);
	if (data == 0 || data > available || check_prefix(bytes, available, NULL))
		return false;
	struct header header = begin_header(bytes, data, &tensor, NULL);
	return read_dictionary(&header) == ERR_UNSUPPORTED && header.objects;
}

enum err npy_parse_front(const unsigned char *bytes, uint64_t available, uint64_t size, struct tensor *tensor, struct err_info *info)
{
	enum err err = check_prefix(bytes, available, info);
	if (err)
		return err;
	uint64_t start = bytes[6] == 1 ? 10 : 12;
	uint64_t data = npy_header_size(bytes, available);
	if (data > available) {
		err_set(info, ERR_FORMAT, "truncated: the .npy header should be %" PRIu64 " bytes long but only %" PRIu64 " follow",
			data - start, available - start);
		return err_at(info, 8);
	}
	struct header header = begin_header(bytes, data, tensor, info);
	err = read_dictionary(&header);
	if (err)
		return err;
	tensor->offset = data;
	tensor->scale = 1;
	tensor->data = NULL;
	uint64_t needed;
	if (!tensor_set_strides(tensor, header.fortran, &needed)) {
		char shape[128];
		return err_set(info, ERR_FORMAT, "the shape %s is impossible: more bytes than an address space holds",
			       tensor_shape_text(tensor, shape, sizeof shape));
	}
	return check_size(tensor, needed, size, info);
}

enum err npy_parse(const unsigned char *bytes, uint64_t size, struct tensor *tensor, struct err_info *info)
{
	enum err err = npy_parse_front(bytes, size, size, tensor, info);
	if (!err)
		tensor->data = bytes + tensor->offset;
	return err;
}

enum err tensor_as_bfloat16(struct tensor *tensor, struct err_info *info)
{
	if (dtype_size(tensor->dtype) != 2)
		return err_set(info, ERR_UNSUPPORTED, "%s is %s, %zu bytes an element: only two-byte elements can be read as bfloat16",
			       tensor->name ? tensor->name : "the tensor", dtype_name(tensor->dtype), dtype_size(tensor->dtype));
	tensor->dtype = DTYPE_BF16;
	return ERR_OK;
}

static const char *descr_of(enum dtype dtype)
{
	for (size_t i = 0; i < sizeof descr_table / sizeof descr_table[0]; i++)
		if (descr_table[i].dtype == dtype)
			return descr_table[i].code;
	return "";
}

void npy_header(struct strbuf *out, enum dtype dtype, int rank, const int64_t *shape)
{
	enum { PREFIX = 10, ALIGNMENT = 64 };
	struct strbuf text;
	strbuf_init(&text);
	char order = dtype_size(dtype) == 1 ? '|' : ORDER_HERE;
	strbuf_addf(&text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", order, descr_of(dtype));
	for (int axis = 0; axis < rank; axis++)
		strbuf_addf(&text, axis ? ", %" PRId64 : "%" PRId64, shape[axis]);
	strbuf_addstr(&text, rank == 1 ? ",), }" : "), }");
	size_t padding = (ALIGNMENT - (PREFIX + text.len + 1) % ALIGNMENT) % ALIGNMENT;
	strbuf_addf(&text, "%*s\n", (int)padding, "");

	strbuf_add(out, magic, MAGIC);
	strbuf_add(out, "\x01", 2);
	strbuf_addch(out, (int)(text.len & 0xff));
	strbuf_addch(out, (int)(text.len >> 8));
	strbuf_add(out, text.buf, text.len);
	out->failed = out->failed || strbuf_failed(&text);
	strbuf_release(&text);
}
