/* Masks and graphs at infinite width: samples of different sizes and graphs, pair by pair, against the recursion on the cropped samples. */
#include "naive.h"

#include <string.h>

enum { T = 6, C = 2, N = 4, O = T * C };
static const int lengths[N] = {4, 6, 2, 4};

#define CONV "{\"op\": \"conv\", \"units\": 8, \"kernel\": 3, \"padding\": \"same\", \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"}"
#define END "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}"

typedef struct data {
    double x[N * O], graph[N * T * T];
    uint8_t mask[N * T];
    ntk_array ax, am, ag;
} data;

/* 100 where the mask is 0; sample 3 is equal to sample 0, its graph too. */
static void fill(data *d)
{
    kit_random(61, N * O, d->x);
    kit_random(62, N * T * T, d->graph);
    memcpy(d->x + 3 * O, d->x, O * sizeof *d->x);
    memcpy(d->graph + 3 * T * T, d->graph, T * T * sizeof *d->graph);
    for (int i = 0; i < N * T; ++i) {
        d->mask[i] = i % T < lengths[i / T];
        for (int c = 0; !d->mask[i] && c < C; ++c) d->x[i * C + c] = 100;
    }
    d->ax = ntk_array_dense(d->x, NTK_F64, 3, (int64_t[]){N, T, C});
    d->am = ntk_array_dense(d->mask, NTK_U8, 2, (int64_t[]){N, T});
    d->ag = ntk_array_dense(d->graph, NTK_F64, 3, (int64_t[]){N, T, T});
}

static ntk_kernel *open_kernel(ntk_context *ctx, const char *input, const char *layers)
{
    char json[4096];
    ntk_network *net;
    ntk_kernel *kernel = NULL;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%s], \"layers\": [%s]}", input, layers);
    net = kit_network(ctx, json);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    return kernel;
}

static void evaluate(ntk_context *ctx, const char *layers, data *d, const ntk_structure *s, double *nngp, double *ntk)
{
    ntk_kernel *kernel = open_kernel(ctx, "6, 2", layers);
    ntk_array k = ntk_matrix_f64(nngp, N, N), theta = ntk_matrix_f64(ntk, N, N);
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &d->ax, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta, .structure1 = s}));
    ntk_kernel_destroy(kernel);
}

static void conv(naive_field *f)
{
    naive_matrix a[3], b[3];
    naive_same(f->n[0], 3, 1, a);
    naive_same(f->n[1], 3, 1, b);
    naive_mix(f, 3, 1.0L / 3, f->n[0], a, f->n[1], b);
    naive_affine(f, 1.96L, 0.09L);
    naive_relu(f);
}

static void start(const data *d, int i, int j, bool masked, naive_field *f)
{
    naive_input(masked ? lengths[i] : T, d->x + i * O, masked ? lengths[j] : T, d->x + j * O, C, i == j, f);
}

static void masked_sequences(void **state)
{
    static data d;
    static naive_field f;
    double nngp[N * N], ntk[N * N];
    ntk_structure s = {NTK_STRUCTURE_INIT, .mask = &d.am};
    fill(&d);
    evaluate(*state, CONV ", " CONV ", " END, &d, &s, nngp, ntk);
    for (int i = 0; i < N * N; ++i) {
        naive_kernels want;
        start(&d, i / N, i % N, true, &f);
        conv(&f);
        conv(&f);
        want = naive_readout(&f, 1.44, 0.01);
        naive_near(nngp[i], want.nngp);
        naive_near(ntk[i], want.ntk);
    }
    assert_true(ntk[3] == ntk[0]); /* equal samples of equal size */
}

/* The embedding counts positions of the whole grid, keys are the valid ones. */
static void masked_attention(void **state)
{
    static data d;
    static naive_field f;
    static const naive_attention layers[] = {{"softmax", true, true, 1, 1, 1, 1, 0.04L, 1, NAIVE_EXPONENTIAL, 2}, {"identity", false, false, 1, 1, 1, 1, 0.04L, 1, NAIVE_EXPONENTIAL, 2}};
    static const char *const keys[] = {"\"val_pos_emb\": true", "\"linear_scaling\": false, \"mechanism\": \"identity\""};
    double nngp[N * N], ntk[N * N];
    ntk_structure s = {NTK_STRUCTURE_INIT, .mask = &d.am};
    fill(&d);
    for (int c = 0; c < 2; ++c) {
        char text[2048];
        snprintf(text, sizeof text, CONV ", {\"op\": \"attention\", \"heads\": 1, \"dim_key\": 1, \"dim_value\": 1, \"units\": 4, \"b_std\": 0.2, \"pos_emb\": \"sum\", "
                 "\"pos_emb_decay\": \"exponential\", %s}, {\"op\": \"relu\"}, " END, keys[c]);
        evaluate(*state, text, &d, &s, nngp, ntk);
        for (int i = 0; i < N * N; ++i) {
            if (i / N == 3 || i % N == 3) continue; /* the copy of sample 0: the oracle cancels there */
            start(&d, i / N, i % N, true, &f);
            conv(&f);
            (layers[c].linear ? naive_attend_linear : naive_attend_product)(&f, &layers[c]);
            naive_relu(&f);
            naive_near(ntk[i], naive_readout(&f, 1.44, 0.01).ntk);
        }
    }
}

static void graph_weights(const data *d, int i, int n, naive_matrix w)
{
    for (int o = 0; o < n; ++o)
        for (int m = 0; m < n; ++m) w[o][m] = d->graph[i * T * T + m * T + o];
}

