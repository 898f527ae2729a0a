#include "general.h"

#include <float.h>

enum { N = 7, M = 2, P = 3 };

/* The sum itself, term by term. */
static void sum(const general *g, double step, bool observability, int terms, double *w)
{
    double e[N * N], x[N * P], y[N * P];
    int rows = observability ? P : M;
    for (int i = 0; i < N * N; ++i) e[i] = (i % (N + 1) == 0) + step * g->a[i];
    if (observability) memcpy(x, g->c, sizeof(double) * N * P);
    else dense_transpose(N, M, g->b, x);
    if (!observability) {
        double t[N * N];
        dense_transpose(N, N, e, t);
        memcpy(e, t, sizeof e);
    }
    memset(w, 0, N * N * sizeof *w);
    for (int k = 0; k < terms; ++k) {
        for (int r = 0; r < rows; ++r)
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) w[i * N + j] += x[r * N + i] * x[r * N + j];
        dense_multiply(rows, N, N, x, e, y);
        memcpy(x, y, sizeof(double) * (size_t)(rows * N));
    }
}

static void test_the_sum(void **state)
{
    double w[N * N], wanted[N * N], residual;
    ntk_array out = ntk_matrix_f64(w, N, N);
    general g = general_open(20, N, M, P, 1.5);
    ntk_system *s = general_system(*state, &g);
    for (ntk_gramian which = 0; which < 2; ++which) {
        kit_ok(*state, ntk_system_discrete_gramian(*state, s, which, 0.1, &out));
        kit_ok(*state, ntk_system_discrete_residual(*state, s, which, 0.1, &out, &residual));
        assert_true(residual < 20 * N * DBL_EPSILON);
        sum(&g, 0.1, which == NTK_GRAMIAN_OBSERVABILITY, 2000, wanted);
        kit_close(N * N, w, wanted, 1e-12);
    }
    ntk_system_destroy(s);
    general_close(&g);
}

/* A gram: per mode 1/(1 - (1 - step lambda)²); step W tends to the Gramian of the flow; beyond 2/lambda_max there is none. */
static void test_gradient_descent(void **state)
{
    const double values[4] = {4, 2, 1, 1e-3};
    double k[16] = {0}, w[16];
    ntk_array out = ntk_matrix_f64(w, 4, 4);
    ntk_gram *gram;
    ntk_system *s = NULL;
    for (int i = 0; i < 4; ++i) k[i * 5] = values[i];
    gram = dense_gram(*state, 4, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    ntk_gram_destroy(gram);
    for (double step = 0.4; step > 1e-6; step /= 8) {
        kit_ok(*state, ntk_system_discrete_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, step, &out));
        for (int i = 0; i < 4; ++i) {
            double x = step * values[i], wanted = 1 / (x * (2 - x));
            kit_near(w[i * 5], wanted, 4 * DBL_EPSILON / x * wanted); /* 1 - x is rounded, and remembers x to eps/x */
        }
    }
    kit_fails(*state, ntk_system_discrete_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, 0.51, &out), NTK_ERROR_UNSTABLE, "the step 0.51");
    kit_fails(*state, ntk_system_discrete_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, 0, &out), NTK_ERROR_ARGUMENT, "step is 0");
    kit_fails(*state, ntk_system_discrete_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, NAN, &out), NTK_ERROR_ARGUMENT, "step is nan");
    ntk_system_destroy(s);
}

/* By hand, W not symmetric: A = diag(-1, -2), step 1/2, E = diag(1/2, 0), C = (1, 1): EᵀWE - W + Q = [[1 - 3/4, -1], [-2, -3]]. */
static void test_residual(void **state)
{
    const double a[4] = {-1, 0, 0, -2}, c[2] = {1, 1}, w[4] = {1, 2, 3, 4};
    double residual, wanted = sqrt(0.0625 + 1 + 4 + 9) / (1.25 * sqrt(30) + 2);
    ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(c, 1, 2), ww = ntk_matrix_f64(w, 2, 2), wide = ntk_matrix_f64(w, 1, 4);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &cc, &s));
    kit_ok(*state, ntk_system_discrete_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, 0.5, &ww, &residual));
    kit_near(residual, wanted, 8 * DBL_EPSILON);
    kit_fails(*state, ntk_system_discrete_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, 0.5, &wide, &residual), NTK_ERROR_SHAPE, "w has shape [1, 4]; expected [2, 2]");
    kit_fails(*state, ntk_system_discrete_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, -1, &ww, &residual), NTK_ERROR_ARGUMENT, "step is -1");
    ntk_system_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_the_sum), kit_test(test_gradient_descent), kit_test(test_residual)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
