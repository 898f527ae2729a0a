/*
 * Every public call that can take longer than a second reports its progress, upwards from 0 to 1, and can be cancelled at each report:
 * then it ends with CANCELLED, gives every block back, hands out no handle, and the context works on as if nothing had been.
 */
#include "linalg.h"
#include "world.h"

#include <math.h>
#include <string.h>

static world_allocator memory;

/* ---- one instance of each call ---------------------------------------------------------------------------------- */

#define MAKES(name, noun, call)                      \
    static ntk_status name(ntk_context *ctx, world *w) \
    {                                                \
        ntk_array x = world_x(w), y = world_y(w), theta = world_theta(w); \
        ntk_##noun *made = (void *)1;                \
        ntk_status status = call;                    \
        if (status != NTK_OK) assert_null(made);     \
        else ntk_##noun##_destroy(made);             \
        (void)x; (void)y; (void)theta;               \
        return status;                               \
    }

static double square[ROWS * ROWS], tall[ROWS * P], vector[ROWS], parameters[P], numbers[2 * ROWS * P];

static ntk_array matrix(double *data, int64_t rows, int64_t columns) { return ntk_matrix_f64(data, rows, columns); }
#define AT(array) ((ntk_array[]){array})

static const ntk_predictor_options by_cholesky = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 1e-3};
static const ntk_predictor_options by_eigenvectors = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN, .ridge = 1e-3};

static ntk_status train(ntk_context *ctx, const world *w, const ntk_array *x, const ntk_array *y, const ntk_array *theta, ntk_trainer **made)
{
    ntk_status status = ntk_trainer_create(ctx, w->network, theta, x, y, NULL, made);
    if (status == NTK_OK) status = ntk_trainer_run(ctx, *made, 3);
    if (status == NTK_OK) return NTK_OK;
    ntk_trainer_destroy(*made);
    *made = NULL;
    return status;
}

MAKES(gram_create, gram, ntk_gram_create(ctx, w->kernel, &x, NULL, &made))
MAKES(gram_create_empirical, gram, ntk_gram_create(ctx, w->empirical, &x, NULL, &made))
MAKES(gram_from_matrix, gram, ntk_gram_from_matrix(ctx, AT(matrix(square, ROWS, ROWS)), &made))
MAKES(gram_from_matrices, gram, ntk_gram_from_matrices(ctx, AT(matrix(square, ROWS, ROWS)), AT(matrix(square, ROWS, ROWS)), &made))
MAKES(gram_from_jacobian, gram, ntk_gram_from_jacobian(ctx, w->jacobian, w->optimizer, &made))
static int ones(void *user, int64_t columns, const double *v, int64_t rows, double *f)
{
    (void)user, (void)columns, (void)v;
    for (int64_t i = 0; i < rows; ++i) f[i] = 1;
    return 0;
}

MAKES(jacobian_from_function, jacobian, ntk_jacobian_from_function(ctx, ones, NULL, &theta, ROWS, O, NULL, &made))
MAKES(spectrum_create, spectrum, ntk_spectrum_create(ctx, w->flow_gram, NULL, &made))
MAKES(spectrum_top, spectrum, ntk_spectrum_top(ctx, w->flow_gram, 3, NULL, &made))
MAKES(spectrum_top_of_jacobian, spectrum, ntk_spectrum_top_of_jacobian(ctx, w->jacobian, w->optimizer, 3, NULL, &made))
MAKES(spectrum_from_jacobian, spectrum, ntk_spectrum_from_jacobian(ctx, w->jacobian, NULL, NULL, &made))
MAKES(solver_create, solver, ntk_solver_create(ctx, w->gram, NULL, &made))
MAKES(predictor_by_cholesky, predictor, ntk_predictor_create(ctx, w->gram, &y, &by_cholesky, &made))
MAKES(predictor_by_eigenvectors, predictor, ntk_predictor_create(ctx, w->gram, &y, &by_eigenvectors, &made))
MAKES(dynamics_create, dynamics, ntk_dynamics_create(ctx, w->flow_gram, &y, NULL, &made))
MAKES(system_from_gram, system, ntk_system_from_gram(ctx, w->gram, NTK_KIND_NTK, &made))
MAKES(system_from_matrices, system, ntk_system_from_matrices(ctx, AT(matrix(square, ROWS, ROWS)), NULL, NULL, &made))
MAKES(system_from_jacobian, system, ntk_system_from_jacobian(ctx, w->jacobian, w->optimizer, 0.1, &made))

