#include "general.h"

#include <float.h>

/* A = T diag(stable [S, S], rest [R, R]) T⁻¹; C = [C_s, 0] T⁻¹ and B = T [B_s; 0] see and drive the stable part only. */
enum { S = 5, R = 3, N = S + R, Q = 2 };

typedef struct scene {
    general g;
    ntk_system *s;
} scene;

static void similar(const double *t, const double *inverse, const double *block, double *a)
{
    double room[N * N];
    dense_multiply(N, N, N, t, block, room);
    dense_multiply(N, N, N, room, inverse, a);
}

/* rest: +- 2i and 0, or with `growth` added. */
static void scene_open(ntk_context *ctx, double growth, double leak, scene *c)
{
    double t[N * N], tt[N * N], inverse[N * N], block[N * N] = {0}, seen[Q * N] = {0}, driven[N * Q] = {0};
    general part = general_open(140, S, Q, Q, 1.3);
    c->g = general_open(141, N, Q, Q, 0);
    kit_random(142, N * N, t);
    dense_shift(N, 3, t);
    memcpy(tt, t, sizeof t);
    dense_identity(N, inverse);
    dense_eliminate(N, N, tt, inverse);
    for (int i = 0; i < S * S; ++i) block[i / S * N + i % S] = part.a[i];
    for (int i = 0; i < R; ++i) block[(S + i) * N + S + i] = growth;
    block[S * N + S + 1] = 2, block[(S + 1) * N + S] = -2;
    for (int i = 0; i < Q * S; ++i) seen[i / S * N + i % S] = part.c[i];
    for (int i = 0; i < S * Q; ++i) driven[i] = part.b[i];
    seen[S] = leak, driven[(S + 2) * Q] = leak;
    similar(t, inverse, block, c->g.a);
    dense_multiply(Q, N, N, seen, inverse, c->g.c);
    dense_multiply(N, Q, N, t, driven, c->g.b);
    c->s = general_system(ctx, &c->g);
    general_close(&part);
}

static void scene_close(scene *c)
{
    ntk_system_destroy(c->s);
    general_close(&c->g);
}

/* The Gramian of a long time, in which what rests does nothing to it, and the equation. */
static void test_the_minimal_solution(void **state)
{
    double w[N * N], until[N * N], residual;
    ntk_array out = ntk_matrix_f64(w, N, N), out2 = ntk_matrix_f64(until, N, N);
    scene c;
    scene_open(*state, 0, 0, &c);
    for (ntk_gramian which = 0; which < 2; ++which) {
        int64_t count = -1;
        kit_ok(*state, ntk_system_resting_modes(*state, c.s, which, &count));
        assert_int_equal(count, R);
        kit_ok(*state, ntk_system_gramian(*state, c.s, which, INFINITY, &out));
        kit_ok(*state, ntk_system_gramian(*state, c.s, which, 150, &out2));
        kit_close(N * N, w, until, 1e-11);
        kit_ok(*state, ntk_system_residual(*state, c.s, which, &out, &residual));
        assert_true(residual < 20 * N * DBL_EPSILON);
        for (int i = 0; i < N * N; ++i) assert_true(w[i] == w[i % N * N + i / N]);
    }
    scene_close(&c);
}

/* Growing modes that are not seen are left out as well: the same W as of those that rest, by the equation. */
static void test_growing(void **state)
{
    double w[N * N], residual;
    ntk_array out = ntk_matrix_f64(w, N, N);
    scene c;
    scene_open(*state, 0.2, 0, &c);
    for (ntk_gramian which = 0; which < 2; ++which) {
        kit_ok(*state, ntk_system_gramian(*state, c.s, which, INFINITY, &out));
        kit_ok(*state, ntk_system_residual(*state, c.s, which, &out, &residual));
        assert_true(residual < 20 * N * DBL_EPSILON);
        for (int i = 0; i < N; ++i) assert_true(w[i * (N + 1)] >= 0);
    }
    scene_close(&c);
}

/* z = x1 - x2 obeys z' = -z, and the eigenvalue 0 has the vector (1, 1): W = ½ [1, -1; -1, 1]. */
static void test_by_hand(void **state)
{
    const double a[4] = {-1, 1, 0, 0}, unseen[2] = {1, -1}, seen[2] = {1, 0}, wanted[4] = {0.5, -0.5, -0.5, 0.5};
    double w[4];
    ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(unseen, 1, 2), dd = ntk_matrix_f64(seen, 1, 2), out = ntk_matrix_f64(w, 2, 2);
    ntk_system *s = NULL;
    int64_t count;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &cc, &s));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out));
    kit_close(4, w, wanted, 8 * DBL_EPSILON);
    ntk_system_destroy(s);
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &dd, &s));
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "does not decay and its mode is seen by C");
    kit_fails(*state, ntk_system_resting_modes(*state, s, NTK_GRAMIAN_CONTROLLABILITY, &count), NTK_ERROR_UNSTABLE, "driven by B");
    kit_fails(*state, ntk_system_resting_modes(*state, s, 9, &count), NTK_ERROR_ARGUMENT, "which is 9");
    ntk_system_destroy(s);
}

/* The eigenvalue that is seen has its name: the pair by C, the zero by B. */
static void test_seen(void **state)
{
    double w[N * N];
    ntk_array out = ntk_matrix_f64(w, N, N);
    scene c;
    scene_open(*state, 0.2, 1e-3, &c);
    kit_fails(*state, ntk_system_gramian(*state, c.s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "the eigenvalue 0.2 +- 2i of A");
    kit_fails(*state, ntk_system_gramian(*state, c.s, NTK_GRAMIAN_CONTROLLABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "the eigenvalue 0.2 of A");
    scene_close(&c);
}

/* All else: a symmetric A, parameter space, and systems in which all decays. */
static void test_counts(void **state)
{
    const double a[4] = {-1, 0, 0, 0}, c[2] = {1, 0}, j[3] = {1, 2, 3};
    ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(c, 1, 2);
    ntk_jacobian *jacobian = dense_jacobian(*state, 1, 3, 1, j);
    ntk_system *s = NULL;
    general g = general_open(143, 4, 1, 1, 2);
    int64_t count;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &cc, &s));
    kit_ok(*state, ntk_system_resting_modes(*state, s, NTK_GRAMIAN_OBSERVABILITY, &count));
    assert_int_equal(count, 1);
    kit_fails(*state, ntk_system_resting_modes(*state, s, NTK_GRAMIAN_CONTROLLABILITY, &count), NTK_ERROR_UNSTABLE, "driven by B");
    ntk_system_destroy(s);
    for (int decay = 0; decay < 2; ++decay) {
        kit_ok(*state, ntk_system_from_jacobian(*state, jacobian, NULL, decay, &s));
        kit_ok(*state, ntk_system_resting_modes(*state, s, NTK_GRAMIAN_OBSERVABILITY, &count));
        assert_int_equal(count, decay ? 0 : 2);
        ntk_system_destroy(s);
    }
    s = general_system(*state, &g);
    kit_ok(*state, ntk_system_resting_modes(*state, s, NTK_GRAMIAN_OBSERVABILITY, &count));
    assert_int_equal(count, 0);
    ntk_system_destroy(s);
    general_close(&g);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_the_minimal_solution), kit_test(test_growing), kit_test(test_by_hand), kit_test(test_seen), kit_test(test_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
