/* The door for arrays: structure, shapes, and every kind of strided view against plain index arithmetic. */
#include "kit.h"

#include "core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- structure ------------------------------------------------------------------------------------------------- */

static void dtype_sizes(void **state)
{
    (void)state;
    assert_int_equal(ntk_dtype_size(NTK_F64), sizeof(double));
    assert_int_equal(ntk_dtype_size(NTK_F32), sizeof(float));
    assert_int_equal(ntk_dtype_size(NTK_I64), sizeof(int64_t));
    assert_int_equal(ntk_dtype_size(NTK_U8), 1);
    assert_int_equal(ntk_dtype_size((ntk_dtype)4), 0);
    assert_int_equal(ntk_dtype_size((ntk_dtype)-1), 0);
}

static void dense_views(void **state)
{
    const double x[24] = {0};
    const int64_t shape[3] = {2, 3, 4}, many[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    ntk_array a = ntk_array_dense(x, NTK_F64, 3, shape);
    (void)state;
    assert_ptr_equal(a.data, x);
    assert_int_equal(a.ndim, 3);
    assert_int_equal(ntk_array_size(&a), 24);
    assert_int_equal(a.strides[0], 12);
    assert_int_equal(a.strides[1], 4);
    assert_int_equal(a.strides[2], 1);
    assert_int_equal(ntk_array_dense(x, NTK_F64, 8, many).ndim, 8); /* kept, and refused by the next call */
    a = ntk_array_dense(x, NTK_F64, 0, NULL);
    assert_int_equal(ntk_array_size(&a), 1);
    a = ntk_vector_f64(x, 5);
    assert_true(a.ndim == 1 && a.shape[0] == 5 && a.strides[0] == 1 && a.dtype == NTK_F64);
    a = ntk_matrix_f64(x, 4, 6);
    assert_true(a.ndim == 2 && a.shape[0] == 4 && a.shape[1] == 6 && a.strides[0] == 6 && a.dtype == NTK_F64);
    a = ntk_matrix_f32((const float *)(const void *)x, 2, 3);
    assert_true(a.strides[0] == 3 && a.dtype == NTK_F32);
}

static void texts_of_shapes(void **state)
{
    const int64_t longest[6] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    char text[NTK_SHAPE_TEXT];
    (void)state;
    assert_string_equal(ntk_shape_text(text, NTK_SHAPE(3, -1, 0)), "[3, any, 0]");
    assert_string_equal(ntk_shape_text(text, 0, NULL), "[]");
    assert_int_equal(strlen(ntk_shape_text(text, 6, longest)), 6 * 19 + 5 * 2 + 2);
}

static void structure_is_checked(void **state)
{
    ntk_context *ctx = *state;
    const double x[6] = {0};
    ntk_array good = ntk_matrix_f64(x, 2, 3), a;
    kit_ok(ctx, ntk_check_array(ctx, "x", &good));
    kit_fails(ctx, ntk_check_array(ctx, "x", NULL), NTK_ERROR_NULL, "x is NULL");
    a = good, a.dtype = (ntk_dtype)9;
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_DTYPE, "x has the unknown dtype 9");
    a = good, a.ndim = 7;
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_SHAPE, "x has 7 axes; 0 to 6");
    a = good, a.ndim = -1;
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_SHAPE, "x has -1 axes");
    a = good, a.shape[1] = -3;
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_SHAPE, "negative extent -3 on axis 1");
    a = good, a.data = NULL;
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_NULL, "the data of x is NULL");
    a.shape[0] = 0;
    kit_ok(ctx, ntk_check_array(ctx, "x", &a));
}

static void sizes_do_not_overflow(void **state)
{
    ntk_context *ctx = *state;
    const double x[1] = {0};
    ntk_array a = ntk_matrix_f64(x, INT64_C(1) << 40, INT64_C(1) << 40);
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_OVERFLOW, "elements of x");
    a = ntk_matrix_f64(x, INT64_C(1) << 31, INT64_C(1) << 30); /* 2^61 elements, 2^64 bytes */
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_OVERFLOW, "elements of x");
    a = ntk_array_dense(x, NTK_F64, NTK_SHAPE(0, INT64_C(1) << 40, INT64_C(1) << 40)); /* an extent of 0 hides nothing */
    kit_fails(ctx, ntk_check_array(ctx, "x", &a), NTK_ERROR_OVERFLOW, "elements of x");
}

