// Self-attention on arm64, as in attention.c: the same integers, and floats in the same order.
//
// A block has 8 queries. Both matrix products take tiles of 8 by 8, as those of gemm_neon.c do.
#include "kernel.h"
#include "operands.h"

enum { BLOCK_VECTORS = QUERY_BLOCK / LANES, BLOCK_KEYS = 8, BLOCK_CHANNELS = 8 };

typedef struct {
    vf32 of[BLOCK_VECTORS];  // a lane is a query
} query_block;

INLINE query_block splat_block(float x) {
    query_block b;
    UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) b.of[v] = splat(x);
    return b;
}

// Interleaves a head's queries for dot products, and returns their scales.
INLINE query_block load_queries(const attention_inputs *in, range queries, size_t head,
                                const size_t head_dim, int32_t *interleaved) {
    float scales[QUERY_BLOCK] = {0};
    for (size_t i = 0; i < queries.end - queries.begin; i++) {
        const size_t query = (queries.begin + i) * in->heads + head;
        scales[i] = in->queries.scale[query];
        for (size_t d = 0; d < head_dim; d += 4)
            memcpy(interleaved + d / 4 * QUERY_BLOCK + i, in->queries.data + query * head_dim + d,
                   4);
    }
    query_block b;
    UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) b.of[v] = load(scales + v * LANES);
    return b;
}

// Computes the scores of BLOCK_KEYS keys from row `j` on, and returns each query's largest of those
// and of `max`.
INLINE query_block score_keys(const quantised_kv *kv, const int32_t *queries,
                              query_block query_scale, range sequence, size_t j,
                              const size_t head_dim, float *scores, query_block max) {
    int32x4_t sums[BLOCK_KEYS][BLOCK_VECTORS];
    UNROLL for (int m = 0; m < BLOCK_KEYS; m++)
        UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) sums[m][v] = vdupq_n_s32(0);
    for (size_t d = 0; d < head_dim; d += 16) {
        int8x16_t key[BLOCK_KEYS];
        UNROLL for (int m = 0; m < BLOCK_KEYS; m++)
            key[m] = vld1q_s8(kv->keys + (j + m) * head_dim + d);
        UNROLL for (int i = 0; i < 4; i++)
            UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) {
                const int32_t *at = queries + (d / 4 + i) * QUERY_BLOCK + v * LANES;
                const int8x16_t query = vreinterpretq_s8_s32(vld1q_s32(at));
                UNROLL for (int m = 0; m < BLOCK_KEYS; m++)
                    sums[m][v] = dot_lane_s32(sums[m][v], query, key[m], i);
            }
    }
    const bool whole = j >= sequence.begin && j + BLOCK_KEYS <= sequence.end;
    UNROLL for (int m = 0; m < BLOCK_KEYS; m++)
        UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) {
            const vf32 score = vfma((vf32)vcvtq_f32_s32(sums[m][v]),
                                    query_scale.of[v] * kv->key_scale[j + m],
                                    splat(kv->value_log2_scale[j + m]));
            store(scores + m * QUERY_BLOCK + v * LANES, score);
            if (whole || (j + m >= sequence.begin && j + m < sequence.end))
                max.of[v] = vmax(max.of[v], score);
        }
    return max;
}

// Softmax of a group of four keys, without its division: adds to `sum` and returns the weights in 8
// bits, 0 for rows of other sequences.
INLINE uint8x16_t weigh_keys(const quantised_kv *kv, const float *scores, vf32 max, range sequence,
                             size_t first, const bool whole, vf32 *sum) {
    int32x4_t four = vdupq_n_s32(0);
    UNROLL for (int i = 0; i < 4; i++) {
        const size_t j = first + i;
        if (!whole && (j < sequence.begin || j >= sequence.end)) continue;
        const vf32 weight = vexp2(load(scores + i * QUERY_BLOCK) - max);
        *sum = vfma(weight, splat(kv->value_inv_scale[j]), *sum);
        const vf32 rounded = vfma(weight, splat(255), splat(0.5f));
        four = vorrq_s32(four, vcvtq_s32_f32((float32x4_t)rounded) << 8 * i);
    }
    return vreinterpretq_u8_s32(four);
}

// What the weighted sums of a block are made of, and where they go.
typedef struct {
    const uint8_t *weights;  // (groups, QUERY_BLOCK, 4)
    const uint8_t *values;   // (groups, head_dim, 4)
    size_t groups, head_dim;
    size_t queries;
    float *context;  // (queries, head_dim), `stride` apart
    size_t stride;
} weighted_sum;

