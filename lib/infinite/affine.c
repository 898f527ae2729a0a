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
 *
 * Differences of lengths.  Where r is near 1, r - r' is the difference of 1 - r = b²/(1 + r), which has all its digits.
 *
 * r = g alpha/alpha' and b = s/alpha' are rounded once per sample, so of r - r' for lengths that differ in the last digits
 * nothing is left.  That is harmless but where several layers jump: sign turns a squared distance into its root, m of them into the 2^m-th, and
 * the kernel depends on every digit of it.  After one such layer all lengths are alike, so it is the first layer that matters: for such networks it
 * keeps r and b in twice the precision, from |x| in twice the precision (ntk_length_rests), and r - r' = (hi - hi') + (rest - rest').
 */
#include "hot.h"

enum { GAIN2 = NTK_AFFINE_GAIN2, OWN_K = NTK_AFFINE_OWN_K, OWN_1 = NTK_AFFINE_OWN_1, GAIN = NTK_AFFINE_GAIN, BIAS = NTK_AFFINE_BIAS }; /* plan->k */
enum { SHARE, BIAS_SHARE, MISSING, PLAIN_COLUMNS, /* own table columns: r = g alpha / alpha', b = s / alpha', 1 - r */
       SHARE_REST = PLAIN_COLUMNS, BIAS_REST, SHARE_REST_F32, BIAS_REST_F32, FINE_COLUMNS }; /* what rounding them, to either type, left */
enum { LENGTH_REST, AFTER_REST, AFTER_REST_F32, REST_COLUMNS };                           /* after these, of the first layer: the same of alpha and alpha' */
enum { WAY = NTK_CONSTANTS - 2, RESTS };                                                  /* plan->k: how lengths differ; where the rests begin, or 0 */
enum { ROUNDED, NEAR_ONE, FINE }; /* r - r' as it is rounded; of r near 1 from 1 - r, for sharp activations; of r and b in twice the precision */

#if defined(NTK_HOT)

static void own_and_carried(const ntk_plan *plan, const ntk_run *run, state in, state out)
{
    bool mine = run->only < 0 || run->only == plan->step->parametric;
    real a = mine ? REAL(plan->k[OWN_K]) * row_of(run, plan->input_alpha) : 0, b = mine ? REAL(plan->k[OWN_1]) : 0;
    real gain2 = REAL(plan->k[GAIN2]);
    const real *beta = column_of(run, plan->input_alpha);
    NTK_RUN_LOOP(j, run) out.theta[j] = a * beta[j] * in.rho[j] + b + gain2 * in.theta[j];
}

#if defined(NTK_HOT_F32)
enum { SHARE_LEFT = SHARE_REST_F32, BIAS_LEFT = BIAS_REST_F32 };
#else
enum { SHARE_LEFT = SHARE_REST, BIAS_LEFT = BIAS_REST };
#endif

/* mix_bias() with the differences of the shares in twice the precision. */
static void mix_fine(const ntk_plan *plan, const ntk_run *run, state in, state out)
{
    int first = plan->first_column;
    real r = row_of(run, first + SHARE), b = row_of(run, first + BIAS_SHARE), r_rest = row_of(run, first + SHARE_LEFT), b_rest = row_of(run, first + BIAS_LEFT);
    const real *s = column_of(run, first + SHARE), *c = column_of(run, first + BIAS_SHARE), *s_rest = column_of(run, first + SHARE_LEFT),
               *c_rest = column_of(run, first + BIAS_LEFT);
    NTK_RUN_LOOP(j, run)
    {
        real across = (r - s[j]) + (r_rest - s_rest[j]), bias = (b - c[j]) + (b_rest - c_rest[j]), sum = b + c[j], rs = r * s[j];
        real rho = in.rho[j], gap = in.gap[j], half = REAL(0.5) * across * across;
        real omega = half + rs * omega_of(rho, gap) + REAL(0.5) * bias * bias, opposite = half + rs * opposite_of(rho, gap) + REAL(0.5) * sum * sum;
        rho = rs * rho + b * c[j];
        out.rho[j] = rho;
        out.gap[j] = rho >= 0 ? omega : opposite;
    }
}

static inline void mix_near_one(const ntk_plan *plan, const ntk_run *run, state in, state out)
{
    real r = row_of(run, plan->first_column + SHARE), b = row_of(run, plan->first_column + BIAS_SHARE), missing = row_of(run, plan->first_column + MISSING);
    const real *s = column_of(run, plan->first_column + SHARE), *c = column_of(run, plan->first_column + BIAS_SHARE),
               *missings = column_of(run, plan->first_column + MISSING);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], gap = in.gap[j], apart = NTK_MAX(missing, missings[j]) < REAL(0.5) ? missings[j] - missing : r - s[j];
        mix_shares(r * s[j], apart, b, c[j], &rho, &gap);
        out.rho[j] = rho;
        out.gap[j] = gap;
    }
}

