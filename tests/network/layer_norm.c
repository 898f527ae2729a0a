/* layer_norm: keeps the shape; its axes hold the channel axis. */
#include "kit.h"
#include "network.h"

#include <stdio.h>

static ntk_status parse(ntk_context *ctx, const char *keys, ntk_network **net)
{
    char json[512];
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], \"layers\": [{\"op\": \"layer_norm\"%s}]}", keys);
    return ntk_network_parse(ctx, json, net);
}

static void test_accepted(void **state)
{
    static const char *const keys[] = {"", ", \"axes\": [-1]", ", \"axes\": -1", ", \"axes\": [1]", ", \"axes\": 1", ", \"axes\": [0, 1]", ", \"axes\": [-1, -2]", ", \"axes\": [1, -2]"};
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(keys); ++i) {
        ntk_network *net = NULL;
        kit_ok(ctx, parse(ctx, keys[i], &net));
        assert_int_equal(net->n_steps, 1);
        assert_int_equal(net->values[1].ndim, 2);
        assert_int_equal(net->values[1].shape[0], 4);
        assert_int_equal(net->values[1].shape[1], 3);
        kit_near(net->steps[0].layer->value[NTK_LAYER_NORM_EPSILON], 1e-12, 0);
        ntk_network_destroy(net);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *keys, *sentence;
    } cases[] = {
        {", \"axes\": [0]", "layers[0]: axes must hold the channel axis -1, each axis once, and be among the 2 axes of its input"},
        {", \"axes\": [-2]", "layers[0]: axes must hold the channel axis"},
        {", \"axes\": [1, 1]", "layers[0]: axes must hold the channel axis -1, each axis once"},
        {", \"axes\": [-1, 1]", "layers[0]: axes must hold the channel axis -1, each axis once"},
        {", \"axes\": [-1, 2]", "and be among the 2 axes"},
        {", \"axes\": [-1, -3]", "and be among the 2 axes"},
        {", \"axes\": []", "layers[0]: axes is an empty list"},
        {", \"axes\": [1.0]", "layers[0]: axes is a list with reals; expected a list of integers"},
        {", \"epsilon\": -1", "layers[0]: epsilon is -1; expected a finite number >= 0"},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = (void *)1;
        kit_fails(ctx, parse(ctx, cases[i].keys, &net), NTK_ERROR_NETWORK, cases[i].sentence);
        assert_null(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_accepted), kit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
