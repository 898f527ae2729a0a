/*
 * hot: how the hot loops are compiled.
 *
 * A file with hot loops has two halves.  Compiled as it is, it gives its records; compiled with NTK_HOT (once per type
 * and instruction set: lib/infinite/meson.build) it gives its loops, named ntk_<name>_<type>_<cpu>.  NTK_VARIANTS
 * gathers them in the record's half.
 */
#ifndef NTK_HOT_H
#define NTK_HOT_H

#include "infinite.h"

#define NTK_PASTE4_(a, b, c, d) a##b##_##c##_##d
#define NTK_PASTE4(a, b, c, d) NTK_PASTE4_(a, b, c, d)

#if defined(NTK_HOT)

#define NTK_HOT_NAME(name) NTK_PASTE4(ntk_, name, NTK_HOT_TYPE, NTK_HOT_CPU)
#if defined(NTK_HOT_F32)
#include <math.h>
typedef float real;
#define REAL(x) ((float)(x))
#define ntk_sqrt sqrtf
#define ntk_abs fabsf
#define ntk_copysign copysignf
#define ntk_atan2 atan2f
#define ntk_exp expf
#define ntk_expm1 expm1f
#define ntk_log1p log1pf
#else
#include <math.h>
typedef double real;
#define REAL(x) ((double)(x))
#define ntk_sqrt sqrt
#define ntk_abs fabs
#define ntk_copysign copysign
#define ntk_atan2 atan2
#define ntk_exp exp
#define ntk_expm1 expm1
#define ntk_log1p log1p
#endif

/** The state of slot s, and a table column as a scalar of the row or an array of the columns. */
typedef struct state {
    real *rho, *gap, *theta;
} state;
static inline state state_of(const ntk_run *run, int slot)
{
    real *p = (real *)(void *)run->slots + (int64_t)slot * 3 * NTK_RUN;
    return (state){p, p + NTK_RUN, p + 2 * NTK_RUN};
}
static inline real row_of(const ntk_run *run, int column)
{
    return ((const real *)run->row)[column * run->row_stride];
}
static inline const real *column_of(const ntk_run *run, int column)
{
    return (const real *)run->column + column * run->column_stride;
}

/** alpha - beta of the inputs of a step: what rounding the lengths left counts where that is known (plan->rest). */
typedef struct two_lengths {
    const real *beta, *rests;
    real alpha, rest;
} two_lengths;
static const real no_rests[NTK_RUN];
static inline two_lengths lengths_of(const ntk_plan *plan, const ntk_run *run)
{
    int rest = plan->rest + (int)(sizeof(real) == sizeof(float));
    return (two_lengths){column_of(run, plan->input_alpha), plan->rest ? column_of(run, rest) : no_rests, row_of(run, plan->input_alpha), plan->rest ? row_of(run, rest) : 0};
}
static inline real apart_at(const two_lengths *l, int64_t j)
{
    return (l->alpha - l->beta[j]) + (l->rest - l->rests[j]);
}

/**
 * Input and output of a step may be the same slot; entry j of one never depends on another entry of the other.  The count is
 * rounded up to whole vectors: no pair ever goes through a scalar remainder, whose last bits may differ.
 */
#if defined(__clang__)
#define NTK_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define NTK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NTK_INDEPENDENT _Pragma("GCC ivdep")
#define NTK_UNROLL _Pragma("GCC unroll 24")
#endif
#define NTK_RUN_LOOP(j, run) NTK_INDEPENDENT for (int64_t j = 0; j < ((run)->count & -(int64_t)NTK_LANES); ++j)

/** Distances to the same and to the opposite side: omega = 1 - rho, opposite = 1 + rho, both to full relative precision. */
static inline real omega_of(real rho, real gap)
{
    return rho >= 0 ? gap : 2 - gap;
}
static inline real opposite_of(real rho, real gap)
{
    return rho >= 0 ? 2 - gap : gap;
}

/**
 * A weighted sum of two independent parts, one of them the same for all samples (a bias):  u = r_u û + b_u,  r² + b² = 1
 * on either side.  Squared distances of independent parts add (mathematics §4.2, step 4); all terms are non-negative.
 */
static inline void mix_shares(real rs, real apart, real b, real c, real *rho, real *gap) /* rs = r s, apart = r - s */
{
    real half = REAL(0.5) * apart * apart;
    real omega = half + rs * omega_of(*rho, *gap) + REAL(0.5) * (b - c) * (b - c);
    real opposite = half + rs * opposite_of(*rho, *gap) + REAL(0.5) * (b + c) * (b + c);
    *rho = rs * *rho + b * c;
    *gap = *rho >= 0 ? omega : opposite;
}
static inline void mix_bias(real r, real s, real b, real c, real *rho, real *gap)
{
    mix_shares(r * s, r - s, b, c, rho, gap);
}

#else

#define NTK_DECLARE_VARIANTS_(name, type)                                                            \
    void ntk_##name##_##type##_c(const ntk_plan *, const ntk_run *);                                  \
    void ntk_##name##_##type##_avx2(const ntk_plan *, const ntk_run *);                               \
    void ntk_##name##_##type##_avx512(const ntk_plan *, const ntk_run *);

#if defined(__x86_64__)
#define NTK_VARIANT_ROW(name, type) {ntk_##name##_##type##_c, ntk_##name##_##type##_avx2, ntk_##name##_##type##_avx512}
#else
#define NTK_VARIANT_ROW(name, type) {ntk_##name##_##type##_c, ntk_##name##_##type##_c, ntk_##name##_##type##_c}
#endif

/** Declares the variants of a hot loop and gathers them: NTK_VARIANTS(relu_pairs); then &relu_pairs. */
#define NTK_VARIANTS(name)                \
    NTK_DECLARE_VARIANTS_(name, f64)      \
    NTK_DECLARE_VARIANTS_(name, f32)      \
    static const ntk_pairs_variants name = {{[NTK_F64] = NTK_VARIANT_ROW(name, f64), [NTK_F32] = NTK_VARIANT_ROW(name, f32)}};

/** The same of a loop over a whole field, by type and instruction set: NTK_FIELD_VARIANTS(mix) makes ntk_mix_variants. */
#define NTK_FIELD_DECLARE_(name, type)                                  \
    void ntk_##name##_##type##_c(const ntk_plan *, const ntk_field *);      \
    void ntk_##name##_##type##_avx2(const ntk_plan *, const ntk_field *);   \
    void ntk_##name##_##type##_avx512(const ntk_plan *, const ntk_field *);
#define NTK_FIELD_VARIANTS(name)      \
    NTK_FIELD_DECLARE_(name, f64)     \
    NTK_FIELD_DECLARE_(name, f32)     \
    const ntk_spread_fn ntk_##name##_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(name, f64), [NTK_F32] = NTK_VARIANT_ROW(name, f32)};

#endif
#endif
