/* ntk compare: what the data say of several designs, without training any; one spectrum each. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const flag_entry compare_flags[] = {
    {.name = "networks", .type = FLAG_WORDS, .value = "NET1.json NET2.json ...", .required = true},
    {.name = "x", .type = FLAG_INPUT, .value = "X", .help = "inputs [n, ...]", .required = true},
    {.name = "y", .type = FLAG_INPUT, .value = "Y", .help = "classes [n] or targets [n] or [n, o]", .required = true},
    {.name = "x-test", .type = FLAG_INPUT, .value = "XT", .help = "held-out inputs [m, ...]", .required = true, .needs = "y-test"},
    {.name = "y-test", .type = FLAG_INPUT, .value = "YT", .help = "held-out classes or targets", .required = true, .needs = "x-test"},
    FLAG_KIND("the kernel"),
    FLAGS_RIDGE,
    {.name = "rank-by", .type = FLAG_CHOICE, .value = "loo_error|loo_accuracy|loo_log_score|log_evidence|predicted_error|alignment|time_to_loss",
     .help = "the measure that ranks (default: loo_error)"},
    {.name = "loss", .type = FLAG_POSITIVE, .value = "S", .help = "time_to_loss: share of the first loss to be reached (default: 0.01)"},
    FLAG_LIMIT("x and y"),
    FLAG_UNIT_NORM,
    FLAG_REGRESSION,
    FLAG_PLOT("the errors, each sample left out: of n/2, of n, and foretold of 2n"),
    FLAGS_COMMON,
};

typedef struct design {
    const char *path;
    double ridge, measures[NTK_MEASURE_COUNT];
    double half;        /* loo_error of the first n/2 samples */
    double score;       /* on held-out data */
    double seconds;
    int64_t parameters;
} design;

typedef struct job {
    array x, x_test;
    targets y;
    design *designs;
    int count;
    const char *score; /* "accuracy", "rmse"; NULL: no held-out data */
} job;

/* ---- one design ------------------------------------------------------------------------------------------------ */

static int absolute_ridge(tool *t, const ntk_gram *gram, ntk_kind kind, double *ridge)
{
    double relative = arguments_number(&t->arguments, "ridge-relative", 0), trace = 0;
    int64_t n = ntk_gram_size(gram);
    array diagonal = {0};
    int failed;
    *ridge = arguments_number(&t->arguments, "ridge", 0);
    TRY(array_new(NTK_F64, 1, &n, &diagonal));
    TRY(tool_check(t, NULL, ntk_gram_get_diagonal(t->context, gram, kind, &diagonal.view)));
    for (int64_t i = 0; i < n; ++i) trace += ((double *)diagonal.view.data)[i];
    *ridge += relative * trace / (double)n;
done:
    array_free(&diagonal);
    return failed;
}

static int measure(tool *t, const ntk_gram *gram, ntk_kind kind, const ntk_array *y, const design *d, int64_t count, double *values)
{
    ntk_spectrum_options of = {NTK_SPECTRUM_OPTIONS_INIT, .kind = kind};
    ntk_design_options options = {NTK_DESIGN_OPTIONS_INIT, .ridge = d->ridge, .fraction = arguments_number(&t->arguments, "loss", 0)};
    ntk_array out = ntk_vector_f64(values, count);
    ntk_spectrum *spectrum = NULL;
    int failed;
    TRY(tool_check(t, d->path, ntk_spectrum_create(t->context, gram, &of, &spectrum)));
    TRY(tool_check(t, d->path, ntk_design_measure(t->context, spectrum, y, &options, &out)));
done:
    ntk_spectrum_destroy(spectrum);
    return failed;
}

/*
 * The error with twice the samples, E(2n), from a power law through n/2 and n, both left-one-out: E(n)² / E(n/2).  The learning curve
 * of the spectrum needs modes that n samples do not show, and promises far too much beyond n.
 */
static int predict_error(tool *t, const job *j, const ntk_gram *gram, design *d)
{
    double left_out[NTK_MEASURE_LOO_ERROR + 1], whole = d->measures[NTK_MEASURE_LOO_ERROR];
    int64_t n = ntk_gram_size(gram) / 2;
    ntk_array y = j->y.y.view;
    ntk_gram *half = NULL;
    array k = {0};
    int failed;
    d->half = d->measures[NTK_MEASURE_PREDICTED_ERROR] = NAN;
    if (n < 2) return 0;
    y.shape[0] = n;
    TRY(array_new(NTK_F64, 2, (int64_t[]){n, n}, &k));
    TRY(tool_check(t, d->path, ntk_gram_get_block(t->context, gram, tool_kind(t), 0, 0, &k.view)));
    TRY(tool_check(t, d->path, ntk_gram_from_matrix(t->context, &k.view, &half)));
    TRY(measure(t, half, NTK_KIND_NTK, &y, d, NTK_MEASURE_LOO_ERROR + 1, left_out));
    d->half = left_out[NTK_MEASURE_LOO_ERROR];
    if (d->half > 0) d->measures[NTK_MEASURE_PREDICTED_ERROR] = whole * (whole / d->half);
done:
    ntk_gram_destroy(half);
    array_free(&k);
    return failed;
}

