/* SPDX-License-Identifier: MIT */
/*
 * Tensors as they lie in a file, and the one view of them that everything else uses.
 *
 * A tensor describes bytes that somebody else owns (a mapped file, an inflated archive member). Elements are decoded a tile at a
 * time, never the whole file.
 */
#ifndef ATTNVIZ_TENSOR_TENSOR_H
#define ATTNVIZ_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum dtype {
	DTYPE_F64, DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_F8_E4M3, DTYPE_F8_E5M2,
	DTYPE_I64, DTYPE_I32, DTYPE_I16, DTYPE_I8,
	DTYPE_U64, DTYPE_U32, DTYPE_U16, DTYPE_U8, DTYPE_BOOL,
	DTYPE_COUNT
};

size_t dtype_size(enum dtype dtype);          /* bytes an element */
const char *dtype_name(enum dtype dtype);     /* "float32", "bfloat16", "float8_e4m3fn", ... */
bool dtype_is_float(enum dtype dtype);

enum { TENSOR_MAX_RANK = 8 };

struct tensor {
	const char *name;  /* in its container, or the file's name; owned by the archive that holds it */
	const char *file;  /* for messages; owned by the archive */
	enum dtype dtype;
	bool byte_swapped; /* elements are of the other endianness */
	int rank;          /* 0 .. TENSOR_MAX_RANK */
	int64_t shape[TENSOR_MAX_RANK];
	int64_t stride[TENSOR_MAX_RANK]; /* in elements; C or Fortran order, or any view */
	const unsigned char *data;
	uint64_t offset;   /* of data in the file, for messages */
	double scale;      /* multiplies every decoded element: 1, or the scale of a quantised (f8) tensor */
};

/* Product of the shape; 1 for rank 0. Readers have checked that it does not overflow and that the bytes exist. */
int64_t tensor_count(const struct tensor *tensor);

/* Strides of elements that lie densely, in C order (the last axis is the innermost) or Fortran order (the first). *bytes
 * becomes the size of the data; false where it exceeds what an int64_t holds (lengths of zero left out of the product). */
bool tensor_set_strides(struct tensor *tensor, bool fortran, uint64_t *bytes);

/* The element at flat C-order position `flat`, whatever the strides. */
double tensor_at(const struct tensor *tensor, int64_t flat);

/* The same for lists of whole numbers (ids, lengths, positions), exactly. ERR_VALUE, with the tensor, the element and the number as it
 * is, for a number that is not whole or that no int64_t holds. */
enum err tensor_integer_at(const struct tensor *tensor, int64_t flat, int64_t *value, struct err_info *info);

/* Decode `count` elements that lie `step` elements apart, from element offset `first` (in elements of the storage, as strides
 * count). */
void tensor_decode_f32(const struct tensor *tensor, int64_t first, int64_t step, int64_t count, float *out);
void tensor_decode_f64(const struct tensor *tensor, int64_t first, int64_t step, int64_t count, double *out);

/* "(12, 128, 64)" into a caller's buffer of at least 128 bytes; returns it. */
const char *tensor_shape_text(const struct tensor *tensor, char *buffer, size_t size);

/*
 * The canonical view: (layer, batch, head, token, dim). For ready weights, token is the query and dim the key; for a mask
 * likewise. Axes that the file does not have are 1 long; an axis of length 1 may be broadcast by the reader of the view
 * (stride 0).
 *
 * The layers are either an axis of one tensor (tensor_count 1) or one tensor each (tensor_count == size[AXIS_LAYER]).
 */
enum axis { AXIS_LAYER, AXIS_BATCH, AXIS_HEAD, AXIS_TOKEN, AXIS_DIM, AXIS_COUNT };

struct heads {
	const struct tensor *const *tensors; /* owned by whoever made the view */
	int64_t tensor_count;
	int64_t size[AXIS_COUNT];
	int64_t stride[AXIS_COUNT];          /* in elements; of the layer axis only where tensor_count is 1 */
	int64_t head_group;                  /* 0, or the heads of a group in a grouped fusion: then head h lies at */
	int64_t head_group_stride;           /* (h / head_group) * head_group_stride + (h % head_group) * stride[AXIS_HEAD] */
	int64_t first;                       /* element offset of index (0,0,0,0,0), e.g. of K inside a fused QKV */
	bool present[AXIS_COUNT];            /* the file had this axis (it is kept in what we write) */
	const struct heads *shard;           /* the token axis is in pieces, one view each (all of the same size but for AXIS_TOKEN), and */
	const int64_t *shard_end;            /* piece s holds the tokens shard_end[s - 1] .. shard_end[s] - 1; strides and first are theirs */
	int64_t shard_count;                 /* 0: in one piece */
	bool matrix;                         /* token is the query and dim the key: weights, masks (for messages) */
};

/* The tensor of a layer, and the element offset of (layer, batch, head, token, 0). Indices on axes of length 1 are ignored
 * (broadcast). */
const struct tensor *heads_locate(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t *first);

/* Vectors whose elements are smaller than these have products and sums of products that are finite in the type, also times a scale of up to 2^24. */
#define VECTOR_LARGEST_F32 0x1p45
#define VECTOR_LARGEST_F64 0x1p480

/* Position of the first float that is not finite, or not smaller than that; -1 where there is none. */
int64_t vector_find_too_large(const float *value, int64_t count);

/*
 * Decode tokens [token, token + count) of one head, `dim` columns each (all of them), row by row into out with `out_stride`
 * elements from row to row. A NaN, an infinity and, but for matrices, a magnitude from VECTOR_LARGEST on is ERR_VALUE; the text gives the tensor's name and
 * the index of the first one on each axis that the file has. A float64 beyond the range of float32 is refused likewise by the f32 forms. Where
 * `allow_nonfinite` is set everything passes (masks hold -inf).
 */
enum err heads_decode_f32(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t count,
			  bool allow_nonfinite, float *out, int64_t out_stride, struct err_info *info);
enum err heads_decode_f64(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t count,
			  bool allow_nonfinite, double *out, int64_t out_stride, struct err_info *info);

/* One row, columns [dim, dim + count): for matrices whose rows are too long to decode whole. */
enum err heads_decode_part_f32(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t dim,
			       int64_t count, bool allow_nonfinite, float *out, struct err_info *info);
enum err heads_decode_part_f64(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t dim,
			       int64_t count, bool allow_nonfinite, double *out, struct err_info *info);

#endif
