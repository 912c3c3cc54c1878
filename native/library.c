// What the Python package calls: a network made of its tensors, and logits of texts.
#define _GNU_SOURCE  // for the processors that a thread may run on
#include "network.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// The forward pass for an instruction set, and how its work is best divided.
typedef struct {
    forward_function *run;
    // At most, in one task: with fewer, all weights are read more often; with more, the rows leave
    // the processor's own caches.
    size_t task_rows;
} instructions;

static const instructions PORTABLE = {forward_portable, 64};
#if defined(__x86_64__)
static const instructions AVX2 = {forward_avx2, 64};
static const instructions AVX512 = {forward_avx512, 64};
#endif
#if defined(WITH_AMX)
static const instructions AMX = {forward_amx, TASK_ROWS};
#endif

// Threads that wait for a pass and help with it.
typedef struct {
    pthread_t *helpers;    // (threads - 1,)
#if defined(__linux__)
    cpu_set_t apart;       // where helpers may run
#endif
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pass *pass;            // the one to help with, if any
    uint64_t passes;       // so far
    atomic_size_t helping; // threads that are inside it
    size_t threads;        // the caller's among them
    instructions by;
} pool;

typedef struct {
    network network;
    pool pool;
    pthread_mutex_t busy;  // held by the caller that has the pool; others compute alone
    pass *spare;           // memory of a finished pass, for the next one
    pthread_mutex_t spares;
} model;

static void *help(void *argument) {
    pool *p = argument;
    uint64_t seen = 0;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (!p->pass || p->passes == seen) pthread_cond_wait(&p->wake, &p->lock);
        seen = p->passes;
        pass *todo = p->pass;
        atomic_fetch_add(&p->helping, 1);
        pthread_mutex_unlock(&p->lock);
        p->by.run(todo);
        atomic_fetch_sub(&p->helping, 1);
    }
    return NULL;
}

// Keeps helpers off the processor of the caller, who holds the pool. On a virtual machine Linux
// often wakes a thread on the processor of the one that wakes it, though another is idle: a halted
// one looks as if its host had taken it away. There it waits for milliseconds, as long as a pass.
static void stand_apart(pool *p) {
#if defined(__linux__)
    cpu_set_t allowed;
    const int here = sched_getcpu();
    if (here < 0 || pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed)) return;
    if ((size_t)CPU_COUNT(&allowed) >= p->threads) CPU_CLR(here, &allowed);
    if (CPU_EQUAL(&allowed, &p->apart)) return;
    p->apart = allowed;
    for (size_t i = 0; i + 1 < p->threads; i++)
        pthread_setaffinity_np(p->helpers[i], sizeof allowed, &allowed);
#else
    (void)p;
#endif
}

static void run_together(pool *p, pass *todo) {
    stand_apart(p);
    pthread_mutex_lock(&p->lock);
    p->pass = todo;
    p->passes++;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    p->by.run(todo);
    pthread_mutex_lock(&p->lock);
    p->pass = NULL;
    pthread_mutex_unlock(&p->lock);
    while (atomic_load(&p->helping)) sched_yield();
}

// Memory is kept from pass to pass: fresh pages would cost more than the arithmetic on them.
static void *take(uintptr_t *memory, size_t bytes) {
    const uintptr_t found = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return (void *)found;
}

