/*
 * Noise of every sample, and what the NNGP and the NTK as Gaussian processes have in common: their variances agree when K = Theta and the noises
 * agree (a linear model is such a case); a scale, another noise, or a ReLU, and they do not; the variance of the ensemble of trained networks is theirs only
 * without noise.
 */
#include "kernels.h"

enum { N = 6, M = 4, D = 3 };

static void data(double *x, double *z, double *y)
{
    kit_random(41, N * D, x);
    kit_random(42, M * D, z);
    kit_random(43, N, y);
}

/* ---- noise ------------------------------------------------------------------------------------------------------- */

static void every_sample_has_its_own(void **state)
{
    ntk_context *ctx = *state;
    double x[N * D], z[M * D], y[N], k[N * N], cross[M * N], test[M * M], noise[N] = {0.1, 0.5, 0, 1, 0.2, 3}, mean[M], covariance[M * M];
    double a[N * N], solved[N * (M + 1)], want[M], change;
    ntk_array ys = ntk_vector_f64(y, N), noises = ntk_vector_f64(noise, N), c = ntk_matrix_f64(cross, M, N), t = ntk_matrix_f64(test, M, M), m = ntk_vector_f64(mean, M),
              v = ntk_matrix_f64(covariance, M, M);
    data(x, z, y);
    kernels_matrix(kernels_gaussian, D, N, x, N, x, k);
    kernels_matrix(kernels_gaussian, D, M, z, N, x, cross);
    kernels_matrix(kernels_gaussian, D, M, z, M, z, test);
    memcpy(a, k, sizeof a);
    for (int i = 0; i < N; ++i) {
        a[i * N + i] += noise[i] + 0.05;
        for (int j = 0; j < M; ++j) solved[i * (M + 1) + j] = cross[j * N + i];
        solved[i * (M + 1) + M] = y[i];
    }
    dense_eliminate(N, M + 1, a, solved);
    for (int how = 0; how < 2; ++how) {
        ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NTKGP, .decomposition = (ntk_decomposition)how, .ridge = 0.05, .noise = &noises};
        ntk_test_set set = {NTK_TEST_SET_INIT, .ntk = &c, .ntk_test = &t};
        ntk_gram *gram = dense_gram(ctx, N, k);
        ntk_predictor *p = NULL;
        kit_ok(ctx, ntk_predictor_create(ctx, gram, &ys, &o, &p));
        kit_ok(ctx, ntk_predictor_at(ctx, p, &set, INFINITY, &m, &v));
        for (int i = 0; i < M; ++i) {
            want[i] = 0;
            change = 0;
            for (int j = 0; j < N; ++j) {
                want[i] += cross[i * N + j] * solved[j * (M + 1) + M];
                change += cross[i * N + j] * solved[j * (M + 1) + i];
            }
            kit_near(mean[i], want[i], 1e-13);
            kit_near(covariance[i * (M + 1)], test[i * (M + 1)] - change, 1e-13);
        }
        ntk_predictor_destroy(p);
        ntk_gram_destroy(gram);
    }
}

/* The same noise for all is a ridge; a noise per sample of a full kernel is one for each of its rows. */
static void noise_and_ridge(void **state)
{
    ntk_context *ctx = *state;
    double x[N * D], z[M * D], y[N], k[N * N], cross[M * N], mean[3][M], even[N / 2] = {0.1, 0.1, 0.1}, all[N] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    data(x, z, y);
    kernels_matrix(kernels_gaussian, D, N, x, N, x, k);
    kernels_matrix(kernels_gaussian, D, M, z, N, x, cross);
    for (int turn = 0; turn < 3; ++turn) {
        ntk_array ys = turn == 2 ? ntk_matrix_f64(y, N / 2, 2) : ntk_vector_f64(y, N), noise = turn == 2 ? ntk_vector_f64(even, N / 2) : ntk_vector_f64(all, N);
        ntk_array c = ntk_matrix_f64(cross, M, N), m = turn == 2 ? ntk_matrix_f64(mean[turn], M / 2, 2) : ntk_vector_f64(mean[turn], M);
        ntk_test_set set = {NTK_TEST_SET_INIT, .ntk = &c};
        ntk_gram *gram = dense_gram(ctx, N, k);
        ntk_predictor *p = NULL;
        kit_ok(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = turn ? 0 : 0.1, .noise = turn ? &noise : NULL}, &p));
        kit_ok(ctx, ntk_predictor_at(ctx, p, &set, INFINITY, &m, NULL));
        ntk_predictor_destroy(p);
        ntk_gram_destroy(gram);
    }
    kit_close(M, mean[1], mean[0], 1e-15);
    kit_close(M, mean[2], mean[1], 0);
}

