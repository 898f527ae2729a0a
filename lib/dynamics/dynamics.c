/*
 * The handle: K = Uᵀ diag(lambda) U once, and the coefficients of the error e = f - y along the eigenvectors,
 *
 *     g = U (f(0) - y),      e' = -(eta/c) K e   becomes   g_i(t) = exp(-eta t lambda_i/c) g_i,
 *
 * one scalar equation per mode (Jacot, Gabriel & Hongler 2018; docs/mathematics.md §7.1).  U is orthogonal to a few eps, so going into its
 * coordinates and back loses no more than that.
 */
#include "dynamics.h"

#include <math.h>

static ntk_status read_options(ntk_context *ctx, const ntk_dynamics_options *options, ntk_dynamics_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (!ntk_loss_scale_name(o->loss_scale))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.loss_scale is %d: no loss scale", (int)o->loss_scale);
    if (!(o->momentum >= 0 && o->momentum < 1))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.momentum is %g; expected 0 <= momentum < 1", o->momentum);
    if (!(o->weight_decay >= 0 && isfinite(o->weight_decay)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.weight_decay is %g; expected a finite number >= 0", o->weight_decay);
    if (o->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o->reserved);
    return ntk_check_rate(ctx, o->learning_rate, &o->learning_rate);
}

static ntk_status read_start(ntk_context *ctx, const ntk_array *f0, ntk_dynamics *d)
{
    ntk_status status;
    int64_t columns;
    void *dense = NULL;
    if (!f0) return NTK_NEW(ctx, d->gram->size * d->columns, &d->f0);
    NTK_TRY(ntk_gram_targets(ctx, d->gram, "options.f0", f0, &columns, &dense));
    if (columns != d->columns)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_SHAPE, "options.f0 has %lld columns; y has %lld", (long long)columns, (long long)d->columns));
    d->f0 = dense;
    dense = NULL;
done:
    ntk_free(dense);
    return status;
}

/* d->error = U (f0 - y). */
static ntk_status analyse_error(ntk_context *ctx, ntk_dynamics *d)
{
    ntk_status status;
    int64_t count = d->gram->size * d->columns;
    double *difference = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, count, &difference));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &d->error));
    for (int64_t i = 0; i < count; ++i) difference[i] = d->f0[i] - d->y[i];
    NTK_TRY(ntk_spectrum_analyse(ctx, d->spectrum, d->columns, difference, d->error));
    NTK_TRY(ntk_check_result(ctx, "f0 - y", NTK_F64, d->error, count));
done:
    ntk_free(difference);
    return status;
}

static ntk_status fill(ntk_context *ctx, const ntk_array *y, const ntk_dynamics_options *o, ntk_dynamics *d)
{
    ntk_status status;
    void *dense = NULL;
    ntk_spectrum_options spectrum = {NTK_SPECTRUM_OPTIONS_INIT, .kind = o->kind, .tolerance = o->tolerance};
    NTK_TRY(ntk_gram_check(ctx, d->gram, o->kind, NTK_F64));
    NTK_TRY(ntk_decay_check(ctx, d->gram, o));
    NTK_TRY(ntk_gram_targets(ctx, d->gram, "y", y, &d->columns, &dense));
    d->y = dense;
    d->outputs = ntk_target_outputs(d->gram, y);
    NTK_TRY(read_start(ctx, o->f0, d));
    NTK_TRY_PART(ctx, 0, 0.95, ntk_spectrum_create(ctx, d->gram, &spectrum, &d->spectrum));
    NTK_TRY_PART(ctx, 0.95, 1, analyse_error(ctx, d));
    d->divisor = o->loss_scale == NTK_LOSS_SCALE_MEAN ? (double)NTK_MAX(d->gram->size * d->columns, 1) : 1;
    d->learning_rate = o->learning_rate;
    d->rate = o->learning_rate / d->divisor;
    d->momentum = o->momentum;
    d->discrete = o->discrete != 0;
    d->ridge = o->weight_decay * d->divisor;
    NTK_TRY(ntk_decay_open(ctx, o, d));
done:
    return status;
}

ntk_status ntk_dynamics_create(ntk_context *ctx, const ntk_gram *gram, const ntk_array *y, const ntk_dynamics_options *options,
                               ntk_dynamics **dynamics)
{
    ntk_status status;
    ntk_dynamics_options o;
    ntk_dynamics *d = NULL;
    NTK_ENTER_NEW(ctx, dynamics);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &d));
    d->gram = ntk_retain(gram);
    NTK_TRY(fill(ctx, y, &o, d));
    *dynamics = d;
    d = NULL;
done:
    ntk_dynamics_destroy(d);
    return status;
}

void ntk_dynamics_destroy(ntk_dynamics *dynamics)
{
    if (!ntk_object_release(dynamics)) return;
    ntk_free(dynamics->theta0);
    ntk_free(dynamics->linear);
    ntk_free(dynamics->error);
    ntk_free(dynamics->f0);
    ntk_free(dynamics->y);
    ntk_spectrum_destroy(dynamics->spectrum);
    ntk_gram_destroy(dynamics->gram);
    ntk_free(dynamics);
}

int64_t ntk_dynamics_rank(const ntk_dynamics *dynamics)
{
    return dynamics ? dynamics->spectrum->rank : -1;
}
