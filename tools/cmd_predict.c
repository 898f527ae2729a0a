/* ntk predict: the predictors of docs/mathematics.md §7 on kernels that the user brings as matrices. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>

#define FLAG_BLOCK(flag_name, what) {.name = flag_name, .type = FLAG_INPUT, .value = "K", .help = what}

const flag_entry predict_flags[] = {
    {.name = "get", .type = FLAG_CHOICE, .value = "nngp|ntk|ntkgp", .help = "whose mean and covariance", .required = true},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "targets [n] or [n, o], or classes [n]", .required = true},
    FLAG_BLOCK("ntk-train", "NTK of the training inputs, [n, n] or [n o, n o]"),
    FLAG_BLOCK("ntk-test", "NTK of test with training inputs, [m, n]"),
    FLAG_BLOCK("ntk-test-test", "NTK of the test inputs, [m, m], for a covariance"),
    FLAG_BLOCK("nngp-train", "NNGP of the training inputs"),
    FLAG_BLOCK("nngp-test", "NNGP of test with training inputs"),
    FLAG_BLOCK("nngp-test-test", "NNGP of the test inputs, for a covariance"),
    {.name = "f0-train", .type = FLAG_INPUT, .value = "F", .help = "outputs at the start, [n, o] (default: 0)"},
    {.name = "f0-test", .type = FLAG_INPUT, .value = "F", .help = "outputs at the start on the test inputs, [m, o] (default: 0)"},
    FLAG_LEARNING_RATE,
    FLAGS_RIDGE,
    {.name = "time", .type = FLAG_TIME, .value = "T|inf", .help = "training time (default: inf)"},
    FLAG_LOSS_SCALE,
    FLAG_REGRESSION,
    {.name = "out-mean", .type = FLAG_OUTPUT, .value = "M.npy", .help = "mean [m, o]", .required = true, .unless = "estimate"},
    {.name = "estimate", .type = FLAG_SWITCH, .help = "say what memory and work it would take, with what else is asked for, and do none of it", .excludes = "out-mean"},
    {.name = "out-cov", .type = FLAG_OUTPUT, .value = "C.npy", .help = "covariance [m, m]; of ntk it needs both kernels"},
    {.name = "out-variance", .type = FLAG_OUTPUT, .value = "V.npy", .help = "its diagonal alone [m], without computing the rest"},
    {.name = "noise", .type = FLAG_INPUT, .value = "S.npy", .help = "a variance for each training sample [n], added to the diagonal"},
    {.name = "draws", .type = FLAG_COUNT, .value = "S", .help = "functions drawn from the posterior (default: 1)", .needs = "out-draws"},
    {.name = "seed", .type = FLAG_SEED, .value = "S", .help = "of the draws (default: 0)", .needs = "out-draws"},
    FLAG_PLOT("the first output at every test input, with two deviations where --out-variance or --out-cov is given"),
    {.name = "y-test", .type = FLAG_INPUT, .value = "YT", .help = "reports accuracy (classes; with --out-probabilities also nll) or rmse (targets)"},
    {.name = "out-probabilities", .type = FLAG_OUTPUT, .value = "P.npy", .help = "of the classes [m, classes]: softmax(mean/T), T from leave-one-out"},
    {.name = "out-draws", .type = FLAG_OUTPUT, .value = "F.npy", .help = "functions drawn [draws, m, o]"},
    FLAGS_COMMON,
};

/* The blocks of one kernel. */
typedef struct blocks {
    array train, test, test_test;
} blocks;

typedef struct job {
    blocks ntk, nngp;
    array f0_train, f0_test, noise, mean, covariance, variance, draws, probabilities;
    targets y;
    layout form;
    ntk_gram *gram;
    ntk_predictor *predictor;
} job;

/* Anything that needs more than the mean. */
static bool wants_spread(const tool *t)
{
    return arguments_has(&t->arguments, "out-cov") || arguments_has(&t->arguments, "out-variance") || arguments_has(&t->arguments, "out-draws");
}

