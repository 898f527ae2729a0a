/*
 * Gradient flow f' = -(eta/c) K (f - y), with g = U (f(0) - y) and s = eta t / c:
 *
 *     f(t)        = y + Uᵀ exp(-s lambda) g
 *     w(t)        = Uᵀ S(lambda) g
 *     f*(t)       = f0* - K* w(t)                      on new inputs
 *     theta(t)    = theta(0) - D⁻¹ Jᵀ w(t)
 *     loss(t)     = ½ |exp(-s lambda) g|² / c
 *
 * f(t) is formed from whichever end is nearer, as y + Uᵀ exp(-s lambda) g or as f(0) - Uᵀ (1 - exp(-s lambda)) g: so
 * f(0) is f0 to the bit, f(infinity) of a regular K is y to the bit, and rounding is relative to what has moved.  The loss is
 * a sum over modes, without the cancellation in f - y.
 */
#include "dynamics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One kind of answer: [times] + [rows, columns], a time at a time. */
typedef struct answer {
    const ntk_dynamics *d;
    int64_t rows, columns;
    const double *k_test, *f0; /* on new inputs; f0 may be NULL */
    double *modes, *weights;   /* scratch, [N, c] each */
    ntk_status (*at)(ntk_context *ctx, const struct answer *a, const ntk_flow *flow, double *out);
} answer;

static ntk_status check_times(ntk_context *ctx, const double *times, int64_t n_times)
{
    ntk_status status = NTK_OK;
    char name[40];
    if (n_times < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "n_times is %lld; expected a number >= 0", (long long)n_times);
    if (n_times > 0) NTK_REQUIRE(ctx, times);
    for (int64_t i = 0; status == NTK_OK && i < n_times; ++i) {
        snprintf(name, sizeof name, "times[%lld]", (long long)i);
        status = ntk_check_time(ctx, name, times[i]);
    }
    return status;
}

static ntk_status answer_time(ntk_context *ctx, const answer *a, double time, double *scratch, const ntk_array *out)
{
    ntk_status status;
    ntk_flow flow;
    NTK_TRY(ntk_flow_open(ctx, a->d->spectrum, 0, a->d->rate, time, &flow));
    NTK_TRY(a->at(ctx, a, &flow, scratch));
    NTK_TRY(ntk_check_result(ctx, "the answer", NTK_F64, scratch, a->rows * a->columns));
    ntk_store(out, scratch);
done:
    return status;
}

static ntk_status answer_all(ntk_context *ctx, answer *a, const double *times, int64_t n_times, const ntk_array *out)
{
    ntk_status status;
    double *scratch = NULL;
    int64_t count = a->d->gram->size * a->d->columns;
    NTK_TRY(NTK_NEW_RAW(ctx, a->rows * a->columns, &scratch));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &a->modes));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &a->weights));
    for (int64_t i = 0; i < n_times; ++i) {
        ntk_array one = ntk_array_at(out, i);
        NTK_TRY_PART(ctx, (double)i / (double)n_times, (double)(i + 1) / (double)n_times, answer_time(ctx, a, times[i], scratch, &one));
    }
done:
    ntk_free(a->weights);
    ntk_free(a->modes);
    ntk_free(scratch);
    return status;
}

/* ---- f on the training set ------------------------------------------------------------------------------------- */

static double unlearned(const ntk_flow *flow, double lambda)
{
    return ntk_flow_decay(flow, lambda) - 1;
}

static ntk_status train_at(ntk_context *ctx, const answer *a, const ntk_flow *flow, double *out)
{
    ntk_status status;
    const ntk_dynamics *d = a->d;
    bool early = d->spectrum->size > 0 && flow->s * d->spectrum->values[0] < 0.5; /* every mode is nearer to its start */
    const double *end = early ? d->f0 : d->y;
    ntk_spectrum_weigh(d->spectrum, flow, early ? unlearned : ntk_flow_decay, d->columns, d->error, a->modes);
    NTK_TRY(ntk_spectrum_synthesise(ctx, d->spectrum, d->columns, a->modes, out));
    for (int64_t i = 0; i < a->rows * a->columns; ++i) out[i] += end[i];
done:
    return status;
}

ntk_status ntk_dynamics_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *f)
{
    ntk_status status;
    answer a = {.d = dynamics, .at = train_at};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    a.rows = dynamics->gram->size;
    a.columns = dynamics->columns;
    NTK_TRY(check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "f", f, NTK_F64, n_times, a.rows, a.columns, dynamics->outputs));
    NTK_TRY(answer_all(ctx, &a, times, n_times, f));
done:
    return status;
}

/* ---- f on new inputs ------------------------------------------------------------------------------------------- */

/* a->weights = w(t). */
static ntk_status weights_at(ntk_context *ctx, const answer *a, const ntk_flow *flow)
{
    const ntk_dynamics *d = a->d;
    ntk_spectrum_weigh(d->spectrum, flow, ntk_flow_learned, d->columns, d->error, a->modes);
    return ntk_spectrum_synthesise(ctx, d->spectrum, d->columns, a->modes, a->weights);
}

