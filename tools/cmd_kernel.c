/* ntk kernel: Theta or K of a network between two sets of inputs, infinitely wide, at parameters, or the mean over random ones. */
#include "tool.h"

#include <string.h>

const flag_entry kernel_flags[] = {
    FLAG_NETWORK,
    {.name = "x1", .type = FLAG_INPUT, .value = "A", .help = "inputs [n1, ...]", .required = true},
    {.name = "x2", .type = FLAG_INPUT, .value = "B", .help = "inputs [n2, ...] (default: x1 with itself)"},
    FLAG_LIMIT("--x1"),
    FLAG_UNIT_NORM,
    FLAG_KIND("the kernel"),
    FLAG_DTYPE,
    {.name = "diagonal", .type = FLAG_SWITCH, .help = "only the pairs (x, x): [n1]", .excludes = "x2"},
    {.name = "per-layer", .type = FLAG_SWITCH, .help = "the term of each parametric layer: [layers, n1, n2]"},
    {FLAG_DROPOUT, .excludes = "empirical"},
    {.name = "empirical", .type = FLAG_SWITCH, .help = "the kernel of the finite network at --params"},
    {.name = "params", .type = FLAG_INPUT, .value = "P", .help = "parameters [p]", .required = true, .needs = "empirical"},
    {.name = "outputs", .type = FLAG_CHOICE, .value = "full|trace|diagonal", .help = "what to keep of the o x o block of a pair (default: full)", .needs = "empirical"},
    {.name = "algorithm", .type = FLAG_CHOICE, .value = "auto|structured|contraction|mixed", .help = "how (default: the cheapest that applies)", .needs = "empirical"},
    {.name = "optimizer", .type = FLAG_CHOICE, .value = "identity|adam", .help = "the D of J D^-1 J' (default: identity)", .needs = "empirical"},
    {.name = "second-moment", .type = FLAG_INPUT, .value = "V", .help = "Adam's v [p]: D = sqrt(v) + epsilon", .needs = "optimizer"},
    {.name = "epsilon", .type = FLAG_NUMBER, .value = "E", .help = "Adam's epsilon", .needs = "optimizer"},
    {.name = "optimizer-d", .type = FLAG_INPUT, .value = "D", .help = "any positive D [p]", .needs = "empirical", .excludes = "optimizer"},
    {.name = "monte-carlo", .type = FLAG_COUNT, .value = "SAMPLES", .help = "the mean over so many random networks, at least 2 (trace)", .excludes = "empirical"},
    {.name = "width", .type = FLAG_COUNT, .value = "W", .help = "units of every hidden layer (default: as described)", .needs = "monte-carlo"},
    {.name = "seed", .type = FLAG_SEED, .value = "S", .help = "of the first network; the others follow by one (default: 0)", .needs = "monte-carlo"},
    {.name = "out-error", .type = FLAG_OUTPUT, .value = "E.npy", .help = "the standard error of the mean", .needs = "monte-carlo"},
    {.name = "out", .type = FLAG_OUTPUT, .value = "K.npy", .help = "the result", .required = true, .unless = "estimate"},
    {.name = "estimate", .type = FLAG_SWITCH, .help = "say what memory and work it would take, and do none of it", .excludes = "out"},
    FLAGS_STRUCTURE(1), FLAGS_STRUCTURE(2),
    FLAGS_COMMON,
};

typedef struct parts {
    ntk_network *network;
    ntk_optimizer *optimizer;
    ntk_kernel *kernel;
    array x1, x2, out, error;
    structure structure1, structure2;
} parts;

static int check_adam(const tool *t, bool adam)
{
    const arguments *a = &t->arguments;
    bool moment = arguments_has(a, "second-moment"), epsilon = arguments_has(a, "epsilon");
    if (adam && !(moment && epsilon)) return tool_fail(EXIT_INPUT, "kernel: --optimizer adam needs --second-moment and --epsilon");
    if (!adam && (moment || epsilon)) return tool_fail(EXIT_INPUT, "kernel: --second-moment and --epsilon need --optimizer adam");
    return 0;
}

