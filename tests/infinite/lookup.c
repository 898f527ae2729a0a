/*
 * Activations without a closed form: the tables in two lengths and the gap against plain double integrals made here, lengths on both sides of the ends of
 * segments, all signs and sizes of rho, up to ten layers; a pair has the same bits whatever stands around it.
 */
#include "pairs.h"
#include "pieces.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TANH_POLE 1.5707963267948966

/* ---- the oracle: u = a z, v = b (rho z + root w), panels cut where u or v is 0 ------------------------------------ */

enum { POINTS = NTK_PIECES_POINTS, MOST = 2400 };
static double rule_x[POINTS], rule_w[POINTS];

typedef struct nodes {
    int count;
    double z[MOST], w[MOST];
} nodes;

static void add_panels(double low, double high, double widest, nodes *n)
{
    int parts = (int)ceil((high - low) / widest);
    if (!(high > low)) return;
    for (int part = 0; part < parts; ++part)
        for (int i = 0; i < POINTS; ++i) {
            double width = (high - low) / parts, z = low + width * (part + rule_x[i]);
            assert_true(n->count < MOST);
            n->z[n->count] = z;
            n->w[n->count++] = width * rule_w[i] * exp(-z * z / 2) / sqrt(2 * M_PI);
        }
}

static void make_nodes(double cut, double widest, nodes *n)
{
    cut = fmax(-9, fmin(9, cut));
    n->count = 0;
    add_panels(-9, cut, widest, n);
    add_panels(cut, 9, widest, n);
}

typedef struct function {
    const char *name;
    bool kinked;
} function;
static const function functions[] = {{"tanh", false}, {"sigmoid", false}, {"silu", false}, {"softplus", false}, {"elu", true}, {"selu", true}};
enum { FUNCTIONS = 6 };

static void phi(int f, double x, double *value, double *slope)
{
    double s = 1 / (1 + exp(-x)), scale = f == 5 ? 1.0507009873554805 : 1, alpha = f == 5 ? 1.6732632423543772 : 1;
    switch (f) {
    case 0: *value = tanh(x), *slope = 1 - *value * *value; break;
    case 1: *value = s, *slope = s * (1 - s); break;
    case 2: *value = x * s, *slope = s + x * s * (1 - s); break;
    case 3: *value = fmax(x, 0) + log1p(exp(-fabs(x))), *slope = s; break;
    default: *value = scale * (x > 0 ? x : alpha * expm1(x)), *slope = scale * (x > 0 ? 1 : alpha * exp(x));
    }
}

static void oracle(int f, double a, double b, double rho, double *k, double *dot)
{
    static nodes outer, inner;
    double root = sqrt((1 - rho) * (1 + rho));
    make_nodes(0, fmin(1, TANH_POLE / fmax(a, b)), &outer);
    *k = *dot = 0;
    for (int i = 0; i < outer.count; ++i) {
        double z = outer.z[i], u, du, sum = 0, slopes = 0;
        make_nodes(functions[f].kinked ? -rho * z / root : 0, fmin(1, TANH_POLE / (b * root)), &inner);
        for (int j = 0; j < inner.count; ++j) {
            double v, dv;
            phi(f, b * (rho * z + root * inner.z[j]), &v, &dv);
            sum += inner.w[j] * v;
            slopes += inner.w[j] * dv;
        }
        phi(f, a * z, &u, &du);
        *k += outer.w[i] * u * sum;
        *dot += outer.w[i] * du * slopes;
    }
}

/* ---- one layer --------------------------------------------------------------------------------------------------- */

static void put_pair(double a, double b, double rho, double x[2], double y[2])
{
    x[0] = a;
    x[1] = 0;
    y[0] = b * rho;
    y[1] = b * sqrt((1 - rho) * (1 + rho));
}

static ntk_kernel *kernel_of(ntk_context *ctx, const char *name, int depth)
{
    char text[2000] = "{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4142135623730951}";
    ntk_kernel *kernel = NULL;
    for (int l = 1; l <= depth; ++l) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, ", {\"op\": \"%s\"}%s", name, depth > 1 ? ", {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.5}" : "");
    }
    kit_ok(ctx, read_kernel(ctx, 2, "ntk", text, &kernel));
    return kernel;
}

static void check(ntk_context *ctx, const ntk_kernel *kernel, int f, double a, double b, double rho)
{
    double x[2], y[2], k, dot, q12;
    kernels got, xx, yy;
    put_pair(a, b, rho, x, y);
    q12 = a * b * rho;
    oracle(f, a, b, rho, &k, &dot);
    got = pair_of(ctx, kernel, 2, x, y);
    xx = pair_of(ctx, kernel, 2, x, x);
    yy = pair_of(ctx, kernel, 2, y, y);
    k = fabs(got.nngp - k) / sqrt(xx.nngp * yy.nngp);
    dot = fabs(got.ntk - dot * q12) / sqrt(xx.ntk * yy.ntk);
    if (getenv("NTK_TEST_VERBOSE")) print_message("%s %g %g at %g: %.1e %.1e\n", functions[f].name, a, b, rho, k, dot);
    if (!(k <= 1e-11 && dot <= 1e-11)) fail_msg("%s, lengths %.17g %.17g, rho %g: NNGP off by %.2e, NTK by %.2e", functions[f].name, a, b, rho, k, dot);
}

