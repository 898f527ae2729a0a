/*
 * The short loop: a layer whose correlations are not negative, before it and after it (c <= 0, relu.c).  In the notation of
 * plane_walk.h
 *
 *     near'' = kappa (near' - 2 s S lens),     K'' = kappa s (1 - w + S lens),     Theta'' = kappa (1 - S t) Theta'
 *
 * Where norms differ and directions do not, t = near' - g cancels: an error eps g in t = 2 s w.  The angle loses nothing as long as
 * g <= C² t with C of the order of 10; and where w >= 1/C² the error is eps times the larger norm squared, however small the smaller is.
 * Pairs beyond both, t < min(g, 2 s)/C² (with biases g/C², and a smaller C), are done anew from sums of non-negative terms (plane_exact.h).
 *
 * The first layer is "opening": correlations of either sign come in.  With |rho| in place of rho, and the smaller of t and 4 s - t, K'' of
 * rho < 0 is kappa s (c rho + S lens), and its dot c + S t.  What it would sum of K follows from near too, so there is one window only.
 * 4 s - t < 2 s/C², nearly opposite patches, are done anew as well.
 */
#include "hot.h"

#if defined(NTK_HOT)

#include "plane_exact.h"

/*
 * In norms after the activation, a and b, with y = near' of that unit: w' = S w, u' = sqrt(S) u, h' = sqrt(S) h and the polynomial scaled
 * along, the state after it is    y - z,    2K = 2ab - t + z    with t = y - g = 2ab w,   z = 2ab S lens = u' (2ab h' - G (2ab - t)),
 * and S times the angle is u' G.
 */
typedef struct plain_constants {
    real mean, carry, own; /* factors of the windows' sums, and of 2K in what is carried */
    real c, two_s, middle, angle[NTK_ARRAY_LENGTH(half_angle)];
    vector less[NTK_PLANE_BYTES / VECTOR_BYTES], add[NTK_PLANE_BYTES / VECTOR_BYTES]; /* of biases: to near', to what is carried */
    whole cap; /* all bits with biases: then s does not count for what can be trusted, since the smaller of two images may grow */
    bool bare; /* all factors are 1 */
    bool last; /* K and Theta are wanted, not near and what is carried */
} plain_constants;

/* How plain_end writes: with the factors of the constants; where all are 1; K and Theta; after the first layer. */
typedef enum plain_form { PLAIN_SCALED, PLAIN_BARE, PLAIN_LAST, PLAIN_OPENING } plain_form;

static whole whole_of_infinity(void)
{
    return (whole)all((real)INFINITY);
}

/* Biases: (b - b')² of near'; their share of Theta', less what the first layer's 2K holds of b b'. */
static void set_biases(const walk *w, int64_t l, plain_constants *k)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    const double *affine = layer->affine->k, kappa = layer->kappa * layer->unit * layer->unit;
    double own = learns(w, l) ? affine[NTK_AFFINE_OWN_1] : 0, bias = affine[NTK_AFFINE_BIAS], row = w->job->row_units[l];
    for (int i = 0; i < LANES; ++i) {
        double block = w->job->block_units[l * LANES + i], less = bias / row - bias / block, both = l == 0 ? 2 * bias / row * (bias / block) : 0;
        k->less[i / WIDTH][i % WIDTH] = REAL(kappa * less * less);
        k->add[i / WIDTH][i % WIDTH] = REAL(kappa * (carried_gain(w, l + 1) * (own / row / block) - (double)k->carry * both));
    }
}

static plain_constants plain_constants_of(const walk *w, int64_t l)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    double kappa = layer->kappa * layer->unit * layer->unit, mean = kappa * layer->affine->k[NTK_AFFINE_GAIN2] * layer->share, root_s = sqrt(layer->s);
    double carry = kappa * layer->share * carried_unit(w, l) * carried_gain(w, l + 1), power = root_s;
    plain_constants k = {REAL(mean), REAL(carry), own_of(w, l + 1) > 0, REAL(layer->c), REAL(2 * layer->s), REAL(1.25 * root_s), {0}, {{0}}, {{0}}, {0}, false, l + 1 == w->p->count};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(half_angle); ++i, power /= root_s) k.angle[i] = REAL((double)half_angle[i] * power);
    if (l == 0) k.carry = own_of(w, 0) > 0 ? REAL(carried_unit(w, 0) * carried_gain(w, 1) / layer->affine->k[NTK_AFFINE_GAIN2]) : 0; /* of 2K, from its norms */
    set_biases(w, l, &k);
    if (w->p->biased) k.cap = whole_of_infinity();
    k.bare = !w->p->biased && fabs(mean - 1) < 1e-14 && fabs(carry - 1) < 1e-14 && k.own > 0 && !k.last;
    return k;
}

