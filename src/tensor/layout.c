/* SPDX-License-Identifier: MIT */
#include "tensor/layout.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { PACKED_MAX = 4 };

/* One axis of the tensor and the letters that are packed into it, outermost first. */
struct packed_axis {
	char letter[PACKED_MAX];
	int count;
};

struct resolution {
	const struct tensor *tensor;
	const struct layout_request *request;
	const char *letters;
	struct packed_axis axis[TENSOR_MAX_RANK];
	int axes;
	struct heads *view;
	struct err_info *info;
	char shape[128];
};

static bool is_matrix(enum layout_role role)
{
	return role == LAYOUT_WEIGHTS || role == LAYOUT_MASK;
}

static const char *name_of(const struct tensor *tensor)
{
	return tensor->name ? tensor->name : "the tensor";
}

const char *layout_default(enum layout_role role, int rank, bool layers)
{
	static const char *const vectors[] = { NULL, NULL, "ND", "HND", "BHND", "LBHND" };
	static const char *const matrices[] = { NULL, "M", "NM", "HNM", "BHNM", "LBHNM" };
	if (rank < 0 || rank > 5 || (rank == 1 && role != LAYOUT_MASK))
		return NULL;
	if (rank == 4 && layers)
		return is_matrix(role) ? "LHNM" : "LHND";
	return is_matrix(role) ? matrices[rank] : vectors[rank];
}

/* The default where the heads are packed into another axis. */
static const char *packed_default(enum layout_role role, int rank, bool layers)
{
	static const char *const vectors[] = { NULL, NULL, "ND", "BND", "LBND" };
	if (is_matrix(role))
		return rank == 3 ? "(BH)NM" : NULL;
	if (rank == 3 && layers)
		return "LND";
	return rank >= 0 && rank <= 4 ? vectors[rank] : NULL;
}

const char *layout_letters(const struct layout_request *request, int rank)
{
	if (request->letters)
		return request->letters;
	if (request->heads_in || request->fusion)
		return packed_default(request->role, rank, request->layers);
	return layout_default(request->role, rank, request->layers);
}

const char *layout_alternatives(enum layout_role role, int rank, const char *used, char *buffer, size_t size)
{
	static const char *const vectors[][4] = {
		[2] = { "ND" }, [3] = { "HND", "NHD", "BND" }, [4] = { "BHND", "BNHD", "LHND", "LNHD" }, [5] = { "LBHND", "LBNHD" },
	};
	static const char *const matrices[][4] = {
		[2] = { "NM" }, [3] = { "HNM", "BNM" }, [4] = { "BHNM", "LHNM" }, [5] = { "LBHNM" },
	};
	const char *found[4];
	int count = 0;
	for (int i = 0; rank >= 2 && rank <= 5 && i < 4; i++) {
		const char *letters = is_matrix(role) ? matrices[rank][i] : vectors[rank][i];
		if (letters && (!used || strcmp(letters, used) != 0))
			found[count++] = letters;
	}
	buffer[0] = '\0';
	for (int i = 0; i < count; i++) {
		size_t length = strlen(buffer);
		const char *joint = i == 0 ? "" : i == count - 1 ? " or " : ", ";
		snprintf(buffer + length, size - length, "%s%s", joint, found[i]);
	}
	return buffer;
}

static enum err bad_layout(struct resolution *r, const char *reason)
{
	return err_set(r->info, ERR_USAGE, "--layout %s: %s (%s has the shape %s)", r->letters, reason, name_of(r->tensor), r->shape);
}

static bool letter_allowed(const struct resolution *r, char letter)
{
	if (is_matrix(r->request->role))
		return strchr("LBHNM1", letter) != NULL;
	if (r->request->role == LAYOUT_QUERY)
		return strchr("LBHND13", letter) != NULL;
	return strchr("LBHNMD123", letter) != NULL;
}

static enum err refuse_letter(struct resolution *r, char letter)
{
	static const char *const expected[] = {
		[LAYOUT_QUERY] = "L B H N D 1 3 for queries", [LAYOUT_KEY] = "L B H N D 1 2 3 for keys",
		[LAYOUT_VALUE] = "L B H N D 1 2 3 for values", [LAYOUT_WEIGHTS] = "L B H N M 1 for weights",
		[LAYOUT_MASK] = "L B H N M 1 for masks",
	};
	return err_set(r->info, ERR_USAGE, "--layout %s: '%c' is no axis of %s: the letters are %s", r->letters, letter,
		       name_of(r->tensor), expected[r->request->role]);
}

