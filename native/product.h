// Products of rows and packed weights in 8 bits; included by forward.c.
//
// Activations are quantised row by row and group of channels by group, each with its own range: a
// text's score depends on no other text, and an outlier hurts only its own group.
#pragma once

#include <assert.h>
#include <math.h>

#include "matrix.h"
#include "network.h"
#include "vectors.h"

// Rows in 8 bits: value = scale * integer + offset, with the scale and offset of its group.
typedef struct {
    uint8_t *integers;      // (rows, width)
    float *scale, *offset;  // (rows, groups)
    size_t width, groups;
} quantised;

INLINE void range(const float *values, const float *smoothing, size_t width, float *bottom,
                  float *top) {
    floats low = all(0), high = all(0);
    for (size_t i = 0; i < width; i += LANES) {
        floats smooth = load(values + i) * load(smoothing + i);
        low = least(low, smooth);
        high = greatest(high, smooth);
    }
    *bottom = -peak(-low), *top = peak(high);
}

INLINE void to_bytes(const float *values, const float *smoothing, size_t width, float inverse,
                     float zero, uint8_t *to) {
    for (size_t i = 0; i < width; i += LANES) {
        floats value = load(values + i) * load(smoothing + i) * inverse + (zero + 0.5f);
        ints whole = __builtin_convertvector(least(value, all(255)), ints);
        bytes found = __builtin_convertvector(whole, bytes);
        memcpy(to + i, &found, sizeof found);
    }
}

// Quantises rows that lie one after the other. Some groups at a time, so that none waits for the
// divisions of the one before.
static void quantise(const float *rows, const float *smoothing, size_t count, quantised to) {
    enum { TOGETHER = 8 };
    const size_t width = to.width / to.groups, groups = count * to.groups;
    assert(to.width % to.groups == 0 && width % LANES == 0);
    float bottom[TOGETHER], top[TOGETHER], inverse[TOGETHER], zero[TOGETHER];
    for (size_t first = 0; first < groups; first += TOGETHER) {
        const size_t here = groups - first < TOGETHER ? groups - first : TOGETHER;
        for (size_t i = 0; i < here; i++)
            range(rows + (first + i) * width, smoothing + (first + i) % to.groups * width, width,
                  &bottom[i], &top[i]);
        for (size_t i = 0; i < here; i++) {
            const float scale = top[i] - bottom[i] > 1e-20f ? (top[i] - bottom[i]) / 255 : 1;
            zero[i] = rintf(-bottom[i] / scale);
            inverse[i] = 1 / scale;
            to.scale[first + i] = scale;
            to.offset[first + i] = -zero[i] * scale;
        }
        for (size_t i = 0; i < here; i++)
            to_bytes(rows + (first + i) * width, smoothing + (first + i) % to.groups * width, width,
                     inverse[i], zero[i], to.integers + (first + i) * width);
    }
}

// Where a product's outputs go.
typedef struct {
    float *at;              // (rows, outputs)
    const float *residual;  // (rows, outputs) to be added, or none
    size_t activation;
} destination;

enum { NONE, GELU, RELU };

// Of the sums over the groups, already scaled, one row's outputs from `output` on.
INLINE void finish(const product *by, quantised from, size_t row, size_t output, floats value,
                   destination to) {
    value += load(by->bias + output);
    for (size_t g = 0; g < by->groups; g++)
        value += load(by->sums + g * by->outputs + output) * from.offset[row * by->groups + g];
    if (to.residual) value += load(to.residual + row * by->outputs + output);
    if (to.activation == GELU) value = gelu(value);
    if (to.activation == RELU) value = greatest(value, all(0));
    store(to.at + row * by->outputs + output, value);
}

// Rounded before it is added to others: with a multiply-add here and none there, which the compiler
// would be free to do, the instruction sets would differ.
INLINE floats scaled(ints sums, floats scales) {
    floats value = __builtin_convertvector(sums, floats) * scales;
#if defined(__AVX512VNNI__)
    __asm__("" : "+v"(value));
#endif
    return value;
}

