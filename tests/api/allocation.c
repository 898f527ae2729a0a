/*
 * Every allocation fails in turn, the first, the second, ... until the work needs no more: the status is ERROR_MEMORY, no
 * block is left, nothing is half made, and the handles that existed before are as they were.
 */
#include "world.h"

#include <math.h>
#include <string.h>

static world_allocator memory;
static world w; /* made before the sweep, with memory enough */

typedef ntk_status (*work)(ntk_context *ctx);

static void check_failure(ntk_context *ctx, ntk_status status, long long n)
{
    if (status == NTK_ERROR_MEMORY && ntk_context_error(ctx) == NTK_ERROR_MEMORY) return;
    fail_msg("allocation %lld failed, the status is %s (%s)", n, ntk_status_name(status), ntk_context_error_message(ctx));
}

/* Returns how many allocations the work needs. */
static long long sweep(ntk_context *ctx, work run)
{
    long long before = memory.blocks, n = 0;
    ntk_status status = NTK_ERROR_MEMORY;
    for (; status != NTK_OK; ++n) {
        memory.remaining = n;
        status = run(ctx);
        memory.remaining = -1;
        if (memory.blocks != before) fail_msg("allocation %lld failed, %lld blocks are left", n, (long long)memory.blocks - before);
        if (status != NTK_OK) check_failure(ctx, status, n);
    }
    return n - 1;
}

#define TRY(call)                                    \
    do {                                             \
        if ((status = (call)) != NTK_OK) goto done;  \
    } while (0)

/* Every second number of memory, axis 0 fastest. */
static ntk_array strided(double *numbers, int ndim, const int64_t *shape)
{
    ntk_array a = ntk_array_dense(numbers, NTK_F64, ndim, shape);
    int64_t step = 2;
    for (int i = 0; i < ndim; ++i) {
        a.strides[i] = step;
        step *= shape[i];
    }
    return a;
}
#define STRIDED(numbers, ...) strided(numbers, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

/* ---- the works ------------------------------------------------------------------------------------------------------ */

/* The main job of the header, in full. */
static ntk_status ten_lines(ntk_context *ctx)
{
    ntk_status status;
    double f[NEW_SAMPLES * O];
    ntk_array x = world_x(&w), y = world_y(&w), x_new = world_x_new(&w), f_new = ntk_matrix_f64(f, NEW_SAMPLES, O);
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL;
    ntk_predictor *model = NULL;
    TRY(ntk_network_parse(ctx, world_json, &net));
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    TRY(ntk_gram_create(ctx, kernel, &x, NULL, &gram));
    TRY(ntk_predictor_create(ctx, gram, &y, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 1e-3}, &model));
    TRY(ntk_predictor_mean(ctx, model, &x_new, &f_new));
done:
    assert_true((net && kernel && gram && model) || status != NTK_OK);
    ntk_predictor_destroy(model);
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    return status;
}

static ntk_status everything(ntk_context *ctx)
{
    world made = w;
    world_answers answers;
    ntk_status status;
    memset(&made.network, 0, sizeof made - offsetof(world, network));
    status = world_make(ctx, &made);
    if (status == NTK_OK) status = world_ask(ctx, &made, &answers);
    world_destroy(&made);
    return status;
}

static ntk_status finite_networks(ntk_context *ctx)
{
    ntk_status status;
    double theta[2 * P], xs[2 * N * D], f[2 * ROWS], g[2 * P], rows[2 * 4 * P];
    ntk_array t = STRIDED(theta, P), x = STRIDED(xs, N, D), out = STRIDED(f, N, O), gradient = STRIDED(g, P), dense_theta = world_theta(&w);
    ntk_array out_rows = STRIDED(rows, 4, P), flat = STRIDED(f, ROWS);
    ntk_jacobian *j = NULL;
    kit_random(8, 2 * N * D, xs);
    TRY(ntk_network_initialize(ctx, w.network, 3, &t));
    TRY(ntk_network_forward(ctx, w.network, &t, &x, &out));
    TRY(ntk_network_jvp(ctx, w.network, &t, &x, &dense_theta, &out));
    TRY(ntk_network_vjp(ctx, w.network, &t, &x, &out, &gradient));
    TRY(ntk_network_forward_with(ctx, w.network, &t, &x, NULL, &out));
    TRY(ntk_jacobian_with(ctx, w.network, &t, &x, NULL, &j));
    ntk_jacobian_destroy(j);
    j = NULL;
    TRY(ntk_jacobian_from_network(ctx, w.network, &t, &x, &j));
    TRY(ntk_jacobian_apply(ctx, j, &gradient, &flat));
    TRY(ntk_jacobian_apply_transposed(ctx, j, &flat, &gradient));
    TRY(ntk_jacobian_get_rows(ctx, j, 3, &out_rows));
done:
    ntk_jacobian_destroy(j);
    return status;
}

static int products(void *user, int64_t from, const double *in, int64_t to, double *out)
{
    (void)user;
    for (int64_t i = 0; i < to; ++i) out[i] = in[i % from];
    return 0;
}

static int some_rows(void *user, int64_t first, int64_t count, int64_t columns, double *out)
{
    (void)user;
    for (int64_t i = 0; i < count * columns; ++i) out[i] = (double)(first + i);
    return 0;
}

/* Jacobians of functions of the caller, by each way to put together what is missing; parts and stacks of them. */
static ntk_status jacobians(ntk_context *ctx)
{
    ntk_status status = NTK_OK;
    double theta[2 * P] = {0}, f[2 * ROWS] = {0}, g[2 * P], rows[2 * 4 * P], error;
    ntk_array t = STRIDED(theta, P), flat = STRIDED(f, ROWS), gradient = STRIDED(g, P), out = STRIDED(rows, 4, P);
    ntk_jacobian *j = NULL, *part = NULL, *stack = NULL;
    for (int way = 0; way < 3; ++way) {
        ntk_jacobian_functions functions = {NTK_JACOBIAN_FUNCTIONS_INIT, ROWS, P, O, NULL, way == 0 ? products : NULL, way == 1 ? products : NULL,
                                            way == 2 ? some_rows : NULL};
        TRY(ntk_jacobian_from_callbacks(ctx, &functions, &j));
        TRY(ntk_jacobian_apply(ctx, j, &t, &flat));
        TRY(ntk_jacobian_apply_transposed(ctx, j, &flat, &gradient));
        TRY(ntk_jacobian_get_rows(ctx, j, 3, &out));
        ntk_jacobian_destroy(j);
        j = NULL;
    }
    TRY(ntk_jacobian_from_function(ctx, products, NULL, &t, ROWS, O, NULL, &j));
    TRY(ntk_jacobian_stack(ctx, (const ntk_jacobian *const[]){j, w.jacobian}, 2, &stack));
    TRY(ntk_jacobian_restrict(ctx, stack, (ntk_range[]){{1, 2}, {4, P - 4}}, 2, &part));
    TRY(ntk_jacobian_adjoint_error(ctx, part, 1, &error));
    ntk_jacobian_destroy(part);
    part = NULL;
    TRY(ntk_jacobian_restrict_layers(ctx, w.jacobian, (const char *const[]){"layers[0]"}, 1, &part));
done:
    ntk_jacobian_destroy(part);
    ntk_jacobian_destroy(stack);
    ntk_jacobian_destroy(j);
    return status;
}

