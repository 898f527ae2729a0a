/*
 * Any loss: the golden trajectories p06 and p07; squared error against the closed form, stiff as it may be; cross-entropy against a loop of many small
 * steps of the classical Runge-Kutta method; the steady state against its equation; the steps against a loop.
 */
#include "dense.h"
#include "golden.h"

#include <stdlib.h>

enum { N = 6, C = 2, M = 3 };

typedef struct problem {
    double k[N * N], y[N * C], f0[N * C];
    ntk_array y_view, f0_view;
    ntk_gram *gram;
} problem;

static void open_problem(ntk_context *ctx, const double *values, problem *p)
{
    dense_symmetric(3, N, values, p->k);
    kit_random(4, N * C, p->y);
    kit_random(5, N * C, p->f0);
    p->y_view = ntk_matrix_f64(p->y, N, C);
    p->f0_view = ntk_matrix_f64(p->f0, N, C);
    p->gram = dense_gram(ctx, N, p->k);
}

static void classes(problem *p)
{
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < C; ++j) p->y[i * C + j] = j == i % C;
}

/* w at the times, for options over a problem. */
static void weights_of(ntk_context *ctx, const problem *p, const ntk_learning_options *o, int n_times, const double *times, double *w, double *f)
{
    ntk_learning *l = NULL;
    ntk_array weights = ntk_array_dense(w, NTK_F64, 3, (int64_t[]){n_times, N, C}), outputs = ntk_array_dense(f, NTK_F64, 3, (int64_t[]){n_times, N, C});
    kit_ok(ctx, ntk_learning_create(ctx, p->gram, &p->y_view, o, &l));
    kit_ok(ctx, ntk_learning_weights_at(ctx, l, NULL, times, n_times, &weights));
    kit_ok(ctx, ntk_learning_train(ctx, l, &weights, &outputs));
    ntk_learning_destroy(l);
}

/* ---- golden ------------------------------------------------------------------------------------------------------ */

static void check_golden(ntk_context *ctx, const char *folder, ntk_learning_options o, const double *times)
{
    static const char *const names[] = {"ntk_train_train", "ntk_test_train", "y_train", "f0_train", "f0_test", "train", "test"};
    double *numbers[7], w[256], f[256];
    ntk_array a[7], weights, out;
    ntk_gram *gram = NULL;
    ntk_learning *l = NULL;
    for (int i = 0; i < 7; ++i) numbers[i] = golden_load(folder, names[i], -1, &a[i]);
    o.f0 = &a[3];
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &a[0], &gram));
    kit_ok(ctx, ntk_learning_create(ctx, gram, &a[2], &o, &l));
    weights = ntk_array_dense(w, NTK_F64, 3, (int64_t[]){3, a[2].shape[0], a[2].shape[1]});
    kit_ok(ctx, ntk_learning_weights_at(ctx, l, NULL, times, 3, &weights));
    out = ntk_array_dense(f, NTK_F64, 3, a[5].shape);
    kit_ok(ctx, ntk_learning_train(ctx, l, &weights, &out));
    kit_close(3 * a[5].shape[1] * a[5].shape[2], f, numbers[5], 1e-9);
    out = ntk_array_dense(f, NTK_F64, 3, a[6].shape);
    kit_ok(ctx, ntk_learning_test(ctx, l, &a[1], &a[4], &weights, &out));
    kit_close(3 * a[6].shape[1] * a[6].shape[2], f, numbers[6], 1e-9);
    ntk_learning_destroy(l);
    ntk_gram_destroy(gram);
    for (int i = 0; i < 7; ++i) free(numbers[i]);
}

static void golden_cross_entropy(void **state)
{
    ntk_learning_options o = {NTK_LEARNING_OPTIONS_INIT, .loss = NTK_LOSS_CROSS_ENTROPY, .loss_scale = NTK_LOSS_SCALE_MEAN, .learning_rate = 0.8};
    check_golden(*state, "p06_cross_entropy", o, (double[]){0.5, 2, 10});
    o.learning_rate = 0.5;
    o.momentum = 0.8;
    check_golden(*state, "p07_momentum_cross_entropy", o, (double[]){0.5, 2, 8});
}

/* ---- squared error, which has a closed form ---------------------------------------------------------------------- */

