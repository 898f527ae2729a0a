/* J by functions of the caller: which of them are asked, and what becomes of those that fail, forget, overrun or lie. */
#include "cases.h"

enum { ROWS = 12, P = 31 };

/* A matrix behind callbacks, and what is wrong with them. */
typedef struct source {
    double m[ROWS * P];
    int calls[3]; /* of jvp, vjp, get_rows */
    int fail_at;  /* the call, counted over all from 1, that returns 7; 0: none */
    int64_t forget, beyond, before; /* numbers not written at the end; written behind the end, or before the beginning */
    double poison;     /* 0: none, else what stands in the last number */
} source;

/* Numbers come as a loop would give them, with what is wrong. */
static int give(source *s, int which, int64_t count, const double *right, double *out)
{
    s->calls[which]++;
    for (int64_t i = 0; i < count - s->forget; ++i) out[i] = right[i];
    for (int64_t i = 0; i < s->beyond; ++i) out[count + i] = 1;
    for (int64_t i = 0; i < s->before; ++i) out[-1 - i] = 1;
    if (s->poison != 0 && count > 0) out[count - 1] = s->poison;
    return s->fail_at > 0 && s->calls[0] + s->calls[1] + s->calls[2] == s->fail_at ? 7 : 0;
}

static int jvp(void *user, int64_t columns, const double *v, int64_t rows, double *out)
{
    source *s = user;
    double right[ROWS] = {0};
    assert_int_equal(columns, P);
    assert_int_equal(rows, ROWS);
    for (int r = 0; r < ROWS; ++r)
        for (int c = 0; c < P; ++c) right[r] += s->m[r * P + c] * v[c];
    return give(s, 0, rows, right, out);
}

static int vjp(void *user, int64_t rows, const double *u, int64_t columns, double *out)
{
    source *s = user;
    double right[P] = {0};
    assert_int_equal(columns, P);
    assert_int_equal(rows, ROWS);
    for (int r = 0; r < ROWS; ++r)
        for (int c = 0; c < P; ++c) right[c] += s->m[r * P + c] * u[r];
    return give(s, 1, columns, right, out);
}

static int get_rows(void *user, int64_t first, int64_t count, int64_t columns, double *out)
{
    source *s = user;
    assert_int_equal(columns, P);
    assert_true(first >= 0 && count >= 1 && first + count <= ROWS);
    return give(s, 2, count * columns, s->m + first * P, out);
}

static ntk_jacobian_functions functions_of(source *s, bool with_jvp, bool with_vjp, bool with_rows)
{
    return (ntk_jacobian_functions){NTK_JACOBIAN_FUNCTIONS_INIT, ROWS, P, 3, s, with_jvp ? jvp : NULL, with_vjp ? vjp : NULL, with_rows ? get_rows : NULL};
}

