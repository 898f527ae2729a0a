/*
 * Results leave the run: theta as it is, or alpha beta rho, into the caller's row; and whether all of them are finite, from the same
 * pass (v - v is 0 for finite v alone), so that no scan reads the matrix again.
 */
#include "hot.h"

#include <string.h>

#if defined(NTK_HOT)

#define PART 64 /* sums together: several vectors of any instruction set */

static bool part_is_finite(const real *v)
{
    real sum[NTK_LANES] = {0}, all = 0;
    for (int k = 0; k < PART; k += NTK_LANES)
        for (int l = 0; l < NTK_LANES; ++l) sum[l] += v[k + l] - v[k + l];
    for (int l = 0; l < NTK_LANES; ++l) all += sum[l];
    return all == 0;
}

static bool rest_is_finite(const real *v, int64_t count)
{
    real all = 0;
    for (int64_t k = 0; k < count; ++k) all += v[k] - v[k];
    return all == 0;
}

static bool all_finite(const real *v, int64_t count)
{
    bool finite = true;
    int64_t k = 0;
    for (; k + PART <= count; k += PART) finite &= part_is_finite(v + k);
    return finite && rest_is_finite(v + k, count - k);
}

bool NTK_HOT_NAME(take)(const ntk_take *t);
bool NTK_HOT_NAME(take)(const ntk_take *t)
{
    const real *v = t->values, *beta = t->beta;
    real *out = t->out;
    if (!beta) memcpy(out, v, (size_t)t->count * sizeof *out);
    else {
        real alpha = *(const real *)t->alpha;
        for (int64_t k = 0; k < t->count; ++k) out[k] = alpha * beta[k] * v[k];
    }
    return all_finite(beta ? out : v, t->count);
}

#else

#define TAKE_VARIANTS(type)                    \
    bool ntk_take_##type##_c(const ntk_take *);    \
    bool ntk_take_##type##_avx2(const ntk_take *); \
    bool ntk_take_##type##_avx512(const ntk_take *);
TAKE_VARIANTS(f64)
TAKE_VARIANTS(f32)

const ntk_take_fn ntk_take_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(take, f64), [NTK_F32] = NTK_VARIANT_ROW(take, f32)};

#endif
