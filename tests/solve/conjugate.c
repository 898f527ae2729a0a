/* Conjugate gradients against Cholesky and naive elimination. */
#include "dense.h"
#include "solve.h"

#include <float.h>

enum { N = 48, M = 3 };

static const ntk_solver_options cg = {NTK_SOLVER_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_CG};

/* Eigenvalues 1, 1/2^falling, ... of a random symmetric k [N, N]. */
static void falling(int seed, double power, double *k)
{
    double values[N];
    for (int i = 0; i < N; ++i) values[i] = pow(i + 1, -power);
    dense_symmetric((uint64_t)seed, N, values, k);
}

/* The largest |b - (k + ridge) x| / |b| of a column. */
static double residual(const double *k, double ridge, const double *b, const double *x)
{
    double a[N * N], r[N * M], worst = 0;
    memcpy(a, k, sizeof a);
    dense_shift(N, ridge, a);
    dense_multiply(N, M, N, a, x, r);
    for (int j = 0; j < M; ++j) {
        double of_r = 0, of_b = 0;
        for (int i = 0; i < N; ++i) {
            of_r += (b[i * M + j] - r[i * M + j]) * (b[i * M + j] - r[i * M + j]);
            of_b += b[i * M + j] * b[i * M + j];
        }
        if (of_b > 0) worst = fmax(worst, sqrt(of_r / of_b));
    }
    return worst;
}

static ntk_status try(ntk_context *ctx, const ntk_gram *gram, const ntk_solver_options *options, double *b, double *x)
{
    ntk_solver *s = NULL;
    ntk_array rhs = ntk_matrix_f64(b, N, M), out = ntk_matrix_f64(x, N, M);
    ntk_status status = ntk_solver_create(ctx, gram, options, &s);
    if (status == NTK_OK) status = ntk_solver_solve(ctx, s, &rhs, &out);
    ntk_solver_destroy(s);
    return status;
}

/* The tolerance is kept for columns of any size, 0 among them, whatever the rank; rounding of A x adds N eps |A| |x| / |b| to what is measured here. */
static void test_keeps_its_tolerance(void **state)
{
    static const int64_t ranks[] = {1, 5, 0, N};
    double k[N * N], b[N * M], x[N * M];
    ntk_gram *gram;
    falling(1, 3, k);
    kit_random(2, N * M, b);
    for (int i = 0; i < N; ++i) {
        b[i * M + 1] *= 1e-150;
        b[i * M + 2] = 0;
    }
    gram = dense_gram(*state, N, k);
    for (int r = 0; r < 4; ++r)
        for (double tolerance = 1e-3; tolerance > 1e-13; tolerance *= 1e-3) {
            ntk_solver_options o = cg;
            o.ridge = 1e-3;
            o.rank = ranks[r];
            o.tolerance = tolerance;
            kit_ok(*state, try(*state, gram, &o, b, x));
            assert_true(residual(k, o.ridge, b, x) <= tolerance + N * DBL_EPSILON / o.ridge);
            for (int i = 0; i < N; ++i) assert_true(x[i * M + 2] == 0);
        }
    ntk_gram_destroy(gram);
}

/* A rank that takes all of K leaves the inverse itself: one product, and one that verifies. */
static void test_preconditioner_is_the_inverse(void **state)
{
    double k[N * N], b[N * M], x[N * M], out[N * M];
    ntk_preconditioner p;
    ntk_gram *gram;
    ntk_solver_options o = cg;
    falling(3, 1, k);
    kit_random(4, N * M, x);
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_preconditioner_open(*state, gram, NTK_KIND_NTK, 0.5, N, &p));
    dense_shift(N, 0.5, k);
    for (int j = 0; j < M; ++j) dense_multiply(N, 1, N, k, x + j * N, b + j * N); /* rows here */
    kit_ok(*state, ntk_preconditioner_apply(*state, &p, M, b, out));
    kit_close(N * M, out, x, 50 * N * DBL_EPSILON); /* I - Wᵀ W, over sigma */
    ntk_preconditioner_close(&p);
    o.ridge = 0.5;
    o.most = 2;
    kit_ok(*state, try(*state, gram, &o, b, x));
    o.rank = 1;
    assert_int_equal(try(*state, gram, &o, b, x), NTK_ERROR_NOT_CONVERGED);
    ntk_gram_destroy(gram);
}