/* J v, Jᵀ u and rows 5 ... 8 by every set of functions are those of the matrix; sums of 31 products: 1e-14. */
static void any_function_suffices(void **state)
{
    ntk_context *ctx = *state;
    source s = {.fail_at = 0};
    double v[P], u[ROWS], jv[ROWS], ju[P], rows[4 * P], want_v[ROWS], want_u[P];
    ntk_array matrix = ntk_matrix_f64(s.m, ROWS, P), vv = ntk_vector_f64(v, P), uu = ntk_vector_f64(u, ROWS);
    ntk_array out_v = ntk_vector_f64(jv, ROWS), out_u = ntk_vector_f64(ju, P), out = ntk_matrix_f64(rows, 4, P);
    ntk_jacobian *j;
    kit_random(1, ROWS * P, s.m);
    kit_random(2, P, v);
    kit_random(3, ROWS, u);
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 3, &j));
    kit_ok(ctx, ntk_jacobian_apply(ctx, j, &vv, &out_v));
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &uu, &out_u));
    ntk_jacobian_destroy(j);
    memcpy(want_v, jv, sizeof jv);
    memcpy(want_u, ju, sizeof ju);
    for (int set = 1; set < 8; ++set) {
        ntk_jacobian_functions f = functions_of(&s, set & 1, set & 2, set & 4);
        double error;
        kit_ok(ctx, ntk_jacobian_from_callbacks(ctx, &f, &j));
        assert_int_equal(ntk_jacobian_rows(j), ROWS);
        assert_int_equal(ntk_jacobian_columns(j), P);
        assert_int_equal(ntk_jacobian_outputs(j), 3);
        kit_random(9, ROWS, jv);
        kit_random(9, P, ju);
        kit_random(9, 4 * P, rows);
        memset(s.calls, 0, sizeof s.calls);
        kit_ok(ctx, ntk_jacobian_apply(ctx, j, &vv, &out_v));
        assert_int_equal(s.calls[0], set & 1 ? 1 : 0); /* what is given is asked, and once */
        kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &uu, &out_u));
        if ((set & 3) == 3) assert_int_equal(s.calls[1], 1);
        kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 5, &out));
        kit_close(ROWS, jv, want_v, 1e-14);
        kit_close(P, ju, want_u, 1e-14);
        kit_close(4 * P, rows, s.m + 5 * P, 1e-15);
        kit_ok(ctx, ntk_jacobian_adjoint_error(ctx, j, 4, &error));
        assert_true(error < 1e-14);
        ntk_jacobian_destroy(j);
    }
}

/* K = J Jᵀ, its spectrum, and F v through callbacks: what is after J does not know where it comes from. */
static void everything_after_j(void **state)
{
    ntk_context *ctx = *state;
    source s = {.fail_at = 0};
    double got[2][ROWS * ROWS], values[2][ROWS];
    ntk_array matrix = ntk_matrix_f64(s.m, ROWS, P);
    kit_random(1, ROWS * P, s.m);
    for (int way = 0; way < 2; ++way) {
        ntk_jacobian_functions f = functions_of(&s, true, true, false);
        ntk_array block = ntk_matrix_f64(got[way], ROWS, ROWS), w = ntk_vector_f64(values[way], ROWS);
        ntk_jacobian *j;
        ntk_gram *gram;
        ntk_spectrum *spectrum;
        kit_ok(ctx, way == 0 ? ntk_jacobian_from_callbacks(ctx, &f, &j) : ntk_jacobian_from_matrix(ctx, &matrix, 3, &j));
        kit_ok(ctx, ntk_gram_from_jacobian(ctx, j, NULL, &gram));
        kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &block));
        kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &spectrum));
        kit_ok(ctx, ntk_spectrum_get_values(ctx, spectrum, &w));
        ntk_spectrum_destroy(spectrum);
        ntk_gram_destroy(gram);
        ntk_jacobian_destroy(j);
    }
    kit_close(ROWS * ROWS, got[0], got[1], 1e-14);
    kit_close(ROWS, values[0], values[1], 1e-13);
}

/* Asks everything of J; the first failure. */
static ntk_status ask(ntk_context *ctx, source *s, bool with_jvp, bool with_vjp, bool with_rows)
{
    ntk_jacobian_functions f = functions_of(s, with_jvp, with_vjp, with_rows);
    double a[P] = {1}, b[P], rows[ROWS * P];
    ntk_array v = ntk_vector_f64(a, P), u = ntk_vector_f64(a, ROWS), out_v = ntk_vector_f64(b, ROWS), out_u = ntk_vector_f64(b, P);
    ntk_array out = ntk_matrix_f64(rows, ROWS, P);
    ntk_jacobian *j;
    ntk_status status = ntk_jacobian_from_callbacks(ctx, &f, &j);
    if (status == NTK_OK) status = ntk_jacobian_apply(ctx, j, &v, &out_v);
    if (status == NTK_OK) status = ntk_jacobian_apply_transposed(ctx, j, &u, &out_u);
    if (status == NTK_OK) status = ntk_jacobian_get_rows(ctx, j, 0, &out);
    ntk_jacobian_destroy(j);
    return status;
}

