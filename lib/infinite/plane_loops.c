/*
 * One plane of constant offset through all layers: one image (a) against a block of them (b), every lane a pair (planes.h).
 *
 * With norms alpha, beta, s = alpha beta, g = (alpha - beta)², a layer's window gives near' = g² mean(near) + (bias - bias')² and
 *
 *     w = 1 - rho = (near' - g) / (2 s),     u = sqrt(w),   h = sqrt(2 - w) = sqrt(2) cos(t/2),    t = u H(h)
 *     lens = sin t - t cos t = u (h - H(h) (1 - w))
 *
 * where H is analytic far beyond [1, sqrt 2] (scripts/relu_coefficients.py).  The subtraction in lens costs eps sqrt(w), no more than
 * rounding w costs the angle.  After the activation, with c <= 0 so that no correlation is negative (relu.c),
 *
 *     near'' = kappa (near' - 2 s S lens),     K'' = kappa s (1 - w + S lens),     Theta'' = kappa (1 - S t) Theta'
 *
 * Where norms differ and directions do not, t = near' - g cancels: an error eps g in t = 2 s w.  The angle loses nothing as long as
 * g <= C² t with C of the order of 10; and where w >= 1/C² the error is eps times the larger norm squared, however small the smaller is.
 * Pairs beyond both, t < min(g, 2 s)/C², are done anew from sums of non-negative terms (plane_exact.h).
 */
#include "planes.h"

#include "hot.h"

#if defined(NTK_HOT)

#include "relu_polynomials.h"
#include "vector.h"

#include <string.h>

enum { LANES = NTK_PLANE_BYTES / (int)sizeof(real) };

#if defined(NTK_HOT_F32)
static const real half_angle[] = NTK_H_F32;
#define NTK_LOG2_TRUSTED 8 /* of C² */
#else
static const real half_angle[] = NTK_H_F64;
#define NTK_LOG2_TRUSTED 12
#endif
#define TRUSTED (1 << NTK_LOG2_TRUSTED)

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
static int64_t offset_at(const walk *w, int64_t l, int axis)
{
    return w->job->offset[axis] * (l < w->p->count ? w->p->layers[l].spread[axis] : 1);
}

static int64_t side_at(const walk *w, int64_t l, int64_t extent, int axis)
{
    int64_t offset = offset_at(w, l, axis);
    return extent - (offset < 0 ? -offset : offset);
}

static int64_t side_in(const walk *w, int64_t l, int axis)
{
    return side_at(w, l, w->p->layers[l].in[axis], axis);
}

static int64_t side_out(const walk *w, int64_t l, int axis)
{
    return side_at(w, l + 1, w->p->layers[l].out[axis], axis);
}

/* The input of output o at a tap, both counted from the plane's first. */
static inline int64_t read_at(const ntk_plane_layer *l, int axis, int64_t o, int64_t tap)
{
    return o * l->stride[axis] + tap * l->dilation[axis] - l->low[axis];
}

static level level_of(const walk *w, int64_t l)
{
    int64_t dy = offset_at(w, l, 0), dx = offset_at(w, l, 1), stride = w->p->stride; /* the plane begins where both images do */
    const real *row = (const real *)w->job->row + 3 * l * w->p->padded + NTK_MAX(0, -dy) * stride + NTK_MAX(0, -dx);
    const real *block = (const real *)w->job->block + (2 * l * w->p->padded + NTK_MAX(0, dy) * stride + NTK_MAX(0, dx)) * LANES;
    level v = {.a = row, .twice = row + w->p->padded, .half_inverse = row + 2 * w->p->padded, .b = block, .inverse = block + w->p->padded * LANES};
    bool after = l > 0 && w->p->layers[l - 1].plain;
    v.to = after ? 1 : REAL(ntk_plane_factor(w->p, l, w->job->row_units, 1));
    for (int part = 0; part < LANES / WIDTH; ++part) v.from[part] = all(1);
    for (int k = 0; !after && k < LANES; ++k) v.from[k / WIDTH][k % WIDTH] = REAL(ntk_plane_factor(w->p, l, w->job->block_units + k, LANES));
    return v;
}

