#include "general.h"

#include <float.h>

enum { N = 7 };

/* |B|_F after k squarings of B, scaled: above 1 grows, below 1 falls. */
static double growth(const double *a, double h)
{
    double e[N * N], x[N * N], log_norm = 0;
    for (int i = 0; i < N * N; ++i) e[i] = h * a[i] + (i % (N + 1) == 0);
    for (int k = 0; k < 14; ++k) {
        double norm = 0;
        dense_multiply(N, N, N, e, e, x);
        for (int i = 0; i < N * N; ++i) norm += x[i] * x[i];
        norm = sqrt(norm);
        for (int i = 0; i < N * N; ++i) e[i] = x[i] / norm;
        log_norm = 2 * log_norm + log(norm);
    }
    return log_norm;
}

/* Powers of 1 + h A fall below the largest step and grow above it; A is not symmetric and has complex eigenvalues. */
static void test_largest_step(void **state)
{
    for (uint64_t seed = 120; seed < 126; ++seed) {
        general g = general_open(seed, N, 1, 1, 1.4);
        ntk_system *s = general_system(*state, &g);
        double step = ntk_system_largest_step(s);
        assert_true(growth(g.a, 0.99 * step) < 0 && growth(g.a, 1.01 * step) > 0);
        ntk_system_destroy(s);
        general_close(&g);
    }
}

static ntk_system *matrix_system(ntk_context *ctx, int n, const double *a)
{
    ntk_system *s = NULL;
    ntk_array aa = ntk_matrix_f64(a, n, n);
    kit_ok(ctx, ntk_system_from_matrices(ctx, &aa, NULL, NULL, &s));
    return s;
}

/* -0.1 +- 5i and -3, hidden by a similarity: eigenvalues, dominant mode, margins. */
static void test_a_pair(void **state)
{
    const double block[9] = {-0.1, 5, 0, -5, -0.1, 0, 0, 0, -3}, t[9] = {1, 2, 0, 0, 1, 3, 1, 0, 1};
    double a[9], inverse[9], room[9], values[6], mode[6], tt[9], real, imaginary, time, certain;
    ntk_array vv = ntk_matrix_f64(values, 3, 2), mm = ntk_matrix_f64(mode, 3, 2);
    ntk_system *s;
    memcpy(tt, t, sizeof t);
    dense_identity(3, inverse);
    dense_eliminate(3, 3, tt, inverse);
    dense_multiply(3, 3, 3, t, block, room);
    dense_multiply(3, 3, 3, room, inverse, a);
    s = matrix_system(*state, 3, a);
    kit_ok(*state, ntk_system_get_eigenvalues(*state, s, &vv));
    kit_near(values[0], -0.1, 1e-13), kit_near(values[1], 5, 1e-13), kit_near(values[3], -5, 1e-13), kit_near(values[4], -3, 1e-13);
    kit_ok(*state, ntk_system_dominant_mode(*state, s, &real, &imaginary, &mm));
    kit_near(real, -0.1, 1e-13), kit_near(imaginary, 5, 1e-13);
    for (int i = 0; i < 3; ++i) {
        double x = 0, y = 0;
        for (int j = 0; j < 3; ++j) x += a[i * 3 + j] * mode[2 * j], y += a[i * 3 + j] * mode[2 * j + 1];
        kit_near(x, real * mode[2 * i] - imaginary * mode[2 * i + 1], 1e-13);
        kit_near(y, real * mode[2 * i + 1] + imaginary * mode[2 * i], 1e-13);
    }
    kit_near(ntk_system_largest_step(s), 0.2 / 25.01, 1e-14);
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.01, &time, &certain));
    kit_near(time, log(100) / 0.1, 1e-10);
    assert_true(certain >= time);
    ntk_system_destroy(s);
}

/* The largest singular value of a 2 x 2 matrix. */
static double norm2(const double *e)
{
    double s = e[0] * e[0] + e[1] * e[1] + e[2] * e[2] + e[3] * e[3], d = e[0] * e[3] - e[1] * e[2];
    return sqrt((s + sqrt(fmax(s * s - 4 * d * d, 0))) / 2);
}

