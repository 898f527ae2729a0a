#include "core.h"

const char *ntk_version(void)
{
    return NTK_VERSION_STRING;
}

int ntk_version_number(void)
{
    return NTK_VERSION_NUMBER;
}
