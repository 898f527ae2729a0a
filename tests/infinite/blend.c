/* slice, resize and dropout at infinite width against the recursion over all pairs of positions, and what they leave unchanged. */
#include "naive.h"

#include <string.h>

enum { T = 7, C = 2, N = 3 };

#define CONV "{\"op\": \"conv\", \"units\": 8, \"kernel\": 3, \"padding\": \"same\", \"w_std\": 1.4, \"b_std\": 0.3}"
#define END "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}"

static ntk_status open_kernel(ntk_context *ctx, const char *input, const char *layers, ntk_dropout dropout, ntk_kernel **kernel)
{
    char json[4096];
    ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .dropout = dropout};
    ntk_network *net;
    ntk_status status;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%s], \"layers\": [%s]}", input, layers);
    net = kit_network(ctx, json);
    status = ntk_kernel_from_network(ctx, net, &options, kernel);
    ntk_network_destroy(net);
    return status;
}

/* K and Theta of n sequences with themselves, or with y; of vectors where positions is 0. */
static void evaluate(ntk_context *ctx, const char *layers, ntk_dropout dropout, int positions, int n, const double *x, const double *y, double *nngp, double *ntk)
{
    ntk_kernel *kernel = NULL;
    int64_t shape[3] = {n, positions ? positions : C, C};
    char input[32];
    ntk_array a = ntk_array_dense((double *)(uintptr_t)x, NTK_F64, positions ? 3 : 2, shape), b = a, k = ntk_matrix_f64(nngp, n, n), theta = ntk_matrix_f64(ntk, n, n);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta};
    b.data = (double *)(uintptr_t)y;
    snprintf(input, sizeof input, positions ? "%d, %d" : "%d", positions ? positions : C, C);
    kit_ok(ctx, open_kernel(ctx, input, layers, dropout, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &a, y ? &b : NULL, &r));
    ntk_kernel_destroy(kernel);
}

static void naive_conv(naive_field *f)
{
    naive_matrix a[3], b[3];
    naive_same(f->n[0], 3, 1, a);
    naive_same(f->n[1], 3, 1, b);
    naive_mix(f, 3, 1.0L / 3, f->n[0], a, f->n[1], b);
    naive_affine(f, 1.96L, 0.09L);
}

/* ---- slice and resize ------------------------------------------------------------------------------------------ */

/* R of network-format.md: triangles of width max(n/m, 1) around (o + 1/2) n/m, pixel centres at half-integers. */
static void triangles(int n, int m, naive_matrix r)
{
    for (int o = 0; o < m; ++o) {
        naive_real sum = 0, wide = n > m ? (naive_real)n / m : 1, centre = (o + 0.5L) * n / m;
        for (int i = 0; i < n; ++i) {
            naive_real far = fabsl(i + 0.5L - centre) / wide;
            sum += r[o][i] = far < 1 ? 1 - far : 0;
        }
        for (int i = 0; i < n; ++i) r[o][i] /= sum;
    }
}

static void picked(int m, const int *from, naive_matrix r)
{
    for (int o = 0; o < m; ++o)
        for (int i = 0; i < NAIVE_MOST; ++i) r[o][i] = i == from[o];
}

static void against_loops(ntk_context *ctx, const char *op, int m, naive_matrix r)
{
    char layers[1024];
    double x[N * T * C], nngp[N * N], ntk[N * N];
    kit_random(31, N * T * C, x);
    snprintf(layers, sizeof layers, CONV ", {\"op\": \"relu\"}, %s, " CONV ", {\"op\": \"relu\"}, " END, op);
    evaluate(ctx, layers, NTK_DROPOUT_TRAINING, T, N, x, NULL, nngp, ntk);
    for (int i = 0; i < N * N; ++i) {
        static naive_field f;
        naive_kernels want;
        naive_input(T, x + i / N * T * C, T, x + i % N * T * C, C, false, &f);
        naive_conv(&f);
        naive_relu(&f);
        naive_mix(&f, 1, 1, m, (naive_matrix *)r, m, (naive_matrix *)r);
        naive_conv(&f);
        naive_relu(&f);
        want = naive_readout(&f, 1.44, 0.01);
        naive_near(nngp[i], want.nngp);
        naive_near(ntk[i], want.ntk);
    }
}