static void check_against_closed_form(ntk_context *ctx, const double *values, double momentum, double decay, double tolerance, double bound)
{
    static const double times[] = {0, 0.01, 0.5, 3};
    double w[4 * N * C], f[4 * N * C], closed[4 * N * C];
    problem p;
    ntk_dynamics *d = NULL;
    ntk_array want = ntk_array_dense(closed, NTK_F64, 3, (int64_t[]){4, N, C});
    open_problem(ctx, values, &p);
    weights_of(ctx, &p, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .learning_rate = 0.7, .momentum = momentum, .weight_decay = decay,
               .f0 = &p.f0_view, .tolerance = tolerance}, 4, times, w, f);
    kit_ok(ctx, ntk_dynamics_create(ctx, p.gram, &p.y_view, &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.7,
           .momentum = momentum, .weight_decay = decay, .f0 = &p.f0_view}, &d));
    kit_ok(ctx, ntk_dynamics_at(ctx, d, times, 4, &want));
    kit_close(4 * N * C, f, closed, bound);
    kit_close(N * C, f, p.f0, 0); /* at t = 0 nothing has moved */
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(p.gram);
}

static void squared_error_is_the_closed_form(void **state)
{
    static const double mild[N] = {3, 2, 1, 0.5, 0.1, 0.01}, stiff[N] = {3e5, 1e3, 20, 1, 0.1, 1e-4};
    check_against_closed_form(*state, mild, 0, 0, 0, 1e-9);
    check_against_closed_form(*state, mild, 0, 0.3, 0, 1e-9);
    check_against_closed_form(*state, mild, 0.8, 0, 0, 1e-9);
    check_against_closed_form(*state, mild, 0.8, 0.3, 0, 1e-9);
    check_against_closed_form(*state, mild, 0, 0, 1e-5, 1e-3); /* errors of some hundred steps add up */
    check_against_closed_form(*state, stiff, 0, 0, 1e-6, 1e-4);
}

/* lambda_max t = 1e6 takes some thousand products, not the 2e6 that an explicit method needs for its stability. */
static int count_products;

static int counted_squares(void *user, int64_t samples, int64_t outputs, const double *f, const double *y, double *g, double *value)
{
    (void)user;
    (void)value;
    ++count_products;
    for (int64_t i = 0; i < samples * outputs; ++i) g[i] = f[i] - y[i];
    return 0;
}

static void stiff_flow_is_cheap(void **state)
{
    static const double stiff[N] = {1e6, 1e3, 20, 1, 0.1, 1e-4}, times[] = {1};
    double w[N * C], f[N * C];
    problem p;
    ntk_learning_options o = {NTK_LEARNING_OPTIONS_INIT, .callback = counted_squares, .curvature = 1, .tolerance = 1e-6, .f0 = &p.f0_view};
    open_problem(*state, stiff, &p);
    count_products = 0;
    weights_of(*state, &p, &o, 1, times, w, f);
    assert_true(count_products < 60000);
    o.curvature = 0; /* explicit steps only: the bound on the steps speaks */
    o.max_steps = 5000;
    {
        ntk_learning *l = NULL;
        ntk_array weights = ntk_array_dense(w, NTK_F64, 3, (int64_t[]){1, N, C});
        kit_ok(*state, ntk_learning_create(*state, p.gram, &p.y_view, &o, &l));
        kit_fails(*state, ntk_learning_weights_at(*state, l, NULL, times, 1, &weights), NTK_ERROR_NOT_CONVERGED, "after 5000 steps the time is");
        ntk_learning_destroy(l);
    }
    ntk_gram_destroy(p.gram);
}

/* ---- other losses ------------------------------------------------------------------------------------------------ */

/* -K grad L for the softmax of two outputs, written out: s(f1 - f0). */
static void naive_slope(const problem *p, const double *f, double *slope)
{
    double g[N * C];
    for (int i = 0; i < N; ++i) {
        double one = 1 / (1 + exp(f[i * C] - f[i * C + 1]));
        g[i * C] = 1 - one - p->y[i * C];
        g[i * C + 1] = one - p->y[i * C + 1];
    }
    dense_multiply(N, C, N, p->k, g, slope);
    for (int i = 0; i < N * C; ++i) slope[i] = -slope[i];
}

static void naive_flow(const problem *p, double time, int steps, double *f)
{
    double h = time / steps, k[4][N * C], at[N * C];
    for (int s = 0; s < steps; ++s) {
        static const double back[4] = {0, 0.5, 0.5, 1};
        for (int stage = 0; stage < 4; ++stage) {
            for (int i = 0; i < N * C; ++i) at[i] = f[i] + (stage ? back[stage] * h * k[stage - 1][i] : 0);
            naive_slope(p, at, k[stage]);
        }
        for (int i = 0; i < N * C; ++i) f[i] += h / 6 * (k[0][i] + 2 * k[1][i] + 2 * k[2][i] + k[3][i]);
    }
}

