/*
 * One pair of images through a chain with pools in twice the precision: the textbook recursion, K and Theta of all pairs of positions, plane by plane.
 * A distance behind a pool is a difference of sums of the pool's inputs, so of a small one half of the digits go; of 32 digits 16 stay, whatever it is
 * that makes windows nearly parallel.  Some ten times slower than the loops, and for the pairs that need it (plane_pool.c says which).
 *
 * Theta cancels nowhere: it is in one precision.  With angle = asin K/(alpha beta) in [-pi/2, pi/2], rest = sqrt(alpha² beta² - K²), c and s of relu.c,
 *
 *     K' = kappa ((1 + c)/2 K + s (rest + K angle)),     Theta' = kappa ((1 + c)/2 + s angle) Theta
 *
 * and the angle is i/64 + asin z, z = sin(angle - i/64) from the rotation by i/64, i/64 being within 0.008.  What is rounded to one precision, weights and
 * variances of layers, is the same in all pairs: the kernel of another network, whose digits differ by 1e-16, and no norm more than covariances.
 */
#include "planes.h"

#include "hot.h"

#if defined(NTK_HOT) && !defined(NTK_HOT_F32)

#include "twice.h"

#include <stdlib.h>
#include <string.h>

enum { LAST = 102, ROTATIONS = 2 * LAST + 1 }; /* of the table: LAST/64 > pi/2 */

typedef struct plane {
    double *hi, *lo, *theta;
} plane;

typedef struct walk {
    const ntk_planes *p;
    const ntk_plane_twice_job *job;
    int a, b;                        /* the pair's images, of the job's two */
    int64_t offset[2];               /* at the end of a section */
    double *lengths[2], *table;      /* alpha of all layers, hi and lo of a layer behind each other; cos and sin of i/64 */
    double *fields;                  /* of every pool's output, K and Theta of all pairs of positions */
    plane in, out, strip;
} walk;

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static int64_t cells_out(const ntk_plane_layer *l)
{
    return l->out[0] * l->out[1];
}

static plane plane_at(double **next, int64_t n)
{
    plane s = {*next, *next + n, *next + 2 * n};
    *next += 3 * n;
    return s;
}

static plane field_of(const walk *w, int64_t s)
{
    double *at = w->fields;
    for (int64_t i = 0; i < s; ++i) at += 3 * cells_out(&w->p->layers[w->p->section[i].end]) * cells_out(&w->p->layers[w->p->section[i].end]);
    return plane_at(&at, cells_out(&w->p->layers[w->p->section[s].end]) * cells_out(&w->p->layers[w->p->section[s].end]));
}

/* Of an image, alpha before the activation of layer l. */
static double *lengths_at(const walk *w, int image, int64_t l)
{
    double *at = w->lengths[image];
    for (int64_t i = 0; i < l; ++i) at += 2 * cells_out(&w->p->layers[i]);
    return at;
}

static walk open(const ntk_planes *p, const ntk_plane_twice_job *job)
{
    walk w = {.p = p, .job = job};
    double *next = job->memory;
    int64_t layers = 0;
    for (int64_t l = 0; l < p->count; ++l) layers += 2 * cells_out(&p->layers[l]);
    for (int i = 0; i < 2; ++i, next += layers) w.lengths[i] = next;
    w.table = next;
    next += 4 * ROTATIONS;
    w.in = plane_at(&next, p->padded);
    w.out = plane_at(&next, p->padded);
    w.strip = plane_at(&next, p->padded);
    w.fields = next;
    return w;
}

/* ---- the angle --------------------------------------------------------------------------------------------------- */

/* cos and sin of 1/64, by their series, and of all multiples by turning. */
static void fill_table(double *table)
{
    twice c = {1, 0}, s = {1.0 / 64, 0}, term = {1, 0}, cos_1 = {1, 0}, sin_1 = {0, 0};
    for (int n = 1; n < 16; ++n) {
        term = twice_scaled(term, 1.0 / 64);
        term = twice_over(term, (twice){n, 0}, 1.0 / n);
        if (n % 2) sin_1 = twice_add(sin_1, n % 4 == 1 ? term : (twice){-term.hi, -term.lo});
        else cos_1 = twice_add(cos_1, n % 4 == 0 ? term : (twice){-term.hi, -term.lo});
    }
    s = (twice){0, 0};
    for (int i = 0; i <= LAST; ++i) {
        twice turned = twice_less(twice_times(c, cos_1), twice_times(s, sin_1));
        memcpy(table + 4 * (LAST + i), (double[]){c.hi, c.lo, s.hi, s.lo}, 4 * sizeof *table);
        memcpy(table + 4 * (LAST - i), (double[]){c.hi, c.lo, -s.hi, -s.lo}, 4 * sizeof *table);
        s = twice_add(twice_times(s, cos_1), twice_times(c, sin_1));
        c = turned;
    }
}

