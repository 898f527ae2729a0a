/*
 * What depth does to training.  Four families of L hidden layers, a linear layer on top, inputs with |x|² = d, c = cos(x, x'):
 *
 *                      Sigma(x, x')          Theta(x, x')
 *     linear           c                     (L + 1) c
 *     linear residual  (1 + 1/L)^L c         (1 + 1/L)^L (1 + 1/(1 + 1/L)) c         z + L^-1/2 W z
 *     ReLU             1 on the diagonal     L + 1 on the diagonal; elsewhere Theta/(L + 1) -> 1/4, whatever the inputs: 1/4 + O(log L / L)
 *     ReLU residual    (1 + 1/L)^L there     2e on the diagonal, in the limit        z + (2/L)^1/2 W relu(z)
 *
 * (docs/mathematics.md §2; Jacot et al. 2018; Belfer, Geifman, Galun & Basri 2024.)  At a fixed step of gradient descent the time until
 * the loss is 1e-3 of what it was is set by the smallest eigenvalue, which grows with depth without residual connections.  But so does the
 * largest, and the largest step that converges is 2/lambda_max: counted in steps of 1/lambda_max the time is set by their ratio, which
 * neither depth nor residual connections of size L^-1/2 spoil.  ReLU layers without them forget angles: Sigma tends to a constant,
 * Theta to three parts of the identity and one of a constant, and what is learnt no longer generalises.
 *
 *     depth [TABLE]       TABLE: file for the numbers; examples/depth.gp draws them
 *
 * Bounds: a hundred operations of one rounding each per layer at most, of which most cancel: 4 eps L relative.
 */
#include "check.h"

#include <stdbool.h>

enum { N = 8, D = 16, DEPTHS = 7, FAMILIES = 4 };
static const int depths[DEPTHS] = {1, 3, 10, 30, 100, 300, 1000};
enum { LINEAR, LINEAR_RESIDUAL, RELU, RELU_RESIDUAL };

/* %d: depth, %.17g: size of a residual */
static const struct {
    const char *name, *layers;
} families[FAMILIES] = {
    {"linear", "{\"op\": \"repeat\", \"times\": %d, \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": %.0f}]}"},
    {"linear residual", "{\"op\": \"repeat\", \"times\": %d, \"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[], "
                        "[{\"op\": \"dense\", \"units\": 16, \"w_std\": %.17g}]]}]}"},
    {"ReLU", "{\"op\": \"repeat\", \"times\": %d, \"layers\": [{\"op\": \"dense\", \"units\": 8, \"w_std\": %.17g}, {\"op\": \"relu\"}]}"},
    {"ReLU residual", "{\"op\": \"dense\", \"units\": 8, \"train\": false}, {\"op\": \"repeat\", \"times\": %d, \"layers\": [{\"op\": \"branch\", \"merge\": \"sum\", "
                      "\"branches\": [[], [{\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 8, \"w_std\": %.17g}]]}]}"},
};

typedef struct row {
    double nngp[N * N], ntk[N * N];
    double largest, condition, time, steps;
} row;

static ntk_kernel *kernel_of(ntk_context *ctx, int family, int depth)
{
    const double sizes[FAMILIES] = {1, sqrt(1.0 / depth), sqrt(2), sqrt(2.0 / depth)};
    char layers[1000], json[1200];
    ntk_network *net = NULL;
    ntk_kernel *kernel = NULL;
    snprintf(layers, sizeof layers, families[family].layers, depth, sizes[family]);
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [16], \"layers\": [%s, {\"op\": \"dense\", \"units\": 1}]}", layers);
    TRY(ntk_network_parse(ctx, json, &net));
    TRY(ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    return kernel;
}

/* Random directions of length d^1/2, and a target. */
static void data(double *x, double *y)
{
    for (int i = 0; i < N; ++i) {
        double length;
        for (int j = 0; j < D; ++j) x[i * D + j] = sin(1 + 7.3 * i + 2.9 * j * (i + 1));
        length = distance(D, x + i * D, NULL);
        for (int j = 0; j < D; ++j) x[i * D + j] *= sqrt(D) / length;
        y[i] = i % 2 ? 1 : -1;
    }
}

