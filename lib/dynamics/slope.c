/*
 * What the integrator moves, f and w together (and f', w'), although f = f0 - K w: the product K w' that f' needs gives the new f of every stage
 * for nothing, and both carry the same error, so that
 *
 *     - d_wᵀ d_f = d_wᵀ K d_w = |d|²    in the norm of the kernel's own space, where |d(x)| <= sqrt(K(x, x)) |d|
 *
 * for every input x: one number bounds the error of all predictions.  With momentum an error of f' counts as what it moves in a step.
 *
 * F' has the spectrum of -eta (K H + decay), H = grad² L: real and not positive, as H^½ K H^½ is, and no larger than eta (lambda_max h + decay).
 */
#include "dynamics.h"

#include <math.h>

int64_t ntk_learning_vector(const ntk_learning *l)
{
    return ntk_learning_count(l) * (l->momentum > 0 ? 4 : 2);
}

static ntk_status ask_callback(ntk_context *ctx, const ntk_learning *l, const double *f, double *g, double *value)
{
    int failed = l->callback(l->user, l->samples, l->outputs, f, l->y, g, value);
    if (failed) return ntk_fail(ctx, NTK_ERROR_CALLBACK, "the callback of the loss returned %d", failed);
    return NTK_OK;
}

ntk_status ntk_learning_gradient(ntk_context *ctx, const ntk_learning *l, const double *f, double *g, double *value)
{
    ntk_status status = NTK_OK;
    int64_t count = ntk_learning_count(l);
    if (l->callback) NTK_TRY(ask_callback(ctx, l, f, g, value));
    else {
        ntk_loss_gradients(l->loss, l->delta, l->samples, l->outputs, f, l->y, g);
        if (value) *value = ntk_loss_sum(l->loss, l->delta, l->samples, l->outputs, f, l->y);
    }
    for (int64_t i = 0; i < count; ++i) g[i] /= l->divisor;
    if (value) *value /= l->divisor;
done:
    return status;
}

/* dw = eta (g - decay w), of a vector (f, w, ...). */
static ntk_status force(ntk_context *ctx, const ntk_learning *l, const double *vector, double *dw)
{
    ntk_status status;
    int64_t count = ntk_learning_count(l);
    const double *w = vector + count;
    NTK_TRY(ntk_learning_gradient(ctx, l, vector, dw, NULL));
    for (int64_t i = 0; i < count; ++i) dw[i] = l->learning_rate * (dw[i] - l->decay * w[i]);
done:
    return status;
}

static ntk_status flow_slope(ntk_context *ctx, void *user, const double *vector, double *slope)
{
    ntk_status status;
    const ntk_learning *l = user;
    int64_t count = ntk_learning_count(l);
    NTK_TRY(force(ctx, l, vector, slope + count));
    NTK_TRY(ntk_learning_outputs(ctx, l, slope + count, NULL, slope));
done:
    return status;
}

/* (f, w, f', w')' = (f', w', -K force - (1 - m) f', force - (1 - m) w'). */
static ntk_status ball_slope(ntk_context *ctx, void *user, const double *vector, double *slope)
{
    ntk_status status;
    const ntk_learning *l = user;
    int64_t count = ntk_learning_count(l);
    NTK_TRY(force(ctx, l, vector, slope + 3 * count));
    NTK_TRY(ntk_learning_outputs(ctx, l, slope + 3 * count, NULL, slope + 2 * count));
    for (int64_t i = 0; i < 2 * count; ++i) {
        slope[i] = vector[2 * count + i];
        slope[2 * count + i] -= (1 - l->momentum) * slope[i];
    }
done:
    return status;
}

/* - d_wᵀ d_f of an error (d_f, d_w). */
static double square(int64_t count, const double *d)
{
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum -= d[i] * d[count + i];
    return isfinite(sum) ? fmax(sum, 0) : INFINITY;
}

static double step_error(void *user, double h, const double *y, const double *z, const double *e)
{
    const ntk_learning *l = user;
    int64_t count = ntk_learning_count(l);
    double scale = ntk_largest(count, z, ntk_largest(count, y, l->scale)), sum = square(count, e);
    if (l->momentum > 0) sum += h * h * square(count, e + 2 * count);
    return sqrt(l->diagonal * sum) / (l->tolerance * scale);
}

static double radius(void *user, const double *y)
{
    const ntk_learning *l = user;
    double h = l->callback ? l->curvature : ntk_loss_largest_curvature(l->loss, l->samples, l->outputs, y, l->y);
    if (l->momentum > 0 || !(h > 0)) return 0;
    return l->learning_rate * (l->largest * h / l->divisor + l->decay);
}

ntk_ode_problem ntk_learning_problem(const ntk_learning *l)
{
    return (ntk_ode_problem){ntk_learning_vector(l), (void *)(uintptr_t)l, l->momentum > 0 ? ball_slope : flow_slope, step_error, radius};
}

bool ntk_learning_is_steady(const ntk_learning *l, const double *slope)
{
    int64_t count = ntk_learning_count(l);
    double allowed = l->steady * l->start * l->learning_rate, speed = ntk_largest(count, slope, 0);
    if (l->momentum == 0) return speed <= allowed;
    return (1 - l->momentum) * speed <= allowed && ntk_largest(count, slope + 2 * count, 0) <= allowed;
}
