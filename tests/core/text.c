/* Text is the same in every locale. */
#include "kit.h"

#include "core.h"

#include <locale.h>
#include <string.h>

static void a_point_stays_a_point(void **state)
{
    static const char *const locales[] = {"C", "fr_FR.UTF-8", "de_DE.UTF-8"}; /* where the host has them */
    char text[32];
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(locales); ++i) {
        setlocale(LC_ALL, locales[i]);
        assert_int_equal(ntk_print(text, sizeof text, "%g", 0.5), 3);
        assert_string_equal(text, "0.5");
        assert_int_equal(ntk_fail(*state, NTK_ERROR_ARGUMENT, "x is %.2f", 1.25), NTK_ERROR_ARGUMENT);
        assert_string_equal(ntk_context_error_message(*state), "x is 1.25");
    }
    setlocale(LC_ALL, "C");
}

static void the_hosts_locale_is_left_alone(void **state)
{
    char before[256], text[32];
    (void)state;
    strncpy(before, setlocale(LC_ALL, NULL), sizeof before - 1);
    before[sizeof before - 1] = 0;
    ntk_print(text, sizeof text, "%g", 0.5);
    assert_string_equal(setlocale(LC_ALL, NULL), before);
}

static void what_does_not_fit_is_cut(void **state)
{
    char text[4];
    (void)state;
    assert_int_equal(ntk_print(text, sizeof text, "%d", 123456), 6);
    assert_string_equal(text, "123");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(a_point_stays_a_point), kit_test(the_hosts_locale_is_left_alone), kit_test(what_does_not_fit_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
