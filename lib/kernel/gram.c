/*
 * The gram: a kernel on one data set as a symmetric operator.  In this version all N² entries are kept; whoever works on a
 * gram asks for products, blocks, or a copy, and does not know.
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

static void *advance(const void *base, int64_t numbers, ntk_dtype dtype)
{
    return (char *)(uintptr_t)base + numbers * (int64_t)ntk_dtype_size(dtype);
}

/* ---- creation --------------------------------------------------------------------------------------------------- */

static ntk_status new_matrix(ntk_context *ctx, ntk_gram *g, ntk_kind kind)
{
    int64_t numbers;
    ntk_status status;
    NTK_TRY(ntk_size_product(ctx, "the gram", g->size, g->size, &numbers));
    NTK_TRY(ntk_allocate_raw(ctx, numbers, ntk_dtype_size(g->dtype), &g->owned[kind]));
    g->matrix[kind] = g->owned[kind];
done:
    return status;
}

static ntk_status check_request(ntk_context *ctx, const ntk_kernel *k, const ntk_gram_options *o)
{
    if (o->no_ntk && !o->nngp) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the options ask for a gram without NTK and without NNGP");
    if (k->trailing > 1 || k->outputs == NTK_OUTPUTS_DIAGONAL)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "a kernel with outputs = diagonal has several numbers per pair; a gram has one");
    if ((!o->no_ntk && !(k->delivers & NTK_WANT_NTK)) || (o->nngp && !(k->delivers & NTK_WANT_NNGP)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the %s kernel does not deliver what the options ask for", k->class->name);
    return NTK_OK;
}

static ntk_status fill(ntk_context *ctx, ntk_gram *g, const ntk_gram_options *o)
{
    ntk_status status;
    ntk_tile out = {.ld = g->size};
    double bytes = (double)g->size * (double)g->size * (double)ntk_dtype_size(g->dtype) * (!o->no_ntk + !!o->nngp);
    NTK_TRY(ntk_memory_require(ctx, "the gram", bytes));
    if (!o->no_ntk) NTK_TRY(new_matrix(ctx, g, NTK_KIND_NTK));
    if (o->nngp) NTK_TRY(new_matrix(ctx, g, NTK_KIND_NNGP));
    out.ntk = g->owned[NTK_KIND_NTK];
    out.nngp = g->owned[NTK_KIND_NNGP];
    NTK_TRY(ntk_kernel_fill(ctx, g->kernel, &g->points, NULL, &out));
done:
    return status;
}

ntk_status ntk_gram_create(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, const ntk_gram_options *options, ntk_gram **gram)
{
    ntk_status status;
    ntk_gram_options o;
    ntk_gram *g = NULL;
    NTK_ENTER_NEW(ctx, gram);
    NTK_REQUIRE(ctx, kernel);
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &o));
    NTK_TRY(check_request(ctx, kernel, &o));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &g));
    g->kernel = ntk_retain(kernel);
    NTK_TRY(ntk_points_open(ctx, kernel, "x", x, true, &g->points));
    g->dtype = g->points.dtype;
    g->per_sample = kernel->per_sample;
    NTK_TRY(ntk_size_product(ctx, "the rows of the gram", g->points.n, g->per_sample, &g->size));
    NTK_TRY(fill(ctx, g, &o));
    *gram = g;
    g = NULL;
done:
    ntk_gram_destroy(g);
    return status;
}

/* ---- the user's matrix ------------------------------------------------------------------------------------------ */

#define WORST_ASYMMETRY(T)                                                                        \
    static double worst_asymmetry_##T(int64_t n, const T *k, double *largest)                     \
    {                                                                                             \
        double worst = 0;                                                                         \
        for (int64_t i = 0; i < n; ++i)                                                           \
            for (int64_t j = 0; j <= i; ++j) {                                                    \
                *largest = fmax(*largest, fabs((double)k[i * n + j]));                            \
                worst = fmax(worst, fabs((double)k[i * n + j] - (double)k[j * n + i]));           \
            }                                                                                     \
        return worst;                                                                             \
    }
