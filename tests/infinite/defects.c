/*
 * What other implementations of these kernels get wrong, D1 to D7 of a list of ours, as tests that pass here: a diagonal of rectified monomials that is not a number,
 * polynomials of a zero input that are not, half of the digits of a diagonal of a deep chain, and indefinite grams in single precision;
 * weights scaled by the number of outputs; a rate of dropout that means what is kept; branches that share what they read, added as if they were
 * independent.
 */
#include "infinite/pairs.h"

#include <math.h>

enum { D = 3 };

static const double x[D] = {0.3, -1.1, 0.7}, zero[D] = {0, 0, 0};

/* K = ½ (2d-1)!! q^d on the diagonal; q of the second layer follows. */
static void d1_a_diagonal_of_rectified_monomials(void **state)
{
    double q = (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) / D, once = 1.5 * q * q;
    kernels one = kernels_of(*state, D, "ntk", "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"rectified_monomial\", \"degree\": 2}", x, x);
    kernels two = kernels_of(*state, D, "ntk",
                             "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"rectified_monomial\", \"degree\": 2}, {\"op\": \"dense\", \"units\": 8}, "
                             "{\"op\": \"rectified_monomial\", \"degree\": 2}", x, x);
    kit_near(one.nngp / once, 1, 4e-15);
    kit_near(one.ntk / (2 * q * q), 1, 4e-15); /* K. = ½ 2² 1!! q, Theta = q */
    kit_near(two.nngp / (1.5 * once * once), 1, 8e-15);
}

/* phi = 1 + 2 x + 3 x²: K(0, x) = E[phi(0) phi(v)] = 1 + 3 q, K(0, 0) = 1. */
static void d2_a_polynomial_of_zero(void **state)
{
    const char *layers = "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"polynomial\", \"coef\": [1, 2, 3]}";
    double q = (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) / D;
    kernels both = kernels_of(*state, D, "ntk", layers, zero, zero), one = kernels_of(*state, D, "ntk", layers, zero, x);
    kit_near(both.nngp, 1, 1e-15);
    kit_near(both.ntk, 0, 0);
    kit_near(one.nngp / (1 + 3 * q), 1, 4e-15);
    kit_near(one.ntk, 0, 0);
}

/* L layers of variance 2: Theta(x, x) = 2 (L + 1) |x|²/d. */
static void d3_a_deep_diagonal(void **state)
{
    static const int depths[] = {3, 20, 100};
    for (int i = 0; i < 3; ++i) {
        char layers[512];
        kernels k;
        snprintf(layers, sizeof layers,
                 "{\"op\": \"repeat\", \"times\": %d, \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}]}, "
                 "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}", depths[i]);
        k = kernels_of(*state, D, "ntk", layers, x, x);
        kit_near(k.ntk / (2 * (depths[i] + 1) * (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) / D), 1, 4e-15 * (1 + depths[i] / 10.0));
    }
}

/*
 * Two inputs of one length, an angle t apart: lambda_min = Theta(x, x) - Theta(x, y), to first order in t for a ReLU chain
 * Theta(x, x) (t/pi) L/2 (each K. loses t/pi, and the term of layer l passes L - l of them); here only its sign and size are asked for.
 */
static void d4_a_single_precision_gram_is_definite(void **state)
{
    static const int depths[] = {3, 20, 50, 100};
    for (int i = 0; i < 4; ++i) {
        const float t = 1e-4f, rows[4] = {1, 0, 1, t};
        float k[4];
        double expected = t / M_PI * depths[i] / 2;
        char layers[512];
        ntk_array ax = ntk_matrix_f32(rows, 2, 2), ak = ntk_matrix_f32(k, 2, 2);
        ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
        ntk_kernel *kernel = NULL;
        snprintf(layers, sizeof layers,
                 "{\"op\": \"repeat\", \"times\": %d, \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}, {\"op\": \"relu\"}]}, "
                 "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4142135623730951}", depths[i]);
        kit_ok(*state, read_kernel(*state, 2, "ntk", layers, &kernel));
        kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, NULL, &r));
        assert_true(k[1] == k[2]);
        kit_near((k[0] - k[1]) / k[0], expected, 0.05 * expected + 1e-6 * (1 + depths[i] / 10.0));
        ntk_kernel_destroy(kernel);
    }
}

