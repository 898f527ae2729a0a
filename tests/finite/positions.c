/*
 * The ops over positions at finite width.
 *
 *   values        against loops in long double straight from network-format.md, which know neither columns nor windows
 *   derivatives   J v by central differences (1e-6), <u, J v> = <Jᵀ u, v> (1e-13), rows of J against single backward passes
 *   symmetry      permuted hidden channels, shifted inputs of a circular network
 */
#include "cases.h"
#include "ops.h"

/* ---- the naive reading of one layer ---------------------------------------------------------------------------- */

enum { VALID, SAME, CIRCULAR };
enum { CONV, LOCAL, TRANSPOSE, AVG, AVG_EDGES, SUM, MAX };

typedef struct layer_case {
    const char *json;
    int op, ndim;
    int64_t in[3], c, k[3], s[3], m[3];
    int padding;
    int64_t units; /* 0: no parameters */
} layer_case;

/* Sizes of one axis, and the input that output o reads at tap t; -1: none, -2: another round. */
static int64_t size_of(const layer_case *l, int a)
{
    int64_t n = l->in[a], k = l->m[a] * (l->k[a] - 1) + 1, s = l->s[a];
    if (l->op == TRANSPOSE) return l->padding == VALID ? n * s + (k > s ? k - s : 0) : n * s;
    return l->padding == VALID ? (n - k) / s + 1 : (n + s - 1) / s;
}

static int64_t read_of(const layer_case *l, int a, int64_t o, int64_t t)
{
    int64_t n = l->in[a], k = l->m[a] * (l->k[a] - 1) + 1, s = l->s[a], out = size_of(l, a), low = 0, at;
    if (l->op == TRANSPOSE) {
        low = l->padding != SAME || s > k - 1 ? k - 1 : (k + s - 1) / 2;
        if (l->padding == CIRCULAR) { /* all positions of the valid result that fold onto o */
            for (int64_t i = 0; i < n; ++i)
                if (((i * s + k - 1 - t) - (k > s ? (k - s) / 2 : 0) - o) % out == 0) return i;
            return -1;
        }
        at = o + t - low;
        return at >= 0 && at % s == 0 && at / s < n ? at / s : -1;
    }
    if (l->padding != VALID && (out - 1) * s + k > n) low = ((out - 1) * s + k - n) / 2;
    at = o * s + l->m[a] * t - low;
    if (l->padding == CIRCULAR) return (at + 100 * n) % n;
    return at >= 0 && at < n ? at : -1;
}

/* Flat input position for flat output position and tap; -1: none. */
static int64_t read_flat(const layer_case *l, int64_t o, int64_t t)
{
    int64_t position[3], at = 0;
    for (int a = l->ndim - 1; a >= 0; --a) {
        position[a] = read_of(l, a, o % size_of(l, a), t % l->k[a]);
        o /= size_of(l, a);
        t /= l->k[a];
    }
    for (int a = 0; a < l->ndim; ++a) {
        if (position[a] < 0) return -1;
        at = at * l->in[a] + position[a];
    }
    return at;
}

/* One number of the output of one sample. */
static double naive(const layer_case *l, int64_t positions, int64_t taps, const double *theta, const double *x, int64_t o, int64_t i)
{
    bool pool = l->units == 0;
    int64_t c = l->c, units = l->units, fan_in = taps * c, copy = l->op == LOCAL ? o : 0, inside = 0;
    long double z = pool ? 0 : 0.25L * theta[(l->op == LOCAL ? positions : 1) * units * fan_in + copy * units + i], best = -INFINITY;
    for (int64_t t = 0; t < taps; ++t) {
        int64_t at = read_flat(l, o, t);
        if (at < 0) continue;
        ++inside;
        if (pool) {
            z += x[at * c + i];
            best = fmaxl(best, x[at * c + i]);
            continue;
        }
        for (int64_t k = 0; k < c; ++k) z += 1.5L / sqrtl((long double)fan_in) * theta[(copy * units + i) * fan_in + t * c + k] * x[at * c + k];
    }
    if (l->op == MAX) return (double)best;
    return (double)(l->op == AVG ? z / (long double)taps : l->op == AVG_EDGES ? z / (long double)inside : z);
}

