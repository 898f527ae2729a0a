/* Many programs that use a library call setlocale; a decimal comma must change no number that is read or written. */
#include <locale.h>

__attribute__((constructor)) static void select_locale(void)
{
    setlocale(LC_ALL, "");
}
