// Quantisation of activations, and of attention's queries, keys and values, to 8 bits.
//
// Every row, and in it every group of channels, has a range of its own: a text's score depends on
// no other text, and an outlier costs only its own group.
#include "operands.h"

// Largest magnitudes. Keys and values reach 64, so that two neighbouring products with a byte up to
// 255 stay within 16 bits (see dot4).
enum { MAX_QUERY = 127, MAX_KEY_VALUE = 64 };

INLINE void min_max(const float *x, const float *smoothing, size_t n, float *min, float *max) {
    vf32 low = splat(0), high = splat(0);
    for (size_t i = 0; i < n; i += LANES) {
        vf32 smooth = load(x + i) * load(smoothing + i);
        low = vmin(low, smooth);
        high = vmax(high, smooth);
    }
    *min = -reduce_max(-low), *max = reduce_max(high);
}

INLINE void quantise_group(const float *x, const float *smoothing, size_t n, float inv_scale,
                           float zero_point, uint8_t *out) {
    for (size_t i = 0; i < n; i += SUM_PARTS) {
        vi32 integers[SUM_VECTORS];
        UNROLL for (int j = 0; j < SUM_VECTORS; j++) {
            const size_t at = i + j * LANES;
            vf32 q = vfma(load(x + at) * load(smoothing + at), splat(inv_scale),
                          splat(zero_point + 0.5f));
            integers[j] = __builtin_convertvector(vmin(q, splat(255)), vi32) - ACTIVATION_SHIFT;
        }
        store_activations(out + i * INTERLEAVED_ROWS, integers);
    }
}

// Takes several groups at a time, so that their divisions overlap.
void KERNEL(quantise_activations)(const float *rows, const float *smoothing, size_t count,
                                  quantised_rows out) {
    enum { BATCH = 8 };
    assert(rows && smoothing && count && out.data && out.scale && out.offset && out.groups);
    const size_t size = out.cols / out.groups, groups = count * out.groups;
    assert(out.cols % out.groups == 0 && size && size % SUM_PARTS == 0);
    float min[BATCH], max[BATCH], inv_scale[BATCH], zero_point[BATCH];
    for (size_t first = 0; first < groups; first += BATCH) {
        const size_t n = groups - first < BATCH ? groups - first : BATCH;
        for (size_t i = 0; i < n; i++)
            min_max(rows + (first + i) * size, smoothing + (first + i) % out.groups * size, size,
                    &min[i], &max[i]);
        for (size_t i = 0; i < n; i++) {
            const float scale = max[i] - min[i] > 1e-20f ? (max[i] - min[i]) / 255 : 1;
            zero_point[i] = rintf(-min[i] / scale);
            inv_scale[i] = 1 / scale;
            out.scale[first + i] = scale;
            out.offset[first + i] = -zero_point[i] * scale;
        }
        for (size_t i = 0; i < n; i++)
            quantise_group(rows + (first + i) * size, smoothing + (first + i) % out.groups * size,
                           size, inv_scale[i], zero_point[i],
                           activations_at(out, (first + i) / out.groups,
                                          (first + i) % out.groups * size));
    }
}

// Returns the scale with which the largest magnitude of x becomes `max`.
INLINE float symmetric_scale(const float *x, size_t n, float max) {
    vf32 highest = splat(1e-20f);
    for (size_t i = 0; i < n; i += LANES) {
        vf32 v = load(x + i);
        highest = vmax(highest, vmax(v, -v));
    }
    return reduce_max(highest) / max;
}

INLINE vi32 to_integers(const float *x, float inv_scale) {
    // The conversion truncates: it rounds only what is positive.
    enum { SHIFT = 128 };
    vf32 positive = vfma(load(x), splat(inv_scale), splat(SHIFT + 0.5f));
    return __builtin_convertvector(positive, vi32) - SHIFT;
}

void KERNEL(quantise_queries)(const float *queries, size_t heads, size_t head_dim,
                              quantised_queries out, size_t out_row) {
    const float log2_e = 1.44269504f;
    assert(queries && heads && head_dim && head_dim % SUM_PARTS == 0);
    assert(out.data && out.scale && out_row < MAX_ROWS);
    for (size_t head = 0; head < heads; head++) {
        const float *query = queries + head * head_dim;
        uint8_t *to = out.data + (out_row * heads + head) * head_dim;
        const float scale = symmetric_scale(query, head_dim, MAX_QUERY);
        for (size_t d = 0; d < head_dim; d += SUM_PARTS) {
            vi32 integers[SUM_VECTORS];
            UNROLL for (int i = 0; i < SUM_VECTORS; i++)
                integers[i] = to_integers(query + d + i * LANES, 1 / scale) + QUERY_ZERO_POINT;
            store_bytes(to + d, integers);
        }
        out.scale[out_row * heads + head] = scale * log2_e;
    }
}

