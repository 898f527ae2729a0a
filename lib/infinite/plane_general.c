/*
 * The long loop: correlations of either sign, biases.  Both near and far come through the windows; the smaller gives w, in the notation
 * of plane_walk.h, and relu.c what follows for phi(x) = a min(x, 0) + b max(x, 0).
 */
#include "hot.h"

#if defined(NTK_HOT)

#include "plane_exact.h"

typedef struct constants {
    real mean, s, c, gain2, own, share, bias;
    bool last; /* K and Theta are wanted, not near and what is carried */
    vector bias_block[NTK_PLANE_BYTES / VECTOR_BYTES], own_1[NTK_PLANE_BYTES / VECTOR_BYTES];
} constants;

static constants constants_of(const walk *w, int64_t l)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    const double *affine = layer->affine->k, *units = w->job->block_units + l * LANES;
    double own_1 = learns(w, l) ? affine[NTK_AFFINE_OWN_1] / w->job->row_units[l] : 0;
    constants k = {REAL(affine[NTK_AFFINE_GAIN2] * layer->share), REAL(layer->s), REAL(layer->c), REAL(carried_gain(w, l + 1)),
                   own_of(w, l + 1) > 0 ? 2 : 0, REAL(layer->share * carried_unit(w, l)),
                   REAL(affine[NTK_AFFINE_BIAS] / w->job->row_units[l]), l + 1 == w->p->count, {{0}}, {{0}}};
    for (int i = 0; i < LANES; ++i) {
        k.bias_block[i / WIDTH][i % WIDTH] = REAL(affine[NTK_AFFINE_BIAS] / units[i]);
        k.own_1[i / WIDTH][i % WIDTH] = REAL(own_1 / units[i]);
    }
    return k;
}

/* 1 - rho and 1 + rho, or rather the smaller, its sign (x < y: rho > 0), and whether it can be trusted. */
typedef struct correlation {
    vector w, x, y, margin; /* negative: not to be trusted */
} correlation;

static inline correlation correlation_of(const walk *w, const constants *k, const level *v, int64_t cell, int64_t x, int part)
{
    int64_t at = cell * LANES + part * WIDTH, from = x * LANES + part * WIDTH;
    vector b = load(v->b + at), d = v->a[cell] - b, g = d * d, i = v->half_inverse[cell] * load(v->inverse + at);
    vector less = k->bias - k->bias_block[part], more = k->bias + k->bias_block[part];
    vector near = k->mean * load(w->window[0] + from) + less * less, far = k->mean * load(w->window[1] + from) + more * more;
    vector t = smaller(near, far) - g, bound = g * REAL(1.0 / TRUSTED_BIASED);
    if (!w->p->biased) bound = smaller(g, v->twice[cell] * b) * REAL(1.0 / TRUSTED);
    return (correlation){smaller(larger(t * i, all(0)), all(1)), near, far, (t - bound) * i};
}

static inline void activation(const walk *w, const constants *k, const level *v, const correlation *r, int64_t cell, int64_t x, int part, const plane *out)
{
    int64_t at = cell * LANES + part * WIDTH;
    vector a = all(v->to * v->a[cell]), b = v->from[part] * load(v->b + at), s = a * b, g = (a - b) * (a - b);
    vector u = root(r->w), h = root(2 - r->w), angle = angle_over_root(h), t = u * angle, lens = k->s * (u * (h - angle * (1 - r->w)));
    vector miss = r->w - lens, opposite = 2 - miss, dot = 1 - k->s * t;
    miss = choose_less(r->y, r->x, (1 + k->c) - k->c * r->w - lens, miss);
    opposite = choose_less(r->y, r->x, (1 - k->c) + k->c * r->w + lens, opposite);
    dot = choose_less(r->y, r->x, k->c + k->s * t, dot);
    keep(out->near + at, g + 2 * (s * miss));
    if (k->last) keep(out->near + at, s * (opposite - miss) * REAL(0.5));
    keep(out->far + at, g + 2 * (s * opposite));
    keep(out->miss + at, s * miss);
    keep(out->both + at, s * opposite);
    keep(out->carried + at, k->gain2 * (v->to * v->from[part]) * dot * (k->share * load(w->window[2] + x * LANES + part * WIDTH) + k->own_1[part]) +
                                k->own * (s * (opposite - miss) * REAL(0.5)));
}

static void general_cell(const walk *w, int64_t l, const constants *k, const level *before, const level *v, int64_t y, int64_t x)
{
    int64_t cell = cell_at(w->p, y, x);
    correlation r[LANES / WIDTH];
    bool untrusted = false;
    for (int part = 0; part < LANES / WIDTH; ++part) {
        r[part] = correlation_of(w, k, v, cell, x, part);
        untrusted |= any_negative(r[part].margin);
    }
    w->out.exact[cell] = 1;
    for (int part = 0; part < LANES / WIDTH; ++part) {
        if (untrusted) {
            distances d = exact_distances(w, l, before, v, y, x, part);
            vector margin = r[part].margin; /* lanes that are to be trusted stay: no pair depends on its neighbours */
            r[part].w = choose_less(margin, all(0), smaller(d.omega, d.opposite), r[part].w);
            r[part].x = choose_less(margin, all(0), d.omega, r[part].x);
            r[part].y = choose_less(margin, all(0), d.opposite, r[part].y);
        }
        activation(w, k, v, &r[part], cell, x, part, &w->out);
    }
}

/* Before the first layer there is no Theta: 2K = (far - near)/2 is carried. */
static void sum_carried(const walk *w, int64_t l, int64_t y, int64_t width)
{
    const real *restrict near = w->window[0], *restrict far = w->window[1];
    const real own = own_of(w, 0) > 0 ? REAL(0.5) : 0;
    real *restrict carried = w->window[2];
    if (l > 0) sum_window(w, &w->p->layers[l], w->in.carried, y, width, carried);
    for (int64_t j = 0; l == 0 && j < width * LANES; ++j) carried[j] = own * (far[j] - near[j]);
}

void NTK_HOT_NAME(plane_general)(const walk *w, int64_t l, const level *before, const level *v)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    constants k = constants_of(w, l);
    int64_t width = side_out(w, l, 1);
    for (int64_t y = 0; y < side_out(w, l, 0); ++y) {
        sum_window(w, layer, w->in.near, y, width, w->window[0]);
        sum_window(w, layer, w->in.far, y, width, w->window[1]);
        sum_carried(w, l, y, width);
        for (int64_t x = 0; x < width; ++x) general_cell(w, l, &k, before, v, y, x);
    }
}

#endif
