/*
 * The trainer: a network, its data, and where training stands.  Steps are whole or not at all, so that a run that was cancelled, or that
 * ended for another reason, can be asked, saved and continued: the state is theta, the moments and the number of steps.
 */
#include "train.h"

#include <math.h>
#include <string.h>

/* Kingma & Ba 2015; 0.9 is also the usual momentum. */
#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8

typedef ntk_status (*work)(ntk_context *ctx, ntk_trainer *t);
static const work evaluations[2] = NTK_BOTH(ntk_trainer_evaluate), steps_by_type[2] = NTK_BOTH(ntk_trainer_step);

/* ---- options --------------------------------------------------------------------------------------------------- */

static bool keeps_first(ntk_descent d)
{
    return d != NTK_DESCENT_GD;
}

static bool keeps_second(ntk_descent d)
{
    return d == NTK_DESCENT_ADAM;
}

static ntk_status check_enums(ntk_context *ctx, const ntk_trainer_options *o)
{
    if (!ntk_loss_scale_name(o->loss_scale))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.loss_scale is %d, which is no scale of a loss", (int)o->loss_scale);
    if (!ntk_descent_name(o->descent)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.descent is %d, which is no descent", (int)o->descent);
    if (o->optimizer && o->descent == NTK_DESCENT_ADAM)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.optimizer is a frozen D, which Adam's own would follow upon; use gd or momentum with it");
    return NTK_OK;
}

static ntk_status read_options(ntk_context *ctx, const ntk_trainer_options *options, ntk_trainer *t)
{
    ntk_status status;
    ntk_trainer_options o;
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &o));
    NTK_TRY(check_enums(ctx, &o));
    NTK_TRY(ntk_check_rate(ctx, o.learning_rate, &t->rate));
    t->beta1 = o.beta1 == 0 ? BETA1 : o.beta1;
    t->beta2 = o.beta2 == 0 ? BETA2 : o.beta2;
    t->epsilon = o.epsilon == 0 ? EPSILON : o.epsilon;
    NTK_TRY(ntk_check_beta(ctx, "options.beta1", t->beta1));
    NTK_TRY(ntk_check_beta(ctx, "options.beta2", t->beta2));
    if (!(t->epsilon > 0) || !isfinite(t->epsilon))
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.epsilon is %g; expected a finite number > 0, or 0 for %g", o.epsilon, EPSILON));
    t->delta = o.delta == 0 ? 1 : o.delta;
    if (!(t->delta > 0) || !isfinite(t->delta))
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.delta is %g; expected a finite number > 0, or 0 for 1", o.delta));
    NTK_TRY(ntk_optimizer_check(ctx, o.optimizer, t->p));
    NTK_TRY(ntk_loss_check(ctx, o.loss, "y", t->n, t->o, t->y));
    t->loss = o.loss;
    t->descent = o.descent;
    t->divisor = ntk_loss_divisor(o.loss, o.loss_scale, t->n, t->o);
    t->optimizer = ntk_retain(o.optimizer);
    if (o.linearised) NTK_TRY(ntk_allocate_raw(ctx, t->p, ntk_dtype_size(t->dtype), &t->start));
done:
    return status;
}

/* ---- the handle ------------------------------------------------------------------------------------------------ */

/* A dense copy in f64 of an array of either type. */
static ntk_status copy_wide(ntk_context *ctx, const ntk_array *a, double **copy)
{
    ntk_status status;
    int64_t count = ntk_array_size(a);
    void *dense = NULL;
    *copy = NULL;
    NTK_TRY(ntk_copy_dense(ctx, a, &dense));
    if (a->dtype == NTK_F64) {
        *copy = dense;
        return NTK_OK;
    }
    NTK_TRY(NTK_NEW_RAW(ctx, count, copy));
    for (int64_t i = 0; i < count; ++i) (*copy)[i] = (double)((const float *)dense)[i];
done:
    ntk_free(dense);
    return status;
}

