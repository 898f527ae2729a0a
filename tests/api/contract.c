/*
 * The contract that all functions share: what each refuses, with which status and which words.
 *
 * The table has a row per function: how it is called (ctx, and p[i] for the arguments below) and what its arguments are.
 * Every test walks the table and damages one argument at a time.  test_header finds the functions that have no row.
 */
#include "world.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ARGUMENTS = 7, CAPACITY = 1024, AXES = 3 };

/* ---- what the rows refer to ------------------------------------------------------------------------------------- */

enum { NETWORK, BUILDER, OPTIMIZER, JACOBIAN, KERNEL, EMPIRICAL, GRAM, FLOW_GRAM, SPECTRUM, SOLVER, PREDICTOR, DYNAMICS, SYSTEM, OF_PARAMETERS, TRAINER, LEARNING, TUNER, DECAYING, HANDLES };

static ntk_context *ctx_of_test;
static world w;
static void *handles[HANDLES];

static char text[4096], dense[] = "dense", branch[] = "branch", json[sizeof world_json];
static double times[] = {0, 1.5, INFINITY}, flow_time[1], vector[] = {0.5, -1, 2};
static int64_t shape[] = {D};
static ntk_attribute units[] = {NTK_NUMBER("units", 3), NTK_END}, sum[] = {NTK_TEXT("merge", "sum"), NTK_END};
static ntk_array test_x, test_f0, test_labels;
static int64_t labels[] = {0, 1, 1};
static ntk_system *of_parameters;
static ntk_trainer *trainer; /* by Adam: keeps both moments */
static ntk_learning *learning;
static ntk_tuner *tuner;
static ntk_dynamics *decaying;
static char parameter_name[64];
static int calls_back; /* its address stands for "a callback is given" */

static ntk_monte_carlo_options monte_carlo_options = {NTK_MONTE_CARLO_OPTIONS_INIT, .samples = 2};
static ntk_kernel_options kernel_options = {NTK_KERNEL_OPTIONS_INIT, .reserved = 0};
static ntk_structure structure = {NTK_STRUCTURE_INIT, .mask = NULL};
static ntk_request request = {NTK_REQUEST_INIT, .ntk = NULL};
static ntk_job job = {NTK_JOB_INIT, .n1 = 3};
static ntk_predictor_job predictor_job = {NTK_PREDICTOR_JOB_INIT, .n = 3, .m = 2};
static ntk_gram_options gram_options = {NTK_GRAM_OPTIONS_INIT, .nngp = 1};
static ntk_spectrum_options spectrum_options = {NTK_SPECTRUM_OPTIONS_INIT, .kind = NTK_KIND_NTK};
static ntk_solver_options solver_options = {NTK_SOLVER_OPTIONS_INIT, .ridge = 0.5};
static ntk_predictor_options predictor_options = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.5};
static ntk_design_options design_options = {NTK_DESIGN_OPTIONS_INIT, .ridge = 0.5};
static ntk_top_options top_options = {NTK_TOP_OPTIONS_INIT, .seed = 1};
static ntk_trace_options trace_options = {NTK_TRACE_OPTIONS_INIT, .samples = 8};
static ntk_trainer_options trainer_options = {NTK_TRAINER_OPTIONS_INIT, .learning_rate = 0.5};
static ntk_learning_options learning_options = {NTK_LEARNING_OPTIONS_INIT, .learning_rate = 0.5};
static ntk_reconstruct_options reconstruct_options = {NTK_RECONSTRUCT_OPTIONS_INIT, .prior = 0.5};
static ntk_tuner_options tuner_options = {NTK_TUNER_OPTIONS_INIT, .noise = 0.5};
static ntk_dynamics_options dynamics_options = {NTK_DYNAMICS_OPTIONS_INIT, .learning_rate = 0.5};
static ntk_test_set test_set = {NTK_TEST_SET_INIT, .x = &test_x, .f0 = &test_f0};

static int linear_kernel(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    (void)user;
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j) {
            k[i * ldk + j] = 0;
            for (int64_t l = 0; l < d; ++l) k[i * ldk + j] += x1[i * d + l] * x2[j * d + l];
        }
    return 0;
}

/* A Jacobian and a function of the caller whose numbers are all 1. */
static int ones_rows(void *user, int64_t first, int64_t count, int64_t columns, double *out)
{
    (void)user;
    (void)first;
    for (int64_t i = 0; i < count * columns; ++i) out[i] = 1;
    return 0;
}

static int ones(void *user, int64_t columns, const double *theta, int64_t rows, double *f)
{
    (void)theta;
    return ones_rows(user, 0, rows, columns > 0, f);
}

static ntk_jacobian_functions jacobian_functions = {NTK_JACOBIAN_FUNCTIONS_INIT, .rows = ROWS, .columns = P, .outputs = O, .get_rows = ones_rows};
static ntk_difference_options difference_options = {NTK_DIFFERENCE_OPTIONS_INIT, .order = 4};
static ntk_range ranges[] = {{0, 3}, {5, 1}};
static const char *paths[] = {"layers[2]"};

/* A stack of one, or of nothing where its part is missing. */
static ntk_status stack_of_one(ntk_context *ctx, const ntk_jacobian *part, ntk_jacobian **stack)
{
    return ntk_jacobian_stack(ctx, part ? &part : NULL, 1, stack);
}

static int ramp(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] : 0;
    return 0;
}

static ntk_activation_options activation_options = {NTK_ACTIVATION_OPTIONS_INIT, .value = ramp, .kinks = times, .n_kinks = 1};

/* Calls of the builder that need an open layer, and leave it closed. */
static ntk_status begin_and_close(ntk_context *ctx, ntk_builder *b, const char *op, const ntk_attribute *attributes)
{
    ntk_status status = ntk_builder_begin(ctx, b, op, attributes);
    if (status == NTK_OK) ntk_builder_end(ctx, b);
    return status;
}

