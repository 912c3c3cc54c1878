// The table of the kernels for the instruction set that this file is compiled for.
#include "operands.h"

const kernels KERNEL(kernels) = {
    .name = ISA_NAME,
    .max_task_rows = 64,
    .query_block = QUERY_BLOCK,
    .quantise_activations = KERNEL(quantise_activations),
    .quantise_queries = KERNEL(quantise_queries),
    .quantise_kv = KERNEL(quantise_kv),
    .gemm = KERNEL(gemm),
    .sum_weights = ACTIVATION_SHIFT ? KERNEL(sum_weights) : NULL,
    .attention = KERNEL(attention),
    .attention_received = KERNEL(attention_received),
    .layer_norm = KERNEL(layer_norm),
    .embed = KERNEL(embed),
    .classify = KERNEL(classify),
};
