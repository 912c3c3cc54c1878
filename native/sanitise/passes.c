// Makes small random networks and computes with them in every way that the library allows, each
// result compared to the bit with that of one thread. Usage: passes INSTRUCTIONS NETWORKS SEED.
// Prints how many calls it made, or "skipped" where the processor lacks the instruction set.
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

#include "../library.h"

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

enum { LONGEST = 512, MOST_TEXTS = 12, CALLERS = 3, MOST_TENSORS = TENSORS + 4 * TENSORS_OF_LAYER };

static uint64_t state;
static atomic_ulong calls;

// xorshift64* (Vigna 2016, arXiv:1402.6246), to 32 bits.
static uint32_t next_random(void) {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (uint32_t)(state * 0x2545f4914f6cdd1d >> 32);
}

static size_t from_to(size_t least, size_t most) { return least + next_random() % (most - least + 1); }

// A network's file in parts, each in memory of its own size, so that any byte beyond it is noticed.
typedef struct {
    size_t dimensions[DIMENSIONS], count, sizes[MOST_TENSORS];
    void *tensors[MOST_TENSORS];
} file;

static void add_floats(file *f, size_t count, float least, float most) {
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = least + (most - least) * ((float)next_random() / 4294967296.f);
    f->tensors[f->count] = values, f->sizes[f->count++] = count * sizeof *values;
}

static void add_bytes(file *f, size_t count, int reach) {
    int8_t *values = malloc(count);
    for (size_t i = 0; i < count; i++)
        values[i] = (int8_t)(next_random() % (2 * (unsigned)reach + 1)) - (int8_t)reach;
    f->tensors[f->count] = values, f->sizes[f->count++] = count;
}

static void add_product(file *f, size_t inner, size_t outputs, size_t group) {
    const size_t groups = inner % group ? 1 : inner / group;
    add_floats(f, inner, 0.5f, 2);
    add_bytes(f, inner * outputs, 64);
    add_floats(f, groups * outputs, 1e-4f, 3e-3f);
    add_floats(f, groups * outputs, -1, 1);
    add_floats(f, outputs, -1, 1);
}

static void add_norm(file *f, size_t width) {
    add_floats(f, width, 0.5f, 2);
    add_floats(f, width, -1, 1);
}

static file make_file(void) {
    const size_t width = 16 * from_to(1, 6), head_width = 16 * from_to(1, 5), heads = from_to(1, 3);
    const size_t hidden = 16 * from_to(1, 8), layers = from_to(1, 4), labels = from_to(1, 3);
    const size_t group = 16 * from_to(1, 5), vocabulary = from_to(1, 40);
    const size_t positions = from_to(0, 1) ? LONGEST : from_to(1, 600);
    file f = {.dimensions = {width, heads, head_width, hidden, layers, labels, from_to(0, 1), group,
                             vocabulary, positions}};
    add_bytes(&f, vocabulary * width, 127);
    add_floats(&f, vocabulary, 1e-3f, 1e-1f);
    add_floats(&f, positions * width, -1, 1);
    add_norm(&f, width);
    for (size_t i = 0; i < layers; i++) {
        add_product(&f, width, 3 * heads * head_width, group);
        add_product(&f, heads * head_width, width, group);
        add_norm(&f, width);
        add_product(&f, width, hidden, group);
        add_product(&f, hidden, width, group);
        add_norm(&f, width);
    }
    add_floats(&f, width * width, -1, 1);
    add_floats(&f, width, -1, 1);
    add_floats(&f, labels * width, -1, 1);
    add_floats(&f, labels, -1, 1);
    return f;
}

static void free_file(file *f) {
    for (size_t i = 0; i < f->count; i++) free(f->tensors[i]);
}

static status open_model(const file *f, size_t threads, const char *instructions, model **made) {
    size_t wrong;
    return model_new(f->dimensions, (const void *const *)f->tensors, f->sizes, f->count, threads,
                     instructions, made, &wrong);
}

// Texts, again in memory of their own size, and the logits that one thread gives.
typedef struct {
    int32_t *ids, lengths[MOST_TEXTS];
    size_t tokens, texts, labels;
    float expected[MOST_TEXTS * 3];
} request;

