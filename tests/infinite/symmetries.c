/*
 * Symmetries of networks with positions that need no reference values: what pooling twice is, unrolled repeats, circular images under the discrete
 * Fourier transform, the names of nodes, the order of samples.  (Others: shifts, 1x1 and whole-image convolutions in spatial.c, masked = cropped in
 * sites.c, rotations and the order of vectors in laws.c, points on a circle in circle.c.)
 */
#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 8 }; /* samples */

#define RELU "{\"op\": \"relu\"}"
#define DENSE "{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}"
#define CONV(padding) "{\"op\": \"conv\", \"units\": 8, \"kernel\": 3, \"padding\": \"" padding "\", \"w_std\": 1.4, \"b_std\": 0.3}"
#define GAP "{\"op\": \"global_avg_pool\"}"

typedef struct data {
    const char *input; /* shape of a sample */
    int n, ndim;
    int64_t shape[4];  /* of all */
    double x[4096];
    const ntk_array *graph;
} data;

static void evaluate(ntk_context *ctx, data *d, const char *layers, double *nngp, double *ntk)
{
    char json[4096];
    ntk_network *net;
    ntk_kernel *kernel = NULL;
    ntk_array x = ntk_array_dense(d->x, NTK_F64, d->ndim, d->shape), k = ntk_matrix_f64(nngp, d->n, d->n), theta = ntk_matrix_f64(ntk, d->n, d->n);
    ntk_structure s = {NTK_STRUCTURE_INIT, .graph = d->graph};
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": %s, \"layers\": [%s]}", d->input, layers);
    net = kit_network(ctx, json);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta, .structure1 = d->graph ? &s : NULL}));
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

static data random_data(const char *input, int n, int ndim, const int64_t *shape, uint64_t seed)
{
    data d = {.input = input, .n = n, .ndim = ndim};
    int64_t size = 1;
    for (int a = 0; a < ndim; ++a) size *= d.shape[a] = shape[a];
    kit_random(seed, size, d.x);
    return d;
}

/* Both networks on the same data. */
static void agree(ntk_context *ctx, data *d, const char *one, const char *other, double tolerance)
{
    double a[2][MOST * MOST], b[2][MOST * MOST];
    evaluate(ctx, d, one, a[0], a[1]);
    evaluate(ctx, d, other, b[0], b[1]);
    for (int kind = 0; kind < 2; ++kind)
        for (int i = 0; i < d->n * d->n; ++i) kit_near(a[kind][i], b[kind][i], tolerance * sqrt(a[kind][i / d->n * (d->n + 1)] * a[kind][i % d->n * (d->n + 1)]));
}

/* A mean of means is the mean over the product window, in every number of dimensions; sums likewise. */
static void pooling_twice_is_pooling_once(void **state)
{
    data line = random_data("[12, 2]", 3, 3, (int64_t[]){3, 12, 2}, 11), image = random_data("[12, 6, 2]", 3, 4, (int64_t[]){3, 12, 6, 2}, 12);
    agree(*state, &line, CONV("same") "," RELU ", {\"op\": \"avg_pool\", \"window\": 2, \"strides\": 2}, {\"op\": \"avg_pool\", \"window\": 3, \"strides\": 3}," CONV("same") "," RELU "," GAP "," DENSE,
          CONV("same") "," RELU ", {\"op\": \"avg_pool\", \"window\": 6, \"strides\": 6}," CONV("same") "," RELU "," GAP "," DENSE, 1e-14);
    agree(*state, &image, CONV("same") "," RELU ", {\"op\": \"avg_pool\", \"window\": [2, 3], \"strides\": [2, 3]}, {\"op\": \"avg_pool\", \"window\": [3, 1], \"strides\": [3, 1]}," CONV("circular") "," RELU ", {\"op\": \"flatten\"}," DENSE,
          CONV("same") "," RELU ", {\"op\": \"avg_pool\", \"window\": [6, 3], \"strides\": [6, 3]}," CONV("circular") "," RELU ", {\"op\": \"flatten\"}," DENSE, 1e-14);
    agree(*state, &line, CONV("same") "," RELU ", {\"op\": \"sum_pool\", \"window\": 2, \"strides\": 2}, {\"op\": \"sum_pool\", \"window\": 2, \"strides\": 2}," GAP "," DENSE,
          CONV("same") "," RELU ", {\"op\": \"sum_pool\", \"window\": 4, \"strides\": 4}," GAP "," DENSE, 1e-14);
    agree(*state, &line, CONV("same") "," RELU ", {\"op\": \"avg_pool\", \"window\": 4, \"strides\": 4}," GAP "," DENSE, CONV("same") "," RELU "," GAP "," DENSE, 1e-14);
}

static void repeat_is_unrolled(void **state)
{
    data d = random_data("[5, 4, 2]", 3, 4, (int64_t[]){3, 5, 4, 2}, 13);
    const char *block = CONV("same") "," RELU ", {\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [" CONV("same") "," RELU "," CONV("same") "]]}";
    char loop[4096], flat[4096];
    snprintf(loop, sizeof loop, "{\"op\": \"repeat\", \"times\": 3, \"layers\": [%s]}," GAP "," DENSE, block);
    snprintf(flat, sizeof flat, "%s,%s,%s," GAP "," DENSE, block, block, block);
    agree(*state, &d, loop, flat, 0);
}

