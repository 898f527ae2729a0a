/*
 * branch: lists of layers that all read the same input x; merge "sum": y = sum_i f_i(x).
 *
 * The shapes must be equal.  An empty list is the identity.  A sum of one list leaves no step of its own.
 */
#include "network.h"

#include <string.h>

static const char *const merges[] = {[NTK_MERGE_SUM] = "sum", NULL};

static const ntk_key keys[] = {
    [NTK_BRANCH_MERGE] = {"merge", NTK_KEY_CHOICE, .required = true, .choices = merges},
    {.name = NULL},
};

static bool equal_shapes(const ntk_value *a, const ntk_value *b)
{
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

static ntk_status check_shapes(const ntk_compiler *c, const ntk_layer *layer, const int *results)
{
    char first[NTK_SHAPE_TEXT], other[NTK_SHAPE_TEXT];
    const ntk_value *a = ntk_compiler_value(c, results[0]);
    for (int64_t i = 1; i < layer->n_lists; ++i) {
        const ntk_value *b = ntk_compiler_value(c, results[i]);
        if (!equal_shapes(a, b))
            return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path,
                               "the branches of a sum must have equal shapes, but branches[0] gives %s and branches[%lld] gives %s",
                               ntk_shape_text(first, a->ndim, a->shape), (long long)i, ntk_shape_text(other, b->ndim, b->shape));
    }
    return NTK_OK;
}

static ntk_status merge(ntk_compiler *c, const ntk_layer *layer, int input, const int *results, int *output)
{
    const ntk_value *v = ntk_compiler_value(c, results[0]);
    ntk_step *step;
    ntk_status status = ntk_compile_step(c, layer, (int)layer->n_lists, results, v->ndim, v->shape, &step);
    if (status != NTK_OK) return status;
    step->entry = input;
    *output = step->output;
    return NTK_OK;
}

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_status status;
    int *results = NULL;
    NTK_TRY(NTK_NEW(c->ctx, layer->n_lists, &results));
    for (int64_t i = 0; i < layer->n_lists; ++i) NTK_TRY(ntk_compile_list(c, &layer->lists[i], input, &results[i]));
    NTK_TRY(check_shapes(c, layer, results));
    *output = results[0];
    if (layer->n_lists > 1) NTK_TRY(merge(c, layer, input, results, output));
done:
    ntk_free(results);
    return status;
}

const ntk_op ntk_op_branch = {
    .name = "branch",
    .keys = keys,
    .children = NTK_LISTS,
    .children_key = "branches",
    .compile = compile,
    .finite = &ntk_finite_branch,
    .infinite = &ntk_infinite_branch,
};