static ntk_status empirical(ntk_context *ctx)
{
    static const ntk_outputs all[] = {NTK_OUTPUTS_FULL, NTK_OUTPUTS_TRACE, NTK_OUTPUTS_DIAGONAL};
    ntk_status status = NTK_OK;
    ntk_kernel *k = NULL;
    double numbers[2][2 * ROWS * ROWS];
    ntk_array x = world_x(&w), theta = world_theta(&w);
    for (int turn = 0; turn < 6; ++turn) { /* with D by contraction, without structured */
        int i = turn % 3;
        ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = all[i]};
        ntk_array shapes[3] = {STRIDED(numbers[0], ROWS, ROWS), STRIDED(numbers[0], N, N), STRIDED(numbers[0], N, N, O)}, nngp = shapes[i];
        ntk_array diagonals[3] = {STRIDED(numbers[0], ROWS), STRIDED(numbers[0], N), STRIDED(numbers[0], N, O)};
        nngp.data = numbers[1];
        TRY(ntk_kernel_empirical(ctx, w.network, &theta, turn < 3 ? w.optimizer : NULL, &options, &k));
        TRY(ntk_kernel_eval(ctx, k, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &shapes[i], .nngp = &nngp}));
        TRY(ntk_kernel_diagonal(ctx, k, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &diagonals[i]}));
        ntk_kernel_destroy(k);
        k = NULL;
    }
done:
    ntk_kernel_destroy(k);
    return status;
}

/* A convolution by position Grams beside a layer by strips. */
static ntk_status position_grams(ntk_context *ctx)
{
    static const char json[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3, 2], \"layers\": [{\"op\": \"conv\", \"units\": 2, \"kernel\": [2], \"padding\": \"same\"},"
                               "{\"op\": \"attention\", \"units\": 2, \"heads\": 1, \"dim_key\": 2, \"dim_value\": 2}, {\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 40}]}";
    ntk_status status;
    ntk_network *network = NULL;
    ntk_kernel *k = NULL;
    double numbers[350] = {0.5, -0.25, 1}, x_numbers[12] = {1, 2, 3, -1, 0.5}, trace[4];
    int64_t shape[] = {2, 3, 2};
    ntk_array theta, x = ntk_array_dense(x_numbers, NTK_F64, 3, shape), out = ntk_matrix_f64(trace, 2, 2), diagonal = ntk_vector_f64(trace, 2);
    TRY(ntk_network_parse(ctx, json, &network));
    theta = ntk_vector_f64(numbers, ntk_network_parameters(network));
    TRY(ntk_kernel_empirical(ctx, network, &theta, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_TRACE}, &k));
    assert_int_equal(ntk_kernel_algorithm(k), NTK_ALGORITHM_MIXED);
    TRY(ntk_kernel_eval(ctx, k, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    TRY(ntk_kernel_diagonal(ctx, k, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &diagonal}));
done:
    ntk_kernel_destroy(k);
    ntk_network_destroy(network);
    return status;
}

static ntk_status monte_carlo(ntk_context *ctx)
{
    ntk_status status;
    ntk_kernel *k = NULL;
    double numbers[2][2 * N * N];
    ntk_array x = world_x(&w), mean = STRIDED(numbers[0], N, N), error = STRIDED(numbers[1], N, N);
    ntk_monte_carlo_options options = {NTK_MONTE_CARLO_OPTIONS_INIT, .samples = 2, .width = 3};
    TRY(ntk_kernel_monte_carlo(ctx, w.network, &options, &k));
    TRY(ntk_kernel_eval(ctx, k, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &mean, .ntk_error = &error}));
done:
    ntk_kernel_destroy(k);
    return status;
}

static ntk_status blends(ntk_context *ctx)
{
    ntk_status status;
    ntk_kernel *sum = NULL, *normalised = NULL;
    double numbers[2][2 * N * N];
    ntk_array x = world_x(&w), ntk = STRIDED(numbers[0], N, N), nngp = STRIDED(numbers[1], N, N), diagonal = STRIDED(numbers[1], N);
    TRY(ntk_kernel_sum(ctx, (const ntk_kernel *const[]){w.kernel, w.kernel}, NULL, 2, &sum));
    TRY(ntk_kernel_normalise(ctx, sum, &normalised));
    TRY(ntk_kernel_eval(ctx, normalised, &x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &ntk, .nngp = &nngp}));
    TRY(ntk_kernel_diagonal(ctx, sum, &x, &(ntk_request){NTK_REQUEST_INIT, .ntk = &diagonal}));
done:
    ntk_kernel_destroy(normalised);
    ntk_kernel_destroy(sum);
    return status;
}

static ntk_status infinite(ntk_context *ctx)
{
    ntk_status status;
    double ntk[2 * N * N], nngp[2 * N * N], layers[4 * N * N], xs[2 * N * D];
    ntk_array x = STRIDED(xs, N, D), x2 = world_x(&w), a = STRIDED(ntk, N, N), b = STRIDED(nngp, N, N), c = STRIDED(layers, 2, N, N);
    ntk_array d = STRIDED(ntk, N), l = STRIDED(layers, 2, N);
    ntk_request all = {NTK_REQUEST_INIT, .ntk = &a, .nngp = &b, .layers = &c}, diagonal = {NTK_REQUEST_INIT, .ntk = &d, .layers = &l};
    kit_random(8, 2 * N * D, xs);
    TRY(ntk_kernel_eval(ctx, w.kernel, &x, NULL, &all));
    TRY(ntk_kernel_eval(ctx, w.kernel, &x2, &x, &all));
    TRY(ntk_kernel_diagonal(ctx, w.kernel, &x, &diagonal));
done:
    return status;
}

/* Single precision takes other ways through the tables. */
static ntk_status single(ntk_context *ctx)
{
    ntk_status status;
    float xs[N * D], ys[N], out[NEW_SAMPLES];
    ntk_array x = ntk_matrix_f32(xs, N, D), y = ntk_matrix_f32(ys, N, 1), x_new = ntk_matrix_f32(xs, NEW_SAMPLES, D);
    ntk_array f = ntk_matrix_f32(out, NEW_SAMPLES, 1);
    ntk_array b = ntk_matrix_f32(ys, N, 1);
    ntk_gram *gram = NULL;
    ntk_solver *solver = NULL;
    ntk_predictor *predictor = NULL;
    double error;
    for (int i = 0; i < N * D; ++i) xs[i] = (float)w.x[i];
    for (int i = 0; i < N; ++i) ys[i] = (float)w.y[i];
    TRY(ntk_gram_create(ctx, w.kernel, &x, NULL, &gram));
    TRY(ntk_solver_create(ctx, gram, &(ntk_solver_options){NTK_SOLVER_OPTIONS_INIT, .ridge = 0.1}, &solver));
    TRY(ntk_solver_solve(ctx, solver, &b, &y));
    TRY(ntk_solver_backward_error(ctx, solver, &b, &y, &error));
    TRY(ntk_predictor_create(ctx, gram, &y, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1}, &predictor));
    TRY(ntk_predictor_mean(ctx, predictor, &x_new, &f));
