/*
 * Strips: columns of a network's J, all rows of them, so that K = J D⁻¹ Jᵀ = sum over strips G Gᵀ, G a strip of J D^-1/2, needs a strip and no
 * more, and every entry of J is computed once, whatever p.  From the last layer to the first: the backward pass of a strip ends at its first
 * layer, so that layers in several strips cost the layers behind them again, and layers are taken whole where they fit.
 */
#include "finite.h"
#include "real.h"

#include <math.h>

/* Bytes of the values and cotangents of one tape. */
#define BUDGET (64.0 * 1048576)

/* ---- which columns --------------------------------------------------------------------------------------------- */

/* The step that holds parameter `column` - 1, going down from step i; n_steps never comes. */
static int64_t step_before(const ntk_network *network, int64_t column)
{
    for (int64_t i = network->n_steps - 1; i >= 0; --i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric >= 0 && s->offset < column && s->n_parameters > 0) return i;
    }
    return -1;
}

/* As many columns of s, ending at `end`, as `most` allows: of weights in rows whole rows, one of them at least. */
static int64_t begin_within(const ntk_step *s, int64_t end, int64_t most)
{
    int64_t biases = s->offset + s->copies * s->units * s->fan_in, begin = end - most, row;
    if (begin <= s->offset) return s->offset;
    if (begin >= biases || s->op == &ntk_op_attention) return begin;
    row = (begin - s->offset + s->fan_in - 1) / s->fan_in;
    begin = s->offset + row * s->fan_in;
    return begin < end ? begin : end - s->fan_in;
}

static bool takes(const ntk_strip *strip, const ntk_step *s)
{
    return s->rate > 0 && !(strip->without && strip->without[s->parametric]);
}

bool ntk_strip_next(const ntk_network *network, int64_t most, bool single, ntk_strip *strip)
{
    int64_t end = strip->column, i = step_before(network, end);
    while (i >= 0 && !takes(strip, &network->steps[i])) i = step_before(network, end = network->steps[i].offset);
    if (i < 0) return false;
    strip->column = begin_within(&network->steps[i], end, NTK_MAX(most, 1));
    while (!single && strip->column == network->steps[i].offset) {
        i = step_before(network, strip->column);
        if (i < 0 || !takes(strip, &network->steps[i]) || end - network->steps[i].offset > most) break;
        strip->column = network->steps[i].offset;
    }
    strip->columns = end - strip->column;
    return true;
}

/* Numbers per piece of work; few rows would find the roots of D too often. */
#define GRAIN ((int64_t)1 << 18)

/* ---- their numbers --------------------------------------------------------------------------------------------- */

typedef struct scale_job {
    const ntk_network *network;
    const ntk_optimizer *optimizer;
    const ntk_strip *strip;
    real *out;
} scale_job;

/* Rows of the strip: times the root of the layer's rate, over that of D. */
static void scale_rows(void *user, int64_t first, int64_t last, int worker)
{
    const scale_job *j = user;
    const ntk_network *network = j->network;
    const ntk_strip *strip = j->strip;
    int64_t rows = last - first;
    real *out = j->out + first * strip->columns;
    (void)worker;
    for (int64_t k = 0; k < network->n_steps; ++k) {
        const ntk_step *s = &network->steps[k];
        int64_t begin = NTK_MAX(s->offset, strip->column), end = NTK_MIN(s->offset + s->n_parameters, strip->column + strip->columns);
        real root = (real)sqrt(s->rate);
        if (s->parametric < 0 || root == 1) continue;
        for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = begin; c < end; ++c) out[r * strip->columns + c - strip->column] *= root;
    }
    ntk_optimizer_scale_columns(j->optimizer, rows, strip->column, strip->columns, out, 0.5);
}

static double bytes_of_sample(const ntk_network *network)
{
    double values = 0, largest = 0, o = (double)ntk_network_outputs(network);
    for (int64_t v = 1; v < network->n_values; ++v) {
        values += (double)network->values[v].size;
        largest = fmax(largest, (double)network->values[v].size);
    }
    return sizeof(real) * (2 * values + 3 * o * largest); /* cotangents go as soon as they have been passed on */
}

