#include "dense.h"

#include <float.h>

/* By hand: A = diag(-1, -2), C = (1, 1), W = [[1, 2], [3, 4]]: A W + W A + Q = [[-1, -5], [-8, -15]]. */
static void test_the_definition(void **state)
{
    const double a[4] = {-1, 0, 0, -2}, c[2] = {1, 1}, w[4] = {1, 2, 3, 4};
    double residual, wanted = sqrt(1 + 25 + 64 + 225) / (2 * sqrt(5) * sqrt(30) + 2);
    ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(c, 1, 2), ww = ntk_matrix_f64(w, 2, 2);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &cc, &s));
    kit_ok(*state, ntk_system_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, &ww, &residual));
    kit_near(residual, wanted, 8 * DBL_EPSILON);
    ntk_system_destroy(s);
}

/* B [s, i] enters as B Bᵀ; C, which is not given, as the identity. */
static void test_controllability(void **state)
{
    const double a[4] = {-1, 0, 0, -1}, b[2] = {2, 0}, driven[4] = {2, 0, 0, 0}, seen[4] = {0.5, 0, 0, 0.5};
    double residual;
    ntk_array aa = ntk_matrix_f64(a, 2, 2), bb = ntk_matrix_f64(b, 2, 1), ww = ntk_matrix_f64(driven, 2, 2), vv = ntk_matrix_f64(seen, 2, 2);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, &bb, NULL, &s));
    kit_ok(*state, ntk_system_residual(*state, s, NTK_GRAMIAN_CONTROLLABILITY, &ww, &residual));
    assert_true(residual == 0);
    kit_ok(*state, ntk_system_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, &vv, &residual));
    assert_true(residual == 0);
    kit_ok(*state, ntk_system_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, &ww, &residual));
    assert_true(residual > 0.1);
    ntk_system_destroy(s);
}

static void test_refusals(void **state)
{
    const double a[4] = {-1, 0, 0, -1};
    double w[4] = {0, NAN, 0, 0}, residual;
    ntk_array aa = ntk_matrix_f64(a, 2, 2), bad = ntk_matrix_f64(w, 2, 2), small = ntk_matrix_f64(a, 1, 1);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, NULL, &s));
    kit_fails(*state, ntk_system_residual(*state, s, 0, &bad, &residual), NTK_ERROR_NOT_FINITE, "w[0, 1]");
    kit_fails(*state, ntk_system_residual(*state, s, 0, &small, &residual), NTK_ERROR_SHAPE, "w has shape [1, 1]; expected [2, 2]");
    kit_fails(*state, ntk_system_residual(*state, s, 9, &aa, &residual), NTK_ERROR_ARGUMENT, "which is 9");
    kit_fails(*state, ntk_system_residual(*state, s, 0, NULL, &residual), NTK_ERROR_NULL, "w is NULL");
    kit_fails(*state, ntk_system_residual(*state, s, 0, &aa, NULL), NTK_ERROR_NULL, "residual is NULL");
    kit_fails(*state, ntk_system_residual(*state, NULL, 0, &aa, &residual), NTK_ERROR_NULL, "system is NULL");
    ntk_system_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_the_definition),
        kit_test(test_controllability),
        kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