static void cross_entropy_is_the_flow(void **state)
{
    static const double values[N] = {3, 2, 1, 0.5, 0.1, 0.01}, times[] = {2.5};
    double w[N * C], f[N * C], want[N * C];
    problem p;
    open_problem(*state, values, &p);
    classes(&p);
    memcpy(want, p.f0, sizeof want);
    naive_flow(&p, 2.5, 2000, want); /* (h lambda)^4 = 2e-10 per unit of time at most */
    weights_of(*state, &p, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .loss = NTK_LOSS_CROSS_ENTROPY, .f0 = &p.f0_view}, 1, times, w, f);
    kit_close(N * C, f, want, 1e-9);
    ntk_gram_destroy(p.gram);
}

/* At infinity, with decay: grad L(f) = decay w, f = f0 - K w. */
static void steady_state_solves_its_equation(void **state)
{
    static const double values[N] = {300, 20, 1, 0.5, 0.1, 0.01}, times[] = {1, INFINITY};
    static const ntk_loss losses[] = {NTK_LOSS_LOGISTIC, NTK_LOSS_HUBER, NTK_LOSS_CROSS_ENTROPY};
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; ++i) {
        double w[2 * N * C], f[2 * N * C], kw[N * C], residual[N * C];
        problem p;
        open_problem(*state, values, &p);
        classes(&p);
        weights_of(*state, &p, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .loss = losses[i], .weight_decay = 0.2, .huber_delta = 0.4,
                   .f0 = &p.f0_view}, 2, times, w, f);
        for (int row = 0; row < N; ++row)
            for (int k = 0; k < C; ++k) {
                int at = row * C + k;
                double e = f[N * C + at] - p.y[at], other = f[N * C + row * C + 1 - k], g;
                if (losses[i] == NTK_LOSS_HUBER) g = e > 0.4 ? 0.4 : e < -0.4 ? -0.4 : e;
                else if (losses[i] == NTK_LOSS_LOGISTIC) g = 1 / (1 + exp(-f[N * C + at])) - p.y[at];
                else g = 1 / (1 + exp(other - f[N * C + at])) - p.y[at];
                residual[at] = g - 0.2 * w[N * C + at];
            }
        dense_multiply(N, C, N, p.k, residual, kw);
        for (int at = 0; at < N * C; ++at) kit_near(kw[at], 0, 1e-8 * 600); /* of K grad L at the start, below 600 */
    
        ntk_gram_destroy(p.gram);
    }
}

static void a_callback_is_as_good(void **state)
{
    static const double values[N] = {3, 2, 1, 0.5, 0.1, 0.01}, times[] = {0.3, 4};
    double w[2][2 * N * C], f[2][2 * N * C];
    problem p;
    open_problem(*state, values, &p);
    weights_of(*state, &p, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .f0 = &p.f0_view}, 2, times, w[0], f[0]);
    weights_of(*state, &p, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .f0 = &p.f0_view, .callback = counted_squares, .curvature = 1}, 2, times, w[1], f[1]);
    kit_close(2 * N * C, w[0], w[1], 0);
    ntk_gram_destroy(p.gram);
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

static void check_resume(ntk_context *ctx, ntk_learning_options o)
{
    static const double values[N] = {300, 20, 1, 0.5, 0.1, 0.01};
    double w[3 * N * C], again[3 * N * C], numbers[4 + 2 * N * C] = {0};
    problem p;
    ntk_learning *l = NULL;
    ntk_array all = ntk_array_dense(w, NTK_F64, 3, (int64_t[]){3, N, C}), first = ntk_array_dense(again, NTK_F64, 3, (int64_t[]){1, N, C});
    ntk_array rest = ntk_array_dense(again + N * C, NTK_F64, 3, (int64_t[]){2, N, C}), where;
    open_problem(ctx, values, &p);
    classes(&p);
    o.loss = NTK_LOSS_CROSS_ENTROPY;
    o.f0 = &p.f0_view;
    kit_ok(ctx, ntk_learning_create(ctx, p.gram, &p.y_view, &o, &l));
    where = ntk_vector_f64(numbers, ntk_learning_state_size(l));
    kit_ok(ctx, ntk_learning_weights_at(ctx, l, NULL, (double[]){1, 5, 20}, 3, &all));
    kit_ok(ctx, ntk_learning_weights_at(ctx, l, &where, (double[]){1}, 1, &first));
    kit_near(numbers[0], 1, 0);
    kit_ok(ctx, ntk_learning_weights_at(ctx, l, &where, (double[]){5, 20}, 2, &rest));
    kit_near(numbers[0], 20, 0);
    kit_close(3 * N * C, again, w, 1e-9);
    kit_fails(ctx, ntk_learning_weights_at(ctx, l, &where, (double[]){5, 20}, 2, &rest), NTK_ERROR_ARGUMENT, "times[0] is 5; the state stands at 20 already");
    ntk_learning_destroy(l);
    ntk_gram_destroy(p.gram);
}

