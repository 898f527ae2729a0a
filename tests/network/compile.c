/* From the tree to the program, against programs written out by hand. */
#include "kit.h"
#include "network.h"

#include <string.h>

#define HEAD "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], "

static void check_step(const ntk_network *net, int64_t i, const char *name, const char *path, int n_inputs, const int *inputs)
{
    const ntk_step *s = &net->steps[i];
    assert_string_equal(ntk_layer_name(s->layer), name);
    assert_string_equal(s->layer->path, path);
    assert_int_equal(s->output, i + 1);
    assert_int_equal(s->n_inputs, n_inputs);
    assert_memory_equal(s->inputs, inputs, (size_t)n_inputs * sizeof *inputs);
}

static void check_parametric(const ntk_network *net, int64_t i, int64_t parametric, int64_t offset, int64_t units, int64_t fan_in, bool bias)
{
    const ntk_step *s = &net->steps[i];
    assert_int_equal(s->parametric, parametric);
    assert_int_equal(s->offset, offset);
    assert_int_equal(s->units, units);
    assert_int_equal(s->fan_in, fan_in);
    assert_int_equal(s->bias, bias);
    assert_int_equal(s->n_parameters, units * fan_in + (bias ? units : 0));
}

#define INPUTS(...) (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__}

/* A branch inside a repeat, twice: values 0 -> 1 dense -> (2 relu -> 3 dense) -> 4 sum -> (5 relu -> 6 dense) -> 7 sum. */
static void test_nested(void **state)
{
    ntk_network *net = kit_network(*state, HEAD "\"layers\": [{\"op\": \"dense\", \"units\": 4, \"b_std\": 0},"
        "{\"op\": \"repeat\", \"times\": 2, \"layers\": [{\"op\": \"identity\"}, {\"op\": \"branch\", \"merge\": \"sum\", \"branches\":"
        "[[], [{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}]]}]}]}");
    static const int last_use[] = {0, 3, 2, 3, 6, 5, 6, 7};
    static const char *const dense = "layers[1].layers[1].branches[1][1]", *const relu = "layers[1].layers[1].branches[1][0]";
    assert_int_equal(net->n_steps, 7);
    assert_int_equal(net->n_values, 8);
    assert_int_equal(net->result, 7);
    check_step(net, 0, "dense", "layers[0]", INPUTS(0));
    check_step(net, 1, "relu", relu, INPUTS(1));
    check_step(net, 2, "dense", dense, INPUTS(2));
    check_step(net, 3, "branch", "layers[1].layers[1]", INPUTS(1, 3));
    check_step(net, 4, "relu", relu, INPUTS(4));
    check_step(net, 5, "dense", dense, INPUTS(5));
    check_step(net, 6, "branch", "layers[1].layers[1]", INPUTS(4, 6));
    for (int i = 0; i < 8; ++i) assert_int_equal(net->values[i].last_use, last_use[i]);
    check_parametric(net, 0, 0, 0, 4, 3, true);
    check_parametric(net, 2, 1, 16, 4, 4, false);
    check_parametric(net, 5, 2, 32, 4, 4, false);
    assert_int_equal(net->steps[1].parametric, -1);
    assert_int_equal(net->steps[6].entry, 4);
    assert_int_equal(ntk_network_parameters(net), 48);
    assert_int_equal(ntk_network_layers(net), 3);
    ntk_network_destroy(net);
}

