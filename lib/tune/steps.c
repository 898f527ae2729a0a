/*
 * One pair through one step, and back (docs/mathematics.md §2.2, §2.4), k = (q1 + q2 - delta)/2:
 *
 *     dense        q' = g² q + b²,  delta' = g² delta,  Theta' = r (A k + B) + g² Theta
 *     activation   (q1, q2, delta)' and K. of moments.c,  Theta' = K. Theta
 *     mixture      all four are sums of those of the branches: weights 1 (sum) or the shares of the channels (concat)
 *     product      q' = q p,  Theta' = Theta l + k Phi,  and of k' = k l, with the other branch's (p1, p2, eps), l, Phi,
 *                  delta' = ½ ((q1 - q2)(p1 - p2) + delta (p1 + p2) + eps (q1 + q2) - delta eps):   no difference of large numbers
 *     norm         a, b = 1/sqrt(epsilon + q1), 1/sqrt(epsilon + q2):  q1' = a² q1,  q2' = b² q2,  Theta' = a b Theta,
 *                  delta' = (a - b)(a q1 - b q2) + a b delta
 *
 * Backwards each line is read from right to left.
 */
#include "tune.h"

#include <math.h>

static void add(ntk_pair *to, ntk_pair what)
{
    to->q1 += what.q1;
    to->q2 += what.q2;
    to->delta += what.delta;
    to->theta += what.theta;
}

/* ---- dense ------------------------------------------------------------------------------------------------------- */

static double value_of(const ntk_tune_step *s, int key, const double *values)
{
    return s->parameter[key] >= 0 ? values[s->parameter[key]] : s->value[key];
}

ntk_tune_affine ntk_tune_affine_of(const ntk_tune_step *s, const double *values)
{
    ntk_tune_affine a = {value_of(s, NTK_TUNE_W, values), value_of(s, NTK_TUNE_B, values), value_of(s, NTK_TUNE_RATE, values), 0, s->own_k, s->own_1};
    a.gain2 = a.w * a.w * s->gain_factor;
    if (s->own_by_variance) {
        a.own_k = a.w * a.w;
        a.own_1 = a.b * a.b;
    }
    return a;
}

static void dense_pass(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, ntk_moments *m, ntk_pair *out)
{
    const ntk_pair *p = &values[s->step->inputs[0]];
    (void)m;
    *out = (ntk_pair){a->gain2 * p->q1 + a->b * a->b, a->gain2 * p->q2 + a->b * a->b, a->gain2 * p->delta,
                      a->rate * (a->own_k * ntk_pair_covariance(p) + a->own_1) + a->gain2 * p->theta};
}

static void dense_pull(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, const ntk_moments *m, const ntk_pair *bar, ntk_pair *bars, double *gradient)
{
    const ntk_pair *p = &values[s->step->inputs[0]];
    double k = ntk_pair_covariance(p), k_bar = bar->theta * a->rate * a->own_k, own = s->own_by_variance ? bar->theta * a->rate : 0;
    double gain_bar = (bar->q1 * p->q1 + bar->q2 * p->q2 + bar->delta * p->delta + bar->theta * p->theta) * s->gain_factor + own * k;
    (void)m;
    if (s->parameter[NTK_TUNE_W] >= 0) gradient[s->parameter[NTK_TUNE_W]] += 2 * a->w * gain_bar;
    if (s->parameter[NTK_TUNE_B] >= 0) gradient[s->parameter[NTK_TUNE_B]] += 2 * a->b * (bar->q1 + bar->q2 + own);
    if (s->parameter[NTK_TUNE_RATE] >= 0) gradient[s->parameter[NTK_TUNE_RATE]] += bar->theta * (a->own_k * k + a->own_1);
    add(&bars[s->step->inputs[0]],
        (ntk_pair){a->gain2 * bar->q1 + k_bar / 2, a->gain2 * bar->q2 + k_bar / 2, a->gain2 * bar->delta - k_bar / 2, a->gain2 * bar->theta});
}

const ntk_tune_rule ntk_tune_dense = {dense_pass, dense_pull};

/* ---- activations ------------------------------------------------------------------------------------------------- */

static void activation_pass(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, ntk_moments *m, ntk_pair *out)
{
    const ntk_pair *p = &values[s->step->inputs[0]];
    (void)a;
    s->moments(s->p, p->q1, p->q2, p->delta, m);
    *out = (ntk_pair){m->q1, m->q2, m->delta, m->dot * p->theta};
}

static void activation_pull(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, const ntk_moments *m, const ntk_pair *bar, ntk_pair *bars, double *gradient)
{
    double dot_bar = bar->theta * values[s->step->inputs[0]].theta;
    (void)a;
    (void)gradient;
    add(&bars[s->step->inputs[0]], (ntk_pair){bar->q1 * m->q1_slope + bar->delta * m->delta_q1 + dot_bar * m->dot_q1,
                                              bar->q2 * m->q2_slope + bar->delta * m->delta_q2 + dot_bar * m->dot_q2,
                                              bar->delta * m->dot + dot_bar * m->dot_delta, bar->theta * m->dot});
}

const ntk_tune_rule ntk_tune_activation = {activation_pass, activation_pull};

/* ---- sum and concat ---------------------------------------------------------------------------------------------- */

