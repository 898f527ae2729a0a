/*
 * The tuner: its kernel against that of the library, its objectives against those of a spectrum, its gradients against central differences of the
 * objective: every parameter, parameterization and objective, with equal and nearly equal samples among the data.
 */
#include "kit.h"

#include "tune.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { N = 14, D = 5, M = 2, MOST = 64 };

static const char *const networks[] = {
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4, \"b_std\": 0.3, \"lr\": 0.5},"
    "{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 1.2, \"b_std\": 0.2}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 1}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"parameterization\": \"standard\", \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.1, \"b_std\": 0.4},"
    "{\"op\": \"leaky_relu\", \"alpha\": 0.1}, {\"op\": \"dense\", \"units\": 8, \"train\": false}, {\"op\": \"gelu\"}, {\"op\": \"dense\", \"units\": 1, \"b_std\": 0.1}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"parameterization\": \"textbook\", \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 0.5, \"b_std\": 0.2},"
    "{\"op\": \"abs\"}, {\"op\": \"repeat\", \"times\": 3, \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 0.9, \"b_std\": 0.1}, {\"op\": \"sin\"}]},"
    "{\"op\": \"dense\", \"units\": 1, \"w_std\": 0.8}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4, \"b_std\": 0.3}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4, \"b_std\": 0.3},"
    "{\"op\": \"gelu\"}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 1.2}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.3, \"b_std\": 0.2}, {\"op\": \"repeat\", \"times\": 2, \"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 1.1, \"b_std\": 0.1, \"lr\": 0.7}]]}]}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 0.9}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [{\"op\": \"branch\", \"merge\": \"product\", \"branches\": [[{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.2, \"b_std\": 0.3}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 0.8}], [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.1}, {\"op\": \"gelu\"}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 0.7, \"b_std\": 0.2}], [{\"op\": \"dense\", \"units\": 8, \"w_std\": 0.6, \"b_std\": 0.1}]]}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 0.9, \"b_std\": 0.1}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"parameterization\": \"standard\", \"layers\": [{\"op\": \"branch\", \"merge\": \"concat\", \"branches\": [[{\"op\": \"dense\", \"units\": 3, \"w_std\": 1.2, \"b_std\": 0.3}], [{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.1}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2, \"w_std\": 0.7, \"b_std\": 0.2}]]}, {\"op\": \"layer_norm\", \"epsilon\": 0.1}, {\"op\": \"dense\", \"units\": 8, \"b_std\": 0.2}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 0.9, \"b_std\": 0.1}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"layer_norm\"}, {\"op\": \"hermite\", \"degree\": 3}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 1.2, \"b_std\": 0.2}, {\"op\": \"gaussian\", \"a\": 0.8, \"b\": -0.4}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 0.9}, {\"op\": \"polynomial\", \"coef\": [0.1, 0.5, 0.3, 0.2]}, {\"op\": \"dense\", \"units\": 1}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.1, \"b_std\": 0.2}, {\"op\": \"exp_normalized\", \"gamma\": 0.6}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 0.9, \"b_std\": 0.2}, {\"op\": \"monomial\", \"degree\": 3}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 0.8}]}",
};
enum { NETWORKS = sizeof networks / sizeof networks[0] };

/* Sample 1 is a copy of sample 0, sample 2 beside it, sample 3 opposite.  Beside is 1e-6, but where delta is a
 * difference of moments (smooth activations) and a kinked one follows, or differences of the step meet it. */
static void inputs_for(const char *json, double *x, double *y)
{
    bool precise = false;
    double beside;
    for (int i = 0; i < 4; ++i) precise |= json == networks[i];
    beside = precise ? 1e-6 : 1e-2;
    kit_random(1, N * D, x);
    kit_random(2, N * M, y);
    for (int k = 0; k < D; ++k) {
        x[D + k] = x[k];
        x[2 * D + k] = x[k] * (1 + beside * (k - 2));
        x[3 * D + k] = -x[k];
    }
}

static void inputs(double *x, double *y)
{
    inputs_for(networks[0], x, y);
}

static ntk_tuner *open_tuner(ntk_context *ctx, const char *json, ntk_kind kind, ntk_objective objective, const double *x, const double *y)
{
    ntk_network *network = kit_network(ctx, json);
    ntk_array inputs_view = ntk_matrix_f64(x, N, D), targets = ntk_matrix_f64(y, N, M);
    ntk_tuner *tuner = NULL;
    kit_ok(ctx, ntk_tuner_create(ctx, network, &inputs_view, &targets, &(ntk_tuner_options){NTK_TUNER_OPTIONS_INIT, kind, objective, 0.05}, &tuner));
    ntk_network_destroy(network);
    return tuner;
}

