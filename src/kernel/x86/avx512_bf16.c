/* SPDX-License-Identifier: MIT */
/* AVX-512 with the bfloat16 dot product (VDPBF16PS): two exact products a lane and instruction. */
#include "kernel/tables.h"
#include "kernel/x86/avx512.h"

#include "kernel/tile_template.h"

/* Pairs of dimensions between two units of a fold. */
enum { PAIR_STEP = 4 };

static inline __attribute__((always_inline)) void multiply_pairs(const uint16_t *rows, const uint16_t *panel, int pairs,
								 __m512 sum[KEY_PANEL][ROW_VECTORS])
{
	UNROLL for (int pair = 0; pair < pairs; pair++) {
		__m512i row[ROW_VECTORS];
		UNROLL for (int v = 0; v < ROW_VECTORS; v++)
			row[v] = _mm512_loadu_si512(rows + (pair * LANES + v * VECTOR) * 2);
		UNROLL for (int k = 0; k < KEY_PANEL; k++) {
			int32_t both;
			memcpy(&both, panel + (pair * KEY_PANEL + k) * 2, sizeof(both));
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sum[k][v] = _mm512_dpbf16_ps(sum[k][v], (__m512bh)row[v], (__m512bh)_mm512_set1_epi32(both));
		}
	}
}

struct bf16_operands {
	const uint16_t *queries, *keys;
	int64_t pairs, count;
	float factor;
	const float *offset;
};

static inline __attribute__((always_inline)) void dot_keys_bf16(const void *operands, float *tile, struct woven woven, struct fold *fold, float *max)
{
	const struct bf16_operands *of = operands;
	for (int64_t key = 0; key < of->count; key += KEY_PANEL) {
		const uint16_t *panel = of->keys + key * of->pairs * 2;
		__m512 sum[KEY_PANEL][ROW_VECTORS];
		UNROLL for (int k = 0; k < KEY_PANEL; k++)
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sum[k][v] = _mm512_setzero_ps();
		int64_t pair = 0;
		for (; pair + PAIR_STEP <= of->pairs; pair += PAIR_STEP) {
			multiply_pairs(of->queries + pair * LANES * 2, panel + pair * KEY_PANEL * 2, PAIR_STEP, sum);
			if (woven.fold && fold->next != fold->end)
				fold_unit(fold, woven);
		}
		for (; pair < of->pairs; pair++)
			multiply_pairs(of->queries + pair * LANES * 2, panel + pair * KEY_PANEL * 2, 1, sum);
		UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
			vf from = v_load(of->offset + v * VECTOR), largest = v_load(max + v * VECTOR);
			UNROLL for (int k = 0; k < KEY_PANEL; k++) {
				vf total = v_fma(sum[k][v], v_set(of->factor), from);
				largest = v_max(total, largest);
				v_store(tile + (key + k) * LANES + v * VECTOR, total);
			}
			v_store(max + v * VECTOR, largest);
		}
	}
}

static void dot_tile_bf16(const uint16_t *queries, const uint16_t *keys, int64_t pairs, int64_t count, float factor, const float *offset, float *tile,
			  struct weave *weave)
{
	const struct bf16_operands of = { queries, keys, pairs, count, factor, offset };
	dot_woven(dot_keys_bf16, &of, tile, weave, count % KEY_PANEL == 0);
}

const struct kernels kernels_avx512_bf16 = { .name = "avx512_bf16", TEMPLATE_FUNCTIONS, .dot_tile_bf16 = dot_tile_bf16 };
