/* The sum of branches.  One value may come in twice (two empty branches). */
#include "finite.h"
#include "real.h"

#include <string.h>

/* out += x, where x NULL stands for zero. */
static void add(int64_t count, const real *x, real *out)
{
    for (int64_t i = 0; x && i < count; ++i) out[i] += x[i];
}

static ntk_status add_inputs(ntk_tape *t, const ntk_step *s, real *const *blocks)
{
    int64_t count = t->n * ntk_tape_size(t, s->output);
    memset(blocks[s->output], 0, (size_t)count * sizeof **blocks);
    for (int k = 0; k < s->n_inputs; ++k) add(count, blocks[s->inputs[k]], blocks[s->output]);
    return NTK_OK;
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    return add_inputs(t, s, t->value);
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    return add_inputs(t, s, t->tangent);
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status = NTK_OK;
    real *c;
    for (int k = 0; k < s->n_inputs; ++k) {
        NTK_TRY(ntk_tape_cotangent(t, s->inputs[k], &c));
        if (c) add(t->rows * ntk_tape_size(t, s->output), t->cotangent[s->output], c);
    }
done:
    return status;
}

const ntk_finite_op ntk_finite_sum = {forward, tangent, backward};
