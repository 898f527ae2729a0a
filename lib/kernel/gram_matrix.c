/* The gram from the user's own matrix: borrowed, checked, never written. */
#include "kernel.h"

#include <math.h>

/* Of rows [first, end) on and below the diagonal; added to what is known of the rows before. */
#define MEASURE(T)                                                                                            \
    static void measure_##T(int64_t n, const T *k, int64_t first, int64_t end, double *worst, double *largest) \
    {                                                                                                         \
        for (int64_t i = first; i < end; ++i)                                                                 \
            for (int64_t j = 0; j <= i; ++j) {                                                                \
                *largest = fmax(*largest, fabs((double)k[i * n + j]));                                        \
                *worst = fmax(*worst, fabs((double)k[i * n + j] - (double)k[j * n + i]));                     \
            }                                                                                                 \
    }
MEASURE(double)
MEASURE(float)

#define ROWS_AT_ONCE 512

static ntk_status check_symmetric(ntk_context *ctx, const char *name, ntk_dtype dtype, int64_t n, const void *k)
{
    ntk_status status = NTK_OK;
    double worst = 0, largest = 0, tolerance = dtype == NTK_F64 ? 1e-8 : 1e-3;
    for (int64_t first = 0; first < n; first += ROWS_AT_ONCE) {
        int64_t end = NTK_MIN(first + ROWS_AT_ONCE, n);
        if (dtype == NTK_F64) measure_double(n, k, first, end, &worst, &largest);
        else measure_float(n, k, first, end, &worst, &largest);
        NTK_TRY(ntk_progress(ctx, (double)end / (double)n));
    }
    if (!(worst <= tolerance * largest))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s is not symmetric: entries differ by %.3g, its largest is %.3g", name, worst, largest);
done:
    return status;
}

static ntk_status adopt(ntk_context *ctx, ntk_gram *g, ntk_kind kind, const char *name, const ntk_array *k)
{
    ntk_status status;
    int64_t n = g->size;
    NTK_TRY(ntk_check_shape(ctx, name, k, g->dtype, NTK_SHAPE(n, n)));
    NTK_TRY(ntk_check_finite(ctx, name, k));
    NTK_TRY(ntk_borrow(ctx, k, &g->matrix[kind], &g->owned[kind]));
    if (!g->matrix[kind]) NTK_TRY(ntk_gram_new_matrix(ctx, g, kind)); /* size 0: no memory of the caller's to tell that it is there */
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
    g->storage = &ntk_full_storage;
    g->dtype = k[first]->dtype;
    g->size = k[first]->shape[0];
    for (int kind = 0; kind < 2; ++kind)
        if (k[kind]) NTK_TRY_PART(ctx, kind == first ? 0 : 0.5, kind == 1 || !k[1] ? 1 : 0.5, adopt(ctx, g, (ntk_kind)kind, names[kind], k[kind]));
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
