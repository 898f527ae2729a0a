/*
 * Which layers of a network go by factors of J (factors.c), and which by its rows: where they apply, and what they cost.
 *
 * Products per pair of samples and layer, S positions, weights [units, width] (docs/mathematics.md §6.3); e = o² for full, o for trace and diagonal:
 *
 *     rows of J     e units width (S of them where each position has its own)
 *     factors       T (e units + width),     T = S² pairs of positions; S where each has its own weights
 *
 * and per pair of positions the Hadamard product, for which REDUCE stands.  Without positions factors are nearly always far less; with many
 * of them (images) rows are, and with few positions and many channels, at the end of a network, factors again.
 */
#include "finite.h"

#include <float.h>
#include <math.h>

/* Roundings that D = g hᵀ may have suffered: what was made as a product of two numbers is one to a few ulp. */
#define FACTORISES (8 * DBL_EPSILON)

/* A pair of positions in the Hadamard product takes the time of so many products of the BLAS. */
#define REDUCE 8.0

/* Both ways in one kernel run the network once more for each sample: that must pay with so many samples. */
#define SAMPLES 100.0

/* ---- does it apply? -------------------------------------------------------------------------------------------- */

int64_t ntk_factor_width(const ntk_step *s)
{
    return s->fan_in + s->bias;
}

int64_t ntk_factor_positions(const ntk_network *network, const ntk_step *s)
{
    return network->values[s->output].size / s->units;
}

double ntk_factor_d(const ntk_optimizer *optimizer, const ntk_step *s, int64_t copy, int64_t u, int64_t c)
{
    int64_t unit = copy * s->units + u;
    return ntk_optimizer_d(optimizer, s->offset + (c < s->fan_in ? unit * s->fan_in + c : s->copies * s->units * s->fan_in + unit));
}

/* D_uc D_00 = D_u0 D_0c for all u, c: with logarithms of no use, the product is formed as D_uc / D_u0 = D_0c / D_00. */
static bool copy_factorises(const ntk_optimizer *optimizer, const ntk_step *s, int64_t copy)
{
    for (int64_t u = 1; u < s->units; ++u)
        for (int64_t c = 1; c < ntk_factor_width(s); ++c) {
            double left = ntk_factor_d(optimizer, s, copy, u, c) / ntk_factor_d(optimizer, s, copy, u, 0);
            double right = ntk_factor_d(optimizer, s, copy, 0, c) / ntk_factor_d(optimizer, s, copy, 0, 0);
            if (!(fabs(left - right) <= FACTORISES * right)) return false;
        }
    return true;
}

static bool factorises(const ntk_optimizer *optimizer, const ntk_step *s)
{
    if (!optimizer || !optimizer->d) return true;
    for (int64_t copy = 0; copy < s->copies; ++copy)
        if (!copy_factorises(optimizer, s, copy)) return false;
    return true;
}

/* The parametric ops that are z = a W x + c b at every position. */
static const ntk_op *const affine[] = {&ntk_op_dense, &ntk_op_conv, &ntk_op_conv_transpose, &ntk_op_conv_local};

static bool is_affine(const ntk_step *s)
{
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(affine); ++i)
        if (s->op == affine[i]) return true;
    return false;
}

/* Why the rows of J of this step are no sums of outer products of what is at hand; NULL: they are. */
static const char *why_not(const ntk_network *network, const ntk_optimizer *optimizer, const ntk_step *s)
{
    if (s->parametric < 0) return NULL;
    if (ntk_network_nodes(network) > 0) return "a network with aggregate takes graphs, and those the rows of J alone";
    if (!is_affine(s)) return "rows of J are sums of outer products only for dense layers and convolutions";
    return factorises(optimizer, s) ? NULL : "D is no outer product over [units, inputs] of this layer";
}

/* The first step that does not fit, or NULL. */
static const ntk_step *misfit(const ntk_network *network, const ntk_optimizer *optimizer, const char **why)
{
    for (int64_t i = 0; i < network->n_steps; ++i)
        if ((*why = why_not(network, optimizer, &network->steps[i])) != NULL) return &network->steps[i];
    return NULL;
}

ntk_status ntk_factors_check(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer)
{
    const char *why;
    const ntk_step *s = misfit(network, optimizer, &why);
    return s ? ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "%s: %s", s->layer->path, why) : NTK_OK;
}