static inline vector sum_of_taps(const walk *w, const ntk_plane_layer *l, const real *in, int64_t y, int64_t x, int part)
{
    vector sum = all(0);
    for (int64_t i = 0; i < l->taps[0]; ++i)
        for (int64_t j = 0; j < l->taps[1]; ++j)
            sum += load(in + cell_at(w->p, read_at(l, 0, y, i), read_at(l, 1, x, j)) * LANES + part * WIDTH);
    return sum;
}

static bool learns(const walk *w, int64_t l)
{
    return w->job->only < 0 || w->job->only == w->p->layers[l].affine->step->parametric;
}

/* Layer l sums g² Theta + A K, in units of A/2 where it has its own share. */
static double own_of(const walk *w, int64_t l)
{
    return l < w->p->count && learns(w, l) ? w->p->layers[l].affine->k[NTK_AFFINE_OWN_K] : 0;
}

static double carried_unit(const walk *w, int64_t l)
{
    double own = own_of(w, l);
    return own > 0 ? own / 2 : 1;
}

static double carried_gain(const walk *w, int64_t l)
{
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

/* ---- the rim --------------------------------------------------------------------------------------------------- */

/* A run of cells outside one of the images: near = far = the other's E[v²]. */
static inline void put_rim(const level *v, const plane *out, int64_t first, int64_t count, bool signs, bool clear)
{
    const real *a = v->a + first, *b = v->b + first * LANES, to = v->to;
    real *near = out->near + first * LANES, *far = out->far + first * LANES;
    for (int64_t c = 0; c < count; ++c)
        for (int part = 0; part < LANES / WIDTH; ++part) {
            vector d = to * a[c] - v->from[part] * load(b + c * LANES + part * WIDTH), g = d * d;
            keep(near + c * LANES + part * WIDTH, g);
            if (signs) keep(far + c * LANES + part * WIDTH, g);
        }
    if (!clear) return;
    memset(out->carried + first * LANES, 0, (size_t)(count * LANES) * sizeof(real));
    memset(out->exact + first, 0, (size_t)count);
}

/* Has the plane's memory the same rim of zeros from two layers ago? */
static bool has_rim(const ntk_planes *p, int64_t l)
{
    const ntk_plane_layer *now = &p->layers[l], *then;
    if (l < 2) return false;
    then = now - 2;
    return memcmp(now->in, then->in, sizeof now->in) == 0 && memcmp(now->spread, then->spread, sizeof now->spread) == 0 && memcmp(now->ring, then->ring, sizeof now->ring) == 0;
}

/* What the window of layer l reads outside. */
static void fill_rim(const walk *w, int64_t l, const level *v, const plane *out)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    const int64_t *sides = layer->ring[1];
    int64_t height = side_in(w, l, 0), width = side_in(w, l, 1);
    bool signs = !layer->plain, clear = !has_rim(w->p, l);
    for (int64_t y = -layer->ring[0][0]; y < height + layer->ring[0][1]; ++y) {
        int64_t first = cell_at(w->p, y, -sides[0]);
        bool inside = y >= 0 && y < height;
        put_rim(v, out, first, inside ? sides[0] : sides[0] + width + sides[1], signs, clear);
        if (inside) put_rim(v, out, first + sides[0] + width, sides[1], signs, clear);
    }
}

/* ---- the input ------------------------------------------------------------------------------------------------- */

/* The pixels of a pair of positions, channel after channel: one number of the row, LANES of the block. */
typedef struct pixels {
    const real *x, *y;
} pixels;

static pixels pixels_at(const walk *w, int64_t y, int64_t x)
{
    const ntk_planes *p = w->p;
    int64_t dy = offset_at(w, 0, 0), dx = offset_at(w, 0, 1), width = p->layers[0].in[1];
    int64_t row = (y + NTK_MAX(0, -dy)) * width + x + NTK_MAX(0, -dx), block = (y + NTK_MAX(0, dy)) * width + x + NTK_MAX(0, dx);
    return (pixels){(const real *)w->job->row + 3 * (p->count + 1) * p->padded + row * p->channels,
                    (const real *)w->job->block + (2 * (p->count + 1) * p->padded + block * p->channels) * LANES};
}