static inline vector plain_angle(const plain_constants *k, vector h)
{
    const int terms = (int)NTK_ARRAY_LENGTH(half_angle);
    vector z = h - k->middle, sum = all(k->angle[terms - 1]);
    NTK_UNROLL for (int i = terms - 2; i >= 0; --i) sum = sum * z + k->angle[i];
    return sum;
}

/* A cell whose roots are under way. */
typedef struct plain_half {
    int part;
    vector y, two_ab, rest, u, h, carried;
} plain_half;

/* From S w, y, t and the sum of what is carried. */
static inline plain_half plain_roots(const plain_constants *k, int part, vector w, vector two_ab, vector y, vector t, vector carried)
{
    return (plain_half){part, y, two_ab, two_ab - t, root(w), root(k->two_s - w), carried};
}

/* t = 2ab w lies in [0, 2ab], but beside a tiny norm it may be noise.  `worst`: the least of log2(t / min(g, 2ab)), about. */
static inline plain_half plain_begin(const plain_constants *k, plain_form form, const level *v, int64_t cell, int part, vector near, vector carried, whole *worst)
{
    int64_t at = cell * LANES + part * WIDTH;
    vector b = load(v->b + at), d = v->a[cell] - b, g = d * d, two_ab = v->twice[cell] * b, y = near, most = two_ab, t;
    whole cap;
    if (form != PLAIN_BARE) y = k->mean * y + k->less[part];
    if (form == PLAIN_OPENING) most *= 2;
    t = between_zero_and(y - g, most);
    cap = (whole)two_ab;
    if (form != PLAIN_BARE) cap |= k->cap;
    *worst = whole_smaller(*worst, (whole)t - whole_smaller((whole)g, cap));
    if (form == PLAIN_OPENING) {
        vector opposite = 2 * two_ab - t, less = (vector)whole_smaller((whole)t, (whole)opposite);
        *worst = whole_smaller(*worst, (whole)opposite - (whole)two_ab);
        return plain_roots(k, part, less * (v->half_inverse[cell] * load(v->inverse + at)), two_ab, y, t, carried);
    }
    return plain_roots(k, part, t * (v->half_inverse[cell] * load(v->inverse + at)), two_ab, y, t, carried);
}

/* Of correlations of either sign. */
static inline void opening_end(const plain_constants *k, const plain_half *c, real *to_near, real *to_carried)
{
    vector angle = plain_angle(k, c->h), z = c->u * (c->two_ab * c->h - angle * larger(c->rest, -c->rest)), straight = larger(c->rest, k->c * c->rest);
    vector turn = c->u * angle, dot = choose_less(c->rest, all(0), k->c + turn, 1 - turn);
    keep(to_near, (c->y - z) + (c->rest - straight));
    keep(to_carried, (k->carry * c->rest + k->add[c->part]) * dot + k->own * (straight + z));
}

/* To the state after the activation. */
static inline void plain_end(const plain_constants *k, plain_form form, const plain_half *c, real *to_near, real *to_carried)
{
    vector angle, z, dot;
    if (form == PLAIN_OPENING) {
        opening_end(k, c, to_near, to_carried);
        return;
    }
    angle = plain_angle(k, c->h), z = c->u * (c->two_ab * c->h - angle * c->rest), dot = 1 - c->u * angle;
    if (form == PLAIN_LAST) keep(to_near, REAL(0.5) * (c->rest + z));
    else keep(to_near, c->y - z);
    if (form == PLAIN_BARE) keep(to_carried, c->carried * dot + (c->rest + z));
    else if (form == PLAIN_LAST) keep(to_carried, (k->carry * c->carried + k->add[c->part]) * dot);
    else keep(to_carried, (k->carry * c->carried + k->add[c->part]) * dot + k->own * (c->rest + z));
}

/* Windows of 3 x 3 slide along the row in registers. */
static inline vector column_of_3(const real *in, int64_t stride)
{
    return load(in) + load(in + stride) + load(in + 2 * stride);
}

