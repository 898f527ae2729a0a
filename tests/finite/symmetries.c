/*
 * What a finite network does not see, at any width: the order of its hidden units, channels and heads, of the numbers within a key or value; of a circular CNN with
 * a global mean, where its inputs begin; of attention without embeddings, the order of positions.  Outputs and Theta = J Jᵀ agree to 1e-13.
 */
#include "cases.h"

#define HEAD(shape) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": " shape ", \"layers\": ["

enum { N = 3, O = 2, ROWS = N * O, MOST = 100 };

static const int64_t widths[] = {1, 2, 7, 33, MOST};

/* A network with the widths in the place of %d. */
static finite_case open_with(ntk_context *ctx, const char *format, int64_t first, int64_t second)
{
    char json[1024];
    assert_true(snprintf(json, sizeof json, format, (int)first, (int)second) < (int)sizeof json);
    return case_open(ctx, json, N);
}

/* Theta by loops over J, and by the kernel of the library with its algorithm of choice. */
static void evaluate(ntk_context *ctx, const finite_case *c, double *f, double *loops, double *kernel)
{
    ntk_array theta = ntk_vector_f64(c->theta, c->p), out = ntk_matrix_f64(kernel, ROWS, ROWS);
    double *j = case_jacobian(ctx, c);
    ntk_kernel *k;
    assert_int_equal(c->o, O);
    kit_ok(ctx, ntk_finite_forward(ctx, c->network, N, c->theta, c->x, f));
    for (int64_t a = 0; a < ROWS; ++a)
        for (int64_t b = 0; b < ROWS; ++b) {
            loops[a * ROWS + b] = 0;
            for (int64_t i = 0; i < c->p; ++i) loops[a * ROWS + b] += j[a * c->p + i] * j[b * c->p + i];
        }
    kit_ok(ctx, ntk_kernel_empirical(ctx, c->network, &theta, NULL, NULL, &k));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &c->x_array, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    ntk_kernel_destroy(k);
    free(j);
}

static void check_same(ntk_context *ctx, finite_case *a, finite_case *b)
{
    double f[2][ROWS], loops[2][ROWS * ROWS], kernel[2][ROWS * ROWS];
    evaluate(ctx, a, f[0], loops[0], kernel[0]);
    evaluate(ctx, b, f[1], loops[1], kernel[1]);
    kit_close(ROWS, f[0], f[1], 1e-13);
    kit_close(ROWS * ROWS, loops[0], loops[1], 1e-13);
    kit_close(ROWS * ROWS, kernel[0], kernel[1], 1e-13);
    kit_close(ROWS * ROWS, kernel[0], loops[0], 1e-12);
    case_close(a);
    case_close(b);
}

/* A random order of 0 ... count - 1. */
static void draw_order(uint64_t seed, int64_t count, int64_t *order)
{
    double number;
    for (int64_t i = 0; i < count; ++i) order[i] = i;
    for (int64_t i = count - 1; i > 0; --i) {
        int64_t other, t = order[i];
        kit_random(seed * 1000 + (uint64_t)i, 1, &number);
        other = (int64_t)((number + 1) / 2 * (double)(i + 1)) % (i + 1);
        order[i] = order[other];
        order[other] = t;
    }
}

/* An axis of theta in another order: to[block][i][inner] = from[block][order[i]][inner]; both move on. */
static void permute(const double **from, double **to, int64_t blocks, int64_t count, int64_t inner, const int64_t *order)
{
    for (int64_t b = 0; b < blocks; ++b)
        for (int64_t i = 0; i < count; ++i)
            memcpy(*to + (b * count + i) * inner, *from + (b * count + order[i]) * inner, (size_t)inner * sizeof **to);
    *from += blocks * count * inner;
    *to += blocks * count * inner;
}

/* Rows in one order and columns in another: a weight between two permuted layers. */
static void permute_both(const double **from, double **to, int64_t rows, const int64_t *row_order, int64_t middle, int64_t columns, const int64_t *order)
{
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t m = 0; m < middle; ++m)
            for (int64_t c = 0; c < columns; ++c) (*to)[(r * middle + m) * columns + c] = (*from)[(row_order[r] * middle + m) * columns + order[c]];
    *from += rows * middle * columns;
    *to += rows * middle * columns;
}

#define DENSE HEAD("[4]") "{\"op\": \"dense\", \"units\": %d, \"w_std\": 1.5, \"b_std\": 0.1}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": %d, \"b_std\": 0.3}," \
    "{\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 2}]}"

static void permuted_units(void **state)
{
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(widths); ++i) {
        int64_t first = widths[i], second = widths[NTK_ARRAY_LENGTH(widths) - 1 - i], order[2][MOST];
        finite_case a = open_with(*state, DENSE, first, second), b = open_with(*state, DENSE, first, second);
        const double *from = a.theta;
        double *to = b.theta;
        draw_order(i, first, order[0]);
        draw_order(i + 50, second, order[1]);
        permute(&from, &to, 1, first, 4, order[0]);
        permute(&from, &to, 1, first, 1, order[0]);
        permute_both(&from, &to, second, order[1], 1, first, order[0]);
        permute(&from, &to, 1, second, 1, order[1]);
        permute(&from, &to, 2, second, 1, order[1]);
        assert_true(to == b.theta + b.p);
        check_same(*state, &a, &b);
    }
}

