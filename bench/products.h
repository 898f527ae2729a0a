/* Arrays and products of the BLAS in a type that is chosen at run time. */
#ifndef NTK_BENCH_PRODUCTS_H
#define NTK_BENCH_PRODUCTS_H

#include "bench.h"

#include <cblas.h>

/* Numbers, touched. */
static inline void *bench_numbers(ntk_dtype dtype, size_t count)
{
    void *p = bench_reserve(count, ntk_dtype_size(dtype));
    for (size_t i = 0; i < count; ++i) {
        double value = (double)(i % 1000) / 1000 - 0.5;
        if (dtype == NTK_F64) ((double *)p)[i] = value;
        else ((float *)p)[i] = (float)value;
    }
    return p;
}

/* c [n, n], lower = a aᵀ, a [n, k], dense. */
static inline void bench_syrk(ntk_dtype dtype, int n, int k, const void *a, void *c)
{
    if (dtype == NTK_F64) cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, k, 1, a, k, 0, c, n);
    else cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, k, 1, a, k, 0, c, n);
}

/* c [m, n] = op(a) op(b), dense. */
static inline void bench_gemm(ntk_dtype dtype, int ta, int tb, int m, int n, int k, const void *a, const void *b, void *c)
{
    CBLAS_TRANSPOSE first = ta ? CblasTrans : CblasNoTrans, second = tb ? CblasTrans : CblasNoTrans;
    int lda = ta ? m : k, ldb = tb ? k : n;
    if (dtype == NTK_F64) cblas_dgemm(CblasRowMajor, first, second, m, n, k, 1, a, lda, b, ldb, 0, c, n);
    else cblas_sgemm(CblasRowMajor, first, second, m, n, k, 1, a, lda, b, ldb, 0, c, n);
}

/* A dtype by its name, f64 unless there is one. */
static inline ntk_dtype bench_dtype(int argc, char **argv, int index)
{
    ntk_dtype dtype = NTK_F64;
    if (argc > index && !ntk_dtype_from_name(argv[index], &dtype)) exit(2);
    return dtype;
}

#endif