static void loops_agree(void **state)
{
    static naive_matrix r;
    picked(3, (const int[]){1, 3, 5}, r);
    against_loops(*state, "{\"op\": \"slice\", \"start\": 1, \"stop\": -1, \"step\": 2}", 3, r);
    picked(7, (const int[]){6, 5, 4, 3, 2, 1, 0}, r);
    against_loops(*state, "{\"op\": \"slice\", \"start\": [null], \"step\": -1}", 7, r);
    picked(4, (const int[]){0, 2, 4, 6}, r); /* floor((2 o + 1) 7/8) */
    against_loops(*state, "{\"op\": \"resize\", \"shape\": 4, \"method\": \"nearest\"}", 4, r);
    memset(r, 0, sizeof r);
    triangles(T, 4, r);
    against_loops(*state, "{\"op\": \"resize\", \"shape\": [4]}", 4, r);
    memset(r, 0, sizeof r);
    triangles(T, 10, r);
    against_loops(*state, "{\"op\": \"resize\", \"shape\": [10], \"method\": \"linear\"}", 10, r);
}

/* A slice of the input is the input cut by hand; near-identical sequences keep their digits through it. */
static void slice_is_a_cut(void **state)
{
    double x[2 * T * C], cut[2 * 3 * C], got[2][4], want[2][4];
    kit_random(32, T * C, x);
    for (int i = 0; i < T * C; ++i) x[T * C + i] = x[i] + (i == 3 ? 1e-9 : 0);
    for (int s = 0; s < 2; ++s)
        for (int i = 0; i < 3 * C; ++i) cut[s * 3 * C + i] = x[s * T * C + C + i];
    evaluate(*state, "{\"op\": \"slice\", \"start\": 1, \"stop\": 4}," CONV ", {\"op\": \"relu\"}, " CONV ", {\"op\": \"relu\"}, " END, NTK_DROPOUT_TRAINING, T, 2, x, NULL, got[0], got[1]);
    evaluate(*state, CONV ", {\"op\": \"relu\"}, " CONV ", {\"op\": \"relu\"}, " END, NTK_DROPOUT_TRAINING, 3, 2, cut, NULL, want[0], want[1]);
    kit_close(4, got[0], want[0], 1e-15);
    kit_close(4, got[1], want[1], 1e-15);
    assert_true(got[1][1] < got[1][0]);
}

/* ---- dropout --------------------------------------------------------------------------------------------------- */

#define DROPOUT_NET CONV ", {\"op\": \"relu\"}, {\"op\": \"dropout\", \"keep\": 0.6}, " CONV ", {\"op\": \"relu\"}, {\"op\": \"dropout\", \"keep\": 0.9}, " END

static naive_kernels naive_dropped(const double *x, const double *y, bool own)
{
    static naive_field f;
    naive_input(T, x, T, y, C, own, &f);
    naive_conv(&f);
    naive_relu(&f);
    naive_dropout(&f, 0.6L);
    naive_conv(&f);
    naive_relu(&f);
    naive_dropout(&f, 0.9L);
    return naive_readout(&f, 1.44, 0.01);
}

/* Samples 0 and 2 are equal, and two samples all the same. */
static void dropout_agrees(void **state)
{
    double x[N * T * C], nngp[N * N], ntk[N * N], diagonal[N];
    kit_random(33, 2 * T * C, x);
    memcpy(x + 2 * T * C, x, T * C * sizeof *x);
    evaluate(*state, DROPOUT_NET, NTK_DROPOUT_TRAINING, T, N, x, NULL, nngp, ntk);
    for (int i = 0; i < N * N; ++i) {
        naive_kernels want = naive_dropped(x + i / N * T * C, x + i % N * T * C, i / N == i % N);
        naive_near(nngp[i], want.nngp);
        naive_near(ntk[i], want.ntk);
        if (i / N == i % N) diagonal[i / N] = ntk[i];
    }
    assert_true(ntk[2] < 0.99 * ntk[0]);
    evaluate(*state, DROPOUT_NET, NTK_DROPOUT_TRAINING, T, N, x, x, nngp, ntk); /* two data sets: no sample is another's own */
    for (int i = 0; i < N; ++i) naive_near(ntk[i * N + i], naive_dropped(x + i * T * C, x + i * T * C, false).ntk);
    assert_true(ntk[0] < 0.99 * diagonal[0]);
}

