/*
 * Samples with themselves, from the factors of J: per layer sum over positions d, e of (x_d · x_e) (delta_qd · delta_qe), which without
 * positions, or where each has its own weights, is |x_d|² |delta_qd|².
 */
#include "pairing.h"
#include "real.h"

static void clear(int64_t n, real *out)
{
    for (int64_t j = 0; j < n; ++j) out[j] = 0;
}

/* |delta|² of output q at position d; of shared ones sum over u of (w_qu s_u)². */
static double square_of(const ntk_factors *f, const ntk_factor *layer, int64_t sample, int64_t q, int64_t d)
{
    int64_t u = layer->units, s = layer->positions, row = f->rule == NTK_OUTPUTS_FULL ? q * s + d : d * layer->rows + q;
    double sum = 0;
    if (!layer->weights) return ntk_square_sum(u, layer->cotangents + (sample * layer->rows * s + row) * u);
    for (int64_t k = 0; k < u; ++k) {
        double v = (double)layer->weights[q * u + k] * (layer->cotangents ? (double)layer->cotangents[sample * u + k] : 1);
        sum += v * v;
    }
    return sum;
}

/* out += |x_d|² |delta_qd|² at every position. */
static ntk_status add_single(ntk_context *ctx, const ntk_factors *f, const ntk_factor *layer, ntk_outputs outputs, int64_t sample, ntk_pairing_rooms *w, real *out)
{
    ntk_status status;
    bool trace = outputs == NTK_OUTPUTS_TRACE;
    int64_t s = layer->positions, o = layer->weights ? f->outputs : layer->rows;
    const real *x;
    NTK_TRY(ntk_pairing_inputs(ctx, &(ntk_pairing){0}, layer, sample, 1, 0, s, &w->left, &x));
    for (int64_t d = 0; d < s; ++d) {
        double square = ntk_square_sum(layer->width, x + d * layer->width) / (trace ? (double)f->outputs : 1);
        for (int64_t q = 0; q < o; ++q) out[trace ? 0 : q] += (real)(square * square_of(f, layer, sample, q, d));
    }
done:
    return status;
}

/* Of one sample and layer, every output or their mean. */
static ntk_status add_sample(ntk_context *ctx, const ntk_factors *f, const ntk_factor *layer, ntk_outputs outputs, int64_t sample, ntk_pairing_rooms *w, real *out)
{
    ntk_status status = NTK_OK;
    bool trace = outputs == NTK_OUTPUTS_TRACE;
    if (layer->apart || layer->positions == 1) return add_single(ctx, f, layer, outputs, sample, w, out);
    for (int64_t q = 0; q < (trace ? 1 : f->outputs); ++q) {
        ntk_pairing p = ntk_pairing_of(layer, layer, f->rule, trace ? outputs : NTK_OUTPUTS_DIAGONAL, f->outputs, q, false);
        NTK_TRY(ntk_pairing_add(ctx, &p, sample, 1, sample, 1, w, &(ntk_pairing_target){out + q, 1, 1, true}));
    }
done:
    return status;
}

ntk_status ntk_factors_diagonal(ntk_context *ctx, const ntk_factors *f, ntk_outputs outputs, int64_t row, int64_t m, real *sum, real *layers, int64_t layer_stride)
{
    ntk_status status = NTK_OK;
    ntk_pairing_rooms w = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    int64_t each = outputs == NTK_OUTPUTS_TRACE ? 1 : f->outputs;
    if (sum) clear(m * each, sum);
    for (int64_t l = 0; l < f->count; ++l) {
        real *plane = layers ? layers + l * layer_stride : NULL;
        if (plane) clear(m * each, plane);
        for (int64_t i = 0; f->layers[l].inputs && i < m; ++i) {
            double from = ((double)l + (double)i / (double)m) / (double)f->count, to = from + 1 / ((double)m * (double)f->count);
            if (plane) NTK_TRY_PART(ctx, from, to, add_sample(ctx, f, &f->layers[l], outputs, row + i, &w, plane + i * each));
            if (sum) NTK_TRY_PART(ctx, from, to, add_sample(ctx, f, &f->layers[l], outputs, row + i, &w, sum + i * each));
        }
    }
done:
    ntk_pairing_close(&w);
    return status;
}
