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
    assert(g->x.data && g->x.scale && g->x.offset && g->out.data && rows);
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
// left out, the bias and the residual, and applies the activation function.
INLINE void gemm_epilogue(const gemm_args *g, size_t row, size_t col, vf32 v) {
    const linear *w = g->w;
    v += load(w->bias + col);
    for (size_t i = 0; i < w->groups; i++)
        v = vfma(load(w->weight_sums + i * w->out_features + col),
                 splat(g->x.offset[row * w->groups + i]), v);
    if (g->out.residual) v += load(g->out.residual + row * w->out_features + col);
    if (g->out.activation == ACTIVATION_GELU) v = vgelu(v);
    if (g->out.activation == ACTIVATION_RELU) v = vmax(v, splat(0));
    store(g->out.data + row * w->out_features + col, v);
}
