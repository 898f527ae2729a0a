/* The gram as an operator: blocks, diagonal, products, ridge; of a kernel, of the user's matrices, of a Jacobian in row blocks. */
#include "kernel.h"
#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char mlp[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                          "{\"op\": \"dense\", \"units\": 6, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"},"
                          "{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}";

static double *numbers(int64_t count)
{
    double *n = calloc((size_t)(count > 0 ? count : 1), sizeof *n);
    assert_non_null(n);
    return n;
}

static ntk_gram *of_matrix(ntk_context *ctx, int64_t n, const double *k)
{
    ntk_array matrix = ntk_matrix_f64(k, n, n);
    ntk_gram *gram = NULL;
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram));
    return gram;
}

static double *entries(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind)
{
    int64_t n = ntk_gram_size(gram);
    double *k = numbers(n * n);
    ntk_array out = ntk_matrix_f64(k, n, n);
    kit_ok(ctx, ntk_gram_get_block(ctx, gram, kind, 0, 0, &out));
    return k;
}

/* ---- of a kernel -------------------------------------------------------------------------------------------------- */

/* The gram holds what ntk_kernel_eval() gives, to the bit, both kinds from one pass or each alone. */
static void test_of_kernel(void **state)
{
    enum { N = 530 };
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, mlp);
    ntk_kernel *k = NULL;
    ntk_gram *both = NULL, *ntk_only = NULL, *nngp_only = NULL;
    double *x = numbers(N * 3), *ntk = numbers(N * N), *nngp = numbers(N * N);
    ntk_array points = ntk_matrix_f64(x, N, 3), a = ntk_matrix_f64(ntk, N, N), b = ntk_matrix_f64(nngp, N, N);
    kit_random(1, N * 3, x);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &k));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &a, .nngp = &b}));
    kit_ok(ctx, ntk_gram_create(ctx, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = 1}, &both));
    kit_ok(ctx, ntk_gram_create(ctx, k, &points, NULL, &ntk_only));
    kit_ok(ctx, ntk_gram_create(ctx, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = 1, .no_ntk = 1}, &nngp_only));
    ntk_kernel_destroy(k);
    ntk_network_destroy(net);
    for (int kind = 0; kind < 2; ++kind) {
        double *one = entries(ctx, both, (ntk_kind)kind), *other = entries(ctx, kind == NTK_KIND_NTK ? ntk_only : nngp_only, (ntk_kind)kind);
        assert_memory_equal(one, kind == NTK_KIND_NTK ? ntk : nngp, N * N * sizeof(double));
        assert_memory_equal(other, one, N * N * sizeof(double));
        free(one);
        free(other);
    }
    assert_true(ntk_gram_has(ntk_only, NTK_KIND_NTK) && !ntk_gram_has(ntk_only, NTK_KIND_NNGP));
    assert_true(!ntk_gram_has(nngp_only, NTK_KIND_NTK) && !ntk_gram_has(nngp_only, (ntk_kind)5));
    kit_fails(ctx, ntk_gram_get_block(ctx, ntk_only, NTK_KIND_NNGP, 0, 0, &a), NTK_ERROR_ARGUMENT, "does not hold the nngp");
    kit_fails(ctx, ntk_gram_multiply(ctx, nngp_only, NTK_KIND_NTK, &a, &b), NTK_ERROR_ARGUMENT, "does not hold the ntk");
    ntk_gram_destroy(both);
    ntk_gram_destroy(ntk_only);
    ntk_gram_destroy(nngp_only);
    free(x);
    free(ntk);
    free(nngp);
}

static void test_options(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, mlp);
    ntk_kernel *k = NULL;
    ntk_gram *gram = (void *)1;
    double x[6] = {1, 2, 3, 4, 5, 6};
    ntk_array points = ntk_matrix_f64(x, 2, 3);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &k));
    kit_fails(ctx, ntk_gram_create(ctx, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .no_ntk = 1}, &gram), NTK_ERROR_ARGUMENT,
              "without NTK and without NNGP");
    assert_null(gram);
    ntk_kernel_destroy(k);
    ntk_network_destroy(net);
}