/* Letters and parentheses into one packed_axis for each axis of the tensor. */
static enum err split_letters(struct resolution *r)
{
	bool open = false;
	for (const char *at = r->letters; *at; at++) {
		if (*at == '(' || *at == ')') {
			if ((*at == '(') == open || (open && r->axis[r->axes - 1].count == 0))
				return bad_layout(r, "the parentheses do not match");
			open = *at == '(';
			if (!open)
				continue;
		} else if (!letter_allowed(r, *at)) {
			return refuse_letter(r, *at);
		}
		if (*at == '(' || !open) {
			if (r->axes == TENSOR_MAX_RANK)
				return bad_layout(r, "too many axes");
			r->axis[r->axes++].count = 0;
		}
		struct packed_axis *axis = &r->axis[r->axes - 1];
		if (*at == '(')
			continue;
		if (axis->count == PACKED_MAX)
			return bad_layout(r, "too many letters in one axis");
		axis->letter[axis->count++] = *at;
	}
	if (open)
		return bad_layout(r, "the parentheses do not match");
	if (r->axes == r->tensor->rank)
		return ERR_OK;
	return err_set(r->info, ERR_SHAPE, "%s has the shape %s, %d axes, but --layout %s names %d", name_of(r->tensor), r->shape,
		       r->tensor->rank, r->letters, r->axes);
}

/* --heads-in without the letter H: the heads are in the dim axis. */
static enum err pack_heads(struct resolution *r)
{
	if (r->request->heads_in == 0 || r->request->fusion)
		return ERR_OK;
	struct packed_axis *dim = NULL;
	for (int i = 0; i < r->axes; i++) {
		struct packed_axis *axis = &r->axis[i];
		if (memchr(axis->letter, 'H', (size_t)axis->count))
			return axis->count > 1 ? ERR_OK : bad_layout(r, "it has an axis of heads already, so --heads-in does not apply");
		if (axis->count == 1 && axis->letter[0] == 'D')
			dim = axis;
	}
	if (!dim)
		return bad_layout(r, "--heads-in needs an axis D, or one such as (BH), that holds the heads");
	dim->letter[0] = 'H';
	dim->letter[1] = 'D';
	dim->count = 2;
	return ERR_OK;
}

static enum err assign(struct resolution *r, char letter, int64_t size, int64_t stride)
{
	static const char letters[AXIS_COUNT + 1] = "LBHND";
	struct heads *view = r->view;
	if (letter == '1') {
		if (size == 1)
			return ERR_OK;
		return err_set(r->info, ERR_SHAPE, "%s has the shape %s: the axis that --layout %s calls 1 is %lld long",
			       name_of(r->tensor), r->shape, r->letters, (long long)size);
	}
	if (letter == '2' || letter == '3') {
		if (size != letter - '0')
			return err_set(r->info, ERR_SHAPE, "%s has the shape %s: the axis that --layout %s calls %c is %lld long",
				       name_of(r->tensor), r->shape, r->letters, letter, (long long)size);
		int64_t part = (int64_t)r->request->role - (letter == '3' ? LAYOUT_QUERY : LAYOUT_KEY);
		view->first += part * stride;
		return ERR_OK;
	}
	enum axis axis;
	if (letter == 'M')
		axis = is_matrix(r->request->role) ? AXIS_DIM : AXIS_TOKEN;
	else
		axis = (enum axis)(strchr(letters, letter) - letters);
	if (view->present[axis])
		return bad_layout(r, "a letter stands twice");
	view->present[axis] = true;
	view->size[axis] = size;
	view->stride[axis] = stride;
	return ERR_OK;
}

/* Length of a packed letter, 0 where only the axis tells. */
static int64_t known_size(const struct resolution *r, char letter)
{
	if (letter == 'H')
		return r->request->heads_in;
	return letter >= '1' && letter <= '3' ? letter - '0' : 0;
}

