/*
 * Gaps and distances of a block against sums in long double, for every instruction set, both types, and sizes around every edge.  Lengths are
 * powers of two, which round nothing, so large that all cosines lie within [-1/4, 1/4].
 */
#include "kit.h"

#include "hot.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* got: 1 - |rho| with the sign of rho = scale x·y. */
static void check_pair(const double *x, const double *y, int64_t d, double scale, double got, double eps)
{
    long double sum = 0, absolute = 0, gap;
    for (int64_t k = 0; k < d; ++k) sum += (long double)x[k] * y[k], absolute += fabsl((long double)x[k] * y[k]);
    gap = 1 - fabsl(sum * scale);
    /* sqrt(d) eps/2 of the sum of absolutes, generous by four: rounding errors of random sign; eps/2 of the subtraction */
    if (!(fabsl(fabs(got) - gap) <= (2 * sqrt((double)d) * absolute * scale + 0.5) * eps)) fail_msg("d = %lld: %.17g, expected %.17g", (long long)d, got, (double)gap);
    if (fabsl(sum) > 2 * sqrt((double)d) * eps * absolute && (signbit(got) != 0) != (sum < 0)) fail_msg("d = %lld: sign of %.17g", (long long)d, (double)sum);
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

typedef int64_t (*width_fn)(void);
#define WIDTH_OF_TYPE(type) int64_t ntk_inner_width_##type##_c(void), ntk_inner_width_##type##_avx2(void), ntk_inner_width_##type##_avx512(void);
WIDTH_OF_TYPE(f64)
WIDTH_OF_TYPE(f32)
static const width_fn widths[2][NTK_CPU_COUNT] = {NTK_VARIANT_ROW(inner_width, f64), NTK_VARIANT_ROW(inner_width, f32)};

/* Every register block says whether a gap below `near` is in it; returns how many do. */
static int check_below(const ntk_inner *inner, ntk_dtype dtype, int cpu)
{
    int64_t width = widths[dtype == NTK_F32][cpu]();
    int count = 0;
    for (int64_t i = 0; i < inner->row_count; i += NTK_INNER_BLOCK)
        for (int64_t j = 0; j < inner->count; j += width) {
            bool below = false;
            for (int64_t r = i; r < NTK_MIN(i + NTK_INNER_BLOCK, inner->row_count); ++r)
                for (int64_t c = j; c < NTK_MIN(j + width, inner->count); ++c) {
                    if (dtype == NTK_F32) below |= fabsf(((float *)inner->out)[r * NTK_BLOCK_LD + c]) < (float)inner->near;
                    else below |= fabs(((double *)inner->out)[r * NTK_BLOCK_LD + c]) < inner->near;
                }
            assert_int_equal(inner->below[j / width][i / NTK_INNER_BLOCK], below);
            count += below;
        }
    return count;
}

/* The register block at the last rows and the first columns. */
static void check_distances(const ntk_inner *inner, ntk_dtype dtype, int cpu, const double *x, const double *y, bool opposite)
{
    static double out[NTK_INNER_BLOCK * NTK_BLOCK_LD];
    int64_t d = inner->d, i = (inner->row_count - 1) / NTK_INNER_BLOCK * NTK_INNER_BLOCK;
    double *a = malloc((size_t)d * sizeof *a), *b = malloc((size_t)d * sizeof *b);
    distances[dtype][cpu](inner, i, 0, opposite, out);
    for (int64_t r = 0; i + r < inner->row_count && r < NTK_INNER_BLOCK; ++r)
        for (int64_t j = 0; j < inner->count && j < 4; ++j) { /* a panel has four columns at least */
            for (int64_t k = 0; k < d; ++k) a[k] = x[(i + r) * d + k] * inner->row_inverse[i + r], b[k] = y[j * d + k] * inner->column_inverse[j];
            check_distance(a, b, d, opposite, dtype == NTK_F32 ? (double)((float *)(void *)out)[r * NTK_BLOCK_LD + j] : out[r * NTK_BLOCK_LD + j],
                           dtype == NTK_F32 ? FLT_EPSILON : DBL_EPSILON);
        }
    free(b), free(a);
}

static void check_block(ntk_dtype dtype, int cpu, int64_t d, int64_t rows, int64_t count, int *occurred)
{
    size_t size = ntk_dtype_size(dtype);
    double *numbers = malloc((size_t)((rows + count) * d) * 8), *x = malloc((size_t)(rows * d) * 8), *y = malloc((size_t)(count * d) * 8);
    void *rounded_x = malloc((size_t)(rows * d) * size), *rounded_y = malloc((size_t)(count * d) * size);
    void *packed = calloc((size_t)(d * NTK_RUN), size), *units = calloc((size_t)(d * NTK_INNER_ROWS), size), *out = calloc(NTK_INNER_ROWS * NTK_BLOCK_LD, size);
    double inverse[NTK_RUN];
    bool below[NTK_INNER_PANELS][NTK_INNER_ROWS / NTK_INNER_BLOCK];
    ntk_inner inner = {.d = d, .row_count = rows, .count = count, .rows = rounded_x, .columns = rounded_y, .row_inverse = inverse, .column_inverse = inverse,
                       .packed = packed, .units = units, .out = out, .near = 1 - 0.2 / sqrt((double)d), .below = below};
    for (int i = 0; i < NTK_RUN; ++i) inverse[i] = ldexp(1, -(int)ceil(log2((double)d) / 2) - 1 - i % 2);
    kit_random((uint64_t)d, (rows + count) * d, numbers);
    round_to(dtype, rows * d, numbers, rounded_x, x);
    round_to(dtype, count * d, numbers + rows * d, rounded_y, y);
    ntk_inner_pack_variants[dtype][cpu](&inner);
    ntk_inner_variants[dtype][cpu](&inner);
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < count; ++j) {
            double got = dtype == NTK_F32 ? (double)((float *)out)[i * NTK_BLOCK_LD + j] : ((double *)out)[i * NTK_BLOCK_LD + j];
            check_pair(x + i * d, y + j * d, d, inverse[i] * inverse[j], got, dtype == NTK_F32 ? FLT_EPSILON : DBL_EPSILON);
        }
    *occurred += check_below(&inner, dtype, cpu);
    for (int opposite = 0; opposite < 2; ++opposite) check_distances(&inner, dtype, cpu, x, y, opposite);
    free(out), free(units), free(packed), free(rounded_y), free(rounded_x), free(y), free(x), free(numbers);
}

