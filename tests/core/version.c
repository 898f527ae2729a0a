/* The version of the library is that of the header it was built with. */
#include "kit.h"

#include <stdio.h>

static void header_and_library_agree(void **state)
{
    char text[32];
    (void)state;
    snprintf(text, sizeof text, "%d.%d.%d", NTK_VERSION_MAJOR, NTK_VERSION_MINOR, NTK_VERSION_PATCH);
    assert_string_equal(NTK_VERSION_STRING, text);
    assert_string_equal(ntk_version(), text);
    assert_int_equal(ntk_version_number(), NTK_VERSION_NUMBER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(header_and_library_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
