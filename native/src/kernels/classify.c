#include "kernel.h"

void KERNEL(classify)(const classification_head *head, const float *cls, size_t dim,
                      size_t labels, float *logits) {
    assert(head && head->pre_classifier_weight && head->pre_classifier_bias);
    assert(head->classifier_weight && head->classifier_bias);
    assert(cls && dim && dim % SUM_PARTS == 0 && labels && logits);
    for (size_t label = 0; label < labels; label++) logits[label] = head->classifier_bias[label];
    for (size_t o = 0; o < dim; o++) {
        vsum sum = {};
        const float *weight = head->pre_classifier_weight + o * dim;
        for (size_t i = 0; i < dim; i += SUM_PARTS)
            UNROLL for (int j = 0; j < SUM_VECTORS; j++) {
                const size_t at = i + j * LANES;
                sum.part[j] = vfma(load(cls + at), load(weight + at), sum.part[j]);
            }
        float hidden = reduce_add(sum) + head->pre_classifier_bias[o];
        if (hidden <= 0) continue;  // ReLU
        for (size_t label = 0; label < labels; label++)
            logits[label] += hidden * head->classifier_weight[label * dim + o];
    }
}
