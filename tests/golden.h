/* Arrays of a golden case. */
#ifndef NTK_TEST_GOLDEN_H
#define NTK_TEST_GOLDEN_H

#include "npy.h"
#include "ntk.h"

#include <stdio.h>

/** folder/name.npy, or folder/name_07.npy for number 7 (none: negative), and a view of it; to be freed. */
static inline double *golden_load(const char *folder, const char *name, int number, ntk_array *array)
{
    char path[200];
    int ndim;
    int64_t shape[6];
    double *numbers;
    if (number < 0) snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    else snprintf(path, sizeof path, "%s/%s_%02d.npy", folder, name, number);
    numbers = kit_npy(path, &ndim, shape);
    *array = ntk_array_dense(numbers, NTK_F64, ndim, shape);
    return numbers;
}

#endif
