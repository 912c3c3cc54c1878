// Makes small random networks and calls the library in every way that it allows. All logits must
// equal those of one thread to the bit.
//
// Usage: fuzz_calls ISA NETWORKS SEED. Prints the number of calls, or "skipped" if the processor
// lacks the instruction set.
#define _GNU_SOURCE
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../src/distilbert_int8.h"

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

// ASan's allocator cannot be forked while another thread allocates, and TSan allows no threads in a
// forked child.
#if defined(__SANITIZE_THREAD__)
static const bool FORKS_IDLE = false, FORKS_COMPUTING = false;
#elif defined(__SANITIZE_ADDRESS__)
static const bool FORKS_IDLE = true, FORKS_COMPUTING = false;
#else
static const bool FORKS_IDLE = true, FORKS_COMPUTING = true;
#endif

enum {
    MAX_LENGTH = 512,
    MAX_SEQUENCES = 12,
    MAX_LAYERS = 4,
    MAX_LABELS = 3,
    MAX_TENSORS = TENSORS + MAX_LAYERS * LAYER_TENSORS,
    CALLERS = 3,
};
enum { LABELS = 5, RELU = 6, VOCAB_SIZE = 8, MAX_POSITIONS = 9 };  // of the dimensions

static uint64_t state;
static atomic_ulong calls;

// xorshift64* (Vigna 2016, arXiv:1402.6246), to 32 bits.
static uint32_t next_random(void) {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (uint32_t)(state * 0x2545f4914f6cdd1d >> 32);
}

static size_t from_to(size_t min, size_t max) { return min + next_random() % (max - min + 1); }

// A network's file. Each tensor has an allocation of its own, so that ASan notices any byte read
// beyond it.
typedef struct {
    size_t dimensions[DIMENSIONS], count, sizes[MAX_TENSORS];
    size_t token_pruning[MAX_LAYERS];
    bool prunes;
    void *tensors[MAX_TENSORS];
} file;

static void add_floats(file *f, size_t count, float min, float max) {
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = min + (max - min) * ((float)next_random() / 4294967296.f);
    f->tensors[f->count] = values, f->sizes[f->count++] = count * sizeof *values;
}

static void add_bytes(file *f, size_t count, int max) {
    int8_t *values = malloc(count);
    for (size_t i = 0; i < count; i++)
        values[i] = (int8_t)(next_random() % (2 * (unsigned)max + 1)) - (int8_t)max;
    f->tensors[f->count] = values, f->sizes[f->count++] = count;
}

static void add_linear(file *f, size_t in_features, size_t out_features, size_t group_size) {
    const size_t groups = in_features % group_size ? 1 : in_features / group_size;
    add_floats(f, in_features, 0.5f, 2);
    add_bytes(f, in_features * out_features, 64);
    add_floats(f, groups * out_features, 1e-4f, 3e-3f);
    add_floats(f, groups * out_features, -1, 1);
    add_floats(f, out_features, -1, 1);
}

static void add_layer_norm(file *f, size_t dim) {
    add_floats(f, dim, 0.5f, 2);
    add_floats(f, dim, -1, 1);
}

