/* ntk_kernel_eval: every pair in its place across the borders of tiles, symmetry, layouts, requests, progress, overflow. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char mlp[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                          "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"},"
                          "{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.3, \"b_std\": 0.2}, {\"op\": \"erf\"},"
                          "{\"op\": \"dense\", \"units\": 1}]}";

static double *numbers(int64_t count)
{
    double *n = calloc((size_t)(count > 0 ? count : 1), sizeof *n);
    assert_non_null(n);
    return n;
}

static ntk_kernel *infinite_kernel(ntk_context *ctx, const char *json)
{
    ntk_network *net = kit_network(ctx, json);
    ntk_kernel *k = NULL;
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &k));
    ntk_network_destroy(net);
    return k;
}

/* ---- places --------------------------------------------------------------------------------------------------------- */

/* Exact integers, not symmetric: sample i of x1 against sample j of x2 says which pair it is. */
static double place(int64_t i, int64_t j)
{
    return (double)(4096 * i + j + 1);
}

static int place_kernel(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    (void)user;
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j) k[i * ldk + j] = place((int64_t)x1[i * d], (int64_t)x2[j * d]);
    return 0;
}

/* Sample i is (i, -1). */
static double *numbered_samples(int64_t n)
{
    double *x = numbers(2 * n);
    for (int64_t i = 0; i < n; ++i) {
        x[2 * i] = (double)i;
        x[2 * i + 1] = -1;
    }
    return x;
}

/* n2 < 0: x1 with itself, and the entry on or below the diagonal is the one that counts. */
static void check_places(ntk_context *ctx, const ntk_kernel *k, int64_t n1, int64_t n2, ntk_array *out)
{
    bool itself = n2 < 0;
    double *x = numbered_samples(NTK_MAX(n1, n2));
    ntk_array x1 = ntk_matrix_f64(x, n1, 2), x2 = ntk_matrix_f64(x, n2, 2);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &x1, itself ? NULL : &x2, &(ntk_request){NTK_REQUEST_INIT, .ntk = out}));
    for (int64_t i = 0; i < out->shape[0]; ++i)
        for (int64_t j = 0; j < out->shape[1]; ++j) {
            double got = ((double *)out->data)[i * out->strides[0] + j * out->strides[1]];
            double wanted = itself ? place(NTK_MAX(i, j), NTK_MIN(i, j)) : place(i, j);
            if (got != wanted)
                fail_msg("%lld x %lld: entry (%lld, %lld) is %g, not %g", (long long)n1, (long long)n2, (long long)i, (long long)j, got, wanted);
        }
    free(x);
}

static const int64_t sizes[] = {0, 1, 2, 511, 512, 513, 1030};

static void test_places(void **state)
{
    ntk_context *ctx = *state;
    ntk_kernel *k = NULL;
    kit_ok(ctx, ntk_kernel_from_callback(ctx, place_kernel, NULL, NTK_KIND_NTK, &k));
    assert_int_equal(k->tile, 512); /* the borders that the sizes are for */
    for (size_t a = 0; a < NTK_ARRAY_LENGTH(sizes); ++a)
        for (size_t b = 0; b <= NTK_ARRAY_LENGTH(sizes); ++b) {
            int64_t n1 = sizes[a], n2 = b < NTK_ARRAY_LENGTH(sizes) ? sizes[b] : -1, columns = n2 < 0 ? n1 : n2;
            double *out = numbers(n1 * columns);
            ntk_array array = ntk_matrix_f64(out, n1, columns);
            check_places(ctx, k, n1, n2, &array);
            free(out);
        }
    ntk_kernel_destroy(k);
}

/* Fortran order, reversed axes, gaps: what lies between the elements stays. */
static void test_output_layouts(void **state)
{
    enum { R = 513, C = 515 };
    static const int64_t strides[][2] = {{1, R}, {-1, R}, {1, -R}, {-C, -1}, {2 * C, 2}, {3, 3 * R}};
    ntk_context *ctx = *state;
    ntk_kernel *k = NULL;
    kit_ok(ctx, ntk_kernel_from_callback(ctx, place_kernel, NULL, NTK_KIND_NTK, &k));
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(strides); ++s) {
        int64_t size = 3 * R * C, row = strides[s][0], column = strides[s][1], written = 0;
        double *out = numbers(size);
        ntk_array array = ntk_matrix_f64(out, R, C);
        array.strides[0] = row;
        array.strides[1] = column;
        array.data = out + (row < 0 ? -row * (R - 1) : 0) + (column < 0 ? -column * (C - 1) : 0);
        check_places(ctx, k, R, C, &array);
        for (int64_t i = 0; i < size; ++i) written += out[i] != 0;
        assert_int_equal(written, R * C);
        free(out);
    }
    ntk_kernel_destroy(k);
}

