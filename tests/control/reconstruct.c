#include "general.h"

#include <float.h>

enum { N = 4, Q = 2, TIMES = 9 };

typedef struct scene {
    general g;
    ntk_system *s;
    double times[TIMES], deviations[TIMES], z[TIMES * Q], x[N], covariance[N * N];
} scene;

static void scene_open(ntk_context *ctx, bool symmetric, scene *c)
{
    double k[N * N];
    c->g = general_open(100, N, 1, Q, 0.7);
    kit_random_spd(101, N, k);
    for (int i = 0; symmetric && i < N * N; ++i) c->g.a[i] = -k[i];
    c->s = general_system(ctx, &c->g);
    kit_random(102, TIMES, c->deviations);
    kit_random(103, TIMES * Q, c->z);
    for (int t = 0; t < TIMES; ++t) {
        c->deviations[t] = exp(c->deviations[t]);
        c->times[t] = 0.05 * t * (1 + t);
    }
}

static void scene_close(scene *c)
{
    ntk_system_destroy(c->s);
    general_close(&c->g);
}

static int64_t reconstruct(ntk_context *ctx, scene *c, double prior)
{
    ntk_array z = ntk_matrix_f64(c->z, TIMES, Q), noise = ntk_vector_f64(c->deviations, TIMES), x = ntk_vector_f64(c->x, N);
    ntk_array covariance = ntk_matrix_f64(c->covariance, N, N);
    ntk_reconstruct_options o = {NTK_RECONSTRUCT_OPTIONS_INIT, .noise = &noise, .prior = prior};
    int64_t rank = -1;
    kit_ok(ctx, ntk_system_reconstruct(ctx, c->s, c->times, TIMES, &z, &o, &x, &covariance, &rank));
    return rank;
}

/* H [TIMES Q, N], rows C exp(A t_k)/s_k. */
static void stack(const scene *c, double *h)
{
    double e[N * N];
    for (int t = 0; t < TIMES; ++t) {
        dense_exponential(N, c->g.a, c->times[t], e);
        dense_multiply(Q, N, N, c->g.c, e, h + t * Q * N);
        for (int i = 0; i < Q * N; ++i) h[t * Q * N + i] /= c->deviations[t];
    }
}

/* Weighted least squares by its normal equations, of noise alone: no z fits. */
static void test_least_squares(void **state)
{
    for (int symmetric = 0; symmetric < 2; ++symmetric)
        for (int known = 0; known < 2; ++known) {
            double h[TIMES * Q * N], ht[TIMES * Q * N], g[N * N], gg[N * N], right[N] = {0}, inverse[N * N];
            scene c;
            scene_open(*state, symmetric, &c);
            assert_int_equal(reconstruct(*state, &c, known ? 0.7 : 0), N);
            stack(&c, h);
            dense_transpose(TIMES * Q, N, h, ht);
            dense_multiply(N, N, TIMES * Q, ht, h, g);
            if (known) dense_shift(N, 1 / 0.49, g);
            for (int i = 0; i < TIMES * Q; ++i)
                for (int j = 0; j < N; ++j) right[j] += h[i * N + j] * c.z[i] / c.deviations[i / Q];
            memcpy(gg, g, sizeof g);
            dense_eliminate(N, 1, gg, right);
            dense_identity(N, inverse);
            dense_eliminate(N, N, g, inverse);
            kit_close(N, c.x, right, 1e-10);
            kit_close(N * N, c.covariance, inverse, 1e-10);
            scene_close(&c);
        }
}

/* The estimate is linear in z: with the matrix L of that map, its covariance is L diag(s²) Lᵀ. */
static void test_covariance(void **state)
{
    for (int symmetric = 0; symmetric < 2; ++symmetric) {
        double sum[N * N] = {0};
        scene c;
        scene_open(*state, symmetric, &c);
        for (int i = 0; i < TIMES * Q; ++i) {
            memset(c.z, 0, sizeof c.z);
            c.z[i] = c.deviations[i / Q];
            reconstruct(*state, &c, 0);
            for (int j = 0; j < N * N; ++j) sum[j] += c.x[j / N] * c.x[j % N];
        }
        kit_close(N * N, c.covariance, sum, 1e-10);
        scene_close(&c);
    }
}

/* Outputs without noise give back the start. */
static void test_exact(void **state)
{
    double x[N];
    ntk_array start = ntk_vector_f64(x, N);
    kit_random(104, N, x);
    for (int symmetric = 0; symmetric < 2; ++symmetric) {
        scene c;
        ntk_array z = ntk_matrix_f64(c.z, TIMES, Q);
        scene_open(*state, symmetric, &c);
        kit_ok(*state, ntk_system_response(*state, c.s, &start, c.times, TIMES, &z));
        reconstruct(*state, &c, 0);
        kit_close(N, c.x, x, 1e-10);
        scene_close(&c);
    }
}