/* ---- the user's matrix -------------------------------------------------------------------------------------------- */

/* Dense memory is borrowed, anything else copied; neither is ever written. */
static void test_users_matrix(void **state)
{
    enum { N = 20 };
    ntk_context *ctx = *state;
    double k[N * N], kept[N * N], gaps[2 * N * N] = {0}, v[N * 2], out[N * 2];
    ntk_array strided = ntk_matrix_f64(gaps, N, N), b = ntk_matrix_f64(v, N, 2), x = ntk_matrix_f64(out, N, 2);
    ntk_gram *borrowed, *copied;
    ntk_solver *solver;
    ntk_spectrum *spectrum;
    kit_random_spd(2, N, k);
    k[3 * N + 1] *= 1 + 1e-12; /* within the tolerance of symmetry, but not the same */
    memcpy(kept, k, sizeof k);
    strided.strides[0] = 2;
    strided.strides[1] = 2 * N;
    for (int i = 0; i < N * N; ++i) gaps[2 * (i / N + i % N * N)] = k[i];
    kit_random(3, N * 2, v);
    borrowed = of_matrix(ctx, N, k);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &strided, &copied));
    assert_ptr_equal(borrowed->matrix[NTK_KIND_NTK], k);
    assert_ptr_not_equal(copied->matrix[NTK_KIND_NTK], gaps);
    for (int round = 0; round < 2; ++round) {
        ntk_gram *gram = round == 0 ? borrowed : copied;
        double *lower = entries(ctx, gram, NTK_KIND_NTK);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) assert_true(lower[i * N + j] == kept[NTK_MAX(i, j) * N + NTK_MIN(i, j)]); /* the lower triangle counts */
        free(lower);
        kit_ok(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &b, &x));
        kit_ok(ctx, ntk_solver_create(ctx, gram, &(ntk_solver_options){NTK_SOLVER_OPTIONS_INIT, .ridge = 1}, &solver));
        kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &spectrum));
        ntk_spectrum_destroy(spectrum);
        ntk_solver_destroy(solver);
        ntk_gram_destroy(gram);
    }
    assert_memory_equal(k, kept, sizeof k);
}

static void test_asymmetric(void **state)
{
    enum { N = 12 };
    ntk_context *ctx = *state;
    double k[N * N];
    float narrow[N * N];
    ntk_array matrix = ntk_matrix_f64(k, N, N), single = ntk_matrix_f32(narrow, N, N), wrong = ntk_matrix_f64(k, N, N - 1);
    ntk_gram *gram = (void *)1;
    kit_random_spd(4, N, k);
    for (int i = 0; i < N * N; ++i) narrow[i] = (float)k[i];
    k[5 * N + 2] += 0.5;
    kit_fails(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram), NTK_ERROR_ARGUMENT, "k is not symmetric: entries differ by 0.5");
    assert_null(gram);
    kit_fails(ctx, ntk_gram_from_matrices(ctx, NULL, &matrix, &gram), NTK_ERROR_ARGUMENT, "nngp is not symmetric");
    narrow[7] += 1;
    kit_fails(ctx, ntk_gram_from_matrix(ctx, &single, &gram), NTK_ERROR_ARGUMENT, "k is not symmetric");
    kit_fails(ctx, ntk_gram_from_matrix(ctx, &wrong, &gram), NTK_ERROR_SHAPE, "k has shape [12, 11]; expected a square matrix");
    memset(k, 0, sizeof k);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram)); /* 0 is symmetric */
    ntk_gram_destroy(gram);
}

