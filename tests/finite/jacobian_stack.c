/* Jacobians below each other. */
#include "cases.h"

enum { P = 5, ROWS = 12 };

static void a_stack_is_the_whole_matrix(void **state)
{
    ntk_context *ctx = *state;
    static const int64_t heights[] = {4, 0, 6, 2};
    double m[ROWS * P], v[P], u[ROWS], got[2][ROWS], back[2][P], rows[ROWS * P];
    ntk_array all = ntk_matrix_f64(m, ROWS, P), vv = ntk_vector_f64(v, P), uu = ntk_vector_f64(u, ROWS);
    ntk_jacobian *whole, *stack, *parts[4];
    int64_t at = 0;
    kit_random(1, ROWS * P, m);
    kit_random(2, P, v);
    kit_random(3, ROWS, u);
    for (int i = 0; i < 4; at += heights[i], ++i) {
        ntk_array part = ntk_matrix_f64(m + at * P, heights[i], P);
        kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &part, 2, &parts[i]));
    }
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &all, 2, &whole));
    kit_ok(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *const *)parts, 4, &stack));
    for (int i = 0; i < 4; ++i) ntk_jacobian_destroy(parts[i]); /* they live on in it */
    assert_int_equal(ntk_jacobian_rows(stack), ROWS);
    assert_int_equal(ntk_jacobian_columns(stack), P);
    assert_int_equal(ntk_jacobian_outputs(stack), 2);
    for (int i = 0; i < 2; ++i) {
        ntk_array out_v = ntk_vector_f64(got[i], ROWS), out_u = ntk_vector_f64(back[i], P);
        kit_ok(ctx, ntk_jacobian_apply(ctx, i ? whole : stack, &vv, &out_v));
        kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, i ? whole : stack, &uu, &out_u));
    }
    kit_close(ROWS, got[0], got[1], 1e-15);
    kit_close(P, back[0], back[1], 1e-15);
    for (int64_t first = 0; first <= ROWS; ++first)
        for (int64_t count = 0; count <= ROWS - first; ++count) { /* every block of rows */
            ntk_array out = ntk_matrix_f64(rows, count, P);
            kit_random(4, ROWS * P, rows);
            kit_ok(ctx, ntk_jacobian_get_rows(ctx, stack, first, &out));
            if (count > 0) kit_close(count * P, rows, m + first * P, 0);
        }
    ntk_jacobian_destroy(stack);
    ntk_jacobian_destroy(whole);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    double m[ROWS * P] = {0};
    ntk_array a = ntk_matrix_f64(m, 4, P), b = ntk_matrix_f64(m, 4, P - 1);
    ntk_jacobian *j, *narrow, *single, *stack = (ntk_jacobian *)1;
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &a, 2, &j));
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &b, 2, &narrow));
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &a, 1, &single));
    kit_fails(ctx, ntk_jacobian_stack(ctx, NULL, 1, &stack), NTK_ERROR_NULL, "parts is NULL");
    assert_null(stack);
    kit_fails(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *const[]){j}, 0, &stack), NTK_ERROR_ARGUMENT, "count is 0");
    kit_fails(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *const[]){NULL, j}, 2, &stack), NTK_ERROR_NULL, "parts[0] is NULL");
    kit_fails(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *const[]){j, NULL}, 2, &stack), NTK_ERROR_NULL, "parts[1] is NULL");
    kit_fails(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *const[]){j, narrow}, 2, &stack), NTK_ERROR_SHAPE,
              "parts[1] has 4 columns and 2 outputs; expected the 5 and 2 of parts[0]");
    kit_fails(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *const[]){j, single}, 2, &stack), NTK_ERROR_SHAPE, "1 outputs");
    ntk_jacobian_destroy(single);
    ntk_jacobian_destroy(narrow);
    ntk_jacobian_destroy(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(a_stack_is_the_whole_matrix), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
