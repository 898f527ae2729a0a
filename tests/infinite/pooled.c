/*
 * Distances behind pools inside a network, against the textbook recursion in 113-bit arithmetic: images a step e apart for every e, backgrounds of
 * one value, and windows that are equal at different places.  Errors are relative to sqrt(Theta(x, x) Theta(y, y)).
 */
#define NAIVE_QUAD
#include "naive.h"

#include <string.h>

enum { T = 8, C = 2, SIZE = T * C };

#define CONV(padding) "{\"op\": \"conv\", \"units\": 8, \"kernel\": 3, \"padding\": \"" padding "\", \"w_std\": 1.4, \"b_std\": 0.3}"
#define RELU "{\"op\": \"relu\"}"
#define POOL "{\"op\": \"avg_pool\", \"window\": 2, \"strides\": 2}"
#define NET(padding) \
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [8, 2], \"layers\": [" CONV(padding) "," RELU "," POOL "," CONV(padding) "," RELU "," \
    CONV(padding) "," RELU ", {\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}]}"

static void naive_layer(bool circular, naive_field *f)
{
    static naive_matrix taps[3];
    naive_same(f->n[0], 3, 1, taps);
    if (circular) taps[0][0][f->n[0] - 1] = taps[2][f->n[0] - 1][0] = 1;
    naive_mix(f, 3, (naive_real)1 / 3, f->n[0], taps, f->n[0], taps);
    naive_affine(f, (naive_real)1.4 * 1.4, (naive_real)0.3 * 0.3);
    naive_relu(f);
}

static void naive_halve(naive_field *f)
{
    static naive_matrix w;
    memset(w, 0, sizeof w);
    for (int o = 0; o < T / 2; ++o) w[o][2 * o] = w[o][2 * o + 1] = 0.5;
    naive_mix(f, 1, 1, T / 2, &w, T / 2, &w);
}

static naive_kernels naive(bool circular, const double *x, const double *y)
{
    static naive_field f;
    naive_input(T, x, T, y, C, false, &f);
    naive_layer(circular, &f);
    naive_halve(&f);
    naive_layer(circular, &f);
    naive_layer(circular, &f);
    return naive_readout(&f, 1.2 * 1.2, 0.1 * 0.1);
}

static naive_kernels kernels_of(ntk_context *ctx, const char *json, ntk_dtype dtype, const double *x, const double *y)
{
    ntk_network *net = kit_network(ctx, json);
    ntk_kernel *kernel = NULL;
    double numbers[2 * SIZE], out[2] = {0};
    float singles[2 * SIZE], *single_out = (float *)(void *)out;
    bool f64 = dtype == NTK_F64;
    for (int i = 0; i < 2 * SIZE; ++i) singles[i] = (float)(numbers[i] = i < SIZE ? x[i] : y[i - SIZE]);
    {
        ntk_array a = ntk_array_dense(f64 ? (void *)numbers : singles, dtype, 3, (int64_t[]){1, T, C}), b = a;
        ntk_array k = ntk_array_dense(out, dtype, 2, (int64_t[]){1, 1}), theta = k;
        b.data = f64 ? (void *)(numbers + SIZE) : (void *)(singles + SIZE);
        theta.data = f64 ? (void *)(out + 1) : (void *)(single_out + 1);
        kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
        kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &a, &b, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k, .ntk = &theta}));
    }
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    return f64 ? (naive_kernels){out[0], out[1]} : (naive_kernels){(double)single_out[0], (double)single_out[1]};
}

/*
 * The sum of a window's differences can be anything from 0 to the sum of their lengths, and nothing carries more of it than four covariances do: a
 * squared distance e² is known to eps, so the angle to eps/e; and never to less than its bound, e.  At e = sqrt(eps) both are sqrt(eps).  Planes
 * (zero padding) do such pairs again in twice the precision.
 */
static void near(ntk_context *ctx, bool circular)
{
    static const struct { ntk_dtype dtype; double eps, floor, planes; } types[] = {{NTK_F64, 0x1p-52, 4e-15, 1e-13}, {NTK_F32, 0x1p-23, 1e-6, 2e-6}};
    double x[SIZE], e[SIZE], y[SIZE];
    kit_random(1, SIZE, x);
    kit_random(2, SIZE, e);
    for (int i = 0; i < SIZE; ++i) x[i] = ldexp(rint(ldexp(x[i], 20)), -20);
    for (int t = 0; t < 2; ++t)
        for (double step = 1; step > 1e-17; step /= 4) {
            naive_kernels want, one, got;
            double error, bound = circular ? types[t].floor + fmin(types[t].eps / step, step) / 2 : types[t].planes;
            for (int i = 0; i < SIZE; ++i) y[i] = x[i] + step * e[i];
            for (int i = 0; t && i < SIZE; ++i) y[i] = ldexp(rint(ldexp(y[i], 22)), -22); /* singles */
            want = naive(circular, x, y);
            one = naive(circular, x, x);
            got = kernels_of(ctx, circular ? NET("circular") : NET("same"), types[t].dtype, x, y);
            error = fabs(got.ntk - want.ntk) / one.ntk;
            if (error > bound) fail_msg("%s, %s, step %g: error %.2g, bound %.2g", ntk_dtype_name(types[t].dtype), circular ? "general" : "planes", step, error, bound);
            kit_near(got.nngp, want.nngp, one.nngp * types[t].floor);
        }
}

static void near_images(void **state)
{
    near(*state, true);
    near(*state, false);
}

/* Patches of a background are equal: distances of 0, wherever they meet. */
static void backgrounds(void **state)
{
    double x[SIZE], y[SIZE];
    naive_kernels want;
    kit_random(3, SIZE, x);
    kit_random(4, SIZE, y);
    for (int i = 0; i < SIZE; ++i) {
        if (i >= 2 * C) x[i] = i % C ? 0.7 : 0.3;
        if (i < SIZE - 2 * C) y[i] = i % C ? 0.7 : 0.3;
    }
    for (int circular = 0; circular < 2; ++circular) {
        const char *json = circular ? NET("circular") : NET("same");
        want = naive(circular, x, y);
        kit_near(kernels_of(*state, json, NTK_F64, x, y).ntk, want.ntk, 4e-15 * want.ntk);
        kit_near(kernels_of(*state, json, NTK_F32, x, y).ntk, want.ntk, 1e-6 * want.ntk);
    }
}

/* Moved by the stride of the pool, each by its own multiple of it, circular images stay what they are. */
static void shifts_by_the_stride(void **state)
{
    double x[SIZE], y[SIZE], u[SIZE], v[SIZE];
    naive_kernels one, moved;
    kit_random(5, SIZE, x);
    kit_random(6, SIZE, y);
    for (int i = 0; i < SIZE; ++i) {
        u[(i + 2 * C) % SIZE] = x[i];
        v[(i + 6 * C) % SIZE] = y[i];
    }
    one = kernels_of(*state, NET("circular"), NTK_F64, x, x);
    moved = kernels_of(*state, NET("circular"), NTK_F64, x, u);
    kit_near(moved.ntk, one.ntk, 1e-14 * one.ntk);
    one = kernels_of(*state, NET("circular"), NTK_F64, x, y);
    moved = kernels_of(*state, NET("circular"), NTK_F64, u, v);
    kit_near(moved.ntk, one.ntk, 1e-14 * one.ntk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(near_images), kit_test(backgrounds), kit_test(shifts_by_the_stride)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
