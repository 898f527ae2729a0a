/* ntk spectrum: eigenvalues that K = J J' and the Fisher matrix J' J share, and the vectors of either side. */
#include "tool.h"

#include <float.h>

const flag_entry spectrum_flags[] = {
    {.name = "gram", .type = FLAG_INPUT, .value = "K", .help = "a symmetric matrix [n, n]"},
    {.name = "jacobian", .type = FLAG_INPUT, .value = "J", .help = "a Jacobian [n, p]: squares of its singular values", .excludes = "gram"},
    {.name = "network", .type = FLAG_INPUT, .value = "NET.json", .help = "the infinitely wide network on --x1, or with --params the finite one", .excludes = "gram"},
    {.name = "params", .type = FLAG_INPUT, .value = "P", .help = "parameters [p]: K = J D^-1 J' of the network there, [n o, n o]", .needs = "network"},
    {.name = "optimizer-d", .type = FLAG_INPUT, .value = "D", .help = "a diagonal D [p] of a Jacobian (default: 1)"},
    {.name = "x1", .type = FLAG_INPUT, .value = "A", .help = "inputs [n, ...]", .required = true, .needs = "network"},
    {.name = "limit", .type = FLAG_COUNT, .value = "N", .help = "only the first N samples of --x1", .needs = "x1"},
    {.name = "unit-norm", .type = FLAG_SWITCH, .help = "divide every input by its Euclidean norm (zeros stay)", .needs = "x1"},
    {.name = "kind", .type = FLAG_CHOICE, .value = "ntk|nngp", .help = "the kernel of the network (default: ntk)", .needs = "network"},
    {FLAG_DROPOUT, .needs = "network", .excludes = "params"},
    {.name = "top", .type = FLAG_COUNT, .value = "k", .help = "only the k largest; with --params by products with J, without any matrix"},
    {.name = "space", .type = FLAG_CHOICE, .value = "auto|function|parameters", .help = "where --top with --params iterates (default: the smaller)", .needs = "params"},
    {.name = "dtype", .type = FLAG_CHOICE, .value = "f64|f32", .help = "precision of the products with J (default: f64)", .needs = "top"},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "targets: will training fit them? (interpolates, gap, unreachable)"},
    FLAG_REGRESSION,
    {.name = "out-vectors", .type = FLAG_OUTPUT, .value = "U.npy", .help = "eigenvectors of K in columns [n, k]"},
    {.name = "out-parameter-vectors", .type = FLAG_OUTPUT, .value = "V.npy", .help = "eigenvectors of the Fisher matrix [p, k], of at most the rank; of a Jacobian"},
    {.name = "out-null-vectors", .type = FLAG_OUTPUT, .value = "U0.npy", .help = "an orthonormal basis of what is never learnt, K u = 0 [n, n - rank]", .excludes = "top"},
    {.name = "out-null-parameter-vectors", .type = FLAG_OUTPUT, .value = "V0.npy", .help = "the same of steps that no output sees, J D^-1/2 v = 0 [p, p - rank]; of a Jacobian", .excludes = "top"},
    {.name = "out", .type = FLAG_OUTPUT, .value = "S.npy", .help = "eigenvalues, largest first [k]", .required = true},
    FLAG_PLOT("the eigenvalues"),
    FLAGS_STRUCTURE(1),
    FLAGS_COMMON,
};

/* What the matrix comes from must outlive the spectrum: grams and Jacobians borrow. */
typedef struct job {
    ntk_network *network;
    ntk_kernel *kernel;
    ntk_gram *gram;
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_spectrum *spectrum;
    array input, theta, d;
    structure structure;
    int64_t spectrum_rows; /* N */
    targets y;
} job;

static bool top_alone(const tool *t)
{
    return arguments_has(&t->arguments, "params") && arguments_has(&t->arguments, "top");
}

static int read_source(tool *t, job *j)
{
    const arguments *a = &t->arguments;
    int failed;
    if (tool_dtype(t) == NTK_F32 && !top_alone(t)) return tool_fail(EXIT_INPUT, "spectrum: --dtype f32 is of products with J alone: it needs --params and --top");
    if (arguments_has(a, "gram")) return tool_read_matrix(t, "gram", &j->input);
    if (arguments_has(a, "jacobian") && arguments_has(a, "network"))
        return tool_fail(EXIT_INPUT, "spectrum: --network and --jacobian exclude each other");
    if (arguments_has(a, "jacobian")) return tool_read_matrix(t, "jacobian", &j->input);
    if (!arguments_has(a, "network")) return tool_fail(EXIT_INPUT, "spectrum: one of --gram, --jacobian and --network is needed");
    TRY(tool_network(t, &j->network));
    TRY(tool_read_inputs(t, "x1", j->network, tool_dtype(t), &j->input));
    TRY(tool_read_vector_of(t, "params", tool_dtype(t), &j->theta));
    TRY(tool_read_structure(t, 1, &j->structure));
    tool_select(t, &j->input, &j->structure);
done:
    return failed;
}