MAKES(trainer_run, trainer, train(ctx, w, &x, &y, &theta, &made))

#define ANSWERS(name, call)                            \
    static ntk_status name(ntk_context *ctx, world *w) \
    {                                                  \
        ntk_array x = world_x(w), x_new = world_x_new(w), theta = world_theta(w); \
        (void)x; (void)x_new; (void)theta;             \
        return call;                                   \
    }

static const double times[] = {0.5, 2};
static double number;

ANSWERS(initialize, ntk_network_initialize(ctx, w->network, 7, AT(ntk_vector_f64(parameters, P))))
ANSWERS(forward, ntk_network_forward(ctx, w->network, &theta, &x, AT(matrix(numbers, N, O))))
ANSWERS(jvp, ntk_network_jvp(ctx, w->network, &theta, &x, &theta, AT(matrix(numbers, N, O))))
ANSWERS(vjp, ntk_network_vjp(ctx, w->network, &theta, &x, AT(world_y(w)), AT(ntk_vector_f64(numbers, P))))
ANSWERS(jacobian_apply, ntk_jacobian_apply(ctx, w->jacobian, &theta, AT(ntk_vector_f64(numbers, ROWS))))
ANSWERS(jacobian_transposed, ntk_jacobian_apply_transposed(ctx, w->jacobian, AT(ntk_vector_f64(vector, ROWS)), AT(ntk_vector_f64(numbers, P))))
ANSWERS(jacobian_rows, ntk_jacobian_get_rows(ctx, w->jacobian, 0, AT(matrix(numbers, ROWS, P))))
ANSWERS(jacobian_adjoint_error, ntk_jacobian_adjoint_error(ctx, w->jacobian, 1, &number))
ANSWERS(kernel_eval, ntk_kernel_eval(ctx, w->kernel, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = AT(matrix(numbers, N, N))}))
ANSWERS(kernel_eval_cross, ntk_kernel_eval(ctx, w->kernel, &x, &x_new, &(ntk_request){NTK_REQUEST_INIT, .nngp = AT(matrix(numbers, N, NEW_SAMPLES))}))
ANSWERS(kernel_eval_empirical, ntk_kernel_eval(ctx, w->empirical, &x, &x_new, &(ntk_request){NTK_REQUEST_INIT, .ntk = AT(matrix(numbers, N, NEW_SAMPLES))}))
ANSWERS(kernel_diagonal, ntk_kernel_diagonal(ctx, w->kernel, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = AT(ntk_vector_f64(numbers, N))}))
ANSWERS(kernel_diagonal_empirical, ntk_kernel_diagonal(ctx, w->empirical, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = AT(ntk_vector_f64(numbers, N))}))
ANSWERS(gram_multiply, ntk_gram_multiply(ctx, w->gram, NTK_KIND_NTK, AT(matrix(vector, N, 2)), AT(matrix(numbers, N, 2))))
ANSWERS(parameter_vectors, ntk_spectrum_get_parameter_vectors(ctx, w->spectrum, AT(matrix(numbers, P, 3))))
ANSWERS(fisher_multiply, ntk_fisher_multiply(ctx, w->jacobian, &theta, AT(ntk_vector_f64(numbers, P))))
ANSWERS(trace, ntk_fisher_trace(ctx, w->jacobian, w->optimizer, NULL, &number, NULL))
ANSWERS(trace_estimate, ntk_fisher_trace(ctx, w->jacobian, w->optimizer, &(ntk_trace_options){NTK_TRACE_OPTIONS_INIT, .samples = 6}, &number, NULL))
ANSWERS(natural_gradient, ntk_spectrum_natural_gradient(ctx, w->spectrum, AT(ntk_vector_f64(vector, ROWS)), 0.1, AT(ntk_vector_f64(numbers, P))))
ANSWERS(null_vectors, ntk_spectrum_get_null_vectors(ctx, w->spectrum, NTK_SPACE_PARAMETERS, AT(matrix(numbers, P, 3))))
ANSWERS(project_null, ntk_spectrum_project_null(ctx, w->spectrum, &theta, AT(ntk_vector_f64(numbers, P))))
ANSWERS(fisher_norm, ntk_fisher_norm(ctx, w->jacobian, &theta, &number))
ANSWERS(solve, ntk_solver_solve(ctx, w->solver, AT(matrix(vector, N, 2)), AT(matrix(numbers, N, 2))))
ANSWERS(backward_error, ntk_solver_backward_error(ctx, w->solver, AT(matrix(vector, N, 2)), AT(matrix(vector, N, 2)), &number))
ANSWERS(mean, ntk_predictor_mean(ctx, w->predictor, &x_new, AT(matrix(numbers, NEW_SAMPLES, O))))
ANSWERS(covariance, ntk_predictor_covariance(ctx, w->predictor, &x_new, AT(matrix(numbers, NEW_SAMPLES, NEW_SAMPLES))))
ANSWERS(both_at, ntk_predictor_at(ctx, w->predictor, &(ntk_test_set){NTK_TEST_SET_INIT, .x = &x_new}, 2, AT(matrix(numbers, NEW_SAMPLES, O)),
                                  AT(matrix(square, NEW_SAMPLES, NEW_SAMPLES))))