static double evaluate(ntk_context *ctx, const ntk_tuner *tuner, const double *values, double *gradient)
{
    int64_t k = ntk_tuner_parameters(tuner);
    ntk_array v = ntk_vector_f64(values, k), g = ntk_vector_f64(gradient, k);
    double value = 0;
    kit_ok(ctx, ntk_tuner_evaluate(ctx, tuner, &v, &value, gradient ? &g : NULL));
    return value;
}

/* ---- the kernel and the objectives ------------------------------------------------------------------------------- */

static void objectives_are_those_of_the_kernel(void **state)
{
    ntk_context *ctx = *state;
    double x[N * D], y[N * M];
    for (int turn = 0; turn < 2 * NETWORKS; ++turn) {
        ntk_kind kind = turn % 2 ? NTK_KIND_NNGP : NTK_KIND_NTK;
        double values[MOST], mean[N * M], variance[N], want[3] = {0};
        ntk_array inputs_view = ntk_matrix_f64(x, N, D), targets = ntk_matrix_f64(y, N, M), m = ntk_matrix_f64(mean, N, M), s2 = ntk_vector_f64(variance, N), v;
        ntk_network *network = kit_network(ctx, networks[turn / 2]);
        ntk_kernel *kernel = NULL;
        ntk_gram *gram = NULL;
        ntk_spectrum *spectrum = NULL;
        inputs_for(networks[turn / 2], x, y);
        kit_ok(ctx, ntk_kernel_from_network(ctx, network, NULL, &kernel));
        kit_ok(ctx, ntk_gram_create(ctx, kernel, &inputs_view, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = 1}, &gram));
        kit_ok(ctx, ntk_spectrum_create(ctx, gram, &(ntk_spectrum_options){NTK_SPECTRUM_OPTIONS_INIT, .kind = kind}, &spectrum));
        kit_ok(ctx, ntk_spectrum_log_evidence(ctx, spectrum, &targets, 0.05, &want[0]));
        kit_ok(ctx, ntk_spectrum_leave_one_out(ctx, spectrum, &targets, 0.05, &m, &s2));
        for (int i = 0; i < N * M; ++i) {
            double e = y[i] - mean[i], s = variance[i / M];
            want[1] -= (log(s) + e * e / s + log(2 * acos(-1))) / (2 * N * M);
            want[2] -= e * e / (N * M);
        }
        for (int o = 0; o < 3; ++o) {
            ntk_tuner *tuner = open_tuner(ctx, networks[turn / 2], kind, (ntk_objective)o, x, y);
            v = ntk_vector_f64(values, ntk_tuner_parameters(tuner));
            kit_ok(ctx, ntk_tuner_get_values(ctx, tuner, &v));
            kit_near(evaluate(ctx, tuner, values, NULL), want[o], 1e-11 * fmax(1, fabs(want[o]))); /* condition 1e3, kernels to 1e-14 */
            ntk_tuner_destroy(tuner);
        }
        ntk_spectrum_destroy(spectrum);
        ntk_gram_destroy(gram);
        ntk_kernel_destroy(kernel);
        ntk_network_destroy(network);
    }
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static void check_gradient(ntk_context *ctx, const char *json, ntk_kind kind, ntk_objective objective)
{
    double x[N * D], y[N * M], values[MOST], gradient[MOST], largest = 0;
    int64_t count;
    ntk_tuner *tuner;
    ntk_array v;
    inputs_for(json, x, y);
    tuner = open_tuner(ctx, json, kind, objective, x, y);
    count = ntk_tuner_parameters(tuner);
    v = ntk_vector_f64(values, count);
    kit_ok(ctx, ntk_tuner_get_values(ctx, tuner, &v));
    evaluate(ctx, tuner, values, gradient);
    for (int64_t i = 0; i < count; ++i) largest = fmax(largest, fabs(gradient[i]));
    for (int64_t i = 0; i < count; ++i) {
        double at = values[i], h = 1e-5 * at, up, down, want;
        char name[80];
        values[i] = at + h;
        up = evaluate(ctx, tuner, values, NULL);
        values[i] = at - h;
        down = evaluate(ctx, tuner, values, NULL);
        values[i] = at;
        want = (up - down) / (2 * h);
        kit_ok(ctx, ntk_tuner_get_name(ctx, tuner, i, name, sizeof name));
        /* h² times third derivatives 1e-8 of the gradient; rounding 1e-14 |value| cond / h */
        if (!(fabs(gradient[i] - want) <= 1e-6 * fmax(largest, 1))) fail_msg("%s: the gradient is %.10g, differences say %.10g", name, gradient[i], want);
    }
    ntk_tuner_destroy(tuner);
}