#define CIRCULAR HEAD("[4, 5, 2]") "{\"op\": \"conv\", \"units\": %d, \"kernel\": 3, \"padding\": \"circular\", \"w_std\": 1.5, \"b_std\": 0.1}, {\"op\": \"relu\"}," \
    "{\"op\": \"conv\", \"units\": %d, \"kernel\": [2, 3], \"padding\": \"circular\", \"w_std\": 1.5}, {\"op\": \"relu\"}, {\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 2}]}"

static void permuted_channels(void **state)
{
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(widths); ++i) {
        int64_t first = widths[i], second = widths[NTK_ARRAY_LENGTH(widths) - 1 - i], order[2][MOST];
        finite_case a = open_with(*state, CIRCULAR, first, second), b = open_with(*state, CIRCULAR, first, second);
        const double *from = a.theta;
        double *to = b.theta;
        draw_order(i, first, order[0]);
        draw_order(i + 50, second, order[1]);
        permute(&from, &to, 1, first, 18, order[0]);
        permute(&from, &to, 1, first, 1, order[0]);
        permute_both(&from, &to, second, order[1], 6, first, order[0]);
        permute(&from, &to, 2, second, 1, order[1]);
        assert_true(to == b.theta + b.p);
        check_same(*state, &a, &b);
    }
}

/* Each sample by a shift of its own. */
static void shifted_inputs(void **state)
{
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(widths); ++i) {
        finite_case a = open_with(*state, CIRCULAR, widths[i], 4), b = open_with(*state, CIRCULAR, widths[i], 4);
        for (int64_t k = 0; k < N * 40; ++k) {
            int64_t sample = k / 40, y = k % 40 / 10, x = k % 10 / 2, channel = k % 2;
            b.x[sample * 40 + (y + sample) % 4 * 10 + (x + 2 * sample + 1) % 5 * 2 + channel] = a.x[k];
        }
        check_same(*state, &a, &b);
    }
}

/* ---- attention ------------------------------------------------------------------------------------------------------- */

enum { T = 5, C = 3, KEY = 4, VALUE = 3 };
#define ATTENTION(keys) HEAD("[5, 3]") "{\"op\": \"attention\", \"heads\": %d, \"dim_key\": 4, \"dim_value\": 3, \"units\": %d, \"q_std\": 2.5, \"k_std\": 2.1, \"b_std\": 0.2, " keys "}," \
    "{\"op\": \"erf\"}, {\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 2}]}"

/* By kind: with queries of its own, and without. */
static const char *const attention[] = {ATTENTION("\"linear_scaling\": false"), ATTENTION("\"mechanism\": \"relu\"")};

/* Positions of each sample in an order of its own: keys, queries and values with them. */
static void permuted_positions(void **state)
{
    for (int kind = 0; kind < 2; ++kind)
        for (int64_t heads = 1; heads < 4; ++heads) {
            finite_case a = open_with(*state, attention[kind], heads, 4), b = open_with(*state, attention[kind], heads, 4);
            for (int64_t i = 0; i < N; ++i) {
                const double *from = a.x + i * T * C;
                double *to = b.x + i * T * C;
                int64_t order[T];
                draw_order((uint64_t)i, T, order);
                permute(&from, &to, 1, T, C, order);
            }
            check_same(*state, &a, &b);
        }
}

/* Heads in another order, and, in every head, the numbers of keys (with those of queries) and of values. */
static void permuted_heads(void **state)
{
    for (int kind = 0; kind < 2; ++kind)
        for (int64_t heads = 1; heads < 6; heads += 2) {
            finite_case a = open_with(*state, attention[kind], heads, 6), b = open_with(*state, attention[kind], heads, 6);
            int64_t order[MOST], keys[MOST], values[MOST], within[MOST];
            const double *from = a.theta;
            double *to = b.theta;
            draw_order((uint64_t)heads, heads, order);
            for (int64_t h = 0; h < heads; ++h) {
                draw_order(7 + (uint64_t)h, KEY, within);
                for (int64_t k = 0; k < KEY; ++k) keys[h * KEY + k] = order[h] * KEY + within[k];
                draw_order(17 + (uint64_t)h, VALUE, within);
                for (int64_t k = 0; k < VALUE; ++k) values[h * VALUE + k] = order[h] * VALUE + within[k];
            }
            if (kind == 0) permute(&from, &to, 1, heads * KEY, C, keys);
            permute(&from, &to, 1, heads * KEY, C, keys);
            permute(&from, &to, 1, heads * VALUE, C, values);
            permute(&from, &to, 6, heads * VALUE, 1, values);
            assert_true(to < b.theta + b.p);
            check_same(*state, &a, &b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(permuted_units), kit_test(permuted_channels), kit_test(shifted_inputs), kit_test(permuted_positions),
                                       kit_test(permuted_heads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
