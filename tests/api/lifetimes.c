/* A handle keeps alive what it was made from: handles go in any order, parents before children, also after their context. */
#include "world.h"

#include <string.h>

static world_allocator memory;

static void make(ntk_context *ctx, world *w)
{
    *w = (world){.network = NULL};
    world_numbers(w);
    kit_ok(ctx, world_make(ctx, w));
}

/* A permutation of the handles: number 0 parents first, 1 children first, the others shuffled. */
static void permute(int number, int order[WORLD_HANDLES])
{
    double draw[WORLD_HANDLES];
    for (int k = 0; k < WORLD_HANDLES; ++k) order[k] = number == 1 ? WORLD_HANDLES - 1 - k : k;
    if (number < 2) return;
    kit_random((uint64_t)number, WORLD_HANDLES, draw);
    for (int k = WORLD_HANDLES - 1; k > 0; --k) {
        int other = (int)((draw[k] + 1) / 2 * (k + 1)), kept = order[k];
        order[k] = order[other];
        order[other] = kept;
    }
}

/* Every handle is destroyed while its context is gone already. */
static void test_orders(void **state)
{
    (void)state;
    for (int number = 0; number < 300; ++number) {
        int order[WORLD_HANDLES];
        world w;
        ntk_context *ctx = world_context(&memory, 1);
        permute(number, order);
        make(ctx, &w);
        ntk_context_destroy(ctx);
        for (int k = 0; k < WORLD_HANDLES; ++k) world_destroy_one(&w, order[k]);
        assert_int_equal(memory.blocks, 0);
    }
}

/* Bytes of answers that were asked for; the others are 0. */
static void same_or_absent(const void *got, const void *wanted, size_t size)
{
    static const char nothing[sizeof(world_answers)];
    if (memcmp(got, nothing, size) != 0) assert_memory_equal(got, wanted, size);
}

#define SAME(member) same_or_absent(got.member, wanted.member, sizeof got.member)

/* After each destruction the handles that are left answer as before, to the bit. */
static void test_orphans(void **state)
{
    (void)state;
    for (int number = 0; number < 40; ++number) {
        int order[WORLD_HANDLES];
        world w;
        world_answers wanted, got;
        ntk_context *maker = world_context(&memory, 1), *ctx = world_context(&memory, 1);
        permute(number, order);
        make(maker, &w);
        ntk_context_destroy(maker);
        kit_ok(ctx, world_ask(ctx, &w, &wanted));
        for (int k = 0; k < WORLD_HANDLES; ++k) {
            world_destroy_one(&w, order[k]);
            kit_ok(ctx, world_ask(ctx, &w, &got));
            SAME(mean); SAME(covariance); SAME(product); SAME(solution); SAME(determinant); SAME(values);
            SAME(path); SAME(step); SAME(empirical); SAME(gramian); SAME(kernel);
        }
        ntk_context_destroy(ctx);
        assert_int_equal(memory.blocks, 0);
    }
}

/* The data a handle was made from is copied: the caller's may go. */
static void test_data_is_copied(void **state)
{
    ntk_context *ctx = world_context(&memory, 1);
    world w;
    world_answers wanted, got;
    (void)state;
    make(ctx, &w);
    kit_ok(ctx, world_ask(ctx, &w, &wanted));
    memset(w.theta, 0xff, sizeof w.theta);
    memset(w.moment, 0xff, sizeof w.moment);
    kit_ok(ctx, world_ask(ctx, &w, &got));
    assert_memory_equal(&got, &wanted, sizeof got);
    memset(w.x, 0, sizeof w.x);
    kit_ok(ctx, world_ask_predictor(ctx, &w, &got));
    kit_ok(ctx, world_ask_flow(ctx, &w, &got));
    SAME(mean); SAME(covariance); SAME(values); SAME(path); SAME(step); SAME(gramian);
    world_destroy(&w);
    ntk_context_destroy(ctx);
    assert_int_equal(memory.blocks, 0);
}