/*
 * Sample s is one circular signal moved by s.  K(s, s') depends on s' - s alone, so its eigenvectors are the waves and its eigenvalues the Fourier
 * coefficients of row 0; a global mean makes all samples equal.
 */
static void shifts_of_one_signal(void **state)
{
    enum { N = MOST };
    const char *flat = CONV("circular") "," RELU "," CONV("circular") "," RELU ", {\"op\": \"flatten\"}," DENSE;
    const char *pooled = CONV("circular") "," RELU "," CONV("circular") "," RELU "," GAP "," DENSE;
    data d = random_data("[8, 1]", N, 3, (int64_t[]){N, N, 1}, 14);
    double k[2][N * N];
    for (int s = 1; s < N; ++s)
        for (int t = 0; t < N; ++t) d.x[s * N + (t + s) % N] = d.x[t];
    evaluate(*state, &d, flat, k[0], k[1]);
    for (int kind = 0; kind < 2; ++kind) {
        for (int i = 0; i < N * N; ++i) kit_near(k[kind][i], k[kind][(i % N - i / N + N) % N], 16 * DBL_EPSILON * k[kind][0]);
        for (int wave = 0; wave < N; ++wave) {
            double value = 0;
            for (int j = 0; j < N; ++j) value += k[kind][j] * cos(2 * M_PI * wave * j / N);
            for (int i = 0; i < N; ++i) { /* (K v)_i = value v_i */
                double sum = 0;
                for (int j = 0; j < N; ++j) sum += k[kind][i * N + j] * cos(2 * M_PI * wave * j / N);
                kit_near(sum, value * cos(2 * M_PI * wave * i / N), 1e-13 * k[kind][0]);
            }
        }
    }
    assert_true(fabs(k[1][1] - k[1][0]) > 0.01 * k[1][0]); /* there is something to be circulant */
    evaluate(*state, &d, pooled, k[0], k[1]);
    for (int i = 0; i < N * N; ++i) {
        kit_near(k[0][i], k[0][0], 1e-14 * k[0][0]);
        kit_near(k[1][i], k[1][0], 1e-14 * k[1][0]);
    }
}

/* Nodes renamed in every sample by an order of its own, features and edges alike. */
static void nodes_have_no_names(void **state)
{
    enum { N = 3, V = 5, C = 2 };
    static const int order[N][V] = {{2, 4, 0, 1, 3}, {4, 3, 2, 1, 0}, {1, 2, 3, 4, 0}};
    const char *net = "{\"op\": \"dense\", \"units\": 8, \"b_std\": 0.2}, " RELU ", {\"op\": \"aggregate\"}, {\"op\": \"dense\", \"units\": 8}, " RELU ", {\"op\": \"aggregate\"}, " GAP "," DENSE;
    double graph[N * V * V], renamed[N * V * V], k[2][N * N], r[2][N * N];
    ntk_array edges = ntk_array_dense(graph, NTK_F64, 3, (int64_t[]){N, V, V}), renamed_edges = ntk_array_dense(renamed, NTK_F64, 3, (int64_t[]){N, V, V});
    data d = random_data("[5, 2]", N, 3, (int64_t[]){N, V, C}, 15), e = d;
    kit_random(16, N * V * V, graph);
    for (int i = 0; i < N; ++i)
        for (int v = 0; v < V; ++v) {
            for (int c = 0; c < C; ++c) e.x[(i * V + order[i][v]) * C + c] = d.x[(i * V + v) * C + c];
            for (int w = 0; w < V; ++w) renamed[(i * V + order[i][v]) * V + order[i][w]] = graph[(i * V + v) * V + w];
        }
    d.graph = &edges;
    e.graph = &renamed_edges;
    evaluate(*state, &d, net, k[0], k[1]);
    evaluate(*state, &e, net, r[0], r[1]);
    kit_close(N * N, r[0], k[0], 1e-14);
    kit_close(N * N, r[1], k[1], 1e-14);
}

static void samples_have_no_order(void **state)
{
    enum { N = 5, SIZE = 6 * 2 };
    static const int order[N] = {3, 0, 4, 2, 1};
    const char *net = CONV("same") "," RELU ", {\"op\": \"avg_pool\", \"window\": 2}," CONV("same") "," RELU "," GAP "," DENSE;
    data d = random_data("[6, 2]", N, 3, (int64_t[]){N, 6, 2}, 17), e = d;
    double k[2][N * N], p[2][N * N];
    for (int i = 0; i < N; ++i) memcpy(e.x + order[i] * SIZE, d.x + i * SIZE, SIZE * sizeof *d.x);
    evaluate(*state, &d, net, k[0], k[1]);
    evaluate(*state, &e, net, p[0], p[1]);
    for (int kind = 0; kind < 2; ++kind)
        for (int i = 0; i < N * N; ++i) kit_near(p[kind][order[i / N] * N + order[i % N]], k[kind][i], 1e-14 * k[kind][0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(pooling_twice_is_pooling_once), kit_test(repeat_is_unrolled), kit_test(shifts_of_one_signal),
                                       kit_test(nodes_have_no_names), kit_test(samples_have_no_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
