// How long the int8 dot products of the network's linear layers alone take with one instruction set.
//
// The micro-kernels are independent of the engine's: integer sums of packed weights and rows that
// are quantised already, kept in registers and stored once. Nothing is scaled, and there is no
// attention, layer norm, activation function or thread.
#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PANEL = 16, BLOCK_ROWS = 128, ALIGNMENT = 64 };

// One layer. Weights (out_features / PANEL, in_features / 4, PANEL, 4).
typedef struct {
    size_t row_count, in_features, out_features;
    const uint8_t *rows;
    const int8_t *weight;
    int32_t *sums;  // (BLOCK_ROWS, out_features)
} layer;

typedef void gemm_fn(const layer *l, size_t rows);

// Expands to calls of a tile function whose number of rows is a constant.
#define EIGHT_ROWS(left, tile, ...)        \
    switch ((left) < 8 ? (left) : 8) {     \
        case 1: tile(__VA_ARGS__, 1); break; \
        case 2: tile(__VA_ARGS__, 2); break; \
        case 3: tile(__VA_ARGS__, 3); break; \
        case 4: tile(__VA_ARGS__, 4); break; \
        case 5: tile(__VA_ARGS__, 5); break; \
        case 6: tile(__VA_ARGS__, 6); break; \
        case 7: tile(__VA_ARGS__, 7); break; \
        default: tile(__VA_ARGS__, 8);     \
    }
#define FOUR_ROWS(left, tile, ...)         \
    switch ((left) < 4 ? (left) : 4) {     \
        case 1: tile(__VA_ARGS__, 1); break; \
        case 2: tile(__VA_ARGS__, 2); break; \
        case 3: tile(__VA_ARGS__, 3); break; \
        default: tile(__VA_ARGS__, 4);     \
    }
#define TILE static inline __attribute__((always_inline)) void
#define UNROLL _Pragma("GCC unroll 32")

static int32_t four_bytes(const uint8_t *at) {
    int32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

#define AVX2 __attribute__((target("avx2")))
#define AVXVNNI __attribute__((target("avx2,avxvnni")))

AVX2 static inline __m256i dot_avx2(__m256i sum, __m256i a, __m256i b) {
    const __m256i pairs = _mm256_maddubs_epi16(a, b);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

AVXVNNI static inline __m256i dot_avxvnni(__m256i sum, __m256i a, __m256i b) {
    return _mm256_dpbusd_avx_epi32(sum, a, b);
}

// The tiles of both sets differ in the dot product alone. A function for both could not inline it,
// as a caller needs every instruction set of what it inlines.
#define GEMM_256(target, isa)                                                                       \
    target TILE tile_##isa(const layer *l, size_t row, size_t panel, const int mr) {                \
        __m256i sums[4][2];                                                                         \
        const uint8_t *rows = l->rows + row * l->in_features;                                       \
        const int8_t *weight = l->weight + panel * PANEL * l->in_features;                          \
        UNROLL for (int r = 0; r < mr; r++) sums[r][0] = sums[r][1] = _mm256_setzero_si256();       \
        for (size_t k = 0; k < l->in_features; k += 4) {                                            \
            const __m256i *at = (const __m256i *)(weight + k * PANEL);                              \
            const __m256i b0 = _mm256_load_si256(at), b1 = _mm256_load_si256(at + 1);               \
            UNROLL for (int r = 0; r < mr; r++) {                                                   \
                const __m256i a = _mm256_set1_epi32(four_bytes(rows + r * l->in_features + k));     \
                sums[r][0] = dot_##isa(sums[r][0], a, b0);                                          \
                sums[r][1] = dot_##isa(sums[r][1], a, b1);                                          \
            }                                                                                       \
        }                                                                                           \
        UNROLL for (int r = 0; r < mr; r++) {                                                       \
            int32_t *out = l->sums + (row + r) * l->out_features + panel * PANEL;                   \
            _mm256_store_si256((__m256i *)out, sums[r][0]);                                         \
            _mm256_store_si256((__m256i *)out + 1, sums[r][1]);                                     \
        }                                                                                           \
    }                                                                                               \
    target static void gemm_##isa(const layer *l, size_t rows) {                                    \
        for (size_t panel = 0; panel < l->out_features / PANEL; panel++)                            \
            for (size_t row = 0; row < rows; row += 4)                                              \
                FOUR_ROWS(rows - row, tile_##isa, l, row, panel)                                    \
    }

GEMM_256(AVX2, avx2)
GEMM_256(AVXVNNI, avxvnni)

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni")))

AVX512 TILE tile_avx512(const layer *l, size_t row, size_t panel, const int panels, const int mr) {
    __m512i sums[8][3];
    const uint8_t *rows = l->rows + row * l->in_features;
    const int8_t *weight = l->weight + panel * PANEL * l->in_features;
    UNROLL for (int r = 0; r < mr; r++)
        UNROLL for (int p = 0; p < panels; p++) sums[r][p] = _mm512_setzero_si512();
    for (size_t k = 0; k < l->in_features; k += 4) {
        __m512i b[3];
        UNROLL for (int p = 0; p < panels; p++)
            b[p] = _mm512_load_si512(weight + (p * l->in_features + k) * PANEL);
        UNROLL for (int r = 0; r < mr; r++) {
            const __m512i a = _mm512_set1_epi32(four_bytes(rows + r * l->in_features + k));
            UNROLL for (int p = 0; p < panels; p++)
                sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], a, b[p]);
        }
    }
    UNROLL for (int r = 0; r < mr; r++)
        UNROLL for (int p = 0; p < panels; p++)
            _mm512_store_si512(l->sums + (row + r) * l->out_features + (panel + p) * PANEL,
                               sums[r][p]);
}

