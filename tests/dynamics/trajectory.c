#include "dense.h"

#include <float.h>

enum { N = 7, C = 2, T = 5 };

static const double TIMES[T] = {0.4, INFINITY, 0, 3, 1e-3}; /* in no order */

static ntk_dynamics *dynamics_of(ntk_context *ctx, const ntk_gram *gram, const ntk_array *y, const ntk_dynamics_options *o)
{
    ntk_dynamics *d = NULL;
    kit_ok(ctx, ntk_dynamics_create(ctx, gram, y, o, &d));
    return d;
}

/* One output, by hand: f(t) = 2 + exp(-0.5 * 3 t) (5 - 2). */
static void test_one_by_one(void **state)
{
    const double k = 3, times[] = {0, 0.1, 1, 100, INFINITY};
    double y = 2, start = 5, f[5], loss[5];
    ntk_array targets = ntk_vector_f64(&y, 1), f0 = ntk_vector_f64(&start, 1), out = ntk_matrix_f64(f, 5, 1), losses = ntk_vector_f64(loss, 5);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.5, .f0 = &f0};
    ntk_gram *gram = dense_gram(*state, 1, &k);
    ntk_dynamics *d = dynamics_of(*state, gram, &targets, &o);
    ntk_gram_destroy(gram);
    kit_ok(*state, ntk_dynamics_at(*state, d, times, 5, &out));
    kit_ok(*state, ntk_dynamics_loss_at(*state, d, times, 5, &losses));
    for (int i = 0; i < 5; ++i) {
        double e = 3 * exp(-1.5 * times[i]);
        kit_near(f[i], 2 + e, 4 * DBL_EPSILON * 5);
        /* The loss keeps its relative accuracy where f - y has none left: exponents of 300 magnify their rounding. */
        kit_near(loss[i], e * e / 2, 400 * DBL_EPSILON * e * e);
    }
    ntk_dynamics_destroy(d);
}

/* Two by two: K = [[2, 1], [1, 2]] has the modes (1, 1) at rate 3 and (1, -1) at rate 1. */
static void test_two_by_two(void **state)
{
    const double k[4] = {2, 1, 1, 2}, t = 0.7;
    double y[2] = {0, 0}, start[2] = {1, 0}, f[2], wanted[2] = {(exp(-3 * t) + exp(-t)) / 2, (exp(-3 * t) - exp(-t)) / 2};
    ntk_array targets = ntk_vector_f64(y, 2), f0 = ntk_vector_f64(start, 2), out = ntk_matrix_f64(f, 1, 2);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .f0 = &f0};
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_dynamics *d = dynamics_of(*state, gram, &targets, &o);
    kit_ok(*state, ntk_dynamics_at(*state, d, &t, 1, &out));
    kit_close(2, f, wanted, 8 * DBL_EPSILON);
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
}

typedef struct scene {
    double k[N * N], y[N * C], f0[N * C];
    ntk_array targets, start;
    ntk_gram *gram;
    ntk_dynamics *d;
    double rate; /* of the oracle: eta / c */
} scene;

static void scene_open(ntk_context *ctx, ntk_loss_scale scale, scene *s)
{
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .loss_scale = scale, .learning_rate = 0.9, .f0 = &s->start};
    kit_random_spd(1, N, s->k);
    kit_random(2, N * C, s->y);
    kit_random(3, N * C, s->f0);
    s->targets = ntk_matrix_f64(s->y, N, C);
    s->start = ntk_matrix_f64(s->f0, N, C);
    s->gram = dense_gram(ctx, N, s->k);
    s->d = dynamics_of(ctx, s->gram, &s->targets, &o);
    s->rate = scale == NTK_LOSS_SCALE_MEAN ? 0.9 / (N * C) : 0.9;
}

static void scene_close(scene *s)
{
    ntk_dynamics_destroy(s->d);
    ntk_gram_destroy(s->gram);
}

