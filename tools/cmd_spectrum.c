/* ntk spectrum: eigenvalues that K = J J' and the Fisher matrix J' J share, and the vectors of either side. */
#include "tool.h"

const flag_entry spectrum_flags[] = {
    {.name = "gram", .type = FLAG_INPUT, .value = "K", .help = "a symmetric matrix [n, n]"},
    {.name = "jacobian", .type = FLAG_INPUT, .value = "J", .help = "a Jacobian [n, p]: squares of its singular values", .excludes = "gram"},
    {.name = "network", .type = FLAG_INPUT, .value = "NET.json", .help = "the infinitely wide network on --x1", .excludes = "gram"},
    {.name = "x1", .type = FLAG_INPUT, .value = "A", .help = "inputs [n, ...]", .required = true, .needs = "network"},
    {.name = "kind", .type = FLAG_CHOICE, .value = "ntk|nngp", .help = "the kernel of the network (default: ntk)", .needs = "network"},
    {.name = "top", .type = FLAG_COUNT, .value = "k", .help = "only the k largest"},
    {.name = "out-vectors", .type = FLAG_OUTPUT, .value = "U.npy", .help = "eigenvectors of K in columns [n, k]"},
    {.name = "out-parameter-vectors", .type = FLAG_OUTPUT, .value = "V.npy", .help = "eigenvectors of the Fisher matrix [p, k], of at most the rank", .needs = "jacobian"},
    {.name = "out", .type = FLAG_OUTPUT, .value = "S.npy", .help = "eigenvalues, largest first [k]", .required = true},
    FLAG_PLOT("the eigenvalues"),
    FLAGS_LATER_POSITIONS,
    FLAGS_COMMON,
};

/* What the matrix comes from must outlive the spectrum: grams and Jacobians borrow. */
typedef struct job {
    ntk_network *network;
    ntk_kernel *kernel;
    ntk_gram *gram;
    ntk_jacobian *jacobian;
    ntk_spectrum *spectrum;
    array input;
} job;

static int read_source(tool *t, job *j)
{
    const arguments *a = &t->arguments;
    int failed;
    if (arguments_has(a, "gram")) return tool_read_matrix(t, "gram", &j->input);
    if (arguments_has(a, "jacobian") && arguments_has(a, "network"))
        return tool_fail(EXIT_INPUT, "spectrum: --network and --jacobian exclude each other");
    if (arguments_has(a, "jacobian")) return tool_read_matrix(t, "jacobian", &j->input);
    if (!arguments_has(a, "network")) return tool_fail(EXIT_INPUT, "spectrum: one of --gram, --jacobian and --network is needed");
    failed = tool_network(t, &j->network);
    return failed ? failed : tool_read_inputs(t, "x1", j->network, NTK_F64, &j->input);
}

static int gram_of_network(tool *t, const ntk_spectrum_options *options, job *j)
{
    bool nngp = options->kind == NTK_KIND_NNGP;
    ntk_gram_options gram_options = {NTK_GRAM_OPTIONS_INIT, .nngp = nngp, .no_ntk = nngp};
    int failed;
    TRY(tool_check(t, arguments_text(&t->arguments, "network", NULL), ntk_kernel_from_network(t->context, j->network, NULL, &j->kernel)));
    TRY(tool_check(t, NULL, ntk_gram_create(t->context, j->kernel, &j->input.view, &gram_options, &j->gram)));
done:
    return failed;
}

static int make_spectrum(tool *t, job *j)
{
    const arguments *a = &t->arguments;
    bool vectors = arguments_has(a, "out-vectors") || arguments_has(a, "out-parameter-vectors");
    ntk_spectrum_options options = {NTK_SPECTRUM_OPTIONS_INIT, .kind = tool_kind(t), .values_only = !vectors};
    int failed;
    if (arguments_has(a, "jacobian")) {
        TRY(tool_check(t, j->input.path, ntk_jacobian_from_matrix(t->context, &j->input.view, 1, &j->jacobian)));
        return tool_check(t, NULL, ntk_spectrum_from_jacobian(t->context, j->jacobian, NULL, &options, &j->spectrum));
    }
    if (j->network) TRY(gram_of_network(t, &options, j));
    else TRY(tool_check(t, j->input.path, ntk_gram_from_matrix(t->context, &j->input.view, &j->gram)));
    TRY(tool_check(t, NULL, ntk_spectrum_create(t->context, j->gram, &options, &j->spectrum)));
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

static int save_all(tool *t, const job *j)
{
    const ntk_spectrum *s = j->spectrum;
    int64_t size = ntk_spectrum_size(s), k = (int64_t)arguments_count(&t->arguments, "top", (uint64_t)size), rank = ntk_spectrum_rank(s);
    int failed;
    if (k > size)
        return tool_fail(EXIT_INPUT, "spectrum: --top %lld exceeds the %lld eigenvalues", (long long)k, (long long)size);
    TRY(save(t, "out", s, ntk_spectrum_get_values, 1, (int64_t[]){size}, k));
    TRY(save(t, "out-vectors", s, ntk_spectrum_get_vectors, 2, (int64_t[]){j->input.view.shape[0], k}, k));
    TRY(save(t, "out-parameter-vectors", s, ntk_spectrum_get_parameter_vectors, 2,
             (int64_t[]){ntk_jacobian_columns(j->jacobian), k < rank ? k : rank}, k));
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
    tool_start_clock(t);
    TRY(make_spectrum(t, &j));
    tool_stop_clock(t, NULL);
    report_integer(t, "size", ntk_spectrum_size(j.spectrum));
    report_integer(t, "rank", ntk_spectrum_rank(j.spectrum));
    report_number(t, "condition", ntk_spectrum_condition(j.spectrum));
    TRY(save_all(t, &j));
    TRY(draw(t, j.spectrum));
done:
    ntk_spectrum_destroy(j.spectrum);
    ntk_gram_destroy(j.gram);
    ntk_kernel_destroy(j.kernel);
    ntk_jacobian_destroy(j.jacobian);
    ntk_network_destroy(j.network);
    array_free(&j.input);
    return failed;
}
