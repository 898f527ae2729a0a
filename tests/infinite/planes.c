/*
 * Chains of convolutions by planes of constant offset: random networks against the textbook recursion over all pairs of positions in
 * 113-bit arithmetic (which loses half of its 34 digits and keeps enough), and against the general path; images at every
 * distance from each other; blocks that are not full; layers' terms, diagonals, symmetry.
 */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#pragma GCC diagnostic ignored "-Wpedantic" /* __float128 and its constants */
#include <quadmath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 36, LAYERS = 8 };

typedef __float128 quad;

/* ---- a random network -------------------------------------------------------------------------------------------- */

typedef struct layer {
    int dense, pool, kernel[2], stride[2], dilation[2], same, in[2], out[2];
    double w_std, b_std, a, b; /* phi(x) = a min(x, 0) + b max(x, 0) */
} layer;

enum { AVERAGE = 1, AVERAGE_INSIDE, SUM }; /* layer.pool */

typedef struct net {
    int height, width, channels, count, end; /* 0 flatten, 1 global_avg_pool, 2 global_sum_pool */
    layer layers[LAYERS];
} net;

static uint64_t seed = 1;

static double uniform(void)
{
    double x;
    kit_random(seed++, 1, &x);
    return (x + 1) / 2;
}

static int pick(int n)
{
    return (int)(uniform() * n) % n;
}

static void random_window(layer *l, const int in[2])
{
    for (int a = 0; a < 2; ++a) {
        l->in[a] = in[a];
        l->kernel[a] = l->dense ? 1 : l->pool ? 1 + pick(3) : pick(3) ? 3 : 1 + pick(4);
        l->dilation[a] = l->dense || l->pool || pick(4) ? 1 : 2;
        l->stride[a] = l->dense || pick(3) ? 1 : 2;
        if (l->pool && l->kernel[a] > in[a]) l->kernel[a] = in[a]; /* else windows of different outputs have the same pixels */
        if (l->pool && pick(3)) l->stride[a] = l->kernel[a];
    }
    l->same = l->dense || pick(3) || (l->kernel[0] - 1) * l->dilation[0] >= in[0] || (l->kernel[1] - 1) * l->dilation[1] >= in[1];
    for (int a = 0; a < 2; ++a) l->out[a] = ((l->same ? in[a] : in[a] - (l->kernel[a] - 1) * l->dilation[a]) + l->stride[a] - 1) / l->stride[a];
}

static net random_net(int biased, int channels, int pools)
{
    static const double family[][2] = {{0, 1}, {0, 1}, {0, 1}, {0.2, 1}, {-1, 1}, {-0.5, 0.8}, {1, 1}};
    net n = {.height = 3 + pick(4), .width = 3 + pick(4), .channels = channels, .count = 1 + pick(5), .end = pick(3)};
    int in[2] = {n.height, n.width}, family_kind = pick(3);
    for (int i = 0; i < n.count; ++i) {
        layer *l = &n.layers[i];
        const double *f = family[family_kind < 2 ? 0 : pick(7)];
        l->pool = pools && i > 0 && pick(3) == 0 ? 1 + pick(3) : 0;
        l->dense = !l->pool && pick(6) == 0;
        random_window(l, in);
        l->w_std = (1 + 0.5 * uniform()) * (biased && pick(5) == 0 ? pick(2) ? 8 : 0.1 : 1); /* units of norms change */
        l->b_std = biased && pick(2) ? 0.5 * uniform() : 0;
        l->a = l->pool ? 1 : f[0];
        l->b = l->pool ? 1 : f[1];
        memcpy(in, l->out, sizeof in);
    }
    return n;
}

static int write_pool(const layer *l, char *json, size_t size)
{
    return snprintf(json, size, "{\"op\": \"%s\", \"window\": [%d, %d], \"strides\": [%d, %d], \"padding\": \"%s\"%s}, ", l->pool == SUM ? "sum_pool" : "avg_pool",
                    l->kernel[0], l->kernel[1], l->stride[0], l->stride[1], l->same ? "same" : "valid", l->pool == AVERAGE_INSIDE ? ", \"normalize_edges\": true" : "");
}

