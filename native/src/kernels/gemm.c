// Matrix multiplication of quantised rows by packed int8 weights.
//
// Micro-kernels are named as in XNNPACK: gemm_8x48c4 computes a tile of 8 rows and 48 output
// features, 4 input channels at a time. Its sums stay in registers.
#include "gemm.h"

enum { VECTORS = PANEL / LANES };  // of a panel

// One tile of `mr` rows and `panels` panels. Both are constants where it is called.
INLINE void gemm_tile(const gemm_args *args, size_t row, size_t panel, const int mr,
                      const int panels) {
    enum { MAX_MR = 8, MAX_VECTORS = 3 * VECTORS };
    const gemm_args local = *args, *g = &local;  // which stores to outputs cannot alias
    const linear *w = g->w;
    const quantised_rows x = g->x;
    const int vectors = panels * VECTORS;
    const uint8_t *rows = x.data + row * x.cols;
    const int8_t *weight = w->weight + panel * PANEL * w->in_features;
    const size_t group_size = w->in_features / w->groups;
    vf32 out[MAX_MR][MAX_VECTORS];
    UNROLL for (int r = 0; r < mr; r++)
        UNROLL for (int v = 0; v < vectors; v++) out[r][v] = splat(0);
    for (size_t i = 0; i < w->groups; i++) {
        vi32 sums[MAX_MR][MAX_VECTORS];
        UNROLL for (int r = 0; r < mr; r++)
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = (vi32){};
        for (size_t k = i * group_size; k < (i + 1) * group_size; k += 4) {
            vi32 b[MAX_VECTORS];
            UNROLL for (int v = 0; v < vectors; v++) {
                const int8_t *at = weight + v / VECTORS * PANEL * w->in_features + k * PANEL;
                memcpy(&b[v], at + v % VECTORS * 4 * LANES, sizeof b[v]);
            }
            UNROLL for (int r = 0; r < mr; r++) {
                vi32 a = splat4(rows + r * x.cols + k);
                UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = dot4(sums[r][v], a, b[v]);
            }
        }
        UNROLL for (int r = 0; r < mr; r++) {
            const float scale = x.scale[(row + r) * w->groups + i];
            UNROLL for (int v = 0; v < vectors; v++) {
                const float *scales = w->scales + i * w->out_features + panel * PANEL + v * LANES;
                out[r][v] = dequantise(sums[r][v], load(scales) * scale, out[r][v]);
            }
        }
    }
    UNROLL for (int v = 0; v < vectors; v++)
        UNROLL for (int r = 0; r < mr; r++)
            gemm_epilogue(g, row + r, panel * PANEL + v * LANES, out[r][v]);
}

#define GEMM_MICROKERNEL(name, mr, nr)                               \
    static void name(const gemm_args *g, size_t row, size_t panel) { \
        gemm_tile(g, row, panel, mr, (nr) / PANEL);                  \
    }

#if defined(__AVX512VNNI__)
enum { MR = 8, NR_PANELS = 3 };
GEMM_MICROKERNEL(gemm_8x48c4__avx512vnni, 8, 48)
GEMM_MICROKERNEL(gemm_8x16c4__avx512vnni, 8, 16)
#define GEMM_WIDE gemm_8x48c4__avx512vnni
#define GEMM_PANEL gemm_8x16c4__avx512vnni
#elif defined(__AVX2__)
enum { MR = 4, NR_PANELS = 1 };
GEMM_MICROKERNEL(gemm_4x16c4__avx2, 4, 16)
#define GEMM_WIDE gemm_4x16c4__avx2
#define GEMM_PANEL gemm_4x16c4__avx2
#else
enum { MR = 2, NR_PANELS = 1 };
GEMM_MICROKERNEL(gemm_2x16c4__portable, 2, 16)
#define GEMM_WIDE gemm_2x16c4__portable
#define GEMM_PANEL gemm_2x16c4__portable
#endif

_Static_assert(ROW_MULTIPLE % MR == 0, "a tile must end within the rows that there is room for");

void KERNEL(gemm)(const linear *w, quantised_rows x, size_t rows, range panels, gemm_output out) {
    const gemm_args g = {w, x, out};
    assert_gemm(&g, rows, panels);
    size_t panel = panels.begin;
    for (; panel + NR_PANELS <= panels.end; panel += NR_PANELS)
        for (size_t row = 0; row < rows; row += MR) GEMM_WIDE(&g, row, panel);
    for (; panel < panels.end; panel++)
        for (size_t row = 0; row < rows; row += MR) GEMM_PANEL(&g, row, panel);
}
