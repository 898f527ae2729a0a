/*
 * Eigenvalues on the sphere S^{d-1} with its uniform measure (docs/mathematics.md §8).  A kernel of the angle, k(cos theta), has the spherical
 * harmonics as eigenfunctions, and of degree k (Funk & Hecke) the eigenvalue
 *
 *     mu_k = c int_0^pi k(cos theta) P_k(cos theta) sin^{d-2} theta d theta,     c = Gamma(d/2) / (sqrt(pi) Gamma((d-1)/2)),
 *
 * N_k = C(d+k-1, k) - C(d+k-3, k-2) times, P_k the Gegenbauer polynomials with P_k(1) = 1.  The library gives k at the nodes of Gauss and
 * Legendre in theta, between which it is analytic; so the sum is exact to rounding, and so must be what is known in closed form, of one hidden
 * layer of ReLU.
 */
#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 300, DEGREES = 7 };
#define PI 3.14159265358979323846

/* Nodes in (0, pi) and weights, by Newton's steps on the Legendre polynomial. */
static void gauss_legendre(double *theta, double *weight)
{
    for (int i = 0; i < NODES; ++i) {
        double x = cos(PI * (i + 0.75) / (NODES + 0.5)), slope = 0;
        for (int step = 0; step < 20; ++step) {
            double p = 1, before = 0;
            for (int k = 0; k < NODES; ++k) {
                double next = ((2 * k + 1) * x * p - k * before) / (k + 1);
                before = p;
                p = next;
            }
            slope = NODES * (x * p - before) / (x * x - 1);
            x -= p / slope;
        }
        theta[i] = PI / 2 * (1 - x);
        weight[i] = PI / ((1 - x * x) * slope * slope);
    }
}

/* Both kernels of one hidden layer between (1, 0, ...) and (cos theta, sin theta, 0, ...), all inputs of length d^1/2, at the nodes. */
static void kernel_at(ntk_context *ctx, int d, const double *theta, double *ntk, double *nngp)
{
    char json[400];
    double *x = calloc((size_t)(NODES + 1) * (size_t)d, sizeof *x);
    ntk_network *net;
    ntk_kernel *kernel = NULL;
    ntk_array first = ntk_matrix_f64(x, 1, d), all = ntk_matrix_f64(x + d, NODES, d), t = ntk_matrix_f64(ntk, 1, NODES), k = ntk_matrix_f64(nngp, 1, NODES);
    assert_non_null(x);
    x[0] = sqrt(d);
    for (int i = 0; i < NODES; ++i) {
        x[(i + 1) * d] = sqrt(d) * cos(theta[i]);
        x[(i + 1) * d + 1] = sqrt(d) * sin(theta[i]);
    }
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%d], \"layers\": ["
             "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}", d);
    net = kit_network(ctx, json);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &first, &all, &(ntk_request){NTK_REQUEST_INIT, .ntk = &t, .nngp = &k}));
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    free(x);
}

/* Degree by degree, by the recurrence of the polynomials in dimension d. */
static void eigenvalues(int d, const double *theta, const double *weight, const double *kernel, double *mu)
{
    double c = exp(lgamma(d / 2.0) - lgamma((d - 1) / 2.0)) / sqrt(PI);
    memset(mu, 0, DEGREES * sizeof *mu);
    for (int i = 0; i < NODES; ++i) {
        double t = cos(theta[i]), p = 1, before = 0, share = c * weight[i] * kernel[i] * pow(sin(theta[i]), d - 2);
        for (int k = 0; k < DEGREES; ++k) {
            double next = ((2 * k + d - 2) * t * p - k * before) / (k + d - 2);
            mu[k] += share * p;
            before = p;
            p = next;
        }
    }
}

/* Harmonics of degree k <= 2. */
static double multiplicity(int d, int k)
{
    const double n[] = {1, d, d * (d + 1.0) / 2 - 1};
    return n[k];
}

