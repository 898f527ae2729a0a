/*
 * Convolutions without columns against those of the BLAS over columns (instruction set "c"): forward, jvp, rows of J and vjp, of channels and units
 * that fill registers, parts of them and several blocks of them; strides, dilation, paddings, one to three axes, transposed.  Both are sums of the same
 * products in another order: of `terms` of them, gamma_terms times the sum of the absolute values, for which a multiple of the largest result stands.
 */
#include "finite.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NET(input, layers) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": " input ", \"layers\": [" layers "]}"
#define CONV(units, rest) "{\"op\": \"conv\", \"units\": " units ", " rest "}"
#define END ", {\"op\": \"erf\"}, {\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 3}"

static const char *const networks[] = {
    NET("[13, 3]", CONV("1", "\"kernel\": [3], \"padding\": \"same\"") ", {\"op\": \"erf\"}, " CONV("7", "\"kernel\": [2]") END),
    NET("[9, 8, 5]", CONV("17", "\"kernel\": [3, 3], \"padding\": \"same\", \"b_std\": 0.3") ", {\"op\": \"relu\"}, " CONV("33", "\"kernel\": [3, 2], \"strides\": [2, 1]") END),
    NET("[7, 7, 2]", CONV("72", "\"kernel\": [3, 3], \"padding\": \"circular\"") ", {\"op\": \"relu\"}, " CONV("64", "\"kernel\": [3, 3], \"padding\": \"same\"") END),
    NET("[6, 5, 8]", CONV("16", "\"kernel\": [3, 3], \"b_std\": 0.1") ", {\"op\": \"relu\"}, " CONV("24", "\"kernel\": [3, 3], \"padding\": \"same\"") END),
    NET("[11, 2]", CONV("20", "\"kernel\": [3], \"dilation\": [2]") ", {\"op\": \"relu\"}, {\"op\": \"conv_transpose\", \"units\": 5, \"kernel\": [3], \"strides\": [2]}" END),
    NET("[4, 3, 5, 2]", CONV("9", "\"kernel\": [2, 3, 2], \"padding\": \"same\"") ", {\"op\": \"relu\"}, " CONV("4", "\"kernel\": [2, 2, 2]") END),
};
enum { NETWORKS = sizeof networks / sizeof *networks, N = 3, O = 3, RESULTS = 4 };

/* The four results one after the other, by one instruction set. */
static double *results(const char *cpu, const char *json, int64_t *count, bool *direct)
{
    ntk_context *ctx = NULL;
    ntk_network *net;
    double *theta, *x, *v, *u, *out;
    int64_t p, in;
    if (cpu) setenv("NTK_CPU", cpu, 1);
    assert_int_equal(ntk_context_create(NULL, &ctx), NTK_OK);
    unsetenv("NTK_CPU");
    *direct = ntk_conv_goes_direct(ctx);
    net = kit_network(ctx, json);
    p = ntk_network_parameters(net);
    in = ntk_network_input_size(net);
    *count = N * O + N * O + p + N * O * p;
    theta = calloc((size_t)p, sizeof *theta);
    v = calloc((size_t)p, sizeof *v);
    x = calloc((size_t)(N * in), sizeof *x);
    u = calloc(N * O, sizeof *u);
    out = calloc((size_t)*count, sizeof *out);
    kit_random(1, p, theta);
    kit_random(2, p, v);
    kit_random(3, N * in, x);
    kit_random(4, N * O, u);
    kit_ok(ctx, ntk_finite_forward(ctx, net, N, theta, x, out));
    kit_ok(ctx, ntk_finite_jvp(ctx, net, N, theta, x, v, out + N * O));
    kit_ok(ctx, ntk_finite_vjp(ctx, net, N, theta, x, u, out + 2 * N * O));
    kit_ok(ctx, ntk_strip_rows(ctx, net, NULL, theta, N, x, &(ntk_strip){0, p, NULL}, out + 2 * N * O + p));
    assert_true(out[*count - 1] != 0);
    free(theta); free(v); free(x); free(u);
    ntk_network_destroy(net);
    ntk_context_destroy(ctx);
    return out;
}

static void test_against_columns(void **state)
{
    static const char *const sets[] = {NULL, "avx2"};
    (void)state;
    for (int i = 0; i < NETWORKS; ++i)
        for (int k = 0; k < 2; ++k) {
            bool direct, other;
            int64_t count;
            double *want = results("c", networks[i], &count, &other), *got = results(sets[k], networks[i], &count, &direct), most = 0;
            assert_false(other);
            for (int64_t j = 0; j < count; ++j) most = fmax(most, fabs(want[j]));
            for (int64_t j = 0; j < count; ++j)
                if (!(fabs(got[j] - want[j]) <= 1e-13 * most)) fail_msg("network %d: number %lld is %.17g, not %.17g", i, (long long)j, got[j], want[j]);
            free(want);
            free(got);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
