#include "dense.h"

#include <float.h>
#include <math.h>

enum { N = 5, T = 6 };
static const double VALUES[N] = {4, 1, 0.25, 0, 0}, TIMES[T] = {0, 0.5, 3, 20, 400, INFINITY};

typedef struct scene {
    double y[N], f0[N];
    ntk_gram *gram;
    ntk_dynamics *d;
} scene;

/* K diagonal, so that its modes are the samples: what is learnt of each can be written down. */
static void scene_open(ntk_context *ctx, ntk_dynamics_options o, scene *s)
{
    double k[N * N] = {0};
    ntk_array targets = ntk_vector_f64(s->y, N), start = ntk_vector_f64(s->f0, N);
    for (int i = 0; i < N; ++i) k[i * N + i] = VALUES[i];
    kit_random(1, N, s->y);
    kit_random(2, N, s->f0);
    o.f0 = &start;
    s->gram = dense_gram(ctx, N, k);
    kit_ok(ctx, ntk_dynamics_create(ctx, s->gram, &targets, &o, &s->d));
}

static void scene_close(scene *s)
{
    ntk_dynamics_destroy(s->d);
    ntk_gram_destroy(s->gram);
}

static double half_square(const scene *s, int first, int last)
{
    double sum = 0;
    for (int i = first; i < last; ++i) sum += (s->y[i] - s->f0[i]) * (s->y[i] - s->f0[i]) / 2;
    return sum;
}

static void test_certificate(void **state)
{
    for (ntk_loss_scale scale = 0; scale < 2; ++scale) {
        double bound[T], loss[T], c = scale == NTK_LOSS_SCALE_MEAN ? N : 1, eta = 0.7;
        ntk_array out = ntk_vector_f64(bound, T), losses = ntk_vector_f64(loss, T);
        scene s;
        scene_open(*state, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .loss_scale = scale, .learning_rate = eta}, &s);
        kit_near(ntk_dynamics_unreachable_loss(s.d), half_square(&s, 3, N) / c, 4 * DBL_EPSILON);
        kit_near(ntk_dynamics_largest_step(s.d), 2 * c / 4, 4 * DBL_EPSILON);
        kit_ok(*state, ntk_dynamics_bound_at(*state, s.d, TIMES, T, &out));
        kit_ok(*state, ntk_dynamics_loss_at(*state, s.d, TIMES, T, &losses));
        for (int i = 0; i < T; ++i) {
            kit_near(bound[i], (half_square(&s, 3, N) + exp(-2 * eta * 0.25 / c * TIMES[i]) * half_square(&s, 0, 3)) / c, 1e-14);
            assert_true(loss[i] <= bound[i] * (1 + 8 * DBL_EPSILON));
        }
        kit_near(loss[T - 1], ntk_dynamics_unreachable_loss(s.d), 1e-15); /* what is left is what cannot be reached */
        scene_close(&s);
    }
}

static void test_decay(void **state)
{
    double got[T * N], wanted[T * N];
    ntk_array out = ntk_matrix_f64(got, T, N);
    scene s;
    scene_open(*state, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 2}, &s);
    for (int i = 0; i < T; ++i)
        for (int j = 0; j < N; ++j) wanted[i * N + j] = VALUES[j] == 0 ? 1 : exp(-2 * VALUES[j] * TIMES[i]);
    kit_ok(*state, ntk_dynamics_decay_at(*state, s.d, TIMES, T, &out));
    kit_close(T * N, got, wanted, 1e-14);
    scene_close(&s);
}

/* After the time of a mode its share is left; a step less, and more is. */
static void test_mode_times(void **state)
{
    const double share = 0.01;
    double when[N], left[N];
    ntk_array out = ntk_vector_f64(when, N), one = ntk_matrix_f64(left, 1, N);
    for (int discrete = 0; discrete < 2; ++discrete) {
        scene s;
        scene_open(*state, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.45, .discrete = discrete}, &s);
        kit_ok(*state, ntk_dynamics_mode_times(*state, s.d, share, &out));
        for (int i = 0; i < 3; ++i) {
            double before = discrete ? when[i] - 1 : when[i] * (1 - 1e-9);
            kit_ok(*state, ntk_dynamics_decay_at(*state, s.d, &when[i], 1, &one));
            assert_true(fabs(left[i]) <= share * (1 + 1e-12));
            kit_ok(*state, ntk_dynamics_decay_at(*state, s.d, &before, 1, &one));
            assert_true(fabs(left[i]) > share);
        }
        assert_true(isinf(when[3]) && isinf(when[4]));
        scene_close(&s);
    }
}

