/*
 * Chains with pools (planes.h): all planes of one image against a block.  The planes of a section come row by row of their offsets.  What a
 * plane adds to the pool's planes, it adds when it is done; as soon as all has come to a row of those, they are the next section's input:
 *
 *     at window outputs P, P' = P + j,   tap d of P and d' of P':   positions s P + d, s P' + d' lie in the plane of offset D = s j + d' - d.
 *
 * So a few rows of planes are under way between two sections, and nothing is computed twice.
 */
#include "planes.h"

#include "hot.h"

#if defined(NTK_HOT)

#include "plane_walk.h"

#include <float.h>

#define EPSILON (sizeof(real) == sizeof(float) ? REAL(FLT_EPSILON) : REAL(DBL_EPSILON))

typedef struct pools {
    walk w;
    real *rings; /* of all pools */
} pools;

/* ---- what is under way ------------------------------------------------------------------------------------------- */

typedef struct ring {
    const ntk_plane_section *section;
    const ntk_plane_layer *pool;
    int64_t reach[2];  /* of the next section */
    int64_t spread[2]; /* from offsets of its result to those of the pool's planes */
    real *sums;
    bool signs;        /* far is wanted */
} ring;

static ring ring_of(const pools *d, int64_t s)
{
    const ntk_planes *p = d->w.p;
    const ntk_plane_section *section = &p->section[s];
    ring r = {.section = section, .pool = &p->layers[section->end], .sums = d->rings};
    r.signs = !r.pool->plain;
    for (int64_t i = 0; i < s; ++i) r.sums += ntk_plane_ring_bytes(p, i) / (int64_t)sizeof(real);
    for (int a = 0; a < 2; ++a) {
        r.reach[a] = s < d->w.job->target ? ntk_plane_reach(p, d->w.job->target, s + 1, a) : 0;
        r.spread[a] = section->step[a] / r.pool->stride[a];
    }
    return r;
}

static int64_t cells_of(const ring *r)
{
    return r->pool->out[0] * r->pool->out[1];
}

/* near, far and carried of the plane of result offset (jy, jx) of the next section, one behind the other. */
static real *sums_at(const ring *r, int64_t jy, int64_t jx)
{
    int64_t row = (jy % r->section->rows + r->section->rows) % r->section->rows;
    return r->sums + (row * (2 * r->reach[1] + 1) + jx + r->reach[1]) * 3 * cells_of(r) * LANES;
}

static void clear_row(const ring *r, int64_t jy)
{
    memset(sums_at(r, jy, -r->reach[1]), 0, (size_t)((2 * r->reach[1] + 1) * 3 * cells_of(r) * LANES) * sizeof(real));
}

/* ---- sums over windows ------------------------------------------------------------------------------------------- */

/* Along one axis: input cell step C + shift goes to output cell C in [from, to). */
typedef struct span {
    int64_t shift, from, to;
} span;

static int64_t magnitude(int64_t x)
{
    return x < 0 ? -x : x;
}

/* For tap `tap` of the row's image, from the plane of offset `offset` to that of offset `to` = the pool's. */
static span span_of(const ntk_plane_layer *pool, int axis, int64_t offset, int64_t to, int64_t tap)
{
    int64_t step = pool->stride[axis], cells = pool->in[axis] - magnitude(offset);
    span s = {step * NTK_MAX(0, -to) + tap - pool->low[axis] - NTK_MAX(0, -offset), 0, 0};
    s.from = s.shift < 0 ? (-s.shift + step - 1) / step : 0;
    s.to = s.shift < cells ? NTK_MIN((cells - 1 - s.shift) / step + 1, pool->out[axis] - magnitude(to)) : 0;
    return s;
}

static void add_span(const walk *w, const ntk_plane_layer *pool, span y, span x, const real *in, real *sums)
{
    for (int64_t r = y.from; r < y.to; ++r) {
        const real *from = in + cell_at(w->p, pool->stride[0] * r + y.shift, x.shift) * LANES;
        real *to = sums + r * pool->out[1] * LANES;
        for (int64_t c = x.from; c < x.to; ++c)
            for (int part = 0; part < LANES; part += WIDTH)
                keep(to + c * LANES + part, load(to + c * LANES + part) + load(from + c * pool->stride[1] * LANES + part));
    }
}

