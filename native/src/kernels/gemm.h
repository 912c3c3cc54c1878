// What the gemm kernels share: how integer sums become outputs.
#pragma once

#include "kernel.h"

// A gemm in progress: the same for all of its tiles.
typedef struct {
    const linear *w;
    quantised_rows x;
    gemm_output out;
} gemm_args;

INLINE void assert_gemm(const gemm_args *g, size_t rows, range panels) {
    const linear *w = g->w;
    assert(w && w->weight && w->scales && w->weight_sums && w->bias);
    assert(g->x.data && g->x.scale && g->x.offset && g->out.data);
    assert(rows && rows <= MAX_TASK_ROWS);
    assert(g->x.cols == w->in_features && g->x.groups == w->groups && w->groups);
    assert(w->in_features % w->groups == 0 && w->in_features / w->groups % PANEL == 0);
    assert(panels.begin <= panels.end && panels.end * PANEL <= w->out_features);
    (void)w, (void)rows, (void)panels;
}

// Adds the integer sums of one group of channels, scaled, to those of the groups before.
INLINE vf32 dequantise(vi32 sums, vf32 scales, vf32 before) {
    return vfma(__builtin_convertvector(sums, vf32), scales, before);
}

// Turns the scaled sums of all groups into a row's outputs from `col` on: adds what the zero points
// left out, the bias and the residual, and applies the activation function. The activation function
// and the number of vectors are constants where it is called.
INLINE void epilogue_of_row(const gemm_args *g, size_t row, size_t col, vf32 *v, const int vectors,
                            const activation activation) {
    const linear *w = g->w;
    UNROLL for (int j = 0; j < vectors; j++) v[j] += load(w->bias + col + j * LANES);
    for (size_t i = 0; i < w->groups; i++) {
        const float *weight_sums = w->weight_sums + i * w->out_features + col;
        vf32 offset = splat(g->x.offset[row * w->groups + i]);
        UNROLL for (int j = 0; j < vectors; j++)
            v[j] = vfma(load(weight_sums + j * LANES), offset, v[j]);
    }
    const size_t at = row * w->out_features + col;
    UNROLL for (int j = 0; j < vectors; j++) {
        if (g->out.residual) v[j] += load(g->out.residual + at + j * LANES);
        if (activation == ACTIVATION_GELU) v[j] = vgelu(v[j]);
        if (activation == ACTIVATION_RELU) v[j] = vmax(v[j], splat(0));
        store(g->out.data + at + j * LANES, v[j]);
    }
}

INLINE void gemm_epilogue(const gemm_args *g, size_t row, size_t col, vf32 v) {
    epilogue_of_row(g, row, col, &v, 1, g->out.activation);
}

INLINE void epilogue_of_rows(const gemm_args *g, range rows, size_t col, const float *sums,
                             size_t stride, const int vectors, const activation activation) {
    enum { MAX_VECTORS = 4 * PANEL / LANES };
    const gemm_args local = *g;  // which stores to outputs cannot alias
    for (size_t row = rows.begin; row < rows.end; row++, sums += stride) {
        vf32 v[MAX_VECTORS];
        UNROLL for (int j = 0; j < vectors; j++) v[j] = load(sums + j * LANES);
        epilogue_of_row(&local, row, col, v, vectors, activation);
    }
}

// The epilogue of some rows, from their scaled sums, which are `stride` apart.
INLINE void gemm_epilogues(const gemm_args *g, range rows, size_t col, const float *sums,
                           size_t stride, const int vectors) {
    switch (g->out.activation) {
        case ACTIVATION_NONE:
            epilogue_of_rows(g, rows, col, sums, stride, vectors, ACTIVATION_NONE);
            break;
        case ACTIVATION_GELU:
            epilogue_of_rows(g, rows, col, sums, stride, vectors, ACTIVATION_GELU);
            break;
        case ACTIVATION_RELU:
            epilogue_of_rows(g, rows, col, sums, stride, vectors, ACTIVATION_RELU);
            break;
    }
}
