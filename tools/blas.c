/*
 * OpenBLAS of a distribution carries kernels for many processors and picks by a table of models.  A processor that it
 * does not know gets kernels for a much older one (measured: up to 7 times slower).  What matters is only the widest
 * instructions of the kernels, so names are ranked by those.  The choice is made when the library is loaded, hence the
 * program sets OPENBLAS_CORETYPE and runs itself again, once; a value that the user has set stands.
 */
#include "tool.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum rank { RANK_UNKNOWN, RANK_SSE, RANK_AVX, RANK_AVX2, RANK_AVX512 };

static const struct {
    const char *name;
    enum rank rank;
} cores[] = {
    {"Katmai", RANK_SSE},        {"Coppermine", RANK_SSE},   {"Northwood", RANK_SSE}, {"Prescott", RANK_SSE},
    {"Banias", RANK_SSE},        {"Atom", RANK_SSE},         {"Core2", RANK_SSE},     {"Penryn", RANK_SSE},
    {"Dunnington", RANK_SSE},    {"Nehalem", RANK_SSE},      {"Athlon", RANK_SSE},    {"Opteron", RANK_SSE},
    {"Opteron_SSE3", RANK_SSE},  {"Barcelona", RANK_SSE},    {"Nano", RANK_SSE},      {"Bobcat", RANK_SSE},
    {"Sandybridge", RANK_AVX},   {"Bulldozer", RANK_AVX},    {"Piledriver", RANK_AVX}, {"Steamroller", RANK_AVX},
    {"Excavator", RANK_AVX2},    {"Haswell", RANK_AVX2},     {"Zen", RANK_AVX2},      {"SkylakeX", RANK_AVX512},
    {"Cooperlake", RANK_AVX512}, {"Sapphirerapids", RANK_AVX512},
};

static enum rank rank_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof cores / sizeof cores[0]; ++i)
        if (strcasecmp(cores[i].name, name) == 0) return cores[i].rank;
    return RANK_UNKNOWN;
}

any_function blas_function(const char *name)
{
    any_function function;
    void *symbol = dlsym(RTLD_DEFAULT, name);
    memcpy(&function, &symbol, sizeof function);
    return function;
}

const char *blas_kernels(void)
{
    char *(*corename)(void) = (char *(*)(void))blas_function("openblas_get_corename");
    return corename ? corename() : NULL;
}

void blas_set_threads(int threads)
{
    void (*set)(int) = (void (*)(int))blas_function("openblas_set_num_threads");
    if (set) set(threads);
}

int blas_threads(void)
{
    int (*get)(void) = (int (*)(void))blas_function("openblas_get_num_threads");
    return get ? get() : 0;
}

const char *blas_right_kernels(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return __builtin_cpu_supports("avx512bf16") ? "Cooperlake" : "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return NULL;
}

bool blas_is_slow(void)
{
    enum rank used = rank_of(blas_kernels());
    return used != RANK_UNKNOWN && used < rank_of(blas_right_kernels());
}

void blas_choose_kernels(char **argv)
{
    if (getenv("OPENBLAS_CORETYPE") || !blas_is_slow()) return;
    if (setenv("OPENBLAS_CORETYPE", blas_right_kernels(), 1) != 0) return;
    execv("/proc/self/exe", argv); /* it comes back only if it fails: then slow kernels are better than none */
}