done:
    ntk_predictor_destroy(predictor);
    ntk_solver_destroy(solver);
    ntk_gram_destroy(gram);
    return status;
}

/* A network in f32: passes, J and what is made of it, the kernel by each way, training. */
typedef struct single_numbers {
    float theta[P], x[N * D], y[ROWS], numbers[P * ROWS], out[ROWS * ROWS];
} single_numbers;

static ntk_array floats(float *numbers, int ndim, const int64_t *shape)
{
    return ntk_array_dense(numbers, NTK_F32, ndim, shape);
}
#define FLOATS(numbers, ...) floats(numbers, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

static void round_numbers(single_numbers *f)
{
    for (int i = 0; i < P; ++i) f->theta[i] = (float)w.theta[i];
    for (int i = 0; i < N * D; ++i) f->x[i] = (float)w.x[i];
    for (int i = 0; i < ROWS; ++i) f->y[i] = (float)w.y[i];
}

static ntk_status single_grams(ntk_context *ctx, const ntk_jacobian *j, single_numbers *f)
{
    ntk_status status = NTK_OK;
    ntk_array block = FLOATS(f->out, 3, ROWS), line = FLOATS(f->out, ROWS), v = FLOATS(f->numbers, ROWS, 1), out = FLOATS(f->out, ROWS, 1);
    for (int a = NTK_ALGORITHM_AUTO; a <= NTK_ALGORITHM_PRODUCTS; ++a) {
        ntk_gram *gram = NULL;
        status = ntk_gram_from_jacobian_by(ctx, j, a == NTK_ALGORITHM_STRUCTURED ? NULL : w.optimizer, (ntk_algorithm)a, &gram);
        if (status == NTK_OK) status = ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, &block);
        if (status == NTK_OK) status = ntk_gram_get_diagonal(ctx, gram, NTK_KIND_NTK, &line);
        if (status == NTK_OK) status = ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, &v, &out);
        ntk_gram_destroy(gram);
        TRY(status);
    }
done:
    return status;
}

static ntk_status single_spectrum(ntk_context *ctx, const ntk_jacobian *j)
{
    ntk_status status;
    double vectors[2 * P * 3], trace, error;
    ntk_array v = STRIDED(vectors, P, 3), step = STRIDED(vectors, P);
    ntk_top_options side = {NTK_TOP_OPTIONS_INIT, .space = NTK_SPACE_FUNCTION, .rank_tolerance = 1e-6, .tolerance = 1e-6};
    ntk_spectrum *s = NULL;
    TRY(ntk_spectrum_top_of_jacobian(ctx, j, w.optimizer, 3, &side, &s));
    TRY(ntk_spectrum_get_parameter_vectors(ctx, s, &v));
    ntk_spectrum_destroy(s);
    s = NULL;
    TRY(ntk_spectrum_from_jacobian(ctx, j, w.optimizer, NULL, &s));
    TRY(ntk_spectrum_project_null(ctx, s, &step, &step));
    TRY(ntk_fisher_trace(ctx, j, w.optimizer, &(ntk_trace_options){NTK_TRACE_OPTIONS_INIT, .samples = 4}, &trace, &error));
    TRY(ntk_fisher_trace(ctx, j, w.optimizer, NULL, &trace, NULL));
done:
    ntk_spectrum_destroy(s);
    return status;
}

static ntk_status single_jacobians(ntk_context *ctx)
{
    ntk_status status;
    single_numbers f;
    const ntk_range ranges[] = {{1, 3}, {10, 5}};
    const char *paths[] = {"layers[2]"};
    ntk_array theta = FLOATS(f.theta, P), x = FLOATS(f.x, N, D), u = FLOATS(f.y, ROWS), jv = FLOATS(f.out, ROWS), g = FLOATS(f.numbers, P);
    ntk_array rows = FLOATS(f.numbers, ROWS, P), few = FLOATS(f.out, 2, 8), outputs = FLOATS(f.out, N, O), cotangents = FLOATS(f.y, N, O);
    ntk_jacobian *j = NULL, *chosen = NULL, *layers = NULL, *stack = NULL;
    double error;
    round_numbers(&f);
    TRY(ntk_network_forward(ctx, w.network, &theta, &x, &outputs));
    TRY(ntk_network_jvp(ctx, w.network, &theta, &x, &theta, &outputs));
    TRY(ntk_network_vjp(ctx, w.network, &theta, &x, &cotangents, &g));
    TRY(ntk_jacobian_from_network(ctx, w.network, &theta, &x, &j));
    TRY(ntk_jacobian_apply(ctx, j, &theta, &jv));
    TRY(ntk_jacobian_apply_transposed(ctx, j, &u, &g));
    TRY(ntk_jacobian_adjoint_error(ctx, j, 1, &error));
    TRY(ntk_jacobian_get_rows(ctx, j, 0, &rows));
    TRY(ntk_jacobian_restrict(ctx, j, ranges, 2, &chosen));
    TRY(ntk_jacobian_get_rows(ctx, chosen, 3, &few));
    TRY(ntk_jacobian_restrict_layers(ctx, j, paths, 1, &layers));
    TRY(ntk_jacobian_stack(ctx, (const ntk_jacobian *[]){j, j}, 2, &stack));
    TRY(ntk_jacobian_apply_transposed(ctx, stack, &(ntk_array){.data = f.numbers, .dtype = NTK_F32, .ndim = 1, .shape = {2 * ROWS}, .strides = {1}}, &theta));
    round_numbers(&f);
    TRY(single_grams(ctx, j, &f));
    TRY(single_spectrum(ctx, j));
done:
    ntk_jacobian_destroy(stack);
    ntk_jacobian_destroy(layers);
    ntk_jacobian_destroy(chosen);
    ntk_jacobian_destroy(j);
    return status;
}

