// Matrix multiplication on arm64, by NEON's dot products or, with i8mm, its products of matrices.
//
// A tile has 8 rows and 8 output features, half a panel: with 16 vectors of sums, 8 of activations
// and 2 of weights it stays in the 32 registers, and 16 loads feed 64 products.
#include "gemm.h"
#include "operands.h"

enum { MR = 8, NR = 8, VECTORS = NR / LANES };
_Static_assert(ROW_MULTIPLE % MR == 0, "a tile must end within the rows that there is room for");

typedef vi32 tile_sums[MR][VECTORS];

#if defined(__ARM_FEATURE_MATMUL_INT8)
// One instruction multiplies 2 rows by 2 output features, 8 channels each. Pairs of rows are stored
// like that; two vectors of weights, of 4 channels by 4 output features each, are zipped.
INLINE void tile_gemm(const gemm_args *g, size_t row, size_t group, const int8_t *weight,
                      const int32_t *shift_sums, const int mr, tile_sums sums) {
    const size_t group_size = g->w->in_features / g->w->groups, cols = g->x.cols;
    const uint8_t *rows = activations_at(g->x, row, group * group_size);
    (void)shift_sums;
    int32x4_t squares[MR / 2][NR / 2];  // (2 rows, 2 output features)
    UNROLL for (int r = 0; r < mr / 2; r++)
        UNROLL for (int o = 0; o < NR / 2; o++) squares[r][o] = vdupq_n_s32(0);
    for (size_t k = 0; k < group_size; k += 8) {
        uint8x16_t a[MR / 2];
        UNROLL for (int r = 0; r < mr / 2; r++) a[r] = vld1q_u8(rows + 2 * (r * cols + k));
        UNROLL for (int v = 0; v < VECTORS; v++) {
            const int32_t *low = (const int32_t *)(weight + k * PANEL) + v * LANES;
            const int32x4_t four = vld1q_s32(low), next = vld1q_s32(low + PANEL);
            const int8x16_t b0 = vreinterpretq_s8_s32(vzip1q_s32(four, next));
            const int8x16_t b1 = vreinterpretq_s8_s32(vzip2q_s32(four, next));
            UNROLL for (int r = 0; r < mr / 2; r++) {
                squares[r][2 * v] = vusmmlaq_s32(squares[r][2 * v], a[r], b0);
                squares[r][2 * v + 1] = vusmmlaq_s32(squares[r][2 * v + 1], a[r], b1);
            }
        }
    }
    UNROLL for (int r = 0; r < mr / 2; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            const int64x2_t left = vreinterpretq_s64_s32(squares[r][2 * v]);
            const int64x2_t right = vreinterpretq_s64_s32(squares[r][2 * v + 1]);
            sums[2 * r][v] = (vi32)vzip1q_s64(left, right);
            sums[2 * r + 1][v] = (vi32)vzip2q_s64(left, right);
        }
}
enum { MIN_MR = 2 };
#else
// One instruction multiplies 4 channels of a row, a lane of a vector with 16, by those of 4 output
// features.
INLINE void tile_gemm(const gemm_args *g, size_t row, size_t group, const int8_t *weight,
                      const int32_t *shift_sums, const int mr, tile_sums sums) {
    const size_t group_size = g->w->in_features / g->w->groups, cols = g->x.cols;
    const int8_t *rows = (const int8_t *)activations_at(g->x, row, group * group_size);
    UNROLL for (int v = 0; v < VECTORS; v++)
        UNROLL for (int r = 0; r < mr; r++) memcpy(&sums[r][v], shift_sums + v * LANES, 16);
    for (size_t k = 0; k < group_size; k += 16) {
        int8x16_t a[MR];
        UNROLL for (int r = 0; r < mr; r++) a[r] = vld1q_s8(rows + r * cols + k);
        UNROLL for (int i = 0; i < 4; i++)
            UNROLL for (int v = 0; v < VECTORS; v++) {
                const int8x16_t b = vld1q_s8(weight + (k + 4 * i) * PANEL + v * 4 * LANES);
                UNROLL for (int r = 0; r < mr; r++)
                    sums[r][v] = (vi32)dot_lane_s32((int32x4_t)sums[r][v], b, a[r], i);
            }
    }
}
enum { MIN_MR = 1 };

void KERNEL(sum_weights)(const linear *w, int32_t *sums) {
    const size_t group_size = w->in_features / w->groups;
    const int8_t *weight = w->weight;
    for (size_t col = 0; col < w->out_features; col += PANEL)
        for (size_t group = 0; group < w->groups; group++) {
            int32x4_t sum[PANEL / LANES] = {};
            for (size_t k = 0; k < group_size; k += 4, weight += 4 * PANEL)
                UNROLL for (int v = 0; v < PANEL / LANES; v++)
                    sum[v] = vdotq_s32(sum[v], vld1q_s8(weight + v * 4 * LANES), vdupq_n_s8(1));
            UNROLL for (int v = 0; v < PANEL / LANES; v++)
                vst1q_s32(sums + group * w->out_features + col + v * LANES,
                          vmulq_n_s32(sum[v], ACTIVATION_SHIFT));
        }
}
#endif

// One tile of `mr` rows. It is a constant where this is called.
INLINE void gemm_tile(const gemm_args *args, size_t row, size_t col, const int mr) {
    const gemm_args local = *args, *g = &local;  // which stores to outputs cannot alias
    const linear *w = g->w;
    const size_t group_size = w->in_features / w->groups;
    const int8_t *weight = w->weight + col / PANEL * PANEL * w->in_features + col % PANEL * 4;
    vf32 out[MR][VECTORS];
    UNROLL for (int r = 0; r < mr; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) out[r][v] = splat(0);
    for (size_t i = 0; i < w->groups; i++) {
        const size_t at = i * w->out_features + col;
        const int32_t *shift_sums = ACTIVATION_SHIFT ? w->shift_sums + at : NULL;
        tile_sums sums;
        tile_gemm(g, row, i, weight + i * group_size * PANEL, shift_sums, mr, sums);
        UNROLL for (int r = 0; r < mr; r++) {
            const float scale = g->x.scale[(row + r) * w->groups + i];
            UNROLL for (int v = 0; v < VECTORS; v++)
                out[r][v] =
                    dequantise(sums[r][v], load(w->scales + at + v * LANES) * scale, out[r][v]);
        }
    }
    UNROLL for (int v = 0; v < VECTORS; v++)
        UNROLL for (int r = 0; r < mr; r++)
            gemm_epilogue(g, row + r, col + v * LANES, out[r][v]);
}

void KERNEL(gemm)(const linear *w, quantised_rows x, size_t rows, range panels, gemm_output out) {
    const gemm_args g = {w, x, out};
    assert_gemm(&g, rows, panels);
    assert(!ACTIVATION_SHIFT || w->shift_sums);
    for (size_t col = panels.begin * PANEL; col < panels.end * PANEL; col += NR) {
        size_t row = 0;
        for (; row + 4 < rows; row += MR) gemm_tile(&g, row, col, MR);
        if (rows - row > 2 && row < rows) gemm_tile(&g, row, col, 4);
        else
            for (; row < rows; row += MIN_MR) gemm_tile(&g, row, col, MIN_MR);
    }
}
