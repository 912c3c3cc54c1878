#include "kernel.h"

void KERNEL(embed)(const embeddings *e, int32_t token, size_t position, size_t dim, float *out) {
    assert(e && e->tokens && e->scales && e->positions && token >= 0);
    assert(dim && dim % LANES == 0 && out);
    const int8_t *embedding = e->tokens + (size_t)token * dim;
    const float *position_embedding = e->positions + position * dim;
    for (size_t i = 0; i < dim; i += LANES) {
        vi8 bytes;
        memcpy(&bytes, embedding + i, sizeof bytes);
        store(out + i, vfma(__builtin_convertvector(bytes, vf32), splat(e->scales[token]),
                            load(position_embedding + i)));
    }
}
