/*
 * What is per image, and done once: alpha = sqrt E[u²] at every position before every activation,
 *
 *     alpha'² = g² (1/taps) sum kappa alpha² + s²,
 *
 * in double, in units: the input's is a power of two, so that nothing overflows and scaling is exact; with biases those of the
 * layers too, and they change only where the image's norms have gone far; else they are the same for all images (planes.c), and distances
 * need no more than one factor a layer.
 */
#include "planes.h"

static double power_of_two(double x)
{
    int e;
    if (!(x > 0)) return 1;
    (void)frexp(x, &e);
    return ldexp(1, NTK_MIN(NTK_MAX(e, -1000), 1000));
}

static double largest(const double *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; ++i) most = NTK_MAX(most, x[i]);
    return most;
}

static void input_norms(const ntk_planes *p, const double *x, double *norms, double *unit)
{
    int64_t n = p->layers[0].in[0] * p->layers[0].in[1];
    for (int64_t i = 0; i < n; ++i) {
        double inverse;
        ntk_lengths(NTK_F64, 1, p->channels, x + i * p->channels, &norms[i], &inverse);
    }
    *unit = power_of_two(largest(norms, n));
    for (int64_t i = 0; i < n; ++i) norms[i] = norms[i] / *unit / sqrt((double)p->channels);
}

/* Sums of squares over windows, along one axis: of `across` lines of in numbers, `step` from number to number and `next` from line to line. */
static void sum_axis(const ntk_plane_layer *l, int axis, int64_t across, int64_t step, int64_t next, int64_t next_out, const double *in, double *out)
{
    for (int64_t line = 0; line < across; ++line)
        for (int64_t o = 0; o < l->out[axis]; ++o) {
            double sum = 0;
            for (int64_t t = 0; t < l->taps[axis]; ++t) {
                int64_t at = o * l->stride[axis] + t * l->dilation[axis] - l->low[axis];
                if (at >= 0 && at < l->in[axis]) sum += in[line * next + at * step];
            }
            out[line * next_out + o * step] = sum;
        }
}

/* `factor`: norms before the last activation to norms after it, in today's unit; work: [2, in + out]. */
static void layer_norms(const ntk_plane_layer *l, double factor, double unit, const double *in, double *work, double *out)
{
    double gain = l->affine->k[NTK_AFFINE_GAIN], bias = l->affine->k[NTK_AFFINE_BIAS] / unit, scale = gain * factor * sqrt(l->share);
    double *squares = work, *columns = work + l->in[0] * l->in[1];
    for (int64_t i = 0; i < l->in[0] * l->in[1]; ++i) squares[i] = in[i] * in[i];
    sum_axis(l, 0, l->in[1], l->in[1], 1, 1, squares, columns);
    sum_axis(l, 1, l->out[0], 1, l->in[1], l->out[1], columns, out);
    for (int64_t i = 0; i < l->out[0] * l->out[1]; ++i) out[i] = bias > 0 ? hypot(scale * sqrt(out[i]), bias) : scale * sqrt(out[i]);
}

/* Norms of the size of 1, so that patches of two images differ little in norm if they can; the result keeps the unit of the last layer. */
static double biased_unit(const ntk_planes *p, int64_t l, double largest_norm)
{
    double now = sqrt(p->layers[l].kappa) * largest_norm;
    return l + 1 == p->count || (p->layers[l].plain && now > 0.25 && now < 4) ? 1 : power_of_two(now);
}

/* Of a pool: alpha'² = A² - c² V, with V behind the norms already. */
static void pool_norms(const ntk_plane_layer *l, double factor, const double *in, double *work, double *out)
{
    int64_t n = l->out[0] * l->out[1];
    double *columns = work + l->in[0] * l->in[1];
    for (int64_t i = 0; i < l->in[0] * l->in[1]; ++i) work[i] = factor * in[i];
    sum_axis(l, 0, l->in[1], l->in[1], 1, 1, work, columns);
    sum_axis(l, 1, l->out[0], 1, l->in[1], l->out[1], columns, out);
    for (int64_t i = 0; i < n; ++i) out[i] = l->tap[i] * sqrt(NTK_MAX(0, out[i] * out[i] - out[n + i]));
}

/* Of what a worker needs for V; it begins, as all of its memory, where a vector may. */
static int64_t padded_numbers(int64_t n)
{
    const int64_t line = NTK_PLANE_BYTES / (int64_t)sizeof(double);
    return (n + line - 1) / line * line;
}

static int64_t desk_numbers(const ntk_planes *p)
{
    ntk_plane_desk unused;
    return p->sections > 1 ? padded_numbers(ntk_plane_lay_out(p, NTK_F64, 1, 1, NULL, &unused) / (int64_t)sizeof(double)) : 0;
}

/* ---- of many images -------------------------------------------------------------------------------------------- */

typedef struct norms_job {
    const ntk_planes *planes;
    ntk_cpu cpu;
    ntk_dtype dtype;
    int64_t inputs, first;
    const void *x;
    void *norms;
    double *units, *scratch;
} norms_job;

/* One image on its way; `to`: norms as they are kept. */
typedef struct norms_of_image {
    const norms_job *job;
    const char *from;
    char *to;
    double *x, *norms, *work, *units;
    ntk_plane_desk desk; /* where there are pools */
    void *spread;
} norms_of_image;

