/* Golden files: what lies below the folder that the environment variable NTK_GOLDEN names (tests/golden). */
#ifndef NTK_TEST_NPY_H
#define NTK_TEST_NPY_H

#include <stdint.h>

/** The numbers of a .npy file of float64 in C order, format version 1, e.g. "e01_mlp_relu/x1.npy"; to be freed.  Fails the test otherwise. */
double *kit_npy(const char *path, int *ndim, int64_t shape[6]);

/** A file as a zero-terminated string; to be freed. */
char *kit_text(const char *path);

#endif