static source healthy(void)
{
    source s = {.fail_at = 0};
    kit_random(1, ROWS * P, s.m);
    return s;
}

/* Every call of every set of functions fails in turn: its code is in the sentence, and nothing is left. */
static void failures_are_passed_on(void **state)
{
    ntk_context *ctx = *state;
    for (int set = 1; set < 8; ++set) {
        source s = healthy();
        int calls;
        kit_ok(ctx, ask(ctx, &s, set & 1, set & 2, set & 4));
        calls = s.calls[0] + s.calls[1] + s.calls[2];
        assert_true(calls >= 3);
        for (int at = 1; at <= calls; ++at) {
            s = healthy();
            s.fail_at = at;
            kit_fails(ctx, ask(ctx, &s, set & 1, set & 2, set & 4), NTK_ERROR_CALLBACK, "returned 7");
        }
    }
}

static void lies_are_found(void **state)
{
    ntk_context *ctx = *state;
    static const struct {
        source wrong;
        const char *words[3]; /* of jvp, vjp, get_rows */
    } cases[] = {
        {{.forget = 1}, {"jvp left out[11] of 12 numbers unwritten", "vjp left out[30] of 31 numbers", "get_rows left out[371] of 372 numbers"}},
        {{.forget = 10}, {"jvp left out[2] of 12 numbers", "vjp left out[21] of 31 numbers", "get_rows left out[362] of 372 numbers"}},
        {{.beyond = 1}, {"jvp wrote outside of its 12 numbers", "vjp wrote outside of its 31 numbers", "get_rows wrote outside of its 372 numbers"}},
        {{.beyond = 64}, {"jvp wrote outside of its 12 numbers", "vjp wrote outside of its 31 numbers", "get_rows wrote outside of its 372 numbers"}},
        {{.before = 1}, {"jvp wrote outside of its 12 numbers", "vjp wrote outside of its 31 numbers", "get_rows wrote outside of its 372 numbers"}},
        {{.poison = NAN}, {"jvp gave out[11] = ", "vjp gave out[30] = ", "get_rows gave out[371] = "}},
        {{.poison = -INFINITY}, {"jvp gave out[11] = -inf, which is not finite", "vjp gave out[30] = -inf", "get_rows gave out[371] = -inf"}}};
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(cases); ++k)
        for (int which = 0; which < 3; ++which) {
            source s = cases[k].wrong;
            kit_random(1, ROWS * P, s.m);
            kit_fails(ctx, ask(ctx, &s, which == 0, which == 1, which == 2), NTK_ERROR_CALLBACK, cases[k].words[which]);
        }
}

/* Two functions that are not of one matrix. */
static int other_vjp(void *user, int64_t rows, const double *u, int64_t columns, double *out)
{
    source *s = user;
    (void)u;
    (void)rows;
    memcpy(out, s->m, (size_t)columns * sizeof *out);
    return 0;
}

static void a_wrong_transpose_shows(void **state)
{
    ntk_context *ctx = *state;
    source s = healthy();
    ntk_jacobian_functions f = functions_of(&s, true, false, false);
    ntk_jacobian *j;
    double error;
    f.vjp = other_vjp;
    kit_ok(ctx, ntk_jacobian_from_callbacks(ctx, &f, &j));
    kit_ok(ctx, ntk_jacobian_adjoint_error(ctx, j, 1, &error));
    assert_true(error > 1e-3);
    kit_fails(ctx, ntk_jacobian_adjoint_error(ctx, j, 1, NULL), NTK_ERROR_NULL, "error is NULL");
    ntk_jacobian_destroy(j);
    memset(s.m, 0, sizeof s.m); /* J = 0: no error, and no NaN */
    kit_ok(ctx, ntk_jacobian_from_callbacks(ctx, &f, &j));
    kit_ok(ctx, ntk_jacobian_adjoint_error(ctx, j, 1, &error));
    assert_true(error == 0);
    ntk_jacobian_destroy(j);
}