#define PARAMETRIC "\"units\": 3, \"w_std\": 1.5, \"b_std\": 0.25, "
static const layer_case layers[] = {
    {HEAD("[7, 2]") "{\"op\": \"conv\", " PARAMETRIC "\"kernel\": 3}]}", CONV, 1, {7}, 2, {3}, {1}, {1}, VALID, 3},
    {HEAD("[7, 2]") "{\"op\": \"conv\", " PARAMETRIC "\"kernel\": 3, \"dilation\": 2, \"strides\": 2}]}", CONV, 1, {7}, 2, {3}, {2}, {2}, VALID, 3},
    {HEAD("[7, 2]") "{\"op\": \"conv\", " PARAMETRIC "\"kernel\": 4, \"dilation\": 3, \"padding\": \"same\"}]}", CONV, 1, {7}, 2, {4}, {1}, {3}, SAME, 3},
    {HEAD("[5, 4, 2]") "{\"op\": \"conv\", " PARAMETRIC "\"kernel\": [3, 2], \"strides\": [2, 1], \"padding\": \"same\"}]}", CONV, 2, {5, 4}, 2, {3, 2}, {2, 1}, {1, 1}, SAME, 3},
    {HEAD("[5, 4, 2]") "{\"op\": \"conv\", " PARAMETRIC "\"kernel\": [2, 6], \"strides\": [1, 3], \"padding\": \"circular\"}]}", CONV, 2, {5, 4}, 2, {2, 6}, {1, 3}, {1, 1}, CIRCULAR, 3},
    {HEAD("[3, 4, 3, 2]") "{\"op\": \"conv\", " PARAMETRIC "\"kernel\": [2, 3, 1], \"strides\": [1, 2, 1], \"padding\": \"same\"}]}", CONV, 3, {3, 4, 3}, 2, {2, 3, 1}, {1, 2, 1}, {1, 1, 1}, SAME, 3},
    {HEAD("[5, 4, 2]") "{\"op\": \"conv_local\", " PARAMETRIC "\"kernel\": [2, 3], \"strides\": [2, 1], \"padding\": \"same\"}]}", LOCAL, 2, {5, 4}, 2, {2, 3}, {2, 1}, {1, 1}, SAME, 3},
    {HEAD("[6, 1]") "{\"op\": \"conv_local\", " PARAMETRIC "\"kernel\": 2, \"dilation\": 2}]}", LOCAL, 1, {6}, 1, {2}, {1}, {2}, VALID, 3},
    {HEAD("[4, 2]") "{\"op\": \"conv_transpose\", " PARAMETRIC "\"kernel\": 3, \"strides\": 2}]}", TRANSPOSE, 1, {4}, 2, {3}, {2}, {1}, VALID, 3},
    {HEAD("[4, 3, 2]") "{\"op\": \"conv_transpose\", " PARAMETRIC "\"kernel\": [3, 2], \"strides\": [2, 3], \"padding\": \"same\"}]}", TRANSPOSE, 2, {4, 3}, 2, {3, 2}, {2, 3}, {1, 1}, SAME, 3},
    {HEAD("[4, 3, 2]") "{\"op\": \"conv_transpose\", " PARAMETRIC "\"kernel\": [3, 5], \"strides\": [1, 2], \"padding\": \"circular\"}]}", TRANSPOSE, 2, {4, 3}, 2, {3, 5}, {1, 2}, {1, 1}, CIRCULAR, 3},
    {HEAD("[5, 4, 2]") "{\"op\": \"avg_pool\", \"window\": [3, 2], \"strides\": 2, \"padding\": \"same\"}]}", AVG, 2, {5, 4}, 2, {3, 2}, {2, 2}, {1, 1}, SAME, 0},
    {HEAD("[5, 4, 2]") "{\"op\": \"avg_pool\", \"window\": [3, 2], \"padding\": \"same\", \"normalize_edges\": true}]}", AVG_EDGES, 2, {5, 4}, 2, {3, 2}, {1, 1}, {1, 1}, SAME, 0},
    {HEAD("[5, 2]") "{\"op\": \"sum_pool\", \"window\": 3, \"padding\": \"circular\"}]}", SUM, 1, {5}, 2, {3}, {1}, {1}, CIRCULAR, 0},
    {HEAD("[5, 4, 2]") "{\"op\": \"max_pool\", \"window\": [3, 2], \"strides\": [2, 1], \"padding\": \"same\"}]}", MAX, 2, {5, 4}, 2, {3, 2}, {2, 1}, {1, 1}, SAME, 0},
};

