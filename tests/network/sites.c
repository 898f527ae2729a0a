/* Masks and graphs as they are read: any dtype, boxes and what is none, samples of one size share a network, rows to the front, and every refusal. */
#include "kit.h"
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 3, H = 3, W = 2, C = 2 };

#define CONV "{\"op\": \"conv\", \"units\": 4, \"kernel\": [1, 1], \"padding\": \"valid\"}"
#define AGGREGATE "{\"op\": \"aggregate\"}"

static ntk_network *network_of(ntk_context *ctx, const char *input, const char *layers)
{
    char json[1024];
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%s], \"layers\": [%s]}", input, layers);
    return kit_network(ctx, json);
}

static ntk_status open_masked(ntk_context *ctx, const ntk_network *net, int64_t n, const ntk_array *mask, const ntk_array *graph, ntk_sites *s)
{
    return ntk_sites_open(ctx, net, "x1", n, &(ntk_structure){NTK_STRUCTURE_INIT, .mask = mask, .graph = graph}, s);
}

/* Boxes 3 x 2, 2 x 1, 3 x 2 of ones. */
static const int boxes[N * H * W] = {1, 1, 1, 1, 1, 1, /**/ 1, 0, 1, 0, 0, 0, /**/ 1, 1, 1, 1, 1, 1};

static void test_dtypes(void **state)
{
    double d[N * H * W];
    float f[N * H * W];
    int64_t l[N * H * W];
    uint8_t u[N * H * W];
    void *const data[] = {d, f, l, u};
    const ntk_dtype dtypes[] = {NTK_F64, NTK_F32, NTK_I64, NTK_U8};
    ntk_network *net = network_of(*state, "3, 2, 2", CONV);
    for (int i = 0; i < N * H * W; ++i) {
        d[i] = boxes[i];
        f[i] = (float)boxes[i];
        l[i] = boxes[i];
        u[i] = (uint8_t)boxes[i];
    }
    for (int i = 0; i < 4; ++i) {
        ntk_array mask = ntk_array_dense(data[i], dtypes[i], 3, (int64_t[]){N, H, W});
        ntk_sites s;
        kit_ok(*state, open_masked(*state, net, N, &mask, NULL, &s));
        assert_int_equal(s.n_crops, 2);
        assert_true(s.crop[0] == 0 && s.crop[1] == 1 && s.crop[2] == 0);
        assert_true(s.crops[1]->shape[0] == 2 && s.crops[1]->shape[1] == 1 && s.crops[1]->shape[2] == C);
        assert_true(ntk_sites_network(&s, net, 1) == s.crops[1] && ntk_sites_network(&s, net, 2) == s.crops[0]);
        assert_null(ntk_sites_graph(&s, 1));
        ntk_sites_close(&s);
    }
    ntk_network_destroy(net);
}

static void test_pack(void **state)
{
    double x[N * H * W * C], packed[N * H * W * C];
    uint8_t u[N * H * W];
    ntk_array mask = ntk_array_dense(u, NTK_U8, 3, (int64_t[]){N, H, W});
    ntk_network *net = network_of(*state, "3, 2, 2", CONV);
    ntk_sites s;
    for (int i = 0; i < N * H * W; ++i) u[i] = (uint8_t)boxes[i];
    for (int i = 0; i < N * H * W * C; ++i) packed[i] = x[i] = i;
    kit_ok(*state, open_masked(*state, net, N, &mask, NULL, &s));
    ntk_sites_pack(&s, NTK_F64, packed);
    for (int i = 0; i < H * W * C; ++i) {
        int first = H * W * C, row = i / C, from = row < 2 ? row * W * C + i % C : -1; /* positions (0, 0) and (1, 0) */
        assert_true(packed[i] == x[i] && packed[2 * first + i] == x[2 * first + i]);
        assert_true(packed[first + i] == (from < 0 ? 0 : x[first + from]));
    }
    ntk_sites_close(&s);
    ntk_network_destroy(net);
}

/* Without structure there is none; with a graph its edges come to the front. */
static void test_graph(void **state)
{
    enum { V = 3 };
    double g[2 * V * V];
    uint8_t u[2 * V] = {1, 1, 1, 1, 1, 0};
    ntk_array graph = ntk_array_dense(g, NTK_F64, 3, (int64_t[]){2, V, V}), mask = ntk_array_dense(u, NTK_U8, 2, (int64_t[]){2, V});
    ntk_network *net = network_of(*state, "3, 2", AGGREGATE), *plain = network_of(*state, "3, 2", "{\"op\": \"relu\"}");
    ntk_sites s;
    for (int i = 0; i < 2 * V * V; ++i) g[i] = i;
    kit_ok(*state, ntk_sites_open(*state, plain, "x1", 2, NULL, &s));
    assert_true(s.n_crops == 0 && ntk_sites_network(&s, plain, 1) == plain);
    ntk_sites_close(&s);
    kit_ok(*state, open_masked(*state, net, 2, &mask, &graph, &s));
    assert_int_equal(s.nodes, V);
    for (int i = 0; i < V * V; ++i) assert_true(ntk_sites_graph(&s, 0)[i] == i);
    for (int i = 0; i < 4; ++i) assert_true(ntk_sites_graph(&s, 1)[i] == V * V + i / 2 * V + i % 2);
    ntk_sites_close(&s);
    ntk_network_destroy(plain);
    ntk_network_destroy(net);
}