/* Inputs in any order of memory; a stride of 0 repeats a sample. */
static void test_input_layouts(void **state)
{
    enum { N = 40 };
    ntk_context *ctx = *state;
    ntk_kernel *k = infinite_kernel(ctx, mlp);
    double x[N * 3], transposed[3 * N], wanted[N * N], got[N * N];
    ntk_array rows = ntk_matrix_f64(x, N, 3), columns = ntk_matrix_f64(transposed, N, 3), out = ntk_matrix_f64(wanted, N, N);
    ntk_array again = ntk_matrix_f64(got, N, N);
    ntk_array repeated = rows;
    kit_random(1, N * 3, x);
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < 3; ++j) transposed[j * N + i] = x[i * 3 + j];
    columns.strides[0] = 1;
    columns.strides[1] = N;
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &rows, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &columns, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &again}));
    kit_close(N * N, got, wanted, 0);
    repeated.strides[0] = 0;
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &rows, &repeated, &(ntk_request){NTK_REQUEST_INIT, .ntk = &again}));
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) kit_near(got[i * N + j], wanted[i * N], 2e-14 * wanted[0]);
    ntk_kernel_destroy(k);
}

/* ---- symmetry ------------------------------------------------------------------------------------------------------- */

static void symmetric_to_the_bit(int64_t n, const double *k)
{
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j)
            if (memcmp(&k[i * n + j], &k[j * n + i], sizeof *k) != 0)
                fail_msg("(%lld, %lld) differs from its mirror image", (long long)i, (long long)j);
}

/* x with itself, and x with a copy of x, which is not known to be the same set.  The products x.x' may be summed in another
 * order for another shape of tile: a few eps of the largest. */
static void test_symmetric(void **state)
{
    ntk_context *ctx = *state;
    ntk_kernel *k = infinite_kernel(ctx, mlp);
    for (size_t s = 1; s < NTK_ARRAY_LENGTH(sizes) - 1; ++s) {
        int64_t n = sizes[s], count = n * n;
        double *x = numbers(3 * n), *once = numbers(2 * count), *twice = numbers(2 * count);
        ntk_array x1 = ntk_matrix_f64(x, n, 3), x2 = x1;
        ntk_array a = ntk_matrix_f64(once, n, n), b = ntk_matrix_f64(once + count, n, n), c = ntk_matrix_f64(twice, n, n);
        ntk_array d = ntk_matrix_f64(twice + count, n, n);
        kit_random(2, 3 * n, x);
        kit_ok(ctx, ntk_kernel_eval(ctx, k, &x1, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &a, .nngp = &b}));
        kit_ok(ctx, ntk_kernel_eval(ctx, k, &x1, &x2, &(ntk_request){NTK_REQUEST_INIT, .ntk = &c, .nngp = &d}));
        symmetric_to_the_bit(n, once);
        symmetric_to_the_bit(n, once + count);
        kit_close(count, once, twice, 1e-15);
        kit_close(count, once + count, twice + count, 1e-15);
        free(x);
        free(once);
        free(twice);
    }
    ntk_kernel_destroy(k);
}

/* ---- what a pass delivers ------------------------------------------------------------------------------------------- */

/* The terms of the layers are sums of positive numbers: they add to the NTK within a few eps of it. */
static void test_layers(void **state)
{
    enum { N = 515, L = 3 };
    ntk_context *ctx = *state;
    ntk_kernel *k = infinite_kernel(ctx, mlp);
    double *x = numbers(N * 3), *ntk = numbers(N * N), *layers = numbers(L * N * N), *sum = numbers(N * N);
    ntk_array points = ntk_matrix_f64(x, N, 3), a = ntk_matrix_f64(ntk, N, N), b = ntk_array_dense(layers, NTK_F64, 3, (int64_t[]){L, N, N});
    kit_random(3, N * 3, x);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &a, .layers = &b}));
    for (int l = 0; l < L; ++l) {
        symmetric_to_the_bit(N, layers + l * N * N);
        for (int64_t i = 0; i < N * N; ++i) sum[i] += layers[l * N * N + i];
        assert_true(layers[l * N * N] > 0);
    }
    kit_close(N * N, sum, ntk, 4e-16 * L);
    free(x);
    free(ntk);
    free(layers);
    free(sum);
    ntk_kernel_destroy(k);
}

