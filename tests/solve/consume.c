/* A solver or predictor in the memory of the gram's entries: the same answers, no second matrix, and a gram that says what became of it. */
#include "kernel.h"
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 61, D = 3, NEW = 5 };

static const char mlp[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                          "{\"op\": \"dense\", \"units\": 6, \"w_std\": 1.4, \"b_std\": 0.3}, {\"op\": \"relu\"},"
                          "{\"op\": \"dense\", \"units\": 1, \"b_std\": 0.1}]}";

/* The size of the largest block asked for. */
static size_t largest;

static void *watching_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    largest = new_size > largest ? new_size : largest;
    if (new_size > 0) return realloc(block, new_size);
    free(block);
    return NULL;
}

typedef struct scene {
    double x[N * D], y[N], x_new[NEW * D];
    ntk_kernel *kernel;
} scene;

static scene open_scene(ntk_context *ctx)
{
    scene s;
    ntk_network *net = kit_network(ctx, mlp);
    kit_random(1, N * D, s.x);
    kit_random(2, N, s.y);
    kit_random(3, NEW * D, s.x_new);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &s.kernel));
    ntk_network_destroy(net);
    return s;
}

static ntk_gram *gram_of(ntk_context *ctx, scene *s, ntk_storage storage, int nngp)
{
    ntk_array x = ntk_matrix_f64(s->x, N, D);
    ntk_gram *g = NULL;
    kit_ok(ctx, ntk_gram_create(ctx, s->kernel, &x, &(ntk_gram_options){NTK_GRAM_OPTIONS_INIT, .storage = storage, .nngp = nngp}, &g));
    return g;
}

static void test_solver(void **state)
{
    scene s = open_scene(*state);
    for (int storage = 0; storage < 3; ++storage) {
        double kept[N], consumed[N], log_kept, log_consumed, error;
        ntk_array y = ntk_matrix_f64(s.y, N, 1), a = ntk_matrix_f64(kept, N, 1), b = ntk_matrix_f64(consumed, N, 1);
        ntk_gram *g = gram_of(*state, &s, (ntk_storage)storage, 1);
        ntk_solver *one = NULL, *two = NULL;
        ntk_solver_options options = {NTK_SOLVER_OPTIONS_INIT, .ridge = 0.01, .ridge_relative = 0.01};
        kit_ok(*state, ntk_solver_create(*state, g, &options, &one));
        kit_ok(*state, ntk_solver_solve(*state, one, &y, &a));
        kit_ok(*state, ntk_solver_log_determinant(*state, one, &log_kept));
        options.consume = 1;
        kit_fails(*state, ntk_solver_create(*state, g, &options, &two), NTK_ERROR_ARGUMENT, "other handles");
        assert_true(ntk_gram_has(g, NTK_KIND_NTK));
        ntk_solver_destroy(one);
        kit_ok(*state, ntk_solver_create(*state, g, &options, &two));
        assert_false(ntk_gram_has(g, NTK_KIND_NTK));
        assert_true(ntk_gram_has(g, NTK_KIND_NNGP));
        assert_int_equal(ntk_gram_size(g), N);
        kit_fails(*state, ntk_solver_backward_error(*state, two, &y, &a, &error), NTK_ERROR_ARGUMENT, "consumed");
        kit_fails(*state, ntk_solver_create(*state, g, &options, &one), NTK_ERROR_ARGUMENT, "consumed");
        ntk_gram_destroy(g); /* the solver goes on */
        kit_ok(*state, ntk_solver_solve(*state, two, &y, &b));
        kit_ok(*state, ntk_solver_log_determinant(*state, two, &log_consumed));
        kit_close(N, consumed, kept, 0);
        kit_near(log_consumed, log_kept, 0);
        ntk_solver_destroy(two);
    }
    ntk_kernel_destroy(s.kernel);
}

