// Prints the logits of sequences of token ids, to compare those of an emulated processor.
//
// Usage: logits NETWORK PLAN [ISA [THREADS]]
//
// NETWORK is a file of weights. PLAN is text, numbers separated by white space: the network's
// DIMENSIONS dimensions, the number of tensors, each one's offset in the file and its size, the
// network's `token_pruning`, the number of sequences, each one's length, and all of their token ids.
// Prints the instruction set, then the bits of each logit, in hexadecimal.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/distilbert_int8.h"

static void fail(const char *what) {
    fprintf(stderr, "logits: %s\n", what);
    exit(1);
}

static size_t read_number(FILE *plan) {
    size_t number;
    if (fscanf(plan, "%zu", &number) != 1) fail("the plan ends early");
    return number;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) fail("not enough memory");
    return memory;
}

int main(int argc, char **argv) {
    if (argc < 3) fail("usage: logits NETWORK PLAN [ISA [THREADS]]");
    const int file = open(argv[1], O_RDONLY);
    struct stat stat;
    if (file < 0 || fstat(file, &stat)) fail("cannot open the network");
    const char *base = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    FILE *plan = fopen(argv[2], "r");
    if (base == MAP_FAILED || !plan) fail("cannot read the network or the plan");

    size_t dimensions[DIMENSIONS];
    for (size_t i = 0; i < DIMENSIONS; i++) dimensions[i] = read_number(plan);
    const size_t count = read_number(plan), labels = dimensions[5];
    const void **tensors = allocate(count, sizeof *tensors);
    size_t *sizes = allocate(count, sizeof *sizes);
    for (size_t i = 0; i < count; i++) {
        tensors[i] = base + read_number(plan);
        sizes[i] = read_number(plan);
    }
    const size_t layers = dimensions[4];
    size_t *token_pruning = allocate(layers, sizeof *token_pruning);
    for (size_t i = 0; i < layers; i++) token_pruning[i] = read_number(plan);
    model_input input = {.sequences = read_number(plan)};
    int32_t *lengths = allocate(input.sequences, sizeof *lengths);
    for (size_t i = 0; i < input.sequences; i++)
        input.tokens += (size_t)(lengths[i] = (int32_t)read_number(plan));
    int32_t *ids = allocate(input.tokens, sizeof *ids);
    for (size_t i = 0; i < input.tokens; i++) ids[i] = (int32_t)read_number(plan);
    input.ids = ids, input.lengths = lengths;
    fclose(plan);

    const model_weights weights = {dimensions, tensors, sizes, count, token_pruning};
    model *m;
    size_t invalid_tensor;
    const size_t threads = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
    if (model_new(&weights, threads, argc > 3 ? argv[3] : "best", &m, &invalid_tensor))
        fail("the network is not valid");
    float *logits = allocate(input.sequences * labels, sizeof *logits);
    if (model_logits(m, &input, logits)) fail("the sequences are not valid");
    printf("%s\n", model_isa(m));
    for (size_t i = 0; i < input.sequences * labels; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        printf("%08x\n", bits);
    }
    model_free(m);
    return 0;
}
