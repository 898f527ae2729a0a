/*
 * Kernels made of kernels: a weighted sum of several, or one divided by the roots of its diagonal,
 *
 *     K = sum_i w_i K_i            K(x, x') / sqrt(K(x, x) K(x', x'))
 *
 * both entry by entry, so a tile of the blend is made of tiles of the parts.
 */
#include "kernel.h"

#include <math.h>

enum { KINDS = 2 };

/* What the parts made of one data set, and of a normalised kernel 1/sqrt of the diagonal, by kind; NULL: not delivered. */
typedef struct sides {
    const ntk_kernel *kernel;
    ntk_points *parts; /* [count], of the same x */
    double *scale[KINDS];
} sides;

static int64_t width_of(const ntk_kernel *k)
{
    return k->per_sample * k->trailing;
}

/* One number of either float type. */
static double number_at(ntk_dtype dtype, const void *values, int64_t i)
{
    return dtype == NTK_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

static void set_number(ntk_dtype dtype, void *values, int64_t i, double value)
{
    if (dtype == NTK_F64) ((double *)values)[i] = value;
    else ((float *)values)[i] = (float)value;
}

static void **plane_of(ntk_tile *tile, int kind)
{
    return kind == NTK_KIND_NTK ? &tile->ntk : &tile->nngp;
}

/* 1/sqrt of the diagonal of the one part; 0 where that is 0. */
static ntk_status find_scale(ntk_context *ctx, const ntk_kernel *k, const ntk_points *part, int kind, double **scale)
{
    ntk_status status;
    int64_t count = part->n * width_of(k);
    void *diagonal = NULL;
    ntk_tile tile = {.ld = width_of(k)};
    NTK_TRY(NTK_NEW_RAW(ctx, count, scale));
    NTK_TRY(ntk_allocate_raw(ctx, count, ntk_dtype_size(part->dtype), &diagonal));
    *plane_of(&tile, kind) = diagonal;
    NTK_TRY(ntk_kernel_fill_diagonal(ctx, k->parts[0], part, &tile));
    for (int64_t i = 0; i < count; ++i) {
        double value = number_at(part->dtype, diagonal, i);
        if (!(value >= 0)) NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "entry %lld of the diagonal is %g: a kernel with negative entries there cannot be normalised", (long long)i, value));
        (*scale)[i] = value > 0 ? 1 / sqrt(value) : 0;
    }
done:
    ntk_free(diagonal);
    return status;
}

static ntk_status prepare_part(ntk_context *ctx, const ntk_kernel *part, const ntk_points *points, ntk_points *out)
{
    ntk_status status;
    if (!ntk_class_takes(part->class, points->dtype))
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "x holds %s; the %s kernel in the sum takes %s", ntk_dtype_name(points->dtype), part->class->name, ntk_class_types(part->class));
    *out = *points;
    out->copy = out->prepared = NULL;
    out->sites = (ntk_sites){0};
    out->readings = NULL;
    NTK_TRY(ntk_points_place(ctx, part, out));
    NTK_TRY(ntk_points_prepare(ctx, part, out));
done:
    return status;
}

static void release(ntk_points *points)
{
    sides *s = points->prepared;
    for (int64_t i = 0; s->parts && i < s->kernel->count; ++i) ntk_points_close(s->kernel->parts[i], &s->parts[i]);
    for (int kind = 0; kind < KINDS; ++kind) ntk_free(s->scale[kind]);
    ntk_free(s->parts);
    ntk_free(s);
}

static ntk_status prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    ntk_status status;
    sides *s = NULL;
    NTK_TRY(NTK_NEW(ctx, 1, &s));
    points->prepared = s;
    s->kernel = k;
    NTK_TRY(NTK_NEW(ctx, k->count, &s->parts));
    for (int64_t i = 0; i < k->count; ++i)
        NTK_TRY_PART(ctx, (double)i / (double)k->count, (double)(i + 1) / (double)k->count, prepare_part(ctx, k->parts[i], points, &s->parts[i]));
    for (int kind = 0; !k->weights && kind < KINDS; ++kind)
        if (k->delivers & (kind == NTK_KIND_NTK ? NTK_WANT_NTK : NTK_WANT_NNGP)) NTK_TRY(find_scale(ctx, k, &s->parts[0], kind, &s->scale[kind]));
done:
    return status;
}

/* A tile to be filled by one part, dense: rows of n numbers. */
typedef struct scratch {
    ntk_tile tile;
    int64_t rows, n;
} scratch;

static ntk_status open_scratch(ntk_context *ctx, const ntk_tile *out, ntk_dtype dtype, int64_t rows, int64_t n, scratch *s)
{
    ntk_status status = NTK_OK;
    ntk_tile wanted = *out;
    *s = (scratch){.tile = {.ld = n}, .rows = rows, .n = n};
    for (int kind = 0; kind < KINDS && status == NTK_OK; ++kind)
        if (*plane_of(&wanted, kind)) status = ntk_allocate(ctx, rows * n, ntk_dtype_size(dtype), plane_of(&s->tile, kind)); /* zero: not all is filled */
    return status;
}

