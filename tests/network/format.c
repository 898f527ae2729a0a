/* Writing: the text, the bits of its numbers, the two-call protocol. */
#include "kit.h"
#include "network.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *format(ntk_context *ctx, const ntk_network *net)
{
    size_t needed = 0;
    char *text;
    kit_ok(ctx, ntk_network_format(ctx, net, NULL, 0, &needed));
    text = malloc(needed);
    assert_non_null(text);
    kit_ok(ctx, ntk_network_format(ctx, net, text, needed, NULL));
    assert_int_equal(strlen(text) + 1, needed);
    return text;
}

static const char written[] =
    "{\n"
    "  \"format\": \"ntk-network\", \"version\": 1,\n"
    "  \"input\": [4, 3],\n"
    "  \"parameterization\": \"standard\",\n"
    "  \"layers\": [\n"
    "    {\"op\": \"dense\", \"units\": 5, \"w_std\": 1.5, \"b_std\": 0.0, \"parameterization\": \"ntk\", \"train\": false, \"lr\": 2.0},\n"
    "    {\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [\n"
    "      {\"op\": \"erf\", \"b\": -0.5},\n"
    "      {\"op\": \"polynomial\", \"coef\": [1.0, -0.5, 0.25]},\n"
    "      {\"op\": \"layer_norm\", \"axes\": [-1], \"epsilon\": 0.125},\n"
    "      {\"op\": \"repeat\", \"times\": 3, \"layers\": [\n"
    "        {\"op\": \"dense\", \"units\": 5}\n"
    "      ]}\n"
    "    ]]}\n"
    "  ]\n"
    "}\n";

/* Keys that were not given stay away; what is written is read back and written again, the same. */
static void test_text(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, written);
    char *text = format(ctx, net);
    assert_string_equal(text, written);
    free(text);
    ntk_network_destroy(net);
    net = kit_network(ctx, "{\"layers\":[],\"input\":[7],\"version\":1,\"format\":\"ntk-network\"}");
    text = format(ctx, net);
    assert_string_equal(text, "{\n  \"format\": \"ntk-network\", \"version\": 1,\n  \"input\": [7],\n  \"layers\": []\n}\n");
    free(text);
    ntk_network_destroy(net);
}

/* erf takes any numbers: a, b and c go through text and come back with the same bits. */
static void check_bits(ntk_context *ctx, const double *numbers)
{
    int64_t shape = 3;
    ntk_attribute attributes[] = {NTK_NUMBER("a", numbers[0]), NTK_NUMBER("b", numbers[1]), NTK_NUMBER("c", numbers[2]), NTK_END};
    ntk_builder *builder;
    ntk_network *net, *again;
    char *text;
    kit_ok(ctx, ntk_builder_create(ctx, 1, &shape, NULL, &builder));
    kit_ok(ctx, ntk_builder_add(ctx, builder, "erf", attributes));
    kit_ok(ctx, ntk_builder_finish(ctx, builder, &net));
    text = format(ctx, net);
    again = kit_network(ctx, text);
    assert_memory_equal(again->steps[0].layer->value, numbers, 3 * sizeof *numbers);
    free(text);
    ntk_network_destroy(again);
    ntk_network_destroy(net);
    ntk_builder_destroy(builder);
}

static void test_bits(void **state)
{
    static const char *const locales[] = {"fr_FR.UTF-8", "de_DE.UTF-8", "C"};
    static const double numbers[][3] = {
        {0.1, 1.0 / 3, -0.0},           {5e-324, DBL_MIN, DBL_MAX},           {-DBL_MAX, 1e22, 1e15},
        {123456789012345678.0, 0x1p53, 0x1p53 + 2}, {1e16, 99999999999999984.0, 1e17}, {1 + DBL_EPSILON, 1 - DBL_EPSILON / 2, -1e-300},
    };
    double random[3];
    for (size_t l = 0; l < NTK_ARRAY_LENGTH(locales); ++l) {
        setlocale(LC_ALL, locales[l]);
        for (size_t i = 0; i < NTK_ARRAY_LENGTH(numbers); ++i) check_bits(*state, numbers[i]);
        for (uint64_t i = 0; i < 100; ++i) {
            kit_random(i, 3, random);
            random[1] = ldexp(random[1], (int)(i * 19) - 950);
            check_bits(*state, random);
        }
    }
}

static void test_capacity(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, written);
    char text[sizeof written + 1];
    size_t needed = 0;
    memset(text, '#', sizeof text);
    kit_ok(ctx, ntk_network_format(ctx, net, NULL, 0, NULL));
    kit_ok(ctx, ntk_network_format(ctx, net, text, 0, &needed));
    assert_int_equal(text[0], '#');
    assert_int_equal(needed, sizeof written);
    for (size_t capacity = 1; capacity < sizeof written; ++capacity) {
        needed = 0;
        kit_fails(ctx, ntk_network_format(ctx, net, text, capacity, &needed), NTK_ERROR_ARGUMENT, "the text needs");
        assert_int_equal(needed, sizeof written);
        assert_int_equal(strlen(text), capacity - 1);
        assert_int_equal(text[capacity], '#');
    }
    kit_ok(ctx, ntk_network_format(ctx, net, text, sizeof written, NULL));
    assert_string_equal(text, written);
    assert_int_equal(text[sizeof written], '#');
    kit_fails(ctx, ntk_network_format(ctx, net, NULL, 5, &needed), NTK_ERROR_NULL, "text is NULL");
    kit_fails(ctx, ntk_network_format(ctx, NULL, text, 5, &needed), NTK_ERROR_NULL, "network is NULL");
    assert_int_equal(ntk_network_format(NULL, net, text, 5, &needed), NTK_ERROR_NULL);
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_text), kit_test(test_bits), kit_test(test_capacity)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