/* One mode of eigenvalue k. */
static ntk_dynamics *mode_open(ntk_context *ctx, double k, ntk_dynamics_options o, ntk_gram **gram)
{
    static double y = 1;
    ntk_array targets = ntk_vector_f64(&y, 1);
    ntk_dynamics *d = NULL;
    *gram = dense_gram(ctx, 1, &k);
    kit_ok(ctx, ntk_dynamics_create(ctx, *gram, &targets, &o, &d));
    return d;
}

/* theta moves by steps: the last at which more than a share is left, from an iteration of 20,000 of them. */
static void test_late_steps(void **state)
{
    static const double momenta[] = {0.1, 0.5, 0.9, 0.99}, sizes[] = {1e-3, 0.02, 0.3, 1, 1.7, 1.95, 2.05, 2.5, 3.3, 3.9}, decays[] = {0, 0.002}, shares[] = {0.71, 0.13, 0.011};
    int tried = 0, never = 0;
    for (int which = 0; which < 4 * 10 * 2 * 3; ++which) {
        double m = momenta[which % 4], k = sizes[which / 4 % 10], w = decays[which / 40 % 2] * k, share = shares[which / 80], f = 0, before = 0, wanted = 0, got;
        ntk_array out = ntk_vector_f64(&got, 1);
        ntk_gram *gram;
        ntk_dynamics *d;
        if (k + w >= 2 * (1 + m) * 0.999) continue;
        d = mode_open(*state, k, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .momentum = m, .weight_decay = w, .discrete = 1}, &gram);
        kit_ok(*state, ntk_dynamics_mode_times(*state, d, share, &out));
        for (int step = 1; step <= 20000; ++step) {
            double next = f + m * (f - before) - k * (f - 1) - w * f; /* f = sqrt(k) theta, f(0) = 0, y = 1 */
            before = f;
            f = next;
            if (fabs(f - 1) > share) wanted = step;
        }
        if (isinf(got)) ++never;
        else kit_near(got, wanted + 1, 0);
        ++tried;
        ntk_dynamics_destroy(d);
        ntk_gram_destroy(gram);
    }
    assert_true(tried > 150 && never == 0);
}

/* Heavy ball: on a fine grid of times nothing after it, and something just before, is outside. */
static void test_late_ball(void **state)
{
    static const double momenta[] = {0.2, 0.9}, sizes[] = {1e-3, 0.0025, 0.04, 0.16, 1, 9}, decays[] = {0, 0.02}, shares[] = {0.6, 0.05};
    for (int which = 0; which < 2 * 6 * 2 * 2; ++which) {
        double m = momenta[which % 2], k = sizes[which / 2 % 6], w = decays[which / 12 % 2] * k, share = shares[which / 24], got, left, just, horizon;
        ntk_array out = ntk_vector_f64(&got, 1), one = ntk_matrix_f64(&left, 1, 1);
        ntk_gram *gram;
        ntk_dynamics *d = mode_open(*state, k, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .momentum = m, .weight_decay = w}, &gram);
        kit_ok(*state, ntk_dynamics_mode_times(*state, d, share, &out));
        assert_true(isfinite(got) && got > 0);
        just = got * (1 - 1e-9);
        kit_ok(*state, ntk_dynamics_decay_at(*state, d, &just, 1, &one));
        assert_true(fabs(left) > share);
        horizon = got + 10 / (1 - m) + 20 / sqrt(k);
        for (int i = 0; i <= 2000; ++i) {
            double time = got * (1 + 1e-12) + (horizon - got) * i / 2000;
            kit_ok(*state, ntk_dynamics_decay_at(*state, d, &time, 1, &one));
            assert_true(fabs(left) <= share);
        }
        ntk_dynamics_destroy(d);
        ntk_gram_destroy(gram);
    }
}

