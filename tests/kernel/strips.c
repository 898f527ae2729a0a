/* Kernels and grams by strips of J against loops over the rows of J: every rule of outputs, each layer, one set and two, with and without D; in f64
 * and, at the same numbers, in f32. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char dense[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4], \"layers\": ["
                            "{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.5, \"b_std\": 0.1, \"lr\": 0.25}, {\"op\": \"erf\"},"
                            "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.2, \"b_std\": 0.2, \"train\": false}, {\"op\": \"relu\"},"
                            "{\"op\": \"dense\", \"units\": 3, \"w_std\": 1.0, \"b_std\": 0.05}]}";

static const char image[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3, 2], \"layers\": ["
                            "{\"op\": \"conv\", \"units\": 3, \"kernel\": [3, 3], \"padding\": \"same\", \"b_std\": 0.3}, {\"op\": \"erf\"},"
                            "{\"op\": \"conv_local\", \"units\": 2, \"kernel\": [2, 2], \"padding\": \"valid\", \"b_std\": 0.1}, {\"op\": \"relu\"},"
                            "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}]}";

/* The second convolution's outputs share their cotangents. */
static const char shared[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3, 2], \"layers\": ["
                             "{\"op\": \"conv\", \"units\": 3, \"kernel\": [3, 3], \"padding\": \"same\", \"b_std\": 0.3}, {\"op\": \"erf\"},"
                             "{\"op\": \"conv\", \"units\": 2, \"kernel\": [2, 2], \"b_std\": 0.1, \"lr\": 0.7}, {\"op\": \"relu\"},"
                             "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}]}";

enum { M = 6, N = 4, O = 3 };

typedef struct model {
    ntk_network *network;
    ntk_optimizer *optimizer;
    int64_t p, d;
    double *theta, *x, *j; /* x [M], and J D^-1/2 on it [M o, p] */
    float *narrow_theta, *narrow_x; /* the same numbers */
} model;

/* The two functions in f32 (lib/core/real.h). */
ntk_status ntk_strips_block_f32(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b, int64_t column,
                                int64_t n, const ntk_tile *tile);
ntk_status ntk_strips_diagonal_f32(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile);

/* Sums of at most 150 products of chains of a few steps: 1e-13, and 200 u of the largest. */
static const double bounds[] = {[NTK_F64] = 1e-13, [NTK_F32] = 200 * 0x1p-24};

/* Rounds to floats and copies them. */
static float *narrow(int64_t count, double *values)
{
    float *f = calloc((size_t)count + 1, sizeof *f);
    assert_non_null(f);
    for (int64_t i = 0; i < count; ++i) values[i] = f[i] = (float)values[i];
    return f;
}

/* Results that lie as floats become doubles in place. */
static void widen(ntk_dtype dtype, int64_t count, double *values)
{
    const float *f = (const float *)(const void *)values;
    double *wide = calloc((size_t)count + 1, sizeof *wide);
    if (dtype == NTK_F32) {
        for (int64_t i = 0; i < count; ++i) wide[i] = (double)f[i];
        memcpy(values, wide, (size_t)count * sizeof *wide);
    }
    free(wide);
}

static void open_model(ntk_context *ctx, const char *json, bool with_d, model *w)
{
    int64_t shape[NTK_MAX_NDIM + 1] = {M};
    int ndim;
    double *d;
    ntk_array theta, x, out, diagonal;
    ntk_jacobian *j;
    *w = (model){.network = kit_network(ctx, json)};
    w->p = ntk_network_parameters(w->network);
    w->d = ntk_network_input_size(w->network);
    ndim = ntk_network_input(w->network, shape + 1);
    w->theta = kit_drawn(1, w->p);
    w->x = kit_drawn(2, M * w->d);
    w->narrow_theta = narrow(w->p, w->theta);
    w->narrow_x = narrow(M * w->d, w->x);
    w->j = kit_drawn(3, M * O * w->p);
    d = kit_drawn(4, w->p);
    for (int64_t i = 0; i < w->p; ++i) d[i] = 0.5 + d[i] * d[i];
    theta = ntk_vector_f64(w->theta, w->p);
    x = ntk_array_dense(w->x, NTK_F64, ndim + 1, shape);
    out = ntk_matrix_f64(w->j, M * O, w->p);
    diagonal = ntk_vector_f64(d, w->p);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w->network, &theta, &x, &j));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &out));
    ntk_jacobian_destroy(j);
    if (with_d) kit_ok(ctx, ntk_optimizer_diagonal(ctx, &diagonal, &w->optimizer));
    for (int64_t i = 0; with_d && i < M * O * w->p; ++i) w->j[i] /= sqrt(d[i % w->p]);
    free(d);
}

