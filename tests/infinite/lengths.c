/*
 * Inputs of every length through erf and sigmoid_like, which become jumps: the NTK of two of them is a peak of width 1/length over their angle, so
 * an error eps of the angle would be one of eps times the length.  Against 113-bit arithmetic, on every instruction set that this machine has.
 *
 * Bounds as in truth.c.  In single precision lengths to 1e15 too; their squares are numbers of it.
 */
#include "kit.h"

#include "infinite/oracle.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { D = 6, KINDS = 6 };

static const double w_std = 1.25, slope_of_sigmoid = 1 / 2.4020563531719796; /* network-format.md */

/*
 * The first layer's moments and their determinant, which textbook moments of long vectors would lose:
 * |x|²|y|² - (x·y)² = sum over i < j of (x_i y_j - x_j y_i)², and a bias b adds w² b² |x - y|².
 */
typedef struct moments {
    quad q11, q22, q12, det;
} moments;

static moments first_layer(const double *x, const double *y, double b)
{
    quad w2 = (quad)w_std * w_std, b2 = b > 0 ? (quad)b * b : 0, apart = 0;
    moments m = {0, 0, 0, 0};
    for (int i = 0; i < D; ++i) {
        quad difference = (quad)x[i] - y[i];
        m.q11 += (quad)x[i] * x[i] / D;
        m.q22 += (quad)y[i] * y[i] / D;
        m.q12 += (quad)x[i] * y[i] / D;
        apart += difference * difference / D;
        for (int j = 0; j < i; ++j) {
            quad area = (quad)x[i] * y[j] - (quad)x[j] * y[i];
            m.det += area * area / D / D;
        }
    }
    return (moments){w2 * m.q11 + b2, w2 * m.q22 + b2, w2 * m.q12 + b2, w2 * w2 * m.det + w2 * b2 * apart};
}

/* (offset + scale erf(slope u)): E of products, and of derivatives. */
static void dual_of(const moments *m, double offset, double scale, double slope, quad *k, quad *dot)
{
    quad s2 = (quad)slope * slope, root = sqrtq(1 + 2 * s2 * (m->q11 + m->q22) + 4 * s2 * s2 * m->det), a2 = (quad)scale * scale;
    *k = (quad)offset * offset + a2 * 2 / oracle_pi() * atan2q(2 * s2 * m->q12, root);
    *dot = a2 * 4 / oracle_pi() * s2 / root;
}


typedef struct kind {
    const char *name;
    double offset, scale, slope;
} kind;

static moments with_det(quad q11, quad q22, quad q12)
{
    quad p = sqrtq(q11 * q22), det = (p - q12) * (p + q12);
    return (moments){q11, q22, q12, det > 0 ? det : 0};
}

static void oracle(const kind *f, int layers, double b, const double *x, const double *y, quad *k, quad *theta)
{
    quad w2 = (quad)w_std * w_std, b2 = b > 0 ? (quad)b * b : 0, t;
    moments m = first_layer(x, y, b), mx = first_layer(x, x, b), my = first_layer(y, y, b);
    for (t = m.q12;; t = m.q12 + w2 * t) { /* theta of each layer: its own and what comes from below */
        quad next[3], dot, unused;
        if (layers-- == 0) break;
        dual_of(&m, f->offset, f->scale, f->slope, &next[2], &dot);
        dual_of(&mx, f->offset, f->scale, f->slope, &next[0], &unused);
        dual_of(&my, f->offset, f->scale, f->slope, &next[1], &unused);
        for (int i = 0; i < 3; ++i) next[i] = w2 * next[i] + b2;
        m = with_det(next[0], next[1], next[2]);
        mx = with_det(next[0], next[0], next[0]);
        my = with_det(next[1], next[1], next[1]);
        t *= dot;
    }
    *k = m.q12;
    *theta = t;
}

static ntk_kernel *kernel_of(ntk_context *ctx, const char *name, int layers, double b)
{
    ntk_kernel *kernel;
    ntk_network *net;
    ntk_builder *builder;
    const int64_t shape[1] = {D};
    ntk_attribute keys[] = {NTK_NUMBER("units", 8), NTK_NUMBER("w_std", w_std), NTK_NUMBER(b < 0 ? NULL : "b_std", b), NTK_END};
    kit_ok(ctx, ntk_builder_create(ctx, 1, shape, NULL, &builder));
    for (int l = 0; l <= layers; ++l) {
        kit_ok(ctx, ntk_builder_add(ctx, builder, "dense", keys));
        if (l < layers) kit_ok(ctx, ntk_builder_add(ctx, builder, name, NULL));
    }
    kit_ok(ctx, ntk_builder_finish(ctx, builder, &net));
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    ntk_builder_destroy(builder);
    return kernel;
}

