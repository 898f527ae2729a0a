/*
 * Naive loops for the tests of linalg, in long double, with the error bounds that go with them (Higham, Accuracy and
 * Stability of Numerical Algorithms, 2nd edition): u the unit roundoff, gamma_k = k u/(1 - k u).
 *
 * Matrices are f64 or f32 with a leading dimension; `at` reads either.
 */
#ifndef NTK_TEST_ORACLE_H
#define NTK_TEST_ORACLE_H

#include "kit.h"

#include "linalg.h"

#include <math.h>
#include <stdlib.h>

static inline double roundoff(ntk_dtype dtype)
{
    return dtype == NTK_F64 ? 0x1p-53 : 0x1p-24;
}

static inline double gamma_of(ntk_dtype dtype, int64_t k)
{
    double ku = (double)k * roundoff(dtype);
    return ku / (1 - ku);
}

static inline double at(ntk_dtype dtype, const void *a, int64_t lda, int64_t i, int64_t j)
{
    return dtype == NTK_F64 ? ((const double *)a)[i * lda + j] : (double)((const float *)a)[i * lda + j];
}

static inline void put(ntk_dtype dtype, void *a, int64_t lda, int64_t i, int64_t j, double value)
{
    if (dtype == NTK_F64) ((double *)a)[i * lda + j] = value;
    else ((float *)a)[i * lda + j] = (float)value;
}

/** A matrix [rows, lda] of seeded numbers in [-1, 1), its padding too; the caller frees it. */
static inline void *any_matrix(ntk_dtype dtype, uint64_t seed, int64_t rows, int64_t lda)
{
    int64_t count = rows * lda;
    double *values = calloc((size_t)count + 1, sizeof *values);
    void *a = calloc((size_t)count + 1, ntk_dtype_size(dtype));
    assert_true(values && a);
    kit_random(seed, count, values);
    for (int64_t i = 0; i < count; ++i) put(dtype, a, 1, i, 0, values[i]);
    free(values);
    return a;
}

/** |got - exact| <= bound, or a sentence with the place.  NaN never passes. */
static inline void check_entry(double got, long double exact, long double bound, const char *what, int64_t i, int64_t j)
{
    if (fabsl((long double)got - exact) <= bound) return;
    fail_msg("%s[%lld, %lld]: %.17g against %.17Lg, apart by %.3Lg > %.3Lg", what, (long long)i, (long long)j, got, exact,
             fabsl((long double)got - exact), bound);
}

#endif
