/* Sentences in one language whatever the host's locale: 0.5, never 0,5. */
#include "core.h"

#include <locale.h>
#include <stdio.h>

int ntk_print_list(char *text, size_t size, const char *format, va_list arguments)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = (locale_t)0;
    int length;
    if (c) before = uselocale(c); /* of this thread alone */
    length = vsnprintf(text, size, format, arguments);
    if (before) uselocale(before);
    if (c) freelocale(c);
    return length;
}

int ntk_print(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = ntk_print_list(text, size, format, arguments);
    va_end(arguments);
    return length;
}
