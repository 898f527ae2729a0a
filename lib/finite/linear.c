/* Ops that are linear in their input and hold no parameters: the tangent is the map itself, backward its transpose. */
#include "finite.h"
#include "real.h"

ntk_status ntk_linear_forward(ntk_tape *t, const ntk_step *s, const ntk_linear *map)
{
    return map->apply(t, s, t->n, t->value[s->inputs[0]], t->value[s->output]);
}

ntk_status ntk_linear_tangent(ntk_tape *t, const ntk_step *s, const ntk_linear *map)
{
    return map->apply(t, s, t->n, t->tangent[s->inputs[0]], t->tangent[s->output]);
}

ntk_status ntk_linear_backward(ntk_tape *t, const ntk_step *s, const ntk_linear *map)
{
    real *dx;
    ntk_status status = ntk_tape_cotangent(t, s->inputs[0], &dx);
    return status == NTK_OK && dx ? map->add_transposed(t, s, t->rows, t->cotangent[s->output], dx) : status;
}
