/*
 * branch: lists of layers that all read the same input x, and how their results become one:
 *
 *   sum      y = sum_i f_i(x)        equal shapes
 *   product  y = prod_i f_i(x)       equal shapes, elementwise
 *   concat   y = [f_1(x), f_2(x), ...] along an axis; all other extents equal
 *
 * An empty list is the identity.  A branch of one list leaves no step of its own.
 */
#include "network.h"

#include <math.h>
#include <string.h>

static const char *const merges[] = {[NTK_MERGE_SUM] = "sum", [NTK_MERGE_PRODUCT] = "product", [NTK_MERGE_CONCAT] = "concat", NULL};

static const ntk_key keys[] = {
    [NTK_BRANCH_MERGE] = {"merge", NTK_KEY_CHOICE, .required = true, .choices = merges},
    [NTK_BRANCH_AXIS] = {"axis", NTK_KEY_INTEGER, .fallback = -1, .least = -INFINITY},
    {.name = NULL},
};

static ntk_merge merge_of(const ntk_layer *layer)
{
    return (ntk_merge)layer->value[NTK_BRANCH_MERGE];
}

/* Equal but for one axis (-1: no exception). */
static bool equal_shapes(const ntk_value *a, const ntk_value *b, int except)
{
    bool equal = a->ndim == b->ndim;
    for (int i = 0; equal && i < a->ndim; ++i) equal = i == except || a->shape[i] == b->shape[i];
    return equal;
}

static ntk_status check_shapes(const ntk_compiler *c, const ntk_layer *layer, const int *results, int except)
{
    char first[NTK_SHAPE_TEXT], other[NTK_SHAPE_TEXT];
    const ntk_value *a = ntk_compiler_value(c, results[0]);
    for (int64_t i = 1; i < layer->n_lists; ++i) {
        const ntk_value *b = ntk_compiler_value(c, results[i]);
        if (!equal_shapes(a, b, except))
            return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path,
                               "the branches of a %s must have equal shapes%s, but branches[0] gives %s and branches[%lld] gives %s",
                               merges[merge_of(layer)], except < 0 ? "" : " on all other axes", ntk_shape_text(first, a->ndim, a->shape),
                               (long long)i, ntk_shape_text(other, b->ndim, b->shape));
    }
    return NTK_OK;
}

/* The axis of a concatenation, counted from the front; -1 for the other merges. */
static ntk_status find_axis(const ntk_compiler *c, const ntk_layer *layer, int ndim, int *axis)
{
    double given = layer->value[NTK_BRANCH_AXIS];
    *axis = -1;
    if (merge_of(layer) != NTK_MERGE_CONCAT && !layer->given[NTK_BRANCH_AXIS]) return NTK_OK;
    if (merge_of(layer) != NTK_MERGE_CONCAT)
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "axis belongs to the merge \"concat\", not to \"%s\"", merges[merge_of(layer)]);
    if (!(given >= -ndim && given < ndim))
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "axis is %.15g; the branches have %d axes", given, ndim);
    *axis = (int)given + (given < 0 ? ndim : 0);
    return NTK_OK;
}

/* Fills the parts along the axis and says how long they are together. */
static ntk_status add_parts(const ntk_compiler *c, const ntk_layer *layer, const int *results, int axis, int64_t *sum)
{
    *sum = 0;
    for (int64_t i = 0; i < layer->n_lists; ++i)
        if (__builtin_add_overflow(*sum, ntk_compiler_value(c, results[i])->shape[axis], sum))
            return ntk_fail_at(c->ctx, NTK_ERROR_OVERFLOW, layer->path, "the extent along axis %d exceeds 63 bits", axis);
    return NTK_OK;
}

static ntk_status merge(ntk_compiler *c, const ntk_layer *layer, int input, const int *results, int axis, int *output)
{
    ntk_value v = *ntk_compiler_value(c, results[0]);
    int along = axis < 0 ? v.ndim - 1 : axis;
    ntk_step *step;
    ntk_status status;
    if (axis >= 0) NTK_TRY(add_parts(c, layer, results, axis, &v.shape[axis]));
    NTK_TRY(ntk_compile_step(c, layer, (int)layer->n_lists, results, v.ndim, v.shape, &step));
    for (int i = 0; i < step->n_inputs; ++i) step->parts[i] = ntk_compiler_value(c, results[i])->shape[along];
    step->units = v.shape[along];
    step->axis = along;
    step->entry = input;
    *output = step->output;
done:
    return status;
}

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_status status;
    int *results = NULL, axis;
    NTK_TRY(NTK_NEW(c->ctx, layer->n_lists, &results));
    for (int64_t i = 0; i < layer->n_lists; ++i) NTK_TRY(ntk_compile_list(c, &layer->lists[i], input, &results[i]));
    NTK_TRY(find_axis(c, layer, ntk_compiler_value(c, results[0])->ndim, &axis));
    NTK_TRY(check_shapes(c, layer, results, axis));
    *output = results[0];
    if (layer->n_lists > 1) NTK_TRY(merge(c, layer, input, results, axis, output));
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
    .finite = NTK_BOTH(ntk_finite_branch),
    .infinite = &ntk_infinite_branch,
};
