/*
 * Training under a frozen D follows exp(-K_D t) (docs/mathematics.md §6, §7.1): that of the linearised network with an error that falls
 * linearly with the step, that of the real network with an error that falls with its width.
 */
#include "kit.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 5, D = 3 };

typedef struct real_case {
    ntk_network *network;
    ntk_optimizer *adam;
    ntk_gram *gram;
    int64_t p;
    double *theta, *d, x[N * D], y[N], f0[N], largest;
} real_case;

/* D of Adam after the gradients of the first ten steps of training. */
static void frozen_adam(ntk_context *ctx, real_case *c, const ntk_array *theta, const ntk_array *x, const ntk_array *y)
{
    ntk_array d = ntk_vector_f64(c->d, c->p);
    ntk_trainer_options options = {NTK_TRAINER_OPTIONS_INIT, .descent = NTK_DESCENT_ADAM, .learning_rate = 1e-6};
    ntk_trainer *t;
    kit_ok(ctx, ntk_trainer_create(ctx, c->network, theta, x, y, &options, &t));
    kit_ok(ctx, ntk_trainer_run(ctx, t, 10));
    kit_ok(ctx, ntk_trainer_get_moments(ctx, t, NULL, &d));
    ntk_trainer_destroy(t);
    kit_ok(ctx, ntk_optimizer_adam_after(ctx, &d, 0.999, 10, 1e-3, &c->adam));
}

static void open_case(ntk_context *ctx, const char *activation, int width, uint64_t seed, real_case *c)
{
    char json[512];
    double values[N];
    ntk_array x = ntk_matrix_f64(c->x, N, D), y = ntk_matrix_f64(c->y, N, 1), f0 = ntk_matrix_f64(c->f0, N, 1), theta, v = ntk_vector_f64(values, N);
    ntk_jacobian *jacobian;
    ntk_spectrum *spectrum;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": %d,"
             " \"w_std\": 1.5, \"b_std\": 0.3}, {\"op\": \"%s\"}, {\"op\": \"dense\", \"units\": 1}]}", width, activation);
    c->network = kit_network(ctx, json);
    c->p = ntk_network_parameters(c->network);
    c->theta = calloc((size_t)c->p, sizeof(double));
    c->d = calloc((size_t)c->p, sizeof(double));
    theta = ntk_vector_f64(c->theta, c->p);
    kit_random(1, N * D, c->x);
    kit_random(2, N, c->y);
    kit_ok(ctx, ntk_network_initialize(ctx, c->network, seed, &theta));
    kit_ok(ctx, ntk_network_forward(ctx, c->network, &theta, &x, &f0));
    for (int i = 0; i < N; ++i) c->y[i] = c->f0[i] + 0.25 * c->y[i]; /* what there is to learn does not depend on the width */
    frozen_adam(ctx, c, &theta, &x, &y);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, c->network, &theta, &x, &jacobian));
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, jacobian, c->adam, &c->gram));
    kit_ok(ctx, ntk_spectrum_create(ctx, c->gram, NULL, &spectrum));
    kit_ok(ctx, ntk_spectrum_get_values(ctx, spectrum, &v));
    c->largest = values[0];
    ntk_spectrum_destroy(spectrum);
    ntk_jacobian_destroy(jacobian);
}

static void close_case(real_case *c)
{
    ntk_gram_destroy(c->gram);
    ntk_optimizer_destroy(c->adam);
    ntk_network_destroy(c->network);
    free(c->theta);
    free(c->d);
}

/* |f(T) - theory| / |f(0) - y| after `steps` steps to T = 5 / lambda_max, where all modes have moved. */
static double distance_to_theory(ntk_context *ctx, const real_case *c, int linearised, int steps)
{
    double time = 5 / c->largest, theory[N], f[N], error = 0, scale = 0;
    ntk_array theta = ntk_vector_f64(c->theta, c->p), x = ntk_matrix_f64(c->x, N, D), y = ntk_matrix_f64(c->y, N, 1), out = ntk_matrix_f64(f, N, 1);
    ntk_array targets = ntk_vector_f64(c->y, N), f0 = ntk_vector_f64(c->f0, N), path = ntk_matrix_f64(theory, 1, N);
    ntk_dynamics_options flow = {NTK_DYNAMICS_OPTIONS_INIT, .f0 = &f0};
    ntk_trainer_options options = {NTK_TRAINER_OPTIONS_INIT, .learning_rate = time / steps, .optimizer = c->adam, .linearised = linearised};
    ntk_dynamics *dynamics;
    ntk_trainer *t;
    kit_ok(ctx, ntk_dynamics_create(ctx, c->gram, &targets, &flow, &dynamics));
    kit_ok(ctx, ntk_dynamics_at(ctx, dynamics, &time, 1, &path));
    kit_ok(ctx, ntk_trainer_create(ctx, c->network, &theta, &x, &y, &options, &t));
    kit_ok(ctx, ntk_trainer_run(ctx, t, steps));
    kit_ok(ctx, ntk_trainer_get_outputs(ctx, t, &out));
    for (int i = 0; i < N; ++i) {
        error += (f[i] - theory[i]) * (f[i] - theory[i]);
        scale += (c->f0[i] - c->y[i]) * (c->f0[i] - c->y[i]);
    }
    ntk_trainer_destroy(t);
    ntk_dynamics_destroy(dynamics);
    return sqrt(error / scale);
}

/*
 * (1 - z)^(T/h) = exp(-s) (1 - s z/2 + ...), z = h lambda, s = lambda T <= 5: the error is at most z/4 for z <= 0.3, and halves with h
 * up to a share z (examples/adam_kernel.c derives both).
 */
static void linearised_network_is_linear_in_the_step(void **state)
{
    double last = 0;
    real_case c = {.p = 0};
    open_case(*state, "relu", 32, 1, &c);
    for (int steps = 32; steps <= 512; steps *= 2) {
        double error = distance_to_theory(*state, &c, 1, steps), z = 5.0 / steps;
        assert_true(error <= z / 4 && error > 0);
        if (last > 0) kit_near(last / error, 2, 2 * z);
        last = error;
    }
    close_case(&c);
}

/* Steps so small that their own error (z/4 = 3e-4 at most) does not hide that of the wide ones. */
static double mean_distance(ntk_context *ctx, const char *activation, int width)
{
    enum { SEEDS = 2 };
    double sum = 0;
    for (uint64_t seed = 1; seed <= SEEDS; ++seed) {
        real_case c = {.p = 0};
        open_case(ctx, activation, width, seed, &c);
        sum += distance_to_theory(ctx, &c, 0, 4000);
        close_case(&c);
    }
    return sum / SEEDS;
}

static void real_network_follows_with_its_width(void **state)
{
    double narrow = mean_distance(*state, "tanh", 64), middle = mean_distance(*state, "tanh", 512), wide = mean_distance(*state, "tanh", 4096);
    print_message("distance to exp(-K_D t), width 64, 512, 4096: %.2e %.2e %.2e\n", narrow, middle, wide);
    assert_true(middle < narrow / 2 && wide < middle / 2);
    assert_true(wide <= 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(linearised_network_is_linear_in_the_step), kit_test(real_network_follows_with_its_width)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
