// The network's dimensions and weights. `weights.c` fills them in; the kernels read them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PANEL = 16,     // output features that lie together in packed weights
    MAX_ROWS = 512, // tokens of one batch; the rows of a sequence are never split over two batches
    MAX_LAYERS = 62,
    // The limit of every dimension of a weight. It keeps a sum of products of bytes within 32 bits
    // and the size of every buffer within size_t.
    MAX_DIM = 65536,
    // The largest sum of two neighbouring weights of one sign. AVX2 adds their products with
    // activations up to 255 in 16 bits.
    MAX_WEIGHT_PAIR = 128,
};

// A linear layer with int8 weights: y = (x * smoothing) @ weight.T + bias.
typedef struct {
    size_t in_features, out_features;
    size_t groups;             // groups of in_features / groups channels, quantised apart
    const float *smoothing;    // (in_features,) SmoothQuant's factor for each channel
    const int8_t *weight;      // packed: (out_features / PANEL, in_features / 4, PANEL, 4)
    const float *scales;       // (groups, out_features)
    const float *weight_sums;  // (groups, out_features) sum of a group's weights, times its scale
    const float *bias;         // (out_features,)
    const int32_t *shift_sums;  // (groups, out_features) see `sum_weights_fn`, or NULL
} linear;

typedef struct {
    const float *weight, *bias;  // (dim,)
} layer_norm_weights;

typedef struct {
    const int8_t *tokens;    // (vocab_size, dim)
    const float *scales;     // (vocab_size,)
    const float *positions;  // (max_positions, dim)
    layer_norm_weights norm;
} embeddings;

typedef struct {
    linear qkv;  // queries, keys, values; each head padded with zeros to a multiple of PANEL
    linear attn_out;
    layer_norm_weights attn_norm;
    linear ffn_up, ffn_down;
    layer_norm_weights ffn_norm;
} encoder_layer;

// DistilBERT's classification head in fp32: logits = classifier(relu(pre_classifier(x))).
typedef struct {
    const float *pre_classifier_weight, *pre_classifier_bias;  // (dim, dim), (dim,)
    const float *classifier_weight, *classifier_bias;          // (labels, dim), (labels,)
} classification_head;

typedef struct {
    size_t dim, heads, head_dim, ffn_dim, layers, labels;
    bool relu;          // the activation function: ReLU, otherwise GELU
    size_t group_size;  // channels quantised together; a whole row where this does not divide it
    size_t vocab_size, max_positions;
    embeddings embeddings;
    encoder_layer *layer;  // (layers,)
    classification_head head;
    int32_t *shift_sums;  // those of all layers, or NULL
    // Each layer but the last outputs the minimum of a sequence's tokens and so many percent of those
    // beyond, rounded up. No percentage exceeds the one before it.
    size_t min_tokens, token_percent[MAX_LAYERS];
} network;
