/*
 * Global self-attention at infinite width (Hron et al. 2020; docs/mathematics.md §2.5).  K~ = a K + b R, Theta~ = a Theta + r b R: a = 1, b = pos_emb_std²
 * where the embedding is added, half of each where it stands beside the input; r is the rate of the layer, R the covariance of the embedding.
 *
 *     linear scaling   G = mechanism(q_std k_std K~) of each sample with itself; with s = (o_std v_std)², X = G K_v G'ᵀ (mix.c)
 *                      K' = s X + b_std²,   Theta' = s G Theta_v G'ᵀ + r (2 s X + b_std²)
 *     otherwise        identity only; with s = (q_std k_std o_std v_std)² and the sums over all pairs of positions c = <K~, K_v>,
 *                      K' = s c K~ + b_std²,   Theta' = s [t K~ + c (Theta~ + 4 r K~)] + r b_std²,
 *                      t = <K~, Theta_v> + <K_v, Theta~>
 *
 * K_v = K~ if val_pos_emb, else K.  Taps: [0 ... positions) say where a position stands in the whole grid (of a cropped sample
 * elsewhere than its number); the weights hold R.
 */
#include "field.h"

enum { S = NTK_MIX_END, BIAS2, VALUES_EMBEDDED, SCORE_A, SCORE_B }; /* plan->k beside what mix.c reads: of the second form; a and b of the scores */

#if defined(NTK_HOT)

/* What both passes over the field read. */
typedef struct view {
    const ntk_plan *plan;
    const ntk_field *f;
    const real *alpha, *beta;
    double a, b, rate;
    bool embedded;
} view;

typedef struct pair {
    double k, theta, k_embedded, theta_embedded; /* K, Theta, K~, Theta~ */
} pair;

static inline pair pair_of(const view *v, int64_t p, int64_t q)
{
    const real *in = cell(v->f, v->plan->input_slot, p, q);
    pair s = {.k = (double)v->alpha[p] * (double)v->beta[q] * (double)in[0], .theta = (double)in[2 * NTK_RUN]};
    double r = 0;
    if (v->b != 0) r = v->b * v->plan->taps.weight[v->f->row_taps->input[p] * v->plan->taps.outputs + v->f->column_taps->input[q]];
    s.k_embedded = v->a * s.k + r;
    s.theta_embedded = v->a * s.theta + v->rate * r;
    return s;
}

static void sums(const view *v, double *c, double *t)
{
    *c = *t = 0;
    for (int64_t p = 0; p < v->f->rows; ++p)
        for (int64_t q = 0; q < v->f->columns; ++q) {
            pair s = pair_of(v, p, q);
            *c += s.k_embedded * (v->embedded ? s.k_embedded : s.k);
            *t += s.k_embedded * (v->embedded ? s.theta_embedded : s.theta) + (v->embedded ? s.k_embedded : s.k) * s.theta_embedded;
        }
}

void NTK_HOT_NAME(attention)(const ntk_plan *plan, const ntk_field *f);
void NTK_HOT_NAME(attention)(const ntk_plan *plan, const ntk_field *f)
{
    bool mine = f->only < 0 || f->only == plan->step->parametric;
    view v = {plan, f, table(f->row, f->stride, plan->input_alpha), table(f->column, f->stride, plan->input_alpha), plan->k[NTK_MIX_A],
              plan->k[NTK_MIX_B], mine ? plan->k[NTK_MIX_RATE] : 0, plan->k[VALUES_EMBEDDED] != 0};
    const real *alpha = table(f->row, f->stride, plan->output_alpha), *beta = table(f->column, f->stride, plan->output_alpha);
    double c, t, own = mine ? plan->k[NTK_AFFINE_OWN_1] : 0;
    sums(&v, &c, &t);
    for (int64_t p = 0; p < f->rows; ++p)
        for (int64_t q = 0; q < f->columns; ++q) {
            pair s = pair_of(&v, p, q);
            double k = plan->k[S] * c * s.k_embedded + plan->k[BIAS2];
            double theta = plan->k[S] * (t * s.k_embedded + c * (s.theta_embedded + 4 * v.rate * s.k_embedded)) + own;
            store_moment(f, plan->output_slot, p, q, f->itself && p == q, REAL(k), alpha[p], beta[q], REAL(theta));
        }
}

#else

#include <math.h>

NTK_FIELD_VARIANTS(attention)

/* ---- linear scaling: the weights of a sample ------------------------------------------------------------------- */

static double own_covariance(const ntk_plan *plan, const ntk_field *f, const double *in, int64_t p, int64_t q)
{
    const int32_t *place = f->row_taps->input;
    double k = plan->k[NTK_MIX_A] * in[p] * in[q] * (p == q ? 1 : ntk_field_rho(f, plan->input_slot, p, q));
    return plan->k[NTK_MIX_B] == 0 ? k : k + plan->k[NTK_MIX_B] * plan->taps.weight[place[p] * plan->taps.outputs + place[q]];
}

static double unchanged(double x)
{
    return x;
}

static double positive(double x)
{
    return fmax(x, 0);
}

static double (*const elementwise[])(double) = {
    [NTK_MECHANISM_SOFTMAX] = NULL, [NTK_MECHANISM_IDENTITY] = unchanged, [NTK_MECHANISM_ABS] = fabs, [NTK_MECHANISM_RELU] = positive};

/* One row of G from its scores; entry m stands m * stride numbers on. */
static void apply_mechanism(ntk_mechanism mechanism, int64_t n, int64_t stride, double *g)
{
    double most = -INFINITY, sum = 0;
    if (elementwise[mechanism]) {
        for (int64_t m = 0; m < n; ++m) g[m * stride] = elementwise[mechanism](g[m * stride]);
        return;
    }
    for (int64_t m = 0; m < n; ++m) most = fmax(most, g[m * stride]);
    for (int64_t m = 0; m < n; ++m) sum += g[m * stride] = exp(g[m * stride] - most);
    for (int64_t m = 0; m < n; ++m) g[m * stride] /= sum;
}

