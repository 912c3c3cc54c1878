// A batch: the sequences of one forward pass, all memory that the pass needs, and the counters by
// which threads share its work.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "kernels.h"
#include "network.h"

enum {
    // The threads share the output features of each step where a layer has no more rows than this.
    MAX_SHORT_ROWS = 48,
    SHORT_PANELS = 6,  // a task takes a multiple of these there
    // All steps of each layer, the next one's queries, keys and values, and selecting its rows; then
    // embedding and classifying.
    MAX_STAGES = 13 * MAX_LAYERS + 2,
};

// What one thread needs for itself.
typedef struct {
    float *context;           // (MAX_TASK_ROWS, heads * head_dim) output of attention
    float *sum;               // (MAX_TASK_ROWS, dim or heads * head_dim) input of a layer norm
    float *wide;              // (MAX_TASK_ROWS, ffn_dim or 3 * heads * head_dim)
    quantised_rows x;         // (MAX_TASK_ROWS, cols and groups of any gemm) input of a gemm
    attention_scratch attention;
} scratch;

// Rows of all sequences, one sequence after the other, without padding.
typedef struct {
    size_t rows;
    size_t task_rows;  // of each task that is not a part of a gemm
    int32_t *offsets;  // (sequences + 1,) where each sequence begins, and the end
    float *hidden;     // (PADDED_ROWS, dim)
} layout;

typedef struct {
    const network *network;
    const kernels *kernels;
    const int32_t *ids;               // (rows,) of all sequences, without padding
    float *logits;                    // (sequences, labels)
    size_t rows, sequences, threads;
    // (layers + 1,) the rows that each layer reads, and those that the head reads: [CLS] rows. A
    // layer that outputs all its rows overwrites them; one that prunes has other memory for them.
    layout *layout;
    int32_t *offsets;                 // (layers + 1, MAX_ROWS + 1) memory of the layouts
    float *hidden[2];                 // (PADDED_ROWS, dim) likewise
    int32_t *selected;                // (MAX_ROWS,) which of its input's rows a layer outputs
    quantised_queries queries;
    quantised_kv kv[2];               // layers take turns
    size_t scratches;
    scratch *scratch;                 // (scratches,) one for each thread
    atomic_size_t joined;             // threads so far
    atomic_size_t started[MAX_STAGES];   // tasks of each stage that a thread has taken
    atomic_size_t finished[MAX_STAGES];  // and those that are done
} batch;

// Allocates a batch and the memory for its largest pass, for up to `threads` threads. Returns NULL
// if there is not enough memory. The caller frees it with `batch_free`.
batch *batch_new(const network *n, const kernels *k, size_t threads);
void batch_free(batch *b);

// Whether a layer outputs fewer rows than it reads. The last one outputs [CLS] rows alone.
static inline bool is_pruning(const batch *b, size_t layer) {
    return layer + 1 == b->network->layers || b->layout[layer + 1].rows < b->layout[layer].rows;
}

// Fills the batch with as many of the sequences as fit, `b->sequences` of `b->rows` tokens, and
// divides its work for so many threads.
void batch_fill(batch *b, const int32_t *ids, const int32_t *lengths, size_t sequences,
                float *logits, size_t threads);