static ntk_status single_kernel(ntk_context *ctx, ntk_algorithm algorithm, ntk_outputs outputs, const ntk_optimizer *optimizer)
{
    ntk_status status;
    single_numbers f;
    float ntk[ROWS * ROWS], nngp[ROWS * ROWS], layers[2 * ROWS * ROWS];
    int64_t n = outputs == NTK_OUTPUTS_FULL ? ROWS : N;
    ntk_array theta = FLOATS(f.theta, P), x = FLOATS(f.x, N, D), a = FLOATS(ntk, n, n), b = FLOATS(nngp, n, n), c = FLOATS(layers, 2, n, n), d = FLOATS(ntk, n);
    ntk_request all = {NTK_REQUEST_INIT, .ntk = &a, .nngp = &b, .layers = &c}, diagonal = {NTK_REQUEST_INIT, .ntk = &d};
    ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = outputs, .algorithm = algorithm};
    ntk_kernel *k = NULL;
    round_numbers(&f);
    TRY(ntk_kernel_empirical(ctx, w.network, &theta, optimizer, &options, &k));
    TRY(ntk_kernel_eval(ctx, k, &x, NULL, &all));
    TRY(ntk_kernel_eval(ctx, k, &x, &x, &all));
    TRY(ntk_kernel_diagonal(ctx, k, &x, &diagonal));
done:
    ntk_kernel_destroy(k);
    return status;
}

static ntk_status single_kernels(ntk_context *ctx)
{
    ntk_status status;
    TRY(single_kernel(ctx, NTK_ALGORITHM_STRUCTURED, NTK_OUTPUTS_FULL, NULL));
    TRY(single_kernel(ctx, NTK_ALGORITHM_STRUCTURED, NTK_OUTPUTS_TRACE, NULL));
    TRY(single_kernel(ctx, NTK_ALGORITHM_CONTRACTION, NTK_OUTPUTS_FULL, w.optimizer));
    TRY(single_kernel(ctx, NTK_ALGORITHM_CONTRACTION, NTK_OUTPUTS_TRACE, w.optimizer));
done:
    return status;
}

static ntk_status single_training(ntk_context *ctx)
{
    ntk_status status = NTK_OK;
    single_numbers f;
    float moments[2 * P];
    ntk_array theta = FLOATS(f.theta, P), x = FLOATS(f.x, N, D), y = FLOATS(f.y, N, O), out = FLOATS(f.out, N, O), m = FLOATS(moments, P), v = FLOATS(moments + P, P);
    round_numbers(&f);
    for (int linearised = 0; linearised < 2; ++linearised) {
        ntk_trainer_options options = {NTK_TRAINER_OPTIONS_INIT, .descent = NTK_DESCENT_ADAM, .learning_rate = 0.01, .linearised = linearised};
        ntk_trainer *t = NULL;
        double loss;
        status = ntk_trainer_create(ctx, w.network, &theta, &x, &y, &options, &t);
        if (status == NTK_OK) status = ntk_trainer_run(ctx, t, 2);
        if (status == NTK_OK) status = ntk_trainer_get_outputs(ctx, t, &out);
        if (status == NTK_OK) status = ntk_trainer_get_loss(ctx, t, &loss);
        if (status == NTK_OK) status = ntk_trainer_get_moments(ctx, t, &m, &v);
        ntk_trainer_destroy(t);
        TRY(status);
    }
done:
    return status;
}

/* Every storage; the factor in the place of the entries. */
static ntk_status stored(ntk_context *ctx)
{
    ntk_status status = NTK_OK;
    ntk_array x = world_x(&w), y = world_y(&w);
    for (int storage = 0; storage < 3; ++storage) {
        ntk_gram *gram = NULL;
        ntk_predictor *predictor = NULL;
        ntk_gram_options options = {NTK_GRAM_OPTIONS_INIT, .nngp = 1, .storage = (ntk_storage)storage};
        TRY(ntk_gram_create(ctx, w.kernel, &x, &options, &gram));
        status = ntk_predictor_create(ctx, gram, &y, &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.1, .consume = 1}, &predictor);
        ntk_predictor_destroy(predictor);
        ntk_gram_destroy(gram);
        TRY(status);
    }
done:
    return status;
}

static ntk_status matrices(ntk_context *ctx)
{
    ntk_status status;
    double dense[N * N], k[2 * N * N], k2[2 * N * N], j[2 * ROWS * P], v[2 * N * 2], out[2 * N * N];
    ntk_array ntk = STRIDED(k, N, N), nngp = STRIDED(k2, N, N), jm = STRIDED(j, ROWS, P), in = STRIDED(v, N, 2), product = STRIDED(out, N, 2);
    ntk_array block = STRIDED(out, 2, 3), diagonal = STRIDED(out, N);
    ntk_gram *gram = NULL, *of_j = NULL, *free_of_j = NULL;
    ntk_array rows = STRIDED(out, ROWS), tall = STRIDED(j, ROWS, 2), wide = STRIDED(out, ROWS, 2);
    ntk_jacobian *jacobian = NULL;
    ntk_solver *solver = NULL, *cg = NULL;
    double error;
    kit_random_spd(3, N, dense);
    for (int a = 0; a < N; ++a)
        for (int b = 0; b < N; ++b) k[2 * (a + b * N)] = k2[2 * (a + b * N)] = dense[a * N + b];
    kit_random(4, 2 * ROWS * P, j);
    kit_random(5, 2 * N * 2, v);
    TRY(ntk_gram_from_matrices(ctx, &ntk, &nngp, &gram));
    TRY(ntk_gram_multiply(ctx, gram, NTK_KIND_NNGP, &in, &product));
    TRY(ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 1, 1, &block));
    TRY(ntk_gram_get_diagonal(ctx, gram, NTK_KIND_NTK, &diagonal));
    TRY(ntk_solver_create(ctx, gram, NULL, &solver));
    TRY(ntk_solver_solve(ctx, solver, &in, &product));
    TRY(ntk_solver_create(ctx, gram, &(ntk_solver_options){NTK_SOLVER_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_CG, .ridge = 0.1, .rank = 2}, &cg));
    TRY(ntk_solver_solve(ctx, cg, &in, &product));
    TRY(ntk_solver_backward_error(ctx, solver, &in, &product, &error));
    TRY(ntk_jacobian_from_matrix(ctx, &jm, O, &jacobian));
    TRY(ntk_gram_from_jacobian(ctx, jacobian, w.optimizer, &of_j));
    TRY(ntk_gram_from_jacobian_by(ctx, jacobian, w.optimizer, NTK_ALGORITHM_PRODUCTS, &free_of_j));
    TRY(ntk_gram_get_block(ctx, free_of_j, NTK_KIND_NTK, 1, 1, &block));
    TRY(ntk_gram_get_diagonal(ctx, free_of_j, NTK_KIND_NTK, &rows));
    TRY(ntk_gram_multiply(ctx, free_of_j, NTK_KIND_NTK, &tall, &wide));
done:
    ntk_solver_destroy(cg);
    ntk_solver_destroy(solver);
    ntk_gram_destroy(free_of_j);
    ntk_gram_destroy(of_j);
    ntk_jacobian_destroy(jacobian);
    ntk_gram_destroy(gram);
    return status;
}