WORST_ASYMMETRY(double)
WORST_ASYMMETRY(float)

static ntk_status check_symmetric(ntk_context *ctx, const char *name, ntk_dtype dtype, int64_t n, const void *k)
{
    double largest = 0, tolerance = dtype == NTK_F64 ? 1e-8 : 1e-3;
    double worst = dtype == NTK_F64 ? worst_asymmetry_double(n, k, &largest) : worst_asymmetry_float(n, k, &largest);
    if (worst <= tolerance * largest) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s is not symmetric: entries differ by %.3g, its largest is %.3g", name, worst, largest);
}

static ntk_status adopt(ntk_context *ctx, ntk_gram *g, ntk_kind kind, const char *name, const ntk_array *k)
{
    ntk_status status;
    int64_t n = g->size;
    if (!k) return NTK_OK;
    NTK_TRY(ntk_check_shape(ctx, name, k, g->dtype, NTK_SHAPE(n, n)));
    NTK_TRY(ntk_check_finite(ctx, name, k));
    NTK_TRY(ntk_borrow(ctx, k, &g->matrix[kind], &g->owned[kind]));
    if (!g->matrix[kind]) NTK_TRY(new_matrix(ctx, g, kind)); /* size 0: no memory of the caller's to tell that it is there */
    NTK_TRY(check_symmetric(ctx, name, g->dtype, n, g->matrix[kind]));
done:
    return status;
}

static ntk_status check_square(ntk_context *ctx, const char *name, const ntk_array *k)
{
    char text[NTK_SHAPE_TEXT];
    ntk_status status = ntk_check_array(ctx, name, k);
    if (status != NTK_OK) return status;
    if (k->dtype != NTK_F64 && k->dtype != NTK_F32)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s holds %s; expected f64 or f32", name, ntk_dtype_name(k->dtype));
    if (k->ndim != 2 || k->shape[0] != k->shape[1])
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has shape %s; expected a square matrix", name, ntk_shape_text(text, k->ndim, k->shape));
    return NTK_OK;
}

/* Matrices by kind, one of them at least, and the names the caller knows them by. */
static ntk_status from_matrices(ntk_context *ctx, const ntk_array *const k[2], const char *const names[2], ntk_gram **gram)
{
    ntk_status status;
    ntk_gram *g = NULL;
    int first = k[0] ? 0 : 1;
    NTK_TRY(check_square(ctx, names[first], k[first]));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &g));
    g->dtype = k[first]->dtype;
    g->size = k[first]->shape[0];
    for (int kind = 0; kind < 2; ++kind) NTK_TRY(adopt(ctx, g, (ntk_kind)kind, names[kind], k[kind]));
    *gram = g;
    g = NULL;
done:
    ntk_gram_destroy(g);
    return status;
}

ntk_status ntk_gram_from_matrices(ntk_context *ctx, const ntk_array *ntk, const ntk_array *nngp, ntk_gram **gram)
{
    NTK_ENTER_NEW(ctx, gram);
    if (!ntk && !nngp) return ntk_fail(ctx, NTK_ERROR_NULL, "ntk and nngp are both NULL");
    return from_matrices(ctx, (const ntk_array *const[]){ntk, nngp}, (const char *const[]){"ntk", "nngp"}, gram);
}

ntk_status ntk_gram_from_matrix(ntk_context *ctx, const ntk_array *k, ntk_gram **gram)
{
    NTK_ENTER_NEW(ctx, gram);
    NTK_REQUIRE(ctx, k);
    return from_matrices(ctx, (const ntk_array *const[]){k, NULL}, (const char *const[]){"k", NULL}, gram);
}

/* ---- J D⁻¹ Jᵀ --------------------------------------------------------------------------------------------------- */

/* Rows of J D^-1/2 at once: about 64 MiB, or a part of the memory limit. */
static int64_t rows_at_once(const ntk_context *ctx, const ntk_jacobian *j)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(64 << 20, limit / 8) : 64 << 20;
    int64_t rows = (int64_t)(budget / (8 * fmax((double)j->columns, 1)));
    return NTK_MIN(NTK_MAX(rows, 1), NTK_MAX(j->rows, 1));
}

