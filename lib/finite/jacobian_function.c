/*
 * J of a function of the caller by central differences, column by column:
 *
 *     order 2     (f(t + h) - f(t - h)) / 2h                                      error  h² f'''/6
 *     order 4     (4/3) of that with h minus (1/3) of it with 2h                  error  h⁴ f⁽⁵⁾/30
 *
 * beside eps |f| / h from rounding, so that h = eps^(1/3) and eps^(1/5) balance the two (Abramowitz & Stegun 25.3.21, 25.3.22).  What is
 * divided by is the difference of the two points as they are in memory: rounding t + h does not enter.
 */
#include "finite.h"

#include <math.h>
#include <string.h>

typedef struct differences {
    ntk_function_fn function;
    void *user;
    int64_t rows, columns;
    double *theta; /* moved, and put back */
    ntk_guard guard;
    double *plus; /* [rows] */
} differences;

static ntk_status evaluate(ntk_context *ctx, differences *d)
{
    ntk_guard_arm(&d->guard, d->rows);
    return ntk_guard_check(ctx, &d->guard, "function", d->function(d->user, d->columns, d->theta, d->rows, d->guard.out));
}

/* column [rows], `stride` apart, = keep * itself + scale * the difference quotient of theta_c with step h. */
static ntk_status add_quotient(ntk_context *ctx, differences *d, int64_t c, double h, double keep, double scale, double *column, int64_t stride)
{
    ntk_status status;
    double centre = d->theta[c], above = centre + h, below = centre - h;
    d->theta[c] = above;
    NTK_TRY(evaluate(ctx, d));
    memcpy(d->plus, d->guard.out, (size_t)d->rows * sizeof *d->plus);
    d->theta[c] = below;
    NTK_TRY(evaluate(ctx, d));
    for (int64_t r = 0; r < d->rows; ++r) {
        double quotient = (d->plus[r] - d->guard.out[r]) / (above - below);
        column[r * stride] = (keep == 0 ? 0 : keep * column[r * stride]) + scale * quotient;
    }
done:
    d->theta[c] = centre;
    return status;
}

static ntk_status all_columns(ntk_context *ctx, differences *d, const ntk_difference_options *o, double *j)
{
    ntk_status status = NTK_OK;
    bool fourth = o->order == 4;
    for (int64_t c = 0; c < d->columns; ++c) {
        double h = o->step * fmax(1, fabs(d->theta[c]));
        NTK_TRY(add_quotient(ctx, d, c, h, 0, fourth ? 4.0 / 3 : 1, j + c, d->columns));
        if (fourth) NTK_TRY(add_quotient(ctx, d, c, 2 * h, 1, -1.0 / 3, j + c, d->columns));
        NTK_TRY(ntk_progress(ctx, (double)(c + 1) / (double)d->columns));
    }
done:
    return status;
}

static ntk_status read_options(ntk_context *ctx, const ntk_difference_options *options, ntk_difference_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (o->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o->reserved);
    if (o->order != 0 && o->order != 2 && o->order != 4)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.order is %d; expected 2 or 4", (int)o->order);
    if (!(o->step >= 0 && o->step < 1)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.step is %g; expected a number in [0, 1)", o->step);
    if (o->step == 0) o->step = o->order == 4 ? 7.4e-4 : 6.1e-6;
    return NTK_OK;
}

static ntk_status check(ntk_context *ctx, const ntk_array *theta, int64_t rows, int64_t outputs)
{
    ntk_status status;
    NTK_TRY(ntk_check_shape(ctx, "theta", theta, NTK_F64, NTK_SHAPE(-1)));
    NTK_TRY(ntk_check_finite(ctx, "theta", theta));
    if (rows < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "rows is %lld; expected a number >= 0", (long long)rows);
    NTK_TRY(ntk_jacobian_check_outputs(ctx, "J of the function", rows, outputs));
done:
    return status;
}

ntk_status ntk_jacobian_from_function(ntk_context *ctx, ntk_function_fn function, void *user, const ntk_array *theta, int64_t rows, int64_t outputs,
                                      const ntk_difference_options *options, ntk_jacobian **jacobian)
{
    ntk_status status;
    ntk_difference_options o;
    differences d = {.function = function, .user = user, .rows = rows};
    double *j = NULL;
    int64_t numbers;
    NTK_ENTER_NEW(ctx, jacobian);
    NTK_REQUIRE(ctx, function);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(check(ctx, theta, rows, outputs));
    d.columns = theta->shape[0];
    NTK_TRY(ntk_size_product(ctx, "the Jacobian", rows, d.columns, &numbers));
    NTK_TRY(ntk_memory_require(ctx, "the Jacobian", 8.0 * (double)numbers));
    NTK_TRY(ntk_copy_dense(ctx, theta, (void **)&d.theta));
    NTK_TRY(NTK_NEW_RAW(ctx, rows, &d.plus));
    NTK_TRY(ntk_guard_open(ctx, rows, &d.guard));
    NTK_TRY(NTK_NEW_RAW(ctx, numbers, &j));
    NTK_TRY(all_columns(ctx, &d, &o, j));
    NTK_TRY(ntk_finite_check_rows(ctx, "J", 0, rows, d.columns, j));
    status = ntk_jacobian_own_matrix(ctx, j, rows, d.columns, outputs, jacobian);
    j = NULL;
done:
    ntk_free(j);
    ntk_guard_close(&d.guard);
    ntk_free(d.plus);
    ntk_free(d.theta);
    return status;
}