static int64_t samples_at_once(const ntk_context *ctx, const ntk_network *network)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(BUDGET, limit / 4) : BUDGET;
    return (int64_t)fmin(fmax(budget / fmax(bytes_of_sample(network), 1), 1), 1 << 20);
}

double ntk_strip_bytes(const ntk_context *ctx, const ntk_network *network, int64_t n)
{
    return bytes_of_sample(network) * (double)NTK_MIN(n, samples_at_once(ctx, network)) + ntk_columns_bytes(network);
}

static ntk_status chunk(ntk_context *ctx, const ntk_network *network, const real *theta, int64_t n, const real *x, const ntk_strip *strip, real *out)
{
    ntk_tape t;
    ntk_status status = ntk_tape_open(ctx, network, n, theta, x, &t);
    if (status != NTK_OK) return status;
    NTK_TRY_PART(ctx, 0, 0.2, ntk_tape_forward(&t, true));
    NTK_TRY_PART(ctx, 0.2, 1, ntk_tape_columns(&t, 0, n * ntk_network_outputs(network), strip->column, strip->columns, out));
done:
    ntk_tape_close(&t);
    return status;
}

ntk_status ntk_strip_rows(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const real *theta, int64_t n, const real *x,
                          const ntk_strip *strip, real *out)
{
    ntk_status status = NTK_OK;
    int64_t step = samples_at_once(ctx, network), o = ntk_network_outputs(network), d = ntk_network_input_size(network);
    for (int64_t i = 0; i < n; i += step) {
        int64_t count = NTK_MIN(step, n - i);
        real *rows = out + i * o * strip->columns;
        NTK_TRY_PART(ctx, (double)i / (double)n, (double)(i + count) / (double)n, chunk(ctx, network, theta, count, x + i * d, strip, rows));
        ntk_parallel(ctx, count * o, NTK_MAX(8, GRAIN / strip->columns), scale_rows, &(scale_job){network, optimizer, strip, rows});
    }
done:
    return status;
}

/* ---- one row for all outputs -------------------------------------------------------------------------------------- */

bool ntk_strip_shares(const ntk_network *network, const ntk_step *s, ntk_outputs outputs)
{
    int64_t o = ntk_network_outputs(network);
    bool few = o <= NTK_SHARED_PANEL && o * (o + 1) / 2 <= NTK_SHARED_PANEL;
    if (s->parametric < 0 || s->rate <= 0 || outputs == NTK_OUTPUTS_DIAGONAL) return false;
    return s->op != &ntk_op_attention && ntk_factor_is_shared(network, s) && ntk_factor_positions(network, s) > 1 && (few || outputs == NTK_OUTPUTS_TRACE);
}

static ntk_status shared_chunk(ntk_context *ctx, const ntk_network *network, const real *theta, int64_t n, const real *x, const ntk_step *s, real *out)
{
    ntk_tape t;
    real *slopes = NULL;
    ntk_status status = ntk_tape_open(ctx, network, n, theta, x, &t);
    if (status != NTK_OK) return status;
    NTK_TRY(ntk_tape_forward(&t, true));
    NTK_TRY(ntk_tape_block(&t, n, s->output, &slopes));
    NTK_TRY(ntk_shared_slopes(&t, s, slopes));
    status = ntk_tape_step_rows(&t, s, slopes, out);
    slopes = NULL;
done:
    ntk_free(slopes);
    ntk_tape_close(&t);
    return status;
}

ntk_status ntk_strip_shared_rows(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const real *theta, int64_t n, const real *x,
                                 const ntk_step *s, real *out)
{
    ntk_status status = NTK_OK;
    ntk_strip strip = {s->offset, s->n_parameters, NULL};
    int64_t step = samples_at_once(ctx, network), d = ntk_network_input_size(network);
    for (int64_t i = 0; i < n; i += step) {
        int64_t count = NTK_MIN(step, n - i);
        real *rows = out + i * strip.columns;
        NTK_TRY_PART(ctx, (double)i / (double)n, (double)(i + count) / (double)n, shared_chunk(ctx, network, theta, count, x + i * d, s, rows));
        ntk_parallel(ctx, count, NTK_MAX(8, GRAIN / strip.columns), scale_rows, &(scale_job){network, optimizer, &strip, rows});
    }
done:
    return status;
}
