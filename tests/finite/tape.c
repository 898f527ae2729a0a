/* The tape itself: what it keeps and frees, and that rows of J come out the same however they are asked for. */
#include "cases.h"

static int64_t kept(double *const *blocks, const ntk_network *network)
{
    int64_t count = 0;
    for (int64_t v = 1; v < network->n_values; ++v) count += blocks[v] != NULL;
    return count;
}

static void frees_what_is_not_needed(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("erf"), 4);
    double out[4 * CASE_O], g[CASE_P] = {0};
    ntk_tape t;
    kit_ok(ctx, ntk_tape_open(ctx, c.network, c.n, c.theta, c.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, false));
    assert_int_equal(kept(t.value, c.network), 1);
    assert_non_null(t.value[c.network->result]);
    ntk_tape_close(&t);
    kit_ok(ctx, ntk_tape_open(ctx, c.network, c.n, c.theta, c.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    kit_ok(ctx, ntk_tape_tangent(&t, c.theta, out));
    kit_ok(ctx, ntk_tape_backward(&t, out, g));
    assert_int_equal(kept(t.value, c.network), c.network->n_values - 1);
    assert_int_equal(kept(t.tangent, c.network), 0);
    assert_int_equal(kept(t.cotangent, c.network), 0);
    ntk_tape_close(&t);
    case_close(&c);
}

/* Row by row, all at once and any range between: against vjps of unit vectors (other products: a few eps). */
static void any_range_of_rows(void **state)
{
    ntk_context *ctx = *state;
    enum { N = 3, ROWS = N * CASE_O };
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    double *j = case_jacobian(ctx, &c), *rows = case_numbers(1, ROWS * CASE_P);
    ntk_tape t;
    kit_ok(ctx, ntk_tape_open(ctx, c.network, N, c.theta, c.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    for (int64_t first = 0; first < ROWS; ++first)
        for (int64_t count = 0; count <= ROWS - first; ++count) {
            kit_random(7, ROWS * CASE_P, rows); /* written, not added to */
            kit_ok(ctx, ntk_tape_rows(&t, first, count, rows));
            kit_close(count * CASE_P, rows, j + first * CASE_P, 1e-14);
        }
    ntk_tape_close(&t);
    free(rows);
    free(j);
    case_close(&c);
}

/* gradient += : a second pass doubles it exactly. */
static void backward_adds_up(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("relu"), 1);
    double u[CASE_O] = {0.5, -2}, once[CASE_P] = {0}, twice[CASE_P] = {0};
    ntk_tape t;
    kit_ok(ctx, ntk_tape_open(ctx, c.network, 1, c.theta, c.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    kit_ok(ctx, ntk_tape_backward(&t, u, once));
    kit_ok(ctx, ntk_tape_backward(&t, u, twice));
    kit_ok(ctx, ntk_tape_backward(&t, u, twice));
    for (int i = 0; i < CASE_P; ++i) once[i] *= 2;
    kit_close(CASE_P, twice, once, 2 * DBL_EPSILON);
    ntk_tape_close(&t);
    case_close(&c);
}

static void every_allocation_may_fail(void **state)
{
    ntk_context *ctx = *state, *failing;
    int64_t left = 1000, refused = 0;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = case_failing_allocate, .allocate_user = &left, .threads = 1};
    finite_case c = case_open(ctx, CASE_JSON("erf"), 2);
    double rows[2 * CASE_O * CASE_P];
    ntk_status status = NTK_ERROR_MEMORY;
    kit_ok(ctx, ntk_context_create(&options, &failing));
    while (status != NTK_OK) {
        ntk_tape t;
        left = refused++;
        status = ntk_tape_open(failing, c.network, 2, c.theta, c.x, &t);
        if (status != NTK_OK) continue;
        status = ntk_tape_forward(&t, true);
        if (status == NTK_OK) status = ntk_tape_rows(&t, 0, 2 * CASE_O, rows);
        ntk_tape_close(&t);
        assert_true(status == NTK_OK || status == NTK_ERROR_MEMORY);
    }
    assert_true(refused > 15);
    ntk_context_destroy(failing);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(frees_what_is_not_needed), kit_test(any_range_of_rows), kit_test(backward_adds_up), kit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
