/* Steps against a loop that takes them; the heavy ball against Runge-Kutta; both where their closed forms degenerate. */
#include "dense.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { N = 6, C = 2 };

/* f after one mode of eigenvalue k: y = 0, f(0) = 1; and the weight, by k_test = 1 and f0_test = 0: -w. */
static void one_mode(ntk_context *ctx, double k, const ntk_dynamics_options *options, double time, double *left, double *weight)
{
    double y = 0, start = 1, one = 1;
    ntk_array targets = ntk_vector_f64(&y, 1), f0 = ntk_vector_f64(&start, 1), out = ntk_matrix_f64(left, 1, 1), k_test = ntk_matrix_f64(&one, 1, 1);
    ntk_dynamics_options o = *options;
    ntk_gram *gram = dense_gram(ctx, 1, &k);
    ntk_dynamics *d = NULL;
    o.f0 = &f0;
    o.tolerance = 1e-300;
    kit_ok(ctx, ntk_dynamics_create(ctx, gram, &targets, &o, &d));
    kit_ok(ctx, ntk_dynamics_at(ctx, d, &time, 1, &out));
    out = ntk_matrix_f64(weight, 1, 1);
    kit_ok(ctx, ntk_dynamics_test_at(ctx, d, &k_test, NULL, &time, 1, &out));
    *weight = -*weight;
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
}

/* The recurrence in long double: the error itself, and 1 - error without cancellation. */
static void take_steps(double a, double m, int steps, long double *left, long double *learned)
{
    long double done = 0, move = 0;
    for (int i = 0; i < steps; ++i) {
        move = m * move + (1 - a * done); /* both divided by a */
        done += move;
    }
    *learned = done;
    *left = 1 - a * done;
}

/* Roots of every kind: real, complex, negative, one zero, and near and at the double root (1 - sqrt m)², (1 + sqrt m)². */
static void test_steps_of_one_mode(void **state)
{
    static const double momenta[] = {0, 0.25, 0.5, 0.81, 0.9, 0.99}, shares[] = {1e-14, 1e-9, 1e-4, 0.01, 0.2, 0.25, 0.9, 1, 1.5, 2.1};
    static const int steps[] = {1, 2, 3, 7, 64, 1001};
    for (size_t i = 0; i < sizeof momenta / sizeof *momenta; ++i)
        for (size_t j = 0; j < sizeof shares / sizeof *shares + 6; ++j)
            for (size_t l = 0; l < sizeof steps / sizeof *steps; ++l) {
                double m = momenta[i], near = (1 - sqrt(m)) * (1 - sqrt(m)), far = (1 + sqrt(m)) * (1 + sqrt(m)), left, weight;
                const double defects[] = {near, near * (1 + 1e-13), near * (1 - 1e-7), far, far * (1 - 1e-13), far * (1 - 1e-6)};
                size_t regular = sizeof shares / sizeof *shares;
                double a = j < regular ? shares[j] : defects[j - regular];
                long double wanted, learned, bound;
                ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .momentum = m, .discrete = 1};
                if (a >= 2 * (1 + m)) continue;
                take_steps(a, m, steps[l], &wanted, &learned);
                one_mode(*state, a, &o, steps[l], &left, &weight);
                /* k roundings; beside a double root, where a changed by eps moves the angle's square by eps, k² of them. */
                bound = (steps[l] * 40 + (j < regular ? 0 : (double)steps[l] * steps[l])) * DBL_EPSILON * (1 + fabsl(wanted));
                kit_near(left, (double)wanted, (double)bound);
                if (a < 1e-3 && wanted > 0.9) kit_near(weight, (double)learned, (double)(learned * bound)); /* slow modes: relative */
                kit_near(a * weight, (double)(a * learned), (double)bound);
            }
}

static double fifth(double x) { return x * x * x * x * x; }