/* Whatever else is asked for, each array gets the same bits. */
static void test_requests(void **state)
{
    enum { N = 70, M = 33, L = 3 };
    static double out[8][(2 + L) * N * M];
    ntk_context *ctx = *state;
    ntk_kernel *k = infinite_kernel(ctx, mlp);
    double x[N * 3];
    ntk_array x1 = ntk_matrix_f64(x, N, 3), x2 = ntk_matrix_f64(x + 7, M, 3);
    kit_random(4, N * 3, x);
    for (int which = 0; which < 8; ++which) {
        double *o = out[which];
        ntk_array ntk = ntk_matrix_f64(o, N, M), nngp = ntk_matrix_f64(o + N * M, N, M);
        ntk_array layers = ntk_array_dense(o + 2 * N * M, NTK_F64, 3, (int64_t[]){L, N, M});
        ntk_request r = {NTK_REQUEST_INIT, .nngp = which & 1 ? &nngp : NULL, .ntk = which & 2 ? &ntk : NULL, .layers = which & 4 ? &layers : NULL};
        kit_ok(ctx, ntk_kernel_eval(ctx, k, &x1, &x2, &r));
    }
    for (int which = 0; which < 7; ++which) {
        static const double nothing[L * N * M];
        assert_memory_equal(out[which], which & 2 ? out[7] : nothing, N * M * sizeof(double));
        assert_memory_equal(out[which] + N * M, which & 1 ? out[7] + N * M : nothing, N * M * sizeof(double));
        assert_memory_equal(out[which] + 2 * N * M, which & 4 ? out[7] + 2 * N * M : nothing, L * N * M * sizeof(double));
    }
    ntk_kernel_destroy(k);
}

/* The diagonal by its own formulas: x.x' of a sample with itself is rounded differently, a few eps of the value. */
static void test_diagonal(void **state)
{
    enum { N = 300, L = 3 };
    static double full[(2 + L) * N * N], diagonal[(2 + L) * N], taken[N];
    ntk_context *ctx = *state;
    ntk_kernel *k = infinite_kernel(ctx, mlp);
    double x[N * 3];
    ntk_array points = ntk_matrix_f64(x, N, 3), ntk = ntk_matrix_f64(full, N, N), nngp = ntk_matrix_f64(full + N * N, N, N);
    ntk_array layers = ntk_array_dense(full + 2 * N * N, NTK_F64, 3, (int64_t[]){L, N, N});
    ntk_array ntk_d = ntk_vector_f64(diagonal, N), nngp_d = ntk_vector_f64(diagonal + N, N), layers_d = ntk_matrix_f64(diagonal + 2 * N, L, N);
    kit_random(5, N * 3, x);
    for (int j = 0; j < 3; ++j) x[3 * 17 + j] = 0;
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &nngp, .ntk = &ntk, .layers = &layers}));
    kit_ok(ctx, ntk_kernel_diagonal(ctx, k, &points, &(ntk_request){NTK_REQUEST_INIT, .nngp = &nngp_d, .ntk = &ntk_d, .layers = &layers_d}));
    for (int plane = 0; plane < 2 + L; ++plane) {
        for (int i = 0; i < N; ++i) taken[i] = full[plane * N * N + i * N + i];
        kit_close(N, diagonal + plane * N, taken, 2e-15);
    }
    ntk_kernel_destroy(k);
}

/* ---- single precision ----------------------------------------------------------------------------------------------- */

