/*
 * The start of a pair, through the path users take: x·x' by a matrix product over many samples, d = 784, pairs at every angle.
 * With one linear layer in front of a ReLU the NTK shows the angle itself.
 */
#include "kit.h"

#include "infinite.h"

#include "infinite/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 784, WIDE = 2048, N = 600 }; /* WIDE: products by the BLAS, D: by inner.c */

/* Row 0 is random; row i is row 0 turned by an angle from 1e-15 to pi, and its norm changed. */
static void turned_rows(int d, double *x)
{
    double other[WIDE], dot = 0, square = 0;
    kit_random(3, d, x);
    kit_random(4, d, other);
    for (int k = 0; k < d; ++k) {
        dot += x[k] * other[k];
        square += x[k] * x[k];
    }
    for (int k = 0; k < d; ++k) other[k] -= dot / square * x[k];
    for (int i = 1; i < N; ++i) {
        double t = i < N / 2 ? pow(10, -15 * (1 - 2.0 * i / N)) : M_PI * (2.0 * i / N - 1), scale = 1 + 0.5 * (i % 3);
        for (int k = 0; k < d; ++k) x[i * d + k] = scale * (cos(t) * x[k] + sin(t) * other[k]);
    }
}

static void check_angles(void **state, int d)
{
    char json[512];
    double *x = calloc((size_t)(N * d), sizeof *x), *k = calloc(N * N, sizeof *k);
    ntk_network *net;
    const char *form = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%d], \"layers\": [{\"op\": \"repeat\", \"times\": 3, \"layers\": ["
                       "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}]}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4142135623730951}]}";
    const oracle_dual duals[3] = {oracle_relu, oracle_relu, oracle_relu};
    oracle_chain chain = {duals, 3, 1.4142135623730951, -1};
    ntk_array ax = ntk_matrix_f64(x, N, d), ak = ntk_matrix_f64(k, N, N);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
    ntk_kernel *kernel = NULL;
    turned_rows(d, x);
    snprintf(json, sizeof json, form, d);
    net = kit_network(*state, json);
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &kernel));
    kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, NULL, &r));
    for (int i = 0; i < N; i += 7)
        for (int j = 0; j <= i; j += 1 + i / 40) {
            quad unused, theta, tii, tjj;
            oracle_pair(&chain, d, x + i * d, x + j * d, &unused, &theta);
            oracle_pair(&chain, d, x + i * d, x + i * d, &unused, &tii);
            oracle_pair(&chain, d, x + j * d, x + j * d, &unused, &tjj);
            kit_near((double)((k[i * N + j] - theta) / sqrtq(tii * tjj)), 0, 4e-15 * 1.3);
        }
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    free(x);
    free(k);
}

static void angles_survive_the_product(void **state)
{
    check_angles(state, D);
}

static void angles_survive_the_product_of_a_blas(void **state)
{
    check_angles(state, WIDE);
}

/* Rows within 1e-3 to 1e-12 of one row or of its opposite: whole register blocks take their distances at once, of both signs; ends of blocks too. */
static void clusters_and_their_opposites(void **state)
{
    enum { ROWS = 151, INPUTS = 45 };
    static double x[ROWS * INPUTS], noise[ROWS * INPUTS], k[ROWS * ROWS];
    ntk_network *net = kit_network(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [45], \"layers\": [{\"op\": \"repeat\", \"times\": 3, \"layers\": ["
                                           "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}]}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4142135623730951}]}");
    const oracle_dual duals[3] = {oracle_relu, oracle_relu, oracle_relu};
    oracle_chain chain = {duals, 3, 1.4142135623730951, -1};
    ntk_array ax = ntk_matrix_f64(x, ROWS, INPUTS), ak = ntk_matrix_f64(k, ROWS, ROWS);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
    ntk_kernel *kernel = NULL;
    kit_random(3, ROWS * INPUTS, noise);
    for (int i = 0; i < ROWS; ++i)
        for (int c = 0; c < INPUTS; ++c) x[i * INPUTS + c] = (i % 5 == 4 ? -1.5 : 1) * (1 + c % 7 + pow(10, -3 - i % 10) * noise[i * INPUTS + c]);
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &kernel));
    kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, NULL, &r));
    for (int i = 0; i < ROWS; i += 3)
        for (int j = 0; j <= i; j += 4) {
            quad unused, theta, tii, tjj;
            oracle_pair(&chain, INPUTS, x + i * INPUTS, x + j * INPUTS, &unused, &theta);
            oracle_pair(&chain, INPUTS, x + i * INPUTS, x + i * INPUTS, &unused, &tii);
            oracle_pair(&chain, INPUTS, x + j * INPUTS, x + j * INPUTS, &unused, &tjj);
            kit_near((double)((k[i * ROWS + j] - theta) / sqrtq(tii * tjj)), 0, 4e-15 * 1.3);
            assert_true(k[i * ROWS + j] == k[j * ROWS + i]);
        }
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

/* The same in single precision: the oracle sees the rounded rows. */
static void single_precision_too(void **state)
{
    enum { ROWS = 200 };
    static double x[N * D], exact[ROWS * D];
    static float single[ROWS * D], k[ROWS * ROWS];
    ntk_network *net = kit_network(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [784], \"layers\": [{\"op\": \"repeat\", \"times\": 3, \"layers\": ["
                                           "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}]}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4142135623730951}]}");
    const oracle_dual duals[3] = {oracle_relu, oracle_relu, oracle_relu};
    oracle_chain chain = {duals, 3, 1.4142135623730951, -1};
    ntk_array ax = ntk_matrix_f32(single, ROWS, D), ak = ntk_matrix_f32(k, ROWS, ROWS);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
    ntk_kernel *kernel = NULL;
    turned_rows(D, x);
    for (int i = 0; i < ROWS; ++i)
        for (int c = 0; c < D; ++c) exact[i * D + c] = single[i * D + c] = (float)x[i * 3 * D + c];
    kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &kernel));
    kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, NULL, &r));
    for (int i = 0; i < ROWS; i += 3)
        for (int j = 0; j <= i; j += 5) {
            quad unused, theta, tii, tjj;
            oracle_pair(&chain, D, exact + i * D, exact + j * D, &unused, &theta);
            oracle_pair(&chain, D, exact + i * D, exact + i * D, &unused, &tii);
            oracle_pair(&chain, D, exact + j * D, exact + j * D, &unused, &tjj);
            kit_near((double)((k[i * ROWS + j] - theta) / sqrtq(tii * tjj)), 0, 1e-6 * 1.3);
        }
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

/* One long sum of 784 terms: where it was measured to be as good (2e-2 for a blocked sum), and more for a plain one. */
static void the_threshold_follows_the_error(void **state)
{
    double plain = ntk_start_near(NTK_F64, 3, 784);
    (void)state;
    assert_true(plain > 2e-2 && plain < 0.12);
    assert_true(ntk_start_near(NTK_F64, 3, 27) == 2e-2);
    assert_true(ntk_start_near(NTK_F32, 3, 784) > plain);
    assert_true(ntk_start_near(NTK_F64, 3, 1e12) == 0.25);
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
        ntk_request r = {NTK_REQUEST_INIT, .nngp = &ak};
        kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, &ay, &r));
        kit_near(k / pairs[i][2], 1, 1e-15);
    }
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(angles_survive_the_product), kit_test(angles_survive_the_product_of_a_blas), kit_test(clusters_and_their_opposites), kit_test(single_precision_too), kit_test(the_threshold_follows_the_error),
                                       kit_test(extreme_norms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
