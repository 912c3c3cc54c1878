// The kernels: the types of their arguments, and a table of them for each instruction set.
//
// The files in kernels/ are compiled once for each instruction set; `isa.c` picks a table at run
// time. All else is compiled once, for any processor.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "network.h"

enum {
    // The widest instruction set's float32 lanes. Scratch memory has room for them.
    MAX_LANES = 16,
    MAX_TASK_ROWS = 128,  // rows of one task, and of the buffers that a gemm reads and writes
    // Tasks begin at multiples of this, because `quantise_kv` does. The fewer rows, the more evenly
    // the threads share those of short texts.
    TASK_MULTIPLE = 4,
    // A gemm computes whole tiles: it may write rows up to the next multiple of this.
    ROW_MULTIPLE = 8,
    // Rows of the buffers that attention reads. It computes keys in blocks of up to MAX_LANES.
    PADDED_ROWS = MAX_ROWS + MAX_LANES,
};

typedef struct {
    size_t begin, end;
} range;

// Rows of float32, `stride` values apart.
typedef struct {
    const float *data;
    size_t rows, stride;
} matrix_view;

// Activations in 8 bits, quantised by row and group of channels:
// x = scale * (data - zero_point) = scale * data + offset. kernels/operands.h says how the bytes of
// these, of queries and of values are stored.
typedef struct {
    uint8_t *data;   // (rows, cols)
    float *scale;    // (rows, groups)
    float *offset;   // (rows, groups) -scale * zero_point
    size_t cols, groups;
} quantised_rows;

typedef enum { ACTIVATION_NONE, ACTIVATION_GELU, ACTIVATION_RELU } activation;

// What a gemm does with its sums: data = activation(sums + bias + residual).
typedef struct {
    float *data;            // (rows, out_features)
    const float *residual;  // (rows, out_features), or NULL
    activation activation;
} gemm_output;

// Queries of one layer in 8 bits, one scale for each row and head.
typedef struct {
    uint8_t *data;  // (PADDED_ROWS, heads, head_dim)
    float *scale;   // (PADDED_ROWS, heads) times log2(e), so that scores are powers of 2
} quantised_queries;

// Keys and values of one layer in 8 bits from -64 to 64, one scale for each row and head.
typedef struct {
    int8_t *keys;              // (heads, PADDED_ROWS, head_dim)
    float *key_scale;          // (heads, PADDED_ROWS)
    int32_t *key_offset;       // (heads, PADDED_ROWS) -(queries' zero point) * the sum of the key
    int8_t *values;            // (heads, PADDED_ROWS / 4, head_dim, 4)
    float *value_log2_scale;   // (heads, PADDED_ROWS)
    float *value_inv_scale;    // (heads, PADDED_ROWS)
} quantised_kv;

static inline quantised_kv kv_of_head(const quantised_kv *kv, size_t head, size_t head_dim) {
    return (quantised_kv){
        .keys = kv->keys + head * PADDED_ROWS * head_dim,
        .key_scale = kv->key_scale + head * PADDED_ROWS,
        .key_offset = kv->key_offset + head * PADDED_ROWS,
        .values = kv->values + head * PADDED_ROWS * head_dim,
        .value_log2_scale = kv->value_log2_scale + head * PADDED_ROWS,
        .value_inv_scale = kv->value_inv_scale + head * PADDED_ROWS,
    };
}

typedef struct {
    quantised_queries queries;
    quantised_kv kv;
    size_t heads, head_dim;
} attention_inputs;

// What attention of one block of queries and one head needs.
typedef struct {
    int32_t *queries;  // (head_dim / 4, MAX_LANES, 4 bytes) the queries, interleaved
    float *scores;     // (PADDED_ROWS, MAX_LANES)
    int32_t *weights;  // (PADDED_ROWS / 4, MAX_LANES, 4 bytes) softmax of the scores in 8 bits
} attention_scratch;