INLINE void tile(const product *by, quantised from, size_t row, size_t panel, int panels,
                 destination to) {
    const int vectors = panels * PANEL_VECTORS;
    const uint8_t *rows = from.integers + row * from.width;
    const int8_t *weight = by->weight + panel * PANEL * by->inner;
    const size_t group = by->inner / by->groups;
    floats found[TILE_ROWS][TILE_PANELS * PANEL_VECTORS];
    for (size_t g = 0; g < by->groups; g++) {
        ints sums[TILE_ROWS][TILE_PANELS * PANEL_VECTORS];
        UNROLL for (int r = 0; r < TILE_ROWS; r++)
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = (ints){};
        for (size_t k = g * group; k < (g + 1) * group; k += 4) {
            ints weights[TILE_PANELS * PANEL_VECTORS];
            UNROLL for (int v = 0; v < vectors; v++) {
                const int8_t *at = weight + v / PANEL_VECTORS * PANEL * by->inner + k * PANEL;
                memcpy(&weights[v], at + v % PANEL_VECTORS * 4 * LANES, sizeof weights[v]);
            }
            UNROLL for (int r = 0; r < TILE_ROWS; r++) {
                ints four = broadcast(rows + r * from.width + k);
                UNROLL for (int v = 0; v < vectors; v++)
                    sums[r][v] = dot(sums[r][v], four, weights[v]);
            }
        }
        UNROLL for (int r = 0; r < TILE_ROWS; r++) {
            const float scale = from.scale[(row + r) * by->groups + g];
            UNROLL for (int v = 0; v < vectors; v++) {
                const float *scales = by->scales + g * by->outputs + panel * PANEL + v * LANES;
                floats value = scaled(sums[r][v], load(scales) * scale);
                found[r][v] = g ? found[r][v] + value : value;
            }
        }
    }
    UNROLL for (int v = 0; v < vectors; v++)
        UNROLL for (int r = 0; r < TILE_ROWS; r++)
            finish(by, from, row + r, panel * PANEL + v * LANES, found[r][v], to);
}

#if defined(__AMX_INT8__)
// One group's sums of some rows, added to what the groups before it gave.
INLINE void scale_sums(const product *by, quantised from, size_t row, size_t count, size_t panel,
                       size_t group, int32_t (*sums)[UNIT_PANELS][PANEL],
                       float (*found)[UNIT_PANELS][PANEL]) {
    const float *scales = by->scales + group * by->outputs + panel * PANEL;
    for (size_t r = 0; r < count; r++) {
        const float scale = from.scale[(row + r) * by->groups + group];
        UNROLL for (int v = 0; v < UNIT_PANELS; v++) {
            ints whole;
            memcpy(&whole, sums[r][v], sizeof whole);
            floats before = group ? load(found[r][v]) : all(0);
            store(found[r][v], before + scaled(whole, load(scales + v * PANEL) * scale));
        }
    }
}

// As `multiply`, by the matrix unit.
static void unit_multiply(const product *by, quantised from, size_t rows, size_t panel, size_t end,
                          destination to) {
    const size_t group = by->inner / by->groups, stride = PANEL * by->inner;
    _Alignas(64) int32_t sums[2 * UNIT_ROWS][UNIT_PANELS][PANEL];
    _Alignas(64) float found[2 * UNIT_ROWS][UNIT_PANELS][PANEL];
    for (; panel < end; panel += UNIT_PANELS) {
        const int8_t *weight = by->weight + panel * stride;
        for (size_t row = 0; row < rows; row += 2 * UNIT_ROWS) {
            const size_t count = rows - row < 2 * UNIT_ROWS ? rows - row : 2 * UNIT_ROWS;
            for (size_t g = 0; g < by->groups; g++) {
                const uint8_t *at = from.integers + row * from.width + g * group;
                if (count > UNIT_ROWS) {
                    unit_sum(at, from.width, weight + g * group * PANEL, stride, group, 1);
                    unit_store(1, sums);
                } else {
                    unit_sum(at, from.width, weight + g * group * PANEL, stride, group, 0);
                    unit_store(0, sums);
                }
                scale_sums(by, from, row, count, panel, g, sums, found);
            }
            for (size_t r = 0; r < count; r++)
                UNROLL for (int v = 0; v < UNIT_PANELS; v++)
                    finish(by, from, row + r, (panel + v) * PANEL, load(found[r][v]), to);
        }
    }
}
#endif

// Multiplies the rows, and up to TILE_ROWS - 1 after them, by a range of the product's panels.
static void multiply(const product *by, quantised from, size_t rows, size_t panel, size_t end,
                     destination to) {
    assert(from.width == by->inner && from.groups == by->groups);
    assert(by->inner % by->groups == 0 && by->inner / by->groups % PANEL == 0);
    assert(panel <= end && end * PANEL <= by->outputs);
#if defined(__AMX_INT8__)
    // Other widths, which no usual network has, would need tiles of their own.
    if (by->inner / by->groups % UNIT_BYTES == 0 && (end - panel) % UNIT_PANELS == 0) {
        unit_multiply(by, from, rows, panel, end, to);
        return;
    }
#endif
    for (; panel + TILE_PANELS <= end; panel += TILE_PANELS)
        for (size_t row = 0; row < rows; row += TILE_ROWS)
            tile(by, from, row, panel, TILE_PANELS, to);
    for (; panel < end; panel++)
        for (size_t row = 0; row < rows; row += TILE_ROWS) tile(by, from, row, panel, 1, to);
}
