/*
 * J of a network of dense layers, layer by layer, without J.  For z = a W x + c b with delta = d f_q / d z, the row of J that
 * belongs to sample i and output q is, in the columns of this layer,
 *
 *     [a delta_iq x_iᵀ, c delta_iq]  =  delta_iq [a x_i, c]ᵀ:     an outer product, of rank one,
 *
 * so that the layer's term of J D⁻¹ Jᵀ is a product of two small Gram matrices (docs/mathematics.md §6.1, algorithm 3):
 *
 *     (delta_iq · delta_jr) (a² x_i · x_j + c²),      n² o² units + n² fan_in  instead of  n² o² units fan_in  products.
 *
 * D takes part where it is an outer product too, D = g hᵀ over [units, fan_in + 1]: each side is divided by a root of its factor.
 * Adam's D is not, in general; then J has to be contracted.  The rate r of a layer goes with x.
 */
#include "finite.h"
#include "real.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Roundings that D = g hᵀ may have suffered: what was made as a product of two numbers is one to a few ulp. */
#define FACTORISES (8 * DBL_EPSILON)

/* ---- does it apply? -------------------------------------------------------------------------------------------- */

static int64_t width_of(const ntk_step *s)
{
    return s->fan_in + s->bias;
}

/* D of unit u and column c, the bias being the last column. */
static double entry_of(const ntk_optimizer *optimizer, const ntk_step *s, int64_t u, int64_t c)
{
    return ntk_optimizer_d(optimizer, s->offset + (c < s->fan_in ? u * s->fan_in + c : s->units * s->fan_in + u));
}

/* D_uc D_00 = D_u0 D_0c for all u, c: with logarithms of no use, the product is formed as D_uc / D_u0 = D_0c / D_00. */
static bool factorises(const ntk_optimizer *optimizer, const ntk_step *s)
{
    if (!optimizer || !optimizer->d) return true;
    for (int64_t u = 1; u < s->units; ++u)
        for (int64_t c = 1; c < width_of(s); ++c) {
            double left = entry_of(optimizer, s, u, c) / entry_of(optimizer, s, u, 0);
            double right = entry_of(optimizer, s, 0, c) / entry_of(optimizer, s, 0, 0);
            if (!(fabs(left - right) <= FACTORISES * right)) return false;
        }
    return true;
}

/* Why the rows of J of this step are no outer products; NULL: they are. */
static const char *why_not(const ntk_network *network, const ntk_optimizer *optimizer, const ntk_step *s)
{
    if (s->parametric < 0) return NULL;
    if (s->op != &ntk_op_dense || network->values[s->output].size != s->units) return "rows of J are outer products only for dense layers without positions";
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

double ntk_factors_bytes(const ntk_network *network, int64_t n)
{
    double o = (double)ntk_network_outputs(network), numbers = o;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric >= 0 && s->rate > 0) numbers += (double)width_of(s) + o * (double)s->units;
    }
    return sizeof(real) * numbers * (double)n;
}

/* ---- the two factors ------------------------------------------------------------------------------------------- */

/* Row i of x: sqrt(r) [a x_i, c] over the root of h, h_c = D_0c. */
static void take_inputs(const ntk_optimizer *optimizer, const ntk_step *s, int64_t n, const real *x, real *out)
{
    ntk_affine affine = ntk_step_affine(s);
    double rate = sqrt(s->rate);
    int64_t width = width_of(s);
    for (int64_t c = 0; c < width; ++c) {
        double scale = rate * (c < s->fan_in ? affine.weight_scale : affine.bias_scale) / sqrt(entry_of(optimizer, s, 0, c));
        for (int64_t i = 0; i < n; ++i) out[i * width + c] = (real)scale * (c < s->fan_in ? x[i * s->fan_in + c] : 1);
    }
}

