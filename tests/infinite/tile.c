/* Tiles: runs and borders, the diagonal alone, layers that add up, instruction sets and precisions against each other. */
#include "kit.h"

#include <math.h>
#include <stdlib.h>

enum { D = 7, N = 530, M = 300 }; /* across the borders of runs (256) and tiles (512) */

static const char *const json =
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [7], \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": 1.3, \"b_std\": 0.2}, {\"op\": \"relu\"},"
    "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[{\"op\": \"dense\", \"units\": 8}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 8}], [{\"op\": \"dense\", \"units\": 8}]]},"
    "{\"op\": \"abs\"}, {\"op\": \"dense\", \"units\": 1, \"b_std\": 0.1}]}";

typedef struct fixture {
    ntk_network *net;
    ntk_kernel *kernel;
    double x[N * D];
} fixture;

static fixture *open_fixture(ntk_context *ctx)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->net = kit_network(ctx, json);
    kit_ok(ctx, ntk_kernel_from_network(ctx, f->net, NULL, &f->kernel));
    kit_random(11, N * D, f->x);
    return f;
}

static void close_fixture(fixture *f)
{
    ntk_kernel_destroy(f->kernel);
    ntk_network_destroy(f->net);
    free(f);
}

static double *ntk_of(ntk_context *ctx, const fixture *f)
{
    double *k = calloc(N * N, sizeof *k);
    ntk_array ax = ntk_matrix_f64(f->x, N, D), ak = ntk_matrix_f64(k, N, N);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
    assert_non_null(k);
    kit_ok(ctx, ntk_kernel_eval(ctx, f->kernel, &ax, NULL, &r));
    return k;
}

static void a_pair_does_not_depend_on_its_neighbours(void **state)
{
    fixture *f = open_fixture(*state);
    double *k = ntk_of(*state, f);
    for (int i = 0; i < N; i += 53)
        for (int j = 0; j < N; j += 31) {
            double one;
            ntk_array x = ntk_matrix_f64(f->x + i * D, 1, D), y = ntk_matrix_f64(f->x + j * D, 1, D), a = ntk_matrix_f64(&one, 1, 1);
            ntk_request r = {NTK_REQUEST_INIT, .ntk = &a};
            kit_ok(*state, ntk_kernel_eval(*state, f->kernel, &x, &y, &r));
            kit_near(k[i * N + j], one, 1e-14);
        }
    free(k);
    close_fixture(f);
}

static void the_diagonal_alone(void **state)
{
    fixture *f = open_fixture(*state);
    double *k = ntk_of(*state, f), diagonal[N];
    ntk_array ax = ntk_matrix_f64(f->x, N, D), ad = ntk_vector_f64(diagonal, N);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ad};
    kit_ok(*state, ntk_kernel_diagonal(*state, f->kernel, &ax, &r));
    for (int i = 0; i < N; ++i) assert_true(diagonal[i] == k[i * N + i]);
    free(k);
    close_fixture(f);
}

static void layers_add_up_to_the_kernel(void **state)
{
    enum { LAYERS = 5 };
    fixture *f = open_fixture(*state);
    static double layers[LAYERS * M * M], k[M * M];
    const int64_t shape[3] = {LAYERS, M, M};
    ntk_array ax = ntk_matrix_f64(f->x, M, D), al = ntk_array_dense(layers, NTK_F64, 3, shape), ak = ntk_matrix_f64(k, M, M);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak, .layers = &al};
    assert_int_equal(ntk_network_layers(f->net), LAYERS);
    kit_ok(*state, ntk_kernel_eval(*state, f->kernel, &ax, NULL, &r));
    for (int i = 0; i < M * M; ++i) {
        double sum = 0;
        for (int l = 0; l < LAYERS; ++l) sum += layers[l * M * M + i];
        kit_near(sum, k[i], 1e-14);
    }
    close_fixture(f);
}