static void write_net(const net *n, const char *parameterization, char *json, size_t size)
{
    static const char *const ends[] = {"flatten", "global_avg_pool", "global_sum_pool"};
    int at = snprintf(json, size, "{\"format\": \"ntk-network\", \"version\": 1, \"parameterization\": \"%s\", \"input\": [%d, %d, %d], \"layers\": [", parameterization,
                      n->height, n->width, n->channels);
    for (int i = 0; i < n->count; ++i) {
        const layer *l = &n->layers[i];
        if (l->pool) {
            at += write_pool(l, json + at, size - (size_t)at);
            continue;
        }
        at += ntk_print(json + at, size - (size_t)at, "{\"op\": \"%s\", \"units\": 5, \"w_std\": %.17g, \"b_std\": %.17g", l->dense ? "dense" : "conv", l->w_std, l->b_std);
        if (!l->dense)
            at += snprintf(json + at, size - (size_t)at, ", \"kernel\": [%d, %d], \"strides\": [%d, %d], \"dilation\": [%d, %d], \"padding\": \"%s\"", l->kernel[0],
                           l->kernel[1], l->stride[0], l->stride[1], l->dilation[0], l->dilation[1], l->same ? "same" : "valid");
        at += snprintf(json + at, size - (size_t)at, "}, ");
        if (l->a != 1) at += ntk_print(json + at, size - (size_t)at, "{\"op\": \"abrelu\", \"a\": %.17g, \"b\": %.17g}, ", l->a, l->b);
    }
    snprintf(json + at, size - (size_t)at, "{\"op\": \"%s\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.2, \"b_std\": 0.1}]}", ends[n->end]);
}

/* ---- the textbook ------------------------------------------------------------------------------------------------ */

typedef struct field {
    quad k[3][MOST][MOST], theta[3][MOST][MOST]; /* x with y, x with x, y with y */
} field;

static int read_at(const layer *l, int p, int tap)
{
    int at[2] = {p / l->out[1], p % l->out[1]}, t[2] = {tap / l->kernel[1], tap % l->kernel[1]};
    for (int a = 0; a < 2; ++a) {
        int need = (l->out[a] - 1) * l->stride[a] + (l->kernel[a] - 1) * l->dilation[a] + 1 - l->in[a];
        at[a] = at[a] * l->stride[a] + t[a] * l->dilation[a] - (l->same && need > 0 ? need / 2 : 0);
        if (at[a] < 0 || at[a] >= l->in[a]) return -1;
    }
    return at[0] * l->in[1] + at[1];
}

static void affine(const layer *l, const field *in, field *out)
{
    int taps = l->kernel[0] * l->kernel[1], positions = l->out[0] * l->out[1];
    quad w2 = (quad)l->w_std * l->w_std, b2 = (quad)l->b_std * l->b_std;
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < positions; ++p)
            for (int q = 0; q < positions; ++q) {
                quad k = 0, theta = 0;
                for (int t = 0; t < taps; ++t) {
                    int i = read_at(l, p, t), j = read_at(l, q, t);
                    if (i < 0 || j < 0) continue;
                    k += in->k[m][i][j] / taps;
                    theta += in->theta[m][i][j] / taps;
                }
                out->k[m][p][q] = w2 * k + b2;
                out->theta[m][p][q] = w2 * theta + out->k[m][p][q];
            }
}

static double pool_weight(const layer *l, int output)
{
    int taps = l->kernel[0] * l->kernel[1], inside = 0;
    for (int t = 0; t < taps; ++t) inside += read_at(l, output, t) >= 0;
    return l->pool == SUM ? 1 : 1.0 / (l->pool == AVERAGE ? taps : inside);
}

/* Every tap meets every tap. */
static void pool(const layer *l, const field *in, field *out)
{
    int taps = l->kernel[0] * l->kernel[1], positions = l->out[0] * l->out[1];
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < positions; ++p)
            for (int q = 0; q < positions; ++q) {
                quad weight = (quad)pool_weight(l, p) * pool_weight(l, q), k = 0, theta = 0;
                for (int t = 0; t < taps * taps; ++t) {
                    int i = read_at(l, p, t / taps), j = read_at(l, q, t % taps);
                    if (i >= 0 && j >= 0) k += in->k[m][i][j], theta += in->theta[m][i][j];
                }
                out->k[m][p][q] = weight * k;
                out->theta[m][p][q] = weight * theta;
            }
}

