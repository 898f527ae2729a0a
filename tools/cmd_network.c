/* ntk network show | init | forward | jacobian: one network at finite width. */
#include "tool.h"

#include <stdlib.h>

#define FLAG_PARAMS {.name = "params", .type = FLAG_INPUT, .value = "P", .help = "parameters [p]", .required = true}
#define FLAG_X1 {.name = "x1", .type = FLAG_INPUT, .value = "A", .help = "inputs [n, ...]", .required = true}
#define FLAG_RESULT(what) {.name = "out", .type = FLAG_OUTPUT, .value = "F.npy", .help = what, .required = true}

const flag_entry network_show_flags[] = {FLAG_NETWORK, FLAGS_COMMON};
const flag_entry network_init_flags[] = {
    FLAG_NETWORK,
    {.name = "seed", .type = FLAG_SEED, .value = "S", .help = "the same seed draws the same numbers on every machine", .required = true},
    FLAG_RESULT("the parameters [p]"),
    FLAG_DTYPE,
    FLAGS_COMMON,
};
const flag_entry network_forward_flags[] = {FLAG_NETWORK, FLAG_PARAMS, FLAG_X1, FLAG_LIMIT("--x1"), FLAG_UNIT_NORM, FLAG_RESULT("the outputs [n, o]"), FLAG_DTYPE, FLAGS_STRUCTURE(1), FLAGS_COMMON};
const flag_entry network_jacobian_flags[] = {FLAG_NETWORK, FLAG_PARAMS, FLAG_X1, FLAG_LIMIT("--x1"), FLAG_UNIT_NORM, FLAG_RESULT("J [n o, p], row = sample o + output"), FLAG_DTYPE, FLAGS_STRUCTURE(1), FLAGS_COMMON};

/* ---- show ---- */

static json_t *input_json(const ntk_network *network)
{
    int64_t input[NTK_MAX_NDIM];
    int ndim = ntk_network_input(network, input);
    json_t *list = json_array();
    for (int i = 0; i < ndim; ++i) json_array_append_new(list, json_integer(input[i]));
    return list;
}

static int description(tool *t, const ntk_network *network, char **text)
{
    size_t needed = 0;
    int failed;
    TRY(tool_check(t, NULL, ntk_network_format(t->context, network, NULL, 0, &needed)));
    *text = malloc(needed ? needed : 1);
    if (!*text) return tool_fail(EXIT_FAILED, "network show: out of memory");
    TRY(tool_check(t, NULL, ntk_network_format(t->context, network, *text, needed, NULL)));
done:
    return failed;
}

int run_network_show(tool *t)
{
    ntk_network *network = NULL;
    char *text = NULL;
    int failed;
    TRY(tool_network(t, &network));
    TRY(description(t, network, &text));
    report_json(t, "input", input_json(network));
    report_integer(t, "outputs", ntk_network_outputs(network));
    report_integer(t, "parametric_layers", ntk_network_layers(network));
    report_integer(t, "parameters", ntk_network_parameters(network));
    if (arguments_has(&t->arguments, "json")) report_json(t, "network", json_loads(text, 0, NULL));
    else puts(text);
done:
    free(text);
    ntk_network_destroy(network);
    return failed;
}

/* ---- init ---- */

int run_network_init(tool *t)
{
    ntk_network *network = NULL;
    array theta = {0};
    int64_t p;
    int failed;
    TRY(tool_network(t, &network));
    p = ntk_network_parameters(network);
    TRY(array_new(tool_dtype(t), 1, &p, &theta));
    tool_start_clock(t);
    TRY(tool_check(t, NULL, ntk_network_initialize(t->context, network, arguments_count(&t->arguments, "seed", 0), &theta.view)));
    tool_stop_clock(t, NULL);
    TRY(tool_save(t, "out", &theta));
done:
    array_free(&theta);
    ntk_network_destroy(network);
    return failed;
}

/* ---- forward and jacobian differ in one step ---- */

typedef struct inputs {
    ntk_network *network;
    array theta, x, out;
    structure structure;
} inputs;

static int forward(tool *t, inputs *in)
{
    int64_t shape[2] = {in->x.view.shape[0], ntk_network_outputs(in->network)};
    int failed;
    TRY(array_new(tool_dtype(t), 2, shape, &in->out));
    TRY(tool_check(t, NULL, ntk_network_forward_with(t->context, in->network, &in->theta.view, &in->x.view, given_structure(&in->structure), &in->out.view)));
done:
    return failed;
}

static int jacobian(tool *t, inputs *in)
{
    ntk_jacobian *jacobian = NULL;
    int64_t shape[2];
    int failed;
    TRY(tool_check(t, NULL, ntk_jacobian_with(t->context, in->network, &in->theta.view, &in->x.view, given_structure(&in->structure), &jacobian)));
    shape[0] = ntk_jacobian_rows(jacobian);
    shape[1] = ntk_jacobian_columns(jacobian);
    TRY(array_new(tool_dtype(t), 2, shape, &in->out));
    TRY(tool_check(t, NULL, ntk_jacobian_get_rows(t->context, jacobian, 0, &in->out.view)));
done:
    ntk_jacobian_destroy(jacobian);
    return failed;
}

static int at_parameters(tool *t, int (*compute)(tool *t, inputs *in))
{
    inputs in = {0};
    int failed;
    TRY(tool_network(t, &in.network));
    TRY(tool_read_vector_of(t, "params", tool_dtype(t), &in.theta));
    TRY(tool_read_inputs(t, "x1", in.network, tool_dtype(t), &in.x));
    TRY(tool_read_structure(t, 1, &in.structure));
    tool_select(t, &in.x, &in.structure);
    tool_start_clock(t);
    TRY(compute(t, &in));
    tool_stop_clock(t, NULL);
    TRY(tool_save(t, "out", &in.out));
done:
    array_free(&in.out);
    array_free(&in.x);
    structure_free(&in.structure);
    array_free(&in.theta);
    ntk_network_destroy(in.network);
    return failed;
}

int run_network_forward(tool *t)
{
    return at_parameters(t, forward);
}

int run_network_jacobian(tool *t)
{
    return at_parameters(t, jacobian);
}
