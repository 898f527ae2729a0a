/*
 * From function space to parameter space: K u = lambda u gives the unit eigenvector of F
 *
 *     v = D^-1/2 Jᵀ u / sqrt(lambda),     |D^-1/2 Jᵀ u|² = uᵀ K u = lambda.
 *
 * The division is by the norm itself, not by the root of the computed lambda: the same number but for rounding, and v is
 * of unit length however small lambda is.  A spectrum from singular values has the v already.
 */
#include "duality.h"

ntk_status ntk_spectrum_parameter_vector(ntk_context *ctx, const ntk_spectrum *s, int64_t index, double *v)
{
    int64_t p = s->jacobian->columns;
    double norm;
    ntk_status status = ntk_jacobian_dense_apply_transposed(ctx, s->jacobian, s->vectors + index * s->n, v);
    if (status != NTK_OK) return status;
    ntk_optimizer_scale(s->optimizer, 1, p, v, 0.5);
    norm = ntk_norm(1, p, v);
    for (int64_t i = 0; norm > 0 && i < p; ++i) v[i] /= norm;
    return NTK_OK;
}

static ntk_status from_gram(ntk_context *ctx, const ntk_spectrum *s, ntk_array *out)
{
    ntk_status status;
    double *v = NULL;
    ntk_array columns = ntk_array_flipped(out);
    NTK_TRY(NTK_NEW_RAW(ctx, s->jacobian->columns, &v));
    for (int64_t i = 0; i < columns.shape[0]; ++i) {
        ntk_array column = ntk_array_at(&columns, i);
        NTK_TRY_PART(ctx, (double)i / (double)columns.shape[0], (double)(i + 1) / (double)columns.shape[0], ntk_spectrum_parameter_vector(ctx, s, i, v));
        ntk_store(&column, v);
    }
done:
    ntk_free(v);
    return status;
}

ntk_status ntk_spectrum_get_parameter_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *out)
{
    ntk_status status;
    ntk_array columns;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    if (!spectrum->jacobian)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum comes from no Jacobian: it has no parameter-space vectors");
    if (!spectrum->vectors) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum was made with values_only: it has no vectors");
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(spectrum->jacobian->columns, -1)));
    if (out->shape[1] > spectrum->rank)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "out has %lld columns; parameter-space vectors belong to the %lld eigenvalues of the rank",
                        (long long)out->shape[1], (long long)spectrum->rank);
    if (!spectrum->right) return from_gram(ctx, spectrum, out);
    columns = ntk_array_flipped(out);
    ntk_store(&columns, spectrum->right);
done:
    return status;
}