/* The line: |K_ij - K_ji| <= 1e-8 max |K| for f64, 1e-3 for f32. */
static void test_symmetry_tolerance(void **state)
{
    ntk_context *ctx = *state;
    double k[4] = {1, 0.5, 0.5, 1};
    float s[4] = {1, 0.5f, 0.5f, 1};
    ntk_array wide = ntk_matrix_f64(k, 2, 2), narrow = ntk_matrix_f32(s, 2, 2);
    ntk_gram *gram = NULL;
    k[1] = 0.5 + 0.99e-8;
    s[1] = 0.5f + 0.99e-3f;
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &wide, &gram));
    ntk_gram_destroy(gram);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &narrow, &gram));
    ntk_gram_destroy(gram);
    k[1] = 0.5 + 1.01e-8;
    s[1] = 0.5f + 1.01e-3f;
    kit_fails(ctx, ntk_gram_from_matrix(ctx, &wide, &gram), NTK_ERROR_ARGUMENT, "symmetric");
    kit_fails(ctx, ntk_gram_from_matrix(ctx, &narrow, &gram), NTK_ERROR_ARGUMENT, "symmetric");
}

static void test_two_matrices(void **state)
{
    enum { N = 5 };
    ntk_context *ctx = *state;
    double a[N * N], b[N * N], *got;
    float s[N * N] = {0};
    ntk_array ntk = ntk_matrix_f64(a, N, N), nngp = ntk_matrix_f64(b, N, N), small = ntk_matrix_f64(b, 2, 2), single = ntk_matrix_f32(s, N, N);
    ntk_gram *gram = (void *)1;
    kit_random_spd(5, N, a);
    kit_random_spd(6, N, b);
    kit_fails(ctx, ntk_gram_from_matrices(ctx, NULL, NULL, &gram), NTK_ERROR_NULL, "ntk and nngp are both NULL");
    assert_null(gram);
    kit_fails(ctx, ntk_gram_from_matrices(ctx, &ntk, &small, &gram), NTK_ERROR_SHAPE, "nngp has shape [2, 2]; expected [5, 5]");
    kit_fails(ctx, ntk_gram_from_matrices(ctx, &ntk, &single, &gram), NTK_ERROR_DTYPE, "nngp holds f32; expected f64");
    kit_ok(ctx, ntk_gram_from_matrices(ctx, NULL, &nngp, &gram));
    assert_true(!ntk_gram_has(gram, NTK_KIND_NTK) && ntk_gram_has(gram, NTK_KIND_NNGP));
    ntk_gram_destroy(gram);
    kit_ok(ctx, ntk_gram_from_matrices(ctx, &ntk, &nngp, &gram));
    got = entries(ctx, gram, NTK_KIND_NNGP);
    for (int i = 0; i < N * N; ++i) assert_true(got[i] == b[NTK_MAX(i / N, i % N) * N + NTK_MIN(i / N, i % N)]);
    free(got);
    ntk_gram_destroy(gram);
}

/* ---- questions ---------------------------------------------------------------------------------------------------- */

/* Every block of every size at every place, into dense and strided memory. */
static void test_blocks(void **state)
{
    enum { N = 7 };
    ntk_context *ctx = *state;
    double k[N * N], out[4 * N * N], diagonal[3 * N];
    ntk_array strided_diagonal = ntk_vector_f64(diagonal, N), beyond;
    ntk_gram *gram;
    kit_random_spd(7, N, k);
    gram = of_matrix(ctx, N, k);
    for (int row = 0; row <= N; ++row)
        for (int column = 0; column <= N; ++column)
            for (int m = 0; m <= N - row; ++m) {
                int c = N - column;
                ntk_array block = ntk_matrix_f64(out, m, c);
                block.strides[0] = 2;
                block.strides[1] = 2 * NTK_MAX(m, 1);
                kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, row, column, &block));
                for (int i = 0; i < m; ++i)
                    for (int j = 0; j < c; ++j)
                        assert_true(out[2 * i + 2 * m * j] == k[NTK_MAX(row + i, column + j) * N + NTK_MIN(row + i, column + j)]);
            }
    beyond = ntk_matrix_f64(out, 3, 2);
    kit_fails(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 5, 0, &beyond), NTK_ERROR_SHAPE,
              "a block of 3 x 2 at (5, 0) leaves the gram of size 7");
    kit_fails(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, -1, &beyond), NTK_ERROR_SHAPE, "(0, -1)");
    strided_diagonal.strides[0] = -3;
    strided_diagonal.data = diagonal + 3 * (N - 1);
    kit_ok(ctx, ntk_gram_get_diagonal(ctx, gram, NTK_KIND_NTK, &strided_diagonal));
    for (int i = 0; i < N; ++i) assert_true(diagonal[3 * (N - 1 - i)] == k[i * N + i]);
    ntk_gram_destroy(gram);
}

