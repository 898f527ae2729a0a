/* The table of ops.  The activations share ntk_op_activation and have a table of their own. */
#include "network.h"

const ntk_op *const ntk_ops[] = {&ntk_op_dense, &ntk_op_identity, &ntk_op_branch, &ntk_op_repeat, &ntk_op_layer_norm, NULL};

int ntk_op_count(void)
{
    return (int)NTK_ARRAY_LENGTH(ntk_ops) - 1;
}

const char *ntk_op_name(int index)
{
    return index >= 0 && index < ntk_op_count() ? ntk_ops[index]->name : NULL;
}
