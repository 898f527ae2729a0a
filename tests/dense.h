/* Naive dense linear algebra: the oracles of the tests of answers.  Matrices are row-major; nothing here calls the library's own. */
#ifndef NTK_TEST_DENSE_H
#define NTK_TEST_DENSE_H

#include "kit.h"

#include <math.h>
#include <string.h>

#define DENSE_MAX 64 /* largest n below */

/** c [m, n] = a [m, k] b [k, n]. */
static inline void dense_multiply(int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c)
{
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
            long double sum = 0;
            for (int64_t l = 0; l < k; ++l) sum += (long double)a[i * k + l] * b[l * n + j];
            c[i * n + j] = (double)sum;
        }
}

/** t [n, m] = aᵀ, a [m, n]. */
static inline void dense_transpose(int64_t m, int64_t n, const double *a, double *t)
{
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) t[j * m + i] = a[i * n + j];
}

static inline void dense_identity(int64_t n, double *a)
{
    for (int64_t i = 0; i < n * n; ++i) a[i] = i % (n + 1) == 0;
}

/** e [n, n] = exp(a t): scaled to norm below 2^-6, Taylor series, squared back. */
static inline void dense_exponential(int64_t n, const double *a, double t, double *e)
{
    double term[DENSE_MAX * DENSE_MAX], next[DENSE_MAX * DENSE_MAX], step[DENSE_MAX * DENSE_MAX], norm = 0;
    int halvings = 0;
    for (int64_t i = 0; i < n * n; ++i) norm = fmax(norm, (double)n * fabs(a[i] * t));
    while (ldexp(norm, -halvings) > 0x1p-6) ++halvings;
    for (int64_t i = 0; i < n * n; ++i) step[i] = ldexp(a[i] * t, -halvings);
    dense_identity(n, e);
    dense_identity(n, term);
    for (int k = 1; k < 14; ++k) {
        dense_multiply(n, n, n, term, step, next);
        for (int64_t i = 0; i < n * n; ++i) e[i] += term[i] = next[i] / k;
    }
    while (halvings-- > 0) {
        dense_multiply(n, n, n, e, e, next);
        memcpy(e, next, (size_t)(n * n) * sizeof *e);
    }
}

/** x [n, m] with a x = b: Gaussian elimination with pivoting; a and b are overwritten, b by x. */
static inline void dense_eliminate(int64_t n, int64_t m, double *a, double *b)
{
    for (int64_t k = 0; k < n; ++k) {
        int64_t pivot = k;
        for (int64_t i = k; i < n; ++i)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k])) pivot = i;
        for (int64_t j = 0; j < n; ++j) { double t = a[k * n + j]; a[k * n + j] = a[pivot * n + j]; a[pivot * n + j] = t; }
        for (int64_t j = 0; j < m; ++j) { double t = b[k * m + j]; b[k * m + j] = b[pivot * m + j]; b[pivot * m + j] = t; }
        for (int64_t i = 0; i < n; ++i) {
            double factor = a[i * n + k] / a[k * n + k];
            if (i == k) continue;
            for (int64_t j = 0; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
            for (int64_t j = 0; j < m; ++j) b[i * m + j] -= factor * b[k * m + j];
        }
    }
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < m; ++j) b[i * m + j] /= a[i * n + i];
}

/** s [n, n] = (1 - exp(-t a)) a⁻¹ of a regular symmetric a. */
static inline void dense_learned(int64_t n, const double *a, double t, double *s)
{
    double copy[DENSE_MAX * DENSE_MAX];
    if (isinf(t)) dense_identity(n, s);
    else {
        dense_exponential(n, a, -t, s);
        for (int64_t i = 0; i < n * n; ++i) s[i] = (i % (n + 1) == 0) - s[i];
    }
    memcpy(copy, a, (size_t)(n * n) * sizeof *a);
    dense_eliminate(n, n, copy, s); /* a⁻¹ and exp(-t a) commute */
}

/** a [n, n] += value I. */
static inline void dense_shift(int64_t n, double value, double *a)
{
    for (int64_t i = 0; i < n; ++i) a[i * n + i] += value;
}

/** A random orthogonal matrix: a product of n reflections. */
static inline void dense_orthogonal(uint64_t seed, int64_t n, double *q)
{
    double v[DENSE_MAX];
    dense_identity(n, q);
    for (int64_t k = 0; k < n; ++k) {
        double norm = 0;
        kit_random(seed + 1000 * (uint64_t)k, n, v);
        for (int64_t i = 0; i < n; ++i) norm += v[i] * v[i];
        for (int64_t i = 0; i < n; ++i) {
            double dot = 0;
            for (int64_t j = 0; j < n; ++j) dot += q[i * n + j] * v[j];
            for (int64_t j = 0; j < n; ++j) q[i * n + j] -= 2 * dot / norm * v[j];
        }
    }
}

/** k [n, n] = Q diag(values) Qᵀ, symmetric to the bit. */
static inline void dense_symmetric(uint64_t seed, int64_t n, const double *values, double *k)
{
    double q[DENSE_MAX * DENSE_MAX];
    dense_orthogonal(seed, n, q);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j) {
            double sum = 0;
            for (int64_t l = 0; l < n; ++l) sum += q[i * n + l] * values[l] * q[j * n + l];
            k[i * n + j] = k[j * n + i] = sum;
        }
}

/** The gram of a matrix that stays the caller's. */
static inline ntk_gram *dense_gram(ntk_context *ctx, int64_t n, const double *k)
{
    ntk_gram *gram = NULL;
    ntk_array a = ntk_matrix_f64(k, n, n);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &a, &gram));
    return gram;
}

/** The same with both kinds. */
static inline ntk_gram *dense_grams(ntk_context *ctx, int64_t n, const double *ntk, const double *nngp)
{
    ntk_gram *gram = NULL;
    ntk_array a = ntk_matrix_f64(ntk, n, n), b = ntk_matrix_f64(nngp, n, n);
    kit_ok(ctx, ntk_gram_from_matrices(ctx, &a, &b, &gram));
    return gram;
}

/** The Jacobian of a matrix that stays the caller's. */
static inline ntk_jacobian *dense_jacobian(ntk_context *ctx, int64_t rows, int64_t p, int64_t outputs, const double *j)
{
    ntk_jacobian *jacobian = NULL;
    ntk_array a = ntk_matrix_f64(j, rows, p);
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &a, outputs, &jacobian));
    return jacobian;
}

#endif
