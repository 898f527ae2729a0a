/*
 * The empirical kernel layer by layer: of dense layers and convolutions from the factors of J, inputs and cotangents (factors_fill.c), without J;
 * of the other layers, where those of J itself are cheaper or there are no factors, from strips of their columns (strips.c).  Which layers go
 * which way is decided with the kernel (lib/finite/factors_choose.c).
 */
#include "kernel.h"
#include "real.h"

#include <math.h>

static void release(ntk_points *points)
{
    ntk_factors_clear(points->prepared);
    ntk_free(points->prepared);
}

static ntk_status prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    ntk_factors *f = NULL;
    ntk_status status = NTK_NEW(ctx, 1, &f);
    points->prepared = f;
    if (status != NTK_OK) return status;
    return ntk_factors_create(ctx, k->network, k->optimizer, k->outputs, k->factored, k->theta, points->n, points->x, f);
}

/* Finite, as far as it is filled: of a symmetric matrix (`same`) up to the sample itself. */
static ntk_status check_plane(ntk_context *ctx, const ntk_kernel *k, const ntk_factors_block *b, const char *what, const real *plane)
{
    ntk_status status = NTK_OK;
    int64_t o = k->per_sample, each = o * k->trailing;
    for (int64_t i = 0; plane && i < b->m; ++i) {
        int64_t n = b->a == b->b ? NTK_MIN(b->n, b->row + i + 1 - b->column) : b->n;
        if (n > 0) NTK_TRY(ntk_check_values(ctx, what, NTK_REAL, o, n * each, plane + i * o * b->ld, b->ld));
    }
done:
    return status;
}

static ntk_status check(ntk_context *ctx, const ntk_kernel *k, const ntk_factors_block *b, const ntk_tile *tile)
{
    ntk_status status;
    NTK_TRY(check_plane(ctx, k, b, "an entry of J D^-1 J'", tile->ntk));
    NTK_TRY(check_plane(ctx, k, b, "an entry of f f'", tile->nngp));
    for (int64_t l = 0; tile->layers && l < k->layers; ++l)
        NTK_TRY(check_plane(ctx, k, b, "a layer's term of J D^-1 J'", (real *)tile->layers + l * tile->layer_stride));
done:
    return status;
}

/* Are there layers that go by strips? */
static bool is_mixed(const ntk_kernel *k)
{
    return k->n_factored < k->layers;
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    const ntk_factors *u = a->prepared, *v = b->prepared;
    ntk_factors_block part = {u, v, k->outputs, row, m, column, n, tile->ld};
    if (tile->ntk || tile->layers) NTK_TRY_PART(ctx, 0, is_mixed(k) ? 0.3 : 0.9, ntk_factors_fill(ctx, &part, tile->ntk, tile->layers, tile->layer_stride));
    if ((tile->ntk || tile->layers) && is_mixed(k)) NTK_TRY_PART(ctx, 0.3, 0.9, ntk_strips_add(ctx, k, k->factored, a, row, m, b, column, n, tile));
    if (tile->nngp) NTK_TRY(ntk_empirical_contract(ctx, k->outputs, u->outputs, 1, u->f + row * u->outputs, m, v->f + column * u->outputs, n, tile->nngp, tile->ld));
    NTK_TRY(check(ctx, k, &part, tile));
done:
    return status;
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    const ntk_factors *f = a->prepared;
    int64_t width = k->per_sample * k->trailing;
    if (tile->ntk || tile->layers) NTK_TRY_PART(ctx, 0, 0.5, ntk_factors_diagonal(ctx, f, k->outputs, row, m, tile->ntk, tile->layers, tile->layer_stride));
    if ((tile->ntk || tile->layers) && is_mixed(k)) NTK_TRY_PART(ctx, 0.5, 1, ntk_strips_add_diagonal(ctx, k, k->factored, a, row, m, tile));
    if (tile->nngp) ntk_empirical_squares(k->outputs, f->outputs, 1, f->f + row * f->outputs, m, tile->nngp);
    for (int64_t l = 0; tile->layers && l < k->layers; ++l)
        NTK_TRY(ntk_check_values(ctx, "a layer's term of J D^-1 J'", NTK_REAL, m, width, (real *)tile->layers + l * tile->layer_stride, width));
    NTK_TRY(ntk_empirical_check(ctx, m, width, tile, width));
done:
    return status;
}

/* Flop of a pair, layer by layer. */
static double flops_of_pair(const ntk_kernel *k)
{
    double flops = 0;
    for (int64_t i = 0; i < k->network->n_steps; ++i) {
        const ntk_step *s = &k->network->steps[i];
        if (s->parametric < 0) continue;
        flops += !k->factored || k->factored[s->parametric] ? ntk_factor_flops(k->network, s, k->outputs) : ntk_rows_flops(k->network, s, k->outputs);
    }
    return flops;
}

static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    double o = (double)ntk_network_outputs(k->network);
    int64_t tile = NTK_MIN(k->tile, n);
    bool mixed = k->factored && is_mixed(k);
    (void)dtype;
    *cost = (ntk_cost){.prepared = ntk_factors_bytes(k->network, k->factored, NTK_REAL, n)};
    cost->preparing = ntk_finite_tape_bytes(ctx, k->network, n, 2, NTK_FACTORS_BUDGET) +
                      ntk_finite_tape_bytes(ctx, k->network, n, (int)fmin(o, 1 << 20), NTK_FACTORS_BUDGET);
    cost->tile = fmax(ntk_factors_fill_bytes(k->network, k->outputs, k->factored, tile, tile), mixed ? ntk_strips_bytes(ctx, k->network, 2 * (double)tile * o, tile) : 0);
    cost->diagonal = fmax(ntk_factors_fill_bytes(k->network, NTK_OUTPUTS_TRACE, k->factored, 1, 1),
                          mixed ? ntk_strips_bytes(ctx, k->network, o, NTK_MIN(n, NTK_DIAGONAL_SAMPLES)) : 0);
    cost->sample = ntk_finite_forward_flops(k->network) * (1 + o);
    cost->pair = flops_of_pair(k);
}

const ntk_kernel_class ntk_structured_kernel = {"empirical", 1 << NTK_REAL, false, 0.3, prepare, release, block, diagonal, cost};
