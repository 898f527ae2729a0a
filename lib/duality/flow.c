/*
 * Functions of an eigenvalue lambda of K under gradient flow e' = -K e, after the time s = eta t / c:
 *
 *     decay    exp(-s lambda)
 *     learned  S(lambda) = (1 - exp(-s lambda)) / lambda = integral of exp(-r lambda) over r in [0, s]
 *
 * Stability.  1 - exp(-x) is -expm1(-x).  For |x| < 1, S = s (-expm1(-x)/x) with the limit s at x = 0: so an exactly
 * singular K gives no 0/0, and a product s lambda that underflows loses nothing.  For larger x, S = -expm1(-x)/lambda:
 * so s = infinity is no special case and gives 1/lambda.
 *
 * What is not resolved.  An eigenvalue of a kernel in [0, cutoff] cannot be told from 0.  Until s = 1/cutoff that makes
 * no difference; afterwards the mode counts as part of the null space, decay 1 and S 0, so that large times tend to the
 * answer at infinity, the pseudo-inverse.  Kernels are positive semi-definite: a negative eigenvalue within `slack` is
 * rounding and counts as 0.  One beyond that belongs to a matrix that is no kernel; its mode grows, and is computed so.
 */
#include "duality.h"

#include <math.h>

/* Negative eigenvalues down to this times the largest count as 0: the asymmetry that a gram tolerates. */
#define ROUNDING 1e-8

double ntk_flow_effective(const ntk_flow *f, double lambda)
{
    double value = lambda + f->ridge;
    return value < 0 && value >= -f->slack ? 0 : value;
}

bool ntk_flow_rests(const ntk_flow *f, double value)
{
    return value >= 0 && value <= f->cutoff && (isinf(f->s) || f->s * f->cutoff > 1);
}

double ntk_flow_decay(const ntk_flow *flow, double lambda)
{
    double value = ntk_flow_effective(flow, lambda);
    return ntk_flow_rests(flow, value) ? 1 : exp(-flow->s * value);
}

double ntk_flow_learned(const ntk_flow *flow, double lambda)
{
    double value = ntk_flow_effective(flow, lambda), x = flow->s * value;
    if (ntk_flow_rests(flow, value)) return 0;
    if (x == 0) return flow->s;
    return fabs(x) < 1 ? flow->s * (-expm1(-x) / x) : -expm1(-x) / value;
}

ntk_status ntk_check_time(ntk_context *ctx, const char *name, double time)
{
    if (time >= 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s is %g; expected a time >= 0, or infinity", name, time);
}

ntk_status ntk_check_rate(ntk_context *ctx, double learning_rate, double *rate)
{
    *rate = learning_rate == 0 ? 1 : learning_rate;
    if (*rate > 0 && isfinite(*rate)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.learning_rate is %g; expected a finite number > 0, or 0 for 1", learning_rate);
}

ntk_status ntk_flow_open(ntk_context *ctx, const ntk_spectrum *spectrum, double ridge, double rate, double time, ntk_flow *flow)
{
    double largest = 0, smallest = 0;
    if (spectrum->size > 0) {
        largest = spectrum->values[0];
        smallest = spectrum->values[spectrum->size - 1];
    }
    flow->s = isinf(time) ? INFINITY : rate * time;
    flow->ridge = ridge;
    flow->cutoff = spectrum->tolerance * fmax(largest + ridge, 0);
    flow->slack = ROUNDING * fmax(largest, 0);
    if (isfinite(flow->s) || smallest + ridge >= -flow->slack) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_UNSTABLE, "the kernel is not positive semi-definite: its eigenvalue %g (the largest is %g) grows without bound",
                    smallest + ridge, largest + ridge);
}

ntk_status ntk_check_result(ntk_context *ctx, const char *name, ntk_dtype dtype, const void *values, int64_t count)
{
    int64_t at = ntk_find_not_finite(dtype, values, count);
    if (at < 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s: number %lld exceeds the range of %s", name, (long long)at, ntk_dtype_name(dtype));
}
