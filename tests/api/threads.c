/* Handles are immutable: two threads, each with a context of its own, share them all and get the answers of one thread. */
#include "world.h"

#include <pthread.h>
#include <string.h>

enum { THREADS = 2, ROUNDS = 25 };

static world_allocator memory;

typedef struct job {
    const world *shared;
    const world_answers *wanted;
    const char *failure; /* NULL: all well.  cmocka's assertions belong to the main thread */
    pthread_barrier_t *start;
} job;

/* A difference of rounding at most: a BLAS of several threads may split its sums elsewhere. */
static bool close_to(const double *a, const double *b, size_t count)
{
    double scale = 0, worst = 0;
    for (size_t i = 0; i < count; ++i) {
        double size = b[i] < 0 ? -b[i] : b[i], error = a[i] < b[i] ? b[i] - a[i] : a[i] - b[i];
        if (error != error) return false;
        scale = size > scale ? size : scale;
        worst = error > worst ? error : worst;
    }
    return worst <= 1e-12 * scale;
}

static const char *compare(const world_answers *a, const world_answers *b)
{
#define COMPARE(member) if (!close_to(a->member, b->member, sizeof a->member / sizeof(double))) return #member " differs"
    COMPARE(mean); COMPARE(covariance); COMPARE(product); COMPARE(solution); COMPARE(determinant); COMPARE(values);
    COMPARE(path); COMPARE(step); COMPARE(empirical); COMPARE(gramian); COMPARE(kernel);
#undef COMPARE
    return NULL;
}

/* Handles made from the shared ones: the counts of owners go up and down in both threads. */
static ntk_status make_children(ntk_context *ctx, const world *w)
{
    ntk_array x = world_x(w), theta = world_theta(w);
    ntk_kernel *kernel = NULL, *empirical = NULL;
    ntk_gram *gram = NULL, *of_jacobian = NULL;
    ntk_spectrum *spectrum = NULL;
    ntk_solver *solver = NULL;
    ntk_status status = ntk_kernel_from_network(ctx, w->network, NULL, &kernel);
    if (status == NTK_OK) status = ntk_kernel_empirical(ctx, w->network, &theta, w->optimizer, NULL, &empirical);
    if (status == NTK_OK) status = ntk_gram_create(ctx, w->kernel, &x, NULL, &gram);
    if (status == NTK_OK) status = ntk_gram_from_jacobian(ctx, w->jacobian, NULL, &of_jacobian);
    if (status == NTK_OK) status = ntk_spectrum_create(ctx, w->flow_gram, NULL, &spectrum);
    if (status == NTK_OK) status = ntk_solver_create(ctx, w->gram, NULL, &solver);
    ntk_kernel_destroy(kernel);
    ntk_kernel_destroy(empirical);
    ntk_gram_destroy(gram);
    ntk_gram_destroy(of_jacobian);
    ntk_spectrum_destroy(spectrum);
    ntk_solver_destroy(solver);
    return status;
}

static const char *run_round(ntk_context *ctx, const job *j)
{
    world_answers got;
    if (world_ask(ctx, j->shared, &got) != NTK_OK) return "a question failed";
    if (make_children(ctx, j->shared) != NTK_OK) return "a constructor failed";
    if (ntk_context_error(ctx) != NTK_OK) return "an error of another context is seen";
    return compare(&got, j->wanted);
}

static void *run(void *user)
{
    job *j = user;
    ntk_context *ctx = NULL;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = world_allocate, .allocate_user = &memory, .threads = 2};
    pthread_barrier_wait(j->start);
    if (ntk_context_create(&options, &ctx) != NTK_OK) j->failure = "no context";
    for (int round = 0; round < ROUNDS && !j->failure; ++round) j->failure = run_round(ctx, j);
    ntk_context_destroy(ctx);
    return NULL;
}

static void test_shared_handles(void **state)
{
    ntk_context *ctx = world_context(&memory, 1);
    world w = {.network = NULL};
    world_answers wanted;
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    job jobs[THREADS];
    (void)state;
    world_numbers(&w);
    kit_ok(ctx, world_make(ctx, &w));
    kit_ok(ctx, world_ask(ctx, &w, &wanted));
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; ++i) jobs[i] = (job){&w, &wanted, NULL, &start};
    for (int i = 0; i < THREADS; ++i) assert_int_equal(pthread_create(&threads[i], NULL, run, &jobs[i]), 0);
    for (int i = 0; i < THREADS; ++i) assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&start);
    for (int i = 0; i < THREADS; ++i)
        if (jobs[i].failure) fail_msg("thread %d: %s", i, jobs[i].failure);
    world_destroy(&w);
    ntk_context_destroy(ctx);
    assert_int_equal(memory.blocks, 0);
}

/* Both threads destroy handles that share parents; the last owner frees, whoever it is. */
static void *destroy_own(void *user)
{
    world *w = user;
    world_destroy(w);
    return NULL;
}

static void test_last_owner(void **state)
{
    (void)state;
    for (int round = 0; round < 50; ++round) {
        ntk_context *ctx = world_context(&memory, 1);
        world w = {.network = NULL}, children = {.network = NULL};
        pthread_t thread;
        world_numbers(&w);
        kit_ok(ctx, world_make(ctx, &w));
        children.solver = w.solver;
        children.dynamics = w.dynamics;
        children.predictor = w.predictor;
        w.solver = NULL;
        w.dynamics = NULL;
        w.predictor = NULL;
        ntk_context_destroy(ctx);
        assert_int_equal(pthread_create(&thread, NULL, destroy_own, &children), 0);
        world_destroy(&w);
        pthread_join(thread, NULL);
        assert_int_equal(memory.blocks, 0);
    }
}

/* The number of threads of a context is no part of the answer of the library's own loops. */
static void test_thread_counts(void **state)
{
    enum { BIG = 300 };
    double *x = malloc(BIG * D * sizeof *x), *k[2];
    world w = {.network = NULL};
    (void)state;
    assert_non_null(x);
    kit_random(9, BIG * D, x);
    for (int i = 0; i < 2; ++i) {
        ntk_context *ctx = world_context(&memory, i == 0 ? 1 : 3);
        ntk_array points = ntk_matrix_f64(x, BIG, D), out;
        ntk_request request = {NTK_REQUEST_INIT, .ntk = &out};
        k[i] = malloc(BIG * BIG * sizeof(double));
        assert_non_null(k[i]);
        out = ntk_matrix_f64(k[i], BIG, BIG);
        if (i == 0) kit_ok(ctx, world_make_models(ctx, &w));
        kit_ok(ctx, ntk_kernel_eval(ctx, w.kernel, &points, NULL, &request));
        ntk_context_destroy(ctx);
    }
    assert_memory_equal(k[0], k[1], BIG * BIG * sizeof(double));
    world_destroy(&w);
    free(k[0]);
    free(k[1]);
    free(x);
    assert_int_equal(memory.blocks, 0);
}

static int setup(void **state)
{
    (void)state;
    world_allocator_open(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_handles), cmocka_unit_test(test_last_owner),
                                       cmocka_unit_test(test_thread_counts)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
