/* Attention at infinite width: the formulas of network-format.md in loops, its symmetries, the terms of layers, what is refused. */
#include "naive.h"

#include <string.h>

enum { T = 6, C = 2, N = 3, O = T * C };

#define CONV "{\"op\": \"conv\", \"units\": 8, \"kernel\": 3, \"padding\": \"same\", \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"}, "
#define END ", {\"op\": \"relu\"}, {\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}"
#define SIZES "{\"op\": \"attention\", \"heads\": 2, \"dim_key\": 3, \"dim_value\": 4, \"units\": 5, \"q_std\": 1.1, \"k_std\": 0.9, \"v_std\": 0.8, \"o_std\": 1.3, \"b_std\": 0.2, "

static ntk_status open_kernel(ntk_context *ctx, const char *layers, ntk_kernel **kernel)
{
    char json[4096];
    ntk_network *net;
    ntk_status status;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%d, %d], \"layers\": [%s]}", T, C, layers);
    net = kit_network(ctx, json);
    status = ntk_kernel_from_network(ctx, net, NULL, kernel);
    ntk_network_destroy(net);
    return status;
}

static void evaluate(ntk_context *ctx, const char *layers, const double *x, double *nngp, double *ntk, double *terms)
{
    ntk_kernel *kernel = NULL;
    ntk_array a = ntk_array_dense((double *)(uintptr_t)x, NTK_F64, 3, (int64_t[]){N, T, C}), k = ntk_matrix_f64(nngp, N, N), theta = ntk_matrix_f64(ntk, N, N);
    ntk_array layer = ntk_array_dense(terms, NTK_F64, 3, (int64_t[]){3, N, N});
    kit_ok(ctx, open_kernel(ctx, layers, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &a, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta, .layers = terms ? &layer : NULL}));
    ntk_kernel_destroy(kernel);
}

/* ---- loops ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *keys;
    naive_attention layer;
} cases[] = {
    {"\"mechanism\": \"softmax\"", {"softmax", true, false, 1, 0, 0.99L, 1.04L, 0.04L, 1, 0, 2}},
    {"\"mechanism\": \"identity\"", {"identity", true, false, 1, 0, 0.99L, 1.04L, 0.04L, 1, 0, 2}},
    {"\"mechanism\": \"abs\", \"pos_emb\": \"sum\", \"pos_emb_std\": 0.7", {"abs", true, false, 1, 0.49L, 0.99L, 1.04L, 0.04L, 1, NAIVE_ONE_HOT, 2}},
    {"\"mechanism\": \"relu\", \"pos_emb\": \"concat\", \"pos_emb_std\": 0.7, \"pos_emb_decay\": \"exponential\", \"lr\": 0.25",
     {"relu", true, false, 0.5L, 0.245L, 0.99L, 1.04L, 0.04L, 0.25L, NAIVE_EXPONENTIAL, 2}},
    {"\"pos_emb\": \"sum\", \"pos_emb_decay\": \"rational\", \"pos_emb_p_norm\": 1, \"val_pos_emb\": true", {"softmax", true, true, 1, 1, 0.99L, 1.04L, 0.04L, 1, NAIVE_RATIONAL, 1}},
    {"\"pos_emb\": \"concat\", \"val_pos_emb\": true, \"train\": false", {"softmax", true, true, 0.5L, 0.5L, 0.99L, 1.04L, 0.04L, 0, NAIVE_ONE_HOT, 2}},
    {"\"linear_scaling\": false, \"mechanism\": \"identity\"", {"identity", false, false, 1, 0, 0.99L, 1.04L, 0.04L, 1, 0, 2}},
    {"\"linear_scaling\": false, \"mechanism\": \"identity\", \"pos_emb\": \"sum\", \"pos_emb_decay\": \"exponential\", \"lr\": 2",
     {"identity", false, false, 1, 1, 0.99L, 1.04L, 0.04L, 2, NAIVE_EXPONENTIAL, 2}},
    {"\"linear_scaling\": false, \"mechanism\": \"identity\", \"pos_emb\": \"concat\", \"pos_emb_std\": 0.7, \"val_pos_emb\": true",
     {"identity", false, true, 0.5L, 0.245L, 0.99L, 1.04L, 0.04L, 1, NAIVE_ONE_HOT, 2}},
};

static naive_kernels naive(const naive_attention *l, const double *x, const double *y)
{
    static naive_field f;
    naive_matrix taps[3];
    naive_input(T, x, T, y, C, x == y, &f);
    naive_same(T, 3, 1, taps);
    naive_mix(&f, 3, 1.0L / 3, T, taps, T, taps);
    naive_affine(&f, 1.96L, 0.09L);
    naive_relu(&f);
    (l->linear ? naive_attend_linear : naive_attend_product)(&f, l);
    naive_relu(&f);
    return naive_readout(&f, 1.44, 0.01);
}

static void loops_agree(void **state)
{
    double x[N * O], nngp[N * N], ntk[N * N], terms[3 * N * N];
    kit_random(41, N * O, x);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
        char layers[2048];
        snprintf(layers, sizeof layers, CONV SIZES "%s}" END, cases[c].keys);
        evaluate(*state, layers, x, nngp, ntk, terms);
        for (int i = 0; i < N * N; ++i) {
            naive_kernels want = naive(&cases[c].layer, x + i / N * O, x + i % N * O);
            naive_near(nngp[i], want.nngp);
            naive_near(ntk[i], want.ntk);
            kit_near(terms[i] + terms[N * N + i] + terms[2 * N * N + i], ntk[i], 1e-14 * fabs(ntk[i]));
            if (cases[c].layer.rate == 0) kit_near(terms[N * N + i], 0, 0);
        }
    }
}

/* Without an embedding attention does not know where a position stands: each sample in an order of its own changes nothing. */
static void positions_may_be_permuted(void **state)
{
    static const int order[N][T] = {{3, 0, 5, 1, 4, 2}, {5, 4, 3, 2, 1, 0}, {0, 2, 1, 3, 5, 4}};
    double x[N * O], y[N * O], got[2][N * N], want[2][N * N];
    const char *net = "{\"op\": \"dense\", \"units\": 8, \"b_std\": 0.3}, {\"op\": \"relu\"}, " SIZES "\"mechanism\": \"softmax\"}" END;
    kit_random(42, N * O, x);
    for (int i = 0; i < N * O; ++i) y[i] = x[i / O * O + order[i / O][i % O / C] * C + i % C];
    evaluate(*state, net, x, want[0], want[1], NULL);
    evaluate(*state, net, y, got[0], got[1], NULL);
    kit_close(N * N, got[0], want[0], 1e-14);
    kit_close(N * N, got[1], want[1], 1e-14);
}

