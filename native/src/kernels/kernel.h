// The kernels of the instruction set that a file is compiled for, such as gemm__avx2.
#pragma once

#include "simd.h"

#define KERNEL(name) KERNEL_OF(name, ISA)
#define KERNEL_OF(name, isa) KERNEL_JOIN(name, isa)
#define KERNEL_JOIN(name, isa) name##__##isa

quantise_activations_fn KERNEL(quantise_activations);
quantise_queries_fn KERNEL(quantise_queries);
quantise_kv_fn KERNEL(quantise_kv);
gemm_fn KERNEL(gemm);
sum_weights_fn KERNEL(sum_weights);
attention_fn KERNEL(attention);
attention_received_fn KERNEL(attention_received);
layer_norm_fn KERNEL(layer_norm);
embed_fn KERNEL(embed);
classify_fn KERNEL(classify);