static void close_scratch(scratch *s)
{
    ntk_free(s->tile.ntk);
    ntk_free(s->tile.nngp);
}

/* out (+)= w part. */
static void add(const scratch *s, ntk_dtype dtype, double w, bool first, ntk_tile *out)
{
    ntk_tile part = s->tile;
    for (int kind = 0; kind < KINDS; ++kind) {
        void *to = *plane_of(out, kind), *from = *plane_of(&part, kind);
        for (int64_t i = 0; to && i < s->rows; ++i)
            for (int64_t j = 0; j < s->n; ++j) {
                double before = first ? 0 : number_at(dtype, to, i * out->ld + j);
                set_number(dtype, to, i * out->ld + j, before + w * number_at(dtype, from, i * s->n + j));
            }
    }
}

/* out = part times the scales of its row and its column; of a sample with itself 1, or 0 where the diagonal is 0. */
static void scale(const ntk_kernel *k, const scratch *s, ntk_dtype dtype, const sides *a, int64_t row, const sides *b, int64_t column, ntk_tile *out)
{
    ntk_tile part = s->tile;
    int64_t t = k->trailing;
    for (int kind = 0; kind < KINDS; ++kind) {
        void *to = *plane_of(out, kind), *from = *plane_of(&part, kind);
        for (int64_t i = 0; to && i < s->rows; ++i)
            for (int64_t j = 0; j < s->n; ++j) {
                int64_t at = (row * k->per_sample + i) * t + j % t, with = column * width_of(k) + j;
                double value = a->scale[kind][at] * (b->scale[kind][with] * number_at(dtype, from, i * s->n + j));
                set_number(dtype, to, i * out->ld + j, a == b && at == with ? a->scale[kind][at] > 0 : value);
            }
    }
}

static ntk_status overflow(ntk_context *ctx, ntk_dtype dtype, int64_t rows, int64_t n, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    if (tile->ntk) NTK_TRY(ntk_check_values(ctx, "an entry of the sum", dtype, rows, n, tile->ntk, tile->ld));
    if (tile->nngp) NTK_TRY(ntk_check_values(ctx, "an entry of the sum", dtype, rows, n, tile->nngp, tile->ld));
done:
    return status;
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_status status;
    const sides *left = a->prepared, *right = b->prepared;
    ntk_tile out = *tile;
    scratch s;
    NTK_TRY(open_scratch(ctx, tile, a->dtype, m * k->per_sample, n * width_of(k), &s));
    for (int64_t i = 0; i < k->count; ++i) {
        NTK_TRY_PART(ctx, (double)i / (double)k->count, (double)(i + 1) / (double)k->count,
                     k->parts[i]->class->block(ctx, k->parts[i], &left->parts[i], row, m, &right->parts[i], column, n, &s.tile));
        if (k->weights) add(&s, a->dtype, k->weights[i], i == 0, &out);
        else scale(k, &s, a->dtype, left, row, right, column, &out);
    }
    NTK_TRY(overflow(ctx, a->dtype, s.rows, s.n, tile));
done:
    close_scratch(&s);
    return status;
}

/* 1, or 0 where the diagonal is 0: by definition, not by division. */
static void fill_ones(const ntk_kernel *k, const sides *s, ntk_dtype dtype, int64_t row, int64_t m, ntk_tile *out)
{
    for (int kind = 0; kind < KINDS; ++kind)
        for (int64_t i = 0; *plane_of(out, kind) && i < m * width_of(k); ++i)
            set_number(dtype, *plane_of(out, kind), i, s->scale[kind][row * width_of(k) + i] > 0);
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_status status;
    const sides *left = a->prepared;
    ntk_tile out = *tile;
    scratch s;
    out.ld = width_of(k);
    NTK_TRY(open_scratch(ctx, tile, a->dtype, m, width_of(k), &s));
    for (int64_t i = 0; k->weights && i < k->count; ++i) {
        NTK_TRY_PART(ctx, (double)i / (double)k->count, (double)(i + 1) / (double)k->count,
                     k->parts[i]->class->diagonal(ctx, k->parts[i], &left->parts[i], row, m, &s.tile));
        add(&s, a->dtype, k->weights[i], i == 0, &out);
    }
    if (!k->weights) fill_ones(k, left, a->dtype, row, m, &out);
    NTK_TRY(overflow(ctx, a->dtype, m, width_of(k), &out));
done:
    close_scratch(&s);
    return status;
}

