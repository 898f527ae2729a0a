/* The same network at another width: which layers are hidden, by its parameters and by its description. */
#include "kit.h"

#include <string.h>

#define NETWORK(input, layers) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": " input ", \"layers\": [" layers "]}"
#define DENSE(units) "{\"op\": \"dense\", \"units\": " #units "}"
#define RELU "{\"op\": \"relu\"}"
#define BRANCH(merge, first, second) "{\"op\": \"branch\", \"merge\": \"" merge "\", \"branches\": [[" first "], [" second "]]}"

/* The description at width 7. */
static void check(ntk_context *ctx, const char *json, const char *wanted)
{
    char text[2][2000];
    ntk_network *network = kit_network(ctx, json), *wide = NULL, *reference = kit_network(ctx, wanted);
    kit_ok(ctx, ntk_network_widen(ctx, network, 7, &wide));
    kit_ok(ctx, ntk_network_format(ctx, wide, text[0], sizeof text[0], NULL));
    kit_ok(ctx, ntk_network_format(ctx, reference, text[1], sizeof text[1], NULL));
    assert_string_equal(text[0], text[1]);
    assert_int_equal(ntk_network_parameters(wide), ntk_network_parameters(reference));
    ntk_network_destroy(reference);
    ntk_network_destroy(wide);
    ntk_network_destroy(network);
}

static void test_hidden(void **state)
{
    ntk_context *ctx = *state;
    check(ctx, NETWORK("[3]", DENSE(4)), NETWORK("[3]", DENSE(4)));
    check(ctx, NETWORK("[3]", DENSE(4) "," RELU "," DENSE(5) "," RELU), NETWORK("[3]", DENSE(7) "," RELU "," DENSE(5) "," RELU));
    /* both branches carry the outputs; the layer before them does not */
    check(ctx, NETWORK("[3]", DENSE(4) "," BRANCH("sum", DENSE(2), RELU "," DENSE(2))), NETWORK("[3]", DENSE(7) "," BRANCH("sum", DENSE(2), RELU "," DENSE(2))));
    /* the identity carries the first layer to the outputs, and the second reads it: hidden */
    check(ctx, NETWORK("[3]", DENSE(4) "," BRANCH("sum", , DENSE(4)) "," DENSE(2)), NETWORK("[3]", DENSE(7) "," BRANCH("sum", , DENSE(7)) "," DENSE(2)));
    /* of the copies of a repeat the first is hidden */
    check(ctx, NETWORK("[3]", "{\"op\": \"repeat\", \"times\": 2, \"layers\": [" DENSE(4) "]}"),
          NETWORK("[3]", "{\"op\": \"repeat\", \"times\": 2, \"layers\": [" DENSE(7) "]}"));
    check(ctx, NETWORK("[5, 5, 2]", "{\"op\": \"conv\", \"units\": 3, \"kernel\": 3}, " RELU ", {\"op\": \"global_avg_pool\"}, " DENSE(2)),
          NETWORK("[5, 5, 2]", "{\"op\": \"conv\", \"units\": 7, \"kernel\": 3}, " RELU ", {\"op\": \"global_avg_pool\"}, " DENSE(2)));
}

static void test_refused(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, NETWORK("[4]", BRANCH("sum", , DENSE(4)) "," RELU "," DENSE(1))), *wide = NULL;
    kit_fails(ctx, ntk_network_widen(ctx, network, 7, &wide), NTK_ERROR_NETWORK, "layers[0]");
    kit_fails(ctx, ntk_network_widen(ctx, network, 0, &wide), NTK_ERROR_ARGUMENT, "width is 0");
    kit_fails(ctx, ntk_network_widen(ctx, network, INT64_MAX, &wide), NTK_ERROR_OVERFLOW, "parameters");
    assert_null(wide);
    ntk_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_hidden), kit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