/* Kernels on the data, and what they mean for training. */
static void measure(ntk_context *ctx, int family, int depth, double *x, double *y, row *r)
{
    double values[N];
    ntk_kernel *kernel = kernel_of(ctx, family, depth);
    ntk_gram *gram = NULL;
    ntk_spectrum *spectrum = NULL;
    ntk_dynamics *dynamics = NULL;
    TRY(ntk_kernel_eval(ctx, kernel, MATRIX(x, N, D), NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = MATRIX(r->ntk, N, N), .nngp = MATRIX(r->nngp, N, N)}));
    TRY(ntk_gram_create(ctx, kernel, MATRIX(x, N, D), NULL, &gram));
    TRY(ntk_spectrum_create(ctx, gram, NULL, &spectrum));
    TRY(ntk_spectrum_get_values(ctx, spectrum, VECTOR(values, N)));
    TRY(ntk_dynamics_create(ctx, gram, VECTOR(y, N), NULL, &dynamics));
    TRY(ntk_dynamics_time_to_loss(ctx, dynamics, 1e-3 * N / 2, &r->time));
    r->largest = values[0];
    r->condition = values[0] / values[N - 1];
    r->steps = r->time * values[0]; /* of 1/lambda_max */
    ntk_dynamics_destroy(dynamics), ntk_spectrum_destroy(spectrum), ntk_gram_destroy(gram), ntk_kernel_destroy(kernel);
}

/* The closed forms of the table above: all entries, or those of the diagonal. */
static int check_kernels(int family, int depth, const double *x, const row *r)
{
    const double L = depth, growth = pow(1 + 1 / L, L), bound = 4 * L * EPS;
    const double sigma[FAMILIES] = {1, growth, 1, growth}, theta[FAMILIES] = {L + 1, growth * (1 + 1 / (1 + 1 / L)), L + 1, growth * (1 + 1 / (1 + 1 / L))};
    bool all = family == LINEAR || family == LINEAR_RESIDUAL;
    double wanted[2][N * N], got[2][N * N];
    int count = 0;
    for (int i = 0; i < N * N; ++i) {
        double c = 0;
        if (!all && i % (N + 1) != 0) continue;
        for (int j = 0; j < D; ++j) c += x[i / N * D + j] * x[i % N * D + j] / D;
        wanted[0][count] = sigma[family] * c, got[0][count] = r->nngp[i];
        wanted[1][count] = theta[family] * c, got[1][count++] = r->ntk[i];
    }
    return differs("Sigma", count, wanted[0], got[0], (bound + 40 * EPS) * sigma[family]) | differs("Theta", count, wanted[1], got[1], (bound + 40 * EPS) * theta[family]);
}

/* Depth without residual connections: off the diagonal Theta/(L + 1) comes to 1/4, as log L / L. */
static int check_forgetting(const row *r)
{
    double share[N * N], quarter[N * N], L = depths[DEPTHS - 1];
    int count = 0;
    for (int i = 0; i < N * N; ++i)
        if (i % (N + 1) != 0) share[count] = r->ntk[i] / (L + 1), quarter[count++] = 0.25;
    return differs("ReLU, depth 1000: Theta/(L + 1)", count, quarter, share, 2 * log(L) / L);
}

static int write_table(const char *path, row rows[FAMILIES][DEPTHS])
{
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        return 1;
    }
    fputs("depth", file);
    for (int f = 0; f < FAMILIES; ++f) fprintf(file, ",time %s,steps %s", families[f].name, families[f].name);
    for (int i = 0; i < DEPTHS; ++i) {
        fprintf(file, "\n%d", depths[i]);
        for (int f = 0; f < FAMILIES; ++f) fprintf(file, ",%g,%g", rows[f][i].time, rows[f][i].steps);
    }
    fputc('\n', file);
    return fclose(file) != 0;
}

int main(int argc, char **argv)
{
    static row rows[FAMILIES][DEPTHS];
    double x[N * D], y[N];
    int failed = 0;
    ntk_context *ctx = NULL;

    if (ntk_context_create(NULL, &ctx) != NTK_OK) return 2;
    data(x, y);
    for (int f = 0; f < FAMILIES; ++f) {
        printf("%s:\n  depth  lambda_max   condition   time at a fixed step   steps of 1/lambda_max\n", families[f].name);
        for (int i = 0; i < DEPTHS; ++i) {
            row *r = &rows[f][i];
            measure(ctx, f, depths[i], x, y, r);
            printf("  %5d  %10.4g  %10.4g  %21.4g  %22.4g\n", depths[i], r->largest, r->condition, r->time, r->steps);
        }
        for (int i = 0; i < DEPTHS; ++i) failed |= check_kernels(f, depths[i], x, &rows[f][i]);
    }
    failed |= check_forgetting(&rows[RELU][DEPTHS - 1]);
    ntk_context_destroy(ctx);
    if (argc > 1) failed |= write_table(argv[1], rows);
    return verdict(failed);
}