static int held_out(tool *t, job *j, const ntk_network *network, const ntk_gram *gram, design *d)
{
    int64_t shape[2] = {j->x_test.view.shape[0], j->y.y.view.shape[1]};
    ntk_predictor_options options = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = d->ridge,
                                     .posterior = tool_kind(t) == NTK_KIND_NNGP ? NTK_POSTERIOR_NNGP : NTK_POSTERIOR_NTK};
    ntk_predictor *predictor = NULL;
    array mean = {0};
    int failed;
    if (!j->x_test.block) return 0;
    TRY(tool_reshape_inputs(t, "x-test", network, &j->x_test));
    TRY(array_new(NTK_F64, 2, shape, &mean));
    TRY(tool_check(t, d->path, ntk_predictor_create(t->context, gram, &j->y.y.view, &options, &predictor)));
    TRY(tool_check(t, d->path, ntk_predictor_mean(t->context, predictor, &j->x_test.view, &mean.view)));
    TRY(targets_compare(t, "y-test", &j->y, &mean, &j->score, &d->score));
done:
    array_free(&mean);
    ntk_predictor_destroy(predictor);
    return failed;
}

static int examine(tool *t, job *j, design *d)
{
    bool nngp = tool_kind(t) == NTK_KIND_NNGP;
    ntk_gram_options options = {NTK_GRAM_OPTIONS_INIT, .nngp = nngp, .no_ntk = nngp};
    ntk_network *network = NULL;
    ntk_kernel *kernel = NULL;
    ntk_gram *gram = NULL;
    double before = t->seconds;
    int failed;
    TRY(tool_network_file(t, d->path, &network));
    TRY(tool_reshape_inputs(t, "x", network, &j->x));
    d->parameters = ntk_network_parameters(network);
    tool_start_clock(t);
    TRY(tool_check(t, d->path, ntk_kernel_from_network(t->context, network, NULL, &kernel)));
    TRY(tool_check(t, d->path, ntk_gram_create(t->context, kernel, &j->x.view, &options, &gram)));
    TRY(absolute_ridge(t, gram, tool_kind(t), &d->ridge));
    TRY(measure(t, gram, tool_kind(t), &j->y.y.view, d, NTK_MEASURE_COUNT, d->measures));
    TRY(predict_error(t, j, gram, d));
    tool_stop_clock(t, NULL);
    d->seconds = t->seconds - before;
    TRY(held_out(t, j, network, gram, d));
done:
    ntk_gram_destroy(gram);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(network);
    return failed;
}

/* ---- the ranking ----------------------------------------------------------------------------------------------- */

static ntk_measure ranking_measure(const tool *t)
{
    ntk_measure m = NTK_MEASURE_LOO_ERROR;
    ntk_measure_from_name(arguments_text(&t->arguments, "rank-by", NULL), &m);
    return m;
}

/* Larger is better. */
static double merit(ntk_measure m, const design *d)
{
    bool less_is_better = m == NTK_MEASURE_LOO_ERROR || m == NTK_MEASURE_PREDICTED_ERROR || m == NTK_MEASURE_TIME_TO_LOSS;
    return less_is_better ? -d->measures[m] : d->measures[m];
}

/* Ranks from 1 (best); equal values share the mean of their ranks. */
static void rank(int count, const double *merits, double *ranks)
{
    for (int i = 0; i < count; ++i) {
        int better = 0, equal = 0;
        for (int k = 0; k < count; ++k) better += merits[k] > merits[i], equal += merits[k] == merits[i];
        ranks[i] = better + 0.5 * (equal + 1);
    }
}

/* Spearman's: the correlation of the ranks.  NaN where all are equal. */
static double rank_correlation(int count, const double *a, const double *b)
{
    double mean = 0.5 * (count + 1), ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < count; ++i) {
        ab += (a[i] - mean) * (b[i] - mean);
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
    }
    return ab / sqrt(aa * bb);
}

static json_t *ranking(int count, const design *designs, const double *ranks)
{
    json_t *list = json_array();
    for (int twice = 2; twice <= 2 * count; ++twice)
        for (int i = 0; i < count; ++i)
            if ((int)(2 * ranks[i]) == twice) json_array_append_new(list, json_string(designs[i].path));
    return list;
}

