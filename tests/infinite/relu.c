/* Identities within the ReLU family (docs/mathematics.md §11), and its exact limits. */
#include "infinite/pairs.h"

#include <math.h>

enum { D = 3, N = 9 };
static const double x[D] = {1, 0.5, -0.25};

/* From equal to opposite, at the distances where recursions lose digits. */
static void turn(int i, double y[D])
{
    static const double h[N] = {0, 1e-12, 1e-6, 1e-2, 1, -1, -1e-2, -1e-9, -0.0};
    double sign = i < 5 ? 1 : -1;
    y[0] = sign * x[0] + h[i];
    y[1] = sign * x[1] - h[i];
    y[2] = sign * x[2] + 0.5 * h[i];
}

static kernels through(ntk_context *ctx, const char *activation, const double *y)
{
    char layers[512];
    snprintf(layers, sizeof layers, "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.5}, %s", activation);
    return kernels_of(ctx, D, "ntk", layers, x, y);
}

static void identities_of_the_family(void **state)
{
    for (int i = 0; i < N; ++i) {
        double y[D];
        kernels relu, abs, linear, one, other, leaky;
        turn(i, y);
        relu = through(*state, "{\"op\": \"relu\"}", y);
        abs = through(*state, "{\"op\": \"abs\"}", y);
        linear = through(*state, "{\"op\": \"identity\"}", y);
        one = through(*state, "{\"op\": \"abrelu\", \"a\": 1, \"b\": 1}", y);
        kit_near(one.nngp, linear.nngp, 1e-15);
        kit_near(one.ntk, linear.ntk, 1e-15);
        /* relu = (identity + abs)/2, and E[id abs] = 0 by symmetry */
        kit_near(relu.nngp, (linear.nngp + abs.nngp) / 4, 1e-15);
        kit_near(relu.ntk, (linear.ntk + abs.ntk) / 4, 1e-15);
        other = through(*state, "{\"op\": \"abrelu\", \"a\": -1, \"b\": 1}", y);
        assert_true(other.nngp == abs.nngp && other.ntk == abs.ntk);
        leaky = through(*state, "{\"op\": \"leaky_relu\", \"alpha\": 0.25}", y);
        other = through(*state, "{\"op\": \"abrelu\", \"a\": 0.25, \"b\": 1}", y);
        assert_true(other.nngp == leaky.nngp && other.ntk == leaky.ntk);
    }
}

/* Equal inputs: K = q/2; opposite inputs: relu 0, abs q. */
static void limits_are_exact(void **state)
{
    const double q = 2.25 * (1 + 0.25 + 0.0625) / D, minus[D] = {-1, -0.5, 0.25};
    kernels k = through(*state, "{\"op\": \"relu\"}", x);
    kit_near(k.nngp, q / 2, 2.3e-16 * q);
    kit_near(k.ntk, q / 2, 2.3e-16 * q);
    k = through(*state, "{\"op\": \"relu\"}", minus);
    kit_near(k.nngp, 0, 0);
    kit_near(k.ntk, 0, 0);
    k = through(*state, "{\"op\": \"abs\"}", minus);
    kit_near(k.nngp, q, 2.3e-16 * q);
    kit_near(k.ntk, q, 2.3e-16 * q); /* Theta q12 E[sign sign] = -q * -1 */
}

static void slopes_of_zero_give_zero(void **state)
{
    kernels k = through(*state, "{\"op\": \"abrelu\", \"a\": 0, \"b\": 0}, {\"op\": \"dense\", \"units\": 1}", x);
    kit_near(k.nngp, 0, 0);
    kit_near(k.ntk, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(identities_of_the_family), kit_test(limits_are_exact), kit_test(slopes_of_zero_give_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
