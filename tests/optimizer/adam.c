/* Second moments of a run: the weighted mean of squares, its correction, and what is refused. */
#include "kit.h"

#include "optimizer.h"

#include <float.h>
#include <math.h>

enum { P = 7, RUN = 40 };

/* v_t = sum (1 - beta2) beta2^(t - s) g_s², in extended precision; t + 1 roundings of positive terms. */
static void moment_is_a_weighted_sum(void **state)
{
    ntk_context *ctx = *state;
    double g[RUN * P], v[2 * P] = {0}, expected[P], got[P];
    ntk_array moment = ntk_vector_f64(v, P), half = ntk_matrix_f64(g, RUN / 2, P), one;
    moment.strides[0] = 2;
    kit_random(3, RUN * P, g);
    kit_ok(ctx, ntk_optimizer_adam_update(ctx, &half, 0.9, &moment));
    for (int t = RUN / 2; t < RUN; ++t) {
        one = ntk_vector_f64(g + t * P, P);
        kit_ok(ctx, ntk_optimizer_adam_update(ctx, &one, 0.9, &moment));
    }
    for (int j = 0; j < P; ++j) {
        long double sum = 0;
        for (int t = 0; t < RUN; ++t) sum += (1 - (long double)0.9) * powl(0.9, RUN - 1 - t) * (long double)g[t * P + j] * (long double)g[t * P + j];
        expected[j] = (double)sum;
        got[j] = v[2 * j];
    }
    kit_close(P, got, expected, 3 * RUN * DBL_EPSILON);
    for (int j = 0; j < P; ++j) assert_true(v[2 * j + 1] == 0);
}

/* Of a constant gradient the corrected D is |g| + epsilon at every step, also after 1 and after very many. */
static void correction_is_a_mean(void **state)
{
    ntk_context *ctx = *state;
    static const double betas[] = {0, 0.9, 0.999, 1 - 0x1p-40};
    double g[3] = {-2, 0.5, 1e-150}, d[3];
    ntk_array gradient = ntk_vector_f64(g, 3), out = ntk_vector_f64(d, 3);
    for (int b = 0; b < 4; ++b) {
        double v[3] = {0};
        ntk_array moment = ntk_vector_f64(v, 3);
        for (int t = 1; t <= 50; ++t) {
            ntk_optimizer *o;
            kit_ok(ctx, ntk_optimizer_adam_update(ctx, &gradient, betas[b], &moment));
            kit_ok(ctx, ntk_optimizer_adam_after(ctx, &moment, betas[b], t, 0.25, &o));
            kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, o, &out));
            kit_close(3, d, ((double[]){2.25, 0.75, 0.25}), 200 * DBL_EPSILON);
            ntk_optimizer_destroy(o);
        }
    }
}

static void after_many_steps_no_correction_is_left(void **state)
{
    ntk_context *ctx = *state;
    double v[2] = {4, 9}, a[2], b[2];
    ntk_array moment = ntk_vector_f64(v, 2), x = ntk_vector_f64(a, 2), y = ntk_vector_f64(b, 2);
    ntk_optimizer *corrected, *plain;
    kit_ok(ctx, ntk_optimizer_adam_after(ctx, &moment, 0.5, 1000, 0.1, &corrected));
    kit_ok(ctx, ntk_optimizer_adam(ctx, &moment, 0.1, &plain));
    kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, corrected, &x));
    kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, plain, &y));
    kit_close(2, a, b, 0);
    ntk_optimizer_destroy(plain);
    ntk_optimizer_destroy(corrected);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    double g[4] = {1, 1e200, 1, 1}, v[2] = {0.5, 0.25}, negative[2] = {1, -1}, nan[2] = {NAN, 1};
    ntk_array two = ntk_vector_f64(v, 2), bad = ntk_vector_f64(negative, 2), not = ntk_vector_f64(nan, 2), four = ntk_vector_f64(g, 4);
    ntk_array huge = ntk_matrix_f64(g, 2, 2);
    ntk_optimizer *o = (ntk_optimizer *)1;
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &huge, 0.9, &two), NTK_ERROR_OVERFLOW, "the square of entry 1");
    kit_close(2, v, ((double[]){0.5, 0.25}), 0); /* as it was */
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &four, 0.9, &two), NTK_ERROR_SHAPE, "gradients has shape [1, 4]; expected [any, 2]");
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &not, 0.9, &two), NTK_ERROR_NOT_FINITE, "gradients[0, 0]");
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &two, 0.9, &not), NTK_ERROR_NOT_FINITE, "second_moment[0]");
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &two, 1, &two), NTK_ERROR_ARGUMENT, "beta2 is 1");
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &two, -0.1, &two), NTK_ERROR_ARGUMENT, "beta2 is -0.1");
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &two, NAN, &two), NTK_ERROR_ARGUMENT, "beta2 is nan");
    kit_fails(ctx, ntk_optimizer_adam_update(ctx, &two, 0.9, &bad), NTK_ERROR_ARGUMENT, "second_moment[1] is -1");
    kit_fails(ctx, ntk_optimizer_adam_after(ctx, &two, 0.9, 0, 1, &o), NTK_ERROR_ARGUMENT, "steps is 0");
    assert_null(o);
    kit_fails(ctx, ntk_optimizer_adam_after(ctx, &two, 1, 3, 1, &o), NTK_ERROR_ARGUMENT, "beta2 is 1");
    v[1] = 0;
    kit_fails(ctx, ntk_optimizer_adam_after(ctx, &two, 0.9, 3, 0, &o), NTK_ERROR_ARGUMENT, "entry 1 of D is 0");
    v[0] = 1e308;
    kit_fails(ctx, ntk_optimizer_adam_after(ctx, &two, 0.999, 1, 1, &o), NTK_ERROR_ARGUMENT, "entry 0 of D is inf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(moment_is_a_weighted_sum), kit_test(correction_is_a_mean),
                                       kit_test(after_many_steps_no_correction_is_left), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
