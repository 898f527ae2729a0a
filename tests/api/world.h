/* One small instance of everything the library makes: 5 samples of 3 numbers, a network with 2 outputs. */
#ifndef NTK_TEST_WORLD_H
#define NTK_TEST_WORLD_H

#include "kit.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { N = 5, D = 3, O = 2, P = 26, ROWS = N * O, NEW_SAMPLES = 3 };

static const char world_json[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                                 "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.4, \"b_std\": 0.5}, {\"op\": \"relu\"},"
                                 "{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}";

typedef struct world {
    double x[N * D], x_new[NEW_SAMPLES * D], y[ROWS], theta[P], moment[P];
    ntk_network *network;
    ntk_optimizer *optimizer;
    ntk_jacobian *jacobian;
    ntk_kernel *kernel;       /* infinite */
    ntk_kernel *empirical;    /* trace */
    ntk_gram *gram;           /* of the infinite kernel, both kinds, size N */
    ntk_gram *flow_gram;      /* of the Jacobian, size ROWS */
    ntk_spectrum *spectrum;   /* of the Jacobian's gram */
    ntk_solver *solver;       /* of `gram` */
    ntk_predictor *predictor; /* of `gram`, by eigenvectors */
    ntk_dynamics *dynamics;   /* of the Jacobian's gram */
    ntk_system *system;       /* of `gram` */
} world;

static inline ntk_array world_x(const world *w) { return ntk_matrix_f64(w->x, N, D); }
static inline ntk_array world_x_new(const world *w) { return ntk_matrix_f64(w->x_new, NEW_SAMPLES, D); }
static inline ntk_array world_y(const world *w) { return ntk_matrix_f64(w->y, N, O); }
static inline ntk_array world_theta(const world *w) { return ntk_vector_f64(w->theta, P); }

static inline void world_numbers(world *w)
{
    kit_random(1, N * D, w->x);
    kit_random(2, NEW_SAMPLES * D, w->x_new);
    kit_random(3, ROWS, w->y);
    kit_random(4, P, w->theta);
    kit_random(5, P, w->moment);
    for (int i = 0; i < P; ++i) w->moment[i] = w->moment[i] * w->moment[i] + 0.5;
}

#define WORLD_TRY(call)                         \
    do {                                        \
        ntk_status world_status = (call);       \
        if (world_status != NTK_OK) return world_status; \
    } while (0)

static inline ntk_status world_make_models(ntk_context *ctx, world *w)
{
    ntk_array x = world_x(w), theta = world_theta(w), moment = ntk_vector_f64(w->moment, P);
    ntk_kernel_options trace = {NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_TRACE};
    WORLD_TRY(ntk_network_parse(ctx, world_json, &w->network));
    WORLD_TRY(ntk_optimizer_adam(ctx, &moment, 1e-3, &w->optimizer));
    WORLD_TRY(ntk_jacobian_from_network(ctx, w->network, &theta, &x, &w->jacobian));
    WORLD_TRY(ntk_kernel_from_network(ctx, w->network, NULL, &w->kernel));
    return ntk_kernel_empirical(ctx, w->network, &theta, w->optimizer, &trace, &w->empirical);
}

/* On failure what was made so far stays in w, for world_destroy(). */
static inline ntk_status world_make(ntk_context *ctx, world *w)
{
    ntk_array x = world_x(w), y = world_y(w);
    ntk_gram_options both = {NTK_GRAM_OPTIONS_INIT, .nngp = 1};
    ntk_predictor_options eigen = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN, .ridge = 1e-3};
    WORLD_TRY(world_make_models(ctx, w));
    WORLD_TRY(ntk_gram_create(ctx, w->kernel, &x, &both, &w->gram));
    WORLD_TRY(ntk_gram_from_jacobian(ctx, w->jacobian, w->optimizer, &w->flow_gram));
    WORLD_TRY(ntk_spectrum_create(ctx, w->flow_gram, NULL, &w->spectrum));
    WORLD_TRY(ntk_solver_create(ctx, w->gram, NULL, &w->solver));
    WORLD_TRY(ntk_predictor_create(ctx, w->gram, &y, &eigen, &w->predictor));
    WORLD_TRY(ntk_dynamics_create(ctx, w->flow_gram, &y, NULL, &w->dynamics));
    return ntk_system_from_gram(ctx, w->gram, NTK_KIND_NTK, &w->system);
}

/* The k-th handle, parents first; it may be destroyed once. */
enum { WORLD_HANDLES = 12 };

static inline void world_destroy_one(world *w, int k)
{
#define WORLD_CASE(number, noun, member) if (k == number) ntk_##noun##_destroy(w->member), w->member = NULL
    WORLD_CASE(0, network, network);
    WORLD_CASE(1, optimizer, optimizer);
    WORLD_CASE(2, jacobian, jacobian);
    WORLD_CASE(3, kernel, kernel);
    WORLD_CASE(4, kernel, empirical);
    WORLD_CASE(5, gram, gram);
    WORLD_CASE(6, gram, flow_gram);
    WORLD_CASE(7, spectrum, spectrum);
    WORLD_CASE(8, solver, solver);
    WORLD_CASE(9, predictor, predictor);
    WORLD_CASE(10, dynamics, dynamics);
    WORLD_CASE(11, system, system);
#undef WORLD_CASE
}

