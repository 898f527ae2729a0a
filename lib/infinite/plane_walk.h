/*
 * plane_walk: a plane of pairs on its way through the layers, as the loops see it: its memory, its geometry, the norms beside it, the
 * sums of its windows and the angle.  Hot halves only.
 *
 * Notation of the loops: with norms alpha, beta, s = alpha beta, g = (alpha - beta)², a layer's window gives near' and
 *
 *     w = 1 - rho = (near' - g) / (2 s),     u = sqrt(w),   h = sqrt(2 - w) = sqrt(2) cos(t/2),    t = u H(h)
 *     lens = sin t - t cos t = u (h - H(h) (1 - w))
 *
 * where H is analytic far beyond [1, sqrt 2] (scripts/relu_coefficients.py).  The subtraction in lens costs eps sqrt(w), no more than
 * rounding w costs the angle.
 */
#ifndef NTK_PLANE_WALK_H
#define NTK_PLANE_WALK_H

#include "planes.h"

#include "hot.h"

#include "relu_polynomials.h"
#include "vector.h"

#include <string.h>

enum { LANES = NTK_PLANE_BYTES / (int)sizeof(real) };

#if defined(NTK_HOT_F32)
static const real half_angle[] = NTK_H_F32;
#define NTK_LOG2_TRUSTED 8 /* of C² */
#define NTK_LOG2_BIASED 4  /* the same with biases: eps g counts beside s, not beside the larger norm squared */
#else
static const real half_angle[] = NTK_H_F64;
#define NTK_LOG2_TRUSTED 12
#define NTK_LOG2_BIASED 8
#endif
#define TRUSTED (1 << NTK_LOG2_TRUSTED)
#define TRUSTED_BIASED (1 << NTK_LOG2_BIASED)

/* ---- a plane on its way ---------------------------------------------------------------------------------------- */

/* Cell c of an array at [c * LANES].  Of cells marked exact also s (1 - rho) and s (1 + rho). */
typedef struct plane {
    real *near, *far, *carried, *miss, *both;
    unsigned char *exact;
} plane;

typedef struct walk {
    const ntk_planes *p;
    const ntk_plane_job *job;
    plane in, out;
    real *window[3], *strip; /* a row of sums; a row summed along the first axis */
} walk;

/* Norms at a level: 0 the input, l before the activation of layer l; and what takes them behind it. */
typedef struct level {
    const real *a, *twice, *half_inverse, *b, *inverse;
    real to;
    vector from[NTK_PLANE_BYTES / VECTOR_BYTES];
} level;

static inline int64_t cell_at(const ntk_planes *p, int64_t y, int64_t x)
{
    return (y + p->pad) * p->stride + x + p->pad;
}

/* The plane's offset at a level, and its extents before and after layer l. */
static inline int64_t offset_at(const walk *w, int64_t l, int axis)
{
    return w->job->offset[axis] * (l < w->p->count ? w->p->layers[l].spread[axis] : 1);
}

static inline int64_t side_at(const walk *w, int64_t l, int64_t extent, int axis)
{
    int64_t offset = offset_at(w, l, axis);
    return extent - (offset < 0 ? -offset : offset);
}

static inline int64_t side_in(const walk *w, int64_t l, int axis)
{
    return side_at(w, l, w->p->layers[l].in[axis], axis);
}

static inline int64_t side_out(const walk *w, int64_t l, int axis)
{
    return side_at(w, l + 1, w->p->layers[l].out[axis], axis);
}

/* The input of output o at a tap, both counted from the plane's first. */
static inline int64_t read_at(const ntk_plane_layer *l, int axis, int64_t o, int64_t tap)
{
    return o * l->stride[axis] + tap * l->dilation[axis] - l->low[axis];
}

static inline level level_of(const walk *w, int64_t l)
{
    int64_t dy = offset_at(w, l, 0), dx = offset_at(w, l, 1), stride = w->p->stride; /* the plane begins where both images do */
    const real *row = (const real *)w->job->row + 3 * l * w->p->padded + NTK_MAX(0, -dy) * stride + NTK_MAX(0, -dx);
    const real *block = (const real *)w->job->block + (2 * l * w->p->padded + NTK_MAX(0, dy) * stride + NTK_MAX(0, dx)) * LANES;
    level v = {.a = row, .twice = row + w->p->padded, .half_inverse = row + 2 * w->p->padded, .b = block, .inverse = block + w->p->padded * LANES};
    double root = l > 0 && w->p->layers[l - 1].plain ? sqrt(w->p->layers[l - 1].kappa) : 1; /* has been applied */
    bool after = l > 0 && w->p->layers[l - 1].plain && !w->p->biased;
    v.to = after ? 1 : REAL(ntk_plane_factor(w->p, l, w->job->row_units, 1) / root);
    for (int part = 0; part < LANES / WIDTH; ++part) v.from[part] = all(1);
    for (int k = 0; !after && k < LANES; ++k) v.from[k / WIDTH][k % WIDTH] = REAL(ntk_plane_factor(w->p, l, w->job->block_units + k, LANES) / root);
    return v;
}

/* The pixels of a pair of positions, channel after channel: one number of the row, LANES of the block. */
typedef struct pixels {
    const real *x, *y;
} pixels;