static void training_goes_on(void **state)
{
    check_resume(*state, (ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .learning_rate = 0.1});
    check_resume(*state, (ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .learning_rate = 0.1, .momentum = 0.5});
    check_resume(*state, (ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .learning_rate = 1e-3, .momentum = 0.5, .discrete = 1});
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static void steps_are_a_loop(void **state)
{
    static const double values[N] = {3, 2, 1, 0.5, 0.1, 0.01}, times[] = {0, 1, 40};
    double w[3 * N * C], f[3 * N * C], a[N * C] = {0}, move[N * C] = {0}, now[N * C], slope[N * C], ka[N * C];
    problem p;
    open_problem(*state, values, &p);
    classes(&p);
    weights_of(*state, &p, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .loss = NTK_LOSS_CROSS_ENTROPY, .f0 = &p.f0_view, .discrete = 1,
               .learning_rate = 0.2, .momentum = 0.6, .weight_decay = 0.05}, 3, times, w, f);
    memcpy(now, p.f0, sizeof now);
    for (int step = 0; step < 40; ++step) {
        for (int i = 0; i < N; ++i) {
            double one = 1 / (1 + exp(now[i * C] - now[i * C + 1]));
            slope[i * C] = 1 - one - p.y[i * C];
            slope[i * C + 1] = one - p.y[i * C + 1];
        }
        for (int i = 0; i < N * C; ++i) {
            move[i] = 0.6 * move[i] + 0.2 * (slope[i] - 0.05 * a[i]);
            a[i] += move[i];
        }
        dense_multiply(N, C, N, p.k, a, ka);
        for (int i = 0; i < N * C; ++i) now[i] = p.f0[i] - ka[i];
        if (step == 0) kit_close(N * C, w + N * C, a, 1e-15);
    }
    kit_close(N * C, w + 2 * N * C, a, 1e-14);
    kit_close(N * C, f + 2 * N * C, now, 1e-14);
    ntk_gram_destroy(p.gram);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* f0 + J (theta - theta0) = f, D included, of outputs [n, o] that make one column. */
static void parameters_explain_f(void **state)
{
    ntk_context *ctx = *state;
    enum { P = 9, ROWS = 6 };
    double j[ROWS * P], d[P], y[ROWS] = {1, 0, 0, 1, 1, 0}, w[ROWS], f[ROWS], theta[P], moved[ROWS];
    ntk_array y_view = ntk_matrix_f64(y, 3, 2), weights = ntk_array_dense(w, NTK_F64, 3, (int64_t[]){1, 3, 2}), outputs = ntk_array_dense(f, NTK_F64, 3, (int64_t[]){1, 3, 2});
    ntk_array d_view = ntk_vector_f64(d, P), t_view = ntk_matrix_f64(theta, 1, P);
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer = NULL;
    ntk_gram *gram = NULL;
    ntk_learning *l = NULL;
    kit_random(8, ROWS * P, j);
    kit_random(9, P, d);
    for (int i = 0; i < P; ++i) d[i] = 0.5 + d[i] * d[i];
    jacobian = dense_jacobian(ctx, ROWS, P, 2, j);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &d_view, &optimizer));
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, jacobian, optimizer, &gram));
    kit_ok(ctx, ntk_learning_create(ctx, gram, &y_view, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .loss = NTK_LOSS_CROSS_ENTROPY}, &l));
    kit_ok(ctx, ntk_learning_weights_at(ctx, l, NULL, (double[]){3}, 1, &weights));
    kit_ok(ctx, ntk_learning_train(ctx, l, &weights, &outputs));
    kit_ok(ctx, ntk_learning_parameters(ctx, l, &weights, &t_view));
    dense_multiply(ROWS, 1, P, j, theta, moved);
    kit_close(ROWS, f, moved, 1e-14);
    assert_true(f[0] > f[1] && f[2] < f[3] && f[4] > f[5]); /* the classes */
    ntk_learning_destroy(l);
    ntk_gram_destroy(gram);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