INLINE void quantise_key(const float *key, size_t head_dim, int8_t *to, float *to_scale,
                         int32_t *to_offset) {
    const float scale = symmetric_scale(key, head_dim, MAX_KEY_VALUE);
    vi32 sums = {};
    for (size_t d = 0; d < head_dim; d += SUM_PARTS) {
        vi32 integers[SUM_VECTORS];
        UNROLL for (int i = 0; i < SUM_VECTORS; i++) {
            integers[i] = to_integers(key + d + i * LANES, 1 / scale);
            sums += integers[i];
        }
        store_bytes(to + d, integers);
    }
    *to_scale = scale;
    *to_offset = -QUERY_ZERO_POINT * reduce_add_integers(sums);
}

// log2 of normal numbers, with an error below 2e-7 times its magnitude. The C library's would be
// another on each system. log2(2^e * m) = e + 2 / ln(2) * atanh((m - 1) / (m + 1)), as a series.
INLINE vf32 vlog2(vf32 x) {
    enum { SQRT_HALF = 0x3f3504f3 };
    vi32 exponent = ((vi32)x - SQRT_HALF) >> 23;
    vf32 m = (vf32)((vi32)x - (exponent << 23));
    vf32 s = (m - 1) / (m + 1), square = s * s;
    vf32 p = square * 0.320598898f + 0.412198583f;
    p = p * square + 0.577078016f;
    p = p * square + 0.961796694f;
    p = p * square + 2.88539008f;
    return __builtin_convertvector(exponent, vf32) + p * s;
}

// Values of four rows, interleaved for dot4.
INLINE void quantise_values(const float *values, size_t stride, size_t head_dim, int8_t *to,
                            float *to_log2_scale, float *to_inv_scale) {
    vf32 scale = splat(1);
    UNROLL for (int i = 0; i < 4; i++)
        scale[i] = symmetric_scale(values + i * stride, head_dim, MAX_KEY_VALUE);
    const vf32 inv_scale = 1 / scale, log2_scale = vlog2(scale);
    memcpy(to_inv_scale, &inv_scale, 4 * sizeof(float));
    memcpy(to_log2_scale, &log2_scale, 4 * sizeof(float));
    for (size_t d = 0; d < head_dim; d += LANES) {
        vi32 four = {};
        UNROLL for (int i = 0; i < 4; i++)
            four |= ((to_integers(values + i * stride + d, inv_scale[i]) + VALUE_ZERO_POINT) & 255)
                    << (8 * i);
        memcpy(to + 4 * d, &four, sizeof four);
    }
}

void KERNEL(quantise_kv)(matrix_view keys, matrix_view values, size_t heads, size_t head_dim,
                         quantised_kv out, size_t out_row) {
    assert(heads && head_dim && head_dim % SUM_PARTS == 0);
    assert(keys.data && keys.rows && keys.stride >= heads * head_dim);
    assert(values.data && values.rows == keys.rows && values.stride >= heads * head_dim);
    assert(out_row % 4 == 0 && out_row + keys.rows <= MAX_ROWS);
    assert(out.keys && out.key_scale && out.key_offset);
    assert(out.values && out.value_log2_scale && out.value_inv_scale);
    for (size_t head = 0; head < heads; head++) {
        const quantised_kv to = kv_of_head(&out, head, head_dim);
        for (size_t i = 0; i < keys.rows; i++) {
            const size_t row = out_row + i;
            quantise_key(keys.data + i * keys.stride + head * head_dim, head_dim,
                         to.keys + row * head_dim, to.key_scale + row, to.key_offset + row);
        }
        for (size_t i = 0; i < values.rows; i += 4) {
            const size_t row = out_row + i;
            quantise_values(values.data + i * values.stride + head * head_dim, values.stride,
                            head_dim, to.values + row * head_dim, to.value_log2_scale + row,
                            to.value_inv_scale + row);
        }
    }
}