static void wrong_noise(void **state)
{
    ntk_context *ctx = *state;
    double k[N * N], y[N] = {0}, noise[N] = {0, 0, -1, 0, 0, 0};
    ntk_array ys = ntk_vector_f64(y, N), negative = ntk_vector_f64(noise, N), four = ntk_vector_f64(noise, 4);
    ntk_gram *gram;
    ntk_predictor *p = NULL;
    kit_random_spd(1, N, k);
    gram = dense_gram(ctx, N, k);
    kit_fails(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .noise = &negative}, &p), NTK_ERROR_ARGUMENT, "options.noise[2] is -1");
    kit_fails(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .noise = &four}, &p), NTK_ERROR_SHAPE, "options.noise has shape [4]");
    noise[2] = NAN;
    kit_fails(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .noise = &negative}, &p), NTK_ERROR_NOT_FINITE, "options.noise[2]");
    kit_fails(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .noise = &ys, .consume = 1}, &p), NTK_ERROR_ARGUMENT, "options.consume and options.noise");
    ntk_gram_destroy(gram);
}

/* ---- the two processes ------------------------------------------------------------------------------------------- */

#define NETWORK(layers) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [" layers "]}"
static const char linear[] = NETWORK("{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.3, \"b_std\": 0.4}");
static const char scaled[] = NETWORK("{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.3, \"b_std\": 0.4, \"lr\": 2}"); /* Theta = 2 K */
static const char relu[] = NETWORK("{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.3, \"b_std\": 0.4}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}");

static void variance_of(ntk_context *ctx, const char *json, ntk_posterior posterior, double noise, double *variance)
{
    double x[N * D], z[M * D], y[N];
    ntk_array xs = ntk_matrix_f64(x, N, D), zs = ntk_matrix_f64(z, M, D), ys = ntk_vector_f64(y, N), v = ntk_vector_f64(variance, M);
    ntk_test_set set = {NTK_TEST_SET_INIT, .x = &zs};
    ntk_network *network = kit_network(ctx, json);
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL;
    ntk_predictor *p = NULL;
    data(x, z, y);
    kit_ok(ctx, ntk_kernel_from_network(ctx, network, NULL, &kernel));
    kit_ok(ctx, ntk_gram_create(ctx, kernel, &xs, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = 1}, &gram));
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .posterior = posterior,
           .decomposition = NTK_DECOMPOSITION_EIGEN, .ridge = noise}, &p));
    kit_ok(ctx, ntk_predictor_variance(ctx, p, &set, INFINITY, &v));
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(network);
}

static double apart(const double *a, const double *b)
{
    double most = 0;
    for (int i = 0; i < M; ++i) most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

static void variances_agree_only_so(void **state)
{
    ntk_context *ctx = *state;
    double nngp[M], ntkgp[M], other[M], ensemble[M];
    variance_of(ctx, linear, NTK_POSTERIOR_NNGP, 0.3, nngp);
    variance_of(ctx, linear, NTK_POSTERIOR_NTKGP, 0.3, ntkgp);
    kit_close(M, ntkgp, nngp, 1e-14); /* a linear model in this parameterization: K = Theta */
    variance_of(ctx, scaled, NTK_POSTERIOR_NTKGP, 0.3, other);
    assert_true(apart(other, nngp) > 1e-2); /* a scale */
    variance_of(ctx, linear, NTK_POSTERIOR_NTKGP, 0.4, other);
    assert_true(apart(other, nngp) > 1e-2); /* another noise */
    variance_of(ctx, relu, NTK_POSTERIOR_NNGP, 0.3, nngp);
    variance_of(ctx, relu, NTK_POSTERIOR_NTKGP, 0.3, ntkgp);
    assert_true(apart(ntkgp, nngp) > 1e-2); /* a ReLU */
    variance_of(ctx, linear, NTK_POSTERIOR_NNGP, 0.3, nngp);
    variance_of(ctx, linear, NTK_POSTERIOR_NTK, 0.3, ensemble);
    assert_true(apart(ensemble, nngp) > 1e-2);   /* the ensemble with a ridge: its members start apart and are held there */
    variance_of(ctx, linear, NTK_POSTERIOR_NNGP, 0, nngp);
    variance_of(ctx, linear, NTK_POSTERIOR_NTK, 0, ensemble);
    kit_near(apart(ensemble, nngp), 0, 1e-13); /* and without */
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(every_sample_has_its_own), kit_test(noise_and_ridge), kit_test(wrong_noise), kit_test(variances_agree_only_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
