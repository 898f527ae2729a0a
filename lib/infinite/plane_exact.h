/*
 * plane_exact: the distance of two patches by sums of non-negative terms over their taps (spread.c), for pairs whose norms differ
 * too much for near - g.  With r_t, s_t the shares of tap t in the norms of the two outputs and b, c those of the bias
 *
 *     omega'    = sum_t [ ½ (r - s)² + r s omega_t ] + ½ (b - c)²
 *     opposite' = sum_t [ ½ (r - s)² + r s opposite_t ] + ½ (b + c)²
 */
#ifndef NTK_PLANE_EXACT_H
#define NTK_PLANE_EXACT_H

#include "plane_walk.h"

typedef struct distances {
    vector omega, opposite; /* or both times s */
} distances;

/* Of two pixels, times alpha beta: from their unit vectors. */
static inline distances pixel_distances(const walk *w, const level *v, int64_t y, int64_t x, int part)
{
    int64_t cell = cell_at(w->p, y, x), at = cell * LANES + part * WIDTH;
    pixels of = pixels_at(w, y, x);
    real share = REAL(0.5 / (double)w->p->channels), inverse = 2 * v->half_inverse[cell];
    vector from = load(v->inverse + at), near = all(0), far = near, s = share * v->a[cell] * load(v->b + at);
    for (int64_t c = 0; c < w->p->channels; ++c) {
        vector b = from * load(of.y + c * LANES + part * WIDTH), d = inverse * of.x[c] - b, e = inverse * of.x[c] + b;
        near += d * d;
        far += e * e;
    }
    return (distances){s * near, s * far};
}

/* The same of a cell of the plane that comes in, whose norms are a and b now. */
static inline distances cell_distances(const walk *w, int64_t l, const level *before, int64_t y, int64_t x, int part, vector a, vector b)
{
    int64_t cell = cell_at(w->p, y, x), at = cell * LANES + part * WIDTH;
    vector g = apart((a - b) * (a - b));
    if (l == 0) return pixel_distances(w, before, y, x, part);
    if (w->in.exact[cell]) return (distances){load(w->in.miss + at), load(w->in.both + at)};
    return (distances){larger(REAL(0.5) * (load(w->in.near + at) - g), all(0)), larger(REAL(0.5) * (load(w->in.far + at) - g), all(0))};
}

static inline void add_tap(const walk *w, int64_t l, const level *before, int64_t y, int64_t x, int part, vector to, vector from, distances *sum)
{
    int64_t cell = cell_at(w->p, y, x);
    vector a = all(before->to * before->a[cell]), b = before->from[part] * load(before->b + cell * LANES + part * WIDTH);
    vector d = to * a - from * b, half = REAL(0.5) * d * d;
    sum->omega += half;
    sum->opposite += half;
    if (y >= 0 && x >= 0 && y < side_in(w, l, 0) && x < side_in(w, l, 1)) {
        distances t = cell_distances(w, l, before, y, x, part, a, b);
        sum->omega += to * from * t.omega;
        sum->opposite += to * from * t.opposite;
    }
}

static inline distances exact_distances(const walk *w, int64_t l, const level *before, const level *v, int64_t y, int64_t x, int part)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    const double *affine = layer->affine->k;
    int64_t cell = cell_at(w->p, y, x);
    double after = layer->plain ? sqrt(layer->kappa) * layer->unit : 1; /* of the norms at hand over those before the activation */
    real gain = REAL(affine[NTK_AFFINE_GAIN] * sqrt(layer->share) * after), bias = REAL(after * affine[NTK_AFFINE_BIAS] / w->job->row_units[l]);
    vector inverse = all(v->a[cell] > 0 ? 1 / v->a[cell] : 0), other = load(v->inverse + cell * LANES + part * WIDTH), bias_block = all(0), less, more;
    distances sum;
    for (int i = 0; i < WIDTH; ++i) bias_block[i] = REAL(after * affine[NTK_AFFINE_BIAS] / w->job->block_units[l * LANES + part * WIDTH + i]);
    less = bias * inverse - bias_block * other;
    more = bias * inverse + bias_block * other;
    sum = (distances){REAL(0.5) * less * less, REAL(0.5) * more * more};
    for (int64_t i = 0; i < layer->taps[0]; ++i)
        for (int64_t j = 0; j < layer->taps[1]; ++j)
            add_tap(w, l, before, read_at(layer, 0, y, i), read_at(layer, 1, x, j), part, gain * inverse, gain * other, &sum);
    return sum;
}

#endif
