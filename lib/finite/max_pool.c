/*
 * max_pool: the largest of the inputs that a window reads, channel by channel; padding never wins.  Where several are largest
 * the first in row-major order of the window takes the gradient, forward and backward alike.
 */
#include "finite.h"
#include "real.h"

typedef struct pool {
    int64_t positions, taps, channels, in;
    int64_t *reads; /* [positions, taps] */
} pool;

static ntk_status open_pool(ntk_tape *t, const ntk_step *s, pool *p)
{
    ntk_window w = ntk_step_window(t->network, s);
    const ntk_value *in = &t->network->values[s->inputs[0]];
    *p = (pool){.positions = w.positions_out, .taps = w.taps, .channels = in->shape[in->ndim - 1], .in = in->size};
    return ntk_window_list_reads(t->ctx, &w, &p->reads);
}

/* Where, in a sample, number i of the output comes from; x: that sample's input. */
static int64_t source(const pool *p, const real *x, int64_t i)
{
    const int64_t *reads = p->reads + i / p->channels * p->taps;
    int64_t best = -1, k = i % p->channels;
    for (int64_t t = 0; t < p->taps; ++t) {
        int64_t at = reads[t] * p->channels + k;
        if (reads[t] >= 0 && (best < 0 || x[at] > x[best])) best = at;
    }
    return best;
}

/* out [n, size of the output] = from, at the places where x is largest. */
static ntk_status pick(ntk_tape *t, const ntk_step *s, const real *from, real *out)
{
    pool p;
    int64_t size = ntk_tape_size(t, s->output);
    ntk_status status = open_pool(t, s, &p);
    for (int64_t i = 0; status == NTK_OK && i < t->n * size; ++i) {
        int64_t sample = i / size * p.in;
        out[i] = from[sample + source(&p, t->value[s->inputs[0]] + sample, i % size)];
    }
    ntk_free(p.reads);
    return status;
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    return pick(t, s, t->value[s->inputs[0]], t->value[s->output]);
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    return pick(t, s, t->tangent[s->inputs[0]], t->tangent[s->output]);
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    pool p = {.reads = NULL};
    int64_t size = ntk_tape_size(t, s->output);
    ntk_status status;
    real *dx;
    NTK_TRY(ntk_tape_cotangent(t, s->inputs[0], &dx));
    if (!dx) return NTK_OK;
    NTK_TRY(open_pool(t, s, &p));
    for (int64_t i = 0; i < t->rows * size; ++i) {
        const real *x = t->value[s->inputs[0]] + ntk_tape_sample(t, i / size) * p.in;
        dx[i / size * p.in + source(&p, x, i % size)] += t->cotangent[s->output][i];
    }
done:
    ntk_free(p.reads);
    return status;
}

const ntk_finite_op ntk_finite_max_pool = {forward, tangent, backward};
