/*
 * branch at infinite width: the merge's own rule (mixture.c, product.c), and what all rules ask: which branches are independent.
 *
 * At infinite width a parametric layer's output depends on what came before only through its kernel, which is not random: it is
 * independent of it.  So a value's root, the parametric layer where its randomness begins, decides: a branch whose root lies
 * behind the entry of the branching has weights of its own and is independent of its neighbours.
 */
#include "infinite.h"

static const ntk_infinite_op *const merges[] = {
    [NTK_MERGE_SUM] = &ntk_infinite_sum, [NTK_MERGE_PRODUCT] = &ntk_infinite_product, [NTK_MERGE_CONCAT] = &ntk_infinite_concat};

static const ntk_infinite_op *merge_of(const ntk_plan *plan)
{
    return merges[(int)plan->step->layer->value[NTK_BRANCH_MERGE]];
}

ntk_branch_nature ntk_branch_nature_of(const ntk_reading *reading, const ntk_step *s)
{
    ntk_branch_nature b = {.gaussian = true, .all_zero_mean = true, .root = s->output};
    for (int i = 0; i < s->n_inputs; ++i) {
        const ntk_nature *in = &reading->natures[s->inputs[i]];
        bool own = in->root > s->entry;
        b.gaussian &= in->gaussian;
        b.all_zero_mean &= in->zero_mean;
        b.any_zero_mean |= in->zero_mean;
        b.root = NTK_MIN(b.root, in->root);
        b.dependent += !own;
        b.not_fresh += !own || !in->zero_mean;
    }
    return b;
}

static ntk_status branch_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    return merge_of(plan)->plan(ctx, reading, plan);
}

static void branch_norms(const ntk_plan *plan, int64_t n, double *table)
{
    merge_of(plan)->norms(plan, n, table);
}

static const ntk_pairs_variants *branch_pairs(const ntk_plan *plan)
{
    return merge_of(plan)->pairs(plan);
}

const ntk_infinite_op ntk_infinite_branch = {branch_plan, branch_norms, branch_pairs, ntk_concat_taps};
