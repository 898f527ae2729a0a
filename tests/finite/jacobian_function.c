/* J by central differences of a function of the caller. */
#include "cases.h"

enum { ROWS = 6, P = 4, TERMS = 3 };

/* f_r = sum_k sin(a_rk . theta): every derivative is known, and at most 4^m in size. */
typedef struct waves {
    double a[ROWS * TERMS * P];
    int calls, fail_at, nan_at;
} waves;

static int evaluate(void *user, int64_t columns, const double *theta, int64_t rows, double *f)
{
    waves *w = user;
    assert_int_equal(columns, P);
    assert_int_equal(rows, ROWS);
    for (int r = 0; r < ROWS; ++r) {
        f[r] = 0;
        for (int k = 0; k < TERMS; ++k) {
            double s = 0;
            for (int c = 0; c < P; ++c) s += w->a[(r * TERMS + k) * P + c] * theta[c];
            f[r] += sin(s);
        }
    }
    ++w->calls;
    if (w->calls == w->nan_at) f[2] = NAN;
    return w->calls == w->fail_at ? -3 : 0;
}

static void exact(const waves *w, const double *theta, double *j)
{
    memset(j, 0, ROWS * P * sizeof *j);
    for (int r = 0; r < ROWS; ++r)
        for (int k = 0; k < TERMS; ++k) {
            const double *a = w->a + (r * TERMS + k) * P;
            double s = 0;
            for (int c = 0; c < P; ++c) s += a[c] * theta[c];
            for (int c = 0; c < P; ++c) j[r * P + c] += a[c] * cos(s);
        }
}

/* theta spans 1e-9 to 5: the step of order 2 is up to 3e-5, its error (h² 3)/6 + eps 3/h, 5e-10; of order 4 3e-11; 10 for safety. */
static void derivatives_are_right(void **state)
{
    ntk_context *ctx = *state;
    waves w = {.calls = 0};
    double theta[P] = {1e-9, -0.3, 5, 1}, before[P], want[ROWS * P], got[ROWS * P], error[3];
    ntk_array t = ntk_vector_f64(theta, P), out = ntk_matrix_f64(got, ROWS, P);
    static const struct {
        int32_t order;
        double step;
        int calls;
    } ways[] = {{0, 0, 2 * P}, {2, 1e-2, 2 * P}, {4, 0, 4 * P}};
    kit_random(1, NTK_ARRAY_LENGTH(w.a), w.a);
    memcpy(before, theta, sizeof theta);
    exact(&w, theta, want);
    for (int i = 0; i < 3; ++i) {
        ntk_difference_options o = {NTK_DIFFERENCE_OPTIONS_INIT, .order = ways[i].order, .step = ways[i].step};
        ntk_jacobian *j;
        w.calls = 0;
        kit_ok(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &t, ROWS, 2, &o, &j));
        assert_int_equal(w.calls, ways[i].calls);
        assert_int_equal(ntk_jacobian_outputs(j), 2);
        kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &out));
        assert_int_equal(w.calls, ways[i].calls); /* it is not called again */
        error[i] = 0;
        for (int k = 0; k < ROWS * P; ++k) error[i] = fmax(error[i], fabs(got[k] - want[k]));
        ntk_jacobian_destroy(j);
    }
    assert_true(error[0] < 5e-9);
    assert_true(error[2] < 3e-10);
    assert_true(error[2] < error[0]);
    assert_true(error[1] > 1e-6 && error[1] < 1e-2); /* the caller's step is taken: h = 5e-2 */
    kit_close(P, theta, before, 0);
}

static void failures_are_passed_on(void **state)
{
    ntk_context *ctx = *state;
    double theta[P] = {0};
    ntk_array t = ntk_vector_f64(theta, P);
    ntk_jacobian *j = (ntk_jacobian *)1;
    for (int at = 1; at <= 2 * P; ++at) {
        waves failing = {.fail_at = at}, broken = {.nan_at = at};
        kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &failing, &t, ROWS, 1, NULL, &j), NTK_ERROR_CALLBACK, "the callback function returned -3");
        assert_null(j);
        kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &broken, &t, ROWS, 1, NULL, &j), NTK_ERROR_CALLBACK, "function gave out[2] = ");
    }
}

static int huge(void *user, int64_t columns, const double *theta, int64_t rows, double *f)
{
    (void)user;
    for (int64_t r = 0; r < rows; ++r) f[r] = theta[columns - 1] > 0 ? 1.7e308 : -1.7e308;
    return 0;
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    waves w = {.calls = 0};
    double theta[P] = {0}, bad[P] = {0, NAN};
    ntk_array t = ntk_vector_f64(theta, P), b = ntk_vector_f64(bad, P);
    ntk_difference_options order = {NTK_DIFFERENCE_OPTIONS_INIT, .order = 3}, step = {NTK_DIFFERENCE_OPTIONS_INIT, .step = -1}, reserved = step;
    ntk_jacobian *j;
    reserved.step = 0;
    reserved.reserved = 1;
    kit_fails(ctx, ntk_jacobian_from_function(ctx, NULL, &w, &t, ROWS, 1, NULL, &j), NTK_ERROR_NULL, "function is NULL");
    kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &t, ROWS, 1, &order, &j), NTK_ERROR_ARGUMENT, "options.order is 3; expected 2 or 4");
    kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &t, ROWS, 1, &step, &j), NTK_ERROR_ARGUMENT, "options.step is -1");
    step.step = NAN;
    kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &t, ROWS, 1, &step, &j), NTK_ERROR_ARGUMENT, "options.step");
    kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &t, ROWS, 1, &reserved, &j), NTK_ERROR_OPTIONS, "reserved is 1");
    kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &t, -1, 1, NULL, &j), NTK_ERROR_ARGUMENT, "rows is -1");
    kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &t, ROWS, 4, NULL, &j), NTK_ERROR_SHAPE, "6 rows; expected a multiple of the 4 outputs");
    kit_fails(ctx, ntk_jacobian_from_function(ctx, evaluate, &w, &b, ROWS, 1, NULL, &j), NTK_ERROR_NOT_FINITE, "theta[1]");
    kit_fails(ctx, ntk_jacobian_from_function(ctx, huge, &w, &t, ROWS, 1, NULL, &j), NTK_ERROR_OVERFLOW, "J[0, 3]");
    assert_int_equal(w.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(derivatives_are_right), kit_test(failures_are_passed_on), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
