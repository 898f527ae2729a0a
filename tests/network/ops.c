/* The tables: names, counts, and what every entry owes to the rest of the room. */
#include "kit.h"
#include "network.h"

#include <string.h>

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; ntk_ops[i] || i < ntk_op_count(); ++i) assert_string_equal(ntk_op_name(i), ntk_ops[i]->name);
    assert_string_equal(ntk_op_name(0), "dense");
    assert_null(ntk_op_name(-1));
    assert_null(ntk_op_name(ntk_op_count()));
    for (int i = 0; ntk_activations[i] || i < ntk_activation_count(); ++i) assert_string_equal(ntk_activation_name(i), ntk_activations[i]->name);
    assert_string_equal(ntk_activation_name(0), "relu");
    assert_null(ntk_activation_name(-1));
    assert_null(ntk_activation_name(ntk_activation_count()));
}

/* No name stands for two things. */
static void test_names_are_unique(void **state)
{
    const char *names[64];
    int n = 0;
    (void)state;
    for (int i = 0; i < ntk_op_count(); ++i) names[n++] = ntk_op_name(i);
    for (int i = 0; i < ntk_activation_count(); ++i) names[n++] = ntk_activation_name(i);
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < i; ++j) assert_string_not_equal(names[i], names[j]);
}

/* A table of keys fits ntk_layer.value, its fallbacks are allowed values, a choice has choices. */
static void check_keys(ntk_context *ctx, const ntk_key *keys)
{
    int n = 0;
    for (; keys && keys[n].name; ++n) {
        ntk_given fallback = {NTK_GIVEN_NUMBER, keys[n].fallback, NULL, NULL, 0};
        double value;
        assert_true(n < NTK_MAX_KEYS);
        if (keys[n].type == NTK_KEY_CHOICE) assert_non_null(keys[n].choices[0]);
        else if (!keys[n].required) kit_ok(ctx, ntk_key_read(ctx, NULL, &keys[n], &fallback, &value));
    }
}

static void test_records(void **state)
{
    ntk_context *ctx = *state;
    for (int i = 0; ntk_ops[i]; ++i) {
        assert_non_null(ntk_ops[i]->compile);
        assert_true((ntk_ops[i]->children == NTK_NO_CHILDREN) == (ntk_ops[i]->children_key == NULL));
        check_keys(ctx, ntk_ops[i]->keys);
    }
    for (int i = 0; ntk_activations[i]; ++i) {
        assert_true(ntk_activations[i]->value || ntk_activations[i]->dual); /* one reading at least */
        assert_true((ntk_activations[i]->value == NULL) == (ntk_activations[i]->derivative == NULL));
        check_keys(ctx, ntk_activations[i]->keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_names), kit_test(test_names_are_unique), kit_test(test_records)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
