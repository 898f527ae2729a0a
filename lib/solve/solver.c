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

static ntk_status factorise(ntk_context *ctx, ntk_solver *s, int consume)
{
    ntk_status status;
    const ntk_gram *g = s->gram;
    NTK_TRY(ntk_gram_take(ctx, g, s->kind, consume, &s->factor));
    add_ridge(s);
    NTK_TRY_PART(ctx, 0, 1, g->storage->factorise(ctx, g->dtype, g->size, s->factor));
done:
    return status;
}

ntk_status ntk_solver_make(ntk_context *ctx, const ntk_gram *gram, const ntk_solver_options *options, int owners, ntk_solver **solver)
{
    ntk_status status;
    ntk_solver_options o;
    ntk_solver *s = NULL;
    NTK_ENTER_NEW(ctx, solver);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &o));
    if (o.reserved_2 != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved_2 is %d; expected 0", (int)o.reserved_2);
    if (o.reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o.reserved);
    NTK_TRY(ntk_gram_check(ctx, gram, o.kind, gram->dtype));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->gram = ntk_retain(gram);
    s->kind = o.kind;
    NTK_TRY(ntk_gram_ridge(ctx, gram, o.kind, o.ridge, o.ridge_relative, &s->ridge));
    NTK_TRY(factorise(ctx, s, o.consume ? owners + 1 : 0));
    *solver = s;
    s = NULL;
done:
    ntk_solver_destroy(s);
    return status;
}

ntk_status ntk_solver_create(ntk_context *ctx, const ntk_gram *gram, const ntk_solver_options *options, ntk_solver **solver)
{
    return ntk_solver_make(ctx, gram, options, 1, solver);
}

void ntk_solver_destroy(ntk_solver *solver)
{
    if (!ntk_object_release(solver)) return;
    ntk_free(solver->factor);
    ntk_gram_destroy(solver->gram);
    ntk_free(solver);
}

ntk_status ntk_solver_apply(ntk_context *ctx, const ntk_solver *solver, int64_t m, void *b)
{
    const ntk_gram *g = solver->gram;
    ntk_status status = g->storage->solve(ctx, g->dtype, g->size, solver->factor, m, b);
    return status == NTK_OK ? ntk_check_result(ctx, "the solution", g->dtype, b, g->size * m) : status;
}

ntk_status ntk_solver_solve(ntk_context *ctx, const ntk_solver *solver, const ntk_array *b, ntk_array *x)
{
    ntk_status status;
    void *dense = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, solver);
    NTK_TRY(ntk_check_shape(ctx, "b", b, solver->gram->dtype, NTK_SHAPE(solver->gram->size, -1)));
    NTK_TRY(ntk_check_output(ctx, "x", x, solver->gram->dtype, NTK_SHAPE(solver->gram->size, b->shape[1])));
    NTK_TRY(ntk_check_finite(ctx, "b", b));
    NTK_TRY(ntk_copy_dense(ctx, b, &dense));
    NTK_TRY_PART(ctx, 0, 1, ntk_solver_apply(ctx, solver, b->shape[1], dense));
    ntk_store(x, dense);
done:
    ntk_free(dense);
    return status;
}

ntk_status ntk_solver_log_determinant(ntk_context *ctx, const ntk_solver *solver, double *value)
{
    double sum = 0;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, solver);
    NTK_REQUIRE(ctx, value);
    for (int64_t i = 0; i < solver->gram->size; ++i) sum += log(diagonal_number(solver, i));
    *value = 2 * sum;
    return NTK_OK;
}

double ntk_solver_ridge(const ntk_solver *solver)
{
    return solver ? solver->ridge : NAN;
}
