/* The end of a branch: its merge's own rule (sum.c, product.c, concat.c). */
#include "finite.h"
#include "real.h"

static const ntk_finite_op *const merges[] = {
    [NTK_MERGE_SUM] = &ntk_finite_sum, [NTK_MERGE_PRODUCT] = &ntk_finite_product, [NTK_MERGE_CONCAT] = &ntk_finite_concat};

static const ntk_finite_op *merge_of(const ntk_step *s)
{
    return merges[(int)s->layer->value[NTK_BRANCH_MERGE]];
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    return merge_of(s)->forward(t, s);
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    return merge_of(s)->tangent(t, s);
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    return merge_of(s)->backward(t, s);
}

const ntk_finite_op ntk_finite_branch = {forward, tangent, backward};