/* phi(x) = (b + a)/2 x + (b - a)/2 |x|,   E|u||v| = 2/pi (root + k asin rho) */
static void activate_pair(const layer *l, quad qa, quad qb, quad *k, quad *theta)
{
    quad odd = ((quad)l->b + l->a) / 2, even = ((quad)l->b - l->a) / 2, rest = qa * qb - *k * *k, root = rest > 0 ? sqrtq(rest) : 0, angle = atan2q(*k, root);
    *theta *= odd * odd + even * even * 2 / M_PIq * angle;
    *k = odd * odd * *k + even * even * 2 / M_PIq * (root + *k * angle);
}

static void activate(const layer *l, field *f)
{
    int positions = l->out[0] * l->out[1];
    quad q[2][MOST];
    for (int p = 0; p < positions; ++p)
        for (int s = 0; s < 2; ++s) q[s][p] = f->k[s + 1][p][p];
    for (int m = 0; m < 3; ++m)
        for (int i = 0; i < positions; ++i)
            for (int j = 0; j < positions; ++j) activate_pair(l, q[m == 2][i], q[m != 1][j], &f->k[m][i][j], &f->theta[m][i][j]);
}

typedef struct kernels {
    double nngp, ntk;
} kernels;

/* xy, xx, yy */
static void textbook(const net *n, const double *x, const double *y, kernels out[3])
{
    static field f, g;
    const double *a[3] = {x, x, y}, *b[3] = {y, x, y};
    const layer *last = &n->layers[n->count - 1];
    int c = n->channels, positions = n->height * n->width;
    memset(&f, 0, sizeof f);
    for (int m = 0; m < 3; ++m)
        for (int p = 0; p < positions; ++p)
            for (int q = 0; q < positions; ++q)
                for (int i = 0; i < c; ++i) f.k[m][p][q] += (quad)a[m][p * c + i] * b[m][q * c + i] / c;
    for (int i = 0; i < n->count; ++i) {
        g = f;
        if (n->layers[i].pool) pool(&n->layers[i], &g, &f);
        else affine(&n->layers[i], &g, &f);
        if (n->layers[i].a != 1) activate(&n->layers[i], &f);
    }
    positions = last->out[0] * last->out[1];
    for (int m = 0; m < 3; ++m) {
        quad k = 0, theta = 0, w2 = (quad)1.2 * 1.2, b2 = (quad)0.1 * 0.1;
        for (int p = 0; p < positions; ++p)
            for (int q = n->end ? 0 : p; q < (n->end ? positions : p + 1); ++q) {
                k += f.k[m][p][q];
                theta += f.theta[m][p][q];
            }
        if (n->end == 0) k /= positions, theta /= positions;
        if (n->end == 1) k /= positions * positions, theta /= positions * positions;
        out[m] = (kernels){(double)(w2 * k + b2), (double)(w2 * theta + w2 * k + b2)};
    }
}

/* ---- the library -------------------------------------------------------------------------------------------------- */

static ntk_kernel *kernel_of(ntk_context *ctx, const net *n, const char *parameterization)
{
    char json[4096];
    ntk_network *network;
    ntk_kernel *kernel = NULL;
    write_net(n, parameterization, json, sizeof json);
    network = kit_network(ctx, json);
    kit_ok(ctx, ntk_kernel_from_network(ctx, network, NULL, &kernel));
    ntk_network_destroy(network);
    return kernel;
}

static ntk_array images(const net *n, void *x, ntk_dtype dtype, int64_t count)
{
    int64_t shape[4] = {count, n->height, n->width, n->channels};
    return ntk_array_dense(x, dtype, 4, shape);
}

