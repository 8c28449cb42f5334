/* SPDX-License-Identifier: MIT */
#include "mechanism/operand.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char *option_of(const char *role)
{
	static const char *const canonical[] = { "query", "key", "value", "weights" };
	for (size_t i = 0; i < sizeof canonical / sizeof *canonical; i++)
		if (strcmp(role, canonical[i]) == 0)
			return canonical[i];
	return NULL;
}

static const char *shape_of(const struct mechanism *mechanism, const char *role)
{
	for (const struct mechanism_input *input = mechanism->input; input && input->role; input++)
		if (strcmp(input->role, role) == 0)
			return input->shape;
	return "";
}

enum err operand_misshapen(const struct mechanism *mechanism, const char *role, const struct tensor *tensor, const char *expected, struct err_info *info)
{
	char shape[128];
	const char *option = option_of(role);
	tensor_shape_text(tensor, shape, sizeof shape);
	return err_set(info, ERR_SHAPE, "%s of %s attention has the shape %s (tensor %s): expected %s, here %s; give another with --%s%s%s", role,
		       mechanism->name, shape, tensor->name ? tensor->name : "?", shape_of(mechanism, role), expected, option ? option : "input ",
		       option ? "" : role, option ? " FILE[:NAME]" : "=FILE[:NAME]");
}

/* "(4, any)" */
static const char *expected_text(const struct operand_shape *shape, char *text, size_t size)
{
	size_t used = 0;
	for (int axis = 0; axis < shape->rank && used < size; axis++) {
		const char *before = axis == 0 ? "(" : ", ";
		int more = shape->size[axis] < 0 ? snprintf(text + used, size - used, "%sany", before)
						 : snprintf(text + used, size - used, "%s%lld", before, (long long)shape->size[axis]);
		used += more > 0 ? (size_t)more : 0;
	}
	if (used < size)
		used += (size_t)snprintf(text + used, size - used, ")");
	if (used < size && shape->layers > 1 && shape->heads > 1)
		snprintf(text + used, size - used, ", or with axes of %lld layers, %lld heads, or both in this order before it", (long long)shape->layers, (long long)shape->heads);
	else if (used < size && (shape->layers > 1 || shape->heads > 1))
		snprintf(text + used, size - used, ", or with an axis of %lld %s before it", (long long)(shape->layers > 1 ? shape->layers : shape->heads),
			 shape->layers > 1 ? "layers" : "heads");
	return text;
}

/* One axis before the block: the layers', or the heads' where it is as long as those and not as the layers. */
static void match_one(int64_t length, const struct operand_shape *shape, struct operand *operand)
{
	bool layers = shape->heads == 0 || (shape->layers > 1 && (length == shape->layers || length != shape->heads));
	*(layers ? &operand->layers : &operand->heads) = length;
}

/* The axes before the block: nothing, one of layers or of heads, or (layer, head). */
static bool match_lead(const int64_t *lead, int extra, const struct operand_shape *shape, struct operand *operand)
{
	for (; extra > 2 && *lead == 1; extra--)
		lead++;
	if (extra > 2)
		return false;
	if (extra == 2 && lead[0] == 1 && lead[1] != shape->heads)
		match_one(lead[1], shape, operand);
	else if (extra == 2) {
		operand->layers = lead[0];
		operand->heads = lead[1];
	} else if (extra == 1) {
		match_one(lead[0], shape, operand);
	}
	return (operand->layers == 1 || operand->layers == shape->layers) && (operand->heads == 1 || operand->heads == shape->heads);
}

/* Split the axes into (layer, head, block); false where they do not fit. */
static bool match(const struct tensor *tensor, const struct operand_shape *shape, struct operand *operand)
{
	int extra = tensor->rank - shape->rank;
	if (extra < 0 || tensor_count(tensor) == 0)
		return false;
	operand->layers = operand->heads = 1;
	operand->count = 1;
	for (int axis = 0; axis < OPERAND_MAX_RANK; axis++) {
		operand->size[axis] = axis < shape->rank ? tensor->shape[extra + axis] : 1;
		if (axis < shape->rank && shape->size[axis] >= 0 && operand->size[axis] != shape->size[axis])
			return false;
		operand->count *= operand->size[axis];
	}
	return match_lead(tensor->shape, extra, shape, operand);
}

static enum err check_finite(const struct operand *operand, const struct mechanism *mechanism, const char *role, struct err_info *info)
{
	int64_t total = operand->layers * operand->heads * operand->count;
	for (int64_t i = 0; i < total; i++)
		if (!isfinite(operand->at[i]))
			return err_set(info, ERR_VALUE, "%s of %s attention holds a value that is not finite (element %lld): export it again", role,
				       mechanism->name, (long long)i);
	return ERR_OK;
}

/* One tensor per layer: all of one shape. */
static bool match_lists(const struct mechanism_binding *binding, const struct operand_shape *shape, struct operand *operand, const struct tensor **misfit)
{
	int64_t heads = operand->heads;
	for (int64_t layer = 1; layer < binding->tensor_count; layer++) {
		*misfit = binding->tensors[layer];
		if (!match(*misfit, shape, operand) || operand->layers != 1 || operand->heads != heads || memcmp((*misfit)->shape, binding->tensor->shape, sizeof (*misfit)->shape) != 0)
			return false;
	}
	if (binding->tensor_count > 1)
		operand->layers = binding->tensor_count;
	return binding->tensor_count <= 1 || binding->tensor_count == shape->layers;
}

