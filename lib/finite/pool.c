/*
 * Mean and sum over windows, channel by channel:  y(o) = scale(o) sum over taps of x(read(o, t)), scale 1 for sum_pool, for
 * avg_pool 1/taps, or 1 over the taps inside with normalize_edges.
 */
#include "finite.h"
#include "real.h"

#include <string.h>

typedef struct pool {
    int64_t positions, taps, channels, in; /* in: numbers of an input */
    int64_t *reads;                        /* [positions, taps] */
    bool average, inside;
} pool;

static ntk_status open_pool(ntk_tape *t, const ntk_step *s, pool *p)
{
    ntk_window w = ntk_step_window(t->network, s);
    const ntk_value *in = &t->network->values[s->inputs[0]];
    *p = (pool){.positions = w.positions_out, .taps = w.taps, .channels = in->shape[in->ndim - 1], .in = in->size,
                .average = s->op == &ntk_op_avg_pool};
    p->inside = p->average && s->layer->value[NTK_POOL_NORMALIZE_EDGES] != 0;
    return ntk_window_list_reads(t->ctx, &w, &p->reads);
}

static real scale_of(const pool *p, const int64_t *reads)
{
    int64_t inside = 0;
    for (int64_t t = 0; t < p->taps; ++t) inside += reads[t] >= 0;
    return !p->average ? 1 : 1 / (real)(p->inside ? inside : p->taps);
}

static void apply_at(const pool *p, const int64_t *reads, const real *x, real *y)
{
    real scale = scale_of(p, reads);
    memset(y, 0, (size_t)p->channels * sizeof *y);
    for (int64_t t = 0; t < p->taps; ++t)
        for (int64_t k = 0; reads[t] >= 0 && k < p->channels; ++k) y[k] += x[reads[t] * p->channels + k];
    for (int64_t k = 0; k < p->channels; ++k) y[k] *= scale;
}

static ntk_status apply(ntk_tape *t, const ntk_step *s, int64_t rows, const real *x, real *y)
{
    pool p;
    ntk_status status = open_pool(t, s, &p);
    for (int64_t i = 0; status == NTK_OK && i < rows * p.positions; ++i)
        apply_at(&p, p.reads + i % p.positions * p.taps, x + i / p.positions * p.in, y + i * p.channels);
    ntk_free(p.reads);
    return status;
}

static void add_at(const pool *p, const int64_t *reads, const real *dy, real *dx)
{
    real scale = scale_of(p, reads);
    for (int64_t t = 0; t < p->taps; ++t)
        for (int64_t k = 0; reads[t] >= 0 && k < p->channels; ++k) dx[reads[t] * p->channels + k] += scale * dy[k];
}

static ntk_status add_transposed(ntk_tape *t, const ntk_step *s, int64_t rows, const real *dy, real *dx)
{
    pool p;
    ntk_status status = open_pool(t, s, &p);
    for (int64_t i = 0; status == NTK_OK && i < rows * p.positions; ++i)
        add_at(&p, p.reads + i % p.positions * p.taps, dy + i * p.channels, dx + i / p.positions * p.in);
    ntk_free(p.reads);
    return status;
}

NTK_LINEAR_OP(ntk_finite_pool)
