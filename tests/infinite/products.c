/*
 * Through the path that users take: X X' by matrix products, 784 inputs, thousands of samples, pairs at every angle; some of each kind
 * against the 113-bit oracle.
 *
 * Row i is cos(t_i) u + sin(t_i) v, of another length: the pair (i, j) stands at the angle t_i - t_j, from 1e-15 to pi.  Errors relative to
 * sqrt(K(x,x) K(x',x')), at most 4e-15 (1 + L/10) in double and 1e-6 (1 + L/10) in single precision.
 */
#include "core.h"
#include "kit.h"

#include "infinite/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 2500, D = 784, MAX_DEPTH = 20, SAMPLES = 400 };

typedef struct data {
    double *x; /* [N, D], numbers of the type under test */
    float *single;
} data;

/* The angle of row i: a third of the rows close to 0, a third close to pi, the others anywhere. */
static double angle_of_row(int i)
{
    double small = pow(10, -15 * (1 - (double)(i / 3) / (N / 3)));
    return i % 3 == 0 ? small : i % 3 == 1 ? M_PI - small : M_PI * i / N;
}

static void make_rows(data *rows, ntk_dtype dtype)
{
    double u[D], v[D];
    rows->x = calloc((size_t)N * D, sizeof(double));
    rows->single = calloc((size_t)N * D, sizeof(float));
    assert_true(rows->x && rows->single);
    kit_random(3, D, u);
    kit_random(4, D, v);
    for (int i = 0; i < N; ++i) {
        double t = angle_of_row(i), length = i % 7 == 0 ? 0.25 : 1 + 0.5 * (i % 5);
        for (int k = 0; k < D; ++k) {
            double value = length * (cos(t) * u[k] + sin(t) * v[k]);
            rows->single[(int64_t)i * D + k] = (float)value;
            rows->x[(int64_t)i * D + k] = dtype == NTK_F32 ? (double)(float)value : value;
        }
    }
}

static void free_rows(data *rows)
{
    free(rows->x);
    free(rows->single);
}

static ntk_network *chain_network(ntk_context *ctx, const char *name, int depth, double w_std, double b_std)
{
    char json[600], bias[40] = "";
    if (b_std >= 0) ntk_print(bias, sizeof bias, ", \"b_std\": %.17g", b_std);
    ntk_print(json, sizeof json,
             "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%d], \"layers\": [{\"op\": \"repeat\", \"times\": %d, \"layers\": ["
             "{\"op\": \"dense\", \"units\": 8, \"w_std\": %.17g%s}, {\"op\": \"%s\"}]}, {\"op\": \"dense\", \"units\": 1, \"w_std\": %.17g%s}]}",
             D, depth, w_std, bias, name, w_std, bias);
    return kit_network(ctx, json);
}

static double value_at(ntk_dtype dtype, const void *k, int64_t at)
{
    return dtype == NTK_F64 ? ((const double *)k)[at] : (double)((const float *)k)[at];
}

/* The worst error over SAMPLES pairs: neighbours of every distance, and pairs from anywhere. */
static double worst_error(const oracle_chain *chain, const data *rows, ntk_dtype dtype, const void *nngp, const void *theta)
{
    double worst = 0;
    for (int s = 0; s < SAMPLES; ++s) {
        int i = (int)((int64_t)s * N / SAMPLES), j = s % 4 == 0 ? (i + 3) % N : s % 4 == 1 ? (i + 4) % N : (int)((int64_t)s * 7919 % N);
        const double *x = rows->x + (int64_t)i * D, *y = rows->x + (int64_t)j * D;
        quad k[3], t[3];
        oracle_pair(chain, D, x, y, &k[0], &t[0]);
        oracle_pair(chain, D, x, x, &k[1], &t[1]);
        oracle_pair(chain, D, y, y, &k[2], &t[2]);
        double error = (double)fabsq((value_at(dtype, nngp, (int64_t)i * N + j) - k[0]) / sqrtq(k[1] * k[2]));
        if (!(error <= worst)) worst = error;
        if (t[1] * t[2] > 0) error = (double)fabsq((value_at(dtype, theta, (int64_t)i * N + j) - t[0]) / sqrtq(t[1] * t[2]));
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

/* Symmetric to the bit. */
static void check_symmetry(ntk_dtype dtype, const void *k)
{
    for (int64_t i = 0; i < N; i += 11)
        for (int64_t j = 0; j < i; ++j) assert_true(value_at(dtype, k, i * N + j) == value_at(dtype, k, j * N + i));
}

static void check_gram(ntk_context *ctx, const data *rows, ntk_dtype dtype, const char *name, oracle_dual dual, int depth, double w_std, double b_std)
{
    size_t size = dtype == NTK_F64 ? sizeof(double) : sizeof(float);
    void *k = malloc(size * N * N), *t = malloc(size * N * N);
    oracle_dual duals[MAX_DEPTH];
    oracle_chain chain = {duals, depth, w_std, b_std};
    ntk_network *net = chain_network(ctx, name, depth, w_std, b_std);
    ntk_kernel *kernel = NULL;
    ntk_array ax = dtype == NTK_F64 ? ntk_matrix_f64(rows->x, N, D) : ntk_matrix_f32(rows->single, N, D);
    ntk_array ak = dtype == NTK_F64 ? ntk_matrix_f64(k, N, N) : ntk_matrix_f32(k, N, N), at = dtype == NTK_F64 ? ntk_matrix_f64(t, N, N) : ntk_matrix_f32(t, N, N);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &ak, .ntk = &at};
    double worst, bound = (dtype == NTK_F64 ? 4e-15 : 1e-6) * (1 + depth / 10.0);
    assert_true(k && t);
    for (int l = 0; l < depth; ++l) duals[l] = dual;
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, NULL, &r));
    worst = worst_error(&chain, rows, dtype, k, t);
    if (!(worst <= bound) || getenv("NTK_TEST_VERBOSE")) print_message("%s x %d, b_std %g, %s: error %.2e, bound %.2e\n", name, depth, b_std, ntk_dtype_name(dtype), worst, bound);
    assert_true(worst <= bound);
    check_symmetry(dtype, k);
    check_symmetry(dtype, t);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    free(k);
    free(t);
}

static void check_type(ntk_context *ctx, ntk_dtype dtype)
{
    data rows;
    make_rows(&rows, dtype);
    check_gram(ctx, &rows, dtype, "relu", oracle_relu, 1, sqrt(2), -1);
    check_gram(ctx, &rows, dtype, "relu", oracle_relu, 3, sqrt(2), -1);
    check_gram(ctx, &rows, dtype, "relu", oracle_relu, 20, sqrt(2), -1);
    check_gram(ctx, &rows, dtype, "relu", oracle_relu, 3, sqrt(2), 0.25);
    check_gram(ctx, &rows, dtype, "erf", oracle_erf, 3, 1.25, 0.25);
    check_gram(ctx, &rows, dtype, "gelu", oracle_gelu, 3, 1.25, -1);
    check_gram(ctx, &rows, dtype, "sign", oracle_sign, 1, 1.25, -1);
    free_rows(&rows);
}

static void double_precision(void **state)
{
    check_type(*state, NTK_F64);
}

static void single_precision(void **state)
{
    check_type(*state, NTK_F32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(double_precision), kit_test(single_precision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