/* A cell is ended while the roots of the next are under way: else the processor's queue fills with what waits for them. */
static inline whole plain_row_3(const walk *w, int64_t l, const plain_constants *k, plain_form form, const level *v, int64_t y, int64_t width)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    const int64_t stride = w->p->stride * LANES, first = cell_at(w->p, y, 0), from = cell_at(w->p, y - layer->low[0], -layer->low[1]);
    whole worst = {0};
    for (int part = 0; part < LANES / WIDTH; ++part) {
        const real *near = w->in.near + from * LANES + part * WIDTH, *carried = w->in.carried + from * LANES + part * WIDTH;
        real *to_near = w->out.near + first * LANES + part * WIDTH, *to_carried = w->out.carried + first * LANES + part * WIDTH;
        vector n0 = column_of_3(near, stride), n1 = column_of_3(near + LANES, stride), n2 = column_of_3(near + 2 * LANES, stride);
        vector c0 = all(0), c1 = c0, c2 = c0;
        if (form != PLAIN_OPENING) c0 = column_of_3(carried, stride), c1 = column_of_3(carried + LANES, stride), c2 = column_of_3(carried + 2 * LANES, stride);
        plain_half last = plain_begin(k, form, v, first, part, n0 + n1 + n2, c0 + c1 + c2, &worst), next;
        for (int64_t x = 1; x < width; ++x) {
            n0 = n1, n1 = n2, n2 = column_of_3(near + (x + 2) * LANES, stride);
            if (form != PLAIN_OPENING) c0 = c1, c1 = c2, c2 = column_of_3(carried + (x + 2) * LANES, stride);
            next = plain_begin(k, form, v, first + x, part, n0 + n1 + n2, c0 + c1 + c2, &worst);
            plain_end(k, form, &last, to_near + (x - 1) * LANES, to_carried + (x - 1) * LANES);
            last = next;
        }
        plain_end(k, form, &last, to_near + (width - 1) * LANES, to_carried + (width - 1) * LANES);
    }
    return worst;
}

static whole plain_row_any(const walk *w, int64_t l, const plain_constants *k, plain_form form, const level *v, int64_t y, int64_t width)
{
    whole worst = {0};
    sum_window(w, &w->p->layers[l], w->in.near, y, width, w->window[0]);
    if (form != PLAIN_OPENING) sum_window(w, &w->p->layers[l], w->in.carried, y, width, w->window[1]);
    for (int64_t x = 0; x < width; ++x)
        for (int part = 0; part < LANES / WIDTH; ++part) {
            int64_t at = x * LANES + part * WIDTH;
            int64_t cell = cell_at(w->p, y, x), to = cell * LANES + part * WIDTH;
            plain_half c = plain_begin(k, form, v, cell, part, load(w->window[0] + at), load(w->window[1] + at), &worst);
            plain_end(k, form, &c, w->out.near + to, w->out.carried + to);
        }
    return worst;
}

/* Negative in lanes that are not to be trusted. */
static vector plain_margin(const walk *w, int64_t l, vector t, vector g, vector two_ab)
{
    vector margin = t - smaller(g, two_ab) * REAL(1.0 / TRUSTED);
    if (w->p->biased) margin = t - g * REAL(1.0 / TRUSTED_BIASED);
    if (l == 0) margin = smaller(margin, 2 * two_ab - t - two_ab * REAL(1.0 / TRUSTED));
    return margin * two_ab;
}

/* A part of a cell whose window sum of near is at hand. */
typedef struct suspect {
    vector y, g, two_ab, margin;
} suspect;

static suspect suspect_of(const walk *w, int64_t l, const plain_constants *k, const level *v, int64_t cell, int64_t x, int part)
{
    vector b = load(v->b + cell * LANES + part * WIDTH), d = v->a[cell] - b;
    suspect s = {k->mean * load(w->window[0] + x * LANES + part * WIDTH) + k->less[part], apart(d * d), v->twice[cell] * b, all(0)};
    s.margin = plain_margin(w, l, s.y - s.g, s.g, s.two_ab);
    return s;
}