/* lgamma and sin^{d-2} lose up to d eps. */
static void test_closed_forms(void **state)
{
    double theta[NODES], weight[NODES], ntk[NODES], nngp[NODES], mu[DEGREES], nu[DEGREES];
    gauss_legendre(theta, weight);
    for (int d = 3; d <= 12; ++d) {
        double bound = 16 * d * DBL_EPSILON, root = tgamma(d / 2.0) / (sqrt(PI) * tgamma((d + 1) / 2.0));
        kernel_at(*state, d, theta, ntk, nngp);
        eigenvalues(d, theta, weight, nngp, mu);
        eigenvalues(d, theta, weight, ntk, nu);
        kit_near(mu[0], d / 2.0 * root * root, bound);
        kit_near(mu[1], 1 / (2.0 * d), bound);
        kit_near(nu[1], 1.0 / d, bound);
        for (int k = 3; k < DEGREES; k += 2) {
            kit_near(mu[k], 0, bound);
            kit_near(nu[k], 0, bound);
        }
    }
}

/* The same integrals by mpmath with 40 digits. */
static void test_values(void **state)
{
    static const struct {
        int d;
        double nngp[3], ntk[3]; /* degrees 2, 4, 6 */
    } known[] = {
        {3, {0.0234375, 0.000651041666666666667, 0.000091552734375}, {0.078125, 0.00520833333333333333, 0.00140380859375}},
        {4, {0.0144101238957991497, 0.000294084161138758157, 0.0000326760179043064619}, {0.0468329026613472366, 0.00213211016825599664, 0.000432957237232060621}},
        {10, {0.00276530928380246422, 0.0000163627768272335161, 6.54511073089340643e-7}, {0.00857245877978763907, 0.0000965403832806777449, 6.21785519434873611e-6}},
    };
    double theta[NODES], weight[NODES], ntk[NODES], nngp[NODES], mu[DEGREES], nu[DEGREES];
    gauss_legendre(theta, weight);
    for (int i = 0; i < 3; ++i) {
        double bound = 16 * known[i].d * DBL_EPSILON;
        kernel_at(*state, known[i].d, theta, ntk, nngp);
        eigenvalues(known[i].d, theta, weight, nngp, mu);
        eigenvalues(known[i].d, theta, weight, ntk, nu);
        for (int k = 0; k < 3; ++k) {
            kit_near(mu[2 + 2 * k], known[i].nngp[k], bound);
            kit_near(nu[2 + 2 * k], known[i].ntk[k], bound);
        }
    }
}

/* Of the trace (1, and 2 for the NTK) degrees 0, 1 and 2 carry nearly all in high dimension: 1/2 + 3/(2 pi) of the NNGP in the limit. */
static void test_shares(void **state)
{
    static const struct {
        int d;
        double nngp, ntk;
    } known[] = {{3, 0.99219, 0.94531}, {10, 0.98393, 0.91549}, {100, 0.97824, 0.89985}, {1000, 0.97754, 0.89809}};
    double theta[NODES], weight[NODES], ntk[NODES], nngp[NODES], mu[DEGREES], nu[DEGREES];
    gauss_legendre(theta, weight);
    for (int i = 0; i < 4; ++i) {
        double shares[2] = {0, 0};
        kernel_at(*state, known[i].d, theta, ntk, nngp);
        eigenvalues(known[i].d, theta, weight, nngp, mu);
        eigenvalues(known[i].d, theta, weight, ntk, nu);
        for (int k = 0; k < 3; ++k) {
            shares[0] += multiplicity(known[i].d, k) * mu[k];
            shares[1] += multiplicity(known[i].d, k) * nu[k] / 2;
        }
        kit_near(shares[0], known[i].nngp, 5e-6);
        kit_near(shares[1], known[i].ntk, 5e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_closed_forms), kit_test(test_values), kit_test(test_shares)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
