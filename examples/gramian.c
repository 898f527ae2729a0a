/*
 * Training is a linear system, and its kernel is half the inverse of an observability Gramian.
 *
 * The error e = f - y of gradient flow obeys e' = -K e.  Watching e itself (A = -K, C = 1) until T, the Gramian is
 *
 *     W(T) = int_0^T exp(-2 K t) dt,      e(0)ᵀ W(T) e(0) = int_0^T |e(t)|² dt: the energy that the start e(0) shows.
 *
 * At infinity W = ½ K⁻¹, that is K W = ½ 1.  For an eigenvector u of K, eigenvalue l, uᵀ W(T) u = (1 - exp(-2 l T))/(2 l): of
 * its energy 1/(2 l) the share 1 - exp(-2 l T) is seen by T.  A small l shows late: spectral bias is observability by time T.
 *
 * Bounds.  dsyevd and products work with K + E, |E| <= N eps trace K.  With l the smallest eigenvalue that moves K W by
 * ½ |E|/l and W(T) by T²|E|; 4 times that is allowed, as up to four such errors meet.  Simpson's rule with n intervals errs by
 * T (T/n)⁴/180 max|g|, where g = |e|² has |g| <= (2 l_max)⁴ |e(0)|².
 */
#include "check.h"

enum { N = 5, INTERVALS = 400 };
static const double T = 1;

/* The integral of |e|² = 2 loss over [0, T] by Simpson's rule, for training towards y = 0 from f(0) = e0. */
static double energy(ntk_context *ctx, const ntk_gram *gram, const double *e0)
{
    const double step = T / INTERVALS, y[N] = {0};
    double times[INTERVALS + 1], loss[INTERVALS + 1] = {0}, sum = 0;
    ntk_dynamics *dynamics = NULL;
    const ntk_dynamics_options options = {NTK_DYNAMICS_OPTIONS_INIT, .f0 = VECTOR(e0, N)};
    for (int i = 0; i <= INTERVALS; ++i) times[i] = i * step;
    TRY(ntk_dynamics_create(ctx, gram, VECTOR(y, N), &options, &dynamics));
    TRY(ntk_dynamics_loss_at(ctx, dynamics, times, INTERVALS + 1, VECTOR(loss, INTERVALS + 1)));
    ntk_dynamics_destroy(dynamics);
    for (int i = 0; i < INTERVALS; i += 2) sum += step / 3 * 2 * (loss[i] + 4 * loss[i + 1] + loss[i + 2]);
    return sum;
}

/* uᵀ W u, the numbers of u `stride` apart. */
static double form(const double *u, int stride, const double *w)
{
    double sum = 0;
    for (int i = 0; i < N * N; ++i) sum += u[i / N * stride] * w[i] * u[i % N * stride];
    return sum;
}

int main(void)
{
    double x[2 * N], k[N * N] = {0}, half[N * N] = {0}, w[N * N] = {0}, kw[N * N] = {0}, u[N * N] = {0}, l[N] = {0};
    double e0[N], mode, seen, error;
    char label[64];
    int failed = 0;
    ntk_context *ctx = NULL;
    ntk_gram *gram = NULL;
    ntk_spectrum *spectrum = NULL;
    ntk_system *system = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    for (int i = 0; i < N; ++i) x[2 * i] = cos(i), x[2 * i + 1] = sin(i), e0[i] = cos(3.0 * i), half[i * N + i] = 0.5;
    for (int a = 0; a < N * N; ++a) /* K: the NTK of a wide two-layer ReLU network on points of the circle */
        TRY(ntk_relu_two_layer_ntk(ctx, 2, &x[a / N * 2], &x[a % N * 2], 1.5, 1, &k[a]));
    TRY(ntk_gram_from_matrix(ctx, MATRIX(k, N, N), &gram));
    TRY(ntk_spectrum_create(ctx, gram, NULL, &spectrum));
    TRY(ntk_spectrum_get_values(ctx, spectrum, VECTOR(l, N)));
    TRY(ntk_spectrum_get_vectors(ctx, spectrum, MATRIX(u, N, N)));
    TRY(ntk_system_from_gram(ctx, gram, NTK_KIND_NTK, &system));
    error = 4 * N * EPS * sum_of(N, l);
    puts("Watched for ever:");
    TRY(ntk_system_gramian(ctx, system, NTK_GRAMIAN_OBSERVABILITY, INFINITY, MATRIX(w, N, N)));
    TRY(ntk_gram_multiply(ctx, gram, NTK_KIND_NTK, MATRIX(w, N, N), MATRIX(kw, N, N)));
    failed |= differs("K W = 1/2", N * N, half, kw, error / l[N - 1] / 2);
    printf("Watched until T = %g:\n", T);
    TRY(ntk_system_gramian(ctx, system, NTK_GRAMIAN_OBSERVABILITY, T, MATRIX(w, N, N)));
    for (int i = 0; i < N; ++i) {
        snprintf(label, sizeof label, "eigenvalue %.4f, %.1f %% seen", l[i], -100 * expm1(-2 * l[i] * T));
        mode = -expm1(-2 * l[i] * T) / (2 * l[i]), seen = form(&u[i], N, w);
        failed |= differs(label, 1, &mode, &seen, error * T * T);
    }
    mode = energy(ctx, gram, e0), seen = form(e0, 1, w);
    error = T * pow(T / INTERVALS, 4) / 180 * pow(2 * l[0], 4) * pow(distance(N, e0, NULL), 2);
    failed |= differs("e(0)'W e(0), by integrating |e|^2", 1, &mode, &seen, error);
    ntk_system_destroy(system), ntk_spectrum_destroy(spectrum), ntk_gram_destroy(gram), ntk_context_destroy(ctx);
    return verdict(failed);
}