static file make_file(void) {
    const size_t dim = 16 * from_to(1, 6), head_dim = 16 * from_to(1, 5), heads = from_to(1, 3);
    const size_t ffn_dim = 16 * from_to(1, 8), layers = from_to(1, MAX_LAYERS);
    const size_t labels = from_to(1, MAX_LABELS), group_size = 16 * from_to(1, 5);
    const size_t vocab_size = from_to(1, 40);
    const size_t max_positions = from_to(0, 1) ? MAX_LENGTH : from_to(1, 600);
    file f = {.dimensions = {dim, heads, head_dim, ffn_dim, layers, labels, from_to(0, 1),
                             group_size, vocab_size, max_positions}};
    f.prunes = from_to(0, 1);
    f.token_pruning[0] = from_to(1, 40);
    for (size_t i = 1; i < layers; i++)
        f.token_pruning[i] = from_to(1, i == 1 ? 100 : f.token_pruning[i - 1]);
    add_bytes(&f, vocab_size * dim, 127);
    add_floats(&f, vocab_size, 1e-3f, 1e-1f);
    add_floats(&f, max_positions * dim, -1, 1);
    add_layer_norm(&f, dim);
    for (size_t i = 0; i < layers; i++) {
        add_linear(&f, dim, 3 * heads * head_dim, group_size);
        add_linear(&f, heads * head_dim, dim, group_size);
        add_layer_norm(&f, dim);
        add_linear(&f, dim, ffn_dim, group_size);
        add_linear(&f, ffn_dim, dim, group_size);
        add_layer_norm(&f, dim);
    }
    add_floats(&f, dim * dim, -1, 1);
    add_floats(&f, dim, -1, 1);
    add_floats(&f, labels * dim, -1, 1);
    add_floats(&f, labels, -1, 1);
    return f;
}

static void free_file(file *f) {
    for (size_t i = 0; i < f->count; i++) free(f->tensors[i]);
}

static status open_model(const file *f, size_t threads, const char *isa, model **m) {
    const model_weights weights = {f->dimensions, (const void *const *)f->tensors, f->sizes,
                                   f->count, f->prunes ? f->token_pruning : NULL};
    size_t invalid_tensor;
    return model_new(&weights, threads, isa, m, &invalid_tensor);
}

// Sequences, whose ids again have an allocation of their own, and the logits that one thread gives.
typedef struct {
    int32_t *ids, lengths[MAX_SEQUENCES];
    size_t tokens, sequences, labels;
    float expected[MAX_SEQUENCES * MAX_LABELS];
} request;

static status compute(model *m, const request *r, float *logits) {
    const model_input input = {r->ids, r->tokens, r->lengths, r->sequences};
    atomic_fetch_add(&calls, 1);
    return model_logits(m, &input, logits);
}

static request make_request(const file *f) {
    static const size_t edges[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127,
                                   128, 129, 255, 256, 257, 383, 384, 385, 511, 512};
    const size_t positions = f->dimensions[MAX_POSITIONS];
    const size_t max_length = positions < MAX_LENGTH ? positions : MAX_LENGTH;
    request r = {.sequences = from_to(0, 3) ? from_to(1, 2) : from_to(1, MAX_SEQUENCES),
                 .labels = f->dimensions[LABELS]};
    for (size_t i = 0; i < r.sequences; i++) {
        size_t length = edges[from_to(0, sizeof edges / sizeof *edges - 1)];
        if (r.sequences > 4) length = from_to(1, 20);
        // Two sequences that fill a batch to its last row.
        if (i == 1 && from_to(0, 1)) length = MAX_LENGTH - (size_t)r.lengths[0];
        length = length && length < max_length ? length : max_length;
        r.lengths[i] = (int32_t)length;
        r.tokens += length;
    }
    r.ids = malloc(r.tokens * sizeof *r.ids);
    const size_t last_token = f->dimensions[VOCAB_SIZE] - 1;
    for (size_t i = 0; i < r.tokens; i++) r.ids[i] = (int32_t)from_to(0, last_token);
    return r;
}

static bool gives_expected(model *m, const request *r) {
    const size_t bytes = r->sequences * r->labels * sizeof(float);
    float *logits = malloc(bytes);
    const bool same = compute(m, r, logits) == STATUS_OK && !memcmp(logits, r->expected, bytes);
    free(logits);
    return same;
}

typedef struct {
    model *model;
    const request *requests;
    size_t count;
} caller;

static void *call(void *argument) {
    const caller *c = argument;
    for (size_t i = 0; i < c->count; i++) CHECK(gives_expected(c->model, &c->requests[i]));
    return NULL;
}

static void *call_until_closed(void *argument) {
    const caller *c = argument;
    float logits[MAX_SEQUENCES * MAX_LABELS];
    for (status status = STATUS_OK; status != STATUS_CLOSED;) {
        status = compute(c->model, c->requests, logits);
        CHECK(status == STATUS_OK || status == STATUS_CLOSED);
    }
    return NULL;
}