void NTK_HOT_NAME(affine_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(affine_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    own_and_carried(plan, run, in, out);
    if (plan->k[BIAS] == 0) {
        NTK_RUN_LOOP(j, run) out.rho[j] = in.rho[j];
        NTK_RUN_LOOP(j, run) out.gap[j] = in.gap[j];
    } else if (plan->k[WAY] == FINE) {
        mix_fine(plan, run, in, out);
    } else if (plan->k[WAY] == NEAR_ONE) {
        mix_near_one(plan, run, in, out);
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

/* Columns for what rounding the lengths before and after the first layer leaves. */
static void open_rests(ntk_reading *reading, ntk_plan *plan)
{
    int first = plan->first_column + plan->columns;
    plan->k[RESTS] = first;
    plan->columns += REST_COLUMNS;
    reading->length_rests = first + LENGTH_REST;
    reading->natures[plan->step->output].rest = first + AFTER_REST;
}

ntk_status ntk_affine_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    const rule *r = &rules[s->first][s->parameterization];
    double n = (double)s->fan_in, gain = s->w_std * (r->gain_sums ? sqrt(n) : 1), bias = s->bias ? s->b_std : 0;
    bool sharp = ntk_has_sharp(reading->network), first = reading->network->ndim == 1 && plan->input_alpha == 0 && reading->length_rests == 0;
    (void)ctx;
    plan->k[GAIN] = gain;
    plan->k[GAIN2] = s->w_std * s->w_std * (r->gain_sums ? n : 1);
    plan->k[BIAS] = bias;
    plan->k[OWN_K] = s->rate * (r->own_by_variance ? s->w_std * s->w_std : r->own_sums ? n : 1);
    plan->k[OWN_1] = s->rate * (r->own_by_variance ? bias * bias : s->bias);
    plan->k[RESTS] = 0;
    plan->k[WAY] = first && bias > 0 && ntk_wants_exact_gaps(reading->network) ? FINE : sharp ? NEAR_ONE : ROUNDED;
    plan->columns = plan->k[WAY] == FINE ? FINE_COLUMNS : bias > 0 ? PLAIN_COLUMNS : 0;
    if (first && (plan->k[WAY] == FINE || sharp)) open_rests(reading, plan);
    reading->natures[s->output].gaussian = reading->natures[s->output].zero_mean = true;
    reading->natures[s->output].root = s->output;
    return NTK_OK;
}

/* hi + lo, |lo| a rounding of hi. */
typedef struct twofold {
    double hi, lo;
} twofold;

static twofold product_of(double a, double b)
{
    double p = a * b;
    return (twofold){p, fma(a, b, -p)};
}

/* sqrt(x² + s²) */
static twofold hypotenuse(twofold x, double s)
{
    twofold a = product_of(x.hi, x.hi), b = product_of(s, s);
    double sum = a.hi + b.hi, back = sum - a.hi, left = (a.hi - (sum - back)) + (b.hi - back) + a.lo + b.lo + 2 * x.hi * x.lo, root = sqrt(sum);
    return (twofold){root, (fma(-root, root, sum) + left) / (2 * root)};
}

static twofold quotient(twofold x, twofold n)
{
    double q = x.hi / n.hi;
    return (twofold){q, (fma(-q, n.hi, x.hi) + x.lo - q * n.lo) / n.hi};
}

static void keep_fine(double *column, double *rest, double *rest_f32, twofold v)
{
    *column = v.hi;
    *rest = v.lo;
    *rest_f32 = (v.hi - (double)(float)v.hi) + v.lo;
}

#define LONGEST 1e100 /* squares of longer ones than this, or shorter than its inverse, are not taken: the bias or x is then nothing */

/* alpha' in twice the precision. */
static twofold length_after(const ntk_plan *plan, double alpha, double rest)
{
    double bias = plan->k[BIAS];
    twofold x = product_of(plan->k[GAIN], alpha);
    x.lo += plan->k[GAIN] * rest;
    if (!(x.hi > 1 / LONGEST && x.hi < LONGEST && bias > 1 / LONGEST)) return x.hi > bias ? x : (twofold){hypot(x.hi, bias), 0};
    return hypotenuse(x, bias);
}

static void rest_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n, *before = table + ((int64_t)plan->k[RESTS] + LENGTH_REST) * n;
    double *out = table + plan->output_alpha * n, *after = table + ((int64_t)plan->k[RESTS] + AFTER_REST) * n;
    for (int64_t i = 0; i < n; ++i) {
        twofold length = length_after(plan, in[i], before[i]);
        out[i] = length.hi;
        after[i] = length.lo;
        after[n + i] = isfinite(length.hi) ? (length.hi - (double)(float)length.hi) + length.lo : 0;
    }
}

static void fine_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n, *rest = table + ((int64_t)plan->k[RESTS] + LENGTH_REST) * n;
    double *own = table + plan->first_column * n, gain = plan->k[GAIN], bias = plan->k[BIAS];
    for (int64_t i = 0; i < n; ++i) {
        twofold x = product_of(gain, in[i]), length;
        if (!(x.hi > 1 / LONGEST && x.hi < LONGEST && bias > 1 / LONGEST && bias < LONGEST)) continue;
        x.lo += gain * rest[i];
        length = hypotenuse(x, bias);
        keep_fine(own + SHARE * n + i, own + SHARE_REST * n + i, own + SHARE_REST_F32 * n + i, quotient(x, length));
        keep_fine(own + BIAS_SHARE * n + i, own + BIAS_REST * n + i, own + BIAS_REST_F32 * n + i, quotient((twofold){bias, 0}, length));
    }
}

static void dense_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n;
    double *out = table + plan->output_alpha * n, *share = table + (plan->first_column + SHARE) * n;
    double gain = plan->k[GAIN], bias = plan->k[BIAS];
    for (int64_t i = 0; i < n; ++i) out[i] = bias > 0 ? hypot(gain * in[i], bias) : gain * in[i];
    if (plan->k[RESTS] > 0) rest_norms(plan, n, table);
    for (int64_t i = 0; bias > 0 && i < n; ++i) {
        share[i] = gain * in[i] / out[i];
        share[n + i] = bias / out[i];
        share[MISSING * n + i] = share[n + i] * share[n + i] / (1 + share[i]);
    }
    if (plan->k[WAY] == FINE) fine_norms(plan, n, table);
}

static const ntk_pairs_variants *dense_pairs(const ntk_plan *plan)
{
    (void)plan;
    return &affine_pairs;
}

const ntk_infinite_op ntk_infinite_dense = {ntk_affine_plan, dense_norms, dense_pairs, NULL};

#endif