static void add_to(const walk *w, const ring *r, int64_t jy, int64_t jx)
{
    const ntk_plane_layer *pool = r->pool;
    const int64_t *offset = w->job->offset;
    int64_t to[2] = {jy * r->spread[0], jx * r->spread[1]};
    int64_t ahead[2] = {offset[0] - pool->stride[0] * to[0], offset[1] - pool->stride[1] * to[1]}, size = cells_of(r) * LANES;
    real *sums = sums_at(r, jy, jx);
    for (int64_t i = NTK_MAX(0, -ahead[0]); i < NTK_MIN(pool->taps[0], pool->taps[0] - ahead[0]); ++i)
        for (int64_t j = NTK_MAX(0, -ahead[1]); j < NTK_MIN(pool->taps[1], pool->taps[1] - ahead[1]); ++j) {
            span y = span_of(pool, 0, offset[0], to[0], i), x = span_of(pool, 1, offset[1], to[1], j);
            add_span(w, pool, y, x, w->in.near, sums);
            if (r->signs) add_span(w, pool, y, x, w->in.far, sums + size);
            add_span(w, pool, y, x, w->in.carried, sums + 2 * size);
        }
}

static int64_t floor_of(int64_t a, int64_t b)
{
    return a < 0 ? -((b - 1 - a) / b) : a / b;
}

/* The offsets of the next section that a plane adds to. */
typedef struct range {
    int64_t first, last;
} range;

static range range_of(const ring *r, int axis, int64_t offset)
{
    int64_t step = r->section->step[axis], wide = r->pool->taps[axis] - 1;
    return (range){NTK_MAX(-r->reach[axis], floor_of(offset - wide + step - 1, step)), NTK_MIN(r->reach[axis], floor_of(offset + wide, step))};
}

/* near and far of the plane at hand to miss and both, in their place; beside a zero patch both are 0, not what rounding left. */
static void straighten(const walk *w, int64_t l, bool signs)
{
    level v = level_of(w, l);
    for (int64_t y = 0; y < side_in(w, l, 0); ++y)
        for (int64_t cell = cell_at(w->p, y, 0); cell < cell_at(w->p, y, side_in(w, l, 1)); ++cell)
            for (int part = 0; part < LANES; part += WIDTH) {
                int64_t at = cell * LANES + part;
                vector a = all(v.to * v.a[cell]), b = v.from[part / WIDTH] * load(v.b + at), e = a - b, g = apart(e * e), most = 2 * a * b;
                vector miss = between_zero_and(REAL(0.5) * (load(w->in.near + at) - g), most);
                if (w->in.exact[cell]) miss = load(w->in.miss + at);
                keep(w->in.near + at, miss);
                if (!signs) continue;
                miss = between_zero_and(REAL(0.5) * (load(w->in.far + at) - g), most);
                if (w->in.exact[cell]) miss = load(w->in.both + at);
                keep(w->in.far + at, miss);
            }
}

static void add_plane(const pools *d, int64_t s)
{
    ring r = ring_of(d, s);
    straighten(&d->w, r.section->end, r.signs);
    range y = range_of(&r, 0, d->w.job->offset[0]), x = range_of(&r, 1, d->w.job->offset[1]);
    for (int64_t jy = y.first; jy <= y.last; ++jy)
        for (int64_t jx = x.first; jx <= x.last; ++jx) add_to(&d->w, &r, jy, jx);
}

/* ---- from the sums to the next section --------------------------------------------------------------------------- */

/* What a cell's sums are taken to near, far and carried with: c and c'. */
typedef struct cell_weights {
    real row, block;
} cell_weights;

static cell_weights weights_at(const ring *r, const int64_t to[2], int64_t y, int64_t x)
{
    int64_t row = (y + NTK_MAX(0, -to[0])) * r->pool->out[1] + x + NTK_MAX(0, -to[1]), block = row + to[0] * r->pool->out[1] + to[1];
    return (cell_weights){REAL(r->pool->tap[row]), REAL(r->pool->tap[block])};
}

/* A of a norm and V, in units of c; V = 0 gives the norm. */
static inline vector straight(vector norm, vector own)
{
    return root(norm * norm + own);
}

