/* Elementwise layers: the left derivative at a kink, and an activation that only kernels know. */
#include "cases.h"

#include "network.h"

static const char *const relu_json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [1], \"layers\": ["
                                     "{\"op\": \"dense\", \"units\": 1}, {\"op\": \"relu\"}]}";

/* f = relu(w x), df/dw = x [w x > 0]; at x = 0, and at w = 0 with x = 1, the left derivative of relu is 0. */
static void left_derivative_at_the_kink(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, relu_json, 3);
    double j[3], one = 1, df[3], w[] = {2, 0, -2}, expected[3][3] = {{0, 1, 0}, {0, 0, 0}, {0, 0, -1}};
    ntk_array direction = ntk_vector_f64(&one, 1), out = ntk_matrix_f64(df, 3, 1);
    c.x[0] = 0;
    c.x[1] = 1;
    c.x[2] = -1;
    for (int k = 0; k < 3; ++k) {
        ntk_tape t;
        c.theta[0] = w[k];
        kit_ok(ctx, ntk_network_jvp(ctx, c.network, &c.theta_array, &c.x_array, &direction, &out));
        kit_close(3, df, expected[k], 0);
        kit_ok(ctx, ntk_tape_open(ctx, c.network, 3, c.theta, c.x, &t));
        kit_ok(ctx, ntk_tape_forward(&t, true));
        kit_ok(ctx, ntk_tape_rows(&t, 0, 3, j));
        kit_close(3, j, expected[k], 0);
        ntk_tape_close(&t);
    }
    case_close(&c);
}

/* Before any parameters: phi(x) with no tangent and no cotangent; J = phi(x)ᵀ. */
static void first_layer(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                                   "{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1, \"parameterization\": \"standard\"}]}", 4);
    double *j = case_jacobian(ctx, &c), expected[12];
    for (int i = 0; i < 12; ++i) expected[i] = fmax(c.x[i], 0);
    kit_close(12, j, expected, 0);
    free(j);
    case_close(&c);
}

/* z is read three times: f = relu(z) + z + relu(z), so J = (1 + 2 [z > 0]) xᵀ, exactly. */
static void shares_its_input(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"parameterization\": \"standard\", \"layers\": ["
                                   "{\"op\": \"dense\", \"units\": 1}, {\"op\": \"branch\", \"merge\": \"sum\", \"branches\": ["
                                   "[{\"op\": \"relu\"}], [], [{\"op\": \"relu\"}]]}]}", 6);
    double *j = case_jacobian(ctx, &c), expected[18];
    for (int i = 0; i < 18; ++i) {
        const double *x = c.x + i / 3 * 3;
        expected[i] = (c.theta[0] * x[0] + c.theta[1] * x[1] + c.theta[2] * x[2] > 0 ? 3 : 1) * c.x[i];
    }
    kit_close(18, j, expected, 0);
    free(j);
    case_close(&c);
}

static void kernel_only(void **state)
{
    static const ntk_activation none = {.name = "nowhere"};
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, relu_json, 3);
    double f[3];
    ntk_array out = ntk_matrix_f64(f, 3, 1);
    ntk_layer *layer = c.network->layers.layers[1];
    const ntk_activation *relu = layer->activation;
    layer->activation = &none;
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &c.theta_array, &c.x_array, &out), NTK_ERROR_UNSUPPORTED, "layers[1]: nowhere has no finite reading");
    layer->activation = relu;
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(left_derivative_at_the_kink), kit_test(first_layer), kit_test(shares_its_input),
                                       kit_test(kernel_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
