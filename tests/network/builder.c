/* The builder against JSON, and its refusals. */
#include "kit.h"
#include "network.h"

#include <math.h>
#include <string.h>

#define UNITS(n) (ntk_attribute[]){NTK_NUMBER("units", n), NTK_END}
#define SUM (ntk_attribute[]){NTK_TEXT("merge", "sum"), NTK_END}
#define TIMES(n) (ntk_attribute[]){NTK_NUMBER("times", n), NTK_END}

static ntk_builder *create(ntk_context *ctx, const char *parameterization)
{
    ntk_builder *b = NULL;
    kit_ok(ctx, ntk_builder_create(ctx, 2, (int64_t[]){4, 3}, parameterization, &b));
    return b;
}

static void check_equal(ntk_context *ctx, const ntk_builder *b, const char *json)
{
    char built[2048], parsed[2048];
    ntk_network *one = NULL, *other = kit_network(ctx, json);
    kit_ok(ctx, ntk_builder_finish(ctx, b, &one));
    kit_ok(ctx, ntk_network_format(ctx, one, built, sizeof built, NULL));
    kit_ok(ctx, ntk_network_format(ctx, other, parsed, sizeof parsed, NULL));
    assert_string_equal(built, parsed);
    assert_int_equal(ntk_network_parameters(one), ntk_network_parameters(other));
    ntk_network_destroy(one);
    ntk_network_destroy(other);
}

#define HEAD "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], "

/* The builder goes on after a finish; what was finished stays as it was. */
static void test_equals_json(void **state)
{
    ntk_context *ctx = *state;
    ntk_builder *b = create(ctx, "standard");
    ntk_network *early = NULL;
    kit_ok(ctx, ntk_builder_add(ctx, b, "dense", (ntk_attribute[]){NTK_NUMBER("units", 5), NTK_NUMBER("w_std", 0.1), NTK_NUMBER("b_std", 0),
                                                                   NTK_TEXT("parameterization", "ntk"), NTK_NUMBER("train", 0), NTK_END}));
    kit_ok(ctx, ntk_builder_finish(ctx, b, &early));
    kit_ok(ctx, ntk_builder_begin(ctx, b, "branch", SUM));
    kit_ok(ctx, ntk_builder_next(ctx, b));
    kit_ok(ctx, ntk_builder_add(ctx, b, "relu", NULL));
    kit_ok(ctx, ntk_builder_begin(ctx, b, "repeat", TIMES(2)));
    kit_ok(ctx, ntk_builder_add(ctx, b, "dense", UNITS(5)));
    kit_ok(ctx, ntk_builder_end(ctx, b));
    kit_ok(ctx, ntk_builder_end(ctx, b));
    kit_ok(ctx, ntk_builder_add(ctx, b, "leaky_relu", (ntk_attribute[]){NTK_NUMBER("alpha", 0.25), NTK_END}));
    check_equal(ctx, b, HEAD "\"parameterization\": \"standard\", \"layers\": [{\"op\": \"dense\", \"units\": 5, \"w_std\": 0.1, \"b_std\": 0,"
        "\"parameterization\": \"ntk\", \"train\": false}, {\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"relu\"},"
        "{\"op\": \"repeat\", \"times\": 2, \"layers\": [{\"op\": \"dense\", \"units\": 5}]}]]}, {\"op\": \"leaky_relu\", \"alpha\": 0.25}]}");
    ntk_builder_destroy(b);
    assert_int_equal(ntk_network_parameters(early), 20);
    assert_string_equal(early->steps[0].layer->path, "layers[0]");
    ntk_network_destroy(early);
}

static void test_empty(void **state)
{
    ntk_context *ctx = *state;
    ntk_builder *b = create(ctx, NULL);
    check_equal(ctx, b, HEAD "\"layers\": []}");
    ntk_builder_destroy(b);
    ntk_builder_destroy(NULL);
}