/* Dense samples with the weights of the trapezoidal rule: the covariance tends to W_o(T)⁻¹ as h². */
static void test_the_integral(void **state)
{
    double errors[2], w[N * N], product[N * N], x[N], covariance[N * N];
    for (int fine = 0; fine < 2; ++fine) {
        int count = fine ? 401 : 201;
        double *times = malloc(sizeof(double) * (size_t)count), *noise = malloc(sizeof(double) * (size_t)count), *z = calloc((size_t)(Q * count), sizeof(double));
        ntk_array zz = ntk_matrix_f64(z, count, Q), deviations = ntk_vector_f64(noise, count), xx = ntk_vector_f64(x, N);
        ntk_array cc = ntk_matrix_f64(covariance, N, N), ww = ntk_matrix_f64(w, N, N);
        ntk_reconstruct_options o = {NTK_RECONSTRUCT_OPTIONS_INIT, .noise = &deviations};
        scene c;
        scene_open(*state, false, &c);
        for (int k = 0; k < count; ++k) {
            times[k] = 2.0 * k / (count - 1);
            noise[k] = 1 / sqrt((k == 0 || k == count - 1 ? 1.0 : 2.0) / (count - 1));
        }
        kit_ok(*state, ntk_system_reconstruct(*state, c.s, times, count, &zz, &o, &xx, &cc, NULL));
        kit_ok(*state, ntk_system_gramian(*state, c.s, NTK_GRAMIAN_OBSERVABILITY, 2, &ww));
        dense_multiply(N, N, N, w, covariance, product);
        errors[fine] = 0;
        for (int i = 0; i < N * N; ++i) errors[fine] = fmax(errors[fine], fabs(product[i] - (i % (N + 1) == 0)));
        for (int i = 0; i < N; ++i) assert_true(x[i] == 0);
        scene_close(&c);
        free(z), free(noise), free(times);
    }
    assert_true(errors[0] < 0.05 && errors[0] > 1e-6);
    kit_near(errors[0] / errors[1], 4, 0.1);
}

/* C sees the first of two modes only: the second is 0, or what is known beforehand. */
static void test_what_is_not_shown(void **state)
{
    for (int symmetric = 0; symmetric < 2; ++symmetric) {
        const double a[4] = {-1, 0, symmetric ? 0 : 0.5, -2}, c[2] = {1, 0}, times[2] = {0, 1}, z[2] = {3, 3 * exp(-1)};
        double x[2], v[4];
        ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(c, 1, 2), zz = ntk_matrix_f64(z, 2, 1), xx = ntk_vector_f64(x, 2), vv = ntk_matrix_f64(v, 2, 2);
        ntk_reconstruct_options o = {NTK_RECONSTRUCT_OPTIONS_INIT, .prior = 0};
        ntk_system *s = NULL;
        int64_t rank;
        kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &cc, &s));
        kit_ok(*state, ntk_system_reconstruct(*state, s, times, 2, &zz, &o, &xx, &vv, &rank));
        assert_int_equal(rank, 1);
        kit_near(x[0], 3, 1e-14);
        assert_true(x[1] == 0 && v[3] == 0);
        kit_near(v[0], 1 / (1 + exp(-2)), 1e-15);
        o.prior = 100;
        kit_ok(*state, ntk_system_reconstruct(*state, s, times, 2, &zz, &o, &xx, &vv, &rank));
        assert_int_equal(rank, 1);
        kit_near(v[3], 1e4, 1e-9);
        kit_near(x[0], 3 * (1 + exp(-2)) / (1 + exp(-2) + 1e-4), 1e-14);
        kit_ok(*state, ntk_system_reconstruct(*state, s, NULL, 0, &(ntk_array){.dtype = NTK_F64, .data = x, .ndim = 2, .shape = {0, 1}, .strides = {1, 1}}, NULL,
                                              &xx, NULL, &rank));
        assert_true(rank == 0 && x[0] == 0);
        ntk_system_destroy(s);
    }
}

static void test_refusals(void **state)
{
    scene c;
    ntk_array z = ntk_matrix_f64(c.z, TIMES, Q), noise = ntk_vector_f64(c.deviations, TIMES), x = ntk_vector_f64(c.x, N), few = ntk_vector_f64(c.deviations, 2);
    ntk_reconstruct_options o = {NTK_RECONSTRUCT_OPTIONS_INIT, .noise = &noise};
    scene_open(*state, false, &c);
    c.deviations[3] = 0;
    kit_fails(*state, ntk_system_reconstruct(*state, c.s, c.times, TIMES, &z, &o, &x, NULL, NULL), NTK_ERROR_ARGUMENT, "options.noise[3] is 0");
    o.noise = &few;
    kit_fails(*state, ntk_system_reconstruct(*state, c.s, c.times, TIMES, &z, &o, &x, NULL, NULL), NTK_ERROR_SHAPE, "options.noise has shape [2]; expected [9]");
    o.noise = NULL;
    o.prior = -1;
    kit_fails(*state, ntk_system_reconstruct(*state, c.s, c.times, TIMES, &z, &o, &x, NULL, NULL), NTK_ERROR_ARGUMENT, "options.prior is -1");
    o.prior = 0;
    o.tolerance = 1;
    kit_fails(*state, ntk_system_reconstruct(*state, c.s, c.times, TIMES, &z, &o, &x, NULL, NULL), NTK_ERROR_ARGUMENT, "options.tolerance is 1");
    kit_fails(*state, ntk_system_reconstruct(*state, c.s, c.times, 2, &z, NULL, &x, NULL, NULL), NTK_ERROR_SHAPE, "z has shape [9, 2]; expected [2, 2]");
    c.z[1] = NAN;
    kit_fails(*state, ntk_system_reconstruct(*state, c.s, c.times, TIMES, &z, NULL, &x, NULL, NULL), NTK_ERROR_NOT_FINITE, "z[0, 1]");
    scene_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_least_squares), kit_test(test_covariance), kit_test(test_exact), kit_test(test_the_integral), kit_test(test_what_is_not_shown),
        kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
