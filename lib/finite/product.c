/* The product of branches, elementwise: dy = sum_k dx_k prod_{j != k} x_j, and backward dx_k += dy prod_{j != k} x_j. */
#include "finite.h"
#include "real.h"

#include <string.h>

/* prod_{j != k} x_j at one element; k = -1: of all. */
static real others(const ntk_tape *t, const ntk_step *s, int k, int64_t at)
{
    real product = 1;
    for (int j = 0; j < s->n_inputs; ++j)
        if (j != k) product *= t->value[s->inputs[j]][at];
    return product;
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    int64_t count = t->n * ntk_tape_size(t, s->output);
    for (int64_t i = 0; i < count; ++i) t->value[s->output][i] = others(t, s, -1, i);
    return NTK_OK;
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    int64_t count = t->n * ntk_tape_size(t, s->output);
    real *dy = t->tangent[s->output];
    memset(dy, 0, (size_t)count * sizeof *dy);
    for (int k = 0; k < s->n_inputs; ++k) {
        const real *dx = t->tangent[s->inputs[k]]; /* NULL: zero */
        for (int64_t i = 0; dx && i < count; ++i) dy[i] += dx[i] * others(t, s, k, i);
    }
    return NTK_OK;
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status = NTK_OK;
    int64_t size = ntk_tape_size(t, s->output);
    const real *dy = t->cotangent[s->output];
    for (int k = 0; k < s->n_inputs; ++k) {
        real *dx;
        NTK_TRY(ntk_tape_cotangent(t, s->inputs[k], &dx));
        for (int64_t r = 0; dx && r < t->rows; ++r)
            for (int64_t i = 0; i < size; ++i) dx[r * size + i] += dy[r * size + i] * others(t, s, k, ntk_tape_sample(t, r) * size + i);
    }
done:
    return status;
}

const ntk_finite_op ntk_finite_product = {forward, tangent, backward};