/* Flat vector in document order, depth first; nothing parametric lies before the first two layers of the branches. */
static void test_document_order_and_first(void **state)
{
    ntk_network *net = kit_network(*state, HEAD "\"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\":"
        "[[{\"op\": \"dense\", \"units\": 2}, {\"op\": \"dense\", \"units\": 5}], [{\"op\": \"abs\"}, {\"op\": \"dense\", \"units\": 5}]]},"
        "{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}");
    static const int64_t offsets[] = {0, 6, -1, 16, -1, -1, 31};
    static const bool first[] = {true, false, false, true, false, false, false};
    static const bool parametric[] = {false, true, true, false, true, true, true, true};
    assert_int_equal(net->n_steps, 7);
    for (int i = 0; i < 7; ++i) {
        if (offsets[i] >= 0) assert_int_equal(net->steps[i].offset, offsets[i]);
        else assert_int_equal(net->steps[i].parametric, -1);
        assert_int_equal(net->steps[i].first, first[i]);
    }
    for (int i = 0; i < 8; ++i) assert_int_equal(net->values[i].parametric, parametric[i]);
    assert_int_equal(net->steps[4].entry, 0);
    assert_int_equal(ntk_network_parameters(net), 36);
    assert_int_equal(ntk_network_outputs(net), 1);
    ntk_network_destroy(net);
}

static void test_keys_reach_the_step(void **state)
{
    ntk_network *net = kit_network(*state, HEAD "\"parameterization\": \"standard\", \"layers\": ["
        "{\"op\": \"dense\", \"units\": 2, \"w_std\": 1.5, \"b_std\": 0.25, \"lr\": 3},"
        "{\"op\": \"dense\", \"units\": 2, \"train\": false, \"lr\": 3, \"parameterization\": \"textbook\"}, {\"op\": \"dense\", \"units\": 2}]}");
    const ntk_step *s = net->steps;
    kit_near(s[0].w_std, 1.5, 0);
    kit_near(s[0].b_std, 0.25, 0);
    kit_near(s[0].rate, 3, 0);
    kit_near(s[1].rate, 0, 0);
    kit_near(s[2].rate, 1, 0);
    kit_near(s[2].w_std, 1, 0);
    assert_int_equal(s[0].parameterization, NTK_PARAMETERIZATION_STANDARD);
    assert_int_equal(s[1].parameterization, NTK_PARAMETERIZATION_TEXTBOOK);
    ntk_network_destroy(net);
}

/* Dense acts on the last axis; everything else keeps the shape. */
static void test_shapes(void **state)
{
    ntk_network *net = kit_network(*state, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5, 4, 3, 2, 7],"
        "\"layers\": [{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 6}]}");
    static const int64_t shape[] = {5, 4, 3, 2, 6};
    assert_int_equal(net->values[2].ndim, 5);
    assert_memory_equal(net->values[2].shape, shape, sizeof shape);
    assert_int_equal(net->values[1].size, 840);
    assert_int_equal(net->values[2].size, 720);
    assert_int_equal(net->steps[1].fan_in, 7);
    assert_int_equal(ntk_network_input_size(net), 840);
    ntk_network_destroy(net);
}

static void test_empty_networks(void **state)
{
    static const char *const layers[] = {"[]", "[{\"op\": \"identity\"}]", "[{\"op\": \"repeat\", \"times\": 9, \"layers\": []}]",
                                         "[{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[]]}]"};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(layers); ++i) {
        char json[256] = HEAD "\"layers\": ";
        ntk_network *net = kit_network(*state, strcat(strcat(json, layers[i]), "}"));
        assert_int_equal(net->n_steps, 0);
        assert_int_equal(net->result, 0);
        assert_int_equal(net->values[0].last_use, 0);
        assert_int_equal(ntk_network_parameters(net), 0);
        assert_int_equal(ntk_network_outputs(net), 3);
        ntk_network_destroy(net);
    }
}

/* One value may be read twice by one step: x + x. */
static void test_sum_of_the_same(void **state)
{
    ntk_network *net = kit_network(*state, HEAD "\"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [], []]}]}");
    assert_int_equal(net->n_steps, 1);
    check_step(net, 0, "branch", "layers[0]", INPUTS(0, 0, 0));
    assert_int_equal(net->values[0].last_use, 0);
    ntk_network_destroy(net);
}

