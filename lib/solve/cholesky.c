/*
 * A = K + ridge I = L Lᵀ:  x = L⁻ᵀ L⁻¹ b,  log det A = 2 sum log L_ii.
 *
 * Cholesky needs no pivoting and is backward stable: x solves (A + E) x = b with |E| of a few N eps |A| at worst, a few eps |A|
 * as a rule (Higham 2002, theorem 10.4).  It fails where A is not positive definite to working precision, and says so.
 */
#include "solve.h"

#include <math.h>

static double diagonal_number(const ntk_solver *s, int64_t i)
{
    int64_t at = s->gram->storage->index(s->gram->size, i, i);
    return s->gram->dtype == NTK_F64 ? ((const double *)s->factor)[at] : (double)((const float *)s->factor)[at];
}

static void add_ridge(ntk_solver *s)
{
    const ntk_gram *g = s->gram;
    for (int64_t i = 0; i < g->size; ++i) {
        int64_t at = g->storage->index(g->size, i, i);
        double sum = diagonal_number(s, i) + s->ridge;
        if (g->dtype == NTK_F64) ((double *)s->factor)[at] = sum;
        else ((float *)s->factor)[at] = (float)sum;
    }
}

static ntk_status open_cholesky(ntk_context *ctx, const ntk_solver_options *o, int owners, ntk_solver *s)
{
    ntk_status status;
    const ntk_gram *g = s->gram;
    NTK_TRY(ntk_gram_take(ctx, g, s->kind, o->consume ? owners + 1 : 0, &s->factor));
    add_ridge(s);
    NTK_TRY_PART(ctx, 0, 1, g->storage->factorise(ctx, g->dtype, g->size, s->factor));
done:
    return status;
}

static void close_cholesky(ntk_solver *s)
{
    ntk_free(s->factor);
}

static ntk_status apply_cholesky(ntk_context *ctx, const ntk_solver *s, int64_t m, void *b)
{
    const ntk_gram *g = s->gram;
    return g->storage->solve(ctx, g->dtype, g->size, s->factor, m, b);
}

static ntk_status log_determinant(ntk_context *ctx, const ntk_solver *s, double *value)
{
    double sum = 0;
    (void)ctx;
    for (int64_t i = 0; i < s->gram->size; ++i) sum += log(diagonal_number(s, i));
    *value = 2 * sum;
    return NTK_OK;
}

const ntk_solver_class ntk_cholesky_solver = {open_cholesky, close_cholesky, apply_cholesky, log_determinant};
