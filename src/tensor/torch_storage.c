/* SPDX-License-Identifier: MIT */
#include "tensor/torch_storage.h"

#include <string.h>

#include "base/memory.h"
#include "tensor/torch_stream.h"

static const struct type_row {
	const char *storage; /* as the class of the storage is called */
	const char *name;    /* as torch calls the dtype */
	const char *short_name;
	unsigned size;
	enum dtype dtype;    /* DTYPE_COUNT: not read */
} type_table[] = {
	{ "FloatStorage", "float32", "float", 4, DTYPE_F32 },
	{ "DoubleStorage", "float64", "double", 8, DTYPE_F64 },
	{ "HalfStorage", "float16", "half", 2, DTYPE_F16 },
	{ "BFloat16Storage", "bfloat16", "", 2, DTYPE_BF16 },
	{ "LongStorage", "int64", "long", 8, DTYPE_I64 },
	{ "IntStorage", "int32", "int", 4, DTYPE_I32 },
	{ "ShortStorage", "int16", "short", 2, DTYPE_I16 },
	{ "CharStorage", "int8", "", 1, DTYPE_I8 },
	{ "ByteStorage", "uint8", "", 1, DTYPE_U8 },
	{ "BoolStorage", "bool", "", 1, DTYPE_BOOL },
	{ "", "uint16", "", 2, DTYPE_U16 },
	{ "", "uint32", "", 4, DTYPE_U32 },
	{ "", "uint64", "", 8, DTYPE_U64 },
	{ "", "float8_e4m3fn", "", 1, DTYPE_F8_E4M3 },
	{ "", "float8_e5m2", "", 1, DTYPE_F8_E5M2 },
	{ "ComplexFloatStorage", "complex64", "cfloat", 8, DTYPE_COUNT },
	{ "ComplexDoubleStorage", "complex128", "cdouble", 16, DTYPE_COUNT },
	{ "QInt8Storage", "qint8", "", 1, DTYPE_COUNT },
	{ "QUInt8Storage", "quint8", "", 1, DTYPE_COUNT },
	{ "QInt32Storage", "qint32", "", 4, DTYPE_COUNT },
	{ "QUInt4x2Storage", "quint4x2", "", 1, DTYPE_COUNT },
	{ "QUInt2x4Storage", "quint2x4", "", 1, DTYPE_COUNT },
	{ "UntypedStorage", "", "", 1, DTYPE_COUNT },
	{ "_UntypedStorage", "", "", 1, DTYPE_COUNT },
};

static const struct type_row *find_storage_type(const struct pickle_value *name)
{
	for (size_t i = 0; i < sizeof type_table / sizeof type_table[0]; i++)
		if (*type_table[i].storage && pickle_is_text(name, type_table[i].storage))
			return &type_table[i];
	return NULL;
}

static const struct type_row *find_dtype(const struct pickle_value *name)
{
	for (size_t i = 0; i < sizeof type_table / sizeof type_table[0]; i++)
		if ((*type_table[i].name && pickle_is_text(name, type_table[i].name)) ||
		    (*type_table[i].short_name && pickle_is_text(name, type_table[i].short_name)))
			return &type_table[i];
	return NULL;
}

static enum err bad_storage(struct err_info *info)
{
	return err_set(info, ERR_FORMAT, "the pickle refers to a storage in no form that torch.save writes");
}

/* (key of the view, first element, elements), of versions before 0.4: the storage is a part of another one, which has the key. */
static bool read_view(struct torch_storage *storage, const struct pickle_value *view)
{
	struct pickle_value first = pickle_item(view, 1);
	if (view->kind == PICKLE_NONE)
		return true;
	return first.kind == PICKLE_INT && first.u.integer >= 0 &&
	       !__builtin_mul_overflow((uint64_t)first.u.integer, storage->element, &storage->first) && storage->first <= storage->size;
}

