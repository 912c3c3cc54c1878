// The network's forward pass, compiled once for each instruction set; FORWARD names the function.
//
// A pass is split into tasks of some rows each. A task takes its rows through a whole layer and on
// to the next layer's queries, keys and values; only attention looks at other rows, so that all
// threads meet once a layer.
#include <math.h>
#include <sched.h>
#include <string.h>

#include "attention.h"
#include "network.h"
#include "product.h"
#include "vectors.h"

enum { MAX_PAUSES = 1024 };  // tens of microseconds

#if defined(__x86_64__)
#define PAUSE __builtin_ia32_pause()
#else
#define PAUSE ((void)0)
#endif

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

// From the attended context to the layer's output; `hidden` holds the layer's input, then that.
static void finish_layer(const network *n, const layer *l, scratch *s, float *hidden, size_t rows) {
    quantised from = integers(s, &l->out);
    quantise(s->context, l->out.smoothing, rows, from);
    destination to = plain(s->sum, n->width);
    to.residual = hidden;
    multiply(&l->out, from, rows, 0, l->out.outputs / PANEL, to);
    for (size_t i = 0; i < rows; i++)
        normalise(s->sum + i * n->width, &l->attended, n->width, hidden + i * n->width);

    from = integers(s, &l->wide);
    quantise(hidden, l->wide.smoothing, rows, from);
    to = plain(s->wide, n->hidden);
    to.activation = n->relu ? RELU : GELU;
    multiply(&l->wide, from, rows, 0, l->wide.outputs / PANEL, to);

    from = integers(s, &l->narrow);
    quantise(s->wide, l->narrow.smoothing, rows, from);
    to = plain(s->sum, n->width);
    to.residual = hidden;
    multiply(&l->narrow, from, rows, 0, l->narrow.outputs / PANEL, to);
    for (size_t i = 0; i < rows; i++)
        normalise(s->sum + i * n->width, &l->output, n->width, hidden + i * n->width);
}

static void keep_queries(pass *p, size_t row, const float *queries) {
    const network *n = p->network;
    for (size_t head = 0; head < n->heads; head++) {
        const size_t at = row * n->heads + head;
        quantise_query(queries + head * n->head_width, n->head_width,
                       p->queries + at * n->head_width, p->query_scales + at);
    }
}

// Queries, keys and values of a layer from its input; of the last layer only the first token's
// query is needed, which finish_pass asks for itself.
static void project(pass *p, size_t number, scratch *s, size_t start, size_t rows) {
    const network *n = p->network;
    const product *qkv = &n->layer[number].qkv;
    const size_t width = n->head_width, heads_width = n->heads * width, stride = 3 * heads_width;
    const int asks = number + 1 < n->layers;
    quantised from = integers(s, qkv);
    quantise(p->hidden + start * n->width, qkv->smoothing, rows, from);
    const size_t panels = qkv->outputs / PANEL;
    multiply(qkv, from, rows, asks ? 0 : panels / 3, panels, plain(s->wide, stride));
    if (asks)
        for (size_t i = 0; i < rows; i++) keep_queries(p, start + i, s->wide + i * stride);
    for (size_t head = 0; head < n->heads; head++) {
        const attendable to = of_head(&p->attendable[number % 2], head, width);
        const float *keys = s->wide + heads_width + head * width, *values = keys + heads_width;
        for (size_t i = 0; i < rows; i++) {
            const size_t row = start + i;
            quantise_key(keys + i * stride, width, to.keys + row * width, to.key_scales + row,
                         to.key_offsets + row);
        }
        for (size_t i = 0; i < rows; i += 4) {
            const size_t row = start + i;
            quantise_values(values + i * stride, stride, width, to.values + row * width,
                            to.value_powers + row, to.value_inverses + row);
        }
    }
}

static void embed(pass *p, scratch *s, size_t start, size_t rows) {
    const network *n = p->network;
    size_t text = 0;
    for (size_t i = start; i < start + rows; i++) {
        while (text + 1 < p->texts && (size_t)p->starts[text + 1] <= i) text++;
        const int8_t *word = n->words + (size_t)p->ids[i] * n->width;
        const float *position = n->positions + (i - (size_t)p->starts[text]) * n->width;
        for (size_t c = 0; c < n->width; c += LANES) {
            signed_bytes narrow;
            memcpy(&narrow, word + c, sizeof narrow);
            floats value = __builtin_convertvector(narrow, floats) * n->word_scales[p->ids[i]];
            store(s->sum + c, value + load(position + c));
        }
        normalise(s->sum, &n->embeddings, n->width, p->hidden + i * n->width);
    }
}

