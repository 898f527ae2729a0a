/* Which networks can be read in the infinite-width limit, how many pair states live at once, and repeats. */
#include "infinite/pairs.h"

#include "infinite.h"

enum { D = 3 };
static const double x[D] = {1, 0.5, -0.25}, y[D] = {0.75, -1, 0.5};

#define DENSE "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.2, \"b_std\": 0.1}"
#define RELU "{\"op\": \"relu\"}"

static void refused(ntk_context *ctx, const char *layers, const char *words)
{
    ntk_kernel *kernel = NULL;
    kit_fails(ctx, read_kernel(ctx, D, "ntk", layers, &kernel), NTK_ERROR_NO_RULE, words);
    assert_null(kernel);
}

static void activations_need_gaussian_inputs(void **state)
{
    refused(*state, RELU, "layers[0]: relu needs a Gaussian input");
    refused(*state, DENSE "," RELU "," RELU, "layers[2]: relu needs a Gaussian input");
    refused(*state, DENSE ", {\"op\": \"repeat\", \"times\": 2, \"layers\": [" RELU "]}", "layers[1].layers[0]: relu needs");
}

static void repeat_is_unrolling(void **state)
{
    kernels once = kernels_of(*state, D, "ntk", DENSE "," RELU "," DENSE "," RELU "," DENSE "," RELU "," DENSE, x, y);
    kernels loop = kernels_of(*state, D, "ntk", "{\"op\": \"repeat\", \"times\": 3, \"layers\": [" DENSE "," RELU "]}," DENSE, x, y);
    assert_true(once.nngp == loop.nngp && once.ntk == loop.ntk);
}

static int slots_of(ntk_context *ctx, const char *json)
{
    ntk_network *net = kit_network(ctx, json);
    ntk_reading *r = NULL;
    int slots;
    kit_ok(ctx, ntk_reading_create(ctx, net, NTK_DROPOUT_TRAINING, &r));
    slots = r->slots;
    ntk_reading_destroy(r);
    ntk_network_destroy(net);
    return slots;
}

#define NET(layers) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [" layers "]}"

/* A chain needs one state whatever its depth, a residual chain two. */
static void states_are_reused(void **state)
{
    assert_int_equal(slots_of(*state, NET("{\"op\": \"repeat\", \"times\": 500, \"layers\": [" DENSE "," RELU "]}")), 1);
    assert_int_equal(slots_of(*state, NET(DENSE ", {\"op\": \"repeat\", \"times\": 500, \"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [" RELU "," DENSE "]]}]}")), 2);
}

static void an_empty_network_is_the_input_kernel(void **state)
{
    kernels k = kernels_of(*state, D, "ntk", "", x, y);
    kit_near(k.nngp, (0.75 - 0.5 - 0.125) / 3, 1e-16);
    kit_near(k.ntk, 0, 0);
}

static void positions_must_not_remain(void **state)
{
    ntk_network *net = kit_network(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 4, 3], \"layers\": [" DENSE "]}");
    ntk_kernel *kernel = NULL;
    kit_fails(*state, ntk_kernel_from_network(*state, net, NULL, &kernel), NTK_ERROR_UNSUPPORTED, "[4, 4, 8]");
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(activations_need_gaussian_inputs), kit_test(repeat_is_unrolling), kit_test(states_are_reused),
                                       kit_test(an_empty_network_is_the_input_kernel), kit_test(positions_must_not_remain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
