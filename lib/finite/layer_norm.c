/*
 * layer_norm over the channels: y = (x - mean) r, r = 1/sqrt(var + epsilon).
 *
 *     dy = r (dx - mean(dx) - y mean(y dx)),   backward the same with dy and dx exchanged: the map is symmetric.
 */
#include "finite.h"

#include <math.h>

static int64_t channels_of(const ntk_tape *t, const ntk_step *s)
{
    const ntk_value *v = &t->network->values[s->output];
    return v->shape[v->ndim - 1];
}

static double mean_of(int64_t c, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < c; ++i) sum += x[i];
    return sum / (double)c;
}

/* Returns r. */
static double normalize(const ntk_step *s, int64_t c, const double *x, double *y)
{
    double mean = mean_of(c, x), sum = 0, r;
    for (int64_t i = 0; i < c; ++i) {
        y[i] = x[i] - mean;
        sum += y[i] * y[i];
    }
    r = 1 / sqrt(sum / (double)c + s->layer->value[NTK_LAYER_NORM_EPSILON]);
    for (int64_t i = 0; i < c; ++i) y[i] *= r;
    return r;
}

/* out += r (d - mean(d) - y mean(y d)). */
static void add_derivative(int64_t c, double r, const double *y, const double *d, double *out)
{
    double mean = mean_of(c, d), along = 0;
    for (int64_t i = 0; i < c; ++i) along += y[i] * d[i];
    along /= (double)c;
    for (int64_t i = 0; i < c; ++i) out[i] += r * (d[i] - mean - y[i] * along);
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    int64_t c = channels_of(t, s), rows = t->n * ntk_tape_size(t, s->output) / c;
    for (int64_t r = 0; r < rows; ++r) normalize(s, c, t->value[s->inputs[0]] + r * c, t->value[s->output] + r * c);
    return NTK_OK;
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    int64_t c = channels_of(t, s), rows = t->n * ntk_tape_size(t, s->output) / c;
    const double *dx = t->tangent[s->inputs[0]];
    double *dy = t->tangent[s->output], *y;
    ntk_status status = NTK_NEW_RAW(t->ctx, c, &y);
    for (int64_t r = 0; status == NTK_OK && r < rows; ++r) {
        double scale = normalize(s, c, t->value[s->inputs[0]] + r * c, y);
        for (int64_t i = 0; i < c; ++i) dy[r * c + i] = 0;
        add_derivative(c, scale, y, dx + r * c, dy + r * c);
    }
    ntk_free(y);
    return status;
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    int64_t c = channels_of(t, s), size = ntk_tape_size(t, s->output);
    double *dx, *y = NULL;
    ntk_status status;
    NTK_TRY(ntk_tape_cotangent(t, s->inputs[0], &dx));
    NTK_TRY(NTK_NEW_RAW(t->ctx, c, &y));
    for (int64_t r = 0; dx && r < t->rows; ++r)
        for (int64_t at = 0; at < size; at += c) {
            double scale = normalize(s, c, t->value[s->inputs[0]] + ntk_tape_sample(t, r) * size + at, y);
            add_derivative(c, scale, y, t->cotangent[s->output] + r * size + at, dx + r * size + at);
        }
done:
    ntk_free(y);
    return status;
}

const ntk_finite_op ntk_finite_layer_norm = {forward, tangent, backward};
