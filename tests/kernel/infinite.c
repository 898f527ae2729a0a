/* The infinite-width kernel as a class: against the two-layer closed form, special pairs, and data sets cut in tiles. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 3 };

/* f(x) = m^-1/2 sum v_i relu(u_i . x), w_std 1.3, v_std 0.8: any finite width has the same limit. */
static const char two_layers[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"parameterization\": \"textbook\", \"layers\": ["
                                 "{\"op\": \"dense\", \"units\": 16, \"w_std\": 1.3}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 0.8}]}";

static ntk_kernel *make(ntk_context *ctx, const char *json)
{
    ntk_network *net = kit_network(ctx, json);
    ntk_kernel *k = NULL;
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &k));
    ntk_network_destroy(net);
    return k;
}

static double closed_form(ntk_context *ctx, const double *a, const double *b)
{
    double theta = NAN;
    kit_ok(ctx, ntk_relu_two_layer_ntk(ctx, D, a, b, 1.3, 0.8, &theta));
    return theta;
}

/* Random, equal, nearly equal, opposite, scaled and zero vectors. */
static void special_points(int64_t n, double *x)
{
    kit_random(1, n * D, x);
    memcpy(x + D, x, D * sizeof *x);
    for (int i = 0; i < D; ++i) {
        x[2 * D + i] = x[i] * (1 + (i + 1) * 1e-9);
        x[3 * D + i] = -x[i];
        x[4 * D + i] = 1e-6 * x[i];
        x[5 * D + i] = 0;
        x[6 * D + i] = 1e6 * x[i];
    }
}

/* Each pair on its own, relative to the entry: both formulas lose nothing for near vectors, so a few eps each. */
static void test_two_layers(void **state)
{
    enum { N = 12 };
    ntk_context *ctx = *state;
    ntk_kernel *k = make(ctx, two_layers);
    double x[N * D], got[N * N], again[N * N], diagonal[N];
    ntk_array points = ntk_matrix_f64(x, N, D), copy = points, out = ntk_matrix_f64(got, N, N), other = ntk_matrix_f64(again, N, N);
    ntk_array d = ntk_vector_f64(diagonal, N);
    special_points(N, x);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, &copy, &(ntk_request){NTK_REQUEST_INIT, .ntk = &other}));
    kit_ok(ctx, ntk_kernel_diagonal(ctx, k, &points, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d}));
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            double wanted = closed_form(ctx, x + i * D, x + j * D);
            double size = sqrt(closed_form(ctx, x + i * D, x + i * D) * closed_form(ctx, x + j * D, x + j * D));
            kit_near(got[i * N + j], wanted, 4e-15 * size);
            kit_near(again[i * N + j], wanted, 4e-15 * size);
            if (i == j) kit_near(diagonal[i], wanted, 2e-15 * size);
        }
    ntk_kernel_destroy(k);
}

/* A data set and the same in pieces: tiles know their place within the set, whatever their offset. */
static void test_pieces(void **state)
{
    enum { N = 600, FIRST = 509, COUNT = 50 };
    ntk_context *ctx = *state;
    ntk_kernel *k = make(ctx, two_layers);
    double *x = malloc(N * D * sizeof *x), *whole = malloc(N * N * sizeof *whole), *piece = malloc(COUNT * COUNT * sizeof *piece);
    ntk_array points = ntk_matrix_f64(x, N, D), some = ntk_matrix_f64(x + FIRST * D, COUNT, D), out = ntk_matrix_f64(whole, N, N);
    ntk_array small = ntk_matrix_f64(piece, COUNT, COUNT);
    assert_true(x && whole && piece);
    kit_random(2, N * D, x);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &some, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &small}));
    for (int i = 0; i < COUNT; ++i)
        for (int j = 0; j < COUNT; ++j) kit_near(piece[i * COUNT + j], whole[(FIRST + i) * N + FIRST + j], 4e-15 * whole[0]);
    for (int i = 0; i < N; i += 7)
        for (int j = 0; j < N; j += 11) kit_near(whole[i * N + j], closed_form(ctx, x + i * D, x + j * D), 1e-14);
    ntk_kernel_destroy(k);
    free(x);
    free(whole);
    free(piece);
}

/* Lengths are taken without overflow or underflow: a kernel that is finite comes out, however large or small the entries. */
static void test_scales(void **state)
{
    ntk_context *ctx = *state;
    ntk_kernel *k = make(ctx, two_layers);
    double x[2 * D], base[4], got[4];
    ntk_array points = ntk_matrix_f64(x, 2, D), out = ntk_matrix_f64(got, 2, 2);
    kit_random(3, 2 * D, x);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    memcpy(base, got, sizeof base);
    for (int e = -480; e <= 480; e += 60) {
        double scaled[2 * D];
        ntk_array other = ntk_matrix_f64(scaled, 2, D);
        for (int i = 0; i < 2 * D; ++i) scaled[i] = ldexp(x[i], e);
        kit_ok(ctx, ntk_kernel_eval(ctx, k, &other, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
        for (int i = 0; i < 4; ++i) kit_near(ldexp(got[i], -2 * e), base[i], 4e-15 * base[0]);
    }
    ntk_kernel_destroy(k);
}

/* The handle says what it delivers. */
static void test_handle(void **state)
{
    ntk_context *ctx = *state;
    ntk_kernel *k = make(ctx, two_layers);
    assert_ptr_equal(k->class, &ntk_infinite_kernel);
    assert_int_equal(k->delivers, NTK_WANT_NTK | NTK_WANT_NNGP | NTK_WANT_LAYERS);
    assert_int_equal(k->layers, 2);
    assert_int_equal(k->per_sample * k->trailing, 1);
    assert_int_equal(k->class->takes, NTK_TAKES_BOTH);
    ntk_kernel_destroy(k);
}

/* An activation of what is not Gaussian has no rule; the sentence says where. */
static void test_no_rule(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 4},"
                                        "{\"op\": \"relu\"}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}");
    ntk_kernel *k = (void *)1;
    kit_fails(ctx, ntk_kernel_from_network(ctx, net, NULL, &k), NTK_ERROR_NO_RULE, "layers[2]");
    assert_null(k);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_two_layers), kit_test(test_pieces), kit_test(test_scales), kit_test(test_handle),
                                       kit_test(test_no_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
