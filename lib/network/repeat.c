/* repeat: its list of layers, `times` times in sequence.  Leaves no step of its own; every copy has its own parameters. */
#include "network.h"

static const ntk_key keys[] = {
    [NTK_REPEAT_TIMES] = {"times", NTK_KEY_INTEGER, .required = true, .least = 1},
    {.name = NULL},
};

static int64_t copies(const ntk_layer *layer)
{
    return (int64_t)layer->value[NTK_REPEAT_TIMES];
}

/* The number of rounds is bounded: ntk_network_compile() has counted them. */
static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; status == NTK_OK && i < copies(layer); ++i) status = ntk_compile_list(c, &layer->lists[0], input, &input);
    *output = input;
    return status;
}

const ntk_op ntk_op_repeat = {
    .name = "repeat",
    .keys = keys,
    .children = NTK_ONE_LIST,
    .children_key = "layers",
    .compile = compile,
    .copies = copies,
};
