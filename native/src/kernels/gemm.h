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

// The integer sums of one group of channels, scaled. The product is rounded before it is added to
// those of other groups. If the compiler fused it into a multiply-add for some instruction sets
// only, their results would differ.
INLINE vf32 dequantise(vi32 sums, vf32 scales) {
    vf32 v = __builtin_convertvector(sums, vf32) * scales;
#if defined(__AVX512VNNI__)
    __asm__("" : "+v"(v));
#endif
    return v;
}

// Turns the scaled sums of all groups into a row's outputs from `col` on: adds what the zero points
// left out, the bias and the residual, and applies the activation function.
INLINE void gemm_epilogue(const gemm_args *g, size_t row, size_t col, vf32 v) {
    const linear *w = g->w;
    v += load(w->bias + col);
    for (size_t i = 0; i < w->groups; i++)
        v += load(w->weight_sums + i * w->out_features + col) * g->x.offset[row * w->groups + i];
    if (g->out.residual) v += load(g->out.residual + row * w->out_features + col);
    if (g->out.activation == ACTIVATION_GELU) v = vgelu(v);
    if (g->out.activation == ACTIVATION_RELU) v = vmax(v, splat(0));
    store(g->out.data + row * w->out_features + col, v);
}