static ntk_pair scaled(double w, const ntk_pair *p)
{
    return (ntk_pair){w * p->q1, w * p->q2, w * p->delta, w * p->theta};
}

static double weight_of(const ntk_step *s, int branch)
{
    bool sum = (ntk_merge)s->layer->value[NTK_BRANCH_MERGE] == NTK_MERGE_SUM;
    return sum ? 1 : (double)s->parts[branch] / (double)s->units;
}

static void mixture_pass(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, ntk_moments *m, ntk_pair *out)
{
    (void)a;
    (void)m;
    *out = (ntk_pair){0};
    for (int i = 0; i < s->step->n_inputs; ++i) add(out, scaled(weight_of(s->step, i), &values[s->step->inputs[i]]));
}

static void mixture_pull(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, const ntk_moments *m, const ntk_pair *bar, ntk_pair *bars, double *gradient)
{
    (void)a;
    (void)values;
    (void)m;
    (void)gradient;
    for (int i = 0; i < s->step->n_inputs; ++i) add(&bars[s->step->inputs[i]], scaled(weight_of(s->step, i), bar));
}

const ntk_tune_rule ntk_tune_mixture = {mixture_pass, mixture_pull};

/* ---- product ----------------------------------------------------------------------------------------------------- */

static ntk_pair multiplied(const ntk_pair *a, const ntk_pair *b)
{
    return (ntk_pair){a->q1 * b->q1, a->q2 * b->q2,
                      ((a->q1 - a->q2) * (b->q1 - b->q2) + a->delta * (b->q1 + b->q2) + b->delta * (a->q1 + a->q2) - a->delta * b->delta) / 2,
                      a->theta * ntk_pair_covariance(b) + ntk_pair_covariance(a) * b->theta};
}

/* The product of all branches but `except`; of none the constant 1. */
static ntk_pair product_of(const ntk_step *s, const ntk_pair *values, int except)
{
    ntk_pair all = {1, 1, 0, 0};
    for (int i = 0; i < s->n_inputs; ++i)
        if (i != except) all = multiplied(&all, &values[s->inputs[i]]);
    return all;
}

static void product_pass(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, ntk_moments *m, ntk_pair *out)
{
    (void)a;
    (void)m;
    *out = product_of(s->step, values, -1);
}

static void product_pull(const ntk_tune_step *s, const ntk_tune_affine *a, const ntk_pair *values, const ntk_moments *m, const ntk_pair *bar, ntk_pair *bars, double *gradient)
{
    (void)a;
    (void)m;
    (void)gradient;
    for (int i = 0; i < s->step->n_inputs; ++i) {
        ntk_pair p = product_of(s->step, values, i);
        double l = ntk_pair_covariance(&p), apart = p.q1 - p.q2, k_bar = bar->theta * p.theta;
        add(&bars[s->step->inputs[i]],
            (ntk_pair){bar->q1 * p.q1 + bar->delta * (apart + p.delta) / 2 + k_bar / 2, bar->q2 * p.q2 + bar->delta * (p.delta - apart) / 2 + k_bar / 2,
                       bar->delta * l - k_bar / 2, bar->theta * l});
    }
}

const ntk_tune_rule ntk_tune_product = {product_pass, product_pull};

/* ---- layer_norm -------------------------------------------------------------------------------------------------- */

static double inverse_length(const ntk_tune_step *s, double q)
{
    return 1 / sqrt(s->step->layer->value[NTK_LAYER_NORM_EPSILON] + q);
}

static void norm_pass(const ntk_tune_step *s, const ntk_tune_affine *affine, const ntk_pair *values, ntk_moments *m, ntk_pair *out)
{
    const ntk_pair *p = &values[s->step->inputs[0]];
    double a = inverse_length(s, p->q1), b = inverse_length(s, p->q2);
    (void)affine;
    (void)m;
    *out = (ntk_pair){a * a * p->q1, b * b * p->q2, (a - b) * (a * p->q1 - b * p->q2) + a * b * p->delta, a * b * p->theta};
}

static void norm_pull(const ntk_tune_step *s, const ntk_tune_affine *affine, const ntk_pair *values, const ntk_moments *m, const ntk_pair *bar, ntk_pair *bars, double *gradient)
{
    const ntk_pair *p = &values[s->step->inputs[0]];
    double a = inverse_length(s, p->q1), b = inverse_length(s, p->q2), apart = a * p->q1 - b * p->q2;
    double a_bar = bar->q1 * 2 * a * p->q1 + bar->delta * (apart + (a - b) * p->q1 + b * p->delta) + bar->theta * b * p->theta;
    double b_bar = bar->q2 * 2 * b * p->q2 + bar->delta * (a * p->delta - apart - (a - b) * p->q2) + bar->theta * a * p->theta;
    (void)affine;
    (void)m;
    (void)gradient;
    add(&bars[s->step->inputs[0]], (ntk_pair){bar->q1 * a * a + bar->delta * (a - b) * a - a_bar * a * a * a / 2,
                                              bar->q2 * b * b - bar->delta * (a - b) * b - b_bar * b * b * b / 2, bar->delta * a * b, bar->theta * a * b});
}

const ntk_tune_rule ntk_tune_norm = {norm_pass, norm_pull};
