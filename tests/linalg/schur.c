#include "dense.h"

#include "linalg.h"

#include <float.h>
#include <stdlib.h>

/* A with real and complex eigenvalues, larger than the small blocks of the solver. */
enum { N = 131 };

static double norm(const double *a)
{
    double sum = 0;
    for (int i = 0; i < N * N; ++i) sum += a[i] * a[i];
    return sqrt(sum);
}

static void multiply(bool ta, const double *a, bool tb, const double *b, double *c)
{
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            double sum = 0;
            for (int k = 0; k < N; ++k) sum += (ta ? a[k * N + i] : a[i * N + k]) * (tb ? b[j * N + k] : b[k * N + j]);
            c[i * N + j] = sum;
        }
}

typedef struct scene {
    double a[N * N], r[N * N], v[N * N], x[N * N], y[N * N], z[N * N], re[N], im[N];
} scene;

static void schur_form(ntk_context *ctx, uint64_t seed, double shift, scene *s)
{
    kit_random(seed, N * N, s->a);
    for (int i = 0; i < N; ++i) s->a[i * N + i] -= shift;
    memcpy(s->r, s->a, sizeof s->r);
    kit_ok(ctx, ntk_schur(ctx, N, s->r, s->v, s->re, s->im));
}

/* A = Vᵀ R V, V orthogonal, R lower quasi-triangular with its eigenvalues in order. */
static void test_schur_form(void **state)
{
    scene *s = calloc(1, sizeof *s);
    int pairs = 0;
    schur_form(*state, 1, 0, s);
    multiply(true, s->v, false, s->r, s->x);
    multiply(false, s->x, false, s->v, s->y);
    kit_close(N * N, s->y, s->a, 30 * N * DBL_EPSILON);
    multiply(false, s->v, true, s->v, s->x);
    for (int i = 0; i < N * N; ++i) kit_near(s->x[i], i % (N + 1) == 0, 10 * N * DBL_EPSILON);
    for (int i = 0; i < N; ++i) {
        bool pair = i + 1 < N && s->r[i * N + i + 1] != 0;
        for (int j = i + 1 + pair; j < N; ++j) assert_true(s->r[i * N + j] == 0);
        pairs += pair;
        if (s->im[i] == 0) kit_near(s->re[i], s->r[i * N + i], 0);
        if (s->im[i] > 0) assert_true(pair && s->im[i + 1] == -s->im[i]);
    }
    assert_true(pairs > 5 && pairs < N / 2);
    free(s);
}

/* The residual of both equations, relative to what a backward stable solver leaves. */
static void test_lyapunov(void **state)
{
    scene *s = calloc(1, sizeof *s);
    schur_form(*state, 2, 9, s); /* a disc of radius about sqrt(N/3), moved to the left: stable */
    for (int transposed = 0; transposed < 2; ++transposed) {
        kit_random(3, N * N, s->x);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < i; ++j) s->x[j * N + i] = s->x[i * N + j];
        memcpy(s->y, s->x, sizeof s->y);
        kit_ok(*state, ntk_lyapunov(*state, N, s->r, transposed, s->y));
        multiply(transposed, s->r, false, s->y, s->z);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j)
                kit_near(s->z[i * N + j] + s->z[j * N + i], s->x[i * N + j], 20 * DBL_EPSILON * (2 * norm(s->r) * norm(s->y) + norm(s->x)));
    }
    free(s);
}

/* lambda and -lambda: no unique solution. */
static void test_singular(void **state)
{
    double r[4] = {1, 0, 0.5, -1}, c[4] = {1, 0, 0, 1};
    kit_fails(*state, ntk_lyapunov(*state, 2, r, true, c), NTK_ERROR_UNSTABLE, "add up to 0");
    kit_ok(*state, ntk_lyapunov(*state, 0, r, true, c));
    kit_ok(*state, ntk_schur(*state, 0, r, c, r, r));
}

/* The eigenvalues that were marked stand first, A is still Vᵀ R V. */
static void test_order(void **state)
{
    scene *s = calloc(1, sizeof *s);
    bool first[N];
    int count = 0;
    schur_form(*state, 3, 0, s);
    for (int i = 0; i < N; ++i) count += first[i] = s->re[i] < 0;
    kit_ok(*state, ntk_schur_order(*state, N, first, s->r, s->v, s->re, s->im));
    assert_true(count > 20 && count < N - 20);
    for (int i = 0; i < N; ++i) assert_true((s->re[i] < 0) == (i < count));
    multiply(true, s->v, false, s->r, s->x);
    multiply(false, s->x, false, s->v, s->y);
    kit_close(N * N, s->y, s->a, 60 * N * DBL_EPSILON);
    multiply(false, s->v, true, s->v, s->x);
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) kit_near(s->x[i * N + j], i == j, 20 * N * DBL_EPSILON);
    free(s);
}

/* A (x + iy) = lambda (x + iy), of unit length, for every eigenvalue, the second of a pair giving the first's. */
static void test_vectors(void **state)
{
    scene *s = calloc(1, sizeof *s);
    schur_form(*state, 4, 0, s);
    for (int k = 0; k < N; ++k) {
        double norm = 0, *x = s->x, *y = s->x + N;
        kit_ok(*state, ntk_schur_vector(*state, N, s->r, s->v, k, x, y));
        for (int i = 0; i < N; ++i) {
            double re = -s->re[k] * x[i] + fabs(s->im[k]) * y[i], im = -s->re[k] * y[i] - fabs(s->im[k]) * x[i];
            for (int j = 0; j < N; ++j) re += s->a[i * N + j] * x[j], im += s->a[i * N + j] * y[j];
            kit_near(re, 0, 1e-12), kit_near(im, 0, 1e-12);
            norm += x[i] * x[i] + y[i] * y[i];
        }
        kit_near(norm, 1, 1e-14);
    }
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_order), kit_test(test_vectors), kit_test(test_schur_form), kit_test(test_lyapunov), kit_test(test_singular)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