/*
 * miss is a difference: noise eps (c c' M + c² V/2 + c'² V'/2), which moves the angle t = sqrt(2 miss/s) by noise/(s t), and Theta' by about as much of
 * what is carried.  Where norms are equal and the difference is exactly 0, the windows are equal.
 */
static inline void doubt_cell(real *doubt, vector noise, vector s, vector difference, vector apart_norms, vector carried)
{
    vector size = larger(difference, -difference), tiny = all(sizeof(real) == sizeof(float) ? REAL(FLT_MIN) : REAL(DBL_MIN));
    vector share = noise / root(larger(2 * s * larger(size, noise), tiny)), all_of = larger(carried, -carried);
    share = choose_less(all(0), smaller(s, larger(size, apart_norms)), share, all(0));
    keep(doubt, load(doubt) + share * all_of);
    keep(doubt + LANES, load(doubt + LANES) + all_of);
}

/* All in units of c and c' of equal weights; else A, V with theirs. */
static inline void load_cell(const walk *w, const ring *r, const level *v, const cell_weights *k, int64_t cell, int part, const real *sums, real *doubt)
{
    int64_t at = cell * LANES + part, size = cells_of(r) * LANES;
    real both = k->row * k->block, ratio = k->row / k->block, other = k->block / k->row;
    vector a = all(v->a[cell]), b = load(v->b + at), own = all(v->twice[cell]), own_block = load(v->inverse + at), g = (a - b) * (a - b);
    vector less = ratio * own, less_block = other * own_block, square = k->row * k->row * own, square_block = k->block * k->block * own_block;
    vector c = straight(a, square), d = straight(b, square_block), tiny = all(sizeof(real) == sizeof(float) ? REAL(FLT_MIN) : REAL(DBL_MIN));
    vector bend = (square / larger(c + a, tiny) - square_block / larger(d + b, tiny)) * ((c + a) - (d + b));
    vector sum = load(sums), difference = both * ((sum - REAL(0.5) * less) - REAL(0.5) * less_block) + REAL(0.5) * bend, miss = larger(difference, all(0));
    vector carried = both * load(sums + 2 * size), noise = EPSILON * (both * sum + REAL(0.5) * (square + square_block));
    keep(w->in.near + at, g + 2 * miss);
    keep(w->in.miss + at, miss);
    keep(w->in.carried + at, carried);
    if (doubt) doubt_cell(doubt + part, noise, a * b, difference, larger(a - b, b - a), carried);
    if (!r->signs) return;
    sum = load(sums + size);
    difference = both * ((sum - REAL(0.5) * less) - REAL(0.5) * less_block) + REAL(0.5) * bend;
    miss = larger(difference, all(0));
    noise = EPSILON * (both * sum + REAL(0.5) * (square + square_block));
    if (doubt) doubt_cell(doubt + part, noise, a * b, difference, larger(a - b, b - a), carried);
    keep(w->in.far + at, g + 2 * miss);
    keep(w->in.both + at, miss);
}

static void load_plane(const walk *w, const ring *r, int64_t first, int64_t jy, int64_t jx, real *doubt)
{
    int64_t to[2] = {jy * r->spread[0], jx * r->spread[1]}, width = r->pool->out[1];
    const real *sums = sums_at(r, jy, jx);
    level v = level_of(w, first);
    for (int64_t y = 0; y < r->pool->out[0] - magnitude(to[0]); ++y)
        for (int64_t x = 0; x < width - magnitude(to[1]); ++x) {
            cell_weights k = weights_at(r, to, y, x);
            w->in.exact[cell_at(w->p, y, x)] = 1;
            for (int part = 0; part < LANES; part += WIDTH) load_cell(w, r, &v, &k, cell_at(w->p, y, x), part, sums + (y * width + x) * LANES + part, doubt);
        }
}

/* ---- all planes -------------------------------------------------------------------------------------------------- */

static bool is_result(const pools *d, int64_t s)
{
    return s + 1 == d->w.p->sections;
}

