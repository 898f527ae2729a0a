/*
 * Position Grams, weight gradients and the choice between them: structured, contraction, mixed and auto give one kernel to 1e-12, on convolutions of
 * every sort in 1, 2 and 3 dimensions, for each rule of outputs, in sum, per layer and for samples with themselves, of one data set and two,
 * with and without an outer product D; beyond the sizes at which blocks are cut.  The oracle is a loop over rows of J.
 */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NET(input, ...) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": " input ", \"layers\": [" __VA_ARGS__ "]}"
#define CONV(op, keys) "{\"op\": \"" op "\", \"units\": 3, " keys "}, {\"op\": \"erf\"}, "
#define END "{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}"
#define POOLED "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}"

typedef struct sample_network {
    const char *name, *json;
    bool large; /* structured alone, without D and layers' terms */
} sample_network;

static const sample_network networks[] = {
    {"one axis, bias, rate", NET("[7, 2]", CONV("conv", "\"kernel\": [3], \"padding\": \"same\", \"b_std\": 0.3, \"lr\": 0.25") CONV("conv", "\"kernel\": [2], \"padding\": \"valid\", \"b_std\": 0.1") END), false},
    {"strides, dilation, standard", NET("[9, 2]", CONV("conv", "\"kernel\": [3], \"strides\": [2], \"padding\": \"same\", \"b_std\": 0.3, \"parameterization\": \"standard\"")
                                            CONV("conv", "\"kernel\": [2], \"dilation\": [2], \"padding\": \"valid\"") POOLED), false},
    {"circular, frozen, dense with positions", NET("[5, 4, 2]", CONV("conv", "\"kernel\": [3, 3], \"padding\": \"circular\", \"b_std\": 0.3, \"train\": false")
                                                       CONV("conv", "\"kernel\": [1, 3], \"padding\": \"circular\"") CONV("dense", "\"b_std\": 0.2") POOLED), false},
    {"local, transposed", NET("[4, 3, 2]", CONV("conv_local", "\"kernel\": [2, 2], \"padding\": \"same\", \"b_std\": 0.3")
                                  CONV("conv_transpose", "\"kernel\": [2, 2], \"strides\": [2, 1], \"padding\": \"same\", \"b_std\": 0.4") POOLED), false},
    {"three axes, residual", NET("[3, 2, 4, 2]", CONV("conv", "\"kernel\": [2, 2, 3], \"padding\": \"same\", \"b_std\": 0.3")
                                     "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"conv\", \"units\": 3, \"kernel\": [1, 2, 2], \"padding\": \"circular\"}, {\"op\": \"sin\"}]]}, " END), false},
    {"some outputs at a time", NET("[10, 11, 1]", CONV("conv", "\"kernel\": [3, 3], \"padding\": \"same\", \"b_std\": 0.3") POOLED), true},
    {"some positions at a time", NET("[17, 16, 1]", CONV("conv", "\"kernel\": [3, 3], \"padding\": \"same\", \"b_std\": 0.3") POOLED), true},
    {"columns in positions too", NET("[4500, 1]", "{\"op\": \"conv\", \"units\": 1, \"kernel\": [3], \"padding\": \"same\", \"b_std\": 0.3}, {\"op\": \"erf\"}, " POOLED), true},
};

enum { N1 = 4, N2 = 3, O = 3 };

typedef struct problem {
    ntk_network *network;
    ntk_optimizer *optimizer;
    int64_t p, layers;
    ntk_array theta, x[2];
    double *numbers[3]; /* of theta, x */
    double *rows[2];    /* J D^-1/2 of each x */
} problem;

