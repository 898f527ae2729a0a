/*
 * What is per image, and done once: alpha = sqrt E[u²] at every position before every activation,
 *
 *     alpha'² = g² (1/taps) sum kappa alpha² + s²,
 *
 * in double, in units: the input's is a power of two, so that nothing overflows and scaling is exact; with biases those of the
 * layers too, else they are the same for all images (planes.c), and distances need no more than one factor a layer.
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

/* Norms before every activation, one layer after the other. */
static void norms_of(const ntk_planes *p, const double *x, double *work, double *norms, double *units)
{
    double factor = 1;
    input_norms(p, x, norms, &units[0]);
    for (int64_t i = 0; i < p->count; ++i) {
        const ntk_plane_layer *l = &p->layers[i];
        const double *in = norms;
        norms += l->in[0] * l->in[1];
        layer_norms(l, factor, units[i], in, work, norms);
        units[i + 1] = p->biased ? units[i] * power_of_two(sqrt(l->kappa) * largest(norms, l->out[0] * l->out[1])) : units[i] / l->unit;
        factor = ntk_plane_factor(p, i + 1, units, 1);
    }
}

/* ---- of many images -------------------------------------------------------------------------------------------- */

typedef struct norms_job {
    const ntk_planes *planes;
    ntk_dtype dtype;
    int64_t inputs, first;
    const void *x;
    void *norms;
    double *units, *scratch;
} norms_job;

static double number_at(ntk_dtype dtype, const void *x, int64_t i)
{
    return dtype == NTK_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static void some_norms(void *user, int64_t begin, int64_t end, int worker)
{
    norms_job *j = user;
    int64_t size = j->planes->norms;
    double *x = j->scratch + worker * ntk_planes_norm_numbers(j->planes), *norms = x + j->inputs, *work = norms + size;
    for (int64_t i = j->first + begin; i < j->first + end; ++i) {
        for (int64_t k = 0; k < j->inputs; ++k) x[k] = number_at(j->dtype, j->x, i * j->inputs + k);
        norms_of(j->planes, x, work, norms, j->units + i * (j->planes->count + 1));
        for (int64_t k = 0; k < size; ++k)
            if (j->dtype == NTK_F64) ((double *)j->norms)[i * size + k] = norms[k];
            else ((float *)j->norms)[i * size + k] = (float)norms[k];
    }
}

#define IMAGES_AT_ONCE 256 /* between two reports */

ntk_status ntk_planes_norms(ntk_context *ctx, const ntk_planes *planes, ntk_dtype dtype, int64_t n, const void *x, void *norms, double *units)
{
    ntk_status status;
    norms_job j = {.planes = planes, .dtype = dtype, .x = x, .norms = norms, .units = units};
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
    return p->layers[0].in[0] * p->layers[0].in[1] * p->channels + p->norms + 2 * p->padded;
}

int64_t ntk_planes_numbers(const ntk_planes *planes)
{
    return planes->norms;
}

int64_t ntk_planes_units(const ntk_planes *planes)
{
    return planes->count + 1;
}