static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    double width = (double)(NTK_MIN(k->tile, n) * k->per_sample);
    *cost = (ntk_cost){.prepared = (double)k->count * sizeof(ntk_points) + (k->weights ? 0 : 16.0 * (double)(n * width_of(k)))};
    for (int64_t i = 0; i < k->count; ++i) {
        ntk_cost one = {0};
        if (k->parts[i]->class->cost) k->parts[i]->class->cost(ctx, k->parts[i], dtype, n, &one);
        cost->prepared += one.prepared;
        cost->preparing = fmax(cost->preparing, one.preparing);
        cost->tile = fmax(cost->tile, one.tile);
        cost->diagonal = fmax(cost->diagonal, one.diagonal);
        cost->sample += one.sample;
        cost->pair += one.pair + 2;
    }
    cost->tile += KINDS * (double)ntk_dtype_size(dtype) * width * width * (double)k->trailing;
    cost->preparing += (double)ntk_dtype_size(dtype) * (double)(n * width_of(k)) + cost->diagonal;
}

const ntk_kernel_class ntk_blend_kernel = {"blended", NTK_TAKES_BOTH, false, 0.3, prepare, release, block, diagonal, cost};

/* ---- the constructors ------------------------------------------------------------------------------------------ */

static bool same_inputs(const ntk_network *a, const ntk_network *b)
{
    bool same = !a || !b || a->ndim == b->ndim;
    for (int i = 0; a && b && same && i < a->ndim; ++i) same = a->shape[i] == b->shape[i];
    return same;
}

/* All parts are there, and fit the first. */
static ntk_status check_parts(ntk_context *ctx, const ntk_kernel *const *kernels, int64_t count)
{
    for (int64_t i = 0; i < count; ++i)
        if (!kernels[i]) return ntk_fail(ctx, NTK_ERROR_NULL, "kernels[%lld] is NULL", (long long)i);
    for (int64_t i = 1; i < count; ++i) {
        const ntk_kernel *k = kernels[i], *first = kernels[0];
        if (k->per_sample != first->per_sample || k->trailing != first->trailing)
            return ntk_fail(ctx, NTK_ERROR_SHAPE, "kernels[%lld] keeps other outputs than kernels[0]", (long long)i);
        for (int64_t l = 0; l < i; ++l)
            if (!same_inputs(k->network, kernels[l]->network))
                return ntk_fail(ctx, NTK_ERROR_SHAPE, "kernels[%lld] takes inputs of another shape than kernels[%lld]", (long long)i, (long long)l);
    }
    return NTK_OK;
}

static ntk_status check_weights(ntk_context *ctx, const double *weights, int64_t count)
{
    for (int64_t i = 0; weights && i < count; ++i)
        if (!isfinite(weights[i])) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "weights[%lld] is %g; expected a finite number", (long long)i, weights[i]);
    return NTK_OK;
}

/* Holds the parts; weights are still NULL. */
static ntk_status blend(ntk_context *ctx, const ntk_kernel *const *kernels, int64_t count, ntk_kernel **kernel)
{
    ntk_status status;
    ntk_kernel *k = NULL;
    NTK_TRY(ntk_kernel_new(ctx, &ntk_blend_kernel, &k));
    NTK_TRY(NTK_NEW(ctx, count, &k->parts));
    k->count = count;
    k->outputs = kernels[0]->outputs;
    k->per_sample = kernels[0]->per_sample;
    k->trailing = kernels[0]->trailing;
    k->delivers = NTK_WANT_NTK | NTK_WANT_NNGP;
    for (int64_t i = 0; i < count; ++i) {
        k->parts[i] = ntk_retain(kernels[i]);
        k->delivers &= kernels[i]->delivers;
        k->tile = k->wide = NTK_MIN(k->tile, kernels[i]->tile);
        if (!k->network) k->network = ntk_retain(kernels[i]->network);
    }
    *kernel = k;
    k = NULL;
done:
    ntk_kernel_destroy(k);
    return status;
}

ntk_status ntk_kernel_sum(ntk_context *ctx, const ntk_kernel *const *kernels, const double *weights, int64_t count, ntk_kernel **sum)
{
    ntk_status status;
    ntk_kernel *k = NULL;
    NTK_ENTER_NEW(ctx, sum);
    NTK_REQUIRE(ctx, kernels);
    if (count < 1) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "count is %lld; expected at least 1 kernel", (long long)count);
    NTK_TRY(check_parts(ctx, kernels, count));
    NTK_TRY(check_weights(ctx, weights, count));
    NTK_TRY(blend(ctx, kernels, count, &k));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &k->weights));
    for (int64_t i = 0; i < count; ++i) k->weights[i] = weights ? weights[i] : 1;
    *sum = k;
    k = NULL;
done:
    ntk_kernel_destroy(k);
    return status;
}

ntk_status ntk_kernel_normalise(ntk_context *ctx, const ntk_kernel *kernel, ntk_kernel **normalised)
{
    NTK_ENTER_NEW(ctx, normalised);
    NTK_REQUIRE(ctx, kernel);
    return blend(ctx, &kernel, 1, normalised);
}
