/* The solver: one gram, one ridge, one way to (K + ridge I)⁻¹. */
#include "solve.h"

#include <math.h>

/* By ntk_decomposition; NULL: it is no way to solve. */
static const ntk_solver_class *const classes[] = {
    [NTK_DECOMPOSITION_CHOLESKY] = &ntk_cholesky_solver,
    [NTK_DECOMPOSITION_EIGEN] = NULL,
    [NTK_DECOMPOSITION_CG] = &ntk_conjugate_solver,
};

static ntk_status read_options(ntk_context *ctx, const ntk_solver_options *options, ntk_solver_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (o->reserved_2 != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved_2 is %d; expected 0", (int)o->reserved_2);
    if (o->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o->reserved);
    if (o->reserved_3 != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved_3 is %d; expected 0", (int)o->reserved_3);
    if (!ntk_decomposition_name(o->decomposition))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.decomposition is %d: no decomposition", (int)o->decomposition);
    if (!classes[o->decomposition])
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.decomposition is %s; of eigenvectors make a spectrum", ntk_decomposition_name(o->decomposition));
    return NTK_OK;
}

ntk_status ntk_solver_make(ntk_context *ctx, const ntk_gram *gram, const ntk_solver_options *options, int owners, ntk_solver **solver)
{
    ntk_status status;
    ntk_solver_options o;
    ntk_solver *s = NULL;
    NTK_ENTER_NEW(ctx, solver);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(ntk_gram_check(ctx, gram, o.kind, gram->dtype));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->gram = ntk_retain(gram);
    s->kind = o.kind;
    s->class = classes[o.decomposition];
    NTK_TRY(ntk_gram_ridge(ctx, gram, o.kind, o.ridge, o.ridge_relative, &s->ridge));
    NTK_TRY(s->class->open(ctx, &o, owners, s));
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
    solver->class->close(solver);
    ntk_gram_destroy(solver->gram);
    ntk_free(solver);
}

ntk_status ntk_solver_apply(ntk_context *ctx, const ntk_solver *solver, int64_t m, void *b)
{
    const ntk_gram *g = solver->gram;
    ntk_status status = solver->class->apply(ctx, solver, m, b);
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
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, solver);
    NTK_REQUIRE(ctx, value);
    if (!solver->class->log_determinant) return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "conjugate gradients have no factor, and so no determinant");
    return solver->class->log_determinant(ctx, solver, value);
}

double ntk_solver_ridge(const ntk_solver *solver)
{
    return solver ? solver->ridge : NAN;
}
