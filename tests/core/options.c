/* Options structs of older, equal and newer callers. */
#include "kit.h"

#include "core.h"

#include <stdio.h>
#include <string.h>

typedef struct known_options {
    size_t struct_size;
    double a;
    int64_t b;
} known_options;

typedef struct newer_options {
    size_t struct_size;
    double a;
    int64_t b;
    unsigned char more[16];
} newer_options;

static void null_means_defaults(void **state)
{
    known_options known = {9, 9, 9};
    const known_options *options = NULL;
    kit_ok(*state, NTK_OPTIONS_READ(*state, options, &known));
    assert_true(known.struct_size == 0 && known.a == 0 && known.b == 0);
}

static void equal_sizes_are_copied(void **state)
{
    known_options known, given = {sizeof given, 1.5, -7}, *options = &given;
    kit_ok(*state, NTK_OPTIONS_READ(*state, options, &known));
    assert_memory_equal(&known, &given, sizeof known);
}

static void older_callers_get_defaults(void **state)
{
    known_options known = {9, 9, 9}, given = {offsetof(known_options, b), 1.5, -7}, *options = &given;
    kit_ok(*state, NTK_OPTIONS_READ(*state, options, &known));
    assert_true(known.a == 1.5 && known.b == 0); /* b lies beyond what this caller knows */
    given.struct_size = sizeof(size_t);
    kit_ok(*state, NTK_OPTIONS_READ(*state, options, &known));
    assert_true(known.a == 0 && known.b == 0);
}

static void newer_callers_may_set_nothing_new(void **state)
{
    ntk_context *ctx = *state;
    known_options known;
    newer_options given = {sizeof given, 1.5, -7, {0}}, *options = &given;
    kit_ok(ctx, NTK_OPTIONS_READ(ctx, options, &known));
    assert_true(known.a == 1.5 && known.b == -7);
    for (size_t i = 0; i < sizeof given.more; ++i) {
        char words[64];
        memset(given.more, 0, sizeof given.more);
        given.more[i] = 1;
        snprintf(words, sizeof words, "options: byte %zu of %zu is set", sizeof known + i, sizeof given);
        kit_fails(ctx, NTK_OPTIONS_READ(ctx, options, &known), NTK_ERROR_OPTIONS, words);
    }
}

static void sizes_that_cannot_be(void **state)
{
    static const size_t sizes[] = {0, 1, sizeof(size_t) - 1, sizeof(size_t) + 4, (1u << 16) + 1, SIZE_MAX};
    ntk_context *ctx = *state;
    known_options known, given = {0, 0, 0}, *options = &given;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(sizes); ++i) {
        given.struct_size = sizes[i];
        kit_fails(ctx, NTK_OPTIONS_READ(ctx, options, &known), NTK_ERROR_OPTIONS, "options: struct_size is");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(null_means_defaults),       kit_test(equal_sizes_are_copied), kit_test(older_callers_get_defaults),
        kit_test(newer_callers_may_set_nothing_new), kit_test(sizes_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
