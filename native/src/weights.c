#include "weights.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(size_t) == 8, "the product of two dimensions must fit");

// Reads tensors one after the other. After the first invalid one, all are NULL.
typedef struct {
    const void *const *tensors;
    const size_t *sizes;
    size_t index;
    status status;
} reader;

static const void *read_tensor(reader *r, size_t count, size_t size) {
    if (r->status) return NULL;
    const void *tensor = r->tensors[r->index];
    if (!tensor || (uintptr_t)tensor % size || r->sizes[r->index] != count * size)
        r->status = STATUS_INVALID_TENSOR;
    else
        r->index++;
    return r->status ? NULL : tensor;
}

static const float *read_floats(reader *r, size_t count) {
    const float *values = read_tensor(r, count, sizeof *values);
    int32_t max = 0;  // of the bits without the sign, whose order is that of the magnitudes
    for (size_t i = 0; values && i < count; i++) {
        int32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits &= INT32_MAX;
        max = bits > max ? bits : max;
    }
    const int32_t infinity = 0x7f800000;
    if (max >= infinity) r->status = STATUS_NOT_FINITE, r->index--;
    return values;
}

static const int8_t *read_weight(reader *r, size_t count) {
    const int8_t *values = read_tensor(r, count, sizeof *values);
    int16_t max = 0, min = 0;
    for (size_t i = 0; values && i < count / 2; i++) {
        int16_t pair;
        memcpy(&pair, values + 2 * i, sizeof pair);
        const int16_t first = (int8_t)pair, second = pair >> 8;
        const int16_t positive = (first > 0 ? first : 0) + (second > 0 ? second : 0);
        const int16_t negative = (first < 0 ? first : 0) + (second < 0 ? second : 0);
        max = positive > max ? positive : max;
        min = negative < min ? negative : min;
    }
    if (max > MAX_WEIGHT_PAIR || min < -MAX_WEIGHT_PAIR)
        r->status = STATUS_PAIR_TOO_LARGE, r->index--;
    return values;
}

static linear read_linear(reader *r, size_t in_features, size_t out_features, size_t group_size) {
    linear l = {.in_features = in_features, .out_features = out_features};
    l.groups = in_features % group_size ? 1 : in_features / group_size;
    l.smoothing = read_floats(r, in_features);
    l.weight = read_weight(r, in_features * out_features);
    l.scales = read_floats(r, l.groups * out_features);
    l.weight_sums = read_floats(r, l.groups * out_features);
    l.bias = read_floats(r, out_features);
    return l;
}

static layer_norm_weights read_layer_norm(reader *r, size_t dim) {
    layer_norm_weights w;
    w.weight = read_floats(r, dim);
    w.bias = read_floats(r, dim);
    return w;
}

// The order of the tensors is that of `tensor_specs` in weights.py.
static void read_network(reader *r, network *n) {
    n->embeddings.tokens = read_tensor(r, n->vocab_size * n->dim, sizeof *n->embeddings.tokens);
    n->embeddings.scales = read_floats(r, n->vocab_size);
    n->embeddings.positions = read_floats(r, n->max_positions * n->dim);
    n->embeddings.norm = read_layer_norm(r, n->dim);
    const size_t heads_dim = n->heads * n->head_dim;
    for (size_t i = 0; i < n->layers; i++) {
        encoder_layer *l = &n->layer[i];
        l->qkv = read_linear(r, n->dim, 3 * heads_dim, n->group_size);
        l->attn_out = read_linear(r, heads_dim, n->dim, n->group_size);
        l->attn_norm = read_layer_norm(r, n->dim);
        l->ffn_up = read_linear(r, n->dim, n->ffn_dim, n->group_size);
        l->ffn_down = read_linear(r, n->ffn_dim, n->dim, n->group_size);
        l->ffn_norm = read_layer_norm(r, n->dim);
    }
    n->head.pre_classifier_weight = read_floats(r, n->dim * n->dim);
    n->head.pre_classifier_bias = read_floats(r, n->dim);
    n->head.classifier_weight = read_floats(r, n->labels * n->dim);
    n->head.classifier_bias = read_floats(r, n->labels);
}

