/* erf with its keys: against the closed form in long double, offsets, and sigmoid_like (truth.c has the plain erf in depth). */
#include "infinite/pairs.h"

#include <math.h>

enum { D = 2 };

/* K and K. of a erf(b x) + c by the textbook formulas. */
static kernels textbook(long double a, long double b, long double c, long double q11, long double q22, long double q12)
{
    long double s = 2 * b * b, e = (1 + s * q11) * (1 + s * q22) - s * s * q12 * q12;
    long double k = 2 * a * a / M_PIl * atan2l(s * q12, sqrtl(e)) + c * c, dot = 4 * a * a * b * b / M_PIl / sqrtl(e);
    return (kernels){(double)k, (double)(dot * q12)};
}

static void check(ntk_context *ctx, const char *activation, double a, double b, double c)
{
    const double pairs[][4] = {{1, 0, 1, 0}, {1, 0, 0.5, 0.5}, {1, 0, -2, 0.1}, {0.1, 0, 0.3, 1e-3}, {20, 1, 19, 3}, {1, 0, 0, 0}, {1, 0, -1, 0}};
    char layers[512];
    snprintf(layers, sizeof layers, "{\"op\": \"dense\", \"units\": 8}, %s", activation);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
        const double *x = pairs[i], *y = pairs[i] + 2;
        kernels got = kernels_of(ctx, D, "ntk", layers, x, y);
        kernels want = textbook(a, b, c, (x[0] * x[0] + x[1] * x[1]) / 2, (y[0] * y[0] + y[1] * y[1]) / 2, (x[0] * y[0] + x[1] * y[1]) / 2);
        kit_near(got.nngp, want.nngp, 4e-15 * (a * a + c * c));
        kit_near(got.ntk, want.ntk, 4e-15 * fmax(fabs(want.ntk), a * a));
    }
}

static void keys_mean_what_they_say(void **state)
{
    check(*state, "{\"op\": \"erf\"}", 1, 1, 0);
    check(*state, "{\"op\": \"erf\", \"a\": -2, \"b\": 0.5}", -2, 0.5, 0);
    check(*state, "{\"op\": \"erf\", \"a\": 0.5, \"b\": 3, \"c\": 0.7}", 0.5, 3, 0.7);
    check(*state, "{\"op\": \"erf\", \"c\": -1.5}", 1, 1, -1.5);
    check(*state, "{\"op\": \"sigmoid_like\"}", 0.5, 1 / 2.4020563531719796, 0.5);
}

/* a = 0: a constant. */
static void a_constant_function(void **state)
{
    const double x[D] = {1, 2}, y[D] = {-1, 3};
    kernels k = kernels_of(*state, D, "ntk", "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"erf\", \"a\": 0, \"c\": 2}", x, y);
    kit_near(k.nngp, 4, 1e-15);
    kit_near(k.ntk, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(keys_mean_what_they_say), kit_test(a_constant_function)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
