/*
 * The mean kernel of finite random networks (docs/mathematics.md §6): with theta_s drawn by the seed + s, s = 0 ... S-1,
 *
 *     mean = (1/S) sum_s K(theta_s),     error = sqrt( sum_s (K(theta_s) - mean)² / ((S - 1) S) ),
 *
 * K the trace kernel: of the outputs, equal in law, the mean.  Both come out of one pass over the samples (Welford 1962), which loses no
 * digits where the scatter is small.  The parameters of every sample are found again for every tile: nothing is kept between them.
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

/* The kernel of sample s; of masked samples the rows of J are kept. */
static ntk_status draw(ntk_context *ctx, const ntk_kernel *k, int64_t s, bool masked, double *theta, ntk_kernel **kernel)
{
    ntk_status status;
    ntk_kernel_options trace = {NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_TRACE, .algorithm = masked ? NTK_ALGORITHM_CONTRACTION : NTK_ALGORITHM_AUTO};
    ntk_array parameters = ntk_vector_f64(theta, k->network->n_parameters);
    NTK_TRY(ntk_network_initialize(ctx, k->network, k->seed + (uint64_t)s, &parameters));
    NTK_TRY(ntk_kernel_empirical(ctx, k->network, &parameters, NULL, &trace, kernel));
    (*kernel)->keeps = masked;
done:
    return status;
}

/* Samples [row, row + m) of a data set as one of its own; its masks and graphs stay the whole's. */
static ntk_points slice(const ntk_points *a, int64_t row, int64_t m)
{
    ntk_points p = {.dtype = a->dtype, .n = m, .d = a->d, .x = (const double *)a->x + row * a->d, .sites = a->sites};
    p.sites.n = m;
    if (p.sites.crop) p.sites.crop += row;
    if (p.sites.graph) p.sites.graph += row * p.sites.nodes * p.sites.nodes;
    return p;
}

static void close_slice(const ntk_kernel *one, ntk_points *p)
{
    p->sites = (ntk_sites){0};
    ntk_points_close(one, p);
}

/* What one draw delivers: pairs of a and b, b NULL: of a with itself; or, of a diagonal, every sample with itself. */
static ntk_status evaluate(ntk_context *ctx, const ntk_kernel *one, ntk_points *a, ntk_points *b, bool diagonal, const ntk_tile *tile)
{
    ntk_status status;
    NTK_TRY_PART(ctx, 0, 0.3, ntk_points_prepare(ctx, one, a));
    if (b) NTK_TRY_PART(ctx, 0.3, 0.6, ntk_points_prepare(ctx, one, b));
    if (diagonal) NTK_TRY(one->class->diagonal(ctx, one, a, 0, a->n, tile));
    else NTK_TRY_PART(ctx, 0.6, 1, one->class->block(ctx, one, a, 0, a->n, b ? b : a, 0, b ? b->n : a->n, tile));
done:
    if (b) close_slice(one, b);
    close_slice(one, a);
    return status;
}

/* Takes up value s of one plane: the mean so far, and the sum of squares about it. */
static void take_up(int64_t count, int64_t s, const double *value, double *mean, double *squares)
{
    for (int64_t i = 0; i < count; ++i) {
        double before = value[i] - mean[i];
        mean[i] += before / (double)(s + 1);
        squares[i] += before * (value[i] - mean[i]);
    }
}

/* Of one kind: this draw's values, their mean and their squares, dense [count] each, in one block. */
typedef struct plane {
    double *value, *mean, *squares;
    double *out, *error; /* where they go, row stride ld; NULL: not wanted */
} plane;

static ntk_status open_plane(ntk_context *ctx, int64_t count, double *out, double *error, plane *p)
{
    ntk_status status;
    *p = (plane){.out = out, .error = error};
    if (!out && !error) return NTK_OK;
    NTK_TRY(NTK_NEW(ctx, 3 * count, &p->value)); /* zero: entries above a diagonal are never written */
    p->mean = p->value + count;
    p->squares = p->mean + count;
done:
    return status;
}

/* The standard error of one draw is not known: infinite. */
static void store(const plane *p, int64_t samples, int64_t rows, int64_t n, int64_t ld)
{
    double scale = 1 / ((double)(samples - 1) * (double)samples);
    for (int64_t i = 0; p->value && i < rows; ++i)
        for (int64_t j = 0; j < n; ++j) {
            if (p->out) p->out[i * ld + j] = p->mean[i * n + j];
            if (p->error) p->error[i * ld + j] = sqrt(p->squares[i * n + j] * scale);
        }
}

/* One tile, or with `diagonal` m samples with themselves. */
static ntk_status fill(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                       int64_t column, int64_t n, bool diagonal, const ntk_tile *tile)
{
    ntk_status status;
    ntk_kernel *one = NULL;
    plane p[2] = {{0}};
    double *theta = NULL;
    int64_t width = diagonal ? 1 : n, samples = k->samples;
    bool masked = a->sites.n_crops > 1 || b->sites.n_crops > 1, same = diagonal || (a == b && row == column && m == n);
    NTK_TRY(NTK_NEW_RAW(ctx, k->network->n_parameters, &theta));
    NTK_TRY(open_plane(ctx, m * width, tile->ntk, tile->ntk_error, &p[0]));
    NTK_TRY(open_plane(ctx, m * width, tile->nngp, tile->nngp_error, &p[1]));
    for (int64_t s = 0; s < samples; ++s) {
        ntk_points left = slice(a, row, m), right = slice(b, column, n);
        ntk_tile values = {.ntk = p[0].value, .nngp = p[1].value, .ld = width};
        NTK_TRY(draw(ctx, k, s, masked, theta, &one));
        NTK_TRY_PART(ctx, (double)s / (double)samples, (double)(s + 1) / (double)samples,
                     evaluate(ctx, one, &left, same ? NULL : &right, diagonal, &values));
        for (int i = 0; i < 2; ++i)
            if (p[i].value) take_up(m * width, s, p[i].value, p[i].mean, p[i].squares);
        ntk_kernel_destroy(one);
        one = NULL;
    }
    for (int i = 0; i < 2; ++i) store(&p[i], samples, m, width, diagonal ? 1 : tile->ld);
done:
    ntk_kernel_destroy(one);
    for (int i = 0; i < 2; ++i) ntk_free(p[i].value);
    ntk_free(theta);
    return status;
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    return fill(ctx, k, a, row, m, b, column, n, false, tile);
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    return fill(ctx, k, a, row, m, a, row, m, true, tile);
}

/* Both sides of a tile with their factors or rows of J, and three planes per kind; every draw anew for every tile. */
static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    const ntk_kernel_class *class = ntk_factors_fit(k->network, NULL) && ntk_factors_plain(k->network) ? &ntk_structured_kernel : &ntk_empirical_kernel;
    double tile = (double)NTK_MIN(k->tile, n), tiles = ceil((double)n / (double)k->tile), draws = (double)k->samples;
    ntk_cost one = {0};
    class->cost(ctx, k, dtype, NTK_MIN(k->tile, n), &one);
    *cost = (ntk_cost){.sample = draws * one.sample * (1 + tiles), .pair = draws * (one.pair + 10)};
    cost->tile = 2 * one.prepared + one.preparing + one.tile + 8 * (2 * (double)k->network->n_parameters + 6 * tile * tile);
    cost->diagonal = cost->tile;
}

const ntk_kernel_class ntk_monte_carlo_kernel = {"Monte Carlo", NTK_TAKES_F64, false, 0, NULL, NULL, block, diagonal, cost};