// One layer for some rows, whose queries all threads have finished, up to the next layer's.
static void run_layer(pass *p, size_t number, scratch *s, size_t start, size_t rows) {
    const network *n = p->network;
    for (size_t text = 0; text < p->texts; text++) {
        size_t first = (size_t)p->starts[text], last = (size_t)p->starts[text + 1];
        size_t from = first > start ? first : start;
        size_t end = last < start + rows ? last : start + rows;
        for (; from < end; from += LANES) {
            size_t count = end - from < LANES ? end - from : LANES;
            attend(p, number % 2, from, count, first, last - first, s,
                   s->context + (from - start) * n->heads * n->head_width);
        }
    }
    finish_layer(n, &n->layer[number], s, p->hidden + start * n->width, rows);
    project(p, number + 1, s, start, rows);
}

// The last layer for the texts' first tokens alone, and the head.
static void finish_pass(pass *p, scratch *s, size_t start, size_t texts) {
    const network *n = p->network;
    const layer *l = &n->layer[n->layers - 1];
    const size_t heads_width = n->heads * n->head_width;
    quantised from = integers(s, &l->qkv);
    float *hidden = s->first;
    for (size_t i = 0; i < texts; i++) {
        const float *row = p->hidden + (size_t)p->starts[start + i] * n->width;
        memcpy(hidden + i * n->width, row, n->width * sizeof *row);
    }
    quantise(hidden, l->qkv.smoothing, texts, from);
    multiply(&l->qkv, from, texts, 0, heads_width / PANEL, plain(s->sum, heads_width));
    for (size_t i = 0; i < texts; i++) {
        size_t first = (size_t)p->starts[start + i], last = (size_t)p->starts[start + i + 1];
        keep_queries(p, first, s->sum + i * heads_width);
        attend(p, (n->layers - 1) % 2, first, 1, first, last - first, s,
               s->context + i * heads_width);
    }
    finish_layer(n, l, s, hidden, texts);
    for (size_t i = 0; i < texts; i++) {
        const float *row = hidden + i * n->width;
        for (size_t label = 0; label < n->labels; label++)
            p->logits[(start + i) * n->labels + label] = n->label_bias[label];
        for (size_t o = 0; o < n->width; o++) {
            floats sum = all(0);
            for (size_t c = 0; c < n->width; c += LANES)
                sum += load(row + c) * load(n->head_weight + o * n->width + c);
            float value = total(sum) + n->head_bias[o];
            if (value <= 0) continue;
            for (size_t label = 0; label < n->labels; label++)
                p->logits[(start + i) * n->labels + label] +=
                    value * n->label_weight[label * n->width + o];
        }
    }
}

void FORWARD(pass *p) {
    take_unit();
    scratch *s = &p->scratch[atomic_fetch_add(&p->joined, 1)];
    const size_t layers = p->network->layers;
    for (size_t stage = 0; stage <= layers; stage++) {
        // In the last stage a task is some texts, in the others some rows.
        const size_t all_work = stage == layers ? p->texts : p->rows;
        const size_t size = stage == layers ? GRANULE : p->task_rows;
        const size_t tasks = (all_work + size - 1) / size;
        for (size_t task; (task = atomic_fetch_add(&p->taken[stage], 1)) < tasks;) {
            const size_t start = task * size;
            const size_t count = all_work - start < size ? all_work - start : size;
            if (stage == layers)
                finish_pass(p, s, start, count);
            else if (stage > 0)
                run_layer(p, stage - 1, s, start, count);
            else {
                embed(p, s, start, count);
                project(p, 0, s, start, count);
            }
            atomic_fetch_add(&p->done[stage], 1);
        }
        // A pause is all it takes, unless a thread with a task has lost its processor to another.
        for (unsigned pauses = 0; atomic_load(&p->done[stage]) < tasks; pauses++)
            if (pauses < MAX_PAUSES) PAUSE;
            else sched_yield();
    }
    release_unit();
}
