/*
 * Training in f32 beside training in f64 from the same numbers: for a stable rate errors of a step, about 100 u of the largest number each, add
 * up and are damped, so that after STEPS steps parameters, outputs, loss and moments agree to STEPS 100 u.
 */
#include "train_cases.h"

enum { STEPS = 8 };

#define BOUND (STEPS * 100 * 0x1p-24)

typedef struct single_case {
    train_case wide;
    float theta[P], x[N * D], y[N * O];
    ntk_array theta_view, x_view, y_view;
} single_case;

static void narrow(int64_t count, double *values, float *to)
{
    for (int64_t i = 0; i < count; ++i) values[i] = to[i] = (float)values[i];
}

static void open(ntk_context *ctx, single_case *c)
{
    int64_t p = P;
    case_open(ctx, &c->wide);
    narrow(P, c->wide.theta, c->theta);
    narrow(N * D, c->wide.x, c->x);
    narrow(N * O, c->wide.y, c->y);
    c->theta_view = ntk_array_dense(c->theta, NTK_F32, 1, &p);
    c->x_view = ntk_matrix_f32(c->x, N, D);
    c->y_view = ntk_matrix_f32(c->y, N, O);
}

static void check(int64_t count, const float *got, const double *want)
{
    double wide[P];
    assert_true(count <= P);
    for (int64_t i = 0; i < count; ++i) wide[i] = (double)got[i];
    kit_close(count, wide, want, BOUND);
}

static ntk_array floats(float *data)
{
    int64_t p = P;
    return ntk_array_dense(data, NTK_F32, 1, &p);
}

/* STEPS steps of both, and what they leave. */
static void compare(ntk_context *ctx, const single_case *c, const ntk_trainer_options *o)
{
    ntk_trainer *wide = case_trainer(ctx, &c->wide, o), *single;
    double theta[P], f[N * O], moments[2][P], loss[2];
    float theta32[P], f32[N * O], moments32[2][P];
    ntk_array theta_out = floats(theta32), f_out = ntk_matrix_f64(f, N, O), f32_out = ntk_matrix_f32(f32, N, O);
    int kept = (int)o->descent; /* gd 0, momentum 1, adam 2 */
    kit_ok(ctx, ntk_trainer_create(ctx, c->wide.network, &c->theta_view, &c->x_view, &c->y_view, o, &single));
    kit_ok(ctx, ntk_trainer_run(ctx, wide, STEPS));
    kit_ok(ctx, ntk_trainer_run(ctx, single, STEPS));
    case_parameters(ctx, wide, theta);
    kit_ok(ctx, ntk_trainer_get_parameters(ctx, single, &theta_out));
    check(P, theta32, theta);
    for (int j = 0; j < FROZEN; ++j) assert_true(theta32[j] == c->theta[j]);
    assert_true(theta32[P - 1] != c->theta[P - 1]);
    kit_ok(ctx, ntk_trainer_get_outputs(ctx, wide, &f_out));
    kit_ok(ctx, ntk_trainer_get_outputs(ctx, single, &f32_out));
    check(N * O, f32, f);
    kit_ok(ctx, ntk_trainer_get_loss(ctx, wide, &loss[0]));
    kit_ok(ctx, ntk_trainer_get_loss(ctx, single, &loss[1]));
    kit_near(loss[1] / loss[0], 1, BOUND);
    for (int k = 0; k < kept; ++k) {
        ntk_array m = ntk_vector_f64(moments[k], P), m32 = floats(moments32[k]);
        kit_ok(ctx, ntk_trainer_get_moments(ctx, wide, k ? NULL : &m, k ? &m : NULL));
        kit_ok(ctx, ntk_trainer_get_moments(ctx, single, k ? NULL : &m32, k ? &m32 : NULL));
        check(P, moments32[k], moments[k]);
    }
    ntk_trainer_destroy(single);
    ntk_trainer_destroy(wide);
}

