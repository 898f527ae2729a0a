/* Leave-one-out of a predictor, by Cholesky and by eigenvectors, against that of a spectrum (which is tested against models made without the sample): more rows than
 * one block, a start that is not 0, f32. */
#include "kit.h"

#include <stdlib.h>

enum { N = 300, M = 2, D = 3 };

static void equals_the_spectrum(void **state)
{
    ntk_context *ctx = *state;
    double *x = malloc(N * D * sizeof *x), *y = malloc(N * M * sizeof *y), *mean = malloc(2 * N * M * sizeof *mean), *variance = malloc(2 * N * sizeof *variance);
    float *xf = malloc(N * D * sizeof *xf), *yf = malloc(N * M * sizeof *yf), *mf = malloc(N * M * sizeof *mf), *vf = malloc(N * sizeof *vf);
    ntk_array xs = ntk_matrix_f64(x, N, D), ys = ntk_matrix_f64(y, N, M), m[2] = {ntk_matrix_f64(mean, N, M), ntk_matrix_f64(mean + N * M, N, M)},
              v[2] = {ntk_vector_f64(variance, N), ntk_vector_f64(variance + N, N)};
    ntk_array x32 = ntk_array_dense(xf, NTK_F32, 2, (int64_t[]){N, D}), y32 = ntk_array_dense(yf, NTK_F32, 2, (int64_t[]){N, M});
    ntk_array m32 = ntk_array_dense(mf, NTK_F32, 2, (int64_t[]){N, M}), v32 = ntk_array_dense(vf, NTK_F32, 1, (int64_t[]){N});
    ntk_network *network = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"b_std\": 0.3},"
                                            "{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}");
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL, *gram32 = NULL;
    ntk_spectrum *spectrum = NULL;
    ntk_predictor *p = NULL;
    kit_random(1, N * D, x);
    kit_random(2, N * M, y);
    for (int i = 0; i < N * D; ++i) xf[i] = (float)x[i];
    for (int i = 0; i < N * M; ++i) yf[i] = (float)y[i];
    kit_ok(ctx, ntk_kernel_from_network(ctx, network, NULL, &kernel));
    kit_ok(ctx, ntk_gram_create(ctx, kernel, &xs, NULL, &gram));
    kit_ok(ctx, ntk_gram_create(ctx, kernel, &x32, NULL, &gram32));
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &spectrum));
    kit_ok(ctx, ntk_spectrum_leave_one_out(ctx, spectrum, &ys, 0.1, &m[0], &v[0]));
    for (int how = 0; how < 2; ++how) {
        kit_ok(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .decomposition = (ntk_decomposition)how, .ridge = 0.1}, &p));
        kit_ok(ctx, ntk_predictor_leave_one_out(ctx, p, &ys, &m[1], &v[1]));
        kit_close(N * M, mean + N * M, mean, 1e-11); /* eps times a condition of 1e4 */
        kit_close(N, variance + N, variance, 1e-11);
        ntk_predictor_destroy(p);
    }
    /* from a start f0: f0 plus what the others say of y - f0; with f0 = y/2 that is (y + mean)/2 */
    for (int i = 0; i < N * M; ++i) mean[N * M + i] = y[i] / 2;
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &ys, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1, .f0 = &m[1]}, &p));
    kit_ok(ctx, ntk_predictor_leave_one_out(ctx, p, &ys, &m[1], NULL));
    for (int i = 0; i < N * M; ++i) kit_near(mean[N * M + i], (y[i] + mean[i]) / 2, 1e-11);
    ntk_predictor_destroy(p);
    kit_ok(ctx, ntk_predictor_create(ctx, gram32, &y32, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1}, &p));
    kit_ok(ctx, ntk_predictor_leave_one_out(ctx, p, &y32, &m32, &v32));
    for (int i = 0; i < N * M; ++i) kit_near((double)mf[i], mean[i], 1e-2);
    kit_fails(ctx, ntk_predictor_leave_one_out(ctx, p, &ys, &m32, NULL), NTK_ERROR_DTYPE, "y holds f64");
    ntk_predictor_destroy(p);
    ntk_spectrum_destroy(spectrum);
    ntk_gram_destroy(gram32);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(network);
    free(vf), free(mf), free(yf), free(xf), free(variance), free(mean), free(y), free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(equals_the_spectrum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
