#include "dense.h"

#include <float.h>

enum { N = 12 };

static ntk_spectrum *spectrum_of(ntk_context *ctx, const ntk_gram *gram, const ntk_spectrum_options *options)
{
    ntk_spectrum *s = NULL;
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, options, &s));
    return s;
}

static void test_two_by_two(void **state)
{
    const double k[] = {2, 1, 1, 2};
    double w[2], u[4];
    ntk_array values = ntk_vector_f64(w, 2), vectors = ntk_matrix_f64(u, 2, 2);
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_spectrum *s = spectrum_of(*state, gram, NULL);
    ntk_gram_destroy(gram);
    kit_ok(*state, ntk_spectrum_get_values(*state, s, &values));
    kit_ok(*state, ntk_spectrum_get_vectors(*state, s, &vectors));
    kit_near(w[0], 3, 4 * DBL_EPSILON);
    kit_near(w[1], 1, 4 * DBL_EPSILON);
    kit_near(fabs(u[0]), sqrt(0.5), 4 * DBL_EPSILON);
    kit_near(u[0], u[2], 4 * DBL_EPSILON);
    kit_near(u[1], -u[3], 4 * DBL_EPSILON);
    kit_near(ntk_spectrum_condition(s), 3, 16 * DBL_EPSILON);
    assert_int_equal(ntk_spectrum_size(s), 2);
    assert_int_equal(ntk_spectrum_rank(s), 2);
    ntk_spectrum_destroy(s);
}

