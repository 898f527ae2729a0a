/*
 * Inputs with positions: a naive recursion over all pairs of positions (four loops, long double, the textbook covariances), the
 * symmetries that need no reference values, and what is refused.
 */
#include "kit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { H = 5, W = 4, P = H * W, C = 2, SIZE = P * C };

#define CONV(padding, bias) "{\"op\": \"conv\", \"units\": 8, \"kernel\": [3, 3], \"padding\": \"" padding "\", \"w_std\": 1.4" bias "}"
#define BIAS ", \"b_std\": 0.3"
#define RELU "{\"op\": \"relu\"}"
#define DENSE "{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}"

static ntk_network *network_of(ntk_context *ctx, const char *input, const char *layers)
{
    char json[4096];
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": %s, \"layers\": [%s]}", input, layers);
    return kit_network(ctx, json);
}

typedef struct kernels {
    double nngp, ntk;
} kernels;

static kernels kernels_of(ntk_context *ctx, const char *layers, const double *x, const double *y)
{
    kernels k;
    ntk_network *net = network_of(ctx, "[5, 4, 2]", layers);
    ntk_kernel *kernel = NULL;
    ntk_array ax = {.data = (void *)(uintptr_t)x, .dtype = NTK_F64, .ndim = 4, .shape = {1, H, W, C}, .strides = {SIZE, W * C, C, 1}}, ay = ax;
    ntk_array a = ntk_matrix_f64(&k.nngp, 1, 1), b = ntk_matrix_f64(&k.ntk, 1, 1);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &a, .ntk = &b};
    ay.data = (void *)(uintptr_t)y;
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ay, &r));
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    return k;
}

/* ---- the naive recursion: K and Theta of x with x', K of x with itself and of x' with itself ----------------------- */

typedef long double real;
typedef struct field {
    real k[3][P][P], theta[P][P];
} field;

static void naive_input(const double *x, const double *y, field *f)
{
    const double *a[3] = {x, x, y}, *b[3] = {y, x, y};
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < P; ++p)
            for (int q = 0; q < P; ++q) {
                f->k[m][p][q] = f->theta[p][q] = 0;
                for (int c = 0; c < C; ++c) f->k[m][p][q] += (real)a[m][p * C + c] * (real)b[m][q * C + c] / C;
            }
}

static int shifted(int p, int dy, int dx, int wrap)
{
    int y = p / W + dy, x = p % W + dx;
    if (wrap) return (y + H) % H * W + (x + W) % W;
    return y < 0 || y >= H || x < 0 || x >= W ? -1 : y * W + x;
}

static real naive_mean(real m[P][P], int p, int q, int wrap)
{
    real sum = 0;
    for (int t = 0; t < 9; ++t) {
        int a = shifted(p, t / 3 - 1, t % 3 - 1, wrap), b = shifted(q, t / 3 - 1, t % 3 - 1, wrap);
        if (a >= 0 && b >= 0) sum += m[a][b];
    }
    return sum / 9;
}

static void naive_conv(const field *in, int wrap, real w2, real b2, field *out)
{
    field f = *in;
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < P; ++p)
            for (int q = 0; q < P; ++q) out->k[m][p][q] = w2 * naive_mean(f.k[m], p, q, wrap) + b2;
    for (int p = 0; p < P; ++p)
        for (int q = 0; q < P; ++q) out->theta[p][q] = w2 * naive_mean(f.theta, p, q, wrap) + out->k[0][p][q];
}

static real naive_relu(real qa, real qb, real k, real *dot)
{
    real pi = acosl(-1), root = (qa * qb - k * k) > 0 ? sqrtl(qa * qb - k * k) : 0, angle = atan2l(root, k);
    *dot = (pi - angle) / (2 * pi);
    return root / (2 * pi) + *dot * k;
}

