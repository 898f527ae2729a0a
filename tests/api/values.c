/* Values that no shape tells: numbers out of their range, enumerators that do not exist, reserved fields, and nothing at all. */
#include "world.h"

#include <math.h>

static ntk_context *ctx;
static world w;

static int zero_kernel(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    (void)user; (void)d; (void)x1; (void)x2;
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j) k[i * ldk + j] = 0;
    return 0;
}

/* Options with one field set. */
#define WITH(noun, ...) (&(ntk_##noun##_options){sizeof(ntk_##noun##_options), __VA_ARGS__})

static void test_reserved(void **state)
{
    ntk_kernel *k;
    ntk_solver *s;
    ntk_predictor *p;
    ntk_array y = world_y(&w);
    (void)state;
    kit_fails(ctx, ntk_kernel_from_network(ctx, w.network, WITH(kernel, .reserved = 1), &k), NTK_ERROR_OPTIONS, "reserved");
    kit_fails(ctx, ntk_solver_create(ctx, w.gram, WITH(solver, .reserved = 1), &s), NTK_ERROR_OPTIONS, "reserved");
    kit_fails(ctx, ntk_predictor_create(ctx, w.gram, &y, WITH(predictor, .reserved = 1), &p), NTK_ERROR_OPTIONS, "reserved");
}

/* Enumerators that do not exist. */
static void test_enumerators(void **state)
{
    double out[N * N];
    ntk_array square = ntk_matrix_f64(out, N, N), column = ntk_matrix_f64(w.y, N, 1), result = ntk_matrix_f64(out, N, 1), y = world_y(&w);
    ntk_array theta = world_theta(&w);
    ntk_kernel *k;
    ntk_spectrum *s;
    ntk_solver *v;
    ntk_predictor *p;
    ntk_dynamics *d;
    ntk_system *system;
    (void)state;
    kit_fails(ctx, ntk_kernel_from_callback(ctx, zero_kernel, NULL, (ntk_kind)9, &k), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_kernel_empirical(ctx, w.network, &theta, NULL, WITH(kernel, .outputs = (ntk_outputs)9), &k), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_gram_get_block(ctx, w.gram, (ntk_kind)9, 0, 0, &square), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_gram_multiply(ctx, w.gram, (ntk_kind)-1, &column, &result), NTK_ERROR_ARGUMENT, "-1");
    kit_fails(ctx, ntk_spectrum_create(ctx, w.gram, WITH(spectrum, .kind = (ntk_kind)9), &s), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_solver_create(ctx, w.gram, WITH(solver, .kind = (ntk_kind)9), &v), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_predictor_create(ctx, w.gram, &y, WITH(predictor, .posterior = (ntk_posterior)9), &p), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_predictor_create(ctx, w.gram, &y, WITH(predictor, .decomposition = (ntk_decomposition)9), &p), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_predictor_create(ctx, w.gram, &y, WITH(predictor, .loss_scale = (ntk_loss_scale)9), &p), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_dynamics_create(ctx, w.flow_gram, &y, WITH(dynamics, .loss_scale = (ntk_loss_scale)9), &d), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_system_from_gram(ctx, w.gram, (ntk_kind)9, &system), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_system_gramian(ctx, w.system, (ntk_gramian)9, 1, &square), NTK_ERROR_ARGUMENT, "9");
}

/* Numbers out of their range: not a number, infinite where that means nothing, negative. */
static const double bad[] = {NAN, INFINITY, -2};