/* K u_j = lambda_j u_j with orthonormal columns, to a small multiple of N eps. */
static void test_reconstructs_the_matrix(void **state)
{
    double k[N * N], w[N], u[N * N], ut[N * N], scaled[N * N], back[N * N], one[N * N];
    ntk_array values = ntk_vector_f64(w, N), vectors = ntk_matrix_f64(u, N, N);
    ntk_gram *gram;
    ntk_spectrum *s;
    kit_random_spd(1, N, k);
    gram = dense_gram(*state, N, k);
    s = spectrum_of(*state, gram, NULL);
    kit_ok(*state, ntk_spectrum_get_values(*state, s, &values));
    kit_ok(*state, ntk_spectrum_get_vectors(*state, s, &vectors));
    for (int i = 0; i < N * N; ++i) scaled[i] = u[i] * w[i % N];
    for (int i = 1; i < N; ++i) assert_true(w[i] <= w[i - 1]);
    dense_transpose(N, N, u, ut);
    dense_multiply(N, N, N, scaled, ut, back);
    kit_close(N * N, back, k, 4 * N * DBL_EPSILON);
    dense_multiply(N, N, N, ut, u, back);
    dense_identity(N, one);
    kit_close(N * N, back, one, 4 * N * DBL_EPSILON);
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_rank_of_a_singular_matrix(void **state)
{
    const double wanted[N] = {5, 3, 2, 1, 1e-3};
    double k[N * N];
    ntk_spectrum_options coarse = {NTK_SPECTRUM_OPTIONS_INIT, .tolerance = 0.1};
    ntk_gram *gram;
    ntk_spectrum *s;
    dense_symmetric(2, N, wanted, k);
    gram = dense_gram(*state, N, k);
    s = spectrum_of(*state, gram, NULL);
    assert_int_equal(ntk_spectrum_rank(s), 5);
    assert_true(ntk_spectrum_condition(s) > 1e14); /* infinite or rounding */
    ntk_spectrum_destroy(s);
    s = spectrum_of(*state, gram, &coarse);
    assert_int_equal(ntk_spectrum_rank(s), 4);
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_values_only(void **state)
{
    double k[N * N], w[N], w_only[N], u[N * N];
    ntk_array values = ntk_vector_f64(w, N), values_only = ntk_vector_f64(w_only, N), vectors = ntk_matrix_f64(u, N, N);
    ntk_spectrum_options only = {NTK_SPECTRUM_OPTIONS_INIT, .values_only = 1};
    ntk_gram *gram;
    ntk_spectrum *s, *t;
    kit_random_spd(3, N, k);
    gram = dense_gram(*state, N, k);
    s = spectrum_of(*state, gram, NULL);
    t = spectrum_of(*state, gram, &only);
    kit_ok(*state, ntk_spectrum_get_values(*state, s, &values));
    kit_ok(*state, ntk_spectrum_get_values(*state, t, &values_only));
    kit_close(N, w_only, w, 4 * N * DBL_EPSILON);
    kit_fails(*state, ntk_spectrum_get_vectors(*state, t, &vectors), NTK_ERROR_ARGUMENT, "values_only");
    ntk_spectrum_destroy(t);
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

/* Fewer columns, into memory with strides of its own. */
static void test_some_vectors_into_strided_memory(void **state)
{
    double k[N * N], all[N * N], some[2 * 3 * N];
    ntk_array vectors = ntk_matrix_f64(all, N, N), strided = ntk_matrix_f64(some, N, 3);
    ntk_gram *gram;
    ntk_spectrum *s;
    strided.strides[0] = 2;
    strided.strides[1] = 2 * N;
    kit_random_spd(4, N, k);
    gram = dense_gram(*state, N, k);
    s = spectrum_of(*state, gram, NULL);
    kit_ok(*state, ntk_spectrum_get_vectors(*state, s, &vectors));
    kit_ok(*state, ntk_spectrum_get_vectors(*state, s, &strided));
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < 3; ++j) assert_true(some[2 * i + 2 * N * j] == all[i * N + j]);
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_empty(void **state)
{
    double nothing = 0;
    ntk_array values = ntk_vector_f64(NULL, 0);
    ntk_gram *gram = dense_gram(*state, 0, &nothing);
    ntk_spectrum *s = spectrum_of(*state, gram, NULL);
    kit_ok(*state, ntk_spectrum_get_values(*state, s, &values));
    assert_int_equal(ntk_spectrum_rank(s), 0);
    assert_true(isinf(ntk_spectrum_condition(s)));
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_refusals(void **state)
{
    double k[4] = {2, 1, 1, 2}, w[3], u[6];
    float narrow[1] = {1};
    int64_t one[2] = {1, 1};
    ntk_array values = ntk_vector_f64(w, 3), wide = ntk_matrix_f64(u, 2, 3), f32 = ntk_array_dense(narrow, NTK_F32, 2, one);
    ntk_spectrum_options bad = {NTK_SPECTRUM_OPTIONS_INIT, .tolerance = NAN}, nngp = {NTK_SPECTRUM_OPTIONS_INIT, .kind = NTK_KIND_NNGP};
    ntk_gram *gram = dense_gram(*state, 2, k), *single = NULL;
    ntk_spectrum *s = spectrum_of(*state, gram, NULL), *none = s;
    kit_ok(*state, ntk_gram_from_matrix(*state, &f32, &single));
    kit_fails(*state, ntk_spectrum_create(*state, NULL, NULL, &none), NTK_ERROR_NULL, "gram is NULL");
    assert_null(none);
    kit_fails(*state, ntk_spectrum_create(*state, gram, NULL, NULL), NTK_ERROR_NULL, "spectrum is NULL");
    assert_int_equal(ntk_spectrum_create(NULL, gram, NULL, &none), NTK_ERROR_NULL);
    kit_fails(*state, ntk_spectrum_create(*state, gram, &bad, &none), NTK_ERROR_ARGUMENT, "tolerance");
    kit_fails(*state, ntk_spectrum_create(*state, gram, &nngp, &none), NTK_ERROR_ARGUMENT, "nngp");
    kit_fails(*state, ntk_spectrum_create(*state, single, NULL, &none), NTK_ERROR_DTYPE, "f32");
    kit_fails(*state, ntk_spectrum_get_values(*state, s, &values), NTK_ERROR_SHAPE, "[3]; expected [2]");
    kit_fails(*state, ntk_spectrum_get_values(*state, s, NULL), NTK_ERROR_NULL, "values is NULL");
    kit_fails(*state, ntk_spectrum_get_values(*state, NULL, &values), NTK_ERROR_NULL, "spectrum is NULL");
    kit_fails(*state, ntk_spectrum_get_vectors(*state, s, &wide), NTK_ERROR_SHAPE, "3 columns; the spectrum holds 2");
    kit_fails(*state, ntk_spectrum_get_parameter_vectors(*state, s, &wide), NTK_ERROR_ARGUMENT, "no Jacobian");
    assert_int_equal(ntk_spectrum_size(NULL), -1);
    assert_int_equal(ntk_spectrum_rank(NULL), -1);
    assert_true(isnan(ntk_spectrum_condition(NULL)));
    ntk_spectrum_destroy(NULL);
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(single);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_two_by_two), kit_test(test_reconstructs_the_matrix),
        kit_test(test_rank_of_a_singular_matrix), kit_test(test_values_only),
        kit_test(test_some_vectors_into_strided_memory), kit_test(test_empty),
        kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
