// The attention that tokens receive, by which a layer selects those that it outputs.
#include "operands.h"

// Adds to each lane the products of a query's four bytes with a key's.
INLINE vi32 dot_queries(vi32 sum, vi32 queries, vi32 key) {
#if defined(__ARM_FEATURE_DOTPROD)
    return (vi32)vdotq_s32((int32x4_t)sum, (int8x16_t)queries, (int8x16_t)key);
#else
    return dot4(sum, queries, key);
#endif
}

// Computes the softmax of a head's queries, at most LANES, over the keys of a sequence, without its
// division; returns what the weights (rows, LANES) have to be divided by. A lane is a query.
INLINE vf32 softmax(const attention_inputs *in, const quantised_kv *kv, range queries,
                    range sequence, size_t head, const size_t head_dim,
                    const attention_scratch *scratch) {
    vf32 scale = splat(0), max = splat(-INFINITY), sum = splat(0);
    for (size_t i = 0; i < queries.end - queries.begin; i++) {
        const size_t row = (queries.begin + i) * in->heads + head;
        scale[i] = in->queries.scale[row];
        for (size_t d = 0; d < head_dim; d += 4)
            memcpy(scratch->queries + d / 4 * LANES + i, in->queries.data + row * head_dim + d, 4);
    }
    for (size_t j = sequence.begin; j < sequence.end; j++) {
        // Four sums, as each addition waits for the one before.
        vi32 sums[4] = {(vi32){} + kv->key_offset[j]};
        const int8_t *key = kv->keys + j * head_dim;
        for (size_t d = 0; d < head_dim; d += 16)
            UNROLL for (int i = 0; i < 4; i++) {
                vi32 four;
                memcpy(&four, scratch->queries + (d / 4 + i) * LANES, sizeof four);
                sums[i] = dot_queries(sums[i], four, splat4(key + d + 4 * i));
            }
        const vi32 all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        const vf32 score = __builtin_convertvector(all, vf32) * (scale * kv->key_scale[j]);
        store(scratch->scores + (j - sequence.begin) * LANES, score);
        max = vmax(max, score);
    }
    for (size_t j = 0; j < sequence.end - sequence.begin; j++) {
        const vf32 weight = vexp2(load(scratch->scores + j * LANES) - max);
        store(scratch->scores + j * LANES, weight);
        sum += weight;
    }
    return sum;
}

INLINE void receive(const attention_inputs *in, range queries, range sequence,
                    const attention_scratch *scratch, int32_t *received, const size_t head_dim) {
    for (size_t head = 0; head < in->heads; head++) {
        const quantised_kv kv = kv_of_head(&in->kv, head, head_dim);
        for (size_t first = queries.begin; first < queries.end; first += LANES) {
            const size_t end = queries.end - first < LANES ? queries.end : first + LANES;
            const vf32 sum =
                softmax(in, &kv, (range){first, end}, sequence, head, head_dim, scratch);
            vf32 factor = splat(0);  // 0 in lanes without a query
            for (size_t i = 0; i < end - first; i++) factor[i] = ATTENTION_ONE / sum[i];
            for (size_t j = 0; j < sequence.end - sequence.begin; j++) {
                const vi32 shares =
                    __builtin_convertvector(load(scratch->scores + j * LANES) * factor, vi32);
                int32_t all = 0;
                UNROLL for (int i = 0; i < LANES; i++) all += shares[i];
                received[j] += all;
            }
        }
    }
}

void KERNEL(attention_received)(const attention_inputs *in, range queries, range sequence,
                                const attention_scratch *scratch, int32_t *received) {
    assert(in && in->heads && in->head_dim && in->head_dim % 16 == 0 && received);
    assert(in->queries.data && in->queries.scale && in->kv.keys);
    assert(in->kv.key_scale && in->kv.key_offset);
    assert(scratch && scratch->queries && scratch->scores);
    assert(queries.begin < queries.end && queries.end <= MAX_ROWS);
    assert(sequence.begin < sequence.end && sequence.end <= MAX_ROWS);
    // The usual sizes are constants to the compiler.
    if (in->head_dim == 32)
        receive(in, queries, sequence, scratch, received, 32);
    else if (in->head_dim == 64)
        receive(in, queries, sequence, scratch, received, 64);
    else
        receive(in, queries, sequence, scratch, received, in->head_dim);
}
