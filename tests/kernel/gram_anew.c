/* Grams that keep no entries against those that do: entries to the bit, products to rounding, and every answer that is asked of a gram. */
#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char mlp[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": ["
                          "{\"op\": \"dense\", \"units\": 6, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}]}";

static ntk_gram *open_gram(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, ntk_storage storage)
{
    ntk_gram *gram = NULL;
    kit_ok(ctx, ntk_gram_create(ctx, kernel, x, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = 1, .storage = storage}, &gram));
    return gram;
}

/* Infinite; or empirical with all outputs: three rows per sample. */
static ntk_kernel *open_kernel(ntk_context *ctx, bool empirical)
{
    ntk_network *net = kit_network(ctx, mlp);
    ntk_kernel *kernel = NULL;
    double theta[64];
    ntk_array at = ntk_vector_f64(theta, 57);
    kit_random(1, 57, theta);
    if (empirical) kit_ok(ctx, ntk_kernel_empirical(ctx, net, &at, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_FULL}, &kernel));
    else kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    return kernel;
}

/* Blocks at every offset of a sample's rows. */
static void compare_entries(ntk_context *ctx, const ntk_gram *kept, const ntk_gram *anew, ntk_kind kind, double *room, double bound)
{
    int64_t n = ntk_gram_size(kept), parts[][4] = {{0, n, 0, n}, {n - 1, 1, 0, n}, {1, n - 2, n / 2, 2}, {n / 2, 5, 1, n - 3}, {3, 0, 1, 1}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
        int64_t *p = parts[i], count = p[1] * p[3];
        ntk_array a = ntk_matrix_f64(room, p[1], p[3]), b = ntk_matrix_f64(room + count, p[1], p[3]);
        kit_ok(ctx, ntk_gram_get_block(ctx, kept, kind, p[0], p[2], &a));
        kit_ok(ctx, ntk_gram_get_block(ctx, anew, kind, p[0], p[2], &b));
        kit_close(count, room + count, room, bound);
    }
    for (int i = 0; i < 2; ++i) {
        ntk_array d = ntk_vector_f64(room + i * n, n);
        kit_ok(ctx, ntk_gram_get_diagonal(ctx, i ? anew : kept, kind, &d));
    }
    kit_close(n, room + n, room, bound);
}

/* |K v - K v| is at most 2 N eps |K| |v| (Higham 2002, eq. 3.12), |K_ij| below the largest diagonal `most`, |v_j| below 1. */
static void compare_products(ntk_context *ctx, const ntk_gram *kept, const ntk_gram *anew, ntk_kind kind, double *room, double most)
{
    enum { M = 2 };
    int64_t n = ntk_gram_size(kept);
    double *v = room, *a = v + n * M, *b = a + n * M;
    ntk_array av = ntk_matrix_f64(v, n, M), aa = ntk_matrix_f64(a, n, M), ab = ntk_matrix_f64(b, n, M);
    kit_random(3, n * M, v);
    kit_ok(ctx, ntk_gram_multiply(ctx, kept, kind, &av, &aa));
    kit_ok(ctx, ntk_gram_multiply(ctx, anew, kind, &av, &ab));
    kit_close(n * M, b, a, 2 * (double)n * (double)n * DBL_EPSILON * most);
}

static void test_is_the_gram(void **state)
{
    enum { INFINITE = 1100, EMPIRICAL = 600 }; /* more than a tile of either */
    double *x = calloc(INFINITE * 5, sizeof *x), *room = calloc((size_t)(2 * 3 * EMPIRICAL * 3 * EMPIRICAL), sizeof *room);
    assert_true(x && room);
    kit_random(2, INFINITE * 5, x);
    for (int empirical = 0; empirical < 2; ++empirical) {
        ntk_array ax = ntk_matrix_f64(x, empirical ? EMPIRICAL : INFINITE, 5);
        ntk_kernel *kernel = open_kernel(*state, empirical);
        ntk_gram *kept = open_gram(*state, kernel, &ax, NTK_STORAGE_AUTO), *anew = open_gram(*state, kernel, &ax, NTK_STORAGE_NONE);
        for (int kind = NTK_KIND_NTK; kind <= NTK_KIND_NNGP; ++kind) {
            double most = 0;
            assert_true(ntk_gram_has(anew, (ntk_kind)kind));
            compare_entries(*state, kept, anew, (ntk_kind)kind, room, 64 * DBL_EPSILON * 1000); /* K below 1000; other tiles, other sums of a few products */
            for (int64_t i = 0; i < ntk_gram_size(kept); ++i) most = fmax(most, room[i]);
            assert_true(most > 0 && most < 1000);
            compare_products(*state, kept, anew, (ntk_kind)kind, room, most);
        }
        ntk_gram_destroy(anew);
        ntk_gram_destroy(kept);
        ntk_kernel_destroy(kernel);
    }
    free(room);
    free(x);
}

