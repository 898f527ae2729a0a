/* Kernels made of kernels, against the same made of their matrices: sums, normalised ones, both at once; what is refused. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <string.h>

enum { N = 5, M = 4, D = 3, O = 2 };

static const char relu[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                           "{\"op\": \"dense\", \"units\": 6, \"w_std\": 1.5, \"b_std\": 0.1}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}]}";
static const char erf_[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                           "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.1}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 2}]}";

static int product(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    double sign = *(const double *)user;
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j) {
            k[i * ldk + j] = 0;
            for (int64_t l = 0; l < d; ++l) k[i * ldk + j] += sign * x1[i * d + l] * x2[j * d + l];
        }
    return 0;
}

typedef struct world {
    ntk_context *ctx;
    ntk_network *networks[2];
    ntk_kernel *kernels[2];
    double x[N * D], y[M * D];
} world;

static void open_world(ntk_context *ctx, world *w)
{
    *w = (world){.ctx = ctx};
    w->networks[0] = kit_network(ctx, relu);
    w->networks[1] = kit_network(ctx, erf_);
    for (int i = 0; i < 2; ++i) kit_ok(ctx, ntk_kernel_from_network(ctx, w->networks[i], NULL, &w->kernels[i]));
    kit_random(1, N * D, w->x);
    kit_random(2, M * D, w->y);
}

static void close_world(world *w)
{
    for (int i = 0; i < 2; ++i) {
        ntk_kernel_destroy(w->kernels[i]);
        ntk_network_destroy(w->networks[i]);
    }
}

/* [n, m] both kinds of pairs of x and y, or with y NULL of x and itself. */
static void evaluate(world *w, const ntk_kernel *k, bool symmetric, double *ntk, double *nngp)
{
    ntk_array x = ntk_matrix_f64(w->x, N, D), y = ntk_matrix_f64(w->y, M, D);
    ntk_array t = ntk_matrix_f64(ntk, N, symmetric ? N : M), s = ntk_matrix_f64(nngp, N, symmetric ? N : M);
    kit_ok(w->ctx, ntk_kernel_eval(w->ctx, k, &x, symmetric ? NULL : &y, &(ntk_request){NTK_REQUEST_INIT, .ntk = &t, .nngp = &s}));
}

/* Two products and a sum: 4 eps. */
static void test_sum(void **state)
{
    const double weights[2] = {0.75, -2.5};
    for (int symmetric = 0; symmetric < 2; ++symmetric) {
        world w;
        ntk_kernel *sum = NULL, *plain = NULL;
        double parts[2][2][N * N], got[2][N * N], wanted[2][N * N];
        int count = N * (symmetric ? N : M);
        open_world(*state, &w);
        kit_ok(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)w.kernels, weights, 2, &sum));
        kit_ok(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)w.kernels, NULL, 2, &plain));
        for (int i = 0; i < 2; ++i) evaluate(&w, w.kernels[i], symmetric, parts[0][i], parts[1][i]);
        evaluate(&w, sum, symmetric, got[0], got[1]);
        for (int i = 0; i < 2 * count; ++i) wanted[i / count][i % count] = weights[0] * parts[i / count][0][i % count] + weights[1] * parts[i / count][1][i % count];
        for (int kind = 0; kind < 2; ++kind) kit_close(count, got[kind], wanted[kind], 4e-16);
        evaluate(&w, plain, symmetric, got[0], got[1]);
        for (int i = 0; i < 2 * count; ++i) wanted[i / count][i % count] = parts[i / count][0][i % count] + parts[i / count][1][i % count];
        for (int kind = 0; kind < 2; ++kind) kit_close(count, got[kind], wanted[kind], 4e-16);
        ntk_kernel_destroy(plain);
        ntk_kernel_destroy(sum);
        close_world(&w);
    }
}