enum err torch_storage_read(struct torch_storage *storage, const struct pickle_value *id, enum dtype *dtype, struct err_info *info)
{
	struct pickle_value tag = pickle_item(id, 0), type = pickle_item(id, 1), key = pickle_item(id, 2), count = pickle_item(id, 4),
		view = pickle_item(id, 5);
	memset(storage, 0, sizeof *storage);
	bool named = type.kind == PICKLE_NAME && type.u.object->meaning == MEANING_STORAGE;
	if (!pickle_is_text(&tag, "storage") || !named || (key.kind != PICKLE_TEXT && key.kind != PICKLE_BYTES) || count.kind != PICKLE_INT ||
	    count.u.integer < 0)
		return bad_storage(info);
	const struct type_row *row = find_storage_type(&type.u.object->item[1]);
	if (!row)
		return err_set(info, ERR_UNSUPPORTED, "the pickle holds a storage of the unknown type %.*s", (int)(type.u.object->item[1].length & 63),
			       (const char *)type.u.object->item[1].u.bytes);
	storage->key = key.u.bytes;
	storage->key_length = key.length;
	storage->element = row->size;
	*dtype = row->dtype;
	if (__builtin_mul_overflow((uint64_t)count.u.integer, row->size, &storage->size) || storage->size > INT64_MAX || !read_view(storage, &view))
		return bad_storage(info);
	return ERR_OK;
}

/* A storage that was pickled as bytes: a whole stream of its own, whose object is the storage. */
static enum err read_storage_bytes(struct tensor *tensor, struct torch_storage *storage, const struct pickle_value *call, enum dtype *dtype,
				   int64_t *steps, struct err_info *info)
{
	struct pickle_value arguments = pickle_part(call, PICKLE_ARGUMENTS), bytes = pickle_item(&arguments, 0);
	struct torch_stream stream = { 0 };
	const struct torch_storage *found = NULL;
	if (bytes.kind != PICKLE_BYTES || !torch_stream_probe(bytes.u.bytes, (size_t)bytes.length))
		return err_set(info, ERR_UNSUPPORTED, "the pickle holds a storage in another form than torch's old one");
	enum err err = torch_stream_open(&stream, bytes.u.bytes, bytes.length, info);
	*steps -= (int64_t)stream.used;
	if (!err && stream.object.root.kind == PICKLE_STORED)
		err = torch_storage_read(storage, &stream.object.root.u.object->item[0], dtype, info);
	else if (!err)
		err = bad_storage(info);
	found = err ? NULL : torch_stream_find(&stream, storage);
	if (!err && (!found || !found->first))
		err = bad_storage(info);
	if (!err)
		tensor->data = bytes.u.bytes + found->first;
	storage->key = NULL;
	torch_stream_release(&stream);
	return err;
}

static bool read_lengths(const struct pickle_value *list, int64_t *out)
{
	for (uint32_t i = 0; i < list->u.object->count; i++) {
		struct pickle_value length = list->u.object->item[i];
		if (length.kind != PICKLE_INT || length.u.integer < 0)
			return false;
		out[i] = length.u.integer;
	}
	return true;
}

/* torch.Size is a call, or a tuple. */
static struct pickle_value as_tuple(struct pickle_value value)
{
	struct pickle_value arguments = pickle_part(&value, PICKLE_ARGUMENTS);
	return pickle_called(&value) == MEANING_LIST ? pickle_item(&arguments, 0) : value;
}

/* Elements from the storage's beginning to the end of the view; false where that overflows. A view may repeat elements (expand), but not beyond what anybody
 * could want to look at. */
static bool view_reach(const struct tensor *tensor, int64_t first, int64_t *reach)
{
	const int64_t most = (int64_t)1 << 48;
	int64_t count = 1, last = first, step;
	bool empty = false;
	for (int axis = 0; axis < tensor->rank; axis++) {
		int64_t length = tensor->shape[axis];
		empty = empty || length == 0;
		if (length && (!mem_mul_i64(count, length, &count) || count > most))
			return false;
		if (length && (!mem_mul_i64(length - 1, tensor->stride[axis], &step) || __builtin_add_overflow(last, step, &last)))
			return false;
	}
	*reach = empty ? 0 : last;
	return empty || !__builtin_add_overflow(last, 1, reach);
}

