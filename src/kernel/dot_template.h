/* SPDX-License-Identifier: MIT */
/*
 * Products: queries with keys, weights with values, and the folds that are woven into them. Part of tile_template.h.
 */

/* The register tile: add the products of ROW_KEYS keys and ROW_VECTORS vectors of queries over `depth` dimensions, a
 * constant that is 1 or a multiple of SUMS. Each pair has SUMS sums, which take the dimensions in turn. */
static inline __attribute__((always_inline)) void multiply(const float *rows, const float *panel, int depth, vf sum[SUMS][ROW_KEYS][ROW_VECTORS])
{
	UNROLL for (int d = 0; d < depth; d++) {
		vf row[ROW_VECTORS];
		UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
			row[v] = v_load(rows + d * LANES + v * VECTOR);
			V_PIN(row[v]);
		}
		UNROLL for (int k = 0; k < ROW_KEYS; k++) {
			vf key = v_set(panel[d * KEY_PANEL + k]);
			V_PIN(key);
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sum[d % SUMS][k][v] = v_fma(row[v], key, sum[d % SUMS][k][v]);
		}
		UNROLL for (int k = 0; k < ROW_KEYS; k++)
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				V_PIN(sum[d % SUMS][k][v]);
	}
}

/* Products of a run are summed in registers, and the runs in the tile: sums of 32 products round less than longer ones. */
enum { DOT_RUN = 32 * SUMS, DOT_STEP = 16 };

static inline __attribute__((always_inline)) void multiply_run(const float *rows, const float *panel, int64_t depth, struct woven woven,
							       struct fold *fold, vf sum[ROW_KEYS][ROW_VECTORS])
{
	vf sums[SUMS][ROW_KEYS][ROW_VECTORS];
	UNROLL for (int i = 0; i < SUMS; i++)
		UNROLL for (int k = 0; k < ROW_KEYS; k++)
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sums[i][k][v] = v_set(0.0f);
	int64_t d = 0;
	for (; woven.fold && d + FOLD_STEP <= depth && fold->next < fold->end; d += FOLD_STEP) {
		multiply(rows + d * LANES, panel + d * KEY_PANEL, FOLD_STEP, sums);
		fold_unit(fold, woven);
	}
	for (; d + DOT_STEP <= depth; d += DOT_STEP)
		multiply(rows + d * LANES, panel + d * KEY_PANEL, DOT_STEP, sums);
	for (; d < depth; d++)
		multiply(rows + d * LANES, panel + d * KEY_PANEL, 1, sums);
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int v = 0; v < ROW_VECTORS; v++)
			sum[k][v] = SUMS == 2 ? sums[0][k][v] + sums[SUMS - 1][k][v] : sums[0][k][v];
}

static inline __attribute__((always_inline)) void add_run(vf sum[ROW_KEYS][ROW_VECTORS], float *to, bool first)
{
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
			float *at = to + k * LANES + v * VECTOR;
			v_store(at, first ? sum[k][v] : v_load(at) + sum[k][v]);
		}
}

/* The last run, the offset, and the largest of each lane. */
static inline __attribute__((always_inline)) void end_runs(vf sum[ROW_KEYS][ROW_VECTORS], float *to, bool first, const float *offset, float *max)
{
	UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
		vf from = v_load(offset + v * VECTOR), largest = v_load(max + v * VECTOR);
		UNROLL for (int k = 0; k < ROW_KEYS; k++) {
			float *at = to + k * LANES + v * VECTOR;
			vf total = (first ? sum[k][v] : v_load(at) + sum[k][v]) + from;
			largest = v_max(total, largest);
			v_store(at, total);
		}
		v_store(max + v * VECTOR, largest);
	}
}

struct operands {
	const float *queries, *keys;
	int64_t dim, count;
	const float *offset;
};