static json_t *design_json(const job *j, const design *d)
{
    json_t *o = json_pack("{s:s, s:I, s:f, s:f}", "network", d->path, "parameters", (json_int_t)d->parameters, "seconds", d->seconds, "ridge", d->ridge);
    for (int m = 0; m < NTK_MEASURE_COUNT; ++m)
        json_object_set_new(o, ntk_measure_name((ntk_measure)m), isfinite(d->measures[m]) ? json_real(d->measures[m]) : json_null());
    if (j->score) json_object_set_new(o, j->score, json_real(d->score));
    return o;
}

static int report_ranking(tool *t, const job *j)
{
    ntk_measure by = ranking_measure(t);
    double *room = calloc((size_t)j->count * 4, sizeof *room), *merits = room, *ranks = room + j->count;
    double *scores = ranks + j->count, *score_ranks = scores + j->count;
    if (!room) return tool_fail(EXIT_FAILED, "compare: out of memory");
    for (int i = 0; i < j->count; ++i) {
        merits[i] = merit(by, &j->designs[i]);
        scores[i] = j->score && *j->score == 'r' ? -j->designs[i].score : j->designs[i].score;
    }
    rank(j->count, merits, ranks);
    rank(j->count, scores, score_ranks);
    report_text(t, "rank_by", ntk_measure_name(by));
    report_json(t, "ranking", ranking(j->count, j->designs, ranks));
    if (j->score) report_number(t, "rank_correlation", rank_correlation(j->count, ranks, score_ranks));
    free(room);
    return 0;
}

static int report_designs(tool *t, const job *j)
{
    json_t *list = json_array();
    for (int i = 0; i < j->count; ++i) json_array_append_new(list, design_json(j, &j->designs[i]));
    report_json(t, "designs", list);
    return report_ranking(t, j);
}

/* ---- the picture ----------------------------------------------------------------------------------------------- */

enum { POINTS = 3 };

static int draw(tool *t, const job *j)
{
    double n = (double)j->x.view.shape[0], samples[POINTS] = {floor(n / 2), n, 2 * n}, *errors;
    curve *curves;
    int failed;
    if (!arguments_has(&t->arguments, "plot")) return 0;
    curves = calloc((size_t)j->count + 1, sizeof *curves);
    errors = calloc((size_t)j->count * POINTS, sizeof *errors);
    if (!curves || !errors) TRY(tool_fail(EXIT_FAILED, "compare: out of memory"));
    for (int i = 0; i < j->count; ++i) {
        const design *d = &j->designs[i];
        memcpy(errors + i * POINTS, (double[]){d->half, d->measures[NTK_MEASURE_LOO_ERROR], d->measures[NTK_MEASURE_PREDICTED_ERROR]}, POINTS * sizeof *errors);
        curves[i] = (curve){.name = d->path, .x = samples, .y = errors + i * POINTS, .count = POINTS};
    }
    TRY(tool_plot(t, &(plot){.title = "leave-one-out error", .x_label = "samples (the last is foretold)", .log_x = true, .log_y = true, .curves = curves}));
done:
    free(errors);
    free(curves);
    return failed;
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

static int read_data(tool *t, job *j)
{
    int64_t limit = (int64_t)arguments_count(&t->arguments, "limit", 0);
    int failed;
    TRY(tool_read(t, "x", NTK_F64, &j->x));
    TRY(tool_read(t, "x-test", NTK_F64, &j->x_test));
    if (limit > 0 && j->x.view.ndim > 0 && limit < j->x.view.shape[0]) j->x.view.shape[0] = limit;
    TRY(targets_read(t, "y", NTK_F64, limit, &j->y));
    if (j->x.view.ndim < 1 || j->x.view.shape[0] == 0) return tool_fail(EXIT_INPUT, "compare: --x %s holds no samples", j->x.path);
    if (j->x.view.shape[0] != j->y.y.view.shape[0])
        return tool_fail(EXIT_INPUT, "compare: --x %s has %lld samples, --y %s has %lld", j->x.path, (long long)j->x.view.shape[0],
                         arguments_text(&t->arguments, "y", ""), (long long)j->y.y.view.shape[0]);
    if (arguments_has(&t->arguments, "unit-norm")) {
        tool_unit_norm(&j->x);
        if (j->x_test.block) tool_unit_norm(&j->x_test);
    }
done:
    return failed;
}

int run_compare(tool *t)
{
    job j = {.count = t->arguments.word_count};
    int failed;
    j.designs = calloc((size_t)j.count, sizeof *j.designs);
    if (!j.designs) return tool_fail(EXIT_FAILED, "compare: out of memory");
    TRY(read_data(t, &j));
    for (int i = 0; i < j.count; ++i) {
        j.designs[i].path = t->arguments.words[i];
        TRY(examine(t, &j, &j.designs[i]));
    }
    TRY(report_designs(t, &j));
    TRY(draw(t, &j));
done:
    free(j.designs);
    targets_free(&j.y);
    array_free(&j.x_test);
    array_free(&j.x);
    return failed;
}