static ntk_status duality(ntk_context *ctx)
{
    ntk_status status;
    double values[2 * ROWS], vectors[2 * ROWS * ROWS], parameters[2 * P * ROWS], g[2 * P], norm;
    ntk_array v = STRIDED(values, ROWS), u = STRIDED(vectors, ROWS, 4), q = STRIDED(parameters, P, 4), step = STRIDED(g, P);
    ntk_spectrum *of_gram = NULL, *of_jacobian = NULL, *top = NULL, *top_of_jacobian = NULL;
    ntk_top_options parameters_side = {NTK_TOP_OPTIONS_INIT, .space = NTK_SPACE_PARAMETERS};
    ntk_trace_options few = {NTK_TRACE_OPTIONS_INIT, .samples = 6};
    double targets[2 * ROWS], gap, unreachable;
    ntk_array y = STRIDED(targets, ROWS, 1), e = STRIDED(targets, ROWS);
    int interpolates;
    kit_random(8, 2 * P, g);
    kit_random(9, 2 * ROWS, targets);
    TRY(ntk_spectrum_top(ctx, w.flow_gram, 4, NULL, &top));
    TRY(ntk_spectrum_top_of_jacobian(ctx, w.jacobian, w.optimizer, 4, &parameters_side, &top_of_jacobian));
    TRY(ntk_spectrum_natural_gradient(ctx, top, &e, 0.1, &step));
    TRY(ntk_spectrum_natural_gradient(ctx, top_of_jacobian, &e, 0, &step));
    TRY(ntk_spectrum_interpolation(ctx, w.spectrum, &y, &interpolates, &gap, &unreachable, &y));
    TRY(ntk_fisher_trace(ctx, w.jacobian, w.optimizer, &few, &gap, &unreachable));
    TRY(ntk_fisher_trace(ctx, w.jacobian, w.optimizer, NULL, &gap, NULL));
    TRY(ntk_spectrum_create(ctx, w.flow_gram, NULL, &of_gram));
    TRY(ntk_spectrum_get_values(ctx, of_gram, &v));
    TRY(ntk_spectrum_get_vectors(ctx, of_gram, &u));
    TRY(ntk_spectrum_get_parameter_vectors(ctx, of_gram, &q));
    TRY(ntk_spectrum_from_jacobian(ctx, w.jacobian, w.optimizer, NULL, &of_jacobian));
    TRY(ntk_spectrum_get_vectors(ctx, of_jacobian, &u));
    TRY(ntk_spectrum_get_parameter_vectors(ctx, of_jacobian, &q));
    TRY(ntk_spectrum_get_null_vectors(ctx, of_gram, NTK_SPACE_PARAMETERS, &q));
    TRY(ntk_spectrum_project_null(ctx, of_gram, &step, &step));
    TRY(ntk_spectrum_project_null(ctx, of_jacobian, &step, &step));
    TRY(ntk_fisher_norm(ctx, w.jacobian, &step, &norm));
    TRY(ntk_fisher_multiply(ctx, w.jacobian, &step, &step));
done:
    ntk_spectrum_destroy(top_of_jacobian);
    ntk_spectrum_destroy(top);
    ntk_spectrum_destroy(of_jacobian);
    ntk_spectrum_destroy(of_gram);
    return status;
}

static ntk_status designs(ntk_context *ctx)
{
    ntk_status status;
    double y[2 * 2 * ROWS], mean[2 * 2 * ROWS], variance[2 * ROWS], values[2 * NTK_MEASURE_COUNT], evidence;
    ntk_array targets = STRIDED(y, ROWS, 2), f = STRIDED(mean, ROWS, 2), v = STRIDED(variance, ROWS), out = STRIDED(values, NTK_MEASURE_COUNT);
    kit_random(9, 2 * 2 * ROWS, y);
    TRY(ntk_spectrum_log_evidence(ctx, w.spectrum, &targets, 0.5, &evidence));
    TRY(ntk_spectrum_leave_one_out(ctx, w.spectrum, &targets, 0.5, &f, &v));
    TRY(ntk_design_measure(ctx, w.spectrum, &targets, &(ntk_design_options){NTK_DESIGN_OPTIONS_INIT, .ridge = 0.5}, &out));
done:
    return status;
}

static ntk_status posterior(ntk_context *ctx, ntk_posterior which, ntk_decomposition how)
{
    ntk_status status;
    double f[2 * NEW_SAMPLES * O], c[2 * NEW_SAMPLES * NEW_SAMPLES], f0[NEW_SAMPLES * O] = {0};
    ntk_array y = world_y(&w), x = world_x_new(&w), mean = STRIDED(f, NEW_SAMPLES, O), covariance = STRIDED(c, NEW_SAMPLES, NEW_SAMPLES);
    ntk_array start = ntk_matrix_f64(f0, NEW_SAMPLES, O);
    double v[2 * ROWS], draws[2 * 2 * NEW_SAMPLES * O], out[2 * ROWS], noise[N] = {0.1, 0.2, 0.3, 0.4, 0.5};
    ntk_array variance = STRIDED(v, NEW_SAMPLES), samples = STRIDED(draws, 2, NEW_SAMPLES, O), left = STRIDED(out, N, O), variances = STRIDED(v, N), noises = ntk_vector_f64(noise, N);
    ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = which, .decomposition = how, .ridge = 0.1, .f0 = &y, .noise = &noises};
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = &x, .f0 = &start};
    ntk_predictor *p = NULL;
    TRY(ntk_predictor_create(ctx, w.gram, &y, &options, &p));
    TRY(ntk_predictor_at(ctx, p, &test, INFINITY, &mean, &covariance));
    if (how == NTK_DECOMPOSITION_EIGEN) TRY(ntk_predictor_at(ctx, p, &test, 2, &mean, &covariance));
    TRY(ntk_predictor_variance(ctx, p, &test, INFINITY, &variance));
    TRY(ntk_predictor_sample(ctx, p, &test, INFINITY, 1, &samples));
    TRY(ntk_predictor_leave_one_out(ctx, p, &y, &left, &variances));
done:
    ntk_predictor_destroy(p);
    return status;
}

static ntk_status posteriors(ntk_context *ctx)
{
    ntk_status status = NTK_OK;
    for (int which = 0; which < 3; ++which)
        for (int how = 0; how < 2; ++how) TRY(posterior(ctx, (ntk_posterior)which, (ntk_decomposition)how));
done:
    return status;
}

static ntk_status blocks(ntk_context *ctx)
{
    ntk_status status;
    double k[3][2 * N * N], f[NEW_SAMPLES * O], c[NEW_SAMPLES * NEW_SAMPLES];
    ntk_array ntk = STRIDED(k[0], NEW_SAMPLES, N), nngp = STRIDED(k[1], NEW_SAMPLES, N), square = STRIDED(k[2], NEW_SAMPLES, NEW_SAMPLES);
    ntk_array mean = ntk_matrix_f64(f, NEW_SAMPLES, O), covariance = ntk_matrix_f64(c, NEW_SAMPLES, NEW_SAMPLES);
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &ntk, .nngp = &nngp, .nngp_test = &square};
    kit_random(1, 3 * 2 * N * N, k[0]);
    for (int i = 0; i < NEW_SAMPLES; ++i)
        for (int j = 0; j < i; ++j) k[2][2 * (j + i * NEW_SAMPLES)] = k[2][2 * (i + j * NEW_SAMPLES)];
    TRY(ntk_predictor_at(ctx, w.predictor, &test, 1, &mean, &covariance));
