// Vectors of the instruction set that a file is compiled for, and the operations on them.
#pragma once

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../kernels.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

#if defined(__AVX512VNNI__)
#define ISA avx512vnni
#define ISA_NAME "avx512"
enum { LANES = 16 };
#elif defined(__AVXVNNI__)
#define ISA avxvnni
#define ISA_NAME "avxvnni"
enum { LANES = 8 };
#elif defined(__AVX2__)
#define ISA avx2
#define ISA_NAME "avx2"
enum { LANES = 8 };
#elif defined(__ARM_FEATURE_MATMUL_INT8)
#define ISA i8mm
#define ISA_NAME "i8mm"
enum { LANES = 4 };
#elif defined(__ARM_FEATURE_DOTPROD)
#define ISA dotprod
#define ISA_NAME "dotprod"
enum { LANES = 4 };
#else
#define ISA portable
#define ISA_NAME "portable"
enum { LANES = 4 };
#endif
_Static_assert(PANEL % LANES == 0, "a panel is a number of vectors");

typedef float vf32 __attribute__((vector_size(4 * LANES)));
typedef int32_t vi32 __attribute__((vector_size(4 * LANES)));
typedef uint8_t vu8 __attribute__((vector_size(LANES)));
typedef int8_t vi8 __attribute__((vector_size(LANES)));

#define INLINE static inline __attribute__((always_inline))
// Arrays of vectors stay in registers only where the loops over them are unrolled.
#define UNROLL _Pragma("GCC unroll 32")

INLINE vf32 load(const float *from) {
    vf32 v;
    memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(float *to, vf32 v) { memcpy(to, &v, sizeof v); }

INLINE vf32 splat(float x) { return x - (vf32){}; }

// The same four bytes in each lane.
INLINE vi32 splat4(const void *four) {
    int32_t x;
    memcpy(&x, four, sizeof x);
    return (vi32){} + x;
}

INLINE vf32 vmin(vf32 a, vf32 b) {
#if defined(__AVX512VNNI__)
    return (vf32)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf32)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__ARM_FEATURE_DOTPROD)
    return (vf32)vminq_f32((float32x4_t)a, (float32x4_t)b);
#else
    vi32 lower = a < b;
    return (vf32)((lower & (vi32)a) | (~lower & (vi32)b));
#endif
}

INLINE vf32 vmax(vf32 a, vf32 b) {
#if defined(__AVX512VNNI__)
    return (vf32)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf32)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__ARM_FEATURE_DOTPROD)
    return (vf32)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
#else
    vi32 higher = a > b;
    return (vf32)((higher & (vi32)a) | (~higher & (vi32)b));
#endif
}

