/* Every type of key against every kind of value. */
#include "kit.h"
#include "network.h"

#include <math.h>

static const char *const colours[] = {"red", "green", NULL};
static const ntk_key integer = {.name = "units", .type = NTK_KEY_INTEGER, .least = 1};
static const ntk_key any_integer = {.name = "shift", .type = NTK_KEY_INTEGER, .least = -INFINITY};
static const ntk_key number = {.name = "w_std", .type = NTK_KEY_NUMBER, .least = 0};
static const ntk_key any_number = {.name = "a", .type = NTK_KEY_NUMBER, .least = -INFINITY};
static const ntk_key boolean = {.name = "train", .type = NTK_KEY_BOOLEAN};
static const ntk_key choice = {.name = "colour", .type = NTK_KEY_CHOICE, .choices = colours};

static const ntk_key integers = {.name = "axes", .type = NTK_KEY_INTEGERS, .least = -INFINITY};
static const ntk_key numbers = {.name = "coef", .type = NTK_KEY_NUMBERS, .least = 0};
static const ntk_key degree = {.name = "degree", .type = NTK_KEY_INTEGER, .least = 0, .most = 100};

static const char *const many_colours[] = {
    "a colour of many", "another colour of many", "a third colour, much like the other two", "a fourth colour, which is hardly one at all",
    "a fifth colour, which nobody will see in the sentence", "a sixth colour, which is not there", NULL};
static const ntk_key many = {.name = "colour", .type = NTK_KEY_CHOICE, .choices = many_colours};

static void test_accepted(void **state)
{
    static const struct {
        const ntk_key *key;
        ntk_given given;
        double value;
    } cases[] = {
        {&integer, {NTK_GIVEN_INTEGER, 1, NULL, NULL, 0}, 1},
        {&integer, {NTK_GIVEN_NUMBER, 0x1p53 - 1, NULL, NULL, 0}, 0x1p53 - 1},
        {&any_integer, {NTK_GIVEN_INTEGER, -7, NULL, NULL, 0}, -7},
        {&number, {NTK_GIVEN_INTEGER, 0, NULL, NULL, 0}, 0},
        {&number, {NTK_GIVEN_REAL, 0.1, NULL, NULL, 0}, 0.1},
        {&number, {NTK_GIVEN_NUMBER, 5e-324, NULL, NULL, 0}, 5e-324},
        {&any_number, {NTK_GIVEN_REAL, -1.5, NULL, NULL, 0}, -1.5},
        {&boolean, {NTK_GIVEN_BOOLEAN, 1, NULL, NULL, 0}, 1},
        {&boolean, {NTK_GIVEN_NUMBER, 0, NULL, NULL, 0}, 0},
        {&choice, {NTK_GIVEN_TEXT, 0, "green", NULL, 0}, 1},
        {&degree, {NTK_GIVEN_INTEGER, 100, NULL, NULL, 0}, 100},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        double value = -99;
        kit_ok(ctx, ntk_key_read(ctx, NULL, cases[i].key, &cases[i].given, &value));
        kit_near(value, cases[i].value, 0);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const ntk_key *key;
        ntk_given given;
        const char *sentence;
    } cases[] = {
        {&integer, {NTK_GIVEN_INTEGER, 0, NULL, NULL, 0}, "here: units is 0; expected an integer >= 1 and below 2^53"},
        {&integer, {NTK_GIVEN_REAL, 64, NULL, NULL, 0}, "here: units is 64.0; expected an integer"},
        {&integer, {NTK_GIVEN_NUMBER, 1.5, NULL, NULL, 0}, "units is 1.5;"},
        {&integer, {NTK_GIVEN_NUMBER, 0x1p53, NULL, NULL, 0}, "units is 9.007"},
        {&integer, {NTK_GIVEN_NUMBER, NAN, NULL, NULL, 0}, "units is "},
        {&integer, {NTK_GIVEN_NUMBER, INFINITY, NULL, NULL, 0}, "units is inf"},
        {&integer, {NTK_GIVEN_BOOLEAN, 1, NULL, NULL, 0}, "units is true"},
        {&integer, {NTK_GIVEN_TEXT, 0, "64", NULL, 0}, "units is \"64\""},
        {&integer, {NTK_GIVEN_OTHER, 0, "a list", NULL, 0}, "units is a list"},
        {&any_integer, {NTK_GIVEN_NUMBER, -INFINITY, NULL, NULL, 0}, "shift is -inf; expected an integer between -2^53 and 2^53"},
        {&number, {NTK_GIVEN_REAL, -0.5, NULL, NULL, 0}, "w_std is -0.5; expected a finite number >= 0"},
        {&number, {NTK_GIVEN_NUMBER, NAN, NULL, NULL, 0}, "w_std is "},
        {&number, {NTK_GIVEN_NUMBER, INFINITY, NULL, NULL, 0}, "w_std is inf"},
        {&number, {NTK_GIVEN_BOOLEAN, 1, NULL, NULL, 0}, "w_std is true"},
        {&number, {NTK_GIVEN_TEXT, 0, "1", NULL, 0}, "w_std is \"1\""},
        {&any_number, {NTK_GIVEN_NUMBER, -INFINITY, NULL, NULL, 0}, "a is -inf; expected a finite number"},
        {&boolean, {NTK_GIVEN_INTEGER, 1, NULL, NULL, 0}, "train is 1; expected true or false"},
        {&boolean, {NTK_GIVEN_NUMBER, 2, NULL, NULL, 0}, "train is 2;"},
        {&boolean, {NTK_GIVEN_NUMBER, NAN, NULL, NULL, 0}, "train is "},
        {&boolean, {NTK_GIVEN_TEXT, 0, "true", NULL, 0}, "train is \"true\""},
        {&choice, {NTK_GIVEN_TEXT, 0, "blue", NULL, 0}, "colour is \"blue\"; expected \"red\" or \"green\""},
        {&choice, {NTK_GIVEN_NUMBER, 0, NULL, NULL, 0}, "colour is 0;"},
        {&many, {NTK_GIVEN_TEXT, 0, "blue", NULL, 0}, "colour is \"blue\"; expected \"a colour of many\" or \"another"},
        {&choice, {NTK_GIVEN_OTHER, 0, "null", NULL, 0}, "colour is null;"},
        {&degree, {NTK_GIVEN_INTEGER, 101, NULL, NULL, 0}, "degree is 101; expected an integer from 0 to 100"},
        {&degree, {NTK_GIVEN_REAL, 0.5, NULL, NULL, 0}, "degree is 0.5; expected an integer from 0 to 100"},
        {&number, {NTK_GIVEN_REAL, 1e300 * 1e300, NULL, NULL, 0}, "w_std is inf"},
        {&integer, {NTK_GIVEN_REAL, 1e300, NULL, NULL, 0}, "units is 1e+300; expected an integer"},
        {&integer, {NTK_GIVEN_LIST, 0, NULL, NULL, 0}, "units is a list; expected an integer"},
        {&number, {NTK_GIVEN_INTEGERS, 0, NULL, NULL, 0}, "w_std is a list;"},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        double value;
        kit_fails(ctx, ntk_key_read(ctx, "here", cases[i].key, &cases[i].given, &value), NTK_ERROR_NETWORK, cases[i].sentence);
    }
}

