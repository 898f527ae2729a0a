/*
 * Targets in the shape of the operator.  A gram with one value per pair stands for K x I: every column of y [n, c] sees the
 * same K.  A full gram [n o, n o] sees y [n, o] as one column, row = sample o + output.
 */
#include "kernel.h"

static bool is_full_shape(const ntk_gram *g, const ntk_array *y)
{
    if (y->ndim != 2 || y->shape[0] == g->size) return false;
    return y->shape[1] > 0 && y->shape[0] == g->size / y->shape[1] && y->shape[0] * y->shape[1] == g->size &&
           (g->per_sample == 0 || g->per_sample == y->shape[1]);
}

static ntk_status shape_error(ntk_context *ctx, const ntk_gram *g, const char *name, const ntk_array *y)
{
    char text[NTK_SHAPE_TEXT];
    return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has shape %s; a gram of size %lld takes [%lld], [%lld, c], or [n, o] with n o = %lld", name,
                    ntk_shape_text(text, y->ndim, y->shape), (long long)g->size, (long long)g->size, (long long)g->size, (long long)g->size);
}

ntk_status ntk_gram_targets(ntk_context *ctx, const ntk_gram *gram, const char *name, const ntk_array *y, int64_t *columns, void **dense)
{
    ntk_status status;
    bool full;
    NTK_TRY(ntk_check_array(ctx, name, y));
    if (y->dtype != gram->dtype)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s holds %s; the gram %s", name, ntk_dtype_name(y->dtype), ntk_dtype_name(gram->dtype));
    full = is_full_shape(gram, y);
    if (!full && (y->ndim < 1 || y->ndim > 2 || y->shape[0] != gram->size)) return shape_error(ctx, gram, name, y);
    NTK_TRY(ntk_check_finite(ctx, name, y));
    NTK_TRY(ntk_copy_dense(ctx, y, dense));
    *columns = full || y->ndim == 1 ? 1 : y->shape[1];
done:
    return status;
}
