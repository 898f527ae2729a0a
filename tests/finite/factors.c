/* Inputs times cotangents of each layer against the rows of J D^-1/2 themselves: branches, rates, a bias, no bias, several chunks. */
#include "finite.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>

static const char json[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                           "{\"op\": \"dense\", \"units\": 4, \"b_std\": 0.3, \"lr\": 0.5}, {\"op\": \"erf\"},"
                           "{\"op\": \"branch\", \"merge\": \"product\", \"branches\": [[{\"op\": \"dense\", \"units\": 5, \"parameterization\": \"standard\"}],"
                           "[{\"op\": \"dense\", \"units\": 5, \"b_std\": 0.1, \"train\": false}, {\"op\": \"relu\"}]]},"
                           "{\"op\": \"dense\", \"units\": 2, \"w_std\": 1.5, \"b_std\": 0.2}]}";

enum { D = 3, O = 2, P = 16 + 20 + 25 + 12, LAYERS = 4 };

/* Column c of unit u of the layer at `offset`: weights first, then the bias. */
static int64_t place(int64_t offset, int64_t units, int64_t fan_in, int64_t u, int64_t c)
{
    return offset + (c < fan_in ? u * fan_in + c : units * fan_in + u);
}

/* The cotangent of row r at unit u: of those that outputs share the product of weight and slope. */
static double cotangent_of(const ntk_factor *layer, int64_t r, int64_t u)
{
    int64_t units = layer->units;
    if (!layer->weights) return layer->cotangents[r * units + u];
    return layer->weights[r % O * units + u] * (layer->cotangents ? layer->cotangents[r / O * units + u] : 1);
}

static void check(ntk_context *ctx, const ntk_network *net, const ntk_optimizer *optimizer, const double *d, int64_t n, const double *x)
{
    static const int64_t units[LAYERS] = {4, 5, 5, 2}, fan_in[LAYERS] = {3, 4, 4, 5}, bias[LAYERS] = {1, 0, 1, 1}, offset[LAYERS] = {0, 16, 36, 61};
    double theta[P], *rows = calloc((size_t)(n * O * P), sizeof *rows);
    ntk_array t = ntk_vector_f64(theta, P), points = ntk_matrix_f64(x, n, D), out = ntk_matrix_f64(rows, n * O, P);
    ntk_jacobian *j = NULL;
    ntk_factors f;
    kit_random(1, P, theta);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, net, &t, &points, &j));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &out));
    kit_ok(ctx, ntk_factors_create(ctx, net, optimizer, NTK_OUTPUTS_FULL, NULL, theta, n, x, &f));
    assert_int_equal(f.count, LAYERS);
    for (int l = 0; l < LAYERS; ++l) {
        const ntk_factor *layer = &f.layers[l];
        assert_int_equal(layer->width, fan_in[l] + bias[l]);
        assert_int_equal(layer->units, units[l]);
        assert_true((l == 2) == !layer->inputs);
        assert_true((l == 3) == layer->shared && (l == 3) == (layer->weights && !layer->cotangents)); /* the last; a product stands before it */
        for (int64_t r = 0; layer->inputs && r < n * O; ++r)
            for (int64_t u = 0; u < units[l]; ++u)
                for (int64_t c = 0; c < layer->width; ++c) {
                    int64_t at = place(offset[l], units[l], fan_in[l], u, c);
                    double want = rows[r * P + at] / sqrt(d[at]);
                    kit_near(layer->inputs[r / O * layer->width + c] * cotangent_of(layer, r, u), want, 1e-14 * (1 + fabs(want)));
                }
    }
    ntk_factors_clear(&f);
    ntk_jacobian_destroy(j);
    free(rows);
}

static void test_factors(void **state)
{
    enum { N = 6 };
    static const int64_t units[LAYERS] = {4, 5, 5, 2}, width[LAYERS] = {4, 4, 5, 6}, bias[LAYERS] = {1, 0, 1, 1}, offset[LAYERS] = {0, 16, 36, 61};
    ntk_context *ctx = *state;
    double x[N * D], ones[P], d[P];
    ntk_array array = ntk_vector_f64(d, P);
    ntk_optimizer *optimizer = NULL;
    ntk_network *net = kit_network(ctx, json);
    assert_int_equal(ntk_network_parameters(net), P);
    kit_random(2, N * D, x);
    for (int i = 0; i < P; ++i) ones[i] = 1;
    for (int l = 0; l < LAYERS; ++l)
        for (int64_t u = 0; u < units[l]; ++u)
            for (int64_t c = 0; c < width[l]; ++c) d[place(offset[l], units[l], width[l] - bias[l], u, c)] = (1 + (double)u) * (0.5 + (double)c * 0.3);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &array, &optimizer));
    assert_true(ntk_factors_fit(net, NULL) && ntk_factors_fit(net, optimizer));
    check(ctx, net, NULL, ones, N, x);
    check(ctx, net, optimizer, d, N, x);
    ntk_optimizer_destroy(optimizer);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_factors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