static void close_model(model *w)
{
    ntk_optimizer_destroy(w->optimizer);
    ntk_network_destroy(w->network);
    free(w->j);
    free(w->x);
    free(w->theta);
    free(w->narrow_x);
    free(w->narrow_theta);
}

/* The block of samples [row, row + m) and [column, column + n) by loops, of one layer (-1: all), into the shape of `outputs`. */
static void naive(const model *w, ntk_outputs outputs, int64_t layer, int64_t row, int64_t m, int64_t column, int64_t n, double *k)
{
    int64_t from = 0, to = w->p, width = outputs == NTK_OUTPUTS_TRACE ? n : n * O;
    for (int64_t i = 0; i < w->network->n_steps; ++i)
        if (layer >= 0 && w->network->steps[i].parametric == layer) {
            from = w->network->steps[i].offset;
            to = from + w->network->steps[i].n_parameters;
        }
    memset(k, 0, (size_t)(m * n * O * O) * sizeof *k);
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
            for (int64_t q = 0; q < O; ++q)
                for (int64_t r = 0; r < O; ++r) {
                    double sum = 0;
                    for (int64_t c = from; c < to; ++c) sum += w->j[((row + i) * O + q) * w->p + c] * w->j[((column + j) * O + r) * w->p + c];
                    if (outputs == NTK_OUTPUTS_FULL) k[(i * O + q) * width + j * O + r] = sum;
                    else if (q == r && outputs == NTK_OUTPUTS_TRACE) k[i * width + j] += sum / O;
                    else if (q == r) k[i * width + j * O + q] = sum;
                }
}

static ntk_kernel *kernel_of(ntk_context *ctx, const model *w, ntk_dtype dtype, ntk_outputs outputs)
{
    ntk_kernel *k;
    ntk_array theta = ntk_array_dense(dtype == NTK_F64 ? (void *)w->theta : (void *)w->narrow_theta, dtype, 1, &w->p);
    kit_ok(ctx, ntk_kernel_empirical(ctx, w->network, &theta, w->optimizer, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = outputs, .algorithm = NTK_ALGORITHM_CONTRACTION}, &k));
    return k;
}

static ntk_points points_of(const model *w, ntk_dtype dtype)
{
    return (ntk_points){.dtype = dtype, .n = M, .d = w->d, .x = dtype == NTK_F64 ? (void *)w->x : (void *)w->narrow_x};
}

/* A block and its layers. */
static void check_block(ntk_context *ctx, const model *w, ntk_dtype dtype, ntk_outputs outputs, int64_t row, int64_t m, int64_t column, int64_t n)
{
    enum { MOST = M * M * O * O, LAYERS = 3 };
    static double sum[MOST], layers[LAYERS * MOST], want[MOST];
    ntk_kernel *k = kernel_of(ctx, w, dtype, outputs);
    ntk_points points = points_of(w, dtype);
    int64_t width = outputs == NTK_OUTPUTS_TRACE ? n : n * O, count = outputs == NTK_OUTPUTS_FULL ? m * n * O * O : m * width;
    for (int with_layers = 0; with_layers < 2; ++with_layers) {
        ntk_tile tile = {.ntk = sum, .layers = with_layers ? layers : NULL, .ld = width, .layer_stride = MOST};
        kit_random(5, MOST, sum);
        kit_random(6, LAYERS * MOST, layers);
        kit_ok(ctx, (dtype == NTK_F64 ? ntk_strips_block : ntk_strips_block_f32)(ctx, k, &points, row, m, &points, column, n, &tile));
        widen(dtype, count, sum);
        if (with_layers) widen(dtype, LAYERS * MOST, layers);
        naive(w, outputs, -1, row, m, column, n, want);
        kit_close(count, sum, want, bounds[dtype]);
        for (int l = 0; with_layers && l < LAYERS; ++l) {
            naive(w, outputs, l, row, m, column, n, want);
            kit_close(count, layers + l * MOST, want, bounds[dtype]);
        }
    }
    ntk_kernel_destroy(k);
}