done:
    return status;
}

static ntk_status dynamics(ntk_context *ctx)
{
    const double times[] = {0, 1, INFINITY};
    ntk_status status;
    double out[2 * 3 * P], k[2 * 4 * ROWS], f0[2 * 4];
    ntk_array y = world_y(&w), theta = world_theta(&w), f = STRIDED(out, 3, N, O), k_test = STRIDED(k, 4, ROWS), start = STRIDED(f0, 4, 1);
    ntk_array f_test = STRIDED(out, 3, 4, 1);
    ntk_array step = STRIDED(out, 3, P), loss = STRIDED(out, 3), decay = STRIDED(out, 3, ROWS), modes = STRIDED(out, ROWS);
    double time;
    ntk_dynamics *d = NULL;
    kit_random(2, 2 * 4 * ROWS, k);
    kit_random(3, 2 * 4, f0);
    TRY(ntk_dynamics_create(ctx, w.flow_gram, &y, &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .f0 = &y, .weight_decay = 0.1, .decay_to_zero = 1, .theta0 = &theta}, &d));
    TRY(ntk_dynamics_test_decayed_at(ctx, d, &k_test, &start, &start, times, 3, &f_test));
    ntk_dynamics_destroy(d);
    d = NULL;
    TRY(ntk_dynamics_create(ctx, w.flow_gram, &y, &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .f0 = &y}, &d));
    TRY(ntk_dynamics_at(ctx, d, times, 3, &f));
    TRY(ntk_dynamics_test_at(ctx, d, &k_test, &start, times, 3, &f_test));
    TRY(ntk_dynamics_parameters_at(ctx, d, times, 3, &step));
    TRY(ntk_dynamics_loss_at(ctx, d, times, 3, &loss));
    TRY(ntk_dynamics_bound_at(ctx, d, times, 3, &loss));
    TRY(ntk_dynamics_decay_at(ctx, d, times, 3, &decay));
    TRY(ntk_dynamics_mode_times(ctx, d, 0.5, &modes));
    TRY(ntk_dynamics_time_to_loss(ctx, d, 1e-3, &time));
done:
    ntk_dynamics_destroy(d);
    return status;
}

static ntk_status classes(ntk_context *ctx)
{
    ntk_status status;
    int64_t labels[N] = {0, 1, 1, 0, 1}, decided[2 * N];
    double f[2 * N * O], p[2 * N * O], temperature, accuracy, nll;
    float narrow[2 * N * O];
    ntk_array l = ntk_array_dense(labels, NTK_I64, 1, (int64_t[]){N}), d = ntk_array_dense(decided, NTK_I64, 1, (int64_t[]){N}), y = STRIDED(f, N, O), ps = STRIDED(p, N, O);
    ntk_array y32 = ntk_array_dense(narrow, NTK_F32, 2, (int64_t[]){N, O});
    TRY(ntk_classes_code(ctx, &l, &y32));
    TRY(ntk_classes_code(ctx, &l, &y));
    TRY(ntk_classes_decide(ctx, &y, &d));
    TRY(ntk_classes_temperature(ctx, &y, &l, &temperature));
    TRY(ntk_classes_probabilities(ctx, &y, temperature, &ps));
    TRY(ntk_classes_score(ctx, &ps, &l, &accuracy, &nll));
done:
    return status;
}

static ntk_status tuning(ntk_context *ctx)
{
    ntk_status status;
    double numbers[2 * 7], slope[2 * 7], xs[2 * N * D], ys[2 * N * 2], value;
    ntk_array values = STRIDED(numbers, 7), gradient = STRIDED(slope, 7), x = STRIDED(xs, N, D), y = STRIDED(ys, N, 2);
    ntk_tuner *tuner = NULL;
    ntk_network *network = NULL;
    kit_random(4, 2 * N * D, xs);
    kit_random(5, 2 * N * 2, ys);
    TRY(ntk_tuner_create(ctx, w.network, &x, &y, &(ntk_tuner_options){NTK_TUNER_OPTIONS_INIT, .objective = NTK_OBJECTIVE_LOO}, &tuner));
    TRY(ntk_tuner_get_values(ctx, tuner, &values));
    TRY(ntk_tuner_evaluate(ctx, tuner, &values, &value, &gradient));
    TRY(ntk_tuner_network(ctx, tuner, &values, &network));
done:
    ntk_network_destroy(network);
    ntk_tuner_destroy(tuner);
    return status;
}

static ntk_status learnings(ntk_context *ctx)
{
    ntk_status status = NTK_OK;
    double out[2 * 3 * P], k[2 * 4 * ROWS], f0[2 * 4], numbers[2 * (4 + 2 * ROWS)] = {0}, weights[2 * 3 * ROWS];
    ntk_array y = world_y(&w), w_of_t = STRIDED(weights, 3, N, O), f = STRIDED(out, 3, N, O), k_test = STRIDED(k, 4, ROWS), start = STRIDED(f0, 4, 1);
    ntk_array f_test = STRIDED(out, 3, 4, 1), step = STRIDED(out, 3, P), loss = STRIDED(out, 3);
    kit_random(2, 2 * 4 * ROWS, k);
    kit_random(3, 2 * 4, f0);
    for (int discrete = 0; discrete < 2; ++discrete) {
        ntk_learning_options options = {NTK_LEARNING_OPTIONS_INIT, .loss = NTK_LOSS_HUBER, .f0 = &y, .momentum = 0.5, .discrete = discrete, .learning_rate = 0.01};
        ntk_learning *l = NULL;
        ntk_array state;
        memset(numbers, 0, sizeof numbers);
        status = ntk_learning_create(ctx, w.flow_gram, &y, &options, &l);
        if (status == NTK_OK) state = STRIDED(numbers, ntk_learning_state_size(l));
        if (status == NTK_OK) status = ntk_learning_weights_at(ctx, l, &state, (double[]){0, 1, 2}, 3, &w_of_t);
        if (status == NTK_OK) status = ntk_learning_train(ctx, l, &w_of_t, &f);
        if (status == NTK_OK) status = ntk_learning_test(ctx, l, &k_test, &start, &w_of_t, &f_test);
        if (status == NTK_OK) status = ntk_learning_loss(ctx, l, &w_of_t, &loss);
        if (status == NTK_OK) status = ntk_learning_parameters(ctx, l, &w_of_t, &step);
        ntk_learning_destroy(l);
        TRY(status);
    }
done:
    return status;
}

