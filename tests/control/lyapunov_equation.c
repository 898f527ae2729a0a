#include "general.h"

#include <float.h>

enum { N = 8 };

/* op(A) X + X op(A)ᵀ + Q, largest entry. */
static double residual(const double *a, ntk_gramian which, const double *x, const double *q)
{
    double t[N * N], left[N * N], right[N * N], worst = 0;
    dense_transpose(N, N, a, t);
    dense_multiply(N, N, N, which == NTK_GRAMIAN_OBSERVABILITY ? t : a, x, left);
    dense_multiply(N, N, N, x, which == NTK_GRAMIAN_OBSERVABILITY ? a : t, right);
    for (int i = 0; i < N * N; ++i) worst = fmax(worst, fabs(left[i] + right[i] + q[i]));
    return worst;
}

static double norm(const double *a)
{
    double sum = 0;
    for (int i = 0; i < N * N; ++i) sum += a[i] * a[i];
    return sqrt(sum);
}

static void random_symmetric(uint64_t seed, double *q)
{
    kit_random(seed, N * N, q);
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < i; ++j) q[j * N + i] = q[i * N + j];
}

/* Indefinite Q; general A, stable and not; symmetric A, definite and not: the residual within 20 n eps (2 |A| |X| + |Q|), X symmetric. */
static void test_the_equation(void **state)
{
    for (int symmetric = 0; symmetric < 2; ++symmetric)
        for (int stable = 0; stable < 2; ++stable)
            for (ntk_gramian which = 0; which < 2; ++which) {
                double q[N * N], x[N * N];
                ntk_array qq = ntk_matrix_f64(q, N, N), xx = ntk_matrix_f64(x, N, N);
                general g = general_open(150, N, 1, 1, stable ? 2 : 0.3);
                ntk_system *s;
                if (symmetric) random_symmetric(151, g.a);
                if (symmetric && stable) dense_shift(N, -4, g.a);
                random_symmetric(152, q);
                s = general_system(*state, &g);
                kit_ok(*state, ntk_system_lyapunov(*state, s, which, &qq, &xx));
                assert_true(residual(g.a, which, x, q) <= 20 * N * DBL_EPSILON * (2 * norm(g.a) * norm(x) + norm(q)));
                for (int i = 0; i < N * N; ++i) assert_true(x[i] == x[i % N * N + i / N]);
                ntk_system_destroy(s);
                general_close(&g);
            }
}

/* Of Q = CᵀC it is the Gramian; a mode that rests and that Q does not touch is left at 0. */
static void test_the_gramian(void **state)
{
    const double values[4] = {3, 2, 1, 0}, touched[4] = {1, 1, 1, 0};
    double a[16], q[16], x[16], wanted[16], inverse[4] = {1 / 6.0, 1 / 4.0, 1 / 2.0, 0};
    ntk_array aa = ntk_matrix_f64(a, 4, 4), qq = ntk_matrix_f64(q, 4, 4), xx = ntk_matrix_f64(x, 4, 4);
    ntk_system *s = NULL;
    dense_symmetric(153, 4, values, a);
    dense_symmetric(153, 4, touched, q);
    dense_symmetric(153, 4, inverse, wanted);
    for (int i = 0; i < 16; ++i) a[i] = -a[i];
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, NULL, &s));
    kit_ok(*state, ntk_system_lyapunov(*state, s, NTK_GRAMIAN_OBSERVABILITY, &qq, &xx));
    kit_close(16, x, wanted, 1e-13);
    dense_identity(4, q);
    kit_fails(*state, ntk_system_lyapunov(*state, s, NTK_GRAMIAN_OBSERVABILITY, &qq, &xx), NTK_ERROR_UNSTABLE, "add up to 0 within rounding");
    q[1] = 0.5;
    kit_fails(*state, ntk_system_lyapunov(*state, s, NTK_GRAMIAN_OBSERVABILITY, &qq, &xx), NTK_ERROR_ARGUMENT, "q is not symmetric: entries differ from their mirror images by up to 0.5");
    ntk_system_destroy(s);
}

/* Opposite eigenvalues: no unique solution. */
static void test_opposite(void **state)
{
    const double symmetric[4] = {1, 0, 0, -1}, skew[4] = {1, 2, 0, -1}, q[4] = {1, 1, 1, 1};
    double x[4];
    ntk_array qq = ntk_matrix_f64(q, 2, 2), xx = ntk_matrix_f64(x, 2, 2);
    for (int i = 0; i < 2; ++i) {
        ntk_array aa = ntk_matrix_f64(i ? skew : symmetric, 2, 2);
        ntk_system *s = NULL;
        kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, NULL, &s));
        kit_fails(*state, ntk_system_lyapunov(*state, s, NTK_GRAMIAN_OBSERVABILITY, &qq, &xx), NTK_ERROR_UNSTABLE, "add up to 0 within rounding");
        ntk_system_destroy(s);
    }
}

/* Nothing at all is a system too, and answers. */
static void test_empty(void **state)
{
    double number, imaginary;
    ntk_array a = ntk_matrix_f64(NULL, 0, 0), v = ntk_vector_f64(NULL, 0), pairs = ntk_matrix_f64(NULL, 0, 2), z = ntk_matrix_f64(NULL, 1, 0);
    const double times[1] = {1};
    ntk_system *s = NULL;
    int64_t count;
    kit_ok(*state, ntk_system_from_matrices(*state, &a, NULL, NULL, &s));
    kit_ok(*state, ntk_system_lyapunov(*state, s, NTK_GRAMIAN_OBSERVABILITY, &a, &a));
    kit_ok(*state, ntk_system_response(*state, s, &v, times, 1, &z));
    kit_ok(*state, ntk_system_reconstruct(*state, s, times, 1, &z, NULL, &v, &a, &count));
    assert_int_equal(count, 0);
    kit_ok(*state, ntk_system_directions(*state, s, NTK_GRAMIAN_OBSERVABILITY, 1, &a, &v, &v));
    kit_ok(*state, ntk_system_minimum_energy(*state, s, 1, &v, &number, &v));
    assert_true(number == 0);
    kit_ok(*state, ntk_system_get_eigenvalues(*state, s, &pairs));
    kit_ok(*state, ntk_system_resting_modes(*state, s, NTK_GRAMIAN_OBSERVABILITY, &count));
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.1, &number, &imaginary));
    assert_true(number == 0 && imaginary == 0 && isinf(ntk_system_largest_step(s)));
    kit_fails(*state, ntk_system_dominant_mode(*state, s, &number, &imaginary, &pairs), NTK_ERROR_ARGUMENT, "no states");
    ntk_system_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_the_equation), kit_test(test_the_gramian), kit_test(test_opposite), kit_test(test_empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
