/* The draw: deviations by parameterization, streams by layer, the same bits for every number of threads. */
#include "cases.h"

/* Each parameter is its layer's deviation times its own number of its own stream. */
static void every_parameter_by_hand(void **state)
{
    ntk_context *ctx = *state;
    static const struct {
        int weights, bias;
        double weight, b;
    } layers[] = {{15, 5, 1, 1}, {25, 5, 1.2, 0.3}, {25, 0, 1, 0}, {25, 5, 1, 1}, {25, 5, 1, 1}, {10, 2, 0.9, 0.05}};
    ntk_network *network = kit_network(ctx, CASE_JSON("erf"));
    double theta[CASE_P], expected[CASE_P];
    ntk_array out = ntk_vector_f64(theta, CASE_P);
    int at = 0;
    for (uint64_t l = 0; l < NTK_ARRAY_LENGTH(layers); ++l) {
        double weight = layers[l].weight * (l == 1 ? 1 / sqrt(5) : 1); /* standard: w_std / sqrt(n) */
        for (int i = 0; i < layers[l].weights; ++i) expected[at++] = weight * ntk_random_normal(99, 2 * l, (uint64_t)i);
        for (int i = 0; i < layers[l].bias; ++i) expected[at++] = layers[l].b * ntk_random_normal(99, 2 * l + 1, (uint64_t)i);
    }
    assert_int_equal(at, CASE_P);
    kit_ok(ctx, ntk_network_initialize(ctx, network, 99, &out));
    kit_close(CASE_P, theta, expected, DBL_EPSILON);
    ntk_network_destroy(network);
}

#define BIG 100000
static const char *const big_json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [100], \"layers\": ["
                                    "{\"op\": \"dense\", \"units\": 1000, \"w_std\": 3, \"parameterization\": \"standard\"}]}";

/* Deviations of the moments of n draws as in tests/core/random.c: sqrt(1, 2, 96 over n), 4.5 of them.  w_std / sqrt(100) = 0.3. */
static void moments(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, big_json);
    double *theta = case_numbers(1, BIG), m[5] = {0};
    ntk_array out = ntk_vector_f64(theta, BIG);
    kit_ok(ctx, ntk_network_initialize(ctx, network, 3, &out));
    for (int i = 0; i < BIG; ++i) {
        double x = theta[i] / 0.3, power = 1;
        for (int k = 1; k <= 4; ++k) m[k] += (power *= x) / BIG;
    }
    kit_near(m[1], 0, 4.5 * sqrt(1.0 / BIG));
    kit_near(m[2], 1, 4.5 * sqrt(2.0 / BIG));
    kit_near(m[4], 3, 4.5 * sqrt(96.0 / BIG));
    free(theta);
    ntk_network_destroy(network);
}

static void threads_change_no_bit(void **state)
{
    ntk_context *ctx = *state, *one;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .threads = 1};
    ntk_network *network = kit_network(ctx, big_json);
    double *a = case_numbers(1, BIG), *b = case_numbers(2, 2 * BIG);
    ntk_array dense = ntk_vector_f64(a, BIG), strided = ntk_vector_f64(b, BIG);
    strided.strides[0] = 2;
    kit_ok(ctx, ntk_context_create(&options, &one));
    kit_ok(ctx, ntk_network_initialize(ctx, network, 5, &dense));
    kit_ok(one, ntk_network_initialize(one, network, 5, &strided));
    for (int i = 0; i < BIG; ++i) assert_true(a[i] == b[2 * i]);
    kit_ok(ctx, ntk_network_initialize(ctx, network, 6, &strided));
    assert_true(a[0] != b[0] && a[BIG - 1] != b[2 * (BIG - 1)]);
    ntk_context_destroy(one);
    free(a);
    free(b);
    ntk_network_destroy(network);
}

/* conv_local: a copy of weights and bias per position, all weights before all biases. */
static void biases_of_every_position(void **state)
{
    enum { POSITIONS = 5, WEIGHTS = POSITIONS * 3 * 2 * 2, BIASES = POSITIONS * 3 };
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [6, 2], \"layers\": ["
                                            "{\"op\": \"conv_local\", \"units\": 3, \"kernel\": 2, \"w_std\": 2, \"b_std\": 0.5, \"parameterization\": \"standard\"}]}");
    double theta[WEIGHTS + BIASES], expected[WEIGHTS + BIASES];
    ntk_array out = ntk_vector_f64(theta, WEIGHTS + BIASES);
    for (int i = 0; i < WEIGHTS; ++i) expected[i] = 2 / sqrt(4) * ntk_random_normal(5, 0, (uint64_t)i);
    for (int i = 0; i < BIASES; ++i) expected[WEIGHTS + i] = 0.5 * ntk_random_normal(5, 1, (uint64_t)i);
    kit_ok(ctx, ntk_network_initialize(ctx, network, 5, &out));
    kit_close(WEIGHTS + BIASES, theta, expected, DBL_EPSILON);
    ntk_network_destroy(network);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, CASE_JSON("relu"));
    double theta[CASE_P];
    ntk_array out = ntk_vector_f64(theta, CASE_P - 1), integers = ntk_array_dense(theta, NTK_I64, 1, (int64_t[]){CASE_P});
    assert_int_equal(ntk_network_initialize(NULL, network, 1, &out), NTK_ERROR_NULL);
    kit_fails(ctx, ntk_network_initialize(ctx, NULL, 1, &out), NTK_ERROR_NULL, "network is NULL");
    kit_fails(ctx, ntk_network_initialize(ctx, network, 1, NULL), NTK_ERROR_NULL, "theta is NULL");
    kit_fails(ctx, ntk_network_initialize(ctx, network, 1, &out), NTK_ERROR_SHAPE, "theta has shape [146]; expected [147]");
    kit_fails(ctx, ntk_network_initialize(ctx, network, 1, &integers), NTK_ERROR_DTYPE, "theta holds i64; expected f64 or f32");
    ntk_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(every_parameter_by_hand), kit_test(moments), kit_test(threads_change_no_bit),
        kit_test(biases_of_every_position), kit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