// Computes in a forked child, whose own children compute too.
static void compute_in_child(model *m, const request *requests, size_t count, int generations) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        alarm(60);  // fails instead of hanging
        if (generations > 1) compute_in_child(m, requests, 1, generations - 1);
        for (size_t i = 0; i < count; i++) CHECK(gives_expected(m, &requests[i]));
        model_free(m);
        _exit(0);
    }
    int ended;
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended) && !WEXITSTATUS(ended));
}

static void refuse_requests(model *m, const file *f, const request *r) {
    float logits[MAX_SEQUENCES * MAX_LABELS];
    static const int32_t lengths[] = {0, -1, INT32_MIN, 513, INT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        request bad = *r;
        bad.lengths[from_to(0, r->sequences - 1)] = lengths[i];
        CHECK(compute(m, &bad, logits) == STATUS_INVALID_LENGTH);
    }
    if (f->dimensions[MAX_POSITIONS] < MAX_LENGTH) {
        request bad = *r;
        bad.lengths[0] = (int32_t)f->dimensions[MAX_POSITIONS] + 1;
        CHECK(compute(m, &bad, logits) == STATUS_INVALID_LENGTH);
    }
    for (size_t tokens = r->tokens - 1; tokens <= r->tokens + 1; tokens += 2) {
        request bad = *r;
        bad.tokens = tokens;
        CHECK(compute(m, &bad, logits) == STATUS_INVALID_LENGTH);
    }
    const int32_t unknown[] = {-1, INT32_MIN, INT32_MAX, (int32_t)f->dimensions[VOCAB_SIZE]};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const size_t at = from_to(0, r->tokens - 1);
        const int32_t before = r->ids[at];
        r->ids[at] = unknown[i];
        CHECK(compute(m, r, logits) == STATUS_UNKNOWN_TOKEN);
        r->ids[at] = before;
    }
    const model_input input = {r->ids, r->tokens, r->lengths, r->sequences};
    CHECK(model_logits(NULL, &input, logits) == STATUS_INVALID_ARGUMENT);
    CHECK(model_logits(m, NULL, logits) == STATUS_INVALID_ARGUMENT);
    CHECK(model_logits(m, &input, NULL) == STATUS_INVALID_ARGUMENT);
    model_input bad = input;
    bad.ids = NULL;
    CHECK(model_logits(m, &bad, logits) == STATUS_INVALID_ARGUMENT);
    bad = input;
    bad.lengths = NULL;
    CHECK(model_logits(m, &bad, logits) == STATUS_INVALID_ARGUMENT);
    CHECK(model_logits(m, &(model_input){0}, NULL) == STATUS_OK);
    CHECK(model_logits(m, &(model_input){.tokens = 1}, NULL) == STATUS_INVALID_LENGTH);
}

