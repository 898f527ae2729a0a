#include "kernels.h"

enum { N = 4, M = 3 };

typedef struct scene {
    double k[N * N], y[N], cross[2][M * N], square[2][M * M], mean[M], covariance[M * M];
    ntk_array blocks[2], squares[2], out, out_covariance;
    ntk_predictor *p;
} scene;

static void scene_open(ntk_context *ctx, scene *s)
{
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 1};
    ntk_array targets = ntk_vector_f64(s->y, N);
    ntk_gram *gram;
    kit_random_spd(1, N, s->k);
    kit_random(2, N, s->y);
    for (int kind = 0; kind < 2; ++kind) {
        kit_random(3, M * N, s->cross[kind]);
        kit_random_spd(5, M, s->square[kind]);
        s->blocks[kind] = ntk_matrix_f64(s->cross[kind], M, N);
        s->squares[kind] = ntk_matrix_f64(s->square[kind], M, M);
    }
    s->out = ntk_vector_f64(s->mean, M);
    s->out_covariance = ntk_matrix_f64(s->covariance, M, M);
    s->p = NULL;
    gram = dense_grams(ctx, N, s->k, s->k);
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &targets, &o, &s->p));
    ntk_gram_destroy(gram);
}

/* The covariance of the ensemble needs three blocks; each is missed by its name. */
static void test_names_what_is_missing(void **state)
{
    scene s;
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = NULL};
    scene_open(*state, &s);
    test.nngp = &s.blocks[NTK_KIND_NNGP];
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_NULL, "test.ntk is NULL; the mean of the ntk posterior");
    test.ntk = &s.blocks[NTK_KIND_NTK];
    test.nngp = NULL;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, NULL, &s.out_covariance), NTK_ERROR_NULL, "test.nngp is NULL; the covariance");
    test.nngp = &s.blocks[NTK_KIND_NNGP];
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, NULL, &s.out_covariance), NTK_ERROR_NULL, "test.nngp_test is NULL");
    test.nngp_test = &s.squares[NTK_KIND_NNGP];
    kit_ok(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, &s.out_covariance));
    ntk_predictor_destroy(s.p);
}

static void test_checks_every_block(void **state)
{
    double bad[M * N] = {NAN}, start[M + 1] = {0};
    scene s;
    ntk_array not_finite = ntk_matrix_f64(bad, M, N), narrow = ntk_matrix_f64(bad, M, N - 1), flat = ntk_vector_f64(bad, M);
    ntk_array f0 = ntk_vector_f64(start, M + 1), scalar = ntk_array_dense(start, NTK_F64, 0, NULL);
    ntk_array single = ntk_array_dense(bad, NTK_F32, 2, (int64_t[]){M, N});
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = NULL};
    scene_open(*state, &s);
    test.ntk = &not_finite;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_NOT_FINITE, "test.ntk[0, 0]");
    test.ntk = &narrow;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_SHAPE, "test.ntk has shape [3, 3]; expected [3, 4]");
    test.ntk = &flat;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_SHAPE, "test.ntk has shape [3]");
    test.ntk = &scalar;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_SHAPE, "test.ntk has shape []");
    test.ntk = &single;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_DTYPE, "test.ntk holds f32");
    test.ntk = &s.blocks[0];
    test.nngp_test = &narrow;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_NOT_FINITE, "test.nngp_test");
    test.nngp_test = NULL;
    test.f0 = &f0;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_SHAPE, "test.f0 has shape [4]; expected [3]");
    test.f0 = NULL;
    test.x = &narrow;
    kit_fails(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL), NTK_ERROR_ARGUMENT, "both given");
    ntk_predictor_destroy(s.p);
}

/* Blocks with strides of their own (here: transposed in memory) give the same numbers. */
static void test_strided_blocks(void **state)
{
    double transposed[N * M], wanted[M];
    scene s;
    ntk_array view = ntk_matrix_f64(transposed, M, N);
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &view};
    scene_open(*state, &s);
    dense_transpose(M, N, s.cross[0], transposed);
    view.strides[0] = 1;
    view.strides[1] = M;
    kit_ok(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL));
    memcpy(wanted, s.mean, sizeof wanted);
    test.ntk = &s.blocks[0];
    kit_ok(*state, ntk_predictor_at(*state, s.p, &test, INFINITY, &s.out, NULL));
    kit_close(M, s.mean, wanted, 0);
    ntk_predictor_destroy(s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_names_what_is_missing),
        kit_test(test_checks_every_block),
        kit_test(test_strided_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