/* near and far; what the first layer would sum follows from them. */
static void start_row(const walk *w, const plane *out, int64_t y, int64_t width)
{
    const int64_t channels = w->p->channels;
    const real share = REAL(1 / (double)channels);
    for (int part = 0; part < LANES / WIDTH; ++part) {
        pixels at = pixels_at(w, y, 0);
        int64_t to = cell_at(w->p, y, 0) * LANES + part * WIDTH;
        for (int64_t x = 0; x < width; ++x, to += LANES, at.x += channels, at.y += channels * LANES) {
            vector near = all(0), far = near;
            for (int64_t c = 0; c < channels; ++c) {
                vector b = load(at.y + c * LANES + part * WIDTH), d = at.x[c] - b, e = at.x[c] + b;
                near += d * d;
                far += e * e;
            }
            keep(out->near + to, near * share);
            keep(out->far + to, far * share);
        }
    }
}

static void start(const walk *w, const plane *out)
{
    level v = level_of(w, 0);
    for (int64_t y = 0; y < side_in(w, 0, 0); ++y) start_row(w, out, y, side_in(w, 0, 1));
    fill_rim(w, 0, &v, out);
}

#include "plane_exact.h"

/* ---- the short loop -------------------------------------------------------------------------------------------- */

/*
 * In norms after the activation, a and b, with y = near' of that unit: w' = S w, u' = sqrt(S) u, h' = sqrt(S) h and the polynomial scaled
 * along, the state after it is    y - z,    2K = 2ab - t + z    with t = y - g = 2ab w,   z = 2ab S lens = u' (2ab h' - G (2ab - t)),
 * and S times the angle is u' G.
 */
typedef struct plain_constants {
    real mean, carry, own; /* factors of the windows' sums, and of 2K in what is carried */
    real two_s, middle, angle[NTK_ARRAY_LENGTH(half_angle)];
    bool bare; /* all factors are 1 */
    bool last; /* K and Theta are wanted, not near and what is carried */
} plain_constants;

/* How plain_end writes: with the factors of the constants; where all are 1; K and Theta. */
typedef enum plain_form { PLAIN_SCALED, PLAIN_BARE, PLAIN_LAST } plain_form;

static plain_constants plain_constants_of(const walk *w, int64_t l)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    double kappa = layer->kappa * layer->unit * layer->unit, mean = kappa * layer->affine->k[NTK_AFFINE_GAIN2] * layer->share, root_s = sqrt(layer->s);
    double carry = kappa * layer->share * carried_unit(w, l) * carried_gain(w, l + 1), power = root_s;
    plain_constants k = {REAL(mean), REAL(carry), own_of(w, l + 1) > 0, REAL(2 * layer->s), REAL(1.25 * root_s), {0}, false, l + 1 == w->p->count};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(half_angle); ++i, power /= root_s) k.angle[i] = REAL((double)half_angle[i] * power);
    k.bare = fabs(mean - 1) < 1e-14 && fabs(carry - 1) < 1e-14 && k.own > 0 && !k.last;
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
    vector y, two_ab, rest, u, h, carried;
} plain_half;

/* From S w, y, t and the sum of what is carried. */
static inline plain_half plain_roots(const plain_constants *k, vector w, vector two_ab, vector y, vector t, vector carried)
{
    return (plain_half){y, two_ab, two_ab - t, root(w), root(k->two_s - w), carried};
}

/* t = 2ab w lies in [0, 2ab], but beside a tiny norm it may be noise.  `worst`: the least of log2(t / min(g, 2ab)), about. */
static inline plain_half plain_begin(const plain_constants *k, plain_form form, const level *v, int64_t cell, int part, vector near, vector carried, whole *worst)
{
    int64_t at = cell * LANES + part * WIDTH;
    vector b = load(v->b + at), d = v->a[cell] - b, g = d * d, two_ab = v->twice[cell] * b, y = near, t;
    if (form != PLAIN_BARE) y *= k->mean;
    t = between_zero_and(y - g, two_ab);
    *worst = whole_smaller(*worst, (whole)t - whole_smaller((whole)g, (whole)two_ab));
    return plain_roots(k, t * (v->half_inverse[cell] * load(v->inverse + at)), two_ab, y, t, carried);
}

