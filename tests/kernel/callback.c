/* The user's function: what it is given, what its answers become, and its failures. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>

typedef struct record {
    int calls, answer; /* what it returns */
    int fail_at;       /* the call that returns it; 0: all */
    int64_t d, largest;
    double value;      /* what it writes; 0: the product x.x' */
} record;

static int user_kernel(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    record *r = user;
    ++r->calls;
    r->d = d;
    r->largest = NTK_MAX(r->largest, NTK_MAX(n1, n2));
    assert_true(n1 > 0 && n2 > 0 && ldk >= n2);
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j) {
            double sum = 0;
            for (int64_t l = 0; l < d; ++l) sum += x1[i * d + l] * x2[j * d + l];
            k[i * ldk + j] = r->value != 0 ? r->value : sum;
        }
    return r->fail_at == 0 || r->calls == r->fail_at ? r->answer : 0;
}

static ntk_kernel *make(ntk_context *ctx, record *r, ntk_kind kind)
{
    ntk_kernel *k = NULL;
    kit_ok(ctx, ntk_kernel_from_callback(ctx, user_kernel, r, kind, &k));
    return k;
}

/* x.x' of three numbers: a few eps. */
static void test_values(void **state)
{
    enum { N = 6, M = 4, D = 3 };
    ntk_context *ctx = *state;
    record r = {0};
    double x[N * D], y[M * D], got[N * M], wanted[N * M], diagonal[N], squares[N];
    ntk_array x1 = ntk_matrix_f64(x, N, D), x2 = ntk_matrix_f64(y, M, D), out = ntk_matrix_f64(got, N, M), d = ntk_vector_f64(diagonal, N);
    ntk_kernel *k = make(ctx, &r, NTK_KIND_NNGP);
    kit_random(1, N * D, x);
    kit_random(2, M * D, y);
    for (int i = 0; i < N * M; ++i) wanted[i] = x[i / M * D] * y[i % M * D] + x[i / M * D + 1] * y[i % M * D + 1] + x[i / M * D + 2] * y[i % M * D + 2];
    for (int i = 0; i < N; ++i) squares[i] = x[i * D] * x[i * D] + x[i * D + 1] * x[i * D + 1] + x[i * D + 2] * x[i * D + 2];
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &x1, &x2, &(ntk_request){NTK_REQUEST_INIT, .nngp = &out}));
    kit_close(N * M, got, wanted, 1e-15);
    assert_int_equal(r.d, D);
    kit_ok(ctx, ntk_kernel_diagonal(ctx, k, &x1, &(ntk_request){NTK_REQUEST_INIT, .nngp = &d}));
    kit_close(N, diagonal, squares, 1e-15);
    ntk_kernel_destroy(k);
}

/* Blocks stay small however large the job, and pairs above the diagonal are not asked for twice. */
static void test_blocks(void **state)
{
    enum { N = 1030 };
    ntk_context *ctx = *state;
    record r = {0};
    double *x = calloc(N, sizeof *x), *out = calloc(N * N, sizeof *out);
    ntk_array points = ntk_matrix_f64(x, N, 1), k_out = ntk_matrix_f64(out, N, N);
    ntk_kernel *k = make(ctx, &r, NTK_KIND_NTK);
    assert_true(x && out);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &k_out}));
    assert_int_equal(r.largest, 512);
    assert_int_equal(r.calls, 6); /* of 3 x 3 tiles those on and below the diagonal */
    ntk_kernel_destroy(k);
    free(x);
    free(out);
}

/* Without samples there is nothing to ask. */
static void test_empty(void **state)
{
    ntk_context *ctx = *state;
    record r = {0};
    ntk_array x = ntk_matrix_f64(NULL, 0, 3), out = ntk_matrix_f64(NULL, 0, 0), none = ntk_vector_f64(NULL, 0);
    ntk_kernel *k = make(ctx, &r, NTK_KIND_NTK);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    kit_ok(ctx, ntk_kernel_diagonal(ctx, k, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &none}));
    assert_int_equal(r.calls, 0);
    ntk_kernel_destroy(k);
}

static void test_failures(void **state)
{
    enum { N = 1030 };
    static const double values[] = {NAN, INFINITY, -INFINITY};
    ntk_context *ctx = *state;
    record r = {.answer = 42};
    double *x = calloc(N, sizeof *x), *out = calloc(N * N, sizeof *out);
    ntk_array few = ntk_matrix_f64(x, 3, 1), many = ntk_matrix_f64(x, N, 1), small = ntk_matrix_f64(out, 3, 3);
    ntk_array large = ntk_matrix_f64(out, N, N), d = ntk_vector_f64(out, 3);
    ntk_kernel *k = make(ctx, &r, NTK_KIND_NTK);
    ntk_gram *gram = NULL;
    assert_true(x && out);
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &few, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &small}), NTK_ERROR_CALLBACK,
              "returned 42 on a block of 3 x 3");
    kit_fails(ctx, ntk_kernel_diagonal(ctx, k, &few, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d}), NTK_ERROR_CALLBACK, "42");
    kit_fails(ctx, ntk_gram_create(ctx, k, &few, NULL, &gram), NTK_ERROR_CALLBACK, "42");
    assert_null(gram);
    r = (record){.answer = -1, .fail_at = 4}; /* in the middle of the tiles: no more calls after it */
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &many, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &large}), NTK_ERROR_CALLBACK, "returned -1");
    assert_int_equal(r.calls, 4);
    for (int i = 0; i < 3; ++i) {
        r = (record){.value = values[i]};
        kit_fails(ctx, ntk_kernel_eval(ctx, k, &few, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &small}), NTK_ERROR_CALLBACK,
                  "not finite in row 0");
        kit_fails(ctx, ntk_kernel_diagonal(ctx, k, &few, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d}), NTK_ERROR_CALLBACK, "not finite");
    }
    ntk_kernel_destroy(k);
    free(x);
    free(out);
}

/* A gram of the callback's kind; the other kind is not there. */
static void test_gram(void **state)
{
    enum { N = 4 };
    ntk_context *ctx = *state;
    record r = {0};
    double x[N] = {1, 2, 3, 4}, out[N * N];
    ntk_array points = ntk_matrix_f64(x, N, 1), block = ntk_matrix_f64(out, N, N);
    ntk_kernel *k = make(ctx, &r, NTK_KIND_NNGP);
    ntk_gram *gram = NULL;
    kit_fails(ctx, ntk_gram_create(ctx, k, &points, NULL, &gram), NTK_ERROR_ARGUMENT, "callback kernel does not deliver");
    kit_ok(ctx, ntk_gram_create(ctx, k, &points, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .nngp = 1, .no_ntk = 1}, &gram));
    assert_true(ntk_gram_has(gram, NTK_KIND_NNGP) && !ntk_gram_has(gram, NTK_KIND_NTK));
    kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NNGP, 0, 0, &block));
    for (int i = 0; i < N * N; ++i) assert_true(out[i] == x[i / N] * x[i % N]);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_values), kit_test(test_blocks), kit_test(test_empty), kit_test(test_failures),
                                       kit_test(test_gram)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
