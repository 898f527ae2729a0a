/*
 * The Fisher matrix F = JᵀJ [p, p] and the kernel K = J Jᵀ [N, N] share their non-zero eigenvalues.
 *
 * With K u = l u and l > 0 the vector v = Jᵀu/sqrt(l) has length 1, F v = l v, and J v = sqrt(l) u: the singular vectors of J.
 * So F, which nobody can store for a large network, is known from a matrix of the size of the data.  And F measures steps:
 * |delta|_F = sqrt(deltaᵀ F delta) = |J delta| is how far they move the outputs, |f(theta + s delta) - f(theta)|/s as s -> 0.
 * Bounds.  Forming F sums N products, K sums p, dsyevd adds eps times the dimension; all relative to |J|² = trace K.
 * By Weyl's theorem no eigenvalue moves by more than  b = 2 eps (p + N) trace K.  A residual r of K u = l u, at most b,
 * reaches F v = l v as Jᵀ r/sqrt(l), J v = sqrt(l) u as r/sqrt(l); and |delta|_F² errs by b |delta|² at most.  The quotient
 * q(s) = |f(theta + s delta) - f(theta)|/s is smooth, so |q(s) - q(0)| is about 2 |q(s) - q(s/2)|; 3 times that is allowed.
 */
#include "check.h"

enum { D = 3, WIDTH = 6, P = WIDTH * (D + 1), N = 5 };

/* |f(theta + s delta) - f(theta)|/s */
static double moved(ntk_context *ctx, const ntk_network *net, const double *theta, const double *x, const double *delta, double s)
{
    double near[P], f[N] = {0}, f_near[N] = {0};
    for (int i = 0; i < P; ++i) near[i] = theta[i] + s * delta[i];
    TRY(ntk_network_forward(ctx, net, VECTOR(theta, P), MATRIX(x, N, D), MATRIX(f, N, 1)));
    TRY(ntk_network_forward(ctx, net, VECTOR(near, P), MATRIX(x, N, D), MATRIX(f_near, N, 1)));
    return distance(N, f_near, f) / s;
}

int main(void)
{
    const char *json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["
                       "{\"op\": \"dense\", \"units\": 6, \"w_std\": 2}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 1}]}";
    double x[N * D], theta[P], delta[P], j[N * P], f[P * P] = {0}, of_k[P] = {0}, of_f[P], u[N * N], v[P * N], vk[P];
    double fv[N * P], lv[N * P], jv[N * N], su[N * N], bound, norm, dense = 0, step, half;
    int failed = 0;
    ntk_context *ctx = NULL;
    ntk_network *net = NULL;
    ntk_jacobian *jacobian = NULL;
    ntk_gram *kernel = NULL, *fisher = NULL;
    ntk_spectrum *small = NULL, *large = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    for (int i = 0; i < N * D; ++i) x[i] = sin((i + 1) * (i + 1));
    for (int i = 0; i < P; ++i) delta[i] = cos(0.5 * i);
    TRY(ntk_network_parse(ctx, json, &net));
    TRY(ntk_network_initialize(ctx, net, 1, VECTOR(theta, P)));
    TRY(ntk_jacobian_from_network(ctx, net, VECTOR(theta, P), MATRIX(x, N, D), &jacobian));
    TRY(ntk_jacobian_get_rows(ctx, jacobian, 0, MATRIX(j, N, P)));
    for (int a = 0; a < P * P; ++a) /* F = JᵀJ, entry by entry */
        for (int i = 0; i < N; ++i) f[a] += j[i * P + a / P] * j[i * P + a % P];
    TRY(ntk_gram_from_jacobian(ctx, jacobian, NULL, &kernel));
    TRY(ntk_gram_from_matrix(ctx, MATRIX(f, P, P), &fisher));
    TRY(ntk_spectrum_create(ctx, kernel, NULL, &small));
    TRY(ntk_spectrum_create(ctx, fisher, NULL, &large));
    TRY(ntk_spectrum_get_values(ctx, small, VECTOR(of_k, N)));
    TRY(ntk_spectrum_get_values(ctx, large, VECTOR(of_f, P)));
    TRY(ntk_spectrum_get_vectors(ctx, small, MATRIX(u, N, N)));
    TRY(ntk_spectrum_get_parameter_vectors(ctx, small, MATRIX(v, P, N)));
    bound = 2 * EPS * (P + N) * sum_of(N, of_k);
    printf("K is %d x %d, F is %d x %d; theory is K's side, computed F's:\n", N, N, P, P);
    for (int k = 0; k < N; ++k) {
        failed |= differs("an eigenvalue of both", 1, &of_k[k], &of_f[k], bound);
        for (int i = 0; i < P; ++i) vk[i] = v[i * N + k], lv[k * P + i] = of_k[k] * vk[i];
        for (int i = 0; i < N; ++i) su[k * N + i] = sqrt(of_k[k]) * u[i * N + k];
        TRY(ntk_fisher_multiply(ctx, jacobian, VECTOR(vk, P), VECTOR(&fv[k * P], P)));
        TRY(ntk_jacobian_apply(ctx, jacobian, VECTOR(vk, P), VECTOR(&jv[k * N], N)));
    }
    failed |= differs("the other eigenvalues of F: zero", P - N, &of_k[N], &of_f[N], bound);
    failed |= differs("F v = lambda v, all vectors", N * P, lv, fv, bound * sqrt(of_k[0] / of_k[N - 1]));
    failed |= differs("J v = sqrt(lambda) u, all vectors", N * N, su, jv, bound / sqrt(of_k[N - 1]));
    TRY(ntk_fisher_norm(ctx, jacobian, VECTOR(delta, P), &norm));
    for (int a = 0; a < P * P; ++a) dense += delta[a / P] * f[a] * delta[a % P];
    dense = sqrt(dense);
    failed |= differs("|delta|_F, from F itself", 1, &dense, &norm, bound * distance(P, delta, NULL) * distance(P, delta, NULL) / norm);
    step = moved(ctx, net, theta, x, delta, 1e-4), half = moved(ctx, net, theta, x, delta, 5e-5);
    failed |= differs("|delta|_F, from moving the network", 1, &norm, &step, 3 * fabs(step - half));
    ntk_spectrum_destroy(large), ntk_spectrum_destroy(small);
    ntk_gram_destroy(fisher), ntk_gram_destroy(kernel);
    ntk_jacobian_destroy(jacobian);
    ntk_network_destroy(net);
    ntk_context_destroy(ctx);
    return verdict(failed);
}
