/* Targets in the shape of the operator: [N], [N, c], and for grams of several rows per sample [n, o]. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <string.h>

/* A gram that knows its rows per sample; only what ntk_gram_targets() reads. */
static ntk_gram sized(int64_t size, int64_t per_sample)
{
    return (ntk_gram){.dtype = NTK_F64, .size = size, .per_sample = per_sample};
}

static void takes(ntk_context *ctx, const ntk_gram *g, const ntk_array *y, int64_t columns_wanted)
{
    int64_t columns = -1;
    void *dense = NULL;
    kit_ok(ctx, ntk_gram_targets(ctx, g, "y", y, &columns, &dense));
    assert_int_equal(columns, columns_wanted);
    assert_int_equal(g->size * columns, ntk_array_size(y));
    assert_ptr_not_equal(dense, y->data); /* a copy */
    if (ntk_is_dense(y)) assert_memory_equal(dense, y->data, (size_t)ntk_array_size(y) * sizeof(double));
    ntk_free(dense);
}

static void refuses(ntk_context *ctx, const ntk_gram *g, const ntk_array *y, ntk_status status, const char *words)
{
    int64_t columns = -1;
    void *dense = NULL;
    kit_fails(ctx, ntk_gram_targets(ctx, g, "y", y, &columns, &dense), status, words);
    assert_null(dense);
}

static double numbers[64];

static ntk_array shaped(int ndim, int64_t a, int64_t b, int64_t c)
{
    return ntk_array_dense(numbers, NTK_F64, ndim, (int64_t[]){a, b, c});
}

/* rows per sample of the gram, shape of y, columns that come out; -1: refused. */
typedef struct shape_case {
    int64_t per_sample;
    int ndim;
    int64_t shape[3];
    int64_t columns;
} shape_case;

static void test_shapes(void **state)
{
    enum { SIZE = 6 };
    static const shape_case cases[] = {
        {1, 1, {6}, 1},     {1, 2, {6, 1}, 1},  {1, 2, {6, 4}, 4},     {1, 2, {6, 0}, 0},  /* one value per pair: any columns */
        {1, 2, {3, 2}, -1}, {1, 2, {2, 3}, -1}, {1, 2, {1, 6}, -1},                        /* no [n, o] */
        {2, 2, {3, 2}, 1},  {2, 1, {6}, 1},     {2, 2, {6, 2}, 2},                         /* two rows per sample */
        {2, 2, {2, 3}, -1}, {2, 2, {1, 6}, -1}, {2, 2, {3, 4}, -1},
        {3, 2, {2, 3}, 1},  {6, 2, {1, 6}, 1},
        {0, 2, {3, 2}, 1},  {0, 2, {2, 3}, 1},  {0, 2, {6, 3}, 3},     {0, 1, {6}, 1},     /* the user's matrix: rows per sample not known */
        {0, 2, {3, 3}, -1}, {0, 2, {4, 2}, -1}, {0, 2, {0, 6}, -1},    {0, 2, {6, 6}, 6},
        {1, 1, {5}, -1},    {1, 1, {7}, -1},    {1, 3, {6, 1, 1}, -1}, {2, 3, {3, 2, 1}, -1}, {1, 0, {0}, -1}};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(cases); ++i) {
        const shape_case *c = &cases[i];
        ntk_gram g = sized(SIZE, c->per_sample);
        ntk_array y = ntk_array_dense(numbers, NTK_F64, c->ndim, c->shape);
        kit_random(i, 64, numbers);
        if (c->columns >= 0) takes(*state, &g, &y, c->columns);
        else refuses(*state, &g, &y, NTK_ERROR_SHAPE, "a gram of size 6 takes [6], [6, c], or [n, o] with n o = 6");
    }
}

/* Row = sample o + output: [n, o] in row-major order is the column as it stands, however it lies in memory. */
static void test_order(void **state)
{
    ntk_context *ctx = *state;
    ntk_gram g = sized(6, 2);
    ntk_array y = shaped(2, 3, 2, 1);
    int64_t columns;
    void *dense = NULL;
    double *row;
    y.strides[0] = -1;
    y.strides[1] = 5;
    y.data = numbers + 2;
    for (int i = 0; i < 16; ++i) numbers[i] = i;
    kit_ok(ctx, ntk_gram_targets(ctx, &g, "y", &y, &columns, &dense));
    row = dense;
    for (int sample = 0; sample < 3; ++sample)
        for (int output = 0; output < 2; ++output) assert_true(row[sample * 2 + output] == 2 - sample + 5 * output);
    ntk_free(dense);
}

static void test_refusals(void **state)
{
    ntk_gram g = sized(6, 1), empty = sized(0, 1), narrow = {.dtype = NTK_F32, .size = 6, .per_sample = 1};
    ntk_array y = shaped(2, 6, 2, 1), none = shaped(2, 0, 3, 1), wrong = y;
    float singles[12] = {0};
    wrong.dtype = NTK_I64;
    memset(numbers, 0, sizeof numbers);
    refuses(*state, &g, NULL, NTK_ERROR_NULL, "y is NULL");
    refuses(*state, &g, &wrong, NTK_ERROR_DTYPE, "y holds i64; the gram f64");
    refuses(*state, &narrow, &y, NTK_ERROR_DTYPE, "y holds f64; the gram f32");
    numbers[7] = NAN;
    refuses(*state, &g, &y, NTK_ERROR_NOT_FINITE, "y[3, 1]");
    takes(*state, &empty, &none, 3);
    y = ntk_matrix_f32(singles, 6, 2);
    y.dtype = NTK_F32;
    singles[2] = INFINITY;
    refuses(*state, &narrow, &y, NTK_ERROR_NOT_FINITE, "y[1, 0]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_shapes), kit_test(test_order), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
