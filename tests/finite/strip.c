/* Strips of J: together they are the columns that learn, each once; their numbers are those of the rows of J. */
#include "cases.h"

/* Every op with parameters, frozen and rated layers, branches, a repeat: positions and none. */
static const char *const networks[] = {
    CASE_JSON("erf"),
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [5, 4, 2], \"layers\": ["
    "{\"op\": \"conv\", \"units\": 3, \"kernel\": [3, 2], \"padding\": \"same\", \"b_std\": 0.3}, {\"op\": \"erf\"},"
    "{\"op\": \"conv_local\", \"units\": 2, \"kernel\": [2, 2], \"padding\": \"valid\", \"b_std\": 0.2, \"lr\": 0.25}, {\"op\": \"relu\"},"
    "{\"op\": \"conv_transpose\", \"units\": 2, \"kernel\": [2, 2], \"strides\": [2, 1], \"padding\": \"same\", \"b_std\": 0.4, \"train\": false}, {\"op\": \"erf\"},"
    "{\"op\": \"dense\", \"units\": 3, \"b_std\": 0.1}, {\"op\": \"avg_pool\", \"window\": [2, 1], \"strides\": [2, 1]}, {\"op\": \"layer_norm\"},"
    "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], [{\"op\": \"conv\", \"units\": 3, \"kernel\": [1, 3], \"padding\": \"same\"}, {\"op\": \"erf\"}]]},"
    "{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}",
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], \"layers\": [{\"op\": \"conv\", \"units\": 2, \"kernel\": [2], \"padding\": \"same\"},"
    "{\"op\": \"attention\", \"units\": 2, \"heads\": 2, \"dim_key\": 2, \"dim_value\": 3, \"b_std\": 0.3}, {\"op\": \"erf\"},"
    "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}",
    /* layers beside one another: the strip of one does not want what goes back through the other */
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 4},"
    "{\"op\": \"branch\", \"merge\": \"concat\", \"branches\": [[{\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 2}], [{\"op\": \"gelu\"}, {\"op\": \"layer_norm\"}],"
    " [{\"op\": \"dense\", \"units\": 3}, {\"op\": \"sin\"}]]}, {\"op\": \"dense\", \"units\": 2}]}"};

enum { N = 3 };

typedef struct problem {
    ntk_network *network;
    ntk_optimizer *optimizer;
    int64_t p, rows;
    double *theta, *x, *j; /* j [rows, p] = J D^-1/2 */
} problem;

static void open_problem(ntk_context *ctx, const char *json, bool with_d, problem *w)
{
    int64_t shape[NTK_MAX_NDIM + 1] = {N};
    int ndim;
    ntk_array theta, x, out, d;
    ntk_jacobian *j;
    double *diagonal;
    w->network = kit_network(ctx, json);
    w->optimizer = NULL;
    w->p = ntk_network_parameters(w->network);
    w->rows = N * ntk_network_outputs(w->network);
    ndim = ntk_network_input(w->network, shape + 1);
    w->theta = case_numbers(1, w->p);
    w->x = case_numbers(2, N * ntk_network_input_size(w->network));
    w->j = case_numbers(3, w->rows * w->p);
    diagonal = case_numbers(4, w->p);
    for (int64_t i = 0; i < w->p; ++i) diagonal[i] = 0.5 + diagonal[i] * diagonal[i];
    theta = ntk_vector_f64(w->theta, w->p);
    x = ntk_array_dense(w->x, NTK_F64, ndim + 1, shape);
    out = ntk_matrix_f64(w->j, w->rows, w->p);
    d = ntk_vector_f64(diagonal, w->p);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w->network, &theta, &x, &j));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &out));
    ntk_jacobian_destroy(j);
    if (with_d) kit_ok(ctx, ntk_optimizer_diagonal(ctx, &d, &w->optimizer));
    for (int64_t i = 0; with_d && i < w->rows * w->p; ++i) w->j[i] /= sqrt(diagonal[i % w->p]);
    free(diagonal);
}

static void close_problem(problem *w)
{
    ntk_optimizer_destroy(w->optimizer);
    ntk_network_destroy(w->network);
    free(w->j);
    free(w->x);
    free(w->theta);
}

/* Widest row of weights of the step at a column, and its first column. */
static const ntk_step *step_at(const ntk_network *network, int64_t column)
{
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric >= 0 && column >= s->offset && column < s->offset + s->n_parameters) return s;
    }
    fail();
    return NULL;
}

/* The same numbers by products of other shapes: sums of at most 20 positions, 1e-14 of the largest. */
static void check_strip(ntk_context *ctx, const problem *w, const ntk_strip *strip)
{
    double *got = case_numbers(5, w->rows * strip->columns), *want = case_numbers(6, w->rows * strip->columns);
    kit_ok(ctx, ntk_strip_rows(ctx, w->network, w->optimizer, w->theta, N, w->x, strip, got));
    for (int64_t r = 0; r < w->rows; ++r)
        for (int64_t c = 0; c < strip->columns; ++c) want[r * strip->columns + c] = w->j[r * w->p + strip->column + c];
    kit_close(w->rows * strip->columns, got, want, 1e-14);
    free(want);
    free(got);
}

static void strips_are_the_columns_that_learn(void **state)
{
    ntk_context *ctx = *state;
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(networks); ++k) {
        problem w;
        open_problem(ctx, networks[k], k == 0, &w);
        for (int64_t most = 1; most <= w.p + 1; most += most < 12 ? 1 : 17)
            for (int single = 0; single < 2; ++single) {
                ntk_strip strip = {w.p, 0, NULL};
                int64_t end = w.p;
                while (ntk_strip_next(w.network, most, single, &strip)) {
                    const ntk_step *s = step_at(w.network, strip.column);
                    for (int64_t c = strip.column + strip.columns; c < end; ++c) assert_true(step_at(w.network, c)->rate == 0);
                    assert_true(strip.columns >= 1 && strip.column + strip.columns <= end);
                    assert_true(strip.columns <= NTK_MAX(most, s->fan_in));
                    if (single) assert_ptr_equal(s, step_at(w.network, strip.column + strip.columns - 1));
                    check_strip(ctx, &w, &strip);
                    end = strip.column;
                }
                for (int64_t c = 0; c < end; ++c) assert_true(step_at(w.network, c)->rate == 0);
            }
        close_problem(&w);
    }
}

/* A layer that fits is not split, since a strip pays for the layers behind it again. */
static void layers_stay_whole(void **state)
{
    ntk_context *ctx = *state;
    static const int64_t most[] = {147, 100, 30, 25}, want[][4] = {{12, 75}, {12, 75}, {12, 25, 30, 20}, {12, 25, 25, 25}};
    ntk_network *net = kit_network(ctx, CASE_JSON("erf")); /* 20 | 30 25 | 30 30 frozen | 12 */
    for (int i = 0; i < 4; ++i) {
        ntk_strip strip = {CASE_P, 0, NULL};
        int64_t total = 0;
        for (int k = 0; ntk_strip_next(net, most[i], false, &strip); ++k) {
            assert_true(k < 4);
            assert_int_equal(strip.columns, want[i][k]);
            total += strip.columns;
        }
        assert_int_equal(total, 87);
    }
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(strips_are_the_columns_that_learn), kit_test(layers_stay_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
