// The library's functions: a model made of a network's tensors, its logits, its end, and forks.
#define _GNU_SOURCE  // for the processors that a thread may run on
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "instructions.h"
#include "library.h"
#include "network.h"
#include "pool.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 64 };
#else
enum { RED_ZONE = 0 };
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)0)
#endif

enum { WEIGHT_PAIR = 128 };  // the greatest sum of two neighbours of one sign
_Static_assert(sizeof(size_t) == 8, "the product of two dimensions must fit");

struct model {
    network network;
    pool pool;
    const char *instructions;
    size_t task_rows;
    pthread_mutex_t lock;  // guards what follows
    pthread_cond_t idle;   // no caller is left
    size_t callers;
    bool closed, freed;
    pass *spare;           // memory of a finished pass, for the next one
    model *previous, *next;  // in `models`
};

// Every model of the process, so that a forked child can make each usable.
static model *models;
static pthread_mutex_t models_lock = PTHREAD_MUTEX_INITIALIZER;

// Memory that is laid out in parts; without a base, only to learn how much it takes.
typedef struct {
    char *base;
    size_t used;
} arena;

static void *take(arena *from, size_t bytes) {
    char *found = from->base ? from->base + from->used : NULL;
    const size_t whole = (bytes + 63) / 64 * 64 + RED_ZONE;
    if (found) ASAN_POISON_MEMORY_REGION(found + bytes, whole - bytes);
    from->used += whole;
    return found;
}

static void lay_out(arena *from, const network *n, size_t threads, pass *p) {
    const size_t heads = n->heads * n->head_width, widest = heads > n->width ? heads : n->width;
    const size_t wide = n->hidden > 3 * heads ? n->hidden : 3 * heads;
    const size_t entering = n->hidden > widest ? n->hidden : widest;
    const size_t groups = entering / n->group + 1, f = sizeof(float);
    p->hidden = take(from, PADDED * n->width * f);
    p->queries = take(from, PADDED * heads);
    p->query_scales = take(from, PADDED * n->heads * f);
    for (int i = 0; i < 2; i++)
        p->attendable[i] = (attendable){
            .keys = take(from, PADDED * heads),
            .key_scales = take(from, PADDED * n->heads * f),
            .key_offsets = take(from, PADDED * n->heads * sizeof(int32_t)),
            .values = take(from, PADDED * heads),
            .value_powers = take(from, PADDED * n->heads * f),
            .value_inverses = take(from, PADDED * n->heads * f),
        };
    p->scratch = take(from, threads * sizeof(scratch));
    for (size_t i = 0; i < threads; i++) {
        const scratch s = {
            .context = take(from, TASK_ROWS * heads * f),
            .sum = take(from, TASK_ROWS * widest * f),
            .wide = take(from, TASK_ROWS * wide * f),
            .first = take(from, GRANULE * n->width * f),
            .integers = take(from, TASK_ROWS * entering),
            .scale = take(from, TASK_ROWS * groups * f),
            .offset = take(from, TASK_ROWS * groups * f),
            .powers = take(from, PADDED * 16 * f),
            .weights = take(from, PADDED / 4 * 16 * sizeof(int32_t)),
            .queries = take(from, n->head_width / 4 * 16 * sizeof(int32_t)),
        };
        if (p->scratch) p->scratch[i] = s;
    }
}

// Memory is kept from pass to pass: fresh pages would cost more than the arithmetic on them.
static pass *new_pass(const network *n, size_t threads) {
    pass sizes;
    arena from = {NULL, 0};
    take(&from, sizeof(pass));
    lay_out(&from, n, threads, &sizes);
    void *memory;
    if (posix_memalign(&memory, 64, from.used)) return NULL;
    memset(memory, 0, from.used);
    from = (arena){memory, 0};
    pass *made = take(&from, sizeof(pass));
    lay_out(&from, n, threads, made);
    made->network = n, made->scratches = threads;
    return made;
}

// Reads tensors in the order of their use. After the first that is wrong, all are NULL.
typedef struct {
    const void *const *tensors;
    const size_t *sizes;
    size_t read;
    status found;
} reader;

static const void *read_tensor(reader *r, size_t count, size_t size) {
    if (r->found) return NULL;
    const void *tensor = r->tensors[r->read];
    if (!tensor || (uintptr_t)tensor % size || r->sizes[r->read] != count * size)
        r->found = INVALID_TENSOR;
    else
        r->read++;
    return r->found ? NULL : tensor;
}