static void naive_relus(field *f)
{
    field in = *f;
    real dot;
    for (int p = 0; p < P; ++p)
        for (int q = 0; q < P; ++q) {
            for (int m = 1; m < 3; ++m) f->k[m][p][q] = naive_relu(in.k[m][p][p], in.k[m][q][q], in.k[m][p][q], &dot);
            f->k[0][p][q] = naive_relu(in.k[1][p][p], in.k[2][q][q], in.k[0][p][q], &dot);
            f->theta[p][q] = dot * in.theta[p][q];
        }
}

/* A pool of 3x3 windows with zero padding in front of another convolution: all taps meet all taps. */
static void naive_pool(field *f)
{
    field in = *f;
    for (int p = 0; p < P; ++p)
        for (int q = 0; q < P; ++q) {
            real sum[4] = {0};
            for (int t = 0; t < 81; ++t) {
                int a = shifted(p, t / 9 / 3 - 1, t / 9 % 3 - 1, 0), b = shifted(q, t % 9 / 3 - 1, t % 9 % 3 - 1, 0);
                if (a < 0 || b < 0) continue;
                for (int m = 0; m < 3; ++m) sum[m] += in.k[m][a][b] / 81;
                sum[3] += in.theta[a][b] / 81;
            }
            for (int m = 0; m < 3; ++m) f->k[m][p][q] = sum[m];
            f->theta[p][q] = sum[3];
        }
}

static kernels naive_end(const field *f, int flatten)
{
    real k = 0, theta = 0, w2 = 1.44L, b2 = 0.01L;
    for (int p = 0; p < P; ++p)
        for (int q = 0; q < P; ++q)
            if (!flatten || p == q) {
                k += f->k[0][p][q] / (flatten ? P : P * P);
                theta += f->theta[p][q] / (flatten ? P : P * P);
            }
    return (kernels){(double)(w2 * k + b2), (double)(w2 * theta + w2 * k + b2)};
}

static kernels naive(const double *x, const double *y, int wrap, int pool, int flatten)
{
    field *f = malloc(sizeof *f);
    kernels k;
    assert_non_null(f);
    naive_input(x, y, f);
    for (int layer = 0; layer < 2; ++layer) {
        naive_conv(f, wrap, 1.96L, 0.09L, f);
        naive_relus(f);
        if (pool && layer == 0) naive_pool(f);
    }
    k = naive_end(f, flatten);
    free(f);
    return k;
}

static void near(kernels a, kernels b)
{
    kit_near(a.nngp, b.nngp, 1e-13 * fabs(b.nngp));
    kit_near(a.ntk, b.ntk, 1e-13 * fabs(b.ntk));
}

#define POOL "{\"op\": \"avg_pool\", \"window\": 3, \"padding\": \"same\"}"
#define GAP "{\"op\": \"global_avg_pool\"}"
#define FLATTEN "{\"op\": \"flatten\"}"

static void four_loops_agree(void **state)
{
    double x[SIZE], y[SIZE];
    kit_random(1, SIZE, x);
    kit_random(2, SIZE, y);
    near(kernels_of(*state, CONV("same", BIAS) "," RELU "," CONV("same", BIAS) "," RELU "," FLATTEN "," DENSE, x, y), naive(x, y, 0, 0, 1));
    near(kernels_of(*state, CONV("same", BIAS) "," RELU "," CONV("same", BIAS) "," RELU "," GAP "," DENSE, x, y), naive(x, y, 0, 0, 0));
    near(kernels_of(*state, CONV("circular", BIAS) "," RELU "," CONV("circular", BIAS) "," RELU "," GAP "," DENSE, x, y), naive(x, y, 1, 0, 0));
    near(kernels_of(*state, CONV("same", BIAS) "," RELU "," POOL "," CONV("same", BIAS) "," RELU "," GAP "," DENSE, x, y), naive(x, y, 0, 1, 0));
    near(kernels_of(*state, CONV("same", BIAS) "," RELU "," POOL "," CONV("same", BIAS) "," RELU "," FLATTEN "," DENSE, x, y), naive(x, y, 0, 1, 1));
}

