// Vectors of the widest kind that the instruction set has, and what is computed on them.
#pragma once

#include <stdint.h>
#include <string.h>

#include "network.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512VNNI__)
enum { LANES = 16, TILE_ROWS = 8, TILE_PANELS = 3 };
#elif defined(__AVX2__)
enum { LANES = 8, TILE_ROWS = 4, TILE_PANELS = 1 };
#else
enum { LANES = 4, TILE_ROWS = 2, TILE_PANELS = 1 };
#endif
enum { PANEL_VECTORS = PANEL / LANES };

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef int8_t signed_bytes __attribute__((vector_size(LANES)));

#define INLINE static inline __attribute__((always_inline))
// Arrays of vectors stay in registers only where the loops over them are unrolled.
#define UNROLL _Pragma("GCC unroll 32")

INLINE floats load(const float *from) {
    floats found;
    memcpy(&found, from, sizeof found);
    return found;
}

INLINE void store(float *to, floats value) { memcpy(to, &value, sizeof value); }

INLINE floats all(float value) { return value - (floats){}; }

INLINE floats least(floats a, floats b) {
#if defined(__AVX512VNNI__)
    return (floats)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (floats)_mm256_min_ps((__m256)a, (__m256)b);
#else
    ints lower = a < b;
    return (floats)((lower & (ints)a) | (~lower & (ints)b));
#endif
}

INLINE floats greatest(floats a, floats b) {
#if defined(__AVX512VNNI__)
    return (floats)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
    ints higher = a > b;
    return (floats)((higher & (ints)a) | (~higher & (ints)b));
#endif
}

// The greatest of the lanes, and zero.
INLINE float peak(floats value) {
#if defined(__AVX512VNNI__)
    return _mm512_reduce_max_ps((__m512)greatest(value, all(0)));
#else
    float found = 0;
#if defined(__AVX2__)
    __m128 four = _mm_max_ps(_mm256_castps256_ps128((__m256)value),
                             _mm256_extractf128_ps((__m256)value, 1));
    float lanes[4];
    _mm_storeu_ps(lanes, four);
#else
    float lanes[LANES];
    store(lanes, value);
#endif
    UNROLL for (int i = 0; i < 4; i++) found = lanes[i] > found ? lanes[i] : found;
    return found;
#endif
}

INLINE float total(floats value) {
    float found = 0;
    UNROLL for (int i = 0; i < LANES; i++) found += value[i];
    return found;
}

// Adds to each lane the products of its four activations (0 to 255) with its four weights. Of two
// neighbouring weights the caller promises that with activations up to 255 they stay within 16
// bits, which is what AVX2 adds them in.
INLINE ints dot(ints sum, ints activations, ints weights) {
#if defined(__AVX512VNNI__)
    return (ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)activations, (__m512i)weights);
#elif defined(__AVX2__)
    __m256i pairs = _mm256_maddubs_epi16((__m256i)activations, (__m256i)weights);
    return sum + (ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#else
    uint8_t activation[4 * LANES];
    int8_t weight[4 * LANES];
    memcpy(activation, &activations, sizeof activation);
    memcpy(weight, &weights, sizeof weight);
    UNROLL for (int i = 0; i < LANES; i++)
        for (int j = 0; j < 4; j++) sum[i] += activation[4 * i + j] * weight[4 * i + j];
    return sum;
#endif
}

// The same four bytes in each lane.
INLINE ints broadcast(const void *four) {
    int32_t found;
    memcpy(&found, four, sizeof found);
    return (ints){} + found;
}

// 2 to the power of x <= 0, to 8e-5 of it: the integer part of the power by the exponent's bits,
// the rest by the polynomial of least greatest relative error over [-1/2, 1/2].
INLINE floats power_of_2(floats x) {
    // 1.5 * 2^23: adding it rounds, and leaves the integer in the last bits.
    const float shift = 12582912;
    floats power = greatest(x, all(-126));
    floats shifted = power + shift;
    floats rest = power - (shifted - shift);
    floats found = rest * 0.0551716697f + 0.242611127f;
    found = found * rest + 0.693260986f;
    found = found * rest + 0.999928073f;
    return (floats)((ints)found + ((ints)shifted << 23));
}

// x times the normal distribution function of x, to 1e-4, far below a step of the 8 bits that it
// becomes: an odd polynomial of least greatest error up to 4.5, where the function is 1 to 4e-6.
INLINE floats gelu(floats x) {
    floats bounded = least(greatest(x, all(-4.5f)), all(4.5f));
    floats square = bounded * bounded;
    floats found = square * 3.0364173e-11f - 3.31465921e-09f;
    found = found * square + 1.5909967e-07f;
    found = found * square - 4.45172873e-06f;
    found = found * square + 8.14251616e-05f;
    found = found * square - 0.00103759125f;
    found = found * square + 0.00958520267f;
    found = found * square - 0.0659846514f;
    found = found * square + 0.398712605f;
    return x * (found * bounded + 0.5f);
}

