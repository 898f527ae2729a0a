/* ntk fit: the infinitely wide network, trained to the end on (x, y): f(x*) = K(x*, x) (K(x, x) + ridge)^-1 y. */
#include "tool.h"

#include <math.h>
#include <string.h>

const flag_entry fit_flags[] = {
    FLAG_NETWORK,
    {.name = "x", .type = FLAG_INPUT, .value = "X", .help = "training inputs [n, ...]", .required = true},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "classes [n] or targets [n] or [n, o]", .required = true},
    {.name = "x-test", .type = FLAG_INPUT, .value = "XT", .help = "test inputs [m, ...]", .required = true},
    {.name = "y-test", .type = FLAG_INPUT, .value = "YT", .help = "reports accuracy (classes) or rmse (targets)"},
    FLAG_KIND("the kernel"),
    FLAGS_RIDGE,
    FLAG_DTYPE,
    {.name = "limit", .type = FLAG_COUNT, .value = "N", .help = "only the first N training samples"},
    FLAG_UNIT_NORM,
    FLAG_REGRESSION,
    {.name = "solver", .type = FLAG_CHOICE, .value = "cholesky|cg", .help = "cg: conjugate gradients, which keep no entries of the kernel and so take any n (default: cholesky)"},
    {.name = "tolerance", .type = FLAG_NUMBER, .value = "T", .help = "of cg: residuals over targets (default: 1e-10, in f32 1e-4)"},
    {.name = "out", .type = FLAG_OUTPUT, .value = "MEAN.npy", .help = "the mean on the test inputs [m, classes or outputs]"},
    {.name = "out-probabilities", .type = FLAG_OUTPUT, .value = "P.npy", .help = "of the classes [m, classes]: softmax(mean/T), T from leave-one-out"},
    {.name = "estimate", .type = FLAG_SWITCH, .help = "say what memory and work it would take, and do none of it", .excludes = "out"},
    {FLAG_DROPOUT},
    FLAGS_STRUCTURE_OF(1, "x"), FLAGS_STRUCTURE_OF(2, "x-test"),
    FLAGS_COMMON,
};

typedef struct job {
    ntk_network *network;
    ntk_kernel *kernel;
    ntk_gram *gram;
    ntk_predictor *predictor;
    array x, x_test, mean, probabilities;
    structure structure, structure_test;
    targets y;
} job;

static int check_rows(const tool *t, const job *j)
{
    int64_t x = j->x.view.shape[0], y = j->y.y.view.shape[0];
    if (x == 0) return tool_fail(EXIT_INPUT, "fit: --x %s holds no samples", j->x.path);
    if (j->x_test.view.shape[0] == 0) return tool_fail(EXIT_INPUT, "fit: --x-test %s holds no samples", j->x_test.path);
    if (x == y) return 0;
    return tool_fail(EXIT_INPUT, "fit: --x %s has %lld samples, --y %s has %lld", j->x.path, (long long)x,
                     arguments_text(&t->arguments, "y", ""), (long long)y);
}

static int read_data(tool *t, job *j)
{
    int64_t limit = (int64_t)arguments_count(&t->arguments, "limit", 0);
    ntk_dtype dtype = tool_dtype(t);
    double start = tool_now();
    int failed;
    TRY(tool_network(t, &j->network));
    TRY(tool_read_inputs(t, "x", j->network, dtype, &j->x));
    TRY(tool_read_inputs(t, "x-test", j->network, dtype, &j->x_test));
    TRY(tool_read_structure(t, 1, &j->structure));
    TRY(tool_read_structure(t, 2, &j->structure_test));
    tool_select(t, &j->x, &j->structure);
    TRY(targets_read(t, "y", dtype, limit, &j->y));
    TRY(check_rows(t, j));
    if (arguments_has(&t->arguments, "unit-norm")) tool_unit_norm(&j->x_test);
    report_number(t, "seconds_read", tool_now() - start);
done:
    return failed;
}

static bool keeps_entries(const tool *t)
{
    return strcmp(arguments_text(&t->arguments, "solver", "cholesky"), "cg") != 0;
}

static ntk_storage storage(const tool *t)
{
    return keeps_entries(t) ? NTK_STORAGE_AUTO : NTK_STORAGE_NONE;
}

static ntk_decomposition decomposition(const tool *t)
{
    return keeps_entries(t) ? NTK_DECOMPOSITION_CHOLESKY : NTK_DECOMPOSITION_CG;
}