/* f(t) by the matrix exponential. */
static void exact_train(const scene *s, double time, double *f)
{
    double e[N * N], difference[N * C];
    for (int i = 0; i < N * C; ++i) difference[i] = s->f0[i] - s->y[i];
    if (isinf(time)) memset(e, 0, sizeof e);
    else dense_exponential(N, s->k, -s->rate * time, e);
    dense_multiply(N, C, N, e, difference, f);
    for (int i = 0; i < N * C; ++i) f[i] += s->y[i];
}

static void test_against_the_exponential(void **state)
{
    double got[T * N * C], wanted[N * C];
    ntk_array f = ntk_array_dense(got, NTK_F64, 3, (int64_t[]){T, N, C});
    for (ntk_loss_scale scale = 0; scale < 2; ++scale) {
        scene s;
        scene_open(*state, scale, &s);
        kit_ok(*state, ntk_dynamics_at(*state, s.d, TIMES, T, &f));
        for (int i = 0; i < T; ++i) {
            exact_train(&s, TIMES[i], wanted);
            kit_close(N * C, got + i * N * C, wanted, 1e-13); /* up to 12 squarings in the oracle */
        }
        kit_close(N * C, got + 1 * N * C, s.y, 0);  /* t = infinity: y to the bit */
        kit_close(N * C, got + 2 * N * C, s.f0, 0); /* t = 0: f0 to the bit */
        scene_close(&s);
    }
}

static void test_loss(void **state)
{
    double f[N * C], loss[T];
    ntk_array out = ntk_vector_f64(loss, T);
    for (ntk_loss_scale scale = 0; scale < 2; ++scale) {
        scene s;
        scene_open(*state, scale, &s);
        kit_ok(*state, ntk_dynamics_loss_at(*state, s.d, TIMES, T, &out));
        for (int i = 0; i < T; ++i) {
            double sum = 0;
            exact_train(&s, TIMES[i], f);
            for (int j = 0; j < N * C; ++j) sum += (f[j] - s.y[j]) * (f[j] - s.y[j]);
            /* The oracle: relative rounding of 12 squarings, and of f - y, which cancels. */
            kit_near(loss[i], sum / 2 / (scale == NTK_LOSS_SCALE_MEAN ? N * C : 1), 1e-12 * sum + 4 * DBL_EPSILON * sqrt(N * C * sum) + 1e-30);
        }
        scene_close(&s);
    }
}