/* Once more, from distances.  Lanes that are to be trusted stay as they are: what comes of a pair does not depend on its neighbours. */
static void repair_part(const walk *w, const plain_constants *k, plain_form form, const distances *d, const suspect *s, vector carried, int part, int64_t at)
{
    vector less = smaller(d->omega, d->opposite), u = root(less), h = root(2 - less), lens = k->two_s / 2 * u * (h - angle_over_root(h) * (1 - less));
    vector t = choose_less(d->opposite, d->omega, s->two_ab * (2 - d->opposite), s->two_ab * d->omega), miss = d->omega - lens;
    vector near, sum, was = load(w->out.near + at);
    plain_half c = plain_roots(k, part, less * (k->two_s / 2), s->two_ab, s->y, t, carried);
    if (form == PLAIN_OPENING) miss = choose_less(d->opposite, d->omega, (1 + k->c) - k->c * less - lens, miss);
    plain_end(k, form, &c, (real *)(void *)&near, (real *)(void *)&sum);
    if (form == PLAIN_OPENING) near = s->g + s->two_ab * miss;
    keep(w->out.miss + at, choose_less(s->margin, all(0), REAL(0.5) * s->two_ab * miss, larger(REAL(0.5) * (was - s->g), all(0))));
    keep(w->out.near + at, choose_less(s->margin, all(0), near, was));
    keep(w->out.carried + at, choose_less(s->margin, all(0), sum, load(w->out.carried + at)));
}

static void repair_cell(const walk *w, int64_t l, const plain_constants *k, const level *before, const level *v, int64_t y, int64_t x)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    plain_form form = k->last ? PLAIN_LAST : l == 0 ? PLAIN_OPENING : PLAIN_SCALED;
    int64_t cell = cell_at(w->p, y, x);
    suspect s[LANES / WIDTH];
    bool any = false;
    for (int part = 0; part < LANES / WIDTH; ++part) {
        s[part] = suspect_of(w, l, k, v, cell, x, part);
        any |= any_negative(s[part].margin);
    }
    if (!any) return;
    w->out.exact[cell] = 1;
    for (int part = 0; part < LANES / WIDTH; ++part) {
        distances d = exact_distances(w, l, before, v, y, x, part);
        if (l > 0) d.opposite = 2 - d.omega;
        repair_part(w, k, form, &d, &s[part], l > 0 ? sum_of_taps(w, layer, w->in.carried, y, x, part) : all(0), part, cell * LANES + part * WIDTH);
    }
}

/* The cells of a row that are not to be trusted, once more. */
static void plain_repair(const walk *w, int64_t l, const plain_constants *k, const level *before, const level *v, int64_t y, int64_t width)
{
    sum_window(w, &w->p->layers[l], w->in.near, y, width, w->window[0]);
    for (int64_t x = 0; x < width; ++x) repair_cell(w, l, k, before, v, y, x);
}

static bool is_three(const ntk_plane_layer *l)
{
    bool dense = l->dilation[0] == 1 && l->dilation[1] == 1 && l->stride[0] == 1 && l->stride[1] == 1;
    return dense && l->taps[0] == 3 && l->taps[1] == 3;
}

static whole plain_row(const walk *w, int64_t l, const plain_constants *k, const level *v, int64_t y, int64_t width)
{
    plain_form form = k->last ? PLAIN_LAST : l == 0 ? PLAIN_OPENING : PLAIN_SCALED;
    if (!is_three(&w->p->layers[l])) return plain_row_any(w, l, k, form, v, y, width);
    if (form == PLAIN_OPENING) return plain_row_3(w, l, k, PLAIN_OPENING, v, y, width);
    if (k->last) return plain_row_3(w, l, k, PLAIN_LAST, v, y, width);
    return k->bare ? plain_row_3(w, l, k, PLAIN_BARE, v, y, width) : plain_row_3(w, l, k, PLAIN_SCALED, v, y, width);
}

/* log2 of 1/C², with a margin for what bits are not logarithms. */
#define WORST(log2) (-((int64_t)((log2) - 1) << MANTISSA))

void NTK_HOT_NAME(plane_plain)(const walk *w, int64_t l, const level *before, const level *v)
{
    plain_constants k = plain_constants_of(w, l);
    int64_t width = side_out(w, l, 1), worst = w->p->biased ? WORST(NTK_LOG2_BIASED) : WORST(NTK_LOG2_TRUSTED);
    for (int64_t y = 0; y < side_out(w, l, 0); ++y) {
        memset(w->out.exact + cell_at(w->p, y, 0), 0, (size_t)width);
        if (any_whole_below(plain_row(w, l, &k, v, y, width), worst)) plain_repair(w, l, &k, before, v, y, width);
    }
}

#endif
