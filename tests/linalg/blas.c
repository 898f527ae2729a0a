/* The name of the BLAS kernels: absent, or a word. */
#include "kit.h"

#include "linalg.h"

#include <ctype.h>

static void the_name_is_a_word(void **state)
{
    const char *name = ntk_blas_name();
    (void)state;
    if (!name) return; /* a BLAS that cannot be asked */
    assert_true(isalnum((unsigned char)name[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_name_is_a_word)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
