/*
 * A noise of its own for every sample: A = K + diag(noise) + ridge I is what is decomposed, as a matrix beside the gram, whose K the covariances go on to
 * read.  Where a sample has several rows they share its noise.
 */
#include "predict.h"

static ntk_status check(ntk_context *ctx, const ntk_array *noise, const ntk_predictor *p)
{
    ntk_status status;
    NTK_TRY(ntk_check_array(ctx, "options.noise", noise));
    if (noise->dtype != p->gram->dtype)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "options.noise holds %s; the gram %s", ntk_dtype_name(noise->dtype), ntk_dtype_name(p->gram->dtype));
    if (noise->ndim != 1 || noise->shape[0] < 1 || p->gram->size % noise->shape[0] != 0 ||
        (noise->shape[0] != p->gram->size && noise->shape[0] * p->outputs != p->gram->size)) {
        char text[NTK_SHAPE_TEXT];
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "options.noise has shape %s; expected [%lld]: one number per row of the gram, or per sample",
                        ntk_shape_text(text, noise->ndim, noise->shape), (long long)p->gram->size);
    }
    NTK_TRY(ntk_check_finite(ctx, "options.noise", noise));
done:
    return status;
}

/* The diagonal gains noise[i / per]. */
static ntk_status add(ntk_context *ctx, const ntk_array *noise, int64_t n, void *matrix)
{
    int64_t per = n / noise->shape[0];
    for (int64_t i = 0; i < n; ++i) {
        double wide = noise->dtype == NTK_F64 ? ((const double *)noise->data)[i / per * noise->strides[0]] : (double)((const float *)noise->data)[i / per * noise->strides[0]];
        if (!(wide >= 0))
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.noise[%lld] is %g; expected a variance >= 0", (long long)(i / per), wide);
        if (noise->dtype == NTK_F64) ((double *)matrix)[i * n + i] += wide;
        else ((float *)matrix)[i * n + i] += (float)wide;
    }
    return NTK_OK;
}

ntk_status ntk_noise_open(ntk_context *ctx, const ntk_array *noise, ntk_predictor *p)
{
    ntk_status status;
    int64_t n = p->gram->size, count;
    bool ntk = p->rule->trained == NTK_KIND_NTK;
    ntk_array dense;
    NTK_TRY(check(ctx, noise, p));
    NTK_TRY(ntk_size_product(ctx, "the kernel with noise", n, n, &count));
    NTK_TRY(ntk_allocate_raw(ctx, count, ntk_dtype_size(p->gram->dtype), &p->noisy_matrix));
    NTK_TRY(ntk_gram_copy(ctx, p->gram, p->rule->trained, p->noisy_matrix));
    NTK_TRY(add(ctx, noise, n, p->noisy_matrix));
    dense = ntk_array_dense(p->noisy_matrix, p->gram->dtype, NTK_SHAPE(n, n));
    NTK_TRY(ntk_gram_from_matrices(ctx, ntk ? &dense : NULL, ntk ? NULL : &dense, &p->noisy));
done:
    return status;
}