/* Pairs h apart of length `length`: beside one another, opposite, proportional and nearly so, one of them a thousand times as long. */
static void make_pair(int which, double length, double h, double *x, double *y)
{
    static const double u[D] = {0.5, -1.25, 0.75, 2, -0.375, 0.0625}, e[D] = {0.25, 0.5, -0.125, 0.0625, 1, -0.75};
    static const double ratio[KINDS] = {1, -1, 3, 1, 1000, 0.7}, along[KINDS] = {0, 0, 0, 1, 0, 0};
    for (int i = 0; i < D; ++i) {
        x[i] = length * u[i];
        y[i] = length * ratio[which] * (u[i] + h * (along[which] > 0 ? u[i] : e[i]));
    }
}

/* Numbers of both types: the oracle sees what the library sees.  Inlined, gcc 12 at -O3 leaves out the rounding of the last two. */
__attribute__((noinline)) static void to_floats(double *v, float *f)
{
    for (int i = 0; i < D; ++i) {
        f[i] = (float)v[i];
        v[i] = (double)f[i];
    }
}

static void eval(ntk_context *ctx, const ntk_kernel *kernel, ntk_dtype dtype, double *x, double *y, double got[2])
{
    float fx[D], fy[D], fk[2];
    bool single = dtype == NTK_F32;
    const int64_t in[2] = {1, D}, out[2] = {1, 1};
    ntk_array ax = ntk_array_dense(single ? (void *)fx : x, dtype, 2, in), ay = ntk_array_dense(single ? (void *)fy : y, dtype, 2, in);
    ntk_array k = ntk_array_dense(single ? (void *)&fk[0] : &got[0], dtype, 2, out), t = ntk_array_dense(single ? (void *)&fk[1] : &got[1], dtype, 2, out);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &k, .ntk = &t};
    if (single) to_floats(x, fx), to_floats(y, fy);
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ay, &r));
    for (int i = 0; single && i < 2; ++i) got[i] = fk[i];
}

static void check_pair(ntk_context *ctx, const ntk_kernel *kernel, const kind *f, int layers, double b, ntk_dtype dtype, int which, double length, double h)
{
    double x[D], y[D], got[2], bound = (dtype == NTK_F64 ? 4e-15 : 1e-6) * (1 + layers / 10.0);
    quad want[3][2];
    make_pair(which, length, h, x, y);
    eval(ctx, kernel, dtype, x, y, got);
    oracle(f, layers, b, x, y, &want[0][0], &want[0][1]);
    oracle(f, layers, b, x, x, &want[1][0], &want[1][1]);
    oracle(f, layers, b, y, y, &want[2][0], &want[2][1]);
    for (int i = 0; i < 2; ++i) {
        double error = (double)(fabsq(got[i] - want[0][i]) / sqrtq(want[1][i] * want[2][i]));
        if (!(error <= bound))
            fail_msg("%s x %d, b_std %g, %s, %s: pair %d, length %g, %g apart: %s %.17g, want %.17g, error %.2e", f->name, layers, b, ntk_dtype_name(dtype), ntk_context_cpu(ctx),
                     which, length, h, i ? "ntk" : "nngp", got[i], (double)want[0][i], error);
    }
}

static void check(ntk_context *ctx, const kind *f, int layers, double b)
{
    ntk_kernel *kernel = kernel_of(ctx, f->name, layers, b);
    for (double length = 1; length < 3e15; length *= 1e3)
        for (double h = 1; h > 1e-16; h /= 20)
            for (int which = 0; which < KINDS; ++which) {
                check_pair(ctx, kernel, f, layers, b, NTK_F64, which, length, h);
                check_pair(ctx, kernel, f, layers, b, NTK_F32, which, length, h);
            }
    ntk_kernel_destroy(kernel);
}

static void check_kind(const kind *f)
{
    static const char *const cpus[] = {"c", "avx2", "avx512"}; /* a name above the machine's own runs its best */
    static const int layers[] = {1, 2, 4};
    static const double biases[] = {-1, 0.05, 1};
    for (int c = 0; c < 3; ++c) {
        ntk_context *ctx;
        setenv("NTK_CPU", cpus[c], 1);
        assert_int_equal(ntk_context_create(NULL, &ctx), NTK_OK);
        for (int l = 0; l < 3; ++l)
            for (int b = 0; b < 3; ++b) check(ctx, f, layers[l], biases[b]);
        ntk_context_destroy(ctx);
    }
    unsetenv("NTK_CPU");
}

static void long_inputs_of_erf(void **state)
{
    (void)state;
    check_kind(&(kind){"erf", 0, 1, 1});
}

static void long_inputs_of_sigmoid_like(void **state)
{
    (void)state;
    check_kind(&(kind){"sigmoid_like", 0.5, 0.5, slope_of_sigmoid});
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(long_inputs_of_erf), kit_test(long_inputs_of_sigmoid_like)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
