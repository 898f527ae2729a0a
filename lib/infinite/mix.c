/*
 * Mixtures of positions whose weights each sample brings along (attention, graphs):  K' = g² W K_v W'ᵀ + s²,  Theta' the same of
 * Theta_v plus its own term, over all pairs of positions, with K_v = a K + b R, Theta_v = a Theta + r b R for a fixed matrix R.
 *
 * W [outputs, inputs] of a sample stands in the plan's own table columns, one column for each input.  Output rows are made one by
 * one, two products of a row and a matrix each: inputs² outputs + inputs outputs² in all; weights of 0 cost nothing.
 */
#include "field.h"

enum { GAIN2 = NTK_AFFINE_GAIN2, OWN_K = NTK_AFFINE_OWN_K, OWN_1 = NTK_AFFINE_OWN_1, BIAS = NTK_AFFINE_BIAS };

#if defined(NTK_HOT)

/* One row of numbers each, of a side's inputs or outputs. */
typedef struct rows {
    real *k, *theta, *r, *out_k, *out_theta;
} rows;

static rows rows_of(const ntk_field *f)
{
    int64_t size = f->chunks * NTK_RUN;
    real *work = f->work;
    return (rows){work, work + size, work + 2 * size, work + 3 * size, work + 4 * size};
}

static void clear(int64_t count, real *a, real *b)
{
    for (int64_t i = 0; i < count; ++i) a[i] = b[i] = 0;
}

/* k += w alpha rho(m, .), theta += w theta(m, .) */
static void add_input(const ntk_plan *plan, const ntk_field *f, int64_t m, real w, real alpha, rows *t)
{
    for (int64_t q = 0; q < f->columns_in; q += NTK_RUN) {
        const real *rho = cell(f, plan->input_slot, m, q), *theta = rho + 2 * NTK_RUN;
        int64_t count = NTK_MIN((int64_t)NTK_RUN, f->columns_in - q);
        for (int64_t j = 0; j < count; ++j) t->k[q + j] += w * alpha * rho[j];
        for (int64_t j = 0; j < count; ++j) t->theta[q + j] += w * theta[j];
    }
}

/* r += w R(m, .), positions counted in the whole grid. */
static void add_embedding(const ntk_plan *plan, const ntk_field *f, int64_t m, real w, rows *t)
{
    const int32_t *row = f->row_taps->input, *column = f->column_taps->input;
    const double *r = plan->taps.weight + row[m] * plan->taps.outputs;
    for (int64_t n = 0; n < f->columns_in; ++n) t->r[n] += w * REAL(r[column[n]]);
}

/* Row o of W K_v and W Theta_v. */
static void left_product(const ntk_plan *plan, const ntk_field *f, int64_t o, rows *t)
{
    const real *alpha = table(f->row, f->stride, plan->input_alpha), *beta = table(f->column, f->stride, plan->input_alpha);
    bool mine = f->only < 0 || f->only == plan->step->parametric;
    real a = REAL(plan->k[NTK_MIX_A]), b = REAL(plan->k[NTK_MIX_B]), rate = mine ? REAL(plan->k[NTK_MIX_RATE]) : 0;
    clear(f->columns_in, t->k, t->theta);
    clear(f->columns_in, t->r, t->out_k);
    for (int64_t m = 0; m < f->rows_in; ++m) {
        real w = table(f->row, f->stride, plan->first_column)[m * f->stride + o];
        if (w == 0) continue;
        add_input(plan, f, m, w, alpha[m], t);
        if (b != 0) add_embedding(plan, f, m, w, t);
    }
    for (int64_t n = 0; n < f->columns_in; ++n) {
        t->k[n] = a * beta[n] * t->k[n] + b * t->r[n];
        t->theta[n] = a * t->theta[n] + rate * b * t->r[n];
    }
}

/* The row times the other sample's W'ᵀ. */
static void right_product(const ntk_plan *plan, const ntk_field *f, rows *t)
{
    clear(f->columns, t->out_k, t->out_theta);
    for (int64_t n = 0; n < f->columns_in; ++n) {
        const real *w = table(f->column, f->stride, plan->first_column) + n * f->stride;
        for (int64_t q = 0; q < f->columns; ++q) t->out_k[q] += t->k[n] * w[q];
        for (int64_t q = 0; q < f->columns; ++q) t->out_theta[q] += t->theta[n] * w[q];
    }
}

/* Do two outputs of one sample mix alike?  Then they are equal (two nodes with the same edges), and their distance is exactly 0. */
static bool equal_weights(const ntk_plan *plan, const ntk_field *f, int64_t o, int64_t q)
{
    const real *w = table(f->row, f->stride, plan->first_column);
    bool equal = true;
    for (int64_t m = 0; equal && o != q && m < f->rows_in; ++m) equal = w[m * f->stride + o] == w[m * f->stride + q];
    return equal;
}

void NTK_HOT_NAME(mix)(const ntk_plan *plan, const ntk_field *f);
void NTK_HOT_NAME(mix)(const ntk_plan *plan, const ntk_field *f)
{
    rows t = rows_of(f);
    const real *alpha = table(f->row, f->stride, plan->output_alpha), *beta = table(f->column, f->stride, plan->output_alpha);
    bool mine = f->only < 0 || f->only == plan->step->parametric;
    real gain2 = REAL(plan->k[GAIN2]), bias2 = REAL(plan->k[BIAS] * plan->k[BIAS]);
    real own_k = mine ? REAL(plan->k[OWN_K]) : 0, own_1 = mine ? REAL(plan->k[OWN_1]) : 0;
    for (int64_t o = 0; o < f->rows; ++o) {
        left_product(plan, f, o, &t);
        right_product(plan, f, &t);
        for (int64_t q = 0; q < f->columns; ++q)
            store_moment(f, plan->output_slot, o, q, f->itself && equal_weights(plan, f, o, q), gain2 * t.out_k[q] + bias2, alpha[o], beta[q],
                         gain2 * t.out_theta[q] + own_k * t.out_k[q] + own_1);
    }
}

#else

#include <math.h>

NTK_FIELD_VARIANTS(mix)

/* K_v(m, n) of the sample with itself. */
static double own_k(const ntk_plan *plan, const ntk_field *f, const double *in, int64_t m, int64_t n)
{
    const int32_t *place = f->row_taps->input;
    double k = plan->k[NTK_MIX_A] * in[m] * in[n] * (m == n ? 1 : ntk_field_rho(f, plan->input_slot, m, n));
    return plan->k[NTK_MIX_B] == 0 ? k : k + plan->k[NTK_MIX_B] * plan->taps.weight[place[m] * plan->taps.outputs + place[n]];
}

void ntk_mix_norms(const ntk_plan *plan, const ntk_field *f, double *t)
{
    const double *in = t + plan->input_alpha * f->stride, *w = t + plan->first_column * f->stride;
    double *out = t + plan->output_alpha * f->stride, *row = f->work;
    for (int64_t o = 0; o < f->rows; ++o) {
        double sum = 0;
        for (int64_t n = 0; n < f->rows_in; ++n) {
            row[n] = 0;
            for (int64_t m = 0; m < f->rows_in; ++m)
                if (w[m * f->stride + o] != 0) row[n] += w[m * f->stride + o] * own_k(plan, f, in, m, n);
        }
        for (int64_t n = 0; n < f->rows_in; ++n) sum += row[n] * w[n * f->stride + o];
        out[o] = hypot(sqrt(fmax(plan->k[GAIN2] * sum, 0)), plan->k[BIAS]);
    }
}

#endif
