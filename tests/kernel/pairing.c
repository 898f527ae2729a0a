/*
 * Layers whose outputs share their cotangents: networks that end in every way the sharing knows of, against the contraction of J, which does not.
 * Sums and each layer's term, with a D that factorises, one data set and two, sizes that fill several tiles and panels.  Both are sums of products,
 * as long as a row of J has numbers: 1e-12 of the largest entry leaves gamma_p p's worth a factor of ten.
 */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NET(input, layers) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": " input ", \"layers\": [" layers "]}"
#define DENSE(units) "{\"op\": \"dense\", \"units\": " units ", \"w_std\": 1.3, \"b_std\": 0.4}"
#define PLAIN(units) "{\"op\": \"dense\", \"units\": " units "}"

typedef struct ending {
    const char *name, *json;
    int64_t n1, n2;
} ending;

static const ending endings[] = {
    {"usual", NET("[5]", DENSE("9") ", {\"op\": \"relu\"}, " PLAIN("7") ", {\"op\": \"erf\"}, " DENSE("3")), 700, 40},
    {"ten outputs, several panels", NET("[4]", PLAIN("6") ", {\"op\": \"relu\"}, " PLAIN("8") ", {\"op\": \"relu\"}, " PLAIN("10")), 160, 41},
    {"two activations in a row", NET("[4]", DENSE("6") ", {\"op\": \"erf\"}, {\"op\": \"relu\"}, " DENSE("2")), 60, 33},
    {"linear", NET("[4]", DENSE("6") ", " DENSE("5") ", " DENSE("3")), 50, 20},
    {"an activation at the end", NET("[4]", DENSE("6") ", {\"op\": \"relu\"}, " DENSE("3") ", {\"op\": \"erf\"}"), 50, 20},
    {"one output", NET("[4]", DENSE("6") ", {\"op\": \"erf\"}, " DENSE("1")), 1100, 30},
    {"more outputs than a panel has pairs", NET("[4]", DENSE("6") ", {\"op\": \"erf\"}, " DENSE("46")), 12, 9},
    {"a residual branch: two readers", NET("[4]", DENSE("6") ", {\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"erf\"}, " DENSE("6") "]]}, " DENSE("3")), 40, 30},
    {"positions and their mean", NET("[6, 2]", "{\"op\": \"conv\", \"units\": 4, \"kernel\": [3], \"padding\": \"same\", \"b_std\": 0.2}, {\"op\": \"erf\"}, {\"op\": \"global_avg_pool\"}, "
                                               "{\"op\": \"erf\"}, " DENSE("3")), 20, 9},
    {"many positions: rows of J", NET("[9, 8, 3]", "{\"op\": \"conv\", \"units\": 5, \"kernel\": [3, 3], \"padding\": \"same\"}, {\"op\": \"relu\"}, "
                                               "{\"op\": \"conv\", \"units\": 4, \"kernel\": [3, 3], \"b_std\": 0.3, \"lr\": 0.7}, {\"op\": \"erf\"}, {\"op\": \"global_avg_pool\"}, " DENSE("3")), 70, 30},
    {"positions and their sum", NET("[6, 2]", "{\"op\": \"conv\", \"units\": 4, \"kernel\": [3]}, {\"op\": \"global_sum_pool\"}, " DENSE("3")), 20, 9},
};
enum { ENDINGS = sizeof endings / sizeof *endings };

typedef struct world {
    ntk_context *ctx;
    ntk_network *network;
    ntk_optimizer *d;
    int64_t o, layers;
    ntk_array theta;
} world;

static double *numbers(int64_t count)
{
    double *p = calloc((size_t)count, sizeof *p);
    assert_non_null(p);
    return p;
}

static ntk_array points(const world *w, double *x, int64_t n)
{
    int64_t shape[NTK_MAX_NDIM] = {n};
    memcpy(shape + 1, w->network->shape, (NTK_MAX_NDIM - 1) * sizeof *shape);
    return ntk_array_dense(x, NTK_F64, w->network->ndim + 1, shape);
}

/* A D that is an outer product over each layer's weights and biases. */
static void open_d(world *w)
{
    int64_t p = ntk_network_parameters(w->network);
    double *d = numbers(p);
    ntk_array array = ntk_vector_f64(d, p);
    for (int64_t i = 0; i < w->network->n_steps; ++i) {
        const ntk_step *s = &w->network->steps[i];
        for (int64_t u = 0; s->parametric >= 0 && u < s->units; ++u)
            for (int64_t c = 0; c < s->fan_in + s->bias; ++c)
                d[s->offset + (c < s->fan_in ? u * s->fan_in + c : s->units * s->fan_in + u)] = (1 + 0.25 * (double)u) * (0.5 + 0.125 * (double)c);
    }
    kit_ok(w->ctx, ntk_optimizer_diagonal(w->ctx, &array, &w->d));
    free(d);
}