static inline pixels pixels_at(const walk *w, int64_t y, int64_t x)
{
    const ntk_planes *p = w->p;
    int64_t dy = offset_at(w, 0, 0), dx = offset_at(w, 0, 1), width = p->layers[0].in[1];
    int64_t row = (y + NTK_MAX(0, -dy)) * width + x + NTK_MAX(0, -dx), block = (y + NTK_MAX(0, dy)) * width + x + NTK_MAX(0, dx);
    return (pixels){(const real *)w->job->row + 3 * (p->count + 1) * p->padded + row * p->channels,
                    (const real *)w->job->block + (2 * (p->count + 1) * p->padded + block * p->channels) * LANES};
}


/* g as a number of its own: near - g is not contracted to fma(-d, d, near) in one place and not in another, so that it has the same bits in all. */
static inline vector apart(vector g)
{
#if defined(__FMA__)
    __asm__("" : "+v"(g));
#endif
    return g;
}

/* ---- windows --------------------------------------------------------------------------------------------------- */

static inline vector sum_of_taps(const walk *w, const ntk_plane_layer *l, const real *in, int64_t y, int64_t x, int part)
{
    vector sum = all(0);
    for (int64_t i = 0; i < l->taps[0]; ++i)
        for (int64_t j = 0; j < l->taps[1]; ++j)
            sum += load(in + cell_at(w->p, read_at(l, 0, y, i), read_at(l, 1, x, j)) * LANES + part * WIDTH);
    return sum;
}

/* Any window, by sums along both axes in turn. */
static inline void sum_strided(const real *restrict in, int64_t taps, int64_t step, int64_t count, real *restrict out)
{
    for (int64_t j = 0; taps == 3 && j < count; ++j) out[j] = in[j] + in[step + j] + in[2 * step + j];
    if (taps == 3) return;
    memcpy(out, in, (size_t)count * sizeof *out);
    for (int64_t t = 1; t < taps; ++t)
        for (int64_t j = 0; j < count; ++j) out[j] += in[t * step + j];
}

static inline void sum_window(const walk *w, const ntk_plane_layer *l, const real *in, int64_t y, int64_t width, real *out)
{
    int64_t from = cell_at(w->p, read_at(l, 0, y, 0), read_at(l, 1, 0, 0)), wide = (width - 1) * l->stride[1] + 1;
    sum_strided(in + from * LANES, l->taps[0], l->dilation[0] * w->p->stride * LANES, (wide + (l->taps[1] - 1) * l->dilation[1]) * LANES, w->strip);
    sum_strided(w->strip, l->taps[1], l->dilation[1] * LANES, wide * LANES, out);
    for (int64_t x = 1; l->stride[1] > 1 && x < width; ++x) memcpy(out + x * LANES, out + x * l->stride[1] * LANES, LANES * sizeof *out);
}

/* ---- what is carried ------------------------------------------------------------------------------------------- */

static inline bool learns(const walk *w, int64_t l)
{
    return w->job->only < 0 || w->job->only == w->p->layers[l].affine->step->parametric;
}

/* The next layer with weights, from l on: pools hand on what it wants. */
static inline int64_t weighted(const walk *w, int64_t l)
{
    while (l < w->p->count && !w->p->layers[l].affine) ++l;
    return l;
}

/* Layer l sums g² Theta + A K, in units of A/2 where it has its own share. */
static inline double own_of(const walk *w, int64_t l)
{
    l = weighted(w, l);
    return l < w->p->count && learns(w, l) ? w->p->layers[l].affine->k[NTK_AFFINE_OWN_K] : 0;
}

static inline double carried_unit(const walk *w, int64_t l)
{
    double own = own_of(w, l);
    return own > 0 ? own / 2 : 1;
}

static inline double carried_gain(const walk *w, int64_t l)
{
    l = weighted(w, l);
    return (l < w->p->count ? w->p->layers[l].affine->k[NTK_AFFINE_GAIN2] : 1) / carried_unit(w, l);
}

/* ---- the angle ------------------------------------------------------------------------------------------------- */

/* t / u from h. */
static inline vector angle_over_root(vector h)
{
    const int terms = (int)NTK_ARRAY_LENGTH(half_angle);
    vector z = h - REAL(1.25), sum = all(half_angle[terms - 1]);
    NTK_UNROLL for (int k = terms - 2; k >= 0; --k) sum = sum * z + half_angle[k];
    return sum;
}

/* A walk in the job's memory; the plane of the input, its rim filled; layers [first, end) over the plane w->in, to w->in; its sum. */
walk NTK_HOT_NAME(plane_walk)(const ntk_planes *p, const ntk_plane_job *job);
void NTK_HOT_NAME(plane_start)(const walk *w);
void NTK_HOT_NAME(plane_section)(walk *w, int64_t first, int64_t end);
void NTK_HOT_NAME(plane_sum)(const walk *w);

/* Layer l over a plane whose rim is filled: w->in to w->out.  `before`, `v`: norms before it and after it. */
void NTK_HOT_NAME(plane_plain)(const walk *w, int64_t l, const level *before, const level *v);
void NTK_HOT_NAME(plane_general)(const walk *w, int64_t l, const level *before, const level *v);

#endif
