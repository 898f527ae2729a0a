/* Each measure against its definition on K itself, where the library goes through eigenvectors. */
#include "dense.h"

#include <float.h>

enum { N = 10, M = 2 };

static void measure(ntk_context *ctx, const double *k, const double *y, const ntk_design_options *options, double *values)
{
    ntk_array targets = ntk_matrix_f64(y, N, M), out = ntk_vector_f64(values, NTK_MEASURE_COUNT);
    ntk_gram *gram = dense_gram(ctx, N, k);
    ntk_spectrum *s = NULL;
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &s));
    kit_ok(ctx, ntk_design_measure(ctx, s, &targets, options, &out));
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

static double alignment(const double *k, const double *y)
{
    double inner = 0, kk = 0, yy = 0;
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            double p = 0;
            for (int c = 0; c < M; ++c) p += y[i * M + c] * y[j * M + c];
            inner += k[i * N + j] * p;
            kk += k[i * N + j] * k[i * N + j];
            yy += p * p;
        }
    return inner / sqrt(kk * yy);
}

static double effective_dimension(const double *k, double ridge)
{
    double a[N * N], x[N * N], trace = 0;
    memcpy(a, k, sizeof a);
    memcpy(x, k, sizeof x);
    dense_shift(N, ridge, a);
    dense_eliminate(N, N, a, x);
    for (int i = 0; i < N; ++i) trace += x[i * N + i];
    return trace;
}

/* |exp(-K t) y|² / |y|² */
static double loss_left(const double *k, const double *y, double t)
{
    double e[N * N], f[N * M], left = 0, whole = 0;
    dense_exponential(N, k, -t, e);
    dense_multiply(N, M, N, e, y, f);
    for (int i = 0; i < N * M; ++i) left += f[i] * f[i], whole += y[i] * y[i];
    return left / whole;
}

static void test_definitions(void **state)
{
    double k[N * N], y[N * M], v[NTK_MEASURE_COUNT], mean[N * M], variance[N], error = 0, score = 0, evidence;
    ntk_array targets = ntk_matrix_f64(y, N, M), out = ntk_matrix_f64(mean, N, M), spread = ntk_vector_f64(variance, N);
    ntk_design_options options = {NTK_DESIGN_OPTIONS_INIT, .ridge = 0.2, .fraction = 0.3};
    ntk_gram *gram;
    ntk_spectrum *s = NULL;
    int right = 0;
    kit_random_spd(1, N, k);
    kit_random(2, N * M, y);
    measure(*state, k, y, &options, v);
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &s));
    kit_ok(*state, ntk_spectrum_leave_one_out(*state, s, &targets, 0.2, &out, &spread));
    kit_ok(*state, ntk_spectrum_log_evidence(*state, s, &targets, 0.2, &evidence));
    for (int i = 0; i < N * M; ++i) {
        error += (mean[i] - y[i]) * (mean[i] - y[i]) / (N * M);
        score -= 0.5 * ((mean[i] - y[i]) * (mean[i] - y[i]) / variance[i / M] + log(2 * acos(-1) * variance[i / M])) / (N * M);
    }
    for (int i = 0; i < N; ++i) right += (mean[i * M] < mean[i * M + 1]) == (y[i * M] < y[i * M + 1]);
    kit_near(v[NTK_MEASURE_CONDITION], ntk_spectrum_condition(s), 0);
    kit_near(v[NTK_MEASURE_RANK], N, 0);
    kit_near(v[NTK_MEASURE_UNREACHABLE], 0, 0);
    kit_near(v[NTK_MEASURE_EFFECTIVE_DIMENSION], effective_dimension(k, 0.2), 1e-13 * N);
    kit_near(v[NTK_MEASURE_ALIGNMENT], alignment(k, y), 1e-14);
    kit_near(v[NTK_MEASURE_LOG_EVIDENCE], evidence, 0);
    kit_near(v[NTK_MEASURE_LOO_ERROR], error, 1e-15 * N * error);
    kit_near(v[NTK_MEASURE_LOO_LOG_SCORE], score, 1e-15 * N * (1 + fabs(score)));
    kit_near(v[NTK_MEASURE_LOO_ACCURACY], (double)right / N, 0);
    kit_near(loss_left(k, y, v[NTK_MEASURE_TIME_TO_LOSS]), 0.3, 1e-12);
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

