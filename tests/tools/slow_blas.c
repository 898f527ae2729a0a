/* Stands in front of OpenBLAS: as if the library, when it was loaded, had known only an old processor. */
#include <stdlib.h>

char *openblas_get_corename(void);

static char old[] = "Prescott";
static char *chosen = old;

/* Like OpenBLAS, the choice is made once, before main(). */
__attribute__((constructor)) static void choose(void)
{
    char *wanted = getenv("OPENBLAS_CORETYPE");
    if (wanted) chosen = wanted;
}

char *openblas_get_corename(void)
{
    return chosen;
}
