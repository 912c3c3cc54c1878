// The attention that tokens receive, by which a layer selects those that it outputs.
//
// It is of a sample of queries only, so that plain loops are fast enough on every instruction set.
#include "operands.h"

#if defined(__ARM_FEATURE_DOTPROD)
typedef int8_t query_byte;  // as QUERY_ZERO_POINT says
#else
typedef uint8_t query_byte;
#endif

// Computes the scores of a sequence's keys, in powers of 2; returns the largest.
INLINE float score_keys(const quantised_kv *kv, const query_byte *query, float scale,
                        range sequence, const size_t head_dim, float *scores) {
    float max = -INFINITY;
    for (size_t j = sequence.begin; j < sequence.end; j++) {
        const int8_t *key = kv->keys + j * head_dim;
        int32_t sum = kv->key_offset[j];
        for (size_t d = 0; d < head_dim; d++) sum += query[d] * key[d];
        const float score = (float)sum * (scale * kv->key_scale[j]);
        scores[j - sequence.begin] = score;
        max = score > max ? score : max;
    }
    return max;
}

// Adds the softmax of the scores, times ATTENTION_ONE, to `received`. Both have room for a multiple
// of SUM_PARTS rows.
INLINE void add_softmax(float *scores, float max, size_t rows, int32_t *received) {
    const size_t padded = (rows + SUM_PARTS - 1) / SUM_PARTS * SUM_PARTS;
    for (size_t j = 0; j < rows; j += LANES) store(scores + j, vexp2(load(scores + j) - max));
    for (size_t j = rows; j < padded; j++) scores[j] = 0;
    vsum sum = {};
    for (size_t j = 0; j < padded; j += SUM_PARTS)
        UNROLL for (int i = 0; i < SUM_VECTORS; i++) sum.part[i] += load(scores + j + i * LANES);
    const vf32 factor = splat(ATTENTION_ONE / reduce_add(sum));
    for (size_t j = 0; j < padded; j += LANES) {
        vi32 shares = __builtin_convertvector(load(scores + j) * factor, vi32), sums;
        memcpy(&sums, received + j, sizeof sums);
        sums += shares;
        memcpy(received + j, &sums, sizeof sums);
    }
}

INLINE void receive(const attention_inputs *in, range queries, range sequence, float *scores,
                    int32_t *received, const size_t head_dim) {
    for (size_t head = 0; head < in->heads; head++) {
        const quantised_kv kv = kv_of_head(&in->kv, head, head_dim);
        for (size_t i = queries.begin; i < queries.end; i++) {
            const size_t row = i * in->heads + head;
            const query_byte *query = (const query_byte *)in->queries.data + row * head_dim;
            const float max =
                score_keys(&kv, query, in->queries.scale[row], sequence, head_dim, scores);
            add_softmax(scores, max, sequence.end - sequence.begin, received);
        }
    }
}

void KERNEL(attention_received)(const attention_inputs *in, range queries, range sequence,
                                float *scores, int32_t *received) {
    assert(in && in->heads && in->head_dim && scores && received);
    assert(in->queries.data && in->queries.scale && in->kv.keys);
    assert(in->kv.key_scale && in->kv.key_offset);
    assert(queries.begin < queries.end && queries.end <= MAX_ROWS);
    assert(sequence.begin < sequence.end && sequence.end <= MAX_ROWS);
    // The usual sizes are constants to the compiler.
    if (in->head_dim == 32)
        receive(in, queries, sequence, scores, received, 32);
    else if (in->head_dim == 64)
        receive(in, queries, sequence, scores, received, 64);
    else
        receive(in, queries, sequence, scores, received, in->head_dim);
}
