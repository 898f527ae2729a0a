/* Systems with a general stable A, and naive answers about them. */
#ifndef NTK_TEST_GENERAL_H
#define NTK_TEST_GENERAL_H

#include "dense.h"

#include <complex.h>
#include <stdbool.h>
#include <stdlib.h>

/** A [n, n] with a disc of eigenvalues of radius about 1 moved left by `shift`, B [n, m], C [p, n]. */
typedef struct general {
    int n, m, p;
    double *a, *b, *c;
} general;

static inline general general_open(uint64_t seed, int n, int m, int p, double shift)
{
    general g = {n, m, p, malloc(sizeof(double) * (size_t)(n * n)), malloc(sizeof(double) * (size_t)(n * m)), malloc(sizeof(double) * (size_t)(p * n))};
    kit_random(seed, n * n, g.a);
    kit_random(seed + 1, n * m, g.b);
    kit_random(seed + 2, p * n, g.c);
    for (int i = 0; i < n * n; ++i) g.a[i] *= sqrt(3.0 / n);
    for (int i = 0; i < n; ++i) g.a[i * n + i] -= shift;
    return g;
}

static inline void general_close(general *g)
{
    free(g->c);
    free(g->b);
    free(g->a);
}

static inline ntk_system *general_system(ntk_context *ctx, const general *g)
{
    ntk_array a = ntk_matrix_f64(g->a, g->n, g->n), b = ntk_matrix_f64(g->b, g->n, g->m), c = ntk_matrix_f64(g->c, g->p, g->n);
    ntk_system *s = NULL;
    kit_ok(ctx, ntk_system_from_matrices(ctx, &a, &b, &c, &s));
    return s;
}

/** Largest entry of C (i omega - A)⁻¹ B - C' (i omega - A')⁻¹ B' in absolute value; elimination with pivoting. */
static inline void general_solve(int n, int m, double complex *a, double complex *b)
{
    for (int k = 0; k < n; ++k) {
        int pivot = k;
        for (int i = k; i < n; ++i)
            if (cabs(a[i * n + k]) > cabs(a[pivot * n + k])) pivot = i;
        for (int j = 0; j < n; ++j) {
            double complex t = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = t;
        }
        for (int j = 0; j < m; ++j) {
            double complex t = b[k * m + j];
            b[k * m + j] = b[pivot * m + j];
            b[pivot * m + j] = t;
        }
        for (int i = 0; i < n; ++i) {
            double complex f = i == k ? 0 : a[i * n + k] / a[k * n + k];
            for (int j = 0; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
            for (int j = 0; j < m; ++j) b[i * m + j] -= f * b[k * m + j];
        }
    }
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < m; ++j) b[i * m + j] /= a[i * n + i];
}

static inline void general_transfer(const general *g, double omega, double complex *out)
{
    double complex *a = malloc(sizeof *a * (size_t)(g->n * g->n)), *b = malloc(sizeof *b * (size_t)(g->n * g->m));
    for (int i = 0; i < g->n * g->n; ++i) a[i] = (i % (g->n + 1) == 0 ? omega * I : 0) - g->a[i];
    for (int i = 0; i < g->n * g->m; ++i) b[i] = g->b[i];
    general_solve(g->n, g->m, a, b);
    for (int i = 0; i < g->p; ++i)
        for (int j = 0; j < g->m; ++j) {
            out[i * g->m + j] = 0;
            for (int k = 0; k < g->n; ++k) out[i * g->m + j] += g->c[i * g->n + k] * b[k * g->m + j];
        }
    free(b);
    free(a);
}

static inline double general_distance(const general *g, const general *h, double omega)
{
    double complex *x = malloc(sizeof *x * (size_t)(g->p * g->m)), *y = malloc(sizeof *y * (size_t)(g->p * g->m));
    double largest = 0;
    general_transfer(g, omega, x);
    general_transfer(h, omega, y);
    for (int i = 0; i < g->p * g->m; ++i) largest = fmax(largest, cabs(x[i] - y[i]));
    free(y);
    free(x);
    return largest;
}

#endif