/* A sum is parametric where any branch is, wherever it stands. */
static void test_parametric_sum(void **state)
{
    ntk_network *net = kit_network(*state, HEAD "\"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\":"
        "[[{\"op\": \"dense\", \"units\": 3}], []]}, {\"op\": \"dense\", \"units\": 1}]}");
    assert_true(net->values[2].parametric);
    assert_true(net->steps[0].first);
    assert_false(net->steps[2].first);
    ntk_network_destroy(net);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *json;
        ntk_status status;
        const char *sentence;
    } cases[] = {
        {HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 1, \"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"dense\", \"units\": 4}]]}]}]}",
         NTK_ERROR_NETWORK, "layers[0].layers[0]: the branches of a sum must have equal shapes, but branches[0] gives [3] and branches[1] gives [4]"},
        {HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 1000000000, \"layers\": [{\"op\": \"relu\"}]}]}", NTK_ERROR_OVERFLOW, "layers[0]: "},
        {HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 1000000000, \"layers\": []}]}", NTK_ERROR_OVERFLOW, "layers[0]: "},
        {HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 1500, \"layers\": [{\"op\": \"repeat\", \"times\": 1500, \"layers\": []}]}]}", NTK_ERROR_OVERFLOW,
         "layers[0]: "},
        {HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 9007199254740991, \"layers\": [{\"op\": \"repeat\", \"times\": 9007199254740991, \"layers\": []}]}]}",
         NTK_ERROR_OVERFLOW, "layers[0].layers[0]: "},
        {HEAD "\"layers\": [{\"op\": \"dense\", \"units\": 4503599627370496}, {\"op\": \"dense\", \"units\": 4503599627370496}]}", NTK_ERROR_OVERFLOW,
         "layers[1]: the number of parameters"},
        {"{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3037000499], \"layers\": [{\"op\": \"dense\", \"units\": 3037000500, \"b_std\": 0}]}",
         NTK_ERROR_OVERFLOW, "layers[0]: the number of parameters"},
        {HEAD "\"layers\": [{\"op\": \"dense\", \"units\": 3003003003003003}, {\"op\": \"dense\", \"units\": 3000}, {\"op\": \"dense\", \"units\": 4000000000000000}]}",
         NTK_ERROR_OVERFLOW, "layers[2]: the number of parameters"},
        {"{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4503599627370496, 4503599627370496], \"layers\": []}", NTK_ERROR_OVERFLOW,
         "input: the number of elements"},
        {"{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4503599627370496, 1], \"layers\": [{\"op\": \"dense\", \"units\": 4503599627370496}]}",
         NTK_ERROR_OVERFLOW, "layers[0]: the number of elements"},
        {HEAD "\"layers\": [{\"op\": \"relu\"}, {\"op\": \"aggregate\"}]}", NTK_ERROR_NETWORK,
         "layers[1]: aggregate needs an input [nodes, channels]; its input is [3]"},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = (void *)1;
        kit_fails(ctx, ntk_network_parse(ctx, cases[i].json, &net), cases[i].status, cases[i].sentence);
        assert_null(net);
    }
}

/* The limit counts the list of the network, the repeat, and per copy a list and a relu: 2 + 2 * 499999 is the last that fits. */
static void test_limit(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 499999, \"layers\": [{\"op\": \"relu\"}]}]}");
    assert_int_equal(net->n_steps, 499999);
    ntk_network_destroy(net);
    kit_fails(ctx, ntk_network_parse(ctx, HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 500000, \"layers\": [{\"op\": \"relu\"}]}]}", &net),
              NTK_ERROR_OVERFLOW, "more than the 1000000 layers and lists");
}

static void test_memory_limit(void **state)
{
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 1 << 20};
    ntk_context *ctx;
    ntk_network *net;
    (void)state;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    kit_fails(ctx, ntk_network_parse(ctx, HEAD "\"layers\": [{\"op\": \"repeat\", \"times\": 100000, \"layers\": [{\"op\": \"relu\"}]}]}", &net),
              NTK_ERROR_MEMORY_LIMIT, "the program of the network");
    ntk_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_nested),         kit_test(test_document_order_and_first), kit_test(test_keys_reach_the_step),
        kit_test(test_shapes),         kit_test(test_empty_networks),           kit_test(test_sum_of_the_same),
        kit_test(test_parametric_sum), kit_test(test_refusals),                 kit_test(test_limit),
        kit_test(test_memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
