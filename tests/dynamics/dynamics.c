#include "dense.h"

enum { N = 4 };

static void test_rank(void **state)
{
    const double values[N] = {3, 1, 1e-4};
    double k[N * N], y[N] = {1, 2, 3, 4};
    ntk_array targets = ntk_vector_f64(y, N);
    ntk_dynamics_options coarse = {NTK_DYNAMICS_OPTIONS_INIT, .tolerance = 1e-3};
    ntk_gram *gram;
    ntk_dynamics *d = NULL;
    dense_symmetric(1, N, values, k);
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_dynamics_create(*state, gram, &targets, NULL, &d));
    assert_int_equal(ntk_dynamics_rank(d), 3);
    ntk_dynamics_destroy(d);
    kit_ok(*state, ntk_dynamics_create(*state, gram, &targets, &coarse, &d));
    assert_int_equal(ntk_dynamics_rank(d), 2);
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
    assert_int_equal(ntk_dynamics_rank(NULL), -1);
}

static void test_bad_options(void **state)
{
    double k[N * N], y[N] = {1, 2, 3, 4}, two[2 * N] = {0};
    ntk_array targets = ntk_vector_f64(y, N), pair = ntk_matrix_f64(two, N, 2);
    struct {
        ntk_dynamics_options o;
        ntk_status status;
        const char *words;
    } cases[] = {
        {{NTK_DYNAMICS_OPTIONS_INIT, .kind = NTK_KIND_NNGP}, NTK_ERROR_ARGUMENT, "nngp"},
        {{NTK_DYNAMICS_OPTIONS_INIT, .kind = 5}, NTK_ERROR_ARGUMENT, "5"},
        {{NTK_DYNAMICS_OPTIONS_INIT, .loss_scale = 5}, NTK_ERROR_ARGUMENT, "options.loss_scale is 5"},
        {{NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = -3}, NTK_ERROR_ARGUMENT, "-3"},
        {{NTK_DYNAMICS_OPTIONS_INIT, .tolerance = -1}, NTK_ERROR_ARGUMENT, "tolerance is -1"},
        {{NTK_DYNAMICS_OPTIONS_INIT, .f0 = &pair}, NTK_ERROR_SHAPE, "options.f0 has 2 columns; y has 1"},
        {{0}, NTK_ERROR_OPTIONS, "struct_size"},
    };
    ntk_gram *gram;
    ntk_dynamics *d = NULL;
    kit_random_spd(2, N, k);
    gram = dense_gram(*state, N, k);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        kit_fails(*state, ntk_dynamics_create(*state, gram, &targets, &cases[i].o, &d), cases[i].status, cases[i].words);
        assert_null(d);
    }
    ntk_gram_destroy(gram);
}

static void test_bad_arguments(void **state)
{
    double k[N * N], y[N] = {1, 2, NAN, 4};
    float single[N] = {0};
    ntk_array targets = ntk_vector_f64(y, N), shorter = ntk_vector_f64(y, 2), f32 = ntk_array_dense(single, NTK_F32, 1, (int64_t[]){N});
    ntk_gram *gram;
    ntk_dynamics *d = NULL;
    kit_random_spd(3, N, k);
    gram = dense_gram(*state, N, k);
    kit_fails(*state, ntk_dynamics_create(*state, NULL, &targets, NULL, &d), NTK_ERROR_NULL, "gram is NULL");
    kit_fails(*state, ntk_dynamics_create(*state, gram, NULL, NULL, &d), NTK_ERROR_NULL, "y is NULL");
    kit_fails(*state, ntk_dynamics_create(*state, gram, &targets, NULL, NULL), NTK_ERROR_NULL, "dynamics is NULL");
    kit_fails(*state, ntk_dynamics_create(*state, gram, &targets, NULL, &d), NTK_ERROR_NOT_FINITE, "y[2]");
    kit_fails(*state, ntk_dynamics_create(*state, gram, &shorter, NULL, &d), NTK_ERROR_SHAPE, "y has shape [2]");
    kit_fails(*state, ntk_dynamics_create(*state, gram, &f32, NULL, &d), NTK_ERROR_DTYPE, "y holds f32");
    assert_int_equal(ntk_dynamics_create(NULL, gram, &targets, NULL, &d), NTK_ERROR_NULL);
    ntk_dynamics_destroy(NULL);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_rank),
        kit_test(test_bad_options),
        kit_test(test_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
