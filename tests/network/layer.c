/* Lists of layers: growth, paths, deep copies. */
#include "kit.h"
#include "network.h"

#include <stdio.h>

static ntk_layer *append(ntk_context *ctx, ntk_layer_list *list, const char *name)
{
    ntk_layer *layer = NULL;
    kit_ok(ctx, ntk_layer_create(ctx, list, name, &layer));
    kit_ok(ctx, ntk_layer_list_append(ctx, list, layer));
    return layer;
}

static void test_growth(void **state)
{
    ntk_context *ctx = *state;
    ntk_layer_list list = {0};
    char path[32];
    kit_ok(ctx, ntk_layer_list_open(ctx, "layers", 1, &list));
    for (int i = 0; i < 100; ++i) append(ctx, &list, i % 2 ? "relu" : "identity");
    assert_int_equal(list.count, 100);
    for (int i = 0; i < 100; ++i) {
        snprintf(path, sizeof path, "layers[%d]", i);
        assert_string_equal(list.layers[i]->path, path);
        assert_string_equal(ntk_layer_name(list.layers[i]), i % 2 ? "relu" : "identity");
    }
    ntk_layer_list_clear(&list);
    assert_int_equal(list.count, 0);
    ntk_layer_list_clear(&list);
}

static void test_lists_and_copy(void **state)
{
    ntk_context *ctx = *state;
    ntk_layer_list list = {0}, copy = {0};
    ntk_layer *branch, *inner;
    kit_ok(ctx, ntk_layer_list_open(ctx, "layers", 1, &list));
    branch = append(ctx, &list, "branch");
    for (int i = 0; i < 5; ++i) kit_ok(ctx, ntk_layer_add_list(ctx, branch));
    inner = append(ctx, &branch->lists[3], "dense");
    kit_ok(ctx, ntk_layer_set(ctx, inner, "units", &(ntk_given){NTK_GIVEN_INTEGER, 7, NULL, NULL, 0}));
    kit_ok(ctx, ntk_layer_list_copy(ctx, &list, &copy));
    ntk_layer_list_clear(&list);
    branch = copy.layers[0];
    inner = branch->lists[3].layers[0];
    assert_int_equal(branch->n_lists, 5);
    assert_string_equal(inner->path, "layers[0].branches[3][0]");
    assert_true(inner->given[NTK_DENSE_UNITS]);
    assert_false(inner->given[NTK_DENSE_LR]);
    kit_near(inner->value[NTK_DENSE_UNITS], 7, 0);
    kit_near(inner->value[NTK_DENSE_LR], 1, 0);
    ntk_layer_list_clear(&copy);
}

static void test_keys(void **state)
{
    ntk_context *ctx = *state;
    ntk_layer_list list = {0};
    ntk_layer *dense, *relu;
    ntk_given units = {NTK_GIVEN_INTEGER, 7, NULL, NULL, 0};
    kit_ok(ctx, ntk_layer_list_open(ctx, "layers", 1, &list));
    dense = append(ctx, &list, "dense");
    relu = append(ctx, &list, "relu");
    kit_fails(ctx, ntk_layer_check(ctx, dense), NTK_ERROR_NETWORK, "layers[0]: dense needs the key \"units\"");
    kit_ok(ctx, ntk_layer_set(ctx, dense, "units", &units));
    kit_ok(ctx, ntk_layer_check(ctx, dense));
    kit_fails(ctx, ntk_layer_set(ctx, dense, "units", &units), NTK_ERROR_NETWORK, "layers[0]: units is given twice");
    kit_fails(ctx, ntk_layer_set(ctx, dense, "unit", &units), NTK_ERROR_NETWORK,
              "layers[0]: dense has no key \"unit\" (did you mean \"units\"?); expected one of units, w_std, b_std, parameterization, train, lr");
    kit_fails(ctx, ntk_layer_set(ctx, relu, "alpha", &units), NTK_ERROR_NETWORK, "layers[1]: relu has no key \"alpha\"");
    ntk_layer_list_clear(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_growth), kit_test(test_lists_and_copy), kit_test(test_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
