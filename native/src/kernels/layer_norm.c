#include "kernel.h"

static void normalise(const float *x, size_t dim, const layer_norm_weights *w, float *out) {
    vsum sum = {}, squares = {};
    for (size_t i = 0; i < dim; i += SUM_PARTS)
        UNROLL for (int j = 0; j < SUM_VECTORS; j++) sum.part[j] += load(x + i + j * LANES);
    vf32 mean = splat(reduce_add(sum) / (float)dim);
    for (size_t i = 0; i < dim; i += SUM_PARTS)
        UNROLL for (int j = 0; j < SUM_VECTORS; j++) {
            vf32 centred = load(x + i + j * LANES) - mean;
            squares.part[j] = vfma(centred, centred, squares.part[j]);
        }
    float inv_std = 1 / sqrtf(reduce_add(squares) / (float)dim + 1e-12f);
    for (size_t i = 0; i < dim; i += LANES)
        store(out + i, vfma((load(x + i) - mean) * inv_std, load(w->weight + i), load(w->bias + i)));
}

void KERNEL(layer_norm)(const float *x, size_t rows, size_t dim, const layer_norm_weights *w,
                        float *out) {
    assert(x && rows && dim && dim % SUM_PARTS == 0 && w && w->weight && w->bias && out);
    for (size_t i = 0; i < rows; i++) normalise(x + i * dim, dim, w, out + i * dim);
}