static const double three[] = {1, 2, 0.5}, whole[] = {-1, 4};

static void test_accepted_lists(void **state)
{
    static const struct {
        const ntk_key *key;
        ntk_given given;
        double numbers[4];
    } cases[] = {
        {&numbers, {NTK_GIVEN_LIST, 0, NULL, three, 3}, {3, 1, 2, 0.5}},
        {&numbers, {NTK_GIVEN_INTEGERS, 0, NULL, three, 2}, {2, 1, 2}},
        {&numbers, {NTK_GIVEN_REALS, 0, NULL, three, 3}, {3, 1, 2, 0.5}},
        {&numbers, {NTK_GIVEN_REAL, 0.25, NULL, NULL, 0}, {1, 0.25}},
        {&integers, {NTK_GIVEN_INTEGERS, 0, NULL, whole, 2}, {2, -1, 4}},
        {&integers, {NTK_GIVEN_LIST, 0, NULL, whole, 2}, {2, -1, 4}},
        {&integers, {NTK_GIVEN_NUMBER, -3, NULL, NULL, 0}, {1, -3}},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_numbers got = NULL;
        kit_ok(ctx, ntk_key_read_list(ctx, NULL, cases[i].key, &cases[i].given, &got));
        assert_memory_equal(got, cases[i].numbers, (size_t)(1 + cases[i].numbers[0]) * sizeof *got);
        ntk_free(got);
    }
}

static void test_refused_lists(void **state)
{
    static const struct {
        const ntk_key *key;
        ntk_given given;
        const char *sentence;
    } cases[] = {
        {&numbers, {NTK_GIVEN_LIST, 0, NULL, whole, 2}, "here: coef[0] is -1; expected a list of finite numbers"},
        {&numbers, {NTK_GIVEN_LIST, 0, NULL, three, 0}, "here: coef is an empty list"},
        {&numbers, {NTK_GIVEN_TEXT, 0, "1", NULL, 0}, "here: coef is \"1\"; expected a list of finite numbers"},
        {&integers, {NTK_GIVEN_LIST, 0, NULL, three, 3}, "here: axes[2] is 0.5; expected a list of integers"},
        {&integers, {NTK_GIVEN_REALS, 0, NULL, whole, 2}, "here: axes is a list with reals; expected a list of integers"},
        {&integers, {NTK_GIVEN_REAL, 1, NULL, NULL, 0}, "here: axes is 1.0; expected a list of integers"},
        {&integers, {NTK_GIVEN_NUMBER, 0.5, NULL, NULL, 0}, "here: axes[0] is 0.5; expected a list of integers"},
    };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_numbers got = NULL;
        kit_fails(ctx, ntk_key_read_list(ctx, "here", cases[i].key, &cases[i].given, &got), NTK_ERROR_NETWORK, cases[i].sentence);
        ntk_free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_accepted), kit_test(test_refused), kit_test(test_accepted_lists), kit_test(test_refused_lists)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