static void test_options_out_of_range(void **state)
{
    ntk_array y = world_y(&w), moment = ntk_vector_f64(w.moment, P);
    ntk_optimizer *o;
    ntk_solver *s;
    ntk_spectrum *spectrum;
    ntk_predictor *p;
    ntk_dynamics *d;
    (void)state;
    for (int i = 0; i < 3; ++i) {
        kit_fails(ctx, ntk_optimizer_adam(ctx, &moment, bad[i], &o), NTK_ERROR_ARGUMENT, "epsilon");
        kit_fails(ctx, ntk_solver_create(ctx, w.gram, WITH(solver, .ridge = bad[i]), &s), NTK_ERROR_ARGUMENT, "ridge");
        kit_fails(ctx, ntk_solver_create(ctx, w.gram, WITH(solver, .ridge_relative = bad[i]), &s), NTK_ERROR_ARGUMENT, "ridge_relative");
        kit_fails(ctx, ntk_spectrum_create(ctx, w.gram, WITH(spectrum, .tolerance = bad[i]), &spectrum), NTK_ERROR_ARGUMENT, "tolerance");
        kit_fails(ctx, ntk_predictor_create(ctx, w.gram, &y, WITH(predictor, .ridge = bad[i]), &p), NTK_ERROR_ARGUMENT, "ridge");
        kit_fails(ctx, ntk_predictor_create(ctx, w.gram, &y, WITH(predictor, .learning_rate = bad[i]), &p), NTK_ERROR_ARGUMENT, "learning_rate");
        kit_fails(ctx, ntk_dynamics_create(ctx, w.flow_gram, &y, WITH(dynamics, .learning_rate = bad[i]), &d), NTK_ERROR_ARGUMENT,
                  "learning_rate");
        kit_fails(ctx, ntk_dynamics_create(ctx, w.flow_gram, &y, WITH(dynamics, .tolerance = bad[i]), &d), NTK_ERROR_ARGUMENT, "tolerance");
    }
}

static void test_times(void **state)
{
    double out[ROWS], numbers[NEW_SAMPLES * O];
    ntk_array f = ntk_array_dense(out, NTK_F64, 3, (int64_t[]){1, N, O}), w_out = ntk_matrix_f64(out, N, N), x = world_x_new(&w);
    ntk_array mean = ntk_matrix_f64(numbers, NEW_SAMPLES, O);
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = &x};
    (void)state;
    for (int i = 0; i < 3; i += 2) {
        kit_fails(ctx, ntk_dynamics_at(ctx, w.dynamics, &bad[i], 1, &f), NTK_ERROR_ARGUMENT, "times[0]");
        kit_fails(ctx, ntk_system_gramian(ctx, w.system, NTK_GRAMIAN_OBSERVABILITY, bad[i], &w_out), NTK_ERROR_ARGUMENT, "horizon");
        kit_fails(ctx, ntk_predictor_at(ctx, w.predictor, &test, bad[i], &mean, NULL), NTK_ERROR_ARGUMENT, "time");
    }
    kit_fails(ctx, ntk_system_gramian(ctx, w.system, NTK_GRAMIAN_OBSERVABILITY, 0, &w_out), NTK_ERROR_ARGUMENT, "horizon is 0");
    kit_fails(ctx, ntk_dynamics_at(ctx, w.dynamics, bad, -1, &f), NTK_ERROR_ARGUMENT, "n_times is -1");
}

/* Indices and counts; INT64_MAX must not overflow on the way to the answer. */
static void test_counts(void **state)
{
    static const int64_t beyond[] = {-1, INT64_MIN, ROWS, INT64_MAX};
    double numbers[P];
    ntk_array j = ntk_matrix_f64(w.theta, 2, 13), row = ntk_matrix_f64(numbers, 1, P), block = ntk_matrix_f64(numbers, 1, 1);
    ntk_jacobian *jacobian;
    ntk_builder *b;
    (void)state;
    for (int i = 0; i < 4; ++i) {
        assert_int_not_equal(ntk_jacobian_get_rows(ctx, w.jacobian, beyond[i], &row), NTK_OK);
        kit_fails(ctx, ntk_gram_get_block(ctx, w.flow_gram, NTK_KIND_NTK, beyond[i], 0, &block), NTK_ERROR_SHAPE, "leaves the gram");
        kit_fails(ctx, ntk_gram_get_block(ctx, w.flow_gram, NTK_KIND_NTK, 0, beyond[i], &block), NTK_ERROR_SHAPE, "leaves the gram");
    }
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &j, 0, &jacobian), NTK_ERROR_ARGUMENT, "outputs is 0");
    kit_fails(ctx, ntk_jacobian_from_matrix(ctx, &j, 3, &jacobian), NTK_ERROR_SHAPE, "3");
    kit_fails(ctx, ntk_builder_create(ctx, 0, (int64_t[]){2}, NULL, &b), NTK_ERROR_NETWORK, "0 axes");
    kit_fails(ctx, ntk_builder_create(ctx, 1, (int64_t[]){2}, "none", &b), NTK_ERROR_NETWORK, "none");
}

