// How an instruction set stores the operands of its dot products: bytes with which zero points, and
// in which order. The integers are the same on all of them.
#pragma once

#include "kernel.h"

// On x86, a product of bytes has one unsigned and one signed factor. NEON's dot product takes two of
// a kind: queries are signed there and values unsigned. Activations are signed too, unless there are
// i8mm's products of matrices, which take them unsigned.
#if defined(__ARM_FEATURE_DOTPROD)
enum { QUERY_ZERO_POINT = 0, VALUE_ZERO_POINT = 64, QUERY_BLOCK = 8 };
#else
enum { QUERY_ZERO_POINT = 128, VALUE_ZERO_POINT = 0, QUERY_BLOCK = LANES };
#endif
#if defined(__ARM_FEATURE_DOTPROD) && !defined(__ARM_FEATURE_MATMUL_INT8)
enum { ACTIVATION_SHIFT = 128, INTERLEAVED_ROWS = 1 };
#elif defined(__ARM_FEATURE_DOTPROD)
enum { ACTIVATION_SHIFT = 0, INTERLEAVED_ROWS = 2 };  // 8 channels of a row, then of the next one
#else
enum { ACTIVATION_SHIFT = 0, INTERLEAVED_ROWS = 1 };
#endif

// Where a row's activations begin, from a channel on that is a multiple of 8.
INLINE uint8_t *activations_at(quantised_rows x, size_t row, size_t channel) {
    const size_t first = row / INTERLEAVED_ROWS * INTERLEAVED_ROWS;
    return x.data + first * x.cols + channel * INTERLEAVED_ROWS + row % INTERLEAVED_ROWS * 8;
}

// Stores SUM_PARTS activations, `integers`, from there on.
INLINE void store_activations(uint8_t *to, const vi32 *integers) {
    if (INTERLEAVED_ROWS == 1) {
        store_bytes(to, integers);
    } else {
        uint8_t bytes[SUM_PARTS];
        store_bytes(bytes, integers);
        memcpy(to, bytes, 8);
        memcpy(to + 16, bytes + 8, 8);
    }
}

#if defined(__ARM_FEATURE_DOTPROD)
// Adds to each of `sums` the product of its 4 bytes of `b` and those of one lane of `a`. Clang takes
// only a literal as the lane. Where `lane` is a constant, nothing is left of the switch.
INLINE int32x4_t dot_lane_s32(int32x4_t sums, int8x16_t b, int8x16_t a, const int lane) {
    switch (lane) {
    case 0: return vdotq_laneq_s32(sums, b, a, 0);
    case 1: return vdotq_laneq_s32(sums, b, a, 1);
    case 2: return vdotq_laneq_s32(sums, b, a, 2);
    default: return vdotq_laneq_s32(sums, b, a, 3);
    }
}

INLINE uint32x4_t dot_lane_u32(uint32x4_t sums, uint8x16_t b, uint8x16_t a, const int lane) {
    switch (lane) {
    case 0: return vdotq_laneq_u32(sums, b, a, 0);
    case 1: return vdotq_laneq_u32(sums, b, a, 1);
    case 2: return vdotq_laneq_u32(sums, b, a, 2);
    default: return vdotq_laneq_u32(sums, b, a, 3);
    }
}
#endif
