/* SPDX-License-Identifier: MIT */
/*
 * Folds: the exponentials of a tile and their sums, and the softmax that is made of them. Part of tile_template.h.
 */

struct lane_sums {
	vf sum, first, second;
};

/* What a fold does, as constants: `moments` are the sums other than that of the exponentials. */
struct woven {
	bool fold, sums, moments, keep;
};

static inline __attribute__((always_inline)) struct lane_sums load_sums(const struct fold *fold, int64_t lane)
{
	return (struct lane_sums){ v_load(fold->sum + lane), v_load(fold->first + lane), v_load(fold->second + lane) };
}

static inline __attribute__((always_inline)) void store_sums(struct fold *fold, int64_t lane, struct lane_sums sums)
{
	v_store(fold->sum + lane, sums.sum);
	v_store(fold->first + lane, sums.first);
	v_store(fold->second + lane, sums.second);
}

/* `count` and `woven` are constants. */
static inline __attribute__((always_inline)) struct lane_sums fold_keys(float *at, int count, vf shift, struct woven woven, struct lane_sums sums)
{
	UNROLL for (int k = 0; k < count; k++) {
		vf x = v_load(at + k * LANES);
		x = v_clamp(woven.sums ? x : x - shift);
		vf p = v_exp2(x);
		if (woven.keep)
			v_store(at + k * LANES, p);
		if (woven.sums)
			sums.sum = sums.sum + p;
		if (woven.moments) {
			sums.first = v_fma(p, x, sums.first);
			sums.second = v_fma(p, p, sums.second);
		}
	}
	return sums;
}

static inline __attribute__((always_inline)) struct lane_sums sums_so_far(const struct fold *fold, int64_t lane, struct woven woven)
{
	if (woven.moments)
		return load_sums(fold, lane);
	return (struct lane_sums){ woven.sums ? v_load(fold->sum + lane) : v_set(0.0f), v_set(0.0f), v_set(0.0f) };
}

static inline __attribute__((always_inline)) void keep_sums(struct fold *fold, int64_t lane, struct woven woven, struct lane_sums sums)
{
	if (woven.moments)
		store_sums(fold, lane, sums);
	else if (woven.sums)
		v_store(fold->sum + lane, sums.sum);
}

/* The next FOLD_KEYS keys of a vector of lanes: there are some. */
static inline __attribute__((always_inline)) void fold_unit(struct fold *fold, struct woven woven)
{
	int64_t lane = fold->lane;
	struct lane_sums sums = sums_so_far(fold, lane, woven);
	sums = fold_keys(fold->next + lane, FOLD_KEYS, v_load(fold->shift + lane), woven, sums);
	keep_sums(fold, lane, woven, sums);
	fold->lane = lane + VECTOR;
	if (fold->lane == LANES) {
		fold->lane = 0;
		fold->next += FOLD_KEYS * LANES;
	}
}

static inline __attribute__((always_inline)) void fold_all(struct fold *fold, struct woven woven)
{
	while (fold->lane)
		fold_unit(fold, woven);
	const float *end = fold->end + fold->rest * LANES;
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf shift = v_load(fold->shift + lane);
		struct lane_sums sums = sums_so_far(fold, lane, woven);
		for (float *at = fold->next + lane; at < end; at += LANES)
			sums = fold_keys(at, 1, shift, woven, sums);
		keep_sums(fold, lane, woven, sums);
	}
	fold->next = fold->end;
	fold->rest = 0;
}

static void fold_rest(struct fold *fold)
{
	if (!(fold->flags & FOLD_SUMS))
		fold_all(fold, (struct woven){ .keep = true });
	else if (fold->flags & FOLD_ONLY_SUM)
		fold_all(fold, (struct woven){ .sums = true, .keep = true });
	else if (fold->flags & FOLD_KEEP)
		fold_all(fold, (struct woven){ .sums = true, .moments = true, .keep = true });
	else
		fold_all(fold, (struct woven){ .sums = true, .moments = true });
}

static void exp2_block(float *tile, int64_t count, const float *shift)
{
	struct fold fold;
	fold_start(&fold, tile, count, LANES);
	memcpy(fold.shift, shift, LANES * sizeof(*shift));
	fold_rest(&fold);
}

static inline vf column_max(const float *column, int64_t count)
{
	vf max[4] = { v_set(-INFINITY), v_set(-INFINITY), v_set(-INFINITY), v_set(-INFINITY) };
	int64_t key = 0;
	for (; key + 4 <= count; key += 4)
		UNROLL for (int i = 0; i < 4; i++)
			max[i] = v_max(v_load(column + (key + i) * LANES), max[i]);
	for (; key < count; key++)
		max[0] = v_max(v_load(column + key * LANES), max[0]);
	return v_max(v_max(max[0], max[1]), v_max(max[2], max[3]));
}

static vf column_min_visible(const float *column, int64_t count)
{
	vf least = v_set(INFINITY);
	for (int64_t key = 0; key < count; key++) {
		vf value = v_load(column + key * LANES);
		least = v_min(v_select(v_mask(value > -INFINITY), value, v_set(INFINITY)), least);
	}
	return least;
}

/* Move the bases of a column's lanes where the block's maximum asks for it, and the column with them. */
static bool move_bases(float *column, int64_t count, struct softmax_state *state, int lane, vf block_max, struct fold *fold)
{
	vf base = v_load(state->base + lane), above = v_load(state->above + lane), none = v_set(-INFINITY), zero = v_set(0.0f);
	vi unseen = v_mask(above == none) & v_mask(block_max > none), move = unseen | v_mask(block_max > SOFTMAX_HEADROOM);
	above = v_max(block_max, above);
	bool moved = v_any(move);
	vf fall = zero, factor = v_set(1.0f);
	if (moved) {
		vf next = v_select(move, base + block_max, base);
		vf shift = next - base;
		for (int64_t key = 0; key < count; key++)
			v_store(column + key * LANES, v_load(column + key * LANES) - shift);
		above = above - shift;
		fall = v_select(unseen, zero, zero - shift);
		factor = v_exp2(v_clamp(fall));
		v_store(state->base + lane, next);
	}
	v_store(state->above + lane, above);
	v_store(fold->fall + lane, fall);
	v_store(fold->factor + lane, factor);
	return moved;
}

static bool softmax_open(float *tile, int64_t count, const float *max, struct softmax_state *state, bool min, bool keep, struct fold *fold)
{
	bool moved = false;
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		if (min)
			v_store(state->min + lane, v_min(v_load(state->min + lane), column_min_visible(tile + lane, count) + v_load(state->base + lane)));
		store_sums(fold, lane, (struct lane_sums){ v_set(0.0f), v_set(0.0f), v_set(0.0f) });
		moved |= move_bases(tile + lane, count, state, lane, max ? v_load(max + lane) : column_max(tile + lane, count), fold);
	}
	fold_start(fold, tile, count, LANES);
	fold->flags = FOLD_SUMS | (keep ? FOLD_KEEP : 0);
	return moved;
}

static void softmax_close(const struct fold *fold, struct softmax_state *state)
{
	for (int lane = 0; lane < LANES; lane++) {
		double a = (double)fold->factor[lane];
		state->first[lane] = a * (state->first[lane] + state->sum[lane] * (double)fold->fall[lane]) + (double)fold->first[lane];
		state->sum[lane] = a * state->sum[lane] + (double)fold->sum[lane];
		state->second[lane] = a * a * state->second[lane] + (double)fold->second[lane];
	}
}
