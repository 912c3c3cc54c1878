// Matrix multiplication of quantised rows by packed int8 weights.
//
// Micro-kernels are named as in XNNPACK: gemm_8x48c4 computes a tile of 8 rows and 48 output
// features, 4 input channels at a time. Its integer sums stay in registers. All rows are multiplied
// by one group of channels before the next, so that its weights stay in the first-level cache. The
// last rows have a tile of half as many.
#include "gemm.h"

#if defined(__AVX512VNNI__)
enum { MR = 8, NR = 3 * PANEL };
#elif defined(__AVX2__)
enum { MR = 4, NR = PANEL };
#else
enum { MR = 2, NR = PANEL };
#endif
enum { HALF_MR = MR / 2 };
_Static_assert(ROW_MULTIPLE % MR == 0, "a tile must end within the rows that there is room for");

// Multiplies one group of a tile of `mr` rows and `nr` output features, which are constants where it
// is called: adds its scaled sums to those of the groups before.
INLINE void gemm_tile(const gemm_args *g, size_t row, size_t panel, size_t group, const int mr,
                      const int nr, const float *restrict before, size_t before_stride,
                      float *restrict out) {
    enum { VECTORS = NR / LANES, PANEL_VECTORS = PANEL / LANES };
    const linear *w = g->w;
    const int vectors = nr / LANES;
    const size_t cols = g->x.cols, group_size = w->in_features / w->groups;
    const size_t panel_size = PANEL * w->in_features;
    const uint8_t *rows = g->x.data + row * cols + group * group_size;
    const int8_t *weight = w->weight + panel * panel_size + group * group_size * PANEL;
    vi32 sums[MR][VECTORS];
    UNROLL for (int r = 0; r < mr; r++)
        UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = (vi32){};
    for (size_t k = 0; k < group_size; k += 4) {
        vi32 b[VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) {
            const int8_t *at = weight + v / PANEL_VECTORS * panel_size + k * PANEL;
            memcpy(&b[v], at + v % PANEL_VECTORS * 4 * LANES, sizeof b[v]);
        }
        UNROLL for (int r = 0; r < mr; r++) {
            vi32 a = splat4(rows + r * cols + k);
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = dot4(sums[r][v], a, b[v]);
        }
    }
    const float *weight_scales = w->scales + group * w->out_features + panel * PANEL;
    vf32 scales[VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) scales[v] = load(weight_scales + v * LANES);
    UNROLL for (int r = 0; r < mr; r++) {
        const float scale = g->x.scale[(row + r) * w->groups + group];
        UNROLL for (int v = 0; v < vectors; v++)
            store(out + r * NR + v * LANES, dequantise(sums[r][v], scales[v] * scale,
                                                       load(before + v * LANES)));
        before += before_stride;
    }
}

#define GEMM_MICROKERNEL(name, mr, nr)                                           \
    static void name(const gemm_args *g, size_t row, size_t panel, size_t group, \
                     const float *before, size_t before_stride, float *out) {    \
        gemm_tile(g, row, panel, group, mr, nr, before, before_stride, out);     \
    }

#if defined(__AVX512VNNI__)
GEMM_MICROKERNEL(gemm_8x48c4__avx512vnni, 8, 48)
GEMM_MICROKERNEL(gemm_4x48c4__avx512vnni, 4, 48)
GEMM_MICROKERNEL(gemm_8x16c4__avx512vnni, 8, 16)
#define GEMM_WIDE gemm_8x48c4__avx512vnni
#define GEMM_HALF gemm_4x48c4__avx512vnni
#define GEMM_PANEL gemm_8x16c4__avx512vnni
#elif defined(__AVX2__)
GEMM_MICROKERNEL(KERNEL(gemm_4x16c4), 4, 16)
GEMM_MICROKERNEL(KERNEL(gemm_2x16c4), 2, 16)
#define GEMM_WIDE KERNEL(gemm_4x16c4)
#define GEMM_HALF KERNEL(gemm_2x16c4)
#define GEMM_PANEL GEMM_WIDE
#else
GEMM_MICROKERNEL(gemm_2x16c4__portable, 2, 16)
GEMM_MICROKERNEL(gemm_1x16c4__portable, 1, 16)
#define GEMM_WIDE gemm_2x16c4__portable
#define GEMM_HALF gemm_1x16c4__portable
#define GEMM_PANEL GEMM_WIDE
#endif

// Weights of one group and of some panels that are multiplied next. Each tile prefetches a part of
// them: the processor does not foresee where the next panel lies.
typedef struct {
    const int8_t *at;
    size_t panels, panel_size, bytes;
    size_t part;  // bytes of each panel for each tile
} next_weights;

enum { LINE = 64 };

INLINE void prefetch_part(next_weights *next) {
    const size_t part = next->part < next->bytes ? next->part : next->bytes;
    for (size_t i = 0; i < next->panels; i++)
        for (size_t j = 0; j < part; j += LINE)
            __builtin_prefetch(next->at + i * next->panel_size + j);
    next->at += part, next->bytes -= part;
}

// With fewer rows, a tile would wait for more lines than it has time to multiply.
enum { MIN_PREFETCH_ROWS = 32 };

void KERNEL(gemm)(const linear *w, quantised_rows x, size_t rows, range panels, gemm_output out) {
    static const float zeros[NR];
    const gemm_args g = {w, x, out};
    assert_gemm(&g, rows, panels);
    _Alignas(64) float sums[MAX_TASK_ROWS][NR];
    const size_t panel_size = PANEL * w->in_features, group_bytes = panel_size / w->groups;
    const size_t tiles = (rows + MR - 1) / MR;
    for (size_t panel = panels.begin, count; panel < panels.end; panel += count) {
        count = panel + NR / PANEL <= panels.end ? NR / PANEL : 1;
        for (size_t group = 0; group < w->groups; group++) {
            const bool last = group + 1 == w->groups;
            const size_t next_panel = last ? panel + count : panel;
            const size_t left = panels.end - next_panel;
            next_weights next = {
                .at = w->weight + next_panel * panel_size + (last ? 0 : (group + 1) * group_bytes),
                .panels = left < NR / PANEL ? left : NR / PANEL,
                .panel_size = panel_size,
                .bytes = group_bytes,
                .part = rows < MIN_PREFETCH_ROWS ? 0 : (group_bytes / LINE / tiles + 1) * LINE,
            };
            for (size_t row = 0; row < rows; row += MR) {
                prefetch_part(&next);
                const float *before = group ? sums[row] : zeros;
                const size_t stride = group ? NR : 0;
                if (count < NR / PANEL)
                    GEMM_PANEL(&g, row, panel, group, before, stride, sums[row]);
                else if (rows - row > HALF_MR)
                    GEMM_WIDE(&g, row, panel, group, before, stride, sums[row]);
                else
                    GEMM_HALF(&g, row, panel, group, before, stride, sums[row]);
            }
        }
        if (count == NR / PANEL)
            gemm_epilogues(&g, (range){0, rows}, panel * PANEL, sums[0], NR, NR / LANES);
        else
            gemm_epilogues(&g, (range){0, rows}, panel * PANEL, sums[0], NR, PANEL / LANES);
    }
}
