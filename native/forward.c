// The network's forward pass, compiled once for each instruction set; FORWARD names the function.
//
// A long pass is split into tasks of some rows each. A task takes its rows from their queries, keys
// and values through a layer, and on to the next one's; only attention looks at other rows, so that
// all threads meet once a layer. In a short pass it is reading the weights that takes the time, and
// the threads share that: they go through the steps together, each with its part of the outputs.
#include <assert.h>
#include <sched.h>

#include "layer.h"

enum { MAX_PAUSES = 1024 };  // tens of microseconds

#if defined(__x86_64__)
#define PAUSE __builtin_ia32_pause()
#else
#define PAUSE ((void)0)
#endif

INLINE int next_task(pass *p, size_t stage, size_t tasks, size_t *task) {
    assert(stage < MAX_STAGES);
    return (*task = atomic_fetch_add(&p->taken[stage], 1)) < tasks;
}

INLINE void finish_task(pass *p, size_t stage) { atomic_fetch_add(&p->done[stage], 1); }

// A pause is all it takes, unless a thread with a task has lost its processor to another.
static void meet(pass *p, size_t stage, size_t tasks) {
    for (unsigned pauses = 0; atomic_load(&p->done[stage]) < tasks; pauses++)
        if (pauses < MAX_PAUSES) PAUSE;
        else sched_yield();
}

// A long pass. In the last stage a task is some texts, in the others some rows.
static void run_by_rows(pass *p, scratch *s) {
    const size_t layers = p->network->layers;
    for (size_t stage = 0; stage <= layers; stage++) {
        const int firsts = stage == layers;
        const size_t all_rows = firsts ? p->texts : p->rows, size = firsts ? GRANULE : p->task_rows;
        const size_t tasks = (all_rows + size - 1) / size;
        for (size_t task; next_task(p, stage, tasks, &task); finish_task(p, stage)) {
            const size_t start = task * size;
            const size_t rows = all_rows - start < size ? all_rows - start : size;
            float *hidden = firsts ? s->first : p->hidden + start * p->network->width;
            work w = {p, .firsts = firsts, .start = start, .rows = rows, .hidden = hidden,
                      .kept = s, .own = s};
            w = at_layer(w, stage ? stage - 1 : 0);
            if (firsts) {
                run_steps(w, ENTER, CLASSIFY);
            } else {
                run_steps(w, stage ? ATTEND : ENTER, stage ? OUTPUT : ENTER);
                run_steps(at_layer(w, stage), PROJECT, KEEP);
            }
        }
        meet(p, stage, tasks);
    }
}

// Steps of a short pass, each a stage whose tasks are some rows or some of the outputs.
static void share_steps(work w, int step, int last, size_t *stage) {
    for (; step <= last; step++, (*stage)++) {
        size_t start = 0, end = w.rows, size = GRANULE;
        const int of_rows = !product_of(w.layer, step);
        if (!of_rows) {
            panels_of(w, step, &start, &end);
            const size_t most = 2 * w.pass->threads * SHORT_PANELS;
            size = (end - start + most - 1) / most * SHORT_PANELS;
        }
        const size_t tasks = (end - start + size - 1) / size;
        for (size_t task; next_task(w.pass, *stage, tasks, &task); finish_task(w.pass, *stage)) {
            const size_t first = start + task * size;
            const size_t count = end - first < size ? end - first : size;
            if (of_rows)
                run_rows(w, step, first, count);
            else
                run_product(w, step, first, first + count);
        }
        meet(w.pass, *stage, tasks);
    }
}

static void run_by_outputs(pass *p, scratch *s) {
    const size_t last = p->network->layers - 1;
    size_t stage = 0;
    work w = {p, .rows = p->rows, .hidden = p->hidden, .kept = p->scratch, .own = s};
    share_steps(at_layer(w, 0), ENTER, ENTER, &stage);
    for (size_t number = 0; number < last; number++)
        share_steps(at_layer(w, number), PROJECT, OUTPUT, &stage);
    w = at_layer(w, last);
    share_steps(w, PROJECT, KEEP, &stage);
    w.firsts = 1, w.rows = p->texts, w.hidden = p->scratch->first;
    share_steps(w, ENTER, CLASSIFY, &stage);
}

void FORWARD(pass *p) {
    assert(p->texts && p->texts <= p->rows && p->rows <= MAX_ROWS);
    assert(p->starts[0] == 0 && (size_t)p->starts[p->texts] == p->rows);
    assert(p->is_short || (p->task_rows % GRANULE == 0 && p->task_rows <= TASK_ROWS));
    assert(!p->is_short || (p->rows <= SHORT_ROWS && p->texts <= GRANULE));
    const size_t joined = atomic_fetch_add(&p->joined, 1);
    assert(joined < p->threads && joined < p->scratches);
    scratch *s = &p->scratch[joined];
    take_unit();
    if (p->is_short)
        run_by_outputs(p, s);
    else
        run_by_rows(p, s);
    release_unit();
}
