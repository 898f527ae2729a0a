/* The predicted learning curve against one that is measured: Gaussian features, random subsets of the samples, kernel ridge regression. */
#include "dense.h"

#include <float.h>

enum { POOL = 400, P = 30, TRIALS = 60 };

static double curve(ntk_context *ctx, const ntk_spectrum *s, const double *y, double ridge, int64_t samples)
{
    double v[NTK_MEASURE_COUNT];
    ntk_design_options options = {NTK_DESIGN_OPTIONS_INIT, .ridge = ridge, .samples = samples};
    ntk_array targets = ntk_matrix_f64(y, POOL, 1), out = ntk_vector_f64(v, NTK_MEASURE_COUNT);
    kit_ok(ctx, ntk_design_measure(ctx, s, &targets, &options, &out));
    return v[NTK_MEASURE_PREDICTED_ERROR];
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < P; ++i) sum += a[i] * b[i];
    return sum;
}

/* Trains on a window of the pool (its samples are independent), tests on all the rest. */
static double measured(const double *f, const double *y, double ridge, int n)
{
    double sum = 0;
    for (int t = 0; t < TRIALS; ++t) {
        double a[DENSE_MAX * DENSE_MAX], b[DENSE_MAX], first = (double)t * (POOL - n) / TRIALS;
        int at = (int)first;
        double error = 0;
        for (int i = 0; i < n; ++i) {
            b[i] = y[at + i];
            for (int j = 0; j < n; ++j) a[i * n + j] = dot(f + (at + i) * P, f + (at + j) * P) + (i == j ? ridge : 0);
        }
        dense_eliminate(n, 1, a, b);
        for (int i = 0; i < POOL; ++i) {
            double g = -y[i];
            for (int j = 0; j < n; ++j) g += dot(f + i * P, f + (at + j) * P) * b[j];
            if (i < at || i >= at + n) error += g * g / (POOL - n);
        }
        sum += error / TRIALS;
    }
    return sum;
}

/* Features of falling power, a target that loads on all of them. */
static void features(double *f, double *y)
{
    kit_random(1, POOL * P, f);
    for (int i = 0; i < POOL; ++i) {
        y[i] = 0;
        for (int j = 0; j < P; ++j) {
            y[i] += f[i * P + j] / (1 + j);
            f[i * P + j] /= sqrt(1.0 + j);
        }
    }
}

/* The theory is asymptotic: with 8 to 48 samples and 30 modes it is up to 20 % too hopeful. */
static void test_against_subsets(void **state)
{
    static double f[POOL * P], y[POOL];
    ntk_array rows = ntk_matrix_f64(f, POOL, P);
    ntk_jacobian *jacobian = NULL;
    ntk_spectrum *s = NULL;
    double before = INFINITY;
    features(f, y);
    kit_ok(*state, ntk_jacobian_from_matrix(*state, &rows, 1, &jacobian));
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, jacobian, NULL, NULL, &s));
    for (int n = 8; n <= 48; n += 8) {
        double predicted = curve(*state, s, y, 0.5, n), real = measured(f, y, 0.5, n);
        if (!(fabs(log(predicted / real)) < 0.25)) fail_msg("%d samples: predicted %g, measured %g", n, predicted, real);
        assert_true(predicted < before);
        before = predicted;
    }
    ntk_spectrum_destroy(s);
    ntk_jacobian_destroy(jacobian);
}

/* K = c I, delta: kappa from n = N mu/(mu + kappa) + delta/kappa, a quadratic. */
static void test_one_eigenvalue(void **state)
{
    enum { N = 6 };
    double k[N * N] = {0}, y[N], v[NTK_MEASURE_COUNT], c = 3, delta = 0.7, n = 4, mu = c / N, squares = 0;
    ntk_design_options options = {NTK_DESIGN_OPTIONS_INIT, .ridge = delta, .samples = (int64_t)n};
    ntk_array targets = ntk_matrix_f64(y, N, 1), out = ntk_vector_f64(v, NTK_MEASURE_COUNT);
    ntk_gram *gram;
    ntk_spectrum *s = NULL;
    double b = n * mu - N * mu - delta, kappa = (-b + sqrt(b * b + 4 * n * delta * mu)) / (2 * n), share = mu / (mu + kappa);
    for (int i = 0; i < N; ++i) k[i * N + i] = c;
    kit_random(2, N, y);
    for (int i = 0; i < N; ++i) squares += y[i] * y[i];
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &s));
    kit_ok(*state, ntk_design_measure(*state, s, &targets, &options, &out));
    kit_near(v[NTK_MEASURE_PREDICTED_ERROR], n / (n - N * share * share) * (1 - share) * (1 - share) * squares / N, 1e-13 * squares);
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_against_subsets), kit_test(test_one_eigenvalue)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
