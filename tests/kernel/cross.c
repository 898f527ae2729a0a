/* A gram meets new inputs: the blocks are those of ntk_kernel_eval(), cut anywhere, across the borders of tiles. */
#include "kernel.h"
#include "kit.h"

#include <stdlib.h>

enum { D = 3, O = 2, P = 4 * 4 + 5 * 2 };

static const char mlp[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                          "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"},"
                          "{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}";

static double *numbers(int64_t count)
{
    double *n = calloc((size_t)(count > 0 ? count : 1), sizeof *n);
    assert_non_null(n);
    return n;
}

static ntk_kernel *make(ntk_context *ctx, bool empirical, ntk_outputs outputs)
{
    double values[P];
    ntk_array theta = ntk_vector_f64(values, P);
    ntk_network *net = kit_network(ctx, mlp);
    ntk_kernel *k = NULL;
    kit_random(1, P, values);
    if (empirical) kit_ok(ctx, ntk_kernel_empirical(ctx, net, &theta, NULL,
                                                    &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = outputs}, &k));
    else kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &k));
    ntk_network_destroy(net);
    return k;
}

/* Sums of at most P terms in another order: P eps at worst, of the largest entry. */
#define BOUND 6e-15

/* n training and m test samples, in blocks of `step` test samples. */
static void check(ntk_context *ctx, ntk_kernel *k, int64_t n, int64_t m, int64_t step)
{
    int64_t per = k->per_sample, count = m * n * per * per, square = m * m * per * per;
    double *x = numbers((n + m) * D), *wanted = numbers(2 * count), *got = numbers(2 * count), *square_wanted = numbers(2 * square);
    double *square_got = numbers(2 * square);
    ntk_array train = ntk_matrix_f64(x, n, D), test = ntk_matrix_f64(x + n * D, m, D);
    ntk_array a = ntk_matrix_f64(wanted, m * per, n * per), b = ntk_matrix_f64(wanted + count, m * per, n * per);
    ntk_array c = ntk_matrix_f64(square_wanted, m * per, m * per), d = ntk_matrix_f64(square_wanted + square, m * per, m * per);
    ntk_gram *gram = NULL;
    ntk_points points;
    kit_random(2, (n + m) * D, x);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &test, &train, &(ntk_request){NTK_REQUEST_INIT, .ntk = &a, .nngp = &b}));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &test, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &c, .nngp = &d}));
    kit_ok(ctx, ntk_gram_create(ctx, k, &train, NULL, &gram));
    kit_ok(ctx, ntk_cross_open(ctx, gram, &test, NULL, &points));
    for (int64_t row = 0; row < m; row += step) {
        double *at = got + row * per * n * per;
        kit_ok(ctx, ntk_cross_block(ctx, gram, &points, row, NTK_MIN(step, m - row), at, at + count));
    }
    kit_ok(ctx, ntk_cross_square(ctx, gram, &points, square_got, square_got + square));
    kit_close(2 * count, got, wanted, BOUND);
    kit_close(2 * square, square_got, square_wanted, 0);
    for (int64_t i = 0; i < m * per; ++i)
        for (int64_t j = 0; j < i; ++j) assert_true(square_got[i * m * per + j] == square_got[j * m * per + i]);
    ntk_cross_close(gram, &points);
    ntk_gram_destroy(gram);
    free(x); free(wanted); free(got); free(square_wanted); free(square_got);
}

static void test_blocks(void **state)
{
    ntk_context *ctx = *state;
    ntk_kernel *kernels[] = {make(ctx, false, NTK_OUTPUTS_FULL), make(ctx, true, NTK_OUTPUTS_FULL), make(ctx, true, NTK_OUTPUTS_TRACE)};
    for (int i = 0; i < 3; ++i) {
        check(ctx, kernels[i], 6, 4, 4);
        check(ctx, kernels[i], 6, 7, 3);
        check(ctx, kernels[i], 1, 5, 1);
        check(ctx, kernels[i], 512, 3, 2);
        check(ctx, kernels[i], 513, 9, 4);
        check(ctx, kernels[i], 5, 0, 1);
        check(ctx, kernels[i], 0, 3, 2);
        ntk_kernel_destroy(kernels[i]);
    }
}

/* What is not wanted is not touched, and not needed. */
static void test_one_kind(void **state)
{
    enum { N = 5, M = 3 };
    ntk_context *ctx = *state;
    ntk_kernel *k = make(ctx, false, NTK_OUTPUTS_FULL);
    double x[N * D], both[2][M * N], ntk[M * N], nngp[M * N];
    ntk_array train = ntk_matrix_f64(x, N, D), test = ntk_matrix_f64(x, M, D);
    ntk_gram *gram = NULL;
    ntk_points points;
    kit_random(3, N * D, x);
    kit_ok(ctx, ntk_gram_create(ctx, k, &train, NULL, &gram));
    ntk_kernel_destroy(k);
    kit_ok(ctx, ntk_cross_open(ctx, gram, &test, NULL, &points));
    kit_ok(ctx, ntk_cross_block(ctx, gram, &points, 0, M, both[0], both[1]));
    kit_ok(ctx, ntk_cross_block(ctx, gram, &points, 0, M, ntk, NULL));
    kit_ok(ctx, ntk_cross_block(ctx, gram, &points, 0, M, NULL, nngp));
    kit_close(M * N, ntk, both[0], 0);
    kit_close(M * N, nngp, both[1], 0);
    ntk_cross_close(gram, &points);
    ntk_gram_destroy(gram);
}

static int product_kernel(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    (void)user;
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j) k[i * ldk + j] = x1[i * d] * x2[j * d];
    return 0;
}

static void test_refusals(void **state)
{
    ntk_context *ctx = *state;
    double k[4] = {2, 1, 1, 2}, x[6] = {1, 2, 3, 4, 5, 6};
    float single[6] = {0};
    ntk_array matrix = ntk_matrix_f64(k, 2, 2), two = ntk_matrix_f64(x, 3, 2), three = ntk_matrix_f64(x, 2, 3);
    ntk_array narrow = ntk_matrix_f32(single, 2, 3);
    ntk_kernel *callback = NULL, *infinite = make(ctx, false, NTK_OUTPUTS_FULL);
    ntk_gram *gram = NULL;
    ntk_points points;
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram));
    kit_fails(ctx, ntk_cross_open(ctx, gram, &three, NULL, &points), NTK_ERROR_ARGUMENT, "was not made from a kernel");
    ntk_gram_destroy(gram);
    kit_ok(ctx, ntk_kernel_from_callback(ctx, product_kernel, NULL, NTK_KIND_NTK, &callback));
    kit_ok(ctx, ntk_gram_create(ctx, callback, &two, NULL, &gram));
    kit_fails(ctx, ntk_cross_open(ctx, gram, &three, NULL, &points), NTK_ERROR_SHAPE, "x has 3 columns; the training inputs 2");
    ntk_gram_destroy(gram);
    kit_ok(ctx, ntk_gram_create(ctx, infinite, &three, NULL, &gram));
    kit_fails(ctx, ntk_cross_open(ctx, gram, &narrow, NULL, &points), NTK_ERROR_DTYPE, "x holds f32; the gram was made from f64");
    kit_fails(ctx, ntk_cross_open(ctx, gram, &two, NULL, &points), NTK_ERROR_SHAPE, "x has shape [3, 2]; expected [any, 3]");
    kit_fails(ctx, ntk_cross_open(ctx, gram, NULL, NULL, &points), NTK_ERROR_NULL, "x is NULL");
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(infinite);
    ntk_kernel_destroy(callback);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_blocks), kit_test(test_one_kind), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
