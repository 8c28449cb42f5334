/* SPDX-License-Identifier: MIT */
#include "commands/fit.h"

#include <inttypes.h>
#include <string.h>

/* Orders that frameworks export; the letters are those of tensor/layout.h. */
static const char *const vector_orders[] = { "ND", "HND", "NHD", "BHND", "BNHD", "LHND", "LNHD", "NBHD", "LBHND", "LBNHD", NULL };
static const char *const map_orders[] = { "NM", "MN", "HNM", "BNM", "HMN", "BHNM", "LHNM", "LBHNM", NULL };

static enum axis letter_axis(char letter)
{
	switch (letter) {
	case 'L': return AXIS_LAYER;
	case 'B': return AXIS_BATCH;
	case 'H': return AXIS_HEAD;
	case 'N': return AXIS_TOKEN;
	default: return AXIS_DIM;
	}
}

static bool order_fits(const char *letters, const struct tensor *tensor, const int64_t want[AXIS_COUNT])
{
	int64_t size[AXIS_COUNT] = { 1, 1, 1, 1, 1 };
	for (int axis = 0; axis < tensor->rank; axis++)
		size[letter_axis(letters[axis])] = tensor->shape[axis];
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		if (axis != AXIS_HEAD && want[axis] >= 0 && size[axis] != want[axis])
			return false;
	return want[AXIS_HEAD] < 0 || (size[AXIS_HEAD] > 0 && want[AXIS_HEAD] % size[AXIS_HEAD] == 0);
}

void fit_suggest(struct strbuf *out, const char *role, const struct tensor *tensor, const int64_t want[AXIS_COUNT])
{
	const char *const *orders = role && strcmp(role, "weights") == 0 ? map_orders : vector_orders;
	int found = 0;
	for (; *orders; orders++)
		if ((int)strlen(*orders) == tensor->rank && order_fits(*orders, tensor, want))
			strbuf_addf(out, "%s--layout %s%s%s", found++ ? " or " : ": would fit as ", role ? role : "", role ? "=" : "", *orders);
}

/* "query q.npy (4, 14, 64)" */
static void add_role(struct strbuf *out, const struct role *role)
{
	char shape[128];
	strbuf_addf(out, "%s %s %s", role->word, role->part[0].name, tensor_shape_text(&role->tensor[0], shape, sizeof shape));
}

/* What the other one must be, so that it fits `role`. */
static enum err misfit(const struct role *role, const struct role *other, const char *what, int64_t mine, int64_t its, const int64_t want[AXIS_COUNT],
		       struct err_info *info)
{
	struct strbuf text, orders;
	strbuf_init(&text);
	strbuf_init(&orders);
	strbuf_addf(&text, "%s do not fit: %" PRId64 " and %" PRId64 " (", what, mine, its);
	add_role(&text, role);
	strbuf_addstr(&text, ", ");
	add_role(&text, other);
	fit_suggest(&orders, other->word, &other->tensor[0], want);
	strbuf_addf(&text, ")%s", orders.len ? orders.buf : ": give the axis orders with --layout");
	err_set(info, ERR_SHAPE, "%s", text.buf);
	strbuf_release(&text);
	strbuf_release(&orders);
	return ERR_SHAPE;
}

static enum err fit_key(const struct role *query, const struct role *key, struct err_info *info)
{
	const int64_t *q = query->heads.size, *k = key->heads.size;
	const int64_t want[AXIS_COUNT] = { k[AXIS_LAYER] == 1 ? -1 : q[AXIS_LAYER], q[AXIS_BATCH], q[AXIS_HEAD], -1, q[AXIS_DIM] };
	if (q[AXIS_DIM] != k[AXIS_DIM])
		return misfit(query, key, "head sizes", q[AXIS_DIM], k[AXIS_DIM], want, info);
	if (q[AXIS_BATCH] != k[AXIS_BATCH] && k[AXIS_BATCH] != 1)
		return misfit(query, key, "batches", q[AXIS_BATCH], k[AXIS_BATCH], want, info);
	if (q[AXIS_LAYER] != k[AXIS_LAYER] && k[AXIS_LAYER] != 1)
		return misfit(query, key, "layers", q[AXIS_LAYER], k[AXIS_LAYER], want, info);
	if (k[AXIS_HEAD] == 0 || q[AXIS_HEAD] % k[AXIS_HEAD] != 0)
		return misfit(query, key, "head counts (query heads must be a multiple of key heads)", q[AXIS_HEAD], k[AXIS_HEAD], want, info);
	return ERR_OK;
}

static enum err fit_value(const struct role *key, const struct role *value, struct err_info *info)
{
	const int64_t *k = key->heads.size, *v = value->heads.size;
	const int64_t want[AXIS_COUNT] = { k[AXIS_LAYER], k[AXIS_BATCH], k[AXIS_HEAD], k[AXIS_TOKEN], -1 };
	if (k[AXIS_TOKEN] != v[AXIS_TOKEN])
		return misfit(key, value, "lengths of keys and values", k[AXIS_TOKEN], v[AXIS_TOKEN], want, info);
	if (k[AXIS_HEAD] != v[AXIS_HEAD])
		return misfit(key, value, "heads of keys and values", k[AXIS_HEAD], v[AXIS_HEAD], want, info);
	return ERR_OK;
}

enum err fit_heads(const struct role *query, const struct role *key, const struct role *value, struct err_info *info)
{
	enum err err = query && key ? fit_key(query, key, info) : ERR_OK;
	return !err && key && value ? fit_value(key, value, info) : err;
}

enum err fit_tokens(const struct role *role, const char *axis, const char *file, size_t count, int64_t length, struct err_info *info)
{
	if ((int64_t)count == length)
		return ERR_OK;
	struct strbuf orders;
	strbuf_init(&orders);
	bool is_map = role && strcmp(role->word, "weights") == 0;
	int64_t want[AXIS_COUNT] = { -1, -1, -1, -1, -1 };
	want[is_map && strcmp(axis, "key") == 0 ? AXIS_DIM : AXIS_TOKEN] = (int64_t)count;
	if (role)
		fit_suggest(&orders, is_map ? role->word : NULL, &role->tensor[0], want);
	err_set(info, ERR_SHAPE, "%zu tokens, but the %s axis has %" PRId64 " positions%s", count, axis, length,
		orders.len ? orders.buf : ": give one token a position");
	strbuf_release(&orders);
	return err_in_file(info, file);
}
