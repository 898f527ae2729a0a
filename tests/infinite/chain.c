/* The collapsed chain against the layerwise path, which truth.c holds against 113-bit arithmetic; and which networks are chains. */
#include "kit.h"

#include "infinite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { D = 2, N = 400 };

static ntk_reading *reading_of(ntk_context *ctx, const char *layers)
{
    char json[2048];
    ntk_network *net;
    ntk_reading *r = NULL;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [%s]}", layers);
    net = kit_network(ctx, json);
    kit_ok(ctx, ntk_reading_create(ctx, net, NTK_DROPOUT_TRAINING, &r));
    ntk_network_destroy(net);
    return r;
}

#define DENSE "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.3}"
#define CHAIN(times, activation) "{\"op\": \"repeat\", \"times\": " #times ", \"layers\": [" DENSE ", " activation "]}, " DENSE

/* (1, 0) against N vectors at angles from 0 to pi, dense near both ends. */
static void kernels(ntk_context *ctx, const ntk_reading *r, ntk_dtype dtype, double *nngp, double *ntk)
{
    static double x[N * D], out[2][N];
    static float xf[N * D], outf[2][N];
    double length[N], inverse[N];
    ntk_side row = {1, NULL, length, inverse}, columns = {N, NULL, length, inverse};
    ntk_results results = {.ld = N};
    for (int i = 0; i < N; ++i) {
        double s = (double)i / (N - 1), t = M_PI * s * s * (3 - 2 * s);
        x[i * D] = cos(t) * (1 + i % 3);
        x[i * D + 1] = sin(t) * (1 + i % 3);
        xf[i * D] = (float)x[i * D];
        xf[i * D + 1] = (float)x[i * D + 1];
    }
    row.x = columns.x = dtype == NTK_F64 ? (void *)x : (void *)xf;
    results.ntk = dtype == NTK_F64 ? (void *)out[0] : (void *)outf[0];
    results.nngp = dtype == NTK_F64 ? (void *)out[1] : (void *)outf[1];
    ntk_lengths(dtype, N, D, row.x, length, inverse);
    kit_ok(ctx, ntk_reading_tile(ctx, r, dtype, D, &row, &columns, NTK_ALL_PAIRS, &results));
    for (int i = 0; i < N; ++i) {
        ntk[i] = dtype == NTK_F64 ? out[0][i] : (double)outf[0][i];
        nngp[i] = dtype == NTK_F64 ? out[1][i] : (double)outf[1][i];
    }
}

/* Both paths round: each is good to about 4 eps (1 + L/10) of its largest value. */
static void same_as_layers(ntk_context *ctx, const char *layers, int depth)
{
    for (int type = 0; type < 2; ++type) {
        ntk_dtype dtype = type ? NTK_F32 : NTK_F64;
        double chain[2][N], plain[2][N], bound = (type ? 2e-6 : 8e-15) * (1 + depth / 10.0);
        ntk_reading *r = reading_of(ctx, layers);
        assert_non_null(r->chain);
        kernels(ctx, r, dtype, chain[0], chain[1]);
        ntk_free(r->chain);
        r->chain = NULL;
        kernels(ctx, r, dtype, plain[0], plain[1]);
        kit_close(N, chain[0], plain[0], bound);
        kit_close(N, chain[1], plain[1], bound);
        ntk_reading_destroy(r);
    }
}

static void chains_are_their_layers(void **state)
{
    same_as_layers(*state, CHAIN(1, "{\"op\": \"relu\"}"), 1);
    same_as_layers(*state, CHAIN(3, "{\"op\": \"relu\"}"), 3);
    same_as_layers(*state, CHAIN(10, "{\"op\": \"relu\"}"), 10);
    same_as_layers(*state, CHAIN(3, "{\"op\": \"leaky_relu\", \"alpha\": 0.2}"), 3);
    same_as_layers(*state, CHAIN(2, "{\"op\": \"abrelu\", \"a\": -0.5, \"b\": 2}"), 2);
    same_as_layers(*state, CHAIN(1, "{\"op\": \"abs\"}"), 1);
    same_as_layers(*state, DENSE ", {\"op\": \"relu\"}", 1);
}

static void equal_inputs_are_exact(void **state)
{
    double nngp[N], ntk[N];
    ntk_reading *r = reading_of(*state, CHAIN(3, "{\"op\": \"relu\"}"));
    const double g = 1.3 * 1.3, k = g * g * g * g / 8 / 2; /* q after three halvings, mean over two inputs */
    kernels(*state, r, NTK_F64, nngp, ntk);
    kit_near(nngp[0], k, 8e-16 * k);
    kit_near(ntk[0], 4 * k, 8e-16 * 4 * k);
    ntk_reading_destroy(r);
}

static void is_no_chain(ntk_context *ctx, const char *layers)
{
    ntk_reading *r = reading_of(ctx, layers);
    assert_null(r->chain);
    ntk_reading_destroy(r);
}

static void other_networks_are_no_chains(void **state)
{
    is_no_chain(*state, DENSE);
    is_no_chain(*state, "{\"op\": \"dense\", \"units\": 8, \"b_std\": 0.1}, {\"op\": \"relu\"}");
    is_no_chain(*state, "{\"op\": \"dense\", \"units\": 8, \"b_std\": 0, \"parameterization\": \"standard\"}, {\"op\": \"relu\"}"); /* own term + 1 */
    is_no_chain(*state, DENSE ", {\"op\": \"erf\"}");
    is_no_chain(*state, DENSE ", {\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"relu\"}, " DENSE "]]}");
    is_no_chain(*state, DENSE ", {\"op\": \"abrelu\", \"a\": 0, \"b\": 0}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(chains_are_their_layers), kit_test(equal_inputs_are_exact), kit_test(other_networks_are_no_chains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
