/*
 * Cosines and distances of a block against sums in long double, for every instruction set, both types, and sizes around every edge.  Lengths
 * of 1 leave the products as they are; others are powers of two, which round nothing.
 */
#include "kit.h"

#include "hot.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static void check_pair(const double *x, const double *y, int64_t d, double got, double eps)
{
    long double sum = 0, absolute = 0;
    for (int64_t k = 0; k < d; ++k) sum += (long double)x[k] * y[k], absolute += fabsl((long double)x[k] * y[k]);
    /* sqrt(d) eps/2 of the sum of absolutes, generous by four: rounding errors of random sign */
    if (!(fabsl(got - sum) <= 2 * sqrt((double)d) * eps * absolute)) fail_msg("d = %lld: %.17g, expected %.17g", (long long)d, got, (double)sum);
}

/* ½ |x - y|² or ½ |x + y|²: the error is relative, d eps at the most, less a root for random signs. */
static void check_distance(const double *x, const double *y, int64_t d, bool opposite, double got, double eps)
{
    long double sum = 0;
    for (int64_t k = 0; k < d; ++k) {
        long double e = opposite ? (long double)x[k] + y[k] : (long double)x[k] - y[k];
        sum += e * e / 2;
    }
    if (!(fabsl(got - sum) <= (4 + 2 * sqrt((double)d)) * eps * sum)) fail_msg("distance, d = %lld: %.17g, expected %.17g", (long long)d, got, (double)sum);
}

static void round_to(ntk_dtype dtype, int64_t count, const double *from, void *to, double *exact)
{
    for (int64_t i = 0; i < count; ++i) {
        exact[i] = dtype == NTK_F32 ? (double)(float)from[i] : from[i];
        if (dtype == NTK_F32) ((float *)to)[i] = (float)from[i];
        else ((double *)to)[i] = from[i];
    }
}

typedef void (*distances_fn)(const ntk_inner *, int64_t, int64_t, bool, void *);
#define OF_TYPE(type) \
    void ntk_inner_distances_##type##_c(const ntk_inner *, int64_t, int64_t, bool, void *); \
    void ntk_inner_distances_##type##_avx2(const ntk_inner *, int64_t, int64_t, bool, void *); \
    void ntk_inner_distances_##type##_avx512(const ntk_inner *, int64_t, int64_t, bool, void *);
OF_TYPE(f64)
OF_TYPE(f32)
static const distances_fn distances[2][NTK_CPU_COUNT] = {NTK_VARIANT_ROW(inner_distances, f64), NTK_VARIANT_ROW(inner_distances, f32)};

/* The register block at the last rows and the first columns. */
static void check_distances(const ntk_inner *inner, ntk_dtype dtype, int cpu, const double *x, const double *y, bool opposite)
{
    static double out[NTK_INNER_BLOCK * NTK_RUN];
    int64_t d = inner->d, i = (inner->row_count - 1) / NTK_INNER_BLOCK * NTK_INNER_BLOCK;
    double *a = malloc((size_t)d * sizeof *a), *b = malloc((size_t)d * sizeof *b);
    distances[dtype][cpu](inner, i, 0, opposite, out);
    for (int64_t r = 0; i + r < inner->row_count && r < NTK_INNER_BLOCK; ++r)
        for (int64_t j = 0; j < inner->count && j < 4; ++j) { /* a panel has four columns at least */
            for (int64_t k = 0; k < d; ++k) a[k] = x[(i + r) * d + k] * inner->row_inverse[i + r], b[k] = y[j * d + k] * inner->column_inverse[j];
            check_distance(a, b, d, opposite, dtype == NTK_F32 ? (double)((float *)(void *)out)[r * NTK_RUN + j] : out[r * NTK_RUN + j],
                           dtype == NTK_F32 ? FLT_EPSILON : DBL_EPSILON);
        }
    free(b), free(a);
}

static void check_block(ntk_dtype dtype, int cpu, int64_t d, int64_t rows, int64_t count)
{
    size_t size = ntk_dtype_size(dtype);
    double *numbers = malloc((size_t)((rows + count) * d) * 8), *x = malloc((size_t)(rows * d) * 8), *y = malloc((size_t)(count * d) * 8);
    void *rounded_x = malloc((size_t)(rows * d) * size), *rounded_y = malloc((size_t)(count * d) * size);
    void *packed = calloc((size_t)(d * NTK_RUN), size), *units = calloc((size_t)(d * NTK_INNER_ROWS), size), *out = calloc(NTK_INNER_ROWS * NTK_RUN, size);
    double inverse[NTK_RUN];
    ntk_inner inner = {.d = d, .row_count = rows, .count = count, .rows = rounded_x, .columns = rounded_y, .row_inverse = inverse, .column_inverse = inverse,
                       .packed = packed, .units = units, .out = out};
    for (int i = 0; i < NTK_RUN; ++i) inverse[i] = 1 << i % 3;
    kit_random((uint64_t)d, (rows + count) * d, numbers);
    round_to(dtype, rows * d, numbers, rounded_x, x);
    round_to(dtype, count * d, numbers + rows * d, rounded_y, y);
    ntk_inner_pack_variants[dtype][cpu](&inner);
    ntk_inner_variants[dtype][cpu](&inner);
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < count; ++j) {
            double got = dtype == NTK_F32 ? (double)((float *)out)[i * NTK_RUN + j] : ((double *)out)[i * NTK_RUN + j];
            check_pair(x + i * d, y + j * d, d, got / inverse[i] / inverse[j], dtype == NTK_F32 ? FLT_EPSILON : DBL_EPSILON);
        }
    for (int opposite = 0; opposite < 2; ++opposite) check_distances(&inner, dtype, cpu, x, y, opposite);
    free(out), free(units), free(packed), free(rounded_y), free(rounded_x), free(y), free(x), free(numbers);
}

static void test_sizes(void **state)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {2, 5, 3}, {17, 6, 16}, {16, 7, 17}, {255, 13, 33}, {256, 12, 31}, {257, 95, 65}, {31, 96, 256}, {700, 50, 255}};
    for (int type = 0; type < 2; ++type)
        for (int cpu = 0; cpu <= (int)((ntk_context *)*state)->cpu; ++cpu)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) check_block(type ? NTK_F32 : NTK_F64, cpu, sizes[i][0], sizes[i][1], sizes[i][2]);
}

/* A pair's product does not depend on where in a block it lies. */
static void test_place(void **state)
{
    enum { D = 300 };
    static double x[D * 50], packed[D * NTK_RUN], units[D * NTK_INNER_ROWS], out[NTK_INNER_ROWS * NTK_RUN], inverse[50];
    ntk_inner inner = {.d = D, .row_count = 50, .count = 50, .rows = x, .columns = x, .row_inverse = inverse, .column_inverse = inverse,
                       .packed = packed, .units = units, .out = out};
    kit_random(8, 50, inverse);
    for (int cpu = 0; cpu <= (int)((ntk_context *)*state)->cpu; ++cpu) {
        kit_random(7, D * 50, x);
        ntk_inner_pack_variants[NTK_F64][cpu](&inner);
        ntk_inner_variants[NTK_F64][cpu](&inner);
        for (int i = 0; i < 50; ++i)
            for (int j = 0; j < 50; ++j) assert_true(out[i * NTK_RUN + j] == out[j * NTK_RUN + i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_sizes), kit_test(test_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