static void graphs(void **state)
{
    static data d;
    static naive_field f;
    static naive_matrix a, b;
    double nngp[N * N], ntk[N * N];
    fill(&d);
    for (int masked = 0; masked < 2; ++masked) {
        ntk_structure s = {NTK_STRUCTURE_INIT, .mask = masked ? &d.am : NULL, .graph = &d.ag};
        evaluate(*state, CONV ", {\"op\": \"aggregate\"}, " CONV ", {\"op\": \"aggregate\"}, " END, &d, &s, nngp, ntk);
        for (int i = 0; i < N * N; ++i) {
            naive_kernels want;
            start(&d, i / N, i % N, masked, &f);
            graph_weights(&d, i / N, f.n[0], a);
            graph_weights(&d, i % N, f.n[1], b);
            conv(&f);
            naive_mix(&f, 1, 1, f.n[0], &a, f.n[1], &b);
            conv(&f);
            naive_mix(&f, 1, 1, f.n[0], &a, f.n[1], &b);
            want = naive_readout(&f, 1.44, 0.01);
            naive_near(nngp[i], want.nngp);
            naive_near(ntk[i], want.ntk);
        }
    }
}

/* Boxes of an image against the same network on the cut images, with everything whose sizes follow the mask. */
static void masked_images(void **state)
{
    enum { H = 4, W = 5, SIZE = H * W };
    static const int boxes[2][2] = {{3, 4}, {4, 2}};
    const char *layers = CONV ", {\"op\": \"slice\", \"start\": [-3, null]}, {\"op\": \"layer_norm\", \"axes\": [0, -1]}, {\"op\": \"resize\", \"shape\": [3, 3]}, "
                         "{\"op\": \"avg_pool\", \"window\": 2, \"padding\": \"same\", \"normalize_edges\": true}, {\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 0, "
                         "\"branches\": [[{\"op\": \"dense\", \"units\": 3}], [{\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}]]}, {\"op\": \"relu\"}, " END;
    double x[2 * SIZE], k[4], one;
    uint8_t mask[2 * SIZE];
    ntk_array ax = ntk_array_dense(x, NTK_F64, 4, (int64_t[]){2, H, W, 1}), am = ntk_array_dense(mask, NTK_U8, 3, (int64_t[]){2, H, W}), all = ntk_matrix_f64(k, 2, 2);
    ntk_array out = ntk_matrix_f64(&one, 1, 1);
    ntk_structure s = {NTK_STRUCTURE_INIT, .mask = &am};
    ntk_kernel *kernel = open_kernel(*state, "4, 5, 1", layers);
    kit_random(63, 2 * SIZE, x);
    for (int i = 0; i < 2 * SIZE; ++i) mask[i] = i % SIZE / W < boxes[i / SIZE][0] && i % W < boxes[i / SIZE][1];
    kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &all, .structure1 = &s}));
    ntk_kernel_destroy(kernel);
    for (int i = 0; i < 2; ++i) {
        char input[32];
        ntk_array cut = ntk_array_dense(x + i * SIZE, NTK_F64, 4, (int64_t[]){1, boxes[i][0], boxes[i][1], 1});
        cut.strides[0] = SIZE;
        cut.strides[1] = W;
        snprintf(input, sizeof input, "%d, %d, 1", boxes[i][0], boxes[i][1]);
        kernel = open_kernel(*state, input, layers);
        kit_ok(*state, ntk_kernel_eval(*state, kernel, &cut, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
        kit_near(k[i * 3], one, 1e-14);
        ntk_kernel_destroy(kernel);
    }
}

/* A gram keeps masks and graphs and meets new inputs with their own. */
static void grams_and_predictors(void **state)
{
    static data d;
    double nngp[N * N], ntk[N * N], packed[N * N], y[N] = {1, -1, 0.5, 0}, mean[N];
    ntk_structure s = {NTK_STRUCTURE_INIT, .mask = &d.am, .graph = &d.ag};
    ntk_array ay = ntk_matrix_f64(y, N, 1), am = ntk_matrix_f64(mean, N, 1), block = ntk_matrix_f64(packed, N, N);
    ntk_kernel *kernel = open_kernel(*state, "6, 2", CONV ", {\"op\": \"aggregate\"}, " END);
    ntk_gram *gram = NULL;
    ntk_predictor *model = NULL;
    fill(&d);
    kit_random(64, O, d.x + 3 * O); /* no two samples are equal */
    evaluate(*state, CONV ", {\"op\": \"aggregate\"}, " END, &d, &s, nngp, ntk);
    kit_ok(*state, ntk_gram_create(*state, kernel, &d.ax, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .structure = &s}, &gram));
    kit_ok(*state, ntk_gram_get_block(*state, gram, NTK_KIND_NTK, 0, 0, &block));
    kit_close(N * N, packed, ntk, 0);
    kit_ok(*state, ntk_predictor_create(*state, gram, &ay, NULL, &model));
    kit_ok(*state, ntk_predictor_at(*state, model, &(ntk_test_set){NTK_TEST_SET_INIT, .x = &d.ax, .structure = &s}, INFINITY, &am, NULL));
    kit_close(N, mean, y, 1e-7); /* the training set itself */
    kit_fails(*state, ntk_predictor_mean(*state, model, &d.ax, &am), NTK_ERROR_ARGUMENT, "aggregate needs the graph of x");
    ntk_predictor_destroy(model);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(masked_sequences), kit_test(masked_attention), kit_test(graphs), kit_test(masked_images), kit_test(grams_and_predictors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