/* Conjugations and negations that torch has put off until somebody reads the numbers. */
static bool is_negated(const struct pickle_value *metadata)
{
	for (uint32_t i = 0; metadata->kind == PICKLE_DICT && i + 1 < metadata->u.object->count; i += 2)
		if (pickle_is_text(&metadata->u.object->item[i], "neg") && metadata->u.object->item[i + 1].u.integer)
			return true;
	return false;
}

static enum err read_view_of(struct tensor *tensor, struct torch_storage *storage, const struct pickle_value *arguments, const char **reason,
			     struct err_info *info)
{
	static const char odd[] = "the pickle holds a tensor in no form that torch.save writes";
	struct pickle_value offset = pickle_item(arguments, 1), size = as_tuple(pickle_item(arguments, 2)), stride = as_tuple(pickle_item(arguments, 3));
	if (size.kind != PICKLE_TUPLE || stride.kind != PICKLE_TUPLE || size.u.object->count != stride.u.object->count ||
	    offset.kind != PICKLE_INT || offset.u.integer < 0)
		return err_set(info, ERR_FORMAT, "%s", odd);
	if (size.u.object->count > TENSOR_MAX_RANK) {
		*reason = "more than 8 axes";
		return ERR_OK;
	}
	tensor->rank = (int)size.u.object->count;
	int64_t reach, first;
	if (!read_lengths(&size, tensor->shape) || !read_lengths(&stride, tensor->stride) || !view_reach(tensor, offset.u.integer, &reach))
		return err_set(info, ERR_FORMAT, "%s: its lengths and strides are impossible", odd);
	int64_t bytes = (int64_t)dtype_size(tensor->dtype), before = (int64_t)storage->first;
	if (!mem_mul_i64(reach, bytes, &reach) || !mem_mul_i64(offset.u.integer, bytes, &first) ||
	    __builtin_add_overflow(reach, reach ? before : 0, &reach) || (uint64_t)reach > storage->size)
		return err_set(info, ERR_FORMAT, "a tensor reaches beyond its storage");
	storage->first = (uint64_t)(reach ? first + before : 0);
	storage->reach = (uint64_t)reach;
	return ERR_OK;
}

enum err torch_tensor_read(struct tensor *tensor, struct torch_storage *storage, const struct pickle_value *call, const char **reason, int64_t *steps,
			   struct err_info *info)
{
	bool typed = pickle_called(call) == MEANING_TENSOR_TYPED;
	struct pickle_value arguments = pickle_part(call, PICKLE_ARGUMENTS), source = pickle_item(&arguments, 0), type = pickle_item(&arguments, 6),
		metadata = pickle_item(&arguments, typed ? 7 : 6);
	enum dtype dtype = DTYPE_COUNT;
	enum err err;
	tensor->data = NULL;
	if (source.kind == PICKLE_STORED)
		err = torch_storage_read(storage, &source.u.object->item[0], &dtype, info);
	else if (pickle_called(&source) == MEANING_STORAGE_BYTES)
		err = read_storage_bytes(tensor, storage, &source, &dtype, steps, info);
	else
		err = bad_storage(info);
	if (err)
		return err;
	const struct type_row *row = typed && type.kind == PICKLE_NAME ? find_dtype(&type.u.object->item[1]) : NULL;
	if (typed)
		dtype = row ? row->dtype : DTYPE_COUNT;
	if (is_negated(&metadata))
		*reason = "negated when it is read: save it after resolve_neg()";
	else if (dtype == DTYPE_COUNT)
		*reason = "its type is not read";
	if (*reason)
		return ERR_OK;
	tensor->dtype = dtype;
	tensor->byte_swapped = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && dtype_size(dtype) > 1;
	err = read_view_of(tensor, storage, &arguments, reason, info);
	if (!err && tensor->data)
		tensor->data += storage->first;
	return err;
}
