/*
 * Columns in order: sorting and sums by rank. Part of tile_template.h.
 */

/* Bitonic sort of columns, largest first (Batcher 1968; the variant whose first step of a merge compares i with size - 1
 * - i, so that all comparisons point the same way: zeros behind the last key stay where they are, and pieces that hold
 * nothing else are left out). Eight vectors at a time are taken through up to three steps in registers. */
static inline __attribute__((always_inline)) void exchange(vf *first, vf *second)
{
	vf larger = v_larger(*first, *second);
	*second = v_smaller(*first, *second);
	*first = larger;
}

static inline __attribute__((always_inline)) void sort_8(float *at)
{
	/* The 19 comparisons of the optimal network for 8 (Knuth vol. 3, 5.3.4). */
	static const int8_t network[19][2] = { { 0, 2 }, { 1, 3 }, { 4, 6 }, { 5, 7 }, { 0, 4 }, { 1, 5 }, { 2, 6 }, { 3, 7 }, { 0, 1 }, { 2, 3 },
					       { 4, 5 }, { 6, 7 }, { 2, 4 }, { 3, 5 }, { 1, 4 }, { 3, 6 }, { 1, 2 }, { 3, 4 }, { 5, 6 } };
	vf v[8];
	UNROLL for (int i = 0; i < 8; i++)
		v[i] = v_load(at + i * LANES);
	_Pragma("GCC unroll 19") for (int i = 0; i < 19; i++)
		exchange(&v[network[i][0]], &v[network[i][1]]);
	UNROLL for (int i = 0; i < 8; i++)
		v_store(at + i * LANES, v[i]);
}

/* Steps of distance 2^(steps - 1) * step .. step, among 2^steps keys `step` apart. */
static inline __attribute__((always_inline)) void half_cleaners(float *at, int64_t step, int steps)
{
	const int size = 1 << steps;
	vf v[8];
	UNROLL for (int i = 0; i < size; i++)
		v[i] = v_load(at + i * step * LANES);
	UNROLL for (int distance = size / 2; distance > 0; distance /= 2)
		UNROLL for (int i = 0; i < size; i++)
			if (!(i & distance))
				exchange(&v[i], &v[i + distance]);
	UNROLL for (int i = 0; i < size; i++)
		v_store(at + i * step * LANES, v[i]);
}

/* Blocks of `size` keys, each the result of a mirrored comparison (bitonic), down to single keys: those that the first `count`
 * keys reach. */
static void clean(float *at, int64_t size, int64_t count)
{
	const int64_t length = size * LANES, blocks = (count + size - 1) / size;
	if (size == 2) {
		for (int64_t i = 0; i < blocks; i++)
			half_cleaners(at + i * length, 1, 1);
	} else if (size == 4) {
		for (int64_t i = 0; i < blocks; i++)
			half_cleaners(at + i * length, 1, 2);
	} else if (size == 8) {
		for (int64_t i = 0; i < blocks; i++)
			half_cleaners(at + i * length, 1, 3);
	} else {
		for (int64_t i = 0; i < blocks && size > 8; i++) {
			for (int64_t k = 0; k < size / 8; k++)
				half_cleaners(at + i * length + k * LANES, size / 8, 3);
			clean(at + i * length, size / 8, size < count - i * size ? size : count - i * size);
		}
	}
}

/* Merge two sorted halves: the mirrored comparison and the two steps after it, then what is left inside each eighth. */
static void merge_halves(float *block, int64_t size, int64_t count)
{
	for (int64_t i = 0; i < size / 8; i++) {
		float *low = block + i * LANES, *high = block + (size - 1 - i) * LANES;
		int64_t step = size / 8 * LANES;
		vf a[4], b[4];
		UNROLL for (int t = 0; t < 4; t++) {
			a[t] = v_load(low + t * step);
			b[t] = v_load(high - t * step);
			exchange(&a[t], &b[t]);
		}
		UNROLL for (int t = 0; t < 2; t++) {
			exchange(&a[t], &a[t + 2]);
			exchange(&b[t + 2], &b[t]);
		}
		UNROLL for (int t = 0; t < 4; t += 2) {
			exchange(&a[t], &a[t + 1]);
			exchange(&b[t + 1], &b[t]);
		}
		UNROLL for (int t = 0; t < 4; t++) {
			v_store(low + t * step, a[t]);
			v_store(high - t * step, b[t]);
		}
	}
	clean(block, size / 8, count);
}

/* `count` keys, and zeros up to `size`, a power of two. */
static void sort_column(float *block, int64_t size, int64_t count)
{
	int64_t half = size / 2;
	if (size == SORT_ROOM) {
		sort_8(block);
		return;
	}
	sort_column(block, half, count < half ? count : half);
	if (count > half) {
		sort_column(block + half * LANES, half, count - half);
		merge_halves(block, size, count);
	}
}

static void sort_keys(float *columns, int64_t count)
{
	int64_t size = SORT_ROOM;
	while (size < count)
		size *= 2;
	memset(columns + count * LANES, 0, (size_t)((size - count) * LANES) * sizeof(*columns));
	for (int lane = 0; lane < LANES; lane += VECTOR)
		sort_column(columns + lane, size, count);
}

/* Halves of a vector are widened one at a time: a vector of doubles twice as wide as the registers is torn apart by compilers.
 * Two halves go side by side, since each addition waits for the one before. The running sums of n numbers add up to each
 * number as often as there are some from it on: n times the first, once the last. */
static void rank_sums(const float *columns, int64_t count, int64_t first, double *sum, double *moment)
{
	enum { HALF = VECTOR > 1 ? VECTOR / 2 : 1, PAIR = 2 };
	for (int lane = 0; lane < LANES; lane += PAIR * HALF) {
		vd total[PAIR], running[PAIR];
		double part[2][PAIR * HALF];
		UNROLL for (int h = 0; h < PAIR; h++)
			total[h] = running[h] = v_load_double(columns + lane) * 0.0;
		for (int64_t key = 0; key < count; key++) {
			UNROLL for (int h = 0; h < PAIR; h++) {
				total[h] = total[h] + v_load_double(columns + key * LANES + lane + h * HALF);
				running[h] = running[h] + total[h];
			}
		}
		memcpy(part[0], total, sizeof(part[0]));
		memcpy(part[1], running, sizeof(part[1]));
		for (int i = 0; i < PAIR * HALF; i++) {
			sum[lane + i] += part[0][i];
			moment[lane + i] += (double)(first + count) * part[0][i] - part[1][i];
		}
	}
}