static int read_rest(tool *t, job *j)
{
    const arguments *a = &t->arguments;
    int failed = 0;
    if (arguments_has(a, "optimizer-d") && !arguments_has(a, "jacobian") && !arguments_has(a, "params"))
        return tool_fail(EXIT_INPUT, "spectrum: --optimizer-d needs --jacobian or --params");
    if (arguments_has(a, "out-parameter-vectors") && !arguments_has(a, "jacobian") && !arguments_has(a, "params"))
        return tool_fail(EXIT_INPUT, "spectrum: --out-parameter-vectors needs --jacobian or --params");
    if (arguments_has(a, "out-null-parameter-vectors") && !arguments_has(a, "jacobian") && !arguments_has(a, "params"))
        return tool_fail(EXIT_INPUT, "spectrum: --out-null-parameter-vectors needs --jacobian or --params");
    if (arguments_has(a, "y") && top_alone(t)) return tool_fail(EXIT_INPUT, "spectrum: --y needs the whole spectrum, so no --top with --params");
    TRY(tool_read_vector(t, "optimizer-d", &j->d));
    if (given(&j->d)) TRY(tool_check(t, j->d.path, ntk_optimizer_diagonal(t->context, &j->d.view, &j->optimizer)));
    if (arguments_has(a, "y")) TRY(targets_read(t, "y", NTK_F64, (int64_t)arguments_count(a, "limit", 0), &j->y));
done:
    return failed;
}

/* Of the finite network: all by the Jacobian's gram, the largest by products. */
static int spectrum_of_parameters(tool *t, const ntk_spectrum_options *options, job *j)
{
    ntk_top_options top = {NTK_TOP_OPTIONS_INIT, .space = NTK_SPACE_AUTO};
    int failed;
    ntk_space_from_name(arguments_text(&t->arguments, "space", "auto"), &top.space);
    TRY(tool_check(t, j->theta.path, ntk_jacobian_with(t->context, j->network, &j->theta.view, &j->input.view, given_structure(&j->structure), &j->jacobian)));
    /* What products in f32 cannot tell from 0. */
    if (tool_dtype(t) == NTK_F32) top.rank_tolerance = FLT_EPSILON * (double)(ntk_jacobian_rows(j->jacobian) + ntk_jacobian_columns(j->jacobian));
    if (tool_dtype(t) == NTK_F32) top.tolerance = 1e-6;
    if (top_alone(t))
        return tool_check(t, NULL, ntk_spectrum_top_of_jacobian(t->context, j->jacobian, j->optimizer, (int64_t)arguments_count(&t->arguments, "top", 1),
                                                                &top, &j->spectrum));
    TRY(tool_check(t, NULL, ntk_gram_from_jacobian(t->context, j->jacobian, j->optimizer, &j->gram)));
    TRY(tool_check(t, NULL, ntk_spectrum_create(t->context, j->gram, options, &j->spectrum)));
done:
    return failed;
}

static int gram_of_network(tool *t, const ntk_spectrum_options *options, job *j)
{
    bool nngp = options->kind == NTK_KIND_NNGP;
    ntk_gram_options gram_options = {NTK_GRAM_OPTIONS_INIT, .nngp = nngp, .no_ntk = nngp, .structure = given_structure(&j->structure)};
    int failed;
    TRY(tool_infinite_kernel(t, j->network, &j->kernel));
    TRY(tool_check(t, NULL, ntk_gram_create(t->context, j->kernel, &j->input.view, &gram_options, &j->gram)));
done:
    return failed;
}

static int make_spectrum(tool *t, job *j)
{
    const arguments *a = &t->arguments;
    bool vectors = arguments_has(a, "out-vectors") || arguments_has(a, "out-parameter-vectors") || arguments_has(a, "y") ||
                   arguments_has(a, "out-null-vectors") || arguments_has(a, "out-null-parameter-vectors");
    ntk_spectrum_options options = {NTK_SPECTRUM_OPTIONS_INIT, .kind = tool_kind(t), .values_only = !vectors};
    int failed;
    if (arguments_has(a, "jacobian")) {
        TRY(tool_check(t, j->input.path, ntk_jacobian_from_matrix(t->context, &j->input.view, 1, &j->jacobian)));
        return tool_check(t, NULL, ntk_spectrum_from_jacobian(t->context, j->jacobian, j->optimizer, &options, &j->spectrum));
    }
    if (arguments_has(a, "params")) return spectrum_of_parameters(t, &options, j);
    if (j->network) TRY(gram_of_network(t, &options, j));
    else TRY(tool_check(t, j->input.path, ntk_gram_from_matrix(t->context, &j->input.view, &j->gram)));
    TRY(tool_check(t, NULL, ntk_spectrum_create(t->context, j->gram, &options, &j->spectrum)));
done:
    return failed;
}

