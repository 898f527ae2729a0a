/*
 * Adam's second moment from a run of gradients g_1, g_2, ... (Kingma & Ba 2015, algorithm 1):
 *
 *     v_t = beta2 v_{t-1} + (1 - beta2) g_t²,   v_0 = 0;      v^_t = v_t / (1 - beta2^t);      D = sqrt(v^_t) + epsilon
 *
 * The weights of g_1² ... g_t² in v_t add up to 1 - beta2^t, so v^ is their weighted mean: without the correction D would be too small by
 * sqrt(1 - beta2^t), a factor 30 after the first step with beta2 = 0.999.  1 - beta2^t is -expm1(t log beta2), which keeps its digits for
 * beta2 near 1, and log beta2 is log1p(beta2 - 1), whose argument is exact there.
 */
#include "optimizer.h"

#include <math.h>

ntk_status ntk_check_beta(ntk_context *ctx, const char *name, double beta)
{
    if (beta >= 0 && beta < 1) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s is %g; expected a number >= 0 and < 1", name, beta);
}

double ntk_adam_weight(double beta, int64_t steps)
{
    return beta == 0 ? 1 : -expm1((double)steps * log1p(beta - 1));
}

/* A gradient [p] counts as a run of one, [1, p]. */
static ntk_status as_run(ntk_context *ctx, const ntk_array *gradients, int64_t p, ntk_array *run)
{
    ntk_status status;
    NTK_REQUIRE(ctx, gradients);
    *run = *gradients;
    if (gradients->ndim == 1) {
        run->ndim = 2;
        run->shape[0] = run->strides[0] = 1;
        run->shape[1] = gradients->shape[0];
        run->strides[1] = gradients->strides[0];
    }
    NTK_TRY(ntk_check_shape(ctx, "gradients", run, NTK_F64, NTK_SHAPE(-1, p)));
    NTK_TRY(ntk_check_finite(ctx, "gradients", run));
done:
    return status;
}

ntk_status ntk_optimizer_adam_update(ntk_context *ctx, const ntk_array *gradients, double beta2, ntk_array *second_moment)
{
    ntk_status status;
    ntk_array run;
    double *v = NULL;
    int64_t p;
    NTK_ENTER(ctx);
    NTK_TRY(ntk_check_output(ctx, "second_moment", second_moment, NTK_F64, NTK_SHAPE(-1)));
    NTK_TRY(ntk_check_finite(ctx, "second_moment", second_moment));
    p = second_moment->shape[0];
    NTK_TRY(as_run(ctx, gradients, p, &run));
    NTK_TRY(ntk_check_beta(ctx, "beta2", beta2));
    NTK_TRY(ntk_copy_dense(ctx, second_moment, (void **)&v));
    NTK_TRY(ntk_check_second_moment(ctx, p, v));
    for (int64_t i = 0; i < run.shape[0]; ++i)
        for (int64_t j = 0; j < p; ++j) {
            double g = ((const double *)run.data)[i * run.strides[0] + j * run.strides[1]];
            v[j] = beta2 * v[j] + (1 - beta2) * (g * g);
        }
    for (int64_t j = 0; j < p; ++j)
        if (!isfinite(v[j])) NTK_TRY(ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the square of entry %lld of a gradient exceeds the range of f64", (long long)j));
    ntk_store(second_moment, v);
done:
    ntk_free(v);
    return status;
}

ntk_status ntk_optimizer_adam_after(ntk_context *ctx, const ntk_array *second_moment, double beta2, int64_t steps, double epsilon,
                                    ntk_optimizer **optimizer)
{
    ntk_status status;
    NTK_ENTER_NEW(ctx, optimizer);
    NTK_REQUIRE(ctx, second_moment);
    NTK_TRY(ntk_check_beta(ctx, "beta2", beta2));
    if (steps < 1) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "steps is %lld; expected the number of gradients so far, at least 1", (long long)steps);
    NTK_TRY(ntk_optimizer_adam_scaled(ctx, second_moment, ntk_adam_weight(beta2, steps), epsilon, optimizer));
done:
    return status;
}