static void instruction_sets_agree(void **state)
{
    static const char *const cpus[] = {"c", "avx2", "avx512"};
    fixture *f = open_fixture(*state);
    double *want = ntk_of(*state, f);
    for (int c = 0; c < 3; ++c) {
        ntk_context *ctx = NULL;
        fixture *g;
        double *got;
        setenv("NTK_CPU", cpus[c], 1);
        assert_int_equal(ntk_context_create(NULL, &ctx), NTK_OK);
        unsetenv("NTK_CPU");
        g = open_fixture(ctx);
        got = ntk_of(ctx, g);
        kit_close(N * N, got, want, 1e-14);
        free(got);
        close_fixture(g);
        ntk_context_destroy(ctx);
    }
    free(want);
    close_fixture(f);
}

static void threads_do_not_change_a_bit(void **state)
{
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .threads = 1};
    ntk_context *ctx = NULL;
    fixture *f = open_fixture(*state);
    double *two = ntk_of(*state, f), *one;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    one = ntk_of(ctx, f);
    kit_close(N * N, one, two, 0);
    free(one);
    free(two);
    ntk_context_destroy(ctx);
    close_fixture(f);
}

static void single_precision_overflow_is_an_error(void **state)
{
    fixture *f = open_fixture(*state);
    float x[2 * D], k[4];
    ntk_array ax = ntk_matrix_f32(x, 2, D), ak = ntk_matrix_f32(k, 2, 2);
    ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
    for (int i = 0; i < 2 * D; ++i) x[i] = 1e25f;
    kit_fails(*state, ntk_kernel_eval(*state, f->kernel, &ax, NULL, &r), NTK_ERROR_OVERFLOW, "range of f32");
    close_fixture(f);
}

/* So large that results go past the caches: as an ordinary matrix of two data sets, and symmetric. */
static void large_results(void **state)
{
    enum { LARGE = 1043 };
    fixture *f = open_fixture(*state);
    double *x = malloc(LARGE * D * sizeof *x), *k = calloc(LARGE * LARGE, sizeof *k), *whole = calloc(LARGE * LARGE, sizeof *whole), *g = calloc(LARGE * LARGE, sizeof *g);
    ntk_array ax = ntk_matrix_f64(x, LARGE, D), ak = ntk_matrix_f64(k, LARGE, LARGE), aw = ntk_matrix_f64(whole, LARGE, LARGE), ag = ntk_matrix_f64(g, LARGE, LARGE);
    ntk_request symmetric = {NTK_REQUEST_INIT, .ntk = &ak, .nngp = &ag}, both = {NTK_REQUEST_INIT, .ntk = &aw};
    assert_true(x && k && whole && g);
    kit_random(5, LARGE * D, x);
    kit_ok(*state, ntk_kernel_eval(*state, f->kernel, &ax, NULL, &symmetric));
    kit_ok(*state, ntk_kernel_eval(*state, f->kernel, &ax, &ax, &both));
    for (int i = 0; i < LARGE; ++i)
        for (int j = 0; j < LARGE; ++j) {
            kit_near(k[i * LARGE + j], whole[i * LARGE + j], 1e-14);
            assert_true(k[i * LARGE + j] == k[j * LARGE + i] && g[i * LARGE + j] == g[j * LARGE + i]);
        }
    for (int i = 0; i < N; i += 100) { /* alone */
        ntk_array a = ntk_matrix_f64(x + i * D, 1, D), b = ntk_matrix_f64(x + (LARGE - 1) * D, 1, D), one = ntk_matrix_f64(whole, 1, 1), nngp = ntk_matrix_f64(whole + 1, 1, 1);
        ntk_request r = {NTK_REQUEST_INIT, .ntk = &one, .nngp = &nngp};
        kit_ok(*state, ntk_kernel_eval(*state, f->kernel, &a, &b, &r));
        kit_near(k[i * LARGE + LARGE - 1], whole[0], 1e-14);
        kit_near(g[i * LARGE + LARGE - 1], whole[1], 1e-14);
    }
    free(g), free(whole), free(k), free(x);
    close_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(a_pair_does_not_depend_on_its_neighbours), kit_test(large_results), kit_test(the_diagonal_alone), kit_test(layers_add_up_to_the_kernel),
        kit_test(instruction_sets_agree), kit_test(threads_do_not_change_a_bit), kit_test(single_precision_overflow_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
