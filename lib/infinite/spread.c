/*
 * The loops of ops that mix positions, over all pairs of positions of two samples (docs/mathematics.md §4.2 step 4).
 *
 * Taps that meet themselves only, with shares r_t = g w_t alpha_t / alpha', s_t = g w_t' beta_t / beta' (0 outside the input):
 *
 *     rho'   = sum_t r s rho_t + b c,      omega' = sum_t [ ½ (r - s)² + r s omega_t ] + ½ (b - c)²     b, c: the bias over alpha', beta'
 *     Theta' = g² sum_t w w' Theta_t + rate (A sum_t w w' alpha beta rho_t + B)
 *
 * and the same with 1 + rho for nearly opposite inputs: sums of non-negative terms, so distances survive.
 *
 * Taps that meet each other add correlated vectors:  K' = sum w w' K,  gap' = 1 - |rho'|, and exactly 0 of a position with itself.  Where both
 * outputs have the same weights, U = sum w u_t and V = sum w v_t, the gap is never above what |U - c V| <= sum w |u_t - c v_t| makes of it, c = |U|/|V|:
 * the distances of taps are known to all their digits, so images that differ by 1e-12 keep an angle of that size, and windows that are equal tap
 * by tap one of 0, wherever they lie.
 */
#include "field.h"

enum { GAIN2 = NTK_AFFINE_GAIN2, OWN_K = NTK_AFFINE_OWN_K, OWN_1 = NTK_AFFINE_OWN_1, GAIN = NTK_AFFINE_GAIN, BIAS = NTK_AFFINE_BIAS };

#if defined(NTK_HOT)

/* ---- the first state ------------------------------------------------------------------------------------------- */

typedef struct unit {
    double length, inverse;
} unit;

static unit unit_of(int64_t c, const real *x)
{
    double sum = 0;
    for (int64_t k = 0; k < c; ++k) sum += (double)x[k] * (double)x[k];
    return (unit){sqrt(sum), sum > 0 ? 1 / sqrt(sum) : 0};
}

static void start_pair(int64_t c, const real *x, unit u, const real *y, unit v, real *to)
{
    double dot = 0, near = 0, far = 0;
    if (u.inverse == 0 || v.inverse == 0) {
        store(to, 0, 1, 0);
        return;
    }
    for (int64_t k = 0; k < c; ++k) {
        double a = (double)x[k] * u.inverse, b = (double)y[k] * v.inverse;
        dot += a * b;
        near += (a - b) * (a - b);
        far += (a + b) * (a + b);
    }
    if (dot >= 0) store(to, REAL(1 - near / 2), REAL(near / 2), 0);
    else store(to, REAL(far / 2 - 1), REAL(far / 2), 0);
}

void NTK_HOT_NAME(field_start)(const ntk_field_start *s, const ntk_field *f);
void NTK_HOT_NAME(field_start)(const ntk_field_start *s, const ntk_field *f)
{
    const real *x = s->row, *y = s->column;
    for (int64_t p = 0; p < s->rows; ++p) {
        unit u = unit_of(s->channels, x + p * s->channels);
        for (int64_t q = f->across ? 0 : p; q < (f->across ? s->columns : p + 1); ++q)
            start_pair(s->channels, x + p * s->channels, u, y + q * s->channels, unit_of(s->channels, y + q * s->channels), cell(f, 0, p, q));
    }
}

/* ---- taps ------------------------------------------------------------------------------------------------------ */

typedef struct side {
    const real *in, *out; /* alpha before and after */
    const int32_t *input;
    const double *weight;
    int64_t count; /* taps of an output; where a tap meets only itself, those of both sides are as many */
} side;

static inline side side_of(const ntk_plan *plan, const ntk_field *f, const void *t, const ntk_taps *taps)
{
    return (side){table(t, f->stride, plan->input_alpha), table(t, f->stride, plan->output_alpha), taps->input, taps->weight, taps->count};
}

typedef struct sums {
    real rho, omega, opposite, theta, k;
} sums;

/* One tap of one pair of outputs; a, b: w alpha and w' beta, 0 where the tap lies outside. */
static inline void add_tap(const real *in, real weights, real a, real b, real r, real s, sums *t)
{
    real half = REAL(0.5) * (r - s) * (r - s), rs = r * s;
    t->omega += half;
    t->opposite += half;
    if (!in) return;
    t->rho += rs * in[0];
    t->omega += rs * omega_of(in[0], in[NTK_RUN]);
    t->opposite += rs * opposite_of(in[0], in[NTK_RUN]);
    t->theta += weights * in[2 * NTK_RUN];
    t->k += a * b * in[0];
}

static sums sum_taps(const ntk_plan *plan, const ntk_field *f, const side *x, const side *y, int64_t o, int64_t q)
{
    sums t = {0, 0, 0, 0, 0};
    const int64_t count = plan->taps.count;
    real g = REAL(plan->k[GAIN]), to = g * inverse_of(x->out[o]), from = g * inverse_of(y->out[q]);
    for (int64_t i = 0; i < count; ++i) {
        int64_t m = x->input[o * count + i], n = y->input[q * count + i];
        real w = REAL(x->weight[o * count + i]), v = REAL(y->weight[q * count + i]);
        real a = m < 0 ? 0 : w * x->in[m], b = n < 0 ? 0 : v * y->in[n];
        add_tap(m < 0 || n < 0 ? NULL : cell(f, plan->input_slot, m, n), w * v, a, b, to * a, from * b, &t);
    }
    return t;
}