static int need(tool *t, const char *flag, array *a)
{
    if (arguments_has(&t->arguments, flag)) return tool_read_matrix(t, flag, a);
    return tool_fail(EXIT_INPUT, "predict: --get %s%s needs --%s", arguments_text(&t->arguments, "get", ""),
                     arguments_has(&t->arguments, "out-cov") ? " with --out-cov" : wants_spread(t) ? " with a variance or draws" : "", flag);
}

/* Which posterior needs which blocks: the mean those of its own kernel; the covariance of ntk, an ensemble drawn from
 * the NNGP and trained with the NTK, those of both. */
static int read_blocks(tool *t, ntk_posterior get, job *j)
{
    bool covariance = wants_spread(t), ensemble = get == NTK_POSTERIOR_NTK && covariance;
    bool nngp = get == NTK_POSTERIOR_NNGP || ensemble, ntk = get != NTK_POSTERIOR_NNGP;
    int failed = 0;
    if (ntk) TRY(need(t, "ntk-train", &j->ntk.train));
    if (ntk) TRY(need(t, "ntk-test", &j->ntk.test));
    if (ntk && covariance && !ensemble) TRY(need(t, "ntk-test-test", &j->ntk.test_test));
    if (nngp) TRY(need(t, "nngp-train", &j->nngp.train));
    if (nngp) TRY(need(t, "nngp-test", &j->nngp.test));
    if (nngp && covariance) TRY(need(t, "nngp-test-test", &j->nngp.test_test));
done:
    return failed;
}

static int read_targets(tool *t, bool nngp, const array *train, const array *test, job *j)
{
    int failed;
    TRY(targets_read(t, "y", NTK_F64, 0, &j->y));
    TRY(targets_layout(t, train, nngp ? "nngp-train" : "ntk-train", &j->y.y, &j->form));
    TRY(layout_check_rows(t, nngp ? "nngp-test" : "ntk-test", &j->form, test));
    TRY(tool_read(t, "f0-train", NTK_F64, &j->f0_train));
    TRY(tool_read_vector(t, "noise", &j->noise));
    TRY(tool_read(t, "f0-test", NTK_F64, &j->f0_test));
    TRY(layout_apply(t, "f0-train", &j->form, train->view.shape[0], &j->f0_train));
    TRY(layout_apply(t, "f0-test", &j->form, test->view.shape[0], &j->f0_test));
done:
    return failed;
}

/* Cholesky serves t = infinity; eigenvectors every t, and a singular kernel without a ridge (the pseudo-inverse). */
static ntk_decomposition decomposition(double time, const ntk_predictor_options *options)
{
    bool plain = isinf(time) && (options->ridge + options->ridge_relative > 0 || options->noise);
    return plain ? NTK_DECOMPOSITION_CHOLESKY : NTK_DECOMPOSITION_EIGEN;
}

/* Bytes beside those of the blocks and the answers, which the tool holds, and flops. */
static int estimate(tool *t, ntk_posterior get, double time, const job *j, const array *test)
{
    const arguments *a = &t->arguments;
    ntk_predictor_options options = {.ridge = arguments_number(a, "ridge", 0), .ridge_relative = arguments_number(a, "ridge-relative", 0), .noise = given(&j->noise)};
    ntk_predictor_job wanted = {NTK_PREDICTOR_JOB_INIT, .n = test->view.shape[1], .m = test->view.shape[0], .columns = j->y.y.view.shape[1], .dtype = NTK_F64,
                                .posterior = get, .decomposition = decomposition(time, &options), .noise = j->noise.block != NULL,
                                .f0 = j->f0_train.block || j->f0_test.block, .variance = arguments_has(a, "out-variance"),
                                .covariance = arguments_has(a, "out-cov"), .draws = arguments_has(a, "out-draws") ? (int64_t)arguments_count(a, "draws", 1) : 0};
    ntk_estimate e;
    int failed;
    TRY(tool_check(t, NULL, ntk_predictor_estimate(t->context, NULL, &wanted, &e)));
    report_estimate(t, &e);
done:
    return failed;
}