// Lays a pass out from this address on, or from 0 only to learn how much memory it needs.
static size_t lay_out(const network *n, size_t threads, pass *p, uintptr_t memory) {
    const uintptr_t start = memory;
    const size_t heads = n->heads * n->head_width, widest = heads > n->width ? heads : n->width;
    const size_t wide = n->hidden > 3 * heads ? n->hidden : 3 * heads;
    const size_t entering = n->hidden > widest ? n->hidden : widest;
    const size_t groups = entering / n->group + 1, f = sizeof(float);
    p->hidden = take(&memory, PADDED * n->width * f);
    p->queries = take(&memory, PADDED * heads);
    p->query_scales = take(&memory, PADDED * n->heads * f);
    for (int i = 0; i < 2; i++)
        p->attendable[i] = (attendable){
            .keys = take(&memory, PADDED * heads),
            .key_scales = take(&memory, PADDED * n->heads * f),
            .key_offsets = take(&memory, PADDED * n->heads * sizeof(int32_t)),
            .values = take(&memory, PADDED * heads),
            .value_powers = take(&memory, PADDED * n->heads * f),
            .value_inverses = take(&memory, PADDED * n->heads * f),
        };
    p->scratch = take(&memory, threads * sizeof(scratch));
    for (size_t i = 0; i < threads; i++) {
        scratch s = {
            .context = take(&memory, TASK_ROWS * heads * f),
            .sum = take(&memory, TASK_ROWS * widest * f),
            .wide = take(&memory, TASK_ROWS * wide * f),
            .first = take(&memory, GRANULE * n->width * f),
            .integers = take(&memory, TASK_ROWS * entering),
            .scale = take(&memory, TASK_ROWS * groups * f),
            .offset = take(&memory, TASK_ROWS * groups * f),
            .powers = take(&memory, PADDED * 16 * f),
            .weights = take(&memory, PADDED / 4 * 16 * sizeof(int32_t)),
            .queries = take(&memory, n->head_width / 4 * 16 * sizeof(int32_t)),
        };
        if (start) p->scratch[i] = s;
    }
    return memory - start;
}

static pass *new_pass(const network *n, size_t threads) {
    pass sizes, *found;
    const size_t own = (sizeof(pass) + 63) / 64 * 64;
    const size_t bytes = own + lay_out(n, threads, &sizes, 0);
    if (posix_memalign((void **)&found, 64, bytes)) return NULL;
    memset(found, 0, bytes);
    lay_out(n, threads, found, (uintptr_t)found + own);
    found->network = n;
    return found;
}

#if defined(WITH_AMX)
// Whether this processor has a matrix unit, and Linux lets the process use it: that has to be asked
// for once. Bits of the feature flags, and of the registers that the operating system saves.
static bool has_matrix_unit(unsigned features, unsigned saved) {
    const unsigned tiles = 1u << 24 | 1u << 25, registers = 3u << 17;
    enum { REQUEST = 0x1023, TILE_DATA = 18 };
    if ((features & tiles) != tiles || (saved & registers) != registers) return false;
#if defined(__linux__)
    return !syscall(SYS_arch_prctl, REQUEST, TILE_DATA);
#else
    return false;
#endif
}
#endif

