/* slice, resize, dropout: shapes, which inputs an output reads, what is refused; null entries are written and read back. */
#include "kit.h"
#include "network.h"

#include <stdio.h>
#include <string.h>

static ntk_status parse(ntk_context *ctx, const char *input, const char *layer, ntk_network **net)
{
    char json[1024];
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%s], \"layers\": [%s]}", input, layer);
    return ntk_network_parse(ctx, json, net);
}

/* Expected: list(range(5))[...] and so on, by hand from Python. */
static void slices(void **state)
{
    static const struct {
        const char *keys;
        int count, from[5];
    } cases[] = {
        {"", 5, {0, 1, 2, 3, 4}},
        {", \"start\": 1", 4, {1, 2, 3, 4}},
        {", \"start\": [null], \"stop\": [-1]", 4, {0, 1, 2, 3}},
        {", \"step\": 2", 3, {0, 2, 4}},
        {", \"start\": -2", 2, {3, 4}},
        {", \"start\": -9, \"stop\": 9, \"step\": 3", 2, {0, 3}},
        {", \"step\": -1", 5, {4, 3, 2, 1, 0}},
        {", \"start\": 3, \"stop\": 0, \"step\": -2", 2, {3, 1}},
        {", \"start\": 3, \"stop\": null, \"step\": -1", 0, {0}},
        {", \"start\": 9, \"stop\": [null], \"step\": [-4]", 2, {4, 0}},
        {", \"start\": 4, \"stop\": -6, \"step\": -4", 2, {4, 0}},
        {", \"start\": 9007199254740991, \"stop\": -9007199254740991, \"step\": -9007199254740991", 1, {4}},
    };
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        char layer[256], text[1024];
        ntk_network *net = NULL, *again = NULL;
        ntk_blend b;
        snprintf(layer, sizeof layer, "{\"op\": \"slice\"%s}", cases[i].keys);
        if (cases[i].count == 0) { /* null stands in lists */
            kit_fails(*state, parse(*state, "5, 2", layer, &net), NTK_ERROR_NETWORK, "layers[0]: stop is null");
            continue;
        }
        kit_ok(*state, parse(*state, "5, 2", layer, &net));
        kit_ok(*state, ntk_network_format(*state, net, text, sizeof text, NULL));
        kit_ok(*state, ntk_network_parse(*state, text, &again));
        assert_int_equal(net->values[1].shape[0], cases[i].count);
        assert_int_equal(again->values[1].shape[0], cases[i].count);
        kit_ok(*state, ntk_blend_open(*state, again, &again->steps[0], &b));
        assert_int_equal(b.count, 1);
        for (int o = 0; o < cases[i].count; ++o) assert_int_equal(b.input[o], cases[i].from[o]);
        ntk_blend_close(&b);
        ntk_network_destroy(again);
        ntk_network_destroy(net);
    }
}

/* Two axes: the places of [3, 4] that [::2, 1:3] leaves. */
static void two_axes(void **state)
{
    static const int64_t from[4] = {1, 2, 9, 10};
    ntk_network *net = NULL;
    ntk_blend b;
    kit_ok(*state, parse(*state, "3, 4, 2", "{\"op\": \"slice\", \"start\": [null, 1], \"stop\": [null, 3], \"step\": [2, null]}", &net));
    kit_ok(*state, ntk_blend_open(*state, net, &net->steps[0], &b));
    assert_int_equal(b.outputs, 4);
    for (int o = 0; o < 4; ++o) assert_int_equal(b.input[o], from[o]);
    ntk_blend_close(&b);
    ntk_network_destroy(net);
}

