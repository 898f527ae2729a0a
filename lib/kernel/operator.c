/*
 * What answers ask of a gram: its size, diagonal, blocks, products, a copy.  Whoever asks does not know how it is kept.
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

static void *advance(const void *base, int64_t numbers, ntk_dtype dtype)
{
    return (char *)(uintptr_t)base + numbers * (int64_t)ntk_dtype_size(dtype);
}

/* It is asked for entries by their formulas (gram_products.c, gram_anew.c). */
static bool without_matrix(const ntk_gram *g)
{
    return g->algorithm == NTK_ALGORITHM_PRODUCTS || g->anew[NTK_KIND_NTK] || g->anew[NTK_KIND_NNGP];
}

int64_t ntk_gram_size(const ntk_gram *gram)
{
    return gram ? gram->size : -1;
}

int ntk_gram_has(const ntk_gram *gram, ntk_kind kind)
{
    return gram && ntk_kind_name(kind) && (gram->matrix[kind] || gram->anew[kind] || (kind == NTK_KIND_NTK && gram->algorithm == NTK_ALGORITHM_PRODUCTS));
}

ntk_status ntk_gram_check(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_dtype dtype_needed)
{
    NTK_REQUIRE(ctx, gram);
    if (!ntk_kind_name(kind)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "kind is %d; expected ntk or nngp", (int)kind);
    if (gram->consumed[kind])
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the gram does not hold the %s any more: a solver consumed it", ntk_kind_name(kind));
    if (!ntk_gram_has(gram, kind)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the gram does not hold the %s", ntk_kind_name(kind));
    if (gram->dtype != dtype_needed)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "the gram holds %s; this call works in %s", ntk_dtype_name(gram->dtype), ntk_dtype_name(dtype_needed));
    return NTK_OK;
}

/* A row of memory is a row of the matrix: what the library filled in full is symmetric to the bit; a user's matrix may not be. */
static bool both_triangles(const ntk_gram *g)
{
    return g->storage == &ntk_full_storage && (g->kernel || g->jacobian);
}

ntk_status ntk_gram_copy(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, void *dense)
{
    ntk_status status = ntk_gram_check(ctx, gram, kind, gram->dtype);
    if (status != NTK_OK) return status;
    if (gram->anew[kind]) return ntk_anew_fill(ctx, gram, kind, &ntk_full_storage, dense);
    if (without_matrix(gram)) return ntk_gram_contract(ctx, gram, dense);
    gram->storage->spread(ctx, gram->dtype, gram->size, gram->matrix[kind], dense);
    return NTK_OK;
}