static kernels pair_of(ntk_context *ctx, const ntk_kernel *kernel, const net *n, ntk_dtype dtype, void *x, void *y)
{
    float f[2];
    double d[2];
    int64_t one[2] = {1, 1};
    ntk_array ax = images(n, x, dtype, 1), ay = images(n, y, dtype, 1);
    ntk_array a = ntk_array_dense(dtype == NTK_F64 ? (void *)&d[0] : (void *)&f[0], dtype, 2, one), b = ntk_array_dense(dtype == NTK_F64 ? (void *)&d[1] : (void *)&f[1], dtype, 2, one);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &b, .nngp = &a};
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ay, &r));
    return dtype == NTK_F64 ? (kernels){d[0], d[1]} : (kernels){(double)f[0], (double)f[1]};
}

/* ---- pairs of images ----------------------------------------------------------------------------------------------- */

enum { RANDOM, EQUAL, NEAR_3, NEAR_7, NEAR_12, TRIPLE, OPPOSITE, NEAR_OPPOSITE, FLAT, SPARSE, UNEVEN, ZERO, PAIRS };

static void make_pair(const net *n, int kind, double *x, double *y)
{
    static const double nearness[] = {[NEAR_3] = 1e-3, [NEAR_7] = 1e-7, [NEAR_12] = 1e-12, [NEAR_OPPOSITE] = 1e-6};
    int size = n->height * n->width * n->channels;
    kit_random(seed++, size, x);
    kit_random(seed++, size, y);
    for (int i = 0; i < size; ++i) {
        if (kind == EQUAL) y[i] = x[i];
        if (kind >= NEAR_3 && kind <= NEAR_12) y[i] = x[i] + nearness[kind] * y[i];
        if (kind == TRIPLE) y[i] = 3 * x[i];
        if (kind == OPPOSITE) y[i] = -x[i];
        if (kind == NEAR_OPPOSITE) y[i] = nearness[kind] * y[i] - x[i];
        if (kind == FLAT) x[i] = i < size / 2 ? 0.2 : 1, y[i] = i < size / 3 ? 0.7 : -0.4;
        if (kind == SPARSE) x[i] = i % 5 ? 0 : x[i], y[i] = i % 3 ? 0 : y[i];
        if (kind == UNEVEN) y[i] *= 1e-3;
        if (kind == ZERO) y[i] = 0;
    }
}

static void to_single(int size, double *x, float *f)
{
    for (int i = 0; i < size; ++i) x[i] = (double)(f[i] = (float)x[i]);
}

static void close_to(kernels got, const kernels want[3], double bound, const char *what, const net *n, int kind)
{
    double k = fabs(got.nngp - want[0].nngp) / sqrt(want[1].nngp * want[2].nngp), theta = fabs(got.ntk - want[0].ntk) / sqrt(want[1].ntk * want[2].ntk);
    char json[4096];
    if (k <= bound && theta <= bound) return;
    write_net(n, "ntk", json, sizeof json);
    fail_msg("%s, pair %d: nngp off by %.2e, ntk by %.2e\n%s", what, kind, k, theta, json);
}

static void one_network(ntk_context *ctx, const net *n)
{
    double x[MOST * 3], y[MOST * 3];
    float fx[MOST * 3], fy[MOST * 3];
    int size = n->height * n->width * n->channels;
    ntk_kernel *kernel = kernel_of(ctx, n, "ntk");
    assert_ptr_equal(kernel->class, &ntk_planes_kernel);
    for (int kind = 0; kind < PAIRS; ++kind) {
        kernels want[3];
        make_pair(n, kind, x, y);
        textbook(n, x, y, want);
        close_to(pair_of(ctx, kernel, n, NTK_F64, x, y), want, 1e-13, "double", n, kind);
        to_single(size, x, fx);
        to_single(size, y, fy);
        textbook(n, x, y, want);
        close_to(pair_of(ctx, kernel, n, NTK_F32, fx, fy), want, 2e-6, "single", n, kind);
    }
    ntk_kernel_destroy(kernel);
}

static void the_textbook_agrees(void **state)
{
    for (int i = 0; i < 40; ++i) {
        net n = random_net(i % 2, 1 + pick(3), 0);
        one_network(*state, &n);
    }
}

static void the_textbook_agrees_with_pools(void **state)
{
    for (int i = 0; i < 60; ++i) {
        net n = random_net(i % 3 == 0, 1 + pick(3), 1);
        one_network(*state, &n);
    }
}