/* Leaves *optimizer NULL for the identity. */
static int make_optimizer(tool *t, ntk_optimizer **optimizer)
{
    bool adam = strcmp(arguments_text(&t->arguments, "optimizer", "identity"), "adam") == 0;
    array v = {0}, d = {0};
    int failed;
    TRY(check_adam(t, adam));
    TRY(tool_read_vector(t, "second-moment", &v));
    TRY(tool_read_vector(t, "optimizer-d", &d));
    if (adam) TRY(tool_check(t, v.path, ntk_optimizer_adam(t->context, &v.view, arguments_number(&t->arguments, "epsilon", 0), optimizer)));
    if (d.block) TRY(tool_check(t, d.path, ntk_optimizer_diagonal(t->context, &d.view, optimizer)));
done:
    array_free(&v);
    array_free(&d);
    return failed;
}

static ntk_outputs chosen_outputs(const tool *t)
{
    ntk_outputs outputs = NTK_OUTPUTS_FULL;
    ntk_outputs_from_name(arguments_text(&t->arguments, "outputs", NULL), &outputs);
    return arguments_has(&t->arguments, "empirical") ? outputs : NTK_OUTPUTS_TRACE; /* infinite width: one number per pair too */
}

static int make_empirical(tool *t, parts *p)
{
    ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = chosen_outputs(t)};
    array theta = {0};
    int failed;
    ntk_algorithm_from_name(arguments_text(&t->arguments, "algorithm", NULL), &options.algorithm);
    TRY(make_optimizer(t, &p->optimizer));
    TRY(tool_read_vector_of(t, "params", tool_dtype(t), &theta));
    TRY(tool_check(t, theta.path, ntk_kernel_empirical(t->context, p->network, &theta.view, p->optimizer, &options, &p->kernel)));
done:
    array_free(&theta);
    return failed;
}

static int make_monte_carlo(tool *t, parts *p)
{
    const arguments *a = &t->arguments;
    ntk_monte_carlo_options options = {NTK_MONTE_CARLO_OPTIONS_INIT, .samples = (int64_t)arguments_count(a, "monte-carlo", 0),
                                       .width = (int64_t)arguments_count(a, "width", 0), .seed = arguments_count(a, "seed", 0)};
    if (tool_dtype(t) != NTK_F64) return tool_fail(EXIT_INPUT, "kernel: --monte-carlo with --dtype f32 is not in this version");
    if (options.samples < 2) return tool_fail(EXIT_INPUT, "kernel: --monte-carlo is 1; a standard error needs at least 2");
    if (arguments_has(a, "per-layer")) return tool_fail(EXIT_INPUT, "kernel: --monte-carlo has no terms by layer; leave out --per-layer");
    return tool_check(t, arguments_text(a, "network", NULL), ntk_kernel_monte_carlo(t->context, p->network, &options, &p->kernel));
}

static int make_kernel(tool *t, parts *p)
{
    if (arguments_has(&t->arguments, "empirical")) return make_empirical(t, p);
    if (arguments_has(&t->arguments, "monte-carlo")) return make_monte_carlo(t, p);
    return tool_infinite_kernel(t, p->network, &p->kernel);
}

/* [layers,] n1 o [, n2 o] [, o]: which of these there are follows from the flags. */
static int make_result(tool *t, parts *p)
{
    ntk_outputs outputs = chosen_outputs(t);
    int64_t o = ntk_network_outputs(p->network), factor = outputs == NTK_OUTPUTS_FULL ? o : 1, shape[4], n1, n2;
    int ndim = 0;
    if (__builtin_mul_overflow(p->x1.view.shape[0], factor, &n1) ||
        __builtin_mul_overflow((p->x2.block ? p->x2 : p->x1).view.shape[0], factor, &n2))
        return tool_fail(EXIT_FAILED, "kernel: the result is too large");
    if (arguments_has(&t->arguments, "per-layer")) shape[ndim++] = ntk_network_layers(p->network);
    shape[ndim++] = n1;
    if (!arguments_has(&t->arguments, "diagonal")) shape[ndim++] = n2;
    if (outputs == NTK_OUTPUTS_DIAGONAL) shape[ndim++] = o;
    if (arguments_has(&t->arguments, "out-error")) {
        int failed = array_new(tool_dtype(t), ndim, shape, &p->error);
        if (failed) return failed;
    }
    return array_new(tool_dtype(t), ndim, shape, &p->out);
}