static void inference_changes_nothing(void **state)
{
    double x[N * T * C], got[2][N * N], want[2][N * N];
    kit_random(34, N * T * C, x);
    evaluate(*state, DROPOUT_NET, NTK_DROPOUT_INFERENCE, T, N, x, NULL, got[0], got[1]);
    evaluate(*state, CONV ", {\"op\": \"relu\"}, " CONV ", {\"op\": \"relu\"}, " END, NTK_DROPOUT_TRAINING, T, N, x, NULL, want[0], want[1]);
    kit_close(N * N, got[0], want[0], 1e-15);
    kit_close(N * N, got[1], want[1], 1e-15);
}

/* Vectors go by tiles, whose diagonal has another place in every row: 40 samples, both types, the diagonal on its own. */
static void dropout_of_vectors(void **state)
{
    enum { MANY = 40 };
    static double x[MANY * C], nngp[MANY * MANY], ntk[MANY * MANY], plain[2][MANY * MANY];
    static float narrow[MANY * C], theta[MANY * MANY];
    double diagonal[MANY];
    const char *net = "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"dropout\", \"keep\": 0.5}, {\"op\": \"dense\", \"units\": 1}";
    ntk_kernel *kernel = NULL;
    ntk_array a = ntk_matrix_f64(x, MANY, C), d = ntk_vector_f64(diagonal, MANY), b = ntk_array_dense(narrow, NTK_F32, 2, (int64_t[]){MANY, C});
    ntk_array t = ntk_array_dense(theta, NTK_F32, 2, (int64_t[]){MANY, MANY});
    kit_random(35, MANY * C, x);
    for (int i = 0; i < MANY * C; ++i) narrow[i] = (float)x[i];
    evaluate(*state, net, NTK_DROPOUT_TRAINING, 0, MANY, x, NULL, nngp, ntk);
    evaluate(*state, net, NTK_DROPOUT_INFERENCE, 0, MANY, x, NULL, plain[0], plain[1]);
    kit_ok(*state, open_kernel(*state, "2", net, NTK_DROPOUT_TRAINING, &kernel));
    kit_ok(*state, ntk_kernel_diagonal(*state, kernel, &a, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d}));
    kit_ok(*state, ntk_kernel_eval(*state, kernel, &b, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &t}));
    for (int i = 0; i < MANY * MANY; ++i) {
        double factor = i / MANY == i % MANY ? 2 : 1;
        kit_near(nngp[i], factor * plain[0][i], 1e-15);
        kit_near(ntk[i], factor * plain[1][i], 2e-15);
        kit_near((double)theta[i], ntk[i], 1e-6);
    }
    for (int i = 0; i < MANY; ++i) kit_near(diagonal[i], ntk[i * MANY + i], 0);
    ntk_kernel_destroy(kernel);
}

static void refused(ntk_context *ctx, const char *layers, ntk_status status, const char *words)
{
    ntk_kernel *kernel = NULL;
    kit_fails(ctx, open_kernel(ctx, "7, 2", layers, NTK_DROPOUT_TRAINING, &kernel), status, words);
    assert_null(kernel);
}

static void what_has_no_rule_is_refused(void **state)
{
    ntk_kernel *kernel = NULL;
    refused(*state, "{\"op\": \"dropout\", \"keep\": 0.5}, " CONV ", " END, NTK_ERROR_NO_RULE, "layers[0]: dropout of the data themselves");
    refused(*state, CONV ", {\"op\": \"dropout\", \"keep\": 0.5}, {\"op\": \"relu\"}, " END, NTK_ERROR_NO_RULE, "layers[2]: relu needs a Gaussian input");
    kit_ok(*state, open_kernel(*state, "7, 2", "{\"op\": \"dropout\", \"keep\": 0.5}, " CONV ", " END, NTK_DROPOUT_INFERENCE, &kernel));
    ntk_kernel_destroy(kernel);
    refused(*state, CONV ", {\"op\": \"slice\", \"start\": 1}", NTK_ERROR_UNSUPPORTED, "[6, 8]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(loops_agree), kit_test(slice_is_a_cut), kit_test(dropout_agrees), kit_test(inference_changes_nothing),
                                       kit_test(dropout_of_vectors), kit_test(what_has_no_rule_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
