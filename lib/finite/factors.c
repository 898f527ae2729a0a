/*
 * J of dense layers and convolutions, layer by layer, without J.  For z_d = a W x_d + c b at each position d, x_d what the layer reads there, with
 * delta_d = d f_q / d z_d, the row of J that belongs to sample i and output q is, in the columns of this layer,
 *
 *     sum over d of delta_iqd [a x_id, c]ᵀ:     outer products, one without positions,
 *
 * so that the layer's term of J D⁻¹ Jᵀ is a sum of products of two small Gram matrices (docs/mathematics.md §6.1, algorithm 3, and §6.3):
 *
 *     sum over d, e of (delta_iqd · delta_jre) (a² x_id · x_je + c²)
 *
 * (conv_local, whose positions have weights of their own: over d = e).  Nothing of J is formed; what is kept are inputs and cotangents.
 * D takes part where it is an outer product too, D = g hᵀ over [units, fan_in + 1]: each side is divided by a root of its factor.
 * Adam's D is not, in general; then the layer's columns of J have to be contracted.  The rate r of a layer goes with x.
 */
#include "finite.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* ---- the two factors ------------------------------------------------------------------------------------------- */

/* What column c of the inputs is multiplied by: sqrt(r) a, of the bias sqrt(r) c, over the root of h, h_c = D_0c. */
static double input_scale(const ntk_optimizer *optimizer, const ntk_step *s, int64_t copy, int64_t c)
{
    ntk_affine affine = ntk_step_affine(s);
    return sqrt(s->rate) * (c < s->fan_in ? affine.weight_scale : affine.bias_scale) / sqrt(ntk_factor_d(optimizer, s, copy, 0, c));
}

/* Numbers per piece of work: enough to pay for a thread. */
#define GRAIN 16384

typedef struct input_job {
    int64_t fan_in, width;
    const real *scale, *x;
    real *out;
} input_job;

static void take_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const input_job *j = user;
    (void)worker;
    for (int64_t i = begin; i < end; ++i) {
        real *out = j->out + i * j->width;
        for (int64_t c = 0; c < j->fan_in; ++c) out[c] = j->scale[c] * j->x[i * j->fan_in + c];
        if (j->width > j->fan_in) out[j->fan_in] = j->scale[j->fan_in];
    }
}

/* Rows of x with their scales and the bias's column. */
static void take_inputs(ntk_context *ctx, const ntk_step *s, int64_t rows, const real *scale, const real *x, real *out)
{
    input_job j = {s->fan_in, ntk_factor_width(s), scale, x, out};
    ntk_parallel(ctx, rows, NTK_MAX(1, GRAIN / NTK_MAX(1, j.width)), take_rows, &j);
}

/* The cotangents of a sample, [o, positions, units], or [positions, o, units] where outputs add up or stay apart. */
static void copy_cotangents(ntk_outputs outputs, int64_t o, const ntk_factor *f, const real *delta, real *out)
{
    size_t bytes = (size_t)f->units * sizeof *out;
    if (outputs == NTK_OUTPUTS_FULL || f->positions == 1) {
        memcpy(out, delta, (size_t)(o * f->positions) * bytes);
        return;
    }
    for (int64_t q = 0; q < o; ++q)
        for (int64_t d = 0; d < f->positions; ++d) memcpy(out + (d * o + q) * f->units, delta + (q * f->positions + d) * f->units, bytes);
}

/* Where output q at position d of a sample stands among its rows of cotangents. */
static int64_t row_of(ntk_outputs outputs, int64_t o, const ntk_factor *f, int64_t q, int64_t d)
{
    return outputs == NTK_OUTPUTS_FULL ? q * f->positions + d : d * o + q;
}

/* What the cotangents of unit u are divided by: the root of g, g_u = D_u0 / D_00. */
static double cotangent_scale(const ntk_optimizer *optimizer, const ntk_step *s, int64_t copy, int64_t u)
{
    return sqrt(ntk_factor_d(optimizer, s, copy, u, 0) / ntk_factor_d(optimizer, s, copy, 0, 0));
}

