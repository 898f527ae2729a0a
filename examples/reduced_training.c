/*
 * Training with a few modes: the loss curve of a reduced model, and how far off it can be.
 *
 * The error of gradient flow obeys e' = -K e.  Its loss is an impulse response: with g(t) = e(0)' exp(-K t) e(0), L(t) = |e(t)|^2/2 = g(2t)/2, and
 * g belongs to the linear system A = -K, B = e(0), C = e(0)'.  Balanced truncation to k states keeps the Hankel values s_1 ... s_k; the transfer
 * functions differ by at most bound = 2 (s_{k+1} + ...) at every frequency (Glover 1984).  Of this symmetric system both Gramians are one W,
 * H(0) = e(0)' K^-1 e(0) = 2 tr W = 2 (s_1 + ... + s_n), and that of k states is 2 (s_1 + ... + s_k): the bound is attained at frequency 0, and
 *
 *     the area under the loss, H(0)/4, is predicted short by exactly bound/4.
 *
 * The bound of the difference: W, and with it each s, is good to a few N eps s_1, and N of them are summed.
 * With the name of a file as argument the curves are written there, for reduced_training.gp.
 */
#include "check.h"

enum { N = 24, TIMES = 161, MODELS = 4 };
#define STEP 0.05

/* L(t) = g(2t)/2 at t = 0, STEP, ..., of (A, B, C) with one input: g(t) = C exp(A t) B. */
static void loss_curve(ntk_context *ctx, const ntk_system *s, double *loss)
{
    double b[N] = {0}, times[TIMES];
    int k = (int)ntk_system_size(s);
    for (int i = 0; i < TIMES; ++i) times[i] = 2 * STEP * i;
    TRY(ntk_system_get_matrices(ctx, s, NULL, MATRIX(b, k, 1), NULL));
    TRY(ntk_system_response(ctx, s, VECTOR(b, k), times, TIMES, MATRIX(loss, TIMES, 1)));
    for (int i = 0; i < TIMES; ++i) loss[i] /= 2;
}

/* H(0)/4 = C (-A)^-1 B/4, the area under the loss. */
static double area_of(ntk_context *ctx, const ntk_system *s)
{
    double a[N * N] = {0}, b[N] = {0}, c[N] = {0}, sum = 0;
    int k = (int)ntk_system_size(s);
    ntk_gram *gram = NULL;
    ntk_solver *solver = NULL;
    TRY(ntk_system_get_matrices(ctx, s, MATRIX(a, k, k), MATRIX(b, k, 1), MATRIX(c, 1, k)));
    for (int i = 0; i < k * k; ++i) a[i] = -a[i];
    TRY(ntk_gram_from_matrix(ctx, MATRIX(a, k, k), &gram));
    TRY(ntk_solver_create(ctx, gram, NULL, &solver));
    TRY(ntk_solver_solve(ctx, solver, MATRIX(b, k, 1), MATRIX(b, k, 1)));
    for (int i = 0; i < k; ++i) sum += c[i] * b[i] / 4;
    ntk_solver_destroy(solver), ntk_gram_destroy(gram);
    return sum;
}

static int write_curves(const char *path, double loss[MODELS][TIMES])
{
    FILE *out = fopen(path, "w");
    if (!out) return 1;
    fprintf(out, "time,all modes,1 mode,2 modes,3 modes\n");
    for (int i = 0; i < TIMES; ++i) fprintf(out, "%g,%g,%g,%g,%g\n", STEP * i, loss[0][i], loss[1][i], loss[2][i], loss[3][i]);
    return fclose(out) != 0;
}

int main(int argc, char **argv)
{
    double x[2 * N], a[N * N] = {0}, e0[N], loss[MODELS][TIMES] = {{0}}, sigma[N] = {0}, theory, area, missing, bound = 0, worst;
    int failed = 0;
    char label[64];
    ntk_context *ctx = NULL;
    ntk_system *full = NULL, *reduced = NULL;
    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    for (int i = 0; i < N; ++i) x[2 * i] = cos(i), x[2 * i + 1] = sin(i), e0[i] = -cos(i) - 0.3 * cos(4.0 * i) - 0.2 * cos(i * i);
    for (int i = 0; i < N * N; ++i) { /* A = -K, K the NTK of a wide two-layer ReLU network on points of the circle; e(0) = -y */
        TRY(ntk_relu_two_layer_ntk(ctx, 2, &x[i / N * 2], &x[i % N * 2], 1.5, 1, &a[i]));
        a[i] = -a[i];
    }
    TRY(ntk_system_from_matrices(ctx, MATRIX(a, N, N), MATRIX(e0, N, 1), MATRIX(e0, 1, N), &full));
    TRY(ntk_system_hankel(ctx, full, VECTOR(sigma, N)));
    loss_curve(ctx, full, loss[0]);
    area = area_of(ctx, full), theory = sum_of(N, sigma) / 2;
    failed |= differs("area under the loss: half the sum", 1, &theory, &area, 2 * N * N * EPS * sigma[0]);
    for (int k = 1; k < MODELS; ++k, ntk_system_destroy(reduced)) {
        TRY(ntk_system_reduce(ctx, full, k, &bound, &reduced));
        loss_curve(ctx, reduced, loss[k]);
        theory = bound / 4, missing = area - area_of(ctx, reduced), worst = 0;
        for (int i = 0; i < TIMES; ++i) worst = fmax(worst, fabs(loss[k][i] - loss[0][i]) / loss[0][0]);
        snprintf(label, sizeof label, "%d of %d modes: area short by", k, N);
        failed |= differs(label, 1, &theory, &missing, 4 * N * N * EPS * sigma[0]);
        printf("    the curve of %d mode%s is off by at most %.2g of the first loss\n", k, k > 1 ? "s" : "", worst);
    }
    if (argc > 1) failed |= write_curves(argv[1], loss);
    ntk_system_destroy(full), ntk_context_destroy(ctx);
    return verdict(failed);
}