static void put_norms(const norms_of_image *m, int64_t count)
{
    for (int64_t k = 0; k < count; ++k)
        if (m->job->dtype == NTK_F64) ((double *)(void *)m->to)[k] = m->norms[k];
        else ((float *)(void *)m->to)[k] = (float)m->norms[k];
}

/* V of the pool behind section s: the image against itself through the loops of all pairs, so that equal images have equal bits. */
static void spread_of(norms_of_image *m, int64_t s, double *out)
{
    const norms_job *j = m->job;
    const ntk_plane_layer *pool = &j->planes->layers[j->planes->section[s].end];
    ntk_plane_sides self = {1, m->from, m->to, m->units};
    ntk_plane_job job = {{0, 0}, s, -1, m->desk.rows, m->units, m->desk.block, m->desk.units, m->desk.planes, m->desk.rings, m->desk.sums, m->spread, NULL};
    ntk_plane_row_variants[j->dtype][j->cpu](j->planes, &self, m->desk.rows);
    ntk_plane_block_variants[j->dtype][j->cpu](j->planes, &self, 0, m->desk.block, m->desk.units);
    ntk_plane_pool_variants[j->dtype][j->cpu](j->planes, &job);
    for (int64_t i = 0; i < pool->out[0] * pool->out[1]; ++i) out[i] = ntk_plane_number(j->dtype, m->spread, i);
}

/* Norms before every activation, one layer after the other. */
static void norms_of(norms_of_image *m)
{
    const ntk_planes *p = m->job->planes;
    double factor = 1, *norms = m->norms;
    int64_t s = 0;
    input_norms(p, m->x, norms, &m->units[0]);
    for (int64_t i = 0; i < p->count; ++i) {
        const ntk_plane_layer *l = &p->layers[i];
        const double *in = norms;
        norms += l->in[0] * l->in[1] * (i > 0 && !l[-1].affine ? 2 : 1);
        if (l->affine) {
            layer_norms(l, factor, m->units[i], in, m->work, norms);
            m->units[i + 1] = p->biased ? m->units[i] * biased_unit(p, i, largest(norms, l->out[0] * l->out[1])) : m->units[i] / l->unit;
        } else {
            put_norms(m, norms - m->norms);
            spread_of(m, s++, norms + l->out[0] * l->out[1]);
            pool_norms(l, factor, in, m->work, norms);
            m->units[i + 1] = m->units[i];
        }
        factor = ntk_plane_factor(p, i + 1, m->units, 1);
    }
    put_norms(m, p->norms);
}

static void some_norms(void *user, int64_t begin, int64_t end, int worker)
{
    norms_job *j = user;
    int64_t size = j->planes->norms, numbers = ntk_planes_norm_numbers(j->planes), bytes = (int64_t)ntk_dtype_size(j->dtype);
    norms_of_image m = {.job = j};
    m.x = j->scratch + worker * numbers;
    m.norms = m.x + j->inputs;
    m.work = m.norms + size;
    m.spread = m.work + 2 * j->planes->padded;
    if (j->planes->sections > 1) (void)ntk_plane_lay_out(j->planes, j->dtype, 1, 1, (char *)(void *)(m.x + numbers - desk_numbers(j->planes)), &m.desk);
    for (int64_t i = j->first + begin; i < j->first + end; ++i) {
        m.from = (const char *)j->x + i * j->inputs * bytes;
        m.to = (char *)j->norms + i * size * bytes;
        m.units = j->units + i * (j->planes->count + 1);
        for (int64_t k = 0; k < j->inputs; ++k) m.x[k] = ntk_plane_number(j->dtype, m.from, k);
        for (int64_t k = 0; k < size; ++k) m.norms[k] = 0;
        for (int64_t k = 0; k <= j->planes->count; ++k) m.units[k] = 1;
        put_norms(&m, size);
        norms_of(&m);
    }
}

#define IMAGES_AT_ONCE 256 /* between two reports */

ntk_status ntk_planes_norms(ntk_context *ctx, const ntk_planes *planes, ntk_cpu cpu, ntk_dtype dtype, int64_t n, const void *x, void *norms, double *units)
{
    ntk_status status;
    norms_job j = {.planes = planes, .cpu = cpu, .dtype = dtype, .x = x, .norms = norms, .units = units};
    j.inputs = planes->layers[0].in[0] * planes->layers[0].in[1] * planes->channels;
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_parallel_workers(ctx) * ntk_planes_norm_numbers(planes), &j.scratch));
    for (j.first = 0; j.first < n; j.first += IMAGES_AT_ONCE) {
        int64_t count = NTK_MIN((int64_t)IMAGES_AT_ONCE, n - j.first);
        ntk_parallel(ctx, count, 1, some_norms, &j);
        NTK_TRY(ntk_progress(ctx, (double)(j.first + count) / (double)n));
    }
done:
    ntk_free(j.scratch);
    return status;
}

int64_t ntk_planes_norm_numbers(const ntk_planes *p)
{
    return padded_numbers(p->layers[0].in[0] * p->layers[0].in[1] * p->channels + p->norms + 3 * p->padded) + desk_numbers(p);
}

int64_t ntk_planes_numbers(const ntk_planes *planes)
{
    return planes->norms;
}

int64_t ntk_planes_units(const ntk_planes *planes)
{
    return planes->count + 1;
}
