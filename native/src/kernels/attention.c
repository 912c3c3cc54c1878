// Self-attention in 8 bits: both of its matrix products are sums of integers.
//
// The scale of the values differs from key to key, so that it cannot be taken out of the sum over
// the keys. It goes into the softmax instead: added to the scores as a power of 2, it makes each
// weight a product of probability and scale, and weights and values are summed as integers.
#include "kernel.h"

enum { BLOCK_QUERIES = LANES / 2, BLOCK_VECTORS = 2 };

// Interleaves a head's queries for dot4, and returns their scales; a lane is a query.
INLINE vf32 load_queries(const attention_inputs *in, range queries, size_t head,
                         const size_t head_dim, int32_t *interleaved) {
    float scales[LANES] = {0};
    for (size_t i = 0; i < queries.end - queries.begin; i++) {
        const size_t query = (queries.begin + i) * in->heads + head;
        scales[i] = in->queries.scale[query];
        for (size_t d = 0; d < head_dim; d += 4)
            memcpy(interleaved + d / 4 * LANES + i, in->queries.data + query * head_dim + d, 4);
    }
    return load(scales);
}

// Stores the scores of LANES keys from row `j` on, and returns each query's largest of those and of
// `max`. `whole` says that all keys are the sequence's; it is a constant where this is called.
INLINE vf32 store_scores(const quantised_kv *kv, const vi32 *sums, vf32 query_scale, range sequence,
                         size_t j, const bool whole, float *scores, vf32 max) {
    UNROLL for (int m = 0; m < LANES; m++) {
        vf32 score = vfma(__builtin_convertvector(sums[m], vf32),
                          query_scale * kv->key_scale[j + m],
                          splat(kv->value_log2_scale[j + m]));
        store(scores + m * LANES, score);
        if (whole || (j + m >= sequence.begin && j + m < sequence.end)) max = vmax(max, score);
    }
    return max;
}

// Computes the scores of a block's queries and a sequence's keys, in powers of 2 and with the
// values' scales in them; returns each query's largest. A lane is a query. Values lie in groups of
// four rows: `begin` is the sequence's first row, rounded down to such a group.
INLINE vf32 compute_scores(const quantised_kv *kv, const int32_t *queries, vf32 query_scale,
                           range sequence, size_t begin, const size_t head_dim, float *scores) {
    vf32 max = splat(-INFINITY);
    for (size_t j = begin; j < sequence.end; j += LANES) {
        vi32 sums[LANES];
        UNROLL for (int m = 0; m < LANES; m++) sums[m] = (vi32){} + kv->key_offset[j + m];
        for (size_t d = 0; d < head_dim; d += 4) {
            const int8_t *keys = kv->keys + j * head_dim + d;
#if defined(__AVX512VNNI__)
            // Without this, GCC keeps a pointer for each of the 16 rows, most of them in memory.
            __asm__("" : "+r"(keys));
#endif
            vi32 query;
            memcpy(&query, queries + d / 4 * LANES, sizeof query);
            UNROLL for (int m = 0; m < LANES; m++)
                sums[m] = dot4(sums[m], query, splat4(keys + m * head_dim));
        }
        float *to = scores + (j - begin) * LANES;
        if (j >= sequence.begin && j + LANES <= sequence.end)
            max = store_scores(kv, sums, query_scale, sequence, j, true, to, max);
        else
            max = store_scores(kv, sums, query_scale, sequence, j, false, to, max);
    }
    return max;
}

// Softmax of four keys' scores, without its division: adds to `sum`, and returns the weights in 8
// bits, 0 for rows of other sequences. `whole` is as above.
INLINE vi32 weigh_keys(const quantised_kv *kv, const float *scores, vf32 max, range sequence,
                       size_t first, const bool whole, vf32 *sum) {
    vi32 four = {};
    UNROLL for (int i = 0; i < 4; i++) {
        const size_t j = first + i;
        if (!whole && (j < sequence.begin || j >= sequence.end)) continue;
        vf32 weight = vexp2(load(scores + i * LANES) - max);
        *sum = vfma(weight, splat(kv->value_inv_scale[j]), *sum);
        four |= __builtin_convertvector(vfma(weight, splat(255), splat(0.5f)), vi32) << (8 * i);
    }
    return four;
}

