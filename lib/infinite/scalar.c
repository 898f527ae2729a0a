/*
 * Scalar mathematics for users and tests: the arc-cosine kernels and the two-layer NTK of two vectors (Cho & Saul 2009).
 *
 *     kappa0 = (pi - t)/pi,   kappa1 = (sin t + cos t (pi - t))/pi          of the angle t, cos t given
 *     Theta  = |x| |x'|/(2 pi) [ v_std² cos t (pi - t) + w_std² (sin t + (pi - t) cos t) ]
 *
 * Stability.  t comes from atan2(sin t, cos t), sin t = sqrt((1 - cos t)(1 + cos t)), or from the two distances of the unit vectors
 * (Kahan): acos alone loses half of the digits near cos t = ±1.  Near -1, where the terms of kappa1 cancel, its series is summed.
 */
#include "infinite.h"

#include <math.h>

/*
 * kappa0 = (pi - t)/pi, kappa1 = (sin t + cos t (pi - t))/pi with cos t given.  t from atan2(sin t, cos t), sin t =
 * sqrt((1 - c)(1 + c)): acos alone loses digits near ±1.
 */
static double angle_of(double cosine)
{
    return atan2(sqrt((1 - cosine) * (1 + cosine)), cosine);
}

double ntk_kappa0(double t)
{
    return fabs(t) <= 1 ? (M_PI - angle_of(t)) / M_PI : NAN;
}

double ntk_kappa1(double t)
{
    double s;
    if (!(fabs(t) <= 1)) return NAN;
    s = sqrt((1 - t) * (1 + t));
    if (t < -0.5) { /* sin t - t cos t of the small angle from -1, by its series: the two terms nearly cancel */
        double e = atan2(s, -t), term = e * e * e / 3, sum = 0;
        for (int k = 1; k < 30; ++k) {
            sum += term;
            term *= -e * e * (k + 1) / ((double)k * (2 * k + 2) * (2 * k + 3));
        }
        return sum / M_PI;
    }
    return (s + t * (M_PI - angle_of(t))) / M_PI;
}

/* |x/|x| ± x'/|x'|| with the lengths given: the half angle between two vectors is atan2(|x̂ - x̂'|, |x̂ + x̂'|) (Kahan). */
static double unit_distance(int64_t d, const double *x, double x_inverse, const double *y, double y_inverse, double sign)
{
    double sum = 0;
    for (int64_t k = 0; k < d; ++k) {
        double e = x[k] * x_inverse + sign * (y[k] * y_inverse);
        sum += e * e;
    }
    return sqrt(sum);
}

static ntk_status check_vectors(ntk_context *ctx, int64_t d, const double *x1, const double *x2, double w_std, double v_std)
{
    NTK_REQUIRE(ctx, x1);
    NTK_REQUIRE(ctx, x2);
    if (d < 1) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "d is %lld; vectors have at least one entry", (long long)d);
    if (!(w_std >= 0 && v_std >= 0 && isfinite(w_std) && isfinite(v_std)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "w_std is %g and v_std is %g; both must be finite and at least 0", w_std, v_std);
    if (ntk_find_not_finite(NTK_F64, x1, d) >= 0 || ntk_find_not_finite(NTK_F64, x2, d) >= 0)
        return ntk_fail(ctx, NTK_ERROR_NOT_FINITE, "x1 or x2 holds a number that is not finite");
    return NTK_OK;
}

/*
 * With q = w² |x||x'| and the angle t:  E[relu' relu'] = (pi - t)/(2 pi),  E[relu relu] = w² |x||x'| (sin t + (pi - t) cos t)/(2 pi)
 * (Cho & Saul 2009), and x·x' = |x||x'| cos t.
 */
ntk_status ntk_relu_two_layer_ntk(ntk_context *ctx, int64_t d, const double *x1, const double *x2, double w_std, double v_std, double *theta)
{
    ntk_status status;
    double length[2], inverse[2], t, product;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, theta);
    NTK_TRY(check_vectors(ctx, d, x1, x2, w_std, v_std));
    ntk_lengths(NTK_F64, 1, d, x1, &length[0], &inverse[0]);
    ntk_lengths(NTK_F64, 1, d, x2, &length[1], &inverse[1]);
    t = 2 * atan2(unit_distance(d, x1, inverse[0], x2, inverse[1], -1), unit_distance(d, x1, inverse[0], x2, inverse[1], 1));
    product = length[0] * length[1];
    *theta = product / (2 * M_PI) * (v_std * v_std * cos(t) * (M_PI - t) + w_std * w_std * (sin(t) + (M_PI - t) * cos(t)));
    if (!isfinite(*theta)) status = ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the kernel value exceeds the range of f64");
done:
    return status;
}
