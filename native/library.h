// What the Python package calls. Every function checks what it is given.
#pragma once

#include <stddef.h>
#include <stdint.h>

// `network.py` has the same table.
typedef enum {
    DONE,
    NO_MEMORY,
    NO_THREADS,
    IS_CLOSED,
    INVALID_ARGUMENT,  // a NULL, a count or a name
    INVALID_SHAPE,
    INVALID_TENSOR,    // NULL, not of its size, or not aligned to its values
    NOT_FINITE,        // a tensor holds an infinity or NaN
    PAIR_TOO_LARGE,    // two neighbouring weights, for AVX2's sums in 16 bits
    INVALID_LENGTH,    // of a text, or of all
    UNKNOWN_TOKEN,
} status;

enum { DIMENSIONS = 10, TENSORS = 9, TENSORS_OF_LAYER = 24 };

typedef struct model model;

// Makes a model of a network's dimensions, in the order of `network`, and of its tensors, in the
// order of their use and of so many bytes each. They must outlive the model. `wanted` is the best
// instruction set to use: "portable", "avx2", "avx512" or "best". On success `*made` is the model,
// to be freed by `model_free`; `*wrong` is the number of the tensor that is wrong, or `count`.
status model_new(const size_t dimensions[DIMENSIONS], const void *const *tensors,
                 const size_t *sizes, size_t count, size_t threads, const char *wanted,
                 model **made, size_t *wrong);

// Returns the name of the instruction set that the model uses.
const char *model_instructions(const model *m);

// Writes (texts, labels) logits of texts that lie one after the other in `ids`, (tokens,). Callers
// may come from several threads at once: one has the pool, the others compute alone.
status model_logits(model *m, const int32_t *ids, size_t tokens, const int32_t *lengths,
                    size_t texts, float *logits);

// Waits until no caller computes, then ends the model's threads and frees its memory, all but the
// model itself. Callers that come later are told that it is closed. Can be called again.
void model_close(model *m);

// Closes the model and frees it; no call to it may follow, or be under way.
void model_free(model *m);