// Quantises rows (count, out.cols) that lie one after the other, times `smoothing` (out.cols,).
typedef void quantise_activations_fn(const float *rows, const float *smoothing, size_t count,
                                     quantised_rows out);

// Quantises all heads' queries (heads * head_dim,) of one row into row `out_row`.
typedef void quantise_queries_fn(const float *queries, size_t heads, size_t head_dim,
                                 quantised_queries out, size_t out_row);

// Quantises all heads' keys and values (rows, heads * head_dim) into the rows from `out_row`, a
// multiple of 4, on. `values` must be readable up to a multiple of 4 rows.
typedef void quantise_kv_fn(matrix_view keys, matrix_view values, size_t heads, size_t head_dim,
                            quantised_kv out, size_t out_row);

// Multiplies rows by a range of the layer's panels: sums = x @ w.weight.T, then as `out` says. `x`
// must be readable up to a multiple of 32 rows. All other buffers must have room for a multiple of
// ROW_MULTIPLE rows.
typedef void gemm_fn(const linear *w, quantised_rows x, size_t rows, range panels,
                     gemm_output out);

// Sums each group's weights, times what is taken from the activations where they are stored as signed
// bytes: the layer's `shift_sums`, which its gemm needs, (groups, out_features).
typedef void sum_weights_fn(const linear *w, int32_t *sums);

// Attention of a block of at most `query_block` queries to all rows of their sequence, head by head,
// into `context` (queries, heads * head_dim). Queries and sequences have row numbers of their own,
// as a layer may read more rows than it outputs.
typedef void attention_fn(const attention_inputs *in, range queries, range sequence,
                          const attention_scratch *scratch, float *context);

// Adds the attention that each row of a sequence receives from some queries, summed over the heads,
// to `received` (rows,), in integers: ATTENTION_ONE is all that a query's head pays. The sum therefore
// does not depend on the number of lanes.
enum { ATTENTION_ONE = 1 << 20 };
typedef void attention_received_fn(const attention_inputs *in, range queries, range sequence,
                                   const attention_scratch *scratch, int32_t *received);

// out = (x - mean) / sqrt(variance + 1e-12) * weight + bias, row by row, (rows, dim).
typedef void layer_norm_fn(const float *x, size_t rows, size_t dim, const layer_norm_weights *w,
                           float *out);

// Adds a token's embedding and its position's, without the layer norm: out (dim,).
typedef void embed_fn(const embeddings *e, int32_t token, size_t position, size_t dim, float *out);

// The classification head: the logits (labels,) of a [CLS] row (dim,).
typedef void classify_fn(const classification_head *head, const float *cls, size_t dim,
                         size_t labels, float *logits);

typedef struct {
    const char *name;
    // Rows of one task, up to MAX_TASK_ROWS. With fewer rows, all weights are read more often; with
    // more, the rows do not stay in the processor's own caches.
    size_t max_task_rows;
    size_t query_block;
    // What a thread calls before its first kernel and after its last one, or NULL.
    void (*thread_begin)(void), (*thread_end)(void);
    quantise_activations_fn *quantise_activations;
    quantise_queries_fn *quantise_queries;
    quantise_kv_fn *quantise_kv;
    gemm_fn *gemm;
    sum_weights_fn *sum_weights;  // or NULL, where activations are stored as they are
    attention_fn *attention;
    attention_received_fn *attention_received;
    layer_norm_fn *layer_norm;
    embed_fn *embed;
    classify_fn *classify;
} kernels;

extern const kernels kernels__portable, kernels__avx2, kernels__avxvnni, kernels__avx512vnni,
    kernels__amx, kernels__dotprod, kernels__i8mm;

// Returns the kernels for an instruction set or, if the processor lacks it, for the best one that
// the processor has. `name` is "portable", "avx2", "avxvnni", "avx512", "dotprod", "i8mm" or
// "best". Returns NULL for any other name.
const kernels *kernels_for(const char *name);