ANSWERS(dynamics_at, ntk_dynamics_at(ctx, w->dynamics, times, 2, AT(ntk_array_dense(numbers, NTK_F64, 3, ((int64_t[]){2, N, O})))))
ANSWERS(dynamics_test_at, ntk_dynamics_test_at(ctx, w->dynamics, AT(matrix(tall, 2, ROWS)), NULL, times, 2, AT(matrix(numbers, 2, 2))))
ANSWERS(dynamics_parameters_at, ntk_dynamics_parameters_at(ctx, w->dynamics, times, 2, AT(matrix(numbers, 2, P))))
ANSWERS(dynamics_loss_at, ntk_dynamics_loss_at(ctx, w->dynamics, times, 2, AT(ntk_vector_f64(numbers, 2))))
ANSWERS(gramian, ntk_system_gramian(ctx, w->system, NTK_GRAMIAN_OBSERVABILITY, 2, AT(matrix(numbers, N, N))))
ANSWERS(residual, ntk_system_residual(ctx, w->system, NTK_GRAMIAN_OBSERVABILITY, AT(matrix(tall, N, N)), &number))

ANSWERS(response, ntk_system_response(ctx, w->system, AT(ntk_vector_f64(vector, N)), times, 2, AT(matrix(numbers, 2, N))))
ANSWERS(reconstruct, ntk_system_reconstruct(ctx, w->system, times, 2, AT(matrix(tall, 2, N)), NULL, AT(ntk_vector_f64(numbers, N)), NULL, NULL))
ANSWERS(lyapunov, ntk_system_lyapunov(ctx, w->system, NTK_GRAMIAN_OBSERVABILITY,
                                      (ntk_array[]){{.data = square, .dtype = NTK_F64, .ndim = 2, .shape = {N, N}, .strides = {ROWS, 1}}}, AT(matrix(numbers, N, N))))
ANSWERS(directions, ntk_system_directions(ctx, w->system, NTK_GRAMIAN_OBSERVABILITY, 2, NULL, AT(ntk_vector_f64(numbers, N)), NULL))
ANSWERS(minimum_energy, ntk_system_minimum_energy(ctx, w->system, 2, AT(ntk_vector_f64(vector, N)), &number, NULL))

typedef struct long_call {
    const char *name;
    ntk_status (*run)(ntk_context *ctx, world *w);
    int least; /* reports, at the small size of the world */
} long_call;