static ntk_status within_branch(ntk_context *ctx, ntk_builder *b, ntk_status (*call)(ntk_context *, ntk_builder *), bool still_open)
{
    ntk_status status;
    ntk_builder_begin(ctx_of_test, handles[BUILDER], branch, sum);
    status = call(ctx, b);
    if (still_open || status != NTK_OK) ntk_builder_end(ctx_of_test, handles[BUILDER]);
    return status;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

typedef enum role { ROLE_END, ROLE_HANDLE, ROLE_POINTER, ROLE_RESULT, ROLE_NEW, ROLE_OPTIONS, ROLE_IN, ROLE_OUT } role;
typedef enum fill { FILL_RANDOM, FILL_POSITIVE, FILL_SPD } fill;

typedef struct argument {
    const char *name;
    role role;
    bool optional;
    int handle;              /* ROLE_HANDLE */
    void *pointer;           /* ROLE_POINTER, ROLE_OPTIONS */
    size_t size;             /* ROLE_OPTIONS */
    void (*destroy)(void *); /* ROLE_NEW */
    int ndim;                /* arrays */
    int64_t shape[AXES];
    unsigned fixed;          /* bit i: axis i has one right extent, and this argument's sentence says so */
    fill fill;
} argument;

typedef struct row {
    const char *name;
    ntk_status (*call)(ntk_context *ctx, void *const *p);
    argument arguments[ARGUMENTS + 1];
} row;

#define DESTROYER(noun) \
    static void destroy_##noun(void *handle) { ntk_##noun##_destroy(handle); }
DESTROYER(network) DESTROYER(builder) DESTROYER(optimizer) DESTROYER(jacobian) DESTROYER(kernel) DESTROYER(gram)
DESTROYER(spectrum) DESTROYER(solver) DESTROYER(predictor) DESTROYER(dynamics) DESTROYER(learning) DESTROYER(tuner) DESTROYER(system) DESTROYER(trainer)

#define AXIS(i) (1u << (i))
#define ALL 7u
#define SHAPE_OF(...) .ndim = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .shape = {__VA_ARGS__}
#define HANDLE(n, which) {.name = n, .role = ROLE_HANDLE, .handle = which}
#define MAYBE_HANDLE(n, which) {.name = n, .role = ROLE_HANDLE, .handle = which, .optional = true}
#define POINTER(n, to) {.name = n, .role = ROLE_POINTER, .pointer = to}
#define MAYBE_POINTER(n, to) {.name = n, .role = ROLE_POINTER, .pointer = to, .optional = true}
#define RESULT(n) {.name = n, .role = ROLE_RESULT}
#define MAYBE_RESULT(n) {.name = n, .role = ROLE_RESULT, .optional = true}
#define NEW(noun) {.name = #noun, .role = ROLE_NEW, .destroy = destroy_##noun}
#define NEW_AS(n, noun) {.name = n, .role = ROLE_NEW, .destroy = destroy_##noun}
#define OPTIONS(n, o) {.name = n, .role = ROLE_OPTIONS, .optional = true, .pointer = &o, .size = sizeof o}
#define NEEDED_OPTIONS(n, o) {.name = n, .role = ROLE_OPTIONS, .pointer = &o, .size = sizeof o}
#define IN(n, axes, ...) {.name = n, .role = ROLE_IN, .fixed = axes, SHAPE_OF(__VA_ARGS__)}
#define MAYBE_IN(n, axes, ...) {.name = n, .role = ROLE_IN, .optional = true, .fixed = axes, SHAPE_OF(__VA_ARGS__)}
#define IN_AS(n, kind, axes, ...) {.name = n, .role = ROLE_IN, .fill = kind, .fixed = axes, SHAPE_OF(__VA_ARGS__)}
#define MAYBE_IN_AS(n, kind, axes, ...) {.name = n, .role = ROLE_IN, .optional = true, .fill = kind, .fixed = axes, SHAPE_OF(__VA_ARGS__)}
#define OUT(n, axes, ...) {.name = n, .role = ROLE_OUT, .fixed = axes, SHAPE_OF(__VA_ARGS__)}
#define INOUT_AS(n, kind, axes, ...) {.name = n, .role = ROLE_OUT, .fill = kind, .fixed = axes, SHAPE_OF(__VA_ARGS__)}
#define MAYBE_OUT(n, axes, ...) {.name = n, .role = ROLE_OUT, .optional = true, .fixed = axes, SHAPE_OF(__VA_ARGS__)}

#define M NEW_SAMPLES

/* X(function, variant, call, arguments) */
#define TABLE(X)                                                                                                                              \
    X(ntk_network_parse, , ntk_network_parse(ctx, p[0], p[1]), POINTER("json", json), NEW(network))                                           \
    X(ntk_network_widen, , ntk_network_widen(ctx, p[0], 3, p[1]), HANDLE("network", NETWORK), NEW_AS("wide", network))                        \
    X(ntk_network_format, , ntk_network_format(ctx, p[0], p[1], sizeof text, p[2]), HANDLE("network", NETWORK), POINTER("text", text),        \
      MAYBE_RESULT("needed"))                                                                                                                 \
    X(ntk_builder_create, , ntk_builder_create(ctx, 1, p[0], NULL, p[1]), POINTER("shape", shape), NEW(builder))                              \
    X(ntk_builder_add, , ntk_builder_add(ctx, p[0], p[1], units), HANDLE("builder", BUILDER), POINTER("op", dense))                           \
    X(ntk_builder_add, _attributes, ntk_builder_add(ctx, p[0], "relu", p[1]), HANDLE("builder", BUILDER), MAYBE_POINTER("attributes", units + 1)) \
    X(ntk_builder_add_activation, , ntk_builder_add_activation(ctx, p[0], p[1]), HANDLE("builder", BUILDER), NEEDED_OPTIONS("options", activation_options)) \
    X(ntk_builder_begin, , begin_and_close(ctx, p[0], p[1], sum), HANDLE("builder", BUILDER), POINTER("op", branch))                          \
    X(ntk_builder_next, , within_branch(ctx, p[0], ntk_builder_next, true), HANDLE("builder", BUILDER))                                       \
    X(ntk_builder_end, , within_branch(ctx, p[0], ntk_builder_end, false), HANDLE("builder", BUILDER))                                        \
    X(ntk_builder_finish, , ntk_builder_finish(ctx, p[0], p[1]), HANDLE("builder", BUILDER), NEW(network))                                            \
    X(ntk_network_initialize, , ntk_network_initialize(ctx, p[0], 1, p[1]), HANDLE("network", NETWORK), OUT("theta", ALL, P))                 \
    X(ntk_network_forward, , ntk_network_forward(ctx, p[0], p[1], p[2], p[3]), HANDLE("network", NETWORK), IN("theta", ALL, P),               \
      IN("x", AXIS(1), N, D), OUT("f", ALL, N, O))                                                                                            \
    X(ntk_network_jvp, , ntk_network_jvp(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("network", NETWORK), IN("theta", ALL, P),                 \
      IN("x", AXIS(1), N, D), IN("v", ALL, P), OUT("df", ALL, N, O))                                                                          \
    X(ntk_network_vjp, , ntk_network_vjp(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("network", NETWORK), IN("theta", ALL, P),                 \
      IN("x", AXIS(1), N, D), IN("u", ALL, N, O), OUT("g", ALL, P))                                                                           \
    X(ntk_optimizer_identity, , ntk_optimizer_identity(ctx, p[0]), NEW(optimizer))                                                            \
    X(ntk_optimizer_adam, , ntk_optimizer_adam(ctx, p[0], 1e-3, p[1]), IN_AS("second_moment", FILL_POSITIVE, 0, P), NEW(optimizer))           \
    X(ntk_optimizer_diagonal, , ntk_optimizer_diagonal(ctx, p[0], p[1]), IN_AS("d", FILL_POSITIVE, 0, P), NEW(optimizer))                     \
    X(ntk_optimizer_adam_update, , ntk_optimizer_adam_update(ctx, p[0], 0.9, p[1]), IN("gradients", AXIS(1), 3, P), INOUT_AS("second_moment", FILL_POSITIVE, 0, P))  \
    X(ntk_optimizer_adam_after, , ntk_optimizer_adam_after(ctx, p[0], 0.9, 3, 1e-3, p[1]), IN_AS("second_moment", FILL_POSITIVE, 0, P),        \
      NEW(optimizer))                                                                                                                         \
    X(ntk_optimizer_get_diagonal, , ntk_optimizer_get_diagonal(ctx, p[0], p[1]), HANDLE("optimizer", OPTIMIZER), OUT("d", ALL, P))            \
    X(ntk_network_forward_with, , ntk_network_forward_with(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("network", NETWORK), IN("theta", ALL, P), \
      IN("x", AXIS(1), N, D), OPTIONS("structure", structure), OUT("f", ALL, N, O))                                                             \
    X(ntk_jacobian_with, , ntk_jacobian_with(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("network", NETWORK), IN("theta", ALL, P),               \
      IN("x", AXIS(1), N, D), OPTIONS("structure", structure), NEW(jacobian))                                                                  \
    X(ntk_jacobian_from_network, , ntk_jacobian_from_network(ctx, p[0], p[1], p[2], p[3]), HANDLE("network", NETWORK), IN("theta", ALL, P),   \
      IN("x", AXIS(1), N, D), NEW(jacobian))                                                                                                  \
    X(ntk_jacobian_from_matrix, , ntk_jacobian_from_matrix(ctx, p[0], O, p[1]), IN("j", 0, ROWS, P), NEW(jacobian))                           \
    X(ntk_jacobian_from_callbacks, , ntk_jacobian_from_callbacks(ctx, p[0], p[1]), NEEDED_OPTIONS("functions", jacobian_functions), NEW(jacobian)) \
    X(ntk_jacobian_from_function, , ntk_jacobian_from_function(ctx, p[0] ? ones : NULL, p[1], p[2], ROWS, O, p[3], p[4]),                     \
      POINTER("function", &calls_back), MAYBE_POINTER("user", text), IN("theta", 0, P), OPTIONS("options", difference_options), NEW(jacobian)) \
    X(ntk_jacobian_restrict, , ntk_jacobian_restrict(ctx, p[0], p[1], 2, p[2]), HANDLE("jacobian", JACOBIAN), POINTER("ranges", ranges),      \
      NEW_AS("restricted", jacobian))                                                                                                         \
    X(ntk_jacobian_restrict_layers, , ntk_jacobian_restrict_layers(ctx, p[0], p[1], 1, p[2]), HANDLE("jacobian", JACOBIAN),                   \
      POINTER("paths", paths), NEW_AS("restricted", jacobian))                                                                                \
    X(ntk_jacobian_stack, , stack_of_one(ctx, p[0], p[1]), HANDLE("parts", JACOBIAN), NEW_AS("stack", jacobian))                              \
    X(ntk_jacobian_adjoint_error, , ntk_jacobian_adjoint_error(ctx, p[0], 1, p[1]), HANDLE("jacobian", JACOBIAN), RESULT("error"))            \
    X(ntk_jacobian_apply, , ntk_jacobian_apply(ctx, p[0], p[1], p[2]), HANDLE("jacobian", JACOBIAN), IN("v", ALL, P), OUT("out", ALL, ROWS))  \
    X(ntk_jacobian_apply_transposed, , ntk_jacobian_apply_transposed(ctx, p[0], p[1], p[2]), HANDLE("jacobian", JACOBIAN),                    \
      IN("u", ALL, ROWS), OUT("out", ALL, P))                                                                                                 \
    X(ntk_jacobian_get_rows, , ntk_jacobian_get_rows(ctx, p[0], 1, p[1]), HANDLE("jacobian", JACOBIAN), OUT("out", AXIS(1), 4, P))            \
    X(ntk_kernel_from_network, , ntk_kernel_from_network(ctx, p[0], p[1], p[2]), HANDLE("network", NETWORK),                                  \
      OPTIONS("options", kernel_options), NEW(kernel))                                                                                        \
    X(ntk_kernel_empirical, , ntk_kernel_empirical(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("network", NETWORK), IN("theta", ALL, P),       \
      MAYBE_HANDLE("optimizer", OPTIMIZER), OPTIONS("options", kernel_options), NEW(kernel))                                                  \
    X(ntk_kernel_monte_carlo, , ntk_kernel_monte_carlo(ctx, p[0], p[1], p[2]), HANDLE("network", NETWORK),                                    \
      OPTIONS("options", monte_carlo_options), NEW(kernel))                                                                                   \
    X(ntk_kernel_sum, , ntk_kernel_sum(ctx, p[0] ? (const ntk_kernel *const[]){p[0]} : NULL, NULL, 1, p[1]), HANDLE("kernels", KERNEL), NEW_AS("sum", kernel)) \
    X(ntk_kernel_normalise, , ntk_kernel_normalise(ctx, p[0], p[1]), HANDLE("kernel", KERNEL), NEW_AS("normalised", kernel))                   \
    X(ntk_kernel_from_callback, , ntk_kernel_from_callback(ctx, p[0] ? linear_kernel : NULL, p[1], NTK_KIND_NTK, p[2]),                       \
      POINTER("function", &calls_back), MAYBE_POINTER("user", text), NEW(kernel))                                                             \
    X(ntk_kernel_eval, , ntk_kernel_eval(ctx, p[0], p[1], p[2], &(ntk_request){NTK_REQUEST_INIT, .ntk = p[3], .nngp = p[4], .layers = p[5]}), \
      HANDLE("kernel", KERNEL), IN("x1", AXIS(1), N, D), MAYBE_IN("x2", AXIS(1), N, D), MAYBE_OUT("ntk", ALL, N, N),                          \
      MAYBE_OUT("nngp", ALL, N, N), MAYBE_OUT("layers", ALL, 2, N, N))                                                                        \
    X(ntk_kernel_eval, _request, ntk_kernel_eval(ctx, p[0], p[1], NULL, p[2]), HANDLE("kernel", KERNEL), IN("x1", AXIS(1), N, D),             \
      OPTIONS("request", request))                                                                                                            \
    X(ntk_kernel_eval, _empirical, ntk_kernel_eval(ctx, p[0], p[1], p[2], &(ntk_request){NTK_REQUEST_INIT, .ntk = p[3], .nngp = p[4]}),       \
      HANDLE("kernel", EMPIRICAL), IN("x1", AXIS(1), N, D), MAYBE_IN("x2", AXIS(1), N, D), MAYBE_OUT("ntk", ALL, N, N),                       \
      MAYBE_OUT("nngp", ALL, N, N))                                                                                                           \
    X(ntk_kernel_diagonal, , ntk_kernel_diagonal(ctx, p[0], p[1], &(ntk_request){NTK_REQUEST_INIT, .ntk = p[2], .nngp = p[3], .layers = p[4]}), \
      HANDLE("kernel", KERNEL), IN("x", AXIS(1), N, D), MAYBE_OUT("ntk", ALL, N), MAYBE_OUT("nngp", ALL, N), MAYBE_OUT("layers", ALL, 2, N))  \
    X(ntk_kernel_diagonal, _request, ntk_kernel_diagonal(ctx, p[0], p[1], p[2]), HANDLE("kernel", KERNEL), IN("x", AXIS(1), N, D),            \
      OPTIONS("request", request))                                                                                                            \
    X(ntk_kernel_estimate, , ntk_kernel_estimate(ctx, p[0], p[1], p[2]), HANDLE("kernel", KERNEL), NEEDED_OPTIONS("job", job), RESULT("estimate"))        \
    X(ntk_gram_create, , ntk_gram_create(ctx, p[0], p[1], p[2], p[3]), HANDLE("kernel", KERNEL), IN("x", AXIS(1), N, D),                      \
      OPTIONS("options", gram_options), NEW(gram))                                                                                            \
    X(ntk_gram_from_matrix, , ntk_gram_from_matrix(ctx, p[0], p[1]), IN_AS("k", FILL_SPD, ALL, N, N), NEW(gram))                              \
    X(ntk_gram_from_matrices, , ntk_gram_from_matrices(ctx, p[0], p[1], p[2]), MAYBE_IN_AS("ntk", FILL_SPD, ALL, N, N),                       \
      MAYBE_IN_AS("nngp", FILL_SPD, ALL, N, N), NEW(gram))                                                                                    \
    X(ntk_gram_from_jacobian_by, , ntk_gram_from_jacobian_by(ctx, p[0], p[1], NTK_ALGORITHM_PRODUCTS, p[2]), HANDLE("jacobian", JACOBIAN),     \
      MAYBE_HANDLE("optimizer", OPTIMIZER), NEW(gram))                                                                                        \
    X(ntk_gram_from_jacobian, , ntk_gram_from_jacobian(ctx, p[0], p[1], p[2]), HANDLE("jacobian", JACOBIAN),                                  \
      MAYBE_HANDLE("optimizer", OPTIMIZER), NEW(gram))                                                                                        \
    X(ntk_gram_get_diagonal, , ntk_gram_get_diagonal(ctx, p[0], NTK_KIND_NNGP, p[1]), HANDLE("gram", GRAM), OUT("out", ALL, N))               \
    X(ntk_gram_get_block, , ntk_gram_get_block(ctx, p[0], NTK_KIND_NTK, 1, 2, p[1]), HANDLE("gram", GRAM), OUT("out", 0, 3, 2))               \
    X(ntk_gram_multiply, , ntk_gram_multiply(ctx, p[0], NTK_KIND_NTK, p[1], p[2]), HANDLE("gram", GRAM), IN("v", AXIS(0), N, 2),              \
      OUT("out", ALL, N, 2))                                                                                                                  \
    X(ntk_spectrum_create, , ntk_spectrum_create(ctx, p[0], p[1], p[2]), HANDLE("gram", GRAM), OPTIONS("options", spectrum_options),          \
      NEW(spectrum))                                                                                                                          \
    X(ntk_spectrum_from_jacobian, , ntk_spectrum_from_jacobian(ctx, p[0], p[1], p[2], p[3]), HANDLE("jacobian", JACOBIAN),                    \
      MAYBE_HANDLE("optimizer", OPTIMIZER), OPTIONS("options", spectrum_options), NEW(spectrum))                                              \
    X(ntk_spectrum_top, , ntk_spectrum_top(ctx, p[0], 3, p[1], p[2]), HANDLE("gram", GRAM), OPTIONS("options", top_options), NEW(spectrum))    \
    X(ntk_spectrum_top_of_jacobian, , ntk_spectrum_top_of_jacobian(ctx, p[0], p[1], 3, p[2], p[3]), HANDLE("jacobian", JACOBIAN),             \
      MAYBE_HANDLE("optimizer", OPTIMIZER), OPTIONS("options", top_options), NEW(spectrum))                                                   \
    X(ntk_spectrum_interpolation, , ntk_spectrum_interpolation(ctx, p[0], p[1], p[2], p[3], p[4], p[5]), HANDLE("spectrum", SPECTRUM),        \
      IN("y", AXIS(0), ROWS, 2), RESULT("interpolates"), MAYBE_RESULT("gap"), MAYBE_RESULT("unreachable"), MAYBE_OUT("rest", ALL, ROWS, 2))   \
    X(ntk_spectrum_natural_gradient, , ntk_spectrum_natural_gradient(ctx, p[0], p[1], 0.1, p[2]), HANDLE("spectrum", SPECTRUM),               \
      IN("e", ALL, ROWS), OUT("delta", ALL, P))                                                                                               \
    X(ntk_spectrum_get_null_vectors, , ntk_spectrum_get_null_vectors(ctx, p[0], NTK_SPACE_PARAMETERS, p[1]), HANDLE("spectrum", SPECTRUM),    \
      OUT("out", AXIS(0), P, 3))                                                                                                              \
    X(ntk_spectrum_project_null, , ntk_spectrum_project_null(ctx, p[0], p[1], p[2]), HANDLE("spectrum", SPECTRUM), IN("v", ALL, P),           \
      OUT("out", ALL, P))                                                                                                                     \
    X(ntk_fisher_trace, , ntk_fisher_trace(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("jacobian", JACOBIAN),                                  \
      MAYBE_HANDLE("optimizer", OPTIMIZER), OPTIONS("options", trace_options), RESULT("trace"), MAYBE_RESULT("error"))                        \
    X(ntk_spectrum_get_values, , ntk_spectrum_get_values(ctx, p[0], p[1]), HANDLE("spectrum", SPECTRUM), OUT("values", ALL, ROWS))            \
    X(ntk_spectrum_get_vectors, , ntk_spectrum_get_vectors(ctx, p[0], p[1]), HANDLE("spectrum", SPECTRUM), OUT("out", AXIS(0), ROWS, 3))      \
    X(ntk_spectrum_get_parameter_vectors, , ntk_spectrum_get_parameter_vectors(ctx, p[0], p[1]), HANDLE("spectrum", SPECTRUM),                \
      OUT("out", AXIS(0), P, 3))                                                                                                              \
    X(ntk_fisher_multiply, , ntk_fisher_multiply(ctx, p[0], p[1], p[2]), HANDLE("jacobian", JACOBIAN), IN("v", ALL, P), OUT("out", ALL, P))   \
    X(ntk_fisher_norm, , ntk_fisher_norm(ctx, p[0], p[1], p[2]), HANDLE("jacobian", JACOBIAN), IN("delta", ALL, P), RESULT("norm"))           \
    X(ntk_solver_create, , ntk_solver_create(ctx, p[0], p[1], p[2]), HANDLE("gram", GRAM), OPTIONS("options", solver_options), NEW(solver))   \
    X(ntk_solver_solve, , ntk_solver_solve(ctx, p[0], p[1], p[2]), HANDLE("solver", SOLVER), IN("b", AXIS(0), N, 2), OUT("x", ALL, N, 2))     \
    X(ntk_solver_log_determinant, , ntk_solver_log_determinant(ctx, p[0], p[1]), HANDLE("solver", SOLVER), RESULT("value"))                   \
    X(ntk_solver_backward_error, , ntk_solver_backward_error(ctx, p[0], p[1], p[2], p[3]), HANDLE("solver", SOLVER), IN("b", AXIS(0), N, 2),  \
      IN("x", ALL, N, 2), RESULT("error"))                                                                                                    \
    X(ntk_predictor_create, , ntk_predictor_create(ctx, p[0], p[1], p[2], p[3]), HANDLE("gram", GRAM), IN("y", AXIS(0), N, O),                \
      OPTIONS("options", predictor_options), NEW(predictor))                                                                                  \
    X(ntk_predictor_create, _start, ntk_predictor_create(ctx, p[0], p[1], &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .f0 = p[2]}, p[3]), \
      HANDLE("gram", GRAM), IN("y", AXIS(0), N, O), MAYBE_IN("options.f0", AXIS(0), N, O), NEW(predictor))                                    \
    X(ntk_predictor_estimate, , ntk_predictor_estimate(ctx, p[0], p[1], p[2]), MAYBE_HANDLE("kernel", KERNEL), NEEDED_OPTIONS("job", predictor_job), RESULT("estimate")) \
    X(ntk_predictor_mean, , ntk_predictor_mean(ctx, p[0], p[1], p[2]), HANDLE("predictor", PREDICTOR), IN("x", AXIS(1), M, D),                \
      OUT("mean", ALL, M, O))                                                                                                                 \
    X(ntk_predictor_covariance, , ntk_predictor_covariance(ctx, p[0], p[1], p[2]), HANDLE("predictor", PREDICTOR), IN("x", AXIS(1), M, D),    \
      OUT("covariance", ALL, M, M))                                                                                                           \
    X(ntk_predictor_at, , ntk_predictor_at(ctx, p[0], p[1], 2, p[2], p[3]), HANDLE("predictor", PREDICTOR), NEEDED_OPTIONS("test", test_set), \
      MAYBE_OUT("mean", ALL, M, O), MAYBE_OUT("covariance", ALL, M, M))                                                                       \
    X(ntk_predictor_at, _inputs, ntk_predictor_at(ctx, p[0], &(ntk_test_set){NTK_TEST_SET_INIT, .x = p[1], .f0 = p[2]}, 2, p[3], NULL),       \
      HANDLE("predictor", PREDICTOR), IN("x", AXIS(1), M, D), MAYBE_IN("f0", ALL, M, O), OUT("mean", ALL, M, O))                              \
    X(ntk_predictor_at, _blocks,                                                                                                              \
      ntk_predictor_at(ctx, p[0], &(ntk_test_set){NTK_TEST_SET_INIT, .ntk = p[1], .nngp = p[2], .nngp_test = p[3]}, 2, p[4], p[5]),           \
      HANDLE("predictor", PREDICTOR), IN("ntk", AXIS(1), M, N), IN("nngp", ALL, M, N), IN_AS("nngp_test", FILL_SPD, ALL, M, M),               \
      MAYBE_OUT("mean", ALL, M, O), MAYBE_OUT("covariance", ALL, M, M))                                                                             \
    X(ntk_predictor_create, _noise, ntk_predictor_create(ctx, p[0], p[1], &(ntk_predictor_options){NTK_PREDICTOR_OPTIONS_INIT, .noise = p[2]}, p[3]), \
      HANDLE("gram", GRAM), IN("y", AXIS(0), N, O), MAYBE_IN_AS("options.noise", FILL_POSITIVE, 0, N), NEW(predictor))                        \
    X(ntk_predictor_variance, , ntk_predictor_variance(ctx, p[0], p[1], 2, p[2]), HANDLE("predictor", PREDICTOR), NEEDED_OPTIONS("test", test_set), \
      OUT("variance", ALL, M))                                                                                                                \
    X(ntk_predictor_sample, , ntk_predictor_sample(ctx, p[0], p[1], 2, 7, p[2]), HANDLE("predictor", PREDICTOR), NEEDED_OPTIONS("test", test_set), \
      OUT("samples", ALL & ~1u, 2, M, O))                                                                                                     \
    X(ntk_predictor_leave_one_out, , ntk_predictor_leave_one_out(ctx, p[0], p[1], p[2], p[3]), HANDLE("predictor", PREDICTOR), IN("y", AXIS(0), N, O), \
      OUT("mean", ALL, N, O), MAYBE_OUT("variance", ALL, N))                                                                                  \
    X(ntk_classes_code, , ntk_classes_code(ctx, p[0], p[1]), POINTER("labels", &test_labels), OUT("y", AXIS(0), M, O))                        \
    X(ntk_classes_decide, , ntk_classes_decide(ctx, p[0], p[1]), IN("f", 0, M, O), POINTER("labels", &test_labels))                           \
    X(ntk_classes_temperature, , ntk_classes_temperature(ctx, p[0], p[1], p[2]), IN("f", 0, M, O), POINTER("labels", &test_labels),           \
      RESULT("temperature"))                                                                                                                  \
    X(ntk_classes_probabilities, , ntk_classes_probabilities(ctx, p[0], 0.5, p[1]), IN("f", 0, M, O), OUT("p", ALL, M, O))                    \
    X(ntk_classes_score, , ntk_classes_score(ctx, p[0], p[1], p[2], p[3]), IN("p", 0, M, O), POINTER("labels", &test_labels),                 \
      MAYBE_RESULT("accuracy"), MAYBE_RESULT("nll"))                                                                                          \
    X(ntk_dynamics_create, , ntk_dynamics_create(ctx, p[0], p[1], p[2], p[3]), HANDLE("gram", FLOW_GRAM), IN("y", ALL, N, O),                 \
      OPTIONS("options", dynamics_options), NEW(dynamics))                                                                                    \
    X(ntk_dynamics_create, _start, ntk_dynamics_create(ctx, p[0], p[1], &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .f0 = p[2]}, p[3]), \
      HANDLE("gram", FLOW_GRAM), IN("y", ALL, N, O), MAYBE_IN("options.f0", ALL, N, O), NEW(dynamics))                                        \
    X(ntk_dynamics_at, , ntk_dynamics_at(ctx, p[0], p[1], 3, p[2]), HANDLE("dynamics", DYNAMICS), POINTER("times", times),                    \
      OUT("f", ALL, 3, N, O))                                                                                                                 \
    X(ntk_dynamics_test_at, , ntk_dynamics_test_at(ctx, p[0], p[1], p[2], p[3], 3, p[4]), HANDLE("dynamics", DYNAMICS),                       \
      IN("k_test", AXIS(1), 4, ROWS), MAYBE_IN("f0", ALL, 4, 1), POINTER("times", times), OUT("f", ALL, 3, 4, 1))                             \
    X(ntk_dynamics_create, _decay, ntk_dynamics_create(ctx, p[0], p[1], &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .weight_decay = 0.1, .decay_to_zero = 1, .linear0 = p[2]}, p[3]), \
      HANDLE("gram", FLOW_GRAM), IN("y", ALL, N, O), IN("options.linear0", ALL, N, O), NEW(dynamics))                                 \
    X(ntk_dynamics_create, _zero, ntk_dynamics_create(ctx, p[0], p[1], &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .weight_decay = 0.1, .decay_to_zero = 1, .theta0 = p[2]}, p[3]), \
      HANDLE("gram", FLOW_GRAM), IN("y", ALL, N, O), IN("options.theta0", ALL, P), NEW(dynamics))                                             \
    X(ntk_dynamics_test_decayed_at, , ntk_dynamics_test_decayed_at(ctx, p[0], p[1], p[2], p[3], p[4], 3, p[5]), HANDLE("dynamics", DECAYING),   \
      IN("k_test", AXIS(1), 4, ROWS), MAYBE_IN("f0", ALL, 4, 1), IN("linear0", ALL, 4, 1), POINTER("times", times), OUT("f", ALL, 3, 4, 1))     \
    X(ntk_dynamics_parameters_at, , ntk_dynamics_parameters_at(ctx, p[0], p[1], 3, p[2]), HANDLE("dynamics", DYNAMICS),                       \
      POINTER("times", times), OUT("out", ALL, 3, P))                                                                                         \
    X(ntk_dynamics_loss_at, , ntk_dynamics_loss_at(ctx, p[0], p[1], 3, p[2]), HANDLE("dynamics", DYNAMICS), POINTER("times", times),          \
      OUT("out", ALL, 3))                                                                                                                     \
    X(ntk_dynamics_decay_at, , ntk_dynamics_decay_at(ctx, p[0], p[1], 3, p[2]), HANDLE("dynamics", DYNAMICS), POINTER("times", times),        \
      OUT("out", ALL, 3, ROWS))                                                                                                               \
    X(ntk_dynamics_bound_at, , ntk_dynamics_bound_at(ctx, p[0], p[1], 3, p[2]), HANDLE("dynamics", DYNAMICS), POINTER("times", times),        \
      OUT("out", ALL, 3))                                                                                                                     \
    X(ntk_dynamics_mode_times, , ntk_dynamics_mode_times(ctx, p[0], 1.5, p[1]), HANDLE("dynamics", DYNAMICS), OUT("out", ALL, ROWS))          \
    X(ntk_dynamics_time_to_loss, , ntk_dynamics_time_to_loss(ctx, p[0], 0.1, p[1]), HANDLE("dynamics", DYNAMICS), POINTER("time", flow_time))   \
    X(ntk_trainer_create, , ntk_trainer_create(ctx, p[0], p[1], p[2], p[3], p[4], p[5]), HANDLE("network", NETWORK), IN("theta", ALL, P),      \
      IN("x", AXIS(1), N, D), IN("y", ALL, N, O), OPTIONS("options", trainer_options), NEW(trainer))                                          \
    X(ntk_trainer_run, , ntk_trainer_run(ctx, p[0], 1), HANDLE("trainer", TRAINER))                                                           \
    X(ntk_trainer_resume, , ntk_trainer_resume(ctx, p[0], 3, p[1], p[2], p[3]), HANDLE("trainer", TRAINER), IN("theta", ALL, P),              \
      IN("first", ALL, P), IN_AS("second", FILL_POSITIVE, ALL, P))                                                                            \
    X(ntk_trainer_get_parameters, , ntk_trainer_get_parameters(ctx, p[0], p[1]), HANDLE("trainer", TRAINER), OUT("theta", ALL, P))            \
    X(ntk_trainer_get_moments, , ntk_trainer_get_moments(ctx, p[0], p[1], p[2]), HANDLE("trainer", TRAINER), MAYBE_OUT("first", ALL, P),      \
      MAYBE_OUT("second", ALL, P))                                                                                                            \
    X(ntk_trainer_get_outputs, , ntk_trainer_get_outputs(ctx, p[0], p[1]), HANDLE("trainer", TRAINER), OUT("f", ALL, N, O))                   \
    X(ntk_trainer_get_loss, , ntk_trainer_get_loss(ctx, p[0], p[1]), HANDLE("trainer", TRAINER), RESULT("loss"))                              \
    X(ntk_learning_create, , ntk_learning_create(ctx, p[0], p[1], p[2], p[3]), HANDLE("gram", FLOW_GRAM), IN("y", ALL, N, O),                 \
      OPTIONS("options", learning_options), NEW(learning))                                                                                    \
    X(ntk_learning_create, _start, ntk_learning_create(ctx, p[0], p[1], &(ntk_learning_options){NTK_LEARNING_OPTIONS_INIT, .f0 = p[2]}, p[3]), \
      HANDLE("gram", FLOW_GRAM), IN("y", ALL, N, O), MAYBE_IN("options.f0", ALL, N, O), NEW(learning))                                        \
    X(ntk_learning_weights_at, , ntk_learning_weights_at(ctx, p[0], NULL, p[1], 2, p[2]), HANDLE("learning", LEARNING),                       \
      POINTER("times", times), OUT("weights", ALL, 2, N, O))                                                                                  \
    X(ntk_learning_weights_at, _state, ntk_learning_weights_at(ctx, p[0], p[1], times + 1, 1, p[2]), HANDLE("learning", LEARNING),            \
      MAYBE_IN_AS("state", FILL_POSITIVE, ALL, 4 + ROWS), OUT("weights", ALL, 1, N, O))                                                       \
    X(ntk_learning_train, , ntk_learning_train(ctx, p[0], p[1], p[2]), HANDLE("learning", LEARNING), IN("weights", ALL & ~1u, 3, N, O),       \
      OUT("f", ALL, 3, N, O))                                                                                                                 \
    X(ntk_learning_test, , ntk_learning_test(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("learning", LEARNING), IN("k_test", AXIS(1), 4, ROWS), \
      MAYBE_IN("f0", ALL, 4, 1), IN("weights", ALL & ~1u, 3, N, O), OUT("f", ALL, 3, 4, 1))                                                   \
    X(ntk_learning_loss, , ntk_learning_loss(ctx, p[0], p[1], p[2]), HANDLE("learning", LEARNING), IN("weights", ALL & ~1u, 3, N, O),         \
      OUT("out", ALL, 3))                                                                                                                     \
    X(ntk_learning_parameters, , ntk_learning_parameters(ctx, p[0], p[1], p[2]), HANDLE("learning", LEARNING),                                \
      IN("weights", ALL & ~1u, 3, N, O), OUT("out", ALL, 3, P))                                                                               \
    X(ntk_tuner_create, , ntk_tuner_create(ctx, p[0], p[1], p[2], p[3], p[4]), HANDLE("network", NETWORK), IN("x", AXIS(1), N, D),             \
      IN("y", AXIS(0), N, 2), OPTIONS("options", tuner_options), NEW(tuner))                                                                  \
    X(ntk_tuner_get_name, , ntk_tuner_get_name(ctx, p[0], 0, p[1], sizeof parameter_name), HANDLE("tuner", TUNER), POINTER("text", parameter_name)) \
    X(ntk_tuner_get_values, , ntk_tuner_get_values(ctx, p[0], p[1]), HANDLE("tuner", TUNER), OUT("values", ALL, 7))                            \
    X(ntk_tuner_evaluate, , ntk_tuner_evaluate(ctx, p[0], p[1], p[2], p[3]), HANDLE("tuner", TUNER), IN_AS("values", FILL_POSITIVE, ALL, 7),  \
      RESULT("value"), MAYBE_OUT("gradient", ALL, 7))                                                                                         \
    X(ntk_tuner_network, , ntk_tuner_network(ctx, p[0], p[1], p[2]), HANDLE("tuner", TUNER), IN_AS("values", FILL_POSITIVE, ALL, 7), NEW(network)) \
    X(ntk_system_from_gram, , ntk_system_from_gram(ctx, p[0], NTK_KIND_NTK, p[1]), HANDLE("gram", GRAM), NEW(system))                         \
    X(ntk_system_from_matrices, , ntk_system_from_matrices(ctx, p[0], p[1], p[2], p[3]), IN_AS("a", FILL_SPD, ALL, N, N),                     \
      MAYBE_IN("b", AXIS(0), N, 2), MAYBE_IN("c", AXIS(1), 2, N), NEW(system))                                                                \
    X(ntk_system_from_jacobian, , ntk_system_from_jacobian(ctx, p[0], p[1], 0.1, p[2]), HANDLE("jacobian", JACOBIAN),                         \
      MAYBE_HANDLE("optimizer", OPTIMIZER), NEW(system))                                                                                      \
    X(ntk_system_gramian, , ntk_system_gramian(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, 2, p[1]), HANDLE("system", SYSTEM), OUT("w", ALL, N, N)) \
    X(ntk_system_get_matrices, , ntk_system_get_matrices(ctx, p[0], p[1], p[2], p[3]), HANDLE("system", SYSTEM), MAYBE_OUT("a", ALL, N, N),   \
      MAYBE_OUT("b", ALL, N, N), MAYBE_OUT("c", ALL, N, N))                                                                                   \
    X(ntk_system_discrete_gramian, , ntk_system_discrete_gramian(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, 1e-3, p[1]), HANDLE("system", SYSTEM), \
      OUT("w", ALL, N, N))                                                                                                                    \
    X(ntk_system_hankel, , ntk_system_hankel(ctx, p[0], p[1]), HANDLE("system", SYSTEM), OUT("values", ALL, N))                               \
    X(ntk_system_reduce, , ntk_system_reduce(ctx, p[0], 2, p[1], p[2]), HANDLE("system", SYSTEM), MAYBE_RESULT("bound"), NEW_AS("reduced", system))         \
    X(ntk_system_gramian_factor, , ntk_system_gramian_factor(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, 2, p[1]), HANDLE("system", OF_PARAMETERS), \
      OUT("f", ALL, P, ROWS))                                                                                                                 \
    X(ntk_system_discrete_residual, , ntk_system_discrete_residual(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, 1e-3, p[1], p[2]),                   \
      HANDLE("system", SYSTEM), IN_AS("w", FILL_SPD, ALL, N, N), RESULT("residual"))                                                          \
    X(ntk_system_with_ports, , ntk_system_with_ports(ctx, p[0], p[1], p[2], p[3]), HANDLE("system", SYSTEM), MAYBE_IN("b", AXIS(0), N, 2),    \
      MAYBE_IN("c", AXIS(1), 2, N), NEW_AS("made", system))                                                                                   \
    X(ntk_system_lyapunov, , ntk_system_lyapunov(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, p[1], p[2]), HANDLE("system", SYSTEM),                 \
      IN_AS("q", FILL_SPD, ALL, N, N), OUT("x", ALL, N, N))                                                                                   \
    X(ntk_system_resting_modes, , ntk_system_resting_modes(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, p[1]), HANDLE("system", SYSTEM), RESULT("count")) \
    X(ntk_system_response, , ntk_system_response(ctx, p[0], p[1], p[2], 2, p[3]), HANDLE("system", SYSTEM), IN("x0", ALL, N),                 \
      POINTER("times", times), OUT("z", ALL, 2, N))                                                                                           \
    X(ntk_system_reconstruct, , ntk_system_reconstruct(ctx, p[0], p[1], 2, p[2], p[3], p[4], p[5], p[6]), HANDLE("system", SYSTEM),           \
      POINTER("times", times), IN("z", ALL, 2, N), OPTIONS("options", reconstruct_options), OUT("x0", ALL, N), MAYBE_OUT("covariance", ALL, N, N), \
      MAYBE_RESULT("rank"))                                                                                                                   \
    X(ntk_system_directions, , ntk_system_directions(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, 2, p[1], p[2], p[3]), HANDLE("system", SYSTEM),    \
      MAYBE_OUT("vectors", ALL, N, N), OUT("energies", ALL, N), MAYBE_OUT("shares", ALL, N))                                                  \
    X(ntk_system_minimum_energy, , ntk_system_minimum_energy(ctx, p[0], 2, p[1], p[2], p[3]), HANDLE("system", SYSTEM), IN("x", ALL, N),      \
      RESULT("energy"), MAYBE_OUT("costate", ALL, N))                                                                                         \
    X(ntk_system_get_eigenvalues, , ntk_system_get_eigenvalues(ctx, p[0], p[1]), HANDLE("system", SYSTEM), OUT("values", ALL, N, 2))          \
    X(ntk_system_dominant_mode, , ntk_system_dominant_mode(ctx, p[0], p[1], p[2], p[3]), HANDLE("system", SYSTEM), MAYBE_RESULT("real"),      \
      MAYBE_RESULT("imaginary"), MAYBE_OUT("mode", ALL, N, 2))                                                                                \
    X(ntk_system_settling_time, , ntk_system_settling_time(ctx, p[0], 0.1, p[1], p[2]), HANDLE("system", SYSTEM), RESULT("time"), MAYBE_RESULT("certain")) \
    X(ntk_system_residual, , ntk_system_residual(ctx, p[0], NTK_GRAMIAN_OBSERVABILITY, p[1], p[2]), HANDLE("system", SYSTEM),                 \
      IN_AS("w", FILL_SPD, ALL, N, N), RESULT("residual"))                                                                                    \
    X(ntk_spectrum_log_evidence, , ntk_spectrum_log_evidence(ctx, p[0], p[1], 0.5, p[2]), HANDLE("spectrum", SPECTRUM),                       \
      IN("y", AXIS(0), ROWS, 2), RESULT("value"))                                                                                             \
    X(ntk_spectrum_leave_one_out, , ntk_spectrum_leave_one_out(ctx, p[0], p[1], 0.5, p[2], p[3]), HANDLE("spectrum", SPECTRUM),               \
      IN("y", AXIS(0), ROWS, 2), OUT("mean", ALL, ROWS, 2), MAYBE_OUT("variance", ALL, ROWS))                                                 \
    X(ntk_design_measure, , ntk_design_measure(ctx, p[0], p[1], p[2], p[3]), HANDLE("spectrum", SPECTRUM), IN("y", AXIS(0), ROWS, 2),         \
      OPTIONS("options", design_options), OUT("values", 0, 5))                                                                                \
    X(ntk_relu_two_layer_ntk, , ntk_relu_two_layer_ntk(ctx, 3, p[0], p[1], 1, 1, p[2]), POINTER("x1", vector), POINTER("x2", vector),         \
      RESULT("theta"))

/* Not in the table: one has no context to begin with, the other answers with the status of another call. */
static const char *const apart[] = {"ntk_context_create", "ntk_context_error"};

#define CALLER(function, variant, expression, ...) \
    static ntk_status call_##function##variant(ntk_context *ctx, void *const *p) { return expression; }
TABLE(CALLER)

#define ROW(function, variant, expression, ...) {#function #variant, call_##function##variant, {__VA_ARGS__}},
static const row rows[] = {TABLE(ROW)};

/* ---- arguments that are right ------------------------------------------------------------------------------------ */

typedef struct call {
    const row *row;
    int count;
    void *p[ARGUMENTS];
    ntk_array array[ARGUMENTS];
    double *memory[ARGUMENTS];
} call;

static int failures;

/* Notes what went wrong and goes on, so that one run shows all. */
static void complain(const call *c, int i, const char *what, ntk_status status)
{
    ++failures;
    print_error("%s(%s): %s: %s (%s)\n", c->row->name, i >= 0 ? c->row->arguments[i].name : "", what, ntk_status_name(status),
                ntk_context_error_message(ctx_of_test));
}

static void fill_array(fill kind, uint64_t seed, int64_t n, int64_t columns, double *values)
{
    kit_random(seed, CAPACITY, values);
    if (kind == FILL_POSITIVE)
        for (int i = 0; i < CAPACITY; ++i) values[i] = values[i] * values[i] + 0.25;
    if (kind == FILL_SPD && n == columns) kit_random_spd(seed, n, values);
}

static bool is_array(const argument *a)
{
    return a->role == ROLE_IN || a->role == ROLE_OUT;
}

static void open_argument(call *c, int i)
{
    const argument *a = &c->row->arguments[i];
    c->p[i] = c->memory[i];
    if (a->role == ROLE_HANDLE) c->p[i] = handles[a->handle];
    if (a->role == ROLE_POINTER || a->role == ROLE_OPTIONS) c->p[i] = a->pointer;
    if (!is_array(a)) return;
    fill_array(a->fill, (uint64_t)i + 10, a->shape[0], a->shape[1], c->memory[i]);
    c->array[i] = ntk_array_dense(c->memory[i], NTK_F64, a->ndim, a->shape);
    c->p[i] = &c->array[i];
}

static void call_open(call *c, const row *r)
{
    *c = (call){.row = r};
    while (r->arguments[c->count].role != ROLE_END) ++c->count;
    for (int i = 0; i < c->count; ++i) {
        c->memory[i] = calloc(CAPACITY, sizeof(double));
        assert_non_null(c->memory[i]);
        open_argument(c, i);
    }
}

static void call_close(call *c)
{
    for (int i = 0; i < c->count; ++i) free(c->memory[i]);
}

static void *new_handle(const call *c, int i)
{
    void *handle;
    memcpy(&handle, c->memory[i], sizeof handle);
    return handle;
}

/* Runs the call with new handles poisoned before: after a failure they are NULL, after a success they are destroyed. */
static ntk_status run_with(call *c, ntk_context *ctx)
{
    ntk_status status;
    for (int i = 0; i < c->count; ++i)
        if (c->row->arguments[i].role == ROLE_NEW) memset(c->memory[i], 0x5a, sizeof(void *));
    status = c->row->call(ctx, c->p);
    for (int i = 0; i < c->count; ++i) {
        const argument *a = &c->row->arguments[i];
        if (a->role != ROLE_NEW || !c->p[i]) continue;
        if ((new_handle(c, i) != NULL) != (status == NTK_OK)) complain(c, i, "handle and status do not agree", status);
        else a->destroy(new_handle(c, i));
    }
    return status;
}

static ntk_status run(call *c)
{
    return run_with(c, ctx_of_test);
}

/* ---- what a sentence must hold ----------------------------------------------------------------------------------- */

static bool is_word_part(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool says(const char *sentence, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(sentence, name); at; at = strstr(at + 1, name))
        if ((at == sentence || !is_word_part(at[-1])) && !is_word_part(at[length])) return true;
    return false;
}

/* The call fails with the status and a sentence with the argument's name and the words (NULL: none). */
static void expect(call *c, int i, ntk_status wanted, const char *words, const char *what)
{
    ntk_status got = run(c);
    const char *sentence = ntk_context_error_message(ctx_of_test);
    if (got != wanted) complain(c, i, what, got);
    else if (!says(sentence, c->row->arguments[i].name)) complain(c, i, "the sentence does not name the argument", got);
    else if (words && !strstr(sentence, words)) complain(c, i, words, got);
}

/* test(c, i, a) for every argument with an array of the role, in a call that is right otherwise. */
typedef void (*argument_test)(call *c, int i, const argument *a);

static void for_each_argument(argument_test test)
{
    failures = 0;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r)
        for (int i = 0; rows[r].arguments[i].role != ROLE_END; ++i) {
            call c;
            call_open(&c, &rows[r]);
            test(&c, i, &rows[r].arguments[i]);
            call_close(&c);
        }
    assert_int_equal(failures, 0);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void right_call(call *c, int i, const argument *a)
{
    ntk_status status = i == 0 ? run(c) : NTK_OK;
    (void)a;
    if (status != NTK_OK) complain(c, -1, "a right call fails", status);
}

static void test_right_calls(void **state)
{
    (void)state;
    for_each_argument(right_call);
}

static void null_context(call *c, int i, const argument *a)
{
    ntk_status status = i == 0 ? run_with(c, NULL) : NTK_ERROR_NULL;
    (void)a;
    if (status != NTK_ERROR_NULL) complain(c, -1, "ctx NULL", status);
}

static void test_null_context(void **state)
{
    (void)state;
    for_each_argument(null_context);
}

static void null_argument(call *c, int i, const argument *a)
{
    ntk_status status;
    c->p[i] = NULL;
    if (!a->optional) {
        expect(c, i, NTK_ERROR_NULL, NULL, "NULL");
        return;
    }
    status = run(c);
    if (status != NTK_OK) complain(c, i, "NULL for an optional argument fails", status);
}

static void test_null_arguments(void **state)
{
    (void)state;
    for_each_argument(null_argument);
}

static void null_data(call *c, int i, const argument *a)
{
    if (!is_array(a)) return;
    c->array[i].data = NULL;
    expect(c, i, NTK_ERROR_NULL, NULL, "data NULL");
}

static void test_null_data(void **state)
{
    (void)state;
    for_each_argument(null_data);
}

/* "[4, 3]" */
static void shape_text(const ntk_array *a, char out[64])
{
    int at = snprintf(out, 64, "[");
    for (int i = 0; i < a->ndim; ++i) at += snprintf(out + at, 64 - (size_t)at, "%s%lld", i ? ", " : "", (long long)a->shape[i]);
    snprintf(out + at, 64 - (size_t)at, "]");
}

/* Both the shape that is and, behind it, the one that should be. */
static void expect_shapes(call *c, int i, const char *what)
{
    char is[64];
    const char *at;
    shape_text(&c->array[i], is);
    expect(c, i, NTK_ERROR_SHAPE, is, what);
    at = strstr(ntk_context_error_message(ctx_of_test), is);
    if (at && !strstr(at + strlen(is), "[") && !strstr(at, "square")) complain(c, i, "the sentence lacks the shape that is expected", NTK_OK);
}

static void wrong_ndim(call *c, int i, const argument *a)
{
    if (!is_array(a)) return;
    c->array[i].ndim = a->ndim + 1; /* the axes beyond have extent and stride 1 */
    expect_shapes(c, i, "too many axes");
    c->array[i].ndim = 0;
    expect_shapes(c, i, "no axes");
    c->array[i].ndim = NTK_MAX_NDIM + 1;
    expect(c, i, NTK_ERROR_SHAPE, NULL, "seven axes");
    c->array[i].ndim = -1;
    expect(c, i, NTK_ERROR_SHAPE, NULL, "-1 axes");
}

static void wrong_extents(call *c, int i, const argument *a)
{
    if (!is_array(a)) return;
    for (int axis = 0; axis < a->ndim; ++axis) {
        c->array[i] = ntk_array_dense(c->memory[i], NTK_F64, a->ndim, a->shape);
        c->array[i].shape[axis] = -1;
        expect(c, i, NTK_ERROR_SHAPE, "-1", "a negative extent");
        if (!(a->fixed & AXIS(axis))) continue;
        c->array[i].shape[axis] = a->shape[axis] + 1;
        expect_shapes(c, i, "an extent too large");
        c->array[i].shape[axis] = a->shape[axis] - 1;
        expect_shapes(c, i, "an extent too small");
    }
}

static void huge_extent(call *c, int i, const argument *a)
{
    if (!is_array(a)) return;
    c->array[i].shape[0] = INT64_MAX / 2;
    expect(c, i, NTK_ERROR_OVERFLOW, NULL, "more elements than the address space");
}

static void test_shapes(void **state)
{
    (void)state;
    for_each_argument(wrong_ndim);
    for_each_argument(wrong_extents);
    for_each_argument(huge_extent);
}

static void wrong_dtype(call *c, int i, const argument *a)
{
    if (!is_array(a)) return;
    c->array[i].dtype = NTK_I64;
    expect(c, i, NTK_ERROR_DTYPE, "i64", "i64");
    c->array[i].dtype = NTK_U8;
    expect(c, i, NTK_ERROR_DTYPE, "u8", "u8");
    c->array[i].dtype = (ntk_dtype)77;
    expect(c, i, NTK_ERROR_DTYPE, "77", "an unknown dtype");
}

static void test_dtypes(void **state)
{
    (void)state;
    for_each_argument(wrong_dtype);
}

/* The index of the last element. */
static void last_index(const ntk_array *a, char out[64])
{
    ntk_array last = *a;
    for (int i = 0; i < a->ndim; ++i) --last.shape[i];
    shape_text(&last, out);
}

static void not_finite(call *c, int i, const argument *a)
{
    const double bad[] = {NAN, INFINITY, -INFINITY};
    char words[64];
    int64_t size = 1;
    if (a->role != ROLE_IN) return;
    last_index(&c->array[i], words);
    for (int axis = 0; axis < a->ndim; ++axis) size *= a->shape[axis];
    for (size_t k = 0; k < sizeof bad / sizeof *bad; ++k) {
        c->memory[i][size - 1] = bad[k];
        expect(c, i, NTK_ERROR_NOT_FINITE, words, "not finite");
    }
}

static void test_not_finite(void **state)
{
    (void)state;
    for_each_argument(not_finite);
}

static void zero_stride(call *c, int i, const argument *a)
{
    if (a->role != ROLE_OUT) return;
    for (int axis = 0; axis < a->ndim; ++axis) {
        if (a->shape[axis] == 1) continue;
        c->array[i] = ntk_array_dense(c->memory[i], NTK_F64, a->ndim, a->shape);
        c->array[i].strides[axis] = 0;
        expect(c, i, NTK_ERROR_ARGUMENT, "stride", "an output with stride 0");
    }
}

static void test_zero_strides(void **state)
{
    (void)state;
    for_each_argument(zero_stride);
}

/* A struct of the caller's: `size` bytes, and the rest of the buffer as a newer version of the library would have it. */
static void damage_options(call *c, int i, const argument *a)
{
    static const size_t wrong[] = {0, 1, sizeof(size_t) - 1, sizeof(size_t) + 1, (size_t)1 << 40, SIZE_MAX};
    char *bytes = (char *)c->memory[i];
    size_t longer = a->size + 24;
    if (a->role != ROLE_OPTIONS) return;
    memcpy(bytes, a->pointer, a->size);
    c->p[i] = bytes;
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; ++k) {
        memcpy(bytes, &wrong[k], sizeof(size_t));
        expect(c, i, NTK_ERROR_OPTIONS, "struct_size", "a wrong struct_size");
    }
    memcpy(bytes, &longer, sizeof(size_t));
    if (run(c) != NTK_OK) complain(c, i, "a newer struct with zeros behind", NTK_ERROR_OPTIONS);
    bytes[longer - 1] = 1;
    expect(c, i, NTK_ERROR_OPTIONS, "byte", "a newer struct with a field set");
    if (!a->optional) return;
    memset(bytes, 0xff, longer); /* what lies behind an older struct is no part of it */
    memcpy(bytes, &(size_t){sizeof(size_t)}, sizeof(size_t));
    if (run(c) != NTK_OK) complain(c, i, "an older struct that ends with struct_size", NTK_ERROR_OPTIONS);
}

static void test_options(void **state)
{
    (void)state;
    for_each_argument(damage_options);
}

/* ---- any layout of memory ------------------------------------------------------------------------------------------ */

/* The same elements, axis 0 fastest and backwards, every second number of memory.  Returns memory to free. */
static double *scatter(const ntk_array *from, ntk_array *to)
{
    int64_t step = 2, size = 1;
    double *memory;
    *to = *from;
    for (int i = 0; i < from->ndim; ++i) size *= from->shape[i];
    memory = calloc((size_t)(2 * size), sizeof *memory);
    assert_non_null(memory);
    for (int i = 0; i < from->ndim; ++i) {
        to->strides[i] = i == 0 ? -step : step;
        step *= from->shape[i];
    }
    to->data = memory + 2 * (from->ndim > 0 ? from->shape[0] - 1 : 0);
    return memory;
}

static double *element(const ntk_array *a, int64_t flat)
{
    double *at = a->data;
    for (int i = a->ndim - 1; i >= 0; --i) {
        at += flat % a->shape[i] * a->strides[i];
        flat /= a->shape[i];
    }
    return at;
}

static void copy_elements(const ntk_array *from, const ntk_array *to)
{
    int64_t size = 1;
    for (int i = 0; i < from->ndim; ++i) size *= from->shape[i];
    for (int64_t k = 0; k < size; ++k) *element(to, k) = *element(from, k);
}

/* Products may be summed in another order when memory lies otherwise: a few rounding errors of small sums. */
static void compare_elements(const call *c, int i, const ntk_array *wanted, const ntk_array *got)
{
    double scale = 0;
    int64_t size = 1;
    for (int k = 0; k < wanted->ndim; ++k) size *= wanted->shape[k];
    for (int64_t k = 0; k < size; ++k) scale = fmax(scale, fabs(*element(wanted, k)));
    for (int64_t k = 0; k < size; ++k)
        if (!(fabs(*element(wanted, k) - *element(got, k)) <= 1e-13 * scale)) {
            complain(c, i, "a strided output differs", NTK_OK);
            return;
        }
}

/* What goes in and out, with the numbers that it held before the call. */
static void as_it_began(const argument *a, int i, ntk_array *other)
{
    double first[CAPACITY];
    ntk_array dense_first = ntk_array_dense(first, NTK_F64, a->ndim, a->shape);
    fill_array(a->fill, (uint64_t)i + 10, a->shape[0], a->shape[1], first);
    copy_elements(&dense_first, other);
}

static void in_other_layout(call *c, int i, const argument *a)
{
    ntk_array other[ARGUMENTS];
    double *memory[ARGUMENTS] = {NULL};
    if (i > 0 || run(c) != NTK_OK) return; /* the outputs are in place, dense */
    (void)a;
    for (int k = 0; k < c->count; ++k) {
        if (!is_array(&c->row->arguments[k])) continue;
        memory[k] = scatter(&c->array[k], &other[k]);
        if (c->row->arguments[k].role == ROLE_IN) copy_elements(&c->array[k], &other[k]);
        else as_it_began(&c->row->arguments[k], k, &other[k]);
        c->p[k] = &other[k];
    }
    if (run(c) != NTK_OK) complain(c, -1, "a call with strided arrays fails", ntk_context_error(ctx_of_test));
    for (int k = 0; k < c->count; ++k) {
        if (memory[k]) compare_elements(c, k, &c->array[k], &other[k]);
        free(memory[k]);
    }
}

static void test_layouts(void **state)
{
    (void)state;
    for_each_argument(in_other_layout);
}

/* Between the elements of a strided output nothing is written. */
static void keeps_gaps(call *c, int i, const argument *a)
{
    ntk_array other;
    double *memory;
    int64_t size = 1;
    if (a->role != ROLE_OUT) return;
    for (int k = 0; k < a->ndim; ++k) size *= a->shape[k];
    memory = scatter(&c->array[i], &other);
    for (int64_t k = 0; k < size; ++k) memory[2 * k + 1] = 77;
    c->p[i] = &other;
    if (run(c) != NTK_OK) complain(c, i, "a strided output fails", ntk_context_error(ctx_of_test));
    for (int64_t k = 0; k < size; ++k)
        if (memory[2 * k + 1] != 77) {
            complain(c, i, "a gap was written", NTK_OK);
            break;
        }
    free(memory);
}

static void test_gaps(void **state)
{
    (void)state;
    for_each_argument(keeps_gaps);
}

/* ---- every allocation of every row fails in turn --------------------------------------------------------------------- */

static world_allocator sweep_memory; /* the builder keeps blocks of it */

/* On success a builder may hold more than before; on failure nobody does (a builder's room may have moved to this allocator). */
static void sweep_row(call *c)
{
    ntk_context *ctx = world_context(&sweep_memory, 1);
    ntk_status status = NTK_ERROR_MEMORY;
    for (long long n = 0; status == NTK_ERROR_MEMORY; ++n) {
        long long before = sweep_memory.blocks;
        sweep_memory.remaining = n;
        status = run_with(c, ctx);
        sweep_memory.remaining = -1;
        if (status != NTK_OK && sweep_memory.blocks != before && c->row->arguments[0].handle != BUILDER) complain(c, -1, "blocks are left when memory runs out", status);
        if (status != NTK_OK && ntk_context_error(ctx) != status) complain(c, -1, "memory runs out, and the context does not know", status);
    }
    if (status != NTK_OK) complain(c, -1, "memory runs out, but the status is another", status);
    ntk_context_destroy(ctx);
}

/* Dense arrays first, then scattered ones, which are copied on the way in and out. */
static void sweep_call(call *c, int i, const argument *a)
{
    ntk_array other[ARGUMENTS];
    double *memory[ARGUMENTS] = {NULL};
    if (i > 0) return;
    (void)a;
    sweep_row(c);
    for (int k = 0; k < c->count; ++k) {
        if (!is_array(&c->row->arguments[k])) continue;
        memory[k] = scatter(&c->array[k], &other[k]);
        copy_elements(&c->array[k], &other[k]);
        c->p[k] = &other[k];
    }
    sweep_row(c);
    for (int k = 0; k < c->count; ++k) free(memory[k]);
}

static void test_allocations(void **state)
{
    (void)state;
    for_each_argument(sweep_call);
}

/* ---- no function without a row ------------------------------------------------------------------------------------- */

static char *read_header(void)
{
    const char *path = getenv("NTK_HEADER");
    FILE *file = path ? fopen(path, "rb") : NULL;
    char *content = calloc(1, 1 << 20);
    if (!file || !content) fail_msg("NTK_HEADER names no file that can be read: %s", path ? path : "it is not set");
    if (fread(content, 1, (1 << 20) - 1, file) == 0) fail_msg("%s is empty", path);
    fclose(file);
    return content;
}

static bool in_table(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof apart / sizeof *apart; ++i)
        if (strlen(apart[i]) == length && memcmp(apart[i], name, length) == 0) return true;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r)
        if (strlen(rows[r].name) == length && memcmp(rows[r].name, name, length) == 0) return true;
    return false;
}

static void test_header(void **state)
{
    static const char declaration[] = "NTK_API ntk_status ";
    char *header = read_header();
    int found = 0, missing = 0;
    (void)state;
    for (const char *at = strstr(header, declaration); at; at = strstr(at, declaration)) {
        size_t length = 0;
        at += strlen(declaration);
        while (is_word_part(at[length])) ++length;
        ++found;
        if (in_table(at, length)) continue;
        ++missing;
        print_error("%.*s has no row in the table\n", (int)length, at);
    }
    free(header);
    assert_int_equal(missing, 0);
    assert_true(found > 50);
}

/* ---- the context ------------------------------------------------------------------------------------------------------ */

static void test_context(void **state)
{
    ntk_context *c = NULL;
    struct {
        ntk_context_options known;
        char newer[16];
    } options = {{NTK_CONTEXT_OPTIONS_INIT, .threads = 1}, {0}};
    (void)state;
    assert_int_equal(ntk_context_create(NULL, NULL), NTK_ERROR_NULL);
    assert_int_equal(ntk_context_create(&(ntk_context_options){0, .threads = 1}, &c), NTK_ERROR_OPTIONS);
    assert_null(c);
    assert_int_equal(ntk_context_create(&(ntk_context_options){NTK_CONTEXT_OPTIONS_INIT, .threads = -1}, &c), NTK_ERROR_ARGUMENT);
    options.known.struct_size = sizeof options;
    assert_int_equal(ntk_context_create(&options.known, &c), NTK_OK);
    ntk_context_destroy(c);
    options.newer[3] = 1;
    assert_int_equal(ntk_context_create(&options.known, &c), NTK_ERROR_OPTIONS);
    assert_null(c);
}

/* The error of a context is that of the last call that failed; a success leaves it. */
static void test_last_error(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *net = NULL;
    assert_int_equal(ntk_context_error(ctx), NTK_OK);
    assert_string_equal(ntk_context_error_message(ctx), "");
    kit_fails(ctx, ntk_network_parse(ctx, NULL, &net), NTK_ERROR_NULL, "json");
    ntk_network_destroy(kit_network(ctx, world_json));
    assert_int_equal(ntk_context_error(ctx), NTK_ERROR_NULL);
    kit_fails(ctx, ntk_network_parse(ctx, "{", &net), NTK_ERROR_SYNTAX, "line");
    assert_null(net);
}

/* ---- the world ------------------------------------------------------------------------------------------------------ */

static void make_trainer(void)
{
    ntk_array theta = world_theta(&w), x = world_x(&w), y = world_y(&w);
    ntk_trainer_options adam = {NTK_TRAINER_OPTIONS_INIT, .descent = NTK_DESCENT_ADAM, .learning_rate = 1e-3};
    kit_ok(ctx_of_test, ntk_trainer_create(ctx_of_test, w.network, &theta, &x, &y, &adam, &trainer));
}

static void list_handles(void)
{
    ntk_array x = world_x(&w), y = world_y(&w), theta = world_theta(&w);
    ntk_dynamics_options to_zero = {NTK_DYNAMICS_OPTIONS_INIT, .weight_decay = 0.1, .decay_to_zero = 1, .theta0 = &theta};
    handles[NETWORK] = w.network;
    handles[OPTIMIZER] = w.optimizer;
    handles[JACOBIAN] = w.jacobian;
    handles[KERNEL] = w.kernel;
    handles[EMPIRICAL] = w.empirical;
    handles[GRAM] = w.gram;
    handles[FLOW_GRAM] = w.flow_gram;
    handles[SPECTRUM] = w.spectrum;
    handles[SOLVER] = w.solver;
    handles[PREDICTOR] = w.predictor;
    handles[DYNAMICS] = w.dynamics;
    handles[SYSTEM] = w.system;
    kit_ok(ctx_of_test, ntk_system_from_jacobian(ctx_of_test, w.jacobian, NULL, 0.1, &of_parameters));
    handles[OF_PARAMETERS] = of_parameters;
    make_trainer();
    handles[TRAINER] = trainer;
    kit_ok(ctx_of_test, ntk_learning_create(ctx_of_test, w.flow_gram, &y, NULL, &learning));
    handles[LEARNING] = learning;
    kit_ok(ctx_of_test, ntk_tuner_create(ctx_of_test, w.network, &x, &y, NULL, &tuner));
    handles[TUNER] = tuner;
    kit_ok(ctx_of_test, ntk_dynamics_create(ctx_of_test, w.flow_gram, &y, &to_zero, &decaying));
    handles[DECAYING] = decaying;
}

static int setup(void **state)
{
    ntk_builder *builder = NULL;
    static double f0[M * O];
    if (kit_setup(state) != 0) return -1;
    ctx_of_test = *state;
    w = (world){.network = NULL};
    world_numbers(&w);
    memcpy(json, world_json, sizeof json);
    test_x = world_x_new(&w);
    test_f0 = ntk_matrix_f64(f0, M, O);
    test_labels = ntk_array_dense(labels, NTK_I64, 1, (int64_t[]){M});
    if (world_make(ctx_of_test, &w) != NTK_OK || ntk_builder_create(ctx_of_test, 1, shape, NULL, &builder) != NTK_OK) {
        print_error("%s\n", ntk_context_error_message(ctx_of_test));
        return -1;
    }
    world_allocator_open(&sweep_memory);
    list_handles();
    handles[BUILDER] = builder;
    return 0;
}

static int teardown(void **state)
{
    ntk_builder_destroy(handles[BUILDER]);
    ntk_trainer_destroy(trainer);
    ntk_tuner_destroy(tuner);
    ntk_dynamics_destroy(decaying);
    ntk_learning_destroy(learning);
    ntk_system_destroy(of_parameters);
    world_destroy(&w);
    if (sweep_memory.blocks != 0) print_error("%lld blocks are left by the sweep\n", (long long)sweep_memory.blocks);
    return kit_teardown(state) != 0 || sweep_memory.blocks != 0 ? -1 : 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header), cmocka_unit_test(test_context), kit_test(test_last_error), test(test_right_calls), test(test_null_context),
        test(test_null_arguments), test(test_null_data), test(test_shapes), test(test_dtypes), test(test_not_finite), test(test_zero_strides),
        test(test_options), test(test_layouts), test(test_gaps), test(test_allocations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