/* f'' = -(1 - m) f' - a f by Runge-Kutta of order 4 on (f, f'). */
static double roll(double a, double m, double time)
{
    enum { STEPS = 20000 };
    double f = 1, v = 0, h = time / STEPS;
    for (int i = 0; i < STEPS; ++i) {
        double k1 = v, l1 = -(1 - m) * v - a * f, k2 = v + h / 2 * l1, l2 = -(1 - m) * k2 - a * (f + h / 2 * k1), k3 = v + h / 2 * l2;
        double l3 = -(1 - m) * k3 - a * (f + h / 2 * k2), k4 = v + h * l3, l4 = -(1 - m) * k4 - a * (f + h * k3);
        f += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
        v += h / 6 * (l1 + 2 * l2 + 2 * l3 + l4);
    }
    return f;
}

static void test_heavy_ball(void **state)
{
    static const double times[] = {1e-3, 0.3, 2, 7, 30}, momenta[] = {0.2, 0.5, 0.9};
    for (size_t i = 0; i < 3; ++i)
        for (size_t j = 0; j < 5; ++j) {
            double m = momenta[i], critical = (1 - m) * (1 - m) / 4;
            const double shares[] = {1e-12, 1e-3, critical, critical * (1 + 1e-12), critical * 0.999, 1, 4};
            for (size_t l = 0; l < sizeof shares / sizeof *shares; ++l) {
                ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .momentum = m};
                double a = shares[l], left, weight, t = times[j], g = 1 - m;
                one_mode(*state, a, &o, t, &left, &weight);
                kit_near(left, roll(a, m, t), 1e-11 + 20000 * fifth(t * 2.5 / 20000));
                kit_near(1 - a * weight, left, 4e-15);
                /* a -> 0: w'' = -g w' + 1 */
                if (a < 1e-11 && t >= 0.3) kit_near(weight, t / g - (1 - exp(-g * t)) / (g * g), 1e-9 * weight);
                if (t < 1e-2) kit_near(weight, t * t / 2 - g * t * t * t / 6 + (g * g - a) * t * t * t * t / 24, 1e-13 * weight + t * t * t * t * t);
            }
        }
}

/* theta takes steps of (momentum, weight decay): J and D known, a loop over them. */
static void test_steps_of_parameters(void **state)
{
    enum { S = 4, P = 9, STEPS = 25 };
    const double eta = 0.05, m = 0.6, decay = 0.3;
    double j[S * P], dd[P], y[S], start[S], theta[P] = {0}, before[P] = {0}, got[P], f[S], wanted[S], times[1] = {STEPS};
    ntk_array targets = ntk_vector_f64(y, S), f0 = ntk_vector_f64(start, S), diagonal = ntk_vector_f64(dd, P), out = ntk_matrix_f64(got, 1, P);
    ntk_array train = ntk_matrix_f64(f, 1, S);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = eta, .f0 = &f0, .momentum = m, .weight_decay = decay, .discrete = 1,
                              .loss_scale = NTK_LOSS_SCALE_MEAN};
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer = NULL;
    ntk_gram *gram = NULL;
    ntk_dynamics *d = NULL;
    kit_random(1, S * P, j);
    kit_random(2, S, y);
    kit_random(3, S, start);
    for (int i = 0; i < P; ++i) dd[i] = 0.5 + 0.2 * i;
    jacobian = dense_jacobian(*state, S, P, 1, j);
    kit_ok(*state, ntk_optimizer_diagonal(*state, &diagonal, &optimizer));
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, optimizer, &gram));
    kit_ok(*state, ntk_dynamics_create(*state, gram, &targets, &o, &d));
    for (int step = 0; step < STEPS; ++step) {
        double next[P];
        dense_multiply(S, 1, P, j, theta, wanted);
        for (int i = 0; i < S; ++i) wanted[i] += start[i] - y[i];
        for (int i = 0; i < P; ++i) {
            double gradient = 0;
            for (int l = 0; l < S; ++l) gradient += j[l * P + i] * wanted[l] / S;
            next[i] = theta[i] + m * (theta[i] - before[i]) - eta * (gradient / dd[i] + decay * theta[i]);
        }
        memcpy(before, theta, sizeof theta);
        memcpy(theta, next, sizeof theta);
    }
    kit_ok(*state, ntk_dynamics_parameters_at(*state, d, times, 1, &out));
    kit_close(P, got, theta, 1e-13);
    dense_multiply(S, 1, P, j, theta, wanted);
    for (int i = 0; i < S; ++i) wanted[i] += start[i];
    kit_ok(*state, ntk_dynamics_at(*state, d, times, 1, &train));
    kit_close(S, f, wanted, 1e-13);
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