static void refuse(ntk_context *ctx, const char *input, const char *layers, const ntk_array *mask, const ntk_array *graph, ntk_status status, const char *words)
{
    ntk_network *net = network_of(ctx, input, layers);
    ntk_sites s;
    kit_fails(ctx, open_masked(ctx, net, 1, mask, graph, &s), status, words);
    ntk_sites_close(&s);
    ntk_network_destroy(net);
}

/* What is no box, and what no network can make of one. */
static void test_masks_refused(void **state)
{
    static const double none[][4] = {{0, 0, 0, 0}, {1, 1, 1, 0}, {0, 1, 0, 1}, {1, 0, 0, 1}, {0.5, 0, 0, 0}, {-1, 1, 1, 1}};
    double m[4];
    ntk_array mask = ntk_array_dense(m, NTK_F64, 3, (int64_t[]){1, 2, 2}), flat = ntk_array_dense(m, NTK_F64, 2, (int64_t[]){1, 4});
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(none); ++i) {
        memcpy(m, none[i], sizeof m);
        refuse(*state, "2, 2, 1", CONV, &mask, NULL, NTK_ERROR_ARGUMENT, "the mask of x1[0] is not a prefix of ones");
    }
    m[0] = NAN;
    refuse(*state, "2, 2, 1", CONV, &mask, NULL, NTK_ERROR_NOT_FINITE, "the mask of x1");
    memcpy(m, (double[]){1, 0, 1, 0}, sizeof m);
    refuse(*state, "2, 2, 1", CONV, &flat, NULL, NTK_ERROR_SHAPE, "the mask of x1");
    refuse(*state, "4", "{\"op\": \"relu\"}", &flat, NULL, NTK_ERROR_ARGUMENT, "has no positions");
    refuse(*state, "2, 2, 1", "{\"op\": \"flatten\"}", &mask, NULL, NTK_ERROR_ARGUMENT, "layers[0]");
    refuse(*state, "2, 2, 1", "{\"op\": \"conv_local\", \"units\": 1, \"kernel\": [1, 1]}", &mask, NULL, NTK_ERROR_ARGUMENT, "weights for each position");
    refuse(*state, "2, 2, 1", "{\"op\": \"conv\", \"units\": 1, \"kernel\": [2, 2], \"padding\": \"valid\"}", &mask, NULL, NTK_ERROR_ARGUMENT, "cut to its mask");
    mask.data = NULL;
    refuse(*state, "2, 2, 1", CONV, &mask, NULL, NTK_ERROR_NULL, "the mask of x1");
}

static void test_graphs_refused(void **state)
{
    double g[9] = {0};
    ntk_array graph = ntk_array_dense(g, NTK_F64, 3, (int64_t[]){1, 3, 3}), small = ntk_array_dense(g, NTK_F64, 3, (int64_t[]){1, 2, 2});
    ntk_structure cut = {.struct_size = 3};
    ntk_network *net = network_of(*state, "3, 2", AGGREGATE);
    ntk_sites s;
    refuse(*state, "3, 2", "{\"op\": \"relu\"}", NULL, &graph, NTK_ERROR_ARGUMENT, "no layer of the network aggregates");
    refuse(*state, "3, 2", AGGREGATE, NULL, NULL, NTK_ERROR_ARGUMENT, "aggregate needs the graph of x1");
    refuse(*state, "3, 2", AGGREGATE, NULL, &small, NTK_ERROR_SHAPE, "layers[0]: the graph of x1 has shape [1, 2, 2]; expected [1, 3, 3]");
    refuse(*state, "3, 2", "{\"op\": \"repeat\", \"times\": 2, \"layers\": [{\"op\": \"relu\"}, " AGGREGATE "]}", NULL, &small, NTK_ERROR_SHAPE, "layers[0].layers[1]: the graph of x1");
    refuse(*state, "3, 2", AGGREGATE ", {\"op\": \"slice\", \"stop\": 2}, " AGGREGATE, NULL, &graph, NTK_ERROR_ARGUMENT, "one graph has one size");
    g[4] = INFINITY;
    refuse(*state, "3, 2", AGGREGATE, NULL, &graph, NTK_ERROR_NOT_FINITE, "the graph of x1");
    kit_fails(*state, ntk_sites_open(*state, net, "x1", 1, &cut, &s), NTK_ERROR_OPTIONS, "struct_size");
    ntk_sites_close(&s);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_dtypes), kit_test(test_pack), kit_test(test_graph), kit_test(test_masks_refused), kit_test(test_graphs_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