/* Rows of delta over their roots. */
static void scale_cotangents(const ntk_optimizer *optimizer, const ntk_step *s, ntk_outputs outputs, int64_t o, const ntk_factor *f, int64_t n, real *out)
{
    if (!optimizer || !optimizer->d) return;
    for (int64_t d = 0; d < f->positions; ++d)
        for (int64_t u = 0; u < f->units; ++u) {
            int64_t copy = f->apart ? d : 0;
            double scale = cotangent_scale(optimizer, s, copy, u);
            for (int64_t i = 0; i < n; ++i)
                for (int64_t q = 0; q < o; ++q) out[(i * o * f->positions + row_of(outputs, o, f, q, d)) * f->units + u] /= (real)scale;
        }
}

/* What the blocks of samples share. */
typedef struct taker {
    const ntk_optimizer *optimizer;
    ntk_factors *factors;
    int64_t sample; /* of the whole, the tape's first */
} taker;

typedef struct take_job {
    const taker *taker;
    const ntk_factor *f;
    int64_t first; /* of the whole, the first sample whose rows the tape holds now */
    const real *delta;
} take_job;

static void take_samples(void *user, int64_t begin, int64_t end, int worker)
{
    const take_job *j = user;
    int64_t o = j->taker->factors->outputs, sample = o * j->f->positions * j->f->units;
    (void)worker;
    for (int64_t i = begin; i < end; ++i)
        copy_cotangents(j->taker->factors->rule, o, j->f, j->delta + i * sample, j->f->cotangents + (j->first + i) * sample);
}

/* Where the tape hands over the cotangents when it reaches a layer, those that the outputs do not share. */
static void take(void *user, const ntk_tape *t, const ntk_step *s)
{
    const taker *w = user;
    const ntk_factor *f = &w->factors->layers[s->parametric];
    int64_t o = w->factors->outputs, sample = o * f->positions * f->units, first = w->sample + t->first / o, n = t->rows / o;
    if (!f->inputs || f->shared) return;
    ntk_parallel(t->ctx, n, NTK_MAX(1, GRAIN / NTK_MAX(1, sample)), take_samples, &(take_job){w, f, first, t->cotangent[s->output]});
    scale_cotangents(w->optimizer, s, w->factors->rule, o, f, n, f->cotangents + first * sample);
}

/* rows of `count` numbers *= root */
static void multiply_rows(int64_t rows, int64_t count, const real *root, real *out)
{
    for (int64_t i = 0; i < rows; ++i, out += count)
        for (int64_t u = 0; u < count; ++u) out[u] *= root[u];
}

/* After the forward pass: what every layer reads, and the cotangents that outputs share. */
static ntk_status take_values(ntk_tape *t, const taker *w)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < t->network->n_steps; ++i) {
        const ntk_step *s = &t->network->steps[i];
        const ntk_factor *f = s->parametric < 0 ? NULL : &w->factors->layers[s->parametric];
        const real *x = t->value[s->inputs[0]];
        if (!f || !f->inputs) continue;
        if (f->reads) memcpy(f->inputs + w->sample * f->in, x, (size_t)(t->n * f->in) * sizeof *x);
        else take_inputs(t->ctx, s, t->n * f->positions, f->scale, x, f->inputs + w->sample * f->in);
        if (f->shared && f->cotangents) {
            real *slopes = f->cotangents + w->sample * f->positions * f->units;
            NTK_TRY(ntk_shared_slopes(t, s, slopes));
            if (f->root) multiply_rows(t->n * f->positions, f->units, f->root, slopes);
        }
    }
done:
    return status;
}

/* The first column of J of a layer whose cotangents have to be taken on the way back: nothing goes beyond. */
static int64_t first_column(const ntk_network *network, const ntk_factors *f)
{
    int64_t first = network->n_parameters;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric >= 0 && f->layers[s->parametric].inputs && !f->layers[s->parametric].shared) first = NTK_MIN(first, s->offset);
    }
    return first;
}

/* Samples whose cotangents go back at once. */
static ntk_status samples_back(ntk_context *ctx, const ntk_network *network, int64_t *samples)
{
    return ntk_finite_chunk(ctx, network, 2 * (int)NTK_MIN(ntk_network_outputs(network), 1 << 20), NTK_FACTORS_BUDGET, samples);
}