/* Pairs in twice the precision, by the loops of every instruction set there is here. */
static void every_instruction_set(void **state)
{
    static const int kinds[] = {NEAR_3, NEAR_7, TRIPLE, SPARSE};
    for (int i = 0; i < 6; ++i) {
        net n = random_net(i % 2, 2, 1);
        ntk_kernel *kernel = kernel_of(*state, &n, "ntk");
        ntk_cpu best = kernel->reading->cpu;
        for (int cpu = NTK_CPU_C; cpu <= (int)best; ++cpu)
            for (int k = 0; k < 4; ++k) {
                double x[MOST * 3], y[MOST * 3];
                kernels want[3];
                kernel->reading->cpu = (ntk_cpu)cpu;
                make_pair(&n, kinds[k], x, y);
                textbook(&n, x, y, want);
                close_to(pair_of(*state, kernel, &n, NTK_F64, x, y), want, 1e-13, "double", &n, kinds[k]);
            }
        ntk_kernel_destroy(kernel);
    }
}

/* ---- many images, the other path ------------------------------------------------------------------------------------ */

enum { MANY = 19 };

typedef struct matrices {
    double ntk[MANY * MANY], nngp[MANY * MANY], layers[(LAYERS + 1) * MANY * MANY];
} matrices;

static int weighted(const net *n)
{
    int count = 0;
    for (int i = 0; i < n->count; ++i) count += !n->layers[i].pool;
    return count;
}

static void evaluate(ntk_context *ctx, const ntk_kernel *kernel, const net *n, double *x, int64_t rows, double *y, int64_t columns, matrices *out)
{
    ntk_array ax = images(n, x, NTK_F64, rows), ay = images(n, y, NTK_F64, columns), a = ntk_matrix_f64(out->ntk, rows, columns), b = ntk_matrix_f64(out->nngp, rows, columns), c;
    int64_t shape[3] = {weighted(n) + 1, rows, columns};
    ntk_request r = {NTK_REQUEST_INIT, .ntk = NULL};
    c = ntk_array_dense(out->layers, NTK_F64, 3, shape);
    r.ntk = &a;
    r.nngp = &b;
    r.layers = &c;
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, y ? &ay : NULL, &r));
}

/* No patches of zeros: a bias of variance 0 that learns gives them a Theta but no angle. */
static void make_images(const net *n, double *x)
{
    double other[MOST * 3];
    int size = n->height * n->width * n->channels;
    for (int i = 0; i < MANY; ++i) make_pair(n, i % PAIRS >= SPARSE ? RANDOM : i % PAIRS, x + i * size, other);
}

/* Both classes of kernel, all that a request can ask for; rows and columns that fill no block. */
static void the_general_path_agrees(void **state)
{
    static const char *const parameterizations[] = {"ntk", "standard", "textbook"};
    static matrices fast, slow, symmetric;
    for (int t = 0; t < 18; ++t) {
        double x[MANY * MOST * 3];
        net n = random_net(t % 2, t >= 9 ? 2 : 1 + pick(2), t >= 9);
        ntk_kernel *kernel = kernel_of(*state, &n, parameterizations[t % 3]);
        int64_t entries = MANY * 5;
        make_images(&n, x);
        evaluate(*state, kernel, &n, x, MANY, x, 5, &fast);
        evaluate(*state, kernel, &n, x, MANY, NULL, MANY, &symmetric);
        for (int i = 0; i < MANY; ++i)
            for (int j = 0; j < 5; ++j) {
                assert_true(symmetric.ntk[i * MANY + j] == symmetric.ntk[j * MANY + i]);
                if (j <= i) assert_true(fast.ntk[i * 5 + j] == symmetric.ntk[i * MANY + j]); /* beside other lanes */
            }
        kernel->class = &ntk_spatial_kernel;
        kernel->tile = kernel->wide = 8;
        evaluate(*state, kernel, &n, x, MANY, x, 5, &slow);
        kit_close(entries, fast.ntk, slow.ntk, 1e-13);
        kit_close(entries, fast.nngp, slow.nngp, 1e-13);
        for (int l = 0; l <= weighted(&n); ++l) kit_close(entries, fast.layers + l * entries, slow.layers + l * entries, 1e-13);
        ntk_kernel_destroy(kernel);
    }
}

