/*
 * A wide network trains like its linearisation.
 *
 * Steps theta <- theta - h Jᵀ(f - y) on ½|f - y|² move the outputs by df/dt = -K(f - y), K = J Jᵀ.  If K stays K0, then
 *     f(t) = y + exp(-K0 t)(f(0) - y),      theta(t) = theta(0) - Jᵀ K0⁻¹ (1 - exp(-K0 t))(f(0) - y),
 * and f(0) + J (theta(t) - theta(0)) = f(t) exactly.  A network of width m moves its kernel by about m^-1/2 only.
 *
 * Bound 1.  Steps instead of the flow: exp(-lt) - (1 - hl)^(t/h) <= (hl/2)(lt) exp(-lt) exp(hl) <= hl/4 for each
 * eigenvalue l with hl <= 0.3.  K instead of K0: each step adds at most h |K - K0||f - y|.  Together
 *     h |K0|/4 |f(0) - y|  +  max |K - K0|  sum over steps of h |f - y|,     |K - K0| measured at the times printed.
 * Bound 2.  Rounding: |J|² <= |K0|, |theta(t) - theta(0)| <= |J| t |f(0) - y|, products with J sum p terms, eigenvectors of
 * K0 lose eps N:  eps (p + N) |K0| t |f(0) - y|.  All |K| are Frobenius norms.
 */
#include "check.h"

enum { N = 6, WIDTH = 2048, P = 4 * WIDTH, TIMES = 3 }; /* p: two weights and a bias into each unit, one weight out of it */
static const double h = 1.0 / 512, times[TIMES] = {0.25, 1, 4};
static double x[2 * N], y[N], theta[P], gradient[P], moved[TIMES * P];

/* J, K = J Jᵀ and its numbers k at the present theta. */
static void kernel_now(ntk_context *ctx, const ntk_network *net, ntk_jacobian **jacobian, ntk_gram **gram, double *k)
{
    TRY(ntk_jacobian_from_network(ctx, net, VECTOR(theta, P), MATRIX(x, N, 2), jacobian));
    TRY(ntk_gram_from_jacobian(ctx, *jacobian, NULL, gram));
    TRY(ntk_gram_get_block(ctx, *gram, NTK_KIND_NTK, 0, 0, MATRIX(k, N, N)));
}

/* One step of gradient descent on the network itself; returns |f - y| before it. */
static double step(ntk_context *ctx, const ntk_network *net)
{
    double e[N] = {0};
    TRY(ntk_network_forward(ctx, net, VECTOR(theta, P), MATRIX(x, N, 2), MATRIX(e, N, 1)));
    for (int i = 0; i < N; ++i) e[i] -= y[i];
    TRY(ntk_network_vjp(ctx, net, VECTOR(theta, P), MATRIX(x, N, 2), MATRIX(e, N, 1), VECTOR(gradient, P)));
    for (int i = 0; i < P; ++i) theta[i] -= h * gradient[i];
    return distance(N, e, NULL);
}

int main(void)
{
    const char *json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [{\"op\": \"dense\", \"units\": 2048,"
                       " \"w_std\": 1.5, \"b_std\": 0.5}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 1}]}";
    double f0[N] = {0}, f[N] = {0}, theory[TIMES * N] = {0}, k0[N * N] = {0}, k[N * N] = {0}, path = 0, drift = 0, norm, e0;
    int failed = 0, steps = 0;
    ntk_context *ctx = NULL;
    ntk_network *net = NULL;
    ntk_jacobian *jacobian = NULL, *late_jacobian = NULL;
    ntk_gram *gram = NULL, *late_gram = NULL;
    ntk_dynamics *flow = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    for (int i = 0; i < N; ++i) x[2 * i] = cos(i), x[2 * i + 1] = sin(i), y[i] = sin(2.0 * i); /* points on the circle */
    TRY(ntk_network_parse(ctx, json, &net));
    TRY(ntk_network_initialize(ctx, net, 1, VECTOR(theta, P)));
    TRY(ntk_network_forward(ctx, net, VECTOR(theta, P), MATRIX(x, N, 2), MATRIX(f0, N, 1)));
    kernel_now(ctx, net, &jacobian, &gram, k0);
    norm = distance(N * N, k0, NULL);
    TRY(ntk_dynamics_create(ctx, gram, VECTOR(y, N), &(ntk_dynamics_options){NTK_DYNAMICS_OPTIONS_INIT, .f0 = VECTOR(f0, N)}, &flow));
    TRY(ntk_dynamics_at(ctx, flow, times, TIMES, MATRIX(theory, TIMES, N)));
    TRY(ntk_dynamics_parameters_at(ctx, flow, times, TIMES, MATRIX(moved, TIMES, P)));
    printf("A network of width %d, %d samples, steps of %g, |f(0) - y| = %.3f:\n", WIDTH, N, h, e0 = distance(N, f0, y));
    for (int t = 0; t < TIMES; ++t) {
        for (; steps * h < times[t]; ++steps) path += h * step(ctx, net);
        TRY(ntk_network_forward(ctx, net, VECTOR(theta, P), MATRIX(x, N, 2), MATRIX(f, N, 1)));
        kernel_now(ctx, net, &late_jacobian, &late_gram, k);
        drift = fmax(drift, distance(N * N, k, k0));
        printf("t = %g: |f - y| = %.3f, |K - K0| = %.1e of %.1f\n", times[t], distance(N, f, y), drift, norm);
        failed |= differs("f(t), the network after training", N, &theory[t * N], f, h * norm / 4 * e0 + drift * path);
        TRY(ntk_jacobian_apply(ctx, jacobian, VECTOR(&moved[t * P], P), VECTOR(f, N)));
        for (int i = 0; i < N; ++i) f[i] += f0[i];
        failed |= differs("f(0) + J (theta(t) - theta(0))", N, &theory[t * N], f, EPS * (P + N) * norm * times[t] * e0);
        ntk_gram_destroy(late_gram), ntk_jacobian_destroy(late_jacobian);
    }
    ntk_dynamics_destroy(flow);
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(jacobian);
    ntk_network_destroy(net);
    ntk_context_destroy(ctx);
    return verdict(failed);
}