static int make_predictor(tool *t, ntk_posterior get, double time, job *j)
{
    ntk_predictor_options options = {
        NTK_PREDICTOR_OPTIONS_INIT,
        .posterior = get,
        .loss_scale = tool_loss_scale(t),
        .ridge = arguments_number(&t->arguments, "ridge", 0),
        .ridge_relative = arguments_number(&t->arguments, "ridge-relative", 0),
        .learning_rate = arguments_number(&t->arguments, "learning-rate", 1),
        .f0 = given(&j->f0_train),
        .noise = given(&j->noise),
    };
    int failed;
    options.decomposition = decomposition(time, &options);
    TRY(tool_check(t, NULL, ntk_gram_from_matrices(t->context, given(&j->ntk.train), given(&j->nngp.train), &j->gram)));
    TRY(tool_check(t, NULL, ntk_predictor_create(t->context, j->gram, &j->y.y.view, &options, &j->predictor)));
done:
    return failed;
}

static int evaluate(tool *t, double time, const array *test, job *j)
{
    ntk_test_set set = {
        .struct_size = NTK_TEST_SET_INIT,
        .ntk = given(&j->ntk.test),
        .nngp = given(&j->nngp.test),
        .ntk_test = given(&j->ntk.test_test),
        .nngp_test = given(&j->nngp.test_test),
        .f0 = given(&j->f0_test),
    };
    int64_t m = test->view.shape[0];
    bool covariance = arguments_has(&t->arguments, "out-cov");
    int failed;
    TRY(array_new(NTK_F64, 2, (int64_t[]){m, j->y.y.view.shape[1]}, &j->mean));
    if (covariance) TRY(array_new(NTK_F64, 2, (int64_t[]){m, m}, &j->covariance));
    TRY(tool_check(t, NULL, ntk_predictor_at(t->context, j->predictor, &set, time, &j->mean.view, covariance ? &j->covariance.view : NULL)));
    if (arguments_has(&t->arguments, "out-variance")) {
        TRY(array_new(NTK_F64, 1, &m, &j->variance));
        TRY(tool_check(t, NULL, ntk_predictor_variance(t->context, j->predictor, &set, time, &j->variance.view)));
    }
    if (arguments_has(&t->arguments, "out-draws")) {
        int64_t shape[] = {(int64_t)arguments_count(&t->arguments, "draws", 1), m, j->y.y.view.shape[1]};
        TRY(array_new(NTK_F64, 3, shape, &j->draws));
        TRY(tool_check(t, NULL, ntk_predictor_sample(t->context, j->predictor, &set, time, arguments_count(&t->arguments, "seed", 0), &j->draws.view)));
    }
done:
    return failed;
}

/* Variance of row i, as far as it was asked for; NaN leaves a point out. */
static double variance_of(const job *j, int64_t i)
{
    if (j->variance.block) return ((const double *)j->variance.view.data)[i];
    return j->covariance.block ? ((const double *)j->covariance.view.data)[i * (j->covariance.view.shape[0] + 1)] : NAN;
}

static int draw(tool *t, const job *j)
{
    int64_t m = j->mean.view.shape[0], c = j->mean.view.shape[1];
    double *lines = calloc((size_t)(3 * m + 1), sizeof *lines), *upper = lines + m, *lower = upper + m;
    curve curves[] = {{.name = "mean", .y = lines, .count = m},
                      {.name = "mean + 2 deviations", .y = upper, .count = m},
                      {.name = "mean - 2 deviations", .y = lower, .count = m},
                      {.name = NULL}};
    int failed;
    if (!lines) return tool_fail(EXIT_FAILED, "predict: out of memory");
    for (int64_t i = 0; i < m; ++i) {
        double width = 2 * sqrt(variance_of(j, i));
        lines[i] = ((const double *)j->mean.view.data)[i * c];
        upper[i] = lines[i] + width;
        lower[i] = lines[i] - width;
    }
    if (!j->variance.block && !j->covariance.block) curves[1].name = NULL;
    failed = tool_plot(t, &(plot){.title = "first output", .x_label = "test input", .curves = curves});
    free(lines);
    return failed;
}