/* The angle of (x, y) from the first axis, x >= 0, to 1e-4: which rotation comes next to it. */
static inline double roughly(double x, double y)
{
    double high = ntk_abs(y), low = NTK_MIN(x, high), z = low / NTK_MAX(NTK_MAX(x, high), 1e-300), q = z * z;
    double t = z * (0.9998660 + q * (-0.3302995 + q * (0.1801410 + q * (-0.0851330 + q * 0.0208351))));
    t = high > x ? M_PI_2 - t : t;
    return y < 0 ? -t : t;
}

/* asin z, |z| < 0.01: 1/6 and 3/40 in twice the precision. */
static inline twice small_arc(twice z)
{
    const twice third = {1.0 / 6, 9.25185853854297e-18}, fifth = {0.075, 2.7755575615628915e-18};
    twice q = twice_times(z, z);
    double tail = q.hi * (5.0 / 112 + q.hi * (35.0 / 1152 + q.hi * (63.0 / 2816 + q.hi * (231.0 / 13312))));
    twice sum = twice_add(fifth, (twice){tail, 0});
    sum = twice_add(third, twice_times(q, sum));
    return twice_add(z, twice_times(z, twice_times(q, sum)));
}

/* asin k/size, where rest² + k² = size²; pi/2 for a size of 0. */
static inline twice angle_of(const double *table, twice k, twice rest, twice size)
{
    double inverse = size.hi > 0 ? 1 / size.hi : 0;
    int i = (int)(64 * roughly(rest.hi, k.hi) + (LAST + 0.5));
    const double *turn = table + 4 * i;
    twice c = {turn[0], turn[1]}, s = {turn[2], turn[3]};
    twice arc = small_arc(twice_over(twice_less(twice_times(k, c), twice_times(rest, s)), size, inverse));
    twice sum = twice_add((twice){(i - LAST) / 64.0, 0}, arc);
    return size.hi > 0 ? sum : (twice){M_PI_2, 0};
}

typedef struct curve {
    double straight, bent;
} curve;

/* `a`, `b`: alpha and beta, their rests n numbers behind; the plane's row at `at`. */
static void activate_row(const double *restrict table, curve c, const plane *p, int64_t at, int64_t count, const double *a, const double *b, int64_t n)
{
    double *restrict hi = p->hi + at, *restrict lo = p->lo + at, *restrict theta = p->theta + at;
    NTK_INDEPENDENT for (int64_t x = 0; x < count; ++x)
    {
        twice k = {hi[x], lo[x]}, size = twice_times((twice){a[x], a[n + x]}, (twice){b[x], b[n + x]});
        twice rest = twice_root(twice_times(twice_less(size, k), twice_add(size, k))), angle = angle_of(table, k, rest, size);
        twice to = twice_add(twice_scaled(k, c.straight), twice_scaled(twice_add(rest, twice_times(k, angle)), c.bent));
        hi[x] = to.hi;
        lo[x] = to.lo;
        theta[x] *= c.straight + c.bent * angle.hi;
    }
}

/* ---- one plane: geometry as in plane_walk.h ---------------------------------------------------------------------- */

static int64_t offset_at(const walk *w, int64_t l, int axis)
{
    return w->offset[axis] * (l < w->p->count ? w->p->layers[l].spread[axis] : 1);
}

static int64_t side_at(const walk *w, int64_t l, int64_t extent, int axis)
{
    int64_t offset = offset_at(w, l, axis);
    return extent - (offset < 0 ? -offset : offset);
}

/* Where row y of the plane before layer l (behind the last for l = count) begins, in either image of `width` columns. */
typedef struct places {
    int64_t a, b;
} places;

