/* Ranges that are known: K = Q diag Qᵀ with Q written down, y inside, outside and partly outside. */
#include "dense.h"

#include <float.h>

enum { N = 6 };

static ntk_spectrum *spectrum_of(ntk_context *ctx, const double *values, double *q)
{
    double k[N * N];
    ntk_gram *gram;
    ntk_spectrum *s;
    dense_orthogonal(3, N, q);
    dense_symmetric(3, N, values, k);
    gram = dense_gram(ctx, N, k);
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &s));
    ntk_gram_destroy(gram);
    return s;
}

static void answers(void **state)
{
    ntk_context *ctx = *state;
    const double values[N] = {8, 4, 2, 1e-3, 0, 0};
    double q[N * N], y[N * 2], rest[N * 2], gap, unreachable;
    ntk_array targets = ntk_matrix_f64(y, N, 2), one = ntk_matrix_f64(y, N, 1), left = ntk_matrix_f64(rest, N, 2);
    ntk_spectrum *s = spectrum_of(ctx, values, q);
    int interpolates = 7;
    one.strides[0] = 2;
    for (int i = 0; i < N; ++i) y[2 * i] = q[i * N] + 3 * q[i * N + 3], y[2 * i + 1] = 3 * q[i * N + 1] + 4 * q[i * N + 5];
    kit_ok(ctx, ntk_spectrum_interpolation(ctx, s, &one, &interpolates, &gap, &unreachable, NULL));
    assert_int_equal(interpolates, 1);
    assert_int_equal(ntk_spectrum_rank(s), 4);
    assert_true(gap < 1e-11); /* rounding of a zero, over 1e-3 */
    kit_near(unreachable, 0, 1e-24); /* vectors to eps |K| / 1e-3 = 2e-12 */
    kit_ok(ctx, ntk_spectrum_interpolation(ctx, s, &targets, &interpolates, NULL, &unreachable, &left));
    assert_int_equal(interpolates, 0);
    kit_near(unreachable, 16.0 / 35, 1e-12);
    for (int i = 0; i < N; ++i) {
        kit_near(rest[2 * i], 0, 1e-11);
        kit_near(rest[2 * i + 1], 4 * q[i * N + 5], 1e-11);
    }
    ntk_spectrum_destroy(s);
}

/* What training leaves: f(infinity) of the dynamics of the same K. */
static void it_is_what_training_leaves(void **state)
{
    ntk_context *ctx = *state;
    const double values[N] = {3, 2, 1, 0.5, 0, 0};
    double k[N * N], q[N * N], y[N], f[N], rest[N], time = INFINITY;
    ntk_array v = ntk_vector_f64(y, N), m = ntk_matrix_f64(y, N, 1), path = ntk_matrix_f64(f, 1, N), left = ntk_matrix_f64(rest, N, 1);
    ntk_spectrum *s = spectrum_of(ctx, values, q);
    ntk_dynamics *dynamics;
    ntk_gram *gram;
    int interpolates;
    kit_random(4, N, y);
    dense_symmetric(3, N, values, k);
    gram = dense_gram(ctx, N, k);
    kit_ok(ctx, ntk_dynamics_create(ctx, gram, &v, NULL, &dynamics));
    kit_ok(ctx, ntk_dynamics_at(ctx, dynamics, &time, 1, &path));
    kit_ok(ctx, ntk_spectrum_interpolation(ctx, s, &m, &interpolates, NULL, NULL, &left));
    assert_int_equal(interpolates, 0);
    for (int i = 0; i < N; ++i) kit_near(y[i] - f[i], rest[i], 1e-13);
    ntk_dynamics_destroy(dynamics);
    ntk_gram_destroy(gram);
    ntk_spectrum_destroy(s);
}

static void ends(void **state)
{
    ntk_context *ctx = *state;
    double q[N * N], y[N] = {1, 2, 3, 4, 5, 6}, zero[N] = {0}, gap, unreachable;
    ntk_array targets = ntk_matrix_f64(y, N, 1), none = ntk_matrix_f64(zero, N, 1);
    const double full[N] = {6, 5, 4, 3, 2, 1}, nothing[N] = {0};
    ntk_spectrum *s = spectrum_of(ctx, full, q);
    int interpolates;
    kit_ok(ctx, ntk_spectrum_interpolation(ctx, s, &targets, &interpolates, &gap, &unreachable, NULL));
    assert_true(interpolates == 1 && gap == 0 && unreachable == 0);
    ntk_spectrum_destroy(s);
    s = spectrum_of(ctx, nothing, q);
    kit_ok(ctx, ntk_spectrum_interpolation(ctx, s, &targets, &interpolates, &gap, &unreachable, NULL));
    assert_true(interpolates == 0 && gap == 1 && unreachable == 1);
    kit_ok(ctx, ntk_spectrum_interpolation(ctx, s, &none, &interpolates, &gap, &unreachable, NULL));
    assert_true(interpolates == 1 && unreachable == 0);
    ntk_spectrum_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(answers), kit_test(it_is_what_training_leaves), kit_test(ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
