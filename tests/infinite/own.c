/*
 * Activations of the program's own: against the closed forms of those that the library knows, against double integrals in 30 digits
 * (own_values.py), near and opposite inputs, several kinks and jumps; what a callback may do wrong.
 */
#include "kit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int relu(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] : 0;
    return 0;
}

static int sign(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? 1 : x[i] < 0 ? -1 : 0;
    return 0;
}

static int hyperbolic(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = tanh(x[i]);
    return 0;
}

static int hyperbolic_slope(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = 1 / (cosh(x[i]) * cosh(x[i]));
    return 0;
}

static int elu(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] : expm1(x[i]);
    return 0;
}

static int gelu(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] * erfc(-x[i] * sqrt(0.5)) / 2;
    return 0;
}

/* Kinks at -1 and 1. */
static int hard_tanh(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 1 ? 1 : x[i] < -1 ? -1 : x[i];
    return 0;
}

/* x times a ramp from -3 to 3: kinks there. */
static int hard_swish(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] <= -3 ? 0 : x[i] >= 3 ? x[i] : x[i] * (x[i] + 3) / 6;
    return 0;
}

/* Steps of 1 at -1.5, -0.5, 0.5, 1.5, and a slope: jumps and a smooth part. */
static int stairs(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] / 4 + (x[i] > -1.5) + (x[i] > -0.5) + (x[i] > 0.5) + (x[i] > 1.5) - 2;
    return 0;
}

/* Continuous with a continuous derivative, phi'' jumps at 0. */
static int softsign(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] / (1 + fabs(x[i]));
    return 0;
}

static const double zero[] = {0}, ones[] = {-1, 1}, threes[] = {3, -3}, treads[] = {-1.5, -0.5, 0.5, 1.5};
typedef struct function {
    const char *name;
    ntk_activation_fn value;
    const double *kinks, *jumps;
    int n_kinks, n_jumps;
} function;
static const function functions[] = {
    {"relu", relu, zero, NULL, 1, 0}, {"sign", sign, NULL, zero, 0, 1}, {"tanh", hyperbolic, NULL, NULL, 0, 0}, {"elu", elu, zero, NULL, 1, 0},
    {"gelu", gelu, NULL, NULL, 0, 0}, {"hard_tanh", hard_tanh, ones, NULL, 2, 0}, {"hard_swish", hard_swish, threes, NULL, 2, 0},
    {"stairs", stairs, NULL, treads, 0, 4}, {"softsign", softsign, zero, NULL, 1, 0},
};

static const function *find(const char *name)
{
    size_t i = 0;
    while (strcmp(functions[i].name, name) != 0) ++i;
    return &functions[i];
}

static ntk_activation_options options_of(const function *f)
{
    return (ntk_activation_options){NTK_ACTIVATION_OPTIONS_INIT, .name = f->name, .value = f->value, .kinks = f->kinks, .jumps = f->jumps,
                                    .n_kinks = f->n_kinks, .n_jumps = f->n_jumps};
}

/* {"units": 1, "w_std": sqrt 2}, phi, and, if asked for, dense and `last`.  Inputs of two numbers have |x|² as variance. */
static ntk_status build(ntk_context *ctx, const ntk_activation_options *own, const char *known, const char *last, ntk_network **net)
{
    ntk_attribute first[] = {NTK_NUMBER("units", 8), NTK_NUMBER("w_std", 1.4142135623730951), NTK_END}, more[] = {NTK_NUMBER("units", 8), NTK_END};
    const int64_t shape[] = {2};
    ntk_status status;
    ntk_builder *b = NULL;
    *net = NULL;
    kit_ok(ctx, ntk_builder_create(ctx, 1, shape, NULL, &b));
    kit_ok(ctx, ntk_builder_add(ctx, b, "dense", first));
    status = own ? ntk_builder_add_activation(ctx, b, own) : ntk_builder_add(ctx, b, known, NULL);
    if (status == NTK_OK && last) {
        kit_ok(ctx, ntk_builder_add(ctx, b, "dense", more));
        kit_ok(ctx, ntk_builder_add(ctx, b, last, NULL));
    }
    if (status == NTK_OK) kit_ok(ctx, ntk_builder_finish(ctx, b, net));
    ntk_builder_destroy(b);
    return status;
}