static void eval(const world *w, const ntk_optimizer *d, ntk_outputs outputs, ntk_algorithm algorithm, const ntk_array *x1, const ntk_array *x2, ntk_array *sum, ntk_array *layers)
{
    ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = outputs, .algorithm = algorithm};
    ntk_kernel *k = NULL;
    kit_ok(w->ctx, ntk_kernel_empirical(w->ctx, w->network, &w->theta, d, &options, &k));
    if (algorithm == NTK_ALGORITHM_AUTO) assert_int_equal(ntk_kernel_algorithm(k), NTK_ALGORITHM_MIXED);
    kit_ok(w->ctx, ntk_kernel_eval(w->ctx, k, x1, x2, &(ntk_request){NTK_REQUEST_INIT, .ntk = sum, .layers = layers}));
    ntk_kernel_destroy(k);
}

static void diagonal(const world *w, const ntk_optimizer *d, ntk_outputs outputs, ntk_algorithm algorithm, const ntk_array *x, ntk_array *out)
{
    ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = outputs, .algorithm = algorithm};
    ntk_kernel *k = NULL;
    kit_ok(w->ctx, ntk_kernel_empirical(w->ctx, w->network, &w->theta, d, &options, &k));
    kit_ok(w->ctx, ntk_kernel_diagonal(w->ctx, k, x, &(ntk_request){NTK_REQUEST_INIT, .ntk = out}));
    ntk_kernel_destroy(k);
}

static void near(const char *what, const char *name, int64_t count, const double *got, const double *want)
{
    double most = 0, worst = 0;
    for (int64_t i = 0; i < count; ++i) {
        most = fmax(most, fabs(want[i]));
        worst = fmax(worst, fabs(got[i] - want[i]));
    }
    assert_true(most > 0);
    if (!(worst <= 1e-12 * most)) fail_msg("%s, %s: off by %g of %g", name, what, worst, most);
}

/* Without layers the sum is filled another way than with them: both. */
static void compare(const world *w, const char *name, const ntk_optimizer *d, ntk_outputs outputs, ntk_array *x1, ntk_array *x2)
{
    int64_t each = outputs == NTK_OUTPUTS_FULL ? w->o : 1, rows = x1->shape[0] * each, columns = (x2 ? x2 : x1)->shape[0] * each, count = rows * columns;
    int64_t shape[] = {rows, columns}, planes[] = {w->layers, rows, columns}, line = rows;
    double *a = numbers(count), *b = numbers(count), *c = numbers(count), *la = numbers(w->layers * count), *lb = numbers(w->layers * count);
    ntk_array sum = ntk_array_dense(a, NTK_F64, 2, shape), both = ntk_array_dense(c, NTK_F64, 2, shape), want = ntk_array_dense(b, NTK_F64, 2, shape);
    ntk_array terms = ntk_array_dense(la, NTK_F64, 3, planes), want_terms = ntk_array_dense(lb, NTK_F64, 3, planes);
    eval(w, d, outputs, NTK_ALGORITHM_STRUCTURED, x1, x2, &sum, NULL);
    eval(w, d, outputs, NTK_ALGORITHM_STRUCTURED, x1, x2, &both, &terms);
    eval(w, d, outputs, NTK_ALGORITHM_CONTRACTION, x1, x2, &want, &want_terms);
    near("sum", name, count, a, b);
    near("sum beside the terms", name, count, c, b);
    near("terms", name, w->layers * count, la, lb);
    sum = ntk_array_dense(a, NTK_F64, 1, &line);
    want = ntk_array_dense(b, NTK_F64, 1, &line);
    diagonal(w, d, outputs, NTK_ALGORITHM_STRUCTURED, x1, &sum);
    diagonal(w, d, outputs, NTK_ALGORITHM_CONTRACTION, x1, &want);
    near("diagonal", name, rows, a, b);
    free(a); free(b); free(c); free(la); free(lb);
}

