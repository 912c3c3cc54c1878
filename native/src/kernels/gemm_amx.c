// Matrix multiplication by the tile matrix unit (AMX) of Intel's processors from Sapphire Rapids
// on; all else is AVX-512's.
//
// One instruction multiplies a tile of 16 rows by 64 bytes with one of 64 bytes by 16 output
// features. The packed weights already have that tile's layout.
#include "gemm.h"

enum { TILE_ROWS = 16, TILE_BYTES = 64, TILES = 8, MR = 2 * TILE_ROWS, NR_PANELS = 2 };
_Static_assert((int)LANES == (int)PANEL, "a panel is one vector");

typedef int32_t tile_sums[MR][NR_PANELS][PANEL];
typedef float tile_outputs[MR][NR_PANELS][PANEL];

static void amx_configure(void) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } tiles = {.palette = 1};
    for (int i = 0; i < TILES; i++) tiles.bytes[i] = TILE_BYTES, tiles.rows[i] = TILE_ROWS;
    _tile_loadconfig(&tiles);
}

// Without this, the operating system saves 8 KB of tiles at every switch to another thread.
static void amx_release(void) { _tile_release(); }

// Sums one group of `channels` channels, a multiple of 64: 16 rows or, with `both`, 32 rows of
// `cols` bytes each, times two panels, `stride` bytes apart.
INLINE void tile_gemm(const uint8_t *rows, size_t cols, const int8_t *weight, size_t stride,
                      size_t channels, const int both, tile_sums sums) {
    _tile_zero(0);
    _tile_zero(1);
    if (both) _tile_zero(2);
    if (both) _tile_zero(3);
    for (size_t k = 0; k < channels; k += TILE_BYTES) {
        const int8_t *at = weight + k * PANEL;
        _tile_loadd(6, at, TILE_BYTES);
        _tile_loadd(4, rows + k, cols);
        _tile_dpbusd(0, 4, 6);
        _tile_loadd(7, at + stride, TILE_BYTES);
        _tile_dpbusd(1, 4, 7);
        if (both) _tile_loadd(5, rows + TILE_ROWS * cols + k, cols);
        if (both) _tile_dpbusd(2, 5, 6);
        if (both) _tile_dpbusd(3, 5, 7);
    }
    _tile_stored(0, sums[0][0], 2 * TILE_BYTES);
    _tile_stored(1, sums[0][1], 2 * TILE_BYTES);
    if (both) _tile_stored(2, sums[TILE_ROWS][0], 2 * TILE_BYTES);
    if (both) _tile_stored(3, sums[TILE_ROWS][1], 2 * TILE_BYTES);
}

// Adds one group's scaled sums of `count` rows to the outputs of the groups before.
INLINE void accumulate(const gemm_args *g, size_t row, size_t count, size_t panel, size_t group,
                       tile_sums sums, tile_outputs out) {
    const linear *w = g->w;
    const float *scales = w->scales + group * w->out_features + panel * PANEL;
    for (size_t r = 0; r < count; r++) {
        const float scale = g->x.scale[(row + r) * w->groups + group];
        UNROLL for (int v = 0; v < NR_PANELS; v++) {
            vi32 integers;
            memcpy(&integers, sums[r][v], sizeof integers);
            vf32 before = group ? load(out[r][v]) : splat(0);
            store(out[r][v], dequantise(integers, load(scales + v * PANEL) * scale, before));
        }
    }
}

// One tile of up to 32 rows and two panels, 64 channels at a time.
INLINE void gemm_32x32c64__amx(const gemm_args *g, size_t row, size_t count, size_t panel) {
    const linear *w = g->w;
    const size_t group_size = w->in_features / w->groups, stride = PANEL * w->in_features;
    const int8_t *weight = w->weight + panel * stride;
    _Alignas(64) tile_sums sums;
    _Alignas(64) tile_outputs out;
    for (size_t i = 0; i < w->groups; i++) {
        const uint8_t *rows = g->x.data + row * g->x.cols + i * group_size;
        const int8_t *group_weight = weight + i * group_size * PANEL;
        if (count > TILE_ROWS)
            tile_gemm(rows, g->x.cols, group_weight, stride, group_size, 1, sums);
        else
            tile_gemm(rows, g->x.cols, group_weight, stride, group_size, 0, sums);
        accumulate(g, row, count, panel, i, sums, out);
    }
    gemm_epilogues(g, (range){row, row + count}, panel * PANEL, out[0][0], NR_PANELS * PANEL,
                   NR_PANELS);
}

static void gemm__amx(const linear *w, quantised_rows x, size_t rows, range panels,
                      gemm_output out) {
    const gemm_args g = {w, x, out};
    assert_gemm(&g, rows, panels);
    // Other shapes, which no usual network has, would need tiles of their own.
    if (w->in_features / w->groups % TILE_BYTES || (panels.end - panels.begin) % NR_PANELS) {
        KERNEL(gemm)(w, x, rows, panels, out);
        return;
    }
    for (size_t panel = panels.begin; panel < panels.end; panel += NR_PANELS)
        for (size_t row = 0; row < rows; row += MR)
            gemm_32x32c64__amx(&g, row, rows - row < MR ? rows - row : MR, panel);
}

const kernels kernels__amx = {
    .name = "amx",
    .max_task_rows = MAX_TASK_ROWS,
    .query_block = LANES,
    .thread_begin = amx_configure,
    .thread_end = amx_release,
    .quantise_activations = KERNEL(quantise_activations),
    .quantise_queries = KERNEL(quantise_queries),
    .quantise_kv = KERNEL(quantise_kv),
    .gemm = gemm__amx,
    .attention = KERNEL(attention),
    .attention_received = KERNEL(attention_received),
    .layer_norm = KERNEL(layer_norm),
    .embed = KERNEL(embed),
    .classify = KERNEL(classify),
};