/* K v by naive sums: N eps of sum |K||v| in any order. */
static void test_multiply(void **state)
{
    enum { N = 33, M = 4 };
    ntk_context *ctx = *state;
    double k[N * N], v[N * M], got[N * M], wanted[N * M] = {0};
    ntk_array in = ntk_matrix_f64(v, N, M), out = ntk_matrix_f64(got, N, M);
    ntk_gram *gram;
    kit_random_spd(8, N, k);
    kit_random(9, N * M, v);
    gram = of_matrix(ctx, N, k);
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < M; ++j)
            for (int l = 0; l < N; ++l) wanted[i * M + j] += k[i * N + l] * v[l * M + j];
    kit_ok(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &in, &out));
    kit_close(N * M, got, wanted, 4 * N * DBL_EPSILON);
    kit_ok(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &in, &in)); /* in place */
    kit_close(N * M, v, got, 0);
    ntk_gram_destroy(gram);
}

/* inf - inf is no answer. */
static void test_overflow(void **state)
{
    ntk_context *ctx = *state;
    double k[4] = {1e308, 1e308, 1e308, 1e308}, v[2] = {1e10, -1e10}, j[4] = {1e200, 1, 1, 1}, out[2];
    ntk_array in = ntk_matrix_f64(v, 2, 1), to = ntk_matrix_f64(out, 2, 1), jm = ntk_matrix_f64(j, 2, 2);
    ntk_gram *gram = of_matrix(ctx, 2, k), *none = (void *)1;
    ntk_jacobian *jacobian;
    kit_fails(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &in, &to), NTK_ERROR_OVERFLOW, "K v exceeds the range of f64");
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &jm, 1, &jacobian));
    kit_fails(ctx, ntk_gram_from_jacobian(ctx, jacobian, NULL, &none), NTK_ERROR_OVERFLOW, "J D^-1 J' exceeds the range of f64 (at 0, 0)");
    assert_null(none);
    ntk_jacobian_destroy(jacobian);
    ntk_gram_destroy(gram);
}

static void test_single(void **state)
{
    enum { N = 4 };
    ntk_context *ctx = *state;
    float k[N * N], v[N], out[N], diagonal[N];
    double wide[N * N];
    ntk_array matrix = ntk_matrix_f32(k, N, N), in = ntk_matrix_f32(v, N, 1), to = ntk_matrix_f32(out, N, 1);
    ntk_array d = ntk_array_dense(diagonal, NTK_F32, 1, (int64_t[]){N});
    ntk_array wrong = ntk_matrix_f64(wide, N, 1);
    ntk_gram *gram = NULL;
    ntk_spectrum *spectrum;
    kit_random_spd(10, N, wide);
    for (int i = 0; i < N * N; ++i) k[i] = (float)wide[i];
    for (int i = 0; i < N; ++i) v[i] = (float)(i + 1);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram));
    kit_ok(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &in, &to));
    kit_ok(ctx, ntk_gram_get_diagonal(ctx, gram, NTK_KIND_NTK, &d));
    for (int i = 0; i < N; ++i) {
        double sum = 0;
        for (int j = 0; j < N; ++j) sum += (double)k[i * N + j] * (double)v[j];
        kit_near((double)out[i], sum, 1e-5 * fabs(sum) + 1e-6);
        assert_true(diagonal[i] == k[i * N + i]);
    }
    kit_fails(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &wrong, &to), NTK_ERROR_DTYPE, "v holds f64; expected f32");
    kit_fails(ctx, ntk_spectrum_create(ctx, gram, NULL, &spectrum), NTK_ERROR_DTYPE, "the gram holds f32; this call works in f64");
    ntk_gram_destroy(gram);
}