/* Rows of delta over the root of g, g_u = D_u0 / D_00. */
static void take_cotangents(const ntk_optimizer *optimizer, const ntk_step *s, int64_t rows, const real *delta, real *out)
{
    memcpy(out, delta, (size_t)(rows * s->units) * sizeof *out);
    if (!optimizer || !optimizer->d) return;
    for (int64_t u = 0; u < s->units; ++u) {
        double scale = sqrt(entry_of(optimizer, s, u, 0) / entry_of(optimizer, s, 0, 0));
        for (int64_t r = 0; r < rows; ++r) out[r * s->units + u] /= (real)scale;
    }
}

/* Where the tape hands over what it has when it reaches a layer. */
typedef struct taker {
    const ntk_optimizer *optimizer;
    ntk_factors *factors;
    int64_t sample, row; /* of the whole, the tape's first */
} taker;

static void take(void *user, const ntk_tape *t, const ntk_step *s)
{
    const taker *w = user;
    const ntk_factor *f = &w->factors->layers[s->parametric];
    if (!f->inputs) return;
    take_inputs(w->optimizer, s, t->n, t->value[s->inputs[0]], f->inputs + w->sample * f->width);
    take_cotangents(w->optimizer, s, t->rows, t->cotangent[s->output], f->cotangents + w->row * s->units);
}

/* All rows of samples [sample, sample + n). */
static ntk_status take_block(ntk_context *ctx, const ntk_network *network, taker *w, const real *theta, const real *x, int64_t n)
{
    int64_t o = w->factors->outputs;
    ntk_tape t;
    ntk_status status = ntk_tape_open(ctx, network, n, theta, x + w->sample * ntk_network_input_size(network), &t);
    if (status != NTK_OK) return status;
    w->row = w->sample * o;
    t.take = take;
    t.take_user = w;
    NTK_TRY_PART(ctx, 0, 0.2, ntk_tape_forward(&t, true));
    memcpy(w->factors->f + w->row, t.value[network->result], (size_t)(n * o) * sizeof(real));
    NTK_TRY_PART(ctx, 0.2, 1, ntk_tape_rows(&t, 0, n * o, NULL));
done:
    ntk_tape_close(&t);
    return status;
}

static ntk_status reserve(ntk_context *ctx, const ntk_network *network, int64_t n, ntk_factors *f)
{
    ntk_status status;
    int64_t rows, count;
    NTK_TRY(ntk_size_product(ctx, "rows of the Jacobian", n, f->outputs, &rows));
    NTK_TRY(NTK_NEW_RAW(ctx, rows, &f->f));
    NTK_TRY(NTK_NEW(ctx, f->count, &f->layers));
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        ntk_factor *l;
        if (s->parametric < 0) continue;
        l = &f->layers[s->parametric];
        l->width = width_of(s);
        l->units = s->units;
        if (!(s->rate > 0)) continue; /* its term is zero */
        NTK_TRY(ntk_size_product(ctx, "the inputs of a layer", n, l->width, &count));
        NTK_TRY(NTK_NEW_RAW(ctx, count, &l->inputs));
        NTK_TRY(ntk_size_product(ctx, "the cotangents of a layer", rows, l->units, &count));
        NTK_TRY(NTK_NEW(ctx, count, &l->cotangents)); /* zero where the result does not depend on the layer */
    }
done:
    return status;
}

ntk_status ntk_factors_create(ntk_context *ctx, const ntk_network *network, const ntk_optimizer *optimizer, const real *theta, int64_t n,
                              const real *x, ntk_factors *factors)
{
    ntk_status status;
    taker w = {optimizer, factors, 0, 0};
    int64_t step;
    *factors = (ntk_factors){.outputs = ntk_network_outputs(network), .count = network->n_parametric};
    NTK_TRY(ntk_memory_require(ctx, "the factors of the Jacobian", ntk_factors_bytes(network, n)));
    NTK_TRY(reserve(ctx, network, n, factors));
    NTK_TRY(ntk_finite_chunk(ctx, network, 1 + 2 * (int)NTK_MIN(factors->outputs, 1 << 20), NTK_FACTORS_BUDGET, &step));
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
        ntk_free(factors->layers[l].inputs);
        ntk_free(factors->layers[l].cotangents);
    }
    ntk_free(factors->layers);
    ntk_free(factors->f);
    factors->layers = NULL;
    factors->f = NULL;
}