/* At infinity weight decay is ridge regression: f = K (K + w I)⁻¹ y, also where K is singular. */
static void test_weight_decay_is_a_ridge(void **state)
{
    const double values[N] = {5, 2, 1, 0.1}, w = 0.25, time = INFINITY;
    double k[N * N], shifted[N * N], y[N * C], f[N * C], wanted[N * C], weights[N * C], learned[N * N];
    ntk_array targets = ntk_matrix_f64(y, N, C), out = ntk_array_dense(f, NTK_F64, 3, (int64_t[]){1, N, C});
    dense_symmetric(5, N, values, k);
    kit_random(6, N * C, y);
    memcpy(shifted, k, sizeof k);
    dense_shift(N, w, shifted);
    dense_learned(N, shifted, INFINITY, learned); /* the inverse */
    dense_multiply(N, C, N, learned, y, weights);
    dense_multiply(N, C, N, k, weights, wanted);
    for (int discrete = 0; discrete < 2; ++discrete) {
        ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.1, .weight_decay = w, .discrete = discrete};
        ntk_gram *gram = dense_gram(*state, N, k);
        ntk_dynamics *d = NULL;
        kit_ok(*state, ntk_dynamics_create(*state, gram, &targets, &o, &d));
        kit_ok(*state, ntk_dynamics_at(*state, d, &time, 1, &out));
        kit_close(N * C, f, wanted, 1e-13);
        ntk_dynamics_destroy(d);
        ntk_gram_destroy(gram);
    }
}

static void test_refusals(void **state)
{
    const double k[4] = {2, 0, 0, 1}, half = 2.5, infinite = INFINITY;
    double y[2] = {1, 2}, f[2];
    ntk_array targets = ntk_vector_f64(y, 2), out = ntk_matrix_f64(f, 1, 2);
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 1.5, .momentum = 0.5, .discrete = 1};
    ntk_dynamics *d = NULL;
    kit_ok(*state, ntk_dynamics_create(*state, gram, &targets, &o, &d));
    kit_fails(*state, ntk_dynamics_at(*state, d, &half, 1, &out), NTK_ERROR_ARGUMENT, "time 2.5 is no whole number");
    kit_fails(*state, ntk_dynamics_at(*state, d, &infinite, 1, &out), NTK_ERROR_UNSTABLE, "the learning rate 1.5 is not below 1.5");
    ntk_dynamics_destroy(d);
    o.momentum = 1;
    kit_fails(*state, ntk_dynamics_create(*state, gram, &targets, &o, &d), NTK_ERROR_ARGUMENT, "momentum is 1; expected 0 <= momentum < 1");
    o.momentum = NAN;
    kit_fails(*state, ntk_dynamics_create(*state, gram, &targets, &o, &d), NTK_ERROR_ARGUMENT, "momentum");
    o.momentum = 0;
    o.weight_decay = -1;
    kit_fails(*state, ntk_dynamics_create(*state, gram, &targets, &o, &d), NTK_ERROR_ARGUMENT, "weight_decay is -1");
    ntk_gram_destroy(gram);
}

/* ---- weight decay towards 0 ------------------------------------------------------------------------------------- */

enum { ROWS = 4, FEW = 3, WEIGHTS = 9 };

/* A linearised network f = f0 + J (theta - theta0) with D, and all that training it says. */
typedef struct decaying {
    double j[ROWS * WEIGHTS], j_test[FEW * WEIGHTS], d[WEIGHTS], theta0[WEIGHTS], y[ROWS], f0[ROWS], f0_test[FEW];
    double eta, m, w, c;
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_gram *gram;
    ntk_dynamics *dynamics;
} decaying;

