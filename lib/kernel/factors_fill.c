/*
 * Theta of dense layers and convolutions from the factors of J (lib/finite/factors.c; docs/mathematics.md §6.1, algorithm 3, and §6.3): per layer
 * with inputs x_d and cotangents delta_d at S positions d, and the sum over layers
 *
 *     full      sum over d, e of (x_id · x_je) (delta_iqd · delta_jre)
 *     trace     (1/o) sum over d, e of (x_id · x_je) (sum over q of delta_iqd · delta_jqe)
 *     diagonal  as full, q = r
 *
 * S = 1: (X Xᵀ x 1_o) o (Delta Deltaᵀ), n² o² units + n² width products.  Else S² times as many (position Grams), and where each position has its
 * own weights S times, d = e.  Layers whose outputs share their cotangents, the last two of a network most often, take half of them or none
 * (pairing_shared.c).  The result is filled tile by tile, all layers of a tile while it is near: it is written to memory once, twice with such a
 * layer.  The error of an entry is at most gamma_(u + w + S² + layers) times the sum of the absolute values.
 */
#include "pairing.h"
#include "real.h"

#include <math.h>

/* Rows and columns of a tile of the result, whose bytes are those of a block of products (pairing.c). */
#define TILE_ROWS 1024
#define TILE_BYTES ((int64_t)8 << 20)
#define TILE_COLUMNS (TILE_BYTES / TILE_ROWS / (int64_t)sizeof(real))

static void clear_block(int64_t rows, int64_t n, real *out, int64_t ld)
{
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < n; ++j) out[i * ld + j] = 0;
}

/* One layer of a block, and of a wide layer another one that goes with it, or -1. */
typedef struct term {
    int64_t layer, flat;
} term;

static ntk_pairing pairing_of(const ntk_factors_block *b, int64_t l, int64_t q)
{
    return ntk_pairing_of(&b->a->layers[l], &b->b->layers[l], b->a->rule, b->outputs, b->a->outputs, q, b->a == b->b);
}

static ntk_status one_pairing(ntk_context *ctx, const ntk_factors_block *b, const term *t, int64_t q, ntk_pairing_rooms *w, const ntk_pairing_target *to)
{
    ntk_pairing p = pairing_of(b, t->layer, q), flat = pairing_of(b, NTK_MAX(t->flat, 0), q);
    if (!p.a->weights) return ntk_pairing_add(ctx, &p, b->row, b->m, b->column, b->n, w, to);
    return ntk_pairing_add_shared(ctx, &p, t->flat < 0 ? NULL : &flat, b->row, b->m, b->column, b->n, w, to);
}

/* A term by the rule of `outputs`. */
static ntk_status one_term(ntk_context *ctx, const ntk_factors_block *b, const term *t, ntk_pairing_rooms *w, bool add, real *out)
{
    ntk_status status = NTK_OK;
    int64_t parts = b->outputs == NTK_OUTPUTS_DIAGONAL ? b->a->outputs : 1;
    for (int64_t q = 0; q < parts; ++q)
        NTK_TRY_PART(ctx, (double)q / (double)parts, (double)(q + 1) / (double)parts,
                     one_pairing(ctx, b, t, q, w, &(ntk_pairing_target){out + q, b->ld, parts, add}));
done:
    return status;
}

/* ---- the layers of a tile ---------------------------------------------------------------------------------------- */

/* Those whose panels are wide go over the whole block; one without slopes goes with the first of them, where only the sum is wanted. */
static bool is_wide(const ntk_factor *f)
{
    return f->inputs && f->weights && f->cotangents;
}

static bool is_flat(const ntk_factor *f)
{
    return f->inputs && f->weights && !f->cotangents;
}

static int64_t flat_of(const ntk_factors *f)
{
    for (int64_t l = 0; l < f->count; ++l)
        if (is_flat(&f->layers[l])) return l;
    return -1;
}

/* What a call fills. */
typedef struct filling {
    real *sum, *layers;
    int64_t stride; /* from one layer's plane to the next */
    int64_t flat;   /* the layer that goes with the first wide one, or -1 */
} filling;