/* To the state after the activation. */
static inline void plain_end(const plain_constants *k, plain_form form, const plain_half *c, real *to_near, real *to_carried)
{
    vector angle = plain_angle(k, c->h), z = c->u * (c->two_ab * c->h - angle * c->rest), dot = 1 - c->u * angle;
    if (form == PLAIN_LAST) keep(to_near, REAL(0.5) * (c->rest + z));
    else keep(to_near, c->y - z);
    if (form == PLAIN_BARE) keep(to_carried, c->carried * dot + (c->rest + z));
    else if (form == PLAIN_LAST) keep(to_carried, (k->carry * c->carried) * dot);
    else keep(to_carried, (k->carry * c->carried) * dot + k->own * (c->rest + z));
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
        vector c0 = column_of_3(carried, stride), c1 = column_of_3(carried + LANES, stride), c2 = column_of_3(carried + 2 * LANES, stride);
        plain_half last = plain_begin(k, form, v, first, part, n0 + n1 + n2, c0 + c1 + c2, &worst), next;
        for (int64_t x = 1; x < width; ++x) {
            n0 = n1, n1 = n2, n2 = column_of_3(near + (x + 2) * LANES, stride);
            c0 = c1, c1 = c2, c2 = column_of_3(carried + (x + 2) * LANES, stride);
            next = plain_begin(k, form, v, first + x, part, n0 + n1 + n2, c0 + c1 + c2, &worst);
            plain_end(k, form, &last, to_near + (x - 1) * LANES, to_carried + (x - 1) * LANES);
            last = next;
        }
        plain_end(k, form, &last, to_near + (width - 1) * LANES, to_carried + (width - 1) * LANES);
    }
    return worst;
}

/* Any window, by sums along both axes in turn. */
static void sum_strided(const real *restrict in, int64_t taps, int64_t step, int64_t count, real *restrict out)
{
    for (int64_t j = 0; taps == 3 && j < count; ++j) out[j] = in[j] + in[step + j] + in[2 * step + j];
    if (taps == 3) return;
    memcpy(out, in, (size_t)count * sizeof *out);
    for (int64_t t = 1; t < taps; ++t)
        for (int64_t j = 0; j < count; ++j) out[j] += in[t * step + j];
}

static void sum_window(const walk *w, const ntk_plane_layer *l, const real *in, int64_t y, int64_t width, real *out)
{
    int64_t from = cell_at(w->p, read_at(l, 0, y, 0), read_at(l, 1, 0, 0)), wide = (width - 1) * l->stride[1] + 1;
    sum_strided(in + from * LANES, l->taps[0], l->dilation[0] * w->p->stride * LANES, (wide + (l->taps[1] - 1) * l->dilation[1]) * LANES, w->strip);
    sum_strided(w->strip, l->taps[1], l->dilation[1] * LANES, wide * LANES, out);
    for (int64_t x = 1; l->stride[1] > 1 && x < width; ++x) memcpy(out + x * LANES, out + x * l->stride[1] * LANES, LANES * sizeof *out);
}

static whole plain_row_any(const walk *w, int64_t l, const plain_constants *k, plain_form form, const level *v, int64_t y, int64_t width)
{
    whole worst = {0};
    sum_window(w, &w->p->layers[l], w->in.near, y, width, w->window[0]);
    sum_window(w, &w->p->layers[l], w->in.carried, y, width, w->window[1]);
    for (int64_t x = 0; x < width; ++x)
        for (int part = 0; part < LANES / WIDTH; ++part) {
            int64_t at = x * LANES + part * WIDTH;
            int64_t cell = cell_at(w->p, y, x), to = cell * LANES + part * WIDTH;
            plain_half c = plain_begin(k, form, v, cell, part, load(w->window[0] + at), load(w->window[1] + at), &worst);
            plain_end(k, form, &c, w->out.near + to, w->out.carried + to);
        }
    return worst;
}

/* In the row whose window sums of near are in w->window[0]. */
static bool plain_untrusted(const walk *w, const plain_constants *k, const level *v, int64_t cell, int64_t x)
{
    bool any = false;
    for (int part = 0; part < LANES / WIDTH; ++part) {
        vector b = load(v->b + cell * LANES + part * WIDTH), d = v->a[cell] - b, g = d * d;
        vector t = k->mean * load(w->window[0] + x * LANES + part * WIDTH) - g;
        any |= any_negative((t - smaller(g, v->twice[cell] * b) * REAL(1.0 / TRUSTED)) * (v->a[cell] * b));
    }
    return any;
}

