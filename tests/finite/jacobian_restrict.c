/* Chosen columns of J, by ranges and by layers. */
#include "cases.h"

enum { N = 3, ROWS = N * CASE_O };

typedef struct whole {
    ntk_jacobian *j;
    double theta[CASE_P], x[N * CASE_D], rows[ROWS * CASE_P];
} whole;

static void open_whole(ntk_context *ctx, whole *w)
{
    ntk_network *net = kit_network(ctx, CASE_JSON("erf"));
    ntk_array theta = ntk_vector_f64(w->theta, CASE_P), x = ntk_matrix_f64(w->x, N, CASE_D), rows = ntk_matrix_f64(w->rows, ROWS, CASE_P);
    kit_random(1, CASE_P, w->theta);
    kit_random(2, N * CASE_D, w->x);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, net, &theta, &x, &w->j));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, w->j, 0, &rows));
    ntk_network_destroy(net);
}

/* r is made of the columns `chosen` [count] of J: rows to the bit, products as loops. */
static void is_columns(ntk_context *ctx, const whole *w, const ntk_jacobian *r, int64_t count, const int64_t *chosen)
{
    double rows[ROWS * CASE_P], want[ROWS * CASE_P], v[CASE_P], u[ROWS], jv[ROWS] = {0}, ju[CASE_P] = {0}, got_v[ROWS], got_u[CASE_P];
    ntk_array out = ntk_matrix_f64(rows, ROWS, count), vv = ntk_vector_f64(v, count), uu = ntk_vector_f64(u, ROWS);
    ntk_array out_v = ntk_vector_f64(got_v, ROWS), out_u = ntk_vector_f64(got_u, count);
    assert_int_equal(ntk_jacobian_rows(r), ROWS);
    assert_int_equal(ntk_jacobian_outputs(r), CASE_O);
    assert_int_equal(ntk_jacobian_columns(r), count);
    kit_random(3, count, v);
    kit_random(4, ROWS, u);
    for (int64_t i = 0; i < ROWS; ++i)
        for (int64_t c = 0; c < count; ++c) {
            want[i * count + c] = w->rows[i * CASE_P + chosen[c]];
            jv[i] += want[i * count + c] * v[c];
            ju[c] += want[i * count + c] * u[i];
        }
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, r, 0, &out));
    kit_close(ROWS * count, rows, want, 0);
    kit_ok(ctx, ntk_jacobian_apply(ctx, r, &vv, &out_v));
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, r, &uu, &out_u));
    kit_close(ROWS, got_v, jv, 1e-14);
    kit_close(count, got_u, ju, 1e-14);
}

static int64_t spread(int64_t n, const ntk_range *ranges, int64_t *chosen)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = 0; c < ranges[i].count; ++c) chosen[count++] = ranges[i].first + c;
    return count;
}

static void ranges_are_columns(void **state)
{
    ntk_context *ctx = *state;
    static const ntk_range many[] = {{0, 1}, {3, 0}, {3, 4}, {7, 50}, {CASE_P - 2, 2}, {CASE_P, 0}}, twice[] = {{2, 40}};
    int64_t chosen[CASE_P], again[CASE_P], count;
    ntk_jacobian *r, *rr;
    whole w;
    open_whole(ctx, &w);
    kit_ok(ctx, ntk_jacobian_restrict(ctx, w.j, many, 6, &r));
    count = spread(6, many, chosen);
    is_columns(ctx, &w, r, count, chosen);
    kit_ok(ctx, ntk_jacobian_restrict(ctx, r, twice, 1, &rr)); /* columns of columns; r lives on in it */
    ntk_jacobian_destroy(r);
    for (int c = 0; c < 40; ++c) again[c] = chosen[c + 2];
    is_columns(ctx, &w, rr, 40, again);
    ntk_jacobian_destroy(rr);
    kit_ok(ctx, ntk_jacobian_restrict(ctx, w.j, many, 0, &r)); /* none: K = 0 */
    assert_int_equal(ntk_jacobian_columns(r), 0);
    ntk_jacobian_destroy(r);
    ntk_jacobian_destroy(w.j);
}

