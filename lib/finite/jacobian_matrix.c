/*
 * J of the caller's own matrix, borrowed where it is dense: J v, Jᵀ u and rows are the BLAS's products (lib/linalg/products.c has their
 * error bound), 2 N p flop each.
 */
#include "finite.h"
#include "linalg.h"

#include <string.h>

static ntk_status matrix_apply(ntk_context *ctx, const ntk_jacobian *j, const double *v, double *out)
{
    return ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, j->rows, 1, j->columns, 1, j->matrix, j->columns, v, 1, 0, out, 1);
}

static ntk_status matrix_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const double *u, double *out)
{
    return ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, j->columns, 1, j->rows, 1, j->matrix, j->columns, u, 1, 0, out, 1);
}

static ntk_status matrix_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, double *out)
{
    (void)ctx;
    if (count * j->columns > 0) memcpy(out, j->matrix + first * j->columns, (size_t)(count * j->columns) * sizeof *out);
    return NTK_OK;
}

static const ntk_jacobian_class of_matrix = {"matrix", matrix_apply, matrix_apply_transposed, matrix_rows};

static ntk_status check_matrix(ntk_context *ctx, const ntk_array *j, int64_t outputs)
{
    ntk_status status;
    NTK_TRY(ntk_check_shape(ctx, "j", j, NTK_F64, NTK_SHAPE(-1, -1)));
    if (outputs < 1) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "outputs is %lld; expected at least 1", (long long)outputs);
    if (j->shape[0] % outputs != 0)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "j has %lld rows; expected a multiple of the %lld outputs", (long long)j->shape[0], (long long)outputs);
    NTK_TRY(ntk_check_finite(ctx, "j", j));
done:
    return status;
}

ntk_status ntk_jacobian_from_matrix(ntk_context *ctx, const ntk_array *j, int64_t outputs, ntk_jacobian **jacobian)
{
    ntk_status status;
    const void *dense = NULL;
    ntk_jacobian *new = NULL;
    NTK_ENTER_NEW(ctx, jacobian);
    NTK_REQUIRE(ctx, j);
    NTK_TRY(check_matrix(ctx, j, outputs));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &new));
    new->class = &of_matrix;
    new->rows = j->shape[0];
    new->columns = j->shape[1];
    new->outputs = outputs;
    NTK_TRY(ntk_borrow(ctx, j, &dense, &new->copy));
    new->matrix = dense;
    *jacobian = new;
    new = NULL;
done:
    ntk_jacobian_destroy(new);
    return status;
}
