// The forward pass: a sequence of steps, and how threads share their work.
//
// The threads share a layer's rows: a task takes its rows from their queries, keys and values through
// the layer and on to the next one's. Only attention looks at other rows, so that one barrier per
// layer is enough. A few rows spend their time reading the weights, and the threads share those: they
// go through the steps together, each with a part of the output features.
//
// A layer may output fewer rows than it reads. It computes keys and values of all rows, and
// everything else of the selected ones, which are copied together first. The head reads only the
// first row of each sequence, [CLS], so that the last layer outputs no others. Another layer that
// prunes selects the tokens that receive most attention from a sample of its tokens.
#include "forward.h"

#include <assert.h>
#include <sched.h>
#include <string.h>

// Some rows on their way through a layer.
typedef struct {
    batch *batch;
    const encoder_layer *layer;
    size_t layer_index;
    bool is_selected;       // of a layer that prunes, rows that it outputs; otherwise, that it reads
    size_t start, rows;     // which rows of the layer's output or input
    float *hidden;          // (rows, dim) the layer's input, later its output
    scratch *shared, *own;  // what the steps hand on, and what this thread has for itself
    size_t *stage;          // where all threads are that go through the steps together, or NULL
} slice;

// The steps in order. A gemm is computed by output features, all else by rows.
typedef enum {
    INPUT,  // embeds tokens or copies the rows that a layer outputs
    QKV_GEMM,
    QUANTISE_QKV,
    ATTENTION,
    ATTN_OUT_GEMM,
    ATTN_NORM,
    FFN_UP_GEMM,
    QUANTISE_FFN,
    FFN_DOWN_GEMM,
    FFN_NORM,
    CLASSIFY,
} step;

static slice at_layer(slice s, size_t index) {
    s.is_selected = false;
    s.layer_index = index;
    s.layer = &s.batch->network->layer[index];
    return s;
}

static bool is_last_layer(const slice *s) {
    return s->layer_index + 1 == s->batch->network->layers;
}

static const layout *input_of(const slice *s) { return &s->batch->layout[s->layer_index]; }

// The layout of the slice's rows.
static const layout *layout_of(const slice *s) {
    return &s->batch->layout[s->layer_index + s->is_selected];
}

static range sequence_of(const layout *l, size_t index) {
    return (range){(size_t)l->offsets[index], (size_t)l->offsets[index + 1]};
}

// The gemm input in a scratch, from a row on, as `w` reads it.
static quantised_rows gemm_input(const scratch *s, const linear *w, size_t row) {
    return (quantised_rows){
        .data = s->x.data + row * w->in_features,
        .scale = s->x.scale + row * w->groups,
        .offset = s->x.offset + row * w->groups,
        .cols = w->in_features,
        .groups = w->groups,
    };
}

static void quantise_for(const linear *w, const slice *s, const float *x, range rows) {
    s->batch->kernels->quantise_activations(x + rows.begin * w->in_features, w->smoothing,
                                            rows.end - rows.begin,
                                            gemm_input(s->shared, w, rows.begin));
}

static void layer_norm(const layer_norm_weights *w, const slice *s, range rows) {
    const size_t dim = s->batch->network->dim;
    s->batch->kernels->layer_norm(s->shared->sum + rows.begin * dim, rows.end - rows.begin, dim, w,
                                  s->hidden + rows.begin * dim);
}

static void embed(const slice *s, range rows) {
    const batch *b = s->batch;
    const network *n = b->network;
    const layout *l = layout_of(s);
    size_t sequence = 0;
    for (size_t i = s->start + rows.begin; i < s->start + rows.end; i++) {
        while (sequence_of(l, sequence).end <= i) sequence++;
        const size_t position = i - sequence_of(l, sequence).begin;
        assert((uint32_t)b->ids[i] < n->vocab_size && position < n->max_positions);
        b->kernels->embed(&n->embeddings, b->ids[i], position, n->dim, s->own->sum);
        b->kernels->layer_norm(s->own->sum, 1, n->dim, &n->embeddings.norm,
                               l->hidden + i * n->dim);
    }
    quantise_for(&s->layer->qkv, s, s->hidden, rows);
}