/* The matrix and two blocks of rows. */
static double bytes_of_contraction(const ntk_context *ctx, const ntk_jacobian *j)
{
    return 8 * ((double)j->rows * (double)j->rows + 2 * (double)rows_at_once(ctx, j) * (double)j->columns);
}

static ntk_status scaled_rows(ntk_context *ctx, const ntk_gram *g, int64_t first, int64_t count, double *out)
{
    ntk_status status = ntk_jacobian_dense_rows(ctx, g->jacobian, first, count, out);
    if (status == NTK_OK) ntk_optimizer_scale(g->optimizer, count, g->jacobian->columns, out, 0.5);
    return status;
}

static ntk_status contract_jacobian(ntk_context *ctx, ntk_gram *g)
{
    ntk_status status = NTK_OK;
    int64_t n = g->size, p = g->jacobian->columns, step = rows_at_once(ctx, g->jacobian);
    double *a = NULL, *b = NULL, *k = g->owned[NTK_KIND_NTK];
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &a));
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &b));
    for (int64_t row = 0; row < n; row += step) {
        int64_t m = NTK_MIN(step, n - row);
        NTK_TRY(scaled_rows(ctx, g, row, m, a));
        NTK_TRY(ntk_syrk(ctx, NTK_F64, NTK_PLAIN, m, p, 1, a, p, 0, k + row * n + row, n));
        for (int64_t column = 0; column < row; column += step) {
            NTK_TRY(scaled_rows(ctx, g, column, step, b));
            NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, m, step, p, 1, a, p, b, p, 0, k + row * n + column, n));
        }
        NTK_TRY(ntk_progress(ctx, (double)(row + m) / (double)n));
    }
    ntk_mirror(ctx, NTK_F64, n, k, n);
done:
    ntk_free(a);
    ntk_free(b);
    return status;
}

ntk_status ntk_gram_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_gram **gram)
{
    ntk_status status;
    ntk_gram *g = NULL;
    NTK_ENTER_NEW(ctx, gram);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, jacobian->columns));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &g));
    g->jacobian = ntk_retain(jacobian);
    g->optimizer = ntk_retain(optimizer);
    g->dtype = NTK_F64;
    g->size = jacobian->rows;
    g->per_sample = jacobian->outputs;
    NTK_TRY(ntk_memory_require(ctx, "the gram", bytes_of_contraction(ctx, jacobian)));
    NTK_TRY(new_matrix(ctx, g, NTK_KIND_NTK));
    NTK_TRY(contract_jacobian(ctx, g));
    NTK_TRY(ntk_check_values(ctx, "an entry of J D^-1 J'", NTK_F64, g->size, g->size, g->matrix[NTK_KIND_NTK], g->size));
    *gram = g;
    g = NULL;
done:
    ntk_gram_destroy(g);
    return status;
}

