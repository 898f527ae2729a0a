/*
 * Adam has a kernel: with its second moment v frozen it trains along K_Adam = J D⁻¹ Jᵀ, D = diag(sqrt(v) + epsilon).
 *
 * Steps theta <- theta - h D⁻¹ Jᵀ(f - y) of the linearised network f = f(0) + J (theta - theta(0)) give
 *
 *     f - y <- (1 - h K_Adam)(f - y),        so as h -> 0        f(t) = y + exp(-K_Adam t)(f(0) - y).
 *
 * Bounds.  With z = h l for an eigenvalue l, s = l T:  (1 - z)^(T/h) = exp(-s)(1 - s z/2 + s z² (s/8 - 1/3) + ...).  So for
 * z <= 0.3 the error is at most z/4 of |f(0) - y| (see linearised_dynamics.c), and it is linear in z: halving h halves it, per
 * mode by the ratio 2 (1 + (2/3 - s/4) z/2 + ...).  The ratio of the lengths lies between those of the modes.  For T = 5/l_max
 * all s are in [0, 5], |2/3 - s/4| <= 2/3, and |ratio - 2| <= 2z/3 + O(z²) < z, z that of l_max at the larger of the two steps.
 */
#include "check.h"

enum { D = 2, WIDTH = 32, P = WIDTH * (D + 2), N = 5, HALVINGS = 4 };

/* f after `steps` preconditioned steps of size h on the linearised network. */
static void train(ntk_context *ctx, const ntk_jacobian *jacobian, const double *d, const double *f0, const double *y, double h, int steps,
    double *f)
{
    double moved[P] = {0}, e[N], gradient[P] = {0};
    for (int i = 0; i < N; ++i) f[i] = f0[i];
    for (int s = 0; s < steps; ++s) {
        for (int i = 0; i < N; ++i) e[i] = f[i] - y[i];
        TRY(ntk_jacobian_apply_transposed(ctx, jacobian, VECTOR(e, N), VECTOR(gradient, P)));
        for (int i = 0; i < P; ++i) moved[i] -= h * gradient[i] / d[i];
        TRY(ntk_jacobian_apply(ctx, jacobian, VECTOR(moved, P), VECTOR(f, N)));
        for (int i = 0; i < N; ++i) f[i] += f0[i];
    }
}

int main(void)
{
    const char *json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [{\"op\": \"dense\", \"units\": 32,"
                       " \"w_std\": 1.5, \"b_std\": 0.5}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}";
    double x[N * D], y[N], theta[P] = {0}, f0[N] = {0}, f[N], exact[N] = {0}, v[P] = {0}, d[P] = {0}, e[N], values[N] = {0};
    double time, z, error, ratio, last = 0;
    int failed = 0;
    ntk_context *ctx = NULL;
    ntk_network *net = NULL;
    ntk_jacobian *jacobian = NULL;
    ntk_optimizer *adam = NULL;
    ntk_gram *gram = NULL;
    ntk_spectrum *spectrum = NULL;
    ntk_dynamics *dynamics = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    for (int i = 0; i < N; ++i) x[D * i] = cos(i), x[D * i + 1] = sin(i), y[i] = cos(2.0 * i);
    TRY(ntk_network_parse(ctx, json, &net));
    TRY(ntk_network_initialize(ctx, net, 1, VECTOR(theta, P)));
    TRY(ntk_network_forward(ctx, net, VECTOR(theta, P), MATRIX(x, N, D), MATRIX(f0, N, 1)));
    TRY(ntk_jacobian_from_network(ctx, net, VECTOR(theta, P), MATRIX(x, N, D), &jacobian));
    for (int i = 0; i < N; ++i) e[i] = f0[i] - y[i];
    TRY(ntk_jacobian_apply_transposed(ctx, jacobian, VECTOR(e, N), VECTOR(v, P)));
    for (int i = 0; i < P; ++i) v[i] *= v[i], d[i] = sqrt(v[i]) + 1e-2; /* after Adam's first step v is the gradient squared */
    TRY(ntk_optimizer_adam(ctx, VECTOR(v, P), 1e-2, &adam));
    TRY(ntk_gram_from_jacobian(ctx, jacobian, adam, &gram));
    TRY(ntk_spectrum_create(ctx, gram, NULL, &spectrum));
    TRY(ntk_spectrum_get_values(ctx, spectrum, VECTOR(values, N)));
    time = 5 / values[0];
    TRY(ntk_dynamics_create(ctx, gram, VECTOR(y, N), &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .f0 = VECTOR(f0, N)}, &dynamics));
    TRY(ntk_dynamics_at(ctx, dynamics, &time, 1, MATRIX(exact, 1, N)));
    printf("Frozen Adam, eigenvalues of K_Adam %.3g to %.3g, |f - y| from %.4f to %.4f at T = %.3g:\n", values[N - 1], values[0],
        distance(N, f0, y), distance(N, exact, y), time);
    for (int steps = 32; steps <= 32 << HALVINGS; steps *= 2, last = error) {
        train(ctx, jacobian, d, f0, y, time / steps, steps, f);
        z = 5.0 / steps;
        error = distance(N, f, exact);
        printf("%d steps, |error| %.3e\n", steps, error);
        failed |= differs("f(T)", N, exact, f, z / 4 * distance(N, f0, y));
        ratio = last / error;
        if (last > 0) failed |= differs("error at 2h over error at h", 1, (double[]){2}, &ratio, 2 * z);
    }
    ntk_dynamics_destroy(dynamics), ntk_spectrum_destroy(spectrum), ntk_gram_destroy(gram), ntk_optimizer_destroy(adam);
    ntk_jacobian_destroy(jacobian), ntk_network_destroy(net), ntk_context_destroy(ctx);
    return verdict(failed);
}