static void shapes_are_checked(void **state)
{
    ntk_context *ctx = *state;
    const double x[93] = {0};
    ntk_array a = ntk_matrix_f64(x, 3, 31);
    kit_ok(ctx, ntk_check_shape(ctx, "x", &a, NTK_F64, NTK_SHAPE(-1, 31)));
    kit_fails(ctx, ntk_check_shape(ctx, "x", &a, NTK_F64, NTK_SHAPE(-1, 32)), NTK_ERROR_SHAPE, "x has shape [3, 31]; expected [any, 32]");
    kit_fails(ctx, ntk_check_shape(ctx, "x", &a, NTK_F64, NTK_SHAPE(93)), NTK_ERROR_SHAPE, "x has shape [3, 31]; expected [93]");
    kit_fails(ctx, ntk_check_shape(ctx, "x", &a, NTK_F32, NTK_SHAPE(3, 31)), NTK_ERROR_DTYPE, "x holds f64; expected f32");
    kit_fails(ctx, ntk_check_shape(ctx, "x", NULL, NTK_F64, NTK_SHAPE(3)), NTK_ERROR_NULL, "x is NULL");
}

static void outputs_do_not_overlap(void **state)
{
    ntk_context *ctx = *state;
    const double x[6] = {0};
    ntk_array a = ntk_matrix_f64(x, 2, 3);
    kit_ok(ctx, ntk_check_output(ctx, "f", &a, NTK_F64, NTK_SHAPE(2, 3)));
    a.strides[1] = 0;
    kit_fails(ctx, ntk_check_output(ctx, "f", &a, NTK_F64, NTK_SHAPE(2, 3)), NTK_ERROR_ARGUMENT, "stride on axis 1 is 0");
    kit_ok(ctx, ntk_check_shape(ctx, "f", &a, NTK_F64, NTK_SHAPE(2, 3))); /* as an input it is fine */
    a.shape[1] = 1;
    kit_ok(ctx, ntk_check_output(ctx, "f", &a, NTK_F64, NTK_SHAPE(2, 1)));
    kit_fails(ctx, ntk_check_output(ctx, "f", &a, NTK_F64, NTK_SHAPE(2, 2)), NTK_ERROR_SHAPE, "f has shape [2, 1]; expected [2, 2]");
}

/* ---- strided views --------------------------------------------------------------------------------------------- */

#define ROOM 65536 /* bytes that every view below fits into */

/* A view of 0 to 6 axes in mixed order, with steps and signs; where `broadcast`, some strides are 0. */
static ntk_array any_view(unsigned char *memory, ntk_dtype dtype, uint64_t seed, bool broadcast)
{
    ntk_array a = {.dtype = dtype};
    double r[16];
    int64_t step = 1, first = 0;
    kit_random(seed, 16, r);
    a.ndim = (int32_t)(seed % 7);
    for (int i = 0; i < a.ndim; ++i) {
        int axis = i == 0 ? a.ndim - 1 : i == a.ndim - 1 ? 0 : i; /* swap the ends; below, turn around */
        if (r[15] > 0) axis = a.ndim - 1 - axis;
        a.shape[axis] = 1 + (int64_t)(1.5 * (r[i] + 1));
        a.strides[axis] = step * (r[6 + i] > 0 ? 1 : -1) * (r[i] > 0.5 ? 2 : 1);
        if (broadcast && r[6 + i] > 0.6) a.strides[axis] = 0;
        if (a.strides[axis] < 0) first -= a.strides[axis] * (a.shape[axis] - 1);
        step *= a.shape[axis] * (r[i] > 0.5 ? 2 : 1);
    }
    assert_in_range((size_t)step * ntk_dtype_size(dtype), 0, ROOM);
    a.data = memory + (size_t)first * ntk_dtype_size(dtype);
    return a;
}

/* The address of element `flat`, counted row-major, by the definition in ntk.h. */
static unsigned char *element(const ntk_array *a, int64_t flat)
{
    int64_t offset = 0;
    for (int i = a->ndim - 1; i >= 0; --i) {
        offset += flat % a->shape[i] * a->strides[i];
        flat /= a->shape[i];
    }
    return (unsigned char *)a->data + offset * (int64_t)ntk_dtype_size(a->dtype);
}

