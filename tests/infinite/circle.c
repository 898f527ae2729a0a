/*
 * Fully connected kernels on n equispaced points of the circle: invariant under rotations, so the gram is circulant and the discrete Fourier
 * transform diagonalises it; and of the two-layer ReLU network the eigenvalues are known (docs/mathematics.md §8):
 *
 *     n sum_m lambda_{|k + m n|},   lambda_k the coefficients of kappa_1 (NNGP) and of kappa_1 + t kappa_0 (NTK).
 */
#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum { N = 64 };

static void points(double *x)
{
    for (int i = 0; i < N; ++i) {
        x[2 * i] = (double)cosl(2 * acosl(-1) * i / N);
        x[2 * i + 1] = (double)sinl(2 * acosl(-1) * i / N);
    }
}

static void gram_of(ntk_context *ctx, const char *layers, double *ntk, double *nngp)
{
    char json[1024];
    double x[2 * N];
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    ntk_array ax = ntk_matrix_f64(x, N, 2), t = ntk_matrix_f64(ntk, N, N), k = ntk_matrix_f64(nngp, N, N);
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [%s]}", layers);
    points(x);
    kit_ok(ctx, ntk_network_parse(ctx, json, &net));
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &t, .nngp = &k}));
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

/* Row i is row 0 turned by i.  The points are rounded to eps, and so is rho; near rho = 1 the distance, to eps of itself. */
static void check_circulant(const double *k)
{
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) kit_near(k[i * N + j], k[(j - i + N) % N], 32 * DBL_EPSILON * k[0]);
}

static void test_circulant(void **state)
{
    static const char *const networks[] = {
        "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.3, \"b_std\": 0.4}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 8, \"w_std\": 1.5}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 1}",
        "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"gelu\"}, {\"op\": \"dense\", \"units\": 8, \"b_std\": 1}, {\"op\": \"layer_norm\"}, {\"op\": \"sin\"}, {\"op\": \"dense\", \"units\": 1}",
        "{\"op\": \"repeat\", \"times\": 9, \"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"dense\", \"units\": 2}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}]]}]}",
    };
    double ntk[N * N], nngp[N * N];
    for (int i = 0; i < 3; ++i) {
        gram_of(*state, networks[i], ntk, nngp);
        check_circulant(ntk);
        check_circulant(nngp);
    }
}

/* sum over the aliases k + m N, m = -infinity ... infinity, of c1/k² + c2/k⁴ + ... given exactly by `lambda`; the tail beyond M by its integral. */
static long double aliases(long double (*lambda)(long k), int k, long double c1, long double c2)
{
    enum { M = 4000 };
    long double sum = lambda(k), tail = 0;
    for (long m = M - 1; m >= 1; --m) sum += lambda(m * N + k) + lambda(m * N - k);
    if (k % 2 == 0)
        for (int side = -1; side <= 1; side += 2) {
            long double from = (long double)M * N + side * k;
            tail += (c1 / from + c2 / (3 * from * from * from)) / N + (lambda((long)from)) / 2 + c1 * N / (6 * from * from * from);
        }
    return sum + tail;
}

static long double nngp_coefficient(long k)
{
    long double pi2 = acosl(-1) * acosl(-1), d = (long double)k * k - 1;
    if (k == 0) return 4 / pi2;
    if (k == 1) return 0.25L;
    return k % 2 ? 0 : 4 / (pi2 * d * d);
}

static long double ntk_coefficient(long k)
{
    long double pi2 = acosl(-1) * acosl(-1), d = (long double)k * k - 1;
    if (k == 0) return 6 / pi2;
    if (k == 1) return 0.5L;
    return k % 2 ? 0 : 2 * ((long double)k * k + 3) / (pi2 * d * d);
}

static long double fourier(const double *row, int k)
{
    long double sum = 0;
    for (int j = 0; j < N; ++j) sum += row[j] * cosl(2 * acosl(-1) * j * k / N);
    return sum / N;
}

static void test_two_layers(void **state)
{
    double ntk[N * N], nngp[N * N];
    long double pi2 = acosl(-1) * acosl(-1);
    gram_of(*state, "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4142135623730951}", ntk, nngp);
    check_circulant(ntk);
    for (int k = 0; k <= N / 2; ++k) {
        kit_near((double)fourier(nngp, k), (double)aliases(nngp_coefficient, k, 0, 4 / pi2), 1e-15);
        kit_near((double)fourier(ntk, k), (double)aliases(ntk_coefficient, k, 2 / pi2, 10 / pi2), 2e-15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_circulant), kit_test(test_two_layers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
