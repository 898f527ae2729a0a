/*
 * Masks and graphs through kernels that are made of others: the mean over random networks is that of their empirical kernels, a blend that of its
 * parts, sample by sample with what came with it.
 */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 4, T = 5, C = 2 };

#define DENSE "{\"op\": \"dense\", \"units\": 4, \"b_std\": 0.2}, {\"op\": \"erf\"}"
#define CONV "{\"op\": \"conv\", \"units\": 4, \"kernel\": 3, \"padding\": \"same\"}, {\"op\": \"erf\"}"
#define END "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 2}"

static const char *const plain = CONV ", " END, *const graphs = DENSE ", {\"op\": \"aggregate\"}, " DENSE ", " END;

typedef struct data {
    double x[N * T * C], graph[N * T * T];
    uint8_t mask[N * T];
    ntk_array ax, am, ag;
} data;

static void fill(data *d)
{
    static const int lengths[N] = {5, 3, 4, 3};
    kit_random(1, N * T * C, d->x);
    kit_random(2, N * T * T, d->graph);
    for (int i = 0; i < N * T; ++i) d->mask[i] = i % T < lengths[i / T];
    d->ax = ntk_array_dense(d->x, NTK_F64, 3, (int64_t[]){N, T, C});
    d->am = ntk_array_dense(d->mask, NTK_U8, 2, (int64_t[]){N, T});
    d->ag = ntk_array_dense(d->graph, NTK_F64, 3, (int64_t[]){N, T, T});
}

static ntk_network *network_of(ntk_context *ctx, const char *layers)
{
    char json[2048];
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5, 2], \"layers\": [%s]}", layers);
    return kit_network(ctx, json);
}

static ntk_kernel *infinite(ntk_context *ctx, const char *layers)
{
    ntk_network *net = network_of(ctx, layers);
    ntk_kernel *kernel = NULL;
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    return kernel;
}

static void evaluate(ntk_context *ctx, const ntk_kernel *kernel, const data *d, const ntk_structure *s, double *ntk, double *nngp)
{
    ntk_array a = ntk_matrix_f64(ntk, N, N), b = ntk_matrix_f64(nngp, N, N);
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &d->ax, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &a, .nngp = &b, .structure1 = s}));
}

/* ---- the mean over random networks ------------------------------------------------------------------------------- */

static void add_draw(ntk_context *ctx, const ntk_network *net, uint64_t seed, const data *d, const ntk_structure *s, double *ntk, double *nngp)
{
    double theta[512], k[2][N * N];
    ntk_array at = ntk_vector_f64(theta, ntk_network_parameters(net));
    ntk_kernel *one = NULL;
    assert_true(ntk_network_parameters(net) <= 512);
    kit_ok(ctx, ntk_network_initialize(ctx, net, seed, &at));
    kit_ok(ctx, ntk_kernel_empirical(ctx, net, &at, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_TRACE}, &one));
    evaluate(ctx, one, d, s, k[0], k[1]);
    for (int i = 0; i < N * N; ++i) ntk[i] += k[0][i];
    for (int i = 0; i < N * N; ++i) nngp[i] += k[1][i];
    ntk_kernel_destroy(one);
}