static void test_create_refusals(void **state)
{
    ntk_context *ctx = *state;
    int64_t shape[] = {3, 0, 3, 3, 3, 3}, huge = INT64_MAX;
    ntk_builder *b = (void *)1;
    kit_fails(ctx, ntk_builder_create(ctx, 2, shape, NULL, &b), NTK_ERROR_NETWORK, "input[1] is 0; expected an integer");
    assert_null(b);
    kit_fails(ctx, ntk_builder_create(ctx, 0, shape, NULL, &b), NTK_ERROR_NETWORK, "input has 0 axes; expected 1 to 5");
    kit_fails(ctx, ntk_builder_create(ctx, 6, shape, NULL, &b), NTK_ERROR_NETWORK, "input has 6 axes");
    kit_fails(ctx, ntk_builder_create(ctx, -1, shape, NULL, &b), NTK_ERROR_NETWORK, "input has -1 axes");
    kit_fails(ctx, ntk_builder_create(ctx, 1, &huge, NULL, &b), NTK_ERROR_NETWORK, "input[0] is 9.22");
    kit_fails(ctx, ntk_builder_create(ctx, 1, shape, "ntp", &b), NTK_ERROR_NETWORK, "parameterization is \"ntp\"; expected \"ntk\"");
    kit_fails(ctx, ntk_builder_create(ctx, 1, NULL, NULL, &b), NTK_ERROR_NULL, "shape is NULL");
    kit_fails(ctx, ntk_builder_create(ctx, 1, shape, NULL, NULL), NTK_ERROR_NULL, "builder is NULL");
    assert_int_equal(ntk_builder_create(NULL, 1, shape, NULL, &b), NTK_ERROR_NULL);
}

/* A failed call leaves the builder as it was. */
static void test_add_refusals(void **state)
{
    ntk_context *ctx = *state;
    ntk_builder *b = create(ctx, NULL);
    kit_ok(ctx, ntk_builder_add(ctx, b, "relu", NULL));
    kit_fails(ctx, ntk_builder_add(ctx, b, "dense", NULL), NTK_ERROR_NETWORK, "layers[1]: dense needs the key \"units\"");
    kit_fails(ctx, ntk_builder_add(ctx, b, "Dense", UNITS(3)), NTK_ERROR_NETWORK, "layers[1]: unknown op \"Dense\" (did you mean \"dense\"?)");
    kit_fails(ctx, ntk_builder_add(ctx, b, "dense", UNITS(3.5)), NTK_ERROR_NETWORK, "layers[1]: units is 3.5");
    kit_fails(ctx, ntk_builder_add(ctx, b, "dense", UNITS(NAN)), NTK_ERROR_NETWORK, "layers[1]: units is ");
    kit_fails(ctx, ntk_builder_add(ctx, b, "dense", (ntk_attribute[]){NTK_TEXT("units", "3"), NTK_END}), NTK_ERROR_NETWORK, "units is \"3\"");
    kit_fails(ctx, ntk_builder_add(ctx, b, "dense", (ntk_attribute[]){NTK_NUMBER("units", 3), NTK_NUMBER("units", 3), NTK_END}), NTK_ERROR_NETWORK,
              "layers[1]: units is given twice");
    kit_fails(ctx, ntk_builder_add(ctx, b, "branch", SUM), NTK_ERROR_NETWORK, "layers[1]: branch holds lists of layers; open it with ntk_builder_begin()");
    kit_fails(ctx, ntk_builder_begin(ctx, b, "dense", UNITS(3)), NTK_ERROR_NETWORK, "layers[1]: dense holds no layers; add it with ntk_builder_add()");
    kit_fails(ctx, ntk_builder_add(ctx, b, NULL, NULL), NTK_ERROR_NULL, "op is NULL");
    kit_fails(ctx, ntk_builder_add(ctx, NULL, "relu", NULL), NTK_ERROR_NULL, "builder is NULL");
    kit_fails(ctx, ntk_builder_begin(ctx, b, NULL, NULL), NTK_ERROR_NULL, "op is NULL");
    kit_fails(ctx, ntk_builder_begin(ctx, NULL, "branch", SUM), NTK_ERROR_NULL, "builder is NULL");
    check_equal(ctx, b, HEAD "\"layers\": [{\"op\": \"relu\"}]}");
    ntk_builder_destroy(b);
}

