/*
 * Where training ends: at the targets if K is regular, else at their projection.
 *
 * f(t) = y + exp(-K t)(f(0) - y).  As t -> infinity every mode with a positive eigenvalue dies out:
 *
 *     f(infinity) = P y + (1 - P) f(0),     P the projector on the range of K.
 *
 * K regular: P = 1 and the network interpolates, f = y.  If the inputs a and b coincide, so do two rows of K: K w = 0 for
 * w = (e_a - e_b)/sqrt 2, and 1 - P = w wᵀ.  The sum of the two outputs reaches y_a + y_b; their difference stays as it was.
 * Out of reach is w wᵀ(y - f(0)), and half of its square is the loss that remains.
 *
 * Bounds.  The computed eigenvectors of K turn by N eps trace(K)/l, l the smallest non-zero eigenvalue, so a projection of
 * f(0) - y errs by  b = 2 N eps (trace(K)/l) |f(0) - y|, the loss by |f(0) - y| b.  Cholesky is backward stable with N eps:
 * the predictor's K K⁻¹y errs by  2 N² eps (trace(K)/l) |y|.
 */
#include "check.h"

enum { N = 5, A = 2, B = 3 }; /* A and B are the inputs that coincide in the second case */
static const double y[N] = {0.5, -1, 2, 1, -0.5}, f0[N] = {0.1, 0.2, 0.3, 0.4, 0.5}; /* f(0) may differ there too */

/* Trains to t = infinity on the circle's points at these angles; reports f, the rank, the loss left and trace(K)/l. */
static int train(ntk_context *ctx, const ntk_kernel *kernel, const double *angle, int rank, double *f, double *loss, double *condition)
{
    double x[2 * N], values[N] = {0}, mean[N] = {0};
    int failed = 0;
    ntk_gram *gram = NULL;
    ntk_spectrum *spectrum = NULL;
    ntk_dynamics *dynamics = NULL;
    ntk_predictor *predictor = NULL;
    ntk_dynamics_options options = {NTK_DYNAMICS_OPTIONS_INIT, .tolerance = 1e-12, .f0 = VECTOR(f0, N)};

    for (int i = 0; i < N; ++i) x[2 * i] = cos(angle[i]), x[2 * i + 1] = sin(angle[i]);
    TRY(ntk_gram_create(ctx, kernel, MATRIX(x, N, 2), NULL, &gram));
    TRY(ntk_spectrum_create(ctx, gram, NULL, &spectrum));
    TRY(ntk_spectrum_get_values(ctx, spectrum, VECTOR(values, N)));
    *condition = sum_of(N, values) / values[rank - 1];
    TRY(ntk_dynamics_create(ctx, gram, VECTOR(y, N), &options, &dynamics));
    TRY(ntk_dynamics_at(ctx, dynamics, (double[]){INFINITY}, 1, MATRIX(f, 1, N)));
    TRY(ntk_dynamics_loss_at(ctx, dynamics, (double[]){INFINITY}, 1, VECTOR(loss, 1)));
    failed |= differs("rank of K", 1, (double[]){rank}, (double[]){(double)ntk_dynamics_rank(dynamics)}, 0);
    if (rank == N) {
        TRY(ntk_predictor_create(ctx, gram, VECTOR(y, N), NULL, &predictor));
        TRY(ntk_predictor_mean(ctx, predictor, MATRIX(x, N, 2), MATRIX(mean, N, 1)));
        failed |= differs("predictor at the training inputs", N, y, mean, 2 * N * N * EPS * *condition * distance(N, y, NULL));
    }
    ntk_predictor_destroy(predictor);
    ntk_dynamics_destroy(dynamics);
    ntk_spectrum_destroy(spectrum), ntk_gram_destroy(gram);
    return failed;
}

int main(void)
{
    const char *json = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": ["
                       "{\"op\": \"dense\", \"units\": 512, \"b_std\": 0.5}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}";
    const double apart[N] = {0, 1, 2, 3.5, 5}, together[N] = {0, 1, 2, 2, 5}, e0 = distance(N, f0, y);
    double f[N] = {0}, end[N], loss = 0, left, condition, gap = (y[A] - f0[A]) - (y[B] - f0[B]); /* sqrt 2 wᵀ(y - f(0)) */
    int failed = 0;
    ntk_context *ctx = NULL;
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    TRY(ntk_network_parse(ctx, json, &net));
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    puts("Five inputs apart: training ends at the targets.");
    failed |= train(ctx, kernel, apart, N, f, &loss, &condition);
    failed |= differs("f(infinity) = y", N, y, f, 2 * N * EPS * condition * e0);

    printf("Inputs %d and %d coincide, their targets do not: %+g and %+g of y, and %+g and %+g of y - f(0), are out of reach.\n", A, B,
        (y[A] - y[B]) / 2, (y[B] - y[A]) / 2, gap / 2, -gap / 2);
    failed |= train(ctx, kernel, together, N - 1, f, &loss, &condition);
    for (int i = 0; i < N; ++i) end[i] = y[i] - (i == A ? gap / 2 : i == B ? -gap / 2 : 0); /* P y + (1 - P) f(0) */
    for (int i = 0; i < N; ++i) failed |= differs("f(infinity) = P y + (1 - P) f(0)", 1, &end[i], &f[i], 2 * N * EPS * condition * e0);
    left = gap * gap / 4;
    failed |= differs("loss that remains", 1, &left, &loss, 2 * N * EPS * condition * e0 * e0);
    ntk_kernel_destroy(kernel), ntk_network_destroy(net), ntk_context_destroy(ctx);
    return verdict(failed);
}
