#include "dense.h"

#include <float.h>

enum { N = 7, P = 9 };

/* J [N, P] with singular values 1, 1e-2, ..., 1e-12. */
static void graded_jacobian(double *j, double sigma[N])
{
    double left[N * N], right[P * P], middle[N * P] = {0};
    dense_orthogonal(5, N, left);
    dense_orthogonal(6, P, right);
    for (int i = 0; i < N; ++i) sigma[i] = pow(10, -2 * i);
    for (int i = 0; i < N; ++i)
        for (int k = 0; k < P; ++k) middle[i * P + k] = sigma[i] * right[i * P + k];
    dense_multiply(N, P, N, left, middle, j);
}

static void values_of(ntk_context *ctx, ntk_spectrum *s, int64_t size, double *w)
{
    ntk_array values = ntk_vector_f64(w, size);
    kit_ok(ctx, ntk_spectrum_get_values(ctx, s, &values));
    ntk_spectrum_destroy(s);
}

/* The error of a singular value is a few eps of the largest: 1e-12 keeps three digits.  J Jᵀ has errors of eps, 1e8 times 1e-24. */
static void test_keeps_what_the_gram_loses(void **state)
{
    double j[N * P], sigma[N], direct[N], squared[N];
    ntk_jacobian *jacobian;
    ntk_gram *gram = NULL;
    ntk_spectrum *s = NULL, *t = NULL;
    graded_jacobian(j, sigma);
    jacobian = dense_jacobian(*state, N, P, 1, j);
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, NULL, &gram));
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, jacobian, NULL, NULL, &s));
    kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &t));
    assert_int_equal(ntk_spectrum_rank(s), N);
    assert_in_range(ntk_spectrum_rank(t), 4, 5);
    values_of(*state, s, N, direct);
    values_of(*state, t, N, squared);
    for (int i = 0; i < N; ++i) kit_near(sqrt(direct[i]), sigma[i], 16 * DBL_EPSILON);
    assert_true(fabs(sqrt(fabs(squared[N - 1])) - sigma[N - 1]) > 1e-10);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(jacobian);
}

/* D enters as D^-1/2 on the columns; both routes see the same K. */
static void test_preconditioned(void **state)
{
    double j[N * P], d[P], direct[N], squared[N];
    ntk_array diagonal = ntk_vector_f64(d, P);
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer = NULL;
    ntk_gram *gram = NULL;
    ntk_spectrum *s = NULL, *t = NULL;
    kit_random(7, N * P, j);
    for (int i = 0; i < P; ++i) d[i] = 1 + i;
    jacobian = dense_jacobian(*state, N, P, 1, j);
    kit_ok(*state, ntk_optimizer_diagonal(*state, &diagonal, &optimizer));
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, optimizer, &gram));
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, jacobian, optimizer, NULL, &s));
    kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &t));
    values_of(*state, s, N, direct);
    values_of(*state, t, N, squared);
    kit_close(N, direct, squared, 8 * N * DBL_EPSILON);
    ntk_gram_destroy(gram);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

/* More rows than parameters: p values, and U diag(lambda) Uᵀ is still all of K. */
static void test_more_rows_than_parameters(void **state)
{
    double j[P * 2], jt[2 * P], k[P * P], w[2], u[P * 2], ut[2 * P], scaled[P * 2], back[P * P];
    ntk_array vectors = ntk_matrix_f64(u, P, 2);
    ntk_spectrum_options only = {NTK_SPECTRUM_OPTIONS_INIT, .values_only = 1};
    ntk_jacobian *jacobian;
    ntk_spectrum *s = NULL;
    kit_random(8, P * 2, j);
    dense_transpose(P, 2, j, jt);
    dense_multiply(P, P, 2, j, jt, k);
    jacobian = dense_jacobian(*state, P, 2, 3, j);
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, jacobian, NULL, NULL, &s));
    assert_int_equal(ntk_spectrum_size(s), 2);
    kit_ok(*state, ntk_spectrum_get_vectors(*state, s, &vectors));
    values_of(*state, s, 2, w);
    for (int i = 0; i < P * 2; ++i) scaled[i] = u[i] * w[i % 2];
    dense_transpose(P, 2, u, ut);
    dense_multiply(P, P, 2, scaled, ut, back);
    kit_close(P * P, back, k, 8 * P * DBL_EPSILON);
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, jacobian, NULL, &only, &s));
    kit_fails(*state, ntk_spectrum_get_vectors(*state, s, &vectors), NTK_ERROR_ARGUMENT, "values_only");
    kit_fails(*state, ntk_spectrum_get_parameter_vectors(*state, s, &vectors), NTK_ERROR_ARGUMENT, "values_only");
    values_of(*state, s, 2, ut);
    kit_close(2, ut, w, 8 * DBL_EPSILON);
    ntk_jacobian_destroy(jacobian);
}

static void test_refusals(void **state)
{
    double j[6] = {1, 2, 3, 4, 5, 6}, d[2] = {1, 1};
    ntk_array diagonal = ntk_vector_f64(d, 2);
    ntk_spectrum_options nngp = {NTK_SPECTRUM_OPTIONS_INIT, .kind = NTK_KIND_NNGP};
    ntk_jacobian *jacobian = dense_jacobian(*state, 2, 3, 1, j);
    ntk_optimizer *optimizer = NULL;
    ntk_spectrum *s = NULL;
    kit_ok(*state, ntk_optimizer_diagonal(*state, &diagonal, &optimizer));
    kit_fails(*state, ntk_spectrum_from_jacobian(*state, NULL, NULL, NULL, &s), NTK_ERROR_NULL, "jacobian is NULL");
    kit_fails(*state, ntk_spectrum_from_jacobian(*state, jacobian, optimizer, NULL, &s), NTK_ERROR_SHAPE, "2");
    kit_fails(*state, ntk_spectrum_from_jacobian(*state, jacobian, NULL, &nngp, &s), NTK_ERROR_ARGUMENT, "ntk only");
    assert_null(s);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_keeps_what_the_gram_loses),
        kit_test(test_preconditioned),
        kit_test(test_more_rows_than_parameters),
        kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
