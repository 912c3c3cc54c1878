// A layer as a sequence of steps: some compute outputs of all rows, the others all of some rows;
// included by forward.c.
#pragma once

#include <assert.h>
#include <math.h>
#include <string.h>

#include "attention.h"
#include "network.h"
#include "product.h"
#include "vectors.h"

// Some rows in a layer: of the pass or, in the last layer, which ends with them alone, the first
// ones of some texts, which the head reads.
typedef struct {
    pass *pass;
    const layer *layer;
    size_t number;        // of the layer
    int firsts;           // whether they are first ones
    size_t start, rows;   // which rows of the pass, or of which texts
    float *hidden;        // (rows, width) the layer's input, later its output
    scratch *kept, *own;  // what the steps leave each other, and what a thread has for itself
} work;

enum { ENTER, PROJECT, KEEP, ATTEND, OUT, ATTENDED, WIDE, ACTIVE, NARROW, OUTPUT, CLASSIFY };

INLINE void normalise(const float *row, const norm *by, size_t width, float *to) {
    floats sum = all(0), squares = all(0);
    for (size_t i = 0; i < width; i += LANES) sum += load(row + i);
    floats mean = all(total(sum) / (float)width);
    for (size_t i = 0; i < width; i += LANES) {
        floats centred = load(row + i) - mean;
        squares += centred * centred;
    }
    float factor = 1 / sqrtf(total(squares) / (float)width + 1e-12f);
    for (size_t i = 0; i < width; i += LANES)
        store(to + i, (load(row + i) - mean) * factor * load(by->weight + i) + load(by->bias + i));
}

INLINE quantised integers(const scratch *s, const product *for_product) {
    return (quantised){s->integers, s->scale, s->offset, for_product->inner, for_product->groups};
}

// Quantises rows from `first` on for a product.
static void quantise_for(const product *by, work w, const float *rows, size_t first, size_t count) {
    quantised to = integers(w.kept, by);
    to.integers += first * to.width;
    to.scale += first * to.groups, to.offset += first * to.groups;
    quantise(rows + first * by->inner, by->smoothing, count, to);
}

static void normalise_rows(const norm *by, work w, size_t first, size_t count) {
    const size_t width = w.pass->network->width;
    for (size_t i = first; i < first + count; i++)
        normalise(w.kept->sum + i * width, by, width, w.hidden + i * width);
}

static void embed(work w, size_t first, size_t count) {
    const pass *p = w.pass;
    const network *n = p->network;
    size_t text = 0;
    for (size_t i = w.start + first; i < w.start + first + count; i++) {
        while (text + 1 < p->texts && (size_t)p->starts[text + 1] <= i) text++;
        const size_t place = i - (size_t)p->starts[text];
        assert((uint32_t)p->ids[i] < n->vocabulary && place < n->positions);
        const int8_t *word = n->words + (size_t)p->ids[i] * n->width;
        const float *position = n->position_embeddings + place * n->width;
        for (size_t c = 0; c < n->width; c += LANES) {
            signed_bytes narrow;
            memcpy(&narrow, word + c, sizeof narrow);
            floats value = __builtin_convertvector(narrow, floats) * n->word_scales[p->ids[i]];
            store(w.own->sum + c, value + load(position + c));
        }
        normalise(w.own->sum, &n->embeddings, n->width, p->hidden + i * n->width);
    }
    quantise_for(&w.layer->qkv, w, w.hidden, first, count);
}

static void gather_firsts(work w, size_t first, size_t count) {
    const pass *p = w.pass;
    const size_t width = p->network->width;
    for (size_t i = first; i < first + count; i++)
        memcpy(w.hidden + i * width, p->hidden + (size_t)p->starts[w.start + i] * width,
               width * sizeof(float));
    quantise_for(&w.layer->qkv, w, w.hidden, first, count);
}

static void keep_queries(pass *p, size_t row, const float *queries) {
    const network *n = p->network;
    for (size_t head = 0; head < n->heads; head++) {
        const size_t at = row * n->heads + head;
        quantise_query(queries + head * n->head_width, n->head_width,
                       p->queries + at * n->head_width, p->query_scales + at);
    }
}

// Where attention finds the projected queries, keys and values.
static void keep(work w, size_t first, size_t count) {
    pass *p = w.pass;
    const network *n = p->network;
    const size_t width = n->head_width, heads_width = n->heads * width, stride = 3 * heads_width;
    const float *rows = w.kept->wide + first * stride;
    if (w.firsts || w.number + 1 < n->layers)
        for (size_t i = 0; i < count; i++)
            keep_queries(p, w.firsts ? (size_t)p->starts[w.start + first + i] : w.start + first + i,
                         rows + i * stride);
    if (w.firsts) return;
    for (size_t head = 0; head < n->heads; head++) {
        const attendable to = of_head(&p->attendable[w.number % 2], head, width);
        const float *keys = rows + heads_width + head * width, *values = keys + heads_width;
        for (size_t i = 0; i < count; i++) {
            const size_t row = w.start + first + i;
            quantise_key(keys + i * stride, width, to.keys + row * width, to.key_scales + row,
                         to.key_offsets + row);
        }
        for (size_t i = 0; i < count; i += 4) {
            const size_t row = w.start + first + i;
            quantise_values(values + i * stride, stride, width, to.values + row * width,
                            to.value_powers + row, to.value_inverses + row);
        }
    }
}

