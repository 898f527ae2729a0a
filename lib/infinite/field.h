/*
 * field: what hot loops over all pairs of positions of two samples share, in place of hot.h.
 */
#ifndef NTK_FIELD_H
#define NTK_FIELD_H

#include "hot.h"

#if defined(NTK_HOT)

/** rho, gap and theta of the pair of positions (p, q) stand NTK_RUN apart. */
static inline real *cell(const ntk_field *f, int slot, int64_t p, int64_t q)
{
    int64_t run = f->across ? p * f->chunks + q / NTK_RUN : p, lane = f->across ? q % NTK_RUN : 0;
    return (real *)(void *)f->slots + (run * f->n_slots + slot) * 3 * NTK_RUN + lane;
}

static inline void store(real *to, real rho, real gap, real theta)
{
    to[0] = rho;
    to[NTK_RUN] = gap;
    to[2 * NTK_RUN] = theta;
}

/** Column `column` of a sample's table: one number per position. */
static inline const real *table(const void *t, int64_t stride, int column)
{
    return (const real *)t + column * stride;
}

static inline real inverse_of(real a)
{
    return a > 0 ? 1 / a : 0;
}

/** The state of a pair whose covariance k is all that is known: exact where the two are `equal`, else the gap is 1 - |rho|. */
static inline void store_moment(const ntk_field *f, int slot, int64_t o, int64_t q, bool equal, real k, real alpha, real beta, real theta)
{
    real rho = k * inverse_of(alpha) * inverse_of(beta);
    if (equal) rho = alpha > 0 ? 1 : 0;
    rho = rho > 1 ? 1 : rho < -1 ? -1 : rho;
    store(cell(f, slot, o, q), rho, 1 - ntk_abs(rho), theta);
}

#endif
#endif