static status ask(model *m, const request *r, float *logits) {
    atomic_fetch_add(&calls, 1);
    return model_logits(m, r->ids, r->tokens, r->lengths, r->texts, logits);
}

static request make_request(const file *f) {
    static const size_t edges[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127,
                                   128, 129, 255, 256, 257, 383, 384, 385, 511, 512};
    const size_t positions = f->dimensions[9], longest = positions < LONGEST ? positions : LONGEST;
    request r = {.texts = from_to(0, 3) ? from_to(1, 2) : from_to(1, MOST_TEXTS),
                 .labels = f->dimensions[5]};
    for (size_t i = 0; i < r.texts; i++) {
        size_t length = edges[from_to(0, sizeof edges / sizeof *edges - 1)];
        if (r.texts > 4) length = from_to(1, 20);
        // Two texts that fill a pass to its last row.
        if (i == 1 && from_to(0, 1)) length = LONGEST - (size_t)r.lengths[0];
        length = length && length < longest ? length : longest;
        r.lengths[i] = (int32_t)length;
        r.tokens += length;
    }
    r.ids = malloc(r.tokens * sizeof *r.ids);
    for (size_t i = 0; i < r.tokens; i++) r.ids[i] = (int32_t)from_to(0, f->dimensions[8] - 1);
    return r;
}

static bool gives_expected(model *m, const request *r) {
    const size_t bytes = r->texts * r->labels * sizeof(float);
    float *logits = malloc(bytes);
    const bool same = ask(m, r, logits) == DONE && !memcmp(logits, r->expected, bytes);
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
    float logits[MOST_TEXTS * 3];
    for (status found = DONE; found != IS_CLOSED;) {
        found = ask(c->model, c->requests, logits);
        CHECK(found == DONE || found == IS_CLOSED);
    }
    return NULL;
}

// In a child, whose children compute too.
static void compute_in_child(model *m, const request *requests, size_t count, int generations) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        alarm(60);  // rather an error than a process that hangs
        if (generations > 1) compute_in_child(m, requests, 1, generations - 1);
        for (size_t i = 0; i < count; i++) CHECK(gives_expected(m, &requests[i]));
        model_free(m);
        _exit(0);
    }
    int ended;
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended) && !WEXITSTATUS(ended));
}

static void refuse_requests(model *m, const file *f, const request *r) {
    float logits[MOST_TEXTS * 3];
    static const int32_t lengths[] = {0, -1, INT32_MIN, 513, INT32_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        request bad = *r;
        bad.lengths[from_to(0, r->texts - 1)] = lengths[i];
        CHECK(ask(m, &bad, logits) == INVALID_LENGTH);
    }
    if (f->dimensions[9] < LONGEST) {
        request bad = *r;
        bad.lengths[0] = (int32_t)f->dimensions[9] + 1;
        CHECK(ask(m, &bad, logits) == INVALID_LENGTH);
    }
    for (size_t tokens = r->tokens - 1; tokens <= r->tokens + 1; tokens += 2) {
        request bad = *r;
        bad.tokens = tokens;
        CHECK(ask(m, &bad, logits) == INVALID_LENGTH);
    }
    const int32_t unknown[] = {-1, INT32_MIN, INT32_MAX, (int32_t)f->dimensions[8]};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const size_t at = from_to(0, r->tokens - 1);
        const int32_t before = r->ids[at];
        r->ids[at] = unknown[i];
        CHECK(ask(m, r, logits) == UNKNOWN_TOKEN);
        r->ids[at] = before;
    }
    CHECK(model_logits(NULL, r->ids, r->tokens, r->lengths, r->texts, logits) == INVALID_ARGUMENT);
    CHECK(model_logits(m, NULL, r->tokens, r->lengths, r->texts, logits) == INVALID_ARGUMENT);
    CHECK(model_logits(m, r->ids, r->tokens, NULL, r->texts, logits) == INVALID_ARGUMENT);
    CHECK(model_logits(m, r->ids, r->tokens, r->lengths, r->texts, NULL) == INVALID_ARGUMENT);
    CHECK(model_logits(m, NULL, 0, NULL, 0, NULL) == DONE);
    CHECK(model_logits(m, NULL, 1, NULL, 0, NULL) == INVALID_LENGTH);
}