static void values(void **state)
{
    enum { N = 3 };
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(layers); ++i) {
        const layer_case *l = &layers[i];
        finite_case c = case_open(ctx, l->json, N);
        int64_t positions = 1, taps = 1, out = l->units ? l->units : l->c, d = ntk_network_input_size(c.network);
        double *f = case_numbers(0, N * c.o);
        for (int a = 0; a < l->ndim; ++a) {
            positions *= size_of(l, a);
            taps *= l->k[a];
        }
        assert_int_equal(c.o, positions * out);
        for (int64_t r = 0; r < N * d; ++r) c.x[r] -= 2; /* below zero, so that a padding that won would show */
        kit_ok(ctx, ntk_finite_forward(ctx, c.network, N, c.theta, c.x, f));
        for (int64_t r = 0; r < N * c.o; ++r)
            kit_near(f[r], naive(l, positions, taps, c.theta, c.x + r / c.o * d, r % c.o / out, r % out), 1e-14);
        free(f);
        case_close(&c);
    }
}

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

/* |a - b| in units of the sum of the |terms| of both: what rounding is measured by. */
static void check_adjoint(const finite_case *c, const double *u, const double *ju, const double *v, const double *g)
{
    long double left = 0, right = 0, size = 0;
    for (int64_t i = 0; i < c->n * c->o; ++i) {
        left += (long double)u[i] * ju[i];
        size += fabsl((long double)u[i] * ju[i]);
    }
    for (int64_t i = 0; i < c->p; ++i) {
        right += (long double)g[i] * v[i];
        size += fabsl((long double)g[i] * v[i]);
    }
    kit_near((double)((left - right) / size), 0, 1e-13);
}

/* (f(theta + h v) - f(theta - h v))/2h: truncation h² = 1e-10, rounding 1e-16/h = 1e-11. */
static void check_differences(ntk_context *ctx, const finite_case *c, const double *v, const double *df)
{
    const double h = 1e-5;
    double *theta = case_numbers(0, c->p), *plus = case_numbers(0, c->n * c->o), *minus = case_numbers(0, c->n * c->o);
    for (int64_t i = 0; i < c->p; ++i) theta[i] = c->theta[i] + h * v[i];
    kit_ok(ctx, ntk_finite_forward(ctx, c->network, c->n, theta, c->x, plus));
    for (int64_t i = 0; i < c->p; ++i) theta[i] = c->theta[i] - h * v[i];
    kit_ok(ctx, ntk_finite_forward(ctx, c->network, c->n, theta, c->x, minus));
    for (int64_t i = 0; i < c->n * c->o; ++i) plus[i] = (plus[i] - minus[i]) / (2 * h);
    kit_close(c->n * c->o, df, plus, 1e-6);
    free(minus);
    free(plus);
    free(theta);
}