static places places_at(const walk *w, int64_t l, int64_t width, int64_t y)
{
    int64_t dy = offset_at(w, l, 0), dx = offset_at(w, l, 1);
    return (places){(y + NTK_MAX(0, -dy)) * width + NTK_MAX(0, -dx), (y + NTK_MAX(0, dy)) * width + NTK_MAX(0, dx)};
}

static void put(const plane *p, int64_t at, twice k, double theta)
{
    p->hi[at] = k.hi;
    p->lo[at] = k.lo;
    p->theta[at] = theta;
}

static void load_pixels(const walk *w)
{
    const ntk_plane_layer *first = &w->p->layers[0];
    int64_t height = side_at(w, 0, first->in[0], 0), width = side_at(w, 0, first->in[1], 1), channels = w->p->channels;
    for (int64_t y = 0; y < height; ++y) {
        places at = places_at(w, 0, first->in[1], y);
        const double *a = w->job->x[w->a] + at.a * channels, *b = w->job->x[w->b] + at.b * channels;
        for (int64_t x = 0; x < width; ++x) {
            twice k = {0, 0};
            for (int64_t c = 0; c < channels; ++c) k = twice_add(k, exact_product(a[x * channels + c], b[x * channels + c]));
            put(&w->in, y * width + x, twice_scaled(k, 1 / (double)channels), 0);
        }
    }
}

/* From the sums of the pool before layer l, times its weights there. */
static void load_field(const walk *w, int64_t s, int64_t l)
{
    const ntk_plane_layer *pool = &w->p->layers[l - 1];
    plane field = field_of(w, s - 1);
    int64_t height = side_at(w, l, pool->out[0], 0), width = side_at(w, l, pool->out[1], 1), n = cells_out(pool);
    for (int64_t y = 0; y < height; ++y) {
        places at = places_at(w, l, pool->out[1], y);
        for (int64_t x = 0; x < width; ++x) {
            double c = pool->tap[at.a + x], d = pool->tap[at.b + x];
            int64_t from = (at.a + x) * n + at.b + x;
            put(&w->in, y * width + x, twice_scaled(twice_scaled((twice){field.hi[from], field.lo[from]}, c), d), c * d * field.theta[from]);
        }
    }
}

/* Numbers from + step j, j in [0, count), added to those of `to`. */
static void add_numbers(const plane *from, int64_t at, int64_t step, int64_t count, const plane *to, int64_t first)
{
    const double *hi = from->hi + at, *lo = from->lo + at, *theta = from->theta + at;
    double *restrict to_hi = to->hi + first, *restrict to_lo = to->lo + first, *restrict to_theta = to->theta + first;
    NTK_INDEPENDENT for (int64_t j = 0; j < count; ++j)
    {
        twice sum = twice_add((twice){to_hi[j], to_lo[j]}, (twice){hi[j * step], lo[j * step]});
        to_hi[j] = sum.hi;
        to_lo[j] = sum.lo;
        to_theta[j] += theta[j * step];
    }
}

static void clear(const plane *p, int64_t at, int64_t count)
{
    memset(p->hi + at, 0, (size_t)count * sizeof *p->hi);
    memset(p->lo + at, 0, (size_t)count * sizeof *p->lo);
    memset(p->theta + at, 0, (size_t)count * sizeof *p->theta);
}

/* Sums over windows of row y, of the plane w->in of `height` x `width`, to w->out; axis by axis. */
static void sum_row(const walk *w, const ntk_plane_layer *l, int64_t y, int64_t height, int64_t width, int64_t to, int64_t count)
{
    clear(&w->strip, 0, width);
    clear(&w->out, to, count);
    for (int64_t i = 0; i < l->taps[0]; ++i) {
        int64_t from = y * l->stride[0] + i * l->dilation[0] - l->low[0];
        if (from >= 0 && from < height) add_numbers(&w->in, from * width, 1, width, &w->strip, 0);
    }
    for (int64_t j = 0; j < l->taps[1]; ++j) {
        int64_t step = l->stride[1], shift = j * l->dilation[1] - l->low[1], first = shift < 0 ? (-shift + step - 1) / step : 0;
        int64_t end = shift < width ? NTK_MIN((width - 1 - shift) / step + 1, count) : 0;
        if (first < end) add_numbers(&w->strip, first * step + shift, step, end - first, &w->out, to + first);
    }
}