static void decaying_open(ntk_context *ctx, double m, double w, bool discrete, bool singular, ntk_loss_scale scale, decaying *s)
{
    ntk_array y = ntk_vector_f64(s->y, ROWS), f0 = ntk_vector_f64(s->f0, ROWS), d = ntk_vector_f64(s->d, WEIGHTS), theta0 = ntk_vector_f64(s->theta0, WEIGHTS);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .loss_scale = scale, .learning_rate = s->eta = 0.07, .f0 = &f0, .momentum = m, .weight_decay = w,
                              .discrete = discrete, .decay_to_zero = 1, .theta0 = &theta0};
    s->m = m;
    s->w = w;
    s->c = scale == NTK_LOSS_SCALE_MEAN ? ROWS : 1;
    kit_random(1, ROWS * WEIGHTS, s->j);
    kit_random(2, FEW * WEIGHTS, s->j_test);
    kit_random(3, WEIGHTS, s->theta0);
    kit_random(4, ROWS, s->y);
    kit_random(5, ROWS, s->f0);
    kit_random(6, FEW, s->f0_test);
    for (int i = 0; i < WEIGHTS; ++i) s->d[i] = 0.5 + 0.2 * i;
    if (singular) memcpy(s->j + WEIGHTS, s->j, WEIGHTS * sizeof *s->j); /* two samples alike, with other targets */
    s->jacobian = dense_jacobian(ctx, ROWS, WEIGHTS, 1, s->j);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &d, &s->optimizer));
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, s->jacobian, s->optimizer, &s->gram));
    kit_ok(ctx, ntk_dynamics_create(ctx, s->gram, &y, &o, &s->dynamics));
}

static void decaying_close(decaying *s)
{
    ntk_dynamics_destroy(s->dynamics);
    ntk_gram_destroy(s->gram);
    ntk_optimizer_destroy(s->optimizer);
    ntk_jacobian_destroy(s->jacobian);
}

static void outputs_of(int rows, const double *j, const double *f0, const double *step, double *f)
{
    dense_multiply(rows, 1, WEIGHTS, j, step, f);
    for (int i = 0; i < rows; ++i) f[i] += f0[i];
}

/* What is said at `time` against theta - theta(0) = step, whichever way that was found. */
static void says(ntk_context *ctx, const decaying *s, double time, const double *step, double tolerance)
{
    double got[WEIGHTS], f[ROWS], wanted[ROWS], jt[WEIGHTS * FEW], k_test[FEW * ROWS], scaled[ROWS * WEIGHTS], h[FEW], loss, sum = 0;
    ntk_array out = ntk_matrix_f64(got, 1, WEIGHTS), train = ntk_matrix_f64(f, 1, ROWS), k = ntk_matrix_f64(k_test, FEW, ROWS), test = ntk_matrix_f64(got, 1, FEW);
    ntk_array start = ntk_vector_f64(s->f0_test, FEW), linear = ntk_vector_f64(h, FEW), losses = ntk_vector_f64(&loss, 1);
    kit_ok(ctx, ntk_dynamics_parameters_at(ctx, s->dynamics, &time, 1, &out));
    kit_close(WEIGHTS, got, step, tolerance);
    outputs_of(ROWS, s->j, s->f0, step, wanted);
    kit_ok(ctx, ntk_dynamics_at(ctx, s->dynamics, &time, 1, &train));
    kit_close(ROWS, f, wanted, tolerance);
    for (int i = 0; i < ROWS; ++i) sum += (wanted[i] - s->y[i]) * (wanted[i] - s->y[i]) / (2 * s->c);
    kit_ok(ctx, ntk_dynamics_loss_at(ctx, s->dynamics, &time, 1, &losses));
    kit_near(loss, sum, tolerance);
    for (int i = 0; i < ROWS * WEIGHTS; ++i) scaled[i] = s->j[i] / s->d[i % WEIGHTS];
    dense_transpose(FEW, WEIGHTS, s->j_test, jt);
    for (int a = 0; a < FEW; ++a)
        for (int b = 0; b < ROWS; ++b) {
            k_test[a * ROWS + b] = 0;
            for (int l = 0; l < WEIGHTS; ++l) k_test[a * ROWS + b] += s->j_test[a * WEIGHTS + l] * scaled[b * WEIGHTS + l];
        }
    dense_multiply(FEW, 1, WEIGHTS, s->j_test, s->theta0, h);
    kit_ok(ctx, ntk_dynamics_test_decayed_at(ctx, s->dynamics, &k, &start, &linear, &time, 1, &test));
    outputs_of(FEW, s->j_test, s->f0_test, step, wanted);
    kit_close(FEW, got, wanted, tolerance);
}