#define CALL(name, least) {#name, name, least}
static const long_call calls[] = {
    CALL(gram_create, 1), CALL(gram_create_empirical, 4), CALL(gram_from_matrix, 1), CALL(gram_from_matrices, 2), CALL(gram_from_jacobian, 2),
    CALL(spectrum_create, 2), CALL(spectrum_from_jacobian, 2), CALL(spectrum_top, 4), CALL(spectrum_top_of_jacobian, 8), CALL(trace, 4), CALL(trace_estimate, 8), CALL(natural_gradient, 2), CALL(null_vectors, 3), CALL(project_null, 4), CALL(solver_create, 2), CALL(predictor_by_cholesky, 3),
    CALL(predictor_by_eigenvectors, 3), CALL(dynamics_create, 3), CALL(system_from_gram, 2), CALL(system_from_matrices, 2), CALL(system_from_jacobian, 2), CALL(initialize, 2), CALL(trainer_run, 6),
    CALL(forward, 3), CALL(jvp, 4), CALL(vjp, 4), CALL(jacobian_apply, 4), CALL(jacobian_transposed, 4), CALL(jacobian_rows, 4),
    CALL(jacobian_from_function, 20), CALL(jacobian_adjoint_error, 4),
    CALL(kernel_eval, 1), CALL(kernel_eval_cross, 1), CALL(kernel_eval_empirical, 4), CALL(kernel_diagonal, 1), CALL(kernel_diagonal_empirical, 4),
    CALL(gram_multiply, 1), CALL(parameter_vectors, 3), CALL(fisher_multiply, 4), CALL(fisher_norm, 3), CALL(solve, 1), CALL(backward_error, 1),
    CALL(mean, 2), CALL(covariance, 4), CALL(both_at, 4), CALL(dynamics_at, 2), CALL(dynamics_test_at, 3), CALL(dynamics_parameters_at, 4),
    CALL(dynamics_loss_at, 2), CALL(gramian, 4), CALL(residual, 3),
    CALL(response, 2), CALL(reconstruct, 4), CALL(directions, 1), CALL(lyapunov, 3), CALL(minimum_energy, 1),
};

/* ---- the test ---------------------------------------------------------------------------------------------------- */

typedef struct watch {
    int calls, stop_at; /* stop_at 0: never */
    double last;
} watch;

static int observe(void *user, double done)
{
    watch *w = user;
    assert_true(done >= 0 && done >= w->last && done <= 1);
    w->last = done;
    return ++w->calls == w->stop_at;
}

static void numbers_of_calls(void)
{
    kit_random_spd(11, ROWS, square);
    kit_random(12, ROWS * P, tall);
    kit_random(13, ROWS, vector);
}

/* Runs the whole once, then stops it at each of its reports. */
static void check_call(ntk_context *ctx, watch *seen, world *w, const long_call *call)
{
    int reports;
    long long blocks = memory.blocks;
    *seen = (watch){0, 0, 0};
    kit_ok(ctx, call->run(ctx, w));
    reports = seen->calls;
    if (reports < call->least || seen->last != 1) fail_msg("%s: %d reports, the last at %g", call->name, reports, seen->last);
    for (int stop = 1; stop <= reports; ++stop) {
        *seen = (watch){0, stop, 0};
        kit_fails(ctx, call->run(ctx, w), NTK_ERROR_CANCELLED, "cancelled by the progress callback at ");
        if (seen->calls != stop) fail_msg("%s: stopped at report %d, heard %d", call->name, stop, seen->calls);
        if (memory.blocks != blocks) fail_msg("%s: stopped at report %d, it keeps %lld blocks", call->name, stop, memory.blocks - blocks);
    }
    *seen = (watch){0, 0, 0};
    kit_ok(ctx, call->run(ctx, w));
    assert_int_equal(seen->calls, reports);
}

static void test_every_call(void **state)
{
    watch seen = {0, 0, 0};
    world w = {.network = NULL};
    ntk_context *maker = world_context(&memory, 1), *ctx = NULL;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = world_allocate, .allocate_user = &memory, .threads = 2,
                                   .progress = observe, .progress_user = &seen};
    (void)state;
    world_numbers(&w);
    kit_ok(maker, world_make(maker, &w));
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; ++i) {
        numbers_of_calls();
        check_call(ctx, &seen, &w, &calls[i]);
    }
    world_destroy(&w);
    ntk_context_destroy(ctx);
    ntk_context_destroy(maker);
    assert_int_equal(memory.blocks, 0);
}

/* ---- long products ----------------------------------------------------------------------------------------------- */

enum { SIZE = 4096, WIDE = 300 }; /* 1e10 flop: more than one panel */

static double *many(int64_t count)
{
    double *values = malloc((size_t)count * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < count; ++i) values[i] = (double)((i * 7919) % 13 - 6); /* integers: every sum is exact */
    return values;
}