/* D = g hᵀ over units and columns of each copy of a layer's weights. */
static double *product_d(const problem *w)
{
    double *d = kit_drawn(9, w->p);
    for (int64_t i = 0; i < w->network->n_steps; ++i) {
        const ntk_step *s = &w->network->steps[i];
        int64_t weights = s->copies * s->units * s->fan_in;
        for (int64_t k = 0; s->parametric >= 0 && k < s->n_parameters; ++k) {
            int64_t unit = k < weights ? k / s->fan_in : k - weights, column = k < weights ? k % s->fan_in : s->fan_in;
            d[s->offset + k] = (1 + (double)(unit % 5)) * (0.5 + 0.25 * (double)((unit / s->units + column) % 4));
        }
    }
    return d;
}

static void open_problem(ntk_context *ctx, const sample_network *n, bool with_d, problem *w)
{
    int64_t shape[NTK_MAX_NDIM + 1], size;
    int ndim;
    double *d;
    ntk_array diagonal;
    *w = (problem){.network = kit_network(ctx, n->json)};
    w->p = ntk_network_parameters(w->network);
    w->layers = ntk_network_layers(w->network);
    size = ntk_network_input_size(w->network);
    ndim = ntk_network_input(w->network, shape + 1);
    w->numbers[0] = kit_drawn(1, w->p);
    w->theta = ntk_vector_f64(w->numbers[0], w->p);
    d = product_d(w);
    diagonal = ntk_vector_f64(d, w->p);
    if (with_d) kit_ok(ctx, ntk_optimizer_diagonal(ctx, &diagonal, &w->optimizer));
    for (int side = 0; side < 2; ++side) {
        int64_t rows = (side ? N2 : N1) * O;
        ntk_array out;
        ntk_jacobian *j;
        shape[0] = side ? N2 : N1;
        w->numbers[1 + side] = kit_drawn(2 + (uint64_t)side, shape[0] * size);
        w->x[side] = ntk_array_dense(w->numbers[1 + side], NTK_F64, ndim + 1, shape);
        w->rows[side] = kit_drawn(3, rows * w->p);
        out = ntk_matrix_f64(w->rows[side], rows, w->p);
        kit_ok(ctx, ntk_jacobian_from_network(ctx, w->network, &w->theta, &w->x[side], &j));
        kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &out));
        ntk_jacobian_destroy(j);
        for (int64_t i = 0; with_d && i < rows * w->p; ++i) w->rows[side][i] /= sqrt(d[i % w->p]);
    }
    free(d);
}

static void close_problem(problem *w)
{
    for (int i = 0; i < 2; ++i) free(w->rows[i]);
    for (int i = 0; i < 3; ++i) free(w->numbers[i]);
    ntk_optimizer_destroy(w->optimizer);
    ntk_network_destroy(w->network);
}

/* sum over the layer's columns (-1: all) of row (i, q) of the first times row (j, r) of the other. */
static double entry(const problem *w, int64_t layer, int other, int64_t i, int64_t q, int64_t j, int64_t r)
{
    double sum = 0;
    for (int64_t k = 0; k < w->network->n_steps; ++k) {
        const ntk_step *s = &w->network->steps[k];
        if (s->parametric < 0 || (layer >= 0 && s->parametric != layer)) continue;
        for (int64_t c = s->offset; c < s->offset + s->n_parameters; ++c) sum += w->rows[0][(i * O + q) * w->p + c] * w->rows[other][(j * O + r) * w->p + c];
    }
    return sum;
}

/* By the rule of outputs, [N1, n] pairs; returns how many numbers. */
static int64_t naive(const problem *w, ntk_outputs outputs, int64_t layer, int other, double *k)
{
    int64_t n = other ? N2 : N1, count = outputs == NTK_OUTPUTS_FULL ? N1 * n * O * O : outputs == NTK_OUTPUTS_TRACE ? N1 * n : N1 * n * O;
    memset(k, 0, (size_t)count * sizeof *k);
    for (int64_t i = 0; i < N1; ++i)
        for (int64_t j = 0; j < n; ++j)
            for (int64_t q = 0; q < O; ++q)
                for (int64_t r = 0; r < O; ++r) {
                    if (outputs == NTK_OUTPUTS_FULL) k[(i * O + q) * n * O + j * O + r] = entry(w, layer, other, i, q, j, r);
                    else if (q == r && outputs == NTK_OUTPUTS_TRACE) k[i * n + j] += entry(w, layer, other, i, q, j, r) / O;
                    else if (q == r) k[(i * n + j) * O + q] = entry(w, layer, other, i, q, j, r);
                }
    return count;
}