static const float *read_floats(reader *r, size_t count) {
    const float *values = read_tensor(r, count, sizeof *values);
    int32_t most = 0;  // of the bits but the sign, which order as the sizes do
    for (size_t i = 0; values && i < count; i++) {
        int32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    const int32_t infinity = 0x7f800000;
    if (most >= infinity) r->found = NOT_FINITE, r->read--;
    return values;
}

static const int8_t *read_weight(reader *r, size_t count) {
    const int8_t *values = read_tensor(r, count, sizeof *values);
    int16_t most = 0, least = 0;
    for (size_t i = 0; values && i < count / 2; i++) {
        int16_t pair;
        memcpy(&pair, values + 2 * i, sizeof pair);
        const int16_t one = (int8_t)pair, other = pair >> 8;
        const int16_t above = (one > 0 ? one : 0) + (other > 0 ? other : 0);
        const int16_t below = (one < 0 ? one : 0) + (other < 0 ? other : 0);
        most = above > most ? above : most;
        least = below < least ? below : least;
    }
    if (most > WEIGHT_PAIR || least < -WEIGHT_PAIR) r->found = PAIR_TOO_LARGE, r->read--;
    return values;
}

static product read_product(reader *r, size_t inner, size_t outputs, size_t group) {
    product found = {.inner = inner, .outputs = outputs};
    found.groups = inner % group ? 1 : inner / group;
    found.smoothing = read_floats(r, inner);
    found.weight = read_weight(r, inner * outputs);
    found.scales = read_floats(r, found.groups * outputs);
    found.sums = read_floats(r, found.groups * outputs);
    found.bias = read_floats(r, outputs);
    return found;
}

static norm read_norm(reader *r, size_t width) {
    norm found;
    found.weight = read_floats(r, width);
    found.bias = read_floats(r, width);
    return found;
}

static bool is_width(size_t channels) {
    return channels && channels % PANEL == 0 && channels <= MAX_WIDTH;
}

static bool is_valid_shape(const network *n) {
    return is_width(n->width) && is_width(n->head_width) && is_width(n->hidden) &&
           is_width(n->group) && n->heads && n->heads <= MAX_WIDTH / n->head_width && n->layers &&
           n->layers <= MAX_LAYERS && n->labels && n->labels <= MAX_WIDTH && n->relu <= 1 &&
           n->vocabulary && n->vocabulary <= INT32_MAX && n->positions &&
           n->positions <= INT32_MAX;
}

// `n` has its shape, and a layer for each.
static void read_network(network *n, reader *r) {
    n->words = read_tensor(r, n->vocabulary * n->width, sizeof *n->words);
    n->word_scales = read_floats(r, n->vocabulary);
    n->position_embeddings = read_floats(r, n->positions * n->width);
    n->embeddings = read_norm(r, n->width);
    const size_t heads = n->heads * n->head_width;
    for (size_t i = 0; i < n->layers; i++) {
        layer *l = &n->layer[i];
        l->qkv = read_product(r, n->width, 3 * heads, n->group);
        l->out = read_product(r, heads, n->width, n->group);
        l->attended = read_norm(r, n->width);
        l->wide = read_product(r, n->width, n->hidden, n->group);
        l->narrow = read_product(r, n->hidden, n->width, n->group);
        l->output = read_norm(r, n->width);
    }
    n->head_weight = read_floats(r, n->width * n->width);
    n->head_bias = read_floats(r, n->width);
    n->label_weight = read_floats(r, n->labels * n->width);
    n->label_bias = read_floats(r, n->labels);
}

// A forked child's models have no helpers and no callers, as only the thread that forked goes on in
// it. The locks are taken around the fork, so that what they guard is whole.
static void before_fork(void) {
    pthread_mutex_lock(&models_lock);
    for (model *m = models; m; m = m->next) pthread_mutex_lock(&m->lock);
}

static void after_fork_in_parent(void) {
    for (model *m = models; m; m = m->next) pthread_mutex_unlock(&m->lock);
    pthread_mutex_unlock(&models_lock);
}

static void after_fork_in_child(void) {
    for (model *m = models; m; m = m->next) {
        pool_forget_threads(&m->pool);
        pthread_cond_init(&m->idle, NULL);
        m->callers = 0;
    }
    after_fork_in_parent();
}

static void prepare_for_forks(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void model_close(model *m) {
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    m->closed = true;
    while (m->callers) pthread_cond_wait(&m->idle, &m->lock);
    if (!m->freed) {
        m->freed = true;
        pool_stop(&m->pool);
        free(m->spare);
        free(m->network.layer);
    }
    pthread_mutex_unlock(&m->lock);
}

void model_free(model *m) {
    if (!m) return;
    model_close(m);
    pthread_mutex_lock(&models_lock);
    if (m->previous) m->previous->next = m->next;
    else models = m->next;
    if (m->next) m->next->previous = m->previous;
    pthread_mutex_unlock(&models_lock);
    pool_destroy(&m->pool);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->idle);
    free(m);
}

status model_new(const size_t dimensions[DIMENSIONS], const void *const *tensors,
                 const size_t *sizes, size_t count, size_t threads, const char *wanted,
                 model **made, size_t *wrong) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!dimensions || !tensors || !sizes || !wanted || !made || !wrong) return INVALID_ARGUMENT;
    *wrong = count;
    if (!threads || threads > MAX_THREADS) return INVALID_ARGUMENT;
    const instructions *by = choose_set(wanted);
    if (!by) return INVALID_ARGUMENT;
    const size_t *d = dimensions;
    const network shape = {.width = d[0], .heads = d[1], .head_width = d[2], .hidden = d[3],
                           .layers = d[4], .labels = d[5], .relu = d[6], .group = d[7],
                           .vocabulary = d[8], .positions = d[9]};
    if (!is_valid_shape(&shape)) return INVALID_SHAPE;
    if (count != TENSORS + TENSORS_OF_LAYER * shape.layers) return INVALID_ARGUMENT;

    model *m = calloc(1, sizeof *m);
    if (!m) return NO_MEMORY;
    m->network = shape, m->instructions = by->name, m->task_rows = by->task_rows;
    m->network.layer = calloc(shape.layers, sizeof *m->network.layer);
    reader r = {tensors, sizes, 0, m->network.layer ? DONE : NO_MEMORY};
    if (!r.found) read_network(&m->network, &r);
    if (r.found != NO_MEMORY) *wrong = r.read;
    if (!r.found && !pool_init(&m->pool, by->run, threads)) r.found = NO_MEMORY;
    if (r.found) {
        free(m->network.layer);
        free(m);
        return r.found;
    }
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->idle, NULL);
    pthread_once(&once, prepare_for_forks);
    pthread_mutex_lock(&models_lock);
    m->next = models;
    if (models) models->previous = m;
    models = m;
    pthread_mutex_unlock(&models_lock);
    if (!pool_start(&m->pool)) {
        model_free(m);
        return NO_THREADS;
    }
    *made = m;
    return DONE;
}

