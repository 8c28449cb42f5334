/* SPDX-License-Identifier: MIT */
/*
 * Lanes that are added to other lanes. Part of tile_template.h.
 */

#ifndef V_PICK
#define V_PICK pick_one_by_one
static inline vf pick_one_by_one(vf a, vi from)
{
	float of[VECTOR], picked[VECTOR];
	int32_t element[VECTOR];
	memcpy(of, &a, sizeof(of));
	memcpy(element, &from, sizeof(element));
	for (int i = 0; i < VECTOR; i++)
		picked[i] = element[i] < 0 ? 0.0f : of[element[i]];
	memcpy(&a, picked, sizeof(a));
	return a;
}
#endif

/* A move takes lanes of one vector to those of one other; elements that receive several take as many moves, in the order of the lanes. */
static struct lane_move *find_move(struct lane_moves *moves, int from, int to, int element)
{
	for (int m = 0; m < moves->count; m++)
		if (moves->move[m].from == from && moves->move[m].to == to && moves->move[m].pick[element] < 0) {
			bool later = false;
			for (int n = m + 1; n < moves->count; n++)
				later |= moves->move[n].to == to && moves->move[n].pick[element] >= 0;
			if (!later)
				return &moves->move[m];
		}
	struct lane_move *move = &moves->move[moves->count++];
	*move = (struct lane_move){ .from = from, .to = to };
	for (int i = 0; i < MAX_VECTOR; i++)
		move->pick[i] = -1;
	return move;
}

static void plan_moves(const int *to_lane, const float *factor, int first, int last, struct lane_moves *moves)
{
	moves->count = 0;
	for (int lane = first; lane < last; lane++) {
		int element = to_lane[lane] % VECTOR;
		struct lane_move *move = find_move(moves, lane - lane % VECTOR, to_lane[lane] - element, element);
		move->pick[element] = lane % VECTOR;
		move->factor[element] = factor[lane];
	}
}

/* Up to FEW_MOVES moves to one vector, in registers. */
enum { FEW_MOVES = 8 };

struct held_moves {
	vi pick[FEW_MOVES];
	vf factor[FEW_MOVES];
};

/* `moves` is a constant here and below. */
static inline __attribute__((always_inline)) void hold_moves(struct held_moves *held, const struct lane_move *move, const int moves)
{
	UNROLL for (int m = 0; m < moves; m++) {
		memcpy(&held->pick[m], move[m].pick, sizeof(held->pick[m]));
		held->factor[m] = v_load(move[m].factor);
	}
}

static inline __attribute__((always_inline)) vf moved(const float *from, const struct lane_move *move, const struct held_moves *held, const int moves, vf sum)
{
	UNROLL for (int m = 0; m < moves; m++)
		sum = v_fma(V_PICK(v_load(from + move[m].from), held->pick[m]), held->factor[m], sum);
	return sum;
}

static inline __attribute__((always_inline)) void move_vector(const float *from, int64_t count, const struct lane_move *move, const int moves, float *to)
{
	struct held_moves held;
	hold_moves(&held, move, moves);
	for (int64_t key = 0; key < count; key++) {
		float *at = to + key * LANES + move->to;
		v_store(at, moved(from + key * LANES, move, &held, moves, v_load(at)));
	}
}

static void move_lanes(const float *from, int64_t count, const struct lane_moves *moves, float *to)
{
	for (int m = 0, n; m < moves->count; m += n) {
		const struct lane_move *move = &moves->move[m];
		for (n = 1; n < FEW_MOVES && m + n < moves->count && move[n].to == move->to;)
			n++;
		switch (n) {
		case 1: move_vector(from, count, move, 1, to); break;
		case 2: move_vector(from, count, move, 2, to); break;
		case 3: move_vector(from, count, move, 3, to); break;
		case 4: move_vector(from, count, move, 4, to); break;
		case 5: move_vector(from, count, move, 5, to); break;
		case 6: move_vector(from, count, move, 6, to); break;
		case 7: move_vector(from, count, move, 7, to); break;
		default: move_vector(from, count, move, FEW_MOVES, to); break;
		}
	}
}

