/* The table of ops.  The activations share ntk_op_activation and have a table of their own. */
#include "network.h"

const ntk_op *const ntk_ops[] = {
    &ntk_op_dense, &ntk_op_identity, &ntk_op_branch, &ntk_op_repeat, &ntk_op_layer_norm,
    &ntk_op_conv, &ntk_op_conv_local, &ntk_op_conv_transpose, &ntk_op_avg_pool, &ntk_op_sum_pool, &ntk_op_max_pool,
    &ntk_op_global_avg_pool, &ntk_op_global_sum_pool, &ntk_op_flatten,
    &ntk_op_slice, &ntk_op_resize, &ntk_op_dropout, &ntk_op_attention, &ntk_op_aggregate,
    NULL,
};

int ntk_op_count(void)
{
    return (int)NTK_ARRAY_LENGTH(ntk_ops) - 1;
}

const char *ntk_op_name(int index)
{
    return index >= 0 && index < ntk_op_count() ? ntk_ops[index]->name : NULL;
}
