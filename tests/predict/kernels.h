/* Kernels of the caller for the tests of predictions: (1 + x . x')², of rank (d + 1)(d + 2)/2, and exp(-|x - x'|²). */
#ifndef NTK_TEST_KERNELS_H
#define NTK_TEST_KERNELS_H

#include "dense.h"

static inline double kernels_quadratic(int64_t d, const double *x, const double *z)
{
    double sum = 1;
    for (int64_t l = 0; l < d; ++l) sum += x[l] * z[l];
    return sum * sum;
}

static inline double kernels_gaussian(int64_t d, const double *x, const double *z)
{
    double sum = 0;
    for (int64_t l = 0; l < d; ++l) sum += (x[l] - z[l]) * (x[l] - z[l]);
    return exp(-sum);
}

typedef double (*kernels_pair)(int64_t d, const double *x, const double *z);

/** k [m, n], dense. */
static inline void kernels_matrix(kernels_pair pair, int64_t d, int64_t m, const double *x, int64_t n, const double *z, double *k)
{
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) k[i * n + j] = pair(d, x + i * d, z + j * d);
}

/** Both kinds of a blend of the Gaussian kernel and the quadratic one, [m, n] each: neither is a multiple of the other. */
static inline void kernels_blend(int64_t d, int64_t m, const double *x, int64_t n, const double *z, double *ntk, double *nngp)
{
    kernels_matrix(kernels_gaussian, d, m, x, n, z, ntk);
    kernels_matrix(kernels_quadratic, d, m, x, n, z, nngp);
    for (int64_t i = 0; i < m * n; ++i) {
        double gaussian = ntk[i], quadratic = nngp[i];
        ntk[i] = gaussian + 0.3 * quadratic;
        nngp[i] = 0.2 * quadratic + 0.5 * gaussian;
    }
}

static inline int kernels_gaussian_callback(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    (void)user;
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j) k[i * ldk + j] = kernels_gaussian(d, x1 + i * d, x2 + j * d);
    return 0;
}

/** The Gaussian kernel on x [n, d]. */
static inline ntk_gram *kernels_gram(ntk_context *ctx, int64_t n, int64_t d, const double *x, ntk_kind kind)
{
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL;
    ntk_array inputs = ntk_matrix_f64(x, n, d);
    ntk_gram_options options = {NTK_GRAM_OPTIONS_INIT, .nngp = kind == NTK_KIND_NNGP, .no_ntk = kind == NTK_KIND_NNGP};
    kit_ok(ctx, ntk_kernel_from_callback(ctx, kernels_gaussian_callback, NULL, kind, &kernel));
    kit_ok(ctx, ntk_gram_create(ctx, kernel, &inputs, &options, &gram));
    ntk_kernel_destroy(kernel);
    return gram;
}

#endif