static void diagonals_are_those_of_the_matrix(void **state)
{
    static matrices m;
    for (int t = 0; t < 8; ++t) {
        double x[MANY * MOST * 3], theta[MANY], k[MANY];
        net n = random_net(t % 2, 2, t >= 4);
        ntk_kernel *kernel = kernel_of(*state, &n, "ntk");
        ntk_array ax, a = ntk_vector_f64(theta, MANY), b = ntk_vector_f64(k, MANY);
        ntk_request r = {NTK_REQUEST_INIT, .ntk = NULL};
        r.ntk = &a;
        r.nngp = &b;
        make_images(&n, x);
        ax = images(&n, x, NTK_F64, MANY);
        evaluate(*state, kernel, &n, x, MANY, NULL, MANY, &m);
        kit_ok(*state, ntk_kernel_diagonal(*state, kernel, &ax, &r));
        for (int i = 0; i < MANY; ++i) {
            assert_true(theta[i] == m.ntk[i * (MANY + 1)]);
            assert_true(k[i] == m.nngp[i * (MANY + 1)]);
        }
        ntk_kernel_destroy(kernel);
    }
}

/* Of pairs in twice the precision too: Theta is the sum of the layers' terms, each of which by the general path as well (at the general path's digits). */
static void terms_of_near_pairs_add_up(void **state)
{
    static matrices fast, slow;
    for (int t = 0; t < 6; ++t) {
        double x[MOST * 3], y[MOST * 3];
        net n = random_net(t % 2, 2, 1);
        ntk_kernel *kernel = kernel_of(*state, &n, t % 3 ? "ntk" : "standard");
        double sum = 0;
        make_pair(&n, NEAR_7, x, y);
        evaluate(*state, kernel, &n, x, 1, y, 1, &fast);
        kernel->class = &ntk_spatial_kernel;
        kernel->tile = kernel->wide = 8;
        evaluate(*state, kernel, &n, x, 1, y, 1, &slow);
        for (int l = 0; l <= weighted(&n); ++l) {
            sum += fast.layers[l];
            kit_near(fast.layers[l], slow.layers[l], 1e-8 * slow.ntk[0]);
        }
        kit_near(sum, fast.ntk[0], 1e-13 * fast.ntk[0]);
        ntk_kernel_destroy(kernel);
    }
}

/* Huge beside tiny images: squares of pixels would not fit into a double. */
static void scale_does_not_matter(void **state)
{
    net n = {.height = 4, .width = 4, .channels = 2, .count = LAYERS, .end = 1};
    double x[32], y[32], u[32], v[32];
    ntk_kernel *kernel;
    kernels a, b;
    for (int i = 0; i < LAYERS; ++i) n.layers[i] = (layer){0, 0, {3, 3}, {1, 1}, {1, 1}, 1, {4, 4}, {4, 4}, 1.41, 0, 0, 1};
    kernel = kernel_of(*state, &n, "ntk");
    make_pair(&n, RANDOM, x, y);
    for (int i = 0; i < 32; ++i) {
        u[i] = ldexp(x[i], 300);
        v[i] = ldexp(y[i], -280);
    }
    a = pair_of(*state, kernel, &n, NTK_F64, x, y);
    b = pair_of(*state, kernel, &n, NTK_F64, u, v);
    kit_near(b.nngp - 0.01, ldexp(a.nngp - 0.01, 20), 1e-9 * b.nngp); /* the last layer's bias, 0.1² */
    kit_near(b.ntk - 0.01, ldexp(a.ntk - 0.01, 20), 1e-9 * b.ntk);
    ntk_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(the_textbook_agrees), kit_test(the_textbook_agrees_with_pools), kit_test(every_instruction_set), kit_test(terms_of_near_pairs_add_up),
                                       kit_test(the_general_path_agrees), kit_test(diagonals_are_those_of_the_matrix),
                                       kit_test(scale_does_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