static void test_ridge(void **state)
{
    ntk_context *ctx = *state;
    double k[4] = {3, 1, 1, 5}, ridge = -1, trace;
    ntk_gram *gram = of_matrix(ctx, 2, k);
    kit_ok(ctx, ntk_gram_trace(ctx, gram, NTK_KIND_NTK, &trace));
    assert_true(trace == 8);
    kit_ok(ctx, ntk_gram_ridge(ctx, gram, NTK_KIND_NTK, 0.5, 0.25, &ridge));
    assert_true(ridge == 0.5 + 0.25 * 4);
    kit_ok(ctx, ntk_gram_ridge(ctx, gram, NTK_KIND_NTK, 0, 0, &ridge));
    assert_true(ridge == 0);
    kit_fails(ctx, ntk_gram_ridge(ctx, gram, NTK_KIND_NTK, -1, 0, &ridge), NTK_ERROR_ARGUMENT, "ridge is -1");
    kit_fails(ctx, ntk_gram_ridge(ctx, gram, NTK_KIND_NTK, 0, NAN, &ridge), NTK_ERROR_ARGUMENT, "ridge_relative nan");
    ntk_gram_destroy(gram);
}

/* ---- of a Jacobian -------------------------------------------------------------------------------------------------- */

/* J D⁻¹ Jᵀ by naive sums: p eps of sum |J||J|/D. */
static void naive_contraction(int64_t n, int64_t p, const double *j, const double *d, double *k)
{
    for (int64_t a = 0; a < n; ++a)
        for (int64_t b = 0; b < n; ++b) {
            k[a * n + b] = 0;
            for (int64_t i = 0; i < p; ++i) k[a * n + b] += j[a * p + i] * j[b * p + i] / d[i];
        }
}

/* With a memory limit of `limit` bytes J comes in parts; parts of any size give the same matrix. */
static void check_jacobian(const ntk_jacobian *jacobian, const double *rows, const double *d, const ntk_optimizer *optimizer, uint64_t limit)
{
    int64_t n = ntk_jacobian_rows(jacobian), p = ntk_jacobian_columns(jacobian);
    double *wanted = numbers(n * n), *got;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = limit};
    ntk_context *ctx = NULL;
    ntk_gram *gram = NULL;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    naive_contraction(n, p, rows, d, wanted);
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, jacobian, optimizer, &gram));
    assert_int_equal(ntk_gram_size(gram), n);
    got = entries(ctx, gram, NTK_KIND_NTK);
    kit_close(n * n, got, wanted, 4 * (double)p * DBL_EPSILON);
    for (int64_t i = 0; i < n * n; ++i) assert_true(got[i] == got[i % n * n + i / n]);
    ntk_gram_destroy(gram);
    ntk_context_destroy(ctx);
    free(wanted);
    free(got);
}

static void test_of_jacobian(void **state)
{
    enum { N = 37, P = 50 };
    ntk_context *ctx = *state;
    double *j = numbers(N * P), d[P], ones[P];
    ntk_array matrix = ntk_matrix_f64(j, N, P), diagonal = ntk_vector_f64(d, P);
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    kit_random(11, N * P, j);
    kit_random(12, P, d);
    for (int i = 0; i < P; ++i) {
        d[i] = 1.5 + d[i];
        ones[i] = 1;
    }
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 1, &jacobian));
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &diagonal, &optimizer));
    check_jacobian(jacobian, j, d, optimizer, 0);
    check_jacobian(jacobian, j, ones, NULL, 0);
    check_jacobian(jacobian, j, d, optimizer, 8 * N * N + 16 * P * 5);      /* 6 columns at once, then 2: an eighth of the limit is for a strip */
    check_jacobian(jacobian, j, ones, NULL, 2 * (8 * N * N + 16 * P * 20)); /* more, and a last strip that is smaller */
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
    free(j);
}

