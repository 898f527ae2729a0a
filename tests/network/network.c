/* The handle: getters, the check of inputs, the scales of the parameterizations. */
#include "kit.h"
#include "network.h"

#include <math.h>

#define JSON "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], \"layers\": [{\"op\": \"dense\", \"units\": 2, \"b_std\": 0}]}"

static void test_getters(void **state)
{
    ntk_network *net = kit_network(*state, JSON);
    int64_t shape[NTK_MAX_NDIM] = {0};
    assert_int_equal(ntk_network_parameters(net), 8);
    assert_int_equal(ntk_network_outputs(net), 8); /* all positions */
    assert_int_equal(ntk_network_layers(net), 1);
    assert_int_equal(ntk_network_input(net, shape), 2);
    assert_int_equal(shape[0], 4);
    assert_int_equal(shape[1], 3);
    assert_int_equal(ntk_network_input(net, NULL), 2);
    ntk_network_destroy(net);
}

static void test_null(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = (void *)1;
    int64_t shape[NTK_MAX_NDIM];
    assert_int_equal(ntk_network_parameters(NULL), -1);
    assert_int_equal(ntk_network_outputs(NULL), -1);
    assert_int_equal(ntk_network_layers(NULL), -1);
    assert_int_equal(ntk_network_input(NULL, shape), -1);
    ntk_network_destroy(NULL);
    assert_int_equal(ntk_network_parse(NULL, JSON, &net), NTK_ERROR_NULL);
    assert_null(net);
    kit_fails(ctx, ntk_network_parse(ctx, NULL, &net), NTK_ERROR_NULL, "json is NULL");
    kit_fails(ctx, ntk_network_parse(ctx, JSON, NULL), NTK_ERROR_NULL, "network is NULL");
}

static void test_retained(void **state)
{
    ntk_network *net = kit_network(*state, JSON), *second = ntk_retain(net);
    ntk_network_destroy(net);
    assert_int_equal(ntk_network_parameters(second), 8);
    ntk_network_destroy(second);
}

static void test_check_input(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, JSON);
    double data[24] = {0};
    ntk_array x = ntk_array_dense(data, NTK_F64, 3, (int64_t[]){2, 4, 3}), y;
    kit_ok(ctx, ntk_network_check_input(ctx, net, "x", &x, NTK_F64));
    y = ntk_array_dense(NULL, NTK_F64, 3, (int64_t[]){0, 4, 3});
    kit_ok(ctx, ntk_network_check_input(ctx, net, "x", &y, NTK_F64));
    kit_fails(ctx, ntk_network_check_input(ctx, net, "x2", NULL, NTK_F64), NTK_ERROR_NULL, "x2 is NULL");
    kit_fails(ctx, ntk_network_check_input(ctx, net, "x2", &x, NTK_F32), NTK_ERROR_DTYPE, "x2 holds f64; expected f32");
    y = ntk_array_dense(data, NTK_F64, 3, (int64_t[]){2, 3, 4});
    kit_fails(ctx, ntk_network_check_input(ctx, net, "x2", &y, NTK_F64), NTK_ERROR_SHAPE, "x2 has shape [2, 3, 4]; expected [any, 4, 3]");
    y = ntk_array_dense(data, NTK_F64, 2, (int64_t[]){2, 12});
    kit_fails(ctx, ntk_network_check_input(ctx, net, "x2", &y, NTK_F64), NTK_ERROR_SHAPE, "x2 has shape [2, 12]; expected [any, 4, 3]");
    data[17] = NAN;
    kit_fails(ctx, ntk_network_check_input(ctx, net, "x2", &x, NTK_F64), NTK_ERROR_NOT_FINITE, "x2[1, 1, 2]");
    ntk_network_destroy(net);
}

/* The table of network-format.md, for fan-in 16, w_std 3, b_std 5. */
static void test_affine(void **state)
{
    static const struct {
        ntk_parameterization parameterization;
        bool first;
        ntk_affine affine;
    } cases[] = {
        {NTK_PARAMETERIZATION_NTK, true, {0.75, 5, 1, 1}},      {NTK_PARAMETERIZATION_NTK, false, {0.75, 5, 1, 1}},
        {NTK_PARAMETERIZATION_STANDARD, true, {1, 1, 0.75, 5}}, {NTK_PARAMETERIZATION_STANDARD, false, {1, 1, 0.75, 5}},
        {NTK_PARAMETERIZATION_TEXTBOOK, true, {1, 1, 3, 5}},    {NTK_PARAMETERIZATION_TEXTBOOK, false, {0.25, 1, 3, 5}},
    };
    (void)state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_step step = {.fan_in = 16, .w_std = 3, .b_std = 5, .first = cases[i].first, .parameterization = cases[i].parameterization};
        ntk_affine affine = ntk_step_affine(&step);
        assert_memory_equal(&affine, &cases[i].affine, sizeof affine);
    }
}

static void test_create(void **state)
{
    ntk_context *ctx = *state;
    ntk_heading heading = {.ndim = 1, .shape = {3}};
    ntk_layer_list layers = {0};
    ntk_network *net = (void *)1;
    assert_int_equal(ntk_network_create(NULL, &heading, &layers, &net), NTK_ERROR_NULL);
    assert_null(net);
    assert_int_equal(ntk_network_create(NULL, &heading, &layers, NULL), NTK_ERROR_NULL);
    kit_fails(ctx, ntk_network_create(ctx, &heading, &layers, NULL), NTK_ERROR_NULL, "network is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_getters), kit_test(test_null), kit_test(test_retained), kit_test(test_check_input),
                                       kit_test(test_affine), kit_test(test_create)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
