/* Jacobians of one set of parameters below each other: J v is theirs one after the other, Jᵀ u the sum of theirs. */
#include "finite.h"
#include "real.h"

static ntk_status stack_apply(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out)
{
    ntk_status status = NTK_OK;
    double parts = (double)j->n_parts;
    real *to = out;
    for (int64_t i = 0; i < j->n_parts; to += j->parts[i]->rows, ++i)
        NTK_TRY_PART(ctx, (double)i / parts, (double)(i + 1) / parts, ntk_jacobian_dense_apply(ctx, j->parts[i], v, to));
done:
    return status;
}

static ntk_status stack_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out)
{
    ntk_status status;
    real *term = NULL, *sum = out;
    const real *from = u;
    double parts = (double)j->n_parts;
    NTK_TRY(NTK_NEW_RAW(ctx, j->columns, &term));
    for (int64_t c = 0; c < j->columns; ++c) sum[c] = 0;
    for (int64_t i = 0; i < j->n_parts; from += j->parts[i]->rows, ++i) {
        NTK_TRY_PART(ctx, (double)i / parts, (double)(i + 1) / parts, ntk_jacobian_dense_apply_transposed(ctx, j->parts[i], from, term));
        for (int64_t c = 0; c < j->columns; ++c) sum[c] += term[c];
    }
done:
    ntk_free(term);
    return status;
}

static ntk_status stack_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out)
{
    ntk_status status = NTK_OK;
    int64_t begin = 0, end = first + count, p = j->columns;
    for (int64_t i = 0; i < j->n_parts; begin += j->parts[i]->rows, ++i) {
        int64_t from = NTK_MAX(first, begin), to = NTK_MIN(end, begin + j->parts[i]->rows);
        if (from >= to) continue;
        NTK_TRY_PART(ctx, (double)(from - first) / (double)count, (double)(to - first) / (double)count,
                     ntk_jacobian_dense_rows(ctx, j->parts[i], from - begin, to - from, (real *)out + (from - first) * p));
    }
done:
    return status;
}

const ntk_jacobian_class ntk_jacobian_stacked = {"stack", stack_apply, stack_apply_transposed, stack_rows};

#if !defined(NTK_SINGLE)

static ntk_status check_part(ntk_context *ctx, int64_t i, const ntk_jacobian *part, const ntk_jacobian *first)
{
    if (!part) return ntk_fail(ctx, NTK_ERROR_NULL, "parts[%lld] is NULL", (long long)i);
    if (part->dtype != first->dtype)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "parts[%lld] holds %s; parts[0] %s", (long long)i, ntk_dtype_name(part->dtype), ntk_dtype_name(first->dtype));
    if (part->columns == first->columns && part->outputs == first->outputs) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_SHAPE, "parts[%lld] has %lld columns and %lld outputs; expected the %lld and %lld of parts[0]", (long long)i,
                    (long long)part->columns, (long long)part->outputs, (long long)first->columns, (long long)first->outputs);
}

ntk_status ntk_jacobian_stack(ntk_context *ctx, const ntk_jacobian *const *parts, int64_t count, ntk_jacobian **stack)
{
    ntk_status status;
    ntk_jacobian *j = NULL;
    static const ntk_jacobian_class *const classes[2] = NTK_BOTH(ntk_jacobian_stacked);
    NTK_ENTER_NEW(ctx, stack);
    NTK_REQUIRE(ctx, parts);
    if (count < 1) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "count is %lld; expected at least 1", (long long)count);
    for (int64_t i = 0; i < count; ++i) NTK_TRY(check_part(ctx, i, parts[i], parts[0]));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &j));
    NTK_TRY(NTK_NEW(ctx, count, &j->parts));
    j->class = classes[parts[0]->dtype];
    j->dtype = parts[0]->dtype;
    j->columns = parts[0]->columns;
    j->outputs = parts[0]->outputs;
    for (; j->n_parts < count; ++j->n_parts) {
        if (parts[j->n_parts]->rows > INT64_MAX - j->rows) NTK_TRY(ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the stack has more than 2^63 rows"));
        j->rows += parts[j->n_parts]->rows;
        j->parts[j->n_parts] = ntk_retain(parts[j->n_parts]);
    }
    *stack = j;
    j = NULL;
done:
    ntk_jacobian_destroy(j);
    return status;
}

#endif