static void check_diagonal(ntk_context *ctx, const model *w, ntk_dtype dtype, ntk_outputs outputs)
{
    enum { LAYERS = 3 };
    double sum[M * O], layers[LAYERS * M * O], k[M * M * O * O];
    ntk_kernel *kernel = kernel_of(ctx, w, dtype, outputs);
    ntk_points points = points_of(w, dtype);
    int64_t each = outputs == NTK_OUTPUTS_TRACE ? 1 : O;
    ntk_tile tile = {.ntk = sum, .layers = layers, .ld = each, .layer_stride = M * O};
    kit_ok(ctx, (dtype == NTK_F64 ? ntk_strips_diagonal : ntk_strips_diagonal_f32)(ctx, kernel, &points, 1, M - 1, &tile));
    widen(dtype, (M - 1) * each, sum);
    widen(dtype, LAYERS * M * O, layers);
    for (int l = -1; l < LAYERS; ++l) {
        double want[M * O];
        naive(w, outputs, l, 0, M, 0, M, k);
        for (int64_t i = 0; i < M - 1; ++i)
            for (int64_t q = 0; q < each; ++q)
                want[i * each + q] = outputs == NTK_OUTPUTS_FULL ? k[((i + 1) * O + q) * M * O + (i + 1) * O + q] : k[((i + 1) * M + i + 1) * each + q];
        kit_close((M - 1) * each, l < 0 ? sum : layers + l * M * O, want, bounds[dtype]);
    }
    ntk_kernel_destroy(kernel);
}

static const ntk_outputs all[] = {NTK_OUTPUTS_FULL, NTK_OUTPUTS_TRACE, NTK_OUTPUTS_DIAGONAL};

static void check_model(ntk_context *ctx, const char *json, bool with_d, uint64_t limit)
{
    model w;
    open_model(ctx, json, with_d, &w);
    ctx->options.memory_limit = limit;
    for (int i = 0; i < 6; ++i) {
        ntk_dtype dtype = i / 3 ? NTK_F32 : NTK_F64;
        check_block(ctx, &w, dtype, all[i % 3], 0, M, 0, M);
        check_block(ctx, &w, dtype, all[i % 3], 2, 3, 2, 3);
        check_block(ctx, &w, dtype, all[i % 3], 2, M - 2, 0, 2);
        check_block(ctx, &w, dtype, all[i % 3], 0, 2, 0, M);
        check_diagonal(ctx, &w, dtype, all[i % 3]);
    }
    ctx->options.memory_limit = 0;
    close_model(&w);
}

static void blocks_are_loops(void **state)
{
    for (int with_d = 0; with_d < 2; ++with_d) {
        check_model(*state, dense, with_d, 0);
        check_model(*state, image, with_d, 0);
        check_model(*state, shared, with_d, 0);
    }
}

/* A memory limit of some kilobytes makes strips of a few columns, and diagonals of a sample at a time. */
static void narrow_strips(void **state)
{
    for (uint64_t limit = 400; limit <= 40000; limit *= 10) check_model(*state, dense, limit == 400, limit);
}

/* ntk_gram_from_jacobian() of networks goes by strips where rows of J are no outer products. */
static void grams(void **state)
{
    ntk_context *ctx = *state;
    static const char *const jsons[] = {dense, image, image};
    for (int i = 0; i < 3; ++i) {
        double got[M * O * M * O], want[M * O * M * O];
        ntk_array out = ntk_matrix_f64(got, M * O, M * O);
        int64_t shape[NTK_MAX_NDIM + 1] = {M};
        ntk_jacobian *j;
        ntk_gram *gram;
        model w;
        open_model(ctx, jsons[i], i < 2, &w);
        ntk_array theta = ntk_vector_f64(w.theta, w.p), x = ntk_array_dense(w.x, NTK_F64, 1 + ntk_network_input(w.network, shape + 1), shape);
        kit_ok(ctx, ntk_jacobian_from_network(ctx, w.network, &theta, &x, &j));
        kit_ok(ctx, ntk_gram_from_jacobian(ctx, j, w.optimizer, &gram));
        kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &out));
        naive(&w, NTK_OUTPUTS_FULL, -1, 0, M, 0, M, want);
        kit_close(M * O * M * O, got, want, 1e-13);
        for (int a = 0; a < M * O; ++a)
            for (int b = 0; b < a; ++b) assert_true(got[a * M * O + b] == got[b * M * O + a]);
        ntk_gram_destroy(gram);
        ntk_jacobian_destroy(j);
        close_model(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(blocks_are_loops), kit_test(narrow_strips), kit_test(grams)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