/* All rows of samples [sample, sample + n): forward together, back some at a time. */
static ntk_status take_block(ntk_context *ctx, const ntk_network *network, taker *w, const real *theta, const real *x, int64_t n)
{
    int64_t o = w->factors->outputs, first = first_column(network, w->factors), step = 1;
    ntk_tape t;
    ntk_status status = ntk_tape_open(ctx, network, n, theta, x + w->sample * ntk_network_input_size(network), &t);
    if (status != NTK_OK) return status;
    t.take = take;
    t.take_user = w;
    NTK_TRY_PART(ctx, 0, 0.2, ntk_tape_forward(&t, true));
    memcpy(w->factors->f + w->sample * o, t.value[network->result], (size_t)(n * o) * sizeof(real));
    NTK_TRY(take_values(&t, w));
    NTK_TRY(samples_back(ctx, network, &step));
    for (int64_t i = 0; first < network->n_parameters && i < n; i += step) {
        int64_t count = NTK_MIN(step, n - i);
        NTK_TRY_PART(ctx, 0.2 + 0.8 * (double)i / (double)n, 0.2 + 0.8 * (double)(i + count) / (double)n,
                     ntk_tape_columns(&t, i * o, count * o, first, network->n_parameters - first, NULL));
    }
done:
    ntk_tape_close(&t);
    return status;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* Of a convolution the inputs stay as they are, and windows are kept beside. */
static ntk_status open_windows(ntk_context *ctx, const ntk_network *network, const ntk_step *s, ntk_factor *f)
{
    ntk_window window = ntk_step_window(network, s);
    f->taps = window.taps;
    f->channels = s->fan_in / window.taps;
    f->in = network->values[s->inputs[0]].size;
    return ntk_window_list_reads(ctx, &window, &f->reads);
}

static ntk_status open_scale(ntk_context *ctx, const ntk_optimizer *optimizer, const ntk_step *s, ntk_factor *f)
{
    ntk_status status;
    NTK_TRY(NTK_NEW_RAW(ctx, s->copies * f->width, &f->scale));
    for (int64_t copy = 0; copy < s->copies; ++copy)
        for (int64_t c = 0; c < f->width; ++c) f->scale[copy * f->width + c] = (real)input_scale(optimizer, s, copy, c);
done:
    return status;
}

/* The trace needs of the outputs' weights but the root of the sum of their squares. */
static void merge(int64_t o, int64_t units, const real *weights, real *root)
{
    for (int64_t u = 0; u < units; ++u) {
        double sum = 0;
        for (int64_t q = 0; q < o; ++q) sum += (double)weights[q * units + u] * (double)weights[q * units + u];
        root[u] = (real)sqrt(sum);
    }
}

static ntk_status open_shared(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const ntk_step *s, const real *theta, ntk_outputs rule,
                              ntk_factor *f)
{
    ntk_status status;
    int64_t o = ntk_network_outputs(network), units = s->units;
    NTK_TRY(NTK_NEW_RAW(ctx, o * units, &f->weights));
    ntk_shared_weights(network, s, theta, f->weights);
    for (int64_t u = 0; u < units; ++u) {
        real scale = (real)cotangent_scale(optimizer, s, 0, u);
        for (int64_t q = 0; q < o; ++q) f->weights[q * units + u] /= scale;
    }
    f->rows = 1;
    if (rule != NTK_OUTPUTS_TRACE) return NTK_OK;
    NTK_TRY(NTK_NEW_RAW(ctx, units, &f->root));
    merge(o, units, f->weights, f->root);
    ntk_free(f->weights);
    f->weights = NULL;
done:
    return status;
}

static ntk_status open_layer(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const ntk_step *s, const real *theta, ntk_outputs rule,
                             int64_t n, ntk_factor *f)
{
    ntk_status status;
    int64_t count, rows;
    f->in = f->positions * f->width;
    f->shared = ntk_factor_shares(network, s, rule);
    if (s->op != &ntk_op_dense) NTK_TRY(open_windows(ctx, network, s, f));
    NTK_TRY(open_scale(ctx, optimizer, s, f));
    if (f->shared) NTK_TRY(open_shared(ctx, network, optimizer, s, theta, rule, f));
    NTK_TRY(ntk_size_product(ctx, "the inputs of a layer", n, f->in, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &f->inputs));
    if (f->weights && ntk_shared_is_flat(network, s)) return NTK_OK;
    NTK_TRY(ntk_size_product(ctx, "rows of the cotangents", n, f->rows, &rows));
    NTK_TRY(ntk_size_product(ctx, "the cotangents of a layer", rows, f->positions * f->units, &count));
    NTK_TRY(NTK_NEW(ctx, count, &f->cotangents)); /* zero where the result does not depend on the layer */
done:
    return status;
}

static ntk_status reserve(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const bool *chosen, const real *theta, int64_t n, ntk_factors *f)
{
    ntk_status status;
    int64_t rows;
    NTK_TRY(ntk_size_product(ctx, "rows of the Jacobian", n, f->outputs, &rows));
    NTK_TRY(NTK_NEW_RAW(ctx, rows, &f->f));
    NTK_TRY(NTK_NEW(ctx, f->count, &f->layers));
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric < 0 || (chosen && !chosen[s->parametric])) continue;
        f->layers[s->parametric] = (ntk_factor){.positions = ntk_factor_positions(network, s), .width = ntk_factor_width(s), .units = s->units, .apart = s->copies > 1,
                                                   .rows = f->outputs};
        if (s->rate > 0) NTK_TRY(open_layer(ctx, network, optimizer, s, theta, f->rule, n, &f->layers[s->parametric])); /* else its term is zero */
    }
