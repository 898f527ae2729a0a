/*
 * How a gram keeps its entries, and a solver its factor: one row per storage.
 *
 *   full     dense [N, N], both triangles: also what a user's matrix and J D⁻¹ Jᵀ are
 *   packed   the lower triangle without a gap, N (N + 1)/2 numbers (lib/linalg/packed.c)
 */
#include "kernel.h"

#include <string.h>

/* ---- full ------------------------------------------------------------------------------------------------------ */

static ntk_status full_numbers(ntk_context *ctx, int64_t n, int64_t *count)
{
    return ntk_size_product(ctx, "the gram", n, n, count);
}

static int64_t full_index(int64_t n, int64_t i, int64_t j)
{
    return NTK_MAX(i, j) * n + NTK_MIN(i, j); /* the lower triangle is what counts */
}

static ntk_status full_fill(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, void *const planes[2])
{
    ntk_tile out = {.ntk = planes[NTK_KIND_NTK], .nngp = planes[NTK_KIND_NNGP], .ld = a->n * k->per_sample};
    return ntk_kernel_fill(ctx, k, a, NULL, &out);
}

static void full_spread(const ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *a, void *dense)
{
    if (n > 0) memcpy(dense, a, (size_t)(n * n) * ntk_dtype_size(dtype));
    ntk_mirror(ctx, dtype, n, dense, n); /* a user's matrix need not be symmetric to the bit */
}

static ntk_status full_product(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m, const void *a, const void *v, void *out)
{
    return ntk_symm(ctx, dtype, n, m, a, n, v, m, out, m);
}

static ntk_status full_factorise(ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a)
{
    return ntk_cholesky(ctx, dtype, n, a, n);
}

static ntk_status full_solve(ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *l, int64_t m, void *b)
{
    return ntk_cholesky_solve(ctx, dtype, n, l, n, m, b, m);
}

/* ---- packed ---------------------------------------------------------------------------------------------------- */

static ntk_status packed_numbers(ntk_context *ctx, int64_t n, int64_t *count)
{
    ntk_status status = ntk_size_product(ctx, "the gram", n, NTK_MAX(n, 1), count); /* n + 1 would not do: n may be the largest there is */
    if (status == NTK_OK) *count = ntk_packed_numbers(n);
    return status;
}

const ntk_storage_class ntk_full_storage = {full_numbers, full_index, full_fill, full_spread, full_product, full_factorise, full_solve};
const ntk_storage_class ntk_packed_storage = {
    packed_numbers, ntk_packed_index, ntk_kernel_fill_packed, ntk_packed_spread, ntk_packed_symm, ntk_packed_cholesky, ntk_packed_solve};

/* What each choice means where the library is free to choose. */
static const ntk_storage_class *const storages[] = {
    [NTK_STORAGE_AUTO] = &ntk_packed_storage, [NTK_STORAGE_FULL] = &ntk_full_storage, [NTK_STORAGE_PACKED] = &ntk_packed_storage,
    [NTK_STORAGE_NONE] = &ntk_packed_storage}; /* where entries are needed after all */

ntk_status ntk_storage_choose(ntk_context *ctx, ntk_storage choice, const ntk_storage_class **storage)
{
    if (!ntk_storage_name(choice)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.storage is %d: no storage", (int)choice);
    *storage = storages[choice];
    return NTK_OK;
}
