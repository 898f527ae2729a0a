/* Variances alone are the diagonal of the covariance: every posterior, both ways, blocks of the caller and a kernel, many blocks, f32; never negative. */
#include "kernels.h"

#include <stdlib.h>

enum { N = 6, M = 4, D = 3 };

typedef struct scene {
    double x[N * D], z[M * D], y[N];
    double ntk[N * N], nngp[N * N], ntk_cross[M * N], nngp_cross[M * N], ntk_test[M * M], nngp_test[M * M];
} scene;

static void open_scene(scene *s)
{
    kit_random(31, N * D, s->x);
    kit_random(32, M * D, s->z);
    kit_random(33, N, s->y);
    for (int k = 0; k < D; ++k) s->z[k] = s->x[k]; /* the first new sample is a training sample */
    kernels_blend(D, N, s->x, N, s->x, s->ntk, s->nngp);
    kernels_blend(D, M, s->z, N, s->x, s->ntk_cross, s->nngp_cross);
    kernels_blend(D, M, s->z, M, s->z, s->ntk_test, s->nngp_test);
}

static void check_blocks(ntk_context *ctx, const scene *s, ntk_posterior posterior, ntk_decomposition how, double ridge, double time)
{
    double covariance[M * M], variance[M], diagonal[2][M];
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = posterior, .decomposition = how, .ridge = ridge};
    ntk_array y = ntk_vector_f64(s->y, N), c = ntk_matrix_f64(covariance, M, M), v = ntk_vector_f64(variance, M), d[2] = {ntk_vector_f64(diagonal[0], M), ntk_vector_f64(diagonal[1], M)};
    ntk_array a[4] = {ntk_matrix_f64(s->ntk_cross, M, N), ntk_matrix_f64(s->nngp_cross, M, N), ntk_matrix_f64(s->ntk_test, M, M), ntk_matrix_f64(s->nngp_test, M, M)};
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &a[0], .nngp = &a[1], .ntk_test = &a[2], .nngp_test = &a[3]};
    ntk_gram *gram = dense_grams(ctx, N, s->ntk, s->nngp);
    ntk_predictor *p = NULL;
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &y, &o, &p));
    kit_ok(ctx, ntk_predictor_at(ctx, p, &test, time, NULL, &c));
    kit_ok(ctx, ntk_predictor_variance(ctx, p, &test, time, &v));
    for (int i = 0; i < M; ++i) {
        kit_near(variance[i], covariance[i * M + i], 1e-13); /* sums of the same terms in another order, of the size of the prior, 3 */
        assert_true(variance[i] >= 0);
        diagonal[0][i] = s->ntk_test[i * (M + 1)];
        diagonal[1][i] = s->nngp_test[i * (M + 1)];
    }
    test.ntk_test = &d[0];
    test.nngp_test = &d[1];
    memcpy(covariance, variance, sizeof variance);
    kit_ok(ctx, ntk_predictor_variance(ctx, p, &test, time, &v));
    kit_close(M, variance, covariance, 0);
    kit_fails(ctx, ntk_predictor_at(ctx, p, &test, time, NULL, &c), NTK_ERROR_NULL, "its diagonal only; the covariance of the");
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

static void variances_are_the_diagonal(void **state)
{
    scene s;
    open_scene(&s);
    for (int posterior = 0; posterior < 3; ++posterior) {
        check_blocks(*state, &s, (ntk_posterior)posterior, NTK_DECOMPOSITION_CHOLESKY, 0.1, INFINITY);
        check_blocks(*state, &s, (ntk_posterior)posterior, NTK_DECOMPOSITION_EIGEN, 0.1, 2);
        check_blocks(*state, &s, (ntk_posterior)posterior, NTK_DECOMPOSITION_EIGEN, 0, INFINITY); /* 0 at the training sample, but for rounding */
    }
}