// Asks the processor itself: not every compiler's own way of asking knows VNNI.
static instructions best_instructions(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d, one_c, saved = 0, high;
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27, AVX2_BIT = 1 << 5, VNNI = 1 << 11 };
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
    if (!__get_cpuid(1, &a, &b, &one_c, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return PORTABLE;
    // Which registers the operating system saves: 6 are AVX's, e0 those of AVX-512.
    if (one_c & OSXSAVE) __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if ((saved & 0xe6) == 0xe6 && (b & avx512) == avx512 && c & VNNI) {
#if defined(WITH_AMX)
        if (has_matrix_unit(d, saved)) return AMX;
#endif
        return AVX512;
    }
    if ((saved & 6) == 6 && b & AVX2_BIT && one_c & FMA) return AVX2;
#endif
    return PORTABLE;
}

static product read_product(const void *const **from, size_t inner, size_t outputs,
                            size_t group) {
    const size_t groups = inner % group ? 1 : inner / group;
    const void *const *at = *from;
    *from += 5;
    return (product){inner, outputs, groups, at[0], at[1], at[2], at[3], at[4]};
}

static norm read_norm(const void *const **from) {
    const void *const *at = *from;
    *from += 2;
    return (norm){at[0], at[1]};
}

// Takes `shape` as in `network`, up to `group`, and the tensors in the order of their use, which
// must outlive the model. It lives as long as the process, as its threads do. Returns NULL where
// memory or threads are wanting.
model *model_new(const size_t shape[8], const void *const *tensors, size_t threads,
                 const char *wanted) {
    model *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    network *n = &m->network;
    n->width = shape[0], n->heads = shape[1], n->head_width = shape[2], n->hidden = shape[3];
    n->layers = shape[4], n->labels = shape[5], n->relu = shape[6];
    n->group = shape[7];
    n->layer = calloc(n->layers, sizeof *n->layer);
    if (!n->layer) return NULL;
    n->words = *tensors++, n->word_scales = *tensors++, n->positions = *tensors++;
    n->embeddings = read_norm(&tensors);
    const size_t heads = n->heads * n->head_width;
    for (size_t i = 0; i < n->layers; i++) {
        layer *l = &n->layer[i];
        l->qkv = read_product(&tensors, n->width, 3 * heads, n->group);
        l->out = read_product(&tensors, heads, n->width, n->group);
        l->attended = read_norm(&tensors);
        l->wide = read_product(&tensors, n->width, n->hidden, n->group);
        l->narrow = read_product(&tensors, n->hidden, n->width, n->group);
        l->output = read_norm(&tensors);
    }
    n->head_weight = *tensors++, n->head_bias = *tensors++;
    n->label_weight = *tensors++, n->label_bias = *tensors++;

    pool *p = &m->pool;
    p->threads = threads;
    p->by = best_instructions();
    if (!strcmp(wanted, "portable")) p->by = PORTABLE;
#if defined(__x86_64__)
    const bool vectors = p->by.run != forward_portable && p->by.run != forward_avx2;
    if (!strcmp(wanted, "avx512") && vectors) p->by = AVX512;
    if (!strcmp(wanted, "avx2") && p->by.run != forward_portable) p->by = AVX2;
#endif
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_mutex_init(&m->busy, NULL);
    pthread_mutex_init(&m->spares, NULL);
    p->helpers = calloc(threads, sizeof *p->helpers);
    if (!p->helpers) return NULL;
    for (size_t i = 0; i + 1 < threads; i++) {
        if (pthread_create(&p->helpers[i], NULL, help, p)) return NULL;
        pthread_detach(p->helpers[i]);
    }
    return m;
}

// Writes (texts, labels) logits of texts that lie one after the other in `ids`. Returns 0, or -1
// where memory is wanting. Callers may come from several threads at once.
int model_logits(model *m, const int32_t *ids, const int32_t *lengths, size_t texts,
                 float *logits) {
    pthread_mutex_lock(&m->spares);
    pass *p = m->spare;
    m->spare = NULL;
    pthread_mutex_unlock(&m->spares);
    if (!p) p = new_pass(&m->network, m->pool.threads);
    if (!p) return -1;
    const bool pooled = m->pool.threads > 1 && !pthread_mutex_trylock(&m->busy);
    const size_t threads = pooled ? m->pool.threads : 1;
    const instructions by = m->pool.by;
    int32_t starts[MAX_ROWS + 1] = {0};
    for (size_t first = 0; first < texts; first += p->texts) {
        p->rows = p->texts = 0;
        for (size_t i = first; i < texts && p->rows + (size_t)lengths[i] <= MAX_ROWS; i++) {
            p->rows += (size_t)lengths[i];
            p->texts++;
            starts[p->texts] = (int32_t)p->rows;
        }
        p->ids = ids, p->starts = starts, p->logits = logits + first * m->network.labels;
        const size_t most = threads * by.task_rows, tasks = threads * ((p->rows + most - 1) / most);
        p->task_rows = ((p->rows + tasks - 1) / tasks + GRANULE - 1) / GRANULE * GRANULE;
        p->threads = threads;
        p->is_short = threads > 1 && p->rows <= SHORT_ROWS && p->texts <= GRANULE;
        // No other thread has the pass yet.
        memset(&p->joined, 0, sizeof p->joined);
        memset(p->taken, 0, sizeof p->taken);
        memset(p->done, 0, sizeof p->done);
        if (threads > 1)
            run_together(&m->pool, p);
        else
            by.run(p);
        ids += p->rows;
    }
    if (pooled) pthread_mutex_unlock(&m->busy);
    pthread_mutex_lock(&m->spares);
    pass *spare = m->spare;
    m->spare = p;
    pthread_mutex_unlock(&m->spares);
    free(spare);
    return 0;
}
