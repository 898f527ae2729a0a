/* A gram packed in half the memory answers as the full one does: every entry to the bit, for every class of kernel, of odd and even size. */
#include "kernel.h"
#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char mlp[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                          "{\"op\": \"dense\", \"units\": 6, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"},"
                          "{\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}]}";

static void *reserve(int64_t count)
{
    void *p = calloc((size_t)count + 1, 8);
    assert_non_null(p);
    return p;
}

/* Every entry [N, N], by blocks whose borders are no one's borders. */
static void *entries(ntk_context *ctx, const ntk_gram *g, ntk_kind kind)
{
    int64_t n = ntk_gram_size(g), size = (int64_t)ntk_dtype_size(g->dtype);
    char *k = reserve(n * n);
    for (int64_t row = 0; row < n; row += 7)
        for (int64_t column = 0; column < n; column += 11) {
            ntk_array all = ntk_array_dense(k, g->dtype, 2, (int64_t[]){n, n}), out = all;
            out.data = k + (row * n + column) * size;
            out.shape[0] = NTK_MIN(7, n - row);
            out.shape[1] = NTK_MIN(11, n - column);
            kit_ok(ctx, ntk_gram_get_block(ctx, g, kind, row, column, &out));
        }
    return k;
}

static double number(ntk_dtype dtype, const void *a, int64_t i)
{
    return dtype == NTK_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
}

static void check_symmetric(const ntk_gram *g, const void *k)
{
    int64_t n = g->size;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j) assert_true(number(g->dtype, k, i * n + j) == number(g->dtype, k, j * n + i));
}

/* K v, the diagonal, a copy, the trace: of the packed gram against the entries. */
static void check_operator(ntk_context *ctx, const ntk_gram *g, ntk_kind kind, const void *k)
{
    int64_t n = g->size;
    double eps = g->dtype == NTK_F64 ? DBL_EPSILON : (double)FLT_EPSILON, trace = 0, got_trace;
    void *v = reserve(2 * n), *product = reserve(2 * n), *diagonal = reserve(n), *dense = reserve(n * n);
    ntk_array av = ntk_array_dense(v, g->dtype, 2, (int64_t[]){n, 2}), ap = ntk_array_dense(product, g->dtype, 2, (int64_t[]){n, 2}),
              ad = ntk_array_dense(diagonal, g->dtype, 1, &n);
    for (int64_t i = 0; i < 2 * n; ++i) {
        if (g->dtype == NTK_F64) ((double *)v)[i] = cos((double)i);
        else ((float *)v)[i] = (float)cos((double)i);
    }
    kit_ok(ctx, ntk_gram_multiply(ctx, g, kind, &av, &ap));
    kit_ok(ctx, ntk_gram_get_diagonal(ctx, g, kind, &ad));
    kit_ok(ctx, ntk_gram_copy(ctx, g, kind, dense));
    assert_memory_equal(dense, k, (size_t)(n * n) * ntk_dtype_size(g->dtype));
    for (int64_t i = 0; i < n; ++i) {
        trace += number(g->dtype, k, i * n + i);
        assert_true(number(g->dtype, diagonal, i) == number(g->dtype, k, i * n + i));
        for (int64_t c = 0; c < 2; ++c) {
            double sum = 0, scale = 0;
            for (int64_t j = 0; j < n; ++j) {
                double term = number(g->dtype, k, i * n + j) * number(g->dtype, v, 2 * j + c);
                sum += term;
                scale += fabs(term);
            }
            kit_near(number(g->dtype, product, 2 * i + c), sum, (double)(n + 2) * eps * scale);
        }
    }
    kit_ok(ctx, ntk_gram_trace(ctx, g, kind, &got_trace));
    kit_near(got_trace, trace, (double)n * DBL_EPSILON * trace);
    free(dense);
    free(diagonal);
    free(product);
    free(v);
}