/* Against matrices: a root, a division and two products. */
static void test_normalised(void **state)
{
    world w;
    ntk_kernel *normalised = NULL;
    double k[2][N * N], got[2][N * N], across[2][N * M], direct[2][N * M], rows[2][N], columns[2][M], ones[2][N];
    ntk_array x, y, d[2];
    open_world(*state, &w);
    x = ntk_matrix_f64(w.x, N, D);
    y = ntk_matrix_f64(w.y, M, D);
    kit_ok(w.ctx, ntk_kernel_normalise(w.ctx, w.kernels[0], &normalised));
    evaluate(&w, w.kernels[0], true, k[0], k[1]);
    evaluate(&w, normalised, true, got[0], got[1]);
    evaluate(&w, w.kernels[0], false, direct[0], direct[1]);
    evaluate(&w, normalised, false, across[0], across[1]);
    for (int kind = 0; kind < 2; ++kind) d[kind] = ntk_vector_f64(rows[kind], N);
    kit_ok(w.ctx, ntk_kernel_diagonal(w.ctx, w.kernels[0], &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d[0], .nngp = &d[1]}));
    for (int kind = 0; kind < 2; ++kind) d[kind] = ntk_vector_f64(columns[kind], M);
    kit_ok(w.ctx, ntk_kernel_diagonal(w.ctx, w.kernels[0], &y, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d[0], .nngp = &d[1]}));
    for (int kind = 0; kind < 2; ++kind) d[kind] = ntk_vector_f64(ones[kind], N);
    kit_ok(w.ctx, ntk_kernel_diagonal(w.ctx, normalised, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d[0], .nngp = &d[1]}));
    for (int kind = 0; kind < 2; ++kind) {
        for (int i = 0; i < N * N; ++i) k[kind][i] /= sqrt(rows[kind][i / N] * rows[kind][i % N]);
        for (int i = 0; i < N * M; ++i) direct[kind][i] /= sqrt(rows[kind][i / M] * columns[kind][i % M]);
        kit_close(N * N, got[kind], k[kind], 1e-15);
        kit_close(N * M, across[kind], direct[kind], 1e-15);
        for (int i = 0; i < N; ++i) assert_true(got[kind][i * (N + 1)] == 1 && ones[kind][i] == 1);
    }
    ntk_kernel_destroy(normalised);
    close_world(&w);
}

/* A zero input has no angle: 0, not a NaN; and f32 is taken where the parts take it. */
static void test_zero_and_single(void **state)
{
    world w;
    ntk_kernel *normalised = NULL;
    float x[2 * D] = {0, 0, 0, 1, 2, 3}, k[4], diagonal[2];
    ntk_array points = ntk_matrix_f32(x, 2, D), out = ntk_matrix_f32(k, 2, 2), d = ntk_array_dense(diagonal, NTK_F32, 1, (const int64_t[]){2});
    open_world(*state, &w);
    kit_ok(w.ctx, ntk_kernel_normalise(w.ctx, w.kernels[1], &normalised));
    kit_ok(w.ctx, ntk_kernel_eval(w.ctx, normalised, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    kit_ok(w.ctx, ntk_kernel_diagonal(w.ctx, normalised, &points, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d}));
    assert_true(k[0] == 0 && k[1] == 0 && k[2] == 0 && k[3] == 1);
    assert_true(diagonal[0] == 0 && diagonal[1] == 1);
    ntk_kernel_destroy(normalised);
    close_world(&w);
}

/* Blocks of several outputs, and one value per output: each by its own diagonal entry. */
static void test_outputs(void **state)
{
    static const ntk_outputs all[] = {NTK_OUTPUTS_FULL, NTK_OUTPUTS_TRACE, NTK_OUTPUTS_DIAGONAL};
    world w;
    double parameters[100];
    open_world(*state, &w);
    ntk_array theta = ntk_vector_f64(parameters, ntk_network_parameters(w.networks[0])), x = ntk_matrix_f64(w.x, N, D);
    assert_in_range(ntk_network_parameters(w.networks[0]), 1, 100);
    kit_ok(w.ctx, ntk_network_initialize(w.ctx, w.networks[0], 3, &theta));
    for (int i = 0; i < 3; ++i) {
        int64_t side = all[i] == NTK_OUTPUTS_FULL ? N * O : N, trailing = all[i] == NTK_OUTPUTS_DIAGONAL ? O : 1;
        double k[N * N * O * O], got[N * N * O * O];
        ntk_array plain = ntk_array_dense(k, NTK_F64, trailing > 1 ? 3 : 2, (const int64_t[]){side, side, trailing}), out = plain;
        ntk_kernel *kernel = NULL, *normalised = NULL;
        out.data = got;
        kit_ok(w.ctx, ntk_kernel_empirical(w.ctx, w.networks[0], &theta, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = all[i]}, &kernel));
        kit_ok(w.ctx, ntk_kernel_normalise(w.ctx, kernel, &normalised));
        kit_ok(w.ctx, ntk_kernel_eval(w.ctx, kernel, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &plain}));
        kit_ok(w.ctx, ntk_kernel_eval(w.ctx, normalised, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
        for (int64_t r = 0; r < side; ++r)
            for (int64_t c = 0; c < side; ++c)
                for (int64_t q = 0; q < trailing; ++q) {
                    double scale = sqrt(k[(r * side + r) * trailing + q] * k[(c * side + c) * trailing + q]);
                    kit_near(got[(r * side + c) * trailing + q], k[(r * side + c) * trailing + q] / scale, 2e-15);
                }
        ntk_kernel_destroy(normalised);
        ntk_kernel_destroy(kernel);
    }
    close_world(&w);
}

/* A sum of a normalised kernel and the caller's own is a kernel like any other: with a gram, across tiles. */
static void test_gram(void **state)
{
    enum { MANY = 520 };
    static double x[MANY * D], direct[MANY * MANY], block[MANY * MANY];
    world w;
    double one = 1;
    ntk_kernel *parts[2] = {NULL}, *sum = NULL;
    ntk_gram *gram = NULL;
    ntk_array points = ntk_matrix_f64(x, MANY, D), a = ntk_matrix_f64(direct, MANY, MANY), b = ntk_matrix_f64(block, MANY, MANY);
    open_world(*state, &w);
    kit_random(5, MANY * D, x);
    kit_ok(w.ctx, ntk_kernel_normalise(w.ctx, w.kernels[0], &parts[0]));
    kit_ok(w.ctx, ntk_kernel_from_callback(w.ctx, product, &one, NTK_KIND_NTK, &parts[1]));
    kit_ok(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)parts, NULL, 2, &sum));
    kit_ok(w.ctx, ntk_kernel_eval(w.ctx, sum, &points, &points, &(ntk_request){NTK_REQUEST_INIT, .ntk = &a}));
    kit_ok(w.ctx, ntk_gram_create(w.ctx, sum, &points, NULL, &gram));
    kit_ok(w.ctx, ntk_gram_get_block(w.ctx, gram, NTK_KIND_NTK, 0, 0, &b));
    kit_close(MANY * MANY, block, direct, 1e-14);
    kit_fails(w.ctx, ntk_kernel_eval(w.ctx, sum, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &a}), NTK_ERROR_ARGUMENT, "does not deliver nngp");
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(sum);
    for (int i = 0; i < 2; ++i) ntk_kernel_destroy(parts[i]);
    close_world(&w);
}

