/*
 * The evidence of a kernel with noise: the log density of the targets under y ~ N(0, A), A = K + ridge I, each of the m
 * columns on its own (Rasmussen & Williams 2006, eq. 2.30):
 *
 *     log p(y) = - ½ sum_columns yᵀ A⁻¹ y - m/2 log det A - N m/2 log 2 pi
 *              = - ½ sum_k w_k |c_k|² + m/2 sum_k log w_k - N m/2 log 2 pi
 *
 * Every term of the first sum is positive: no cancellation.  A relative error eps cond(A) of the smallest eigenvalues is what the
 * decomposition leaves, and what any method in this precision would.
 */
#include "solve.h"

#include <math.h>

/* |y|² off the vectors held. */
static double beyond(const ntk_spectrum *s, const ntk_modes *m)
{
    return fmax(0, ntk_square_sum(s->n * m->columns, m->y) - ntk_square_sum(s->size * m->columns, m->c));
}

double ntk_log_evidence(const ntk_spectrum *s, const ntk_modes *m)
{
    double quadratic = 0, logs = 0, columns = (double)m->columns;
    for (int64_t k = 0; k < s->size; ++k) {
        quadratic += m->weight[k] * ntk_square_sum(m->columns, m->c + k * m->columns);
        logs += log(m->weight[k]);
    }
    if (s->size < s->n) {
        quadratic += m->beyond * beyond(s, m);
        logs += (double)(s->n - s->size) * log(m->beyond);
    }
    return 0.5 * (columns * logs - quadratic - (double)s->n * columns * log(2 * acos(-1)));
}

ntk_status ntk_spectrum_log_evidence(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, double ridge, double *value)
{
    ntk_status status;
    ntk_modes m = {0};
    double result;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    NTK_REQUIRE(ctx, value);
    NTK_TRY(ntk_modes_open(ctx, spectrum, y, ridge, &m));
    result = ntk_log_evidence(spectrum, &m);
    NTK_TRY(ntk_check_result(ctx, "the log evidence", NTK_F64, &result, 1));
    *value = result;
done:
    ntk_modes_close(&m);
    return status;
}
