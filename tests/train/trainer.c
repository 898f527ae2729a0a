/* The handle: where it stands survives being saved, cancelled and refused. */
#include "train_cases.h"

/* 9 steps; or 4, saved, and 5 of another trainer: the same bits. */
static void check_resume(ntk_context *ctx, const train_case *c, ntk_descent descent, int linearised)
{
    ntk_trainer_options o = {NTK_TRAINER_OPTIONS_INIT, .descent = descent, .learning_rate = 0.05, .linearised = linearised};
    ntk_trainer *whole = case_trainer(ctx, c, &o), *half = case_trainer(ctx, c, &o), *rest = case_trainer(ctx, c, &o);
    double theta[P], first[P], second[P], a[P], b[P];
    ntk_array tv = ntk_vector_f64(theta, P), fv = ntk_vector_f64(first, P), sv = ntk_vector_f64(second, P);
    ntk_array *m = descent == NTK_DESCENT_GD ? NULL : &fv, *v = descent == NTK_DESCENT_ADAM ? &sv : NULL;
    kit_ok(ctx, ntk_trainer_run(ctx, whole, 9));
    kit_ok(ctx, ntk_trainer_run(ctx, half, 4));
    kit_ok(ctx, ntk_trainer_get_parameters(ctx, half, &tv));
    kit_ok(ctx, ntk_trainer_get_moments(ctx, half, m, v));
    kit_ok(ctx, ntk_trainer_resume(ctx, rest, ntk_trainer_steps(half), &tv, m, v));
    kit_ok(ctx, ntk_trainer_run(ctx, rest, 5));
    assert_int_equal(ntk_trainer_steps(rest), 9);
    case_parameters(ctx, whole, a);
    case_parameters(ctx, rest, b);
    kit_close(P, a, b, 0);
    ntk_trainer_destroy(whole);
    ntk_trainer_destroy(half);
    ntk_trainer_destroy(rest);
}

static void resumes_to_the_bit(void **state)
{
    train_case c;
    case_open(*state, &c);
    for (ntk_descent d = NTK_DESCENT_GD; d <= NTK_DESCENT_ADAM; ++d) {
        check_resume(*state, &c, d, 0);
        check_resume(*state, &c, d, 1);
    }
    ntk_network_destroy(c.network);
}

typedef struct watch {
    int calls, stop_at;
} watch;

static int observe(void *user, double done)
{
    watch *w = user;
    (void)done;
    return ++w->calls == w->stop_at;
}

/* Cancelled at any report it stands after a whole step, and what follows is what would have followed. */
static void cancelled_anywhere(void **state)
{
    ntk_context *ctx = *state, *watched = NULL;
    watch w = {0, 0};
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .progress = observe, .progress_user = &w};
    ntk_trainer_options adam = {NTK_TRAINER_OPTIONS_INIT, .descent = NTK_DESCENT_ADAM, .learning_rate = 0.1};
    double expected[P], got[P];
    int reports;
    train_case c;
    ntk_trainer *t;
    case_open(ctx, &c);
    assert_int_equal(ntk_context_create(&options, &watched), NTK_OK);
    t = case_trainer(watched, &c, &adam);
    kit_ok(watched, ntk_trainer_run(watched, t, 6));
    case_parameters(watched, t, expected);
    ntk_trainer_destroy(t);
    reports = w.calls;
    assert_true(reports >= 12);
    for (int stop = 1; stop <= reports; ++stop) {
        t = case_trainer(watched, &c, &adam);
        w = (watch){0, stop};
        assert_int_equal(ntk_trainer_run(watched, t, 6), NTK_ERROR_CANCELLED);
        assert_true(ntk_trainer_steps(t) >= 0 && ntk_trainer_steps(t) <= 6);
        w = (watch){0, 0};
        kit_ok(watched, ntk_trainer_run(watched, t, 6 - ntk_trainer_steps(t)));
        case_parameters(watched, t, got);
        kit_close(P, got, expected, 0);
        ntk_trainer_destroy(t);
    }
    ntk_network_destroy(c.network);
    ntk_context_destroy(watched);
}

