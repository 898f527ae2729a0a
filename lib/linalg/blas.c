/* Which BLAS kernels run.  OpenBLAS can be asked; other libraries lack the symbol, hence weak. */
#include "linalg.h"

extern char *openblas_get_corename(void) __attribute__((weak));

const char *ntk_blas_name(void)
{
    return openblas_get_corename ? openblas_get_corename() : NULL;
}