/* The layers that are `wide`, or the others; add: the sum holds something. */
static ntk_status some_layers(ntk_context *ctx, const ntk_factors_block *b, bool wide, ntk_pairing_rooms *w, bool add, const filling *f)
{
    ntk_status status = NTK_OK;
    double count = (double)b->a->count;
    for (int64_t l = 0; l < b->a->count; ++l) {
        real *plane = f->layers ? f->layers + l * f->stride : NULL;
        term t = {l, wide && !add ? f->flat : -1}, alone = {l, -1};
        if (!b->a->layers[l].inputs || is_wide(&b->a->layers[l]) != wide || l == f->flat) continue;
        if (plane) NTK_TRY_PART(ctx, (double)l / count, ((double)l + 0.5) / count, one_term(ctx, b, &alone, w, false, plane));
        if (f->sum) NTK_TRY_PART(ctx, ((double)l + (plane ? 0.5 : 0)) / count, (double)(l + 1) / count, one_term(ctx, b, &t, w, add, f->sum));
        add = true;
    }
done:
    return status;
}

static real *advance(real *plane, int64_t numbers)
{
    return plane ? plane + numbers : NULL;
}

/* Samples of so many rows of the result. */
static int64_t samples_of(int64_t rows, int64_t per_sample)
{
    return NTK_MAX(1, rows / per_sample);
}

/* The layers that are not wide, tile by tile. */
static ntk_status by_tiles(ntk_context *ctx, const ntk_factors_block *b, ntk_pairing_rooms *w, bool add, const filling *f)
{
    ntk_status status = NTK_OK;
    int64_t each = b->outputs == NTK_OUTPUTS_FULL ? b->a->outputs : 1, numbers = b->outputs == NTK_OUTPUTS_TRACE ? 1 : b->a->outputs;
    int64_t rows = samples_of(TILE_ROWS, each), columns = samples_of(TILE_COLUMNS, numbers);
    for (int64_t i = 0; i < b->m; i += rows) {
        int64_t m = NTK_MIN(rows, b->m - i), end = b->a == b->b ? NTK_MIN(b->n, b->row + i + m - b->column) : b->n;
        for (int64_t j = 0; j < end; j += columns) {
            ntk_factors_block tile = {b->a, b->b, b->outputs, b->row + i, m, b->column + j, NTK_MIN(columns, end - j), b->ld};
            int64_t at = i * each * b->ld + j * numbers;
            filling part = {advance(f->sum, at), advance(f->layers, at), f->stride, f->flat};
            NTK_TRY_PART(ctx, (double)i / (double)b->m, (double)(i + m) / (double)b->m, some_layers(ctx, &tile, false, w, add, &part));
        }
    }
done:
    return status;
}

static int64_t count_layers(const ntk_factors *f, bool wide)
{
    int64_t count = 0;
    for (int64_t l = 0; l < f->count; ++l) count += f->layers[l].inputs && is_wide(&f->layers[l]) == wide;
    return count;
}

ntk_status ntk_factors_fill(ntk_context *ctx, const ntk_factors_block *b, real *sum, real *layers, int64_t layer_stride)
{
    ntk_status status = NTK_OK;
    ntk_pairing_rooms w = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    int64_t wide = count_layers(b->a, true), others = count_layers(b->a, false);
    int64_t rows = b->m * (b->outputs == NTK_OUTPUTS_FULL ? b->a->outputs : 1), width = b->n * (b->outputs == NTK_OUTPUTS_TRACE ? 1 : b->a->outputs);
    filling f = {sum, layers, layer_stride, wide > 0 && !layers ? flat_of(b->a) : -1};
    for (int64_t l = 0; layers && l < b->a->count; ++l)
        if (!b->a->layers[l].inputs) clear_block(rows, width, layers + l * layer_stride, b->ld);
    if (sum && wide + others == 0) clear_block(rows, width, sum, b->ld);
    if (wide > 0) NTK_TRY_PART(ctx, 0, others > 0 ? 0.4 : 1, some_layers(ctx, b, true, &w, false, &f));
    if (others > 0) NTK_TRY_PART(ctx, wide > 0 ? 0.4 : 0, 1, by_tiles(ctx, b, &w, wide > 0, &f));
done:
    ntk_pairing_close(&w);
    return status;
}

double ntk_factors_fill_bytes(const ntk_network *network, ntk_outputs outputs, const bool *chosen, int64_t m, int64_t n)
{
    double most[5] = {0};
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric < 0 || s->rate == 0 || (chosen && !chosen[s->parametric])) continue;
        if (outputs == NTK_OUTPUTS_FULL && ntk_factor_shares(network, s, outputs)) ntk_pairing_count_shared(network, s, m, n, most);
        else ntk_pairing_count(network, s, outputs, m, n, most);
    }
    return sizeof(real) * (most[0] + most[1] + most[2] + most[3] + most[4]);
}