/* What the preconditioner is for: at a rank that leaves a tail of 1e-5, a problem of condition 1e5 takes a fraction of the products. */
static int64_t products(ntk_context *ctx, const ntk_gram *gram, int64_t rank, double *b, double *x)
{
    ntk_solver_options o = cg;
    o.ridge = 1e-5;
    o.rank = rank;
    for (o.most = 1; try(ctx, gram, &o, b, x) != NTK_OK; ++o.most) assert_true(o.most < 1000);
    return o.most;
}

static void test_preconditioner_pays(void **state)
{
    double k[N * N], b[N * M], x[N * M];
    ntk_gram *gram;
    falling(5, 3, k);
    kit_random(6, N * M, b);
    gram = dense_gram(*state, N, k);
    assert_true(3 * products(*state, gram, 20, b, x) < products(*state, gram, 1, b, x));
    ntk_gram_destroy(gram);
}

/* A gram without a matrix, of fewer parameters than rows: singular, and lifted by the ridge. */
static void test_without_a_matrix(void **state)
{
    enum { P = 17 };
    double j[N * P], k[N * N], t[N * P], b[N * M], x[N * M];
    ntk_array aj = ntk_matrix_f64(j, N, P);
    ntk_jacobian *jacobian = NULL;
    ntk_gram *gram = NULL;
    ntk_solver_options o = cg;
    kit_random(7, N * P, j);
    kit_random(8, N * M, b);
    dense_transpose(N, P, j, t);
    dense_multiply(N, N, P, j, t, k);
    kit_ok(*state, ntk_jacobian_from_matrix(*state, &aj, 1, &jacobian));
    kit_ok(*state, ntk_gram_from_jacobian_by(*state, jacobian, NULL, NTK_ALGORITHM_PRODUCTS, &gram));
    o.ridge = 1e-2;
    kit_ok(*state, try(*state, gram, &o, b, x));
    assert_true(residual(k, o.ridge, b, x) <= 1e-10 + N * DBL_EPSILON * N / o.ridge);
    o.ridge = 0;
    assert_int_equal(try(*state, gram, &o, b, x), NTK_ERROR_NOT_CONVERGED); /* b is not in the range of K */
    memcpy(t, b, sizeof(double) * N * M);
    dense_multiply(N, M, N, k, t, b);
    kit_ok(*state, try(*state, gram, &o, b, x)); /* now it is */
    assert_true(residual(k, 0, b, x) <= 1e-10 + N * DBL_EPSILON * N);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(jacobian);
}

