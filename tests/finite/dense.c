/* dense at several positions: the same map at each, one set of weights, so that gradients add up over positions. */
#include "cases.h"

enum { N = 3, POSITIONS = 4, IN = 3, HIDDEN = 5, OUT = 2, P = HIDDEN * IN + HIDDEN + OUT * HIDDEN + OUT };

#define LAYERS "\"layers\": [{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.5, \"b_std\": 0.1}, {\"op\": \"erf\"}," \
               "{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.4, \"parameterization\": \"standard\"}]}"
#define HEAD(shape) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": " shape ", "

typedef struct both {
    finite_case wide, flat; /* n samples of POSITIONS; n * POSITIONS samples */
} both;

static both open_both(ntk_context *ctx)
{
    both b = {case_open(ctx, HEAD("[4, 3]") LAYERS, N), case_open(ctx, HEAD("[3]") LAYERS, N * POSITIONS)};
    assert_int_equal(b.wide.p, P);
    return b;
}

static void close_both(both *b)
{
    case_close(&b->wide);
    case_close(&b->flat);
}

/* Forward and tangent: positions are samples. */
static void positions_are_samples(void **state)
{
    ntk_context *ctx = *state;
    both b = open_both(ctx);
    double f[N * POSITIONS * OUT], df[N * POSITIONS * OUT], out[N * POSITIONS * OUT], *v = case_numbers(5, P);
    ntk_tape t;
    kit_ok(ctx, ntk_finite_forward(ctx, b.flat.network, b.flat.n, b.flat.theta, b.flat.x, f));
    kit_ok(ctx, ntk_finite_jvp(ctx, b.flat.network, b.flat.n, b.flat.theta, b.flat.x, v, df));
    kit_ok(ctx, ntk_tape_open(ctx, b.wide.network, N, b.wide.theta, b.wide.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    kit_close(N * POSITIONS * OUT, t.value[b.wide.network->result], f, 0);
    kit_ok(ctx, ntk_tape_tangent(&t, v, out));
    kit_close(N * POSITIONS * OUT, out, df, 0);
    ntk_tape_close(&t);
    free(v);
    close_both(&b);
}

/* Row (sample, position, output) of J is the row of that position alone, with the other positions not in it. */
static void rows_of_positions(void **state)
{
    ntk_context *ctx = *state;
    both b = open_both(ctx);
    int64_t rows = N * POSITIONS * OUT;
    double *expected = case_jacobian(ctx, &b.flat), *j = case_numbers(1, rows * P), *g = calloc(P, sizeof *g), *sum = calloc(P, sizeof *sum);
    double *u = case_numbers(6, rows);
    ntk_tape t;
    kit_ok(ctx, ntk_tape_open(ctx, b.wide.network, N, b.wide.theta, b.wide.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    kit_ok(ctx, ntk_tape_rows(&t, 0, rows, j));
    kit_close(rows * P, j, expected, 1e-14);
    kit_ok(ctx, ntk_tape_rows(&t, 5, rows - 8, j));
    kit_close((rows - 8) * P, j, expected + 5 * P, 1e-14);
    kit_ok(ctx, ntk_tape_backward(&t, u, g));
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < P; ++i) sum[i] += u[r] * expected[r * P + i];
    kit_close(P, g, sum, 1e-14);
    ntk_tape_close(&t);
    free(u);
    free(sum);
    free(g);
    free(j);
    free(expected);
    close_both(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(positions_are_samples), kit_test(rows_of_positions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
