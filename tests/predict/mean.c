#include "kernels.h"

#include <float.h>
#include <stdlib.h>

enum { N = 10, D = 3, C = 2, MANY = 1200 };

/* w = (K + ridge)⁻¹ (y - f0), by elimination. */
static void exact_weights(const double *x, const double *y, double ridge, double *w)
{
    double k[N * N];
    kernels_matrix(kernels_gaussian, D, N, x, N, x, k);
    dense_shift(N, ridge, k);
    memcpy(w, y, N * C * sizeof *w);
    dense_eliminate(N, C, k, w);
}

/* More new inputs than a block holds, and not a multiple of it. */
static void test_blocks_of_a_kernel(void **state)
{
    double x[N * D], y[N * C], w[N * C], *z = malloc(MANY * D * sizeof *z), *k = malloc(MANY * N * sizeof *k);
    double *wanted = malloc(MANY * C * sizeof *wanted), *got = malloc(2 * MANY * C * sizeof *got);
    ntk_array targets = ntk_matrix_f64(y, N, C), inputs = ntk_matrix_f64(z, MANY, D), mean = ntk_matrix_f64(got, MANY, C);
    ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1};
    ntk_predictor *p = NULL;
    ntk_gram *gram;
    kit_random(1, N * D, x);
    kit_random(2, N * C, y);
    kit_random(3, MANY * D, z);
    exact_weights(x, y, 0.1, w);
    kernels_matrix(kernels_gaussian, D, MANY, z, N, x, k);
    dense_multiply(MANY, C, N, k, w, wanted);
    gram = kernels_gram(*state, N, D, x, NTK_KIND_NTK);
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &options, &p));
    ntk_gram_destroy(gram);
    kit_ok(*state, ntk_predictor_mean(*state, p, &inputs, &mean));
    kit_close(MANY * C, got, wanted, 1e-13); /* condition number at most N/0.1 = 100 */
    mean.strides[0] = 1; /* the same into columns */
    mean.strides[1] = MANY;
    kit_ok(*state, ntk_predictor_mean(*state, p, &inputs, &mean));
    for (int i = 0; i < MANY; ++i) kit_near(got[i + MANY], wanted[i * C + 1], 1e-12);
    ntk_predictor_destroy(p);
    free(got);
    free(wanted);
    free(k);
    free(z);
}

static int stop_at_half(void *user, double done)
{
    ++*(int *)user;
    return done > 0.5;
}

static void test_cancelled_between_blocks(void **state)
{
    double x[N * D], y[N], *z = malloc(MANY * D * sizeof *z), *got = malloc(MANY * sizeof *got);
    int calls = 0;
    ntk_array targets = ntk_vector_f64(y, N), inputs = ntk_matrix_f64(z, MANY, D), mean = ntk_vector_f64(got, MANY);
    ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1};
    ntk_context_options impatient = {NTK_CONTEXT_OPTIONS_INIT, .progress = stop_at_half, .progress_user = &calls};
    ntk_context *other = NULL;
    ntk_predictor *p = NULL;
    ntk_gram *gram;
    kit_random(4, N * D, x);
    kit_random(5, N, y);
    kit_random(6, MANY * D, z);
    gram = kernels_gram(*state, N, D, x, NTK_KIND_NTK);
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &options, &p));
    assert_int_equal(ntk_context_create(&impatient, &other), NTK_OK);
    kit_fails(other, ntk_predictor_mean(other, p, &inputs, &mean), NTK_ERROR_CANCELLED, "cancelled");
    assert_int_equal(calls, 2); /* 512 and 1024 of 1200 */
    ntk_context_destroy(other);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
    free(got);
    free(z);
}

/* f0* - K* S(t) (f0 - y), t = infinity. */
static void test_start(void **state)
{
    enum { M = 4 };
    double x[N * D], y[N * C], f0[N * C], difference[N * C], z[M * D], f0_test[M * C], k[M * N], w[N * C], wanted[M * C], got[M * C];
    ntk_array targets = ntk_matrix_f64(y, N, C), start = ntk_matrix_f64(f0, N, C), inputs = ntk_matrix_f64(z, M, D);
    ntk_array start_test = ntk_matrix_f64(f0_test, M, C), mean = ntk_matrix_f64(got, M, C);
    ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1, .f0 = &start};
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = &inputs, .f0 = &start_test};
    ntk_predictor *p = NULL;
    ntk_gram *gram;
    kit_random(7, N * D, x);
    kit_random(8, N * C, y);
    kit_random(9, N * C, f0);
    kit_random(10, M * D, z);
    kit_random(11, M * C, f0_test);
    for (int i = 0; i < N * C; ++i) difference[i] = y[i] - f0[i];
    exact_weights(x, difference, 0.1, w);
    kernels_matrix(kernels_gaussian, D, M, z, N, x, k);
    dense_multiply(M, C, N, k, w, wanted);
    for (int i = 0; i < M * C; ++i) wanted[i] += f0_test[i];
    gram = kernels_gram(*state, N, D, x, NTK_KIND_NTK);
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &options, &p));
    memset(f0, 0, sizeof f0); /* it was copied */
    kit_ok(*state, ntk_predictor_at(*state, p, &test, INFINITY, &mean, NULL));
    kit_close(M * C, got, wanted, 1e-13);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

