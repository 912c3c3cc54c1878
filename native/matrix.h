// The matrix unit of Intel's processors (AMX): a tile of 16 rows by 64 bytes times one of 64 bytes
// by 16 outputs in one instruction. The packed weights lie as it reads them; the sums are the same
// integers, and are scaled by the same floats in the same order, as without it.
#pragma once

#if defined(__AMX_INT8__)
#include <immintrin.h>
#include <stdint.h>

#include "vectors.h"

enum { UNIT_ROWS = 16, UNIT_BYTES = 64, UNIT_TILES = 8, UNIT_PANELS = 2 };

// To be called before a thread's first product, and `release_unit` after its last one: until then
// the kernel would have to save 8 KB whenever it stops the thread.
static void take_unit(void) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } tiles = {.palette = 1};
    for (int i = 0; i < UNIT_TILES; i++) tiles.bytes[i] = UNIT_BYTES, tiles.rows[i] = UNIT_ROWS;
    _tile_loadconfig(&tiles);
}

static void release_unit(void) { _tile_release(); }

// Begins to sum the products of 16 rows, or of two times 16, `width` bytes apart, with two panels,
// `stride` bytes apart, over `count` of what lies there, a multiple of 64.
INLINE void unit_sum(const uint8_t *rows, size_t width, const int8_t *weight, size_t stride,
                     size_t count, int both) {
    _tile_zero(0);
    _tile_zero(1);
    if (both) _tile_zero(2);
    if (both) _tile_zero(3);
    for (size_t k = 0; k < count; k += UNIT_BYTES) {
        const int8_t *at = weight + k * PANEL;
        _tile_loadd(6, at, UNIT_BYTES);
        _tile_loadd(4, rows + k, width);
        _tile_dpbusd(0, 4, 6);
        _tile_loadd(7, at + stride, UNIT_BYTES);
        _tile_dpbusd(1, 4, 7);
        if (both) _tile_loadd(5, rows + UNIT_ROWS * width + k, width);
        if (both) _tile_dpbusd(2, 5, 6);
        if (both) _tile_dpbusd(3, 5, 7);
    }
}

// Waits for the sums.
INLINE void unit_store(int both, int32_t (*sums)[UNIT_PANELS][PANEL]) {
    _tile_stored(0, sums[0][0], 2 * UNIT_BYTES);
    _tile_stored(1, sums[0][1], 2 * UNIT_BYTES);
    if (both) _tile_stored(2, sums[UNIT_ROWS][0], 2 * UNIT_BYTES);
    if (both) _tile_stored(3, sums[UNIT_ROWS][1], 2 * UNIT_BYTES);
}
#else
static void take_unit(void) {}
static void release_unit(void) {}
#endif
