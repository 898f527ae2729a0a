/*
 * f(t) at many times against the eigendecomposition it rests on, in one run.
 *
 *     dynamics [N [TIMES]]       default 4000 1000, one output
 *
 * Seconds of dsyevd (vectors too) of a random positive definite matrix; of ntk_dynamics_create() and ntk_dynamics_at() on the same matrix; their
 * ratio to the mean of a dsyevd before and one after: where those two differ, the machine was busy and the ratio no better.
 */
#include "bench.h"

#include <cblas.h>
#include <lapack.h>
#include <math.h>

/* A Aᵀ/n of uniform numbers, plus a little of I. */
static void fill(int n, double *k)
{
    double *a = bench_reserve((size_t)n * (size_t)n, sizeof(double));
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
    double *a = bench_reserve((size_t)n * (size_t)n, sizeof(double)), *w = bench_reserve((size_t)n, sizeof(double)), *work, size, start;
    int info, lwork = -1, isize, liwork = -1, *iwork;
    memcpy(a, k, (size_t)n * (size_t)n * sizeof *a);
    LAPACK_dsyevd("V", "L", &n, a, &n, w, &size, &lwork, &isize, &liwork, &info);
    lwork = (int)size;
    liwork = isize;
    work = bench_reserve((size_t)lwork, sizeof(double));
    iwork = calloc((size_t)liwork, sizeof *iwork);
    if (!iwork) exit(1);
    start = bench_now();
    LAPACK_dsyevd("V", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info);
    start = bench_now() - start;
    free(iwork);
    free(work);
    free(w);
    free(a);
    return start;
}

static double seconds_of_dynamics(int n, int n_times, const double *k, double *create)
{
    double *y = bench_reserve((size_t)n, sizeof(double)), *times = bench_reserve((size_t)n_times, sizeof(double)), *out = bench_reserve((size_t)n * (size_t)n_times, sizeof(double)), start;
    ntk_array matrix = ntk_matrix_f64(k, n, n), targets = ntk_vector_f64(y, n), f = ntk_matrix_f64(out, n_times, n);
    ntk_context *ctx;
    ntk_gram *gram;
    ntk_dynamics *d;
    if (ntk_context_create(NULL, &ctx) != NTK_OK) exit(1);
    for (int i = 0; i < n; ++i) y[i] = sin(i);
    for (int i = 0; i < n_times; ++i) times[i] = 0.01 * exp(0.01 * i);
    bench_check(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram));
    start = bench_now();
    bench_check(ctx, ntk_dynamics_create(ctx, gram, &targets, NULL, &d));
    *create = bench_now() - start;
    bench_check(ctx, ntk_dynamics_at(ctx, d, times, n_times, &f));
    start = bench_now() - start;
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
    double *k, before, after, create, all;
    bench_start(argv);
    if (n < 1 || n > 30000 || n_times < 1) return 2;
    k = bench_reserve((size_t)n * (size_t)n, sizeof(double));
    fill(n, k);
    before = seconds_of_dsyevd(n, k);
    all = seconds_of_dynamics(n, n_times, k, &create);
    after = seconds_of_dsyevd(n, k);
    printf("BLAS kernels %s; n %d, %d times\n", bench_blas(), n, n_times);
    printf("dsyevd %.2f and %.2f s, dynamics %.2f s (of which f(t) %.2f s), ratio %.2f\n", before, after, all, all - create, 2 * all / (before + after));
    free(k);
    return 0;
}
