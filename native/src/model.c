// The library's functions: a model made of a network's tensors, its logits, its end, and forks.
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "batch.h"
#include "distilbert_int8.h"
#include "forward.h"
#include "kernels.h"
#include "threadpool.h"
#include "weights.h"

struct model {
    network network;
    const kernels *kernels;
    threadpool pool;
    pthread_mutex_t lock;  // guards what follows
    pthread_cond_t idle;   // no caller is left
    size_t callers;
    bool closed, freed;
    batch *spare;            // a finished batch, whose memory the next call uses
    model *previous, *next;  // in `models`
};

// Every model of the process, so that a forked child can make each usable.
static model *models;
static pthread_mutex_t models_lock = PTHREAD_MUTEX_INITIALIZER;

// Only the thread that forked goes on in the child: there the models have no workers and no
// callers. All locks are held during the fork, so that what they guard is consistent.
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
        threadpool_after_fork(&m->pool);
        pthread_cond_init(&m->idle, NULL);
        m->callers = 0;
    }
    after_fork_in_parent();
}

static void register_fork_handlers(void) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void add_to_models(model *m) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_fork_handlers);
    pthread_mutex_lock(&models_lock);
    m->next = models;
    if (models) models->previous = m;
    models = m;
    pthread_mutex_unlock(&models_lock);
}

static void remove_from_models(model *m) {
    pthread_mutex_lock(&models_lock);
    if (m->previous) m->previous->next = m->next;
    else models = m->next;
    if (m->next) m->next->previous = m->previous;
    pthread_mutex_unlock(&models_lock);
}

static void run_forward(void *b) { forward(b); }

status model_new(const model_weights *weights, size_t threads, const char *isa, model **result,
                 size_t *invalid_tensor) {
    if (!weights || !weights->dimensions || !weights->tensors || !weights->sizes)
        return STATUS_INVALID_ARGUMENT;
    if (!isa || !result || !invalid_tensor) return STATUS_INVALID_ARGUMENT;
    *invalid_tensor = weights->count;
    if (!threads || threads > MAX_THREADS) return STATUS_INVALID_ARGUMENT;
    const kernels *k = kernels_for(isa);
    if (!k) return STATUS_INVALID_ARGUMENT;

    model *m = calloc(1, sizeof *m);
    if (!m) return STATUS_OUT_OF_MEMORY;
    m->kernels = k;
    status status = network_init(&m->network, weights, invalid_tensor);
    if (status) {
        free(m);
        return status;
    }
    if ((k->sum_weights && !sum_weights(&m->network, k->sum_weights)) ||
        !threadpool_init(&m->pool, run_forward, threads)) {
        network_free(&m->network);
        free(m);
        return STATUS_OUT_OF_MEMORY;
    }
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->idle, NULL);
    add_to_models(m);
    if (!threadpool_start(&m->pool)) {
        model_free(m);
        return STATUS_OUT_OF_THREADS;
    }
    *result = m;
    return STATUS_OK;
}

const char *model_isa(const model *m) { return m ? m->kernels->name : NULL; }

void model_close(model *m) {
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    m->closed = true;
    while (m->callers) pthread_cond_wait(&m->idle, &m->lock);
    if (!m->freed) {
        m->freed = true;
        threadpool_stop(&m->pool);
        batch_free(m->spare);
        network_free(&m->network);
    }
    pthread_mutex_unlock(&m->lock);
}

void model_free(model *m) {
    if (!m) return;
    model_close(m);
    remove_from_models(m);
    threadpool_free(&m->pool);
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->idle);
    free(m);
}

static status check_input(const network *n, const model_input *in) {
    if (!in->sequences) return in->tokens ? STATUS_INVALID_LENGTH : STATUS_OK;
    if (!in->ids || !in->lengths) return STATUS_INVALID_ARGUMENT;
    const size_t max_length = n->max_positions < MAX_ROWS ? n->max_positions : MAX_ROWS;
    size_t sum = 0;
    for (size_t i = 0; i < in->sequences; i++) {
        if (in->lengths[i] < 1 || (size_t)in->lengths[i] > max_length) return STATUS_INVALID_LENGTH;
        sum += (size_t)in->lengths[i];
    }
    if (sum != in->tokens) return STATUS_INVALID_LENGTH;
    bool known = true;
    for (size_t i = 0; i < in->tokens; i++) known &= (uint32_t)in->ids[i] < n->vocab_size;
    return known ? STATUS_OK : STATUS_UNKNOWN_TOKEN;
}

// Registers a caller, so that `model_close` waits for it, and gives it a batch if one is spare;
// `leave` unregisters it.
static status enter(model *m, batch **b) {
    pthread_mutex_lock(&m->lock);
    const bool closed = m->closed;
    if (!closed) {
        m->callers++;
        *b = m->spare;
        m->spare = NULL;
    }
    pthread_mutex_unlock(&m->lock);
    if (closed) return STATUS_CLOSED;
    // Memory is kept from call to call: fresh pages would cost more than the arithmetic on them.
    if (!*b) *b = batch_new(&m->network, m->kernels, m->pool.threads);
    return *b ? STATUS_OK : STATUS_OUT_OF_MEMORY;
}

static void leave(model *m, batch *b) {
    pthread_mutex_lock(&m->lock);
    if (b && !m->spare) {
        m->spare = b;
        b = NULL;
    }
    if (!--m->callers) pthread_cond_broadcast(&m->idle);
    pthread_mutex_unlock(&m->lock);
    batch_free(b);
}

status model_logits(model *m, const model_input *input, float *logits) {
    if (!m || !input || (input->sequences && !logits)) return STATUS_INVALID_ARGUMENT;
    status status = check_input(&m->network, input);
    if (status) return status;
    batch *b = NULL;
    status = enter(m, &b);
    if (status == STATUS_CLOSED) return status;
    if (!status) {
        const size_t threads = threadpool_take(&m->pool), labels = m->network.labels;
        const int32_t *ids = input->ids;
        for (size_t first = 0; first < input->sequences; first += b->sequences, ids += b->rows) {
            batch_fill(b, ids, input->lengths + first, input->sequences - first,
                       logits + first * labels, threads);
            if (threads > 1)
                threadpool_run(&m->pool, b);
            else
                forward(b);
        }
        if (threads > 1) threadpool_release(&m->pool);
    }
    leave(m, b);
    return status;
}