static void refuses_option(ntk_context *ctx, const train_case *c, const ntk_trainer_options *o, ntk_status status, const char *words)
{
    ntk_trainer *t = (void *)1;
    kit_fails(ctx, ntk_trainer_create(ctx, c->network, &c->theta_view, &c->x_view, &c->y_view, o, &t), status, words);
    assert_null(t);
}

#define REFUSED(words, ...) refuses_option(ctx, &c, &(ntk_trainer_options){NTK_TRAINER_OPTIONS_INIT, __VA_ARGS__}, NTK_ERROR_ARGUMENT, words)

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    double d[2] = {1, 2}, big[P] = {0};
    ntk_array two = ntk_vector_f64(d, 2), v = ntk_vector_f64(big, P);
    ntk_optimizer *small = NULL, *identity = NULL;
    ntk_trainer *t;
    train_case c;
    case_open(ctx, &c);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &two, &small));
    kit_ok(ctx, ntk_optimizer_identity(ctx, &identity));
    REFUSED("options.loss is 9", .loss = (ntk_loss)9);
    REFUSED("options.loss_scale is 9", .loss_scale = (ntk_loss_scale)9);
    REFUSED("options.descent is 9", .descent = (ntk_descent)9);
    REFUSED("options.learning_rate is -1", .learning_rate = -1);
    REFUSED("options.learning_rate is nan", .learning_rate = NAN);
    REFUSED("options.beta1 is 1", .beta1 = 1);
    REFUSED("options.beta2 is -0.5", .beta2 = -0.5);
    REFUSED("options.epsilon is inf", .epsilon = INFINITY);
    REFUSED("options.delta is -1", .delta = -1);
    REFUSED("options.optimizer is a frozen D", .optimizer = identity, .descent = NTK_DESCENT_ADAM);
    refuses_option(ctx, &c, &(ntk_trainer_options){NTK_TRAINER_OPTIONS_INIT, .optimizer = small}, NTK_ERROR_SHAPE, "the optimizer has 2 parameters");
    c.y[3] = -0.1;
    REFUSED("y[1, 1] is -0.1", .loss = NTK_LOSS_CROSS_ENTROPY);
    t = case_trainer(ctx, &c, NULL);
    kit_fails(ctx, ntk_trainer_run(ctx, t, -1), NTK_ERROR_ARGUMENT, "steps is -1");
    kit_fails(ctx, ntk_trainer_resume(ctx, t, -1, &c.theta_view, NULL, NULL), NTK_ERROR_ARGUMENT, "steps is -1");
    kit_fails(ctx, ntk_trainer_resume(ctx, t, 0, &c.theta_view, &v, NULL), NTK_ERROR_ARGUMENT, "first is given");
    kit_fails(ctx, ntk_trainer_get_moments(ctx, t, &v, NULL), NTK_ERROR_ARGUMENT, "first is asked for");
    kit_ok(ctx, ntk_trainer_get_moments(ctx, t, NULL, NULL));
    ntk_trainer_destroy(t);
    t = case_trainer(ctx, &c, &(ntk_trainer_options){NTK_TRAINER_OPTIONS_INIT, .descent = NTK_DESCENT_ADAM});
    kit_fails(ctx, ntk_trainer_resume(ctx, t, 3, &c.theta_view, &v, NULL), NTK_ERROR_NULL, "second is NULL");
    big[4] = -1;
    kit_fails(ctx, ntk_trainer_resume(ctx, t, 3, &c.theta_view, &c.theta_view, &v), NTK_ERROR_ARGUMENT, "second_moment[4] is -1");
    assert_int_equal(ntk_trainer_steps(t), 0);
    assert_int_equal(ntk_trainer_steps(NULL), -1);
    ntk_trainer_destroy(NULL);
    ntk_trainer_destroy(t);
    ntk_optimizer_destroy(identity);
    ntk_optimizer_destroy(small);
    ntk_network_destroy(c.network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(resumes_to_the_bit), kit_test(cancelled_anywhere), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