static void borrow_gathers_every_view(void **state)
{
    ntk_context *ctx = *state;
    unsigned char *memory = malloc(ROOM);
    assert_non_null(memory);
    for (int i = 0; i < ROOM; ++i) memory[i] = (unsigned char)(i * 37 + i / 256);
    for (uint64_t seed = 0; seed < 560; ++seed) {
        ntk_array a = any_view(memory, (ntk_dtype)(seed / 7 % 4), seed, true);
        size_t size = ntk_dtype_size(a.dtype);
        const void *dense;
        void *copy;
        kit_ok(ctx, ntk_borrow(ctx, &a, &dense, &copy));
        for (int64_t k = 0; k < ntk_array_size(&a); ++k)
            assert_memory_equal((const unsigned char *)dense + (size_t)k * size, element(&a, k), size);
        assert_true(copy == NULL ? dense == a.data : dense == copy);
        ntk_free(copy);
    }
    free(memory);
}

static void store_writes_these_elements_only(void **state)
{
    unsigned char *memory = malloc(ROOM), *expected = malloc(ROOM), *dense = malloc(ROOM);
    (void)state;
    assert_true(memory && expected && dense);
    for (int i = 0; i < ROOM; ++i) dense[i] = (unsigned char)(1 + i % 250);
    for (uint64_t seed = 0; seed < 280; ++seed) {
        ntk_array a = any_view(memory, (ntk_dtype)(seed / 7 % 4), seed, false), e = a;
        size_t size = ntk_dtype_size(a.dtype);
        memset(memory, 0, ROOM);
        memset(expected, 0, ROOM);
        e.data = expected + ((unsigned char *)a.data - memory);
        for (int64_t k = 0; k < ntk_array_size(&a); ++k) memcpy(element(&e, k), dense + (size_t)k * size, size);
        ntk_store(&a, dense);
        assert_memory_equal(memory, expected, ROOM);
    }
    free(dense);
    free(expected);
    free(memory);
}

static void dense_memory_is_not_copied(void **state)
{
    ntk_context *ctx = *state;
    const double x[12] = {0};
    ntk_array a = ntk_matrix_f64(x, 3, 4), column = ntk_matrix_f64(x, 12, 1);
    const void *dense;
    void *copy;
    kit_ok(ctx, ntk_borrow(ctx, &a, &dense, &copy));
    assert_true(dense == x && copy == NULL);
    column.strides[1] = 77; /* the stride of an axis of extent 1 says nothing */
    kit_ok(ctx, ntk_borrow(ctx, &column, &dense, &copy));
    assert_true(dense == x && copy == NULL);
    kit_ok(ctx, ntk_copy_dense(ctx, &a, &copy));
    assert_true(copy != NULL && copy != x);
    ntk_free(copy);
}

static void fortran_order(void **state)
{
    ntk_context *ctx = *state;
    const double columns[6] = {1, 4, 2, 5, 3, 6}, rows[6] = {1, 2, 3, 4, 5, 6};
    ntk_array a = ntk_matrix_f64(columns, 2, 3);
    const void *dense;
    void *copy;
    a.strides[0] = 1;
    a.strides[1] = 2;
    kit_ok(ctx, ntk_borrow(ctx, &a, &dense, &copy));
    kit_close(6, (const double *)dense, rows, 0);
    ntk_free(copy);
}

static void empty_arrays(void **state)
{
    ntk_context *ctx = *state;
    ntk_array a = ntk_array_dense(NULL, NTK_F64, NTK_SHAPE(3, 0, 2));
    const void *dense;
    void *copy;
    a.strides[0] = -5;
    assert_int_equal(ntk_array_size(&a), 0);
    kit_ok(ctx, ntk_check_output(ctx, "x", &a, NTK_F64, NTK_SHAPE(3, 0, 2)));
    kit_ok(ctx, ntk_check_finite(ctx, "x", &a));
    kit_ok(ctx, ntk_borrow(ctx, &a, &dense, &copy));
    ntk_store(&a, dense);
    ntk_free(copy);
}