/* K' = g² K + s², Theta' = g² Theta + own A K + B, of means over windows. */
static void weigh_row(const walk *w, const ntk_plane_layer *l, int64_t at, int64_t count)
{
    const double *k = l->affine->k, units = w->job->unit[w->a] * w->job->unit[w->b];
    bool mine = w->job->only < 0 || w->job->only == l->affine->step->parametric;
    double gain = k[NTK_AFFINE_GAIN2] * l->share, own = mine ? k[NTK_AFFINE_OWN_K] * l->share : 0, one = mine ? k[NTK_AFFINE_OWN_1] / units : 0;
    twice bias = {k[NTK_AFFINE_BIAS] * k[NTK_AFFINE_BIAS] / units, 0};
    for (int64_t i = at; i < at + count; ++i) {
        twice sum = {w->out.hi[i], w->out.lo[i]};
        put(&w->out, i, twice_add(twice_scaled(sum, gain), bias), gain * w->out.theta[i] + own * sum.hi + one);
    }
}

/* Of an image with itself, at equal positions. */
static void keep_lengths(const walk *w, int64_t l)
{
    double *to = lengths_at(w, w->a, l);
    int64_t n = cells_out(&w->p->layers[l]);
    for (int64_t i = 0; i < n; ++i) {
        twice alpha = twice_root((twice){w->out.hi[i], w->out.lo[i]});
        to[i] = alpha.hi;
        to[n + i] = alpha.lo;
    }
}

static void run_layer(walk *w, int64_t l)
{
    const ntk_plane_layer *layer = &w->p->layers[l];
    int64_t height = side_at(w, l, layer->in[0], 0), width = side_at(w, l, layer->in[1], 1), n = cells_out(layer);
    int64_t rows = side_at(w, l + 1, layer->out[0], 0), count = side_at(w, l + 1, layer->out[1], 1);
    curve c = {layer->kappa * (1 + layer->c) / 2, layer->kappa * layer->s};
    plane in = w->in;
    for (int64_t y = 0; y < rows; ++y) {
        sum_row(w, layer, y, height, width, y * count, count);
        weigh_row(w, layer, y * count, count);
    }
    if (w->a == w->b && w->offset[0] == 0 && w->offset[1] == 0) keep_lengths(w, l);
    for (int64_t y = 0; y < rows; ++y) {
        places at = places_at(w, l + 1, layer->out[1], y);
        activate_row(w->table, c, &w->out, y * count, count, lengths_at(w, w->a, l) + at.a, lengths_at(w, w->b, l) + at.b, n);
    }
    w->in = w->out;
    w->out = in;
}

/* ---- where planes go --------------------------------------------------------------------------------------------- */

/* Outputs of a pool whose windows hold position p: [first, end). */
typedef struct outputs {
    int64_t first, end;
} outputs;

static outputs outputs_of(const ntk_plane_layer *pool, int axis, int64_t p)
{
    int64_t step = pool->stride[axis], high = p + pool->low[axis], low = high - pool->taps[axis] + 1;
    return (outputs){low > 0 ? (low + step - 1) / step : 0, NTK_MIN(high / step + 1, pool->out[axis])};
}

static void add_cell(const ntk_plane_layer *pool, const plane *in, int64_t at, const int64_t a[2], const int64_t b[2], const plane *field)
{
    outputs ay = outputs_of(pool, 0, a[0]), ax = outputs_of(pool, 1, a[1]), by = outputs_of(pool, 0, b[0]), bx = outputs_of(pool, 1, b[1]);
    int64_t width = pool->out[1], n = cells_out(pool);
    for (int64_t i = ay.first; i < ay.end; ++i)
        for (int64_t j = ax.first; j < ax.end; ++j)
            for (int64_t k = by.first; k < by.end; ++k)
                if (bx.first < bx.end) {
                    int64_t to = (i * width + j) * n + k * width;
                    for (int64_t m = bx.first; m < bx.end; ++m) add_numbers(in, at, 1, 1, field, to + m);
                }
}

static void add_plane(const walk *w, int64_t s)
{
    const ntk_plane_layer *pool = &w->p->layers[w->p->section[s].end];
    plane field = field_of(w, s);
    int64_t height = pool->in[0] - llabs(w->offset[0]), width = pool->in[1] - llabs(w->offset[1]);
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) {
            int64_t a[2] = {y + NTK_MAX(0, -w->offset[0]), x + NTK_MAX(0, -w->offset[1])}, b[2] = {a[0] + w->offset[0], a[1] + w->offset[1]};
            add_cell(pool, &w->in, y * width + x, a, b, &field);
        }
}