// Copies rows of the layer's input, `selected` (rows,), into the slice.
static void copy_rows(const slice *s, range rows, const int32_t *selected) {
    const size_t dim = s->batch->network->dim;
    const float *input = input_of(s)->hidden;
    for (size_t i = rows.begin; i < rows.end; i++)
        memcpy(s->hidden + i * dim, input + (size_t)selected[i] * dim, dim * sizeof(float));
    quantise_for(&s->layer->qkv, s, s->hidden, rows);
}

static void copy_selected(const slice *s, range rows) {
    // Where a sequence begins is its [CLS] row.
    copy_rows(s, rows,
              (is_last_layer(s) ? input_of(s)->offsets : s->batch->selected) + s->start);
}

static void quantise_qkv(const slice *s, range rows) {
    const batch *b = s->batch;
    const network *n = b->network;
    const size_t heads_dim = n->heads * n->head_dim, stride = 3 * heads_dim;
    const float *qkv = s->shared->wide + rows.begin * stride;
    const size_t count = rows.end - rows.begin, start = s->start + rows.begin;
    if (s->is_selected || !is_pruning(b, s->layer_index))
        for (size_t i = 0; i < count; i++)
            b->kernels->quantise_queries(qkv + i * stride, n->heads, n->head_dim, b->queries,
                                         start + i);
    if (s->is_selected) return;
    const matrix_view keys = {qkv + heads_dim, count, stride};
    const matrix_view values = {qkv + 2 * heads_dim, count, stride};
    b->kernels->quantise_kv(keys, values, n->heads, n->head_dim, b->kv[s->layer_index % 2], start);
}

static attention_inputs attention_inputs_of(const slice *s) {
    const batch *b = s->batch;
    return (attention_inputs){b->queries, b->kv[s->layer_index % 2], b->network->heads,
                              b->network->head_dim};
}

static void attention(const slice *s, range rows) {
    const batch *b = s->batch;
    const kernels *k = b->kernels;
    const attention_inputs in = attention_inputs_of(s);
    const size_t heads_dim = in.heads * in.head_dim;
    const size_t start = s->start + rows.begin, end = s->start + rows.end;
    for (size_t i = 0; i < b->sequences; i++) {
        const range queries = sequence_of(layout_of(s), i), keys = sequence_of(input_of(s), i);
        size_t row = queries.begin > start ? queries.begin : start;
        const size_t last = queries.end < end ? queries.end : end;
        for (; row < last; row += k->query_block) {
            const size_t block_end = last - row < k->query_block ? last : row + k->query_block;
            k->attention(&in, (range){row, block_end}, keys, &s->own->attention,
                         s->shared->context + (row - s->start) * heads_dim);
        }
    }
    quantise_for(&s->layer->attn_out, s, s->shared->context, rows);
}

static void classify(const slice *s, range rows) {
    const network *n = s->batch->network;
    for (size_t i = rows.begin; i < rows.end; i++)
        s->batch->kernels->classify(&n->head, s->hidden + i * n->dim, n->dim, n->labels,
                                    s->batch->logits + (s->start + i) * n->labels);
}

static void run_rows(const slice *s, step step, range rows) {
    switch (step) {
        case INPUT: s->is_selected ? copy_selected(s, rows) : embed(s, rows); break;
        case QUANTISE_QKV: quantise_qkv(s, rows); break;
        case ATTENTION: attention(s, rows); break;
        case ATTN_NORM:
            layer_norm(&s->layer->attn_norm, s, rows);
            quantise_for(&s->layer->ffn_up, s, s->hidden, rows);
            break;
        case QUANTISE_FFN: quantise_for(&s->layer->ffn_down, s, s->shared->wide, rows); break;
        case FFN_NORM:
            layer_norm(&s->layer->ffn_norm, s, rows);
            if (!is_last_layer(s)) quantise_for(&s->layer[1].qkv, s, s->hidden, rows);
            break;
        case CLASSIFY: classify(s, rows); break;
        default: assert(!"a gemm");
    }
}

// The weights of a step that is a gemm, otherwise NULL.
static const linear *weights_of(const encoder_layer *l, step step) {
    switch (step) {
        case QKV_GEMM: return &l->qkv;
        case ATTN_OUT_GEMM: return &l->attn_out;
        case FFN_UP_GEMM: return &l->ffn_up;
        case FFN_DOWN_GEMM: return &l->ffn_down;
        default: return NULL;
    }
}

