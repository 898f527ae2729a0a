/*
 * A network that this library knows nothing of: f(theta, x) = sum_k a_k tanh(w_k x + b_k), written by hand, as any framework could
 * stand behind it.  Its jvp and vjp are all that is needed: the library makes J, the kernel K = J Jᵀ and its modes out of them.
 * Checked: the two functions belong to one matrix; K agrees with the one of finite differences of f.
 */
#include "check.h"

enum { M = 6, P = 3 * M, N = 8 }; /* hidden units; parameters a, w, b; samples */

static double theta[P];

static double input(int i) { return -1 + 2.0 * i / (N - 1); }

/* The row of J of one sample. */
static void gradient(const double *t, double x, double *g)
{
    for (int k = 0; k < M; ++k) {
        double h = tanh(t[M + k] * x + t[2 * M + k]), slope = t[k] * (1 - h * h);
        g[k] = h;
        g[M + k] = slope * x;
        g[2 * M + k] = slope;
    }
}

static int jvp(void *user, int64_t columns, const double *v, int64_t rows, double *out)
{
    double g[P];
    for (int i = 0; i < rows; ++i) {
        gradient(user, input(i), g);
        out[i] = 0;
        for (int j = 0; j < columns; ++j) out[i] += g[j] * v[j];
    }
    return 0;
}

static int vjp(void *user, int64_t rows, const double *u, int64_t columns, double *out)
{
    double g[P];
    for (int j = 0; j < columns; ++j) out[j] = 0;
    for (int i = 0; i < rows; ++i) {
        gradient(user, input(i), g);
        for (int j = 0; j < columns; ++j) out[j] += g[j] * u[i];
    }
    return 0;
}

static int forward(void *user, int64_t columns, const double *t, int64_t rows, double *f)
{
    (void)user, (void)columns;
    for (int i = 0; i < rows; ++i) {
        f[i] = 0;
        for (int k = 0; k < M; ++k) f[i] += t[k] * tanh(t[M + k] * input(i) + t[2 * M + k]);
    }
    return 0;
}

int main(void)
{
    double k[2][N * N], error, nothing = 0;
    int failed = 0;
    ntk_context *ctx = NULL;
    ntk_jacobian *j[2] = {NULL, NULL};
    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    for (int i = 0; i < P; ++i) theta[i] = sin(1 + 2.0 * i);

    TRY(ntk_jacobian_from_callbacks(ctx, &(ntk_jacobian_functions){NTK_JACOBIAN_FUNCTIONS_INIT, N, P, 1, theta, jvp, vjp, NULL}, &j[0]));
    TRY(ntk_jacobian_from_function(ctx, forward, NULL, VECTOR(theta, P), N, 1, NULL, &j[1]));
    TRY(ntk_jacobian_adjoint_error(ctx, j[0], 1, &error));
    for (int i = 0; i < 2; ++i) {
        ntk_gram *gram = NULL;
        TRY(ntk_gram_from_jacobian(ctx, j[i], NULL, &gram));
        TRY(ntk_gram_get_block(ctx, gram, NTK_KIND_NTK, 0, 0, MATRIX(k[i], N, N)));
        ntk_gram_destroy(gram);
        ntk_jacobian_destroy(j[i]);
    }
    puts("A network of one's own, K = J J' from its jvp and vjp:");
    failed |= differs("<u, J v> - <J' u, v>", 1, &nothing, &error, 10 * P * EPS);
    failed |= differs("K by finite differences", N * N, k[0], k[1], 1e-8);
    ntk_context_destroy(ctx);
    return verdict(failed);
}