static ntk_kernel *kernel_of(ntk_context *ctx, const char *own, const char *known, const char *last)
{
    ntk_activation_options options;
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    if (own) options = options_of(find(own));
    kit_ok(ctx, build(ctx, own ? &options : NULL, known, last, &net));
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    return kernel;
}

typedef struct kernels {
    double nngp, ntk;
} kernels;

static kernels eval(ntk_context *ctx, const ntk_kernel *kernel, const double x[2], const double y[2])
{
    kernels k;
    ntk_array ax = ntk_matrix_f64(x, 1, 2), ay = ntk_matrix_f64(y, 1, 2), a = ntk_matrix_f64(&k.nngp, 1, 1), b = ntk_matrix_f64(&k.ntk, 1, 1);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &a, .ntk = &b};
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ay, &r));
    return k;
}

/* ---- against what the library knows ----------------------------------------------------------------------------- */

static const double angles[] = {0, 1e-12, 1e-8, 1e-5, 1e-3, 0.03, 0.1, 0.3, 1, 1.5, 2.2, 3, M_PI - 0.1, M_PI - 1e-3, M_PI - 1e-6, M_PI};

static void compare(ntk_context *ctx, const char *name, const char *last, double bound)
{
    static const double lengths[][2] = {{1, 1}, {1, 1.75}, {0.125, 2.5}, {5, 5}, {5, 4.5}};
    ntk_kernel *own = kernel_of(ctx, name, NULL, last), *known = kernel_of(ctx, NULL, name, last);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; ++l)
        for (size_t i = 0; i < sizeof angles / sizeof *angles; ++i) {
            double x[2] = {lengths[l][0], 0}, y[2] = {lengths[l][1] * cos(angles[i]), lengths[l][1] * sin(angles[i])};
            kernels a = eval(ctx, own, x, y), b = eval(ctx, known, x, y), xx = eval(ctx, known, x, x), yy = eval(ctx, known, y, y);
            double k = fabs(a.nngp - b.nngp) / sqrt(xx.nngp * yy.nngp), t = xx.ntk > 0 ? fabs(a.ntk - b.ntk) / sqrt(xx.ntk * yy.ntk) : fabs(a.ntk);
            if (getenv("NTK_TEST_VERBOSE")) print_message("%s %g %g at %g: %.1e %.1e\n", name, lengths[l][0], lengths[l][1], angles[i], k, t);
            if (!(k <= bound && t <= bound)) fail_msg("%s, lengths %g %g, angle %g: NNGP off by %.2e, NTK by %.2e", name, lengths[l][0], lengths[l][1], angles[i], k, t);
        }
    ntk_kernel_destroy(own);
    ntk_kernel_destroy(known);
}

static void the_known_ones_come_out(void **state)
{
    static const char *const names[] = {"relu", "sign", "tanh", "elu", "gelu"};
    for (int i = 0; i < 5; ++i) compare(*state, names[i], NULL, 1e-10);
}

/* What the activation hands on: a sign behind it makes the distance of near inputs visible.  A moment of 1e-16 would be sqrt(1e-16) there. */
static void distances_come_out(void **state)
{
    compare(*state, "relu", "sign", 1e-10);
    compare(*state, "sign", "relu", 1e-10);
}

/* ---- against integrals ------------------------------------------------------------------------------------------ */

typedef struct value {
    const char *name;
    double a, b, rho, k, dot;
} value;
static const value values[] = {
#include "own_values.h"
};

static void check_value(ntk_context *ctx, const value *v)
{
    ntk_kernel *kernel = kernel_of(ctx, v->name, NULL, NULL);
    double x[2] = {v->a, 0}, y[2] = {v->b * v->rho, v->b * sqrt((1 - v->rho) * (1 + v->rho))};
    kernels k = eval(ctx, kernel, x, y), xx = eval(ctx, kernel, x, x), yy = eval(ctx, kernel, y, y);
    double nngp = fabs(k.nngp - v->k) / sqrt(xx.nngp * yy.nngp), ntk = fabs(k.ntk - v->dot * v->a * v->b * v->rho) / sqrt(xx.ntk * yy.ntk);
    if (getenv("NTK_TEST_VERBOSE")) print_message("%s %g %g %g: %.1e %.1e\n", v->name, v->a, v->b, v->rho, nngp, ntk);
    if (!(nngp <= 1e-10 && ntk <= 1e-10)) fail_msg("%s, lengths %g %g, rho %g: NNGP off by %.2e, NTK by %.2e", v->name, v->a, v->b, v->rho, nngp, ntk);
    ntk_kernel_destroy(kernel);
}