/* Only the gram's single owner may give its entries away; nobody else can be reading them then. */
static ntk_status check_sole_owner(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int owners)
{
    if (!gram->owned[kind] && !without_matrix(gram)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.consume is set, but the matrix of the gram belongs to the caller");
    if (atomic_load(&((ntk_gram *)(uintptr_t)gram)->object.references) <= owners) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.consume is set, but other handles were made from this gram and still need it");
}

ntk_status ntk_gram_take(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int consume, void **entries)
{
    ntk_status status;
    ntk_gram *g = (ntk_gram *)(uintptr_t)gram;
    int64_t numbers;
    if (consume && !without_matrix(gram)) {
        NTK_TRY(check_sole_owner(ctx, gram, kind, consume));
        *entries = g->owned[kind];
        g->matrix[kind] = g->owned[kind] = NULL;
        g->consumed[kind] = true;
        return NTK_OK;
    }
    NTK_TRY(gram->storage->numbers(ctx, gram->size, &numbers));
    NTK_TRY(ntk_memory_require(ctx, "the Cholesky factor", (double)numbers * (double)ntk_dtype_size(gram->dtype)));
    NTK_TRY(ntk_allocate_raw(ctx, numbers, ntk_dtype_size(gram->dtype), entries));
    if (gram->anew[kind]) NTK_TRY(ntk_anew_fill(ctx, gram, kind, gram->storage, *entries));
    else if (without_matrix(gram)) NTK_TRY(ntk_gram_contract(ctx, gram, *entries));
    else if (numbers > 0) memcpy(*entries, gram->matrix[kind], (size_t)numbers * ntk_dtype_size(gram->dtype));
done:
    return status;
}

ntk_status ntk_gram_product(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t m, const void *v, void *out)
{
    if (gram->anew[kind]) return ntk_anew_multiply(ctx, gram, kind, m, v, out);
    if (without_matrix(gram)) return ntk_jacobian_gram_of(gram->dtype)->multiply(ctx, gram, m, v, out);
    return gram->storage->product(ctx, gram->dtype, gram->size, m, gram->matrix[kind], v, out);
}

static double number_at(const void *numbers, int64_t i, ntk_dtype dtype)
{
    return dtype == NTK_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
}

/* Dense, of a gram without a matrix; to be freed. */
static ntk_status compute_diagonal(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, void **out)
{
    ntk_status status = ntk_allocate_raw(ctx, gram->size, ntk_dtype_size(gram->dtype), out);
    if (status != NTK_OK) return status;
    return gram->anew[kind] ? ntk_anew_diagonal(ctx, gram, kind, *out) : ntk_jacobian_gram_of(gram->dtype)->diagonal(ctx, gram, *out);
}

static ntk_status compute_block(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t row, int64_t column, const ntk_array *shaped, void **out)
{
    int64_t m = shaped->shape[0], n = shaped->shape[1];
    ntk_status status = ntk_allocate_raw(ctx, ntk_array_size(shaped), ntk_dtype_size(gram->dtype), out);
    if (status != NTK_OK) return status;
    return gram->anew[kind] ? ntk_anew_block(ctx, gram, kind, row, m, column, n, *out) : ntk_jacobian_gram_of(gram->dtype)->block(ctx, gram, row, m, column, n, *out);
}

ntk_status ntk_gram_trace(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, double *trace)
{
    ntk_status status = NTK_OK;
    void *diagonal = NULL;
    if (without_matrix(gram)) NTK_TRY(compute_diagonal(ctx, gram, kind, &diagonal));
    *trace = 0;
    for (int64_t i = 0; i < gram->size; ++i)
        *trace += diagonal ? number_at(diagonal, i, gram->dtype) : number_at(gram->matrix[kind], gram->storage->index(gram->size, i, i), gram->dtype);
done:
    ntk_free(diagonal);
    return status;
}

ntk_status ntk_gram_ridge(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, double absolute, double relative, double *ridge)
{
    ntk_status status = NTK_OK;
    double trace = 0;
    if (!(absolute >= 0 && isfinite(absolute) && relative >= 0 && isfinite(relative)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "ridge is %g and ridge_relative %g; both must be finite and at least 0", absolute, relative);
    if (relative > 0) NTK_TRY(ntk_gram_trace(ctx, gram, kind, &trace));
    *ridge = absolute + relative * trace / (double)NTK_MAX(gram->size, 1);
    if (!isfinite(*ridge)) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the ridge, %g + %g trace/N, is not finite", absolute, relative);
done:
    return status;
}

ntk_status ntk_gram_get_diagonal(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_array *out)
{
    ntk_status status;
    void *computed = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(ntk_gram_check(ctx, gram, kind, gram->dtype));
    NTK_TRY(ntk_check_output(ctx, "out", out, gram->dtype, NTK_SHAPE(gram->size)));
    if (without_matrix(gram)) {
        NTK_TRY(compute_diagonal(ctx, gram, kind, &computed));
        ntk_store(out, computed);
    }
    for (int64_t i = 0; !computed && i < gram->size; ++i) {
        ntk_array to = ntk_array_at(out, i);
        ntk_store(&to, advance(gram->matrix[kind], gram->storage->index(gram->size, i, i), gram->dtype));
    }
done:
    ntk_free(computed);
    return status;
}

/* Entries [column, ...) of one row: in one piece where they are so, else each from its place. */
static void store_row(const ntk_gram *g, ntk_kind kind, int64_t row, int64_t column, const ntk_array *line)
{
    int64_t count = line->shape[0], left = both_triangles(g) ? count : 0;
    ntk_array part = ntk_array_rows(line, 0, left);
    ntk_store(&part, advance(g->matrix[kind], row * g->size + column, g->dtype));
    for (int64_t j = left; j < count; ++j) {
        part = ntk_array_rows(line, j, 1);
        ntk_store(&part, advance(g->matrix[kind], g->storage->index(g->size, row, column + j), g->dtype));
    }
}

static ntk_status check_block(ntk_context *ctx, const ntk_gram *g, int64_t row, int64_t column, const ntk_array *out)
{
    ntk_status status = ntk_check_output(ctx, "out", out, g->dtype, NTK_SHAPE(-1, -1));
    if (status != NTK_OK) return status;
    if (row >= 0 && column >= 0 && out->shape[0] <= g->size - row && out->shape[1] <= g->size - column) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_SHAPE, "a block of %lld x %lld at (%lld, %lld) leaves the gram of size %lld", (long long)out->shape[0],
                    (long long)out->shape[1], (long long)row, (long long)column, (long long)g->size);
}

ntk_status ntk_gram_get_block(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t row, int64_t column, ntk_array *out)
{
    ntk_status status;
    void *computed = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(ntk_gram_check(ctx, gram, kind, gram->dtype));
    NTK_TRY(check_block(ctx, gram, row, column, out));
    if (without_matrix(gram)) {
        NTK_TRY(compute_block(ctx, gram, kind, row, column, out, &computed));
        ntk_store(out, computed);
    }
    for (int64_t i = 0; !computed && i < out->shape[0]; ++i) {
        ntk_array line = ntk_array_at(out, i);
        store_row(gram, kind, row + i, column, &line);
    }
done:
    ntk_free(computed);
    return status;
}

ntk_status ntk_gram_multiply(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, const ntk_array *v, ntk_array *out)
{
    ntk_status status;
    const void *dense = NULL;
    void *copy = NULL, *result = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(ntk_gram_check(ctx, gram, kind, gram->dtype));
    NTK_TRY(ntk_check_shape(ctx, "v", v, gram->dtype, NTK_SHAPE(gram->size, -1)));
    NTK_TRY(ntk_check_output(ctx, "out", out, gram->dtype, NTK_SHAPE(gram->size, v->shape[1])));
    NTK_TRY(ntk_check_finite(ctx, "v", v));
    NTK_TRY(ntk_borrow(ctx, v, &dense, &copy));
    NTK_TRY(ntk_allocate_raw(ctx, ntk_array_size(out), ntk_dtype_size(gram->dtype), &result));
    NTK_TRY_PART(ctx, 0, 1, ntk_gram_product(ctx, gram, kind, v->shape[1], dense, result));
    NTK_TRY(ntk_check_values(ctx, "an entry of K v", gram->dtype, gram->size, v->shape[1], result, v->shape[1]));
    ntk_store(out, result);
done:
    ntk_free(result);
    ntk_free(copy);
    return status;
}
