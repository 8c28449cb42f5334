/* SPDX-License-Identifier: MIT */
/*
 * Reducers of a tile: sums and maxima along keys or lanes, counts, histograms. Part of tile_template.h.
 */

static void sum_keys(const float *tile, int64_t count, float *out)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf a = v_set(0.0f), b = a;
		int64_t key = 0;
		for (; key + 2 <= count; key += 2) {
			a = a + v_load(tile + key * LANES + lane);
			b = b + v_load(tile + (key + 1) * LANES + lane);
		}
		if (key < count)
			a = a + v_load(tile + key * LANES + lane);
		v_store(out + lane, v_load(out + lane) + (a + b));
	}
}

static void max_keys(const float *tile, int64_t count, float *out)
{
	for (int lane = 0; lane < LANES; lane += VECTOR)
		v_store(out + lane, v_max(column_max(tile + lane, count), v_load(out + lane)));
}

static void distance_keys(const float *tile, int64_t count, float first_key, const float *lane_position, float *out)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf position = first_key - v_load(lane_position + lane), sum = v_set(0.0f);
		for (int64_t key = 0; key < count; key++) {
			sum = v_fma(v_load(tile + key * LANES + lane), v_abs(position), sum);
			position = position + 1.0f;
		}
		v_store(out + lane, v_load(out + lane) + sum);
	}
}

/* Two vectors that exchange halves, quarters, eighths: of v[i] and v[i + d], where i has not the bit d, the first receives
 * the elements without it, and the second those with it. */
#define FIRST_OF(e, d) ((e) & (d) ? VECTOR + (e) - (d) : (e))
#define SECOND_OF(e, d) ((e) & (d) ? VECTOR + (e) : ((e) + (d)) % (2 * VECTOR))
#define FIRST_8(e) FIRST_OF(e, 8)
#define FIRST_4(e) FIRST_OF(e, 4)
#define FIRST_2(e) FIRST_OF(e, 2)
#define FIRST_1(e) FIRST_OF(e, 1)
#define SECOND_8(e) SECOND_OF(e, 8)
#define SECOND_4(e) SECOND_OF(e, 4)
#define SECOND_2(e) SECOND_OF(e, 2)
#define SECOND_1(e) SECOND_OF(e, 1)

static inline __attribute__((always_inline)) vf v_first(vf a, vf b, const int d)
{
	return d == 8 ? V_SHUFFLE(a, b, FIRST_8) : d == 4 ? V_SHUFFLE(a, b, FIRST_4) : d == 2 ? V_SHUFFLE(a, b, FIRST_2) : V_SHUFFLE(a, b, FIRST_1);
}

static inline __attribute__((always_inline)) vf v_second(vf a, vf b, const int d)
{
	return d == 8 ? V_SHUFFLE(a, b, SECOND_8) : d == 4 ? V_SHUFFLE(a, b, SECOND_4) : d == 2 ? V_SHUFFLE(a, b, SECOND_2) : V_SHUFFLE(a, b, SECOND_1);
}

static inline __attribute__((always_inline)) vf sum_columns(const float *row)
{
	vf sum = v_load(row);
	for (int c = 1; c < COLUMNS; c++)
		sum = sum + v_load(row + c * VECTOR);
	return sum;
}

/* Elements half a vector apart are added, then those a quarter apart, and so on, in VECTOR vectors at once: that leaves the
 * sum of the i-th in element i. */
static void sum_lanes(const float *tile, int64_t count, double *out)
{
	float part[VECTOR];
	int64_t key = 0;
	for (; key + VECTOR <= count; key += VECTOR) {
		vf sum[VECTOR];
		UNROLL for (int i = 0; i < VECTOR; i++)
			sum[i] = sum_columns(tile + (key + i) * LANES);
		UNROLL for (int d = VECTOR / 2; d > 0; d /= 2)
			UNROLL for (int i = 0; i < d; i++)
				sum[i] = v_first(sum[i], sum[(i + d) % VECTOR], d) + v_second(sum[i], sum[(i + d) % VECTOR], d);
		v_store(part, sum[0]);
		for (int i = 0; i < VECTOR; i++)
			out[key + i] += (double)part[i];
	}
	for (; key < count; key++) {
		v_store(part, sum_columns(tile + key * LANES));
		for (int d = VECTOR / 2; d > 0; d /= 2)
			for (int i = 0; i < d; i++)
				part[i] += part[i + d];
		out[key] += (double)part[0];
	}
}