/* The flow itself, by small steps of the classical Runge-Kutta method. */
static void test_against_runge_kutta(void **state)
{
    enum { STEPS = 400 };
    const double time = 0.5, h = 0.9 * time / STEPS;
    double f[N * C], got[N * C];
    ntk_array out = ntk_array_dense(got, NTK_F64, 3, (int64_t[]){1, N, C});
    scene s;
    scene_open(*state, NTK_LOSS_SCALE_SUM, &s);
    memcpy(f, s.f0, sizeof f);
    for (int step = 0; step < STEPS; ++step) {
        const double share[4] = {0.5, 0.5, 1, 0}, weight[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
        double at[N * C], next[N * C];
        memcpy(at, f, sizeof f);
        memcpy(next, f, sizeof f);
        for (int stage = 0; stage < 4; ++stage) {
            double e[N * C], slope[N * C];
            for (int i = 0; i < N * C; ++i) e[i] = s.y[i] - at[i];
            dense_multiply(N, C, N, s.k, e, slope);
            for (int i = 0; i < N * C; ++i) {
                next[i] += h * weight[stage] * slope[i];
                at[i] = f[i] + h * share[stage] * slope[i];
            }
        }
        memcpy(f, next, sizeof f);
    }
    kit_ok(*state, ntk_dynamics_at(*state, s.d, &time, 1, &out));
    kit_close(N * C, got, f, 1e-8); /* (h |K|)^4 / 120 times the number of steps it lasts */
    scene_close(&s);
}

static void test_new_inputs(void **state)
{
    enum { M = 3 };
    double cross[M * N], f0[M * C], got[T * M * C], wanted[M * C], sm[N * N], w[N * C], difference[N * C], scaled[N * N];
    ntk_array k_test = ntk_matrix_f64(cross, M, N), start = ntk_matrix_f64(f0, M, C), f = ntk_array_dense(got, NTK_F64, 3, (int64_t[]){T, M, C});
    scene s;
    scene_open(*state, NTK_LOSS_SCALE_SUM, &s);
    kit_random(4, M * N, cross);
    kit_random(5, M * C, f0);
    for (int i = 0; i < N * C; ++i) difference[i] = s.f0[i] - s.y[i];
    memcpy(scaled, s.k, sizeof scaled);
    kit_ok(*state, ntk_dynamics_test_at(*state, s.d, &k_test, &start, TIMES, T, &f));
    for (int i = 0; i < T; ++i) {
        dense_learned(N, scaled, s.rate * TIMES[i], sm);
        dense_multiply(N, C, N, sm, difference, w);
        dense_multiply(M, C, N, cross, w, wanted);
        for (int j = 0; j < M * C; ++j) wanted[j] = f0[j] - wanted[j];
        kit_close(M * C, got + i * M * C, wanted, 1e-12);
    }
    kit_close(M * C, got + 2 * M * C, f0, 0);
    kit_ok(*state, ntk_dynamics_test_at(*state, s.d, &k_test, NULL, TIMES + 2, 1, &(ntk_array){got, NTK_F64, 3, {1, M, C}, {M * C, C, 1}}));
    for (int j = 0; j < M * C; ++j) assert_true(got[j] == 0);
    scene_close(&s);
}

/* f(infinity) = P y + (1 - P) f(0), finite for every time. */
static void test_singular(void **state)
{
    const double values[N] = {4, 2, 1}, times[] = {0, 2, 1e5, 1e17, DBL_MAX, INFINITY};
    double k[N * N], q[N * N], p[N * N] = {0}, y[N], start[N], got[6 * N], difference[N], wanted[N];
    ntk_array targets = ntk_vector_f64(y, N), f0 = ntk_vector_f64(start, N), f = ntk_matrix_f64(got, 6, N);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .f0 = &f0};
    ntk_gram *gram;
    ntk_dynamics *d;
    dense_symmetric(7, N, values, k);
    dense_orthogonal(7, N, q);
    for (int i = 0; i < N * N; ++i)
        for (int l = 0; l < 3; ++l) p[i] += q[i / N * N + l] * q[i % N * N + l];
    kit_random(8, N, y);
    kit_random(9, N, start);
    for (int i = 0; i < N; ++i) difference[i] = y[i] - start[i];
    dense_multiply(N, 1, N, p, difference, wanted);
    for (int i = 0; i < N; ++i) wanted[i] += start[i];
    gram = dense_gram(*state, N, k);
    d = dynamics_of(*state, gram, &targets, &o);
    assert_int_equal(ntk_dynamics_rank(d), 3);
    kit_ok(*state, ntk_dynamics_at(*state, d, times, 6, &f));
    kit_close(N, got, start, 0);
    for (int i = 2; i < 6; ++i) kit_close(N, got + i * N, wanted, i == 2 ? 1e-9 : 1e-14); /* at 1e5, rounding of 0 has moved by 1e5 eps |K| */
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
}

static void test_zero_kernel(void **state)
{
    const double k[4] = {0}, times[] = {0, 1, INFINITY};
    double y[2] = {1, 2}, start[2] = {-1, 3}, got[6];
    ntk_array targets = ntk_vector_f64(y, 2), f0 = ntk_vector_f64(start, 2), f = ntk_matrix_f64(got, 3, 2);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .f0 = &f0};
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_dynamics *d = dynamics_of(*state, gram, &targets, &o);
    kit_ok(*state, ntk_dynamics_at(*state, d, times, 3, &f));
    for (int i = 0; i < 6; ++i) kit_near(got[i], start[i % 2], 2 * DBL_EPSILON);
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
}

