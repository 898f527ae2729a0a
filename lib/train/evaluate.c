/*
 * Loss and gradient of a network on all samples, one pass forward and one back:
 *
 *     L(theta) = (1/c) sum_i l(f_i, y_i),   grad L = (1/c) Jᵀ u,   u_i = dl/df_i
 *
 * of f = f(theta), or of the linearised f = f(theta0) + J(theta0) (theta - theta0), whose J stays where it is.  Loss and u are sums over
 * samples, so chunks of samples go through a tape one after the other and memory does not grow with n.  Loss and u are computed in f64.
 */
#include "train.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* Bytes of values, tangents and cotangents on one tape. */
#define TAPE_BUDGET (256.0 * 1048576)

/* Numbers of one evaluation. */
typedef struct work {
    real *direction; /* [p]: theta - theta0, of a linearised network, else NULL */
    real *u;         /* [chunk, o] */
    real *change;    /* [chunk, o] = J direction */
    double *wide_f, *wide_u; /* [chunk, o] */
} work;

/* f of samples [first, first + n) from the tape that has gone forward. */
static ntk_status outputs(ntk_tape *tape, const work *w, real *f)
{
    ntk_status status = NTK_OK;
    int64_t count = tape->n * ntk_tape_size(tape, tape->network->result);
    memcpy(f, tape->value[tape->network->result], (size_t)count * sizeof *f);
    if (!w->direction) return NTK_OK;
    NTK_TRY(ntk_tape_tangent(tape, w->direction, w->change));
    for (int64_t i = 0; i < count; ++i) f[i] += w->change[i];
done:
    return status;
}

static ntk_status diverges(ntk_context *ctx, const ntk_trainer *t, const char *what)
{
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "after %lld steps %s exceeds the range of %s: training diverges at the learning rate %g",
                    (long long)t->steps, what, ntk_dtype_name(NTK_REAL), t->rate);
}

/* The share of samples [first, first + n): f, and what they add to *sum and g. */
static ntk_status chunk(ntk_context *ctx, ntk_trainer *t, const work *w, int64_t first, int64_t n, double *sum)
{
    real *f = (real *)t->f + first * t->o;
    const real *x = t->x;
    ntk_tape tape;
    ntk_status status = ntk_tape_open(ctx, t->network, n, t->start ? t->start : t->theta, x + first * ntk_network_input_size(t->network), &tape);
    if (status != NTK_OK) return status;
    NTK_TRY_PART(ctx, 0, 0.3, ntk_tape_forward(&tape, true));
    NTK_TRY_PART(ctx, 0.3, 0.5, outputs(&tape, w, f));
    if (ntk_find_not_finite(NTK_REAL, f, n * t->o) >= 0) NTK_TRY(diverges(ctx, t, "an output"));
    for (int64_t i = 0; i < n * t->o; ++i) w->wide_f[i] = (double)f[i];
    *sum += ntk_loss_sum(t->loss, t->delta, n, t->o, w->wide_f, t->y + first * t->o);
    ntk_loss_gradients(t->loss, t->delta, n, t->o, w->wide_f, t->y + first * t->o, w->wide_u);
    for (int64_t i = 0; i < n * t->o; ++i) w->u[i] = (real)(w->wide_u[i] / t->divisor);
    NTK_TRY_PART(ctx, 0.5, 1, ntk_tape_backward(&tape, w->u, t->g));
done:
    ntk_tape_close(&tape);
    return status;
}

static ntk_status open_work(ntk_context *ctx, const ntk_trainer *t, int64_t samples, work *w)
{
    ntk_status status;
    const real *theta = t->theta, *start = t->start;
    NTK_TRY(NTK_NEW_RAW(ctx, samples * t->o, &w->u));
    NTK_TRY(NTK_NEW_RAW(ctx, samples * t->o, &w->wide_f));
    NTK_TRY(NTK_NEW_RAW(ctx, samples * t->o, &w->wide_u));
    if (!t->start) goto done;
    NTK_TRY(NTK_NEW_RAW(ctx, samples * t->o, &w->change));
    NTK_TRY(NTK_NEW_RAW(ctx, t->p, &w->direction));
    for (int64_t j = 0; j < t->p; ++j) w->direction[j] = theta[j] - start[j];
done:
    return status;
}

static ntk_status pass(ntk_context *ctx, ntk_trainer *t, double *sum)
{
    ntk_status status;
    work w = {NULL};
    int64_t step;
    NTK_TRY(ntk_finite_chunk(ctx, t->network, 3, TAPE_BUDGET, &step));
    step = NTK_MIN(step, NTK_MAX(t->n, 1));
    NTK_TRY(open_work(ctx, t, step, &w));
    memset(t->g, 0, (size_t)t->p * sizeof(real));
    for (int64_t i = 0; i < t->n; i += step) {
        int64_t count = NTK_MIN(step, t->n - i);
        NTK_TRY_PART(ctx, (double)i / (double)t->n, (double)(i + count) / (double)t->n, chunk(ctx, t, &w, i, count, sum));
    }
done:
    ntk_free(w.wide_u);
    ntk_free(w.wide_f);
    ntk_free(w.direction);
    ntk_free(w.change);
    ntk_free(w.u);
    return status;
}

ntk_status ntk_trainer_evaluate(ntk_context *ctx, ntk_trainer *t)
{
    ntk_status status;
    double sum = 0;
    if (t->evaluated) return NTK_OK;
    NTK_TRY(pass(ctx, t, &sum));
    if (!isfinite(sum)) NTK_TRY(diverges(ctx, t, "the loss"));
    if (ntk_find_not_finite(NTK_REAL, t->g, t->p) >= 0) NTK_TRY(diverges(ctx, t, "the gradient"));
    t->value = sum / t->divisor;
    t->evaluated = true;
done:
    return status;
}
