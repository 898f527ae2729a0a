/*
 * Lyapunov equations and Gramians against what they cannot do without, in one run.
 *
 *     control symmetric N          symmetric A, general Q: over dsyevd + four products of N x N            (default 2000)
 *     control general N            general A: over dgees + two triangular solves (dtrsyl), and SB03MD       (default 1000)
 *     control parameters P N       J [N, P]: the factor of W over one SYRK + one GEMM with J + dsyevd of N  (default 1000000 500)
 *
 * Medians of RUNS (environment; default 3), both sides taken in turns in one process, all into memory already touched.  "Triangular solves": Y of R'Y + YR = -F wants one
 * dtrsyl of N x N; two of them are the limit that is compared with (the same equation twice), as a Sylvester solve is what remains of SB03MD's work.
 */
#include "bench.h"

#include <cblas.h>
#include <lapack.h>
#include <math.h>

#ifdef BENCH_SLICOT
void sb03md_(const char *dico, const char *job, const char *fact, const char *trana, const int *n, double *a, const int *lda, double *u, const int *ldu,
             double *c, const int *ldc, double *scale, double *sep, double *ferr, double *wr, double *wi, int *iwork, double *dwork, const int *ldwork,
             int *info);
#endif

enum { MOST_RUNS = 9 };
static int runs = 3;

static ntk_context *ctx;

static double *numbers(size_t count)
{
    return bench_reserve(count, sizeof(double));
}

static void fill(size_t count, double scale, double *v)
{
    static uint64_t state = 1;
    for (size_t i = 0; i < count; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        v[i] = scale * ((double)(state >> 11) / 9007199254740992.0 - 0.5);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times)
{
    qsort(times, (size_t)runs, sizeof *times, by_size);
    return times[runs / 2];
}

static double *copied(size_t count, const double *v, double *to)
{
    memcpy(to, v, count * sizeof *v);
    return to;
}

static void eigen(int n, double *a, double *w)
{
    double size, *work;
    int info, lwork = -1, liwork = -1, isize, *iwork;
    LAPACK_dsyevd("V", "L", &n, a, &n, w, &size, &lwork, &isize, &liwork, &info);
    lwork = (int)size, liwork = isize;
    work = numbers((size_t)lwork), iwork = bench_reserve((size_t)liwork, sizeof *iwork);
    LAPACK_dsyevd("V", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info);
    free(iwork), free(work);
}

/* ---- symmetric A ---- */

static double limit_symmetric(int n, const double *k, const double *q, double *a, double *x, double *y, double *w)
{
    double start = bench_now();
    eigen(n, copied((size_t)n * (size_t)n, k, a), w);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, q, n, 0, x, n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1, x, n, a, n, 0, y, n);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, n, 1, a, n, y, n, 0, x, n);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, x, n, a, n, 0, y, n);
    return bench_now() - start;
}

/* The whole way: the system of A and C, its Gramian.  C is square, so that CᵀC is general. */
static double ours(int n, const double *a, const double *c, double *w)
{
    ntk_array aa = ntk_matrix_f64(a, n, n), cc = ntk_matrix_f64(c, n, n), ww = ntk_matrix_f64(w, n, n);
    ntk_system *s = NULL;
    double start = bench_now();
    bench_check(ctx, ntk_system_from_matrices(ctx, &aa, NULL, &cc, &s));
    bench_check(ctx, ntk_system_gramian(ctx, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &ww));
    start = bench_now() - start;
    ntk_system_destroy(s);
    return start;
}

static void symmetric(int n)
{
    size_t count = (size_t)n * (size_t)n;
    double *k = numbers(count), *c = numbers(count), *a = numbers(count), *x = numbers(count), *y = numbers(count), *w = numbers((size_t)n);
    double limit[MOST_RUNS], own[MOST_RUNS], l, o;
    fill(count, 1, c);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, -1.0 / n, c, n, c, n, 0, k, n);
    for (int i = 0; i < n; ++i) {
        k[(size_t)i * (size_t)(n + 1)] -= 1e-3;
        for (int j = 0; j < i; ++j) k[(size_t)j * (size_t)n + (size_t)i] = k[(size_t)i * (size_t)n + (size_t)j];
    }
    fill(count, 1, c);
    for (int r = 0; r < runs; ++r) {
        limit[r] = limit_symmetric(n, k, c, a, x, y, w);
        own[r] = ours(n, k, c, y);
    }
    l = median(limit), o = median(own);
    printf("symmetric n %d: dsyevd + 4 GEMM %.3f s, system + Gramian %.3f s, ratio %.2f\n", n, l, o, o / l);
    free(w), free(y), free(x), free(a), free(c), free(k);
}

/* ---- general A ---- */

static double limit_general(int n, const double *given, const double *q, double *a, double *z, double *y, double *wr, double *wi)
{
    double size, *work, scale, start = bench_now();
    int lwork = -1, none = 0, info, sign = 1;
    copied((size_t)n * (size_t)n, given, a);
    LAPACK_dgees("V", "N", NULL, &n, a, &n, &none, wr, wi, z, &n, &size, &lwork, NULL, &info);
    lwork = (int)size, work = numbers((size_t)lwork);
    LAPACK_dgees("V", "N", NULL, &n, a, &n, &none, wr, wi, z, &n, work, &lwork, NULL, &info);
    for (int i = 0; i < 2; ++i)
        LAPACK_dtrsyl("T", "N", &sign, &n, &n, a, &n, a, &n, copied((size_t)n * (size_t)n, q, y), &n, &scale, &info);
    free(work);
    return bench_now() - start;
}

