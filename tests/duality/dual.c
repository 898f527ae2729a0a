#include "dense.h"

#include <float.h>

enum { N = 4, P = 7 };

typedef struct scene {
    double j[N * P], d[P], g[N * P], f[P * P]; /* G = J D^-1/2, F = GᵀG */
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_gram *gram;
} scene;

static void scene_open(ntk_context *ctx, scene *s)
{
    double gt[P * N];
    ntk_array diagonal = ntk_vector_f64(s->d, P);
    kit_random(11, N * P, s->j);
    for (int i = 0; i < P; ++i) s->d[i] = 0.5 + i;
    for (int i = 0; i < N * P; ++i) s->g[i] = s->j[i] / sqrt(s->d[i % P]);
    dense_transpose(N, P, s->g, gt);
    dense_multiply(P, P, N, gt, s->g, s->f);
    s->jacobian = dense_jacobian(ctx, N, P, 1, s->j);
    s->optimizer = NULL;
    s->gram = NULL;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &diagonal, &s->optimizer));
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, s->jacobian, s->optimizer, &s->gram));
}

static void scene_close(scene *s)
{
    ntk_gram_destroy(s->gram);
    ntk_optimizer_destroy(s->optimizer);
    ntk_jacobian_destroy(s->jacobian);
}

/* F v = lambda v, |v| = 1 and G v = sqrt(lambda) u for every pair; the handles it came from are gone by then. */
static void check_duality(ntk_context *ctx, const scene *s, const ntk_spectrum *spectrum)
{
    double w[N], u[N * N], v[P * N], fv[P * N], gv[N * N], wanted_fv[P * N], wanted_gv[N * N], vt[N * P], vtv[N * N], one[N * N];
    ntk_array values = ntk_vector_f64(w, N), left = ntk_matrix_f64(u, N, N), right = ntk_matrix_f64(v, P, N);
    kit_ok(ctx, ntk_spectrum_get_values(ctx, spectrum, &values));
    kit_ok(ctx, ntk_spectrum_get_vectors(ctx, spectrum, &left));
    kit_ok(ctx, ntk_spectrum_get_parameter_vectors(ctx, spectrum, &right));
    for (int i = 0; i < P * N; ++i) wanted_fv[i] = v[i] * w[i % N];
    for (int i = 0; i < N * N; ++i) wanted_gv[i] = u[i] * sqrt(w[i % N]);
    dense_multiply(P, N, P, s->f, v, fv);
    dense_multiply(N, N, P, s->g, v, gv);
    dense_transpose(P, N, v, vt);
    dense_multiply(N, N, P, vt, v, vtv);
    dense_identity(N, one);
    /* The condition number of K is about 10 here: errors stay a small multiple of P eps. */
    kit_close(P * N, fv, wanted_fv, 30 * P * DBL_EPSILON);
    kit_close(N * N, gv, wanted_gv, 30 * P * DBL_EPSILON);
    kit_close(N * N, vtv, one, 30 * P * DBL_EPSILON);
}

static void test_from_the_gram(void **state)
{
    scene s;
    ntk_spectrum *spectrum = NULL;
    scene_open(*state, &s);
    kit_ok(*state, ntk_spectrum_create(*state, s.gram, NULL, &spectrum));
    scene_close(&s);
    check_duality(*state, &s, spectrum);
    ntk_spectrum_destroy(spectrum);
}

static void test_from_singular_values(void **state)
{
    scene s;
    ntk_spectrum *spectrum = NULL;
    scene_open(*state, &s);
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, s.jacobian, s.optimizer, NULL, &spectrum));
    scene_close(&s);
    check_duality(*state, &s, spectrum);
    ntk_spectrum_destroy(spectrum);
}

/* Only the vectors of the rank exist; small ones are unit vectors all the same. */
static void test_rank_limits_the_columns(void **state)
{
    const double j[3 * 2] = {1, 0, 0, 1e-7, 1, 1e-7};
    double v[6], sum = 0;
    ntk_array out = ntk_matrix_f64(v, 2, 3), fits = ntk_matrix_f64(v, 2, 2);
    ntk_jacobian *jacobian = dense_jacobian(*state, 3, 2, 1, j);
    ntk_gram *gram = NULL;
    ntk_spectrum *s = NULL;
    kit_ok(*state, ntk_gram_from_jacobian(*state, jacobian, NULL, &gram));
    kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &s));
    kit_fails(*state, ntk_spectrum_get_parameter_vectors(*state, s, &out), NTK_ERROR_SHAPE, "3 columns");
    kit_ok(*state, ntk_spectrum_get_parameter_vectors(*state, s, &fits));
    for (int i = 0; i < 2; ++i) sum += v[2 * i + 1] * v[2 * i + 1];
    kit_near(sum, 1, 8 * DBL_EPSILON);
    out = ntk_matrix_f64(v, 3, 2);
    kit_fails(*state, ntk_spectrum_get_parameter_vectors(*state, s, &out), NTK_ERROR_SHAPE, "expected [2, any]");
    kit_fails(*state, ntk_spectrum_get_parameter_vectors(*state, NULL, &out), NTK_ERROR_NULL, "spectrum is NULL");
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_from_the_gram),
        kit_test(test_from_singular_values),
        kit_test(test_rank_limits_the_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
