/* The instruction set of the hot loops, chosen at run time; NTK_CPU names a lower one for tests and comparisons. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[NTK_CPU_COUNT] = {"c", "avx2", "avx512"};

static ntk_cpu best_of_processor(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return NTK_CPU_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return NTK_CPU_AVX2;
#endif
    return NTK_CPU_C;
}

ntk_cpu ntk_cpu_detect(void)
{
    ntk_cpu best = best_of_processor();
    const char *wish = getenv("NTK_CPU");
    for (int c = NTK_CPU_C; wish && c < (int)best; ++c)
        if (strcmp(wish, names[c]) == 0) return (ntk_cpu)c;
    return best;
}

const char *ntk_cpu_name(ntk_cpu cpu)
{
    return names[cpu];
}