/* A non-normal A is not settled when its slowest mode says so, and is when Lyapunov does. */
static void test_settling(void **state)
{
    const double a[4] = {-1, 50, 0, -1.1}, jordan[4] = {0, 1, 0, 0}, turning[4] = {0, 1, -1, 0}, spiral[4] = {-0.1, 5, -5, -0.1};
    double time, certain, e[4];
    ntk_system *s = matrix_system(*state, 2, a);
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.05, &time, &certain));
    kit_near(time, log(20), 1e-12);
    dense_exponential(2, a, time, e);
    assert_true(norm2(e) > 0.05);
    for (double t = certain; t < 4 * certain; t *= 1.1) {
        dense_exponential(2, a, t, e);
        assert_true(norm2(e) <= 0.05);
    }
    kit_fails(*state, ntk_system_settling_time(*state, s, 0, &time, NULL), NTK_ERROR_ARGUMENT, "share is 0");
    kit_fails(*state, ntk_system_settling_time(*state, s, 1, &time, NULL), NTK_ERROR_ARGUMENT, "share is 1");
    ntk_system_destroy(s);
    s = matrix_system(*state, 2, jordan);
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.05, &time, &certain));
    assert_true(isinf(time) && isinf(certain) && isinf(ntk_system_largest_step(s)));
    ntk_system_destroy(s);
    s = matrix_system(*state, 2, spiral); /* normal: P = 5, and both times are one */
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.05, &time, &certain));
    kit_near(certain, time, 1e-12 * time);
    ntk_system_destroy(s);
    s = matrix_system(*state, 2, turning);
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.05, &time, &certain));
    assert_true(isinf(time) && ntk_system_largest_step(s) == 0);
    ntk_system_destroy(s);
}

/* A = -K: ln(1/share)/lambda_min of the modes that move, 2/lambda_max. */
static void test_gram(void **state)
{
    const double values[3] = {5, 0.5, 0};
    double k[9], time, certain, real, imaginary, mode[6], eigenvalues[6];
    ntk_array mm = ntk_matrix_f64(mode, 3, 2), ee = ntk_matrix_f64(eigenvalues, 3, 2);
    ntk_gram *gram;
    ntk_system *s = NULL;
    dense_symmetric(130, 3, values, k);
    gram = dense_gram(*state, 3, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.1, &time, &certain));
    kit_near(time, log(10) / 0.5, 1e-13), kit_near(certain, time, 0);
    kit_near(ntk_system_largest_step(s), 0.4, 1e-15);
    kit_ok(*state, ntk_system_dominant_mode(*state, s, &real, &imaginary, &mm));
    kit_near(real, 0, 1e-15);
    for (int i = 0; i < 3; ++i) {
        double sum = 0;
        for (int j = 0; j < 3; ++j) sum += k[i * 3 + j] * mode[2 * j];
        kit_near(sum, 0, 1e-14);
        assert_true(mode[2 * i + 1] == 0);
    }
    kit_ok(*state, ntk_system_get_eigenvalues(*state, s, &ee));
    kit_near(eigenvalues[0], 0, 1e-15), kit_near(eigenvalues[2], -0.5, 1e-14), kit_near(eigenvalues[4], -5, 1e-14);
    assert_true(ntk_system_largest_step(NULL) == -1);
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_parameter_space(void **state)
{
    const double j[6] = {2, 0, 0, 0, 1, 0}, d[3] = {4, 1, 1};
    double values[6], time, certain;
    ntk_array vv = ntk_matrix_f64(values, 3, 2), dd = ntk_vector_f64(d, 3);
    ntk_jacobian *jacobian = dense_jacobian(*state, 2, 3, 1, j);
    ntk_optimizer *adam = NULL;
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_jacobian(*state, jacobian, NULL, 0, &s));
    kit_near(ntk_system_largest_step(s), 0.5, 1e-15);
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.1, &time, &certain));
    kit_near(time, log(10), 1e-14), kit_near(certain, time, 0); /* what rests is settled */
    ntk_system_destroy(s);
    kit_ok(*state, ntk_optimizer_diagonal(*state, &dd, &adam));
    kit_ok(*state, ntk_system_from_jacobian(*state, jacobian, adam, 0.25, &s));
    kit_ok(*state, ntk_system_get_eigenvalues(*state, s, &vv));
    kit_near(values[0], -0.25, 0), kit_near(values[2], -1.25, 1e-15), kit_near(values[4], -1.25, 1e-15);
    kit_near(ntk_system_largest_step(s), 1.6, 1e-15);
    kit_ok(*state, ntk_system_settling_time(*state, s, 0.1, &time, &certain));
    kit_near(time, log(10) / 0.25, 1e-13), kit_near(certain, (log(10) + 0.5 * log(4)) / 0.25, 1e-13);
    kit_fails(*state, ntk_system_dominant_mode(*state, s, NULL, NULL, NULL), NTK_ERROR_UNSUPPORTED, "keeps no A");
    ntk_system_destroy(s);
    ntk_optimizer_destroy(adam);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_largest_step), kit_test(test_a_pair), kit_test(test_settling), kit_test(test_gram), kit_test(test_parameter_space)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