static void refuse_files(const file *f, const char *instructions) {
    static const size_t values[] = {0, 1, 15, 24, 63, 65536 + 16, SIZE_MAX, SIZE_MAX - 15,
                                    (size_t)1 << 63, (size_t)1 << 32};
    model *m = NULL;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        file bad = *f;
        const size_t at = from_to(0, DIMENSIONS - 1);
        bad.dimensions[at] = values[i];
        // Whether the activation is GELU or ReLU, and how much is grouped, may change unnoticed.
        const status found = open_model(&bad, 1, instructions, &m);
        if (found == DONE) model_free(m);
        CHECK(found != DONE || at == 6 || values[i] == f->dimensions[at]);
    }
    const size_t at = from_to(0, f->count - 1);
    file bad = *f;
    bad.tensors[at] = NULL;
    CHECK(open_model(&bad, 1, instructions, &m) == INVALID_TENSOR);
    bad = *f;
    bad.sizes[at]--;
    CHECK(open_model(&bad, 1, instructions, &m) == INVALID_TENSOR);
    bad = *f;
    bad.count--;
    CHECK(open_model(&bad, 1, instructions, &m) == INVALID_ARGUMENT);
    bad = *f;
    bad.tensors[1] = (char *)f->tensors[1] + 1;
    CHECK(open_model(&bad, 1, instructions, &m) == INVALID_TENSOR);
    float *bias = f->tensors[f->count - 1], before = *bias;
    *bias = from_to(0, 1) ? NAN : -INFINITY;
    CHECK(open_model(f, 1, instructions, &m) == NOT_FINITE);
    *bias = before;
    int8_t *weight = f->tensors[6], first = weight[0], second = weight[1];
    weight[0] = weight[1] = from_to(0, 1) ? 65 : -65;
    CHECK(open_model(f, 1, instructions, &m) == PAIR_TOO_LARGE);
    weight[0] = first, weight[1] = second;
    CHECK(open_model(f, 0, instructions, &m) == INVALID_ARGUMENT);
    CHECK(open_model(f, 1025, instructions, &m) == INVALID_ARGUMENT);
    CHECK(open_model(f, SIZE_MAX, instructions, &m) == INVALID_ARGUMENT);
    CHECK(open_model(f, 1, "mmx", &m) == INVALID_ARGUMENT);
    CHECK(open_model(f, 1, instructions, NULL) == INVALID_ARGUMENT);
}

static void try_network(const char *instructions) {
    enum { REQUESTS = 6 };
    file f = make_file();
    refuse_files(&f, instructions);
    model *alone = NULL;
    CHECK(open_model(&f, 1, instructions, &alone) == DONE);
    request requests[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        requests[i] = make_request(&f);
        CHECK(ask(alone, &requests[i], requests[i].expected) == DONE);
    }
    refuse_requests(alone, &f, requests);
    model_close(alone);
    CHECK(ask(alone, requests, requests[0].expected) == IS_CLOSED);
    model_close(alone);
    model_free(alone);
    static const size_t threads[] = {1, 2, 3, 5};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        model *m = NULL;
        CHECK(open_model(&f, threads[i], instructions, &m) == DONE);
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
static bool has(const char *instructions) {
    file f = make_file();
    model *m = NULL;
    CHECK(open_model(&f, 1, strcmp(instructions, "amx") ? instructions : "best", &m) == DONE);
    const bool found = !strcmp(model_instructions(m), instructions);
    model_free(m);
    free_file(&f);
    return found;
}

int main(int count, char **arguments) {
    CHECK(count == 4);
    const char *instructions = arguments[1];
    state = strtoull(arguments[3], NULL, 10) * 2 + 1;
    if (!has(instructions)) {
        puts("skipped");
        return 0;
    }
    if (!strcmp(instructions, "amx")) instructions = "best";
    for (long i = strtol(arguments[2], NULL, 10); i > 0; i--) try_network(instructions);
    printf("%lu\n", atomic_load(&calls));
}