static ntk_status evaluate(tool *t, parts *p)
{
    ntk_request request = {.struct_size = NTK_REQUEST_INIT, .structure1 = given_structure(&p->structure1), .structure2 = given_structure(&p->structure2)};
    bool nngp = tool_kind(t) == NTK_KIND_NNGP;
    if (arguments_has(&t->arguments, "per-layer")) request.layers = &p->out.view;
    else *(nngp ? &request.nngp : &request.ntk) = &p->out.view;
    if (p->error.block) *(nngp ? &request.nngp_error : &request.ntk_error) = &p->error.view;
    if (arguments_has(&t->arguments, "diagonal")) return ntk_kernel_diagonal(t->context, p->kernel, &p->x1.view, &request);
    return ntk_kernel_eval(t->context, p->kernel, &p->x1.view, given(&p->x2), &request);
}

/* Bytes beside those of the result, which the tool holds, and flops. */
static int estimate(tool *t, const parts *p)
{
    bool layers = arguments_has(&t->arguments, "per-layer"), nngp = tool_kind(t) == NTK_KIND_NNGP;
    ntk_job job = {NTK_JOB_INIT, .n1 = p->x1.view.shape[0], .n2 = p->x2.block ? p->x2.view.shape[0] : 0, .dtype = tool_dtype(t), .no_ntk = nngp || layers,
                   .nngp = nngp, .layers = layers, .diagonal = arguments_has(&t->arguments, "diagonal")};
    ntk_estimate e;
    int failed = tool_check(t, NULL, ntk_kernel_estimate(t->context, p->kernel, &job, &e));
    if (!failed) report_estimate(t, &e);
    return failed;
}

int run_kernel(tool *t)
{
    parts p = {0};
    int failed;
    if (arguments_has(&t->arguments, "per-layer") && tool_kind(t) == NTK_KIND_NNGP)
        return tool_fail(EXIT_INPUT, "kernel: --per-layer splits the ntk; the nngp has no terms by layer");
    TRY(tool_network(t, &p.network));
    TRY(make_kernel(t, &p));
    TRY(tool_read_inputs(t, "x1", p.network, tool_dtype(t), &p.x1));
    TRY(tool_read_inputs(t, "x2", p.network, tool_dtype(t), &p.x2));
    TRY(tool_read_structure(t, 1, &p.structure1));
    TRY(tool_read_structure(t, 2, &p.structure2));
    tool_select(t, &p.x1, &p.structure1);
    if (p.x2.block && arguments_has(&t->arguments, "unit-norm")) tool_unit_norm(&p.x2);
    tool_start_clock(t);
    if (arguments_has(&t->arguments, "estimate")) {
        failed = estimate(t, &p);
        tool_stop_clock(t, NULL);
        goto done;
    }
    TRY(make_result(t, &p));
    TRY(tool_check(t, NULL, evaluate(t, &p)));
    tool_stop_clock(t, NULL);
    report_text(t, "kind", ntk_kind_name(tool_kind(t)));
    report_text(t, "dtype", ntk_dtype_name(tool_dtype(t)));
    report_text(t, "instruction_set", ntk_context_cpu(t->context));
    if (arguments_has(&t->arguments, "empirical")) report_text(t, "algorithm", ntk_algorithm_name(ntk_kernel_algorithm(p.kernel)));
    TRY(tool_save(t, "out", &p.out));
    if (p.error.block) TRY(tool_save(t, "out-error", &p.error));
done:
    array_free(&p.error);
    array_free(&p.out);
    array_free(&p.x2);
    array_free(&p.x1);
    structure_free(&p.structure1);
    structure_free(&p.structure2);
    ntk_kernel_destroy(p.kernel);
    ntk_optimizer_destroy(p.optimizer);
    ntk_network_destroy(p.network);
    return failed;
}
