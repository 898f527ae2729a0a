/*
 * Training in parameter space: theta' = -D⁻¹Jᵀ(J theta - y) - lambda theta, that is A = -(D⁻¹JᵀJ + lambda), B = D⁻¹Jᵀ, C = J.
 *
 * A is similar to a symmetric matrix: with J D^-1/2 = Uᵀ diag(sigma) V (rows v_i), D^1/2 A D^-1/2 = -(Vᵀ diag(sigma²) V + lambda), so
 *
 *     W(T) = D^±1/2 [ sum_i sigma_i² S(2 (sigma_i² + lambda)) v_i v_iᵀ ] D^±1/2 = F Fᵀ,     S(x) = (1 - exp(-x T))/x,
 *
 * + for observability, - for controllability: p x rank numbers, nothing p x p unless it is asked for.  A mode in the null space of J
 * does not decay where lambda = 0, and is neither seen nor driven: the Gramian on the rest is the minimal solution.
 * At infinity W_o = ½ P_row(J) for D = 1, lambda = 0, and 2 tr W_o = tr K (K + lambda)⁻¹ for any lambda (docs/mathematics.md §9.1).
 */
#include "control.h"

#include <math.h>
#include <string.h>

/* The spectral abscissa: a mode in the null space of J decays by the weight decay alone. */
static double slowest(const ntk_system *s)
{
    int64_t rank = s->spectrum->rank;
    if (s->size == 0) return -INFINITY;
    return rank < s->size ? 0 - s->weight_decay : -(s->spectrum->values[rank - 1] + s->weight_decay);
}

ntk_status ntk_system_check_matrix(ntk_context *ctx, const ntk_system *system)
{
    if (system->a) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "a system from a Jacobian keeps no A [%lld, %lld]: this call wants one", (long long)system->size,
                    (long long)system->size);
}

ntk_status ntk_system_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, double weight_decay,
                                    ntk_system **system)
{
    ntk_status status;
    ntk_system *s = NULL;
    NTK_ENTER_NEW(ctx, system);
    NTK_REQUIRE(ctx, jacobian);
    if (!(weight_decay >= 0 && isfinite(weight_decay)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "weight_decay is %g; expected a finite number >= 0", weight_decay);
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->size = jacobian->columns;
    s->weight_decay = weight_decay;
    NTK_TRY(ntk_spectrum_from_jacobian(ctx, jacobian, optimizer, NULL, &s->spectrum));
    s->abscissa = slowest(s);
    *system = s;
    s = NULL;
done:
    ntk_system_destroy(s);
    return status;
}

/* rows [rank, p]: Fᵀ. */
static ntk_status factor_rows(ntk_context *ctx, const ntk_system *s, ntk_gramian which, double horizon, double *rows)
{
    const ntk_spectrum *spectrum = s->spectrum;
    int64_t p = s->size, rank = spectrum->rank;
    ntk_flow flow = {.s = horizon};
    for (int64_t i = 0; i < rank; ++i) {
        double square = spectrum->values[i], rate = 2 * (square + s->weight_decay);
        double weight = sqrt(square * ntk_flow_learned(&flow, rate));
        for (int64_t j = 0; j < p; ++j) rows[i * p + j] = weight * spectrum->right[i * p + j];
    }
    ntk_optimizer_scale(spectrum->optimizer, rank, p, rows, which == NTK_GRAMIAN_OBSERVABILITY ? -0.5 : 0.5);
    return ntk_check_result(ctx, "the factor of w", NTK_F64, rows, rank * p);
}

ntk_status ntk_parameters_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w)
{
    ntk_status status;
    double *rows = NULL;
    int64_t p = system->size, rank = system->spectrum->rank;
    NTK_TRY(NTK_NEW_RAW(ctx, rank * p, &rows));
    NTK_TRY(ntk_progress(ctx, 0));
    NTK_TRY(factor_rows(ctx, system, which, horizon, rows));
    NTK_TRY(ntk_syrk(ctx, NTK_F64, NTK_TRANSPOSED, p, rank, 1, rows, p, 0, w, p));
    ntk_mirror(ctx, NTK_F64, p, w, p);
    NTK_TRY(ntk_progress(ctx, 1));
    NTK_TRY(ntk_check_result(ctx, "w", NTK_F64, w, p * p));
done:
    ntk_free(rows);
    return status;
}

ntk_status ntk_system_gramian_factor(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, ntk_array *f)
{
    ntk_status status;
    ntk_array flipped;
    double *rows = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(ntk_horizon_check(ctx, horizon));
    if (!system->spectrum)
        return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "only a system from a Jacobian keeps its Gramians as factors; ntk_system_gramian() has the matrix");
    NTK_TRY(ntk_check_output(ctx, "f", f, NTK_F64, NTK_SHAPE(system->size, system->spectrum->rank)));
    NTK_TRY(NTK_NEW_RAW(ctx, system->spectrum->rank * system->size, &rows));
    NTK_TRY(factor_rows(ctx, system, which, horizon, rows));
    flipped = ntk_array_flipped(f);
    ntk_store(&flipped, rows);
done:
    ntk_free(rows);
    return status;
}

int64_t ntk_system_rank(const ntk_system *system)
{
    if (!system) return -1;
    return system->spectrum ? system->spectrum->rank : system->size;
}

/* ---- dense, for the residual ------------------------------------------------------------------------------------ */

ntk_status ntk_parameters_dense(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double **a, ntk_port *port)
{
    ntk_status status;
    const ntk_jacobian *j = system->spectrum->jacobian;
    int64_t p = system->size, n = j->rows;
    double *rows = NULL, *scaled = NULL;
    NTK_TRY(ntk_memory_require(ctx, "A and its residual", 16 * (double)p * (double)(n + p)));
    NTK_TRY(NTK_NEW_RAW(ctx, n * p, &rows));
    NTK_TRY(NTK_NEW_RAW(ctx, n * p, &scaled));
    NTK_TRY(NTK_NEW_RAW(ctx, p * p, a));
    NTK_TRY(ntk_jacobian_dense_rows(ctx, j, 0, n, rows));
    memcpy(scaled, rows, (size_t)(n * p) * sizeof *scaled);
    ntk_optimizer_scale(system->spectrum->optimizer, n, p, scaled, 1);
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, p, p, n, -1, scaled, p, rows, p, 0, *a, p));
    for (int64_t i = 0; i < p; ++i) (*a)[i * p + i] -= system->weight_decay;
    port->rows = n;
    port->h = which == NTK_GRAMIAN_OBSERVABILITY ? rows : scaled;
    if (which == NTK_GRAMIAN_OBSERVABILITY) rows = NULL;
    else scaled = NULL;
done:
    ntk_free(scaled);
    ntk_free(rows);
    return status;
}