/* Lower triangle L, or A = L on and below the diagonal and its mirror image. */
static double symmetric(const double *a, int64_t i, int64_t j)
{
    return a[NTK_MAX(i, j) * SIZE + NTK_MIN(i, j)];
}

static void expect_reports(watch *seen, ntk_status status)
{
    assert_int_equal(status, NTK_OK);
    assert_true(seen->calls >= 2 && seen->last == 1);
    *seen = (watch){0, 0, 0};
}

/* Entries on both sides of the border of the panels, by naive sums. */
static void test_panels(void **state)
{
    static const int64_t places[] = {0, 100, 236, 237, 238, 239, WIDE - 1};
    watch seen = {0, 0, 0};
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .progress = observe, .progress_user = &seen};
    ntk_context *ctx = NULL;
    double *a = many((int64_t)SIZE * SIZE), *b = many(SIZE * WIDE), *c = many(SIZE * WIDE);
    (void)state;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    assert_true(ntk_panel(WIDE, 2.0 * SIZE * SIZE) < WIDE && ntk_panel(WIDE, 10) == WIDE && ntk_panel(100, 1e30) == 100);
    expect_reports(&seen, ntk_symm(ctx, NTK_F64, SIZE, WIDE, a, SIZE, b, WIDE, c, WIDE));
    for (size_t k = 0; k < sizeof places / sizeof *places; ++k) {
        double sum = 0;
        for (int64_t l = 0; l < SIZE; ++l) sum += symmetric(a, 77, l) * b[l * WIDE + places[k]];
        assert_true(c[77 * WIDE + places[k]] == sum);
    }
    for (int t = 0; t < 2; ++t) { /* C [WIDE, SIZE] = op(B) A */
        expect_reports(&seen, ntk_gemm(ctx, NTK_F64, t ? NTK_TRANSPOSED : NTK_PLAIN, NTK_PLAIN, WIDE, SIZE, SIZE, 1, b, t ? WIDE : SIZE, a, SIZE, 0, c, SIZE));
        for (size_t k = 0; k < sizeof places / sizeof *places; ++k) {
            double sum = 0;
            for (int64_t l = 0; l < SIZE; ++l) sum += (t ? b[l * WIDE + places[k]] : b[places[k] * SIZE + l]) * a[l * SIZE + 77];
            assert_true(c[places[k] * SIZE + 77] == sum);
        }
    }
    seen.stop_at = 1;
    kit_fails(ctx, ntk_symm(ctx, NTK_F64, SIZE, WIDE, a, SIZE, b, WIDE, c, WIDE), NTK_ERROR_CANCELLED, "cancelled");
    free(c);
    free(b);
    free(a);
    ntk_context_destroy(ctx);
}

/* L = I with a column of ones: L Lᵀ x = b is solved by hand, column by column. */
static void test_panels_of_a_solve(void **state)
{
    watch seen = {0, 0, 0};
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .progress = observe, .progress_user = &seen};
    ntk_context *ctx = NULL;
    double *l = calloc((size_t)SIZE * SIZE, sizeof *l), *b = many(SIZE * WIDE), *x = many(SIZE * WIDE);
    (void)state;
    assert_non_null(l);
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
    for (int64_t i = 0; i < SIZE; ++i) l[i * SIZE] = l[i * SIZE + i] = 1;
    expect_reports(&seen, ntk_cholesky_solve(ctx, NTK_F64, SIZE, l, SIZE, WIDE, x, WIDE));
    for (int64_t j = 0; j < WIDE; ++j) { /* z_0 = b_0, z_i = b_i - b_0;  x_i = z_i, x_0 = z_0 - sum of the z_i */
        double first = b[j];
        for (int64_t i = 1; i < SIZE; ++i) {
            assert_true(x[i * WIDE + j] == b[i * WIDE + j] - b[j]);
            first -= b[i * WIDE + j] - b[j];
        }
        assert_true(x[j] == first);
    }
    free(x);
    free(b);
    free(l);
    ntk_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_call), cmocka_unit_test(test_panels), cmocka_unit_test(test_panels_of_a_solve)};
    world_allocator_open(&memory);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