/* Against f64 on the same inputs, which f32 holds exactly.  Each of the five steps adds a few eps32 = 6e-8 of the largest. */
static void test_single(void **state)
{
    enum { N = 520 };
    ntk_context *ctx = *state;
    ntk_kernel *k = infinite_kernel(ctx, mlp);
    double *x = numbers(N * 3), *wide = numbers(N * N), *back = numbers(N * N);
    float *xs = (float *)(void *)numbers(N * 3), *narrow = (float *)(void *)numbers(N * N);
    ntk_array x64 = ntk_matrix_f64(x, N, 3), x32 = ntk_matrix_f32(xs, N, 3), k64 = ntk_matrix_f64(wide, N, N);
    ntk_array k32 = ntk_matrix_f32(narrow, N, N);
    kit_random(6, N * 3, x);
    for (int i = 0; i < N * 3; ++i) x[i] = (double)(xs[i] = (float)x[i]);
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &x64, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &k64}));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &x32, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &k32}));
    for (int i = 0; i < N * N; ++i) back[i] = (double)narrow[i];
    symmetric_to_the_bit(N, back);
    kit_close(N * N, back, wide, 2e-6);
    free(x);
    free(wide);
    free(back);
    free(xs);
    free(narrow);
    ntk_kernel_destroy(k);
}

/* ---- progress and cancellation --------------------------------------------------------------------------------------- */

typedef struct watch {
    int calls, stop_at; /* stop_at 0: never */
    double last;
} watch;

static int observe(void *user, double done)
{
    watch *w = user;
    assert_true(done > w->last && done <= 1);
    w->last = done;
    return ++w->calls == w->stop_at;
}

static void test_progress(void **state)
{
    enum { N = 1030 };
    watch w = {0, 0, 0};
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .progress = observe, .progress_user = &w};
    ntk_context *ctx = NULL;
    ntk_kernel *k = NULL;
    ntk_gram *gram = NULL;
    double *x = numbered_samples(N), *out = numbers(N * N);
    ntk_array points = ntk_matrix_f64(x, N, 2), array = ntk_matrix_f64(out, N, N);
    ntk_request request = {NTK_REQUEST_INIT, .ntk = &array};
    (void)state;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    kit_ok(ctx, ntk_kernel_from_callback(ctx, place_kernel, NULL, NTK_KIND_NTK, &k));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &request));
    assert_true(w.last == 1 && w.calls >= 3);
    w = (watch){0, 0, 0};
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, &points, &request));
    assert_true(w.last == 1);
    for (int stop = 1; stop <= 3; ++stop) {
        w = (watch){0, stop, 0};
        kit_fails(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &request), NTK_ERROR_CANCELLED, "cancelled");
        assert_int_equal(w.calls, stop);
    }
    w = (watch){0, 2, 0};
    kit_fails(ctx, ntk_gram_create(ctx, k, &points, NULL, &gram), NTK_ERROR_CANCELLED, "cancelled");
    assert_null(gram);
    ntk_kernel_destroy(k);
    ntk_context_destroy(ctx);
    free(x);
    free(out);
}

/* ---- overflow ---------------------------------------------------------------------------------------------------------- */

/* Samples whose products exceed the type: an error, whichever array is asked for, and no infinity or NaN gets through. */
static void check_overflow(ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, const void *x, bool diagonal)
{
    enum { N = 5, L = 3 };
    double memory[L * N * N];
    const char *words = dtype == NTK_F64 ? "f64" : "f32";
    ntk_array points = ntk_array_dense(x, dtype, 2, (int64_t[]){N, 3});
    ntk_array plane = ntk_array_dense(memory, dtype, diagonal ? 1 : 2, (int64_t[]){N, N});
    ntk_array planes = ntk_array_dense(memory, dtype, diagonal ? 2 : 3, (int64_t[]){L, N, N});
    ntk_request requests[] = {{NTK_REQUEST_INIT, .ntk = &plane}, {NTK_REQUEST_INIT, .nngp = &plane}, {NTK_REQUEST_INIT, .layers = &planes}};
    for (int i = 0; i < 3; ++i)
        if (diagonal) kit_fails(ctx, ntk_kernel_diagonal(ctx, k, &points, &requests[i]), NTK_ERROR_OVERFLOW, words);
        else kit_fails(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &requests[i]), NTK_ERROR_OVERFLOW, words);
}

static const char relu_net[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 4, \"b_std\": 0.1},"
                               "{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}";

static void test_overflow(void **state)
{
    enum { N = 5 };
    ntk_context *ctx = *state;
    ntk_kernel *k = infinite_kernel(ctx, relu_net);
    double x[N * 3], out[N * N];
    float xs[N * 3];
    ntk_array points = ntk_matrix_f64(x, N, 3), array = ntk_matrix_f64(out, N, N);
    for (int i = 0; i < N * 3; ++i) {
        x[i] = i / 3 == 2 ? 1e200 * (1 + i) : i;
        xs[i] = i / 3 == 2 ? 1e20f * (float)(1 + i) : (float)i;
    }
    for (int diagonal = 0; diagonal < 2; ++diagonal) {
        check_overflow(ctx, k, NTK_F64, x, diagonal);
        check_overflow(ctx, k, NTK_F32, xs, diagonal);
    }
    for (int i = 0; i < N * 3; ++i) x[i] = (double)xs[i];
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &array})); /* f64 holds what f32 does not */
    ntk_kernel_destroy(k);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------ */

