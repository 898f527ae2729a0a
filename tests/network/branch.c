/* Branches: how the results of their lists become one, and which do not fit. */
#include "kit.h"
#include "network.h"

#include <string.h>

#define HEAD "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], \"layers\": ["
#define DENSE(units) "{\"op\": \"dense\", \"units\": " units "}"
#define BRANCH(merge, lists) HEAD "{\"op\": \"branch\", \"merge\": " merge ", \"branches\": [" lists "]}]}"

static const ntk_step *last_step(const ntk_network *net)
{
    return &net->steps[net->n_steps - 1];
}

static void check_value(const ntk_network *net, int ndim, const int64_t *shape)
{
    const ntk_value *v = &net->values[net->result];
    assert_int_equal(v->ndim, ndim);
    assert_memory_equal(v->shape, shape, (size_t)ndim * sizeof *shape);
}

static void check_parts(const ntk_step *s, int axis, int count, const int64_t *parts)
{
    assert_int_equal(s->axis, axis);
    assert_int_equal(s->n_inputs, count);
    assert_memory_equal(s->parts, parts, (size_t)count * sizeof *parts);
}

/* Equal shapes stay what they are. */
static void test_elementwise(void **state)
{
    static const char *const merges[] = {BRANCH("\"sum\"", "[], [{\"op\": \"relu\"}]"), BRANCH("\"product\"", "[], [{\"op\": \"relu\"}]")};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(merges); ++i) {
        ntk_network *net = kit_network(*state, merges[i]);
        check_value(net, 2, (int64_t[]){4, 3});
        check_parts(last_step(net), 1, 2, (int64_t[]){3, 3});
        assert_int_equal(last_step(net)->entry, 0);
        ntk_network_destroy(net);
    }
}

/* Along the last axis unless said otherwise; an axis counts from the front or from the back. */
static void test_concat(void **state)
{
    static const struct {
        const char *json;
        int axis;
        int64_t shape[2], parts[3];
    } cases[] = {
        {BRANCH("\"concat\"", "[], [" DENSE("5") "], [" DENSE("1") "]"), 1, {4, 9}, {3, 5, 1}},
        {BRANCH("\"concat\", \"axis\": 1", "[], [" DENSE("5") "], [" DENSE("1") "]"), 1, {4, 9}, {3, 5, 1}},
        {BRANCH("\"concat\", \"axis\": -1", "[], [" DENSE("5") "], [" DENSE("1") "]"), 1, {4, 9}, {3, 5, 1}},
        {BRANCH("\"concat\", \"axis\": 0", "[], [], [" DENSE("3") "]"), 0, {12, 3}, {4, 4, 4}},
        {BRANCH("\"concat\", \"axis\": -2", "[], [], [" DENSE("3") "]"), 0, {12, 3}, {4, 4, 4}},
    };
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net = kit_network(*state, cases[i].json);
        check_value(net, 2, cases[i].shape);
        check_parts(last_step(net), cases[i].axis, 3, cases[i].parts);
        assert_int_equal(last_step(net)->units, cases[i].shape[cases[i].axis]);
        ntk_network_destroy(net);
    }
}

/* One list: its result is the result, whatever the merge. */
static void test_single(void **state)
{
    static const char *const merges[] = {BRANCH("\"sum\"", "[" DENSE("5") "]"), BRANCH("\"product\"", "[" DENSE("5") "]"), BRANCH("\"concat\"", "[" DENSE("5") "]")};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(merges); ++i) {
        ntk_network *net = kit_network(*state, merges[i]);
        assert_int_equal(net->n_steps, 1);
        check_value(net, 2, (int64_t[]){4, 5});
        ntk_network_destroy(net);
    }
}

#define HALF "4611686018427387904"  /* 2^62: past 2^53, so no extent */
#define LARGE "9007199254740991"    /* 2^53 - 1 */
#define ALL "[], [], [], [], [], [], [], []"
#define EIGHT(layers) "{\"op\": \"branch\", \"merge\": \"concat\", \"axis\": 0, \"branches\": [" layers "]}"

static void test_refusals(void **state)
{
    static const struct {
        const char *json;
        ntk_status status;
        const char *sentence;
    } cases[] = {
        {BRANCH("\"sum\"", "[], [" DENSE("5") "]"), NTK_ERROR_NETWORK,
         "layers[0]: the branches of a sum must have equal shapes, but branches[0] gives [4, 3] and branches[1] gives [4, 5]"},
        {BRANCH("\"product\"", "[], [], [" DENSE("5") "]"), NTK_ERROR_NETWORK,
         "layers[0]: the branches of a product must have equal shapes, but branches[0] gives [4, 3] and branches[2] gives [4, 5]"},
        {BRANCH("\"concat\", \"axis\": 0", "[], [" DENSE("5") "]"), NTK_ERROR_NETWORK,
         "layers[0]: the branches of a concat must have equal shapes on all other axes, but branches[0] gives [4, 3] and branches[1] gives [4, 5]"},
        {BRANCH("\"sum\", \"axis\": -1", "[], []"), NTK_ERROR_NETWORK, "layers[0]: axis belongs to the merge \"concat\", not to \"sum\""},
        {BRANCH("\"product\", \"axis\": 0", "[], []"), NTK_ERROR_NETWORK, "layers[0]: axis belongs to the merge \"concat\", not to \"product\""},
        {BRANCH("\"concat\", \"axis\": 2", "[], []"), NTK_ERROR_NETWORK, "layers[0]: axis is 2; the branches have 2 axes"},
        {BRANCH("\"concat\", \"axis\": -3", "[], []"), NTK_ERROR_NETWORK, "layers[0]: axis is -3; the branches have 2 axes"},
        {BRANCH("\"concat\", \"axis\": -" LARGE, "[], []"), NTK_ERROR_NETWORK, "layers[0]: axis is -9.007"},
        {BRANCH("\"concat\", \"axis\": 0.5", "[], []"), NTK_ERROR_NETWORK, "layers[0]: axis is 0.5; expected an integer"},
        {BRANCH("\"concat\"", "[], [{\"op\": \"dense\", \"units\": " HALF "}]"), NTK_ERROR_NETWORK, "layers[0].branches[1][0]: units is 4.6"},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_network *net;
        kit_fails(ctx, ntk_network_parse(ctx, cases[i].json, &net), cases[i].status, cases[i].sentence);
    }
}

/* Every concatenation of eight copies multiplies the axis by eight, until it leaves 63 bits. */
static void test_overflow(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net;
    char json[2048] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [" LARGE "], \"layers\": [" EIGHT(ALL);
    for (int i = 0; i < 3; ++i) strcat(json, ", " EIGHT(ALL));
    kit_fails(ctx, ntk_network_parse(ctx, strcat(json, "]}"), &net), NTK_ERROR_OVERFLOW, "layers[3]: the extent along axis 0 exceeds 63 bits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_elementwise), kit_test(test_concat), kit_test(test_single), kit_test(test_refusals), kit_test(test_overflow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