static void run_plane(pools *d, ntk_plane_job *job, int64_t s, int64_t dy, int64_t dx)
{
    const ntk_plane_section *section = &d->w.p->section[s];
    job->offset[0] = dy;
    job->offset[1] = dx;
    d->w.job = job;
    if (s == 0) NTK_HOT_NAME(plane_start)(&d->w);
    else {
        ring r = ring_of(d, s - 1);
        load_plane(&d->w, &r, section->first, dy, dx, job->doubt ? (real *)job->doubt + 2 * s * LANES : NULL);
    }
    NTK_HOT_NAME(plane_section)(&d->w, section->first, section->end);
    if (is_result(d, s)) NTK_HOT_NAME(plane_sum)(&d->w);
    else add_plane(d, s);
}

/* Does anything want the planes at this offset? */
static bool wanted(const pools *d, int64_t s, int axis, int64_t offset)
{
    ring r;
    range x;
    if (is_result(d, s)) return true;
    r = ring_of(d, s);
    x = range_of(&r, axis, offset);
    return x.first <= x.last;
}

static void run_row(pools *d, ntk_plane_job *job, int64_t s, int64_t dy)
{
    int64_t reach = ntk_plane_reach(d->w.p, job->target, s, 1);
    for (int64_t dx = -reach; dx <= reach; ++dx)
        if (wanted(d, s, 1, dx)) run_plane(d, job, s, dy, dx);
}

/* Rows of the next section that begin with the row of offset dy. */
static void begin_rows(const pools *d, int64_t s, int64_t dy, int64_t reach)
{
    ring r = ring_of(d, s);
    range y = range_of(&r, 0, dy);
    for (int64_t jy = y.first; jy <= y.last; ++jy)
        if (dy == NTK_MAX(-reach, r.section->step[0] * jy - (r.pool->taps[0] - 1))) clear_row(&r, jy);
}

static void put_spread(const ring *r, real *spread)
{
    const real *sums = sums_at(r, 0, 0);
    for (int64_t c = 0; c < cells_of(r); ++c) spread[c] = sums[c * LANES];
}

static void after_row(pools *d, ntk_plane_job *job, int64_t s, int64_t dy);

static void next_row(pools *d, ntk_plane_job *job, int64_t s, int64_t dy)
{
    int64_t reach = ntk_plane_reach(d->w.p, job->target, s, 0);
    if (!is_result(d, s)) begin_rows(d, s, dy, reach);
    run_row(d, job, s, dy);
    if (!is_result(d, s)) after_row(d, job, s, dy);
}

/* Rows of the next section to which all has come. */
static void after_row(pools *d, ntk_plane_job *job, int64_t s, int64_t dy)
{
    ring r = ring_of(d, s);
    range y = range_of(&r, 0, dy);
    int64_t reach = ntk_plane_reach(d->w.p, job->target, s, 0);
    for (int64_t jy = y.first; jy <= y.last; ++jy) {
        if (dy != NTK_MIN(reach, r.section->step[0] * jy + r.pool->taps[0] - 1)) continue;
        if (s == job->target) put_spread(&r, job->spread);
        else if (wanted(d, s + 1, 0, jy)) next_row(d, job, s + 1, jy);
    }
}

void NTK_HOT_NAME(plane_pool)(const ntk_planes *p, const ntk_plane_job *job);
void NTK_HOT_NAME(plane_pool)(const ntk_planes *p, const ntk_plane_job *job)
{
    ntk_plane_job own = *job;
    pools d = {.w = NTK_HOT_NAME(plane_walk)(p, &own)};
    int64_t reach = ntk_plane_reach(p, job->target, 0, 0);
    d.rings = job->rings;
    for (int64_t dy = -reach; dy <= reach; ++dy)
        if (wanted(&d, 0, 0, dy)) next_row(&d, &own, 0, dy);
}

#else

#define POOL_VARIANTS(type)                                                       \
    void ntk_plane_pool_##type##_c(const ntk_planes *, const ntk_plane_job *);    \
    void ntk_plane_pool_##type##_avx2(const ntk_planes *, const ntk_plane_job *); \
    void ntk_plane_pool_##type##_avx512(const ntk_planes *, const ntk_plane_job *);
POOL_VARIANTS(f64)
POOL_VARIANTS(f32)

const ntk_plane_fn ntk_plane_pool_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(plane_pool, f64), [NTK_F32] = NTK_VARIANT_ROW(plane_pool, f32)};

#endif