static void test_refusals(void **state)
{
    ntk_context *ctx = *state;
    double x[12] = {0}, out[16];
    float xs[12] = {0};
    ntk_array wide = ntk_matrix_f64(x, 4, 3), narrow = ntk_matrix_f32(xs, 4, 3), two = ntk_matrix_f64(x, 4, 2), k64 = ntk_matrix_f64(out, 4, 4);
    ntk_array layers = ntk_array_dense(out, NTK_F64, 3, (int64_t[]){1, 4, 4});
    ntk_kernel *k = infinite_kernel(ctx, mlp), *callback = NULL;
    ntk_request ntk = {NTK_REQUEST_INIT, .ntk = &k64}, nngp = {NTK_REQUEST_INIT, .nngp = &k64}, terms = {NTK_REQUEST_INIT, .layers = &layers};
    kit_ok(ctx, ntk_kernel_from_callback(ctx, place_kernel, NULL, NTK_KIND_NTK, &callback));
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &wide, &narrow, &ntk), NTK_ERROR_DTYPE, "x1 holds f64 and x2 f32");
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &narrow, NULL, &ntk), NTK_ERROR_DTYPE, "ntk holds f64; expected f32");
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &two, NULL, &ntk), NTK_ERROR_SHAPE, "x1 has shape [4, 2]; expected [any, 3]");
    kit_fails(ctx, ntk_kernel_eval(ctx, callback, &wide, &two, &ntk), NTK_ERROR_SHAPE, "x1 has 3 columns and x2 2");
    kit_fails(ctx, ntk_kernel_eval(ctx, callback, &narrow, NULL, &ntk), NTK_ERROR_DTYPE, "x1 holds f32");
    kit_fails(ctx, ntk_kernel_eval(ctx, callback, &wide, NULL, &nngp), NTK_ERROR_ARGUMENT, "does not deliver nngp");
    kit_fails(ctx, ntk_kernel_eval(ctx, callback, &wide, NULL, &terms), NTK_ERROR_ARGUMENT, "does not deliver layers");
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &wide, NULL, &terms), NTK_ERROR_SHAPE, "expected [3, 4, 4]");
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &wide, NULL, NULL)); /* nothing asked for: the inputs are checked */
    ntk_kernel_destroy(callback);
    ntk_kernel_destroy(k);
}

/* ---- the memory limit ---------------------------------------------------------------------------------------------------- */

static void test_memory_limit(void **state)
{
    enum { N = 512 };
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 1 << 20};
    ntk_context *ctx = NULL;
    ntk_kernel *k = NULL;
    ntk_gram *gram = (void *)1;
    double *x = numbered_samples(N), *out = numbers(2 * N * N);
    ntk_array points = ntk_matrix_f64(x, N, 2), dense = ntk_matrix_f64(out, N, N), gaps = dense;
    (void)state;
    gaps.strides[0] = 2 * N;
    gaps.strides[1] = 2;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    kit_ok(ctx, ntk_kernel_from_callback(ctx, place_kernel, NULL, NTK_KIND_NTK, &k));
    kit_fails(ctx, ntk_gram_create(ctx, k, &points, NULL, &gram), NTK_ERROR_MEMORY_LIMIT,
              "the gram needs 3.014 MiB; the memory limit of the context is 1 MiB");
    assert_null(gram);
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &gaps}), NTK_ERROR_MEMORY_LIMIT,
              "the kernel needs 2.004 MiB");
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &dense})); /* into the caller's memory */
    ntk_kernel_destroy(k);
    ntk_context_destroy(ctx);
    free(x);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_places), kit_test(test_output_layouts), kit_test(test_input_layouts), kit_test(test_symmetric), kit_test(test_layers),
        kit_test(test_requests), kit_test(test_diagonal), kit_test(test_single), kit_test(test_progress), kit_test(test_overflow),
        kit_test(test_refusals), kit_test(test_memory_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