static enum err unpack(struct resolution *r, int index)
{
	const struct packed_axis *axis = &r->axis[index];
	int64_t size = r->tensor->shape[index], stride = r->tensor->stride[index];
	if (axis->count == 1)
		return assign(r, axis->letter[0], size, stride);
	int64_t known = 1;
	int unknown = 0;
	for (int i = 0; i < axis->count; i++) {
		int64_t length = known_size(r, axis->letter[i]);
		unknown += length == 0;
		if (length && !mem_mul_i64(known, length, &known))
			return bad_layout(r, "the packed axis is too long");
	}
	if (unknown > 1)
		return bad_layout(r, "a packed axis needs --heads-in and one letter besides H");
	if (size % known != 0 || (unknown == 0 && size != known))
		return err_set(r->info, ERR_SHAPE, "%s has the shape %s: the packed axis of %lld is no multiple of %lld (--heads-in %lld)",
			       name_of(r->tensor), r->shape, (long long)size, (long long)known, (long long)r->request->heads_in);
	for (int i = axis->count - 1; i >= 0; i--) {
		int64_t length = known_size(r, axis->letter[i]);
		if (!length)
			length = size / known;
		enum err err = assign(r, axis->letter[i], length, stride);
		if (err)
			return err;
		stride *= length;
	}
	return ERR_OK;
}

static enum err check_axes(struct resolution *r)
{
	const bool *present = r->view->present;
	if (r->request->role == LAYOUT_MASK)
		return ERR_OK;
	if (!present[AXIS_TOKEN])
		return bad_layout(r, "the token axis N is missing");
	if (!present[AXIS_DIM])
		return bad_layout(r, is_matrix(r->request->role) ? "the key axis M is missing" : "the dim axis D is missing");
	return ERR_OK;
}

/* Cut the dim axis, which holds query, key and value of all heads. */
static enum err cut_fused(struct resolution *r)
{
	const struct layout_request *request = r->request;
	struct heads *view = r->view;
	int64_t heads = request->heads_in, kv_heads = request->kv_heads_in ? request->kv_heads_in : heads;
	if (is_matrix(request->role))
		return err_set(r->info, ERR_USAGE, "%s: only queries, keys and values are cut out of a fused tensor", name_of(r->tensor));
	if (heads <= 0)
		return err_set(r->info, ERR_USAGE, "%s is fused: say how many query heads it holds with --heads-in", name_of(r->tensor));
	if (view->present[AXIS_HEAD])
		return bad_layout(r, "a fused tensor has its heads in D, not in H");
	int64_t width = view->size[AXIS_DIM];
	bool uneven = kv_heads < 1 || heads % kv_heads != 0 || (request->fusion == LAYOUT_FUSED_PER_HEAD && heads != kv_heads);
	if (uneven || heads > width || width % (heads + 2 * kv_heads) != 0)
		return err_set(r->info, ERR_SHAPE, "%s has the shape %s: %lld numbers per token are no query, key and value of "
			       "%lld and %lld heads", name_of(r->tensor), r->shape, (long long)width, (long long)heads, (long long)kv_heads);

	int64_t dim = width / (heads + 2 * kv_heads), group = heads / kv_heads, step = dim * view->stride[AXIS_DIM];
	bool query = request->role == LAYOUT_QUERY;
	int64_t part = (int64_t)request->role - LAYOUT_KEY; /* of key and value */
	view->present[AXIS_HEAD] = true;
	view->size[AXIS_HEAD] = query ? heads : kv_heads;
	view->size[AXIS_DIM] = dim;
	if (request->fusion == LAYOUT_FUSED_BLOCKS) {
		view->stride[AXIS_HEAD] = step;
		view->first += query ? 0 : (heads + part * kv_heads) * step;
	} else if (query) {
		view->stride[AXIS_HEAD] = step;
		view->head_group = group;
		view->head_group_stride = (group + 2) * step;
	} else {
		view->stride[AXIS_HEAD] = (group + 2) * step;
		view->first += (group + part) * step;
	}
	return ERR_OK;
}