static ntk_status test_at(ntk_context *ctx, const answer *a, const ntk_flow *flow, double *out)
{
    ntk_status status;
    int64_t n = a->d->gram->size;
    size_t size = (size_t)(a->rows * a->columns) * sizeof *out;
    NTK_TRY_PART(ctx, 0, 0.5, weights_at(ctx, a, flow));
    if (a->f0) memcpy(out, a->f0, size);
    else memset(out, 0, size);
    NTK_TRY_PART(ctx, 0.5, 1,
                 ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, a->rows, a->columns, n, -1, a->k_test, n, a->weights, a->columns, 1, out, a->columns));
done:
    return status;
}

/* The checked, dense elements of an array of new inputs. */
static ntk_status borrow_finite(ntk_context *ctx, const char *name, const ntk_array *v, const double **dense, void **copy)
{
    ntk_status status;
    const void *elements;
    NTK_TRY(ntk_check_finite(ctx, name, v));
    NTK_TRY(ntk_borrow(ctx, v, &elements, copy));
    *dense = elements;
done:
    return status;
}

ntk_status ntk_dynamics_test_at(ntk_context *ctx, const ntk_dynamics *dynamics, const ntk_array *k_test, const ntk_array *f0, const double *times,
                                int64_t n_times, ntk_array *f)
{
    ntk_status status;
    void *k_copy = NULL, *f0_copy = NULL;
    answer a = {.d = dynamics, .at = test_at};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    a.columns = dynamics->columns;
    NTK_TRY(check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_shape(ctx, "k_test", k_test, NTK_F64, NTK_SHAPE(-1, dynamics->gram->size)));
    a.rows = k_test->shape[0];
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "f", f, NTK_F64, n_times, a.rows, a.columns, dynamics->outputs));
    NTK_TRY(borrow_finite(ctx, "k_test", k_test, &a.k_test, &k_copy));
    if (f0) {
        NTK_TRY(ntk_check_answers(ctx, ntk_check_shape, "f0", f0, NTK_F64, -1, a.rows, a.columns, dynamics->outputs));
        NTK_TRY(borrow_finite(ctx, "f0", f0, &a.f0, &f0_copy));
    }
    NTK_TRY(answer_all(ctx, &a, times, n_times, f));
done:
    ntk_free(f0_copy);
    ntk_free(k_copy);
    return status;
}

/* ---- parameters ------------------------------------------------------------------------------------------------ */

static ntk_status parameters_at(ntk_context *ctx, const answer *a, const ntk_flow *flow, double *out)
{
    ntk_status status;
    const ntk_gram *g = a->d->gram;
    ntk_array weights = ntk_vector_f64(a->weights, g->size), step = ntk_vector_f64(out, a->rows);
    NTK_TRY_PART(ctx, 0, 0.2, weights_at(ctx, a, flow));
    NTK_TRY(ntk_check_result(ctx, "w(t)", NTK_F64, a->weights, g->size));
    NTK_TRY_PART(ctx, 0.2, 1, ntk_jacobian_apply_transposed(ctx, g->jacobian, &weights, &step));
    ntk_optimizer_scale(g->optimizer, 1, a->rows, out, 1);
    for (int64_t i = 0; i < a->rows; ++i) out[i] = -out[i];
done:
    return status;
}

ntk_status ntk_dynamics_parameters_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out)
{
    ntk_status status;
    answer a = {.d = dynamics, .columns = 1, .at = parameters_at};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    if (!dynamics->gram->jacobian) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the gram comes from no Jacobian: there are no parameters to follow");
    if (dynamics->columns != 1)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "y has %lld columns; the parameters follow one target per row of J", (long long)dynamics->columns);
    a.rows = dynamics->gram->jacobian->columns;
    NTK_TRY(check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(n_times, a.rows)));
    NTK_TRY(answer_all(ctx, &a, times, n_times, out));
done:
    return status;
}

/* ---- loss ------------------------------------------------------------------------------------------------------ */

static ntk_status loss_at(ntk_context *ctx, const answer *a, const ntk_flow *flow, double *out)
{
    const ntk_dynamics *d = a->d;
    double norm;
    (void)ctx;
    ntk_spectrum_weigh(d->spectrum, flow, ntk_flow_decay, d->columns, d->error, a->modes);
    norm = ntk_norm(d->spectrum->size, d->columns, a->modes);
    *out = norm * norm / (2 * d->divisor);
    return NTK_OK;
}

ntk_status ntk_dynamics_loss_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out)
{
    ntk_status status;
    answer a = {.d = dynamics, .rows = 1, .columns = 1, .at = loss_at};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    NTK_TRY(check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(n_times)));
    NTK_TRY(answer_all(ctx, &a, times, n_times, out));
done:
    return status;
}
