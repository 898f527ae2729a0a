/*
 * OpenBLAS chooses its kernels when it is loaded (lib/linalg/blas.c says which are slow), hence the program sets OPENBLAS_CORETYPE and runs
 * itself again, once; a value that the user has set stands.
 */
#include "tool.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

any_function blas_function(const char *name)
{
    any_function function;
    void *symbol = dlsym(RTLD_DEFAULT, name);
    memcpy(&function, &symbol, sizeof function);
    return function;
}

void blas_set_threads(int threads)
{
    void (*set)(int) = (void (*)(int))blas_function("openblas_set_num_threads");
    if (set) set(threads);
}

int blas_threads(void)
{
    int (*get)(void) = (int (*)(void))blas_function("openblas_get_num_threads");
    return get ? get() : 0;
}

void blas_choose_kernels(char **argv)
{
    if (getenv("OPENBLAS_CORETYPE") || !ntk_blas_is_slow()) return;
    if (setenv("OPENBLAS_CORETYPE", ntk_blas_right_kernels(), 1) != 0) return;
    execv("/proc/self/exe", argv); /* it comes back only if it fails: then slow kernels are better than none */
}