static void check(ntk_context *ctx, const ending *e)
{
    world w = {.ctx = ctx, .network = kit_network(ctx, e->json)};
    int64_t p = ntk_network_parameters(w.network), in = ntk_network_input_size(w.network);
    double *theta = numbers(p), *x1 = numbers(e->n1 * in), *x2 = numbers(e->n2 * in);
    ntk_array a, b;
    w.o = ntk_network_outputs(w.network);
    w.layers = w.network->n_parametric;
    kit_random(1, p, theta);
    kit_random(2, e->n1 * in, x1);
    kit_random(3, e->n2 * in, x2);
    w.theta = ntk_vector_f64(theta, p);
    a = points(&w, x1, e->n1);
    b = points(&w, x2, e->n2);
    open_d(&w);
    for (int i = 0; i < 2; ++i) {
        ntk_outputs outputs = i ? NTK_OUTPUTS_TRACE : NTK_OUTPUTS_FULL;
        compare(&w, e->name, NULL, outputs, &a, NULL);
        compare(&w, e->name, w.d, outputs, &b, NULL);
        compare(&w, e->name, w.d, outputs, &a, &b);
    }
    ntk_optimizer_destroy(w.d);
    ntk_network_destroy(w.network);
    free(theta); free(x1); free(x2);
}

static void test_endings(void **state)
{
    for (int i = 0; i < ENDINGS; ++i) check(*state, &endings[i]);
}

/* Rows of J for all outputs of the last convolution, where memory has room for some of the samples and blocks of their grams are several. */
static void test_blocks_of_rows(void **state)
{
    enum { N1 = 260, N2 = 100 };
    static const char json[] = NET("[7, 6, 9]", "{\"op\": \"conv\", \"units\": 2, \"kernel\": [2, 2], \"b_std\": 0.2}, {\"op\": \"relu\"}, "
                                                "{\"op\": \"conv\", \"units\": 60, \"kernel\": [4, 4], \"b_std\": 0.2}, {\"op\": \"relu\"}, {\"op\": \"global_avg_pool\"}, " DENSE("3"));
    world w = {.ctx = *state, .network = kit_network(*state, json), .o = 3};
    int64_t p = ntk_network_parameters(w.network), in = ntk_network_input_size(w.network);
    double *theta = numbers(p), *x1 = numbers(N1 * in), *x2 = numbers(N2 * in), *got = numbers(9 * N1 * N1), *want = numbers(9 * N1 * N1);
    ntk_array a, b;
    kit_random(1, p, theta);
    kit_random(2, N1 * in, x1);
    kit_random(3, N2 * in, x2);
    w.theta = ntk_vector_f64(theta, p);
    a = points(&w, x1, N1);
    b = points(&w, x2, N2);
    for (int i = 0; i < 4; ++i) {
        ntk_outputs outputs = i % 2 ? NTK_OUTPUTS_TRACE : NTK_OUTPUTS_FULL;
        int64_t each = i % 2 ? 1 : 3, shape[] = {N1 * each, (i < 2 ? N1 : N2) * each};
        ntk_array k = ntk_array_dense(got, NTK_F64, 2, shape), naive = ntk_array_dense(want, NTK_F64, 2, shape);
        w.ctx->options.memory_limit = 28 << 20;
        eval(&w, NULL, outputs, NTK_ALGORITHM_AUTO, &a, i < 2 ? NULL : &b, &k, NULL);
        w.ctx->options.memory_limit = 0;
        eval(&w, NULL, outputs, NTK_ALGORITHM_CONTRACTION, &a, i < 2 ? NULL : &b, &naive, NULL);
        near("rows for all outputs", i < 2 ? "one set" : "two sets", shape[0] * shape[1], got, want);
    }
    ntk_network_destroy(w.network);
    free(theta); free(x1); free(x2); free(got); free(want);
}

/* Which layers share, from the last on. */
static void test_which(void **state)
{
    static const struct { int ending; bool shares[3]; } cases[] = {
        {0, {false, true, true}}, {2, {true, true}}, {3, {false, true, true}}, {4, {false, true}}, {7, {false, false, true}}, {8, {true, true}}, {9, {false, true, true}}, {10, {true, true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        ntk_network *network = kit_network(*state, endings[cases[i].ending].json);
        for (int64_t k = 0; k < network->n_steps; ++k) {
            const ntk_step *s = &network->steps[k];
            if (s->parametric >= 0 && ntk_factor_is_shared(network, s) != cases[i].shares[s->parametric])
                fail_msg("%s: layer %d", endings[cases[i].ending].name, (int)s->parametric);
        }
        ntk_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_endings), kit_test(test_blocks_of_rows), kit_test(test_which)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
