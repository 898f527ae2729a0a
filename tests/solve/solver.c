#include "dense.h"

#include <float.h>

enum { N = 20, M = 3 };

static ntk_solver *solver_of(ntk_context *ctx, const ntk_gram *gram, const ntk_solver_options *options)
{
    ntk_solver *s = NULL;
    kit_ok(ctx, ntk_solver_create(ctx, gram, options, &s));
    return s;
}

static void test_solves(void **state)
{
    double k[N * N], wanted[N * M], b[N * M], x[N * M], a[N * N];
    ntk_array rhs = ntk_matrix_f64(b, N, M), out = ntk_matrix_f64(x, N, M);
    ntk_solver_options options = {NTK_SOLVER_OPTIONS_INIT, .ridge = 0.25, .ridge_relative = 0.5};
    double trace = 0;
    ntk_gram *gram;
    ntk_solver *s;
    kit_random_spd(1, N, k);
    kit_random(2, N * M, wanted);
    for (int i = 0; i < N; ++i) trace += k[i * N + i];
    memcpy(a, k, sizeof a);
    dense_shift(N, 0.25 + 0.5 * trace / N, a);
    dense_multiply(N, M, N, a, wanted, b);
    gram = dense_gram(*state, N, k);
    s = solver_of(*state, gram, &options);
    ntk_gram_destroy(gram);
    kit_near(ntk_solver_ridge(s), 0.25 + 0.5 * trace / N, 4 * DBL_EPSILON * trace);
    kit_ok(*state, ntk_solver_solve(*state, s, &rhs, &out));
    kit_close(N * M, x, wanted, 100 * N * DBL_EPSILON); /* the condition number is below 10 */
    kit_ok(*state, ntk_solver_solve(*state, s, &rhs, &rhs));
    kit_close(N * M, b, x, 0);
    ntk_solver_destroy(s);
}

static void test_single_precision(void **state)
{
    double k[N * N], wanted[N], b[N], d[N], value, exact;
    float kf[N * N], bf[N];
    ntk_array a = ntk_array_dense(kf, NTK_F32, 2, (int64_t[]){N, N}), rhs = ntk_array_dense(bf, NTK_F32, 2, (int64_t[]){N, 1});
    ntk_gram *gram = NULL, *wide;
    ntk_solver *s, *t;
    kit_random_spd(3, N, k);
    for (int i = 0; i < N * N; ++i) k[i] = kf[i] = (float)k[i];
    kit_random(4, N, wanted);
    dense_multiply(N, 1, N, k, wanted, b);
    for (int i = 0; i < N; ++i) bf[i] = (float)b[i];
    kit_ok(*state, ntk_gram_from_matrix(*state, &a, &gram));
    wide = dense_gram(*state, N, k);
    s = solver_of(*state, gram, NULL);
    t = solver_of(*state, wide, NULL);
    kit_ok(*state, ntk_solver_solve(*state, s, &rhs, &rhs));
    for (int i = 0; i < N; ++i) d[i] = (double)bf[i];
    kit_close(N, d, wanted, 100 * N * (double)FLT_EPSILON);
    kit_ok(*state, ntk_solver_log_determinant(*state, s, &value));
    kit_ok(*state, ntk_solver_log_determinant(*state, t, &exact));
    kit_near(value, exact, N * N * (double)FLT_EPSILON);
    ntk_solver_destroy(t);
    ntk_solver_destroy(s);
    ntk_gram_destroy(wide);
    ntk_gram_destroy(gram);
}

