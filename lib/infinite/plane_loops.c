/*
 * One plane of constant offset through all layers: one image (a) against a block of them (b), every lane a pair (planes.h).  Where it
 * begins, what windows read outside, one layer after the other (plane_plain.c, plane_general.c), and the sum at the end.
 */
#include "planes.h"

#include "hot.h"

#if defined(NTK_HOT)

#include "plane_walk.h"

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
    if (l < now->first + 2) return false;
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
/* near and far; what the first layer would sum follows from them. */
static void start_row(const walk *w, const plane *out, int64_t y, int64_t width)
{
    const int64_t channels = w->p->channels;
    const real share = REAL(1 / (double)channels);
    const bool signs = !w->p->layers[0].plain;
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
            if (signs) keep(out->far + to, far * share);
        }
    }
}

void NTK_HOT_NAME(plane_start)(const walk *w)
{
    for (int64_t y = 0; y < side_in(w, 0, 0); ++y) start_row(w, &w->in, y, side_in(w, 0, 1));
}

/* ---- all layers ------------------------------------------------------------------------------------------------ */

/* The weight of row or column c of the plane in the result. */
static double end_weight(const walk *w, int axis, int64_t c)
{
    int64_t n = w->p->layers[w->p->count - 1].out[axis], offset = w->job->offset[axis], row = c + NTK_MAX(0, -offset);
    return w->p->ends[axis] ? w->p->ends[axis][row * n + row + offset] : 1;
}

/* Cells of a row summed in vectors, with the weights of columns if there are any. */
static inline void sum_row(const walk *w, int64_t first, int64_t width, int part, bool weighted, vector *k, vector *theta)
{
    *k = *theta = all(0);
    for (int64_t x = 0; x < width; ++x) {
        vector near = load(w->in.near + (first + x) * LANES + part * WIDTH), carried = load(w->in.carried + (first + x) * LANES + part * WIDTH);
        real weight = weighted ? REAL(end_weight(w, 1, x)) : 1;
        if (weighted) near *= weight, carried *= weight;
        *k += near;
        *theta += carried;
    }
}

/* K and Theta summed over the plane: a row in vectors, rows in double. */
void NTK_HOT_NAME(plane_sum)(const walk *w)
{
    int64_t height = side_out(w, w->p->count - 1, 0), width = side_out(w, w->p->count - 1, 1);
    bool weighted = w->p->ends[1] != NULL;
    for (int64_t y = 0; y < height; ++y)
        for (int part = 0; part < LANES / WIDTH; ++part) {
            vector k, theta;
            double weight = end_weight(w, 0, y);
            if (weighted) sum_row(w, cell_at(w->p, y, 0), width, part, true, &k, &theta);
            else sum_row(w, cell_at(w->p, y, 0), width, part, false, &k, &theta);
            for (int i = 0; i < WIDTH; ++i) {
                w->job->sums[part * WIDTH + i] += weight * (double)k[i];
                w->job->sums[LANES + part * WIDTH + i] += weight * (double)theta[i];
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

walk NTK_HOT_NAME(plane_walk)(const ntk_planes *p, const ntk_plane_job *job)
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

/* The same in other units: u / U, v / V with near - g times their factors; only with biases, and seldom.  Lanes without a change keep their bits. */
static void change_units(const walk *w, int64_t l, const level *v)
{
    int64_t height = side_out(w, l, 0), width = side_out(w, l, 1);
    for (int part = 0; part < LANES / WIDTH; ++part) {
        vector factor = v->to * v->from[part], by = v->from[part] - 1, changed = by * by + (v->to - 1) * (v->to - 1);
        for (int64_t y = 0; y < height; ++y)
            for (int64_t cell = cell_at(w->p, y, 0); cell < cell_at(w->p, y, width); ++cell) {
                int64_t at = cell * LANES + part * WIDTH;
                vector a = all(v->a[cell]), b = load(v->b + at), g = apart((a - b) * (a - b)), d = v->to * a - v->from[part] * b;
                vector miss = larger(REAL(0.5) * (load(w->out.near + at) - g), all(0));
                if (w->out.exact[cell]) miss = load(w->out.miss + at);
                miss *= factor;
                keep(w->out.near + at, choose_less(all(0), changed, 2 * miss + d * d, load(w->out.near + at)));
                keep(w->out.miss + at, miss);
                keep(w->out.carried + at, factor * load(w->out.carried + at));
            }
    }
}

/* All cells have their miss now, whatever the other lanes did. */
static void mark_exact(const walk *w, int64_t l)
{
    for (int64_t y = 0; y < side_out(w, l, 0); ++y) memset(w->out.exact + cell_at(w->p, y, 0), 1, (size_t)side_out(w, l, 1));
}

static bool units_change(const walk *w, int64_t l)
{
    const double *row = w->job->row_units, *block = w->job->block_units;
    bool change = row[l] < row[l + 1] || row[l] > row[l + 1];
    for (int i = 0; i < LANES; ++i) change |= block[l * LANES + i] < block[(l + 1) * LANES + i] || block[l * LANES + i] > block[(l + 1) * LANES + i];
    return change && w->p->biased;
}

void NTK_HOT_NAME(plane_section)(walk *w, int64_t first, int64_t end)
{
    level before = level_of(w, first);
    if (first < end) fill_rim(w, first, &before, &w->in);
    for (int64_t l = first; l < end; ++l) {
        level v = level_of(w, l + 1);
        plane in = w->in;
        if (w->p->layers[l].plain) NTK_HOT_NAME(plane_plain)(w, l, &before, &v);
        else NTK_HOT_NAME(plane_general)(w, l, &before, &v);
        if (w->p->layers[l].plain && units_change(w, l)) {
            change_units(w, l, &v);
            mark_exact(w, l);
        }
        if (l + 1 < end) fill_rim(w, l + 1, &v, &w->out);
        w->in = w->out;
        w->out = in;
        before = v;
    }
}

void NTK_HOT_NAME(plane_run)(const ntk_planes *p, const ntk_plane_job *job);
void NTK_HOT_NAME(plane_run)(const ntk_planes *p, const ntk_plane_job *job)
{
    walk w = NTK_HOT_NAME(plane_walk)(p, job);
    NTK_HOT_NAME(plane_start)(&w);
    NTK_HOT_NAME(plane_section)(&w, 0, p->count);
    NTK_HOT_NAME(plane_sum)(&w);
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