static inline __attribute__((always_inline)) void dot_keys(const void *operands, float *tile, struct woven woven, struct fold *fold, float *max)
{
	const struct operands *of = operands;
	for (int64_t key = 0; key < of->count; key += ROW_KEYS) {
		const float *panel = of->keys + key / KEY_PANEL * KEY_PANEL * of->dim + key % KEY_PANEL;
		for (int lane = 0; lane < LANES; lane += ROW_VECTORS * VECTOR) {
			vf sum[ROW_KEYS][ROW_VECTORS];
			int64_t d = 0;
			for (; d + DOT_RUN < of->dim; d += DOT_RUN) {
				multiply_run(of->queries + d * LANES + lane, panel + d * KEY_PANEL, DOT_RUN, woven, fold, sum);
				add_run(sum, tile + key * LANES + lane, d == 0);
			}
			multiply_run(of->queries + d * LANES + lane, panel + d * KEY_PANEL, of->dim - d, woven, fold, sum);
			end_runs(sum, tile + key * LANES + lane, d == 0, of->offset + lane, max + lane);
		}
	}
}

/* An instance of `dot` for each thing that may be woven in. `maxima`: the tile holds no keys beyond those that count. */
typedef void dot_instance(const void *operands, float *tile, struct woven woven, struct fold *fold, float *max);

static inline __attribute__((always_inline)) void dot_woven(dot_instance *dot, const void *operands, float *tile, struct weave *weave, bool maxima)
{
	_Alignas(64) float unread[LANES];
	float *max = weave ? weave->max : unread;
	struct fold *fold = weave && FOLD_STEP > 0 ? weave->fold : NULL;
	for (int lane = 0; lane < LANES; lane++)
		max[lane] = -INFINITY;
	if (!fold)
		dot(operands, tile, (struct woven){ .fold = false }, NULL, max);
	else if (!(fold->flags & FOLD_SUMS))
		dot(operands, tile, (struct woven){ .fold = true, .keep = true }, fold, max);
	else if (fold->flags & FOLD_ONLY_SUM)
		dot(operands, tile, (struct woven){ .fold = true, .sums = true, .keep = true }, fold, max);
	else if (fold->flags & FOLD_KEEP)
		dot(operands, tile, (struct woven){ .fold = true, .sums = true, .moments = true, .keep = true }, fold, max);
	else
		dot(operands, tile, (struct woven){ .fold = true, .sums = true, .moments = true }, fold, max);
	if (weave)
		weave->has_max = maxima;
}

static void dot_tile(const float *queries, const float *keys, int64_t dim, int64_t count, const float *offset, float *tile, struct weave *weave)
{
	const struct operands operands = { queries, keys, dim, count, offset };
	dot_woven(dot_keys, &operands, tile, weave, count % ROW_KEYS == 0);
}

/* Doubles a vector. */
enum { DOUBLES = VECTOR > 1 ? VECTOR / 2 : 1 };

typedef double vd_memory __attribute__((vector_size(sizeof(vd)), aligned(8), may_alias));

static void rescale_values(const float *rescale, int64_t width, double *out)
{
	for (int64_t column = 0; column < width; column++)
		for (int lane = 0; lane < LANES; lane += DOUBLES) {
			vd_memory *at = (vd_memory *)(out + column * LANES + lane);
			*at = *at * v_load_double(rescale + lane);
		}
}

/* `flat` holds the sums of ROW_KEYS columns. */
static inline void add_values(const float *flat, double *to)
{
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int i = 0; i < ROW_VECTORS * VECTOR; i += DOUBLES) {
			vd_memory *at = (vd_memory *)(to + k * LANES + i);
			*at = *at + v_load_double(flat + k * ROW_VECTORS * VECTOR + i);
		}
}

static void accumulate_values(const float *tile, int64_t count, const float *values, int64_t packed, int64_t width, const float *rescale, double *out)
{
	if (rescale)
		rescale_values(rescale, width, out);
	for (int64_t column = 0; column < width; column += ROW_KEYS) {
		const float *panel = values + column / KEY_PANEL * KEY_PANEL * packed + column % KEY_PANEL;
		for (int lane = 0; lane < LANES; lane += ROW_VECTORS * VECTOR) {
			vf sum[ROW_KEYS][ROW_VECTORS];
			_Alignas(64) float flat[ROW_KEYS * ROW_VECTORS * VECTOR];
			multiply_run(tile + lane, panel, count, (struct woven){ .fold = false }, NULL, sum);
			memcpy(flat, sum, sizeof(flat));
			add_values(flat, out + column * LANES + lane);
		}
	}
}
