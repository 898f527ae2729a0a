/* Each descent over many steps, against loops over the public forward and vjp. */
#include "train_cases.h"

enum { STEPS = 25 };

#define RATE 0.03

/* One step of the textbook, in place. */
static void naive_step(ntk_descent descent, int t, const double *d, const double *g, double *m, double *v, double *theta)
{
    for (int j = 0; j < P; ++j) {
        double rate = RATE * case_rate(j), moved = g[j];
        if (descent == NTK_DESCENT_MOMENTUM) moved = m[j] = 0.8 * m[j] + g[j];
        if (descent == NTK_DESCENT_ADAM) {
            m[j] = 0.8 * m[j] + 0.2 * g[j];
            v[j] = 0.9 * v[j] + 0.1 * g[j] * g[j];
            moved = m[j] / (1 - pow(0.8, t)) / (sqrt(v[j] / (1 - pow(0.9, t))) + 1e-3);
        }
        theta[j] -= rate * moved / d[j];
    }
}

static void naive_gradient(ntk_context *ctx, const train_case *c, double *theta, double *g)
{
    double f[N * O];
    ntk_array tv = ntk_vector_f64(theta, P), fv = ntk_matrix_f64(f, N, O), gv = ntk_vector_f64(g, P);
    kit_ok(ctx, ntk_network_forward(ctx, c->network, &tv, &c->x_view, &fv));
    for (int i = 0; i < N * O; ++i) f[i] -= c->y[i];
    kit_ok(ctx, ntk_network_vjp(ctx, c->network, &tv, &c->x_view, &fv, &gv));
}

static void check_descent(ntk_context *ctx, const train_case *c, ntk_descent descent, bool frozen_d)
{
    double theta[P], got[P], g[P], m[P] = {0}, v[P] = {0}, d[P], first[P], second[P];
    ntk_array dv = ntk_vector_f64(d, P), fv = ntk_vector_f64(first, P), sv = ntk_vector_f64(second, P);
    ntk_trainer_options o = {NTK_TRAINER_OPTIONS_INIT, .descent = descent, .learning_rate = RATE, .beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3};
    ntk_optimizer *optimizer = NULL;
    ntk_trainer *t;
    memcpy(theta, c->theta, sizeof theta);
    for (int j = 0; j < P; ++j) d[j] = frozen_d ? 0.5 + (j % 7) : 1;
    if (frozen_d) kit_ok(ctx, ntk_optimizer_diagonal(ctx, &dv, &optimizer));
    o.optimizer = optimizer;
    t = case_trainer(ctx, c, &o);
    ntk_optimizer_destroy(optimizer); /* the trainer keeps it */
    for (int s = 1; s <= STEPS; ++s) {
        naive_gradient(ctx, c, theta, g);
        naive_step(descent, s, d, g, m, v, theta);
    }
    kit_ok(ctx, ntk_trainer_run(ctx, t, STEPS));
    assert_int_equal(ntk_trainer_steps(t), STEPS);
    case_parameters(ctx, t, got);
    kit_close(P, got, theta, 1e-12); /* roundings of 25 steps, which the map of a step enlarges a little */
    kit_close(FROZEN, got, c->theta, 0);
    kit_ok(ctx, ntk_trainer_get_moments(ctx, t, descent == NTK_DESCENT_GD ? NULL : &fv, descent == NTK_DESCENT_ADAM ? &sv : NULL));
    if (descent != NTK_DESCENT_GD) kit_close(P - FROZEN, first + FROZEN, m + FROZEN, 1e-11);
    if (descent == NTK_DESCENT_ADAM) kit_close(P - FROZEN, second + FROZEN, v + FROZEN, 1e-11);
    ntk_trainer_destroy(t);
}

static void every_descent(void **state)
{
    train_case c;
    case_open(*state, &c);
    check_descent(*state, &c, NTK_DESCENT_GD, false);
    check_descent(*state, &c, NTK_DESCENT_MOMENTUM, false);
    check_descent(*state, &c, NTK_DESCENT_ADAM, false);
    check_descent(*state, &c, NTK_DESCENT_GD, true);
    check_descent(*state, &c, NTK_DESCENT_MOMENTUM, true);
    ntk_network_destroy(c.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(every_descent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