static ntk_array shaped(double *k, ntk_outputs outputs, int64_t layers, int64_t n)
{
    int64_t each = outputs == NTK_OUTPUTS_FULL ? O : 1, shape[] = {layers, N1 * each, n * each, O};
    int ndim = outputs == NTK_OUTPUTS_DIAGONAL ? 3 : 2;
    return layers > 0 ? ntk_array_dense(k, NTK_F64, ndim + 1, shape) : ntk_array_dense(k, NTK_F64, ndim, shape + 1);
}

enum { MOST = N1 * N1 * O * O, LAYERS = 4 };

static void check_self(ntk_context *ctx, const problem *w, const ntk_kernel *kernel, ntk_outputs outputs)
{
    double got[N1 * O];
    int64_t each = outputs == NTK_OUTPUTS_TRACE ? 1 : O, shape[] = {N1, O};
    ntk_array out = outputs == NTK_OUTPUTS_DIAGONAL ? ntk_array_dense(got, NTK_F64, 2, shape) : ntk_vector_f64(got, N1 * each);
    kit_ok(ctx, ntk_kernel_diagonal(ctx, kernel, &w->x[0], &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    for (int64_t i = 0; i < N1 * each; ++i) {
        double want = 0;
        for (int64_t q = 0; q < O; ++q)
            if (each == 1) want += entry(w, -1, 0, i, q, i, q) / O;
        if (each > 1) want = entry(w, -1, 0, i / O, i % O, i / O, i % O);
        kit_near(got[i], want, 1e-12 * fabs(want));
    }
}

static void check_kernel(ntk_context *ctx, const problem *w, ntk_algorithm algorithm, ntk_outputs outputs, bool layers)
{
    static double got[MOST], terms[LAYERS * MOST], want[MOST];
    ntk_kernel *kernel;
    kit_ok(ctx, ntk_kernel_empirical(ctx, w->network, &w->theta, w->optimizer,
                                     &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = outputs, .algorithm = algorithm}, &kernel));
    for (int other = 0; other < 2; ++other) {
        int64_t n = other ? N2 : N1, count = naive(w, outputs, -1, other, want);
        ntk_array sum = shaped(got, outputs, 0, n), each = shaped(terms, outputs, w->layers, n);
        kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &w->x[0], other ? &w->x[1] : NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &sum, .layers = layers ? &each : NULL}));
        kit_close(count, got, want, 1e-12);
        for (int64_t l = 0; layers && l < w->layers; ++l) {
            naive(w, outputs, l, other, want);
            kit_close(count, terms + l * count, want, 1e-12);
        }
    }
    check_self(ctx, w, kernel, outputs);
    ntk_kernel_destroy(kernel);
}

static void check_gram(ntk_context *ctx, const problem *w, ntk_algorithm algorithm)
{
    static double got[MOST], want[MOST];
    ntk_array out = ntk_matrix_f64(got, N1 * O, N1 * O);
    ntk_jacobian *j;
    ntk_gram *gram;
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w->network, &w->theta, &w->x[0], &j));
    kit_ok(ctx, ntk_gram_from_jacobian_by(ctx, j, w->optimizer, algorithm, &gram));
    kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &out));
    kit_close(naive(w, NTK_OUTPUTS_FULL, -1, 0, want), got, want, 1e-12);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(j);
}

