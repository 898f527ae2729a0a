#include "kernels.h"

#include <float.h>

enum { N = 5, M = 2 };

typedef struct scene {
    double k[N * N], y[N], cross[M * N], got[M];
    ntk_array targets, block, mean;
    ntk_test_set test;
    ntk_gram *gram;
} scene;

static void scene_open(ntk_context *ctx, scene *s)
{
    kit_random_spd(1, N, s->k);
    kit_random(2, N, s->y);
    kit_random(3, M * N, s->cross);
    s->targets = ntk_vector_f64(s->y, N);
    s->block = ntk_matrix_f64(s->cross, M, N);
    s->mean = ntk_vector_f64(s->got, M);
    s->test = (ntk_test_set){NTK_TEST_SET_INIT, .ntk = &s->block};
    s->gram = dense_gram(ctx, N, s->k);
}

static ntk_predictor *predictor_of(ntk_context *ctx, const scene *s, const ntk_predictor_options *o)
{
    ntk_predictor *p = NULL;
    kit_ok(ctx, ntk_predictor_create(ctx, s->gram, &s->targets, o, &p));
    return p;
}

/* t = 0 gives f0* to the bit; t to infinity tends to the limit; a short time t moves by t K* (y - f0). */
static void test_limits_of_time(void **state)
{
    double f0[M] = {0.25, -3}, limit[M], slope[M], exact[M];
    ntk_array start = ntk_vector_f64(f0, M);
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN};
    scene s;
    ntk_predictor *p;
    scene_open(*state, &s);
    p = predictor_of(*state, &s, &o);
    s.test.f0 = &start;
    kit_ok(*state, ntk_predictor_at(*state, p, &s.test, 0, &s.mean, NULL));
    kit_close(M, s.got, f0, 0);
    kit_ok(*state, ntk_predictor_at(*state, p, &s.test, INFINITY, &s.mean, NULL));
    memcpy(limit, s.got, sizeof limit);
    kit_ok(*state, ntk_predictor_at(*state, p, &s.test, 100, &s.mean, NULL)); /* the slowest mode is above 1 */
    kit_close(M, s.got, limit, 4 * DBL_EPSILON);
    kit_ok(*state, ntk_predictor_at(*state, p, &s.test, DBL_MAX, &s.mean, NULL));
    kit_close(M, s.got, limit, 0);
    s.test.f0 = NULL;
    kit_ok(*state, ntk_predictor_at(*state, p, &s.test, 1e-12, &s.mean, NULL));
    for (int i = 0; i < M; ++i) slope[i] = s.got[i] * 1e12;
    dense_multiply(M, 1, N, s.cross, s.y, exact);
    kit_close(M, slope, exact, 1e-10); /* next order: t |K| */
    ntk_predictor_destroy(p);
    ntk_gram_destroy(s.gram);
}

static void test_bad_options(void **state)
{
    struct {
        ntk_predictor_options o;
        ntk_status status;
        const char *words;
    } cases[] = {
        {{NTK_PREDICTOR_OPTIONS_INIT, .posterior = 7}, NTK_ERROR_ARGUMENT, "options.posterior is 7"},
        {{NTK_PREDICTOR_OPTIONS_INIT, .decomposition = 7}, NTK_ERROR_ARGUMENT, "options.decomposition is 7"},
        {{NTK_PREDICTOR_OPTIONS_INIT, .loss_scale = 7}, NTK_ERROR_ARGUMENT, "options.loss_scale is 7"},
        {{NTK_PREDICTOR_OPTIONS_INIT, .reserved = 1}, NTK_ERROR_OPTIONS, "reserved is 1"},
        {{NTK_PREDICTOR_OPTIONS_INIT, .ridge = -0.5}, NTK_ERROR_ARGUMENT, "-0.5"},
        {{NTK_PREDICTOR_OPTIONS_INIT, .ridge_relative = INFINITY}, NTK_ERROR_ARGUMENT, "ridge_relative"},
        {{NTK_PREDICTOR_OPTIONS_INIT, .learning_rate = -1}, NTK_ERROR_ARGUMENT, "learning_rate is -1"},
        {{NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NNGP}, NTK_ERROR_ARGUMENT, "nngp"},
        {{0}, NTK_ERROR_OPTIONS, "struct_size"},
    };
    ntk_predictor *p = NULL;
    scene s;
    scene_open(*state, &s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        kit_fails(*state, ntk_predictor_create(*state, s.gram, &s.targets, &cases[i].o, &p), cases[i].status, cases[i].words);
        assert_null(p);
    }
    ntk_gram_destroy(s.gram);
}