/* theta' = -eta (D⁻¹ Jᵀ (f - y)/c + w theta) at theta(0) + step. */
static void slope_of(const decaying *s, const double *step, double *slope)
{
    double f[ROWS];
    outputs_of(ROWS, s->j, s->f0, step, f);
    for (int i = 0; i < WEIGHTS; ++i) {
        double gradient = 0;
        for (int l = 0; l < ROWS; ++l) gradient += s->j[l * WEIGHTS + i] * (f[l] - s->y[l]) / s->c;
        slope[i] = -s->eta * (gradient / s->d[i] + s->w * (s->theta0[i] + step[i]));
    }
}

static void test_steps_towards_zero(void **state)
{
    enum { STEPS = 40 };
    static const double momenta[] = {0, 0.6}, decays[] = {0, 0.3};
    for (int which = 0; which < 16; ++which) {
        double step[WEIGHTS] = {0}, before[WEIGHTS] = {0};
        decaying s;
        decaying_open(*state, momenta[which & 1], decays[which >> 1 & 1], true, which >> 2 & 1, (ntk_loss_scale)(which >> 3), &s);
        says(*state, &s, 0, step, 1e-15);
        for (int k = 1; k <= STEPS; ++k) {
            double slope[WEIGHTS];
            slope_of(&s, step, slope);
            for (int i = 0; i < WEIGHTS; ++i) {
                double next = step[i] + s.m * (step[i] - before[i]) + slope[i];
                before[i] = step[i];
                step[i] = next;
            }
            if (k % 13 == 1 || k == STEPS) says(*state, &s, k, step, 1e-13);
        }
        decaying_close(&s);
    }
}

/* The state (step, step', 1) moves by one matrix; without momentum step alone. */
static void test_flow_towards_zero(void **state)
{
    enum { P = WEIGHTS, S = 2 * P + 1 };
    static const double times[] = {0, 0.4, 3, 25};
    for (int which = 0; which < 8; ++which) {
        double a[S * S] = {0}, e[S * S], zero[P] = {0}, constant[P], m = which & 1 ? 0.5 : 0;
        decaying s;
        decaying_open(*state, m, 0.3, false, which >> 1 & 1, (ntk_loss_scale)(which >> 2), &s);
        slope_of(&s, zero, constant);
        for (int column = 0; column < P; ++column) {
            double unit[P] = {0}, slope[P];
            unit[column] = 1;
            slope_of(&s, unit, slope);
            for (int i = 0; i < P; ++i) a[(m > 0 ? P + i : i) * S + column] = slope[i] - constant[i];
        }
        for (int i = 0; i < P; ++i) {
            a[(m > 0 ? P + i : i) * S + 2 * P] = constant[i];
            a[(P + i) * S + P + i] = m > 0 ? m - 1 : 0;
            if (m > 0) a[i * S + P + i] = 1;
        }
        for (int t = 0; t < 4; ++t) {
            double step[P];
            dense_exponential(S, a, times[t], e);
            for (int i = 0; i < P; ++i) step[i] = e[i * S + 2 * P];
            says(*state, &s, times[t], step, 2e-12); /* squaring the exponential some 15 times leaves 2^15 eps at worst */
        }
        decaying_close(&s);
    }
}