// The panels of a gemm that the rows need: of the qkv of a layer that prunes, keys and values for
// the rows that it reads and queries for those that it outputs.
static range panels_of(const slice *s, step step) {
    const size_t panels = weights_of(s->layer, step)->out_features / PANEL;
    if (step == QKV_GEMM && s->is_selected) return (range){0, panels / 3};
    if (step == QKV_GEMM && is_pruning(s->batch, s->layer_index))
        return (range){panels / 3, panels};
    return (range){0, panels};
}

static void run_gemm(const slice *s, step step, range panels) {
    const linear *w = weights_of(s->layer, step);
    gemm_output out = {.data = s->shared->sum};
    if (step == QKV_GEMM || step == FFN_UP_GEMM) out.data = s->shared->wide;
    if (step == ATTN_OUT_GEMM || step == FFN_DOWN_GEMM) out.residual = s->hidden;
    if (step == FFN_UP_GEMM)
        out.activation = s->batch->network->relu ? ACTIVATION_RELU : ACTIVATION_GELU;
    s->batch->kernels->gemm(w, gemm_input(s->shared, w, 0), s->rows, panels, out);
}

// Takes the next task of a stage; returns false if there is none left.
static bool start_task(batch *b, size_t stage, size_t tasks, size_t *task) {
    assert(stage < MAX_STAGES);
    return (*task = atomic_fetch_add(&b->started[stage], 1)) < tasks;
}

static void finish_task(batch *b, size_t stage) { atomic_fetch_add(&b->finished[stage], 1); }

static void pause_thread(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");  // which waits longer than `yield` does on most processors
#endif
}

// Waits until all tasks of a stage are finished. It spins for tens of microseconds, which is enough
// unless a thread with a task has lost its processor to another.
static void barrier(batch *b, size_t stage, size_t tasks) {
    enum { SPINS = 1024 };
    for (unsigned spins = 0; atomic_load(&b->finished[stage]) < tasks; spins++) {
        if (spins < SPINS)
            pause_thread();
        else
            sched_yield();
    }
}

// Shares a step among all threads, as a stage whose tasks are some rows or some panels.
static void share_step(const slice *s, step step) {
    batch *b = s->batch;
    range all = {0, s->rows};
    size_t size = layout_of(s)->task_rows;
    const bool is_gemm = weights_of(s->layer, step);
    if (is_gemm) {
        all = panels_of(s, step);
        const size_t at_once = 2 * b->threads * SHORT_PANELS;
        size = (all.end - all.begin + at_once - 1) / at_once * SHORT_PANELS;
    }
    const size_t tasks = (all.end - all.begin + size - 1) / size;
    for (size_t task; start_task(b, *s->stage, tasks, &task); finish_task(b, *s->stage)) {
        range part = {all.begin + task * size, all.begin + (task + 1) * size};
        if (part.end > all.end) part.end = all.end;
        if (is_gemm)
            run_gemm(s, step, part);
        else
            run_rows(s, step, part);
    }
    barrier(b, (*s->stage)++, tasks);
}

// Runs the steps from one to another for all rows of the slice.
static void run_steps(slice s, step first, step last) {
    for (step step = first; step <= last; step++) {
        if (s.stage)
            share_step(&s, step);
        else if (weights_of(s.layer, step))
            run_gemm(&s, step, panels_of(&s, step));
        else
            run_rows(&s, step, (range){0, s.rows});
    }
}

// Selects the `count` rows with the largest scores, of equal ones the first; they stay in their
// order. Scores are not negative.
static void select_rows(const int32_t *scores, range rows, size_t count, int32_t *selected) {
    const size_t n = rows.end - rows.begin;
    assert(count && count <= n);
    // Finds the count-th largest, bit by bit.
    int32_t threshold = 0;
    for (int32_t bit = 1 << 30; bit; bit >>= 1) {
        size_t reached = 0;
        for (size_t i = 0; i < n; i++) reached += scores[i] >= (threshold | bit);
        if (reached >= count) threshold |= bit;
    }
    size_t equal = count;  // how many of those that equal it are selected
    for (size_t i = 0; i < n; i++) equal -= scores[i] > threshold;
    for (size_t i = 0; i < n; i++) {
        if (scores[i] < threshold || (scores[i] == threshold && !equal)) continue;
        equal -= scores[i] == threshold;
        *selected++ = (int32_t)(rows.begin + i);
    }
}