/* Of a network: structured; and with a D that is no outer product in blocks of rows that begin and end inside a sample. */
static void test_of_network_jacobian(void **state)
{
    enum { N = 7, O = 2, P = 4 * 6 + 7 * 2 };
    ntk_context *ctx = *state;
    ntk_network *net = kit_network(ctx, mlp);
    double theta[P], x[N * 3], rows[N * O * P], ones[P], d[P];
    ntk_array t = ntk_vector_f64(theta, P), points = ntk_matrix_f64(x, N, 3), out = ntk_matrix_f64(rows, N * O, P);
    ntk_array diagonal = ntk_vector_f64(d, P);
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    kit_random(15, P, d);
    for (int i = 0; i < P; ++i) d[i] += 1.5;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &diagonal, &optimizer));
    kit_random(13, P, theta);
    kit_random(14, N * 3, x);
    for (int i = 0; i < P; ++i) ones[i] = 1;
    kit_ok(ctx, ntk_jacobian_from_network(ctx, net, &t, &points, &jacobian));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, jacobian, 0, &out));
    check_jacobian(jacobian, rows, ones, NULL, 0);
    check_jacobian(jacobian, rows, ones, NULL, 8 * 8 * P); /* too little for the factors */
    for (int at_once = 1; at_once < 8; ++at_once) check_jacobian(jacobian, rows, d, optimizer, (uint64_t)(8 * 8 * P * at_once));
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
    ntk_network_destroy(net);
}