/* The layers of the case: 20 | 30 25 in a branch | 30 30 one layer, repeated | 12. */
static void layers_are_columns(void **state)
{
    ntk_context *ctx = *state;
    static const struct {
        const char *paths[2];
        int64_t count;
        ntk_range ranges[2];
    } cases[] = {{{"layers[0]"}, 1, {{0, 20}}},
                 {{"layers[2]"}, 1, {{20, 55}}},
                 {{"layers[2].branches[1][2]"}, 1, {{50, 25}}},
                 {{"layers[2].branches[1]", "layers[2].branches[1][2]"}, 2, {{20, 55}}},
                 {{"layers[3]"}, 1, {{75, 60}}},
                 {{"layers[3].layers[0]"}, 1, {{75, 60}}},
                 {{"layers[4]", "layers[0]"}, 2, {{0, 20}, {135, 12}}}};
    whole w;
    open_whole(ctx, &w);
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(cases); ++k) {
        int64_t chosen[CASE_P], count = spread(2, cases[k].ranges, chosen);
        ntk_jacobian *r;
        kit_ok(ctx, ntk_jacobian_restrict_layers(ctx, w.j, cases[k].paths, cases[k].count, &r));
        is_columns(ctx, &w, r, count, chosen);
        ntk_jacobian_destroy(r);
    }
    ntk_jacobian_destroy(w.j);
}

/* The kernels of the layers add up to that of all. */
static void kernels_add_up(void **state)
{
    ntk_context *ctx = *state;
    static const char *const parts[2][2] = {{"layers[0]", "layers[3]"}, {"layers[2]", "layers[4]"}};
    double k[3][ROWS * ROWS], sum[ROWS * ROWS];
    whole w;
    open_whole(ctx, &w);
    for (int i = 0; i < 3; ++i) {
        ntk_array out = ntk_matrix_f64(k[i], ROWS, ROWS);
        ntk_jacobian *r = NULL;
        ntk_gram *gram;
        if (i < 2) kit_ok(ctx, ntk_jacobian_restrict_layers(ctx, w.j, parts[i], 2, &r));
        kit_ok(ctx, ntk_gram_from_jacobian(ctx, i < 2 ? r : w.j, NULL, &gram));
        ntk_jacobian_destroy(r);
        kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &out));
        ntk_gram_destroy(gram);
    }
    for (int i = 0; i < ROWS * ROWS; ++i) sum[i] = k[0][i] + k[1][i];
    kit_close(ROWS * ROWS, k[2], sum, 1e-14);
    ntk_jacobian_destroy(w.j);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    static const ntk_range back[] = {{5, 3}, {7, 1}}, beyond[] = {{CASE_P, 1}}, wrap[] = {{1, INT64_MAX}}, negative[] = {{0, -1}}, good[] = {{0, 3}};
    static const char *const unknown[] = {"layers[0]", "layers[1]"}, *const holes[] = {"layers[0]", NULL}, *const prefix[] = {"layer"};
    ntk_jacobian *r = (ntk_jacobian *)1, *part;
    whole w;
    open_whole(ctx, &w);
    kit_fails(ctx, ntk_jacobian_restrict(ctx, w.j, back, 2, &r), NTK_ERROR_ARGUMENT, "ranges[1] has 1 columns from 7 on; expected them in [8, 147)");
    assert_null(r);
    kit_fails(ctx, ntk_jacobian_restrict(ctx, w.j, beyond, 1, &r), NTK_ERROR_ARGUMENT, "ranges[0] has 1 columns from 147 on");
    kit_fails(ctx, ntk_jacobian_restrict(ctx, w.j, wrap, 1, &r), NTK_ERROR_ARGUMENT, "ranges[0]");
    kit_fails(ctx, ntk_jacobian_restrict(ctx, w.j, negative, 1, &r), NTK_ERROR_ARGUMENT, "-1 columns");
    kit_fails(ctx, ntk_jacobian_restrict(ctx, w.j, good, -1, &r), NTK_ERROR_ARGUMENT, "count is -1");
    kit_fails(ctx, ntk_jacobian_restrict_layers(ctx, w.j, unknown, 2, &r), NTK_ERROR_ARGUMENT, "paths[1], \"layers[1]\", is no layer with parameters");
    kit_fails(ctx, ntk_jacobian_restrict_layers(ctx, w.j, prefix, 1, &r), NTK_ERROR_ARGUMENT, "paths[0]");
    kit_fails(ctx, ntk_jacobian_restrict_layers(ctx, w.j, holes, 2, &r), NTK_ERROR_NULL, "paths[1] is NULL");
    kit_fails(ctx, ntk_jacobian_restrict_layers(ctx, w.j, unknown, -1, &r), NTK_ERROR_ARGUMENT, "count is -1");
    kit_ok(ctx, ntk_jacobian_restrict(ctx, w.j, good, 1, &part));
    kit_fails(ctx, ntk_jacobian_restrict_layers(ctx, part, unknown, 1, &r), NTK_ERROR_ARGUMENT, "only that of a network has layers");
    ntk_jacobian_destroy(part);
    ntk_jacobian_destroy(w.j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(ranges_are_columns), kit_test(layers_are_columns), kit_test(kernels_add_up), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