static void every_descent_and_loss(void **state)
{
    ntk_context *ctx = *state;
    static const ntk_loss losses[] = {NTK_LOSS_SQUARED_ERROR, NTK_LOSS_CROSS_ENTROPY, NTK_LOSS_LOGISTIC, NTK_LOSS_HUBER};
    single_case c;
    double d[P];
    ntk_array diagonal = ntk_vector_f64(d, P);
    ntk_optimizer *frozen;
    open(ctx, &c);
    for (int j = 0; j < P; ++j) d[j] = 1 + j % 3;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &diagonal, &frozen));
    for (int descent = 0; descent < 3; ++descent)
        for (int loss = 0; loss < 4; ++loss)
            for (int linearised = 0; linearised < 2; ++linearised) {
                ntk_trainer_options o = {NTK_TRAINER_OPTIONS_INIT, .loss = losses[loss], .descent = (ntk_descent)descent, .linearised = linearised,
                                         .learning_rate = 0.02, .epsilon = 1e-3};
                compare(ctx, &c, &o);
                if (descent != NTK_DESCENT_ADAM) o.optimizer = frozen;
                compare(ctx, &c, &o);
            }
    ntk_optimizer_destroy(frozen);
    ntk_network_destroy(c.wide.network);
}

/* A run that goes on from its state is the run that was not interrupted, to the bit. */
static void goes_on(void **state)
{
    ntk_context *ctx = *state;
    single_case c;
    float theta[2][P], first[P], second[P];
    ntk_array t = floats(theta[0]), m = floats(first), v = floats(second), whole = floats(theta[1]);
    ntk_trainer_options o = {NTK_TRAINER_OPTIONS_INIT, .descent = NTK_DESCENT_ADAM, .learning_rate = 0.1};
    ntk_trainer *a, *b;
    open(ctx, &c);
    kit_ok(ctx, ntk_trainer_create(ctx, c.wide.network, &c.theta_view, &c.x_view, &c.y_view, &o, &a));
    kit_ok(ctx, ntk_trainer_create(ctx, c.wide.network, &c.theta_view, &c.x_view, &c.y_view, &o, &b));
    kit_ok(ctx, ntk_trainer_run(ctx, a, 3));
    kit_ok(ctx, ntk_trainer_get_parameters(ctx, a, &t));
    kit_ok(ctx, ntk_trainer_get_moments(ctx, a, &m, &v));
    kit_ok(ctx, ntk_trainer_resume(ctx, b, 3, &t, &m, &v));
    kit_ok(ctx, ntk_trainer_run(ctx, a, 4));
    kit_ok(ctx, ntk_trainer_run(ctx, b, 4));
    kit_ok(ctx, ntk_trainer_get_parameters(ctx, a, &whole));
    kit_ok(ctx, ntk_trainer_get_parameters(ctx, b, &t));
    assert_memory_equal(theta[0], theta[1], sizeof theta[0]);
    ntk_trainer_destroy(b);
    ntk_trainer_destroy(a);
    ntk_network_destroy(c.wide.network);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    single_case c;
    float f[N * O];
    ntk_array f_out = ntk_matrix_f32(f, N, O);
    ntk_trainer *t;
    ntk_trainer_options fast = {NTK_TRAINER_OPTIONS_INIT, .learning_rate = 1e30};
    open(ctx, &c);
    kit_fails(ctx, ntk_trainer_create(ctx, c.wide.network, &c.theta_view, &c.wide.x_view, &c.y_view, NULL, &t), NTK_ERROR_DTYPE, "x holds f64; expected f32");
    kit_fails(ctx, ntk_trainer_create(ctx, c.wide.network, &c.theta_view, &c.x_view, &c.wide.y_view, NULL, &t), NTK_ERROR_DTYPE, "y holds f64; expected f32");
    kit_ok(ctx, ntk_trainer_create(ctx, c.wide.network, &c.theta_view, &c.x_view, &c.y_view, &fast, &t));
    kit_fails(ctx, ntk_trainer_resume(ctx, t, 1, &c.wide.theta_view, NULL, NULL), NTK_ERROR_DTYPE, "theta holds f64; expected f32");
    kit_fails(ctx, ntk_trainer_run(ctx, t, 5), NTK_ERROR_OVERFLOW, "exceeds the range of f32");
    ntk_trainer_destroy(t);
    t = case_trainer(ctx, &c.wide, NULL);
    kit_fails(ctx, ntk_trainer_get_outputs(ctx, t, &f_out), NTK_ERROR_DTYPE, "f holds f32; expected f64");
    ntk_trainer_destroy(t);
    ntk_network_destroy(c.wide.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(every_descent_and_loss), kit_test(goes_on), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