static void algorithms_agree(void **state)
{
    static const ntk_algorithm algorithms[] = {NTK_ALGORITHM_AUTO, NTK_ALGORITHM_STRUCTURED, NTK_ALGORITHM_CONTRACTION, NTK_ALGORITHM_MIXED};
    ntk_context *ctx = *state;
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(networks) && !networks[k].large; ++k)
        for (int with_d = 0; with_d < 2; ++with_d) {
            problem w;
            open_problem(ctx, &networks[k], with_d, &w);
            assert_true(w.layers <= LAYERS && ntk_factors_fit(w.network, w.optimizer));
            for (size_t a = 0; a < NTK_ARRAY_LENGTH(algorithms); ++a) {
                for (int outputs = 0; outputs < 3; ++outputs) check_kernel(ctx, &w, algorithms[a], (ntk_outputs)outputs, outputs != 1 || with_d);
                check_gram(ctx, &w, algorithms[a]);
            }
            close_problem(&w);
        }
}

/* Blocks that hold some outputs of a sample, or some of its positions; the last has 4,500, so that columns are cut too: its trace says enough. */
static void large_ones(void **state)
{
    ntk_context *ctx = *state;
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(networks); ++k) {
        problem w;
        if (!networks[k].large) continue;
        open_problem(ctx, &networks[k], false, &w);
        for (int outputs = 0; outputs < 3; ++outputs)
            if (outputs == NTK_OUTPUTS_TRACE || k + 1 < NTK_ARRAY_LENGTH(networks)) check_kernel(ctx, &w, NTK_ALGORITHM_STRUCTURED, (ntk_outputs)outputs, false);
        close_problem(&w);
    }
}

/* The cheaper of each layer: few positions and many channels go by position Grams, many positions and few channels by weight gradients. */
static void choice_by_cost(void **state)
{
    static const char image[] = NET("[12, 12, 2]", CONV("conv", "\"kernel\": [3, 3], \"padding\": \"same\"") POOLED);
    static const char deep[] = NET("[2, 2, 40]", "{\"op\": \"conv\", \"units\": 40, \"kernel\": [3, 3], \"padding\": \"same\"}, {\"op\": \"relu\"}, " POOLED);
    static const char both[] = NET("[12, 12, 2]", CONV("conv", "\"kernel\": [3, 3], \"padding\": \"same\"") "{\"op\": \"avg_pool\", \"window\": [6, 6], \"strides\": [6, 6]},"
                                   "{\"op\": \"conv\", \"units\": 40, \"kernel\": [3, 3], \"padding\": \"same\"}, {\"op\": \"relu\"}, " POOLED);
    static const char local[] = NET("[12, 12, 2]", CONV("conv_local", "\"kernel\": [3, 3]") END);
    static const struct { const char *json; ntk_algorithm whole, first, second; } cases[] = {
        {image, NTK_ALGORITHM_CONTRACTION, NTK_ALGORITHM_CONTRACTION, NTK_ALGORITHM_CONTRACTION}, /* the dense layer at the end would not pay */
        {deep, NTK_ALGORITHM_STRUCTURED, NTK_ALGORITHM_STRUCTURED, NTK_ALGORITHM_STRUCTURED},
        {both, NTK_ALGORITHM_MIXED, NTK_ALGORITHM_CONTRACTION, NTK_ALGORITHM_STRUCTURED},
        {local, NTK_ALGORITHM_STRUCTURED, NTK_ALGORITHM_STRUCTURED, NTK_ALGORITHM_STRUCTURED},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *network = kit_network(ctx, cases[i].json);
        double *numbers = kit_drawn(1, ntk_network_parameters(network));
        ntk_array theta = ntk_vector_f64(numbers, ntk_network_parameters(network));
        ntk_kernel *kernel;
        kit_ok(ctx, ntk_kernel_empirical(ctx, network, &theta, NULL, NULL, &kernel));
        assert_int_equal(ntk_kernel_algorithm(kernel), cases[i].whole);
        assert_int_equal(ntk_kernel_layer_algorithm(kernel, 0), cases[i].first);
        assert_int_equal(ntk_kernel_layer_algorithm(kernel, 1), cases[i].second);
        ntk_kernel_destroy(kernel);
        free(numbers);
        ntk_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(algorithms_agree), kit_test(large_ones), kit_test(choice_by_cost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