static void gradients_are_differences(void **state)
{
    for (int network = 0; network < NETWORKS; ++network)
        for (int kind = 0; kind < 2; ++kind)
            for (int objective = 0; objective < 3; ++objective) check_gradient(*state, networks[network], (ntk_kind)kind, (ntk_objective)objective);
}

/* ---- random networks --------------------------------------------------------------------------------------------- */

static uint32_t next(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static double between(uint32_t *seed, double low, double high)
{
    return low + (high - low) * next(seed, 1000) / 1000;
}

static void put(char *text, const char *what)
{
    strcat(text, what);
}

static void put_dense(uint32_t *seed, int units, char *text)
{
    char one[160];
    ntk_print(one, sizeof one, "{\"op\": \"dense\", \"units\": %d, \"w_std\": %.3f, \"b_std\": %.3f, \"lr\": %.3f}", units, between(seed, 0.6, 1.4), between(seed, 0.05, 0.5),
             between(seed, 0.3, 2));
    put(text, one);
}

/* phi and a dense layer, perhaps after a norm. */
static void put_block(uint32_t *seed, char *text)
{
    static const char *const activations[] = {"\"relu\"", "\"erf\"", "\"gelu\"", "\"abs\"", "\"sin\"", "\"gaussian\", \"b\": -0.3", "\"leaky_relu\", \"alpha\": 0.2"};
    if (next(seed, 3) == 0) put(text, "{\"op\": \"layer_norm\", \"epsilon\": 0.2}, ");
    put(text, "{\"op\": ");
    put(text, activations[next(seed, 7)]);
    put(text, "}, ");
    put_dense(seed, 8, text);
}

/* Blocks in a row, or in branches, one of which may pass its input on. */
static void put_blocks(uint32_t *seed, int depth, char *text)
{
    static const char *const merges[] = {"sum", "product", "concat"};
    if (depth == 0 || next(seed, 3) == 0) {
        put_block(seed, text);
        return;
    }
    put(text, "{\"op\": \"branch\", \"merge\": \"");
    put(text, merges[next(seed, 3)]);
    put(text, "\", \"branches\": [[");
    if (next(seed, 2)) put_blocks(seed, depth - 1, text);
    put(text, "], [");
    put_blocks(seed, depth - 1, text);
    put(text, "]]}, ");
    put_dense(seed, 8, text); /* after a product nothing is Gaussian */
}

static void random_networks(void **state)
{
    static const char *const parameterizations[] = {"ntk", "standard", "textbook"};
    for (uint32_t which = 0; which < 12; ++which) {
        char text[8192] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"parameterization\": \"";
        uint32_t seed = which + 1;
        put(text, parameterizations[which % 3]);
        put(text, "\", \"layers\": [");
        put_dense(&seed, 8, text);
        for (int i = 0; i < 2; ++i) {
            put(text, ", ");
            put_blocks(&seed, 2, text);
        }
        put(text, ", ");
        put_dense(&seed, 1, text);
        put(text, "]}");
        for (int kind = 0; kind < 2; ++kind) check_gradient(*state, text, (ntk_kind)kind, (ntk_objective)(which % 2));
    }
}

/* ---- parameters and the network ---------------------------------------------------------------------------------- */

static void values_make_a_network(void **state)
{
    ntk_context *ctx = *state;
    double x[N * D], y[N * M], values[MOST], again[MOST];
    char text[4096], name[80];
    ntk_tuner *tuner, *other;
    ntk_network *network = NULL;
    ntk_array v, w;
    int64_t count;
    inputs(x, y);
    tuner = open_tuner(ctx, networks[2], NTK_KIND_NTK, NTK_OBJECTIVE_EVIDENCE, x, y);
    count = ntk_tuner_parameters(tuner);
    assert_int_equal(count, 3 + 3 + 2 + 1); /* the repeat is one layer; the last has no bias */
    v = ntk_vector_f64(values, count);
    kit_ok(ctx, ntk_tuner_get_values(ctx, tuner, &v));
    kit_close(count, values, ((double[]){0.5, 0.2, 1, 0.9, 0.1, 1, 0.8, 1, 0.05}), 0);
    kit_ok(ctx, ntk_tuner_get_name(ctx, tuner, 4, name, sizeof name));
    assert_string_equal(name, "layers[2].layers[0].b_std");
    kit_ok(ctx, ntk_tuner_get_name(ctx, tuner, count - 1, name, sizeof name));
    assert_string_equal(name, "noise");
    for (int64_t i = 0; i < count; ++i) values[i] *= 1 + 0.1 * (double)i;
    kit_ok(ctx, ntk_tuner_network(ctx, tuner, &v, &network));
    kit_ok(ctx, ntk_network_format(ctx, network, text, sizeof text, NULL));
    other = open_tuner(ctx, text, NTK_KIND_NTK, NTK_OBJECTIVE_EVIDENCE, x, y);
    w = ntk_vector_f64(again, count);
    kit_ok(ctx, ntk_tuner_get_values(ctx, other, &w));
    kit_close(count - 1, again, values, 0); /* JSON holds every digit */
    again[count - 1] = values[count - 1];
    kit_near(evaluate(ctx, other, again, NULL), evaluate(ctx, tuner, values, NULL), 0);
    ntk_network_destroy(network);
    ntk_tuner_destroy(other);
    ntk_tuner_destroy(tuner);
    assert_int_equal(ntk_tuner_parameters(NULL), -1);
}

static void wrong_calls(void **state)
{
#define NETWORK(layers) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5], \"layers\": [" layers "]}"
    static const struct {
        const char *json, *words;
    } cases[] = {
        {NETWORK("{\"op\": \"dense\", \"units\": 2}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 1}"), "layers[1]: the derivatives of tanh are not known"},
        {NETWORK("{\"op\": \"dense\", \"units\": 2}, {\"op\": \"dropout\", \"keep\": 0.5}, {\"op\": \"dense\", \"units\": 1}"), "layers[1]: tuning follows dense layers, activations, layer_norm, branch and repeat; here is dropout"},
    };
    double x[N * D], y[N * M], values[MOST] = {1, 1, 1, -1}, value;
    ntk_array inputs_view = ntk_matrix_f64(x, N, D), targets = ntk_matrix_f64(y, N, M), one = ntk_matrix_f64(y, 1, M), single = ntk_matrix_f64(x, 1, D);
    ntk_array v = ntk_vector_f64(values, 4);
    ntk_tuner *tuner = NULL;
    ntk_network *network;
    char name[4];
    inputs(x, y);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        network = kit_network(*state, cases[i].json);
        kit_fails(*state, ntk_tuner_create(*state, network, &inputs_view, &targets, NULL, &tuner), NTK_ERROR_UNSUPPORTED, cases[i].words);
        ntk_network_destroy(network);
    }
    network = kit_network(*state, networks[3]);
    kit_fails(*state, ntk_tuner_create(*state, network, &single, &one, NULL, &tuner), NTK_ERROR_SHAPE, "at least two samples");
    kit_fails(*state, ntk_tuner_create(*state, network, &inputs_view, &one, NULL, &tuner), NTK_ERROR_SHAPE, "y has shape [1, 2]");
    kit_fails(*state, ntk_tuner_create(*state, network, &inputs_view, &targets, &(ntk_tuner_options){NTK_TUNER_OPTIONS_INIT, .noise = -1}, &tuner),
              NTK_ERROR_ARGUMENT, "options.noise is -1");
    kit_ok(*state, ntk_tuner_create(*state, network, &inputs_view, &targets, NULL, &tuner));
    kit_fails(*state, ntk_tuner_evaluate(*state, tuner, &v, &value, NULL), NTK_ERROR_ARGUMENT, "values[3] is -1");
    kit_fails(*state, ntk_tuner_get_name(*state, tuner, 0, name, sizeof name), NTK_ERROR_ARGUMENT, "has 15 characters");
    kit_fails(*state, ntk_tuner_get_name(*state, tuner, 9, name, sizeof name), NTK_ERROR_ARGUMENT, "index is 9");
    values[0] = values[3] = 1e200;
    kit_fails(*state, ntk_tuner_evaluate(*state, tuner, &v, &value, NULL), NTK_ERROR_OVERFLOW, "exceeds the range");
    ntk_tuner_destroy(tuner);
    ntk_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(objectives_are_those_of_the_kernel), kit_test(gradients_are_differences), kit_test(random_networks), kit_test(values_make_a_network),
                                       kit_test(wrong_calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
