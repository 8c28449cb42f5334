/* AVX-512 with the bfloat16 dot product (VDPBF16PS): two exact products a lane and instruction. */
#include "kernel/tables.h"
#include "kernel/x86/avx512.h"

#include "kernel/tile_template.h"

static void dot_tile_bf16(const uint16_t *queries, const uint16_t *keys, int64_t pairs, int64_t count, float factor, const float *offset, float *tile)
{
	for (int64_t key = 0; key < count; key += KEY_PANEL) {
		const uint16_t *panel = keys + key * pairs * 2;
		__m512 sum[KEY_PANEL][ROW_VECTORS];
		UNROLL for (int k = 0; k < KEY_PANEL; k++)
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sum[k][v] = _mm512_setzero_ps();
		for (int64_t pair = 0; pair < pairs; pair++) {
			__m512i row[ROW_VECTORS];
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				row[v] = _mm512_loadu_si512(queries + (pair * LANES + v * VECTOR) * 2);
			UNROLL for (int k = 0; k < KEY_PANEL; k++) {
				int32_t both;
				memcpy(&both, panel + (pair * KEY_PANEL + k) * 2, sizeof(both));
				UNROLL for (int v = 0; v < ROW_VECTORS; v++)
					sum[k][v] = _mm512_dpbf16_ps(sum[k][v], (__m512bh)row[v], (__m512bh)_mm512_set1_epi32(both));
			}
		}
		UNROLL for (int k = 0; k < KEY_PANEL; k++)
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				v_store(tile + (key + k) * LANES + v * VECTOR, v_fma(sum[k][v], v_set(factor), v_load(offset + v * VECTOR)));
	}
}

const struct kernels kernels_avx512_bf16 = { .name = "avx512_bf16", TEMPLATE_FUNCTIONS, .dot_tile_bf16 = dot_tile_bf16 };
