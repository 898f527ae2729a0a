/* What the benchmarks share: a clock, memory already touched, the way out, and which BLAS kernels run (figures without them mean nothing). */
#ifndef NTK_BENCH_H
#define NTK_BENCH_H

#include "ntk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline const char *bench_blas(void)
{
    return ntk_blas_kernels() ? ntk_blas_kernels() : "unknown";
}

/* First line of main: the BLAS chooses its kernels when it is loaded, so the program runs itself again with the right ones, unless the user chose. */
static inline void bench_start(char **argv)
{
    if (getenv("OPENBLAS_CORETYPE") || !ntk_blas_is_slow()) return;
    if (setenv("OPENBLAS_CORETYPE", ntk_blas_right_kernels(), 1) == 0) execv("/proc/self/exe", argv); /* returns only if it fails */
}

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void bench_check(ntk_context *ctx, ntk_status status)
{
    if (status == NTK_OK) return;
    fprintf(stderr, "bench: %s\n", ntk_context_error_message(ctx));
    exit(1);
}

static inline void *bench_reserve(size_t count, size_t size)
{
    void *p = malloc(count * size + 1);
    if (!p) exit(1);
    memset(p, 0, count * size); /* touched */
    return p;
}

#endif