static void count_above(const float *tile, int64_t count, const float *threshold, float *number, float *mass)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf least = v_load(threshold + lane), zero = v_set(0.0f), one = v_set(1.0f), n = zero, m = zero;
		for (int64_t key = 0; key < count; key++) {
			vf value = v_load(tile + key * LANES + lane);
			vi above = v_mask(value >= least);
			n = n + v_select(above, one, zero);
			m = m + v_select(above, value, zero);
		}
		v_store(number + lane, v_load(number + lane) + n);
		v_store(mass + lane, v_load(mass + lane) + m);
	}
}

static void group_keys(const float *tile, int64_t count, const int64_t *group, float *out)
{
	for (int64_t key = 0, next; key < count; key = next) {
		next = key + 1;
		if (group[key] < 0)
			continue;
		vf sum[COLUMNS];
		UNROLL for (int c = 0; c < COLUMNS; c++)
			sum[c] = v_load(tile + key * LANES + c * VECTOR);
		for (; next < count && (group[next] == group[key] || group[next] < 0); next++) {
			if (group[next] < 0)
				continue;
			UNROLL for (int c = 0; c < COLUMNS; c++)
				sum[c] = sum[c] + v_load(tile + next * LANES + c * VECTOR);
		}
		UNROLL for (int c = 0; c < COLUMNS; c++)
			v_store(out + group[key] * LANES + c * VECTOR, sum[c]);
	}
}

/* Bin numbers are found for whole vectors; the counting itself is scalar, a lane at a time, so that a lane's table stays
 * in the nearest cache. */
static void histogram(const float *tile, int64_t count, uint32_t *bins)
{
	int32_t bin[KEY_BLOCK * VECTOR];
	const float lowest = 1.0f / (float)(INT64_C(1) << HISTOGRAM_OCTAVES);
	const int32_t origin = (127 - HISTOGRAM_OCTAVES) << HISTOGRAM_BITS;
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		for (int64_t key = 0; key < count; key++) {
			vf value = v_min(v_max(v_load(tile + key * LANES + lane), v_set(lowest)), v_set(1.0f));
			*(vi_memory *)(bin + key * VECTOR) = (v_bits(value) >> (23 - HISTOGRAM_BITS)) - origin;
		}
		for (int i = 0; i < VECTOR; i++) {
			uint32_t *table = bins + (int64_t)(lane + i) * HISTOGRAM_BINS;
			int64_t key = 0;
			for (; key + 8 <= count; key += 8)
				UNROLL for (int k = 0; k < 8; k++)
					table[bin[(key + k) * VECTOR + i]]++;
			for (; key < count; key++)
				table[bin[key * VECTOR + i]]++;
		}
	}
}

static void transpose(const float *tile, int64_t count, float *rows, int64_t row_stride)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		int64_t key = 0;
		for (; key + VECTOR <= count; key += VECTOR) {
			vf v[VECTOR];
			UNROLL for (int i = 0; i < VECTOR; i++)
				v[i] = v_load(tile + (key + i) * LANES + lane);
			UNROLL for (int d = VECTOR / 2; d > 0; d /= 2)
				UNROLL for (int i = 0; i < VECTOR; i++)
					if (!(i & d)) {
						vf first = v_first(v[i], v[(i + d) % VECTOR], d);
						v[(i + d) % VECTOR] = v_second(v[i], v[(i + d) % VECTOR], d);
						v[i] = first;
					}
			UNROLL for (int i = 0; i < VECTOR; i++)
				v_store(rows + (lane + i) * row_stride + key, v[i]);
		}
		for (int i = 0; i < VECTOR; i++)
			for (int64_t k = key; k < count; k++)
				rows[(lane + i) * row_stride + k] = tile[k * LANES + lane + i];
	}
}