/* Products in single precision, the rest in double: the residual reaches u √N |A| |x| / |b|, whatever the size of b. */
static void test_single_precision(void **state)
{
    double k[N * N], b[N * M], x[N * M];
    float kf[N * N], bf[N * M];
    ntk_array a = ntk_array_dense(kf, NTK_F32, 2, (int64_t[]){N, N}), rhs = ntk_array_dense(bf, NTK_F32, 2, (int64_t[]){N, M});
    ntk_gram *gram = NULL;
    ntk_solver *s = NULL;
    ntk_solver_options o = cg;
    falling(12, 2, k);
    kit_random(13, N * M, b);
    for (int i = 0; i < N * N; ++i) k[i] = kf[i] = (float)k[i];
    for (int i = 0; i < N * M; ++i) b[i] = bf[i] = (float)(b[i] * (i % M == 1 ? 1e-25 : 1));
    kit_ok(*state, ntk_gram_from_matrix(*state, &a, &gram));
    o.ridge = 0.1;
    o.tolerance = 1e-5;
    kit_ok(*state, ntk_solver_create(*state, gram, &o, &s));
    kit_ok(*state, ntk_solver_solve(*state, s, &rhs, &rhs));
    for (int i = 0; i < N * M; ++i) x[i] = (double)bf[i];
    assert_true(residual(k, 0.1, b, x) <= 1e-5 + 2 * (double)FLT_EPSILON / 0.1); /* x is rounded at the end: u |A| |x|, and what the products lost */
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_refusals(void **state)
{
    double k[N * N] = {0}, b[N * M], x[N * M];
    ntk_gram *gram;
    ntk_solver *s = NULL;
    double value;
    ntk_solver_options o = cg;
    kit_random(9, N * M, b);
    for (int i = 0; i < N; ++i) k[i * N + i] = i == 7 ? -1 : 1;
    gram = dense_gram(*state, N, k);
    kit_fails(*state, try(*state, gram, &o, b, x), NTK_ERROR_NOT_POSITIVE_DEFINITE, "column");
    o.consume = 1;
    kit_fails(*state, ntk_solver_create(*state, gram, &o, &s), NTK_ERROR_ARGUMENT, "consume");
    o = cg;
    o.tolerance = 1;
    kit_fails(*state, ntk_solver_create(*state, gram, &o, &s), NTK_ERROR_ARGUMENT, "tolerance");
    o = cg;
    o.rank = -1;
    kit_fails(*state, ntk_solver_create(*state, gram, &o, &s), NTK_ERROR_ARGUMENT, "rank");
    o = cg;
    o.decomposition = NTK_DECOMPOSITION_EIGEN;
    kit_fails(*state, ntk_solver_create(*state, gram, &o, &s), NTK_ERROR_ARGUMENT, "spectrum");
    kit_ok(*state, ntk_solver_create(*state, gram, &cg, &s));
    kit_fails(*state, ntk_solver_log_determinant(*state, s, &value), NTK_ERROR_UNSUPPORTED, "determinant");
    ntk_solver_destroy(s);
    ntk_gram_destroy(gram);
}

/* The mean and covariance of a predictor are those by Cholesky: both solve to 1e-10 |b|, so the difference is that over the ridge, twice. */
static void test_predictor(void **state)
{
    double k[N * N], y[N * M], mean[2][N * M], covariance[2][N * N];
    ntk_array ak = ntk_matrix_f64(k, N, N), ay = ntk_matrix_f64(y, N, M);
    ntk_test_set set = {.struct_size = NTK_TEST_SET_INIT, .ntk = &ak, .ntk_test = &ak};
    ntk_gram *gram;
    falling(10, 2, k);
    kit_random(11, N * M, y);
    gram = dense_gram(*state, N, k);
    for (int i = 0; i < 2; ++i) {
        ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NTKGP, .ridge = 0.1,
                                   .decomposition = i ? NTK_DECOMPOSITION_CG : NTK_DECOMPOSITION_CHOLESKY};
        ntk_array m = ntk_matrix_f64(mean[i], N, M), c = ntk_matrix_f64(covariance[i], N, N);
        ntk_predictor *p = NULL;
        kit_ok(*state, ntk_predictor_create(*state, gram, &ay, &o, &p));
        kit_ok(*state, ntk_predictor_at(*state, p, &set, INFINITY, &m, &c));
        assert_int_equal(ntk_predictor_at(*state, p, &set, 1, &m, NULL), NTK_ERROR_ARGUMENT);
        ntk_predictor_destroy(p);
    }
    kit_close(N * M, mean[1], mean[0], 1e-10 * 8 / 0.1); /* |y| is below 8 */
    kit_close(N * N, covariance[1], covariance[0], 1e-10 / 0.1);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_keeps_its_tolerance), kit_test(test_preconditioner_is_the_inverse), kit_test(test_preconditioner_pays),
        kit_test(test_without_a_matrix),    kit_test(test_single_precision),               kit_test(test_refusals),
        kit_test(test_predictor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
