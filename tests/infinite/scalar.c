/* Scalar mathematics against 113-bit arithmetic, and the two-layer kernel against the `textbook` network. */
#include "infinite/pairs.h"

#include "infinite/oracle.h"

#include <math.h>

static void arc_cosine_kernels(void **state)
{
    (void)state;
    for (int i = -40; i <= 40; ++i) {
        double t = i == -40 ? -1 : i == 40 ? 1 : tanh(i / 2.0);
        quad s = sqrtq((quad)1 - (quad)t * t), angle = atan2q(s, t);
        kit_near(ntk_kappa0(t), (double)((oracle_pi() - angle) / oracle_pi()), 4e-16);
        kit_near(ntk_kappa1(t), (double)((s + t * (oracle_pi() - angle)) / oracle_pi()), 4e-16);
    }
    kit_near(ntk_kappa0(1), 1, 0);
    kit_near(ntk_kappa1(1), 1, 0);
    kit_near(ntk_kappa0(-1), 0, 0);
    kit_near(ntk_kappa1(-1), 0, 0);
    assert_true(isnan(ntk_kappa0(1.0000001)) && isnan(ntk_kappa1(-2)) && isnan(ntk_kappa0(NAN)));
}

static void two_layers_are_the_textbook_network(void **state)
{
    const double x[3] = {1, -0.5, 2};
    for (double h = 1; h > 1e-15; h /= 100)
        for (int sign = -1; sign <= 1; sign += 2) {
            double y[3] = {sign * x[0] + h, sign * x[1] - h, sign * x[2]}, theta;
            kernels k = kernels_of(*state, 3, "textbook", "{\"op\": \"dense\", \"units\": 8, \"w_std\": 0.8}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1, \"w_std\": 1.3}", x, y);
            kit_ok(*state, ntk_relu_two_layer_ntk(*state, 3, x, y, 0.8, 1.3, &theta));
            kit_near(theta, k.ntk, 2e-14); /* a few eps of Theta(x, x) = 6.1 */
        }
}

static void bad_arguments(void **state)
{
    const double x[2] = {1, NAN}, y[2] = {1, 2};
    double theta;
    kit_fails(*state, ntk_relu_two_layer_ntk(*state, 2, x, y, 1, 1, &theta), NTK_ERROR_NOT_FINITE, "not finite");
    kit_fails(*state, ntk_relu_two_layer_ntk(*state, 0, y, y, 1, 1, &theta), NTK_ERROR_ARGUMENT, "d is 0");
    kit_fails(*state, ntk_relu_two_layer_ntk(*state, 2, y, y, -1, 1, &theta), NTK_ERROR_ARGUMENT, "w_std is -1");
    kit_fails(*state, ntk_relu_two_layer_ntk(*state, 2, NULL, y, 1, 1, &theta), NTK_ERROR_NULL, "x1");
    kit_fails(*state, ntk_relu_two_layer_ntk(*state, 2, y, y, 1e200, 1, &theta), NTK_ERROR_OVERFLOW, "range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(arc_cosine_kernels), kit_test(two_layers_are_the_textbook_network), kit_test(bad_arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