static ntk_posterior posterior(const tool *t)
{
    return tool_kind(t) == NTK_KIND_NNGP ? NTK_POSTERIOR_NNGP : NTK_POSTERIOR_NTK;
}

/* Bytes beside those of the inputs and the mean, which the tool holds, and flops. */
static int estimate(tool *t, const job *j)
{
    ntk_predictor_job wanted = {NTK_PREDICTOR_JOB_INIT, .n = j->x.view.shape[0], .m = j->x_test.view.shape[0], .columns = j->y.y.view.shape[1],
                                .dtype = tool_dtype(t), .storage = storage(t), .posterior = posterior(t), .decomposition = decomposition(t),
                                .consume = keeps_entries(t)};
    ntk_estimate e;
    int failed;
    TRY(tool_check(t, NULL, ntk_predictor_estimate(t->context, j->kernel, &wanted, &e)));
    report_estimate(t, &e);
done:
    return failed;
}

static int make_gram(tool *t, job *j)
{
    bool nngp = tool_kind(t) == NTK_KIND_NNGP;
    ntk_gram_options options = {NTK_GRAM_OPTIONS_INIT, .nngp = nngp, .no_ntk = nngp, .storage = storage(t), .structure = given_structure(&j->structure)};
    int failed;
    tool_start_clock(t);
    TRY(tool_check(t, NULL, ntk_gram_create(t->context, j->kernel, &j->x.view, &options, &j->gram)));
    tool_stop_clock(t, "seconds_kernel");
done:
    return failed;
}

static int train(tool *t, job *j)
{
    ntk_predictor_options options = {
        NTK_PREDICTOR_OPTIONS_INIT,
        .posterior = posterior(t),
        .ridge = arguments_number(&t->arguments, "ridge", 0),
        .ridge_relative = arguments_number(&t->arguments, "ridge-relative", 0),
        .consume = keeps_entries(t), /* the gram serves nothing else */
        .decomposition = decomposition(t),
        .tolerance = arguments_number(&t->arguments, "tolerance", 0),
    };
    int failed;
    tool_start_clock(t);
    TRY(tool_check(t, NULL, ntk_predictor_create(t->context, j->gram, &j->y.y.view, &options, &j->predictor)));
    tool_stop_clock(t, "seconds_solve");
done:
    return failed;
}

static ntk_status mean(tool *t, job *j)
{
    ntk_test_set set = {.struct_size = NTK_TEST_SET_INIT, .x = &j->x_test.view, .structure = given_structure(&j->structure_test)};
    if (!set.structure) return ntk_predictor_mean(t->context, j->predictor, &j->x_test.view, &j->mean.view);
    return ntk_predictor_at(t->context, j->predictor, &set, INFINITY, &j->mean.view, NULL);
}

static int predict(tool *t, job *j)
{
    int64_t shape[2] = {j->x_test.view.shape[0], j->y.y.view.shape[1]};
    int failed;
    TRY(array_new(tool_dtype(t), 2, shape, &j->mean));
    tool_start_clock(t);
    TRY(tool_check(t, NULL, mean(t, j)));
    tool_stop_clock(t, "seconds_predict");
done:
    return failed;
}

int run_fit(tool *t)
{
    job j = {0};
    int failed;
    TRY(read_data(t, &j));
    report_integer(t, "train", j.x.view.shape[0]);
    report_integer(t, "test", j.x_test.view.shape[0]);
    if (j.y.classes) report_integer(t, "classes", j.y.y.view.shape[1]);
    TRY(tool_infinite_kernel(t, j.network, &j.kernel));
    if (arguments_has(&t->arguments, "estimate")) {
        failed = estimate(t, &j);
        goto done;
    }
    TRY(make_gram(t, &j));
    TRY(train(t, &j));
    TRY(predict(t, &j));
    TRY(targets_score(t, "y-test", &j.y, &j.mean));
    TRY(classes_probabilities(t, j.predictor, &j.y, &j.mean, &j.probabilities));
    layout_restore(&(layout){false, j.y.y.view.shape[1]}, j.y.vector, &j.mean);
    TRY(tool_save(t, "out", &j.mean));
done:
    array_free(&j.probabilities);
    array_free(&j.mean);
    targets_free(&j.y);
    structure_free(&j.structure);
    structure_free(&j.structure_test);
    array_free(&j.x_test);
    array_free(&j.x);
    ntk_predictor_destroy(j.predictor);
    ntk_gram_destroy(j.gram);
    ntk_kernel_destroy(j.kernel);
    ntk_network_destroy(j.network);
    return failed;
}