static void test_sizes(void **state)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {2, 5, 3}, {17, 6, 16}, {16, 7, 17}, {255, 13, 33}, {256, 12, 31}, {257, 95, 65}, {31, 96, 256}, {700, 50, 255}};
    int occurred = 0;
    for (int type = 0; type < 2; ++type)
        for (int cpu = 0; cpu <= (int)((ntk_context *)*state)->cpu; ++cpu)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) check_block(type ? NTK_F32 : NTK_F64, cpu, sizes[i][0], sizes[i][1], sizes[i][2], &occurred);
    assert_true(occurred > 0);
}

/* A pair's product does not depend on where in a block it lies. */
static void test_place(void **state)
{
    enum { D = 300 };
    bool below[NTK_INNER_PANELS][NTK_INNER_ROWS / NTK_INNER_BLOCK];
    static double x[D * 50], packed[D * NTK_RUN], units[D * NTK_INNER_ROWS], out[NTK_INNER_ROWS * NTK_BLOCK_LD], inverse[50];
    ntk_inner inner = {.d = D, .row_count = 50, .count = 50, .rows = x, .columns = x, .row_inverse = inverse, .column_inverse = inverse,
                       .packed = packed, .units = units, .out = out, .near = 0.9, .below = below};
    kit_random(8, 50, inverse);
    for (int cpu = 0; cpu <= (int)((ntk_context *)*state)->cpu; ++cpu) {
        kit_random(7, D * 50, x);
        ntk_inner_pack_variants[NTK_F64][cpu](&inner);
        ntk_inner_variants[NTK_F64][cpu](&inner);
        for (int i = 0; i < 50; ++i)
            for (int j = 0; j < 50; ++j) assert_true(out[i * NTK_BLOCK_LD + j] == out[j * NTK_BLOCK_LD + i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_sizes), kit_test(test_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