static enum err refuse_rank(struct resolution *r)
{
	const struct layout_request *request = r->request;
	if (request->heads_in || request->fusion)
		return err_set(r->info, ERR_SHAPE, "%s has the shape %s: say with --layout which axis holds the heads, as in BN(HD)",
			       name_of(r->tensor), r->shape);
	return err_set(r->info, ERR_SHAPE, "%s has the shape %s, %d axes, where 2 to 5 have a default: name each with --layout (%s)",
		       name_of(r->tensor), r->shape, r->tensor->rank,
		       is_matrix(request->role) ? "L layer, B batch, H head, N query, M key, 1 dropped"
						: "L layer, B batch, H head, N token, D dim, 1 dropped");
}

enum err layout_resolve(const struct tensor *tensor, const struct layout_request *request, const struct tensor **slot, struct heads *view,
			struct err_info *info)
{
	struct resolution r = { .tensor = tensor, .request = request, .view = view, .info = info };
	tensor_shape_text(tensor, r.shape, sizeof r.shape);
	r.letters = layout_letters(request, tensor->rank);
	if (!r.letters)
		return refuse_rank(&r);

	*slot = tensor;
	*view = (struct heads){ .tensors = slot, .tensor_count = 1, .matrix = is_matrix(request->role) };
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		view->size[axis] = 1;

	enum err err = split_letters(&r);
	if (!err)
		err = pack_heads(&r);
	for (int i = 0; !err && i < r.axes; i++)
		err = unpack(&r, i);
	if (!err)
		err = check_axes(&r);
	if (!err && request->fusion)
		err = cut_fused(&r);
	return err;
}

const char *layout_describe(const struct heads *view, char *buffer, size_t size)
{
	static const char *const plain[AXIS_COUNT] = { "layer", "batch", "head", "token", "dim" };
	static const char *const matrix[AXIS_COUNT] = { "layer", "batch", "head", "query", "key" };
	buffer[0] = '\0';
	for (int axis = 0; axis < AXIS_COUNT; axis++) {
		const char *name = view->matrix ? matrix[axis] : plain[axis];
		const char *plural = view->size[axis] == 1 ? "" : "s";
		if (axis == AXIS_BATCH && *plural)
			plural = "es";
		if (view->matrix && axis == AXIS_TOKEN && *plural) {
			name = "queri";
			plural = "es";
		}
		size_t length = strlen(buffer);
		if (view->present[axis])
			snprintf(buffer + length, size - length, "%s%lld %s%s", length ? ", " : "", (long long)view->size[axis],
				 name, plural);
	}
	return buffer;
}

void layout_slice_tokens(struct heads *view, int64_t first, int64_t count)
{
	view->first += first * view->stride[AXIS_TOKEN];
	view->size[AXIS_TOKEN] = count;
}

enum err layout_packed_sequence(const struct tensor *ends, int64_t total, int64_t sequence, int64_t *first, int64_t *count,
				struct err_info *info)
{
	if (dtype_is_float(ends->dtype) || ends->dtype == DTYPE_BOOL || ends->rank != 1 || ends->shape[0] < 2)
		return err_set(info, ERR_SHAPE, "%s is no cu_seqlens: a list of integers, one more than there are sequences, is wanted",
			       name_of(ends));
	int64_t sequences = ends->shape[0] - 1;
	if (sequence < 0 || sequence >= sequences)
		return err_set(info, ERR_USAGE, "sequence %lld is not there: %s holds %lld", (long long)sequence, name_of(ends),
			       (long long)sequences);
	int64_t last = 0;
	for (int64_t i = 0; i <= sequences; i++) {
		int64_t end;
		enum err err = tensor_integer_at(ends, i, &end, info);
		if (err)
			return err;
		bool wrong = i == 0 ? end != 0 : end < last;
		if (wrong || end > total)
			return err_set(info, ERR_VALUE, "%s[%lld] is %lld: cumulative lengths begin with 0 and grow to the %lld tokens "
				       "there are", name_of(ends), (long long)i, (long long)end, (long long)total);
		if (i == sequence)
			*first = end;
		if (i == sequence + 1)
			*count = end - *first;
		last = end;
	}
	if (last == total)
		return ERR_OK;
	return err_set(info, ERR_SHAPE, "%s ends with %lld, but there are %lld tokens", name_of(ends), (long long)last, (long long)total);
}
