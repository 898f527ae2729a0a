/*
 * The residual of a Lyapunov equation, relative in Frobenius norms:
 *
 *     |Aᵀ W + W A + CᵀC| / (2 |A| |W| + |CᵀC|),     |A W + W Aᵀ + B Bᵀ| / (2 |A| |W| + |B Bᵀ|):
 *
 * a few eps for the W of gramian.c and lyapunov.c at an infinite horizon.  Any W may be judged, symmetric or not.
 */
#include "control.h"

static ntk_status residual_of(ntk_context *ctx, int64_t n, const double *a, const ntk_port *port, ntk_gramian which, const double *w, double *q,
                              double *residual)
{
    ntk_status status;
    ntk_transpose left = which == NTK_GRAMIAN_OBSERVABILITY ? NTK_TRANSPOSED : NTK_PLAIN;
    ntk_transpose right = which == NTK_GRAMIAN_OBSERVABILITY ? NTK_PLAIN : NTK_TRANSPOSED;
    double scale, norm;
    NTK_TRY_PART(ctx, 0, 0.2, ntk_port_square(ctx, port, n, port->h, q));
    scale = 2 * ntk_norm(n, n, a) * ntk_norm(n, n, w) + ntk_norm(n, n, q);
    NTK_TRY_PART(ctx, 0.2, 0.6, ntk_gemm(ctx, NTK_F64, left, NTK_PLAIN, n, n, n, 1, a, n, w, n, 1, q, n));
    NTK_TRY_PART(ctx, 0.6, 1, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, right, n, n, n, 1, w, n, a, n, 1, q, n));
    NTK_TRY(ntk_check_result(ctx, "the residual", NTK_F64, q, n * n));
    norm = ntk_norm(n, n, q);
    *residual = norm > 0 ? norm / scale : 0;
done:
    return status;
}

ntk_status ntk_system_residual(ntk_context *ctx, const ntk_system *system, ntk_gramian which, const ntk_array *w, double *residual)
{
    ntk_status status;
    double *q = NULL, *a = NULL;
    ntk_port port = {0};
    const void *dense;
    void *copy = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_REQUIRE(ctx, residual);
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(ntk_check_shape(ctx, "w", w, NTK_F64, NTK_SHAPE(system->size, system->size)));
    NTK_TRY(ntk_check_finite(ctx, "w", w));
    NTK_TRY(NTK_NEW_RAW(ctx, system->size * system->size, &q));
    NTK_TRY(ntk_borrow(ctx, w, &dense, &copy));
    if (system->spectrum) NTK_TRY(ntk_parameters_dense(ctx, system, which, &a, &port));
    NTK_TRY(residual_of(ctx, system->size, a ? a : system->a, a ? &port : &system->ports[which], which, dense, q, residual));
done:
    ntk_free(port.h);
    ntk_free(a);
    ntk_free(copy);
    ntk_free(q);
    return status;
}
