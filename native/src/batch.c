#include "batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 64 };
#else
enum { RED_ZONE = 0 };
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)0)
#endif

enum { ALIGNMENT = 64 };

// Memory that is handed out in parts. Without a base it only adds up the sizes.
typedef struct {
    char *base;
    size_t used;
} arena;

static void *arena_alloc(arena *a, size_t bytes) {
    char *part = a->base ? a->base + a->used : NULL;
    const size_t padded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + RED_ZONE;
    if (part) ASAN_POISON_MEMORY_REGION(part + bytes, padded - bytes);
    a->used += padded;
    return part;
}

static size_t max(size_t a, size_t b) { return a > b ? a : b; }

static quantised_kv alloc_kv(arena *a, const network *n) {
    const size_t rows = PADDED_ROWS * n->heads, f = sizeof(float);
    return (quantised_kv){
        .keys = arena_alloc(a, rows * n->head_dim),
        .key_scale = arena_alloc(a, rows * f),
        .key_offset = arena_alloc(a, rows * sizeof(int32_t)),
        .values = arena_alloc(a, rows * n->head_dim),
        .value_log2_scale = arena_alloc(a, rows * f),
        .value_inv_scale = arena_alloc(a, rows * f),
    };
}

static scratch alloc_scratch(arena *a, const network *n) {
    const size_t heads_dim = n->heads * n->head_dim, f = sizeof(float);
    const size_t cols = max(n->ffn_dim, max(heads_dim, n->dim)), groups = cols / n->group_size + 1;
    return (scratch){
        .context = arena_alloc(a, MAX_TASK_ROWS * heads_dim * f),
        .sum = arena_alloc(a, MAX_TASK_ROWS * max(heads_dim, n->dim) * f),
        .wide = arena_alloc(a, MAX_TASK_ROWS * max(n->ffn_dim, 3 * heads_dim) * f),
        .x = {
            .data = arena_alloc(a, MAX_TASK_ROWS * cols),
            .scale = arena_alloc(a, MAX_TASK_ROWS * groups * f),
            .offset = arena_alloc(a, MAX_TASK_ROWS * groups * f),
        },
        .attention = {
            .scores = arena_alloc(a, PADDED_ROWS * MAX_LANES * f),
            .weights = arena_alloc(a, PADDED_ROWS / 4 * MAX_LANES * sizeof(int32_t)),
            .queries = arena_alloc(a, n->head_dim / 4 * MAX_LANES * sizeof(int32_t)),
        },
    };
}

// Allocates a batch and all that it points to; without a base, only adds up the sizes.
static batch *alloc_batch(arena *a, const network *n, size_t threads) {
    batch sizes;
    batch *allocated = arena_alloc(a, sizeof(batch)), *b = allocated ? allocated : &sizes;
    b->layout = arena_alloc(a, (n->layers + 1) * sizeof(layout));
    b->offsets = arena_alloc(a, (n->layers + 1) * (MAX_ROWS + 1) * sizeof(int32_t));
    for (int i = 0; i < 2; i++)
        b->hidden[i] = arena_alloc(a, PADDED_ROWS * n->dim * sizeof(float));
    b->selected = arena_alloc(a, MAX_ROWS * sizeof(int32_t));
    b->queries.data = arena_alloc(a, PADDED_ROWS * n->heads * n->head_dim);
    b->queries.scale = arena_alloc(a, PADDED_ROWS * n->heads * sizeof(float));
    for (int i = 0; i < 2; i++) b->kv[i] = alloc_kv(a, n);
    b->scratch = arena_alloc(a, threads * sizeof(scratch));
    for (size_t i = 0; i < threads; i++) {
        const scratch s = alloc_scratch(a, n);
        if (b->scratch) b->scratch[i] = s;
    }
    return allocated;
}

batch *batch_new(const network *n, const kernels *k, size_t threads) {
    assert(n && k && threads && k->max_task_rows <= MAX_TASK_ROWS);
    assert(k->query_block <= MAX_LANES);
    arena sizes = {NULL, 0};
    alloc_batch(&sizes, n, threads);
    void *memory;
    if (posix_memalign(&memory, ALIGNMENT, sizes.used)) return NULL;
    memset(memory, 0, sizes.used);
    batch *b = alloc_batch(&(arena){memory, 0}, n, threads);
    b->network = n, b->kernels = k, b->scratches = threads;
    return b;
}

void batch_free(batch *b) { free(b); }

// The rows of a task, so that the tasks share the rows evenly.
static size_t task_rows_of(const batch *b, size_t rows) {
    const size_t at_once = b->threads * b->kernels->max_task_rows;
    const size_t tasks = b->threads * ((rows + at_once - 1) / at_once);
    const size_t even = (rows + tasks - 1) / tasks;
    const size_t task_rows = (even + TASK_MULTIPLE - 1) / TASK_MULTIPLE * TASK_MULTIPLE;
    assert(rows && task_rows <= MAX_TASK_ROWS);
    return task_rows;
}

// The number of a sequence's tokens that a layer outputs.
static size_t output_tokens(const network *n, size_t layer, size_t tokens) {
    if (layer + 1 == n->layers) return 1;
    const size_t least = tokens < n->min_tokens ? tokens : n->min_tokens;
    return least + ((tokens - least) * n->token_percent[layer] + 99) / 100;
}

// Sets the layouts of the layers, given the offsets of the sequences' tokens.
static void set_layouts(batch *b) {
    const network *n = b->network;
    b->layout[0] = (layout){b->rows, task_rows_of(b, b->rows), b->offsets, b->hidden[0]};
    for (size_t i = 0; i < n->layers; i++) {
        const layout *in = &b->layout[i];
        layout *out = &b->layout[i + 1];
        out->rows = 0;
        out->offsets = b->offsets + (i + 1) * (MAX_ROWS + 1);
        for (size_t s = 0; s < b->sequences; s++) {
            out->offsets[s] = (int32_t)out->rows;
            out->rows += output_tokens(n, i, (size_t)(b->offsets[s + 1] - b->offsets[s]));
        }
        out->offsets[b->sequences] = (int32_t)out->rows;
        out->hidden = is_pruning(b, i) ? b->hidden[in->hidden == b->hidden[0]] : in->hidden;
        // The last layer's and the head's work on a [CLS] row is divided as finely as it can be.
        out->task_rows = i + 1 == n->layers ? TASK_MULTIPLE : task_rows_of(b, out->rows);
        assert(out->rows && out->rows <= in->rows);
    }
}

void batch_fill(batch *b, const int32_t *ids, const int32_t *lengths, size_t sequences,
                float *logits, size_t threads) {
    assert(b && ids && lengths && sequences && logits && threads && threads <= b->scratches);
    b->rows = b->sequences = 0;
    for (; b->sequences < sequences; b->sequences++) {
        const size_t length = (size_t)lengths[b->sequences];
        assert(length && length <= MAX_ROWS);
        if (b->rows + length > MAX_ROWS) break;
        b->offsets[b->sequences] = (int32_t)b->rows;
        b->rows += length;
    }
    b->offsets[b->sequences] = (int32_t)b->rows;
    b->ids = ids, b->logits = logits, b->threads = threads;
    set_layouts(b);
    // No other thread has the batch yet.
    memset(&b->joined, 0, sizeof b->joined);
    memset(b->started, 0, sizeof b->started);
    memset(b->finished, 0, sizeof b->finished);
}
