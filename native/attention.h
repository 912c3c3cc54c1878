// Attention in 8 bits, with integers for both of its products; included by forward.c.
//
// A row's queries, keys and values have a scale for each head. That of the values differs from key
// to key and so cannot be taken out of the sum over the keys; it goes into the weights instead,
// as an addend of their powers of 2, so that weights and values are integers to be summed as such.
#pragma once

#include <assert.h>
#include <math.h>

#include "network.h"
#include "vectors.h"

// With queries and weights up to 255 two neighbouring products stay within 16 bits, which is what
// AVX2 adds them in.
enum { REACH = 64, ZERO = 128, BLOCK_QUERIES = LANES / 2, BLOCK_VECTORS = 2 };

// Returns what 1 stands for so that the greatest of the values, by size, becomes `reach`.
INLINE float symmetric_scale(const float *values, size_t width, float reach) {
    floats highest = all(1e-20f);
    for (size_t d = 0; d < width; d += LANES) {
        floats value = load(values + d);
        highest = greatest(highest, greatest(value, -value));
    }
    return peak(highest) / reach;
}

INLINE ints rounded(const float *values, float factor, float zero) {
    // Truncated, so that what is to be rounded must be positive.
    return __builtin_convertvector(load(values) * factor + (zero + 0.5f), ints) - (int32_t)zero;
}

// A head's queries of one row.
INLINE void quantise_query(const float *query, size_t width, uint8_t *to, float *to_scale) {
    const float log2_e = 1.44269504f;  // of the scores, of which the weights are powers of 2
    const float scale = symmetric_scale(query, width, ZERO - 1);
    for (size_t d = 0; d < width; d += LANES) {
        bytes narrow = __builtin_convertvector(rounded(query + d, 1 / scale, ZERO) + ZERO, bytes);
        memcpy(to + d, &narrow, sizeof narrow);
    }
    *to_scale = scale * log2_e;
}

// A head's keys of one row.
INLINE void quantise_key(const float *key, size_t width, int8_t *to, float *to_scale,
                         int32_t *to_offset) {
    const float scale = symmetric_scale(key, width, REACH);
    ints sums = {};
    for (size_t d = 0; d < width; d += LANES) {
        ints whole = rounded(key + d, 1 / scale, ZERO);
        sums += whole;
        signed_bytes narrow = __builtin_convertvector(whole, signed_bytes);
        memcpy(to + d, &narrow, sizeof narrow);
    }
    int32_t sum = 0;
    UNROLL for (int i = 0; i < LANES; i++) sum += sums[i];
    *to_scale = scale;
    *to_offset = -ZERO * sum;
}

// A head's values of four rows, `stride` floats apart.
INLINE void quantise_values(const float *values, size_t stride, size_t width, int8_t *to,
                            float *to_power, float *to_inverse) {
    float factor[4];
    UNROLL for (int i = 0; i < 4; i++) {
        const float scale = symmetric_scale(values + i * stride, width, REACH);
        factor[i] = to_inverse[i] = 1 / scale;
        to_power[i] = log2f(scale);
    }
    for (size_t d = 0; d < width; d += LANES) {
        ints four = {};
        UNROLL for (int i = 0; i < 4; i++)
            four |= (rounded(values + i * stride + d, factor[i], ZERO) & 255) << (8 * i);
        memcpy(to + 4 * d, &four, sizeof four);
    }
}

INLINE attendable of_head(const attendable *all_heads, size_t head, size_t width) {
    return (attendable){
        .keys = all_heads->keys + head * PADDED * width,
        .key_scales = all_heads->key_scales + head * PADDED,
        .key_offsets = all_heads->key_offsets + head * PADDED,
        .values = all_heads->values + head * PADDED * width,
        .value_powers = all_heads->value_powers + head * PADDED,
        .value_inverses = all_heads->value_inverses + head * PADDED,
    };
}