static void test_order_refusals(void **state)
{
    ntk_context *ctx = *state;
    ntk_builder *b = create(ctx, NULL);
    ntk_network *net = (void *)1;
    kit_fails(ctx, ntk_builder_next(ctx, b), NTK_ERROR_NETWORK, "no layer is open");
    kit_fails(ctx, ntk_builder_end(ctx, b), NTK_ERROR_NETWORK, "no layer is open");
    kit_fails(ctx, ntk_builder_next(ctx, NULL), NTK_ERROR_NULL, "builder is NULL");
    kit_fails(ctx, ntk_builder_end(ctx, NULL), NTK_ERROR_NULL, "builder is NULL");
    kit_ok(ctx, ntk_builder_begin(ctx, b, "repeat", TIMES(2)));
    kit_fails(ctx, ntk_builder_next(ctx, b), NTK_ERROR_NETWORK, "layers[0]: repeat holds one list of layers only");
    kit_ok(ctx, ntk_builder_begin(ctx, b, "branch", SUM));
    kit_fails(ctx, ntk_builder_finish(ctx, b, &net), NTK_ERROR_NETWORK, "layers[0].layers[0]: branch is still open");
    assert_null(net);
    kit_ok(ctx, ntk_builder_next(ctx, b));
    kit_ok(ctx, ntk_builder_add(ctx, b, "dense", UNITS(9)));
    kit_ok(ctx, ntk_builder_end(ctx, b));
    kit_ok(ctx, ntk_builder_end(ctx, b));
    kit_fails(ctx, ntk_builder_finish(ctx, b, &net), NTK_ERROR_NETWORK, "layers[0].layers[0]: the branches of a sum must have equal shapes");
    kit_fails(ctx, ntk_builder_finish(ctx, b, NULL), NTK_ERROR_NULL, "network is NULL");
    kit_fails(ctx, ntk_builder_finish(ctx, NULL, &net), NTK_ERROR_NULL, "builder is NULL");
    ntk_builder_destroy(b);
}

/* Lists are copied; a single number stands for a list of one. */
static void test_lists(void **state)
{
    ntk_context *ctx = *state;
    double coefficients[] = {1, -0.5, 0.25}, nan = NAN;
    ntk_builder *b = create(ctx, NULL);
    kit_fails(ctx, ntk_builder_add(ctx, b, "polynomial", (ntk_attribute[]){NTK_LIST("coef", coefficients, 0), NTK_END}), NTK_ERROR_NETWORK,
              "layers[0]: coef is an empty list");
    kit_fails(ctx, ntk_builder_add(ctx, b, "polynomial", (ntk_attribute[]){NTK_LIST("coef", coefficients, -1), NTK_END}), NTK_ERROR_NETWORK,
              "layers[0]: coef is an empty list");
    kit_fails(ctx, ntk_builder_add(ctx, b, "polynomial", (ntk_attribute[]){NTK_LIST("coef", &nan, 1), NTK_END}), NTK_ERROR_NETWORK, "layers[0]: coef[0] is ");
    kit_fails(ctx, ntk_builder_add(ctx, b, "dense", (ntk_attribute[]){NTK_LIST("units", coefficients, 3), NTK_END}), NTK_ERROR_NETWORK,
              "layers[0]: units is a list; expected an integer");
    kit_fails(ctx, ntk_builder_add(ctx, b, "layer_norm", (ntk_attribute[]){NTK_LIST("axes", coefficients, 2), NTK_END}), NTK_ERROR_NETWORK,
              "layers[0]: axes[1] is -0.5; expected a list of integers");
    kit_fails(ctx, ntk_builder_add(ctx, b, "branch", (ntk_attribute[]){NTK_NUMBER("axis", 0.5), NTK_END}), NTK_ERROR_NETWORK, "layers[0]: ");
    kit_ok(ctx, ntk_builder_add(ctx, b, "polynomial", (ntk_attribute[]){NTK_LIST("coef", coefficients, 3), NTK_END}));
    kit_ok(ctx, ntk_builder_add(ctx, b, "layer_norm", (ntk_attribute[]){NTK_NUMBER("axes", -1), NTK_END}));
    coefficients[0] = 7;
    check_equal(ctx, b, HEAD "\"layers\": [{\"op\": \"polynomial\", \"coef\": [1, -0.5, 0.25]}, {\"op\": \"layer_norm\", \"axes\": [-1]}]}");
    ntk_builder_destroy(b);
}

static void test_nesting(void **state)
{
    ntk_context *ctx = *state;
    ntk_builder *b = create(ctx, NULL);
    for (int i = 1; i < NTK_MAX_NESTING; ++i) kit_ok(ctx, ntk_builder_begin(ctx, b, "branch", SUM));
    kit_fails(ctx, ntk_builder_begin(ctx, b, "branch", SUM), NTK_ERROR_NETWORK, "nest more than 64 deep");
    kit_ok(ctx, ntk_builder_next(ctx, b));
    kit_ok(ctx, ntk_builder_add(ctx, b, "relu", NULL));
    ntk_builder_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_equals_json),  kit_test(test_empty),          kit_test(test_create_refusals),
                                       kit_test(test_add_refusals), kit_test(test_order_refusals), kit_test(test_nesting),
                                       kit_test(test_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
