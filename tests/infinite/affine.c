/* The parameterizations, rates and frozen layers of dense layers, against formulas written out by hand. */
#include "infinite/pairs.h"

#include <math.h>

enum { D = 4 };
static const double x[D] = {0.5, -1, 0.25, 2}, y[D] = {1, 0.5, -0.75, 1};
static const double dot = 0.5 - 0.5 - 0.1875 + 2; /* x·y */

/* Linear two-layer networks: with hidden width n = 8 the nominal fan-in of the second layer. */
static void parameterizations_are_as_documented(void **state)
{
    const char *layers = "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.5, \"b_std\": 0.5}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 2, \"b_std\": 0.25}";
    const double mean = dot / D, k1 = 2.25 * mean + 0.25, k2 = 4 * k1 + 0.0625;
    kernels k = kernels_of(*state, D, "ntk", layers, x, y);
    kit_near(k.nngp, k2, 4e-15);
    kit_near(k.ntk, k2 + 4 * k1, 4e-15 * 8);
    k = kernels_of(*state, D, "standard", layers, x, y); /* own: n mean + 1, then 8 K + 1 */
    kit_near(k.nngp, k2, 4e-15);
    kit_near(k.ntk, 8 * k1 + 1 + 4 * (dot + 1), 4e-15 * 30);
    k = kernels_of(*state, D, "textbook", layers, x, y); /* first layer sums, later ones means */
    kit_near(k.nngp, 4 * (2.25 * dot + 0.25) + 0.0625, 4e-15 * 20);
    kit_near(k.ntk, 2.25 * dot + 0.25 + 1 + 4 * (dot + 1), 4e-15 * 20);
}

static void a_layer_may_override_the_parameterization(void **state)
{
    kernels k = kernels_of(*state, D, "ntk",
                           "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"dense\", \"units\": 1, \"parameterization\": \"standard\"}", x, y);
    kit_near(k.ntk, 8 * dot / D + dot / D, 4e-15 * 5);
}

static void a_bias_of_zero_still_has_a_gradient(void **state)
{
    kernels k = kernels_of(*state, D, "standard", "{\"op\": \"dense\", \"units\": 1, \"b_std\": 0}", x, y);
    kit_near(k.nngp, dot / D, 1e-15);
    kit_near(k.ntk, dot + 1, 4e-15);
}

/* Theta = r1 (own term carried) + r2 (own term). */
static void rates_and_frozen_layers_weigh_their_own_terms(void **state)
{
    const double k1 = dot / D;
    kernels k = kernels_of(*state, D, "ntk", "{\"op\": \"dense\", \"units\": 8, \"lr\": 0.5}, {\"op\": \"dense\", \"units\": 1, \"lr\": 3}", x, y);
    kit_near(k.ntk, 0.5 * k1 + 3 * k1, 4e-15);
    k = kernels_of(*state, D, "ntk", "{\"op\": \"dense\", \"units\": 8, \"train\": false, \"lr\": 7}, {\"op\": \"dense\", \"units\": 1}", x, y);
    kit_near(k.ntk, k1, 4e-15);
    kit_near(k.nngp, k1, 4e-15);
}

/* A deviation of 0 makes the output a constant: the bias alone. */
static void weights_of_zero_leave_the_bias(void **state)
{
    kernels k = kernels_of(*state, D, "ntk", "{\"op\": \"dense\", \"units\": 8, \"w_std\": 0, \"b_std\": 2}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}", x, y);
    kit_near(k.nngp, 2, 1e-14); /* relu of one and the same N(0, 4): q/2 */
    k = kernels_of(*state, D, "ntk", "{\"op\": \"dense\", \"units\": 8, \"w_std\": 0}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}", x, y);
    kit_near(k.nngp, 0, 0);
    kit_near(k.ntk, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(parameterizations_are_as_documented), kit_test(a_layer_may_override_the_parameterization), kit_test(a_bias_of_zero_still_has_a_gradient),
        kit_test(rates_and_frozen_layers_weigh_their_own_terms), kit_test(weights_of_zero_leave_the_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