// Weighted sums of some of the head's channels, for some of the queries.
INLINE void sum_values(const attendable *of, const int32_t *weights, size_t group, size_t groups,
                       size_t channel, size_t width, int vectors, int first, size_t count,
                       floats sums_of_weights, float *context, size_t stride) {
    ints sums[BLOCK_QUERIES][BLOCK_VECTORS];
    UNROLL for (int i = 0; i < BLOCK_QUERIES; i++)
        UNROLL for (int v = 0; v < vectors; v++) sums[i][v] = (ints){};
    const int8_t *values = of->values + (group * width + channel) * 4;
    for (size_t g = 0; g < groups; g++) {
        ints value[BLOCK_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++)
            memcpy(&value[v], values + (g * width + v * LANES) * 4, sizeof value[v]);
        UNROLL for (int i = 0; i < BLOCK_QUERIES; i++)
            UNROLL for (int v = 0; v < vectors; v++)
                sums[i][v] = dot(sums[i][v], broadcast(weights + g * LANES + first + i), value[v]);
    }
    UNROLL for (int i = 0; i < BLOCK_QUERIES; i++)
        if (first + i < (int)count)
            UNROLL for (int v = 0; v < vectors; v++)
                store(context + (first + i) * stride + channel + v * LANES,
                      __builtin_convertvector(sums[i][v], floats) / sums_of_weights[first + i]);
}

// Attention of up to LANES rows of one text, from `row` on, to all of its keys, head by head, into
// context rows. A lane is a query until its scores are weights; then a lane is one of the head's
// channels.
INLINE void attend_width(const pass *p, size_t parity, size_t row, size_t count, size_t start,
                         size_t length, scratch *s, float *context, const size_t width) {
    const size_t heads = p->network->heads;
    // Values lie in groups of four rows, which may reach beyond the text on both sides.
    const size_t begin = start / 4 * 4, end = start + length, groups = (end - begin + 3) / 4;
    for (size_t head = 0; head < heads; head++) {
        const attendable here = of_head(&p->attendable[parity], head, width);
        floats scale = all(0);
        for (size_t i = 0; i < count; i++) {
            const size_t query = (row + i) * heads + head;
            scale[i] = p->query_scales[query];
            for (size_t d = 0; d < width; d += 4)
                memcpy(s->queries + d / 4 * LANES + i, p->queries + query * width + d, 4);
        }
        floats highest = all(-INFINITY);
        for (size_t j = begin; j < end; j += LANES) {
            ints sums[LANES];
            UNROLL for (int m = 0; m < LANES; m++)
                sums[m] = (ints){} + here.key_offsets[j + m];
            for (size_t d = 0; d < width; d += 4) {
                ints asked;
                memcpy(&asked, s->queries + d / 4 * LANES, sizeof asked);
                UNROLL for (int m = 0; m < LANES; m++)
                    sums[m] = dot(sums[m], asked, broadcast(here.keys + (j + m) * width + d));
            }
            UNROLL for (int m = 0; m < LANES; m++) {
                floats power = __builtin_convertvector(sums[m], floats) *
                                   (scale * here.key_scales[j + m]) +
                               here.value_powers[j + m];
                store(s->powers + (j + m - begin) * LANES, power);
                if (j + m >= start && j + m < end) highest = greatest(highest, power);
            }
        }
        floats sum = all(0);
        for (size_t g = 0; g < groups; g++) {
            ints four = {};
            UNROLL for (int i = 0; i < 4; i++) {
                const size_t j = begin + 4 * g + i;
                if (j < start || j >= end) continue;
                floats weight = power_of_2(load(s->powers + (4 * g + i) * LANES) - highest);
                sum += weight * here.value_inverses[j];
                four |= __builtin_convertvector(weight * 255 + 0.5f, ints) << (8 * i);
            }
            memcpy(s->weights + g * LANES, &four, sizeof four);
        }
        sum *= 255;
        float *to = context + head * width;
        const size_t stride = heads * width;
        size_t channel = 0;
        for (; channel + BLOCK_VECTORS * LANES <= width; channel += BLOCK_VECTORS * LANES)
            for (size_t first = 0; first < count; first += BLOCK_QUERIES)
                sum_values(&here, s->weights, begin / 4, groups, channel, width, BLOCK_VECTORS,
                           (int)first, count, sum, to, stride);
        for (; channel < width; channel += LANES)
            for (size_t first = 0; first < count; first += BLOCK_QUERIES)
                sum_values(&here, s->weights, begin / 4, groups, channel, width, 1, (int)first,
                           count, sum, to, stride);
    }
}

// The usual widths are constants to the compiler, which saves the addresses of many rows.
static void attend(const pass *p, size_t parity, size_t row, size_t count, size_t start,
                   size_t length, scratch *s, float *context) {
    const size_t width = p->network->head_width;
    assert(count && count <= LANES && width % LANES == 0);
    assert(start <= row && row + count <= start + length && start + length <= MAX_ROWS);
    if (width == 32)
        attend_width(p, parity, row, count, start, length, s, context, 32);
    else if (width == 64)
        attend_width(p, parity, row, count, start, length, s, context, 64);
    else
        attend_width(p, parity, row, count, start, length, s, context, width);
}
