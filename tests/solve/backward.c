#include "dense.h"

#include <float.h>
#include <stdlib.h>

/* A solution of more rows than a block, two columns of very different size. */
static void test_a_stable_solution(void **state)
{
    enum { N = 300, M = 2 };
    double *k = malloc(N * N * sizeof *k), b[N * M], x[N * M], error;
    ntk_array rhs = ntk_matrix_f64(b, N, M), out = ntk_matrix_f64(x, N, M);
    ntk_gram *gram;
    ntk_solver *s = NULL;
    kit_random_spd(1, N, k);
    kit_random(2, N * M, b);
    for (int i = 0; i < N; ++i) b[i * M] *= 1e12;
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_solver_create(*state, gram, NULL, &s));
    kit_ok(*state, ntk_solver_solve(*state, s, &rhs, &out));
    kit_ok(*state, ntk_solver_backward_error(*state, s, &rhs, &out, &error));
    assert_true(error > 0 && error < 8 * DBL_EPSILON);
    x[M * 290 + 1] *= 1 + 1e-8; /* spoil the small column, in the second block */
    kit_ok(*state, ntk_solver_backward_error(*state, s, &rhs, &out, &error));
    assert_true(error > 1e-12);
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
    free(k);
}

/* The definition, by hand: A = [[3, 1], [1, 3]], x = (1, 1), b = (4, 5): |b - A x| = 1, |A| = 4, |x| = 1, |b| = 5. */
static void test_the_definition(void **state)
{
    const double k[4] = {2, 1, 1, 2};
    double b[2] = {4, 5}, x[2] = {1, 1}, zero[2] = {0, 0}, error;
    ntk_array rhs = ntk_matrix_f64(b, 2, 1), out = ntk_matrix_f64(x, 2, 1), nothing = ntk_matrix_f64(zero, 2, 1), none = ntk_matrix_f64(NULL, 2, 0);
    ntk_solver_options options = {NTK_SOLVER_OPTIONS_INIT, .ridge = 1};
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_solver *s = NULL;
    kit_ok(*state, ntk_solver_create(*state, gram, &options, &s));
    ntk_gram_destroy(gram);
    kit_ok(*state, ntk_solver_backward_error(*state, s, &rhs, &out, &error));
    kit_near(error, 1.0 / 9, DBL_EPSILON);
    kit_ok(*state, ntk_solver_backward_error(*state, s, &nothing, &nothing, &error));
    assert_true(error == 0);
    kit_ok(*state, ntk_solver_backward_error(*state, s, &none, &none, &error));
    assert_true(error == 0);
    ntk_solver_destroy(s);
}

/* In f32 the measure itself is formed in f64: a correctly rounded solution is within half an ulp of f32. */
static void test_single_precision(void **state)
{
    enum { N = 40 };
    double wide[N * N], y[N], error;
    float k[N * N], b[N], x[N];
    ntk_array a = ntk_array_dense(k, NTK_F32, 2, (int64_t[]){N, N});
    ntk_array rhs = ntk_array_dense(b, NTK_F32, 2, (int64_t[]){N, 1}), out = ntk_array_dense(x, NTK_F32, 2, (int64_t[]){N, 1});
    ntk_gram *gram = NULL;
    ntk_solver *s = NULL;
    kit_random_spd(3, N, wide);
    kit_random(4, N, y);
    for (int i = 0; i < N * N; ++i) k[i] = (float)wide[i];
    for (int i = 0; i < N; ++i) b[i] = (float)y[i];
    kit_ok(*state, ntk_gram_from_matrix(*state, &a, &gram));
    kit_ok(*state, ntk_solver_create(*state, gram, NULL, &s));
    kit_ok(*state, ntk_solver_solve(*state, s, &rhs, &out));
    kit_ok(*state, ntk_solver_backward_error(*state, s, &rhs, &out, &error));
    assert_true(error > 1e-10 && error < 4 * (double)FLT_EPSILON);
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_refusals(void **state)
{
    const double k[4] = {2, 1, 1, 2};
    double b[4] = {1, 1, INFINITY, 1}, error;
    ntk_array rhs = ntk_matrix_f64(b, 2, 1), bad = ntk_matrix_f64(b + 2, 2, 1), wide = ntk_matrix_f64(b, 2, 2);
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_solver *s = NULL;
    kit_ok(*state, ntk_solver_create(*state, gram, NULL, &s));
    kit_fails(*state, ntk_solver_backward_error(*state, s, &rhs, &bad, &error), NTK_ERROR_NOT_FINITE, "x[0, 0]");
    kit_fails(*state, ntk_solver_backward_error(*state, s, &bad, &rhs, &error), NTK_ERROR_NOT_FINITE, "b[0, 0]");
    kit_fails(*state, ntk_solver_backward_error(*state, s, &rhs, &wide, &error), NTK_ERROR_SHAPE, "x has shape [2, 2]; expected [2, 1]");
    kit_fails(*state, ntk_solver_backward_error(*state, s, NULL, &rhs, &error), NTK_ERROR_NULL, "b is NULL");
    kit_fails(*state, ntk_solver_backward_error(*state, s, &rhs, &rhs, NULL), NTK_ERROR_NULL, "error is NULL");
    kit_fails(*state, ntk_solver_backward_error(*state, NULL, &rhs, &rhs, &error), NTK_ERROR_NULL, "solver is NULL");
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_a_stable_solution),
        kit_test(test_the_definition),
        kit_test(test_single_precision),
        kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