static void attend_rows(work w, size_t first, size_t count) {
    const pass *p = w.pass;
    const size_t width = p->network->heads * p->network->head_width, parity = w.number % 2;
    const size_t start = w.start + first, end = start + count;
    for (size_t text = w.firsts ? start : 0; text < (w.firsts ? end : p->texts); text++) {
        const size_t begin = (size_t)p->starts[text], length = (size_t)p->starts[text + 1] - begin;
        if (w.firsts) {
            attend(p, parity, begin, 1, begin, length, w.own,
                   w.kept->context + (text - w.start) * width);
            continue;
        }
        size_t row = begin > start ? begin : start;
        const size_t last = begin + length < end ? begin + length : end;
        for (; row < last; row += LANES)
            attend(p, parity, row, last - row < LANES ? last - row : LANES, begin, length, w.own,
                   w.kept->context + (row - w.start) * width);
    }
    quantise_for(&w.layer->out, w, w.kept->context, first, count);
}

// The head: the texts' logits from their first rows.
static void classify(work w, size_t first, size_t count) {
    const pass *p = w.pass;
    const network *n = p->network;
    for (size_t i = first; i < first + count; i++) {
        const float *row = w.hidden + i * n->width;
        float *logits = p->logits + (w.start + i) * n->labels;
        for (size_t label = 0; label < n->labels; label++) logits[label] = n->label_bias[label];
        for (size_t o = 0; o < n->width; o++) {
            floats sum = all(0);
            for (size_t c = 0; c < n->width; c += LANES)
                sum += load(row + c) * load(n->head_weight + o * n->width + c);
            float value = total(sum) + n->head_bias[o];
            if (value <= 0) continue;
            for (size_t label = 0; label < n->labels; label++)
                logits[label] += value * n->label_weight[label * n->width + o];
        }
    }
}

// The product of a step, or none where a step is of rows.
static const product *product_of(const layer *l, int step) {
    switch (step) {
        case PROJECT: return &l->qkv;
        case OUT: return &l->out;
        case WIDE: return &l->wide;
        case NARROW: return &l->narrow;
        default: return NULL;
    }
}

// The panels that are needed: in the last layer all rows' keys and values, but first ones' queries.
static void panels_of(work w, int step, size_t *start, size_t *end) {
    const size_t panels = product_of(w.layer, step)->outputs / PANEL;
    const int last = w.number + 1 == w.pass->network->layers;
    *start = step == PROJECT && last && !w.firsts ? panels / 3 : 0;
    *end = step == PROJECT && w.firsts ? panels / 3 : panels;
}

static void run_product(work w, int step, size_t panel, size_t end) {
    const network *n = w.pass->network;
    const product *by = product_of(w.layer, step);
    destination to = {.at = step == PROJECT || step == WIDE ? w.kept->wide : w.kept->sum};
    if (step == OUT || step == NARROW) to.residual = w.hidden;
    if (step == WIDE) to.activation = n->relu ? RELU : GELU;
    multiply(by, integers(w.kept, by), w.rows, panel, end, to);
}

static void run_rows(work w, int step, size_t first, size_t count) {
    switch (step) {
        case ENTER: w.firsts ? gather_firsts(w, first, count) : embed(w, first, count); break;
        case KEEP: keep(w, first, count); break;
        case ATTEND: attend_rows(w, first, count); break;
        case ATTENDED:
            normalise_rows(&w.layer->attended, w, first, count);
            quantise_for(&w.layer->wide, w, w.hidden, first, count);
            break;
        case ACTIVE: quantise_for(&w.layer->narrow, w, w.kept->wide, first, count); break;
        case OUTPUT:
            normalise_rows(&w.layer->output, w, first, count);
            if (!w.firsts) quantise_for(&w.layer[1].qkv, w, w.hidden, first, count);
            break;
        case CLASSIFY: classify(w, first, count); break;
    }
}

// All rows and outputs of the steps from one to another.
static void run_steps(work w, int step, int last) {
    for (; step <= last; step++) {
        size_t panel, end;
        if (product_of(w.layer, step)) {
            panels_of(w, step, &panel, &end);
            run_product(w, step, panel, end);
        } else
            run_rows(w, step, 0, w.rows);
    }
}

INLINE work at_layer(work w, size_t number) {
    w.number = number;
    w.layer = &w.pass->network->layer[number];
    return w;
}
