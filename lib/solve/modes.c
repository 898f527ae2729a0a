/*
 * What y is to K + ridge I, in the coordinates of K's eigenvectors: one decomposition serves every ridge.
 *
 *     K = Uᵀ diag(lambda) U,   c = U y,   w_k = 1/(lambda_k + ridge)
 *
 * A spectrum from singular values may hold fewer vectors than K has rows; on what is left K is 0 and w = 1/ridge.
 */
#include "solve.h"

#include <math.h>

/* An eigenvalue of a kernel that rounding made negative counts as 0. */
static ntk_status weigh(ntk_context *ctx, const ntk_spectrum *s, double ridge, ntk_modes *m)
{
    double largest = s->size > 0 ? fmax(s->values[0], 0) : 0;
    for (int64_t k = 0; k < s->size; ++k) {
        double value = s->values[k] < 0 && s->values[k] >= -s->tolerance * largest ? 0 : s->values[k];
        if (!(value + ridge > 0))
            return ntk_fail(ctx, NTK_ERROR_NOT_POSITIVE_DEFINITE, "eigenvalue %lld is %g; with the ridge %g it is not positive", (long long)k,
                            s->values[k], ridge);
        m->weight[k] = 1 / (value + ridge);
    }
    if (s->size < s->n && !(ridge > 0))
        return ntk_fail(ctx, NTK_ERROR_NOT_POSITIVE_DEFINITE, "the kernel [%lld, %lld] has at most %lld positive eigenvalues, and the ridge is 0",
                        (long long)s->n, (long long)s->n, (long long)s->size);
    m->beyond = s->size < s->n ? 1 / ridge : 0;
    return NTK_OK;
}

ntk_status ntk_check_ridge(ntk_context *ctx, double ridge)
{
    if (ridge >= 0 && isfinite(ridge)) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "ridge is %g; expected a finite number >= 0", ridge);
}

ntk_status ntk_modes_open(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, double ridge, ntk_modes *m)
{
    ntk_status status;
    *m = (ntk_modes){0};
    if (spectrum->partial)
        return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "the spectrum holds the %lld largest eigenvalues only; this needs all", (long long)spectrum->size);
    if (!spectrum->vectors) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum was made with values_only: it has no vectors");
    NTK_TRY(ntk_check_shape(ctx, "y", y, NTK_F64, NTK_SHAPE(spectrum->n, -1)));
    NTK_TRY(ntk_check_finite(ctx, "y", y));
    NTK_TRY(ntk_check_ridge(ctx, ridge));
    m->columns = y->shape[1];
    NTK_TRY(ntk_copy_dense(ctx, y, (void **)&m->y));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->size * m->columns, &m->c));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->size, &m->weight));
    NTK_TRY(weigh(ctx, spectrum, ridge, m));
    NTK_TRY(ntk_spectrum_analyse(ctx, spectrum, m->columns, m->y, m->c));
done:
    return status;
}

void ntk_modes_close(ntk_modes *m)
{
    ntk_free(m->weight);
    ntk_free(m->c);
    ntk_free(m->y);
}
