/*
 * angle: the smaller angle between two directions from their gap w = 1 - |cos|, in [0, pi/2]:
 *
 *     t = sqrt(w) P(w),     sin t - t cos t = w^(3/2) R(w)
 *
 * with polynomials P, R on [0, 1] (docs/distance-form.md; scripts/relu_coefficients.py): one square root, no branch, and full
 * relative precision as w -> 0, where acos and sqrt(1 - cos²) lose half of the digits.  For the hot halves only.
 */
#ifndef NTK_ANGLE_H
#define NTK_ANGLE_H

#include "hot.h"
#include "relu_polynomials.h"

#if defined(NTK_HOT_F32)
static const real angle_p[] = NTK_P_F32, angle_r[] = NTK_R_F32;
#else
static const real angle_p[] = NTK_P_F64, angle_r[] = NTK_R_F64;
#endif

static inline real horner(const real *c, int terms, real w)
{
    real sum = c[terms - 1];
    NTK_UNROLL
    for (int k = terms - 2; k >= 0; --k) sum = sum * w + c[k];
    return sum;
}

static inline real angle_of(real w)
{
    return ntk_sqrt(w) * horner(angle_p, (int)NTK_ARRAY_LENGTH(angle_p), w);
}

/** sin t - t cos t. */
static inline real lens_of(real w)
{
    return w * ntk_sqrt(w) * horner(angle_r, (int)NTK_ARRAY_LENGTH(angle_r), w);
}

#endif