/* The cells of a row that are not to be trusted, once more. */
static void plain_repair(const walk *w, int64_t l, const plain_constants *k, const level *before, const level *v, int64_t y, int64_t width)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    sum_window(w, layer, w->in.near, y, width, w->window[0]);
    for (int64_t x = 0; x < width; ++x) {
        int64_t cell = cell_at(w->p, y, x);
        if (!plain_untrusted(w, k, v, cell, x)) continue;
        w->out.exact[cell] = 1;
        for (int part = 0; part < LANES / WIDTH; ++part) {
            int64_t at = cell * LANES + part * WIDTH;
            vector two_ab = v->twice[cell] * load(v->b + at), omega = exact_distances(w, l, before, v, y, x, part).omega;
            vector u = root(omega), h = root(2 - omega);
            plain_half c = plain_roots(k, omega * (k->two_s / 2), two_ab, k->mean * load(w->window[0] + x * LANES + part * WIDTH), two_ab * omega,
                                       sum_of_taps(w, layer, w->in.carried, y, x, part));
            plain_end(k, k->last ? PLAIN_LAST : PLAIN_SCALED, &c, w->out.near + at, w->out.carried + at);
            keep(w->out.miss + at, REAL(0.5) * two_ab * (omega - k->two_s / 2 * u * (h - angle_over_root(h) * (1 - omega))));
        }
    }
}

static bool is_three(const ntk_plane_layer *l)
{
    bool dense = l->dilation[0] == 1 && l->dilation[1] == 1 && l->stride[0] == 1 && l->stride[1] == 1;
    return dense && l->taps[0] == 3 && l->taps[1] == 3;
}

static whole plain_row(const walk *w, int64_t l, const plain_constants *k, const level *v, int64_t y, int64_t width)
{
    if (!is_three(&w->p->layers[l])) return plain_row_any(w, l, k, k->last ? PLAIN_LAST : PLAIN_SCALED, v, y, width);
    if (k->last) return plain_row_3(w, l, k, PLAIN_LAST, v, y, width);
    return k->bare ? plain_row_3(w, l, k, PLAIN_BARE, v, y, width) : plain_row_3(w, l, k, PLAIN_SCALED, v, y, width);
}

/* log2 of 1/C², with a margin for what bits are not logarithms. */
#define WORST (-((int64_t)(NTK_LOG2_TRUSTED - 1) << MANTISSA))

static void plain_layer(const walk *w, int64_t l, const level *before, const level *v)
{
    plain_constants k = plain_constants_of(w, l);
    int64_t width = side_out(w, l, 1);
    for (int64_t y = 0; y < side_out(w, l, 0); ++y) {
        memset(w->out.exact + cell_at(w->p, y, 0), 0, (size_t)width);
        if (any_whole_below(plain_row(w, l, &k, v, y, width), WORST)) plain_repair(w, l, &k, before, v, y, width);
    }
}

/* ---- the long loop: correlations of either sign, biases -------------------------------------------------------- */

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
    vector w, x, y;
    bool trusted;
} correlation;

static inline correlation correlation_of(const walk *w, const constants *k, const level *v, int64_t cell, int64_t x, int part)
{
    int64_t at = cell * LANES + part * WIDTH, from = x * LANES + part * WIDTH;
    vector b = load(v->b + at), d = v->a[cell] - b, g = d * d, i = v->half_inverse[cell] * load(v->inverse + at);
    vector less = k->bias - k->bias_block[part], more = k->bias + k->bias_block[part];
    vector near = k->mean * load(w->window[0] + from) + less * less, far = k->mean * load(w->window[1] + from) + more * more;
    vector t = smaller(near, far) - g;
    return (correlation){smaller(larger(t * i, all(0)), all(1)), near, far, !any_negative((t - smaller(g, v->twice[cell] * b) * REAL(1.0 / TRUSTED)) * i)};
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
    if (out->exact[cell]) keep(out->miss + at, s * miss);
    if (out->exact[cell]) keep(out->both + at, s * opposite);
    keep(out->carried + at, k->gain2 * (v->to * v->from[part]) * dot * (k->share * load(w->window[2] + x * LANES + part * WIDTH) + k->own_1[part]) +
                                k->own * (s * (opposite - miss) * REAL(0.5)));
}

