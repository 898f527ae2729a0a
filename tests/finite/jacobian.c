/* The door of J: ranges of rows, strided results, cancelling, what is refused. */
#include "cases.h"

enum { ROWS = 6, P = 4, SIZE = 12 * P };

typedef struct door {
    double m[ROWS * P];
    ntk_jacobian *j;
} door;

static void open_door(ntk_context *ctx, door *d)
{
    ntk_array matrix = ntk_matrix_f64(d->m, ROWS, P);
    kit_random(1, ROWS * P, d->m);
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 2, &d->j));
}

/* Rows backward, rows apart, columns apart, and all of it: what lies between is not touched. */
static void rows_into_any_strides(void **state)
{
    ntk_context *ctx = *state;
    static const int64_t strides[][2] = {{P, 1}, {P, 3 * P}, {2 * P, 1}, {-P, 1}, {1, 3}, {2 * P, 2}, {-2 * P, 2}};
    double got[SIZE], expected[SIZE];
    door d;
    open_door(ctx, &d);
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(strides); ++k) {
        int64_t start = strides[k][0] < 0 ? -2 * strides[k][0] : 0;
        ntk_array out = ntk_matrix_f64(got + start, 3, P);
        memcpy(out.strides, strides[k], sizeof strides[k]);
        kit_random(2, SIZE, got);
        kit_random(2, SIZE, expected);
        for (int64_t r = 0; r < 3; ++r)
            for (int64_t i = 0; i < P; ++i) expected[start + r * strides[k][0] + i * strides[k][1]] = d.m[(2 + r) * P + i];
        kit_ok(ctx, ntk_jacobian_get_rows(ctx, d.j, 2, &out));
        kit_close(SIZE, got, expected, 0);
    }
    ntk_jacobian_destroy(d.j);
}

static int stop(void *user, double done)
{
    (void)user;
    (void)done;
    return 1;
}

static void can_be_cancelled(void **state)
{
    ntk_context *ctx = *state, *impatient;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .progress = stop};
    double got[P];
    ntk_array out = ntk_matrix_f64(got, 1, P);
    door d;
    open_door(ctx, &d);
    kit_ok(ctx, ntk_context_create(&options, &impatient));
    kit_fails(impatient, ntk_jacobian_get_rows(impatient, d.j, 0, &out), NTK_ERROR_CANCELLED, "");
    ntk_context_destroy(impatient);
    ntk_jacobian_destroy(d.j);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    double v[ROWS] = {0}, rows[2 * P];
    ntk_array p = ntk_vector_f64(v, P), n = ntk_vector_f64(v, ROWS), two = ntk_matrix_f64(rows, 2, P), narrow = ntk_matrix_f64(rows, 2, P - 1);
    door d;
    open_door(ctx, &d);
    assert_int_equal(ntk_jacobian_rows(NULL), -1);
    assert_int_equal(ntk_jacobian_columns(NULL), -1);
    assert_int_equal(ntk_jacobian_outputs(NULL), -1);
    ntk_jacobian_destroy(NULL);
    assert_int_equal(ntk_jacobian_apply(NULL, d.j, &p, &n), NTK_ERROR_NULL);
    kit_fails(ctx, ntk_jacobian_apply(ctx, NULL, &p, &n), NTK_ERROR_NULL, "jacobian is NULL");
    kit_fails(ctx, ntk_jacobian_apply(ctx, d.j, NULL, &n), NTK_ERROR_NULL, "v is NULL");
    kit_fails(ctx, ntk_jacobian_apply(ctx, d.j, &p, NULL), NTK_ERROR_NULL, "out is NULL");
    kit_fails(ctx, ntk_jacobian_apply(ctx, d.j, &n, &n), NTK_ERROR_SHAPE, "v has shape [6]; expected [4]");
    kit_fails(ctx, ntk_jacobian_apply(ctx, d.j, &p, &p), NTK_ERROR_SHAPE, "out has shape [4]; expected [6]");
    kit_fails(ctx, ntk_jacobian_apply_transposed(ctx, NULL, &n, &p), NTK_ERROR_NULL, "jacobian is NULL");
    kit_fails(ctx, ntk_jacobian_apply_transposed(ctx, d.j, &p, &p), NTK_ERROR_SHAPE, "u has shape [4]; expected [6]");
    kit_fails(ctx, ntk_jacobian_get_rows(ctx, NULL, 0, &two), NTK_ERROR_NULL, "jacobian is NULL");
    kit_fails(ctx, ntk_jacobian_get_rows(ctx, d.j, 0, NULL), NTK_ERROR_NULL, "out is NULL");
    kit_fails(ctx, ntk_jacobian_get_rows(ctx, d.j, 0, &narrow), NTK_ERROR_SHAPE, "out has shape [2, 3]; expected [any, 4]");
    kit_fails(ctx, ntk_jacobian_get_rows(ctx, d.j, 5, &two), NTK_ERROR_ARGUMENT, "2 rows of J from row 5 on are asked for; it has 6");
    kit_fails(ctx, ntk_jacobian_get_rows(ctx, d.j, -1, &two), NTK_ERROR_ARGUMENT, "2 rows of J from row -1 on");
    kit_fails(ctx, ntk_jacobian_get_rows(ctx, d.j, INT64_MAX, &two), NTK_ERROR_ARGUMENT, "it has 6");
    v[1] = NAN;
    kit_fails(ctx, ntk_jacobian_apply(ctx, d.j, &p, &n), NTK_ERROR_NOT_FINITE, "v[1]");
    kit_fails(ctx, ntk_jacobian_apply_transposed(ctx, d.j, &n, &p), NTK_ERROR_NOT_FINITE, "u[1]");
    ntk_jacobian_destroy(d.j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(rows_into_any_strides), kit_test(can_be_cancelled), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
