/*
 * J of the caller's own matrix, borrowed where it is dense: J v, Jᵀ u and rows are the BLAS's products (lib/linalg/products.c has their
 * error bound), 2 N p flop each.
 */
#include "finite.h"
#include "linalg.h"
#include "real.h"

#include <string.h>

static ntk_status matrix_apply(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out)
{
    return ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_PLAIN, j->rows, 1, j->columns, 1, j->matrix, j->columns, v, 1, 0, out, 1);
}

static ntk_status matrix_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out)
{
    return ntk_gemm(ctx, NTK_REAL, NTK_TRANSPOSED, NTK_PLAIN, j->columns, 1, j->rows, 1, j->matrix, j->columns, u, 1, 0, out, 1);
}

static ntk_status matrix_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out)
{
    const real *matrix = j->matrix;
    (void)ctx;
    if (count * j->columns > 0) memcpy(out, matrix + first * j->columns, (size_t)(count * j->columns) * sizeof *matrix);
    return NTK_OK;
}

const ntk_jacobian_class ntk_jacobian_of_matrix = {"matrix", matrix_apply, matrix_apply_transposed, matrix_rows};

#if !defined(NTK_SINGLE)

static const ntk_jacobian_class *const classes[2] = NTK_BOTH(ntk_jacobian_of_matrix);

ntk_status ntk_jacobian_check_outputs(ntk_context *ctx, const char *name, int64_t rows, int64_t outputs)
{
    if (outputs < 1) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "outputs is %lld; expected at least 1", (long long)outputs);
    if (rows % outputs == 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has %lld rows; expected a multiple of the %lld outputs", name, (long long)rows, (long long)outputs);
}

ntk_status ntk_jacobian_own_matrix(ntk_context *ctx, real *matrix, int64_t rows, int64_t columns, int64_t outputs, ntk_jacobian **jacobian)
{
    ntk_status status = NTK_NEW_HANDLE(ctx, jacobian);
    if (status != NTK_OK) {
        ntk_free(matrix);
        return status;
    }
    (*jacobian)->class = classes[NTK_F64];
    (*jacobian)->rows = rows;
    (*jacobian)->columns = columns;
    (*jacobian)->outputs = outputs;
    (*jacobian)->matrix = (*jacobian)->copy = matrix;
    return NTK_OK;
}

static ntk_status check_matrix(ntk_context *ctx, const ntk_array *j, int64_t outputs)
{
    ntk_status status;
    NTK_TRY(ntk_check_real(ctx, "j", j));
    NTK_TRY(ntk_check_shape(ctx, "j", j, j->dtype, NTK_SHAPE(-1, -1)));
    NTK_TRY(ntk_jacobian_check_outputs(ctx, "j", j->shape[0], outputs));
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
    new->class = classes[j->dtype];
    new->dtype = j->dtype;
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

#endif
