/*
 * Cotangents that all outputs share.  Where nothing stands between a layer z and the result f but activations, a mean over all positions and one
 * dense layer W, each of them the only reader of what it reads,
 *
 *     delta_iqdu = d f_q / d z_du = w_qu s_idu,     w = a W (or the identity, where z is the result),     s the product of the slopes on the way
 *
 * so that n (units + o) numbers take the place of n o units, nothing has to go back, and the sum over u in the layer's term,
 *
 *     sum over u of (w_qu w_ru) (s_iu s_ju),
 *
 * is symmetric in q and r: o (o + 1) / 2 products of s in place of o², and one with the roots of sum_q w_qu² for the trace.
 */
#include "finite.h"
#include "real.h"

#include <math.h>

/* The only step that reads a value; NULL: there are none or several, or it is the result. */
static const ntk_step *only_reader(const ntk_network *network, int value)
{
    const ntk_step *reader = NULL;
    if (value == network->result) return NULL;
    for (int64_t i = 0; i < network->n_steps; ++i)
        for (int k = 0; k < network->steps[i].n_inputs; ++k) {
            if (network->steps[i].inputs[k] != value) continue;
            if (reader) return NULL;
            reader = &network->steps[i];
        }
    return reader;
}

static bool is_activation(const ntk_step *s)
{
    return s->op->finite[NTK_REAL] == &ntk_finite_activation;
}

static bool is_pool(const ntk_step *s)
{
    return s->op->finite[NTK_REAL] == &ntk_finite_global_pool;
}

/* The dense layer at the end of the way; *identity: there is none, the layer is the last itself.  NULL and false: no such way. */
static const ntk_step *last_of(const ntk_network *network, const ntk_step *s, bool *identity)
{
    int value = s->output;
    *identity = false;
    for (;;) {
        const ntk_step *reader = only_reader(network, value);
        if (!reader) {
            *identity = value == network->result && network->values[value].size == s->units;
            return NULL;
        }
        if (reader->op == &ntk_op_dense && reader->output == network->result && reader->fan_in == network->values[value].size && reader->fan_in == s->units)
            return reader;
        if (!is_activation(reader) && !is_pool(reader)) return NULL;
        value = reader->output;
    }
}

bool ntk_factor_is_shared(const ntk_network *network, const ntk_step *s)
{
    bool identity;
    const ntk_step *last = last_of(network, s, &identity);
    return s->copies == 1 && (identity || last);
}

bool ntk_shared_is_flat(const ntk_network *network, const ntk_step *s)
{
    const ntk_step *reader = only_reader(network, s->output);
    return !reader || reader->op == &ntk_op_dense;
}

/* The full kernel pairs positions of every output, and a diagonal has no pairs of outputs. */
bool ntk_factor_shares(const ntk_network *network, const ntk_step *s, ntk_outputs rule)
{
    int64_t o = ntk_network_outputs(network);
    bool few = o <= NTK_SHARED_PANEL && o * (o + 1) / 2 <= NTK_SHARED_PANEL;
    if (!ntk_factor_is_shared(network, s)) return false;
    return rule == NTK_OUTPUTS_TRACE || (rule == NTK_OUTPUTS_FULL && ntk_factor_positions(network, s) == 1 && (few || ntk_shared_is_flat(network, s)));
}

void ntk_shared_weights(const ntk_network *network, const ntk_step *s, const real *theta, real *w)
{
    bool identity;
    const ntk_step *last = last_of(network, s, &identity);
    int64_t o = ntk_network_outputs(network);
    real scale = last ? (real)ntk_step_affine(last).weight_scale : 1;
    for (int64_t q = 0; q < o; ++q)
        for (int64_t u = 0; u < s->units; ++u) w[q * s->units + u] = last ? scale * theta[last->offset + q * s->units + u] : (real)(q == u);
}

/* out [n, positions, units] *= scale times `by`, of as many positions, or of one; NULL: 1. */
static void multiply(int64_t n, int64_t positions, int64_t units, real scale, const real *by, int64_t size, real *out)
{
    for (int64_t i = 0; i < n; ++i)
        for (int64_t d = 0; d < positions; ++d, out += units)
            for (int64_t u = 0; u < units; ++u) out[u] *= by ? scale * by[i * size + (size == units ? 0 : d * units) + u] : scale;
}

ntk_status ntk_shared_slopes(ntk_tape *t, const ntk_step *s, real *out)
{
    ntk_status status = NTK_OK;
    real *slope = NULL;
    int64_t size = ntk_tape_size(t, s->output), positions = size / s->units;
    const ntk_step *reader = only_reader(t->network, s->output);
    for (int64_t i = 0; i < t->n * size; ++i) out[i] = 1;
    for (; reader && reader->op != &ntk_op_dense; reader = only_reader(t->network, reader->output)) {
        if (is_pool(reader)) {
            int64_t many = ntk_tape_size(t, reader->inputs[0]) / ntk_tape_size(t, reader->output);
            if (reader->op == &ntk_op_global_avg_pool) multiply(t->n, positions, s->units, 1 / (real)many, NULL, 0, out);
            continue;
        }
        NTK_TRY(ntk_tape_block(t, t->n, reader->output, &slope));
        NTK_TRY(ntk_finite_slopes(t, reader, slope));
        multiply(t->n, positions, s->units, 1, slope, ntk_tape_size(t, reader->output), out);
        ntk_free(slope);
        slope = NULL;
    }
done:
    ntk_free(slope);
    return status;
}