AVX512 static void gemm_avx512(const layer *l, size_t rows) {
    const size_t panels = l->out_features / PANEL;
    size_t panel = 0;
    for (; panel + 3 <= panels; panel += 3)
        for (size_t row = 0; row < rows; row += 8)
            EIGHT_ROWS(rows - row, tile_avx512, l, row, panel, 3)
    for (; panel < panels; panel++)
        for (size_t row = 0; row < rows; row += 8)
            EIGHT_ROWS(rows - row, tile_avx512, l, row, panel, 1)
}

#define AMX __attribute__((target("amx-tile,amx-int8")))

enum { TILE_ROWS = 16, TILE_BYTES = 64, TILES = 8 };

static int amx_allowed(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
}

// 32 rows by 32 output features. Rows beyond the last are multiplied too: a tile has no fewer.
AMX static void tile_amx(const layer *l, size_t row, size_t panel, int both) {
    const size_t in = l->in_features, stride = l->out_features * sizeof *l->sums;
    const uint8_t *rows = l->rows + row * in;
    const int8_t *weight = l->weight + panel * PANEL * in;
    int32_t *sums = l->sums + row * l->out_features + panel * PANEL;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (size_t k = 0; k < in; k += TILE_BYTES) {
        _tile_loadd(4, rows + k, in);
        _tile_loadd(6, weight + k * PANEL, TILE_BYTES);
        _tile_loadd(7, weight + (in + k) * PANEL, TILE_BYTES);
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        if (both) {
            _tile_loadd(5, rows + TILE_ROWS * in + k, in);
            _tile_dpbusd(2, 5, 6);
            _tile_dpbusd(3, 5, 7);
        }
    }
    _tile_stored(0, sums, stride);
    _tile_stored(1, sums + PANEL, stride);
    if (both) {
        _tile_stored(2, sums + TILE_ROWS * l->out_features, stride);
        _tile_stored(3, sums + TILE_ROWS * l->out_features + PANEL, stride);
    }
}

AMX static void gemm_amx(const layer *l, size_t rows) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } tiles = {.palette = 1};
    for (int i = 0; i < TILES; i++) tiles.bytes[i] = TILE_BYTES, tiles.rows[i] = TILE_ROWS;
    _tile_loadconfig(&tiles);
    for (size_t panel = 0; panel < l->out_features / PANEL; panel += 2)
        for (size_t row = 0; row < rows; row += 2 * TILE_ROWS)
            tile_amx(l, row, panel, rows - row > TILE_ROWS);
    _tile_release();
}

static gemm_fn *gemm_for(const char *isa) {
    if (!strcmp(isa, "avx2")) return gemm_avx2;
    if (!strcmp(isa, "avxvnni")) return gemm_avxvnni;
    if (!strcmp(isa, "avx512")) return gemm_avx512;
    if (!strcmp(isa, "amx") && amx_allowed()) return gemm_amx;
    return NULL;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Bytes from -30 to 30: the pairs that AVX2 adds in 16 bits must not saturate.
static void *filled(size_t bytes) {
    int8_t *buffer = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    for (size_t i = 0; buffer && i < bytes; i++) buffer[i] = (int8_t)(i % 61) - 30;
    return buffer;
}

// Multiplies rows by `count` linear layers of (rows, in_features, out_features) each, in blocks of
// rows that go through all layers. Features must be multiples of 64. Returns seconds of this
// processor; less than 0 if the processor lacks the instruction set or there is no memory.
double floor_seconds(const size_t (*shapes)[3], size_t count, const char *isa) {
    gemm_fn *gemm = gemm_for(isa);
    layer *layers = calloc(count, sizeof *layers);
    size_t max_rows = 0, max_features = 0;
    for (size_t i = 0; i < count; i++) {
        if (shapes[i][0] > max_rows) max_rows = shapes[i][0];
        for (int j = 1; j < 3; j++)
            if (shapes[i][j] > max_features) max_features = shapes[i][j];
    }
    uint8_t *data = filled(BLOCK_ROWS * max_features);
    int32_t *sums = filled(BLOCK_ROWS * max_features * sizeof *sums);
    int ready = gemm && layers && data && sums;
    for (size_t i = 0; i < count && ready; i++) {
        const int8_t *weight = filled(shapes[i][1] * shapes[i][2]);
        layers[i] = (layer){shapes[i][0], shapes[i][1], shapes[i][2], data, weight, sums};
        ready = weight != NULL;
    }
    double start = 0;
    for (int run = 0; run < 2 && ready; run++) {  // the first warms the caches
        start = now();
        for (size_t done = 0; done < max_rows; done += BLOCK_ROWS)
            for (const layer *l = layers; l < layers + count; l++) {
                const size_t rows = done < l->row_count ? l->row_count - done : 0;
                gemm(l, rows < BLOCK_ROWS ? rows : BLOCK_ROWS);
            }
    }
    const double seconds = ready ? now() - start : -1;
    for (size_t i = 0; i < count && layers; i++) free((void *)layers[i].weight);
    free(layers), free(data), free(sums);
    return seconds;
}