/* Borrowed memory is read, never written, and never freed. */
static void test_borrowed(void **state)
{
    ntk_context *ctx = world_context(&memory, 1);
    double k[16], kept[16], j[6] = {1, 2, 3, 4, 5, 7}, j_kept[6], v[4] = {1, 2, 3, 4}, out[4];
    ntk_array matrix = ntk_matrix_f64(k, 4, 4), jm = ntk_matrix_f64(j, 2, 3), b = ntk_matrix_f64(v, 4, 1), x = ntk_matrix_f64(out, 4, 1);
    ntk_gram *gram, *of_j;
    ntk_solver *solver;
    ntk_jacobian *jacobian;
    ntk_spectrum *spectrum;
    (void)state;
    kit_random_spd(6, 4, k);
    memcpy(kept, k, sizeof k);
    memcpy(j_kept, j, sizeof j);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &matrix, &gram));
    kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &jm, 1, &jacobian));
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, jacobian, NULL, &of_j));
    kit_ok(ctx, ntk_solver_create(ctx, gram, NULL, &solver));
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &spectrum));
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(jacobian);
    ntk_context_destroy(ctx);
    ctx = world_context(&memory, 1);
    kit_ok(ctx, ntk_solver_solve(ctx, solver, &b, &x));
    ntk_gram_destroy(of_j);
    ntk_solver_destroy(solver);
    ntk_spectrum_destroy(spectrum);
    ntk_context_destroy(ctx);
    assert_memory_equal(k, kept, sizeof k);
    assert_memory_equal(j, j_kept, sizeof j);
    assert_int_equal(memory.blocks, 0);
}

/* _destroy(NULL) does nothing, and getters of NULL say so. */
static void test_null(void **state)
{
    world w = {.network = NULL};
    (void)state;
    world_destroy(&w);
    ntk_builder_destroy(NULL);
    ntk_context_destroy(NULL);
    assert_int_equal(ntk_network_parameters(NULL), -1);
    assert_int_equal(ntk_network_outputs(NULL), -1);
    assert_int_equal(ntk_network_layers(NULL), -1);
    assert_int_equal(ntk_network_input(NULL, NULL), -1);
    assert_int_equal(ntk_optimizer_parameters(NULL), -1);
    assert_int_equal(ntk_jacobian_rows(NULL), -1);
    assert_int_equal(ntk_jacobian_columns(NULL), -1);
    assert_int_equal(ntk_jacobian_outputs(NULL), -1);
    assert_int_equal(ntk_jacobian_dtype(NULL), NTK_F64);
    assert_int_equal(ntk_gram_size(NULL), -1);
    assert_int_equal(ntk_gram_has(NULL, NTK_KIND_NTK), 0);
    assert_int_equal(ntk_kernel_algorithm(NULL), NTK_ALGORITHM_AUTO);
    assert_int_equal(ntk_kernel_layer_algorithm(NULL, 0), NTK_ALGORITHM_AUTO);
    assert_int_equal(ntk_trainer_steps(NULL), -1);
    assert_int_equal(ntk_spectrum_size(NULL), -1);
    assert_int_equal(ntk_spectrum_rank(NULL), -1);
    assert_true(ntk_spectrum_condition(NULL) != ntk_spectrum_condition(NULL));
    assert_true(ntk_solver_ridge(NULL) != ntk_solver_ridge(NULL));
    assert_int_equal(ntk_dynamics_rank(NULL), -1);
    assert_int_equal(ntk_system_size(NULL), -1);
    assert_int_equal(ntk_system_rank(NULL), -1);
    assert_int_equal(ntk_context_error(NULL), NTK_ERROR_NULL);
    assert_non_null(ntk_context_error_message(NULL));
    assert_int_equal(ntk_context_threads(NULL), 0);
    assert_null(ntk_context_cpu(NULL));
}

static int setup(void **state)
{
    (void)state;
    world_allocator_open(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orders), cmocka_unit_test(test_orphans), cmocka_unit_test(test_data_is_copied),
                                       cmocka_unit_test(test_borrowed), cmocka_unit_test(test_null)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