const char *model_instructions(const model *m) { return m ? m->instructions : NULL; }

static status check_texts(const network *n, const int32_t *ids, size_t tokens,
                          const int32_t *lengths, size_t texts) {
    if (!texts) return tokens ? INVALID_LENGTH : DONE;
    if (!ids || !lengths) return INVALID_ARGUMENT;
    const size_t longest = n->positions < MAX_ROWS ? n->positions : MAX_ROWS;
    size_t sum = 0;
    for (size_t i = 0; i < texts; i++) {
        if (lengths[i] < 1 || (size_t)lengths[i] > longest) return INVALID_LENGTH;
        sum += (size_t)lengths[i];
    }
    if (sum != tokens) return INVALID_LENGTH;
    bool known = true;
    for (size_t i = 0; i < tokens; i++) known &= (uint32_t)ids[i] < n->vocabulary;
    return known ? DONE : UNKNOWN_TOKEN;
}

// Lays out as many of the texts as fit into one pass, and its tasks for so many threads.
static void fill_pass(pass *p, const int32_t *ids, const int32_t *lengths, size_t texts,
                      float *logits, size_t threads, size_t most_task_rows) {
    p->rows = p->texts = 0;
    for (; p->texts < texts && p->rows + (size_t)lengths[p->texts] <= MAX_ROWS; p->texts++) {
        p->starts[p->texts] = (int32_t)p->rows;
        p->rows += (size_t)lengths[p->texts];
    }
    p->starts[p->texts] = (int32_t)p->rows;
    p->ids = ids, p->logits = logits, p->threads = threads;
    const size_t most = threads * most_task_rows, tasks = threads * ((p->rows + most - 1) / most);
    p->task_rows = ((p->rows + tasks - 1) / tasks + GRANULE - 1) / GRANULE * GRANULE;
    p->is_short = threads > 1 && p->rows <= SHORT_ROWS && p->texts <= GRANULE;
    // No other thread has the pass yet.
    memset(&p->joined, 0, sizeof p->joined);
    memset(p->taken, 0, sizeof p->taken);
    memset(p->done, 0, sizeof p->done);
}

// Takes a pass's memory, unless the model is closed; `leave` gives it back.
static status enter(model *m, pass **p) {
    pthread_mutex_lock(&m->lock);
    const bool closed = m->closed;
    if (!closed) {
        m->callers++;
        *p = m->spare;
        m->spare = NULL;
    }
    pthread_mutex_unlock(&m->lock);
    if (closed) return IS_CLOSED;
    if (!*p) *p = new_pass(&m->network, m->pool.threads);
    return *p ? DONE : NO_MEMORY;
}

static void leave(model *m, pass *p) {
    pthread_mutex_lock(&m->lock);
    if (p && !m->spare) {
        m->spare = p;
        p = NULL;
    }
    if (!--m->callers) pthread_cond_broadcast(&m->idle);
    pthread_mutex_unlock(&m->lock);
    free(p);
}

status model_logits(model *m, const int32_t *ids, size_t tokens, const int32_t *lengths,
                    size_t texts, float *logits) {
    if (!m || (texts && !logits)) return INVALID_ARGUMENT;
    const network *n = &m->network;
    status found = check_texts(n, ids, tokens, lengths, texts);
    if (found) return found;
    pass *p = NULL;
    found = enter(m, &p);
    if (found == IS_CLOSED) return found;
    if (!found) {
        const size_t threads = pool_take(&m->pool);
        for (size_t first = 0; first < texts; first += p->texts) {
            fill_pass(p, ids, lengths + first, texts - first, logits + first * n->labels, threads,
                      m->task_rows);
            if (threads > 1)
                pool_run(&m->pool, p);
            else
                m->pool.run(p);
            ids += p->rows;
        }
        if (threads > 1) pool_release(&m->pool);
    }
    leave(m, p);
    return found;
}
