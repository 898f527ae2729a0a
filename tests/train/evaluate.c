/* Outputs, losses and gradients at one point, against the public forward, jvp and vjp and losses written out. */
#include "train_cases.h"

/* -sum y log softmax(f), ½ (f - y)², ... and their derivatives, without care for extremes. */
static double naive_loss(ntk_loss loss, const double *f, const double *y, double *u)
{
    double sum = 0;
    for (int i = 0; i < N; ++i) {
        double total = 0;
        for (int k = 0; k < O; ++k) total += exp(f[i * O + k]);
        for (int k = i * O; k < (i + 1) * O; ++k) {
            double e = f[k] - y[k], s = 1 / (1 + exp(-f[k]));
            switch (loss) {
            case NTK_LOSS_CROSS_ENTROPY: sum -= y[k] * log(exp(f[k]) / total), u[k] = exp(f[k]) / total - y[k]; break;
            case NTK_LOSS_LOGISTIC: sum -= y[k] * log(s) + (1 - y[k]) * log(1 - s), u[k] = s - y[k]; break;
            case NTK_LOSS_HUBER: sum += fabs(e) < 0.25 ? e * e / 2 : 0.25 * (fabs(e) - 0.125), u[k] = fmin(fmax(e, -0.25), 0.25); break;
            default: sum += e * e / 2, u[k] = e;
            }
        }
    }
    return sum;
}

static const ntk_loss losses[] = {NTK_LOSS_SQUARED_ERROR, NTK_LOSS_CROSS_ENTROPY, NTK_LOSS_LOGISTIC, NTK_LOSS_HUBER};

static void check_point(ntk_context *ctx, const train_case *c, ntk_loss loss, ntk_loss_scale scale)
{
    double f[N * O], got[N * O], u[N * O], g[P], after[P], value, divisor = 1, sum;
    ntk_array fv = ntk_matrix_f64(f, N, O), gotv = ntk_matrix_f64(got, N, O), uv = ntk_matrix_f64(u, N, O), gv = ntk_vector_f64(g, P);
    ntk_trainer_options o = {NTK_TRAINER_OPTIONS_INIT, .loss = loss, .loss_scale = scale, .learning_rate = 0.125, .delta = 0.25};
    ntk_trainer *t = case_trainer(ctx, c, &o);
    if (scale == NTK_LOSS_SCALE_MEAN) divisor = loss == NTK_LOSS_CROSS_ENTROPY ? N : N * O;
    kit_ok(ctx, ntk_network_forward(ctx, c->network, &c->theta_view, &c->x_view, &fv));
    sum = naive_loss(loss, f, c->y, u);
    kit_ok(ctx, ntk_network_vjp(ctx, c->network, &c->theta_view, &c->x_view, &uv, &gv));
    kit_ok(ctx, ntk_trainer_get_outputs(ctx, t, &gotv));
    kit_ok(ctx, ntk_trainer_get_loss(ctx, t, &value));
    kit_close(N * O, got, f, 0);
    kit_near(value, sum / divisor, 100 * DBL_EPSILON * sum);
    kit_ok(ctx, ntk_trainer_run(ctx, t, 1));
    case_parameters(ctx, t, after);
    for (int j = 0; j < P; ++j) kit_near(after[j], c->theta[j] - 0.125 * case_rate(j) * g[j] / divisor, 200 * DBL_EPSILON);
    ntk_trainer_destroy(t);
}

static void every_loss_and_scale(void **state)
{
    train_case c;
    case_open(*state, &c);
    for (int i = 0; i < 4; ++i) {
        check_point(*state, &c, losses[i], NTK_LOSS_SCALE_SUM);
        check_point(*state, &c, losses[i], NTK_LOSS_SCALE_MEAN);
    }
    ntk_network_destroy(c.network);
}