/* The lanes of one vector: `to` begins with them. */
static inline __attribute__((always_inline)) void move_and_sum(const float *from, int64_t joined, const struct lane_move *move, const int moves, const float *to,
							       int64_t count, const float *factor, bool log, struct softmax_state *state, int lane)
{
	vf by = v_load(factor + lane), zero = v_set(0.0f), max = v_load(state->above + lane);
	vi dead = v_mask(by == zero);
	struct weight_sums even = { max, zero, zero, zero }, odd = even;
	struct held_moves held;
	int64_t key = 0;
	hold_moves(&held, move, moves);
	for (; key + 2 <= joined; key += 2) {
		const float *of = from + key * LANES, *at = to + key * LANES;
		add_weight(&even, moved(of, move, &held, moves, v_load(at)), by, dead, log);
		add_weight(&odd, moved(of + LANES, move, &held, moves, v_load(at + LANES)), by, dead, log);
	}
	for (; key < count; key++)
		add_weight(key % 2 ? &odd : &even, key < joined ? moved(from + key * LANES, move, &held, moves, v_load(to + key * LANES)) : v_load(to + key * LANES),
			   by, dead, log);
	flush_pair(state, lane, &even, &odd);
}

static inline __attribute__((always_inline)) void move_and_sum_few(const float *from, int64_t joined, const struct lane_move *move, int moves, const float *to,
								   int64_t count, const float *factor, bool log, struct softmax_state *state, int lane)
{
	switch (moves) {
	case 0: move_and_sum(from, joined, move, 0, to, count, factor, log, state, lane); break;
	case 1: move_and_sum(from, joined, move, 1, to, count, factor, log, state, lane); break;
	case 2: move_and_sum(from, joined, move, 2, to, count, factor, log, state, lane); break;
	case 3: move_and_sum(from, joined, move, 3, to, count, factor, log, state, lane); break;
	case 4: move_and_sum(from, joined, move, 4, to, count, factor, log, state, lane); break;
	case 5: move_and_sum(from, joined, move, 5, to, count, factor, log, state, lane); break;
	case 6: move_and_sum(from, joined, move, 6, to, count, factor, log, state, lane); break;
	case 7: move_and_sum(from, joined, move, 7, to, count, factor, log, state, lane); break;
	default: move_and_sum(from, joined, move, FEW_MOVES, to, count, factor, log, state, lane); break;
	}
}

/* The moves to each vector; false: there are too many to one. */
static bool few_to_each(const struct lane_moves *moves, int first[COLUMNS + 1])
{
	int m = 0;
	for (int column = 0; column < COLUMNS; column++) {
		first[column] = m;
		while (m < moves->count && moves->move[m].to == column * VECTOR)
			m++;
		if (m - first[column] > FEW_MOVES)
			return false;
	}
	first[COLUMNS] = m;
	return true;
}

static void move_sums(const float *from, int64_t joined, const struct lane_moves *moves, float *to, int64_t count, const float *factor, unsigned flags,
		      struct softmax_state *state)
{
	int first[COLUMNS + 1];
	if (!joined || flags & SUMS_KEEP || !few_to_each(moves, first)) {
		if (joined)
			move_lanes(from, joined, moves, to);
		scale_sums(to, count, factor, flags, state);
		return;
	}
	for (int column = 0; column < COLUMNS; column++) {
		const struct lane_move *move = moves->move + first[column];
		int lane = column * VECTOR, few = first[column + 1] - first[column];
		vi live = v_mask(v_load(factor + lane) != v_set(0.0f));
		if (!v_any(live))
			continue;
		if (flags & SUMS_LOG)
			move_and_sum_few(from, joined, move, few, to + lane, count, factor, true, state, lane);
		else
			move_and_sum_few(from, joined, move, few, to + lane, count, factor, false, state, lane);
	}
}