static void kernels_are_double_integrals(void **state)
{
    assert_true(sizeof values / sizeof *values >= 24);
    for (size_t i = 0; i < sizeof values / sizeof *values; ++i) check_value(*state, &values[i]);
}

static void on_every_instruction_set(void **state)
{
    static const char *const cpus[] = {"c", "avx2"};
    (void)state;
    for (int c = 0; c < 2; ++c) {
        ntk_context *ctx = NULL;
        setenv("NTK_CPU", cpus[c], 1);
        assert_int_equal(ntk_context_create(NULL, &ctx), NTK_OK);
        unsetenv("NTK_CPU");
        for (size_t i = 0; i < sizeof values / sizeof *values; ++i) check_value(ctx, &values[i]);
        ntk_context_destroy(ctx);
    }
}

static void single_precision_too(void **state)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
        const value *v = &values[i];
        ntk_kernel *kernel = kernel_of(*state, v->name, NULL, NULL);
        float x[2] = {(float)v->a, 0}, y[2] = {(float)(v->b * v->rho), (float)(v->b * sqrt((1 - v->rho) * (1 + v->rho)))}, k, t;
        ntk_array ax = ntk_matrix_f32(x, 1, 2), ay = ntk_matrix_f32(y, 1, 2), ak = ntk_matrix_f32(&k, 1, 1), at = ntk_matrix_f32(&t, 1, 1);
        ntk_request r = {NTK_REQUEST_INIT, .nngp = &ak, .ntk = &at};
        kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, &ay, &r));
        kit_near(k, v->k, 4e-6 * fmax(1, v->a * v->b));
        kit_near(t, v->dot * v->a * v->b * v->rho, 4e-5 * fmax(1, v->a * v->b)); /* K. of a kink moves like sqrt(gap): 1e-3 at the last case, rounded inputs */
        ntk_kernel_destroy(kernel);
    }
}

/* ---- the finite reading ----------------------------------------------------------------------------------------- */

static ntk_network *finite_network(ntk_context *ctx, ntk_activation_fn phi, ntk_activation_fn slope)
{
    ntk_activation_options own = {NTK_ACTIVATION_OPTIONS_INIT, .value = phi, .derivative = slope};
    ntk_network *net = NULL;
    kit_ok(ctx, build(ctx, &own, NULL, "tanh", &net));
    return net;
}

static void finite_networks_call_back(void **state)
{
    ntk_network *own = finite_network(*state, hyperbolic, hyperbolic_slope), *known = NULL;
    double theta[8 * 2 + 64], x[6], f[2][24], df[2][24], v[8 * 2 + 64];
    ntk_array at = ntk_vector_f64(theta, 80), av = ntk_vector_f64(v, 80), ax = ntk_matrix_f64(x, 3, 2);
    kit_ok(*state, build(*state, NULL, "tanh", "tanh", &known));
    kit_random(1, 80, theta);
    kit_random(2, 80, v);
    kit_random(3, 6, x);
    for (int i = 0; i < 2; ++i) {
        ntk_array af = ntk_matrix_f64(f[i], 3, 8), ad = ntk_matrix_f64(df[i], 3, 8);
        kit_ok(*state, ntk_network_forward(*state, i ? known : own, &at, &ax, &af));
        kit_ok(*state, ntk_network_jvp(*state, i ? known : own, &at, &ax, &av, &ad));
    }
    kit_close(24, f[0], f[1], 1e-15);
    kit_close(24, df[0], df[1], 1e-14);
    ntk_network_destroy(own);
    ntk_network_destroy(known);
}