// What is done with some rows of a layout.
typedef void task_fn(slice s);

static void embed_rows(slice s) { run_steps(s, INPUT, QUANTISE_QKV); }

static void run_layer(slice s) {
    run_steps(s, s.is_selected ? INPUT : ATTENTION, FFN_NORM);
    if (is_last_layer(&s))
        run_steps(s, CLASSIFY, CLASSIFY);
    else
        run_steps(at_layer(s, s.layer_index + 1), QKV_GEMM, QUANTISE_QKV);
}

// Selects the rows that a layer outputs of a sequence, the task's only row.
static void select_tokens(slice s) {
    enum { SAMPLED_QUERIES = 32 };
    const batch *b = s.batch;
    const range rows = sequence_of(input_of(&s), s.start);
    const range outputs = sequence_of(&b->layout[s.layer_index + 1], s.start);
    const size_t tokens = rows.end - rows.begin;
    s.is_selected = true;
    s.hidden = s.own->sum;
    s.start = rows.begin;
    s.rows = tokens < SAMPLED_QUERIES ? tokens : SAMPLED_QUERIES;
    int32_t sampled[SAMPLED_QUERIES];
    for (size_t i = 0; i < s.rows; i++)
        sampled[i] = (int32_t)(rows.begin + i * tokens / s.rows);
    copy_rows(&s, (range){0, s.rows}, sampled);
    run_steps(s, QKV_GEMM, QUANTISE_QKV);
    const attention_inputs in = attention_inputs_of(&s);
    int32_t received[MAX_ROWS] = {0};
    b->kernels->attention_received(&in, (range){rows.begin, rows.begin + s.rows}, rows,
                                   &s.own->attention, received);
    for (size_t i = 0; i < tokens; i++) received[i] = received[i] < 0 ? 0 : received[i];
    received[0] = INT32_MAX;  // [CLS]
    select_rows(received, rows, outputs.end - outputs.begin, b->selected + outputs.begin);
}

// Shares a layout's rows among the threads, and waits until all tasks are finished.
static void share_rows(slice s, const layout *l, size_t task_rows, task_fn *run_task,
                       size_t *stage) {
    batch *b = s.batch;
    const size_t tasks = (l->rows + task_rows - 1) / task_rows;
    for (size_t task; start_task(b, *stage, tasks, &task); finish_task(b, *stage)) {
        s.start = task * task_rows;
        s.rows = l->rows - s.start < task_rows ? l->rows - s.start : task_rows;
        s.hidden = l->hidden + s.start * b->network->dim;
        run_task(s);
    }
    barrier(b, (*stage)++, tasks);
}

// Runs a task for all rows of a layout. Where they are few, the threads go through its steps together.
static void share_layout(slice s, const layout *l, task_fn *run_task, size_t *stage) {
    if (s.batch->threads == 1 || l->rows > MAX_SHORT_ROWS) {
        share_rows(s, l, l->task_rows, run_task, stage);
        return;
    }
    s.stage = stage, s.shared = s.batch->scratch;
    s.start = 0, s.rows = l->rows, s.hidden = l->hidden;
    run_task(s);
}

void forward(batch *b) {
    assert(b && b->network && b->kernels && b->ids && b->logits);
    assert(b->sequences && b->sequences <= b->rows && b->rows <= MAX_ROWS);
    const size_t layers = b->network->layers;
    assert(b->layout[0].rows == b->rows && b->layout[layers].rows == b->sequences);
    const size_t thread = atomic_fetch_add(&b->joined, 1);
    assert(thread < b->threads && thread < b->scratches);
    scratch *own = &b->scratch[thread];
    slice s = at_layer((slice){.batch = b, .shared = own, .own = own}, 0);
    size_t stage = 0;
    if (b->kernels->thread_begin) b->kernels->thread_begin();
    share_layout(s, &b->layout[0], embed_rows, &stage);
    for (size_t i = 0; i < layers; i++) {
        s = at_layer(s, i);
        if (is_pruning(b, i) && !is_last_layer(&s))
            share_rows(s, &b->layout[layers], 1, select_tokens, &stage);
        s.is_selected = is_pruning(b, i);
        share_layout(s, &b->layout[i + 1], run_layer, &stage);
    }
    if (b->kernels->thread_end) b->kernels->thread_end();
}