static int nothing(void *user, int64_t first, int64_t count, int64_t columns, double *out)
{
    (void)user;
    (void)out;
    assert_true(first == 0 && count * columns == 0);
    return 0;
}

static void empty(void **state)
{
    ntk_context *ctx = *state;
    double three[3];
    ntk_array none = ntk_vector_f64(NULL, 0), out = ntk_vector_f64(three, 3), rows = ntk_matrix_f64(NULL, 3, 0);
    ntk_jacobian *j;
    kit_random(1, 3, three);
    kit_ok(ctx, ntk_jacobian_from_callbacks(ctx, &(ntk_jacobian_functions){NTK_JACOBIAN_FUNCTIONS_INIT, 0, 3, 1, NULL, NULL, NULL, nothing}, &j));
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &none, &out));
    kit_close(3, three, (double[3]){0}, 0);
    ntk_jacobian_destroy(j);
    kit_random(1, 3, three);
    kit_ok(ctx, ntk_jacobian_from_callbacks(ctx, &(ntk_jacobian_functions){NTK_JACOBIAN_FUNCTIONS_INIT, 3, 0, 1, NULL, NULL, NULL, nothing}, &j));
    kit_ok(ctx, ntk_jacobian_apply(ctx, j, &none, &out));
    kit_close(3, three, (double[3]){0}, 0);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &rows));
    ntk_jacobian_destroy(j);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    source s = healthy();
    ntk_jacobian_functions f = functions_of(&s, true, true, true), none = functions_of(&s, false, false, false), wrong = f;
    ntk_jacobian *j = (ntk_jacobian *)1;
    kit_fails(ctx, ntk_jacobian_from_callbacks(ctx, NULL, &j), NTK_ERROR_NULL, "functions is NULL");
    assert_null(j);
    kit_fails(ctx, ntk_jacobian_from_callbacks(ctx, &none, &j), NTK_ERROR_NULL, "none of jvp, vjp and get_rows");
    wrong.rows = -1;
    kit_fails(ctx, ntk_jacobian_from_callbacks(ctx, &wrong, &j), NTK_ERROR_ARGUMENT, "-1 rows and 31 columns");
    wrong.rows = INT64_MAX / 3 * 3; /* more than any memory: known when it is asked for */
    kit_ok(ctx, ntk_jacobian_from_callbacks(ctx, &wrong, &j));
    assert_int_not_equal(ntk_jacobian_adjoint_error(ctx, j, 1, s.m), NTK_OK);
    ntk_jacobian_destroy(j);
    wrong = f;
    wrong.columns = -2;
    kit_fails(ctx, ntk_jacobian_from_callbacks(ctx, &wrong, &j), NTK_ERROR_ARGUMENT, "12 rows and -2 columns");
    wrong = f;
    wrong.outputs = -1;
    kit_fails(ctx, ntk_jacobian_from_callbacks(ctx, &wrong, &j), NTK_ERROR_ARGUMENT, "outputs is -1");
    wrong.outputs = 5;
    kit_fails(ctx, ntk_jacobian_from_callbacks(ctx, &wrong, &j), NTK_ERROR_SHAPE, "12 rows; expected a multiple of the 5 outputs");
    wrong.outputs = 0;
    kit_ok(ctx, ntk_jacobian_from_callbacks(ctx, &wrong, &j));
    assert_int_equal(ntk_jacobian_outputs(j), 1);
    ntk_jacobian_destroy(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(any_function_suffices), kit_test(everything_after_j), kit_test(failures_are_passed_on), kit_test(lies_are_found),
                                       kit_test(a_wrong_transpose_shows), kit_test(empty), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