done:
    return status;
}

ntk_status ntk_factors_create(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, ntk_outputs outputs, const bool *chosen,
                              const real *theta, int64_t n, const real *x, ntk_factors *factors)
{
    ntk_status status;
    taker w = {optimizer, factors, 0};
    int64_t step;
    *factors = (ntk_factors){.rule = outputs, .outputs = ntk_network_outputs(network), .count = network->n_parametric};
    NTK_TRY(ntk_memory_require(ctx, "the factors of the Jacobian", ntk_factors_bytes(network, chosen, NTK_REAL, n)));
    NTK_TRY(reserve(ctx, network, optimizer, chosen, theta, n, factors));
    NTK_TRY(ntk_finite_chunk(ctx, network, 2, NTK_FACTORS_BUDGET, &step));
    for (; w.sample < n; w.sample += step) {
        int64_t count = NTK_MIN(step, n - w.sample);
        NTK_TRY_PART(ctx, (double)w.sample / (double)n, (double)(w.sample + count) / (double)n, take_block(ctx, network, &w, theta, x, count));
    }
    NTK_TRY(ntk_finite_check_rows(ctx, "f", 0, n, factors->outputs, factors->f));
done:
    if (status != NTK_OK) ntk_factors_clear(factors);
    return status;
}

void ntk_factors_clear(ntk_factors *factors)
{
    for (int64_t l = 0; factors->layers && l < factors->count; ++l) {
        ntk_free(factors->layers[l].reads);
        ntk_free(factors->layers[l].scale);
        ntk_free(factors->layers[l].root);
        ntk_free(factors->layers[l].weights);
        ntk_free(factors->layers[l].inputs);
        ntk_free(factors->layers[l].cotangents);
    }
    ntk_free(factors->layers);
    ntk_free(factors->f);
    factors->layers = NULL;
    factors->f = NULL;
}

/* ---- what a layer reads ----------------------------------------------------------------------------------------- */

typedef struct gather_job {
    const ntk_factor *f;
    int64_t sample, position, positions;
    real *out;
} gather_job;

static void gather_row(const ntk_factor *f, int64_t sample, int64_t position, real *out)
{
    const real *x = f->inputs + sample * f->in, *scale = f->scale + (f->apart ? position * f->width : 0);
    const int64_t *reads = f->reads + position * f->taps;
    for (int64_t t = 0; t < f->taps; ++t)
        for (int64_t c = 0; c < f->channels; ++c) out[t * f->channels + c] = reads[t] < 0 ? 0 : x[reads[t] * f->channels + c] * scale[t * f->channels + c];
    if (f->width > f->taps * f->channels) out[f->width - 1] = scale[f->width - 1];
}

static void gather_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const gather_job *j = user;
    const ntk_factor *f = j->f;
    (void)worker;
    for (int64_t r = begin; r < end; ++r) {
        int64_t sample = j->sample + r / j->positions, position = j->position + r % j->positions;
        if (f->reads) gather_row(f, sample, position, j->out + r * f->width);
        else memcpy(j->out + r * f->width, f->inputs + (sample * f->positions + position) * f->width, (size_t)f->width * sizeof *j->out);
    }
}

const real *ntk_factor_inputs(ntk_context *ctx, const ntk_factor *f, int64_t sample, int64_t samples, int64_t position, int64_t positions, real *block)
{
    gather_job j = {f, sample, position, positions, block};
    if (!f->reads && (samples == 1 || positions == f->positions)) return f->inputs + (sample * f->positions + position) * f->width;
    ntk_parallel(ctx, samples * positions, NTK_MAX(1, GRAIN / NTK_MAX(1, f->width)), gather_rows, &j);
    return block;
}