static void test_scalar_mathematics(void **state)
{
    double theta;
    (void)state;
    for (int i = 0; i < 3; ++i) {
        kit_fails(ctx, ntk_relu_two_layer_ntk(ctx, D, w.x, w.x, bad[i], 1, &theta), NTK_ERROR_ARGUMENT, "w_std");
        kit_fails(ctx, ntk_relu_two_layer_ntk(ctx, D, w.x, w.x, 1, bad[i], &theta), NTK_ERROR_ARGUMENT, "v_std");
    }
    for (int i = 0; i < 2; ++i) {
        kit_fails(ctx, ntk_relu_two_layer_ntk(ctx, 1, &bad[i], w.x, 1, 1, &theta), NTK_ERROR_NOT_FINITE, "x1");
        kit_fails(ctx, ntk_relu_two_layer_ntk(ctx, 1, w.x, &bad[i], 1, 1, &theta), NTK_ERROR_NOT_FINITE, "x2");
    }
    kit_fails(ctx, ntk_relu_two_layer_ntk(ctx, 0, w.x, w.x, 1, 1, &theta), NTK_ERROR_ARGUMENT, "d is 0");
}

/* Optimizers of another length than the parameters. */
static void test_optimizer_length(void **state)
{
    ntk_array short_d = ntk_vector_f64(w.moment, P - 1), theta = world_theta(&w);
    ntk_optimizer *o;
    ntk_kernel *k;
    ntk_gram *g;
    ntk_spectrum *s;
    (void)state;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &short_d, &o));
    kit_fails(ctx, ntk_kernel_empirical(ctx, w.network, &theta, o, NULL, &k), NTK_ERROR_SHAPE, "25");
    kit_fails(ctx, ntk_gram_from_jacobian(ctx, w.jacobian, o, &g), NTK_ERROR_SHAPE, "25");
    kit_fails(ctx, ntk_spectrum_from_jacobian(ctx, w.jacobian, o, NULL, &s), NTK_ERROR_SHAPE, "25");
    ntk_optimizer_destroy(o);
}

/* ---- no samples: no data is needed, nothing is computed, everything has size 0 ---------------------------------------- */

static ntk_array empty_matrix(int64_t rows, int64_t columns) { return ntk_matrix_f64(NULL, rows, columns); }

static void test_empty_networks(void **state)
{
    double g[P], norm = -1;
    ntk_array x = empty_matrix(0, D), y = empty_matrix(0, O), theta = world_theta(&w), gradient = ntk_vector_f64(g, P);
    ntk_array none = ntk_vector_f64(NULL, 0);
    ntk_array rows = empty_matrix(0, P);
    ntk_jacobian *j;
    (void)state;
    kit_ok(ctx, ntk_network_forward(ctx, w.network, &theta, &x, &y));
    kit_ok(ctx, ntk_network_jvp(ctx, w.network, &theta, &x, &theta, &y));
    kit_ok(ctx, ntk_network_vjp(ctx, w.network, &theta, &x, &y, &gradient));
    for (int i = 0; i < P; ++i) assert_true(g[i] == 0);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w.network, &theta, &x, &j));
    assert_int_equal(ntk_jacobian_rows(j), 0);
    kit_ok(ctx, ntk_jacobian_apply(ctx, j, &theta, &none));
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &none, &gradient));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &rows));
    kit_ok(ctx, ntk_fisher_norm(ctx, j, &theta, &norm));
    assert_true(norm == 0);
    ntk_jacobian_destroy(j);
}

static void test_empty_kernels(void **state)
{
    int64_t planes[] = {2, 0, 0};
    ntk_array x = empty_matrix(0, D), all = world_x(&w), square = empty_matrix(0, 0), layers = ntk_array_dense(NULL, NTK_F64, 3, planes);
    ntk_array wide = empty_matrix(0, N), tall = empty_matrix(N, 0), none = ntk_vector_f64(NULL, 0);
    const ntk_kernel *kernels[] = {w.kernel, w.empirical};
    (void)state;
    kit_ok(ctx, ntk_kernel_eval(ctx, w.kernel, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &square, .nngp = &square, .layers = &layers}));
    for (int i = 0; i < 2; ++i) {
        kit_ok(ctx, ntk_kernel_eval(ctx, kernels[i], &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &square}));
        kit_ok(ctx, ntk_kernel_eval(ctx, kernels[i], &all, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &tall}));
        kit_ok(ctx, ntk_kernel_eval(ctx, kernels[i], &x, &all, &(ntk_request){NTK_REQUEST_INIT, .nngp = &wide}));
        kit_ok(ctx, ntk_kernel_diagonal(ctx, kernels[i], &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &none}));
    }
}