/* The linearised network is consistent: f(0) + J (theta(t) - theta(0)) = f(t), with a preconditioner, two outputs per sample. */
static void test_parameters(void **state)
{
    enum { S = 3, O = 2, P = 11 };
    double j[S * O * P], dd[P], y[S * O], start[S * O], step[T * P], f[T * S * O], moved[S * O];
    ntk_array targets = ntk_matrix_f64(y, S, O), f0 = ntk_matrix_f64(start, S, O), diagonal = ntk_vector_f64(dd, P);
    ntk_array parameters = ntk_matrix_f64(step, T, P), out = ntk_array_dense(f, NTK_F64, 3, (int64_t[]){T, S, O});
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.3, .f0 = &f0};
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer = NULL;
    ntk_gram *gram = NULL;
    ntk_dynamics *d;
    kit_random(10, S * O * P, j);
    kit_random(11, S * O, y);
    kit_random(12, S * O, start);
    for (int i = 0; i < P; ++i) dd[i] = 0.5 + 0.2 * i;
    jacobian = dense_jacobian(*state, S * O, P, O, j);
    kit_ok(*state, ntk_optimizer_diagonal(*state, &diagonal, &optimizer));
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, optimizer, &gram));
    d = dynamics_of(*state, gram, &targets, &o);
    ntk_gram_destroy(gram);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
    kit_ok(*state, ntk_dynamics_at(*state, d, TIMES, T, &out));
    kit_ok(*state, ntk_dynamics_parameters_at(*state, d, TIMES, T, &parameters));
    for (int t = 0; t < T; ++t) {
        dense_multiply(S * O, 1, P, j, step + t * P, moved);
        for (int i = 0; i < S * O; ++i) moved[i] += start[i];
        kit_close(S * O, moved, f + t * S * O, 1e-12); /* condition number of K about 100 */
    }
    for (int i = 0; i < P; ++i) assert_true(step[2 * P + i] == 0); /* t = 0 */
    ntk_dynamics_destroy(d);
}

/* theta moves along -D⁻¹ Jᵀ (f0 - y) at first. */
static void test_first_step_is_the_gradient(void **state)
{
    const double j[2] = {3, 4}, t = 1e-9;
    double y = 1, d2[2] = {1, 2}, step[2], wanted[2] = {3e-9, 2e-9};
    ntk_array targets = ntk_vector_f64(&y, 1), diagonal = ntk_vector_f64(d2, 2), out = ntk_matrix_f64(step, 1, 2);
    ntk_jacobian *jacobian = dense_jacobian(*state, 1, 2, 1, j);
    ntk_optimizer *optimizer = NULL;
    ntk_gram *gram = NULL;
    ntk_dynamics *d;
    kit_ok(*state, ntk_optimizer_diagonal(*state, &diagonal, &optimizer));
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, optimizer, &gram));
    d = dynamics_of(*state, gram, &targets, NULL);
    kit_ok(*state, ntk_dynamics_parameters_at(*state, d, &t, 1, &out));
    kit_close(2, step, wanted, 17 * t); /* K t / 2 = 8.5 t is the next order */
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

static void test_indefinite(void **state)
{
    const double k[4] = {1, 0, 0, -2}, times[] = {1, 1e6, INFINITY};
    double y[2] = {1, 1}, f[2];
    ntk_array targets = ntk_vector_f64(y, 2), out = ntk_matrix_f64(f, 1, 2);
    ntk_gram *gram = dense_gram(*state, 2, k);
    ntk_dynamics *d = dynamics_of(*state, gram, &targets, NULL);
    kit_ok(*state, ntk_dynamics_at(*state, d, times, 1, &out));
    kit_near(f[1], 1 - exp(2), 1e-14);
    kit_fails(*state, ntk_dynamics_at(*state, d, times + 1, 1, &out), NTK_ERROR_OVERFLOW, "exceeds");
    kit_fails(*state, ntk_dynamics_at(*state, d, times + 2, 1, &out), NTK_ERROR_UNSTABLE, "eigenvalue -2");
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
}