static void check_gram(ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, bool nngp)
{
    void *x = reserve(n * 3);
    double *wide = reserve(n * 3);
    ntk_array points = ntk_array_dense(x, dtype, 2, (int64_t[]){n, 3});
    ntk_gram *g[3] = {NULL};
    kit_random(5, n * 3, wide);
    for (int64_t i = 0; i < n * 3; ++i) {
        if (dtype == NTK_F64) ((double *)x)[i] = wide[i];
        else ((float *)x)[i] = (float)wide[i];
    }
    for (int s = 0; s < 3; ++s)
        kit_ok(ctx, ntk_gram_create(ctx, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = nngp, .storage = (ntk_storage)s}, &g[s]));
    assert_ptr_equal(g[NTK_STORAGE_AUTO]->storage, &ntk_packed_storage);
    assert_ptr_equal(g[NTK_STORAGE_FULL]->storage, &ntk_full_storage);
    for (int kind = 0; kind < 1 + nngp; ++kind) {
        void *full = entries(ctx, g[NTK_STORAGE_FULL], (ntk_kind)kind), *packed = entries(ctx, g[NTK_STORAGE_PACKED], (ntk_kind)kind);
        check_symmetric(g[NTK_STORAGE_PACKED], packed);
        assert_memory_equal(packed, full, (size_t)(g[1]->size * g[1]->size) * ntk_dtype_size(dtype));
        check_operator(ctx, g[NTK_STORAGE_PACKED], (ntk_kind)kind, packed);
        free(full);
        free(packed);
    }
    for (int s = 0; s < 3; ++s) ntk_gram_destroy(g[s]);
    free(wide);
    free(x);
}

/* 1100 and 1101: several tiles on each side of the middle. */
static void test_infinite(void **state)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 30, 31, 1100, 1101};
    ntk_network *net = kit_network(*state, mlp);
    ntk_kernel *k = NULL;
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &k));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        check_gram(*state, k, NTK_F64, sizes[i], true);
        check_gram(*state, k, NTK_F32, sizes[i], true);
    }
    ntk_kernel_destroy(k);
    ntk_network_destroy(net);
}

/* Three rows per sample: of an odd number of samples one lies on both sides of the middle. */
static void test_empirical(void **state)
{
    ntk_network *net = kit_network(*state, mlp);
    int64_t p = ntk_network_parameters(net);
    double *theta = reserve(p);
    ntk_array at = ntk_array_dense(theta, NTK_F64, 1, &p);
    kit_ok(*state, ntk_network_initialize(*state, net, 3, &at));
    for (int outputs = 0; outputs < 2; ++outputs) {
        ntk_kernel *k = NULL;
        kit_ok(*state, ntk_kernel_empirical(*state, net, &at, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = (ntk_outputs)outputs}, &k));
        k->tile = k->wide = 16; /* several tiles */
        for (int64_t n = 0; n < 7; ++n) check_gram(*state, k, NTK_F64, n, false);
        check_gram(*state, k, NTK_F64, 100, false);
        check_gram(*state, k, NTK_F64, 101, false);
        ntk_kernel_destroy(k);
    }
    free(theta);
    ntk_network_destroy(net);
}

static void test_choice(void **state)
{
    ntk_network *net = kit_network(*state, mlp);
    ntk_kernel *k = NULL;
    ntk_gram *g = NULL;
    double x[3] = {1, 2, 3};
    ntk_array points = ntk_matrix_f64(x, 1, 3);
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &k));
    kit_fails(*state, ntk_gram_create(*state, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .storage = (ntk_storage)9}, &g), NTK_ERROR_ARGUMENT, "9");
    kit_fails(*state, ntk_gram_create(*state, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .reserved = 1}, &g), NTK_ERROR_OPTIONS, "reserved");
    ntk_kernel_destroy(k);
    ntk_network_destroy(net);
}

/* Half the memory is what the limit counts. */
static void test_memory_limit(void **state)
{
    enum { N = 1200, LIMIT = 10 << 20 }; /* half: 5.5 MiB, and 2 MiB for a block on its way; all: 11 MiB */
    ntk_context *tight = NULL;
    ntk_network *net = kit_network(*state, mlp);
    ntk_kernel *k = NULL;
    ntk_gram *g = NULL;
    double x[N * 3];
    ntk_array points = ntk_matrix_f64(x, N, 3);
    kit_random(5, N * 3, x);
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &k));
    assert_int_equal(ntk_context_create(&(ntk_context_options){NTK_CONTEXT_OPTIONS_INIT, .memory_limit = LIMIT}, &tight), NTK_OK);
    kit_ok(tight, ntk_gram_create(tight, k, &points, NULL, &g));
    ntk_gram_destroy(g);
    kit_fails(tight, ntk_gram_create(tight, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .storage = NTK_STORAGE_FULL}, &g),
              NTK_ERROR_MEMORY_LIMIT, "the gram needs");
    ntk_context_destroy(tight);
    ntk_kernel_destroy(k);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_infinite), kit_test(test_empirical), kit_test(test_choice), kit_test(test_memory_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