static void test_late_never(void **state)
{
    double got;
    ntk_array out = ntk_vector_f64(&got, 1);
    for (int discrete = 0; discrete < 2; ++discrete) { /* decay leaves a fifth */
        ntk_gram *gram;
        ntk_dynamics *d = mode_open(*state, 0.4, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .momentum = 0.5, .weight_decay = 0.1, .discrete = discrete}, &gram);
        kit_ok(*state, ntk_dynamics_mode_times(*state, d, 0.19, &out));
        assert_true(isinf(got));
        kit_ok(*state, ntk_dynamics_mode_times(*state, d, 0.21, &out));
        assert_true(isfinite(got));
        kit_fails(*state, ntk_dynamics_mode_times(*state, d, 1, &out), NTK_ERROR_ARGUMENT, "share is 1; with momentum");
        ntk_dynamics_destroy(d);
        ntk_gram_destroy(gram);
    }
}

static void test_time_to_loss(void **state)
{
    for (int discrete = 0; discrete < 2; ++discrete) {
        double time = -1, first, at[2], loss[2], wanted;
        ntk_array out = ntk_vector_f64(loss, 2);
        scene s;
        scene_open(*state, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.3, .discrete = discrete}, &s);
        first = half_square(&s, 0, N);
        wanted = half_square(&s, 3, N) + 0.03 * half_square(&s, 0, 3);
        kit_ok(*state, ntk_dynamics_time_to_loss(*state, s.d, wanted, &time));
        at[0] = time;
        at[1] = discrete ? time - 1 : time * (1 - 1e-9);
        kit_ok(*state, ntk_dynamics_loss_at(*state, s.d, at, 2, &out));
        assert_true(loss[0] <= wanted * (1 + 1e-14) && loss[1] > wanted);
        kit_ok(*state, ntk_dynamics_time_to_loss(*state, s.d, half_square(&s, 3, N) * 0.99, &time));
        assert_true(isinf(time)); /* below what can be reached */
        kit_ok(*state, ntk_dynamics_time_to_loss(*state, s.d, first * 1.01, &time));
        assert_true(time == 0);
        scene_close(&s);
    }
}

static void test_largest_step(void **state)
{
    for (int side = -1; side < 2; side += 2) { /* just below: converges; just above: grows */
        const double m = 0.5, eta = 2 * (1 + m) / 4 * (1 + side * 1e-3), steps[2] = {0, 20000};
        double loss[2];
        ntk_array out = ntk_vector_f64(loss, 2);
        scene s;
        scene_open(*state, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = eta, .momentum = m, .discrete = 1}, &s);
        kit_near(ntk_dynamics_largest_step(s.d), 0.75, 4 * DBL_EPSILON);
        kit_ok(*state, ntk_dynamics_loss_at(*state, s.d, steps, 2, &out));
        if (side < 0) kit_near(loss[1], half_square(&s, 3, N), 1e-9);
        else assert_true(loss[1] > 1e6 * loss[0]);
        scene_close(&s);
    }
}

static void test_refusals(void **state)
{
    double numbers[N], time;
    ntk_array out = ntk_vector_f64(numbers, N);
    scene s;
    scene_open(*state, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .momentum = 0.5}, &s);
    kit_fails(*state, ntk_dynamics_time_to_loss(*state, s.d, 0.1, &time), NTK_ERROR_UNSUPPORTED, "the momentum is 0.5");
    kit_fails(*state, ntk_dynamics_mode_times(*state, s.d, 0, &out), NTK_ERROR_ARGUMENT, "share is 0");
    kit_fails(*state, ntk_dynamics_time_to_loss(*state, s.d, -1, &time), NTK_ERROR_ARGUMENT, "loss is -1");
    kit_fails(*state, ntk_dynamics_bound_at(*state, s.d, TIMES, T, &out), NTK_ERROR_SHAPE, "out has shape [5]; expected [6]");
    scene_close(&s);
    scene_open(*state, (ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.6, .discrete = 1}, &s);
    kit_fails(*state, ntk_dynamics_mode_times(*state, s.d, 0.1, &out), NTK_ERROR_UNSTABLE, "0.6 is not below 0.5");
    scene_close(&s);
    assert_true(ntk_dynamics_largest_step(NULL) == -1 && ntk_dynamics_unreachable_loss(NULL) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_late_steps), kit_test(test_late_ball), kit_test(test_late_never), kit_test(test_certificate),  kit_test(test_decay),        kit_test(test_mode_times),
        kit_test(test_time_to_loss), kit_test(test_largest_step), kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