/* A regression in the memory of some vectors: the mean by conjugate gradients is that by Cholesky, and the limit holds what a gram would break. */
static void test_regression(void **state)
{
    enum { N = 900, T = 20 };
    static double x[N * 5], y[N], mean[3][T];
    ntk_array ax = ntk_matrix_f64(x, N, 5), at = ntk_matrix_f64(x, T, 5), ay = ntk_vector_f64(y, N);
    ntk_context *small = NULL;
    ntk_kernel *kernel = open_kernel(*state, false);
    ntk_gram *gram = NULL;
    kit_random(4, N * 5, x);
    kit_random(5, N, y);
    kit_ok(*state, ntk_context_create(&(ntk_context_options){NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 3000000}, &small)); /* N²/2 numbers are 3.24 MB */
    kit_fails(small, ntk_gram_create(small, kernel, &ax, NULL, &gram), NTK_ERROR_MEMORY_LIMIT, "gram");
    for (int i = 0; i < 3; ++i) {
        ntk_context *ctx = i == 1 ? small : *state;
        ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1, .decomposition = i < 2 ? NTK_DECOMPOSITION_CG : NTK_DECOMPOSITION_CHOLESKY};
        ntk_array m = ntk_vector_f64(mean[i], T);
        ntk_predictor *p = NULL;
        gram = NULL;
        kit_ok(ctx, ntk_gram_create(ctx, kernel, &ax, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .storage = NTK_STORAGE_NONE}, &gram));
        kit_ok(ctx, ntk_predictor_create(ctx, gram, &ay, &o, &p)); /* Cholesky computes all entries for itself */
        kit_ok(ctx, ntk_predictor_mean(ctx, p, &at, &m));
        ntk_predictor_destroy(p);
        ntk_gram_destroy(gram);
    }
    kit_close(T, mean[0], mean[2], 1e-10 * 30 / 0.1 * 100 * 30); /* |A⁻¹| 1e-10 |y| |K*|: |y| < √N, |K*| < 100 √N */
    kit_close(T, mean[1], mean[2], 1e-10 * 30 / 0.1 * 100 * 30);
    ntk_kernel_destroy(kernel);
    ntk_context_destroy(small);
}

/* Spectra and copies make the matrix; what the options did not ask for is not there. */
static void test_other_answers(void **state)
{
    enum { N = 12 };
    double x[N * 5], values[2][N];
    ntk_array ax = ntk_matrix_f64(x, N, 5);
    ntk_kernel *kernel = open_kernel(*state, false);
    ntk_gram *only = NULL;
    kit_random(6, N * 5, x);
    for (int i = 0; i < 2; ++i) {
        ntk_gram *gram = open_gram(*state, kernel, &ax, i ? NTK_STORAGE_NONE : NTK_STORAGE_FULL);
        ntk_spectrum *s = NULL;
        ntk_array v = ntk_vector_f64(values[i], N);
        kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &s));
        kit_ok(*state, ntk_spectrum_get_values(*state, s, &v));
        ntk_spectrum_destroy(s);
        ntk_gram_destroy(gram);
    }
    kit_close(N, values[1], values[0], 64 * N * DBL_EPSILON * values[0][0]);
    kit_ok(*state, ntk_gram_create(*state, kernel, &ax, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .storage = NTK_STORAGE_NONE}, &only));
    assert_true(ntk_gram_has(only, NTK_KIND_NTK) && !ntk_gram_has(only, NTK_KIND_NNGP));
    ntk_gram_destroy(only);
    ntk_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_is_the_gram), kit_test(test_regression), kit_test(test_other_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