static ntk_status copy_data(ntk_context *ctx, const ntk_array *theta, const ntk_array *x, const ntk_array *y, ntk_trainer *t)
{
    ntk_status status;
    NTK_TRY(ntk_finite_check_network(ctx, t->network));
    NTK_TRY(ntk_check_real(ctx, "theta", theta));
    t->dtype = theta->dtype;
    NTK_TRY(ntk_check_shape(ctx, "theta", theta, t->dtype, NTK_SHAPE(t->p)));
    NTK_TRY(ntk_check_finite(ctx, "theta", theta));
    NTK_TRY(ntk_network_check_input(ctx, t->network, "x", x, t->dtype));
    t->n = x->shape[0];
    NTK_TRY(ntk_check_shape(ctx, "y", y, t->dtype, NTK_SHAPE(t->n, t->o)));
    NTK_TRY(ntk_check_finite(ctx, "y", y));
    NTK_TRY(ntk_copy_dense(ctx, theta, &t->theta));
    NTK_TRY(ntk_copy_dense(ctx, x, &t->x));
    NTK_TRY(copy_wide(ctx, y, &t->y));
done:
    return status;
}

static ntk_status reserve(ntk_context *ctx, ntk_trainer *t)
{
    ntk_status status;
    size_t size = ntk_dtype_size(t->dtype);
    if (keeps_first(t->descent)) NTK_TRY(ntk_allocate(ctx, t->p, size, &t->first));
    if (keeps_second(t->descent)) NTK_TRY(ntk_allocate(ctx, t->p, size, &t->second));
    if (t->start) memcpy(t->start, t->theta, (size_t)t->p * size);
    NTK_TRY(ntk_allocate_raw(ctx, t->n * t->o, size, &t->f));
    NTK_TRY(ntk_allocate_raw(ctx, t->p, size, &t->g));
done:
    return status;
}

ntk_status ntk_trainer_create(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *y,
                              const ntk_trainer_options *options, ntk_trainer **trainer)
{
    ntk_status status;
    ntk_trainer *t = NULL;
    NTK_ENTER_NEW(ctx, trainer);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(NTK_NEW_HANDLE(ctx, &t));
    t->network = ntk_retain(network);
    t->o = ntk_network_outputs(network);
    t->p = network->n_parameters;
    NTK_TRY(copy_data(ctx, theta, x, y, t));
    NTK_TRY(read_options(ctx, options, t));
    NTK_TRY(reserve(ctx, t));
    *trainer = t;
    t = NULL;
done:
    ntk_trainer_destroy(t);
    return status;
}

void ntk_trainer_destroy(ntk_trainer *trainer)
{
    if (!ntk_object_release(trainer)) return;
    ntk_network_destroy(trainer->network);
    ntk_optimizer_destroy(trainer->optimizer);
    ntk_free(trainer->g);
    ntk_free(trainer->f);
    ntk_free(trainer->second);
    ntk_free(trainer->first);
    ntk_free(trainer->theta);
    ntk_free(trainer->start);
    ntk_free(trainer->y);
    ntk_free(trainer->x);
    ntk_free(trainer);
}

ntk_status ntk_trainer_run(ntk_context *ctx, ntk_trainer *trainer, int64_t steps)
{
    ntk_status status = NTK_OK;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, trainer);
    if (steps < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "steps is %lld; expected a number >= 0", (long long)steps);
    for (int64_t k = 0; k < steps; ++k)
        NTK_TRY_PART(ctx, (double)k / (double)steps, (double)(k + 1) / (double)steps, steps_by_type[trainer->dtype](ctx, trainer));
done:
    return status;
}

/* ---- its state ------------------------------------------------------------------------------------------------- */

int64_t ntk_trainer_steps(const ntk_trainer *trainer)
{
    return trainer ? trainer->steps : -1;
}