/* ---- symmetries -------------------------------------------------------------------------------------------------- */

static void shift_image(const double *x, int dy, int dx, double *to)
{
    for (int p = 0; p < P; ++p)
        for (int c = 0; c < C; ++c) to[shifted(p, dy, dx, 1) * C + c] = x[p * C + c];
}

static void circular_shifts_change_nothing(void **state)
{
    const char *net = CONV("circular", BIAS) "," RELU "," CONV("circular", "") "," RELU "," GAP "," DENSE;
    double x[SIZE], y[SIZE], u[SIZE], v[SIZE];
    kit_random(3, SIZE, x);
    kit_random(4, SIZE, y);
    shift_image(x, 1, 2, u);
    shift_image(y, -1, 1, v);
    near(kernels_of(*state, net, u, v), kernels_of(*state, net, x, y));
    near(kernels_of(*state, net, x, u), kernels_of(*state, net, x, x));
}

static void one_by_one_is_dense_and_whole_image_is_flatten(void **state)
{
    double x[SIZE], y[SIZE];
    kit_random(5, SIZE, x);
    kit_random(6, SIZE, y);
    near(kernels_of(*state, "{\"op\": \"conv\", \"units\": 4, \"kernel\": 1, \"w_std\": 1.3, \"b_std\": 0.2}," RELU "," GAP "," DENSE, x, y),
         kernels_of(*state, "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.3, \"b_std\": 0.2}," RELU "," GAP "," DENSE, x, y));
    near(kernels_of(*state, "{\"op\": \"conv\", \"units\": 4, \"kernel\": [5, 4], \"w_std\": 1.3, \"b_std\": 0.2}," RELU "," FLATTEN "," DENSE, x, y),
         kernels_of(*state, FLATTEN ", {\"op\": \"dense\", \"units\": 4, \"w_std\": 1.3, \"b_std\": 0.2}," RELU "," DENSE, x, y));
}

/* Equal images: the diagonal is exact, Theta of one ReLU convolution by hand: K' = w² q + b², half of it behind each ReLU. */
static void equal_images_lose_no_digit(void **state)
{
    const char *net = "{\"op\": \"conv\", \"units\": 8, \"kernel\": 1, \"w_std\": 1.4}," RELU "," FLATTEN ", {\"op\": \"dense\", \"units\": 1}";
    double x[SIZE], q = 0;
    kernels k;
    kit_random(7, SIZE, x);
    for (int i = 0; i < SIZE; ++i) q += x[i] * x[i] / SIZE;
    k = kernels_of(*state, net, x, x);
    kit_near(k.nngp, 0.98 * q, 1e-15 * q);
    kit_near(k.ntk, 1.96 * q, 2e-15 * q);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void refused(ntk_context *ctx, const char *layers, ntk_status status, const char *words)
{
    ntk_network *net = network_of(ctx, "[5, 4, 2]", layers);
    ntk_kernel *kernel = NULL;
    kit_fails(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel), status, words);
    assert_null(kernel);
    ntk_network_destroy(net);
}

static void what_has_no_rule_is_refused(void **state)
{
    refused(*state, CONV("same", "") "," "{\"op\": \"max_pool\", \"window\": 2}," FLATTEN "," DENSE, NTK_ERROR_NO_RULE, "layers[1]: the maximum");
    refused(*state, CONV("same", "") "," RELU "," POOL "," RELU "," FLATTEN, NTK_ERROR_NO_RULE, "layers[3]: relu needs a Gaussian input");
    refused(*state, CONV("same", "") "," FLATTEN "," RELU, NTK_ERROR_NO_RULE, "layers[2]: relu needs a Gaussian input");
    refused(*state, CONV("same", ""), NTK_ERROR_UNSUPPORTED, "[5, 4, 8]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(four_loops_agree), kit_test(circular_shifts_change_nothing), kit_test(one_by_one_is_dense_and_whole_image_is_flatten),
                                       kit_test(equal_images_lose_no_digit), kit_test(what_has_no_rule_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
