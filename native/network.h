// A DistilBERT classifier in int8, as the shared library is given it and as its parts pass it on.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PANEL = 16,       // outputs that lie together in a packed matrix
    GRANULE = 8,      // every buffer has room for a multiple of so many rows
    MAX_ROWS = 512,   // tokens in one pass; a text's rows are never split over two
    PADDED = MAX_ROWS + 16,
    TASK_ROWS = 128,  // at most, in one task
    SHORT_ROWS = 16,   // at most, in a short pass
    SHORT_PANELS = 6,  // a multiple of them in each of its tasks
    MAX_LAYERS = 62,
    // Of every dimension of a weight. Up to it a sum of products of bytes stays within 32 bits, and
    // no size of a buffer overflows.
    MAX_WIDTH = 65536,
    MAX_THREADS = 1024,
    MAX_STAGES = 9 * MAX_LAYERS + 16,  // of a short pass: its steps
};

// A matrix product from quantised rows: rows @ weight.T + bias, (rows, inner) -> (rows, outputs).
typedef struct {
    size_t inner, outputs;
    size_t groups;           // of equally many channels, each quantised with its own scales
    const float *smoothing;  // (inner,) what each channel is multiplied by before it is quantised
    const int8_t *weight;    // packed: (outputs / PANEL, inner / 4, PANEL, 4)
    const float *scales;     // (groups, outputs) what 1 in the weight stands for
    const float *sums;       // (groups, outputs) the sum of the weights times their scale
    const float *bias;       // (outputs,)
} product;

typedef struct {
    const float *weight, *bias;  // (width,)
} norm;

typedef struct {
    product qkv;  // queries, keys, values; each head padded to a multiple of PANEL
    product out;
    norm attended;
    product wide, narrow;
    norm output;
} layer;

typedef struct {
    size_t width, heads, head_width, hidden, layers, labels, relu, group, vocabulary, positions;
    const int8_t *words;        // (vocabulary, width)
    const float *word_scales;   // (vocabulary,)
    const float *position_embeddings;  // (positions, width)
    norm embeddings;
    layer *layer;
    const float *head_weight, *head_bias;    // (width, width), (width,) fp32, then ReLU
    const float *label_weight, *label_bias;  // (labels, width), (labels,) fp32
} network;

// What one thread needs for itself.
typedef struct {
    float *context;     // (TASK_ROWS, heads * head_width)
    float *sum;         // (TASK_ROWS, width or heads * head_width)
    float *wide;        // (TASK_ROWS, hidden or 3 * heads * head_width)
    float *first;       // (GRANULE, width)
    uint8_t *integers;  // (TASK_ROWS, the widest of these)
    float *scale;       // (TASK_ROWS, groups at most) of each row of integers
    float *offset;      // (TASK_ROWS, groups at most) minus its zero point times its scale
    float *powers;      // (PADDED, 16) powers of 2 that up to 16 queries' weights are
    int32_t *weights;   // (PADDED / 4, 16, 4) those weights in 8 bits
    int32_t *queries;   // (head_width / 4, 16, 4) those queries
} scratch;

// Keys and values of a layer, in 8 bits with a scale for each row and head.
typedef struct {
    int8_t *keys;           // (heads, PADDED, head_width)
    float *key_scales;      // (heads, PADDED) what 1 stands for
    int32_t *key_offsets;   // (heads, PADDED) minus the zero of the queries times the keys' sum
    int8_t *values;         // (heads, PADDED / 4, head_width, 4)
    float *value_powers;    // (heads, PADDED) what 1 stands for, as a power of 2
    float *value_inverses;  // (heads, PADDED) 1 over it
} attendable;

// One pass over several texts' tokens, one after the other without padding, and all its memory.
// Any number of threads may run it together: work is taken, and waited for, by its counters.
typedef struct {
    const network *network;
    const int32_t *ids;     // (rows,)
    int32_t starts[MAX_ROWS + 1];  // (texts + 1,) where each text begins in ids, and the end
    float *logits;          // (texts, labels)
    size_t rows, texts, threads;
    int is_short;                    // whether its tasks are outputs
    size_t task_rows;                // otherwise, in each task
    float *hidden;                   // (PADDED, width)
    uint8_t *queries;                // (PADDED, heads, head_width), of which 128 is zero
    float *query_scales;             // (PADDED, heads) what 1 stands for, in powers of 2
    attendable attendable[2];        // layers take turns
    size_t scratches;
    scratch *scratch;                // (scratches,) one for each thread
    atomic_size_t joined;            // threads so far
    atomic_size_t taken[MAX_STAGES]; // tasks of each stage that a thread has begun
    atomic_size_t done[MAX_STAGES];
} pass;

typedef void forward_function(pass *);
extern forward_function forward_amx, forward_avx512, forward_avx2, forward_portable;