/* Rows of linear weights by hand: 2 -> 4 looks at -1/4, 1/4, 3/4, 5/4; 4 -> 2 is a triangle of width 2. */
static void resizes(void **state)
{
    static const struct {
        const char *input, *shape;
        int out, in;
        double weight[4][4];
    } cases[] = {
        {"2, 1", "4", 4, 2, {{1, 0}, {0.75, 0.25}, {0.25, 0.75}, {0, 1}}},
        {"4, 1", "2", 2, 4, {{3.0 / 7, 3.0 / 7, 1.0 / 7, 0}, {0, 1.0 / 7, 3.0 / 7, 3.0 / 7}}},
        {"3, 1", "3", 3, 3, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
    };
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        char layer[256];
        ntk_network *net = NULL;
        ntk_blend b;
        snprintf(layer, sizeof layer, "{\"op\": \"resize\", \"shape\": %s}", cases[i].shape);
        kit_ok(*state, parse(*state, cases[i].input, layer, &net));
        kit_ok(*state, ntk_blend_open(*state, net, &net->steps[0], &b));
        assert_int_equal(b.outputs, cases[i].out);
        for (int o = 0; o < cases[i].out; ++o) {
            double got[4] = {0};
            for (int64_t t = 0; t < b.count; ++t)
                if (b.input[o * b.count + t] >= 0) got[b.input[o * b.count + t]] += b.weight[o * b.count + t];
            for (int k = 0; k < cases[i].in; ++k) kit_near(got[k], cases[i].weight[o][k], 1e-15);
        }
        ntk_blend_close(&b);
        ntk_network_destroy(net);
    }
}

static void refusals(void **state)
{
    static const struct {
        const char *input, *layer, *sentence;
    } cases[] = {
        {"5, 2", "{\"op\": \"slice\", \"start\": 5}", "layers[0]: the slice leaves nothing of the 5 positions along axis 0"},
        {"5, 4, 2", "{\"op\": \"slice\", \"start\": [0, 2], \"stop\": [null, 2]}", "layers[0]: the slice leaves nothing of the 4 positions along axis 1"},
        {"5, 2", "{\"op\": \"slice\", \"step\": 0}", "layers[0]: step is 0 along axis 0"},
        {"5, 2", "{\"op\": \"slice\", \"start\": [0, 0]}", "layers[0]: start has 2 entries; expected one, or one for each of the 1 spatial axes"},
        {"5, 2", "{\"op\": \"slice\", \"start\": [0.5]}", "layers[0]: start is a list with reals"},
        {"5, 2", "{\"op\": \"slice\", \"start\": [\"a\"]}", "layers[0]: start is a list; expected a list of integers"},
        {"5", "{\"op\": \"slice\"}", "layers[0]: slice needs spatial axes; its input is [5]"},
        {"5, 2", "{\"op\": \"conv\", \"units\": 1, \"kernel\": [null]}", "layers[0]: kernel[0] is null; expected a list of integers >= 1"},
        {"5, 2", "{\"op\": \"resize\"}", "layers[0]: resize needs the key \"shape\""},
        {"5, 2", "{\"op\": \"resize\", \"shape\": 0}", "layers[0]: shape[0] is 0; expected a list of integers >= 1"},
        {"5, 2", "{\"op\": \"resize\", \"shape\": [null]}", "layers[0]: shape[0] is null"},
        {"5, 2", "{\"op\": \"resize\", \"shape\": 2, \"method\": \"cubic\"}", "expected \"linear\" or \"nearest\""},
        {"5", "{\"op\": \"resize\", \"shape\": 2}", "layers[0]: resize needs spatial axes"},
        {"5", "{\"op\": \"dropout\"}", "layers[0]: dropout needs the key \"keep\""},
        {"5", "{\"op\": \"dropout\", \"keep\": 0}", "layers[0]: keep is 0; expected a probability above 0 and up to 1"},
        {"5", "{\"op\": \"dropout\", \"keep\": 1.5}", "layers[0]: keep is 1.5; expected a probability"},
    };
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = NULL;
        kit_fails(*state, parse(*state, cases[i].input, cases[i].layer, &net), NTK_ERROR_NETWORK, cases[i].sentence);
        assert_null(net);
    }
}

/* More outputs than memory: refused, not counted one by one. */
static void huge(void **state)
{
    ntk_context *small;
    ntk_network *net = NULL;
    ntk_blend b;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 1 << 20};
    kit_ok(*state, ntk_context_create(&options, &small));
    kit_ok(small, parse(small, "5, 2", "{\"op\": \"resize\", \"shape\": 1000000000000}", &net));
    kit_fails(small, ntk_blend_open(small, net, &net->steps[0], &b), NTK_ERROR_MEMORY_LIMIT, "the taps of a layer");
    ntk_network_destroy(net);
    ntk_context_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(slices), kit_test(two_axes), kit_test(resizes), kit_test(refusals), kit_test(huge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