bool ntk_factors_fit(const ntk_network *network, const ntk_optimizer *optimizer)
{
    const char *why;
    return !misfit(network, optimizer, &why);
}

bool ntk_factors_plain(const ntk_network *network)
{
    for (int64_t i = 0; i < network->n_steps; ++i)
        if (network->steps[i].parametric >= 0 && ntk_factor_positions(network, &network->steps[i]) != 1) return false;
    return true;
}

/* ---- what it costs --------------------------------------------------------------------------------------------- */

static double pairs_of_outputs(const ntk_network *network, ntk_outputs outputs)
{
    double o = (double)ntk_network_outputs(network);
    return outputs == NTK_OUTPUTS_FULL ? o * o : o;
}

double ntk_factor_flops(const ntk_network *network, const ntk_step *s, ntk_outputs outputs)
{
    double each = pairs_of_outputs(network, outputs), positions = (double)ntk_factor_positions(network, s);
    double pairs = s->copies > 1 ? positions : positions * positions, reduced = outputs == NTK_OUTPUTS_TRACE ? 1 : each;
    double inputs = (double)ntk_factor_width(s) * (outputs == NTK_OUTPUTS_DIAGONAL ? each : 1);
    return 2 * pairs * (each * (double)s->units + inputs + (positions > 1 ? REDUCE * reduced : 0));
}

double ntk_rows_flops(const ntk_network *network, const ntk_step *s, ntk_outputs outputs)
{
    return 2 * pairs_of_outputs(network, outputs) * (double)s->n_parameters;
}

/* Without positions always: for a layer of one unit both are alike. */
static bool is_cheaper(const ntk_network *network, const ntk_step *s, ntk_outputs outputs)
{
    return ntk_factor_positions(network, s) == 1 || ntk_factor_flops(network, s, outputs) <= ntk_rows_flops(network, s, outputs);
}

/* Flop of a pair that factors spare. */
static double spared(const ntk_network *network, ntk_outputs outputs, const bool *chosen)
{
    double flops = 0;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric >= 0 && s->rate > 0 && chosen[s->parametric]) flops += ntk_rows_flops(network, s, outputs) - ntk_factor_flops(network, s, outputs);
    }
    return flops;
}

int64_t ntk_factors_choose(const ntk_network *network, const ntk_optimizer *optimizer, ntk_outputs outputs, bool *chosen)
{
    int64_t count = 0;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric < 0) continue;
        chosen[s->parametric] = !why_not(network, optimizer, s) && is_cheaper(network, s, outputs);
        count += chosen[s->parametric];
    }
    if (count == network->n_parametric || spared(network, outputs, chosen) * SAMPLES / 2 > ntk_finite_forward_flops(network)) return count;
    for (int64_t l = 0; l < network->n_parametric; ++l) chosen[l] = false;
    return 0;
}

/* ---- and holds -------------------------------------------------------------------------------------------------- */

static bool takes(const ntk_step *s, const bool *chosen)
{
    return s->parametric >= 0 && s->rate > 0 && (!chosen || chosen[s->parametric]);
}

static double numbers_of_layer(const ntk_network *network, const ntk_step *s, double n)
{
    double positions = (double)ntk_factor_positions(network, s), width = (double)ntk_factor_width(s), o = (double)ntk_network_outputs(network);
    double cotangents = n * o * positions * (double)s->units;
    double kept = (o + 1) * (double)s->units + (double)s->copies * width; /* weights and scales */
    if (s->op == &ntk_op_dense) return cotangents + n * positions * width + kept;
    return cotangents + kept + n * (double)network->values[s->inputs[0]].size + 2 * positions * (double)ntk_step_window(network, s).taps;
}

double ntk_factors_bytes(const ntk_network *network, const bool *chosen, ntk_dtype dtype, int64_t n)
{
    double numbers = (double)ntk_network_outputs(network) * (double)n;
    for (int64_t i = 0; i < network->n_steps; ++i)
        if (takes(&network->steps[i], chosen)) numbers += numbers_of_layer(network, &network->steps[i], (double)n);
    return (double)ntk_dtype_size(dtype) * numbers;
}
