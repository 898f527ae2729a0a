/* optimizer: what training does to a gradient, theta' = -D⁻¹ gradient.   optimizer.c */
#ifndef NTK_OPTIMIZER_H
#define NTK_OPTIMIZER_H

#include "network.h"

struct ntk_optimizer {
    ntk_object object;
    int64_t parameters; /* 0: the identity, for any number */
    double *d;          /* [parameters], NULL for the identity */
};

/** NULL stands for the identity.  Refuses a D of another length than p. */
ntk_status ntk_optimizer_check(ntk_context *ctx, const ntk_optimizer *optimizer, int64_t p);

/** D_j; 1 for NULL and the identity. */
static inline double ntk_optimizer_d(const ntk_optimizer *optimizer, int64_t j)
{
    return optimizer && optimizer->d ? optimizer->d[j] : 1.0;
}

/** Divides the columns of J [rows, p] by D^power (power 0.5: D^-1/2; 1: D⁻¹). */
void ntk_optimizer_scale(const ntk_optimizer *optimizer, int64_t rows, int64_t p, double *j, double power);

#endif
