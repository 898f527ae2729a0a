/*
 * S_A(t) = (1 - exp(-s A~)) A~⁻¹, A~ = A + ridge I, s = rate t.
 *
 *   a solver   t = infinity: A~⁻¹, by two triangular solves or conjugate gradients.
 *   eigen      A = Uᵀ diag(lambda) U:  Uᵀ diag(S(lambda + ridge)) U for every t; where A~ is singular, S at infinity is the
 *              pseudo-inverse (lib/duality/flow.c).
 */
#include "predict.h"

#include <string.h>

static size_t bytes(const ntk_predictor *p, int64_t m)
{
    return (size_t)(p->gram->size * m) * ntk_dtype_size(p->gram->dtype);
}

/* ---- a solver -------------------------------------------------------------------------------------------------- */

static ntk_status solver_open(ntk_context *ctx, const ntk_predictor_options *o, ntk_predictor *p)
{
    ntk_status status;
    ntk_solver_options solver = {NTK_SOLVER_OPTIONS_INIT, .kind = p->rule->trained, .ridge = p->ridge, .consume = o->consume,
                                 .decomposition = o->decomposition, .tolerance = o->tolerance};
    NTK_TRY_PART(ctx, 0, 0.9, ntk_solver_make(ctx, ntk_predictor_matrix(p), &solver, 2, &p->solver));
    NTK_TRY_PART(ctx, 0.9, 1, ntk_solver_apply(ctx, p->solver, p->columns, p->start));
done:
    return status;
}

static ntk_status solver_weights(ntk_context *ctx, const ntk_predictor *p, double time, void *weights)
{
    (void)ctx;
    (void)time;
    memcpy(weights, p->start, bytes(p, p->columns));
    return NTK_OK;
}

static ntk_status solver_smooth(ntk_context *ctx, const ntk_predictor *p, double time, int64_t m, void *b)
{
    (void)time;
    return ntk_solver_apply(ctx, p->solver, m, b);
}

/* ---- eigenvectors ---------------------------------------------------------------------------------------------- */

static ntk_status eigen_open(ntk_context *ctx, const ntk_predictor_options *o, ntk_predictor *p)
{
    ntk_status status;
    void *coefficients = NULL;
    ntk_spectrum_options spectrum = {NTK_SPECTRUM_OPTIONS_INIT, .kind = p->rule->trained};
    (void)o;
    NTK_TRY_PART(ctx, 0, 0.95, ntk_spectrum_create(ctx, ntk_predictor_matrix(p), &spectrum, &p->spectrum));
    NTK_TRY(ntk_allocate_raw(ctx, p->gram->size * p->columns, sizeof(double), &coefficients));
    NTK_TRY_PART(ctx, 0.95, 1, ntk_spectrum_analyse(ctx, p->spectrum, p->columns, p->start, coefficients));
    ntk_free(p->start);
    p->start = coefficients;
    coefficients = NULL;
done:
    ntk_free(coefficients);
    return status;
}

/* x [N, m] = Uᵀ diag(S) c; c is overwritten where it is the same as `scratch`. */
static ntk_status eigen_learn(ntk_context *ctx, const ntk_predictor *p, double time, int64_t m, const double *c, double *scratch, double *x)
{
    ntk_status status;
    ntk_flow flow;
    NTK_TRY(ntk_flow_open(ctx, p->spectrum, p->ridge, p->rate, time, &flow));
    ntk_spectrum_weigh(p->spectrum, &flow, ntk_flow_learned, m, c, scratch);
    NTK_TRY(ntk_spectrum_synthesise(ctx, p->spectrum, m, scratch, x));
done:
    return status;
}

static ntk_status eigen_weights(ntk_context *ctx, const ntk_predictor *p, double time, void *weights)
{
    ntk_status status;
    double *scratch = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, p->gram->size * p->columns, &scratch));
    NTK_TRY(eigen_learn(ctx, p, time, p->columns, p->start, scratch, weights));
done:
    ntk_free(scratch);
    return status;
}

static ntk_status eigen_smooth(ntk_context *ctx, const ntk_predictor *p, double time, int64_t m, void *b)
{
    ntk_status status;
    double *c = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, p->gram->size * m, &c));
    NTK_TRY_PART(ctx, 0, 0.5, ntk_spectrum_analyse(ctx, p->spectrum, m, b, c));
    NTK_TRY_PART(ctx, 0.5, 1, eigen_learn(ctx, p, time, m, c, c, b));
done:
    ntk_free(c);
    return status;
}

const ntk_engine ntk_engines[] = {
    [NTK_DECOMPOSITION_CHOLESKY] = {false, solver_open, solver_weights, solver_smooth},
    [NTK_DECOMPOSITION_EIGEN] = {true, eigen_open, eigen_weights, eigen_smooth},
    [NTK_DECOMPOSITION_CG] = {false, solver_open, solver_weights, solver_smooth},
};