/* The variance of a unit is w² |x|² / fan_in + b², whatever the number of units, in both parameterizations. */
static void d5_weights_scale_by_their_inputs(void **state)
{
    static const char *const parameterizations[] = {"ntk", "standard"}, *const layers[] = {
        "{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.5, \"b_std\": 0.5}", "{\"op\": \"dense\", \"units\": 1000, \"w_std\": 1.5, \"b_std\": 0.5}"};
    double q = 2.25 * (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) / D + 0.25;
    for (int i = 0; i < 4; ++i) kit_near(kernels_of(*state, D, parameterizations[i / 2], layers[i % 2], x, x).nngp / q, 1, 4e-15);
}

/* `keep` is the probability to keep, by that name alone: a sample with itself grows by 1/keep, 1.25 for 0.8, not by 1/0.2. */
static void d6_dropout_says_what_is_kept(void **state)
{
    double q = (x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) / D, k;
    ntk_array ax = ntk_matrix_f64(x, 1, D), ak = ntk_vector_f64(&k, 1);
    ntk_kernel *kernel = NULL;
    ntk_network *net = NULL;
    kit_ok(*state, read_kernel(*state, D, "ntk", "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"dropout\", \"keep\": 0.8}, {\"op\": \"dense\", \"units\": 1}", &kernel));
    kit_ok(*state, ntk_kernel_diagonal(*state, kernel, &ax, &(ntk_request){NTK_REQUEST_INIT, .nngp = &ak}));
    kit_near(k / q, 1.25, 4e-15);
    ntk_kernel_destroy(kernel);
    kit_fails(*state, ntk_network_parse(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 8}, "
                                                "{\"op\": \"dropout\", \"rate\": 0.2}]}", &net), NTK_ERROR_NETWORK, "layers[1]: ");
    kit_fails(*state, ntk_network_parse(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 8}, "
                                                "{\"op\": \"dropout\", \"keep\": 0}]}", &net), NTK_ERROR_NETWORK, "layers[1]: keep");
}

/* Weights of their own: kernels add.  Branches that share what they read and have none, f + f or f + relu(f), are not
 * independent, and adding their kernels would be wrong: a sentence. */
static void d7_branches_that_share_weights(void **state)
{
    static const char *const own = "{\"op\": \"dense\", \"units\": 8}", *const shared[] = {"", "{\"op\": \"relu\"}"};
    const char *f = "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 8}";
    char layers[900];
    kernels one = kernels_of(*state, D, "ntk", f, x, x), two;
    snprintf(layers, sizeof layers, "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[%s], [%s]]}", f, f);
    two = kernels_of(*state, D, "ntk", layers, x, x);
    kit_near(two.nngp / one.nngp, 2, 4e-15);
    kit_near(two.ntk / one.ntk, 2, 4e-15);
    for (int i = 0; i < 2; ++i) {
        ntk_network *network;
        ntk_kernel *kernel = NULL;
        snprintf(layers, sizeof layers, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [%s, "
                 "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [%s]]}]}", own, shared[i]);
        network = kit_network(*state, layers);
        kit_fails(*state, ntk_kernel_from_network(*state, network, NULL, &kernel), NTK_ERROR_NO_RULE, "layers[1]");
        ntk_network_destroy(network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(d1_a_diagonal_of_rectified_monomials), kit_test(d2_a_polynomial_of_zero), kit_test(d3_a_deep_diagonal),
                                       kit_test(d4_a_single_precision_gram_is_definite), kit_test(d5_weights_scale_by_their_inputs), kit_test(d6_dropout_says_what_is_kept),
                                       kit_test(d7_branches_that_share_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