static void rows_and_items(void **state)
{
    const double x[24] = {0};
    ntk_array a = ntk_array_dense(x, NTK_F64, NTK_SHAPE(2, 3, 4)), at, rows;
    (void)state;
    a.data = (void *)(uintptr_t)(x + 12);
    a.strides[0] = -12;
    at = ntk_array_at(&a, 1);
    assert_ptr_equal(at.data, x);
    assert_true(at.ndim == 2 && at.shape[0] == 3 && at.shape[1] == 4 && at.strides[0] == 4 && at.strides[1] == 1);
    rows = ntk_array_rows(&at, 1, 2);
    assert_ptr_equal(rows.data, x + 4);
    assert_true(rows.ndim == 2 && rows.shape[0] == 2 && rows.shape[1] == 4);
    a = ntk_array_dense(NULL, NTK_F32, NTK_SHAPE(4, 0));
    assert_null(ntk_array_rows(&a, 3, 1).data);
}

/* ---- finite ---------------------------------------------------------------------------------------------------- */

/* Around the ends of the blocks of 1024 that the search sums up. */
static void the_first_nan_is_found(void **state)
{
    static const int64_t places[] = {0, 1, 1023, 1024, 1025, 2047, 2048, 2999};
    double x[3000];
    float y[3000];
    (void)state;
    for (int i = 0; i < 3000; ++i) {
        x[i] = i % 2 ? 1e308 : -1e-320;
        y[i] = i % 2 ? 3e38f : -1e-45f;
    }
    assert_int_equal(ntk_find_not_finite(NTK_F64, x, 3000), -1);
    assert_int_equal(ntk_find_not_finite(NTK_F32, y, 3000), -1);
    for (size_t i = NTK_ARRAY_LENGTH(places); i-- > 0;) { /* from the back: each new one is the first */
        x[places[i]] = i % 2 ? NAN : INFINITY;
        y[places[i]] = i % 2 ? -INFINITY : NAN;
        assert_int_equal(ntk_find_not_finite(NTK_F64, x, 3000), places[i]);
        assert_int_equal(ntk_find_not_finite(NTK_F32, y, 3000), places[i]);
        assert_int_equal(ntk_find_not_finite(NTK_F64, x, places[i]), -1);
    }
    assert_int_equal(ntk_find_not_finite(NTK_U8, x, 3000), -1);
    assert_int_equal(ntk_find_not_finite(NTK_I64, x, 3000), -1);
}

static void the_sentence_has_the_index(void **state)
{
    ntk_context *ctx = *state;
    double x[12] = {0};
    ntk_array a = ntk_matrix_f64(x, 3, 4), scalar = ntk_array_dense(x, NTK_F64, 0, NULL);
    kit_ok(ctx, ntk_check_finite(ctx, "x", &a));
    x[7] = NAN;
    kit_fails(ctx, ntk_check_finite(ctx, "x", &a), NTK_ERROR_NOT_FINITE, "x[1, 3] is not a finite number");
    a.data = x + 11; /* the same matrix turned around */
    a.strides[0] = -4;
    a.strides[1] = -1;
    kit_fails(ctx, ntk_check_finite(ctx, "x", &a), NTK_ERROR_NOT_FINITE, "x[1, 0] is not a finite number");
    kit_ok(ctx, ntk_check_finite(ctx, "x", &scalar));
    x[0] = -INFINITY;
    kit_fails(ctx, ntk_check_finite(ctx, "x", &scalar), NTK_ERROR_NOT_FINITE, "x[] is not a finite number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtype_sizes),          cmocka_unit_test(dense_views),
        cmocka_unit_test(texts_of_shapes),      kit_test(structure_is_checked),
        kit_test(sizes_do_not_overflow),        kit_test(shapes_are_checked),
        kit_test(outputs_do_not_overlap),       kit_test(borrow_gathers_every_view),
        cmocka_unit_test(store_writes_these_elements_only), kit_test(dense_memory_is_not_copied),
        kit_test(fortran_order),                kit_test(empty_arrays),
        cmocka_unit_test(rows_and_items),       cmocka_unit_test(the_first_nan_is_found),
        kit_test(the_sentence_has_the_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
