/* SPDX-License-Identifier: MIT */
/* .h5: datasets of HDF5, by the paths of their groups. Through libhdf5, where attnviz was built with it (make HDF5=1). */
#include <stdlib.h>
#include <string.h>

#include "tensor/readers.h"

static bool probe(const unsigned char *head, size_t size)
{
	return size >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

#ifdef ATTNVIZ_HDF5

#include <hdf5.h>
#include <inttypes.h>

#include "base/memory.h"

/* The most that deflate, the densest of the common filters, packs into a byte; and what small files may hold beyond. */
enum { PACK_RATIO = 1032, PACK_SLACK = 1 << 16 };

struct hdf5 {
	struct bytes bytes;
	hid_t file;
	void **loaded; /* of each tensor; NULL where it lies in the file as it is */
	size_t capacity;
};

struct listing {
	struct archive *archive;
	size_t capacity;
	enum err err;
	struct err_info *info;
};

static hid_t open_file(const struct archive *archive, const struct bytes *bytes)
{
	hid_t access = H5Pcreate(H5P_FILE_ACCESS);
	hid_t file = -1;
	if (access < 0)
		return -1;
	if (bytes->mapped)
		file = H5Fopen(archive->file, H5F_ACC_RDONLY, access);
	else if (H5Pset_fapl_core(access, 1 << 20, 0) >= 0 && H5Pset_file_image(access, (void *)bytes->data, (size_t)bytes->size) >= 0)
		file = H5Fopen("memory", H5F_ACC_RDONLY, access);
	H5Pclose(access);
	return file;
}

static bool integer_dtype(size_t size, bool is_signed, enum dtype *dtype)
{
	static const enum dtype types[2][9] = {
		{ [1] = DTYPE_U8, [2] = DTYPE_U16, [4] = DTYPE_U32, [8] = DTYPE_U64 }, { [1] = DTYPE_I8, [2] = DTYPE_I16, [4] = DTYPE_I32, [8] = DTYPE_I64 },
	};
	bool known = size == 1 || size == 2 || size == 4 || size == 8;
	*dtype = known ? types[is_signed][size] : DTYPE_COUNT;
	return known;
}

static bool float_dtype(hid_t type, enum dtype *dtype)
{
	size_t sign, exponent, exponent_size, mantissa, mantissa_size, size = H5Tget_size(type);
	static const struct {
		size_t size, exponent, mantissa;
		enum dtype dtype;
	} rows[] = { { 2, 5, 10, DTYPE_F16 }, { 2, 8, 7, DTYPE_BF16 }, { 4, 8, 23, DTYPE_F32 }, { 8, 11, 52, DTYPE_F64 } };
	if (H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size) < 0)
		return false;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].size == size && rows[i].exponent == exponent_size && rows[i].mantissa == mantissa_size) {
			*dtype = rows[i].dtype;
			return true;
		}
	return false;
}

/* h5py writes booleans as an enumeration of FALSE and TRUE on int8. */
static bool is_boolean(hid_t type)
{
	signed char off = 1, on = 0;
	return H5Tget_nmembers(type) == 2 && H5Tget_size(type) == 1 && H5Tenum_valueof(type, "FALSE", &off) >= 0 &&
	       H5Tenum_valueof(type, "TRUE", &on) >= 0 && off == 0 && on == 1;
}

static bool read_type(hid_t type, struct tensor *tensor)
{
	H5T_class_t class = H5Tget_class(type);
	bool known = class == H5T_INTEGER ? integer_dtype(H5Tget_size(type), H5Tget_sign(type) == H5T_SGN_2, &tensor->dtype)
		   : class == H5T_FLOAT	  ? float_dtype(type, &tensor->dtype)
					  : class == H5T_ENUM && is_boolean(type);
	if (known && class == H5T_ENUM)
		tensor->dtype = DTYPE_BOOL;
	if (!known || dtype_size(tensor->dtype) == 1)
		return known;
	H5T_order_t order = H5Tget_order(type), here = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? H5T_ORDER_LE : H5T_ORDER_BE;
	tensor->byte_swapped = order != here;
	return order == H5T_ORDER_LE || order == H5T_ORDER_BE;
}

/* NULL, or why the dataset is not read. */
static const char *read_dataset(hid_t set, struct tensor *tensor)
{
	hsize_t length[H5S_MAX_RANK];
	hid_t type = H5Dget_type(set), space = H5Dget_space(set);
	const char *reason = type < 0 || space < 0 ? "damaged" : NULL;
	int rank = reason ? -1 : H5Sget_simple_extent_ndims(space);
	if (!reason && H5Sget_simple_extent_type(space) == H5S_NULL)
		reason = "without elements";
	else if (!reason && (rank < 0 || rank > TENSOR_MAX_RANK))
		reason = "more than 8 axes";
	else if (!reason && !read_type(type, tensor))
		reason = "text, records or numbers of another width";
	if (!reason && rank > 0 && H5Sget_simple_extent_dims(space, length, NULL) != rank)
		reason = "damaged";
	tensor->rank = reason ? 0 : rank;
	for (int axis = 0; axis < tensor->rank; axis++)
		tensor->shape[axis] = length[axis] <= INT64_MAX / 2 ? (int64_t)length[axis] : INT64_MAX / 2;
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	return reason;
}

/* Are the elements in other files? They are not read: who sends a file does not choose which others are opened. */
static bool is_elsewhere(hid_t set)
{
	hid_t created = H5Dget_create_plist(set);
	bool elsewhere = created < 0 || H5Pget_external_count(created) != 0 || H5Pget_layout(created) == H5D_VIRTUAL;
	if (created >= 0)
		H5Pclose(created);
	return elsewhere;
}

