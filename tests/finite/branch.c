/* Sums of branches: a value read twice, and branches without parameters. */
#include "cases.h"

#define NETWORK(layers) "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"parameterization\": \"standard\", \"layers\": [" layers "]}"
#define DENSE "{\"op\": \"dense\", \"units\": 2}"
#define SUM(branches) "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [" branches "]}"

enum { N = 5, P = 4 };

/* Forward, jvp and vjp of `json` are `factor` times those of one dense layer plus `shift` x in the value. */
static void compare_with_dense(ntk_context *ctx, const char *json, double factor, double shift)
{
    finite_case a = case_open(ctx, json, N), b = case_open(ctx, NETWORK(DENSE), N);
    double f[2][2 * N], df[2][2 * N], g[2][P], *v = case_numbers(3, P), *u = case_numbers(4, 2 * N);
    finite_case *c[2] = {&a, &b};
    ntk_array vv = ntk_vector_f64(v, P), uu = ntk_matrix_f64(u, N, 2);
    for (int k = 0; k < 2; ++k) {
        ntk_array ff = ntk_matrix_f64(f[k], N, 2), dd = ntk_matrix_f64(df[k], N, 2), gg = ntk_vector_f64(g[k], P);
        kit_ok(ctx, ntk_network_forward(ctx, c[k]->network, &c[k]->theta_array, &c[k]->x_array, &ff));
        kit_ok(ctx, ntk_network_jvp(ctx, c[k]->network, &c[k]->theta_array, &c[k]->x_array, &vv, &dd));
        kit_ok(ctx, ntk_network_vjp(ctx, c[k]->network, &c[k]->theta_array, &c[k]->x_array, &uu, &gg));
    }
    for (int i = 0; i < 2 * N; ++i) {
        f[1][i] = factor * f[1][i] + shift * b.x[i];
        df[1][i] *= factor;
    }
    for (int i = 0; i < P; ++i) g[1][i] *= factor;
    kit_close(2 * N, f[0], f[1], 4 * DBL_EPSILON);
    kit_close(2 * N, df[0], df[1], 4 * DBL_EPSILON);
    kit_close(P, g[0], g[1], 8 * DBL_EPSILON);
    free(u);
    free(v);
    case_close(&a);
    case_close(&b);
}

static void a_value_twice(void **state)
{
    compare_with_dense(*state, NETWORK(DENSE "," SUM("[], []")), 2, 0);
}

static void three_times_nested(void **state)
{
    compare_with_dense(*state, NETWORK(DENSE "," SUM("[], [" SUM("[], []") "]")), 3, 0);
}

static void of_the_input(void **state)
{
    compare_with_dense(*state, NETWORK(SUM("[], [" DENSE "]")), 1, 1);
}

static void of_the_input_twice(void **state)
{
    compare_with_dense(*state, NETWORK(SUM("[], []") "," DENSE), 2, 0);
}

/* The same through the middle of a network: row by row of J, all outputs at once. */
static void rows_meet_in_a_branch(void **state)
{
    ntk_context *ctx = *state;
    finite_case a = case_open(ctx, NETWORK(DENSE "," SUM("[], [], []")), N), b = case_open(ctx, NETWORK(DENSE), N);
    double *ja = case_numbers(1, 2 * N * P), *jb = case_jacobian(ctx, &b);
    ntk_tape t;
    kit_ok(ctx, ntk_tape_open(ctx, a.network, N, a.theta, a.x, &t));
    kit_ok(ctx, ntk_tape_forward(&t, true));
    kit_ok(ctx, ntk_tape_rows(&t, 0, 2 * N, ja));
    for (int i = 0; i < 2 * N * P; ++i) jb[i] *= 3;
    kit_close(2 * N * P, ja, jb, 4 * DBL_EPSILON);
    ntk_tape_close(&t);
    free(ja);
    free(jb);
    case_close(&a);
    case_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(a_value_twice), kit_test(three_times_nested), kit_test(of_the_input), kit_test(of_the_input_twice), kit_test(rows_meet_in_a_branch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