/* At infinity the gradient and the decay are at rest, from wherever it began. */
static void test_rest_towards_zero(void **state)
{
    for (int which = 0; which < 8; ++which) {
        double step[WEIGHTS], slope[WEIGHTS], time = INFINITY;
        ntk_array out = ntk_matrix_f64(step, 1, WEIGHTS);
        decaying s;
        decaying_open(*state, which & 1 ? 0.5 : 0, 0.3, which >> 1 & 1, which >> 2, NTK_LOSS_SCALE_SUM, &s);
        kit_ok(*state, ntk_dynamics_parameters_at(*state, s.dynamics, &time, 1, &out));
        slope_of(&s, step, slope);
        for (int i = 0; i < WEIGHTS; ++i) kit_near(slope[i], 0, 1e-14);
        says(*state, &s, INFINITY, step, 1e-14);
        decaying_close(&s);
    }
}

static void test_refused_decays(void **state)
{
    double numbers[WEIGHTS], share = 0.5, time = 1, k[ROWS] = {0};
    ntk_array some = ntk_vector_f64(numbers, ROWS), all = ntk_vector_f64(numbers, WEIGHTS), f = ntk_matrix_f64(numbers, 1, ROWS), k_test = ntk_matrix_f64(k, 1, ROWS), one = ntk_matrix_f64(numbers, 1, 1);
    ntk_dynamics_options loss = {NTK_DYNAMICS_OPTIONS_INIT, .weight_decay = 0.1, .decay_in_loss = 1}, early = {NTK_DYNAMICS_OPTIONS_INIT, .theta0 = &all};
    ntk_dynamics *d = NULL;
    ntk_gram *plain = NULL;
    decaying s;
    kit_random(9, WEIGHTS, numbers);
    decaying_open(*state, 0, 0.3, false, false, NTK_LOSS_SCALE_SUM, &s);
    kit_fails(*state, ntk_dynamics_mode_times(*state, s.dynamics, share, &some), NTK_ERROR_UNSUPPORTED, "no multiple of its first");
    kit_fails(*state, ntk_dynamics_time_to_loss(*state, s.dynamics, share, &time), NTK_ERROR_UNSUPPORTED, "no multiple of its first");
    kit_fails(*state, ntk_dynamics_decay_at(*state, s.dynamics, &share, 1, &f), NTK_ERROR_UNSUPPORTED, "no multiple of its first");
    kit_fails(*state, ntk_dynamics_bound_at(*state, s.dynamics, &share, 1, &f), NTK_ERROR_UNSUPPORTED, "no multiple of its first");
    kit_fails(*state, ntk_dynamics_test_at(*state, s.dynamics, &k_test, NULL, &share, 1, &one), NTK_ERROR_ARGUMENT, "J* theta(0)");
    kit_fails(*state, ntk_dynamics_create(*state, s.gram, &some, &loss, &d), NTK_ERROR_UNSUPPORTED, "D[0] is 0.5");
    kit_fails(*state, ntk_dynamics_create(*state, s.gram, &some, &early, &d), NTK_ERROR_ARGUMENT, "decay_to_zero is not set");
    early.decay_to_zero = 1;
    early.linear0 = &some;
    kit_fails(*state, ntk_dynamics_create(*state, s.gram, &some, &early, &d), NTK_ERROR_ARGUMENT, "both given");
    kit_ok(*state, ntk_gram_from_jacobian(*state, s.jacobian, NULL, &plain)); /* D = 1: in the loss is the same */
    kit_ok(*state, ntk_dynamics_create(*state, plain, &some, &loss, &d));
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(plain);
    decaying_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_steps_towards_zero), kit_test(test_flow_towards_zero), kit_test(test_rest_towards_zero), kit_test(test_refused_decays), kit_test(test_steps_of_one_mode), kit_test(test_heavy_ball),           kit_test(test_steps_of_parameters),
        kit_test(test_weight_decay_is_a_ridge), kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