static ntk_status systems(ntk_context *ctx)
{
    ntk_status status;
    double a[N * N], b[2 * N * 2], out[2 * N * N], residual;
    ntk_array matrix = ntk_matrix_f64(a, N, N), in = STRIDED(b, N, 2), observed = STRIDED(b, 2, N), gramian = STRIDED(out, N, N);
    ntk_jacobian *jacobian = NULL;
    ntk_system *s = NULL, *of_parameters = NULL, *reduced = NULL;
    double more[2 * N], outputs[2 * N];
    const double time = 1;
    ntk_array values = STRIDED(more, N), response = STRIDED(outputs, 1, N);
    kit_random_spd(3, N, a);
    kit_random(4, 2 * N * 2, b);
    for (int i = 0; i < N * N; ++i) a[i] = -a[i];
    TRY(ntk_system_from_matrices(ctx, &matrix, &in, &observed, &s));
    for (int which = 0; which < 2; ++which) {
        TRY(ntk_system_gramian(ctx, s, (ntk_gramian)which, INFINITY, &gramian));
        TRY(ntk_system_residual(ctx, s, (ntk_gramian)which, &gramian, &residual));
    }
    TRY(ntk_jacobian_from_matrix(ctx, &matrix, 1, &jacobian));
    TRY(ntk_system_from_jacobian(ctx, jacobian, NULL, 0.1, &of_parameters));
    for (int which = 0; which < 2; ++which) {
        TRY(ntk_system_gramian(ctx, of_parameters, (ntk_gramian)which, INFINITY, &gramian));
        TRY(ntk_system_residual(ctx, of_parameters, (ntk_gramian)which, &gramian, &residual));
        TRY(ntk_system_gramian_factor(ctx, of_parameters, (ntk_gramian)which, 1, &gramian));
    }
    TRY(ntk_system_hankel(ctx, of_parameters, &values));
    TRY(ntk_system_reduce(ctx, of_parameters, 2, &residual, &reduced));
    TRY(ntk_system_minimum_energy(ctx, of_parameters, 1, &values, &residual, &values));
    TRY(ntk_system_response(ctx, of_parameters, &values, &time, 1, &response));
done:
    ntk_system_destroy(reduced);
    ntk_system_destroy(of_parameters);
    ntk_jacobian_destroy(jacobian);
    ntk_system_destroy(s);
    return status;
}

/* What one does with a general system of N states and one output. */
static ntk_status control(ntk_context *ctx, const ntk_system *s)
{
    ntk_status status;
    double numbers[3][4 * N * N] = {{0}}, energy, time, certain;
    const double times[] = {0.1, 0.2, 0.5};
    ntk_array x = STRIDED(numbers[0], N), z = STRIDED(numbers[1], 3, 1), g = STRIDED(numbers[2], N, N), mode = STRIDED(numbers[2], N, 2);
    ntk_array noise = ntk_vector_f64(times, 3), c = STRIDED(numbers[0], 1, N);
    ntk_system *other = NULL;
    ntk_reconstruct_options o = {NTK_RECONSTRUCT_OPTIONS_INIT, .noise = &noise, .prior = 1};
    for (int i = 0; i < N; ++i) numbers[0][2 * i] = 1;
    TRY(ntk_system_response(ctx, s, &x, times, 3, &z));
    TRY(ntk_system_reconstruct(ctx, s, times, 3, &z, &o, &x, &g, NULL));
    TRY(ntk_system_minimum_energy(ctx, s, 1, &x, &energy, &x));
    TRY(ntk_system_get_eigenvalues(ctx, s, &mode));
    TRY(ntk_system_dominant_mode(ctx, s, NULL, NULL, &mode));
    TRY(ntk_system_settling_time(ctx, s, 0.1, &time, &certain));
    TRY(ntk_system_with_ports(ctx, s, NULL, &c, &other));
    for (int i = 0; i < N * N; ++i) numbers[2][2 * i] = i % (N + 1) == 0;
    TRY(ntk_system_lyapunov(ctx, other, NTK_GRAMIAN_OBSERVABILITY, &g, &g));
done:
    ntk_system_destroy(other);
    return status;
}

/* A mode that rests, and that C = (1, -1) does not see. */
static ntk_status resting(ntk_context *ctx)
{
    ntk_status status;
    double a[] = {-1, 1, 0, 0}, c[] = {1, -1}, out[4];
    ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(c, 1, 2), ww = ntk_matrix_f64(out, 2, 2);
    ntk_system *s = NULL;
    int64_t count;
    TRY(ntk_system_from_matrices(ctx, &aa, NULL, &cc, &s));
    TRY(ntk_system_resting_modes(ctx, s, NTK_GRAMIAN_OBSERVABILITY, &count));
    TRY(ntk_system_gramian(ctx, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &ww));
done:
    ntk_system_destroy(s);
    return status;
}

static ntk_status reductions(ntk_context *ctx)
{
    ntk_status status;
    double numbers[5][2 * N * N], bound;
    ntk_array a = STRIDED(numbers[0], N, N), b = STRIDED(numbers[1], N, 2), c = STRIDED(numbers[2], 1, N), g = STRIDED(numbers[3], N, N);
    ntk_array values = STRIDED(numbers[4], N);
    ntk_system *s = NULL, *small = NULL;
    for (int i = 0; i < 3; ++i) kit_random((uint64_t)i + 20, 2 * N * N, numbers[i]);
    for (int i = 0; i < N; ++i) numbers[0][2 * (i * N + i)] -= 6; /* general and stable */
    TRY(ntk_system_from_matrices(ctx, &a, &b, &c, &s));
    TRY(ntk_system_gramian(ctx, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &g));
    TRY(ntk_system_gramian(ctx, s, NTK_GRAMIAN_CONTROLLABILITY, 0.5, &g));
    TRY(ntk_system_discrete_gramian(ctx, s, NTK_GRAMIAN_CONTROLLABILITY, 0.1, &g));
    TRY(ntk_system_discrete_residual(ctx, s, NTK_GRAMIAN_CONTROLLABILITY, 0.1, &g, &bound));
    TRY(ntk_system_hankel(ctx, s, &values));
    TRY(ntk_system_reduce(ctx, s, 2, &bound, &small));
    TRY(ntk_system_get_matrices(ctx, s, &a, &b, &c));
    TRY(ntk_system_directions(ctx, s, NTK_GRAMIAN_OBSERVABILITY, 1, &g, &values, &values));
    TRY(control(ctx, s));
done:
    ntk_system_destroy(small);
    ntk_system_destroy(s);
    return status;
}

static int ramp(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] : 0;
    return 0;
}

