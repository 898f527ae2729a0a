/*
 * What the model says of sample i when it has seen all others, without training N models: with A = K + ridge I,
 *
 *     mean_i = y_i - (A⁻¹ y)_i / (A⁻¹)_ii        variance_i = 1 / (A⁻¹)_ii
 *
 * (Rasmussen & Williams 2006, eq. 5.12, from the inverse of a partitioned matrix; the variance is that of the noisy target).
 * (A⁻¹)_ii = sum_k U_ki² w_k is a sum of positive terms.
 */
#include "solve.h"

/* diagonal[i] = (A⁻¹)_ii. */
static void inverse_diagonal(const ntk_spectrum *s, const ntk_modes *m, double *diagonal)
{
    for (int64_t i = 0; i < s->n; ++i) diagonal[i] = m->beyond;
    for (int64_t k = 0; k < s->size; ++k) {
        const double *u = s->vectors + k * s->n;
        double w = m->weight[k] - m->beyond;
        for (int64_t i = 0; i < s->n; ++i) diagonal[i] += w * u[i] * u[i];
    }
}

/* solution [N, m] = A⁻¹ y. */
static ntk_status solve(ntk_context *ctx, const ntk_spectrum *s, const ntk_modes *m, double *solution)
{
    ntk_status status;
    double *c = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, s->size * m->columns, &c));
    for (int64_t k = 0; k < s->size; ++k)
        for (int64_t j = 0; j < m->columns; ++j) c[k * m->columns + j] = (m->weight[k] - m->beyond) * m->c[k * m->columns + j];
    NTK_TRY(ntk_spectrum_synthesise(ctx, s, m->columns, c, solution));
    for (int64_t i = 0; i < s->n * m->columns; ++i) solution[i] += m->beyond * m->y[i];
done:
    ntk_free(c);
    return status;
}

ntk_status ntk_leave_one_out(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_modes *m, double *mean, double *variance)
{
    ntk_status status;
    NTK_TRY(solve(ctx, spectrum, m, mean));
    inverse_diagonal(spectrum, m, variance);
    for (int64_t i = 0; i < spectrum->n; ++i) {
        variance[i] = 1 / variance[i];
        for (int64_t j = i * m->columns; j < (i + 1) * m->columns; ++j) mean[j] = m->y[j] - mean[j] * variance[i];
    }
    NTK_TRY(ntk_check_result(ctx, "the left-out mean", NTK_F64, mean, spectrum->n * m->columns));
    NTK_TRY(ntk_check_result(ctx, "the left-out variance", NTK_F64, variance, spectrum->n));
done:
    return status;
}

ntk_status ntk_spectrum_leave_one_out(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, double ridge, ntk_array *mean,
                                      ntk_array *variance)
{
    ntk_status status;
    ntk_modes m = {0};
    double *f = NULL, *v = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    NTK_TRY(ntk_modes_open(ctx, spectrum, y, ridge, &m));
    NTK_TRY(ntk_check_output(ctx, "mean", mean, NTK_F64, NTK_SHAPE(spectrum->n, m.columns)));
    if (variance) NTK_TRY(ntk_check_output(ctx, "variance", variance, NTK_F64, NTK_SHAPE(spectrum->n)));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->n * m.columns, &f));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->n, &v));
    NTK_TRY(ntk_leave_one_out(ctx, spectrum, &m, f, v));
    ntk_store(mean, f);
    if (variance) ntk_store(variance, v);
done:
    ntk_free(v);
    ntk_free(f);
    ntk_modes_close(&m);
    return status;
}
