/* Suggestions, quotes, long paths. */
#include "kit.h"
#include "network.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"dense", "relu", "leaky_relu", "erf", "parameterization", NULL};

static void test_nearest(void **state)
{
    static const char *const cases[][2] = {
        {"dens", "dense"}, {"Relu", "relu"}, {"leakyrelu", "leaky_relu"}, {"parametrisation", "parameterization"}, {"rleu", NULL},
        {"exp", NULL},     {"", NULL},       {"x", NULL},
    };
    char text[NTK_UNKNOWN_TEXT], wanted[64];
    (void)state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        ntk_unknown_text(text, cases[i][0], ntk_string_at, names);
        snprintf(wanted, sizeof wanted, "(did you mean \"%s\"?)", cases[i][1] ? cases[i][1] : "");
        if (cases[i][1]) assert_non_null(strstr(text, wanted));
        else assert_null(strstr(text, "did you mean"));
        assert_non_null(strstr(text, "; expected one of dense, relu, leaky_relu, erf, parameterization"));
    }
}

static void test_empty_table(void **state)
{
    static const char *const none[] = {NULL};
    char text[NTK_UNKNOWN_TEXT];
    (void)state;
    assert_string_equal(ntk_unknown_text(text, "key", ntk_string_at, none), "\"key\"");
}

static const char *many(const void *table, int index)
{
    (void)table;
    return index < 1000 ? "a_name_that_takes_much_more_space_than_is_left_in_the_end_room" : NULL;
}

/* A table larger than the buffer is cut between two names. */
static void test_large_table(void **state)
{
    char text[NTK_UNKNOWN_TEXT], *end;
    (void)state;
    ntk_unknown_text(text, "key", many, NULL);
    end = text + strlen(text) - strlen("room");
    assert_string_equal(end, "room");
}

static void test_quoted(void **state)
{
    char quoted[NTK_QUOTED_TEXT], text[4096];
    (void)state;
    assert_string_equal(ntk_quoted(quoted, "relu"), "\"relu\"");
    assert_string_equal(ntk_quoted(quoted, "a\nb\x7f"), "\"a?b?\"");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    ntk_quoted(quoted, text);
    assert_string_equal(quoted + strlen(quoted) - 4, "...\"");
    /* 41 bytes before a two-byte letter: it is not cut in half */
    memcpy(text + 41, "\xc3\xa9", 2);
    ntk_quoted(quoted, text);
    assert_null(strchr(quoted, '\xc3'));
}

static void test_long_path(void **state)
{
    ntk_context *ctx = *state;
    char path[2000];
    assert_int_equal(ntk_fail_at(ctx, NTK_ERROR_NETWORK, NULL, "%d", 3), NTK_ERROR_NETWORK);
    assert_string_equal(ntk_context_error_message(ctx), "3");
    memset(path, 'p', sizeof path - 1);
    memcpy(path, "begin", 5);
    memcpy(path + sizeof path - 4, "end", 4);
    kit_fails(ctx, ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "sentence"), NTK_ERROR_NETWORK, " ... p");
    kit_fails(ctx, ntk_fail_at(ctx, NTK_ERROR_NETWORK, path, "sentence"), NTK_ERROR_NETWORK, "end: sentence");
    assert_true(strncmp(ntk_context_error_message(ctx), "begin", 5) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_nearest), kit_test(test_empty_table), kit_test(test_large_table), kit_test(test_quoted),
                                       kit_test(test_long_path)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
