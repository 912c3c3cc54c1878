#include <math.h>

#include "kernel.h"

static void normalise(const float *x, size_t dim, const layer_norm_weights *w, float *out) {
    vf32 sum = splat(0), squares = splat(0);
    for (size_t i = 0; i < dim; i += LANES) sum += load(x + i);
    vf32 mean = splat(reduce_add(sum) / (float)dim);
    for (size_t i = 0; i < dim; i += LANES) {
        vf32 centred = load(x + i) - mean;
        squares += centred * centred;
    }
    float inv_std = 1 / sqrtf(reduce_add(squares) / (float)dim + 1e-12f);
    for (size_t i = 0; i < dim; i += LANES)
        store(out + i, (load(x + i) - mean) * inv_std * load(w->weight + i) + load(w->bias + i));
}

void KERNEL(layer_norm)(const float *x, size_t rows, size_t dim, const layer_norm_weights *w,
                        float *out) {
    assert(x && rows && dim && dim % LANES == 0 && w && w->weight && w->bias && out);
    for (size_t i = 0; i < rows; i++) normalise(x + i * dim, dim, w, out + i * dim);
}