static void monte_carlo(void **state)
{
    enum { DRAWS = 3 };
    static data d;
    fill(&d);
    for (int c = 0; c < 3; ++c) { /* a mask, a graph, both */
        ntk_structure s = {NTK_STRUCTURE_INIT, .mask = c != 1 ? &d.am : NULL, .graph = c != 0 ? &d.ag : NULL};
        ntk_network *net = network_of(*state, c == 0 ? plain : graphs);
        ntk_kernel *mean = NULL;
        double want[2][N * N] = {{0}}, got[2][N * N], diagonal[N], part[2 * N];
        ntk_array ad = ntk_vector_f64(diagonal, N), ap = ntk_matrix_f64(part, 2, N);
        ntk_gram *gram = NULL;
        for (int draw = 0; draw < DRAWS; ++draw) add_draw(*state, net, 7 + (uint64_t)draw, &d, &s, want[0], want[1]);
        kit_ok(*state, ntk_kernel_monte_carlo(*state, net, &(ntk_monte_carlo_options){NTK_MONTE_CARLO_OPTIONS_INIT, .samples = DRAWS, .seed = 7}, &mean));
        mean->tile = mean->wide = 3; /* tiles that begin within the data */
        evaluate(*state, mean, &d, &s, got[0], got[1]);
        for (int i = 0; i < N * N; ++i) kit_near(got[0][i], want[0][i] / DRAWS, 1e-13 * want[0][0]);
        for (int i = 0; i < N * N; ++i) kit_near(got[1][i], want[1][i] / DRAWS, 1e-13 * want[0][0]);
        kit_ok(*state, ntk_kernel_diagonal(*state, mean, &d.ax, &(ntk_request){NTK_REQUEST_INIT, .ntk = &ad, .structure1 = &s}));
        for (int i = 0; i < N; ++i) kit_near(diagonal[i], want[0][i * N + i] / DRAWS, 1e-13 * want[0][0]);
        kit_ok(*state, ntk_gram_create(*state, mean, &d.ax, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .structure = &s}, &gram)); /* it holds its own */
        kit_ok(*state, ntk_gram_get_block(*state, gram, NTK_KIND_NTK, 1, 0, &ap));
        for (int i = 0; i < 2 * N; ++i) kit_near(part[i], want[0][N + i] / DRAWS, 1e-13 * want[0][0]);
        ntk_gram_destroy(gram);
        ntk_kernel_destroy(mean);
        ntk_network_destroy(net);
    }
}

/* ---- blends -------------------------------------------------------------------------------------------------------- */

/* One part aggregates, the other does not; a sum of that sum with a third. */
static void sums(void **state)
{
    static data d;
    static const double weights[] = {0.5, 2};
    ntk_structure s = {.struct_size = NTK_STRUCTURE_INIT}, mask_only = s;
    ntk_kernel *parts[2] = {infinite(*state, plain), infinite(*state, graphs)}, *sum = NULL, *outer = NULL, *normal = NULL;
    double k[2][2][N * N], got[2][N * N];
    fill(&d);
    kit_ok(*state, ntk_kernel_sum(*state, (const ntk_kernel *const *)parts, weights, 2, &sum));
    kit_ok(*state, ntk_kernel_sum(*state, (const ntk_kernel *const[]){sum, parts[0]}, NULL, 2, &outer));
    kit_ok(*state, ntk_kernel_normalise(*state, sum, &normal));
    for (int masked = 0; masked < 2; ++masked) {
        s.mask = mask_only.mask = masked ? &d.am : NULL;
        s.graph = &d.ag;
        evaluate(*state, parts[0], &d, &mask_only, k[0][0], k[0][1]);
        evaluate(*state, parts[1], &d, &s, k[1][0], k[1][1]);
        evaluate(*state, outer, &d, &s, got[0], got[1]);
        for (int i = 0; i < N * N; ++i) kit_near(got[0][i], 1.5 * k[0][0][i] + 2 * k[1][0][i], 1e-14 * k[1][0][0]);
        evaluate(*state, normal, &d, &s, got[0], got[1]);
        for (int i = 0; i < N * N; ++i) {
            double a[3], at[3] = {i, i / N * (N + 1), i % N * (N + 1)};
            for (int m = 0; m < 3; ++m) a[m] = 0.5 * k[0][0][(int)at[m]] + 2 * k[1][0][(int)at[m]];
            kit_near(got[0][i], a[0] / sqrt(a[1] * a[2]), 1e-14);
        }
    }
    ntk_kernel_destroy(normal);
    ntk_kernel_destroy(outer);
    ntk_kernel_destroy(sum);
    for (int i = 0; i < 2; ++i) ntk_kernel_destroy(parts[i]);
}

