/*
 * A block to its places, by rows and turned, for every instruction set, both types, sizes around every edge, places that begin anywhere in a line of the
 * cache, past the caches or not: every number where it belongs, and nothing else touched.
 */
#include "kit.h"

#include "infinite.h"

#include <stdlib.h>

enum { LD = 301, ROWS = 260, MARGIN = 16 };

static double number(ntk_dtype dtype, const void *p, int64_t i)
{
    return dtype == NTK_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void set(ntk_dtype dtype, void *p, int64_t i, double value)
{
    if (dtype == NTK_F32) ((float *)p)[i] = (float)value;
    else ((double *)p)[i] = value;
}

static void *at(ntk_dtype dtype, void *p, int64_t i)
{
    return (char *)p + i * (int64_t)ntk_dtype_size(dtype);
}

static void check(ntk_dtype dtype, int cpu, bool turned, int64_t rows, int64_t columns, int64_t begin, bool stream, void *from, void *to)
{
    ntk_place place = {rows, columns, from, at(dtype, to, begin), LD, stream};
    for (int64_t i = 0; i < ROWS * LD + 2 * MARGIN; ++i) set(dtype, to, i, -1);
    (turned ? ntk_turn_variants : ntk_lay_variants)[dtype][cpu](&place);
    for (int64_t i = 0; i < ROWS * LD + 2 * MARGIN; ++i) {
        int64_t r = (i - begin) / LD, c = (i - begin) % LD, row = turned ? c : r, column = turned ? r : c;
        bool inside = i >= begin && row < rows && column < columns;
        double expected = inside ? number(dtype, from, row * NTK_BLOCK_LD + column) : -1;
        if (number(dtype, to, i) != expected)
            fail_msg("%s %s, %lld x %lld at %lld: %g at %lld, expected %g", ntk_dtype_name(dtype), turned ? "turned" : "laid", (long long)rows, (long long)columns,
                     (long long)begin, number(dtype, to, i), (long long)i, expected);
    }
}

static void test_places(void **state)
{
    static const int64_t sizes[][2] = {{1, 1}, {1, 256}, {96, 1}, {7, 15}, {8, 16}, {9, 17}, {16, 32}, {17, 33}, {33, 100}, {95, 255}, {96, 256}};
    double *from = malloc(sizeof(double) * NTK_INNER_ROWS * NTK_BLOCK_LD);
    void *room = malloc(sizeof(double) * (ROWS * LD + 2 * MARGIN) + 64), *to = (char *)room + (64 - (uintptr_t)room % 64) % 64;
    assert_true(from && room);
    for (int type = 0; type < 2; ++type) {
        ntk_dtype dtype = type ? NTK_F32 : NTK_F64;
        for (int64_t i = 0; i < NTK_INNER_ROWS * NTK_BLOCK_LD; ++i) set(dtype, from, i, (double)i);
        for (int cpu = 0; cpu <= (int)((ntk_context *)*state)->cpu; ++cpu)
            for (size_t i = 0; i < NTK_ARRAY_LENGTH(sizes); ++i)
                for (int option = 0; option < 4; ++option) check(dtype, cpu, option & 1, sizes[i][0], sizes[i][1], (int64_t)i % MARGIN, option & 2, from, to);
    }
    free(room);
    free(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
