// How long the network's matrix products alone take: the kernels' own code on rows that are
// quantised already, without attention, norms, activation functions or threads.
#define _GNU_SOURCE  // for syscall
#include "../native/product.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec found;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &found);
    return (double)found.tv_sec + 1e-9 * (double)found.tv_nsec;
}

static void *filled(size_t bytes) {
    uint8_t *found = aligned_alloc(64, (bytes + 63) / 64 * 64);
    for (size_t i = 0; found && i < bytes; i++) found[i] = (uint8_t)(i % 61);
    return found;
}

// Multiplies `rows` rows by matrices of (inner, outputs) each, one after the other; returns seconds.
double floor_seconds(const size_t (*shapes)[2], size_t count, size_t rows, size_t group) {
    product *products = calloc(count, sizeof *products);
    size_t widest = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t inner = shapes[i][0], outputs = shapes[i][1], groups = inner / group;
        float *zeros = calloc(groups * outputs, sizeof *zeros);
        products[i] = (product){inner, outputs, groups, NULL, filled(inner * outputs),
                                zeros, zeros,   zeros};
        widest = inner > widest ? inner : widest;
        widest = outputs > widest ? outputs : widest;
    }
    uint8_t *integers = filled(TASK_ROWS * widest);
    float *scales = calloc(TASK_ROWS * widest, sizeof *scales);
    float *out = calloc(TASK_ROWS * widest, sizeof *out);
#if defined(__AMX_INT8__)
    syscall(SYS_arch_prctl, 0x1023, 18);  // asks Linux for the tiles
#endif
    take_unit();
    double start = 0;
    for (int warm = 0; warm < 2; warm++) {
        start = now();
        for (size_t done = 0; done < rows; done += TASK_ROWS)
            for (size_t i = 0; i < count; i++) {
                const product *by = &products[i];
                quantised from = {integers, scales, scales, by->inner, by->groups};
                multiply(by, from, rows - done < TASK_ROWS ? rows - done : TASK_ROWS, 0,
                         by->outputs / PANEL, (destination){.at = out});
            }
    }
    const double seconds = now() - start;
    release_unit();
    for (size_t i = 0; i < count; i++) free((void *)products[i].weight), free((void *)products[i].scales);
    free(products), free(integers), free(scales), free(out);
    return seconds;
}
