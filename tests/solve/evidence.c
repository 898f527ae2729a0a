#include "dense.h"

#include <float.h>

enum { N = 12, M = 3, P = 7 };

/* log density of y ~ N(0, k + ridge I) from the chain rule: each target given those before it, by elimination in long double. */
static double log_density(const double *k, double ridge, const double *y, int m, int column)
{
    long double a[N * N], b[N], sum = 0;
    for (int i = 0; i < N * N; ++i) a[i] = k[i] + (i % (N + 1) == 0 ? ridge : 0);
    for (int i = 0; i < N; ++i) b[i] = y[i * m + column];
    for (int i = 0; i < N; ++i) {
        sum -= 0.5L * (b[i] * b[i] / a[i * N + i] + logl(2 * acosl(-1) * a[i * N + i]));
        for (int j = i + 1; j < N; ++j) {
            long double f = a[j * N + i] / a[i * N + i];
            for (int l = i; l < N; ++l) a[j * N + l] -= f * a[i * N + l];
            b[j] -= f * b[i];
        }
    }
    return (double)sum;
}

static double total_density(const double *k, double ridge, const double *y)
{
    double sum = 0;
    for (int j = 0; j < M; ++j) sum += log_density(k, ridge, y, M, j);
    return sum;
}

static ntk_spectrum *spectrum_of(ntk_context *ctx, const double *k)
{
    ntk_gram *gram = dense_gram(ctx, N, k);
    ntk_spectrum *s = NULL;
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &s));
    ntk_gram_destroy(gram);
    return s;
}

static void test_chain_rule(void **state)
{
    double k[N * N], y[N * M], value, ridges[] = {0, 1e-3, 0.5, 1e6};
    ntk_array targets = ntk_matrix_f64(y, N, M);
    ntk_spectrum *s;
    kit_random_spd(1, N, k);
    kit_random(2, N * M, y);
    s = spectrum_of(*state, k);
    for (int r = 0; r < 4; ++r) {
        double wanted = total_density(k, ridges[r], y);
        kit_ok(*state, ntk_spectrum_log_evidence(*state, s, &targets, ridges[r], &value));
        kit_near(value, wanted, 100 * N * DBL_EPSILON * fabs(wanted)); /* condition below 10 */
    }
    ntk_spectrum_destroy(s);
}

/* A Jacobian of fewer columns than rows: the spectrum holds P of N vectors, the ridge carries the rest. */
static void test_low_rank(void **state)
{
    double j[N * P], t[N * P], k[N * N], y[N * M], value, wanted;
    ntk_array rows = ntk_matrix_f64(j, N, P), targets = ntk_matrix_f64(y, N, M);
    ntk_jacobian *jacobian = NULL;
    ntk_spectrum *s = NULL;
    kit_random(3, N * P, j);
    kit_random(4, N * M, y);
    dense_transpose(N, P, j, t);
    dense_multiply(N, N, P, j, t, k);
    kit_ok(*state, ntk_jacobian_from_matrix(*state, &rows, 1, &jacobian));
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, jacobian, NULL, NULL, &s));
    wanted = total_density(k, 0.25, y);
    kit_ok(*state, ntk_spectrum_log_evidence(*state, s, &targets, 0.25, &value));
    kit_near(value, wanted, 1000 * N * DBL_EPSILON * fabs(wanted)); /* condition of A about 100 */
    kit_fails(*state, ntk_spectrum_log_evidence(*state, s, &targets, 0, &value), NTK_ERROR_NOT_POSITIVE_DEFINITE, "at most 7 positive eigenvalues");
    ntk_spectrum_destroy(s);
    ntk_jacobian_destroy(jacobian);
}

static void test_refusals(void **state)
{
    double k[N * N] = {0}, y[N] = {0}, value = 7;
    ntk_array targets = ntk_matrix_f64(y, N, 1);
    ntk_gram *gram;
    ntk_spectrum *s, *plain = NULL;
    for (int i = 0; i < N; ++i) k[i * N + i] = i == 5 ? -1 : 2;
    s = spectrum_of(*state, k);
    kit_fails(*state, ntk_spectrum_log_evidence(*state, s, &targets, 0.5, &value), NTK_ERROR_NOT_POSITIVE_DEFINITE, "eigenvalue 11 is -1");
    kit_fails(*state, ntk_spectrum_log_evidence(*state, s, &targets, -1, &value), NTK_ERROR_ARGUMENT, "ridge is -1");
    kit_fails(*state, ntk_spectrum_log_evidence(*state, s, &targets, NAN, &value), NTK_ERROR_ARGUMENT, "ridge is nan");
    kit_ok(*state, ntk_spectrum_log_evidence(*state, s, &targets, 1.5, &value));
    y[3] = INFINITY;
    kit_fails(*state, ntk_spectrum_log_evidence(*state, s, &targets, 1.5, &value), NTK_ERROR_NOT_FINITE, "y[3, 0]");
    y[3] = 1e200;
    kit_fails(*state, ntk_spectrum_log_evidence(*state, s, &targets, 1.5, &value), NTK_ERROR_OVERFLOW, "the log evidence");
    ntk_spectrum_destroy(s);
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_spectrum_create(*state, gram, &(ntk_spectrum_options){NTK_SPECTRUM_OPTIONS_INIT, .values_only = 1}, &plain));
    y[3] = 0;
    kit_fails(*state, ntk_spectrum_log_evidence(*state, plain, &targets, 1.5, &value), NTK_ERROR_ARGUMENT, "values_only");
    ntk_spectrum_destroy(plain);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_chain_rule), kit_test(test_low_rank), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
