/*
 * Weight decay towards 0: theta' = -eta (D⁻¹ Jᵀ e/c + w theta), of the linearised network.  It is the sum of two motions of one linear
 * system: that of decay towards theta(0), which begins at rest with the error e(0) - h, h = J theta(0), and theta(0) itself, left
 * alone.  With r = w c, mu = lambda + r and rho of motion.c, of flow, heavy ball and steps alike:
 *
 *     theta(t) - theta(0) = -(1 - rho(r)) theta(0) - D⁻¹ Jᵀ v,      v = S (e(0) - h) + Z h,    Z = (rho(r) - rho(mu))/lambda
 *     e(t)                = (1 - lambda S) e(0) - r S h             (1 - rho = mu S)
 *     f*(t)               = f*(0) - (1 - rho(r)) J* theta(0) - K* v
 *
 * Flow: Z = exp(-kappa r t) S_lambda(t) without a difference; otherwise rounding in it, eps/lambda, meets h = O(sqrt lambda) before and Jᵀ = O(sqrt
 * lambda) behind it.  h has no part in the null space of K: what rounding puts there is taken away.
 *
 * In the loss, ½ w |theta|², the decay is a gradient, and D divides it as well.  With D = 1 that changes nothing.  Otherwise theta moves by
 * D⁻¹ (JᵀJ/c + w), whose modes are not those of K = J D⁻¹ Jᵀ: no answer in closed form follows from K, and it is refused.
 */
#include "dynamics.h"

#include <math.h>

static ntk_status check_optimizer(ntk_context *ctx, const ntk_gram *gram)
{
    int64_t p = gram->jacobian ? gram->jacobian->columns : 0;
    for (int64_t i = 0; i < p; ++i)
        if (ntk_optimizer_d(gram->optimizer, i) != 1)
            return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED,
                            "options.decay_in_loss: D[%lld] is %g, and divides the decay too; the modes of such training are not those of K = J D^-1 J', so there is no closed form",
                            (long long)i, ntk_optimizer_d(gram->optimizer, i));
    return NTK_OK;
}

ntk_status ntk_decay_check(ntk_context *ctx, const ntk_gram *gram, const ntk_dynamics_options *o)
{
    if (!o->decay_to_zero && (o->theta0 || o->linear0))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.%s is for weight decay towards 0; options.decay_to_zero is not set", o->theta0 ? "theta0" : "linear0");
    if (o->decay_to_zero && !o->theta0 && !o->linear0)
        return ntk_fail(ctx, NTK_ERROR_NULL, "options.theta0 and options.linear0 are NULL; weight decay towards 0 needs one of them");
    if (o->theta0 && o->linear0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.theta0 and options.linear0 are both given; one of them is enough");
    if (o->theta0 && !gram->jacobian)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.theta0 is given, but the gram comes from no Jacobian; options.linear0 takes J theta(0) itself");
    return o->decay_in_loss && o->weight_decay > 0 ? check_optimizer(ctx, gram) : NTK_OK;
}

/* h [N] = J theta(0). */
static ntk_status apply_jacobian(ntk_context *ctx, const ntk_array *theta0, ntk_dynamics *d, double **h)
{
    ntk_status status;
    const ntk_jacobian *j = d->gram->jacobian;
    void *copy = NULL;
    ntk_array out;
    NTK_TRY(ntk_check_shape(ctx, "options.theta0", theta0, NTK_F64, NTK_SHAPE(j->columns)));
    NTK_TRY(ntk_check_finite(ctx, "options.theta0", theta0));
    if (d->columns != 1)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "y has %lld columns; the parameters follow one target per row of J", (long long)d->columns));
    NTK_TRY(ntk_copy_dense(ctx, theta0, &copy));
    d->theta0 = copy;
    NTK_TRY(NTK_NEW_RAW(ctx, d->gram->size, h));
    out = ntk_vector_f64(*h, d->gram->size);
    NTK_TRY(ntk_jacobian_apply(ctx, j, theta0, &out));
done:
    return status;
}

static ntk_status read_linear(ntk_context *ctx, const ntk_array *linear0, const ntk_dynamics *d, double **h)
{
    ntk_status status;
    int64_t columns;
    void *dense = NULL;
    NTK_TRY(ntk_gram_targets(ctx, d->gram, "options.linear0", linear0, &columns, &dense));
    *h = dense;
    if (columns != d->columns)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_SHAPE, "options.linear0 has %lld columns; y has %lld", (long long)columns, (long long)d->columns));
done:
    return status;
}

ntk_status ntk_decay_open(ntk_context *ctx, const ntk_dynamics_options *o, ntk_dynamics *d)
{
    ntk_status status;
    double *h = NULL;
    int64_t count = d->gram->size * d->columns;
    if (!o->decay_to_zero) return NTK_OK;
    if (o->theta0) NTK_TRY(apply_jacobian(ctx, o->theta0, d, &h));
    else NTK_TRY(read_linear(ctx, o->linear0, d, &h));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &d->linear));
    NTK_TRY(ntk_spectrum_analyse(ctx, d->spectrum, d->columns, h, d->linear));
    for (int64_t i = d->spectrum->rank * d->columns; i < count; ++i) d->linear[i] = 0;
    NTK_TRY(ntk_check_result(ctx, "J theta(0)", NTK_F64, d->linear, count));
done:
    ntk_free(h);
    return status;
}

double ntk_motion_gone(const ntk_motion *motion)
{
    return motion->flow.ridge * ntk_motion_learned(motion, 0);
}

/* Z. */
static double carried(const ntk_motion *motion, double lambda)
{
    double r = motion->flow.ridge;
    if (isinf(motion->time) && r > 0) return 0;
    if (r == 0 || lambda <= 0) return ntk_motion_learned(motion, lambda);
    if (motion->discrete || motion->momentum > 0) return (ntk_motion_share(motion, 0) - ntk_motion_share(motion, lambda)) / lambda;
    return exp(-motion->flow.s * r) * ntk_flow_learned(&(ntk_flow){.s = motion->flow.s}, lambda);
}

double ntk_motion_pulled(const ntk_motion *motion, double lambda)
{
    return carried(motion, lambda) - ntk_motion_learned(motion, lambda);
}

double ntk_motion_withheld(const ntk_motion *motion, double lambda)
{
    return -motion->flow.ridge * ntk_motion_learned(motion, lambda);
}