/* Every algorithm answers every question as the matrix does: products without holding one. */
static void test_algorithms(void **state)
{
    enum { N = 7, O = 2, ROWS = N * O, P = 4 * 6 + 7 * 2 };
    ntk_context *ctx = *state;
    static const ntk_algorithm all[] = {NTK_ALGORITHM_STRUCTURED, NTK_ALGORITHM_CONTRACTION, NTK_ALGORITHM_PRODUCTS};
    ntk_network *net = kit_network(ctx, mlp);
    double theta[P], x[N * 3], v[ROWS * 3], y[ROWS], ridge[2], d[P], want[6][ROWS * ROWS], got[6][ROWS * ROWS];
    ntk_array t = ntk_vector_f64(theta, P), points = ntk_matrix_f64(x, N, 3), vv = ntk_matrix_f64(v, ROWS, 3), yy = ntk_matrix_f64(y, ROWS, 1);
    ntk_array dd = ntk_vector_f64(d, P);
    ntk_optimizer *optimizer;
    ntk_jacobian *jacobian;
    kit_random(1, P, theta);
    kit_random(2, N * 3, x);
    kit_random(3, ROWS * 3, v);
    kit_random(4, ROWS, y);
    for (int i = 0; i < P; ++i) d[i] = 2;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &dd, &optimizer));
    kit_ok(ctx, ntk_jacobian_from_network(ctx, net, &t, &points, &jacobian));
    for (int i = 0; i < 3; ++i) {
        double (*out)[ROWS * ROWS] = i == 0 ? want : got;
        ntk_array block = ntk_matrix_f64(out[0], 5, 9), diagonal = ntk_vector_f64(out[1], ROWS), product = ntk_matrix_f64(out[2], ROWS, 3);
        ntk_array values = ntk_vector_f64(out[3], ROWS), solved = ntk_matrix_f64(out[4], ROWS, 1), strided = ntk_matrix_f64(out[5], ROWS, ROWS);
        ntk_spectrum *spectrum;
        ntk_solver *solver;
        ntk_gram *gram;
        strided.strides[0] = 1;
        strided.strides[1] = ROWS;
        kit_ok(ctx, ntk_gram_from_jacobian_by(ctx, jacobian, optimizer, all[i], &gram));
        assert_int_equal(ntk_gram_algorithm(gram), all[i]);
        assert_int_equal(ntk_gram_size(gram), ROWS);
        assert_int_equal(ntk_gram_has(gram, NTK_KIND_NTK), 1);
        assert_int_equal(ntk_gram_has(gram, NTK_KIND_NNGP), 0);
        assert_true((gram->matrix[NTK_KIND_NTK] == NULL) == (i == 2));
        kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 8, 2, &block));
        kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &strided));
        kit_ok(ctx, ntk_gram_get_diagonal(ctx, gram, NTK_KIND_NTK, &diagonal));
        kit_ok(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &vv, &product));
        kit_ok(ctx, ntk_gram_ridge(ctx, gram, NTK_KIND_NTK, 0.5, 0.25, &ridge[i > 0]));
        kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &spectrum));
        kit_ok(ctx, ntk_spectrum_get_values(ctx, spectrum, &values));
        kit_ok(ctx, ntk_solver_create(ctx, gram, &(ntk_solver_options){NTK_SOLVER_OPTIONS_INIT, .ridge_relative = 0.1}, &solver));
        kit_ok(ctx, ntk_solver_solve(ctx, solver, &yy, &solved));
        ntk_solver_destroy(solver);
        ntk_spectrum_destroy(spectrum);
        ntk_gram_destroy(gram);
        if (i == 0) continue;
        kit_close(5 * 9, got[0], want[0], 1e-14);
        kit_close(ROWS, got[1], want[1], 1e-14);
        kit_close(ROWS * 3, got[2], want[2], 1e-13);
        kit_close(ROWS, got[3], want[3], 1e-13);
        kit_close(ROWS, got[4], want[4], 1e-11);
        kit_close(ROWS * ROWS, got[5], want[5], 1e-14);
        kit_near(ridge[1], ridge[0], 1e-13 * ridge[0]);
    }
    ntk_jacobian_destroy(jacobian);
    ntk_optimizer_destroy(optimizer);
    ntk_network_destroy(net);
}

/* A memory limit too small for the matrix leaves the products; blocks of rows of any height give the same entries. */
static void test_products_in_little_memory(void **state)
{
    enum { N = 37, P = 50 };
    ntk_context *ctx = *state, *small;
    double *j = numbers(N * P), *want = numbers(N * N), *got = numbers(N * N), ones[P];
    ntk_array matrix = ntk_matrix_f64(j, N, P), all = ntk_matrix_f64(got, N, N), diagonal = ntk_vector_f64(got, N);
    ntk_jacobian *of_matrix, *jacobian;
    ntk_gram *gram;
    kit_random(11, N * P, j);
    for (int i = 0; i < P; ++i) ones[i] = 1;
    naive_contraction(N, P, j, ones, want);
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 1, &of_matrix));
    kit_ok(ctx, ntk_jacobian_restrict(ctx, of_matrix, &(ntk_range){0, P}, 1, &jacobian)); /* a source of rows alone */
    for (uint64_t limit = 3000; limit < 40000; limit *= 3) {
        assert_int_equal(ntk_context_create(&(ntk_context_options){NTK_CONTEXT_OPTIONS_INIT, .memory_limit = limit}, &small), NTK_OK);
        if (limit < 8 * N * N) kit_fails(small, ntk_gram_from_jacobian(small, jacobian, NULL, &gram), NTK_ERROR_MEMORY_LIMIT, "the gram");
        else check_jacobian(jacobian, j, ones, NULL, limit);
        kit_ok(small, ntk_gram_from_jacobian_by(small, jacobian, NULL, NTK_ALGORITHM_PRODUCTS, &gram));
        kit_ok(small, ntk_gram_get_block(small, gram, NTK_KIND_NTK, 0, 0, &all));
        kit_close(N * N, got, want, 1e-14);
        kit_ok(small, ntk_gram_get_diagonal(small, gram, NTK_KIND_NTK, &diagonal));
        for (int i = 0; i < N; ++i) kit_near(got[i], want[i * N + i], 1e-14 * want[i * N + i]);
        ntk_gram_destroy(gram);
        ntk_context_destroy(small);
    }
    kit_fails(ctx, ntk_gram_from_jacobian_by(ctx, jacobian, NULL, NTK_ALGORITHM_STRUCTURED, &gram), NTK_ERROR_UNSUPPORTED, "structured needs the Jacobian of a network");
    kit_fails(ctx, ntk_gram_from_jacobian_by(ctx, jacobian, NULL, (ntk_algorithm)9, &gram), NTK_ERROR_ARGUMENT, "algorithm is 9");
    assert_int_equal(ntk_gram_algorithm(NULL), NTK_ALGORITHM_AUTO);
    ntk_jacobian_destroy(jacobian);
    ntk_jacobian_destroy(of_matrix);
    free(got);
    free(want);
    free(j);
}

