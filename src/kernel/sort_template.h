/* SPDX-License-Identifier: MIT */
/*
 * Columns in order: sorting and sums by rank. Part of tile_template.h.
 */

/* Bitonic sort of columns, largest first (Batcher 1968; the variant whose first step of a merge compares i with size - 1
 * - i, so that all comparisons point the same way: zeros behind the last key stay where they are, and pieces that hold
 * nothing else are left out). SORT_KEYS vectors are taken through up to four steps in registers (three where there are 16
 * registers): stores are what is short. Keys that are far apart fall into few sets of the nearest cache, which holds no more
 * than FAR_KEYS of them. */
enum { SORT_KEYS = VECTOR == 16 ? 16 : 8, FAR_KEYS = 8, NEAR_SIZE = 256 };

static inline __attribute__((always_inline)) void exchange(vf *first, vf *second)
{
	vf larger = v_larger(*first, *second);
	*second = v_smaller(*first, *second);
	*first = larger;
}

/* The smallest networks known: 19 comparisons for 8 keys, 60 for 16, of which the first 32 are regular (Knuth vol. 3, 5.3.4). */
static inline __attribute__((always_inline)) void sort_few(float *at)
{
	static const int8_t of_8[19][2] = { { 0, 2 }, { 1, 3 }, { 4, 6 }, { 5, 7 }, { 0, 4 }, { 1, 5 }, { 2, 6 }, { 3, 7 }, { 0, 1 }, { 2, 3 },
					    { 4, 5 }, { 6, 7 }, { 2, 4 }, { 3, 5 }, { 1, 4 }, { 3, 6 }, { 1, 2 }, { 3, 4 }, { 5, 6 } };
	static const int8_t end_of_16[28][2] = { { 5, 10 }, { 6, 9 }, { 3, 12 }, { 13, 14 }, { 4, 8 }, { 7, 11 }, { 1, 2 }, { 1, 4 }, { 7, 13 }, { 2, 8 },
						 { 11, 14 }, { 2, 4 }, { 5, 6 }, { 9, 10 }, { 11, 13 }, { 3, 8 }, { 7, 12 }, { 6, 8 }, { 10, 12 }, { 3, 5 },
						 { 7, 9 }, { 3, 4 }, { 5, 6 }, { 7, 8 }, { 9, 10 }, { 11, 12 }, { 6, 7 }, { 8, 9 } };
	vf v[SORT_KEYS];
	UNROLL for (int i = 0; i < SORT_KEYS; i++)
		v[i] = v_load(at + i * LANES);
	_Pragma("GCC unroll 19") for (int i = 0; i < 19 && SORT_KEYS == 8; i++)
		exchange(&v[of_8[i][0]], &v[of_8[i][1]]);
	UNROLL for (int d = 1; d < SORT_KEYS && SORT_KEYS == 16; d *= 2)
		UNROLL for (int i = 0; i < SORT_KEYS; i++)
			if (!(i & d))
				exchange(&v[i], &v[(i + d) % SORT_KEYS]);
	_Pragma("GCC unroll 28") for (int i = 0; i < 28 && SORT_KEYS == 16; i++)
		exchange(&v[end_of_16[i][0] % SORT_KEYS], &v[end_of_16[i][1] % SORT_KEYS]);
	UNROLL for (int i = 0; i < SORT_KEYS; i++)
		v_store(at + i * LANES, v[i]);
}

/* Steps of `distance` * step .. step, among `keys` keys `step` apart; both are constants. */
static inline __attribute__((always_inline)) void half_cleaners(float *at, int64_t step, const int keys, const int distance)
{
	vf v[SORT_KEYS];
	UNROLL for (int i = 0; i < keys; i++)
		v[i] = v_load(at + i * step * LANES);
	UNROLL for (int d = distance; d > 0; d /= 2)
		UNROLL for (int i = 0; i < keys; i++)
			if (!(i & d))
				exchange(&v[i], &v[(i + d) % SORT_KEYS]);
	UNROLL for (int i = 0; i < keys; i++)
		v_store(at + i * step * LANES, v[i]);
}

static inline __attribute__((always_inline)) void clean_few(float *at, int64_t count, const int distance)
{
	for (int64_t key = 0; key < count; key += SORT_KEYS)
		half_cleaners(at + key * LANES, 1, SORT_KEYS, distance);
}

/* A block of `size` keys, down to pieces of size / keys. */
static inline __attribute__((always_inline)) void clean_far(float *at, int64_t size, const int keys)
{
	for (int64_t k = 0; k < size / keys; k++)
		half_cleaners(at + k * LANES, size / keys, keys, keys / 2);
}

/* Blocks of `size` keys, each the result of a mirrored comparison (bitonic), down to single keys: those that the first `count`
 * keys reach. */
static void clean(float *at, int64_t size, int64_t count)
{
	if (size > SORT_KEYS) {
		int64_t pieces = size > NEAR_SIZE ? FAR_KEYS : SORT_KEYS;
		for (int64_t key = 0; key < count; key += size) {
			if (pieces == FAR_KEYS)
				clean_far(at + key * LANES, size, FAR_KEYS);
			else
				clean_far(at + key * LANES, size, SORT_KEYS);
			clean(at + key * LANES, size / pieces, size < count - key ? size : count - key);
		}
	} else if (size == 2) {
		clean_few(at, count, 1);
	} else if (size == 4) {
		clean_few(at, count, 2);
	} else if (size == 8) {
		clean_few(at, count, 4);
	} else {
		clean_few(at, count, SORT_KEYS / 2);
	}
}

/* The mirrored comparison of a block's halves, and the steps after it down to pieces of size / keys. */
static inline __attribute__((always_inline)) void merge_far(float *block, int64_t size, const int keys)
{
	const int half = keys / 2;
	for (int64_t i = 0; i < size / keys; i++) {
		float *low = block + i * LANES, *high = block + (size - 1 - i) * LANES;
		int64_t step = size / keys * LANES;
		vf a[SORT_KEYS / 2], b[SORT_KEYS / 2];
		UNROLL for (int t = 0; t < half; t++) {
			a[t] = v_load(low + t * step);
			b[t] = v_load(high - t * step);
			exchange(&a[t], &b[t]);
		}
		UNROLL for (int d = half / 2; d > 0; d /= 2)
			UNROLL for (int t = 0; t < half; t++)
				if (!(t & d)) {
					exchange(&a[t], &a[(t + d) % half]);
					exchange(&b[(t + d) % half], &b[t]);
				}
		UNROLL for (int t = 0; t < half; t++) {
			v_store(low + t * step, a[t]);
			v_store(high - t * step, b[t]);
		}
	}
}

/* Merge two sorted halves. */
static void merge_halves(float *block, int64_t size, int64_t count)
{
	if (size > NEAR_SIZE)
		merge_far(block, size, FAR_KEYS);
	else
		merge_far(block, size, SORT_KEYS);
	clean(block, size / (size > NEAR_SIZE ? FAR_KEYS : SORT_KEYS), count);
}

/* `count` keys, and zeros up to `size`, a power of two. */
static void sort_column(float *block, int64_t size, int64_t count)
{
	int64_t half = size / 2;
	if (size == SORT_KEYS) {
		sort_few(block);
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
	int64_t size = SORT_KEYS;
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