/* Grams of size 0 from each source, and what is asked of them. */
static void ask_empty_gram(ntk_gram *gram)
{
    double number = -1;
    ntk_array none = ntk_vector_f64(NULL, 0), columns = empty_matrix(0, 2), square = empty_matrix(0, 0);
    ntk_spectrum *spectrum;
    ntk_solver *solver;
    assert_int_equal(ntk_gram_size(gram), 0);
    assert_true(ntk_gram_has(gram, NTK_KIND_NTK));
    assert_false(ntk_gram_has(gram, NTK_KIND_NNGP));
    kit_ok(ctx, ntk_gram_get_diagonal(ctx, gram, NTK_KIND_NTK, &none));
    kit_ok(ctx, ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &square));
    kit_ok(ctx, ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &columns, &columns));
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &spectrum));
    assert_int_equal(ntk_spectrum_rank(spectrum), 0);
    kit_ok(ctx, ntk_solver_create(ctx, gram, WITH(solver, .ridge_relative = 1), &solver));
    kit_ok(ctx, ntk_solver_solve(ctx, solver, &columns, &columns));
    kit_ok(ctx, ntk_solver_log_determinant(ctx, solver, &number));
    assert_true(number == 0);
    kit_ok(ctx, ntk_solver_backward_error(ctx, solver, &columns, &columns, &number));
    assert_true(number == 0);
    ntk_solver_destroy(solver);
    ntk_spectrum_destroy(spectrum);
    ntk_gram_destroy(gram);
}

static void test_empty_grams(void **state)
{
    ntk_array x = empty_matrix(0, D), square = empty_matrix(0, 0), theta = world_theta(&w);
    ntk_jacobian *j;
    ntk_gram *gram;
    (void)state;
    kit_ok(ctx, ntk_gram_create(ctx, w.kernel, &x, NULL, &gram));
    ask_empty_gram(gram);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &square, &gram));
    ask_empty_gram(gram);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w.network, &theta, &x, &j));
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, j, NULL, &gram));
    ask_empty_gram(gram);
    ntk_jacobian_destroy(j);
}

/* No new inputs, no times, no training set. */
static void test_empty_answers(void **state)
{
    double f[NEW_SAMPLES * O];
    ntk_array x = empty_matrix(0, D), mean = empty_matrix(0, O), square = empty_matrix(0, 0), y = empty_matrix(0, O), x_new = world_x_new(&w);
    ntk_array path = ntk_array_dense(NULL, NTK_F64, 3, (int64_t[]){0, N, O}), prior = ntk_matrix_f64(f, NEW_SAMPLES, O);
    ntk_gram *gram;
    ntk_dynamics *d;
    ntk_predictor *p;
    (void)state;
    kit_ok(ctx, ntk_predictor_mean(ctx, w.predictor, &x, &mean));
    kit_ok(ctx, ntk_predictor_covariance(ctx, w.predictor, &x, &square));
    kit_ok(ctx, ntk_dynamics_at(ctx, w.dynamics, NULL, 0, &path));
    kit_ok(ctx, ntk_gram_create(ctx, w.kernel, &x, NULL, &gram));
    kit_ok(ctx, ntk_dynamics_create(ctx, gram, &y, NULL, &d));
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &y, NULL, &p));
    kit_ok(ctx, ntk_predictor_mean(ctx, p, &x_new, &prior));
    for (int i = 0; i < NEW_SAMPLES * O; ++i) assert_true(f[i] == 0); /* nothing was learned */
    ntk_predictor_destroy(p);
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
}

static int setup(void **state)
{
    if (kit_setup(state) != 0) return -1;
    ctx = *state;
    w = (world){.network = NULL};
    world_numbers(&w);
    return world_make(ctx, &w) == NTK_OK ? 0 : -1;
}

static int teardown(void **state)
{
    world_destroy(&w);
    return kit_teardown(state);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_reserved), test(test_enumerators), test(test_options_out_of_range), test(test_times), test(test_counts),
        test(test_scalar_mathematics), test(test_optimizer_length), test(test_empty_networks), test(test_empty_kernels),
        test(test_empty_grams), test(test_empty_answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