static void test_refusals(void **state)
{
    double numbers[T * N * C] = {0}, bad[N] = {INFINITY}, times[] = {1, -2, NAN};
    ntk_array f = ntk_array_dense(numbers, NTK_F64, 3, (int64_t[]){1, N, C}), flat = ntk_vector_f64(numbers, 1), k_test = ntk_matrix_f64(bad, 1, N);
    ntk_array narrow = ntk_matrix_f64(numbers, 2, N - 1), g = ntk_array_dense(numbers, NTK_F64, 3, (int64_t[]){1, 1, C});
    ntk_array none = ntk_array_dense(NULL, NTK_F64, 3, (int64_t[]){0, N, C});
    scene s;
    scene_open(*state, NTK_LOSS_SCALE_SUM, &s);
    kit_fails(*state, ntk_dynamics_at(*state, s.d, times + 1, 1, &f), NTK_ERROR_ARGUMENT, "times[0] is -2");
    kit_fails(*state, ntk_dynamics_at(*state, s.d, times, 3, &f), NTK_ERROR_ARGUMENT, "times[1] is -2");
    kit_fails(*state, ntk_dynamics_at(*state, s.d, times + 2, 1, &f), NTK_ERROR_ARGUMENT, "times[0]");
    kit_fails(*state, ntk_dynamics_at(*state, s.d, times, -1, &f), NTK_ERROR_ARGUMENT, "n_times is -1");
    kit_fails(*state, ntk_dynamics_at(*state, s.d, NULL, 1, &f), NTK_ERROR_NULL, "times is NULL");
    kit_fails(*state, ntk_dynamics_at(*state, s.d, times, 1, NULL), NTK_ERROR_NULL, "f is NULL");
    kit_fails(*state, ntk_dynamics_at(*state, NULL, times, 1, &f), NTK_ERROR_NULL, "dynamics is NULL");
    kit_fails(*state, ntk_dynamics_at(*state, s.d, times, 1, &flat), NTK_ERROR_SHAPE, "f has shape [1]; expected [1, 7, 2]");
    kit_ok(*state, ntk_dynamics_at(*state, s.d, NULL, 0, &none));
    kit_fails(*state, ntk_dynamics_loss_at(*state, s.d, times, 1, &f), NTK_ERROR_SHAPE, "out has shape");
    kit_fails(*state, ntk_dynamics_test_at(*state, s.d, &k_test, NULL, times, 1, &g), NTK_ERROR_NOT_FINITE, "k_test[0, 0]");
    kit_fails(*state, ntk_dynamics_test_at(*state, s.d, &narrow, NULL, times, 1, &g), NTK_ERROR_SHAPE, "k_test has shape [2, 6]; expected [any, 7]");
    bad[0] = 0;
    kit_fails(*state, ntk_dynamics_test_at(*state, s.d, &k_test, &narrow, times, 1, &g), NTK_ERROR_SHAPE, "f0 has shape [2, 6]; expected [1, 2]");
    kit_fails(*state, ntk_dynamics_test_at(*state, s.d, NULL, NULL, times, 1, &g), NTK_ERROR_NULL, "k_test is NULL");
    kit_fails(*state, ntk_dynamics_parameters_at(*state, s.d, times, 1, &flat), NTK_ERROR_ARGUMENT, "no Jacobian");
    scene_close(&s);
}

static void test_parameters_need_one_column(void **state)
{
    const double j[6] = {1, 0, 0, 0, 1, 0}, t = 1;
    double y[4] = {0}, step[3];
    ntk_array targets = ntk_matrix_f64(y, 2, 2), out = ntk_matrix_f64(step, 1, 3);
    ntk_jacobian *jacobian = dense_jacobian(*state, 2, 3, 1, j);
    ntk_gram *gram = NULL;
    ntk_dynamics *d;
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, NULL, &gram));
    d = dynamics_of(*state, gram, &targets, NULL);
    kit_fails(*state, ntk_dynamics_parameters_at(*state, d, &t, 1, &out), NTK_ERROR_ARGUMENT, "y has 2 columns");
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_one_by_one),  kit_test(test_two_by_two),  kit_test(test_against_the_exponential), kit_test(test_against_runge_kutta),
        kit_test(test_loss),        kit_test(test_new_inputs),  kit_test(test_singular),                kit_test(test_zero_kernel),
        kit_test(test_parameters),  kit_test(test_indefinite),  kit_test(test_refusals),                kit_test(test_first_step_is_the_gradient),
        kit_test(test_parameters_need_one_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