/* The product of eigenvalues known in advance; 60 decades apart from what a double holds. */
static void test_log_determinant(void **state)
{
    double values[N], k[N * N], value, exact = 0;
    ntk_gram *gram;
    ntk_solver *s;
    for (int i = 0; i < N; ++i) exact += log(values[i] = 1e-18 * (1 + i % 7));
    dense_symmetric(5, N, values, k);
    gram = dense_gram(*state, N, k);
    s = solver_of(*state, gram, NULL);
    kit_ok(*state, ntk_solver_log_determinant(*state, s, &value));
    kit_near(value, exact, 8 * N * N * DBL_EPSILON); /* an eigenvalue moves by N eps |K|, its logarithm by 7 N eps */
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_not_positive_definite_names_the_minor(void **state)
{
    const double k[9] = {1, 0, 0, 0, -2, 0, 0, 0, 3};
    ntk_solver_options ridge = {NTK_SOLVER_OPTIONS_INIT, .ridge = 3};
    ntk_gram *gram = dense_gram(*state, 3, k);
    ntk_solver *s = NULL;
    kit_fails(*state, ntk_solver_create(*state, gram, NULL, &s), NTK_ERROR_NOT_POSITIVE_DEFINITE, "order 2");
    assert_null(s);
    s = solver_of(*state, gram, &ridge);
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_empty(void **state)
{
    double nothing = 0, value = 1;
    ntk_array b = ntk_matrix_f64(NULL, 0, 2);
    ntk_gram *gram = dense_gram(*state, 0, &nothing);
    ntk_solver *s = solver_of(*state, gram, NULL);
    kit_ok(*state, ntk_solver_solve(*state, s, &b, &b));
    kit_ok(*state, ntk_solver_log_determinant(*state, s, &value));
    assert_true(value == 0);
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_refusals(void **state)
{
    const double k[4] = {2, 1, 1, 2};
    double b[4] = {1, NAN, 1, 1}, value;
    ntk_array bad = ntk_matrix_f64(b, 2, 1), tall = ntk_matrix_f64(b, 4, 1), narrow = ntk_matrix_f64(b + 2, 2, 1), wide = ntk_matrix_f64(b, 2, 2);
    ntk_solver_options negative = {NTK_SOLVER_OPTIONS_INIT, .ridge = -1}, reserved = {NTK_SOLVER_OPTIONS_INIT, .reserved = 1};
    ntk_solver_options nngp = {NTK_SOLVER_OPTIONS_INIT, .kind = NTK_KIND_NNGP}, relative = {NTK_SOLVER_OPTIONS_INIT, .ridge_relative = NAN};
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_solver *s = solver_of(*state, gram, NULL), *none = s;
    kit_fails(*state, ntk_solver_create(*state, NULL, NULL, &none), NTK_ERROR_NULL, "gram is NULL");
    assert_null(none);
    kit_fails(*state, ntk_solver_create(*state, gram, NULL, NULL), NTK_ERROR_NULL, "solver is NULL");
    kit_fails(*state, ntk_solver_create(*state, gram, &negative, &none), NTK_ERROR_ARGUMENT, "-1");
    kit_fails(*state, ntk_solver_create(*state, gram, &relative, &none), NTK_ERROR_ARGUMENT, "ridge_relative");
    kit_fails(*state, ntk_solver_create(*state, gram, &nngp, &none), NTK_ERROR_ARGUMENT, "nngp");
    kit_fails(*state, ntk_solver_create(*state, gram, &reserved, &none), NTK_ERROR_OPTIONS, "reserved");
    kit_fails(*state, ntk_solver_solve(*state, s, &bad, &narrow), NTK_ERROR_NOT_FINITE, "b[1, 0]");
    kit_fails(*state, ntk_solver_solve(*state, s, &tall, &narrow), NTK_ERROR_SHAPE, "b has shape [4, 1]; expected [2, any]");
    kit_fails(*state, ntk_solver_solve(*state, s, &narrow, &wide), NTK_ERROR_SHAPE, "x has shape [2, 2]; expected [2, 1]");
    kit_fails(*state, ntk_solver_solve(*state, NULL, &narrow, &narrow), NTK_ERROR_NULL, "solver is NULL");
    kit_fails(*state, ntk_solver_solve(*state, s, NULL, &narrow), NTK_ERROR_NULL, "b is NULL");
    kit_fails(*state, ntk_solver_log_determinant(*state, s, NULL), NTK_ERROR_NULL, "value is NULL");
    kit_fails(*state, ntk_solver_log_determinant(*state, NULL, &value), NTK_ERROR_NULL, "solver is NULL");
    assert_true(isnan(ntk_solver_ridge(NULL)));
    ntk_solver_destroy(NULL);
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_overflow_is_no_answer(void **state)
{
    const double k = 1e-300;
    double b = 1e300;
    ntk_array rhs = ntk_matrix_f64(&b, 1, 1);
    ntk_gram *gram = dense_gram(*state, 1, &k);
    ntk_solver *s = solver_of(*state, gram, NULL);
    kit_fails(*state, ntk_solver_solve(*state, s, &rhs, &rhs), NTK_ERROR_OVERFLOW, "the solution");
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_solves),     kit_test(test_single_precision), kit_test(test_log_determinant), kit_test(test_not_positive_definite_names_the_minor),
        kit_test(test_empty),      kit_test(test_refusals),         kit_test(test_overflow_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
