/* Text is the same in every locale. */
#include "kit.h"

#include "core.h"

#include <dlfcn.h>
#include <locale.h>
#include <string.h>

static int no_locales; /* whether newlocale() fails, as for want of memory */

/* Stands in front of the C library's. */
locale_t newlocale(int mask, const char *name, locale_t base)
{
    locale_t (*real)(int, const char *, locale_t);
    *(void **)&real = dlsym(RTLD_NEXT, "newlocale");
    return no_locales ? (locale_t)0 : real(mask, name, base);
}

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

/* Without memory for a locale there is still a sentence, in that of the host. */
static void no_locale_can_be_made(void **state)
{
    char text[32];
    (void)state;
    no_locales = 1;
    assert_int_equal(ntk_print(text, sizeof text, "%d of %s", 3, "x"), 6);
    no_locales = 0;
    assert_string_equal(text, "3 of x");
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
    const struct CMUnitTest tests[] = {kit_test(a_point_stays_a_point), kit_test(the_hosts_locale_is_left_alone), kit_test(no_locale_can_be_made),
                                       kit_test(what_does_not_fit_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