static bool is_multiple_of_panel(size_t dim) {
    return dim && dim % PANEL == 0 && dim <= MAX_DIM;
}

static bool is_from_1_to(size_t value, size_t max) { return value && value <= max; }

static bool has_valid_shape(const network *n) {
    return is_multiple_of_panel(n->dim) && is_multiple_of_panel(n->head_dim) &&
           is_multiple_of_panel(n->ffn_dim) && is_multiple_of_panel(n->group_size) &&
           is_from_1_to(n->heads, MAX_DIM / n->head_dim) && is_from_1_to(n->layers, MAX_LAYERS) &&
           is_from_1_to(n->labels, MAX_DIM) && is_from_1_to(n->vocab_size, INT32_MAX) &&
           is_from_1_to(n->max_positions, INT32_MAX);
}

// Reads how many tokens each layer outputs (`model_weights`).
static bool read_token_pruning(network *n, const size_t *pruning) {
    n->min_tokens = pruning ? pruning[0] : 1;
    size_t previous = 100;
    for (size_t i = 0; i + 1 < n->layers; i++) {
        n->token_percent[i] = pruning ? pruning[1 + i] : 100;
        if (!is_from_1_to(n->token_percent[i], previous)) return false;
        previous = n->token_percent[i];
    }
    return n->min_tokens;
}

status network_init(network *n, const model_weights *weights, size_t *invalid_tensor) {
    assert(n && weights && weights->dimensions && weights->tensors && weights->sizes);
    assert(invalid_tensor);
    const size_t *d = weights->dimensions;
    *invalid_tensor = weights->count;
    *n = (network){.dim = d[0], .heads = d[1], .head_dim = d[2], .ffn_dim = d[3], .layers = d[4],
                   .labels = d[5], .relu = d[6], .group_size = d[7], .vocab_size = d[8],
                   .max_positions = d[9]};
    if (d[6] > 1 || !has_valid_shape(n)) return STATUS_INVALID_SHAPE;
    if (!read_token_pruning(n, weights->token_pruning)) return STATUS_INVALID_ARGUMENT;
    if (weights->count != TENSORS + LAYER_TENSORS * n->layers) return STATUS_INVALID_ARGUMENT;
    n->layer = calloc(n->layers, sizeof *n->layer);
    if (!n->layer) return STATUS_OUT_OF_MEMORY;
    reader r = {weights->tensors, weights->sizes, 0, STATUS_OK};
    read_network(&r, n);
    if (r.status) {
        *invalid_tensor = r.index;
        network_free(n);
    }
    return r.status;
}

void network_free(network *n) {
    free(n->layer);
    free(n->shift_sums);
    n->layer = NULL, n->shift_sums = NULL;
}

bool sum_weights(network *n, sum_weights_fn *sum) {
    size_t count = 0;
    for (size_t i = 0; i < n->layers; i++) {
        const encoder_layer *l = &n->layer[i];
        const linear *const all[] = {&l->qkv, &l->attn_out, &l->ffn_up, &l->ffn_down};
        for (size_t j = 0; j < 4; j++) count += all[j]->groups * all[j]->out_features;
    }
    int32_t *sums = n->shift_sums = malloc(count * sizeof *sums);
    if (!sums) return false;
    for (size_t i = 0; i < n->layers; i++) {
        encoder_layer *l = &n->layer[i];
        linear *const all[] = {&l->qkv, &l->attn_out, &l->ffn_up, &l->ffn_down};
        for (size_t j = 0; j < 4; j++) {
            sum(all[j], sums);
            all[j]->shift_sums = sums;
            sums += all[j]->groups * all[j]->out_features;
        }
    }
    return true;
}