enum err operand_read(struct operand *operand, const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, bool required,
		      const struct operand_shape *shape, struct err_info *info)
{
	*operand = (struct operand){ .layers = 1, .heads = 1 };
	if (!required && !mechanism_input_find(args, role))
		return ERR_OK;
	const struct tensor *tensor = mechanism_tensor(args, mechanism, role, info);
	if (!tensor)
		return ERR_USAGE;
	const struct mechanism_binding *binding = mechanism_input_find(args, role);
	const struct tensor *misfit = tensor;
	if (!match(tensor, shape, operand) || !match_lists(binding, shape, operand, &misfit)) {
		char text[192];
		return operand_misshapen(mechanism, role, misfit, expected_text(shape, text, sizeof text), info);
	}
	int64_t each = operand->heads * operand->count * (binding->tensor_count > 1 ? 1 : operand->layers);
	int64_t total = operand->layers * operand->heads * operand->count;
	operand->at = mem_array((size_t)total, sizeof *operand->at);
	if (!operand->at)
		return err_nomem(info, role);
	for (int64_t i = 0; i < total; i++)
		operand->at[i] = tensor_at(i < each ? tensor : binding->tensors[i / each], i % each);
	enum err err = check_finite(operand, mechanism, role, info);
	if (err)
		operand_release(operand);
	return err;
}

void operand_release(struct operand *operand)
{
	free(operand->at);
	operand->at = NULL;
}

const double *operand_block(const struct operand *operand, int64_t layer, int64_t head)
{
	int64_t l = operand->layers > 1 ? layer : 0;
	int64_t h = operand->heads > 1 ? head : 0;
	return operand->at + (l * operand->heads + h) * operand->count;
}

void operand_multiply(const double *matrix, int64_t rows, int64_t columns, const double *x, double *y)
{
	for (int64_t r = 0; r < rows; r++) {
		double sum = 0;
		for (int64_t c = 0; c < columns; c++)
			sum += matrix[r * columns + c] * x[c];
		y[r] += sum;
	}
}

const char operand_heads[] = "nd|hnd|bhnd|lbhnd";

/* The letters of the form with this many axes; NULL when there is none. */
static const char *form_of_rank(const char *forms, int rank)
{
	for (const char *form = forms; form; form = strchr(form, '|') ? strchr(form, '|') + 1 : NULL)
		if (strcspn(form, "|") == (size_t)rank)
			return form;
	return NULL;
}

static enum axis axis_of_letter(char letter)
{
	static const char letters[] = "lbhnd";
	return (enum axis)(strchr(letters, letter) - letters);
}

enum err operand_view(const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, bool required, const char *forms,
		      struct heads *view, const struct tensor **slot, const struct heads **found, struct err_info *info)
{
	*found = NULL;
	const struct mechanism_binding *binding = mechanism_input_find(args, role);
	if (!binding)
		return required && !mechanism_tensor(args, mechanism, role, info) ? ERR_USAGE : ERR_OK;
	if (binding->heads) {
		*found = binding->heads;
		return ERR_OK;
	}
	const struct tensor *tensor = binding->tensor;
	int dropped = 0;
	const char *form = form_of_rank(forms, tensor->rank);
	while (!form && dropped < tensor->rank && tensor->shape[dropped] == 1)
		form = form_of_rank(forms, tensor->rank - ++dropped);
	if (!form)
		return operand_misshapen(mechanism, role, tensor, "another number of axes", info);
	*slot = tensor;
	*view = (struct heads){ .tensors = slot, .tensor_count = 1, .size = { 1, 1, 1, 1, 1 } };
	for (int i = dropped; i < tensor->rank; i++) {
		enum axis axis = axis_of_letter(form[i - dropped]);
		view->size[axis] = tensor->shape[i];
		view->stride[axis] = tensor->stride[i];
		view->present[axis] = true;
	}
	*found = view;
	return ERR_OK;
}

enum err operand_list(const struct mechanism *mechanism, const char *parameter, const char *text, int64_t **list, int64_t *count, struct err_info *info)
{
	*list = NULL;
	*count = 0;
	size_t capacity = 0;
	for (const char *at = text; *at;) {
		char *end;
		errno = 0;
		long long value = strtoll(at, &end, 10);
		bool bad = end == at || errno || value < 0 || (*end && (*end != ',' || !end[1])) || isspace((unsigned char)*at);
		if (bad) {
			free(*list);
			*list = NULL;
			return err_set(info, ERR_USAGE, "--param %s=%s: %s attention takes whole numbers separated by commas", parameter, text,
				       mechanism->name);
		}
		void *grown = *list;
		if (!mem_grow(&grown, &capacity, (size_t)*count + 1, sizeof **list)) {
			free(*list);
			*list = NULL;
			return err_nomem(info, parameter);
		}
		*list = grown;
		(*list)[(*count)++] = value;
		at = *end ? end + 1 : end;
	}
	return ERR_OK;
}