/* Ends of segments lie at 2^(1/4 + k/2): 1.189, 1.682, ... */
static const double lengths[][2] = {{1.1892071, 1.1892072}, {1.18, 1.2}, {0.05, 0.06}, {0.3, 2}, {1.7, 1.6}, {3, 4.9}, {5, 5}, {1e-6, 1}};
static const double cosines[] = {0.02, 0.4, -0.15, 0.8, -0.97, 0.999, 0.9999999};

static void one_layer(void **state)
{
    ntk_gauss_legendre(rule_x, rule_w);
    for (int f = 0; f < FUNCTIONS; ++f) {
        ntk_kernel *kernel = kernel_of(*state, functions[f].name, 1);
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; ++l)
            for (int r = 0; r < (functions[f].kinked ? 4 : 7); ++r) check(*state, kernel, f, lengths[l][0], lengths[l][1], cosines[r]);
        ntk_kernel_destroy(kernel);
    }
}

/* ---- ten layers -------------------------------------------------------------------------------------------------- */

typedef struct moments {
    double q11, q22, q12, t11, t22, t12;
} moments;

/* phi, then dense of w_std 1.5:  q' = 2.25 K,  t' = q' + 2.25 K. t. */
static void layer(int f, moments *m)
{
    const double w2 = 2.25;
    double a = sqrt(m->q11), b = sqrt(m->q22), k11, k22, k12, d11, d22, d12;
    oracle(f, a, b, m->q12 / (a * b), &k12, &d12);
    oracle(f, a, a, 1, &k11, &d11);
    oracle(f, b, b, 1, &k22, &d22);
    *m = (moments){w2 * k11, w2 * k22, w2 * k12, w2 * (k11 + d11 * m->t11), w2 * (k22 + d22 * m->t22), w2 * (k12 + d12 * m->t12)};
}

static void ten_layers(void **state)
{
    ntk_gauss_legendre(rule_x, rule_w);
    for (int f = 0; f < FUNCTIONS; ++f) {
        double x[2], y[2];
        moments m = {1.44, 0.64, 1.2 * 0.8 * -0.3, 1.44, 0.64, 1.2 * 0.8 * -0.3};
        ntk_kernel *kernel;
        kernels k;
        int depth = f == 5 ? 2 : 10; /* selu by 1.5 grows out of variance 25 */
        put_pair(1.2, 0.8, -0.3, x, y);
        for (int l = 0; l < depth; ++l) layer(f, &m);
        kernel = kernel_of(*state, functions[f].name, depth);
        k = pair_of(*state, kernel, 2, x, y);
        if (getenv("NTK_TEST_VERBOSE")) print_message("%s: %.1e %.1e, q11 %g\n", functions[f].name, (k.nngp - m.q12) / sqrt(m.q11 * m.q22), (k.ntk - m.t12) / sqrt(m.t11 * m.t22), m.q11);
        kit_near((k.nngp - m.q12) / sqrt(m.q11 * m.q22), 0, 1e-10);
        kit_near((k.ntk - m.t12) / sqrt(m.t11 * m.t22), 0, 1e-10);
        ntk_kernel_destroy(kernel);
    }
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

enum { N = 40 };

static void whole(ntk_context *ctx, const double *x, double *out)
{
    ntk_kernel *kernel = kernel_of(ctx, "silu", 2);
    ntk_array ax = ntk_matrix_f64(x, N, 2), ao = ntk_matrix_f64(out, N, N);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ao};
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ax, &r));
    ntk_kernel_destroy(kernel);
}

static void a_pair_does_not_see_the_others(void **state)
{
    double x[2 * N], out[N * N], four[N * N];
    ntk_kernel *kernel = kernel_of(*state, "silu", 2);
    ntk_context *ctx = NULL;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .threads = 4};
    kit_random(5, 2 * N, x);
    memset(x + 6, 0, 2 * sizeof *x); /* a zero among them */
    whole(*state, x, out);
    for (int i = 0; i < N; i += 3)
        for (int j = 0; j < N; ++j)
            if (pair_of(*state, kernel, 2, x + 2 * i, x + 2 * j).ntk != out[i * N + j]) fail_msg("pair %d, %d", i, j);
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    whole(ctx, x, four);
    assert_memory_equal(out, four, sizeof out);
    ntk_context_destroy(ctx);
    ntk_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(one_layer), kit_test(ten_layers), kit_test(a_pair_does_not_see_the_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