/* Random networks and training see a callback of tanh as they see tanh. */
static void monte_carlo_and_training_call_back(void **state)
{
    ntk_network *net[2] = {finite_network(*state, hyperbolic, hyperbolic_slope), NULL};
    double x[6], k[2][9], theta[80], trained[2][80], y[24];
    ntk_array ax = ntk_matrix_f64(x, 3, 2), at = ntk_vector_f64(theta, 80), ay = ntk_matrix_f64(y, 3, 8);
    kit_ok(*state, build(*state, NULL, "tanh", "tanh", &net[1]));
    kit_random(3, 6, x);
    kit_random(4, 80, theta);
    kit_random(5, 24, y);
    for (int i = 0; i < 2; ++i) {
        ntk_monte_carlo_options draws = {NTK_MONTE_CARLO_OPTIONS_INIT, .samples = 5, .seed = 7};
        ntk_trainer_options options = {NTK_TRAINER_OPTIONS_INIT, .learning_rate = 0.01};
        ntk_array ak = ntk_matrix_f64(k[i], 3, 3), to = ntk_vector_f64(trained[i], 80);
        ntk_request r = {NTK_REQUEST_INIT, .ntk = &ak};
        ntk_kernel *kernel = NULL;
        ntk_trainer *trainer = NULL;
        kit_ok(*state, ntk_kernel_monte_carlo(*state, net[i], &draws, &kernel));
        kit_ok(*state, ntk_kernel_eval(*state, kernel, &ax, NULL, &r));
        kit_ok(*state, ntk_trainer_create(*state, net[i], &at, &ax, &ay, &options, &trainer));
        kit_ok(*state, ntk_trainer_run(*state, trainer, 20));
        kit_ok(*state, ntk_trainer_get_parameters(*state, trainer, &to));
        ntk_trainer_destroy(trainer);
        ntk_kernel_destroy(kernel);
    }
    kit_close(9, k[0], k[1], 1e-13);
    kit_close(80, trained[0], trained[1], 1e-13);
    assert_true(fabs(trained[0][0] - theta[0]) > 1e-6);
    for (int i = 0; i < 2; ++i) ntk_network_destroy(net[i]);
}

/* ---- what may go wrong ------------------------------------------------------------------------------------------ */

static int fails_later(void *user, int64_t n, const double *x, double *y)
{
    int *left = user;
    (void)x;
    memset(y, 0, (size_t)n * sizeof *y);
    return --*left < 0 ? 42 : 0;
}

static int not_a_number(void *user, int64_t n, const double *x, double *y)
{
    (void)user;
    for (int64_t i = 0; i < n; ++i) y[i] = sqrt(x[i]);
    return 0;
}

static void check_kernel_fails(ntk_context *ctx, const ntk_activation_options *own, ntk_status status, const char *words)
{
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    kit_ok(ctx, build(ctx, own, NULL, NULL, &net));
    kit_fails(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel), status, words);
    assert_null(kernel);
    ntk_network_destroy(net);
}

static void what_a_callback_does_wrong_is_said(void **state)
{
    int none = 0, some = 3;
    ntk_activation_options fails = {NTK_ACTIVATION_OPTIONS_INIT, .name = "ripple", .value = fails_later, .user = &none};
    ntk_activation_options later = fails, nan = {NTK_ACTIVATION_OPTIONS_INIT, .value = not_a_number}, step = {NTK_ACTIVATION_OPTIONS_INIT, .value = sign, .kinks = zero, .n_kinks = 1};
    later.user = &some;
    check_kernel_fails(*state, &fails, NTK_ERROR_CALLBACK, "layers[1]: the value of ripple reported failure (42)");
    check_kernel_fails(*state, &later, NTK_ERROR_CALLBACK, "(42)");
    check_kernel_fails(*state, &nan, NTK_ERROR_NOT_FINITE, "layers[1]: the value of own at ");
    check_kernel_fails(*state, &step, NTK_ERROR_ARGUMENT, "goes from -1 to 1 at 0, which is declared a kink");
}

static void check_builder_fails(ntk_context *ctx, const ntk_activation_options *own, ntk_status status, const char *words)
{
    ntk_network *net = NULL;
    kit_fails(ctx, build(ctx, own, NULL, NULL, &net), status, words);
    assert_null(net);
}