/* Where the elements lie one after another in the file as they are. */
static void place_dataset(hid_t set, struct tensor *tensor, uint64_t needed, const struct bytes *bytes)
{
	haddr_t offset = H5Dget_offset(set);
	if (offset == HADDR_UNDEF || offset > bytes->size || needed > bytes->size - offset || !needed)
		return;
	tensor->data = bytes->data + offset;
	tensor->offset = offset;
}

static enum err add_dataset(struct listing *listing, hid_t set, const char *name)
{
	struct archive *archive = listing->archive;
	struct hdf5 *hdf5 = archive->state;
	struct tensor found = { .scale = 1 };
	uint64_t needed, most;
	const char *reason = is_elsewhere(set) ? "kept in other files" : read_dataset(set, &found);
	if (reason) {
		archive_skip(archive, name, reason);
		return ERR_OK;
	}
	most = (uint64_t)H5Dget_storage_size(set);
	most = most > hdf5->bytes.size ? hdf5->bytes.size : most;
	if (!tensor_set_strides(&found, false, &needed) || needed > most * PACK_RATIO + PACK_SLACK) {
		archive_skip(archive, name, "more elements than its bytes can hold: written in part, or damaged");
		return ERR_OK;
	}
	void *list = hdf5->loaded;
	if (!mem_grow(&list, &hdf5->capacity, archive->count + 1, sizeof *hdf5->loaded))
		return err_nomem(listing->info, "the tensor list");
	hdf5->loaded = list;
	hdf5->loaded[archive->count] = NULL;
	struct tensor *tensor = archive_add(archive, &listing->capacity, name, strlen(name));
	if (!tensor)
		return err_nomem(listing->info, "the tensor list");
	found.name = tensor->name;
	found.file = tensor->file;
	*tensor = found;
	place_dataset(set, tensor, needed, &hdf5->bytes);
	return ERR_OK;
}

static herr_t visit(hid_t file, const char *name, const H5O_info_t *object, void *data)
{
	struct listing *listing = data;
	if (object->type != H5O_TYPE_DATASET)
		return 0;
	hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
	if (set < 0)
		listing->err = err_set(listing->info, ERR_FORMAT, "dataset %s cannot be opened: the file is damaged", name);
	else
		listing->err = add_dataset(listing, set, name);
	if (set >= 0)
		H5Dclose(set);
	return listing->err ? 1 : 0;
}

static enum err open_hdf5(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct hdf5 *hdf5 = archive->state = calloc(1, sizeof *hdf5);
	if (!hdf5)
		return err_nomem(info, "the HDF5 file");
	hdf5->bytes = *bytes;
	memset(bytes, 0, sizeof *bytes);
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	hdf5->file = open_file(archive, &hdf5->bytes);
	if (hdf5->file < 0)
		return err_set(info, ERR_FORMAT, "not a whole HDF5 file, or one that the library of this system does not read");
	struct listing listing = { .archive = archive, .info = info };
	herr_t result = H5Ovisit2(hdf5->file, H5_INDEX_NAME, H5_ITER_NATIVE, visit, &listing, H5O_INFO_BASIC);
	if (!listing.err && result < 0)
		return err_set(info, ERR_FORMAT, "the HDF5 file is damaged");
	return listing.err;
}

/* The elements as the file has them, in its own type and byte order. */
static enum err load_hdf5(struct archive *archive, struct tensor *tensor, struct err_info *info)
{
	struct hdf5 *hdf5 = archive->state;
	uint64_t needed;
	tensor_set_strides(tensor, false, &needed);
	unsigned char *block = mem_array((size_t)needed, 1);
	hid_t set = H5Dopen2(hdf5->file, tensor->name, H5P_DEFAULT), type = set < 0 ? -1 : H5Dget_type(set);
	herr_t result = block && type >= 0 ? H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, block) : -1;
	if (type >= 0)
		H5Tclose(type);
	if (set >= 0)
		H5Dclose(set);
	if (!block)
		return err_nomem(info, "a dataset");
	if (result < 0) {
		free(block);
		return err_set(info, ERR_FORMAT, "dataset %s cannot be read: it is damaged, or packed by a filter that is not installed", tensor->name);
	}
	hdf5->loaded[tensor - archive->tensor] = block;
	tensor->data = block;
	return ERR_OK;
}

static void forget_hdf5(const struct archive *archive)
{
	bytes_forget(&((const struct hdf5 *)archive->state)->bytes);
}

static void close_hdf5(struct archive *archive)
{
	struct hdf5 *hdf5 = archive->state;
	if (!hdf5)
		return;
	for (size_t i = 0; i < archive->count; i++)
		free(hdf5->loaded[i]);
	free(hdf5->loaded);
	if (hdf5->file > 0)
		H5Fclose(hdf5->file);
	bytes_release(&hdf5->bytes);
	free(hdf5);
}

#else

static enum err open_hdf5(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	(void)archive, (void)bytes;
	return err_set(info, ERR_UNSUPPORTED, "this is an HDF5 file, and attnviz was built without HDF5: build it with make HDF5=1, or export the arrays with numpy.savez");
}

#define load_hdf5 NULL
#define forget_hdf5 NULL

static void close_hdf5(struct archive *archive)
{
	(void)archive;
}

#endif

const struct reader reader_hdf5 = {
	.name = "hdf5",
	.suffixes = ".h5 .hdf5",
	.probe = probe,
	.open = open_hdf5,
	.load = load_hdf5,
	.forget = forget_hdf5,
	.close = close_hdf5,
};
