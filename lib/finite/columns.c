/*
 * Columns: what the windows of a convolution read, written out, so that the convolution is a product of matrices:
 *
 *     gather    col[(sample, o), (t, c)] = x[sample, read(o, t), c],   0 where the window hangs over the edge
 *     scatter   dx[sample, read(o, t), c] += dcol[(sample, o), (t, c)],   its transpose
 *
 * A block of them is at most COLUMNS_NUMBERS numbers (or one row), whatever the number of samples.
 */
#include "finite.h"
#include "real.h"

#include <math.h>
#include <string.h>

#define COLUMNS_NUMBERS ((int64_t)1 << 19)

ntk_status ntk_window_list_reads(ntk_context *ctx, const ntk_window *w, int64_t **reads)
{
    int64_t count;
    ntk_status status;
    *reads = NULL;
    NTK_TRY(ntk_size_product(ctx, "the taps of a layer", w->positions_out, w->taps, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, reads));
    for (int64_t i = 0; i < count; ++i) {
        int64_t o = i / w->taps, t = i % w->taps, stride = 1, at = 0;
        for (int a = w->ndim - 1; a >= 0; --a) {
            int64_t along = ntk_window_read(w, a, o % w->axis[a].out, t % w->axis[a].kernel);
            at = at < 0 || along < 0 ? -1 : at + along * stride;
            stride *= w->axis[a].in;
            o /= w->axis[a].out;
            t /= w->axis[a].kernel;
        }
        (*reads)[i] = at;
    }
done:
    return status;
}

ntk_status ntk_columns_open(ntk_tape *t, const ntk_step *s, ntk_columns *c)
{
    ntk_window w = ntk_step_window(t->network, s);
    const ntk_value *in = &t->network->values[s->inputs[0]];
    ntk_status status;
    *c = (ntk_columns){.ctx = t->ctx, .positions = w.positions_out, .taps = w.taps, .channels = in->shape[in->ndim - 1], .in = in->size,
                       .rows = NTK_MAX(COLUMNS_NUMBERS / s->fan_in, 1)};
    NTK_TRY(ntk_window_list_reads(t->ctx, &w, &c->reads));
    NTK_TRY(ntk_memory_require(t->ctx, "the columns of a convolution", (double)c->rows * (double)s->fan_in * sizeof(real)));
    NTK_TRY(NTK_NEW_RAW(t->ctx, c->rows * s->fan_in, &c->block));
done:
    return status;
}

double ntk_columns_bytes(const ntk_network *network)
{
    double most = 0;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric < 0 || s->op == &ntk_op_dense || s->op == &ntk_op_attention) continue;
        ntk_window w = ntk_step_window(network, s);
        most = fmax(most, sizeof(real) * (double)NTK_MAX(COLUMNS_NUMBERS / s->fan_in, 1) * (double)s->fan_in + 8 * (double)w.positions_out * (double)w.taps);
    }
    return most;
}

void ntk_columns_close(ntk_columns *c)
{
    ntk_free(c->block);
    ntk_free(c->reads);
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

typedef struct columns_job {
    const ntk_columns *c;
    int64_t first, step, rows;
    const real *from;
    real *to;
} columns_job;

static void gather_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const columns_job *j = user;
    const ntk_columns *c = j->c;
    int64_t width = c->taps * c->channels;
    size_t bytes = (size_t)c->channels * sizeof(real);
    (void)worker;
    for (int64_t i = begin; i < end; ++i) {
        int64_t row = j->first + i * j->step;
        const int64_t *reads = c->reads + row % c->positions * c->taps;
        const real *x = j->from + row / c->positions * c->in;
        real *to = c->block + i * width;
        for (int64_t t = 0; t < c->taps; ++t, to += c->channels) {
            if (reads[t] < 0) memset(to, 0, bytes);
            else memcpy(to, x + reads[t] * c->channels, bytes);
        }
    }
}

/* Numbers per piece of work: enough to pay for a thread. */
#define GRAIN 16384

void ntk_columns_gather(const ntk_columns *c, const real *x, int64_t first, int64_t step, int64_t rows)
{
    columns_job j = {c, first, step, rows, x, NULL};
    ntk_parallel(c->ctx, rows, NTK_MAX(1, GRAIN / NTK_MAX(1, c->taps * c->channels)), gather_rows, &j);
}

/* The first row at or behind number `row` of all rows. */
static int64_t row_at(const columns_job *j, int64_t row)
{
    return NTK_MIN(NTK_MAX((row - j->first + j->step - 1) / j->step, 0), j->rows);
}

/* Samples go to the threads, since windows of one sample overlap. */
static void scatter_samples(void *user, int64_t begin, int64_t end, int worker)
{
    const columns_job *j = user;
    const ntk_columns *c = j->c;
    int64_t origin = j->first / c->positions, width = c->taps * c->channels;
    (void)worker;
    for (int64_t i = row_at(j, (origin + begin) * c->positions); i < row_at(j, (origin + end) * c->positions); ++i) {
        int64_t row = j->first + i * j->step;
        const int64_t *reads = c->reads + row % c->positions * c->taps;
        const real *from = c->block + i * width;
        real *dx = j->to + row / c->positions * c->in;
        for (int64_t t = 0; t < c->taps; ++t, from += c->channels) {
            real *to = dx + reads[t] * c->channels;
            for (int64_t k = 0; reads[t] >= 0 && k < c->channels; ++k) to[k] += from[k];
        }
    }
}

void ntk_columns_scatter(const ntk_columns *c, int64_t first, int64_t step, int64_t rows, real *dx)
{
    columns_job j = {c, first, step, rows, NULL, dx};
    int64_t samples = (first + (rows - 1) * step) / c->positions - first / c->positions + 1;
    ntk_parallel(c->ctx, samples, NTK_MAX(1, GRAIN * samples / NTK_MAX(1, rows * c->taps * c->channels)), scatter_samples, &j);
}
