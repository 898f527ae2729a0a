/*
 * Images as the loops over planes read them: norms of every layer in arrays padded with zeros (what a window reads outside an
 * image has norm 0), pixels in the image's unit.  A row is one image, a block as many as a vector has lanes, interleaved; behind the
 * last image of a set the block repeats it.
 */
#include "planes.h"

#include "hot.h"

#if defined(NTK_HOT)

#include <string.h>

enum { LANES = NTK_PLANE_BYTES / (int)sizeof(real) };

/* Extents of the positions that the norms of layer l stand at; 0: the input. */
static const int64_t *extents(const ntk_planes *p, int64_t l)
{
    return l == 0 ? p->layers[0].in : p->layers[l - 1].out;
}

static int64_t inputs_of(const ntk_planes *p)
{
    return p->layers[0].in[0] * p->layers[0].in[1] * p->channels;
}

static int64_t padded_at(const ntk_planes *p, int64_t y, int64_t x)
{
    return (y + p->pad) * p->stride + x + p->pad;
}

/* Norms of the short loop are those after the activation. */
static double scale_of(const ntk_planes *p, int64_t l)
{
    return l > 0 && p->layers[l - 1].plain ? sqrt(p->layers[l - 1].kappa) * p->layers[l - 1].unit : 1;
}

/* Norms, and V behind those of a pool. */
static int64_t numbers_of(const ntk_planes *p, int64_t l)
{
    int64_t n = extents(p, l)[0] * extents(p, l)[1];
    return l > 0 && !p->layers[l - 1].affine ? 2 * n : n;
}

/* Of a pool: a; V. */
static void row_of_pool(const ntk_planes *p, int64_t l, const real *norms, real *to)
{
    const int64_t *extent = extents(p, l);
    for (int64_t y = 0; y < extent[0]; ++y)
        for (int64_t x = 0; x < extent[1]; ++x) {
            real *at = to + padded_at(p, y, x);
            at[0] = norms[y * extent[1] + x];
            at[p->padded] = norms[(extent[0] + y) * extent[1] + x];
        }
}

/* a; 2a; 1/(2a), times S for the short loop */
static void row_of_layer(const ntk_planes *p, int64_t l, const real *norms, real *to)
{
    const int64_t *extent = extents(p, l);
    double scale = scale_of(p, l), half = l > 0 && p->layers[l - 1].plain ? p->layers[l - 1].s / 2 : 0.5;
    for (int64_t y = 0; y < extent[0]; ++y)
        for (int64_t x = 0; x < extent[1]; ++x) {
            real a = REAL(scale * (double)norms[y * extent[1] + x]), *at = to + padded_at(p, y, x);
            at[0] = a;
            at[p->padded] = 2 * a;
            at[2 * p->padded] = a > 0 ? REAL(half) / a : 0;
        }
}

void NTK_HOT_NAME(plane_row)(const ntk_planes *p, const ntk_plane_sides *side, void *row);
void NTK_HOT_NAME(plane_row)(const ntk_planes *p, const ntk_plane_sides *side, void *row)
{
    const real *norms = side->norms, *x = side->x;
    real *to = row;
    double inverse = 1 / side->units[0];
    for (int64_t l = 0; l <= p->count; ++l) {
        memset(to, 0, (size_t)(3 * p->padded) * sizeof *to);
        if (l > 0 && !p->layers[l - 1].affine) row_of_pool(p, l, norms, to);
        else row_of_layer(p, l, norms, to);
        norms += numbers_of(p, l);
        to += 3 * p->padded;
    }
    for (int64_t i = 0; i < inputs_of(p); ++i) to[i] = REAL((double)x[i] * inverse);
}

static void block_of_pool(const ntk_planes *p, int64_t l, const real *const norms[LANES], real *to)
{
    const int64_t *extent = extents(p, l);
    for (int64_t y = 0; y < extent[0]; ++y)
        for (int64_t x = 0; x < extent[1]; ++x) {
            real *b = to + padded_at(p, y, x) * LANES, *own = b + p->padded * LANES;
            for (int lane = 0; lane < LANES; ++lane) b[lane] = norms[lane][y * extent[1] + x];
            for (int lane = 0; lane < LANES; ++lane) own[lane] = norms[lane][(extent[0] + y) * extent[1] + x];
        }
}

static void block_of_layer(const ntk_planes *p, int64_t l, const real *const norms[LANES], real *to)
{
    const int64_t *extent = extents(p, l);
    double scale = scale_of(p, l);
    for (int64_t y = 0; y < extent[0]; ++y)
        for (int64_t x = 0; x < extent[1]; ++x) {
            real *b = to + padded_at(p, y, x) * LANES, *inverse = b + p->padded * LANES;
            for (int lane = 0; lane < LANES; ++lane) b[lane] = REAL(scale * (double)norms[lane][y * extent[1] + x]);
            for (int lane = 0; lane < LANES; ++lane) inverse[lane] = b[lane] > 0 ? 1 / b[lane] : 0;
        }
}

void NTK_HOT_NAME(plane_block)(const ntk_planes *p, const ntk_plane_sides *side, int64_t first, void *block, double *units);
void NTK_HOT_NAME(plane_block)(const ntk_planes *p, const ntk_plane_sides *side, int64_t first, void *block, double *units)
{
    const real *norms[LANES];
    real *to = block;
    int64_t image[LANES];
    for (int lane = 0; lane < LANES; ++lane) {
        image[lane] = NTK_MIN(first + lane, side->n - 1);
        norms[lane] = (const real *)side->norms + image[lane] * p->norms;
        for (int64_t l = 0; l <= p->count; ++l) units[l * LANES + lane] = side->units[image[lane] * (p->count + 1) + l];
    }
    for (int64_t l = 0; l <= p->count; ++l) {
        memset(to, 0, (size_t)(2 * p->padded * LANES) * sizeof *to);
        if (l > 0 && !p->layers[l - 1].affine) block_of_pool(p, l, norms, to);
        else block_of_layer(p, l, norms, to);
        for (int lane = 0; lane < LANES; ++lane) norms[lane] += numbers_of(p, l);
        to += 2 * p->padded * LANES;
    }
    for (int lane = 0; lane < LANES; ++lane) {
        const real *y = (const real *)side->x + image[lane] * inputs_of(p);
        double inverse = 1 / units[lane];
        for (int64_t i = 0; i < inputs_of(p); ++i) to[i * LANES + lane] = REAL((double)y[i] * inverse);
    }
}

#else

#define SIDE_VARIANTS(type, cpu)                                                                                          \
    void ntk_plane_row_##type##_##cpu(const ntk_planes *, const ntk_plane_sides *, void *);                               \
    void ntk_plane_block_##type##_##cpu(const ntk_planes *, const ntk_plane_sides *, int64_t, void *, double *);
SIDE_VARIANTS(f64, c)
SIDE_VARIANTS(f64, avx2)
SIDE_VARIANTS(f64, avx512)
SIDE_VARIANTS(f32, c)
SIDE_VARIANTS(f32, avx2)
SIDE_VARIANTS(f32, avx512)

const ntk_plane_row_fn ntk_plane_row_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(plane_row, f64), [NTK_F32] = NTK_VARIANT_ROW(plane_row, f32)};
const ntk_plane_block_fn ntk_plane_block_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(plane_block, f64), [NTK_F32] = NTK_VARIANT_ROW(plane_block, f32)};

#endif
