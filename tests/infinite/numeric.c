/*
 * Activations by Hermite series: against double integrals in 34 digits (numeric_values.py), in both precisions and on every
 * instruction set; near and opposite inputs; zero.
 */
#include "pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct value {
    const char *name;
    double a, b, rho, k, dot;
} value;
static const value values[] = {
#include "numeric_values.h"
};

/* Inputs whose pre-activations have standard deviations a, b and correlation rho under {"units": 1, "w_std": sqrt(2)}, d = 2. */
static void inputs(const value *v, double x[2], double y[2])
{
    x[0] = v->a;
    x[1] = 0;
    y[0] = v->b * v->rho;
    y[1] = v->b * sqrt((1 - v->rho) * (1 + v->rho));
}

static const char *layers_of(const char *name, const char *rest, char text[400])
{
    snprintf(text, 400, "{\"op\": \"dense\", \"units\": 1, \"w_std\": 1.4142135623730951}, {\"op\": \"%s\"}%s", name, rest);
    return text;
}

static kernels at(ntk_context *ctx, const char *name, const char *rest, const double x[2], const double y[2])
{
    char text[400];
    return kernels_of(ctx, 2, "ntk", layers_of(name, rest, text), x, y);
}

/* Error relative to sqrt(K11 K22) and sqrt(Theta11 Theta22): 1e-10 promised up to variance 25, and far better up to 4. */
static void check_value(ntk_context *ctx, const value *v, double bound)
{
    double x[2], y[2], q12 = v->a * v->b * v->rho;
    kernels k, xx, yy;
    inputs(v, x, y);
    k = at(ctx, v->name, "", x, y);
    xx = at(ctx, v->name, "", x, x);
    yy = at(ctx, v->name, "", y, y);
    kit_near((k.nngp - v->k) / sqrt(xx.nngp * yy.nngp), 0, bound);
    kit_near((k.ntk - v->dot * q12) / sqrt(xx.ntk * yy.ntk), 0, bound);
}

static void kernels_are_double_integrals(void **state)
{
    assert_true(sizeof values / sizeof *values >= 8);
    for (size_t i = 0; i < sizeof values / sizeof *values; ++i) check_value(*state, &values[i], values[i].a * values[i].b < 4 ? 2e-12 : 1e-10);
}

static void check_single(ntk_context *ctx, const value *v)
{
    double x[2], y[2];
    float fx[2], fy[2], k, t;
    char text[400];
    ntk_kernel *kernel = NULL;
    ntk_array ax = ntk_matrix_f32(fx, 1, 2), ay = ntk_matrix_f32(fy, 1, 2), ak = ntk_matrix_f32(&k, 1, 1), at = ntk_matrix_f32(&t, 1, 1);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &ak, .ntk = &at};
    inputs(v, x, y);
    for (int i = 0; i < 2; ++i) {
        fx[i] = (float)x[i];
        fy[i] = (float)y[i];
    }
    kit_ok(ctx, read_kernel(ctx, 2, "ntk", layers_of(v->name, "", text), &kernel));
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ay, &r));
    kit_near(k, v->k, 4e-6 * v->a * v->b);
    kit_near(t, v->dot * v->a * v->b * v->rho, 4e-6 * v->a * v->b);
    ntk_kernel_destroy(kernel);
}

static void single_precision_too(void **state)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; ++i) check_single(*state, &values[i]);
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
        for (size_t i = 0; i < sizeof values / sizeof *values; ++i) check_value(ctx, &values[i], values[i].a * values[i].b < 4 ? 2e-12 : 1e-10);
        ntk_context_destroy(ctx);
    }
}

/*
 * Two inputs of length 1 at a small angle t: gap = t²/2, and by Price's theorem gap' = (K./K) gap (1 + O(t)) with K, K. of the input
 * with itself.  A sign layer behind a dense one makes the angle visible: 1 - K = (2/pi) sqrt(2 gap').  1 - K has an error of eps:
 * at t = 1e-6 that is 1e-10 of it; the next order is of t (kinks) or t² (smooth).
 */
static void near_inputs_keep_their_digits(void **state)
{
    static const char *const names[] = {"tanh", "sigmoid", "silu", "softplus", "elu", "selu"};
    const char *sign = ", {\"op\": \"dense\", \"units\": 1}, {\"op\": \"sign\"}";
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i)
        for (double t = 1e-4; t > 1e-7; t /= 10) {
            double x[2] = {1, 0}, y[2] = {cos(t), sin(t)};
            kernels same = at(*state, names[i], "", x, x), seen = at(*state, names[i], sign, x, y);
            double wanted = 2 / M_PI * sqrt(same.ntk / same.nngp) * t; /* Theta = K. q12, q12 = 1 */
            if (fabs((1 - seen.nngp) / wanted - 1) > 2 * t + 2e-16 / wanted) fail_msg("%s at %g: %.12g, wanted %.12g", names[i], t, 1 - seen.nngp, wanted);
        }
}

/* tanh is odd: K(x, -y) = -K(x, y), and opposite inputs are as near as equal ones. */
static void odd_functions_are_odd(void **state)
{
    double x[2] = {1, 0.25}, y[2] = {0.5, -0.75}, z[2] = {-0.5, 0.75};
    kernels k = at(*state, "tanh", "", x, y), m = at(*state, "tanh", "", x, z);
    kit_near(m.nngp, -k.nngp, 1e-16);
    kit_near(m.ntk, -k.ntk, 1e-16);
}

/* phi(0) alone is left of a zero input: sigmoid 1/2, softplus log 2. */
static void zero_inputs(void **state)
{
    double zero[2] = {0, 0}, x[2] = {1, 0};
    kit_near(at(*state, "sigmoid", "", zero, zero).nngp, 0.25, 1e-15);
    kit_near(at(*state, "softplus", "", zero, zero).nngp, log(2) * log(2), 1e-15);
    kit_near(at(*state, "tanh", "", zero, x).nngp, 0, 0);
    kit_near(at(*state, "elu", "", zero, x).nngp, 0, 0);
    kit_near(at(*state, "sigmoid", "", zero, x).nngp, 0.25, 1e-15);
}

/* Variance 10⁶: tanh is nearly a step there and its series hopeless; elu's tail has no formula.  Refused, not computed wrong. */
static void what_the_series_cannot_do_is_refused(void **state)
{
    static const char *const names[] = {"tanh", "elu"};
    for (int i = 0; i < 2; ++i) {
        char text[400];
        double x[2] = {1000, 0}, k;
        ntk_kernel *kernel = NULL;
        ntk_array ax = ntk_matrix_f64(x, 1, 2), ak = ntk_matrix_f64(&k, 1, 1);
        ntk_request nngp = {NTK_REQUEST_INIT, .nngp = &ak}, ntk = {NTK_REQUEST_INIT, .ntk = &ak};
        kit_ok(*state, read_kernel(*state, 2, "ntk", layers_of(names[i], "", text), &kernel));
        assert_int_equal(ntk_kernel_eval(*state, kernel, &ax, NULL, &nngp), NTK_ERROR_OVERFLOW);
        assert_int_equal(ntk_kernel_eval(*state, kernel, &ax, NULL, &ntk), NTK_ERROR_OVERFLOW);
        ntk_kernel_destroy(kernel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(kernels_are_double_integrals), kit_test(single_precision_too), kit_test(on_every_instruction_set),
        kit_test(near_inputs_keep_their_digits), kit_test(odd_functions_are_odd), kit_test(zero_inputs), kit_test(what_the_series_cannot_do_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
