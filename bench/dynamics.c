/*
 * f(t) at many times against the eigendecomposition it rests on, in one run.
 *
 *     dynamics [N [TIMES]]       default 4000 1000, one output
 *
 * Seconds of dsyevd (vectors too) of a random positive definite matrix; of ntk_dynamics_create() and ntk_dynamics_at() on the same matrix; their
 * ratio.  Medians would take minutes: one run each, so that the figure is good to some percent.
 */
#include "ntk.h"

#include <cblas.h>
#include <lapack.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern char *openblas_get_corename(void) __attribute__((weak));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(ntk_context *ctx, ntk_status status)
{
    if (status == NTK_OK) return;
    fprintf(stderr, "bench: %s\n", ntk_context_error_message(ctx));
    exit(1);
}

static double *reserve(size_t count)
{
    double *p = malloc((count ? count : 1) * sizeof *p);
    if (!p) exit(1);
    memset(p, 0, count * sizeof *p); /* touched */
    return p;
}

/* A Aᵀ/n of uniform numbers, plus a little of I. */
static void fill(int n, double *k)
{
    double *a = reserve((size_t)n * (size_t)n);
    uint64_t state = 1;
    for (size_t i = 0; i < (size_t)n * (size_t)n; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        a[i] = (double)(state >> 11) / 9007199254740992.0 - 0.5;
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1.0 / n, a, n, a, n, 0, k, n);
    for (int i = 0; i < n; ++i) {
        k[(size_t)i * (size_t)n + (size_t)i] += 1e-3;
        for (int j = 0; j < i; ++j) k[(size_t)j * (size_t)n + (size_t)i] = k[(size_t)i * (size_t)n + (size_t)j];
    }
    free(a);
}

static double seconds_of_dsyevd(int n, const double *k)
{
    double *a = reserve((size_t)n * (size_t)n), *w = reserve((size_t)n), *work, size, start;
    int info, lwork = -1, isize, liwork = -1, *iwork;
    memcpy(a, k, (size_t)n * (size_t)n * sizeof *a);
    LAPACK_dsyevd("V", "L", &n, a, &n, w, &size, &lwork, &isize, &liwork, &info);
    lwork = (int)size;
    liwork = isize;
    work = reserve((size_t)lwork);
    iwork = calloc((size_t)liwork, sizeof *iwork);
    if (!iwork) exit(1);
    start = now();
    LAPACK_dsyevd("V", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info);
    start = now() - start;
    free(iwork);
    free(work);
    free(w);
    free(a);
    return start;
}

static double seconds_of_dynamics(int n, int n_times, const double *k, double *create)
{
    double *y = reserve((size_t)n), *times = reserve((size_t)n_times), *out = reserve((size_t)n * (size_t)n_times), start;
    ntk_array matrix = ntk_matrix_f64(k, n, n), targets = ntk_vector_f64(y, n), f = ntk_matrix_f64(out, n_times, n);
    ntk_context *ctx;
    ntk_gram *gram;
    ntk_dynamics *d;
    if (ntk_context_create(NULL, &ctx) != NTK_OK) exit(1);
    for (int i = 0; i < n; ++i) y[i] = sin(i);
    for (int i = 0; i < n_times; ++i) times[i] = 0.01 * exp(0.01 * i);
    check(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram));
    start = now();
    check(ctx, ntk_dynamics_create(ctx, gram, &targets, NULL, &d));
    *create = now() - start;
    check(ctx, ntk_dynamics_at(ctx, d, times, n_times, &f));
    start = now() - start;
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
    ntk_context_destroy(ctx);
    free(out);
    free(times);
    free(y);
    return start;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 4000, n_times = argc > 2 ? atoi(argv[2]) : 1000;
    double *k, limit, create, all;
    if (n < 1 || n > 30000 || n_times < 1) return 2;
    k = reserve((size_t)n * (size_t)n);
    fill(n, k);
    limit = seconds_of_dsyevd(n, k);
    all = seconds_of_dynamics(n, n_times, k, &create);
    printf("BLAS kernels %s; n %d, %d times\n", openblas_get_corename ? openblas_get_corename() : "unknown", n, n_times);
    printf("dsyevd %.2f s, dynamics %.2f s (of which f(t) %.2f s), ratio %.2f\n", limit, all, all - create, all / limit);
    free(k);
    return 0;
}