static void refuse_files(const file *f, const char *isa) {
    static const size_t values[] = {0, 1, 15, 24, 63, 65536 + 16, SIZE_MAX, SIZE_MAX - 15,
                                    (size_t)1 << 63, (size_t)1 << 32};
    model *m = NULL;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        file bad = *f;
        const size_t at = from_to(0, DIMENSIONS - 1);
        bad.dimensions[at] = values[i];
        // GELU and ReLU have the same tensors.
        const status status = open_model(&bad, 1, isa, &m);
        if (status == STATUS_OK) model_free(m);
        CHECK(status != STATUS_OK || at == RELU || values[i] == f->dimensions[at]);
    }
    const size_t at = from_to(0, f->count - 1);
    file bad = *f;
    bad.tensors[at] = NULL;
    CHECK(open_model(&bad, 1, isa, &m) == STATUS_INVALID_TENSOR);
    bad = *f;
    bad.sizes[at]--;
    CHECK(open_model(&bad, 1, isa, &m) == STATUS_INVALID_TENSOR);
    bad = *f;
    bad.count--;
    CHECK(open_model(&bad, 1, isa, &m) == STATUS_INVALID_ARGUMENT);
    bad = *f;
    bad.tensors[1] = (char *)f->tensors[1] + 1;
    CHECK(open_model(&bad, 1, isa, &m) == STATUS_INVALID_TENSOR);
    float *bias = f->tensors[f->count - 1], before = *bias;
    *bias = from_to(0, 1) ? NAN : -INFINITY;
    CHECK(open_model(f, 1, isa, &m) == STATUS_NOT_FINITE);
    *bias = before;
    int8_t *weight = f->tensors[6], first = weight[0], second = weight[1];
    weight[0] = weight[1] = from_to(0, 1) ? 65 : -65;
    CHECK(open_model(f, 1, isa, &m) == STATUS_PAIR_TOO_LARGE);
    weight[0] = first, weight[1] = second;
    CHECK(open_model(f, 0, isa, &m) == STATUS_INVALID_ARGUMENT);
    CHECK(open_model(f, 1025, isa, &m) == STATUS_INVALID_ARGUMENT);
    CHECK(open_model(f, SIZE_MAX, isa, &m) == STATUS_INVALID_ARGUMENT);
    CHECK(open_model(f, 1, "mmx", &m) == STATUS_INVALID_ARGUMENT);
    CHECK(open_model(f, 1, isa, NULL) == STATUS_INVALID_ARGUMENT);
}

static void try_network(const char *isa) {
    enum { REQUESTS = 6 };
    file f = make_file();
    refuse_files(&f, isa);
    model *alone = NULL;
    CHECK(open_model(&f, 1, isa, &alone) == STATUS_OK);
    request requests[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        requests[i] = make_request(&f);
        CHECK(compute(alone, &requests[i], requests[i].expected) == STATUS_OK);
    }
    refuse_requests(alone, &f, requests);
    model_close(alone);
    CHECK(compute(alone, requests, requests[0].expected) == STATUS_CLOSED);
    model_close(alone);
    model_free(alone);
    static const size_t threads[] = {1, 2, 3, 5};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        model *m = NULL;
        CHECK(open_model(&f, threads[i], isa, &m) == STATUS_OK);
        caller all = {m, requests, REQUESTS};
        call(&all);
        pthread_t callers[CALLERS];
        if (FORKS_IDLE) compute_in_child(m, requests, 2, 2);
        for (size_t c = 0; c < CALLERS; c++) CHECK(!pthread_create(&callers[c], NULL, call, &all));
        if (FORKS_COMPUTING) compute_in_child(m, requests, 2, 2);
        for (size_t c = 0; c < CALLERS; c++) pthread_join(callers[c], NULL);
        for (size_t c = 0; c < CALLERS; c++)
            CHECK(!pthread_create(&callers[c], NULL, call_until_closed, &all));
        model_close(m);
        for (size_t c = 0; c < CALLERS; c++) pthread_join(callers[c], NULL);
        model_free(m);
    }
    for (size_t i = 0; i < REQUESTS; i++) free(requests[i].ids);
    free_file(&f);
}

// Whether the processor has the instruction set.
static bool has_isa(const char *isa) {
    file f = make_file();
    model *m = NULL;
    CHECK(open_model(&f, 1, strcmp(isa, "amx") ? isa : "best", &m) == STATUS_OK);
    const bool available = !strcmp(model_isa(m), isa);
    model_free(m);
    free_file(&f);
    return available;
}

int main(int count, char **arguments) {
    CHECK(count == 4);
    const char *isa = arguments[1];
    state = strtoull(arguments[3], NULL, 10) * 2 + 1;
    if (!has_isa(isa)) {
        puts("skipped");
        return 0;
    }
    if (!strcmp(isa, "amx")) isa = "best";
    for (long i = strtol(arguments[2], NULL, 10); i > 0; i--) try_network(isa);
    printf("%lu\n", atomic_load(&calls));
}