static void general_cell(const walk *w, int64_t l, const constants *k, const level *before, const level *v, int64_t y, int64_t x)
{
    int64_t cell = cell_at(w->p, y, x);
    correlation r[LANES / WIDTH];
    bool trusted = true;
    for (int part = 0; part < LANES / WIDTH; ++part) {
        r[part] = correlation_of(w, k, v, cell, x, part);
        trusted &= r[part].trusted;
    }
    w->out.exact[cell] = !trusted || w->p->biased; /* biases: units change by image, and what near - g can be trusted for with them */
    for (int part = 0; part < LANES / WIDTH; ++part) {
        if (!trusted) {
            distances d = exact_distances(w, l, before, v, y, x, part);
            r[part] = (correlation){smaller(d.omega, d.opposite), d.omega, d.opposite, true};
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

static void general_layer(const walk *w, int64_t l, const level *before, const level *v)
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

/* ---- all layers ------------------------------------------------------------------------------------------------ */

/* K and Theta summed over the plane: a row in vectors, rows in double. */
static void add_plane(const walk *w, const plane *last)
{
    int64_t height = side_out(w, w->p->count - 1, 0), width = side_out(w, w->p->count - 1, 1);
    for (int64_t y = 0; y < height; ++y)
        for (int part = 0; part < LANES / WIDTH; ++part) {
            vector k = all(0), theta = k;
            for (int64_t c = cell_at(w->p, y, 0); c < cell_at(w->p, y, width); ++c) {
                k += load(last->near + c * LANES + part * WIDTH);
                theta += load(last->carried + c * LANES + part * WIDTH);
            }
            for (int i = 0; i < WIDTH; ++i) {
                w->job->sums[part * WIDTH + i] += (double)k[i];
                w->job->sums[LANES + part * WIDTH + i] += (double)theta[i];
            }
        }
}

static plane plane_in(const ntk_planes *p, real **next, unsigned char *marks)
{
    plane s = {.exact = marks};
    real **arrays[] = {&s.near, &s.far, &s.carried, &s.miss, &s.both};
    for (int i = 0; i < 5; ++i) {
        *arrays[i] = *next;
        *next += p->padded * LANES;
    }
    return s;
}

static walk walk_of(const ntk_planes *p, const ntk_plane_job *job)
{
    walk w = {.p = p, .job = job};
    real *next = job->scratch;
    w.in = plane_in(p, &next, NULL);
    w.out = plane_in(p, &next, NULL);
    for (int i = 0; i < 3; ++i, next += p->stride * LANES) w.window[i] = next;
    w.strip = next;
    next += p->stride * LANES;
    w.in.exact = (unsigned char *)next;
    w.out.exact = w.in.exact + p->padded;
    return w;
}

void NTK_HOT_NAME(plane_run)(const ntk_planes *p, const ntk_plane_job *job);
void NTK_HOT_NAME(plane_run)(const ntk_planes *p, const ntk_plane_job *job)
{
    walk w = walk_of(p, job);
    level before = level_of(&w, 0);
    start(&w, &w.in);
    for (int64_t l = 0; l < p->count; ++l) {
        level v = level_of(&w, l + 1);
        plane in = w.in;
        if (p->layers[l].plain) plain_layer(&w, l, &before, &v);
        else general_layer(&w, l, &before, &v);
        if (l + 1 < p->count) fill_rim(&w, l + 1, &v, &w.out);
        w.in = w.out;
        w.out = in;
        before = v;
    }
    add_plane(&w, &w.in);
}

#else

#define PLANE_VARIANTS(type)                                                 \
    void ntk_plane_run_##type##_c(const ntk_planes *, const ntk_plane_job *);    \
    void ntk_plane_run_##type##_avx2(const ntk_planes *, const ntk_plane_job *); \
    void ntk_plane_run_##type##_avx512(const ntk_planes *, const ntk_plane_job *);
PLANE_VARIANTS(f64)
PLANE_VARIANTS(f32)

const ntk_plane_fn ntk_plane_run_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(plane_run, f64), [NTK_F32] = NTK_VARIANT_ROW(plane_run, f32)};

#endif