static double slicot(int n, const double *given, const double *q, double *a, double *u, double *y, double *wr, double *wi)
{
#ifdef BENCH_SLICOT
    double scale, sep, error, start, *work = numbers(4 * (size_t)n * (size_t)n);
    int room = 4 * n * n, info, *iwork = bench_reserve((size_t)n * (size_t)n, sizeof(int));
    copied((size_t)n * (size_t)n, given, a), copied((size_t)n * (size_t)n, q, y);
    start = bench_now();
    sb03md_("C", "X", "N", "N", &n, a, &n, u, &n, y, &n, &scale, &sep, &error, wr, wi, iwork, work, &room, &info);
    start = bench_now() - start;
    free(iwork), free(work);
    return start;
#else
    (void)n, (void)given, (void)q, (void)a, (void)u, (void)y, (void)wr, (void)wi;
    return NAN;
#endif
}

static void general(int n)
{
    size_t count = (size_t)n * (size_t)n;
    double *given = numbers(count), *c = numbers(count), *q = numbers(count), *a = numbers(count), *z = numbers(count), *y = numbers(count);
    double *wr = numbers((size_t)n), *wi = numbers((size_t)n), limit[MOST_RUNS], own[MOST_RUNS], theirs[MOST_RUNS], l, o, s;
    fill(count, 2 * sqrt(3.0 / n), given), fill(count, 1, c);
    for (int i = 0; i < n; ++i) given[(size_t)i * (size_t)(n + 1)] -= 1.6;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, n, -1, c, n, c, n, 0, q, n);
    for (int r = 0; r < runs; ++r) {
        limit[r] = limit_general(n, given, q, a, z, y, wr, wi);
        own[r] = ours(n, given, c, y);
        theirs[r] = slicot(n, given, q, a, z, y, wr, wi);
    }
    l = median(limit), o = median(own), s = median(theirs);
    printf("general n %d: dgees + 2 dtrsyl %.3f s, SB03MD %.3f s, system + Gramian %.3f s, ratio %.2f, over SB03MD %.2f\n", n, l, s, o, o / l, o / s);
    free(wi), free(wr), free(y), free(z), free(a), free(q), free(c), free(given);
}

/* ---- parameter space ---- */

static double limit_parameters(int p, int n, const double *j, double *k, double *w, double *f)
{
    double start = bench_now();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, p, 1, j, p, 0, k, n);
    eigen(n, k, w);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, p, n, n, 1, j, p, k, n, 0, f, n);
    return bench_now() - start;
}

static double our_factor(int p, int n, const ntk_jacobian *jacobian, double *f)
{
    ntk_array ff = ntk_matrix_f64(f, p, n);
    ntk_system *s = NULL;
    double start = bench_now();
    bench_check(ctx, ntk_system_from_jacobian(ctx, jacobian, NULL, 0, &s));
    bench_check(ctx, ntk_system_gramian_factor(ctx, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &ff));
    start = bench_now() - start;
    ntk_system_destroy(s);
    return start;
}

static void parameters(int p, int n)
{
    double *j = numbers((size_t)p * (size_t)n), *f = numbers((size_t)p * (size_t)n), *k = numbers((size_t)n * (size_t)n), *w = numbers((size_t)n);
    double limit[MOST_RUNS], own[MOST_RUNS], l, o;
    ntk_array jj = ntk_matrix_f64(j, n, p);
    ntk_jacobian *jacobian = NULL;
    fill((size_t)p * (size_t)n, 1, j);
    bench_check(ctx, ntk_jacobian_from_matrix(ctx, &jj, 1, &jacobian));
    for (int r = 0; r < runs; ++r) {
        limit[r] = limit_parameters(p, n, j, k, w, f);
        own[r] = our_factor(p, n, jacobian, f);
    }
    l = median(limit), o = median(own);
    printf("parameters p %d, n %d: SYRK + dsyevd + GEMM %.3f s, system + factor %.3f s, ratio %.2f\n", p, n, l, o, o / l);
    ntk_jacobian_destroy(jacobian);
    free(w), free(k), free(f), free(j);
}

/* ---- */

static int number(int argc, char **argv, int i, int otherwise)
{
    int value = argc > i ? atoi(argv[i]) : otherwise;
    if (value > 0) return value;
    fprintf(stderr, "bench: %s is no size\n", argv[i]);
    exit(2);
}

int main(int argc, char **argv)
{
    const char *which = argc > 1 ? argv[1] : "";
    bench_start(argv);
    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 1;
    if (getenv("RUNS") && atoi(getenv("RUNS")) > 0 && atoi(getenv("RUNS")) <= MOST_RUNS) runs = atoi(getenv("RUNS"));
    printf("BLAS kernels %s, medians of %d\n", bench_blas(), runs);
    if (strcmp(which, "symmetric") == 0) symmetric(number(argc, argv, 2, 2000));
    else if (strcmp(which, "general") == 0) general(number(argc, argv, 2, 1000));
    else if (strcmp(which, "parameters") == 0) parameters(number(argc, argv, 2, 1000000), number(argc, argv, 3, 500));
    else return fprintf(stderr, "bench: control symmetric|general|parameters ...\n"), 2;
    ntk_context_destroy(ctx);
    return 0;
}