// Weighted sums of BLOCK_CHANNELS of the values' channels. A lane is a channel; `shift` is what the
// values' zero point adds to each query's sums.
INLINE void sum_values(const weighted_sum *s, const int32_t *shift, const float *divisors,
                       size_t channel) {
    enum { CHANNEL_VECTORS = BLOCK_CHANNELS / LANES };
    uint32x4_t sums[QUERY_BLOCK][CHANNEL_VECTORS];
    UNROLL for (int i = 0; i < QUERY_BLOCK; i++)
        UNROLL for (int v = 0; v < CHANNEL_VECTORS; v++)
            sums[i][v] = vdupq_n_u32((uint32_t)-shift[i]);
    for (size_t g = 0; g < s->groups; g++) {
        uint8x16_t weights[BLOCK_VECTORS];
        UNROLL for (int v = 0; v < BLOCK_VECTORS; v++)
            weights[v] = vld1q_u8(s->weights + (g * QUERY_BLOCK + v * LANES) * 4);
        UNROLL for (int v = 0; v < CHANNEL_VECTORS; v++) {
            const size_t at = g * s->head_dim + channel + v * LANES;
            const uint8x16_t value = vld1q_u8(s->values + at * 4);
            UNROLL for (int i = 0; i < QUERY_BLOCK; i++)
                sums[i][v] = dot_lane_u32(sums[i][v], value, weights[i / LANES], i % LANES);
        }
    }
    UNROLL for (int i = 0; i < QUERY_BLOCK; i++)
        if ((size_t)i < s->queries)
            UNROLL for (int v = 0; v < CHANNEL_VECTORS; v++)
                store(s->context + i * s->stride + channel + v * LANES,
                      (vf32)vcvtq_f32_s32(vreinterpretq_s32_u32(sums[i][v])) / divisors[i]);
}

INLINE void attend(const attention_inputs *in, range queries, range sequence,
                   const attention_scratch *scratch, float *context, const size_t head_dim) {
    const size_t begin = sequence.begin / 4 * 4, groups = (sequence.end - begin + 3) / 4;
    uint8_t *weights = (uint8_t *)scratch->weights;
    for (size_t head = 0; head < in->heads; head++) {
        const quantised_kv kv = kv_of_head(&in->kv, head, head_dim);
        const query_block scale = load_queries(in, queries, head, head_dim, scratch->queries);
        query_block max = splat_block(-INFINITY);
        for (size_t j = begin; j < sequence.end; j += BLOCK_KEYS)
            max = score_keys(&kv, scratch->queries, scale, sequence, j, head_dim,
                             scratch->scores + (j - begin) * QUERY_BLOCK, max);
        float divisors[QUERY_BLOCK];
        int32_t shift[QUERY_BLOCK];
        UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) {
            vf32 sum = splat(0);
            uint32x4_t weight_sums = vdupq_n_u32(0);
            for (size_t g = 0; g < groups; g++) {
                const size_t first = begin + 4 * g, at = g * 4 * QUERY_BLOCK + v * LANES;
                const bool whole = first >= sequence.begin && first + 4 <= sequence.end;
                const uint8x16_t four =
                    whole ? weigh_keys(&kv, scratch->scores + at, max.of[v], sequence, first, true,
                                       &sum)
                          : weigh_keys(&kv, scratch->scores + at, max.of[v], sequence, first,
                                       false, &sum);
                weight_sums = vdotq_u32(weight_sums, four, vdupq_n_u8(VALUE_ZERO_POINT));
                vst1q_u8(weights + (g * QUERY_BLOCK + v * LANES) * 4, four);
            }
            store(divisors + v * LANES, sum * 255);
            memcpy(shift + v * LANES, &weight_sums, sizeof weight_sums);
        }
        const weighted_sum s = {
            .weights = weights,
            .values = (const uint8_t *)kv.values + begin * head_dim,
            .groups = groups,
            .head_dim = head_dim,
            .queries = queries.end - queries.begin,
            .context = context + head * head_dim,
            .stride = in->heads * head_dim,
        };
        for (size_t channel = 0; channel < head_dim; channel += BLOCK_CHANNELS)
            sum_values(&s, shift, divisors, channel);
    }
}

void KERNEL(attention)(const attention_inputs *in, range queries, range sequence,
                       const attention_scratch *scratch, float *context) {
    assert(in && in->heads && in->head_dim && in->head_dim % 16 == 0 && context);
    assert(in->queries.data && in->queries.scale && in->kv.keys && in->kv.values);
    assert(scratch && scratch->queries && scratch->scores && scratch->weights);
    assert(queries.begin < queries.end && queries.end - queries.begin <= QUERY_BLOCK);
    assert(sequence.begin < sequence.end && sequence.end <= MAX_ROWS && queries.end <= MAX_ROWS);
    // The usual sizes are constants to the compiler, which saves computing many rows' addresses.
    if (in->head_dim == 32)
        attend(in, queries, sequence, scratch, context, 32);
    else if (in->head_dim == 64)
        attend(in, queries, sequence, scratch, context, 64);
    else
        attend(in, queries, sequence, scratch, context, in->head_dim);
}
