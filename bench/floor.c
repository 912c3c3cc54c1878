// How long the network's matrix multiplications alone take: the installed library's gemm on rows
// that are quantised already, without attention, layer norms, activation functions or threads.
#include <stdlib.h>
#include <time.h>

#include "kernels.h"

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *filled(size_t bytes) {
    uint8_t *buffer = aligned_alloc(64, (bytes + 63) / 64 * 64);
    for (size_t i = 0; buffer && i < bytes; i++) buffer[i] = (uint8_t)(i % 61);
    return buffer;
}

static linear new_linear(size_t in_features, size_t out_features, size_t group_size) {
    const size_t groups = in_features / group_size;
    const float *zeros = calloc(groups * out_features, sizeof *zeros);
    return (linear){
        .in_features = in_features,
        .out_features = out_features,
        .groups = groups,
        .weight = filled(in_features * out_features),
        .scales = zeros,
        .weight_sums = zeros,
        .bias = zeros,
    };
}

static void free_linear(linear *w) {
    free((void *)w->weight);
    free((void *)w->scales);
}

// Multiplies `rows` rows by `count` linear layers of (in_features, out_features) each, one after the
// other, with an instruction set's gemm (see `kernels_for`); returns seconds.
double floor_seconds(const size_t (*shapes)[2], size_t count, size_t rows, size_t group_size,
                     const char *isa) {
    const kernels *k = kernels_for(isa);
    linear *layers = calloc(count, sizeof *layers);
    size_t max_features = 0;
    for (size_t i = 0; i < count; i++) {
        layers[i] = new_linear(shapes[i][0], shapes[i][1], group_size);
        for (int j = 0; j < 2; j++)
            if (shapes[i][j] > max_features) max_features = shapes[i][j];
    }
    uint8_t *data = filled(MAX_TASK_ROWS * max_features);
    float *scales = calloc(MAX_TASK_ROWS * max_features, sizeof *scales);
    float *out = calloc(MAX_TASK_ROWS * max_features, sizeof *out);
    if (k->thread_begin) k->thread_begin();
    double start = 0;
    for (int run = 0; run < 2; run++) {  // the first warms the caches
        start = now();
        for (size_t done = 0; done < rows; done += MAX_TASK_ROWS)
            for (size_t i = 0; i < count; i++) {
                const linear *w = &layers[i];
                const quantised_rows x = {data, scales, scales, w->in_features, w->groups};
                k->gemm(w, x, rows - done < MAX_TASK_ROWS ? rows - done : MAX_TASK_ROWS,
                        (range){0, w->out_features / PANEL}, (gemm_output){.data = out});
            }
    }
    const double seconds = now() - start;
    if (k->thread_end) k->thread_end();
    for (size_t i = 0; i < count; i++) free_linear(&layers[i]);
    free(layers), free(data), free(scales), free(out);
    return seconds;
}
