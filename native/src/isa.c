// The instruction sets that the kernels are compiled for, and the best one of this processor.
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

// From worst to best. A processor that has one of them has all that precede it, except that not
// all with AVX-512 have AVX-VNNI.
static const kernels *const TABLES[] = {
    &kernels__portable,
#if defined(__x86_64__)
    &kernels__avx2,
#if defined(WITH_AVXVNNI)
    &kernels__avxvnni,
#endif
    &kernels__avx512vnni,
#endif
#if defined(WITH_AMX)
    &kernels__amx,
#endif
#if defined(__aarch64__)
    &kernels__dotprod,
    &kernels__i8mm,
#endif
};
#if defined(__aarch64__)
enum { PORTABLE, DOTPROD, I8MM };
#else
enum {
    PORTABLE,
    AVX2,
#if defined(WITH_AVXVNNI)
    AVXVNNI,
#endif
    AVX512VNNI,
    AMX,
};
#endif

#if defined(WITH_AVXVNNI)
// Given that the processor has AVX2, and that the system saves its registers.
static bool has_avxvnni(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && eax & 1u << 4;
}
#endif

#if defined(WITH_AMX)
// Whether the processor has AMX and Linux lets this process use it, which has to be requested.
// `edx` are the feature flags of CPUID's leaf 7, `xcr0` the registers that the system saves.
static bool request_amx(unsigned edx, unsigned xcr0) {
    const unsigned amx_tile_int8 = 1u << 24 | 1u << 25, tile_registers = 3u << 17;
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    if ((edx & amx_tile_int8) != amx_tile_int8 || (xcr0 & tile_registers) != tile_registers)
        return false;
#if defined(__linux__)
    return !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA);
#else
    return false;
#endif
}
#endif

#if defined(__aarch64__)
#if defined(__APPLE__)
static bool has_feature(const char *name) {
    int32_t value = 0;
    size_t size = sizeof value;
    return !sysctlbyname(name, &value, &size, NULL, 0) && value;
}
#endif

static size_t best_isa(void) {
#if defined(__linux__)
    const unsigned long asimddp = 1ul << 20, i8mm = 1ul << 13;  // HWCAP_ASIMDDP, HWCAP2_I8MM
    const bool has_dotprod = getauxval(AT_HWCAP) & asimddp;
    const bool has_i8mm = getauxval(AT_HWCAP2) & i8mm;
#elif defined(__APPLE__)
    const bool has_dotprod = has_feature("hw.optional.arm.FEAT_DotProd");
    const bool has_i8mm = has_feature("hw.optional.arm.FEAT_I8MM");
#else
    const bool has_dotprod = false, has_i8mm = false;
#endif
    return !has_dotprod ? PORTABLE : has_i8mm ? I8MM : DOTPROD;
}
#else
// Reads CPUID itself: not every compiler's __builtin_cpu_supports knows VNNI.
static size_t best_isa(void) {
#if defined(__x86_64__)
    unsigned eax, ebx, ecx, edx, leaf1_ecx, xcr0 = 0, high;
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27 };    // leaf 1, ECX
    enum { AVX2_BIT = 1 << 5, VNNI = 1 << 11 };   // leaf 7, EBX and ECX
    const unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // leaf 7, EBX
    enum { AVX_REGISTERS = 0x6, AVX512_REGISTERS = 0xe6 };
    if (!__get_cpuid(1, &eax, &ebx, &leaf1_ecx, &edx) ||
        !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return PORTABLE;
    if (leaf1_ecx & OSXSAVE) __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
    if ((xcr0 & AVX512_REGISTERS) == AVX512_REGISTERS && (ebx & f_dq_bw_vl) == f_dq_bw_vl &&
        ecx & VNNI) {
#if defined(WITH_AMX)
        if (request_amx(edx, xcr0)) return AMX;
#endif
        return AVX512VNNI;
    }
    if ((xcr0 & AVX_REGISTERS) == AVX_REGISTERS && ebx & AVX2_BIT && leaf1_ecx & FMA) {
#if defined(WITH_AVXVNNI)
        if (has_avxvnni()) return AVXVNNI;
#endif
        return AVX2;
    }
#endif
    return PORTABLE;
}
#endif

const kernels *kernels_for(const char *name) {
    // Some are another architecture's.
    static const char *const NAMES[] = {"best", "avx2", "avxvnni", "avx512", "dotprod", "i8mm"};
    assert(name);
    const size_t best = best_isa();
    for (size_t i = 0; i <= best; i++) {
#if defined(WITH_AVXVNNI)
        if (i == AVXVNNI && !has_avxvnni()) continue;
#endif
        if (!strcmp(name, TABLES[i]->name)) return TABLES[i];
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(name, NAMES[i])) return TABLES[best];
    return NULL;
}