/* Rows of J in any block against one backward pass each. */
static void check_rows(ntk_context *ctx, const finite_case *c)
{
    int64_t rows = c->n * c->o;
    double *expected = case_jacobian(ctx, c), *got = case_numbers(3, rows * c->p);
    ntk_tape t;
    kit_ok(ctx, ntk_tape_open(ctx, c->network, c->n, c->theta, c->x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    kit_ok(ctx, ntk_tape_rows(&t, 0, rows, got));
    kit_close(rows * c->p, got, expected, 1e-13);
    kit_ok(ctx, ntk_tape_rows(&t, 1, rows - 2, got));
    kit_close((rows - 2) * c->p, got, expected + c->p, 1e-13);
    ntk_tape_close(&t);
    free(got);
    free(expected);
}

static void derivatives(void **state)
{
    ntk_context *ctx = *state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(networks); ++i) {
        finite_case c = case_open(ctx, networks[i], 3);
        double *v = case_numbers(21, c.p), *u = case_numbers(22, c.n * c.o), *df = case_numbers(0, c.n * c.o), *g = case_numbers(0, c.p);
        kit_ok(ctx, ntk_finite_jvp(ctx, c.network, c.n, c.theta, c.x, v, df));
        kit_ok(ctx, ntk_finite_vjp(ctx, c.network, c.n, c.theta, c.x, u, g));
        check_differences(ctx, &c, v, df);
        check_adjoint(&c, u, df, v, g);
        check_rows(ctx, &c);
        free(g);
        free(df);
        free(u);
        free(v);
        case_close(&c);
    }
}

/* More rows than one block of columns holds: fan_in 2000 * 9, so that a block is 29 rows of 64. */
static void blocks_of_columns(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, HEAD("[8, 8, 2000]") "{\"op\": \"conv\", \"units\": 1, \"kernel\": 3, \"padding\": \"same\", \"b_std\": 0.1}]}", 2);
    finite_case one = c;
    double *f = case_numbers(0, 128), *alone = case_numbers(0, 128), *v = case_numbers(5, c.p), *df = case_numbers(0, 128), *g = case_numbers(0, c.p);
    double *row = case_numbers(0, 128 * c.p);
    ntk_tape t;
    kit_ok(ctx, ntk_finite_forward(ctx, c.network, 2, c.theta, c.x, f));
    for (int64_t i = 0; i < 2; ++i) kit_ok(ctx, ntk_finite_forward(ctx, c.network, 1, c.theta, c.x + i * 128000, alone + i * 64));
    kit_close(128, f, alone, 1e-13);
    kit_ok(ctx, ntk_finite_jvp(ctx, c.network, 2, c.theta, c.x, v, df));
    kit_ok(ctx, ntk_finite_vjp(ctx, c.network, 2, c.theta, c.x, f, g));
    check_adjoint(&one, f, df, v, g);
    kit_ok(ctx, ntk_tape_open(ctx, c.network, 2, c.theta, c.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    kit_ok(ctx, ntk_tape_rows(&t, 0, 128, row));
    for (int64_t r = 0; r < 128; ++r) {
        double sum = 0;
        for (int64_t i = 0; i < c.p; ++i) sum += row[r * c.p + i] * v[i];
        kit_near(sum, df[r], 1e-11);
    }
    ntk_tape_close(&t);
    free(row);
    free(g);
    free(df);
    free(v);
    free(alone);
    free(f);
    case_close(&c);
}

/* Of several largest inputs the first in row-major order takes the gradient. */
static void ties_of_max_pool(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, HEAD("[2, 2, 1]") "{\"op\": \"conv_local\", \"units\": 1, \"kernel\": 1}, {\"op\": \"max_pool\", \"window\": 2}]}", 1);
    double g[4], one = 1, expected[4] = {0, 1, 0, 0};
    const double x[4] = {1, 3, 3, 3}, theta[4] = {1, 1, 1, 1};
    kit_ok(ctx, ntk_finite_vjp(ctx, c.network, 1, theta, x, &one, g));
    for (int i = 0; i < 4; ++i) kit_near(g[i], 3 * expected[i], 0);
    case_close(&c);
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

/* Every allocation refused in turn: MEMORY each time, in the end success. */
static void every_allocation_may_fail(void **state)
{
    ntk_context *ctx = *state, *failing;
    int64_t left = 100000;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = case_failing_allocate, .allocate_user = &left, .threads = 2};
    kit_ok(ctx, ntk_context_create(&options, &failing));
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(networks); ++i) {
        finite_case c = case_open(ctx, networks[i], 2);
        double *f = case_numbers(1, 2 * c.o), *g = case_numbers(2, c.p);
        ntk_status status[2] = {NTK_ERROR_MEMORY, NTK_ERROR_MEMORY};
        int64_t refused;
        for (refused = 0; status[0] || status[1]; ++refused) {
            left = refused;
            status[0] = ntk_finite_jvp(failing, c.network, 2, c.theta, c.x, c.theta, f);
            left = refused;
            status[1] = ntk_finite_vjp(failing, c.network, 2, c.theta, c.x, f, g);
            for (int k = 0; k < 2; ++k) assert_true(status[k] == NTK_OK || status[k] == NTK_ERROR_MEMORY);
        }
        assert_true(refused > 8);
        free(g);
        free(f);
        case_close(&c);
    }
    ntk_context_destroy(failing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(values), kit_test(derivatives), kit_test(blocks_of_columns), kit_test(ties_of_max_pool), kit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