/* Will training fit y? */
static int report_interpolation(tool *t, job *j)
{
    array rows = {.view = ntk_matrix_f64(NULL, j->spectrum_rows, j->spectrum_rows), .path = j->input.path};
    const char *flag = arguments_has(&t->arguments, "gram") ? "gram" : arguments_has(&t->arguments, "jacobian") ? "jacobian" : "x1";
    double gap, unreachable;
    int interpolates, failed = 0;
    layout form;
    if (!j->y.y.block) return 0;
    TRY(targets_layout(t, &rows, flag, &j->y.y, &form));
    TRY(tool_check(t, j->y.y.path, ntk_spectrum_interpolation(t->context, j->spectrum, &j->y.y.view, &interpolates, &gap, &unreachable, NULL)));
    report_json(t, "interpolates", json_boolean(interpolates));
    report_number(t, "gap", gap);
    report_number(t, "unreachable", unreachable);
done:
    return failed;
}

typedef ntk_status (*getter)(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *out);

/* `get` fills an array of `shape`; of a vector only the first k are kept. */
static int save(tool *t, const char *flag, const ntk_spectrum *spectrum, getter get, int ndim, const int64_t *shape, int64_t k)
{
    array out = {0};
    int failed;
    if (!arguments_has(&t->arguments, flag)) return 0;
    TRY(array_new(NTK_F64, ndim, shape, &out));
    TRY(tool_check(t, NULL, get(t->context, spectrum, &out.view)));
    if (ndim == 1) out.view.shape[0] = k;
    TRY(tool_save(t, flag, &out));
done:
    array_free(&out);
    return failed;
}

static ntk_status null_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *out)
{
    return ntk_spectrum_get_null_vectors(ctx, spectrum, NTK_SPACE_FUNCTION, out);
}

static ntk_status null_parameter_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *out)
{
    return ntk_spectrum_get_null_vectors(ctx, spectrum, NTK_SPACE_PARAMETERS, out);
}

static int save_all(tool *t, const job *j)
{
    const ntk_spectrum *s = j->spectrum;
    int64_t size = ntk_spectrum_size(s), k = (int64_t)arguments_count(&t->arguments, "top", (uint64_t)size), rank = ntk_spectrum_rank(s);
    int failed;
    if (k > size)
        return tool_fail(EXIT_INPUT, "spectrum: --top %lld exceeds the %lld eigenvalues", (long long)k, (long long)size);
    TRY(save(t, "out", s, ntk_spectrum_get_values, 1, (int64_t[]){size}, k));
    TRY(save(t, "out-vectors", s, ntk_spectrum_get_vectors, 2, (int64_t[]){j->spectrum_rows, k}, k));
    TRY(save(t, "out-parameter-vectors", s, ntk_spectrum_get_parameter_vectors, 2,
             (int64_t[]){ntk_jacobian_columns(j->jacobian), k < rank ? k : rank}, k));
    TRY(save(t, "out-null-vectors", s, null_vectors, 2, (int64_t[]){j->spectrum_rows, j->spectrum_rows - rank}, k));
    TRY(save(t, "out-null-parameter-vectors", s, null_parameter_vectors, 2,
             (int64_t[]){ntk_jacobian_columns(j->jacobian), ntk_jacobian_columns(j->jacobian) - rank}, k));
done:
    return failed;
}

static int draw(tool *t, const ntk_spectrum *spectrum)
{
    int64_t size = ntk_spectrum_size(spectrum), k = (int64_t)arguments_count(&t->arguments, "top", (uint64_t)size);
    array values = {0};
    int failed;
    if (!arguments_has(&t->arguments, "plot")) return 0;
    TRY(array_new(NTK_F64, 1, &size, &values));
    TRY(tool_check(t, NULL, ntk_spectrum_get_values(t->context, spectrum, &values.view)));
    TRY(tool_plot(t, &(plot){.title = "eigenvalues", .x_label = "index", .log_x = true, .log_y = true,
                             .curves = (curve[]){{.name = "K", .y = values.view.data, .count = k, .points = true}, {.name = NULL}}}));
done:
    array_free(&values);
    return failed;
}

int run_spectrum(tool *t)
{
    job j = {0};
    int failed;
    TRY(read_source(t, &j));
    TRY(read_rest(t, &j));
    tool_start_clock(t);
    TRY(make_spectrum(t, &j));
    tool_stop_clock(t, NULL);
    j.spectrum_rows = j.jacobian ? ntk_jacobian_rows(j.jacobian) : ntk_gram_size(j.gram);
    report_integer(t, "size", ntk_spectrum_size(j.spectrum));
    report_integer(t, "rank", ntk_spectrum_rank(j.spectrum));
    report_number(t, "condition", ntk_spectrum_condition(j.spectrum));
    TRY(report_interpolation(t, &j));
    TRY(save_all(t, &j));
    TRY(draw(t, j.spectrum));
done:
    ntk_spectrum_destroy(j.spectrum);
    ntk_gram_destroy(j.gram);
    ntk_kernel_destroy(j.kernel);
    ntk_jacobian_destroy(j.jacobian);
    ntk_network_destroy(j.network);
    ntk_optimizer_destroy(j.optimizer);
    array_free(&j.input);
    array_free(&j.theta);
    array_free(&j.d);
    targets_free(&j.y);
    structure_free(&j.structure);
    return failed;
}
