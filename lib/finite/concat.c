/*
 * Concatenation of branches along an axis.  A value is [outer, extent, inner] around that axis; branch k owns `parts[k]` of the
 * extent, so its data are runs of parts[k] * inner numbers.
 */
#include "finite.h"
#include "real.h"

#include <string.h>

/* Numbers behind the axis, of one position along it. */
static int64_t inner_of(const ntk_tape *t, const ntk_step *s)
{
    const ntk_value *v = &t->network->values[s->output];
    int64_t inner = 1;
    for (int i = s->axis + 1; i < v->ndim; ++i) inner *= v->shape[i];
    return inner;
}

/* Numbers before branch k in one run of the output. */
static int64_t offset_of(const ntk_step *s, int k, int64_t inner)
{
    int64_t offset = 0;
    for (int j = 0; j < k; ++j) offset += s->parts[j] * inner;
    return offset;
}

static ntk_status gather(ntk_tape *t, const ntk_step *s, real *const *blocks)
{
    int64_t inner = inner_of(t, s), run = s->units * inner, runs = t->n * ntk_tape_size(t, s->output) / run;
    for (int k = 0; k < s->n_inputs; ++k) {
        int64_t part = s->parts[k] * inner;
        real *to = blocks[s->output] + offset_of(s, k, inner);
        const real *from = blocks[s->inputs[k]]; /* NULL: zero */
        for (int64_t r = 0; r < runs; ++r) {
            if (from) memcpy(to + r * run, from + r * part, (size_t)part * sizeof *to);
            else memset(to + r * run, 0, (size_t)part * sizeof *to);
        }
    }
    return NTK_OK;
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    return gather(t, s, t->value);
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    return gather(t, s, t->tangent);
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status = NTK_OK;
    int64_t inner = inner_of(t, s), run = s->units * inner, runs = t->rows * ntk_tape_size(t, s->output) / run;
    for (int k = 0; k < s->n_inputs; ++k) {
        int64_t part = s->parts[k] * inner;
        const real *from = t->cotangent[s->output] + offset_of(s, k, inner);
        real *to;
        NTK_TRY(ntk_tape_cotangent(t, s->inputs[k], &to));
        for (int64_t r = 0; to && r < runs; ++r)
            for (int64_t i = 0; i < part; ++i) to[r * part + i] += from[r * run + i];
    }
done:
    return status;
}

const ntk_finite_op ntk_finite_concat = {forward, tangent, backward};
