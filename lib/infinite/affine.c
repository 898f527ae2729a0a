/*
 * Dense layers at infinite width (docs/mathematics.md §2.2, §4.2 step 4).
 *
 *     alpha'  = sqrt(g² alpha² + s²)                    g = w_std (textbook's first layer: w_std sqrt(n)),  s = b_std
 *     K'      = g² K + s²
 *     Theta'  = r (A K + B)  +  g² Theta                own term + carried term, r the layer's rate
 *
 *     ntk: A = g², B = s²      standard: A = n, B = 1[bias]      textbook: A = n for the first layer, else 1; B = 1[bias]
 *
 * Without a bias the angle between two samples does not change, so rho and gap stay; with one, the distance gains
 * ½ (s/alpha' - s/beta')² and nothing is subtracted.
 */
#include "hot.h"

enum { GAIN2 = NTK_AFFINE_GAIN2, OWN_K = NTK_AFFINE_OWN_K, OWN_1 = NTK_AFFINE_OWN_1, GAIN = NTK_AFFINE_GAIN, BIAS = NTK_AFFINE_BIAS }; /* plan->k */
enum { SHARE, BIAS_SHARE };              /* own table columns: g alpha / alpha' and s / alpha' */

#if defined(NTK_HOT)

static void own_and_carried(const ntk_plan *plan, const ntk_run *run, state in, state out)
{
    bool mine = run->only < 0 || run->only == plan->step->parametric;
    real a = mine ? REAL(plan->k[OWN_K]) * row_of(run, plan->input_alpha) : 0, b = mine ? REAL(plan->k[OWN_1]) : 0;
    real gain2 = REAL(plan->k[GAIN2]);
    const real *beta = column_of(run, plan->input_alpha);
    NTK_RUN_LOOP(j, run) out.theta[j] = a * beta[j] * in.rho[j] + b + gain2 * in.theta[j];
}

void NTK_HOT_NAME(affine_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(affine_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    own_and_carried(plan, run, in, out);
    if (plan->columns == 0) {
        NTK_RUN_LOOP(j, run) out.rho[j] = in.rho[j];
        NTK_RUN_LOOP(j, run) out.gap[j] = in.gap[j];
    } else {
        real r = row_of(run, plan->first_column + SHARE), b = row_of(run, plan->first_column + BIAS_SHARE);
        const real *s = column_of(run, plan->first_column + SHARE), *c = column_of(run, plan->first_column + BIAS_SHARE);
        NTK_RUN_LOOP(j, run)
        {
            real rho = in.rho[j], gap = in.gap[j];
            mix_bias(r, s[j], b, c[j], &rho, &gap);
            out.rho[j] = rho;
            out.gap[j] = gap;
        }
    }
}

#else

#include <math.h>

NTK_VARIANTS(affine_pairs)

/* A and B before the rate, and g², by parameterization. */
typedef struct rule {
    bool gain_sums, own_sums;  /* times n: sums over the inputs instead of means (gain: first layer only) */
    bool own_by_variance;      /* A = g², B = s² */
} rule;

static const rule rules[2][3] = {
    /* later layers */ {{false, false, true}, {false, true, false}, {false, false, false}},
    /* first layer  */ {{false, false, true}, {false, true, false}, {true, true, false}},
};

ntk_status ntk_affine_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    const rule *r = &rules[s->first][s->parameterization];
    double n = (double)s->fan_in, gain = s->w_std * (r->gain_sums ? sqrt(n) : 1), bias = s->bias ? s->b_std : 0;
    (void)ctx;
    plan->k[GAIN] = gain;
    plan->k[GAIN2] = s->w_std * s->w_std * (r->gain_sums ? n : 1);
    plan->k[BIAS] = bias;
    plan->k[OWN_K] = s->rate * (r->own_by_variance ? s->w_std * s->w_std : r->own_sums ? n : 1);
    plan->k[OWN_1] = s->rate * (r->own_by_variance ? bias * bias : s->bias);
    plan->columns = bias > 0 ? 2 : 0;
    reading->natures[s->output].gaussian = reading->natures[s->output].zero_mean = true;
    reading->natures[s->output].root = s->output;
    return NTK_OK;
}

static void dense_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n;
    double *out = table + plan->output_alpha * n, *share = table + (plan->first_column + SHARE) * n;
    double gain = plan->k[GAIN], bias = plan->k[BIAS];
    for (int64_t i = 0; i < n; ++i) out[i] = bias > 0 ? hypot(gain * in[i], bias) : gain * in[i];
    for (int64_t i = 0; plan->columns > 0 && i < n; ++i) {
        share[i] = gain * in[i] / out[i];
        share[n + i] = bias / out[i];
    }
}

static const ntk_pairs_variants *dense_pairs(const ntk_plan *plan)
{
    (void)plan;
    return &affine_pairs;
}

const ntk_infinite_op ntk_infinite_dense = {ntk_affine_plan, dense_norms, dense_pairs, NULL};

#endif