static double end_weight(const walk *w, int axis, int64_t c)
{
    int64_t n = w->p->layers[w->p->count - 1].out[axis], row = c + NTK_MAX(0, -w->offset[axis]);
    return w->p->ends[axis] ? w->p->ends[axis][row * n + row + w->offset[axis]] : 1;
}

static void sum_plane(const walk *w)
{
    const ntk_plane_layer *last = &w->p->layers[w->p->count - 1];
    int64_t height = last->out[0] - llabs(w->offset[0]), width = last->out[1] - llabs(w->offset[1]);
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) {
            double weight = end_weight(w, 0, y) * end_weight(w, 1, x);
            w->job->sums[0] += weight * w->in.hi[y * width + x];
            w->job->sums[1] += weight * w->in.theta[y * width + x];
        }
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void run_plane(walk *w, int64_t s, int64_t dy, int64_t dx)
{
    const ntk_plane_section *section = &w->p->section[s];
    w->offset[0] = dy;
    w->offset[1] = dx;
    if (s == 0) load_pixels(w);
    else load_field(w, s, section->first);
    for (int64_t l = section->first; l < section->end; ++l) run_layer(w, l);
    if (s + 1 < w->p->sections) add_plane(w, s);
    else if (w->a != w->b) sum_plane(w);
}

/* Offsets of a section: of two images what the result needs, of one with itself what lengths behind pools need. */
static int64_t reach_of(const walk *w, int64_t s, int axis)
{
    int64_t last = w->p->sections - 1;
    if (w->a != w->b) return ntk_plane_reach(w->p, last, s, axis);
    return s < last ? ntk_plane_reach(w->p, last - 1, s, axis) : 0;
}

static void run_section(walk *w, int64_t s)
{
    int64_t reach[2] = {reach_of(w, s, 0), reach_of(w, s, 1)};
    bool self = w->a == w->b;
    if (self) run_plane(w, s, 0, 0); /* lengths, for all others */
    for (int64_t dy = -reach[0]; dy <= reach[0]; ++dy)
        for (int64_t dx = -reach[1]; dx <= reach[1]; ++dx)
            if (!self || dy != 0 || dx != 0) run_plane(w, s, dy, dx);
}

static void run_pair(walk *w, int a, int b)
{
    w->a = a;
    w->b = b;
    for (int64_t s = 0; s + 1 < w->p->sections; ++s) {
        plane field = field_of(w, s);
        clear(&field, 0, cells_out(&w->p->layers[w->p->section[s].end]) * cells_out(&w->p->layers[w->p->section[s].end]));
    }
    for (int64_t s = 0; s < w->p->sections; ++s) run_section(w, s);
}

void NTK_HOT_NAME(plane_twice)(const ntk_planes *p, const ntk_plane_twice_job *job);
void NTK_HOT_NAME(plane_twice)(const ntk_planes *p, const ntk_plane_twice_job *job)
{
    walk w = open(p, job);
    fill_table(w.table);
    job->sums[0] = job->sums[1] = 0;
    run_pair(&w, 0, 0);
    run_pair(&w, 1, 1);
    run_pair(&w, 0, 1);
}

#elif !defined(NTK_HOT)

#define TWICE_VARIANT(cpu) void ntk_plane_twice_f64_##cpu(const ntk_planes *, const ntk_plane_twice_job *);
TWICE_VARIANT(c)
TWICE_VARIANT(avx2)
TWICE_VARIANT(avx512)

const ntk_plane_twice_fn ntk_plane_twice_variants[NTK_CPU_COUNT] = NTK_VARIANT_ROW(plane_twice, f64);

/* As open() lays it out. */
int64_t ntk_plane_twice_numbers(const ntk_planes *p)
{
    int64_t numbers = 4 * 205 + 9 * p->padded;
    for (int64_t l = 0; l < p->count; ++l) {
        int64_t n = p->layers[l].out[0] * p->layers[l].out[1];
        numbers += 4 * n + (p->layers[l].affine ? 0 : 3 * n * n);
    }
    return numbers;
}

#endif