/* Left-out outputs are those of t = infinity, and of a whole sample. */
static int check_probabilities(tool *t, double time, const job *j)
{
    if (!arguments_has(&t->arguments, "out-probabilities")) return 0;
    if (!isinf(time)) return tool_fail(EXIT_INPUT, "predict: --out-probabilities is for --time inf: the temperature comes from left-out outputs, which have no time");
    if (!j->form.full || j->form.outputs == 1) return 0;
    return tool_fail(EXIT_INPUT, "predict: --out-probabilities needs a kernel [n, n], one value per pair of samples; this one has all %lld outputs", (long long)j->form.outputs);
}

static int score(tool *t, job *j)
{
    int64_t rows = j->mean.view.shape[0], o = j->form.outputs;
    array mean = j->mean;
    int failed;
    if (j->form.full) mean.view = ntk_array_dense(mean.view.data, mean.view.dtype, 2, (int64_t[]){rows / o, o});
    TRY(targets_score(t, "y-test", &j->y, &mean));
    TRY(classes_probabilities(t, j->predictor, &j->y, &mean, &j->probabilities));
done:
    return failed;
}

static int run_steps(tool *t, job *j)
{
    ntk_posterior get = NTK_POSTERIOR_NTK;
    double time = arguments_number(&t->arguments, "time", INFINITY);
    const blocks *own;
    int failed;
    ntk_posterior_from_name(arguments_text(&t->arguments, "get", NULL), &get);
    own = get == NTK_POSTERIOR_NNGP ? &j->nngp : &j->ntk;
    TRY(read_blocks(t, get, j));
    TRY(read_targets(t, get == NTK_POSTERIOR_NNGP, &own->train, &own->test, j));
    TRY(check_probabilities(t, time, j));
    if (arguments_has(&t->arguments, "estimate")) return estimate(t, get, time, j, &own->test);
    tool_start_clock(t);
    TRY(make_predictor(t, get, time, j));
    TRY(evaluate(t, time, &own->test, j));
    tool_stop_clock(t, NULL);
    TRY(score(t, j));
    if (arguments_has(&t->arguments, "plot")) TRY(draw(t, j));
    layout_restore(&j->form, j->y.vector, &j->mean);
    TRY(tool_save(t, "out-mean", &j->mean));
    if (j->covariance.block) TRY(tool_save(t, "out-cov", &j->covariance));
    if (j->variance.block) TRY(tool_save(t, "out-variance", &j->variance));
    if (j->draws.block) {
        layout_restore(&j->form, j->y.vector, &j->draws);
        TRY(tool_save(t, "out-draws", &j->draws));
    }
done:
    return failed;
}

static void blocks_free(blocks *b)
{
    array_free(&b->train);
    array_free(&b->test);
    array_free(&b->test_test);
}

int run_predict(tool *t)
{
    job j = {0};
    int failed = run_steps(t, &j);
    ntk_predictor_destroy(j.predictor);
    ntk_gram_destroy(j.gram);
    targets_free(&j.y);
    array_free(&j.f0_train);
    array_free(&j.f0_test);
    array_free(&j.mean);
    array_free(&j.covariance);
    array_free(&j.variance);
    array_free(&j.draws);
    array_free(&j.noise);
    array_free(&j.probabilities);
    blocks_free(&j.ntk);
    blocks_free(&j.nngp);
    return failed;
}
