/* Sums of branches: values by hand, and which sums have an exact rule. */
#include "infinite/pairs.h"

#include <math.h>

enum { D = 3 };
static const double x[D] = {1, 0.5, -0.25}, y[D] = {0.75, -1, 0.5};

#define DENSE "{\"op\": \"dense\", \"units\": 3}"
#define RELU "{\"op\": \"relu\"}"
#define SUM(...) "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [" __VA_ARGS__ "]}"

static void kernels_of_branches_add(void **state)
{
    kernels one = kernels_of(*state, D, "ntk", DENSE "," RELU "," DENSE, x, y), plain = kernels_of(*state, D, "ntk", DENSE, x, y);
    kernels both = kernels_of(*state, D, "ntk", SUM("[" DENSE "," RELU "," DENSE "], [" DENSE "]"), x, y);
    kit_near(both.nngp, one.nngp + plain.nngp, 4e-15);
    kit_near(both.ntk, one.ntk + plain.ntk, 4e-15);
}

/* x + x' through a residual block after a dense layer: K' = K + K relu-dense; then a second activation is allowed. */
static void a_residual_block_may_be_followed_by_an_activation(void **state)
{
    kernels k = kernels_of(*state, D, "ntk", DENSE "," SUM("[], [" RELU "," DENSE "]") "," RELU "," DENSE, x, y);
    kernels u = kernels_of(*state, D, "ntk", DENSE, x, y), ux = kernels_of(*state, D, "ntk", DENSE, x, x), uy = kernels_of(*state, D, "ntk", DENSE, y, y);
    double p = sqrt(ux.nngp * uy.nngp), t = acos(u.nngp / p);
    double relu = p * (sin(t) + (M_PI - t) * cos(t)) / (2 * M_PI), dot = (M_PI - t) / (2 * M_PI);
    double q = u.nngp + relu, qx = 1.5 * ux.nngp, qy = 1.5 * uy.nngp, theta = u.ntk + relu + dot * u.ntk;
    double p2 = sqrt(qx * qy), t2 = acos(q / p2), k2 = p2 * (sin(t2) + (M_PI - t2) * cos(t2)) / (2 * M_PI);
    kit_near(k.nngp, k2, 1e-14);
    kit_near(k.ntk, k2 + (M_PI - t2) / (2 * M_PI) * theta, 1e-14);
}

/* Distances of equal, near and opposite inputs survive sums: against the same network with one branch of twice the variance. */
static void distances_survive_sums(void **state)
{
    const char *wide = "{\"op\": \"dense\", \"units\": 3, \"w_std\": 1.4142135623730951}";
    char once[512];
    snprintf(once, sizeof once, "%s,%s,%s", wide, RELU, DENSE);
    for (double h = 1; h > 1e-14; h /= 10)
        for (int sign = -1; sign <= 1; sign += 2) {
            double z[D] = {sign * x[0] + h, sign * x[1], sign * x[2] - h};
            kernels twice = kernels_of(*state, D, "ntk", SUM("[" DENSE "], [" DENSE "]") "," RELU "," DENSE, x, z);
            kernels single = kernels_of(*state, D, "ntk", once, x, z);
            kit_near(twice.nngp, single.nngp, 4e-15);
            kit_near(twice.ntk, single.ntk, 8e-15);
        }
}

static void refused(ntk_context *ctx, const char *layers, const char *words)
{
    ntk_kernel *kernel = NULL;
    kit_fails(ctx, read_kernel(ctx, D, "ntk", layers, &kernel), NTK_ERROR_NO_RULE, words);
    assert_null(kernel);
}

static void only_one_branch_may_lack_weights_of_its_own(void **state)
{
    refused(*state, DENSE "," SUM("[], [" RELU "]"), "layers[1]: 2 branches of the sum");
    refused(*state, DENSE "," SUM("[], []"), "cross moments");
    refused(*state, DENSE "," SUM("[" RELU "], [{\"op\": \"erf\"}]"), "cross moments");
    refused(*state, SUM("[" DENSE "," RELU "], [" DENSE "," RELU "]"), "cross moments"); /* E[relu] > 0 on both sides */
    kernels_of(*state, D, "ntk", DENSE "," SUM("[" RELU "], [" RELU "," DENSE "]") "," DENSE, x, y);
    kernels_of(*state, D, "ntk", SUM("[], [" DENSE "]") "," DENSE, x, y);
}

static void a_sum_with_something_not_gaussian_takes_no_activation(void **state)
{
    refused(*state, DENSE "," SUM("[" RELU "], [" DENSE "]") "," RELU, "needs a Gaussian input");
    refused(*state, SUM("[], [" DENSE "]") "," RELU, "needs a Gaussian input");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(kernels_of_branches_add), kit_test(a_residual_block_may_be_followed_by_an_activation), kit_test(distances_survive_sums),
        kit_test(only_one_branch_may_lack_weights_of_its_own), kit_test(a_sum_with_something_not_gaussian_takes_no_activation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
