#include "dense.h"

#include <float.h>

enum { N = 6, P = 5 };

static void test_against_the_matrix(void **state)
{
    double j[N * P], jt[P * N], f[P * P], v[P], wanted[P], got[P], step[N], norm, length = 0;
    ntk_array in = ntk_vector_f64(v, P), out = ntk_vector_f64(got, P);
    ntk_jacobian *jacobian;
    kit_random(21, N * P, j);
    kit_random(22, P, v);
    dense_transpose(N, P, j, jt);
    dense_multiply(P, P, N, jt, j, f);
    dense_multiply(P, 1, P, f, v, wanted);
    dense_multiply(N, 1, P, j, v, step);
    for (int i = 0; i < N; ++i) length += step[i] * step[i];
    jacobian = dense_jacobian(*state, N, P, 2, j);
    kit_ok(*state, ntk_fisher_multiply(*state, jacobian, &in, &out));
    kit_close(P, got, wanted, 8 * (N + P) * DBL_EPSILON);
    kit_ok(*state, ntk_fisher_norm(*state, jacobian, &in, &norm));
    kit_near(norm, sqrt(length), 8 * P * DBL_EPSILON * norm);
    kit_ok(*state, ntk_fisher_multiply(*state, jacobian, &in, &in)); /* in place */
    kit_close(P, v, got, 0);
    ntk_jacobian_destroy(jacobian);
}

/* Squares of the entries would overflow or vanish. */
static void test_norm_of_extreme_steps(void **state)
{
    const double j[2] = {3, 4};
    double norm, huge = 1e200, tiny = 1e-200;
    ntk_array large = ntk_vector_f64(&huge, 1), small = ntk_vector_f64(&tiny, 1);
    ntk_jacobian *jacobian = dense_jacobian(*state, 2, 1, 1, j);
    kit_ok(*state, ntk_fisher_norm(*state, jacobian, &large, &norm));
    kit_near(norm, 5e200, 8 * DBL_EPSILON * norm);
    kit_ok(*state, ntk_fisher_norm(*state, jacobian, &small, &norm));
    kit_near(norm, 5e-200, 8 * DBL_EPSILON * norm);
    ntk_jacobian_destroy(jacobian);
}

/*
 * |f(theta + s delta) - f(theta)|² = s² deltaᵀ F delta + O(s³) of a real network: over s³ the difference tends to a constant, so halving s
 * divides it by 8 (up to a share of order s).
 */
static void test_true_change_to_third_order(void **state)
{
    enum { SAMPLES = 4, PARAMETERS = 41 };
    ntk_context *ctx = *state;
    double theta[PARAMETERS], delta[PARAMETERS], moved[PARAMETERS], x[SAMPLES * 3], f0[SAMPLES], f[SAMPLES], norm, last = 0;
    ntk_array t = ntk_vector_f64(theta, PARAMETERS), d = ntk_vector_f64(delta, PARAMETERS), m = ntk_vector_f64(moved, PARAMETERS);
    ntk_array in = ntk_matrix_f64(x, SAMPLES, 3), out0 = ntk_matrix_f64(f0, SAMPLES, 1), out = ntk_matrix_f64(f, SAMPLES, 1);
    ntk_network *net = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 8,"
                                        " \"b_std\": 0.5}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 1, \"b_std\": 0.1}]}");
    ntk_jacobian *jacobian;
    assert_int_equal(ntk_network_parameters(net), PARAMETERS);
    kit_random(1, PARAMETERS, theta);
    kit_random(2, PARAMETERS, delta);
    for (int i = 0; i < PARAMETERS; ++i) delta[i] *= 3;
    kit_random(3, SAMPLES * 3, x);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, net, &t, &in, &jacobian));
    kit_ok(ctx, ntk_network_forward(ctx, net, &t, &in, &out0));
    kit_ok(ctx, ntk_fisher_norm(ctx, jacobian, &d, &norm));
    for (double s = 0.0625; s > 5e-4; s /= 2) { /* rounding, eps/s³, stays below 1e-5 */
        double change = 0, error;
        for (int i = 0; i < PARAMETERS; ++i) moved[i] = theta[i] + s * delta[i];
        kit_ok(ctx, ntk_network_forward(ctx, net, &m, &in, &out));
        for (int i = 0; i < SAMPLES; ++i) change += (f[i] - f0[i]) * (f[i] - f0[i]);
        error = (change - s * s * norm * norm) / (s * s * s);
        if (last != 0) kit_near(error, last, 4 * s); /* measured: 3 s */
        last = error;
    }
    assert_true(fabs(last) > 0.1); /* and not less than third order here */
    ntk_jacobian_destroy(jacobian);
    ntk_network_destroy(net);
}

static void test_refusals(void **state)
{
    const double j[6] = {1, 2, 3, 4, 5, 6};
    double v[3] = {1, NAN, 1}, w[2], norm;
    ntk_array bad = ntk_vector_f64(v, 3), shorter = ntk_vector_f64(w, 2);
    ntk_jacobian *jacobian = dense_jacobian(*state, 2, 3, 1, j);
    kit_fails(*state, ntk_fisher_norm(*state, jacobian, &bad, &norm), NTK_ERROR_NOT_FINITE, "delta[1]");
    kit_fails(*state, ntk_fisher_multiply(*state, jacobian, &bad, &bad), NTK_ERROR_NOT_FINITE, "v[1]");
    v[1] = 1;
    kit_fails(*state, ntk_fisher_multiply(*state, jacobian, &shorter, &bad), NTK_ERROR_SHAPE, "v has shape [2]; expected [3]");
    kit_fails(*state, ntk_fisher_multiply(*state, jacobian, &bad, &shorter), NTK_ERROR_SHAPE, "out has shape [2]; expected [3]");
    kit_fails(*state, ntk_fisher_multiply(*state, NULL, &bad, &bad), NTK_ERROR_NULL, "jacobian is NULL");
    kit_fails(*state, ntk_fisher_norm(*state, jacobian, NULL, &norm), NTK_ERROR_NULL, "delta is NULL");
    kit_fails(*state, ntk_fisher_norm(*state, jacobian, &bad, NULL), NTK_ERROR_NULL, "norm is NULL");
    assert_int_equal(ntk_fisher_norm(NULL, jacobian, &bad, &norm), NTK_ERROR_NULL);
    v[0] = v[1] = v[2] = 1e308;
    kit_fails(*state, ntk_fisher_norm(*state, jacobian, &bad, &norm), NTK_ERROR_OVERFLOW, "");
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_against_the_matrix),
        kit_test(test_norm_of_extreme_steps),
        kit_test(test_true_change_to_third_order),
        kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