void ntk_gram_destroy(ntk_gram *gram)
{
    if (!ntk_object_release(gram)) return;
    if (gram->kernel) ntk_points_close(gram->kernel, &gram->points);
    ntk_kernel_destroy(gram->kernel);
    ntk_jacobian_destroy(gram->jacobian);
    ntk_optimizer_destroy(gram->optimizer);
    ntk_free(gram->owned[0]);
    ntk_free(gram->owned[1]);
    ntk_free(gram);
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

int64_t ntk_gram_size(const ntk_gram *gram)
{
    return gram ? gram->size : -1;
}

int ntk_gram_has(const ntk_gram *gram, ntk_kind kind)
{
    return gram && ntk_kind_name(kind) && gram->matrix[kind];
}

ntk_status ntk_gram_check(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_dtype dtype_needed)
{
    NTK_REQUIRE(ctx, gram);
    if (!ntk_kind_name(kind)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "kind is %d; expected ntk or nngp", (int)kind);
    if (!ntk_gram_has(gram, kind)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the gram does not hold the %s", ntk_kind_name(kind));
    if (gram->dtype != dtype_needed)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "the gram holds %s; this call works in %s", ntk_dtype_name(gram->dtype), ntk_dtype_name(dtype_needed));
    return NTK_OK;
}

/* What the library filled is symmetric to the bit; a user's matrix may not be. */
static bool both_triangles(const ntk_gram *g)
{
    return g->kernel || g->jacobian;
}

ntk_status ntk_gram_copy(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, void *dense)
{
    ntk_status status = ntk_gram_check(ctx, gram, kind, gram->dtype);
    if (status != NTK_OK) return status;
    memcpy(dense, gram->matrix[kind], (size_t)(gram->size * gram->size) * ntk_dtype_size(gram->dtype));
    if (!both_triangles(gram)) ntk_mirror(ctx, gram->dtype, gram->size, dense, gram->size);
    return NTK_OK;
}

ntk_status ntk_gram_product(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t m, const void *v, void *out)
{
    return ntk_symm(ctx, gram->dtype, gram->size, m, gram->matrix[kind], gram->size, v, m, out, m);
}

static double entry(const ntk_gram *g, ntk_kind kind, int64_t i, int64_t j)
{
    int64_t at = NTK_MAX(i, j) * g->size + NTK_MIN(i, j); /* the lower triangle is what counts */
    return g->dtype == NTK_F64 ? ((const double *)g->matrix[kind])[at] : (double)((const float *)g->matrix[kind])[at];
}

double ntk_gram_trace(const ntk_gram *gram, ntk_kind kind)
{
    double sum = 0;
    for (int64_t i = 0; i < gram->size; ++i) sum += entry(gram, kind, i, i);
    return sum;
}

ntk_status ntk_gram_ridge(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, double absolute, double relative, double *ridge)
{
    if (!(absolute >= 0 && isfinite(absolute) && relative >= 0 && isfinite(relative)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "ridge is %g and ridge_relative %g; both must be finite and at least 0", absolute, relative);
    *ridge = absolute + (relative > 0 ? relative * ntk_gram_trace(gram, kind) / (double)NTK_MAX(gram->size, 1) : 0);
    return NTK_OK;
}

ntk_status ntk_gram_get_diagonal(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, ntk_array *out)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(ntk_gram_check(ctx, gram, kind, gram->dtype));
    NTK_TRY(ntk_check_output(ctx, "out", out, gram->dtype, NTK_SHAPE(gram->size)));
    for (int64_t i = 0; i < gram->size; ++i) {
        ntk_array to = ntk_array_at(out, i);
        ntk_store(&to, advance(gram->matrix[kind], i * gram->size + i, gram->dtype));
    }
done:
    return status;
}

/* Entries [column, ...) of one row.  Of a user's matrix the lower triangle counts: the row up to the diagonal, then the column below it. */
static void store_row(const ntk_gram *g, ntk_kind kind, int64_t row, int64_t column, const ntk_array *line)
{
    int64_t count = line->shape[0], left = both_triangles(g) ? count : NTK_MIN(NTK_MAX(row + 1 - column, 0), count);
    ntk_array part = ntk_array_rows(line, 0, left);
    ntk_store(&part, advance(g->matrix[kind], row * g->size + column, g->dtype));
    for (int64_t j = left; j < count; ++j) {
        part = ntk_array_rows(line, j, 1);
        ntk_store(&part, advance(g->matrix[kind], (column + j) * g->size + row, g->dtype));
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
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(ntk_gram_check(ctx, gram, kind, gram->dtype));
    NTK_TRY(check_block(ctx, gram, row, column, out));
    for (int64_t i = 0; i < out->shape[0]; ++i) {
        ntk_array line = ntk_array_at(out, i);
        store_row(gram, kind, row + i, column, &line);
    }
done:
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
    NTK_TRY(ntk_gram_product(ctx, gram, kind, v->shape[1], dense, result));
    NTK_TRY(ntk_check_values(ctx, "an entry of K v", gram->dtype, gram->size, v->shape[1], result, v->shape[1]));
    ntk_store(out, result);
done:
    ntk_free(result);
    ntk_free(copy);
    return status;
}
