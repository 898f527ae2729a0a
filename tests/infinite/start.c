/*
 * The start of a pair, through the path users take: x·x' by a matrix product over many samples, d = 784, pairs at every angle.
 * With one linear layer in front of a ReLU the NTK shows the angle itself.
 */
#include "kit.h"

#include "infinite/oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 784, N = 600 };

/* Row 0 is random; row i is row 0 turned by an angle from 1e-15 to pi, and its norm changed. */
static void turned_rows(double *x)
{
    double other[D], dot = 0, square = 0;
    kit_random(3, D, x);
    kit_random(4, D, other);
    for (int k = 0; k < D; ++k) {
        dot += x[k] * other[k];
        square += x[k] * x[k];
    }
    for (int k = 0; k < D; ++k) other[k] -= dot / square * x[k];
    for (int i = 1; i < N; ++i) {
        double t = i < N / 2 ? pow(10, -15 * (1 - 2.0 * i / N)) : M_PI * (2.0 * i / N - 1), scale = 1 + 0.5 * (i % 3);
        for (int k = 0; k < D; ++k) x[i * D + k] = scale * (cos(t) * x[k] + sin(t) * other[k]);
    }
}

static void angles_survive_the_product(void **state)
{
    double *x = calloc(N * D, sizeof *x), *k = calloc(N * N, sizeof *k);
    ntk_network *net = kit_network(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [784], \"layers\": [{\"op\": \"repeat\", \"times\": 3, \"layers\": ["
                                           "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}]}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4142135623730951}]}");
    const oracle_dual duals[3] = {oracle_relu, oracle_relu, oracle_relu};
    oracle_chain chain = {duals, 3, 1.4142135623730951, -1};
    ntk_array ax = ntk_matrix_f64(x, N, D), ak = ntk_matrix_f64(k, N, N);
    ntk_request r = {NTK_REQUEST_INIT, NULL, &ak, NULL};
    ntk_kernel *kernel = NULL;
    turned_rows(x);
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &kernel));
    kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, NULL, &r));
    for (int i = 0; i < N; i += 7)
        for (int j = 0; j <= i; j += 1 + i / 40) {
            quad unused, theta, tii, tjj;
            oracle_pair(&chain, D, x + i * D, x + j * D, &unused, &theta);
            oracle_pair(&chain, D, x + i * D, x + i * D, &unused, &tii);
            oracle_pair(&chain, D, x + j * D, x + j * D, &unused, &tjj);
            kit_near((double)((k[i * N + j] - theta) / sqrtq(tii * tjj)), 0, 4e-15 * 1.3);
        }
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    free(x);
    free(k);
}

/* Norms whose squares over- or underflow, as long as the kernel itself is a normal number. */
static void extreme_norms(void **state)
{
    ntk_network *net = kit_network(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [{\"op\": \"dense\", \"units\": 8}, {\"op\": \"relu\"}]}");
    const double pairs[][3] = {{1e200, 1e-200, 0.25}, {1e-150, 1e-150, 0.25e-300}, {1e150, 1e150, 0.25e300}, {1e-200, 1e200, 0.25}};
    ntk_kernel *kernel = NULL;
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &kernel));
    for (int i = 0; i < 4; ++i) {
        double x[2] = {pairs[i][0], 0}, y[2] = {pairs[i][1], 0}, k;
        ntk_array ax = ntk_matrix_f64(x, 1, 2), ay = ntk_matrix_f64(y, 1, 2), ak = ntk_matrix_f64(&k, 1, 1);
        ntk_request r = {NTK_REQUEST_INIT, &ak, NULL, NULL};
        kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, &ay, &r));
        kit_near(k / pairs[i][2], 1, 1e-15);
    }
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(angles_survive_the_product), kit_test(extreme_norms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