/* 1,300 new inputs: three blocks, the last one short; f64 and f32. */
static void many_inputs(void **state)
{
    enum { MANY = 1300 };
    ntk_context *ctx = *state;
    double x[N * D], y[N] = {1, -1, 0.5, 2, 0, 1}, *z = malloc(MANY * D * sizeof *z), *variance = malloc(MANY * sizeof *variance), few[M * M];
    ntk_network *network = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"b_std\": 0.3},"
                                            "{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}");
    kit_random(1, N * D, x);
    kit_random(2, MANY * D, z);
    for (int narrow = 0; narrow < 2; ++narrow) {
        ntk_dtype dtype = narrow ? NTK_F32 : NTK_F64;
        float *xf = malloc((N + MANY) * D * sizeof *xf), *zf = xf + N * D, yf[N], *vf = malloc(MANY * sizeof *vf), few_f[M * M];
        ntk_array xs, ys, zs, vs, first, c;
        ntk_kernel *kernel = NULL;
        ntk_gram *gram = NULL;
        ntk_predictor *p = NULL;
        ntk_test_set test = {NTK_TEST_SET_INIT, .x = &zs}, some = {NTK_TEST_SET_INIT, .x = &first};
        for (int i = 0; i < N * D; ++i) xf[i] = (float)x[i];
        for (int i = 0; i < MANY * D; ++i) zf[i] = (float)z[i];
        for (int i = 0; i < N; ++i) yf[i] = (float)y[i];
        xs = ntk_array_dense(narrow ? (void *)xf : x, dtype, 2, (int64_t[]){N, D});
        ys = ntk_array_dense(narrow ? (void *)yf : y, dtype, 1, (int64_t[]){N});
        zs = ntk_array_dense(narrow ? (void *)zf : z, dtype, 2, (int64_t[]){MANY, D});
        vs = ntk_array_dense(narrow ? (void *)vf : variance, dtype, 1, (int64_t[]){MANY});
        c = ntk_array_dense(narrow ? (void *)few_f : few, dtype, 2, (int64_t[]){M, M});
        first = zs;
        first.shape[0] = M;
        kit_ok(ctx, ntk_kernel_from_network(ctx, network, NULL, &kernel));
        kit_ok(ctx, ntk_gram_create(ctx, kernel, &xs, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = 1}, &gram));
        kit_ok(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1}, &p));
        kit_ok(ctx, ntk_predictor_variance(ctx, p, &test, INFINITY, &vs));
        for (int at = 0; at < MANY; at += 431) { /* in each of the blocks */
            first.data = (char *)zs.data + (size_t)(at * D) * (narrow ? sizeof(float) : sizeof(double));
            if (at + M > MANY) break;
            kit_ok(ctx, ntk_predictor_at(ctx, p, &some, INFINITY, NULL, &c));
            for (int i = 0; i < M; ++i) {
                double got = narrow ? (double)vf[at + i] : variance[at + i], want = narrow ? (double)few_f[i * (M + 1)] : few[i * (M + 1)];
                kit_near(got, want, narrow ? 1e-5 : 1e-14);
            }
        }
        ntk_predictor_destroy(p);
        ntk_gram_destroy(gram);
        ntk_kernel_destroy(kernel);
        free(vf);
        free(xf);
    }
    ntk_network_destroy(network);
    free(variance);
    free(z);
}

/* A full kernel has a row per output. */
static void outputs_by_sample(void **state)
{
    enum { P = 26, O = 2 };
    ntk_context *ctx = *state;
    double x[N * D], z[M * D], y[N * O], theta[P], variance[M * O], covariance[M * O * M * O];
    ntk_array xs = ntk_matrix_f64(x, N, D), zs = ntk_matrix_f64(z, M, D), ys = ntk_matrix_f64(y, N, O), t = ntk_vector_f64(theta, P), v = ntk_vector_f64(variance, M * O),
              c = ntk_matrix_f64(covariance, M * O, M * O);
    ntk_network *network = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 4, \"b_std\": 0.3},"
                                            "{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}");
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL;
    ntk_predictor *p = NULL;
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = &zs};
    kit_random(1, N * D, x);
    kit_random(2, M * D, z);
    kit_random(3, N * O, y);
    kit_random(4, P, theta);
    kit_ok(ctx, ntk_kernel_empirical(ctx, network, &t, NULL, NULL, &kernel));
    kit_ok(ctx, ntk_gram_create(ctx, kernel, &xs, NULL, &gram));
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NTKGP, .ridge = 0.1}, &p));
    kit_ok(ctx, ntk_predictor_variance(ctx, p, &test, INFINITY, &v));
    kit_ok(ctx, ntk_predictor_at(ctx, p, &test, INFINITY, NULL, &c));
    for (int i = 0; i < M * O; ++i) kit_near(variance[i], covariance[i * (M * O + 1)], 1e-13);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(variances_are_the_diagonal), kit_test(many_inputs), kit_test(outputs_by_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
