/*
 * The Fisher matrix F = JᵀJ, never formed (Amari 1998; Schraudolph 2002):
 *
 *     F v = Jᵀ (J v)                              one forward-mode and one reverse-mode pass
 *     |delta|_F = sqrt(deltaᵀ F delta) = |J delta|
 *
 * The length is taken as that of J delta: a sum of squares, which cannot come out negative, without the squared condition number of F,
 * and scaled so that squares neither overflow nor vanish.
 */
#include "duality.h"

/* u [N] = J v, allocated. */
static ntk_status push_forward(ntk_context *ctx, const ntk_jacobian *j, const char *name, const ntk_array *v, double **u)
{
    ntk_status status;
    ntk_array out;
    NTK_TRY(ntk_check_shape(ctx, name, v, NTK_F64, NTK_SHAPE(j->columns)));
    NTK_TRY(ntk_check_finite(ctx, name, v));
    NTK_TRY(NTK_NEW_RAW(ctx, j->rows, u));
    out = ntk_vector_f64(*u, j->rows);
    NTK_TRY(ntk_jacobian_apply(ctx, j, v, &out));
    NTK_TRY(ntk_check_result(ctx, "J v", NTK_F64, *u, j->rows));
done:
    return status;
}

ntk_status ntk_fisher_multiply(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *v, ntk_array *out)
{
    ntk_status status;
    double *u = NULL;
    ntk_array forward;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(jacobian->columns)));
    NTK_TRY_PART(ctx, 0, 0.4, push_forward(ctx, jacobian, "v", v, &u));
    forward = ntk_vector_f64(u, jacobian->rows);
    NTK_TRY_PART(ctx, 0.4, 1, ntk_jacobian_apply_transposed(ctx, jacobian, &forward, out));
done:
    ntk_free(u);
    return status;
}

ntk_status ntk_fisher_norm(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *delta, double *norm)
{
    ntk_status status;
    double *u = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, jacobian);
    NTK_REQUIRE(ctx, norm);
    NTK_TRY(push_forward(ctx, jacobian, "delta", delta, &u));
    *norm = ntk_norm(1, jacobian->rows, u);
done:
    ntk_free(u);
    return status;
}
