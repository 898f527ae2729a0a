/*
 * layer_norm over some axes, the channels among them: y = (x - mean) r, r = 1/sqrt(var + epsilon), for each place on the axes left.
 *
 *     dy = r (dx - mean(dx) - y mean(y dx)),   backward the same with dy and dx exchanged: the map is symmetric.
 *
 * A sample is `groups` sets of `count` numbers.  `at` lists where the numbers of the first set stand, `group` where those of
 * the others begin: the chosen axes are gathered, normalised, and scattered back.  Sums are taken in f64 in either type.
 */
#include "finite.h"
#include "real.h"

#include <math.h>

typedef struct norm {
    int64_t size, groups, count;
    int64_t *at, *group; /* [count], [groups] */
    real *x, *d, *y;   /* [count] each */
    double epsilon;
} norm;

/* list[i] = offset of place i on the axes that are chosen (or that are not), row-major. */
static void list_offsets(const ntk_value *v, const bool *chosen, bool which, int64_t count, int64_t *list)
{
    for (int64_t i = 0; i < count; ++i) {
        int64_t rest = i, stride = 1, offset = 0;
        for (int a = v->ndim - 1; a >= 0; --a) {
            if (chosen[a] == which) {
                offset += rest % v->shape[a] * stride;
                rest /= v->shape[a];
            }
            stride *= v->shape[a];
        }
        list[i] = offset;
    }
}

static void close_norm(norm *m)
{
    ntk_free(m->y);
    ntk_free(m->d);
    ntk_free(m->x);
    ntk_free(m->group);
    ntk_free(m->at);
}

/* On failure close_norm() is still due. */
static ntk_status open_norm(ntk_tape *t, const ntk_step *s, norm *m)
{
    ntk_status status;
    bool chosen[NTK_MAX_NDIM];
    const ntk_value *v = &t->network->values[s->output];
    *m = (norm){.size = v->size, .count = 1, .epsilon = s->layer->value[NTK_LAYER_NORM_EPSILON]};
    ntk_layer_norm_axes(s->layer, v->ndim, chosen);
    for (int a = 0; a < v->ndim; ++a) m->count *= chosen[a] ? v->shape[a] : 1;
    m->groups = v->size / m->count;
    NTK_TRY(NTK_NEW_RAW(t->ctx, m->count, &m->at));
    NTK_TRY(NTK_NEW_RAW(t->ctx, m->groups, &m->group));
    NTK_TRY(NTK_NEW_RAW(t->ctx, m->count, &m->x));
    NTK_TRY(NTK_NEW_RAW(t->ctx, m->count, &m->d));
    NTK_TRY(NTK_NEW_RAW(t->ctx, m->count, &m->y));
    list_offsets(v, chosen, true, m->count, m->at);
    list_offsets(v, chosen, false, m->groups, m->group);
done:
    return status;
}

static void gather(const norm *m, const real *from, real *to)
{
    for (int64_t i = 0; i < m->count; ++i) to[i] = from[m->at[i]];
}

static double mean_of(int64_t count, const real *x)
{
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += x[i];
    return sum / (double)count;
}

/* y of one set; returns r. */
static double normalize(const norm *m, const real *x)
{
    double mean, sum = 0, r;
    gather(m, x, m->x);
    mean = mean_of(m->count, m->x);
    for (int64_t i = 0; i < m->count; ++i) {
        double y = m->x[i] - mean;
        m->y[i] = (real)y;
        sum += y * y;
    }
    r = 1 / sqrt(sum / (double)m->count + m->epsilon);
    for (int64_t i = 0; i < m->count; ++i) m->y[i] *= (real)r;
    return r;
}

/* out += r (d - mean(d) - y mean(y d)), for the set at x. */
static void add_derivative(const norm *m, const real *x, const real *d, real *out)
{
    double r = normalize(m, x), mean, along = 0;
    gather(m, d, m->d);
    mean = mean_of(m->count, m->d);
    for (int64_t i = 0; i < m->count; ++i) along += m->y[i] * m->d[i];
    along /= (double)m->count;
    for (int64_t i = 0; i < m->count; ++i) out[m->at[i]] += (real)(r * (m->d[i] - mean - m->y[i] * along));
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    norm m;
    ntk_status status;
    NTK_TRY(open_norm(t, s, &m));
    for (int64_t i = 0; i < t->n * m.groups; ++i) {
        int64_t place = i / m.groups * m.size + m.group[i % m.groups];
        normalize(&m, t->value[s->inputs[0]] + place);
        for (int64_t k = 0; k < m.count; ++k) t->value[s->output][place + m.at[k]] = m.y[k];
    }
done:
    close_norm(&m);
    return status;
}

/* out [rows, size] += the derivative along d, row r at the input of its sample. */
static void add_rows(const ntk_tape *t, const ntk_step *s, const norm *m, int64_t rows, bool backward, const real *d, real *out)
{
    for (int64_t r = 0; r < rows; ++r) {
        const real *x = t->value[s->inputs[0]] + (backward ? ntk_tape_sample(t, r) : r) * m->size;
        for (int64_t g = 0; g < m->groups; ++g)
            add_derivative(m, x + m->group[g], d + r * m->size + m->group[g], out + r * m->size + m->group[g]);
    }
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    norm m;
    ntk_status status;
    real *dy = t->tangent[s->output];
    NTK_TRY(open_norm(t, s, &m));
    for (int64_t i = 0; i < t->n * m.size; ++i) dy[i] = 0;
    add_rows(t, s, &m, t->n, false, t->tangent[s->inputs[0]], dy);
done:
    close_norm(&m);
    return status;
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    norm m = {.size = 0};
    ntk_status status;
    real *dx;
    NTK_TRY(ntk_tape_cotangent(t, s->inputs[0], &dx));
    if (!dx) return NTK_OK;
    NTK_TRY(open_norm(t, s, &m));
    add_rows(t, s, &m, t->rows, true, t->cotangent[s->output], dx);
done:
    close_norm(&m);
    return status;
}

const ntk_finite_op ntk_finite_layer_norm = {forward, tangent, backward};