/* A full gram of 3 samples and 2 outputs from a Jacobian: y [n, o], mean [m, o]; the rows are sample o + output. */
static void test_full_gram(void **state)
{
    enum { S = 3, O = 2, P = 9, T = 2 };
    double j[S * O * P], jt[P * S * O], jz[T * O * P], cross[T * O * S * O], k[S * O * S * O], y[S * O], w[S * O], wanted[T * O], got[T * O];
    ntk_array targets = ntk_matrix_f64(y, S, O), blocks = ntk_matrix_f64(cross, T * O, S * O), mean = ntk_matrix_f64(got, T, O);
    ntk_array flat = ntk_vector_f64(got, T * O), matrix = ntk_matrix_f64(k, S * O, S * O);
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &blocks};
    ntk_jacobian *jacobian;
    ntk_gram *gram = NULL, *own = NULL;
    ntk_predictor *p = NULL, *q = NULL;
    kit_random(12, S * O * P, j);
    kit_random(13, T * O * P, jz);
    kit_random(14, S * O, y);
    dense_transpose(S * O, P, j, jt);
    dense_multiply(S * O, S * O, P, j, jt, k);
    dense_multiply(T * O, S * O, P, jz, jt, cross);
    kit_ok(*state, ntk_gram_from_matrix(*state, &matrix, &own));
    kit_ok(*state, ntk_predictor_create(*state, own, &targets, NULL, &q));
    ntk_gram_destroy(own);
    memcpy(w, y, sizeof w);
    dense_eliminate(S * O, 1, k, w);
    dense_multiply(T * O, 1, S * O, cross, w, wanted);
    jacobian = dense_jacobian(*state, S * O, P, O, j);
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, NULL, &gram));
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, NULL, &p));
    kit_ok(*state, ntk_predictor_at(*state, p, &test, INFINITY, &mean, NULL));
    kit_close(T * O, got, wanted, 1e-11); /* the condition number is some hundreds */
    kit_ok(*state, ntk_predictor_at(*state, p, &test, INFINITY, &flat, NULL));
    kit_close(T * O, got, wanted, 1e-11);
    kit_ok(*state, ntk_predictor_at(*state, q, &test, INFINITY, &mean, NULL)); /* a matrix of which only y says that it is full */
    kit_close(T * O, got, wanted, 1e-11);
    ntk_predictor_destroy(q);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(jacobian);
}

/* f32 through Cholesky agrees with f64 to its own precision. */
static void test_single_precision(void **state)
{
    enum { M = 4 };
    double x[N * D], z[M * D], k[N * N], kz[M * N], y[N], w[N * C] = {0}, wanted[M], got[M];
    float kf[N * N], kzf[M * N], yf[N], gotf[M];
    ntk_array matrix = ntk_array_dense(kf, NTK_F32, 2, (int64_t[]){N, N}), block = ntk_array_dense(kzf, NTK_F32, 2, (int64_t[]){M, N});
    ntk_array targets = ntk_array_dense(yf, NTK_F32, 1, (int64_t[]){N}), mean = ntk_array_dense(gotf, NTK_F32, 1, (int64_t[]){M});
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &block};
    ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.5};
    ntk_predictor_options eigen = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN};
    ntk_gram *gram = NULL;
    ntk_predictor *p = NULL, *none = NULL;
    kit_random(15, N * D, x);
    kit_random(16, M * D, z);
    kit_random(17, N, y);
    kernels_matrix(kernels_gaussian, D, N, x, N, x, k);
    kernels_matrix(kernels_gaussian, D, M, z, N, x, kz);
    for (int i = 0; i < N * N; ++i) kf[i] = (float)k[i];
    for (int i = 0; i < M * N; ++i) kzf[i] = (float)kz[i];
    for (int i = 0; i < N; ++i) yf[i] = (float)y[i];
    dense_shift(N, 0.5, k);
    memcpy(w, y, sizeof y);
    dense_eliminate(N, 1, k, w);
    dense_multiply(M, 1, N, kz, w, wanted);
    kit_ok(*state, ntk_gram_from_matrix(*state, &matrix, &gram));
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &options, &p));
    kit_ok(*state, ntk_predictor_at(*state, p, &test, INFINITY, &mean, NULL));
    for (int i = 0; i < M; ++i) got[i] = (double)gotf[i];
    kit_close(M, got, wanted, 100 * (double)FLT_EPSILON);
    kit_fails(*state, ntk_predictor_create(*state, gram, &targets, &eigen, &none), NTK_ERROR_DTYPE, "f32");
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

static void test_no_new_inputs(void **state)
{
    double x[N * D], y[N * C];
    ntk_array targets = ntk_matrix_f64(y, N, C), inputs = ntk_matrix_f64(NULL, 0, D), mean = ntk_matrix_f64(NULL, 0, C);
    ntk_array covariance = ntk_matrix_f64(NULL, 0, 0);
    ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NTKGP, .ridge = 0.1};
    ntk_predictor *p = NULL;
    ntk_gram *gram;
    kit_random(18, N * D, x);
    kit_random(19, N * C, y);
    gram = kernels_gram(*state, N, D, x, NTK_KIND_NTK);
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &options, &p));
    kit_ok(*state, ntk_predictor_mean(*state, p, &inputs, &mean));
    kit_ok(*state, ntk_predictor_covariance(*state, p, &inputs, &covariance));
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_blocks_of_a_kernel), kit_test(test_cancelled_between_blocks), kit_test(test_start),         kit_test(test_full_gram),
        kit_test(test_single_precision),   kit_test(test_no_new_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