/* ---- edges ------------------------------------------------------------------------------------------------------- */

static int refuses(void *user, int64_t samples, int64_t outputs, const double *f, const double *y, double *g, double *value)
{
    (void)user, (void)samples, (void)outputs, (void)f, (void)y, (void)value;
    g[0] = 0;
    return 7;
}

/* A kernel of rank one: outputs move along it only; nothing becomes a NaN, at infinity either. */
static void singular_kernels(void **state)
{
    static const double values[N] = {2}, times[] = {1, INFINITY};
    double w[2 * N * C], f[2 * N * C], moved = 0;
    problem p;
    open_problem(*state, values, &p);
    weights_of(*state, &p, &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .f0 = &p.f0_view}, 2, times, w, f);
    for (int i = 0; i < 2 * N * C; ++i) {
        assert_true(isfinite(w[i]) && isfinite(f[i]));
        moved = fmax(moved, fabs(f[i] - p.f0[i % (N * C)]));
    }
    assert_true(moved > 1e-3);
    ntk_gram_destroy(p.gram);
}

static void wrong_calls(void **state)
{
    static const double values[N] = {3, 2, 1, 0.5, 0.1, 0.01};
    double w[N * C];
    problem p;
    ntk_learning *l = NULL;
    ntk_array weights = ntk_array_dense(w, NTK_F64, 3, (int64_t[]){2, N, C});
    struct {
        ntk_learning_options o;
        ntk_status status;
        const char *words;
    } cases[] = {
        {{NTK_LEARNING_OPTIONS_INIT, .momentum = 1}, NTK_ERROR_ARGUMENT, "momentum is 1"},
        {{NTK_LEARNING_OPTIONS_INIT, .tolerance = 1e-20}, NTK_ERROR_ARGUMENT, "tolerance is 1e-20"},
        {{NTK_LEARNING_OPTIONS_INIT, .tolerance = -1}, NTK_ERROR_ARGUMENT, "tolerance is -1"},
        {{NTK_LEARNING_OPTIONS_INIT, .huber_delta = -1}, NTK_ERROR_ARGUMENT, "huber_delta is -1"},
        {{NTK_LEARNING_OPTIONS_INIT, .weight_decay = NAN}, NTK_ERROR_ARGUMENT, "weight_decay is nan"},
        {{NTK_LEARNING_OPTIONS_INIT, .max_steps = -2}, NTK_ERROR_ARGUMENT, "max_steps is -2"},
        {{NTK_LEARNING_OPTIONS_INIT, .loss = (ntk_loss)9}, NTK_ERROR_ARGUMENT, "options.loss is 9"},
        {{NTK_LEARNING_OPTIONS_INIT, .loss = NTK_LOSS_LOGISTIC}, NTK_ERROR_ARGUMENT, "targets of logistic lie in [0, 1]"},
        {{NTK_LEARNING_OPTIONS_INIT, .callback = refuses}, NTK_ERROR_CALLBACK, "returned 7"},
    };
    open_problem(*state, values, &p);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i)
        kit_fails(*state, ntk_learning_create(*state, p.gram, &p.y_view, &cases[i].o, &l), cases[i].status, cases[i].words);
    kit_ok(*state, ntk_learning_create(*state, p.gram, &p.y_view, NULL, &l));
    kit_fails(*state, ntk_learning_weights_at(*state, l, NULL, (double[]){2, 1}, 2, &weights), NTK_ERROR_ARGUMENT, "times[1] is 1, after 2");
    kit_fails(*state, ntk_learning_weights_at(*state, l, NULL, (double[]){NAN, 1}, 2, &weights), NTK_ERROR_ARGUMENT, "times[0] is nan");
    kit_fails(*state, ntk_learning_parameters(*state, l, &weights, &weights), NTK_ERROR_ARGUMENT, "no Jacobian");
    assert_int_equal(ntk_learning_state_size(NULL), -1);
    ntk_learning_destroy(l);
    ntk_gram_destroy(p.gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(golden_cross_entropy), kit_test(squared_error_is_the_closed_form), kit_test(stiff_flow_is_cheap),
        kit_test(cross_entropy_is_the_flow), kit_test(steady_state_solves_its_equation), kit_test(a_callback_is_as_good),
        kit_test(training_goes_on), kit_test(steps_are_a_loop), kit_test(parameters_explain_f), kit_test(singular_kernels), kit_test(wrong_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