/* A moment that comes in: needed exactly where the descent keeps it. */
static ntk_status check_moment(ntk_context *ctx, const char *name, const ntk_array *moment, ntk_dtype dtype, const void *kept, int64_t p)
{
    ntk_status status;
    if (!kept && moment) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s is given; this descent keeps none", name);
    if (!kept) return NTK_OK;
    NTK_TRY(ntk_check_shape(ctx, name, moment, dtype, NTK_SHAPE(p)));
    NTK_TRY(ntk_check_finite(ctx, name, moment));
done:
    return status;
}

static void take_vector(const ntk_array *from, void *to)
{
    int64_t size = to ? (int64_t)ntk_dtype_size(from->dtype) : 0;
    for (int64_t j = 0; to && j < from->shape[0]; ++j)
        memcpy((char *)to + j * size, (const char *)from->data + j * from->strides[0] * size, (size_t)size);
}

ntk_status ntk_trainer_resume(ntk_context *ctx, ntk_trainer *trainer, int64_t steps, const ntk_array *theta, const ntk_array *first,
                              const ntk_array *second)
{
    ntk_status status;
    double *v = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, trainer);
    if (steps < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "steps is %lld; expected a number >= 0", (long long)steps);
    NTK_TRY(ntk_check_shape(ctx, "theta", theta, trainer->dtype, NTK_SHAPE(trainer->p)));
    NTK_TRY(ntk_check_finite(ctx, "theta", theta));
    NTK_TRY(check_moment(ctx, "first", first, trainer->dtype, trainer->first, trainer->p));
    NTK_TRY(check_moment(ctx, "second", second, trainer->dtype, trainer->second, trainer->p));
    if (trainer->second) {
        NTK_TRY(copy_wide(ctx, second, &v));
        NTK_TRY(ntk_check_second_moment(ctx, trainer->p, v));
    }
    take_vector(theta, trainer->theta);
    take_vector(first, trainer->first);
    take_vector(second, trainer->second);
    trainer->steps = steps;
    trainer->evaluated = false;
done:
    ntk_free(v);
    return status;
}

ntk_status ntk_trainer_get_parameters(ntk_context *ctx, const ntk_trainer *trainer, ntk_array *theta)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, trainer);
    NTK_TRY(ntk_check_output(ctx, "theta", theta, trainer->dtype, NTK_SHAPE(trainer->p)));
    ntk_store(theta, trainer->theta);
done:
    return status;
}

static ntk_status check_wanted(ntk_context *ctx, const char *name, const ntk_array *moment, ntk_dtype dtype, const void *kept, int64_t p)
{
    if (!moment) return NTK_OK;
    if (!kept) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s is asked for; this descent keeps none", name);
    return ntk_check_output(ctx, name, moment, dtype, NTK_SHAPE(p));
}

ntk_status ntk_trainer_get_moments(ntk_context *ctx, const ntk_trainer *trainer, ntk_array *first, ntk_array *second)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, trainer);
    NTK_TRY(check_wanted(ctx, "first", first, trainer->dtype, trainer->first, trainer->p));
    NTK_TRY(check_wanted(ctx, "second", second, trainer->dtype, trainer->second, trainer->p));
    if (first) ntk_store(first, trainer->first);
    if (second) ntk_store(second, trainer->second);
done:
    return status;
}

ntk_status ntk_trainer_get_outputs(ntk_context *ctx, ntk_trainer *trainer, ntk_array *f)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, trainer);
    NTK_TRY(ntk_check_output(ctx, "f", f, trainer->dtype, NTK_SHAPE(trainer->n, trainer->o)));
    NTK_TRY_PART(ctx, 0, 1, evaluations[trainer->dtype](ctx, trainer));
    ntk_store(f, trainer->f);
done:
    return status;
}

ntk_status ntk_trainer_get_loss(ntk_context *ctx, ntk_trainer *trainer, double *loss)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, trainer);
    NTK_REQUIRE(ctx, loss);
    NTK_TRY_PART(ctx, 0, 1, evaluations[trainer->dtype](ctx, trainer));
    *loss = trainer->value;
done:
    return status;
}