static void bad_options_are_said(void **state)
{
    static const double twice[] = {1, 1}, infinite[] = {INFINITY};
    ntk_activation_options none = {NTK_ACTIVATION_OPTIONS_INIT, .name = "x"}, same = {NTK_ACTIVATION_OPTIONS_INIT, .value = relu, .kinks = twice, .n_kinks = 2};
    ntk_activation_options far = {NTK_ACTIVATION_OPTIONS_INIT, .value = relu, .jumps = infinite, .n_jumps = 1}, many = far, missing = far, negative = far;
    many.n_jumps = 17;
    missing.jumps = NULL;
    negative.n_jumps = -1;
    check_builder_fails(*state, &none, NTK_ERROR_NULL, "layers[1]: value is NULL");
    check_builder_fails(*state, &same, NTK_ERROR_ARGUMENT, "kinks: 1 is declared twice");
    check_builder_fails(*state, &far, NTK_ERROR_ARGUMENT, "jumps holds inf");
    check_builder_fails(*state, &many, NTK_ERROR_ARGUMENT, "n_jumps is 17; expected 0 to 16");
    check_builder_fails(*state, &negative, NTK_ERROR_ARGUMENT, "n_jumps is -1");
    check_builder_fails(*state, &missing, NTK_ERROR_NULL, "jumps is NULL; n_jumps is 1");
}

/* The estimate holds: a kink that is not declared, or a variance beyond what was sampled, is refused, not computed wrong. */
static void what_is_not_declared_is_refused(void **state)
{
    ntk_activation_options hidden = {NTK_ACTIVATION_OPTIONS_INIT, .value = hard_tanh};
    const double lengths[] = {1, 100};
    for (int i = 0; i < 2; ++i) {
        double x[2] = {lengths[i], 0}, k;
        ntk_network *net = NULL;
        ntk_kernel *kernel = NULL;
        ntk_array ax = ntk_matrix_f64(x, 1, 2), ak = ntk_matrix_f64(&k, 1, 1);
        ntk_request r = {NTK_REQUEST_INIT, .nngp = &ak};
        if (i) hidden = options_of(find("hard_tanh"));
        kit_ok(*state, build(*state, &hidden, NULL, NULL, &net));
        kit_ok(*state, ntk_kernel_from_network(*state, net, NULL, &kernel));
        assert_int_equal(ntk_kernel_eval(*state, kernel, &ax, NULL, &r), NTK_ERROR_OVERFLOW);
        ntk_kernel_destroy(kernel);
        ntk_network_destroy(net);
    }
}

static void json_is_refused_and_so_is_a_missing_slope(void **state)
{
    ntk_activation_options own = {NTK_ACTIVATION_OPTIONS_INIT, .name = "mine", .value = relu, .kinks = zero, .n_kinks = 1};
    ntk_network *net = NULL;
    size_t needed = 0;
    double theta[80] = {0}, x[2] = {1, 1}, f[8];
    ntk_array at = ntk_vector_f64(theta, 80), ax = ntk_matrix_f64(x, 1, 2), af = ntk_matrix_f64(f, 1, 8);
    kit_ok(*state, build(*state, &own, NULL, "relu", &net));
    kit_fails(*state, ntk_network_format(*state, net, NULL, 0, &needed), NTK_ERROR_UNSUPPORTED, "layers[1]: mine is an activation of the program's own");
    kit_ok(*state, ntk_network_forward(*state, net, &at, &ax, &af));
    kit_fails(*state, ntk_network_jvp(*state, net, &at, &ax, &at, &af), NTK_ERROR_UNSUPPORTED, "layers[1]: mine has no derivative callback");
    ntk_network_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(the_known_ones_come_out), kit_test(distances_come_out), kit_test(kernels_are_double_integrals), kit_test(on_every_instruction_set),
        kit_test(single_precision_too), kit_test(finite_networks_call_back), kit_test(monte_carlo_and_training_call_back),
        kit_test(what_a_callback_does_wrong_is_said), kit_test(bad_options_are_said),
        kit_test(what_is_not_declared_is_refused), kit_test(json_is_refused_and_so_is_a_missing_slope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