/* The linearised network at theta: f(theta0) + J(theta0) (theta - theta0), and its gradient J(theta0)ᵀ u. */
static void linearised(void **state)
{
    ntk_context *ctx = *state;
    train_case c;
    double theta[P], moved[P], f[N * O], df[N * O], got[N * O], u[N * O], g[P], after[P];
    ntk_array tv = ntk_vector_f64(theta, P), mv = ntk_vector_f64(moved, P), fv = ntk_matrix_f64(f, N, O), dfv = ntk_matrix_f64(df, N, O);
    ntk_array gotv = ntk_matrix_f64(got, N, O), uv = ntk_matrix_f64(u, N, O), gv = ntk_vector_f64(g, P);
    ntk_trainer *t;
    case_open(ctx, &c);
    t = case_trainer(ctx, &c, &(ntk_trainer_options){NTK_TRAINER_OPTIONS_INIT, .linearised = 1, .learning_rate = 0.5});
    kit_random(9, P, theta);
    for (int j = 0; j < P; ++j) moved[j] = theta[j] - c.theta[j];
    kit_ok(ctx, ntk_trainer_resume(ctx, t, 0, &tv, NULL, NULL));
    kit_ok(ctx, ntk_network_forward(ctx, c.network, &c.theta_view, &c.x_view, &fv));
    kit_ok(ctx, ntk_network_jvp(ctx, c.network, &c.theta_view, &c.x_view, &mv, &dfv));
    for (int i = 0; i < N * O; ++i) f[i] += df[i], u[i] = f[i] - c.y[i];
    kit_ok(ctx, ntk_network_vjp(ctx, c.network, &c.theta_view, &c.x_view, &uv, &gv));
    kit_ok(ctx, ntk_trainer_get_outputs(ctx, t, &gotv));
    kit_close(N * O, got, f, 10 * DBL_EPSILON);
    kit_ok(ctx, ntk_trainer_run(ctx, t, 1));
    case_parameters(ctx, t, after);
    for (int j = 0; j < P; ++j) kit_near(after[j], theta[j] - 0.5 * case_rate(j) * g[j], 200 * DBL_EPSILON);
    ntk_trainer_destroy(t);
    ntk_network_destroy(c.network);
}

/* More samples than a chunk holds: the memory limit makes the chunks small. */
static void chunks_add_up(void **state)
{
    enum { MANY = 300 };
    static double x[MANY * D], y[MANY * O];
    ntk_array xv = ntk_matrix_f64(x, MANY, D), yv = ntk_matrix_f64(y, MANY, O);
    double whole, in_chunks, a[P], b[P];
    ntk_context *ctx = *state, *small = NULL;
    ntk_context_options limited = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 4096};
    train_case c;
    ntk_trainer *t, *u;
    case_open(ctx, &c);
    kit_random(5, MANY * D, x);
    kit_random(6, MANY * O, y);
    assert_int_equal(ntk_context_create(&limited, &small), NTK_OK);
    kit_ok(ctx, ntk_trainer_create(ctx, c.network, &c.theta_view, &xv, &yv, NULL, &t));
    kit_ok(small, ntk_trainer_create(small, c.network, &c.theta_view, &xv, &yv, NULL, &u));
    kit_ok(ctx, ntk_trainer_get_loss(ctx, t, &whole));
    kit_ok(small, ntk_trainer_get_loss(small, u, &in_chunks));
    kit_near(whole, in_chunks, MANY * DBL_EPSILON * whole);
    kit_ok(ctx, ntk_trainer_run(ctx, t, 1));
    kit_ok(small, ntk_trainer_run(small, u, 1));
    case_parameters(ctx, t, a);
    case_parameters(small, u, b);
    kit_close(P, a, b, MANY * DBL_EPSILON);
    ntk_trainer_destroy(u);
    ntk_trainer_destroy(t);
    ntk_network_destroy(c.network);
    ntk_context_destroy(small);
}

/* Gradient descent with an absurd step: an error that says after how many steps, no infinities, and the trainer stays usable. */
static void divergence(void **state)
{
    ntk_context *ctx = *state;
    double theta[P], loss;
    train_case c;
    ntk_trainer *t;
    case_open(ctx, &c);
    t = case_trainer(ctx, &c, &(ntk_trainer_options){NTK_TRAINER_OPTIONS_INIT, .learning_rate = 1e200});
    kit_fails(ctx, ntk_trainer_run(ctx, t, 50), NTK_ERROR_OVERFLOW, "training diverges at the learning rate 1e+200");
    assert_true(ntk_trainer_steps(t) >= 1 && ntk_trainer_steps(t) < 5);
    kit_fails(ctx, ntk_trainer_get_loss(ctx, t, &loss), NTK_ERROR_OVERFLOW, "steps");
    case_parameters(ctx, t, theta);
    for (int j = 0; j < P; ++j) assert_true(isfinite(theta[j]));
    kit_ok(ctx, ntk_trainer_resume(ctx, t, 0, &c.theta_view, NULL, NULL));
    kit_ok(ctx, ntk_trainer_get_loss(ctx, t, &loss));
    ntk_trainer_destroy(t);
    ntk_network_destroy(c.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(every_loss_and_scale), kit_test(linearised), kit_test(chunks_add_up), kit_test(divergence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