INLINE float reduce_max(vf32 v) {
#if defined(__AVX512VNNI__)
    return _mm512_reduce_max_ps((__m512)v);
#elif defined(__AVX2__)
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128((__m256)v),
                                   _mm256_extractf128_ps((__m256)v, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
#elif defined(__ARM_FEATURE_DOTPROD)
    return vmaxvq_f32((float32x4_t)v);
#else
    float max = v[0];
    UNROLL for (int i = 1; i < LANES; i++) max = v[i] > max ? v[i] : max;
    return max;
#endif
}

INLINE int32_t reduce_add_integers(vi32 v) {
#if defined(__AVX512VNNI__)
    return _mm512_reduce_add_epi32((__m512i)v);
#elif defined(__AVX2__)
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128((__m256i)v),
                                       _mm256_extracti128_si256((__m256i)v, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 1);
#else
    int32_t sum = 0;
    UNROLL for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
#endif
}

// a * b + c, rounded once. The compiler fuses nothing by itself, so that all instruction sets and
// compilers round alike.
INLINE vf32 vfma(vf32 a, vf32 b, vf32 c) {
#if defined(__AVX512VNNI__)
    return (vf32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    return (vf32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_FEATURE_DOTPROD)
    return (vf32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    UNROLL for (int i = 0; i < LANES; i++) c[i] = fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

// A sum of many floats, in as many parts on every instruction set: all add in the same order.
enum { SUM_PARTS = 16, SUM_VECTORS = SUM_PARTS / LANES };
typedef struct {
    vf32 part[SUM_VECTORS];
} vsum;

// Adds the parts, each time the upper half of them to the lower half.
INLINE float reduce_add(vsum sum) {
    UNROLL for (int n = SUM_VECTORS / 2; n; n /= 2)
        UNROLL for (int i = 0; i < n; i++) sum.part[i] += sum.part[i + n];
#if defined(__AVX512VNNI__)
    __m512 v = (__m512)sum.part[0];
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
#elif defined(__AVX2__)
    __m256 eight = (__m256)sum.part[0];
#endif
#if defined(__AVX2__)
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
#else
    vf32 four = sum.part[0];
#endif
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// Stores SUM_PARTS integers as bytes, the low 8 bits of each. GCC's own conversion of vectors takes
// AVX2 several times as long.
INLINE void store_bytes(void *to, const vi32 *v) {
#if defined(__AVX2__) && !defined(__AVX512VNNI__)
    // Each half of a vector is shuffled by itself: four bytes go to its first or second quarter.
    enum { NO = (int)0x80808080, LOW = 0x0c080400 };
    const __m256i to_first = _mm256_setr_epi32(LOW, NO, NO, NO, LOW, NO, NO, NO);
    const __m256i to_second = _mm256_setr_epi32(NO, LOW, NO, NO, NO, LOW, NO, NO);
    const __m256i halves = _mm256_or_si256(_mm256_shuffle_epi8((__m256i)v[0], to_first),
                                           _mm256_shuffle_epi8((__m256i)v[1], to_second));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
    const __m256i bytes = _mm256_permutevar8x32_epi32(halves, order);
    _mm_storeu_si128(to, _mm256_castsi256_si128(bytes));
#elif defined(__ARM_FEATURE_DOTPROD)
    const int16x8_t low = vuzp1q_s16((int16x8_t)v[0], (int16x8_t)v[1]);
    const int16x8_t high = vuzp1q_s16((int16x8_t)v[2], (int16x8_t)v[3]);
    const int8x16_t bytes = vuzp1q_s8((int8x16_t)low, (int8x16_t)high);
    memcpy(to, &bytes, sizeof bytes);
#else
    UNROLL for (int i = 0; i < SUM_VECTORS; i++) {
        const vu8 bytes = __builtin_convertvector(v[i], vu8);
        memcpy((uint8_t *)to + i * LANES, &bytes, sizeof bytes);
    }
#endif
}

#if !defined(__ARM_FEATURE_DOTPROD)
// Adds to each lane the products of its four activations (0 to 255) with its four weights. Two
// neighbouring products together must stay within 16 bits, in which AVX2 adds them.
INLINE vi32 dot4(vi32 sum, vi32 activations, vi32 weights) {
#if defined(__AVX512VNNI__)
    return (vi32)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)activations, (__m512i)weights);
#elif defined(__AVXVNNI__)
    return (vi32)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)activations, (__m256i)weights);
#elif defined(__AVX2__)
    __m256i pairs = _mm256_maddubs_epi16((__m256i)activations, (__m256i)weights);
    return sum + (vi32)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
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
#endif

// 2 to the power of x <= 0, with a relative error up to 8e-5. The exponent's bits give the integer
// part, and a minimax polynomial over [-1/2, 1/2] the rest.
INLINE vf32 vexp2(vf32 x) {
    // 1.5 * 2^23: adding it rounds to an integer, which is then in the low bits.
    const float magic = 12582912;
    vf32 power = vmax(x, splat(-126));
    vf32 shifted = power + magic;
    vf32 fraction = power - (shifted - magic);
    vf32 p = vfma(fraction, splat(0.0551716697f), splat(0.242611127f));
    p = vfma(p, fraction, splat(0.693260986f));
    p = vfma(p, fraction, splat(0.999928073f));
    return (vf32)((vi32)p + ((vi32)shifted << 23));
}

// GELU, x * Phi(x), with an error up to 1e-4: far below a step of the 8 bits that the result is
// quantised to. Phi is an odd minimax polynomial up to 4.5, where it is 1 to within 4e-6.
INLINE vf32 vgelu(vf32 x) {
    vf32 clamped = vmin(vmax(x, splat(-4.5f)), splat(4.5f));
    vf32 square = clamped * clamped;
    vf32 p = vfma(square, splat(3.0364173e-11f), splat(-3.31465921e-09f));
    p = vfma(p, square, splat(1.5909967e-07f));
    p = vfma(p, square, splat(-4.45172873e-06f));
    p = vfma(p, square, splat(8.14251616e-05f));
    p = vfma(p, square, splat(-0.00103759125f));
    p = vfma(p, square, splat(0.00958520267f));
    p = vfma(p, square, splat(-0.0659846514f));
    p = vfma(p, square, splat(0.398712605f));
    return x * vfma(p, clamped, splat(0.5f));
}
