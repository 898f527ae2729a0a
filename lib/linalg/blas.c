/*
 * Which BLAS kernels run, and whether they are those of this processor.
 *
 * OpenBLAS of a distribution carries kernels for many processors and picks by a table of models; one that it does not know gets kernels for
 * a much older one (measured: up to 7 times slower).  What matters is only the widest instructions that they use, so names are ranked by
 * those.  The choice was made when OpenBLAS was loaded, before the library could have a say: all that is left is to tell.
 */
#include "linalg.h"

#include <string.h>
#include <strings.h>

/* OpenBLAS can be asked; other libraries lack the symbol, hence weak. */
extern char *openblas_get_corename(void) __attribute__((weak));

enum rank { RANK_UNKNOWN, RANK_SSE, RANK_AVX, RANK_AVX2, RANK_AVX512 };

/* Names of kernels by their widest instructions, each between spaces. */
static const char *const names[] = {
    [RANK_UNKNOWN] = "",
    [RANK_SSE] = " Katmai Coppermine Northwood Prescott Banias Atom Core2 Penryn Dunnington Nehalem Athlon Opteron Opteron_SSE3 Barcelona Nano Bobcat ",
    [RANK_AVX] = " Sandybridge Bulldozer Piledriver Steamroller ",
    [RANK_AVX2] = " Excavator Haswell Zen ",
    [RANK_AVX512] = " SkylakeX Cooperlake Sapphirerapids ",
};

static enum rank rank_of(const char *name)
{
    size_t length = name ? strlen(name) : 0;
    for (int r = RANK_SSE; length > 0 && r <= RANK_AVX512; ++r)
        for (const char *p = names[r]; *p; ++p)
            if (p[0] == ' ' && strncasecmp(p + 1, name, length) == 0 && p[1 + length] == ' ') return (enum rank)r;
    return RANK_UNKNOWN;
}

const char *ntk_blas_kernels(void)
{
    return openblas_get_corename ? openblas_get_corename() : NULL;
}

const char *ntk_blas_right_kernels(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return __builtin_cpu_supports("avx512bf16") ? "Cooperlake" : "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
    return NULL;
}

bool ntk_blas_slower(const char *used, const char *right)
{
    return rank_of(used) != RANK_UNKNOWN && rank_of(used) < rank_of(right);
}

int ntk_blas_is_slow(void)
{
    return ntk_blas_slower(ntk_blas_kernels(), ntk_blas_right_kernels());
}

void ntk_blas_warn(ntk_context *ctx)
{
    if (ctx->blas_checked) return;
    ctx->blas_checked = true;
    if (ntk_blas_is_slow())
        ntk_log(ctx, "OpenBLAS runs its kernels for %s, which are slow here; set OPENBLAS_CORETYPE=%s before the program starts", ntk_blas_kernels(),
                ntk_blas_right_kernels());
}
