/*
 * Gradient descent with a step: x_{k+1} = E x_k, E = I + step A.  Its Gramians
 *
 *     W_o = sum_k (Eᵀ)^k CᵀC E^k = Eᵀ W_o E + CᵀC,      W_c = sum_k E^k B Bᵀ (Eᵀ)^k = E W_c Eᵀ + B Bᵀ
 *
 * solve Stein's equation; they exist where the spectral radius of E is below 1: for A = -K, 0 < step < 2/lambda_max.
 * (step W tends to the Gramian of the flow as the step falls.)  By doubling (Smith 1968; Anderson 1978): W <- W + op(E) W op(E)ᵀ,
 * E <- E², a sum of positive semi-definite terms that converges quadratically.
 */
#include "control.h"

#include <float.h>
#include <math.h>

#define DOUBLINGS 60 /* 2^60 steps: a radius of 1 - 1e-17 is no longer below 1 */

typedef struct smith {
    int64_t n;
    ntk_gramian which;
    double *w, *e, *term, *room; /* [s, s] */
} smith;

/* What the last doubling added no longer counts, and the next will add less. */
static bool converged(const smith *d)
{
    return ntk_norm(d->n, d->n, d->term) <= DBL_EPSILON / 4 * ntk_norm(d->n, d->n, d->w) && ntk_norm(d->n, d->n, d->e) < 1;
}

static ntk_status sum_all(ntk_context *ctx, smith *d, double step)
{
    ntk_status status = NTK_OK;
    bool done = d->n == 0;
    for (int i = 0; !done && i < DOUBLINGS; ++i) {
        NTK_TRY(ntk_gramian_double(ctx, d->which, d->n, d->w, d->e, d->term, d->room));
        done = converged(d);
        if (ntk_find_not_finite(NTK_F64, d->w, d->n * d->n) >= 0) break;
        NTK_TRY(ntk_progress(ctx, (double)(i + 1) / DOUBLINGS));
    }
    if (!done)
        return ntk_fail(ctx, NTK_ERROR_UNSTABLE, "gradient descent with the step %g does not converge in every mode that counts: it has no Gramian", step);
done:
    return status;
}

static ntk_status check_step(ntk_context *ctx, double step)
{
    if (step > 0 && isfinite(step)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "step is %g; expected a finite number > 0", step);
}

/* e = I + step A */
static void fill_step(int64_t n, const double *a, double step, double *e)
{
    for (int64_t i = 0; i < n * n; ++i) e[i] = (i % (n + 1) == 0) + step * a[i];
}

/* w [s, s] */
static ntk_status by_doubling(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double step, double *w)
{
    ntk_status status;
    smith d = {.n = system->size, .which = which, .w = w};
    int64_t n = d.n;
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &d.e));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &d.term));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &d.room));
    fill_step(n, system->a, step, d.e);
    NTK_TRY(ntk_port_square(ctx, &system->ports[which], n, system->ports[which].h, d.w));
    NTK_TRY(sum_all(ctx, &d, step));
done:
    ntk_free(d.room);
    ntk_free(d.term);
    ntk_free(d.e);
    return status;
}

ntk_status ntk_system_discrete_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double step, ntk_array *w)
{
    ntk_status status;
    double *dense = NULL;
    int64_t n;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    n = system->size;
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(check_step(ctx, step));
    NTK_TRY(ntk_check_output(ctx, "w", w, NTK_F64, NTK_SHAPE(n, n)));
    NTK_TRY(ntk_memory_require(ctx, "the Gramian", 32 * (double)n * (double)n));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &dense));
    NTK_TRY_PART(ctx, 0, 1, (system->spectrum ? ntk_parameters_discrete : by_doubling)(ctx, system, which, step, dense));
    ntk_store(w, dense);
done:
    ntk_free(dense);
    return status;
}

/* ---- the residual ---- */

/* As any w is judged, symmetric or not, no symmetry is used. */
static ntk_status residual_of(ntk_context *ctx, smith *d, const double *w, double *residual)
{
    ntk_status status;
    int64_t n = d->n;
    ntk_transpose left = d->which == NTK_GRAMIAN_OBSERVABILITY ? NTK_TRANSPOSED : NTK_PLAIN;
    ntk_transpose right = d->which == NTK_GRAMIAN_OBSERVABILITY ? NTK_PLAIN : NTK_TRANSPOSED;
    double e = ntk_norm(n, n, d->e), scale = (e * e + 1) * ntk_norm(n, n, w) + ntk_norm(n, n, d->term), norm;
    for (int64_t i = 0; i < n * n; ++i) d->term[i] -= w[i];
    NTK_TRY_PART(ctx, 0, 0.5, ntk_gemm(ctx, NTK_F64, left, NTK_PLAIN, n, n, n, 1, d->e, n, w, n, 0, d->room, n));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, right, n, n, n, 1, d->room, n, d->e, n, 1, d->term, n));
    NTK_TRY(ntk_check_result(ctx, "the residual", NTK_F64, d->term, n * n));
    norm = ntk_norm(n, n, d->term);
    *residual = norm > 0 ? norm / scale : 0;
done:
    return status;
}

ntk_status ntk_system_discrete_residual(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double step, const ntk_array *w, double *residual)
{
    ntk_status status;
    smith d = {.which = which};
    const void *dense;
    void *copy = NULL;
    double *a = NULL;
    ntk_port port = {0};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_REQUIRE(ctx, residual);
    d.n = system->size;
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(check_step(ctx, step));
    NTK_TRY(ntk_check_shape(ctx, "w", w, NTK_F64, NTK_SHAPE(d.n, d.n)));
    NTK_TRY(ntk_check_finite(ctx, "w", w));
    NTK_TRY(NTK_NEW_RAW(ctx, d.n * d.n, &d.e));
    NTK_TRY(NTK_NEW_RAW(ctx, d.n * d.n, &d.term));
    NTK_TRY(NTK_NEW_RAW(ctx, d.n * d.n, &d.room));
    NTK_TRY(ntk_borrow(ctx, w, &dense, &copy));
    if (system->spectrum) NTK_TRY(ntk_parameters_dense(ctx, system, which, &a, &port));
    fill_step(d.n, a ? a : system->a, step, d.e);
    NTK_TRY_PART(ctx, 0, 0.2, ntk_port_square(ctx, a ? &port : &system->ports[which], d.n, a ? port.h : system->ports[which].h, d.term));
    NTK_TRY_PART(ctx, 0.2, 1, residual_of(ctx, &d, dense, residual));
done:
    ntk_free(port.h);
    ntk_free(a);
    ntk_free(copy);
    ntk_free(d.room);
    ntk_free(d.term);
    ntk_free(d.e);
    return status;
}
