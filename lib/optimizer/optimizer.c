/*
 * Optimizers as what they do to a gradient: theta' = -D⁻¹ Jᵀ (f - y), a positive diagonal D.
 *
 *   identity   D = I, gradient descent
 *   adam       D = sqrt(v) + epsilon, the second moment v frozen (Kingma & Ba 2015): near a solution the moments move
 *              slowly, and the kernel of training is K_D = J D⁻¹ Jᵀ  (docs/mathematics.md §6)
 *   diagonal   any D
 *
 * Every entry of D is positive and finite, so that nothing after this file divides by zero.
 */
#include "optimizer.h"

#include <math.h>

ntk_status ntk_optimizer_identity(ntk_context *ctx, ntk_optimizer **optimizer)
{
    NTK_ENTER_NEW(ctx, optimizer);
    return NTK_NEW_HANDLE(ctx, optimizer);
}

/* A handle that holds a copy of the vector `values`, still to be turned into D and checked. */
static ntk_status create(ntk_context *ctx, const char *name, const ntk_array *values, ntk_optimizer **optimizer)
{
    ntk_status status;
    NTK_TRY(ntk_check_shape(ctx, name, values, NTK_F64, NTK_SHAPE(-1)));
    NTK_TRY(ntk_check_finite(ctx, name, values));
    NTK_TRY(NTK_NEW_HANDLE(ctx, optimizer));
    (*optimizer)->parameters = values->shape[0];
    NTK_TRY(ntk_copy_dense(ctx, values, (void **)&(*optimizer)->d));
done:
    return status;
}

ntk_status ntk_check_second_moment(ntk_context *ctx, int64_t p, const double *v)
{
    for (int64_t j = 0; j < p; ++j)
        if (v[j] < 0)
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "second_moment[%lld] is %g; expected a number >= 0", (long long)j, v[j]);
    return NTK_OK;
}

static ntk_status check_positive(ntk_context *ctx, int64_t p, const double *d)
{
    for (int64_t j = 0; j < p; ++j)
        if (!(d[j] > 0) || !isfinite(d[j]))
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "entry %lld of D is %g; expected a positive finite number", (long long)j, d[j]);
    return NTK_OK;
}

ntk_status ntk_optimizer_adam_scaled(ntk_context *ctx, const ntk_array *second_moment, double weight, double epsilon, ntk_optimizer **optimizer)
{
    ntk_status status;
    ntk_optimizer *o = NULL;
    if (!(epsilon >= 0) || !isfinite(epsilon))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "epsilon is %g; expected a finite number >= 0", epsilon);
    NTK_TRY(create(ctx, "second_moment", second_moment, &o));
    NTK_TRY(ntk_check_second_moment(ctx, o->parameters, o->d));
    for (int64_t j = 0; j < o->parameters; ++j) o->d[j] = sqrt(o->d[j] / weight) + epsilon;
    NTK_TRY(check_positive(ctx, o->parameters, o->d));
    *optimizer = o;
    o = NULL;
done:
    ntk_optimizer_destroy(o);
    return status;
}

ntk_status ntk_optimizer_adam(ntk_context *ctx, const ntk_array *second_moment, double epsilon, ntk_optimizer **optimizer)
{
    NTK_ENTER_NEW(ctx, optimizer);
    NTK_REQUIRE(ctx, second_moment);
    return ntk_optimizer_adam_scaled(ctx, second_moment, 1, epsilon, optimizer);
}

ntk_status ntk_optimizer_diagonal(ntk_context *ctx, const ntk_array *d, ntk_optimizer **optimizer)
{
    ntk_status status;
    ntk_optimizer *o = NULL;
    NTK_ENTER_NEW(ctx, optimizer);
    NTK_REQUIRE(ctx, d);
    NTK_TRY(create(ctx, "d", d, &o));
    NTK_TRY(check_positive(ctx, o->parameters, o->d));
    *optimizer = o;
    o = NULL;
done:
    ntk_optimizer_destroy(o);
    return status;
}

void ntk_optimizer_destroy(ntk_optimizer *optimizer)
{
    if (!ntk_object_release(optimizer)) return;
    ntk_free(optimizer->d);
    ntk_free(optimizer);
}

int64_t ntk_optimizer_parameters(const ntk_optimizer *optimizer)
{
    return optimizer ? optimizer->parameters : -1;
}

ntk_status ntk_optimizer_get_diagonal(ntk_context *ctx, const ntk_optimizer *optimizer, ntk_array *d)
{
    ntk_status status;
    double *out;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, optimizer);
    NTK_TRY(ntk_check_output(ctx, "d", d, NTK_F64, NTK_SHAPE(optimizer->d ? optimizer->parameters : -1)));
    out = d->data;
    for (int64_t j = 0; j < d->shape[0]; ++j) out[j * d->strides[0]] = ntk_optimizer_d(optimizer, j);
done:
    return status;
}

ntk_status ntk_optimizer_check(ntk_context *ctx, const ntk_optimizer *optimizer, int64_t p)
{
    if (!optimizer || !optimizer->d || optimizer->parameters == p) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_SHAPE, "the optimizer has %lld parameters; expected %lld", (long long)optimizer->parameters, (long long)p);
}
