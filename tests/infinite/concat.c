/* concat of positions at infinite width: blocks in loops, along either axis of an image, and what is refused. */
#include "naive.h"

enum { T = 5, C = 2, N = 3, O = T * C };

#define CONV(stride) "{\"op\": \"conv\", \"units\": 8, \"kernel\": 3, \"strides\": " stride ", \"padding\": \"same\", \"w_std\": 1.4, \"b_std\": 0.3}"
#define RELU "{\"op\": \"relu\"}"
#define END "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}"
#define BOTH "{\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 0, \"branches\": [[" RELU ", " CONV("2") "], []]}"

static ntk_status open_kernel(ntk_context *ctx, const char *input, const char *layers, ntk_kernel **kernel)
{
    char json[4096];
    ntk_network *net;
    ntk_status status;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%s], \"layers\": [%s]}", input, layers);
    net = kit_network(ctx, json);
    status = ntk_kernel_from_network(ctx, net, NULL, kernel);
    ntk_network_destroy(net);
    return status;
}

static void conv(naive_field *f, int stride)
{
    naive_matrix a[3];
    int out = (f->n[0] + stride - 1) / stride;
    naive_same(f->n[0], 3, stride, a);
    naive_mix(f, 3, 1.0L / 3, out, a, out, a);
    naive_affine(f, 1.96L, 0.09L);
}

/* g behind f: blocks on the diagonal, nothing between. */
static void append(naive_field *f, const naive_field *g)
{
    int n = f->n[0];
    for (int p = 0; p < g->n[0]; ++p)
        for (int q = 0; q < g->n[1]; ++q) {
            for (int m = 0; m < 3; ++m) f->k[m][n + p][n + q] = g->k[m][p][q];
            f->theta[n + p][n + q] = g->theta[p][q];
        }
    f->n[0] = f->n[1] = n + g->n[0];
}

static void loops_agree(void **state)
{
    double x[N * O], nngp[N * N], ntk[N * N];
    ntk_kernel *kernel = NULL;
    ntk_array a = ntk_array_dense(x, NTK_F64, 3, (int64_t[]){N, T, C}), k = ntk_matrix_f64(nngp, N, N), theta = ntk_matrix_f64(ntk, N, N);
    kit_random(51, N * O, x);
    kit_ok(*state, open_kernel(*state, "5, 2", CONV("1") ", " BOTH ", " RELU ", " CONV("1") ", " RELU ", " END, &kernel));
    kit_ok(*state, ntk_kernel_eval(*state, kernel, &a, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta}));
    for (int i = 0; i < N * N; ++i) {
        static naive_field f, g;
        naive_kernels want;
        naive_input(T, x + i / N * O, T, x + i % N * O, C, false, &f);
        conv(&f, 1);
        g = f;
        naive_relu(&f);
        conv(&f, 2);
        append(&f, &g);
        naive_relu(&f);
        conv(&f, 1);
        naive_relu(&f);
        want = naive_readout(&f, 1.44, 0.01);
        naive_near(nngp[i], want.nngp);
        naive_near(ntk[i], want.ntk);
    }
    ntk_kernel_destroy(kernel);
}

/* The two halves of an image, cut and put together again, are the image: with flatten (pairs of equal positions alone) and a pool. */
static void halves_make_a_whole(void **state)
{
    enum { H = 4, W = 3, SIZE = H * W * C };
    static const char *const ends[] = {"{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 1}", END};
    static const char *const cut[] = {"{\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 0, \"branches\": [[{\"op\": \"slice\", \"stop\": [1, null]}, %s], [{\"op\": \"slice\", \"start\": [1, null]}, %s]]}",
                                      "{\"op\": \"branch\", \"merge\": \"concat\", \"axis\": -2, \"branches\": [[{\"op\": \"slice\", \"stop\": [null, 2]}, %s], [{\"op\": \"slice\", \"start\": [null, 2]}, %s]]}"};
    const char *dense = "{\"op\": \"conv_local\", \"units\": 4, \"kernel\": 1, \"w_std\": 1.3, \"b_std\": 0.2}";
    double x[2 * SIZE], got[2], want[2];
    ntk_array a = ntk_array_dense(x, NTK_F64, 4, (int64_t[]){1, H, W, C}), b = ntk_array_dense(x + SIZE, NTK_F64, 4, (int64_t[]){1, H, W, C});
    ntk_array k = ntk_matrix_f64(&got[0], 1, 1), theta = ntk_matrix_f64(&got[1], 1, 1);
    kit_random(52, 2 * SIZE, x);
    for (int end = 0; end < 2; ++end)
        for (int axis = 0; axis < 3; ++axis) { /* 2: whole */
            char layers[2048], branch[1024];
            ntk_kernel *kernel = NULL;
            snprintf(branch, sizeof branch, axis < 2 ? cut[axis] : "%s", dense, dense);
            snprintf(layers, sizeof layers, "%s, %s, %s", branch, RELU, ends[end]);
            kit_ok(*state, open_kernel(*state, "4, 3, 2", layers, &kernel));
            kit_ok(*state, ntk_kernel_eval(*state, kernel, &a, &b, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta}));
            ntk_kernel_destroy(kernel);
            if (axis > 0) {
                kit_near(got[0], want[0], 1e-15);
                kit_near(got[1], want[1], 1e-15);
            }
            want[0] = got[0];
            want[1] = got[1];
        }
}

static void cross_moments_are_refused(void **state)
{
    ntk_kernel *kernel = NULL;
    kit_fails(*state, open_kernel(*state, "5, 2", CONV("1") ", {\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 0, \"branches\": [[], [" RELU "]]}, " END, &kernel),
              NTK_ERROR_NO_RULE, "layers[1]: 2 branches of the concat of positions");
    kit_fails(*state, open_kernel(*state, "5, 2", CONV("1") ", {\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 0, \"branches\": [[" RELU ", " CONV("1") "], [" RELU "]]}, " RELU ", " END, &kernel),
              NTK_ERROR_NO_RULE, "layers[2]: relu needs a Gaussian input");
    assert_null(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(loops_agree), kit_test(halves_make_a_whole), kit_test(cross_moments_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
