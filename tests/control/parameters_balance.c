#include "general.h"

#include <float.h>

/* J [N, P] of rank N with Adam's D and weight decay, and the same system as dense matrices. */
enum { N = 4, P = 7 };

typedef struct scene {
    double j[N * P], d[P];
    general g;
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_system *s, *dense;
} scene;

static void scene_open(ntk_context *ctx, double smallest, double decay, scene *x)
{
    ntk_array d = ntk_vector_f64(x->d, P);
    *x = (scene){.g = general_open(160, P, N, N, 0)};
    kit_random(161, N * P, x->j);
    for (int i = 0; i < P; ++i) x->j[3 * P + i] *= smallest;
    kit_random(162, P, x->d);
    for (int i = 0; i < P; ++i) x->d[i] += 1.5;
    for (int i = 0; i < P; ++i)
        for (int k = 0; k < P; ++k) {
            double sum = i == k ? -decay : 0;
            for (int r = 0; r < N; ++r) sum -= x->j[r * P + i] * x->j[r * P + k] / x->d[i];
            x->g.a[i * P + k] = sum;
        }
    for (int i = 0; i < P * N; ++i) x->g.b[i] = x->j[i % N * P + i / N] / x->d[i / N];
    memcpy(x->g.c, x->j, sizeof x->j);
    x->jacobian = dense_jacobian(ctx, N, P, 1, x->j);
    d = ntk_vector_f64(x->d, P);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &d, &x->optimizer));
    kit_ok(ctx, ntk_system_from_jacobian(ctx, x->jacobian, x->optimizer, decay, &x->s));
    x->dense = general_system(ctx, &x->g);
}

static void scene_close(scene *x)
{
    ntk_system_destroy(x->dense);
    ntk_system_destroy(x->s);
    ntk_optimizer_destroy(x->optimizer);
    ntk_jacobian_destroy(x->jacobian);
    general_close(&x->g);
}

/* The values of the dense system by both Gramians; of the null space 0. */
static void test_hankel(void **state)
{
    double values[P], wanted[P];
    ntk_array v = ntk_vector_f64(values, P), w = ntk_vector_f64(wanted, P);
    scene x;
    scene_open(*state, 1, 0.3, &x);
    kit_ok(*state, ntk_system_hankel(*state, x.s, &v));
    kit_ok(*state, ntk_system_hankel(*state, x.dense, &w));
    for (int i = 0; i < P; ++i) kit_near(values[i], i < N ? wanted[i] : 0, 1e-12);
    scene_close(&x);
    scene_open(*state, 1, 0, &x);
    kit_ok(*state, ntk_system_hankel(*state, x.s, &v));
    for (int i = 0; i < P; ++i) kit_near(values[i], i < N ? 0.5 : 0, 1e-15);
    scene_close(&x);
}

/* The truncation stays within its bound of the dense system's transfer function, at rank it is that. */
static void test_reduction(void **state)
{
    scene x;
    scene_open(*state, 0.2, 0.3, &x);
    for (int k = 1; k <= N; ++k) {
        general h = {k, N, N, calloc((size_t)(k * k), sizeof(double)), calloc((size_t)(k * N), sizeof(double)), calloc((size_t)(k * N), sizeof(double))};
        ntk_array a = ntk_matrix_f64(h.a, k, k), b = ntk_matrix_f64(h.b, k, N), c = ntk_matrix_f64(h.c, N, k);
        ntk_system *r = NULL;
        double bound, worst = 0;
        kit_ok(*state, ntk_system_reduce(*state, x.s, k, &bound, &r));
        kit_ok(*state, ntk_system_get_matrices(*state, r, &a, &b, &c));
        for (double omega = 1e-3; omega < 1e3; omega *= 2) worst = fmax(worst, general_distance(&x.g, &h, omega));
        assert_true(worst <= bound + 1e-12);
        if (k < N) assert_true(worst > bound / 100);
        ntk_system_destroy(r);
        general_close(&h);
    }
    ntk_system *none = NULL;
    kit_fails(*state, ntk_system_reduce(*state, x.s, N + 1, NULL, &none), NTK_ERROR_ARGUMENT, "k is 5; expected 1 to 4, the rank of J");
    kit_fails(*state, ntk_system_reduce(*state, x.s, 0, NULL, &none), NTK_ERROR_ARGUMENT, "k is 0");
    scene_close(&x);
}

/* Within the range of D⁻¹Jᵀ: W_c costate = theta and the energy is thetaᵀ costate, by the dense Gramian; by K and by singular vectors (cond(K) of 1e6). */
static void test_energy(void **state)
{
    for (int way = 0; way < 2; ++way) {
        double theta[P], costate[P], w[P * P], again[P], u[N], energy, sum = 0;
        ntk_array xx = ntk_vector_f64(theta, P), pp = ntk_vector_f64(costate, P), ww = ntk_matrix_f64(w, P, P);
        scene x;
        scene_open(*state, way ? 1e-3 : 1, 0.3, &x);
        kit_random(163, N, u);
        dense_multiply(P, 1, N, x.g.b, u, theta);
        kit_ok(*state, ntk_system_minimum_energy(*state, x.s, 0.7, &xx, &energy, &pp));
        kit_ok(*state, ntk_system_gramian(*state, x.dense, NTK_GRAMIAN_CONTROLLABILITY, 0.7, &ww));
        dense_multiply(P, 1, P, w, costate, again);
        kit_close(P, again, theta, way ? 1e-8 : 1e-12);
        for (int i = 0; i < P; ++i) sum += theta[i] * costate[i];
        kit_near(energy, sum, 1e-9 * sum);
        theta[0] += 1;
        kit_fails(*state, ntk_system_minimum_energy(*state, x.s, 0.7, &xx, &energy, &pp), NTK_ERROR_UNREACHABLE, "outside the 4 directions of 7 that J shows");
        scene_close(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_hankel), kit_test(test_reduction), kit_test(test_energy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