static void together(const ntk_plan *plan, const ntk_field *f, const side *x, const side *y, int64_t o, int64_t q)
{
    bool mine = f->only < 0 || f->only == plan->step->parametric;
    sums t = sum_taps(plan, f, x, y, o, q);
    real bias = REAL(plan->k[BIAS]), b = bias * inverse_of(x->out[o]), c = bias * inverse_of(y->out[q]);
    t.rho += b * c;
    t.omega += REAL(0.5) * (b - c) * (b - c);
    t.opposite += REAL(0.5) * (b + c) * (b + c);
    t.theta = REAL(plan->k[GAIN2]) * t.theta + (mine ? REAL(plan->k[OWN_K]) * t.k + REAL(plan->k[OWN_1]) : 0);
    store(cell(f, plan->output_slot, o, q), t.rho, t.rho >= 0 ? t.omega : t.opposite, t.theta);
}

/* The squared distance of u and ±v of these lengths, which stand in `in` as unit vectors. */
static inline real distance_of(const real *in, bool opposite, real a, real b)
{
    return (a - b) * (a - b) + 2 * a * b * (opposite ? opposite_of(in[0], in[NTK_RUN]) : omega_of(in[0], in[NTK_RUN]));
}

#define NEAR 0.01 /* gaps beyond lose nothing that a bound could give back */

/* The most that the gap of two mixtures can be, tap by tap; 1, which says nothing, where their weights differ. */
static real most_gap(const ntk_plan *plan, const ntk_field *f, const side *x, const side *y, int64_t o, int64_t q, bool opposite)
{
    real length = x->out[o], c = length / y->out[q], sum = 0;
    if (x->count != y->count) return 1;
    for (int64_t i = 0; i < x->count; ++i) {
        int64_t m = x->input[o * x->count + i], n = y->input[q * y->count + i];
        double w = x->weight[o * x->count + i];
        if (m < 0 && n < 0) continue;
        if (m < 0 || n < 0 || w < y->weight[q * y->count + i] || w > y->weight[q * y->count + i]) return 1;
        sum += REAL(fabs(w)) * ntk_sqrt(distance_of(cell(f, plan->input_slot, m, n), opposite, x->in[m], c * y->in[n]));
    }
    sum /= length;
    return REAL(0.5) * sum * sum;
}

static void across(const ntk_plan *plan, const ntk_field *f, const side *x, const side *y, int64_t o, int64_t q)
{
    real k = 0, theta = 0, *to = cell(f, plan->output_slot, o, q);
    for (int64_t i = 0; i < x->count; ++i) {
        int64_t m = x->input[o * x->count + i];
        real w = REAL(x->weight[o * x->count + i]), row_k = 0, row_theta = 0;
        if (m < 0) continue;
        for (int64_t j = 0; j < y->count; ++j) {
            int64_t n = y->input[q * y->count + j];
            const real *in = n < 0 ? NULL : cell(f, plan->input_slot, m, n);
            if (!in) continue;
            row_k += REAL(y->weight[q * y->count + j]) * y->in[n] * in[0];
            row_theta += REAL(y->weight[q * y->count + j]) * in[2 * NTK_RUN];
        }
        k += w * x->in[m] * row_k;
        theta += w * row_theta;
    }
    store_moment(f, plan->output_slot, o, q, f->itself && o == q, k, x->out[o], y->out[q], theta);
    if (to[NTK_RUN] < REAL(NEAR) && x->out[o] > 0 && y->out[q] > 0) to[NTK_RUN] = NTK_MIN(to[NTK_RUN], most_gap(plan, f, x, y, o, q, to[0] < 0));
}

void NTK_HOT_NAME(spread)(const ntk_plan *plan, const ntk_field *f);
void NTK_HOT_NAME(spread)(const ntk_plan *plan, const ntk_field *f)
{
    side x = side_of(plan, f, f->row, f->row_taps), y = side_of(plan, f, f->column, f->column_taps);
    const ntk_taps *taps = &plan->taps;
    for (int64_t o = 0; o < f->rows; ++o)
        for (int64_t q = f->across ? 0 : o; q < (f->across ? f->columns : o + 1); ++q) {
            if (taps->kind == NTK_TAPS_ACROSS) across(plan, f, &x, &y, o, q);
            else if (taps->kind == NTK_TAPS_ALONE && o != q) store(cell(f, plan->output_slot, o, q), 0, 1, 0);
            else together(plan, f, &x, &y, o, q);
        }
}

#else

#define SPREAD_VARIANTS(type)                                                     \
    void ntk_field_start_##type##_c(const ntk_field_start *, const ntk_field *);      \
    void ntk_field_start_##type##_avx2(const ntk_field_start *, const ntk_field *);   \
    void ntk_field_start_##type##_avx512(const ntk_field_start *, const ntk_field *);
SPREAD_VARIANTS(f64)
SPREAD_VARIANTS(f32)

const ntk_field_start_fn ntk_field_start_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(field_start, f64), [NTK_F32] = NTK_VARIANT_ROW(field_start, f32)};
NTK_FIELD_VARIANTS(spread)

#endif