static void test_bad_arguments(void **state)
{
    double bad[N] = {0, 0, NAN}, two[2 * N] = {0};
    ntk_array not_finite = ntk_vector_f64(bad, N), shorter = ntk_vector_f64(two, N - 1);
    ntk_array pair = ntk_matrix_f64(two, N, 2), x = ntk_matrix_f64(two, 2, 2);
    ntk_predictor_options start_bad = {NTK_PREDICTOR_OPTIONS_INIT, .f0 = &not_finite}, start_wide = {NTK_PREDICTOR_OPTIONS_INIT, .f0 = &pair};
    ntk_test_set empty = {NTK_TEST_SET_INIT, .x = NULL};
    ntk_predictor *p = NULL, *q;
    scene s;
    scene_open(*state, &s);
    q = predictor_of(*state, &s, NULL);
    kit_fails(*state, ntk_predictor_create(*state, NULL, &s.targets, NULL, &p), NTK_ERROR_NULL, "gram is NULL");
    kit_fails(*state, ntk_predictor_create(*state, s.gram, NULL, NULL, &p), NTK_ERROR_NULL, "y is NULL");
    kit_fails(*state, ntk_predictor_create(*state, s.gram, &s.targets, NULL, NULL), NTK_ERROR_NULL, "predictor is NULL");
    kit_fails(*state, ntk_predictor_create(*state, s.gram, &not_finite, NULL, &p), NTK_ERROR_NOT_FINITE, "y[2]");
    kit_fails(*state, ntk_predictor_create(*state, s.gram, &shorter, NULL, &p), NTK_ERROR_SHAPE, "y has shape [4]");
    kit_fails(*state, ntk_predictor_create(*state, s.gram, &s.targets, &start_bad, &p), NTK_ERROR_NOT_FINITE, "options.f0[2]");
    kit_fails(*state, ntk_predictor_create(*state, s.gram, &s.targets, &start_wide, &p), NTK_ERROR_SHAPE, "options.f0 has 2 columns; y has 1");
    kit_fails(*state, ntk_predictor_at(*state, q, &s.test, 1, &s.mean, NULL), NTK_ERROR_ARGUMENT, "time is 1; a predictor by Cholesky");
    kit_fails(*state, ntk_predictor_at(*state, q, &s.test, -1, &s.mean, NULL), NTK_ERROR_ARGUMENT, "time is -1");
    kit_fails(*state, ntk_predictor_at(*state, q, &s.test, NAN, &s.mean, NULL), NTK_ERROR_ARGUMENT, "time is");
    kit_fails(*state, ntk_predictor_at(*state, q, NULL, INFINITY, &s.mean, NULL), NTK_ERROR_NULL, "test is NULL");
    kit_fails(*state, ntk_predictor_at(*state, NULL, &s.test, INFINITY, &s.mean, NULL), NTK_ERROR_NULL, "predictor is NULL");
    kit_fails(*state, ntk_predictor_at(*state, q, &s.test, INFINITY, NULL, NULL), NTK_ERROR_NULL, "both NULL");
    kit_fails(*state, ntk_predictor_at(*state, q, &empty, INFINITY, &s.mean, NULL), NTK_ERROR_NULL, "no new inputs");
    kit_fails(*state, ntk_predictor_at(*state, q, &s.test, INFINITY, &pair, NULL), NTK_ERROR_SHAPE, "mean has shape [5, 2]; expected [2, 1]");
    kit_fails(*state, ntk_predictor_at(*state, q, &s.test, INFINITY, NULL, &x), NTK_ERROR_ARGUMENT, "nngp");
    kit_fails(*state, ntk_predictor_mean(*state, q, &x, &s.mean), NTK_ERROR_ARGUMENT, "not made from a kernel");
    kit_fails(*state, ntk_predictor_mean(*state, q, NULL, &s.mean), NTK_ERROR_NULL, "x is NULL");
    kit_fails(*state, ntk_predictor_mean(*state, q, &x, NULL), NTK_ERROR_NULL, "mean is NULL");
    kit_fails(*state, ntk_predictor_covariance(*state, q, &x, NULL), NTK_ERROR_NULL, "covariance is NULL");
    assert_int_equal(ntk_predictor_mean(NULL, q, &x, &s.mean), NTK_ERROR_NULL);
    ntk_predictor_destroy(NULL);
    ntk_predictor_destroy(q);
    ntk_gram_destroy(s.gram);
}

/* Without training data the answer is the start. */
static void test_empty_training_set(void **state)
{
    double nothing = 0, got[2] = {1, 1};
    ntk_array y = ntk_vector_f64(NULL, 0), block = ntk_matrix_f64(NULL, 2, 0), mean = ntk_vector_f64(got, 2);
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN, .loss_scale = NTK_LOSS_SCALE_MEAN};
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &block};
    ntk_gram *gram = dense_gram(*state, 0, &nothing);
    ntk_predictor *p = NULL;
    kit_ok(*state, ntk_predictor_create(*state, gram, &y, &o, &p));
    kit_ok(*state, ntk_predictor_at(*state, p, &test, INFINITY, &mean, NULL));
    assert_true(got[0] == 0 && got[1] == 0);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_limits_of_time),
        kit_test(test_bad_options),
        kit_test(test_bad_arguments),
        kit_test(test_empty_training_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