/* A gram of a sum keeps what came with x, and meets new inputs with theirs. */
static void predictors(void **state)
{
    static data d;
    ntk_structure s = {NTK_STRUCTURE_INIT, .mask = &d.am, .graph = &d.ag};
    ntk_kernel *parts[2] = {infinite(*state, plain), infinite(*state, graphs)}, *sum = NULL;
    ntk_gram *gram = NULL;
    ntk_predictor *model = NULL;
    double y[N] = {1, -1, 0.5, 0}, mean[N];
    ntk_array ay = ntk_matrix_f64(y, N, 1), am = ntk_matrix_f64(mean, N, 1);
    fill(&d);
    kit_ok(*state, ntk_kernel_sum(*state, (const ntk_kernel *const *)parts, NULL, 2, &sum));
    kit_ok(*state, ntk_gram_create(*state, sum, &d.ax, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .structure = &s}, &gram));
    kit_ok(*state, ntk_predictor_create(*state, gram, &ay, NULL, &model));
    kit_ok(*state, ntk_predictor_at(*state, model, &(ntk_test_set){NTK_TEST_SET_INIT, .x = &d.ax, .structure = &s}, INFINITY, &am, NULL));
    kit_close(N, mean, y, 1e-7); /* the training set itself */
    kit_fails(*state, ntk_predictor_mean(*state, model, &d.ax, &am), NTK_ERROR_ARGUMENT, "aggregate needs the graph of x");
    ntk_predictor_destroy(model);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(sum);
    for (int i = 0; i < 2; ++i) ntk_kernel_destroy(parts[i]);
}

/* ---- what does not fit --------------------------------------------------------------------------------------------- */

static int constant(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    (void)user, (void)d, (void)x1, (void)x2;
    for (int64_t i = 0; i < n1 * n2; ++i) k[i / n2 * ldk + i % n2] = 1;
    return 0;
}

static void refusals(void **state)
{
    static data d;
    double k[N * N];
    ntk_array ak = ntk_matrix_f64(k, N, N), wrong = ntk_array_dense(d.graph, NTK_F64, 3, (int64_t[]){N, T, T - 1}), flat = ntk_matrix_f64(d.x, N, T * C);
    ntk_structure mask = {NTK_STRUCTURE_INIT, .mask = &d.am}, graph = {NTK_STRUCTURE_INIT, .graph = &d.ag}, size = {NTK_STRUCTURE_INIT, .graph = &wrong};
    ntk_kernel *parts[2] = {infinite(*state, plain), infinite(*state, graphs)}, *own = NULL, *sum = NULL, *twice = NULL, *with_own = NULL;
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
    fill(&d);
    kit_ok(*state, ntk_kernel_sum(*state, (const ntk_kernel *const *)parts, NULL, 2, &sum));
    kit_ok(*state, ntk_kernel_sum(*state, (const ntk_kernel *const[]){parts[0], parts[0]}, NULL, 2, &twice));
    kit_ok(*state, ntk_kernel_from_callback(*state, constant, NULL, NTK_KIND_NTK, &own));
    kit_ok(*state, ntk_kernel_sum(*state, (const ntk_kernel *const[]){parts[0], own}, NULL, 2, &with_own));
    kit_fails(*state, ntk_kernel_eval(*state, sum, &d.ax, NULL, &r), NTK_ERROR_ARGUMENT, "layers[2]: aggregate needs the graph of x1");
    r.structure1 = &graph;
    kit_fails(*state, ntk_kernel_eval(*state, twice, &d.ax, NULL, &r), NTK_ERROR_ARGUMENT, "no layer of the networks aggregates");
    kit_fails(*state, ntk_kernel_eval(*state, own, &flat, NULL, &r), NTK_ERROR_ARGUMENT, "the callback kernel takes no masks and graphs");
    r.structure1 = &size;
    kit_fails(*state, ntk_kernel_eval(*state, sum, &d.ax, NULL, &r), NTK_ERROR_SHAPE, "the graph of x1 has shape [4, 5, 4]");
    kit_fails(*state, ntk_kernel_eval(*state, parts[1], &d.ax, NULL, &r), NTK_ERROR_SHAPE, "the graph of x1 has shape [4, 5, 4]");
    r.structure1 = &mask;
    kit_fails(*state, ntk_kernel_eval(*state, with_own, &d.ax, NULL, &r), NTK_ERROR_ARGUMENT, "the callback kernel takes no masks and graphs");
    ntk_kernel_destroy(with_own);
    ntk_kernel_destroy(own);
    ntk_kernel_destroy(twice);
    ntk_kernel_destroy(sum);
    for (int i = 0; i < 2; ++i) ntk_kernel_destroy(parts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(monte_carlo), kit_test(sums), kit_test(predictors), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