typedef struct watch {
    int calls;
    double last;
} watch;

static int observe(void *user, double done)
{
    watch *w = user;
    assert_true(done > w->last && done <= 1);
    w->last = done;
    return ++w->calls == 3;
}

/* Blocks are counted by the progress; the third one stops. */
static void test_jacobian_cancelled(void **state)
{
    enum { N = 37, P = 50 };
    watch w = {0, 0};
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .progress = observe, .progress_user = &w, .memory_limit = 8 * N * N + 16 * P * 5};
    ntk_context *ctx = NULL;
    double *j = numbers(N * P);
    ntk_array matrix = ntk_matrix_f64(j, N, P);
    ntk_jacobian *jacobian;
    ntk_gram *gram = (void *)1;
    (void)state;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 1, &jacobian));
    kit_fails(ctx, ntk_gram_from_jacobian(ctx, jacobian, NULL, &gram), NTK_ERROR_CANCELLED, "cancelled");
    assert_null(gram);
    assert_int_equal(w.calls, 3);
    ntk_jacobian_destroy(jacobian);
    ntk_context_destroy(ctx);
    free(j);
}

static void test_jacobian_memory_limit(void **state)
{
    enum { N = 512, P = 8 };
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 2 << 20};
    ntk_context *limited = NULL;
    double *j = numbers(N * P);
    ntk_array matrix = ntk_matrix_f64(j, N, P);
    ntk_jacobian *jacobian;
    ntk_gram *gram = (void *)1;
    (void)state;
    assert_int_equal(ntk_context_create(&options, &limited), NTK_OK);
    kit_ok(limited, ntk_jacobian_from_matrix(limited, &matrix, 1, &jacobian));
    kit_fails(limited, ntk_gram_from_jacobian(limited, jacobian, NULL, &gram), NTK_ERROR_MEMORY_LIMIT,
              "the gram needs 2.031 MiB; the memory limit of the context is 2 MiB");
    assert_null(gram);
    ntk_jacobian_destroy(jacobian);
    ntk_context_destroy(limited);
    free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_of_kernel), kit_test(test_options), kit_test(test_users_matrix), kit_test(test_asymmetric),
        kit_test(test_symmetry_tolerance),
        kit_test(test_two_matrices), kit_test(test_blocks), kit_test(test_multiply), kit_test(test_overflow), kit_test(test_single),
        kit_test(test_ridge), kit_test(test_of_jacobian), kit_test(test_of_network_jacobian), kit_test(test_algorithms), kit_test(test_products_in_little_memory), kit_test(test_jacobian_cancelled),
        kit_test(test_jacobian_memory_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