/* Gradient descent on the slowest thing it must survive: at the largest step the top mode neither grows nor falls. */
static void test_largest_step(void **state)
{
    double k[N * N] = {0}, y[N * M], v[NTK_MEASURE_COUNT];
    for (int i = 0; i < N; ++i) k[i * N + i] = i + 1;
    kit_random(3, N * M, y);
    measure(*state, k, y, NULL, v);
    kit_near(1 - v[NTK_MEASURE_LARGEST_STEP] * N, -1, 4 * DBL_EPSILON);
}

/* Three zero eigenvalues: their share of y stays, and no time reaches a loss below it. */
static void test_singular(void **state)
{
    double k[N * N] = {0}, y[N * M] = {0}, v[NTK_MEASURE_COUNT];
    ntk_design_options options = {NTK_DESIGN_OPTIONS_INIT, .ridge = 1e-3, .fraction = 0.2};
    for (int i = 0; i < N - 3; ++i) k[i * N + i] = 1;
    for (int i = 0; i < N; ++i) y[i * M] = 1, y[i * M + 1] = -1;
    measure(*state, k, y, &options, v);
    kit_near(v[NTK_MEASURE_RANK], N - 3, 0);
    kit_near(v[NTK_MEASURE_UNREACHABLE], 0.3, 1e-15 * N);
    assert_true(isinf(v[NTK_MEASURE_TIME_TO_LOSS]) && isinf(v[NTK_MEASURE_CONDITION]));
    options.fraction = 0.5; /* 0.3 + 0.7 exp(-2t) = 0.5 */
    measure(*state, k, y, &options, v);
    kit_near(v[NTK_MEASURE_TIME_TO_LOSS], 0.5 * log(3.5), 1e-14);
}

static void test_zero_targets(void **state)
{
    double k[N * N], y[N * M] = {0}, v[NTK_MEASURE_COUNT];
    kit_random_spd(4, N, k);
    measure(*state, k, y, NULL, v);
    for (int i = 0; i < NTK_MEASURE_COUNT; ++i) assert_true(isfinite(v[i]));
    kit_near(v[NTK_MEASURE_ALIGNMENT] + v[NTK_MEASURE_UNREACHABLE] + v[NTK_MEASURE_TIME_TO_LOSS] + v[NTK_MEASURE_PREDICTED_ERROR], 0, 0);
}

static void test_refusals(void **state)
{
    double k[N * N], y[N * M], v[NTK_MEASURE_COUNT + 1];
    ntk_array targets = ntk_matrix_f64(y, N, M), out = ntk_vector_f64(v, NTK_MEASURE_COUNT), many = ntk_vector_f64(v, NTK_MEASURE_COUNT + 1);
    ntk_gram *gram;
    ntk_spectrum *s = NULL;
    kit_random_spd(5, N, k);
    kit_random(6, N * M, y);
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &s));
    kit_fails(*state, ntk_design_measure(*state, s, &targets, NULL, &many), NTK_ERROR_SHAPE, "there are 12 measures");
    kit_fails(*state, ntk_design_measure(*state, s, &targets, &(ntk_design_options){NTK_DESIGN_OPTIONS_INIT, .fraction = 1}, &out), NTK_ERROR_ARGUMENT, "fraction is 1");
    kit_fails(*state, ntk_design_measure(*state, s, &targets, &(ntk_design_options){NTK_DESIGN_OPTIONS_INIT, .samples = -3}, &out), NTK_ERROR_ARGUMENT, "samples is -3");
    kit_fails(*state, ntk_design_measure(*state, s, &targets, &(ntk_design_options){NTK_DESIGN_OPTIONS_INIT, .ridge = -3}, &out), NTK_ERROR_ARGUMENT, "ridge is -3");
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_definitions), kit_test(test_largest_step), kit_test(test_singular), kit_test(test_zero_targets), kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
