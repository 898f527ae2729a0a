/* The mean over random networks: against the kernels of each draw, one by one; against the limit of infinite width; what is refused. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char json[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                           "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.5, \"b_std\": 0.1}, {\"op\": \"erf\"},"
                           "{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.2}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}]}";

enum { D = 3, SEED = 11 };

#define OPTIONS(...) &(ntk_monte_carlo_options){NTK_MONTE_CARLO_OPTIONS_INIT, __VA_ARGS__}

static ntk_kernel *make(ntk_context *ctx, const ntk_network *network, const ntk_monte_carlo_options *options)
{
    ntk_kernel *k = NULL;
    kit_ok(ctx, ntk_kernel_monte_carlo(ctx, network, options, &k));
    return k;
}

/* The trace kernels of the network drawn by one seed, [n, m] each. */
static void one_draw(ntk_context *ctx, const ntk_network *network, uint64_t seed, ntk_array *x1, ntk_array *x2, ntk_array *ntk, ntk_array *nngp)
{
    double numbers[64];
    ntk_array theta = ntk_vector_f64(numbers, ntk_network_parameters(network));
    ntk_kernel *k = NULL;
    assert_in_range(ntk_network_parameters(network), 1, 64);
    kit_ok(ctx, ntk_network_initialize(ctx, network, seed, &theta));
    kit_ok(ctx, ntk_kernel_empirical(ctx, network, &theta, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_TRACE}, &k));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, x1, x2, &(ntk_request){NTK_REQUEST_INIT, .ntk = ntk, .nngp = nngp}));
    ntk_kernel_destroy(k);
}

/* Mean and standard error by two passes: 20 draws of numbers about one lose some 20 eps each. */
static void test_values(void **state)
{
    enum { N = 4, M = 3, S = 20 };
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, json);
    ntk_kernel *k = make(ctx, network, OPTIONS(.samples = S, .seed = SEED));
    double x[N * D], y[M * D], got[4][N * M], draws[2][S][N * M], wanted[4][N * M] = {{0}};
    ntk_array x1 = ntk_matrix_f64(x, N, D), x2 = ntk_matrix_f64(y, M, D), out[4];
    kit_random(1, N * D, x);
    kit_random(2, M * D, y);
    for (int i = 0; i < 4; ++i) out[i] = ntk_matrix_f64(got[i], N, M);
    for (int s = 0; s < S; ++s) {
        ntk_array ntk = ntk_matrix_f64(draws[0][s], N, M), nngp = ntk_matrix_f64(draws[1][s], N, M);
        one_draw(ctx, network, SEED + (uint64_t)s, &x1, &x2, &ntk, &nngp);
    }
    for (int kind = 0; kind < 2; ++kind)
        for (int i = 0; i < N * M; ++i) {
            for (int s = 0; s < S; ++s) wanted[kind][i] += draws[kind][s][i] / S;
            for (int s = 0; s < S; ++s) wanted[2 + kind][i] += pow(draws[kind][s][i] - wanted[kind][i], 2) / (S - 1) / S;
            wanted[2 + kind][i] = sqrt(wanted[2 + kind][i]);
        }
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &x1, &x2, &(ntk_request){NTK_REQUEST_INIT, .nngp = &out[1], .ntk = &out[0], .ntk_error = &out[2], .nngp_error = &out[3]}));
    for (int i = 0; i < 4; ++i) kit_close(N * M, got[i], wanted[i], 1e-14);
    ntk_kernel_destroy(k);
    ntk_network_destroy(network);
}

/* The symmetric matrix, its diagonal and the matrix of the set with itself as another set are the same numbers, across tiles: the sums of
 * one entry may go in another order, some 100 eps. */
static void test_symmetric(void **state)
{
    enum { N = 515 };
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, json);
    ntk_kernel *k = make(ctx, network, OPTIONS(.samples = 3));
    double *x = malloc(sizeof *x * N * D), *planes[4], diagonal[2][N], wanted[2][N];
    ntk_array points = ntk_matrix_f64(x, N, D), out[4], d[2];
    kit_random(3, N * D, x);
    for (int i = 0; i < 4; ++i) {
        planes[i] = malloc(sizeof **planes * N * N);
        out[i] = ntk_matrix_f64(planes[i], N, N);
    }
    for (int i = 0; i < 2; ++i) d[i] = ntk_vector_f64(diagonal[i], N);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out[0], .ntk_error = &out[1]}));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, &points, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out[2], .ntk_error = &out[3]}));
    kit_ok(ctx, ntk_kernel_diagonal(ctx, k, &points, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d[0], .ntk_error = &d[1]}));
    for (int plane = 0; plane < 2; ++plane) {
        kit_close(N * N, planes[plane], planes[2 + plane], 1e-13);
        for (int i = 0; i < N; ++i) wanted[plane][i] = planes[plane][i * N + i];
        kit_close(N, diagonal[plane], wanted[plane], 1e-13);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < i; ++j) assert_true(planes[plane][i * N + j] == planes[plane][j * N + i]);
    }
    for (int i = 0; i < 4; ++i) free(planes[i]);
    free(x);
    ntk_kernel_destroy(k);
    ntk_network_destroy(network);
}

