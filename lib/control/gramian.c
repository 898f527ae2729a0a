/*
 * Gramians of a symmetric A = -Uᵀ diag(w) U (rows u_i):  with Q = CᵀC for observability, BBᵀ for controllability,
 *
 *     W(T) = int_0^T exp(At) Q exp(At) dt = Uᵀ [M_ij S(w_i + w_j)] U,   M = U Q Uᵀ,   S(x) = (1 - exp(-x T))/x,
 *
 * with S from lib/duality/flow.c: T at x = 0, 1/x at T = infinity.  No Schur form, no iteration (docs/mathematics.md §9.2).
 * With H = C or Bᵀ, M = (H Uᵀ)ᵀ (H Uᵀ): M_ii = |H u_i|² without cancellation.
 *
 * At T = infinity a mode with w_i <= s eps max|w|, which cannot be told from one that does not decay, must be unseen by H:
 * M_ii <= s eps tr M, the same uncertainty.  Its row and column of M are then 0, and W is the Gramian on the rest.
 */
#include "control.h"

#include <float.h>
#include <math.h>

ntk_status ntk_gramian_modal_square(ntk_context *ctx, const ntk_system *s, const ntk_port *port, double *m)
{
    ntk_status status;
    int64_t n = s->size;
    double *hu = NULL;
    if (port->h) {
        NTK_TRY(NTK_NEW_RAW(ctx, port->rows * n, &hu));
        NTK_TRY_PART(ctx, 0, 0.6, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, port->rows, n, n, 1, port->h, n, s->vectors, n, 0, hu, n));
    }
    NTK_TRY_PART(ctx, hu ? 0.6 : 0, 1, ntk_port_square(ctx, port, n, hu, m));
done:
    ntk_free(hu);
    return status;
}

static void clear_mode(int64_t n, int64_t i, double *m)
{
    for (int64_t j = 0; j < n; ++j) m[i * n + j] = m[j * n + i] = 0;
}

/* Restricts M to the modes that decay, all but `count`; UNSTABLE if another one is seen. */
static ntk_status restrict_modes(ntk_context *ctx, const ntk_system *s, ntk_gramian which, double *m, int64_t *count)
{
    int64_t n = s->size;
    double trace = 0;
    *count = 0;
    for (int64_t i = 0; i < n; ++i) trace += m[i * n + i];
    for (int64_t i = 0; i < n; ++i) {
        if (s->w[i] > s->tolerance) continue;
        if (m[i * n + i] > (double)n * DBL_EPSILON * trace)
            return ntk_fail(ctx, NTK_ERROR_UNSTABLE,
                            "the eigenvalue %g of A does not decay and its mode is %s: at infinity there is no %s Gramian; take a finite horizon",
                            -s->w[i], which == NTK_GRAMIAN_OBSERVABILITY ? "seen by C" : "driven by B", ntk_gramian_name(which));
        clear_mode(n, i, m);
        ++*count;
    }
    return NTK_OK;
}

/* What rounding made of 0 is 0, so that a long horizon does not amplify it. */
double ntk_system_rate(const ntk_system *system, int64_t i)
{
    return fabs(system->w[i]) <= system->tolerance ? fmax(system->w[i], 0) : system->w[i];
}

/* m_ij *= S(w_i + w_j), where there is something to multiply. */
static ntk_status integrate(ntk_context *ctx, const ntk_system *s, double horizon, double *m)
{
    ntk_status status = NTK_OK;
    int64_t n = s->size;
    ntk_flow flow = {.s = horizon};
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j <= i; ++j)
            if (m[i * n + j] != 0) m[i * n + j] *= ntk_flow_learned(&flow, ntk_system_rate(s, i) + ntk_system_rate(s, j));
        NTK_TRY(ntk_progress(ctx, (double)(i + 1) / (double)n));
    }
done:
    return status;
}

ntk_status ntk_gramian_from_modes(ntk_context *ctx, const ntk_system *s, const double *m, double *w)
{
    ntk_status status;
    int64_t n = s->size;
    double *mu = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &mu));
    NTK_TRY_PART(ctx, 0, 0.5, ntk_symm(ctx, NTK_F64, n, n, m, n, s->vectors, n, mu, n));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, n, n, 1, s->vectors, n, mu, n, 0, w, n));
    ntk_mirror(ctx, NTK_F64, n, w, n);
    NTK_TRY(ntk_check_result(ctx, "w", NTK_F64, w, n * n));
done:
    ntk_free(mu);
    return status;
}

ntk_status ntk_gramian_symmetric(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w)
{
    ntk_status status;
    double *m = NULL;
    int64_t count;
    NTK_TRY(NTK_NEW_RAW(ctx, system->size * system->size, &m));
    NTK_TRY_PART(ctx, 0, 0.4, ntk_gramian_modal_square(ctx, system, &system->ports[which], m));
    if (isinf(horizon)) NTK_TRY(restrict_modes(ctx, system, which, m, &count));
    NTK_TRY_PART(ctx, 0.4, 0.5, integrate(ctx, system, horizon, m));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_gramian_from_modes(ctx, system, m, w));
done:
    ntk_free(m);
    return status;
}

/* How many modes ntk_gramian_symmetric() leaves out. */
static ntk_status count_symmetric(ntk_context *ctx, const ntk_system *system, ntk_gramian which, int64_t *count)
{
    ntk_status status = NTK_OK;
    double *m = NULL;
    if (system->size == 0 || system->w[system->size - 1] > system->tolerance) return NTK_OK;
    NTK_TRY(NTK_NEW_RAW(ctx, system->size * system->size, &m));
    NTK_TRY(ntk_gramian_modal_square(ctx, system, &system->ports[which], m));
    NTK_TRY(restrict_modes(ctx, system, which, m, count));
done:
    ntk_free(m);
    return status;
}

ntk_status ntk_system_resting_modes(ntk_context *ctx, const ntk_system *system, ntk_gramian which, int64_t *count)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_REQUIRE(ctx, count);
    *count = 0;
    if (ntk_gramian_check(ctx, which) != NTK_OK) return NTK_ERROR_ARGUMENT;
    if (system->spectrum) *count = system->weight_decay > 0 ? 0 : system->size - system->spectrum->rank;
    else if (system->w) return count_symmetric(ctx, system, which, count);
    else if (system->abscissa >= -system->tolerance) return ntk_gramian_resting(ctx, system, which, NULL, count);
    return NTK_OK;
}

ntk_status ntk_gramian_dense(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w)
{
    return system->w ? ntk_gramian_symmetric(ctx, system, which, horizon, w) : ntk_gramian_general(ctx, system, which, horizon, w);
}

ntk_status ntk_horizon_check(ntk_context *ctx, double horizon)
{
    if (horizon > 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "horizon is %g; expected a number > 0, or infinity", horizon);
}

ntk_status ntk_system_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, ntk_array *w)
{
    ntk_status status;
    double *dense = NULL;
    int64_t n;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    n = system->size;
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(ntk_horizon_check(ctx, horizon));
    NTK_TRY(ntk_check_output(ctx, "w", w, NTK_F64, NTK_SHAPE(n, n)));
    NTK_TRY(ntk_memory_require(ctx, "the Gramian", 32 * (double)n * (double)n));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &dense));
    if (system->spectrum) NTK_TRY(ntk_parameters_gramian(ctx, system, which, horizon, dense));
    else NTK_TRY(ntk_gramian_dense(ctx, system, which, horizon, dense));
    ntk_store(w, dense);
done:
    ntk_free(dense);
    return status;
}