static void test_refused(void **state)
{
    world w;
    double minus = -1, value, x[D] = {1, 2, 3}, weights[2] = {1, NAN};
    float single[D] = {1, 2, 3}, f;
    ntk_network *other;
    ntk_kernel *k = NULL, *parts[2] = {NULL, NULL}, *negative = NULL;
    ntk_array point = ntk_matrix_f64(x, 1, D), out = ntk_matrix_f64(&value, 1, 1), point32 = ntk_matrix_f32(single, 1, D), out32 = ntk_matrix_f32(&f, 1, 1);
    open_world(*state, &w);
    parts[0] = w.kernels[0];
    kit_fails(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)parts, NULL, 2, &k), NTK_ERROR_NULL, "kernels[1] is NULL");
    kit_fails(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)parts, NULL, 0, &k), NTK_ERROR_ARGUMENT, "count is 0");
    kit_fails(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)w.kernels, weights, 2, &k), NTK_ERROR_ARGUMENT, "weights[1] is nan");
    other = kit_network(w.ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4], \"layers\": [{\"op\": \"dense\", \"units\": 1}]}");
    kit_ok(w.ctx, ntk_kernel_from_network(w.ctx, other, NULL, &parts[1]));
    kit_fails(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)parts, NULL, 2, &k), NTK_ERROR_SHAPE, "another shape");
    ntk_kernel_destroy(parts[1]);
    kit_ok(w.ctx, ntk_kernel_from_callback(w.ctx, product, &minus, NTK_KIND_NTK, &parts[1]));
    kit_ok(w.ctx, ntk_kernel_sum(w.ctx, (const ntk_kernel *const *)parts, NULL, 2, &k));
    kit_fails(w.ctx, ntk_kernel_eval(w.ctx, k, &point32, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out32}), NTK_ERROR_DTYPE, "callback");
    kit_ok(w.ctx, ntk_kernel_normalise(w.ctx, parts[1], &negative));
    kit_fails(w.ctx, ntk_kernel_eval(w.ctx, negative, &point, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}), NTK_ERROR_ARGUMENT, "-14");
    ntk_kernel_destroy(negative);
    ntk_kernel_destroy(k);
    ntk_kernel_destroy(parts[1]);
    ntk_network_destroy(other);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_sum), kit_test(test_normalised), kit_test(test_zero_and_single), kit_test(test_outputs), kit_test(test_gram),
                                       kit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
