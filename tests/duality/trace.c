/* The trace: exactly, within its error bars, and with bars as wide as the scatter of many estimates. */
#include "dense.h"

#include <float.h>

enum { N = 40, P = 60 };

/* Rows whose lengths fall, so that a few directions hold most of the trace. */
static void decaying(double *j)
{
    kit_random(5, N * P, j);
    for (int i = 0; i < N; ++i)
        for (int k = 0; k < P; ++k) j[i * P + k] *= pow(0.8, i);
}

static double frobenius(int count, const double *j, const double *d)
{
    double sum = 0;
    for (int i = 0; i < count; ++i) sum += j[i] * j[i] / (d ? d[i % P] : 1);
    return sum;
}

static void exact(void **state)
{
    ntk_context *ctx = *state;
    double j[N * P], d[P], trace, error = 7;
    ntk_array dv = ntk_vector_f64(d, P);
    ntk_optimizer *optimizer;
    ntk_jacobian *jacobian;
    decaying(j);
    kit_random(6, P, d);
    for (int k = 0; k < P; ++k) d[k] = 1.5 + d[k];
    jacobian = dense_jacobian(ctx, N, P, 2, j);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &dv, &optimizer));
    kit_ok(ctx, ntk_fisher_trace(ctx, jacobian, optimizer, NULL, &trace, &error));
    kit_near(trace, frobenius(N * P, j, d), N * P * DBL_EPSILON * trace);
    assert_true(error == 0);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

/* Over 200 seeds: the mean of the estimates within five of its standard errors, and the mean square of (estimate - trace)/error near 1. */
static void check_bars(ntk_context *ctx, ntk_jacobian *jacobian, double truth, int32_t plain, double *scatter)
{
    enum { SEEDS = 200 };
    double sum = 0, squares = 0, ratio = 0;
    for (uint64_t seed = 1; seed <= SEEDS; ++seed) {
        ntk_trace_options o = {NTK_TRACE_OPTIONS_INIT, .samples = 24, .seed = seed, .plain = plain};
        double trace, error;
        kit_ok(ctx, ntk_fisher_trace(ctx, jacobian, NULL, &o, &trace, &error));
        assert_true(error > 0);
        sum += trace - truth;
        squares += (trace - truth) * (trace - truth);
        ratio += (trace - truth) * (trace - truth) / (error * error);
    }
    *scatter = sqrt(squares / SEEDS);
    kit_near(sum / SEEDS, 0, 5 * *scatter / sqrt(SEEDS));
    assert_true(ratio / SEEDS > 0.6 && ratio / SEEDS < 3); /* t² of 24 or 12 samples, heavier tails where little is left (measured 1.1, 1.9) */
}

static void bars_tell_the_scatter(void **state)
{
    ntk_context *ctx = *state;
    double j[N * P], t[P * N], truth, hutchinson, sketched, transposed;
    ntk_jacobian *wide, *tall;
    decaying(j);
    truth = frobenius(N * P, j, NULL);
    dense_transpose(N, P, j, t);
    wide = dense_jacobian(ctx, N, P, 1, j);
    tall = dense_jacobian(ctx, P, N, 1, t); /* the smaller side is that of the parameters */
    check_bars(ctx, wide, truth, 1, &hutchinson);
    check_bars(ctx, wide, truth, 0, &sketched);
    check_bars(ctx, tall, truth, 0, &transposed);
    assert_true(sketched < hutchinson / 4 && transposed < hutchinson / 4); /* measured: a twentieth */
    ntk_jacobian_destroy(wide);
    ntk_jacobian_destroy(tall);
}

/* A sketch of all directions is the trace itself. */
static void a_full_sketch_is_exact(void **state)
{
    ntk_context *ctx = *state;
    double j[6 * 9], trace, error;
    ntk_jacobian *jacobian;
    ntk_trace_options o = {NTK_TRACE_OPTIONS_INIT, .samples = 12};
    kit_random(7, 54, j);
    jacobian = dense_jacobian(ctx, 6, 9, 1, j);
    kit_ok(ctx, ntk_fisher_trace(ctx, jacobian, NULL, &o, &trace, &error));
    kit_near(trace, frobenius(54, j, NULL), 1e-13 * trace);
    kit_near(error, 0, 1e-13 * trace);
    ntk_jacobian_destroy(jacobian);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    const double j[4] = {1, 2, 3, 4}, huge[2] = {1e200, 1};
    double trace;
    ntk_jacobian *jacobian = dense_jacobian(ctx, 2, 2, 1, j), *large = dense_jacobian(ctx, 1, 2, 1, huge);
    kit_fails(ctx, ntk_fisher_trace(ctx, jacobian, NULL, &(ntk_trace_options){NTK_TRACE_OPTIONS_INIT, .samples = 1}, &trace, NULL), NTK_ERROR_ARGUMENT,
              "options.samples is 1");
    kit_fails(ctx, ntk_fisher_trace(ctx, jacobian, NULL, &(ntk_trace_options){NTK_TRACE_OPTIONS_INIT, .samples = -2}, &trace, NULL), NTK_ERROR_ARGUMENT,
              "options.samples is -2");
    kit_fails(ctx, ntk_fisher_trace(ctx, large, NULL, NULL, &trace, NULL), NTK_ERROR_OVERFLOW, "the trace");
    ntk_jacobian_destroy(large);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(exact), kit_test(bars_tell_the_scatter), kit_test(a_full_sketch_is_exact), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
