// The library's interface, which the Python package calls. Every function checks its arguments.
#pragma once

#include <stddef.h>
#include <stdint.h>

// `network.py` has the same values.
typedef enum {
    STATUS_OK,
    STATUS_OUT_OF_MEMORY,
    STATUS_OUT_OF_THREADS,
    STATUS_CLOSED,
    STATUS_INVALID_ARGUMENT,  // a NULL, a count or a name
    STATUS_INVALID_SHAPE,
    STATUS_INVALID_TENSOR,    // NULL, of another size, or not aligned to its values
    STATUS_NOT_FINITE,        // a tensor holds an infinity or NaN
    STATUS_PAIR_TOO_LARGE,    // two neighbouring weights, for AVX2's sums in 16 bits
    STATUS_INVALID_LENGTH,    // of a sequence, or of all together
    STATUS_UNKNOWN_TOKEN,
} status;

enum { DIMENSIONS = 10, TENSORS = 9, LAYER_TENSORS = 24, MAX_THREADS = 1024 };

typedef struct model model;

// Makes a model, which the caller frees with `model_free`.
//
// dimensions: dim, heads, head_dim, ffn_dim, layers, labels, relu, group_size, vocab_size,
// max_positions. tensors: `count` of them, TENSORS + LAYER_TENSORS * layers, of `sizes` bytes each
// and in the order in which `weights.c` reads them; they must outlive the model. isa: the best
// instruction set to use: "portable", "avx2", "avxvnni", "avx512", "dotprod",
// "i8mm" or "best".
//
// token_pruning: up to how many tokens no layer prunes a sequence, then for each layer but the last
// the percentage of the tokens beyond those that it outputs, from 1 to 100 and never more than the
// layer before it. NULL: all layers but the last output all tokens.
//
// On success `*result` is the model. `*invalid_tensor` is an invalid tensor's index, or `count`.
typedef struct {
    const size_t *dimensions;  // (DIMENSIONS,)
    const void *const *tensors;
    const size_t *sizes;
    size_t count;
    const size_t *token_pruning;  // (layers,) or NULL
} model_weights;
status model_new(const model_weights *weights, size_t threads, const char *isa, model **result,
                 size_t *invalid_tensor);

// Returns the name of the instruction set that the model uses.
const char *model_isa(const model *m);

// Computes the logits (sequences, labels) of sequences of token ids, one after the other in `ids`.
typedef struct {
    const int32_t *ids;      // (tokens,)
    size_t tokens;
    const int32_t *lengths;  // (sequences,)
    size_t sequences;
} model_input;
// Several threads may call this at once: one has the thread pool, the others compute alone.
status model_logits(model *m, const model_input *input, float *logits);

// Waits until no caller computes, then ends the model's threads and frees its memory except for the
// model itself. Later calls return STATUS_CLOSED. May be called again.
void model_close(model *m);

// Closes the model and frees it. No call with it may follow or be in progress.
void model_free(model *m);
