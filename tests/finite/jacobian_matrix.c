/* J of the caller's own matrix: borrowed where dense, copied where not. */
#include "cases.h"

enum { ROWS = 12, P = 31 };

/* Sums of at most 31 products: 1e-14. */
static void products_are_loops(void **state)
{
    ntk_context *ctx = *state;
    double *m = case_numbers(1, ROWS * P), *v = case_numbers(2, P), *u = case_numbers(3, ROWS), jv[ROWS] = {0}, ju[P] = {0}, got_v[ROWS], got_u[P];
    ntk_array matrix = ntk_matrix_f64(m, ROWS, P), vv = ntk_vector_f64(v, P), uu = ntk_vector_f64(u, ROWS);
    ntk_array out_v = ntk_vector_f64(got_v, ROWS), out_u = ntk_vector_f64(got_u, P);
    ntk_jacobian *j;
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 3, &j));
    assert_ptr_equal(j->matrix, m);
    assert_int_equal(ntk_jacobian_rows(j), ROWS);
    assert_int_equal(ntk_jacobian_columns(j), P);
    assert_int_equal(ntk_jacobian_outputs(j), 3);
    for (int r = 0; r < ROWS; ++r)
        for (int i = 0; i < P; ++i) {
            jv[r] += m[r * P + i] * v[i];
            ju[i] += m[r * P + i] * u[r];
        }
    kit_ok(ctx, ntk_jacobian_apply(ctx, j, &vv, &out_v));
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &uu, &out_u));
    kit_close(ROWS, got_v, jv, 1e-14);
    kit_close(P, got_u, ju, 1e-14);
    ntk_jacobian_destroy(j);
    free(u);
    free(v);
    free(m);
}

static void transposed_memory_is_copied(void **state)
{
    ntk_context *ctx = *state;
    double *m = case_numbers(1, ROWS * P), got[3 * P];
    ntk_array matrix = ntk_matrix_f64(m, ROWS, P), out = ntk_matrix_f64(got, 3, P);
    ntk_jacobian *j;
    matrix.strides[0] = 1;
    matrix.strides[1] = ROWS;
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 1, &j));
    assert_ptr_not_equal(j->matrix, m);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 4, &out));
    for (int r = 0; r < 3; ++r)
        for (int i = 0; i < P; ++i) assert_true(got[r * P + i] == m[i * ROWS + 4 + r]);
    ntk_jacobian_destroy(j);
    free(m);
}

static void empty(void **state)
{
    ntk_context *ctx = *state;
    double five[5];
    ntk_array no_rows = ntk_matrix_f64(NULL, 0, 5), no_columns = ntk_matrix_f64(NULL, 5, 0), none = ntk_vector_f64(NULL, 0), out = ntk_vector_f64(five, 5);
    ntk_jacobian *j;
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &no_rows, 2, &j));
    kit_random(1, 5, five);
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &none, &out));
    kit_close(5, five, (double[5]){0}, 0);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &no_rows));
    ntk_jacobian_destroy(j);
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &no_columns, 1, &j));
    kit_random(1, 5, five);
    kit_ok(ctx, ntk_jacobian_apply(ctx, j, &none, &out));
    kit_close(5, five, (double[5]){0}, 0);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &no_columns));
    ntk_jacobian_destroy(j);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    double m[6] = {1, 2, 3, 4, NAN, 6}, v[2] = {1e308, 1e308}, out[3];
    ntk_array bad = ntk_matrix_f64(m, 3, 2), vector = ntk_vector_f64(m, 6), integers = bad, good = ntk_matrix_f64(m, 2, 2), vv = ntk_vector_f64(v, 2);
    ntk_array product = ntk_vector_f64(out, 2);
    ntk_jacobian *j = (ntk_jacobian *)1;
    integers.dtype = NTK_I64;
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &bad, 1, &j), NTK_ERROR_NOT_FINITE, "j[2, 0]");
    assert_null(j);
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &bad, 2, &j), NTK_ERROR_SHAPE, "j has 3 rows; expected a multiple of the 2 outputs");
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &bad, 0, &j), NTK_ERROR_ARGUMENT, "outputs is 0; expected at least 1");
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &vector, 1, &j), NTK_ERROR_SHAPE, "j has shape [6]; expected [any, any]");
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &integers, 1, &j), NTK_ERROR_DTYPE, "j holds i64; expected f64 or f32");
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, NULL, 1, &j), NTK_ERROR_NULL, "j is NULL");
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &good, 1, NULL), NTK_ERROR_NULL, "jacobian is NULL");
    assert_int_equal(ntk_jacobian_from_matrix(NULL, &good, 1, &j), NTK_ERROR_NULL);
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &good, 2, &j));
    kit_fails(ctx, ntk_jacobian_apply(ctx, j, &vv, &product), NTK_ERROR_OVERFLOW, "out[0] exceeds the range of f64");
    ntk_jacobian_destroy(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(products_are_loops), kit_test(transposed_memory_is_copied), kit_test(empty), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