/* Scores see the embedding whether or not the values do, whose share is put back afterwards. */
static void mixture_norms(const ntk_plan *plan, const ntk_field *f, double *t)
{
    const ntk_layer *layer = plan->step->layer;
    const double *in = t + plan->input_alpha * f->stride, scale = layer->value[NTK_ATTENTION_Q_STD] * layer->value[NTK_ATTENTION_K_STD];
    ntk_plan scores = *plan;
    double *g = t + plan->first_column * f->stride;
    scores.k[NTK_MIX_A] = plan->k[SCORE_A];
    scores.k[NTK_MIX_B] = plan->k[SCORE_B];
    for (int64_t o = 0; o < f->rows; ++o) {
        for (int64_t m = 0; m < f->rows; ++m) g[m * f->stride + o] = scale * own_covariance(&scores, f, in, o, m);
        apply_mechanism((ntk_mechanism)layer->value[NTK_ATTENTION_MECHANISM], f->rows, f->stride, g + o);
    }
    ntk_mix_norms(plan, f, t);
}

static const ntk_whole mixture = {mixture_norms, ntk_mix_variants};

/* ---- otherwise ------------------------------------------------------------------------------------------------- */

static void product_norms(const ntk_plan *plan, const ntk_field *f, double *t)
{
    const double *in = t + plan->input_alpha * f->stride;
    double c = 0, *out = t + plan->output_alpha * f->stride;
    ntk_plan plain = *plan;
    plain.k[NTK_MIX_A] = 1;
    plain.k[NTK_MIX_B] = 0;
    for (int64_t p = 0; p < f->rows; ++p)
        for (int64_t q = 0; q < f->rows; ++q)
            c += own_covariance(plan, f, in, p, q) * own_covariance(plan->k[VALUES_EMBEDDED] != 0 ? plan : &plain, f, in, p, q);
    for (int64_t p = 0; p < f->rows; ++p) out[p] = sqrt(fmax(plan->k[S] * c * own_covariance(plan, f, in, p, p) + plan->k[BIAS2], 0));
}

static const ntk_whole product = {product_norms, ntk_attention_variants};

/* ---- the plan -------------------------------------------------------------------------------------------------- */

static void set_constants(const ntk_step *s, const ntk_attention *a, double *k)
{
    double share = a->pos_emb == NTK_POS_EMB_CONCAT ? 0.5 : 1, values = a->o_std * a->v_std, scores = a->q_std * a->k_std;
    double embedding = a->pos_emb == NTK_POS_EMB_NONE ? 0 : share * a->pos_emb_std * a->pos_emb_std, bias = s->bias ? s->b_std : 0;
    bool embedded = a->val_pos_emb && a->pos_emb != NTK_POS_EMB_NONE;
    k[NTK_AFFINE_GAIN2] = values * values;
    k[NTK_AFFINE_OWN_K] = 2 * s->rate * values * values;
    k[NTK_AFFINE_OWN_1] = s->rate * bias * bias;
    k[NTK_AFFINE_BIAS] = bias;
    k[NTK_MIX_RATE] = s->rate;
    k[SCORE_A] = share;
    k[SCORE_B] = embedding;
    k[NTK_MIX_A] = a->linear && !embedded ? 1 : share; /* of the values, or, without linear scaling, of keys and queries */
    k[NTK_MIX_B] = a->linear && !embedded ? 0 : embedding;
    k[S] = scores * scores * values * values;
    k[BIAS2] = bias * bias;
    k[VALUES_EMBEDDED] = embedded;
}

static ntk_status attention_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    ntk_attention a = ntk_step_attention(reading->network, s);
    if (!a.linear && a.mechanism != NTK_MECHANISM_IDENTITY)
        return ntk_fail_at(ctx, NTK_ERROR_NO_RULE, s->layer->path,
                           "without linear_scaling attention has a closed form for the mechanism \"identity\" alone");
    if (a.positions > INT32_MAX) return ntk_fail_at(ctx, NTK_ERROR_OVERFLOW, s->layer->path, "attention over more than 2^31 - 1 positions");
    set_constants(s, &a, plan->k);
    if (a.linear) plan->columns = (int)a.positions;
    reading->natures[s->output].gaussian = reading->natures[s->output].zero_mean = true;
    reading->natures[s->output].root = s->output;
    return NTK_OK;
}

static ntk_status attention_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    ntk_attention a = ntk_step_attention(reading->network, plan->step);
    const ntk_value *in = &reading->network->values[plan->step->inputs[0]];
    const ntk_value *whole_in = &(reading->whole ? reading->whole : reading)->network->values[plan->step->inputs[0]];
    bool embedded = a.pos_emb != NTK_POS_EMB_NONE && !reading->whole; /* R stands with the whole */
    ntk_status status = ntk_taps_open(ctx, NTK_TAPS_ACROSS, a.positions, embedded ? a.positions : 1, taps);
    if (status != NTK_OK) return status;
    taps->whole = a.linear ? &mixture : &product;
    for (int64_t p = 0; p < a.positions; ++p) taps->input[p] = (int32_t)ntk_sites_place(whole_in, in, p);
    for (int64_t i = 0; embedded && i < a.positions * a.positions; ++i)
        taps->weight[i] = ntk_attention_covariance(&a, in, i / a.positions, i % a.positions);
    return NTK_OK;
}

const ntk_infinite_op ntk_infinite_attention = {attention_plan, NULL, NULL, attention_taps};

#endif