/* At width W the mean misses the limit by its scatter and a bias of order 1/W: six standard errors and 3/W of the value; the seed is fixed.
 * The scatter of 40 draws is below W^-1/2 for the NTK; two outputs of order one make the NNGP's 40^-1/2. */
static void test_limit(void **state)
{
    enum { N = 3, WIDTH = 256 };
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, json);
    ntk_kernel *k = make(ctx, network, OPTIONS(.samples = 40, .width = WIDTH, .seed = SEED)), *limit = NULL;
    double x[N * D], mean[2][N * N], error[2][N * N], exact[2][N * N];
    ntk_array points = ntk_matrix_f64(x, N, D), m[2], e[2], t[2];
    kit_random(5, N * D, x);
    for (int i = 0; i < 2; ++i) {
        m[i] = ntk_matrix_f64(mean[i], N, N);
        e[i] = ntk_matrix_f64(error[i], N, N);
        t[i] = ntk_matrix_f64(exact[i], N, N);
    }
    kit_ok(ctx, ntk_kernel_from_network(ctx, network, NULL, &limit));
    kit_ok(ctx, ntk_kernel_eval(ctx, limit, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &t[0], .nngp = &t[1]}));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &m[0], .nngp = &m[1], .ntk_error = &e[0], .nngp_error = &e[1]}));
    for (int kind = 0; kind < 2; ++kind)
        for (int i = 0; i < N * N; ++i) {
            double scale = sqrt(exact[kind][i / N * (N + 1)] * exact[kind][i % N * (N + 1)]);
            assert_true(error[kind][i] > 0 && error[kind][i] < (kind ? 0.3 : 0.03) * scale);
            kit_near(mean[kind][i], exact[kind][i], 6 * error[kind][i] + 3.0 / WIDTH * scale);
        }
    ntk_kernel_destroy(limit);
    ntk_kernel_destroy(k);
    ntk_network_destroy(network);
}

static void test_refused(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, json);
    ntk_kernel *k = NULL;
    double x[D] = {1, 2, 3}, value;
    float single[D] = {1, 2, 3};
    ntk_array point = ntk_matrix_f64(x, 1, D), out = ntk_array_dense(&value, NTK_F64, 3, (const int64_t[]){1, 1, 1}), f = ntk_matrix_f32(single, 1, D);
    kit_fails(ctx, ntk_kernel_monte_carlo(ctx, network, OPTIONS(.samples = 1), &k), NTK_ERROR_ARGUMENT, "samples is 1");
    kit_fails(ctx, ntk_kernel_monte_carlo(ctx, network, OPTIONS(.samples = -3), &k), NTK_ERROR_ARGUMENT, "samples is -3");
    kit_fails(ctx, ntk_kernel_monte_carlo(ctx, network, OPTIONS(.width = -1), &k), NTK_ERROR_ARGUMENT, "width is -1");
    assert_null(k);
    k = make(ctx, network, NULL);
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &point, NULL, &(ntk_request){NTK_REQUEST_INIT, .layers = &out}), NTK_ERROR_ARGUMENT, "does not deliver layers");
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &f, NULL, &(ntk_request){NTK_REQUEST_INIT, .layers = &out}), NTK_ERROR_DTYPE, "f32");
    ntk_kernel_destroy(k);
    ntk_network_destroy(network);
}

/* A gram of the mean is a gram. */
static void test_gram(void **state)
{
    enum { N = 4 };
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, json);
    ntk_kernel *k = make(ctx, network, OPTIONS(.samples = 2));
    ntk_gram *gram = NULL;
    double x[N * D], direct[N * N], block[N * N];
    ntk_array points = ntk_matrix_f64(x, N, D), a = ntk_matrix_f64(direct, N, N), b = ntk_matrix_f64(block, N, N);
    kit_random(6, N * D, x);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &a}));
    kit_ok(ctx, ntk_gram_create(ctx, k, &points, NULL, &gram));
    kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &b));
    kit_close(N * N, block, direct, 1e-14);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(k);
    ntk_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_values), kit_test(test_symmetric), kit_test(test_limit), kit_test(test_refused), kit_test(test_gram)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
