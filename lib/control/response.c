/*
 * The free response z(t) = C exp(A t) x(0).
 *
 *     symmetric A = -Uᵀ diag(w) U    z = C Uᵀ exp(-w t) U x(0): each time on its own, exact by mode, all times in two products
 *     general A                      step by step along ascending times (exponential.c)
 *     in parameter space             J D^-1/2 = Wᵀ diag(sigma) V: z = Wᵀ exp(-(sigma² + decay) t) W J x(0), as C exp(At) = exp(-(K + decay) t) J
 */
#include "control.h"

#include <math.h>
#include <string.h>

/* modes [times, k] = exp(-rate_i t) c_i */
static void decay_modes(int64_t k, const double *rates, const double *c, const double *times, int64_t n_times, double *modes)
{
    for (int64_t t = 0; t < n_times; ++t)
        for (int64_t i = 0; i < k; ++i) modes[t * k + i] = c[i] == 0 ? 0 : exp(-rates[i] * times[t]) * c[i];
}

/* states [times, s] */
static ntk_status symmetric_states(ntk_context *ctx, const ntk_system *s, const double *x0, const double *times, int64_t n_times, double *states)
{
    ntk_status status;
    int64_t n = s->size;
    double *c = NULL, *rates = NULL, *modes = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &c));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &rates));
    NTK_TRY(NTK_NEW_RAW(ctx, n_times * n, &modes));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, 1, n, 1, s->vectors, n, x0, 1, 0, c, 1));
    for (int64_t i = 0; i < n; ++i) rates[i] = ntk_system_rate(s, i);
    decay_modes(n, rates, c, times, n_times, modes);
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n_times, n, n, 1, modes, n, s->vectors, n, 0, states, n));
done:
    ntk_free(modes);
    ntk_free(rates);
    ntk_free(c);
    return status;
}

static ntk_status general_states(ntk_context *ctx, const ntk_system *s, const double *x0, const double *times, int64_t n_times, double *states)
{
    ntk_status status;
    int64_t n = s->size;
    ntk_stepper stepper = {0};
    const double *before = x0;
    bool moved;
    NTK_TRY(ntk_stepper_open(ctx, s, &stepper));
    for (int64_t t = 0; t < n_times; ++t) {
        double *now = states + t * n;
        NTK_TRY(ntk_stepper_go(ctx, &stepper, times[t], &moved));
        if (moved) NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, 1, n, 1, stepper.e, n, before, 1, 0, now, 1));
        else memcpy(now, before, (size_t)n * sizeof *now);
        before = now;
        NTK_TRY(ntk_progress(ctx, (double)(t + 1) / (double)n_times));
    }
done:
    ntk_stepper_close(&stepper);
    return status;
}

/* z [times, q] = states Cᵀ */
static ntk_status matrix_response(ntk_context *ctx, const ntk_system *s, const double *x0, const double *times, int64_t n_times, double *z)
{
    ntk_status status;
    int64_t n = s->size;
    const ntk_port *c = &s->ports[NTK_GRAMIAN_OBSERVABILITY];
    double *states = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n_times * n, &states));
    NTK_TRY_PART(ctx, 0, 0.9, (s->w ? symmetric_states : general_states)(ctx, s, x0, times, n_times, states));
    if (c->h) NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, n_times, c->rows, n, 1, states, n, c->h, n, 0, z, c->rows));
    else memcpy(z, states, (size_t)(n_times * n) * sizeof *z);
done:
    ntk_free(states);
    return status;
}

/* In the null space of K, and of a J that is not square, nothing moves but by the weight decay: the part of J x(0) there is rounding, and left out. */
static ntk_status parameter_response(ntk_context *ctx, const ntk_system *s, const double *x0, const double *times, int64_t n_times, double *z)
{
    ntk_status status;
    int64_t n = s->spectrum->n, k = s->spectrum->rank;
    double *jx = NULL, *c = NULL, *rates = NULL, *modes = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &jx));
    NTK_TRY(NTK_NEW_RAW(ctx, k, &c));
    NTK_TRY(NTK_NEW_RAW(ctx, k, &rates));
    NTK_TRY(NTK_NEW_RAW(ctx, n_times * k, &modes));
    NTK_TRY(ntk_jacobian_dense_apply(ctx, s->spectrum->jacobian, x0, jx));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, k, 1, n, 1, s->spectrum->vectors, n, jx, 1, 0, c, 1));
    for (int64_t i = 0; i < k; ++i) rates[i] = s->spectrum->values[i] + s->weight_decay;
    decay_modes(k, rates, c, times, n_times, modes);
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n_times, n, k, 1, modes, k, s->spectrum->vectors, n, 0, z, n));
done:
    ntk_free(modes);
    ntk_free(rates);
    ntk_free(c);
    ntk_free(jx);
    return status;
}

ntk_status ntk_system_response(ntk_context *ctx, const ntk_system *system, const ntk_array *x0, const double *times, int64_t n_times, ntk_array *z)
{
    ntk_status status;
    const void *start;
    void *copy = NULL;
    double *dense = NULL;
    int64_t q;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_check_shape(ctx, "x0", x0, NTK_F64, NTK_SHAPE(system->size)));
    NTK_TRY(ntk_check_finite(ctx, "x0", x0));
    NTK_TRY(ntk_control_times(ctx, times, n_times));
    q = ntk_system_outputs(system);
    NTK_TRY(ntk_check_output(ctx, "z", z, NTK_F64, NTK_SHAPE(n_times, q)));
    NTK_TRY(NTK_NEW_RAW(ctx, n_times * q, &dense));
    NTK_TRY(ntk_borrow(ctx, x0, &start, &copy));
    NTK_TRY_PART(ctx, 0, 1, (system->spectrum ? parameter_response : matrix_response)(ctx, system, start, times, n_times, dense));
    NTK_TRY(ntk_check_result(ctx, "z", NTK_F64, dense, n_times * q));
    ntk_store(z, dense);
done:
    ntk_free(copy);
    ntk_free(dense);
    return status;
}
