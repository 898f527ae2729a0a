/* The shapes in which rows x columns numbers may be handed over; all of them are the same numbers in the same order. */
#include "predict.h"

int64_t ntk_target_outputs(const ntk_gram *gram, const ntk_array *y)
{
    return y->ndim == 2 && y->shape[0] != gram->size ? y->shape[1] : gram->per_sample;
}

ntk_status ntk_check_answers(ntk_context *ctx, ntk_array_check check, const char *name, const ntk_array *a, ntk_dtype dtype, int64_t lead,
                             int64_t rows, int64_t columns, int64_t outputs)
{
    int64_t shape[3];
    int ndim = 0, first = lead >= 0;
    bool one = columns == 1, by_sample;
    if (!a) return ntk_fail(ctx, NTK_ERROR_NULL, "%s is NULL", name);
    by_sample = one && outputs > 1 && rows % outputs == 0 && !(a->ndim == first + 2 && a->shape[first] == rows);
    if (lead >= 0) shape[ndim++] = lead;
    shape[ndim++] = rows;
    if (!one || a->ndim != first + 1) shape[ndim++] = columns;
    if (by_sample && ndim == first + 2) {
        shape[first] = rows / outputs;
        shape[first + 1] = outputs;
    }
    return check(ctx, name, a, dtype, ndim, shape);
}