/* Mean and covariance of every posterior, to the bit. */
static void test_predictor(void **state)
{
    scene s = open_scene(*state);
    ntk_array y = ntk_matrix_f64(s.y, N, 1), x_new = ntk_matrix_f64(s.x_new, NEW, D);
    for (int posterior = 0; posterior < 3; ++posterior) {
        double mean[2][NEW], covariance[2][NEW * NEW];
        for (int consume = 0; consume < 2; ++consume) {
            ntk_gram *g = gram_of(*state, &s, NTK_STORAGE_AUTO, 1);
            ntk_predictor *p = NULL;
            ntk_array f = ntk_matrix_f64(mean[consume], NEW, 1), c = ntk_matrix_f64(covariance[consume], NEW, NEW);
            ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = (ntk_posterior)posterior, .ridge = 1e-2, .consume = consume};
            kit_ok(*state, ntk_predictor_create(*state, g, &y, &options, &p));
            kit_ok(*state, ntk_predictor_mean(*state, p, &x_new, &f));
            kit_ok(*state, ntk_predictor_covariance(*state, p, &x_new, &c));
            ntk_gram_destroy(g);
            ntk_predictor_destroy(p);
        }
        kit_close(NEW, mean[1], mean[0], 0);
        kit_close(NEW * NEW, covariance[1], covariance[0], 0);
    }
    ntk_kernel_destroy(s.kernel);
}

/* No block of the size of a matrix is asked for. */
static void test_memory(void **state)
{
    ntk_context *ctx = NULL;
    scene s = open_scene(*state);
    assert_int_equal(ntk_context_create(&(ntk_context_options){NTK_CONTEXT_OPTIONS_INIT, .allocate = watching_allocate}, &ctx), NTK_OK);
    for (int consume = 0; consume < 2; ++consume) {
        ntk_gram *g = gram_of(ctx, &s, NTK_STORAGE_AUTO, 0);
        ntk_solver *solver = NULL;
        largest = 0;
        kit_ok(ctx, ntk_solver_create(ctx, g, &(ntk_solver_options){NTK_SOLVER_OPTIONS_INIT, .ridge = 1, .consume = consume}, &solver));
        assert_int_equal(largest >= N * (N + 1) / 2 * sizeof(double), !consume);
        ntk_solver_destroy(solver);
        ntk_gram_destroy(g);
    }
    ntk_kernel_destroy(s.kernel);
    ntk_context_destroy(ctx);
}

static void test_refusals(void **state)
{
    double k[4] = {2, 1, 1, -2}, y[2] = {1, 2};
    ntk_array matrix = ntk_matrix_f64(k, 2, 2), targets = ntk_matrix_f64(y, 2, 1), gaps = matrix;
    ntk_gram *g = NULL;
    ntk_solver *s = NULL;
    ntk_predictor *p = NULL;
    ntk_solver_options options = {NTK_SOLVER_OPTIONS_INIT, .consume = 1};
    kit_ok(*state, ntk_gram_from_matrix(*state, &matrix, &g));
    kit_fails(*state, ntk_solver_create(*state, g, &options, &s), NTK_ERROR_ARGUMENT, "belongs to the caller");
    kit_fails(*state, ntk_predictor_create(*state, g, &targets, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .consume = 1}, &p), NTK_ERROR_ARGUMENT,
              "belongs to the caller");
    kit_fails(*state, ntk_predictor_create(*state, g, &targets, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .consume = 1, .decomposition = NTK_DECOMPOSITION_EIGEN}, &p),
              NTK_ERROR_ARGUMENT, "eigen");
    kit_fails(*state, ntk_solver_create(*state, g, &(ntk_solver_options){NTK_SOLVER_OPTIONS_INIT, .reserved_2 = 1}, &s), NTK_ERROR_OPTIONS, "reserved_2");
    kit_fails(*state, ntk_predictor_create(*state, g, &targets, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .reserved_2 = 1}, &p), NTK_ERROR_OPTIONS,
              "reserved_2");
    ntk_gram_destroy(g);
    gaps.strides[0] = 1; /* turned: the library's own copy, which may be consumed; it is not positive definite */
    gaps.strides[1] = 2;
    kit_ok(*state, ntk_gram_from_matrix(*state, &gaps, &g));
    kit_fails(*state, ntk_solver_create(*state, g, &options, &s), NTK_ERROR_NOT_POSITIVE_DEFINITE, "order 2");
    assert_false(ntk_gram_has(g, NTK_KIND_NTK));
    ntk_gram_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_solver), kit_test(test_predictor), kit_test(test_memory), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
