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

/* Of a network: with D = 1 and one frozen layer without J, with D by rows; both are the sum of squares of J D^-1/2. */
static void of_a_network(void **state)
{
    enum { SAMPLES = 3, OUTPUTS = 2, PARAMETERS = 34 };
    ntk_context *ctx = *state;
    double theta[PARAMETERS], x[SAMPLES * 3], d[PARAMETERS], j[SAMPLES * OUTPUTS * PARAMETERS], trace;
    ntk_array t = ntk_vector_f64(theta, PARAMETERS), in = ntk_matrix_f64(x, SAMPLES, 3), dv = ntk_vector_f64(d, PARAMETERS);
    ntk_array rows = ntk_matrix_f64(j, SAMPLES * OUTPUTS, PARAMETERS);
    ntk_network *net = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 4},"
                                        " {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 3, \"train\": false}, {\"op\": \"tanh\"},"
                                        " {\"op\": \"dense\", \"units\": 2, \"b_std\": 0.5, \"lr\": 0.5}]}");
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    assert_int_equal(ntk_network_parameters(net), 12 + 12 + 8);
    t.shape[0] = dv.shape[0] = rows.shape[1] = rows.strides[0] = ntk_network_parameters(net);
    kit_random(1, PARAMETERS, theta);
    kit_random(2, SAMPLES * 3, x);
    for (int i = 0; i < PARAMETERS; ++i) d[i] = 1 + i % 5;
    kit_ok(ctx, ntk_jacobian_from_network(ctx, net, &t, &in, &jacobian));
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &dv, &optimizer));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, jacobian, 0, &rows));
    kit_ok(ctx, ntk_fisher_trace(ctx, jacobian, NULL, NULL, &trace, NULL));
    kit_near(trace, frobenius(SAMPLES * OUTPUTS * 32, j, NULL), 1e-14 * trace);
    kit_ok(ctx, ntk_fisher_trace(ctx, jacobian, optimizer, NULL, &trace, NULL));
    for (int i = 0; i < SAMPLES * OUTPUTS * 32; ++i) j[i] /= sqrt(d[i % 32]);
    kit_near(trace, frobenius(SAMPLES * OUTPUTS * 32, j, NULL), 1e-14 * trace);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
    ntk_network_destroy(net);
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
    const struct CMUnitTest tests[] = {kit_test(exact), kit_test(of_a_network), kit_test(bars_tell_the_scatter), kit_test(a_full_sketch_is_exact), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