/* A network with an activation of its own, to its kernel. */
static ntk_status own_activations(ntk_context *ctx)
{
    static const double kinks[] = {0};
    ntk_status status;
    int64_t shape = D;
    double out[2 * N * N];
    ntk_array x = world_x(&w), k = STRIDED(out, N, N);
    ntk_request request = {NTK_REQUEST_INIT, .ntk = &k};
    ntk_attribute units[] = {NTK_NUMBER("units", 3), NTK_END};
    ntk_activation_options own = {NTK_ACTIVATION_OPTIONS_INIT, .value = ramp, .kinks = kinks, .n_kinks = 1};
    ntk_builder *b = NULL;
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    TRY(ntk_builder_create(ctx, 1, &shape, NULL, &b));
    TRY(ntk_builder_add(ctx, b, "dense", units));
    TRY(ntk_builder_add_activation(ctx, b, &own));
    TRY(ntk_builder_finish(ctx, b, &net));
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    TRY(ntk_kernel_eval(ctx, kernel, &x, NULL, &request));
done:
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
    ntk_builder_destroy(b);
    return status;
}

static ntk_status builder(ntk_context *ctx)
{
    static char text[4096];
    ntk_status status;
    int64_t shape = D;
    ntk_attribute units[] = {NTK_NUMBER("units", 3), NTK_END}, sum[] = {NTK_TEXT("merge", "sum"), NTK_END};
    ntk_builder *b = NULL;
    ntk_network *net = NULL;
    TRY(ntk_builder_create(ctx, 1, &shape, "standard", &b));
    TRY(ntk_builder_begin(ctx, b, "branch", sum));
    TRY(ntk_builder_add(ctx, b, "dense", units));
    TRY(ntk_builder_next(ctx, b));
    TRY(ntk_builder_add(ctx, b, "relu", NULL));
    TRY(ntk_builder_end(ctx, b));
    TRY(ntk_builder_add(ctx, b, "dense", units));
    TRY(ntk_builder_finish(ctx, b, &net));
    TRY(ntk_network_format(ctx, net, text, sizeof text, NULL));
done:
    ntk_network_destroy(net);
    ntk_builder_destroy(b);
    return status;
}

static ntk_status optimizers(ntk_context *ctx)
{
    ntk_status status;
    double moment[2 * P], out[2 * P];
    ntk_array v = STRIDED(moment, P), d = STRIDED(out, P);
    ntk_optimizer *identity = NULL, *adam = NULL, *after = NULL, *diagonal = NULL;
    for (int i = 0; i < 2 * P; ++i) moment[i] = 1 + i;
    TRY(ntk_optimizer_identity(ctx, &identity));
    TRY(ntk_optimizer_adam(ctx, &v, 1e-8, &adam));
    TRY(ntk_optimizer_adam_update(ctx, &v, 0.9, &v));
    TRY(ntk_optimizer_adam_after(ctx, &v, 0.9, 1, 1e-8, &after));
    TRY(ntk_optimizer_diagonal(ctx, &v, &diagonal));
    TRY(ntk_optimizer_get_diagonal(ctx, adam, &d));
done:
    ntk_optimizer_destroy(diagonal);
    ntk_optimizer_destroy(after);
    ntk_optimizer_destroy(adam);
    ntk_optimizer_destroy(identity);
    return status;
}

static ntk_status training(ntk_context *ctx)
{
    ntk_status status;
    double theta[2 * P], first[2 * P], second[2 * P], outputs[2 * N * O], loss;
    ntk_array x = world_x(&w), y = world_y(&w), start = world_theta(&w), t = STRIDED(theta, P), m = STRIDED(first, P), v = STRIDED(second, P);
    ntk_array f = STRIDED(outputs, N, O);
    ntk_trainer_options adam = {NTK_TRAINER_OPTIONS_INIT, .descent = NTK_DESCENT_ADAM, .learning_rate = 1e-3, .linearised = 1};
    ntk_trainer *trainer = NULL;
    TRY(ntk_trainer_create(ctx, w.network, &start, &x, &y, &adam, &trainer));
    TRY(ntk_trainer_run(ctx, trainer, 2));
    TRY(ntk_trainer_get_parameters(ctx, trainer, &t));
    TRY(ntk_trainer_get_moments(ctx, trainer, &m, &v));
    TRY(ntk_trainer_resume(ctx, trainer, 2, &t, &m, &v));
    TRY(ntk_trainer_get_outputs(ctx, trainer, &f));
    TRY(ntk_trainer_get_loss(ctx, trainer, &loss));
done:
    ntk_trainer_destroy(trainer);
    return status;
}

/* ---- the sweeps ------------------------------------------------------------------------------------------------------ */

/* name, work, at least so many allocations: that the sweep is no empty one. */
#define WORKS(X) \
    X(ten_lines, 20) \
    X(everything, 60) \
    X(finite_networks, 20) \
    X(empirical, 20) \
    X(position_grams, 20) \
    X(monte_carlo, 20) \
    X(blends, 20) \
    X(infinite, 10) \
    X(single, 8) \
    X(single_jacobians, 40) \
    X(single_kernels, 40) \
    X(single_training, 20) \
    X(stored, 10) \
    X(matrices, 10) \
    X(duality, 10) \
    X(posteriors, 40) \
    X(blocks, 5) \
    X(dynamics, 10) \
    X(learnings, 20) \
    X(tuning, 15) \
    X(systems, 10) \
    X(reductions, 30) \
    X(resting, 10) \
    X(builder, 10) \
    X(own_activations, 15) \
    X(optimizers, 5) \
    X(training, 20) \
    X(designs, 10) \
    X(jacobians, 20) \
    X(classes, 10)

/* The sweep, and afterwards the handles of the world answer as before. */
static void sweep_work(void **state, work run, long long least)
{
    ntk_context *ctx = *state;
    world_answers before, after;
    long long n;
    kit_ok(ctx, world_ask(ctx, &w, &before));
    n = sweep(ctx, run);
    if (n < least) fail_msg("only %lld allocations, expected %lld or more", n, least);
    kit_ok(ctx, world_ask(ctx, &w, &after));
    assert_memory_equal(&before, &after, sizeof before);
}

#define TEST(name, least) \
    static void test_##name(void **state) { sweep_work(state, name, least); }
WORKS(TEST)

/* A context that cannot be had. */
static void test_context(void **state)
{
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = world_allocate, .allocate_user = &memory};
    ntk_context *ctx = *state;
    long long before = memory.blocks;
    memory.remaining = 0;
    assert_int_equal(ntk_context_create(&options, &ctx), NTK_ERROR_MEMORY);
    memory.remaining = -1;
    assert_null(ctx);
    assert_int_equal(memory.blocks, before);
}

static int setup(void **state)
{
    world_allocator_open(&memory);
    *state = world_context(&memory, 2);
    w = (world){.network = NULL};
    world_numbers(&w);
    return world_make(*state, &w) == NTK_OK ? 0 : -1;
}

static int teardown(void **state)
{
    world_destroy(&w);
    ntk_context_destroy(*state);
    return memory.blocks == 0 ? 0 : -1;
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define ENTRY(name, least) test(test_##name),

int main(void)
{
    const struct CMUnitTest tests[] = {WORKS(ENTRY) test(test_context)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
