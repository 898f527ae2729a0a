/* Draws: their moments over 20,000 against mean and covariance, the same numbers for the same seed whatever their count, a posterior without freedom. */
#include "kernels.h"

#include <stdlib.h>

enum { N = 5, M = 3, D = 2, C = 2, DRAWS = 20000 };

typedef struct scene {
    double x[N * D], z[M * D], y[N * C];
    ntk_array zs;
    ntk_test_set test;
    ntk_predictor *p;
} scene;

static void open_scene(ntk_context *ctx, double ridge, scene *s)
{
    ntk_array y = ntk_matrix_f64(s->y, N, C);
    ntk_gram *gram;
    kit_random(1, N * D, s->x);
    kit_random(2, M * D, s->z);
    kit_random(3, N * C, s->y);
    s->zs = ntk_matrix_f64(s->z, M, D);
    s->test = (ntk_test_set){NTK_TEST_SET_INIT, .x = &s->zs};
    gram = kernels_gram(ctx, N, D, s->x, NTK_KIND_NNGP);
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &y, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NNGP, .ridge = ridge}, &s->p));
    ntk_gram_destroy(gram);
}

static void moments(void **state)
{
    ntk_context *ctx = *state;
    scene s;
    double *f = malloc(DRAWS * M * C * sizeof *f), mean[M * C], covariance[M * M];
    ntk_array samples = ntk_array_dense(f, NTK_F64, 3, (int64_t[]){DRAWS, M, C}), m = ntk_matrix_f64(mean, M, C), c = ntk_matrix_f64(covariance, M, M);
    open_scene(ctx, 0.1, &s);
    kit_ok(ctx, ntk_predictor_at(ctx, s.p, &s.test, INFINITY, &m, &c));
    kit_ok(ctx, ntk_predictor_sample(ctx, s.p, &s.test, INFINITY, 7, &samples));
    for (int i = 0; i < M * C; ++i)
        for (int j = 0; j < M * C; ++j) {
            double sum = 0, product = 0, want = i % C == j % C ? covariance[i / C * M + j / C] : 0; /* columns are independent */
            for (int d = 0; d < DRAWS; ++d) {
                sum += f[d * M * C + i];
                product += (f[d * M * C + i] - mean[i]) * (f[d * M * C + j] - mean[j]);
            }
            kit_near(sum / DRAWS, mean[i], 5 * sqrt(covariance[i / C * (M + 1)] / DRAWS));
            kit_near(product / DRAWS, want, 5 * sqrt(2 * covariance[i / C * (M + 1)] * covariance[j / C * (M + 1)] / DRAWS));
        }
    ntk_predictor_destroy(s.p);
    free(f);
}

static void the_same_numbers(void **state)
{
    ntk_context *ctx = *state;
    scene s;
    double f[4 * M * C], g[2 * M * C], h[2 * M * C];
    ntk_array four = ntk_array_dense(f, NTK_F64, 3, (int64_t[]){4, M, C}), two = ntk_array_dense(g, NTK_F64, 3, (int64_t[]){2, M, C}), other = ntk_array_dense(h, NTK_F64, 3, (int64_t[]){2, M, C});
    open_scene(ctx, 0.1, &s);
    kit_ok(ctx, ntk_predictor_sample(ctx, s.p, &s.test, INFINITY, 7, &four));
    kit_ok(ctx, ntk_predictor_sample(ctx, s.p, &s.test, INFINITY, 7, &two));
    kit_ok(ctx, ntk_predictor_sample(ctx, s.p, &s.test, INFINITY, 8, &other));
    kit_close(2 * M * C, f, g, 0);
    assert_true(fabs(h[0] - g[0]) > 1e-6 && fabs(g[0] - g[M * C]) > 1e-6);
    ntk_predictor_destroy(s.p);
}

/* At the training inputs, without noise, every draw is y to the root of rounding. */
static void nothing_is_left(void **state)
{
    ntk_context *ctx = *state;
    scene s;
    double f[3 * N * C];
    ntk_array samples = ntk_array_dense(f, NTK_F64, 3, (int64_t[]){3, N, C});
    open_scene(ctx, 0, &s);
    s.zs = ntk_matrix_f64(s.x, N, D);
    kit_ok(ctx, ntk_predictor_sample(ctx, s.p, &s.test, INFINITY, 7, &samples));
    for (int i = 0; i < 3 * N * C; ++i) kit_near(f[i], s.y[i % (N * C)], 1e-5); /* sqrt of eps cond, cond about 1e4 */
    ntk_predictor_destroy(s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(moments), kit_test(the_same_numbers), kit_test(nothing_is_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