/* Scores of a thousand: the softmax is that of their differences. */
static void large_scores(void **state)
{
    double x[N * O], nngp[N * N], ntk[N * N];
    kit_random(43, N * O, x);
    for (int i = 0; i < N * O; ++i) x[i] *= 100;
    evaluate(*state, CONV SIZES "\"mechanism\": \"softmax\"}" END, x, nngp, ntk, NULL);
    for (int i = 0; i < N * N; ++i) naive_near(ntk[i], naive(&cases[0].layer, x + i / N * O, x + i % N * O).ntk);
}

static void single_precision(void **state)
{
    double x[N * O], nngp[N * N], ntk[N * N];
    float narrow[N * O], theta[N * N];
    ntk_kernel *kernel = NULL;
    ntk_array a = ntk_array_dense(narrow, NTK_F32, 3, (int64_t[]){N, T, C}), t = ntk_array_dense(theta, NTK_F32, 2, (int64_t[]){N, N});
    kit_random(44, N * O, x);
    for (int i = 0; i < N * O; ++i) x[i] = narrow[i] = (float)x[i];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
        char layers[2048];
        snprintf(layers, sizeof layers, CONV SIZES "%s}" END, cases[c].keys);
        evaluate(*state, layers, x, nngp, ntk, NULL);
        kit_ok(*state, open_kernel(*state, layers, &kernel));
        kit_ok(*state, ntk_kernel_eval(*state, kernel, &a, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &t}));
        for (int i = 0; i < N * N; ++i) kit_near((double)theta[i], ntk[i], 4e-6 * fabs(ntk[i]));
        ntk_kernel_destroy(kernel);
    }
}

static void what_has_no_rule_is_refused(void **state)
{
    static const struct {
        const char *layers, *words;
        ntk_status status;
    } refused[] = {
        {CONV SIZES "\"linear_scaling\": false}" END, "layers[2]: without linear_scaling attention has a closed form for the mechanism \"identity\" alone", NTK_ERROR_NO_RULE},
        {CONV SIZES "\"linear_scaling\": false, \"mechanism\": \"relu\"}" END, "layers[2]: without linear_scaling", NTK_ERROR_NO_RULE},
    };
    ntk_kernel *kernel = NULL;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; ++i) {
        kit_fails(*state, open_kernel(*state, refused[i].layers, &kernel), refused[i].status, refused[i].words);
        assert_null(kernel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(loops_agree), kit_test(positions_may_be_permuted), kit_test(large_scores), kit_test(single_precision),
                                       kit_test(what_has_no_rule_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
