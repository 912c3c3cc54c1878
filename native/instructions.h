// The instruction sets that the forward pass is compiled for, and the best that this processor has;
// included by library.c.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "network.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// The forward pass for an instruction set, and how its work is best divided.
typedef struct {
    const char *name;
    forward_function *run;
    // At most, in one task: with fewer, all weights are read more often; with more, the rows leave
    // the processor's own caches.
    size_t task_rows;
} instructions;

// From the least to the best; each processor has those before its best one too.
static const instructions SETS[] = {
    {"portable", forward_portable, 64},
#if defined(__x86_64__)
    {"avx2", forward_avx2, 64},
    {"avx512", forward_avx512, 64},
#endif
#if defined(WITH_AMX)
    {"amx", forward_amx, TASK_ROWS},
#endif
};
enum { PORTABLE, AVX2, AVX512, AMX };

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
static size_t best_set(void) {
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

// The set of this name or, where the processor lacks it, its best one; "best" is always that.
// NULL: no set has that name.
static const instructions *choose_set(const char *name) {
    static const char *const names[] = {"portable", "avx2", "avx512", "best"};
    const size_t best = best_set();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) return &SETS[i < best ? i : best];
    return NULL;
}
