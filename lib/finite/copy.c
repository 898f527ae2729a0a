/* Ops that hand their numbers on as they are: flatten, whose order is row-major before and after. */
#include "finite.h"
#include "real.h"

#include <string.h>

static ntk_status apply(ntk_tape *t, const ntk_step *s, int64_t rows, const real *x, real *y)
{
    memcpy(y, x, (size_t)(rows * ntk_tape_size(t, s->output)) * sizeof *y);
    return NTK_OK;
}

static ntk_status add_transposed(ntk_tape *t, const ntk_step *s, int64_t rows, const real *dy, real *dx)
{
    int64_t count = rows * ntk_tape_size(t, s->output);
    for (int64_t i = 0; i < count; ++i) dx[i] += dy[i];
    return NTK_OK;
}

NTK_LINEAR_OP(ntk_finite_copy)