// Softmax of all scores. Returns what the weighted sums have to be divided by. A lane is a query.
INLINE vf32 softmax(const quantised_kv *kv, const float *scores, vf32 max, range sequence,
                    size_t begin, int32_t *weights) {
    vf32 sum = splat(0);
    for (size_t first = begin; first < sequence.end; first += 4) {
        const float *four_scores = scores + (first - begin) * LANES;
        vi32 four;
        if (first >= sequence.begin && first + 4 <= sequence.end)
            four = weigh_keys(kv, four_scores, max, sequence, first, true, &sum);
        else
            four = weigh_keys(kv, four_scores, max, sequence, first, false, &sum);
        memcpy(weights + (first - begin) / 4 * LANES, &four, sizeof four);
    }
    return sum * 255;
}

// A head's weights and values, and where the weighted sums go.
typedef struct {
    const int32_t *weights;  // (groups, LANES, 4 bytes)
    const int8_t *values;    // (groups, head_dim, 4)
    size_t groups, head_dim;
    size_t queries;
    float *context;  // (queries, head_dim), `stride` apart
    size_t stride;
} weighted_sum;

// Weighted sums of the values' channels from `channel` on, as many as `vectors` have lanes, for
// BLOCK_QUERIES queries from `first` on. A lane is a channel.
INLINE void sum_values(const weighted_sum *s, const float *divisors, size_t channel, size_t first,
                       const int vectors) {
    vi32 sums[BLOCK_QUERIES][BLOCK_VECTORS];
    UNROLL for (int i = 0; i < BLOCK_QUERIES; i++)
        UNROLL for (int v = 0; v < vectors; v++) sums[i][v] = (vi32){};
    const int8_t *values = s->values + channel * 4;
    for (size_t g = 0; g < s->groups; g++) {
        vi32 value[BLOCK_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++)
            memcpy(&value[v], values + (g * s->head_dim + v * LANES) * 4, sizeof value[v]);
        UNROLL for (int i = 0; i < BLOCK_QUERIES; i++)
            UNROLL for (int v = 0; v < vectors; v++)
                sums[i][v] = dot4(sums[i][v], splat4(s->weights + g * LANES + first + i), value[v]);
    }
    UNROLL for (int i = 0; i < BLOCK_QUERIES; i++)
        if (first + i < s->queries)
            UNROLL for (int v = 0; v < vectors; v++)
                store(s->context + (first + i) * s->stride + channel + v * LANES,
                      __builtin_convertvector(sums[i][v], vf32) / divisors[first + i]);
}

INLINE void attend(const attention_inputs *in, range queries, range sequence,
                   const attention_scratch *scratch, float *context, const size_t head_dim) {
    const size_t begin = sequence.begin / 4 * 4;
    for (size_t head = 0; head < in->heads; head++) {
        const quantised_kv kv = kv_of_head(&in->kv, head, head_dim);
        vf32 scale = load_queries(in, queries, head, head_dim, scratch->queries);
        vf32 max = compute_scores(&kv, scratch->queries, scale, sequence, begin, head_dim,
                                  scratch->scores);
        float divisors[LANES];
        store(divisors,
              softmax(&kv, scratch->scores, max, sequence, begin, scratch->weights));
        const weighted_sum s = {
            .weights = scratch->weights,
            .values = kv.values + begin * head_dim,
            .groups = (sequence.end - begin + 3) / 4,
            .head_dim = head_dim,
            .queries = queries.end - queries.begin,
            .context = context + head * head_dim,
            .stride = in->heads * head_dim,
        };
        size_t channel = 0;
        for (; channel + BLOCK_VECTORS * LANES <= head_dim; channel += BLOCK_VECTORS * LANES)
            for (size_t first = 0; first < s.queries; first += BLOCK_QUERIES)
                sum_values(&s, divisors, channel, first, BLOCK_VECTORS);
        for (; channel < head_dim; channel += LANES)
            for (size_t first = 0; first < s.queries; first += BLOCK_QUERIES)
                sum_values(&s, divisors, channel, first, 1);
    }
}

void KERNEL(attention)(const attention_inputs *in, range queries, range sequence,
                       const attention_scratch *scratch, float *context) {
    assert(in && in->heads && in->head_dim && in->head_dim % LANES == 0 && context);
    assert(in->queries.data && in->queries.scale && in->kv.keys && in->kv.values);
    assert(scratch && scratch->queries && scratch->scores && scratch->weights);
    assert(queries.begin < queries.end && queries.end - queries.begin <= LANES);
    assert(sequence.begin < sequence.end && sequence.end <= MAX_ROWS && queries.end <= MAX_ROWS);
    // The usual sizes are constants to the compiler, which saves computing many rows' addresses.
    if (in->head_dim == 32)
        attend(in, queries, sequence, scratch, context, 32);
    else if (in->head_dim == 64)
        attend(in, queries, sequence, scratch, context, 64);
    else
        attend(in, queries, sequence, scratch, context, in->head_dim);
}