static inline void world_destroy(world *w)
{
    for (int k = 0; k < WORLD_HANDLES; ++k) world_destroy_one(w, k);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

/* One number of each kind of answer, so that two runs can be compared. */
typedef struct world_answers {
    double mean[NEW_SAMPLES * O], covariance[NEW_SAMPLES * NEW_SAMPLES], product[N], solution[N], determinant[1];
    double values[ROWS], path[2 * ROWS], step[2 * P], empirical[N * N], gramian[N * N], kernel[N * NEW_SAMPLES];
} world_answers;

static inline ntk_status world_ask_predictor(ntk_context *ctx, const world *w, world_answers *a)
{
    ntk_array x = world_x_new(w), mean = ntk_matrix_f64(a->mean, NEW_SAMPLES, O);
    ntk_array covariance = ntk_matrix_f64(a->covariance, NEW_SAMPLES, NEW_SAMPLES);
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = &x};
    if (!w->predictor) return NTK_OK;
    return ntk_predictor_at(ctx, w->predictor, &test, 3.0, &mean, &covariance);
}

static inline ntk_status world_ask_gram(ntk_context *ctx, const world *w, world_answers *a)
{
    ntk_array v = ntk_matrix_f64(w->y, N, 1), product = ntk_matrix_f64(a->product, N, 1), solution = ntk_matrix_f64(a->solution, N, 1);
    if (w->gram) WORLD_TRY(ntk_gram_multiply(ctx, w->gram, NTK_KIND_NNGP, &v, &product));
    if (w->solver) WORLD_TRY(ntk_solver_solve(ctx, w->solver, &v, &solution));
    return w->solver ? ntk_solver_log_determinant(ctx, w->solver, a->determinant) : NTK_OK;
}

static inline ntk_status world_ask_flow(ntk_context *ctx, const world *w, world_answers *a)
{
    const double times[] = {0.5, 2};
    int64_t shape[] = {2, N, O};
    ntk_array values = ntk_vector_f64(a->values, ROWS), path = ntk_array_dense(a->path, NTK_F64, 3, shape), step = ntk_matrix_f64(a->step, 2, P);
    ntk_array gramian = ntk_matrix_f64(a->gramian, N, N);
    if (w->spectrum) WORLD_TRY(ntk_spectrum_get_values(ctx, w->spectrum, &values));
    if (w->dynamics) WORLD_TRY(ntk_dynamics_at(ctx, w->dynamics, times, 2, &path));
    if (w->dynamics) WORLD_TRY(ntk_dynamics_parameters_at(ctx, w->dynamics, times, 2, &step));
    return w->system ? ntk_system_gramian(ctx, w->system, NTK_GRAMIAN_OBSERVABILITY, 2, &gramian) : NTK_OK;
}

static inline ntk_status world_ask_kernels(ntk_context *ctx, const world *w, world_answers *a)
{
    ntk_array x = world_x(w), x_new = world_x_new(w), k = ntk_matrix_f64(a->kernel, N, NEW_SAMPLES), e = ntk_matrix_f64(a->empirical, N, N);
    ntk_request infinite = {NTK_REQUEST_INIT, .ntk = &k}, finite = {NTK_REQUEST_INIT, .ntk = &e};
    if (w->kernel) WORLD_TRY(ntk_kernel_eval(ctx, w->kernel, &x, &x_new, &infinite));
    return w->empirical ? ntk_kernel_eval(ctx, w->empirical, &x, NULL, &finite) : NTK_OK;
}

/* What handles are left are asked; the answers of others stay 0. */
static inline ntk_status world_ask(ntk_context *ctx, const world *w, world_answers *a)
{
    *a = (world_answers){.mean = {0}};
    WORLD_TRY(world_ask_predictor(ctx, w, a));
    WORLD_TRY(world_ask_gram(ctx, w, a));
    WORLD_TRY(world_ask_flow(ctx, w, a));
    return world_ask_kernels(ctx, w, a);
}

/*
 * ---- an allocator that counts, from any thread, and can fail ----------------------------------------------------
 *
 * Relaxed: stronger orders would order the threads themselves, and ThreadSanitizer would take their races for turns.
 */

typedef struct world_allocator {
    atomic_llong blocks;    /* alive */
    atomic_llong remaining; /* allocations left before one fails; negative: none fails */
} world_allocator;

static inline bool world_refused(world_allocator *a)
{
    return atomic_load_explicit(&a->remaining, memory_order_relaxed) >= 0 &&
           atomic_fetch_sub_explicit(&a->remaining, 1, memory_order_relaxed) == 0;
}

static inline void *world_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    world_allocator *a = user;
    (void)old_size;
    if (new_size == 0) {
        atomic_fetch_sub_explicit(&a->blocks, block != NULL, memory_order_relaxed);
        free(block);
        return NULL;
    }
    if (world_refused(a)) return NULL;
    atomic_fetch_add_explicit(&a->blocks, block == NULL, memory_order_relaxed);
    return realloc(block, new_size);
}

static inline void world_allocator_open(world_allocator *a)
{
    atomic_init(&a->blocks, 0);
    atomic_init(&a->remaining, -1);
}

static inline ntk_context *world_context(world_allocator *a, int threads)
{
    ntk_context *ctx = NULL;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = world_allocate, .allocate_user = a, .threads = threads};
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    return ctx;
}

#endif
