/* Aggregation over a graph:  y_j = sum over i of A[i][j] x_i, A of the sample on the tape. */
#include "finite.h"
#include "real.h"

static ntk_status require_graph(const ntk_tape *t, const ntk_step *s)
{
    if (t->graphs) return NTK_OK;
    return ntk_fail_at(t->ctx, NTK_ERROR_ARGUMENT, s->layer->path, "aggregate needs the graphs of the inputs; this call has no place for them");
}

/* to += A from, or Aᵀ from. */
static void add_edges(int64_t nodes, int64_t channels, const double *a, bool transposed, const real *from, real *to)
{
    for (int64_t i = 0; i < nodes; ++i)
        for (int64_t j = 0; j < nodes; ++j) {
            real w = (real)a[i * nodes + j];
            const real *x = from + (transposed ? i : j) * channels;
            real *y = to + (transposed ? j : i) * channels;
            for (int64_t k = 0; w != 0 && k < channels; ++k) y[k] += w * x[k];
        }
}

static ntk_status apply(ntk_tape *t, const ntk_step *s, int64_t rows, const real *x, real *y)
{
    const int64_t *shape = t->network->values[s->output].shape;
    int64_t size = shape[0] * shape[1];
    ntk_status status = require_graph(t, s);
    if (status != NTK_OK) return status;
    for (int64_t i = 0; i < rows * size; ++i) y[i] = 0;
    for (int64_t r = 0; r < rows; ++r) add_edges(shape[0], shape[1], t->graphs + r * t->graph_size, true, x + r * size, y + r * size);
    return NTK_OK;
}

static ntk_status add_transposed(ntk_tape *t, const ntk_step *s, int64_t rows, const real *dy, real *dx)
{
    const int64_t *shape = t->network->values[s->output].shape;
    int64_t size = shape[0] * shape[1];
    for (int64_t r = 0; r < rows; ++r)
        add_edges(shape[0], shape[1], t->graphs + ntk_tape_sample(t, r) * t->graph_size, false, dy + r * size, dx + r * size);
    return NTK_OK;
}

NTK_LINEAR_OP(ntk_finite_aggregate)
